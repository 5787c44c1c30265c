/* SPDX-License-Identifier: GPL-2.0-or-later */
/* miner - what speaks for coins being made in a container, added up to a verdict.
 *
 * Evidence comes in pieces. Each has a kind, a weight, the process that it is of and what was seen.
 * Of a kind the heaviest counts, of a group of kinds that say the same the heaviest too. The
 *ladder:
 *
 *	CPU anomaly    the processor is used as a miner does it, and nothing else is known.   INFO
 *	likely miner   50 points or more.			 WARNING, from 75 points on ERROR
 *	miner	       100 points or more, of which 60 are of what SPEAKS.		  CRITICAL
 *
 * A piece that SPEAKS names the thing itself: the protocol, a pool, a known program, its options, a
 * wallet, the processor's model registers. What only BEHAVES so (use of the processor and what goes
 * with it) can make a likely miner and never a miner, however much of it there is.
 *
 * What separates a miner from honest work
 * ---------------------------------------
 * Hashing, compressing, rendering and computing keep a processor as busy as mining does: threads
 * that are always runnable, in user mode, as many as there are processors, evenly, without files or
 * calls (miner_shape.h). So the shape of CPU use alone is worth 30 points: a CPU anomaly, told as
 * information, and not at all when the image's baseline is learned, knows the program, and usually
 * uses as much. Two things tell them apart, and one of them is needed for more than that:
 *
 * - Work has to come from somewhere. A miner keeps one connection that it opened itself, for hours,
 *   and a few small messages go over it each minute: a job some hundred bytes long comes, a result
 *   leaves. Who computes for himself (openssl speed, stress-ng, a simulation) has no connection.
 *   Who computes for others over the network (a database under load, a web server, a transcoder of
 *   streams) is sent as much as it works: many messages or large ones, on connections that others
 *   opened, and pays for that with system calls, which its CPU time shows. Compilers and shells
 *   come and go: no thread of theirs is hot for minutes. CONNECTION counts 30 beside CPU: a likely
 *   miner, TLS or not, whatever its name is.
 * - Where the program comes from. A program that has no file, or whose file was deleted under it
 *   (HIDDEN), is worth 25 beside CPU. One that was merely written into the container, or is new to
 *   the image's baseline, is worth less: people compile and install, and measure then.
 *
 * Small signs (SUPPORTS: nice 19, as many threads as processors, a usual port, bytes that nobody
 * can read, a program new to the image, cron) weigh 15 together when nothing speaks, so that they
 * never lift a CPU anomaly to a likely miner. A worker of a job queue that computes for minutes
 * over one quiet connection to its broker looks the same from outside: it is a likely miner until
 * an exception of the configuration says what it is (rules.exceptions, rule likely-miner).
 *
 * Evidence stays as long as its process, or one that it forked, lives, and a minute longer; what
 * looking found, as long as it is found; what is of no process (a DNS answer), ten minutes.
 *
 * Pure. Owner: the loop's thread. Bounded: MINER_PIECES a container; a lighter one makes room. */
#ifndef BULKHEAD_MINER_H
#define BULKHEAD_MINER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/base/parse.h"
#include "collector/event_view.h"
#include "detector/alert.h"

#define MINER_PIECES	    24
#define MINER_SEEN_BYTES    192
#define MINER_EXE_BYTES	    128
#define MINER_GONE_NS	    (60ULL * 1000000000)  /* after its process ended */
#define MINER_FOUND_NS	    (45ULL * 1000000000)  /* after looking found it last */
#define MINER_NAME_NS	    (600ULL * 1000000000) /* what is of no process */

#define MINER_LIKELY	    50
#define MINER_ERROR	    75
#define MINER_SURE	    100
#define MINER_SPOKEN	    60
#define MINER_BEHAVES_MOST  95 /* points of all that does not speak */
#define MINER_SUPPORTS_MOST 15 /* of small signs, when nothing speaks */

enum miner_class {
	MINER_SPEAKS,
	MINER_BURNS,   /* the use of the processor itself */
	MINER_FIRM,    /* counts in full beside it */
	MINER_SUPPORTS /* small signs */
};

enum miner_group { MINER_ALONE, MINER_NAMES };

/* X(ID, "name", weight, class, group, lasts, "what it says"). lasts: PROCESS as long as it lives,
 * LOOK as long as looking finds it. */
#define MINER_KINDS(X)                                                                             \
	X(PROTOCOL, "protocol", 100, SPEAKS, ALONE, PROCESS, "speaks a mining protocol")           \
	X(WORK, "work-request", 60, SPEAKS, ALONE, PROCESS, "asks a coin's node for work")         \
	X(SERVES, "serves-miners", 60, SPEAKS, ALONE, PROCESS,                                     \
	  "is spoken to as a pool or a proxy of one")                                              \
	X(POOL_NAME, "pool-name", 60, SPEAKS, NAMES, PROCESS, "asked for the name of a pool")      \
	X(POOL_TLS, "pool-in-tls", 70, SPEAKS, NAMES, PROCESS,                                     \
	  "named a pool when it opened a TLS connection or asked a proxy")                         \
	X(POOL_PEER, "pool-peer", 70, SPEAKS, NAMES, PROCESS, "connected to an address of a pool") \
	X(PROGRAM, "program-name", 60, SPEAKS, ALONE, PROCESS, "runs a program known as a miner")  \
	X(COMMAND, "command-line", 80, SPEAKS, ALONE, PROCESS,                                     \
	  "was started with a miner's options")                                                    \
	X(WALLET, "wallet", 40, SPEAKS, ALONE, PROCESS, "was started with a wallet")               \
	X(REGISTERS, "msr", 100, SPEAKS, ALONE, PROCESS,                                           \
	  "went for the processor's model-specific registers")                                     \
	X(HUGE_PAGES, "huge-pages", 60, SPEAKS, ALONE, PROCESS,                                    \
	  "set how many huge pages the host has")                                                  \
	X(CPU, "cpu", 30, BURNS, ALONE, LOOK, "uses the processor as a miner does")                \
	X(CONNECTION, "connection", 30, FIRM, ALONE, LOOK,                                         \
	  "keeps a quiet connection with small messages")                                          \
	X(HIDDEN, "hidden-program", 25, FIRM, ALONE, LOOK, "its program has no file any more")     \
	X(DATASET, "data-set", 25, FIRM, ALONE, PROCESS, "has memory of the size of a data set")   \
	X(RIVALS, "rivals", 25, FIRM, ALONE, PROCESS, "ends other miners")                         \
	X(NEW_PROGRAM, "new-program", 10, SUPPORTS, ALONE, LOOK, "its program is not the image's") \
	X(ALL_CPUS, "all-processors", 5, SUPPORTS, ALONE, LOOK,                                    \
	  "has as many busy threads as it may use processors")                                     \
	X(PRIORITY, "priority", 5, SUPPORTS, ALONE, LOOK, "gives way to all others")               \
	X(CODE, "made-code", 5, SUPPORTS, ALONE, LOOK, "runs code that it made itself")            \
	X(OPAQUE, "opaque", 5, SUPPORTS, ALONE, LOOK, "says what nobody can read")                 \
	X(PORT, "port", 5, SUPPORTS, ALONE, LOOK, "is connected to a port of pools")               \
	X(PERSISTS, "persistence", 5, SUPPORTS, ALONE, PROCESS, "sees to it that it comes back")

enum miner_kind {
#define X(id, name, weight, class, group, lasts, says) MINER_##id,
	MINER_KINDS(X)
#undef X
		MINER_KIND_COUNT
};

struct miner_kind_info {
	const char *name, *says;
	uint8_t weight; /* usual one; a hit may have less or more */
	enum miner_class class;
	enum miner_group group;
	bool by_look; /* lasts as long as looking finds it */
};
extern const struct miner_kind_info miner_kinds[MINER_KIND_COUNT];

struct miner_hit { /* found in one event, or by one look */
	enum miner_kind kind;
	uint8_t weight;
	char seen[MINER_SEEN_BYTES];
};
/* weight 0: the usual one. */
void miner_hit_set(struct miner_hit *h, enum miner_kind kind, unsigned weight, const char *format,
		   ...) __attribute__((format(printf, 4, 5)));

struct miner_piece {
	struct miner_hit hit;
	struct process_key process; /* pid 0: of none */
	char comm[EVENT_COMM_BYTES + 1];
	char exe[MINER_EXE_BYTES];
	uint64_t first_boot_ns, last_boot_ns;
	uint64_t gone_boot_ns; /* when its process was found gone; 0: it lives */
	uint64_t count;
	bool acted; /* the caller's: its process was ended */
};

struct miner_case { /* of one container */
	struct miner_piece pieces[MINER_PIECES];
	uint32_t n;
	uint64_t refused; /* pieces that found no room */
};

enum miner_level { MINER_NONE, MINER_ANOMALY, MINER_IS_LIKELY, MINER_IS, MINER_LEVELS };
/* "none", "cpu-anomaly", "likely-miner", "miner": also the rules of their alerts. */
extern const char *const miner_level_names[MINER_LEVELS];

struct miner_verdict {
	enum miner_level level;
	unsigned score;
	enum alert_severity severity;
};

struct miner_owner { /* whose a hit is; p NULL: of no process */
	struct process_key key;
	const char *comm;
	struct span exe;
};

/* The piece, new or told again; NULL: there was no room. *fresh: it is new, or heavier than it was.
 */
struct miner_piece *miner_note(struct miner_case *c, const struct miner_hit *h,
			       const struct miner_owner *o, uint64_t now_boot_ns, bool *fresh);

/* Forgets what is over. lives: whether the process, or one that it forked, is there still. */
void miner_decay(struct miner_case *c, uint64_t now_boot_ns,
		 bool (*lives)(void *ctx, struct process_key key), void *ctx);

struct miner_verdict miner_judge(const struct miner_case *c);

#endif
