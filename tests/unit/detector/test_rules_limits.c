// SPDX-License-Identifier: GPL-2.0-or-later
/* As many rules as there may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "detector/rules.h"
#include "detector/rules_main.h"
#include "tests/unit/fixture.h"

#define PER_FILE 4096

static void add_rules(struct buf *b, unsigned from, unsigned n)
{
	for (unsigned i = from; i < from + n; i++)
		buf_printf(b,
			   "- rule: r%u\n  desc: d\n  condition: evt.type = execve and proc.name = "
			   "n%u\n  output: \"%%proc.name %%proc.cmdline %%proc.aname[2] %%fd.name "
			   "%%user.name %%proc.env[PATH]\"\n  priority: WARNING\n",
			   i, i);
}

static int load(struct rules **r, unsigned n, const struct rules_settings *s, struct err *e)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	struct rule_set set;

	rule_set_init(&set);
	for (unsigned from = 0; from < n; from += PER_FILE) {
		buf_init(&b, 4 << 20);
		add_rules(&b, from, n - from < PER_FILE ? n - from : PER_FILE);
		assert_false(b.failed);
		assert_int_equal(
			rule_set_add(&set, SPAN_LIT("t.yaml"), (struct span){ b.data, b.len }), 0);
		buf_release(&b);
	}
	assert_int_equal(rule_set_finish(&set), 0);
	assert_int_equal(set.messages.errors, 0);
	return rules_new(r, &set, s, e);
}

static void as_many_rules_as_a_set_takes_are_loaded(void **state)
{
	static const struct rules_settings s = { .least = ALERT_DEBUG };
	AUTO(rules_free) struct rules *r = NULL;
	struct err e = { "" };

	(void)state;
	if (load(&r, RULE_SET_MAX_RULES, &s, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(r->on, RULE_SET_MAX_RULES);
	const struct rule_output *first = &r->list[0].output, *last = &r->list[r->n - 1].output;

	assert_true(first->fields_n >= 6);
	assert_int_equal(first->fields_n, last->fields_n);
	for (size_t i = 0; i < first->fields_n; i++)
		assert_ptr_equal(first->fields[i].ref, last->fields[i].ref);
	assert_int_equal(strcmp(last->fields[2].ref->arg, "2"), 0);
}

static void what_is_too_much_is_refused_by_the_name_of_its_limit(void **state)
{
	static char condition[8192] = "proc.pname in (x";
	static struct rules_exception x[64];
	const struct rules_settings s = { .least = ALERT_DEBUG,
					  .exceptions = x,
					  .exceptions_n = sizeof(x) / sizeof(x[0]) };
	AUTO(rules_free) struct rules *r = NULL;
	size_t n = strlen(condition);
	struct err e = { "" };

	(void)state;
	while (n + 16 < sizeof(condition))
		n += (size_t)snprintf(condition + n, sizeof(condition) - n, ", y%zu", n);
	snprintf(condition + n, sizeof(condition) - n, ")");
	for (size_t i = 0; i < s.exceptions_n; i++)
		x[i] = (struct rules_exception){ "", "", "", condition };
	assert_int_equal(load(&r, 2000, &s, &e), -ENOMEM);
	assert_string_equal(e.text, "no room for 2000 rules: 64 MiB are the most");
}

static void rules_check_says_what_the_agent_would_say(void **state)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	AUTO_TREE struct tree t = tree_make("");
	char path[256], *argv[] = { (char[]){ "rules" }, (char[]){ "check" }, path, NULL };

	(void)state;
	snprintf(path, sizeof(path), "%s/many.yaml", t.path);
	buf_init(&b, 8 << 20);
	add_rules(&b, 0, PER_FILE);
	tree_write(&t, "many.yaml", b.data, b.len);
	assert_int_equal(rules_main(3, argv), 0);
	buf_clear(&b);
	/* a field more than a program has room for: no rule alone is to blame */
	for (unsigned i = 0; i < PER_FILE; i++)
		buf_printf(&b,
			   "- rule: r%u\n  desc: d\n  condition: evt.type = execve and "
			   "proc.env[A%u] = x\n  output: o\n  priority: WARNING\n",
			   i, i);
	tree_write(&t, "many.yaml", b.data, b.len);
	assert_int_equal(rules_main(3, argv), 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_many_rules_as_a_set_takes_are_loaded),
		cmocka_unit_test(what_is_too_much_is_refused_by_the_name_of_its_limit),
		cmocka_unit_test(rules_check_says_what_the_agent_would_say),
	};

	evt_type_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
