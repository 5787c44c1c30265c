// SPDX-License-Identifier: GPL-2.0-or-later
/* Snapshots of processes and containers, and recordings read back through the pipeline. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "collector/base/clock.h"
#include "collector/replay.h"
#include "collector/snapshot.h"

#define START	  (1000 * NS_PER_S)
#define CONTAINER 77

static const struct recording_header header = { .event_version = EVENT_VERSION,
						.unix_minus_boot_ns = 1700000000 * NS_PER_S,
						.host = "box",
						.kernel = "6.18" };

/* --- a little world: init, a shim, a container's shell, what it does -----------------------------
 */

static struct process_table *table_new(void)
{
	struct process_table *t = NULL;

	assert_int_equal(process_table_new(&t, 1000, NULL), 0);
	return t;
}

static void seed(struct process_table *t, uint32_t pid, uint32_t ppid, uint64_t container,
		 const char *exe)
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
					     .uid = 1000,
					     .euid = 1001,
					     .loginuid = 500,
					     .exec_seq = 3,
					     .syscall = -1 },
				   .caps = { .effective = 0xff, .bounding = 1ULL << 40 },
				   .ns = { .mnt = 11, .pid = 12, .time = 13 },
				   .exe = { .inode = 99, .mode = 0100755, .flags = FILE_KNOWN },
				   .seccomp = 2,
				   .real_parent_start_boot_ns = START + ppid };
	const struct process_seed s = { .task = &task,
					.exe = span_str(exe),
					.args = SPAN_LIT("sh\0-c\0x"),
					.cwd = SPAN_LIT("/root") };

	memcpy(task.head.comm, "sh", 2);
	assert_int_equal(process_seed(t, &s), 0);
}

static _Alignas(8) uint8_t record[EVENT_MAX_BYTES];

struct made {
	enum event_type type;
	uint32_t pid;
	uint64_t at_ns; /* after START */
	const char *path;
	struct span args;
	struct event_fork fork;
	struct event_exit exit;
};

static size_t make_event(const struct made *m)
{
	const struct event_head head = { .type = (uint16_t)m->type,
					 .pid = m->pid,
					 .tid = m->pid,
					 .boot_ns = START + NS_PER_S + m->at_ns,
					 .start_boot_ns = START + m->pid,
					 .cgroup_id = CONTAINER,
					 .container_cgroup = CONTAINER,
					 .exec_seq = m->type == EVENT_EXEC ? 4 : 3,
					 .uid = 1000,
					 .syscall = -1,
					 .comm = "sh" };
	const void *fixed = m->type == EVENT_FORK   ? (const void *)&m->fork
			    : m->type == EVENT_EXIT ? (const void *)&m->exit
						    : NULL;
	struct event_writer w;

	event_write_begin(&w, record, sizeof(record), &head, fixed);
	if (m->path)
		event_write_string(&w, TAG_PATH, 0, span_str(m->path));
	if (m->args.n)
		event_write_string(&w, TAG_ARGS, 0, m->args);
	return event_write_end(&w);
}

static const struct made story[] = {
	{ .type = EVENT_OPEN, .pid = 30, .at_ns = 1, .path = "/etc/passwd" },
	{ .type = EVENT_FORK,
	  .pid = 30,
	  .at_ns = 2,
	  .fork = { .start_boot_ns = START + 31,
		    .cgroup_id = CONTAINER,
		    .container_cgroup = CONTAINER,
		    .pid = 31,
		    .tid = 31,
		    .ns_pid = 31,
		    .exec_seq = 3 } },
	{ .type = EVENT_EXEC,
	  .pid = 31,
	  .at_ns = 3,
	  .path = "/bin/cat",
	  .args = SPAN_LIT("cat\0/etc/shadow") },
	{ .type = EVENT_OPEN, .pid = 31, .at_ns = 4, .path = "/etc/shadow\n\x1b\xff" },
	{ .type = EVENT_EXIT, .pid = 31, .at_ns = 5, .exit = { .status = 1 << 8 } },
	/* long after its exit */
	{ .type = EVENT_OPEN, .pid = 31, .at_ns = 20 * NS_PER_S, .path = "/late" },
	{ .type = EVENT_OPEN, .pid = 30, .at_ns = 21 * NS_PER_S, .path = "/end" },
};
#define STORY_N (sizeof(story) / sizeof(story[0]))

static const struct event_container container = { .id = SPAN_LIT("0123456789"),
						  .name = SPAN_LIT("web"),
						  .image = SPAN_LIT("nginx:1"),
						  .runtime = SPAN_LIT("docker") };

static struct process_table *world(void)
{
	struct process_table *t = table_new();

	seed(t, 1, 0, 0, "/sbin/init");
	seed(t, 20, 1, 0, "/usr/bin/shim");
	seed(t, 30, 20, CONTAINER, "/bin/sh");
	process_seed_end(t, 0);
	return t;
}

/* What a live agent would print of the story. */
static void live(struct buf *out)
{
	AUTO(process_table_free) struct process_table *t = world();
	uint64_t expired = 0;

	for (size_t i = 0; i < STORY_N; i++) {
		struct event_context c = { .container = &container,
					   .unix_minus_boot_ns = header.unix_minus_boot_ns };
		struct event_view v;

		assert_int_equal(event_decode(record, make_event(&story[i]), &v, NULL), 0);
		if (v.head->boot_ns > expired + 2 * NS_PER_S)
			process_expire(t, expired = v.head->boot_ns);
		c.process = process_apply(t, &v);
		event_json(out, &v, &c);
		buf_add_char(out, '\n');
	}
}

/* --- recordings ----------------------------------------------------------------------------------
 */

static bool write_process(void *ctx, const struct process *p)
{
	static uint8_t bytes[SNAPSHOT_PROCESS_MAX];
	struct wire_writer w = { .p = bytes, .cap = sizeof(bytes) };

	if (p->placeholder)
		return true;
	snapshot_process_encode(&w, p);
	assert_false(w.failed);
	assert_int_equal(recording_write(ctx, RECORDING_PROCESS,
					 (struct span){ (char *)bytes, w.len }, NULL),
			 0);
	return true;
}

static void write_container(struct recording_writer *to)
{
	static uint8_t bytes[SNAPSHOT_CONTAINER_MAX];
	struct wire_writer w = { .p = bytes, .cap = sizeof(bytes) };
	const struct snapshot_container c = { .key = SPAN_LIT("docker-0123456789"),
					      .cgroups = { CONTAINER },
					      .cgroups_n = 1,
					      .text = container };

	snapshot_container_encode(&w, &c);
	assert_int_equal(recording_write(to, RECORDING_CONTAINER,
					 (struct span){ (char *)bytes, w.len }, NULL),
			 0);
}

struct file {
	char *bytes;
	size_t n;
};

/* The story as a recording, its opens alone to be shown if so; `bad` puts a malformed event behind
 * it. */
static struct file record_part(bool opens, bool bad)
{
	AUTO(recording_writer_free) struct recording_writer *w = NULL;
	AUTO(process_table_free) struct process_table *t = world();
	AUTO_FD int fd = memfd_create("story", MFD_CLOEXEC);

	assert_int_equal(recording_writer_new(&w, fd, &header, NULL), 0);
	write_container(w);
	process_each(t, write_process, w);
	for (size_t i = 0; i < STORY_N; i++) {
		size_t n = make_event(&story[i]);
		enum recording_type type = opens && story[i].type != EVENT_OPEN ? RECORDING_CONTEXT
										: RECORDING_EVENT;

		assert_int_equal(recording_write(w, type, (struct span){ (char *)record, n }, NULL),
				 0);
	}
	if (bad)
		assert_int_equal(recording_write(w, RECORDING_EVENT, SPAN_LIT("junk"), NULL), 0);
	assert_int_equal(recording_write_lost(w, 5, NULL), 0);
	assert_int_equal(recording_write(w, (enum recording_type)200, SPAN_LIT("later"), NULL), 0);
	assert_int_equal(recording_finish(w, NULL), 0);
	struct file f = { .n = recording_writer_stats(w).bytes };

	f.bytes = malloc(f.n);
	assert_non_null(f.bytes);
	assert_int_equal(pread(fd, f.bytes, f.n, 0), (ssize_t)f.n);
	return f;
}

static struct file record_story(bool bad)
{
	return record_part(false, bad);
}

static void print_event(void *ctx, const struct event_view *v, const struct event_context *c)
{
	event_json(ctx, v, c);
	buf_add_char(ctx, '\n');
}

static int replayed(const char *bytes, size_t n, struct buf *out, struct replay_summary *sum,
		    struct err *e)
{
	const struct replay_settings s = { .event = print_event, .ctx = out };
	AUTO_FD int fd = memfd_create("replay", MFD_CLOEXEC);

	assert_int_equal(write(fd, bytes, n), (ssize_t)n);
	lseek(fd, 0, SEEK_SET);
	return replay_read(fd, &s, sum, e);
}

static void a_replay_prints_what_the_agent_printed(void **state)
{
	struct file f = record_story(false);
	AUTO_BUF struct buf want = { .fd = -1 };
	AUTO_BUF struct buf got = { .fd = -1 };
	struct replay_summary sum;
	struct err e = { "" };

	(void)state;
	buf_init(&want, 1u << 20);
	buf_init(&got, 1u << 20);
	live(&want);
	for (int run = 0; run < 2; run++) { /* and the same each time */
		buf_clear(&got);
		assert_int_equal(replayed(f.bytes, f.n, &got, &sum, &e), 0);
		assert_int_equal(got.len, want.len);
		assert_memory_equal(got.data, want.data, want.len);
	}
	assert_non_null(memmem(got.data, got.len, "\"name\":\"web\"", 12));
	assert_true(sum.whole);
	assert_int_equal(sum.events, STORY_N);
	assert_int_equal(sum.by_type[EVENT_OPEN], 4);
	assert_int_equal(sum.processes, 3);
	assert_int_equal(sum.containers, 1);
	assert_int_equal(sum.lost, 5);
	assert_int_equal(sum.unknown, 1);
	assert_int_equal(sum.no_room, 0);
	assert_int_equal(sum.last_ns - sum.first_ns, 21 * NS_PER_S - 1);
	assert_string_equal(sum.header.host, "box");
	free(f.bytes);
}

static void what_is_for_context_is_taken_in_and_not_shown(void **state)
{
	struct file f = record_part(true, false);
	AUTO_BUF struct buf want = { .fd = -1 };
	AUTO_BUF struct buf got = { .fd = -1 };
	struct replay_summary sum;
	struct err e = { "" };
	struct span rest, line;
	size_t lines = 0;

	(void)state;
	buf_init(&want, 1u << 20);
	buf_init(&got, 1u << 20);
	live(&want);
	assert_int_equal(replayed(f.bytes, f.n, &got, &sum, &e), 0);
	assert_int_equal(sum.events, 4);
	assert_int_equal(sum.context, STORY_N - 4);
	rest = (struct span){ got.data, got.len };
	while (span_next(&rest, '\n', &line) && line.n > 0) {
		assert_non_null(memmem(want.data, want.len, line.p, line.n)); /* the same line */
		lines++;
	}
	assert_int_equal(lines, 4);
	free(f.bytes);
}

static void damage_is_told_with_its_place_and_what_was_before_is_there(void **state)
{
	struct file f = record_story(false);
	AUTO_BUF struct buf got = { .fd = -1 };
	struct replay_summary sum;
	struct err e = { "" };

	(void)state;
	buf_init(&got, 1u << 20);
	assert_int_equal(replayed(f.bytes, f.n - 3, &got, &sum, &e), -EPROTO);
	assert_non_null(strstr(e.text, "damaged at byte"));
	assert_false(sum.whole);
	assert_string_equal(sum.header.kernel, "6.18");
	assert_int_equal(replayed(f.bytes, 7, &got, &sum, &e), -EPROTO);
	assert_int_equal(sum.items, 0);
	free(f.bytes);
}

static void a_malformed_event_is_told_with_its_item(void **state)
{
	struct file f = record_story(true);
	AUTO_BUF struct buf got = { .fd = -1 };
	struct replay_summary sum;
	struct err e = { "" };

	(void)state;
	buf_init(&got, 1u << 20);
	assert_int_equal(replayed(f.bytes, f.n, &got, &sum, &e), -EPROTO);
	assert_non_null(strstr(e.text, "the recording is damaged at item 12: "));
	assert_int_equal(sum.events, STORY_N);
	free(f.bytes);
}

/* --- snapshots -----------------------------------------------------------------------------------
 */

static bool copy_process(void *ctx, const struct process *p)
{
	static uint8_t bytes[SNAPSHOT_PROCESS_MAX];
	struct wire_writer w = { .p = bytes, .cap = sizeof(bytes) };
	struct snapshot_process s;

	if (p->placeholder)
		return true;
	snapshot_process_encode(&w, p);
	assert_false(w.failed);
	assert_int_equal(snapshot_process_decode((struct span){ (char *)bytes, w.len }, &s, NULL),
			 0);
	assert_int_equal(snapshot_process_restore(ctx, &s), 0);
	return true;
}

static void assert_same_text(struct span a, struct span b)
{
	assert_int_equal(a.n, b.n);
	if (a.n)
		assert_memory_equal(a.p, b.p, a.n);
}

static bool compare_process(void *ctx, const struct process *p)
{
	const struct process *q = process_find(ctx, p->key);

	assert_non_null(q);
	assert_int_equal(q->parent ? q->parent->key.pid : 0, p->parent ? p->parent->key.pid : 0);
	assert_int_equal(q->uid, p->uid);
	assert_int_equal(q->euid, p->euid);
	assert_int_equal(q->loginuid, p->loginuid);
	assert_int_equal(q->cgroup_id, p->cgroup_id);
	assert_int_equal(q->container_cgroup, p->container_cgroup);
	assert_int_equal(q->exec_seq, p->exec_seq);
	assert_int_equal(q->exec_boot_ns, p->exec_boot_ns);
	assert_int_equal(q->exec_owner.pid, p->exec_owner.pid);
	assert_int_equal(q->exec_owner.start_boot_ns, p->exec_owner.start_boot_ns);
	assert_memory_equal(&q->caps, &p->caps, sizeof(p->caps));
	assert_memory_equal(&q->ns, &p->ns, sizeof(p->ns));
	assert_memory_equal(&q->exe_file, &p->exe_file, sizeof(p->exe_file));
	assert_int_equal(q->seccomp, p->seccomp);
	assert_string_equal(q->comm, p->comm);
	assert_same_text(process_exe(q), process_exe(p));
	assert_same_text(process_args(q), process_args(p));
	assert_int_equal(q->first, p->first);
	assert_int_equal(q->injected, p->injected);
	assert_int_equal(q->ended, p->ended);
	assert_int_equal(q->exit_status, p->exit_status);
	assert_int_equal(q->exit_boot_ns, p->exit_boot_ns);
	return true;
}

static void a_table_of_processes_comes_back_as_it_was(void **state)
{
	AUTO(process_table_free) struct process_table *t = world();
	AUTO(process_table_free) struct process_table *copy = table_new();
	struct event_view v;

	(void)state;
	for (size_t i = 0; i < 5; i++) { /* up to the exit of 31 */
		assert_int_equal(event_decode(record, make_event(&story[i]), &v, NULL), 0);
		process_apply(t, &v);
	}
	process_each(t, copy_process, copy);
	process_seed_end(copy, 0);
	process_each(t, compare_process, copy);
	struct process_stats a = process_table_stats(t), b = process_table_stats(copy);

	assert_int_equal(a.live, b.live);
	assert_int_equal(a.ended, b.ended);
	assert_true(process_find(copy, (struct process_key){ START + 31, 31 })->ended);
}

static void an_encoded_process_with_a_byte_missing_is_refused(void **state)
{
	AUTO(process_table_free) struct process_table *t = world();
	static uint8_t bytes[SNAPSHOT_PROCESS_MAX];
	struct wire_writer w = { .p = bytes, .cap = sizeof(bytes) };
	struct snapshot_process s;

	(void)state;
	snapshot_process_encode(&w, process_find_pid(t, 30));
	for (size_t n = 0; n <= w.len + 1; n++) {
		char *copy = calloc(1, n + 1);

		assert_non_null(copy);
		memcpy(copy, bytes, n < w.len ? n : w.len);
		assert_int_equal(snapshot_process_decode((struct span){ copy, n }, &s, NULL),
				 n == w.len ? 0 : -EPROTO);
		free(copy);
	}
}

static void a_container_comes_back_and_with_a_byte_missing_it_does_not(void **state)
{
	uint8_t bytes[1024];
	struct wire_writer w = { .p = bytes, .cap = sizeof(bytes) };
	const struct snapshot_container c = { .key = SPAN_LIT("docker-0123456789"),
					      .cgroups = { CONTAINER, 1ULL << 50 },
					      .cgroups_n = 2,
					      .image_id = SPAN_LIT("sha256:x"),
					      .text = container };
	struct snapshot_container back;

	(void)state;
	snapshot_container_encode(&w, &c);
	assert_int_equal(
		snapshot_container_decode((struct span){ (char *)bytes, w.len }, &back, NULL), 0);
	assert_int_equal(back.cgroups_n, 2);
	assert_int_equal(back.cgroups[1], 1ULL << 50);
	assert_same_text(back.text.name, container.name);
	assert_same_text(back.text.runtime, container.runtime);
	assert_same_text(back.image_id, c.image_id);
	for (size_t n = 0; n < w.len; n++)
		assert_int_equal(
			snapshot_container_decode((struct span){ (char *)bytes, n }, &back, NULL),
			-EPROTO);
	bytes[2 + c.key.n] = SNAPSHOT_MAX_CGROUPS + 1;
	assert_int_equal(
		snapshot_container_decode((struct span){ (char *)bytes, w.len }, &back, NULL),
		-EPROTO);
}

static int run_main(const char *a, const char *b, const char *c)
{
	char *argv[] = { strdup("replay"), a ? strdup(a) : NULL, b ? strdup(b) : NULL,
			 c ? strdup(c) : NULL, NULL };
	int argc = 1 + (a != NULL) + (b != NULL) + (c != NULL);
	int r = replay_main(argc, argv);

	for (int i = 0; i < 4; i++)
		free(argv[i]);
	return r;
}

static void wrong_usage_and_a_missing_file_have_their_exit_codes(void **state)
{
	(void)state;
	assert_int_equal(run_main(NULL, NULL, NULL), 2);
	assert_int_equal(run_main("a", "b", NULL), 2);
	assert_int_equal(run_main("--type", "nonsense", "a"), 2);
	assert_int_equal(run_main("--format", "record", "a"), 2);
	assert_int_equal(run_main("--nonsense", "a", NULL), 2);
	assert_int_equal(run_main("/nonexistent/file", NULL, NULL), 1);
	assert_int_equal(run_main("/dev/null", NULL, NULL), 1);
	assert_int_equal(run_main("--help", NULL, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest replay[] = {
		cmocka_unit_test(a_replay_prints_what_the_agent_printed),
		cmocka_unit_test(what_is_for_context_is_taken_in_and_not_shown),
		cmocka_unit_test(damage_is_told_with_its_place_and_what_was_before_is_there),
		cmocka_unit_test(a_malformed_event_is_told_with_its_item),
		cmocka_unit_test(a_table_of_processes_comes_back_as_it_was),
		cmocka_unit_test(an_encoded_process_with_a_byte_missing_is_refused),
		cmocka_unit_test(a_container_comes_back_and_with_a_byte_missing_it_does_not),
		cmocka_unit_test(wrong_usage_and_a_missing_file_have_their_exit_codes),
	};

	return cmocka_run_group_tests(replay, NULL, NULL);
}
