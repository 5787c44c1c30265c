/* SPDX-License-Identifier: GPL-2.0-or-later */
/* event - what the kernel's programs tell: one record an event, the same for both sides.
 *
 * A record is struct event_head, one fixed part (chosen by the type), then strings: each a struct
 * event_string and its bytes, one after the other without padding, up to head.size. Every byte
 * that is not set is zero. Numbers are the host's byte order; addresses and ports are the
 * network's. Nothing here is trusted by the reader: lengths are checked again in user space.
 *
 * A recording holds these records, so a change of layout raises EVENT_VERSION. */
#ifndef BULKHEAD_BPF_EVENT_H
#define BULKHEAD_BPF_EVENT_H

#include <linux/types.h>

#define EVENT_VERSION	  1
#define EVENT_MAX_BYTES	  28672 /* of one record: five strings of a path's length and the rest */
#define EVENT_STRING_MAX  4096	/* bytes of one string; longer ones are cut and say so */
#define EVENT_PAYLOAD_MAX 256	/* first bytes of a flow, a direction */
#define EVENT_DNS_MAX	  1024	/* bytes of a DNS answer */
#define EVENT_COMM_BYTES  16
#define EVENT_ARGS	  6

/* Name as Falco calls it where Falco has it, else the system call's or the kernel's word. The order
 * is the wire's: new ones go to the end. X(ID, name, class) */
#define EVENT_TYPES(X)                                                                             \
	X(FORK, "fork", PROCESS)                                                                   \
	X(EXEC, "exec", PROCESS)                                                                   \
	X(EXIT, "exit", PROCESS)                                                                   \
	X(OPEN, "open", FILE)                                                                      \
	X(UNLINK, "unlink", FILE)                                                                  \
	X(RENAME, "rename", FILE)                                                                  \
	X(LINK, "link", FILE)                                                                      \
	X(SYMLINK, "symlink", FILE)                                                                \
	X(MKDIR, "mkdir", FILE)                                                                    \
	X(RMDIR, "rmdir", FILE)                                                                    \
	X(CHMOD, "chmod", FILE)                                                                    \
	X(CHOWN, "chown", FILE)                                                                    \
	X(MKNOD, "mknod", FILE)                                                                    \
	X(TRUNCATE, "truncate", FILE)                                                              \
	X(SETXATTR, "setxattr", FILE)                                                              \
	X(STAT, "stat", FILE)                                                                      \
	X(SOCKET, "socket", NETWORK)                                                               \
	X(CONNECT, "connect", NETWORK)                                                             \
	X(ACCEPT, "accept", NETWORK)                                                               \
	X(BIND, "bind", NETWORK)                                                                   \
	X(LISTEN, "listen", NETWORK)                                                               \
	X(SEND, "send", NETWORK)                                                                   \
	X(RECV, "recv", NETWORK)                                                                   \
	X(PAYLOAD, "payload", NETWORK)                                                             \
	X(DNS, "dns", NETWORK)                                                                     \
	X(FLOW_END, "flow_end", NETWORK)                                                           \
	X(SETNS, "setns", ISOLATION)                                                               \
	X(UNSHARE, "unshare", ISOLATION)                                                           \
	X(MOUNT, "mount", ISOLATION)                                                               \
	X(MOVE_MOUNT, "move_mount", ISOLATION)                                                     \
	X(UMOUNT, "umount", ISOLATION)                                                             \
	X(PIVOT_ROOT, "pivot_root", ISOLATION)                                                     \
	X(CHROOT, "chroot", ISOLATION)                                                             \
	X(PTRACE, "ptrace", ISOLATION)                                                             \
	X(PROCESS_VM, "process_vm", ISOLATION)                                                     \
	X(MEMFD_CREATE, "memfd_create", ISOLATION)                                                 \
	X(INIT_MODULE, "init_module", ISOLATION)                                                   \
	X(DELETE_MODULE, "delete_module", ISOLATION)                                               \
	X(BPF, "bpf", ISOLATION)                                                                   \
	X(PERF_EVENT_OPEN, "perf_event_open", ISOLATION)                                           \
	X(USERFAULTFD, "userfaultfd", ISOLATION)                                                   \
	X(KEYCTL, "keyctl", ISOLATION)                                                             \
	X(CAPSET, "capset", ISOLATION)                                                             \
	X(SETUID, "setuid", ISOLATION)                                                             \
	X(PRCTL, "prctl", ISOLATION)                                                               \
	X(KILL, "kill", ISOLATION)                                                                 \
	X(DUP, "dup", ISOLATION)                                                                   \
	X(IO_URING_SETUP, "io_uring_setup", ISOLATION)                                             \
	X(PERSONALITY, "personality", ISOLATION)                                                   \
	X(CGROUP_ATTACH, "cgroup_attach", ISOLATION)                                               \
	X(CGROUP_MKDIR, "cgroup_mkdir", CONTROL)                                                   \
	X(MMAP, "mmap", ISOLATION)                                                                 \
	X(KEXEC, "kexec_load", ISOLATION)                                                          \
	X(NEW_MOUNT, "fsmount", ISOLATION)                                                         \
	X(PIDFD_GETFD, "pidfd_getfd", ISOLATION)

enum event_type {
	EVENT_NONE,
#define X(id, name, class) EVENT_##id,
	EVENT_TYPES(X)
#undef X
		EVENT_TYPE_COUNT
};
_Static_assert(EVENT_TYPE_COUNT <= 64, "types are bits of a mask");

#define EVENT_BIT(type) (1ULL << (type))

enum event_class {
	EVENT_CLASS_CONTROL,   /* between the kernel's side and user space only */
	EVENT_CLASS_PROCESS,   /* never filtered, never shed */
	EVENT_CLASS_ISOLATION, /* never shed */
	EVENT_CLASS_NETWORK,
	EVENT_CLASS_FILE,
	EVENT_CLASS_COUNT
};

enum event_flag {
	EVENT_COMPAT = 1 << 0,	/* a 32-bit system call */
	EVENT_PENDING = 1 << 1, /* the cgroup was not known yet */
	EVENT_OUTSIDE = 1 << 2, /* exec, fork: the parent's cgroup is not of this container */
	EVENT_NO_TASK = 1 << 3, /* from an interrupt: the process fields are of nobody */
	EVENT_CUT = 1 << 4,	/* a string did not fit into the record and is missing */
	EVENT_KILLED = 1 << 5,	/* a verdict ended the process before its first instruction */
	EVENT_DENIED = 1 << 6,	/* a verdict refused the call */
	EVENT_HOST = 1 << 7,	/* of no container */
	EVENT_THREAD = 1 << 8,	/* fork: a thread, not a process */
	EVENT_RESOLVED =
		1 << 9,	     /* paths come from the kernel's objects, not from the call's text */
	EVENT_X32 = 1 << 10, /* an x32 system call */
	/* exec: a verdict knows what is executed, and of a script also its name */
	EVENT_KNOWN = 1 << 11,
};

/* Hierarchy of a cgroup id: the v2 tree, or the v1 hierarchy that the agent watches. */
enum event_hierarchy { EVENT_CGROUP_V2, EVENT_CGROUP_V1 };

struct event_head {
	__u32 size;  /* of the whole record */
	__u16 type;  /* enum event_type */
	__u16 flags; /* enum event_flag */
	__u64 boot_ns;
	__u64 cgroup_id;	/* of the process */
	__u64 container_cgroup; /* of the container it is in; 0: none */
	__u64 start_boot_ns; /* of the thread group's leader; with pid and exec_seq: the exec id */
	__u64 parent_start_boot_ns;
	__u32 exec_seq; /* self_exec_id: counts the execs of this process and its ancestors */
	__u32 pid, tid; /* of the host's pid namespace; pid is the thread group */
	__u32 ppid;
	__u32 ns_pid, ns_tid; /* in the innermost pid namespace */
	__u32 uid, gid;	      /* real, of the host's user namespace */
	__u32 euid, egid;
	__u32 loginuid;		     /* ~0: none */
	__u32 tty;		     /* device number (major << 20 | minor), 0: none */
	__u32 session;		     /* session id */
	__u32 hierarchy;	     /* enum event_hierarchy of cgroup_id and container_cgroup */
	__s64 result;		     /* what the call returned: 0 and above, or -errno */
	__s32 syscall;		     /* its number in its own table, -1 when it was not a call */
	__u32 pid_ns;		     /* inode of the pid namespace; lets ns_pid be told apart */
	char comm[EVENT_COMM_BYTES]; /* NUL-padded; any bytes */
};
_Static_assert(sizeof(struct event_head) == 136, "event layout is shared with user space");

enum event_file_flag {
	FILE_UPPER = 1 << 0,	/* in the overlay's upper layer: not from the image */
	FILE_FOREIGN = 1 << 1,	/* on another file system than "/": a volume, a bind mount, proc */
	FILE_MEMORY = 1 << 2,	/* memfd or System V shared memory: has no name on disk */
	FILE_DELETED = 1 << 3,	/* the name is gone */
	FILE_OVERLAY = 1 << 4,	/* on an overlay: FILE_UPPER has a meaning */
	FILE_KERNEL = 1 << 5,	/* below proc or sysfs: an interface of the kernel */
	FILE_DETACHED = 1 << 6, /* the walk ended outside of the process's mount tree */
	FILE_KNOWN = 1 << 7,	/* the fields here are filled */
	/* On an overlay that the host mounted: the device is another one in each container of an
	 * image, the inode of what the image holds is the same. One that somebody mounted in a user
	 * namespace is not: its lower layer may hold files of chosen numbers. */
	FILE_MERGED = 1 << 8,
};

/* An object of the file system. */
struct event_file {
	__u64 inode, parent_inode;
	__u32 device;	  /* of the super block: major << 20 | minor */
	__u32 generation; /* of the inode */
	__u32 mount_id;	  /* the small one, of /proc/PID/mountinfo */
	__u32 fs_magic;	  /* statfs f_type */
	__u32 name_hash;  /* the dentry's: lets repeats be found again */
	__u16 mode;	  /* st_mode */
	__u16 flags;	  /* enum event_file_flag */
	__u32 uid, gid;	  /* owner */
	__u32 rdev;	  /* of a device node */
	__u32 links;	  /* st_nlink */
};
_Static_assert(sizeof(struct event_file) == 56, "event layout is shared with user space");

struct event_namespaces { /* inode numbers; 0: not known */
	__u32 mnt, pid, net, ipc, uts, cgroup, user, time;
};

struct event_caps {
	__u64 effective, permitted, inheritable, bounding;
};

enum event_exec_flag {
	EXEC_SETUID = 1 << 0, /* the file's mode bits changed the user or group */
	EXEC_SECURE = 1 << 1, /* AT_SECURE: something was gained */
	EXEC_SCRIPT = 1 << 2, /* an interpreter runs `filename` */
	EXEC_FEXEC = 1 << 3,  /* by descriptor, without a name */
	EXEC_FIRST = 1 << 4,  /* pid 1 of its pid namespace */
	EXEC_ARGS_CUT = 1 << 5,
	EXEC_ENV_CUT = 1 << 6,
	EXEC_GROUP_LEADER = 1 << 7, /* leads its process group */
	EXEC_HELPER = 1 << 8, /* the kernel started it: its parent is a thread of the kernel */
	/* The mount of this lies in a mount namespace that is not the process's own (and not in
	 * none): root, working directory, an open file or directory of the first descriptors. */
	EXEC_ROOT_OUTSIDE = 1 << 9,
	EXEC_CWD_OUTSIDE = 1 << 10,
	EXEC_FD_OUTSIDE = 1 << 11,
};

/* EXEC. result 0: strings EXE, ARGS, CWD, FILENAME, INTERP, ENV; below 0 (a failed attempt): RAW,
 * BASE, ARGS. */
struct event_exec {
	struct event_file file; /* what the kernel runs: the interpreter of a script */
	struct event_caps caps;
	struct event_namespaces ns;
	__u32 args_bytes, env_bytes; /* true lengths */
	__u32 flags;		     /* enum event_exec_flag */
	__u32 no_new_privs, seccomp; /* as in /proc/PID/status */
	__u32 suid;
};
_Static_assert(sizeof(struct event_exec) == 144, "event layout is shared with user space");

/* FORK: head is the parent, this the child. */
struct event_fork {
	__u64 start_boot_ns, cgroup_id, container_cgroup;
	__u32 pid, tid, ns_pid;
	__u32 namespace_flags; /* CLONE_NEW*: in which it differs from its parent */
	__u32 hierarchy, exec_seq;
	__u32 flags; /* enum event_flag of the child's cgroup */
	__u32 reserved;
	struct event_namespaces ns;
};
_Static_assert(sizeof(struct event_fork) == 88, "event layout is shared with user space");

struct event_exit {   /* of the process: told with its last thread */
	__u32 status; /* as of wait(2): code << 8 | signal | 0x80 for a core */
	__u32 reserved;
	__u64 cpu_ns;	     /* user and system time, 0: not known */
	__u64 max_rss_pages; /* 0: not known */
};

enum event_access {
	ACCESS_READ = 1,
	ACCESS_WRITE = 2,
	ACCESS_CREATE = 4,
	ACCESS_TRUNCATE = 8,
	ACCESS_EXECUTE = 16
};

/* OPEN: strings PATH (when it succeeded), RAW, BASE (when it failed and RAW is relative). */
struct event_open {
	struct event_file file;
	__u32 flags; /* open(2) */
	__u32 mode;
	__u32 access; /* enum event_access */
	__s32 dirfd;
	__u64 resolve; /* openat2's */
};
_Static_assert(sizeof(struct event_open) == 80, "event layout is shared with user space");

/* UNLINK, RENAME, LINK, SYMLINK, MKDIR, RMDIR, CHMOD, CHOWN, MKNOD, TRUNCATE, SETXATTR, STAT,
 * CHROOT, PIVOT_ROOT. Strings: RAW, BASE (directory that RAW is relative to), PATH (from the
 * kernel's objects, where the layer has them, or of a descriptor), the same with 2 for the second
 * name, NAME (of an attribute). */
struct event_path {
	struct event_file file; /* of a descriptor; else not known */
	__s32 dirfd, dirfd2;
	__u32 flags; /* the call's flags argument */
	__u32 mode;
	__u32 uid, gid;
	__u64 value; /* length of truncate; device of mknod */
};
_Static_assert(sizeof(struct event_path) == 88, "event layout is shared with user space");

/* SOCKET, CONNECT, ACCEPT, BIND, LISTEN, SEND, RECV, FLOW_END, PAYLOAD, DNS. Strings: UNIX_LOCAL,
 * UNIX_REMOTE (leading NUL: abstract), PAYLOAD. A CONNECT of AF_UNIX that went well: UNIX_REMOTE is
 * what the listener bound, in its own world, RAW what the caller passed. */
struct event_network {
	__u16 family, type; /* AF_*, SOCK_* without flags */
	__u16 protocol;	    /* IPPROTO_* */
	__u8 direction;	    /* enum event_direction */
	__u8 state;	    /* TCP_* */
	__be16 local_port, remote_port;
	__s32 fd;
	__u8 local[16], remote[16]; /* IPv4 in the first four bytes */
	__u32 net_ns;
	__u32 offset;			       /* PAYLOAD: place of its first byte in the stream */
	__u64 rx_bytes, tx_bytes, duration_ns; /* FLOW_END */
	__u64 cookie;			       /* of the socket: joins the events of a flow */
	/* FLOW_END, PAYLOAD: who connected or accepted. CONNECT of AF_UNIX: who listens there. */
	__u64 owner_start_boot_ns;
	__u32 owner_pid;
	__u32 backlog;
};
_Static_assert(sizeof(struct event_network) == 104, "event layout is shared with user space");

enum event_direction { DIRECTION_NONE, DIRECTION_OUT, DIRECTION_IN };

/* All other types: the call's arguments as they were passed. */
struct event_call {
	__u64 args[EVENT_ARGS];
	/* The other process: of kill, ptrace, process_vm, setns by pidfd, cgroup_attach. */
	__u64 target_start_boot_ns, target_cgroup, target_container;
	__u32 target_pid; /* of the host's pid namespace */
	/* PRCTL, PTRACE, BPF, KEYCTL: command; SETUID: enum event_setuid; MMAP: enum event_mmap;
	 * NEW_MOUNT: enum event_new_mount */
	__u32 op;
	struct event_caps caps;	     /* CAPSET: as they are now; SETUID too */
	struct event_namespaces ns;  /* SETNS, UNSHARE: as they are now */
	struct event_file file;	     /* of the descriptor in it, where there is one */
	struct event_network socket; /* DUP: what was copied */
};
_Static_assert(sizeof(struct event_call) == 304, "event layout is shared with user space");

enum event_setuid {
	SETUID_UID = 1,
	SETUID_GID,
	SETUID_REUID,
	SETUID_REGID,
	SETUID_RESUID,
	SETUID_RESGID,
	SETUID_FSUID,
	SETUID_FSGID,
	SETUID_GROUPS,
};

/* MMAP: told for these alone, each size or file once an exec instance; args as of mmap(2), `file`
 * of what is mapped, result the address. Huge ones are told when they fail, too. Strings: PATH of
 * the file. */
enum event_mmap {
	/* A process of the host maps code out of an overlay that neither its own program nor the
	 * host's "/" is on: whatever its own root is by then (CVE-2019-14271). */
	MMAP_FOREIGN = 1,
	MMAP_HUGE, /* a container's anonymous memory: 1 GiB and more, or MAP_HUGETLB */
};

/* NEW_MOUNT: the calls of the new way to mount. fsopen: NAME (type of file system). fspick,
 * open_tree, mount_setattr: RAW (path), BASE, PATH where the layer has it. fsconfig: NAME (key),
 * DATA (value, when it is a text). fsmount. result is the descriptor. */
enum event_new_mount {
	NEW_MOUNT_FSOPEN = 1,
	NEW_MOUNT_FSPICK,
	NEW_MOUNT_FSCONFIG,
	NEW_MOUNT_FSMOUNT,
	NEW_MOUNT_OPEN_TREE,
	NEW_MOUNT_SETATTR,
};

/* --- strings ------------------------------------------------------------------------------- */
enum event_tag {
	TAG_NONE,
	TAG_PATH,  /* as the container sees it */
	TAG_PATH2, /* of the second name */
	TAG_RAW,   /* as it was passed */
	TAG_RAW2,
	TAG_BASE, /* the directory that RAW is relative to */
	TAG_BASE2,
	TAG_ARGS, /* NUL-separated */
	TAG_ENV,
	TAG_CWD,
	TAG_FILENAME, /* exec: the name that was asked for */
	TAG_INTERP,   /* exec: the interpreter as the kernel found it */
	TAG_NAME,     /* attribute, module, memfd, file system type, cgroup path */
	TAG_DATA,     /* options of a mount, parameters of a module */
	TAG_UNIX_LOCAL,
	TAG_UNIX_REMOTE,
	TAG_PAYLOAD,
	TAG_COUNT
};

enum event_string_flag {
	STRING_CUT = 1 << 0,	 /* longer in truth; of a path the front is missing */
	STRING_UNREAD = 1 << 1,	 /* the memory of the process could not be read */
	STRING_OUTSIDE = 1 << 2, /* a path that hangs in no mount tree */
	STRING_DELETED = 1 << 3,
	/* Put there by user space, for calls whose objects the kernel's side cannot see: */
	STRING_LATE = 1 << 4,	 /* looked up a moment after the call */
	STRING_LEXICAL = 1 << 5, /* the text alone, dots taken out: links may hide */
};

struct event_string {
	__u8 tag;   /* enum event_tag */
	__u8 flags; /* enum event_string_flag */
	__u16 bytes;
};

/* --- the iterator's record: one a task, written without framing ------------------------------ */
struct event_task {
	struct event_head head; /* type EVENT_NONE; size is sizeof(struct event_task) */
	struct event_caps caps;
	struct event_namespaces ns;
	struct event_file exe;
	__u32 seccomp, no_new_privs;
	__u32 kernel_thread, suid;
	__u64 real_parent_start_boot_ns;
	__u32 seccomp_filters;	/* how many there are, one upon the other */
	__u32 outside;		/* enum event_task_outside */
	__s32 fd_outside;	/* TASK_FD_OUTSIDE: the first such descriptor */
	__u32 host_net_sockets; /* sockets of the host's network among the first descriptors, where
				 * the task's network is another */
};
_Static_assert(sizeof(struct event_task) == 296, "event layout is shared with user space");

/* As EXEC_*_OUTSIDE, of containers' tasks. FD: of leaders alone, the first 32 descriptors.
 * CRED_MIXED: cred is not real_cred, for the length of a call, or forged. */
enum event_task_outside {
	TASK_ROOT_OUTSIDE = 1 << 0,
	TASK_CWD_OUTSIDE = 1 << 1,
	TASK_FD_OUTSIDE = 1 << 2,
	TASK_CRED_MIXED = 1 << 3,
};

/* --- what the kernel's side could not tell, by type: a counter each -------------------------- */
enum event_drop {
	DROP_MASK,    /* nobody wants this type from this cgroup */
	DROP_REPEAT,  /* told before by this exec instance */
	DROP_VERDICT, /* a verdict says that it is known */
	DROP_PATH,    /* host: no rule looks at this path */
	DROP_SHED,    /* the buffer was filling: least valuable types go first */
	DROP_FULL,    /* the buffer was full: lost */
	DROP_NESTED,  /* no scratch space: lost */
	DROP_FLOOD,   /* more of what is never shed than a container may tell a second: lost */
	DROP_COUNT
};

struct event_counts { /* a CPU */
	__u64 sent[EVENT_TYPE_COUNT];
	__u64 dropped[DROP_COUNT][EVENT_TYPE_COUNT];
};

#endif
