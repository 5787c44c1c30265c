// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/baseline_read.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

size_t read_enter(struct reader *r, const char *fmt, ...)
{
	const size_t back = r->at_n;
	va_list ap;

	va_start(ap, fmt);
	const int n = vsnprintf(r->at + r->at_n, sizeof(r->at) - r->at_n, fmt, ap);

	va_end(ap);
	if (n > 0)
		r->at_n += (size_t)n;
	if (r->at_n >= sizeof(r->at))
		r->at_n = sizeof(r->at) - 1;
	return back;
}

void read_leave(struct reader *r, size_t back)
{
	r->at_n = back;
	r->at[back] = '\0';
}

int read_wrong(struct reader *r, const char *expected)
{
	return err_set(r->e, EPROTO, "%s: expected %s", r->at_n ? r->at : "the document", expected);
}

int read_wrong_member(struct reader *r, const char *key, const char *expected)
{
	const size_t back = read_enter(r, "%s%s", r->at_n ? "." : "", key);
	const int code = read_wrong(r, expected);

	read_leave(r, back);
	return code;
}

int read_count(struct reader *r, const json_t *o, const char *key, uint64_t max, uint64_t *out)
{
	const json_t *v = json_object_get(o, key);
	const json_int_t n = json_integer_value(v);

	if (!v)
		return 0;
	if (!json_is_integer(v) || n < 0 || (uint64_t)n > max)
		return read_wrong_member(r, key,
					 max == UINT32_MAX ? "an integer from 0 to 4294967295"
							   : "an integer of 0 or more");
	*out = (uint64_t)n;
	return 0;
}

int read_u32(struct reader *r, const json_t *o, const char *key, uint32_t *out)
{
	uint64_t n = *out;
	const int code = read_count(r, o, key, UINT32_MAX, &n);

	*out = (uint32_t)n;
	return code;
}

int read_time(struct reader *r, const json_t *o, const char *key, uint64_t *out)
{
	const json_t *v = json_object_get(o, key);

	if (v && (!json_is_string(v) || !parse_rfc3339_ns(span_str(json_string_value(v)), out)))
		return read_wrong_member(r, key, "a time (RFC 3339)");
	return 0;
}

int read_bool(struct reader *r, const json_t *o, const char *key, bool *out)
{
	const json_t *v = json_object_get(o, key);

	if (v && !json_is_boolean(v))
		return read_wrong_member(r, key, "true or false");
	if (v)
		*out = json_is_true(v);
	return 0;
}

int read_name(struct reader *r, const json_t *o, const char *key, char *out, size_t cap)
{
	const json_t *v = json_object_get(o, key);
	const char *text = json_string_value(v);

	if (!v)
		return 0;
	if (!text || !baseline_clean(span_str(text), out, cap) || strcmp(out, text) != 0) {
		char expected[64];

		snprintf(expected, sizeof(expected),
			 "a string of at most %zu bytes, without controls", cap - 1);
		return read_wrong_member(r, key, expected);
	}
	return 0;
}

int read_choice(struct reader *r, const json_t *o, const char *key, const char *const *names,
		unsigned *out)
{
	const json_t *v = json_object_get(o, key);
	const char *text = json_string_value(v);

	if (!v)
		return 0;
	for (unsigned i = 0; text && names[i]; i++)
		if (strcmp(text, names[i]) == 0) {
			*out = i;
			return 0;
		}
	char expected[128] = "one of";

	for (unsigned i = 0; names[i]; i++) {
		const size_t n = strlen(expected);

		snprintf(expected + n, sizeof(expected) - n, " %s", names[i]);
	}
	return read_wrong_member(r, key, expected);
}

int read_object(struct reader *r, const json_t *o, const char *key, json_t **out)
{
	*out = json_object_get(o, key);
	return *out && !json_is_object(*out) ? read_wrong_member(r, key, "an object") : 0;
}

int read_array(struct reader *r, const json_t *o, const char *key, size_t max, json_t **out)
{
	char expected[64];

	*out = json_object_get(o, key);
	if (!*out || (json_is_array(*out) && json_array_size(*out) <= max))
		return 0;
	snprintf(expected, sizeof(expected), "an array of at most %zu", max);
	return read_wrong_member(r, key, expected);
}

int read_phases(struct reader *r, const json_t *o, const char *key, uint64_t out[PHASE_COUNT],
		bool times)
{
	json_t *of;
	int code = read_object(r, o, key, &of);
	const size_t back = read_enter(r, ".%s", key);

	for (unsigned p = 0; code == 0 && of && p < PHASE_COUNT; p++)
		code = times ? read_time(r, of, seen_phase_names[p], &out[p])
			     : read_count(r, of, seen_phase_names[p], INT64_MAX, &out[p]);
	read_leave(r, back);
	return code;
}
