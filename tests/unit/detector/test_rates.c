// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "detector/rates.h"
#include "tests/unit/detector/resource_fixture.h"

static struct resources w;
static struct rates *rates;

static int setup(void **state)
{
	(void)state;
	resources_init(&w, 64);
	return rates_new(&rates, NULL);
}

static int teardown(void **state)
{
	(void)state;
	rates_free(rates);
	resources_release(&w);
	return 0;
}

static bool tick(void)
{
	return rates_tick(rates, w.table, w.now_ns, NS_PER_S, 10 * NS_PER_S);
}

static void assert_rate(const struct container *c, enum rate_of which, double want)
{
	const double got = rates_get(rates, c, which);

	if (!(fabs(got - want) < 1e-6 * (1 + fabs(want))))
		fail_msg("rate %d: %f, wanted %f", (int)which, got, want);
}

static void nothing_is_known_before_two_readings(void **state)
{
	struct container *c = resources_container(&w, "web", "nginx");

	(void)state;
	assert_false(tick()); /* never looked at */
	c->sample.have = SAMPLE_CPU;
	resources_pass(&w, 1);
	assert_true(tick());
	assert_true(isnan(rates_get(rates, c, RATE_CPU_CORES)));
	c->sample.cpu_usage_ns += 3 * NS_PER_S;
	resources_pass(&w, 2);
	assert_true(tick());
	assert_rate(c, RATE_CPU_CORES, 1.5);
	assert_true(isnan(rates_get(rates, c, RATE_IO_BYTES))); /* it has none */
}

static void each_rate_is_that_of_its_counter(void **state)
{
	struct container *c = resources_container(&w, "web", "nginx");
	struct sample *s = &c->sample;

	(void)state;
	s->have = SAMPLE_CPU | SAMPLE_CPU_CFS | SAMPLE_PSI_CPU | SAMPLE_PSI_MEMORY | SAMPLE_PSI_IO |
		  SAMPLE_IO | SAMPLE_MEMORY_FAILCNT;
	s->io_n = 2;
	resources_pass(&w, 1);
	tick();
	s->cfs_periods = 40;
	s->cfs_throttled_periods = 10;
	s->cfs_throttled_ns = 2 * NS_PER_S;
	s->psi_cpu.some_us = 400000;
	s->psi_memory.some_us = 800000;
	s->psi_io.some_us = 4000000;
	s->io[0].read_bytes = 4000;
	s->io[1].write_bytes = 400;
	s->io[0].reads = 8;
	s->io[1].writes = 4;
	s->memory_failcnt = 20;
	resources_pass(&w, 4);
	tick();
	assert_rate(c, RATE_THROTTLED_PERIODS, 25);
	assert_rate(c, RATE_THROTTLED_TIME, 50);
	assert_rate(c, RATE_PRESSURE_CPU, 10);
	assert_rate(c, RATE_PRESSURE_MEMORY, 20);
	assert_rate(c, RATE_PRESSURE_IO, 100);
	assert_rate(c, RATE_IO_BYTES, 1100);
	assert_rate(c, RATE_IO_OPERATIONS, 3);
	assert_rate(c, RATE_AT_LIMIT, 5);
	resources_pass(&w, 4);
	tick();
	assert_rate(c, RATE_THROTTLED_PERIODS, 0); /* no period passed */
}

static void figures_move_when_the_window_is_over_alone(void **state)
{
	struct container *c = resources_container(&w, "web", "nginx");

	(void)state;
	c->sample.have = SAMPLE_CPU;
	resources_pass(&w, 1);
	tick();
	c->sample.cpu_usage_ns = NS_PER_S / 2;
	resources_pass(&w, 0.5);
	assert_false(tick());
	assert_true(isnan(rates_get(rates, c, RATE_CPU_CORES)));
	resources_pass(&w, 0.5);
	assert_true(tick());
	assert_rate(c, RATE_CPU_CORES, 0.5);
}

static void the_network_has_a_window_of_its_own(void **state)
{
	struct container *c = resources_container(&w, "web", "nginx");
	struct sample *s = &c->sample;

	(void)state;
	s->have = SAMPLE_CPU;
	resources_pass(&w, 1);
	tick();
	s->have |= SAMPLE_NETWORK; /* is known later: what it had by then is no rate */
	s->net_n = 1;
	s->net[0].rx_bytes = s->net[0].tx_bytes = 1000000000;
	for (int i = 0; i < 10; i++) {
		resources_pass(&w, 1);
		tick();
	}
	assert_true(isnan(rates_get(rates, c, RATE_RECEIVED_BYTES)));
	s->net[0].rx_bytes += 5000;
	s->net[0].tx_bytes += 100;
	resources_pass(&w, 5);
	tick();
	assert_true(isnan(rates_get(rates, c, RATE_SENT_BYTES)));
	resources_pass(&w, 5);
	tick();
	assert_rate(c, RATE_RECEIVED_BYTES, 500);
	assert_rate(c, RATE_SENT_BYTES, 10);
}

static void a_counter_that_went_back_is_not_known_and_then_is_again(void **state)
{
	struct container *c = resources_container(&w, "web", "nginx");

	(void)state;
	c->sample.have = SAMPLE_CPU;
	c->sample.cpu_usage_ns = 50 * NS_PER_S;
	resources_pass(&w, 1);
	tick();
	c->sample.cpu_usage_ns = NS_PER_S;
	resources_pass(&w, 1);
	tick();
	assert_true(isnan(rates_get(rates, c, RATE_CPU_CORES)));
	c->sample.cpu_usage_ns = 2 * NS_PER_S;
	resources_pass(&w, 1);
	tick();
	assert_rate(c, RATE_CPU_CORES, 1);
}

static void a_new_container_in_the_slot_of_another_begins_anew(void **state)
{
	struct container *a = resources_container(&w, "a", "x"), *b;
	const uint32_t slot = a->slot;

	(void)state;
	a->sample.have = SAMPLE_CPU;
	resources_pass(&w, 1);
	tick();
	resources_end(&w, a);
	b = resources_container(&w, "b", "x");
	assert_int_equal(b->slot, slot);
	b->sample.have = SAMPLE_CPU;
	b->sample.cpu_usage_ns = 100 * NS_PER_S;
	resources_pass(&w, 1);
	tick();
	assert_true(isnan(rates_get(rates, b, RATE_CPU_CORES)));
	assert_true(isnan(rates_get(rates, a, RATE_CPU_CORES)));
	assert_int_equal(rates_stats(rates).used, 1);
}

static void each_reading_has_a_time_of_its_own(void **state)
{
	struct container *c = resources_container(&w, "web", "nginx");

	(void)state;
	assert_true(rates_read_ns(rates, c, RATE_CPU_CORES) == 0);
	c->sample.have = SAMPLE_CPU | SAMPLE_NETWORK;
	resources_pass(&w, 1);
	tick();
	const uint64_t cpu = rates_read_ns(rates, c, RATE_CPU_CORES);
	const uint64_t network = rates_read_ns(rates, c, RATE_SENT_BYTES);

	assert_true(cpu != 0 && network != 0);
	assert_false(tick()); /* nothing passed */
	assert_true(rates_read_ns(rates, c, RATE_CPU_CORES) == cpu);
	resources_pass(&w, 2);
	assert_true(tick());
	assert_true(rates_read_ns(rates, c, RATE_CPU_CORES) > cpu);
	assert_true(rates_read_ns(rates, c, RATE_SENT_BYTES) == network);
	resources_pass(&w, 10);
	tick();
	assert_true(rates_read_ns(rates, c, RATE_SENT_BYTES) > network);
}

static void what_is_gone_leaves_no_entry(void **state)
{
	char name[16];

	(void)state;
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		resources_container(&w, name, "x");
	}
	resources_pass(&w, 1);
	tick();
	assert_int_equal(rates_stats(rates).used, 40);
	struct container *const *list;

	while (container_table_live(w.table, &list) > 0)
		resources_end(&w, list[0]);
	tick();
	assert_int_equal(rates_stats(rates).used, 0);
	assert_int_equal(rates_stats(rates).refused, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(nothing_is_known_before_two_readings),
		T(each_rate_is_that_of_its_counter),
		T(figures_move_when_the_window_is_over_alone),
		T(the_network_has_a_window_of_its_own),
		T(a_counter_that_went_back_is_not_known_and_then_is_again),
		T(a_new_container_in_the_slot_of_another_begins_anew),
		T(each_reading_has_a_time_of_its_own),
		T(what_is_gone_leaves_no_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
