// SPDX-License-Identifier: GPL-2.0-or-later
/* The memory of the last events: who keeps what when there is not room for all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "detector/flight_ring.h"

#define CHUNKS 16
#define SECOND 1000000000ULL

static struct flight_ring *ring;
static uint64_t now;
static _Alignas(8) uint8_t record[EVENT_MAX_BYTES];

static int setup(void **state)
{
	(void)state;
	now = 0;
	return flight_ring_new(&ring, CHUNKS * FLIGHT_CHUNK_BYTES, NULL);
}

static int teardown(void **state)
{
	(void)state;
	flight_ring_free(ring);
	return 0;
}

static size_t make(uint64_t cgroup, enum event_type type, size_t path_bytes, unsigned strings)
{
	static char text[EVENT_STRING_MAX];
	const struct event_head head = { .type = (uint16_t)type,
					 .boot_ns = ++now,
					 .container_cgroup = cgroup,
					 .pid = 7,
					 .syscall = -1,
					 .comm = "sh" };
	struct event_writer w;

	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = 'z';
	event_write_begin(&w, record, sizeof(record), &head, NULL);
	for (unsigned i = 0; i < strings; i++)
		event_write_string(&w, TAG_PATH + i, 0, (struct span){ text, path_bytes });
	return event_write_end(&w);
}

static void add_long(uint64_t cgroup, enum event_type type, size_t path_bytes, unsigned strings)
{
	struct event_view v;
	const size_t n = make(cgroup, type, path_bytes, strings);

	assert_true(n > 0);
	assert_int_equal(event_decode(record, n, &v, NULL), 0);
	flight_ring_add(ring, &v);
}

static void add(uint64_t cgroup, enum event_type type)
{
	add_long(cgroup, type, 100, 1);
}

/* Events kept of a container; all are whole and in the order of time. */
static size_t kept(uint64_t cgroup, uint64_t *first, uint64_t *last)
{
	struct flight_events e;
	const struct event_head *h;
	struct event_view v;
	uint64_t before = 0;
	size_t n = 0;

	assert_int_equal(flight_ring_copy(ring, &cgroup, 1, &e), 0);
	while ((h = flight_events_next(&e))) {
		assert_int_equal(event_decode(h, h->size, &v, NULL), 0);
		assert_int_equal(h->container_cgroup, cgroup);
		assert_true(h->boot_ns > before);
		if (n++ == 0 && first)
			*first = h->boot_ns;
		before = h->boot_ns;
	}
	assert_int_equal(n, e.events);
	if (last)
		*last = before;
	flight_events_release(&e);
	return n;
}

static void events_come_back_as_they_were_in_the_order_of_time(void **state)
{
	const uint64_t cgroup = 5;
	struct flight_events e;
	const struct event_head *h;

	(void)state;
	add(cgroup, EVENT_EXEC);
	add(cgroup, EVENT_OPEN);
	add(6, EVENT_OPEN);
	add(cgroup, EVENT_CONNECT);
	add(cgroup, EVENT_EXIT);
	size_t n = make(cgroup, EVENT_OPEN, 33, 2); /* an odd length */
	struct event_view v;

	assert_int_equal(event_decode(record, n, &v, NULL), 0);
	flight_ring_add(ring, &v);
	assert_int_equal(flight_ring_copy(ring, &cgroup, 1, &e), 0);
	const uint16_t types[] = { EVENT_EXEC, EVENT_OPEN, EVENT_CONNECT, EVENT_EXIT, EVENT_OPEN };

	for (size_t i = 0; i < 5; i++) {
		h = flight_events_next(&e);
		assert_non_null(h);
		assert_int_equal(h->type, types[i]);
		if (i == 4)
			assert_memory_equal(h, record, n);
	}
	assert_null(flight_events_next(&e));
	assert_int_equal(e.first_ns, 1);
	assert_int_equal(e.last_ns, now);
	assert_int_equal(e.first_process_ns, 1);
	flight_events_release(&e);
}

static void of_a_container_that_told_nothing_there_is_nothing(void **state)
{
	const uint64_t cgroup = 9;
	struct flight_events e;

	(void)state;
	assert_int_equal(flight_ring_copy(ring, &cgroup, 1, &e), 0);
	assert_null(flight_events_next(&e));
	assert_int_equal(e.events, 0);
	flight_events_release(&e);
	flight_ring_end(ring, cgroup, 1);
	flight_ring_expire(ring, UINT64_MAX);
}

static void a_busy_container_does_not_take_the_past_of_quiet_ones(void **state)
{
	uint64_t first, last;

	(void)state;
	for (uint64_t c = 1; c <= 4; c++)
		for (unsigned i = 0; i < 10; i++)
			add(c, EVENT_OPEN);
	for (unsigned i = 0; i < 100000; i++)
		add(99, EVENT_OPEN);
	for (uint64_t c = 1; c <= 4; c++) {
		assert_int_equal(kept(c, &first, NULL), 10);
		assert_int_equal(first, 10 * (c - 1) + 1);
	}
	assert_true(kept(99, NULL, &last) > 500);
	assert_int_equal(last, now);
	assert_int_equal(flight_ring_stats(ring).used, CHUNKS);
}

static void two_busy_ones_share_evenly(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 20000; i++)
		add(1, EVENT_OPEN);
	for (unsigned i = 0; i < 20000; i++)
		add(2, EVENT_OPEN);
	const size_t a = kept(1, NULL, NULL), b = kept(2, NULL, NULL);

	assert_true(a > 200 && b > 200);
	assert_true(a < 2 * b && b < 2 * a);
}

static void a_storm_of_opens_does_not_wash_away_what_was_executed(void **state)
{
	uint64_t first;

	(void)state;
	add(1, EVENT_EXEC);
	add(1, EVENT_SETNS);
	for (unsigned i = 0; i < 50000; i++)
		add(1, i % 2 ? EVENT_OPEN : EVENT_CONNECT);
	kept(1, &first, NULL);
	assert_int_equal(first, 1);
}

static void of_more_containers_than_chunks_the_newest_are_kept(void **state)
{
	(void)state;
	for (uint64_t c = 1; c <= 10 * CHUNKS; c++)
		add(c, EVENT_EXEC);
	assert_int_equal(flight_ring_stats(ring).rings, CHUNKS);
	assert_int_equal(kept(1, NULL, NULL), 0);
	assert_int_equal(kept(10 * CHUNKS, NULL, NULL), 1);
	assert_int_equal(kept(9 * CHUNKS + 1, NULL, NULL), 1);
}

static void a_record_longer_than_a_chunk_is_cut_and_stays_whole(void **state)
{
	const uint64_t cgroup = 3;
	struct flight_events e;
	struct event_view v;

	(void)state;
	add(cgroup, EVENT_OPEN);
	add_long(cgroup, EVENT_EXEC, EVENT_STRING_MAX, 5);
	add_long(cgroup, EVENT_EXEC, EVENT_STRING_MAX, 6);
	add(cgroup, EVENT_OPEN);
	assert_int_equal(kept(cgroup, NULL, NULL), 4);
	assert_int_equal(flight_ring_stats(ring).cut, 2);
	assert_int_equal(flight_ring_copy(ring, &cgroup, 1, &e), 0);
	flight_events_next(&e);
	const struct event_head *h = flight_events_next(&e);

	assert_int_equal(event_decode(h, h->size, &v, NULL), 0);
	assert_true(v.string_flags[TAG_PATH] & STRING_CUT);
	assert_int_equal(v.strings[TAG_PATH].p[v.strings[TAG_PATH].n - 1], 'z'); /* its end */
	flight_events_release(&e);
}

static void an_ended_container_is_forgotten_after_a_minute(void **state)
{
	(void)state;
	add(1, EVENT_EXEC);
	add(1, EVENT_OPEN);
	add(2, EVENT_EXEC);
	flight_ring_end(ring, 1, 100 * SECOND);
	add(1, EVENT_EXIT); /* the last that is told of it */
	flight_ring_expire(ring, 159 * SECOND);
	assert_int_equal(kept(1, NULL, NULL), 3);
	flight_ring_end(ring, 1, 130 * SECOND); /* told again: that is no new end */
	flight_ring_expire(ring, 160 * SECOND);
	assert_int_equal(kept(1, NULL, NULL), 0);
	assert_int_equal(kept(2, NULL, NULL), 1);
	assert_int_equal(flight_ring_stats(ring).used, 1);
	flight_ring_expire(ring, 1000 * SECOND);
	assert_int_equal(kept(2, NULL, NULL), 1);
}

static void each_ring_has_its_turn_to_be_looked_at(void **state)
{
	bool seen[5] = { false };

	(void)state;
	assert_int_equal(flight_ring_next(ring), 0);
	for (uint64_t c = 1; c <= 4; c++)
		add(c, EVENT_EXEC);
	for (unsigned i = 0; i < 8; i++)
		seen[flight_ring_next(ring)] = true;
	for (unsigned c = 1; c <= 4; c++)
		assert_true(seen[c]);
}

static void whatever_comes_no_chunk_is_lost_and_every_record_is_whole(void **state)
{
	uint64_t x = 88172645463325252ULL;

	(void)state;
	for (unsigned i = 0; i < 60000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		const uint64_t cgroup = x % 40;

		if (x % 97 == 0)
			flight_ring_end(ring, cgroup, i * SECOND);
		else if (x % 89 == 0)
			flight_ring_expire(ring, i * SECOND);
		else
			add_long(cgroup, x & 1024 ? EVENT_EXEC : EVENT_OPEN, (x >> 32) % 4096,
				 (x >> 48) % 7 == 0 ? 6 : 1);
	}
	size_t n = 0;

	for (uint64_t c = 0; c < 40; c++)
		n += kept(c, NULL, NULL);
	assert_true(n > 0);
	assert_true(flight_ring_stats(ring).used <= CHUNKS);
	for (uint64_t c = 0; c < 40; c++)
		flight_ring_end(ring, c, 70000 * SECOND);
	flight_ring_expire(ring, 80000 * SECOND);
	assert_int_equal(flight_ring_stats(ring).used, 0);
	assert_int_equal(flight_ring_stats(ring).rings, 0);
}

static void several_ids_of_one_container_are_one_story(void **state)
{
	const uint64_t ids[] = { 1, 2, 3 };
	struct flight_events e;
	uint64_t before = 0;
	size_t n = 0;

	(void)state;
	for (unsigned i = 0; i < 30; i++)
		add(1 + i % 2, i % 3 ? EVENT_OPEN : EVENT_EXEC);
	assert_int_equal(flight_ring_copy(ring, ids, 3, &e), 0);
	for (const struct event_head *h; (h = flight_events_next(&e)); n++) {
		assert_true(h->boot_ns > before);
		before = h->boot_ns;
	}
	assert_int_equal(n, 30);
	flight_events_release(&e);
}

static void one_container_never_holds_more_than_its_share(void **state)
{
	(void)state;
	flight_ring_free(ring);
	ring = NULL;
	assert_int_equal(flight_ring_new(&ring, 4 * FLIGHT_RING_CHUNKS * FLIGHT_CHUNK_BYTES, NULL),
			 0);
	for (unsigned i = 0; i < 20000; i++)
		add_long(1, EVENT_OPEN, 1000, 1);
	assert_int_equal(flight_ring_stats(ring).used, FLIGHT_RING_CHUNKS);
	for (unsigned i = 0; i < 20000; i++)
		add_long(1, EVENT_EXEC, 1000, 1);
	assert_int_equal(flight_ring_stats(ring).used, 2 * FLIGHT_RING_CHUNKS);
}

static void memory_out_of_range_is_refused(void **state)
{
	struct flight_ring *r = NULL;
	struct err e = { "" };

	(void)state;
	assert_int_equal(flight_ring_new(&r, FLIGHT_CHUNK_BYTES, &e), -EINVAL);
	assert_null(r);
	assert_string_equal(e.text, "the memory for the last events is out of range");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest ring_tests[] = {
		T(events_come_back_as_they_were_in_the_order_of_time),
		T(of_a_container_that_told_nothing_there_is_nothing),
		T(a_busy_container_does_not_take_the_past_of_quiet_ones),
		T(two_busy_ones_share_evenly),
		T(a_storm_of_opens_does_not_wash_away_what_was_executed),
		T(of_more_containers_than_chunks_the_newest_are_kept),
		T(a_record_longer_than_a_chunk_is_cut_and_stays_whole),
		T(an_ended_container_is_forgotten_after_a_minute),
		T(each_ring_has_its_turn_to_be_looked_at),
		T(whatever_comes_no_chunk_is_lost_and_every_record_is_whole),
		T(several_ids_of_one_container_are_one_story),
		T(one_container_never_holds_more_than_its_share),
		cmocka_unit_test(memory_out_of_range_is_refused),
	};

	return cmocka_run_group_tests(ring_tests, NULL, NULL);
}
