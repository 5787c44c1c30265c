// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/detector/isolation_fixture.h"

/* --- namespaces ------------------------------------------------------------------------------ */

static void joining_a_namespace_of_the_host_is_an_escape(void **state)
{
	struct event_namespaces ns = namespaces_of(1);

	(void)state;
	ns.mnt = 100;
	assert_string_equal(CALLS(EVENT_SETNS, 0, .ns = ns),
			    "namespaces-changed critical succeeded (nsenter)");
	assert_string_equal(fact("namespace"), "mnt: is 100, was 101 at the start");
	assert_string_equal(iw.last.title, "Container 'web' entered namespaces of the host: mnt");
	assert_true(iw.grave);
}

static void joining_a_namespace_of_another_container_is_one_too(void **state)
{
	struct event_namespaces ns = namespaces_of(1);

	(void)state;
	ns.net = 302;
	assert_string_equal(CALLS(EVENT_SETNS, 0, .ns = ns),
			    "namespaces-changed critical succeeded");
}

static void joining_what_a_container_within_made_is_nothing(void **state)
{
	struct event_namespaces ns = namespaces_of(1);

	(void)state;
	ns.mnt = 555;
	assert_string_equal(CALLS(EVENT_SETNS, 0, .ns = ns), "");
}

static void a_namespace_that_is_shared_with_the_host_from_the_start_is_no_escape(void **state)
{
	struct process first = { .key = { 1, 1 }, .exec_inside = true };
	struct event_exec x = { .ns = namespaces_of(1) };

	(void)state;
	x.ns.net = 300;
	isolation_starts_end(iw.starts, iw.web);
	assert_true(isolation_starts_exec(iw.starts, iw.web, &first, &x, 5));
	assert_string_equal(CALLS(EVENT_SETNS, 0, .ns = x.ns), "");
	assert_int_equal(isolation_start_of(iw.starts, iw.web)->shares,
			 SHARES_NET | SHARES_USER | SHARES_TIME);
}

static void what_the_runtime_does_before_the_program_runs_is_its_own(void **state)
{
	struct event_namespaces ns = namespaces_of(0);

	(void)state;
	iw.p.exec_inside = false;
	assert_string_equal(CALLS(EVENT_SETNS, 0, .ns = ns), "");
	assert_string_equal(mounts("/dev/sda1", "/mnt", "ext4", 0, 0), "");
}

static void new_namespaces_are_a_notice(void **state)
{
	(void)state;
	assert_string_equal(CALLS(EVENT_UNSHARE, 0, .args = { CLONE_NEWNS | CLONE_NEWNET }),
			    "namespaces-changed notice succeeded");
	assert_string_equal(CALLS(EVENT_UNSHARE, 0, .args = { CLONE_NEWUSER | CLONE_NEWNS }),
			    "user-namespace-made notice succeeded");
	assert_string_equal(CALLS(EVENT_UNSHARE, -EPERM, .args = { CLONE_NEWUSER }),
			    "user-namespace-made info attempted");
	assert_string_equal(CALLS(EVENT_UNSHARE, 0, .args = { CLONE_FILES }), "");
	assert_false(iw.grave);
}

static void a_child_in_a_pid_namespace_of_the_host_is_an_escape(void **state)
{
	struct event_fork f = { .pid = 200,
				.namespace_flags = CLONE_NEWPID,
				.ns = namespaces_of(1) };

	(void)state;
	f.ns.pid = 200;
	begin(EVENT_FORK, &f);
	assert_string_equal(finds(), "namespaces-changed critical succeeded (nsenter)");
	f.ns.pid = 777;
	begin(EVENT_FORK, &f);
	assert_string_equal(finds(), "namespaces-changed notice succeeded");
}

static void a_program_in_the_hosts_mounts_is_an_escape(void **state)
{
	struct event_exec x = { .ns = namespaces_of(1),
				.caps = { USUAL_CAPS, USUAL_CAPS, 0, USUAL_CAPS },
				.seccomp = 2 };

	(void)state;
	begin(EVENT_EXEC, &x);
	assert_string_equal(finds(), "");
	x.ns.mnt = 100;
	begin(EVENT_EXEC, &x);
	assert_string_equal(finds(), "exec-in-host-mounts alert succeeded (nsenter)");
}

static void a_refused_setns_is_an_attempt(void **state)
{
	(void)state;
	assert_string_equal(
		CALLS(EVENT_SETNS, -EPERM, .file = { .inode = 100, .flags = FILE_KNOWN }),
		"namespaces-changed error attempted (nsenter)");
	assert_string_equal(
		CALLS(EVENT_SETNS, -EPERM, .file = { .inode = 101, .flags = FILE_KNOWN }),
		"namespaces-changed notice attempted");
	assert_string_equal(CALLS(EVENT_SETNS, -EBADF, .op = 0), "");
}

static void leaving_the_cgroup_is_told_and_a_folder_below_is_not(void **state)
{
	struct container *within = add_box("/docker/web/inner", 71, "inner");

	(void)state;
	assert_string_equal(CALLS(EVENT_CGROUP_ATTACH, 0, .target_cgroup = 75,
				  .target_container = 70, .target_pid = 5),
			    "");
	assert_string_equal(CALLS(EVENT_CGROUP_ATTACH, 0, .target_cgroup = 71,
				  .target_container = within->inode),
			    "");
	assert_string_equal(
		CALLS(EVENT_CGROUP_ATTACH, 0, .target_cgroup = 80, .target_container = 80),
		"cgroup-left critical succeeded");
	assert_string_equal(fact("to_container"), "db");
	assert_string_equal(CALLS(EVENT_CGROUP_ATTACH, 0, .target_cgroup = 1),
			    "cgroup-left critical succeeded");
}

static void beside_v1_the_tree_of_v2_is_no_wall_for_who_is_not_in_it(void **state)
{
	const struct event_call c = { .args = { 0, EVENT_CGROUP_V2 } };

	(void)state;
	begin(EVENT_CGROUP_ATTACH, &c);
	head()->hierarchy = EVENT_CGROUP_V1;
	assert_string_equal(finds(), "");
}

/* --- rights ---------------------------------------------------------------------------------- */

static struct event_exec usual_exec(void)
{
	return (struct event_exec){ .ns = namespaces_of(1),
				    .caps = { USUAL_CAPS, USUAL_CAPS, 0, USUAL_CAPS },
				    .seccomp = 2 };
}

static const char *executes(const struct event_exec *x)
{
	begin(EVENT_EXEC, x);
	add(TAG_PATH, "/bin/sh");
	return finds();
}

static void more_capabilities_than_at_the_start_are_told(void **state)
{
	struct event_exec x = usual_exec();

	(void)state;
	x.caps.effective |= 1ULL << 21;
	assert_string_equal(executes(&x), "capabilities-gained critical succeeded");
	assert_string_equal(fact("more"), "CAP_SYS_ADMIN");
	iw.p.injected = true;
	assert_string_equal(executes(&x), "capabilities-gained notice succeeded");
	assert_string_equal(fact("injected"), "entered by exec from outside");
	iw.p.injected = false;
	x.ns.user = 999; /* its rights are none outside */
	assert_string_equal(executes(&x), "");
	iw.p.ns.user = 700;
	assert_string_equal(CALLS(EVENT_CAPSET, 0, .caps = { ALL_CAPS, ALL_CAPS, 0, USUAL_CAPS }),
			    "capabilities-gained critical succeeded");
	assert_string_equal(CALLS(EVENT_SETUID, 0, .caps = { 0, USUAL_CAPS, 0, USUAL_CAPS }), "");
}

static void a_lost_filter_is_told(void **state)
{
	struct event_exec x = usual_exec();

	(void)state;
	x.seccomp = 0;
	assert_string_equal(executes(&x), "seccomp-lost critical succeeded");
	iw.p.injected = true;
	assert_string_equal(executes(&x), "seccomp-lost notice succeeded");
	start_box(iw.web, 1, ALL_CAPS, 0);
	assert_string_equal(executes(&x), "");
}

static void a_working_directory_outside_is_leaky_vessels(void **state)
{
	struct event_exec x = usual_exec();

	(void)state;
	x.flags = EXEC_CWD_OUTSIDE;
	iw.p.first = true;
	assert_string_equal(executes(&x), "root-outside alert succeeded (CVE-2024-21626)");
	x.flags = EXEC_FD_OUTSIDE;
	assert_string_equal(executes(&x), "descriptor-outside critical succeeded (CVE-2024-21626)");
	x.ns.mnt = 555; /* a sandbox that it made: what it had open before it keeps */
	assert_string_equal(executes(&x), "");
}

static void blind_spots_are_told_once(void **state)
{
	const struct event_open o = { .access = ACCESS_READ };

	(void)state;
	assert_string_equal(CALLS(EVENT_IO_URING_SETUP, 3, .op = 0),
			    "blind-spot-used notice succeeded");
	assert_string_equal(CALLS(EVENT_IO_URING_SETUP, 3, .op = 0), "");
	for (unsigned i = 0; i < 2; i++) {
		begin(EVENT_OPEN, &o);
		head()->flags = EVENT_COMPAT;
		add(TAG_PATH, "/etc/hosts");
		assert_string_equal(finds(), i ? "" : "blind-spot-used notice succeeded");
	}
}

/* --- the host runs what lies in a container --------------------------------------------------- */

static const char *host_executes(const char *path, const char *filename, uint32_t flags,
				 uint32_t mnt)
{
	struct event_exec x = { .flags = flags, .file = { .flags = FILE_KNOWN } };

	x.ns.mnt = mnt;
	iw.k.of = NULL;
	begin(EVENT_EXEC, &x);
	head()->container_cgroup = 0;
	add(TAG_PATH, path);
	add(TAG_FILENAME, filename);
	return finds();
}

static void a_helper_out_of_a_container_is_conclusive(void **state)
{
	char layer[] = "/var/lib/docker/overlay2/abc/diff";

	(void)state;
	iw.meta.writable_layer = layer;
	assert_string_equal(host_executes("/bin/dash", "/var/lib/docker/overlay2/abc/diff/cmd",
					  EXEC_HELPER, 100),
			    "host-runs-container-file alert succeeded (release_agent)");
	assert_string_equal(iw.last.title, "The kernel ran a program out of container 'web' with "
					   "all rights on the host");
	somebody(3000, 80, 202, "db");
	assert_string_equal(host_executes("/x", "/proc/3000/root/tmp/x", EXEC_HELPER, 100),
			    "host-runs-container-file alert succeeded (release_agent) elsewhere");
	assert_string_equal(host_executes("/usr/sbin/modprobe", "/sbin/modprobe", EXEC_HELPER, 100),
			    "");
	iw.meta.writable_layer = NULL;
}

static void a_process_of_the_host_that_runs_a_containers_file_is_told(void **state)
{
	const char *merged = "/var/lib/docker/overlay2/f00/merged/bin/ls";

	(void)state;
	assert_string_equal(host_executes(merged, "ls", 0, 100),
			    "host-runs-container-file alert succeeded");
	/* a runtime that nobody knows has mounts of its own */
	assert_string_equal(host_executes(merged, "ls", 0, 4711), "");
	assert_string_equal(host_executes("/usr/bin/ls", "ls", 0, 100), "");
}

static void code_of_a_container_in_a_program_of_the_host_is_docker_cp_of_old(void **state)
{
	(void)state;
	iw.k.of = NULL;
	iw.p.exe_file = (struct event_file){ .flags = FILE_KNOWN, .device = 8 << 20 | 1 };
	begin(EVENT_MMAP,
	      &(struct event_call){ .op = MMAP_FOREIGN,
				    .file = { .flags = FILE_KNOWN | FILE_OVERLAY, .device = 70 } });
	head()->container_cgroup = 0;
	add(TAG_PATH, "/lib/libnss_files.so.2");
	assert_string_equal(finds(), "host-runs-container-file alert succeeded (CVE-2019-14271)");
	iw.p.exe_file = (struct event_file){ .flags = FILE_KNOWN | FILE_OVERLAY, .device = 70 };
	begin(EVENT_MMAP,
	      &(struct event_call){ .op = MMAP_FOREIGN,
				    .file = { .flags = FILE_KNOWN | FILE_OVERLAY, .device = 70 } });
	head()->container_cgroup = 0;
	assert_string_equal(finds(), "");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, scene_up, scene_down)
	const struct CMUnitTest tests[] = {
		T(joining_a_namespace_of_the_host_is_an_escape),
		T(joining_a_namespace_of_another_container_is_one_too),
		T(joining_what_a_container_within_made_is_nothing),
		T(a_namespace_that_is_shared_with_the_host_from_the_start_is_no_escape),
		T(what_the_runtime_does_before_the_program_runs_is_its_own),
		T(new_namespaces_are_a_notice),
		T(a_child_in_a_pid_namespace_of_the_host_is_an_escape),
		T(a_program_in_the_hosts_mounts_is_an_escape),
		T(a_refused_setns_is_an_attempt),
		T(leaving_the_cgroup_is_told_and_a_folder_below_is_not),
		T(beside_v1_the_tree_of_v2_is_no_wall_for_who_is_not_in_it),
		T(more_capabilities_than_at_the_start_are_told),
		T(a_lost_filter_is_told),
		T(a_working_directory_outside_is_leaky_vessels),
		T(blind_spots_are_told_once),
		T(a_helper_out_of_a_container_is_conclusive),
		T(a_process_of_the_host_that_runs_a_containers_file_is_told),
		T(code_of_a_container_in_a_program_of_the_host_is_docker_cp_of_old),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
