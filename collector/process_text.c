// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>

#include "collector/process_internal.h"

#define SHORT_ARGS 128 /* kept of the arguments when texts fill their share of memory */

static size_t text_bytes(const struct process_text *x)
{
	return sizeof(*x) + x->exe.n + x->args.n + x->cwd.n + x->filename.n + x->interp.n;
}

static void clip(struct span *s, size_t max)
{
	if (s->n > max)
		s->n = max;
}

static void clip_args(struct process_text *x, size_t max)
{
	x->args_cut |= x->args.n > max;
	clip(&x->args, max);
}

/* Copies one string to *at and makes the span point there. */
static void put(struct span *s, char **at)
{
	if (s->n)
		memcpy(*at, s->p, s->n);
	s->p = *at;
	*at += s->n;
}

static bool has_room(struct process_table *t, const struct process_text *x, uint64_t limit)
{
	return t->text_bytes + text_bytes(x) <= limit;
}

/* Makes it fit: others that ended go first, then what is least needed of it. */
static bool find_room(struct process_table *t, struct process_text *x)
{
	while (!has_room(t, x, PROCESS_MAX_TEXT_BYTES) && process_evict(t))
		;
	if (has_room(t, x, PROCESS_MAX_TEXT_BYTES))
		return true;
	clip_args(x, SHORT_ARGS);
	x->cwd.n = x->filename.n = x->interp.n = 0;
	return has_room(t, x, 2ULL * PROCESS_MAX_TEXT_BYTES);
}

void process_set_text(struct process_table *t, struct process *p, const struct process_text *from)
{
	struct process_text x = *from, *text = NULL;

	process_drop_text(t, p);
	clip(&x.exe, EVENT_STRING_MAX);
	clip(&x.cwd, EVENT_STRING_MAX);
	clip(&x.filename, EVENT_STRING_MAX);
	clip(&x.interp, EVENT_STRING_MAX);
	clip_args(&x, PROCESS_MAX_ARGS);
	if (find_room(t, &x))
		text = malloc(text_bytes(&x));
	if (!text) {
		t->text_refused++;
		return;
	}

	char *at = (char *)(text + 1);

	t->text_bytes += text_bytes(&x);
	put(&x.exe, &at);
	put(&x.args, &at);
	put(&x.cwd, &at);
	put(&x.filename, &at);
	put(&x.interp, &at);
	x.refs = 1;
	*text = x;
	p->text = text;
}

void process_share_text(struct process_table *t, struct process *p, const struct process *from)
{
	struct process_text *text = from->text;

	if (text)
		text->refs++;
	process_drop_text(t, p);
	p->text = text;
}

void process_drop_text(struct process_table *t, struct process *p)
{
	struct process_text *text = p->text;

	p->text = NULL;
	if (!text || --text->refs > 0)
		return;
	t->text_bytes -= text_bytes(text);
	free(text);
}
