// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/event_names.h"

#include <arpa/inet.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>

struct name_row {
	uint32_t value;
	const char *name;
};

#define COUNT(table)	   (sizeof(table) / sizeof((table)[0]))
#define FIND(table, value) find_name(table, COUNT(table), value)

static const char *find_name(const struct name_row *rows, size_t n, uint32_t value)
{
	for (size_t i = 0; i < n; i++)
		if (rows[i].value == value)
			return rows[i].name;
	return NULL;
}

const char *const event_access_names[EVENT_ACCESS_NAMES] = { "read", "write", "create", "truncate",
							     "execute" };
const char *const event_flag_names[EVENT_FLAG_NAMES] = { "compat", "pending",  "outside", "no_task",
							 "cut",	   "killed",   "denied",  NULL,
							 "thread", "resolved", "x32",	  "known" };
const char *const event_string_flag_names[EVENT_STRING_FLAG_NAMES] = { "cut",	  "unread",
								       "outside", "deleted",
								       "late",	  "lexical" };

/* Never seen by a caller of the C library, but what a call returns before it is restarted. */
static const struct name_row kernel_errors[] = {
	{ 512, "ERESTARTSYS" },
	{ 513, "ERESTARTNOINTR" },
	{ 514, "ERESTARTNOHAND" },
	{ 515, "ENOIOCTLCMD" },
	{ 516, "ERESTART_RESTARTBLOCK" },
	{ 517, "EPROBE_DEFER" },
	{ 518, "EOPENSTALE" },
	{ 519, "ENOPARAM" },
	{ 524, "ENOTSUPP" },
	{ 529, "EIOCBQUEUED" },
};

const char *event_error_name(int64_t result)
{
	if (result >= 0 || result < -4095)
		return NULL;
	const char *name = strerrorname_np((int)-result);

	return name ? name : FIND(kernel_errors, (uint32_t)-result);
}

static const struct name_row families[] = {
	{ AF_UNIX, "unix" },	   { AF_INET, "inet" },	    { AF_INET6, "inet6" },
	{ AF_NETLINK, "netlink" }, { AF_PACKET, "packet" },
};

const char *event_family_name(uint16_t family)
{
	return FIND(families, family);
}

static const struct name_row socket_types[] = {
	{ SOCK_STREAM, "stream" },
	{ SOCK_DGRAM, "dgram" },
	{ SOCK_RAW, "raw" },
};

const char *event_socket_name(uint16_t type)
{
	return FIND(socket_types, type);
}

static const struct name_row file_systems[] = {
	{ 0x794c7630, "overlay" },     { 0x0000ef53, "ext4" },	    { 0x01021994, "tmpfs" },
	{ 0x00009fa0, "proc" },	       { 0x62656572, "sysfs" },	    { 0x58465342, "xfs" },
	{ 0x9123683e, "btrfs" },       { 0x0027e0eb, "cgroup" },    { 0x63677270, "cgroup2" },
	{ 0x00001cd1, "devpts" },      { 0x19800202, "mqueue" },    { 0x958458f6, "hugetlbfs" },
	{ 0x858458f6, "ramfs" },       { 0x50495045, "pipefs" },    { 0x534f434b, "sockfs" },
	{ 0x09041934, "anon_inode" },  { 0x6e736673, "nsfs" },	    { 0x64626720, "debugfs" },
	{ 0x74726163, "tracefs" },     { 0xcafe4a11, "bpf" },	    { 0x73636673, "securityfs" },
	{ 0x65735546, "fuse" },	       { 0x00006969, "nfs" },	    { 0xff534d42, "cifs" },
	{ 0xfe534d42, "smb2" },	       { 0x01021997, "9p" },	    { 0x00c36400, "ceph" },
	{ 0x2fc12fc1, "zfs" },	       { 0xf2f52010, "f2fs" },	    { 0x73717368, "squashfs" },
	{ 0xe0f5e1e2, "erofs" },       { 0x00009660, "iso9660" },   { 0x00004d44, "vfat" },
	{ 0x2011bab0, "exfat" },       { 0xf97cff8c, "selinux" },   { 0x5a3c69f0, "apparmor" },
	{ 0x62656570, "configfs" },    { 0x6165676c, "pstore" },    { 0xde5e81e4, "efivarfs" },
	{ 0x42494e4d, "binfmt_misc" }, { 0x5345434d, "secretmem" },
};

const char *event_fs_name(uint32_t magic)
{
	return FIND(file_systems, magic);
}

static const struct name_row prctl_ops[] = {
	{ 1, "PR_SET_PDEATHSIG" },
	{ 4, "PR_SET_DUMPABLE" },
	{ 8, "PR_SET_KEEPCAPS" },
	{ 15, "PR_SET_NAME" },
	{ 22, "PR_SET_SECCOMP" },
	{ 24, "PR_CAPBSET_DROP" },
	{ 28, "PR_SET_SECUREBITS" },
	{ 35, "PR_SET_MM" },
	{ 36, "PR_SET_CHILD_SUBREAPER" },
	{ 38, "PR_SET_NO_NEW_PRIVS" },
	{ 47, "PR_CAP_AMBIENT" },
	{ 53, "PR_SET_SPECULATION_CTRL" },
	{ 59, "PR_SET_SYSCALL_USER_DISPATCH" },
	{ 65, "PR_SET_MDWE" },
	{ 0x53564d41, "PR_SET_VMA" },
	{ 0x59616d61, "PR_SET_PTRACER" },
};

static const struct name_row ptrace_ops[] = {
	{ 0, "PTRACE_TRACEME" },
	{ 1, "PTRACE_PEEKTEXT" },
	{ 2, "PTRACE_PEEKDATA" },
	{ 3, "PTRACE_PEEKUSR" },
	{ 4, "PTRACE_POKETEXT" },
	{ 5, "PTRACE_POKEDATA" },
	{ 6, "PTRACE_POKEUSR" },
	{ 7, "PTRACE_CONT" },
	{ 8, "PTRACE_KILL" },
	{ 9, "PTRACE_SINGLESTEP" },
	{ 12, "PTRACE_GETREGS" },
	{ 13, "PTRACE_SETREGS" },
	{ 14, "PTRACE_GETFPREGS" },
	{ 15, "PTRACE_SETFPREGS" },
	{ 16, "PTRACE_ATTACH" },
	{ 17, "PTRACE_DETACH" },
	{ 24, "PTRACE_SYSCALL" },
	{ 0x4200, "PTRACE_SETOPTIONS" },
	{ 0x4203, "PTRACE_SETSIGINFO" },
	{ 0x4204, "PTRACE_GETREGSET" },
	{ 0x4205, "PTRACE_SETREGSET" },
	{ 0x4206, "PTRACE_SEIZE" },
	{ 0x4207, "PTRACE_INTERRUPT" },
	{ 0x4208, "PTRACE_LISTEN" },
	{ 0x420b, "PTRACE_SETSIGMASK" },
	{ 0x420c, "PTRACE_SECCOMP_GET_FILTER" },
};

/* These count from 0 without a gap, but for what is too new to be named here. */
static const char *const bpf_ops[] = {
	"BPF_MAP_CREATE",	 "BPF_MAP_LOOKUP_ELEM",
	"BPF_MAP_UPDATE_ELEM",	 "BPF_MAP_DELETE_ELEM",
	"BPF_MAP_GET_NEXT_KEY",	 "BPF_PROG_LOAD",
	"BPF_OBJ_PIN",		 "BPF_OBJ_GET",
	"BPF_PROG_ATTACH",	 "BPF_PROG_DETACH",
	"BPF_PROG_TEST_RUN",	 "BPF_PROG_GET_NEXT_ID",
	"BPF_MAP_GET_NEXT_ID",	 "BPF_PROG_GET_FD_BY_ID",
	"BPF_MAP_GET_FD_BY_ID",	 "BPF_OBJ_GET_INFO_BY_FD",
	"BPF_PROG_QUERY",	 "BPF_RAW_TRACEPOINT_OPEN",
	"BPF_BTF_LOAD",		 "BPF_BTF_GET_FD_BY_ID",
	"BPF_TASK_FD_QUERY",	 "BPF_MAP_LOOKUP_AND_DELETE_ELEM",
	"BPF_MAP_FREEZE",	 "BPF_BTF_GET_NEXT_ID",
	"BPF_MAP_LOOKUP_BATCH",	 "BPF_MAP_LOOKUP_AND_DELETE_BATCH",
	"BPF_MAP_UPDATE_BATCH",	 "BPF_MAP_DELETE_BATCH",
	"BPF_LINK_CREATE",	 "BPF_LINK_UPDATE",
	"BPF_LINK_GET_FD_BY_ID", "BPF_LINK_GET_NEXT_ID",
	"BPF_ENABLE_STATS",	 "BPF_ITER_CREATE",
	"BPF_LINK_DETACH",	 "BPF_PROG_BIND_MAP",
	"BPF_TOKEN_CREATE",
};

static const char *const keyctl_ops[] = {
	"KEYCTL_GET_KEYRING_ID",
	"KEYCTL_JOIN_SESSION_KEYRING",
	"KEYCTL_UPDATE",
	"KEYCTL_REVOKE",
	"KEYCTL_CHOWN",
	"KEYCTL_SETPERM",
	"KEYCTL_DESCRIBE",
	"KEYCTL_CLEAR",
	"KEYCTL_LINK",
	"KEYCTL_UNLINK",
	"KEYCTL_SEARCH",
	"KEYCTL_READ",
	"KEYCTL_INSTANTIATE",
	"KEYCTL_NEGATE",
	"KEYCTL_SET_REQKEY_KEYRING",
	"KEYCTL_SET_TIMEOUT",
	"KEYCTL_ASSUME_AUTHORITY",
	"KEYCTL_GET_SECURITY",
	"KEYCTL_SESSION_TO_PARENT",
	"KEYCTL_REJECT",
	"KEYCTL_INSTANTIATE_IOV",
	"KEYCTL_INVALIDATE",
	"KEYCTL_GET_PERSISTENT",
	"KEYCTL_DH_COMPUTE",
	"KEYCTL_PKEY_QUERY",
	"KEYCTL_PKEY_ENCRYPT",
	"KEYCTL_PKEY_DECRYPT",
	"KEYCTL_PKEY_SIGN",
	"KEYCTL_PKEY_VERIFY",
	"KEYCTL_RESTRICT_KEYRING",
	"KEYCTL_MOVE",
	"KEYCTL_CAPABILITIES",
	"KEYCTL_WATCH_KEY",
};

static const char *const setuid_ops[] = {
	[SETUID_UID] = "setuid",     [SETUID_GID] = "setgid",	    [SETUID_REUID] = "setreuid",
	[SETUID_REGID] = "setregid", [SETUID_RESUID] = "setresuid", [SETUID_RESGID] = "setresgid",
	[SETUID_FSUID] = "setfsuid", [SETUID_FSGID] = "setfsgid",   [SETUID_GROUPS] = "setgroups",
};

/* The calls' names. */
static const char *const new_mount_ops[] = {
	[NEW_MOUNT_FSOPEN] = "fsopen",	     [NEW_MOUNT_FSPICK] = "fspick",
	[NEW_MOUNT_FSCONFIG] = "fsconfig",   [NEW_MOUNT_FSMOUNT] = "fsmount",
	[NEW_MOUNT_OPEN_TREE] = "open_tree", [NEW_MOUNT_SETATTR] = "mount_setattr",
};
static const char *const mmap_ops[] = { [MMAP_FOREIGN] = "foreign", [MMAP_HUGE] = "huge" };

#define AT(table, index) ((index) < COUNT(table) ? (table)[index] : NULL)

const char *event_op_name(enum event_type type, uint32_t op)
{
	if (type == EVENT_PRCTL)
		return FIND(prctl_ops, op);
	if (type == EVENT_PTRACE)
		return FIND(ptrace_ops, op);
	if (type == EVENT_BPF)
		return AT(bpf_ops, op);
	if (type == EVENT_KEYCTL)
		return AT(keyctl_ops, op);
	if (type == EVENT_NEW_MOUNT)
		return AT(new_mount_ops, op);
	if (type == EVENT_MMAP)
		return AT(mmap_ops, op);
	return type == EVENT_SETUID ? AT(setuid_ops, op) : NULL;
}

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

const char *event_namespace_name(unsigned index, uint32_t *clone_flag)
{
	static const struct name_row namespaces[] = {
		{ CLONE_NEWNS, "mnt" },	   { CLONE_NEWPID, "pid" },   { CLONE_NEWNET, "net" },
		{ CLONE_NEWIPC, "ipc" },   { CLONE_NEWUTS, "uts" },   { CLONE_NEWCGROUP, "cgroup" },
		{ CLONE_NEWUSER, "user" }, { CLONE_NEWTIME, "time" },
	};

	if (index >= COUNT(namespaces))
		return NULL;
	*clone_flag = namespaces[index].value;
	return namespaces[index].name;
}

void event_add_address(struct buf *b, uint16_t family, const uint8_t address[16])
{
	char text[INET6_ADDRSTRLEN];

	if (inet_ntop(family, address, text, sizeof(text)))
		buf_add_str(b, text);
}

/* The kernel's numbers, include/uapi/linux/capability.h. */
const char *const event_capability_names[EVENT_CAPABILITY_NAMES] = {
	"CAP_CHOWN",
	"CAP_DAC_OVERRIDE",
	"CAP_DAC_READ_SEARCH",
	"CAP_FOWNER",
	"CAP_FSETID",
	"CAP_KILL",
	"CAP_SETGID",
	"CAP_SETUID",
	"CAP_SETPCAP",
	"CAP_LINUX_IMMUTABLE",
	"CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST",
	"CAP_NET_ADMIN",
	"CAP_NET_RAW",
	"CAP_IPC_LOCK",
	"CAP_IPC_OWNER",
	"CAP_SYS_MODULE",
	"CAP_SYS_RAWIO",
	"CAP_SYS_CHROOT",
	"CAP_SYS_PTRACE",
	"CAP_SYS_PACCT",
	"CAP_SYS_ADMIN",
	"CAP_SYS_BOOT",
	"CAP_SYS_NICE",
	"CAP_SYS_RESOURCE",
	"CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG",
	"CAP_MKNOD",
	"CAP_LEASE",
	"CAP_AUDIT_WRITE",
	"CAP_AUDIT_CONTROL",
	"CAP_SETFCAP",
	"CAP_MAC_OVERRIDE",
	"CAP_MAC_ADMIN",
	"CAP_SYSLOG",
	"CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND",
	"CAP_AUDIT_READ",
	"CAP_PERFMON",
	"CAP_BPF",
	"CAP_CHECKPOINT_RESTORE",
};
