// SPDX-License-Identifier: GPL-2.0-or-later
/* What enforcement of a baseline would have done, and what other tools make of it. */
#include <errno.h>
#include <string.h>

#include "collector/base/clock.h"
#include "collector/json_put.h"
#include "detector/baseline_export.h"
#include "detector/detector_baseline_api.h"

#define EXPORT_BYTES  (8U << 20)
#define NOTES_BYTES   (1U << 20)
#define MAX_HOURS     (366 * 24)
#define DEFAULT_HOURS 24

/* --- before enforcement ----------------------------------------------------------------------
 */

struct preview {
	struct baseline_request *r;
	uint64_t since_ns;
	uint64_t by_class[BASELINE_CLASS_COUNT], entries, events, known;
};

/* A program of the image that another one started is told and never blocked. */
static bool is_known_program(const struct baseline *b, enum baseline_class c, struct span pattern,
			     const struct seen *s)
{
	const char *cut = memmem(pattern.p, pattern.n, " < ", 3);

	return (c == BASELINE_EXEC || c == BASELINE_SCRIPT) && cut && !(s->flags & SEEN_DROPPED) &&
	       baseline_knows_program(b, c,
				      (struct span){ pattern.p, (size_t)(cut + 3 - pattern.p) });
}

static bool preview_one(void *ctx, struct span text, struct path_entry *entry)
{
	struct preview *p = ctx;
	const struct baseline *b = p->r->b;
	const struct seen *s = &entry->seen;
	struct buf *out = &p->r->answer;
	enum baseline_class c;
	struct span pattern;
	const char *why;

	if (!baseline_deviation(text, &c, &pattern) || s->last_ns < p->since_ns ||
	    b->actions[c] == ENFORCE_ALERT)
		return true;
	const enum enforce_action action = (enum enforce_action)b->actions[c];

	if (is_known_program(b, c, pattern, s)) {
		p->known++;
		return true;
	}
	p->entries++;
	p->events += s->windows[PHASE_STEADY];
	p->by_class[c]++;
	baseline_begin_deviation(out, c, pattern, s);
	json_put_str(out, "action", enforce_action_names[action]);
	json_put_str(out, "means", enforce_means(p->r->d, b->user, c, &why));
	json_put_str(out, "why", why);
	baseline_put_bool(out, "learned", b->sets[c].complete_ns[PHASE_STEADY] != 0);
	buf_add_char(out, '}');
	return !out->failed;
}

static void put_acting_classes(struct baseline_request *r)
{
	struct buf *out = &r->answer;

	json_put_object(out, "actions");
	for (unsigned c = 0; c < BASELINE_CLASS_COUNT; c++)
		json_put_str(out, baseline_class_names[c],
			     enforce_action_names[(unsigned char)r->b->actions[c]]);
	buf_add_char(out, '}');
	json_put_array(out, "not_learned");
	for (unsigned c = 0; c < BASELINE_CLASS_COUNT; c++) {
		if (r->b->actions[c] == ENFORCE_ALERT || r->b->sets[c].complete_ns[PHASE_STEADY])
			continue;
		json_put_comma(out);
		json_put_string(out, span_str(baseline_class_names[c]));
	}
	buf_add_char(out, ']');
}

int baseline_ask_preview(struct baseline_request *r)
{
	const char *text = r->values[ASK_HOURS];
	const uint64_t now = baseline_now_ns(r->d);
	const struct image *i = r->b->user;
	uint64_t hours = DEFAULT_HOURS;

	if (text[0] && (!parse_u64(span_str(text), &hours) || hours == 0 || hours > MAX_HOURS))
		return err_set(&r->e, EINVAL, "'hours' is a number from 1 to %d", MAX_HOURS);
	struct preview p = { .r = r, .since_ns = now - hours * 3600 * NS_PER_S };
	struct buf *out = &r->answer;

	baseline_begin_answer(r);
	json_put_u64(out, "hours", hours);
	baseline_put_enforceable(r);
	baseline_put_bool(out, "fits", !i->cannot_enforce);
	put_acting_classes(r);
	json_put_array(out, "blocked");
	if (r->b->deviations)
		path_tree_each(r->b->deviations, preview_one, &p);
	buf_add_char(out, ']');
	json_put_object(out, "counts");
	json_put_u64(out, "entries", p.entries);
	json_put_u64(out, "events", p.events);
	json_put_u64(out, "known_programs", p.known);
	for (unsigned c = 0; c < BASELINE_CLASS_COUNT; c++)
		json_put_known(out, baseline_class_names[c], p.by_class[c]);
	buf_add_str(out, "}}");
	return 0;
}

/* --- for others ------------------------------------------------------------------------------
 */

int baseline_ask_export(struct baseline_request *r)
{
	const char *name = r->values[ASK_FORMAT][0] ? r->values[ASK_FORMAT] : "json";
	AUTO_BUF struct buf text = { .fd = -1 }, notes = { .fd = -1 };
	struct buf *out = &r->answer;
	enum baseline_format format;
	struct span rest, line;

	if (!baseline_format_parse(span_str(name), &format))
		return err_set(&r->e, EINVAL,
			       "'format' is json, seccomp, apparmor, falco or networkpolicy");
	buf_init(&text, EXPORT_BYTES);
	buf_init(&notes, NOTES_BYTES);
	const int code = baseline_export(&text, &notes, r->b, format, &r->e);

	if (code < 0)
		return code;
	buf_add_char(out, '{');
	json_put_str(out, "format", name);
	json_put_text(out, "text", (struct span){ text.data, text.len });
	json_put_array(out, "notes");
	rest = (struct span){ notes.data, notes.failed ? 0 : notes.len };
	while (rest.n > 0 && span_next(&rest, '\n', &line)) {
		if (line.n == 0)
			continue;
		json_put_comma(out);
		json_put_string(out, line);
	}
	buf_add_str(out, "]}");
	return 0;
}
