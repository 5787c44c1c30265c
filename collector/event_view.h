/* SPDX-License-Identifier: GPL-2.0-or-later */
/* event_view - one record of bpf/event.h, checked, with its strings found. Pure, any thread,
 * nothing is copied: a view lives as long as the record's bytes do. */
#ifndef BULKHEAD_EVENT_VIEW_H
#define BULKHEAD_EVENT_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/event.h"
#include "collector/base/err.h"
#include "collector/base/parse.h"

struct event_view {
	const struct event_head *head;
	union { /* by head->type; which one: event_shape() */
		const void *fixed;
		const struct event_exec *exec;
		const struct event_fork *fork;
		const struct event_exit *exit;
		const struct event_open *open;
		const struct event_path *path;
		const struct event_network *network;
		const struct event_call *call;
	};
	struct span
		strings[TAG_COUNT]; /* p is NULL where absent; bytes of the container's choice */
	uint8_t string_flags[TAG_COUNT]; /* enum event_string_flag */
};

enum event_shape {
	SHAPE_EXEC,
	SHAPE_FORK,
	SHAPE_EXIT,
	SHAPE_OPEN,
	SHAPE_PATH,
	SHAPE_NETWORK,
	SHAPE_CALL
};

/* `record` is 8-byte aligned. 0; or -EPROTO: it is cut, its lengths do not fit, its type or a tag
 * is not known, a tag comes twice (*out untouched, *e says which). */
int event_decode(const void *record, size_t bytes, struct event_view *out, struct err *e);

const char *event_type_name(enum event_type t);	   /* "open"; "" for what is none */
enum event_type event_type_find(struct span name); /* EVENT_NONE: no such type */
enum event_class event_type_class(enum event_type t);
const char *event_class_name(enum event_class c); /* "process", "file", ... */
enum event_shape event_type_shape(enum event_type t);

/* Which process: pid and start never name two. */
struct process_key {
	uint64_t start_boot_ns;
	uint32_t pid;
};

/* Builds a record: for tests, replays and for putting strings in place of others. `out` is 8-byte
 * aligned with room for cap bytes. */
struct event_writer {
	uint8_t *p;
	size_t len, cap;
	bool failed; /* something did not fit */
};
void event_write_begin(struct event_writer *w, void *out, size_t cap, const struct event_head *head,
		       const void *fixed); /* fixed part of head->type; NULL: zeros */
void event_write_string(struct event_writer *w, enum event_tag tag, uint8_t flags, struct span s);
size_t event_write_end(struct event_writer *w); /* the record's bytes, 0 when failed */

#endif
