// SPDX-License-Identifier: GPL-2.0-or-later
/* A seccomp profile: what was learned, and what a runtime does between loading the filter and the
 * container's program. The list of architectures is written as "architectures", not as docker's
 * "archMap": that one every reader knows (docker, podman, containerd, CRI-O, runc, crun). */
#include <errno.h>
#include <seccomp.h>
#include <string.h>
#include <sys/socket.h>

#include "collector/json_put.h"
#include "detector/baseline_export_internal.h"

/* CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET */
#define NEW_NAMESPACES 0x7e020000U

/* What nobody learns, since the container's program does not do it. Without no_new_privs a runtime
 * loads the filter first and gives up its rights then, so that the calls for that go through it;
 * `docker exec` does it all once more. Found by strace of runc 1.1.5 and crun 1.8.1 (run, exec,
 * with and without terminal, another user, no_new_privs), and by reading what later versions do. */
static const struct {
	const char *why;
	const char *names[16];
} runtime_needs[] = {
	{ "the container's program is begun", { "execve" } },
	{ "ends of programs and threads; begun by the kernel, not by a program",
	  { "exit", "exit_group", "rt_sigreturn", "restart_syscall" } },
	{ "rights are given up: capabilities, user, groups, no_new_privs",
	  { "capget", "capset", "prctl", "setuid", "setgid", "setgroups", "setresuid",
	    "setresgid" } },
	{ "runc: directory, program and descriptors are looked at, AppArmor and SELinux are told",
	  { "chdir", "getcwd", "faccessat2", "faccessat", "newfstatat", "fstat", "fstatfs", "statx",
	    "openat", "openat2", "getdents64", "readlinkat", "fcntl", "close", "close_range" } },
	{ "runc and crun: the pipe and the FIFO on which the start is waited for",
	  { "read", "write", "getpid", "getppid" } },
	{ "runc and crun: terminal and output of `docker exec` belong to its user",
	  { "fchown", "ioctl", "umask", "setsid" } },
	{ "runc: limits as they were before Go raised them", { "prlimit64", "setrlimit" } },
	{ "crun: signals as they were", { "rt_sigaction", "rt_sigprocmask" } },
	{ "Go's scheduler, memory and poller within runc",
	  { "futex", "nanosleep", "sched_yield", "gettid", "tgkill", "sigaltstack", "mmap",
	    "munmap", "madvise", "mprotect", "brk", "epoll_ctl", "epoll_pwait", "epoll_create1",
	    "eventfd2", "pipe2" } },
	{ "the clock: no system call here, but on machines whose vDSO cannot read it",
	  { "clock_gettime", "clock_getres", "gettimeofday", "time", "getcpu" } },
};

static const struct arch {
	uint32_t native;
	const char *name;
	uint32_t compat; /* 0: none */
	const char *compat_name;
	unsigned clone_flags; /* which argument of clone */
} arches[] = {
	{ SCMP_ARCH_X86_64, "SCMP_ARCH_X86_64", SCMP_ARCH_X86, "SCMP_ARCH_X86", 0 },
	{ SCMP_ARCH_AARCH64, "SCMP_ARCH_AARCH64", SCMP_ARCH_ARM, "SCMP_ARCH_ARM", 0 },
	{ SCMP_ARCH_PPC64LE, "SCMP_ARCH_PPC64LE", 0, NULL, 0 },
	{ SCMP_ARCH_RISCV64, "SCMP_ARCH_RISCV64", 0, NULL, 0 },
	{ SCMP_ARCH_S390X, "SCMP_ARCH_S390X", SCMP_ARCH_S390, "SCMP_ARCH_S390", 1 },
};

struct profile {
	struct export *x;
	const struct arch *arch;
	struct export_list learned;
	bool compat; /* some call is of 32-bit programs alone */
	bool clone, clone3;
};

/* As libseccomp knows it on that architecture; negative: elsewhere only. */
static int number_of(uint32_t arch, struct span name)
{
	char text[64];

	if (name.n >= sizeof(text))
		return __NR_SCMP_ERROR;
	memcpy(text, name.p, name.n);
	text[name.n] = '\0';
	return seccomp_syscall_resolve_name_arch(arch, text);
}

static const struct arch *find_arch(void)
{
	const uint32_t native = seccomp_arch_native();

	for (size_t i = 0; i < sizeof(arches) / sizeof(arches[0]); i++)
		if (arches[i].native == native)
			return &arches[i];
	return NULL;
}

/* What a runtime does in the container's cgroup before it loads the filter is among the calls that
 * the kernel's side notes. Of these there are events, which tell the runtime's from the
 * container's: without one of class "call" they are not allowed, nor without the capability that
 * they need; who makes a user namespace has all of them in there. */
static const struct {
	const char *name, *entry, *capability;
} by_event[] = {
	{ "mount", "mount", "CAP_SYS_ADMIN" },
	{ "umount2", "umount", "CAP_SYS_ADMIN" },
	{ "pivot_root", "pivot_root", "CAP_SYS_ADMIN" },
	{ "move_mount", "move_mount", "CAP_SYS_ADMIN" },
	{ "setns", "setns", "CAP_SYS_ADMIN" },
	{ "unshare", "unshare", "CAP_SYS_ADMIN" },
	{ "chroot", "chroot", "CAP_SYS_CHROOT" },
};

struct wanted {
	const char *begin, *part;
	bool found;
};

static bool find_begin(void *ctx, struct span pattern, struct path_entry *entry)
{
	struct wanted *w = ctx;

	w->found = !(entry->seen.flags & SEEN_REJECTED) &&
		   ((span_starts(pattern, w->begin) &&
		     memmem(pattern.p, pattern.n, w->part, strlen(w->part))) ||
		    span_starts(pattern, "*"));
	return !w->found;
}

/* Also when nothing is known of the class. */
static bool may_have(const struct profile *p, enum baseline_class c, const char *begin,
		     const char *part)
{
	const struct baseline *base = p->x->b;
	struct wanted w = { begin, part, export_windows(base, c) == 0 };

	if (!w.found)
		path_tree_each(base->sets[c].tree, find_begin, &w);
	return w.found;
}

static bool is_of_runtime(const struct profile *p, struct span name)
{
	const struct path_entry *entry = path_tree_find(p->x->b->sets[BASELINE_SYSCALL].tree, name);

	if (entry && (entry->seen.flags & SEEN_ACCEPTED))
		return false;
	for (size_t i = 0; i < sizeof(by_event) / sizeof(by_event[0]); i++)
		if (span_eq(name, by_event[i].name))
			return !may_have(p, BASELINE_CALL, by_event[i].entry, "") ||
			       (!may_have(p, BASELINE_CAPABILITY, by_event[i].capability, "") &&
				!may_have(p, BASELINE_CALL, "unshare:", "user"));
	return false;
}

/* Keeps names that libseccomp knows, and that the container uses; clone and clone3 have rules of
 * their own. */
static void sift(struct profile *p)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->learned.n; i++) {
		const struct span name = p->learned.items[i];
		const int number = number_of(p->arch->native, name);

		if (number == __NR_SCMP_ERROR) {
			export_note(p->x,
				    "warning: system call '%.*s' has no name in libseccomp here: "
				    "the profile refuses it",
				    (int)name.n, name.p);
			continue;
		}
		if (is_of_runtime(p, name))
			continue;
		if (number < 0 && p->arch->compat && number_of(p->arch->compat, name) >= 0)
			p->compat = true;
		if (span_eq(name, "clone"))
			p->clone = true;
		else if (span_eq(name, "clone3"))
			p->clone3 = true;
		else
			p->learned.items[kept++] = name;
	}
	p->learned.n = kept;
}

/* --- rules --------------------------------------------------------------------------------- */

static void begin_rule(struct buf *b)
{
	json_put_comma(b);
	buf_add_str(b, "\n    {\"names\": [");
}

static void end_rule(struct buf *b, const char *action, const char *comment)
{
	buf_printf(b, "],\n     \"action\": \"%s\",\n     \"comment\": \"%s\"}", action, comment);
}

/* Eight to a line: they are read by people, too. */
static void put_name(struct buf *b, struct span name, size_t at)
{
	buf_add_str(b, at == 0 ? "" : at % 8 == 0 ? ",\n      " : ", ");
	json_put_string(b, name);
}

static void put_learned(struct profile *p)
{
	struct buf *b = p->x->out;

	if (p->learned.n == 0)
		return;
	begin_rule(b);
	for (size_t i = 0; i < p->learned.n; i++)
		put_name(b, p->learned.items[i], i);
	end_rule(b, "SCMP_ACT_ALLOW", "learned");
}

static void put_runtime(struct profile *p, size_t row)
{
	const size_t most = sizeof(runtime_needs[row].names) / sizeof(runtime_needs[row].names[0]);
	struct buf *b = p->x->out;
	size_t n = 0;

	for (size_t i = 0; i < most && runtime_needs[row].names[i]; i++) {
		const struct span name = span_str(runtime_needs[row].names[i]);

		if (export_list_has(&p->learned, name) ||
		    number_of(p->arch->native, name) == __NR_SCMP_ERROR)
			continue;
		if (n == 0)
			begin_rule(b);
		put_name(b, name, n++);
	}
	if (n > 0)
		end_rule(b, "SCMP_ACT_ALLOW", runtime_needs[row].why);
}

static bool find_namespace(void *ctx, struct span pattern, struct path_entry *entry)
{
	bool *found = ctx;

	if (!(entry->seen.flags & SEEN_REJECTED) &&
	    (span_starts(pattern, "unshare") || span_starts(pattern, "clone") ||
	     span_starts(pattern, "*")))
		*found = true;
	return !*found;
}

/* Threads and processes of runtimes need clone in any case; new namespaces need evidence. */
static void put_clone(struct profile *p)
{
	const struct baseline *base = p->x->b;
	struct buf *b = p->x->out;
	bool namespaces = export_windows(base, BASELINE_CALL) == 0;

	path_tree_each(base->sets[BASELINE_CALL].tree, find_namespace, &namespaces);
	begin_rule(b);
	buf_add_str(b, "\"clone\"");
	if (p->clone && namespaces) {
		end_rule(b, "SCMP_ACT_ALLOW", "learned, new namespaces too");
	} else {
		buf_printf(b,
			   "],\n     \"action\": \"SCMP_ACT_ALLOW\",\n     \"args\": [{\"index\": "
			   "%u, \"value\": %u, \"valueTwo\": 0, \"op\": \"SCMP_CMP_MASKED_EQ\"}],"
			   "\n     \"comment\": \"%s, without new namespaces\"}",
			   p->arch->clone_flags, NEW_NAMESPACES,
			   p->clone ? "learned" : "threads of runtimes");
	}
	begin_rule(b);
	buf_add_str(b, "\"clone3\"");
	if (p->clone3) {
		end_rule(b, "SCMP_ACT_ALLOW", "learned");
		return;
	}
	buf_add_str(b, "],\n     \"action\": \"SCMP_ACT_ERRNO\",\n     \"errnoRet\": 38,\n"
		       "     \"comment\": \"ENOSYS: C libraries take clone then\"}");
}

static void put_profile(struct profile *p)
{
	struct buf *b = p->x->out;

	buf_printf(b,
		   "{\n  \"defaultAction\": \"SCMP_ACT_ERRNO\",\n  \"defaultErrnoRet\": 1,\n"
		   "  \"architectures\": [\"%s\"",
		   p->arch->name);
	if (p->compat)
		buf_printf(b, ", \"%s\"", p->arch->compat_name);
	buf_add_str(b, "],\n  \"syscalls\": [");
	put_learned(p);
	for (size_t i = 0; i < sizeof(runtime_needs) / sizeof(runtime_needs[0]); i++)
		put_runtime(p, i);
	put_clone(p);
	buf_add_str(b, "\n  ]\n}\n");
}

int export_seccomp(struct export *x)
{
	struct profile p = { .x = x, .arch = find_arch() };

	if (!p.arch)
		return err_set(x->e, ENODATA, "no seccomp profile for this machine's architecture");
	if (export_windows(x->b, BASELINE_SYSCALL) == 0)
		return err_set(x->e, ENODATA,
			       "nothing is known of system calls: no window of observation counts");
	int r = export_list(x, BASELINE_SYSCALL, export_whole, &p.learned);

	if (r < 0)
		return r;
	sift(&p);
	if (p.learned.n == 0 && !p.clone && !p.clone3)
		return err_set(x->e, ENODATA, "no system call was learned that has a name");
	export_note_maturity(x, 1U << BASELINE_SYSCALL);
	if (p.compat)
		export_note(x, "note: 32-bit programs were seen: %s is allowed",
			    p.arch->compat_name);
	export_note(x, "note: what the container's runtime itself needs is allowed besides, "
		       "also to start, exec into and check the container's health");
	put_profile(&p);
	return 0;
}
