// SPDX-License-Identifier: GPL-2.0-or-later
/* Input: a byte of choices, then a DNS message. With WRAP a header and a question that fit stand
 * before it, so that what is tried is the records. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "detector/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WRAP 1

static void check(bool what)
{
	if (!what)
		abort();
}

static void check_answer(const struct dns_answer *a)
{
	check(a->name_n > 0 && a->name_n <= DNS_MAX_NAME && a->name[a->name_n] == '\0');
	check(strlen(a->name) == a->name_n);
	check(a->name[0] != '.' && a->name[a->name_n - 1] != '.' && !strstr(a->name, ".."));
	for (size_t i = 0; i < a->name_n; i++)
		check((uint8_t)a->name[i] > ' ' && !(a->name[i] >= 'A' && a->name[i] <= 'Z'));
	check(a->addresses_n > 0 && a->addresses_n <= DNS_MAX_ADDRESSES);
	for (size_t i = 0; i < a->addresses_n; i++)
		check(a->addresses[i].length == 4 || a->addresses[i].length == 16);
	check(a->ttl_s <= INT32_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t question[] = "\0\0\x81\x80\0\1\0\x10\0\0\0\0\1a\1b\0\0\xff\0\1";
	struct dns_answer a;
	size_t wrap = size && (data[0] & WRAP) ? sizeof(question) - 1 : 0;
	/* of its very size: so that a read beyond it is seen */
	uint8_t *copy = malloc(wrap + size);

	if (!copy || size == 0) {
		free(copy);
		return 0;
	}
	memcpy(copy, question, wrap);
	memcpy(copy + wrap, data + 1, size - 1);
	int r = dns_parse((struct span){ (const char *)copy, wrap + size - 1 }, &a);

	check(r == 0 || r == -ENOENT || r == -EPROTO);
	if (r == 0)
		check_answer(&a);
	free(copy);
	return 0;
}
