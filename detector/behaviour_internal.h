/* SPDX-License-Identifier: GPL-2.0-or-later */
/* behaviour_internal - what the files of the reader share: behaviour.c chooses by type,
 * behaviour_exec.c has programs, scripts and rights, behaviour_probe.c health checks,
 * behaviour_path.c files, behaviour_sensitive.c which of them are secrets, behaviour_network.c
 * sockets, behaviour_call.c all other calls. */
#ifndef BULKHEAD_BEHAVIOUR_INTERNAL_H
#define BULKHEAD_BEHAVIOUR_INTERNAL_H

#include "bpf/settings.h"
#include "collector/base/arena.h"
#include "detector/behaviour.h"
#include "detector/glob.h"

#define BEHAVIOUR_TEXT_BYTES 32768 /* of the keys of one event */
#define SYSCALL_BITS	     (SYSCALL_WORDS * 64U)

struct behaviour_reader {
	struct arena arena; /* of the globs */
	const struct glob *globs[BEHAVIOUR_MAX_GLOBS];
	size_t globs_n;
	struct buf normal;	      /* what path_tree_normalise wrote last */
	char *syscalls[SYSCALL_BITS]; /* names by bit; NULL: none */
	struct process_key probes[BEHAVIOUR_PROBES];
	/* Of what is looked for: lengths as bits, by the first byte. */
	uint64_t name_lengths[256], ending_lengths[256], proc_lengths[256];
	struct behaviour_stats stats;
	size_t used;
	char text[BEHAVIOUR_TEXT_BYTES];
};

/* What one event says so far. */
struct behaviour_list {
	struct behaviour_reader *r;
	struct behaviour *out;
	size_t n, cap;
	uint32_t flags; /* that all of them have */
};

void behaviour_add(struct behaviour_list *l, enum baseline_class c, struct span key,
		   struct span subject, uint32_t flags);
static inline void behaviour_add_key(struct behaviour_list *l, enum baseline_class c,
				     struct span key, uint32_t flags)
{
	behaviour_add(l, c, key, key, flags);
}

/* Text in the scratch memory, good until the next event; p NULL: no room, counted. */
struct span behaviour_printf(struct behaviour_reader *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Room at the end of the scratch memory; behaviour_keep() takes n bytes of it. */
char *behaviour_room(struct behaviour_reader *r, size_t *cap);
struct span behaviour_keep(struct behaviour_reader *r, size_t n);

void behaviour_of_exec(struct behaviour_list *l, const struct event_view *v,
		       const struct event_context *c);
void behaviour_of_seeded(struct behaviour_list *l, const struct process *p);
void behaviour_add_user(struct behaviour_list *l, uint32_t euid);
/* p may be NULL. None for who is in a user namespace of its own making: they count there alone. */
void behaviour_add_capabilities(struct behaviour_list *l, const struct process *p,
				uint64_t effective);
bool behaviour_is_probe(struct behaviour_reader *r, const struct event_view *v,
			const struct event_context *c);

void behaviour_of_open(struct behaviour_list *l, const struct event_view *v);
void behaviour_of_path(struct behaviour_list *l, const struct event_view *v);
void behaviour_of_network(struct behaviour_list *l, const struct event_view *v,
			  const struct event_context *c);
void behaviour_of_call(struct behaviour_list *l, const struct event_view *v,
		       const struct event_context *c);

/* "/proc/5/x", "/proc/self/x" of the process 5 (or its thread 6) itself; *rest is "x". */
bool behaviour_is_own_proc(struct span path, uint32_t pid, uint32_t tid, struct span *rest);
void behaviour_note_names(struct behaviour_reader *r); /* once */
bool behaviour_is_secret(const struct behaviour_reader *r, struct span path, uint32_t pid,
			 uint32_t tid);

#endif
