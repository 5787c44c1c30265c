// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "collector/event_filter.h"

static struct event_filter parsed(const char *query)
{
	struct event_filter f;
	struct err e = { "" };

	assert_int_equal(event_filter_parse(&f, span_str(query), &e), 0);
	assert_string_equal(e.text, "");
	return f;
}

static void refused(const char *query, const char *why)
{
	struct event_filter f = { .types = 42 };
	struct err e = { "" };

	assert_int_equal(event_filter_parse(&f, span_str(query), &e), -EINVAL);
	if (!strstr(e.text, why))
		assert_string_equal(e.text, why);
	assert_int_equal(f.types, 42); /* untouched */
}

static bool passes(const char *query, enum event_type type, uint64_t container, const char *id,
		   const char *name)
{
	const struct event_filter f = parsed(query);
	const struct event_head head = { .type = (uint16_t)type, .container_cgroup = container };
	const struct event_view v = { .head = &head };

	return event_filter_pass(&f, &v, id, name);
}

static void without_a_query_all_passes_but_what_costs_extra(void **state)
{
	(void)state;
	assert_true(passes("", EVENT_EXEC, 0, NULL, NULL));
	assert_true(passes("", EVENT_OPEN, 7, "abc", "web"));
	assert_true(passes("", EVENT_CGROUP_ATTACH, 7, "abc", "web"));
	assert_false(passes("", EVENT_STAT, 7, "abc", "web"));
	assert_false(passes("", EVENT_RECV, 7, "abc", "web"));
	assert_false(passes("", EVENT_CGROUP_MKDIR, 7, "abc", "web"));
	assert_int_equal(parsed("").format, WIRE_EVENTS_JSON);
	assert_true(passes("container=&type=&class=&host=", EVENT_EXEC, 0, NULL, NULL));
}

static void types_and_classes_add_up(void **state)
{
	(void)state;
	assert_int_equal(parsed("type=exec,open").types,
			 EVENT_BIT(EVENT_EXEC) | EVENT_BIT(EVENT_OPEN));
	assert_int_equal(parsed("type=exec%2copen").types,
			 EVENT_BIT(EVENT_EXEC) | EVENT_BIT(EVENT_OPEN));
	const uint64_t process = EVENT_BIT(EVENT_FORK) | EVENT_BIT(EVENT_EXEC) |
				 EVENT_BIT(EVENT_EXIT);

	assert_int_equal(parsed("class=process").types, process);
	assert_int_equal(parsed("class=process&type=connect").types,
			 process | EVENT_BIT(EVENT_CONNECT));
	assert_false(parsed("class=file").types & EVENT_BIT(EVENT_STAT));
	assert_true(parsed("class=file&type=stat").types & EVENT_BIT(EVENT_STAT));
	assert_true(parsed("class=network,isolation").types & EVENT_BIT(EVENT_PTRACE));
	assert_int_equal(parsed("type=cgroup_mkdir").types, EVENT_BIT(EVENT_CGROUP_MKDIR));
}

static void a_container_is_named_by_id_prefix_or_name(void **state)
{
	const char *id = "0123456789abcdef";

	(void)state;
	assert_true(passes("container=0123456789abcdef", EVENT_EXEC, 7, id, "web"));
	assert_true(passes("container=0123", EVENT_EXEC, 7, id, "web"));
	assert_true(passes("container=web", EVENT_EXEC, 7, id, "web"));
	assert_true(passes("container=w%65b", EVENT_EXEC, 7, id, "web"));
	assert_true(passes("container=a+b%26c", EVENT_EXEC, 7, id, "a b&c"));
	assert_false(passes("container=012", EVENT_EXEC, 7, id, "web")); /* too short */
	assert_false(passes("container=we", EVENT_EXEC, 7, id, "web"));
	assert_false(passes("container=0123456789abcdef0", EVENT_EXEC, 7, id, "web"));
	assert_false(passes("container=web", EVENT_EXEC, 0, NULL, NULL));
	assert_false(passes("container=web", EVENT_EXEC, 7, NULL, NULL)); /* not known yet */
	assert_false(passes("container=web&host=1", EVENT_EXEC, 0, NULL, NULL));
	assert_true(passes("container=abc", EVENT_EXEC, 7, "abc", "x")); /* a short id, whole */
}

static void the_host_can_be_left_out(void **state)
{
	(void)state;
	assert_true(passes("host=1", EVENT_EXEC, 0, NULL, NULL));
	assert_false(passes("host=0", EVENT_EXEC, 0, NULL, NULL));
	assert_true(passes("host=0", EVENT_EXEC, 7, NULL, NULL));
	assert_false(parsed("container=web").host);
}

static void what_is_wrong_is_said_with_what_is_right(void **state)
{
	char longest[EVENT_FILTER_MAX_CONTAINER + 16] = "container=";

	(void)state;
	refused("type=exek", "no event type 'exek'; known are fork,exec,exit,open,");
	refused("type=exek", ",cgroup_attach");
	refused("type=exec,", "no event type ''");
	refused("class=files", "no event class 'files'; known are process");
	refused("class=control", "no event class 'control'");
	refused("host=yes", "host is 0 or 1");
	refused("format=xml", "format is json, text or record");
	refused("kind=x", "no parameter 'kind'; known are container, type");
	refused("type=exec&type=open", "parameter 'type' is given twice");
	refused("container=%", "malformed escape");
	refused("container=%4", "malformed escape");
	refused("container=%zz", "malformed escape");
	refused("container=a%00b", "too long");
	memset(longest + 10, 'a', EVENT_FILTER_MAX_CONTAINER);
	refused(longest, "the container's name is too long");
	longest[10 + EVENT_FILTER_MAX_CONTAINER - 1] = '\0';
	assert_int_equal(parsed(longest).container_n, EVENT_FILTER_MAX_CONTAINER - 1);
	assert_int_equal(parsed("&&type=exec&").types, EVENT_BIT(EVENT_EXEC));
}

static void a_range_that_ends_inside_an_escape_is_not_read_beyond(void **state)
{
	struct event_filter f;
	char *query = malloc(11);

	(void)state;
	assert_non_null(query);
	memcpy(query, "type=exec%4", 11);
	assert_int_equal(event_filter_parse(&f, (struct span){ query, 11 }, NULL), -EINVAL);
	assert_int_equal(event_filter_parse(&f, (struct span){ query, 10 }, NULL), -EINVAL);
	assert_int_equal(event_filter_parse(&f, (struct span){ query, 9 }, NULL), 0);
	free(query);
}

int main(void)
{
	const struct CMUnitTest filter[] = {
		cmocka_unit_test(without_a_query_all_passes_but_what_costs_extra),
		cmocka_unit_test(types_and_classes_add_up),
		cmocka_unit_test(a_container_is_named_by_id_prefix_or_name),
		cmocka_unit_test(the_host_can_be_left_out),
		cmocka_unit_test(what_is_wrong_is_said_with_what_is_right),
		cmocka_unit_test(a_range_that_ends_inside_an_escape_is_not_read_beyond),
	};

	return cmocka_run_group_tests(filter, NULL, NULL);
}
