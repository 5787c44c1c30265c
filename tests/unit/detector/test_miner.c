// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "detector/miner.h"

#define S 1000000000ULL

static struct miner_case box;
static bool living[64];

static int fresh_case(void **state)
{
	(void)state;
	memset(&box, 0, sizeof(box));
	memset(living, 1, sizeof(living));
	return 0;
}

static struct miner_piece *note(enum miner_kind kind, unsigned weight, uint32_t pid, uint64_t now,
				bool *fresh)
{
	struct miner_hit h;
	struct miner_owner o = { .key = { pid ? 7 : 0, pid },
				 .comm = "job",
				 .exe = SPAN_LIT("/job") };
	bool unused;

	miner_hit_set(&h, kind, weight, "seen by pid %u", pid);
	return miner_note(&box, &h, &o, now, fresh ? fresh : &unused);
}

static enum miner_level level(void)
{
	return miner_judge(&box).level;
}

static bool lives(void *ctx, struct process_key key)
{
	(void)ctx;
	return living[key.pid];
}

static void a_protocol_alone_is_a_miner(void **state)
{
	(void)state;
	assert_int_equal(level(), MINER_NONE);
	note(MINER_PROTOCOL, 0, 5, S, NULL);
	assert_int_equal(level(), MINER_IS);
	assert_int_equal(miner_judge(&box).severity, ALERT_CRITICAL);
}

static void use_of_the_processor_alone_is_an_anomaly_with_all_small_signs_there_are(void **state)
{
	(void)state;
	note(MINER_CPU, 0, 5, S, NULL);
	assert_int_equal(level(), MINER_ANOMALY);
	for (int k = 0; k < MINER_KIND_COUNT; k++)
		if (miner_kinds[k].class == MINER_SUPPORTS)
			note((enum miner_kind)k, 0, 5, S, NULL);
	assert_int_equal(level(), MINER_ANOMALY);
	assert_int_equal(miner_judge(&box).severity, ALERT_INFO);
}

static void behaviour_makes_a_likely_miner_and_never_a_miner(void **state)
{
	(void)state;
	note(MINER_CPU, 0, 5, S, NULL);
	note(MINER_CONNECTION, 0, 5, S, NULL);
	assert_int_equal(level(), MINER_IS_LIKELY);
	assert_int_equal(miner_judge(&box).severity, ALERT_WARNING);
	for (int k = 0; k < MINER_KIND_COUNT; k++)
		if (miner_kinds[k].class != MINER_SPEAKS)
			note((enum miner_kind)k, 0, 5, S, NULL);
	assert_int_equal(level(), MINER_IS_LIKELY);
	assert_int_equal(miner_judge(&box).severity, ALERT_ERROR);
}

static void small_signs_without_more_are_nothing(void **state)
{
	(void)state;
	for (int k = 0; k < MINER_KIND_COUNT; k++)
		if (miner_kinds[k].class == MINER_SUPPORTS || miner_kinds[k].class == MINER_FIRM)
			note((enum miner_kind)k, 0, 5, S, NULL);
	assert_int_equal(level(), MINER_NONE);
	assert_int_equal(miner_judge(&box).score, 0);
}

static void names_of_a_pool_are_one_thing_however_often_it_is_named(void **state)
{
	(void)state;
	note(MINER_POOL_NAME, 0, 0, S, NULL);
	note(MINER_POOL_PEER, 0, 5, S, NULL);
	note(MINER_POOL_TLS, 0, 5, S, NULL);
	assert_int_equal(miner_judge(&box).score, 70); /* its web site may be read */
	assert_int_equal(level(), MINER_IS_LIKELY);
	note(MINER_CPU, 0, 5, S, NULL);
	assert_int_equal(level(), MINER_IS);
}

static void the_heaviest_of_a_kind_counts(void **state)
{
	bool fresh;

	(void)state;
	note(MINER_COMMAND, 50, 5, S, &fresh);
	assert_true(fresh);
	note(MINER_COMMAND, 50, 5, 2 * S, &fresh);
	assert_false(fresh);
	note(MINER_COMMAND, 80, 5, 3 * S, &fresh);
	assert_true(fresh);
	note(MINER_COMMAND, 60, 6, 3 * S, NULL);
	assert_int_equal(miner_judge(&box).score, 80);
	assert_int_equal(box.n, 2);
	assert_int_equal(box.pieces[0].count, 3);
}

static void evidence_goes_a_minute_after_its_process(void **state)
{
	(void)state;
	note(MINER_PROTOCOL, 0, 5, S, NULL);
	miner_decay(&box, 10000 * S, lives, NULL);
	assert_int_equal(level(), MINER_IS); /* it lives */
	living[5] = false;
	miner_decay(&box, 10001 * S, lives, NULL);
	miner_decay(&box, 10061 * S, lives, NULL);
	assert_int_equal(level(), MINER_IS);
	miner_decay(&box, 10062 * S, lives, NULL);
	assert_int_equal(level(), MINER_NONE);
	assert_int_equal(box.n, 0);
}

static void what_looking_found_goes_when_it_is_found_no_more(void **state)
{
	(void)state;
	note(MINER_CPU, 0, 5, S, NULL);
	note(MINER_POOL_NAME, 0, 0, S, NULL);
	note(MINER_CPU, 0, 5, 20 * S, NULL);
	miner_decay(&box, 65 * S, lives, NULL);
	assert_int_equal(box.n, 2);
	miner_decay(&box, 66 * S, lives, NULL);
	assert_int_equal(box.n, 1);
	miner_decay(&box, 601 * S, lives, NULL);
	assert_int_equal(box.n, 1);
	miner_decay(&box, 602 * S, lives, NULL);
	assert_int_equal(box.n, 0);
}

static void at_the_limit_the_lightest_makes_room(void **state)
{
	bool fresh;

	(void)state;
	for (uint32_t i = 0; i < MINER_PIECES; i++)
		note(MINER_PERSISTS, 0, i + 1, (i + 1) * S, NULL);
	assert_non_null(note(MINER_PROTOCOL, 0, 50, 99 * S, &fresh));
	assert_true(fresh);
	assert_int_equal(box.n, MINER_PIECES);
	assert_int_equal(box.refused, 1);
	assert_int_equal(level(), MINER_IS);
	for (uint32_t i = 0; i < 2 * MINER_PIECES; i++)
		note(MINER_PROTOCOL, 0, i + 1, 100 * S, NULL);
	assert_null(note(MINER_PERSISTS, 0, 60, 101 * S, &fresh));
	assert_false(fresh);
}

static void hostile_names_are_cut(void **state)
{
	static char exe[9000];
	struct miner_hit h;
	struct miner_owner o = { .key = { 1, 1 },
				 .comm = "a name that is much too long",
				 .exe = { exe, 9000 } };
	bool fresh;

	(void)state;
	memset(exe, 'x', sizeof(exe));
	miner_hit_set(&h, MINER_PROGRAM, 0, "%.*s", (int)sizeof(exe), exe);
	struct miner_piece *p = miner_note(&box, &h, &o, S, &fresh);

	assert_int_equal(strlen(p->exe), MINER_EXE_BYTES - 1);
	assert_int_equal(strlen(p->comm), EVENT_COMM_BYTES);
	assert_int_equal(strlen(p->hit.seen), MINER_SEEN_BYTES - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup(f, fresh_case)
		TEST(a_protocol_alone_is_a_miner),
		TEST(use_of_the_processor_alone_is_an_anomaly_with_all_small_signs_there_are),
		TEST(behaviour_makes_a_likely_miner_and_never_a_miner),
		TEST(small_signs_without_more_are_nothing),
		TEST(names_of_a_pool_are_one_thing_however_often_it_is_named),
		TEST(the_heaviest_of_a_kind_counts),
		TEST(evidence_goes_a_minute_after_its_process),
		TEST(what_looking_found_goes_when_it_is_found_no_more),
		TEST(at_the_limit_the_lightest_makes_room),
		TEST(hostile_names_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
