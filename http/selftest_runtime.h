/* SPDX-License-Identifier: GPL-2.0-or-later */
/* selftest_runtime - docker, podman, nerdctl and ctr by their command lines: which of them works
 * here, an image loaded from memory, a container that is run and taken away. One thread. */
#ifndef BULKHEAD_SELFTEST_RUNTIME_H
#define BULKHEAD_SELFTEST_RUNTIME_H

#include <limits.h>

#include "http/selftest_child.h"

#define SELFTEST_RUNTIMES 4
#define SELFTEST_MAX_ARGS 32
#define SELFTEST_NAME_MAX 80 /* bytes of a container's or an image's name */

enum selftest_step {
	SELFTEST_VERSION, /* fails where its daemon does not answer */
	SELFTEST_LOAD,	  /* the archive of an image on stdin */
	SELFTEST_RUN,
	SELFTEST_REMOVE,       /* a container, whatever it does */
	SELFTEST_REMOVE_AFTER, /* what is left then, where that is a second command */
	SELFTEST_UNLOAD,
	SELFTEST_STEPS
};

struct selftest_runtime {
	unsigned form; /* index of selftest_runtime_name() */
	char path[PATH_MAX];
};

const char *selftest_runtime_name(unsigned form); /* NULL beyond the last */

struct selftest_words {
	const char *image, *container, *action; /* where the step has them */
};
/* The arguments of a step, NULL-terminated; false: this runtime has no such step. */
bool selftest_runtime_argv(const struct selftest_runtime *r, enum selftest_step step,
			   const struct selftest_words *w, const char *argv[SELFTEST_MAX_ARGS]);

/* The program in a list like $PATH; empty entries are none. */
bool selftest_find_program(const char *name, const char *path, char *out, size_t cap);

/* The first that works, or the one of that name (NULL: any). -ENOENT: none, *e names each and why
 * not; -EINTR. `c` is for the children. */
int selftest_runtime_find(struct selftest_runtime *out, const char *name, struct selftest_child *c,
			  int signals, struct err *e);

#endif
