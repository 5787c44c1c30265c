// SPDX-License-Identifier: GPL-2.0-or-later
/* Without an agent: containers are structures that end at once, so that their settings are all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "detector/detector_posture.h"
#include "tests/unit/fixture.h"

static struct world {
	struct tree t;
	int fd;
	struct config config;
	struct agent_services services;
	struct detector_posture *d;
	unsigned found;
	struct finding last;
	uint16_t status;
	json_t *answer;
} w;

static char host_word[] = "host", reference[] = "web:1", filtered[] = "default";
static char none[] = "unconfined", user[] = "7:7";

static const struct container_table *no_containers(struct agent *a)
{
	(void)a;
	return NULL;
}

static void take_answer(struct agent *a, uint32_t ticket, uint16_t status, struct buf *body)
{
	(void)a, (void)ticket;
	json_decref(w.answer);
	w.status = status;
	w.answer = json_loadb(body->data, body->len, 0, NULL);
	buf_release(body);
}

static void take_finding(void *ctx, const struct finding *f, struct container *of,
			 const struct process *p)
{
	(void)ctx, (void)of, (void)p;
	w.found++;
	w.last = *f;
}

static void begin(void)
{
	const struct detector_posture_settings s = { .services = &w.services,
						     .find = take_finding };

	assert_int_equal(detector_posture_new(&w.d, &s, NULL), 0);
}

static int setup(void **state)
{
	(void)state;
	w = (struct world){ .t = tree_make("@ state/\n") };
	w.fd = open(w.t.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(w.fd >= 0);
	config_defaults(&w.config);
	w.config.posture = true;
	w.services = (struct agent_services){ .state_fd = w.fd,
					      .config = &w.config,
					      .proc = "/nonexistent",
					      .containers = no_containers,
					      .answer = take_answer };
	begin();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	detector_posture_free(TAKE(w.d));
	json_decref(w.answer);
	close(w.fd);
	tree_remove(&w.t);
	return 0;
}

/* One container lives and ends; shares: its pid namespace is the host's. */
static void live(bool shares, bool filters)
{
	struct metadata m = { .runtime = RUNTIME_DOCKER,
			      .image = reference,
			      .user = user,
			      .seccomp = filters ? filtered : none,
			      .details_known = true,
			      .no_new_privileges = true,
			      .read_only_root = true,
			      .namespaces_n = 1 };
	struct container c = { .slot = 3, .refs = 1, .kind = CGROUP_CONTAINER, .meta = &m };

	snprintf(m.namespaces[0].type, sizeof(m.namespaces[0].type), "pid");
	m.namespaces[0].path = shares ? host_word : NULL;
	snprintf(c.id.id, sizeof(c.id.id), "abc");
	detector_posture_life(w.d, &c, LIFE_STOPPED);
	detector_posture_life(w.d, &c, LIFE_DESTROYED);
	assert_int_equal(c.refs, 1);
}

static void what_is_worse_than_before_is_told_once_and_names_all_of_it(void **state)
{
	bool named = false;

	(void)state;
	live(false, true);
	assert_int_equal(w.found, 0); /* the first one: inventory */
	live(true, false);
	assert_int_equal(w.found, 1);
	assert_int_equal(w.last.invariant, INV_SHARED);
	assert_int_equal(w.last.severity, ALERT_ERROR);
	for (size_t i = 0; i < w.last.facts_n; i++)
		named = named || span_eq(w.last.facts[i].name, "seccomp-off");
	assert_true(named);
	assert_non_null(strstr(w.last.title, "host-pid"));
	live(true, false);
	live(false, true);
	live(true, true);
	assert_int_equal(w.found, 1);
}

/* Sampled before the runtime had set them, the limits look as if there were none. */
static void limits_that_were_asked_for_and_not_sampled_yet_are_not_missed(void **state)
{
	struct metadata m = { .runtime = RUNTIME_DOCKER,
			      .image = reference,
			      .details_known = true,
			      .confinement = {
				      .known = true, .memory_bytes = 1 << 20, .pids = 10 } };
	struct container c = { .slot = 3, .refs = 1, .kind = CGROUP_CONTAINER, .meta = &m };

	(void)state;
	snprintf(c.id.id, sizeof(c.id.id), "abc");
	detector_posture_life(w.d, &c, LIFE_STOPPED);
	c.sample.have = SAMPLE_PIDS | SAMPLE_MEMORY_SPEC;
	for (int i = 0; i < 2; i++)
		detector_posture_life(w.d, &c, LIFE_STOPPED);
	assert_int_equal(w.found, 0);
	m.confinement.pids = 0; /* but what was not asked for is */
	detector_posture_life(w.d, &c, LIFE_DESTROYED);
	detector_posture_life(w.d, &c, LIFE_STOPPED);
	assert_int_equal(w.found, 1);
	assert_int_equal(w.last.invariant, INV_UNLIMITED);
	detector_posture_life(w.d, &c, LIFE_DESTROYED);
	assert_int_equal(c.refs, 1);
}

static void what_images_had_outlives_the_agent(void **state)
{
	(void)state;
	live(true, true);
	detector_posture_free(TAKE(w.d));
	begin();
	live(true, true);
	assert_int_equal(w.found, 0);
	live(true, false);
	assert_int_equal(w.found, 1);
}

static void a_damaged_file_is_set_aside(void **state)
{
	(void)state;
	detector_posture_free(TAKE(w.d));
	tree_write(&w.t, POSTURE_FILE, "{", 1);
	begin();
	live(true, true);
	assert_int_equal(w.found, 0);
	assert_int_equal(faccessat(w.fd, POSTURE_FILE ".damaged", F_OK, 0), 0);
}

static void what_is_off_sees_and_answers_nothing(void **state)
{
	(void)state;
	w.config.posture = false;
	live(false, true);
	live(true, true);
	assert_int_equal(w.found, 0);
	assert_true(detector_posture_get(w.d, SPAN_LIT("/api/v1/posture"), 1));
	assert_int_equal(w.status, 404);
}

static void its_paths_and_no_others_are_its_own(void **state)
{
	(void)state;
	assert_true(detector_posture_get(w.d, SPAN_LIT("/api/v1/posture/x"), AGENT_NO_TICKET));
	assert_false(detector_posture_get(w.d, SPAN_LIT("/api/v1/postures"), 1));
	assert_false(detector_posture_get(w.d, SPAN_LIT("/api/v1/posture/"), 1));
	assert_null(w.answer);
	assert_true(detector_posture_get(w.d, SPAN_LIT("/api/v1/posture"), 1));
	assert_int_equal(w.status, 200);
	assert_int_equal(json_array_size(json_object_get(w.answer, "containers")), 0);
	assert_true(detector_posture_get(w.d, SPAN_LIT("/api/v1/posture/x"), 1));
	assert_int_equal(w.status, 404);
}

static void a_slot_beyond_the_table_is_counted(void **state)
{
	static struct alerts_state s;
	struct metadata m = { .details_known = true, .image = reference };
	struct container c = {
		.slot = UINT32_MAX, .refs = 1, .kind = CGROUP_CONTAINER, .meta = &m
	};

	(void)state;
	detector_posture_life(w.d, &c, LIFE_STOPPED);
	detector_posture_state(w.d, &s);
	assert_int_equal(s.tables_n, 2);
	assert_string_equal(s.tables[0].table, "postures");
	assert_int_equal(s.tables[0].refused, 1);
	assert_int_equal(s.tables[0].used, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_is_worse_than_before_is_told_once_and_names_all_of_it, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			limits_that_were_asked_for_and_not_sampled_yet_are_not_missed, setup,
			teardown),
		cmocka_unit_test_setup_teardown(what_images_had_outlives_the_agent, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_damaged_file_is_set_aside, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_off_sees_and_answers_nothing, setup,
						teardown),
		cmocka_unit_test_setup_teardown(its_paths_and_no_others_are_its_own, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_slot_beyond_the_table_is_counted, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
