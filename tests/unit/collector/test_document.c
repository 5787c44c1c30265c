// SPDX-License-Identifier: GPL-2.0-or-later
/* Descriptors that come beside a command: one file in memory is read, all else is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "collector/base/auto.h"
#include "collector/document.h"
#include "collector/wire.h"

static int memory_file(const char *text, bool sealed)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	if (sealed)
		assert_int_equal(fcntl(fd, F_ADD_SEALS,
				       F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL),
				 0);
	return fd;
}

static void refused(int fd, int code, const char *text)
{
	char *out = NULL;
	struct err e = { "" };
	size_t n = 77;

	assert_int_equal(document_read(&fd, 1, &out, &n, &e), code);
	assert_null(out);
	assert_int_equal(n, 77);
	assert_non_null(strstr(e.text, text));
}

static void a_file_in_memory_is_read_sealed_or_not(void **state)
{
	(void)state;
	for (int sealed = 0; sealed < 2; sealed++) {
		AUTO_FD int fd = memory_file("{\"a\":1}", sealed);
		AUTO_FREE char *out = NULL;
		size_t n;

		assert_int_equal(document_read(&fd, 1, &out, &n, NULL), 0);
		assert_int_equal(n, 7);
		assert_string_equal(out, "{\"a\":1}");
	}
}

static void an_empty_document_is_one(void **state)
{
	AUTO_FD int fd = memory_file("", true);
	AUTO_FREE char *out = NULL;
	size_t n = 1;

	(void)state;
	assert_int_equal(document_read(&fd, 1, &out, &n, NULL), 0);
	assert_int_equal(n, 0);
	assert_string_equal(out, "");
}

static void two_descriptors_are_refused(void **state)
{
	AUTO_FD int a = memory_file("1", true);
	AUTO_FD int b = memory_file("2", true);
	const int fds[] = { a, b };
	char *out = NULL;
	struct err e = { "" };
	size_t n;

	(void)state;
	assert_int_equal(document_read(fds, 2, &out, &n, &e), -EINVAL);
	assert_string_equal(e.text, "a command carries one document, not 2");
	assert_int_equal(document_read(fds, 0, &out, &n, &e), -EINVAL);
	assert_null(out);
}

static void what_could_block_or_is_no_file_is_refused(void **state)
{
	static const char *const paths[] = { "/", "/proc/self/exe", "/proc/self/status",
					     "/dev/null", "/dev/zero" };
	int pair[2];

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		AUTO_FD int fd = open(paths[i], O_RDONLY | O_CLOEXEC);

		assert_true(fd >= 0);
		refused(fd, -EINVAL, "no file in memory");
	}
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	refused(pair[0], -EINVAL, "no file in memory");
	close(pair[0]);
	close(pair[1]);
	refused(-1, -EINVAL, "no file in memory");
}

static void a_descriptor_that_cannot_be_read_is_refused(void **state)
{
	AUTO_FD int fd = memory_file("text", false);
	char path[64];

	(void)state;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	AUTO_FD int only_written = open(path, O_WRONLY | O_CLOEXEC);
	AUTO_FD int only_named = open(path, O_PATH | O_CLOEXEC);

	assert_true(only_written >= 0 && only_named >= 0);
	refused(only_written, -EINVAL, "cannot be read");
	refused(only_named, -EINVAL, "no file in memory");
}

static void a_document_at_the_limit_is_read_and_one_byte_more_is_not(void **state)
{
	AUTO_FD int fd = memory_file("", false);
	AUTO_FREE char *out = NULL;
	size_t n;

	(void)state;
	assert_int_equal(ftruncate(fd, WIRE_DOCUMENT_MAX), 0);
	assert_int_equal(document_read(&fd, 1, &out, &n, NULL), 0);
	assert_int_equal(n, WIRE_DOCUMENT_MAX);
	assert_int_equal(ftruncate(fd, (off_t)WIRE_DOCUMENT_MAX + 1), 0);
	refused(fd, -E2BIG, "more than 4194304 bytes");
	assert_int_equal(ftruncate(fd, (off_t)1 << 40), 0); /* nothing is allocated for it */
	refused(fd, -E2BIG, "more than 4194304 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_in_memory_is_read_sealed_or_not),
		cmocka_unit_test(an_empty_document_is_one),
		cmocka_unit_test(two_descriptors_are_refused),
		cmocka_unit_test(what_could_block_or_is_no_file_is_refused),
		cmocka_unit_test(a_descriptor_that_cannot_be_read_is_refused),
		cmocka_unit_test(a_document_at_the_limit_is_read_and_one_byte_more_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
