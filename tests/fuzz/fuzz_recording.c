// SPDX-License-Identifier: GPL-2.0-or-later
/* Input: one byte that picks the way in, then a whole file, or the header of a good one is put
 * before it, or it is the content of a good frame: so that the checksums do not keep the fuzzer
 * out. Whatever it is, reading ends, and an error has its text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include "collector/base/recording.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LONGEST_INPUT 65536

static void put(int fd, const void *bytes, size_t n)
{
	if (write(fd, bytes, n) != (ssize_t)n)
		abort();
}

static void read_all(int fd)
{
	struct recording_reader *r = NULL;
	struct recording_item item;
	struct err e = { "" };
	uint64_t items = 0;
	int code = recording_reader_new(&r, fd, 1, &e);

	while (code >= 0 && (code = recording_read(r, &item, &e)) > 0) {
		if (item.number != ++items || item.bytes.n > RECORDING_ITEM_MAX)
			abort();
		for (size_t i = 0; i < item.bytes.n; i += 64)
			if (((volatile const char *)item.bytes.p)[i] == 1)
				continue;
	}
	if (code < 0 && !e.text[0])
		abort();
	recording_reader_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct recording_header header = { .event_version = 1, .host = "h" };
	static uint8_t packed[2 * LONGEST_INPUT];
	struct recording_writer *w = NULL;

	if (size == 0 || size > LONGEST_INPUT)
		return 0;
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0)
		abort();
	if (data[0] % 3 > 0) {
		if (recording_writer_new(&w, fd, &header, NULL) < 0)
			abort();
		recording_writer_free(w);
	}
	if (data[0] % 3 == 2) {
		size_t n = ZSTD_compress(packed, sizeof(packed), data + 1, size - 1, 1);

		if (ZSTD_isError(n))
			abort();
		put(fd, packed, n);
	} else {
		put(fd, data + 1, size - 1);
	}
	lseek(fd, 0, SEEK_SET);
	read_all(fd);
	close(fd);
	return 0;
}
