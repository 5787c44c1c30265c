// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/score_main.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "collector/base/buf.h"
#include "collector/base/io.h"
#include "collector/base/parse.h"
#include "detector/anomaly.h"

#define LINE_BYTES 1024
#define MAX_WARM   1000000000u

enum { SCORE_GOOD = 0, SCORE_FAILED = 1, SCORE_USAGE = 2 };

static const char help[] =
	"Usage: bulkhead score [--warmup ROWS] < series.csv\n"
	"Reads rows of a series and prints how new each is, in order, one score from 0 to 1 a "
	"row:\n"
	"the detector that the agent runs over the resources of containers. A score tells of the\n"
	"rows up to its own alone. Needs neither root nor a running agent.\n\n"
	"The first line is 'timestamp,value'. A timestamp is YYYY-MM-DD HH:MM:SS (UTC), RFC 3339 "
	"or\n"
	"seconds since 1970; a value a number.\n\n"
	"      --warmup ROWS   the first ROWS are learned, their score is 0 (default 288)\n"
	"  -h, --help          this text\n\n"
	"Exit codes: 0 done, 1 nothing can be read or written, 2 wrong usage, or a line that is "
	"no\n"
	"row.\n";

static const struct option longs[] = {
	{ "warmup", required_argument, NULL, 'w' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

struct line {
	char text[LINE_BYTES];
	size_t n;
	uint64_t number;
	bool too_long;
};

static int bad_usage(const char *text)
{
	fprintf(stderr, "%s%sTry 'bulkhead score --help'.\n", text, *text ? "\n" : "");
	return SCORE_USAGE;
}

/* What the line holds is shown, for that is what has to be found in a file. */
static int bad_line(const struct line *l, const char *expected)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, 16384);
	buf_printf(&b, "bulkheadd: line %llu: expected %s", (unsigned long long)l->number,
		   expected);
	if (l->too_long) {
		buf_printf(&b, ", not more than %d bytes", LINE_BYTES);
	} else {
		buf_add_str(&b, ", not '");
		buf_add_visible(&b, (struct span){ l->text, l->n < 100 ? l->n : 100 });
		buf_add_str(&b, l->n < 100 ? "'" : "...'");
	}
	buf_add_char(&b, '\n');
	fflush(stdout); /* the scores of the rows before it come first */
	io_write_all(STDERR_FILENO, b.data, b.len);
	return SCORE_USAGE;
}

/* false: there is none. Without its end of line, and blanks around it. */
static bool read_line(FILE *in, struct line *l)
{
	int c;

	l->n = 0;
	l->too_long = false;
	while ((c = getc_unlocked(in)) != EOF && c != '\n') {
		if (l->n < sizeof(l->text))
			l->text[l->n++] = (char)c;
		else
			l->too_long = true;
	}
	if (c == EOF && l->n == 0)
		return false;
	const struct span t = span_trim((struct span){ l->text, l->n });

	memmove(l->text, t.p, t.n);
	l->n = t.n;
	l->number++;
	return true;
}

/* "YYYY-MM-DD HH:MM:SS" is RFC 3339 without a zone. */
static bool parse_date(struct span s, double *time_s)
{
	char text[64];
	uint64_t ns;

	if (s.n < 19 || s.n >= sizeof(text))
		return false;
	memcpy(text, s.p, s.n);
	if (!memchr(text + 19, '+', s.n - 19) && !memchr(text + 19, '-', s.n - 19) &&
	    text[s.n - 1] != 'Z' && text[s.n - 1] != 'z')
		text[s.n++] = 'Z';
	if (!parse_rfc3339_ns((struct span){ text, s.n }, &ns))
		return false;
	*time_s = (double)ns / 1e9;
	return true;
}

static const char *parse_row(const struct line *l, double *time_s, double *value)
{
	struct span rest = { l->text, l->n }, time = { NULL, 0 };

	if (l->too_long || !span_next(&rest, ',', &time) || !rest.p)
		return "timestamp,value";
	time = span_trim(time);
	if (!parse_date(time, time_s) && !parse_double(time, time_s))
		return "a timestamp (YYYY-MM-DD HH:MM:SS, RFC 3339 or seconds) and a value";
	if (!parse_double(span_trim(rest), value))
		return "a number behind the timestamp";
	return NULL;
}

static int score_all(FILE *in, struct anomaly *a)
{
	struct line l = { .n = 0 };
	double time_s, value;

	if (!read_line(in, &l) || l.too_long ||
	    !span_eq((struct span){ l.text, l.n }, "timestamp,value")) {
		if (l.number == 0)
			l.number = 1;
		return ferror(in) ? SCORE_FAILED : bad_line(&l, "the header 'timestamp,value'");
	}
	while (read_line(in, &l)) {
		if (l.n == 0 && !l.too_long)
			continue; /* an empty line is no row */
		const char *expected = parse_row(&l, &time_s, &value);

		if (expected)
			return bad_line(&l, expected);
		printf("%.6f\n", anomaly_add(a, time_s, value).score);
	}
	return SCORE_GOOD;
}

static int run(FILE *in, const struct anomaly_settings *settings)
{
	AUTO(anomaly_free) struct anomaly *a = NULL;
	struct err e = { "" };

	if (anomaly_new(&a, settings, &e) < 0) {
		fprintf(stderr, "bulkheadd: %s\n", e.text);
		return SCORE_FAILED;
	}
	int r = score_all(in, a);

	if (ferror(in)) {
		fprintf(stderr, "bulkheadd: cannot read the series: %s\n", strerror(errno));
		r = SCORE_FAILED;
	}
	if ((fflush(stdout) != 0 || ferror(stdout)) && errno != EPIPE) {
		fprintf(stderr, "bulkheadd: cannot write: %s\n", strerror(errno));
		r = SCORE_FAILED;
	}
	return r;
}

int score_main(int argc, char **argv)
{
	struct anomaly_settings settings = anomaly_settings_default();
	uint32_t rows;
	int option;

	optind = 0;
	while ((option = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		if (option == 'h') {
			fputs(help, stdout);
			return SCORE_GOOD;
		}
		if (option != 'w')
			return bad_usage("");
		if (!parse_u32(span_str(optarg), &rows) || rows > MAX_WARM)
			return bad_usage("--warmup takes a number of rows.");
		settings.warm_rows = rows;
	}
	if (optind < argc)
		return bad_usage("score takes no arguments, it reads standard input.");
	return run(stdin, &settings);
}
