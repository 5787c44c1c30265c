/* SPDX-License-Identifier: GPL-2.0-or-later */
/* baseline - what one image normally does: sets of entries by class, sketches by resource, and how
 * much evidence there is for each.
 *
 * A baseline belongs to a normalised repository and a class of entry point ("docker.io/library/
 * python", "python app.py"), and holds the digests that it was learned from; an image without a tag
 * is its own repository, by id. It judges nothing: who observes (detector_baseline*) notes, counts
 * windows and asks. Bounded: BASELINE_MAX_BYTES in all, entries a class; what is refused is
 * counted, and the class is not complete then. Owner: the loop's thread. */
#ifndef BULKHEAD_BASELINE_H
#define BULKHEAD_BASELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/base/buf.h"
#include "collector/base/err.h"
#include "collector/base/parse.h"
#include "detector/maturity.h"
#include "detector/path_tree.h"
#include "detector/sketch.h"

#define BASELINE_SCHEMA		    1
#define BASELINE_MAX_BYTES	    (256U << 10) /* memory of one image's */
#define BASELINE_MAX_DIGESTS	    16		 /* the oldest makes room */
#define BASELINE_MAX_DEVIATIONS	    256		 /* remembered */
#define BASELINE_DEVIATION_BYTES    (12U << 10)
#define BASELINE_RECENT		    64		/* containers that are told apart over a restart */
#define BASELINE_MAX_REJECTED	    64		/* entries that a person said no to, all classes */
#define BASELINE_MAX_REJECTED_BYTES (12U << 10) /* their memory */
#define BASELINE_MAX_JSON	    (4U << 20)	/* a longer document is not read */
#define BASELINE_HOUR_VALUES	    60		/* before an hour of the day speaks for itself */
#define BASELINE_NAME_BYTES	    256
#define BASELINE_CLASS_BYTES	    64
#define BASELINE_ID_BYTES	    72 /* "sha256:" and 64 digits */

/* Keys of each class; all texts, '/' cuts segments. X(ID, name) */
#define BASELINE_CLASSES(X)                                                                        \
	X(EXEC, "exec")		    /* "EXE" + " < " + parent's EXE; both normalised */            \
	X(SCRIPT, "script")	    /* "SCRIPT" + " < " + interpreter */                           \
	X(WRITE, "write")	    /* path written, created, renamed, removed */                  \
	X(READ, "read")		    /* path of a sensitive file that was read */                   \
	X(LISTEN, "listen")	    /* "tcp/8080" */                                               \
	X(CONNECT, "connect")	    /* "tcp/443/10/0/0/1", "tcp6/443/2001/db8/..", "udp/53/.." */  \
	X(UNIX, "unix")		    /* socket of somebody outside: path, or "@name" */             \
	X(USER, "user")		    /* effective user id: "101" */                                 \
	X(CAPABILITY, "capability") /* effective: "CAP_NET_RAW" */                                 \
	X(SYSCALL, "syscall")	    /* "openat"; "#467" without a name */                          \
	X(CALL, "call")		    /* "unshare:user,mnt", "mount:tmpfs", "ptrace" */

enum baseline_class {
#define X(id, name) BASELINE_##id,
	BASELINE_CLASSES(X)
#undef X
		BASELINE_CLASS_COUNT
};
extern const char *const baseline_class_names[]; /* ended by NULL */
bool baseline_class_parse(struct span name, enum baseline_class *out);
/* Whether what is known of a start-up alone is new in steady state. Not of system calls: they are
 * noted by the window, and which one a library takes for the same work is chance (mremap, madvise);
 * those that matter by when they come are of class CALL. */
static inline bool baseline_class_has_phases(enum baseline_class c)
{
	return c != BASELINE_SYSCALL;
}
extern const char *const seen_phase_names[]; /* "start-up", "steady", "shut-down", "injected" */

/* Values are per second where a unit says so. X(ID, name, unit) */
#define BASELINE_RESOURCES(X)                                                                      \
	X(CPU, "cpu", "cores")                                                                     \
	X(MEMORY, "memory", "bytes") /* working set */                                             \
	X(READ_BYTES, "read_bytes", "bytes/s")                                                     \
	X(WRITE_BYTES, "write_bytes", "bytes/s")                                                   \
	X(READS, "reads", "operations/s")                                                          \
	X(WRITES, "writes", "operations/s")                                                        \
	X(RX_BYTES, "rx_bytes", "bytes/s")                                                         \
	X(TX_BYTES, "tx_bytes", "bytes/s")                                                         \
	X(RX_PACKETS, "rx_packets", "packets/s")                                                   \
	X(TX_PACKETS, "tx_packets", "packets/s")                                                   \
	X(PIDS, "pids", "processes")                                                               \
	X(THREADS, "threads", "threads")                                                           \
	X(FDS, "fds", "descriptors")

enum baseline_resource {
#define X(id, name, unit) RESOURCE_##id,
	BASELINE_RESOURCES(X)
#undef X
		RESOURCE_COUNT
};
extern const char *const baseline_resource_names[], *const baseline_resource_units[];

#define BASELINE_ALPHA		 0.02 /* relative error of the sketches */
#define BASELINE_BUCKETS	 512
#define BASELINE_STARTUP_BUCKETS 256
#define BASELINE_HOUR_ALPHA	 0.05
#define BASELINE_HOUR_BUCKETS	 64

struct baseline_usage { /* of one resource */
	struct sketch startup, steady;
	struct sketch *hours[24]; /* steady state by hour of the day (UTC); NULL: none yet; owned */
};

enum baseline_mode { MODE_OFF, MODE_LEARN, MODE_DETECT, MODE_ENFORCE, MODE_COUNT };
extern const char *const baseline_mode_names[];
bool baseline_mode_parse(struct span name, enum baseline_mode *out);

/* What enforcement does with a deviation of a class. */
enum enforce_action {
	ENFORCE_ALERT,
	ENFORCE_KILL,
	ENFORCE_DENY, /* exec, write, connect: by the trampoline layer; else as kill */
	ENFORCE_FREEZE,
	ENFORCE_PAUSE,
	ENFORCE_STOP,
	ENFORCE_THROTTLE,
	ENFORCE_ACTION_COUNT
};
extern const char *const enforce_action_names[]; /* ended by NULL */

struct baseline_set { /* of one class */
	struct path_tree *tree;
	struct path_tree *rejected;	       /* never folded, never aged; NULL: none */
	uint64_t windows[PHASE_COUNT];	       /* that count */
	uint64_t voided[PHASE_COUNT];	       /* in which events of this class were lost */
	uint64_t first_window_ns[PHASE_COUNT]; /* unix; 0: none yet */
	uint64_t complete_ns[PHASE_COUNT];     /* unix, when it was learned; 0: not yet */
	uint64_t refused;		       /* entries that found no room; kept over a restart */
};

struct baseline_digest {
	char id[BASELINE_ID_BYTES];	     /* "": free */
	char reference[BASELINE_NAME_BYTES]; /* as it was named: "nginx:1.25" */
	uint64_t first_ns, last_ns;
	uint64_t windows;     /* all phases */
	uint64_t complete_ns; /* its difference is learned; 0: not yet */
	bool inherited;	      /* came to a baseline that others had filled */
};

struct baseline {
	char repository[BASELINE_NAME_BYTES];
	char entry[BASELINE_CLASS_BYTES]; /* class of the entry point */
	enum baseline_mode mode;
	uint64_t mode_since_ns;		    /* unix */
	uint64_t promoted_ns;		    /* unix, when it first came to detect; 0: never */
	char mode_by[64];		    /* "bulkhead", "config", "root", "operator" ... */
	char actions[BASELINE_CLASS_COUNT]; /* enum enforce_action */
	struct baseline_set sets[BASELINE_CLASS_COUNT];
	/* What was told and not learned: "CLASS KEY"; windows[PHASE_STEADY] counts. In the document
	 * as "deviations"; of no class, and no evidence for any. */
	struct path_tree *deviations;
	struct baseline_usage usage[RESOURCE_COUNT];
	struct baseline_digest digests[BASELINE_MAX_DIGESTS];
	uint64_t recent[BASELINE_RECENT]; /* hashes of container ids; 0: free */
	uint32_t recent_at;
	uint32_t containers; /* that were ever observed */
	uint64_t created_ns, updated_ns;
	bool dirty;		/* differs from what is stored */
	bool imported;		/* a proposal: nothing of it was seen here yet */
	uint64_t refused_bytes; /* sketches that found no room */
	void *user;		/* the observer's */
};

/* Control bytes and what is no UTF-8 become '?' in all names: they must come back from a file as
 * they were. -EINVAL: the repository is empty; -ENAMETOOLONG. */
int baseline_new(struct baseline **out, struct span repository, struct span entry, uint64_t now_ns,
		 struct err *e);
/* The same for one name; false: cut, as it was too long. */
bool baseline_clean(struct span name, char *out, size_t cap);
void baseline_free(struct baseline *b); /* NULL is fine */
DEFINE_AUTO(baseline, baseline_free)
size_t baseline_bytes(const struct baseline *b); /* memory held */

/* Index of the digest (an image id; "" is "unknown"); made when it is new: the oldest by last_ns
 * makes room, and its bit leaves all entries. */
unsigned baseline_digest(struct baseline *b, struct span id, struct span reference,
			 uint64_t now_ns);
/* Whether the container counts anew; notes it. */
bool baseline_container(struct baseline *b, struct span container_id);

/* --- entries ------------------------------------------------------------------------------- */

/* What a person rejected lies apart (struct baseline_set), so that it neither folds with its
 * neighbours nor makes them unknown. A rejected pattern goes before all that it covers: who finds
 * an entry with SEEN_REJECTED has found that the key is not known. NULL: never seen. */
struct path_entry *baseline_find(const struct baseline *b, enum baseline_class c, struct span key);
/* Finds or makes; first and last time and the digest are noted, windows and containers are the
 * caller's to count. A proposal (SEEN_IMPORTED) is none any more. -ENOSPC, -ENOMEM (counted; a
 * class that is not complete in steady state does not become so); -EINVAL: no key. out and made may
 * be NULL. */
int baseline_note(struct baseline *b, enum baseline_class c, struct span key, unsigned digest,
		  uint64_t now_ns, struct path_entry **out, bool *made);
/* Each entry, the rejected ones last; stops when fn returns false. fn changes entry->seen alone. */
void baseline_each(const struct baseline *b, enum baseline_class c,
		   bool (*fn)(void *ctx, struct span pattern, struct path_entry *entry), void *ctx);

/* By pattern, by a person. -ENOENT for what is not there (reject, forget). accept makes it;
 * -EEXIST: another pattern that covers it is rejected, and has to be forgotten first. -ENOSPC:
 * nothing was changed. */
int baseline_accept(struct baseline *b, enum baseline_class c, struct span pattern,
		    uint64_t now_ns);
int baseline_reject(struct baseline *b, enum baseline_class c, struct span pattern);
int baseline_forget(struct baseline *b, enum baseline_class c, struct span pattern);

/* A window of a container is over. void_mask: classes (1 << c) of which events were lost. */
void baseline_window(struct baseline *b, enum seen_phase phase, unsigned digest, uint32_t void_mask,
		     uint64_t now_ns);

void baseline_maturity(const struct baseline *b, enum baseline_class c, enum seen_phase phase,
		       uint64_t now_ns, struct maturity *out);
/* Of a digest alone: its windows (those without any loss), and the entries that only it showed, in
 * one window. Its containers are not counted: one when there are windows. */
void baseline_digest_maturity(const struct baseline *b, unsigned digest, uint64_t now_ns,
			      struct maturity *out);
/* Sets complete_ns where the bounds hold now (PHASE_STEADY of every class; the other phases on
 * their own) and refused is 0; never in a mere proposal (imported). True: something changed. */
bool baseline_settle(struct baseline *b, const struct maturity_bounds *bounds,
		     const struct maturity_bounds *digest_bounds, uint64_t now_ns);
/* Every class is complete in steady state. */
bool baseline_complete(const struct baseline *b);

/* Entries that were neither accepted, rejected nor seen since before_ns (unix) go. How many. A
 * class that was incomplete for want of room and has some now learns again: its evidence starts
 * anew. */
uint32_t baseline_age(struct baseline *b, uint64_t before_ns);

/* An entry of EXEC or SCRIPT that begins with these bytes ("/bin/sh < ") and is the image's own:
 * not rejected, no proposal, not only put in from outside. */
bool baseline_knows_program(const struct baseline *b, enum baseline_class c, struct span prefix);

/* --- resources ----------------------------------------------------------------------------- */

/* -ENOSPC: the hour has no sketch, as BASELINE_MAX_BYTES are used up (the value is counted in the
 * other one); entries take the hourly sketches' room when they need it. -EINVAL: no value. */
int baseline_measure(struct baseline *b, enum baseline_resource r, bool startup, unsigned hour,
		     double value);
/* Steady quantile; of that hour where it has BASELINE_HOUR_VALUES, else of all; NAN: nothing. */
double baseline_usual(const struct baseline *b, enum baseline_resource r, unsigned hour, double q);

/* --- as a document --------------------------------------------------------------------------
 * Schema 1 (http/baseline.schema.json), the same for the file of STATE/baselines, export and
 * import. An entry is a pattern of path_tree.h, in which bytes that are no UTF-8 are "\xNN". A
 * document that is read, written and read again says the same. */

void baseline_json(struct buf *b, const struct baseline *from);
/* A pattern as a member "entry" of an object, and back from its text: out has room for text.n
 * bytes; false: it is none. */
void baseline_put_entry(struct buf *b, struct span pattern);
bool baseline_read_entry(struct span text, char *out, size_t *n);
/* -EPROTO: *e says where ("sets.exec[3].windows") and what was expected; -ENOTSUP: a newer schema;
 * -ENOMEM. Unknown members are ignored. What finds no room is counted as refused. */
int baseline_parse(struct baseline **out, struct span json, struct err *e);

/* What `from` knows into `into`: sets united, sketches merged, counters added; modes, and what is
 * complete, stay. With `imported` patterns that only came this way are marked SEEN_IMPORTED (a
 * wider one than was known here, too), what a person said there (accepted, rejected) does not count
 * here, and wildcards are left out of classes that do not fold (executables, users, calls: -EPERM).
 * Of more digests than there is room for the newest stay. -ENOSPC: some found no room. With both
 * the rest is merged. -EINVAL: into is from. */
int baseline_merge(struct baseline *into, const struct baseline *from, bool imported);

/* Entries that only one of two digests showed. fn: in_a or in_b. */
void baseline_diff(const struct baseline *b, unsigned digest_a, unsigned digest_b,
		   bool (*fn)(void *ctx, enum baseline_class c, struct span pattern,
			      const struct seen *seen, bool in_a),
		   void *ctx);

#endif
