// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/rule_query.h"

#include <errno.h>
#include <stdlib.h>

#include "detector/rule_output.h"
#include "detector/rule_program.h"

#define QUERY_ARENA (4U << 20)

struct event_query {
	struct arena arena;
	struct condition_source source, format;
	struct rule_program *program; /* NULL: all events pass */
	struct rule_output output;
	struct field_event ev;
	char scratch[FIELD_SCRATCH_BYTES];
};

static void query_free(struct event_query *q)
{
	if (!q)
		return;
	rule_program_free(q->program);
	arena_release(&q->arena);
	free(q);
}

static inline void auto_query_free(struct event_query **q)
{
	query_free(*q);
}

static int compile(struct event_query *q, struct span condition, uint64_t *types, struct err *e)
{
	const struct condition *c;
	struct rule_needs needs;
	uint32_t id;

	q->source = (struct condition_source){ .file = SPAN_LIT("filter"),
					       .text = arena_copy(&q->arena, condition) };
	if (!q->source.text.p)
		return err_set(e, ENOMEM, "no memory for a filter");
	int r = condition_parse(&q->arena, &q->source, &c, NULL, e);

	if (r == 0)
		r = rule_program_new(&q->program, e);
	if (r == 0)
		r = rule_program_add(q->program, c, &id, &needs, e);
	if (r == 0)
		r = rule_program_finish_plain(q->program, e);
	if (r == 0)
		*types = needs.all_types ? UINT64_MAX : evt_set_events(&needs.types);
	return r == -ENOMEM ? r : r < 0 ? -EINVAL : 0;
}

static int compile_format(struct event_query *q, struct span format, struct err *e)
{
	struct span text = arena_copy(&q->arena, format);

	q->format = (struct condition_source){ .file = SPAN_LIT("print"), .text = text };
	if (!text.p)
		return err_set(e, ENOMEM, "no memory for a format");
	int r = rule_output_compile(&q->arena, NULL, &q->format, text, &q->output, e);

	return r == -ENOMEM ? r : r < 0 ? -EINVAL : 0;
}

static int query_make(void *ctx, struct span condition, struct span format, uint64_t *types,
		      struct event_query **out, struct err *e)
{
	AUTO(query_free) struct event_query *q = calloc(1, sizeof(*q));
	int r = 0;

	if (!q)
		return err_set(e, ENOMEM, "no memory for a filter");
	arena_init(&q->arena, QUERY_ARENA);
	q->ev.world = ctx;
	q->ev.scratch = q->scratch;
	*types = UINT64_MAX;
	if (condition.n > 0)
		r = compile(q, condition, types, e);
	if (r == 0 && format.n > 0)
		r = compile_format(q, format, e);
	if (r < 0)
		return r;
	*out = TAKE(q);
	return 0;
}

static bool read_once(struct event_query *q, enum field_reading reading)
{
	const uint32_t *ids;

	q->ev.reading = reading;
	q->ev.scratch_used = 0;
	rule_program_begin(q->program);
	return rule_program_of_type(q->program, q->ev.type, &ids) > 0 &&
	       rule_program_match(q->program, 0, &q->ev);
}

static bool query_pass(struct event_query *q, const struct event_view *v,
		       const struct event_context *c)
{
	q->ev.view = v;
	q->ev.context = c;
	q->ev.container = c->entry;
	q->ev.type = evt_type_of(v);
	q->ev.number++;
	q->ev.reading = READING_LEXICAL;
	q->ev.scratch_used = 0;
	if (!q->program)
		return true;
	if (q->ev.type == EVT_NONE)
		return false;
	return read_once(q, READING_LEXICAL) ||
	       (field_readings_differ(&q->ev) && read_once(q, READING_RESOLVED));
}

static void query_print(struct event_query *q, struct buf *b)
{
	rule_output_print(b, &q->output, &q->ev);
}

void rule_query_hooks(struct event_query_hooks *out, const struct field_world *world)
{
	union { /* the hooks know no const */
		const void *in;
		void *out;
	} ctx = { .in = world };

	*out = (struct event_query_hooks){ .ctx = ctx.out,
					   .make = query_make,
					   .pass = query_pass,
					   .print = query_print,
					   .free = query_free };
}
