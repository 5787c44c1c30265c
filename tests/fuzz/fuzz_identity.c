// SPDX-License-Identifier: GPL-2.0-or-later
/* Input: a cgroup path, a NUL, the text of a mountinfo. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "collector/cgroup_layout.h"
#include "collector/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_identity(const char *path)
{
	struct identity id;

	for (int services = 0; services < 2; services++) {
		identity_from_path(path, services, &id);
		if (!memchr(id.id, 0, sizeof(id.id)) || !memchr(id.pod_uid, 0, sizeof(id.pod_uid)))
			abort();
		if ((id.kind == CGROUP_CONTAINER || id.kind == CGROUP_SERVICE) &&
		    (!id.id[0] || strchr(id.id, '/') || strchr(id.id, '\n')))
			abort();
	}
}

static void check_layout(const uint8_t *text, size_t n)
{
	static struct cgroup_layout layout;
	char path[64];
	int fd = memfd_create("mountinfo", MFD_CLOEXEC);

	if (fd < 0 || write(fd, text, n) != (ssize_t)n)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (cgroup_layout_read(&layout, path, "/rootfs", NULL) == 0) {
		if (layout.watch_fd < 0 || layout.watch_path[0] != '/')
			abort();
		cgroup_layout_release(&layout);
	}
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size ? memchr(data, 0, size) : NULL;
	size_t n = end ? (size_t)(end - data) : size;
	char *path = malloc(n + 1);

	if (!path)
		abort();
	if (n > 0)
		memcpy(path, data, n);
	path[n] = '\0';
	check_identity(path);
	free(path);
	if (end)
		check_layout(end + 1, size - n - 1);
	return 0;
}
