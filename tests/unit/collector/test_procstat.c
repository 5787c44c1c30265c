// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "collector/procstat.h"
#include "tests/unit/fixture.h"

#define NET_HEAD                                                                                   \
	"Inter-|   Receive                                                |  Transmit\n"           \
	" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs " \
	"drop fifo colls carrier compressed\n"

static void interfaces_are_read_and_the_local_ones_left_out(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ 42/net/dev\n" NET_HEAD
					    "    lo: 9 9 9 9 0 0 0 0 9 9 9 9 0 0 0 0\n"
					    "  eth0: 1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n"
					    "veth12: 1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n"
					    "docker0:1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n"
					    "eth1:0:100 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n");
	struct sample s = { .have = 0 };

	(void)state;
	assert_int_equal(procstat_network(t.path, 42, &s), 0);
	assert_int_equal(s.have, SAMPLE_NETWORK);
	assert_int_equal(s.net_n, 2);
	assert_string_equal(s.net[0].name, "eth0");
	assert_int_equal(s.net[0].rx_bytes, 1);
	assert_int_equal(s.net[0].rx_dropped, 4);
	assert_int_equal(s.net[0].tx_bytes, 5);
	assert_int_equal(s.net[0].tx_dropped, 8);
	assert_string_equal(s.net[1].name, "eth1:0");
	assert_int_equal(s.net[1].rx_bytes, 100);
}

static void damaged_interface_lines_are_skipped(void **state)
{
	struct sample s = { .net_n = 3 };

	(void)state;
	assert_int_equal(procstat_parse_net_dev(SPAN_LIT(""), &s), 0);
	assert_int_equal(s.net_n, 0);
	assert_int_equal(procstat_parse_net_dev(SPAN_LIT("eth0: 1 2 3\n: 1\n:\n\neth\n"
							 "a-name-much-too-long: 1 2 3 4 0 0 0 0 "
							 "5 6 7 8 0 0 0 0\n"
							 "eth2: 1 2 3 4 0 0 0 0 5 6 7 x 0 0 0 0\n"
							 "eth3: 1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0"),
						&s),
			 1);
	assert_string_equal(s.net[0].name, "eth3");
}

static void interfaces_beyond_the_limit_are_left_out(void **state)
{
	char text[4096];
	size_t n = 0;
	struct sample s = { .net_n = 0 };

	(void)state;
	for (int i = 0; i < SAMPLE_MAX_INTERFACES + 5; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      "e%d: 1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n", i);
	assert_int_equal(procstat_parse_net_dev((struct span){ text, n }, &s),
			 SAMPLE_MAX_INTERFACES);
}

static void a_process_that_is_gone_has_no_network(void **state)
{
	struct sample s = { .have = SAMPLE_NETWORK };

	(void)state;
	assert_int_equal(procstat_network("/nonexistent", 42, &s), -ENOENT);
	assert_int_equal(s.have, 0);
}

#define TCP_HEAD "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when\n"
#define TCP_LINE(state)                                                                            \
	"   0: 0100007F:1F90 00000000:0000 " state                                                 \
	" 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0\n"

static void connections_are_counted_by_state(void **state)
{
	AUTO_TREE struct tree t = tree_make(
		"@ 42/net/tcp\n" TCP_HEAD TCP_LINE("0A") TCP_LINE("01") TCP_LINE("01")
			TCP_LINE("0B") TCP_LINE("0C") TCP_LINE("00") TCP_LINE("zz") "   1: x\n");
	uint32_t tcp[TCP_STATE_COUNT], tcp6[TCP_STATE_COUNT];

	(void)state;
	assert_int_equal(procstat_tcp(t.path, 42, tcp, tcp6), 0); /* no tcp6 is no failure */
	assert_int_equal(tcp[TCP_STATE_LISTEN], 1);
	assert_int_equal(tcp[TCP_STATE_ESTABLISHED], 2);
	assert_int_equal(tcp[TCP_STATE_CLOSING], 1);
	assert_int_equal(tcp6[TCP_STATE_LISTEN], 0);
	assert_int_equal(procstat_tcp(t.path, 43, tcp, tcp6), -ENOENT);
}

static void a_long_table_is_counted_whole(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ 42/net/tcp6\n");
	static char text[1000 * sizeof(TCP_LINE("0A")) + 200];
	uint32_t tcp[TCP_STATE_COUNT], tcp6[TCP_STATE_COUNT];
	size_t n = 0;

	(void)state;
	n += (size_t)snprintf(text, sizeof(text), "%s", TCP_HEAD);
	for (int i = 0; i < 1000; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s", TCP_LINE("06"));
	tree_write(&t, "42/net/tcp", text, n);
	assert_int_equal(procstat_tcp(t.path, 42, tcp, tcp6), 0);
	assert_int_equal(tcp[TCP_STATE_TIMEWAIT], 1000);
}

static void descriptors_and_sockets_are_added(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ 42/fd/0 -> /dev/null\n@ 42/fd/1 -> socket:[123]\n"
					    "@ 42/fd/2 -> pipe:[5]\n@ 42/fd/3 -> socket:[124]\n"
					    "@ 42/fd/4 -> /tmp/socket:\n");
	uint64_t fds = 10, sockets = 20;

	(void)state;
	assert_int_equal(procstat_fds(t.path, 42, &fds, &sockets), 0);
	assert_int_equal(fds, 15);
	assert_int_equal(sockets, 22);
	assert_int_equal(procstat_fds(t.path, 43, &fds, &sockets), -ENOENT);
	assert_int_equal(fds, 15);
}

static void the_limit_of_open_files_may_be_unlimited(void **state)
{
	AUTO_TREE struct tree t = tree_make(
		"@ 1/limits\nLimit  Soft Limit  Hard Limit  Units\n"
		"Max processes             5                   6                processes\n"
		"Max open files            1024                 524288               files\n"
		"@ 2/limits\nMax open files            unlimited   unlimited   files\n"
		"@ 3/limits\nMax open files            -\n@ 4/limits\n");
	uint64_t soft = 7;

	(void)state;
	assert_int_equal(procstat_nofile(t.path, 1, &soft), 0);
	assert_int_equal(soft, 1024);
	assert_int_equal(procstat_nofile(t.path, 2, &soft), 0);
	assert_true(soft == UINT64_MAX);
	assert_int_equal(procstat_nofile(t.path, 3, &soft), -EBADMSG);
	assert_int_equal(procstat_nofile(t.path, 4, &soft), -EBADMSG);
	assert_int_equal(procstat_nofile(t.path, 5, &soft), -ENOENT);
}

static void a_namespace_is_its_inode(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ 1/ns/net -> net:[4026531840]\n@ 1/ns/pid -> pid:[\n"
					    "@ 1/ns/mnt -> mnt:[x]\n@ 1/ns/uts -> uts\n");

	(void)state;
	assert_true(procstat_namespace(t.path, 1, "net") == 4026531840);
	assert_int_equal(procstat_namespace(t.path, 1, "pid"), 0);
	assert_int_equal(procstat_namespace(t.path, 1, "mnt"), 0);
	assert_int_equal(procstat_namespace(t.path, 1, "uts"), 0);
	assert_int_equal(procstat_namespace(t.path, 1, "ipc"), 0);
}

#define STAT_TAIL " S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 500 0 0\n"

static void a_hostile_command_name_does_not_move_the_start_time(void **state)
{
	AUTO_TREE struct tree t = tree_make(
		"@ 1/stat\n1 (init)" STAT_TAIL "@ 2/stat\n2 (a) S 1 1 (b)" STAT_TAIL
		"@ 3/stat\n3 () ) )" STAT_TAIL "@ 4/stat\n4 (cut) S 1 1 1\n@ 5/stat\n5 no\n");
	uint64_t want = 500 * (1000000000ULL / (uint64_t)sysconf(_SC_CLK_TCK));

	(void)state;
	assert_int_equal(procstat_start_boot_ns(t.path, 1), want);
	assert_int_equal(procstat_start_boot_ns(t.path, 2), want);
	assert_int_equal(procstat_start_boot_ns(t.path, 3), want);
	assert_int_equal(procstat_start_boot_ns(t.path, 4), 0);
	assert_int_equal(procstat_start_boot_ns(t.path, 5), 0);
	assert_int_equal(procstat_start_boot_ns(t.path, 6), 0);
}

static void this_process_started_after_boot_and_before_now(void **state)
{
	uint64_t start = procstat_start_boot_ns("/proc", getpid());

	(void)state;
	assert_true(start > 0);
	assert_true(procstat_boot_unix_ns() > 0);
}

int main(void)
{
	const struct CMUnitTest procstat[] = {
		cmocka_unit_test(interfaces_are_read_and_the_local_ones_left_out),
		cmocka_unit_test(damaged_interface_lines_are_skipped),
		cmocka_unit_test(interfaces_beyond_the_limit_are_left_out),
		cmocka_unit_test(a_process_that_is_gone_has_no_network),
		cmocka_unit_test(connections_are_counted_by_state),
		cmocka_unit_test(a_long_table_is_counted_whole),
		cmocka_unit_test(descriptors_and_sockets_are_added),
		cmocka_unit_test(the_limit_of_open_files_may_be_unlimited),
		cmocka_unit_test(a_namespace_is_its_inode),
		cmocka_unit_test(a_hostile_command_name_does_not_move_the_start_time),
		cmocka_unit_test(this_process_started_after_boot_and_before_now),
	};

	return cmocka_run_group_tests(procstat, NULL, NULL);
}
