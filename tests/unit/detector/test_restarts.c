// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "detector/restarts.h"
#include "tests/unit/detector/resource_fixture.h"

#define SPAN  (600 * NS_PER_S)
#define SINCE (500 * NS_PER_S) /* unix, of the agent's start */

static struct resources w;
static struct restarts *restarts;

static int setup(void **state)
{
	(void)state;
	resources_init(&w, 64);
	return restarts_new(&restarts, SINCE, NULL);
}

static int teardown(void **state)
{
	(void)state;
	restarts_free(restarts);
	resources_release(&w);
	return 0;
}

static void tick(void)
{
	restarts_tick(restarts, w.table, w.now_ns, SPAN);
}

struct found {
	const char *name;
	bool by_image;
	unsigned times;
};

static void look(void *ctx, struct restart_name *n)
{
	struct found *f = ctx;
	const char *name = f->by_image ? container_image(n->c) : container_name(n->c);

	if (n->by_image == f->by_image && strcmp(name, f->name) == 0)
		f->times = event_times_within(&n->times, w.now_ns, SPAN);
}

static unsigned times(const char *name, bool by_image)
{
	struct found f = { name, by_image, 0 };

	restarts_each(restarts, look, &f);
	return f.times;
}

static struct container *start(const char *name, const char *image)
{
	struct container *c = resources_container(&w, name, image);

	c->started_unix_ns = SINCE + 1;
	restarts_started(restarts, c, w.now_ns);
	return c;
}

static void end(struct container *c, int exit_code)
{
	c->has_exit_code = true;
	c->exit_code = exit_code;
	restarts_ended(restarts, c, w.now_ns);
	resources_end(&w, c);
}

static void each_start_of_a_name_counts_once(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++) {
		struct container *c = start("web", "nginx");

		restarts_started(restarts, c, w.now_ns); /* its metadata came again */
		end(c, 1);
		resources_pass(&w, 2);
		tick();
	}
	assert_int_equal(times("web", false), 5);
	assert_int_equal(times("nginx", true), 1); /* the name tells it already */
	resources_pass(&w, 595);
	assert_int_equal(times("web", false), 2);
}

static void the_next_start_may_be_seen_before_the_end_of_the_last_is_settled(void **state)
{
	struct container *a = start("web", "nginx"), *b;

	(void)state;
	end(a, 1);
	b = start("web", "nginx");
	tick();
	end(b, 1);
	tick();
	assert_int_equal(times("web", false), 2);
}

/* Its metadata is read after its end alone. */
static void a_life_too_short_to_be_seen_counts_at_its_end(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++) {
		struct container *c = resources_container(&w, "flash", "busybox");
		struct metadata *later = c->meta;

		c->meta = NULL;
		restarts_ended(restarts, c, w.now_ns);
		resources_end(&w, c);
		tick();
		assert_int_equal(times("flash", false), i);
		c->meta = later;
		c->has_exit_code = true;
		tick();
	}
	assert_int_equal(times("flash", false), 5);
}

static void what_was_there_before_us_is_no_start(void **state)
{
	struct container *c = resources_container(&w, "web", "nginx");

	(void)state;
	c->started_unix_ns = SINCE - 1;
	end(c, 0);
	tick();
	assert_int_equal(times("web", false), 0);
}

static void a_restart_count_tells_of_starts_that_were_not_seen(void **state)
{
	struct container *c = start("web", "nginx");

	(void)state;
	c->meta->has_restart_count = true;
	c->restart_count = 2; /* as it was when we came */
	tick();
	assert_int_equal(times("web", false), 1);
	c->restart_count = 8;
	tick();
	/* one of the six is the start that was seen */
	assert_int_equal(times("web", false), 6);
	tick();
	assert_int_equal(times("web", false), 6);
	c->restart_count = 0; /* somebody started it by hand */
	tick();
	assert_int_equal(times("web", false), 6);
}

static void a_start_and_its_restart_count_are_one(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 6; i++) {
		struct container *c = resources_container(&w, "web", "nginx");

		c->meta->has_restart_count = true;
		c->restart_count = i;
		c->started_unix_ns = SINCE + 1;
		restarts_started(restarts, c, w.now_ns);
		tick();
		end(c, 1);
		tick();
	}
	assert_int_equal(times("web", false), 6);
}

static void new_names_of_one_image_count_when_they_fail(void **state)
{
	char name[32];

	(void)state;
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "eager_%d", i);
		end(start(name, "job:1"), i % 2);
		tick();
	}
	assert_int_equal(times("job:1", true), 5);
	assert_int_equal(times("eager_3", false), 1);
}

static void many_that_start_at_once_are_no_restarts(void **state)
{
	char name[32];

	(void)state;
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "replica_%d", i);
		start(name, "nginx");
	}
	tick();
	assert_int_equal(times("nginx", true), 0);
	assert_int_equal(times("replica_7", false), 1);
}

static void a_pod_is_known_by_its_own_name(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++) {
		char name[32];

		snprintf(name, sizeof(name), "%dabcdef", i); /* containerd: the id */
		struct container *c = resources_container(&w, name, "app");

		c->meta->pod_name = resources_text("app-7f");
		c->meta->pod_container = resources_text("main");
		c->started_unix_ns = SINCE + 1;
		restarts_started(restarts, c, w.now_ns);
		end(c, 2);
		tick();
	}
	assert_int_equal(restarts_stats(restarts).names, 2); /* the pod, and once the image */
	assert_int_equal(times("0abcdef", false) + times("4abcdef", false), 5);
}

static void names_that_were_quiet_are_forgotten(void **state)
{
	(void)state;
	start("web", "nginx");
	tick();
	assert_int_equal(restarts_stats(restarts).names, 1);
	resources_pass(&w, 599);
	tick();
	assert_int_equal(restarts_stats(restarts).names, 1);
	resources_pass(&w, 2);
	tick();
	assert_int_equal(restarts_stats(restarts).names, 0);
}

static void mark_told(void *ctx, struct restart_name *n)
{
	(void)ctx;
	n->told = 1;
}

static void the_quietest_name_makes_room_unless_all_are_told_of(void **state)
{
	char name[32];

	(void)state;
	for (int i = 0; i <= RESTARTS_MAX_NAMES; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		struct container *c = start(name, "x");

		resources_end(&w, c);
		w.now_ns += 1000;
	}
	assert_int_equal(restarts_stats(restarts).names, RESTARTS_MAX_NAMES);
	assert_int_equal(restarts_stats(restarts).names_refused, 1);
	assert_int_equal(times("c0", false), 0);
	assert_int_equal(times("c1", false), 1);
	restarts_each(restarts, mark_told, NULL);
	start("one more", "x");
	assert_int_equal(times("one more", false), 0);
	assert_int_equal(times("c1", false), 1);
	assert_int_equal(restarts_stats(restarts).names_refused, 2);
}

static void too_many_that_wait_are_refused_and_time_lets_go_of_the_rest(void **state)
{
	(void)state;
	for (int i = 0; i <= RESTARTS_MAX_WAITING; i++) {
		struct container *c = resources_container(&w, "a", "x");

		restarts_ended(restarts, c, w.now_ns); /* how it ended stays unknown */
		resources_end(&w, c);
	}
	assert_int_equal(restarts_stats(restarts).waiting, RESTARTS_MAX_WAITING);
	assert_int_equal(restarts_stats(restarts).waiting_refused, 1);
	tick();
	assert_int_equal(restarts_stats(restarts).waiting, RESTARTS_MAX_WAITING);
	w.now_ns += RESTARTS_WAIT_NS + 1;
	tick();
	assert_int_equal(restarts_stats(restarts).waiting, 0);
	assert_int_equal(times("a", false), EVENT_TIMES_MAX);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(each_start_of_a_name_counts_once),
		T(the_next_start_may_be_seen_before_the_end_of_the_last_is_settled),
		T(a_life_too_short_to_be_seen_counts_at_its_end),
		T(what_was_there_before_us_is_no_start),
		T(a_restart_count_tells_of_starts_that_were_not_seen),
		T(a_start_and_its_restart_count_are_one),
		T(new_names_of_one_image_count_when_they_fail),
		T(many_that_start_at_once_are_no_restarts),
		T(a_pod_is_known_by_its_own_name),
		T(names_that_were_quiet_are_forgotten),
		T(the_quietest_name_makes_room_unless_all_are_told_of),
		T(too_many_that_wait_are_refused_and_time_lets_go_of_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
