/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rule_program_internal - what compiling, folding and running share.
 *
 * Nodes are numbers into one array; equal ones are one. A check is a node that asks one slot; a
 * slot is a field with its argument (or a transformer of such) whose values are taken once an
 * event. */
#ifndef BULKHEAD_RULE_PROGRAM_INTERNAL_H
#define BULKHEAD_RULE_PROGRAM_INTERNAL_H

#include "detector/byte_map.h"
#include "detector/glob.h"
#include "detector/needle.h"
#include "detector/pattern.h"
#include "detector/prefix_set.h"
#include "detector/rule_program.h"

#define PROGRAM_MAX_BYTES (256U << 20)
#define PROGRAM_MAX_NODES (1U << 20)
#define PROGRAM_MAX_SLOTS 4096
#define PROGRAM_MAX_RULES 16384
#define PROGRAM_MAX_DEPTH 400  /* of nodes, macros in place */
#define PROGRAM_VALUES	  4096 /* of all slots of one event */
#define PROGRAM_VARIANTS  3    /* by enum field_place */
#define PROGRAM_NO_SLOT	  UINT32_MAX

enum { NODE_FALSE, NODE_TRUE }; /* the first two nodes */

enum node_kind {
	NODE_CONST,
	NODE_NOT,
	NODE_AND,
	NODE_OR,
	NODE_ONEOF, /* exactly one child is true; one that stands twice counts twice */
	NODE_CHECK,
	NODE_TYPE
};

struct node {
	uint8_t kind;
	uint32_t cost;
	uint32_t first, n; /* children in links[]; CHECK: the check; TYPE: the set */
};

enum matcher {
	MATCH_EXISTS,
	MATCH_ATOM,  /* the value is this literal: number of the slot's atom */
	MATCH_ATOMS, /* one of these: a bit for each atom of the slot */
	MATCH_INT,   /* compared with one number */
	MATCH_UINT,
	MATCH_INTS, /* one of sorted numbers */
	MATCH_UINTS,
	MATCH_BOOL,
	MATCH_TEXT, /* strcmp order */
	MATCH_CONTAINS,
	MATCH_ICONTAINS,
	MATCH_STARTS,
	MATCH_ENDS,
	MATCH_PREFIXES, /* starts with one of many */
	MATCH_PATHS,	/* pmatch */
	MATCH_GLOB,
	MATCH_PATTERN,
	MATCH_NETS, /* addresses and networks */
	MATCH_SLOT, /* compared with other fields */
};

struct net {
	uint8_t bytes[16];
	uint8_t length, bits; /* 4 or 16 bytes; leading bits that count */
};

struct check {
	uint8_t matcher, op; /* enum matcher, enum condition_op */
	bool negate, all;    /* all: every value must pass, not one */
	uint32_t slot;
	uint32_t n; /* of the list below */
	union {
		uint32_t atom;
		const uint64_t *atoms; /* bits; made when all literals are known */
		int64_t i;
		uint64_t u;
		const int64_t *ints;
		const uint64_t *uints;
		bool b;
		struct prefix_set prefixes;
		struct pattern *pattern;
		const struct glob *glob;
		struct needle needle; /* of MATCH_ICONTAINS */
		const struct net *nets;
		const uint32_t *slots;
	};
	struct span text;	 /* of texts and patterns */
	const uint32_t *members; /* of MATCH_ATOMS: atoms, n of them */
	uint32_t words;		 /* of atoms */
};

struct slot {
	/* of this event; together, and first: there are hundreds of slots */
	uint32_t stamp, atom_stamp;
	uint32_t first, count; /* in values[] */
	struct byte_map atoms; /* literals that are compared with it */
	enum condition_transform transform;
	const uint32_t *inner;	     /* slots of a transformer's arguments */
	const struct span *literals; /* text in place of an inner slot that is PROGRAM_NO_SLOT */
	uint32_t inner_n;
	enum field_type type;
	unsigned flags;
	uint64_t events; /* types that can have it; 0: all */
	uint8_t cost;
	struct field_ref ref; /* TRANSFORM_FIELD */
};

struct program_rule {
	uint32_t root;
	struct rule_needs needs;
};

struct type_rules { /* of one evt.type */
	uint32_t *ids, *roots[PROGRAM_VARIANTS];
	size_t n;
};

struct rule_program {
	struct arena arena;
	struct byte_map node_ids, check_ids, slot_ids, set_ids, name_ids;
	struct node *nodes;
	uint32_t nodes_n, nodes_cap;
	uint32_t *links;
	uint32_t links_n, links_cap;
	struct check *checks;
	uint32_t checks_n, checks_cap;
	struct slot *slots;
	uint32_t slots_n;
	struct evt_set *sets;
	uint32_t sets_n, sets_cap;
	struct program_rule *rules;
	uint32_t rules_n;
	struct span *names;
	size_t names_n;
	struct type_rules types[EVT_COUNT];
	struct buf key; /* scratch of look-ups while it is built */
	unsigned compile_depth;
	bool finished;
	uint32_t host_slot; /* of container.id */
	/* of this event */
	uint32_t stamp;
	uint32_t *memo; /* of each node: stamp << 1 | result */
	struct field_value values[PROGRAM_VALUES];
	uint32_t value_atoms[PROGRAM_VALUES];
	uint32_t values_n;
	uint32_t variant_stamp, variant;
	uint64_t match_limit, values_full;
	/* of rule_program_paths */
	struct arena paths_arena;
};

/* rule_node.c: nodes are made here alone; NODE_FALSE..., or UINT32_MAX: no memory. */
uint32_t node_not(struct rule_program *p, uint32_t of);
/* kind: NODE_AND, NODE_OR or NODE_ONEOF. The list is reordered. */
uint32_t node_group(struct rule_program *p, enum node_kind kind, uint32_t *list, size_t n);
uint32_t node_check(struct rule_program *p, uint32_t check);
uint32_t node_type(struct rule_program *p, const struct evt_set *set);

/* rule_compile.c */
int program_compile(struct rule_program *p, const struct condition *c, uint32_t *node,
		    struct rule_needs *needs, struct err *e);
/* rule_slot.c */
int program_slot(struct rule_program *p, const struct condition *c,
		 const struct condition_operand *o, uint32_t *slot, struct err *e);
/* rule_check.c: *check is its number, or BYTE_MAP_NONE: the check is constant, *value. */
int program_check(struct rule_program *p, const struct condition *c, uint32_t slot,
		  const struct condition_value *values, size_t n, uint32_t *check, bool *value,
		  struct err *e);
int program_atoms(struct rule_program *p); /* bits of MATCH_ATOMS, when all are known */

/* rule_match.c: values of a slot for this event; how many. */
uint32_t program_values(struct rule_program *p, uint32_t slot, struct field_event *ev);
bool program_test(struct rule_program *p, const struct check *c, struct field_event *ev);
/* Of int64_t, uint64_t: for qsort and bsearch. */
int program_order_int(const void *a, const void *b);
int program_order_uint(const void *a, const void *b);
/* One text against a check of a string field: for what is known when it is compiled. */
bool program_test_text(struct rule_program *p, const struct check *c, struct span text);

/* rule_fold.c */
int program_fold(struct rule_program *p, struct err *e);

#endif
