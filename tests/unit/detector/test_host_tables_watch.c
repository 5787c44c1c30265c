// SPDX-License-Identifier: GPL-2.0-or-later
/* The host's tables watched: looks on a worker, who is named, what is told and that it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <unistd.h>

#include "collector/base/io.h"
#include "detector/detector_tables_internal.h"
#include "tests/unit/detector/resource_fixture.h"
#include "tests/unit/fixture.h"

#define PTYS(used)                                                                                 \
	"@ proc/sys/kernel/pty/nr\n" used "\n@ proc/sys/kernel/pty/max\n100\n"                     \
	"@ proc/101/status\nUid:\t7\t7\t7\t7\nVmSize:\t1 kB\n"                                     \
	"@ proc/101/cgroup\n0::/docker/00000000greedy\n@ proc/101/fd/3 -> /dev/pts/ptmx\n"         \
	"@ proc/101/fd/4 -> /dev/ptmx\n"                                                           \
	"@ proc/102/status\nUid:\t7\t7\t7\t7\nVmSize:\t1 kB\n"                                     \
	"@ proc/102/cgroup\n0::/docker/00000001meek\n@ proc/102/fd/3 -> /dev/pts/ptmx\n"

static struct world {
	struct tree t;
	int fd;
	char proc[256];
	struct config config;
	struct agent_services services;
	struct cgroup_layout layout;
	struct silence_store *silences;
	struct alerts *alerts;
	struct loop *loop;
	struct resources r;
	struct detector_tables *d;
	char answer[65536];
} w;

static int ignore_frame(struct agent *a, enum wire_type type, struct span payload, int fd)
{
	(void)a;
	(void)type;
	(void)payload;
	if (fd >= 0)
		close(fd);
	return -ENOTCONN;
}

static void ignore_degraded(struct agent *a, const char *text, bool on)
{
	(void)a;
	(void)text;
	(void)on;
}

static struct process_table *no_processes(struct agent *a)
{
	(void)a;
	return NULL;
}

static const struct container_table *containers(struct agent *a)
{
	(void)a;
	return w.r.table;
}

static void keep_answer(struct agent *a, uint32_t ticket, uint16_t status, struct buf *body)
{
	(void)a;
	assert_int_equal(ticket, 5);
	assert_int_equal(status, 200);
	snprintf(w.answer, sizeof(w.answer), "%.*s", (int)body->len, body->data);
	buf_release(body);
}

static void begin(const char *literal)
{
	w.t = tree_make(literal);
	snprintf(w.proc, sizeof(w.proc), "%s/proc", w.t.path);
	w.fd = open(w.t.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	config_defaults(&w.config);
	w.config.tables = true;
	snprintf(w.config.rootfs, sizeof(w.config.rootfs), "%s", w.t.path);
	w.services = (struct agent_services){ .loop = w.loop,
					      .state_fd = w.fd,
					      .config = &w.config,
					      .proc = w.proc,
					      .layout = &w.layout,
					      .processes = no_processes,
					      .containers = containers,
					      .answer = keep_answer,
					      .send = ignore_frame,
					      .degraded = ignore_degraded };
	assert_int_equal(loop_new(&w.loop, NULL), 0);
	w.services.loop = w.loop;
	assert_int_equal(silence_store_new(&w.silences, w.fd, NULL), 0);
	const struct alerts_settings s = { .services = &w.services, .silences = w.silences };

	assert_int_equal(alerts_new(&w.alerts, &s, NULL), 0);
	resources_init(&w.r, 64);
	resources_container(&w.r, "greedy", "i")->pid = 101;
	resources_container(&w.r, "meek", "i")->pid = 102;
	const struct detector_tables_settings t = { &w.services, w.alerts };

	assert_int_equal(detector_tables_new(&w.d, &t, NULL), 0);
}

static int teardown(void **state)
{
	(void)state;
	detector_tables_free(w.d);
	alerts_free(w.alerts);
	silence_store_free(w.silences);
	resources_release(&w.r);
	loop_free(w.loop);
	if (w.fd > 0)
		close(w.fd);
	tree_remove(&w.t);
	memset(&w, 0, sizeof(w));
	return 0;
}

static void stop_when_idle(void *ctx, uint32_t events)
{
	(void)ctx;
	(void)events;
	if (!w.d->busy)
		loop_stop(w.loop);
}

/* One look with what follows from it. */
static void look(void)
{
	struct loop_source *timer = NULL;

	w.d->next_ns = 0;
	detector_tables_tick(w.d);
	assert_true(w.d->busy);
	assert_int_equal(
		loop_add_timer(w.loop, NS_PER_MS, NS_PER_MS, stop_when_idle, NULL, &timer, NULL),
		0);
	assert_int_equal(loop_run(w.loop, NULL), 0);
	loop_remove(timer);
}

/* Lines of the log that hold the text. */
static unsigned lines(const char *text)
{
	static char all[1u << 20];
	const ssize_t n = io_read_at(w.fd, "alerts/alerts.jsonl", all, sizeof(all));
	struct span rest = { all, n > 0 ? (size_t)n : 0 }, line;
	unsigned found = 0;

	while (span_next(&rest, '\n', &line))
		found += line.n > 0 && memmem(line.p, line.n, text, strlen(text)) != NULL;
	return found;
}

static void set_used(const char *text)
{
	tree_write(&w.t, "proc/sys/kernel/pty/nr", text, strlen(text));
}

static void a_calm_table_is_not_told(void **state)
{
	(void)state;
	begin(PTYS("3"));
	look();
	assert_int_equal(lines("table-"), 0);
	assert_int_equal(w.d->tracked_n, 1);
}

static void a_full_one_is_told_with_the_container_that_fills_it(void **state)
{
	(void)state;
	begin(PTYS("3"));
	w.config.tables_warning = 2;
	w.config.tables_critical = 100;
	look();
	assert_int_equal(lines("\"rule\":\"table-ptys\""), 1);
	assert_int_equal(lines("container 'greedy' holds 67 % of it"), 1);
	assert_int_equal(lines("\"severity\":\"warning\""), 1);
	look();
	assert_int_equal(lines("table-ptys"), 1);
}

static void what_gets_worse_is_told_again_and_both_end(void **state)
{
	(void)state;
	begin(PTYS("90"));
	look();
	assert_int_equal(lines("\"severity\":\"warning\""), 1);
	set_used("99\n");
	look();
	assert_int_equal(lines("\"severity\":\"critical\""), 1);
	assert_int_equal(lines("\"state\":\"resolved\""), 0);
	set_used("3\n");
	look();
	assert_int_equal(lines("\"state\":\"resolved\""), 0); /* not at once */
	for (int i = 0; i < 2; i++) {
		assert_true(w.d->tracked[0].alerts[i].under_ns > 0);
		w.d->tracked[0].alerts[i].under_ns -= 61 * NS_PER_S;
	}
	look();
	assert_int_equal(lines("\"state\":\"resolved\""), 2);
}

static void what_is_critical_at_once_is_told_once(void **state)
{
	(void)state;
	begin(PTYS("99"));
	look();
	look();
	assert_int_equal(lines("table-ptys"), 1);
	assert_int_equal(lines("\"severity\":\"critical\""), 1);
}

static void switched_off_all_ends(void **state)
{
	(void)state;
	begin(PTYS("99"));
	look();
	w.config.tables = false;
	detector_tables_reload(w.d);
	assert_int_equal(lines("\"state\":\"resolved\""), 1);
	assert_int_equal(w.d->tracked_n, 0);
	detector_tables_tick(w.d);
	assert_false(w.d->busy);
}

static void the_api_tells_each_table_and_who_holds_it(void **state)
{
	(void)state;
	begin(PTYS("90"));
	look();
	assert_false(detector_tables_get(w.d, SPAN_LIT("/api/v1/table"), SPAN_LIT(""), 5));
	assert_true(detector_tables_get(w.d, SPAN_LIT("/api/v1/tables"), SPAN_LIT(""),
					AGENT_NO_TICKET));
	assert_string_equal(w.answer, "");
	assert_true(detector_tables_get(w.d, SPAN_LIT("/api/v1/tables"), SPAN_LIT(""), 5));
	json_t *o = json_loads(w.answer, 0, NULL);

	assert_non_null(o);
	const json_t *t = json_array_get(json_object_get(o, "tables"), 0);

	assert_string_equal(json_string_value(json_object_get(t, "table")), "ptys");
	assert_int_equal(json_integer_value(json_object_get(t, "used")), 90);
	assert_string_equal(json_string_value(json_object_get(t, "level")), "warning");
	assert_int_equal(json_array_size(json_object_get(t, "holders")), 2);
	json_decref(o);
}

static void a_look_that_is_under_way_at_the_end_is_dropped(void **state)
{
	(void)state;
	begin(PTYS("99"));
	detector_tables_tick(w.d);
	assert_true(w.d->busy);
	detector_tables_free(TAKE(w.d));
	assert_int_equal(lines("table-"), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_teardown(name, teardown)
	const struct CMUnitTest tests[] = {
		T(a_calm_table_is_not_told),
		T(a_full_one_is_told_with_the_container_that_fills_it),
		T(what_gets_worse_is_told_again_and_both_end),
		T(what_is_critical_at_once_is_told_once),
		T(switched_off_all_ends),
		T(the_api_tells_each_table_and_who_holds_it),
		T(a_look_that_is_under_way_at_the_end_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
