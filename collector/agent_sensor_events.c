// SPDX-License-Identifier: GPL-2.0-or-later
/* One record from the kernel on its way: checked, its secrets masked, its paths looked up where the
 * kernel's side had only a text, its process and container found, then given to who listens. */
#include "collector/agent_sensor.h"

#include <string.h>
#include <sys/wait.h>

/* Where a name without a resolved path stands in a record. */
struct unresolved {
	enum event_tag raw, base, path;
};
static const struct unresolved names[] = {
	{ TAG_RAW, TAG_BASE, TAG_PATH },
	{ TAG_RAW2, TAG_BASE2, TAG_PATH2 },
};

static bool follows_last(const struct event_view *v)
{
	switch (v->head->type) {
	case EVENT_CHMOD:
	case EVENT_CHOWN:
	case EVENT_TRUNCATE:
	case EVENT_SETXATTR:
	case EVENT_STAT:
	case EVENT_CHROOT:
	case EVENT_MOUNT:
	case EVENT_NEW_MOUNT:
		return true;
	default:
		return false;
	}
}

static bool is_name(const struct event_view *v, const struct unresolved *n)
{
	if (!v->strings[n->raw].n || v->strings[n->path].p)
		return false;
	switch (v->head->type) {
	case EVENT_SYMLINK: /* the first is the link's text */
		return n->raw == TAG_RAW2;
	case EVENT_MOUNT: /* the source of most mounts is no path */
		return n->raw == TAG_RAW2 || v->strings[n->raw].p[0] == '/';
	case EVENT_MOVE_MOUNT:
		return n->raw == TAG_RAW2;
	default:
		return true;
	}
}

/* The container's first process, where this one's names mean the same: a mount namespace of its own
 * is another world. */
static const struct process *first_of_container(struct agent_sensor *s, const struct event_head *h)
{
	const struct process *own =
		process_find(s->agent->processes, (struct process_key){ h->start_boot_ns, h->pid });
	uint32_t pid = own ? process_container_init(s->agent->processes, own) : 0;
	const struct process *first = pid ? process_find_pid(s->agent->processes, pid) : NULL;

	if (!first || first == own || own->ns.mnt != first->ns.mnt)
		return NULL;
	return first;
}

static struct resolve_answer ask(struct agent_sensor *s, const struct event_view *v,
				 const struct unresolved *n)
{
	const struct event_head *h = v->head;
	const struct process *first = first_of_container(s, h);
	struct resolve_question q = {
		.who = { h->start_boot_ns, h->pid },
		.ns_pid = h->ns_pid,
		.root_pid = first ? first->key.pid : 0,
		.base = v->strings[n->base],
		.raw = v->strings[n->raw],
		.follow = follows_last(v) && h->result >= 0,
		.now_boot_ns = h->boot_ns,
	};
	struct resolve_answer answer;

	resolve_path(s->resolver, &q, &answer);
	if (answer.how != RESOLVED_LEXICAL || !first)
		return answer;
	/* `rm FILE` is gone before it can be asked: its container's first process stands for it */
	q.who = first->key;
	q.root_pid = 0;
	if (q.base.n || (q.raw.n && q.raw.p[0] == '/'))
		resolve_path(s->resolver, &q, &answer);
	return answer;
}

static void add_path(struct event_writer *w, enum event_tag tag, const struct resolve_answer *a)
{
	uint8_t flags = a->how == RESOLVED_LEXICAL ? STRING_LEXICAL : STRING_LATE;
	struct span path = a->path;

	if (path.n > EVENT_STRING_MAX) { /* of a path the front is missing */
		path.p += path.n - EVENT_STRING_MAX;
		path.n = EVENT_STRING_MAX;
		flags |= STRING_CUT;
	}
	event_write_string(w, tag, flags, path);
}

/* A copy with the paths that the kernel's side had not; the same view when it lacks none. */
static struct event_view with_paths(struct agent_sensor *s, const struct event_view *v)
{
	struct event_writer w = { .p = s->record2, .len = v->head->size, .cap = RECORD_BYTES };
	struct event_view out = *v;
	bool copied = false;

	/* it takes system calls: for who listens only */
	const uint64_t asked = agent_sensor_names(s->agent) |
			       (s->agent->stream ? stream_type_mask(s->agent->stream) : 0);

	if (!s->resolver || !(asked & EVENT_BIT(v->head->type)) ||
	    (event_type_class(v->head->type) != EVENT_CLASS_FILE &&
	     event_type_class(v->head->type) != EVENT_CLASS_ISOLATION))
		return out;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!is_name(v, &names[i]))
			continue;
		struct resolve_answer a = ask(s, v, &names[i]);

		if (!a.path.n)
			continue;
		if (!copied)
			memcpy(s->record2, v->head, v->head->size);
		copied = true;
		add_path(&w, names[i].path, &a);
	}
	size_t n = copied ? event_write_end(&w) : 0;

	if (n > 0 && event_decode(s->record2, n, &out, NULL) < 0)
		out = *v;
	return out;
}

/* --- whom a call was aimed at: it names a number in the caller's pid namespace ---------------- */

#define TARGET_WALKS 200 /* a second */

static const struct process *find_target(struct agent_sensor *s, uint32_t pid_ns, uint32_t ns_pid)
{
	struct agent_target *t = &s->targets[(pid_ns * 31 + ns_pid) % 64];
	const uint64_t second = s->event_boot_ns / NS_PER_S;
	const struct process *p;

	if (t->pid_ns == pid_ns && t->ns_pid == ns_pid) {
		p = process_find(s->agent->processes, t->key);
		if (p && !p->ended)
			return p;
	}
	if (second != s->target_second)
		s->target_walks = 0;
	s->target_second = second;
	if (s->target_walks++ >= TARGET_WALKS)
		return NULL;
	p = process_find_in_namespace(s->agent->processes, pid_ns, ns_pid);
	if (p)
		*t = (struct agent_target){ pid_ns, ns_pid, p->key };
	return p;
}

/* NULL: not aimed at anybody, or the kernel's side told all of it. */
static const struct process *target_of(struct agent_sensor *s, const struct event_view *v)
{
	const struct event_head *h = v->head;
	uint32_t number = 0;

	/* of a pidfd the kernel's side tells who it is, not where */
	if (h->type == EVENT_PIDFD_GETFD || h->type == EVENT_SETNS)
		return process_find(
			s->agent->processes,
			(struct process_key){ v->call->target_start_boot_ns, v->call->target_pid });
	if (h->type == EVENT_PTRACE)
		number = (uint32_t)v->call->args[1];
	else if (h->type == EVENT_PROCESS_VM)
		number = (uint32_t)v->call->args[0];
	return v->call->target_pid || !number ? NULL : find_target(s, h->pid_ns, number);
}

/* In a copy of the record, as if the kernel's side had known. */
static struct event_view with_target(struct agent_sensor *s, const struct event_view *v)
{
	const struct event_head *h = v->head;
	struct event_view out = *v;

	if (event_type_shape((enum event_type)h->type) != SHAPE_CALL)
		return out;
	const struct process *p = target_of(s, v);

	if (!p || h->size > sizeof(s->record))
		return out;
	memcpy(s->record, h, h->size);
	struct event_call *call = (struct event_call *)(void *)(s->record + sizeof(*h));

	call->target_pid = p->key.pid;
	call->target_start_boot_ns = p->key.start_boot_ns;
	call->target_cgroup = p->cgroup_id;
	call->target_container = p->container_cgroup;
	if (event_decode(s->record, h->size, &out, NULL) < 0)
		out = *v;
	return out;
}

/* --- options of a mount: "user=a,password=b" ---------------------------------------------------
 */

static void swap_bytes(char *p, size_t n, char from, char to)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] == from)
			p[i] = to;
}

/* fsconfig tells the key apart: masked as "key=value" would be. */
static struct span mask_setting(struct agent_sensor *s, struct span key, struct span value)
{
	char text[2 * EVENT_STRING_MAX + 1];

	if (!key.n || key.n > EVENT_STRING_MAX)
		return value;
	memcpy(text, key.p, key.n);
	text[key.n] = '=';
	memcpy(text + key.n + 1, value.p, value.n);
	buf_clear(&s->scratch);
	redact_args(&s->redact, (struct span){ text, key.n + 1 + value.n }, &s->scratch);
	if (s->scratch.failed || s->scratch.len < key.n + 1)
		return SPAN_LIT("***");
	return (struct span){ s->scratch.data + key.n + 1, s->scratch.len - key.n - 1 };
}

/* In a copy, masked as a list of arguments is. */
static struct event_view with_masked_data(struct agent_sensor *s, const struct event_view *v)
{
	struct span data = v->strings[TAG_DATA];
	struct event_writer w = { .p = s->record, .cap = sizeof(s->record) };
	char text[EVENT_STRING_MAX];
	struct event_view out = *v;

	if (!data.n || data.n > sizeof(text) || !s->redact.enabled)
		return out;
	if (v->head->type == EVENT_NEW_MOUNT) {
		data = mask_setting(s, v->strings[TAG_NAME], data);
	} else if (v->head->type == EVENT_MOUNT) {
		memcpy(text, data.p, data.n);
		swap_bytes(text, data.n, ',', '\0');
		buf_clear(&s->scratch);
		redact_args(&s->redact, (struct span){ text, data.n }, &s->scratch);
		swap_bytes(s->scratch.data, s->scratch.len, '\0', ',');
		data = (struct span){ s->scratch.data, s->scratch.len };
	} else {
		return out;
	}
	event_write_begin(&w, s->record, sizeof(s->record), v->head, v->fixed);
	for (enum event_tag t = TAG_NONE + 1; t < TAG_COUNT; t++) {
		struct span text_of = t == TAG_DATA ? data : v->strings[t];

		if (v->strings[t].p)
			event_write_string(&w, t, v->string_flags[t], text_of);
	}
	size_t n = event_write_end(&w);

	if (n == 0 || event_decode(s->record, n, &out, NULL) < 0)
		out = *v;
	return out;
}

static bool changes_names(uint16_t type)
{
	return type == EVENT_RENAME || type == EVENT_SYMLINK || type == EVENT_RMDIR ||
	       type == EVENT_MOUNT || type == EVENT_UMOUNT || type == EVENT_MOVE_MOUNT ||
	       type == EVENT_CHROOT || type == EVENT_PIVOT_ROOT || type == EVENT_SETNS;
}

/* The end of a container's first process tells its exit code, on kernels that keep none. */
static void take_exit(struct container *c, const struct event_view *v)
{
	struct member *m = c ? member_of(c) : NULL;
	int status = (int)v->exit->status;

	if (!m || m->has_exit || (uint32_t)m->first_pid != v->head->pid)
		return;
	m->exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	m->has_exit = true;
}

/* An overlay that somebody mounted in a user namespace, as a runtime without root does. */
static void look_at_root(struct container *c, const struct event_view *v)
{
	const uint16_t flags = v->exec->file.flags;

	if (v->head->result >= 0 && (v->exec->flags & EXEC_FIRST) && (flags & FILE_OVERLAY))
		c->own_overlay = !(flags & FILE_MERGED);
}

static void note_wait(struct agent_sensor *s, const struct event_head *h)
{
	uint64_t now = boot_ns();

	if (now > h->boot_ns && now - h->boot_ns > s->state.longest_wait_ns)
		s->state.longest_wait_ns = now - h->boot_ns;
}

/* Two threads that end at once may both be the last one. */
static bool is_told_already(struct agent_sensor *s, const struct event_head *h)
{
	const struct process *p;

	if (h->type != EVENT_EXIT)
		return false;
	p = process_find(s->agent->processes, (struct process_key){ h->start_boot_ns, h->pid });
	return p && p->ended;
}

/* The kernel tells of a move when it is done: who moved itself out of a container seems to be of
 * the host then. The process table knows where it was. false: a move within the host that nobody
 * wants. */
static bool place_move(struct agent_sensor *s, const struct event_view *v, struct container **c)
{
	const struct event_call *call = v->call;
	const struct process *moved =
		process_find(s->agent->processes,
			     (struct process_key){ call->target_start_boot_ns, call->target_pid });
	uint64_t was = moved ? moved->container_cgroup : 0;

	if (!*c && was) {
		*c = agent_sensor_find(s->agent, was, EVENT_CGROUP_V2);
		if (!*c)
			*c = agent_sensor_find(s->agent, was, EVENT_CGROUP_V1);
	}
	return *c || was || call->target_container || v->head->container_cgroup ||
	       (sensor_switches(s->kernel)->host_mask & EVENT_BIT(EVENT_CGROUP_ATTACH));
}

static void tell(struct agent_sensor *s, const struct event_view *v)
{
	struct agent *a = s->agent;
	const struct event_head *h = v->head;
	struct container *c = agent_sensor_find(a, h->container_cgroup, h->hierarchy);

	/* the cgroup is known by now, where it was not when the kernel told */
	if (!c && (h->flags & EVENT_PENDING))
		c = agent_sensor_find(a, h->cgroup_id, h->hierarchy);
	if (is_told_already(s, h))
		return;
	bool wanted = h->type != EVENT_CGROUP_ATTACH || place_move(s, v, &c);
	struct event_container text;
	struct event_context ctx = { .unix_minus_boot_ns = a->unix_minus_boot_ns };

	ctx.process = process_apply(a->processes, v);
	if (c) {
		agent_events_describe(c, &text);
		ctx.container = &text;
		ctx.entry = c;
		if (h->type == EVENT_EXIT)
			take_exit(c, v);
		if (h->type == EVENT_EXEC)
			look_at_root(c, v);
	} else if (h->container_cgroup) {
		s->state.events_without_container++;
	}
	if (wanted)
		agent_event(a, v, &ctx);
	agent_alerts_event(a, v, &ctx, c);
	if (changes_names(h->type) && s->resolver)
		resolve_forget(s->resolver);
}

void agent_sensor_record(void *ctx, const void *record, size_t bytes)
{
	struct agent_sensor *s = ctx;
	struct event_view v;
	struct err e = { "" };

	if (event_decode(record, bytes, &v, &e) < 0) {
		s->state.stats.damaged++;
		s->lost_here = ~0ULL; /* it may have been of any type */
		log_debug("event", "error", e.text, NULL);
		return;
	}
	s->changed = true;
	s->event_boot_ns = v.head->boot_ns;
	if (v.head->type == EVENT_CGROUP_MKDIR)
		return; /* for the programs' own use till now */
	if (v.head->type == EVENT_EXEC) {
		size_t n = redact_record(&s->redact, &v, s->record, sizeof(s->record), &s->scratch);

		/* a secret that cannot be masked goes nowhere */
		if (n == 0 || event_decode(s->record, n, &v, &e) < 0) {
			s->state.stats.damaged++;
			s->lost_here |= EVENT_BIT(EVENT_EXEC);
			return;
		}
	}
	note_wait(s, v.head);
	v = with_masked_data(s, &v);
	v = with_target(s, &v);
	v = with_paths(s, &v);
	tell(s, &v);
}
