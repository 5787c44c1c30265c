// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/base/worker.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include "collector/base/clock.h"

struct job_list {
	struct worker_job *first, **last;
};

struct worker {
	struct loop_source *source;
	int event_fd;
	pthread_t thread;
	bool started;
	pthread_mutex_t lock; /* short: list operations only, never over run() or done() */
	pthread_cond_t wake, end;
	struct job_list urgent, normal, finished;
	_Atomic bool closing; /* read outside the lock, too */
	bool ended;
	struct worker_stats stats;
};

static void list_init(struct job_list *l)
{
	l->first = NULL;
	l->last = &l->first;
}

static void list_push(struct job_list *l, struct worker_job *job)
{
	job->next = NULL;
	*l->last = job;
	l->last = &job->next;
}

static struct worker_job *list_pop(struct job_list *l)
{
	struct worker_job *job = l->first;

	if (job) {
		l->first = job->next;
		if (!l->first)
			l->last = &l->first;
		job->next = NULL;
	}
	return job;
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	const uint64_t one = 1;

	pthread_mutex_lock(&w->lock);
	while (!w->closing) {
		struct worker_job *job = list_pop(&w->urgent);

		if (!job)
			job = list_pop(&w->normal);
		if (!job) {
			pthread_cond_wait(&w->wake, &w->lock);
			continue;
		}
		pthread_mutex_unlock(&w->lock);
		job->run(job);
		pthread_mutex_lock(&w->lock);
		w->stats.queued--;
		w->stats.finished++;
		list_push(&w->finished, job);
		ssize_t ignored = write(w->event_fd, &one, sizeof(one));

		(void)ignored; /* a counter at its maximum wakes the loop all the same */
	}
	w->ended = true;
	pthread_cond_signal(&w->end);
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static void on_finished(void *ctx, uint32_t events)
{
	struct worker *w = ctx;
	struct worker_job *job;
	uint64_t count;

	(void)events;
	if (read(w->event_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return;
	for (;;) {
		pthread_mutex_lock(&w->lock);
		job = list_pop(&w->finished);
		pthread_mutex_unlock(&w->lock);
		if (!job)
			return;
		job->done(job);
	}
}

/* Waits are measured by the clock that does not jump. */
static void init_locks(struct worker *w)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->wake, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->end, &attr);
	pthread_condattr_destroy(&attr);
}

int worker_new(struct worker **out, struct loop *loop, const char *thread_name, struct err *e)
{
	AUTO(worker_free) struct worker *w = calloc(1, sizeof(*w));
	sigset_t all, old;

	if (!w)
		return err_errno(e, "worker");
	init_locks(w);
	list_init(&w->urgent);
	list_init(&w->normal);
	list_init(&w->finished);
	w->stats.capacity = WORKER_MAX_JOBS;
	w->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->event_fd < 0)
		return err_errno(e, "cannot create an event descriptor");
	int r = loop_add_fd(loop, w->event_fd, EPOLLIN, on_finished, w, &w->source, e);

	if (r < 0)
		return r;
	/* Signals belong to the loop's signalfd: the thread starts with all of them blocked. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&w->thread, NULL, worker_main, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r != 0)
		return err_set(e, r, "cannot start the %s thread", thread_name);
	w->started = true;
	pthread_setname_np(w->thread, thread_name);
	*out = TAKE(w);
	return 0;
}

/* False when the thread is still at its job after wait_ms. */
static bool end_thread(struct worker *w, unsigned wait_ms)
{
	const uint64_t until = mono_ns() + wait_ms * NS_PER_MS;
	const struct timespec ts = { .tv_sec = (time_t)(until / NS_PER_S),
				     .tv_nsec = (long)(until % NS_PER_S) };
	int r = 0;

	pthread_mutex_lock(&w->lock);
	w->closing = true;
	pthread_cond_signal(&w->wake);
	while (!w->ended && r == 0)
		r = wait_ms == UINT_MAX ? pthread_cond_wait(&w->end, &w->lock)
					: pthread_cond_timedwait(&w->end, &w->lock, &ts);
	bool ended = w->ended;

	pthread_mutex_unlock(&w->lock);
	if (ended)
		pthread_join(w->thread, NULL);
	return ended;
}

bool worker_stop(struct worker *w, unsigned wait_ms)
{
	struct worker_job *job;

	if (!w)
		return true;
	if (w->started && !end_thread(w, wait_ms))
		return false;
	while ((job = list_pop(&w->finished)) || (job = list_pop(&w->urgent)) ||
	       (job = list_pop(&w->normal)))
		job->done(job);
	loop_remove(w->source);
	if (w->event_fd >= 0)
		close(w->event_fd);
	pthread_cond_destroy(&w->wake);
	pthread_cond_destroy(&w->end);
	pthread_mutex_destroy(&w->lock);
	free(w);
	return true;
}

void worker_free(struct worker *w)
{
	worker_stop(w, UINT_MAX);
}

int worker_submit(struct worker *w, struct worker_job *job, bool urgent)
{
	int r = 0;

	pthread_mutex_lock(&w->lock);
	if (w->closing || w->stats.queued >= w->stats.capacity) {
		w->stats.refused++;
		r = -EBUSY;
	} else {
		w->stats.queued++;
		list_push(urgent ? &w->urgent : &w->normal, job);
		pthread_cond_signal(&w->wake);
	}
	pthread_mutex_unlock(&w->lock);
	return r;
}

bool worker_closing(const struct worker *w)
{
	return w->closing;
}

struct worker_stats worker_stats(struct worker *w)
{
	pthread_mutex_lock(&w->lock);
	struct worker_stats s = w->stats;

	pthread_mutex_unlock(&w->lock);
	return s;
}
