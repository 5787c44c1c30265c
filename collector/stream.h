/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stream - who wants events, and getting them there.
 *
 * Owner: the loop's thread. Each subscription has a bounded buffer; an event is formatted at most
 * once a format, however many want it. What finds no room is counted and told with the next frame;
 * nobody is waited for. Frames go out with stream_flush, and some milliseconds later again while a
 * socket is full. */
#ifndef BULKHEAD_STREAM_H
#define BULKHEAD_STREAM_H

#include "collector/base/recording.h"
#include "collector/event_filter.h"
#include "collector/event_text.h"
#include "collector/peer.h"

#define STREAM_MAX_SUBSCRIPTIONS 64
#define STREAM_MAX_RECORDERS	 4	      /* their snapshots may be megabytes */
#define STREAM_BUFFER		 (256u << 10) /* bytes that wait for one subscription */
#define STREAM_LONGEST		 (512u << 10) /* one event alone, in an empty buffer */
#define STREAM_MAX_SNAPSHOT	 (32u << 20)  /* bytes; beyond, items are left out and counted */

struct stream;
struct stream_snapshot;

struct stream_settings {
	/* Writes what is there now by stream_snapshot_item, RECORDING_HEADER first. */
	void (*snapshot)(void *ctx, struct stream_snapshot *to);
	/* Other types are wanted than before; NULL is fine. */
	void (*changed)(void *ctx, uint64_t type_mask);
	const struct event_query_hooks *queries; /* NULL: conditions are refused */
	void *ctx;
	uint32_t max; /* subscriptions; 0: STREAM_MAX_SUBSCRIPTIONS */
};

int stream_new(struct stream **out, struct loop *loop, const struct stream_settings *settings,
	       struct err *e);
void stream_free(struct stream *s); /* tells nobody; NULL is fine */
DEFINE_AUTO(stream, stream_free)

/* 0: events are collected from now on. Answer the request, then call stream_begin. -EBUSY: too many
 * subscriptions; -EEXIST: this peer has one of this id; -ENOMEM. */
int stream_subscribe(struct stream *s, struct peer *p, uint32_t request_id,
		     const struct event_filter *f, struct err *e);
void stream_begin(struct stream *s, struct peer *p, uint32_t request_id); /* sends the snapshot */
/* What waits is sent, then WIRE_EVENTS_END. false: there is no such subscription. */
bool stream_unsubscribe(struct stream *s, struct peer *p, uint32_t request_id);
void stream_forget_peer(struct stream *s, const struct peer *p); /* it is gone */
void stream_end_all(struct stream *s, const char *why);

/* The record that v views is masked already. */
void stream_event(struct stream *s, const struct event_view *v, const struct event_context *c);
/* An item for those who record: CONTAINER, CONTAINER_END, LOST. Containers of events are told to
 * them by stream_event itself, so that none is missing. */
void stream_item(struct stream *s, enum recording_type type, struct span bytes);
void stream_flush(struct stream *s);

uint64_t stream_type_mask(const struct stream *s); /* wanted by anybody now; 0: nobody listens */
uint32_t stream_subscriptions_of(const struct stream *s, const struct peer *p);
bool stream_wants_host(const struct stream *s); /* events of no container */

void stream_snapshot_item(struct stream_snapshot *to, enum recording_type type, struct span bytes);

struct stream_stats {
	uint64_t subscriptions, capacity, refused;
	uint64_t sent;	 /* events that went into a buffer, for each who wanted them */
	uint64_t missed; /* that found no room */
};
struct stream_stats stream_stats(const struct stream *s);

#endif
