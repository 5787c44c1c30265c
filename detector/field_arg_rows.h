/* SPDX-License-Identifier: GPL-2.0-or-later */
/* field_arg_rows - which arguments each type of event has, and where they are in a record. Included
 * by field_arg.c alone. Names, order and form are Falco's where it has the event; those of events
 * that it does not take apart (truncate, setxattr, ...) are ours. */
#ifndef BULKHEAD_FIELD_ARG_ROWS_H
#define BULKHEAD_FIELD_ARG_ROWS_H

#include "detector/field_internal.h"

/* X(name): the ones that events here have. */
#define ARG_NAMES(X)                                                                               \
	X(res)                                                                                     \
	X(fd)                                                                                      \
	X(name)                                                                                    \
	X(flags)                                                                                   \
	X(mode)                                                                                    \
	X(dev)                                                                                     \
	X(ino)                                                                                     \
	X(dirfd)                                                                                   \
	X(resolve)                                                                                 \
	X(mountfd)                                                                                 \
	X(path)                                                                                    \
	X(creat_flags)                                                                             \
	X(exe)                                                                                     \
	X(args)                                                                                    \
	X(tid)                                                                                     \
	X(pid)                                                                                     \
	X(ptid)                                                                                    \
	X(cwd)                                                                                     \
	X(comm)                                                                                    \
	X(env)                                                                                     \
	X(tty)                                                                                     \
	X(loginuid)                                                                                \
	X(cap_inheritable)                                                                         \
	X(cap_permitted)                                                                           \
	X(cap_effective)                                                                           \
	X(exe_ino)                                                                                 \
	X(uid)                                                                                     \
	X(gid)                                                                                     \
	X(trusted_exepath)                                                                         \
	X(filename)                                                                                \
	X(vtid)                                                                                    \
	X(vpid)                                                                                    \
	X(status)                                                                                  \
	X(ret)                                                                                     \
	X(sig)                                                                                     \
	X(core)                                                                                    \
	X(oldpath)                                                                                 \
	X(newpath)                                                                                 \
	X(olddirfd)                                                                                \
	X(newdirfd)                                                                                \
	X(olddir)                                                                                  \
	X(newdir)                                                                                  \
	X(target)                                                                                  \
	X(linkpath)                                                                                \
	X(linkdirfd)                                                                               \
	X(pathname)                                                                                \
	X(domain)                                                                                  \
	X(type)                                                                                    \
	X(proto)                                                                                   \
	X(tuple)                                                                                   \
	X(addr)                                                                                    \
	X(backlog)                                                                                 \
	X(data)                                                                                    \
	X(size)                                                                                    \
	X(oldfd)                                                                                   \
	X(newfd)                                                                                   \
	X(cmd)                                                                                     \
	X(request)                                                                                 \
	X(ruid)                                                                                    \
	X(euid)                                                                                    \
	X(suid)                                                                                    \
	X(rgid)                                                                                    \
	X(egid)                                                                                    \
	X(sgid)                                                                                    \
	X(nstype)                                                                                  \
	X(dir)                                                                                     \
	X(img)                                                                                     \
	X(length)                                                                                  \
	X(uargs)                                                                                   \
	X(option)                                                                                  \
	X(arg2_str)                                                                                \
	X(arg2_int)                                                                                \
	X(entries)                                                                                 \
	X(persona)                                                                                 \
	X(new_root)                                                                                \
	X(put_old)                                                                                 \
	X(op)                                                                                      \
	X(prot)                                                                                    \
	X(offset)                                                                                  \
	X(key)                                                                                     \
	X(value)                                                                                   \
	X(aux)                                                                                     \
	X(pid_fd)                                                                                  \
	X(target_fd)

/* Those of Falco's events that are told by nothing here: known, and missing always. */
#define OTHER_ARG_NAMES                                                                            \
	"ID", "nativeID", "fd1", "fd2", "source", "peer", "queuepct", "queuelen", "queuemax",      \
		"level", "optname", "val", "optlen", "how", "initval", "maxevents", "fds",         \
		"timeout", "whence", "fdin", "fdout", "in_fd", "out_fd", "pos", "fdlimit",         \
		"pgft_maj", "pgft_min", "vm_size", "vm_rss", "vm_swap", "cgroups", "vpgid",        \
		"pgid", "exe_ino_ctime", "exe_ino_mtime", "pidns_init_start_ts", "reaper_tid",     \
		"spid", "dpid", "next", "cur", "max", "resource", "interval", "sigmask", "vaddr",  \
		"nsems", "semflg", "semid", "semnum", "nsops", "sem_num_0", "sem_op_0",            \
		"sem_flg_0", "sem_num_1", "sem_op_1", "sem_flg_1", "quota_fmt", "id", "special",   \
		"quotafilepath", "dqb_bhardlimit", "operation", "brk", "pkey", "sq_entries",       \
		"cq_entries", "sq_thread_cpu", "sq_thread_idle", "features", "to_submit",          \
		"min_complete", "opcode", "arg", "nr_args", "key_", "value_", "initrd", "cmdline", \
		"targetfd", "res_or_fd", "json", "plugin_id", "event_data", "image", "tags",       \
		"clockid", "epfd", "events", "remoteaddr", "error", "ip", "cpu_usr", "cpu_sys",    \
		"cpu", "action", "desc", "description", "scope", "magic", "dqi_flags"

enum arg_name {
#define X(name) ARG_##name,
	ARG_NAMES(X)
#undef X
		ARG_COUNT
};

enum arg_kind {
	K_RES,	    /* 0 and above, or -errno */
	K_NEW_FD,   /* the result is a descriptor */
	K_EVENT_FD, /* the descriptor that fd.* tells of */
	K_FD,
	K_PATH, /* source: 0 or 1 */
	K_TAG,	/* source: a string */
	K_FLAGS,
	K_ENUM,
	K_MODE, /* octal, and the words */
	K_DEC,
	K_HEX,
	K_OCT,
	K_UID,
	K_GID,
	K_SIGNAL,
	K_OPERATION,
	K_OPEN_FLAGS,
	K_EXEC_FLAGS,
	K_TUPLE,
	K_CAPS,	  /* source: CAPS_* */
	K_PROCESS /* source: P_* */
};
enum { P_EXE, P_ARGS, P_COMM, P_CWD, P_EXEPATH, P_FILENAME };

enum arg_number {
	N_RESULT,
	N_OPEN_FLAGS,
	N_OPEN_MODE,
	N_OPEN_DIRFD,
	N_OPEN_RESOLVE,
	N_FILE_DEVICE,
	N_FILE_INODE,
	N_PATH_FLAGS,
	N_PATH_MODE,
	N_PATH_UID,
	N_PATH_GID,
	N_PATH_DIRFD,
	N_PATH_DIRFD2,
	N_PATH_VALUE,
	N_CALL0,
	N_CALL1,
	N_CALL2,
	N_CALL3,
	N_CALL4,
	N_CALL5,
	N_FAMILY,
	N_TYPE,
	N_PROTOCOL,
	N_SOCKET_FD,
	N_BACKLOG,
	N_PID,
	N_TID,
	N_PPID,
	N_VPID,
	N_VTID,
	N_EUID,
	N_EGID,
	N_LOGINUID,
	N_TTY,
	N_EXE_INODE,
	N_CHILD,
	N_CHILD_NAMESPACES,
	N_EXIT_STATUS,
	N_EXIT_CODE,
	N_EXIT_SIGNAL,
	N_EXIT_CORE
};

struct arg_row {
	uint8_t name, kind, source;
	const struct field_flag_row *words;
};

#define A(name, kind, source)                                                                      \
	{                                                                                          \
		ARG_##name, kind, source, NULL                                                     \
	}
#define W(name, kind, source, set)                                                                 \
	{                                                                                          \
		ARG_##name, kind, source, set                                                      \
	}
#define RES	A(res, K_RES, N_RESULT)
#define NEW_FD	A(fd, K_NEW_FD, N_RESULT)
#define CALL_FD A(fd, K_EVENT_FD, 0)
#define DEV_INO A(dev, K_HEX, N_FILE_DEVICE), A(ino, K_DEC, N_FILE_INODE)
#define CALL_CAPS                                                                                  \
	A(cap_inheritable, K_CAPS, CAPS_INHERITABLE), A(cap_permitted, K_CAPS, CAPS_PERMITTED),    \
		A(cap_effective, K_CAPS, CAPS_EFFECTIVE)

#define R(type, ...) static const struct arg_row args_##type[] = { __VA_ARGS__ };
R(OPEN, NEW_FD, A(name, K_PATH, 0), A(flags, K_OPEN_FLAGS, N_OPEN_FLAGS),
  A(mode, K_OCT, N_OPEN_MODE), DEV_INO)
R(OPENAT, NEW_FD, A(dirfd, K_FD, N_OPEN_DIRFD), A(name, K_PATH, 0),
  A(flags, K_OPEN_FLAGS, N_OPEN_FLAGS), A(mode, K_OCT, N_OPEN_MODE), DEV_INO)
R(OPENAT2, NEW_FD, A(dirfd, K_FD, N_OPEN_DIRFD), A(name, K_PATH, 0),
  A(flags, K_OPEN_FLAGS, N_OPEN_FLAGS), A(mode, K_OCT, N_OPEN_MODE),
  W(resolve, K_FLAGS, N_OPEN_RESOLVE, field_resolve_flags), DEV_INO)
R(CREAT, NEW_FD, A(name, K_PATH, 0), A(mode, K_OCT, N_OPEN_MODE), DEV_INO)
R(OPEN_BY_HANDLE_AT, NEW_FD, A(mountfd, K_FD, N_OPEN_DIRFD), A(flags, K_OPEN_FLAGS, N_OPEN_FLAGS),
  A(path, K_PATH, 0), DEV_INO)
R(EXECVE, RES, A(exe, K_PROCESS, P_EXE), A(args, K_PROCESS, P_ARGS), A(tid, K_DEC, N_TID),
  A(pid, K_DEC, N_PID), A(ptid, K_DEC, N_PPID), A(cwd, K_PROCESS, P_CWD),
  A(comm, K_PROCESS, P_COMM), A(tty, K_DEC, N_TTY), A(loginuid, K_DEC, N_LOGINUID),
  A(flags, K_EXEC_FLAGS, 0), CALL_CAPS, A(exe_ino, K_DEC, N_EXE_INODE), A(uid, K_UID, N_EUID),
  A(trusted_exepath, K_PROCESS, P_EXEPATH), A(gid, K_GID, N_EGID),
  A(filename, K_PROCESS, P_FILENAME))
R(CLONE, A(res, K_DEC, N_CHILD), A(exe, K_PROCESS, P_EXE), A(args, K_PROCESS, P_ARGS),
  A(tid, K_DEC, N_TID), A(pid, K_DEC, N_PID), A(ptid, K_DEC, N_PPID), A(cwd, K_PROCESS, P_CWD),
  A(comm, K_PROCESS, P_COMM), W(flags, K_FLAGS, N_CHILD_NAMESPACES, field_clone_flags),
  A(uid, K_UID, N_EUID), A(gid, K_GID, N_EGID), A(vtid, K_DEC, N_VTID), A(vpid, K_DEC, N_VPID))
R(PROCEXIT, A(status, K_DEC, N_EXIT_STATUS), A(ret, K_DEC, N_EXIT_CODE),
  A(sig, K_SIGNAL, N_EXIT_SIGNAL), A(core, K_DEC, N_EXIT_CORE))
R(UNLINK, RES, A(path, K_PATH, 0))
R(UNLINKAT, RES, A(dirfd, K_FD, N_PATH_DIRFD), A(name, K_PATH, 0),
  W(flags, K_FLAGS, N_PATH_FLAGS, field_unlinkat_flags))
R(RENAME, RES, A(oldpath, K_PATH, 0), A(newpath, K_PATH, 1))
R(RENAMEAT, RES, A(olddirfd, K_FD, N_PATH_DIRFD), A(oldpath, K_PATH, 0),
  A(newdirfd, K_FD, N_PATH_DIRFD2), A(newpath, K_PATH, 1))
R(RENAMEAT2, RES, A(olddirfd, K_FD, N_PATH_DIRFD), A(oldpath, K_PATH, 0),
  A(newdirfd, K_FD, N_PATH_DIRFD2), A(newpath, K_PATH, 1),
  W(flags, K_FLAGS, N_PATH_FLAGS, field_renameat2_flags))
R(LINKAT, RES, A(olddir, K_FD, N_PATH_DIRFD), A(oldpath, K_PATH, 0), A(newdir, K_FD, N_PATH_DIRFD2),
  A(newpath, K_PATH, 1), W(flags, K_FLAGS, N_PATH_FLAGS, field_linkat_flags))
R(SYMLINK, RES, A(target, K_TAG, TAG_RAW), A(linkpath, K_PATH, 1))
R(SYMLINKAT, RES, A(target, K_TAG, TAG_RAW), A(linkdirfd, K_FD, N_PATH_DIRFD2),
  A(linkpath, K_PATH, 1))
R(MKDIR, RES, A(path, K_PATH, 0), A(mode, K_HEX, N_PATH_MODE))
R(MKDIRAT, RES, A(dirfd, K_FD, N_PATH_DIRFD), A(path, K_PATH, 0), A(mode, K_HEX, N_PATH_MODE))
R(CHMOD, RES, A(filename, K_PATH, 0), W(mode, K_MODE, N_PATH_MODE, field_chmod_modes))
R(FCHMOD, RES, CALL_FD, W(mode, K_MODE, N_PATH_MODE, field_chmod_modes))
R(FCHMODAT, RES, A(dirfd, K_FD, N_PATH_DIRFD), A(filename, K_PATH, 0),
  W(mode, K_MODE, N_PATH_MODE, field_chmod_modes))
R(CHOWN, RES, A(path, K_PATH, 0), A(uid, K_UID, N_PATH_UID), A(gid, K_GID, N_PATH_GID))
R(FCHOWN, RES, CALL_FD, A(uid, K_UID, N_PATH_UID), A(gid, K_GID, N_PATH_GID))
R(FCHOWNAT, RES, A(dirfd, K_FD, N_PATH_DIRFD), A(pathname, K_PATH, 0), A(uid, K_UID, N_PATH_UID),
  A(gid, K_GID, N_PATH_GID), W(flags, K_FLAGS, N_PATH_FLAGS, field_fchownat_flags))
R(MKNOD, RES, A(path, K_PATH, 0), W(mode, K_MODE, N_PATH_MODE, field_mknod_modes),
  A(dev, K_HEX, N_PATH_VALUE))
R(MKNODAT, RES, A(dirfd, K_FD, N_PATH_DIRFD), A(path, K_PATH, 0),
  W(mode, K_MODE, N_PATH_MODE, field_mknod_modes), A(dev, K_HEX, N_PATH_VALUE))
R(TRUNCATE, RES, A(path, K_PATH, 0), A(length, K_DEC, N_PATH_VALUE))
R(FTRUNCATE, RES, CALL_FD, A(length, K_DEC, N_PATH_VALUE))
R(SETXATTR, RES, A(path, K_PATH, 0), A(name, K_TAG, TAG_NAME))
R(FSETXATTR, RES, CALL_FD, A(name, K_TAG, TAG_NAME))
R(STAT, RES, A(path, K_PATH, 0))
R(STATAT, RES, A(dirfd, K_FD, N_PATH_DIRFD), A(path, K_PATH, 0))
R(ACCESS, RES, A(name, K_PATH, 0), W(mode, K_FLAGS, N_PATH_MODE, field_access_modes))
R(FACCESSAT, RES, A(dirfd, K_FD, N_PATH_DIRFD), A(name, K_PATH, 0),
  W(mode, K_FLAGS, N_PATH_MODE, field_access_modes))
R(SOCKET, NEW_FD, W(domain, K_ENUM, N_FAMILY, field_families), A(type, K_DEC, N_TYPE),
  A(proto, K_DEC, N_PROTOCOL))
R(CONNECT, RES, A(tuple, K_TUPLE, 0), CALL_FD, A(addr, K_TUPLE, 0))
R(ACCEPT, NEW_FD, A(tuple, K_TUPLE, 0))
R(BIND, RES, A(addr, K_TUPLE, 0), CALL_FD)
R(LISTEN, RES, CALL_FD, A(backlog, K_DEC, N_BACKLOG))
R(SEND, RES, CALL_FD, A(tuple, K_TUPLE, 0))
R(PAYLOAD, A(tuple, K_TUPLE, 0), A(data, K_TAG, TAG_PAYLOAD))
R(FLOW, A(tuple, K_TUPLE, 0))
R(SETNS, RES, CALL_FD, W(nstype, K_FLAGS, N_CALL1, field_clone_flags))
R(UNSHARE, RES, W(flags, K_FLAGS, N_CALL0, field_clone_flags))
R(MOUNT, RES, A(dev, K_TAG, TAG_RAW), A(dir, K_PATH, 1), A(type, K_TAG, TAG_NAME),
  W(flags, K_FLAGS, N_CALL3, field_mount_flags))
R(MOVE_MOUNT, RES, A(oldpath, K_PATH, 0), A(newpath, K_PATH, 1))
R(UMOUNT2, RES, A(name, K_PATH, 0), W(flags, K_FLAGS, N_CALL1, field_umount_flags))
R(UMOUNT, RES, A(name, K_PATH, 0))
R(PIVOT_ROOT, RES, A(new_root, K_PATH, 0), A(put_old, K_PATH, 1))
R(CHROOT, RES, A(path, K_PATH, 0))
R(PTRACE, RES, A(addr, K_HEX, N_CALL2), A(data, K_HEX, N_CALL3), A(request, K_OPERATION, N_CALL0),
  A(pid, K_DEC, N_CALL1))
R(PROCESS_VM, RES, A(pid, K_DEC, N_CALL0))
R(MEMFD_CREATE, NEW_FD, A(name, K_TAG, TAG_NAME), W(flags, K_FLAGS, N_CALL1, field_memfd_flags))
R(INIT_MODULE, RES, A(img, K_HEX, N_CALL0), A(length, K_DEC, N_CALL1), A(uargs, K_TAG, TAG_DATA))
R(FINIT_MODULE, RES, CALL_FD, A(uargs, K_TAG, TAG_DATA),
  W(flags, K_FLAGS, N_CALL2, field_module_flags))
R(DELETE_MODULE, RES, A(name, K_TAG, TAG_NAME),
  W(flags, K_FLAGS, N_CALL1, field_delete_module_flags))
R(BPF, NEW_FD, A(cmd, K_OPERATION, N_CALL0))
R(PERF_EVENT_OPEN, RES, A(pid, K_DEC, N_CALL1))
R(USERFAULTFD, RES, W(flags, K_FLAGS, N_CALL0, field_dup3_flags))
R(KEYCTL, RES, A(op, K_OPERATION, N_CALL0))
R(CAPSET, RES, CALL_CAPS)
R(SETUID, RES, A(uid, K_UID, N_CALL0))
R(SETGID, RES, A(gid, K_GID, N_CALL0))
R(SETREUID, RES, A(ruid, K_UID, N_CALL0), A(euid, K_UID, N_CALL1))
R(SETREGID, RES, A(rgid, K_GID, N_CALL0), A(egid, K_GID, N_CALL1))
R(SETRESUID, RES, A(ruid, K_UID, N_CALL0), A(euid, K_UID, N_CALL1), A(suid, K_UID, N_CALL2))
R(SETRESGID, RES, A(rgid, K_GID, N_CALL0), A(egid, K_GID, N_CALL1), A(sgid, K_GID, N_CALL2))
R(RES, RES)
R(PRCTL, RES, A(option, K_OPERATION, N_CALL0), A(arg2_str, K_TAG, TAG_NAME),
  A(arg2_int, K_DEC, N_CALL1))
R(KILL, RES, A(pid, K_DEC, N_CALL0), A(sig, K_SIGNAL, N_CALL1))
R(DUP, RES, A(oldfd, K_FD, N_CALL0))
R(DUP2, RES, A(oldfd, K_FD, N_CALL0), A(newfd, K_FD, N_CALL1))
R(DUP3, RES, A(oldfd, K_FD, N_CALL0), A(newfd, K_FD, N_CALL1),
  W(flags, K_FLAGS, N_CALL2, field_dup3_flags))
R(FCNTL, A(res, K_NEW_FD, N_RESULT), A(fd, K_FD, N_CALL0),
  W(cmd, K_ENUM, N_CALL1, field_fcntl_commands))
R(IO_URING_SETUP, RES, A(entries, K_DEC, N_CALL0))
R(PERSONALITY, RES, A(persona, K_HEX, N_CALL0))
R(MMAP, RES, A(addr, K_HEX, N_CALL0), A(length, K_DEC, N_CALL1),
  W(prot, K_FLAGS, N_CALL2, field_prot_flags), W(flags, K_FLAGS, N_CALL3, field_map_flags), CALL_FD,
  A(offset, K_DEC, N_CALL5))
R(KEXEC_FILE_LOAD, RES, CALL_FD)
R(FSOPEN, NEW_FD, A(name, K_TAG, TAG_NAME))
R(FSCONFIG, RES, CALL_FD, W(cmd, K_ENUM, N_CALL1, field_fsconfig_commands), A(key, K_TAG, TAG_NAME),
  A(value, K_TAG, TAG_DATA), A(aux, K_DEC, N_CALL4))
R(FSMOUNT, NEW_FD)
R(OPEN_TREE, NEW_FD, A(dirfd, K_FD, N_CALL0), A(path, K_PATH, 0))
R(MOUNT_SETATTR, RES, A(dirfd, K_FD, N_CALL0), A(path, K_PATH, 0))
R(PIDFD_GETFD, NEW_FD, A(pid_fd, K_DEC, N_CALL0), A(target_fd, K_DEC, N_CALL1))
R(CGROUP, A(pid, K_DEC, N_CALL0), A(name, K_TAG, TAG_NAME))
#undef R

#define T(type, rows) [EVT_##type] = { args_##rows, sizeof(args_##rows) / sizeof(args_##rows[0]) }
static const struct arg_rows {
	const struct arg_row *rows;
	size_t n;
} args_of[EVT_COUNT] = {
	T(CLONE, CLONE),
	T(CLONE3, CLONE),
	T(FORK, CLONE),
	T(VFORK, CLONE),
	T(EXECVE, EXECVE),
	T(EXECVEAT, EXECVE),
	T(PROCEXIT, PROCEXIT),
	T(OPENAT, OPENAT),
	T(OPEN, OPEN),
	T(OPENAT2, OPENAT2),
	T(CREAT, CREAT),
	T(OPEN_BY_HANDLE_AT, OPEN_BY_HANDLE_AT),
	T(UNLINKAT, UNLINKAT),
	T(UNLINK, UNLINK),
	T(RENAMEAT2, RENAMEAT2),
	T(RENAME, RENAME),
	T(RENAMEAT, RENAMEAT),
	T(LINKAT, LINKAT),
	T(LINK, RENAME),
	T(SYMLINKAT, SYMLINKAT),
	T(SYMLINK, SYMLINK),
	T(MKDIRAT, MKDIRAT),
	T(MKDIR, MKDIR),
	T(RMDIR, UNLINK),
	T(FCHMODAT, FCHMODAT),
	T(CHMOD, CHMOD),
	T(FCHMOD, FCHMOD),
	T(FCHMODAT2, FCHMODAT),
	T(FCHOWNAT, FCHOWNAT),
	T(CHOWN, CHOWN),
	T(LCHOWN, CHOWN),
	T(FCHOWN, FCHOWN),
	T(MKNODAT, MKNODAT),
	T(MKNOD, MKNOD),
	T(TRUNCATE, TRUNCATE),
	T(FTRUNCATE, FTRUNCATE),
	T(SETXATTR, SETXATTR),
	T(LSETXATTR, SETXATTR),
	T(FSETXATTR, FSETXATTR),
	T(NEWFSTATAT, STATAT),
	T(STAT, STAT),
	T(LSTAT, STAT),
	T(FSTATAT64, STATAT),
	T(STAT64, STAT),
	T(LSTAT64, STAT),
	T(STATX, STATAT),
	T(ACCESS, ACCESS),
	T(FACCESSAT, FACCESSAT),
	T(FACCESSAT2, FACCESSAT),
	T(READLINK, STAT),
	T(READLINKAT, STATAT),
	T(SOCKET, SOCKET),
	T(CONNECT, CONNECT),
	T(ACCEPT4, ACCEPT),
	T(ACCEPT, ACCEPT),
	T(BIND, BIND),
	T(LISTEN, LISTEN),
	T(SENDTO, SEND),
	T(SENDMSG, SEND),
	T(SENDMMSG, SEND),
	T(RECVFROM, SEND),
	T(RECVMSG, SEND),
	T(RECVMMSG, SEND),
	T(PAYLOAD, PAYLOAD),
	T(DNS, PAYLOAD),
	T(FLOW_END, FLOW),
	T(SETNS, SETNS),
	T(UNSHARE, UNSHARE),
	T(MOUNT, MOUNT),
	T(MOVE_MOUNT, MOVE_MOUNT),
	T(UMOUNT2, UMOUNT2),
	T(UMOUNT, UMOUNT),
	T(PIVOT_ROOT, PIVOT_ROOT),
	T(CHROOT, CHROOT),
	T(PTRACE, PTRACE),
	T(PROCESS_VM_WRITEV, PROCESS_VM),
	T(PROCESS_VM_READV, PROCESS_VM),
	T(MEMFD_CREATE, MEMFD_CREATE),
	T(FINIT_MODULE, FINIT_MODULE),
	T(INIT_MODULE, INIT_MODULE),
	T(DELETE_MODULE, DELETE_MODULE),
	T(BPF, BPF),
	T(PERF_EVENT_OPEN, PERF_EVENT_OPEN),
	T(USERFAULTFD, USERFAULTFD),
	T(KEYCTL, KEYCTL),
	T(CAPSET, CAPSET),
	T(SETUID, SETUID),
	T(SETGID, SETGID),
	T(SETREUID, SETREUID),
	T(SETREGID, SETREGID),
	T(SETRESUID, SETRESUID),
	T(SETRESGID, SETRESGID),
	T(SETFSUID, SETUID),
	T(SETFSGID, SETGID),
	T(SETGROUPS, RES),
	T(PRCTL, PRCTL),
	T(KILL, KILL),
	T(TKILL, KILL),
	T(TGKILL, KILL),
	T(PIDFD_SEND_SIGNAL, KILL),
	T(DUP3, DUP3),
	T(DUP, DUP),
	T(DUP2, DUP2),
	T(FCNTL, FCNTL),
	T(IO_URING_SETUP, IO_URING_SETUP),
	T(PERSONALITY, PERSONALITY),
	T(MMAP, MMAP),
	T(KEXEC_LOAD, RES),
	T(KEXEC_FILE_LOAD, KEXEC_FILE_LOAD),
	T(FSMOUNT, FSMOUNT),
	T(FSOPEN, FSOPEN),
	T(FSCONFIG, FSCONFIG),
	T(FSPICK, OPEN_TREE),
	T(OPEN_TREE, OPEN_TREE),
	T(OPEN_TREE_ATTR, OPEN_TREE),
	T(MOUNT_SETATTR, MOUNT_SETATTR),
	T(PIDFD_GETFD, PIDFD_GETFD),
	T(CGROUP_ATTACH, CGROUP),
};
#undef T
#undef A
#undef W
#undef RES
#undef NEW_FD
#undef CALL_FD
#undef DEV_INO
#undef CALL_CAPS

#endif
