/* SPDX-License-Identifier: GPL-2.0-or-later */
/* procstat - figures of processes from /proc: network devices, TCP states, descriptors, limits,
 * namespaces, start time. Stateless; any thread. `proc` is the mount ("/proc"). Each file is
 * opened, read and closed: a held /proc/PID/net descriptor would pin a dead container's network
 * namespace. */
#ifndef BULKHEAD_PROCSTAT_H
#define BULKHEAD_PROCSTAT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "collector/base/err.h"
#include "collector/base/parse.h"
#include "collector/sample.h"

/* <proc>/PID/net/dev into out->net; names that start with lo, veth, docker, nerdctl are left out as
 * cAdvisor does. Sets or clears SAMPLE_NETWORK. 0, or -ENOENT/-ESRCH when the process is gone. */
int procstat_network(const char *proc, pid_t pid, struct sample *out);
int procstat_parse_net_dev(struct span text, struct sample *out); /* number of interfaces kept */

/* Counts lines per state of <proc>/PID/net/tcp and tcp6. */
int procstat_tcp(const char *proc, pid_t pid, uint32_t tcp[TCP_STATE_COUNT],
		 uint32_t tcp6[TCP_STATE_COUNT]);

/* Descriptors and sockets of one process, added to *fds and *sockets. */
int procstat_fds(const char *proc, pid_t pid, uint64_t *fds, uint64_t *sockets);

/* "Max open files" soft limit; UINT64_MAX when unlimited. */
int procstat_nofile(const char *proc, pid_t pid, uint64_t *soft);

/* Inode of <proc>/PID/ns/<name> ("net", "pid", "mnt" ...), 0 when it cannot be read. */
uint64_t procstat_namespace(const char *proc, pid_t pid, const char *name);

/* Start of the process in ns since boot (field 22 of stat, 10 ms steps), 0 when it is gone. The
 * command name in field 2 may hold spaces and parentheses. */
uint64_t procstat_start_boot_ns(const char *proc, pid_t pid);

/* Unix time of boot in ns, computed once by the caller: /proc/stat btime drifts with the clock, so
 * this takes the difference of the two clocks now. */
uint64_t procstat_boot_unix_ns(void);

#endif
