// SPDX-License-Identifier: GPL-2.0-or-later
/* What one baseline says: its document with what follows from it, what was told, and what sets two
 * versions apart. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "collector/json_put.h"
#include "detector/baseline_internal.h"
#include "detector/detector_baseline_api.h"

#define SHORTEST_ID	  4
#define MAX_PATTERN_BYTES (2 * PATH_TREE_MAX_PATH + 8)

static void put_number(struct buf *b, const char *key, double v)
{
	if (!isfinite(v))
		return;
	json_put_key(b, key);
	buf_printf(b, "%.6g", v);
}

void baseline_put_bool(struct buf *b, const char *key, bool v)
{
	json_put_key(b, key);
	buf_add_str(b, v ? "true" : "false");
}

void baseline_put_time(struct buf *b, const char *key, uint64_t unix_ns)
{
	if (unix_ns)
		json_put_time(b, key, unix_ns);
}

/* --- one --------------------------------------------------------------------------------------
 */

static void put_maturity(struct buf *b, const struct maturity *m,
			 const struct maturity_bounds *bounds, uint64_t complete_ns)
{
	const uint64_t left = complete_ns ? 0 : maturity_windows_left(m, bounds);

	json_put_u64(b, "windows", m->windows);
	json_put_u64(b, "singletons", m->singletons);
	json_put_u64(b, "entries", m->entries);
	put_number(b, "expected_new", maturity_estimate(m));
	put_number(b, "progress", complete_ns ? 1 : maturity_progress(m, bounds));
	if (left != UINT64_MAX)
		json_put_u64(b, "windows_left", left);
	baseline_put_bool(b, "complete", complete_ns != 0);
	baseline_put_time(b, "since", m->since_ns);
	baseline_put_time(b, "completed", complete_ns);
}

static void put_classes(struct baseline_request *r)
{
	const struct maturity_bounds bounds = baseline_bounds(r->d, false);
	struct buf *out = &r->answer;
	struct maturity m;

	json_put_object(out, "maturity");
	for (unsigned c = 0; c < BASELINE_CLASS_COUNT; c++) {
		const struct baseline_set *s = &r->b->sets[c];

		json_put_object(out, baseline_class_names[c]);
		for (unsigned p = 0; p < PHASE_COUNT; p++) {
			baseline_maturity(r->b, (enum baseline_class)c, (enum seen_phase)p,
					  baseline_now_ns(r->d), &m);
			json_put_object(out, seen_phase_names[p]);
			put_maturity(out, &m, &bounds, s->complete_ns[p]);
			json_put_u64(out, "voided", s->voided[p]);
			buf_add_char(out, '}');
		}
		json_put_u64(out, "refused", s->refused);
		buf_add_char(out, '}');
	}
	buf_add_char(out, '}');
}

static void put_versions(struct baseline_request *r)
{
	const struct maturity_bounds bounds = baseline_bounds(r->d, true);
	struct buf *out = &r->answer;
	struct maturity m;

	json_put_array(out, "versions");
	for (unsigned i = 0; i < BASELINE_MAX_DIGESTS; i++) {
		const struct baseline_digest *d = &r->b->digests[i];

		if (!d->id[0])
			continue;
		baseline_digest_maturity(r->b, i, baseline_now_ns(r->d), &m);
		json_put_comma(out);
		buf_add_char(out, '{');
		json_put_str(out, "id", d->id);
		if (d->reference[0])
			json_put_str(out, "reference", d->reference);
		baseline_put_bool(out, "inherited", d->inherited);
		baseline_put_bool(out, "learned", d->complete_ns != 0);
		baseline_put_time(out, "last", d->last_ns);
		put_maturity(out, &m, &bounds, d->complete_ns);
		buf_add_char(out, '}');
	}
	buf_add_char(out, ']');
}

/* Of steady state, all hours. */
static void put_usual(struct baseline_request *r)
{
	static const struct {
		const char *name;
		double q;
	} shown[] = { { "median", 0.5 }, { "p95", 0.95 }, { "p99", 0.99 } };
	struct buf *out = &r->answer;

	json_put_object(out, "usual");
	for (unsigned i = 0; i < RESOURCE_COUNT; i++) {
		const struct sketch *s = &r->b->usage[i].steady;

		json_put_object(out, baseline_resource_names[i]);
		json_put_str(out, "unit", baseline_resource_units[i]);
		json_put_u64(out, "values", s->total);
		for (size_t k = 0; s->total && k < sizeof(shown) / sizeof(shown[0]); k++)
			put_number(out, shown[k].name, sketch_quantile(s, shown[k].q));
		if (s->total)
			put_number(out, "max", s->max);
		buf_add_char(out, '}');
	}
	buf_add_char(out, '}');
}

/* What each class that acts comes to here. */
static void put_means(struct baseline_request *r)
{
	const struct image *i = r->b->user;
	struct buf *out = &r->answer;
	const char *why;

	json_put_array(out, "acts");
	for (unsigned c = 0; c < BASELINE_CLASS_COUNT; c++) {
		if (r->b->actions[c] == ENFORCE_ALERT)
			continue;
		json_put_comma(out);
		buf_add_char(out, '{');
		json_put_str(out, "class", baseline_class_names[c]);
		json_put_str(out, "action", enforce_action_names[(unsigned char)r->b->actions[c]]);
		json_put_str(out, "means", enforce_means(r->d, i, (enum baseline_class)c, &why));
		json_put_str(out, "why", why);
		buf_add_char(out, '}');
	}
	buf_add_char(out, ']');
}

void baseline_put_enforceable(struct baseline_request *r)
{
	struct agent_services *s = &r->d->services;
	struct err why = { "" };
	const bool can = image_may_enforce(r->d, r->b->user, &why) == 0;

	baseline_put_bool(&r->answer, "can_enforce", can);
	if (!can)
		json_put_str(&r->answer, "why_not", why.text);
	json_put_str(&r->answer, "layer", s->layer(s->agent));
	baseline_put_bool(&r->answer, "can_deny", s->can_deny(s->agent));
	put_means(r);
}

int baseline_ask_one(struct baseline_request *r)
{
	const struct image *i = r->b->user;
	struct buf *out = &r->answer;
	char name[BASELINE_STORE_NAME];

	baseline_json(out, r->b);
	if (out->failed || out->len < 3)
		return 0; /* told as no memory */
	out->len -= 2;	  /* the document goes on behind its "}\n" */
	json_put_str(out, "name", baseline_store_name(r->b, name));
	json_put_u64(out, "living", i->observers);
	json_put_u64(out, "bytes", baseline_bytes(r->b));
	baseline_put_bool(out, "complete", baseline_complete(r->b));
	put_classes(r);
	put_versions(r);
	put_usual(r);
	baseline_put_enforceable(r);
	buf_add_char(out, '}');
	return 0;
}

/* --- deviations ------------------------------------------------------------------------------
 */

/* What the same would be for every container: "/tmp/app-*.log" for "/tmp/app-83741.log". */
static void put_generalised(struct buf *out, enum baseline_class c, struct span pattern)
{
	AUTO_BUF struct buf text = { .fd = -1 };
	char plain[MAX_PATTERN_BYTES];
	size_t n;

	if (!baseline_limits[c].normalise || pattern.n > sizeof(plain) ||
	    !baseline_plain(pattern, plain, &n))
		return;
	buf_init(&text, sizeof(plain));
	path_tree_normalise((struct span){ plain, n }, &text);
	if (!text.failed && (text.len != pattern.n || memcmp(text.data, pattern.p, text.len) != 0))
		json_put_text(out, "generalised", (struct span){ text.data, text.len });
}

void baseline_begin_deviation(struct buf *out, enum baseline_class c, struct span pattern,
			      const struct seen *s)
{
	json_put_comma(out);
	buf_add_char(out, '{');
	json_put_str(out, "class", baseline_class_names[c]);
	baseline_put_entry(out, pattern);
	baseline_put_time(out, "first", s->first_ns);
	baseline_put_time(out, "last", s->last_ns);
	json_put_u64(out, "count", s->windows[PHASE_STEADY]);
	json_put_true(out, "dropped", s->flags & SEEN_DROPPED);
}

static bool put_deviation(void *ctx, struct span text, struct path_entry *entry)
{
	struct buf *out = ctx;
	enum baseline_class c;
	struct span pattern;

	if (baseline_deviation(text, &c, &pattern)) {
		baseline_begin_deviation(out, c, pattern, &entry->seen);
		put_generalised(out, c, pattern);
		buf_add_char(out, '}');
	}
	return !out->failed;
}

void baseline_begin_answer(struct baseline_request *r)
{
	buf_add_char(&r->answer, '{');
	json_put_str(&r->answer, "repository", r->b->repository);
	json_put_str(&r->answer, "entrypoint", r->b->entry);
	json_put_str(&r->answer, "mode", baseline_mode_names[r->b->mode]);
}

int baseline_ask_deviations(struct baseline_request *r)
{
	const struct path_tree *t = r->b->deviations;

	baseline_begin_answer(r);
	json_put_array(&r->answer, "deviations");
	if (t)
		path_tree_each(t, put_deviation, &r->answer);
	buf_add_char(&r->answer, ']');
	json_put_u64(&r->answer, "refused", t ? path_tree_stats(t).refused : 0);
	buf_add_char(&r->answer, '}');
	return 0;
}

/* --- two versions ----------------------------------------------------------------------------
 */

/* "nginx:1.25", or the start of an id, with or without "sha256:". */
static int find_version(const struct baseline *b, const char *text, unsigned *out, struct err *e)
{
	const char *bare = strncmp(text, "sha256:", 7) == 0 ? text + 7 : text;
	const size_t n = strlen(bare);
	unsigned found = 0;

	for (unsigned i = 0; i < BASELINE_MAX_DIGESTS; i++) {
		const char *id = b->digests[i].id;
		const char *digits = strncmp(id, "sha256:", 7) == 0 ? id + 7 : id;

		if (!id[0] || (strcmp(b->digests[i].reference, text) != 0 &&
			       (n < SHORTEST_ID || strncmp(digits, bare, n) != 0)))
			continue;
		*out = i;
		found++;
	}
	if (found == 1)
		return 0;
	return err_set(e, found ? EEXIST : ENOENT, "%s version '%.100s'",
		       found ? "there is more than one" : "there is no", text);
}

/* Without an image: the one that has both. */
static int find_versions(struct baseline_request *r, unsigned *a, unsigned *b)
{
	const char *first = r->values[ASK_A], *second = r->values[ASK_B];
	unsigned x, y;
	size_t n;
	struct baseline *const *list = baseline_store_list(r->d->store, &n);
	struct baseline *found = NULL;

	for (size_t i = 0; !r->b && i < n; i++) {
		if (find_version(list[i], first, &x, NULL) < 0 ||
		    find_version(list[i], second, &y, NULL) < 0)
			continue;
		if (found)
			return err_set(&r->e, EEXIST,
				       "more than one baseline has both versions: name the image");
		found = list[i];
	}
	if (!r->b && !found)
		return err_set(&r->e, ENOENT, "no baseline has both versions");
	r->b = r->b ? r->b : found;
	const int code = find_version(r->b, first, a, &r->e);

	return code < 0 ? code : find_version(r->b, second, b, &r->e);
}

static bool put_difference(void *ctx, enum baseline_class c, struct span pattern,
			   const struct seen *s, bool in_a)
{
	struct buf *out = ctx;
	uint64_t windows = 0;

	for (unsigned p = 0; p < PHASE_COUNT; p++)
		windows += s->windows[p];
	json_put_comma(out);
	buf_add_char(out, '{');
	json_put_str(out, "class", baseline_class_names[c]);
	baseline_put_entry(out, pattern);
	json_put_str(out, "in", in_a ? "a" : "b");
	baseline_put_time(out, "first", s->first_ns);
	baseline_put_time(out, "last", s->last_ns);
	json_put_u64(out, "windows", windows);
	buf_add_char(out, '}');
	return !out->failed;
}

static void put_version(struct buf *out, const char *key, const struct baseline_digest *d)
{
	json_put_object(out, key);
	json_put_str(out, "id", d->id);
	if (d->reference[0])
		json_put_str(out, "reference", d->reference);
	json_put_u64(out, "windows", d->windows);
	baseline_put_bool(out, "inherited", d->inherited);
	baseline_put_bool(out, "learned", d->complete_ns != 0);
	buf_add_char(out, '}');
}

int baseline_ask_diff(struct baseline_request *r)
{
	unsigned a = 0, b = 0;
	const int code = find_versions(r, &a, &b);

	if (code < 0)
		return code;
	baseline_begin_answer(r);
	put_version(&r->answer, "a", &r->b->digests[a]);
	put_version(&r->answer, "b", &r->b->digests[b]);
	json_put_array(&r->answer, "entries");
	if (a != b)
		baseline_diff(r->b, a, b, put_difference, &r->answer);
	buf_add_str(&r->answer, "]}");
	return 0;
}
