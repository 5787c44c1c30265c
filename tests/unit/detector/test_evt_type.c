// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/detector/field_fixture.h"

static enum evt_type type_of(enum event_type type, int32_t call, uint16_t flags)
{
	struct event_head h = fixture_head(type);

	h.syscall = call;
	h.flags = flags;
	begin(&h, NULL);
	finish();
	return event.type;
}

static void a_call_is_named_by_its_number(void **state)
{
	(void)state;
	assert_int_equal(type_of(EVENT_OPEN, 2, 0), EVT_OPEN);
	assert_int_equal(type_of(EVENT_OPEN, 257, 0), EVT_OPENAT);
	assert_int_equal(type_of(EVENT_OPEN, 437, 0), EVT_OPENAT2);
	assert_int_equal(type_of(EVENT_SETUID, 105, 0), EVT_SETUID);
	assert_int_equal(type_of(EVENT_EXEC, 322, 0), EVT_EXECVEAT);
	assert_int_equal(type_of(EVENT_CHMOD, 452, 0), EVT_FCHMODAT2);
}

static void a_32_bit_call_is_named_by_its_own_table(void **state)
{
	(void)state;
	assert_int_equal(type_of(EVENT_OPEN, 5, EVENT_COMPAT), EVT_OPEN);
	assert_int_equal(type_of(EVENT_OPEN, 295, EVENT_COMPAT), EVT_OPENAT);
	assert_int_equal(type_of(EVENT_UMOUNT, 22, EVENT_COMPAT), EVT_UMOUNT);
	assert_int_equal(type_of(EVENT_UMOUNT, 52, EVENT_COMPAT), EVT_UMOUNT2);
	/* both numbers of one call */
	assert_int_equal(type_of(EVENT_SETUID, 23, EVENT_COMPAT), EVT_SETUID);
	assert_int_equal(type_of(EVENT_SETUID, 213, EVENT_COMPAT), EVT_SETUID);
	assert_int_equal(type_of(EVENT_TRUNCATE, 193, EVENT_COMPAT), EVT_TRUNCATE);
	assert_int_equal(type_of(EVENT_DUP, 221, EVENT_COMPAT), EVT_FCNTL);
	assert_int_equal(type_of(EVENT_RECV, 417, EVENT_COMPAT), EVT_RECVMMSG);
}

static void an_x32_call_is_named_by_its_own_number_or_the_common_one(void **state)
{
	(void)state;
	assert_int_equal(type_of(EVENT_EXEC, 520, EVENT_X32), EVT_EXECVE);
	assert_int_equal(type_of(EVENT_SEND, 518, EVENT_X32), EVT_SENDMSG);
	assert_int_equal(type_of(EVENT_OPEN, 257, EVENT_X32), EVT_OPENAT);
}

static void what_is_no_call_has_the_first_name_of_its_type(void **state)
{
	(void)state;
	assert_int_equal(type_of(EVENT_EXEC, -1, 0), EVT_EXECVE);
	assert_int_equal(type_of(EVENT_EXIT, -1, 0), EVT_PROCEXIT);
	assert_int_equal(type_of(EVENT_OPEN, -1, 0), EVT_OPENAT);
	assert_int_equal(type_of(EVENT_FORK, -1, 0), EVT_CLONE);
	assert_int_equal(type_of(EVENT_FLOW_END, -1, EVENT_NO_TASK), EVT_FLOW_END);
}

static void a_call_that_tells_another_thing_is_not_named_by_its_number(void **state)
{
	(void)state;
	assert_int_equal(type_of(EVENT_CONNECT, 44, 0), EVT_CONNECT); /* sendto, TCP fast open */
	assert_int_equal(type_of(EVENT_SEND, 102, EVENT_COMPAT), EVT_SENDTO); /* socketcall */
	assert_int_equal(type_of(EVENT_RMDIR, 263, 0), EVT_UNLINKAT);	      /* AT_REMOVEDIR */
	assert_int_equal(type_of(EVENT_RMDIR, 84, 0), EVT_RMDIR);
	assert_int_equal(type_of(EVENT_OPEN, INT32_MAX, 0), EVT_OPENAT);
	assert_int_equal(type_of(EVENT_OPEN, 1023, EVENT_COMPAT), EVT_OPENAT);
}

static void every_type_is_found_by_its_name(void **state)
{
	(void)state;
	for (unsigned t = EVT_NONE + 1; t < EVT_COUNT; t++) {
		enum evt_type found = EVT_NONE;

		assert_int_equal(evt_type_find(span_str(evt_type_name((enum evt_type)t)), &found),
				 EVT_SEEN);
		assert_int_equal(found, t);
		assert_int_not_equal(evt_type_event((enum evt_type)t), EVENT_NONE);
		assert_true(evt_type_events((enum evt_type)t) &
			    EVENT_BIT(evt_type_event((enum evt_type)t)));
	}
	assert_string_equal(evt_type_name(EVT_NONE), "");
	assert_true(evt_type_events(EVT_NONE) == 0);
	assert_true(evt_type_events(EVT_UNLINKAT) ==
		    (EVENT_BIT(EVENT_UNLINK) | EVENT_BIT(EVENT_RMDIR)));
}

static void names_that_nothing_here_tells_are_known_as_such(void **state)
{
	enum evt_type t = EVT_OPEN;

	(void)state;
	assert_int_equal(evt_type_find(span_str("read"), &t), EVT_UNSEEN);
	assert_int_equal(evt_type_find(span_str("socketcall"), &t), EVT_UNSEEN);
	assert_int_equal(evt_type_find(span_str("switch"), &t), EVT_UNSEEN);
	assert_int_equal(evt_type_find(span_str("container"), &t), EVT_UNSEEN);
	assert_int_equal(evt_type_find(span_str("pluginevent"), &t), EVT_UNSEEN);
	assert_int_equal(evt_type_find(span_str("opne"), &t), EVT_UNKNOWN);
	assert_int_equal(evt_type_find(span_str(""), &t), EVT_UNKNOWN);
	assert_int_equal(evt_type_find(SPAN_LIT("open\0at"), &t), EVT_UNKNOWN);
	assert_int_equal(evt_type_find(span_str("a_name_that_is_longer_than_any_system_call_has_"
						"ever_been_or_will_ever_be"),
				       &t),
			 EVT_UNKNOWN);
	assert_int_equal(t, EVT_OPEN);
}

static void open_stands_for_the_calls_that_took_its_place(void **state)
{
	struct evt_set s = evt_type_matching(EVT_OPEN), one = evt_type_matching(EVT_DUP3);
	unsigned n = 0;

	(void)state;
	assert_true(evt_set_has(&s, EVT_OPEN) && evt_set_has(&s, EVT_OPENAT) &&
		    evt_set_has(&s, EVT_OPENAT2));
	for (unsigned t = 0; t < EVT_COUNT; t++)
		n += evt_set_has(&s, (enum evt_type)t) + evt_set_has(&one, (enum evt_type)t);
	assert_int_equal(n, 4);
	assert_true(evt_set_has(&one, EVT_DUP3));
	s = evt_type_matching(EVT_NONE);
	assert_true(s.w[0] == 0 && s.w[1] == 0);
}

#define T(name) cmocka_unit_test(name)
int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(a_call_is_named_by_its_number),
		T(a_32_bit_call_is_named_by_its_own_table),
		T(an_x32_call_is_named_by_its_own_number_or_the_common_one),
		T(what_is_no_call_has_the_first_name_of_its_type),
		T(a_call_that_tells_another_thing_is_not_named_by_its_number),
		T(every_type_is_found_by_its_name),
		T(names_that_nothing_here_tells_are_known_as_such),
		T(open_stands_for_the_calls_that_took_its_place),
	};

	evt_type_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
