// SPDX-License-Identifier: GPL-2.0-or-later
/* Requests about baselines: whose they are, what they are given, how they are answered; the list.
 */
#include <errno.h>
#include <string.h>

#include "collector/json_put.h"
#include "detector/detector_baseline_api.h"

#define BASE	   "/api/v1/baselines"
#define ANSWER_MAX (32U << 20)

enum how { BY_GET = 1 << 0, BY_COMMAND = 1 << 1, BY_DOCUMENT = 1 << 2 };

struct route {
	const char *path; /* behind BASE */
	unsigned how;
	unsigned takes, needs; /* bits of parameters */
	int (*run)(struct baseline_request *r);
};

static int list_or_one(struct baseline_request *r)
{
	return r->b ? baseline_ask_one(r) : baseline_ask_list(r);
}

#define IMAGE	 ASKS(ASK_IMAGE)
#define OF_ENTRY (IMAGE | ASKS(ASK_CLASS))
static const struct route routes[] = {
	{ "", BY_GET, IMAGE, 0, list_or_one },
	{ "/deviations", BY_GET, IMAGE, IMAGE, baseline_ask_deviations },
	{ "/diff", BY_GET, IMAGE | ASKS(ASK_A) | ASKS(ASK_B), ASKS(ASK_A) | ASKS(ASK_B),
	  baseline_ask_diff },
	{ "/preview", BY_GET, IMAGE | ASKS(ASK_HOURS), IMAGE, baseline_ask_preview },
	{ "/export", BY_GET, IMAGE | ASKS(ASK_FORMAT), IMAGE, baseline_ask_export },
	{ "/mode", BY_COMMAND, IMAGE | ASKS(ASK_MODE), IMAGE | ASKS(ASK_MODE),
	  baseline_change_mode },
	{ "/accept", BY_COMMAND | BY_DOCUMENT, OF_ENTRY | ASKS(ASK_ENTRY), OF_ENTRY,
	  baseline_change_accept },
	{ "/reject", BY_COMMAND | BY_DOCUMENT, OF_ENTRY | ASKS(ASK_ENTRY), OF_ENTRY,
	  baseline_change_reject },
	{ "/forget", BY_COMMAND | BY_DOCUMENT, OF_ENTRY | ASKS(ASK_ENTRY), OF_ENTRY,
	  baseline_change_forget },
	{ "/remove", BY_COMMAND, IMAGE, IMAGE, baseline_change_remove },
	{ "/import", BY_DOCUMENT, 0, 0, baseline_change_import },
	{ "/merge", BY_DOCUMENT, IMAGE, IMAGE, baseline_change_merge },
};

static const char *const parameter_names[ASK_COUNT] = { "image", "class", "entry",  "a",
							"b",	 "hours", "format", "mode" };

/* --- answers ------------------------------------------------------------------------------- */

static uint16_t status_of(int r)
{
	switch (-r) {
	case EINVAL:
	case EPROTO:
	case ENOTSUP:
		return 400;
	case ENOENT:
		return 404;
	case EBUSY:
	case EEXIST:
	case ENODATA:
	case ENOSPC:
	case EPERM:
		return 409;
	default:
		return 503;
	}
}

static void answer(struct detector_baseline *d, uint32_t ticket, struct baseline_request *r,
		   int result)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	if (result == 0 && r->answer.failed)
		result = err_set(&r->e, ENOMEM, "no memory for the answer");
	if (result == 0) {
		d->services.answer(d->services.agent, ticket, 200, &r->answer);
		return;
	}
	buf_init(&b, 16384);
	buf_add_char(&b, '{');
	json_put_object(&b, "error");
	json_put_u64(&b, "status", status_of(result));
	json_put_str(&b, "message", r->e.text);
	buf_add_str(&b, "}}");
	d->services.answer(d->services.agent, ticket, status_of(result), &b);
}

/* --- what is asked ------------------------------------------------------------------------- */

static int take_pairs(struct baseline_request *r, const struct route *route, struct span query)
{
	struct query_pair p;
	int more;

	while ((more = query_next(&query, &p, &r->e)) > 0) {
		unsigned i = 0;

		while (i < ASK_COUNT &&
		       !(route->takes & ASKS(i) && span_eq(p.key, parameter_names[i])))
			i++;
		if (i == ASK_COUNT)
			return err_set(&r->e, EINVAL, "'%.*s' is no parameter of this path",
				       (int)(p.key.n < 40 ? p.key.n : 40), p.key.p);
		snprintf(r->values[i], sizeof(r->values[i]), "%s", p.value);
	}
	for (unsigned i = 0; more == 0 && i < ASK_COUNT; i++)
		if (route->needs & ASKS(i) && !r->values[i][0])
			return err_set(&r->e, EINVAL, "the parameter '%s' is missing",
				       parameter_names[i]);
	return more;
}

static int take(struct baseline_request *r, const struct route *route, struct span query)
{
	struct detector_baseline *d = r->d;
	int result = take_pairs(r, route, query);

	if (result == 0 && r->values[ASK_CLASS][0] &&
	    !baseline_class_parse(span_str(r->values[ASK_CLASS]), &r->class))
		result = err_set(&r->e, EINVAL, "there is no class '%.60s'", r->values[ASK_CLASS]);
	if (result == 0 && !d->store)
		result = err_set(&r->e, ENOENT, "baselines are off (baseline.enabled)");
	if (result == 0 && r->values[ASK_IMAGE][0])
		result = baseline_store_lookup(d->store, span_str(r->values[ASK_IMAGE]), &r->b,
					       &r->e);
	if (result == 0 && r->b && !image_of(d, r->b))
		result = err_set(&r->e, ENOMEM, "no memory for the image");
	return result;
}

static bool handle(struct detector_baseline *d, enum how how, struct span path, struct span query,
		   const struct span *document, uint32_t ticket)
{
	static const size_t base_n = sizeof(BASE) - 1;
	const struct route *route = NULL;

	if (!span_starts(path, BASE))
		return false;
	const struct span rest = { path.p + base_n, path.n - base_n };

	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		if (routes[i].how & how && span_eq(rest, routes[i].path))
			route = &routes[i];
	if (!route || ticket == AGENT_NO_TICKET)
		return route != NULL;
	struct baseline_request r = { .d = d, .document = document, .answer = { .fd = -1 } };

	buf_init(&r.answer, ANSWER_MAX);
	int result = take(&r, route, query);

	if (result == 0)
		result = route->run(&r);
	d->changes += route->how != BY_GET;
	answer(d, ticket, &r, result);
	buf_release(&r.answer);
	return true;
}

bool detector_baseline_get(struct detector_baseline *d, struct span path, struct span query,
			   uint32_t ticket)
{
	return handle(d, BY_GET, path, query, NULL, ticket);
}

bool detector_baseline_command(struct detector_baseline *d, struct span path, struct span query,
			       uint32_t ticket)
{
	return handle(d, BY_COMMAND, path, query, NULL, ticket);
}

bool detector_baseline_document(struct detector_baseline *d, struct span path, struct span query,
				struct span body, uint32_t ticket)
{
	return handle(d, BY_DOCUMENT, path, query, &body, ticket);
}

/* --- deviations ---------------------------------------------------------------------------- */

bool baseline_deviation(struct span text, enum baseline_class *class, struct span *pattern)
{
	const char *blank = memchr(text.p, ' ', text.n);
	const size_t n = blank ? (size_t)(blank - text.p) : 0;

	if (!blank || !baseline_class_parse((struct span){ text.p, n }, class))
		return false;
	*pattern = (struct span){ blank + 1, text.n - n - 1 };
	return pattern->n > 0;
}

bool baseline_plain(struct span pattern, char *out, size_t *n)
{
	size_t to = 0;

	for (size_t i = 0; i < pattern.n; i++) {
		if (pattern.p[i] == '*')
			return false;
		i += pattern.p[i] == '\\' && i + 1 < pattern.n;
		out[to++] = pattern.p[i];
	}
	*n = to;
	return true;
}

/* --- the list ------------------------------------------------------------------------------ */

static void put_share(struct buf *b, const char *key, double v)
{
	json_put_key(b, key);
	buf_printf(b, "%.6g", v);
}

/* The class that learning waits for most: how far it is, of steady state. */
static void put_worst(struct baseline_request *r, const struct baseline *b)
{
	const struct maturity_bounds bounds = baseline_bounds(r->d, false);
	struct maturity m, worst = { 0 };
	double least = 2;
	unsigned at = 0;

	for (unsigned c = 0; c < BASELINE_CLASS_COUNT; c++) {
		baseline_maturity(b, (enum baseline_class)c, PHASE_STEADY, baseline_now_ns(r->d),
				  &m);
		const double progress =
			b->sets[c].complete_ns[PHASE_STEADY] ? 1 : maturity_progress(&m, &bounds);

		if (progress > least ||
		    (progress >= least && maturity_estimate(&m) <= maturity_estimate(&worst)))
			continue;
		least = progress;
		worst = m;
		at = c;
	}
	json_put_object(&r->answer, "maturity");
	json_put_str(&r->answer, "class", baseline_class_names[at]);
	put_share(&r->answer, "expected_new", maturity_estimate(&worst));
	put_share(&r->answer, "progress", least);
	json_put_key(&r->answer, "complete");
	buf_add_str(&r->answer, baseline_complete(b) ? "true}" : "false}");
}

static void put_summary(struct baseline_request *r, const struct baseline *b)
{
	const struct image *i = b->user;
	struct buf *out = &r->answer;
	char name[BASELINE_STORE_NAME];
	uint64_t digests = 0;

	for (unsigned k = 0; k < BASELINE_MAX_DIGESTS; k++)
		digests += b->digests[k].id[0] != '\0';
	json_put_comma(out);
	buf_add_char(out, '{');
	json_put_str(out, "name", baseline_store_name(b, name));
	json_put_str(out, "repository", b->repository);
	json_put_str(out, "entrypoint", b->entry);
	json_put_str(out, "mode", baseline_mode_names[b->mode]);
	if (b->mode_since_ns)
		json_put_time(out, "since", b->mode_since_ns);
	json_put_str(out, "by", b->mode_by);
	json_put_u64(out, "containers", i ? i->observers : 0);
	json_put_u64(out, "observed", b->containers);
	json_put_u64(out, "digests", digests);
	put_worst(r, b);
	json_put_object(out, "entries");
	for (unsigned c = 0; c < BASELINE_CLASS_COUNT; c++)
		json_put_u64(out, baseline_class_names[c],
			     path_tree_stats(b->sets[c].tree).entries);
	buf_add_char(out, '}');
	json_put_u64(out, "deviations", b->deviations ? path_tree_stats(b->deviations).entries : 0);
	json_put_u64(out, "bytes", baseline_bytes(b));
	json_put_true(out, "imported", b->imported);
	if (b->updated_ns)
		json_put_time(out, "updated", b->updated_ns);
	buf_add_char(out, '}');
}

int baseline_ask_list(struct baseline_request *r)
{
	const struct baseline_store_stats s = baseline_store_stats(r->d->store);
	struct buf *out = &r->answer;
	size_t n;
	struct baseline *const *list = baseline_store_list(r->d->store, &n);

	buf_add_char(out, '{');
	json_put_array(out, "baselines");
	for (size_t i = 0; i < n; i++)
		put_summary(r, list[i]);
	buf_add_char(out, ']');
	json_put_object(out, "store");
	json_put_u64(out, "images", s.images);
	json_put_u64(out, "capacity", s.capacity);
	json_put_u64(out, "refused", s.refused);
	json_put_u64(out, "bytes", s.bytes);
	json_put_u64(out, "unwritten", s.dirty);
	json_put_u64(out, "writes", s.writes);
	json_put_u64(out, "write_errors", s.write_errors);
	json_put_u64(out, "set_aside", s.set_aside);
	if (s.error && s.error[0])
		json_put_str(out, "error", s.error);
	buf_add_str(out, "}}");
	return 0;
}
