// SPDX-License-Identifier: GPL-2.0-or-later
/* What a client may send, and what of it is believed: no socket is opened here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "http/head.h"
#include "http/listen.h"
#include "http/page.h"
#include "http/request.h"
#include "http/routes.h"

static struct sockaddr_storage address(const char *text)
{
	struct sockaddr_storage out;
	socklen_t n;

	assert_int_equal(listen_parse(text, &out, &n, NULL), 0);
	return out;
}

static bool host(const char *header, const char *local)
{
	static const char allowed[2][128] = { "localhost", "Monitor.example" };
	struct sockaddr_storage sa = address(local);

	return request_host_allowed(span_str(header), allowed, 2, (const struct sockaddr *)&sa);
}

static void only_configured_names_and_the_own_address_are_hosts(void **state)
{
	(void)state;
	assert_true(host("localhost", "127.0.0.1:9480"));
	assert_true(host("LocalHost:9480", "127.0.0.1:9480"));
	assert_true(host("monitor.EXAMPLE:80", "127.0.0.1:9480"));
	assert_true(host("127.0.0.1:9480", "127.0.0.1:9480"));
	assert_true(host("127.0.0.1", "127.0.0.1:9480"));
	assert_true(host("127.0.0.1:18080", "127.0.0.1:9480")); /* a forwarded port */
	assert_true(host("[::1]:9480", "[::1]:9480"));
	assert_true(host("[0:0:0:0:0:0:0:1]", "[::1]:9480"));
	assert_true(host("10.1.2.3", "[::ffff:10.1.2.3]:9480"));
	assert_false(host("10.1.2.4", "10.1.2.3:9480"));
	assert_false(host("127.0.0.1.evil.example", "127.0.0.1:9480"));
	assert_false(host("evil.example", "127.0.0.1:9480"));
	assert_false(host("localhost.evil.example", "127.0.0.1:9480"));
	assert_false(host("evil.example:9480@localhost", "127.0.0.1:9480"));
}

static void malformed_hosts_are_refused(void **state)
{
	static const char *const bad[] = {
		"",	      " ",	    ":9480",	 "[::1",	 "[]",
		"[]:9480",    "[::1]x",	    "[::1]9480", "localhost:9x", "localhost:80:80",
		"localhost,", "0127.0.0.1", "127.1",	 "2130706433",	 "localhost/",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(host(bad[i], "127.0.0.1:9480"));
		assert_false(host(bad[i], "[::1]:9480"));
	}
}

static void assert_token(const char *authorization, const char *cookie, const char *want)
{
	struct span t = request_token(authorization, cookie);

	assert_int_equal(t.n, strlen(want));
	assert_memory_equal(t.p, want, t.n);
}

static void the_token_is_found_in_header_or_cookie(void **state)
{
	(void)state;
	assert_token("Bearer abc.DEF-_~+/=", NULL, "abc.DEF-_~+/=");
	assert_token("bearer  abc ", NULL, "abc");
	assert_token(NULL, "bulkhead_token=abc", "abc");
	assert_token(NULL, "a=b; bulkhead_token=abc; c=d", "abc");
	assert_token("Bearer one", "bulkhead_token=two", "one");
	assert_token(NULL, NULL, "");
}

static void what_is_no_token_counts_as_none(void **state)
{
	char longest[7 + REQUEST_MAX_TOKEN + 2] = "Bearer ";

	(void)state;
	memset(longest + 7, 'a', REQUEST_MAX_TOKEN + 1);
	assert_token(longest, NULL, "");
	longest[7 + REQUEST_MAX_TOKEN] = '\0';
	assert_int_equal(request_token(longest, NULL).n, REQUEST_MAX_TOKEN);
	assert_token("Basic abc", NULL, "");
	assert_token("Bearer", NULL, "");
	assert_token("Bearerabc", NULL, "");
	assert_token("", NULL, "");
	assert_token("Bearer a b", NULL, "");
	assert_token("Bearer a\"b", NULL, "");
	assert_token("Bearer \xc3\xa9", NULL, "");
	assert_token("Basic x", "bulkhead_token=abc", ""); /* no way around a wrong header */
	assert_token(NULL, "", "");
	assert_token(NULL, "bulkhead_token", "");
	assert_token(NULL, "bulkhead_token=a,b", "");
	assert_token(NULL, "xbulkhead_token=abc", "");
}

static void assert_target(const char *raw, const char *path, const char *query)
{
	char out[REQUEST_MAX_URL + 1];
	struct span q;

	assert_int_equal(request_target(span_str(raw), out, sizeof(out), &q, NULL), 0);
	assert_string_equal(out, path);
	assert_int_equal(q.n, strlen(query));
	assert_memory_equal(q.p, query, q.n);
}

static void a_target_is_split_and_decoded_once(void **state)
{
	(void)state;
	assert_target("/", "/", "");
	assert_target("/a%20b?x=%20&y", "/a b", "x=%20&y");
	assert_target("/%2541", "/%41", "");
	assert_target("/a+b?", "/a+b", "");
	assert_target("/a?b?c", "/a", "b?c");
	assert_target("/...", "/...", "");
	assert_target("/caf%C3%A9", "/caf\xc3\xa9", "");
}

static void hostile_targets_are_refused(void **state)
{
	static const char *const bad[] = {
		"",	  "*",	  "a",	      "http://a/", "/%",   "/%4",  "/%zz",
		"/a%00b", "/..",  "/a/../b",  "/%2e%2e/",  "/.",   "/a/.", "/a%2fb",
		"/a\x01", "/%0a", "/a?b\x01", "/a?b c",	   "/%7f",
	};
	char path[REQUEST_MAX_URL + 1], many[REQUEST_MAX_URL + 2];
	struct span q;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(request_target(span_str(bad[i]), path, sizeof(path), &q, NULL),
				 -EINVAL);
	memset(many, '/', sizeof(many));
	assert_int_equal(
		request_target((struct span){ many, sizeof(many) }, path, sizeof(path), &q, NULL),
		-EINVAL);
	/* A range that ends inside an escape must not be read beyond. */
	assert_int_equal(request_target((struct span){ "/%41", 3 }, path, sizeof(path), &q, NULL),
			 -EINVAL);
}

static void query_parameters_are_found_and_decoded(void **state)
{
	const struct span q = SPAN_LIT("metric=cpu&from=-60&name=a+b%26c&empty=&flag");
	char out[32];
	struct err e = { "" };

	(void)state;
	assert_int_equal(request_parameter(q, "metric", out, sizeof(out), &e), 1);
	assert_string_equal(out, "cpu");
	assert_int_equal(request_parameter(q, "name", out, sizeof(out), &e), 1);
	assert_string_equal(out, "a b&c");
	assert_int_equal(request_parameter(q, "empty", out, sizeof(out), &e), 1);
	assert_string_equal(out, "");
	assert_int_equal(request_parameter(q, "flag", out, sizeof(out), &e), 1);
	assert_int_equal(request_parameter(q, "fro", out, sizeof(out), &e), 0);
	assert_string_equal(out, "");
	assert_int_equal(request_parameter((struct span){ "", 0 }, "x", out, sizeof(out), &e), 0);
}

static void malformed_query_parameters_are_refused(void **state)
{
	char out[4];
	struct err e = { "" };

	(void)state;
	assert_int_equal(request_parameter(SPAN_LIT("a=1&a=2"), "a", out, 4, &e), -EINVAL);
	assert_string_equal(e.text, "parameter 'a' is given twice");
	assert_int_equal(request_parameter(SPAN_LIT("a=1234"), "a", out, 4, &e), -EINVAL);
	assert_int_equal(request_parameter(SPAN_LIT("a=123"), "a", out, 4, &e), 1);
	assert_int_equal(request_parameter(SPAN_LIT("a=%"), "a", out, 4, &e), -EINVAL);
	assert_int_equal(request_parameter(SPAN_LIT("a=%00"), "a", out, 4, &e), -EINVAL);
}

static void gzip_is_used_only_when_it_is_wanted(void **state)
{
	(void)state;
	assert_true(request_accepts_gzip("gzip"));
	assert_true(request_accepts_gzip("deflate, GZIP;q=0.5, br;q=1.0"));
	assert_true(request_accepts_gzip("x-gzip"));
	assert_true(request_accepts_gzip("*"));
	assert_true(request_accepts_gzip("identity;q=0.5, gzip;q=1"));
	assert_false(request_accepts_gzip(NULL));
	assert_false(request_accepts_gzip(""));
	assert_false(request_accepts_gzip("gzip;q=0"));
	assert_false(request_accepts_gzip("gzip; q=0.000"));
	assert_false(request_accepts_gzip("*;q=1, gzip;q=0"));
	assert_false(request_accepts_gzip("gzip;q=0.5, identity"));
	assert_false(request_accepts_gzip("gzip;q=2"));
	assert_false(request_accepts_gzip("gzip;q=-1"));
	assert_false(request_accepts_gzip("gzip;q=x"));
	assert_false(request_accepts_gzip("br, zstd"));
	assert_false(request_accepts_gzip(",,;;=,"));
}

static void openmetrics_is_chosen_by_the_accept_header(void **state)
{
	(void)state;
	assert_true(request_accepts_openmetrics(
		"application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
		"version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"));
	assert_false(request_accepts_openmetrics(NULL));
	assert_false(request_accepts_openmetrics("*/*"));
	assert_false(request_accepts_openmetrics("text/plain, application/openmetrics-text;q=0.5"));
	assert_false(request_accepts_openmetrics("application/openmetrics-text;q=0"));
}

static void listen_addresses_are_literals_with_a_port(void **state)
{
	static const char *const bad[] = {
		"",	      "9480",	       "localhost:9480",  ":9480",
		"127.0.0.1",  "127.0.0.1:",    "127.0.0.1:65536", "::1:9480",
		"[::1]",      "[127.0.0.1]:1", "127.1:80",	  "127.0.0.1:-1",
		"[::1%lo]:80"
	};
	struct sockaddr_storage sa;
	socklen_t n;
	struct err e = { "" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(listen_parse(bad[i], &sa, &n, &e), -EINVAL);
	assert_int_equal(address("127.0.0.1:9480").ss_family, AF_INET);
	assert_int_equal(address("[::]:0").ss_family, AF_INET6);
	listen_parse("web:80", &sa, &n, &e);
	assert_string_equal(e.text, "listen address 'web:80' is not an IP address and a port");
}

static int history(const char *path, const char *query, struct history_query *q)
{
	return route_history(path, span_str(query), q, NULL);
}

static void history_paths_become_queries(void **state)
{
	struct history_query q;

	(void)state;
	assert_int_equal(history("/api/v1/history", "", &q), 1);
	assert_int_equal(q.form, HISTORY_LIST);
	assert_int_equal(history("/api/v1/containers/web/history", "from=-60&to=5&step=10", &q), 1);
	assert_int_equal(q.form, HISTORY_JSON);
	assert_string_equal(q.id, "web");
	assert_int_equal(q.from, -60);
	assert_int_equal(q.to, 5);
	assert_int_equal(q.step, 10);
	assert_int_equal(history("/api/v1/host/graph.svg", "metric=cpu&width=640", &q), 1);
	assert_int_equal(q.form, HISTORY_SVG);
	assert_string_equal(q.id, "host");
	assert_string_equal(q.metric, "cpu");
	assert_int_equal(q.width, 640);
	assert_int_equal(history("/api/v1/containers/a/graph.png", "metric=cpu", &q), 1);
	assert_int_equal(q.form, HISTORY_PNG);
}

static void other_paths_are_not_history(void **state)
{
	static const char *const other[] = {
		"/api/v1/containers",
		"/api/v1/containers/web",
		"/api/v1/status",
		"/api/v1/containers//history",
		"/api/v1/containers/a/b/history",
		"/api/v1/host",
		"/api/v1/host/x/history",
		"/history",
		"/api/v1/containers/history",
		"/api/v1/containers/graph.svg",
	};
	struct history_query q;

	(void)state;
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		assert_int_equal(history(other[i], "", &q), 0);
}

static void wrong_history_parameters_are_refused(void **state)
{
	static const char *const bad[] = { "from=x",	    "from=1.5",	       "step=-1",
					   "width=4",	    "unknown=1",       "to=",
					   "from=1&from=2", "step=99999999999" };
	struct history_query q;
	char path[400] = "/api/v1/containers/";

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(history("/api/v1/containers/a/history", bad[i], &q), -EINVAL);
	assert_int_equal(history("/api/v1/containers/a/graph.svg", "", &q), -EINVAL);
	assert_int_equal(history("/api/v1/containers/a/graph.svg", "metric=a&width=5000", &q),
			 -EINVAL);
	assert_int_equal(history("/api/v1/history", "from=1", &q), -EINVAL);
	memset(path + strlen(path), 'a', 200);
	memcpy(path + strlen(path), "/history", 9);
	assert_int_equal(history(path, "", &q), -EINVAL);
}

static void pages_are_found_by_their_exact_path(void **state)
{
	static const char *const there[] = { "/", "/login", "/app.js", "/style.css" };
	struct answer a;

	(void)state;
	answer_init(&a);
	for (size_t i = 0; i < sizeof(there) / sizeof(there[0]); i++) {
		assert_true(page_answer(there[i], &a));
		assert_int_equal(a.status, 200);
		assert_true(a.n > 0);
	}
	assert_false(page_answer("/index.html", &a));
	assert_false(page_answer("/app", &a));
	assert_false(page_answer("", &a));
	answer_release(&a);
}

static void a_login_sets_a_cookie_that_scripts_cannot_read(void **state)
{
	struct answer a;

	(void)state;
	answer_init(&a);
	page_login(&a, SPAN_LIT("abc"), false);
	assert_int_equal(a.status, 303);
	assert_string_equal(a.location, "/");
	assert_string_equal(a.cookie, "bulkhead_token=abc; Path=/; HttpOnly; SameSite=Strict");
	answer_release(&a);
	page_login(&a, SPAN_LIT("abc"), true);
	assert_non_null(strstr(a.cookie, "; Secure"));
	answer_release(&a);
}

static void a_refused_login_shows_the_page_and_sets_no_cookie(void **state)
{
	struct answer a;

	(void)state;
	answer_init(&a);
	page_login_refused(&a);
	assert_int_equal(a.status, 401);
	assert_string_equal(a.type, "text/html; charset=utf-8");
	assert_null(a.cookie);
	assert_null(a.location);
	assert_non_null(memmem(a.bytes, a.n, "unknown or expired", 18));
	assert_non_null(memmem(a.bytes, a.n, "<form", 5));
	assert_non_null(memmem(a.bytes, a.n, "</html>", 7));
	answer_release(&a);
}

static void an_error_text_cannot_break_its_json(void **state)
{
	struct answer a;

	(void)state;
	answer_init(&a);
	answer_error(&a, 404, "nothing at '%s'", "\"}\n\xff<script>");
	const char want[] = "{\"error\":{\"status\":404,\"message\":\"nothing at "
			    "'\\\"}\\n\xef\xbf\xbd<script>'\"}}\n";

	assert_int_equal(a.n, sizeof(want) - 1);
	assert_memory_equal(a.bytes, want, a.n);
	answer_release(&a);
}

static const char *fields(const char *const (*f)[2], size_t n)
{
	struct head_check h = { .problem = NULL };

	for (size_t i = 0; i < n; i++)
		head_field(&h, span_str(f[i][0]), span_str(f[i][1]));
	return head_problem(&h);
}

static void a_second_length_or_a_malformed_name_is_refused(void **state)
{
	static const char *const good[][2] = { { "Host", "localhost" },
					       { "Content-Length", "0" },
					       { "Content-Lengths", "1" },
					       { "X", "" } };
	static const char *const lengths[][2] = { { "Content-Length", "0" },
						  { "Host", "localhost" },
						  { "content-LENGTH", "0" } };
	static const char *const names[] = { "Content-Length ", " Host", "Ho st", "Host\t",
					     "Ho\x7fst",	"\x01",	 "" };

	(void)state;
	assert_null(fields(NULL, 0));
	assert_null(fields(good, 4));
	assert_non_null(strstr(fields(lengths, 3), "more than one Content-Length"));
	assert_null(fields(lengths, 2));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *const one[][2] = { { names[i], "x" } };

		assert_non_null(fields(one, 1));
	}
}

static void a_nul_or_a_carriage_return_within_a_header_is_refused(void **state)
{
	struct head_check value = { .problem = NULL }, name = { .problem = NULL };
	static const char *const cr[][2] = { { "A", "b\rContent-Length: 5" } };

	(void)state;
	assert_non_null(fields(cr, 1));
	head_field(&value, SPAN_LIT("Host"), SPAN_LIT("localhost\0evil"));
	assert_non_null(head_problem(&value));
	head_field(&name, SPAN_LIT("Ho\0st"), SPAN_LIT("localhost"));
	assert_non_null(head_problem(&name));
}

/* Reads n bytes as libmicrohttpd 0.9 does: lines end at CR or LF, a field's name and value at the
 * first NUL. What it overwrites is overwritten here. */
static const char *head_of(const char *sent, size_t n)
{
	char raw[256];
	struct head_check h = { .raw = { raw, n } };
	size_t at = 0;

	assert_true(n < sizeof(raw));
	memcpy(raw, sent, n);
	raw[n] = '\0';
	for (bool first = true; at < n; first = false) {
		char *line = raw + at, *end = line;

		while (*end != '\r' && *end != '\n' && end < raw + n)
			end++;
		at = (size_t)(end - raw) + (end[0] == '\r' && end[1] == '\n' ? 2 : 1);
		memset(end, 0, at - (size_t)(end - raw));
		char *value = first ? NULL : strchr(line, ':');

		if (!value)
			continue;
		for (*value++ = '\0'; *value == ' ';)
			value++;
		head_field(&h, span_str(line), span_str(value));
	}
	return head_problem(&h);
}
#define HEAD_OF(text) head_of(text, sizeof(text) - 1)

static void a_nul_that_the_library_cuts_at_is_seen_in_the_bytes(void **state)
{
	(void)state;
	assert_null(HEAD_OF("GET / HTTP/1.1\r\n\r\n"));
	assert_null(HEAD_OF("GET / HTTP/1.1\r\nHost: localhost\r\nA:  b  \r\nE:\r\n\r\n"));
	assert_null(HEAD_OF("GET / HTTP/1.1\nHost: localhost\nD: q\n\n"));
	assert_non_null(HEAD_OF("GET / HTTP/1.1\r\nHost: localhost\0evil\r\n\r\n"));
	assert_non_null(HEAD_OF("GET / HTTP/1.1\r\nHost: localhost\0evil\r\nA: b\r\n\r\n"));
	assert_non_null(HEAD_OF("GET / HTTP/1.1\r\nHost: localhost\0\r\nA: b\r\n\r\n"));
	assert_non_null(HEAD_OF("GET / HTTP/1.1\r\nHost: localhost\0\r\n\r\n"));
	assert_non_null(HEAD_OF("GET / HTTP/1.1\r\nHost:\0localhost\r\n\r\n"));
	assert_non_null(HEAD_OF("GET / HTTP/1.1\r\nA: b\r\n\0Host: localhost\r\n\r\n"));
}

static void a_field_outside_the_head_is_refused(void **state)
{
	static const char raw[] = "GET\0/\0HTTP/1.1\0\0Host\0 a\0\0\0\0", elsewhere[] = "X";
	struct head_check h = { .raw = { raw, sizeof(raw) - 1 } };

	(void)state; /* the library copies a field that is continued on a second line */
	head_field(&h, SPAN_LIT(elsewhere), (struct span){ raw + 23, 1 });
	assert_non_null(head_problem(&h));
}

int main(void)
{
	const struct CMUnitTest server[] = {
		cmocka_unit_test(only_configured_names_and_the_own_address_are_hosts),
		cmocka_unit_test(malformed_hosts_are_refused),
		cmocka_unit_test(the_token_is_found_in_header_or_cookie),
		cmocka_unit_test(what_is_no_token_counts_as_none),
		cmocka_unit_test(a_target_is_split_and_decoded_once),
		cmocka_unit_test(hostile_targets_are_refused),
		cmocka_unit_test(query_parameters_are_found_and_decoded),
		cmocka_unit_test(malformed_query_parameters_are_refused),
		cmocka_unit_test(gzip_is_used_only_when_it_is_wanted),
		cmocka_unit_test(openmetrics_is_chosen_by_the_accept_header),
		cmocka_unit_test(listen_addresses_are_literals_with_a_port),
		cmocka_unit_test(history_paths_become_queries),
		cmocka_unit_test(other_paths_are_not_history),
		cmocka_unit_test(wrong_history_parameters_are_refused),
		cmocka_unit_test(pages_are_found_by_their_exact_path),
		cmocka_unit_test(a_login_sets_a_cookie_that_scripts_cannot_read),
		cmocka_unit_test(a_refused_login_shows_the_page_and_sets_no_cookie),
		cmocka_unit_test(an_error_text_cannot_break_its_json),
		cmocka_unit_test(a_second_length_or_a_malformed_name_is_refused),
		cmocka_unit_test(a_nul_or_a_carriage_return_within_a_header_is_refused),
		cmocka_unit_test(a_nul_that_the_library_cuts_at_is_seen_in_the_bytes),
		cmocka_unit_test(a_field_outside_the_head_is_refused),
	};

	return cmocka_run_group_tests(server, NULL, NULL);
}
