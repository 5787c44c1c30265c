// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "collector/base/clock.h"
#include "detector/query_text.h"
#include "detector/silence.h"
#include "tests/unit/fixture.h"

struct box {
	struct tree t;
	int fd;
	struct silence_store *s;
	struct err e;
};

static void box_open(struct box *b)
{
	b->e.text[0] = '\0';
	assert_int_equal(silence_store_new(&b->s, b->fd, &b->e), 0);
}

static void box_close(struct box *b)
{
	silence_store_free(b->s);
	b->s = NULL;
}

static struct box box_make(const char *literal)
{
	struct box b = { .t = tree_make(literal) };

	b.fd = open(b.t.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	box_open(&b);
	return b;
}

static void box_remove(struct box *b)
{
	box_close(b);
	close(b->fd);
	tree_remove(&b->t);
}
#define AUTO_BOX __attribute__((cleanup(box_remove)))

static struct silence silence_of(enum silence_field field, const char *pattern)
{
	static struct silence s;

	memset(&s, 0, sizeof(s));
	snprintf(s.patterns[field], sizeof(s.patterns[field]), "%s", pattern);
	s.until_unix_ns = unix_ns() + 3600 * NS_PER_S;
	return s;
}

static const struct silence_subject web = {
	.fields = { SPAN_LIT("rule"), SPAN_LIT("shell-in-container"), SPAN_LIT("web"),
		    SPAN_LIT("docker.io/library/nginx:1"), SPAN_LIT("warning"),
		    SPAN_LIT("/bin/sh") },
	.container_id = SPAN_LIT("abcdef0123456789"),
};

static void all_patterns_of_a_silence_must_fit(void **state)
{
	AUTO_BOX struct box b = box_make("@ x/\n");
	struct silence s = silence_of(SILENCE_RULE, "shell-*");

	(void)state;
	assert_null(silence_match(b.s, &web, unix_ns()));
	assert_int_equal(silence_add(b.s, &s, NULL), 0);
	assert_non_null(silence_match(b.s, &web, unix_ns()));
	assert_string_equal(silence_match(b.s, &web, unix_ns())->id, s.id);
	assert_int_equal(silence_remove(b.s, span_str(s.id), NULL), 0);
	snprintf(s.patterns[SILENCE_CONTAINER], 10, "db");
	assert_int_equal(silence_add(b.s, &s, NULL), 0);
	assert_null(silence_match(b.s, &web, unix_ns()));
}

static void a_container_is_named_by_the_beginning_of_its_id_too(void **state)
{
	static const struct {
		const char *pattern;
		bool fits;
	} cases[] = { { "abcd", true },	 { "abcdef0123456789", true },
		      { "abc", false },	 { "web", true },
		      { "we", false },	 { "w*", true },
		      { "bcdef", false } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_BOX struct box b = box_make("@ x/\n");
		struct silence s = silence_of(SILENCE_CONTAINER, cases[i].pattern);

		assert_int_equal(silence_add(b.s, &s, NULL), 0);
		assert_int_equal(silence_match(b.s, &web, unix_ns()) != NULL, cases[i].fits);
	}
}

static void a_silence_ends_by_itself(void **state)
{
	AUTO_BOX struct box b = box_make("@ x/\n");
	struct silence s = silence_of(SILENCE_KIND, "rule");

	(void)state;
	silence_add(b.s, &s, NULL);
	assert_null(silence_match(b.s, &web, s.until_unix_ns));
	assert_int_equal(silence_expire(b.s, s.until_unix_ns), 1);
	assert_int_equal(silence_count(b.s), 0);
}

static void silences_and_acknowledgements_outlive_a_restart(void **state)
{
	AUTO_BOX struct box b = box_make("@ x/\n");
	struct silence s = silence_of(SILENCE_IMAGE, "*nginx*");
	const struct acknowledgement a = { .id = "01M80NEQ2V2KTBCRRB33S4NJYN",
					   .comment = "mine \"\x1b\xff",
					   .by = "root",
					   .unix_ns = NS_PER_S };

	(void)state;
	snprintf(s.comment, sizeof(s.comment), "why");
	assert_int_equal(silence_add(b.s, &s, NULL), 0);
	assert_int_equal(silence_acknowledge(b.s, &a, NULL), 0);
	box_close(&b);
	box_open(&b);
	assert_string_equal(b.e.text, "");
	assert_non_null(silence_match(b.s, &web, unix_ns()));
	assert_string_equal(silence_match(b.s, &web, unix_ns())->comment, "why");
	assert_non_null(silence_acknowledged(b.s, span_str(a.id)));
	assert_null(silence_acknowledged(b.s, SPAN_LIT("01M80NEQ2V2KTBCRRB33S4NJY0")));
}

static void what_is_no_silence_is_refused(void **state)
{
	AUTO_BOX struct box b = box_make("@ x/\n");
	struct silence none = silence_of(SILENCE_KIND, ""), past = silence_of(SILENCE_KIND, "rule");
	struct silence far = silence_of(SILENCE_KIND, "rule");

	(void)state;
	past.until_unix_ns = 1;
	far.until_unix_ns = UINT64_MAX;
	assert_int_equal(silence_add(b.s, &none, &b.e), -EINVAL);
	assert_int_equal(silence_add(b.s, &past, &b.e), -EINVAL);
	assert_int_equal(silence_add(b.s, &far, &b.e), -EINVAL);
	assert_int_equal(silence_remove(b.s, SPAN_LIT("x"), &b.e), -ENOENT);
	for (unsigned i = 0; i < SILENCE_MAX; i++) {
		struct silence s = silence_of(SILENCE_KEY, "k");

		assert_int_equal(silence_add(b.s, &s, &b.e), 0);
	}
	struct silence one = silence_of(SILENCE_KEY, "k");

	assert_int_equal(silence_add(b.s, &one, &b.e), -ENOSPC);
	assert_int_equal(silence_refused(b.s), 1);
}

static void acknowledgements_are_bounded(void **state)
{
	static struct acknowledgement a = { .by = "root", .unix_ns = NS_PER_S };
	struct ulid_source ids = { 0 };
	AUTO_BOX struct box b = box_make("@ x/\n");
	const struct acknowledgement *list;
	char first[ULID_BYTES];

	(void)state;
	ulid_make(&ids, NS_PER_S, first);
	memcpy(a.id, first, sizeof(a.id));
	silence_acknowledge(b.s, &a, NULL);
	silence_acknowledge(b.s, &a, NULL); /* again: no second entry */
	assert_int_equal(silence_acknowledgements(b.s, &list), 1);
	for (unsigned i = 0; i < SILENCE_MAX_ACKS; i++) {
		ulid_make(&ids, NS_PER_S, a.id);
		assert_int_equal(silence_acknowledge(b.s, &a, NULL), 0);
	}
	assert_int_equal(silence_acknowledgements(b.s, &list), SILENCE_MAX_ACKS);
	assert_null(silence_acknowledged(b.s, span_str(first)));
	assert_non_null(silence_acknowledged(b.s, span_str(a.id)));
}

static void a_damaged_file_is_set_aside_and_silences_nothing(void **state)
{
	static const char *const files[] = {
		"@ silences.json\n{",
		"@ silences.json\n[]",
		"@ silences.json\n{\"version\":2,\"silences\":[],\"acknowledged\":[]}",
		"@ silences.json\n{\"version\":1,\"silences\":[{\"id\":\"x\"}]}",
		"@ "
		"silences.json\n{\"version\":1,\"silences\":[{\"id\":"
		"\"01M80NEQ2V2KTBCRRB33S4NJYN\","
		"\"kind\":\"*\",\"created\":\"now\",\"until\":\"2099-01-01T00:00:00Z\"}]}",
		"@ silences.json\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		AUTO_BOX struct box b = box_make(files[i]);

		assert_int_equal(silence_count(b.s), 0);
		assert_string_not_equal(b.e.text, "");
		assert_int_equal(faccessat(b.fd, "silences.json.damaged", F_OK, 0), 0);
	}
}

static void patterns_are_globs(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool fits;
	} cases[] = { { "*", "", true },
		      { "a*c", "abbc", true },
		      { "a*c", "abcd", false },
		      { "?", "a", true },
		      { "?", "", false },
		      { "**a**", "bab", true },
		      { "a", "ab", false },
		      { "*.so", "lib.so", true },
		      { "[ab]", "a", false },
		      { "a*b*c", "a1b2b3c", true },
		      { "*aaaaab", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaac", false } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(silence_glob(span_str(cases[i].pattern), span_str(cases[i].text)),
				 cases[i].fits);
}

static void queries_are_decoded_and_bounded(void **state)
{
	struct span rest = SPAN_LIT("a=b%20c+d&&x&e=%41");
	struct query_pair p;
	struct err e;
	static char longest[1000];

	(void)state;
	assert_int_equal(query_next(&rest, &p, &e), 1);
	assert_string_equal(p.value, "b c d");
	assert_int_equal(query_next(&rest, &p, &e), 1);
	assert_true(span_eq(p.key, "x"));
	assert_string_equal(p.value, "");
	assert_int_equal(query_next(&rest, &p, &e), 1);
	assert_string_equal(p.value, "A");
	assert_int_equal(query_next(&rest, &p, &e), 0);
	static const char *const bad[] = { "a=%", "a=%4", "a=%zz", "a=%00" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		rest = span_str(bad[i]);
		assert_int_equal(query_next(&rest, &p, &e), -EINVAL);
	}
	memset(longest, 'a', sizeof(longest) - 1);
	longest[1] = '=';
	rest = span_str(longest);
	assert_int_equal(query_next(&rest, &p, &e), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest silence[] = {
		cmocka_unit_test(all_patterns_of_a_silence_must_fit),
		cmocka_unit_test(a_container_is_named_by_the_beginning_of_its_id_too),
		cmocka_unit_test(a_silence_ends_by_itself),
		cmocka_unit_test(silences_and_acknowledgements_outlive_a_restart),
		cmocka_unit_test(what_is_no_silence_is_refused),
		cmocka_unit_test(acknowledgements_are_bounded),
		cmocka_unit_test(a_damaged_file_is_set_aside_and_silences_nothing),
		cmocka_unit_test(patterns_are_globs),
		cmocka_unit_test(queries_are_decoded_and_bounded),
	};

	return cmocka_run_group_tests(silence, NULL, NULL);
}
