// SPDX-License-Identifier: GPL-2.0-or-later
/* The services of enforcement where there is no sensor; with one: tests/integration. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "collector/agent_internal.h"

static void without_a_sensor_each_service_says_so_and_nothing_is_kept(void **state)
{
	struct agent *a = calloc(1, sizeof(*a));
	struct container c = { .slot = 1 };
	struct verdict_key k = { .image = 1 };
	const struct sensor_peer p = { .image = 1 };
	uint64_t words[SYSCALL_WORDS];
	struct agent_services s = { .agent = a };
	struct err e = { "" };
	(void)state;

	assert_non_null(a);
	agent_sensor_services(&s);
	assert_int_equal(s.enforce(a, &c, 1, ENFORCE_EXEC_KILL), -ENOTCONN);
	assert_int_equal(c.enforce, 0);
	assert_int_equal(c.image_slot, 0);
	assert_int_equal(s.container_mask(a, &c, 1), -ENOTCONN);
	assert_int_equal(s.verdict(a, &k, VERDICT_ALLOW), -ENOTCONN);
	assert_int_equal(s.script_key(a, 1, SPAN_LIT("/x"), &k), -ENOTCONN);
	assert_int_equal(s.peer(a, &p, VERDICT_ALLOW), -ENOTCONN);
	s.clear_image(a, 1);
	assert_false(s.can_deny(a));
	assert_string_equal(s.layer(a), "off");
	assert_int_equal(s.lost(a, &c), 0);
	assert_int_equal(s.tasks(a, &e), -ENOTCONN);
	assert_null(s.container_of(a, EVENT_CGROUP_V2, 7));
	assert_false(s.syscalls(a, &c, words));
	free(a);
}

static void what_was_noted_of_a_container_that_ended_is_given_once(void **state)
{
	struct agent *a = calloc(1, sizeof(*a));
	struct container c = { .ended = true };
	uint64_t words[SYSCALL_WORDS];
	struct agent_services s = { .agent = a };
	(void)state;

	assert_non_null(a);
	agent_sensor_services(&s);
	c.syscalls = calloc(2 * SYSCALL_WORDS, sizeof(*c.syscalls));
	assert_non_null(c.syscalls);
	c.syscalls[0] = 7;
	c.syscalls[SYSCALL_WORDS] = 2;
	assert_true(s.syscalls(a, &c, words));
	assert_int_equal(words[0], 2);
	assert_true(s.syscalls(a, &c, words));
	assert_int_equal(words[0], 0);
	assert_int_equal(c.syscalls[0], 7); /* all that it made stays */
	free(c.syscalls);
	free(a);
}

static void what_was_lost_of_a_container_is_told_once(void **state)
{
	struct agent *a = calloc(1, sizeof(*a));
	struct container c = { .ended = true, .lost_types = EVENT_BIT(EVENT_OPEN) };
	struct agent_services s = { .agent = a };
	(void)state;

	assert_non_null(a);
	agent_sensor_services(&s);
	assert_int_equal(s.lost(a, &c), EVENT_BIT(EVENT_OPEN));
	assert_int_equal(s.lost(a, &c), 0);
	free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_sensor_each_service_says_so_and_nothing_is_kept),
		cmocka_unit_test(what_was_noted_of_a_container_that_ended_is_given_once),
		cmocka_unit_test(what_was_lost_of_a_container_is_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
