/* SPDX-License-Identifier: GPL-2.0-or-later */
/* history_fixture - a history in a fresh directory, frames in, answers out. Time is the frames'. */
#ifndef BULKHEAD_TESTS_HISTORY_FIXTURE_H
#define BULKHEAD_TESTS_HISTORY_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glob.h>
#include <jansson.h>
#include <math.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/base/clock.h"
#include "collector/sample.h"
#include "http/history_internal.h"
#include "tests/unit/fixture.h"

#define T0 INT64_C(1700000100) /* a multiple of 300: tiers begin here */
#define HAVE_ALL                                                                                   \
	(SAMPLE_CPU | SAMPLE_MEMORY | SAMPLE_IO | SAMPLE_PIDS | SAMPLE_PSI_CPU |                   \
	 SAMPLE_PSI_MEMORY | SAMPLE_PSI_IO | SAMPLE_NETWORK)

struct fixture {
	struct tree tree;
	struct history *h;
	struct wire_config config;
};

static inline void fixture_open(struct fixture *f)
{
	struct err e = { "" };

	if (history_new(&f->h, &f->config, &e) != 0)
		fail_msg("%s", e.text);
}

static inline int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->tree = tree_make("");
	assert_int_equal(chdir(f->tree.path), 0);
	f->config.history_flush_s = 60;
	f->config.history_min_lifetime_s = 60;
	fixture_open(f);
	*state = f;
	return 0;
}

static inline int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	history_free(f->h);
	if (chdir("/") != 0)
		return -1;
	tree_remove(&f->tree);
	free(f);
	return 0;
}

static inline void fixture_restart(struct fixture *f)
{
	history_free(f->h);
	f->h = NULL;
	fixture_open(f);
}

static inline void start_container(struct fixture *f, uint32_t slot, const char *key, int64_t start)
{
	char id[80];

	snprintf(id, sizeof(id), "%s0123456789", key);
	struct wire_container c = { .slot = slot,
				    .start_unix_ns = (uint64_t)start * NS_PER_S,
				    .key = span_str(key),
				    .id = span_str(id),
				    .name = span_str(key),
				    .image = SPAN_LIT("nginx:1"),
				    .image_id = SPAN_LIT("sha256:0"),
				    .runtime = SPAN_LIT("docker") };

	history_container(f->h, &c);
}

static inline void end_container(struct fixture *f, uint32_t slot, int64_t end)
{
	struct wire_container_end m = { slot, (uint64_t)end * NS_PER_S };

	history_container_end(f->h, &m);
}

static inline void tick_ns(struct fixture *f, uint64_t unix_ns, const struct wire_sample *s,
			   uint32_t n)
{
	uint8_t mem[4096];
	struct wire_writer w = { .p = mem, .cap = sizeof(mem) };

	wire_samples_begin(&w, unix_ns, n);
	for (uint32_t i = 0; i < n; i++)
		wire_sample_put(&w, &s[i]);
	assert_false(w.failed);
	history_samples(f->h, (struct span){ (const char *)mem, w.len });
}

static inline void tick(struct fixture *f, int64_t t, const struct wire_sample *s, uint32_t n)
{
	tick_ns(f, (uint64_t)t * NS_PER_S, s, n);
}

struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t done;
	bool answered;
	struct history_answer a;
};

static inline void on_answer(void *ctx, struct history_answer *a)
{
	struct waiter *w = ctx;

	pthread_mutex_lock(&w->lock);
	w->a = *a;
	w->answered = true;
	pthread_cond_signal(&w->done);
	pthread_mutex_unlock(&w->lock);
}

static inline struct history_answer ask(struct fixture *f, const struct history_query *q)
{
	struct waiter w = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, { 0 } };

	assert_int_equal(history_query(f->h, q, on_answer, &w), 0);
	pthread_mutex_lock(&w.lock);
	while (!w.answered)
		pthread_cond_wait(&w.done, &w.lock);
	pthread_mutex_unlock(&w.lock);
	return w.a;
}

static inline struct history_query query(const char *id, const char *metric, int64_t from,
					 int64_t to, uint32_t step)
{
	struct history_query q = { .from = from, .to = to, .step = step };

	snprintf(q.id, sizeof(q.id), "%s", id);
	snprintf(q.metric, sizeof(q.metric), "%s", metric);
	return q;
}

/* The parsed answer, which has to have this status; the caller's to release. */
static inline json_t *ask_json(struct fixture *f, const struct history_query *q, int status)
{
	struct history_answer a = ask(f, q);
	json_error_t error;
	json_t *root = json_loadb(a.body, a.body_n, 0, &error);

	if (a.status != status || !root)
		fail_msg("status %d: %.*s", a.status, (int)a.body_n, a.body);
	free(a.body);
	return root;
}

/* One value: NAN when null. */
static inline double value_in(const json_t *root, const char *metric, const char *which,
			      int64_t time)
{
	const json_t *series = json_object_get(json_object_get(root, "series"), metric);
	json_int_t start = json_integer_value(json_object_get(root, "start"));
	json_int_t step = json_integer_value(json_object_get(root, "step"));
	const json_t *list = json_object_get(series, which);

	assert_non_null(list);
	assert_int_equal((time - start) % step, 0);
	const json_t *v = json_array_get(list, (size_t)((time - start) / step));

	assert_non_null(v);
	return json_is_null(v) ? (double)NAN : json_number_value(v);
}

static inline double value_at(struct fixture *f, const char *id, const char *metric,
			      const char *which, int64_t time, uint32_t step)
{
	struct history_query q = query(id, metric, time - step, time, step);
	json_t *root = ask_json(f, &q, 200);
	double v = value_in(root, metric, which, time);

	json_decref(root);
	return v;
}

#define assert_value(got, want)                                                                    \
	do {                                                                                       \
		double got_ = (got), want_ = (want);                                               \
		if (!(fabs(got_ - want_) < 1e-5))                                                  \
			fail_msg("%s is %.9g, not %.9g", #got, got_, want_);                       \
	} while (0)
#define assert_unknown(got) assert_true(isnan(got))

static inline struct wire_serve_stats stats(struct fixture *f)
{
	struct wire_serve_stats s = { { 0 } };

	history_stats(f->h, &s);
	return s;
}

/* Waits until all queued frames are taken. */
static inline void settle(struct fixture *f)
{
	struct history_query q = { .form = HISTORY_LIST };
	struct history_answer a = ask(f, &q);

	free(a.body);
}

static inline size_t count_files(const char *pattern)
{
	glob_t g = { 0 };
	size_t n = glob(pattern, 0, NULL, &g) == 0 ? g.gl_pathc : 0;

	globfree(&g);
	return n;
}

/* Name of the only file that fits, in a static buffer. */
static inline const char *only_file(const char *pattern)
{
	static char name[512];
	glob_t g = { 0 };

	assert_int_equal(glob(pattern, 0, NULL, &g), 0);
	assert_int_equal(g.gl_pathc, 1);
	snprintf(name, sizeof(name), "%s", g.gl_pathv[0]);
	globfree(&g);
	return name;
}

static inline off_t size_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

/* A busy container: half a core, and memory that tells the time. One tick a second. */
static inline void run_busy(struct fixture *f, uint32_t slot, int64_t from, int64_t to)
{
	for (int64_t t = from; t < to; t++) {
		struct wire_sample s = { .slot = slot,
					 .have = HAVE_ALL,
					 .cpu_ns = (uint64_t)(t - T0 + 1000000) * 500000000,
					 .memory_working_set = (uint64_t)(t - T0 + 1000),
					 .io_read_bytes = (uint64_t)(t - T0 + 1000000) * 1024,
					 .pids = 7,
					 .psi_io_us = (uint64_t)(t - T0 + 1000000) * 250000 };

		tick(f, t, &s, 1);
		if (t % 64 == 0)
			settle(f); /* the queue is bounded */
	}
	settle(f);
}

#endif
