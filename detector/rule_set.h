/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rule_set - rules as they are meant: files in order, later definitions over earlier ones, appended
 * and overridden parts put together, exceptions turned into conditions, lists put in place, macros
 * put in place. The result is a list of rules whose trees hold checks alone.
 *
 * Pure, any thread. Falco's order and visibility hold: a rule stands where it was first defined, a
 * macro sees those before it. Lists are seen wherever they stand, and stand in the tree, not in the
 * text: a name inside quotes is not a list. */
#ifndef BULKHEAD_RULE_SET_H
#define BULKHEAD_RULE_SET_H

#include "detector/rule_file.h"

#define RULE_ENGINE_VERSION                                                                        \
	"0.57.0" /* of Falco's rule language; compatible: same major, not older */
#define RULE_SET_MAX_RULES	8192
#define RULE_SET_MAX_NODES	(1U << 20)   /* of all conditions, macros in place */
#define RULE_SET_MAX_BYTES	(256U << 20) /* of the arena */
#define RULE_SET_MAX_VALUES	(1U << 20)   /* that lists put into conditions, and of lists */
#define RULE_SET_MAX_DEPTH	500	     /* of a tree with macros in place */
#define RULE_SET_MAX_LISTS_DEEP 64	     /* lists in lists */
#define RULE_SET_MAX_FILES	1024	     /* of a directory */
#define RULE_SET_MAX_TAGS	256	     /* of a rule */

struct rule {
	struct span name, desc, source, file;
	uint32_t line;
	struct rule_text output;	   /* as appended; its source tells places */
	const struct condition *condition; /* no CONDITION_MACRO in it */
	const struct condition *written;   /* with macros, lists in place: for `explain` */
	enum alert_severity priority;
	const struct span *tags;
	size_t tags_n;
	bool enabled, warn_evttypes, skip_unknown;
	uint32_t order; /* of the first definition */
};

struct rule_set {
	struct arena arena; /* holds all of it */
	struct rule_messages messages;
	struct rule *rules;
	size_t n;
	size_t files, macros, lists;
	bool failed;		 /* some error: nothing of it may be used */
	struct rule_items items; /* as read; rule_set_finish gives them their meaning */
};

/* An empty one. Free with rule_set_release. */
void rule_set_init(struct rule_set *s);
void rule_set_release(struct rule_set *s);
static inline void auto_rule_set_release(struct rule_set *s)
{
	rule_set_release(s);
}

/* Files in order; then rule_set_finish once. 0 or -ENOMEM; faults are messages and set failed. */
int rule_set_add(struct rule_set *s, struct span file, struct span bytes);
int rule_set_finish(struct rule_set *s);

/* Reads a file, or the *.yaml and *.yml of a directory in order of their names (not below it), and
 * adds them. 0; -errno and *e when it cannot be read. */
int rule_set_add_path(struct rule_set *s, const char *path, struct err *e);

#endif
