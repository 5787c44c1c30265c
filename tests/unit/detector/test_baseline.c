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

#define DAY (24 * 3600 * NS_PER_S)

static const struct maturity_bounds bounds = { .new_entries = 0.01,
					       .minimum_ns = 3600 * NS_PER_S,
					       .min_containers = 1 };

/* --- names ---------------------------------------------------------------------------------- */

static void names_and_tables_are_of_one_length(void **state)
{
	enum baseline_class c;
	enum baseline_mode m;
	unsigned n = 0;

	(void)state;
	while (baseline_class_names[n])
		n++;
	assert_int_equal(n, BASELINE_CLASS_COUNT);
	for (n = 0; baseline_resource_names[n]; n++)
		assert_non_null(baseline_resource_units[n]);
	assert_int_equal(n, RESOURCE_COUNT);
	for (n = 0; seen_phase_names[n]; n++)
		;
	assert_int_equal(n, PHASE_COUNT);
	for (n = 0; enforce_action_names[n]; n++)
		;
	assert_int_equal(n, ENFORCE_ACTION_COUNT);
	assert_true(baseline_class_parse(SPAN_LIT("connect"), &c));
	assert_int_equal(c, BASELINE_CONNECT);
	assert_false(baseline_class_parse(SPAN_LIT("connec"), &c));
	assert_true(baseline_mode_parse(SPAN_LIT("enforce"), &m));
	assert_int_equal(m, MODE_ENFORCE);
	assert_false(baseline_mode_parse(SPAN_LIT(""), &m));
}

static void names_are_cleaned_and_too_long_ones_refused(void **state)
{
	AUTO(baseline_free) struct baseline *b = NULL;
	static char name[300];
	struct err e = { "" };

	(void)state;
	memset(name, 'x', sizeof(name));
	assert_int_equal(baseline_new(&b, (struct span){ name, 256 }, SPAN_LIT(""), 1, &e),
			 -ENAMETOOLONG);
	assert_int_equal(baseline_new(&b, SPAN_LIT("a"), (struct span){ name, 64 }, 1, &e),
			 -ENAMETOOLONG);
	assert_int_equal(baseline_new(&b, SPAN_LIT(""), SPAN_LIT("x"), 1, &e), -EINVAL);
	assert_null(b);
	assert_int_equal(
		baseline_new(&b, SPAN_LIT("a\x1b[31m\xff"), SPAN_LIT("e\n\xc3\xa9"), 1, &e), 0);
	assert_string_equal(b->repository, "a?[31m?");
	assert_string_equal(b->entry, "e?\xc3\xa9");
	assert_int_equal(b->mode, MODE_LEARN);
}

/* --- memory --------------------------------------------------------------------------------- */

static void all_limits_together_fit_the_memory_of_an_image(void **state)
{
	size_t n = sizeof(struct baseline) + BASELINE_MAX_REJECTED_BYTES +
		   BASELINE_DEVIATION_BYTES +
		   (size_t)RESOURCE_COUNT * (BASELINE_BUCKETS + BASELINE_STARTUP_BUCKETS) *
			   sizeof(uint32_t);

	(void)state;
	for (unsigned c = 0; c < BASELINE_CLASS_COUNT; c++)
		n += baseline_limits[c].bytes;
	assert_true(n <= BASELINE_MAX_BYTES);
	assert_true(n > BASELINE_MAX_BYTES - 8192); /* and waste little */
}

/* Everything that can grow grows until it is refused. */
static void fill(struct baseline *b)
{
	char key[128];

	for (unsigned c = 0; c < BASELINE_CLASS_COUNT; c++)
		for (unsigned i = 0; i < 2000; i++) {
			snprintf(key, sizeof(key), "d%u/e%u/some-name-that-is-long-%u", i % 20,
				 i % 7, i * 7919);
			baseline_note(b, (enum baseline_class)c, span_str(key), 0, T0, NULL, NULL);
		}
}

static void fill_sketches(struct baseline *b)
{
	for (unsigned r = 0; r < RESOURCE_COUNT; r++)
		for (unsigned i = 0; i < 2400; i++) {
			const double v = exp((double)(i / 24) * 0.4 - 15);

			baseline_measure(b, (enum baseline_resource)r, i % 5 == 0, i % 24, v);
		}
}

static unsigned hours_of(const struct baseline *b)
{
	unsigned n = 0;

	for (unsigned r = 0; r < RESOURCE_COUNT; r++)
		for (unsigned h = 0; h < 24; h++)
			n += b->usage[r].hours[h] != NULL;
	return n;
}

static void entries_take_the_room_of_hourly_sketches(void **state)
{
	AUTO(baseline_free) struct baseline *b = nginx();

	(void)state;
	fill_sketches(b);
	assert_true(baseline_bytes(b) <= BASELINE_MAX_BYTES);
	const unsigned hours = hours_of(b);

	assert_int_equal(hours, 13 * 24);
	assert_int_equal(b->refused_bytes, 0);
	fill(b);
	assert_true(baseline_bytes(b) <= BASELINE_MAX_BYTES);
	assert_true(hours_of(b) < hours);
	assert_true(b->refused_bytes > 0);
	for (unsigned c = 0; c < BASELINE_CLASS_COUNT; c++)
		assert_true(entries_of(b, (enum baseline_class)c) > 0);
}

static void without_room_an_hour_is_refused_and_the_value_counts_all_the_same(void **state)
{
	AUTO(baseline_free) struct baseline *b = nginx();
	int r = 0;

	(void)state;
	fill(b);
	for (unsigned i = 0; r == 0 && i < RESOURCE_COUNT * 24; i++)
		for (unsigned k = 0; r == 0 && k < 400; k++)
			r = baseline_measure(b, (enum baseline_resource)(i / 24), false, i % 24,
					     exp(k * 0.04));
	assert_int_equal(r, -ENOSPC);
	assert_true(baseline_bytes(b) <= BASELINE_MAX_BYTES);
	const uint64_t refused = b->refused_bytes, total = b->usage[RESOURCE_FDS].steady.total;

	assert_true(refused > 0);
	for (unsigned h = 0; h < 24; h++)
		baseline_measure(b, RESOURCE_FDS, false, h, 10);
	assert_int_equal(b->usage[RESOURCE_FDS].steady.total, total + 24);
	assert_true(b->refused_bytes > refused);
	assert_true(baseline_bytes(b) <= BASELINE_MAX_BYTES);
}

/* --- digests, containers -------------------------------------------------------------------- */

static void the_oldest_digest_makes_room_and_leaves_all_entries(void **state)
{
	AUTO(baseline_free) struct baseline *b = nginx();
	char id[32];

	(void)state;
	for (unsigned i = 0; i < BASELINE_MAX_DIGESTS; i++) {
		snprintf(id, sizeof(id), "sha256:%02u", i);
		assert_int_equal(baseline_digest(b, span_str(id), SPAN_LIT("x:1"), T0 + i), i);
		note(b, BASELINE_USER, "0", i, 1);
		b->digests[i].windows = 1;
	}
	assert_int_equal(baseline_digest(b, SPAN_LIT("sha256:00"), SPAN_LIT("x:2"), T0 + 99), 0);
	assert_string_equal(b->digests[0].reference, "x:2");
	assert_int_equal(b->digests[0].first_ns, T0);
	assert_false(b->digests[0].inherited);
	assert_int_equal(look(b, BASELINE_USER, "0")->seen.digests, 0xffff);
	assert_int_equal(baseline_digest(b, SPAN_LIT("new"), SPAN_LIT(""), T0 + 100), 1);
	assert_int_equal(look(b, BASELINE_USER, "0")->seen.digests, 0xfffd);
	assert_true(b->digests[1].inherited);
	assert_int_equal(b->digests[1].windows, 0);
	assert_int_equal(baseline_digest(b, SPAN_LIT(""), SPAN_LIT(""), T0 + 101), 2);
	assert_string_equal(b->digests[2].id, "unknown");
}

static void a_container_counts_once_while_it_is_remembered(void **state)
{
	AUTO(baseline_free) struct baseline *b = nginx();
	char id[16];

	(void)state;
	assert_true(baseline_container(b, SPAN_LIT("a")));
	assert_false(baseline_container(b, SPAN_LIT("a")));
	for (unsigned i = 0; i < BASELINE_RECENT - 1; i++) {
		snprintf(id, sizeof(id), "%u", i);
		assert_true(baseline_container(b, span_str(id)));
	}
	assert_false(baseline_container(b, SPAN_LIT("a")));
	assert_true(baseline_container(b, SPAN_LIT("one more")));
	assert_true(baseline_container(b, SPAN_LIT("a")));
	assert_int_equal(b->containers, BASELINE_RECENT + 2);
}

/* --- entries -------------------------------------------------------------------------------- */

static void what_is_noted_is_found_with_its_times_and_digest(void **state)
{
	AUTO(baseline_free) struct baseline *b = nginx();
	struct path_entry *entry = NULL;
	bool made = false;

	(void)state;
	assert_null(look(b, BASELINE_EXEC, "/bin/sh < -"));
	assert_int_equal(
		baseline_note(b, BASELINE_EXEC, SPAN_LIT("/bin/sh < -"), 2, T0 + 5, &entry, &made),
		0);
	assert_true(made);
	assert_ptr_equal(look(b, BASELINE_EXEC, "/bin/sh < -"), entry);
	assert_int_equal(
		baseline_note(b, BASELINE_EXEC, SPAN_LIT("/bin/sh < -"), 0, T0, &entry, &made), 0);
	assert_false(made);
	assert_int_equal(entry->seen.first_ns, T0);
	assert_int_equal(entry->seen.last_ns, T0 + 5);
	assert_int_equal(entry->seen.digests, 5);
	assert_null(look(b, BASELINE_SCRIPT, "/bin/sh < -"));
	assert_int_equal(baseline_note(b, BASELINE_EXEC, SPAN_LIT(""), 0, T0, NULL, NULL), -EINVAL);
	assert_int_equal(b->sets[BASELINE_EXEC].refused, 0);
}

static void executables_never_fold_and_written_paths_do(void **state)
{
	AUTO(baseline_free) struct baseline *b = nginx();
	char key[64];

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		snprintf(key, sizeof(key), "/usr/bin/tool%c%c < -", 'a' + i / 26, 'a' + i % 26);
		note(b, BASELINE_EXEC, key, 0, 1);
		snprintf(key, sizeof(key), "/data/file%c%c", 'a' + i / 26, 'a' + i % 26);
		note(b, BASELINE_WRITE, key, 0, 1);
	}
	assert_int_equal(entries_of(b, BASELINE_EXEC), 100);
	assert_null(look(b, BASELINE_EXEC, "/usr/bin/another < -"));
	assert_int_equal(entries_of(b, BASELINE_WRITE), 1);
	assert_non_null(look(b, BASELINE_WRITE, "/data/another"));
}

static void a_full_class_refuses_counts_and_is_not_complete_any_more(void **state)
{
	AUTO(baseline_free) struct baseline *b = nginx();
	char key[64];
	int r = 0;

	(void)state;
	b->sets[BASELINE_USER].complete_ns[PHASE_STEADY] = T0;
	b->sets[BASELINE_EXEC].complete_ns[PHASE_STEADY] = T0;
	for (unsigned i = 0; i < 64; i++) {
		snprintf(key, sizeof(key), "%u", i);
		r = baseline_note(b, BASELINE_USER, span_str(key), 0, T0 + i, NULL, NULL);
		if (r < 0)
			break;
	}
	if (r == 0)
		r = baseline_note(b, BASELINE_USER, SPAN_LIT("x"), 0, T0, NULL, NULL);
	assert_int_equal(r, -ENOSPC);
	assert_true(entries_of(b, BASELINE_USER) >= 32);
	assert_int_equal(b->sets[BASELINE_USER].refused, 1);
	/* what was learned stays so: who fills a class does not blind it */
	assert_int_equal(b->sets[BASELINE_USER].complete_ns[PHASE_STEADY], T0);
	assert_int_equal(b->sets[BASELINE_EXEC].complete_ns[PHASE_STEADY], T0);
	assert_non_null(look(b, BASELINE_USER, "0")); /* those that are there stay */
}

/* --- by a person ---------------------------------------------------------------------------- */

static void what_is_rejected_is_found_as_such_and_never_learned_again(void **state)
{
	AUTO(baseline_free) struct baseline *b = nginx();

	(void)state;
	assert_int_equal(baseline_reject(b, BASELINE_EXEC, SPAN_LIT("/x < -")), -ENOENT);
	note(b, BASELINE_EXEC, "/x < -", 0, 5);
	assert_int_equal(baseline_reject(b, BASELINE_EXEC, SPAN_LIT("/x < -")), 0);
	assert_int_equal(baseline_reject(b, BASELINE_EXEC, SPAN_LIT("/x < -")), 0);
	assert_int_equal(entries_of(b, BASELINE_EXEC), 0);
	assert_true(look(b, BASELINE_EXEC, "/x < -")->seen.flags & SEEN_REJECTED);
	note(b, BASELINE_EXEC, "/x < -", 0, 1);
	assert_int_equal(entries_of(b, BASELINE_EXEC), 0);
	assert_int_equal(look(b, BASELINE_EXEC, "/x < -")->seen.windows[PHASE_STEADY], 6);
	assert_int_equal(baseline_age(b, UINT64_MAX), 0);
	assert_non_null(look(b, BASELINE_EXEC, "/x < -"));
}

static void a_rejected_neighbour_neither_folds_nor_makes_others_unknown(void **state)
{
	AUTO(baseline_free) struct baseline *b = nginx();
	char key[32];

	(void)state;
	note(b, BASELINE_WRITE, "/tmp/evil", 0, 1);
	assert_int_equal(baseline_reject(b, BASELINE_WRITE, SPAN_LIT("/tmp/evil")), 0);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(key, sizeof(key), "/tmp/file%c%c", 'a' + i / 26, 'a' + i % 26);
		note(b, BASELINE_WRITE, key, 0, 1);
	}
	assert_non_null(path_tree_find_pattern(b->sets[BASELINE_WRITE].tree, SPAN_LIT("/tmp/*")));
	assert_false(look(b, BASELINE_WRITE, "/tmp/other")->seen.flags & SEEN_REJECTED);
	assert_true(look(b, BASELINE_WRITE, "/tmp/evil")->seen.flags & SEEN_REJECTED);
}

static void acceptance_and_forgetting_undo_a_rejection(void **state)
{
	AUTO(baseline_free) struct baseline *b = nginx();

	(void)state;
	assert_int_equal(baseline_accept(b, BASELINE_WRITE, SPAN_LIT("/opt/*"), T0 + 7), 0);
	struct path_entry *entry = look(b, BASELINE_WRITE, "/opt/any");

	assert_int_equal(entry->seen.flags, SEEN_ACCEPTED);
	assert_int_equal(entry->seen.first_ns, T0 + 7);
	assert_int_equal(baseline_reject(b, BASELINE_WRITE, SPAN_LIT("/opt/*")), 0);
	assert_int_equal(look(b, BASELINE_WRITE, "/opt/any")->seen.flags, SEEN_REJECTED);
	/* a part of what is rejected would stay rejected: said, not done silently */
	assert_int_equal(baseline_accept(b, BASELINE_WRITE, SPAN_LIT("/opt/any"), T0), -EEXIST);
	assert_int_equal(baseline_accept(b, BASELINE_WRITE, SPAN_LIT("/opt/*"), T0 + 9), 0);
	assert_int_equal(look(b, BASELINE_WRITE, "/opt/any")->seen.flags, SEEN_ACCEPTED);
	assert_null(b->sets[BASELINE_WRITE].rejected); /* its memory is free again */
	assert_int_equal(baseline_reject(b, BASELINE_WRITE, SPAN_LIT("/opt/*")), 0);
	assert_int_equal(baseline_forget(b, BASELINE_WRITE, SPAN_LIT("/opt/*")), 0);
	assert_null(look(b, BASELINE_WRITE, "/opt/any"));
	assert_int_equal(baseline_forget(b, BASELINE_WRITE, SPAN_LIT("/opt/*")), -ENOENT);
	assert_int_equal(baseline_accept(b, BASELINE_WRITE, SPAN_LIT("bad\\"), T0), -EPROTO);
}

static void rejections_have_a_limit_over_all_classes(void **state)
{
	AUTO(baseline_free) struct baseline *b = nginx();
	unsigned n = 0;
	char key[64];
	int r = 0;

	(void)state;
	for (unsigned i = 0; r == 0 && i < 100; i++) {
		const enum baseline_class c = i % 2 ? BASELINE_EXEC : BASELINE_SCRIPT;

		snprintf(key, sizeof(key), "/usr/bin/tool%u < /bin/sh", i);
		note(b, c, key, 0, 1);
		r = baseline_reject(b, c, span_str(key));
		n += r == 0;
	}
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(n, BASELINE_MAX_REJECTED);
	assert_false(look(b, n % 2 ? BASELINE_EXEC : BASELINE_SCRIPT, key)->seen.flags &
		     SEEN_REJECTED); /* as it was */
}

static bool count_one(void *ctx, struct span pattern, struct path_entry *entry)
{
	(void)pattern;
	(void)entry;
	return --*(unsigned *)ctx > 0;
}

static void a_walk_stops_when_it_is_told_to(void **state)
{
	AUTO(baseline_free) struct baseline *b = full_baseline();
	unsigned n = 1;

	(void)state;
	note(b, BASELINE_CALL, "mount:tmpfs", 0, 1);
	baseline_each(b, BASELINE_CALL, count_one, &n);
	assert_int_equal(n, 0);
	n = 9;
	baseline_each(b, BASELINE_CALL, count_one, &n);
	assert_int_equal(n, 7); /* the known one and the rejected one */
}

/* --- maturity ------------------------------------------------------------------------------- */

static void a_class_is_complete_by_evidence_in_each_phase_alone(void **state)
{
	AUTO(baseline_free) struct baseline *b = nginx();
	struct maturity m;

	(void)state;
	baseline_digest(b, SPAN_LIT(ID_A), SPAN_LIT(""), T0);
	baseline_container(b, SPAN_LIT("c"));
	windows(b, PHASE_STEADY, 300, T0);
	note(b, BASELINE_EXEC, "/once < -", 0, 1);
	note(b, BASELINE_EXEC, "/often < -", 0, 200);
	baseline_maturity(b, BASELINE_EXEC, PHASE_STEADY, T0 + DAY, &m);
	assert_int_equal(m.windows, 300);
	assert_int_equal(m.singletons, 1);
	assert_int_equal(m.entries, 2);
	assert_int_equal(m.since_ns, T0);
	assert_int_equal(m.containers, 1);
	assert_false(baseline_settle(b, &bounds, &bounds, T0 + 60 * NS_PER_S)); /* too early */
	assert_true(baseline_settle(b, &bounds, &bounds, T0 + DAY));
	assert_true(baseline_complete(b));
	assert_int_equal(b->sets[BASELINE_EXEC].complete_ns[PHASE_STEADY], T0 + DAY);
	assert_int_equal(b->sets[BASELINE_EXEC].complete_ns[PHASE_STARTUP], 0);
	assert_int_equal(b->digests[0].complete_ns, T0 + DAY);
	assert_false(baseline_settle(b, &bounds, &bounds, T0 + 2 * DAY));
	windows(b, PHASE_STARTUP, 200, T0);
	assert_true(baseline_settle(b, &bounds, &bounds, T0 + 2 * DAY));
	assert_int_equal(b->sets[BASELINE_EXEC].complete_ns[PHASE_STARTUP], T0 + 2 * DAY);
}

static void a_system_call_that_two_phases_show_is_no_singleton(void **state)
{
	static const enum baseline_class both[] = { BASELINE_SYSCALL, BASELINE_EXEC };
	AUTO(baseline_free) struct baseline *b = nginx();
	struct path_entry *entry;
	struct maturity m;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(baseline_note(b, both[i], SPAN_LIT("mremap"), 0, T0, &entry, NULL),
				 0);
		entry->seen.windows[PHASE_STEADY] = 1;
		entry->seen.windows[PHASE_INJECTED] = 4; /* of people, not of the container */
		baseline_maturity(b, both[i], PHASE_STEADY, T0, &m);
		assert_int_equal(m.singletons, 1);
		entry->seen.windows[PHASE_STARTUP] = 1;
		baseline_maturity(b, both[i], PHASE_STEADY, T0, &m);
		assert_int_equal(m.singletons, both[i] == BASELINE_EXEC);
	}
}

static void few_windows_or_many_singletons_or_no_container_keep_it_learning(void **state)
{
	AUTO(baseline_free) struct baseline *b = nginx();

	(void)state;
	windows(b, PHASE_STEADY, 300, T0);
	assert_false(baseline_settle(b, &bounds, &bounds, T0 + DAY)); /* no container */
	baseline_container(b, SPAN_LIT("c"));
	for (unsigned i = 0; i < BASELINE_CLASS_COUNT; i++)
		for (unsigned k = 0; k < 3; k++) {
			note(b, (enum baseline_class)i, (const char *const[]){ "a", "b", "c" }[k],
			     0, 1);
		}
	assert_false(baseline_settle(b, &bounds, &bounds, T0 + DAY)); /* (3 + 1) / 300 */
	windows(b, PHASE_STEADY, 150, T0);
	assert_true(baseline_settle(b, &bounds, &bounds, T0 + DAY));
}

static void lost_events_void_the_windows_of_their_classes(void **state)
{
	AUTO(baseline_free) struct baseline *b = nginx();
	struct maturity m;

	(void)state;
	const unsigned d = baseline_digest(b, SPAN_LIT(ID_A), SPAN_LIT(""), T0);

	baseline_window(b, PHASE_STEADY, d, 1U << BASELINE_WRITE | 1U << BASELINE_READ, T0);
	baseline_window(b, PHASE_STEADY, d, 0, T0 + 60 * NS_PER_S);
	baseline_maturity(b, BASELINE_WRITE, PHASE_STEADY, T0, &m);
	assert_int_equal(m.windows, 1);
	assert_int_equal(m.since_ns, T0 + 60 * NS_PER_S);
	assert_int_equal(b->sets[BASELINE_WRITE].voided[PHASE_STEADY], 1);
	baseline_maturity(b, BASELINE_EXEC, PHASE_STEADY, T0, &m);
	assert_int_equal(m.windows, 2);
	baseline_digest_maturity(b, d, T0, &m);
	assert_int_equal(m.windows, 1);
}

static void nothing_is_complete_of_a_class_that_refused_or_of_a_proposal(void **state)
{
	AUTO(baseline_free) struct baseline *b = nginx();

	(void)state;
	baseline_digest(b, SPAN_LIT(ID_A), SPAN_LIT(""), T0);
	baseline_container(b, SPAN_LIT("c"));
	windows(b, PHASE_STEADY, 300, T0);
	b->sets[BASELINE_WRITE].refused = 1;
	b->imported = true;
	assert_false(baseline_settle(b, &bounds, &bounds, T0 + DAY));
	b->imported = false;
	assert_true(baseline_settle(b, &bounds, &bounds, T0 + DAY));
	assert_false(baseline_complete(b));
	assert_int_equal(b->sets[BASELINE_WRITE].complete_ns[PHASE_STEADY], 0);
	assert_int_equal(b->digests[0].complete_ns, 0); /* its difference may be what was refused */
}

static void a_new_digest_is_learned_by_what_it_alone_showed(void **state)
{
	AUTO(baseline_free) struct baseline *b = nginx();
	struct maturity m;

	(void)state;
	const unsigned a = baseline_digest(b, SPAN_LIT(ID_A), SPAN_LIT(""), T0);

	baseline_window(b, PHASE_STEADY, a, 0, T0);
	const unsigned d = baseline_digest(b, SPAN_LIT(ID_B), SPAN_LIT(""), T0 + DAY);

	assert_true(b->digests[d].inherited);
	note(b, BASELINE_EXEC, "/both < -", a, 1);
	note(b, BASELINE_EXEC, "/both < -", d, 0);
	note(b, BASELINE_EXEC, "/new < -", d, 1);
	note(b, BASELINE_USER, "0", d, 2);
	note(b, BASELINE_EXEC, "/old < -", a, 1);
	baseline_digest_maturity(b, d, T0 + DAY, &m);
	assert_int_equal(m.entries, 3);
	assert_int_equal(m.singletons, 1);
	assert_int_equal(m.since_ns, T0 + DAY);
	assert_int_equal(m.windows, 0);
	assert_int_equal(m.containers, 0);
}

/* --- age ------------------------------------------------------------------------------------ */

static void entries_age_out_but_for_what_a_person_said(void **state)
{
	AUTO(baseline_free) struct baseline *b = nginx();

	(void)state;
	note(b, BASELINE_EXEC, "/old < -", 0, 1);
	note(b, BASELINE_EXEC, "/new < -", 0, 1)->seen.last_ns = T0 + 2 * DAY;
	assert_int_equal(baseline_accept(b, BASELINE_EXEC, SPAN_LIT("/accepted < -"), T0), 0);
	note(b, BASELINE_EXEC, "/rejected < -", 0, 1);
	assert_int_equal(baseline_reject(b, BASELINE_EXEC, SPAN_LIT("/rejected < -")), 0);
	b->dirty = false;
	assert_int_equal(baseline_age(b, T0), 0); /* seen then: not before */
	assert_false(b->dirty);
	assert_int_equal(baseline_age(b, T0 + DAY), 1);
	assert_true(b->dirty);
	assert_null(look(b, BASELINE_EXEC, "/old < -"));
	assert_non_null(look(b, BASELINE_EXEC, "/new < -"));
	assert_non_null(look(b, BASELINE_EXEC, "/accepted < -"));
	assert_non_null(look(b, BASELINE_EXEC, "/rejected < -"));
}

static void room_that_came_back_lets_a_class_learn_again(void **state)
{
	AUTO(baseline_free) struct baseline *b = nginx();
	struct baseline_set *s = &b->sets[BASELINE_EXEC];

	(void)state;
	windows(b, PHASE_STEADY, 300, T0);
	note(b, BASELINE_EXEC, "/old < -", 0, 1);
	s->refused = 4;
	assert_int_equal(baseline_age(b, T0), 0);
	assert_int_equal(s->refused, 4); /* no room came back */
	assert_int_equal(baseline_age(b, T0 + 1), 1);
	assert_int_equal(s->refused, 0);
	assert_int_equal(s->windows[PHASE_STEADY], 0);
	assert_int_equal(s->first_window_ns[PHASE_STEADY], 0);
	assert_int_equal(b->sets[BASELINE_USER].windows[PHASE_STEADY], 300);
}

/* --- resources ------------------------------------------------------------------------------ */

static void usual_values_are_of_the_hour_when_it_has_enough(void **state)
{
	AUTO(baseline_free) struct baseline *b = nginx();

	(void)state;
	assert_true(isnan(baseline_usual(b, RESOURCE_CPU, 3, 0.95)));
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(baseline_measure(b, RESOURCE_CPU, false, 12, 1.0), 0);
	for (unsigned i = 0; i < BASELINE_HOUR_VALUES - 1; i++)
		baseline_measure(b, RESOURCE_CPU, false, 3, 8.0);
	assert_true(fabs(baseline_usual(b, RESOURCE_CPU, 3, 0.5) - 1) < 0.02);
	baseline_measure(b, RESOURCE_CPU, false, 3, 8.0);
	assert_true(fabs(baseline_usual(b, RESOURCE_CPU, 3, 0.5) - 8) < 8 * 0.05);
	assert_true(fabs(baseline_usual(b, RESOURCE_CPU, 4, 0.5) - 1) < 0.02);
	assert_int_equal(baseline_measure(b, RESOURCE_MEMORY, true, 3, 5), 0);
	assert_true(isnan(baseline_usual(b, RESOURCE_MEMORY, 3, 0.5))); /* start-up lies apart */
	assert_int_equal(baseline_measure(b, RESOURCE_CPU, false, 24, 1), -EINVAL);
	assert_int_equal(baseline_measure(b, RESOURCE_CPU, false, 1, (double)NAN), -EINVAL);
	assert_int_equal(baseline_measure(b, RESOURCE_CPU, false, 1, -1), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_tables_are_of_one_length),
		cmocka_unit_test(names_are_cleaned_and_too_long_ones_refused),
		cmocka_unit_test(all_limits_together_fit_the_memory_of_an_image),
		cmocka_unit_test(entries_take_the_room_of_hourly_sketches),
		cmocka_unit_test(without_room_an_hour_is_refused_and_the_value_counts_all_the_same),
		cmocka_unit_test(the_oldest_digest_makes_room_and_leaves_all_entries),
		cmocka_unit_test(a_container_counts_once_while_it_is_remembered),
		cmocka_unit_test(what_is_noted_is_found_with_its_times_and_digest),
		cmocka_unit_test(executables_never_fold_and_written_paths_do),
		cmocka_unit_test(a_full_class_refuses_counts_and_is_not_complete_any_more),
		cmocka_unit_test(what_is_rejected_is_found_as_such_and_never_learned_again),
		cmocka_unit_test(a_rejected_neighbour_neither_folds_nor_makes_others_unknown),
		cmocka_unit_test(acceptance_and_forgetting_undo_a_rejection),
		cmocka_unit_test(rejections_have_a_limit_over_all_classes),
		cmocka_unit_test(a_walk_stops_when_it_is_told_to),
		cmocka_unit_test(a_class_is_complete_by_evidence_in_each_phase_alone),
		cmocka_unit_test(a_system_call_that_two_phases_show_is_no_singleton),
		cmocka_unit_test(few_windows_or_many_singletons_or_no_container_keep_it_learning),
		cmocka_unit_test(lost_events_void_the_windows_of_their_classes),
		cmocka_unit_test(nothing_is_complete_of_a_class_that_refused_or_of_a_proposal),
		cmocka_unit_test(a_new_digest_is_learned_by_what_it_alone_showed),
		cmocka_unit_test(entries_age_out_but_for_what_a_person_said),
		cmocka_unit_test(room_that_came_back_lets_a_class_learn_again),
		cmocka_unit_test(usual_values_are_of_the_hour_when_it_has_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
