/* SPDX-License-Identifier: GPL-2.0-or-later */
/* procscan - fills the process table with what runs already: from the task iterator's stream and
 * /proc, or from /proc alone where there is no BPF.
 *
 * Any thread that may use the table. It reads /proc/PID/cmdline, which waits for a lock of that
 * process: before the loop runs, not within it. The kernel reads anonymous memory alone for it, so
 * a file system of the container's cannot hold it up; a privileged userfaultfd can. What is known
 * already is not read from /proc again: a later pass costs the iterator's records only. */
#ifndef BULKHEAD_PROCSCAN_H
#define BULKHEAD_PROCSCAN_H

#include <stdint.h>

#include "collector/base/err.h"
#include "collector/process.h"
#include "collector/redact.h"

struct procscan {
	const char *proc; /* "/proc" */
	const struct redact
		*redact; /* for arguments, before they are stored; NULL: none are read */
};

struct procscan_counts {
	uint32_t tasks;	    /* records or directories seen, threads included */
	uint32_t processes; /* in the table now, or known before */
	uint32_t refused;   /* the table was full */
	uint32_t gone;	    /* ended before /proc could tell about them */
};

/* Reads records of struct event_task from fd to its end (the caller's, a blocking iterator or any
 * file). Reads may be short and cut records anywhere. 0; or -errno: reading failed, -EPROTO: what
 * is no record, or a cut one at the end. What came before is in the table then; *out is filled
 * either way. Ends with process_seed_end(). */
int procscan_iterator(const struct procscan *s, struct process_table *t, int fd,
		      struct procscan_counts *out, struct err *e);

/* The same from /proc. Start times are in steps of a clock tick, and cgroups, exec counts and
 * objects' flags are not known: not to be mixed with events of the kernel's programs. */
int procscan_proc(const struct procscan *s, struct process_table *t, struct procscan_counts *out,
		  struct err *e);

/* One process as /proc tells it: the record, 8-byte clean. 0; -ESRCH: gone; -EBADMSG. */
int procscan_task(const char *proc, uint32_t pid, struct event_task *out);

#endif
