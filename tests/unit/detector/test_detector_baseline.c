// SPDX-License-Identifier: GPL-2.0-or-later
/* Baselines at work: what is learned, what is judged, and what somebody in a container tries so
 * that it is neither. */
#include "detector/behaviour_internal.h"
#include "tests/unit/detector/detector_baseline_world.h"

#define KEY(exe) exe " < /usr/sbin/nginx"

/* --- learning ----------------------------------------------------------------------------------
 */

static void an_entry_counts_once_a_window_however_often_it_is_seen(void **state)
{
	struct container *c = box(0, 'a');

	(void)state;
	for (unsigned n = 0; n < 3; n++) {
		for (unsigned i = 0; i < 5; i++)
			HAPPENS(c, EVENT_EXEC, .path = "/usr/bin/ls");
		window_passes();
	}
	const struct path_entry *ls = entry_of(c, BASELINE_EXEC, KEY("/usr/bin/ls"));

	assert_non_null(ls);
	assert_int_equal(ls->seen.windows[PHASE_STEADY], 3);
	assert_int_equal(ls->seen.containers, 1);
	assert_int_equal(baseline_of(c)->sets[BASELINE_EXEC].windows[PHASE_STEADY], 3);
	assert_int_equal(baseline_of(c)->containers, 1);
	assert_int_equal(told("baseline-exec", NULL), 0); /* learning tells nothing */
}

static void a_second_container_of_the_image_shares_its_baseline(void **state)
{
	struct container *a = box(0, 'a'), *b = box(1, 'a');

	(void)state;
	HAPPENS(a, EVENT_EXEC, .path = "/usr/bin/ls");
	HAPPENS(b, EVENT_EXEC, .path = "/usr/bin/ls");
	assert_ptr_equal(baseline_of(a), baseline_of(b));
	assert_int_equal(entry_of(a, BASELINE_EXEC, KEY("/usr/bin/ls"))->seen.containers, 2);
	assert_int_equal(baseline_of(a)->containers, 2);
}

static void a_window_with_lost_events_is_no_evidence_for_their_classes(void **state)
{
	struct container *c = box(0, 'a');

	(void)state;
	observer(c);
	c->lost_types = EVENT_BIT(EVENT_LISTEN);
	window_passes();
	const struct baseline_set *sets = baseline_of(c)->sets;

	assert_int_equal(sets[BASELINE_LISTEN].windows[PHASE_STEADY], 0);
	assert_int_equal(sets[BASELINE_LISTEN].voided[PHASE_STEADY], 1);
	assert_int_equal(sets[BASELINE_EXEC].windows[PHASE_STEADY], 1);
	window_passes(); /* it is over with its window */
	assert_int_equal(sets[BASELINE_LISTEN].windows[PHASE_STEADY], 1);
}

static void a_start_up_is_one_window_and_steady_state_begins_behind_it(void **state)
{
	struct container *c = box(0, 'a');

	(void)state;
	w.config.baseline_startup_s = 3600;
	HAPPENS(c, EVENT_EXEC, .path = "/bin/chown");
	window_passes();
	window_passes();
	assert_int_equal(baseline_of(c)->sets[BASELINE_EXEC].windows[PHASE_STARTUP], 0);
	observer(c)->listens_ns = 1; /* long ago */
	observer_windows(w.d);
	assert_int_equal(baseline_of(c)->sets[BASELINE_EXEC].windows[PHASE_STARTUP], 1);
	HAPPENS(c, EVENT_EXEC, .path = "/usr/bin/ls");
	window_passes();
	assert_int_equal(baseline_of(c)->sets[BASELINE_EXEC].windows[PHASE_STEADY], 1);
	assert_int_equal(entry_of(c, BASELINE_EXEC, KEY("/bin/chown"))->seen.windows[PHASE_STEADY],
			 0);
	assert_int_equal(
		entry_of(c, BASELINE_EXEC, KEY("/usr/bin/ls"))->seen.windows[PHASE_STARTUP], 0);
}

static void what_was_lost_early_in_a_long_start_up_voids_it(void **state)
{
	struct container *c = box(0, 'a');

	(void)state;
	w.config.baseline_startup_s = 3600;
	HAPPENS(c, EVENT_EXEC, .path = "/bin/chown");
	c->lost_types = EVENT_BIT(EVENT_EXEC);
	window_passes();
	HAPPENS(c, EVENT_EXEC, .path = "/bin/chown");
	window_passes();
	/* one start-up is one window of it, though it took several minutes */
	assert_int_equal(entry_of(c, BASELINE_EXEC, KEY("/bin/chown"))->seen.windows[PHASE_STARTUP],
			 1);
	observer(c)->listens_ns = 1;
	observer_windows(w.d);
	assert_int_equal(baseline_of(c)->sets[BASELINE_EXEC].windows[PHASE_STARTUP], 0);
	assert_int_equal(baseline_of(c)->sets[BASELINE_EXEC].voided[PHASE_STARTUP], 1);
	assert_int_equal(baseline_of(c)->sets[BASELINE_LISTEN].windows[PHASE_STARTUP], 1);
}

static void what_a_rule_calls_malicious_is_not_learned_nor_what_its_children_do(void **state)
{
	struct container *c = box(0, 'a');
	struct process line[20];
	struct process_text texts[20];

	(void)state;
	HAPPENS(c, EVENT_EXEC, .path = "/tmp/miner", .malicious = true);
	assert_null(entry_of(c, BASELINE_EXEC, "/tmp/miner < /usr/sbin/nginx"));
	assert_true(w.d->counts.not_learned > 0);
	/* nor through twenty generations */
	for (unsigned i = 0; i < 20; i++)
		make_process(&line[i], &texts[i], 40 + i, "/bin/sh", i ? &line[i - 1] : &child);
	HAPPENS(c, EVENT_LISTEN, .by = &line[19]);
	assert_null(entry_of(c, BASELINE_LISTEN, "tcp/80"));
}

static void what_is_seen_before_the_image_is_known_waits_for_it(void **state)
{
	struct container *c = box(0, 'a');
	char path[64];

	(void)state;
	c->meta = NULL;
	HAPPENS(c, EVENT_EXEC, .path = "/usr/bin/ls");
	/* somebody fills what waits: its classes are no evidence */
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(path, sizeof(path), "/var/lib/x/file-%c%c", 'a' + i % 26, 'a' + i / 26);
		HAPPENS(c, EVENT_OPEN, .path = path);
	}
	assert_true(w.d->counts.waiting_refused > 0);
	c->meta = &metas[0];
	assert_non_null(entry_of(c, BASELINE_EXEC, KEY("/usr/bin/ls")));
	window_passes();
	assert_int_equal(baseline_of(c)->sets[BASELINE_WRITE].windows[PHASE_STEADY], 0);
	assert_int_equal(baseline_of(c)->sets[BASELINE_EXEC].windows[PHASE_STEADY], 1);
}

static void it_becomes_detect_by_itself_when_all_classes_are_learned(void **state)
{
	struct container *c = box(0, 'a');

	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		HAPPENS(c, EVENT_EXEC, .path = "/usr/bin/ls");
		window_passes();
	}
	w.d->settled_ns = 0;
	detector_baseline_tick(w.d);
	assert_int_equal(baseline_of(c)->mode, MODE_DETECT);
	assert_string_equal(baseline_of(c)->mode_by, "bulkhead");
}

static void the_mode_of_the_configuration_is_taken_when_enough_is_known(void **state)
{
	struct container *c = box(0, 'a');

	(void)state;
	snprintf(w.config.baseline_images.items[0], CONFIG_TEXT_BYTES, "nginx=enforce");
	w.config.baseline_images.n = 1;
	observer(c)->image->resolved[0] = true;
	assert_int_equal(baseline_of(c)->mode, MODE_LEARN);
	for (unsigned i = 0; i < 16; i++)
		window_passes();
	w.d->settled_ns = 0;
	detector_baseline_tick(w.d);
	assert_int_equal(baseline_of(c)->mode, MODE_ENFORCE);
	/* and an image that is to be learned is not promoted */
	struct container *other = box(1, 'a');

	metas[1].image = (char *)(uintptr_t) "redis:7";
	snprintf(w.config.baseline_images.items[0], CONFIG_TEXT_BYTES, "redis=learn");
	observer(other);
	for (unsigned i = 0; i < 16; i++)
		window_passes();
	w.d->settled_ns = 0;
	detector_baseline_tick(w.d);
	assert_int_equal(baseline_of(other)->mode, MODE_LEARN);
}

/* --- judging -----------------------------------------------------------------------------------
 */

static void a_deviation_is_told_once_all_is_learned_and_not_before(void **state)
{
	struct container *c = box(0, 'a');
	const json_t *alert = NULL;

	(void)state;
	HAPPENS(c, EVENT_EXEC, .path = "/usr/bin/ls");
	is_learned(c, MODE_DETECT);
	baseline_of(c)->sets[BASELINE_EXEC].complete_ns[PHASE_STEADY] = 0;
	HAPPENS(c, EVENT_EXEC, .path = "/usr/bin/id");
	assert_int_equal(told("baseline-exec", &alert), 1);
	assert_string_equal(text_of_alert(alert, "severity"), "info");
	baseline_of(c)->sets[BASELINE_EXEC].complete_ns[PHASE_STEADY] = 1;
	HAPPENS(c, EVENT_EXEC, .path = "/usr/bin/id"); /* learned */
	HAPPENS(c, EVENT_EXEC, .path = "/usr/bin/ls");
	assert_int_equal(told("baseline-exec", NULL), 1);
	HAPPENS(c, EVENT_EXEC, .path = "/usr/bin/who");
	assert_int_equal(told("baseline-exec", &alert), 2);
	assert_string_equal(text_of_alert(alert, "severity"), "warning");
	assert_null(entry_of(c, BASELINE_EXEC, KEY("/usr/bin/who")));
}

static void a_rejected_entry_is_never_known_again(void **state)
{
	struct container *c = box(0, 'a');

	(void)state;
	HAPPENS(c, EVENT_EXEC, .path = "/usr/bin/nc");
	assert_int_equal(
		baseline_reject(baseline_of(c), BASELINE_EXEC, SPAN_LIT(KEY("/usr/bin/nc"))), 0);
	is_learned(c, MODE_DETECT);
	for (unsigned i = 0; i < 2; i++) {
		HAPPENS(c, EVENT_EXEC, .path = "/usr/bin/nc");
		window_passes();
	}
	assert_true(told("baseline-exec", NULL) >= 1);
	assert_true(entry_of(c, BASELINE_EXEC, KEY("/usr/bin/nc"))->seen.flags & SEEN_REJECTED);
}

static void what_was_only_imported_is_known_in_detect_and_not_in_enforce(void **state)
{
	struct container *c = box(0, 'a');

	(void)state;
	HAPPENS(c, EVENT_EXEC, .path = "/usr/bin/ls");
	HAPPENS(c, EVENT_EXEC, .path = "/usr/bin/nc");
	entry_of(c, BASELINE_EXEC, KEY("/usr/bin/ls"))->seen.flags |= SEEN_IMPORTED;
	entry_of(c, BASELINE_EXEC, KEY("/usr/bin/nc"))->seen.flags |= SEEN_IMPORTED;
	is_learned(c, MODE_DETECT);
	HAPPENS(c, EVENT_EXEC, .path = "/usr/bin/ls");
	assert_int_equal(told("baseline-exec", NULL), 0);
	is_learned(c, MODE_ENFORCE);
	HAPPENS(c, EVENT_EXEC, .path = "/usr/bin/nc");
	assert_int_equal(told("baseline-exec", NULL), 1);
}

static void many_deviations_are_one_alert_and_one_digest_an_hour(void **state)
{
	struct container *c = box(0, 'a');
	const json_t *alert = NULL;
	unsigned delivered = 0;
	char path[64];

	(void)state;
	HAPPENS(c, EVENT_EXEC, .path = "/usr/bin/ls"); /* and its user */
	is_learned(c, MODE_DETECT);
	for (unsigned i = 0; i < 26; i++) {
		snprintf(path, sizeof(path), "/usr/bin/tool-%c", 'a' + i / 10);
		HAPPENS(c, EVENT_EXEC, .path = path);
	}
	json_t *list = alert_lines();

	for (size_t i = 0; i < json_array_size(list); i++)
		delivered += !json_is_false(json_object_get(json_array_get(list, i), "deliver"));
	assert_int_equal(delivered, 1);
	/* what comes again leaves room for others */
	assert_non_null(strstr(observer(c)->image->examples[1], "tool-b"));
	observer(c)->image->hour_ns = mono_ns() - 3601 * NS_PER_S;
	deviation_digests(w.d, false);
	assert_int_equal(told("baseline-digest", &alert), 1);
	assert_string_equal(text_of_alert(alert, "title"),
			    "25 more deviations of image 'docker.io/library/nginx'");
}

static void a_deviation_of_today_is_remembered_though_many_were_before(void **state)
{
	struct container *c = box(0, 'a');
	char path[64];

	(void)state;
	observer(c);
	is_learned(c, MODE_DETECT);
	for (unsigned i = 0; i < 400; i++) {
		snprintf(path, sizeof(path), "/usr/bin/tool-%c%c", 'a' + i % 26, 'a' + i / 26);
		HAPPENS(c, EVENT_EXEC, .path = path);
	}
	HAPPENS(c, EVENT_EXEC, .path = "/usr/bin/nc");
	assert_non_null(
		path_tree_find(baseline_of(c)->deviations, SPAN_LIT("exec " KEY("/usr/bin/nc"))));
}

/* --- who tries not to be judged ------------------------------------------------------------------
 */

static void the_runtime_is_not_judged_and_who_joins_the_hosts_mounts_is(void **state)
{
	struct container *c = box(0, 'a');
	struct process runc = { .key = { 7, 77 },
				.parent = &shim,
				.exec_inside = true,
				.exec_mnt = HOST_MOUNTS,
				.exe_file = { .flags = FILE_KNOWN } };

	(void)state;
	observer(c);
	is_learned(c, MODE_DETECT);
	HAPPENS(c, EVENT_OPEN, .path = "/etc/x", .by = &runc);
	assert_int_equal(told("baseline-write", NULL), 0);
	assert_int_equal(w.d->counts.runtime, 1);
	/* nsenter -t 1 -m sh: a shell of the container, in the host's mounts */
	child.exec_mnt = HOST_MOUNTS;
	HAPPENS(c, EVENT_OPEN, .path = "/etc/cron.d/x");
	assert_int_equal(told("baseline-write", NULL), 1);
}

static void a_health_check_is_learned_like_all_else_and_then_judged(void **state)
{
	struct container *c = box(0, 'a');
	static char *check[] = { (char *)(uintptr_t) "/check" };

	(void)state;
	metas[0].healthcheck = check;
	metas[0].healthcheck_n = 1;
	child.injected = true;
	child.parent = &shim;
	observer(c);
	is_learned(c, MODE_DETECT);
	baseline_of(c)->sets[BASELINE_WRITE].complete_ns[PHASE_INJECTED] = 0;
	w.d->reader->probes[(child.key.pid * 2654435761U >> 8) % BEHAVIOUR_PROBES] = child.key;
	HAPPENS(c, EVENT_OPEN, .path = "/var/check");
	assert_int_equal(told("baseline-write", NULL), 0); /* of a probe: learned in silence */
	assert_non_null(entry_of(c, BASELINE_WRITE, "/var/check"));
	baseline_of(c)->sets[BASELINE_WRITE].complete_ns[PHASE_INJECTED] = 1;
	HAPPENS(c, EVENT_OPEN, .path = "/var/check");
	assert_int_equal(told("baseline-write", NULL), 0);
	/* somebody wrote over its script */
	HAPPENS(c, EVENT_OPEN, .path = "/root/evil");
	assert_int_equal(told("baseline-write", NULL), 1);
	HAPPENS(c, EVENT_EXEC, .path = "/opt/dropped", .file = FILE_UPPER);
	assert_int_equal(told("baseline-exec", NULL), 1);
}

static void a_class_that_was_learned_stays_so_when_somebody_fills_it(void **state)
{
	struct container *c = box(0, 'a');
	char path[64];

	(void)state;
	observer(c);
	is_learned(c, MODE_DETECT);
	/* each start is still learned, as most start-ups are */
	baseline_of(c)->sets[BASELINE_EXEC].complete_ns[PHASE_STARTUP] = 0;
	w.config.baseline_startup_s = 3600;
	observer(c)->started_ns = mono_ns();
	observer(c)->phase = PHASE_STARTUP;
	for (unsigned i = 0; i < 700; i++) {
		snprintf(path, sizeof(path), "/opt/%c%c/x", 'a' + i % 26, 'a' + i / 26);
		HAPPENS(c, EVENT_EXEC, .path = path);
	}
	assert_true(baseline_of(c)->sets[BASELINE_EXEC].refused > 0);
	observer(c)->phase = PHASE_STEADY;
	assert_true(baseline_of(c)->sets[BASELINE_EXEC].complete_ns[PHASE_STEADY] != 0);
	HAPPENS(c, EVENT_EXEC, .path = "/usr/bin/nc");
	const json_t *alert = NULL;

	assert_true(told("baseline-exec", &alert) > 0);
	assert_string_equal(text_of_alert(alert, "severity"), "warning");
}

static void who_does_not_stop_when_asked_is_judged_again(void **state)
{
	struct container *c = box(0, 'a');

	(void)state;
	observer(c);
	observer_stops(observer(c));
	assert_int_equal(observer_phase(observer(c), false), PHASE_SHUTDOWN);
	observer(c)->stops_ns = mono_ns() - 3600 * NS_PER_S;
	assert_int_equal(observer_phase(observer(c), false), PHASE_STEADY);
	observer_windows(w.d);
	assert_int_equal(observer(c)->phase, PHASE_STEADY);
	assert_int_equal(baseline_of(c)->sets[BASELINE_EXEC].windows[PHASE_SHUTDOWN], 0);
}

static void a_container_that_is_started_again_starts_up_though_it_was_made_long_ago(void **state)
{
	struct container *c = box(0, 'a');

	(void)state;
	w.config.baseline_startup_s = 60;
	c->created_unix_ns = unix_ns() - 3600 * NS_PER_S;
	c->started_unix_ns = 0; /* docker has yet to write it */
	HAPPENS(c, EVENT_EXEC, .path = "/bin/chown");
	assert_int_equal(observer(c)->phase, PHASE_STARTUP);
	assert_int_equal(entry_of(c, BASELINE_EXEC, KEY("/bin/chown"))->seen.windows[PHASE_STARTUP],
			 1);
	c->started_unix_ns = unix_ns();
	assert_int_equal(observer(c)->phase, PHASE_STARTUP);
	assert_false(observer(c)->resumed);
}

static void a_start_that_becomes_known_late_may_lie_before_the_agents(void **state)
{
	struct container *c = box(0, 'a');

	(void)state;
	w.config.baseline_startup_s = 60;
	c->started_unix_ns = 0;
	assert_int_equal(observer(c)->phase, PHASE_STARTUP);
	c->started_unix_ns = unix_ns() - 3600 * NS_PER_S;
	assert_int_equal(observer(c)->phase, PHASE_STEADY);
	assert_true(observer(c)->resumed);
	window_passes();
	assert_int_equal(baseline_of(c)->sets[BASELINE_EXEC].windows[PHASE_STARTUP], 0);
}

static void system_calls_of_the_window_that_a_stop_cuts_are_of_the_shut_down(void **state)
{
	struct container *c = box(0, 'a');
	const struct path_entry *read;

	(void)state;
	w.d->wants_syscalls = true;
	observer(c);
	w.made[0] = 1; /* number 0 */
	observer_stops(observer(c));
	observer_end(observer(c));
	read = entry_of(c, BASELINE_SYSCALL, "read");
	assert_non_null(read);
	assert_int_equal(read->seen.windows[PHASE_STEADY], 0);
	assert_int_equal(read->seen.windows[PHASE_SHUTDOWN], 1);
	assert_int_equal(baseline_of(c)->sets[BASELINE_SYSCALL].windows[PHASE_STEADY], 0);
	assert_int_equal(baseline_of(c)->sets[BASELINE_EXEC].windows[PHASE_STEADY], 1);
}

static void a_system_call_of_the_start_up_is_known_ever_after_and_a_program_is_not(void **state)
{
	struct container *c = box(0, 'a');

	(void)state;
	for (unsigned k = 0; k < 2; k++) {
		const enum baseline_class class = k ? BASELINE_EXEC : BASELINE_SYSCALL;
		struct seen s = { .windows = { [PHASE_STARTUP] = 1 } };

		observer(c)->started_ns = 1; /* long ago */
		w.config.baseline_startup_s = 1;
		assert_int_equal(entry_is_known(observer(c), class, &s, PHASE_STEADY), k == 0);
		s.flags = SEEN_REJECTED;
		assert_false(entry_is_known(observer(c), class, &s, PHASE_STEADY));
	}
}

static void a_system_call_that_does_what_a_known_one_does_is_learned_in_silence(void **state)
{
	static const enum seen_phase steady = PHASE_STEADY;
	struct container *c = box(0, 'a');
	struct path_entry *entry;
	struct behaviour b = { .class = BASELINE_SYSCALL, .key = SPAN_LIT("sync_file_range") };

	(void)state;
	assert_int_equal(baseline_note(baseline_of(c), BASELINE_SYSCALL, SPAN_LIT("fsync"), 0,
				       unix_ns(), &entry, NULL),
			 0);
	entry->seen.windows[PHASE_STEADY] = 9;
	is_learned(c, MODE_DETECT);
	observer_take(observer(c), &b, steady, NULL, NULL);
	assert_int_equal(told("baseline-syscall", NULL), 0);
	assert_non_null(entry_of(c, BASELINE_SYSCALL, "sync_file_range"));
	b.key = b.subject = SPAN_LIT("personality");
	observer_take(observer(c), &b, steady, NULL, NULL);
	assert_int_equal(told("baseline-syscall", NULL), 1);
	/* what a person said no to is told, whatever it resembles */
	entry_of(c, BASELINE_SYSCALL, "sync_file_range")->seen.flags = SEEN_REJECTED;
	b.key = b.subject = SPAN_LIT("sync_file_range");
	observer_take(observer(c), &b, steady, NULL, NULL);
	assert_int_equal(told("baseline-syscall", NULL), 2);
}

static void the_hosts_mounts_are_our_own_where_the_first_process_is_hidden(void **state)
{
	const struct detector_baseline_settings s = { .services = &w.services,
						      .alerts = w.alerts,
						      .audit = w.audit };
	AUTO(detector_baseline_free) struct detector_baseline *d = NULL;
	char path[256];
	struct stat st;

	(void)state;
	snprintf(path, sizeof(path), "%s/self", w.proc);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/self/ns", w.proc);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/self/ns/mnt", w.proc);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(detector_baseline_new(&d, &s, NULL), 0);
	assert_int_equal(d->host_mounts, (uint32_t)st.st_ino);
}

static void a_slot_that_is_reused_has_an_observer_of_its_own(void **state)
{
	struct container *a = box(0, 'a');
	static struct container second;

	(void)state;
	HAPPENS(a, EVENT_EXEC, .path = "/usr/bin/ls");
	struct observer *first = observer(a);

	second = *a;
	second.inode = 99;
	second.refs = 1;
	snprintf(second.id.id, sizeof(second.id.id), "%064d", 9);
	struct observer *o = observer(&second);

	assert_ptr_equal(o->c, &second);
	assert_ptr_equal(observer_find(w.d, &second), o);
	assert_null(observer_find(w.d, a));
	assert_int_equal(w.d->observers_n, 1);
	assert_int_equal(o->image->observers, 1);
	(void)first;
}

/* Fifteen more versions, so that all places are taken. */
static void fill_places(struct baseline *b, uint64_t last_ns)
{
	char id[80];

	for (unsigned i = 0; i < BASELINE_MAX_DIGESTS - 1; i++) {
		snprintf(id, sizeof(id), "sha256:%064u", 1000 + i);
		baseline_digest(b, span_str(id), SPAN_LIT("x"), last_ns + i);
	}
}

static void a_version_that_takes_the_place_of_another_has_verdicts_of_its_own(void **state)
{
	struct container *c = box(0, 'a');
	struct baseline *b = baseline_of(c);

	(void)state;
	is_learned(c, MODE_ENFORCE);
	struct image *i = observer(c)->image;
	const uint32_t slot = i->slots[0];

	assert_int_not_equal(slot, 0);
	detector_baseline_life(w.d, c, LIFE_STOPPED);
	fill_places(b, 2 * baseline_now_ns(w.d));
	struct container *next = box(1, 'q');

	assert_int_equal(observer(next)->digest, 0);
	assert_false(i->resolved[0]);
	assert_int_not_equal(i->slots[0], slot);
	assert_int_equal(w.cleared, 1);
}

static void a_version_that_runs_keeps_its_place(void **state)
{
	struct container *c = box(0, 'a');
	struct baseline *b = baseline_of(c);

	(void)state;
	b->digests[0].last_ns = 1; /* it runs for a year */
	fill_places(b, 2);
	assert_int_equal(observer(box(1, 'q'))->digest, 1);
	assert_int_equal(observer(c)->digest, 0);
	assert_string_equal(b->digests[0].id, ids[0]);
}

/* --- enforcement -------------------------------------------------------------------------------
 */

static void one_killed_exec_is_one_action_though_it_deviates_in_many_ways(void **state)
{
	struct container *c = box(0, 'a');

	(void)state;
	observer(c);
	is_learned(c, MODE_ENFORCE);
	for (unsigned k = 0; k < BASELINE_CLASS_COUNT; k++)
		baseline_of(c)->actions[k] = ENFORCE_KILL;
	HAPPENS(c, EVENT_EXEC, .path = "/usr/bin/nc", .flags = EVENT_KILLED, .uid = 7);
	assert_int_equal(w.d->counts.killed, 1);
	assert_int_equal(w.d->counts.actions[ENFORCE_KILL], 1);
	assert_int_equal(baseline_of(c)->mode, MODE_ENFORCE);
}

static void too_many_kills_in_a_minute_end_enforcement_and_no_configuration_begins_it(void **state)
{
	struct container *c = box(0, 'a');
	char path[64];

	(void)state;
	observer(c);
	is_learned(c, MODE_ENFORCE);
	assert_int_not_equal(w.enforced.flags & ENFORCE_EXEC_KILL, 0);
	for (unsigned i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "/usr/bin/nc%c", 'a' + i);
		child.key.pid++;
		HAPPENS(c, EVENT_EXEC, .path = path, .flags = EVENT_KILLED);
		assert_int_equal(baseline_of(c)->mode, i < 3 ? MODE_ENFORCE : MODE_DETECT);
	}
	assert_int_equal(w.enforced.flags, 0);
	assert_int_equal(told("enforcement-tripped", NULL), 1);
	snprintf(w.config.baseline_images.items[0], CONFIG_TEXT_BYTES, "nginx=enforce");
	w.config.baseline_images.n = 1;
	detector_baseline_reload(w.d);
	assert_int_equal(baseline_of(c)->mode, MODE_DETECT);
}

static void a_container_that_ends_soon_after_a_kill_ends_enforcement(void **state)
{
	struct container *c = box(0, 'a');

	(void)state;
	observer(c);
	is_learned(c, MODE_ENFORCE);
	struct baseline *b = baseline_of(c);

	HAPPENS(c, EVENT_EXEC, .path = "/usr/bin/nc", .flags = EVENT_KILLED);
	assert_int_equal(b->mode, MODE_ENFORCE);
	detector_baseline_life(w.d, c, LIFE_STOPPED);
	assert_int_equal(b->mode, MODE_DETECT);
	assert_int_equal(told("enforcement-tripped", NULL), 1);
	assert_int_equal(w.d->observers_n, 0);
}

static void known_programs_that_are_killed_again_and_again_end_enforcement(void **state)
{
	struct container *c = box(0, 'a');

	(void)state;
	HAPPENS(c, EVENT_EXEC, .path = "/usr/bin/ls");
	is_learned(c, MODE_ENFORCE);
	for (unsigned i = 0; i < 4; i++)
		HAPPENS(c, EVENT_EXEC, .path = "/usr/bin/ls", .flags = EVENT_KILLED);
	assert_int_equal(w.d->counts.wrongly_killed, 4);
	assert_int_equal(baseline_of(c)->mode, MODE_DETECT);
}

static void what_an_operator_ran_there_is_not_allowed_to_the_container(void **state)
{
	struct container *c = box(0, 'a');

	(void)state;
	child.injected = true;
	HAPPENS(c, EVENT_EXEC, .path = "/bin/sh");
	is_learned(c, MODE_ENFORCE);
	HAPPENS(c, EVENT_EXEC, .path = "/bin/sh"); /* docker exec, again */
	assert_int_equal(w.allowed, 0);
	assert_false(baseline_knows_program(baseline_of(c), BASELINE_EXEC, SPAN_LIT("/bin/sh < ")));
	child.injected = false;
	HAPPENS(c, EVENT_EXEC, .path = "/bin/sh", .flags = EVENT_KILLED);
	assert_int_equal(w.allowed, 0);
	assert_int_equal(told("baseline-exec", NULL), 1);
}

static void what_runs_already_at_a_restart_is_told_and_counts_for_no_breaker(void **state)
{
	struct container *c = box(0, 'a');

	(void)state;
	observer(c);
	is_learned(c, MODE_ENFORCE);
	for (unsigned i = 0; i < 5; i++) {
		const struct behaviour b = { .class = BASELINE_EXEC,
					     .key = SPAN_LIT("/bin/x < -"),
					     .subject = SPAN_LIT("/bin/x") };

		observer_take(observer(c), &b, PHASE_STEADY, NULL, NULL);
	}
	assert_int_equal(baseline_of(c)->mode, MODE_ENFORCE);
	assert_int_equal(told("baseline-exec", NULL), 1);
}

static void seed_process(uint32_t pid, const char *exe, uint64_t cgroup)
{
	const struct event_task task = { .head = { .type = EVENT_NONE,
						   .pid = pid,
						   .tid = pid,
						   .ns_pid = pid,
						   .start_boot_ns = pid,
						   .cgroup_id = cgroup,
						   .container_cgroup = cgroup },
					 .exe = { .flags = FILE_KNOWN | FILE_OVERLAY } };
	const struct process_seed s = { .task = &task, .exe = span_str(exe) };

	assert_int_equal(process_seed(w.processes, &s), 0);
}

static void what_came_while_nobody_looked_is_judged_and_what_belongs_is_quiet(void **state)
{
	struct container *c = box(0, 'a');
	const json_t *alert = NULL;

	(void)state;
	HAPPENS(c, EVENT_EXEC, .path = "/usr/bin/ls");
	is_learned(c, MODE_DETECT);
	baseline_of(c)->sets[BASELINE_EXEC].complete_ns[PHASE_STARTUP] = 0;
	detector_baseline_life(w.d, c, LIFE_STOPPED);
	assert_int_equal(process_table_new(&w.processes, 100, NULL), 0);
	c->started_unix_ns = w.d->began_unix_ns - 3600 * NS_PER_S;
	observer(c);
	seed_process(200, "/usr/bin/ls", c->inode); /* whose child it is, nobody knows */
	seed_process(201, "/usr/bin/miner", c->inode);
	detector_baseline_tick(w.d);
	detector_baseline_tick(w.d); /* once */
	assert_int_equal(told("baseline-exec", &alert), 2);
	assert_non_null(strstr(text_of_alert(alert, "title"), "miner"));
	assert_string_equal(text_of_alert(alert, "severity"), "warning");
	assert_string_equal(text_of_alert(json_array_get(w.lines, 0), "severity"), "info");
}

static void what_was_learned_since_is_looked_up_before_it_is_enforced_again(void **state)
{
	struct container *c = box(0, 'a');
	struct err e = { "" };

	(void)state;
	observer(c);
	is_learned(c, MODE_ENFORCE);
	struct image *i = observer(c)->image;

	assert_int_equal(image_set_mode(w.d, i, MODE_DETECT, "root", &e), 0);
	w.enforced.times = 0;
	assert_int_equal(image_set_mode(w.d, i, MODE_ENFORCE, "root", &e), 0);
	assert_false(i->resolved[observer(c)->digest]);
	assert_int_equal(w.enforced.times, 0); /* nothing is killed until it is known */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_up, world_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_entry_counts_once_a_window_however_often_it_is_seen),
		TEST(a_second_container_of_the_image_shares_its_baseline),
		TEST(a_window_with_lost_events_is_no_evidence_for_their_classes),
		TEST(a_start_up_is_one_window_and_steady_state_begins_behind_it),
		TEST(what_was_lost_early_in_a_long_start_up_voids_it),
		TEST(what_a_rule_calls_malicious_is_not_learned_nor_what_its_children_do),
		TEST(what_is_seen_before_the_image_is_known_waits_for_it),
		TEST(it_becomes_detect_by_itself_when_all_classes_are_learned),
		TEST(the_mode_of_the_configuration_is_taken_when_enough_is_known),
		TEST(a_deviation_is_told_once_all_is_learned_and_not_before),
		TEST(a_rejected_entry_is_never_known_again),
		TEST(what_was_only_imported_is_known_in_detect_and_not_in_enforce),
		TEST(many_deviations_are_one_alert_and_one_digest_an_hour),
		TEST(a_deviation_of_today_is_remembered_though_many_were_before),
		TEST(the_runtime_is_not_judged_and_who_joins_the_hosts_mounts_is),
		TEST(a_health_check_is_learned_like_all_else_and_then_judged),
		TEST(a_class_that_was_learned_stays_so_when_somebody_fills_it),
		TEST(who_does_not_stop_when_asked_is_judged_again),
		TEST(a_container_that_is_started_again_starts_up_though_it_was_made_long_ago),
		TEST(a_start_that_becomes_known_late_may_lie_before_the_agents),
		TEST(system_calls_of_the_window_that_a_stop_cuts_are_of_the_shut_down),
		TEST(a_system_call_of_the_start_up_is_known_ever_after_and_a_program_is_not),
		TEST(a_system_call_that_does_what_a_known_one_does_is_learned_in_silence),
		TEST(the_hosts_mounts_are_our_own_where_the_first_process_is_hidden),
		TEST(a_slot_that_is_reused_has_an_observer_of_its_own),
		TEST(a_version_that_takes_the_place_of_another_has_verdicts_of_its_own),
		TEST(a_version_that_runs_keeps_its_place),
		TEST(one_killed_exec_is_one_action_though_it_deviates_in_many_ways),
		TEST(too_many_kills_in_a_minute_end_enforcement_and_no_configuration_begins_it),
		TEST(a_container_that_ends_soon_after_a_kill_ends_enforcement),
		TEST(known_programs_that_are_killed_again_and_again_end_enforcement),
		TEST(what_an_operator_ran_there_is_not_allowed_to_the_container),
		TEST(what_runs_already_at_a_restart_is_told_and_counts_for_no_breaker),
		TEST(what_came_while_nobody_looked_is_judged_and_what_belongs_is_quiet),
		TEST(what_was_learned_since_is_looked_up_before_it_is_enforced_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
