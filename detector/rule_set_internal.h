/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rule_set_internal - the steps of rule_set_finish: items are collected under their names, then
 * lists, macros and rules are worked out, in this order. */
#ifndef BULKHEAD_RULE_SET_INTERNAL_H
#define BULKHEAD_RULE_SET_INTERNAL_H

#include "detector/rule_file_internal.h"
#include "detector/rule_set.h"

enum set_state { STATE_NEW, STATE_BUSY, STATE_DONE };

/* A text with what was appended to it. */
struct set_text {
	struct set_text_part {
		struct set_text_part *next;
		struct rule_text text;
	} * first, *last;
};
struct set_texts {
	struct set_texts_part {
		struct set_texts_part *next;
		struct rule_texts texts;
		struct span file;
	} * first, *last;
};

struct set_list {
	struct set_list *next;
	const struct rule_item *item; /* the last definition */
	struct set_texts items;
	enum set_state state;
	bool broken;
	struct condition_value *values;
	size_t n;
};

struct set_macro {
	struct set_macro *next;
	const struct rule_item *item;
	struct set_text condition;
	uint32_t index, visibility; /* of the first definition, of the last one */
	enum set_state state;
	bool broken;
	struct set_macro *user; /* while it is busy: which one asked */
	const struct condition *written, *resolved;
	uint64_t nodes; /* of resolved */
	uint32_t depth;
};

struct set_exception {
	const struct rule_exception *def;
	struct span file;
	struct set_values {
		struct set_values *next;
		const struct rule_exception *from;
		struct span file;
	} * first, *last;
};

struct set_rule {
	struct set_rule *next;
	const struct rule_item *item;
	struct set_text condition, output, desc;
	struct set_texts tags;
	struct set_exception *exceptions;
	size_t exceptions_n, exceptions_cap;
	struct span source;
	enum alert_severity priority;
	bool enabled, warn_evttypes, skip_unknown;
	bool broken, unknown_source;
	uint32_t order;
};

struct set_names {
	struct set_name {
		struct span name;
		void *value;
	} * slots;
	size_t cap; /* a power of two, twice what can come at least */
};

struct set_builder {
	struct rule_set *s;
	struct arena *a;
	struct set_names lists, macros, rules;
	struct set_list *first_list, **last_list;
	struct set_macro *first_macro, **last_macro;
	struct set_rule *first_rule, **last_rule;
	uint32_t id;  /* counts definitions, as Falco does */
	bool bad;     /* a fault was told in what is worked out now */
	bool lenient; /* faults are warnings: of lists that nothing uses */
	uint64_t values, nodes;
	bool nodes_told;
	/* the last source that was made for another file, see set_source_at */
	const struct condition_source *split_from, *split;
};

/* rule_set_collect.c */
int set_collect(struct set_builder *b);
void *set_find(const struct set_names *t, struct span name);
bool set_text_add(struct set_builder *b, struct set_text *t, const struct rule_text *text);
/* All parts with one blank between them; places of each part stay its own. */
struct rule_text set_text_join(struct set_builder *b, const struct set_text *t);

/* rule_set_message.c: all of these set bad, but for warnings. */
void set_error(struct set_builder *b, const struct rule_item *item, const struct rule_text *at,
	       const char *fmt, ...) PRINTF_LIKE(4, 5);
void set_warning(struct set_builder *b, const struct rule_item *item, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
void set_fault(struct set_builder *b, const struct condition_source *s, uint32_t at,
	       const char *fmt, ...) PRINTF_LIKE(4, 5);
/* Of condition_parse and the like: the place is taken off its text. */
void set_fault_of(struct set_builder *b, const struct condition_source *s, uint32_t at,
		  const struct err *e);
/* The same source, but of the file that this byte stands in. */
const struct condition_source *set_source_at(struct set_builder *b,
					     const struct condition_source *s, uint32_t at);
/* NULL: a fault was told. */
const struct condition *set_parse(struct set_builder *b, const struct condition_source *s);

/* rule_set_versions.c */
void set_check_engine(struct set_builder *b, const struct rule_item *item);
void set_check_plugins(struct set_builder *b, const struct rule_item *item);

/* rule_set_lists.c */
const struct condition *set_put_lists(struct set_builder *b, const struct condition *c);
void set_check_unused_lists(struct set_builder *b);

/* rule_set_macros.c */
struct set_sized {
	const struct condition *c;
	uint64_t nodes; /* as if nothing were shared */
	uint32_t depth;
};
void set_macros(struct set_builder *b);
struct set_sized set_put_macros(struct set_builder *b, const struct condition *c,
				struct set_macro *user, uint32_t level);

/* rule_set_exceptions.c */
bool set_exception_add(struct set_builder *b, struct set_rule *r, const struct rule_item *item,
		       const struct rule_exception *ex, bool append);
/* The condition with "and not" each exception; NULL: a fault was told. */
const struct condition *set_put_exceptions(struct set_builder *b, const struct set_rule *r,
					   const struct condition *c);

#endif
