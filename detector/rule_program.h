/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rule_program - conditions checked, compiled and run.
 *
 * All conditions of a set share one graph of nodes: what is written twice (a macro in twenty rules)
 * is one node, worked out once an event. For every evt.type the graph is folded with that type
 * known, so that an event meets only what is left to ask: most rules are constant false for most
 * types and are not met at all. Checks stand in order of their cost. Nothing is allocated while it
 * runs, and what a rule can cost is bounded: its nodes once, each value's bytes once a check, PCRE2
 * with a match limit.
 *
 * Owner: one thread. */
#ifndef BULKHEAD_RULE_PROGRAM_H
#define BULKHEAD_RULE_PROGRAM_H

#include "detector/condition.h"
#include "detector/field.h"

struct rule_program;

int rule_program_new(struct rule_program **out, struct err *e);
void rule_program_free(struct rule_program *p);
DEFINE_AUTO(rule_program, rule_program_free)

/* What a condition needs to be right. */
struct rule_needs {
	struct evt_set types; /* that can make it true, by what it says of evt.type */
	/* The same after rule_program_finish(), with all that a type cannot have: */
	struct evt_set host_types, container_types;
	bool all_types;		/* it names no evt.type */
	bool of_time;		/* a repeat of an event may differ: FIELD_OF_TIME */
	bool names_unseen_type; /* an evt.type that bulkhead does not observe is in it */
	char unseen_type[32];	/* the first of them */
};

/* Checks types and compiles; the tree is no longer needed afterwards. *id is the rule's number
 * here, from 0. 0; -EINVAL: a fault, placed; -ENOENT: unknown field, evt.type; -EOPNOTSUPP: a
 * field that cannot be served; -ENOMEM, -E2BIG. On failure nothing was added. */
int rule_program_add(struct rule_program *p, const struct condition *c, uint32_t *id,
		     struct rule_needs *needs, struct err *e);

/* After the last: folds for each type. */
int rule_program_finish(struct rule_program *p, struct err *e);

/* Instead of rule_program_finish, for one condition that somebody waits for: types are asked when
 * an event comes. Means the same, takes microseconds, and each rule is met by every type. */
int rule_program_finish_plain(struct rule_program *p, struct err *e);

/* Of a rule that was added; whole after rule_program_finish(). */
const struct rule_needs *rule_program_needs(const struct rule_program *p, uint32_t id);

/* Rules (numbers, in order) that an event of this type can match. */
size_t rule_program_of_type(const struct rule_program *p, enum evt_type t, const uint32_t **ids);

/* Begins an event: what was worked out for the last is forgotten. Also between two readings. */
void rule_program_begin(struct rule_program *p);
/* Whether the i-th rule of ev->type (index into rule_program_of_type) matches. */
bool rule_program_match(struct rule_program *p, size_t i, struct field_event *ev);

/* Names that rules look up by DNS (FIELD_NAME): for who keeps them. */
size_t rule_program_names(struct rule_program *p, const struct span **names);

/* Paths that must be told of the host, so that every rule that can match a file there does: an
 * over-approximation taken from the conditions. */
struct rule_paths {
	const struct span *prefixes; /* "/etc/" */
	size_t prefixes_n;
	const struct span *names; /* last components */
	size_t names_n;
	bool all;	   /* some rule looks at any path */
	uint32_t all_rule; /* the first of them */
};
/* For events of these types (EVENT_BIT). Valid until the next call. 0 or -ENOMEM. */
int rule_program_paths(struct rule_program *p, uint64_t events, struct rule_paths *out);

/* What entries of a program's environment must hold (letters of either case) so that some rule can
 * look at them; an empty one: all. The list is the arena's. 0 or -ENOMEM. */
int rule_program_environment(struct rule_program *p, struct arena *a, const struct span **list,
			     size_t *n);

struct rule_program_stats {
	uint64_t nodes, fields, checks, bytes;
	uint64_t match_limit; /* regular expressions that were given up */
	uint64_t values_full; /* fields left out of an event: more values than there is room for */
};
struct rule_program_stats rule_program_stats(const struct rule_program *p);

#endif
