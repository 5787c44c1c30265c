/* SPDX-License-Identifier: GPL-2.0-or-later */
/* config_keys - the table of settings: one row a key. Parsing, setting, defaults, --print-config,
 * the check of deploy/bulkhead.yaml and "needs a restart" all walk it. For config*.c alone. */
#ifndef BULKHEAD_CONFIG_KEYS_H
#define BULKHEAD_CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/base/err.h"
#include "collector/base/parse.h"
#include "collector/config.h"

#define CONFIG_NAME_BYTES 64 /* longest name of a key, with NUL */
#define CONFIG_KEYS_MAX	  144 /* rows of the table, sections included */

enum config_kind {
	CONFIG_SECTION, /* holds keys; stores nothing */
	CONFIG_ADDRESS, /* IP:PORT */
	CONFIG_PATH,	/* absolute */
	CONFIG_USER,
	CONFIG_BOOL,
	CONFIG_MS,	/* duration kept in milliseconds */
	CONFIG_SECONDS, /* duration kept in whole seconds */
	CONFIG_BYTES32,
	CONFIG_BYTES64,
	CONFIG_COUNT,
	CONFIG_CHOICE,
	CONFIG_LABELS,	   /* list of names of labels; from here on all are lists */
	CONFIG_HOSTS,	   /* list of host names and addresses */
	CONFIG_TYPES,	   /* list of types of events */
	CONFIG_PATHS,	   /* list of absolute paths, and of file names */
	CONFIG_WORDS,	   /* list of names */
	CONFIG_SINKS,	   /* list of maps: config_sinks.h */
	CONFIG_EXCEPTIONS, /* list of maps: config_rules.c */
	CONFIG_THRESHOLDS, /* list of maps: config_thresholds.h */
};

struct config_choice {
	const char *text; /* NULL ends the list */
	int value;
};

struct config_key {
	const char *name;
	enum config_kind kind;
	size_t offset, bytes;	   /* of the field in struct config */
	const char *default_value; /* as config_set() takes it */
	/* Numbers: range, durations in ms. Texts: min 1 refuses "". Lists: max entries. */
	uint64_t min, max;
	const struct config_choice *choices;
	bool restart; /* a change takes effect at the next start only */
};

extern const struct config_key config_keys[];
extern const size_t config_keys_n;

const struct config_key *config_key_find(struct span name); /* NULL when unknown */

/* Sets *e to "unknown, did you mean ...?" and returns -EINVAL. */
int config_key_unknown(struct span name, struct err *e);

/* Checks the text and stores it. The error names value and expectation, not the key; the field is
 * then untouched. Lists are separated by commas. */
int config_key_set(const struct config_key *k, struct config *c, struct span text, struct err *e);

/* Lists: forgets all entries; adds one. */
void config_key_clear(const struct config_key *k, struct config *c);
int config_key_append(const struct config_key *k, struct config *c, struct span item,
		      struct err *e);

static inline bool config_key_is_list(const struct config_key *k)
{
	return k->kind >= CONFIG_LABELS;
}

/* What a value looks like, for messages: "true or false". */
const char *config_kind_expects(enum config_kind kind);

/* "127.0.0.1:9480", "[::1]:9480"; numeric only, so that no resolver decides who may connect. */
bool config_address_parse(struct span text, bool *loopback);

/* "500ms", "64KiB": false when the text is none. */
bool config_duration_parse(struct span text, uint64_t *ms);
bool config_size_parse(struct span text, uint64_t *bytes);

/* config_yaml.c: reads the file's keys into *c, which is half filled after a failure. */
int config_yaml_read(struct config *c, const char *file_name, struct span yaml, struct err *e);

#endif
