/* SPDX-License-Identifier: GPL-2.0-or-later */
/* agent - bulkheadd put together: watcher, table, sampler, worker, serve and requests on one loop.
 * The parts know nothing of each other; what happens between them is in agent_*.c:
 *   agent.c             assembly, configuration and its reload
 *   agent_serve.c       the life of bulkhead serve
 *   agent_round.c       the sampling round
 *   agent_containers.c  cgroups that come and go, OOM kills
 *   agent_pid.c         their first process: network namespace, exit code
 *   agent_metadata.c    what the runtimes say about them
 *   agent_slow.c        what is read less often: limits, network, processes, host
 *   agent_disk.c        disk space of containers, file systems
 *   agent_feed.c        what serve is told: containers, samples
 *   agent_requests.c    what serve and the command line ask: metrics, JSON, tokens
 *   agent_alerts.c      what the judge is told and may ask for */
#ifndef BULKHEAD_AGENT_H
#define BULKHEAD_AGENT_H

#include <stdbool.h>

#include "collector/base/auto.h"
#include "collector/base/err.h"
#include "collector/config.h"

struct agent;
struct agent_detector;

struct agent_options {
	const char *config_path;     /* re-read at SIGHUP; NULL: none */
	bool config_required;	     /* it was named on the command line */
	const char *const *settings; /* "key=value" from flags, applied over the file; NULL-ended */
	const char *serve_program;   /* path of the bulkhead binary */
	const struct agent_detector *detector; /* what judges (agent_detector.h); NULL: nothing */
	bool print_login_link; /* "url=" and "login=" lines on stdout once serve listens */
};

/* Loads file and flags into *c: defaults, file, flags, validation. */
int agent_load_config(struct config *c, const struct agent_options *o, struct err *e);

/* Starts everything but the loop. `c` is copied. */
int agent_new(struct agent **out, const struct config *c, const struct agent_options *o,
	      struct err *e);
int agent_run(struct agent *a, struct err *e); /* until SIGTERM or SIGINT */
void agent_free(struct agent *a);	       /* stops serve; NULL is fine */
DEFINE_AUTO(agent, agent_free)

#endif
