// SPDX-License-Identifier: GPL-2.0-or-later
/* A set of rules on an event: which match, under which reading of its paths. */
#include "tests/unit/detector/field_fixture.h"

#include <fcntl.h>

#include "detector/rules.h"

static struct rules *loaded(const char *text, bool match_all)
{
	const struct rules_settings s = { .least = ALERT_DEBUG, .match_all = match_all };
	struct rules *r = NULL;
	struct rule_set set;
	struct err e = { "" };

	rule_set_init(&set);
	assert_int_equal(rule_set_add(&set, SPAN_LIT("t.yaml"), span_str(text)), 0);
	assert_int_equal(rule_set_finish(&set), 0);
	if (rules_new(&r, &set, &s, &e) < 0)
		fail_msg("%s", e.text);
	return r;
}

#define RULE(name, condition, more)                                                                \
	"- rule: " name "\n  desc: d\n  condition: " condition                                     \
	"\n  output: o\n  priority: WARNING\n" more

static const char on_names[] = RULE("Link", "evt.type = openat and fd.name = /tmp/harmless", "")
	RULE("Target", "evt.type = openat and fd.directory = /etc and fd.filename = shadow", "")
		RULE("Noted", "evt.type = openat and fd.name startswith /", "  tags: [audit]\n");

/* "Link0 Target1": the reading behind each name. */
static const char *matches(struct rules *r)
{
	static char text[256];
	struct rules_hit hits[RULES_MAX_HITS];
	size_t n = rules_match(r, &event, hits), at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%.*s%d", i ? " " : "",
				       (int)hits[i].rule->rule->name.n, hits[i].rule->rule->name.p,
				       hits[i].reading);
	return text;
}

static void a_link_is_met_by_rules_on_its_name_and_on_what_it_leads_to(void **state)
{
	AUTO(rules_free) struct rules *r = loaded(on_names, true);

	(void)state;
	an_open(O_RDONLY, 0, 3, "/tmp/harmless", NULL, "/etc/shadow");
	assert_string_equal(matches(r), "Link0 Noted0 Target1");
	an_open(O_RDONLY, 0, 3, "/etc/./x/../shadow", NULL, "/etc/shadow");
	assert_string_equal(matches(r), "Target0 Noted0");
}

static void the_first_rule_that_matches_is_enough_but_for_the_audit(void **state)
{
	AUTO(rules_free) struct rules *r = loaded(on_names, false);

	(void)state;
	an_open(O_RDONLY, 0, 3, "/tmp/harmless", NULL, "/etc/shadow");
	assert_string_equal(matches(r), "Link0 Noted0");
	an_open(O_RDONLY, 0, 3, "/tmp/other", NULL, "/etc/shadow");
	assert_string_equal(matches(r), "Noted0 Target1");
}

static void a_link_that_fits_a_lesser_rule_hides_no_graver_one(void **state)
{
	static const char text[] = "- rule: Low\n  desc: d\n  condition: evt.type = openat and "
				   "fd.name = /tmp/harmless\n"
				   "  output: o\n  priority: NOTICE\n"
				   "- rule: High\n  desc: d\n  condition: evt.type = openat and "
				   "fd.name = /etc/shadow\n"
				   "  output: o\n  priority: CRITICAL\n";
	AUTO(rules_free) struct rules *r = loaded(text, false);

	(void)state;
	an_open(O_RDONLY, 0, 3, "/tmp/harmless", NULL, "/etc/shadow");
	assert_string_equal(matches(r), "High1");
}

static void what_is_printed_afterwards_follows_the_reading_that_is_set(void **state)
{
	AUTO(rules_free) struct rules *r = loaded(on_names, true);

	(void)state;
	an_open(O_RDONLY, 0, 3, "/tmp/harmless", NULL, "/etc/shadow");
	matches(r);
	event.reading = READING_LEXICAL;
	EXPECT({ "fd.name", "/tmp/harmless" });
	event.reading = READING_RESOLVED;
	EXPECT({ "fd.name", "/etc/shadow" });
}

static void one_event_leaves_nothing_to_the_next(void **state)
{
	AUTO(rules_free) struct rules *r = loaded(on_names, true);

	(void)state;
	for (int i = 0; i < 3; i++) {
		an_open(O_RDONLY, 0, 3, "/etc/shadow", NULL, "/etc/shadow");
		assert_string_equal(matches(r), "Target0 Noted0");
		an_open(O_RDONLY, 0, 3, "/var/x", NULL, "/var/x");
		assert_string_equal(matches(r), "Noted0");
	}
	assert_int_equal(r->events, 6);
}

static void an_event_of_the_host_and_one_of_a_container_are_told_apart(void **state)
{
	static const char text[] = RULE("Host", "evt.type = openat and container.id = host", "")
		RULE("Box", "evt.type = openat and container.id != host", "")
			RULE("Id", "evt.type = openat and container.id = 0123456789ab", "");
	static const struct event_container box = { .id = SPAN_LIT("0123456789abcdef") },
					    named = { .id = SPAN_LIT("my-container") };
	AUTO(rules_free) struct rules *r = loaded(text, true);

	(void)state;
	an_open(O_RDONLY, 0, 3, "/x", NULL, "/x");
	context.container = &box;
	assert_string_equal(matches(r), "Box0 Id0");
	an_open(O_RDONLY, 0, 3, "/x", NULL, "/x");
	context.container = &named;
	assert_string_equal(matches(r), "Box0");
	an_open(O_RDONLY, 0, 3, "/x", NULL, "/x");
	((struct event_head *)record)->flags |= EVENT_HOST;
	assert_string_equal(matches(r), "Host0");
}

#define T(name) cmocka_unit_test(name)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(a_link_is_met_by_rules_on_its_name_and_on_what_it_leads_to),
		T(the_first_rule_that_matches_is_enough_but_for_the_audit),
		T(a_link_that_fits_a_lesser_rule_hides_no_graver_one),
		T(what_is_printed_afterwards_follows_the_reading_that_is_set),
		T(one_event_leaves_nothing_to_the_next),
		T(an_event_of_the_host_and_one_of_a_container_are_told_apart),
	};

	evt_type_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
