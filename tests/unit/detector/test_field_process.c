// SPDX-License-Identifier: GPL-2.0-or-later
/* proc.*, thread.*, user.* and group.* */
#include "tests/unit/detector/field_fixture.h"

static void a_process_and_its_parents_are_told(void **state)
{
	(void)state;
	an_open(0, 0, 3, "/x", NULL, "/x");
	EXPECT({ "proc.name", "sh" }, { "proc.exe", "/bin/sh" },
	       { "proc.exepath", "/usr/bin/dash" }, { "proc.args", "-c ls -l" },
	       { "proc.args[0]", "-c" }, { "proc.args[1]", "ls -l" }, { "proc.args[2]", "-" },
	       { "proc.cmdline", "sh -c ls -l" }, { "proc.exeline", "/bin/sh -c ls -l" },
	       { "proc.cmdnargs", "2" }, { "proc.cmdlenargs", "7" }, { "proc.cwd", "/work/" },
	       { "proc.pname", "containerd-shim" }, { "proc.pexe", "shim" },
	       { "proc.pexepath", "/usr/bin/shim" }, { "proc.pcmdline", "containerd-shim --id x" },
	       { "proc.aname[0]", "sh" }, { "proc.aname[1]", "containerd-shim" },
	       { "proc.aname[2]", "systemd" }, { "proc.aname[3]", "-" }, { "proc.aname[64]", "-" },
	       { "proc.aname[4000000000]", "-" }, { "proc.aname", "containerd-shim, systemd" },
	       { "proc.aexe", "shim, /sbin/init" }, { "proc.aexe[2]", "/sbin/init" },
	       { "proc.aexepath[2]", "/lib/systemd" },
	       { "proc.acmdline", "containerd-shim --id x, systemd" }, { "proc.aargs", "--id x, " },
	       { "proc.apid", "122, 121" }, { "proc.apid[0]", "123" }, { "proc.apid[3]", "-" },
	       { "proc.env", "-" });
	EXPECT({ "proc.pid", "123" }, { "proc.ppid", "122" }, { "proc.vpid", "5" },
	       { "proc.pvpid", "122" }, { "proc.sid", "120" }, { "proc.sname", "sh" },
	       { "proc.tty", "34816" }, { "thread.tid", "124" }, { "thread.vtid", "6" },
	       { "thread.ismain", "false" }, { "proc.is_sid_leader", "false" },
	       { "proc.loginshellid", "123" }, { "proc.duration", "2000000000" },
	       { "proc.ppid.duration", "3000000000" }, { "proc.pid.ts", "1795312798123456789" },
	       { "proc.ppid.ts", "1795312797123456789" }, { "proc.is_exe_upper_layer", "true" },
	       { "proc.is_exe_lower_layer", "false" }, { "proc.is_exe_from_memfd", "false" },
	       { "proc.exe_ino", "77" }, { "proc.pidns_init_start_ts", "-" },
	       { "thread.cap_effective", "CAP_CHOWN" },
	       { "thread.cap_permitted", "CAP_CHOWN CAP_SYS_ADMIN" },
	       { "thread.cap_inheritable", "" });
}

static void a_parent_that_is_gone_is_missing(void **state)
{
	(void)state;
	an_open(0, 0, 3, "/x", NULL, "/x");
	family[0].parent = &family[3];
	EXPECT({ "proc.pname", "-" }, { "proc.pcmdline", "-" }, { "proc.aname", "-" },
	       { "proc.aname[1]", "-" }, { "proc.ppid", "100" }, { "proc.pvpid", "-" },
	       { "proc.name", "sh" });
	family[0].parent = &family[1]; /* one that ended is still known */
	family[1].ended = true;
	EXPECT({ "proc.pname", "containerd-shim" });
}

static void a_runtime_on_its_way_in_runs_what_was_executed_outside(void **state)
{
	(void)state;
	an_open(0, 0, 3, "/x", NULL, "/x");
	family[0].ns.mnt = 20; /* among the mounts of the container already */
	family[0].exec_mnt = family[1].exec_mnt = 10;
	family[1].ns.mnt = 20;
	family[2].ns.mnt = 10;
	family[0].cgroup_id = family[1].cgroup_id = 7;
	family[2].cgroup_id = 5;
	/* before the kernel's side knows that 7 is a container's, and while it tells so of some */
	EXPECT({ "bulkhead.exec_outside", "true" });
	family[0].container_cgroup = 7;
	EXPECT({ "bulkhead.exec_outside", "true" });
	family[1].container_cgroup = 7;
	family[0].cgroup_id = 8; /* a cgroup below the container's own */
	EXPECT({ "bulkhead.exec_outside", "true" });
	family[2].exec_mnt = 10; /* runc's, which unshared after its exec */
	family[2].ns.mnt = 20;
	EXPECT({ "bulkhead.exec_outside", "true" });
	family[0].exec_mnt = 20; /* the container's program */
	EXPECT({ "bulkhead.exec_outside", "false" });
	family[2].exec_mnt = family[2].ns.mnt = 0;
	EXPECT({ "bulkhead.exec_outside", "-" });
}

static void without_a_table_the_event_tells_what_it_can(void **state)
{
	(void)state;
	an_open(0, 0, 3, "/x", NULL, "/x");
	context.process = NULL;
	EXPECT({ "proc.name", "cat" }, { "proc.exe", "-" }, { "proc.cmdline", "cat" },
	       { "proc.args", "-" }, { "proc.exepath", "-" }, { "proc.cwd", "-" },
	       { "proc.pname", "-" }, { "proc.ppid", "100" }, { "proc.is_exe_upper_layer", "-" },
	       { "thread.cap_effective", "-" }, { "proc.cmdnargs", "-" },
	       { "proc.aname[0]", "cat" }, { "proc.duration", "2000000000" }, { "proc.sname", "-" },
	       { "proc.loginshellid", "-" }, { "proc.exe_ino", "-" });
	an_exec();
	context.process = NULL;
	EXPECT({ "proc.exe", "/bin/sh" }, { "proc.cmdline", "cat -c ls -l" },
	       { "proc.exepath", "/usr/bin/dash" }, { "proc.cwd", "/" }, { "proc.exe_ino", "77" });
}

static void an_exec_tells_its_file_capabilities_and_environment(void **state)
{
	(void)state;
	an_exec();
	EXPECT({ "evt.type", "execve" }, { "syscall.type", "execve" }, { "evt.res", "SUCCESS" },
	       { "thread.cap_effective", "CAP_SYS_ADMIN" },
	       { "thread.cap_permitted", "CAP_CHOWN CAP_DAC_OVERRIDE" },
	       { "proc.is_exe_upper_layer", "false" }, { "proc.is_exe_lower_layer", "true" },
	       { "proc.is_exe_writable", "false" }, { "evt.arg.flags", "EXE_LOWER_LAYER" },
	       { "evt.arg.filename", "/bin/sh" }, { "evt.arg.exe", "/bin/sh" },
	       { "evt.arg.trusted_exepath", "/usr/bin/dash" },
	       { "proc.env", "HOME=/root LD_PRELOAD=/x.so" }, { "proc.env[LD_PRELOAD]", "/x.so" },
	       { "proc.env[LD]", "-" }, { "proc.env[HOME]", "/root" }, { "fd.name", "-" },
	       { "fd.num", "-" }, { "evt.arg.res", "0" });
}

static void a_failed_exec_is_of_the_caller(void **state)
{
	struct event_head h = field_head(EVENT_EXEC, 59);

	(void)state;
	h.result = -2;
	begin(&h, NULL);
	add(TAG_RAW, SPAN_LIT("/no/such"));
	add(TAG_ARGS, SPAN_LIT("such\0-x\0"));
	finish();
	EXPECT({ "evt.type", "execve" }, { "evt.res", "ENOENT" }, { "proc.cmdline", "sh -c ls -l" },
	       { "proc.exepath", "/usr/bin/dash" }, { "evt.arg.filename", "/no/such" },
	       { "evt.arg.flags", "0" }, { "thread.cap_effective", "CAP_CHOWN" },
	       { "proc.env", "-" });
	context.process = NULL;
	EXPECT({ "proc.exe", "-" });
}

static void a_program_in_memory_is_named_without_a_slash(void **state)
{
	(void)state;
	an_open(0, 0, 3, "/x", NULL, "/x");
	texts[0].exe = SPAN_LIT("/memfd:runc_cloned:/proc/self/exe");
	EXPECT({ "proc.exepath", "/memfd:runc_cloned:/proc/self/exe" });
	family[0].exe_file.flags = FILE_KNOWN | FILE_MEMORY;
	EXPECT({ "proc.exepath", "memfd:runc_cloned:/proc/self/exe" },
	       { "proc.is_exe_from_memfd", "true" });
}

static void odd_arguments_are_told_as_they_are(void **state)
{
	(void)state;
	an_open(0, 0, 3, "/x", NULL, "/x");
	texts[0].args = SPAN_LIT("");
	EXPECT({ "proc.exe", "" }, { "proc.args", "" }, { "proc.cmdline", "sh" },
	       { "proc.cmdnargs", "0" }, { "proc.args[0]", "-" });
	texts[0].args = SPAN_LIT("sh");
	EXPECT({ "proc.exe", "sh" }, { "proc.args", "" }, { "proc.cmdline", "sh" });
	texts[0].args = SPAN_LIT("sh\0");
	EXPECT({ "proc.args", "" }, { "proc.cmdline", "sh" }, { "proc.cmdnargs", "0" });
	texts[0].args = SPAN_LIT("sh\0\0a\0\0");
	EXPECT({ "proc.args", " a " }, { "proc.cmdline", "sh  a " }, { "proc.cmdnargs", "3" },
	       { "proc.args[0]", "" }, { "proc.args[1]", "a" });
	texts[0].args = SPAN_LIT("\0x\xff\n\0");
	EXPECT({ "proc.exe", "" }, { "proc.args", "x\xff\n" });
	texts[0].cwd = SPAN_LIT("");
	EXPECT({ "proc.cwd", "-" });
}

static void a_long_line_of_ancestors_is_followed_to_its_limit(void **state)
{
	static struct process line[100];
	struct field_value v[FIELD_MAX_VALUES];
	struct field_ref r;

	(void)state;
	an_open(0, 0, 3, "/x", NULL, "/x");
	for (unsigned i = 0; i < 100; i++) {
		line[i] = family[1];
		line[i].parent = i < 99 ? &line[i + 1] : &line[0]; /* even a ring ends */
	}
	family[0].parent = &line[0];
	look_up("proc.acmdline", &r);
	assert_int_equal(field_get(&r, &event, v, FIELD_MAX_VALUES), FIELD_MAX_VALUES);
	assert_int_equal(field_get(&r, &event, v, 3), 3);
	EXPECT({ "proc.aname[64]", "containerd-shim" }, { "proc.aname[65]", "-" },
	       { "proc.loginshellid", "123" });
}

static void a_session_is_named_by_its_eldest_known(void **state)
{
	(void)state;
	an_open(0, 0, 3, "/x", NULL, "/x");
	family[1].session = family[2].session = 120;
	EXPECT({ "proc.sname", "systemd" }, { "proc.sid.exe", "/sbin/init" },
	       { "proc.sid.exepath", "/lib/systemd" });
	family[1].key.pid = 120; /* the leader himself */
	EXPECT({ "proc.sname", "containerd-shim" });
}

static void the_first_of_a_pid_namespace_tells_its_age(void **state)
{
	(void)state;
	an_open(0, 0, 3, "/x", NULL, "/x");
	family[1].pid_ns = 9;
	family[1].ns_pid = 1;
	EXPECT({ "proc.pidns_init_start_ts", "1795312797123456789" });
}

static void who_may_write_the_program(void **state)
{
	(void)state;
	an_open(0, 0, 3, "/x", NULL, "/x");
	family[0].caps.effective = 0;
	family[0].exe_file = (struct event_file){ .flags = FILE_KNOWN, .mode = 0755, .gid = 1003 };
	EXPECT({ "proc.is_exe_writable", "false" });
	family[0].exe_file.mode = 0775; /* its group is the process's */
	EXPECT({ "proc.is_exe_writable", "true" });
	family[0].exe_file.gid = 1;
	EXPECT({ "proc.is_exe_writable", "false" });
	family[0].exe_file.mode = 0777;
	EXPECT({ "proc.is_exe_writable", "true" });
	family[0].exe_file.mode = 0555;
	family[0].exe_file.uid = 1002;
	EXPECT({ "proc.is_exe_writable", "true" });
	family[0].exe_file.uid = 0;
	family[0].caps.effective = 1 << 1;
	EXPECT({ "proc.is_exe_writable", "true" });
	family[0].exe_file.flags = 0;
	EXPECT({ "proc.is_exe_writable", "-" }, { "proc.exe_ino", "-" });
}

static void capabilities_that_are_not_known_are_missing(void **state)
{
	(void)state;
	an_open(0, 0, 3, "/x", NULL, "/x");
	family[0].caps = (struct event_caps){ 0 };
	EXPECT({ "thread.cap_effective", "" });
	family[0].missed = true;
	EXPECT({ "thread.cap_effective", "-" });
	family[0].missed = false;
	family[0].caps.effective = UINT64_MAX;
	assert_non_null(strstr(value_of("thread.cap_effective"), "CAP_CHECKPOINT_RESTORE"));
}

static void a_device_number_is_encoded_as_the_kernel_does(void **state)
{
	struct event_head h = field_head(EVENT_EXIT, -1);

	(void)state;
	h.tty = 4 << 20 | 1;
	begin(&h, NULL);
	finish();
	EXPECT({ "proc.tty", "1025" });
	h.tty = 136 << 20 | 300;
	begin(&h, NULL);
	finish();
	EXPECT({ "proc.tty", "1083436" });
	h.tty = 0;
	begin(&h, NULL);
	finish();
	EXPECT({ "proc.tty", "0" });
}

/* --- users --------------------------------------------------------------------------------- */
static bool a_name(void *ctx, const struct container *c, uint32_t id, struct span *name)
{
	(void)ctx;
	(void)c;
	if (id != 1002 && id != 1003)
		return false;
	*name = id == 1002 ? SPAN_LIT("web") : SPAN_LIT("www");
	return true;
}

static bool a_home(void *ctx, const struct container *c, uint32_t id, struct span *home)
{
	(void)ctx;
	(void)c;
	*home = SPAN_LIT("/srv/web");
	return id == 1002;
}

static void users_are_named_by_the_world(void **state)
{
	struct field_world w = { .user = a_name, .group = a_name, .home = a_home };

	(void)state;
	an_open(0, 0, 3, "/x", NULL, "/x");
	event.world = &w;
	EXPECT({ "user.uid", "1002" }, { "user.name", "web" }, { "user.homedir", "/srv/web" },
	       { "user.loginuid", "-1" }, { "user.loginname", "<NA>" }, { "group.gid", "1003" },
	       { "group.name", "www" });
	event.world = NULL;
	EXPECT({ "user.name", "<NA>" }, { "group.name", "<NA>" }, { "user.homedir", "<NA>" });
}

static void root_has_a_name_everywhere(void **state)
{
	struct event_head h = field_head(EVENT_EXIT, -1);

	(void)state;
	h.euid = h.egid = h.loginuid = 0;
	begin(&h, NULL);
	finish();
	EXPECT({ "user.uid", "0" }, { "user.name", "root" }, { "user.homedir", "/root" },
	       { "user.loginuid", "0" }, { "user.loginname", "root" }, { "group.name", "root" });
}

#define T(name) cmocka_unit_test(name)
int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(a_process_and_its_parents_are_told),
		T(a_parent_that_is_gone_is_missing),
		T(a_runtime_on_its_way_in_runs_what_was_executed_outside),
		T(without_a_table_the_event_tells_what_it_can),
		T(an_exec_tells_its_file_capabilities_and_environment),
		T(a_failed_exec_is_of_the_caller),
		T(a_program_in_memory_is_named_without_a_slash),
		T(odd_arguments_are_told_as_they_are),
		T(a_long_line_of_ancestors_is_followed_to_its_limit),
		T(a_session_is_named_by_its_eldest_known),
		T(the_first_of_a_pid_namespace_tells_its_age),
		T(who_may_write_the_program),
		T(capabilities_that_are_not_known_are_missing),
		T(a_device_number_is_encoded_as_the_kernel_does),
		T(users_are_named_by_the_world),
		T(root_has_a_name_everywhere),
	};

	evt_type_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
