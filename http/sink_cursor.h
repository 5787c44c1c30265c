/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sink_cursor - a sink's place in a log, kept in two files: NAME is written often, without waiting
 * for the disk; NAME.kept seldom and synced, for what a cut of power leaves. The better one counts.
 */
#ifndef BULKHEAD_SINK_CURSOR_H
#define BULKHEAD_SINK_CURSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/base/err.h"
#include "http/sink_log.h"

struct sink_cursor {
	uint64_t seq, time_ns;	    /* of the last line that is done with */
	char id[SINK_LOG_ID_BYTES]; /* its alert, "" when not known */
};

enum sink_cursor_found { SINK_CURSOR_GOOD, SINK_CURSOR_NONE, SINK_CURSOR_DAMAGED };

/* *out is filled when it is good. What cannot be read is damaged. */
enum sink_cursor_found sink_cursor_read(int dir_fd, const char *name, struct sink_cursor *out);
int sink_cursor_write(int dir_fd, const char *name, const struct sink_cursor *c, bool keep,
		      struct err *e);

#endif
