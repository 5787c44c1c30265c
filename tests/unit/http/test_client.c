// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/base/buf.h"
#include "http/client.h"
#include "tests/unit/fixture.h"

struct server { /* a bulkheadd that answers one question and ends */
	struct tree tree;
	char path[160];
	int listen_fd;
	pid_t pid;
};

static void server_listen(struct server *s)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	s->tree = tree_make("@ run/\n");
	snprintf(s->path, sizeof(s->path), "%s/s", s->tree.path);
	memcpy(address.sun_path, s->path, strlen(s->path) + 1);
	s->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s->listen_fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(s->listen_fd, 1), 0);
}

/* The child takes the question and calls `reply`. */
static void server_start(struct server *s, void (*reply)(int fd, const struct wire_frame *question))
{
	server_listen(s);
	s->pid = fork();
	if (s->pid != 0)
		return;
	static char buffer[WIRE_FRAME_MAX];
	int fd = accept(s->listen_fd, NULL, NULL);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct wire_frame f;

	poll(&p, 1, 5000);
	if (wire_receive(fd, buffer, &f, NULL) == 1)
		reply(fd, &f);
	_exit(0);
}

static void server_stop(struct server *s)
{
	close(s->listen_fd);
	if (s->pid > 0)
		waitpid(s->pid, NULL, 0);
	tree_remove(&s->tree);
}

static void respond(int fd, uint32_t id, const struct wire_response *m, int body_fd)
{
	static uint8_t bytes[WIRE_FRAME_MAX];
	struct wire_writer w = { .p = bytes, .cap = sizeof(bytes) - WIRE_HEADER_BYTES };

	wire_response_encode(&w, m);
	wire_send(fd, WIRE_RESPONSE, id, (struct span){ (char *)bytes, w.len }, &body_fd,
		  body_fd >= 0);
}

static int ask(const struct server *s, struct client_answer *a, struct err *e)
{
	const struct wire_request q = { .op = WIRE_OP_GET,
					.path = SPAN_LIT("/p"),
					.query = SPAN_LIT("q=1"),
					.token = { "", 0 } };

	return client_ask(s->path, &q, 5000, a, e);
}

static void reply_echo(int fd, const struct wire_frame *f)
{
	struct wire_response m = { .status = 404, .content = WIRE_CONTENT_JSON };
	struct wire_request q;

	if (wire_request_decode(f->payload, &q, NULL) < 0)
		return;
	wire_send(fd, WIRE_SAMPLES, 0, SPAN_LIT("noise"), NULL, 0);
	m.body = q.query;
	respond(fd, f->request_id, &m, -1);
}

static void an_answer_in_the_frame_is_copied(void **state)
{
	struct client_answer a = { .body = NULL };
	struct err e = { "" };
	struct server s;

	(void)state;
	server_start(&s, reply_echo);
	assert_int_equal(ask(&s, &a, &e), 0);
	assert_int_equal(a.status, 404);
	assert_string_equal(a.body, "q=1");
	assert_int_equal(a.body_n, 3);
	free(a.body);
	server_stop(&s);
}

static void reply_file(int fd, const struct wire_frame *f)
{
	struct buf b;

	if (buf_init_shared(&b, "answer", 1u << 20, NULL) < 0)
		return;
	for (unsigned i = 0; i < 100000; i++)
		buf_add_char(&b, 'x');
	struct wire_response m = { .status = 200, .body_fd_bytes = b.len };

	respond(fd, f->request_id, &m, buf_seal(&b, NULL));
}

static void a_long_answer_comes_as_a_file(void **state)
{
	struct client_answer a = { .body = NULL };
	struct err e = { "" };
	struct server s;

	(void)state;
	server_start(&s, reply_file);
	assert_int_equal(ask(&s, &a, &e), 0);
	assert_int_equal(a.body_n, 100000);
	assert_int_equal(a.body[99999], 'x');
	free(a.body);
	server_stop(&s);
}

static void reply_short_file(int fd, const struct wire_frame *f)
{
	struct wire_response m = { .status = 200, .body_fd_bytes = 10 };
	struct buf b;

	if (buf_init_shared(&b, "answer", 4096, NULL) < 0)
		return;
	buf_add_str(&b, "abc");
	respond(fd, f->request_id, &m, buf_seal(&b, NULL));
}

static void reply_no_file(int fd, const struct wire_frame *f)
{
	struct wire_response m = { .status = 200, .body_fd_bytes = 10 };

	respond(fd, f->request_id, &m, -1);
}

static void reply_garbage(int fd, const struct wire_frame *f)
{
	(void)f;
	if (write(fd, "garbage", 7) < 0)
		_exit(1);
}

static void reply_nothing(int fd, const struct wire_frame *f)
{
	(void)f;
	close(fd);
}

static void broken_answers_are_errors(void **state)
{
	static const struct {
		void (*reply)(int fd, const struct wire_frame *f);
		int r;
		const char *text;
	} cases[] = {
		{ reply_short_file, -EPROTO, "the answer is cut short" },
		{ reply_no_file, -EPROTO, "the answer came without its file" },
		{ reply_garbage, -EPROTO, "malformed frame of 7 bytes" },
		{ reply_nothing, -EPIPE, "bulkheadd closed the connection" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct client_answer a = { .body = NULL };
		struct err e = { "" };
		struct server s;

		server_start(&s, cases[i].reply);
		assert_int_equal(ask(&s, &a, &e), cases[i].r);
		assert_string_equal(e.text, cases[i].text);
		assert_null(a.body);
		server_stop(&s);
	}
}

static void reply_document(int fd, const struct wire_frame *f)
{
	struct wire_response m = { .status = 200 };
	char text[64];
	ssize_t n = f->fds_n == 1 ? pread(f->fds[0], text, sizeof(text), 0) : -1;

	m.body = n < 0 ? SPAN_LIT("no document") : (struct span){ text, (size_t)n };
	respond(fd, f->request_id, &m, -1);
}

static void a_document_goes_with_the_question_and_stays_the_callers(void **state)
{
	const struct wire_request q = { .op = WIRE_OP_COMMAND, .path = SPAN_LIT("/p") };
	struct client_answer a = { .body = NULL };
	struct err e = { "" };
	struct server s;
	struct buf b;

	(void)state;
	server_start(&s, reply_document);
	assert_int_equal(buf_init_shared(&b, "document", 4096, &e), 0);
	buf_add_str(&b, "{\"schema\":1}");
	const int fd = buf_seal(&b, &e);

	assert_int_equal(client_ask_with(s.path, &q, fd, 5000, &a, &e), 0);
	assert_string_equal(a.body, "{\"schema\":1}");
	assert_int_equal(close(fd), 0);
	free(a.body);
	server_stop(&s);
}

static void a_question_that_would_be_cut_is_not_sent(void **state)
{
	static char query[WIRE_MAX_STRING + 1];
	struct wire_request q = { .op = WIRE_OP_COMMAND, .path = SPAN_LIT("/p") };
	struct client_answer a = { .body = NULL };
	struct err e = { "" };
	struct server s;

	(void)state;
	memset(query, 'x', sizeof(query));
	server_start(&s, reply_echo);
	q.query = (struct span){ query, sizeof(query) };
	assert_int_equal(client_ask(s.path, &q, 5000, &a, &e), -E2BIG);
	assert_string_equal(e.text, "the request is too long");
	server_stop(&s);
	server_start(&s, reply_echo);
	q.query.n = WIRE_MAX_STRING;
	assert_int_equal(client_ask(s.path, &q, 5000, &a, &e), 0);
	assert_int_equal(a.body_n, WIRE_MAX_STRING);
	free(a.body);
	server_stop(&s);
}

static void an_agent_that_does_not_run_is_named_with_the_socket(void **state)
{
	const struct wire_request q = {
		.op = WIRE_OP_GET, .path = SPAN_LIT("/"), .query = { "", 0 }, .token = { "", 0 }
	};
	struct client_answer a = { .body = NULL };
	struct err e = { "" };

	(void)state;
	assert_int_equal(client_ask("/nonexistent/s", &q, 100, &a, &e), -ENOENT);
	assert_string_equal(e.text, "cannot connect to '/nonexistent/s' (is bulkheadd running?): "
				    "No such file or directory");
	char longest[300];

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(client_ask(longest, &q, 100, &a, &e), -ENAMETOOLONG);
}

static void a_silent_agent_is_not_waited_for_without_end(void **state)
{
	const struct wire_request q = {
		.op = WIRE_OP_GET, .path = SPAN_LIT("/"), .query = { "", 0 }, .token = { "", 0 }
	};
	struct client_answer a = { .body = NULL };
	struct err e = { "" };
	struct server s = { .pid = 0 };

	(void)state;
	server_listen(&s);
	assert_int_equal(client_ask(s.path, &q, 1, &a, &e), -ETIMEDOUT);
	assert_string_equal(e.text, "bulkheadd did not answer in time");
	server_stop(&s);
}

int main(void)
{
	const struct CMUnitTest client[] = {
		cmocka_unit_test(an_answer_in_the_frame_is_copied),
		cmocka_unit_test(a_long_answer_comes_as_a_file),
		cmocka_unit_test(broken_answers_are_errors),
		cmocka_unit_test(a_document_goes_with_the_question_and_stays_the_callers),
		cmocka_unit_test(a_question_that_would_be_cut_is_not_sent),
		cmocka_unit_test(an_agent_that_does_not_run_is_named_with_the_socket),
		cmocka_unit_test(a_silent_agent_is_not_waited_for_without_end),
	};

	return cmocka_run_group_tests(client, NULL, NULL);
}
