// SPDX-License-Identifier: GPL-2.0-or-later
/* Input: a byte that says what the rest is: /proc/PID/status, /proc/PID/mountinfo, or the YAML of a
 * kubelet. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "detector/posture.h"
#include "detector/posture_host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool what)
{
	if (!what)
		abort();
}

static void check_yaml(struct span text)
{
	struct host_setting *list = NULL;
	size_t n = 0;

	if (host_yaml(text, &list, &n) < 0) {
		check(!list && n == 0);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		const char *value = host_setting_of(list, n, list[i].key);

		check(value == list[i].value); /* each key once */
	}
	host_settings_free(list, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct posture_real real = { .status_known = false };
	/* of its very size: so that a read beyond it is seen */
	char *copy = size > 1 ? malloc(size - 1) : NULL;

	if (!copy)
		return 0;
	memcpy(copy, data + 1, size - 1);
	const struct span text = { copy, size - 1 };

	if (data[0] % 3 == 0)
		posture_read_status(&real, text);
	else if (data[0] % 3 == 1)
		posture_read_mounts(&real, text);
	else
		check_yaml(text);
	free(copy);
	return 0;
}
