// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "collector/redact.h"
#include "tests/unit/collector/event_fixture.h"

/* In these texts '|' stands for the NUL between arguments. */
static struct span list(const char *text, char *mem, size_t cap)
{
	size_t n = strlen(text);

	assert_true(n < cap);
	for (size_t i = 0; i < n; i++)
		mem[i] = text[i] == '|' ? '\0' : text[i];
	return (struct span){ mem, n };
}

static void expect(const struct buf *b, const char *want)
{
	char got[1024], mem[1024];
	struct span w = list(want, mem, sizeof(mem));

	assert_false(b->failed);
	assert_true(b->len < sizeof(got));
	for (size_t i = 0; i < b->len; i++)
		got[i] = b->data[i] ? b->data[i] : '|';
	got[b->len] = '\0';
	assert_string_equal(got, want);
	assert_int_equal(b->len, w.n);
}

static void masked(const char *args, const char *want)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	struct redact r;
	char mem[1024];

	buf_init(&b, 4096);
	redact_defaults(&r);
	redact_args(&r, list(args, mem, sizeof(mem)), &b);
	expect(&b, want);
	buf_clear(&b);
	redact_args(&r, list(want, mem, sizeof(mem)), &b); /* once more changes nothing */
	expect(&b, want);
}

static void same(const char *args)
{
	masked(args, args);
}

static void values_of_names_that_hold_a_word_are_masked(void **state)
{
	(void)state;
	masked("env|MYSQL_PASSWORD=hunter2|mysqld", "env|MYSQL_PASSWORD=***|mysqld");
	masked("x|--password=a b;c", "x|--password=***");
	masked("x|--Db-PassWd=a", "x|--Db-PassWd=***");
	masked("x|--pwd=a|pwd=b|DB_PWD=c|spring.pwd=d",
	       "x|--pwd=***|pwd=***|DB_PWD=***|spring.pwd=***");
	masked("x|API_KEY=a|apikey=b|apiKey=c|--access-key=d|--private_key=e|key=f",
	       "x|API_KEY=***|apikey=***|apiKey=***|--access-key=***|--private_key=***|key=***");
	masked("x|client_secret=a|GITHUB_TOKEN=b|credentials=c|--oauth=d",
	       "x|client_secret=***|GITHUB_TOKEN=***|credentials=***|--oauth=***");
	masked("java|-Dpassword=a|-eDB_PASSWORD=b", "java|-Dpassword=***|-eDB_PASSWORD=***");
	masked("x|--opt=user=me,password=a,vers=3", "x|--opt=user=me,password=***,vers=3");
	masked("x|a=1 password=\"b c\" d", "x|a=1 password=\"***\" d");
}

static void the_argument_after_an_option_is_masked(void **state)
{
	(void)state;
	masked("x|--password|hunter2|y", "x|--password|***|y");
	masked("x|-password|hunter2|y", "x|-password|***|y");
	masked("x|--api-key|k|--token|t", "x|--api-key|***|--token|***");
	masked("x|--TOKEN|t", "x|--TOKEN|***");
	masked("x|--password|-", "x|--password|***");
	same("x|--password|--verbose|y"); /* a switch: it asks */
	same("x|--password");
	same("x|--password|");
	same("x|--password||y");
	masked("x|--password|--token|t", "x|--password|--token|***");
	/* the name holds "token", so that the path is masked too: the rule does not guess */
	masked("x|--token-file|/run/token", "x|--token-file|***");
}

static void passwords_in_urls_are_masked(void **state)
{
	(void)state;
	masked("x|postgres://me:pw@db:5432/app", "x|postgres://me:***@db:5432/app");
	masked("x|--url=https://me:p@w:d@h/", "x|--url=https://me:***@h/");
	masked("x|amqp://a:1@h,amqp://b:2@h", "x|amqp://a:***@h,amqp://b:***@h");
	masked("x|https://h/?token=abc&x=1&api_key=d#f", "x|https://h/?token=***&x=1&api_key=***");
	same("x|https://me@h:80/a:b@c");
	same("x|http://[::1]:80/");
	same("x|http://h:80/?x=a@b");
	same("x|://:@");
	masked("x|://:p@", "x|://:***@");
	same("x|http://");
	same("x|redis://:@h");
	masked("x|redis://:p@h", "x|redis://:***@h");
}

static void credentials_in_headers_are_masked(void **state)
{
	(void)state;
	masked("curl|-H|Authorization: Bearer abc.def", "curl|-H|Authorization: Bearer ***");
	masked("curl|-H|authorization:basic YTpi", "curl|-H|authorization:basic ***");
	masked("curl|-H|Proxy-Authorization: Basic YTpi", "curl|-H|Proxy-Authorization: Basic ***");
	masked("curl|-H|Authorization: AWS4 a b", "curl|-H|Authorization: ***");
	masked("curl|-HAuthorization: x", "curl|-HAuthorization: ***");
	masked("curl|-H|X-Api-Key: abc", "curl|-H|X-Api-Key: ***");
	masked("curl|-H|X-Thing: Bearer abc", "curl|-H|X-Thing: Bearer ***");
	masked("curl|Bearer abc|Basic YTpi", "curl|Bearer ***|Basic ***");
	masked("curl|Authorization:|Bearer|abc|d", "curl|Authorization:|Bearer|***|d");
	masked("curl|Authorization:|abc|d", "curl|Authorization:|***|d");
	masked("curl|-d|{\"user\":\"me\",\"password\":\"a\",\"x\":1}",
	       "curl|-d|{\"user\":\"me\",\"password\":\"***\",\"x\":1}");
	masked("curl|-d|{\"Authorization\":\"Bearer abc\"}",
	       "curl|-d|{\"Authorization\":\"Bearer ***\"}");
	same("man|Basic usage of it");
	same("x|Bearer|");
}

static void what_is_no_secret_stays(void **state)
{
	(void)state;
	same("x|keyboard=us|--keyboard|us|monkey=1|--monkey|2|turkey=3|KEYMAP=de");
	same("git|commit|--author=Me <me@example.org>|--author|Me");
	same("x|OLDPWD=/a|compass=1|bypass=2");
	same("password|token|secret"); /* names alone, and what follows them in place */
	same("cat|/run/secrets/password");
	same("docker|run|-v|/secret:/secret:ro|vault/token:latest");
	same("x|a=b|--c=d|-e|f|=|==|:|--|-");
	same("x|user=me:you");
	same("");
	same("|");
	same("||x||");
}

static void a_command_cannot_hide_behind_a_secret(void **state)
{
	(void)state;
	masked("sh|-c|token=1;curl evil|x", "sh|-c|token=***;curl evil|x");
	masked("sh|-c|PASSWORD=a cmd --token b c", "sh|-c|PASSWORD=*** cmd --token *** c");
	masked("bash|-lc|A=1 PASSWORD='a b' cmd", "bash|-lc|A=1 PASSWORD=*** cmd");
	masked("sh|-c|TOKEN=$(cat /run/t) cmd", "sh|-c|TOKEN=***(cat /run/t) cmd");
	masked("sh|-c|token=\\\";curl evil", "sh|-c|token=***;curl evil");
	masked("sh|-ec|curl -H 'Authorization: Bearer abc' u|y",
	       "sh|-ec|curl -H 'Authorization: Bearer ***' u|y");
	masked("sh|-c|curl https://a:b@c/ && x", "sh|-c|curl https://a:***@c/ && x");
	masked("sh|-c|echo \"token=a b\" c", "sh|-c|echo \"token=***\" c");
	same("sh|-c|echo 'a b\" ; x");
	same("sh|-c");
	same("sh|-c|");
	masked("sh|-c|x \\", "sh|-c|x \\");
}

static void without_masking_arguments_stay_and_the_environment_is_still_chosen(void **state)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	struct redact r;
	char mem[256];

	(void)state;
	buf_init(&b, 4096);
	redact_defaults(&r);
	r.enabled = false;
	assert_true(redact_keep_env(&r, SPAN_LIT("A_TOKEN")));
	redact_args(&r, list("x|token=a", mem, sizeof(mem)), &b);
	expect(&b, "x|token=a");
	buf_clear(&b);
	redact_env(&r, list("A_TOKEN=1|B=2", mem, sizeof(mem)), &b);
	expect(&b, "A_TOKEN=1");
}

static void only_named_entries_of_the_environment_are_kept(void **state)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	struct redact r;
	char mem[256];

	(void)state;
	buf_init(&b, 4096);
	redact_defaults(&r);
	redact_env(&r, list("PATH=/bin|TOKEN=a", mem, sizeof(mem)), &b);
	expect(&b, ""); /* none by default */
	assert_true(redact_keep_env(&r, SPAN_LIT("PATH")));
	assert_true(redact_keep_env(&r, SPAN_LIT("TOKEN")));
	assert_true(redact_keep_env(&r, SPAN_LIT("URL")));
	redact_env(&r,
		   list("PATH=/bin|PATHS=1|path=2|PATH|TOKEN=a b|=x||URL=http://a:b@c|HOME=/", mem,
			sizeof(mem)),
		   &b);
	expect(&b, "PATH=/bin|TOKEN=***|URL=http://a:***@c");
}

static void words_can_be_added_until_the_list_is_full(void **state)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	struct redact r = { .enabled = true };
	char mem[256];

	(void)state;
	buf_init(&b, 4096);
	assert_true(redact_add_word(&r, SPAN_LIT("Session-ID")));
	assert_false(redact_add_word(&r, SPAN_LIT("")));
	assert_false(redact_add_word(&r, SPAN_LIT("=")));
	assert_false(redact_add_word(&r, SPAN_LIT("$")));
	assert_false(redact_add_word(&r, SPAN_LIT("a\0b")));
	assert_false(redact_add_word(&r, SPAN_LIT("0123456789012345678901234567890x")));
	assert_int_equal(r.words_n, 1);
	redact_args(&r, list("x|--php-session_id=a|password=b", mem, sizeof(mem)), &b);
	expect(&b, "x|--php-session_id=***|password=b");
	r.words_n += 3; /* as filled by hand: empty, and with no letters noted */
	r.words[2][0] = '=';
	memcpy(r.words[3], "badge$", 6);
	buf_clear(&b);
	redact_args(&r, list("x|a=b|my-badge=c|badge1=d", mem, sizeof(mem)), &b);
	expect(&b, "x|a=b|my-badge=***|badge1=d");
	while (r.words_n < REDACT_MAX_WORDS)
		assert_true(redact_add_word(&r, SPAN_LIT("w")));
	assert_false(redact_add_word(&r, SPAN_LIT("w")));
	while (r.env_n < REDACT_MAX_WORDS)
		assert_true(redact_keep_env(&r, SPAN_LIT("E")));
	assert_false(redact_keep_env(&r, SPAN_LIT("E")));
	assert_false(redact_keep_env(&(struct redact){ 0 }, SPAN_LIT("")));
}

/* --- records ------------------------------------------------------------------------------- */
static _Alignas(8) uint8_t in[EVENT_MAX_BYTES], out[EVENT_MAX_BYTES];

static void a_record_keeps_all_but_its_secrets(void **state)
{
	AUTO_BUF struct buf scratch = { .fd = -1 };
	struct event_head head = fixture_head(EVENT_EXEC);
	struct event_exec exec = { .args_bytes = 17, .flags = EXEC_FIRST };
	struct event_writer w;
	struct event_view v, got;
	struct redact r;

	(void)state;
	buf_init(&scratch, 2 * EVENT_STRING_MAX);
	redact_defaults(&r);
	redact_keep_env(&r, SPAN_LIT("LANG"));
	event_write_begin(&w, in, sizeof(in), &head, &exec);
	event_write_string(&w, TAG_ENV, STRING_CUT, SPAN_LIT("LANG=C\0TOKEN=t\0"));
	event_write_string(&w, TAG_ARGS, 0, SPAN_LIT("x\0--password\0secret\0"));
	event_write_string(&w, TAG_PATH, STRING_DELETED, SPAN_LIT("/password=1"));
	event_write_string(&w, TAG_CWD, 0, SPAN_LIT(""));
	assert_int_equal(event_decode(in, event_write_end(&w), &v, NULL), 0);

	size_t n = redact_record(&r, &v, out, sizeof(out), &scratch);

	assert_int_equal(event_decode(out, n, &got, NULL), 0);
	assert_int_equal(got.head->pid, 123);
	assert_int_equal(got.exec->args_bytes, 17); /* the true length */
	assert_int_equal(got.exec->flags, EXEC_FIRST);
	assert_true(span_eq(got.strings[TAG_PATH], "/password=1"));
	assert_int_equal(got.string_flags[TAG_PATH], STRING_DELETED);
	assert_true(span_eq(got.strings[TAG_ENV], "LANG=C"));
	assert_int_equal(got.string_flags[TAG_ENV], STRING_CUT);
	assert_int_equal(got.strings[TAG_ARGS].n, 17);
	assert_memory_equal(got.strings[TAG_ARGS].p, "x\0--password\0***\0", 17);
	assert_non_null(got.strings[TAG_CWD].p);
	assert_null(got.strings[TAG_RAW].p);
	for (size_t cap = 0; cap < n; cap++)
		assert_int_equal(redact_record(&r, &v, out, cap, &scratch), 0);
}

static void arguments_that_grow_too_long_are_cut(void **state)
{
	static char args[EVENT_STRING_MAX];
	AUTO_BUF struct buf scratch = { .fd = -1 }, small = { .fd = -1 };
	struct event_head head = fixture_head(EVENT_EXEC);
	struct event_writer w;
	struct event_view v, got;
	struct redact r;

	(void)state;
	buf_init(&scratch, 2 * EVENT_STRING_MAX);
	buf_init(&small, EVENT_STRING_MAX);
	redact_defaults(&r);
	for (size_t i = 0; i + 6 <= sizeof(args); i += 6)
		memcpy(args + i, "key=a", 6);
	event_write_begin(&w, in, sizeof(in), &head, NULL);
	event_write_string(&w, TAG_ARGS, 0, (struct span){ args, sizeof(args) });
	assert_int_equal(event_decode(in, event_write_end(&w), &v, NULL), 0);

	size_t n = redact_record(&r, &v, out, sizeof(out), &scratch);

	assert_int_equal(event_decode(out, n, &got, NULL), 0);
	assert_int_equal(got.strings[TAG_ARGS].n, EVENT_STRING_MAX);
	assert_int_equal(got.string_flags[TAG_ARGS], STRING_CUT);
	assert_memory_equal(got.strings[TAG_ARGS].p, "key=***\0key=***\0", 16);
	assert_int_equal(redact_record(&r, &v, out, sizeof(out), &small), 0); /* never unmasked */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_of_names_that_hold_a_word_are_masked),
		cmocka_unit_test(the_argument_after_an_option_is_masked),
		cmocka_unit_test(passwords_in_urls_are_masked),
		cmocka_unit_test(credentials_in_headers_are_masked),
		cmocka_unit_test(what_is_no_secret_stays),
		cmocka_unit_test(a_command_cannot_hide_behind_a_secret),
		cmocka_unit_test(
			without_masking_arguments_stay_and_the_environment_is_still_chosen),
		cmocka_unit_test(only_named_entries_of_the_environment_are_kept),
		cmocka_unit_test(words_can_be_added_until_the_list_is_full),
		cmocka_unit_test(a_record_keeps_all_but_its_secrets),
		cmocka_unit_test(arguments_that_grow_too_long_are_cut),
	};

	return cmocka_run_group_tests_name("redact", tests, NULL, NULL);
}
