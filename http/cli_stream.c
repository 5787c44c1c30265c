// SPDX-License-Identifier: GPL-2.0-or-later
#include "http/cli_stream.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "collector/base/clock.h"

#define SUBSCRIPTION_ID 1
#define FRAMES_A_TURN	64
#define LAST_WORDS_NS	(2 * NS_PER_S) /* for what is on its way when we end */
#define PIPE_SHARE	4096	       /* what a pipe that is ready takes without blocking */

void cli_query_add(struct buf *query, const char *key, const char *value)
{
	buf_add_str(query, query->len ? "&" : "");
	buf_printf(query, "%s=", key);
	for (const char *p = value; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    strchr("-._~,", c))
			buf_add_char(query, *p);
		else
			buf_printf(query, "%%%02X", (unsigned)c);
	}
}

bool cli_stream_option(struct buf *query, int option)
{
	static const char *const keys[] = { [CLI_OPT_CONTAINER - CLI_OPT_OWN] = "container",
					    [CLI_OPT_TYPE - CLI_OPT_OWN] = "type",
					    [CLI_OPT_CLASS - CLI_OPT_OWN] = "class",
					    [CLI_OPT_HOST - CLI_OPT_OWN] = "host" };

	if (option < CLI_OPT_OWN || option >= CLI_OPT_STREAM_OWN)
		return false;
	cli_query_add(query, keys[option - CLI_OPT_OWN], optarg);
	return true;
}

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static bool take_signal(const struct cli_stream *s)
{
	struct signalfd_siginfo info;

	return read(s->signals, &info, sizeof(info)) == (ssize_t)sizeof(info);
}

/* Milliseconds until the end or tick_ns, whichever is first. */
static int timeout(const struct cli_stream *s, uint64_t tick_ns)
{
	uint64_t now = mono_ns(), due = tick_ns;

	if (s->end_ns && s->end_ns < due)
		due = s->end_ns;
	if (due == UINT64_MAX)
		return -1;
	uint64_t ms = due > now ? (due - now) / NS_PER_MS + 1 : 0;

	return ms < INT_MAX ? (int)ms : INT_MAX;
}

int cli_stream_write(const struct cli_stream *s, struct span bytes)
{
	while (bytes.n > 0) {
		struct pollfd p[] = { { .fd = STDOUT_FILENO, .events = POLLOUT },
				      { .fd = s->signals, .events = POLLIN } };

		int ready = poll(p, 2, timeout(s, UINT64_MAX));

		if (ready < 0 && errno != EINTR)
			return CLI_FAILED;
		/* Who stops reading and interrupts us wants us gone. */
		if (ready == 0 || (p[1].revents && !p[0].revents && take_signal(s)))
			return CLI_OK;
		if (!p[0].revents)
			continue;
		ssize_t n =
			write(STDOUT_FILENO, bytes.p, bytes.n < PIPE_SHARE ? bytes.n : PIPE_SHARE);

		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0 && errno == EPIPE)
			return CLI_OK;
		if (n < 0) {
			cli_complain(strerror(errno));
			return CLI_FAILED;
		}
		bytes = (struct span){ bytes.p + n, bytes.n - (size_t)n };
	}
	return CLI_GO_ON;
}

static int subscribe(struct cli_stream *s)
{
	const struct wire_request q = { .op = WIRE_OP_SUBSCRIBE,
					.query = { s->query->data, s->query->len } };
	struct client_answer a = { .body = NULL };
	struct err e = { "" };
	char path[PATH_MAX];
	const char *socket = cli_socket_path(s->socket, path, sizeof(path));

	if (!socket || s->query->failed) {
		cli_complain("the path of the socket or an option is too long");
		return CLI_FAILED;
	}
	s->fd = client_connect(socket, &e);
	if (s->fd < 0 || client_call(s->fd, SUBSCRIPTION_ID, &q, CLI_TIMEOUT_MS, &a, &e) < 0) {
		cli_complain(e.text);
		return CLI_FAILED;
	}
	if (a.status != 200)
		cli_complain_of(&a);
	free(a.body);
	return a.status == 200 ? CLI_GO_ON : a.status == 400 ? CLI_USAGE : CLI_FAILED;
}

/* Ends in order: what is on its way is still taken, up to WIRE_EVENTS_END. */
static void unsubscribe(struct cli_stream *s)
{
	const struct wire_request q = { .op = WIRE_OP_UNSUBSCRIBE };
	uint8_t bytes[64];
	struct wire_writer w = { .p = bytes, .cap = sizeof(bytes) };

	wire_request_encode(&w, &q);
	wire_send(s->fd, WIRE_REQUEST, SUBSCRIPTION_ID, (struct span){ (const char *)bytes, w.len },
		  NULL, 0);
	s->stopping = true;
	s->end_ns = mono_ns() + LAST_WORDS_NS;
}

static int take_end(const struct cli_stream *s, struct span why)
{
	char text[256];

	if (!s->stopping) {
		snprintf(text, sizeof(text), "%.*s", (int)(why.n < 255 ? why.n : 255), why.p);
		cli_complain(text);
	}
	return CLI_OK;
}

static int take_frame(struct cli_stream *s, const struct wire_frame *f)
{
	struct wire_events m;
	struct err e = { "" };

	if (f->request_id != SUBSCRIPTION_ID)
		return CLI_GO_ON;
	if (f->type == WIRE_EVENTS_END)
		return take_end(s, f->payload);
	if (f->type != WIRE_EVENTS)
		return CLI_GO_ON;
	if (wire_events_decode(f->payload, &m, &e) < 0) {
		cli_complain(e.text);
		return CLI_FAILED;
	}
	return s->events(s->ctx, &m);
}

static int take_frames(struct cli_stream *s, char *buffer)
{
	int code = CLI_GO_ON;

	for (int i = 0; i < FRAMES_A_TURN && code == CLI_GO_ON; i++) {
		struct wire_frame f = { .fds_n = 0 };
		struct err e = { "" };
		int r = wire_receive(s->fd, buffer, &f, &e);

		if (r == -EAGAIN)
			return CLI_GO_ON;
		if (r <= 0) {
			cli_complain(r == 0 ? "the connection to bulkheadd is gone" : e.text);
			return CLI_FAILED;
		}
		code = take_frame(s, &f);
		wire_close_fds(&f);
	}
	return code;
}

static int follow(struct cli_stream *s, char *buffer)
{
	uint64_t tick_ns = mono_ns() + NS_PER_S;
	int code = CLI_GO_ON;

	s->end_ns = s->seconds ? mono_ns() + s->seconds * NS_PER_S : 0;
	while (code == CLI_GO_ON) {
		struct pollfd p[] = {
			{ .fd = s->fd, .events = POLLIN },
			{ .fd = s->signals, .events = POLLIN },
			{ .fd = s->to_stdout ? STDOUT_FILENO : -1 }, /* tells errors alone */
		};

		if (poll(p, 3, timeout(s, s->second ? tick_ns : UINT64_MAX)) < 0 && errno != EINTR)
			return CLI_FAILED;
		uint64_t now = mono_ns();
		bool interrupted = p[1].revents && take_signal(s);

		if (p[2].revents & (POLLERR | POLLNVAL))
			return CLI_OK;
		if (s->stopping && (interrupted || now >= s->end_ns))
			return CLI_OK;
		if (interrupted || (s->end_ns && !s->stopping && now >= s->end_ns))
			unsubscribe(s);
		if (p[0].revents)
			code = take_frames(s, buffer);
		if (code == CLI_GO_ON && s->second && now >= tick_ns) {
			code = s->second(s->ctx);
			tick_ns = now + NS_PER_S;
		}
	}
	return code;
}

int cli_stream_run(struct cli_stream *s)
{
	AUTO_FREE char *buffer = malloc(WIRE_FRAME_MAX);

	s->fd = -1;
	s->stopping = false;
	s->signals = open_signals();
	int code = buffer && s->signals >= 0 ? subscribe(s) : CLI_FAILED;

	if (code == CLI_GO_ON)
		code = follow(s, buffer);
	if (s->fd >= 0)
		close(s->fd);
	if (s->signals >= 0)
		close(s->signals);
	return code;
}
