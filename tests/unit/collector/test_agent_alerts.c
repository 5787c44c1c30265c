// SPDX-License-Identifier: GPL-2.0-or-later
/* Requests that the judge answers, with a judge that answers nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "collector/agent_internal.h"

static struct world {
	struct agent *a;
	struct loop *loop;
	struct peer *peer;
	int other;
	unsigned asked, without_ticket, documents;
	char document[32];
} w;

static bool get(void *ctx, struct span path, struct span query, uint32_t ticket)
{
	(void)ctx;
	(void)query;
	if (!span_eq(path, "/api/v1/alerts"))
		return false;
	w.asked++;
	w.without_ticket += ticket == AGENT_NO_TICKET;
	return true;
}

static bool document(void *ctx, struct span path, struct span query, struct span body,
		     uint32_t ticket)
{
	(void)ctx;
	(void)query;
	(void)ticket;
	if (!span_eq(path, "/api/v1/import"))
		return false;
	w.documents++;
	snprintf(w.document, sizeof(w.document), "%.*s", (int)body.n, body.p);
	return true;
}

static void state_of(void *ctx, struct alerts_state *out)
{
	(void)ctx;
	(void)out;
}

static const struct agent_detector judge = {
	.get = get, .command = get, .document = document, .state = state_of
};
static const struct agent_detector judge_of_old = { .get = get, .command = get, .state = state_of };

static void on_frame(void *ctx, struct peer *p, const struct wire_frame *f)
{
	(void)ctx;
	(void)p;
	(void)f;
}

static void on_closed(void *ctx, struct peer *p, const char *why)
{
	(void)ctx;
	(void)p;
	(void)why;
}

static int setup(void **state)
{
	const struct peer_events ev = { on_frame, on_closed, NULL };
	int pair[2];

	(void)state;
	memset(&w, 0, sizeof(w));
	w.a = calloc(1, sizeof(*w.a));
	if (!w.a || loop_new(&w.loop, NULL) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	w.other = pair[1];
	w.a->options.detector = &judge;
	w.a->detector_on = true;
	return peer_new(&w.peer, w.loop, pair[0], true, &ev, NULL);
}

static int teardown(void **state)
{
	(void)state;
	peer_free(w.peer);
	loop_free(w.loop);
	close(w.other);
	free(w.a);
	return 0;
}

static bool ask(const char *path, enum wire_op op)
{
	const struct wire_request q = { .op = op, .path = span_str(path) };

	return agent_alerts_request(w.a, w.peer, 1, &q, NULL);
}

/* Status of the next answer; 0: there is none. */
static unsigned answered(void)
{
	static char buffer[WIRE_FRAME_MAX];
	struct wire_response m;
	struct wire_frame f;

	if (wire_receive(w.other, buffer, &f, NULL) != 1)
		return 0;
	assert_int_equal(wire_response_decode(f.payload, &m, NULL), 0);
	return m.status;
}

static void beyond_the_last_ticket_the_answer_is_to_come_again(void **state)
{
	struct alerts_state s;

	(void)state;
	for (unsigned i = 0; i < AGENT_MAX_TICKETS; i++)
		assert_true(ask("/api/v1/alerts", WIRE_OP_GET));
	assert_int_equal(answered(), 0); /* they wait */
	assert_true(ask("/api/v1/alerts", WIRE_OP_GET));
	assert_int_equal(answered(), 503);
	assert_true(ask("/api/v1/alerts", WIRE_OP_COMMAND));
	assert_int_equal(answered(), 503);
	assert_int_equal(w.without_ticket, 2);
	agent_alerts_state(w.a, &s);
	assert_string_equal(s.tables[0].table, "alert_requests");
	assert_int_equal(s.tables[0].used, AGENT_MAX_TICKETS);
	assert_int_equal(s.tables[0].refused, 2);
}

static void a_path_that_is_not_the_judges_takes_no_ticket(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2 * AGENT_MAX_TICKETS; i++)
		assert_false(ask("/api/v1/other", WIRE_OP_GET));
	assert_true(ask("/api/v1/alerts", WIRE_OP_GET));
	for (unsigned i = 1; i < AGENT_MAX_TICKETS; i++)
		ask("/api/v1/alerts", WIRE_OP_GET);
	assert_false(ask("/api/v1/other", WIRE_OP_GET)); /* not found, however many wait */
	assert_int_equal(answered(), 0);
}

/* A request as it comes from root's socket; fds stay the caller's. */
static void request(enum wire_op op, const char *path, const int *fds, size_t fds_n)
{
	const struct wire_request q = { .op = op, .path = span_str(path), .query = SPAN_LIT("60") };
	uint8_t bytes[256];
	struct wire_writer to = { .p = bytes, .cap = sizeof(bytes) };
	struct wire_frame f = { .type = WIRE_REQUEST, .request_id = 1, .fds_n = fds_n };

	wire_request_encode(&to, &q);
	f.payload = (struct span){ (const char *)bytes, to.len };
	for (size_t i = 0; i < fds_n; i++)
		f.fds[i] = fds[i];
	agent_request(w.a, w.peer, &f);
}

static int memory_file(const char *text)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	return fd;
}

static void a_document_comes_to_the_judge_with_its_command(void **state)
{
	AUTO_FD int fd = memory_file("{\"schema\":1}");

	(void)state;
	request(WIRE_OP_COMMAND, "/api/v1/import", &fd, 1);
	assert_int_equal(answered(), 0); /* the judge's */
	assert_int_equal(w.documents, 1);
	assert_string_equal(w.document, "{\"schema\":1}");
	request(WIRE_OP_COMMAND, "/api/v1/other", &fd, 1);
	assert_int_equal(answered(), 404);
	request(WIRE_OP_COMMAND, "/api/v1/import", NULL, 0); /* without one it is no document's */
	assert_int_equal(answered(), 404);
	w.a->options.detector = &judge_of_old;
	request(WIRE_OP_COMMAND, "/api/v1/import", &fd, 1);
	assert_int_equal(answered(), 404);
	assert_int_equal(w.documents, 1);
}

static void descriptors_beside_anything_else_are_refused(void **state)
{
	static const enum wire_op ops[] = { WIRE_OP_GET, WIRE_OP_AUTHORIZE, WIRE_OP_TOKEN,
					    WIRE_OP_SUBSCRIBE, WIRE_OP_UNSUBSCRIBE };
	AUTO_FD int fd = memory_file("{}");
	const int two[] = { fd, fd };

	(void)state;
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		request(ops[i], "/api/v1/alerts", &fd, 1);
		assert_int_equal(answered(), 400);
	}
	request(WIRE_OP_COMMAND, "/api/v1/import", two, 2);
	assert_int_equal(answered(), 400);
	assert_int_equal(w.a->counters.requests_refused, 6);
	assert_int_equal(w.documents + w.asked, 0);
}

static void a_document_that_is_no_file_in_memory_or_too_long_is_refused(void **state)
{
	AUTO_FD int directory = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD int long_one = memory_file("");
	int pair[2];

	(void)state;
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	request(WIRE_OP_COMMAND, "/api/v1/import", &directory, 1);
	assert_int_equal(answered(), 400);
	request(WIRE_OP_COMMAND, "/api/v1/import", &pair[0], 1);
	assert_int_equal(answered(), 400);
	assert_int_equal(ftruncate(long_one, (off_t)WIRE_DOCUMENT_MAX + 1), 0);
	request(WIRE_OP_COMMAND, "/api/v1/import", &long_one, 1);
	assert_int_equal(answered(), 413);
	assert_int_equal(w.documents, 0);
	close(pair[0]);
	close(pair[1]);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(beyond_the_last_ticket_the_answer_is_to_come_again),
		T(a_path_that_is_not_the_judges_takes_no_ticket),
		T(a_document_comes_to_the_judge_with_its_command),
		T(descriptors_beside_anything_else_are_refused),
		T(a_document_that_is_no_file_in_memory_or_too_long_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
