// SPDX-License-Identifier: GPL-2.0-or-later
/* What root changes of a baseline: its mode, single entries, all of it; and what comes from
 * elsewhere, which is a proposal and never raises a mode. Each change is written at once and in the
 * audit. */
#include <errno.h>
#include <string.h>

#include "collector/base/log.h"
#include "collector/json_put.h"
#include "detector/detector_baseline_api.h"

#define BY		"root"
#define MAX_ENTRY_BYTES ((size_t)4 * PATH_TREE_MAX_PATH)

static void tell_audit(struct baseline_request *r, const char *rule, const char *title,
		       struct span entry)
{
	struct alert_pair facts[5] = {
		{ SPAN_LIT("by"), SPAN_LIT(BY) },
		{ SPAN_LIT("image"), span_str(r->b->repository) },
		{ SPAN_LIT("entrypoint"), span_str(r->b->entry) },
	};
	size_t n = 3;

	if (entry.n > 0) {
		facts[n++] = (struct alert_pair){ SPAN_LIT("class"),
						  span_str(baseline_class_names[r->class]) };
		facts[n++] = (struct alert_pair){ SPAN_LIT("entry"), entry };
	}
	audit_change(r->d->audit, rule, title, facts, n, false);
	log_info("a baseline was changed", "what", rule, "image", r->b->repository, "entrypoint",
		 r->b->entry, "by", BY, NULL);
}

static void keep(struct baseline_request *r)
{
	r->b->dirty = true;
	baseline_store_save_now(r->d->store, r->b);
}

static void begin_answer(struct baseline_request *r)
{
	char name[BASELINE_STORE_NAME];

	baseline_begin_answer(r);
	json_put_str(&r->answer, "name", baseline_store_name(r->b, name));
}

/* --- what the kernel's side was told ---------------------------------------------------------
 */

static void known_has_changed(struct baseline_request *r, bool fewer)
{
	struct image *i = r->b->user;

	if (fewer)
		enforce_forget(r->d, i);
	image_known_changed(i);
	enforce_image(r->d, i);
}

/* --- the mode --------------------------------------------------------------------------------
 */

int baseline_change_mode(struct baseline_request *r)
{
	enum baseline_mode mode;

	if (!baseline_mode_parse(span_str(r->values[ASK_MODE]), &mode))
		return err_set(&r->e, EINVAL, "'mode' is off, learn, detect or enforce");
	const enum baseline_mode before = r->b->mode;
	const int code = image_set_mode(r->d, r->b->user, mode, BY, &r->e);

	if (code < 0)
		return code;
	begin_answer(r);
	json_put_str(&r->answer, "from", baseline_mode_names[before]);
	buf_add_char(&r->answer, '}');
	return 0;
}

/* --- entries ---------------------------------------------------------------------------------
 */

/* The bytes go to out[MAX_ENTRY_BYTES]. */
static int entry_of(struct baseline_request *r, char *out, struct span *pattern)
{
	const char *text = r->values[ASK_ENTRY];
	const struct span s = r->document ? *r->document : span_str(text);

	if (r->document && text[0])
		return err_set(&r->e, EINVAL, "the entry comes once: in the query or as document");
	if (s.n == 0)
		return err_set(&r->e, EINVAL, "the parameter 'entry' is missing");
	if (s.n > MAX_ENTRY_BYTES || memchr(s.p, '\0', s.n) ||
	    !baseline_read_entry(s, out, &pattern->n))
		return err_set(&r->e, EINVAL,
			       "that is no entry: '*' stands for anything in a "
			       "name, '\\*' and '\\\\' for themselves");
	pattern->p = out;
	return 0;
}

struct removal {
	const struct baseline *b;
	enum baseline_class class;
	struct span pattern; /* this one; or those that a person has accepted */
	bool accepted;
};

static bool is_dealt_with(void *ctx, struct span text, struct path_entry *entry)
{
	const struct removal *k = ctx;
	char plain[2 * PATH_TREE_MAX_PATH + 8];
	enum baseline_class class;
	struct span pattern;
	size_t n;

	(void)entry;
	if (!baseline_deviation(text, &class, &pattern) || class != k->class)
		return false;
	if (pattern.n == k->pattern.n && memcmp(pattern.p, k->pattern.p, pattern.n) == 0)
		return true;
	if (!k->accepted || pattern.n > sizeof(plain) || !baseline_plain(pattern, plain, &n))
		return false;
	const struct path_entry *known = baseline_find(k->b, class, (struct span){ plain, n });

	return known && known->seen.flags & SEEN_ACCEPTED && !(known->seen.flags & SEEN_REJECTED);
}

/* How many were told and need no more attention. */
static uint32_t drop_deviations(struct baseline_request *r, struct span pattern, bool accepted)
{
	struct removal k = { r->b, r->class, pattern, accepted };

	return r->b->deviations ? path_tree_remove_if(r->b->deviations, is_dealt_with, &k) : 0;
}

static int entry_error(struct baseline_request *r, int code)
{
	switch (-code) {
	case ENOENT:
		return err_set(&r->e, ENOENT, "there is no such entry of class %s",
			       baseline_class_names[r->class]);
	case EEXIST:
		return err_set(&r->e, EEXIST,
			       "another entry that covers it is rejected: forget that one first");
	case ENOSPC:
		return err_set(&r->e, ENOSPC, "there is no room for more entries of class %s",
			       baseline_class_names[r->class]);
	case EPROTO:
	case EINVAL:
		return err_set(&r->e, EINVAL,
			       "that is no entry: '*' stands for anything in a "
			       "name, '\\*' and '\\\\' for themselves");
	default:
		return err_set(&r->e, -code, "the entry cannot be changed: %s", strerror(-code));
	}
}

static void changed_entry(struct baseline_request *r, const char *rule, const char *title,
			  struct span pattern, uint32_t dropped)
{
	keep(r);
	tell_audit(r, rule, title, pattern);
	begin_answer(r);
	json_put_str(&r->answer, "class", baseline_class_names[r->class]);
	baseline_put_entry(&r->answer, pattern);
	json_put_u64(&r->answer, "deviations_removed", dropped);
	buf_add_char(&r->answer, '}');
}

int baseline_change_accept(struct baseline_request *r)
{
	char bytes[MAX_ENTRY_BYTES];
	struct span pattern;
	int code = entry_of(r, bytes, &pattern);

	if (code < 0)
		return code;
	code = baseline_accept(r->b, r->class, pattern, baseline_now_ns(r->d));
	if (code < 0)
		return entry_error(r, code);
	changed_entry(r, "baseline.accept", "an entry was accepted into a baseline", pattern,
		      drop_deviations(r, pattern, true));
	known_has_changed(r, false);
	return 0;
}

/* What was only told is not in the baseline yet: it is taken in to be rejected. */
static int reject(struct baseline_request *r, struct span pattern, uint32_t *dropped)
{
	int code = baseline_reject(r->b, r->class, pattern);

	*dropped = drop_deviations(r, pattern, false);
	if (code != -ENOENT || *dropped == 0)
		return code;
	code = baseline_accept(r->b, r->class, pattern, baseline_now_ns(r->d));
	if (code == -EEXIST)
		return 0; /* it is rejected by another one */
	return code < 0 ? code : baseline_reject(r->b, r->class, pattern);
}

int baseline_change_reject(struct baseline_request *r)
{
	char bytes[MAX_ENTRY_BYTES];
	struct span pattern;
	uint32_t dropped;
	int code = entry_of(r, bytes, &pattern);

	if (code < 0)
		return code;
	code = reject(r, pattern, &dropped);
	if (code < 0)
		return entry_error(r, code);
	changed_entry(r, "baseline.reject", "an entry of a baseline was rejected", pattern,
		      dropped);
	known_has_changed(r, true);
	return 0;
}

int baseline_change_forget(struct baseline_request *r)
{
	char bytes[MAX_ENTRY_BYTES];
	struct span pattern;
	int code = entry_of(r, bytes, &pattern);

	if (code < 0)
		return code;
	code = baseline_forget(r->b, r->class, pattern);
	const uint32_t dropped = drop_deviations(r, pattern, false);

	if (code < 0 && !(code == -ENOENT && dropped))
		return entry_error(r, code);
	changed_entry(r, "baseline.forget", "an entry of a baseline was forgotten", pattern,
		      dropped);
	if (code == 0)
		known_has_changed(r, true);
	return 0;
}

/* --- all of it -------------------------------------------------------------------------------
 */

int baseline_change_remove(struct baseline_request *r)
{
	struct detector_baseline *d = r->d;
	struct image *i = r->b->user;

	begin_answer(r);
	buf_add_char(&r->answer, '}');
	tell_audit(r, "baseline.remove", "a baseline was forgotten as a whole",
		   (struct span){ NULL, 0 });
	r->b->mode = MODE_OFF;
	enforce_image(d, i); /* ends what was done to its containers */
	enforce_forget(d, i);
	for (uint32_t k = 0; k < d->observers_max; k++)
		if (d->observers[k] && d->observers[k]->image == i)
			observer_drop(d->observers[k]);
	r->b->user = NULL;
	free(i);
	baseline_store_remove(d->store, r->b);
	r->b = NULL;
	return 0;
}

/* --- from elsewhere --------------------------------------------------------------------------
 */

/* A merge may give a running version's place to another one. */
static void find_versions_again(struct baseline_request *r)
{
	struct detector_baseline *d = r->d;
	struct image *i = r->b->user;
	bool moved = false;

	for (uint32_t k = 0; k < d->observers_max; k++) {
		struct observer *o = d->observers[k];
		const struct metadata *m = o ? o->c->meta : NULL;

		if (!o || o->image != i || o->leaves || !m)
			continue;
		const unsigned at = baseline_digest(r->b, span_str(m->image_id), span_str(m->image),
						    baseline_now_ns(d));

		moved = moved || at != o->digest;
		o->digest = at;
		i->versions[at] = o->version;
	}
	if (!moved)
		return;
	enforce_forget(d, i);
	memset(i->slots, 0, sizeof(i->slots));
}

static int take_in(struct baseline_request *r, const struct baseline *from, bool created)
{
	int code;

	if (!created)
		find_versions_again(r); /* those that run are the newest, and so keep their place */
	code = baseline_merge(r->b, from, true);
	if (!created)
		find_versions_again(r);
	keep(r);
	tell_audit(r, created ? "baseline.import" : "baseline.merge",
		   created ? "a baseline was imported as a proposal"
			   : "what another baseline knows was taken in as a proposal",
		   (struct span){ NULL, 0 });
	known_has_changed(r, false);
	begin_answer(r);
	baseline_put_bool(&r->answer, "created", created);
	if (code < 0)
		json_put_str(&r->answer, "message",
			     code == -ENOMEM ? "a part of it found no memory"
					     : "a part of it found no room");
	buf_add_char(&r->answer, '}');
	return 0;
}

static int read_document(struct baseline_request *r, struct baseline **out)
{
	const int code = baseline_parse(out, *r->document, &r->e);

	return code < 0 ? err_prefix(&r->e, code, "the document is refused") : 0;
}

int baseline_change_merge(struct baseline_request *r)
{
	AUTO(baseline_free) struct baseline *from = NULL;
	const int code = read_document(r, &from);

	return code < 0 ? code : take_in(r, from, false);
}

/* Its mode is that of any new image, whatever the document says. */
int baseline_change_import(struct baseline_request *r)
{
	AUTO(baseline_free) struct baseline *from = NULL;
	struct detector_baseline *d = r->d;
	struct baseline_key key;
	const int code = read_document(r, &from);

	if (code < 0)
		return code;
	memcpy(key.repository, from->repository, sizeof(key.repository));
	memcpy(key.entry, from->entry, sizeof(key.entry));
	const bool there = baseline_store_find(d->store, span_str(key.repository),
					       span_str(key.entry)) != NULL;
	const struct image *i = image_find(d, &key);

	if (!i)
		return err_set(&r->e, ENOSPC, "there is no room for more baselines");
	r->b = i->baseline;
	return take_in(r, from, !there);
}
