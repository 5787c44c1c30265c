// SPDX-License-Identifier: GPL-2.0-or-later
/* One sink's way through its logs: lines are taken in order, tried, and only then passed. */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "collector/base/io.h"
#include "collector/base/log.h"
#include "http/sinks_internal.h"

#define START_GRACE_NS	(30 * NS_PER_S) /* what this start raised before we were up */
#define MAX_RETRY_AFTER (3600 * NS_PER_S)

/* --- places --------------------------------------------------------------------------------- */

static void cursor_name(const struct sink *s, unsigned log, char *out, size_t cap)
{
	snprintf(out, cap, "%s%s.cursor", s->name, log == WIRE_LOG_AUDIT ? ".audit" : "");
}

void sink_save(struct sink *s, bool keep)
{
	struct err e = { "" };
	char name[64];
	bool due = false;

	for (unsigned i = 0; i < WIRE_LOG_COUNT; i++)
		due |= s->streams[i].dirty || (keep && s->streams[i].unkept);
	if (!due || (s->driver->save && s->open && s->driver->save(s, &e) < 0))
		return; /* the place must not run ahead of what belongs to it */
	for (unsigned i = 0; i < WIRE_LOG_COUNT; i++) {
		struct sink_stream *t = &s->streams[i];

		cursor_name(s, i, name, sizeof(name));
		if (t->dirty && sink_cursor_write(s->all->dir_fd, name, &t->done, false, &e) == 0)
			t->dirty = false;
		if (keep && t->unkept &&
		    sink_cursor_write(s->all->dir_fd, name, &t->done, true, &e) == 0)
			t->unkept = false;
	}
	if (e.text[0] && !s->stat.error[0])
		sink_text_cut(s->stat.error, sizeof(s->stat.error), e.text);
}

static void pass(struct sink *s, enum wire_log log, uint64_t seq, uint64_t time_ns, const char *id)
{
	struct sink_stream *t = &s->streams[log];

	t->done.seq = seq;
	t->done.time_ns = time_ns;
	snprintf(t->done.id, sizeof(t->done.id), "%s", id);
	t->dirty = t->unkept = true;
	s->all->touched = true;
}

/* The line that the cursor names is the one it was: the log is the same one. */
static bool same_log(struct sink_log *l, const struct sink_cursor *c)
{
	struct sink_position at = { .seq = c->seq ? c->seq - 1 : 0 };
	struct sink_log_head head;
	struct span line;

	if (sink_log_last(l) < c->seq)
		return false;
	if (!c->id[0] || c->seq == 0 || sink_log_next(l, &at, &line, &head, NULL) != 1 ||
	    head.seq != c->seq)
		return true; /* nothing says otherwise */
	return strcmp(head.id, c->id) == 0 && head.time_ns == c->time_ns;
}

static void misplaced(struct sink *s, const char *why)
{
	s->stat.misplaced++;
	log_warning("the kept place of a sink in the log is of no use", "sink", s->name, "reason",
		    why, NULL);
}

static void start_stream(struct sink *s, unsigned log, bool first)
{
	struct sink_stream *t = &s->streams[log];
	struct sink_log *l = s->all->logs[log];
	uint64_t now = unix_ns();
	char name[64];

	cursor_name(s, log, name, sizeof(name));
	enum sink_cursor_found found = sink_cursor_read(s->all->dir_fd, name, &t->done);

	/* of a log that is not this one, and of a time that is not yet: it tells nothing */
	if (found == SINK_CURSOR_GOOD && !same_log(l, &t->done) && t->done.time_ns > now)
		found = SINK_CURSOR_DAMAGED;
	switch (found) {
	case SINK_CURSOR_GOOD:
		/* a log that began anew, or lost its end, is entered by time */
		if (!same_log(l, &t->done)) {
			misplaced(s, "it is of another log; went on by time");
			t->done.seq = sink_log_seek_time(l, t->done.time_ns);
			t->done.id[0] = '\0';
			t->dirty = t->unkept = true;
		}
		break;
	case SINK_CURSOR_NONE:
		if (first)
			t->done.seq =
				sink_log_seek_time(l, s->all->started_unix_ns - START_GRACE_NS);
		else
			t->done.seq = sink_log_last(l);
		t->done.time_ns = first ? s->all->started_unix_ns - START_GRACE_NS : now;
		t->dirty = t->unkept = true;
		break;
	case SINK_CURSOR_DAMAGED: /* twice is better than never */
		misplaced(s, "it is damaged; began anew with the oldest line");
		t->done = (struct sink_cursor){ .seq = sink_log_first(l) - 1 };
		t->dirty = t->unkept = true;
		break;
	}
	t->at = (struct sink_position){ .seq = t->done.seq };
	t->seen = t->done.seq;
}

void sink_start_streams(struct sink *s, bool first_configuration)
{
	for (unsigned i = 0; i < WIRE_LOG_COUNT; i++)
		if (s->streams[i].read)
			start_stream(s, i, first_configuration);
	s->since_unix_ns = unix_ns();
	s->since_mono_ns = mono_ns();
	sink_save(s, true);
}

/* --- taking lines --------------------------------------------------------------------------- */

static void drop_records(struct sink *s, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		s->records_bytes -= s->records[i]->n;
		sink_record_free(s->records[i]);
	}
	s->records_n -= n;
	memmove(s->records, s->records + n, s->records_n * sizeof(s->records[0]));
}

/* The lines at hand are read again: fewer at a time. */
static void put_back(struct sink *s)
{
	struct sink_stream *t = &s->streams[s->log];

	drop_records(s, s->records_n);
	t->at = (struct sink_position){ .seq = t->done.seq };
}

static uint32_t batch_now(const struct sink *s)
{
	bool careful = s->failures >= SINK_BREAKER_AFTER ||
		       s->streams[s->log].done.seq < s->single_until;

	return careful ? 1 : s->batch_max;
}

/* Takes the record when the sink wants it; one that it does not want is passed, unless earlier ones
 * wait. */
static void take_line(struct sink *s, enum wire_log log, struct span line,
		      const struct sink_log_head *head)
{
	struct sink_record *r = NULL;

	if (sink_record_new(&r, line, NULL) == 0 && sink_wants(s, log, r)) {
		s->records[s->records_n++] = r;
		s->records_bytes += r->n;
		return;
	}
	sink_record_free(r);
	if (s->records_n == 0)
		pass(s, log, head->seq, head->time_ns, head->id);
}

/* Numbers grow by one a line: what is missing between two is in no file and no memory any more.
 * Lines that are read a second time are not judged a second time. */
static void count_lost(struct sink *s, struct sink_stream *t, uint64_t seq)
{
	if (seq <= t->seen)
		return;
	s->stat.lost += seq - t->seen - 1;
	t->seen = seq;
}

/* Fills the batch from one log. False when it is empty and the log has no more. */
static bool collect(struct sink *s, enum wire_log log)
{
	struct sink_stream *t = &s->streams[log];
	struct sink_log_head head;
	struct span line;
	struct err e = { "" };
	int r = 1;

	s->log = log;
	uint32_t want = batch_now(s);

	for (unsigned i = 0; s->records_n < want && s->records_bytes < SINK_BATCH_BYTES; i++) {
		if (i == SINK_LINES_A_TURN) {
			s->more = s->records_n == 0;
			return true;
		}
		r = sink_log_next(s->all->logs[log], &t->at, &line, &head, &e);
		if (r <= 0)
			break;
		count_lost(s, t, head.seq);
		take_line(s, log, line, &head);
	}
	if (r < 0)
		sink_text_cut(s->stat.error, sizeof(s->stat.error), e.text);
	return s->records_n > 0;
}

/* --- trying --------------------------------------------------------------------------------- */

/* Full jitter: any time up to the limit, so that many senders do not come back together; a tenth of
 * the first wait at least. */
uint64_t sink_backoff_ns(uint64_t min_ms, uint64_t max_ms, unsigned failures)
{
	uint64_t limit = min_ms, low = min_ms * NS_PER_MS / 10, chance = 0;

	for (unsigned i = 1; i < failures && limit < max_ms; i++)
		limit *= 2;
	limit = (limit < max_ms ? limit : max_ms) * NS_PER_MS;
	if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) != sizeof(chance))
		chance = mono_ns();
	return low + chance % (limit - low + 1);
}

static void set_error(struct sink *s, const char *text)
{
	sink_text_cut(s->stat.error, sizeof(s->stat.error), text ? text : "");
}

static void arrived(struct sink *s, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct sink_record *r = s->records[i];

		if (s->driver->acked)
			s->driver->acked(s, r);
		pass(s, s->log, r->seq, r->time_ns, r->id);
	}
	s->stat.sent += n;
	s->stat.last_success_unix_ns = unix_ns();
	drop_records(s, n);
}

void sink_progress(struct sink *s, uint32_t n)
{
	arrived(s, n < s->records_n ? n : s->records_n);
}

/* The first record can not be delivered. Without the file of dead letters it stays. */
static bool bury(struct sink *s, const char *why)
{
	const struct sink_record *r = s->records[0];

	if (sink_dead_letter(s, r, why) < 0)
		return false;
	s->stat.dead++;
	pass(s, s->log, r->seq, r->time_ns, r->id);
	drop_records(s, 1);
	return true;
}

static void wait_for_retry(struct sink *s, uint64_t retry_after_ns)
{
	uint64_t delay = sink_backoff_ns(s->retry_min_ms, s->retry_max_ms, s->failures);

	if (retry_after_ns > delay)
		delay = retry_after_ns < MAX_RETRY_AFTER ? retry_after_ns : MAX_RETRY_AFTER;
	s->state = SINK_WAITING;
	s->retry_at = mono_ns() + delay;
}

void sink_ended(struct sink *s, enum sink_end end, uint64_t retry_after_ns, const char *text)
{
	s->state = SINK_READY;
	s->all->touched = true;
	if (end == SINK_DONE) {
		arrived(s, s->records_n);
		s->failures = 0;
		set_error(s, "");
		return;
	}
	s->stat.failed++;
	set_error(s, text);
	if (end == SINK_REFUSED && s->records_n > 1) { /* one of them is the reason: which? */
		s->single_until = s->records[s->records_n - 1]->seq;
		put_back(s);
		return;
	}
	if (end == SINK_REFUSED && (s->records_n == 0 || bury(s, text))) {
		s->failures = 0; /* somebody answers */
		return;
	}
	s->failures++;
	wait_for_retry(s, retry_after_ns);
	if (s->records_n > 1 && s->failures >= SINK_BREAKER_AFTER)
		put_back(s); /* one is enough to knock with */
}

/* What failed since it was raised, or since we try, for too long. */
static bool is_too_old(const struct sink *s, const struct sink_record *r)
{
	uint64_t from = r->time_ns > s->since_unix_ns ? r->time_ns : s->since_unix_ns;
	uint64_t now = unix_ns(), tried = mono_ns() - s->since_mono_ns;
	uint64_t age = now > from ? now - from : 0;

	/* a clock that was set forward makes nothing older than we try */
	return (age < tried ? age : tried) > s->dead_after_ms * NS_PER_MS;
}

/* While the receiver is away what grew too old is passed without asking for each. */
static void expire(struct sink *s)
{
	char why[256];

	snprintf(why, sizeof(why), "not delivered in time: %.199s", s->stat.error);
	for (unsigned i = 0; i < SINK_LINES_A_TURN; i++) {
		if (s->records_n == 0)
			collect(s, s->log);
		if (s->records_n == 0 || !is_too_old(s, s->records[0]) || !bury(s, why))
			return;
	}
}

static void begin(struct sink *s, uint64_t now)
{
	s->state = SINK_TRYING;
	s->all->touched = true;
	s->begun_at = now;
	if (s->failures > 0)
		s->stat.retried++;
	s->driver->begin(s);
}

static bool gather(struct sink *s)
{
	s->more = false;
	if (s->records_n > 0)
		return true;
	for (unsigned i = 0; i < WIRE_LOG_COUNT; i++)
		if (s->streams[i].read && collect(s, (enum wire_log)i) && s->records_n > 0)
			return true;
	return false;
}

/* Some drivers end at once: a few attempts a turn, then the others. */
void sink_turn(struct sink *s, uint64_t now, struct sinks_wait *w)
{
	if (!s->open)
		return;
	if (s->state == SINK_WAITING && now >= s->retry_at) {
		expire(s);
		s->state = SINK_READY;
	}
	for (int i = 0; i < 32 && s->state == SINK_READY; i++) {
		/* an attempt of its own first: lines may never end */
		if (s->records_n == 0 && s->driver->idle && s->driver->idle(s, now, w))
			break;
		if (gather(s))
			begin(s, now);
		else if (!s->more)
			return;
		if (s->more)
			break;
	}
	if (s->state == SINK_TRYING && s->driver->step)
		s->driver->step(s, now, w);
	if (s->state == SINK_WAITING)
		sinks_wait_until(w, s->retry_at);
	else if (s->state == SINK_READY)
		sinks_wait_until(w, now); /* there is more */
}

void sink_publish(struct sink *s, struct wire_sink_stat *out)
{
	struct sink_stream *t = &s->streams[WIRE_LOG_ALERTS];
	uint64_t last = sink_log_last(s->all->logs[WIRE_LOG_ALERTS]);

	*out = s->stat;
	out->lag = t->read && last > t->done.seq ? last - t->done.seq : 0;
	out->done_seq = t->done.seq;
	out->oldest_pending_unix_ns = s->records_n ? s->records[0]->time_ns : 0;
	out->breaker = s->failures < SINK_BREAKER_AFTER ? WIRE_BREAKER_CLOSED
		       : s->state == SINK_TRYING	? WIRE_BREAKER_HALF_OPEN
							: WIRE_BREAKER_OPEN;
	if (s->problem[0]) {
		out->breaker = WIRE_BREAKER_OPEN;
		sink_text_cut(out->error, sizeof(out->error), s->problem);
	}
}
