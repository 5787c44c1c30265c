// SPDX-License-Identifier: GPL-2.0-or-later
/* Falco's words for the numbers in arguments. Names go in its order: where two are of the same
 * bits (O_RDWR is O_RDONLY and O_WRONLY to it) the wider one stands first. */
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "collector/event_names.h"
#include "detector/field_internal.h"

#define ROW(name)                                                                                  \
	{                                                                                          \
		(uint64_t) name, #name                                                             \
	}
#define END                                                                                        \
	{                                                                                          \
		0, NULL                                                                            \
	}
#define O_LARGE	 0100000 /* the kernel's; the C library's is 0 on 64 bits */
#define NEW_TIME 0x00000080

const struct field_flag_row field_clone_flags[] = {
	ROW(CLONE_FILES),
	ROW(CLONE_FS),
	ROW(CLONE_IO),
	ROW(CLONE_NEWIPC),
	ROW(CLONE_NEWNET),
	ROW(CLONE_NEWNS),
	ROW(CLONE_NEWPID),
	ROW(CLONE_NEWUTS),
	ROW(CLONE_PARENT),
	ROW(CLONE_PARENT_SETTID),
	ROW(CLONE_PTRACE),
	ROW(CLONE_SIGHAND),
	ROW(CLONE_SYSVSEM),
	ROW(CLONE_THREAD),
	ROW(CLONE_UNTRACED),
	ROW(CLONE_VM),
	ROW(CLONE_NEWUSER),
	ROW(CLONE_CHILD_CLEARTID),
	ROW(CLONE_CHILD_SETTID),
	ROW(CLONE_SETTLS),
	ROW(CLONE_VFORK),
	ROW(CLONE_NEWCGROUP),
	{ NEW_TIME, "CLONE_NEWTIME" },
	END,
};

const struct field_flag_row field_mount_flags[] = {
	{ MS_RDONLY, "RDONLY" },
	{ MS_NOSUID, "NOSUID" },
	{ MS_NODEV, "NODEV" },
	{ MS_NOEXEC, "NOEXEC" },
	{ MS_SYNCHRONOUS, "SYNCHRONOUS" },
	{ MS_REMOUNT, "REMOUNT" },
	{ MS_MANDLOCK, "MANDLOCK" },
	{ MS_DIRSYNC, "DIRSYNC" },
	{ MS_NOATIME, "NOATIME" },
	{ MS_NODIRATIME, "NODIRATIME" },
	{ MS_BIND, "BIND" },
	{ MS_MOVE, "MOVE" },
	{ MS_REC, "REC" },
	{ MS_SILENT, "SILENT" },
	{ MS_POSIXACL, "POSIXACL" },
	{ MS_UNBINDABLE, "UNBINDABLE" },
	{ MS_PRIVATE, "PRIVATE" },
	{ MS_SLAVE, "SLAVE" },
	{ MS_SHARED, "SHARED" },
	{ MS_RELATIME, "RELATIME" },
	{ MS_KERNMOUNT, "KERNMOUNT" },
	{ MS_I_VERSION, "I_VERSION" },
	{ MS_STRICTATIME, "STRICTATIME" },
	{ MS_LAZYTIME, "LAZYTIME" },
	END,
};

const struct field_flag_row field_umount_flags[] = {
	{ MNT_FORCE, "FORCE" },
	{ MNT_DETACH, "DETACH" },
	{ MNT_EXPIRE, "EXPIRE" },
	{ UMOUNT_NOFOLLOW, "NOFOLLOW" },
	END,
};

const struct field_flag_row field_unlinkat_flags[] = { ROW(AT_REMOVEDIR), END };
const struct field_flag_row field_linkat_flags[] = { ROW(AT_SYMLINK_FOLLOW), ROW(AT_EMPTY_PATH),
						     END };
const struct field_flag_row field_fchownat_flags[] = { ROW(AT_SYMLINK_NOFOLLOW), ROW(AT_EMPTY_PATH),
						       END };
const struct field_flag_row field_renameat2_flags[] = {
	{ 1, "RENAME_NOREPLACE" },
	{ 2, "RENAME_EXCHANGE" },
	{ 4, "RENAME_WHITEOUT" },
	END,
};
const struct field_flag_row field_resolve_flags[] = {
	{ 0x08, "RESOLVE_BENEATH" },
	{ 0x10, "RESOLVE_IN_ROOT" },
	{ 0x02, "RESOLVE_NO_MAGICLINKS" },
	{ 0x04, "RESOLVE_NO_SYMLINKS" },
	{ 0x01, "RESOLVE_NO_XDEV" },
	{ 0x20, "RESOLVE_CACHED" },
	END,
};
const struct field_flag_row field_memfd_flags[] = {
	{ 1, "MFD_CLOEXEC" },
	{ 2, "MFD_ALLOW_SEALING" },
	{ 4, "MFD_HUGETLB" },
	END,
};
const struct field_flag_row field_prot_flags[] = {
	ROW(PROT_READ),
	ROW(PROT_WRITE),
	ROW(PROT_EXEC),
	{ 0x8, "PROT_SEM" },
	ROW(PROT_GROWSDOWN),
	ROW(PROT_GROWSUP),
	END,
};
const struct field_flag_row field_map_flags[] = {
	{ 3, "MAP_SHARED_VALIDATE" },
	ROW(MAP_SHARED),
	ROW(MAP_PRIVATE),
	ROW(MAP_FIXED),
	ROW(MAP_ANONYMOUS),
	ROW(MAP_32BIT),
	{ 0x100000, "MAP_FIXED_NOREPLACE" },
	ROW(MAP_NORESERVE),
	ROW(MAP_POPULATE),
	ROW(MAP_NONBLOCK),
	ROW(MAP_GROWSDOWN),
	ROW(MAP_DENYWRITE),
	ROW(MAP_EXECUTABLE),
	ROW(MAP_LOCKED),
	ROW(MAP_STACK),
	ROW(MAP_HUGETLB),
	END,
};
const struct field_flag_row field_fsconfig_commands[] = {
	{ 1, "FSCONFIG_SET_STRING" },	   { 2, "FSCONFIG_SET_BINARY" },
	{ 3, "FSCONFIG_SET_PATH" },	   { 4, "FSCONFIG_SET_PATH_EMPTY" },
	{ 5, "FSCONFIG_SET_FD" },	   { 6, "FSCONFIG_CMD_CREATE" },
	{ 7, "FSCONFIG_CMD_RECONFIGURE" }, { 8, "FSCONFIG_CMD_CREATE_EXCL" },
	{ 0, "FSCONFIG_SET_FLAG" },	   END,
};
const struct field_flag_row field_dup3_flags[] = { ROW(O_CLOEXEC), END };
const struct field_flag_row field_module_flags[] = {
	{ 1, "MODULE_INIT_IGNORE_MODVERSIONS" },
	{ 2, "MODULE_INIT_IGNORE_VERMAGIC" },
	{ 4, "MODULE_INIT_COMPRESSED_FILE" },
	END,
};
const struct field_flag_row field_delete_module_flags[] = { ROW(O_NONBLOCK), ROW(O_TRUNC), END };
const struct field_flag_row field_access_modes[] = {
	{ 1, "X_OK" },
	{ 2, "W_OK" },
	{ 4, "R_OK" },
	END,
};
const struct field_flag_row field_fcntl_commands[] = {
	{ 1030, "F_DUPFD_CLOEXEC" },
	{ 0, "F_DUPFD" },
	END,
};

#define MODE_BITS                                                                                  \
	ROW(S_IXOTH), ROW(S_IWOTH), ROW(S_IROTH), ROW(S_IXGRP), ROW(S_IWGRP), ROW(S_IRGRP),        \
		ROW(S_IXUSR), ROW(S_IWUSR), ROW(S_IRUSR), ROW(S_ISVTX), ROW(S_ISGID), ROW(S_ISUID)
const struct field_flag_row field_chmod_modes[] = { MODE_BITS, END };
const struct field_flag_row field_mknod_modes[] = { MODE_BITS,	  ROW(S_IFSOCK), ROW(S_IFREG),
						    ROW(S_IFBLK), ROW(S_IFCHR),	 ROW(S_IFIFO),
						    END };

const struct field_flag_row field_families[] = {
	ROW(AF_UNIX),
	ROW(AF_INET),
	ROW(AF_AX25),
	ROW(AF_IPX),
	ROW(AF_APPLETALK),
	ROW(AF_NETROM),
	ROW(AF_BRIDGE),
	ROW(AF_ATMPVC),
	ROW(AF_X25),
	ROW(AF_INET6),
	ROW(AF_ROSE),
	ROW(AF_DECnet),
	ROW(AF_NETBEUI),
	ROW(AF_SECURITY),
	ROW(AF_KEY),
	ROW(AF_NETLINK),
	ROW(AF_PACKET),
	ROW(AF_ASH),
	ROW(AF_ECONET),
	ROW(AF_ATMSVC),
	ROW(AF_RDS),
	ROW(AF_SNA),
	ROW(AF_IRDA),
	ROW(AF_PPPOX),
	ROW(AF_WANPIPE),
	ROW(AF_LLC),
	ROW(AF_CAN),
	ROW(AF_TIPC),
	ROW(AF_BLUETOOTH),
	ROW(AF_IUCV),
	ROW(AF_RXRPC),
	ROW(AF_ISDN),
	ROW(AF_PHONET),
	ROW(AF_IEEE802154),
	ROW(AF_CAIF),
	ROW(AF_ALG),
	ROW(AF_NFC),
	ROW(AF_VSOCK),
	{ 44, "AF_XDP" },
	{ 0, "AF_UNSPEC" },
	END,
};

static void add_word(struct field_text *t, const char *word)
{
	if (t->n > 0)
		field_text_add_char(t, '|');
	field_text_add(t, span_str(word));
}

struct span field_flag_text(struct field_event *ev, const struct field_flag_row *rows,
			    uint64_t value)
{
	struct field_text t = field_text_begin(ev);

	for (; rows->name && value; rows++) {
		if (!rows->value || (value & rows->value) != rows->value)
			continue;
		add_word(&t, rows->name);
		value &= ~rows->value;
	}
	return field_text_end(&t);
}

const char *field_enum_text(const struct field_flag_row *rows, uint64_t value)
{
	for (; rows->name; rows++)
		if (rows->value == value)
			return rows->name;
	return NULL;
}

/* --- open and exec: some of the words are no bits of the call ------------------------------ */
static const char *access_word(uint32_t flags)
{
	if (flags & O_PATH)
		return NULL;
	switch (flags & O_ACCMODE) {
	case O_RDONLY:
		return "O_RDONLY";
	case O_WRONLY:
		return "O_WRONLY";
	}
	return "O_RDWR";
}

static void add_access(struct field_text *t, uint32_t flags)
{
	const char *word = access_word(flags);

	if (word)
		add_word(t, word);
}

static void add_file_flags(struct field_text *t, const struct event_open *o, bool done)
{
	if (done && (o->access & ACCESS_CREATE))
		add_word(t, "O_F_CREATED");
	if (o->file.flags & FILE_UPPER)
		add_word(t, "FD_UPPER_LAYER");
	else if (o->file.flags & FILE_OVERLAY)
		add_word(t, "FD_LOWER_LAYER");
}

struct span field_open_flags(struct field_event *ev)
{
	static const struct field_flag_row before[] = {
		{ O_LARGE, "O_LARGEFILE" },
		ROW(O_DIRECTORY),
		ROW(O_DIRECT),
		ROW(O_TRUNC),
		ROW(O_SYNC),
		ROW(O_NONBLOCK),
		ROW(O_EXCL),
		ROW(O_DSYNC),
		ROW(O_APPEND),
		ROW(O_CREAT),
		END,
	};
	const struct event_open *o = ev->view->open;
	bool temporary = (o->flags & O_TMPFILE) == O_TMPFILE;
	uint32_t left = temporary ? o->flags & ~(uint32_t)O_TMPFILE : o->flags;
	struct field_text t = field_text_begin(ev);

	for (const struct field_flag_row *f = before; f->name; f++) {
		if ((left & f->value) != f->value)
			continue;
		add_word(&t, f->name);
		left &= ~(uint32_t)f->value;
	}
	add_access(&t, o->flags);
	if (o->flags & O_CLOEXEC)
		add_word(&t, "O_CLOEXEC");
	if (temporary)
		add_word(&t, "O_TMPFILE");
	if (o->flags & O_PATH)
		add_word(&t, "O_PATH");
	add_file_flags(&t, o, ev->view->head->result >= 0);
	return field_text_end(&t);
}

struct span field_exec_flags(struct field_event *ev)
{
	const struct event_file *f = &ev->view->exec->file;
	struct field_text t = field_text_begin(ev);

	if (ev->view->head->result < 0 || !(f->flags & FILE_KNOWN))
		return field_text_end(&t);
	if (field_exe_writable(ev, f))
		add_word(&t, "EXE_WRITABLE");
	if (f->flags & FILE_UPPER)
		add_word(&t, "EXE_UPPER_LAYER");
	if (f->flags & FILE_MEMORY)
		add_word(&t, "EXE_FROM_MEMFD");
	if ((f->flags & (FILE_OVERLAY | FILE_UPPER)) == FILE_OVERLAY)
		add_word(&t, "EXE_LOWER_LAYER");
	return field_text_end(&t);
}

/* --- capabilities, signals ----------------------------------------------------------------- */
struct span field_caps_text(struct field_event *ev, uint64_t caps)
{
	struct field_text t = field_text_begin(ev);

	for (size_t i = 0; i < EVENT_CAPABILITY_NAMES; i++) {
		if (!(caps >> i & 1))
			continue;
		if (t.n > 0)
			field_text_add_char(&t, ' ');
		field_text_add(&t, span_str(event_capability_names[i]));
	}
	return field_text_end(&t);
}

const char *field_signal_name(uint32_t sig)
{
	static const char *const names[] = {
		NULL,	    "SIGHUP",  "SIGINT",    "SIGQUIT", "SIGILL",  "SIGTRAP",   "SIGABRT",
		"SIGBUS",   "SIGFPE",  "SIGKILL",   "SIGUSR1", "SIGSEGV", "SIGUSR2",   "SIGPIPE",
		"SIGALRM",  "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP",   "SIGTSTP",
		"SIGTTIN",  "SIGTTOU", "SIGURG",    "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF",
		"SIGWINCH", "SIGIO",   "SIGPWR",    "SIGSYS",
	};

	return sig < sizeof(names) / sizeof(names[0]) ? names[sig] : NULL;
}
