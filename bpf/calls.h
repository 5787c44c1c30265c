/* SPDX-License-Identifier: GPL-2.0-or-later */
/* calls - the system calls that are observed: CALL(name, type of event, number on x86-64, number on
 * i386; -1: there is none). One line adds a call to the tracepoint layer's table and to the
 * trampoline layer's programs; its observer is observe_<name>() or the one named by SAME. */
#ifndef BULKHEAD_BPF_CALLS_H
#define BULKHEAD_BPF_CALLS_H

#define CALLS(CALL)                                                                                \
	CALL(open, OPEN, 2, 5)                                                                     \
	CALL(openat, OPEN, 257, 295)                                                               \
	CALL(openat2, OPEN, 437, 437)                                                              \
	CALL(creat, OPEN, 85, 8)                                                                   \
	CALL(open_by_handle_at, OPEN, 304, 342)                                                    \
	CALL(execve, EXEC, 59, 11)                                                                 \
	CALL(execveat, EXEC, 322, 358)                                                             \
	CALL(unlink, UNLINK, 87, 10)                                                               \
	CALL(unlinkat, UNLINK, 263, 301)                                                           \
	CALL(rmdir, RMDIR, 84, 40)                                                                 \
	CALL(rename, RENAME, 82, 38)                                                               \
	CALL(renameat, RENAME, 264, 302)                                                           \
	CALL(renameat2, RENAME, 316, 353)                                                          \
	CALL(link, LINK, 86, 9)                                                                    \
	CALL(linkat, LINK, 265, 303)                                                               \
	CALL(symlink, SYMLINK, 88, 83)                                                             \
	CALL(symlinkat, SYMLINK, 266, 304)                                                         \
	CALL(mkdir, MKDIR, 83, 39)                                                                 \
	CALL(mkdirat, MKDIR, 258, 296)                                                             \
	CALL(chmod, CHMOD, 90, 15)                                                                 \
	CALL(fchmod, CHMOD, 91, 94)                                                                \
	CALL(fchmodat, CHMOD, 268, 306)                                                            \
	CALL(fchmodat2, CHMOD, 452, 452)                                                           \
	CALL(chown, CHOWN, 92, 212)                                                                \
	CALL(fchown, CHOWN, 93, 207)                                                               \
	CALL(lchown, CHOWN, 94, 198)                                                               \
	CALL(fchownat, CHOWN, 260, 298)                                                            \
	CALL(mknod, MKNOD, 133, 14)                                                                \
	CALL(mknodat, MKNOD, 259, 297)                                                             \
	CALL(truncate, TRUNCATE, 76, 92)                                                           \
	CALL(ftruncate, TRUNCATE, 77, 93)                                                          \
	CALL(setxattr, SETXATTR, 188, 226)                                                         \
	CALL(lsetxattr, SETXATTR, 189, 227)                                                        \
	CALL(fsetxattr, SETXATTR, 190, 228)                                                        \
	CALL(stat, STAT, 4, 106)                                                                   \
	CALL(lstat, STAT, 6, 107)                                                                  \
	CALL(newfstatat, STAT, 262, 300)                                                           \
	CALL(statx, STAT, 332, 383)                                                                \
	CALL(access, STAT, 21, 33)                                                                 \
	CALL(faccessat, STAT, 269, 307)                                                            \
	CALL(faccessat2, STAT, 439, 439)                                                           \
	CALL(socket, SOCKET, 41, 359)                                                              \
	CALL(connect, CONNECT, 42, 362)                                                            \
	CALL(accept, ACCEPT, 43, -1)                                                               \
	CALL(accept4, ACCEPT, 288, 364)                                                            \
	CALL(bind, BIND, 49, 361)                                                                  \
	CALL(listen, LISTEN, 50, 363)                                                              \
	CALL(sendto, SEND, 44, 369)                                                                \
	CALL(sendmsg, SEND, 46, 370)                                                               \
	CALL(sendmmsg, SEND, 307, 345)                                                             \
	CALL(recvfrom, RECV, 45, 371)                                                              \
	CALL(recvmsg, RECV, 47, 372)                                                               \
	CALL(recvmmsg, RECV, 299, 337)                                                             \
	CALL(socketcall, SOCKET, -1, 102)                                                          \
	CALL(setns, SETNS, 308, 346)                                                               \
	CALL(unshare, UNSHARE, 272, 310)                                                           \
	CALL(mount, MOUNT, 165, 21)                                                                \
	CALL(move_mount, MOVE_MOUNT, 429, 429)                                                     \
	CALL(umount, UMOUNT, 166, 52)                                                              \
	CALL(oldumount, UMOUNT, -1, 22)                                                            \
	CALL(pivot_root, PIVOT_ROOT, 155, 217)                                                     \
	CALL(chroot, CHROOT, 161, 61)                                                              \
	CALL(ptrace, PTRACE, 101, 26)                                                              \
	CALL(process_vm_readv, PROCESS_VM, 310, 347)                                               \
	CALL(process_vm_writev, PROCESS_VM, 311, 348)                                              \
	CALL(memfd_create, MEMFD_CREATE, 319, 356)                                                 \
	CALL(init_module, INIT_MODULE, 175, 128)                                                   \
	CALL(finit_module, INIT_MODULE, 313, 350)                                                  \
	CALL(delete_module, DELETE_MODULE, 176, 129)                                               \
	CALL(bpf, BPF, 321, 357)                                                                   \
	CALL(perf_event_open, PERF_EVENT_OPEN, 298, 336)                                           \
	CALL(userfaultfd, USERFAULTFD, 323, 374)                                                   \
	CALL(keyctl, KEYCTL, 250, 288)                                                             \
	CALL(capset, CAPSET, 126, 185)                                                             \
	CALL(setuid, SETUID, 105, 213)                                                             \
	CALL(setgid, SETUID, 106, 214)                                                             \
	CALL(setreuid, SETUID, 113, 203)                                                           \
	CALL(setregid, SETUID, 114, 204)                                                           \
	CALL(setresuid, SETUID, 117, 208)                                                          \
	CALL(setresgid, SETUID, 119, 210)                                                          \
	CALL(setfsuid, SETUID, 122, 215)                                                           \
	CALL(setfsgid, SETUID, 123, 216)                                                           \
	CALL(setgroups, SETUID, 116, 206)                                                          \
	CALL(prctl, PRCTL, 157, 172)                                                               \
	CALL(dup2, DUP, 33, 63)                                                                    \
	CALL(dup, DUP, 32, 41)                                                                     \
	CALL(dup3, DUP, 292, 330)                                                                  \
	CALL(fcntl, DUP, 72, 221)                                                                  \
	CALL(io_uring_setup, IO_URING_SETUP, 425, 425)                                             \
	CALL(personality, PERSONALITY, 135, 136)                                                   \
	CALL(mmap, MMAP, 9, 192)                                                                   \
	CALL(oldmmap, MMAP, -1, 90)                                                                \
	CALL(kexec_load, KEXEC, 246, 283)                                                          \
	CALL(kexec_file_load, KEXEC, 320, -1)                                                      \
	CALL(open_tree, NEW_MOUNT, 428, 428)                                                       \
	CALL(open_tree_attr, NEW_MOUNT, 467, 467)                                                  \
	CALL(fsopen, NEW_MOUNT, 430, 430)                                                          \
	CALL(fsconfig, NEW_MOUNT, 431, 431)                                                        \
	CALL(fsmount, NEW_MOUNT, 432, 432)                                                         \
	CALL(fspick, NEW_MOUNT, 433, 433)                                                          \
	CALL(mount_setattr, NEW_MOUNT, 442, 442)                                                   \
	CALL(pidfd_getfd, PIDFD_GETFD, 438, 438)

/* i386 knows some calls under a second number: those with 16-bit ids, and 64-bit offsets. */
#define CALLS_SAME_32(SAME)                                                                        \
	SAME(truncate, 193)                                                                        \
	SAME(ftruncate, 194)                                                                       \
	SAME(stat, 195)                                                                            \
	SAME(lstat, 196)                                                                           \
	SAME(stat, 18)                                                                             \
	SAME(lstat, 84)                                                                            \
	SAME(chown, 182)                                                                           \
	SAME(lchown, 16)                                                                           \
	SAME(fchown, 95)                                                                           \
	SAME(setuid, 23)                                                                           \
	SAME(setgid, 46)                                                                           \
	SAME(setreuid, 70)                                                                         \
	SAME(setregid, 71)                                                                         \
	SAME(setresuid, 164)                                                                       \
	SAME(setresgid, 170)                                                                       \
	SAME(setfsuid, 138)                                                                        \
	SAME(setfsgid, 139)                                                                        \
	SAME(setgroups, 81)                                                                        \
	SAME(recvmmsg, 417)                                                                        \
	SAME(fcntl, 55)

/* x32 has its own numbers for calls whose structures differ. */
#define CALLS_SAME_X32(SAME)                                                                       \
	SAME(recvfrom, 517)                                                                        \
	SAME(sendmsg, 518)                                                                         \
	SAME(recvmsg, 519)                                                                         \
	SAME(execve, 520)                                                                          \
	SAME(ptrace, 521)                                                                          \
	SAME(recvmmsg, 537)                                                                        \
	SAME(kexec_load, 528)                                                                      \
	SAME(sendmmsg, 538)                                                                        \
	SAME(process_vm_readv, 539)                                                                \
	SAME(process_vm_writev, 540)                                                               \
	SAME(execveat, 545)

enum call_id {
	CALL_NONE,
#define CALL(name, type, n64, n32) CALL_##name,
	CALLS(CALL)
#undef CALL
		CALL_COUNT
};

#endif
