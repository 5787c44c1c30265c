/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rule_file_internal - between rule_file*.c and rule_set*.c: YAML as a tree, places in a file. */
#ifndef BULKHEAD_RULE_FILE_INTERNAL_H
#define BULKHEAD_RULE_FILE_INTERNAL_H

#include "detector/rule_file.h"

enum rule_style { STYLE_PLAIN, STYLE_SINGLE, STYLE_DOUBLE, STYLE_BLOCK };

/* A scalar as it stands in its file. */
struct rule_scalar {
	struct span file_bytes;
	size_t begin;	       /* byte of the file: its quote, or the '>' of a block */
	uint32_t line, column; /* of that byte, from 1 */
	enum rule_style style;
};

/* A text put together of scalars, each from text[from] on. */
struct rule_segment {
	uint32_t from;
	bool whole; /* the text is not the scalar's: every byte of it is placed where that begins */
	struct span file;
	struct rule_scalar scalar;
};
struct rule_places {
	size_t n;
	struct rule_segment *list;
};

const struct rule_segment *rule_places_at(const struct rule_places *p, uint32_t at);
/* condition_source.place; place_data is a struct rule_places. */
void rule_place(const struct condition_source *s, uint32_t at, uint32_t *line, uint32_t *column);

/* A node of YAML; of a mapping the children are key, value, key, value. */
enum rule_yaml_kind { YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING };
struct rule_yaml {
	enum rule_yaml_kind kind;
	struct rule_yaml *children, *next;
	size_t n; /* children */
	struct span text;
	struct rule_scalar at; /* of sequences and mappings: line and column alone */
};

struct rule_reader {
	struct arena *arena;
	struct span file, bytes;
	struct rule_items *items;
	struct rule_messages *messages;
	/* of the item that is read */
	struct span what, name;
	bool broken;
};

/* Calls `item` for each element of each document; its tree lives during the call. Faults are
 * messages; false: the rest of the file cannot be read. */
bool rule_yaml_read(struct rule_reader *r,
		    void (*item)(struct rule_reader *r, const struct rule_yaml *item));

/* NULL: no such key. */
const struct rule_yaml *rule_yaml_get(const struct rule_yaml *map, const char *key);
bool rule_yaml_is_null(const struct rule_yaml *y);

/* An error of the item that is read; y: where, or NULL. */
void rule_reader_error(struct rule_reader *r, const struct rule_yaml *y, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
void rule_reader_warning(struct rule_reader *r, const struct rule_yaml *y, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
/* Keys of a mapping that are none of these are warned of. The list ends with NULL. */
void rule_reader_check_keys(struct rule_reader *r, const struct rule_yaml *map,
			    const char *const *known);

/* A scalar that is not empty. false: an error was told. */
bool rule_read_text(struct rule_reader *r, const struct rule_yaml *y, const char *key,
		    struct rule_text *out);
/* The same with a source, for what is parsed later. */
bool rule_read_source(struct rule_reader *r, const struct rule_yaml *y, const char *key,
		      struct rule_text *out);
bool rule_read_bool(struct rule_reader *r, const struct rule_yaml *y, const char *key, bool *out);
/* A sequence of scalars. */
bool rule_read_texts(struct rule_reader *r, const struct rule_yaml *y, const char *key,
		     struct rule_texts *out);

void rule_read_exceptions(struct rule_reader *r, const struct rule_yaml *y, struct rule_item *item);
void rule_read_plugins(struct rule_reader *r, const struct rule_yaml *y, struct rule_item *item);
void rule_read_override(struct rule_reader *r, const struct rule_yaml *y, struct rule_item *item);

#endif
