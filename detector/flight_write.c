// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/flight_write.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/base/io.h"
#include "collector/json_put.h"
#include "collector/snapshot.h"
#include "detector/flight_files.h"
#include "detector/flight_proc.h"

#define PROCESSES_MAX (8u << 20) /* bytes of JSON; what follows is cut, and it says so */
#define TEXT_MAX      2048

/* --- processes ---------------------------------------------------------------------------------
 */

static void put(struct buf *b, const char *key, struct span text)
{
	const bool cut = text.n > TEXT_MAX;
	char flag[32];

	if (text.n == 0)
		return;
	text.n = cut ? TEXT_MAX : text.n;
	json_put_text(b, key, text);
	snprintf(flag, sizeof(flag), "%s_cut", key);
	json_put_true(b, flag, cut);
}

static void put_args(struct buf *b, struct span all, bool was_cut)
{
	struct span arg;

	if (all.n == 0)
		return;
	json_put_array(b, "args");
	if (all.p[all.n - 1] == '\0')
		all.n--;
	while (span_next(&all, '\0', &arg)) {
		json_put_comma(b);
		json_put_string(b, arg);
	}
	buf_add_char(b, ']');
	json_put_true(b, "args_cut", was_cut);
}

static void put_caps(struct buf *b, const struct event_caps *c)
{
	json_put_object(b, "caps");
	json_put_hex(b, "effective", c->effective);
	json_put_hex(b, "permitted", c->permitted);
	json_put_hex(b, "inheritable", c->inheritable);
	json_put_hex(b, "bounding", c->bounding);
	buf_add_char(b, '}');
}

static void put_boot_time(struct buf *b, const char *key, const struct flight_scene *s, uint64_t ns)
{
	if (ns)
		json_put_time(b, key, s->unix_minus_boot_ns + ns);
}

static void put_process(struct buf *b, const struct flight_scene *s, unsigned flags,
			const struct snapshot_process *p)
{
	json_put_u64(b, "pid", p->key.pid);
	json_put_known(b, "ppid", p->parent.pid);
	json_put_known(b, "ns_pid", p->ns_pid);
	json_put_true(b, "of_alert", flags & FLIGHT_SUSPECT);
	json_put_true(b, "outside", flags & FLIGHT_OUTSIDE);
	json_put_true(b, "injected", p->flags & SNAPSHOT_INJECTED);
	put(b, "comm", (struct span){ p->comm.p, strnlen(p->comm.p, p->comm.n) });
	put(b, "exe", p->exe);
	put_args(b, p->args, p->flags & SNAPSHOT_ARGS_CUT);
	put(b, "cwd", p->cwd);
	json_put_u64(b, "uid", p->uid);
	json_put_u64(b, "gid", p->gid);
	json_put_u64(b, "euid", p->euid);
	if (p->loginuid != UINT32_MAX)
		json_put_u64(b, "loginuid", p->loginuid);
	put_boot_time(b, "start", s, p->key.start_boot_ns);
	put_boot_time(b, "exec", s, p->exec_boot_ns);
	if (flags & FLIGHT_ENDED) {
		put_boot_time(b, "end", s, p->exit_boot_ns);
		json_put_u64(b, "exit_status", p->exit_status);
	}
	put_caps(b, &p->caps);
}

static bool is_closing(const struct flight_writer *w)
{
	return w->closing && w->closing(w->ctx);
}

/* Whose descriptors are read: the alert's, and the newest of the others that live. */
static bool is_opener(unsigned flags, uint32_t newer)
{
	if (flags & FLIGHT_ENDED)
		return false;
	return (flags & FLIGHT_SUSPECT) ||
	       (!(flags & FLIGHT_OUTSIDE) && newer < FLIGHT_MAX_OPENERS - 1);
}

static uint32_t count_openers(const struct flight_scene *s)
{
	struct span rest = { s->processes.data, s->processes.len };
	struct flight_process p;
	uint32_t n = 0;

	while (flight_scene_process(&rest, &p))
		n += is_opener(p.flags, 0);
	return n;
}

static void put_processes(const struct flight_writer *w, const struct flight_scene *s,
			  struct buf *b)
{
	AUTO(flight_proc_free) struct flight_proc *proc = NULL;
	struct span rest = { s->processes.data, s->processes.len };
	uint32_t openers = count_openers(s), left_out = s->processes_left_out;
	struct flight_process f;
	struct snapshot_process p;

	flight_proc_new(&proc, w->proc); /* without it the rest is told */
	json_put_array(b, "processes");
	while (flight_scene_process(&rest, &f)) {
		const bool opener = is_opener(f.flags, 0);

		openers -= opener;
		if (b->len > PROCESSES_MAX || snapshot_process_decode(f.bytes, &p, NULL) < 0) {
			left_out++;
			continue;
		}
		json_put_comma(b);
		buf_add_char(b, '{');
		put_process(b, s, f.flags, &p);
		if (proc && opener && is_opener(f.flags, openers) && !is_closing(w))
			flight_proc_put(proc, b, p.key, p.ns.net);
		buf_add_char(b, '}');
	}
	buf_add_char(b, ']');
	json_put_known(b, "processes_left_out", left_out);
}

static void put_events(const struct flight_scene *s, struct buf *b)
{
	json_put_object(b, "events");
	json_put_u64(b, "count", s->events.events);
	put_boot_time(b, "first", s, s->events.first_ns);
	put_boot_time(b, "last", s, s->events.last_ns);
	buf_add_char(b, '}');
}

/* The first line is enough to list it: flight_store_list. */
void flight_write_json(const struct flight_writer *w, const struct flight_scene *s, struct buf *b)
{
	char name[FLIGHT_NAME_BYTES];

	buf_add(b, s->head.data, s->head.len);
	flight_store_name(s->id, FLIGHT_RECORDING, name);
	json_put_str(b, "recording", name);
	buf_add_char(b, '\n');
	put_events(s, b);
	put_processes(w, s, b);
	json_put_object(b, "files");
	if (s->of_host)
		json_put_str(b, "reason", "it is of the host: there is no image");
	else
		flight_files_put(b, s->writable_layer, w->closing, w->ctx);
	buf_add_str(b, "}}\n");
}

/* --- the recording -----------------------------------------------------------------------------
 */

static int write_items(const struct flight_writer *w, struct flight_scene *s,
		       struct recording_writer *to, struct err *e)
{
	struct span rest = { s->processes.data, s->processes.len };
	const struct event_head *h;
	struct flight_process p;
	unsigned n = 0;
	int r = 0;

	if (s->container.len > 0)
		r = recording_write(to, RECORDING_CONTAINER,
				    (struct span){ s->container.data, s->container.len }, e);
	while (r == 0 && flight_scene_process(&rest, &p))
		if (p.flags & FLIGHT_RECORDED)
			r = recording_write(to, RECORDING_PROCESS, p.bytes, e);
	while (r == 0 && (h = flight_events_next(&s->events))) {
		if (n++ % 1024 == 0 && is_closing(w))
			return err_set(e, ECANCELED, "bulkheadd is stopping");
		r = recording_write(to, RECORDING_EVENT, (struct span){ (const char *)h, h->size },
				    e);
	}
	return r == 0 ? recording_finish(to, e) : r;
}

static int write_recording(const struct flight_writer *w, struct flight_scene *s, struct err *e)
{
	AUTO(recording_writer_free) struct recording_writer *to = NULL;
	char name[FLIGHT_NAME_BYTES], temporary[FLIGHT_NAME_BYTES + 8];

	flight_store_name(s->id, FLIGHT_RECORDING, name);
	snprintf(temporary, sizeof(temporary), ".%s.new", name);
	AUTO_FD int fd = openat(w->dir_fd, temporary,
				O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return err_errno(e, "cannot create '%s'", temporary);
	int r = recording_writer_new(&to, fd, &s->header, e);

	if (r == 0)
		r = write_items(w, s, to, e);
	if (r == 0 && fsync(fd) < 0)
		r = err_errno(e, "cannot write '%s'", name);
	if (r == 0 && renameat(w->dir_fd, temporary, w->dir_fd, name) < 0)
		r = err_errno(e, "cannot write '%s'", name);
	if (r < 0)
		unlinkat(w->dir_fd, temporary, 0);
	return r;
}

/* What dies is read first: descriptors, then files, then what is in memory. */
int flight_write(const struct flight_writer *w, struct flight_scene *s, struct err *e)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	char name[FLIGHT_NAME_BYTES];

	buf_init(&b, FLIGHT_JSON_MAX);
	flight_write_json(w, s, &b);
	if (b.failed)
		return err_set(e, ENOMEM, "no memory to write down what led to an alert");
	int r = write_recording(w, s, e);

	flight_store_name(s->id, FLIGHT_JSON, name);
	if (r == 0)
		r = io_write_atomic_at(w->dir_fd, name, b.data, b.len, 0600, e);
	if (r < 0) {
		flight_store_name(s->id, FLIGHT_RECORDING, name);
		unlinkat(w->dir_fd, name, 0);
	}
	return r;
}
