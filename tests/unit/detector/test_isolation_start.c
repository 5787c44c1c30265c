// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "detector/isolation_start.h"

static struct isolation_starts *starts;
static const struct event_namespaces host = { 1, 2, 3, 4, 5, 6, 7, 8 };
static const struct event_exec program = {
	.ns = { 11, 12, 3, 14, 15, 16, 7, 8 },
	.caps = { 0xff, 0xff, 0, 0xff },
	.seccomp = 2,
	.no_new_privs = 1,
};

static int up(void **state)
{
	(void)state;
	if (isolation_starts_new(&starts, 4, NULL) < 0)
		return -1;
	isolation_starts_host(starts, &host);
	return 0;
}

static int down(void **state)
{
	(void)state;
	isolation_starts_free(starts);
	return 0;
}

static struct process first_process(void)
{
	return (struct process){ .key = { 5, 50 }, .exec_inside = true, .uid = 1000, .euid = 1000 };
}

static void the_first_program_is_the_start_and_no_later_one(void **state)
{
	struct container c = { .slot = 1, .inode = 70 };
	struct process p = first_process();
	struct event_exec later = program;

	(void)state;
	assert_null(isolation_start_of(starts, &c));
	assert_true(isolation_starts_exec(starts, &c, &p, &program, 9));
	later.ns.mnt = 99;
	assert_false(isolation_starts_exec(starts, &c, &p, &later, 10));
	const struct isolation_start *s = isolation_start_of(starts, &c);

	assert_non_null(s);
	assert_int_equal(s->ns.mnt, 11);
	assert_int_equal(s->seccomp, 2);
	assert_int_equal(s->uid, 1000);
	assert_int_equal(s->shares, SHARES_NET | SHARES_USER | SHARES_TIME);
	assert_false(s->privileged || s->seeded);
}

static void what_comes_from_outside_or_before_is_no_start(void **state)
{
	struct container c = { .slot = 1, .inode = 70 };
	struct process p = first_process();

	(void)state;
	p.injected = true;
	assert_false(isolation_starts_exec(starts, &c, &p, &program, 9));
	p = first_process();
	p.exec_inside = false; /* the runtime itself */
	assert_false(isolation_starts_exec(starts, &c, &p, &program, 9));
	assert_false(isolation_starts_exec(starts, &c, NULL, &program, 9));
	assert_null(isolation_start_of(starts, &c));
}

static void one_that_ran_before_has_also_what_its_specification_names(void **state)
{
	struct container c = { .slot = 0, .inode = 70 };
	struct process p = first_process();
	char chown[] = "CAP_CHOWN", admin[] = "CAP_SYS_ADMIN", *names[] = { chown, admin };
	struct metadata m = { .capabilities = names, .capabilities_n = 2, .details_known = true };

	(void)state;
	p.ns = program.ns;
	p.caps = (struct event_caps){ 2, 2, 0, 2 };
	assert_true(isolation_starts_seeded(starts, &c, &p));
	c.meta = &m;
	isolation_starts_metadata(starts, &c);
	const struct isolation_start *s = isolation_start_of(starts, &c);

	assert_true(s->seeded);
	assert_int_equal(s->caps.bounding, 1ULL << 21 | 3);
	assert_int_equal(s->caps.permitted, 2);
}

static void a_slot_with_a_new_owner_has_no_start(void **state)
{
	struct container c = { .slot = 2, .inode = 70 }, next = { .slot = 2, .inode = 71 };
	struct process p = first_process();

	(void)state;
	assert_true(isolation_starts_exec(starts, &c, &p, &program, 9));
	assert_null(isolation_start_of(starts, &next));
	isolation_starts_end(starts, &next); /* not its own */
	assert_non_null(isolation_start_of(starts, &c));
	c.inode = 72; /* the same place in memory, another container */
	assert_null(isolation_start_of(starts, &c));
	assert_true(isolation_starts_exec(starts, &c, &p, &program, 9));
	isolation_starts_end(starts, &c);
	assert_null(isolation_start_of(starts, &c));
}

static void beyond_the_slots_nothing_is_kept(void **state)
{
	struct container c = { .slot = 4, .inode = 70 };
	struct process p = first_process();

	(void)state;
	assert_false(isolation_starts_exec(starts, &c, &p, &program, 9));
	assert_null(isolation_start_of(starts, &c));
	isolation_starts_end(starts, &c);
}

static void a_namespace_finds_the_container_that_began_with_it(void **state)
{
	struct container a = { .slot = 0, .inode = 70 }, b = { .slot = 1, .inode = 71 };
	struct process p = first_process();

	(void)state;
	assert_true(isolation_starts_exec(starts, &a, &p, &program, 9));
	assert_null(isolation_start_with(starts, NAMESPACE_MNT, 11, &a));
	assert_non_null(isolation_start_with(starts, NAMESPACE_MNT, 11, &b));
	assert_null(isolation_start_with(starts, NAMESPACE_MNT, 0, &b));
}

static void all_rights_and_no_filter_are_privileged(void **state)
{
	struct container c = { .slot = 0, .inode = 70 };
	struct process p = first_process();
	struct event_exec x = program;

	(void)state;
	x.caps.bounding = (1ULL << 41) - 1;
	x.seccomp = 0;
	assert_true(isolation_starts_exec(starts, &c, &p, &x, 9));
	assert_true(isolation_start_of(starts, &c)->privileged);
}

static void the_hosts_namespaces_may_become_known_later(void **state)
{
	const struct event_namespaces unknown = { .mnt = 0 };
	struct container c = { .slot = 0, .inode = 70 };
	struct process p = first_process();

	(void)state;
	isolation_starts_host(starts, &unknown);
	assert_true(isolation_starts_exec(starts, &c, &p, &program, 9));
	assert_int_equal(isolation_start_of(starts, &c)->shares, 0);
	isolation_starts_host(starts, &host);
	assert_true(isolation_start_of(starts, &c)->shares & SHARES_NET);
	assert_int_equal(isolation_start_of(starts, &c)->host.mnt, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, up, down)
	const struct CMUnitTest tests[] = {
		T(the_first_program_is_the_start_and_no_later_one),
		T(what_comes_from_outside_or_before_is_no_start),
		T(one_that_ran_before_has_also_what_its_specification_names),
		T(a_slot_with_a_new_owner_has_no_start),
		T(beyond_the_slots_nothing_is_kept),
		T(a_namespace_finds_the_container_that_began_with_it),
		T(all_rights_and_no_filter_are_privileged),
		T(the_hosts_namespaces_may_become_known_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
