// SPDX-License-Identifier: GPL-2.0-or-later
/* What an earlier run left: undone when this kernel still has it, else forgotten. */
#include <errno.h>
#include <string.h>

#include "detector/response_internal.h"

struct recovery {
	struct response *r;
	unsigned undone;
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

/* Its file keeps it for a later start, which may have room. */
static void refuse(struct response *r, const char *id, struct record *rec)
{
	struct err why;

	err_set(&why, ENOSPC, "there are %d responses already", RESPONSE_MAX);
	r->stats.refused++;
	tell(r, RESPONSE_FAILED, id, &why);
	record_release(rec);
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
		refuse(r, id, rec);
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

static void on_file(void *ctx, const char *id, struct span text, const struct err *e_read)
{
	struct recovery *v = ctx;
	struct record rec = { .n = 0 };
	struct err why = { "" };
	int r = e_read ? -EIO : record_parse(text, &rec, &why);

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
	return result < 0 ? result : (int)v.undone;
}
