/* SPDX-License-Identifier: GPL-2.0-or-later */
/* baseline_export_falco - what the parts of a file of rules share. */
#ifndef BULKHEAD_BASELINE_EXPORT_FALCO_H
#define BULKHEAD_BASELINE_EXPORT_FALCO_H

#include "detector/baseline_export_internal.h"

#define FALCO_MAX_CONDITION (128U << 10) /* bytes; CONDITION_MAX_BYTES is twice that */

struct falco_file {
	struct export *x;
	char id[EXPORT_MAX_NAME + 32]; /* prefix of lists and macros: "bulkhead_nginx_1a2b3c4d" */
	struct buf lists, rules;       /* the lists and the macro stand before the rules */
};

struct falco_words {
	const char *what; /* "Unexpected program" */
	const char *desc;
	const char *output; /* fields behind the common ones */
	const char *tag;
};

/* Stands for itself in lists and conditions, and in quotes. */
bool falco_is_plain(char c);
/* The rule "WHAT in IMAGE". */
void falco_put_rule(struct falco_file *f, const struct falco_words *w, const struct buf *condition);
/* Without it there is a note that there is no rule for `what`. */
bool falco_has_evidence(struct falco_file *f, enum baseline_class c, const char *what);

/* 0, also without a rule; or what baseline_export gives. */
int falco_put_listeners(struct falco_file *f);
int falco_put_connections(struct falco_file *f);
/* f->id, and the macro of that name: whether a container is of the image. -EINVAL: its name cannot
 * stand in a rule. */
int falco_make_id(struct falco_file *f);
int falco_put_macro(struct falco_file *f);

#endif
