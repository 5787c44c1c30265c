// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "detector/stratum.h"

static struct stratum_seen seen;

static enum stratum_result look(const char *p, size_t n)
{
	char *copy = malloc(n ? n : 1);

	assert_non_null(copy);
	memcpy(copy, p, n);
	const enum stratum_result r = stratum_look((struct span){ copy, n }, &seen);

	free(copy);
	return r;
}

#define LOOK(literal) look(literal, sizeof(literal) - 1)

static const char login[] =
	"{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"login\",\"params\":{\"login\":\"44AFFq5kS\","
	"\"pass\":\"x\",\"agent\":\"quiet/1.0 (Linux)\",\"algo\":[\"rx/0\"]}}\n";

static void each_dialect_is_known_by_its_first_message(void **state)
{
	static const struct {
		const char *text;
		enum stratum_dialect dialect;
		bool by_pool;
	} cases[] = {
		{ "{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[]}", STRATUM_BITCOIN,
		  false },
		{ "{\"params\":[\"u\",\"x\"],\"id\":2,\"method\":\"mining.authorize\"}",
		  STRATUM_BITCOIN, false },
		{ "{\"id\":1,\"method\":\"mining.configure\",\"params\":[]}", STRATUM_BITCOIN,
		  false },
		{ "{\"id\":1,\"method\":\"mining.extranonce.subscribe\",\"params\":[]}",
		  STRATUM_BITCOIN, false },
		{ "{\"id\":null,\"method\":\"mining.notify\",\"params\":[\"b\"]}", STRATUM_BITCOIN,
		  true },
		{ "{\"id\":1,\"result\":[[[\"mining.notify\",\"ae\"]],\"08\",4],\"error\":null}",
		  STRATUM_BITCOIN, true },
		{ "{\"id\":1,\"method\":\"eth_submitLogin\",\"params\":[\"0x5290\"]}",
		  STRATUM_ETHEREUM, false },
		{ "{\"id\":1,\"method\":\"eth_submitHashrate\",\"params\":[]}", STRATUM_ETHEREUM,
		  false },
		{ "{\"id\":5,\"method\":\"submit\",\"params\":{\"id\":\"a\",\"job_id\":\"b\"}}",
		  STRATUM_MONERO, false },
		{ "{\"id\":5,\"method\":\"keepalived\",\"params\":{\"id\":\"a\"}}", STRATUM_MONERO,
		  false },
		{ "{\"jsonrpc\":\"2.0\",\"method\":\"job\",\"params\":{\"blob\":\"0e\",\"job_id\":"
		  "1}}",
		  STRATUM_MONERO, true },
		{ "{\"id\":1,\"error\":null,\"result\":{\"id\":\"a\",\"job\":{\"blob\":\"0e0e",
		  STRATUM_MONERO, true },
		{ "{\"id\":1,\"method\":\"getblocktemplate\"}", STRATUM_WORK, false },
		{ "{\"method\":\"login\",\"api_key\":\"k\",\"id\":\"login\"}", STRATUM_MONERO,
		  false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(look(cases[i].text, strlen(cases[i].text)), STRATUM_FOUND);
		assert_int_equal(seen.dialect, cases[i].dialect);
		assert_int_equal(seen.by_pool, cases[i].by_pool);
	}
}

static void a_login_tells_wallet_and_program(void **state)
{
	(void)state;
	assert_int_equal(LOOK(login), STRATUM_FOUND);
	assert_int_equal(seen.dialect, STRATUM_MONERO);
	assert_string_equal(seen.account, "44AFFq5kS");
	assert_string_equal(seen.agent, "quiet/1.0 (Linux)");
	assert_int_equal(LOOK("{\"id\":1,\"method\":\"mining.authorize\",\"params\":[\"bc1q.w\"]}"),
			 STRATUM_FOUND);
	assert_string_equal(seen.account, "bc1q.w");
}

static void a_message_may_be_cut_anywhere(void **state)
{
	bool found = false;

	(void)state;
	for (size_t n = 0; n < sizeof(login); n++) {
		const enum stratum_result r = look(login, n);

		assert_int_not_equal(r, STRATUM_NO);
		assert_true(!found || r == STRATUM_FOUND); /* it stays found */
		found |= r == STRATUM_FOUND;
	}
	assert_true(found);
}

static void escapes_are_no_disguise(void **state)
{
	(void)state;
	assert_int_equal(LOOK("{\"m\\u0065thod\":\"\\u006dining.subscribe\",\"params\":[]}"),
			 STRATUM_FOUND);
	assert_string_equal(seen.method, "mining.subscribe");
}

static void what_other_programs_say_is_none(void **state)
{
	static const char *const cases[] = {
		"{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"login\",\"params\":{\"username\":"
		"\"joe\"}}",
		"{\"id\":1,\"method\":\"submit\",\"params\":{\"form\":\"x\"}}",
		"{\"id\":1,\"method\":\"job\",\"params\":{\"name\":\"backup\"}}",
		"{\"method\":\"initialize\",\"params\":{\"rootUri\":null}}",
		"{\"id\":1,\"method\":\"eth_blockNumber\",\"params\":[]}",
		"GET /api HTTP/1.1\r\nHost: x\r\n\r\nbody",
		"SSH-2.0-OpenSSH_9.2\r\n",
		"*1\r\n$4\r\nPING\r\n",
		"POST / HTTP/1.1\r\n\r\n{\"id\":1,\"method\":\"net_version\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(look(cases[i], strlen(cases[i])), STRATUM_NO);
		assert_int_equal(seen.dialect, STRATUM_NONE);
	}
	/* a log line that quotes it is no message of it */
	assert_int_not_equal(LOOK("{\"message\":\"method mining.subscribe seen\",\"level\":1}\n"),
			     STRATUM_FOUND);
}

static void a_later_message_counts_too(void **state)
{
	(void)state;
	assert_int_equal(
		LOOK("{\"id\":1,\"result\":true}\n{\"id\":2,\"method\":\"mining.subscribe\"}\n"),
		STRATUM_FOUND);
}

static void what_goes_by_a_proxy_is_read_behind_it(void **state)
{
	static const char connect[] = "CONNECT Pool.Example:3333 HTTP/1.1\r\nHost: x\r\n\r\n";
	char b[400];
	size_t n = sizeof(connect) - 1;

	(void)state;
	memcpy(b, connect, n);
	memcpy(b + n, login, sizeof(login) - 1);
	assert_int_equal(look(b, n), STRATUM_MORE);
	assert_string_equal(seen.target, "pool.example");
	assert_int_equal(seen.target_port, 3333);
	assert_int_equal(look(b, n + sizeof(login) - 1), STRATUM_FOUND);
	assert_int_equal(seen.proxy, STRATUM_CONNECT);
	assert_string_equal(seen.target, "pool.example");

	memcpy(b, "\5\2\0\2\1\1u\1p\5\1\0\3\4p.io\x0d\x05", 20);
	memcpy(b + 20, login, sizeof(login) - 1);
	assert_int_equal(look(b, 20 + sizeof(login) - 1), STRATUM_FOUND);
	assert_int_equal(seen.proxy, STRATUM_SOCKS5);
	assert_string_equal(seen.target, "p.io");
	assert_int_equal(seen.target_port, 3333);
	for (size_t i = 0; i < 20; i++)
		assert_int_equal(look(b, i), STRATUM_MORE);

	memcpy(b, "\4\1\x0d\x05\0\0\0\1me\0p.io\0", 16);
	memcpy(b + 16, login, sizeof(login) - 1);
	assert_int_equal(look(b, 16 + sizeof(login) - 1), STRATUM_FOUND);
	assert_int_equal(seen.proxy, STRATUM_SOCKS4);
	assert_string_equal(seen.target, "p.io");
}

static void a_pool_is_heard_behind_a_proxys_answer(void **state)
{
	static const char job[] = "{\"method\":\"mining.notify\",\"params\":[]}\n";
	char b[400];

	(void)state;
	memcpy(b, "\5\0\5\0\0\1\0\0\0\0\0\0", 12);
	memcpy(b + 12, job, sizeof(job));
	assert_int_equal(look(b, 12 + sizeof(job) - 1), STRATUM_FOUND);
	assert_true(seen.by_pool);
	assert_int_equal(
		LOOK("HTTP/1.1 200 ok\r\n\r\n{\"method\":\"mining.notify\",\"params\":[]}\n"),
		STRATUM_FOUND);
}

static void tls_is_told_and_not_read(void **state)
{
	static const char hello[] = "\x16\3\1\0\x40\1\0\0\x3c\3\3";

	(void)state;
	assert_int_equal(LOOK(hello), STRATUM_MORE);
	assert_true(seen.tls);
	assert_int_equal(LOOK("\x16\2\1\0\x40\1\0\0\x3c\3\3"), STRATUM_NO);
	assert_false(seen.tls);
}

static void depth_and_length_have_ends(void **state)
{
	char b[256];

	(void)state;
	memset(b, '[', sizeof(b));
	assert_int_equal(look(b, sizeof(b)), STRATUM_NO);
	memset(b, '{', sizeof(b));
	assert_int_equal(look(b, sizeof(b)), STRATUM_NO);
	memset(b, '"', sizeof(b));
	b[0] = '{';
	(void)look(b, sizeof(b));
	memset(b, '\\', sizeof(b));
	b[0] = '{', b[1] = '"';
	(void)look(b, sizeof(b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_dialect_is_known_by_its_first_message),
		cmocka_unit_test(a_login_tells_wallet_and_program),
		cmocka_unit_test(a_message_may_be_cut_anywhere),
		cmocka_unit_test(escapes_are_no_disguise),
		cmocka_unit_test(what_other_programs_say_is_none),
		cmocka_unit_test(a_later_message_counts_too),
		cmocka_unit_test(what_goes_by_a_proxy_is_read_behind_it),
		cmocka_unit_test(a_pool_is_heard_behind_a_proxys_answer),
		cmocka_unit_test(tls_is_told_and_not_read),
		cmocka_unit_test(depth_and_length_have_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
