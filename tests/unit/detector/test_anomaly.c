// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "detector/anomaly.h"
#include "detector/anomaly_tail.h"

#define DAY_S	86400.0
#define MONTH_S (30 * DAY_S)
#define BEGIN_S 1400000000.0
#define STEP_S	60.0
#define TURN	6.283185307179586

/* --- sources: the same seed, the same series -------------------------------------------------- */

struct source {
	uint64_t random;
	double state;
};

static double uniform(struct source *s) /* in (0, 1) */
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return ((double)(s->random >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(struct source *s)
{
	const double u = uniform(s);

	return sqrt(-2 * log(u)) * cos(TURN * uniform(s));
}

typedef double (*source_fn)(struct source *s, double days);

static double noise(struct source *s, double days)
{
	(void)days;
	return 50 + 5 * normal(s);
}

static double skewed(struct source *s, double days)
{
	(void)days;
	return 100 * exp(0.5 * normal(s));
}

/* Every two hours or so; some are large. */
static double bursts(struct source *s, double days)
{
	(void)days;
	if (uniform(s) < STEP_S / 7200)
		s->state -= 100 * log(uniform(s));
	s->state *= exp(-STEP_S / 300);
	return 5 + fabs(normal(s)) + s->state;
}

static double rhythm(struct source *s, double days)
{
	return 100 + 60 * sin(TURN * days) + 8 * normal(s);
}

static double trend(struct source *s, double days)
{
	return 1000 + 20 * days + 5 * normal(s);
}

static double wander(struct source *s, double days)
{
	(void)days;
	s->state = 0.99 * s->state + normal(s);
	return 100 + 3 * s->state;
}

/* Fills, is emptied, fills. */
static double saw(struct source *s, double days)
{
	(void)days;
	s->state += STEP_S * 0.01;
	if (s->state > 500 + 50 * normal(s))
		s->state = 0;
	return 300 + s->state + 2 * normal(s);
}

/* Office hours on five days, a backup each night at about half past three. */
static double office(struct source *s, double days)
{
	const double hour = fmod(days, 1) * 24;
	const bool work = fmod(floor(days), 7) < 5 && hour > 8 && hour < 18;

	return (work ? 80 : 20) + 5 * normal(s) +
	       (fabs(hour - 3.4) < 0.15 + 0.05 * normal(s) ? 50 : 0);
}

static struct source seeded(unsigned seed)
{
	struct source s = { .random = 88172645463325252ULL + seed * 7919ULL };

	for (int i = 0; i < 20; i++)
		uniform(&s);
	return s;
}

static struct anomaly *series(const struct anomaly_settings *s)
{
	struct anomaly *a = NULL;

	assert_int_equal(anomaly_new(&a, s, NULL), 0);
	return a;
}

static struct anomaly *live(void)
{
	const struct anomaly_settings s = anomaly_settings_live();

	return series(&s);
}

static struct anomaly_tail tail_new(void)
{
	const struct anomaly_tail_settings s = anomaly_tail_settings_default();
	struct anomaly_tail t;

	anomaly_tail_init(&t, &s);
	return t;
}

/* --- false alarms ----------------------------------------------------------------------------- */

static unsigned alarms(source_fn fn, unsigned seed, unsigned months)
{
	AUTO(anomaly_free) struct anomaly *a = live();
	struct anomaly_tail t = tail_new();
	struct source s = seeded(seed);
	unsigned n = 0;

	for (double at = 0; at < months * MONTH_S; at += STEP_S) {
		const struct anomaly_result r = anomaly_add(a, BEGIN_S + at, fn(&s, at / DAY_S));

		if (r.warm && anomaly_tail_add(&t, BEGIN_S + at, r.surprise))
			n++;
	}
	return n;
}

static void nothing_new_gives_about_an_alarm_a_month(void **state)
{
	static const struct {
		const char *name;
		source_fn fn;
	} sources[] = { { "noise", noise },   { "skewed", skewed }, { "bursts", bursts },
			{ "rhythm", rhythm }, { "trend", trend },   { "wander", wander },
			{ "saw", saw },	      { "office", office } };
	const unsigned n = sizeof(sources) / sizeof(sources[0]), months = 4;
	unsigned all = 0;

	(void)state;
	for (unsigned i = 0; i < n; i++) {
		const unsigned found = alarms(sources[i].fn, 100 + i, months);

		if (found > 3 * months) /* the factor that anomaly_tail.h states */
			fail_msg("%s: %u alarms in %u months", sources[i].name, found, months);
		all += found;
	}
	if (all > 3 * months * n / 2)
		fail_msg("%u alarms in %u months of all sources", all, months * n);
}

static void the_series_of_a_container_share_its_alarms(void **state)
{
	static const source_fn fns[] = { noise,	 skewed, bursts, rhythm, trend,
					 wander, saw,	 office, noise,	 bursts };
	const unsigned n = sizeof(fns) / sizeof(fns[0]), months = 3;
	struct anomaly *a[sizeof(fns) / sizeof(fns[0])];
	struct source s[sizeof(fns) / sizeof(fns[0])];
	struct anomaly_tail t = tail_new();
	unsigned found = 0;

	(void)state;
	for (unsigned i = 0; i < n; i++) {
		a[i] = live();
		s[i] = seeded(200 + i);
	}
	for (double at = 0; at < months * MONTH_S; at += STEP_S) {
		for (unsigned i = 0; i < n; i++) {
			const struct anomaly_result r =
				anomaly_add(a[i], BEGIN_S + at, fns[i](&s[i], at / DAY_S));

			if (r.warm && anomaly_tail_add(&t, BEGIN_S + at, r.surprise))
				found++;
		}
	}
	for (unsigned i = 0; i < n; i++)
		anomaly_free(a[i]);
	if (found > 3 * months)
		fail_msg("%u alarms in %u months", found, months);
}

/* --- what has to be found --------------------------------------------------------------------- */

struct change {
	double after_s; /* in: since the change began */
	double add, times;
};

static struct change shift(double after_s)
{
	return (struct change){ after_s, 40, 1 };
}

static struct change twice(double after_s)
{
	return (struct change){ after_s, 0, 2 };
}

static struct change tenfold(double after_s)
{
	return (struct change){ after_s, 0, after_s < 600 ? 10 : 1 };
}

static struct change fall(double after_s)
{
	return (struct change){ after_s, 0, 0 };
}

/* A twentieth of what is in use a day. */
static struct change leak(double after_s)
{
	return (struct change){ after_s, 50 * after_s / DAY_S, 1 };
}

static double steady(struct source *s, double days)
{
	(void)days;
	return 1000 + 5 * normal(s);
}

/* Seconds from the change, on the eleventh day at noon, to the alarm; INFINITY: none in two days.
 */
static double found_after(source_fn fn, unsigned seed, struct change (*change)(double after_s),
			  struct anomaly_result *what)
{
	AUTO(anomaly_free) struct anomaly *a = live();
	struct anomaly_tail t = tail_new();
	struct source s = seeded(seed);
	const double begin = 10.5 * DAY_S;

	for (double at = 0; at < begin + 2 * DAY_S; at += STEP_S) {
		double value = fn(&s, at / DAY_S);

		if (at >= begin) {
			const struct change c = change(at - begin);

			value = value * c.times + c.add;
		}
		*what = anomaly_add(a, BEGIN_S + at, value);
		if (anomaly_tail_add(&t, BEGIN_S + at, what->surprise) && at >= begin)
			return at - begin;
	}
	return INFINITY;
}

static void check_found(const char *name, source_fn fn, struct change (*change)(double after_s),
			double within_s)
{
	struct anomaly_result what;

	for (unsigned seed = 1; seed <= 3; seed++) {
		const double after_s = found_after(fn, seed, change, &what);

		if (!(after_s <= within_s))
			fail_msg("%s: after %g s, wanted within %g s", name, after_s, within_s);
		assert_true(what.seen > what.high || what.seen < what.low);
	}
}

static void a_level_shift_is_found_within_ten_minutes(void **state)
{
	(void)state;
	check_found("shift of noise", noise, shift, 600);
	check_found("twice the work", office, twice, 600);
	check_found("fall to nothing", noise, fall, 600);
}

static void a_sustained_burst_is_found_within_two_minutes(void **state)
{
	(void)state;
	check_found("tenfold noise", noise, tenfold, 120);
	check_found("tenfold rhythm", rhythm, tenfold, 120);
	check_found("tenfold office", office, tenfold, 120);
}

static void a_slow_leak_is_found_within_a_day(void **state)
{
	(void)state;
	check_found("leak of noise", steady, leak, DAY_S);
}

static void work_at_the_wrong_time_of_day_is_found(void **state)
{
	AUTO(anomaly_free) struct anomaly *a = live();
	struct source s = seeded(5);
	double most = 0;

	(void)state;
	for (double at = 0; at < 14 * DAY_S; at += STEP_S) {
		double value = rhythm(&s, at / DAY_S);

		/* the evening's value in the morning of the last day: nothing new but its time */
		if (at > 13.7 * DAY_S && at < 13.8 * DAY_S)
			value = rhythm(&s, at / DAY_S - 0.5);
		const struct anomaly_result r = anomaly_add(a, BEGIN_S + at, value);

		if (at > 13.7 * DAY_S && r.surprise > most) {
			most = r.surprise;
			assert_true(r.feature == ANOMALY_DAY || r.feature == ANOMALY_LONG);
			assert_true(r.seen > r.high);
		}
	}
	assert_true(most > 1);
}

static void one_event_is_told_once(void **state)
{
	AUTO(anomaly_free) struct anomaly *a = live();
	struct source s = seeded(6);
	unsigned told = 0;

	(void)state;
	for (double at = 0; at < 4 * DAY_S; at += STEP_S) {
		const double value = noise(&s, 0) * (at > 3.5 * DAY_S ? 10 : 1);

		told += anomaly_add(a, BEGIN_S + at, value).score > 0.3;
	}
	assert_in_range(told, 1, 2);
}

static void a_giant_outlier_does_not_blind(void **state)
{
	AUTO(anomaly_free) struct anomaly *a = live();
	struct source s = seeded(7);
	double most = 0;

	(void)state;
	for (double at = 0; at < 8 * DAY_S; at += STEP_S) {
		double value = noise(&s, 0);

		if (at == 3 * DAY_S)
			value = 1e9;
		if (at > 7 * DAY_S)
			value += 100;
		const struct anomaly_result r = anomaly_add(a, BEGIN_S + at, value);

		if (at > 7 * DAY_S)
			most = fmax(most, r.surprise);
	}
	assert_true(most > 1);
}

/* --- input of any kind ------------------------------------------------------------------------ */

static void check_sane(const struct anomaly_result *r)
{
	assert_true(r->score >= 0 && r->score <= 1);
	assert_true(r->surprise >= 0 && r->surprise <= ANOMALY_MAX_SURPRISE);
	assert_true(isfinite(r->seen) && isfinite(r->low) && isfinite(r->high));
	assert_true((unsigned)r->feature < ANOMALY_FEATURES);
}

static void what_is_no_number_is_not_learned(void **state)
{
	AUTO(anomaly_free) struct anomaly *a = live(), *b = live();
	static const double odd[] = { NAN, INFINITY, -INFINITY };
	struct source s = seeded(8);

	(void)state;
	for (unsigned i = 0; i < 4000; i++) {
		const double at = BEGIN_S + i * STEP_S, value = noise(&s, 0);
		const struct anomaly_result x = anomaly_add(a, at, value);
		const struct anomaly_result y = anomaly_add(b, at, value);

		assert_memory_equal(&x.score, &y.score, sizeof(x.score));
		assert_true(x.surprise == y.surprise);
		const struct anomaly_result none = anomaly_add(b, at, odd[i % 3]);

		assert_true(none.score == 0 && none.surprise == 0 && !none.warm);
		anomaly_add(b, odd[i % 3], 1);
		anomaly_add(b, 1e300, 1);
	}
}

static void any_value_and_any_time_give_a_sane_answer(void **state)
{
	static const double values[] = { 0,	  -1,	DBL_MAX, -DBL_MAX, DBL_MIN, 1e30,
					 -1e-300, 1e38, 5e-324,	 42,	   1,	    -1e9 };
	static const double times[] = { 0, -1e11, 1e11, 1e-300, -86400, 86399.999999999, 1e9 };
	struct anomaly_settings settings = anomaly_settings_default();
	struct source s = seeded(9);

	(void)state;
	settings.warm_rows = 0;
	for (unsigned shape = 0; shape < 2; shape++) {
		AUTO(anomaly_free) struct anomaly *a = series(&settings);

		for (unsigned i = 0; i < 20000; i++) {
			const double value = values[(size_t)(uniform(&s) * 12)];
			const double at = shape ? BEGIN_S + i : times[(size_t)(uniform(&s) * 7)];
			const struct anomaly_result r = anomaly_add(a, at, value);

			check_sane(&r);
		}
	}
}

static void equal_times_gaps_and_steps_back_are_no_anomaly(void **state)
{
	AUTO(anomaly_free) struct anomaly *a = live();
	struct anomaly_tail t = tail_new();
	struct source s = seeded(10);
	double at = BEGIN_S;
	unsigned found = 0;

	(void)state;
	for (unsigned i = 0; i < 30 * 1440; i++) {
		at += i % 7 == 0 ? 0 : STEP_S;
		if (i % 5000 == 4999)
			at -= DAY_S / 4;
		if (i % 7000 == 6999)
			at += 3 * DAY_S;
		const struct anomaly_result r = anomaly_add(a, at, noise(&s, 0));

		check_sane(&r);
		found += anomaly_tail_add(&t, at, r.surprise);
	}
	assert_true(found <= 3);
}

static void what_never_moved_and_moves_is_as_new_as_can_be(void **state)
{
	AUTO(anomaly_free) struct anomaly *a = live();
	struct anomaly_settings settings = anomaly_settings_live();
	struct anomaly_result r = { .score = 1 };

	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		r = anomaly_add(a, BEGIN_S + i * STEP_S, 0);
		assert_true(r.score == 0 && r.surprise == 0);
	}
	assert_true(r.warm);
	r = anomaly_add(a, BEGIN_S + 3000 * STEP_S, 1);
	assert_true(r.surprise == ANOMALY_MAX_SURPRISE && r.score > 0.99);
	assert_true(r.feature == ANOMALY_VALUE && r.seen == 1 && r.low == 0 && r.high == 0);

	/* unless what matters was said */
	settings.least_range = 100;
	AUTO(anomaly_free) struct anomaly *b = series(&settings);

	for (unsigned i = 0; i < 3000; i++)
		anomaly_add(b, BEGIN_S + i * STEP_S, 0);
	r = anomaly_add(b, BEGIN_S + 3000 * STEP_S, 1);
	assert_true(r.surprise > 0 && r.surprise < 0.011);
}

static void nothing_is_told_before_the_warm_up_is_over(void **state)
{
	struct anomaly_settings settings = anomaly_settings_default();

	(void)state;
	settings.warm_rows = 100;
	AUTO(anomaly_free) struct anomaly *a = series(&settings);

	for (unsigned i = 0; i < 100; i++) {
		const struct anomaly_result r =
			anomaly_add(a, BEGIN_S + i * 300.0, i == 50 ? 1e6 : i % 3);

		assert_true(!r.warm && r.score == 0 && r.surprise == 0);
	}
	assert_true(anomaly_add(a, BEGIN_S + 100 * 300.0, 1).warm);
}

static void later_rows_change_no_score(void **state)
{
	const struct anomaly_settings settings = anomaly_settings_default();
	AUTO(anomaly_free) struct anomaly *a = series(&settings), *b = series(&settings);
	struct source s = seeded(11);
	double values[2000], scores[2000];

	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		values[i] = bursts(&s, 0);
		scores[i] = anomaly_add(a, BEGIN_S + i * 300.0, values[i]).score;
	}
	for (unsigned i = 0; i < 1500; i++)
		assert_true(anomaly_add(b, BEGIN_S + i * 300.0, values[i]).score == scores[i]);
}

static void a_unit_and_an_offset_change_little(void **state)
{
	struct anomaly_settings settings = anomaly_settings_default();

	(void)state;
	settings.floor = 0; /* it is a share of the value, so it knows an offset */
	AUTO(anomaly_free) struct anomaly *a = series(&settings), *b = series(&settings);
	struct source s = seeded(12);

	for (unsigned i = 0; i < 5000; i++) {
		const double value = rhythm(&s, i / 288.0), at = BEGIN_S + i * 300.0;
		const double x = anomaly_add(a, at, value).surprise;
		const double y = anomaly_add(b, at, value * 1024 + 65536).surprise;

		assert_true(fabs(x - y) <= 1e-3 + 1e-2 * x);
	}
}

/* --- settings --------------------------------------------------------------------------------- */

static void a_series_is_as_small_as_is_said(void **state)
{
	const struct anomaly_settings file = anomaly_settings_default();
	const struct anomaly_settings agent = anomaly_settings_live();

	(void)state;
	assert_in_range(anomaly_bytes(&file), 1, 16 << 10);
	assert_in_range(anomaly_bytes(&agent), 1, 3 << 10);
}

static void settings_out_of_bounds_are_refused(void **state)
{
	struct anomaly_settings bad[10];
	struct anomaly *a = NULL;
	struct err e = { "" };

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		bad[i] = anomaly_settings_default();
	bad[0].samples = 0;
	bad[1].samples = 4000; /* more than ANOMALY_MAX_BYTES */
	bad[2].mean_rows = ANOMALY_MAX_MEAN_ROWS + 1;
	bad[3].mean_rows = 0;
	bad[4].day_bins = 0;
	bad[5].days = 0;
	bad[6].memory_s = NAN;
	bad[7].hold_factor = 0.5;
	bad[8].least_range = INFINITY;
	bad[9].long_bins = bad[9].day_bins;
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(anomaly_bytes(&bad[i]), 0);
		assert_int_equal(anomaly_new(&a, &bad[i], &e), -EINVAL);
		assert_null(a);
		assert_string_equal(e.text, "settings of an anomaly detector out of bounds");
	}
	anomaly_free(NULL);
}

static void features_have_names(void **state)
{
	(void)state;
	assert_string_equal(anomaly_feature_name(ANOMALY_VALUE), "value");
	assert_string_equal(anomaly_feature_name(ANOMALY_LONG), "long");
	assert_string_equal(anomaly_feature_name((enum anomaly_feature)9), "");
}

/* --- the tail --------------------------------------------------------------------------------- */

/* A surprise each `every_s`, of an exponential tail with mean `mean` over the base. */
static unsigned tail_alarms(struct anomaly_tail *t, double every_s, double mean, unsigned months)
{
	struct source s = seeded(20);
	unsigned n = 0;

	for (double at = 0; at < months * MONTH_S; at += every_s)
		n += anomaly_tail_add(t, at, t->s.base - mean * log(uniform(&s)));
	return n;
}

static void the_threshold_follows_the_tail(void **state)
{
	struct anomaly_tail small = tail_new(), large = tail_new(), often = tail_new();

	(void)state;
	assert_in_range(tail_alarms(&small, 2.5 * 3600, 0.01, 24), 0, 2 * 24);
	assert_in_range(tail_alarms(&large, 2.5 * 3600, 10, 24), 4, 2 * 24);
	tail_alarms(&often, 1.5 * 3600, 0.01, 24);
	assert_true(anomaly_tail_threshold(&small) < anomaly_tail_threshold(&often) * 1.2);
	assert_true(anomaly_tail_threshold(&small) < 0.6);
	assert_true(anomaly_tail_threshold(&large) > 30);
	assert_true(anomaly_tail_per_month(&large, 1) > 100);
	assert_true(anomaly_tail_per_month(&large, anomaly_tail_threshold(&large)) < 1.1);
	assert_true(anomaly_tail_per_month(&large, 1e6) < 0.01);
}

static void a_rarer_alarm_has_a_higher_threshold(void **state)
{
	struct anomaly_tail_settings s = anomaly_tail_settings_default();
	struct anomaly_tail month, year, never, always;

	(void)state;
	anomaly_tail_init(&month, &s);
	s.alarms_s = 1 / (365 * DAY_S);
	anomaly_tail_init(&year, &s);
	s.alarms_s = 0;
	anomaly_tail_init(&never, &s);
	s.alarms_s = 1;
	anomaly_tail_init(&always, &s);
	assert_true(anomaly_tail_threshold(&year) > anomaly_tail_threshold(&month));
	assert_true(isinf(anomaly_tail_threshold(&never)));
	assert_true(anomaly_tail_threshold(&always) == s.base);
	assert_false(anomaly_tail_add(&never, 0, ANOMALY_MAX_SURPRISE));
	assert_true(anomaly_tail_add(&always, 0, 0.2));
}

static void an_event_is_one_alarm_and_ends(void **state)
{
	struct anomaly_tail t = tail_new();

	(void)state;
	assert_true(anomaly_tail_add(&t, 0, 100));
	for (unsigned i = 1; i < 600; i++)
		assert_false(anomaly_tail_add(&t, i * 60.0, 100));
	assert_true(anomaly_tail_alarmed(&t));
	anomaly_tail_add(&t, 600 * 60 + 1800, 0);
	assert_true(anomaly_tail_alarmed(&t));
	anomaly_tail_add(&t, 600 * 60 + 3601, 0);
	assert_false(anomaly_tail_alarmed(&t));
	assert_true(anomaly_tail_threshold(&t) > 1.5 && anomaly_tail_threshold(&t) < 20);
	assert_true(
		anomaly_tail_add(&t, 800 * 60, 100)); /* it learned at most twice the threshold */
}

static void odd_times_and_surprises_do_no_harm_to_the_tail(void **state)
{
	static const double odd[] = { NAN, INFINITY, -INFINITY, -1, 0, 1e300, 1e9 };
	struct anomaly_tail t = tail_new();
	struct source s = seeded(21);

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		anomaly_tail_add(&t, odd[(size_t)(uniform(&s) * 7)],
				 odd[(size_t)(uniform(&s) * 7)]);
		assert_true(isfinite(anomaly_tail_threshold(&t)));
		assert_true(anomaly_tail_threshold(&t) >= t.s.base);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_new_gives_about_an_alarm_a_month),
		cmocka_unit_test(the_series_of_a_container_share_its_alarms),
		cmocka_unit_test(a_level_shift_is_found_within_ten_minutes),
		cmocka_unit_test(a_sustained_burst_is_found_within_two_minutes),
		cmocka_unit_test(a_slow_leak_is_found_within_a_day),
		cmocka_unit_test(work_at_the_wrong_time_of_day_is_found),
		cmocka_unit_test(one_event_is_told_once),
		cmocka_unit_test(a_giant_outlier_does_not_blind),
		cmocka_unit_test(what_is_no_number_is_not_learned),
		cmocka_unit_test(any_value_and_any_time_give_a_sane_answer),
		cmocka_unit_test(equal_times_gaps_and_steps_back_are_no_anomaly),
		cmocka_unit_test(what_never_moved_and_moves_is_as_new_as_can_be),
		cmocka_unit_test(nothing_is_told_before_the_warm_up_is_over),
		cmocka_unit_test(later_rows_change_no_score),
		cmocka_unit_test(a_unit_and_an_offset_change_little),
		cmocka_unit_test(a_series_is_as_small_as_is_said),
		cmocka_unit_test(settings_out_of_bounds_are_refused),
		cmocka_unit_test(features_have_names),
		cmocka_unit_test(the_threshold_follows_the_tail),
		cmocka_unit_test(a_rarer_alarm_has_a_higher_threshold),
		cmocka_unit_test(an_event_is_one_alarm_and_ends),
		cmocka_unit_test(odd_times_and_surprises_do_no_harm_to_the_tail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
