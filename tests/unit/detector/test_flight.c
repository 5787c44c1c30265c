// SPDX-License-Identifier: GPL-2.0-or-later
/* The flight recorder as a whole, with an agent that has one container; and its files on disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/base/clock.h"
#include "collector/base/io.h"
#include "collector/replay.h"
#include "detector/flight.h"
#include "detector/flight_scene.h"
#include "tests/unit/fixture.h"

#define CGROUP	 900
#define START	 (1000 * NS_PER_S)
#define ID(last) "01M80NEQ2V2KTBCRRB33S4NJ" last
#define FULL_ID	 "abcdef0123456789"

static struct world {
	struct tree t;
	int fd;
	struct config config;
	struct agent_services services;
	struct container_table *containers;
	struct process_table *processes;
	struct container *web;
	struct flight *flight;
	uint64_t now;
} w;

static const struct alert_container web = { .id = SPAN_LIT(FULL_ID),
					    .name = SPAN_LIT("web\n\"x\""),
					    .image = SPAN_LIT("nginx:1") };

static struct process_table *processes_of(struct agent *a)
{
	(void)a;
	return w.processes;
}

static const struct container_table *containers_of(struct agent *a)
{
	(void)a;
	return w.containers;
}

static uint64_t clock_of(struct agent *a)
{
	(void)a;
	return 1700000000 * NS_PER_S;
}

static void seed(uint32_t pid, uint32_t ppid, uint64_t container, struct span args)
{
	struct event_task task = { .head = { .size = sizeof(task),
					     .pid = pid,
					     .tid = pid,
					     .ppid = ppid,
					     .ns_pid = pid,
					     .start_boot_ns = START + pid,
					     .parent_start_boot_ns = START + ppid,
					     .cgroup_id = container,
					     .container_cgroup = container,
					     .loginuid = UINT32_MAX,
					     .syscall = -1,
					     .comm = "a\xff\"\n" },
				   .real_parent_start_boot_ns = START + ppid };
	const struct process_seed s = {
		.task = &task, .exe = SPAN_LIT("/bin/sh"), .args = args, .cwd = SPAN_LIT("/")
	};

	assert_int_equal(process_seed(w.processes, &s), 0);
}

static void open_flight(struct loop *loop)
{
	const struct flight_settings s = { &w.services, loop, "/nonexistent" };
	struct err e = { "" };

	if (flight_new(&w.flight, &s, &e) < 0)
		fail_msg("%s", e.text);
}

static int setup(void **state)
{
	const struct identity id = { .kind = CGROUP_CONTAINER, .id = FULL_ID };

	(void)state;
	memset(&w, 0, sizeof(w));
	w.t = tree_make("@ upper/etc/passwd\nx\n@ state/\n");
	char path[256];

	snprintf(path, sizeof(path), "%s/state", w.t.path);
	w.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	config_defaults(&w.config);
	w.services = (struct agent_services){ .state_fd = w.fd,
					      .config = &w.config,
					      .processes = processes_of,
					      .containers = containers_of,
					      .unix_minus_boot_ns = clock_of };
	assert_int_equal(container_table_new(&w.containers, 16, NULL), 0);
	assert_int_equal(process_table_new(&w.processes, 4096, NULL), 0);
	assert_int_equal(
		container_table_add(w.containers, CGROUP_CONTAINER, &id, "/docker/x", &w.web, NULL),
		0);
	w.web->inode = CGROUP;
	w.web->meta = calloc(1, sizeof(*w.web->meta));
	snprintf(path, sizeof(path), "%s/upper", w.t.path);
	w.web->meta->writable_layer = strdup(path);
	seed(1, 0, 0, SPAN_LIT("init\0"));
	seed(20, 1, 0, SPAN_LIT("shim\0"));
	seed(30, 20, CGROUP, SPAN_LIT("sh\0-c\0\x1b[2J\"\xff\0"));
	process_seed_end(w.processes, 0);
	open_flight(NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	flight_free(w.flight);
	container_table_free(w.containers);
	process_table_free(w.processes);
	close(w.fd);
	tree_remove(&w.t);
	return 0;
}

/* --- the recorder ------------------------------------------------------------------------------
 */

static void tell(uint64_t cgroup, uint32_t pid, enum event_type type, const char *path)
{
	static _Alignas(8) uint8_t record[EVENT_MAX_BYTES];
	const struct event_head head = { .type = (uint16_t)type,
					 .boot_ns = START + NS_PER_S + ++w.now,
					 .start_boot_ns = START + pid,
					 .cgroup_id = cgroup,
					 .container_cgroup = cgroup,
					 .pid = pid,
					 .tid = pid,
					 .exec_seq = type == EVENT_EXEC,
					 .syscall = -1,
					 .comm = "sh" };
	struct event_writer to;
	struct event_view v;

	event_write_begin(&to, record, sizeof(record), &head, NULL);
	event_write_string(&to, TAG_PATH, 0, span_str(path));
	assert_int_equal(event_decode(record, event_write_end(&to), &v, NULL), 0);
	process_apply(w.processes, &v);
	flight_event(w.flight, &v);
}

static struct alert alert_of(enum alert_severity severity)
{
	return (struct alert){ .severity = severity,
			       .kind = ALERT_RULE,
			       .title = SPAN_LIT("a \"title\"\n"),
			       .rule = SPAN_LIT("some-rule"),
			       .container = &web };
}

static struct span fire(const struct alert *a, const char *id)
{
	return flight_of_alert(w.flight, a, id);
}

static json_t *json_of(const char *name)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	char path[128];

	buf_init(&b, FLIGHT_JSON_MAX);
	snprintf(path, sizeof(path), "flights/%s", name);
	assert_int_equal(io_read_buf_at(w.fd, path, &b, NULL), 0);
	json_t *o = json_loadb(b.data, b.len, JSON_REJECT_DUPLICATES, NULL);

	if (!o)
		fail_msg("no JSON: %.*s", (int)b.len, b.data);
	return o;
}

static bool exists(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "flights/%s", name);
	return faccessat(w.fd, path, F_OK, 0) == 0;
}

struct seen {
	unsigned n, with_process;
	char paths[64];
};

static void note(void *ctx, const struct event_view *v, const struct event_context *c)
{
	struct seen *s = ctx;
	struct span path = v->strings[TAG_PATH];

	s->n++;
	s->with_process += c->process && process_exe(c->process).n > 0;
	assert_non_null(c->container);
	assert_true(span_eq(c->container->id, FULL_ID));
	snprintf(s->paths + strlen(s->paths), sizeof(s->paths) - strlen(s->paths), "%.*s ",
		 (int)path.n, path.p);
}

static void an_alert_of_error_is_written_down_so_that_it_replays(void **state)
{
	struct alert a = alert_of(ALERT_ERROR);
	struct seen seen = { 0 };
	const struct replay_settings settings = { .event = note, .ctx = &seen };
	struct replay_summary sum;
	struct err e = { "" };

	(void)state;
	a.process = process_find_pid(w.processes, 30);
	tell(CGROUP, 30, EVENT_OPEN, "/first");
	tell(77, 44, EVENT_OPEN, "/other");
	tell(CGROUP, 30, EVENT_EXEC, "/bin/evil");
	tell(CGROUP, 30, EVENT_OPEN, "/last");
	assert_true(span_eq(fire(&a, ID("00")), ID("00") ".bhr"));
	AUTO_FD int fd = openat(w.fd, "flights/" ID("00") ".bhr", O_RDONLY | O_CLOEXEC);

	if (replay_read(fd, &settings, &sum, &e) < 0)
		fail_msg("%s", e.text);
	assert_true(sum.whole);
	assert_string_equal(seen.paths, "/first /bin/evil /last ");
	assert_int_equal(sum.processes, 2); /* init and the shim: the shell's exec is told */
	json_t *o = json_of(ID("00") ".json"), *list = json_object_get(o, "processes");
	const json_t *shell = json_array_get(list, 2), *files = json_object_get(o, "files");

	assert_int_equal(json_array_size(list), 3);
	assert_true(json_is_true(json_object_get(json_array_get(list, 0), "outside")));
	assert_int_equal(json_integer_value(json_object_get(shell, "pid")), 30);
	assert_int_equal(json_integer_value(json_object_get(shell, "ppid")), 20);
	assert_true(json_is_true(json_object_get(shell, "of_alert")));
	assert_string_equal(json_string_value(json_object_get(shell, "descriptors_missing")),
			    "it has ended");
	assert_int_equal(json_array_size(json_object_get(files, "changed")), 2);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(o, "events"), "count")),
			 3);
	json_decref(o);
}

static void what_is_less_or_no_news_is_not_written_down(void **state)
{
	struct alert a = alert_of(ALERT_WARNING);

	(void)state;
	tell(CGROUP, 30, EVENT_OPEN, "/first");
	assert_int_equal(fire(&a, ID("00")).n, 0);
	a.severity = ALERT_CRITICAL;
	a.kind = ALERT_TEST;
	assert_int_equal(fire(&a, ID("00")).n, 0);
	a.kind = ALERT_HEARTBEAT;
	assert_int_equal(fire(&a, ID("00")).n, 0);
	assert_false(exists(ID("00") ".bhr"));
}

static void alerts_of_one_container_within_a_minute_share_one(void **state)
{
	const struct alert a = alert_of(ALERT_ALERT);
	struct alert host = a, other = a;
	const struct alert_container db = { .id = SPAN_LIT("ffff") };
	struct alerts_state s = { .tables_n = 0 };

	(void)state;
	host.container = NULL;
	other.container = &db; /* that is in no table */
	assert_true(span_eq(fire(&a, ID("00")), ID("00") ".bhr"));
	assert_true(span_eq(fire(&a, ID("01")), ID("00") ".bhr"));
	assert_true(span_eq(fire(&host, ID("02")), ID("02") ".bhr"));
	assert_true(span_eq(fire(&other, ID("03")), ID("03") ".bhr"));
	assert_true(span_eq(fire(&host, ID("04")), ID("02") ".bhr"));
	assert_true(exists(ID("02") ".json"));
	assert_false(exists(ID("04") ".json"));
	flight_state(w.flight, &s);
	assert_int_equal(s.flights.written, 3);
	assert_int_equal(s.flights.shared, 2);
	assert_int_equal(s.flights.kept, 3);
	assert_true(s.flights.bytes > 0);
	json_t *o = json_of(ID("02") ".json");

	assert_int_equal(json_array_size(json_object_get(o, "processes")), 2); /* init, the shim */
	json_decref(o);
}

static void a_recording_that_cannot_be_written_is_tried_again(void **state)
{
	const struct alert a = alert_of(ALERT_ERROR);
	struct alerts_state s = { .tables_n = 0 };

	(void)state;
	assert_int_equal(unlinkat(w.fd, "flights", AT_REMOVEDIR), 0);
	tree_write(&w.t, "state/flights", "x", 1);
	fire(&a, ID("00"));
	flight_state(w.flight, &s);
	assert_int_equal(s.flights.failed, 1);
	assert_int_equal(unlinkat(w.fd, "flights", 0), 0);
	assert_true(span_eq(fire(&a, ID("01")), ID("01") ".bhr"));
	assert_true(exists(ID("01") ".bhr"));
}

static void more_than_four_that_wait_are_refused(void **state)
{
	AUTO(loop_free) struct loop *loop = NULL;
	char ids[6][8];
	unsigned taken = 0;
	struct alerts_state s = { .tables_n = 0 };

	(void)state;
	flight_free(TAKE(w.flight));
	assert_int_equal(loop_new(&loop, NULL), 0);
	open_flight(loop); /* which never turns: nothing is done */
	for (unsigned i = 0; i < 6; i++) {
		snprintf(ids[i], sizeof(ids[i]), "box%u", i);
		const struct alert_container c = { .id = span_str(ids[i]) };
		struct alert a = alert_of(ALERT_ERROR);

		a.container = &c;
		taken += fire(&a, ID("00")).n > 0;
	}
	assert_int_equal(taken, FLIGHT_MAX_WAITING);
	flight_state(w.flight, &s);
	assert_string_equal(s.tables[1].table, "flights_waiting");
	assert_int_equal(s.tables[1].used, FLIGHT_MAX_WAITING);
	assert_int_equal(s.tables[1].refused, 2);
	assert_true(flight_stop(w.flight, 10000));
	flight_free(TAKE(w.flight));
}

static void without_memory_nothing_is_recorded(void **state)
{
	const struct alert a = alert_of(ALERT_ERROR);
	struct alerts_state s = { .tables_n = 0 };

	(void)state;
	flight_free(TAKE(w.flight));
	w.config.flight_memory_bytes = 0;
	open_flight(NULL);
	tell(CGROUP, 30, EVENT_OPEN, "/first");
	flight_ended(w.flight, w.web);
	flight_tick(w.flight);
	assert_int_equal(fire(&a, ID("00")).n, 0);
	flight_state(w.flight, &s);
	assert_int_equal(s.tables[0].capacity, 0);
}

static void of_too_many_processes_the_newest_are_told(void **state)
{
	const struct alert a = alert_of(ALERT_ERROR);

	(void)state;
	for (uint32_t i = 0; i < FLIGHT_MAX_PROCESSES + 100; i++)
		seed(100 + i, 30, CGROUP, SPAN_LIT("x\0"));
	fire(&a, ID("00"));
	json_t *o = json_of(ID("00") ".json"), *list = json_object_get(o, "processes");
	const size_t n = json_array_size(list);

	/* its own first process was left out, too: it is not above, but one of them */
	assert_int_equal(json_integer_value(json_object_get(o, "processes_left_out")), 101);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(list, n - 1), "pid")),
			 100 + FLIGHT_MAX_PROCESSES + 99);
	json_decref(o);
}

/* --- the folder --------------------------------------------------------------------------------
 */

static int open_store(void)
{
	int fd = flight_store_open(w.fd, NULL);

	assert_true(fd >= 0);
	return fd;
}

static void add_flight(unsigned number, size_t bytes)
{
	static char content[4096];
	char path[128];

	memset(content, 'x', sizeof(content));
	snprintf(path, sizeof(path), "state/flights/01M80NEQ2V2KTBCRRB33S%05u.bhr", number);
	tree_write(&w.t, path, content, bytes);
	snprintf(path, sizeof(path), "state/flights/01M80NEQ2V2KTBCRRB33S%05u.json", number);
	tree_write(&w.t, path, "{\"id\":\"x\"\n}", 11);
}

static void the_oldest_make_room_by_number_and_by_bytes(void **state)
{
	AUTO_FD int fd = open_store();
	struct flight_usage u;

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		add_flight(i, 1000);
	tree_write(&w.t, "state/flights/mine.txt", "x", 1);
	tree_write(&w.t, "state/flights/.01M80NEQ2V2KTBCRRB33S00001.bhr.new", "x", 1);
	assert_int_equal(flight_store_trim(fd, 15, UINT64_MAX, &u, NULL), 0);
	assert_int_equal(u.removed, 5);
	assert_int_equal(u.flights, 15);
	assert_int_equal(u.bytes, 15 * 1011);
	assert_false(exists("01M80NEQ2V2KTBCRRB33S00004.bhr"));
	assert_false(exists("01M80NEQ2V2KTBCRRB33S00004.json"));
	assert_true(exists("01M80NEQ2V2KTBCRRB33S00005.json"));
	assert_int_equal(flight_store_trim(fd, 100, 5000, &u, NULL), 0);
	assert_int_equal(u.flights, 4);
	assert_true(exists("mine.txt"));
	assert_false(exists(".01M80NEQ2V2KTBCRRB33S00001.bhr.new"));
}

static void the_folder_never_holds_more_than_its_number(void **state)
{
	const struct alert a = alert_of(ALERT_ERROR);

	(void)state;
	for (unsigned i = 0; i < FLIGHT_MAX_KEPT; i++)
		add_flight(i, 10);
	fire(&a, ID("00"));
	AUTO_FD int fd = open_store();
	struct flight_usage u;

	assert_int_equal(flight_store_trim(fd, UINT64_MAX, UINT64_MAX, &u, NULL), 0);
	assert_int_equal(u.flights, FLIGHT_MAX_KEPT);
	assert_true(exists(ID("00") ".bhr"));
	assert_false(exists("01M80NEQ2V2KTBCRRB33S00000.bhr"));
}

static void the_list_is_newest_first_and_passes_over_damage(void **state)
{
	AUTO_FD int fd = open_store();
	AUTO_BUF struct buf b = { .fd = -1 };
	const struct alert a = alert_of(ALERT_ERROR);

	(void)state;
	add_flight(1, 5);
	tree_write(&w.t, "state/flights/01M80NEQ2V2KTBCRRB33S00002.json", "\0{nonsense", 10);
	fire(&a, ID("ZZ"));
	buf_init(&b, 1u << 20);
	flight_store_list(fd, "/x", &b);
	json_t *o = json_loadb(b.data, b.len, JSON_REJECT_DUPLICATES, NULL);
	const json_t *list = json_object_get(o, "flights"), *first = json_array_get(list, 0);

	assert_non_null(o);
	assert_int_equal(json_array_size(list), 3);
	assert_string_equal(json_string_value(json_object_get(first, "id")), ID("ZZ"));
	assert_string_equal(json_string_value(json_object_get(first, "rule")), "some-rule");
	assert_true(json_integer_value(json_object_get(first, "recording_bytes")) > 0);
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 1), "id")),
			    "01M80NEQ2V2KTBCRRB33S00002");
	json_decref(o);
}

static void only_ids_are_read(void **state)
{
	AUTO_FD int fd = open_store();
	AUTO_BUF struct buf b = { .fd = -1 };
	struct err e = { "" };

	(void)state;
	buf_init(&b, 1u << 20);
	assert_int_equal(flight_store_read(fd, SPAN_LIT("../alerts/seq"), &b, &e), -EINVAL);
	assert_int_equal(flight_store_read(fd, SPAN_LIT(ID("00")), &b, &e), -ENOENT);
	assert_string_equal(e.text, "there is no recording of alert '" ID("00") "'");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest flight[] = {
		T(an_alert_of_error_is_written_down_so_that_it_replays),
		T(what_is_less_or_no_news_is_not_written_down),
		T(alerts_of_one_container_within_a_minute_share_one),
		T(a_recording_that_cannot_be_written_is_tried_again),
		T(more_than_four_that_wait_are_refused),
		T(without_memory_nothing_is_recorded),
		T(of_too_many_processes_the_newest_are_told),
		T(the_oldest_make_room_by_number_and_by_bytes),
		T(the_folder_never_holds_more_than_its_number),
		T(the_list_is_newest_first_and_passes_over_damage),
		T(only_ids_are_read),
	};

	return cmocka_run_group_tests(flight, NULL, NULL);
}
