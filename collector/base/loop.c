// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/base/loop.h"

#include <errno.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include "collector/base/clock.h"

#define MAX_EVENTS 64

enum source_kind { SOURCE_FD, SOURCE_TIMER, SOURCE_SIGNAL };

struct loop_source {
	struct loop *loop;
	struct loop_source *next, *prev;
	loop_fn fn; /* NULL once removed */
	void *ctx;
	int fd;
	enum source_kind kind;
};

struct deferred {
	void (*fn)(void *ctx);
	void *ctx;
};

struct loop {
	int epoll_fd;
	bool stop;
	bool in_turn;
	struct loop_source sources;  /* list head */
	struct loop_source *removed; /* freed at the end of the turn */
	struct deferred deferred[LOOP_MAX_DEFERRED];
	size_t deferred_n;
	struct loop_stats stats;
};

int loop_new(struct loop **out, struct err *e)
{
	AUTO(loop_free) struct loop *l = malloc(sizeof(*l));

	if (!l)
		return err_errno(e, "loop");
	*l = (struct loop){ .epoll_fd = epoll_create1(EPOLL_CLOEXEC) };
	l->sources.next = l->sources.prev = &l->sources;
	if (l->epoll_fd < 0)
		return err_errno(e, "cannot create an epoll instance");
	*out = TAKE(l);
	return 0;
}

static void free_removed(struct loop *l)
{
	while (l->removed) {
		struct loop_source *s = l->removed;

		l->removed = s->next;
		free(s);
	}
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	while (l->sources.next != &l->sources)
		loop_remove(l->sources.next);
	free_removed(l);
	if (l->epoll_fd >= 0)
		close(l->epoll_fd);
	free(l);
}

static int add_source(struct loop *l, int fd, uint32_t events, enum source_kind kind, loop_fn fn,
		      void *ctx, struct loop_source **out, struct err *e)
{
	struct loop_source *s = malloc(sizeof(*s));

	if (!s)
		return err_errno(e, "loop source");
	*s = (struct loop_source){ .loop = l, .fn = fn, .ctx = ctx, .fd = fd, .kind = kind };
	struct epoll_event ev = { .events = events, .data.ptr = s };

	if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0) {
		int r = err_errno(e, "cannot watch descriptor %d", fd);

		free(s);
		return r;
	}
	s->next = l->sources.next;
	s->prev = &l->sources;
	s->next->prev = s;
	l->sources.next = s;
	if (out)
		*out = s;
	return 0;
}

int loop_add_fd(struct loop *l, int fd, uint32_t events, loop_fn fn, void *ctx,
		struct loop_source **out, struct err *e)
{
	return add_source(l, fd, events, SOURCE_FD, fn, ctx, out, e);
}

int loop_set_events(struct loop_source *s, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = s };

	return epoll_ctl(s->loop->epoll_fd, EPOLL_CTL_MOD, s->fd, &ev) < 0 ? -errno : 0;
}

static struct timespec to_timespec(uint64_t ns)
{
	return (struct timespec){ .tv_sec = (time_t)(ns / NS_PER_S),
				  .tv_nsec = (long)(ns % NS_PER_S) };
}

int loop_set_timer(struct loop_source *s, uint64_t first_ns, uint64_t period_ns)
{
	struct itimerspec its = { .it_value = to_timespec(first_ns),
				  .it_interval = to_timespec(period_ns) };

	return timerfd_settime(s->fd, 0, &its, NULL) < 0 ? -errno : 0;
}

int loop_add_timer(struct loop *l, uint64_t first_ns, uint64_t period_ns, loop_fn fn, void *ctx,
		   struct loop_source **out, struct err *e)
{
	AUTO_FD int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	struct loop_source *s;

	if (fd < 0)
		return err_errno(e, "cannot create a timer");
	int r = add_source(l, fd, EPOLLIN, SOURCE_TIMER, fn, ctx, &s, e);

	if (r < 0)
		return r;
	fd = -1; /* the source's now */
	r = loop_set_timer(s, first_ns, period_ns);
	if (r < 0) {
		loop_remove(s);
		return err_set(e, -r, "cannot arm a timer");
	}
	if (out)
		*out = s;
	return 0;
}

int loop_add_signals(struct loop *l, const sigset_t *set, loop_fn fn, void *ctx,
		     struct loop_source **out, struct err *e)
{
	if (sigprocmask(SIG_BLOCK, set, NULL) < 0)
		return err_errno(e, "cannot block signals");
	AUTO_FD int fd = signalfd(-1, set, SFD_NONBLOCK | SFD_CLOEXEC);

	if (fd < 0)
		return err_errno(e, "cannot create a signal descriptor");
	int r = add_source(l, fd, EPOLLIN, SOURCE_SIGNAL, fn, ctx, out, e);

	if (r == 0)
		fd = -1;
	return r;
}

void loop_remove(struct loop_source *s)
{
	if (!s || !s->fn)
		return;
	struct loop *l = s->loop;

	epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
	if (s->kind != SOURCE_FD)
		close(s->fd);
	s->fn = NULL;
	s->prev->next = s->next;
	s->next->prev = s->prev;
	s->next = l->removed;
	l->removed = s;
	if (!l->in_turn)
		free_removed(l);
}

int loop_defer(struct loop *l, void (*fn)(void *ctx), void *ctx)
{
	if (l->deferred_n == LOOP_MAX_DEFERRED)
		return -EBUSY;
	l->deferred[l->deferred_n++] = (struct deferred){ fn, ctx };
	return 0;
}

void loop_cancel_deferred(struct loop *l, void *ctx)
{
	for (size_t i = 0; i < l->deferred_n; i++)
		if (l->deferred[i].ctx == ctx)
			l->deferred[i].fn = NULL;
}

/* One call for each that was there at the start, so that work which defers itself again lets
 * descriptors have their turn in between. */
static void run_deferred(struct loop *l)
{
	size_t n = l->deferred_n;

	for (size_t i = 0; i < n; i++)
		if (l->deferred[i].fn)
			l->deferred[i].fn(l->deferred[i].ctx);
	for (size_t i = n; i < l->deferred_n; i++)
		l->deferred[i - n] = l->deferred[i];
	l->deferred_n -= n;
}

static void dispatch(struct loop_source *s, uint32_t events)
{
	if (s->kind == SOURCE_TIMER) {
		uint64_t expirations;

		if (read(s->fd, &expirations, sizeof(expirations)) != sizeof(expirations))
			return; /* disarmed or re-armed by an earlier callback of this turn */
		s->fn(s->ctx, 1);
	} else if (s->kind == SOURCE_SIGNAL) {
		struct signalfd_siginfo info;

		while (s->fn && read(s->fd, &info, sizeof(info)) == sizeof(info))
			s->fn(s->ctx, info.ssi_signo);
	} else {
		s->fn(s->ctx, events);
	}
}

int loop_run(struct loop *l, struct err *e)
{
	struct epoll_event events[MAX_EVENTS];

	l->stop = false;
	while (!l->stop) {
		int n = epoll_wait(l->epoll_fd, events, MAX_EVENTS, l->deferred_n ? 0 : -1);

		if (n < 0 && errno != EINTR)
			return err_errno(e, "epoll");
		uint64_t start = mono_ns();

		l->in_turn = true;
		for (int i = 0; i < n; i++) {
			struct loop_source *s = events[i].data.ptr;

			if (s->fn)
				dispatch(s, events[i].events);
		}
		run_deferred(l);
		l->in_turn = false;
		free_removed(l);
		uint64_t spent = mono_ns() - start;

		l->stats.turns++;
		l->stats.busy_ns += spent;
		if (spent > l->stats.longest_ns)
			l->stats.longest_ns = spent;
	}
	return 0;
}

void loop_stop(struct loop *l)
{
	l->stop = true;
}

struct loop_stats loop_stats(struct loop *l, bool reset_longest)
{
	struct loop_stats s = l->stats;

	if (reset_longest)
		l->stats.longest_ns = 0;
	return s;
}
