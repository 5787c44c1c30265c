/* SPDX-License-Identifier: GPL-2.0-or-later */
/* openmetrics_check - a strict reader of OpenMetrics 1.0 text: fails the test at the first line
 * that breaks the format. */
#ifndef BULKHEAD_TESTS_OPENMETRICS_CHECK_H
#define BULKHEAD_TESTS_OPENMETRICS_CHECK_H

#include <stdlib.h>
#include <string.h>

#include "collector/base/parse.h"

#define OM_MAX_FAMILIES 512
#define OM_MAX_SERIES	65536

struct om_reader {
	struct span families[OM_MAX_FAMILIES]; /* seen so far; the last is the current one */
	size_t families_n;
	struct span type;    /* of the current family; p == NULL before its TYPE line */
	struct span *series; /* name and labels of every sample, sorted at the end */
	size_t series_n;
};

static inline void om_fail(struct span line, const char *why)
{
	fail_msg("%s: %.*s", why, (int)line.n, line.p);
}

static inline struct span om_name(struct span *rest, bool label)
{
	size_t i = 0;

	while (i < rest->n) {
		char c = rest->p[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
			      (c == ':' && !label);

		if (!letter && !(i > 0 && c >= '0' && c <= '9'))
			break;
		i++;
	}
	struct span name = { rest->p, i };

	*rest = (struct span){ rest->p + i, rest->n - i };
	return name;
}

static inline bool om_same(struct span a, struct span b)
{
	return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

static inline bool om_take(struct span *rest, char c)
{
	if (rest->n == 0 || rest->p[0] != c)
		return false;
	*rest = (struct span){ rest->p + 1, rest->n - 1 };
	return true;
}

/* {name="value",...}: escapes are \\, \" and \n only; names are unique in a line. */
static inline void om_labels(struct span line, struct span *rest)
{
	struct span names[512];
	size_t n = 0;

	while (!om_take(rest, '}')) {
		if (n > 0 && !om_take(rest, ','))
			om_fail(line, "expected ',' between labels");
		struct span name = om_name(rest, true);

		if (name.n == 0 || !om_take(rest, '=') || !om_take(rest, '"'))
			om_fail(line, "bad label");
		for (size_t i = 0; i < n; i++)
			if (om_same(names[i], name))
				om_fail(line, "a label twice");
		names[n++] = name;
		while (!om_take(rest, '"')) {
			if (rest->n == 0)
				om_fail(line, "value without end");
			if (om_take(rest, '\\')) {
				if (rest->n == 0 || !strchr("\\\"n", rest->p[0]))
					om_fail(line, "bad escape");
			}
			*rest = (struct span){ rest->p + 1, rest->n - 1 };
		}
	}
}

static inline void om_sample(struct om_reader *r, struct span line)
{
	struct span rest = line, name = om_name(&rest, false), family;
	double v;

	if (r->families_n == 0 || !r->type.p)
		om_fail(line, "sample before its TYPE");
	family = r->families[r->families_n - 1];
	if (span_eq(r->type, "counter")) {
		if (name.n != family.n + 6 || memcmp(name.p + family.n, "_total", 6) != 0)
			om_fail(line, "counter without _total");
		name.n = family.n;
	}
	if (!om_same(name, family))
		om_fail(line, "sample of another family");
	if (om_take(&rest, '{'))
		om_labels(line, &rest);
	if (r->series_n == OM_MAX_SERIES)
		om_fail(line, "too many series for this reader");
	r->series[r->series_n++] = (struct span){ line.p, (size_t)(rest.p - line.p) };
	if (!om_take(&rest, ' ') || !parse_double(rest, &v))
		om_fail(line, "bad value");
	if (span_eq(r->type, "counter") && v < 0)
		om_fail(line, "negative counter");
}

static inline void om_comment(struct om_reader *r, struct span line)
{
	struct span rest = { line.p + 7, line.n > 7 ? line.n - 7 : 0 }, name;
	bool help = span_starts(line, "# HELP ");

	if (!help && !span_starts(line, "# TYPE "))
		om_fail(line, "unknown comment");
	name = om_name(&rest, false);
	if (name.n == 0 || !om_take(&rest, ' '))
		om_fail(line, "bad comment");
	if (help) {
		for (size_t i = 0; i < r->families_n; i++)
			if (om_same(r->families[i], name))
				om_fail(line, "a family twice");
		if (r->families_n == OM_MAX_FAMILIES)
			om_fail(line, "too many families for this reader");
		r->families[r->families_n++] = name;
		r->type = (struct span){ NULL, 0 };
		return;
	}
	if (r->families_n == 0 || r->type.p || !om_same(r->families[r->families_n - 1], name))
		om_fail(line, "TYPE out of place");
	if (!span_eq(rest, "counter") && !span_eq(rest, "gauge") && !span_eq(rest, "unknown"))
		om_fail(line, "unknown type");
	if (!span_eq(rest, "unknown") && span_ends(name, "_total"))
		om_fail(line, "family name ends in _total");
	r->type = rest;
}

static inline int om_by_text(const void *a, const void *b)
{
	const struct span *x = a, *y = b;
	int c = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);

	return c ? c : (x->n > y->n) - (x->n < y->n);
}

static inline void assert_openmetrics(const char *text)
{
	struct om_reader *r = calloc(1, sizeof(*r));
	struct span rest = span_str(text), line;

	assert_non_null(r);
	r->series = calloc(OM_MAX_SERIES, sizeof(*r->series));
	assert_non_null(r->series);
	assert_true(span_ends(rest, "\n# EOF\n"));
	rest.n -= 7;
	for (struct span s = rest; s.n > 0;) {
		size_t n = utf8_len(s);

		assert_true(n > 0);
		s = (struct span){ s.p + n, s.n - n };
	}
	while (span_next(&rest, '\n', &line)) {
		if (line.n > 0 && line.p[0] == '#')
			om_comment(r, line);
		else
			om_sample(r, line);
	}
	qsort(r->series, r->series_n, sizeof(*r->series), om_by_text);
	for (size_t i = 1; i < r->series_n; i++)
		if (om_same(r->series[i - 1], r->series[i]))
			om_fail(r->series[i], "a series twice");
	free(r->series);
	free(r);
}

#endif
