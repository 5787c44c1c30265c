// SPDX-License-Identifier: GPL-2.0-or-later
/* What is read less often than every round: limits and process counts, network, descriptors, the
 * machine. Containers are spread over the rounds by their slot, so that each round does an even
 * share. What may block or costs more than a few system calls goes to the slow worker. */
#include "collector/agent_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/base/io.h"
#include "collector/procstat.h"

#define PROCESS_PIDS  4096 /* descriptors are counted for so many processes of a container */
#define PROCESS_DIRS  64   /* and in so many cgroups below it */
#define PROCESS_DEPTH 8
#define IDLE_TIMES    6	  /* intervals after which an idle container is read again */
#define PROCESS_BATCH 256 /* containers in one job */

/* --- descriptors, sockets, limits, TCP states --------------------------------------------------
 */

struct process_item {
	struct container *c; /* a reference */
	char *cgroup_path;
	pid_t pid;
	uint64_t fds, sockets, nofile, fds_highest;
	bool counted, limits, tcp_read;
	uint32_t tcp[TCP_STATE_COUNT], tcp6[TCP_STATE_COUNT];
};

struct process_walk {
	struct worker_job job;
	struct agent *agent;
	struct process_item items[PROCESS_BATCH];
	size_t n;
	bool running, tcp;
};

struct descriptor_count {
	const struct agent *agent;
	struct process_item *item;
	unsigned pids, dirs; /* left */
};

static void count_in_cgroup(struct descriptor_count *n, int dir_fd)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	struct span rest, line;
	uint64_t pid;

	buf_init(&b, 1 << 20);
	if (io_read_buf_at(dir_fd, "cgroup.procs", &b, NULL) < 0)
		return;
	rest = (struct span){ b.data, b.len };
	while (n->pids > 0 && !worker_closing(n->agent->slow_worker) &&
	       span_next(&rest, '\n', &line)) {
		if (!parse_u64(line, &pid) || pid == 0 || pid > INT_MAX)
			continue;
		n->pids--;
		const uint64_t before = n->item->fds;

		if (procstat_fds(n->agent->proc, (pid_t)pid, &n->item->fds, &n->item->sockets) == 0)
			n->item->counted = true; /* none known is not none open */
		if (n->item->fds - before > n->item->fds_highest)
			n->item->fds_highest = n->item->fds - before;
	}
}

/* LXC, nspawn and whatever runs systemd inside keep their processes in cgroups below their own. */
static void count_below(struct descriptor_count *n, int dir_fd, unsigned depth)
{
	int listed = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_DIR DIR *d = listed < 0 ? NULL : fdopendir(listed);
	struct dirent *entry;
	struct stat st;

	if (!d) {
		if (listed >= 0)
			close(listed);
		return;
	}
	count_in_cgroup(n, dir_fd);
	if (fstat(dir_fd, &st) == 0 && st.st_nlink == 2)
		return; /* cgroupfs counts directories in the links: there is none */
	while (depth > 0 && n->dirs > 0 && (entry = readdir(d))) {
		if ((entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN) ||
		    entry->d_name[0] == '.')
			continue;
		AUTO_FD int sub = openat(dir_fd, entry->d_name,
					 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (sub < 0)
			continue;
		n->dirs--;
		count_below(n, sub, depth - 1);
	}
}

static void count_descriptors(const struct agent *a, struct process_item *it)
{
	struct descriptor_count n = { a, it, PROCESS_PIDS, PROCESS_DIRS };
	AUTO_FD int fd = openat(a->layout.watch_fd, it->cgroup_path + 1,
				O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0)
		count_below(&n, fd, PROCESS_DEPTH);
}

static void process_run(struct worker_job *job)
{
	struct process_walk *p = (struct process_walk *)job;

	for (size_t i = 0; i < p->n && !worker_closing(p->agent->slow_worker); i++) {
		struct process_item *it = &p->items[i];

		count_descriptors(p->agent, it);
		it->limits = procstat_nofile(p->agent->proc, it->pid, &it->nofile) == 0;
		if (p->tcp)
			it->tcp_read = procstat_tcp(p->agent->proc, it->pid, it->tcp, it->tcp6) ==
				       0;
	}
}

static void process_done(struct worker_job *job)
{
	struct process_walk *p = (struct process_walk *)job;

	for (size_t i = 0; i < p->n; i++) {
		struct process_item *it = &p->items[i];
		struct sample *s = &it->c->sample;

		if (it->counted) {
			s->fds = it->fds;
			s->fds_highest = it->fds_highest;
			s->sockets = it->sockets;
			s->fds_mono_ns = mono_ns();
			s->have |= SAMPLE_FDS;
		}
		if (it->limits) {
			s->ulimit_nofile_soft = it->nofile;
			s->have |= SAMPLE_ULIMITS;
		}
		if (it->tcp_read && it->c->owns_network && p->agent->config.tcp) {
			memcpy(s->tcp, it->tcp, sizeof(s->tcp));
			memcpy(s->tcp6, it->tcp6, sizeof(s->tcp6));
			s->have |= SAMPLE_TCP;
		}
		container_unref(it->c);
		free(it->cgroup_path);
	}
	p->n = 0;
	p->running = false;
}

/* --- the rounds' share --------------------------------------------------------------------------
 */

static bool due(const struct agent *a, const struct container *c, uint32_t interval_ms)
{
	return (a->tick + c->slot) % agent_rounds(a, interval_ms) == 0;
}

static void read_network(struct agent *a, struct container *c)
{
	if (c == a->root)
		procstat_network(a->proc, 1, &c->sample);
	else if (c->pid && c->owns_network && !agent_first_process_ended(member_of(c)) &&
		 procstat_network(a->proc, c->pid, &c->sample) == 0)
		member_of(c)->changed = true;
	a->counters.interfaces_refused += c->sample.net_refused;
}

static void collect_process(struct agent *a, struct container *c)
{
	struct process_walk *p = a->process_walk;
	char *path;

	if (p->running || p->n == PROCESS_BATCH)
		return; /* in a later round */
	member_of(c)->processes_due = false;
	if (!c->pid || c->kind == CGROUP_PARENT || !(path = strdup(c->cgroup_path)))
		return;
	p->items[p->n++] =
		(struct process_item){ .c = container_ref(c), .cgroup_path = path, .pid = c->pid };
}

/* Due, and it ran something since the last look, or that is IDLE_TIMES intervals ago. Where
 * nothing ran, what was read stands: *stands_ns is now. */
static bool worth_a_look(const struct agent *a, const struct container *c, struct look *l,
			 uint32_t interval_ms, uint64_t *stands_ns)
{
	uint64_t now = a->last_tick_ns;

	if (!due(a, c, interval_ms))
		return false;
	if (stands_ns && l->mono_ns && (c->sample.have & SAMPLE_CPU) &&
	    l->cpu_ns == c->sample.cpu_usage_ns &&
	    now - l->mono_ns < IDLE_TIMES * interval_ms * NS_PER_MS) {
		*stands_ns = now;
		return false;
	}
	*l = (struct look){ now, c->sample.cpu_usage_ns };
	return true;
}

void agent_slow_one(struct agent *a, struct container *c)
{
	struct member *m = member_of(c);
	struct sample *s = &c->sample;
	uint64_t unused;
	bool first = !m->slow_read; /* a container that lives for seconds has limits too */

	m->slow_read = true;
	if (first ||
	    worth_a_look(a, c, &m->slow, a->config.slow_interval_ms, &s->processes_mono_ns)) {
		sampler_read_slow(a->sampler, c->cg, s);
		s->processes_mono_ns = mono_ns();
		agent_count_oom(a, m, NULL);
		if (m->attempts > 0)
			agent_learn_pid(a, m);
	}
	if (first || worth_a_look(a, c, &m->network, a->config.network_interval_ms,
				  m->network_shared ? NULL : &unused))
		read_network(a, c);
	if (!first &&
	    worth_a_look(a, c, &m->process, a->config.process_interval_ms, &s->fds_mono_ns))
		m->processes_due = true;
	if (m->processes_due)
		collect_process(a, c);
}

static void own_figures(struct agent *a)
{
	char text[128];
	struct span rest, word;
	uint64_t pages;

	a->counters.cpu_us = clock_ns(CLOCK_PROCESS_CPUTIME_ID) / NS_PER_US;
	if (io_read_at(AT_FDCWD, "/proc/self/statm", text, sizeof(text)) > 0) {
		rest = span_str(text);
		if (span_word(&rest, &word) && span_word(&rest, &word) && parse_u64(word, &pages))
			a->counters.resident_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE);
	}
}

void agent_slow_round(struct agent *a)
{
	struct process_walk *p = a->process_walk;

	if (p->n > 0 && !p->running) {
		p->tcp = a->config.tcp;
		p->running = worker_submit(a->slow_worker, &p->job, false) == 0;
		if (!p->running)
			process_done(&p->job);
	}
	if (a->tick % agent_rounds(a, 1000) == 0) {
		const struct machine_roots roots = { a->rootfs, a->proc, a->sys };

		machine_read_live(&a->live, &roots, NULL);
	}
	if (a->tick % agent_rounds(a, 10000) == 0)
		own_figures(a);
}

int agent_slow_start(struct agent *a, struct err *e)
{
	own_figures(a);
	a->process_walk = calloc(1, sizeof(*a->process_walk));
	if (!a->process_walk)
		return err_set(e, ENOMEM, "no memory to count processes");
	a->process_walk->job = (struct worker_job){ .run = process_run, .done = process_done };
	a->process_walk->agent = a;
	return 0;
}

void agent_slow_stop(struct agent *a)
{
	struct process_walk *p = a->process_walk;

	if (p && p->n > 0) /* collected in a round that was not finished */
		process_done(&p->job);
	free(TAKE(a->process_walk));
}
