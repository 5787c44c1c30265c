// SPDX-License-Identifier: GPL-2.0-or-later
/* What an earlier run left: undone when this kernel still has it, else forgotten. */
#include <errno.h>
#include <string.h>

#include "collector/base/clock.h"
#include "detector/response_internal.h"

#define RECOVER_AGAIN_NS NS_PER_S	 /* after the first failure; then twice as long each time */
#define RECOVER_MOST_NS	 (60 * NS_PER_S) /* at most */

struct recovery {
	struct response *r;
	unsigned undone;
	unsigned left; /* files that are to be looked at again */
};

static void tell(struct response *r, enum response_event_kind kind, const char *id,
		 const struct err *why)
{
	const struct response_event ev = {
		.kind = kind,
		.reason = RESPONSE_CRASH,
		.stays = kind == RESPONSE_FAILED,
		.id = span_str(id),
		.text = span_str(why->text),
	};

	r->stats.damaged += kind == RESPONSE_DAMAGED;
	r->stats.failed += kind == RESPONSE_FAILED;
	if (r->set.told)
		r->set.told(r->set.ctx, &ev);
}

/* Its file keeps it until there is room. */
static void refuse(struct recovery *v, const char *id, struct record *rec)
{
	struct response *r = v->r;
	struct err why;

	v->left++;
	record_release(rec);
	if (r->recover_wait_ns) /* told at the first time */
		return;
	err_set(&why, ENOSPC, "there are %d responses already", RESPONSE_MAX);
	r->stats.refused++;
	tell(r, RESPONSE_FAILED, id, &why);
}

static void recover_one(struct recovery *v, const char *id, struct record *rec)
{
	struct response *r = v->r;

	if (strcmp(rec->boot, r->boot_id) != 0) {
		/* cgroups do not outlive their kernel */
		r->stats.forgotten++;
		journal_remove(r->set.state_fd, id, NULL);
		record_release(rec);
		return;
	}
	struct entry *e = r->n < RESPONSE_MAX ? entry_new(r) : NULL;

	if (!e) {
		refuse(v, id, rec);
		return;
	}
	const uint64_t undone = r->stats.undone;

	e->rec = *rec;
	memcpy(e->rec.id, id, sizeof(e->rec.id)); /* the file's, whatever it says */
	e->state = ENTRY_ACTIVE;
	e->made = e->rec.n;
	entry_undo(e, RESPONSE_CRASH);
	v->undone += r->stats.undone > undone;
}

/* Of this run, or found before. */
static bool is_ours(const struct response *r, const char *id)
{
	for (unsigned i = 0; i < r->n; i++)
		if (strcmp(r->list[i]->rec.id, id) == 0)
			return true;
	return false;
}

static void on_file(void *ctx, const char *id, struct span text, const struct err *e_read)
{
	struct recovery *v = ctx;
	struct record rec = { .n = 0 };
	struct err why = { "" };

	if (is_ours(v->r, id))
		return;
	int r = e_read ? -EIO : record_parse(text, &rec, &why);

	v->left += e_read != NULL;
	if (e_read && v->r->recover_wait_ns)
		return; /* told at the first time */
	if (r == -EBADMSG) {
		tell(v->r, RESPONSE_DAMAGED, id, &why);
		recover_one(v, id, &rec);
		return;
	}
	if (r < 0) {
		tell(v->r, RESPONSE_DAMAGED, id, e_read ? e_read : &why);
		if (!e_read)
			journal_set_aside(v->r->set.state_fd, id);
		return;
	}
	recover_one(v, id, &rec);
}

int response_recover(struct response *r, struct err *e)
{
	struct recovery v = { .r = r };

	r->waiting = true;
	int result = journal_each(r->set.state_fd, on_file, &v, e);

	r->waiting = false;
	if (result == 0 && v.left == 0) {
		r->recover_wait_ns = 0;
		return (int)v.undone;
	}
	r->stats.recover_errors++;
	r->recover_wait_ns = r->recover_wait_ns ? 2 * r->recover_wait_ns : RECOVER_AGAIN_NS;
	if (r->recover_wait_ns > RECOVER_MOST_NS)
		r->recover_wait_ns = RECOVER_MOST_NS;
	r->recover_at_ns = response_boot_ns(r) + r->recover_wait_ns;
	return result < 0 ? result : (int)v.undone;
}

void recover_again(struct response *r)
{
	if (!r->recover_wait_ns || response_boot_ns(r) < r->recover_at_ns)
		return;
	/* what the worker is writing looks like the half file of a run that died */
	for (unsigned i = 0; i < r->n; i++)
		if (r->list[i]->busy)
			return;
	response_recover(r, NULL);
}
