/* SPDX-License-Identifier: GPL-2.0-or-later */
/* config_sinks - the list alerts.sinks of the configuration: where alerts go.
 *
 * Each entry is a map; which keys a type knows is in one table (config_sinks.c), and each with its
 * meaning in deploy/bulkhead.yaml. Values are checked and kept as flat pairs of texts, as
 * `bulkhead serve` gets them (collector/wire.h): numbers decimal, durations in milliseconds,
 * entries of a list under the same key, entries of a map under "map.entry".
 *
 * Secrets are never in the file: keys that end in _file name a file (header_files: one for each
 * header), keys that end in _env an environment variable of bulkheadd. */
#ifndef BULKHEAD_CONFIG_SINKS_H
#define BULKHEAD_CONFIG_SINKS_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/base/err.h"
#include "collector/base/parse.h"
#include "collector/wire.h"

struct config_sink {
	char name[WIRE_SINK_NAME_BYTES]; /* its own, or its type and a number */
	enum wire_sink_type type;
	uint32_t settings_n, text_n;
	char text[WIRE_SINK_TEXT_BYTES]; /* key NUL value NUL, settings_n times; the rest is 0 */
};

struct config_sinks {
	struct config_sink items[WIRE_MAX_SINKS];
	uint32_t n;
};

/* The next pair: *at starts at 0. False at the end. */
bool config_sink_next(const struct config_sink *s, uint32_t *at, const char **key,
		      const char **value);

/* The first value of the key, or NULL. */
const char *config_sink_get(const struct config_sink *s, const char *key);

/* What serve is to know: each secret as WIRE_SINK_SECRET, read or opened now, then WIRE_SINKS. A
 * secret that cannot be had is told too, so that the sink waits and says why. A sink without a
 * severity of its own gets default_severity ("" : none). `send` takes over fd (-1: none); the first
 * error of `send` ends it and is returned. */
typedef int (*config_sinks_send_fn)(void *ctx, enum wire_type type, struct span payload, int fd);
int config_sinks_feed(const struct config_sinks *c, const char *default_severity,
		      config_sinks_send_fn send, void *ctx);

/* Calls fn for each key that a type knows: for the test of the manual. */
void config_sinks_each_key(void (*fn)(void *ctx, const char *key), void *ctx);

#endif
