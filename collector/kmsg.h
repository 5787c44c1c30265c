/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kmsg - out-of-memory kills from the kernel log (/dev/kmsg): the one source that still tells of a
 * container that died with its kill, since the cgroup's own counter dies with the cgroup.
 * Owner: the loop's thread. Needs CAP_SYSLOG; absence is not an error for the agent. */
#ifndef BULKHEAD_KMSG_H
#define BULKHEAD_KMSG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "collector/base/auto.h"
#include "collector/base/err.h"
#include "collector/base/loop.h"
#include "collector/base/parse.h"

struct kmsg;

struct kmsg_oom {
	char task_memcg[512]; /* cgroup of the killed task, "/docker/<id>" */
	char oom_memcg[512];  /* cgroup whose limit was hit, "/" for a global one */
	pid_t pid;
	char comm[32];
};
typedef void (*kmsg_oom_fn)(void *ctx, const struct kmsg_oom *oom);

int kmsg_new(struct kmsg **out, struct loop *loop, const char *path, kmsg_oom_fn fn, void *ctx,
	     struct err *e); /* begins at the log's end */
void kmsg_free(struct kmsg *k);
DEFINE_AUTO(kmsg, kmsg_free)

/* One record "prio,seq,usec,flags;text\n..." : true and *out filled when it is an OOM kill, in the
 * form "oom-kill:constraint=...,task_memcg=...,task=...,pid=...,uid=..." (since 4.19/5.0) . */
bool kmsg_parse(struct span record, struct kmsg_oom *out);
uint64_t kmsg_lost(const struct kmsg *k); /* records overwritten before they were read */

#endif
