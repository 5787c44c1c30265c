/* SPDX-License-Identifier: GPL-2.0-or-later */
/* peer - bulkheadd's end of one connection that speaks wire.h: serve's socket pair, or a client of
 * bulkhead.sock. Owner: the loop's thread.
 *
 * Answers and announcements queue when the socket is full. Beyond PEER_MAX_QUEUED frames, or
 * WIRE_MAX_OUTSTANDING answers (more than the other end may have asked for), the connection is shut
 * and closed() is told at the loop's next turn; samples are dropped instead and counted. */
#ifndef BULKHEAD_PEER_H
#define BULKHEAD_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/base/auto.h"
#include "collector/base/buf.h"
#include "collector/base/loop.h"
#include "collector/wire.h"

#define PEER_MAX_QUEUED 32768 /* frames: announcements of every container and all answers */
#define PEER_MAX_MEMFDS 4     /* bodies sent as memfd that the other end has not read */

struct peer;

struct peer_events {
	/* One frame; its descriptors are closed after the call. */
	void (*frame)(void *ctx, struct peer *p, const struct wire_frame *f);
	/* The connection ended or broke; the peer is freed by the owner, here or later. */
	void (*closed)(void *ctx, struct peer *p, const char *why);
	void *ctx;
};

/* fd becomes the peer's. trusted: root at the unix socket; needs no token. */
int peer_new(struct peer **out, struct loop *loop, int fd, bool trusted,
	     const struct peer_events *events, struct err *e);
void peer_free(struct peer *p); /* NULL is fine */
DEFINE_AUTO(peer, peer_free)

bool peer_trusted(const struct peer *p);

/* Queues a frame when it cannot go out now; fd (or -1) becomes the peer's. -ENOBUFS: queue full,
 * and the connection ends. */
int peer_send(struct peer *p, enum wire_type type, uint32_t request_id, struct span payload,
	      int fd);
/* Sends now or not at all: -EAGAIN when anything is queued or the socket is full. */
int peer_send_now(struct peer *p, enum wire_type type, struct span payload);

/* The same for a stream that can wait: -EAGAIN also while half of the socket's room is in use, so
 * that answers and samples find some. */
int peer_send_stream(struct peer *p, enum wire_type type, uint32_t request_id, struct span payload);

/* The same with descriptors, which stay the caller's; waits for nothing. */
int peer_send_fds(struct peer *p, enum wire_type type, struct span payload, const int *fds,
		  size_t fds_n);

/* Answers a request; a body beyond WIRE_INLINE_MAX travels as a memfd. The buffer is released. */
void peer_respond(struct peer *p, uint32_t request_id, uint16_t status, enum wire_content content,
		  struct buf *body);

/* Whether a body of many megabytes may be made for it: false while PEER_MAX_MEMFDS wait to be read.
 * Nothing tells when that changes: look again after some milliseconds. */
bool peer_takes_memfd(struct peer *p);

uint64_t peer_queued(const struct peer *p);

#endif
