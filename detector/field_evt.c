// SPDX-License-Identifier: GPL-2.0-or-later
/* evt.*: the event itself. */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "collector/event_names.h"
#include "detector/field_internal.h"

#define NS_PER_S 1000000000ULL
#define BIT(t)	 EVENT_BIT(EVENT_##t)

static uint64_t unix_ns(const struct field_event *ev)
{
	return ev->view->head->boot_ns + ev->context->unix_minus_boot_ns;
}

size_t get_missing(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		   size_t cap)
{
	(void)r;
	(void)ev;
	(void)out;
	(void)cap;
	return 0;
}

size_t get_evt_num(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		   size_t cap)
{
	(void)r;
	return field_uint_value(out, cap, ev->number);
}

size_t get_evt_time(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		    size_t cap)
{
	uint64_t ns = unix_ns(ev);

	if (r->def->param == EVT_RAW_SECONDS)
		ns /= NS_PER_S;
	else if (r->def->param == EVT_RAW_REST)
		ns %= NS_PER_S;
	return field_uint_value(out, cap, ns);
}

/* In UTC: what a rule matches must not depend on where the machine stands. */
size_t get_evt_time_text(const struct field_ref *r, struct field_event *ev, struct field_value *out,
			 size_t cap)
{
	uint64_t ns = unix_ns(ev);
	time_t s = (time_t)(ns / NS_PER_S);
	struct tm tm = { .tm_year = 70, .tm_mday = 1 };
	struct field_text t = field_text_begin(ev);
	int what = r->def->param;

	gmtime_r(&s, &tm);
	if (what == EVT_DATE_TEXT || what == EVT_DATE_SECONDS)
		field_text_printf(&t, "%04d-%02d-%02d ", tm.tm_year + 1900, tm.tm_mon + 1,
				  tm.tm_mday);
	field_text_printf(&t, "%02d:%02d:%02d", tm.tm_hour, tm.tm_min, tm.tm_sec);
	if (what == EVT_TIME_TEXT || what == EVT_DATE_TEXT)
		field_text_printf(&t, ".%09u", (unsigned)(ns % NS_PER_S));
	return field_text_value(out, cap, field_text_end(&t));
}

size_t get_evt_constant(const struct field_ref *r, struct field_event *ev, struct field_value *out,
			size_t cap)
{
	(void)ev;
	return field_text_value(out, cap,
				r->def->param == EVT_DIR ? SPAN_LIT("<") : SPAN_LIT("syscall"));
}

/* param 1: system calls alone */
size_t get_evt_type(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		    size_t cap)
{
	if (ev->type == EVT_NONE || (r->def->param && ev->view->head->syscall < 0 &&
				     !(BIT(EXEC) & EVENT_BIT(ev->view->head->type))))
		return 0;
	return field_text_value(out, cap, span_str(evt_type_name(ev->type)));
}

size_t get_evt_type_is(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		       size_t cap)
{
	return field_uint_value(out, cap, strcmp(r->arg, evt_type_name(ev->type)) == 0);
}

size_t get_evt_category(const struct field_ref *r, struct field_event *ev, struct field_value *out,
			size_t cap)
{
	uint64_t bit = EVENT_BIT(ev->view->head->type);
	struct span s = SPAN_LIT("other");

	(void)r;
	if (bit & (BIT(SEND) | BIT(RECV) | BIT(DUP)))
		s = bit & BIT(DUP) ? SPAN_LIT("unknown") : SPAN_LIT("net");
	else if (bit & (BIT(MOUNT) | BIT(MOVE_MOUNT) | BIT(UMOUNT) | BIT(USERFAULTFD)))
		s = SPAN_LIT("file");
	else if (bit & (BIT(SETNS) | BIT(UNSHARE) | BIT(CHROOT) | BIT(PTRACE) | BIT(CAPSET)))
		s = SPAN_LIT("process");
	else if (bit & BIT(SETUID))
		s = SPAN_LIT("user");
	else if (bit & BIT(MEMFD_CREATE))
		s = SPAN_LIT("memory");
	else if (event_type_class((enum event_type)ev->view->head->type) == EVENT_CLASS_FILE)
		s = SPAN_LIT("file");
	else if (event_type_class((enum event_type)ev->view->head->type) == EVENT_CLASS_NETWORK)
		s = SPAN_LIT("net");
	else if (event_type_class((enum event_type)ev->view->head->type) == EVENT_CLASS_PROCESS)
		s = SPAN_LIT("process");
	return field_text_value(out, cap, s);
}

size_t get_evt_buffer(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		      size_t cap)
{
	(void)r;
	return field_text_value(out, cap, ev->view->strings[TAG_PAYLOAD]);
}

size_t get_evt_buflen(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		      size_t cap)
{
	const struct event_head *h = ev->view->head;

	(void)r;
	if (ev->view->strings[TAG_PAYLOAD].p)
		return field_uint_value(out, cap, ev->view->strings[TAG_PAYLOAD].n);
	if ((h->type == EVENT_SEND || h->type == EVENT_RECV) && h->result >= 0)
		return field_uint_value(out, cap, (uint64_t)h->result);
	return 0;
}

/* --- the result ---------------------------------------------------------------------------- */
static bool has_result(const struct field_event *ev, int64_t *result)
{
	const struct event_head *h = ev->view->head;

	if (EVENT_BIT(h->type) & (BIT(EXIT) | BIT(PAYLOAD) | BIT(DNS) | BIT(FLOW_END) |
				  BIT(CGROUP_ATTACH) | BIT(CGROUP_MKDIR)))
		return false;
	*result = h->type == EVENT_FORK ? ev->view->fork->pid : h->result;
	return true;
}

size_t get_evt_res(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		   size_t cap)
{
	int64_t v;

	(void)r;
	if (!has_result(ev, &v))
		return 0;
	if (v >= 0)
		return field_text_value(out, cap, SPAN_LIT("SUCCESS"));
	const char *name = event_error_name(v);

	if (name)
		return field_text_value(out, cap, span_str(name));
	struct field_text t = field_text_begin(ev);

	field_text_add_i64(&t, v);
	return field_text_value(out, cap, field_text_end(&t));
}

size_t get_evt_rawres(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		      size_t cap)
{
	int64_t v;

	(void)r;
	return has_result(ev, &v) ? field_int_value(out, cap, v) : 0;
}

size_t get_evt_failed(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		      size_t cap)
{
	int64_t v;

	(void)r;
	return has_result(ev, &v) ? field_bool_value(out, cap, v < 0) : 0;
}

/* evt.count*: 1, and 1 for what failed */
size_t get_evt_error(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		     size_t cap)
{
	struct field_fd fd;
	bool has = field_fd_of(ev, &fd), file = false, net = false;
	int64_t v;

	if (r->def->param == EVT_ONE)
		return field_uint_value(out, cap, 1);
	if (has) {
		file = fd.kind == FD_FILE || fd.kind == FD_DIRECTORY;
		net = fd.kind == FD_IPV4 || fd.kind == FD_IPV6 || fd.kind == FD_UNIX;
	}
	if ((r->def->param == EVT_ERROR_FILE && !file) ||
	    (r->def->param == EVT_ERROR_NET && !net) ||
	    (r->def->param == EVT_ERROR_OTHER && (file || net)) || !has_result(ev, &v))
		return 0;
	return field_uint_value(out, cap, v < 0);
}

/* --- input and output ---------------------------------------------------------------------- */
size_t get_evt_io(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		  size_t cap)
{
	bool reads = ev->view->head->type == EVENT_RECV;
	bool writes = ev->view->head->type == EVENT_SEND;

	switch (r->def->param) {
	case EVT_IS_READ:
		return field_bool_value(out, cap, reads);
	case EVT_IS_WRITE:
		return field_bool_value(out, cap, writes);
	}
	return field_bool_value(out, cap, reads || writes);
}

size_t get_evt_iodir(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		     size_t cap)
{
	(void)r;
	if (ev->view->head->type == EVENT_SEND)
		return field_text_value(out, cap, SPAN_LIT("write"));
	return ev->view->head->type == EVENT_RECV ? field_text_value(out, cap, SPAN_LIT("read"))
						  : 0;
}

size_t get_evt_syslog(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		      size_t cap)
{
	bool is = false;

	(void)r;
	if (ev->view->head->type == EVENT_SEND && ev->view->network->family == AF_UNIX) {
		struct span name = field_socket_name(ev);

		is = span_eq(name, "/dev/log") || span_eq(name, "/run/systemd/journal/dev-log");
	}
	return field_bool_value(out, cap, is);
}

/* By the flags alone, false for all that is no open; creat is one for EXEC only. */
static bool is_open(const struct field_event *ev, int what)
{
	const struct event_open *o = ev->view->open;
	bool creates = (o->flags & O_CREAT) || (o->flags & O_TMPFILE) == O_TMPFILE;
	int access = o->flags & O_PATH ? -1 : (int)(o->flags & O_ACCMODE);

	if (what == EVT_OPEN_EXEC)
		return creates && ev->type != EVT_OPEN_BY_HANDLE_AT && (o->mode & 0111);
	if (ev->type == EVT_CREAT)
		return false;
	switch (what) {
	case EVT_OPEN_READ:
		return access == O_RDONLY || access == O_RDWR;
	case EVT_OPEN_WRITE:
		return access == O_WRONLY || access == O_RDWR;
	}
	return ev->view->head->result >= 0 && (o->access & ACCESS_CREATE);
}

size_t get_evt_open(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		    size_t cap)
{
	return field_bool_value(out, cap,
				ev->view->head->type == EVENT_OPEN && is_open(ev, r->def->param));
}

size_t get_evt_hostname(const struct field_ref *r, struct field_event *ev, struct field_value *out,
			size_t cap)
{
	(void)r;
	return ev->world ? field_text_value(out, cap, ev->world->hostname) : 0;
}
