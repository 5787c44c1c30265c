/* SPDX-License-Identifier: GPL-2.0-or-later */
/* detector_baseline_internal - what the parts of detector_baseline share.
 *
 *	detector_baseline.c	       assembly, containers that come and go
 *	detector_baseline_observe.c    an event: noted, or judged
 *	detector_baseline_window.c     windows and phases of a container
 *	detector_baseline_deviation.c  what does not belong: alerts, digests
 *	detector_baseline_version.c    which of the image's versions a container is
 *	detector_baseline_mode.c       modes and promotion
 *	detector_baseline_enforce.c    verdicts for the kernel's side, what it holds containers to
 *	detector_baseline_places.c     the same of directories and networks
 *	detector_baseline_act.c	       actions, the breaker
 *	detector_baseline_usage.c      resources
 *	detector_baseline_state.c      figures
 *	detector_baseline_api*.c       requests */
#ifndef BULKHEAD_DETECTOR_BASELINE_INTERNAL_H
#define BULKHEAD_DETECTOR_BASELINE_INTERNAL_H

#include <string.h>

#include "detector/baseline_key.h"
#include "detector/baseline_store.h"
#include "detector/behaviour.h"
#include "detector/breaker.h"
#include "detector/detector_baseline.h"
#include "detector/enforce_files.h"
#include "detector/rates.h"
#include "detector/repeats.h"
#include "detector/response.h"
#include "detector/window_set.h"

#define OBSERVER_WAITING_BYTES 8192 /* of entries before the image is known */
#define OBSERVER_MALICIOUS     8    /* processes of a container whose doings are not learned */
#define DEVIATION_MAX	       256  /* remembered of an image */
#define DIGEST_EXAMPLES	       8
/* "REPOSITORY ENTRY": two programs of one repository are two images. */
#define IMAGE_KEY_BYTES (BASELINE_NAME_BYTES + BASELINE_CLASS_BYTES)

struct deviation; /* detector_baseline_deviation.c */

/* What the agent alone knows of a baseline: baseline.user. */
struct image {
	struct baseline *baseline;
	uint32_t slots[BASELINE_MAX_DIGESTS]; /* image slots of verdict keys; 0: none */
	uint32_t observers;
	/* the digest of this hour */
	uint64_t hour_ns; /* monotonic; 0: no hour is running */
	uint32_t held, held_by_class[BASELINE_CLASS_COUNT];
	char examples[DIGEST_EXAMPLES][192];
	/* what was still learned: when it was told last, and how much was not told since */
	uint64_t learned_ns[PHASE_COUNT]; /* monotonic; 0: never */
	uint32_t learned_held[PHASE_COUNT];
	bool resolved[BASELINE_MAX_DIGESTS];	 /* its files are allowed */
	bool peered[BASELINE_MAX_DIGESTS];	 /* its networks are */
	uint32_t known;				 /* grows when other files are to be allowed */
	uint64_t versions[BASELINE_MAX_DIGESTS]; /* hashes of ids: whose slot and files these are */
	bool cannot_enforce;			 /* and why: */
	char why_not[160];
	bool has_verdicts;			  /* the kernel's side was told of it */
	const char *partly[BASELINE_CLASS_COUNT]; /* deny: why the kernel's side refuses nothing */
	uint32_t partly_told;			  /* classes (1 << c) */
};

struct usage; /* detector_baseline_usage.c */

/* A directory in which a container may change files. */
struct place {
	struct event_file file;
	bool below; /* and in all that is below it */
};
struct places {
	struct place *list;
	uint32_t n, cap;
};

/* One living container. */
struct observer {
	struct detector_baseline *owner;
	struct container *c; /* a reference */
	struct image *image; /* NULL: not known yet */
	unsigned digest;
	uint64_t version; /* hash of the digest's id */
	enum seen_phase phase;
	uint64_t started_ns; /* monotonic, of the container */
	uint64_t came_ns;    /* monotonic, when its cgroup was made; 0: before the agent */
	uint64_t listens_ns; /* monotonic; 0: not yet */
	uint64_t stops_ns;   /* monotonic, when it was asked to stop last */
	uint32_t window;     /* number of the running one */
	uint64_t window_ns;  /* monotonic, of its begin */
	uint32_t voided;     /* classes of which events were lost in it */
	bool counts;	     /* adds to the entries' containers: was not observed before */
	bool resumed;	     /* it ran before the agent did: its start was not seen */
	bool unseeded;	     /* and who runs in it is not known yet */
	bool dated;	     /* when it started is known */
	bool sandbox;	     /* the pause container: nothing is learned of it */
	uint32_t enforced;   /* enum enforce_flag that the kernel's side has */
	struct window_set seen;
	struct repeats repeats; /* known, and counted in this window */
	struct buf waiting;
	uint32_t waiting_refused;
	struct process_key malicious[OBSERVER_MALICIOUS];
	uint32_t malicious_n;
	uint64_t syscalls[SYSCALL_WORDS]; /* noted so far in this window */
	struct usage *usage;
	uint64_t looked_ns; /* the reading that its use was looked at */
	bool injected;	    /* somebody from outside was at work in this window */
	uint32_t files_found;
	bool push_failed;		/* the kernel's side did not take them */
	bool resolving;			/* a job looks up its files */
	bool wants_files, wants_places; /* which that job looks up */
	struct places places;		/* allowed to it */
	struct places fresh;		/* found by the job so far */
	bool placed;			/* its places are allowed */
	bool topless;			/* they cannot be said: it is not held to writes */
	bool fresh_topless;		/* the same of what the job found */
	uint32_t placed_known;		/* image->known then */
	uint64_t placed_ns;		/* monotonic */
	uint32_t early;			/* looks at a root that was still the host's */
	uint32_t unable;		/* enum enforce_flag that the kernel's side did not take */
	int enforce_error;		/* what it said last */
	uint32_t known;			/* image->known when the job began */
	bool leaves;			/* it has ended, the job frees it */
};

struct detector_baseline {
	struct agent_services services;
	struct worker *worker;
	struct alerts *alerts;
	struct audit *audit;
	struct baseline_store *store;
	struct behaviour_reader *reader;
	struct breaker *breaker;
	struct response *response;
	struct rates *rates;
	struct observer **observers; /* by slot of the container */
	uint32_t observers_max, observers_n;
	uint64_t began_unix_ns; /* of bulkheadd */
	uint64_t window_length_ns, saved_ns, settled_ns, aged_ns;
	uint32_t next_slot;
	uint32_t host_mounts; /* mount namespace of the host; 0: not known */
	bool wants_syscalls, wants_told;
	uint64_t event_mask;
	uint64_t repeats_seed;
	uint32_t changes; /* of baselines, by requests and age: repeats are looked at anew */
	bool recovered;	  /* what an earlier run left is undone */
	struct process_key acted_on; /* time and process of the event that was counted last */
	struct buf text;
	struct {
		uint64_t events, repeated, noted, judged, deviations, held, waiting_refused;
		uint64_t unknown_images, seen_refused, killed, late_kills, denied, tripped;
		uint64_t actions[ENFORCE_ACTION_COUNT];
		uint64_t runtime;	 /* events before the container's own program ran */
		uint64_t not_learned;	 /* malicious */
		uint64_t usage_refused;	 /* series that found no memory */
		uint64_t learned_held;	 /* of what is learned: counted, not told */
		uint64_t wrongly_killed; /* known by its path, not by its file */
	} counts;
};

/* detector_baseline.c */
struct observer *observer_find(const struct detector_baseline *d, const struct container *c);
uint64_t baseline_now_ns(const struct detector_baseline *d); /* unix */
struct observer *observer_of_event(struct detector_baseline *d, struct container *c);
void observer_resolved(struct observer *o); /* its job is done; it may be gone behind this */
/* Its baseline goes: the container is observed anew with the next look. */
void observer_drop(struct observer *o);
struct image *image_of(struct detector_baseline *d, struct baseline *b);
/* Made when it is new; NULL: no room (counted). */
struct image *image_find(struct detector_baseline *d, const struct baseline_key *k);
void baseline_wants(struct detector_baseline *d); /* tells the agent what is wanted now */
struct maturity_bounds baseline_bounds(const struct detector_baseline *d, bool of_digest);

/* detector_baseline_observe.c */
void observer_take(struct observer *o, const struct behaviour *b, enum seen_phase phase,
		   const struct event_view *v, const struct event_context *c);
void observer_bound(struct observer *o); /* its image is known: what waited is taken */
/* Counts the entry for this container and window. */
void observer_count(struct observer *o, enum baseline_class c, enum seen_phase phase,
		    struct path_entry *entry);
bool entry_is_known(const struct observer *o, enum baseline_class c, const struct seen *s,
		    enum seen_phase phase);

/* detector_baseline_window.c */
void observer_begin(struct observer *o); /* again when more is known of its start */
enum seen_phase observer_phase(const struct observer *o, bool injected);
void observer_windows(struct detector_baseline *d);
void observer_stops(struct observer *o); /* somebody outside asked it to */
void observer_end(struct observer *o);

/* detector_baseline_deviation.c */
void deviation_tell(struct observer *o, const struct behaviour *b, enum seen_phase phase,
		    bool learned, const struct event_view *v, const struct event_context *c);
void deviation_digests(struct detector_baseline *d, bool all);

/* detector_baseline_version.c */
void observer_find_version(struct observer *o); /* its digest */
/* Its place among the digests is still its own: more run than there is room for otherwise. */
static inline bool observer_has_version(const struct observer *o)
{
	return o->image->versions[o->digest] == o->version;
}

/* detector_baseline_mode.c */
struct span image_key(const struct image *i, char out[IMAGE_KEY_BYTES]);
/* 0; -EPERM with the reason: it cannot be enforced. by: "bulkhead", "root", "config". */
int image_set_mode(struct detector_baseline *d, struct image *i, enum baseline_mode mode,
		   const char *by, struct err *e);
/* The same question alone: whether it could be enforced now. */
int image_may_enforce(const struct detector_baseline *d, const struct image *i, struct err *e);
void image_promote(struct detector_baseline *d, struct image *i);
void modes_of_config(struct detector_baseline *d, struct image *i);

/* detector_baseline_enforce.c */
void enforce_observer(struct observer *o); /* the mode, or what is known, has changed */
void enforce_image(struct detector_baseline *d, struct image *i);
/* Nothing is enforced of the image until all was looked up again: what belongs to it must not be
 * stopped meanwhile. */
void enforce_forget(struct detector_baseline *d, struct image *i);
/* Its files are looked up again before anything is enforced anew. */
static inline void image_known_changed(struct image *i)
{
	memset(i->resolved, 0, sizeof(i->resolved));
	memset(i->peered, 0, sizeof(i->peered));
	memset(i->partly, 0, sizeof(i->partly));
	i->known++;
}
/* Whether deviations of a class are acted on in this container. */
bool enforce_acts(const struct observer *o, enum baseline_class c);
void enforce_known(struct observer *o, enum baseline_class c, const struct seen *s,
		   const struct event_view *v);
/* The image goes back to detect, with an alert. */
void enforce_refuse(struct observer *o, const char *why);
uint32_t enforce_slot(struct detector_baseline *d, struct image *i, unsigned digest);

/* detector_baseline_places.c */
void places_collect(const struct observer *o, struct enforce_files *files); /* for a look */
void places_found(struct observer *o, const struct enforce_file *f);
void places_take(struct observer *o); /* what was found is allowed, what was allowed is not */
bool places_are_fresh(const struct observer *o);
void places_end(struct observer *o);	 /* the container ended: its own are not allowed any more */
void places_release(struct observer *o); /* memory alone; the kernel's side has forgotten them */
/* Allows the networks of its image; 0, -errno. */
int peers_push(struct observer *o);
/* What is configured as deny cannot be refused there: told once. why: static. */
void enforce_partly(struct observer *o, enum baseline_class c, const char *why);

/* detector_baseline_act.c */
/* What happens to a deviation of a class, for people; *why: what keeps it from more, or NULL. */
const char *enforce_means(const struct detector_baseline *d, const struct image *i,
			  enum baseline_class c, const char **why);
/* People believe that an image is enforced: whatever ends it is an alert. */
void enforce_tell_ended(struct detector_baseline *d, const struct image *i, const char *rule,
			const char *what, const char *why);
/* Asks the breaker; false: it must not be done. */
bool enforce_may_act(struct observer *o);
/* What was done about it: for the alert. false: nothing was to be done. */
struct enforced {
	enum alert_action action;
	char outcome[160];
};
bool enforce_deviation(struct observer *o, const struct behaviour *b, enum seen_phase phase,
		       const struct event_view *v, const struct event_context *c,
		       struct enforced *out);
void enforce_died(struct detector_baseline *d, const struct container *c);
int enforce_start(struct detector_baseline *d, struct err *e);
void enforce_tick(struct detector_baseline *d);
void enforce_configure(struct detector_baseline *d);

/* detector_baseline_usage.c */
void usage_look(struct detector_baseline *d);
void usage_end(struct observer *o); /* what was told of it is over */
void usage_free(struct usage *u);

#endif
