// SPDX-License-Identifier: GPL-2.0-or-later
/* The hub with an agent that is none: findings become alerts, are excepted, begin and end. */
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

#include "collector/base/io.h"
#include "detector/detector_isolation_internal.h"
#include "detector/rule_query.h"
#include "tests/unit/collector/event_fixture.h"
#include "tests/unit/fixture.h"

static struct hub {
	struct tree t;
	int fd;
	struct config config;
	struct agent_services services;
	struct event_query_hooks queries;
	struct field_world world;
	struct silence_store *silences;
	struct alerts *alerts;
	struct detector_isolation *d;
	struct container box;
	struct metadata meta;
	struct process p;
	char proc[160], image[32], name[16];
	json_t *lines;
	struct buf answer;
	uint64_t wanted;
} hub;

static int hub_send(struct agent *a, enum wire_type type, struct span payload, int fd)
{
	(void)a, (void)type, (void)payload;
	if (fd >= 0)
		close(fd);
	return -ENOTCONN;
}

static uint64_t hub_clock(struct agent *a)
{
	(void)a;
	return 0;
}

static void hub_want(struct agent *a, enum agent_wants_owner o, const struct agent_wants *w)
{
	(void)a;
	assert_int_equal(o, WANTS_ISOLATION);
	hub.wanted = w->container;
}

static void hub_degraded(struct agent *a, const char *text, bool on)
{
	(void)a, (void)text, (void)on;
}

static const struct container_table *hub_containers(struct agent *a)
{
	(void)a;
	return NULL;
}

static struct process_table *hub_processes(struct agent *a)
{
	(void)a;
	return NULL;
}

static const char *hub_layer(struct agent *a)
{
	(void)a;
	return "tracepoint";
}

static int hub_tasks(struct agent *a, struct err *e)
{
	(void)a;
	return err_set(e, ENOTCONN, "no sensor");
}

static void hub_answer(struct agent *a, uint32_t ticket, uint16_t status, struct buf *body)
{
	(void)a, (void)ticket;
	assert_int_equal(status, 200);
	buf_clear(&hub.answer);
	buf_add(&hub.answer, body->data, body->len);
	buf_release(body);
}

static int up(void **state)
{
	(void)state;
	memset(&hub, 0, sizeof(hub));
	hub.t = tree_make("@ proc/sys/kernel/random/boot_id\n"
			  "01234567-89ab-cdef-0123-456789abcdef\n");
	hub.fd = open(hub.t.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(hub.proc, sizeof(hub.proc), "%s/proc", hub.t.path);
	config_defaults(&hub.config);
	hub.config.isolation = true;
	buf_init(&hub.answer, 1U << 20);
	hub.services = (struct agent_services){ .state_fd = hub.fd,
						.config = &hub.config,
						.proc = hub.proc,
						.send = hub_send,
						.want = hub_want,
						.answer = hub_answer,
						.degraded = hub_degraded,
						.containers = hub_containers,
						.processes = hub_processes,
						.layer = hub_layer,
						.tasks = hub_tasks,
						.unix_minus_boot_ns = hub_clock };
	rule_query_hooks(&hub.queries, &hub.world);
	evt_type_init();
	if (silence_store_new(&hub.silences, hub.fd, NULL) < 0)
		return -1;
	const struct alerts_settings a = { .services = &hub.services, .silences = hub.silences };

	if (alerts_new(&hub.alerts, &a, NULL) < 0)
		return -1;
	snprintf(hub.image, sizeof(hub.image), "team/nginx:1.25");
	snprintf(hub.name, sizeof(hub.name), "web");
	hub.meta = (struct metadata){ .image = hub.image, .name = hub.name };
	hub.box = (struct container){
		.slot = 1, .refs = 1, .kind = CGROUP_CONTAINER, .inode = 70, .meta = &hub.meta
	};
	snprintf(hub.box.id.id, sizeof(hub.box.id.id), "%064d", 7);
	hub.p = (struct process){ .key = { 3000000000, 123 },
				  .container_cgroup = 70,
				  .exec_inside = true,
				  .comm = "evil",
				  .ns = { .mnt = 101 } };
	return 0;
}

static void make(void)
{
	const struct detector_isolation_settings s = { .services = &hub.services,
						       .alerts = hub.alerts,
						       .queries = &hub.queries };
	struct err e = { "" };

	if (detector_isolation_new(&hub.d, &s, &e) < 0)
		fail_msg("%s", e.text);
}

static int down(void **state)
{
	(void)state;
	detector_isolation_free(hub.d);
	alerts_free(hub.alerts);
	silence_store_free(hub.silences);
	json_decref(hub.lines);
	buf_release(&hub.answer);
	close(hub.fd);
	tree_remove(&hub.t);
	return 0;
}

static size_t told(const char *rule, const char *state, const json_t **last)
{
	static char text[1U << 20];
	const ssize_t n = io_read_at(hub.fd, "alerts/alerts.jsonl", text, sizeof(text));
	struct span rest = { text, n > 0 ? (size_t)n : 0 }, line;
	size_t found = 0;

	json_decref(hub.lines);
	hub.lines = json_array();
	while (span_next(&rest, '\n', &line)) {
		json_t *one = line.n ? json_loadb(line.p, line.n, 0, NULL) : NULL;

		if (!one)
			continue;
		json_array_append_new(hub.lines, one);
		if (strcmp(json_string_value(json_object_get(one, "rule")), rule) != 0 ||
		    strcmp(json_string_value(json_object_get(one, "state")), state) != 0)
			continue;
		found++;
		if (last)
			*last = one;
	}
	return found;
}

static bool opens(const char *path, uint32_t magic)
{
	static _Alignas(8) uint8_t record[EVENT_MAX_BYTES];
	const struct event_open o = {
		.access = ACCESS_WRITE,
		.file = { .flags = FILE_KNOWN, .fs_magic = magic, .mode = 0100644 }
	};
	const struct event_context c = { .process = &hub.p, .entry = &hub.box };
	struct event_head h = fixture_head(EVENT_OPEN);
	struct event_writer w;
	struct event_view v;

	event_write_begin(&w, record, sizeof(record), &h, &o);
	event_write_string(&w, TAG_PATH, 0, span_str(path));
	assert_int_equal(event_decode(record, event_write_end(&w), &v, NULL), 0);
	return detector_isolation_event(hub.d, &v, &c, &hub.box);
}

static bool breaks(void)
{
	return opens("/proc/sys/kernel/core_pattern", 0x9fa0);
}

static const char *fact_of(const json_t *alert, const char *name)
{
	const json_t *list = json_object_get(alert, "evidence");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *f = json_array_get(list, i);

		if (strcmp(json_string_value(json_object_get(f, "name")), name) == 0)
			return json_string_value(json_object_get(f, "value"));
	}
	return "";
}

static void a_broken_wall_is_an_alert_with_what_was_seen(void **state)
{
	const json_t *a = NULL;

	(void)state;
	make();
	assert_true(hub.wanted & EVENT_BIT(EVENT_SETNS));
	assert_true(breaks());
	assert_int_equal(told("kernel-helper-written", "new", &a), 1);
	assert_string_equal(json_string_value(json_object_get(a, "kind")), "isolation");
	assert_string_equal(json_string_value(json_object_get(a, "severity")), "critical");
	assert_string_equal(fact_of(a, "invariant"), "I14");
	assert_string_equal(fact_of(a, "stage"), "succeeded");
	assert_string_equal(fact_of(a, "known_as"), "core_pattern");
	assert_string_equal(fact_of(a, "path"), "/proc/sys/kernel/core_pattern");
	assert_true(breaks()); /* it folds, and baselines still do not learn it */
	assert_int_equal(told("kernel-helper-written", "new", NULL), 1);
}

static void what_is_harmless_is_no_alert(void **state)
{
	(void)state;
	make();
	assert_false(opens("/proc/sys/net/ipv4/ip_forward", 0x9fa0));
	assert_int_equal(told("kernel-helper-written", "new", NULL), 0);
}

static void with_isolation_off_nothing_is_judged(void **state)
{
	(void)state;
	hub.config.isolation = false;
	make();
	assert_false(breaks());
	assert_int_equal(hub.wanted, 0);
	detector_isolation_tick(hub.d);
}

static void except(const char *rule, const char *image, const char *name, const char *condition)
{
	struct config_exception *x =
		&hub.config.rules_exceptions.items[hub.config.rules_exceptions.n++];

	snprintf(x->rule, sizeof(x->rule), "%s", rule);
	snprintf(x->image, sizeof(x->image), "%s", image);
	snprintf(x->container, sizeof(x->container), "%s", name);
	snprintf(x->condition, sizeof(x->condition), "%s", condition);
}

static void an_exception_holds_back_by_image_container_and_process(void **state)
{
	static const struct {
		const char *rule, *image, *name, *condition;
		bool excepted;
	} cases[] = {
		{ "kernel-helper-written", "team/nginx", "", "", true },
		{ "kernel-*", "*/nginx", "web", "", true },
		{ "*", "", "web*", "", true },
		{ "", "", "", "proc.name = evil", true },
		{ "kernel-helper-written", "", "", "fd.name endswith core_pattern", true },
		{ "kernel-helper-written", "team/nginx", "db", "", false },
		{ "kernel-helper-written", "", "", "proc.name = good", false },
		{ "mount-outside-of-spec", "", "web", "", false },
		{ "kernel-helper-written", "", "", "no such thing", false },
	};

	(void)state;
	make();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const uint64_t before = hub.d->counts.excepted;

		hub.config.rules_exceptions.n = 0;
		except(cases[i].rule, cases[i].image, cases[i].name, cases[i].condition);
		detector_isolation_reload(hub.d);
		breaks();
		if (hub.d->counts.excepted - before != cases[i].excepted)
			fail_msg("case %zu", i);
	}
}

static void begin_so(struct finding *f, const char *key)
{
	finding_begin(f, INV_SECCOMP, FINDING_SO, "A filter is gone");
	finding_key(f, "%s", key);
}

static void what_is_so_is_resolved_by_the_first_look_without_it(void **state)
{
	static struct finding f;

	(void)state;
	make();
	begin_so(&f, "a");
	isolation_pass_found(hub.d, &f, &hub.box, &hub.p);
	isolation_passed(hub.d);
	isolation_pass_found(hub.d, &f, &hub.box, &hub.p);
	isolation_mounts_looked(hub.d, &hub.box); /* another's look says nothing of it */
	isolation_passed(hub.d);
	assert_int_equal(told("seccomp-lost", "firing", NULL), 1);
	assert_int_equal(told("seccomp-lost", "resolved", NULL), 0);
	assert_int_equal(hub.d->standing_n, 1);
	isolation_passed(hub.d);
	assert_int_equal(told("seccomp-lost", "resolved", NULL), 1);
	assert_int_equal(hub.d->standing_n, 0);
	assert_int_equal(hub.box.refs, 1);
}

static void what_is_so_ends_with_its_container(void **state)
{
	static struct finding f;

	(void)state;
	make();
	begin_so(&f, "a");
	isolation_pass_found(hub.d, &f, &hub.box, NULL);
	detector_isolation_life(hub.d, &hub.box, LIFE_STOPPED);
	assert_int_equal(told("seccomp-lost", "resolved", NULL), 1);
	assert_int_equal(hub.box.refs, 1);
}

static void the_table_of_what_is_so_is_bounded(void **state)
{
	static struct finding f;
	static struct alerts_state s;
	char key[32];

	(void)state;
	make();
	for (unsigned i = 0; i < STANDING_MAX + 3; i++) {
		snprintf(key, sizeof(key), "%u", i);
		begin_so(&f, key);
		isolation_pass_found(hub.d, &f, &hub.box, NULL);
	}
	assert_int_equal(hub.d->standing_n, STANDING_MAX);
	assert_int_equal(hub.d->counts.standing_refused, 3);
	detector_isolation_state(hub.d, &s);
	assert_string_equal(s.tables[0].table, "isolation_standing");
	assert_int_equal(s.tables[0].refused, 3);
	assert_true(s.not_watched_n > 0);
}

static void the_api_says_what_is_watched(void **state)
{
	json_t *json;

	(void)state;
	make();
	breaks();
	assert_false(detector_isolation_get(hub.d, SPAN_LIT("/api/v1/other"), SPAN_LIT(""), 1));
	assert_true(detector_isolation_get(hub.d, SPAN_LIT("/api/v1/isolation"), SPAN_LIT(""),
					   AGENT_NO_TICKET));
	assert_int_equal(hub.answer.len, 0);
	assert_true(detector_isolation_get(hub.d, SPAN_LIT("/api/v1/isolation"), SPAN_LIT(""), 1));
	json = json_loadb(hub.answer.data, hub.answer.len, 0, NULL);
	assert_non_null(json);
	const json_t *list = json_object_get(json, "invariants");
	const json_t *helpers = json_array_get(list, INV_KERNEL_HELPERS);

	assert_int_equal(json_array_size(list), INV_COUNT);
	assert_string_equal(json_string_value(json_object_get(helpers, "watched")), "in part");
	assert_int_equal(json_integer_value(json_object_get(helpers, "found")), 1);
	json_decref(json);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, up, down)
	const struct CMUnitTest tests[] = {
		T(a_broken_wall_is_an_alert_with_what_was_seen),
		T(what_is_harmless_is_no_alert),
		T(with_isolation_off_nothing_is_judged),
		T(an_exception_holds_back_by_image_container_and_process),
		T(what_is_so_is_resolved_by_the_first_look_without_it),
		T(what_is_so_ends_with_its_container),
		T(the_table_of_what_is_so_is_bounded),
		T(the_api_says_what_is_watched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
