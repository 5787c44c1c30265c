/* SPDX-License-Identifier: GPL-2.0-or-later */
/* doer_calls - system calls by name, through either door of the kernel.
 *
 * X(NAME, NR32): NAME has a 64-bit number on this machine, NR32 is i386's of the same call. Where
 * i386 has an old and a wide form, the one that today's 32-bit programs use; any other can be had
 * by its bare number. */
#ifndef BULKHEAD_DOER_CALLS_H
#define BULKHEAD_DOER_CALLS_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

#ifndef SYS_open_tree_attr
#define SYS_open_tree_attr 467
#endif

#ifdef __x86_64__
#define LEGACY_CALLS(X)                                                                            \
	X(open, 5)                                                                                 \
	X(creat, 8)                                                                                \
	X(link, 9)                                                                                 \
	X(unlink, 10)                                                                              \
	X(mknod, 14)                                                                               \
	X(chmod, 15)                                                                               \
	X(rename, 38)                                                                              \
	X(mkdir, 39)                                                                               \
	X(rmdir, 40)                                                                               \
	X(symlink, 83)                                                                             \
	X(lchown, 198)                                                                             \
	X(chown, 212)                                                                              \
	X(stat, 195)                                                                               \
	X(lstat, 196)                                                                              \
	X(access, 33)                                                                              \
	X(fork, 2)                                                                                 \
	X(dup2, 63)                                                                                \
	X(pause, 29)                                                                               \
	X(alarm, 27)
#else
#define LEGACY_CALLS(X)
#endif

#define CALLS(X)                                                                                   \
	LEGACY_CALLS(X)                                                                            \
	X(exit, 1)                                                                                 \
	X(read, 3)                                                                                 \
	X(write, 4)                                                                                \
	X(close, 6)                                                                                \
	X(execve, 11)                                                                              \
	X(chdir, 12)                                                                               \
	X(getpid, 20)                                                                              \
	X(mount, 21)                                                                               \
	X(ptrace, 26)                                                                              \
	X(kill, 37)                                                                                \
	X(dup, 41)                                                                                 \
	X(umount2, 52)                                                                             \
	X(chroot, 61)                                                                              \
	X(munmap, 91)                                                                              \
	X(truncate, 92)                                                                            \
	X(ftruncate, 93)                                                                           \
	X(fchmod, 94)                                                                              \
	X(clone, 120)                                                                              \
	X(init_module, 128)                                                                        \
	X(delete_module, 129)                                                                      \
	X(fchdir, 133)                                                                             \
	X(personality, 136)                                                                        \
	X(prctl, 172)                                                                              \
	X(capset, 185)                                                                             \
	X(mmap, 192)                                                                               \
	X(fstat, 197)                                                                              \
	X(setreuid, 203)                                                                           \
	X(setregid, 204)                                                                           \
	X(setgroups, 206)                                                                          \
	X(fchown, 207)                                                                             \
	X(setresuid, 208)                                                                          \
	X(setresgid, 210)                                                                          \
	X(setuid, 213)                                                                             \
	X(setgid, 214)                                                                             \
	X(setfsuid, 215)                                                                           \
	X(setfsgid, 216)                                                                           \
	X(pivot_root, 217)                                                                         \
	X(gettid, 224)                                                                             \
	X(setxattr, 226)                                                                           \
	X(lsetxattr, 227)                                                                          \
	X(fsetxattr, 228)                                                                          \
	X(tkill, 238)                                                                              \
	X(exit_group, 252)                                                                         \
	X(tgkill, 270)                                                                             \
	X(add_key, 286)                                                                            \
	X(kexec_load, 283)                                                                         \
	X(keyctl, 288)                                                                             \
	X(openat, 295)                                                                             \
	X(mkdirat, 296)                                                                            \
	X(mknodat, 297)                                                                            \
	X(fchownat, 298)                                                                           \
	X(newfstatat, 300)                                                                         \
	X(unlinkat, 301)                                                                           \
	X(renameat, 302)                                                                           \
	X(linkat, 303)                                                                             \
	X(symlinkat, 304)                                                                          \
	X(fchmodat, 306)                                                                           \
	X(faccessat, 307)                                                                          \
	X(unshare, 310)                                                                            \
	X(dup3, 330)                                                                               \
	X(pipe2, 331)                                                                              \
	X(perf_event_open, 336)                                                                    \
	X(setns, 346)                                                                              \
	X(sendmmsg, 345)                                                                           \
	X(process_vm_readv, 347)                                                                   \
	X(process_vm_writev, 348)                                                                  \
	X(finit_module, 350)                                                                       \
	X(renameat2, 353)                                                                          \
	X(seccomp, 354)                                                                            \
	X(memfd_create, 356)                                                                       \
	X(bpf, 357)                                                                                \
	X(execveat, 358)                                                                           \
	X(socket, 359)                                                                             \
	X(socketpair, 360)                                                                         \
	X(bind, 361)                                                                               \
	X(connect, 362)                                                                            \
	X(listen, 363)                                                                             \
	X(accept4, 364)                                                                            \
	X(sendto, 369)                                                                             \
	X(sendmsg, 370)                                                                            \
	X(recvfrom, 371)                                                                           \
	X(recvmsg, 372)                                                                            \
	X(shutdown, 373)                                                                           \
	X(userfaultfd, 374)                                                                        \
	X(statx, 383)                                                                              \
	X(pidfd_send_signal, 424)                                                                  \
	X(io_uring_setup, 425)                                                                     \
	X(open_tree, 428)                                                                          \
	X(move_mount, 429)                                                                         \
	X(fsopen, 430)                                                                             \
	X(fsconfig, 431)                                                                           \
	X(fsmount, 432)                                                                            \
	X(fspick, 433)                                                                             \
	X(pidfd_open, 434)                                                                         \
	X(clone3, 435)                                                                             \
	X(openat2, 437)                                                                            \
	X(pidfd_getfd, 438)                                                                        \
	X(mount_setattr, 442)                                                                      \
	X(fchmodat2, 452)                                                                          \
	X(open_tree_attr, 467)

struct call {
	const char *name;
	long nr64, nr32;
};

static const struct call calls[] = {
#define X(name, nr32) { #name, SYS_##name, nr32 },
	CALLS(X)
#undef X
};

/* i386's old door to sockets: the arguments in an array of 32-bit words. */
static const char *const socket_calls[] = { "", "socket",  "bind",     "connect",    "listen",
					    "", "",	   "",	       "socketpair", "",
					    "", "sendto",  "recvfrom", "shutdown",   "",
					    "", "sendmsg", "recvmsg",  "accept4" };
#define NR32_SOCKETCALL 102

static const struct call *find_call(const char *name)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (!strcmp(calls[i].name, name))
			return &calls[i];
	return NULL;
}

static inline unsigned socket_call(const char *name)
{
	for (unsigned i = 1; i < sizeof(socket_calls) / sizeof(socket_calls[0]); i++)
		if (!strcmp(socket_calls[i], name))
			return i;
	return 0;
}

/* Both return what the kernel did: 0 and above, or -errno. */
static long enter64(long nr, const long a[6])
{
	long r = syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);

	return r < 0 ? -errno : r;
}

static long enter32(long nr, const long a[6])
{
#ifdef __x86_64__
	long r = nr;

	/* The sixth argument travels in ebp, which the compiler wants back. */
	__asm__ volatile("movq %%rbp, %%r12\n\t"
			 "movq %[sixth], %%rbp\n\t"
			 "int $0x80\n\t"
			 "movq %%r12, %%rbp"
			 : "+a"(r)
			 : "b"(a[0]), "c"(a[1]), "d"(a[2]), "S"(a[3]), "D"(a[4]), [sixth] "r"(a[5])
			 : "memory", "cc", "r8", "r9", "r10", "r11", "r12");
	return (int)r;
#else
	(void)nr;
	(void)a;
	return -ENOSYS;
#endif
}

#endif
