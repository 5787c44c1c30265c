/* SPDX-License-Identifier: GPL-2.0-or-later */
/* client - asks bulkheadd over its unix socket, one question a connection or several. Any thread;
 * blocks, with a time limit. The answer comes in the frame or as a sealed memory file. */
#ifndef BULKHEAD_CLIENT_H
#define BULKHEAD_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "collector/base/err.h"
#include "collector/wire.h"

struct client_answer {
	uint16_t status; /* HTTP status code */
	enum wire_content content;
	char *body; /* NUL-terminated beyond body_n; free() it */
	size_t body_n;
};

/* 0 and *out filled, whatever its status is; or -errno and *e, which tells what to do about it. */
int client_ask(const char *socket_path, const struct wire_request *q, unsigned timeout_ms,
	       struct client_answer *out, struct err *e);
/* The same with a document (collector/document.h) beside the question, which stays the caller's;
 * -1: none. */
int client_ask_with(const char *socket_path, const struct wire_request *q, int document_fd,
		    unsigned timeout_ms, struct client_answer *out, struct err *e);

/* The two halves of it, for who asks more on one connection. A descriptor, or -errno. */
int client_connect(const char *socket_path, struct err *e);
/* Frames of other requests that come before the answer are dropped. */
int client_call(int fd, uint32_t request_id, const struct wire_request *q, unsigned timeout_ms,
		struct client_answer *out, struct err *e);

#endif
