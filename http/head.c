// SPDX-License-Identifier: GPL-2.0-or-later
#include "http/head.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#define LINE_END_BYTES 2 /* CR LF */

static const char hidden_bytes[] = "a header holds a NUL byte or is continued on a second line";

static void fail(struct head_check *h, const char *problem)
{
	if (!h->problem)
		h->problem = problem;
}

/* As numbers: the library keeps fields that it had to copy in other memory. */
static bool inside(struct span raw, struct span s)
{
	uintptr_t begin = (uintptr_t)raw.p, at = (uintptr_t)s.p;

	return at >= begin && at - begin <= raw.n && s.n <= raw.n - (at - begin);
}

/* Nothing but ends of lines may be between `end` and `next`. */
static void check_gap(struct head_check *h, const char *next, ptrdiff_t max)
{
	if (!h->end)
		return;
	if (next < h->end || next - h->end > max) {
		fail(h, hidden_bytes);
		return;
	}
	for (const char *p = h->end; p < next; p++)
		if (*p != '\0' && *p != '\r' && *p != '\n')
			fail(h, hidden_bytes);
}

static void check_place(struct head_check *h, struct span name, struct span value)
{
	if (h->problem || h->raw.n == 0)
		return;
	if (!inside(h->raw, name) || !inside(h->raw, value) || value.p < name.p) {
		fail(h, hidden_bytes);
		return;
	}
	check_gap(h, name.p, LINE_END_BYTES);
	h->end = value.p + value.n;
}

void head_field(struct head_check *h, struct span name, struct span value)
{
	if (name.n == 0)
		fail(h, "a header has no name");
	for (size_t i = 0; i < name.n; i++)
		if ((unsigned char)name.p[i] <= ' ' || name.p[i] == 0x7f)
			fail(h, "a header's name holds a blank or a control character");
	if (value.n && memchr(value.p, '\0', value.n))
		fail(h, hidden_bytes);
	if (value.n && memchr(value.p, '\r', value.n)) /* the end of a line to some readers */
		fail(h, "a header's value holds a carriage return");
	if (name.n == 14 && strncasecmp(name.p, "Content-Length", 14) == 0 && ++h->lengths > 1)
		fail(h, "there is more than one Content-Length header");
	check_place(h, name, value);
}

const char *head_problem(struct head_check *h)
{
	if (!h->problem && h->raw.n) /* the blank line ends the head */
		check_gap(h, h->raw.p + h->raw.n, (ptrdiff_t)2 * LINE_END_BYTES);
	return h->problem;
}
