// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/alert_query.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "collector/base/clock.h"
#include "collector/json_put.h"
#include "detector/query_text.h"

#define BLOCK	   (1u << 20)
#define ANSWER_MAX (56u << 20)

/* --- the question ------------------------------------------------------------------------------
 */

static bool parse_since(const char *text, uint64_t now, uint64_t *out)
{
	static const struct {
		char unit;
		uint64_t s;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	struct span s = span_str(text);
	uint64_t n, scale = 0;

	if (parse_rfc3339_ns(s, out))
		return true;
	for (size_t i = 0; s.n > 0 && i < sizeof(units) / sizeof(units[0]); i++)
		if (s.p[s.n - 1] == units[i].unit)
			scale = units[i].s;
	if (scale == 0)
		scale = 1;
	else
		s.n--;
	if (!parse_u64(s, &n) || n > 100ULL * 366 * 86400)
		return false;
	*out = now > n * scale * NS_PER_S ? now - n * scale * NS_PER_S : 0;
	return true;
}

static bool copy_text(const char *text, char *out, size_t cap)
{
	return (size_t)snprintf(out, cap, "%s", text) < cap;
}

/* 1 taken, 0 not its value, -1 no such key */
static int set_one(struct alert_filter *f, const struct query_pair *p, uint64_t now)
{
	const char *v = p->value;

	if (span_eq(p->key, "severity"))
		return alert_severity_parse(span_str(v), &f->severity);
	if (span_eq(p->key, "kind"))
		return f->has_kind = alert_kind_parse(span_str(v), &f->kind);
	if (span_eq(p->key, "rule"))
		return copy_text(v, f->rule, sizeof(f->rule));
	if (span_eq(p->key, "container"))
		return copy_text(v, f->container, sizeof(f->container));
	if (span_eq(p->key, "state"))
		return copy_text(v, f->state, sizeof(f->state));
	if (span_eq(p->key, "id"))
		return ulid_is_valid(span_str(v)) && copy_text(v, f->id, sizeof(f->id));
	if (span_eq(p->key, "since"))
		return parse_since(v, now, &f->since_ns);
	if (span_eq(p->key, "after"))
		return parse_u64(span_str(v), &f->after);
	if (span_eq(p->key, "before"))
		return parse_u64(span_str(v), &f->before);
	if (span_eq(p->key, "limit"))
		return parse_u32(span_str(v), &f->limit) && f->limit > 0 &&
		       f->limit <= ALERT_QUERY_MAX_LIMIT;
	return -1;
}

int alert_filter_parse(struct alert_filter *out, struct span query, uint64_t now_unix_ns,
		       struct err *e)
{
	struct alert_filter f = { .severity = ALERT_DEBUG,
				  .before = UINT64_MAX,
				  .limit = ALERT_QUERY_LIMIT };
	struct query_pair p;
	int r;

	while ((r = query_next(&query, &p, e)) > 0) {
		int taken = p.value[0] ? set_one(&f, &p, now_unix_ns) : 1;

		if (taken < 0)
			return err_set(e, EINVAL,
				       "no filter '%.*s'; known are severity, kind, rule, "
				       "container, state, id, since, after, before, limit",
				       (int)(p.key.n < 40 ? p.key.n : 40), p.key.p);
		if (taken == 0)
			return err_set(e, EINVAL, "'%.*s': '%.80s' does not fit", (int)p.key.n,
				       p.key.p, p.value);
	}
	if (r == 0)
		*out = f;
	return r;
}

/* --- the answer, on the worker -----------------------------------------------------------------
 */

struct query_file {
	uint64_t first_seq, bytes;
};

struct query {
	struct worker_job job; /* first member */
	struct alert_query_settings set;
	struct query_file *files; /* oldest first */
	size_t files_n;
	int dir_fd, current_fd; /* current_fd: of the newest file */
	struct buf pending;	/* lines of no file, each with '\n' */
	struct acknowledgement *acks;
	size_t acks_n;
	struct buf out;
	char *block;
	uint64_t scanned, newest, oldest;
	uint32_t n;
	bool full;
	char (*seen)[ULID_BYTES]; /* alerts whose end or update was met */
	size_t seen_n, seen_cap;
};

static struct span value_at(struct span line, const char *key)
{
	const char *at = memmem(line.p, line.n, key, strlen(key));

	if (!at)
		return (struct span){ NULL, 0 };
	at += strlen(key);
	return (struct span){ at, (size_t)(line.p + line.n - at) };
}

static struct span word_at(struct span line, const char *key)
{
	struct span rest = value_at(line, key), word = { NULL, 0 };

	return span_next(&rest, '"', &word) ? word : (struct span){ NULL, 0 };
}

static uint64_t seq_at(struct span line)
{
	struct span head = { line.p, line.n < 128 ? line.n : 128 };
	struct span rest = value_at(head, "\"seq\":"), digits;
	uint64_t v;

	return span_next(&rest, ',', &digits) && parse_u64(digits, &v) ? v : 0;
}

/* Without parsing: a quote inside a value is escaped, so that a key with its quotes is a key. */
static bool may_fit(const struct alert_filter *f, struct span line)
{
	enum alert_severity severity;
	enum alert_kind kind;
	uint64_t ns;

	if (!alert_severity_parse(word_at(line, "\"severity\":\""), &severity) ||
	    severity > f->severity)
		return false;
	if (f->has_kind &&
	    (!alert_kind_parse(word_at(line, "\"kind\":\""), &kind) || kind != f->kind))
		return false;
	if (f->id[0] && !span_eq(word_at(line, "\"id\":\""), f->id))
		return false;
	if (f->state[0] && !span_eq(word_at(line, "\"state\":\""), f->state))
		return false;
	return !f->since_ns ||
	       (parse_rfc3339_ns(word_at(line, "\"last_time\":\""), &ns) && ns >= f->since_ns);
}

static bool container_fits(const char *want, const json_t *c)
{
	const char *id = json_string_value(json_object_get(c, "id"));
	const char *name = json_string_value(json_object_get(c, "name"));
	size_t n = strlen(want);

	return (name && strcmp(name, want) == 0) ||
	       (id && (strcmp(id, want) == 0 || (n >= 4 && strncmp(id, want, n) == 0)));
}

/* Whole, and fits. */
static bool fits(const struct alert_filter *f, struct span line)
{
	json_t *o = json_loadb(line.p, line.n, 0, NULL);
	const char *rule = json_string_value(json_object_get(o, "rule"));
	bool fit = json_is_object(o);

	if (fit && f->rule[0])
		fit = silence_glob(span_str(f->rule), span_str(rule));
	if (fit && f->container[0])
		fit = container_fits(f->container, json_object_get(o, "container"));
	json_decref(o);
	return fit;
}

/* Of an alert with several lines the newest is shown. */
static bool is_older(struct query *q, struct span line)
{
	struct span id = word_at(line, "\"id\":\""), state = word_at(line, "\"state\":\"");

	for (size_t i = 0; i < q->seen_n; i++)
		if (span_eq(id, q->seen[i]))
			return true;
	if (!span_eq(state, "new") && id.n == ULID_BYTES - 1 && q->seen_n < q->seen_cap) {
		memcpy(q->seen[q->seen_n], id.p, id.n);
		q->seen[q->seen_n++][id.n] = '\0';
	}
	return false;
}

static void add_line(struct query *q, struct span line)
{
	struct span id = word_at(line, "\"id\":\"");

	json_put_comma(&q->out);
	buf_add(&q->out, line.p, line.n - 1);
	for (size_t i = q->acks_n; i > 0; i--) {
		const struct acknowledgement *a = &q->acks[i - 1];

		if (!span_eq(id, a->id))
			continue;
		json_put_object(&q->out, "acknowledged");
		json_put_time(&q->out, "time", a->unix_ns);
		json_put_str(&q->out, "by", a->by);
		json_put_str(&q->out, "comment", a->comment);
		buf_add_char(&q->out, '}');
		break;
	}
	buf_add_char(&q->out, '}');
	q->n++;
}

/* False: no more lines are wanted. */
static bool take_line(struct query *q, struct span line)
{
	const struct alert_filter *f = &q->set.filter;
	const uint64_t seq = seq_at(line);

	if (seq == 0 || line.n < 2 || line.p[line.n - 1] != '}')
		return true;
	if (seq > q->newest)
		q->newest = seq;
	if (seq <= f->after)
		return false;
	if (seq >= f->before)
		return true;
	if (q->n == f->limit || q->out.len > ANSWER_MAX - 2 * ALERT_LINE_MAX) {
		q->full = true;
		return false;
	}
	q->oldest = seq;
	if (may_fit(f, line) && !is_older(q, line) && fits(f, line))
		add_line(q, line);
	return true;
}

/* The lines of a block from its end; *rest: bytes before the first whole one. */
static bool take_lines(struct query *q, const char *text, size_t n, bool from_start, size_t *rest)
{
	size_t end = n;

	while (end > 0) {
		const char *newline = memrchr(text, '\n', end), *begin;

		if (!newline)
			break;
		end = (size_t)(newline - text);
		begin = end ? memrchr(text, '\n', end) : NULL;
		if (!begin && !from_start) {
			*rest = end + 1;
			return true;
		}
		size_t at = begin ? (size_t)(begin - text) + 1 : 0;

		if (end > at && !take_line(q, (struct span){ text + at, end - at }))
			return false;
		end = at;
	}
	*rest = 0;
	return true;
}

static bool take_file(struct query *q, int fd, uint64_t bytes)
{
	while (bytes > 0) {
		const size_t n = bytes < BLOCK ? (size_t)bytes : BLOCK;
		ssize_t got = pread(fd, q->block, n, (off_t)(bytes - n));
		size_t rest = 0;

		if (q->scanned >= ALERT_QUERY_SCAN_BYTES || worker_closing(q->set.worker)) {
			q->full = true;
			return false;
		}
		q->scanned += n;
		if (got <= 0)
			return true; /* it was cut: what is left of it is not there */
		if (!take_lines(q, q->block, (size_t)got, n == bytes, &rest))
			return false;
		/* a line longer than a block is none of ours */
		bytes = bytes - n + (rest < n ? rest : 0);
	}
	return true;
}

static int open_file(const struct query *q, size_t i)
{
	char name[64];

	if (i + 1 == q->files_n && q->current_fd >= 0)
		return fcntl(q->current_fd, F_DUPFD_CLOEXEC, 0);
	return openat(q->dir_fd, alert_log_file_name(q->set.name, q->files[i].first_seq, name),
		      O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

static void query_run(struct worker_job *job)
{
	struct query *q = (struct query *)job;
	const struct alert_filter *f = &q->set.filter;
	size_t rest;
	bool more;

	q->block = malloc(BLOCK);
	if (!q->block) {
		q->out.failed = true;
		return;
	}
	buf_add_char(&q->out, '{');
	json_put_array(&q->out, q->set.name);
	more = take_lines(q, q->pending.data, q->pending.len, true, &rest);
	for (size_t i = q->files_n; more && i > 0; i--) {
		if (q->files[i - 1].first_seq >= f->before)
			continue;
		AUTO_FD int fd = open_file(q, i - 1);

		if (fd >= 0) /* or it made room by now */
			more = take_file(q, fd, q->files[i - 1].bytes);
	}
	buf_add_char(&q->out, ']');
	json_put_u64(&q->out, "count", q->n);
	json_put_u64(&q->out, "newest", q->newest);
	if (q->full) {
		json_put_true(&q->out, "more", true);
		json_put_u64(&q->out, "before", q->oldest ? q->oldest : f->before);
	}
	buf_add_char(&q->out, '}');
}

static void query_free(struct query *q)
{
	if (!q)
		return;
	if (q->dir_fd >= 0)
		close(q->dir_fd);
	if (q->current_fd >= 0)
		close(q->current_fd);
	buf_release(&q->pending);
	buf_release(&q->out);
	free(q->files);
	free(q->acks);
	free(q->seen);
	free(q->block);
	free(q);
}
DEFINE_AUTO(query, query_free)

static void query_done(struct worker_job *job)
{
	AUTO(query_free) struct query *q = (struct query *)job;

	q->set.done(q->set.ctx, q->set.ticket, q->out.failed ? 500 : 200, &q->out);
}

/* --- on the loop -------------------------------------------------------------------------------
 */

static void count_file(void *ctx, const struct alert_log_segment *s)
{
	struct query *q = ctx;

	(void)s;
	q->files_n++;
}

static void note_file(void *ctx, const struct alert_log_segment *s)
{
	struct query *q = ctx;

	q->files[q->files_n++] = (struct query_file){ s->first_seq, s->bytes };
}

static void note_line(void *ctx, uint64_t seq, struct span line)
{
	struct query *q = ctx;

	(void)seq;
	buf_add_span(&q->pending, line);
	buf_add_char(&q->pending, '\n');
}

static int copy_state(struct query *q, struct err *e)
{
	const struct alert_log *log = q->set.log;
	const struct acknowledgement *acks;

	alert_log_each(log, count_file, q);
	q->files = calloc(q->files_n + 1, sizeof(*q->files));
	q->acks_n = silence_acknowledgements(q->set.silences, &acks);
	q->acks = calloc(q->acks_n + 1, sizeof(*q->acks));
	q->seen_cap = 4 * ALERT_QUERY_MAX_LIMIT;
	q->seen = calloc(q->seen_cap, sizeof(*q->seen));
	if (!q->files || !q->acks || !q->seen)
		return err_set(e, ENOMEM, "no memory to read alerts");
	memcpy(q->acks, acks, q->acks_n * sizeof(*acks));
	q->files_n = 0;
	alert_log_each(log, note_file, q);
	alert_log_each_pending(log, note_line, q);
	if (alert_log_dir(log) >= 0)
		q->dir_fd = fcntl(alert_log_dir(log), F_DUPFD_CLOEXEC, 0);
	if (q->files_n > 0)
		q->current_fd = alert_log_open(log, q->files[q->files_n - 1].first_seq);
	return 0;
}

int alert_query_start(const struct alert_query_settings *s, struct err *e)
{
	AUTO(query_free) struct query *q = calloc(1, sizeof(*q));

	if (!q)
		return err_set(e, ENOMEM, "no memory to read alerts");
	q->job = (struct worker_job){ .run = query_run, .done = query_done };
	q->set = *s;
	q->dir_fd = q->current_fd = -1;
	buf_init(&q->pending, 2 * ALERT_LOG_PENDING_BYTES);
	buf_init(&q->out, ANSWER_MAX);
	int r = copy_state(q, e);

	if (r == 0 && worker_submit(s->worker, &q->job, false) < 0)
		r = err_set(e, EBUSY, "too many questions wait");
	if (r == 0)
		(void)TAKE(q);
	return r;
}
