// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "http/selftest_image.h"
#include "http/selftest_runtime.h"

/* --- tar ------------------------------------------------------------------------------------- */

static uint32_t octal_at(const struct buf *b, size_t at, size_t n)
{
	uint32_t v = 0;

	for (size_t i = 0; i < n; i++) {
		assert_in_range(b->data[at + i], '0', '7');
		v = v << 3 | (uint32_t)(b->data[at + i] - '0');
	}
	return v;
}

/* The content of a member; its head's sum is checked on the way. */
static struct span member(const struct buf *b, const char *name)
{
	for (size_t at = 0; at + 512 <= b->len && b->data[at];) {
		const size_t n = octal_at(b, at + 124, 11);
		uint32_t sum = 0;

		for (size_t i = 0; i < 512; i++)
			sum += i >= 148 && i < 156 ? ' ' : (unsigned char)b->data[at + i];
		assert_int_equal(octal_at(b, at + 148, 6), sum);
		assert_memory_equal(b->data + at + 257, "ustar\00000", 8);
		if (strcmp(b->data + at, name) == 0)
			return (struct span){ b->data + at + 512, n };
		at += 512 + (n + 511) / 512 * 512;
	}
	return (struct span){ NULL, 0 };
}

static void members_are_padded_and_have_their_sums(void **state)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	char big[1025];

	(void)state;
	memset(big, 'x', sizeof(big));
	buf_init(&b, 1u << 20);
	selftest_tar_add(&b, &(struct selftest_tar_entry){
				     "empty", SELFTEST_TAR_FILE, 0600, NULL, { "", 0 } });
	assert_int_equal(b.len, 512);
	selftest_tar_add(&b, &(struct selftest_tar_entry){ "one", SELFTEST_TAR_FILE, 0644, NULL,
							   SPAN_LIT("1") });
	assert_int_equal(b.len, 3 * 512);
	selftest_tar_add(&b, &(struct selftest_tar_entry){
				     "big", SELFTEST_TAR_FILE, 0755, NULL, { big, sizeof(big) } });
	assert_int_equal(b.len, 7 * 512);
	selftest_tar_add(&b, &(struct selftest_tar_entry){
				     "sh", SELFTEST_TAR_LINK, 0777, "big", { "", 0 } });
	selftest_tar_end(&b);
	assert_int_equal(b.len, 10 * 512);
	assert_int_equal(member(&b, "big").n, sizeof(big));
	assert_memory_equal(member(&b, "big").p, big, sizeof(big));
	assert_int_equal(octal_at(&b, 3 * 512 + 100, 7), 0755);
	assert_int_equal(b.data[7 * 512 + 156], '2');
	assert_string_equal(b.data + 7 * 512 + 157, "big");
	assert_null(member(&b, "other").p);
}

static void a_name_that_does_not_fit_is_refused(void **state)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	char name[101];

	(void)state;
	memset(name, 'n', sizeof(name));
	name[99] = '\0';
	buf_init(&b, 4096);
	selftest_tar_add(
		&b, &(struct selftest_tar_entry){ name, SELFTEST_TAR_FILE, 0, NULL, { "", 0 } });
	assert_false(b.failed);
	name[99] = 'n';
	name[100] = '\0';
	selftest_tar_add(
		&b, &(struct selftest_tar_entry){ name, SELFTEST_TAR_FILE, 0, NULL, { "", 0 } });
	assert_true(b.failed);
}

/* --- the archive ------------------------------------------------------------------------------ */

static void an_archive_holds_the_image_that_its_manifest_names(void **state)
{
	AUTO_BUF struct buf b = { .fd = -1 }, layer = { .fd = -1 };
	struct err e = { "" };

	(void)state;
	buf_init(&b, 1u << 20);
	assert_int_equal(
		selftest_image_make(&b, "localhost/x:1", SPAN_LIT("the probe"), "amd64", &e), 0);
	struct span text = member(&b, "manifest.json");
	json_t *o = json_loadb(text.p, text.n, 0, NULL), *first = json_array_get(o, 0);

	assert_string_equal(
		json_string_value(json_array_get(json_object_get(first, "RepoTags"), 0)),
		"localhost/x:1");
	const char *name = json_string_value(json_array_get(json_object_get(first, "Layers"), 0));

	text = member(&b, name);
	assert_non_null(text.p);
	buf_init(&layer, 1u << 20);
	buf_add_span(&layer, text);
	assert_int_equal(member(&layer, &SELFTEST_PROBE[1]).n, strlen("the probe"));
	assert_non_null(member(&layer, "etc/shadow").p);
	assert_non_null(member(&layer, "bin/sh").p);
	assert_non_null(member(&layer, "usr/bin/").p);
	text = member(&b, json_string_value(json_object_get(first, "Config")));
	json_t *config = json_loadb(text.p, text.n, 0, NULL);

	assert_string_equal(json_string_value(json_object_get(config, "architecture")), "amd64");
	const json_t *sums = json_object_get(json_object_get(config, "rootfs"), "diff_ids");

	assert_int_equal(strlen(json_string_value(json_array_get(sums, 0))), 7 + 64);
	json_decref(o);
	json_decref(config);
}

static void an_archive_beyond_its_limit_is_an_error(void **state)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	struct err e = { "" };

	(void)state;
	buf_init(&b, 4096);
	assert_int_equal(selftest_image_make(&b, "x:1", SPAN_LIT("p"), "amd64", &e), -ENOMEM);
	assert_string_equal(e.text, "no memory for the image");
}

static void machines_have_the_names_that_images_give_them(void **state)
{
	(void)state;
	assert_string_equal(selftest_image_arch("x86_64"), "amd64");
	assert_string_equal(selftest_image_arch("aarch64"), "arm64");
	assert_string_equal(selftest_image_arch("s390x"), "s390x");
}

/* --- runtimes --------------------------------------------------------------------------------- */

static void line(unsigned form, enum selftest_step step, char out[512])
{
	struct selftest_runtime r = { .form = form, .path = "/bin/x" };
	const struct selftest_words w = { "IMAGE", "NAME", "ACTION" };
	const char *argv[SELFTEST_MAX_ARGS];
	size_t n = 0;

	out[0] = '\0';
	if (!selftest_runtime_argv(&r, step, &w, argv))
		return;
	for (size_t i = 0; argv[i]; i++)
		n += (size_t)snprintf(out + n, 512 - n, "%s%s", i ? " " : "", argv[i]);
}

static void each_runtime_is_told_in_its_own_words(void **state)
{
	char text[512];

	(void)state;
	line(0, SELFTEST_RUN, text);
	assert_string_equal(text, "/bin/x run --rm -i --pull=never --network=none --memory=32m "
				  "--memory-swap=32m --name NAME IMAGE /bin/bulkhead-probe ACTION");
	line(1, SELFTEST_REMOVE, text);
	assert_string_equal(text, "/bin/x rm -f -v -t 0 NAME");
	line(2, SELFTEST_UNLOAD, text);
	assert_string_equal(text, "/bin/x rmi -f IMAGE");
	line(3, SELFTEST_RUN, text);
	assert_string_equal(text, "/bin/x run --rm --memory-limit=33554432 IMAGE NAME "
				  "/bin/bulkhead-probe ACTION");
	line(3, SELFTEST_REMOVE_AFTER, text);
	assert_string_equal(text, "/bin/x containers rm NAME");
	line(0, SELFTEST_REMOVE_AFTER, text);
	assert_string_equal(text, "");
	assert_null(selftest_runtime_name(SELFTEST_RUNTIMES));
}

static void programs_are_looked_for_in_absolute_directories_alone(void **state)
{
	char out[64];

	(void)state;
	assert_true(selftest_find_program("sh", ":.:/nonexistent:/bin", out, sizeof(out)));
	assert_string_equal(out, "/bin/sh");
	assert_false(selftest_find_program("sh", ":.:bin", out, sizeof(out)));
	assert_false(selftest_find_program("sh", "", out, sizeof(out)));
	assert_false(selftest_find_program("sh", NULL, out, sizeof(out)));
	assert_false(selftest_find_program("sh", "/bin", out, 5)); /* cut short */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_padded_and_have_their_sums),
		cmocka_unit_test(a_name_that_does_not_fit_is_refused),
		cmocka_unit_test(an_archive_holds_the_image_that_its_manifest_names),
		cmocka_unit_test(an_archive_beyond_its_limit_is_an_error),
		cmocka_unit_test(machines_have_the_names_that_images_give_them),
		cmocka_unit_test(each_runtime_is_told_in_its_own_words),
		cmocka_unit_test(programs_are_looked_for_in_absolute_directories_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
