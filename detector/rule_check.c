// SPDX-License-Identifier: GPL-2.0-or-later
/* One check: the operator against the field's type, the values read as that type, and the way to
 * test them chosen. Equal checks are one. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "detector/rule_program_internal.h"

#define BIT(op)	  (1u << CONDITION_##op)
#define OPS_SETS  (BIT(IN) | BIT(INTERSECTS) | BIT(EXISTS))
#define OPS_EQUAL (BIT(EQ) | BIT(NE) | OPS_SETS)
#define OPS_ORDER (BIT(LT) | BIT(LE) | BIT(GT) | BIT(GE))
#define OPS_TEXT                                                                                   \
	(OPS_EQUAL | OPS_ORDER | BIT(CONTAINS) | BIT(ICONTAINS) | BIT(STARTSWITH) |                \
	 BIT(ENDSWITH) | BIT(GLOB) | BIT(IGLOB) | BIT(REGEX) | BIT(PMATCH))

/* What may be asked of a type, as Falco's flt_is_comparable. */
static const struct {
	unsigned ops;
	const char *name;
} types[] = {
	[FIELD_STRING] = { OPS_TEXT, "a text" },
	[FIELD_BYTES] = { OPS_TEXT | BIT(BCONTAINS) | BIT(BSTARTSWITH), "bytes" },
	[FIELD_INT] = { OPS_EQUAL | OPS_ORDER, "a number" },
	[FIELD_UINT] = { OPS_EQUAL | OPS_ORDER, "a number" },
	[FIELD_BOOL] = { OPS_EQUAL, "true or false" },
	[FIELD_PORT] = { OPS_EQUAL | OPS_ORDER, "a port" },
	[FIELD_IP] = { OPS_EQUAL, "an address" },
	[FIELD_NET] = { OPS_EQUAL, "an address" },
	[FIELD_TIME] = { OPS_EQUAL | OPS_ORDER, "a time in ns" },
	[FIELD_DURATION] = { OPS_EQUAL | OPS_ORDER, "a duration in ns" },
};

struct building {
	struct rule_program *p;
	const struct condition *c;
	const struct condition_value *values;
	size_t n;
	const struct slot *slot;
	struct check check;
	struct err *e;
};

static int fault(const struct building *b, const struct condition_value *v, const char *expected)
{
	return condition_fault(b->c->source, v->at, EINVAL, b->e,
			       "'%.*s' is not %s, which %.*s is compared with", (int)v->text.n,
			       v->text.p, expected, (int)b->c->left->field.n,
			       b->c->left->field.p ? b->c->left->field.p : "");
}

static int no_memory(const struct building *b)
{
	return b->p->arena.failed
		       ? err_set(b->e, ENOMEM, "no room for the conditions: %u MiB are the most",
				 PROGRAM_MAX_BYTES >> 20)
		       : err_set(b->e, ENOMEM, "no memory for a condition");
}

static void *list_of(struct building *b, size_t size)
{
	return arena_zeroed(&b->p->arena, b->n, size);
}

/* --- values as numbers --------------------------------------------------------------------- */

static bool read_int(struct span s, int64_t *out)
{
	uint64_t u;
	double d;

	if (s.n > 1 && s.p[0] == '+') {
		s.p++;
		s.n--;
	}
	if (s.n > 2 && s.p[0] == '0' && (s.p[1] == 'x' || s.p[1] == 'X')) {
		if (!parse_hex_u64((struct span){ s.p + 2, s.n - 2 }, &u))
			return false;
		*out = (int64_t)u;
		return true;
	}
	if (parse_i64(s, out))
		return true;
	if (!parse_double(s, &d) || d < -9.2e18 || d > 9.2e18 || (double)(int64_t)d != d)
		return false;
	*out = (int64_t)d;
	return true;
}

static bool read_uint(struct span s, uint64_t *out)
{
	int64_t i;

	if (parse_u64(s, out))
		return true;
	if (s.n > 2 && s.p[0] == '0' && (s.p[1] == 'x' || s.p[1] == 'X'))
		return parse_hex_u64((struct span){ s.p + 2, s.n - 2 }, out);
	if (!read_int(s, &i) || i < 0)
		return false;
	*out = (uint64_t)i;
	return true;
}

/* "https": of /etc/services, by either protocol. */
static bool read_service(struct span s, uint64_t *out)
{
	struct servent entry, *found = NULL;
	char name[64], text[2048];

	if (s.n == 0 || s.n >= sizeof(name))
		return false;
	memcpy(name, s.p, s.n);
	name[s.n] = '\0';
	if (getservbyname_r(name, NULL, &entry, text, sizeof(text), &found) != 0 || !found)
		return false;
	*out = ntohs((uint16_t)found->s_port);
	return true;
}

static int build_ints(struct building *b)
{
	int64_t *list = list_of(b, sizeof(*list));

	if (!list)
		return no_memory(b);
	for (size_t i = 0; i < b->n; i++)
		if (!read_int(b->values[i].text, &list[i]))
			return fault(b, &b->values[i], "a number");
	if (b->n == 1) {
		b->check.matcher = MATCH_INT;
		b->check.i = list[0];
		return 0;
	}
	qsort(list, b->n, sizeof(*list), program_order_int);
	b->check.matcher = MATCH_INTS;
	b->check.ints = list;
	return 0;
}

static int build_uints(struct building *b)
{
	uint64_t *list = list_of(b, sizeof(*list));

	if (!list)
		return no_memory(b);
	for (size_t i = 0; i < b->n; i++) {
		const struct span s = b->values[i].text;

		if (!read_uint(s, &list[i]) &&
		    !(b->slot->type == FIELD_PORT && read_service(s, &list[i])))
			return fault(b, &b->values[i],
				     b->slot->type == FIELD_PORT ? "a port or a service's name"
								 : "a number without sign");
	}
	if (b->n == 1) {
		b->check.matcher = MATCH_UINT;
		b->check.u = list[0];
		return 0;
	}
	qsort(list, b->n, sizeof(*list), program_order_uint);
	b->check.matcher = MATCH_UINTS;
	b->check.uints = list;
	return 0;
}

static int build_bool(struct building *b)
{
	bool yes = false, no = false;

	for (size_t i = 0; i < b->n; i++) {
		const struct span s = b->values[i].text;

		if (!span_eq(s, "true") && !span_eq(s, "false"))
			return fault(b, &b->values[i], "true or false");
		if (span_eq(s, "true"))
			yes = true;
		else
			no = true;
	}
	b->check.matcher = yes && no ? MATCH_EXISTS : MATCH_BOOL;
	b->check.b = yes;
	return 0;
}

/* --- addresses ----------------------------------------------------------------------------- */

static bool read_net(struct span s, struct net *out)
{
	char text[INET6_ADDRSTRLEN + 1];
	size_t slash = 0;
	uint32_t bits = 0;

	while (slash < s.n && s.p[slash] != '/')
		slash++;
	if (slash >= sizeof(text))
		return false;
	memcpy(text, s.p, slash);
	text[slash] = '\0';
	*out = (struct net){ .length = 4 };
	if (inet_pton(AF_INET, text, out->bytes) != 1) {
		out->length = 16;
		if (inet_pton(AF_INET6, text, out->bytes) != 1)
			return false;
	}
	out->bits = (uint8_t)(out->length * 8);
	if (slash == s.n)
		return true;
	if (!parse_u32((struct span){ s.p + slash + 1, s.n - slash - 1 }, &bits) ||
	    bits > out->bits)
		return false;
	out->bits = (uint8_t)bits;
	return true;
}

static int build_nets(struct building *b)
{
	struct net *list = list_of(b, sizeof(*list));

	if (!list)
		return no_memory(b);
	for (size_t i = 0; i < b->n; i++)
		if (!read_net(b->values[i].text, &list[i]))
			return fault(b, &b->values[i], "an address or a network (10.0.0.0/8)");
	b->check.matcher = MATCH_NETS;
	b->check.nets = list;
	return 0;
}

/* --- texts --------------------------------------------------------------------------------- */

static int atom_of(struct building *b, struct span text, uint32_t *atom)
{
	struct byte_map *atoms = &b->p->slots[b->check.slot].atoms;

	*atom = byte_map_find(atoms, text);
	if (*atom != BYTE_MAP_NONE)
		return 0;
	*atom = atoms->n;
	return byte_map_add(&b->p->arena, atoms, text, *atom) < 0 ? no_memory(b) : 0;
}

static void remember_name(struct building *b, struct span name)
{
	struct rule_program *p = b->p;

	if (byte_map_find(&p->name_ids, name) == BYTE_MAP_NONE)
		byte_map_add(&p->arena, &p->name_ids, name, p->name_ids.n);
}

static int build_atoms(struct building *b)
{
	uint32_t *list = list_of(b, sizeof(*list));

	if (!list)
		return no_memory(b);
	for (size_t i = 0; i < b->n; i++) {
		int r = atom_of(b, b->values[i].text, &list[i]);

		if (r < 0)
			return r;
		if (b->slot->flags & FIELD_NAME)
			remember_name(b, b->values[i].text);
	}
	b->check.matcher = b->n == 1 ? MATCH_ATOM : MATCH_ATOMS;
	if (b->n == 1)
		b->check.atom = list[0];
	b->check.members = list;
	return 0;
}

/* "cafe" as two bytes. */
static int build_hex(struct building *b)
{
	const struct span s = b->values[0].text;
	char *bytes = arena_zeroed(&b->p->arena, 1, s.n / 2 + 1);

	if (!bytes)
		return no_memory(b);
	for (size_t i = 0; i < s.n; i++) {
		int digit = parse_hex_digit(s.p[i]);

		if (digit < 0 || s.n % 2)
			return fault(b, &b->values[0], "a text of hexadecimal digits, two a byte");
		bytes[i / 2] = (char)((unsigned char)bytes[i / 2] << 4 | digit);
	}
	b->check.matcher = b->c->op == CONDITION_BCONTAINS ? MATCH_CONTAINS : MATCH_STARTS;
	b->check.text = (struct span){ bytes, s.n / 2 };
	return 0;
}

static int build_prefixes(struct building *b)
{
	b->check.matcher = b->c->op == CONDITION_PMATCH ? MATCH_PATHS : MATCH_PREFIXES;
	for (size_t i = 0; i < b->n; i++) {
		struct span s = b->values[i].text;

		while (b->c->op == CONDITION_PMATCH && s.n > 0 && s.p[s.n - 1] == '/')
			s.n--;
		int r = prefix_set_add(&b->p->arena, &b->check.prefixes, s);

		if (r == -E2BIG)
			return fault(b, &b->values[i], "a path's length");
		if (r < 0)
			return no_memory(b);
	}
	return 0;
}

static int build_pattern(struct building *b)
{
	const struct span text = b->values[0].text;
	struct err why = { "" };
	int r = pattern_new(&b->check.pattern, text, &why);

	if (r < 0)
		return condition_fault(b->c->source, b->values[0].at, -r, b->e, "%s", why.text);
	b->check.matcher = MATCH_PATTERN;
	b->check.text = arena_copy(&b->p->arena, b->values[0].text);
	return b->check.text.p ? 0 : no_memory(b);
}

static int build_glob(struct building *b)
{
	const struct span text = b->values[0].text;
	int r = glob_make(&b->p->arena, text, b->c->op == CONDITION_IGLOB, &b->check.glob);

	if (r == -E2BIG)
		return condition_fault(b->c->source, b->values[0].at, EINVAL, b->e,
				       "the pattern has %zu bytes, %d are the most", text.n,
				       GLOB_MAX_BYTES);
	b->check.matcher = MATCH_GLOB;
	b->check.text = arena_copy(&b->p->arena, text);
	return r == 0 && b->check.text.p ? 0 : no_memory(b);
}

static int build_needle(struct building *b)
{
	int r = needle_make(&b->p->arena, b->values[0].text, &b->check.needle);

	b->check.matcher = MATCH_ICONTAINS;
	b->check.text = b->check.needle.text;
	return r < 0 ? no_memory(b) : 0;
}

static int build_text(struct building *b)
{
	static const uint8_t plain[CONDITION_OP_COUNT + 1] = {
		[CONDITION_CONTAINS] = MATCH_CONTAINS, [CONDITION_ENDSWITH] = MATCH_ENDS,
		[CONDITION_LT] = MATCH_TEXT,	       [CONDITION_LE] = MATCH_TEXT,
		[CONDITION_GT] = MATCH_TEXT,	       [CONDITION_GE] = MATCH_TEXT,
		[CONDITION_STARTSWITH] = MATCH_STARTS,
	};

	switch (b->c->op) {
	case CONDITION_EQ:
	case CONDITION_NE:
	case CONDITION_IN:
	case CONDITION_INTERSECTS:
		return build_atoms(b);
	case CONDITION_BCONTAINS:
	case CONDITION_BSTARTSWITH:
		return build_hex(b);
	case CONDITION_GLOB:
	case CONDITION_IGLOB:
		return build_glob(b);
	case CONDITION_ICONTAINS:
		return build_needle(b);
	case CONDITION_REGEX:
		return build_pattern(b);
	case CONDITION_PMATCH:
		return build_prefixes(b);
	case CONDITION_CONTAINS:
	case CONDITION_STARTSWITH:
	case CONDITION_ENDSWITH:
	case CONDITION_LT:
	case CONDITION_LE:
	case CONDITION_GT:
	case CONDITION_GE:
	case CONDITION_EXISTS:
	case CONDITION_OP_COUNT:
		break;
	}
	if (b->n > 1) /* anyof */
		return build_prefixes(b);
	b->check.matcher = plain[b->c->op]; /* the operators above are all that are left */
	b->check.text = arena_copy(&b->p->arena, b->values[0].text);
	return b->check.text.p ? 0 : no_memory(b);
}

/* --- other fields on the right ------------------------------------------------------------- */

static bool comparable(enum field_type a, enum field_type b)
{
	const unsigned text = 1u << FIELD_STRING | 1u << FIELD_BYTES;
	const unsigned sign = 1u << FIELD_INT | 1u << FIELD_DURATION;
	const unsigned plain = 1u << FIELD_UINT | 1u << FIELD_PORT | 1u << FIELD_TIME;
	const unsigned address = 1u << FIELD_IP | 1u << FIELD_NET;
	const unsigned both = 1u << a | 1u << b;

	return a == b || (both & ~text) == 0 || (both & ~(sign | plain)) == 0 ||
	       (both & ~address) == 0;
}

static int build_slots(struct building *b)
{
	const unsigned never = BIT(GLOB) | BIT(IGLOB) | BIT(REGEX) | BIT(PMATCH) | BIT(BCONTAINS) |
			       BIT(BSTARTSWITH);
	uint32_t *list = list_of(b, sizeof(*list));

	if (!list)
		return no_memory(b);
	for (size_t i = 0; i < b->n; i++) {
		const struct condition_value *v = &b->values[i];

		if (!v->operand || never >> b->c->op & 1)
			return condition_fault(b->c->source, v->at, EINVAL, b->e,
					       "'%s' takes no field here",
					       condition_op_name(b->c->op));
		int r = program_slot(b->p, b->c, v->operand, &list[i], b->e);

		if (r < 0)
			return r;
		b->slot = &b->p->slots[b->check.slot];
		if (!comparable(b->slot->type, b->p->slots[list[i]].type))
			return condition_fault(b->c->source, v->at, EINVAL, b->e,
					       "%s is compared with %s", types[b->slot->type].name,
					       types[b->p->slots[list[i]].type].name);
	}
	b->check.matcher = MATCH_SLOT;
	b->check.slots = list;
	return 0;
}

/* --- together ------------------------------------------------------------------------------ */

static int build(struct building *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->values[i].operand)
			return build_slots(b);
	switch (b->slot->type) {
	case FIELD_STRING:
	case FIELD_BYTES:
		return build_text(b);
	case FIELD_INT:
	case FIELD_DURATION:
		return build_ints(b);
	case FIELD_UINT:
	case FIELD_PORT:
	case FIELD_TIME:
		return build_uints(b);
	case FIELD_BOOL:
		return build_bool(b);
	case FIELD_IP:
	case FIELD_NET:
		return build_nets(b);
	}
	return 0;
}

static void add_key(struct buf *key, const struct building *b)
{
	const uint32_t head[] = { b->check.slot, (uint32_t)b->c->op, (uint32_t)b->n };

	buf_clear(key);
	buf_add(key, head, sizeof(head));
	for (size_t i = 0; i < b->n; i++) {
		const uint32_t n = (uint32_t)b->values[i].text.n;

		buf_add(key, &n, sizeof(n));
		buf_add_span(key, b->values[i].text);
	}
}

static int check_operator(const struct building *b)
{
	const struct slot *s = b->slot;

	if (!(types[s->type].ops >> b->c->op & 1))
		return condition_fault(b->c->source, b->c->at, EINVAL, b->e,
				       "'%s' cannot be asked of %.*s, which is %s",
				       condition_op_name(b->c->op), (int)b->c->left->field.n,
				       b->c->left->field.p ? b->c->left->field.p : "",
				       types[s->type].name);
	if ((s->flags & FIELD_LIST) && !(OPS_SETS >> b->c->op & 1))
		return condition_fault(b->c->source, b->c->at, EINVAL, b->e,
				       "'%s' cannot be asked of %.*s, which is a list: 'in', "
				       "'intersects' and 'exists' can",
				       condition_op_name(b->c->op), (int)b->c->left->field.n,
				       b->c->left->field.p ? b->c->left->field.p : "");
	return 0;
}

static int keep(struct building *b, bool has_key, uint32_t *number)
{
	struct rule_program *p = b->p;

	if (p->checks_n == p->checks_cap) {
		uint32_t cap = p->checks_cap ? p->checks_cap * 2 : 256;
		struct check *list = reallocarray(p->checks, cap, sizeof(*list));

		if (!list)
			return no_memory(b);
		p->checks = list;
		p->checks_cap = cap;
	}
	if (has_key) {
		add_key(&p->key, b);
		if (p->key.failed ||
		    byte_map_add(&p->arena, &p->check_ids, (struct span){ p->key.data, p->key.len },
				 p->checks_n) < 0)
			return no_memory(b);
	}
	*number = p->checks_n;
	p->checks[p->checks_n++] = b->check;
	return 0;
}

int program_check(struct rule_program *p, const struct condition *c, uint32_t slot,
		  const struct condition_value *values, size_t n, uint32_t *check, bool *value,
		  struct err *e)
{
	struct building b = { .p = p, .c = c, .values = values, .n = n, .e = e };
	bool has_key = true;

	b.slot = &p->slots[slot];
	b.check.slot = slot;
	b.check.op = (uint8_t)c->op;
	b.check.n = (uint32_t)n;
	*check = BYTE_MAP_NONE;
	*value = false;
	int r = check_operator(&b);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		has_key = has_key && !values[i].operand;
	if (has_key) {
		add_key(&p->key, &b);
		*check = byte_map_find(&p->check_ids, (struct span){ p->key.data, p->key.len });
		if (*check != BYTE_MAP_NONE || p->key.failed)
			return p->key.failed ? no_memory(&b) : 0;
	}
	if (c->op == CONDITION_EXISTS) {
		b.check.matcher = MATCH_EXISTS;
	} else if (n == 0) {
		return 0; /* in nothing: never */
	} else {
		r = build(&b);
	}
	const unsigned flags = p->slots[slot].flags;

	b.check.negate = c->op == CONDITION_NE;
	b.check.all = ((flags & FIELD_LIST) && c->op == CONDITION_IN) ||
		      ((flags & (FIELD_BOTH_ENDS | FIELD_NAME)) && c->op == CONDITION_NE);
	if (r == 0)
		r = keep(&b, has_key, check);
	if (r < 0 && b.check.matcher == MATCH_PATTERN)
		pattern_free(b.check.pattern);
	return r;
}

int program_atoms(struct rule_program *p)
{
	for (uint32_t i = 0; i < p->checks_n; i++) {
		struct check *c = &p->checks[i];
		const uint32_t n = p->slots[c->slot].atoms.n;

		if (c->matcher != MATCH_ATOMS || c->atoms)
			continue;
		uint64_t *bits = arena_zeroed(&p->arena, (n + 63) / 64, sizeof(*bits));

		if (!bits)
			return -ENOMEM;
		for (uint32_t j = 0; j < c->n; j++)
			bits[c->members[j] / 64] |= 1ULL << (c->members[j] % 64);
		c->atoms = bits;
		c->words = (n + 63) / 64;
	}
	return 0;
}
