/* SPDX-License-Identifier: GPL-2.0-or-later */
/* selftest_image - the image of `bulkhead selftest`, made here without a network: an archive as
 * `docker save` writes it, which every runtime loads, with one layer. One thread. */
#ifndef BULKHEAD_SELFTEST_IMAGE_H
#define BULKHEAD_SELFTEST_IMAGE_H

#include "collector/base/buf.h"
#include "collector/base/err.h"

#define SELFTEST_PROBE	     "/bin/bulkhead-probe" /* in the image; /bin/sh is a link to it */
#define SELFTEST_PROBE_BYTES (16u << 20)	   /* the program at most */

/* The probe that was installed: PREFIX/libexec/bulkhead/probe, or beside bulkhead in a build tree.
 * Appended to *b. -ENOENT and where it was looked for. */
int selftest_probe_read(struct buf *b, struct err *e);

enum selftest_tar_type {
	SELFTEST_TAR_FILE = '0',
	SELFTEST_TAR_LINK = '2',
	SELFTEST_TAR_FOLDER = '5'
};
struct selftest_tar_entry {
	const char *name; /* below 100 bytes */
	enum selftest_tar_type type;
	unsigned mode;
	const char *link; /* target of a link */
	struct span data; /* of a file */
};
/* ustar, owner root, time 0: the same bytes each time. */
void selftest_tar_add(struct buf *b, const struct selftest_tar_entry *entry);
void selftest_tar_end(struct buf *b);

/* "amd64" for "x86_64", as images say it; the name itself where they are the same. */
const char *selftest_image_arch(const char *machine);

/* The archive, of an image `name` with this probe in it, appended to *b. */
int selftest_image_make(struct buf *b, const char *name, struct span probe, const char *arch,
			struct err *e);

#endif
