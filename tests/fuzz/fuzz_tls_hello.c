// SPDX-License-Identifier: GPL-2.0-or-later
/* Input: a byte of choices, then the first bytes of a stream. With WRAP headers and all up to the
 * extensions stand before it, so that what is tried is these. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "detector/tls_hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WRAP   1
#define BEFORE (5 + 4 + 2 + 32 + 1 + 4 + 2)

static void check(bool what)
{
	if (!what)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t before[BEFORE] = { 22, 3, 1, 1, 0, 1, 0, 0, 252, 3, 3 };
	const size_t wrap = size && (data[0] & WRAP) ? sizeof(before) : 0;
	/* of its very size: so that a read beyond it is seen */
	uint8_t *copy = malloc(wrap + size);
	struct tls_hello h;

	if (!copy || size == 0) {
		free(copy);
		return 0;
	}
	memcpy(before + 44, "\0\2\x13\x01\1\0", 6);
	memcpy(copy, before, wrap);
	memcpy(copy + wrap, data + 1, size - 1);
	const int r = tls_hello_parse((struct span){ (const char *)copy, wrap + size - 1 }, &h);

	check(r == 0 || r == -EAGAIN || r == -EPROTO);
	if (r == 0) {
		check(memchr(h.name, '\0', sizeof(h.name)) != NULL);
		for (const char *p = h.name; *p; p++)
			check(*p > ' ' && *p < 0x7f && !(*p >= 'A' && *p <= 'Z'));
	}
	free(copy);
	return 0;
}
