// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "tests/unit/detector/baseline_fixture.h"

static struct baseline *copy_of(const struct baseline *b)
{
	AUTO_FREE char *text = text_of(b);
	struct baseline *copy = NULL;

	assert_int_equal(baseline_parse(&copy, span_str(text), NULL), 0);
	return copy;
}

/* Baselines that differ in what they saw; which: 0 to 2. */
static struct baseline *variant(unsigned which)
{
	struct baseline *b = nginx();
	char key[32];

	const unsigned d = baseline_digest(b, span_str(which == 1 ? ID_B : ID_A), SPAN_LIT("nginx"),
					   T0 + which);

	note(b, BASELINE_USER, "0", d, 2 + which);
	snprintf(key, sizeof(key), "/usr/bin/only-%c < -", 'a' + (char)which);
	note(b, BASELINE_EXEC, key, d, 1);
	windows(b, PHASE_STEADY, 10 + which, T0 - which * NS_PER_S);
	snprintf(key, sizeof(key), "c%u", which);
	baseline_container(b, span_str(key));
	for (unsigned i = 1; i < 200; i++)
		baseline_measure(b, RESOURCE_CPU, i % 9 == 0, i % 24, i * (which + 1.5));
	return b;
}

static void sets_are_united_and_counters_added(void **state)
{
	AUTO(baseline_free) struct baseline *a = variant(0);
	AUTO(baseline_free) struct baseline *b = variant(1);

	(void)state;
	a->mode = MODE_ENFORCE;
	a->dirty = false;
	assert_int_equal(baseline_merge(a, b, false), 0);
	assert_int_equal(a->mode, MODE_ENFORCE);
	assert_true(a->dirty);
	assert_int_equal(entries_of(a, BASELINE_EXEC), 2);
	assert_int_equal(entries_of(b, BASELINE_EXEC), 1);
	const struct seen *s = &look(a, BASELINE_USER, "0")->seen;

	assert_int_equal(s->windows[PHASE_STEADY], 5);
	assert_int_equal(s->containers, 2);
	assert_int_equal(s->digests, 3);
	assert_int_equal(s->flags, 0);
	assert_int_equal(look(a, BASELINE_EXEC, "/usr/bin/only-b < -")->seen.digests, 2);
	assert_int_equal(a->sets[BASELINE_USER].windows[PHASE_STEADY], 21);
	assert_int_equal(a->sets[BASELINE_USER].first_window_ns[PHASE_STEADY], T0 - NS_PER_S);
	assert_int_equal(a->containers, 2);
	assert_false(baseline_container(a, SPAN_LIT("c1")));
	assert_string_equal(a->digests[1].id, ID_B);
	assert_int_equal(a->usage[RESOURCE_CPU].steady.total,
			 2 * b->usage[RESOURCE_CPU].steady.total);
	assert_non_null(a->usage[RESOURCE_CPU].hours[5]);
	assert_int_equal(baseline_merge(a, a, false), -EINVAL);
}

/* What was never the same order: containers that were met lately. */
static char *text_without_recent(struct baseline *b)
{
	memset(b->recent, 0, sizeof(b->recent));
	return text_of(b);
}

static void the_order_of_merging_does_not_matter(void **state)
{
	AUTO(baseline_free) struct baseline *a = variant(0), *left = NULL;
	AUTO(baseline_free) struct baseline *b = variant(1);
	AUTO(baseline_free) struct baseline *c = variant(2);
	AUTO(baseline_free) struct baseline *bc = copy_of(b);

	(void)state;
	left = copy_of(a);
	assert_int_equal(baseline_merge(left, b, false), 0); /* (a + b) + c */
	assert_int_equal(baseline_merge(left, c, false), 0);
	assert_int_equal(baseline_merge(bc, c, false), 0); /* a + (b + c) */
	assert_int_equal(baseline_merge(a, bc, false), 0);
	AUTO_FREE char *one = text_without_recent(left);
	AUTO_FREE char *two = text_without_recent(a);

	assert_string_equal(one, two);
}

static void what_is_merged_into_nothing_is_the_same(void **state)
{
	AUTO(baseline_free) struct baseline *b = full_baseline();
	AUTO(baseline_free) struct baseline *empty = nginx();

	(void)state;
	assert_int_equal(baseline_merge(empty, b, false), 0);
	empty->mode = b->mode; /* modes and what is complete stay each one's own */
	empty->mode_since_ns = b->mode_since_ns;
	empty->promoted_ns = b->promoted_ns;
	memcpy(empty->mode_by, b->mode_by, sizeof(b->mode_by));
	memcpy(empty->actions, b->actions, sizeof(b->actions));
	b->sets[BASELINE_EXEC].complete_ns[PHASE_STEADY] = 0;
	AUTO_FREE char *one = text_of(b);
	AUTO_FREE char *two = text_of(empty);

	assert_string_equal(one, two);
}

/* --- imports -------------------------------------------------------------------------------- */

static void an_import_is_a_proposal_until_it_is_seen(void **state)
{
	AUTO(baseline_free) struct baseline *mine = nginx();
	AUTO(baseline_free) struct baseline *theirs = full_baseline();

	(void)state;
	assert_int_equal(baseline_merge(mine, theirs, true), 0);
	assert_true(mine->imported);
	assert_int_equal(mine->mode, MODE_LEARN);
	assert_int_equal(mine->sets[BASELINE_EXEC].complete_ns[PHASE_STEADY], 0);
	assert_int_equal(mine->sets[BASELINE_READ].refused, 0);
	assert_int_equal(look(mine, BASELINE_USER, "101")->seen.flags, SEEN_IMPORTED);
	/* what a person said there is not said here */
	assert_int_equal(look(mine, BASELINE_UNIX, "@x")->seen.flags, SEEN_IMPORTED);
	assert_null(look(mine, BASELINE_CALL, "ptrace"));
	note(mine, BASELINE_USER, "101", 0, 1);
	assert_int_equal(look(mine, BASELINE_USER, "101")->seen.flags, 0);
	assert_false(mine->imported);
	/* a second import proposes the rest again, and leaves what was seen */
	assert_int_equal(baseline_merge(mine, theirs, true), 0);
	assert_false(mine->imported);
	assert_int_equal(look(mine, BASELINE_USER, "101")->seen.flags, 0);
	assert_int_equal(look(mine, BASELINE_UNIX, "@x")->seen.flags, SEEN_IMPORTED);
}

static void an_import_marks_only_what_is_new(void **state)
{
	AUTO(baseline_free) struct baseline *mine = variant(0);
	AUTO(baseline_free) struct baseline *theirs = variant(1);

	(void)state;
	assert_int_equal(baseline_merge(mine, theirs, true), 0);
	assert_false(mine->imported);
	assert_int_equal(look(mine, BASELINE_USER, "0")->seen.flags, 0);
	assert_int_equal(look(mine, BASELINE_EXEC, "/usr/bin/only-a < -")->seen.flags, 0);
	assert_int_equal(look(mine, BASELINE_EXEC, "/usr/bin/only-b < -")->seen.flags,
			 SEEN_IMPORTED);
	assert_true(baseline_container(mine, SPAN_LIT("c1"))); /* theirs never ran here */
}

static void an_import_makes_no_program_known_by_a_wildcard(void **state)
{
	AUTO(baseline_free) struct baseline *mine = variant(0);
	AUTO(baseline_free) struct baseline *theirs = nginx();

	(void)state;
	assert_int_equal(baseline_accept(theirs, BASELINE_EXEC, SPAN_LIT("/**"), T0), 0);
	assert_int_equal(baseline_accept(theirs, BASELINE_USER, SPAN_LIT("*"), T0), 0);
	assert_int_equal(baseline_accept(theirs, BASELINE_CALL, SPAN_LIT("a\\*"), T0), 0);
	assert_int_equal(baseline_merge(mine, theirs, true), -EPERM);
	assert_null(look(mine, BASELINE_EXEC, "/any < -"));
	assert_null(look(mine, BASELINE_USER, "9"));
	assert_int_equal(look(mine, BASELINE_CALL, "a*")->seen.flags, SEEN_IMPORTED);
	assert_int_equal(look(mine, BASELINE_USER, "0")->seen.flags, 0);
}

static void an_import_that_is_wider_than_what_is_known_is_a_proposal(void **state)
{
	AUTO(baseline_free) struct baseline *mine = nginx();
	AUTO(baseline_free) struct baseline *theirs = nginx();

	(void)state;
	note(mine, BASELINE_WRITE, "/data/x", 0, 3);
	assert_int_equal(baseline_accept(mine, BASELINE_WRITE, SPAN_LIT("/data/y"), T0), 0);
	assert_int_equal(baseline_accept(theirs, BASELINE_WRITE, SPAN_LIT("/data/*"), T0), 0);
	assert_int_equal(baseline_accept(mine, BASELINE_WRITE, SPAN_LIT("/log/*"), T0), 0);
	note(theirs, BASELINE_WRITE, "/log/z", 0, 1);
	assert_int_equal(baseline_merge(mine, theirs, true), 0);
	assert_int_equal(look(mine, BASELINE_WRITE, "/data/x")->seen.flags, SEEN_IMPORTED);
	assert_int_equal(look(mine, BASELINE_WRITE, "/data/x")->seen.windows[PHASE_STEADY], 3);
	assert_int_equal(look(mine, BASELINE_WRITE, "/log/z")->seen.flags, SEEN_ACCEPTED);
}

static void a_local_sighting_makes_a_proposal_known(void **state)
{
	AUTO(baseline_free) struct baseline *mine = nginx();
	AUTO(baseline_free) struct baseline *other = variant(1);
	AUTO(baseline_free) struct baseline *seen_here = variant(1);

	(void)state;
	assert_int_equal(baseline_merge(mine, other, true), 0);
	assert_int_equal(baseline_merge(mine, seen_here, false), 0);
	assert_int_equal(look(mine, BASELINE_USER, "0")->seen.flags, 0);
	assert_false(mine->imported);
}

static void rejections_go_before_what_was_seen(void **state)
{
	AUTO(baseline_free) struct baseline *a = variant(0);
	AUTO(baseline_free) struct baseline *b = variant(0);
	AUTO(baseline_free) struct baseline *c = variant(0);

	(void)state;
	assert_int_equal(baseline_reject(b, BASELINE_USER, SPAN_LIT("0")), 0);
	assert_int_equal(baseline_merge(a, b, false), 0);
	assert_int_equal(look(a, BASELINE_USER, "0")->seen.flags, SEEN_REJECTED);
	assert_int_equal(look(a, BASELINE_USER, "0")->seen.windows[PHASE_STEADY], 4);
	assert_int_equal(entries_of(a, BASELINE_USER), 0);
	assert_int_equal(baseline_merge(b, c, false), 0); /* the other way round */
	assert_int_equal(look(b, BASELINE_USER, "0")->seen.flags, SEEN_REJECTED);
	assert_int_equal(look(b, BASELINE_USER, "0")->seen.windows[PHASE_STEADY], 4);
	assert_int_equal(entries_of(b, BASELINE_USER), 0);
}

/* --- limits --------------------------------------------------------------------------------- */

static void add_users(struct baseline *b, unsigned from, unsigned n)
{
	char key[16];

	for (unsigned i = from; i < from + n; i++) {
		snprintf(key, sizeof(key), "%u", i);
		baseline_note(b, BASELINE_USER, span_str(key), 0, T0, NULL, NULL);
	}
}

static void what_finds_no_room_is_told_and_the_rest_is_merged(void **state)
{
	AUTO(baseline_free) struct baseline *a = nginx();
	AUTO(baseline_free) struct baseline *b = nginx();
	AUTO(baseline_free) struct baseline *c = nginx();

	(void)state;
	add_users(a, 0, 40);
	add_users(b, 100, 40);
	note(b, BASELINE_EXEC, "/x < -", 0, 1);
	a->sets[BASELINE_USER].complete_ns[PHASE_STEADY] = T0;
	assert_int_equal(baseline_merge(a, b, true), -ENOSPC);
	assert_non_null(look(a, BASELINE_EXEC, "/x < -"));
	assert_int_equal(a->sets[BASELINE_USER].refused, 0); /* a proposal takes nothing */
	assert_int_equal(a->sets[BASELINE_USER].complete_ns[PHASE_STEADY], T0);
	add_users(c, 200, 20);
	assert_int_equal(baseline_merge(a, c, false), -ENOSPC);
	assert_true(a->sets[BASELINE_USER].refused > 0);
	assert_int_equal(a->sets[BASELINE_USER].complete_ns[PHASE_STEADY], 0);
	assert_true(baseline_bytes(a) <= BASELINE_MAX_BYTES);
}

static void counters_stop_at_their_limit(void **state)
{
	AUTO(baseline_free) struct baseline *a = variant(0);
	AUTO(baseline_free) struct baseline *b = variant(0);

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct baseline *x = i ? a : b;

		x->sets[BASELINE_EXEC].windows[PHASE_STEADY] = (uint64_t)INT64_MAX - 1;
		look(x, BASELINE_USER, "0")->seen.windows[PHASE_STEADY] = UINT32_MAX - 1;
		x->containers = UINT32_MAX;
	}
	assert_int_equal(baseline_merge(a, b, false), 0);
	assert_int_equal(a->sets[BASELINE_EXEC].windows[PHASE_STEADY], INT64_MAX);
	assert_int_equal(look(a, BASELINE_USER, "0")->seen.windows[PHASE_STEADY], UINT32_MAX);
	assert_int_equal(a->containers, UINT32_MAX);
	AUTO_FREE char *text = text_of(a);
	AUTO(baseline_free) struct baseline *again = copy_of(a);
	AUTO_FREE char *second = text_of(again);

	assert_string_equal(text, second);
}

static void of_more_digests_than_fit_the_newest_stay(void **state)
{
	AUTO(baseline_free) struct baseline *a = nginx();
	AUTO(baseline_free) struct baseline *b = nginx();
	char id[16];

	(void)state;
	for (unsigned i = 0; i < BASELINE_MAX_DIGESTS; i++) {
		snprintf(id, sizeof(id), "a%u", i);
		baseline_digest(a, span_str(id), SPAN_LIT(""), T0 + 10 * i);
		note(a, BASELINE_USER, "0", i, 1);
	}
	for (unsigned i = 0; i < 3; i++) {
		snprintf(id, sizeof(id), "b%u", i);
		/* older than all; newer than a0 alone; the newest */
		baseline_digest(b, span_str(id), SPAN_LIT(""),
				(const uint64_t[]){ T0 - 1, T0 + 5, T0 + 1000 }[i]);
		note(b, BASELINE_EXEC, (const char *const[]){ "/0", "/1", "/2" }[i], i, 1);
	}
	assert_int_equal(baseline_merge(a, b, false), 0);
	assert_int_equal(baseline_find_digest(a, "b0"), BASELINE_MAX_DIGESTS);
	assert_int_equal(baseline_find_digest(a, "a0"), BASELINE_MAX_DIGESTS);
	assert_int_equal(baseline_find_digest(a, "b1"), BASELINE_MAX_DIGESTS); /* b2 came later */
	assert_int_equal(baseline_find_digest(a, "b2"), 0);
	assert_int_equal(look(a, BASELINE_EXEC, "/0")->seen.digests, 0);
	assert_int_equal(look(a, BASELINE_EXEC, "/1")->seen.digests, 0);
	assert_int_equal(look(a, BASELINE_EXEC, "/2")->seen.digests, 1);
	assert_int_equal(look(a, BASELINE_USER, "0")->seen.digests, 0xfffe);
}

/* --- differences ---------------------------------------------------------------------------- */

struct told {
	unsigned n, in_a, stop_after;
	char text[256];
};

static bool on_difference(void *ctx, enum baseline_class c, struct span pattern,
			  const struct seen *seen, bool in_a)
{
	struct told *t = ctx;
	const size_t used = strlen(t->text);

	assert_true(seen->digests);
	snprintf(t->text + used, sizeof(t->text) - used, "%s%s:%.*s ", in_a ? "-" : "+",
		 baseline_class_names[c], (int)pattern.n, pattern.p);
	return ++t->n != t->stop_after;
}

static void two_digests_differ_in_what_one_alone_showed(void **state)
{
	AUTO(baseline_free) struct baseline *b = variant(0);
	struct told t = { 0 };

	(void)state;
	const unsigned d = baseline_digest(b, span_str(ID_B), SPAN_LIT(""), T0);

	note(b, BASELINE_USER, "0", d, 1);
	note(b, BASELINE_LISTEN, "tcp/81", d, 1);
	note(b, BASELINE_CALL, "ptrace", d, 1);
	assert_int_equal(baseline_accept(b, BASELINE_CALL, SPAN_LIT("bpf"), T0), 0); /* neither */
	baseline_diff(b, 0, d, on_difference, &t);
	assert_string_equal(t.text, "-exec:/usr/bin/only-a < - +listen:tcp/81 +call:ptrace ");
	t = (struct told){ .stop_after = 2 };
	baseline_diff(b, 0, d, on_difference, &t);
	assert_int_equal(t.n, 2);
	t = (struct told){ 0 };
	baseline_diff(b, d, d, on_difference, &t);
	assert_int_equal(t.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_are_united_and_counters_added),
		cmocka_unit_test(the_order_of_merging_does_not_matter),
		cmocka_unit_test(what_is_merged_into_nothing_is_the_same),
		cmocka_unit_test(an_import_is_a_proposal_until_it_is_seen),
		cmocka_unit_test(an_import_marks_only_what_is_new),
		cmocka_unit_test(an_import_makes_no_program_known_by_a_wildcard),
		cmocka_unit_test(an_import_that_is_wider_than_what_is_known_is_a_proposal),
		cmocka_unit_test(a_local_sighting_makes_a_proposal_known),
		cmocka_unit_test(rejections_go_before_what_was_seen),
		cmocka_unit_test(what_finds_no_room_is_told_and_the_rest_is_merged),
		cmocka_unit_test(counters_stop_at_their_limit),
		cmocka_unit_test(of_more_digests_than_fit_the_newest_stay),
		cmocka_unit_test(two_digests_differ_in_what_one_alone_showed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
