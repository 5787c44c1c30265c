// SPDX-License-Identifier: GPL-2.0-or-later
/* fd.*: the descriptor that a call made or used, where it is no socket's address. */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "detector/field_internal.h"

static const struct {
	const char *type;
	char letter;
} kinds[FD_KINDS] = {
	[FD_NONE] = { "", 'o' },
	[FD_FILE] = { "file", 'f' },
	[FD_DIRECTORY] = { "directory", 'd' },
	[FD_IPV4] = { "ipv4", '4' },
	[FD_IPV6] = { "ipv6", '6' },
	[FD_UNIX] = { "unix", 'u' },
	[FD_NETLINK] = { "netlink", 'n' },
	[FD_MEMFD] = { "memfd", 'm' },
	[FD_BPF] = { "bpf", 'b' },
	[FD_USERFAULTFD] = { "userfaultfd", 'u' },
	[FD_IO_URING] = { "io_uring", 'r' },
	[FD_OTHER] = { "<NA>", 'o' },
};

const char *field_fd_type(enum fd_kind k)
{
	return kinds[k].type;
}

char field_fd_char(enum fd_kind k)
{
	return kinds[k].letter;
}

static bool is_mapped(const uint8_t *a)
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(a, prefix, sizeof(prefix)) == 0;
}

static enum fd_kind socket_kind(const struct event_network *n)
{
	switch (n->family) {
	case AF_INET:
		return FD_IPV4;
	case AF_INET6: /* an IPv4 peer of a socket that takes both is told as what it is */
		return is_mapped(n->remote) || is_mapped(n->local) ? FD_IPV4 : FD_IPV6;
	case AF_UNIX:
		return FD_UNIX;
	case AF_NETLINK:
		return FD_NETLINK;
	}
	return FD_OTHER;
}

static void of_socket(struct field_fd *fd, const struct event_head *h,
		      const struct event_network *n)
{
	fd->network = n;
	fd->kind = socket_kind(n);
	fd->number = n->fd;
	fd->has_number = !(h->flags & EVENT_NO_TASK);
	if ((h->type == EVENT_SOCKET || h->type == EVENT_ACCEPT) && h->result < 0) {
		fd->failed = true;
		fd->number = -1;
	}
}

/* Calls that make a descriptor of their own kind. */
static void of_result(struct field_fd *fd, const struct event_head *h, enum fd_kind kind)
{
	fd->kind = kind;
	fd->failed = h->result < 0;
	fd->has_number = true;
	fd->number = h->result < 0 ? -1 : h->result;
}

static bool of_call(struct field_fd *fd, const struct field_event *ev)
{
	const struct event_head *h = ev->view->head;
	const struct event_call *c = ev->view->call;

	switch (h->type) {
	case EVENT_DUP:
		of_socket(fd, h, &c->socket);
		fd->number = h->result;
		return true;
	case EVENT_MEMFD_CREATE:
		of_result(fd, h, FD_MEMFD);
		break;
	case EVENT_BPF:
		of_result(fd, h, FD_BPF);
		return true;
	case EVENT_USERFAULTFD:
		of_result(fd, h, FD_USERFAULTFD);
		return true;
	case EVENT_IO_URING_SETUP:
		of_result(fd, h, FD_IO_URING);
		return true;
	case EVENT_NEW_MOUNT:
		if (ev->type == EVT_FSCONFIG || ev->type == EVT_MOUNT_SETATTR)
			return false;
		of_result(fd, h, FD_OTHER);
		return true;
	case EVENT_PIDFD_GETFD: /* what came over may be of any kind */
		of_result(fd, h, c->file.flags & FILE_KNOWN ? FD_FILE : FD_OTHER);
		break;
	case EVENT_MMAP:
		if (!(c->file.flags & FILE_KNOWN))
			return false;
		fd->kind = FD_FILE;
		fd->has_number = true;
		fd->number = (int32_t)c->args[4];
		break;
	case EVENT_KEXEC:
		if (ev->type != EVT_KEXEC_FILE_LOAD)
			return false;
		fd->kind = FD_FILE;
		fd->has_number = true;
		fd->number = (int32_t)c->args[0];
		break;
	case EVENT_INIT_MODULE:
		if (ev->type != EVT_FINIT_MODULE)
			return false;
		__attribute__((fallthrough));
	case EVENT_SETNS:
		fd->kind = FD_FILE;
		fd->has_number = true;
		fd->number = (int32_t)c->args[0];
		break;
	default:
		return false;
	}
	fd->file = c->file.flags & FILE_KNOWN ? &c->file : NULL;
	return true;
}

static void of_open(struct field_fd *fd, const struct event_head *h, const struct event_open *o)
{
	/* By the flags, not by what was found: rules that want 'f' see directories that were opened
	 * without O_DIRECTORY, as in Falco. */
	of_result(fd, h,
		  h->result >= 0 && (o->flags & O_DIRECTORY) && (o->flags & O_TMPFILE) != O_TMPFILE
			  ? FD_DIRECTORY
			  : FD_FILE);
	fd->file = o->file.flags & FILE_KNOWN ? &o->file : NULL;
}

static bool uses_descriptor(enum evt_type t)
{
	return t == EVT_FCHMOD || t == EVT_FCHOWN || t == EVT_FTRUNCATE || t == EVT_FSETXATTR;
}

bool field_fd_of(const struct field_event *ev, struct field_fd *out)
{
	const struct event_view *v = ev->view;

	*out = (struct field_fd){ .kind = FD_NONE };
	switch (event_type_shape((enum event_type)v->head->type)) {
	case SHAPE_OPEN:
		of_open(out, v->head, v->open);
		return true;
	case SHAPE_NETWORK:
		of_socket(out, v->head, v->network);
		return true;
	case SHAPE_CALL:
		return of_call(out, ev);
	case SHAPE_PATH:
		if (!uses_descriptor(ev->type))
			return false;
		out->kind = FD_FILE; /* its number is not in the event */
		out->file = v->path->file.flags & FILE_KNOWN ? &v->path->file : NULL;
		return true;
	case SHAPE_EXEC:
	case SHAPE_FORK:
	case SHAPE_EXIT:
		break;
	}
	return false;
}

/* "memfd:name", as the kernel calls its file. */
static struct span memfd_name(struct field_event *ev)
{
	struct field_text t = field_text_begin(ev);

	field_text_add(&t, SPAN_LIT("memfd:"));
	field_text_add(&t, ev->view->strings[TAG_NAME]);
	return field_text_end(&t);
}

struct span field_fd_name(struct field_event *ev)
{
	struct field_fd fd;

	if (!field_fd_of(ev, &fd))
		return (struct span){ NULL, 0 };
	if (fd.network)
		return fd.failed ? SPAN_LIT("") : field_socket_name(ev);
	if (fd.kind == FD_MEMFD)
		return memfd_name(ev);
	if (fd.kind == FD_FILE || fd.kind == FD_DIRECTORY)
		return field_path(ev, 0);
	return SPAN_LIT("");
}

/* --- getters ------------------------------------------------------------------------------- */
size_t get_fd_num(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		  size_t cap)
{
	struct field_fd fd;

	(void)r;
	return field_fd_of(ev, &fd) && fd.has_number ? field_int_value(out, cap, fd.number) : 0;
}

static struct span letter_text(char c)
{
	static const char letters[] = "fd46unmbro";
	const char *p = strchr(letters, c);

	return (struct span){ p ? p : letters, 1 };
}

/* param 0: the word, 1: the letter, which a failed call has too */
size_t get_fd_type(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		   size_t cap)
{
	struct field_fd fd;

	if (!field_fd_of(ev, &fd))
		return 0;
	if (r->def->param)
		return field_text_value(out, cap, letter_text(field_fd_char(fd.kind)));
	return fd.failed ? 0 : field_text_value(out, cap, span_str(field_fd_type(fd.kind)));
}

size_t get_fd_name(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		   size_t cap)
{
	(void)r;
	return field_text_value(out, cap, field_fd_name(ev));
}

/* Without repeated slashes, otherwise as it was passed. */
static struct span single_slashes(struct field_event *ev, struct span s)
{
	if (!s.p || !memmem(s.p, s.n, "//", 2))
		return s;
	struct field_text t = field_text_begin(ev);

	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != '/' || i == 0 || s.p[i - 1] != '/')
			field_text_add_char(&t, s.p[i]);
	return field_text_end(&t);
}

size_t get_fd_nameraw(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		      size_t cap)
{
	struct field_fd fd;

	(void)r;
	if (!field_fd_of(ev, &fd) || (fd.kind != FD_FILE && fd.kind != FD_DIRECTORY))
		return 0;
	struct span raw = field_path_raw(ev, 0);

	return field_text_value(out, cap, single_slashes(ev, raw.p ? raw : field_path(ev, 0)));
}

/* fd.directory, fd.filename */
static struct span part_of(struct field_event *ev, bool filename)
{
	struct field_fd fd;
	struct span none = { NULL, 0 };

	if (!field_fd_of(ev, &fd) || (fd.kind != FD_FILE && fd.kind != FD_DIRECTORY))
		return none;
	struct span name = field_path(ev, 0);

	if (!name.p)
		return none;
	if (filename)
		return fd.failed || fd.kind != FD_FILE ? none : field_filename(name);
	return fd.kind == FD_DIRECTORY ? name : field_directory(name);
}

size_t get_fd_part(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		   size_t cap)
{
	return field_text_value(out, cap, part_of(ev, r->def->param == FD_FILENAME_OF));
}

size_t get_fd_container(const struct field_ref *r, struct field_event *ev, struct field_value *out,
			size_t cap)
{
	struct span name = r->def->param == FD_CONTAINER_NAME ? field_fd_name(ev)
							      : part_of(ev, false);
	struct span id = field_container_id(ev);

	if (!name.p || !id.p)
		return 0;
	struct field_text t = field_text_begin(ev);

	field_text_add(&t, id);
	field_text_add_char(&t, ':');
	field_text_add(&t, name);
	return field_text_value(out, cap, field_text_end(&t));
}

size_t get_fd_device(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		     size_t cap)
{
	struct field_fd fd;

	if (!field_fd_of(ev, &fd) || !fd.file)
		return 0;
	switch (r->def->param) {
	case FD_DEV_MAJOR:
		return field_int_value(out, cap, fd.file->device >> 20);
	case FD_DEV_MINOR:
		return field_int_value(out, cap, fd.file->device & 0xfffff);
	}
	return field_int_value(out, cap, field_encode_device(fd.file->device));
}

size_t get_fd_inode(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		    size_t cap)
{
	struct field_fd fd;

	(void)r;
	return field_fd_of(ev, &fd) && fd.file ? field_int_value(out, cap, (int64_t)fd.file->inode)
					       : 0;
}

/* The number of the thread and that of the descriptor, one after the other. */
size_t get_fd_uid(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		  size_t cap)
{
	struct field_ids ids;
	struct field_fd fd;

	(void)r;
	if (!field_fd_of(ev, &fd) || !fd.has_number || !field_ids_of(ev, &ids))
		return 0;
	struct field_text t = field_text_begin(ev);

	field_text_printf(&t, "%u%lld", ids.tid, (long long)fd.number);
	return field_text_value(out, cap, field_text_end(&t));
}
