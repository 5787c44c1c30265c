/* SPDX-License-Identifier: GPL-2.0-or-later */
/* detector_miner_internal - what the parts of detector_miner share.
 *
 *	detector_miner.c	assembly, containers that come and go, time
 *	detector_miner_event.c	evidence in events
 *	detector_miner_look.c	busy containers, looked at on the worker
 *	detector_miner_tell.c	alerts, GET /api/v1/mining
 *	detector_miner_act.c	what is done to a miner */
#ifndef BULKHEAD_DETECTOR_MINER_INTERNAL_H
#define BULKHEAD_DETECTOR_MINER_INTERNAL_H

#include "detector/detector_miner.h"
#include "detector/dns.h"
#include "detector/miner.h"
#include "detector/miner_names.h"
#include "detector/miner_shape.h"
#include "detector/rates.h"
#include "detector/response.h"

#define MINER_FLOWS	    512	 /* directions whose first bytes are not told from others yet */
#define MINER_OPAQUES	    1024 /* connections that began with TLS */
#define MINER_SHAPES	    64	 /* busy containers looked at at a time */
#define MINER_ADDRESSES	    16	 /* of pools, a container */
#define MINER_KILLS	    10	 /* a minute and container */
#define MINER_OUTCOME_BYTES 160

struct miner_flow {
	uint64_t cookie; /* 0: free */
	uint64_t last_boot_ns;
	uint8_t direction;
	uint32_t n;
	char bytes[EVENT_PAYLOAD_MAX];
};

struct miner_address { /* of a pool, by the container's own DNS */
	struct dns_address address;
	char name[96];
};

struct look_job;

/* A container with evidence, or that is busy. */
struct suspect {
	struct detector_miner *owner;
	struct container *c; /* a reference */
	struct miner_case case_;
	struct miner_verdict told; /* of the alert that is out */
	uint64_t lower_ns;	   /* monotonic: since then the verdict is lower; 0: it is not */
	struct miner_address pools[MINER_ADDRESSES];
	uint32_t pools_n;
	bool resolver;	      /* it answers DNS itself: the names are its clients' */
	uint64_t resolver_ns; /* monotonic, when that was looked at; 0: never */
	/* looks */
	unsigned hot_ticks, cold_ticks;
	struct miner_shape *shape; /* NULL: not busy */
	struct look_job *job;	   /* under way */
	uint64_t looked_ns, maps_ns;
	const char *not_burning; /* static, as of miner_shape_verdict; NULL: it is */
	bool usual;		 /* its image's baseline knows all of this */
	/* actions */
	uint64_t acted_ns; /* monotonic; 0: never */
	uint64_t minute_ns;
	unsigned kills;
	enum alert_action action;
	char outcome[MINER_OUTCOME_BYTES]; /* "": nothing was done */
};

struct detector_miner {
	struct agent_services services;
	struct worker *lookups, *keeper;
	struct alerts *alerts;
	struct audit *audit;
	struct detector_baseline *baseline;
	struct response *own_response; /* where baselines have none */
	bool recovered;
	struct miner_names *names; /* NULL: mining is off */
	struct rates *rates;
	struct suspect **suspects; /* by slot of the container */
	uint32_t suspects_max, suspects_n, shapes_n;
	struct miner_flow flows[MINER_FLOWS];
	uint64_t opaque[MINER_OPAQUES]; /* cookies */
	uint64_t decayed_ns;
	double online; /* processors of the host, as of the last tick */
	bool seeded;   /* who ran before the agent was looked at */
	struct {
		uint64_t hits, flows_refused, shapes_refused, no_memory, looks, jobs_refused, kills;
		uint64_t acted[MINING_ACTIONS];
		uint64_t pieces_refused, shape_refused; /* of containers that are gone */
	} counts;
};

/* detector_miner.c */
struct suspect *suspect_find(const struct detector_miner *d, const struct container *c);
struct suspect *suspect_get(struct detector_miner *d, struct container *c); /* NULL: no memory */
struct process_table *miner_processes(const struct detector_miner *d); /* NULL: there is none */
void suspect_judge(struct suspect *s); /* its evidence has changed */
/* Notes the hit and judges. p: NULL: of no process. */
void suspect_note(struct suspect *s, const struct miner_hit *h, const struct process *p);
bool miner_is_in(const struct process *p, const struct container *c);

/* detector_miner_look.c */
void suspect_look(struct detector_miner *d, struct container *c, uint64_t now);
void suspect_stop_looking(struct suspect *s);

/* detector_miner_tell.c */
void suspect_tell(struct suspect *s, const struct miner_verdict *v);
void suspect_resolve(struct suspect *s);
const struct miner_piece *suspect_heaviest(const struct suspect *s);

/* detector_miner_act.c */
void suspect_act(struct suspect *s);
/* By rules.exceptions: it is neither told nor acted on. */
bool suspect_is_excepted(const struct suspect *s, enum miner_level level);
struct response *miner_response(const struct detector_miner *d);
int miner_act_start(struct detector_miner *d, struct err *e);
void miner_act_tick(struct detector_miner *d);
void miner_act_end(struct detector_miner *d);

#endif
