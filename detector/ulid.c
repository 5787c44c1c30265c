// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/ulid.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define MS_MAX ((1ULL << 48) - 1)

static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* False when all 80 bits were set. */
static bool count_up(uint8_t random[10])
{
	for (int i = 9; i >= 0; i--)
		if (++random[i] != 0)
			return true;
	return false;
}

static int draw(uint8_t random[10])
{
	ssize_t n = getrandom(random, 10, GRND_NONBLOCK);

	if (n < 0)
		return -errno;
	random[0] &= 0x7f; /* room to count up */
	return n == 10 ? 0 : -EIO;
}

int ulid_make(struct ulid_source *s, uint64_t unix_ns, char out[ULID_BYTES])
{
	uint64_t ms = unix_ns / 1000000;
	int r = 0;

	ms = ms > MS_MAX ? MS_MAX : ms;
	if (ms > s->last_ms) {
		r = draw(s->random);
		s->last_ms = ms;
	} else if (!count_up(s->random)) {
		s->last_ms++;
	}
	ms = s->last_ms;
	for (int i = 9; i >= 0; i--, ms >>= 5)
		out[i] = digits[ms & 31];
	/* 80 bits, five at a time */
	for (unsigned i = 0; i < 16; i++) {
		unsigned bit = i * 5, byte = bit / 8, shift = bit % 8;
		unsigned two = (unsigned)s->random[byte] << 8 |
			       (byte + 1 < 10 ? s->random[byte + 1] : 0);

		out[10 + i] = digits[two >> (11 - shift) & 31];
	}
	out[26] = '\0';
	return r;
}

bool ulid_is_valid(struct span text)
{
	if (text.n != ULID_BYTES - 1 || text.p[0] > '7')
		return false;
	for (size_t i = 0; i < text.n; i++)
		if (!text.p[i] || !strchr(digits, text.p[i]))
			return false;
	return true;
}
