/* SPDX-License-Identifier: GPL-2.0-or-later */
/* event_json_internal - the parts of an event's JSON that its files share. */
#ifndef BULKHEAD_EVENT_JSON_INTERNAL_H
#define BULKHEAD_EVENT_JSON_INTERNAL_H

#include "collector/event_text.h"
#include "collector/json_put.h"

/* A string of the record when it is there: KEY; with bytes that are not UTF-8, for paths, also
 * KEY_base64; with flags also KEY_flags. */
void event_put_string(struct buf *b, const struct event_view *v, enum event_tag tag,
		      const char *key);
void event_put_args(struct buf *b, struct span args, uint64_t args_bytes, bool cut);
void event_put_caps(struct buf *b, const struct event_caps *caps);
void event_put_namespaces(struct buf *b, const struct event_namespaces *ns);

/* "start", unless it is not known. */
void event_put_start(struct buf *b, uint64_t start_boot_ns, const struct event_context *c);

/* event_json_process.c: the objects "exec", "fork" and "exit". */
void event_put_exec(struct buf *b, const struct event_view *v, const struct event_context *c);
void event_put_fork(struct buf *b, const struct event_view *v, const struct event_context *c);
void event_put_exit(struct buf *b, const struct event_exit *x);

/* event_json_call.c: the objects "network" and "call". */
void event_put_network(struct buf *b, const struct event_view *v, const struct event_network *n,
		       const struct event_context *c, const char *key);
void event_put_call(struct buf *b, const struct event_view *v, const struct event_context *c);

/* event_json_file.c: the objects "open", "path" and "file". */
void event_put_open(struct buf *b, const struct event_view *v);
void event_put_path(struct buf *b, const struct event_view *v);
void event_put_file(struct buf *b, const struct event_view *v);

#endif
