// SPDX-License-Identifier: GPL-2.0-or-later
/* baseline_export - a baseline's document on standard input, what it becomes on standard output.
 *
 *	baseline_export FORMAT < BASELINE.json
 *
 * Notes go to standard error. 1: it was refused, 2: the baseline is none. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "detector/baseline_export.h"

#define MAX_BYTES (8U << 20)

static int read_all(struct buf *b)
{
	for (;;) {
		char *to = buf_reserve(b, 65536);
		const ssize_t n = to ? read(STDIN_FILENO, to, 65536) : -1;

		if (n <= 0)
			return (int)n;
		b->len += (size_t)n;
	}
}

static int run(const char *format, struct err *e)
{
	AUTO(baseline_free) struct baseline *b = NULL;
	AUTO_BUF struct buf in = { .fd = -1 };
	AUTO_BUF struct buf out = { .fd = -1 };
	AUTO_BUF struct buf notes = { .fd = -1 };
	enum baseline_format f;

	buf_init(&in, MAX_BYTES);
	buf_init(&out, MAX_BYTES);
	buf_init(&notes, MAX_BYTES);
	if (!baseline_format_parse(span_str(format), &f) || read_all(&in) < 0 ||
	    baseline_parse(&b, (struct span){ in.data, in.len }, e) < 0)
		return 2;
	if (baseline_export(&out, &notes, b, f, e) < 0)
		return 1;
	fwrite(notes.data, 1, notes.len, stderr);
	return fwrite(out.data, 1, out.len, stdout) == out.len ? 0 : 2;
}

int main(int argc, char **argv)
{
	struct err e = { "" };

	if (argc != 2) {
		fprintf(stderr, "usage: baseline_export FORMAT < BASELINE.json\n");
		return 2;
	}
	const int code = run(argv[1], &e);

	if (code)
		fprintf(stderr, "baseline_export: %s\n", e.text);
	return code;
}
