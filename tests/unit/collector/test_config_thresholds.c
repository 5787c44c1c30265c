// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/base/buf.h"
#include "collector/base/io.h"
#include "collector/config.h"
#include "tests/unit/fixture.h"

static struct config *parsed(const char *yaml)
{
	struct config *c = malloc(sizeof(*c));
	struct err e = { "" };

	assert_non_null(c);
	config_defaults(c);
	if (config_parse(c, "f.yaml", span_str(yaml), &e) != 0)
		fail_msg("%s", e.text);
	return c;
}

static void assert_refused(const char *yaml, const char *want)
{
	AUTO_FREE struct config *c = malloc(sizeof(*c)), *before = malloc(sizeof(*before));
	struct err e = { "" };

	assert_non_null(c);
	assert_non_null(before);
	config_defaults(c);
	memcpy(before, c, sizeof(*c));
	assert_true(config_parse(c, "f.yaml", span_str(yaml), &e) < 0);
	assert_string_equal(e.text, want);
	assert_memory_equal(c, before, sizeof(*c));
}

static const struct config_threshold *find(const struct config *c, const char *name)
{
	for (uint32_t i = 0; i < c->thresholds.n; i++)
		if (strcmp(c->thresholds.items[i].name, name) == 0)
			return &c->thresholds.items[i];
	fail_msg("no threshold '%s'", name);
	abort();
}

static void without_a_list_the_shipped_ones_are_on(void **state)
{
	AUTO_FREE struct config *c = parsed(""), *empty = parsed("thresholds: []\n");

	(void)state;
	assert_int_equal(c->thresholds.n, CONFIG_THRESHOLDS_SHIPPED);
	for (uint32_t i = 0; i < c->thresholds.n; i++)
		assert_true(c->thresholds.items[i].enabled);
	assert_int_equal(find(c, "memory-near-limit")->metric, METRIC_MEMORY_PERCENT_OF_LIMIT);
	assert_true(find(c, "memory-near-limit")->limit == 90);
	assert_int_equal(find(c, "memory-near-limit")->for_ms, 300000);
	assert_memory_equal(c, empty, sizeof(*c));
}

static void an_entry_changes_only_what_it_gives_of_a_shipped_one(void **state)
{
	AUTO_FREE struct config *c =
		parsed("thresholds:\n"
		       "  - {name: unhealthy, enabled: false}\n"
		       "  - {name: memory-near-limit, above: 95%, container: 'web-*'}\n"
		       "  - {name: oom-kill, severity: critical}\n");
	const struct config_threshold *t = find(c, "memory-near-limit");

	(void)state;
	assert_int_equal(c->thresholds.n, CONFIG_THRESHOLDS_SHIPPED);
	assert_false(find(c, "unhealthy")->enabled);
	assert_int_equal(find(c, "unhealthy")->metric, METRIC_UNHEALTHY);
	assert_true(t->limit == 95 && t->enabled && !t->below);
	assert_int_equal(t->for_ms, 300000);
	assert_string_equal(t->container, "web-*");
	assert_int_equal(find(c, "oom-kill")->severity, 2);
	/* a list that comes later begins with the shipped ones, too */
	assert_int_equal(config_parse(c, "g.yaml", SPAN_LIT("thresholds: []\n"), NULL), 0);
	assert_true(find(c, "unhealthy")->enabled);
	assert_string_equal(find(c, "memory-near-limit")->container, "");
}

static void an_entry_with_another_name_is_one_more(void **state)
{
	AUTO_FREE struct config *c =
		parsed("thresholds:\n"
		       "  - name: swap-in-use\n"
		       "    above: 512MiB\n"
		       "    metric: swap_bytes\n"
		       "    for: 10m\n"
		       "    severity: notice\n"
		       "    image: 'registry.example.com/*'\n"
		       "  - {metric: pids, name: quiet, below: 1.5, for: 0s}\n");
	const struct config_threshold *t = find(c, "swap-in-use"), *q = find(c, "quiet");

	(void)state;
	assert_int_equal(c->thresholds.n, CONFIG_THRESHOLDS_SHIPPED + 2);
	assert_true(t->limit == 512.0 * 1024 * 1024);
	assert_int_equal(t->for_ms, 600000);
	assert_int_equal(t->severity, 5);
	assert_string_equal(t->image, "registry.example.com/*");
	assert_true(q->below && q->limit == 1.5 && q->enabled);
	assert_int_equal(q->for_ms, 0);
	assert_int_equal(q->severity, 4);
}

#define AT(line, column, key) "f.yaml:" #line ":" #column ": key 'thresholds[1]" key "': "

static void what_is_wrong_with_an_entry_is_told_with_its_place(void **state)
{
	(void)state;
	assert_refused("thresholds: 90\n",
		       "f.yaml:1:13: key 'thresholds': has a single value, expected a list of maps "
		       "such as '- {name: memory-near-limit, above: 95}'");
	assert_refused("thresholds: [90]\n",
		       AT(1, 14, "") "is no map, expected keys and their values");
	assert_refused("thresholds:\n  - {metric: pids, above: 1}\n",
		       AT(2, 5, "") "has no name, expected one");
	assert_refused("thresholds:\n  - {name: a b, metric: pids, above: 1}\n",
		       AT(2, 12, ".name") "holds a blank or a quote, expected a word such as "
					  "swap-in-use");
	assert_refused("thresholds:\n  - {name: a, above: 1}\n",
		       AT(2, 5, "") "has no metric and is no shipped one, expected both metric and "
				    "above or below");
	assert_refused("thresholds:\n  - {name: a, metric: pids}\n",
		       AT(2, 5, "") "has no limit, expected above or below");
	assert_refused("thresholds:\n  - {name: a, metric: pids, above: 1, below: 2}\n",
		       AT(2, 46, ".below") "stands beside above, expected one of them");
	assert_refused("thresholds:\n  - {name: a, metric: pids, above: many}\n",
		       AT(2, 36, ".above") "'many' does not fit, expected a number");
	assert_refused("thresholds:\n  - {name: a, metric: swap_bytes, above: -1}\n",
		       AT(2, 42, ".above") "'-1' does not fit, expected a size such as 512MiB");
	assert_refused("thresholds:\n  - {name: a, metric: pids, above: 1, for: 5}\n",
		       AT(2, 44, ".for") "'5' does not fit, expected a duration from 0s to 24h");
	assert_refused("thresholds:\n  - {name: a, metric: pids, above: 1, for: 25h}\n",
		       AT(2, 44, ".for") "'25h' does not fit, expected a duration from 0s to 24h");
	assert_refused("thresholds:\n  - {name: unhealthy, severity: bad}\n",
		       AT(2, 33, ".severity") "'bad' does not fit, expected one of emergency, "
					      "alert, critical, error, warning, notice, info, "
					      "debug");
	assert_refused("thresholds:\n  - {name: unhealthy, enabled: maybe}\n",
		       AT(2, 32, ".enabled") "'maybe' does not fit, expected true or false");
	assert_refused("thresholds:\n  - {name: unhealthy, colour: red}\n",
		       AT(2, 23, "") "has a key that is not known, expected name, metric, above, "
				     "below, for, severity, image, container or enabled");
	assert_refused("thresholds:\n  - {name: unhealthy, enabled: true, enabled: true}\n",
		       AT(2, 38, ".enabled") "stands twice, expected it once");
	assert_refused("thresholds:\n  - {name: [a]}\n",
		       AT(2, 12, ".name") "has no text as its value");
	assert_refused("thresholds:\n  - {name: unhealthy, metric: pids, above: 1}\n",
		       AT(2, 31, ".metric") "is another than that of the shipped 'unhealthy', "
					    "expected another name");
}

static void what_a_metric_does_not_allow_is_refused(void **state)
{
	(void)state;
	assert_refused("thresholds:\n  - {name: a, metric: restarts, above: 61}\n",
		       AT(2, 40, ".above") "does not fit a count, expected above and at most 60");
	assert_refused("thresholds:\n  - {name: a, metric: oom_kills, below: 6}\n",
		       AT(2, 41, ".below") "does not fit a count, expected above and at most 60");
	assert_refused("thresholds:\n  - {name: restart-loop, for: 0s}\n",
		       AT(2, 31, ".for") "counts within a time, expected for above 0s");
	assert_refused("thresholds:\n  - {name: filesystem-nearly-full, image: a}\n",
		       AT(2, 5, "") "is of the host, expected neither image nor container");
	assert_refused("thresholds:\n  - {name: oom-kill, above: 3}\n",
		       AT(2, 5, "") "is told at each kill and has no limit, expected severity, "
				    "image, container or enabled, or another name");
}

static void an_unknown_metric_is_answered_with_all_that_are_known(void **state)
{
	AUTO_FREE struct config *c = malloc(sizeof(*c));
	struct err e = { "" };

	(void)state;
	assert_non_null(c);
	config_defaults(c);
	assert_true(config_parse(c, "f.yaml",
				 SPAN_LIT("thresholds:\n  - {name: a, metric: pid, above: 1}\n"),
				 &e) < 0);
	assert_non_null(strstr(e.text, AT(2, 23, ".metric") "'pid' is not known, expected one of "
							    "cpu_cores, "));
	for (unsigned m = 0; m < METRIC_COUNT; m++)
		if (!strstr(e.text, config_metrics[m].name))
			fail_msg("%s is not in '%s'", config_metrics[m].name, e.text);
}

static void two_entries_of_one_name_are_refused(void **state)
{
	(void)state;
	assert_refused("thresholds:\n  - {name: unhealthy}\n  - {name: unhealthy}\n",
		       "f.yaml:3:12: key 'thresholds[2].name': 'unhealthy' stands twice in the "
		       "list, expected it once");
	assert_refused("thresholds:\n  - {name: a, metric: pids, above: 1}\n  - {name: a}\n",
		       "f.yaml:3:12: key 'thresholds[2].name': 'a' stands twice in the list, "
		       "expected it once");
}

static char *many(unsigned n)
{
	struct buf b = { .fd = -1 };

	buf_init(&b, 1 << 20);
	buf_add_str(&b, "thresholds:\n");
	for (unsigned i = 0; i < n; i++)
		buf_printf(&b, "  - {name: t%u, metric: pids, above: 1}\n", i);
	return buf_take_str(&b);
}

static void sixty_four_entries_are_taken_and_not_one_more(void **state)
{
	AUTO_FREE char *most = many(CONFIG_MAX_THRESHOLD_ENTRIES);
	AUTO_FREE char *more = many(CONFIG_MAX_THRESHOLD_ENTRIES + 1);
	AUTO_FREE struct config *c = parsed(most);

	(void)state;
	assert_int_equal(c->thresholds.n, CONFIG_MAX_THRESHOLDS);
	assert_refused(more, "f.yaml:66:5: key 'thresholds': has too many entries, expected at "
			     "most 64");
}

static void names_and_patterns_have_a_length(void **state)
{
	char name[80], pattern[300], yaml[512], want[256];

	(void)state;
	memset(name, 'n', sizeof(name));
	memset(pattern, 'p', sizeof(pattern));
	snprintf(yaml, sizeof(yaml), "thresholds:\n  - {name: %.64s, enabled: false}\n", name);
	assert_refused(yaml, AT(2, 12, ".name") "has 64 bytes, expected at most 63 and no NUL");
	snprintf(yaml, sizeof(yaml), "thresholds:\n  - {name: unhealthy, image: %.256s}\n",
		 pattern);
	snprintf(want, sizeof(want),
		 AT(2, 30, ".image") "has 256 bytes, expected at most 255 and no NUL");
	assert_refused(yaml, want);
}

static void it_can_be_set_in_the_file_alone(void **state)
{
	AUTO_FREE struct config *c = parsed("");
	struct err e = { "" };

	(void)state;
	assert_true(config_set(c, "thresholds", "x", &e) < 0);
	assert_string_equal(e.text, "key 'thresholds': can be set in the file alone");
	assert_int_equal(config_set(c, "thresholds", "", &e), 0);
	assert_int_equal(c->thresholds.n, CONFIG_THRESHOLDS_SHIPPED);
}

/* The manual's comments, as they stand. */
static void the_manual_tells_of_each_shipped_one_and_each_metric(void **state)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	char text[256], line[512];

	(void)state;
	buf_init(&b, CONFIG_MAX_FILE_BYTES);
	assert_int_equal(io_read_buf_at(AT_FDCWD, "deploy/bulkhead.yaml", &b, NULL), 0);
	for (unsigned i = 0; i < CONFIG_THRESHOLDS_SHIPPED; i++) {
		snprintf(line, sizeof(line), "\n#   - %s",
			 config_threshold_text(&config_thresholds_shipped[i], text));
		if (!memmem(b.data, b.len, line, strlen(line)))
			fail_msg("deploy/bulkhead.yaml lacks '%s'", line + 1);
	}
	for (unsigned m = 0; m < METRIC_COUNT; m++) {
		snprintf(line, sizeof(line), "\n#   %-30s %s\n", config_metrics[m].name,
			 config_metrics[m].about);
		if (!memmem(b.data, b.len, line, strlen(line)))
			fail_msg("deploy/bulkhead.yaml lacks '%s'", line + 1);
	}
}

/* What the manual shows is what the parser takes: the shipped ones as entries change nothing. */
static void a_shipped_one_written_out_is_the_same(void **state)
{
	AUTO_FREE struct config *plain = parsed("");
	AUTO_BUF struct buf b = { .fd = -1 };
	char text[256];

	(void)state;
	buf_init(&b, 1 << 16);
	buf_add_str(&b, "thresholds:\n");
	for (unsigned i = 0; i < CONFIG_THRESHOLDS_SHIPPED; i++)
		if (strcmp(config_thresholds_shipped[i].name, CONFIG_OOM_KILL) != 0)
			buf_printf(&b, "  - %s\n",
				   config_threshold_text(&config_thresholds_shipped[i], text));
	buf_add_char(&b, '\0');
	AUTO_FREE struct config *c = parsed(b.data);

	assert_memory_equal(c, plain, sizeof(*c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_list_the_shipped_ones_are_on),
		cmocka_unit_test(an_entry_changes_only_what_it_gives_of_a_shipped_one),
		cmocka_unit_test(an_entry_with_another_name_is_one_more),
		cmocka_unit_test(what_is_wrong_with_an_entry_is_told_with_its_place),
		cmocka_unit_test(what_a_metric_does_not_allow_is_refused),
		cmocka_unit_test(an_unknown_metric_is_answered_with_all_that_are_known),
		cmocka_unit_test(two_entries_of_one_name_are_refused),
		cmocka_unit_test(sixty_four_entries_are_taken_and_not_one_more),
		cmocka_unit_test(names_and_patterns_have_a_length),
		cmocka_unit_test(it_can_be_set_in_the_file_alone),
		cmocka_unit_test(the_manual_tells_of_each_shipped_one_and_each_metric),
		cmocka_unit_test(a_shipped_one_written_out_is_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
