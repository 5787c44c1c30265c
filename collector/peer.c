// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/peer.h"

#include <errno.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define FRAMES_A_TURN 64 /* the loop's other sources get their turn in between */

struct queued {
	struct queued *next;
	enum wire_type type;
	uint32_t request_id;
	int fd;
	size_t n;
	char bytes[];
};

struct peer {
	struct loop_source *source;
	int fd;
	bool trusted;
	bool broken; /* closed() was told */
	struct peer_events events;
	struct queued *first, **last;
	uint64_t queued, responses; /* in the queue: all frames, and the answers among them */
	unsigned memfds;	    /* sent since all was read last */
	char buffer[WIRE_FRAME_MAX];
};

static void drop_queue(struct peer *p)
{
	while (p->first) {
		struct queued *q = p->first;

		p->first = q->next;
		if (q->fd >= 0)
			close(q->fd);
		free(q);
	}
	p->last = &p->first;
	p->queued = p->responses = 0;
}

static void tell_closed(struct peer *p, const char *why)
{
	if (p->broken)
		return;
	p->broken = true;
	drop_queue(p);
	loop_remove(p->source);
	p->source = NULL;
	p->events.closed(p->events.ctx, p, why);
}

/* false when the peer broke (and may be freed by now). */
static bool flush_queue(struct peer *p)
{
	while (p->first) {
		struct queued *q = p->first;
		int r = wire_send(p->fd, q->type, q->request_id, (struct span){ q->bytes, q->n },
				  &q->fd, q->fd >= 0 ? 1 : 0);

		if (r == -EAGAIN)
			return true;
		if (r < 0) {
			tell_closed(p, strerror(-r));
			return false;
		}
		p->first = q->next;
		if (!p->first)
			p->last = &p->first;
		p->queued--;
		p->responses -= q->type == WIRE_RESPONSE;
		if (q->fd >= 0)
			close(q->fd);
		free(q);
	}
	loop_set_events(p->source, EPOLLIN);
	return true;
}

static void on_ready(void *ctx, uint32_t events)
{
	struct peer *p = ctx;
	struct wire_frame f;
	struct err e = { "" };

	if ((events & EPOLLOUT) && !flush_queue(p))
		return;
	for (int i = 0; i < FRAMES_A_TURN; i++) {
		int r = wire_receive(p->fd, p->buffer, &f, &e);

		if (r == -EAGAIN)
			return;
		if (r <= 0) {
			tell_closed(p, r == 0 ? "closed by the peer" : e.text);
			return;
		}
		p->events.frame(p->events.ctx, p, &f);
		wire_close_fds(&f);
		if (p->broken)
			return;
	}
}

int peer_new(struct peer **out, struct loop *loop, int fd, bool trusted,
	     const struct peer_events *events, struct err *e)
{
	AUTO(peer_free) struct peer *p = malloc(sizeof(*p));

	if (!p) {
		close(fd);
		return err_set(e, ENOMEM, "no memory for a connection");
	}
	p->source = NULL;
	p->fd = fd;
	p->trusted = trusted;
	p->broken = false;
	p->events = *events;
	p->first = NULL;
	p->last = &p->first;
	p->queued = p->responses = 0;
	p->memfds = 0;
	int r = loop_add_fd(loop, fd, EPOLLIN, on_ready, p, &p->source, e);

	if (r < 0)
		return r;
	*out = TAKE(p);
	return 0;
}

void peer_free(struct peer *p)
{
	if (!p)
		return;
	p->broken = true;
	drop_queue(p);
	loop_remove(p->source);
	close(p->fd);
	free(p);
}

bool peer_trusted(const struct peer *p)
{
	return p->trusted;
}

uint64_t peer_queued(const struct peer *p)
{
	return p->queued;
}

bool peer_takes_memfd(struct peer *p)
{
	int unread;

	if (p->memfds > 0 && !p->first && ioctl(p->fd, SIOCOUTQ, &unread) == 0 && unread == 0)
		p->memfds = 0;
	return p->memfds < PEER_MAX_MEMFDS;
}

/* It reads too little, or asked for more than it may. A lost frame would leave it with a wrong
 * picture, so the connection ends: by the socket, since the owner is never called from inside a
 * send. */
static int enqueue(struct peer *p, enum wire_type type, uint32_t request_id, struct span payload,
		   int fd)
{
	bool full = p->queued >= PEER_MAX_QUEUED ||
		    (type == WIRE_RESPONSE && p->responses >= WIRE_MAX_OUTSTANDING);
	struct queued *q = full ? NULL : malloc(sizeof(*q) + payload.n);

	if (!q) {
		shutdown(p->fd, SHUT_RDWR);
		if (fd >= 0)
			close(fd);
		return -ENOBUFS;
	}
	*q = (struct queued){ .type = type, .request_id = request_id, .fd = fd, .n = payload.n };
	if (payload.n)
		memcpy(q->bytes, payload.p, payload.n);
	*p->last = q;
	p->last = &q->next;
	p->responses += type == WIRE_RESPONSE;
	if (p->queued++ == 0)
		loop_set_events(p->source, EPOLLIN | EPOLLOUT);
	return 0;
}

int peer_send(struct peer *p, enum wire_type type, uint32_t request_id, struct span payload, int fd)
{
	int r = p->broken ? -EPIPE : -EAGAIN;

	if (!p->broken && !p->first)
		r = wire_send(p->fd, type, request_id, payload, &fd, fd >= 0 ? 1 : 0);
	if (r == -EAGAIN)
		return enqueue(p, type, request_id, payload, fd);
	/* A broken socket is told by epoll, so that the owner is never called from inside a send.
	 */
	if (fd >= 0)
		close(fd);
	return r;
}

int peer_send_now(struct peer *p, enum wire_type type, struct span payload)
{
	if (p->broken)
		return -EPIPE;
	if (p->first)
		return -EAGAIN;
	return wire_send(p->fd, type, 0, payload, NULL, 0);
}

static bool half_full(const struct peer *p)
{
	int unread, room;
	socklen_t n = sizeof(room);

	return ioctl(p->fd, SIOCOUTQ, &unread) == 0 &&
	       getsockopt(p->fd, SOL_SOCKET, SO_SNDBUF, &room, &n) == 0 && unread > room / 2;
}

int peer_send_stream(struct peer *p, enum wire_type type, uint32_t request_id, struct span payload)
{
	if (p->broken)
		return -EPIPE;
	if (p->first || half_full(p))
		return -EAGAIN;
	return wire_send(p->fd, type, request_id, payload, NULL, 0);
}

int peer_send_fds(struct peer *p, enum wire_type type, struct span payload, const int *fds,
		  size_t fds_n)
{
	return p->broken ? -EPIPE : wire_send(p->fd, type, 0, payload, fds, fds_n);
}

void peer_respond(struct peer *p, uint32_t request_id, uint16_t status, enum wire_content content,
		  struct buf *body)
{
	uint8_t frame[WIRE_INLINE_MAX + 64];
	struct wire_writer w = { .p = frame, .cap = sizeof(frame) };
	struct wire_response m = { .status = status, .content = content };
	struct buf shared = { .fd = -1 };
	int fd = -1;

	if (body->failed) {
		m.status = 500;
		m.content = WIRE_CONTENT_JSON;
		m.body =
			SPAN_LIT("{\"error\":{\"status\":500,\"message\":\"the answer does not fit "
				 "in memory\"}}");
	} else if (body->len <= WIRE_INLINE_MAX) {
		m.body = (struct span){ body->data, body->len };
	} else {
		m.body_fd_bytes = body->len;
		if (body->fd < 0 &&
		    buf_init_shared(&shared, "bulkhead-answer", WIRE_BODY_MAX, NULL) == 0) {
			buf_add(&shared, body->data, body->len);
			fd = shared.failed ? -1 : buf_seal(&shared, NULL);
		} else if (body->fd >= 0) {
			fd = buf_seal(body, NULL);
		}
		buf_release(&shared);
		if (fd < 0) {
			m = (struct wire_response){ .status = 503, .content = WIRE_CONTENT_JSON };
			m.body = SPAN_LIT("{\"error\":{\"status\":503,\"message\":\"no memory for "
					  "the answer\"}}");
		} else {
			p->memfds++;
		}
	}
	wire_response_encode(&w, &m);
	peer_send(p, WIRE_RESPONSE, request_id, (struct span){ (char *)frame, w.len }, fd);
	buf_release(body);
}
