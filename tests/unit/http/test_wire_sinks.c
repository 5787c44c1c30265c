// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collector/base/auto.h"
#include "collector/wire.h"

static uint8_t bytes[WIRE_FRAME_MAX];
static struct wire_sinks sinks, sinks_back;
static struct wire_sink_stats stats, stats_back;

static struct wire_writer writer(void)
{
	return (struct wire_writer){ .p = bytes, .cap = sizeof(bytes) };
}

static struct span written(const struct wire_writer *w)
{
	assert_false(w->failed);
	return (struct span){ (const char *)w->p, w->len };
}

/* Cut anywhere, or with a byte more, it is refused. */
static void assert_exact(struct span s, int (*decode)(struct span))
{
	assert_int_equal(decode(s), 0);
	for (size_t n = 0; n < s.n; n++) {
		AUTO_FREE char *exact =
			malloc(n + 1); /* so that the sanitizer sees a read beyond */

		memcpy(exact, s.p, n);
		assert_int_equal(decode((struct span){ exact, n }), -EPROTO);
	}
	bytes[s.n] = 0;
	assert_int_equal(decode((struct span){ s.p, s.n + 1 }), -EPROTO);
}

static int decode_sinks(struct span p)
{
	return wire_sinks_decode(p, &sinks_back, NULL);
}
static int decode_secret(struct span p)
{
	struct wire_sink_secret m;

	return wire_sink_secret_decode(p, &m, NULL);
}
static int decode_stats(struct span p)
{
	return wire_sink_stats_decode(p, &stats_back, NULL);
}

static void two_sinks(void)
{
	memset(&sinks, 0, sizeof(sinks));
	sinks.n = 2;
	snprintf(sinks.sinks[0].name, WIRE_SINK_NAME_BYTES, "ops");
	sinks.sinks[0].type = WIRE_SINK_SYSLOG;
	sinks.sinks[0].settings_n = 2;
	sinks.sinks[0].settings[0].key = SPAN_LIT("kind");
	sinks.sinks[0].settings[0].value = SPAN_LIT("rule");
	sinks.sinks[0].settings[1].key = SPAN_LIT("kind");
	sinks.sinks[0].settings[1].value = SPAN_LIT("");
	snprintf(sinks.sinks[1].name, WIRE_SINK_NAME_BYTES, "b.c-d_E9");
}

static void sinks_come_back_as_sent(void **state)
{
	struct wire_writer w = writer();

	(void)state;
	two_sinks();
	wire_sinks_encode(&w, &sinks);
	assert_exact(written(&w), decode_sinks);
	assert_int_equal(wire_sinks_decode(written(&w), &sinks_back, NULL), 0);
	assert_int_equal(sinks_back.n, 2);
	assert_string_equal(sinks_back.sinks[0].name, "ops");
	assert_int_equal(sinks_back.sinks[0].type, WIRE_SINK_SYSLOG);
	assert_int_equal(sinks_back.sinks[0].settings_n, 2);
	assert_true(span_eq(sinks_back.sinks[0].settings[0].value, "rule"));
	assert_int_equal(sinks_back.sinks[0].settings[1].value.n, 0);
	assert_string_equal(sinks_back.sinks[1].name, "b.c-d_E9");
}

static void assert_sinks_refused(void)
{
	struct wire_writer w = writer();

	wire_sinks_encode(&w, &sinks);
	assert_int_equal(decode_sinks(written(&w)), -EPROTO);
	two_sinks();
}

static void sinks_with_values_out_of_range_are_refused(void **state)
{
	static char key[4096];

	(void)state;
	two_sinks();
	snprintf(sinks.sinks[1].name, WIRE_SINK_NAME_BYTES, "ops");
	assert_sinks_refused();
	snprintf(sinks.sinks[1].name, WIRE_SINK_NAME_BYTES, "../x");
	assert_sinks_refused();
	snprintf(sinks.sinks[1].name, WIRE_SINK_NAME_BYTES, ".x");
	assert_sinks_refused();
	sinks.sinks[1].name[0] = '\0';
	assert_sinks_refused();
	sinks.sinks[0].type = WIRE_SINK_TYPE_COUNT;
	assert_sinks_refused();
	memset(key, 'k', sizeof(key));
	sinks.sinks[0].settings[0].key = (struct span){ key, sizeof(key) };
	assert_sinks_refused();
	sinks.sinks[0].settings[0].key = SPAN_LIT("a\0b");
	assert_sinks_refused();
	bytes[0] = WIRE_MAX_SINKS + 1;
	bytes[1] = 0;
	assert_int_equal(decode_sinks((struct span){ (char *)bytes, 100 }), -EPROTO);
}

static void a_secret_comes_back_as_sent(void **state)
{
	struct wire_writer w = writer();
	const struct wire_sink_secret m = { 15, SPAN_LIT("hmac_key"), true, SPAN_LIT("why") };
	struct wire_sink_secret back;

	(void)state;
	wire_sink_secret_encode(&w, &m);
	assert_int_equal(wire_sink_secret_decode(written(&w), &back, NULL), 0);
	assert_int_equal(back.sink, 15);
	assert_true(back.missing);
	assert_true(span_eq(back.key, "hmac_key"));
	assert_true(span_eq(back.value, "why"));
	assert_exact(written(&w), decode_secret);
	bytes[0] = WIRE_MAX_SINKS;
	assert_int_equal(decode_secret(written(&w)), -EPROTO);
}

static void statistics_come_back_as_sent(void **state)
{
	struct wire_writer w = writer();

	(void)state;
	memset(&stats, 0, sizeof(stats));
	memset(&stats_back, 0, sizeof(stats_back));
	stats.n = 1;
	stats.sinks[0] = (struct wire_sink_stat){ .name = "a",
						  .sent = 1,
						  .dead = 2,
						  .failed = 3,
						  .retried = 4,
						  .lag = 5,
						  .oldest_pending_unix_ns = 6,
						  .last_success_unix_ns = 7,
						  .lost = 8,
						  .misplaced = 12,
						  .breaker = WIRE_BREAKER_OPEN,
						  .error = "e" };
	stats.tables[WIRE_SINK_QUEUE] = (struct wire_sink_table){ 9, 10, 11 };
	wire_sink_stats_encode(&w, &stats);
	assert_exact(written(&w), decode_stats);
	assert_int_equal(wire_sink_stats_decode(written(&w), &stats_back, NULL), 0);
	assert_string_equal(stats_back.sinks[0].name, "a");
	assert_int_equal(stats_back.sinks[0].sent, 1);
	assert_int_equal(stats_back.sinks[0].dead, 2);
	assert_int_equal(stats_back.sinks[0].failed, 3);
	assert_int_equal(stats_back.sinks[0].retried, 4);
	assert_int_equal(stats_back.sinks[0].lag, 5);
	assert_int_equal(stats_back.sinks[0].lost, 8);
	assert_int_equal(stats_back.sinks[0].misplaced, 12);
	assert_int_equal(stats_back.tables[WIRE_SINK_QUEUE].used, 9);
	assert_int_equal(stats_back.tables[WIRE_SINK_QUEUE].capacity, 10);
	assert_int_equal(stats_back.tables[WIRE_SINK_QUEUE].refused, 11);
	assert_int_equal(stats_back.sinks[0].oldest_pending_unix_ns, 6);
	assert_int_equal(stats_back.sinks[0].last_success_unix_ns, 7);
	assert_int_equal(stats_back.sinks[0].breaker, WIRE_BREAKER_OPEN);
	assert_string_equal(stats_back.sinks[0].error, "e");
	bytes[w.len - WIRE_SINK_TABLE_COUNT * 3 * sizeof(uint64_t) - sizeof("e") - 2] =
		WIRE_BREAKER_OPEN + 1;
	assert_int_equal(decode_stats(written(&w)), -EPROTO);
}

static void severities_are_syslogs(void **state)
{
	(void)state;
	assert_int_equal(wire_severity_parse(SPAN_LIT("emergency")), 0);
	assert_int_equal(wire_severity_parse(SPAN_LIT("debug")), 7);
	assert_int_equal(wire_severity_parse(SPAN_LIT("Debug")), -1);
	assert_string_equal(wire_severity_name(4), "warning");
	assert_string_equal(wire_severity_name(8), "");
}

int main(void)
{
	const struct CMUnitTest wire_sinks[] = {
		cmocka_unit_test(sinks_come_back_as_sent),
		cmocka_unit_test(sinks_with_values_out_of_range_are_refused),
		cmocka_unit_test(a_secret_comes_back_as_sent),
		cmocka_unit_test(statistics_come_back_as_sent),
		cmocka_unit_test(severities_are_syslogs),
	};

	return cmocka_run_group_tests(wire_sinks, NULL, NULL);
}
