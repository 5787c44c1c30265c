/* SPDX-License-Identifier: GPL-2.0-or-later */
/* baseline_export_internal - what the formats share: entries in order, patterns piece by piece,
 * peers as networks, names and texts that break nothing. */
#ifndef BULKHEAD_BASELINE_EXPORT_INTERNAL_H
#define BULKHEAD_BASELINE_EXPORT_INTERNAL_H

#include "collector/base/arena.h"
#include "detector/baseline_export.h"

#define EXPORT_MAX_BYTES (4U << 20)  /* of a document */
#define EXPORT_MAX_NOTES (16U << 10) /* of the notes in all */
#define EXPORT_MAX_NAME	 50	     /* of an image within names */

struct export
{
	struct buf *out;  /* the document without its head */
	struct buf notes; /* lines */
	struct buf scratch;
	struct arena arena;
	const struct baseline *b;
	struct err *e;
};

/* Each gives 0 or what baseline_export gives. */
int export_seccomp(struct export *x);
int export_apparmor(struct export *x);
int export_falco(struct export *x);
int export_networkpolicy(struct export *x);

/* --- notes --------------------------------------------------------------------------------- */

/* "warning: ..." or "note: ..." without the newline. */
void export_note(struct export *x, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* How far the classes (1 << c) are learned, where that is not wholly. */
void export_note_maturity(struct export *x, uint32_t classes);
/* Windows of all phases: 0 is no evidence. */
uint64_t export_windows(const struct baseline *b, enum baseline_class c);

/* --- entries ------------------------------------------------------------------------------- */

struct export_list {
	struct span *items; /* of the arena; sorted by bytes, each once */
	size_t n;
};
/* What of a pattern stands in the list; an empty one is left out. False: no memory. */
typedef bool (*export_pick_fn)(struct export *x, struct span pattern, struct span *out);
bool export_whole(struct export *x, struct span pattern, struct span *out);
/* Of "EXE < PARENT" and "SCRIPT < INTERPRETER" the first, as a pattern of its own: within the key,
 * which is no path, wildcards and escapes were data of the tree. */
bool export_program(struct export *x, struct span pattern, struct span *out);
/* Those of a class that nobody rejected. -ENOMEM. */
int export_list(struct export *x, enum baseline_class c, export_pick_fn pick,
		struct export_list *out);
bool export_list_has(const struct export_list *l, struct span s);

/* --- patterns of path_tree.h --------------------------------------------------------------- */

enum export_piece {
	PIECE_END,
	PIECE_BYTE, /* itself, '/' too */
	PIECE_STAR, /* bytes of one segment */
	PIECE_DEEP, /* bytes of any depth */
};
/* Cuts the next piece off *rest; *byte is set for PIECE_BYTE. */
enum export_piece export_next(struct span *rest, char *byte);
/* Whether some path may be of both; rather true than false. */
bool export_patterns_meet(struct span a, struct span b);

/* --- peers and ports ----------------------------------------------------------------------- */

enum export_protocol { EXPORT_ANY, EXPORT_TCP, EXPORT_UDP };

struct export_peer {
	enum export_protocol protocol;
	uint32_t port;	     /* 0: any */
	int family;	     /* AF_INET, AF_INET6; AF_UNSPEC: any address */
	uint8_t address[16]; /* beyond `bits` zeros */
	unsigned bits;
	bool widened; /* more addresses than the entry has */
};
/* False: it is none. */
bool export_peer_parse(struct span pattern, struct export_peer *out);
/* "tcp/8080"; address and family are left alone. */
bool export_port_parse(struct span pattern, struct export_peer *out);
struct export_peers {
	struct export_peer *items; /* of the arena; in order of protocol, port, family, address */
	size_t n, odd;		   /* odd: entries that are no such thing */
};
/* Of LISTEN or CONNECT. -ENOMEM. */
int export_peers(struct export *x, enum baseline_class c, struct export_peers *out);
void export_put_net(struct buf *b, const struct export_peer *p); /* "10.0.0.0/24" */

/* --- what AppArmor is told to refuse, for its test ------------------------------------------ */

/* Patterns of files whose reading the sensor tells, so that what was read is known; ended by NULL.
 */
extern const char *const export_sensitive[];

/* --- names and texts ----------------------------------------------------------------------- */

/* Printable ASCII as it is, all else as \xNN: for comments and descriptions. */
void export_put_ascii(struct buf *b, struct span s);
/* The image and its entry point for a name: lower-case letters, digits and `joint`, beginning with
 * a letter, at most EXPORT_MAX_NAME: "nginx", "ghcr-io-team-app-python-main-py". */
void export_put_name(struct buf *b, const struct baseline *of, char joint);
/* "# " and what the baseline is, then the notes, each line behind "# ". */
void export_put_head(struct buf *b, const struct export *x, const char *what);

#endif
