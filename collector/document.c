// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/document.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/base/auto.h"
#include "collector/wire.h"

/* Its writer may cut it meanwhile: a short read ends it. */
static int read_whole(int fd, char *to, size_t n, struct err *e)
{
	size_t done = 0;

	while (done < n) {
		const ssize_t took = pread(fd, to + done, n - done, (off_t)done);

		if (took < 0 && errno == EINTR)
			continue;
		if (took < 0)
			return err_set(e, EINVAL, "the document cannot be read");
		if (took == 0)
			return err_set(e, EINVAL, "the document became shorter while it was read");
		done += (size_t)took;
	}
	return 0;
}

int document_read(const int *fds, size_t fds_n, char **out, size_t *n, struct err *e)
{
	struct stat st;

	if (fds_n != 1)
		return err_set(e, EINVAL, "a command carries one document, not %zu", fds_n);
	/* seals are a thing of files in memory alone */
	if (fstat(fds[0], &st) < 0 || !S_ISREG(st.st_mode) || fcntl(fds[0], F_GET_SEALS) < 0)
		return err_set(e, EINVAL, "the document is no file in memory (memfd)");
	if (st.st_size < 0 || st.st_size > (off_t)WIRE_DOCUMENT_MAX)
		return err_set(e, E2BIG, "the document has more than %u bytes", WIRE_DOCUMENT_MAX);
	const size_t size = (size_t)st.st_size;
	AUTO_FREE char *bytes = malloc(size + 1);

	if (!bytes)
		return err_set(e, ENOMEM, "no memory for a document of %zu bytes", size);
	const int r = read_whole(fds[0], bytes, size, e);

	if (r < 0)
		return r;
	bytes[size] = '\0';
	*n = size;
	*out = TAKE(bytes);
	return 0;
}
