// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/base/buf.h"
#include "collector/base/clock.h"
#include "collector/base/io.h"
#include "collector/token.h"
#include "tests/unit/fixture.h"

#define NOW (1800000000 * NS_PER_S)

static int open_dir(const struct tree *t)
{
	int fd = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static struct token_store *open_store(int fd)
{
	struct token_store *s = NULL;
	struct err e = { "" };

	assert_int_equal(token_store_new(&s, fd, &e), 0);
	assert_string_equal(e.text, "");
	return s;
}

static void a_token_is_known_with_its_role_until_it_expires(void **state)
{
	AUTO_TREE struct tree t = tree_make("");
	AUTO_FD int fd = open_dir(&t);
	AUTO(token_store_free) struct token_store *s = open_store(fd);
	char viewer[TOKEN_TEXT_BYTES], op[TOKEN_TEXT_BYTES];
	struct err e = { "" };

	(void)state;
	assert_int_equal(token_create(s, TOKEN_VIEWER, 60, NOW, viewer, &e), 0);
	assert_int_equal(token_create(s, TOKEN_OPERATOR, 3600, NOW, op, &e), 0);
	assert_int_equal(strlen(viewer), 46);
	assert_memory_equal(viewer, "bh_", 3);
	assert_int_equal(strspn(viewer, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					"0123456789-_"),
			 46);
	assert_string_not_equal(viewer, op);
	assert_int_equal(token_check(s, span_str(viewer), NOW), TOKEN_VIEWER);
	assert_int_equal(token_check(s, span_str(op), NOW), TOKEN_OPERATOR);
	assert_int_equal(token_check(s, span_str(viewer), NOW + 60 * NS_PER_S - 1), TOKEN_VIEWER);
	assert_int_equal(token_check(s, span_str(viewer), NOW + 60 * NS_PER_S), TOKEN_NONE);
	assert_string_equal(e.text, "");
}

static void what_is_not_exactly_a_token_is_unknown(void **state)
{
	AUTO_TREE struct tree t = tree_make("");
	AUTO_FD int fd = open_dir(&t);
	AUTO(token_store_free) struct token_store *s = open_store(fd);
	char text[TOKEN_TEXT_BYTES], longer[TOKEN_TEXT_BYTES + 1];

	(void)state;
	assert_int_equal(token_create(s, TOKEN_VIEWER, 60, NOW, text, NULL), 0);
	for (size_t n = 0; n < strlen(text); n++)
		assert_int_equal(token_check(s, (struct span){ text, n }, NOW), TOKEN_NONE);
	snprintf(longer, sizeof(longer), "%sA", text);
	assert_int_equal(token_check(s, span_str(longer), NOW), TOKEN_NONE);
	assert_int_equal(token_check(s, (struct span){ text, strlen(text) + 1 }, NOW), TOKEN_NONE);
	assert_int_equal(token_check(s, (struct span){ NULL, 0 }, NOW), TOKEN_NONE);
	for (size_t i = 0; i < strlen(text); i++) {
		text[i] ^= 1;
		assert_int_equal(token_check(s, span_str(text), NOW), TOKEN_NONE);
		text[i] ^= 1;
	}
	assert_int_equal(token_check(s, span_str(text), NOW), TOKEN_VIEWER);
}

static void tokens_outlive_a_restart_and_only_hashes_are_kept(void **state)
{
	AUTO_TREE struct tree t = tree_make("");
	AUTO_FD int fd = open_dir(&t);
	AUTO_BUF struct buf b;
	char text[TOKEN_TEXT_BYTES];
	struct stat st;

	(void)state;
	{
		AUTO(token_store_free) struct token_store *s = open_store(fd);

		assert_int_equal(token_create(s, TOKEN_VIEWER, 60, NOW, text, NULL), 0);
	}
	AUTO(token_store_free) struct token_store *s = open_store(fd);

	assert_int_equal(token_check(s, span_str(text), NOW), TOKEN_VIEWER);
	assert_int_equal(fstatat(fd, "tokens.json", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	buf_init(&b, 65536);
	assert_int_equal(io_read_buf_at(fd, "tokens.json", &b, NULL), 0);
	assert_null(memmem(b.data, b.len, text + 3, 43));
}

static void the_store_is_full_at_its_limit_until_one_expires(void **state)
{
	AUTO_TREE struct tree t = tree_make("");
	AUTO_FD int fd = open_dir(&t);
	AUTO(token_store_free) struct token_store *s = open_store(fd);
	char text[TOKEN_TEXT_BYTES], first[TOKEN_TEXT_BYTES] = "";
	uint64_t now = unix_ns();
	struct err e = { "" };

	(void)state;
	for (uint32_t i = 0; i < TOKEN_MAX; i++)
		assert_int_equal(
			token_create(s, TOKEN_VIEWER, i ? 600 : 300, now, i ? text : first, NULL),
			0);
	assert_int_equal(token_count(s), TOKEN_MAX);
	snprintf(text, sizeof(text), "untouched");
	assert_int_equal(token_create(s, TOKEN_VIEWER, 60, now, text, &e), -ENOSPC);
	assert_string_equal(text, "untouched");
	assert_string_equal(e.text, "there are 256 live tokens already");
	now += 300 * NS_PER_S;
	assert_int_equal(token_create(s, TOKEN_VIEWER, 600, now, text, NULL), 0);
	assert_int_equal(token_check(s, span_str(text), now), TOKEN_VIEWER);
	token_store_free(TAKE(s));
	s = open_store(fd); /* a full file is read back */
	assert_int_equal(token_count(s), TOKEN_MAX);
	assert_int_equal(token_check(s, span_str(first), now - 1), TOKEN_NONE); /* pruned */
}

static void a_life_beyond_the_limit_of_its_role_is_refused(void **state)
{
	AUTO_TREE struct tree t = tree_make("");
	AUTO_FD int fd = open_dir(&t);
	AUTO(token_store_free) struct token_store *s = open_store(fd);
	char text[TOKEN_TEXT_BYTES];
	struct err e = { "" };

	(void)state;
	assert_int_equal(token_create(s, TOKEN_OPERATOR, 3601, NOW, text, &e), -ERANGE);
	assert_string_equal(e.text, "a token of role operator lives 1 to 3600 seconds, not 3601");
	assert_int_equal(token_create(s, TOKEN_VIEWER, 0, NOW, text, NULL), -ERANGE);
	assert_int_equal(token_create(s, TOKEN_VIEWER, TOKEN_MAX_FOR_S + 1, NOW, text, NULL),
			 -ERANGE);
	assert_int_equal(token_create(s, TOKEN_VIEWER, TOKEN_MAX_FOR_S, NOW, text, NULL), 0);
	assert_int_equal(token_create(s, TOKEN_NONE, 60, NOW, text, NULL), -EINVAL);
}

static void a_token_that_cannot_be_stored_is_not_handed_out(void **state)
{
	AUTO_TREE struct tree t = tree_make("");
	AUTO_FD int fd = open_dir(&t);
	AUTO(token_store_free) struct token_store *s = open_store(fd);
	char text[TOKEN_TEXT_BYTES] = "untouched";
	struct err e = { "" };

	(void)state;
	tree_remove(&t); /* the directory is gone, its descriptor is not */
	assert_int_equal(token_create(s, TOKEN_VIEWER, 60, unix_ns(), text, &e), -ENOENT);
	assert_string_equal(text, "untouched");
	assert_int_equal(token_count(s), 0);
}

#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define ENTRY(hash, role, time)                                                                    \
	"{\"sha256\":\"" hash "\",\"role\":\"" role "\",\"expires_unix_ns\":" time "}"
#define FILE_OF(entries) "{\"version\":1,\"tokens\":[" entries "]}"

static void damaged_content_is_set_aside_and_lets_nobody_in(void **state)
{
	static const char *const damaged[] = {
		"",
		"{",
		"[]",
		"\xff\xfe",
		"{\"version\":1}",
		"{\"version\":2,\"tokens\":[]}",
		"{\"version\":1,\"tokens\":{}}",
		"{\"version\":1,\"tokens\":[],\"version\":1}",
		"{\"version\":1,\"tokens\":[],\"more\":1}",
		FILE_OF("7"),
		FILE_OF(ENTRY("00", "viewer", "1")),
		FILE_OF(ENTRY(HASH "00", "viewer", "1")),
		FILE_OF(ENTRY("zz112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
			      "viewer", "1")),
		FILE_OF(ENTRY(HASH, "none", "1")),
		FILE_OF(ENTRY(HASH, "root", "1")),
		FILE_OF(ENTRY(HASH, "viewer", "-1")),
		FILE_OF(ENTRY(HASH, "viewer", "\"1\"")),
		FILE_OF(ENTRY(HASH, "viewer", "99999999999999999999")),
		FILE_OF(ENTRY(HASH, "viewer", "1999999999000000000") "," ENTRY(HASH, "x", "1")),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
		AUTO_TREE struct tree t = tree_make("");
		AUTO_FD int fd = open_dir(&t);
		AUTO(token_store_free) struct token_store *s = NULL;
		char text[TOKEN_TEXT_BYTES];
		struct err e = { "" };

		tree_write(&t, "tokens.json", damaged[i], strlen(damaged[i]));
		assert_int_equal(token_store_new(&s, fd, &e), 0);
		assert_memory_equal(e.text, "'tokens.json' is damaged", 24);
		assert_int_equal(token_count(s), 0);
		assert_int_equal(faccessat(fd, "tokens.json.damaged", F_OK, 0), 0);
		assert_int_equal(faccessat(fd, "tokens.json", F_OK, 0), -1);
		assert_int_equal(token_create(s, TOKEN_VIEWER, 60, NOW, text, NULL), 0);
	}
}

static void a_file_that_is_too_long_is_damaged(void **state)
{
	AUTO_TREE struct tree t = tree_make("");
	AUTO_FD int fd = open_dir(&t);
	AUTO(token_store_free) struct token_store *s = NULL;
	AUTO_BUF struct buf b;
	struct err e = { "" };

	(void)state;
	buf_init(&b, 1 << 20);
	buf_add_str(&b, "{\"version\":1,\"tokens\":[");
	for (int i = 0; i <= TOKEN_MAX; i++)
		buf_printf(&b, "%s" ENTRY(HASH, "viewer", "1999999999000000000"), i ? "," : "");
	buf_add_str(&b, "]}");
	tree_write(&t, "tokens.json", b.data, b.len);
	assert_int_equal(token_store_new(&s, fd, &e), 0);
	assert_non_null(strstr(e.text, "more than 256 entries"));
	assert_int_equal(token_count(s), 0);
	token_store_free(TAKE(s));

	assert_non_null(buf_reserve(&b, 300000));
	memset(b.data + b.len, ' ', 300000);
	tree_write(&t, "tokens.json", b.data, b.len + 300000);
	assert_int_equal(token_store_new(&s, fd, &e), 0);
	assert_non_null(strstr(e.text, "longer than"));
}

static void roles_have_names(void **state)
{
	(void)state;
	assert_string_equal(token_role_name(TOKEN_NONE), "none");
	assert_string_equal(token_role_name(TOKEN_VIEWER), "viewer");
	assert_string_equal(token_role_name(TOKEN_OPERATOR), "operator");
}

int main(void)
{
	const struct CMUnitTest token[] = {
		cmocka_unit_test(a_token_is_known_with_its_role_until_it_expires),
		cmocka_unit_test(what_is_not_exactly_a_token_is_unknown),
		cmocka_unit_test(tokens_outlive_a_restart_and_only_hashes_are_kept),
		cmocka_unit_test(the_store_is_full_at_its_limit_until_one_expires),
		cmocka_unit_test(a_life_beyond_the_limit_of_its_role_is_refused),
		cmocka_unit_test(a_token_that_cannot_be_stored_is_not_handed_out),
		cmocka_unit_test(damaged_content_is_set_aside_and_lets_nobody_in),
		cmocka_unit_test(a_file_that_is_too_long_is_damaged),
		cmocka_unit_test(roles_have_names),
	};

	return cmocka_run_group_tests(token, NULL, NULL);
}
