/* SPDX-License-Identifier: GPL-2.0-or-later */
/* evt_type - what rules call an event: the system call's name ("openat2"), or Falco's word where
 * there is no call ("procexit"). Any thread, after evt_type_init(). */
#ifndef BULKHEAD_EVT_TYPE_H
#define BULKHEAD_EVT_TYPE_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/base/parse.h"
#include "collector/event_view.h"

/* X(ID, name, event type of bpf/event.h). The first of an event type is its default: taken where
 * the event tells no call (io_uring) or one that is not here. */
#define EVT_TYPES(X)                                                                               \
	X(CLONE, "clone", FORK)                                                                    \
	X(CLONE3, "clone3", FORK)                                                                  \
	X(FORK, "fork", FORK)                                                                      \
	X(VFORK, "vfork", FORK)                                                                    \
	X(EXECVE, "execve", EXEC)                                                                  \
	X(EXECVEAT, "execveat", EXEC)                                                              \
	X(PROCEXIT, "procexit", EXIT)                                                              \
	X(OPENAT, "openat", OPEN)                                                                  \
	X(OPEN, "open", OPEN)                                                                      \
	X(OPENAT2, "openat2", OPEN)                                                                \
	X(CREAT, "creat", OPEN)                                                                    \
	X(OPEN_BY_HANDLE_AT, "open_by_handle_at", OPEN)                                            \
	X(UNLINKAT, "unlinkat", UNLINK)                                                            \
	X(UNLINK, "unlink", UNLINK)                                                                \
	X(RENAMEAT2, "renameat2", RENAME)                                                          \
	X(RENAME, "rename", RENAME)                                                                \
	X(RENAMEAT, "renameat", RENAME)                                                            \
	X(LINKAT, "linkat", LINK)                                                                  \
	X(LINK, "link", LINK)                                                                      \
	X(SYMLINKAT, "symlinkat", SYMLINK)                                                         \
	X(SYMLINK, "symlink", SYMLINK)                                                             \
	X(MKDIRAT, "mkdirat", MKDIR)                                                               \
	X(MKDIR, "mkdir", MKDIR)                                                                   \
	X(RMDIR, "rmdir", RMDIR)                                                                   \
	X(FCHMODAT, "fchmodat", CHMOD)                                                             \
	X(CHMOD, "chmod", CHMOD)                                                                   \
	X(FCHMOD, "fchmod", CHMOD)                                                                 \
	X(FCHMODAT2, "fchmodat2", CHMOD)                                                           \
	X(FCHOWNAT, "fchownat", CHOWN)                                                             \
	X(CHOWN, "chown", CHOWN)                                                                   \
	X(LCHOWN, "lchown", CHOWN)                                                                 \
	X(FCHOWN, "fchown", CHOWN)                                                                 \
	X(MKNODAT, "mknodat", MKNOD)                                                               \
	X(MKNOD, "mknod", MKNOD)                                                                   \
	X(TRUNCATE, "truncate", TRUNCATE)                                                          \
	X(FTRUNCATE, "ftruncate", TRUNCATE)                                                        \
	X(SETXATTR, "setxattr", SETXATTR)                                                          \
	X(LSETXATTR, "lsetxattr", SETXATTR)                                                        \
	X(FSETXATTR, "fsetxattr", SETXATTR)                                                        \
	X(NEWFSTATAT, "newfstatat", STAT)                                                          \
	X(STAT, "stat", STAT)                                                                      \
	X(LSTAT, "lstat", STAT)                                                                    \
	X(FSTATAT64, "fstatat64", STAT)                                                            \
	X(STAT64, "stat64", STAT)                                                                  \
	X(LSTAT64, "lstat64", STAT)                                                                \
	X(STATX, "statx", STAT)                                                                    \
	X(ACCESS, "access", STAT)                                                                  \
	X(FACCESSAT, "faccessat", STAT)                                                            \
	X(FACCESSAT2, "faccessat2", STAT)                                                          \
	X(READLINK, "readlink", STAT)                                                              \
	X(READLINKAT, "readlinkat", STAT)                                                          \
	X(SOCKET, "socket", SOCKET)                                                                \
	X(CONNECT, "connect", CONNECT)                                                             \
	X(ACCEPT4, "accept4", ACCEPT)                                                              \
	X(ACCEPT, "accept", ACCEPT)                                                                \
	X(BIND, "bind", BIND)                                                                      \
	X(LISTEN, "listen", LISTEN)                                                                \
	X(SENDTO, "sendto", SEND)                                                                  \
	X(SENDMSG, "sendmsg", SEND)                                                                \
	X(SENDMMSG, "sendmmsg", SEND)                                                              \
	X(RECVFROM, "recvfrom", RECV)                                                              \
	X(RECVMSG, "recvmsg", RECV)                                                                \
	X(RECVMMSG, "recvmmsg", RECV)                                                              \
	X(PAYLOAD, "payload", PAYLOAD)                                                             \
	X(DNS, "dns", DNS)                                                                         \
	X(FLOW_END, "flow_end", FLOW_END)                                                          \
	X(SETNS, "setns", SETNS)                                                                   \
	X(UNSHARE, "unshare", UNSHARE)                                                             \
	X(MOUNT, "mount", MOUNT)                                                                   \
	X(MOVE_MOUNT, "move_mount", MOVE_MOUNT)                                                    \
	X(UMOUNT2, "umount2", UMOUNT)                                                              \
	X(UMOUNT, "umount", UMOUNT)                                                                \
	X(PIVOT_ROOT, "pivot_root", PIVOT_ROOT)                                                    \
	X(CHROOT, "chroot", CHROOT)                                                                \
	X(PTRACE, "ptrace", PTRACE)                                                                \
	X(PROCESS_VM_WRITEV, "process_vm_writev", PROCESS_VM)                                      \
	X(PROCESS_VM_READV, "process_vm_readv", PROCESS_VM)                                        \
	X(MEMFD_CREATE, "memfd_create", MEMFD_CREATE)                                              \
	X(FINIT_MODULE, "finit_module", INIT_MODULE)                                               \
	X(INIT_MODULE, "init_module", INIT_MODULE)                                                 \
	X(DELETE_MODULE, "delete_module", DELETE_MODULE)                                           \
	X(BPF, "bpf", BPF)                                                                         \
	X(PERF_EVENT_OPEN, "perf_event_open", PERF_EVENT_OPEN)                                     \
	X(USERFAULTFD, "userfaultfd", USERFAULTFD)                                                 \
	X(KEYCTL, "keyctl", KEYCTL)                                                                \
	X(CAPSET, "capset", CAPSET)                                                                \
	X(SETUID, "setuid", SETUID)                                                                \
	X(SETGID, "setgid", SETUID)                                                                \
	X(SETREUID, "setreuid", SETUID)                                                            \
	X(SETREGID, "setregid", SETUID)                                                            \
	X(SETRESUID, "setresuid", SETUID)                                                          \
	X(SETRESGID, "setresgid", SETUID)                                                          \
	X(SETFSUID, "setfsuid", SETUID)                                                            \
	X(SETFSGID, "setfsgid", SETUID)                                                            \
	X(SETGROUPS, "setgroups", SETUID)                                                          \
	X(PRCTL, "prctl", PRCTL)                                                                   \
	X(KILL, "kill", KILL)                                                                      \
	X(TKILL, "tkill", KILL)                                                                    \
	X(TGKILL, "tgkill", KILL)                                                                  \
	X(PIDFD_SEND_SIGNAL, "pidfd_send_signal", KILL)                                            \
	X(DUP3, "dup3", DUP)                                                                       \
	X(DUP, "dup", DUP)                                                                         \
	X(DUP2, "dup2", DUP)                                                                       \
	X(FCNTL, "fcntl", DUP)                                                                     \
	X(IO_URING_SETUP, "io_uring_setup", IO_URING_SETUP)                                        \
	X(MMAP, "mmap", MMAP)                                                                      \
	X(KEXEC_LOAD, "kexec_load", KEXEC)                                                         \
	X(KEXEC_FILE_LOAD, "kexec_file_load", KEXEC)                                               \
	X(FSMOUNT, "fsmount", NEW_MOUNT)                                                           \
	X(FSOPEN, "fsopen", NEW_MOUNT)                                                             \
	X(FSCONFIG, "fsconfig", NEW_MOUNT)                                                         \
	X(FSPICK, "fspick", NEW_MOUNT)                                                             \
	X(OPEN_TREE, "open_tree", NEW_MOUNT)                                                       \
	X(OPEN_TREE_ATTR, "open_tree_attr", NEW_MOUNT)                                             \
	X(MOUNT_SETATTR, "mount_setattr", NEW_MOUNT)                                               \
	X(PIDFD_GETFD, "pidfd_getfd", PIDFD_GETFD)                                                 \
	X(PERSONALITY, "personality", PERSONALITY)                                                 \
	X(CGROUP_ATTACH, "cgroup_attach", CGROUP_ATTACH)

enum evt_type {
	EVT_NONE,
#define X(id, name, event) EVT_##id,
	EVT_TYPES(X)
#undef X
		EVT_COUNT
};
_Static_assert(EVT_COUNT <= 128, "evt types are bits of an evt_set");

struct evt_set {
	uint64_t w[2];
};
static inline bool evt_set_has(const struct evt_set *s, enum evt_type t)
{
	return s->w[(unsigned)t / 64] >> ((unsigned)t % 64) & 1;
}
static inline void evt_set_add(struct evt_set *s, enum evt_type t)
{
	s->w[(unsigned)t / 64] |= 1ULL << ((unsigned)t % 64);
}

/* Once, before all others: reads the system call tables of libseccomp. */
void evt_type_init(void);

enum evt_type evt_type_of(const struct event_view *v);
const char *evt_type_name(enum evt_type t); /* "" for EVT_NONE */
enum event_type evt_type_event(enum evt_type t);
/* EVENT_BIT mask of the kernel side's types that can be called so: unlinkat is two, since it also
 * removes directories. */
uint64_t evt_type_events(enum evt_type t);
uint64_t evt_set_events(const struct evt_set *s); /* of all in it */

enum evt_known {
	EVT_UNKNOWN, /* neither an event nor a system call */
	EVT_UNSEEN,  /* a system call, or an event of Falco's, that bulkhead does not observe */
	EVT_SEEN,    /* *out is set */
};
enum evt_known evt_type_find(struct span name, enum evt_type *out);

/* What `evt.type = NAME` matches: "open" stands for openat and openat2 too, since no C library
 * makes the old call any more. */
struct evt_set evt_type_matching(enum evt_type t);

#endif
