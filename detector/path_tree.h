/* SPDX-License-Identifier: GPL-2.0-or-later */
/* path_tree - a set of paths that generalises as it grows, so that it stays small and fits the next
 * container, too. One stated algorithm:
 *
 *   1. A path is cut at '/' into segments. With `normalise`, what is no name in a segment becomes a
 *      wildcard at once (see below): "nginx-1234.log" is "nginx-*.log". A wildcard stands for one
 *      or more bytes of one segment, whatever they are, and takes in what it covers beside it.
 *   2. A directory with more than `fan_out` children folds: its children become one, "*", which
 *      has all that was below any of them (united in the same way). The empty name ("x/") does not
 *      count and does not fold.
 *   3. At max_entries or max_bytes detail is given up, until a sixteenth of the nodes is free:
 *      where below a directory there is nothing but "*", depth after depth, it ends as "**" (one
 *      or more segments); then directories with more than fan_out / 4 children fold, the fullest
 *      first, of equally full ones the deepest. The topmost directory never does for this reason.
 *      When nothing is left to give up, what is new is refused: a tree that knows all is worse.
 *      With fan_out 0 nothing folds. Deeper than PATH_TREE_MAX_DEPTH a path is known as "**".
 *
 * A path is covered when it can be walked: by an exact child or any wildcard that covers the
 * segment. Nothing but a removal makes a path unknown that was known. The order in which paths come
 * makes no difference as long as no limit is reached and no wildcard of rule 1 comes into it (of
 * two overlapping ones, "a*" and "*b", the first in order of bytes takes "ab"; what it takes before
 * a directory is too full does not count). Keys of other kinds ("tcp/443/10/0/0/1") use the same
 * tree with `normalise` off; without '/' it is a plain set.
 *
 * Rule 1. Words are runs of letters, digits and bytes above 0x7f; all else separates. These are no
 * names, in this order:
 *   - a UUID (8-4-4-4-12);
 *   - a date: YYYY-MM-DD, DD-MM-YYYY, YYYY-MM (also with '_' or '.'; years 1970 to 2199),
 *     YYYYMMDDT..., and the time and zone behind it; hh:mm:ss;
 *   - eight of [a-z0-9_] behind a word's beginning "tmp" (Python);
 *   - a number (a word of digits) that is the whole segment, or of 8 and more digits, or one
 *     separator behind a wildcard, or behind "tmp" or "temp" and a separator; and, but for
 *     libraries (".so" at the end or before a '.'), the tag of "cpython-311" and parts of a version
 *     ("1.22.1", up to four digits), one of three and more digits, and one of one or two digits
 *     behind '.', '-' or '_' and before '.', or behind '.' at the end ("temp-7.rdb", "syslog.1");
 *   - a word of 8 and more hexadecimal digits, one of them 0 to 9;
 *   - a word that looks random: it has digits, small and capital letters, 6 or more, and changes
 *     kind nearly every second byte (not at a capital before a small letter: n <= 2 * changes + 2);
 *     eight of [a-z0-9] behind a separator with two changes; eight and more with digits and letters
 *     and n <= 2 * changes + 3 (neither in libraries);
 *   - what mktemp puts behind "tmp.": six and more with digits and letters, or small and capital
 *     letters mixed;
 *   - digits at the end of a word: six and more; or any behind "tmp" or "temp", three and more
 *     behind "build" or "pid" ("go-build1234"); not in libraries.
 * Two wildcards with one separator between are one. A segment with more than four, or longer than
 * 255 bytes, is a wildcard as a whole. Words without a sign ("deadbeef", "aBcDeF") stay: one that
 * is found makes a wildcard which covers the others.
 *
 * Bytes are hostile: any but NUL may occur, '*' in a path is data and is kept apart from a wildcard
 * (escaped as "\*" in patterns, '\' as "\\"). One thread at a time. */
#ifndef BULKHEAD_PATH_TREE_H
#define BULKHEAD_PATH_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/base/buf.h"
#include "collector/base/err.h"
#include "collector/base/parse.h"
#include "detector/seen.h"

#define PATH_TREE_MAX_PATH  4096
#define PATH_WILDCARD_MAX   31
#define PATH_TREE_MAX_DEPTH 64 /* segments; what is deeper is known as "**" */

struct path_tree;

struct path_tree_settings {
	uint32_t fan_out;     /* children before a directory folds; 0: never */
	uint32_t max_entries; /* see rule 3; then -ENOSPC */
	uint32_t max_bytes;   /* memory of the whole tree; the same */
	bool normalise;
};

/* One known path or pattern. Good until the next call that changes the tree. */
struct path_entry {
	struct seen seen;
	uint32_t id; /* of this tree, never used again; entries that fold keep the smallest */
};

int path_tree_new(struct path_tree **out, const struct path_tree_settings *s, struct err *e);
void path_tree_free(struct path_tree *t); /* NULL is fine */

/* The entry that covers the path; made when there is none (*made, which may be NULL). The caller
 * counts in entry->seen. -ENOSPC (counted), -EINVAL: empty, too long or with a NUL. */
int path_tree_add(struct path_tree *t, struct span path, struct path_entry **out, bool *made);
/* The same for a pattern as path_tree_each gives it ("/var/log/ *.log" without the blank), which is
 * not normalised. -EPROTO: no pattern: empty, too long, "**" that is not a whole segment or not the
 * last, '\' before anything but '*' and '\'. */
int path_tree_add_pattern(struct path_tree *t, struct span pattern, struct path_entry **out);
/* The entry that covers it, or NULL. A directory that is only passed through is none. */
struct path_entry *path_tree_find(const struct path_tree *t, struct span path);
/* The wildcard that takes the last name of a known path: it takes all names in that directory that
 * it covers. False: an exact name does, or "**", or it is longer than a path_wildcard. */
struct path_wildcard {
	uint8_t n;
	char p[PATH_WILDCARD_MAX]; /* as the tree has it */
};
bool path_tree_wildcard(const struct path_tree *t, struct span path, struct path_wildcard *out);
bool path_wildcard_covers(const struct path_wildcard *w, struct span name);
/* By its exact pattern, or NULL. */
struct path_entry *path_tree_find_pattern(const struct path_tree *t, struct span pattern);
/* The nearest known one: the most leading segments in common, then the most seen. Its pattern goes
 * to *text. NULL: the tree is empty. */
struct path_entry *path_tree_nearest(const struct path_tree *t, struct span path, struct buf *text);
bool path_tree_remove(struct path_tree *t, struct span pattern); /* false: there is none */

/* Each entry with its pattern, a directory before what is below it, siblings in the order of bytes,
 * wildcards first; stops when fn returns false. fn may change entry->seen, not the tree. */
void path_tree_each(const struct path_tree *t,
		    bool (*fn)(void *ctx, struct span pattern, struct path_entry *entry),
		    void *ctx);
/* Removes those for which fn is true. Entries removed. */
uint32_t path_tree_remove_if(struct path_tree *t,
			     bool (*fn)(void *ctx, struct span pattern, struct path_entry *entry),
			     void *ctx);

struct path_tree_stats {
	uint32_t entries, nodes, folds;
	uint64_t refused;
	size_t bytes;
};
struct path_tree_stats path_tree_stats(const struct path_tree *t);

/* What one segment becomes by rule 1, as a pattern; for texts and tests. */
void path_tree_segment(struct span segment, struct buf *out);
/* A whole path by rule 1 alone (no tree): "/tmp/tmp.Xy12ab/x" is "/tmp/tmp.*" + "/x". */
void path_tree_normalise(struct span path, struct buf *out);

#endif
