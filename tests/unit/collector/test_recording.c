// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include "collector/base/recording.h"
#include "collector/base/recording_internal.h"

#define VERSION 7
#define ITEMS	2000

static const struct recording_header header = { .event_version = VERSION,
						.unix_minus_boot_ns = 1ULL << 60,
						.start_unix_ns = 12345,
						.host = "h\xc3\xa9st",
						.kernel = "6.18.0" };

static int memory_file(void)
{
	int fd = memfd_create("recording", MFD_CLOEXEC);

	assert_in_range(fd, 0, 1000);
	return fd;
}

static int file_of(const void *bytes, size_t n)
{
	int fd = memory_file();

	assert_int_equal(write(fd, bytes, n), (ssize_t)n);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

/* Item i: its number, then bytes that depend on it. */
static struct span item_bytes(uint64_t i, char *room)
{
	size_t n = 8 + (size_t)((i * 7919) % 700);

	for (size_t k = 8; k < n; k++)
		room[k] = (char)(i * 31 + k / 3);
	memcpy(room, &i, 8);
	return (struct span){ room, n };
}

static uint8_t type_of(uint64_t i)
{
	return (uint8_t)(1 + i % 5);
}

/* A whole recording in memory; free() it. */
static char *recorded(uint64_t items, bool finish, size_t *n)
{
	AUTO(recording_writer_free) struct recording_writer *w = NULL;
	AUTO_FD int fd = memory_file();
	char room[1024];

	assert_int_equal(recording_writer_new(&w, fd, &header, NULL), 0);
	for (uint64_t i = 1; i <= items; i++)
		assert_int_equal(recording_write(w, (enum recording_type)type_of(i),
						 item_bytes(i, room), NULL),
				 0);
	if (finish)
		assert_int_equal(recording_finish(w, NULL), 0);
	*n = recording_writer_stats(w).bytes;
	assert_int_equal(lseek(fd, 0, SEEK_END), (off_t)*n);
	char *bytes = malloc(*n);

	assert_non_null(bytes);
	assert_int_equal(pread(fd, bytes, *n, 0), (ssize_t)*n);
	return bytes;
}

struct result {
	int code;
	uint64_t items;
	struct err e;
};

/* Reads all there is; each item must be the one that was written there. */
static struct result read_back(const void *bytes, size_t n)
{
	AUTO(recording_reader_free) struct recording_reader *r = NULL;
	AUTO_FD int fd = file_of(bytes, n);
	struct result out = { .items = 0 };
	struct recording_item item;
	char room[1024];

	out.code = recording_reader_new(&r, fd, VERSION, &out.e);
	while (out.code >= 0 && (out.code = recording_read(r, &item, &out.e)) > 0) {
		struct span want = item_bytes(++out.items, room);

		assert_int_equal(item.number, out.items);
		assert_int_equal(item.type, type_of(out.items));
		assert_int_equal(item.bytes.n, want.n);
		assert_memory_equal(item.bytes.p, want.p, want.n);
		assert_int_equal((uintptr_t)item.bytes.p % 8, 0);
	}
	if (r) { /* and the same again */
		struct err again = { "" };

		assert_int_equal(recording_read(r, &item, &again), out.code);
		assert_string_equal(again.text, out.code < 0 ? out.e.text : "");
	}
	return out;
}

static void what_is_written_comes_back(void **state)
{
	size_t n;
	AUTO_FREE char *bytes = recorded(ITEMS, true, &n);
	AUTO_FD int fd = file_of(bytes, n);
	AUTO(recording_reader_free) struct recording_reader *r = NULL;
	struct result back = read_back(bytes, n);

	(void)state;
	assert_int_equal(back.code, 0);
	assert_int_equal(back.items, ITEMS);
	assert_in_range(n, 1, ITEMS * 300); /* it is packed */
	assert_int_equal(recording_reader_new(&r, fd, VERSION, NULL), 0);
	const struct recording_header *h = recording_reader_header(r);

	assert_int_equal(h->event_version, VERSION);
	assert_int_equal(h->unix_minus_boot_ns, 1ULL << 60);
	assert_int_equal(h->start_unix_ns, 12345);
	assert_string_equal(h->host, header.host);
	assert_string_equal(h->kernel, "6.18.0");
}

static void an_empty_recording_is_whole(void **state)
{
	size_t n;
	AUTO_FREE char *bytes = recorded(0, true, &n);
	struct result back = read_back(bytes, n);

	(void)state;
	assert_int_equal(back.code, 0);
	assert_int_equal(back.items, 0);
}

static void an_item_over_64_kib_is_refused_and_the_rest_goes_on(void **state)
{
	static char big[RECORDING_ITEM_MAX + 1];
	AUTO(recording_writer_free) struct recording_writer *w = NULL;
	AUTO(recording_reader_free) struct recording_reader *r = NULL;
	AUTO_FD int fd = memory_file();
	struct recording_item item;
	struct err e = { "" };

	(void)state;
	memset(big, 'x', sizeof(big));
	assert_int_equal(recording_writer_new(&w, fd, &header, NULL), 0);
	assert_int_equal(recording_write(w, RECORDING_EVENT, (struct span){ big, 65535 }, &e), 0);
	assert_int_equal(recording_write(w, RECORDING_EVENT, (struct span){ big, sizeof(big) }, &e),
			 -EMSGSIZE);
	assert_string_equal(e.text, "an item of 65537 bytes is too long for a recording");
	assert_int_equal(
		recording_write(w, RECORDING_PROCESS, (struct span){ big, RECORDING_ITEM_MAX }, &e),
		0);
	assert_int_equal(recording_write(w, RECORDING_CONTAINER, (struct span){ NULL, 0 }, &e), 0);
	assert_int_equal(recording_write_lost(w, 9, &e), 0);
	assert_int_equal(recording_finish(w, &e), 0);
	assert_int_equal(recording_write(w, RECORDING_EVENT, SPAN_LIT("late"), &e), -EINVAL);
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(recording_reader_new(&r, fd, VERSION, NULL), 0);
	assert_int_equal(recording_read(r, &item, NULL), 1);
	assert_int_equal(item.bytes.n, 65535);
	assert_int_equal(recording_read(r, &item, NULL), 1);
	assert_int_equal(item.bytes.n, RECORDING_ITEM_MAX);
	assert_int_equal(recording_read(r, &item, NULL), 1);
	assert_int_equal(item.bytes.n, 0);
	assert_int_equal(recording_read(r, &item, NULL), 1);
	assert_int_equal(item.type, RECORDING_LOST);
	assert_int_equal(item.bytes.p[0], 9);
	assert_int_equal(recording_read(r, &item, NULL), 0);
}

static void a_recording_that_is_cut_anywhere_is_read_up_to_there(void **state)
{
	size_t n;
	AUTO_FREE char *bytes = recorded(ITEMS, true, &n);
	uint64_t before = 0;

	(void)state;
	for (size_t cut = 0; cut < n; cut += 97) {
		struct result back = read_back(bytes, cut);

		assert_int_equal(back.code, -EPROTO);
		assert_in_range(back.items, before, ITEMS); /* more bytes, never fewer items */
		before = back.items;
		assert_true(back.e.text[0]);
	}
	assert_in_range(before, ITEMS / 2, ITEMS);
	struct result last = read_back(bytes, n - 1);

	assert_non_null(strstr(last.e.text, "damaged at byte "));
	assert_non_null(strstr(last.e.text, "after item "));
}

static void a_killed_recorder_loses_its_last_batch_alone(void **state)
{
	size_t n;
	AUTO_FREE char *bytes = recorded(ITEMS, false, &n);
	struct result back = read_back(bytes, n);
	char text[160];

	(void)state;
	assert_int_equal(back.code, -EPROTO);
	assert_in_range(back.items, ITEMS - RECORDING_BATCH_BYTES / 300, ITEMS);
	snprintf(text, sizeof(text),
		 "the recording is damaged at byte %zu, after item %llu: it ends here, without the "
		 "mark of a finished recording",
		 n, (unsigned long long)back.items);
	assert_string_equal(back.e.text, text);
}

static void a_flipped_byte_is_found_and_nothing_wrong_is_handed_out(void **state)
{
	size_t n, flipped = 0, wrong = 0;
	AUTO_FREE char *bytes = recorded(ITEMS, true, &n);

	(void)state;
	for (size_t at = 0; at < n; at += at < 200 ? 1 : 61) {
		bytes[at] = (char)(bytes[at] ^ (1 << (at % 8)));
		struct result back = read_back(bytes, n); /* compares each item */

		/* zstd has some bits that mean nothing: then all of it is still right */
		assert_true(back.code < 0 || back.items == ITEMS);
		assert_true(back.code == 0 || back.e.text[0]);
		wrong += back.code < 0;
		flipped++;
		bytes[at] = (char)(bytes[at] ^ (1 << (at % 8)));
	}
	assert_int_equal(read_back(bytes, n).code, 0);
	assert_in_range(wrong, flipped * 95 / 100, flipped);
}

static void what_is_no_recording_is_refused(void **state)
{
	size_t n;
	AUTO_FREE char *bytes = recorded(3, true, &n);
	AUTO_FD int fd = file_of(bytes, n);
	AUTO(recording_reader_free) struct recording_reader *r = NULL;
	struct result back = read_back("hello, this is text and not a recording", 39);
	struct err e = { "" };

	(void)state;
	assert_int_equal(back.code, -EPROTO);
	assert_string_equal(back.e.text, "this is no recording of bulkhead");
	assert_int_equal(read_back("", 0).code, -EPROTO);
	assert_int_equal(recording_reader_new(&r, fd, VERSION + 1, &e), -EPROTONOSUPPORT);
	assert_string_equal(e.text, "the recording has event format 7, this bulkhead reads format "
				    "8 only");
	assert_null(r);
}

static void a_newer_format_is_named(void **state)
{
	uint8_t bytes[128] = RECORDING_MAGIC;
	const size_t head = RECORDING_MAGIC_BYTES + 4;

	(void)state;
	recording_put_le(bytes + RECORDING_MAGIC_BYTES, 30, 4);
	recording_put_le(bytes + head, RECORDING_VERSION + 1, 2);
	recording_put_le(bytes + head + 30, recording_sum(bytes + head, 30), 8);
	struct result back = read_back(bytes, head + 38);

	assert_int_equal(back.code, -EPROTONOSUPPORT);
	assert_string_equal(back.e.text,
			    "the recording has format 2, this bulkhead reads format 1 only");
}

/* The header of a recording and behind it one frame of these bytes. */
static struct result framed(const void *content, size_t content_n)
{
	size_t n, cap = ZSTD_compressBound(content_n);
	AUTO_FREE char *empty = recorded(0, false, &n);
	AUTO_FREE char *bytes = malloc(n + cap);

	assert_non_null(bytes);
	memcpy(bytes, empty, n);
	size_t packed = ZSTD_compress(bytes + n, cap, content, content_n, 1);

	assert_false(ZSTD_isError(packed));
	return read_back(bytes, n + packed);
}

static void a_small_file_does_not_unpack_to_much(void **state)
{
	const size_t n = 64u << 20;
	AUTO_FREE char *zeros = calloc(1, n);
	struct result back;

	(void)state;
	assert_non_null(zeros);
	back = framed(zeros, n);
	assert_int_equal(back.code, -EPROTO);
	assert_int_equal(back.items, 0);
	assert_non_null(strstr(back.e.text, "longer than a recording has"));
	assert_int_equal(framed(zeros, RECORDING_FRAME_MAX + 1).code, -EPROTO);
}

static void item_lengths_that_lie_are_refused(void **state)
{
	static const uint8_t lies[][8] = {
		{ 1, 4, 0, 0, 0, 'a', 'b', 'c' }, /* one byte too few */
		{ 1, 0xff, 0xff, 0xff, 0xff, 'a', 'b', 'c' },
		{ 1, 0, 0, 0, 0x80, 'a', 'b', 'c' },
		{ 6, 3, 0, 0, 0, 0, 0, 0 }, /* an end of the wrong size */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct result back = framed(lies[i], sizeof(lies[i]));

		assert_int_equal(back.code, -EPROTO);
		assert_int_equal(back.items, 0);
	}
	for (size_t n = 1; n < RECORDING_ITEM_HEAD; n++)
		assert_int_equal(framed(lies[0], n).code, -EPROTO);
}

static void bytes_behind_the_end_are_told(void **state)
{
	size_t n;
	AUTO_FREE char *bytes = recorded(10, true, &n);
	AUTO_FREE char *more = malloc(n + 1);
	struct result back;

	(void)state;
	assert_non_null(more);
	memcpy(more, bytes, n);
	more[n] = 'x';
	back = read_back(more, n + 1);
	assert_int_equal(back.code, -EPROTO);
	assert_int_equal(back.items, 10);
	assert_non_null(strstr(back.e.text, "more behind the end"));
}

static void a_header_comes_back_and_its_prefixes_do_not(void **state)
{
	uint8_t bytes[RECORDING_HEADER_BYTES];
	struct recording_header back, longest = header;
	size_t n = recording_header_encode(&header, bytes, sizeof(bytes));

	(void)state;
	assert_int_equal(recording_header_decode((struct span){ (char *)bytes, n }, &back, NULL),
			 0);
	assert_string_equal(back.host, header.host);
	for (size_t k = 0; k < n; k++)
		assert_in_range(
			-recording_header_decode((struct span){ (char *)bytes, k }, &back, NULL), 1,
			200);
	assert_int_equal(recording_header_encode(&header, bytes, n - 1), 0);
	memset(longest.host, 'h', 64);
	memset(longest.kernel, 'k', 64);
	longest.host[64] = longest.kernel[64] = '\0';
	n = recording_header_encode(&longest, bytes, sizeof(bytes));
	assert_int_equal(recording_header_decode((struct span){ (char *)bytes, n }, &back, NULL),
			 0);
	assert_string_equal(back.kernel, longest.kernel);
}

int main(void)
{
	const struct CMUnitTest recording[] = {
		cmocka_unit_test(what_is_written_comes_back),
		cmocka_unit_test(an_empty_recording_is_whole),
		cmocka_unit_test(an_item_over_64_kib_is_refused_and_the_rest_goes_on),
		cmocka_unit_test(a_recording_that_is_cut_anywhere_is_read_up_to_there),
		cmocka_unit_test(a_killed_recorder_loses_its_last_batch_alone),
		cmocka_unit_test(a_flipped_byte_is_found_and_nothing_wrong_is_handed_out),
		cmocka_unit_test(what_is_no_recording_is_refused),
		cmocka_unit_test(a_newer_format_is_named),
		cmocka_unit_test(a_small_file_does_not_unpack_to_much),
		cmocka_unit_test(item_lengths_that_lie_are_refused),
		cmocka_unit_test(bytes_behind_the_end_are_told),
		cmocka_unit_test(a_header_comes_back_and_its_prefixes_do_not),
	};

	return cmocka_run_group_tests(recording, NULL, NULL);
}
