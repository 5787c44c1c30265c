// SPDX-License-Identifier: GPL-2.0-or-later
/* libFuzzer: the settings file, and that a refused one changes nothing. */
#include <stdlib.h>
#include <string.h>

#include "collector/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct config defaults, c;
	struct err e = { "" };

	if (!defaults.listen[0])
		config_defaults(&defaults);
	memcpy(&c, &defaults, sizeof(c));
	if (config_parse(&c, "fuzz", (struct span){ (const char *)data, n }, &e) == 0)
		(void)config_validate(&c, &e);
	else if (!e.text[0] || memcmp(&c, &defaults, sizeof(c)) != 0)
		abort();
	(void)config_needs_restart(&defaults, &c);
	return 0;
}
