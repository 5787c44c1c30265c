/* SPDX-License-Identifier: GPL-2.0-or-later */
/* field_internal - what the files of field share: texts put together in an event's scratch, the
 * names and the descriptor of an event, and the getters that the table names. */
#ifndef BULKHEAD_FIELD_INTERNAL_H
#define BULKHEAD_FIELD_INTERNAL_H

#include "detector/field.h"

#define FIELD_NA       SPAN_LIT("<NA>")
#define FIELD_SHORT_ID 12 /* digits of a container's id */

/* --- texts (field_text.c) --------------------------------------------------------------------
 * One at a time: what is begun must be ended before the next begins. */
struct field_text {
	struct field_event *ev;
	char *p;
	size_t n, cap;
};
struct field_text field_text_begin(struct field_event *ev);
void field_text_add(struct field_text *t, struct span s);
void field_text_add_char(struct field_text *t, char c);
void field_text_add_i64(struct field_text *t, int64_t v);
void field_text_printf(struct field_text *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
struct span field_text_end(struct field_text *t);

/* One value, or none; they return how many. */
size_t field_text_value(struct field_value *out, size_t cap, struct span s); /* p NULL: none */
size_t field_int_value(struct field_value *out, size_t cap, int64_t v);
size_t field_uint_value(struct field_value *out, size_t cap, uint64_t v);
size_t field_bool_value(struct field_value *out, size_t cap, bool v);
size_t field_ip_value(struct field_value *out, size_t cap, const uint8_t *bytes, uint8_t length);

struct span field_until_nul(struct span s);
void field_add_address(struct field_text *t, const uint8_t *bytes, uint8_t length);
uint32_t field_encode_device(uint32_t device); /* as stat(2) and Falco number it */

/* --- names of files (field_path.c) -----------------------------------------------------------
 * nth: 0 or 1. p NULL: the event has no such name. */
struct span field_path(struct field_event *ev, unsigned nth);	  /* by ev->reading */
struct span field_path_raw(struct field_event *ev, unsigned nth); /* as it was passed */
/* As it was passed, but for a relative one: evt.arg's form. */
struct span field_path_argument(struct field_event *ev, unsigned nth);
struct span field_directory(struct span path);
struct span field_filename(struct span path);

/* --- the descriptor of an event (field_fd.c) -------------------------------------------------*/
enum fd_kind {
	FD_NONE,
	FD_FILE,
	FD_DIRECTORY,
	FD_IPV4,
	FD_IPV6,
	FD_UNIX,
	FD_NETLINK,
	FD_MEMFD,
	FD_BPF,
	FD_USERFAULTFD,
	FD_IO_URING,
	FD_OTHER,
	FD_KINDS
};
struct field_fd {
	enum fd_kind kind;
	bool failed; /* the call that should have made it did not */
	bool has_number;
	int64_t number;
	const struct event_network *network; /* of a socket, else NULL */
	const struct event_file *file;	     /* where its fields are filled, else NULL */
};
bool field_fd_of(const struct field_event *ev, struct field_fd *out);
const char *field_fd_type(enum fd_kind k);
char field_fd_char(enum fd_kind k);
struct span field_fd_name(struct field_event *ev);

/* --- a socket's ends (field_socket.c) --------------------------------------------------------*/
struct field_end {
	bool known;
	uint8_t address[16];
	uint8_t length; /* 4 or 16 */
	uint16_t port;	/* the host's byte order */
};
struct field_socket {
	struct field_end local, remote;
	struct field_end client, server;
	bool listens; /* bound or listening: has a server's end alone */
};
bool field_socket_of(const struct field_event *ev, struct field_socket *out);
struct span field_socket_name(struct field_event *ev);
struct span field_l4proto(const struct event_network *n);
bool field_is_connected(const struct field_event *ev, const struct event_network *n);

/* --- the process (field_proc.c) --------------------------------------------------------------*/
struct field_ids { /* of the event's head, or the table's where the head is of nobody */
	uint32_t pid, tid, ns_pid, ns_tid, uid, gid, euid, egid, loginuid, tty, session;
};
bool field_ids_of(const struct field_event *ev, struct field_ids *out);
const struct process *field_parent(const struct process *p); /* NULL: gone and not known */
struct span field_comm(const struct field_event *ev, const struct process *p);
struct span field_exe(const struct field_event *ev, const struct process *p); /* argv[0] */
struct span field_exepath(const struct field_event *ev, const struct process *p);
struct span field_args(struct field_event *ev, const struct process *p);    /* joined */
struct span field_cmdline(struct field_event *ev, const struct process *p); /* comm and args */
struct span field_cwd(struct field_event *ev);
/* Which of these is meant, for the getters with a param. */
enum proc_text { PROC_NAME, PROC_EXE, PROC_EXEPATH, PROC_ARGS, PROC_CMDLINE, PROC_EXELINE };
struct span field_proc_text(struct field_event *ev, const struct process *p, enum proc_text what);
const struct event_caps *field_caps(const struct field_event *ev);
const struct event_file *field_exe_file(const struct field_event *ev);
bool field_exe_writable(const struct field_event *ev, const struct event_file *f);

/* --- users (field_user.c) --------------------------------------------------------------------*/
struct span field_user_name(struct field_event *ev, uint32_t uid);
struct span field_group_name(struct field_event *ev, uint32_t gid);

/* --- the container (field_container.c) -------------------------------------------------------*/
struct span field_container_id(const struct field_event *ev); /* short; "host"; p NULL: not known */

/* --- words for numbers (field_flags.c) -------------------------------------------------------*/
struct field_flag_row {
	uint64_t value;
	const char *name;
};
/* Those whose bits are all set, joined by '|', each bit told once, as Falco does. */
struct span field_flag_text(struct field_event *ev, const struct field_flag_row *rows,
			    uint64_t value);
const char *field_enum_text(const struct field_flag_row *rows, uint64_t value); /* or NULL */
struct span field_open_flags(struct field_event *ev);
struct span field_exec_flags(struct field_event *ev);
struct span field_caps_text(struct field_event *ev, uint64_t caps);
const char *field_signal_name(uint32_t sig);
extern const struct field_flag_row field_clone_flags[], field_mount_flags[], field_umount_flags[],
	field_unlinkat_flags[], field_linkat_flags[], field_renameat2_flags[],
	field_resolve_flags[], field_chmod_modes[], field_mknod_modes[], field_access_modes[],
	field_families[], field_memfd_flags[], field_fchownat_flags[], field_fcntl_commands[],
	field_dup3_flags[], field_module_flags[], field_delete_module_flags[], field_prot_flags[],
	field_map_flags[], field_fsconfig_commands[];

/* --- arguments (field_arg.c) -----------------------------------------------------------------*/
bool field_arg_find(struct span name, uint16_t *id);  /* of any event */
bool field_arg_is_path(uint16_t id);		      /* differs between the readings somewhere */
bool field_arg_of_type(uint16_t id, enum evt_type t); /* events of this type have it */
size_t field_arg_count(enum evt_type t);

/* --- getters ---------------------------------------------------------------------------------*/
#define GETTERS(G)                                                                                 \
	G(evt_num)                                                                                 \
	G(evt_time)                                                                                \
	G(evt_time_text)                                                                           \
	G(evt_constant)                                                                            \
	G(evt_type)                                                                                \
	G(evt_type_is)                                                                             \
	G(evt_category)                                                                            \
	G(evt_args)                                                                                \
	G(evt_arg)                                                                                 \
	G(evt_buffer)                                                                              \
	G(evt_buflen)                                                                              \
	G(evt_res)                                                                                 \
	G(evt_rawres)                                                                              \
	G(evt_failed)                                                                              \
	G(evt_io)                                                                                  \
	G(evt_iodir)                                                                               \
	G(evt_open)                                                                                \
	G(evt_abspath)                                                                             \
	G(evt_hostname)                                                                            \
	G(evt_syslog)                                                                              \
	G(evt_error)                                                                               \
	G(proc_text)                                                                               \
	G(proc_parent_text)                                                                        \
	G(proc_ancestors)                                                                          \
	G(proc_ancestor_pids)                                                                      \
	G(proc_arg_count)                                                                          \
	G(proc_env)                                                                                \
	G(proc_cwd)                                                                                \
	G(proc_id)                                                                                 \
	G(proc_login_shell)                                                                        \
	G(proc_session_text)                                                                       \
	G(proc_duration)                                                                           \
	G(proc_start)                                                                              \
	G(proc_exe_is)                                                                             \
	G(proc_exe_inode)                                                                          \
	G(exec_outside)                                                                            \
	G(proc_group_leader)                                                                       \
	G(proc_leader)                                                                             \
	G(proc_pidns_start)                                                                        \
	G(thread_caps)                                                                             \
	G(thread_is_main)                                                                          \
	G(fd_num)                                                                                  \
	G(fd_type)                                                                                 \
	G(fd_name)                                                                                 \
	G(fd_nameraw)                                                                              \
	G(fd_part)                                                                                 \
	G(fd_device)                                                                               \
	G(fd_inode)                                                                                \
	G(fd_uid)                                                                                  \
	G(fd_container)                                                                            \
	G(fd_ip)                                                                                   \
	G(fd_port)                                                                                 \
	G(fd_port_text)                                                                            \
	G(fd_l4proto)                                                                              \
	G(fd_sockfamily)                                                                           \
	G(fd_is)                                                                                   \
	G(fd_name_of)                                                                              \
	G(fs_path)                                                                                 \
	G(user_id)                                                                                 \
	G(user_text)                                                                               \
	G(group_text)                                                                              \
	G(container_id)                                                                            \
	G(container_text)                                                                          \
	G(container_image)                                                                         \
	G(container_bool)                                                                          \
	G(container_time)                                                                          \
	G(container_mounts)                                                                        \
	G(container_mount)                                                                         \
	G(container_label)                                                                         \
	G(container_labels)                                                                        \
	G(k8s_text)                                                                                \
	G(missing)

#define G(name)                                                                                    \
	size_t get_##name(const struct field_ref *r, struct field_event *ev,                       \
			  struct field_value *out, size_t cap);
GETTERS(G)
#undef G

/* What the params of getters mean. */
enum { EVT_TIME_TEXT, EVT_TIME_SECONDS, EVT_DATE_TEXT, EVT_DATE_SECONDS };
enum { EVT_RAW_TIME, EVT_RAW_SECONDS, EVT_RAW_REST };
enum { EVT_DIR, EVT_SOURCE };
enum { EVT_IS_IO, EVT_IS_READ, EVT_IS_WRITE };
enum { EVT_OPEN_READ, EVT_OPEN_WRITE, EVT_OPEN_EXEC, EVT_OPEN_CREATE };
enum { EVT_ERROR, EVT_ERROR_FILE, EVT_ERROR_NET, EVT_ERROR_OTHER, EVT_ONE };
enum { PROC_PID, PROC_PPID, PROC_VPID, PROC_PVPID, PROC_SID, PROC_TTY, THREAD_TID, THREAD_VTID };
enum { PROC_SELF, PROC_PARENT };
enum { PROC_ARG_COUNT, PROC_ARG_BYTES };
enum { EXE_WRITABLE, EXE_UPPER, EXE_LOWER, EXE_MEMFD };
enum { CAPS_EFFECTIVE, CAPS_PERMITTED, CAPS_INHERITABLE };
enum { FD_DIRECTORY_OF, FD_FILENAME_OF };
enum { FD_DEV, FD_DEV_MAJOR, FD_DEV_MINOR };
enum { FD_CONNECTED, FD_NAME_CHANGED, FD_IS_SERVER };
enum { FD_CONTAINER_NAME, FD_CONTAINER_DIRECTORY };
enum { END_CLIENT, END_SERVER, END_LOCAL, END_REMOTE, END_BOTH };
enum { FS_NAME, FS_SOURCE, FS_TARGET, FS_RAW = 8 };
enum { USER_UID, USER_LOGINUID, GROUP_GID };
enum { USER_NAME, USER_HOME, USER_LOGINNAME };
enum { CONTAINER_FULL_ID, CONTAINER_NAME, CONTAINER_TYPE };
enum { IMAGE_WHOLE, IMAGE_ID, IMAGE_REPOSITORY, IMAGE_TAG, IMAGE_DIGEST };
enum { CONTAINER_PRIVILEGED, CONTAINER_HOST_PID, CONTAINER_HOST_NETWORK, CONTAINER_HOST_IPC };
enum { CONTAINER_START, CONTAINER_CREATED, CONTAINER_DURATION };
enum { MOUNT_WHOLE, MOUNT_SOURCE, MOUNT_DEST, MOUNT_MODE, MOUNT_RDWR };
enum { K8S_POD_NAME, K8S_NS_NAME, K8S_POD_UID, K8S_SANDBOX, K8S_FULL_SANDBOX };

extern const struct field_def field_rows[];

#endif
