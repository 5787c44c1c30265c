/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flight_proc - what processes have open, from /proc. Any one thread; it blocks on /proc alone.
 *
 * Sockets are told with their addresses as the process's network namespace shows them. */
#ifndef BULKHEAD_FLIGHT_PROC_H
#define BULKHEAD_FLIGHT_PROC_H

#include "collector/base/buf.h"
#include "collector/event_view.h"

#define FLIGHT_MAX_DESCRIPTORS 256	  /* of one process */
#define FLIGHT_MAX_SOCKETS     4096	  /* known of one network namespace */
#define FLIGHT_MAX_NETWORKS    4	  /* namespaces whose sockets are read */
#define FLIGHT_NETWORK_BYTES   (2u << 20) /* read of one list of sockets */

struct flight_proc;

int flight_proc_new(struct flight_proc **out, const char *proc); /* "/proc"; 0 or -ENOMEM */
void flight_proc_free(struct flight_proc *f);			 /* NULL is fine */
DEFINE_AUTO(flight_proc, flight_proc_free)

/* Members of an object: "descriptors" and "descriptors_left_out", or "descriptors_missing" with
 * the reason. net_ns: inode of its network namespace, 0 when it is not known. */
void flight_proc_put(struct flight_proc *f, struct buf *b, struct process_key who, uint32_t net_ns);

#endif
