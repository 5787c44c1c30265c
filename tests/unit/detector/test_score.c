// SPDX-License-Identifier: GPL-2.0-or-later
/* `bulkheadd score`: what it prints and how it exits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "detector/score_main.h"

#define OUT_BYTES (1u << 16)

static char out[OUT_BYTES], told[OUT_BYTES];

static void swap_in(int fd, int memory, int *keep)
{
	*keep = dup(fd);
	assert_true(memory >= 0 && *keep >= 0 && dup2(memory, fd) >= 0);
}

static void swap_out(int fd, int memory, int keep, char *text)
{
	assert_true(dup2(keep, fd) >= 0);
	if (text) {
		const ssize_t n = pread(memory, text, OUT_BYTES - 1, 0);

		text[n > 0 ? n : 0] = '\0';
	}
	close(memory);
	close(keep);
}

/* Runs `score WORDS...` over the bytes; what it prints is in `out` and `told`. */
static int score_bytes(const char *input, size_t n, const char *const *words)
{
	int in = memfd_create("in", MFD_CLOEXEC), to = memfd_create("out", MFD_CLOEXEC);
	int error = memfd_create("err", MFD_CLOEXEC), keep[3], argc = 1;
	char *argv[8] = { strdup("score") };

	for (; words[argc - 1]; argc++)
		argv[argc] = strdup(words[argc - 1]);
	assert_int_equal(pwrite(in, input, n, 0), n);
	fflush(stdout);
	swap_in(STDIN_FILENO, in, &keep[0]);
	swap_in(STDOUT_FILENO, to, &keep[1]);
	swap_in(STDERR_FILENO, error, &keep[2]);
	const int r = score_main(argc, argv);

	fflush(stdout);
	fflush(stdin); /* what was not read is not for the next */
	clearerr(stdin);
	swap_out(STDIN_FILENO, in, keep[0], NULL);
	swap_out(STDOUT_FILENO, to, keep[1], out);
	swap_out(STDERR_FILENO, error, keep[2], told);
	for (int i = 0; i < argc; i++)
		free(argv[i]);
	return r;
}
#define SCORE(input, ...)                                                                          \
	score_bytes(input, strlen(input), (const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })

#define HEAD "timestamp,value\n"

static void each_row_has_one_score(void **state)
{
	(void)state;
	assert_int_equal(SCORE(HEAD "2014-02-14 14:30:00,0.132\n2014-02-14 14:35:00,0.134\n"), 0);
	assert_string_equal(out, "0.000000\n0.000000\n");
	assert_string_equal(told, "");
	assert_int_equal(SCORE(HEAD), 0);
	assert_string_equal(out, "");
}

static void times_come_in_three_forms(void **state)
{
	(void)state;
	assert_int_equal(SCORE(HEAD
			       "2014-02-14 14:30:00,1\n2014-02-14 14:30:00.000000,1\n"
			       "2014-02-14T14:30:00Z,1\n2014-02-14T15:30:00.5+01:00,1\n"
			       "2014-02-14T09:30:00-05:00,-1e3\n1392388200,1\n1392388200.25,1\n"),
			 0);
	assert_string_equal(out, "0.000000\n0.000000\n0.000000\n0.000000\n0.000000\n0.000000\n"
				 "0.000000\n");
}

static void line_ends_blanks_and_a_missing_last_end_do_no_harm(void **state)
{
	(void)state;
	assert_int_equal(SCORE("timestamp,value\r\n1392388200,1\r\n\r\n 1392388500 , 2 "), 0);
	assert_string_equal(out, "0.000000\n0.000000\n");
}

static void what_is_no_row_is_named_with_its_line(void **state)
{
	static const struct {
		const char *input, *told;
	} cases[] = {
		{ "", "bulkheadd: line 1: expected the header 'timestamp,value', not ''\n" },
		{ "time,value\n1,1\n",
		  "bulkheadd: line 1: expected the header 'timestamp,value', not 'time,value'\n" },
		{ HEAD "1392388200\n",
		  "bulkheadd: line 2: expected timestamp,value, not '1392388200'\n" },
		{ HEAD "1,1\nyesterday,1\n",
		  "bulkheadd: line 3: expected a timestamp (YYYY-MM-DD HH:MM:SS, RFC 3339 or "
		  "seconds) and a value, not 'yesterday,1'\n" },
		{ HEAD "2014-13-14 14:30:00,1\n",
		  "bulkheadd: line 2: expected a timestamp (YYYY-MM-DD HH:MM:SS, RFC 3339 or "
		  "seconds) and a value, not '2014-13-14 14:30:00,1'\n" },
		{ HEAD "1,one\n",
		  "bulkheadd: line 2: expected a number behind the timestamp, not '1,one'\n" },
		{ HEAD "1,nan\n",
		  "bulkheadd: line 2: expected a number behind the timestamp, not '1,nan'\n" },
		{ HEAD "1,\n", "bulkheadd: line 2: expected a number behind the timestamp, not "
			       "'1,'\n" },
		{ HEAD "1,2,3\n", "bulkheadd: line 2: expected a number behind the timestamp, not "
				  "'1,2,3'\n" },
		{ HEAD "1,\033[31m\n", "bulkheadd: line 2: expected a number behind the timestamp, "
				       "not '1,\\x1b[31m'\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(SCORE(cases[i].input), 2);
		assert_string_equal(told, cases[i].told);
	}
}

static void scores_before_a_bad_line_are_printed(void **state)
{
	(void)state;
	assert_int_equal(SCORE(HEAD "1,1\n2,1\nx\n"), 2);
	assert_string_equal(out, "0.000000\n0.000000\n");
}

static void lines_of_any_length_and_with_nul_are_refused(void **state)
{
	char *input = malloc(200000);

	(void)state;
	assert_non_null(input);
	memset(input, '1', 200000);
	memcpy(input, HEAD, 16);
	input[150000] = '\n';
	assert_int_equal(score_bytes(input, 200000, (const char *const[]){ NULL }), 2);
	assert_string_equal(told, "bulkheadd: line 2: expected timestamp,value, not more than 1024 "
				  "bytes\n");
	assert_int_equal(score_bytes(HEAD "1,1\0002\n", 22, (const char *const[]){ NULL }), 2);
	assert_non_null(strstr(told, "line 2"));
	free(input);
}

static void the_warm_up_is_silent_and_ends(void **state)
{
	static char input[1u << 16];
	size_t n = (size_t)snprintf(input, sizeof(input), HEAD);

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		n += (size_t)snprintf(input + n, sizeof(input) - n, "%u,%u\n", 1392388200 + 300 * i,
				      i == 100 || i == 900 ? 1000 : 10 + i % 5);
	for (unsigned loud = 0; loud < 2; loud++) {
		assert_int_equal(SCORE(input, "--warmup", loud ? "50" : "950"), 0);
		assert_int_equal(strlen(out), 9000);
		for (unsigned i = 0; i < 1000; i++) {
			const double score = strtod(out + 9 * i, NULL);

			assert_true(score >= 0 && score <= 1);
			assert_true((loud && i == 100) ? score > 0.5 : i == 900 || score == 0);
		}
	}
}

static void wrong_usage_is_two(void **state)
{
	(void)state;
	assert_int_equal(SCORE(HEAD, "--warmup", "-1"), 2);
	assert_int_equal(SCORE(HEAD, "--warmup", "x"), 2);
	assert_string_equal(told,
			    "--warmup takes a number of rows.\nTry 'bulkhead score --help'.\n");
	assert_int_equal(SCORE(HEAD, "--warmup"), 2);
	assert_int_equal(SCORE(HEAD, "--nosuch"), 2);
	assert_int_equal(SCORE(HEAD, "file.csv"), 2);
	assert_string_equal(out, "");
	assert_int_equal(SCORE("", "--help"), 0);
	assert_non_null(strstr(out, "Usage: bulkhead score [--warmup ROWS] < series.csv\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_has_one_score),
		cmocka_unit_test(times_come_in_three_forms),
		cmocka_unit_test(line_ends_blanks_and_a_missing_last_end_do_no_harm),
		cmocka_unit_test(what_is_no_row_is_named_with_its_line),
		cmocka_unit_test(scores_before_a_bad_line_are_printed),
		cmocka_unit_test(lines_of_any_length_and_with_nul_are_refused),
		cmocka_unit_test(the_warm_up_is_silent_and_ends),
		cmocka_unit_test(wrong_usage_is_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
