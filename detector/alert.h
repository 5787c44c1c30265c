/* SPDX-License-Identifier: GPL-2.0-or-later */
/* alert - the record of one alert, and its line of JSON: schema 1, http/alert.schema.json.
 *
 * Pure, any thread. Spans are the caller's and may hold any bytes: what containers wrote is bounded
 * and escaped here. A line is made of three parts, so that repeats and the end of an alert carry
 * what its first line said: a head that is new each time, a body that is made once, and a tail. */
#ifndef BULKHEAD_ALERT_H
#define BULKHEAD_ALERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/base/buf.h"
#include "collector/base/err.h"
#include "detector/ulid.h"

struct container;
struct process;

#define ALERT_SCHEMA	    1
#define ALERT_LINE_MAX	    49152 /* bytes of a line; facts are cut beyond, and it says so */
#define ALERT_TAIL_MAX	    512
#define ALERT_HEAD_MAX	    512
#define ALERT_BODY_MAX	    (ALERT_LINE_MAX - ALERT_HEAD_MAX - ALERT_TAIL_MAX)
#define ALERT_MAX_FACTS	    32
#define ALERT_MAX_ANCESTORS 16
#define ALERT_MAX_LABELS    32
#define ALERT_MAX_KEY	    256 /* bytes of a folding key that count */

enum alert_severity { /* syslog's numbers */
		      ALERT_EMERGENCY,
		      ALERT_ALERT,
		      ALERT_CRITICAL,
		      ALERT_ERROR,
		      ALERT_WARNING,
		      ALERT_NOTICE,
		      ALERT_INFO,
		      ALERT_DEBUG,
		      ALERT_SEVERITY_COUNT
};

enum alert_kind {
	ALERT_RULE,
	ALERT_BASELINE,
	ALERT_RESOURCE,
	ALERT_ISOLATION,
	ALERT_MINING,
	ALERT_INTERNAL,	 /* of bulkhead itself */
	ALERT_HEARTBEAT, /* says that alerts arrive */
	ALERT_TEST,	 /* asked for by a person, for one sink */
	ALERT_AUDIT,	 /* in audit.jsonl alone */
	ALERT_KIND_COUNT
};

enum alert_state {
	ALERT_NEW,	/* has no end: something happened */
	ALERT_FIRING,	/* has one: something is so */
	ALERT_UPDATE,	/* it came again: count and last_time */
	ALERT_RESOLVED, /* it is so no more */
};

enum alert_action { ALERT_NONE, ALERT_KILL, ALERT_FREEZE, ALERT_THROTTLE, ALERT_DENY };

/* Indexed by the enums; ended by NULL. */
extern const char *const alert_severity_names[],
	*const alert_kind_names[], *const alert_state_names[], *const alert_action_names[];
bool alert_severity_parse(struct span name, enum alert_severity *out);
bool alert_kind_parse(struct span name, enum alert_kind *out);

struct alert_pair {
	struct span name, value;
};

struct alert_container {
	struct span id, name, image, image_id, runtime, pod_name, pod_namespace;
	struct alert_pair labels[ALERT_MAX_LABELS];
	size_t labels_n;
};

struct alert {
	enum alert_severity severity;
	enum alert_kind kind;
	bool has_end;	   /* FIRING first, until it is resolved */
	struct span title; /* for people */
	struct span rule;  /* name of the rule, invariant or entry */
	struct span key;   /* what repeats have in common beside rule and container */
	bool kept;	   /* in the log alone: something else tells people of it */
	bool by_image;	   /* repeats in all containers of the image are one alert */
	struct span host;  /* the node */
	const struct alert_container *container; /* NULL: of the host */
	const struct process *process;		 /* or NULL */
	uint64_t unix_minus_boot_ns;		 /* for the times of processes */
	const struct alert_pair *facts;		 /* the evidence */
	size_t facts_n;
	struct span technique_id, technique_name, tactic; /* MITRE ATT&CK */
	struct span recommend;
	bool has_action;
	enum alert_action action;
	struct span outcome;   /* of the action */
	struct span recording; /* file of the flight recorder */
	struct span sink;      /* of kind test: the one that is meant */
};

/* What differs from line to line of one alert. */
struct alert_head {
	uint64_t seq;
	char id[ULID_BYTES];
	enum alert_state state;
	uint64_t time_ns, first_ns, last_ns; /* unix */
	uint64_t count;
};
struct alert_tail {
	uint64_t held_back;
	const char *silenced; /* id of the silence; NULL: none */
	bool no_delivery;
	bool cut;
};

/* "severity" to "sink", without braces. 0 and *cut; -EMSGSIZE does not happen, -ENOMEM does. */
int alert_body(struct buf *b, const struct alert *a, bool *cut);
/* The whole line without '\n'. *b is appended to. */
void alert_line(struct buf *b, const struct alert_head *h, struct span body,
		const struct alert_tail *t);

/* What is told of a container; points into *c. `allowed` names labels, n of them. */
void alert_container_of(const struct container *c, const char (*allowed)[256], size_t allowed_n,
			struct alert_container *out);

/* "bytes" for people: "256 MiB"; text[24]. */
const char *alert_bytes_text(uint64_t bytes, char text[24]);

#endif
