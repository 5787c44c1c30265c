// SPDX-License-Identifier: GPL-2.0-or-later
/* Input: the first bytes of a stream. What is found stays found when more of it is there. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "detector/stratum.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool what)
{
	if (!what)
		abort();
}

static bool is_text(const char *s, size_t cap)
{
	return memchr(s, '\0', cap) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stratum_seen seen;
	/* of its very size: so that a read beyond it is seen */
	char *copy = malloc(size ? size : 1);

	if (!copy)
		return 0;
	if (size)
		memcpy(copy, data, size);
	const enum stratum_result r = stratum_look((struct span){ copy, size }, &seen);

	check((r == STRATUM_FOUND) == (seen.dialect != STRATUM_NONE));
	check(seen.dialect < STRATUM_DIALECTS);
	check(is_text(seen.method, sizeof(seen.method)) &&
	      is_text(seen.account, sizeof(seen.account)) &&
	      is_text(seen.agent, sizeof(seen.agent)) &&
	      is_text(seen.target, sizeof(seen.target)) &&
	      is_text(seen.hello.name, sizeof(seen.hello.name)));
	free(copy);
	return 0;
}
