// SPDX-License-Identifier: GPL-2.0-or-later
/* Requests that the judge answers, with a judge that answers nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "collector/agent_internal.h"

static struct world {
	struct agent *a;
	struct loop *loop;
	struct peer *peer;
	int other;
	unsigned asked, without_ticket;
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

static void state_of(void *ctx, struct alerts_state *out)
{
	(void)ctx;
	(void)out;
}

static const struct agent_detector judge = { .get = get, .command = get, .state = state_of };

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

	return agent_alerts_request(w.a, w.peer, 1, &q);
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

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(beyond_the_last_ticket_the_answer_is_to_come_again),
		T(a_path_that_is_not_the_judges_takes_no_ticket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
