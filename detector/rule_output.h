/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rule_output - "%proc.name ran %proc.args": a text with fields in it, compiled once, filled for
 * each match. Owner: the thread of the events. */
#ifndef BULKHEAD_RULE_OUTPUT_H
#define BULKHEAD_RULE_OUTPUT_H

#include "collector/base/arena.h"
#include "detector/byte_map.h"
#include "detector/condition.h"
#include "detector/field.h"

#define RULE_OUTPUT_MAX_FIELDS 64
#define RULE_OUTPUT_MAX_BYTES  16384 /* of the text */
#define RULE_OUTPUT_MAX_WIDTH  1024

struct rule_output_field {
	struct span token; /* as it stands, without '%': "proc.aname[2]", "tolower(proc.name)" */
	const struct field_ref *ref;
	enum condition_transform transform; /* TRANSFORM_FIELD: none */
	uint32_t width;			    /* %10proc.name: padded or cut; 0: as it is */
	size_t before;			    /* text before it: bytes of output->text up to here */
	bool repeated;			    /* the token stands before it too: once in JSON */
};

struct rule_output {
	struct span text; /* literal parts, one after the other */
	struct rule_output_field *fields;
	size_t fields_n;
	bool all; /* the text began with "*", or Falco would put one there: print with <NA> */
};

/* Fields of many outputs, so that the same one is kept once: zeroed at first, of one arena. */
struct rule_output_refs {
	struct byte_map ids;
	const struct field_ref **list;
	uint32_t cap;
};

/* `refs` may be NULL: each output has its own then. `source` names the text and its place. A field
 * is the longest name that is known, as in Falco;
 * "%container.info" becomes the fields that Falco's container plugin suggests; "%%" is one '%'.
 * 0; -EINVAL with place; -EOPNOTSUPP: a field that bulkhead cannot serve. */
int rule_output_compile(struct arena *a, struct rule_output_refs *refs,
			const struct condition_source *source, struct span text,
			struct rule_output *out, struct err *e);

/* What Falco appends to each output by default: container_id=%container.id ... */
extern const char rule_output_suggested[];
/* The text with a blank and that behind it, in the arena, unless %container.info is in the text;
 * places in the text stay the same. An empty span: no memory. */
struct span rule_output_with_suggested(struct arena *a, struct span text);

/* Appends the filled text (bytes as they are: who writes it out escapes). Missing: "<NA>". */
void rule_output_print(struct buf *b, const struct rule_output *o, struct field_event *ev);

/* One field's text; false: missing. */
bool rule_output_field(struct buf *b, const struct rule_output_field *f, struct field_event *ev);

/* {"proc.name":"bash","proc.pid":7,"container.name":null}: numbers as numbers, as Falco's
 * output_fields. */
void rule_output_json(struct buf *b, const struct rule_output *o, struct field_event *ev);

#endif
