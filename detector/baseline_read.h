/* SPDX-License-Identifier: GPL-2.0-or-later */
/* baseline_read - the members of a baseline's document, each looked at; for baseline_parse*.c. A
 * wrong one is -EPROTO with its place: "sets.exec[3].windows: expected an object". */
#ifndef BULKHEAD_BASELINE_READ_H
#define BULKHEAD_BASELINE_READ_H

#include <jansson.h>

#include "detector/baseline_internal.h"

#define BASELINE_MAX_PATTERN ((size_t)4 * PATH_TREE_MAX_PATH)

struct reader { /* one document that is read */
	struct baseline *to;
	struct err *e;
	char at[160]; /* "sets.exec[3].windows" */
	size_t at_n;
	unsigned digests_n;
	char pattern[BASELINE_MAX_PATTERN]; /* scratch */
};

/* Names in a place are ours, never the document's. Gives back what read_leave() wants. */
size_t read_enter(struct reader *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
void read_leave(struct reader *r, size_t back);
int read_wrong(struct reader *r, const char *expected);
int read_wrong_member(struct reader *r, const char *key, const char *expected);

/* A member that is absent leaves *out as it is. */
int read_count(struct reader *r, const json_t *o, const char *key, uint64_t max, uint64_t *out);
int read_u32(struct reader *r, const json_t *o, const char *key, uint32_t *out);
int read_time(struct reader *r, const json_t *o, const char *key, uint64_t *out);
int read_bool(struct reader *r, const json_t *o, const char *key, bool *out);
/* As baseline_clean() leaves names. */
int read_name(struct reader *r, const json_t *o, const char *key, char *out, size_t cap);
int read_choice(struct reader *r, const json_t *o, const char *key, const char *const *names,
		unsigned *out);
int read_phases(struct reader *r, const json_t *o, const char *key, uint64_t out[PHASE_COUNT],
		bool times);
/* *out NULL: there is none. */
int read_object(struct reader *r, const json_t *o, const char *key, json_t **out);
int read_array(struct reader *r, const json_t *o, const char *key, size_t max, json_t **out);

/* baseline_parse_sets.c */
int read_sets(struct reader *r, const json_t *root);
int read_evidence(struct reader *r, const json_t *root);

#endif
