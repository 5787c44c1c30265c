// SPDX-License-Identifier: GPL-2.0-or-later
/* Calls that move walls, as coarse as they stay the same from container to container:
 *   clone:, unshare:, setns: with the namespaces; mount:TYPE, mount:bind, mount:move,
 *   mount:remount, mount:propagation; bpf:, keyctl:, prctl: with the operation; else the name.
 * Of prctl what weakens the process or others: set_mm, set_ptracer, set_securebits,
 * set_syscall_user_dispatch, cap_ambient (raise). */
#include "detector/behaviour_internal.h"

#include <linux/prctl.h>
#include <string.h>
#include <sys/mount.h>

#include "collector/event_names.h"

#define MAX_FS_NAME 32

static void add_namespaces(struct behaviour_list *l, const char *call, uint64_t flags)
{
	size_t cap, n;
	char *room = behaviour_room(l->r, &cap);
	const char *name, *between = ":";
	uint32_t bit;

	n = (size_t)snprintf(room, cap, "%s", call);
	for (unsigned i = 0; n < cap && (name = event_namespace_name(i, &bit)); i++) {
		if (!(flags & bit))
			continue;
		n += (size_t)snprintf(room + n, cap - n, "%s%s", between, name);
		between = ",";
	}
	if (n >= cap)
		l->r->stats.no_room++;
	else
		behaviour_add_key(l, BASELINE_CALL, behaviour_keep(l->r, n), 0);
}

/* setns without a type: by the file that it was given. */
static uint64_t joined_namespace(const struct event_call *a)
{
	const struct event_namespaces *ns = &a->ns;
	const struct {
		uint32_t inode;
		const char *name;
	} all[] = { { ns->mnt, "mnt" },	  { ns->pid, "pid" },  { ns->net, "net" },
		    { ns->ipc, "ipc" },	  { ns->uts, "uts" },  { ns->cgroup, "cgroup" },
		    { ns->user, "user" }, { ns->time, "time" } };
	const char *name;
	uint32_t bit;

	if (!(a->file.flags & FILE_KNOWN))
		return 0;
	for (size_t k = 0; k < sizeof(all) / sizeof(all[0]); k++) {
		if (!all[k].inode || all[k].inode != a->file.inode)
			continue;
		for (unsigned i = 0; (name = event_namespace_name(i, &bit)); i++)
			if (strcmp(name, all[k].name) == 0)
				return bit;
	}
	return 0;
}

static void add_mount(struct behaviour_list *l, const struct event_view *v)
{
	const uint64_t flags = v->call->args[3];
	struct span type = v->strings[TAG_NAME];
	const char *word = NULL;

	if (flags & MS_REMOUNT)
		word = "mount:remount";
	else if (flags & MS_BIND)
		word = "mount:bind";
	else if (flags & (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE))
		word = "mount:propagation";
	else if (flags & MS_MOVE)
		word = "mount:move";
	if (word) {
		behaviour_add_key(l, BASELINE_CALL, span_str(word), 0);
		return;
	}
	/* "fuse.ANYTHING": what follows is the caller's choice */
	const char *dot = type.n ? memchr(type.p, '.', type.n) : NULL;
	size_t n = dot ? (size_t)(dot - type.p) : type.n;

	n = n ? strnlen(type.p, n) : 0;
	n = n < MAX_FS_NAME ? n : MAX_FS_NAME;
	behaviour_add_key(
		l, BASELINE_CALL,
		n ? behaviour_printf(l->r, "mount:%.*s", (int)n, type.p) : SPAN_LIT("mount"), 0);
}

/* "BPF_PROG_LOAD" is "bpf:prog_load". */
static void add_operation(struct behaviour_list *l, enum event_type type, uint32_t op)
{
	const char *call = event_type_name(type), *name = event_op_name(type, op);
	const char *rest = name ? strchr(name, '_') : NULL;
	struct span s = rest ? behaviour_printf(l->r, "%s:%s", call, rest + 1)
			     : behaviour_printf(l->r, "%s:#%u", call, op);
	char *own = s.p ? l->r->text + (s.p - l->r->text) : NULL;

	for (size_t i = 0; i < s.n; i++)
		if (own[i] >= 'A' && own[i] <= 'Z')
			own[i] = (char)(own[i] - 'A' + 'a');
	behaviour_add_key(l, BASELINE_CALL, s, 0);
}

static void add_prctl(struct behaviour_list *l, const struct event_call *a)
{
	switch (a->op) {
	case PR_CAP_AMBIENT:
		if ((uint32_t)a->args[1] != PR_CAP_AMBIENT_RAISE)
			return;
		break;
	case PR_SET_SECUREBITS:
	case PR_SET_MM:
	case PR_SET_SYSCALL_USER_DISPATCH:
	case PR_SET_PTRACER:
		break;
	default:
		return;
	}
	add_operation(l, EVENT_PRCTL, a->op);
}

static bool sets_user(uint32_t op)
{
	return op == SETUID_UID || op == SETUID_REUID || op == SETUID_RESUID || op == SETUID_FSUID;
}

static void add_fork(struct behaviour_list *l, const struct event_view *v)
{
	const struct event_fork *f = v->fork;

	/* what the runtime does from outside is not the container's */
	if (f->namespace_flags && !((v->head->flags | f->flags) & EVENT_THREAD) &&
	    f->container_cgroup == v->head->container_cgroup)
		add_namespaces(l, "clone", f->namespace_flags);
}

/* Kinds whose name is all that is kept. */
#define BY_NAME                                                                                    \
	(EVENT_BIT(EVENT_MOVE_MOUNT) | EVENT_BIT(EVENT_UMOUNT) | EVENT_BIT(EVENT_PIVOT_ROOT) |     \
	 EVENT_BIT(EVENT_CHROOT) | EVENT_BIT(EVENT_PTRACE) | EVENT_BIT(EVENT_PROCESS_VM) |         \
	 EVENT_BIT(EVENT_MEMFD_CREATE) | EVENT_BIT(EVENT_INIT_MODULE) |                            \
	 EVENT_BIT(EVENT_DELETE_MODULE) | EVENT_BIT(EVENT_PERF_EVENT_OPEN) |                       \
	 EVENT_BIT(EVENT_USERFAULTFD) | EVENT_BIT(EVENT_IO_URING_SETUP))

void behaviour_of_call(struct behaviour_list *l, const struct event_view *v,
		       const struct event_context *c)
{
	const enum event_type type = (enum event_type)v->head->type;
	const struct event_call *a = v->call;

	if (EVENT_BIT(type) & BY_NAME)
		behaviour_add_key(l, BASELINE_CALL, span_str(event_type_name(type)), 0);
	else if (type == EVENT_FORK)
		add_fork(l, v);
	else if (type == EVENT_UNSHARE && a->args[0])
		add_namespaces(l, "unshare", a->args[0]);
	else if (type == EVENT_SETNS)
		add_namespaces(l, "setns", a->args[1] ? a->args[1] : joined_namespace(a));
	else if (type == EVENT_MOUNT)
		add_mount(l, v);
	else if (type == EVENT_BPF || type == EVENT_KEYCTL)
		add_operation(l, type, a->op);
	else if (type == EVENT_PRCTL)
		add_prctl(l, a);
	else if (type == EVENT_PERSONALITY && a->args[0])
		behaviour_add_key(l, BASELINE_CALL, SPAN_LIT("personality"), 0);
	else if (type == EVENT_CAPSET)
		behaviour_add_capabilities(l, c->process, a->caps.effective);
	else if (type == EVENT_SETUID && sets_user(a->op)) {
		behaviour_add_user(l, v->head->euid);
		behaviour_add_capabilities(l, c->process, a->caps.effective);
	}
}
