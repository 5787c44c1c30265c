// SPDX-License-Identifier: GPL-2.0-or-later
/* One response: its file is written, the change made, put back, the file removed. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "detector/response_internal.h"

#define JOURNAL_MAX_BYTES (1u << 20)

static void step(const struct response *r, enum response_step s)
{
	if (r->set.step)
		r->set.step(r->set.ctx, s);
}

struct entry *entry_new(struct response *r)
{
	struct entry *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->r = r;
	buf_init(&e->text, JOURNAL_MAX_BYTES);
	r->list[r->n++] = e;
	return e;
}

/* The last one takes its place: who goes through the list goes from its end. */
void entry_drop(struct entry *e)
{
	struct response *r = e->r;

	for (unsigned i = 0; i < r->n; i++) {
		if (r->list[i] == e) {
			r->list[i] = r->list[--r->n];
			break;
		}
	}
	record_release(&e->rec);
	free(e->place.path);
	buf_release(&e->text);
	free(e);
}

void entry_tell(const struct entry *e, enum response_event_kind kind, const char *text)
{
	const struct record *rec = &e->rec;
	const struct change *own = rec->n ? &rec->changes[rec->n - 1] : NULL;
	const struct response_event ev = {
		.kind = kind,
		.action = rec->action,
		.reason = e->reason,
		.stays = kind == RESPONSE_FAILED && e->state == ENTRY_ACTIVE,
		.id = span_str(rec->id),
		.container_id = span_str(rec->container),
		.image = span_str(rec->image),
		.path = span_str(own ? own->place.path : e->place.path),
		.before = span_str(own ? own->before : ""),
		.set = span_str(own ? own->set : ""),
		.until_unix_ns = rec->until_unix_ns,
		.text = span_str(text),
	};
	struct response_stats *s = &e->r->stats;

	s->begun[rec->action] += kind == RESPONSE_BEGUN;
	s->undone += kind == RESPONSE_UNDONE;
	s->failed += kind == RESPONSE_FAILED;
	s->left += kind == RESPONSE_LEFT;
	s->recovered += e->reason == RESPONSE_CRASH && kind == RESPONSE_UNDONE;
	if (e->r->set.told)
		e->r->set.told(e->r->set.ctx, &ev);
}

/* --- jobs --------------------------------------------------------------------------------------
 * run on the worker: what they touch of the entry is theirs until they are done. */

static void submit(struct entry *e, void (*run)(struct worker_job *),
		   void (*done)(struct worker_job *))
{
	struct response *r = e->r;

	e->job = (struct worker_job){ .run = run, .done = done };
	e->ran = false;
	e->busy = true;
	if (!r->waiting && r->set.worker) {
		if (worker_submit(r->set.worker, &e->job, true) < 0)
			done(&e->job);
		return;
	}
	run(&e->job);
	done(&e->job);
}

static void run_write(struct worker_job *job)
{
	struct entry *e = (struct entry *)job;

	step(e->r, RESPONSE_BEFORE_JOURNAL);
	e->result = journal_write(e->r->set.state_fd, e->rec.id,
				  (struct span){ e->text.data, e->text.len }, &e->why);
	e->ran = true;
	step(e->r, RESPONSE_AFTER_JOURNAL);
}

static void run_remove(struct worker_job *job)
{
	struct entry *e = (struct entry *)job;

	e->result = journal_remove(e->r->set.state_fd, e->rec.id, &e->why);
	e->ran = true;
	step(e->r, RESPONSE_AFTER_REMOVAL);
}

static void done_remove(struct worker_job *job)
{
	struct entry *e = (struct entry *)job;
	struct response *r = e->r;

	e->busy = false;
	if (e->ran && e->result == 0) {
		entry_drop(e);
		return;
	}
	r->stats.journal_errors += e->ran;
	/* Left there it would undo, at the next start, what somebody else does until then. */
	e->again_ns = response_boot_ns(r) + RESPONSE_RETRY_NS;
}

void entry_remove(struct entry *e)
{
	e->state = ENTRY_REMOVING;
	submit(e, run_remove, done_remove);
}

/* --- undoing -----------------------------------------------------------------------------------
 */

/* From the container's own cgroup downwards, the other way round than it was done. The worst of
 * what came of each, UNDO_SAME when nothing was to do. */
static enum undo_result put_back(const struct entry *e, struct err *why)
{
	static const unsigned weight[] = { [UNDO_SAME] = 0,
					   [UNDO_GONE] = 1,
					   [UNDO_DONE] = 2,
					   [UNDO_LEFT] = 3,
					   [UNDO_FAILED] = 4 };
	enum undo_result worst = UNDO_SAME;

	for (unsigned i = e->made; i-- > 0;) {
		struct err here = { "" };
		const enum undo_result r = change_undo(e->r->set.layout, &e->rec.changes[i], &here);

		if (weight[r] > weight[worst]) {
			worst = r;
			*why = here;
		}
	}
	return worst;
}

static void is_stuck(struct entry *e, const char *text)
{
	e->state = ENTRY_ACTIVE;
	e->again_ns = response_boot_ns(e->r) + RESPONSE_RETRY_NS;
	if (!e->stuck)
		entry_tell(e, RESPONSE_FAILED, text);
	e->stuck = true;
}

void entry_undo(struct entry *e, enum response_reason reason)
{
	struct err why = { "" };

	e->reason = reason;
	e->ended = true;
	if (e->state != ENTRY_ACTIVE)
		return; /* being written: called off when that is done */
	step(e->r, RESPONSE_BEFORE_UNDO);
	const enum undo_result r = put_back(e, &why);

	step(e->r, RESPONSE_AFTER_UNDO);
	switch (r) {
	case UNDO_FAILED:
		is_stuck(e, why.text);
		return;
	case UNDO_LEFT:
		entry_tell(e, RESPONSE_LEFT, why.text);
		break;
	case UNDO_GONE:
		entry_tell(e, RESPONSE_UNDONE, "the cgroup is gone");
		break;
	case UNDO_SAME:
		entry_tell(e, RESPONSE_UNDONE, "it was so already");
		break;
	case UNDO_DONE:
		entry_tell(e, RESPONSE_UNDONE, "");
		break;
	}
	entry_remove(e);
}

/* --- beginning ---------------------------------------------------------------------------------
 */

void entry_renew(struct entry *e, enum response_action a)
{
	const struct response *r = e->r;

	if (a == RESPONSE_PAUSE)
		e->rec.action = RESPONSE_PAUSE;
	e->ended = e->stuck = false;
	if (e->rec.action == RESPONSE_PAUSE) {
		e->until_ns = e->rec.until_unix_ns = 0;
		return;
	}
	e->until_ns = response_boot_ns(r) + r->set.limits.lease_ns;
	e->rec.until_unix_ns = response_unix_ns(r) + r->set.limits.lease_ns;
}

/* All of it or nothing. */
static int make_changes(struct entry *e, struct err *why)
{
	int r = 0;

	while (r == 0 && e->made < e->rec.n) {
		r = change_apply(e->r->set.layout, &e->rec.changes[e->made], why);
		e->made += r == 0;
	}
	return r;
}

static void take_back(struct entry *e, const char *text)
{
	struct err why = { "" };

	if (put_back(e, &why) == UNDO_FAILED) {
		e->ended = true;
		is_stuck(e, why.text);
		return;
	}
	entry_tell(e, RESPONSE_FAILED, text);
	entry_remove(e);
}

static void done_write(struct worker_job *job)
{
	struct entry *e = (struct entry *)job;
	struct response *r = e->r;
	struct err why = { "" };

	e->busy = false;
	buf_release(&e->text);
	if (!e->ran || e->result < 0) {
		r->stats.journal_errors += e->ran;
		entry_tell(e, RESPONSE_FAILED, e->ran ? e->why.text : "the worker is busy");
		entry_drop(e);
		return;
	}
	if (e->ended || (r->set.worker && worker_closing(r->set.worker))) {
		entry_tell(e, RESPONSE_FAILED, "called off before it began");
		entry_remove(e);
		return;
	}
	if (make_changes(e, &why) < 0) {
		take_back(e, why.text);
		return;
	}
	step(r, RESPONSE_AFTER_CHANGE);
	e->state = ENTRY_ACTIVE;
	e->again_ns = response_boot_ns(r) + RESPONSE_RETRY_NS;
	entry_renew(e, e->rec.action);
	entry_tell(e, RESPONSE_BEGUN, "");
}

void entry_begin(struct entry *e)
{
	record_print(&e->text, &e->rec);
	if (e->text.failed) {
		entry_tell(e, RESPONSE_FAILED, "no memory for its file");
		entry_drop(e);
		return;
	}
	e->state = ENTRY_WRITING;
	submit(e, run_write, done_write);
}
