// SPDX-License-Identifier: GPL-2.0-or-later
/* paced - opens distinct files at a steady pace, and says when each call began.
 *
 *	paced N MICROSECONDS DIR   opens DIR/000000, DIR/000001 ..., which it makes first as
 *				   DIR/000000.new: no open of the wanted name but the one that
 *counts
 *
 * Prints the time of day of each call in nanoseconds, taken just before it, when all are done. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000ULL

static void die(const char *what)
{
	fprintf(stderr, "paced: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static void make_files(long n, const char *dir)
{
	char made[4096], wanted[4096];

	for (long i = 0; i < n; i++) {
		snprintf(made, sizeof(made), "%s/%06ld.new", dir, i);
		snprintf(wanted, sizeof(wanted), "%s/%06ld", dir, i);
		int fd = open(made, O_CREAT | O_WRONLY, 0600);

		if (fd < 0 || rename(made, wanted) < 0)
			die(wanted);
		close(fd);
	}
}

static void wait_till(uint64_t ns)
{
	const struct timespec ts = { (time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: paced N MICROSECONDS DIR\n");
		return 2;
	}
	const long n = strtol(argv[1], NULL, 10);
	const uint64_t step = strtoull(argv[2], NULL, 10) * 1000;
	uint64_t *times = calloc((size_t)n + 1, sizeof(*times));
	char path[4096];

	if (!times)
		die("memory");
	make_files(n, argv[3]);
	printf("ready\n");
	fflush(stdout);
	if (getchar() == EOF) /* a line of who measures: all is quiet */
		return 1;
	const uint64_t begin = now(CLOCK_MONOTONIC);

	for (long i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%06ld", argv[3], i);
		wait_till(begin + (uint64_t)i * step);
		times[i] = now(CLOCK_REALTIME);
		int fd = open(path, O_RDONLY);

		if (fd < 0)
			die(path);
		close(fd);
	}
	for (long i = 0; i < n; i++)
		printf("%llu\n", (unsigned long long)times[i]);
	free(times);
	return 0;
}
