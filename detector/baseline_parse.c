// SPDX-License-Identifier: GPL-2.0-or-later
/* A document as a baseline. It may come from another machine: what it may cost is settled before
 * the tree of values is built, and every member is looked at. */
#include <errno.h>
#include <string.h>

#include "detector/baseline_read.h"

#define MAX_DEPTH    12
#define MAX_BRACKETS 32768  /* three for an entry, a few for a sketch */
#define MAX_COMMAS   262144 /* 4096 entries with all digests, all buckets of all sketches */

static inline void auto_json_release(json_t **j)
{
	json_decref(*j);
}

/* --- digests -----------------------------------------------------------------------------------
 */

static int read_digest(struct reader *r, const json_t *o, struct baseline_digest *d)
{
	int code;

	if (!json_is_object(o))
		return read_wrong(r, "an object");
	if ((code = read_name(r, o, "id", d->id, sizeof(d->id))) < 0 ||
	    (code = read_name(r, o, "reference", d->reference, sizeof(d->reference))) < 0 ||
	    (code = read_time(r, o, "first", &d->first_ns)) < 0 ||
	    (code = read_time(r, o, "last", &d->last_ns)) < 0 ||
	    (code = read_count(r, o, "windows", INT64_MAX, &d->windows)) < 0 ||
	    (code = read_time(r, o, "complete", &d->complete_ns)) < 0 ||
	    (code = read_bool(r, o, "inherited", &d->inherited)) < 0)
		return code;
	return d->id[0] ? 0 : read_wrong_member(r, "id", "the id of an image");
}

static int read_digests(struct reader *r, const json_t *root)
{
	struct baseline_digest *list = r->to->digests;
	json_t *array;
	int code = read_array(r, root, "digests", BASELINE_MAX_DIGESTS, &array);

	for (unsigned i = 0; code == 0 && i < json_array_size(array); i++) {
		const size_t back = read_enter(r, "digests[%u]", i);

		code = read_digest(r, json_array_get(array, i), &list[i]);
		if (code == 0 && baseline_find_digest(r->to, list[i].id) < i)
			code = read_wrong_member(r, "id", "an id that comes once");
		r->digests_n = i + 1;
		read_leave(r, back);
	}
	return code;
}

/* --- resources ---------------------------------------------------------------------------------
 */

static int read_sketch(struct reader *r, const json_t *o, const char *key, double alpha,
		       uint32_t buckets, struct sketch *out)
{
	const json_t *v = json_object_get(o, key);
	struct err why = { "" };

	if (!v)
		return 0;
	int code = sketch_parse(out, v, buckets, &why);

	if (code == 0 && (out->alpha < alpha || out->alpha > alpha)) {
		char expected[64];

		sketch_release(out);
		snprintf(expected, sizeof(expected), "a sketch with an alpha of %g", alpha);
		code = read_wrong_member(r, key, expected);
	} else if (code < 0) {
		code = err_set(r->e, -code, "%s.%s: %s", r->at, key, why.text);
	}
	if (code < 0)
		sketch_init(out, alpha, buckets);
	return code;
}

static int read_hour(struct reader *r, const json_t *hours, const char *key,
		     enum baseline_resource of, unsigned h)
{
	struct sketch *s;

	if (!json_object_get(hours, key))
		return 0;
	s = baseline_hour(r->to, of, h);
	return s ? read_sketch(r, hours, key, BASELINE_HOUR_ALPHA, BASELINE_HOUR_BUCKETS, s) : 0;
}

static int read_usage(struct reader *r, const json_t *o, enum baseline_resource of)
{
	struct baseline_usage *u = &r->to->usage[of];
	json_t *hours;
	int code;

	if ((code = read_sketch(r, o, "startup", BASELINE_ALPHA, BASELINE_STARTUP_BUCKETS,
				&u->startup)) < 0 ||
	    (code = read_sketch(r, o, "steady", BASELINE_ALPHA, BASELINE_BUCKETS, &u->steady)) <
		    0 ||
	    (code = read_object(r, o, "hours", &hours)) < 0)
		return code;
	const size_t back = read_enter(r, ".hours");

	for (unsigned h = 0; code == 0 && hours && h < 24; h++) {
		char key[4];

		snprintf(key, sizeof(key), "%02u", h);
		code = read_hour(r, hours, key, of, h);
	}
	read_leave(r, back);
	return code;
}

static int read_resources(struct reader *r, const json_t *root)
{
	json_t *all, *o;
	int code = read_object(r, root, "resources", &all);
	const size_t outer = read_enter(r, "resources");

	for (unsigned i = 0; code == 0 && all && i < RESOURCE_COUNT; i++) {
		code = read_object(r, all, baseline_resource_names[i], &o);
		const size_t back = read_enter(r, ".%s", baseline_resource_names[i]);

		if (code == 0 && o)
			code = read_usage(r, o, (enum baseline_resource)i);
		read_leave(r, back);
	}
	read_leave(r, outer);
	if (code == 0)
		code = read_count(r, root, "refused_hours", INT64_MAX, &r->to->refused_bytes);
	return code;
}

/* --- the whole ---------------------------------------------------------------------------------
 */

static int read_recent(struct reader *r, const json_t *root)
{
	json_t *array;
	int code = read_array(r, root, "recent", BASELINE_RECENT, &array);

	for (unsigned i = 0; code == 0 && i < json_array_size(array); i++) {
		const struct span text = span_str(json_string_value(json_array_get(array, i)));
		const size_t back = read_enter(r, "recent[%u]", i);
		uint64_t hash;

		if (text.n != 16 || !parse_hex_u64(text, &hash) || hash == 0)
			code = read_wrong(r, "16 hexadecimal digits");
		else
			baseline_recent(r->to, hash);
		read_leave(r, back);
	}
	return code;
}

static int read_mode(struct reader *r, const json_t *root)
{
	struct baseline *b = r->to;
	unsigned mode = b->mode, action;
	json_t *actions;
	int code;

	if ((code = read_choice(r, root, "mode", baseline_mode_names, &mode)) < 0 ||
	    (code = read_time(r, root, "mode_since", &b->mode_since_ns)) < 0 ||
	    (code = read_name(r, root, "mode_by", b->mode_by, sizeof(b->mode_by))) < 0 ||
	    (code = read_time(r, root, "promoted", &b->promoted_ns)) < 0 ||
	    (code = read_object(r, root, "actions", &actions)) < 0)
		return code;
	b->mode = (enum baseline_mode)mode;
	const size_t back = read_enter(r, "actions");

	for (unsigned c = 0; code == 0 && actions && c < BASELINE_CLASS_COUNT; c++) {
		action = ENFORCE_ALERT;
		code = read_choice(r, actions, baseline_class_names[c], enforce_action_names,
				   &action);
		b->actions[c] = (char)action;
	}
	read_leave(r, back);
	return code;
}

static int read_all(struct reader *r, const json_t *root)
{
	struct baseline *b = r->to;
	int code;

	if ((code = read_mode(r, root)) < 0 ||
	    (code = read_time(r, root, "created", &b->created_ns)) < 0 ||
	    (code = read_time(r, root, "updated", &b->updated_ns)) < 0 ||
	    (code = read_u32(r, root, "containers", &b->containers)) < 0 ||
	    (code = read_bool(r, root, "imported", &b->imported)) < 0 ||
	    (code = read_digests(r, root)) < 0 || (code = read_evidence(r, root)) < 0 ||
	    (code = read_sets(r, root)) < 0 || (code = read_resources(r, root)) < 0 ||
	    (code = read_recent(r, root)) < 0)
		return code;
	return 0;
}

static int read_head(struct reader *r, const json_t *root)
{
	char repository[BASELINE_NAME_BYTES] = "", entry[BASELINE_CLASS_BYTES] = "";
	uint64_t schema = 0;
	int code;

	if (!json_is_object(root))
		return read_wrong(r, "an object");
	if ((code = read_count(r, root, "schema", INT64_MAX, &schema)) < 0)
		return code;
	if (schema > BASELINE_SCHEMA)
		return err_set(r->e, ENOTSUP,
			       "schema %llu of a baseline is newer than this program's (%d)",
			       (unsigned long long)schema, BASELINE_SCHEMA);
	if (schema == 0)
		return read_wrong_member(r, "schema", "the number of a schema, from 1 on");
	if ((code = read_name(r, root, "repository", repository, sizeof(repository))) < 0 ||
	    (code = read_name(r, root, "entry", entry, sizeof(entry))) < 0)
		return code;
	if (!repository[0])
		return read_wrong_member(r, "repository", "the name of an image");
	return baseline_new(&r->to, span_str(repository), span_str(entry), 0, r->e);
}

/* Memory of values grows with brackets and commas: counted before any is made. */
static int check_size(struct span json, struct err *e)
{
	unsigned depth = 0;
	size_t brackets = 0, commas = 0;
	bool text = false;

	if (json.n > BASELINE_MAX_JSON)
		return err_set(e, EPROTO, "the document has more than %u bytes", BASELINE_MAX_JSON);
	for (size_t i = 0; i < json.n; i++) {
		const char c = json.p[i];

		if (c == '"')
			text = !text;
		else if (text)
			i += c == '\\';
		else if (c == '{' || c == '[')
			brackets++, depth++;
		else if (c == '}' || c == ']')
			depth -= depth > 0;
		else
			commas += c == ',';
		if (depth > MAX_DEPTH || brackets > MAX_BRACKETS || commas > MAX_COMMAS)
			return err_set(e, EPROTO, "the document has too many or too deep values");
	}
	return 0;
}

int baseline_parse(struct baseline **out, struct span json, struct err *e)
{
	AUTO_FREE struct reader *r = calloc(1, sizeof(*r));
	json_error_t why;
	int code = check_size(json, e);

	if (code < 0)
		return code;
	if (!r)
		return err_set(e, ENOMEM, "no memory for a baseline");
	r->e = e;
	AUTO(json_release)
	json_t *root = json_loadb(json.n ? json.p : "", json.n, JSON_REJECT_DUPLICATES, &why);

	if (!root && json_error_code(&why) == json_error_out_of_memory)
		return err_set(e, ENOMEM, "no memory for a baseline");
	if (!root)
		return err_set(e, EPROTO, "line %d, column %d: %s", why.line, why.column, why.text);
	code = read_head(r, root);
	if (code == 0)
		code = read_all(r, root);
	AUTO(baseline_free) struct baseline *b = r->to;

	if (code < 0)
		return code;
	b->dirty = false;
	*out = TAKE(b);
	return 0;
}
