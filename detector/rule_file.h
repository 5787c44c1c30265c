/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rule_file - one YAML file of rules, read into items as they stand in it: lists, macros, rules and
 * required versions, with the place of every part. What they mean together is rule_set's.
 *
 * Pure, any thread. All lives in the caller's arena. */
#ifndef BULKHEAD_RULE_FILE_H
#define BULKHEAD_RULE_FILE_H

#include "detector/alert.h"
#include "detector/condition.h"

#define RULE_FILE_MAX_BYTES	 (4U << 20)
#define RULE_FILE_MAX_DEPTH	 16
#define RULE_FILE_MAX_ITEMS	 16384
#define RULE_FILE_MAX_EXCEPTIONS 1024 /* of a rule */
#define RULE_MESSAGES_MAX	 1000 /* kept; all are counted */

struct rule_text { /* a scalar of the file */
	struct span text;
	uint32_t line, column;		 /* where it begins, from 1; line 0: it is not there */
	struct condition_source *source; /* of conditions and outputs: places every byte */
};

struct rule_texts {
	struct rule_text *list;
	size_t n;
	bool given;
};

enum rule_merge { RULE_DEFINE, RULE_APPEND, RULE_REPLACE };

/* Parts of a rule, bits of `given` and of override. */
enum rule_part {
	PART_CONDITION,
	PART_OUTPUT,
	PART_DESC,
	PART_TAGS,
	PART_EXCEPTIONS,
	PART_PRIORITY,
	PART_ENABLED,
	PART_WARN_EVTTYPES,
	PART_SKIP_UNKNOWN,
	PART_CAPTURE,
	PART_CAPTURE_DURATION,
	PART_SOURCE,
	PART_ITEMS, /* of a list */
	PART_COUNT
};
const char *rule_part_name(enum rule_part p); /* its key in YAML: "skip-if-unknown-filter" */

struct rule_exception {
	struct rule_text name;
	struct rule_texts fields, comps; /* one without a list: fields_scalar */
	bool fields_scalar, comps_scalar;
	/* values: tuples (each a list of texts or of lists), or a flat list when fields_scalar. */
	struct rule_tuple {
		struct rule_member {
			struct rule_texts texts; /* one, or several where it is a list */
			bool list;
		} * members;
		size_t n;
		bool flat; /* no list: one text */
		uint32_t line;
	} * values;
	size_t values_n;
	bool has_values;
};

enum rule_item_kind { ITEM_LIST, ITEM_MACRO, ITEM_RULE, ITEM_ENGINE_VERSION, ITEM_PLUGIN_VERSIONS };

struct rule_item {
	enum rule_item_kind kind;
	struct span file;
	struct rule_text name;
	unsigned given;			   /* bits of enum rule_part */
	enum rule_merge merge[PART_COUNT]; /* override; RULE_DEFINE: not named there */
	bool append;			   /* the deprecated key */
	bool has_override;
	struct rule_texts items; /* list */
	struct rule_text condition, output, desc, source;
	struct rule_texts tags;
	enum alert_severity priority;
	bool enabled, warn_evttypes, skip_unknown, capture;
	uint64_t capture_ms;
	struct rule_exception *exceptions;
	size_t exceptions_n;
	/* required_plugin_versions; required_engine_version stands in name */
	struct rule_requirement {
		struct rule_text name, version;
		bool alternative; /* to the one before it */
	} * plugins;
	size_t plugins_n;
	bool broken; /* an error was told: known by its name, not to be used */
};

/* Warnings and errors, in order of the files. */
struct rule_message {
	struct rule_message *next;
	bool error;
	struct span file, what, name, text; /* what: "rule", "macro", "list", "" */
	uint32_t line, column;		    /* 0: not known */
};
struct rule_messages {
	struct rule_message *first, **last; /* NULL last: none yet */
	size_t errors, warnings;
};
void rule_message_add(struct arena *a, struct rule_messages *m, bool error, struct span file,
		      uint32_t line, uint32_t column, struct span what, struct span name,
		      const char *fmt, ...) PRINTF_LIKE(9, 10);

struct rule_items {
	struct rule_item *list;
	size_t n, cap;
};

/* Adds the items of one file's bytes (UTF-8 YAML, one document or more). Unknown keys are warnings,
 * all else is an error; reading goes on with the next item where it can, so that one run tells all.
 * `bytes` and `file` are copied into the arena. 0 (errors are in *m), or -ENOMEM. */
int rule_file_read(struct arena *a, struct span file, struct span bytes, struct rule_items *items,
		   struct rule_messages *m);

#endif
