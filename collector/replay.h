/* SPDX-License-Identifier: GPL-2.0-or-later */
/* replay - a recording through the same pipeline as live events: decode, process table, container.
 *
 * Deterministic: the same file gives the same calls in the same order, whatever machine and time it
 * is. One thread; blocks (and with `realtime` waits as long as it took). */
#ifndef BULKHEAD_REPLAY_H
#define BULKHEAD_REPLAY_H

#include "collector/base/recording.h"
#include "collector/event_text.h"

#define REPLAY_MAX_PROCESSES  (1u << 20)
#define REPLAY_MAX_CONTAINERS 65536 /* cgroups of containers known at once */

struct replay_settings {
	bool realtime;
	/* An event, after the process table took it in; all is valid during the call. */
	void (*event)(void *ctx, const struct event_view *v, const struct event_context *c);
	void (*idle)(void *ctx); /* realtime: before it waits; NULL is fine */
	void *ctx;
};

struct replay_summary {
	struct recording_header header;
	uint64_t items, events, processes, containers; /* the last two: items of the recording */
	uint64_t context;			       /* records for the process table alone */
	uint64_t by_type[EVENT_TYPE_COUNT];
	uint64_t lost;		    /* said by LOST items */
	uint64_t unknown;	    /* items of a kind that this program does not know */
	uint64_t no_room;	    /* processes and containers that found no room */
	uint64_t first_ns, last_ns; /* boot time of events; 0: there was none */
	bool whole;		    /* read to its mark of the end */
};

/* Reads fd (the caller's) to its end or its damage; *out is filled either way. 0; -EPROTO: damaged,
 * *e says where; -EPROTONOSUPPORT: of another version; else -errno. */
int replay_read(int fd, const struct replay_settings *settings, struct replay_summary *out,
		struct err *e);

/* `bulkheadd replay FILE [OPTION...]`: prints events, or a summary. Returns the exit code: 0, 1
 * damaged or cannot be read, 2 wrong usage. */
int replay_main(int argc, char **argv);

#endif
