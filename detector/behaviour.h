/* SPDX-License-Identifier: GPL-2.0-or-later */
/* behaviour - what an event says of its container's behaviour: entries for classes of a baseline.
 * Pure but for its own scratch memory. Owner: one thread at a time. */
#ifndef BULKHEAD_BEHAVIOUR_H
#define BULKHEAD_BEHAVIOUR_H

#include "collector/event_text.h"
#include "collector/event_view.h"
#include "collector/process.h"
#include "detector/baseline.h"

#define BEHAVIOUR_MAX	    72	/* of one event: an exec with all capabilities */
#define BEHAVIOUR_MAX_GLOBS 256 /* of the settings */
#define BEHAVIOUR_MAX_PART                                                                         \
	1500		     /* bytes of a program or script in a key; then a hash of the rest     \
			      */
#define BEHAVIOUR_PROBES 256 /* health checks under way that are remembered */

enum behaviour_flag {
	BEHAVIOUR_DROPPED = 1 << 0,   /* exec: not the image's file: upper layer, memory, deleted */
	BEHAVIOUR_FOREIGN = 1 << 1,   /* of another mount than the container's own root */
	BEHAVIOUR_DENIED = 1 << 2,    /* enforcement refused or killed it */
	BEHAVIOUR_KNOWN_EXE = 1 << 3, /* exec: set by the caller */
	BEHAVIOUR_PROBE = 1 << 4,     /* of a configured health check */
};

struct behaviour {
	enum baseline_class class;
	struct span key;     /* of the baseline; good until the next call */
	struct span subject; /* for people: the path, "10.0.0.1:443"; the same */
	uint32_t flags;	     /* enum behaviour_flag */
};

struct behaviour_reader;

struct behaviour_settings {
	const struct span *sensitive; /* more globs of sensitive paths; copied */
	size_t sensitive_n;
};
/* -E2BIG: too many globs, or one that is too long. */
int behaviour_reader_new(struct behaviour_reader **out, const struct behaviour_settings *s,
			 struct err *e);
void behaviour_reader_free(struct behaviour_reader *r); /* NULL is fine */
DEFINE_AUTO(behaviour_reader, behaviour_reader_free)

/* Types of events that it wants of containers. */
uint64_t behaviour_event_mask(void);
/* Classes (1 << c) that an event type feeds: what its loss voids. */
uint32_t behaviour_classes_of(enum event_type t);

/* Keys, beyond what BASELINE_CLASSES says:
 * - EXEC: the program is what the kernel runs; "memfd:NAME" where it has no file. A file of the
 *   image keeps its path; what came later, lies on another mount or below /tmp, /var/tmp, /run and
 *   /dev/shm is normalised (path_tree). The parent is the program of the process that gave birth to
 *   this one; "-": it is not of the container; "?": not known. A '<' in a name is "\x3c", so that
 *   " < " cuts once.
 * - SCRIPT: also the script that is an interpreter's argument. "-c": the program is in the
 * arguments;
 *   "-m NAME": a module or class.
 * - LISTEN: "udp/ephemeral" for ports 32768 to 60999, which a bind to port 0 gives.
 * - CONNECT: tcp, udp, sctp by port; "icmp/0/..", "ip-PROTOCOL/0/.."; "tcp6" with eight groups.
 * Not: loopback, and a datagram socket's connect to the ports 0, 9, 80 and 443: so the C library
 * and Go put addresses in order, and who talks QUIC sends with an address.
 * - UNIX: abstract names, paths on a volume or bind mount, and runtimes' sockets anywhere.
 * - CALL: see behaviour_call.c. */

/* What one event says; 0 for calls that failed without a verdict, for threads, for /dev/null and
 * its like. Failed attempts that enforcement made are told with BEHAVIOUR_DENIED. */
size_t behaviours_of(struct behaviour_reader *r, const struct event_view *v,
		     const struct event_context *c, struct behaviour out[BEHAVIOUR_MAX]);
/* The same of a process that was there before the agent: executable, user, capabilities. */
size_t behaviours_of_process(struct behaviour_reader *r, const struct process *p,
			     struct behaviour out[BEHAVIOUR_MAX]);
/* New bits of a container's bitmap of system calls: one key each; words as in sensor_syscalls(). */
size_t behaviours_of_syscalls(struct behaviour_reader *r, const uint64_t *fresh_words,
			      struct behaviour *out, size_t cap);

struct behaviour_stats {
	uint64_t unresolved; /* changes of files whose path was not known, or only its end */
	uint64_t shortened;  /* keys with a hash for a part */
	uint64_t no_room;    /* behaviours beyond BEHAVIOUR_MAX or the scratch memory: never seen */
};
struct behaviour_stats behaviour_reader_stats(const struct behaviour_reader *r);

/* Whether the path is one whose reading counts. self_pid: in the container's pid namespace. */
bool behaviour_is_sensitive(const struct behaviour_reader *r, struct span path, uint32_t self_pid);

#endif
