/* SPDX-License-Identifier: GPL-2.0-or-later */
/* silence - alerts that are not to be delivered till a time, and alerts that somebody took on.
 *
 * Owner: the loop's thread. Kept in STATE/silences.json (mode 0600), whole or not at all, so that
 * they outlive a restart. A silenced alert is in the log all the same, and says by what. */
#ifndef BULKHEAD_SILENCE_H
#define BULKHEAD_SILENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/base/auto.h"
#include "collector/base/buf.h"
#include "collector/base/err.h"
#include "detector/alert.h"

#define SILENCE_MAX	      256  /* that are in force; one more is refused */
#define SILENCE_MAX_ACKS      1024 /* of the newest alerts; the oldest are forgotten */
#define SILENCE_PATTERN_BYTES 257
#define SILENCE_MAX_S	      (366ULL * 86400)

/* What an alert has, in the order of silence_field_names. */
enum silence_field {
	SILENCE_KIND,
	SILENCE_RULE,
	SILENCE_CONTAINER, /* its name, its id or the beginning of it */
	SILENCE_IMAGE,
	SILENCE_SEVERITY,
	SILENCE_KEY,
	SILENCE_FIELD_COUNT
};
extern const char *const silence_field_names[];

struct silence {
	char id[ULID_BYTES];
	char patterns[SILENCE_FIELD_COUNT][SILENCE_PATTERN_BYTES]; /* '*' and '?'; "": anything */
	char comment[257], by[65];
	uint64_t created_unix_ns, until_unix_ns;
};

struct acknowledgement {
	char id[ULID_BYTES]; /* of the alert */
	char comment[257], by[65];
	uint64_t unix_ns;
};

struct silence_subject { /* of an alert; container_id beside the name for SILENCE_CONTAINER */
	struct span fields[SILENCE_FIELD_COUNT];
	struct span container_id;
};

struct silence_store;

/* A file that is damaged is set aside as silences.json.damaged with *e filled, and none are in
 * force: an alert too many is better than one too few. */
int silence_store_new(struct silence_store **out, int state_fd, struct err *e);
void silence_store_free(struct silence_store *s);
DEFINE_AUTO(silence_store, silence_store_free)

/* id and created are set here. -EINVAL: no pattern, or a bad time; -ENOSPC: too many; else -errno:
 * it could not be kept, and is not in force. */
int silence_add(struct silence_store *s, struct silence *in, struct err *e);
int silence_remove(struct silence_store *s, struct span id, struct err *e); /* or -ENOENT */
int silence_acknowledge(struct silence_store *s, const struct acknowledgement *a, struct err *e);

/* The one that fits, or NULL. Good until the store changes. */
const struct silence *silence_match(const struct silence_store *s, const struct silence_subject *of,
				    uint64_t now_unix_ns);
bool silence_glob(struct span pattern, struct span text);
unsigned silence_expire(struct silence_store *s, uint64_t now_unix_ns); /* how many */
const struct acknowledgement *silence_acknowledged(const struct silence_store *s, struct span id);
/* All acknowledgements, newest last. */
size_t silence_acknowledgements(const struct silence_store *s, const struct acknowledgement **list);

/* {"silences":[...],"acknowledged":[...]} */
void silence_json(struct buf *b, const struct silence_store *s);
void silence_one_json(struct buf *b, const struct silence *s);
uint32_t silence_count(const struct silence_store *s);
uint64_t silence_refused(const struct silence_store *s);

#endif
