// SPDX-License-Identifier: GPL-2.0-or-later
/* isolation_judge: files, mounts, devices, the kernel's doors, other processes. */
#include "tests/unit/detector/isolation_fixture.h"

#define PROC	0x9fa0
#define SYSFS	0x62656572
#define CGROUP	0x27e0eb
#define CGROUP2 0x63677270
#define BINFMT	0x42494e4d

/* --- kernel helpers -------------------------------------------------------------------------- */

static void release_agent_counts_in_a_cgroup_file_system_alone(void **state)
{
	(void)state;
	assert_string_equal(writes("/tmp/cgrp/release_agent", CGROUP),
			    "kernel-helper-written critical succeeded (release_agent)");
	assert_string_equal(iw.last.title,
			    "Container 'web' wrote to a kernel helper path (release_agent)");
	assert_string_equal(writes("/srv/release_agent", 0), "");
	assert_string_equal(writes("/tmp/cgrp/x/notify_on_release", CGROUP),
			    "kernel-helper-written error succeeded (release_agent)");
	/* what an init system sets below itself */
	assert_string_equal(writes("/sys/fs/cgroup/systemd/a/b/notify_on_release", CGROUP), "");
	iw.p.ns.user = 999;
	assert_string_equal(writes("/mnt/release_agent", CGROUP),
			    "kernel-helper-written critical succeeded (CVE-2022-0492)");
}

static void core_pattern_is_one_wherever_proc_is_mounted(void **state)
{
	(void)state;
	assert_string_equal(writes("/proc/sys/kernel/core_pattern", PROC),
			    "kernel-helper-written critical succeeded (core_pattern)");
	assert_string_equal(writes("/host/proc/sys/kernel/core_pattern", PROC),
			    "kernel-helper-written critical succeeded (core_pattern)");
	assert_string_equal(writes("/k/core_pattern", PROC),
			    "kernel-helper-written critical succeeded (core_pattern)");
	assert_string_equal(is_refused("/proc/sys/kernel/core_pattern", EROFS),
			    "kernel-helper-written error attempted (core_pattern)");
	assert_string_equal(writes("/tmp/core_pattern", 0), "");
	assert_string_equal(is_refused("/tmp/core_pattern", EACCES), "");
}

static void settings_of_namespaces_are_the_containers_own(void **state)
{
	(void)state;
	assert_string_equal(writes("/proc/sys/net/ipv4/ip_forward", PROC), "");
	assert_string_equal(writes("/proc/sys/kernel/shmmax", PROC), "");
	assert_string_equal(writes("/proc/sys/fs/mqueue/msg_max", PROC), "");
	assert_string_equal(writes("/proc/1/oom_score_adj", PROC), "");
	assert_string_equal(writes("/proc/self/uid_map", PROC), "");
	assert_string_equal(writes("/proc/sys/vm/max_map_count", PROC),
			    "kernel-helper-written notice succeeded");
	assert_string_equal(writes("/proc/sys/dev/cdrom/lock", PROC),
			    "kernel-helper-written warning succeeded");
	assert_string_equal(writes("/proc/sysrq-trigger", PROC),
			    "kernel-helper-written critical succeeded");
}

static void other_helpers_are_known(void **state)
{
	(void)state;
	assert_string_equal(writes("/sys/kernel/uevent_helper", SYSFS),
			    "kernel-helper-written critical succeeded (uevent_helper)");
	assert_string_equal(writes("/proc/sys/fs/binfmt_misc/register", BINFMT),
			    "kernel-helper-written critical succeeded (binfmt_misc)");
	assert_string_equal(writes("/proc/sys/kernel/modprobe", PROC),
			    "kernel-helper-written critical succeeded (modprobe path)");
	assert_string_equal(writes("/sys/class/net/eth0/mtu", SYSFS), "");
}

static void a_read_is_no_write(void **state)
{
	const struct event_file f = { .flags = FILE_KNOWN, .fs_magic = PROC, .mode = S_IFREG };

	(void)state;
	assert_string_equal(opens_as("/proc/sys/kernel/core_pattern", ACCESS_READ, 3, &f), "");
}

/* --- limits ---------------------------------------------------------------------------------- */

static void raising_ones_own_limit_is_told_and_a_limit_below_is_not(void **state)
{
	const struct event_file own = {
		.flags = FILE_KNOWN, .fs_magic = CGROUP2, .mode = S_IFREG, .parent_inode = 70
	};

	(void)state;
	assert_string_equal(opens_as("/sys/fs/cgroup/memory.max", ACCESS_WRITE, 3, &own),
			    "limit-raised critical succeeded");
	assert_string_equal(writes("/sys/fs/cgroup/init.scope/memory.max", CGROUP2), "");
	assert_string_equal(writes("/sys/fs/cgroup/memory/memory.limit_in_bytes", CGROUP),
			    "limit-raised critical succeeded");
	assert_string_equal(writes("/sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes", CGROUP),
			    "");
	assert_string_equal(is_refused("/sys/fs/cgroup/pids.max", EROFS),
			    "limit-raised error attempted");
	assert_string_equal(is_refused("/sys/fs/cgroup/init.scope/memory.max", EROFS), "");
	assert_string_equal(writes("/tmp/d/devices.allow", CGROUP),
			    "device-reached critical succeeded (devices.allow and mknod)");
}

/* --- programs and files of the host ----------------------------------------------------------- */

static void the_runtimes_program_is_known_by_its_file(void **state)
{
	const struct event_file runc = { .flags = FILE_KNOWN | FILE_FOREIGN,
					 .device = 8 << 20 | 1,
					 .inode = 4242,
					 .mode = S_IFREG | 0755 };
	struct event_open o = { .access = ACCESS_WRITE, .file = runc };

	(void)state;
	assert_string_equal(opens_as("/opt/r", ACCESS_WRITE, 3, &runc),
			    "host-program-written alert succeeded (host mount)");
	begin(EVENT_OPEN, &o);
	head()->result = 3;
	add(TAG_PATH, "/usr/bin/runc");
	add(TAG_RAW, "/proc/self/fd/7");
	assert_string_equal(finds(), "host-program-written alert succeeded (CVE-2019-5736)");
	assert_string_equal(fact("program"), "/usr/bin/runc");
}

static void writing_to_the_program_of_a_process_outside_is_an_attempt(void **state)
{
	(void)state;
	somebody(500, 0, 200, "runc");
	iw.p.ns.pid = 200; /* it sees the host's processes */
	assert_string_equal(is_refused("/proc/500/exe", ETXTBSY),
			    "host-program-written critical attempted (CVE-2019-5736)");
	iw.p.ns.pid = 201;
	assert_string_equal(is_refused("/proc/500/exe", ETXTBSY), "");
	assert_string_equal(is_refused("/proc/self/exe", ETXTBSY), "");
}

static void a_file_of_the_host_that_was_not_given_is_told(void **state)
{
	const struct event_file f = { .flags = FILE_KNOWN | FILE_FOREIGN,
				      .device = 8 << 20 | 1,
				      .inode = 77,
				      .mode = S_IFREG | 0644 };
	char bind[] = "bind", source[] = "/srv/data", to[] = "/data";

	(void)state;
	assert_string_equal(opens_as("/mnt/etc/crontab", ACCESS_WRITE, 3, &f),
			    "host-program-written error succeeded (host mount)");
	iw.mounts[0] = (struct metadata_mount){ .type = bind, .source = source, .destination = to };
	iw.meta.mounts_n = 1;
	assert_string_equal(opens_as("/data/file", ACCESS_WRITE, 3, &f), "");
	assert_string_equal(opens_as("/etc/resolv.conf", ACCESS_WRITE, 3, &f), "");
	iw.p.ns.mnt = 555; /* names of another mount tree */
	assert_string_equal(opens_as("/mnt/etc/crontab", ACCESS_WRITE, 3, &f), "");
}

static void what_the_host_trusts_is_told_through_an_agreed_mount_too(void **state)
{
	const struct event_path e = { .dirfd = -100 };
	char bind[] = "bind", source[] = "/", to[] = "/host";

	(void)state;
	iw.mounts[0] = (struct metadata_mount){ .type = bind, .source = source, .destination = to };
	iw.meta.mounts_n = 1;
	assert_string_equal(writes("/host/etc/cron.d/job", 0),
			    "host-program-written critical succeeded (host mount)");
	assert_string_equal(fact("on_the_host"), "/etc/cron.d/job");
	assert_string_equal(writes("/host/var/log/app.log", 0), "");
	begin(EVENT_RENAME, &e);
	add(TAG_PATH2, "/host/root/.ssh/authorized_keys");
	assert_string_equal(finds(), "host-program-written critical succeeded (host mount)");
	assert_string_equal(writes("/host/var/lib/bulkhead/tokens", 0),
			    "agent-attacked alert succeeded");
	assert_string_equal(writes("/host/var/lib/bulkhead/alerts/alerts.jsonl", 0),
			    "agent-attacked alert succeeded");
	assert_string_equal(opens_as("/host/var/lib/bulkhead/tokens", ACCESS_READ, 3, NULL),
			    "agent-attacked alert succeeded");
	/* who ships the alerts reads them */
	assert_string_equal(
		opens_as("/host/var/lib/bulkhead/alerts/alerts.jsonl", ACCESS_READ, 3, NULL), "");
}

/* --- mounts ---------------------------------------------------------------------------------- */

static void mounts_of_disks_are_told_and_tmpfs_is_information(void **state)
{
	(void)state;
	assert_string_equal(mounts("/dev/sda1", "/mnt", "ext4", 0, 0),
			    "mount-outside-of-spec critical succeeded (host mount)");
	assert_string_equal(mounts("/dev/sda1", "/mnt", "ext4", 0, -EPERM),
			    "mount-outside-of-spec error attempted (host mount)");
	assert_string_equal(mounts("/dev/loop0", "/mnt", "squashfs", 0, 0),
			    "mount-outside-of-spec info succeeded");
	assert_string_equal(mounts("tmpfs", "/run", "tmpfs", 0, 0),
			    "mount-outside-of-spec info succeeded");
	assert_string_equal(mounts("/a", "/b", "", MS_BIND, 0), "");
	assert_string_equal(mounts("x", "/mnt", "tmpfs", 0, -ENOENT), "");
}

static void a_cgroup_hierarchy_in_another_place_is_the_way_to_release_agent(void **state)
{
	(void)state;
	assert_string_equal(mounts("cgroup", "/tmp/cgrp", "cgroup", 0, 0),
			    "mount-outside-of-spec error succeeded (release_agent)");
	assert_string_equal(mounts("cgroup", "/sys/fs/cgroup/systemd", "cgroup", 0, 0),
			    "mount-outside-of-spec notice succeeded");
	iw.p.ns.mnt = 555; /* a container within makes it so */
	assert_string_equal(mounts("cgroup", "/x/sys/fs/cgroup/rdma", "cgroup", 0, 0),
			    "mount-outside-of-spec notice succeeded");
	iw.p.ns.user = 999;
	assert_string_equal(mounts("cgroup", "/mnt", "cgroup", 0, 0),
			    "mount-outside-of-spec error succeeded (CVE-2022-0492)");
}

static void proc_anew_has_no_masks(void **state)
{
	(void)state;
	assert_string_equal(mounts("proc", "/mnt", "proc", 0, 0),
			    "mask-removed critical succeeded");
	iw.p.ns.mnt = 555;
	assert_string_equal(mounts("proc", "/proc", "proc", 0, 0), "mask-removed info succeeded");
	iw.p.ns.mnt = 101;
	start_box(iw.web, 1, ALL_CAPS, 0); /* privileged: nothing was masked */
	assert_string_equal(mounts("proc", "/mnt", "proc", 0, 0), "mask-removed info succeeded");
}

static const char *unmounts(const char *path, int64_t result)
{
	const struct event_call c = { .op = 0 };

	begin(EVENT_UMOUNT, &c);
	head()->result = result;
	add(TAG_RAW, path);
	return finds();
}

static void masks_that_are_taken_away_are_told(void **state)
{
	(void)state;
	assert_string_equal(unmounts("/proc/kcore", 0), "mask-removed critical succeeded");
	assert_string_equal(unmounts("/proc/sys", 0), "mask-removed critical succeeded");
	assert_string_equal(unmounts("/proc/keys", -EPERM), "mask-removed error attempted");
	assert_string_equal(unmounts("/mnt", 0), "");
	assert_string_equal(mounts("none", "/proc/sys", "", MS_REMOUNT | MS_BIND, 0),
			    "mask-removed critical succeeded");
	assert_string_equal(mounts("none", "/proc/sys", "", MS_REMOUNT | MS_BIND | MS_RDONLY, 0),
			    "");
	start_box(iw.web, 1, ALL_CAPS, 0);
	assert_string_equal(unmounts("/proc/kcore", 0), "mask-removed notice succeeded");
}

static void the_new_calls_are_followed_to_their_target(void **state)
{
	const struct event_call none = { .op = 0 };

	(void)state;
	begin(EVENT_NEW_MOUNT, &(struct event_call){ .op = NEW_MOUNT_FSOPEN });
	head()->result = 3;
	add(TAG_NAME, "cgroup");
	assert_string_equal(finds(), "");
	begin(EVENT_MOVE_MOUNT, &none);
	add(TAG_RAW2, "/tmp/c");
	assert_string_equal(finds(), "mount-outside-of-spec error succeeded (release_agent)");
	begin(EVENT_NEW_MOUNT, &(struct event_call){ .op = NEW_MOUNT_FSCONFIG });
	add(TAG_NAME, "source");
	add(TAG_DATA, "/dev/vda1");
	assert_string_equal(finds(), "mount-outside-of-spec critical succeeded (host mount)");
}

/* --- devices --------------------------------------------------------------------------------- */

static const char *makes(uint32_t mode, uint64_t dev, const char *path, int64_t result)
{
	const struct event_path e = { .dirfd = -100, .mode = mode, .value = dev };

	begin(EVENT_MKNOD, &e);
	head()->result = result;
	add(TAG_RAW, path);
	return finds();
}

static void nodes_of_disks_are_told(void **state)
{
	(void)state;
	assert_string_equal(makes(S_IFBLK | 0600, 0x800, "/tmp/sda", 0),
			    "device-reached error attempted (devices.allow and mknod)");
	assert_string_equal(fact("device"), "block 8:0");
	assert_string_equal(makes(S_IFBLK | 0600, 0x800, "/v/overlay2/backingFsBlockDev", 0),
			    "device-reached notice attempted (devices.allow and mknod)");
	assert_string_equal(makes(S_IFCHR | 0600, 0x103, "/dev/null", 0), "");
	assert_string_equal(makes(S_IFCHR, 0, "/d/removed", 0), ""); /* a mark of an overlay */
	assert_string_equal(makes(S_IFIFO | 0600, 0, "/run/pipe", 0), "");
	assert_string_equal(makes(S_IFREG | 0600, 0, "/run/file", 0), "");
}

static void opened_disks_and_memory_are_told(void **state)
{
	struct event_file f = { .flags = FILE_KNOWN, .mode = S_IFBLK | 0600, .rdev = 8 << 20 };
	char device[] = "b /dev/sda", *devices[] = { device };

	(void)state;
	assert_string_equal(opens_as("/dev/sda", ACCESS_READ, 3, &f),
			    "device-reached critical succeeded");
	iw.meta.confinement.devices = (struct metadata_list){ devices, 1 };
	assert_string_equal(opens_as("/dev/sda", ACCESS_READ, 3, &f),
			    "device-reached notice succeeded");
	f.rdev = 7 << 20;
	assert_string_equal(opens_as("/dev/loop0", ACCESS_READ, 3, &f),
			    "device-reached info succeeded");
	f = (struct event_file){ .flags = FILE_KNOWN, .mode = S_IFCHR, .rdev = 1 << 20 | 1 };
	assert_string_equal(opens_as("/dev/mem", ACCESS_READ, 3, &f),
			    "device-reached critical succeeded");
	f.rdev = 1 << 20 | 3;
	assert_string_equal(opens_as("/dev/null", ACCESS_WRITE, 3, &f), "");
	assert_string_equal(is_refused("/dev/sdb", EPERM), "device-reached error attempted");
	assert_string_equal(is_refused("/dev/sdb", ENOENT), "");
}

/* --- the kernel's doors ----------------------------------------------------------------------- */

static void code_in_the_kernel_is_told(void **state)
{
	(void)state;
	assert_string_equal(CALLS(EVENT_INIT_MODULE, 0, .op = 0),
			    "kernel-code-loaded critical succeeded");
	assert_string_equal(CALLS(EVENT_INIT_MODULE, -EPERM, .op = 0),
			    "kernel-code-loaded error attempted");
	assert_string_equal(CALLS(EVENT_KEXEC, -EPERM, .op = 0),
			    "kernel-code-loaded error attempted");
	assert_string_equal(CALLS(EVENT_BPF, 5, .op = 5), "kernel-code-loaded error succeeded");
	assert_string_equal(CALLS(EVENT_BPF, 5, .op = 5, .args = { 5, 0, 0, 2, 1 }),
			    "kernel-code-loaded critical succeeded");
	/* an init system's list of devices */
	assert_string_equal(CALLS(EVENT_BPF, 5, .op = 5, .args = { 5, 0, 0, 15, 1 }),
			    "kernel-code-loaded notice succeeded");
	assert_string_equal(CALLS(EVENT_BPF, -EPERM, .op = 0),
			    "kernel-code-loaded notice attempted");
	assert_string_equal(CALLS(EVENT_BPF, 3, .op = 0), "");
}

static void handles_are_the_shockers(void **state)
{
	struct event_open o = { .access = ACCESS_READ,
				.file = { .flags = FILE_KNOWN, .fs_magic = 0xef53 } };

	(void)state;
	begin(EVENT_OPEN, &o);
	head()->syscall = 304;
	head()->result = 3;
	assert_string_equal(finds(), "file-handle-opened critical succeeded (shocker)");
	begin(EVENT_OPEN, &o);
	head()->syscall = 304;
	head()->result = -EPERM;
	assert_string_equal(finds(), "file-handle-opened error attempted (shocker)");
	o.file.fs_magic = CGROUP2; /* an init system names its cgroups so */
	begin(EVENT_OPEN, &o);
	head()->syscall = 304;
	head()->result = 3;
	assert_string_equal(finds(), "");
}

/* --- others ---------------------------------------------------------------------------------- */

static const char *connects(const char *name, size_t n, uint32_t owner, int64_t result)
{
	const struct event_network net = { .family = AF_UNIX,
					   .type = SOCK_STREAM,
					   .owner_pid = owner };

	begin(EVENT_CONNECT, &net);
	head()->result = result;
	event_write_string(&iw.writer, TAG_UNIX_REMOTE, 0, (struct span){ name, n });
	return finds();
}

static void runtimes_sockets_are_told_by_who_listens(void **state)
{
	static const char shim[] = "\0/containerd-shim/moby/x.sock";

	(void)state;
	somebody(600, 0, 200, "dockerd");
	somebody(700, 70, 201, "dockerd");
	assert_string_equal(connects("/run/docker.sock", 16, 600, 0),
			    "runtime-socket-used critical succeeded (docker.sock)");
	assert_string_equal(fact("listener"), "dockerd");
	/* a docker within */
	assert_string_equal(connects("/run/docker.sock", 16, 700, 0), "");
	assert_string_equal(connects(shim, sizeof(shim) - 1, 600, 0),
			    "runtime-socket-used critical succeeded (CVE-2020-15257)");
	assert_string_equal(connects("/run/docker.sock", 16, 0, -EACCES),
			    "runtime-socket-used warning attempted (docker.sock)");
	assert_string_equal(connects("/run/docker.sock", 16, 0, -ENOENT), "");
	assert_string_equal(connects("/run/mysqld.sock", 16, 600, 0), "");
	assert_string_equal(connects("/run/bh.sock", 12, 900, 0), "agent-attacked alert succeeded");
}

static void dockers_port_on_the_host_is_an_attempt(void **state)
{
	struct event_network n = { .family = AF_INET,
				   .type = SOCK_STREAM,
				   .remote = { 172, 17, 0, 1 },
				   .remote_port = htons(2375) };

	(void)state;
	begin(EVENT_CONNECT, &n);
	assert_string_equal(finds(), "runtime-socket-used error attempted (docker.sock)");
	n.remote[3] = 9;
	begin(EVENT_CONNECT, &n);
	assert_string_equal(finds(), "");
}

static void processes_outside_are_not_to_be_traced(void **state)
{
	(void)state;
	somebody(800, 0, 200, "sshd");
	somebody(801, 70, 201, "child");
	somebody(802, 80, 202, "postgres");
	somebody(900, 0, 200, "bulkheadd");
	assert_string_equal(CALLS(EVENT_PTRACE, 0, .target_pid = 800),
			    "process-outside-traced critical succeeded");
	assert_string_equal(fact("target"), "sshd");
	assert_string_equal(CALLS(EVENT_PTRACE, -EPERM, .target_pid = 800),
			    "process-outside-traced error attempted");
	assert_string_equal(CALLS(EVENT_PTRACE, 0, .target_pid = 801), "");
	assert_string_equal(CALLS(EVENT_PROCESS_VM, 8, .target_pid = 802),
			    "process-outside-traced critical succeeded");
	assert_string_equal(CALLS(EVENT_KILL, 0, .target_pid = 802, .args = { 0, 9 }), "");
	assert_string_equal(CALLS(EVENT_KILL, 0, .target_pid = 900, .args = { 0, 9 }),
			    "agent-attacked alert succeeded");
	assert_string_equal(CALLS(EVENT_PTRACE, -EPERM, .target_pid = 900),
			    "agent-attacked critical attempted");
}

static void memory_and_files_through_a_process_outside_are_told(void **state)
{
	const struct event_file f = { .flags = FILE_KNOWN, .mode = S_IFREG };
	struct event_open o = { .access = ACCESS_READ, .file = f };

	(void)state;
	somebody(800, 0, 200, "sshd");
	iw.p.ns.pid = 200;
	assert_string_equal(is_refused("/proc/800/mem", EACCES),
			    "process-outside-traced error attempted");
	begin(EVENT_OPEN, &o);
	head()->result = 3;
	add(TAG_PATH, "/etc/shadow");
	add(TAG_RAW, "/proc/800/root/etc/shadow");
	assert_string_equal(finds(), "descriptor-outside critical succeeded");
	assert_string_equal(is_refused("/proc/999/mem", EACCES), ""); /* nobody */
}

static void netfilter_from_a_fresh_user_namespace_is_a_warning(void **state)
{
	const struct event_network n = { .family = AF_NETLINK, .protocol = 12 };

	(void)state;
	begin(EVENT_SOCKET, &n);
	assert_string_equal(finds(), "");
	assert_string_equal(
		CALLS(EVENT_UNSHARE, 0, .args = { CLONE_NEWUSER }, .ns = { .user = 999 }),
		"user-namespace-made notice succeeded");
	iw.p.ns.user = 999;
	begin(EVENT_SOCKET, &n);
	assert_string_equal(finds(), "user-namespace-made warning succeeded");
}

static void hostile_lengths_and_bytes_do_no_harm(void **state)
{
	static char path[EVENT_STRING_MAX];

	(void)state;
	memset(path, '/', sizeof(path) - 1);
	writes(path, PROC);
	writes(path, CGROUP);
	is_refused(path, EACCES);
	memset(path, 'a', sizeof(path) - 1);
	memcpy(path, "/proc/", 6);
	writes(path, PROC);
	mounts(path, path, path, 0, 0);
	connects(path, 4000, 0, 0);
	makes(S_IFBLK, ~0ULL, path, 0);
	writes("", PROC);
	assert_true(strlen(iw.last.key) < sizeof(iw.last.key));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, scene_up, scene_down)
	const struct CMUnitTest tests[] = {
		T(release_agent_counts_in_a_cgroup_file_system_alone),
		T(core_pattern_is_one_wherever_proc_is_mounted),
		T(settings_of_namespaces_are_the_containers_own),
		T(other_helpers_are_known),
		T(a_read_is_no_write),
		T(raising_ones_own_limit_is_told_and_a_limit_below_is_not),
		T(the_runtimes_program_is_known_by_its_file),
		T(writing_to_the_program_of_a_process_outside_is_an_attempt),
		T(a_file_of_the_host_that_was_not_given_is_told),
		T(what_the_host_trusts_is_told_through_an_agreed_mount_too),
		T(mounts_of_disks_are_told_and_tmpfs_is_information),
		T(a_cgroup_hierarchy_in_another_place_is_the_way_to_release_agent),
		T(proc_anew_has_no_masks),
		T(masks_that_are_taken_away_are_told),
		T(the_new_calls_are_followed_to_their_target),
		T(nodes_of_disks_are_told),
		T(opened_disks_and_memory_are_told),
		T(code_in_the_kernel_is_told),
		T(handles_are_the_shockers),
		T(runtimes_sockets_are_told_by_who_listens),
		T(dockers_port_on_the_host_is_an_attempt),
		T(processes_outside_are_not_to_be_traced),
		T(memory_and_files_through_a_process_outside_are_told),
		T(netfilter_from_a_fresh_user_namespace_is_a_warning),
		T(hostile_lengths_and_bytes_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
