// SPDX-License-Identifier: GPL-2.0-or-later
/* What bulkhead selftest prints, and the options that it takes. */
#include <string.h>

#include "collector/base/clock.h"
#include "http/selftest.h"
#include "http/selftest_runtime.h"

static const char help[] =
	"Usage: bulkhead selftest [OPTION...]\n"
	"Does harmless things in a throwaway container and shows whether each one became an alert\n"
	"and reached the sinks. Milliseconds are counted from the call in the container. The "
	"image\n"
	"is made here, without a network; it and the containers (bulkhead-selftest-...) are taken\n"
	"away at the end. The alerts are real ones: who gets alerts gets these.\n\n"
	"      --runtime NAME  docker, podman, nerdctl or ctr (the first that works)\n"
	"      --action NAME   this action alone; may be repeated\n"
	"      --timeout TIME  for an action, and for its delivery (10s)\n"
	"      --json          what came out as JSON\n"
	"      --socket PATH   where bulkheadd listens ($BULKHEAD_RUN_DIR/bulkhead.sock or\n"
	"                      /run/bulkhead/bulkhead.sock)\n"
	"  -h, --help          this text\n\n"
	"Actions, and the rules that must tell them:\n";
static const char codes[] = "\nExit codes: 0 all was seen, 1 something was not, 2 wrong usage, "
			    "3 no container runtime.\n";

/* --- options ----------------------------------------------------------------------------------
 */

static void print_help(void)
{
	fputs(help, stdout);
	for (size_t i = 0; i < SELFTEST_ACTIONS; i++)
		printf("  %-14s  %s\n  %-14s  -> %s\n", selftest_actions[i].name,
		       selftest_actions[i].what, "", selftest_actions[i].rule);
	fputs(codes, stdout);
}

static int bad(const char *text)
{
	fprintf(stderr, "%s\n", text);
	return cli_bad_usage("selftest");
}

static int take_action(struct selftest_options *o, const char *name)
{
	for (size_t i = 0; i < SELFTEST_ACTIONS; i++) {
		if (strcmp(selftest_actions[i].name, name) != 0)
			continue;
		if (!selftest_chosen(o, &selftest_actions[i]) || o->only_n == 0)
			o->only[o->only_n++] = selftest_actions[i].name;
		return CLI_GO_ON;
	}
	return bad("There is no such action.");
}

static int take_runtime(struct selftest_options *o, const char *name)
{
	for (unsigned i = 0; selftest_runtime_name(i); i++) {
		if (strcmp(selftest_runtime_name(i), name) == 0) {
			o->runtime = selftest_runtime_name(i);
			return CLI_GO_ON;
		}
	}
	return bad("--runtime takes docker, podman, nerdctl or ctr.");
}

int selftest_parse(struct selftest_options *o, int argc, char **argv)
{
	enum { OPT_RUNTIME = CLI_OPT_OWN, OPT_ACTION, OPT_TIMEOUT };
	static const struct option options[] = {
		{ "runtime", required_argument, NULL, OPT_RUNTIME },
		{ "action", required_argument, NULL, OPT_ACTION },
		{ "timeout", required_argument, NULL, OPT_TIMEOUT },
		CLI_COMMON_OPTIONS
	};
	int option, r = CLI_GO_ON;

	*o = (struct selftest_options){ .common = { .command = "selftest", .help = "" },
					.timeout_s = SELFTEST_TIMEOUT_S };
	optind = 0;
	while (r == CLI_GO_ON && (option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == OPT_RUNTIME)
			r = take_runtime(o, optarg);
		else if (option == OPT_ACTION)
			r = take_action(o, optarg);
		else if (option != OPT_TIMEOUT)
			r = cli_common_option(&o->common, option);
		else if (!cli_parse_duration(optarg, &o->timeout_s) || o->timeout_s < 1 ||
			 o->timeout_s > 600)
			r = bad("--timeout takes 1s to 10m.");
		if (option == 'h')
			print_help();
	}
	return r == CLI_GO_ON ? cli_no_arguments(&o->common, argc) : r;
}

bool selftest_chosen(const struct selftest_options *o, const struct selftest_action *a)
{
	for (size_t i = 0; i < o->only_n; i++)
		if (strcmp(o->only[i], a->name) == 0)
			return true;
	return o->only_n == 0;
}

/* --- the table --------------------------------------------------------------------------------
 */

static void add_ms(struct buf *b, uint64_t ns)
{
	/* a tenth matters below ten milliseconds alone */
	if (ns < 10 * NS_PER_MS)
		buf_printf(b, "%llu.%llu ms", (unsigned long long)(ns / NS_PER_MS),
			   (unsigned long long)(ns / (NS_PER_MS / 10) % 10));
	else
		buf_printf(b, "%llu ms", (unsigned long long)(ns / NS_PER_MS));
}

static void cell(struct cli_table *t, struct buf *b, enum cli_colour colour)
{
	buf_add_char(b, '\0');
	cli_table_cell(t, b->failed ? NULL : b->data, colour);
	buf_clear(b);
}

static void alert_cell(struct cli_table *t, struct buf *b, const struct selftest_result *r)
{
	const bool fine = r->outcome == SELFTEST_SEEN || r->outcome == SELFTEST_NOT_HERE;

	if (r->outcome == SELFTEST_SEEN)
		add_ms(b, r->after_ns);
	else
		buf_add_str(b, selftest_outcome_names[r->outcome]);
	if (r->outcome != SELFTEST_SEEN && r->why[0])
		buf_printf(b, ": %s", r->why);
	cell(t, b, r->outcome == SELFTEST_SEEN ? CLI_GREEN : fine ? CLI_DIM : CLI_RED);
}

static void sinks_cell(struct cli_table *t, struct buf *b, const struct selftest_result *r)
{
	enum cli_colour colour = CLI_PLAIN;

	for (size_t i = 0; r->outcome == SELFTEST_SEEN && i < r->sinks_n; i++) {
		const struct selftest_sink *s = &r->sinks[i];

		buf_printf(b, "%s%s ", i ? ", " : "", s->name);
		if (s->state == SELFTEST_DELIVERED) {
			add_ms(b, s->after_ns);
			continue;
		}
		buf_add_str(b, selftest_delivery_names[s->state]);
		if (s->why[0])
			buf_printf(b, " (%s)", s->why);
		if (s->state != SELFTEST_LEFT_OUT)
			colour = CLI_RED;
	}
	if (b->len == 0 && r->outcome == SELFTEST_SEEN)
		buf_add_str(b, "none are configured");
	if (b->len == 0)
		buf_add_char(b, '-');
	cell(t, b, colour);
}

void selftest_text(const struct selftest_report *r, const struct cli_terminal *to, struct buf *out)
{
	static const struct cli_column columns[] = { { "ACTION", false, 0 },
						     { "RULE", false, 20 },
						     { "ALERT AFTER", false, 10 },
						     { "SINKS AFTER", false, 12 } };
	AUTO(cli_table_release) struct cli_table t = { .columns = NULL };
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, 65536);
	cli_table_init(&t, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < r->n; i++) {
		cli_table_cell(&t, r->list[i].action->name, CLI_PLAIN);
		cli_table_cell(&t, r->list[i].action->rule, CLI_PLAIN);
		alert_cell(&t, &b, &r->list[i]);
		sinks_cell(&t, &b, &r->list[i]);
	}
	cli_table_print(&t, to, out);
	buf_printf(out, "%s, with %s\n",
		   selftest_passed(r->list, r->n) ? "all was seen" : "something was not seen",
		   r->runtime);
}

/* --- JSON -------------------------------------------------------------------------------------
 */

static void put(json_t *o, const char *key, json_t *value)
{
	json_object_set_new(o, key, value);
}

/* Words of others may be no UTF-8. */
static json_t *text_of(const char *s)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, 4096);
	buf_add_visible(&b, span_str(s));
	return b.failed || b.len == 0 ? json_string("") : json_stringn(b.data, b.len);
}

static json_t *ms_of(uint64_t ns)
{
	const uint64_t us = ns / NS_PER_US;

	return json_real((double)us / 1000.0);
}

static json_t *sink_json(const struct selftest_sink *s)
{
	json_t *o = json_object();

	put(o, "name", text_of(s->name));
	put(o, "result", json_string(selftest_delivery_names[s->state]));
	if (s->state == SELFTEST_DELIVERED)
		put(o, "after_ms", ms_of(s->after_ns));
	else if (s->why[0])
		put(o, "reason", text_of(s->why));
	return o;
}

static json_t *result_json(const struct selftest_result *r)
{
	json_t *o = json_object(), *alert, *sinks;

	put(o, "action", json_string(r->action->name));
	put(o, "rule", json_string(r->action->rule));
	put(o, "container", text_of(r->container));
	put(o, "result", json_string(selftest_outcome_names[r->outcome]));
	if (r->outcome != SELFTEST_SEEN) {
		put(o, "reason", text_of(r->why));
		return o;
	}
	alert = json_object();
	sinks = json_array();
	put(alert, "id", text_of(r->id));
	put(alert, "seq", json_integer((json_int_t)r->seq));
	put(alert, "severity", text_of(r->severity));
	put(alert, "after_ms", ms_of(r->after_ns));
	for (size_t i = 0; i < r->sinks_n; i++)
		json_array_append_new(sinks, sink_json(&r->sinks[i]));
	put(o, "alert", alert);
	put(o, "sinks", sinks);
	return o;
}

json_t *selftest_json(const struct selftest_report *r)
{
	json_t *o = json_object(), *actions = json_array();

	for (size_t i = 0; i < r->n; i++)
		json_array_append_new(actions, result_json(&r->list[i]));
	put(o, "passed", json_boolean(selftest_passed(r->list, r->n)));
	put(o, "runtime", text_of(r->runtime));
	put(o, "actions", actions);
	return o;
}
