// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "detector/isolation_host.h"
#include "tests/unit/fixture.h"

static struct isolation_host h;

static void programs_of_runtimes_are_found_by_their_files(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ usr/bin/runc\nx\n"
					    "@ usr/sbin/dockerd\ny\n"
					    "@ usr/bin/other\nz\n"
					    "@ usr/local/bin/runc -> /usr/bin/runc\n"
					    "@ state/\n");
	char path[256], folder[256];
	struct stat st;

	(void)state;
	snprintf(folder, sizeof(folder), "%s/state", t.path);
	isolation_host_read(&h, t.path, folder, "");
	snprintf(path, sizeof(path), "%s/usr/bin/runc", t.path);
	assert_int_equal(stat(path, &st), 0);
	const uint32_t device = (uint32_t)(major(st.st_dev) << 20 | minor(st.st_dev));
	const struct isolation_program *p = isolation_host_program(&h, device, st.st_ino);

	assert_non_null(p);
	assert_string_equal(p->path, "/usr/bin/runc");
	assert_int_equal(h.root_device, device);
	assert_null(isolation_host_program(&h, device, 0));
	assert_null(isolation_host_program(&h, device + 1, st.st_ino));
	snprintf(path, sizeof(path), "%s/usr/bin/other", t.path);
	assert_int_equal(stat(path, &st), 0);
	assert_null(isolation_host_program(&h, device, st.st_ino));
	assert_int_equal(h.own_pid, getpid());
	assert_true(h.state_inode != 0);
	assert_int_equal(h.run_inode, 0);
}

static void where_nothing_is_nothing_is_found(void **state)
{
	(void)state;
	isolation_host_read(&h, "/nonexistent", "/nonexistent/state", "");
	assert_int_equal(h.root_device, 0);
	assert_true(h.programs_n <= 1); /* this program itself */
	assert_int_equal(h.state_inode, 0);
}

static void loopback_is_no_address_of_the_host(void **state)
{
	uint8_t address[16] = { 127, 0, 0, 1 };

	(void)state;
	isolation_host_read(&h, "", "", "");
	assert_false(isolation_host_has_address(&h, AF_INET, address));
	h.addresses[0] = (struct isolation_address){ AF_INET, { 10, 1, 2, 3 } };
	h.addresses_n = 1;
	memcpy(address, (const uint8_t[]){ 10, 1, 2, 3 }, 4);
	assert_true(isolation_host_has_address(&h, AF_INET, address));
	assert_false(isolation_host_has_address(&h, AF_INET6, address));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(programs_of_runtimes_are_found_by_their_files),
		cmocka_unit_test(where_nothing_is_nothing_is_found),
		cmocka_unit_test(loopback_is_no_address_of_the_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
