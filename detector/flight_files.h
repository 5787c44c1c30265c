/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flight_files - what a container changed against its image: its writable layer, walked. Any
 * thread; it blocks on the disk.
 *
 * The container chooses names, depth and number: the walk goes by descriptors, follows no symbolic
 * link, stays on its file system, and keeps of too many the newest by ctime, which nobody can set.
 */
#ifndef BULKHEAD_FLIGHT_FILES_H
#define BULKHEAD_FLIGHT_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/base/buf.h"

#define FLIGHT_MAX_FILES     4096  /* told */
#define FLIGHT_MAX_LOOKED_AT 65536 /* entries */
#define FLIGHT_MAX_DEPTH     32
#define FLIGHT_MAX_PATHS     (4u << 20) /* bytes of all paths that are told */

/* Writes members of an object: "root", "changed" (an array, by path), "left_out", "too_deep",
 * "unfinished", or "reason". `closing` is looked at now and then; NULL is fine. */
void flight_files_put(struct buf *b, const char *root, bool (*closing)(const void *ctx),
		      const void *ctx);

#endif
