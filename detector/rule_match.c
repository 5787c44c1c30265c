// SPDX-License-Identifier: GPL-2.0-or-later
/* An event against checks: values of each field taken once, each literal found once. */
#include <stdlib.h>
#include <string.h>

#include "detector/rule_program_internal.h"

#define TRANSFORM_VALUES 16

/* --- transformers -------------------------------------------------------------------------- */

static char *scratch(struct field_event *ev, size_t n)
{
	if (n > FIELD_SCRATCH_BYTES - ev->scratch_used) {
		ev->scratch_full = true;
		return NULL;
	}
	char *p = ev->scratch + ev->scratch_used;

	ev->scratch_used += n;
	return p;
}

static unsigned char lower(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c + 32) : c;
}

static bool to_case(struct field_event *ev, struct span in, bool up, struct span *out)
{
	char *p = scratch(ev, in.n);

	if (!p)
		return false;
	for (size_t i = 0; i < in.n; i++) {
		unsigned char c = lower((unsigned char)in.p[i]);

		if (!up)
			p[i] = (char)c;
		else
			p[i] = c >= 'a' && c <= 'z' ? (char)(c - 32) : in.p[i];
	}
	*out = (struct span){ p, in.n };
	return true;
}

static int b64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* What it decodes to; false: it is no base64. */
static bool from_b64(struct field_event *ev, struct span in, struct span *out)
{
	uint32_t bits = 0, have = 0;
	size_t n = 0;

	while (in.n > 0 && in.p[in.n - 1] == '=')
		in.n--;
	char *p = scratch(ev, in.n / 4 * 3 + 3);

	if (!p)
		return false;
	for (size_t i = 0; i < in.n; i++) {
		int digit = b64_digit(in.p[i]);

		if (digit < 0)
			return false;
		bits = bits << 6 | (uint32_t)digit;
		have += 6;
		if (have >= 8) {
			have -= 8;
			p[n++] = (char)(bits >> have & 0xff);
		}
	}
	*out = (struct span){ p, n };
	return true;
}

static struct span base_name(struct span s)
{
	const char *slash = s.n ? memrchr(s.p, '/', s.n) : NULL;

	if (!slash)
		return s;
	return (struct span){ slash + 1, s.n - (size_t)(slash + 1 - s.p) };
}

static bool transform_one(const struct slot *s, struct field_event *ev, struct span in,
			  struct span *out)
{
	switch (s->transform) {
	case TRANSFORM_TOLOWER:
	case TRANSFORM_TOUPPER:
		return to_case(ev, in, s->transform == TRANSFORM_TOUPPER, out);
	case TRANSFORM_B64:
		return from_b64(ev, in, out);
	case TRANSFORM_BASENAME:
		*out = base_name(in);
		return true;
	case TRANSFORM_FIELD:
	case TRANSFORM_LEN:
	case TRANSFORM_JOIN:
	case TRANSFORM_CONCAT:
	case TRANSFORM_GETOPT:
	case TRANSFORM_COUNT:
		break;
	}
	return false;
}

/* join(separator, ...) and concat(...): one value of all; missing when one of them is. */
static uint32_t join(struct rule_program *p, const struct slot *s, struct field_event *ev,
		     struct field_value *out)
{
	const bool separated = s->transform == TRANSFORM_JOIN;
	const size_t begin = ev->scratch_used;
	struct span separator = { "", 0 };

	for (uint32_t i = 0; i < s->inner_n; i++) {
		uint32_t n = 1, first = 0;

		if (s->inner[i] != PROGRAM_NO_SLOT) {
			n = program_values(p, s->inner[i], ev);
			first = p->slots[s->inner[i]].first;
			if (n == 0)
				return 0;
		}
		for (uint32_t j = 0; j < n; j++) {
			struct span v = s->inner[i] == PROGRAM_NO_SLOT ? s->literals[i]
								       : p->values[first + j].text;

			if (separated && i == 0) {
				separator = v;
				continue;
			}
			const bool gap = separated && (i > 1 || j > 0);
			char *to = scratch(ev, v.n + (gap ? separator.n : 0));

			if (!to)
				return 0;
			if (gap)
				to = mempcpy(to, separator.p, separator.n);
			if (v.n)
				memcpy(to, v.p, v.n);
		}
	}
	out->text = (struct span){ ev->scratch + begin, ev->scratch_used - begin };
	return 1;
}

/* Values lie in values[] from p->values_n on. */
static uint32_t transformed(struct rule_program *p, const struct slot *s, struct field_event *ev)
{
	uint32_t n = 0, count, first;

	if (s->transform == TRANSFORM_JOIN || s->transform == TRANSFORM_CONCAT) {
		struct field_value v;

		/* the values that it is made of come first */
		n = join(p, s, ev, &v);
		if (n > 0 && p->values_n < PROGRAM_VALUES)
			p->values[p->values_n] = v;
		return n;
	}
	count = program_values(p, s->inner[0], ev);
	first = p->slots[s->inner[0]].first;
	if (s->transform == TRANSFORM_LEN) {
		if (count == 0)
			return 0;
		p->values[p->values_n].u =
			p->slots[s->inner[0]].flags & FIELD_LIST ? count : p->values[first].text.n;
		return 1;
	}
	for (uint32_t i = 0; i < count && p->values_n + n < PROGRAM_VALUES; i++)
		if (transform_one(s, ev, p->values[first + i].text,
				  &p->values[p->values_n + n].text))
			n++;
	return n;
}

uint32_t program_values(struct rule_program *p, uint32_t slot, struct field_event *ev)
{
	struct slot *s = &p->slots[slot];
	uint32_t n;

	if (s->stamp == p->stamp)
		return s->count;
	if (PROGRAM_VALUES - p->values_n < FIELD_MAX_VALUES) {
		p->values_full++;
		n = 0;
	} else if (s->transform == TRANSFORM_FIELD) {
		n = (uint32_t)field_get(&s->ref, ev, p->values + p->values_n, FIELD_MAX_VALUES);
	} else {
		n = transformed(p, s, ev);
	}
	s->stamp = p->stamp;
	s->first = p->values_n;
	s->count = n;
	p->values_n += n;
	return n;
}

/* --- tests of one value -------------------------------------------------------------------- */

static bool contains(struct span text, struct span part)
{
	return part.n == 0 || (text.n >= part.n && memmem(text.p, text.n, part.p, part.n));
}

/* Both come from the event: in lower case for as long as this takes, since memmem() holds to their
 * lengths whatever they are. */
static bool contains_any_case(struct span text, struct span part, struct field_event *ev)
{
	const size_t used = ev->scratch_used;
	const bool yes = text.n >= part.n && to_case(ev, text, false, &text) &&
			 to_case(ev, part, false, &part) && contains(text, part);

	ev->scratch_used = used;
	return yes;
}

static bool starts(struct span text, struct span part)
{
	return text.n >= part.n && (part.n == 0 || memcmp(text.p, part.p, part.n) == 0);
}

static bool ends(struct span text, struct span part)
{
	return text.n >= part.n &&
	       (part.n == 0 || memcmp(text.p + text.n - part.n, part.p, part.n) == 0);
}

static int compare_text(struct span a, struct span b)
{
	const size_t n = a.n < b.n ? a.n : b.n;
	const int r = n ? memcmp(a.p, b.p, n) : 0;

	return r ? r : a.n < b.n ? -1 : a.n > b.n;
}

/* By the sign of a comparison. */
static bool ordered(enum condition_op op, int sign)
{
	if (op == CONDITION_LT)
		return sign < 0;
	if (op == CONDITION_LE)
		return sign <= 0;
	if (op == CONDITION_GT)
		return sign > 0;
	if (op == CONDITION_GE)
		return sign >= 0;
	return sign == 0; /* "!=" is turned round by who asks */
}

static bool in_net(const struct field_value *v, const struct net *net)
{
	const unsigned whole = net->bits / 8, rest = net->bits % 8;

	if (v->ip.length != net->length || memcmp(v->ip.bytes, net->bytes, whole) != 0)
		return false;
	return rest == 0 || (v->ip.bytes[whole] ^ net->bytes[whole]) >> (8 - rest) == 0;
}

int program_order_int(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

int program_order_uint(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static bool compare_values(enum condition_op op, enum field_type type, const struct field_value *a,
			   enum field_type other, const struct field_value *b,
			   struct field_event *ev)
{
	switch (type) {
	case FIELD_STRING:
	case FIELD_BYTES:
		if (op == CONDITION_CONTAINS)
			return contains(a->text, b->text);
		if (op == CONDITION_ICONTAINS)
			return contains_any_case(a->text, b->text, ev);
		if (op == CONDITION_STARTSWITH)
			return starts(a->text, b->text);
		if (op == CONDITION_ENDSWITH)
			return ends(a->text, b->text);
		return ordered(op, compare_text(a->text, b->text));
	case FIELD_INT:
	case FIELD_DURATION:
	case FIELD_UINT:
	case FIELD_PORT:
	case FIELD_TIME: {
		const bool a_sign = type == FIELD_INT || type == FIELD_DURATION;
		const bool b_sign = other == FIELD_INT || other == FIELD_DURATION;

		if (a_sign && a->i < 0)
			return ordered(op,
				       b_sign && b->i < 0 ? program_order_int(&a->i, &b->i) : -1);
		return ordered(op, b_sign && b->i < 0 ? 1 : program_order_uint(&a->u, &b->u));
	}
	case FIELD_BOOL:
		return a->b == b->b;
	case FIELD_IP:
	case FIELD_NET:
		return a->ip.length == b->ip.length &&
		       memcmp(a->ip.bytes, b->ip.bytes, a->ip.length) == 0;
	}
	return false;
}

static bool against_slots(struct rule_program *p, const struct check *c,
			  const struct field_value *v, struct field_event *ev)
{
	for (uint32_t i = 0; i < c->n; i++) {
		const uint32_t n = program_values(p, c->slots[i], ev);
		const struct slot *right = &p->slots[c->slots[i]];

		for (uint32_t j = 0; j < n; j++)
			if (compare_values((enum condition_op)c->op, p->slots[c->slot].type, v,
					   right->type, &p->values[right->first + j], ev))
				return true;
	}
	return false;
}

/* What is not there is neither equal nor different, on the right side as on the left. */
static bool has_right(struct rule_program *p, const struct check *c, struct field_event *ev)
{
	for (uint32_t i = 0; i < c->n; i++)
		if (program_values(p, c->slots[i], ev) > 0)
			return true;
	return false;
}

static uint32_t atom_of(struct rule_program *p, const struct slot *s, uint32_t value)
{
	return byte_map_find(&s->atoms, p->values[value].text);
}

/* One value; `atom` is its number among the slot's literals. */
static bool test(struct rule_program *p, const struct check *c, const struct field_value *v,
		 uint32_t atom, struct field_event *ev)
{
	switch ((enum matcher)c->matcher) {
	case MATCH_EXISTS:
		return true;
	case MATCH_ATOM:
		return atom == c->atom;
	case MATCH_ATOMS:
		return atom / 64 < c->words && (c->atoms[atom / 64] >> (atom % 64) & 1);
	case MATCH_INT:
		return ordered((enum condition_op)c->op, program_order_int(&v->i, &c->i));
	case MATCH_UINT:
		return ordered((enum condition_op)c->op, program_order_uint(&v->u, &c->u));
	case MATCH_INTS:
		return bsearch(&v->i, c->ints, c->n, sizeof(int64_t), program_order_int) != NULL;
	case MATCH_UINTS:
		return bsearch(&v->u, c->uints, c->n, sizeof(uint64_t), program_order_uint) != NULL;
	case MATCH_BOOL:
		return v->b == c->b;
	case MATCH_TEXT:
		return ordered((enum condition_op)c->op, compare_text(v->text, c->text));
	case MATCH_CONTAINS:
		return contains(v->text, c->text);
	case MATCH_ICONTAINS:
		return needle_find(&c->needle, v->text) != NEEDLE_NONE;
	case MATCH_STARTS:
		return starts(v->text, c->text);
	case MATCH_ENDS:
		return ends(v->text, c->text);
	case MATCH_PREFIXES:
		return prefix_set_starts(&c->prefixes, v->text);
	case MATCH_PATHS:
		return prefix_set_holds(&c->prefixes, v->text);
	case MATCH_GLOB:
		return glob_match(c->glob, v->text);
	case MATCH_PATTERN:
		return pattern_match(c->pattern, v->text, &p->match_limit);
	case MATCH_NETS:
		for (uint32_t i = 0; i < c->n; i++)
			if (in_net(v, &c->nets[i]))
				return true;
		return false;
	case MATCH_SLOT:
		return against_slots(p, c, v, ev);
	}
	return false;
}

bool program_test(struct rule_program *p, const struct check *c, struct field_event *ev)
{
	struct slot *s = &p->slots[c->slot];
	const uint32_t n = s->stamp == p->stamp ? s->count : program_values(p, c->slot, ev);
	const bool by_atom = c->matcher == MATCH_ATOM || c->matcher == MATCH_ATOMS;

	if (n == 0 || (c->matcher == MATCH_SLOT && !has_right(p, c, ev)))
		return false; /* what an event has not is neither equal nor different */
	if (by_atom && s->atom_stamp != p->stamp) {
		for (uint32_t i = 0; i < n; i++)
			p->value_atoms[s->first + i] = atom_of(p, s, s->first + i);
		s->atom_stamp = p->stamp;
	}
	for (uint32_t i = 0; i < n; i++) {
		const uint32_t at = s->first + i;
		const bool yes = test(p, c, &p->values[at],
				      by_atom ? p->value_atoms[at] : BYTE_MAP_NONE,
				      ev) != c->negate;

		if (yes != c->all)
			return yes;
	}
	return c->all;
}

bool program_test_text(struct rule_program *p, const struct check *c, struct span text)
{
	const struct field_value v = { .text = text };
	const uint32_t atom = byte_map_find(&p->slots[c->slot].atoms, text);

	/* other fields are asked of an event, and there is none */
	return c->matcher != MATCH_SLOT && test(p, c, &v, atom, NULL) != c->negate;
}
