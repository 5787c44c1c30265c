// SPDX-License-Identifier: GPL-2.0-or-later
/* Entries of a baseline for all formats: in order, as patterns, as networks. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "detector/baseline_export_internal.h"
#include "detector/behaviour.h"

#define PARENT_MARK " < "

/* --- lists --------------------------------------------------------------------------------- */

bool export_whole(struct export *x, struct span pattern, struct span *out)
{
	(void)x;
	*out = pattern;
	return true;
}

/* The key that the tree's pattern stands for. */
static void put_key(struct buf *b, struct span pattern)
{
	enum export_piece piece;
	char byte;

	while ((piece = export_next(&pattern, &byte)) != PIECE_END)
		if (piece == PIECE_BYTE)
			buf_add_char(b, byte);
		else
			buf_add_str(b, piece == PIECE_STAR ? "*" : "**");
}

/* Before the mark. It is there once in keys of our own making, in others the last one counts. */
static struct span before_mark(struct span key)
{
	const size_t mark = strlen(PARENT_MARK);

	for (size_t at = key.n; at >= mark; at--)
		if (memcmp(key.p + at - mark, PARENT_MARK, mark) == 0)
			return (struct span){ key.p, at - mark };
	return key;
}

/* Long names end in '~' and a hash: any end may be meant. */
static size_t without_hash(struct span s)
{
	const size_t tail = 1 + 16;

	if (s.n < BEHAVIOUR_MAX_PART - 64 || s.n < tail || s.p[s.n - tail] != '~')
		return s.n;
	for (size_t i = s.n - 16; i < s.n; i++)
		if (parse_hex_digit(s.p[i]) < 0)
			return s.n;
	return s.n - tail;
}

bool export_program(struct export *x, struct span pattern, struct span *out)
{
	struct buf *b = &x->scratch;

	buf_clear(b);
	put_key(b, pattern);
	struct span part = before_mark((struct span){ b->data, b->len });
	const size_t whole = part.n, cut = without_hash(part);
	const size_t from = b->len;

	buf_reserve(b, cut + 2); /* the part must not move under our feet */
	if (b->failed)
		return false;
	part = (struct span){ b->data, cut };
	while (part.n > 0) {
		const bool mark = span_starts(part, "\\x3c"); /* as '<' is written in keys */
		const size_t used = mark ? 4 : part.p[0] == '\\' && part.n > 1 ? 2 : 1;

		buf_add(b, mark ? "<" : part.p, mark ? 1 : used);
		part.p += used;
		part.n -= used;
	}
	if (cut < whole)
		buf_add_str(b, "**");
	*out = (struct span){ b->data + from, b->len - from };
	return !b->failed;
}

struct gather {
	struct export *x;
	struct export_list *out;
	size_t room;
	export_pick_fn pick;
	bool failed;
};

static bool count_one(void *ctx, struct span pattern, struct path_entry *entry)
{
	struct gather *g = ctx;

	(void)pattern;
	(void)entry;
	g->room++;
	return true;
}

static bool add_one(void *ctx, struct span pattern, struct path_entry *entry)
{
	struct gather *g = ctx;
	struct span s;

	if (entry->seen.flags & SEEN_REJECTED)
		return true;
	if (!g->pick(g->x, pattern, &s)) {
		g->failed = true;
		return false;
	}
	if (s.n == 0)
		return true;
	const struct span copy = arena_copy(&g->x->arena, s);

	if (!copy.p || g->out->n >= g->room)
		return false;
	g->out->items[g->out->n++] = copy;
	return true;
}

static int order_bytes(const void *a, const void *b)
{
	const struct span *x = a, *y = b;
	const size_t n = x->n < y->n ? x->n : y->n;
	const int d = memcmp(x->p, y->p, n);

	return d ? d : (x->n > y->n) - (x->n < y->n);
}

int export_list(struct export *x, enum baseline_class c, export_pick_fn pick,
		struct export_list *out)
{
	struct gather g = { .x = x, .out = out, .pick = pick };
	const struct path_tree *t = x->b->sets[c].tree;
	size_t kept = 0;

	path_tree_each(t, count_one, &g);
	*out = (struct export_list){ .items = arena_zeroed(&x->arena, g.room ? g.room : 1,
							   sizeof(*out->items)) };
	if (out->items)
		path_tree_each(t, add_one, &g);
	if (!out->items || x->arena.failed || g.failed)
		return err_set(x->e, ENOMEM, "no memory for the export");
	qsort(out->items, out->n, sizeof(*out->items), order_bytes);
	for (size_t i = 0; i < out->n; i++)
		if (kept == 0 || order_bytes(&out->items[kept - 1], &out->items[i]) != 0)
			out->items[kept++] = out->items[i];
	out->n = kept;
	return 0;
}

bool export_list_has(const struct export_list *l, struct span s)
{
	return l->n > 0 && bsearch(&s, l->items, l->n, sizeof(*l->items), order_bytes);
}

/* --- patterns ------------------------------------------------------------------------------ */

enum export_piece export_next(struct span *rest, char *byte)
{
	if (rest->n == 0)
		return PIECE_END;
	size_t used = 1;
	enum export_piece piece = PIECE_BYTE;

	*byte = rest->p[0];
	if (*byte == '\\' && rest->n > 1) {
		*byte = rest->p[1];
		used = 2;
	} else if (*byte == '*') {
		piece = PIECE_STAR;
		if (rest->n > 1 && rest->p[1] == '*') {
			piece = PIECE_DEEP;
			used = 2;
		}
	}
	rest->p += used;
	rest->n -= used;
	return piece;
}

#define MEET_MAX 128 /* pieces of the shorter pattern: rows of our own are */

struct piece {
	enum export_piece kind;
	char byte;
};

static bool takes(const struct piece *wild, char c)
{
	return wild->kind == PIECE_DEEP || (wild->kind == PIECE_STAR && c != '/');
}

/* Steps within one row: wildcards of b end, or take a's bytes. */
static void spread(bool *row, const struct piece *b, size_t n)
{
	for (size_t j = 0; j < n; j++)
		if (row[j] && b[j].kind != PIECE_BYTE)
			row[j + 1] = true;
}

static void step(const struct piece *a, const struct piece *b, size_t n, const bool *row,
		 bool *next)
{
	memset(next, 0, (n + 1) * sizeof(*next));
	for (size_t j = 0; j <= n; j++) {
		if (!row[j])
			continue;
		if (a->kind != PIECE_BYTE) {
			next[j] = true; /* a's wildcard ends, or goes on to take b's bytes */
			for (size_t k = j;
			     k < n && (b[k].kind != PIECE_BYTE || takes(a, b[k].byte)); k++)
				next[k + 1] = true;
		} else if (j < n && b[j].kind == PIECE_BYTE) {
			next[j + 1] |= a->byte == b[j].byte;
		} else if (j < n && takes(&b[j], a->byte)) {
			next[j] = true;
		}
	}
	spread(next, b, n);
}

/* Both are walked at once: row[j] tells whether what was read of a can be b's first j pieces. */
bool export_patterns_meet(struct span a, struct span b)
{
	struct piece pieces[MEET_MAX], one;
	bool rows[2][MEET_MAX + 1] = { { true } };
	size_t n = 0, at = 0;

	while (n < MEET_MAX && (pieces[n].kind = export_next(&b, &pieces[n].byte)) != PIECE_END)
		n++;
	if (b.n > 0)
		return true;
	spread(rows[0], pieces, n);
	for (; (one.kind = export_next(&a, &one.byte)) != PIECE_END; at = !at)
		step(&one, pieces, n, rows[at], rows[!at]);
	return rows[at][n];
}

/* --- peers --------------------------------------------------------------------------------- */

static bool is_wild(struct span s)
{
	return span_eq(s, "*") || span_eq(s, "**");
}

static bool read_protocol(struct span s, struct export_peer *out)
{
	static const struct {
		const char *name;
		enum export_protocol protocol;
		int family;
	} rows[] = {
		{ "tcp", EXPORT_TCP, AF_INET },	  { "udp", EXPORT_UDP, AF_INET },
		{ "tcp6", EXPORT_TCP, AF_INET6 }, { "udp6", EXPORT_UDP, AF_INET6 },
		{ "*", EXPORT_ANY, AF_UNSPEC },	  { "**", EXPORT_ANY, AF_UNSPEC },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (span_eq(s, rows[i].name)) {
			out->protocol = rows[i].protocol;
			out->family = rows[i].family;
			return true;
		}
	return false;
}

static bool read_port(struct span s, struct export_peer *out)
{
	if (is_wild(s))
		return true;
	return parse_u32(s, &out->port) && out->port > 0 && out->port <= UINT16_MAX;
}

bool export_port_parse(struct span pattern, struct export_peer *out)
{
	struct span rest = pattern, word;

	*out = (struct export_peer){ 0 };
	if (!span_next(&rest, '/', &word) || !read_protocol(word, out))
		return false;
	const bool everything = span_eq(word, "**");

	out->family = AF_UNSPEC;
	if (!span_next(&rest, '/', &word))
		return everything;
	return read_port(word, out) && !span_next(&rest, '/', &word);
}

/* One segment of the address into its place; false: it is none. */
static bool read_part(struct span s, struct export_peer *out, unsigned at)
{
	uint64_t v;

	if (out->family == AF_INET) {
		if (!parse_u64(s, &v) || v > UINT8_MAX)
			return false;
		out->address[at] = (uint8_t)v;
		return true;
	}
	if (s.n > 4 || !parse_hex_u64(s, &v) || v > UINT16_MAX)
		return false;
	out->address[2 * at] = (uint8_t)(v >> 8);
	out->address[2 * at + 1] = (uint8_t)v;
	return true;
}

/* Up to the first wildcard: a network knows no other form. */
static bool read_address(struct span *rest, struct export_peer *out)
{
	const unsigned parts = out->family == AF_INET ? 4 : 8,
		       each = out->family == AF_INET ? 8 : 16;
	bool wild = false, deep = false;
	struct span word;
	unsigned n = 0;

	for (; span_next(rest, '/', &word); n++) {
		if (n >= parts || deep)
			return false;
		if (is_wild(word)) {
			wild = true;
			deep = span_eq(word, "**");
		} else if (wild) {
			out->widened = true;
		} else if (!read_part(word, out, n)) {
			return false;
		} else {
			out->bits += each;
		}
	}
	return n == parts || deep;
}

bool export_peer_parse(struct span pattern, struct export_peer *out)
{
	struct span rest = pattern, word;

	*out = (struct export_peer){ 0 };
	if (!span_next(&rest, '/', &word) || !read_protocol(word, out))
		return false;
	if (out->protocol == EXPORT_ANY) { /* of either family: no network can be said */
		out->widened = !span_eq(pattern, "**");
		return true;
	}
	if (!span_next(&rest, '/', &word) || !read_port(word, out))
		return false;
	return (span_eq(word, "**") && !rest.p) || read_address(&rest, out);
}

static int order_peers(const void *a, const void *b)
{
	const struct export_peer *x = a, *y = b;

	if (x->protocol != y->protocol)
		return x->protocol < y->protocol ? -1 : 1;
	if (x->port != y->port)
		return x->port < y->port ? -1 : 1;
	if (x->family != y->family)
		return x->family < y->family ? -1 : 1;
	const int d = memcmp(x->address, y->address, sizeof(x->address));

	return d ? d : (x->bits > y->bits) - (x->bits < y->bits);
}

int export_peers(struct export *x, enum baseline_class c, struct export_peers *out)
{
	struct export_list list;
	int r = export_list(x, c, export_whole, &list);
	size_t kept = 0;

	*out = (struct export_peers){ .items = arena_zeroed(&x->arena, list.n ? list.n : 1,
							    sizeof(*out->items)) };
	if (r < 0 || !out->items)
		return r < 0 ? r : err_set(x->e, ENOMEM, "no memory for the export");
	for (size_t i = 0; i < list.n; i++) {
		struct export_peer *p = &out->items[out->n];
		const bool fits = c == BASELINE_LISTEN ? export_port_parse(list.items[i], p)
						       : export_peer_parse(list.items[i], p);

		out->n += fits;
		out->odd += !fits;
	}
	qsort(out->items, out->n, sizeof(*out->items), order_peers);
	for (size_t i = 0; i < out->n; i++)
		if (kept == 0 || order_peers(&out->items[kept - 1], &out->items[i]) != 0)
			out->items[kept++] = out->items[i];
	out->n = kept;
	return 0;
}

void export_put_net(struct buf *b, const struct export_peer *p)
{
	char text[INET6_ADDRSTRLEN];

	if (inet_ntop(p->family, p->address, text, sizeof(text)))
		buf_printf(b, "%s/%u", text, p->bits);
}
