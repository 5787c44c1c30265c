// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "collector/cgparse.h"

static const char memory_v1[] =
	"cache 4096\nrss 8192\nrss_huge 1\nshmem 2\nmapped_file 3\ndirty 4\n"
	"writeback 5\nworkingset_refault_anon 6\nworkingset_refault_file 7\n"
	"swap 8\nswapcached 99\npgpgin 10\npgfault 11\npgmajfault 12\n"
	"inactive_anon 13\nactive_anon 14\ninactive_file 15\nactive_file 16\n"
	"unevictable 17\nhierarchical_memory_limit 9223372036854771712\n"
	"total_cache 40960\ntotal_rss 81920\ntotal_rss_huge 10\n"
	"total_mapped_file 30\ntotal_dirty 40\ntotal_writeback 50\n"
	"total_workingset_refault_anon 60\n"
	"total_workingset_refault_file 70\ntotal_swap 80\n"
	"total_swapcached 990\ntotal_pgfault 110\ntotal_pgmajfault 120\n"
	"total_inactive_anon 130\ntotal_inactive_file 150\n"
	"total_active_file 160\n";

static void v1_memory_figures_are_those_of_the_subtree_and_faults_of_both(void **state)
{
	struct sample s = { .memory_usage = 77 };

	(void)state;
	assert_true(cgparse_memory_stat_v1(span_str(memory_v1), &s));
	assert_int_equal(s.memory_cache, 40960);
	assert_int_equal(s.memory_rss, 81920);
	assert_int_equal(s.memory_mapped_file, 30);
	assert_int_equal(s.memory_dirty, 40);
	assert_int_equal(s.memory_writeback, 50);
	assert_int_equal(s.refault_anon, 60);
	assert_int_equal(s.refault_file, 70);
	assert_int_equal(s.memory_swap, 80);
	assert_int_equal(s.pgfault, 11);
	assert_int_equal(s.pgmajfault, 12);
	assert_int_equal(s.pgfault_tree, 110);
	assert_int_equal(s.pgmajfault_tree, 120);
	assert_int_equal(s.memory_inactive_file, 150);
	assert_int_equal(s.memory_active_file, 160);
	assert_int_equal(s.have, SAMPLE_MEMORY_DIRTY | SAMPLE_MEMORY_REFAULT | SAMPLE_MEMORY_SWAP);
	assert_int_equal(s.memory_usage, 77);
}

static void v1_memory_without_swap_accounting_has_no_swap(void **state)
{
	struct sample s = { .have = SAMPLE_MEMORY_SWAP };

	(void)state;
	assert_true(cgparse_memory_stat_v1(span_str("cache 1\nrss 2\n"), &s));
	assert_int_equal(s.memory_cache, 1);
	assert_int_equal(s.have, 0);
}

static void v2_memory_figures_come_from_their_own_keys(void **state)
{
	struct sample s = { .have = 0 };

	(void)state;
	assert_true(cgparse_memory_stat_v2(
		span_str("anon 1\nfile 2\nkernel 3\nkernel_stack 4\npagetables 5\nfile_mapped 6\n"
			 "file_dirty 7\nfile_writeback 8\ninactive_anon 9\nactive_anon 10\n"
			 "inactive_file 11\nactive_file 12\nworkingset_refault_anon 13\n"
			 "workingset_refault_file 14\npgscan 15\npgsteal 16\npgscan_kswapd 17\n"
			 "pgfault 18\npgmajfault 19\nanon_thp 20\n"),
		&s));
	assert_int_equal(s.memory_rss, 1);
	assert_int_equal(s.memory_cache, 2);
	assert_int_equal(s.memory_kernel, 3);
	assert_int_equal(s.memory_mapped_file, 6);
	assert_int_equal(s.memory_dirty, 7);
	assert_int_equal(s.memory_inactive_file, 11);
	assert_int_equal(s.pgscan, 15);
	assert_int_equal(s.pgsteal, 16);
	assert_int_equal(s.pgfault, 18);
	assert_int_equal(s.pgfault_tree, 18);
	assert_int_equal(s.have, SAMPLE_MEMORY_DIRTY | SAMPLE_MEMORY_REFAULT |
					 SAMPLE_MEMORY_KERNEL | SAMPLE_MEMORY_RECLAIM);
}

static void a_key_the_kernel_lacks_clears_its_bit(void **state)
{
	struct sample s = { .have = SAMPLE_MEMORY_KERNEL | SAMPLE_MEMORY_RECLAIM };

	(void)state;
	assert_true(cgparse_memory_stat_v2(span_str("anon 1\nfile 2\nfile_dirty 3\n"), &s));
	assert_int_equal(s.have, 0);
}

/* Each prefix is refused, or read as a shorter file: never read past its end, never a cut number.
 */
static void a_text_cut_anywhere_is_refused_and_changes_nothing(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof(memory_v1) - 1; n++) {
		char copy[sizeof(memory_v1)];
		struct sample s = { .memory_rss = 5 };

		if (n > 0 && memory_v1[n - 1] == '\n')
			continue;
		memcpy(copy, memory_v1, n);
		assert_false(cgparse_memory_stat_v1((struct span){ copy, n }, &s));
		assert_int_equal(s.memory_rss, 5);
		assert_int_equal(s.have, 0);
	}
}

static void numbers_that_are_none_or_overflow_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"\n",
		"cache x\nrss 1\n",
		"cache \nrss 1\n",
		"cache -1\nrss 1\n",
		"cache 1 2\nrss 1\n",
		"cache 18446744073709551616\nrss 1\n",
		"cache 99999999999999999999999\nrss 1\n",
		"rss 1\n",
		"total_\n",
		"total_cache 1\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct sample s = { .memory_rss = 5 };

		assert_false(cgparse_memory_stat_v1(span_str(bad[i]), &s));
		assert_int_equal(s.memory_rss, 5);
	}
}

static void cpu_times_of_both_versions_are_in_nanoseconds(void **state)
{
	struct sample s = { .have = 0 };

	(void)state;
	assert_true(cgparse_cpu_stat(span_str("usage_usec 30\nuser_usec 20\nsystem_usec 10\n"
					      "nr_periods 5\nnr_throttled 4\nthrottled_usec 3\n"
					      "nr_bursts 2\nburst_usec 1\n"),
				     &s));
	assert_int_equal(s.cpu_usage_ns, 30000);
	assert_int_equal(s.cpu_user_ns, 20000);
	assert_int_equal(s.cpu_system_ns, 10000);
	assert_int_equal(s.cfs_throttled_ns, 3000);
	assert_int_equal(s.cfs_burst_ns, 1000);
	assert_int_equal(s.have, SAMPLE_CPU | SAMPLE_CPU_CFS | SAMPLE_CPU_BURST);
	assert_true(cgparse_cpu_stat(span_str("nr_periods 50\nnr_throttled 40\n"
					      "throttled_time 30\nnr_bursts 20\nburst_time 10\n"),
				     &s));
	assert_int_equal(s.cpu_usage_ns, 30000);
	assert_int_equal(s.cfs_periods, 50);
	assert_int_equal(s.cfs_throttled_periods, 40);
	assert_int_equal(s.cfs_throttled_ns, 30);
	assert_int_equal(s.cfs_bursts, 20);
	assert_int_equal(s.cfs_burst_ns, 10);
	assert_true(cgparse_cpuacct_stat(span_str("user 3198\nsystem 1024\n"), 100, &s));
	assert_int_equal(s.cpu_user_ns, 31980000000);
	assert_int_equal(s.cpu_system_ns, 10240000000);
	assert_false(cgparse_cpuacct_stat(span_str("user 1\n"), 100, &s));
	assert_false(cgparse_cpu_stat(span_str("nr_periods 5"), &s));
}

static void the_root_of_v2_has_no_periods(void **state)
{
	struct sample s = { .have = SAMPLE_CPU_CFS | SAMPLE_CPU_BURST };

	(void)state;
	assert_true(cgparse_cpu_stat(span_str("usage_usec 3\nuser_usec 2\nsystem_usec 1\n"), &s));
	assert_int_equal(s.have, SAMPLE_CPU);
}

static void more_cpus_than_room_still_add_up(void **state)
{
	uint64_t cpus[2] = { 0 }, sum;
	uint32_t n;

	(void)state;
	assert_true(cgparse_percpu(span_str("10 20 30 \n"), cpus, 2, &n, &sum));
	assert_int_equal(n, 2);
	assert_int_equal(cpus[1], 20);
	assert_int_equal(sum, 60);
	assert_false(cgparse_percpu(span_str("10 x\n"), cpus, 2, &n, &sum));
	assert_false(cgparse_percpu(span_str("10 20"), cpus, 2, &n, &sum));
}

static void no_limit_is_zero_in_each_spelling(void **state)
{
	uint64_t v = 7, period;

	(void)state;
	assert_true(cgparse_limit(span_str("max\n"), &v));
	assert_int_equal(v, 0);
	assert_true(cgparse_limit(span_str("-1\n"), &v));
	assert_int_equal(v, 0);
	assert_true(cgparse_limit(span_str("9223372036854771712\n"), &v));
	assert_int_equal(v, 0);
	assert_true(cgparse_limit(span_str("104857600\n"), &v));
	assert_int_equal(v, 104857600);
	assert_false(cgparse_limit(span_str("-2\n"), &v));
	assert_false(cgparse_limit(span_str("maximum\n"), &v));
	assert_true(cgparse_cpu_max(span_str("max 100000\n"), &v, &period));
	assert_int_equal(v, 0);
	assert_true(cgparse_cpu_max(span_str("50000 100000\n"), &v, &period));
	assert_int_equal(v, 50000);
	assert_int_equal(period, 100000);
	assert_false(cgparse_cpu_max(span_str("50000\n"), &v, &period));
	assert_true(cgparse_cpu_weight(span_str("100\n"), &v));
	assert_int_equal(v, 2597);
	assert_false(cgparse_cpu_weight(span_str("0\n"), &v));
}

static void memory_events_give_failcnt_and_kills_on_v2(void **state)
{
	struct sample s = { .have = 0 };

	(void)state;
	assert_true(cgparse_memory_events(
		span_str("low 0\nhigh 3\nmax 4\noom 5\noom_kill 6\noom_group_kill 7\n"), &s));
	assert_int_equal(s.memory_events_high, 3);
	assert_int_equal(s.memory_events_max, 4);
	assert_int_equal(s.memory_failcnt, 4);
	assert_int_equal(s.oom_kills, 6);
	assert_false(cgparse_memory_events(span_str("low 0\n"), &s));
}

static void kills_on_v1_are_left_out_before_the_kernel_counted_them(void **state)
{
	struct sample s = { .have = 0 };

	(void)state;
	assert_true(cgparse_oom_control(span_str("oom_kill_disable 0\nunder_oom 0\n"), &s));
	assert_int_equal(s.have, 0);
	assert_true(
		cgparse_oom_control(span_str("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"), &s));
	assert_int_equal(s.have, SAMPLE_OOM);
	assert_int_equal(s.oom_kills, 2);
}

static void pressure_totals_are_read_with_and_without_full(void **state)
{
	struct sample_psi p = { 1, 1 };

	(void)state;
	assert_true(cgparse_psi(span_str("some avg10=0.11 avg60=0.15 avg300=0.04 total=2485530\n"
					 "full avg10=0.00 avg60=0.00 avg300=0.00 total=12\n"),
				&p));
	assert_int_equal(p.some_us, 2485530);
	assert_int_equal(p.full_us, 12);
	assert_true(cgparse_psi(span_str("some avg10=0.11 total=9\n"), &p));
	assert_int_equal(p.some_us, 9);
	assert_int_equal(p.full_us, 0);
	assert_false(cgparse_psi(span_str("some avg10=0.11 total=\n"), &p));
	assert_false(cgparse_psi(span_str("full avg10=0.11 total=9\n"), &p));
	assert_false(cgparse_psi(span_str("some avg10=0.11 total=24"), &p));
	assert_int_equal(p.some_us, 9);
}

static void io_stat_is_read_by_device_even_when_two_share_a_line(void **state)
{
	struct sample s = { .have = 0 };
	struct cgparse_io io = { 0, 0 };

	(void)state;
	assert_int_equal(cgparse_io_stat(span_str("8:16 8:0 rbytes=1 wbytes=2 rios=3 wios=4 "
						  "dbytes=5 dios=6 cost.usage=7\n"
						  "253:0 rbytes=10 wbytes=20 rios=30 wios=40\n"),
					 &s, &io),
			 3);
	assert_int_equal(s.io_n, 3);
	assert_int_equal(s.io[0].read_bytes, 0);
	assert_int_equal(s.io[1].read_bytes, 1);
	assert_int_equal(s.io[1].write_bytes, 2);
	assert_int_equal(s.io[1].reads, 3);
	assert_int_equal(s.io[1].writes, 4);
	assert_int_equal(s.io[1].discard_bytes, 5);
	assert_int_equal(s.io[1].discards, 6);
	assert_int_equal(s.io[2].major, 253);
	assert_int_equal(s.io[2].writes, 40);
	assert_int_equal(io.seen, 7);
}

static void damaged_io_files_are_refused(void **state)
{
	struct sample s = { .have = 0 };
	struct cgparse_io io = { 0, 0 };

	(void)state;
	assert_int_equal(cgparse_io_stat(span_str("rbytes=1\n"), &s, &io), -1);
	assert_int_equal(cgparse_io_stat(span_str("8:0 rbytes=x\n"), &s, &io), -1);
	assert_int_equal(cgparse_io_stat(span_str("8:0 rbytes=\n"), &s, &io), -1);
	assert_int_equal(cgparse_io_stat(span_str("8:0 rbytes=12"), &s, &io), -1);
	assert_int_equal(cgparse_io_stat(span_str("(null) rbytes=3\n"), &s, &io), 0);
	assert_int_equal(cgparse_io_stat(span_str(""), &s, &io), 0);
	assert_int_equal(cgparse_blkio(span_str("8:0 Read\n"), CGPARSE_BLKIO_BYTES, &s, &io), -1);
	assert_int_equal(cgparse_blkio(span_str("8 Read 1\n"), CGPARSE_BLKIO_BYTES, &s, &io), -1);
	assert_int_equal(cgparse_blkio(span_str("8:0 Read 1"), CGPARSE_BLKIO_BYTES, &s, &io), -1);
}

static void blkio_bytes_and_operations_meet_in_one_entry(void **state)
{
	struct sample s = { .have = 0 };
	struct cgparse_io io = { 0, 0 };

	(void)state;
	assert_int_equal(cgparse_blkio(span_str("8:0 Read 1\n8:0 Write 2\n8:0 Sync 3\n8:0 Async 4\n"
						"8:0 Discard 5\n8:0 Total 6\nTotal 6\n"),
				       CGPARSE_BLKIO_BYTES, &s, &io),
			 6);
	assert_int_equal(cgparse_blkio(span_str("8:0 Read 7\n8:0 Write 8\n8:0 Sync 9\n"
						"8:0 Discard 10\nTotal 15\n"),
				       CGPARSE_BLKIO_OPS, &s, &io),
			 4);
	assert_int_equal(s.io_n, 1);
	assert_int_equal(s.io[0].read_bytes, 1);
	assert_int_equal(s.io[0].sync_bytes, 3);
	assert_int_equal(s.io[0].async_bytes, 4);
	assert_int_equal(s.io[0].discard_bytes, 5);
	assert_int_equal(s.io[0].reads, 7);
	assert_int_equal(s.io[0].writes, 8);
	assert_int_equal(s.io[0].discards, 10);
	assert_int_equal(cgparse_blkio(span_str("Total 0\n"), CGPARSE_BLKIO_BYTES, &s, &io), 0);
}

static void devices_beyond_the_limit_are_counted_once_each(void **state)
{
	struct sample s = { .have = 0 };
	struct cgparse_io io = { 0, 0 };
	char text[4096];
	size_t n = 0;

	(void)state;
	for (int i = 0; i < SAMPLE_MAX_DEVICES + 3; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "8:%d Read 1\n8:%d Write 2\n", i,
				      i);
	assert_int_equal(cgparse_blkio((struct span){ text, n }, CGPARSE_BLKIO_BYTES, &s, &io),
			 2 * (SAMPLE_MAX_DEVICES + 3));
	assert_int_equal(s.io_n, SAMPLE_MAX_DEVICES);
	assert_int_equal(io.refused, 3);
}

static void a_key_is_found_only_at_the_start_of_a_line(void **state)
{
	struct span text =
		SPAN_LIT("x_oom_kill 1\noom_kill_disable 2\noom_kill 3\nSwapTotal:  4 kB\n");
	uint64_t v;

	(void)state;
	assert_true(cgparse_key(text, "oom_kill", &v));
	assert_int_equal(v, 3);
	assert_true(cgparse_key(text, "SwapTotal:", &v));
	assert_int_equal(v, 4);
	assert_false(cgparse_key(text, "SwapFree:", &v));
	assert_false(cgparse_key((struct span){ NULL, 0 }, "x", &v));
}

int main(void)
{
	const struct CMUnitTest cgparse[] = {
		cmocka_unit_test(v1_memory_figures_are_those_of_the_subtree_and_faults_of_both),
		cmocka_unit_test(v1_memory_without_swap_accounting_has_no_swap),
		cmocka_unit_test(v2_memory_figures_come_from_their_own_keys),
		cmocka_unit_test(a_key_the_kernel_lacks_clears_its_bit),
		cmocka_unit_test(a_text_cut_anywhere_is_refused_and_changes_nothing),
		cmocka_unit_test(numbers_that_are_none_or_overflow_are_refused),
		cmocka_unit_test(cpu_times_of_both_versions_are_in_nanoseconds),
		cmocka_unit_test(the_root_of_v2_has_no_periods),
		cmocka_unit_test(more_cpus_than_room_still_add_up),
		cmocka_unit_test(no_limit_is_zero_in_each_spelling),
		cmocka_unit_test(memory_events_give_failcnt_and_kills_on_v2),
		cmocka_unit_test(kills_on_v1_are_left_out_before_the_kernel_counted_them),
		cmocka_unit_test(pressure_totals_are_read_with_and_without_full),
		cmocka_unit_test(io_stat_is_read_by_device_even_when_two_share_a_line),
		cmocka_unit_test(damaged_io_files_are_refused),
		cmocka_unit_test(blkio_bytes_and_operations_meet_in_one_entry),
		cmocka_unit_test(devices_beyond_the_limit_are_counted_once_each),
		cmocka_unit_test(a_key_is_found_only_at_the_start_of_a_line),
	};

	return cmocka_run_group_tests(cgparse, NULL, NULL);
}
