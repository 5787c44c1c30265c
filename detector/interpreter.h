/* SPDX-License-Identifier: GPL-2.0-or-later */
/* interpreter - programs that run what their arguments name (shells, Python, Node, Java ...): what
 * a list of arguments makes them run. Pure, any thread; nothing is copied. */
#ifndef BULKHEAD_INTERPRETER_H
#define BULKHEAD_INTERPRETER_H

#include <stdbool.h>
#include <stddef.h>

#include "collector/base/parse.h"

enum interpreted_kind {
	INTERPRETED_NOTHING, /* from standard input, or nothing at all */
	INTERPRETED_FILE,    /* `what` is a script or an archive, as it was written */
	INTERPRETED_MODULE,  /* `what` is a module or a class */
	INTERPRETED_INLINE,  /* the program is in the arguments: `what` is its text */
};

struct interpreted {
	enum interpreted_kind kind;
	struct span what;
	size_t at; /* index of `what` in args */
};

/* `program` is a base name, with a version or without one ("python3.11"); `args` what follows it.
 * false: it is no interpreter. *family (may be NULL) is its name without the version. */
bool interpreter_run(struct span program, const struct span *args, size_t n,
		     struct interpreted *out, struct span *family);

/* What follows the last '/'. */
struct span interpreter_base(struct span path);

/* One of the words of a list that blanks separate. */
bool interpreter_is_one_of(struct span word, const char *list);

#endif
