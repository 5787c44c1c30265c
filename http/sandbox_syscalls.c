// SPDX-License-Identifier: GPL-2.0-or-later
/* The allow-list of system calls: tables, and the few calls whose arguments matter. */
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/sandbox.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define S(name)	 SCMP_SYS(name)
/* Argument `n` of a call is v; or is v under a mask. */
#define EQUAL(n, v)	   ((struct scmp_arg_cmp){ (n), SCMP_CMP_EQ, (scmp_datum_t)(v), 0 })
#define MASKED(n, mask, v) ((struct scmp_arg_cmp){ (n), SCMP_CMP_MASKED_EQ, (mask), (v) })

/* One call a line would be 200 lines. */
/* clang-format off */
/* Calls that no path of serve makes: one is proof of a takeover. */
static const int deadly[] = {
	S(execve), S(execveat), S(fork), S(vfork), S(ptrace), S(process_vm_readv),
	S(process_vm_writev), S(mount), S(umount2), S(pivot_root), S(chroot), S(setns),
	S(unshare), S(bpf), S(perf_event_open), S(init_module), S(finit_module),
	S(delete_module), S(kexec_load), S(kexec_file_load), S(open_by_handle_at),
	S(userfaultfd), S(io_uring_setup), S(keyctl), S(add_key), S(request_key), S(personality),
	S(setuid), S(setgid), S(setresuid), S(setresgid), S(capset), S(swapon), S(reboot),
	S(open_tree), S(move_mount), S(fsopen), S(fsmount), S(pidfd_getfd),
};

static const int allowed[] = {
	/* memory */
	S(brk), S(munmap), S(mremap), S(madvise), S(mincore), S(membarrier),
	/* threads and time */
	S(futex), S(set_robust_list), S(get_robust_list), S(rseq), S(set_tid_address), S(exit),
	S(exit_group), S(sched_yield), S(sched_getaffinity), S(sched_getparam),
	S(sched_getscheduler), S(gettid), S(getpid), S(getppid), S(clock_gettime),
	S(clock_getres), S(clock_nanosleep), S(nanosleep), S(gettimeofday), S(time), S(times),
	S(restart_syscall), S(getcpu),
	/* signals */
	S(rt_sigaction), S(rt_sigprocmask), S(rt_sigreturn), S(rt_sigpending),
	S(rt_sigtimedwait), S(sigaltstack), S(signalfd4),
	/* waiting */
	S(epoll_create1), S(epoll_ctl), S(epoll_wait), S(epoll_pwait), S(epoll_pwait2), S(poll),
	S(ppoll), S(select), S(pselect6), S(eventfd2), S(timerfd_create), S(timerfd_settime),
	S(timerfd_gettime), S(pipe2),
	/* who and where we are */
	S(getuid), S(geteuid), S(getgid), S(getegid), S(getresuid), S(getresgid), S(getgroups),
	S(uname), S(sysinfo), S(getrusage), S(getrandom), S(getcwd), S(umask), S(capget),
	/* descriptors */
	S(read), S(readv), S(pread64), S(preadv), S(write), S(writev), S(pwrite64), S(pwritev),
	S(lseek), S(close), S(fcntl), S(dup), S(dup2), S(dup3), S(sendfile), S(flock), S(fsync),
	S(fdatasync), S(fallocate), S(fadvise64), S(ftruncate), S(msync), S(sync_file_range),
	/* files; Landlock and the uid say which */
	S(open), S(openat), S(stat), S(lstat), S(fstat), S(newfstatat), S(statx), S(statfs),
	S(fstatfs), S(access), S(faccessat), S(faccessat2), S(readlink), S(readlinkat),
	S(getdents), S(getdents64), S(mkdir), S(mkdirat), S(rmdir), S(unlink), S(unlinkat),
	S(rename), S(renameat), S(renameat2), S(truncate), S(chmod), S(fchmod), S(fchmodat),
	S(utimensat), S(link), S(linkat),
	S(memfd_create), /* GnuTLS reads certificates by path: sink_http.c */
	/* sockets */
	S(accept), S(accept4), S(bind), S(listen), S(connect), S(shutdown), S(getsockname),
	S(getpeername), S(setsockopt), S(getsockopt), S(sendto), S(recvfrom), S(sendmsg),
	S(recvmsg), S(sendmmsg), S(recvmmsg),
};
/* clang-format on */

struct rule {
	uint32_t action;
	int call;
	struct scmp_arg_cmp arg;
};

static int add_tables(scmp_filter_ctx ctx)
{
	int r = 0;

	for (size_t i = 0; i < COUNT(deadly) && r == 0; i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS, deadly[i], 0);
	for (size_t i = 0; i < COUNT(allowed) && r == 0; i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0);
	return r;
}

/* glibc makes threads by clone3, whose flags a filter cannot see: with ENOSYS it falls back to
 * clone. Memory is never writable and executable at once, nor made executable later. */
static int add_arguments(scmp_filter_ctx ctx)
{
	const uint32_t ok = SCMP_ACT_ALLOW, dead = SCMP_ACT_KILL_PROCESS;
	const scmp_datum_t exec = PROT_EXEC, both = PROT_EXEC | PROT_WRITE;
	const scmp_datum_t self = (scmp_datum_t)getpid();
	const struct rule rules[] = {
		{ ok, S(clone), MASKED(0, CLONE_THREAD, CLONE_THREAD) },
		{ dead, S(clone), MASKED(0, CLONE_THREAD, 0) },
		{ ok, S(socket), EQUAL(0, AF_UNIX) },
		{ ok, S(socket), EQUAL(0, AF_INET) },
		{ ok, S(socket), EQUAL(0, AF_INET6) },
		{ ok, S(socketpair), EQUAL(0, AF_UNIX) },
		{ ok, S(mprotect), MASKED(2, exec, 0) },
		{ ok, S(mmap), MASKED(2, exec, 0) },
		{ ok, S(mmap), MASKED(2, both, exec) }, /* libraries that are loaded late */
		{ ok, S(prctl), EQUAL(0, PR_SET_NAME) },
		{ ok, S(prctl), EQUAL(0, PR_GET_NAME) },
		{ ok, S(ioctl), EQUAL(1, FIONREAD) },
		{ ok, S(ioctl), EQUAL(1, FIONBIO) },
		{ ok, S(ioctl), EQUAL(1, TCGETS) },
		{ ok, S(prlimit64), EQUAL(2, 0) }, /* reading alone */
		{ ok, S(tgkill), EQUAL(0, self) }, /* abort() */
	};
	int r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), S(clone3), 0);

	for (size_t i = 0; i < COUNT(rules) && r == 0; i++)
		r = seccomp_rule_add_array(ctx, rules[i].action, rules[i].call, 1, &rules[i].arg);
	return r;
}

static int install(scmp_filter_ctx ctx)
{
	int r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);

	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree, not a list */
	if (r == 0)
		r = add_tables(ctx);
	if (r == 0)
		r = add_arguments(ctx);
	return r == 0 ? seccomp_load(ctx) : r;
}

int sandbox_syscalls(struct sandbox *s, struct err *e)
{
	if (SANDBOX_OFF)
		return 0;
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));

	if (!ctx)
		return err_set(e, ENOMEM, "cannot build the system call filter");
	int r = install(ctx);

	seccomp_release(ctx);
	if (r < 0)
		return err_set(e, -r, "cannot install the system call filter: %s", strerror(-r));
	s->seccomp = true;
	return 0;
}
