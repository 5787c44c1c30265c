/* SPDX-License-Identifier: GPL-2.0-or-later */
/* supervise - starts `bulkhead serve`, notices its end, starts it again with back-off.
 *
 * Owner: the loop's thread. serve gets one end of a socket pair as descriptor 3, an unprivileged
 * uid, no capabilities, no_new_privs and its own state directory as working directory (entered by
 * descriptor: its parents need not be reachable for that user). The binary is opened once, before
 * rights are dropped, and started by that descriptor. Back-off: 100 ms doubling to 10 s; a run of
 * 10 s resets it. */
#ifndef BULKHEAD_SUPERVISE_H
#define BULKHEAD_SUPERVISE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "collector/base/auto.h"
#include "collector/base/err.h"
#include "collector/base/loop.h"

struct supervise;

struct supervise_settings {
	const char *program; /* path of the bulkhead binary */
	int state_fd;	     /* directory of serve; stays the caller's */
	uid_t uid;
	gid_t gid;
};

struct supervise_events {
	/* A new serve runs; fd is our end of its socket pair and becomes the callee's. */
	void (*started)(void *ctx, int fd, pid_t pid);
	void (*ended)(void *ctx, const char *why); /* it will be started again by itself */
	void *ctx;
};

int supervise_new(struct supervise **out, struct loop *loop, const struct supervise_settings *s,
		  const struct supervise_events *events, struct err *e);
int supervise_start(struct supervise *s, struct err *e);
/* Ends serve: SIGTERM, and SIGKILL after grace_ms; waits for it. No restart afterwards. */
void supervise_stop(struct supervise *s, unsigned grace_ms);
void supervise_kill(struct supervise *s); /* it misbehaves: SIGKILL now, restart as usual */
void supervise_free(struct supervise *s); /* NULL is fine; stops first */
DEFINE_AUTO(supervise, supervise_free)

pid_t supervise_pid(const struct supervise *s); /* 0 when it does not run */
uint64_t supervise_starts(const struct supervise *s);

#endif
