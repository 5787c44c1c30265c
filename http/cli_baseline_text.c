// SPDX-License-Identifier: GPL-2.0-or-later
/* One baseline for people: how far it is, its versions, what is usual, its entries. */
#include <string.h>

#include "http/cli_baseline_internal.h"

void baseline_line(struct buf *out, const char *label, const char *text)
{
	if (!text || !*text)
		return;
	buf_printf(out, "%-12s", label);
	buf_add_visible(out, span_str(text));
	buf_add_char(out, '\n');
}

void baseline_image_line(const json_t *o, struct buf *out)
{
	baseline_line(out, "image", cli_get_text(o, "repository"));
	baseline_line(out, "entrypoint", cli_get_text(o, "entrypoint"));
	baseline_line(out, "entrypoint", cli_get_text(o, "entry")); /* as the document has it */
}

uint64_t baseline_figure(const json_t *o, const char *key)
{
	uint64_t v = 0;

	cli_get_u64(o, key, &v);
	return v;
}

void baseline_figure_cell(struct cli_table *t, uint64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
	cli_table_cell(t, text, CLI_PLAIN);
}

void baseline_time_cell(struct cli_table *t, const json_t *o, const char *key)
{
	const char *time = cli_get_text(o, key);
	char text[32] = "";

	if (time && strlen(time) >= 16)
		snprintf(text, sizeof(text), "%.10s %.5s", time, time + 11);
	cli_table_cell(t, text, CLI_PLAIN);
}

void baseline_learned_cell(struct cli_table *t, const json_t *m)
{
	double progress = 0;
	char text[16];

	if (json_is_true(json_object_get(m, "complete"))) {
		cli_table_cell(t, "yes", CLI_GREEN);
		return;
	}
	cli_get_real(m, "progress", &progress);
	snprintf(text, sizeof(text), "%d %%", (int)(progress * 100));
	cli_table_cell(t, text, CLI_YELLOW);
}

void baseline_expected_cell(struct cli_table *t, const json_t *m)
{
	double expected;
	char text[16] = "";

	if (cli_get_real(m, "expected_new", &expected))
		snprintf(text, sizeof(text), "%.4f", expected);
	cli_table_cell(t, text, CLI_PLAIN);
}

/* --- how far it is ---------------------------------------------------------------------------
 */

/* A phase apart from steady state: learned, on its way, or never seen. */
static void phase_cell(struct cli_table *t, const json_t *m)
{
	if (baseline_figure(m, "windows") == 0)
		cli_table_cell(t, "not seen", CLI_DIM);
	else
		baseline_learned_cell(t, m);
}

static void add_maturity(const json_t *o, const struct cli_terminal *to, struct buf *out)
{
	static const struct cli_column columns[] = {
		{ "CLASS", false, 0 },	   { "ENTRIES", true, 0 }, { "ACTION", false, 0 },
		{ "WINDOWS", true, 0 },	   { "ONCE", true, 0 },	   { "NEW", true, 0 },
		{ "LEARNED", false, 0 },   { "LEFT", true, 0 },	   { "START-UP", false, 0 },
		{ "SHUT-DOWN", false, 0 }, { "VOIDED", true, 0 },  { "REFUSED", true, 0 },
	};
	AUTO(cli_table_release) struct cli_table t = { .columns = NULL };
	const json_t *sets = json_object_get(o, "sets"), *actions = json_object_get(o, "actions");
	json_t *all = json_object_get(o, "maturity"), *of;
	const char *class;
	void *at;

	cli_table_init(&t, columns, sizeof(columns) / sizeof(columns[0]));
	for (at = json_object_iter(all); at; at = json_object_iter_next(all, at)) {
		class = json_object_iter_key(at);
		of = json_object_iter_value(at);
		const json_t *steady = json_object_get(of, "steady");

		cli_table_cell(&t, class, CLI_PLAIN);
		baseline_figure_cell(&t, json_array_size(json_object_get(sets, class)));
		cli_table_cell(&t, cli_get_text(actions, class), CLI_PLAIN);
		baseline_figure_cell(&t, baseline_figure(steady, "windows"));
		baseline_figure_cell(&t, baseline_figure(steady, "singletons"));
		baseline_expected_cell(&t, steady);
		baseline_learned_cell(&t, steady);
		baseline_figure_cell(&t, baseline_figure(steady, "windows_left"));
		phase_cell(&t, json_object_get(of, "start-up"));
		phase_cell(&t, json_object_get(of, "shut-down"));
		baseline_figure_cell(&t, baseline_figure(steady, "voided"));
		baseline_figure_cell(&t, baseline_figure(of, "refused"));
	}
	buf_add_char(out, '\n');
	cli_table_print(&t, to, out);
}

/* --- versions, resources ---------------------------------------------------------------------
 */

static void add_versions(const json_t *o, const struct cli_terminal *to, struct buf *out)
{
	static const struct cli_column columns[] = {
		{ "VERSION", false, 12 },  { "ID", false, 12 },	   { "CAME", false, 0 },
		{ "LEARNED", false, 0 },   { "WINDOWS", true, 0 }, { "LEFT", true, 0 },
		{ "LAST SEEN", false, 0 },
	};
	AUTO(cli_table_release) struct cli_table t = { .columns = NULL };
	const json_t *v;
	size_t i;

	cli_table_init(&t, columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach(json_object_get(o, "versions"), i, v)
	{
		const bool inherited = json_is_true(json_object_get(v, "inherited"));
		const char *id = cli_get_text(v, "id");
		char digits[20] = "";

		if (id)
			snprintf(digits, sizeof(digits), "%.19s", id); /* as docker shows it */
		cli_table_cell(&t, cli_get_text(v, "reference"), CLI_PLAIN);
		cli_table_cell(&t, digits, CLI_PLAIN);
		cli_table_cell(&t, inherited ? "inherited" : "first", CLI_PLAIN);
		baseline_learned_cell(&t, v);
		baseline_figure_cell(&t, baseline_figure(v, "windows"));
		baseline_figure_cell(&t, baseline_figure(v, "windows_left"));
		baseline_time_cell(&t, v, "last");
	}
	buf_add_char(out, '\n');
	cli_table_print(&t, to, out);
}

static void value_cell(struct cli_table *t, const json_t *o, const char *key)
{
	const char *unit = cli_get_text(o, "unit");
	AUTO_BUF struct buf b = { .fd = -1 };
	double v;

	buf_init(&b, 64);
	if (cli_get_real(o, key, &v) && v >= 0 && v < 1e18) {
		if (unit && strncmp(unit, "bytes", 5) == 0)
			cli_add_bytes(&b, (uint64_t)v);
		else
			buf_printf(&b, v < 100 ? "%.3g" : "%.0f", v);
	}
	buf_add_char(&b, '\0');
	cli_table_cell(t, b.failed ? NULL : b.data, CLI_PLAIN);
}

static void add_usual(const json_t *o, const struct cli_terminal *to, struct buf *out)
{
	static const struct cli_column columns[] = {
		{ "USUALLY", false, 0 }, { "MEDIAN", true, 0 }, { "95 %", true, 0 },
		{ "99 %", true, 0 },	 { "MOST", true, 0 },	{ "UNIT", false, 0 },
	};
	AUTO(cli_table_release) struct cli_table t = { .columns = NULL };
	json_t *all = json_object_get(o, "usual"), *of;
	void *at;

	cli_table_init(&t, columns, sizeof(columns) / sizeof(columns[0]));
	for (at = json_object_iter(all); at; at = json_object_iter_next(all, at)) {
		of = json_object_iter_value(at);
		if (baseline_figure(of, "values") == 0)
			continue;
		cli_table_cell(&t, json_object_iter_key(at), CLI_PLAIN);
		value_cell(&t, of, "median");
		value_cell(&t, of, "p95");
		value_cell(&t, of, "p99");
		value_cell(&t, of, "max");
		cli_table_cell(&t, cli_get_text(of, "unit"), CLI_DIM);
	}
	if (t.cells_n == 0)
		return;
	buf_add_char(out, '\n');
	cli_table_print(&t, to, out);
}

/* --- entries ---------------------------------------------------------------------------------
 */

static bool is_wanted(const json_t *e, const struct cli_baseline_view *view)
{
	uint64_t first = 0;

	if (!view->since_ns)
		return true;
	return parse_rfc3339_ns(span_str(cli_get_text(e, "first")), &first) &&
	       first >= view->since_ns;
}

static void state_cell(struct cli_table *t, const json_t *e)
{
	static const char *const states[] = { "accepted", "imported", "dropped", "rejected" };
	char text[64] = "";

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		const size_t n = strlen(text);

		if (json_is_true(json_object_get(e, states[i])))
			snprintf(text + n, sizeof(text) - n, "%s%s", n ? "," : "", states[i]);
	}
	cli_table_cell(t, text, json_is_true(json_object_get(e, "rejected")) ? CLI_RED : CLI_PLAIN);
}

static void entry_row(struct cli_table *t, const char *class, const json_t *e)
{
	json_t *windows = json_object_get(e, "windows"), *of;
	uint64_t sum = 0;
	const char *phase;

	json_object_foreach(windows, phase, of) sum += (uint64_t)json_integer_value(of);
	cli_table_cell(t, class, CLI_PLAIN);
	cli_table_cell(t, cli_get_text(e, "entry"), CLI_PLAIN);
	baseline_figure_cell(t, sum);
	baseline_figure_cell(t, baseline_figure(e, "containers"));
	baseline_time_cell(t, e, "first");
	baseline_time_cell(t, e, "last");
	state_cell(t, e);
}

static void add_entries(const json_t *o, const struct cli_baseline_view *view, struct buf *out)
{
	static const struct cli_column columns[] = {
		{ "CLASS", false, 0 },	   { "ENTRY", false, 24 },     { "WINDOWS", true, 0 },
		{ "CONTAINERS", true, 0 }, { "FIRST SEEN", false, 0 }, { "LAST SEEN", false, 0 },
		{ "STATE", false, 0 },
	};
	AUTO(cli_table_release) struct cli_table t = { .columns = NULL };
	json_t *sets = json_object_get(o, "sets"), *e;
	void *at;
	size_t i;

	cli_table_init(&t, columns, sizeof(columns) / sizeof(columns[0]));
	for (at = json_object_iter(sets); at; at = json_object_iter_next(sets, at)) {
		const char *class = json_object_iter_key(at);

		if (view->class && strcmp(view->class, "all") != 0 &&
		    strcmp(view->class, class) != 0)
			continue;
		json_array_foreach(json_object_iter_value(at), i, e) if (is_wanted(e, view))
			entry_row(&t, class, e);
	}
	buf_add_char(out, '\n');
	cli_table_print(&t, &view->terminal, out);
}

/* --- as a whole ------------------------------------------------------------------------------
 */

static void add_mode(const json_t *o, struct buf *out)
{
	const char *since = cli_get_text(o, "mode_since"), *by = cli_get_text(o, "mode_by");
	const char *mode = cli_get_text(o, "mode");

	buf_printf(out, "%-12s", "mode");
	buf_add_visible(out, span_str(mode ? mode : "?"));
	if (since && strlen(since) > 19) {
		char text[32];

		snprintf(text, sizeof(text), ", since %.10s %.8s", since, since + 11);
		buf_add_visible(out, span_str(text));
	}
	if (by && *by) {
		buf_add_str(out, ", by ");
		buf_add_visible(out, span_str(by));
	}
	buf_add_char(out, '\n');
}

/* What is to be refused and cannot be is killed late: nobody should find out by an alert. */
static void add_acts(const json_t *o, struct buf *out)
{
	const json_t *acts = json_object_get(o, "acts");
	size_t i;
	json_t *one;

	json_array_foreach(acts, i, one)
	{
		const char *class = cli_get_text(one, "class"), *means = cli_get_text(one, "means"),
			   *why = cli_get_text(one, "why");

		buf_printf(out, "%-12s", i == 0 ? "blocks" : "");
		buf_add_visible(out, span_str(class ? class : "?"));
		buf_add_str(out, ": ");
		buf_add_visible(out, span_str(means ? means : "?"));
		if (why) {
			buf_add_str(out, ", not refused: ");
			buf_add_visible(out, span_str(why));
		}
		buf_add_char(out, '\n');
	}
}

void baseline_enforce_line(const json_t *o, struct buf *out)
{
	const char *why = cli_get_text(o, "why_not"), *layer = cli_get_text(o, "layer");
	const bool denies = json_is_true(json_object_get(o, "can_deny"));

	buf_printf(out, "%-12s", "enforce");
	if (json_is_true(json_object_get(o, "can_enforce"))) {
		buf_add_str(out, "it can be enforced");
	} else {
		buf_add_str(out, "it cannot be enforced: ");
		buf_add_visible(out, span_str(why ? why : "?"));
	}
	buf_printf(out, "\n%-12s", "kernel");
	buf_add_visible(out, span_str(layer ? layer : "?"));
	buf_add_str(out, layer && strcmp(layer, "off") == 0 ? ": nothing can be blocked\n"
			 : denies			    ? ": refuses before it happens\n"
				  : ": ends processes, refuses nothing\n");
	add_acts(o, out);
}

void cli_baseline_text(const json_t *answer, const struct cli_baseline_view *view, struct buf *out)
{
	baseline_image_line(answer, out);
	baseline_line(out, "name", cli_get_text(answer, "name"));
	add_mode(answer, out);
	buf_printf(out, "%-12s%llu now, %llu in all\n", "containers",
		   (unsigned long long)baseline_figure(answer, "living"),
		   (unsigned long long)baseline_figure(answer, "containers"));
	buf_printf(out, "%-12s", "size");
	cli_add_bytes(out, baseline_figure(answer, "bytes"));
	buf_add_str(out, json_is_true(json_object_get(answer, "complete"))
				 ? "\nlearned     yes\n"
				 : "\nlearned     not yet\n");
	if (json_is_true(json_object_get(answer, "imported")))
		buf_add_str(out, "            a proposal: nothing of it was seen here yet\n");
	baseline_enforce_line(answer, out);
	add_maturity(answer, &view->terminal, out);
	add_versions(answer, &view->terminal, out);
	add_usual(answer, &view->terminal, out);
	if (view->class || view->since_ns)
		add_entries(answer, view, out);
}
