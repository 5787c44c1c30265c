// SPDX-License-Identifier: GPL-2.0-or-later
/* Of each thread, process and connection three readings are kept: the oldest, one in between and
 * the last. When the last is a window away from the middle, the middle becomes the oldest: what is
 * judged is always between one and two windows long, once it is that old. */
#include "detector/miner_shape.h"

#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "collector/base/clock.h"

#define FIRST_DYNAMIC_PORT 32768

struct thread_point {
	uint64_t ns, user, kernel, wait_ns;
	uint64_t switches, switches_ticks; /* ticks when they were read; 0: never */
};
struct thread {
	pid_t pid, tid;
	uint64_t start_ticks, first_ns;
	int nice;
	unsigned policy;
	struct thread_point old, middle, last;
	bool seen;
};

struct process_point {
	uint64_t ns, bytes, calls;
};
struct process {
	pid_t pid;
	bool seen;
	uint32_t memory;
	struct process_point old, middle, last;
};

struct peer_point {
	uint64_t ns, bytes, messages;
};
struct peer {
	struct miner_look_peer at;
	bool seen;
	struct peer_point old, middle, last;
};

struct miner_shape {
	struct thread threads[MINER_SHAPE_THREADS];
	struct process processes[MINER_LOOK_CLOSE];
	struct peer peers[MINER_SHAPE_PEERS];
	uint32_t threads_n, processes_n, peers_n;
	uint32_t peers_now; /* that the last look saw */
	uint64_t refused;
};

int miner_shape_new(struct miner_shape **out)
{
	struct miner_shape *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	*out = s;
	return 0;
}

void miner_shape_free(struct miner_shape *s)
{
	free(s);
}

uint64_t miner_shape_refused(const struct miner_shape *s)
{
	return s->refused;
}

/* --- looks --------------------------------------------------------------------------------- */

static struct thread *thread_of(struct miner_shape *s, const struct miner_look_thread *l)
{
	for (uint32_t i = 0; i < s->threads_n; i++)
		if (s->threads[i].tid == l->tid && s->threads[i].start_ticks == l->start_ticks)
			return &s->threads[i];
	return NULL;
}

static void add_thread(struct miner_shape *s, const struct miner_look_thread *l, uint64_t now,
		       uint64_t window_ns)
{
	struct thread *t = thread_of(s, l);
	struct thread_point p = {
		.ns = now, .user = l->user_ticks, .kernel = l->kernel_ticks, .wait_ns = l->wait_ns
	};

	if (l->voluntary) {
		p.switches = l->voluntary;
		p.switches_ticks = p.user + p.kernel;
	}
	if (!t) {
		if (s->threads_n == MINER_SHAPE_THREADS) {
			s->refused++;
			return;
		}
		t = &s->threads[s->threads_n++];
		*t = (struct thread){ .pid = l->pid,
				      .tid = l->tid,
				      .start_ticks = l->start_ticks,
				      .first_ns = now,
				      .old = p,
				      .middle = p };
	}
	t->seen = true;
	t->nice = l->nice;
	t->policy = l->policy;
	t->last = p;
	/* the first looks do not know yet whom to look at closely */
	if (!t->old.switches_ticks) {
		t->old.switches = p.switches;
		t->old.switches_ticks = p.switches_ticks;
	}
	if (now - t->middle.ns >= window_ns) {
		t->old = t->middle;
		t->middle = p;
	}
}

static void add_process(struct miner_shape *s, const struct miner_look_process *l, uint64_t now,
			uint64_t window_ns)
{
	const struct process_point p = { now, l->io_bytes, l->io_calls };
	struct process *of = NULL;

	for (uint32_t i = 0; i < s->processes_n; i++)
		if (s->processes[i].pid == l->pid)
			of = &s->processes[i];
	if (!of) {
		if (s->processes_n == MINER_LOOK_CLOSE)
			return; /* the caller looks at no more of them at a time */
		of = &s->processes[s->processes_n++];
		*of = (struct process){ .pid = l->pid, .old = p, .middle = p };
	}
	of->seen = true;
	if (l->memory)
		of->memory = l->memory;
	of->last = p;
	if (now - of->middle.ns >= window_ns) {
		of->old = of->middle;
		of->middle = p;
	}
}

/* Who connected: ports that are given to clients are high ones. */
static bool is_ours(const struct miner_look_peer *p)
{
	return p->local_port >= FIRST_DYNAMIC_PORT || p->remote_port < p->local_port;
}

static void add_peer(struct miner_shape *s, const struct miner_look_peer *l, uint64_t now,
		     uint64_t window_ns)
{
	const struct peer_point p = { now, l->sent_bytes + l->received_bytes,
				      (uint64_t)l->sent_segments + l->received_segments };
	struct peer *of = NULL;

	s->peers_now++;
	if (!is_ours(l))
		return;
	for (uint32_t i = 0; i < s->peers_n; i++)
		if (s->peers[i].at.cookie == l->cookie)
			of = &s->peers[i];
	if (!of) {
		if (s->peers_n == MINER_SHAPE_PEERS) {
			s->refused++;
			return;
		}
		of = &s->peers[s->peers_n++];
		*of = (struct peer){ .at = *l, .old = p, .middle = p };
	}
	of->seen = true;
	of->at = *l;
	of->last = p;
	if (now - of->middle.ns >= window_ns) {
		of->old = of->middle;
		of->middle = p;
	}
}

static void forget_unseen(struct miner_shape *s)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->threads_n; i++)
		if (s->threads[i].seen)
			s->threads[n++] = s->threads[i];
	s->threads_n = n;
	n = 0;
	for (uint32_t i = 0; i < s->processes_n; i++)
		if (s->processes[i].seen)
			s->processes[n++] = s->processes[i];
	s->processes_n = n;
	n = 0;
	for (uint32_t i = 0; i < s->peers_n; i++)
		if (s->peers[i].seen)
			s->peers[n++] = s->peers[i];
	s->peers_n = n;
}

void miner_shape_add(struct miner_shape *s, const struct miner_look *l,
		     const struct miner_shape_limits *limits)
{
	for (uint32_t i = 0; i < s->threads_n; i++)
		s->threads[i].seen = false;
	for (uint32_t i = 0; i < s->processes_n; i++)
		s->processes[i].seen = false;
	for (uint32_t i = 0; i < s->peers_n; i++)
		s->peers[i].seen = false;
	s->peers_now = l->peers_refused;
	s->refused += l->threads_refused;
	for (uint32_t i = 0; i < l->threads_n; i++)
		add_thread(s, &l->threads[i], l->mono_ns, limits->window_ns);
	for (uint32_t i = 0; i < l->processes_n; i++)
		if (l->processes[i].close && l->processes[i].has_io)
			add_process(s, &l->processes[i], l->mono_ns, limits->window_ns);
	for (uint32_t i = 0; i < l->peers_n; i++)
		add_peer(s, &l->peers[i], l->mono_ns, limits->window_ns);
	forget_unseen(s);
}

/* --- the verdict --------------------------------------------------------------------------- */

static uint64_t ticks_of(const struct thread *t)
{
	return t->last.user + t->last.kernel - t->old.user - t->old.kernel;
}

/* Of a processor; 0 where nothing is known yet. */
static double share_of(const struct thread *t, unsigned long hz)
{
	const double seconds = (double)(t->last.ns - t->old.ns) / 1e9;

	return seconds > 0 && t->last.user + t->last.kernel >= t->old.user + t->old.kernel
		       ? (double)ticks_of(t) / (double)hz / seconds
		       : 0;
}

/* What it would take of a processor: with the time that it waited for one. On a busy host, and for
 * those who give way to all others, that is far more than what they get. */
static double demand_of(const struct thread *t, unsigned long hz)
{
	const double seconds = (double)(t->last.ns - t->old.ns) / 1e9;
	const double waited = t->last.wait_ns > t->old.wait_ns
				      ? (double)(t->last.wait_ns - t->old.wait_ns) / 1e9
				      : 0;

	return seconds > 0 ? fmin(share_of(t, hz) + waited / seconds, 1) : 0;
}

static bool is_long(uint64_t from, uint64_t to, const struct miner_shape_limits *l)
{
	return to - from >= l->window_ns / 4 * 3;
}

struct hot {
	double top, sum, squares, got, user, ticks, switches, switch_ticks;
	unsigned n, given_way;
	uint64_t since_ns;
};

static bool is_hot(const struct thread *t, double top, const struct miner_shape_limits *l)
{
	return is_long(t->old.ns, t->last.ns, l) &&
	       demand_of(t, l->ticks_a_second) >= MINER_HOT * top && top > 0;
}

static void add_hot(struct hot *h, const struct thread *t, unsigned long hz)
{
	const double share = demand_of(t, hz);

	h->n++;
	h->got += share_of(t, hz);
	h->sum += share;
	h->squares += share * share;
	h->user += (double)(t->last.user - t->old.user);
	h->ticks += (double)ticks_of(t);
	if (t->last.switches_ticks > t->old.switches_ticks && t->old.switches_ticks) {
		h->switches += (double)(t->last.switches - t->old.switches);
		h->switch_ticks += (double)(t->last.switches_ticks - t->old.switches_ticks);
	}
	h->given_way += t->nice >= 10 || t->policy == SCHED_IDLE || t->policy == SCHED_BATCH;
	if (t->first_ns > h->since_ns)
		h->since_ns = t->first_ns;
}

/* The process of most hot threads. */
static void find_process(const struct miner_shape *s, const struct miner_shape_limits *l,
			 double top, struct miner_shape_verdict *out)
{
	unsigned most = 0;

	for (uint32_t i = 0; i < s->threads_n; i++) {
		unsigned n = 0;
		bool first = true;

		if (!is_hot(&s->threads[i], top, l))
			continue;
		for (uint32_t k = 0; k < s->threads_n; k++) {
			if (s->threads[k].pid != s->threads[i].pid ||
			    !is_hot(&s->threads[k], top, l))
				continue;
			first &= k >= i;
			n++;
		}
		out->processes += first;
		if (n > most) {
			most = n;
			out->pid = s->threads[i].pid;
		}
	}
}

static void add_io(const struct miner_shape *s, struct miner_shape_verdict *out)
{
	for (uint32_t i = 0; i < s->processes_n; i++) {
		const struct process *p = &s->processes[i];
		const double seconds = (double)(p->last.ns - p->old.ns) / 1e9;

		out->memory |= p->memory;
		if (seconds <= 0)
			continue;
		out->io_bytes += (double)(p->last.bytes - p->old.bytes) / seconds;
		out->calls += (double)(p->last.calls - p->old.calls) / seconds;
	}
}

static const char *why_not(const struct miner_shape_verdict *v, const struct miner_shape_limits *l)
{
	const double least = MINER_TAKES * (l->processors < 1 ? l->processors : 1);

	if (v->hot == 0)
		return "no thread is busy for long enough";
	if (v->wanted < least)
		return "its busy threads take little";
	if (v->user_share < MINER_USER_SHARE)
		return "it makes system calls";
	if (v->switches > MINER_SWITCHES)
		return "its busy threads wait now and then";
	if (v->io_bytes > MINER_IO_BYTES)
		return "it reads and writes files";
	if (v->calls > MINER_CALLS)
		return "it reads and writes often";
	return NULL;
}

static bool talks(const struct peer *p, const struct miner_shape_limits *l)
{
	const double seconds = (double)(p->last.ns - p->old.ns) / 1e9;
	const double bytes = (double)(p->last.bytes - p->old.bytes);
	const double messages = (double)(p->last.messages - p->old.messages);

	/* two: what ends a handshake is one */
	return is_long(p->old.ns, p->last.ns, l) && messages >= 2 &&
	       messages / seconds <= MINER_PEER_MESSAGES && bytes / seconds <= MINER_PEER_BYTES &&
	       bytes / messages <= MINER_PEER_SIZE;
}

static void find_peer(const struct miner_shape *s, const struct miner_shape_limits *l,
		      struct miner_shape_verdict *out)
{
	if (s->peers_now > MINER_PEERS)
		return;
	for (uint32_t i = 0; i < s->peers_n && !out->talks; i++) {
		const struct peer *p = &s->peers[i];

		if (!talks(p, l))
			continue;
		out->talks = true;
		out->peer = p->at;
		out->peer.sent_bytes = p->last.bytes - p->old.bytes;
		out->peer.received_bytes = 0;
		out->peer.sent_segments = (uint32_t)(p->last.messages - p->old.messages);
		out->peer.received_segments = 0;
		out->peer_seconds = (double)(p->last.ns - p->old.ns) / 1e9;
	}
}

static double top_of(const struct miner_shape *s, const struct miner_shape_limits *l)
{
	double top = 0;

	for (uint32_t i = 0; i < s->threads_n; i++)
		if (is_long(s->threads[i].old.ns, s->threads[i].last.ns, l))
			top = fmax(top, demand_of(&s->threads[i], l->ticks_a_second));
	return top;
}

void miner_shape_judge(const struct miner_shape *s, const struct miner_shape_limits *l,
		       struct miner_shape_verdict *out)
{
	struct hot h = { .top = top_of(s, l) };

	*out = (struct miner_shape_verdict){ .burns = false };
	for (uint32_t i = 0; i < s->threads_n; i++)
		if (is_hot(&s->threads[i], h.top, l))
			add_hot(&h, &s->threads[i], l->ticks_a_second);
	out->hot = h.n;
	out->processors = h.got;
	out->wanted = h.sum;
	out->since_mono_ns = h.since_ns;
	if (h.n > 0) {
		const double mean = h.sum / h.n, variance = h.squares / h.n - mean * mean;

		out->spread = mean > 0 && variance > 0 ? sqrt(variance) / mean : 0;
		out->user_share = h.ticks > 0 ? h.user / h.ticks : 0;
		out->switches = h.switch_ticks > 0
					? h.switches * (double)l->ticks_a_second / h.switch_ticks
					: 0;
		out->all_processors = h.n == (unsigned)lround(fmax(l->processors, 1));
		out->gives_way = h.given_way == h.n;
		find_process(s, l, h.top, out);
		add_io(s, out);
	}
	out->not = why_not(out, l);
	out->burns = !out->not ;
	if (out->burns)
		find_peer(s, l, out);
}

size_t miner_shape_close(const struct miner_shape *s, pid_t out[MINER_LOOK_CLOSE])
{
	size_t n = 0;
	double top = 0;

	for (uint32_t i = 0; i < s->threads_n; i++)
		top = fmax(top, demand_of(&s->threads[i], 100));
	for (uint32_t i = 0; i < s->threads_n && n < MINER_LOOK_CLOSE && top > 0; i++) {
		bool there = false;

		if (demand_of(&s->threads[i], 100) < MINER_HOT / 2 * top)
			continue;
		for (size_t k = 0; k < n; k++)
			there |= out[k] == s->threads[i].pid;
		if (!there)
			out[n++] = s->threads[i].pid;
	}
	return n;
}
