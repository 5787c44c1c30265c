/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rule_set_check - what the tests of rule sets share: sets from text, and what they say. */
#ifndef BULKHEAD_TESTS_RULE_SET_CHECK_H
#define BULKHEAD_TESTS_RULE_SET_CHECK_H

#include <string.h>

#include "detector/rule_set.h"

#define AUTO_SET AUTO(rule_set_release)

/* A rule of that name with all that a rule must have; more may follow. */
#define RULE(name, condition)                                                                      \
	"- rule: " name "\n  desc: d\n  output: out\n  priority: debug\n  condition: " condition   \
	"\n"
#define WITH_EXCEPTION                                                                             \
	RULE("r", "fd.num=1")                                                                      \
	"  exceptions: [{name: x, fields: [proc.name, fd.name], values: [[a, b]]}]\n"              \
	"- rule: r\n"
#define TOGGLED "  override: {enabled: replace}\n"

static inline void add(struct rule_set *s, const char *file, const char *yaml)
{
	assert_int_equal(rule_set_add(s, span_str(file), span_str(yaml)), 0);
}

static inline struct rule_set set_of(const char *yaml)
{
	struct rule_set s;

	rule_set_init(&s);
	add(&s, "a.yaml", yaml);
	assert_int_equal(rule_set_finish(&s), 0);
	return s;
}

static inline void show(const struct rule_set *s)
{
	for (const struct rule_message *m = s->messages.first; m; m = m->next)
		print_error("%.*s:%u:%u %s: %.*s '%.*s': %.*s\n", (int)m->file.n, m->file.p,
			    m->line, m->column, m->error ? "error" : "warning", (int)m->what.n,
			    m->what.p, (int)m->name.n, m->name.p, (int)m->text.n, m->text.p);
}

static inline void assert_good(const struct rule_set *s)
{
	if (s->failed)
		show(s);
	assert_false(s->failed);
	assert_int_equal(s->messages.errors, 0);
}

static inline const struct rule *rule_of(const struct rule_set *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (span_eq(s->rules[i].name, name))
			return &s->rules[i];
	fail_msg("no rule '%s'", name);
	abort();
}

static inline void assert_printed(const struct condition *c, const char *expected)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, 1 << 20);
	assert_non_null(c);
	condition_print(&b, c);
	assert_false(b.failed);
	if (b.len != strlen(expected) || memcmp(b.data, expected, b.len) != 0)
		print_error("got: %.*s\nnot: %s\n", (int)b.len, b.data, expected);
	assert_int_equal(b.len, strlen(expected));
	assert_memory_equal(b.data, expected, b.len);
}

static inline void assert_condition(const struct rule_set *s, const char *rule,
				    const char *expected)
{
	assert_good(s);
	assert_printed(rule_of(s, rule)->condition, expected);
}

/* The condition of the only rule "r" in it. */
static inline void assert_becomes(const char *yaml, const char *expected)
{
	AUTO_SET struct rule_set s = set_of(yaml);

	assert_condition(&s, "r", expected);
}

static inline void assert_says(const struct rule_set *s, bool error, const char *expected)
{
	char text[900];

	for (const struct rule_message *m = s->messages.first; m; m = m->next) {
		snprintf(text, sizeof(text), "%.*s:%u:%u: %.*s '%.*s': %.*s", (int)m->file.n,
			 m->file.p, m->line, m->column, (int)m->what.n, m->what.p, (int)m->name.n,
			 m->name.p, (int)m->text.n, m->text.p);
		if (m->error == error && strstr(text, expected))
			return;
	}
	show(s);
	print_error("not said: %s\n", expected);
	fail();
}

static inline void assert_fails(const char *yaml, const char *expected)
{
	AUTO_SET struct rule_set s = set_of(yaml);

	assert_true(s.failed);
	assert_null(s.rules);
	assert_says(&s, true, expected);
	if (s.messages.errors != 1)
		show(&s);
	assert_int_equal(s.messages.errors, 1);
}

static inline void assert_span(struct span s, const char *expected)
{
	assert_int_equal(s.n, strlen(expected));
	assert_memory_equal(s.p, expected, s.n);
}

#endif
