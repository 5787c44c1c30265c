/* SPDX-License-Identifier: GPL-2.0-or-later */
/* document - what comes beside a command, too long for its frame: a file in memory (memfd), sealed
 * or not, that is copied at once. A file of a disk is refused: reading it could take any time. Any
 * thread; never blocks. */
#ifndef BULKHEAD_DOCUMENT_H
#define BULKHEAD_DOCUMENT_H

#include <stddef.h>

#include "collector/base/err.h"

/* 0: *out is the caller's to free, with a NUL behind its *n bytes. -EINVAL: not one descriptor, or
 * not of a file in memory, or not readable; -E2BIG: beyond WIRE_DOCUMENT_MAX; -ENOMEM; *e says
 * which. fds stay the caller's.
 */
int document_read(const int *fds, size_t fds_n, char **out, size_t *n, struct err *e);

#endif
