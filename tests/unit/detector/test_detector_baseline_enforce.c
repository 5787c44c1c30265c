// SPDX-License-Identifier: GPL-2.0-or-later
/* Deviations that are refused before they happen: what the kernel's side is told of directories and
 * networks, when, and what becomes of it. */
#include "tests/unit/detector/detector_baseline_world.h"

/* --- what is known, and how it is held ------------------------------------------------------- */

static void known_write(struct container *c, const char *path)
{
	HAPPENS(c, EVENT_OPEN, .path = path);
}

static void accepted(struct container *c, enum baseline_class class, const char *pattern)
{
	assert_int_equal(baseline_accept(baseline_of(c), class, span_str(pattern), 1), 0);
}

/* A directory of this inode was found in the container. */
static void found(struct container *c, uint64_t inode, bool below)
{
	const struct enforce_file f = {
		.class = BASELINE_WRITE,
		.found = true,
		.below = below,
		.file = { .inode = inode, .flags = FILE_KNOWN | FILE_OVERLAY | FILE_MERGED },
	};

	places_found(observer(c), &f);
}

static void looked(struct container *c)
{
	places_take(observer(c));
	observer(c)->fresh_topless = false;
	enforce_observer(observer(c));
}

static void denies(struct container *c, enum baseline_class class)
{
	w.config.baseline_actions[class] = ENFORCE_DENY;
	baseline_of(c)->actions[class] = ENFORCE_DENY;
}

/* Its image is enforced, and denies writes and connections. */
static void hold(struct container *c)
{
	observer(c);
	denies(c, BASELINE_WRITE);
	denies(c, BASELINE_CONNECT);
	is_learned(c, MODE_ENFORCE);
}

static struct container *held_box(unsigned i)
{
	struct container *c = box(i, 'a');

	hold(c);
	return c;
}

static enum verdict verdict_of_inode(uint64_t inode)
{
	for (unsigned i = 0; i < w.verdicts_n; i++)
		if (w.verdicts[i].key.inode == inode && w.verdicts[i].key.type == EVENT_MKDIR)
			return w.verdicts[i].v;
	return VERDICT_NONE;
}

static bool flag(uint32_t f)
{
	return w.enforced.flags & f;
}

/* --- directories --------------------------------------------------------------------------- */

static void changes_are_refused_once_the_directories_are_known(void **state)
{
	struct container *c = box(0, 'a');

	(void)state;
	known_write(c, "/var/lib/app/x");
	hold(c);
	assert_false(flag(ENFORCE_WRITE_DENY));
	found(c, 100, false);
	found(c, 101, true);
	looked(c);
	assert_true(flag(ENFORCE_WRITE_DENY));
	assert_int_equal(w.enforced.slot, observer(c)->image->slots[observer(c)->digest]);
	assert_int_equal(verdict_of_inode(100), VERDICT_ALLOW);
	assert_int_equal(verdict_of_inode(101), VERDICT_ALLOW_BELOW);
}

static void one_directory_found_twice_has_the_wider_verdict(void **state)
{
	struct container *c = held_box(0);

	(void)state;
	found(c, 100, false);
	found(c, 100, true);
	found(c, 100, false);
	looked(c);
	assert_int_equal(observer(c)->places.n, 1);
	assert_int_equal(verdict_of_inode(100), VERDICT_ALLOW_BELOW);
}

static void two_containers_have_the_wider_verdict_and_the_last_takes_it_away(void **state)
{
	struct container *a = held_box(0), *b = held_box(1);

	(void)state;
	found(a, 100, true);
	looked(a);
	found(b, 100, false);
	found(b, 200, false);
	looked(b);
	assert_int_equal(verdict_of_inode(100), VERDICT_ALLOW_BELOW);
	detector_baseline_life(w.d, a, LIFE_STOPPED);
	assert_int_equal(verdict_of_inode(100), VERDICT_ALLOW);
	detector_baseline_life(w.d, b, LIFE_STOPPED);
	assert_int_equal(verdict_of_inode(100), VERDICT_NONE);
	assert_int_equal(verdict_of_inode(200), VERDICT_NONE);
}

static void a_directory_that_cannot_be_said_leaves_the_container_free_and_says_so(void **state)
{
	struct container *c = held_box(0);
	const struct enforce_file top = { .class = BASELINE_WRITE, .top = true };
	const json_t *alert;
	const char *why;

	(void)state;
	enforce_means(w.d, observer(c)->image, BASELINE_WRITE, &why);
	assert_null(why);
	found(c, 100, false);
	places_found(observer(c), &top);
	looked(c);
	assert_false(flag(ENFORCE_WRITE_DENY));
	assert_true(flag(ENFORCE_CONNECT_DENY));
	assert_int_equal(observer(c)->places.n, 0);
	assert_int_equal(told("enforcement-partial", &alert), 1);
	assert_string_equal(text_of_alert(alert, "severity"), "warning");
	assert_string_equal(enforce_means(w.d, observer(c)->image, BASELINE_WRITE, &why),
			    "killed after it was seen");
	assert_non_null(strstr(why, "right below '/'"));
	places_found(observer(c), &top);
	looked(c);
	assert_int_equal(told("enforcement-partial", NULL), 1); /* once */
	found(c, 100, false); /* it made its directory meanwhile */
	looked(c);
	assert_true(flag(ENFORCE_WRITE_DENY));
}

static void directories_that_do_not_fit_end_enforcement(void **state)
{
	struct container *c = held_box(0);
	struct err e = { "" };

	(void)state;
	found(c, 100, false);
	w.verdict_result = -E2BIG;
	looked(c);
	assert_int_equal(baseline_of(c)->mode, MODE_DETECT);
	assert_int_equal(w.enforced.flags, 0);
	assert_int_equal(told("enforcement-impossible", NULL), 1);
	assert_int_equal(image_set_mode(w.d, observer(c)->image, MODE_ENFORCE, "config", &e),
			 -EPERM);
	assert_non_null(strstr(e.text, "do not fit"));
}

static void directories_that_could_not_be_told_hold_nobody(void **state)
{
	struct container *c = held_box(0);

	(void)state;
	found(c, 100, false);
	w.verdict_result = -ENOTCONN;
	looked(c);
	assert_false(flag(ENFORCE_WRITE_DENY));
	assert_false(observer(c)->placed);
	assert_int_equal(baseline_of(c)->mode, MODE_ENFORCE);
}

static void what_is_held_stays_so_while_what_was_accepted_is_looked_up(void **state)
{
	struct container *c = held_box(0);

	(void)state;
	found(c, 100, false);
	looked(c);
	accepted(c, BASELINE_WRITE, "/srv/new/x");
	accepted(c, BASELINE_CONNECT, "tcp/80/10/0/0/1");
	image_known_changed(observer(c)->image);
	enforce_image(w.d, observer(c)->image);
	assert_true(flag(ENFORCE_WRITE_DENY) && flag(ENFORCE_CONNECT_DENY));
	assert_false(places_are_fresh(observer(c)));
	assert_int_equal(w.peers_n, 1);
	found(c, 100, false);
	found(c, 300, false);
	looked(c);
	assert_true(flag(ENFORCE_WRITE_DENY));
	assert_int_equal(verdict_of_inode(300), VERDICT_ALLOW);
	found(c, 300, false); /* the other one went */
	looked(c);
	assert_int_equal(verdict_of_inode(100), VERDICT_NONE);
}

static void what_was_known_and_is_not_lifts_all_until_it_is_looked_up_again(void **state)
{
	struct container *c = held_box(0);

	(void)state;
	found(c, 100, false);
	looked(c);
	enforce_forget(w.d, observer(c)->image);
	assert_int_equal(w.enforced.flags, 0);
	assert_int_equal(w.cleared, 1);
	assert_int_equal(observer(c)->places.n, 0);
	enforce_observer(observer(c));
	assert_true(flag(ENFORCE_CONNECT_DENY)); /* its networks are told at once */
	assert_false(flag(ENFORCE_WRITE_DENY));
}

static void with_the_mode_all_verdicts_go(void **state)
{
	struct container *c = held_box(0);
	struct err e = { "" };

	(void)state;
	found(c, 100, false);
	looked(c);
	assert_int_equal(image_set_mode(w.d, observer(c)->image, MODE_DETECT, "root", &e), 0);
	assert_int_equal(w.enforced.flags, 0);
	assert_int_equal(w.cleared, 1);
	assert_int_equal(observer(c)->places.n, 0);
}

static void too_many_directories_to_look_up_are_told_not_forgotten(void **state)
{
	struct enforce_files *f = enforce_files_new(w.proc, 1);
	char path[32];

	(void)state;
	assert_non_null(f);
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(path, sizeof(path), "/d/%u", i);
		enforce_files_add_directory(f, span_str(path), false);
	}
	assert_true(enforce_files_too_many(f));
	enforce_files_free(f);
}

/* --- networks ------------------------------------------------------------------------------ */

static void connections_are_refused_once_the_networks_are_told(void **state)
{
	struct container *c = box(0, 'a');

	(void)state;
	HAPPENS(c, EVENT_CONNECT, .remote = { 10, 0, 0, 1 });
	hold(c);
	assert_true(flag(ENFORCE_CONNECT_DENY));
	assert_int_equal(w.peers_n, 1);
	assert_int_equal(w.peers[0].image, w.enforced.slot);
	assert_int_equal(w.peers[0].port, 443);
	assert_int_equal(w.peers[0].prefix_bits, 32);
	held_box(1); /* of the same version: told already */
	assert_int_equal(w.peers_n, 1);
}

static void a_peer_that_is_no_network_leaves_the_image_free_and_says_so(void **state)
{
	struct container *c = box(0, 'a');

	(void)state;
	observer(c);
	accepted(c, BASELINE_CONNECT, "*/443/10/0/0/1");
	hold(c);
	assert_false(flag(ENFORCE_CONNECT_DENY));
	assert_int_equal(told("enforcement-partial", NULL), 1);
	assert_int_equal(baseline_of(c)->mode, MODE_ENFORCE);
}

static void peers_that_do_not_fit_end_enforcement(void **state)
{
	struct container *c = box(0, 'a');

	(void)state;
	HAPPENS(c, EVENT_CONNECT, .remote = { 10, 0, 0, 1 });
	w.peer_result = -ENOSPC;
	hold(c);
	assert_int_equal(baseline_of(c)->mode, MODE_DETECT);
	assert_int_equal(w.enforced.flags, 0);
	assert_int_equal(told("enforcement-impossible", NULL), 1);
}

static void a_proposal_and_an_operators_peer_are_not_allowed(void **state)
{
	struct container *c = box(0, 'a');

	(void)state;
	HAPPENS(c, EVENT_CONNECT, .remote = { 10, 0, 0, 1 });
	entry_of(c, BASELINE_CONNECT, "tcp/443/10/0/0/1")->seen.flags = SEEN_IMPORTED;
	child.injected = true;
	HAPPENS(c, EVENT_CONNECT, .remote = { 10, 0, 0, 2 });
	hold(c);
	assert_int_equal(w.peers_n, 0);
	assert_true(flag(ENFORCE_CONNECT_DENY));
}

/* --- what was refused ---------------------------------------------------------------------- */

static void what_was_refused_is_a_deviation_that_can_be_accepted(void **state)
{
	struct container *c = held_box(0);
	const json_t *alert = NULL;
	struct seen *s;

	(void)state;
	HAPPENS(c, EVENT_OPEN, .path = "/srv/new", .flags = EVENT_DENIED);
	assert_int_equal(told("baseline-write", &alert), 1);
	assert_string_equal(text_of_alert(json_object_get(alert, "action"), "taken"), "deny");
	HAPPENS(c, EVENT_CONNECT, .remote = { 10, 9, 8, 7 }, .flags = EVENT_DENIED);
	assert_int_equal(told("baseline-connect", &alert), 1);
	assert_string_equal(text_of_alert(json_object_get(alert, "action"), "taken"), "deny");
	assert_int_equal(w.d->counts.late_kills, 0);
	s = &path_tree_find(baseline_of(c)->deviations, SPAN_LIT("write /srv/new"))->seen;
	assert_int_equal(s->windows[PHASE_STEADY], 1);
	assert_non_null(
		path_tree_find(baseline_of(c)->deviations, SPAN_LIT("connect tcp/443/10/9/8/7")));
}

static void known_changes_that_are_refused_are_looked_up_again_and_end_enforcement_at_last(
	void **state)
{
	struct container *c = box(0, 'a');

	(void)state;
	known_write(c, "/srv/x");
	hold(c);
	found(c, 100, false);
	looked(c);
	HAPPENS(c, EVENT_OPEN, .path = "/srv/x", .flags = EVENT_DENIED);
	assert_int_equal(w.d->counts.wrongly_killed, 1);
	assert_false(places_are_fresh(observer(c)));
	assert_int_equal(told("baseline-write", NULL), 0);
	for (unsigned i = 0; i < 3; i++)
		HAPPENS(c, EVENT_OPEN, .path = "/srv/x", .flags = EVENT_DENIED);
	assert_int_equal(baseline_of(c)->mode, MODE_DETECT);
	assert_int_equal(w.enforced.flags, 0);
}

static void a_known_peer_that_is_refused_is_told_to_the_kernel_again(void **state)
{
	struct container *c = box(0, 'a');

	(void)state;
	HAPPENS(c, EVENT_CONNECT, .remote = { 10, 0, 0, 1 });
	hold(c);
	w.peers_n = 0;
	HAPPENS(c, EVENT_CONNECT, .remote = { 10, 0, 0, 1 }, .flags = EVENT_DENIED);
	assert_int_equal(w.peers_n, 1);
	assert_int_equal(w.d->counts.wrongly_killed, 1);
}

static void a_layer_that_refuses_nothing_kills_late_and_says_so(void **state)
{
	const json_t *alert = NULL;
	const char *why;

	(void)state;
	w.refuses_nothing = true;
	struct container *c = held_box(0);

	assert_int_equal(w.enforced.flags & (ENFORCE_WRITE_DENY | ENFORCE_CONNECT_DENY), 0);
	assert_string_equal(enforce_means(w.d, observer(c)->image, BASELINE_WRITE, &why),
			    "killed after it was seen");
	assert_non_null(strstr(why, "refuses nothing"));
	child.key.pid = 4000000; /* nobody */
	HAPPENS(c, EVENT_OPEN, .path = "/srv/new");
	assert_int_equal(told("baseline-write", &alert), 1);
	const json_t *action = json_object_get(alert, "action");

	assert_string_equal(text_of_alert(action, "taken"), "kill");
	assert_non_null(strstr(text_of_alert(action, "outcome"),
			       "not refused: this layer of the kernel sensor refuses nothing"));
}

static void a_kernel_that_lacks_a_place_to_refuse_at_holds_programs_alone(void **state)
{
	struct container *c = box(0, 'a');

	(void)state;
	w.enforce_refuses = ENFORCE_WRITE_DENY | ENFORCE_CONNECT_DENY;
	hold(c);
	assert_int_equal(w.enforced.flags & ENFORCE_ACTIONS, ENFORCE_EXEC_KILL);
	assert_int_equal(observer(c)->enforced & ENFORCE_ACTIONS, ENFORCE_EXEC_KILL);
	assert_int_equal(told("enforcement-partial", NULL), 1);
	const unsigned times = w.enforced.times;

	enforce_observer(observer(c)); /* it is not asked again and again */
	assert_int_equal(w.enforced.times, times);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_up, world_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(changes_are_refused_once_the_directories_are_known),
		TEST(one_directory_found_twice_has_the_wider_verdict),
		TEST(two_containers_have_the_wider_verdict_and_the_last_takes_it_away),
		TEST(a_directory_that_cannot_be_said_leaves_the_container_free_and_says_so),
		TEST(directories_that_do_not_fit_end_enforcement),
		TEST(directories_that_could_not_be_told_hold_nobody),
		TEST(what_is_held_stays_so_while_what_was_accepted_is_looked_up),
		TEST(what_was_known_and_is_not_lifts_all_until_it_is_looked_up_again),
		TEST(with_the_mode_all_verdicts_go),
		TEST(too_many_directories_to_look_up_are_told_not_forgotten),
		TEST(connections_are_refused_once_the_networks_are_told),
		TEST(a_peer_that_is_no_network_leaves_the_image_free_and_says_so),
		TEST(peers_that_do_not_fit_end_enforcement),
		TEST(a_proposal_and_an_operators_peer_are_not_allowed),
		TEST(what_was_refused_is_a_deviation_that_can_be_accepted),
		TEST(known_changes_that_are_refused_are_looked_up_again_and_end_enforcement_at_last),
		TEST(a_known_peer_that_is_refused_is_told_to_the_kernel_again),
		TEST(a_layer_that_refuses_nothing_kills_late_and_says_so),
		TEST(a_kernel_that_lacks_a_place_to_refuse_at_holds_programs_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
