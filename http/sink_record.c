// SPDX-License-Identifier: GPL-2.0-or-later
/* A line taken apart, and whether a sink wants it. */
#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "http/sinks_internal.h"

static const char *text_of(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "";
}

int sink_record_new(struct sink_record **out, struct span line, struct err *e)
{
	AUTO(sink_record_free) struct sink_record *r = calloc(1, sizeof(*r));
	json_error_t why;

	if (r)
		r->line = malloc(line.n + 1);
	if (!r || !r->line)
		return err_set(e, ENOMEM, "no memory for an alert");
	memcpy(r->line, line.p, line.n);
	r->line[line.n] = '\0';
	r->n = line.n;
	r->json = json_loadb(line.p, line.n, JSON_REJECT_DUPLICATES, &why);
	if (!json_is_object(r->json))
		return err_set(e, EPROTO, "a line of the log is not JSON");
	r->seq = (uint64_t)json_integer_value(json_object_get(r->json, "seq"));
	r->id = text_of(r->json, "id");
	r->state = text_of(r->json, "state");
	r->kind = text_of(r->json, "kind");
	int severity = wire_severity_parse(span_str(text_of(r->json, "severity")));

	if (severity < 0 || !r->seq || !r->id[0] || !r->state[0] ||
	    !parse_rfc3339_ns(span_str(text_of(r->json, "time")), &r->time_ns))
		return err_set(e, EPROTO, "a line of the log is no alert");
	r->severity = (unsigned)severity;
	*out = TAKE(r);
	return 0;
}

void sink_record_free(struct sink_record *r)
{
	if (!r)
		return;
	json_decref(r->json);
	free(r->line);
	free(r);
}

const char *sink_record_text(const struct sink_record *r, const char *path)
{
	const json_t *at = r->json;
	struct span rest = span_str(path), piece;
	char key[64];

	while (at && span_next(&rest, '.', &piece)) {
		snprintf(key, sizeof(key), "%.*s", (int)piece.n, piece.p);
		at = json_object_get(at, key);
	}
	const char *s = json_string_value(at);

	return s ? s : "";
}

bool sink_record_is(const struct sink_record *r, const char *state)
{
	return strcmp(r->state, state) == 0;
}

void sink_text_cut(char *out, size_t cap, const char *text)
{
	size_t n = 0;

	for (size_t left = strlen(text); left > 0;) {
		size_t k = utf8_len((struct span){ text + n, left });

		if (k == 0 || n + k >= cap)
			break;
		memcpy(out + n, text + n, k);
		n += k;
		left -= k;
	}
	out[n] = '\0';
}

/* The name of a program may hold line ends, which would forge a second fact, or what moves a
 * terminal's cursor. */
void sink_text_visible(char *out, size_t cap, const char *text)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, 4 * strlen(text) + 16);
	buf_add_visible(&b, span_str(text));
	buf_add_char(&b, '\0');
	sink_text_cut(out, cap, b.failed ? "" : b.data);
}

/* --- filters -------------------------------------------------------------------------------- */

static bool kind_fits(const struct sink *s, const struct sink_record *r)
{
	const struct sink_setting *kind = sink_each(s, "kind", NULL);

	if (!kind)
		return true;
	for (; kind; kind = sink_each(s, "kind", kind))
		if (strcmp(kind->value, r->kind) == 0)
			return true;
	return false;
}

static bool image_fits(const struct sink *s, const struct sink_record *r)
{
	const struct sink_setting *image = sink_each(s, "image", NULL);
	const char *own = sink_record_text(r, "container.image");

	if (!image)
		return true;
	for (; image; image = sink_each(s, "image", image))
		if (fnmatch(image->value, own, 0) == 0)
			return true;
	return false;
}

static bool labels_fit(const struct sink *s, const struct sink_record *r)
{
	const json_t *labels = json_object_get(json_object_get(r->json, "container"), "labels");
	const struct sink_setting *want = NULL;
	const char *name;

	while ((want = sink_each_entry(s, "label", want, &name))) {
		const char *own = json_string_value(json_object_get(labels, name));

		if (!own || fnmatch(want->value, own, 0) != 0)
			return false;
	}
	return true;
}

bool sink_wants(const struct sink *s, enum wire_log log, const struct sink_record *r)
{
	const bool held = json_is_false(json_object_get(r->json, "deliver"));

	/* a test is for the sink that it names, whatever that filters, and for no other */
	if (strcmp(r->kind, "test") == 0)
		return !held && strcmp(sink_record_text(r, "sink"), s->name) == 0;
	if (sink_record_text(r, "silenced")[0])
		return false;
	if (held && !sink_flag(s, "updates"))
		return false;
	if (log == WIRE_LOG_AUDIT) /* asked for as a whole: it has severities of no weight */
		return image_fits(s, r) && labels_fit(s, r);
	return r->severity <= s->min_severity && kind_fits(s, r) && image_fits(s, r) &&
	       labels_fit(s, r);
}
