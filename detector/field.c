// SPDX-License-Identifier: GPL-2.0-or-later
/* A field's name to its row and argument, and values to text. */
#include "detector/field.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "detector/field_internal.h"

#define NS_PER_S     1000000000ULL
#define NAME_MAX_FIT 48 /* of a name that is worth guessing at */

const struct field_def *field_table(void)
{
	return field_rows;
}

/* --- unknown names ------------------------------------------------------------------------- */
static unsigned least(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* How many letters must be put in, taken out or changed. */
static unsigned distance(struct span a, struct span b)
{
	unsigned row[NAME_MAX_FIT + 1];

	for (unsigned j = 0; j <= b.n; j++)
		row[j] = j;
	for (unsigned i = 1; i <= a.n; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= b.n; j++) {
			unsigned changed = diagonal + (a.p[i - 1] != b.p[j - 1]);

			diagonal = row[j];
			row[j] = least(row[j] + 1, row[j - 1] + 1, changed);
		}
	}
	return row[b.n];
}

static const char *nearest(struct span name)
{
	const char *best = NULL;
	unsigned most = name.n < 9 ? 2 : 3;

	if (name.n > NAME_MAX_FIT)
		return NULL;
	for (const struct field_def *d = field_rows; d->name; d++) {
		struct span known = span_str(d->name);

		if (known.n > NAME_MAX_FIT || d->unserved)
			continue;
		unsigned n = distance(name, known);

		if (n <= most && n > 0) {
			most = n - 1;
			best = d->name;
		}
	}
	return best;
}

static int unknown(struct span name, struct err *e)
{
	const char *like = nearest(name);
	int n = name.n < 80 ? (int)name.n : 80;

	if (like)
		return err_set(e, ENOENT, "unknown field '%.*s'; did you mean '%s'?", n, name.p,
			       like);
	return err_set(e, ENOENT, "unknown field '%.*s'", n, name.p);
}

/* --- arguments ----------------------------------------------------------------------------- */
static bool takes_dotted(enum field_takes t)
{
	return t == TAKES_KEY || t == TAKES_ARG || t == TAKES_TYPE || t == TAKES_SIDE;
}

/* The row that is the name, else the longest one that it goes on from with a dot. */
static const struct field_def *find_row(struct span name, struct span *rest)
{
	const struct field_def *best = NULL;
	size_t longest = 0;

	*rest = (struct span){ NULL, 0 };
	for (const struct field_def *d = field_rows; d->name; d++) {
		size_t n = strlen(d->name);

		if (name.n < n || memcmp(name.p, d->name, n) != 0)
			continue;
		if (name.n == n) {
			*rest = (struct span){ NULL, 0 };
			return d;
		}
		if (name.p[n] == '.' && name.n > n + 1 && takes_dotted(d->takes) && n > longest) {
			best = d;
			longest = n;
			*rest = (struct span){ name.p + n + 1, name.n - n - 1 };
		}
	}
	return best;
}

static int wrong(const struct field_def *d, const char *what, struct err *e)
{
	return err_set(e, EINVAL, "field '%s' %s", d->name, what);
}

static int take_index(struct field_ref *r, struct span arg, const char *what, struct err *e)
{
	if (!parse_u32(arg, &r->index))
		return wrong(r->def, what, e);
	r->has_index = true;
	return 0;
}

static int take_event_arg(struct field_ref *r, struct span arg, bool dotted, struct err *e)
{
	if (!dotted)
		return take_index(r, arg, "takes a number in brackets, or a name after a dot", e);
	if (!field_arg_find(arg, &r->arg_id))
		return err_set(e, EINVAL, "unknown event argument '%s'", r->arg);
	if (!field_arg_is_path(r->arg_id))
		r->flags &= ~(unsigned)FIELD_OF_PATH;
	return 0;
}

static int take_type(struct field_ref *r, struct span arg, struct err *e)
{
	enum evt_type t;

	if (evt_type_find(arg, &t) == EVT_UNKNOWN)
		return err_set(e, EINVAL, "unknown event type '%s'", r->arg);
	return 0;
}

static int take_argument(struct field_ref *r, struct span arg, bool dotted, struct err *e)
{
	switch (r->def->takes) {
	case TAKES_NOTHING:
		break;
	case TAKES_LEVEL:
		r->flags &= ~(unsigned)FIELD_ANY;
		return take_index(r, arg, "takes a number: 1 is the parent", e);
	case TAKES_INDEX:
		return take_index(r, arg, "takes a number, from 0", e);
	case TAKES_NAME:
	case TAKES_KEY:
		return 0;
	case TAKES_MOUNT:
		r->has_index = parse_u32(arg, &r->index);
		return 0;
	case TAKES_ARG:
		return take_event_arg(r, arg, dotted, e);
	case TAKES_TYPE:
		return take_type(r, arg, e);
	case TAKES_SIDE:
		if (dotted && (span_eq(arg, "src") || span_eq(arg, "dst")))
			return 0;
		return wrong(r->def, "takes .src or .dst", e);
	}
	return wrong(r->def, "takes no argument", e);
}

static bool needs_argument(enum field_takes t)
{
	return t == TAKES_KEY || t == TAKES_MOUNT || t == TAKES_ARG || t == TAKES_TYPE;
}

static int set_argument(struct field_ref *r, struct span arg, bool dotted, struct err *e)
{
	if (arg.n == 0)
		return wrong(r->def, "has an empty argument", e);
	if (arg.n >= sizeof(r->arg) || memchr(arg.p, '\0', arg.n))
		return wrong(r->def, "has an argument that is too long or holds a NUL", e);
	memcpy(r->arg, arg.p, arg.n);
	r->arg[arg.n] = '\0';
	r->has_arg = true;
	return take_argument(r, arg, dotted, e);
}

int field_find(struct span name, struct span arg, bool has_arg, struct field_ref *out,
	       struct err *e)
{
	struct span rest;
	const struct field_def *d = find_row(name, &rest);
	int result = 0;

	if (!d)
		return unknown(name, e);
	struct field_ref r = { .def = d, .flags = d->flags, .type = d->type };

	if (rest.p && has_arg)
		return wrong(d, "has two arguments", e);
	if (rest.p || has_arg)
		result = set_argument(&r, rest.p ? rest : arg, rest.p != NULL, e);
	else if (needs_argument(d->takes))
		result = wrong(d, "wants an argument", e);
	if (result < 0)
		return result;
	*out = r;
	if (d->unserved && !(d->flags & FIELD_PRINT_ONLY))
		return err_set(e, EOPNOTSUPP, "field '%s' cannot be served: %s", d->name,
			       d->unserved);
	return 0;
}

bool field_of_type(const struct field_ref *r, enum evt_type t)
{
	if (r->def->events && !(r->def->events & evt_type_events(t)))
		return false;
	if (r->def->takes != TAKES_ARG || r->def->unserved)
		return true;
	return r->has_index ? r->index < field_arg_count(t) : field_arg_of_type(r->arg_id, t);
}

/* --- printing ------------------------------------------------------------------------------ */
static void print_time(struct buf *b, uint64_t unix_ns)
{
	time_t s = (time_t)(unix_ns / NS_PER_S);
	struct tm tm = { .tm_year = 70, .tm_mday = 1 };

	gmtime_r(&s, &tm);
	buf_printf(b, "%04d-%02d-%02dT%02d:%02d:%02d.%09uZ", tm.tm_year + 1900, tm.tm_mon + 1,
		   tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (unsigned)(unix_ns % NS_PER_S));
}

static void print_address(struct buf *b, const struct field_value *v)
{
	char text[INET6_ADDRSTRLEN];

	if (inet_ntop(v->ip.length == 4 ? AF_INET : AF_INET6, v->ip.bytes, text, sizeof(text)))
		buf_add_str(b, text);
}

void field_print(struct buf *b, const struct field_ref *r, const struct field_value *v)
{
	switch (r->type) {
	case FIELD_STRING:
	case FIELD_BYTES:
		buf_add_span(b, v->text);
		break;
	case FIELD_INT:
	case FIELD_DURATION:
		buf_add_i64(b, v->i);
		break;
	case FIELD_UINT:
	case FIELD_PORT:
		buf_add_u64(b, v->u);
		break;
	case FIELD_BOOL:
		buf_add_str(b, v->b ? "true" : "false");
		break;
	case FIELD_IP:
	case FIELD_NET:
		print_address(b, v);
		break;
	case FIELD_TIME:
		print_time(b, v->u);
		break;
	}
}
