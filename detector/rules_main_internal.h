/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rules_main_internal - what the commands of rules_main share. */
#ifndef BULKHEAD_RULES_MAIN_INTERNAL_H
#define BULKHEAD_RULES_MAIN_INTERNAL_H

#include "detector/rule_output.h"
#include "detector/rule_program.h"
#include "detector/rule_set.h"

enum { RULES_GOOD = 0, RULES_FAULTY = 1, RULES_USAGE = 2, RULES_NO_MATCH = 3 };

#define RULES_OUT_MAX	 (256u << 20) /* of what one command prints at once */
#define RULES_LIST_ITEMS 10	      /* of a long list that `explain` shows */

struct checked_rule { /* a rule of the set, and what became of it */
	const struct rule *rule;
	struct rule_needs needs;
	struct rule_output output;
	uint32_t id; /* in the program, when it is compiled */
	bool compiled, served;
	struct span reason; /* why it is not served */
};

struct rules_command {
	bool json, full, strict, expect_match, match_all;
	const char *tag, *only, *recording; /* or NULL */
	enum alert_severity priority;	    /* this and worse */
	char **files;
	size_t files_n;
	struct rule_set set;
	struct rule_program *program;
	struct rule_output_refs refs;
	struct checked_rule *rules;
	size_t n;
	struct buf out;
};

/* Reads c->files, compiles every rule; what is wrong is in c->set.messages. 0 or -ENOMEM. */
int rules_main_load(struct rules_command *c, struct err *e);
/* The files alone, put together in c->set. 0 or -ENOMEM. */
int rules_main_read(struct rules_command *c, struct err *e);
/* Prints errors to standard error; RULES_FAULTY when there were some. */
int rules_main_complain(const struct rule_messages *m);
/* "FILE:LINE:COLUMN: error: rule 'NAME': text", a line each. */
void rules_main_messages_text(struct buf *b, const struct rule_messages *m, bool warnings);

int rules_main_check(struct rules_command *c);
int rules_main_list(struct rules_command *c);
int rules_main_explain(struct rules_command *c); /* c->only */
int rules_main_fields(struct rules_command *c);	 /* of the class c->only */
int rules_main_test(struct rules_command *c);

/* What it is evaluated for, in containers and outside. */
static inline struct evt_set rules_main_types(const struct rule_needs *n)
{
	return (struct evt_set){ { n->host_types.w[0] | n->container_types.w[0],
				   n->host_types.w[1] | n->container_types.w[1] } };
}
/* Writes c->out; the exit code, or RULES_FAULTY when it cannot. */
int rules_main_print(struct rules_command *c, int code);
const char *rules_main_priority_name(enum alert_severity p); /* "Warning", as Falco writes it */
bool rules_main_has_tag(const struct rule *r, const char *tag);
void rules_main_put_tags(struct buf *b, const struct rule *r);		  /* JSON member */
void rules_main_put_types(struct buf *b, const struct rule_needs *needs); /* JSON member */
void rules_main_add_types(struct buf *b, const struct rule_needs *needs); /* "openat, open" */
const struct checked_rule *rules_main_find(const struct rules_command *c, const char *name);

#endif
