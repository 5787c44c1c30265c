/* SPDX-License-Identifier: GPL-2.0-or-later */
/* miner_shape - whether a container's threads use the processor as a miner's do, by looks
 * (miner_look.h) some seconds apart. How that differs from honest work: miner.h.
 *
 * It is so when, over three quarters of the window or more,
 *	some threads are hot: each is there all the time and wants seven tenths or more of what the
 *	hottest wants, so that they are even (how even is told as their coefficient of variation);
 *	together they want 80 % of a processor, or of the quota. What they want is what they take
 *and the time that they wait for a processor: a miner that gives way to all others (SCHED_IDLE) may
 *get a hundredth of one on a busy host, and would take it all; 95 % and more of it in user mode;
 *	they hardly ever wait (MINER_SWITCHES a second of CPU time);
 *	their processes hardly read or write (MINER_IO_BYTES, MINER_CALLS a second).
 * Three quarters: so that with a window of two minutes the verdict is there within two minutes.
 *
 * A connection goes with it when a hot process, or the parent of one, opened it (by its ports), has
 * kept it for as long, has few others, and few and small messages went over it, some of them while
 * it was looked at.
 *
 * Pure. Owner: the loop's thread. Bounded: threads and connections beyond are counted. */
#ifndef BULKHEAD_MINER_SHAPE_H
#define BULKHEAD_MINER_SHAPE_H

#include "detector/miner_look.h"

#define MINER_SHAPE_THREADS 512
#define MINER_SHAPE_PEERS   16
#define MINER_HOT	    0.7 /* of what the hottest thread takes */
#define MINER_TAKES	    0.8 /* of a processor, or of a smaller quota */
#define MINER_SWITCHES	    20.0
#define MINER_IO_BYTES	    (256.0 * 1024)
#define MINER_CALLS	    500.0
#define MINER_USER_SHARE    0.95
#define MINER_PEERS	    4	   /* a process with more connections talks to many */
#define MINER_PEER_BYTES    4096.0 /* a second, both ways */
#define MINER_PEER_MESSAGES 5.0	   /* segments with data a second, both ways */
#define MINER_PEER_SIZE	    2048.0 /* bytes of one on average */

struct miner_shape;

struct miner_shape_limits {
	uint64_t window_ns;
	double processors; /* that it may use: its quota, or what the host has */
	unsigned long ticks_a_second;
};

struct miner_shape_verdict {
	bool burns, talks;
	const char * not ; /* why not, static, for people; NULL: it does */
	uint64_t since_mono_ns;
	pid_t pid; /* of most hot threads */
	unsigned hot, processes;
	double processors;	/* that they take */
	double wanted;		/* that they would take: with what they waited for one */
	double user_share;	/* 0 to 1 */
	double spread;		/* coefficient of variation; 0 with one thread */
	double switches;	/* voluntary, a second of CPU time */
	double io_bytes, calls; /* a second */
	bool all_processors, gives_way;
	uint32_t memory;	     /* enum miner_look_memory */
	struct miner_look_peer peer; /* talks: which, with what went over it meanwhile */
	double peer_seconds;
};

int miner_shape_new(struct miner_shape **out); /* 0 or -ENOMEM */
void miner_shape_free(struct miner_shape *s);  /* NULL is fine */

/* One look more; its times grow. */
void miner_shape_add(struct miner_shape *s, const struct miner_look *l,
		     const struct miner_shape_limits *limits);
void miner_shape_judge(const struct miner_shape *s, const struct miner_shape_limits *limits,
		       struct miner_shape_verdict *out);
/* Processes that are to be looked at closely: those of the hottest threads so far. How many. */
size_t miner_shape_close(const struct miner_shape *s, pid_t out[MINER_LOOK_CLOSE]);
uint64_t miner_shape_refused(const struct miner_shape *s);

#endif
