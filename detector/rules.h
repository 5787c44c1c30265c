/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rules - a whole set of rules at work: what was loaded, compiled and selected, and how each rule
 * does. Made anywhere (a worker loads the next set while the old one judges), then owned by the
 * thread of the events. */
#ifndef BULKHEAD_RULES_H
#define BULKHEAD_RULES_H

#include "detector/rule_output.h"
#include "detector/rule_program.h"
#include "detector/rule_set.h"

#define RULES_AUDIT_TAG	   "audit"
#define RULES_MAX_HITS	   32 /* rules that match one event; more are counted */
#define RULES_PROFILE_EACH 64 /* one event of so many is timed */

/* Taken from the configuration: a rule holds back where all that is given fits. */
struct rules_exception {
	const char *rule;      /* a name, or a glob of names; "" or "*": all */
	const char *image;     /* glob of container.image.repository, "": any */
	const char *container; /* glob of container.name, "": any */
	const char *condition; /* "": always */
};

struct rules_settings {
	enum alert_severity least; /* rules below it are left out */
	bool match_all;		   /* all rules that match, not the first */
	const char *const *tags;   /* with one of these alone; n 0: all */
	size_t tags_n;
	const char *const *disable_tags; /* without these */
	size_t disable_tags_n;
	const struct rules_exception *exceptions;
	size_t exceptions_n;
};

enum rules_state {
	RULE_ON,
	RULE_DISABLED,	 /* enabled: false */
	RULE_NOT_TAGGED, /* tags, disable_tags, priority */
	RULE_NOT_SERVED, /* asks what bulkhead cannot tell: `reason` */
};
const char *rules_state_name(enum rules_state s); /* "on", "disabled", "not selected", ... */

struct rules_rule {
	/* counted by who evaluates; first, beside what it looks at */
	uint64_t evaluations, matches;
	bool audit; /* tagged so: to the audit, never to the alerts */
	enum rules_state state;
	const struct rule *rule; /* of the set */
	const char *reason;	 /* "" when there is none; in the arena */
	struct rule_needs needs;
	struct rule_output output;
	struct span technique_id, tactic; /* of its tags: "T1059", "execution" */
	uint64_t sampled, sampled_ns;	  /* of the evaluations that were timed */
};

struct rules {
	struct rule_set set;
	struct arena arena;
	struct rule_output_refs refs; /* of all outputs */
	struct rule_program *program;
	struct rules_rule *list; /* all of the set, in its order */
	size_t n;
	uint32_t *by_id; /* rule numbers of the program -> index into list */
	size_t on;
	bool match_all;
	struct rule_paths host_paths; /* that the kernel's side must tell; by who loads files */
	uint64_t loaded_unix_ns;
	/* of events */
	uint64_t events, hits_refused;
	uint32_t until_profile;
};

/* Takes *set (finished, not failed) over, also on failure: then it is released. Rules with a fault
 * (unknown field, wrong type) are errors in the set's messages and the load fails, but where the
 * rule says skip-if-unknown-filter; what bulkhead cannot serve is RULE_NOT_SERVED. 0; -EINVAL:
 * there are errors, *out is set for its messages alone and has nothing that may be evaluated;
 * -ENOMEM. */
int rules_new(struct rules **out, struct rule_set *set, const struct rules_settings *s,
	      struct err *e);
void rules_free(struct rules *r);
DEFINE_AUTO(rules, rules_free)

struct rules_hit {
	struct rules_rule *rule;
	enum field_reading reading; /* of paths, under which it matched */
};

/* Rules that match the event: audit rules all, of the others the first or all. ev is filled but for
 * `reading`, `scratch_used` and `scratch_full`. At most RULES_MAX_HITS. */
size_t rules_match(struct rules *r, struct field_event *ev, struct rules_hit *hits);

/* Nanoseconds a rule took in all, from what was timed. */
uint64_t rules_nanoseconds(const struct rules_rule *r);

/* Types (EVENT_BIT) that some rule wants of containers, of the host; and those of which repeats
 * must be told. */
struct rules_wants {
	uint64_t container, host, repeats;
};
struct rules_wants rules_wants(const struct rules *r);

/* {"loaded":...,"rules":[...]}: GET /api/v1/rules, without its braces. */
void rules_json(struct buf *b, const struct rules *r);

#endif
