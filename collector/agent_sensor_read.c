// SPDX-License-Identifier: GPL-2.0-or-later
/* The ring buffer on the loop. */
#include "collector/agent_sensor.h"

#define BUDGET_NS    (2 * NS_PER_MS)  /* of one turn of the loop */
#define LOOK_NS	     (3 * NS_PER_MS)  /* between looks while events come */
#define LAST_LOOK_NS (50 * NS_PER_MS) /* after the last: one may have come without a wake-up */

/* The first event of a quiet time wakes the loop at once. While more come, the programs are told
 * not to: a timer looks every few milliseconds, which costs a storm a few hundred wake-ups a second
 * instead of one an event. */

static void go_on(void *ctx);

static int read_some(struct agent_sensor *s)
{
	bool more = false;
	int n = sensor_consume(s->kernel, agent_sensor_record, s, BUDGET_NS, &more);

	if (s->changed)
		agent_events_flush(s->agent);
	s->changed = false;
	if (more && !s->going_on)
		s->going_on = loop_defer(s->agent->loop, go_on, s) == 0;
	return n;
}

static void go_on(void *ctx)
{
	struct agent_sensor *s = ctx;

	s->going_on = false;
	read_some(s);
}

static void be_quiet(struct agent_sensor *s, bool quiet)
{
	s->quiet = quiet;
	s->settled = false;
	sensor_switches(s->kernel)->quiet = quiet;
	loop_set_timer(s->timer, quiet ? LOOK_NS : LAST_LOOK_NS, 0);
}

static void on_ring(void *ctx, uint32_t events)
{
	struct agent_sensor *s = ctx;

	(void)events;
	if (read_some(s) > 0 && !s->quiet)
		be_quiet(s, true);
}

static void on_timer(void *ctx, uint32_t events)
{
	struct agent_sensor *s = ctx;
	int n = read_some(s);

	(void)events;
	if (n > 0)
		be_quiet(s, true);
	else if (s->quiet)
		be_quiet(s, false);
}

/* A program that saw "quiet" just before it ended, and then lost its processor for longer than the
 * last look was away, has told something without waking us; and the kernel wakes for a later one
 * only when all before it were read. So there is a look each round. */
void agent_sensor_look(struct agent_sensor *s)
{
	if (read_some(s) > 0 && !s->quiet)
		be_quiet(s, true);
}

int agent_sensor_listen(struct agent_sensor *s, struct err *e)
{
	struct loop *l = s->agent->loop;
	int r = loop_add_timer(l, 0, 0, on_timer, s, &s->timer, e);

	return r < 0 ? r : loop_add_fd(l, sensor_fd(s->kernel), EPOLLIN, on_ring, s, &s->ring, e);
}
