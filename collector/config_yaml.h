/* SPDX-License-Identifier: GPL-2.0-or-later */
/* config_yaml - how the reader of settings takes libyaml's events: for config*.c alone. */
#ifndef BULKHEAD_CONFIG_YAML_H
#define BULKHEAD_CONFIG_YAML_H

#include <yaml.h>

#include "collector/base/auto.h"
#include "collector/base/parse.h"
#include "collector/config_keys.h"

struct config_reader {
	yaml_parser_t parser;
	struct config *c;
	const char *file;
	struct span yaml;
	struct err *e;
	size_t seen_line[CONFIG_KEYS_MAX]; /* by index in config_keys; 0: not yet */
};

static inline void auto_yaml_event_delete(yaml_event_t *ev)
{
	yaml_event_delete(ev);
}

static inline struct span config_yaml_scalar(const yaml_event_t *ev)
{
	return (struct span){ (const char *)ev->data.scalar.value, ev->data.scalar.length };
}

/* The next event; anchors, aliases and tags are errors. `key` is for the message: whose value is
 * read. The caller deletes the event, after an error too. */
int config_yaml_next(struct config_reader *r, yaml_event_t *ev, const char *key);

/* Puts "FILE:LINE:COLUMN: " before what *r->e says, with the key when it is known; returns code. */
int config_yaml_at(struct config_reader *r, yaml_mark_t mark, const char *key, int code);

bool config_yaml_is_null(const yaml_event_t *ev); /* nothing, ~ or null */

/* config_sinks.c: what follows the start of the list "alerts.sinks". */
int config_sinks_read(struct config_reader *r, const struct config_key *k);
/* config_rules.c: the same of "rules.exceptions". */
int config_exceptions_read(struct config_reader *r, const struct config_key *k);
/* config_thresholds.c: the same of "thresholds". */
int config_thresholds_read(struct config_reader *r, const struct config_key *k);

#endif
