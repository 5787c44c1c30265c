/* SPDX-License-Identifier: GPL-2.0-or-later */
/* response_internal - what the parts of response share. */
#ifndef BULKHEAD_RESPONSE_INTERNAL_H
#define BULKHEAD_RESPONSE_INTERNAL_H

#include "collector/base/buf.h"
#include "detector/response.h"
#include "detector/ulid.h"

#define VALUE_BYTES	48 /* "18446744073709551615 1000000" */
#define NO_LIMIT	UINT64_MAX
#define MAX_DEPTH	16   /* of cgroups below a container's that are walked */
#define MAX_WALKED	1024 /* directories of one walk */
#define PROCS_MAX_BYTES (1u << 20)

/* --- response_cgroup.c: one value of one cgroup ------------------------------------------------
 */

enum hierarchy { HIERARCHY_V2, HIERARCHY_FREEZER, HIERARCHY_CPU, HIERARCHY_WATCHED };

/* Values are text of one form, whatever the version: "0" and "1"; "max PERIOD" and "QUOTA PERIOD"
 * in microseconds. */
enum cgroup_file { FILE_FREEZE_V2, FILE_FREEZE_V1, FILE_CPU_V2, FILE_CPU_V1, CGROUP_FILES };
extern const char *const cgroup_file_names[CGROUP_FILES]; /* as in the journal */

struct place {
	enum hierarchy hierarchy;
	uint64_t inode; /* never given to a second directory while the kernel runs */
	char *path;	/* from the hierarchy's root, with a leading '/'; owned */
};

struct change {
	enum cgroup_file file;
	struct place place;
	char before[VALUE_BYTES], set[VALUE_BYTES];
};

enum undo_result {
	UNDO_DONE,
	UNDO_SAME /* it was so already */,
	UNDO_GONE,
	UNDO_LEFT,
	UNDO_FAILED
};

bool place_is_sane(const char *path); /* absolute, not the root, no ".." */
/* Where the target's cgroup is; out->path is the caller's to free. -ENOENT, -EPERM (root, ours). */
int place_find(const struct response_settings *s, const struct response_target *t, enum hierarchy h,
	       struct place *out, struct err *e);
/* Its directory, O_RDONLY; -ENOENT: gone; -ESTALE: another one has its name. */
int place_open(const struct cgroup_layout *l, const struct place *p, struct err *e);
const char *hierarchy_name(const struct cgroup_layout *l, enum hierarchy h); /* "" for v2 */
enum hierarchy hierarchy_of(enum cgroup_file f);

bool cpu_value_parse(struct span text, uint64_t *quota_us, uint64_t *period_us);
int value_read(int dir_fd, enum cgroup_file f, char out[VALUE_BYTES], struct err *e);
int value_write(int dir_fd, enum cgroup_file f, const char *value, struct err *e);

int change_apply(const struct cgroup_layout *l, const struct change *c, struct err *e);
/* LEFT and FAILED fill *e. */
enum undo_result change_undo(const struct cgroup_layout *l, const struct change *c, struct err *e);
bool change_holds(const struct cgroup_layout *l, const struct change *c); /* still what we set */

/* --- response_plan.c: what an action changes ---------------------------------------------------
 * In the order in which it can be made: cgroups below the container's first, its own last. */

#define PLAN_MAX (RESPONSE_MAX_CHANGES + 1)
struct plan {
	unsigned n;
	struct change list[PLAN_MAX];
};

int plan_make(const struct response_settings *s, const struct response_target *t,
	      enum response_action a, struct plan *out, struct err *e);
void plan_release(struct plan *p);

/* --- response_stop.c ---------------------------------------------------------------------------
 */

/* SIGTERM to the first process, if it is in the cgroup. */
int stop_ask(const struct response_settings *s, const struct place *p, pid_t pid, struct err *e);
bool stop_is_empty(const struct cgroup_layout *l, const struct place *p);
/* SIGKILL to all in it, those that come meanwhile not included. */
int stop_force(const struct response_settings *s, const struct place *p, struct err *e);

/* --- response_journal.c: one file a response ---------------------------------------------------
 */

struct record {
	char id[ULID_BYTES], boot[40];
	enum response_action action;
	uint64_t begun_unix_ns, until_unix_ns;
	char *container, *image; /* owned */
	struct change *changes;	 /* owned, as their paths */
	unsigned n;
};

void record_release(struct record *rec);
void record_print(struct buf *b, const struct record *rec);
/* -EINVAL: damaged. -EBADMSG: so is it, but *out is filled: whatever was flipped in a freeze,
 * undoing what it says can do no harm. (A throttle could be raised above what was there.) */
int record_parse(struct span text, struct record *out, struct err *e);

/* These wait for the disk. */
int journal_write(int state_fd, const char *id, struct span text, struct err *e);
int journal_remove(int state_fd, const char *id, struct err *e);
void journal_set_aside(int state_fd, const char *id);
/* Calls fn for each whole file, oldest first, and takes half-written ones away. e_read of fn: why
 * it cannot be read, else NULL. */
typedef void (*journal_fn)(void *ctx, const char *id, struct span text, const struct err *e_read);
int journal_each(int state_fd, journal_fn fn, void *ctx, struct err *e);

/* --- response.c, response_entry.c ------------------------------------------------------------
 */

enum entry_state {
	ENTRY_WRITING,	/* its journal file is being made; nothing is changed */
	ENTRY_ACTIVE,	/* changed */
	ENTRY_REMOVING, /* put back; the file is to go */
	ENTRY_STOPPING, /* a stop: there is no file */
};

struct entry {
	struct worker_job job; /* first member */
	struct response *r;
	struct record rec;
	unsigned made; /* of its changes, the first so many: others' are never undone */
	enum entry_state state;
	enum response_reason reason; /* of its undoing */
	bool ended;		     /* it is to be undone, or called off while being written */
	bool stuck;		     /* undoing failed and was told */
	bool busy, ran;		     /* its job is the worker's; has run */
	uint64_t until_ns;	     /* 0: no lease; of a stop: when SIGKILL is due */
	uint64_t again_ns;	     /* when to look at it again */
	int result;		     /* of the job */
	struct err why;
	struct buf text;    /* of the file, for the job */
	struct place place; /* of a stop */
	uint64_t give_up_ns;
};

struct response {
	struct response_settings set;
	char boot_id[40];
	struct ulid_source ids;
	struct entry *list[RESPONSE_MAX];
	unsigned n;
	bool waiting; /* for the disk: at start and at the end */
	/* What an earlier run left could not be read whole: tried again then. wait 0: nothing is
	 * left */
	uint64_t recover_at_ns, recover_wait_ns;
	struct response_stats stats;
};

uint64_t response_boot_ns(const struct response *r);
uint64_t response_unix_ns(const struct response *r);

struct entry *entry_new(struct response *r); /* in the table; NULL: no memory */
void entry_drop(struct entry *e);	     /* out of the table */
void entry_tell(const struct entry *e, enum response_event_kind kind, const char *text);
void entry_begin(struct entry *e); /* writes its file, then makes the change */
/* Puts back what there is. Afterwards *e may be gone. */
void entry_undo(struct entry *e, enum response_reason why);
void entry_remove(struct entry *e);			   /* its file; it may be gone afterwards */
void entry_renew(struct entry *e, enum response_action a); /* its lease */

/* response_recover.c: each second */
void recover_again(struct response *r);

#endif
