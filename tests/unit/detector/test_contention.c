// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "detector/contention.h"
#include "tests/unit/detector/resource_fixture.h"

static struct resources w;
static struct rates *rates;
static struct contention *contention;
static struct container *root;
static struct contention_verdict v;

static int setup(void **state)
{
	(void)state;
	resources_init(&w, 64);
	root = resources_add(&w, CGROUP_ROOT, "", "/");
	root->sample.have = SAMPLE_CPU | SAMPLE_IO;
	root->sample.io_n = 1;
	if (rates_new(&rates, NULL) < 0)
		return -1;
	return contention_new(&contention, NULL);
}

static int teardown(void **state)
{
	(void)state;
	contention_free(contention);
	rates_free(rates);
	resources_release(&w);
	return 0;
}

/* A container with all figures. */
static struct container *box(const char *name)
{
	struct container *c = resources_container(&w, name, "img");

	c->sample.have = SAMPLE_CPU | SAMPLE_CPU_CFS | SAMPLE_MEMORY | SAMPLE_MEMORY_SPEC |
			 SAMPLE_IO | SAMPLE_PSI_CPU | SAMPLE_PSI_MEMORY | SAMPLE_PSI_IO;
	c->sample.io_n = 1;
	return c;
}

/* One second of so much CPU and of so much waiting for it. */
static void use_cpu(struct container *c, double cores, double pressure_percent)
{
	c->sample.cpu_usage_ns += (uint64_t)(cores * 1e9);
	c->sample.psi_cpu.some_us += (uint64_t)(pressure_percent * 1e4);
	root->sample.cpu_usage_ns += (uint64_t)(cores * 1e9);
}

static void use_io(struct container *c, uint64_t bytes, double pressure_percent)
{
	c->sample.io[0].write_bytes += bytes;
	c->sample.psi_io.some_us += (uint64_t)(pressure_percent * 1e4);
	root->sample.io[0].write_bytes += bytes;
}

static void second(void)
{
	resources_pass(&w, 1);
	w.live.memory_used = 0;
	struct container *const *list;
	const size_t n = container_table_live(w.table, &list);

	for (size_t i = 0; i < n; i++)
		w.live.memory_used += list[i]->sample.memory_working_set;
	if (rates_tick(rates, w.table, w.now_ns, NS_PER_S, NS_PER_S))
		contention_tick(contention, w.table, rates, &w.machine, &w.live, w.now_ns);
}

static void assert_near(double got, double want)
{
	if (!(fabs(got - want) <= 0.02 * fabs(want) + 1e-9))
		fail_msg("%f, wanted %f", got, want);
}

static void who_took_more_than_ever_is_the_cause_of_anothers_waiting(void **state)
{
	struct container *web = box("web"), *hog = box("hog"), *steady = box("steady");

	(void)state;
	for (int i = 0; i < 100; i++) {
		use_cpu(web, 1, 2);
		use_cpu(hog, 0.1, 0);
		use_cpu(steady, 1.5, 1);
		second();
	}
	assert_near(contention_of(contention, web, &v), 0);
	for (int i = 0; i < 3; i++) {
		use_cpu(web, 0.6, 60);
		use_cpu(hog, 1.9, 30);
		use_cpu(steady, 1.5, 10);
		second();
	}
	assert_near(contention_of(contention, web, &v), 60);
	assert_ptr_equal(v.culprit, hog);
	assert_true(v.above_normal);
	assert_int_equal(v.what, CONTENDED_CPU);
	assert_near(v.now, 1.9);
	assert_near(v.normal, 0.1); /* what it takes while others wait is not learned */
	assert_near(v.taken, 100 * 1.9 / 4);
	/* the one that takes it waits by its own doing */
	assert_near(contention_of(contention, hog, &v), 0);
}

static void waiting_by_ones_own_quota_is_nobody_elses_doing(void **state)
{
	struct container *web = box("web"), *other = box("other");

	(void)state;
	for (int i = 0; i < 5; i++) {
		use_cpu(web, 0.5, 70);
		web->sample.cfs_throttled_ns += 650 * NS_PER_MS;
		use_cpu(other, 3, 0);
		second();
	}
	assert_near(contention_of(contention, web, &v), 0); /* 5 % are left: less than counts */
}

static void a_quota_of_a_group_around_it_is_one_too(void **state)
{
	struct container *pod = resources_add(&w, CGROUP_PARENT, "", "/kubepods/pod1");
	struct container *web = box("web"), *other = box("other");

	(void)state;
	pod->sample.have = SAMPLE_CPU_CFS;
	web->parent = pod;
	for (int i = 0; i < 5; i++) {
		use_cpu(web, 0.5, 70);
		pod->sample.cfs_throttled_ns += 690 * NS_PER_MS;
		use_cpu(other, 3, 0);
		second();
	}
	assert_near(contention_of(contention, web, &v), 0);
	web->parent = NULL;
}

static void a_busy_container_alone_waits_for_itself(void **state)
{
	struct container *web = box("web"), *idle = box("idle");

	(void)state;
	for (int i = 0; i < 100; i++) {
		use_cpu(web, 3.9, 90);
		use_cpu(idle, 0.01, 0);
		second();
	}
	assert_near(contention_of(contention, web, &v), 0);
}

static void with_nobody_above_normal_the_largest_is_named_without_blame(void **state)
{
	struct container *web = box("web"), *big = box("big");

	(void)state;
	for (int i = 0; i < 100; i++) {
		use_cpu(web, 0.5, 5);
		use_cpu(big, 3.4, 5);
		second();
	}
	for (int i = 0; i < 3; i++) {
		use_cpu(web, 0.5, 50);
		use_cpu(big, 3.4, 5);
		second();
	}
	assert_near(contention_of(contention, web, &v), 50);
	assert_ptr_equal(v.culprit, big);
	assert_false(v.above_normal);
	assert_near(v.normal, 3.4);
}

static void what_runs_outside_of_containers_may_be_the_cause(void **state)
{
	struct container *web = box("web");

	(void)state;
	for (int i = 0; i < 5; i++) {
		use_cpu(web, 0.5, 80);
		root->sample.cpu_usage_ns += 3 * NS_PER_S;
		second();
	}
	assert_near(contention_of(contention, web, &v), 80);
	assert_null(v.culprit);
	assert_true(v.outside);
	assert_near(v.now, 3);
	assert_true(isnan(v.normal));
}

static double usual_of_baseline(void *ctx, const struct container *c, enum config_metric m)
{
	(void)ctx;
	if (m != METRIC_CPU_CORES)
		return NAN;
	return strcmp(container_name(c), "batch") == 0 ? 2.5 : 0.2;
}

static void the_usual_of_the_image_goes_before_its_own_past(void **state)
{
	struct container *web = box("web"), *batch = box("batch"), *miner = box("miner");

	(void)state;
	contention_set_normal(contention, usual_of_baseline, NULL);
	for (int i = 0; i < 3; i++) {
		use_cpu(web, 0.2, 60);
		use_cpu(batch, 2.4, 10);
		use_cpu(miner, 1.4, 10);
		second();
	}
	assert_near(contention_of(contention, web, &v), 60);
	assert_ptr_equal(v.culprit, miner);
	assert_near(v.normal, 0.2);
}

static void memory_is_by_others_only_without_a_limit_of_ones_own(void **state)
{
	struct container *web = box("web"), *hog = box("hog");
	struct sample *s = &web->sample;

	(void)state;
	s->memory_usage = s->memory_working_set = GIB;
	hog->sample.memory_usage = hog->sample.memory_working_set = 6 * GIB;
	for (int i = 0; i < 3; i++) {
		s->psi_memory.some_us += 500000;
		second();
	}
	assert_near(contention_of(contention, web, &v), 50);
	assert_int_equal(v.what, CONTENDED_MEMORY);
	assert_ptr_equal(v.culprit, hog);
	assert_near(v.now, (double)(6 * GIB));
	s->memory_limit = GIB + GIB / 100;
	s->psi_memory.some_us += 500000;
	second();
	assert_near(contention_of(contention, web, &v), 0);
	/* a limit that it met and is below of again */
	s->memory_limit = 2 * GIB;
	s->have |= SAMPLE_MEMORY_FAILCNT;
	second();
	s->memory_failcnt += 10;
	s->psi_memory.some_us += 500000;
	second();
	assert_near(contention_of(contention, web, &v), 0);
	/* who took the memory is known without any waiting */
	assert_true(contention_blame(contention, web, CONTENDED_MEMORY, &v));
	assert_ptr_equal(v.culprit, hog);
}

static void io_is_shared_by_what_is_done_at_all(void **state)
{
	struct container *db = box("db"), *backup = box("backup");

	(void)state;
	for (int i = 0; i < 100; i++) {
		use_io(db, MIB, 1);
		second();
	}
	for (int i = 0; i < 3; i++) {
		use_io(db, MIB / 2, 70);
		use_io(backup, 20 * MIB, 90);
		second();
	}
	assert_near(contention_of(contention, db, &v), 70);
	assert_int_equal(v.what, CONTENDED_IO);
	assert_ptr_equal(v.culprit, backup);
	assert_near(v.normal, 0);
	assert_near(contention_of(contention, backup, &v), 0);
}

static void a_container_inside_another_counts_with_it(void **state)
{
	struct container *outer = box("outer"), *web = box("web");
	struct identity id = { .kind = CGROUP_CONTAINER, .nested = true };
	struct container *inner;
	char path[300];

	(void)state;
	snprintf(path, sizeof(path), "%s/docker/inner", outer->cgroup_path);
	snprintf(id.id, sizeof(id.id), "inner");
	assert_int_equal(container_table_add(w.table, CGROUP_CONTAINER, &id, path, &inner, NULL),
			 0);
	inner->sample.have = SAMPLE_CPU | SAMPLE_PSI_CPU;
	for (int i = 0; i < 3; i++) {
		use_cpu(outer, 3.5, 80);
		inner->sample.cpu_usage_ns += 3 * NS_PER_S;
		inner->sample.psi_cpu.some_us += 800000;
		use_cpu(web, 0.3, 50);
		second();
	}
	assert_near(contention_of(contention, web, &v), 50);
	assert_ptr_equal(v.culprit, outer);
	assert_near(contention_of(contention, inner, &v), 0); /* its own outer one takes it */
}

static void without_pressure_of_containers_the_hosts_is_told(void **state)
{
	struct container *a = box("a"), *b = box("b");

	(void)state;
	a->sample.have &= ~(uint32_t)(SAMPLE_PSI_CPU | SAMPLE_PSI_MEMORY | SAMPLE_PSI_IO);
	b->sample.have = a->sample.have;
	w.live.have = SAMPLE_PSI_CPU;
	for (int i = 0; i < 3; i++) {
		w.live.psi_cpu.some_us += 550000;
		use_cpu(a, 3, 0);
		use_cpu(b, 1, 0);
		second();
	}
	assert_true(isnan(contention_of(contention, a, &v)));
	assert_near(contention_of_host(contention, &v), 55);
	assert_ptr_equal(v.culprit, a);
	/* one that takes it from nobody */
	for (int i = 0; i < 3; i++) {
		w.live.psi_cpu.some_us += 550000;
		use_cpu(a, 3, 0);
		second();
	}
	assert_near(contention_of_host(contention, &v), 0);
}

static void where_containers_have_pressure_the_host_has_no_say(void **state)
{
	(void)state;
	box("a");
	w.live.have = SAMPLE_PSI_CPU;
	second();
	second();
	assert_true(isnan(contention_of_host(contention, &v)));
}

static void a_culprit_that_ends_is_not_named_any_more(void **state)
{
	struct container *web = box("web"), *hog = box("hog");

	(void)state;
	for (int i = 0; i < 3; i++) {
		use_cpu(web, 0.3, 60);
		use_cpu(hog, 3.5, 0);
		second();
	}
	resources_end(&w, hog);
	container_table_expire(w.table, w.now_ns + 10, 0);
	assert_near(contention_of(contention, web, &v), 60);
	assert_string_equal(container_name(v.culprit), "hog"); /* still there for us */
	use_cpu(web, 0.3, 60);
	second();
	assert_near(contention_of(contention, web, &v), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(who_took_more_than_ever_is_the_cause_of_anothers_waiting),
		T(waiting_by_ones_own_quota_is_nobody_elses_doing),
		T(a_quota_of_a_group_around_it_is_one_too),
		T(a_busy_container_alone_waits_for_itself),
		T(with_nobody_above_normal_the_largest_is_named_without_blame),
		T(what_runs_outside_of_containers_may_be_the_cause),
		T(the_usual_of_the_image_goes_before_its_own_past),
		T(memory_is_by_others_only_without_a_limit_of_ones_own),
		T(io_is_shared_by_what_is_done_at_all),
		T(a_container_inside_another_counts_with_it),
		T(without_pressure_of_containers_the_hosts_is_told),
		T(where_containers_have_pressure_the_host_has_no_say),
		T(a_culprit_that_ends_is_not_named_any_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
