// SPDX-License-Identifier: GPL-2.0-or-later
#include "http/sink_log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/wire.h"

#define CHUNK_BYTES                                                                                \
	(128u << 10) /* a line and more: the newest lines serve all sinks from memory              \
		      */
#define LINE_MAX_BYTES (WIRE_ALERT_LINE_MAX + 1024u) /* a longer one is damage */

struct segment {
	uint64_t first_seq, bytes;
	bool current;
	int fd;
};

struct line { /* in memory alone */
	struct line *next;
	uint64_t seq;
	size_t n;
	char text[];
};

struct sink_log {
	struct segment segments[SINK_LOG_MAX_SEGMENTS]; /* by first_seq, ascending */
	size_t segments_n;
	struct line *first, **end;
	size_t lines_n, lines_bytes;
	uint64_t damaged, lines_refused, files_refused;
	/* content of one segment */
	uint64_t chunk_segment, chunk_offset;
	size_t chunk_n;
	/* the newest line is looked up again only when a file grew */
	uint64_t last_segment, last_bytes, last_seq;
	char chunk[CHUNK_BYTES];
};

int sink_log_new(struct sink_log **out, struct err *e)
{
	struct sink_log *l = calloc(1, sizeof(*l));

	if (!l)
		return err_set(e, ENOMEM, "no memory for the log of alerts");
	l->end = &l->first;
	l->chunk_segment = UINT64_MAX;
	*out = l;
	return 0;
}

static void drop_first_line(struct sink_log *l)
{
	struct line *line = l->first;

	l->first = line->next;
	if (!l->first)
		l->end = &l->first;
	l->lines_n--;
	l->lines_bytes -= line->n;
	free(line);
}

void sink_log_free(struct sink_log *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->segments_n; i++)
		close(l->segments[i].fd);
	while (l->first)
		drop_first_line(l);
	free(l);
}

/* --- what bulkheadd tells ------------------------------------------------------------------- */

/* Index of the first segment that begins behind seq. */
static size_t upper(const struct sink_log *l, uint64_t seq)
{
	size_t low = 0, high = l->segments_n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (l->segments[mid].first_seq <= seq)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct segment *find(struct sink_log *l, uint64_t first_seq)
{
	size_t i = upper(l, first_seq);

	return i > 0 && l->segments[i - 1].first_seq == first_seq ? &l->segments[i - 1] : NULL;
}

static void forget_chunk(struct sink_log *l)
{
	l->chunk_segment = UINT64_MAX;
	l->chunk_n = 0;
}

/* bulkheadd keeps no more files than we do and takes the oldest away first, so an oldest one beyond
 * them is one whose end we were not told. */
static int make_room(struct sink_log *l, uint64_t first_seq)
{
	if (l->segments_n < SINK_LOG_MAX_SEGMENTS)
		return 0;
	l->files_refused++;
	if (first_seq < l->segments[0].first_seq)
		return -ENOSPC;
	sink_log_gone(l, l->segments[0].first_seq);
	return 0;
}

int sink_log_segment(struct sink_log *l, uint64_t first_seq, uint64_t bytes, bool current, int fd)
{
	AUTO_FD int own = fd;
	struct segment *s = find(l, first_seq);

	if (!s && own < 0)
		return -ENOENT;
	if (!s && make_room(l, first_seq) < 0)
		return -ENOSPC;
	size_t i = upper(l, first_seq);

	if (!s) {
		memmove(&l->segments[i + 1], &l->segments[i],
			(l->segments_n - i) * sizeof(l->segments[0]));
		l->segments_n++;
		s = &l->segments[i];
		*s = (struct segment){ .first_seq = first_seq, .fd = -1 };
	}
	s->bytes = bytes;
	s->current = current;
	if (own >= 0) { /* new, or made anew under its old name */
		if (s->fd >= 0)
			close(s->fd);
		s->fd = TAKE_FD(own);
		forget_chunk(l);
	}
	return 0;
}

void sink_log_gone(struct sink_log *l, uint64_t first_seq)
{
	struct segment *s = find(l, first_seq);

	if (!s)
		return;
	close(s->fd);
	l->segments_n--;
	memmove(s, s + 1, (size_t)(&l->segments[l->segments_n] - s) * sizeof(*s));
	forget_chunk(l);
}

int sink_log_line(struct sink_log *l, uint64_t seq, struct span text)
{
	struct sink_log_head head;

	if (!sink_log_parse_head(text, &head) || head.seq != seq)
		return -EPROTO;
	struct line *line = malloc(sizeof(*line) + text.n);

	if (!line)
		return -ENOMEM;
	line->next = NULL;
	line->seq = seq;
	line->n = text.n;
	memcpy(line->text, text.p, text.n);
	*l->end = line;
	l->end = &line->next;
	l->lines_n++;
	l->lines_bytes += text.n;
	while (l->lines_n > SINK_LOG_MAX_LINES || l->lines_bytes > SINK_LOG_MAX_BYTES) {
		drop_first_line(l);
		l->lines_refused++;
	}
	return 0;
}

void sink_log_passed(struct sink_log *l, uint64_t seq)
{
	while (l->first && l->first->seq <= seq)
		drop_first_line(l);
}

/* --- lines ---------------------------------------------------------------------------------- */

/* `"name":` at the start of *rest, which moves behind it. */
static bool skip(struct span *rest, const char *what)
{
	if (!span_starts(*rest, what))
		return false;
	size_t n = strlen(what);

	*rest = (struct span){ rest->p + n, rest->n - n };
	return true;
}

static struct span until(struct span *rest, char end)
{
	const char *p = memchr(rest->p, end, rest->n);
	struct span piece = { rest->p, p ? (size_t)(p - rest->p) : rest->n };

	*rest = (struct span){ piece.p + piece.n, rest->n - piece.n };
	return piece;
}

/* The order of the first keys is part of the format (http/alert.schema.json). */
bool sink_log_parse_head(struct span line, struct sink_log_head *out)
{
	struct sink_log_head h = { .id = "" };
	struct span id;
	uint64_t schema;

	if (!skip(&line, "{\"schema\":") || !parse_u64(until(&line, ','), &schema) ||
	    !skip(&line, ",\"seq\":") || !parse_u64(until(&line, ','), &h.seq) ||
	    !skip(&line, ",\"id\":\""))
		return false;
	id = until(&line, '"');
	if (id.n >= sizeof(h.id))
		return false;
	memcpy(h.id, id.p, id.n);
	if (!skip(&line, "\",\"state\":\""))
		return false;
	until(&line, '"');
	if (!skip(&line, "\",\"time\":\"") || !parse_rfc3339_ns(until(&line, '"'), &h.time_ns))
		return false;
	*out = h;
	return true;
}

/* Makes the chunk begin at offset of the segment. Bytes there, 0 at its end, or -errno. */
static ssize_t load(struct sink_log *l, const struct segment *s, uint64_t offset)
{
	size_t want = sizeof(l->chunk);
	ssize_t n;

	if (offset >= s->bytes)
		return 0;
	if (s->bytes - offset < want)
		want = (size_t)(s->bytes - offset);
	do
		n = pread(s->fd, l->chunk, want, (off_t)offset);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		forget_chunk(l);
		return -errno;
	}
	l->chunk_segment = s->first_seq;
	l->chunk_offset = offset;
	l->chunk_n = (size_t)n;
	return n;
}

static bool in_chunk(const struct sink_log *l, const struct segment *s, uint64_t offset,
		     struct span *line)
{
	*line = (struct span){ "", 0 };
	if (l->chunk_segment != s->first_seq || offset < l->chunk_offset ||
	    offset - l->chunk_offset >= l->chunk_n)
		return false;
	const char *p = l->chunk + (offset - l->chunk_offset);
	size_t left = l->chunk_n - (size_t)(offset - l->chunk_offset);
	const char *end = memchr(p, '\n', left);

	*line = (struct span){ p, end ? (size_t)(end - p) : left };
	return end != NULL;
}

/* The line at offset, without its end: 1; 0: no whole one is there; else -errno. An overlong piece
 * comes as if it were a line: it is skipped as damage. */
static int line_at(struct sink_log *l, const struct segment *s, uint64_t offset, struct span *line)
{
	if (in_chunk(l, s, offset, line))
		return 1;
	ssize_t n = load(l, s, offset);

	if (n <= 0)
		return (int)n;
	if (in_chunk(l, s, offset, line))
		return 1;
	return line->n > LINE_MAX_BYTES;
}

/* The next line of a file behind at->seq. */
static int next_in_files(struct sink_log *l, struct sink_position *at, struct span *line,
			 struct sink_log_head *head)
{
	size_t i = upper(l, at->segment);
	struct segment *s = find(l, at->segment);

	if (!s || at->segment == 0) { /* not begun, or the file is gone: the one that has the seq */
		i = upper(l, at->seq < UINT64_MAX ? at->seq + 1 : at->seq);
		i += i == 0;
		if (i > l->segments_n)
			return 0;
		at->segment = l->segments[i - 1].first_seq;
		at->offset = 0;
	}
	for (;;) {
		s = &l->segments[i - 1];
		int r = line_at(l, s, at->offset, line);

		if (r < 0)
			return r;
		if (r == 0) {
			if (s->current || i >= l->segments_n)
				return 0;
			i++;
			at->segment = l->segments[i - 1].first_seq;
			at->offset = 0;
			continue;
		}
		bool fits = line->n <= LINE_MAX_BYTES;

		if (fits && sink_log_parse_head(*line, head)) {
			if (head->seq > at->seq)
				return 1; /* the caller moves on */
		} else {
			l->damaged++;
		}
		at->offset += line->n + fits;
	}
}

int sink_log_next(struct sink_log *l, struct sink_position *at, struct span *line,
		  struct sink_log_head *head, struct err *e)
{
	const struct line *m = l->first;

	*head = (struct sink_log_head){ .seq = 0 };
	int r = next_in_files(l, at, line, head);

	while (m && m->seq <= at->seq)
		m = m->next;
	if (m && (r != 1 || m->seq < head->seq)) {
		struct span text = { m->text, m->n };

		*line = text;
		sink_log_parse_head(text, head); /* was looked at when it came */
		at->seq = m->seq;
		return 1;
	}
	if (r < 0)
		return err_set(e, -r, "cannot read the log of alerts: %s", strerror(-r));
	if (r == 1) {
		at->seq = head->seq;
		at->offset += line->n + 1;
	}
	return r;
}

/* --- where things are ----------------------------------------------------------------------- */

/* seq of the last line in the file, or the one before its first. */
static uint64_t last_of(struct sink_log *l, const struct segment *s)
{
	uint64_t from = s->bytes > CHUNK_BYTES ? s->bytes - CHUNK_BYTES : 0;
	uint64_t last = s->first_seq ? s->first_seq - 1 : 0;
	struct sink_log_head head;
	struct span rest, line;

	if (load(l, s, from) <= 0)
		return last;
	rest = (struct span){ l->chunk, l->chunk_n };
	while (span_next(&rest, '\n', &line))
		if (sink_log_parse_head(line, &head))
			last = head.seq;
	return last;
}

uint64_t sink_log_last(struct sink_log *l)
{
	const struct segment *s = l->segments_n ? &l->segments[l->segments_n - 1] : NULL;
	uint64_t last = 0;

	if (s && s->first_seq == l->last_segment && s->bytes == l->last_bytes) {
		last = l->last_seq;
	} else if (s) {
		last = last_of(l, s);
		l->last_segment = s->first_seq;
		l->last_bytes = s->bytes;
		l->last_seq = last;
	}
	for (const struct line *m = l->first; m; m = m->next)
		if (m->seq > last)
			last = m->seq;
	return last;
}

uint64_t sink_log_first(struct sink_log *l)
{
	struct sink_position at = { .seq = 0 };
	struct sink_log_head head;
	struct span line;

	return sink_log_next(l, &at, &line, &head, NULL) == 1 ? head.seq : sink_log_last(l) + 1;
}

uint64_t sink_log_seek_time(struct sink_log *l, uint64_t time_ns)
{
	struct sink_position at = { .seq = 0 };
	struct sink_log_head head;
	struct span line;
	uint64_t seq = 0;

	/* a file whose first line is older holds the place, or the end of it is the place */
	for (size_t i = l->segments_n; i > 0 && !at.segment; i--) {
		const struct segment *s = &l->segments[i - 1];

		if (line_at(l, s, 0, &line) == 1 && sink_log_parse_head(line, &head) &&
		    head.time_ns <= time_ns) {
			at.segment = s->first_seq;
			seq = s->first_seq ? s->first_seq - 1 : 0;
		}
	}
	if (!seq && !at.segment)
		seq = sink_log_first(l) - 1;
	at.seq = seq;
	while (sink_log_next(l, &at, &line, &head, NULL) == 1 && head.time_ns <= time_ns)
		seq = head.seq;
	return seq;
}

struct sink_log_stats sink_log_stats(const struct sink_log *l)
{
	return (struct sink_log_stats){ .files = l->segments_n,
					.files_refused = l->files_refused,
					.lines = l->lines_n,
					.lines_refused = l->lines_refused,
					.damaged = l->damaged };
}
