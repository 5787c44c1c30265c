// SPDX-License-Identifier: GPL-2.0-or-later
#include "http/client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "collector/base/auto.h"
#include "collector/base/clock.h"

#define REQUEST_ID 1

int client_connect(const char *path, struct err *e)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t n = strlen(path);

	if (n >= sizeof(address.sun_path))
		return err_set(e, ENAMETOOLONG, "socket path '%s' is too long", path);
	memcpy(address.sun_path, path, n + 1);
	AUTO_FD int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return err_errno(e, "cannot make a socket");
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return TAKE_FD(fd);
	switch (errno) {
	case ENOENT:
	case ECONNREFUSED:
		return err_errno(e, "cannot connect to '%s' (is bulkheadd running?)", path);
	case EACCES:
	case EPERM:
		return err_errno(e, "cannot connect to '%s' (root is needed)", path);
	case EAGAIN:
		return err_set(e, EBUSY, "bulkheadd at '%s' has no room for another connection",
			       path);
	default:
		return err_errno(e, "cannot connect to '%s'", path);
	}
}

static int wait_for(int fd, short events, uint64_t until_ns, struct err *e)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = events };
		uint64_t now = mono_ns();
		int ms = now < until_ns ? (int)((until_ns - now) / NS_PER_MS) + 1 : 0;
		int r = poll(&p, 1, ms);

		if (r > 0)
			return 0;
		if (r == 0)
			return err_set(e, ETIMEDOUT, "bulkheadd did not answer in time");
		if (errno != EINTR)
			return err_errno(e, "cannot wait for bulkheadd");
	}
}

static int send_request(int fd, uint32_t request_id, const struct wire_request *q, int document_fd,
			uint64_t until_ns, struct err *e)
{
	uint8_t bytes[16384];
	struct wire_writer w = { .p = bytes, .cap = sizeof(bytes) };
	int r;

	wire_request_encode(&w, q);
	/* cut strings would ask for something else */
	if (w.failed || q->path.n > WIRE_MAX_STRING || q->query.n > WIRE_MAX_STRING ||
	    q->token.n > WIRE_MAX_STRING)
		return err_set(e, E2BIG, "the request is too long");
	do {
		r = wait_for(fd, POLLOUT, until_ns, e);
		if (r < 0)
			return r;
		r = wire_send(fd, WIRE_REQUEST, request_id,
			      (struct span){ (const char *)bytes, w.len }, &document_fd,
			      document_fd >= 0 ? 1 : 0);
	} while (r == -EAGAIN);
	return r < 0 ? err_set(e, -r, "cannot send to bulkheadd: %s", strerror(-r)) : 0;
}

/* The file is sealed by its writer, but nothing here depends on that: short reads end it. */
static int read_body_file(int fd, uint64_t bytes, char *body, struct err *e)
{
	size_t done = 0;

	while (done < bytes) {
		ssize_t n = pread(fd, body + done, bytes - done, (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, "cannot read the answer");
		if (n == 0)
			return err_set(e, EPROTO, "the answer is cut short");
		done += (size_t)n;
	}
	return 0;
}

static int take_answer(const struct wire_frame *f, struct client_answer *out, struct err *e)
{
	struct wire_response m;
	int r = wire_response_decode(f->payload, &m, e);

	if (r < 0)
		return r;
	bool in_file = m.body_fd_bytes > 0;
	size_t n = in_file ? (size_t)m.body_fd_bytes : m.body.n;
	AUTO_FREE char *body = malloc(n + 1);

	if (!body)
		return err_set(e, ENOMEM, "answer of %zu bytes", n);
	if (in_file && f->fds_n != 1)
		return err_set(e, EPROTO, "the answer came without its file");
	if (in_file)
		r = read_body_file(f->fds[0], n, body, e);
	else if (n > 0)
		memcpy(body, m.body.p, n);
	if (r < 0)
		return r;
	body[n] = '\0';
	*out = (struct client_answer){ m.status, m.content, TAKE(body), n };
	return 0;
}

static int call(int fd, uint32_t request_id, const struct wire_request *q, int document_fd,
		unsigned timeout_ms, struct client_answer *out, struct err *e)
{
	uint64_t until_ns = mono_ns() + timeout_ms * NS_PER_MS;
	AUTO_FREE char *buffer = malloc(WIRE_FRAME_MAX);

	if (!buffer)
		return err_set(e, ENOMEM, "client");
	int r = send_request(fd, request_id, q, document_fd, until_ns, e);

	while (r == 0) {
		struct wire_frame f = { .fds_n = 0 };

		r = wait_for(fd, POLLIN, until_ns, e);
		if (r < 0)
			break;
		r = wire_receive(fd, buffer, &f, e);
		if (r == 0)
			return err_set(e, EPIPE, "bulkheadd closed the connection");
		if (r == -EAGAIN) {
			r = 0;
			continue;
		}
		if (r < 0)
			break;
		bool answer = f.type == WIRE_RESPONSE && f.request_id == request_id;

		r = answer ? take_answer(&f, out, e) : 0;
		wire_close_fds(&f);
		if (answer)
			return r;
	}
	return r;
}

int client_call(int fd, uint32_t request_id, const struct wire_request *q, unsigned timeout_ms,
		struct client_answer *out, struct err *e)
{
	return call(fd, request_id, q, -1, timeout_ms, out, e);
}

int client_ask(const char *socket_path, const struct wire_request *q, unsigned timeout_ms,
	       struct client_answer *out, struct err *e)
{
	return client_ask_with(socket_path, q, -1, timeout_ms, out, e);
}

int client_ask_with(const char *socket_path, const struct wire_request *q, int document_fd,
		    unsigned timeout_ms, struct client_answer *out, struct err *e)
{
	AUTO_FD int fd = client_connect(socket_path, e);

	return fd < 0 ? fd : call(fd, REQUEST_ID, q, document_fd, timeout_ms, out, e);
}
