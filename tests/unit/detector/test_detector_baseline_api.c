// SPDX-License-Identifier: GPL-2.0-or-later
/* Requests about baselines, answered without an agent: what is asked, and what root changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <unistd.h>

#include "detector/detector_baseline_api.h"
#include "tests/unit/detector/baseline_fixture.h"
#include "tests/unit/fixture.h"

#define NGINX "docker.io/library/nginx"

static struct world {
	struct tree t;
	int fd;
	struct config config;
	struct agent_services services;
	struct cgroup_layout layout;
	char proc[160];
	struct audit *audit;
	struct detector_baseline *d;
	const char *layer;
	bool denies;
	unsigned status, answers;
	json_t *answer;
} w;

/* --- an agent that is none ------------------------------------------------------------------ */

static int no_serve(struct agent *a, enum wire_type type, struct span payload, int fd)
{
	(void)a;
	(void)type;
	(void)payload;
	if (fd >= 0)
		close(fd);
	return -ENOTCONN;
}

static uint64_t no_clock(struct agent *a)
{
	(void)a;
	return 0;
}

static void no_want(struct agent *a, enum agent_wants_owner owner, const struct agent_wants *wants)
{
	(void)a;
	(void)owner;
	(void)wants;
}

static const struct container_table *no_containers(struct agent *a)
{
	(void)a;
	return NULL;
}

static struct process_table *no_processes(struct agent *a)
{
	(void)a;
	return NULL;
}

static const char *layer(struct agent *a)
{
	(void)a;
	return w.layer;
}

static bool can_deny(struct agent *a)
{
	(void)a;
	return w.denies;
}

static void take_answer(struct agent *a, uint32_t ticket, uint16_t status, struct buf *body)
{
	json_error_t why;

	(void)a;
	assert_int_equal(ticket, 5);
	assert_false(body->failed);
	json_decref(w.answer);
	w.answer = json_loadb(body->data, body->len, JSON_REJECT_DUPLICATES, &why);
	assert_non_null(w.answer);
	w.status = status;
	w.answers++;
	buf_release(body);
}

static int setup(void **state)
{
	struct detector_baseline_settings s = { .services = &w.services };

	(void)state;
	memset(&w, 0, sizeof(w));
	w.t = tree_make("@ proc/sys/kernel/random/boot_id\n"
			"01234567-89ab-cdef-0123-456789abcdef\n");
	w.fd = open(w.t.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(w.proc, sizeof(w.proc), "%s/proc", w.t.path);
	config_defaults(&w.config);
	w.config.baseline = true;
	w.layer = "tracepoint";
	w.services = (struct agent_services){ .state_fd = w.fd,
					      .config = &w.config,
					      .proc = w.proc,
					      .layout = &w.layout,
					      .send = no_serve,
					      .answer = take_answer,
					      .want = no_want,
					      .containers = no_containers,
					      .processes = no_processes,
					      .layer = layer,
					      .can_deny = can_deny,
					      .unix_minus_boot_ns = no_clock };
	if (audit_new(&w.audit, &w.services, NULL, "node", NULL) < 0)
		return -1;
	s.audit = w.audit;
	return detector_baseline_new(&w.d, &s, NULL);
}

static int teardown(void **state)
{
	(void)state;
	detector_baseline_free(w.d);
	audit_free(w.audit);
	json_decref(w.answer);
	close(w.fd);
	tree_remove(&w.t);
	return 0;
}

/* --- asking -------------------------------------------------------------------------------- */

static json_t *ask(const char *path, const char *query)
{
	w.answers = 0;
	assert_true(detector_baseline_get(w.d, span_str(path), span_str(query), 5));
	assert_int_equal(w.answers, 1);
	return w.answer;
}

static json_t *command(const char *path, const char *query)
{
	w.answers = 0;
	assert_true(detector_baseline_command(w.d, span_str(path), span_str(query), 5));
	assert_int_equal(w.answers, 1);
	return w.answer;
}

static json_t *document(const char *path, const char *query, const char *text)
{
	w.answers = 0;
	assert_true(detector_baseline_document(w.d, span_str(path), span_str(query), span_str(text),
					       5));
	assert_int_equal(w.answers, 1);
	return w.answer;
}

static const char *message(void)
{
	const char *text =
		json_string_value(json_object_get(json_object_get(w.answer, "error"), "message"));

	return text ? text : "";
}

static const char *text_in(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

static json_int_t count_in(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static struct baseline *added(struct baseline *b)
{
	assert_int_equal(baseline_store_add(w.d->store, b), 0);
	assert_non_null(image_of(w.d, b));
	return b;
}

static void deviate(struct baseline *b, const char *text, uint64_t last_ns, uint32_t times,
		    uint32_t flags)
{
	struct path_entry *entry;

	assert_int_equal(path_tree_add(b->deviations, span_str(text), &entry, NULL), 0);
	entry->seen.first_ns = last_ns - 1;
	entry->seen.last_ns = last_ns;
	entry->seen.windows[PHASE_STEADY] = times;
	entry->seen.flags = flags;
}

static uint32_t deviations_of(const struct baseline *b)
{
	return path_tree_stats(b->deviations).entries;
}

static void learn_all(struct baseline *b)
{
	for (unsigned c = 0; c < BASELINE_CLASS_COUNT; c++)
		for (unsigned p = 0; p < PHASE_COUNT; p++) {
			b->sets[c].complete_ns[p] = T0;
			b->sets[c].refused = 0;
		}
}

/* Records of the audit that have all these words. */
static unsigned audited(const char *rule, const char *word)
{
	unsigned found = 0;
	char path[256], line[65536];

	audit_tick(w.audit);
	snprintf(path, sizeof(path), "%s/audit/audit.jsonl", w.t.path);
	FILE *f = fopen(path, "re");

	while (f && fgets(line, sizeof(line), f))
		found += strstr(line, rule) && strstr(line, word) && strstr(line, "\"root\"");
	if (f)
		fclose(f);
	return found;
}

/* --- whose a path is ----------------------------------------------------------------------- */

static void paths_of_others_are_left_to_them(void **state)
{
	const struct span none = { "", 0 };

	(void)state;
	assert_false(detector_baseline_get(w.d, SPAN_LIT("/api/v1/alerts"), none, 5));
	assert_false(detector_baseline_get(w.d, SPAN_LIT("/api/v1/baselines/mode"), none, 5));
	assert_false(detector_baseline_get(w.d, SPAN_LIT("/api/v1/baselinesx"), none, 5));
	assert_false(detector_baseline_command(w.d, SPAN_LIT("/api/v1/baselines"), none, 5));
	assert_false(detector_baseline_command(w.d, SPAN_LIT("/api/v1/baselines/import"), none, 5));
	assert_false(
		detector_baseline_document(w.d, SPAN_LIT("/api/v1/baselines/mode"), none, none, 5));
	assert_true(
		detector_baseline_get(w.d, SPAN_LIT("/api/v1/baselines"), none, AGENT_NO_TICKET));
	assert_int_equal(w.answers, 0); /* it only said whose it is */
}

static void a_damaged_question_is_refused(void **state)
{
	static const struct {
		const char *path, *query, *text;
	} cases[] = {
		{ "", "nonsense=1", "'nonsense' is no parameter of this path" },
		{ "", "mode=learn", "'mode' is no parameter of this path" },
		{ "", "image=%zz", "damaged percent-encoding" },
		{ "/deviations", "", "the parameter 'image' is missing" },
		{ "/deviations", "image=", "the parameter 'image' is missing" },
		{ "/diff", "a=1", "the parameter 'b' is missing" },
		{ "/preview", "image=nginx&hours=0", "'hours' is a number from 1 to 8784" },
		{ "/preview", "image=nginx&hours=-1", "'hours' is a number from 1 to 8784" },
		{ "/export", "image=nginx&format=pdf", "'format' is json, seccomp" },
	};
	char path[64];

	(void)state;
	added(full_baseline());
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(path, sizeof(path), "/api/v1/baselines%s", cases[i].path);
		ask(path, cases[i].query);
		assert_int_equal(w.status, 400);
		assert_non_null(strstr(message(), cases[i].text));
	}
}

static void an_image_is_found_or_it_is_said_why_not(void **state)
{
	(void)state;
	added(full_baseline());
	added(make_baseline(NGINX, "nginx-debug"));
	ask("/api/v1/baselines", "image=apache");
	assert_int_equal(w.status, 404);
	assert_string_equal(message(), "there is no baseline of 'apache'");
	ask("/api/v1/baselines", "image=nginx");
	assert_int_equal(w.status, 409);
	assert_non_null(strstr(message(), "'docker.io/library/nginx nginx-debug'"));
	ask("/api/v1/baselines", "image=nginx+nginx-debug");
	assert_int_equal(w.status, 200);
	ask("/api/v1/baselines", "image=nginx%20nginx");
	assert_int_equal(w.status, 200);
}

static void without_baselines_all_is_off(void **state)
{
	struct baseline_store *store = w.d->store;

	(void)state;
	w.d->store = NULL;
	ask("/api/v1/baselines", "");
	assert_int_equal(w.status, 404);
	assert_non_null(strstr(message(), "baselines are off"));
	w.d->store = store;
}

/* --- what is shown ------------------------------------------------------------------------- */

static void the_list_has_each_image_with_how_far_it_is(void **state)
{
	struct baseline *b = added(full_baseline());

	(void)state;
	deviate(b, "exec /bin/x < -", T0, 1, 0);
	json_t *one = json_array_get(json_object_get(ask("/api/v1/baselines", ""), "baselines"), 0);

	assert_int_equal(w.status, 200);
	assert_string_equal(text_in(one, "repository"), NGINX);
	assert_string_equal(text_in(one, "entrypoint"), "nginx");
	assert_string_equal(text_in(one, "mode"), "detect");
	assert_string_equal(text_in(one, "by"), "root");
	assert_int_equal(count_in(one, "digests"), 2);
	assert_int_equal(count_in(one, "containers"), 0); /* none lives */
	assert_int_equal(count_in(one, "observed"), 2);
	assert_int_equal(count_in(one, "deviations"), 1);
	assert_int_equal(count_in(json_object_get(one, "entries"), "exec"), 1);
	const json_t *m = json_object_get(one, "maturity");

	assert_true(json_is_false(json_object_get(m, "complete")));
	assert_true(json_real_value(json_object_get(m, "expected_new")) > 0.1);
	assert_true(json_number_value(json_object_get(m, "progress")) < 1);
	learn_all(b);
	one = json_array_get(json_object_get(ask("/api/v1/baselines", ""), "baselines"), 0);
	m = json_object_get(one, "maturity");
	assert_true(json_is_true(json_object_get(m, "complete")));
	assert_true(json_number_value(json_object_get(m, "progress")) >= 1);
	assert_int_equal(count_in(json_object_get(w.answer, "store"), "images"), 1);
}

static void one_is_its_document_and_what_follows_from_it(void **state)
{
	struct baseline *b = added(full_baseline());

	b->actions[BASELINE_WRITE] = ENFORCE_FREEZE;
	json_t *o = ask("/api/v1/baselines", "image=nginx");
	const json_t *exec = json_object_get(json_object_get(o, "maturity"), "exec");
	const json_t *steady = json_object_get(exec, "steady");

	(void)state;
	assert_int_equal(w.status, 200);
	assert_int_equal(count_in(o, "schema"), BASELINE_SCHEMA);
	assert_string_equal(text_in(o, "mode"), "detect");
	assert_int_equal(json_array_size(json_object_get(json_object_get(o, "sets"), "exec")), 1);
	assert_true(json_is_true(json_object_get(steady, "complete")));
	assert_int_equal(count_in(steady, "windows"), 5);
	assert_int_equal(count_in(steady, "windows_left"), 0);
	assert_true(json_is_false(json_object_get(json_object_get(exec, "shut-down"), "complete")));
	const json_t *write = json_object_get(json_object_get(o, "maturity"), "write");

	assert_int_equal(count_in(json_object_get(write, "start-up"), "voided"), 1);
	assert_true(count_in(json_object_get(write, "steady"), "windows_left") > 0);
	const json_t *version = json_array_get(json_object_get(o, "versions"), 0);

	assert_string_equal(text_in(version, "reference"), "nginx:1.25");
	assert_true(json_is_false(json_object_get(version, "learned")));
	const json_t *cpu = json_object_get(json_object_get(o, "usual"), "cpu");

	assert_string_equal(text_in(cpu, "unit"), "cores");
	assert_true(json_real_value(json_object_get(cpu, "median")) > 0.4);
	assert_true(json_real_value(json_object_get(cpu, "p99")) < 1.1);
	assert_true(json_is_false(json_object_get(o, "can_enforce")));
	learn_all(b);
	o = ask("/api/v1/baselines", "image=nginx");
	assert_true(json_is_true(json_object_get(o, "can_enforce")));
	w.layer = "off";
	o = ask("/api/v1/baselines", "image=nginx");
	assert_non_null(strstr(text_in(o, "why_not"), "sensor is off"));
}

static void deviations_have_their_entry_and_what_it_is_in_general(void **state)
{
	struct baseline *b = added(full_baseline());
	json_t *list, *d;

	(void)state;
	deviate(b, "write /tmp/app-83741937.log", T0, 7, 0);
	deviate(b, "exec /tmp/a*b\xff < /bin/sh", T0, 1, SEEN_DROPPED);
	list = json_object_get(ask("/api/v1/baselines/deviations", "image=nginx"), "deviations");
	assert_int_equal(json_array_size(list), 2);
	d = json_array_get(list, 0);
	assert_string_equal(text_in(d, "class"), "exec");
	assert_string_equal(text_in(d, "entry"), "/tmp/a\\*b\\xff < /bin/sh");
	assert_true(json_is_true(json_object_get(d, "dropped")));
	d = json_array_get(list, 1);
	assert_string_equal(text_in(d, "entry"), "/tmp/app-83741937.log");
	assert_string_equal(text_in(d, "generalised"), "/tmp/app-*.log");
	assert_int_equal(count_in(d, "count"), 7);
}

static void versions_are_compared_by_id_or_name(void **state)
{
	static const char *const pairs[] = { "image=nginx&a=aaaa&b=bbbb", "a=sha256:aaaaa&b=bbbbbb",
					     "a=nginx:1.25&b=nginx:1.26" };

	(void)state;
	added(full_baseline());
	added(make_baseline("other", "x"));
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		json_t *list = json_object_get(ask("/api/v1/baselines/diff", pairs[i]), "entries");
		unsigned only_b = 0;

		assert_int_equal(w.status, 200);
		assert_string_equal(text_in(w.answer, "repository"), NGINX);
		for (size_t k = 0; k < json_array_size(list); k++)
			only_b += strcmp(text_in(json_array_get(list, k), "in"), "b") == 0;
		assert_int_equal(only_b, 1); /* the script */
		assert_true(json_array_size(list) > 3);
	}
	ask("/api/v1/baselines/diff", "a=aaaa&b=cccc");
	assert_int_equal(w.status, 404);
	ask("/api/v1/baselines/diff", "image=nginx&a=aaaa&b=bb"); /* too short to mean one */
	assert_int_equal(w.status, 404);
	ask("/api/v1/baselines/diff", "image=nginx&a=aaaa&b=aaaa");
	assert_int_equal(w.status, 200);
	assert_int_equal(json_array_size(json_object_get(w.answer, "entries")), 0);
}

static void a_preview_counts_what_acts_within_the_hours(void **state)
{
	struct baseline *b = added(full_baseline());
	const uint64_t now = unix_ns();

	(void)state;
	b->actions[BASELINE_EXEC] = ENFORCE_DENY;
	b->actions[BASELINE_WRITE] = ENFORCE_ALERT;
	b->actions[BASELINE_LISTEN] = ENFORCE_FREEZE;
	b->sets[BASELINE_LISTEN].complete_ns[PHASE_STEADY] = 0;
	deviate(b, "exec /bin/new < -", now - NS_PER_S, 3, 0);
	deviate(b, "exec /bin/old < -", now - 3 * 3600 * NS_PER_S, 1, 0);
	deviate(b, "exec /usr/sbin/nginx < /bin/sh", now, 1, 0);
	deviate(b, "write /etc/x", now, 1, 0);
	deviate(b, "listen tcp/4444", now, 2, 0);
	json_t *o = ask("/api/v1/baselines/preview", "image=nginx&hours=2");
	const json_t *counts = json_object_get(o, "counts");

	assert_int_equal(w.status, 200);
	assert_int_equal(count_in(counts, "entries"), 2);
	assert_int_equal(count_in(counts, "events"), 5);
	assert_int_equal(count_in(counts, "exec"), 1);
	assert_int_equal(count_in(counts, "known_programs"), 1);
	assert_true(json_is_true(json_object_get(o, "fits")));
	assert_string_equal(json_string_value(json_array_get(json_object_get(o, "not_learned"), 0)),
			    "listen");
	const json_t *d = json_array_get(json_object_get(o, "blocked"), 0);

	assert_string_equal(text_in(d, "entry"), "/bin/new < -");
	assert_string_equal(text_in(d, "means"), "killed before its first instruction");
	assert_true(json_is_true(json_object_get(d, "learned")));
	w.denies = true;
	d = json_array_get(
		json_object_get(ask("/api/v1/baselines/preview", "image=nginx"), "blocked"), 0);
	assert_string_equal(text_in(d, "means"), "refused before it happens");
	assert_int_equal(count_in(json_object_get(w.answer, "counts"), "entries"), 3);
}

static void an_export_is_text_with_notes(void **state)
{
	struct baseline *back = NULL;

	(void)state;
	added(full_baseline());
	const json_t *o = ask("/api/v1/baselines/export", "image=nginx&format=networkpolicy");

	assert_int_equal(w.status, 200);
	assert_string_equal(text_in(o, "format"), "networkpolicy");
	assert_non_null(strstr(text_in(o, "text"), "kind: NetworkPolicy"));
	assert_true(json_array_size(json_object_get(o, "notes")) > 0);
	o = ask("/api/v1/baselines/export", "image=nginx");
	assert_string_equal(text_in(o, "format"), "json");
	assert_int_equal(baseline_parse(&back, span_str(text_in(o, "text")), NULL), 0);
	baseline_free(back);
}

/* --- what is changed ----------------------------------------------------------------------- */

static void a_mode_is_changed_and_enforce_only_when_it_is_learned(void **state)
{
	struct baseline *b = added(full_baseline());

	(void)state;
	command("/api/v1/baselines/mode", "image=nginx&mode=learn");
	assert_int_equal(w.status, 200);
	assert_string_equal(text_in(w.answer, "from"), "detect");
	assert_string_equal(text_in(w.answer, "mode"), "learn");
	assert_int_equal(b->mode, MODE_LEARN);
	assert_int_equal(audited("baseline.mode", NGINX), 1);
	b->actions[BASELINE_SYSCALL] = ENFORCE_KILL;
	command("/api/v1/baselines/mode", "image=nginx&mode=enforce");
	assert_int_equal(w.status, 409);
	assert_non_null(strstr(message(), "not learned yet: syscall"));
	assert_int_equal(b->mode, MODE_LEARN);
	learn_all(b);
	command("/api/v1/baselines/mode", "image=nginx&mode=enforce");
	assert_int_equal(w.status, 200);
	assert_int_equal(b->mode, MODE_ENFORCE);
	command("/api/v1/baselines/mode", "image=nginx&mode=brave");
	assert_int_equal(w.status, 400);
	command("/api/v1/baselines/mode", "image=nginx");
	assert_int_equal(w.status, 400);
}

static void what_is_accepted_is_known_and_no_deviation_any_more(void **state)
{
	struct baseline *b = added(full_baseline());

	(void)state;
	deviate(b, "write /tmp/a-1", T0, 1, 0);
	deviate(b, "write /tmp/a-2", T0, 1, 0);
	deviate(b, "write /tmp/b", T0, 1, 0);
	deviate(b, "read /tmp/a-1", T0, 1, 0); /* of another class */
	command("/api/v1/baselines/accept", "image=nginx&class=write&entry=/tmp/a-*");
	assert_int_equal(w.status, 200);
	assert_int_equal(count_in(w.answer, "deviations_removed"), 2);
	assert_int_equal(deviations_of(b), 2);
	assert_non_null(look(b, BASELINE_WRITE, "/tmp/a-3"));
	assert_int_equal(audited("baseline.accept", "/tmp/a-*"), 1);
	command("/api/v1/baselines/accept", "image=nginx&class=exec&entry=/tmp/a%5C*b%5Cxff+%3C+-");
	assert_int_equal(w.status, 200);
	assert_string_equal(text_in(w.answer, "entry"), "/tmp/a\\*b\\xff < -");
	assert_non_null(look(b, BASELINE_EXEC, "/tmp/a*b\xff < -"));
	assert_null(look(b, BASELINE_EXEC, "/tmp/aXb\xff < -"));
}

static void entries_that_are_none_are_refused(void **state)
{
	static const char *const queries[] = {
		"image=nginx&class=exec",
		"image=nginx&class=exec&entry=",
		"image=nginx&entry=/x",
		"image=nginx&class=nonsense&entry=/x",
		"image=nginx&class=exec&entry=/x%5C",
		"image=nginx&class=exec&entry=/x%5Cx41",
		"image=nginx&class=exec&entry=/x%5Cy",
	};
	struct baseline *b = added(full_baseline());
	const uint32_t before = entries_of(b, BASELINE_EXEC);

	(void)state;
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		command("/api/v1/baselines/accept", queries[i]);
		assert_int_equal(w.status, 400);
	}
	assert_int_equal(entries_of(b, BASELINE_EXEC), before);
	command("/api/v1/baselines/forget", "image=nginx&class=exec&entry=/nowhere");
	assert_int_equal(w.status, 404);
	command("/api/v1/baselines/reject", "image=nginx&class=exec&entry=/nowhere");
	assert_int_equal(w.status, 404);
}

static void a_long_entry_comes_as_a_document(void **state)
{
	struct baseline *b = added(full_baseline());
	char key[2048] = "/";

	(void)state;
	memset(key + 1, 'd', 1500);
	for (size_t i = 100; i < 1500; i += 100)
		key[i] = '/';
	document("/api/v1/baselines/accept", "image=nginx&class=exec", key);
	assert_int_equal(w.status, 200);
	assert_non_null(look(b, BASELINE_EXEC, key));
	document("/api/v1/baselines/accept", "image=nginx&class=exec&entry=/x", "/y");
	assert_int_equal(w.status, 400);
	document("/api/v1/baselines/accept", "image=nginx&class=exec", "");
	assert_int_equal(w.status, 400);
}

static void what_is_rejected_is_never_known_also_when_it_was_only_told(void **state)
{
	struct baseline *b = added(full_baseline());

	(void)state;
	command("/api/v1/baselines/reject", "image=nginx&class=listen&entry=tcp/80");
	assert_int_equal(w.status, 200);
	assert_true(look(b, BASELINE_LISTEN, "tcp/80")->seen.flags & SEEN_REJECTED);
	deviate(b, "listen tcp/4444", T0, 1, 0);
	command("/api/v1/baselines/reject", "image=nginx&class=listen&entry=tcp/4444");
	assert_int_equal(w.status, 200);
	assert_int_equal(count_in(w.answer, "deviations_removed"), 1);
	assert_true(look(b, BASELINE_LISTEN, "tcp/4444")->seen.flags & SEEN_REJECTED);
	assert_int_equal(deviations_of(b), 0);
	assert_int_equal(audited("baseline.reject", "tcp/4444"), 1);
	command("/api/v1/baselines/forget", "image=nginx&class=listen&entry=tcp/4444");
	assert_int_equal(w.status, 200);
	assert_null(look(b, BASELINE_LISTEN, "tcp/4444"));
	deviate(b, "listen tcp/5555", T0, 1, 0);
	command("/api/v1/baselines/forget", "image=nginx&class=listen&entry=tcp/5555");
	assert_int_equal(w.status, 200); /* told alone: it is done with */
	assert_int_equal(deviations_of(b), 0);
}

static unsigned files_of_baselines(void)
{
	char path[256];
	unsigned n = 0;

	snprintf(path, sizeof(path), "%s/baselines", w.t.path);
	DIR *d = opendir(path);

	for (struct dirent *e; d && (e = readdir(d));)
		n += span_ends(span_str(e->d_name), ".json");
	if (d)
		closedir(d);
	return n;
}

static void a_baseline_that_is_removed_is_gone_from_the_disk(void **state)
{
	(void)state;
	added(full_baseline());
	command("/api/v1/baselines/mode", "image=nginx&mode=learn"); /* written at once */
	assert_int_equal(files_of_baselines(), 1);
	command("/api/v1/baselines/remove", "image=nginx");
	assert_int_equal(w.status, 200);
	assert_string_equal(text_in(w.answer, "repository"), NGINX);
	assert_int_equal(files_of_baselines(), 0);
	assert_int_equal(audited("baseline.remove", NGINX), 1);
	ask("/api/v1/baselines", "image=nginx");
	assert_int_equal(w.status, 404);
}

static void an_import_is_a_proposal_and_raises_no_mode(void **state)
{
	struct baseline *from = full_baseline();

	(void)state;
	from->mode = MODE_ENFORCE;
	learn_all(from);
	AUTO_FREE char *text = text_of(from);

	baseline_free(from);
	document("/api/v1/baselines/import", "", text);
	assert_int_equal(w.status, 200);
	assert_true(json_is_true(json_object_get(w.answer, "created")));
	struct baseline *b = baseline_store_find(w.d->store, SPAN_LIT(NGINX), SPAN_LIT("nginx"));

	assert_non_null(b);
	assert_int_equal(b->mode, w.config.baseline_mode);
	assert_true(b->imported);
	assert_false(baseline_complete(b));
	assert_true(look(b, BASELINE_LISTEN, "tcp/80")->seen.flags & SEEN_IMPORTED);
	assert_int_equal(audited("baseline.import", NGINX), 1);
	assert_int_equal(files_of_baselines(), 1);
	note(b, BASELINE_USER, "33", 0, 1);
	document("/api/v1/baselines/import", "", text); /* it is there by now */
	assert_int_equal(w.status, 200);
	assert_true(json_is_false(json_object_get(w.answer, "created")));
	assert_int_equal(audited("baseline.merge", NGINX), 1);
	assert_non_null(look(b, BASELINE_USER, "33"));
}

static void a_merge_goes_into_the_image_that_is_named(void **state)
{
	struct baseline *b = added(make_baseline("docker.io/me/web", "nginx"));
	struct baseline *from = full_baseline();
	AUTO_FREE char *text = text_of(from);

	(void)state;
	baseline_free(from);
	note(b, BASELINE_USER, "33", 0, 1);
	document("/api/v1/baselines/merge", "image=me/web", text);
	assert_int_equal(w.status, 200);
	assert_string_equal(text_in(w.answer, "repository"), "docker.io/me/web");
	assert_true(look(b, BASELINE_LISTEN, "tcp/80")->seen.flags & SEEN_IMPORTED);
	assert_false(look(b, BASELINE_USER, "33")->seen.flags & SEEN_IMPORTED);
	assert_null(baseline_store_find(w.d->store, SPAN_LIT(NGINX), SPAN_LIT("nginx")));
	document("/api/v1/baselines/merge", "image=nobody", text);
	assert_int_equal(w.status, 404);
}

static void a_damaged_document_changes_nothing(void **state)
{
	static const char *const documents[] = {
		"",
		"{",
		"[]",
		"null",
		"{\"schema\":1}",
		"{\"schema\":99,\"repository\":\"x\"}",
		"{\"schema\":1,\"repository\":\"x\",\"sets\":{\"exec\":[{\"entry\":3}]}}",
	};
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
		document("/api/v1/baselines/import", "", documents[i]);
		assert_int_equal(w.status, 400);
		assert_non_null(strstr(message(), "the document is refused: "));
	}
	baseline_store_list(w.d->store, &n);
	assert_int_equal(n, 0);
	assert_int_equal(files_of_baselines(), 0);
}

static void beyond_the_last_image_an_import_is_refused(void **state)
{
	struct baseline *from = full_baseline();
	AUTO_FREE char *text = text_of(from);
	char name[32];

	(void)state;
	baseline_free(from);
	for (uint32_t i = 0; i < w.config.baseline_max; i++) {
		snprintf(name, sizeof(name), "image-%u", i);
		assert_int_equal(baseline_store_add(w.d->store, make_baseline(name, "")), 0);
	}
	document("/api/v1/baselines/import", "", text);
	assert_int_equal(w.status, 409);
	assert_int_equal(w.d->counts.unknown_images, 1);
	ask("/api/v1/baselines", ""); /* and they are all listed */
	assert_int_equal(json_array_size(json_object_get(w.answer, "baselines")),
			 w.config.baseline_max);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(paths_of_others_are_left_to_them),
		T(a_damaged_question_is_refused),
		T(an_image_is_found_or_it_is_said_why_not),
		T(without_baselines_all_is_off),
		T(the_list_has_each_image_with_how_far_it_is),
		T(one_is_its_document_and_what_follows_from_it),
		T(deviations_have_their_entry_and_what_it_is_in_general),
		T(versions_are_compared_by_id_or_name),
		T(a_preview_counts_what_acts_within_the_hours),
		T(an_export_is_text_with_notes),
		T(a_mode_is_changed_and_enforce_only_when_it_is_learned),
		T(what_is_accepted_is_known_and_no_deviation_any_more),
		T(entries_that_are_none_are_refused),
		T(a_long_entry_comes_as_a_document),
		T(what_is_rejected_is_never_known_also_when_it_was_only_told),
		T(a_baseline_that_is_removed_is_gone_from_the_disk),
		T(an_import_is_a_proposal_and_raises_no_mode),
		T(a_merge_goes_into_the_image_that_is_named),
		T(a_damaged_document_changes_nothing),
		T(beyond_the_last_image_an_import_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
