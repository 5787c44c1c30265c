// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void put_le(uint8_t *p, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t get_le(const char *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v |= (uint64_t)(unsigned char)p[i] << (8 * i);
	return v;
}

/* Takes the descriptors out of the control messages; those beyond the limit are closed. */
static void take_fds(struct msghdr *msg, struct wire_frame *out)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (out->fds_n < WIRE_MAX_FDS)
				out->fds[out->fds_n++] = fd;
			else
				close(fd);
		}
	}
}

void wire_close_fds(struct wire_frame *f)
{
	for (size_t i = 0; i < f->fds_n; i++)
		if (f->fds[i] >= 0)
			close(f->fds[i]);
	f->fds_n = 0;
}

int wire_receive(int fd, void *buffer, struct wire_frame *out, struct err *e)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * WIRE_MAX_FDS)];
		struct cmsghdr align;
	} control;
	struct iovec iov = { buffer, WIRE_FRAME_MAX };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.bytes,
			      .msg_controllen = sizeof(control.bytes) };
	struct wire_frame f = { .fds_n = 0 };
	const char *p = buffer;
	ssize_t n;

	do
		n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return -EAGAIN;
	if (n < 0)
		return err_errno(e, "cannot receive a frame");
	take_fds(&msg, &f);
	if (n == 0) { /* the end, or an empty packet, which is no frame either */
		wire_close_fds(&f);
		return 0;
	}
	if ((msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) || n < WIRE_HEADER_BYTES ||
	    get_le(p, 2) != WIRE_VERSION || get_le(p + 8, 4) != (uint64_t)n - WIRE_HEADER_BYTES) {
		wire_close_fds(&f);
		return err_set(e, EPROTO, "malformed frame of %zd bytes", n);
	}
	f.type = (enum wire_type)get_le(p + 2, 2);
	f.request_id = (uint32_t)get_le(p + 4, 4);
	f.payload = (struct span){ p + WIRE_HEADER_BYTES, (size_t)n - WIRE_HEADER_BYTES };
	*out = f;
	return 1;
}

int wire_send(int fd, enum wire_type type, uint32_t request_id, struct span payload, const int *fds,
	      size_t fds_n)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * WIRE_MAX_FDS)];
		struct cmsghdr align;
	} control = { .bytes = { 0 } };
	uint8_t header[WIRE_HEADER_BYTES] = { 0 };
	union { /* sendmsg takes a writable pointer but does not write */
		const char *in;
		char *out;
	} body = { .in = payload.p };
	struct iovec iov[2] = { { header, sizeof(header) }, { body.out, payload.n } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = payload.n ? 2 : 1 };
	ssize_t n;

	if (payload.n > WIRE_FRAME_MAX - WIRE_HEADER_BYTES || fds_n > WIRE_MAX_FDS)
		return -EMSGSIZE;
	put_le(header, WIRE_VERSION, 2);
	put_le(header + 2, (uint64_t)type, 2);
	put_le(header + 4, request_id, 4);
	put_le(header + 8, payload.n, 4);
	if (fds_n > 0) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * fds_n);
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * fds_n);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * fds_n);
	}
	do
		n = sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

static void put(struct wire_writer *w, const void *bytes, size_t n)
{
	if (w->failed || w->cap - w->len < n) {
		w->failed = true;
		return;
	}
	if (n)
		memcpy(w->p + w->len, bytes, n);
	w->len += n;
}

static void put_number(struct wire_writer *w, uint64_t v, size_t n)
{
	uint8_t le[8];

	put_le(le, v, n);
	put(w, le, n);
}

void wire_put_u8(struct wire_writer *w, uint8_t v)
{
	put_number(w, v, 1);
}

void wire_put_u16(struct wire_writer *w, uint16_t v)
{
	put_number(w, v, 2);
}

void wire_put_u32(struct wire_writer *w, uint32_t v)
{
	put_number(w, v, 4);
}

void wire_put_u64(struct wire_writer *w, uint64_t v)
{
	put_number(w, v, 8);
}

void wire_put_str(struct wire_writer *w, struct span s)
{
	size_t n = s.n < WIRE_MAX_STRING ? s.n : WIRE_MAX_STRING;

	put_number(w, n, 2);
	put(w, s.p, n);
}

void wire_put_bytes(struct wire_writer *w, struct span s)
{
	put_number(w, s.n, 4);
	put(w, s.p, s.n);
}

static struct span get(struct wire_reader *r, size_t n)
{
	if (r->failed || r->rest.n < n) {
		r->failed = true;
		return (struct span){ "", 0 };
	}
	struct span s = { r->rest.p, n };

	r->rest = (struct span){ r->rest.p + n, r->rest.n - n };
	return s;
}

static uint64_t get_number(struct wire_reader *r, size_t n)
{
	struct span s = get(r, n);

	return get_le(s.p, s.n);
}

uint8_t wire_get_u8(struct wire_reader *r)
{
	return (uint8_t)get_number(r, 1);
}

uint16_t wire_get_u16(struct wire_reader *r)
{
	return (uint16_t)get_number(r, 2);
}

uint32_t wire_get_u32(struct wire_reader *r)
{
	return (uint32_t)get_number(r, 4);
}

uint64_t wire_get_u64(struct wire_reader *r)
{
	return get_number(r, 8);
}

struct span wire_get_str(struct wire_reader *r)
{
	size_t n = wire_get_u16(r);

	if (n > WIRE_MAX_STRING)
		r->failed = true;
	return get(r, n);
}

struct span wire_get_bytes(struct wire_reader *r)
{
	return get(r, wire_get_u32(r));
}

void wire_get_cstr(struct wire_reader *r, char *out, size_t cap)
{
	struct span s = wire_get_str(r);

	if (s.n >= cap || (s.n && memchr(s.p, '\0', s.n))) {
		r->failed = true;
		s.n = 0;
	}
	if (s.n)
		memcpy(out, s.p, s.n);
	out[s.n] = '\0';
}

int wire_finish(const struct wire_reader *r, const char *what, struct err *e)
{
	if (r->failed)
		return err_set(e, EPROTO, "%s: message is cut short or holds a bad value", what);
	if (r->rest.n)
		return err_set(e, EPROTO, "%s: %zu bytes too many", what, r->rest.n);
	return 0;
}
