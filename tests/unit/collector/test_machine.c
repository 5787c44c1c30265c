// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "collector/machine.h"
#include "tests/unit/fixture.h"

#define MEMINFO                                                                                    \
	"@ proc/meminfo\nMemTotal:       1000 kB\nMemFree:         100 kB\nMemAvailable:    400 "  \
	"kB\nSwapTotal:        50 kB\nSwapFree:         20 kB\n"
#define CPU(n, socket, core)                                                                       \
	"processor\t: " n "\nmodel name\t: X: Y\nphysical id\t: " socket "\ncore id\t\t: " core    \
	"\n\n"

struct place {
	struct tree tree;
	char proc[160], sys[160];
	struct machine_roots roots;
};

static void place_make(struct place *p, const char *literal)
{
	p->tree = tree_make(literal);
	snprintf(p->proc, sizeof(p->proc), "%s/proc", p->tree.path);
	snprintf(p->sys, sizeof(p->sys), "%s/sys", p->tree.path);
	p->roots = (struct machine_roots){ p->tree.path, p->proc, p->sys };
}

static void place_remove(struct place *p)
{
	tree_remove(&p->tree);
}
#define AUTO_PLACE __attribute__((cleanup(place_remove)))

static void the_host_is_described_by_its_files(void **state)
{
	AUTO_PLACE struct place p;
	struct machine m;
	struct err e = { "" };

	(void)state;
	place_make(&p, MEMINFO
		   "@ proc/cpuinfo\n" CPU("0", "0", "0") CPU("1", "0", "0") CPU("2", "1", "0") CPU(
			   "3", "1", "0") "@ proc/sys/kernel/random/boot_id\nabc-def\n"
					  "@ proc/sys/kernel/osrelease\n6.1.0-x\n"
					  "@ sys/devices/system/cpu/online\n0-2,5\n"
					  "@ sys/class/dmi/id/product_uuid\nUUID-1\n"
					  "@ etc/machine-id\n0123456789abcdef\n"
					  "@ etc/os-release\nNAME=\"Debian\"\nPRETTY_NAME=\"Debian "
					  "GNU/Linux 12\"\n");
	assert_int_equal(machine_read_static(&m, &p.roots, &e), 0);
	assert_int_equal(m.cpu_cores, 4);
	assert_int_equal(m.cpu_physical_cores, 2); /* core 0 of each socket */
	assert_int_equal(m.cpu_sockets, 2);
	assert_int_equal(m.memory_bytes, 1024000);
	assert_int_equal(m.swap_bytes, 51200);
	assert_string_equal(m.machine_id, "0123456789abcdef");
	assert_string_equal(m.system_uuid, "UUID-1");
	assert_string_equal(m.boot_id, "abc-def");
	assert_string_equal(m.kernel_version, "6.1.0-x");
	assert_string_equal(m.os_version, "Debian GNU/Linux 12");
}

static void missing_identity_falls_back_and_topology_comes_from_sysfs(void **state)
{
	AUTO_PLACE struct place p;
	struct machine m;
	struct err e = { "" };

	(void)state;
	place_make(&p, MEMINFO "@ proc/cpuinfo\nprocessor\t: 0\nprocessor\t: 1\n"
			       "@ sys/devices/system/cpu/cpu0/topology/core_id\n3\n"
			       "@ sys/devices/system/cpu/cpu0/topology/physical_package_id\n-1\n"
			       "@ sys/devices/system/cpu/cpu1/topology/core_id\n4\n"
			       "@ sys/devices/system/cpu/online\n3-1\n"
			       "@ var/lib/dbus/machine-id\nfeed\n");
	assert_int_equal(machine_read_static(&m, &p.roots, &e), 0);
	assert_int_equal(m.cpu_cores, 2);
	assert_int_equal(m.cpu_physical_cores, 2);
	assert_int_equal(m.cpu_sockets, 1);
	assert_string_equal(m.machine_id, "feed");
	assert_string_equal(m.system_uuid, "feed");
	assert_string_equal(m.os_version, "");
	assert_true(m.kernel_version[0] != '\0');
}

static void a_host_without_meminfo_is_an_error_that_names_it(void **state)
{
	AUTO_PLACE struct place p;
	struct machine m = { .cpu_cores = 9 };
	struct machine_live live;
	struct err e = { "" };

	(void)state;
	place_make(&p, "@ proc/x\n");
	assert_int_equal(machine_read_static(&m, &p.roots, &e), -ENOENT);
	assert_non_null(strstr(e.text, "/proc/meminfo'"));
	assert_int_equal(m.cpu_cores, 9);
	assert_int_equal(machine_read_live(&live, &p.roots, &e), -ENOENT);
	tree_write(&p.tree, "proc/meminfo", "MemFree: 1 kB\n", 14);
	assert_int_equal(machine_read_static(&m, &p.roots, &e), -EBADMSG);
}

static void live_figures_leave_out_idle_and_stolen_time(void **state)
{
	AUTO_PLACE struct place p;
	struct machine_live m = { .filesystems_n = 3 };
	struct err e = { "" };
	uint64_t tick = 1000000000 / (uint64_t)sysconf(_SC_CLK_TCK);

	(void)state;
	place_make(&p, MEMINFO "@ proc/stat\ncpu  1 2 4 8 16 32 64 128 1 2\ncpu0 1\n"
			       "@ proc/pressure/cpu\nsome avg10=0.00 total=5\nfull total=6\n"
			       "@ proc/pressure/io\ngarbage\n");
	assert_int_equal(machine_read_live(&m, &p.roots, &e), 0);
	assert_int_equal(m.cpu_user_ns, 3 * tick);
	assert_int_equal(m.cpu_system_ns, 100 * tick);
	assert_int_equal(m.cpu_usage_ns, 103 * tick);
	assert_int_equal(m.memory_used, 600 * 1024);
	assert_int_equal(m.memory_available, 400 * 1024);
	assert_int_equal(m.swap_used, 30 * 1024);
	assert_int_equal(m.psi_cpu.full_us, 6);
	assert_int_equal(m.have, SAMPLE_PSI_CPU);
	assert_int_equal(m.filesystems_n, 3); /* the worker's part */
}

static void only_local_file_systems_are_measured_once_a_device(void **state)
{
	AUTO_PLACE struct place p;
	struct machine_live m = { .filesystems_n = 9 };
	struct err e = { "" };

	(void)state;
	place_make(&p, "@ data dir/x\n@ data dir/long/y\n"
		       "@ sys/dev/block/254:0/uevent\nDEVNAME=vda\n"
		       "@ proc/1/mountinfo\n"
		       "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
		       "27 1 254:0 / / rw shared:1 master:2 - ext4 /dev/root rw\n"
		       "28 1 254:0 / /data\\040dir rw - ext4 /dev/root rw\n"
		       "29 1 254:1 / /data\\040dir/long rw - xfs /dev/vdb rw\n"
		       "30 1 254:1 / /data\\040dir rw - xfs /dev/vdb rw\n"
		       "31 1 0:44 / /nfs rw - nfs4 host:/x rw\n"
		       "32 1 0:45 / /sshfs rw - fuse.sshfs host: rw\n"
		       "33 1 0:46 / /merged rw - overlay overlay rw\n"
		       "34 1 254:9 / /not-there rw - ext4 /dev/vdz rw\n"
		       "35 1 bad / /x rw - ext4 /dev/x rw\n36 1 254:3 /\n37 1 254:4 / /cut rw\n\n");
	assert_int_equal(machine_read_filesystems(&m, &p.roots, &e), 0);
	assert_int_equal(m.filesystems_n, 2);
	assert_string_equal(m.filesystems[0].device, "/dev/vda");
	assert_string_equal(m.filesystems[0].mount_point, "/");
	assert_true(m.filesystems[0].limit_bytes > 0);
	assert_string_equal(m.filesystems[1].device, "/dev/vdb");
	assert_string_equal(m.filesystems[1].mount_point, "/data dir");
	assert_int_equal(m.filesystems_refused, 0);
}

static void our_own_mounts_are_seen_below_the_prefix(void **state)
{
	AUTO_PLACE struct place p;
	struct machine_live m;
	struct err e = { "" };
	char text[1024];

	(void)state;
	place_make(&p, "@ mnt/x\n");
	int n = snprintf(
		text, sizeof(text),
		"1 1 8:0 / / rw - ext4 /dev/sda rw\n2 1 8:1 / %s/mnt rw - ext4 /dev/sdb rw\n"
		"3 1 8:2 / %s-other rw - ext4 /dev/sdc rw\n",
		p.tree.path, p.tree.path);

	tree_write(&p.tree, "proc/self/mountinfo", text, (size_t)n);
	assert_int_equal(machine_read_filesystems(&m, &p.roots, &e), 0);
	assert_int_equal(m.filesystems_n, 1);
	assert_string_equal(m.filesystems[0].mount_point, "/mnt");
}

static void file_systems_beyond_the_limit_are_counted(void **state)
{
	AUTO_PLACE struct place p;
	struct machine_live m;
	struct err e = { "" };
	char text[8192];
	size_t n = 0;

	(void)state;
	place_make(&p, "@ proc/x\n");
	for (int i = 0; i < MACHINE_MAX_FILESYSTEMS + 4; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      "1 1 8:%d / / rw - ext4 /dev/d%d rw\n", i, i);
	tree_write(&p.tree, "proc/1/mountinfo", text, n);
	assert_int_equal(machine_read_filesystems(&m, &p.roots, &e), 0);
	assert_int_equal(m.filesystems_n, MACHINE_MAX_FILESYSTEMS);
	assert_int_equal(m.filesystems_refused, 4);
}

static void disks_are_told_from_partitions_and_memory(void **state)
{
	AUTO_PLACE struct place p;
	struct machine_disk disks[4];

	(void)state;
	place_make(&p, "@ sys/block/nvme0n1/x\n@ sys/block/loop0/x\n@ sys/block/cciss!c0d0/x\n"
		       "@ sys/block/zram0/x\n@ sys/block/dm-0/x\n"
		       "@ proc/diskstats\n"
		       " 259 0 nvme0n1 1 2 3 4 5 6 7 8 9 10 11 0 0 0 0 0 0\n"
		       " 259 1 nvme0n1p1 1 2 3 4 5 6 7 8 9 10 11\n"
		       "   7 0 loop0 1 2 3 4 5 6 7 8 9 10 11\n"
		       " 253 0 zram0 1 2 3 4 5 6 7 8 9 10 11\n"
		       " 104 0 cciss/c0d0 1 2 3 4 5 6 7 8 9 10 11\n"
		       " 252 0 dm-0 1 2 3 4 5 6 7 8 9 10\n"
		       " 252 0 dm-0 1 2 3 x 5 6 7 8 9 10 11\n"
		       " 252 0 dm-0 1 2 3 4 5 6 7 8 9 10 11\n"
		       " 8 0\n8\n\n");
	assert_int_equal(machine_read_disks(disks, 4, &p.roots), 3);
	assert_string_equal(disks[0].device, "/dev/nvme0n1");
	assert_int_equal(disks[0].sectors_read, 3);
	assert_int_equal(disks[0].io_weighted_ms, 11);
	assert_string_equal(disks[1].device, "/dev/cciss/c0d0");
	assert_string_equal(disks[2].device, "/dev/dm-0");
	assert_int_equal(machine_read_disks(disks, 1, &p.roots), 1);
}

int main(void)
{
	const struct CMUnitTest machine[] = {
		cmocka_unit_test(the_host_is_described_by_its_files),
		cmocka_unit_test(missing_identity_falls_back_and_topology_comes_from_sysfs),
		cmocka_unit_test(a_host_without_meminfo_is_an_error_that_names_it),
		cmocka_unit_test(live_figures_leave_out_idle_and_stolen_time),
		cmocka_unit_test(only_local_file_systems_are_measured_once_a_device),
		cmocka_unit_test(our_own_mounts_are_seen_below_the_prefix),
		cmocka_unit_test(file_systems_beyond_the_limit_are_counted),
		cmocka_unit_test(disks_are_told_from_partitions_and_memory),
	};

	return cmocka_run_group_tests(machine, NULL, NULL);
}
