// SPDX-License-Identifier: GPL-2.0-or-later
/* Tables of the kernel that containers share, out of made-up files of /proc. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "collector/base/clock.h"
#include "detector/host_tables_internal.h"
#include "tests/unit/fixture.h"

#define HOST                                                                                       \
	"@ proc/loadavg\n0.10 0.20 0.30 2/344 30313\n"                                             \
	"@ proc/sys/kernel/pid_max\n32768\n"                                                       \
	"@ proc/sys/kernel/threads-max\n192686\n"                                                  \
	"@ proc/sys/fs/file-nr\n2419\t0\t2465610\n"                                                \
	"@ proc/sys/net/netfilter/nf_conntrack_count\n188\n"                                       \
	"@ proc/sys/net/netfilter/nf_conntrack_max\n262144\n"                                      \
	"@ proc/sys/kernel/pty/nr\n3\n@ proc/sys/kernel/pty/max\n4096\n"                           \
	"@ proc/net/stat/arp_cache\nentries  allocs\n00000010 00000323\n00000010 000002ac\n"       \
	"@ proc/sys/net/ipv4/neigh/default/gc_thresh3\n1024\n"                                     \
	"@ proc/net/sockstat\nsockets: used 137\n"                                                 \
	"TCP: inuse 64 orphan 0 tw 184 alloc 69 mem 53\nUDP: inuse 2 mem 7\n"                      \
	"@ proc/sys/net/ipv4/tcp_mem\n287832\t383779\t575664\n"                                    \
	"@ proc/sys/net/ipv4/udp_mem\n575667\t767558\t1151334\n"                                   \
	"@ proc/sys/net/ipv4/ip_local_port_range\n32768\t60999\n"                                  \
	"@ proc/meminfo\nMemTotal:       24663868 kB\nSUnreclaim:       123456 kB\n"               \
	"@ proc/vmstat\nnr_dirty 100\nnr_writeback 20\nnr_dirty_threshold 1000\n"                  \
	"@ proc/cgroups\n#subsys_name\thierarchy\tnum_cgroups\tenabled\nmemory\t4\t370\t1\n"       \
	"@ proc/sys/fs/dentry-state\n1113502\t1071883\t45\t0\t495956\t0\n"                         \
	"@ proc/key-users\n    0:    15 14/14 9/1000000 460/25000000\n"                            \
	" 1000:    15 14/14 9/200 19000/20000\n"                                                   \
	"@ proc/sys/user/max_inotify_instances\n128\n@ proc/sys/user/max_inotify_watches\n1000\n"

#define STATUS(uid, queue)                                                                         \
	"Name:\tx\nUid:\t" uid "\t" uid "\t" uid "\t" uid "\nVmSize:\t   100 kB\nSigQ:\t" queue    \
	"\nSigPnd:\t0000000000000000\nShdPnd:\t0000000000000000\n"

static struct world {
	struct tree t;
	struct host_tables *h;
	struct table_input in;
	struct table_output out;
	char proc[256], sys[256];
} w;

static void make(const char *literal)
{
	w.t = tree_make(literal);
	snprintf(w.proc, sizeof(w.proc), "%s/proc", w.t.path);
	snprintf(w.sys, sizeof(w.sys), "%s/proc/sys", w.t.path);
	assert_int_equal(host_tables_new(&w.h, NULL), 0);
	w.in = (struct table_input){ .proc = w.proc,
				     .sys = w.sys,
				     .rootfs = w.t.path,
				     .state_dir = "/state",
				     .hierarchy = "",
				     .now_ns = 1000 * NS_PER_S };
}

static int teardown(void **state)
{
	(void)state;
	host_tables_free(w.h);
	if (w.t.path[0])
		tree_remove(&w.t);
	memset(&w, 0, sizeof(w));
	return 0;
}

static void subjects(const struct table_subject *list, size_t n)
{
	w.in.subjects = list;
	w.in.subjects_n = n;
	w.in.subjects_known = true;
}

static const struct table_figure *look(enum host_table t, uint64_t which)
{
	host_tables_look(w.h, &w.in, &w.out);
	for (size_t i = 0; i < w.out.figures_n; i++)
		if (w.out.figures[i].table == t && w.out.figures[i].which == which)
			return &w.out.figures[i];
	return NULL;
}

/* The same of one that must be there. */
static const struct table_figure *figure(enum host_table t, uint64_t which)
{
	const struct table_figure *f = look(t, which);

	if (f)
		return f;
	fail_msg("there is no '%s' of %llu", host_tables[t].name, (unsigned long long)which);
	abort(); /* the compiler does not know that the line above does not return */
}

static void check(enum host_table t, uint64_t which, uint64_t used, uint64_t capacity)
{
	const struct table_figure *f = figure(t, which);

	assert_int_equal(f->used, used);
	assert_int_equal(f->capacity, capacity);
}

static uint64_t held(enum host_table t, uint64_t which, int32_t subject)
{
	for (size_t i = 0; i < w.out.holders_n; i++)
		if (w.out.holders[i].table == t && w.out.holders[i].which == which &&
		    w.out.holders[i].subject == subject)
			return w.out.holders[i].amount;
	return 0;
}

/* --- the host's ------------------------------------------------------------------------------ */

static void tables_of_the_host_are_read_as_the_kernel_writes_them(void **state)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	(void)state;
	make(HOST);
	check(TABLE_PIDS, 0, 344, 32768);
	assert_string_equal(figure(TABLE_PIDS, 0)->limit, "kernel.pid_max");
	check(TABLE_FILES, 0, 2419, 2465610);
	check(TABLE_CONNTRACK, 0, 188, 262144);
	check(TABLE_PTYS, 0, 3, 4096);
	check(TABLE_NEIGHBOURS, 4, 16, 1024);
	check(TABLE_SOCKET_MEMORY, 6, 53 * page, 575664 * page);
	check(TABLE_SOCKET_MEMORY, 17, 7 * page, 1151334 * page);
	check(TABLE_SLAB, 0, 123456ULL * 1024, 24663868ULL * 512);
	check(TABLE_DIRTY, 0, 120 * page, 1000 * page);
	check(TABLE_CGROUPS, 0, 370, 65535);
	check(TABLE_DENTRIES, 0, 1113502, 0);
	check(TABLE_PORTS, 0, 64 + 184, 60999 - 32768 + 1);
	assert_int_equal(w.out.refused, 0);
}

static void the_smaller_of_two_limits_of_tasks_counts(void **state)
{
	(void)state;
	make("@ proc/loadavg\n0 0 0 1/500 7\n@ proc/sys/kernel/pid_max\n4194304\n"
	     "@ proc/sys/kernel/threads-max\n1000\n");
	check(TABLE_PIDS, 0, 500, 1000);
	assert_string_equal(figure(TABLE_PIDS, 0)->limit, "kernel.threads-max");
}

static void the_largest_number_is_no_limit_of_open_files(void **state)
{
	(void)state;
	make("@ proc/sys/fs/file-nr\n2419\t0\t9223372036854775807\n");
	check(TABLE_FILES, 0, 2419, 0);
}

static void what_this_kernel_does_not_have_is_left_out(void **state)
{
	(void)state;
	make("@ proc/x/\n");
	assert_null(look(TABLE_PIDS, 0));
	assert_int_equal(w.out.figures_n, 0);
}

static void damaged_files_are_left_out(void **state)
{
	(void)state;
	make("@ proc/loadavg\n0.10 0.20\n"
	     "@ proc/sys/fs/file-nr\n-1 x 99999999999999999999999\n"
	     "@ proc/net/stat/arp_cache\nentries\nzz 1\n"
	     "@ proc/sys/net/ipv4/neigh/default/gc_thresh3\n1024\n"
	     "@ proc/net/sockstat\nTCP: inuse\n"
	     "@ proc/sys/net/ipv4/ip_local_port_range\n60999 32768\n"
	     "@ proc/key-users\n0 1 2\n:\n 1: 1 1/1 5/ 6/7\n 2: 1 1/1 5/6\n"
	     "@ proc/cgroups\nmemory\n"
	     "@ proc/101/status\nUid:\nSigQ:\t7\n");
	w.in.probes[w.in.probes_n++] = 101;
	assert_null(look(TABLE_PIDS, 0));
	assert_int_equal(w.out.figures_n, 0);
}

/* --- users' ---------------------------------------------------------------------------------- */

static void of_a_users_signals_the_tightest_limit_counts(void **state)
{
	(void)state;
	make("@ proc/101/status\n" STATUS("1000", "90/96000") "@ proc/102/status\n" STATUS(
		"1000", "90/100") "@ proc/103/status\n" STATUS("0", "3/96000"));
	w.in.probes_n = 4;
	w.in.probes[0] = 101;
	w.in.probes[1] = 102;
	w.in.probes[2] = 103;
	w.in.probes[3] = 104; /* has gone */
	check(TABLE_SIGNALS, 1000, 90, 100);
	assert_string_equal(figure(TABLE_SIGNALS, 1000)->of, "uid 1000");
	check(TABLE_SIGNALS, 0, 3, 96000);
}

static void of_two_quotas_of_keys_the_fuller_one_counts(void **state)
{
	(void)state;
	make(HOST);
	check(TABLE_KEYS, 1000, 19000, 20000);
	check(TABLE_KEYS, 0, 460, 25000000);
}

static void the_fullest_users_are_told(void **state)
{
	(void)state;
	make("@ proc/key-users\n"
	     " 1: 1 1/1 1/100 0/100\n 2: 1 1/1 90/100 0/100\n 3: 1 1/1 2/100 0/100\n"
	     " 4: 1 1/1 80/100 0/100\n 5: 1 1/1 3/100 0/100\n 6: 1 1/1 95/100 0/100\n");
	assert_null(look(TABLE_KEYS, 1));
	assert_int_equal(w.out.figures_n, TABLES_MAX_USERS);
	check(TABLE_KEYS, 6, 95, 100);
	check(TABLE_KEYS, 2, 90, 100);
	check(TABLE_KEYS, 4, 80, 100);
	check(TABLE_KEYS, 5, 3, 100);
}

/* --- a sweep --------------------------------------------------------------------------------- */

#define PROCESS(pid, uid, cgroup)                                                                  \
	"@ proc/" pid "/status\n" STATUS(uid, "0/1000") "@ proc/" pid "/cgroup\n0::" cgroup "\n"
#define INSTANCE(pid, fd, watches)                                                                 \
	"@ proc/" pid "/fd/" fd " -> anon_inode:inotify\n"                                         \
	"@ proc/" pid "/fdinfo/" fd                                                                \
	"\npos:\t0\nflags:\t02000000\nmnt_id:\t15\nino:\t1057\n" watches
#define WATCH(n) "inotify wd:" n " ino:1 sdev:fe00000 mask:100 ignored_mask:0\n"

static const struct table_subject two[] = {
	{ .path = "/docker/aa", .name = "a" },
	{ .path = "/docker/bb", .name = "b" },
};

static void instances_and_watches_count_by_user_and_container(void **state)
{
	(void)state;
	make(HOST PROCESS("101", "1000", "/docker/aa") INSTANCE("101", "3", WATCH("1") WATCH("2"))
		     INSTANCE("101", "4", "") PROCESS("102", "1000", "/docker/bb/init.scope")
			     INSTANCE("102", "3", WATCH("1")) PROCESS("103", "0", "/host")
				     INSTANCE("103", "9", WATCH("7")));
	subjects(two, 2);
	w.in.want = TABLE_BIT(TABLE_INOTIFY_INSTANCES);
	check(TABLE_INOTIFY_INSTANCES, 1000, 3, 128);
	assert_true(w.out.swept);
	assert_true(w.out.held & TABLE_BIT(TABLE_INOTIFY_INSTANCES));
	assert_int_equal(held(TABLE_INOTIFY_INSTANCES, 1000, 0), 2);
	assert_int_equal(held(TABLE_INOTIFY_INSTANCES, 1000, 1), 1); /* below its cgroup */
	assert_int_equal(held(TABLE_INOTIFY_WATCHES, 1000, 0), 2);
	assert_int_equal(held(TABLE_INOTIFY_INSTANCES, 0, -1), 0); /* the host's is the rest */
	assert_int_equal(held(TABLE_FILES, 0, 0), 2);
	check(TABLE_INOTIFY_WATCHES, 1000, 3, 1000);
	check(TABLE_INOTIFY_INSTANCES, 0, 1, 128);
}

static void an_inherited_instance_counts_once(void **state)
{
	(void)state;
	make(HOST PROCESS("4194401", "7", "/docker/aa") INSTANCE("4194401", "3", WATCH("1"))
		     PROCESS("4194402", "7", "/docker/aa") INSTANCE("4194402", "3", WATCH("1"))
			     PROCESS("4194403", "7", "/docker/aa")
				     INSTANCE("4194403", "3", WATCH("2")));
	subjects(two, 2);
	check(TABLE_INOTIFY_INSTANCES, 7, 2, 128);
	check(TABLE_INOTIFY_WATCHES, 7, 2, 1000);
}

static void a_cgroup_that_only_begins_alike_is_no_containers(void **state)
{
	(void)state;
	make(HOST PROCESS("101", "7", "/docker/aab") INSTANCE("101", "3", ""));
	subjects(two, 2);
	check(TABLE_INOTIFY_INSTANCES, 7, 1, 128);
	assert_int_equal(w.out.holders_n, 0);
}

static void a_sweep_comes_once_a_minute_and_earlier_when_there_is_a_reason(void **state)
{
	(void)state;
	make(HOST PROCESS("101", "7", "/docker/aa"));
	look(TABLE_PIDS, 0);
	assert_false(w.out.swept);
	assert_true(w.out.wants_subjects); /* it is due: the caller is to tell containers */
	subjects(two, 2);
	look(TABLE_PIDS, 0);
	assert_true(w.out.swept);
	w.in.now_ns += 5 * NS_PER_S;
	look(TABLE_PIDS, 0);
	assert_false(w.out.swept);
	tree_write(&w.t, "proc/sys/fs/file-nr", "2436\t0\t1\n", 9);
	look(TABLE_PIDS, 0);
	assert_true(w.out.swept);
	w.in.now_ns += 30 * NS_PER_S;
	look(TABLE_PIDS, 0);
	assert_false(w.out.swept);
	w.in.started = true;
	look(TABLE_PIDS, 0);
	assert_true(w.out.swept);
	w.in.started = false;
	w.in.now_ns += 30 * NS_PER_S;
	look(TABLE_PIDS, 0);
	assert_true(w.out.swept); /* once more, now that it is at work */
	w.in.now_ns += 30 * NS_PER_S;
	look(TABLE_PIDS, 0);
	assert_false(w.out.swept);
	w.in.want = TABLE_BIT(TABLE_FILES);
	look(TABLE_PIDS, 0);
	assert_true(w.out.swept);
	w.in.want = 0;
	w.in.now_ns += 60 * NS_PER_S;
	look(TABLE_PIDS, 0);
	assert_true(w.out.swept);
}

static void queued_signals_are_those_of_the_process_that_has_real_time_ones(void **state)
{
	(void)state;
	make(HOST "@ proc/101/status\nUid:\t7\t7\t7\t7\nVmSize:\t1 kB\nSigQ:\t960/1000\n"
		  "ShdPnd:\t0000000200000000\n@ proc/101/cgroup\n0::/docker/aa\n"
		  "@ proc/102/status\nUid:\t7\t7\t7\t7\nVmSize:\t1 kB\nSigQ:\t960/1000\n"
		  "ShdPnd:\t0000000000000006\n@ proc/102/cgroup\n0::/docker/bb\n"
		  "@ proc/102/timers\nID: 0\nsignal: 12/0\nID: 1\nsignal: 12/0\n");
	subjects(two, 2);
	w.in.want = TABLE_BIT(TABLE_SIGNALS);
	w.in.probes[w.in.probes_n++] = 102;
	check(TABLE_SIGNALS, 7, 960, 1000);
	assert_int_equal(held(TABLE_SIGNALS, 7, 1), 2 + 2); /* two standard ones, two timers */
	assert_int_equal(held(TABLE_SIGNALS, 7, 0), 960 - 4);
}

static void signals_for_several_are_shared_by_the_memory_that_the_kernel_holds(void **state)
{
	char memory[256];

	(void)state;
	make(HOST "@ proc/101/status\nUid:\t7\t7\t7\t7\nVmSize:\t1 kB\nSigQ:\t900/1000\n"
		  "ShdPnd:\t0000000200000000\n@ proc/101/cgroup\n0::/docker/aa\n"
		  "@ proc/102/status\nUid:\t7\t7\t7\t7\nVmSize:\t1 kB\n"
		  "ShdPnd:\t0000000200000000\n@ proc/102/cgroup\n0::/docker/bb\n"
		  "@ memory/docker/aa/memory.stat\nanon 7\nslab 2000\n"
		  "@ memory/docker/bb/memory.kmem.usage_in_bytes\n1000\n");
	snprintf(memory, sizeof(memory), "%s/memory", w.t.path);
	subjects(two, 2);
	w.in.want = TABLE_BIT(TABLE_SIGNALS);
	w.in.probes[w.in.probes_n++] = 101;
	w.in.memory = memory;
	look(TABLE_SIGNALS, 7);
	assert_int_equal(held(TABLE_SIGNALS, 7, 0), 600);
	assert_int_equal(held(TABLE_SIGNALS, 7, 1), 300);
	w.in.memory = ""; /* by processes, then */
	w.in.now_ns += 60 * NS_PER_S;
	look(TABLE_SIGNALS, 7);
	assert_int_equal(held(TABLE_SIGNALS, 7, 0), 450);
}

static void users_beyond_the_limit_of_a_sweep_are_counted_as_refused(void **state)
{
	const size_t n = TABLES_MAX_SWEPT + 3, cap = n * 160;
	char *literal = malloc(cap);
	size_t at = 0;

	(void)state;
	assert_non_null(literal);
	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(literal + at, cap - at,
				       "@ proc/%zu/status\nUid:\t%zu\t%zu\t1\t1\nVmSize:\t1 kB\n",
				       100 + i, i, i);
	make(literal);
	free(literal);
	subjects(two, 2);
	look(TABLE_PIDS, 0);
	assert_true(w.out.swept);
	assert_int_equal(w.out.refused, 3);
}

/* --- networks -------------------------------------------------------------------------------- */

static void ports_are_counted_once_and_only_ephemeral_ones(void **state)
{
	char tcp[512], tcp6[512];

	(void)state;
	make("@ tcp\n  sl  local_address rem_address\n"
	     "   0: 0100007F:8000 0100007F:1F90 01\n   1: 0100007F:8000 0200007F:1F90 01\n"
	     "   2: 0100007F:0050 00000000:0000 0A\n   3: 0100007F\n   4: x:zz y\n"
	     "@ tcp6\n  sl\n   0: 00000000000000000000000000000000:8001 0:0 01\n");
	snprintf(tcp, sizeof(tcp), "%s/tcp", w.t.path);
	snprintf(tcp6, sizeof(tcp6), "%s/tcp6", w.t.path);
	assert_int_equal(tables_count_ports(tcp, tcp6, 32768, 60999), 2);
	assert_int_equal(tables_count_ports(tcp, "/nonexistent", 0, 65535), 2);
}

static void connections_are_those_of_the_container_whose_address_began_them(void **state)
{
	static const struct table_subject s[] = {
		{ .path = "/docker/aa", .name = "a", .pid = 101, .netns = 11 },
		{ .path = "/docker/bb", .name = "b", .pid = 102, .netns = 12 },
		{ .path = "/docker/cc", .name = "c", .pid = 103, .netns = 1 }, /* the host's */
	};
	char text[4096] = HOST
		"@ proc/1/ns/net -> net:[1]\n"
		"@ proc/101/net/fib_trie\nMain:\n  +-- 0.0.0.0/0 3 0 5\n"
		"     |-- 10.0.0.0\n        /24 link UNICAST\n"
		"     |-- 10.0.0.2\n        /32 host LOCAL\n"
		"     |-- 127.0.0.1\n        /32 host LOCAL\n"
		"@ proc/102/net/fib_trie\n     |-- 10.0.0.3\n        /32 host LOCAL\n"
		"@ proc/102/net/if_inet6\nfd000000000000000000000000000003 02 40 00 80 "
		"eth0\n@ proc/102/net/arp\nIP address\n10.0.0.1 x\n10.0.0.9 x\n"
		"@ proc/103/net/fib_trie\n     |-- 10.0.0.1\n        /32 host LOCAL\n"
		"@ proc/net/nf_conntrack\n";
	static const char *const from[] = { "10.0.0.2", "10.0.0.2", "10.0.0.3", "127.0.0.1",
					    "10.0.0.1", "fd00::3",  "nonsense" };

	(void)state;
	for (size_t i = 0; i < sizeof(from) / sizeof(from[0]); i++) {
		char one[256];

		snprintf(one, sizeof(one),
			 "ipv4     2 udp      17 29 src=%s dst=10.0.0.1 sport=5 dport=9 "
			 "[UNREPLIED] src=10.0.0.1 dst=10.0.0.2 sport=9 dport=5 mark=0 use=2\n",
			 from[i]);
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s", one);
	}
	make(text);
	subjects(s, 3);
	w.in.want = TABLE_BIT(TABLE_CONNTRACK) | TABLE_BIT(TABLE_NEIGHBOURS);
	look(TABLE_CONNTRACK, 0);
	assert_true(w.out.held & TABLE_BIT(TABLE_CONNTRACK));
	assert_int_equal(held(TABLE_CONNTRACK, 0, 0), 2);
	assert_int_equal(held(TABLE_CONNTRACK, 0, 1), 2);
	assert_int_equal(held(TABLE_CONNTRACK, 0, 2), 0);
	assert_int_equal(held(TABLE_NEIGHBOURS, 4, 1), 2);
}

static void memory_of_sockets_and_cgroups_are_told_by_the_accounting(void **state)
{
	char memory[256];

	(void)state;
	make(HOST "@ memory/docker/aa/memory.stat\nanon 7\nsock 4096\n"
		  "@ memory/docker/aa/cgroup.stat\nnr_descendants 2\nnr_dying_descendants 40\n"
		  "@ memory/docker/bb/memory.kmem.tcp.usage_in_bytes\n8192\n");
	snprintf(memory, sizeof(memory), "%s/memory", w.t.path);
	subjects(two, 2);
	w.in.memory = memory;
	w.in.want = TABLE_BIT(TABLE_SOCKET_MEMORY) | TABLE_BIT(TABLE_CGROUPS);
	look(TABLE_CGROUPS, 0);
	assert_int_equal(held(TABLE_SOCKET_MEMORY, TABLES_TCP, 0), 4096);
	assert_int_equal(held(TABLE_SOCKET_MEMORY, TABLES_TCP, 1), 8192);
	assert_int_equal(held(TABLE_CGROUPS, 0, 0), 43);
	assert_int_equal(held(TABLE_CGROUPS, 0, 1), 0);
}

/* --- file systems ---------------------------------------------------------------------------- */

static void what_containers_wrote_is_counted_on_the_file_system_that_holds_it(void **state)
{
	static const struct table_subject s[] = {
		{ .path = "/docker/aa", .name = "a", .paths = { "/a", "/shared" }, .paths_n = 2 },
		{ .path = "/docker/bb", .name = "b", .paths = { "/b", "/shared" }, .paths_n = 2 },
		/* all of the host's: nobody's own */
		{ .path = "/docker/cc", .name = "c", .paths = { "/c", "/state" }, .paths_n = 2 },
	};
	char mounts[256], block[65536];
	struct stat st;

	(void)state;
	make(HOST "@ a/x/\n@ b/x/\n@ c/x/\n@ shared/x/\n@ state/alerts/\n");
	assert_int_equal(stat(w.t.path, &st), 0);
	snprintf(mounts, sizeof(mounts), "36 35 %u:%u / / rw - ext4 /dev/vda rw\n",
		 major(st.st_dev), minor(st.st_dev));
	tree_write(&w.t, "proc/1/mountinfo", mounts, strlen(mounts));
	memset(block, 1, sizeof(block));
	tree_write(&w.t, "a/x/file", block, sizeof(block));
	tree_write(&w.t, "shared/file", block, sizeof(block));
	tree_write(&w.t, "state/alerts/file", block, sizeof(block));
	subjects(s, 3);
	w.in.want = TABLE_BIT(TABLE_DISK);
	const struct table_figure *f = figure(TABLE_DISK, st.st_dev);

	assert_string_equal(f->of, "/");
	assert_true(f->used > 0 && f->capacity > f->used);
	assert_true(w.out.held & TABLE_BIT(TABLE_DISK));
	const uint64_t a = held(TABLE_DISK, st.st_dev, 0), b = held(TABLE_DISK, st.st_dev, 1);

	assert_true(a >= sizeof(block) + sizeof(block) / 2); /* and half of what is shared */
	assert_true(b >= sizeof(block) / 2 && b < sizeof(block));
	assert_true(held(TABLE_DISK, st.st_dev, 2) < sizeof(block));
	assert_true(held(TABLE_INODES, st.st_dev, 0) >= 3);
}

int main(void)
{
#define T(name) cmocka_unit_test_teardown(name, teardown)
	const struct CMUnitTest tests[] = {
		T(tables_of_the_host_are_read_as_the_kernel_writes_them),
		T(the_smaller_of_two_limits_of_tasks_counts),
		T(the_largest_number_is_no_limit_of_open_files),
		T(what_this_kernel_does_not_have_is_left_out),
		T(damaged_files_are_left_out),
		T(of_a_users_signals_the_tightest_limit_counts),
		T(of_two_quotas_of_keys_the_fuller_one_counts),
		T(the_fullest_users_are_told),
		T(instances_and_watches_count_by_user_and_container),
		T(an_inherited_instance_counts_once),
		T(a_cgroup_that_only_begins_alike_is_no_containers),
		T(a_sweep_comes_once_a_minute_and_earlier_when_there_is_a_reason),
		T(queued_signals_are_those_of_the_process_that_has_real_time_ones),
		T(signals_for_several_are_shared_by_the_memory_that_the_kernel_holds),
		T(users_beyond_the_limit_of_a_sweep_are_counted_as_refused),
		T(ports_are_counted_once_and_only_ephemeral_ones),
		T(connections_are_those_of_the_container_whose_address_began_them),
		T(memory_of_sockets_and_cgroups_are_told_by_the_accounting),
		T(what_containers_wrote_is_counted_on_the_file_system_that_holds_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
