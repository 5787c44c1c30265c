// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/syscall_kin.h"

#include <stddef.h>

/* Nothing is in here that changes rights, namespaces, mounts, other processes or what is executable
 * (mprotect has no family, for mmap is no reason to expect it). A call is in one family at most. */
static const char *const families[][14] = {
	{ "open", "openat", "openat2", "creat" },
	{ "stat", "lstat", "fstat", "newfstatat", "statx", "stat64", "lstat64", "fstat64",
	  "fstatat64" },
	{ "statfs", "fstatfs", "statfs64", "fstatfs64" },
	{ "access", "faccessat", "faccessat2" },
	{ "read", "readv", "pread64", "preadv", "preadv2" },
	{ "write", "writev", "pwrite64", "pwritev", "pwritev2" },
	{ "sendfile", "sendfile64", "copy_file_range", "splice", "tee", "vmsplice" },
	{ "lseek", "_llseek" },
	{ "fsync", "fdatasync", "sync_file_range", "syncfs", "msync" },
	{ "truncate", "ftruncate", "fallocate", "truncate64", "ftruncate64" },
	{ "fadvise64", "readahead" },
	{ "getdents", "getdents64" },
	{ "readlink", "readlinkat" },
	{ "rename", "renameat", "renameat2" },
	{ "unlink", "unlinkat", "rmdir" },
	{ "mkdir", "mkdirat" },
	{ "link", "linkat" },
	{ "symlink", "symlinkat" },
	{ "chmod", "fchmod", "fchmodat", "fchmodat2" },
	{ "chown", "fchown", "lchown", "fchownat" },
	{ "utime", "utimes", "futimesat", "utimensat" },
	{ "dup", "dup2", "dup3" },
	{ "close", "close_range" },
	{ "pipe", "pipe2" },
	{ "eventfd", "eventfd2" },
	{ "signalfd", "signalfd4" },
	{ "inotify_init", "inotify_init1" },
	{ "select", "_newselect", "pselect6", "poll", "ppoll", "epoll_create", "epoll_create1",
	  "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2" },
	{ "accept", "accept4" },
	{ "sendto", "sendmsg", "sendmmsg", "send" },
	{ "recvfrom", "recvmsg", "recvmmsg", "recv" },
	{ "brk", "mmap", "mmap2", "munmap", "mremap", "madvise", "mlock", "mlock2", "munlock" },
	{ "fork", "vfork", "clone", "clone3" }, /* namespaces are of class "call" */
	{ "wait4", "waitid", "waitpid" },
	{ "getrlimit", "ugetrlimit", "prlimit64", "setrlimit" },
	{ "getuid", "geteuid", "getgid", "getegid", "getresuid", "getresgid", "getgroups" },
	{ "getpid", "gettid", "getppid", "getpgrp", "getpgid", "getsid" },
	{ "futex", "futex_waitv", "futex_wait", "futex_wake", "set_robust_list" },
	{ "nanosleep", "clock_nanosleep", "pause" },
	{ "time", "gettimeofday", "clock_gettime", "clock_getres", "times", "getrusage" },
	{ "alarm", "setitimer", "getitimer", "timer_create", "timer_settime", "timer_delete",
	  "timerfd_create", "timerfd_settime", "timerfd_gettime" },
	{ "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigsuspend", "rt_sigpending",
	  "rt_sigtimedwait", "sigaltstack", "restart_syscall" },
	{ "sched_yield", "sched_getaffinity", "getcpu", "sched_getparam", "sched_getscheduler" },
	{ "uname", "sysinfo" },
};

const char *const *syscall_kin(struct span name)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		for (size_t k = 0; families[i][k]; k++)
			if (span_eq(name, families[i][k]))
				return families[i];
	return NULL;
}
