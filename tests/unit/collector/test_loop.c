// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <unistd.h>

#include "collector/base/loop.h"
#include "collector/base/worker.h"

struct fixture {
	struct loop *loop;
	struct loop_source *a, *b;
	int calls, other;
};

static int setup(void **state)
{
	static struct fixture f;
	struct err e = { "" };

	f = (struct fixture){ .calls = 0 };
	*state = &f;
	return loop_new(&f.loop, &e);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	loop_free(f->loop);
	return 0;
}

static void stop_after_three(void *ctx, uint32_t events)
{
	struct fixture *f = ctx;

	(void)events;
	if (++f->calls == 3)
		loop_stop(f->loop);
}

static void a_periodic_timer_calls_back_until_stopped(void **state)
{
	struct fixture *f = *state;
	struct err e = { "" };

	assert_int_equal(loop_add_timer(f->loop, 1, 1000, stop_after_three, f, &f->a, &e), 0);
	assert_int_equal(loop_run(f->loop, &e), 0);
	assert_int_equal(f->calls, 3);
	assert_true(loop_stats(f->loop, false).turns >= 3);
}

static void remove_the_other(void *ctx, uint32_t events)
{
	struct fixture *f = ctx;

	(void)events;
	f->calls++;
	loop_remove(f->a);
	loop_remove(f->b);
	loop_stop(f->loop);
}

static void a_source_removed_in_the_same_turn_is_not_called(void **state)
{
	struct fixture *f = *state;
	struct err e = { "" };
	int p[2], q[2];

	assert_int_equal(pipe(p), 0);
	assert_int_equal(pipe(q), 0);
	assert_int_equal(write(p[1], "x", 1), 1);
	assert_int_equal(write(q[1], "x", 1), 1);
	assert_int_equal(loop_add_fd(f->loop, p[0], EPOLLIN, remove_the_other, f, &f->a, &e), 0);
	assert_int_equal(loop_add_fd(f->loop, q[0], EPOLLIN, remove_the_other, f, &f->b, &e), 0);
	assert_int_equal(loop_run(f->loop, &e), 0);
	assert_int_equal(f->calls, 1);
	for (int i = 0; i < 2; i++) {
		close(p[i]);
		close(q[i]);
	}
}

static void again(void *ctx)
{
	struct fixture *f = ctx;

	if (++f->other < 5)
		loop_defer(f->loop, again, f);
	else
		loop_stop(f->loop);
}

static void deferred_work_may_defer_itself_again(void **state)
{
	struct fixture *f = *state;
	struct err e = { "" };

	assert_int_equal(loop_defer(f->loop, again, f), 0);
	assert_int_equal(loop_run(f->loop, &e), 0);
	assert_int_equal(f->other, 5);
}

static void deferring_beyond_the_limit_is_refused(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < LOOP_MAX_DEFERRED; i++)
		assert_int_equal(loop_defer(f->loop, again, f), 0);
	assert_int_equal(loop_defer(f->loop, again, f), -EBUSY);
	loop_cancel_deferred(f->loop, f);
}

struct test_job {
	struct worker_job job;
	struct fixture *f;
	int ran, done, n;
};

static void job_run(struct worker_job *j)
{
	((struct test_job *)j)->ran++;
}

static void job_done(struct worker_job *j)
{
	struct test_job *t = (struct test_job *)j;

	t->done++;
	if (--t->f->calls == 0)
		loop_stop(t->f->loop);
}

static void jobs_run_on_the_worker_and_end_on_the_loop(void **state)
{
	struct fixture *f = *state;
	struct err e = { "" };
	struct test_job jobs[100];
	struct worker *w = NULL;

	f->calls = 100;
	assert_int_equal(worker_new(&w, f->loop, "test", &e), 0);
	for (int i = 0; i < 100; i++) {
		jobs[i] = (struct test_job){ .job = { .run = job_run, .done = job_done }, .f = f };
		assert_int_equal(worker_submit(w, &jobs[i].job, i % 2 == 0), 0);
	}
	assert_int_equal(loop_run(f->loop, &e), 0);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(jobs[i].ran, 1);
		assert_int_equal(jobs[i].done, 1);
	}
	assert_int_equal(worker_stats(w).finished, 100);
	worker_free(w);
}

static void a_closing_worker_gives_every_job_back(void **state)
{
	struct fixture *f = *state;
	struct err e = { "" };
	struct test_job jobs[50];
	struct worker *w = NULL;
	int done = 0;

	f->calls = 1000;
	assert_int_equal(worker_new(&w, f->loop, "test", &e), 0);
	for (int i = 0; i < 50; i++) {
		jobs[i] = (struct test_job){ .job = { .run = job_run, .done = job_done }, .f = f };
		assert_int_equal(worker_submit(w, &jobs[i].job, false), 0);
	}
	worker_free(w);
	for (int i = 0; i < 50; i++)
		done += jobs[i].done;
	assert_int_equal(done, 50);
}

struct held_job {
	struct worker_job job;
	int pipe[2];
	int done;
};

static void held_run(struct worker_job *j)
{
	struct held_job *h = (struct held_job *)j;
	char c;

	(void)!read(h->pipe[0], &c, 1);
}

static void held_done(struct worker_job *j)
{
	((struct held_job *)j)->done++;
}

static void a_job_that_hangs_is_not_waited_for(void **state)
{
	struct fixture *f = *state;
	struct held_job h = { .job = { .run = held_run, .done = held_done } };
	struct err e = { "" };
	struct worker *w = NULL;

	assert_int_equal(pipe(h.pipe), 0);
	assert_int_equal(worker_new(&w, f->loop, "test", &e), 0);
	assert_int_equal(worker_submit(w, &h.job, false), 0);
	/* the thread may not have taken the job yet; then it ends without it, and in time */
	if (!worker_stop(w, 20)) {
		assert_int_equal(h.done, 0);
		assert_int_equal(write(h.pipe[1], "x", 1), 1);
		assert_true(worker_stop(w, 10000));
	}
	assert_int_equal(h.done, 1);
	close(h.pipe[0]);
	close(h.pipe[1]);
}

int main(void)
{
	const struct CMUnitTest loop[] = {
		cmocka_unit_test_setup_teardown(a_periodic_timer_calls_back_until_stopped, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_source_removed_in_the_same_turn_is_not_called,
						setup, teardown),
		cmocka_unit_test_setup_teardown(deferred_work_may_defer_itself_again, setup,
						teardown),
		cmocka_unit_test_setup_teardown(deferring_beyond_the_limit_is_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(jobs_run_on_the_worker_and_end_on_the_loop, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_closing_worker_gives_every_job_back, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_job_that_hangs_is_not_waited_for, setup,
						teardown),
	};

	return cmocka_run_group_tests(loop, NULL, NULL);
}
