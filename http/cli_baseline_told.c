// SPDX-License-Identifier: GPL-2.0-or-later
/* All baselines as a table; what was told of one, what sets two versions apart, what would have
 * been blocked. */
#include <stdlib.h>
#include <string.h>

#include "collector/base/clock.h"
#include "http/cli_baseline_internal.h"

/* --- the list --------------------------------------------------------------------------------
 */

static enum cli_colour mode_colour(const char *mode)
{
	if (mode && strcmp(mode, "enforce") == 0)
		return CLI_GREEN;
	return mode && strcmp(mode, "off") == 0 ? CLI_DIM : CLI_PLAIN;
}

static uint64_t sum_of(json_t *o)
{
	uint64_t sum = 0;
	const char *key;
	json_t *v;

	json_object_foreach(o, key, v) sum += (uint64_t)json_integer_value(v);
	return sum;
}

static void age_cell(struct cli_table *t, const json_t *o, const char *key, uint64_t now)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	uint64_t ns;

	buf_init(&b, 64);
	if (parse_rfc3339_ns(span_str(cli_get_text(o, key)), &ns))
		cli_add_age(&b, now > ns ? (now - ns) / NS_PER_S : 0);
	buf_add_char(&b, '\0');
	cli_table_cell(t, b.failed ? NULL : b.data, CLI_PLAIN);
}

static void list_row(struct cli_table *t, const json_t *b, uint64_t now)
{
	const char *mode = cli_get_text(b, "mode");
	const json_t *m = json_object_get(b, "maturity");
	const uint64_t deviations = baseline_figure(b, "deviations");
	char text[24];

	cli_table_cell(t, cli_get_text(b, "repository"), CLI_PLAIN);
	cli_table_cell(t, cli_get_text(b, "entrypoint"), CLI_PLAIN);
	cli_table_cell(t, mode, mode_colour(mode));
	baseline_learned_cell(t, m);
	cli_table_cell(
		t, json_is_true(json_object_get(m, "complete")) ? NULL : cli_get_text(m, "class"),
		CLI_PLAIN);
	baseline_expected_cell(t, m);
	baseline_figure_cell(t, baseline_figure(b, "containers"));
	baseline_figure_cell(t, baseline_figure(b, "digests"));
	baseline_figure_cell(t, sum_of(json_object_get(b, "entries")));
	snprintf(text, sizeof(text), "%llu", (unsigned long long)deviations);
	cli_table_cell(t, text, deviations ? CLI_YELLOW : CLI_PLAIN);
	age_cell(t, b, "updated", now);
}

void cli_baselines_text(const json_t *answer, const struct cli_terminal *to, uint64_t now_unix_ns,
			struct buf *out)
{
	static const struct cli_column columns[] = {
		{ "IMAGE", false, 16 },	   { "ENTRYPOINT", false, 8 }, { "MODE", false, 0 },
		{ "LEARNED", false, 0 },   { "WAITS FOR", false, 0 },  { "NEW", true, 0 },
		{ "CONTAINERS", true, 0 }, { "VERSIONS", true, 0 },    { "ENTRIES", true, 0 },
		{ "DEVIATIONS", true, 0 }, { "CHANGED", true, 0 },
	};
	AUTO(cli_table_release) struct cli_table t = { .columns = NULL };
	const json_t *store = json_object_get(answer, "store"), *b;
	const char *error = cli_get_text(store, "error");
	size_t i;

	cli_table_init(&t, columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach(json_object_get(answer, "baselines"), i, b) list_row(&t, b, now_unix_ns);
	if (t.cells_n == 0)
		buf_add_str(out, "No image has a baseline yet.\n");
	else
		cli_table_print(&t, to, out);
	if (baseline_figure(store, "refused"))
		buf_printf(out, "%llu more found no room: see baseline.max_images.\n",
			   (unsigned long long)baseline_figure(store, "refused"));
	if (error) {
		buf_add_str(out, "They cannot be written: ");
		buf_add_visible(out, span_str(error));
		buf_add_char(out, '\n');
	}
}

/* --- deviations ------------------------------------------------------------------------------
 */

static int newest_first(const void *a, const void *b)
{
	const char *x = cli_get_text(*(const json_t *const *)a, "last");
	const char *y = cli_get_text(*(const json_t *const *)b, "last");

	return strcmp(y ? y : "", x ? x : ""); /* RFC 3339 sorts as text */
}

/* Owned by the caller; its elements stay the answer's. NULL: no memory. */
static const json_t **sorted(const json_t *list, size_t *n)
{
	*n = json_array_size(list);
	const json_t **out = calloc(*n ? *n : 1, sizeof(*out));

	for (size_t i = 0; out && i < *n; i++)
		out[i] = json_array_get(list, i);
	if (out)
		qsort(out, *n, sizeof(*out), newest_first);
	return out;
}

static void deviation_row(struct cli_table *t, const json_t *d)
{
	baseline_time_cell(t, d, "last");
	baseline_figure_cell(t, baseline_figure(d, "count"));
	cli_table_cell(t, cli_get_text(d, "class"),
		       json_is_true(json_object_get(d, "dropped")) ? CLI_RED : CLI_PLAIN);
	cli_table_cell(t, cli_get_text(d, "entry"), CLI_PLAIN);
}

void cli_deviations_text(const json_t *answer, const struct cli_terminal *to, struct buf *out)
{
	static const struct cli_column columns[] = {
		{ "LAST SEEN", false, 0 }, { "TIMES", true, 0 },	{ "CLASS", false, 0 },
		{ "ENTRY", false, 24 },	   { "IN GENERAL", false, 12 },
	};
	AUTO(cli_table_release) struct cli_table t = { .columns = NULL };
	size_t n;
	AUTO_FREE const json_t **list = sorted(json_object_get(answer, "deviations"), &n);

	if (!list) {
		out->failed = true;
		return;
	}
	baseline_image_line(answer, out);
	if (n == 0) {
		buf_add_str(out, "Nothing was told that is not known by now.\n");
		return;
	}
	cli_table_init(&t, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < n; i++) {
		deviation_row(&t, list[i]);
		cli_table_cell(&t, cli_get_text(list[i], "generalised"), CLI_DIM);
	}
	buf_add_char(out, '\n');
	cli_table_print(&t, to, out);
	if (baseline_figure(answer, "refused"))
		buf_printf(out, "%llu more found no room here; all are in the log of alerts.\n",
			   (unsigned long long)baseline_figure(answer, "refused"));
}

/* --- two versions ----------------------------------------------------------------------------
 */

static void version_line(const json_t *v, const char *label, struct buf *out)
{
	const char *id = cli_get_text(v, "id"), *reference = cli_get_text(v, "reference");

	buf_printf(out, "%-12s", label);
	buf_add_visible(out, span_str(id ? id : "?"));
	if (reference) {
		buf_add_str(out, " (");
		buf_add_visible(out, span_str(reference));
		buf_add_char(out, ')');
	}
	buf_add_str(out, json_is_true(json_object_get(v, "inherited")) ? ", inherited" : "");
	buf_add_str(out, json_is_true(json_object_get(v, "learned")) ? ", learned\n"
								     : ", not learned yet\n");
}

void cli_diff_text(const json_t *answer, const struct cli_terminal *to, struct buf *out)
{
	const json_t *list = json_object_get(answer, "entries"), *e;
	size_t i;

	baseline_image_line(answer, out);
	version_line(json_object_get(answer, "a"), "a, shown -", out);
	version_line(json_object_get(answer, "b"), "b, shown +", out);
	if (json_array_size(list) == 0)
		buf_add_str(out, "They do not differ.\n");
	json_array_foreach(list, i, e)
	{
		const char *in = cli_get_text(e, "in");
		const bool only_a = in && strcmp(in, "a") == 0;

		if (to->colour)
			buf_add_str(out, only_a ? "\033[31m" : "\033[32m");
		buf_printf(out, "%c ", only_a ? '-' : '+');
		buf_add_visible(out, span_str(cli_get_text(e, "class")));
		buf_add_char(out, ' ');
		buf_add_visible(out, span_str(cli_get_text(e, "entry")));
		buf_add_str(out, to->colour ? "\033[0m\n" : "\n");
	}
}

/* --- before enforcement ----------------------------------------------------------------------
 */

static void add_not_learned(const json_t *answer, struct buf *out)
{
	const json_t *list = json_object_get(answer, "not_learned"), *class;
	size_t i;

	if (json_array_size(list) == 0)
		return;
	buf_printf(out, "%-12s", "not learned");
	json_array_foreach(list, i, class)
	{
		buf_add_str(out, i ? ", " : "");
		buf_add_visible(out, span_str(json_string_value(class)));
	}
	buf_add_char(out, '\n');
}

static void blocked_row(struct cli_table *t, const json_t *d)
{
	deviation_row(t, d);
	cli_table_cell(t, cli_get_text(d, "action"), CLI_PLAIN);
	cli_table_cell(t, cli_get_text(d, "means"), CLI_PLAIN);
}

void cli_preview_text(const json_t *answer, const struct cli_terminal *to, struct buf *out)
{
	static const struct cli_column columns[] = {
		{ "LAST SEEN", false, 0 }, { "TIMES", true, 0 },   { "CLASS", false, 0 },
		{ "ENTRY", false, 24 },	   { "ACTION", false, 0 }, { "MEANS", false, 12 },
	};
	AUTO(cli_table_release) struct cli_table t = { .columns = NULL };
	const json_t *counts = json_object_get(answer, "counts");
	const uint64_t known = baseline_figure(counts, "known_programs");
	size_t n;
	AUTO_FREE const json_t **list = sorted(json_object_get(answer, "blocked"), &n);

	if (!list) {
		out->failed = true;
		return;
	}
	baseline_image_line(answer, out);
	baseline_line(out, "mode", cli_get_text(answer, "mode"));
	baseline_enforce_line(answer, out);
	add_not_learned(answer, out);
	buf_printf(out, "%-12s%llu entries, seen %llu times in the last %llu hours\n", "blocked",
		   (unsigned long long)baseline_figure(counts, "entries"),
		   (unsigned long long)baseline_figure(counts, "events"),
		   (unsigned long long)baseline_figure(answer, "hours"));
	if (known)
		buf_printf(out, "%-12s%llu programs of the image that others started: told alone\n",
			   "", (unsigned long long)known);
	if (n == 0)
		return;
	cli_table_init(&t, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < n; i++)
		blocked_row(&t, list[i]);
	buf_add_char(out, '\n');
	cli_table_print(&t, to, out);
}
