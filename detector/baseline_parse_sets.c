// SPDX-License-Identifier: GPL-2.0-or-later
/* The entries of a baseline's document, and the evidence for them. */
#include <errno.h>
#include <string.h>

#include "detector/baseline_read.h"

/* By its id or the start of it that no other has; or MAX_DIGESTS. */
static unsigned digest_by_text(const struct reader *r, const char *text)
{
	const size_t n = text ? strlen(text) : 0;
	unsigned found = BASELINE_MAX_DIGESTS, starts = 0;

	for (unsigned i = 0; n > 0 && i < r->digests_n; i++) {
		const char *id = r->to->digests[i].id;

		if (strncmp(id, text, n) != 0)
			continue;
		if (id[n] == '\0')
			return i;
		found = i;
		starts++;
	}
	return starts == 1 ? found : BASELINE_MAX_DIGESTS;
}

static int read_digests_of(struct reader *r, const json_t *o, struct seen *s)
{
	json_t *array;
	int code = read_array(r, o, "digests", BASELINE_MAX_DIGESTS, &array);

	for (unsigned i = 0; code == 0 && i < json_array_size(array); i++) {
		const char *text = json_string_value(json_array_get(array, i));
		const unsigned d = digest_by_text(r, text);

		if (d < BASELINE_MAX_DIGESTS) {
			s->digests |= 1U << d;
			continue;
		}
		const size_t back = read_enter(r, ".digests[%u]", i);

		code = read_wrong(r, "the start of one id in 'digests'");
		read_leave(r, back);
	}
	return code;
}

/* --- entries -----------------------------------------------------------------------------------
 */

static int read_flags(struct reader *r, const json_t *o, struct seen *s)
{
	static const struct {
		const char *name;
		uint32_t flag;
	} flags[] = { { "accepted", SEEN_ACCEPTED },
		      { "imported", SEEN_IMPORTED },
		      { "dropped", SEEN_DROPPED },
		      { "rejected", SEEN_REJECTED } };

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		bool set = false;
		const int code = read_bool(r, o, flags[i].name, &set);

		if (code < 0)
			return code;
		if (set)
			s->flags |= flags[i].flag;
	}
	return 0;
}

static int read_seen(struct reader *r, const json_t *o, struct seen *s)
{
	json_t *windows;
	int code;

	if ((code = read_time(r, o, "first", &s->first_ns)) < 0 ||
	    (code = read_time(r, o, "last", &s->last_ns)) < 0 ||
	    (code = read_object(r, o, "windows", &windows)) < 0 ||
	    (code = read_u32(r, o, "containers", &s->containers)) < 0 ||
	    (code = read_digests_of(r, o, s)) < 0 || (code = read_flags(r, o, s)) < 0)
		return code;
	const size_t back = read_enter(r, ".windows");

	for (unsigned p = 0; code == 0 && windows && p < PHASE_COUNT; p++)
		code = read_u32(r, windows, seen_phase_names[p], &s->windows[p]);
	read_leave(r, back);
	return code;
}

/* "\xNN" back to the byte, of those that are no UTF-8 alone; the other escapes are the tree's. */
bool baseline_read_entry(struct span text, char *out, size_t *n)
{
	size_t to = 0;

	for (size_t i = 0; i < text.n; i++) {
		out[to++] = text.p[i];
		if (text.p[i] != '\\')
			continue;
		if (++i == text.n)
			return false;
		if (text.p[i] != 'x') {
			out[to++] = text.p[i];
			continue;
		}
		const int high = i + 2 < text.n ? parse_hex_digit(text.p[i + 1]) : -1;
		const int low = i + 2 < text.n ? parse_hex_digit(text.p[i + 2]) : -1;

		if (high < 8 || low < 0)
			return false;
		out[to - 1] = (char)(high << 4 | low);
		i += 2;
	}
	*n = to;
	return to > 0;
}

static bool read_pattern(struct reader *r, const char *text, struct span *out)
{
	const struct span s = span_str(text);

	out->p = r->pattern;
	return s.n <= BASELINE_MAX_PATTERN && baseline_read_entry(s, r->pattern, &out->n);
}

/* BASELINE_CLASS_COUNT: of the deviations. */
static int add_entry(struct reader *r, enum baseline_class c, struct span pattern,
		     const struct seen *s)
{
	struct path_entry *entry = NULL;
	int code;

	if (s->flags & SEEN_REJECTED && c < BASELINE_CLASS_COUNT)
		return baseline_add_rejected(r->to, c, pattern, s);
	code = path_tree_add_pattern(c < BASELINE_CLASS_COUNT ? r->to->sets[c].tree
							      : r->to->deviations,
				     pattern, &entry);
	if (code < 0)
		return code;
	if (entry->seen.first_ns || entry->seen.flags || seen_in_any_phase(&entry->seen))
		seen_fold(&entry->seen, s);
	else
		entry->seen = *s;
	return 0;
}

static int read_entry(struct reader *r, const json_t *o, enum baseline_class c)
{
	struct seen seen = { 0 };
	struct span pattern;

	if (!json_is_object(o))
		return read_wrong(r, "an object");
	if (!read_pattern(r, json_string_value(json_object_get(o, "entry")), &pattern))
		return read_wrong_member(r, "entry", "a pattern");
	int code = read_seen(r, o, &seen);

	if (code < 0)
		return code;
	code = add_entry(r, c, pattern, &seen);
	if (code == -EPROTO || code == -EINVAL)
		return read_wrong_member(r, "entry", "a pattern");
	if (code == -ENOSPC && c == BASELINE_CLASS_COUNT)
		return 0;
	if (code == -ENOSPC) /* better an incomplete baseline than none */
		baseline_refuse(r->to, c, code);
	else if (code < 0)
		return err_set(r->e, -code, "no memory for a baseline");
	return 0;
}

static int read_deviations(struct reader *r, const json_t *root)
{
	json_t *array;
	int code = read_array(r, root, "deviations", BASELINE_MAX_DEVIATIONS, &array);

	for (unsigned i = 0; code == 0 && i < json_array_size(array); i++) {
		const size_t back = read_enter(r, "deviations[%u]", i);

		code = read_entry(r, json_array_get(array, i), BASELINE_CLASS_COUNT);
		read_leave(r, back);
	}
	return code;
}

int read_sets(struct reader *r, const json_t *root)
{
	json_t *sets, *array;
	int code = read_object(r, root, "sets", &sets);
	const size_t outer = read_enter(r, "sets");

	for (unsigned c = 0; code == 0 && sets && c < BASELINE_CLASS_COUNT; c++) {
		code = read_array(r, sets, baseline_class_names[c],
				  baseline_limits[c].entries + BASELINE_MAX_REJECTED, &array);
		for (unsigned i = 0; code == 0 && i < json_array_size(array); i++) {
			const size_t back = read_enter(r, ".%s[%u]", baseline_class_names[c], i);

			code = read_entry(r, json_array_get(array, i), (enum baseline_class)c);
			read_leave(r, back);
		}
	}
	read_leave(r, outer);
	return code < 0 ? code : read_deviations(r, root);
}

static int read_evidence_of(struct reader *r, const json_t *o, struct baseline_set *s)
{
	int code;

	if ((code = read_phases(r, o, "windows", s->windows, false)) < 0 ||
	    (code = read_phases(r, o, "voided", s->voided, false)) < 0 ||
	    (code = read_phases(r, o, "since", s->first_window_ns, true)) < 0 ||
	    (code = read_phases(r, o, "complete", s->complete_ns, true)) < 0)
		return code;
	code = read_count(r, o, "refused", INT64_MAX, &s->refused);
	if (s->refused > 0)
		memset(s->complete_ns, 0, sizeof(s->complete_ns));
	return code;
}

int read_evidence(struct reader *r, const json_t *root)
{
	json_t *all, *of;
	int code = read_object(r, root, "evidence", &all);
	const size_t outer = read_enter(r, "evidence");

	for (unsigned c = 0; code == 0 && all && c < BASELINE_CLASS_COUNT; c++) {
		code = read_object(r, all, baseline_class_names[c], &of);
		const size_t back = read_enter(r, ".%s", baseline_class_names[c]);

		if (code == 0 && of)
			code = read_evidence_of(r, of, &r->to->sets[c]);
		read_leave(r, back);
	}
	read_leave(r, outer);
	return code;
}
