// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "detector/syscall_kin.h"

static bool are_kin(const char *a, const char *b)
{
	const char *const *family = syscall_kin(span_str(a));

	for (size_t i = 0; family && family[i]; i++)
		if (strcmp(family[i], b) == 0)
			return true;
	return false;
}

static void another_generation_or_size_is_kin(void **state)
{
	(void)state;
	assert_true(are_kin("sync_file_range", "fsync"));
	assert_true(are_kin("fsync", "sync_file_range"));
	assert_true(are_kin("newfstatat", "stat"));
	assert_true(are_kin("clone3", "clone"));
	assert_true(are_kin("mremap", "brk"));
}

static void what_does_something_else_is_not(void **state)
{
	static const char *const alone[] = {
		"ptrace", "mprotect",	 "execve",	   "execveat",	       "unshare",
		"setns",  "mount",	 "personality",	   "setuid",	       "memfd_create",
		"bpf",	  "socket",	 "connect",	   "process_vm_readv", "kill",
		"prctl",  "init_module", "io_uring_setup", "chroot",	       ""
	};

	(void)state;
	for (size_t i = 0; i < sizeof(alone) / sizeof(alone[0]); i++)
		assert_null(syscall_kin(span_str(alone[i])));
	assert_false(are_kin("read", "write"));
	assert_false(are_kin("fsyn", "fsync"));
}

static void every_family_ends_and_has_each_call_once(void **state)
{
	const char *const *family = syscall_kin(SPAN_LIT("epoll_wait"));
	size_t n = 0;

	(void)state;
	while (family[n])
		n++;
	assert_int_equal(n, 11);
	for (size_t i = 0; i < n; i++)
		assert_ptr_equal(syscall_kin(span_str(family[i])), family);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_generation_or_size_is_kin),
		cmocka_unit_test(what_does_something_else_is_not),
		cmocka_unit_test(every_family_ends_and_has_each_call_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
