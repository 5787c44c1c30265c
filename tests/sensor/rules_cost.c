// SPDX-License-Identifier: GPL-2.0-or-later
/* rules_cost - what rules cost an event: a recording again and again through the rules of files.
 *
 *	rules_cost RECORDING EVENTS FILE...
 *
 * Prints the time to load the files, then of at least EVENTS events the mean time in the rules
 * (without reading the recording), that of the quickest time through the recording (a busy machine
 * disturbs it least), the processor's time with the reading, how many matched and how often memory
 * was asked for. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "collector/base/clock.h"
#include "collector/replay.h"
#include "detector/rules.h"

void *__libc_malloc(size_t n);
static uint64_t allocations;

void *malloc(size_t n)
{
	allocations++;
	return __libc_malloc(n);
}

struct cost {
	struct rules *rules;
	struct field_event ev;
	uint64_t events, hits, ns, clock_ns, allocated;
	uint64_t by_type[EVT_COUNT], ns_of_type[EVT_COUNT];
	double least_ns; /* an event, of the quickest pass */
	uint64_t cpu_ns;
};

static uint64_t cpu_ns(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * NS_PER_S +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000;
}

static void on_event(void *ctx, const struct event_view *v, const struct event_context *c)
{
	struct cost *s = ctx;
	struct rules_hit hits[RULES_MAX_HITS];
	const uint64_t before = allocations;
	const uint64_t begin = mono_ns();

	s->ev.view = v;
	s->ev.context = c;
	s->ev.type = evt_type_of(v);
	s->ev.number++;
	s->hits += rules_match(s->rules, &s->ev, hits);
	const uint64_t took = mono_ns() - begin;

	s->ns += took;
	s->ns_of_type[s->ev.type] += took;
	s->by_type[s->ev.type]++;
	s->allocated += allocations - before;
	s->events++;
}

static uint64_t clock_cost(void)
{
	const uint64_t begin = mono_ns();

	for (int i = 0; i < 100000; i++)
		(void)mono_ns();
	return (mono_ns() - begin) / 100000;
}

static int load(struct cost *s, char **files, struct err *e)
{
	const struct rules_settings settings = { .least = ALERT_DEBUG };
	const uint64_t begin = mono_ns();
	struct rule_set set;
	int r = 0;

	rule_set_init(&set);
	for (; r == 0 && *files; files++)
		r = rule_set_add_path(&set, *files, e);
	if (r == 0)
		r = rule_set_finish(&set);
	if (r == 0)
		r = rules_new(&s->rules, &set, &settings, e);
	printf("%.1f ms to load, %zu rules, %llu nodes\n", (double)(mono_ns() - begin) / 1e6,
	       s->rules ? s->rules->on : 0,
	       s->rules ? (unsigned long long)rule_program_stats(s->rules->program).nodes : 0);
	return r;
}

/* Without what it takes to look at the clock. */
static double each(const struct cost *s, uint64_t ns, uint64_t events)
{
	const uint64_t clocks = events * s->clock_ns;

	return ns > clocks ? (double)(ns - clocks) / (double)events : 0;
}

static int pass(struct cost *s, const char *path, struct err *e)
{
	const struct replay_settings settings = { .event = on_event, .ctx = s };
	const uint64_t before = s->events, ns = s->ns;
	struct replay_summary sum;
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	int r = fd < 0 ? err_errno(e, "%s", path) : replay_read(fd, &settings, &sum, e);

	if (r < 0 || s->events == before)
		return r < 0 ? r : err_set(e, ENODATA, "%s has no events", path);
	const double least = each(s, s->ns - ns, s->events - before);

	if (before == 0 || least < s->least_ns)
		s->least_ns = least;
	return 0;
}

static void print(const struct cost *s)
{
	printf("%llu events: %.0f ns each, %.0f at best, %.0f of the processor with the reading, "
	       "%llu matches, %llu allocations\n",
	       (unsigned long long)s->events, each(s, s->ns, s->events), s->least_ns,
	       (double)s->cpu_ns / (double)s->events, (unsigned long long)s->hits,
	       (unsigned long long)s->allocated);
	for (unsigned t = 0; t < EVT_COUNT; t++)
		if (s->by_type[t])
			printf("  %-20s %9llu events %6.0f ns\n", evt_type_name((enum evt_type)t),
			       (unsigned long long)s->by_type[t],
			       (double)s->ns_of_type[t] / (double)s->by_type[t] -
				       (double)s->clock_ns);
}

int main(int argc, char **argv)
{
	static struct cost s;
	struct err e = { "" };
	uint64_t want;

	if (argc < 4 || !parse_u64(span_str(argv[2]), &want)) {
		fprintf(stderr, "usage: rules_cost RECORDING EVENTS FILE...\n");
		return 2;
	}
	s.ev.scratch = malloc(FIELD_SCRATCH_BYTES);
	s.clock_ns = clock_cost();
	int r = s.ev.scratch ? load(&s, argv + 3, &e) : -ENOMEM;

	s.cpu_ns = cpu_ns();
	while (r == 0 && s.events < want)
		r = pass(&s, argv[1], &e);
	s.cpu_ns = cpu_ns() - s.cpu_ns;
	if (r < 0)
		fprintf(stderr, "rules_cost: %s\n", e.text);
	else
		print(&s);
	rules_free(s.rules);
	free(s.ev.scratch);
	return r < 0;
}
