// SPDX-License-Identifier: GPL-2.0-or-later
/* A baseline as a document. What is nothing (0, false, empty) is left out. */
#include <errno.h>
#include <string.h>

#include "collector/json_put.h"
#include "detector/baseline_internal.h"

/* An entry names its digests by as much as docker shows of them: whole ones would be most of the
 * document. Where that is not enough to tell two apart, it is the whole one. */
#define SHORT_ID (sizeof("sha256:") - 1 + 12)

struct writer {
	struct buf *b;
	const struct baseline *from;
	struct buf names; /* of the digests, as entries give them, one behind the other */
	size_t names_end[BASELINE_MAX_DIGESTS];
};

static void auto_writer_release(struct writer *w)
{
	buf_release(&w->names);
}

static void put_time(struct buf *b, const char *key, uint64_t unix_ns)
{
	if (unix_ns)
		json_put_time(b, key, unix_ns);
}

static void put_count(struct buf *b, const char *key, uint64_t n)
{
	json_put_known(b, key, n > INT64_MAX ? INT64_MAX : n);
}

static void put_name(struct buf *b, const char *key, const char *name)
{
	if (name[0])
		json_put_str(b, key, name);
}

static void put_phases(struct buf *b, const char *key, const uint64_t n[PHASE_COUNT], bool times)
{
	bool any = false;

	for (unsigned p = 0; p < PHASE_COUNT; p++)
		any = any || n[p];
	if (!any)
		return;
	json_put_object(b, key);
	for (unsigned p = 0; p < PHASE_COUNT; p++)
		(times ? put_time : put_count)(b, seen_phase_names[p], n[p]);
	buf_add_char(b, '}');
}

/* --- entries -----------------------------------------------------------------------------------
 */

/* Bytes that are no UTF-8 as \xNN, which no pattern has: there '\' stands before '*' or '\'. */
void baseline_put_entry(struct buf *b, struct span pattern)
{
	size_t plain = 0;

	json_put_key(b, "entry");
	buf_add_char(b, '"');
	for (size_t i = 0; i < pattern.n;) {
		const size_t k = utf8_len((struct span){ pattern.p + i, pattern.n - i });

		if (k) {
			i += k;
			continue;
		}
		buf_add_json(b, (struct span){ pattern.p + plain, i - plain });
		buf_printf(b, "\\\\x%02x", (unsigned)(unsigned char)pattern.p[i]);
		plain = ++i;
	}
	buf_add_json(b, (struct span){ pattern.p + plain, pattern.n - plain });
	buf_add_char(b, '"');
}

static void put_windows(struct buf *b, const struct seen *s)
{
	if (!seen_in_any_phase(s))
		return;
	json_put_object(b, "windows");
	for (unsigned p = 0; p < PHASE_COUNT; p++)
		put_count(b, seen_phase_names[p], s->windows[p]);
	buf_add_char(b, '}');
}

static void put_digests_of(struct writer *w, uint32_t digests)
{
	if (!digests)
		return;
	json_put_array(w->b, "digests");
	for (unsigned d = 0; d < BASELINE_MAX_DIGESTS && digests >> d; d++) {
		const size_t start = d ? w->names_end[d - 1] : 0;

		if (!(digests >> d & 1) || w->names_end[d] == start)
			continue;
		json_put_comma(w->b);
		buf_add(w->b, w->names.data + start, w->names_end[d] - start);
	}
	buf_add_char(w->b, ']');
}

static bool put_entry(void *ctx, struct span pattern, struct path_entry *entry)
{
	struct writer *w = ctx;
	const struct seen *s = &entry->seen;

	json_put_comma(w->b);
	buf_add_char(w->b, '{');
	baseline_put_entry(w->b, pattern);
	put_time(w->b, "first", s->first_ns);
	put_time(w->b, "last", s->last_ns);
	put_windows(w->b, s);
	put_count(w->b, "containers", s->containers);
	put_digests_of(w, s->digests);
	json_put_true(w->b, "accepted", s->flags & SEEN_ACCEPTED);
	json_put_true(w->b, "imported", s->flags & SEEN_IMPORTED);
	json_put_true(w->b, "dropped", s->flags & SEEN_DROPPED);
	json_put_true(w->b, "rejected", s->flags & SEEN_REJECTED);
	buf_add_char(w->b, '}');
	return !w->b->failed;
}

static void put_sets(struct writer *w)
{
	json_put_object(w->b, "sets");
	for (unsigned c = 0; c < BASELINE_CLASS_COUNT; c++) {
		json_put_array(w->b, baseline_class_names[c]);
		baseline_each(w->from, (enum baseline_class)c, put_entry, w);
		buf_add_char(w->b, ']');
	}
	buf_add_char(w->b, '}');
	if (path_tree_stats(w->from->deviations).entries == 0)
		return;
	json_put_array(w->b, "deviations");
	path_tree_each(w->from->deviations, put_entry, w);
	buf_add_char(w->b, ']');
}

static void put_evidence(struct buf *b, const struct baseline *from)
{
	json_put_object(b, "evidence");
	for (unsigned c = 0; c < BASELINE_CLASS_COUNT; c++) {
		const struct baseline_set *s = &from->sets[c];

		json_put_object(b, baseline_class_names[c]);
		put_phases(b, "windows", s->windows, false);
		put_phases(b, "voided", s->voided, false);
		put_phases(b, "since", s->first_window_ns, true);
		put_phases(b, "complete", s->complete_ns, true);
		put_count(b, "refused", s->refused);
		buf_add_char(b, '}');
	}
	buf_add_char(b, '}');
}

/* --- the rest ----------------------------------------------------------------------------------
 */

static void put_digests(struct writer *w)
{
	json_put_array(w->b, "digests");
	for (unsigned i = 0; i < BASELINE_MAX_DIGESTS; i++) {
		const struct baseline_digest *d = &w->from->digests[i];

		if (!d->id[0])
			continue;
		json_put_comma(w->b);
		buf_add_char(w->b, '{');
		json_put_str(w->b, "id", d->id);
		put_name(w->b, "reference", d->reference);
		put_time(w->b, "first", d->first_ns);
		put_time(w->b, "last", d->last_ns);
		put_count(w->b, "windows", d->windows);
		put_time(w->b, "complete", d->complete_ns);
		json_put_true(w->b, "inherited", d->inherited);
		buf_add_char(w->b, '}');
	}
	buf_add_char(w->b, ']');
}

static void put_sketch(struct buf *b, const char *key, const struct sketch *s)
{
	if (s->total == 0)
		return;
	json_put_key(b, key);
	sketch_json(b, s);
}

static void put_hours(struct buf *b, const struct baseline_usage *u)
{
	bool any = false;
	char hour[4];

	for (unsigned h = 0; h < 24; h++)
		any = any || (u->hours[h] && u->hours[h]->total);
	if (!any)
		return;
	json_put_object(b, "hours");
	for (unsigned h = 0; h < 24; h++) {
		snprintf(hour, sizeof(hour), "%02u", h);
		if (u->hours[h])
			put_sketch(b, hour, u->hours[h]);
	}
	buf_add_char(b, '}');
}

static void put_resources(struct buf *b, const struct baseline *from)
{
	json_put_object(b, "resources");
	for (unsigned r = 0; r < RESOURCE_COUNT; r++) {
		const struct baseline_usage *u = &from->usage[r];

		json_put_object(b, baseline_resource_names[r]);
		json_put_str(b, "unit", baseline_resource_units[r]);
		put_sketch(b, "startup", &u->startup);
		put_sketch(b, "steady", &u->steady);
		put_hours(b, u);
		buf_add_char(b, '}');
	}
	buf_add_char(b, '}');
	put_count(b, "refused_hours", from->refused_bytes);
}

/* The oldest first. */
static void put_recent(struct buf *b, const struct baseline *from)
{
	json_put_array(b, "recent");
	for (unsigned i = 0; i < BASELINE_RECENT; i++) {
		const uint64_t hash = from->recent[(from->recent_at + i) % BASELINE_RECENT];

		if (!hash)
			continue;
		json_put_comma(b);
		buf_printf(b, "\"%016llx\"", (unsigned long long)hash);
	}
	buf_add_char(b, ']');
}

static void put_mode(struct buf *b, const struct baseline *from)
{
	json_put_str(b, "mode", baseline_mode_names[from->mode]);
	put_time(b, "mode_since", from->mode_since_ns);
	put_name(b, "mode_by", from->mode_by);
	put_time(b, "promoted", from->promoted_ns);
	json_put_object(b, "actions");
	for (unsigned c = 0; c < BASELINE_CLASS_COUNT; c++)
		json_put_str(b, baseline_class_names[c],
			     enforce_action_names[(unsigned char)from->actions[c]]);
	buf_add_char(b, '}');
}

static void name_digests(struct writer *w)
{
	const struct baseline_digest *d = w->from->digests;

	for (unsigned i = 0; i < BASELINE_MAX_DIGESTS; i++) {
		const size_t whole = strlen(d[i].id);
		size_t n = whole < SHORT_ID || strncmp(d[i].id, "sha256:", 7) != 0 ? whole
										   : SHORT_ID;

		for (unsigned k = 0; k < BASELINE_MAX_DIGESTS; k++)
			if (k != i && strncmp(d[i].id, d[k].id, n) == 0)
				n = whole;
		if (n > 0)
			json_put_string(&w->names, (struct span){ d[i].id, n });
		w->names_end[i] = w->names.len;
	}
}

void baseline_json(struct buf *b, const struct baseline *from)
{
	AUTO(writer_release) struct writer w = { .b = b, .from = from };

	buf_init(&w.names, 16384);
	name_digests(&w);
	if (w.names.failed) {
		b->failed = true;
		return;
	}
	buf_add_char(b, '{');
	json_put_u64(b, "schema", BASELINE_SCHEMA);
	json_put_str(b, "repository", from->repository);
	json_put_str(b, "entry", from->entry);
	put_mode(b, from);
	put_time(b, "created", from->created_ns);
	put_time(b, "updated", from->updated_ns);
	put_count(b, "containers", from->containers);
	json_put_true(b, "imported", from->imported);
	put_digests(&w);
	put_evidence(b, from);
	put_sets(&w);
	put_resources(b, from);
	put_recent(b, from);
	buf_add_str(b, "}\n");
}
