// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "collector/base/clock.h"
#include "detector/alert_fold.h"
#include "detector/alert_rate.h"

#define WINDOW (60 * NS_PER_S)

struct told {
	unsigned n;
	uint64_t count, last_ns;
	char id[ULID_BYTES];
};

static void on_update(void *ctx, struct fold_entry *e)
{
	struct told *t = ctx;

	t->n++;
	t->count = e->count;
	t->last_ns = e->last_ns;
	memcpy(t->id, e->id, sizeof(t->id));
}

static struct fold_new_entry entry(const char *key, uint64_t now_ns)
{
	return (struct fold_new_entry){ .key = { .kind = ALERT_RULE,
						 .rule = SPAN_LIT("r"),
						 .where = SPAN_LIT("c"),
						 .key = span_str(key) },
					.id = "01M80NEQ2V2KTBCRRB33S4NJYN",
					.container = SPAN_LIT("web"),
					.body = SPAN_LIT("\"severity\":\"info\""),
					.now_ns = now_ns,
					.now_unix_ns = now_ns,
					.window_ns = WINDOW };
}

static struct fold *make(struct told *t, uint32_t max, size_t bytes)
{
	struct fold *f = NULL;

	memset(t, 0, sizeof(*t));
	assert_int_equal(fold_new(&f, max, bytes, on_update, t, NULL), 0);
	return f;
}

static void repeats_within_a_window_are_told_once_at_its_end(void **state)
{
	struct told t;
	AUTO(fold_free) struct fold *f = make(&t, 10, 1u << 20);
	struct fold_new_entry n = entry("k", 100);

	(void)state;
	assert_null(fold_find(f, &n.key));
	assert_non_null(fold_add(f, &n));
	for (unsigned i = 0; i < 1000; i++)
		fold_repeat(f, fold_find(f, &n.key), 200 + i);
	assert_int_equal(t.n, 0);
	fold_tick(f, 100 + WINDOW - 1, WINDOW, 100);
	assert_int_equal(t.n, 0);
	fold_tick(f, 100 + WINDOW, WINDOW, 100);
	assert_int_equal(t.n, 1);
	assert_int_equal(t.count, 1001);
	assert_int_equal(t.last_ns, 1199);
	assert_string_equal(t.id, n.id);
	assert_int_equal(fold_stats(f).folded, 1000);
	/* still the same alert while it goes on */
	fold_repeat(f, fold_find(f, &n.key), 5000);
	fold_tick(f, 100 + 2 * WINDOW, WINDOW, 100);
	assert_int_equal(t.n, 2);
	assert_int_equal(t.count, 1002);
	/* a quiet window ends it, and nothing is told of that */
	fold_tick(f, 100 + 3 * WINDOW, WINDOW, 100);
	assert_int_equal(t.n, 2);
	assert_null(fold_find(f, &n.key));
	assert_int_equal(fold_stats(f).used, 0);
	assert_int_equal(fold_stats(f).bytes, 0);
}

static void a_storm_is_told_anew_after_an_hour(void **state)
{
	struct told t;
	AUTO(fold_free) struct fold *f = make(&t, 10, 1u << 20);
	struct fold_new_entry n = entry("k", 0);
	uint64_t now = 0;

	(void)state;
	fold_add(f, &n);
	while (fold_find(f, &n.key)) {
		fold_repeat(f, fold_find(f, &n.key), now);
		now += WINDOW;
		fold_tick(f, now, WINDOW, 100);
		assert_in_range(now, 0, FOLD_LIFE_NS + WINDOW);
	}
	assert_in_range(now, FOLD_LIFE_NS, FOLD_LIFE_NS + WINDOW);
}

static void any_difference_of_the_key_is_another_alert(void **state)
{
	struct told t;
	AUTO(fold_free) struct fold *f = make(&t, 10, 1u << 20);
	struct fold_new_entry n = entry("k", 0);
	struct fold_key other = n.key;

	(void)state;
	fold_add(f, &n);
	other.kind = ALERT_ISOLATION;
	assert_null(fold_find(f, &other));
	other = n.key;
	other.rule = SPAN_LIT("rc"); /* "r" and "c" put together are not the same */
	other.where = SPAN_LIT("");
	assert_null(fold_find(f, &other));
	other = n.key;
	other.key = SPAN_LIT("");
	assert_null(fold_find(f, &other));
	other = n.key;
	other.where = SPAN_LIT("c\0");
	assert_null(fold_find(f, &other));
	assert_non_null(fold_find(f, &n.key));
}

static void a_full_table_closes_the_oldest_and_counts_it(void **state)
{
	struct told t;
	AUTO(fold_free) struct fold *f = make(&t, 3, 1u << 20);
	char key[8];

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		snprintf(key, sizeof(key), "%u", i);
		struct fold_new_entry n = entry(key, i);

		assert_non_null(fold_add(f, &n));
		if (i == 0)
			fold_repeat(f, fold_find(f, &n.key), 77);
	}
	assert_int_equal(fold_stats(f).used, 3);
	assert_int_equal(fold_stats(f).cut_short, 7);
	assert_int_equal(t.n, 1); /* what had repeats told them */
	assert_int_equal(t.count, 2);
}

static void a_table_full_of_what_has_an_end_refuses_and_counts(void **state)
{
	struct told t;
	AUTO(fold_free) struct fold *f = make(&t, 2, 1u << 20);
	struct fold_new_entry a = entry("a", 0), b = entry("b", 0), c = entry("c", 0);

	(void)state;
	a.has_end = b.has_end = c.has_end = true;
	assert_non_null(fold_add(f, &a));
	assert_non_null(fold_add(f, &b));
	assert_null(fold_add(f, &c));
	assert_int_equal(fold_stats(f).refused, 1);
	assert_int_equal(fold_stats(f).firing, 2);
	fold_tick(f, 1000 * WINDOW, WINDOW, 100); /* they stay until they are resolved */
	assert_non_null(fold_find(f, &a.key));
	fold_remove(f, fold_find(f, &a.key));
	assert_int_equal(fold_stats(f).firing, 1);
}

static void bytes_are_bounded_too(void **state)
{
	static char body[40000];
	struct told t;
	AUTO(fold_free) struct fold *f = make(&t, 1000, 200000);
	char key[8];

	(void)state;
	memset(body, 'a', sizeof(body));
	for (unsigned i = 0; i < 100; i++) {
		snprintf(key, sizeof(key), "%u", i);
		struct fold_new_entry n = entry(key, i);

		n.body = (struct span){ body, sizeof(body) };
		assert_non_null(fold_add(f, &n));
		assert_in_range(fold_stats(f).bytes, 1, 200000);
	}
	assert_in_range(fold_stats(f).used, 1, 5);
}

static void without_a_window_nothing_is_folded(void **state)
{
	struct told t;
	AUTO(fold_free) struct fold *f = make(&t, 10, 1u << 20);
	struct fold_new_entry n = entry("k", 0);

	(void)state;
	n.window_ns = 0;
	assert_null(fold_add(f, &n));
	assert_int_equal(fold_stats(f).refused, 0);
	n.has_end = true;
	assert_non_null(fold_add(f, &n));
}

static void the_last_time_never_goes_back(void **state)
{
	struct told t;
	AUTO(fold_free) struct fold *f = make(&t, 10, 1u << 20);
	struct fold_new_entry n = entry("k", 1000);

	(void)state;
	fold_add(f, &n);
	fold_repeat(f, fold_find(f, &n.key), 5); /* the clock was set back */
	fold_close_all(f);
	assert_int_equal(t.n, 1);
	assert_int_equal(t.last_ns, 1000);
	assert_int_equal(fold_stats(f).used, 0);
}

/* --- the rate ----------------------------------------------------------------------------------
 */

static struct rate rate;

static void the_rate_of_a_container_holds_it_alone(void **state)
{
	const struct rate_limits l = { 1000, 10 };
	uint64_t held, ok = 0;

	(void)state;
	memset(&rate, 0, sizeof(rate));
	for (unsigned i = 0; i < 100; i++)
		ok += rate_take(&rate, &l, SPAN_LIT("noisy"), NS_PER_S, &held);
	assert_int_equal(ok, 10);
	assert_true(rate_take(&rate, &l, SPAN_LIT("quiet"), NS_PER_S, &held));
	assert_int_equal(held, 0);
	assert_true(rate_take(&rate, &l, SPAN_LIT("noisy"), NS_PER_S + NS_PER_S / 10, &held));
	assert_int_equal(held, 90); /* the next one tells */
	assert_int_equal(rate.held_back, 90);
	assert_int_equal(rate_untold(&rate, &l, 10 * NS_PER_S), 0);
}

static void the_rate_of_all_holds_all(void **state)
{
	const struct rate_limits l = { 100, 100 };
	uint64_t held, ok = 0;
	char id[16];

	(void)state;
	memset(&rate, 0, sizeof(rate));
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(id, sizeof(id), "%u", i);
		ok += rate_take(&rate, &l, span_str(id), NS_PER_S, &held);
	}
	assert_int_equal(ok, 100);
	/* nobody alerts any more: what was held is told by itself, once */
	assert_int_equal(rate_untold(&rate, &l, NS_PER_S + 1), 0);
	assert_int_equal(rate_untold(&rate, &l, 3 * NS_PER_S), 900);
	assert_int_equal(rate_untold(&rate, &l, 4 * NS_PER_S), 0);
	assert_true(rate_take(&rate, &l, SPAN_LIT("a"), 4 * NS_PER_S, &held));
	assert_int_equal(held, 0);
}

static void more_containers_than_places_are_counted_right(void **state)
{
	const struct rate_limits l = { 1000000, 1 };
	uint64_t held, ok = 0, sum = 0;
	char id[16];

	(void)state;
	memset(&rate, 0, sizeof(rate));
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(id, sizeof(id), "%u", i);
		bool taken = rate_take(&rate, &l, span_str(id), NS_PER_S + i, &held);

		ok += taken;
		sum += held;
	}
	assert_int_equal(ok + rate.held_back, 20000);
	assert_int_equal(sum + rate.waiting, rate.held_back);
}

int main(void)
{
	const struct CMUnitTest fold[] = {
		cmocka_unit_test(repeats_within_a_window_are_told_once_at_its_end),
		cmocka_unit_test(a_storm_is_told_anew_after_an_hour),
		cmocka_unit_test(any_difference_of_the_key_is_another_alert),
		cmocka_unit_test(a_full_table_closes_the_oldest_and_counts_it),
		cmocka_unit_test(a_table_full_of_what_has_an_end_refuses_and_counts),
		cmocka_unit_test(bytes_are_bounded_too),
		cmocka_unit_test(without_a_window_nothing_is_folded),
		cmocka_unit_test(the_last_time_never_goes_back),
		cmocka_unit_test(the_rate_of_a_container_holds_it_alone),
		cmocka_unit_test(the_rate_of_all_holds_all),
		cmocka_unit_test(more_containers_than_places_are_counted_right),
	};

	return cmocka_run_group_tests(fold, NULL, NULL);
}
