// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/behaviour_internal.h"

#include <errno.h>
#include <seccomp.h>
#include <stdarg.h>
#include <string.h>

#define NORMAL_BYTES (4U * PATH_TREE_MAX_PATH)
#define GLOBS_BYTES  (1U << 20)

#define BIT(type)    EVENT_BIT(EVENT_##type)
#define CLASS(id)    (1U << BASELINE_##id)

/* What each type says; others say nothing. */
static const uint32_t classes[EVENT_TYPE_COUNT] = {
	/* without its birth a process has another parent than it had */
	[EVENT_FORK] = CLASS(CALL) | CLASS(EXEC),
	[EVENT_EXEC] = CLASS(EXEC) | CLASS(SCRIPT) | CLASS(USER) | CLASS(CAPABILITY),
	[EVENT_OPEN] = CLASS(WRITE) | CLASS(READ),
	[EVENT_UNLINK] = CLASS(WRITE),
	[EVENT_RENAME] = CLASS(WRITE),
	[EVENT_LINK] = CLASS(WRITE),
	[EVENT_SYMLINK] = CLASS(WRITE),
	[EVENT_MKDIR] = CLASS(WRITE),
	[EVENT_RMDIR] = CLASS(WRITE),
	[EVENT_CHMOD] = CLASS(WRITE),
	[EVENT_CHOWN] = CLASS(WRITE),
	[EVENT_MKNOD] = CLASS(WRITE),
	[EVENT_TRUNCATE] = CLASS(WRITE),
	[EVENT_SETXATTR] = CLASS(WRITE),
	[EVENT_CONNECT] = CLASS(CONNECT) | CLASS(UNIX),
	[EVENT_SEND] = CLASS(CONNECT) | CLASS(UNIX),
	[EVENT_BIND] = CLASS(LISTEN),
	[EVENT_LISTEN] = CLASS(LISTEN),
	[EVENT_SETUID] = CLASS(USER) | CLASS(CAPABILITY),
	[EVENT_CAPSET] = CLASS(CAPABILITY),
	[EVENT_SETNS] = CLASS(CALL),
	[EVENT_UNSHARE] = CLASS(CALL),
	[EVENT_MOUNT] = CLASS(CALL),
	[EVENT_MOVE_MOUNT] = CLASS(CALL),
	[EVENT_UMOUNT] = CLASS(CALL),
	[EVENT_PIVOT_ROOT] = CLASS(CALL),
	[EVENT_CHROOT] = CLASS(CALL),
	[EVENT_PTRACE] = CLASS(CALL),
	[EVENT_PROCESS_VM] = CLASS(CALL),
	[EVENT_MEMFD_CREATE] = CLASS(CALL),
	[EVENT_INIT_MODULE] = CLASS(CALL),
	[EVENT_DELETE_MODULE] = CLASS(CALL),
	[EVENT_BPF] = CLASS(CALL),
	[EVENT_PERF_EVENT_OPEN] = CLASS(CALL),
	[EVENT_USERFAULTFD] = CLASS(CALL),
	[EVENT_KEYCTL] = CLASS(CALL),
	[EVENT_PRCTL] = CLASS(CALL),
	[EVENT_IO_URING_SETUP] = CLASS(CALL),
	[EVENT_PERSONALITY] = CLASS(CALL),
};

uint32_t behaviour_classes_of(enum event_type t)
{
	return (unsigned)t < EVENT_TYPE_COUNT ? classes[t] : 0;
}

uint64_t behaviour_event_mask(void)
{
	uint64_t mask = 0;

	for (unsigned t = 0; t < EVENT_TYPE_COUNT; t++)
		if (classes[t])
			mask |= EVENT_BIT(t);
	return mask;
}

/* --- the reader -------------------------------------------------------------------------------
 */

static void name_syscalls(struct behaviour_reader *r)
{
	for (unsigned n = 0; n < SYSCALL_BITS / 2; n++) {
		r->syscalls[n] = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)n);
		r->syscalls[SYSCALL_BITS / 2 + n] =
			seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86, (int)n);
	}
}

int behaviour_reader_new(struct behaviour_reader **out, const struct behaviour_settings *s,
			 struct err *e)
{
	AUTO(behaviour_reader_free) struct behaviour_reader *r = calloc(1, sizeof(*r));

	if (!r)
		return err_set(e, ENOMEM, "reader of behaviour");
	arena_init(&r->arena, GLOBS_BYTES);
	buf_init(&r->normal, NORMAL_BYTES);
	/* all of it now: nothing is allocated for an event */
	if (!buf_reserve(&r->normal, NORMAL_BYTES))
		return err_set(e, ENOMEM, "reader of behaviour");
	if (s && s->sensitive_n > BEHAVIOUR_MAX_GLOBS)
		return err_set(e, E2BIG, "more than %d patterns of sensitive files",
			       BEHAVIOUR_MAX_GLOBS);
	for (size_t i = 0; s && i < s->sensitive_n; i++) {
		int code = glob_make(&r->arena, s->sensitive[i], false, &r->globs[i]);

		if (code < 0)
			return err_set(e, -code, "pattern of sensitive files '%.*s'",
				       (int)(s->sensitive[i].n < 100 ? s->sensitive[i].n : 100),
				       s->sensitive[i].p);
		r->globs_n = i + 1;
	}
	behaviour_note_names(r);
	name_syscalls(r);
	*out = TAKE(r);
	return 0;
}

void behaviour_reader_free(struct behaviour_reader *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < SYSCALL_BITS; i++)
		free(r->syscalls[i]);
	buf_release(&r->normal);
	arena_release(&r->arena);
	free(r);
}

struct behaviour_stats behaviour_reader_stats(const struct behaviour_reader *r)
{
	return r->stats;
}

/* --- lists and texts ---------------------------------------------------------------------------
 */

void behaviour_add(struct behaviour_list *l, enum baseline_class c, struct span key,
		   struct span subject, uint32_t flags)
{
	if (l->n >= l->cap)
		l->r->stats.no_room++;
	else if (key.p && key.n)
		l->out[l->n++] =
			(struct behaviour){ c, key, subject.p ? subject : key, l->flags | flags };
}

char *behaviour_room(struct behaviour_reader *r, size_t *cap)
{
	*cap = sizeof(r->text) - r->used;
	return r->text + r->used;
}

struct span behaviour_keep(struct behaviour_reader *r, size_t n)
{
	struct span s = { r->text + r->used, n };

	r->used += n;
	return s;
}

struct span behaviour_printf(struct behaviour_reader *r, const char *fmt, ...)
{
	size_t cap;
	char *room = behaviour_room(r, &cap);
	va_list args;

	va_start(args, fmt);
	int n = vsnprintf(room, cap, fmt, args);

	va_end(args);
	if (n < 0 || (size_t)n >= cap) {
		r->stats.no_room++;
		return (struct span){ NULL, 0 };
	}
	return behaviour_keep(r, (size_t)n);
}

/* --- events ------------------------------------------------------------------------------------
 */

/* Done, or begun: a connection that is not waited for, or that the peer did not take. */
static bool has_happened(const struct event_head *h)
{
	if (h->result >= 0 || h->type != EVENT_CONNECT)
		return h->result >= 0;
	return h->result == -EINPROGRESS || h->result == -ECONNREFUSED ||
	       h->result == -ECONNRESET || h->result == -ETIMEDOUT || h->result == -EHOSTUNREACH;
}

size_t behaviours_of(struct behaviour_reader *r, const struct event_view *v,
		     const struct event_context *c, struct behaviour out[BEHAVIOUR_MAX])
{
	const struct event_head *h = v->head;
	struct behaviour_list l = { .r = r, .out = out, .cap = BEHAVIOUR_MAX };
	const bool refused = h->flags & (EVENT_KILLED | EVENT_DENIED);

	if (!classes[h->type] || (!has_happened(h) && !refused))
		return 0;
	r->used = 0;
	if (refused)
		l.flags |= BEHAVIOUR_DENIED;
	if (behaviour_is_probe(r, v, c))
		l.flags |= BEHAVIOUR_PROBE;
	switch (event_type_shape((enum event_type)h->type)) {
	case SHAPE_EXEC:
		behaviour_of_exec(&l, v, c);
		break;
	case SHAPE_OPEN:
		behaviour_of_open(&l, v);
		break;
	case SHAPE_NETWORK:
		behaviour_of_network(&l, v, c);
		break;
	case SHAPE_PATH:
		if (classes[h->type] & CLASS(WRITE)) {
			behaviour_of_path(&l, v);
			break;
		}
		__attribute__((fallthrough)); /* chroot, pivot_root */
	case SHAPE_CALL:
	case SHAPE_FORK:
		behaviour_of_call(&l, v, c);
		break;
	case SHAPE_EXIT:
		break;
	}
	return l.n;
}

size_t behaviours_of_process(struct behaviour_reader *r, const struct process *p,
			     struct behaviour out[BEHAVIOUR_MAX])
{
	struct behaviour_list l = { .r = r, .out = out, .cap = BEHAVIOUR_MAX };

	r->used = 0;
	if (!p->kernel_thread && !p->placeholder)
		behaviour_of_seeded(&l, p);
	return l.n;
}

size_t behaviours_of_syscalls(struct behaviour_reader *r, const uint64_t *fresh_words,
			      struct behaviour *out, size_t cap)
{
	struct behaviour_list l = { .r = r, .out = out, .cap = cap };

	r->used = 0;
	for (unsigned w = 0; w < SYSCALL_WORDS; w++) {
		for (uint64_t left = fresh_words[w]; left; left &= left - 1) {
			const unsigned bit = w * 64 + (unsigned)__builtin_ctzll(left);
			struct span name = r->syscalls[bit] ? span_str(r->syscalls[bit])
							    : behaviour_printf(r, "#%u", bit);

			behaviour_add_key(&l, BASELINE_SYSCALL, name, 0);
		}
	}
	return l.n;
}

bool behaviour_is_sensitive(const struct behaviour_reader *r, struct span path, uint32_t self_pid)
{
	return behaviour_is_secret(r, path, self_pid, self_pid);
}
