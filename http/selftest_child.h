/* SPDX-License-Identifier: GPL-2.0-or-later */
/* selftest_child - a program that is run with a vector of arguments, never by a shell: what it says
 * is bounded, and it ends when its time is over. One thread.
 *
 * It is in a process group of its own, with no signal blocked or ignored, so that a signal of the
 * terminal reaches this process alone, which then ends the child in order. */
#ifndef BULKHEAD_SELFTEST_CHILD_H
#define BULKHEAD_SELFTEST_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "collector/base/auto.h"
#include "collector/base/buf.h"
#include "collector/base/err.h"

#define SELFTEST_OUTPUT_MAX 65536 /* bytes kept of each of its outputs; the rest is counted */

struct selftest_output {
	int fd;
	char data[SELFTEST_OUTPUT_MAX];
	size_t n;
	uint64_t dropped; /* bytes beyond */
};

enum selftest_child_state {
	SELFTEST_RUNNING,
	SELFTEST_ENDED, /* `status` is waitpid's */
	SELFTEST_INTERRUPTED,
};

struct selftest_child {
	pid_t pid; /* 0: none */
	int pidfd, hold;
	int status;
	struct selftest_output out, err;
};
struct selftest_child *selftest_child_new(void);    /* NULL: no memory */
void selftest_child_free(struct selftest_child *c); /* ends what runs; NULL is fine */
DEFINE_AUTO(selftest_child, selftest_child_free)

enum { SELFTEST_NO_INPUT = -1, SELFTEST_HELD_INPUT = -2 };

/* argv[0] is a path. input: a descriptor that it reads (not taken over), nothing at all, or a pipe
 * that has no byte and ends with selftest_child_let_go(). 0 or -errno. */
int selftest_child_start(struct selftest_child *c, const char *const *argv, int input,
			 struct err *e);
/* Takes what it says, until it ends, until_ns (of mono_ns) or a signal waits in `signals` (-1:
 * none is looked for), which is not read. */
enum selftest_child_state selftest_child_step(struct selftest_child *c, int signals,
					      uint64_t until_ns);
void selftest_child_let_go(struct selftest_child *c); /* its held input ends; may be repeated */
void selftest_child_kill(struct selftest_child *c);   /* the whole group, at once */

/* The whole of it: 0 when it exits with 0; -EINTR; -ETIME (killed); -EIO for another exit: *e is
 * then the last line that it said, on stderr first. */
int selftest_child_run(struct selftest_child *c, const char *const *argv, int input,
		       unsigned timeout_ms, int signals, struct err *e);
/* Why it ended, by its last line or its status; for one that ended. */
void selftest_child_complaint(const struct selftest_child *c, struct err *e);

#endif
