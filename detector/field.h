/* SPDX-License-Identifier: GPL-2.0-or-later */
/* field - what rules may ask of an event: proc.name, fd.sip, evt.arg.flags, container.image ...
 *
 * Names, types and meanings are those of Falco's libs, so that rule files work unmodified; what
 * differs is said in rules/README.md. A field that bulkhead knows and cannot serve is told by
 * field_find, never silently absent.
 *
 * Owner: the thread of the events. Extraction allocates nothing: texts that must be put together
 * lie in the event's own scratch. All that is extracted is hostile bytes. */
#ifndef BULKHEAD_FIELD_H
#define BULKHEAD_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/base/buf.h"
#include "collector/base/err.h"
#include "collector/container.h"
#include "collector/event_text.h"
#include "detector/evt_type.h"

#define FIELD_MAX_VALUES    64	   /* of one field of an event: ancestors, mounts, arguments */
#define FIELD_SCRATCH_BYTES 131072 /* for texts put together for one event */
#define FIELD_MAX_ARG	    256	   /* bytes of "[...]" */

enum field_type { /* of what field_get gives, and of what it is compared with */
		  FIELD_STRING,
		  FIELD_BYTES, /* evt.buffer */
		  FIELD_INT,   /* signed 64 */
		  FIELD_UINT,  /* unsigned 64 */
		  FIELD_BOOL,
		  FIELD_PORT,	 /* number, or a service's name in the rule */
		  FIELD_IP,	 /* one address */
		  FIELD_NET,	 /* an address, compared with networks */
		  FIELD_TIME,	 /* ns since the epoch */
		  FIELD_DURATION /* ns */
};

struct field_value {
	union {
		struct span text; /* STRING, BYTES */
		int64_t i;	  /* INT, DURATION */
		uint64_t u;	  /* UINT, PORT, TIME */
		bool b;
		struct {
			uint8_t bytes[16]; /* IPv4 in the first four */
			uint8_t length;	   /* 4 or 16 */
		} ip;
	};
};

enum field_flag {
	FIELD_LIST = 1 << 0,	  /* several values that belong together: `in` wants all of them */
	FIELD_ANY = 1 << 1,	  /* several values, any of which will do: proc.aname without [n] */
	FIELD_BOTH_ENDS = 1 << 2, /* fd.ip, fd.port, fd.net: '=' either end, '!=' neither */
	FIELD_FILTER_ONLY = 1 << 3,
	FIELD_OF_PATH = 1 << 4, /* differs between the two readings of a path, see field_event */
	FIELD_OF_TIME =
		1 << 5,	     /* differs between equal events of a process: repeats must be told */
	FIELD_NAME = 1 << 7, /* fd.sip.name: literals of rules are names to look up */
	FIELD_PRINT_ONLY =
		1 << 8, /* always missing: an output may print it, a condition is refused */
};

enum field_takes { /* what may stand behind a field's name */
		   TAKES_NOTHING,
		   TAKES_LEVEL, /* [n], or nothing: any of them */
		   TAKES_INDEX, /* [n], or nothing: all of it */
		   TAKES_NAME,	/* [NAME], or nothing: all of them */
		   TAKES_KEY,	/* [KEY] or .KEY */
		   TAKES_MOUNT, /* [n] or [glob] */
		   TAKES_ARG,	/* [n] or .NAME of an argument that some event has */
		   TAKES_TYPE,	/* .NAME of a type of event */
		   TAKES_SIDE,	/* .src, .dst, or nothing */
};

struct field_event;
struct field_ref;

struct field_def {
	const char *name; /* "proc.aname" */
	const char *text; /* one line for people */
	enum field_type type;
	unsigned flags;
	uint8_t cost;	      /* 0: at hand, 1: a look-up, 2: put together, 3: several of these */
	uint64_t events;      /* EVENT_BIT mask of types that can have it; 0: all */
	const char *unserved; /* why bulkhead cannot tell it; NULL: it can */
	/* How many values (0: the event has none), at most cap. */
	size_t (*get)(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		      size_t cap);
	int param; /* the table's own */
	enum field_takes takes;
};

struct field_ref { /* a field with its argument, as a rule names it */
	const struct field_def *def;
	char arg[FIELD_MAX_ARG]; /* without brackets; "" and has_arg false: none */
	bool has_arg, has_index;
	uint32_t index;	 /* of a numeric argument */
	uint16_t arg_id; /* of evt.arg.NAME */
	unsigned flags;	 /* def's, less what the argument takes away (FIELD_ANY) */
	enum field_type type;
};

/* By the longest name that fits, as Falco does: "evt.arg.flags" is evt.arg with "flags".
 * 0; -ENOENT: no such field ("unknown field 'x'; did you mean 'y'?"); -EINVAL: its argument is
 * wrong; -EOPNOTSUPP: known, and *e says why bulkhead cannot serve it (*out is filled). */
int field_find(struct span name, struct span arg, bool has_arg, struct field_ref *out,
	       struct err *e);

/* All of them, ended by one without a name: for `rules fields` and documentation. */
const struct field_def *field_table(void);

/* What is not in the event: looked up by the owner. Any member may be NULL. */
struct field_world {
	void *ctx;
	/* Names of users and groups of a container (NULL: of the host). false: not known. */
	bool (*user)(void *ctx, const struct container *c, uint32_t uid, struct span *name);
	bool (*group)(void *ctx, const struct container *c, uint32_t gid, struct span *name);
	bool (*home)(void *ctx, const struct container *c, uint32_t uid, struct span *home);
	/* Names that an address was given by DNS, newest first; how many. */
	size_t (*names)(void *ctx, const struct container *c, const uint8_t *address,
			uint8_t length, struct span *out, size_t cap);
	struct span hostname;
};

enum field_reading {
	READING_LEXICAL,  /* a path as its text says, dots taken out: what Falco sees */
	READING_RESOLVED, /* as the kernel found it: what a symbolic link leads to */
};

/* The names of files of an event, worked out once a reading: half of the rules ask for them, as
 * fd.name, fd.directory ... Only for who says that event and reading stay as they are (keep), and
 * sets it anew when they do not. */
struct field_paths {
	bool keep, has[2];
	struct span path[2];
};

/* One event on its way through the rules. Kept by the caller, filled anew for each event. */
struct field_event {
	const struct event_view *view;
	const struct event_context *context;
	const struct container *container; /* NULL: of the host, not known, or a replay: then
					    * context->container has what there is */
	const struct field_world *world;   /* or NULL */
	enum evt_type type;		   /* evt_type_of(view) */
	uint64_t number;		   /* of the event: from 1 */
	enum field_reading reading;
	size_t scratch_used;
	bool scratch_full; /* a text was cut short or left out; counted by the owner */
	char *scratch;	   /* FIELD_SCRATCH_BYTES */
	struct field_paths paths;
};

static inline size_t field_get(const struct field_ref *r, struct field_event *ev,
			       struct field_value *out, size_t cap)
{
	return r->def->get(r, ev, out, cap);
}

/* false: no event of this type ever has it. Narrower than def->events where the argument says more:
 * evt.arg.NAME. */
bool field_of_type(const struct field_ref *r, enum evt_type t);

/* What container.id says, cheaper than the field. */
enum field_place { PLACE_HOST, PLACE_CONTAINER, PLACE_UNKNOWN /* it has no value */ };
enum field_place field_place(const struct field_event *ev);

/* Whether the two readings of this event's paths differ at all. */
bool field_readings_differ(struct field_event *ev);

/* As Falco prints it: numbers, "true", addresses, flags; times as RFC 3339. Bytes are escaped by
 * who writes them out. */
void field_print(struct buf *b, const struct field_ref *r, const struct field_value *v);

#endif
