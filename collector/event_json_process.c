// SPDX-License-Identifier: GPL-2.0-or-later
/* The objects "exec", "fork" and "exit" of an event's JSON. */
#include "collector/event_json_internal.h"

#include <string.h>

#include "collector/event_names.h"

/* What the exec added to what its parent may do. Across user namespaces the sets do not compare. */
static void put_gained(struct buf *b, const struct event_exec *x, const struct process *p)
{
	const struct process *parent = p ? p->parent : NULL;

	if (!parent || parent->missed || parent->ns.user != x->ns.user)
		return;
	uint64_t gained = x->caps.permitted & ~parent->caps.permitted;

	if (gained)
		json_put_hex(b, "gained", gained);
}

static void put_env(struct buf *b, struct span env)
{
	struct span entry;

	if (!env.p || env.n == 0)
		return;
	json_put_object(b, "env");
	while (span_next(&env, '\0', &entry)) {
		const char *eq = memchr(entry.p, '=', entry.n);
		struct span name = { entry.p, eq ? (size_t)(eq - entry.p) : entry.n };

		if (name.n == 0)
			continue;
		json_put_comma(b);
		json_put_string(b, name);
		buf_add_char(b, ':');
		json_put_string(b, eq ? (struct span){ eq + 1, entry.n - name.n - 1 }
				      : (struct span){ "", 0 });
	}
	buf_add_char(b, '}');
}

static void put_failed_exec(struct buf *b, const struct event_view *v)
{
	const struct event_exec *x = v->exec;

	json_put_object(b, "exec");
	event_put_string(b, v, TAG_RAW, "filename");
	event_put_string(b, v, TAG_BASE, "base");
	event_put_args(b, v->strings[TAG_ARGS], x->args_bytes,
		       (x->flags & EXEC_ARGS_CUT) || (v->string_flags[TAG_ARGS] & STRING_CUT));
	buf_add_char(b, '}');
}

void event_put_exec(struct buf *b, const struct event_view *v, const struct event_context *c)
{
	const struct event_exec *x = v->exec;

	if (v->head->result < 0) {
		put_failed_exec(b, v);
		return;
	}
	json_put_object(b, "exec");
	event_put_string(b, v, TAG_PATH, "exe");
	event_put_args(b, v->strings[TAG_ARGS], x->args_bytes,
		       (x->flags & EXEC_ARGS_CUT) || (v->string_flags[TAG_ARGS] & STRING_CUT));
	event_put_string(b, v, TAG_CWD, "cwd");
	event_put_string(b, v, TAG_FILENAME, "filename");
	if (x->flags & EXEC_SCRIPT)
		event_put_string(b, v, TAG_INTERP, "interp");
	json_put_true(b, "script", x->flags & EXEC_SCRIPT);
	put_env(b, v->strings[TAG_ENV]);
	json_put_true(b, "env_cut", x->flags & EXEC_ENV_CUT);
	json_put_true(b, "setuid", x->flags & EXEC_SETUID);
	json_put_true(b, "secure", x->flags & EXEC_SECURE);
	json_put_true(b, "fexec", x->flags & EXEC_FEXEC);
	json_put_true(b, "first", x->flags & EXEC_FIRST);
	json_put_true(b, "group_leader", x->flags & EXEC_GROUP_LEADER);
	json_put_true(b, "helper", x->flags & EXEC_HELPER);
	json_put_true(b, "root_outside", x->flags & EXEC_ROOT_OUTSIDE);
	json_put_true(b, "cwd_outside", x->flags & EXEC_CWD_OUTSIDE);
	json_put_true(b, "fd_outside", x->flags & EXEC_FD_OUTSIDE);
	json_put_u64(b, "no_new_privs", x->no_new_privs);
	json_put_u64(b, "seccomp", x->seccomp);
	event_put_caps(b, &x->caps);
	event_put_namespaces(b, &x->ns);
	put_gained(b, x, c->process);
	buf_add_char(b, '}');
}

void event_put_fork(struct buf *b, const struct event_view *v, const struct event_context *c)
{
	const struct event_fork *f = v->fork;
	const char *name;
	uint32_t bit;

	json_put_object(b, "fork");
	json_put_u64(b, "pid", f->pid);
	json_put_u64(b, "tid", f->tid);
	json_put_u64(b, "ns_pid", f->ns_pid);
	event_put_start(b, f->start_boot_ns, c);
	json_put_known(b, "cgroup", f->cgroup_id);
	json_put_known(b, "container_cgroup", f->container_cgroup);
	json_put_true(b, "thread", (v->head->flags | f->flags) & EVENT_THREAD);
	if (f->namespace_flags) {
		json_put_array(b, "namespaces_new");
		for (unsigned i = 0; (name = event_namespace_name(i, &bit)); i++) {
			if (!(f->namespace_flags & bit))
				continue;
			json_put_comma(b);
			json_put_string(b, span_str(name));
		}
		buf_add_char(b, ']');
	}
	event_put_namespaces(b, &f->ns);
	buf_add_char(b, '}');
}

void event_put_exit(struct buf *b, const struct event_exit *x)
{
	json_put_object(b, "exit");
	if (x->status & 0x7f) {
		json_put_u64(b, "signal", x->status & 0x7f);
		json_put_true(b, "core", x->status & 0x80);
	} else {
		json_put_u64(b, "code", x->status >> 8 & 0xff);
	}
	if (x->cpu_ns) {
		json_put_key(b, "cpu_seconds");
		buf_add_fixed(b, x->cpu_ns, 9);
	}
	json_put_known(b, "max_rss_pages", x->max_rss_pages);
	buf_add_char(b, '}');
}
