// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/task_pass.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/base/clock.h"
#include "collector/base/io.h"
#include "collector/base/log.h"
#include "detector/task_pass_internal.h"

#define MAX_EMPTY_READS 1000 /* the iterator says so after many skipped tasks */
#define PIDS_DEFAULT	32768

static const char off[] = "isolation.enabled is false";
static const char no_sensor[] = "there is no kernel sensor";
static const char starting[] = "the first pass is not over yet";

/* --- one record ------------------------------------------------------------------------------ */

static struct task_container *kept_of(struct task_pass *p, const struct container *c,
				      const struct isolation_start *start)
{
	struct task_container *k;

	if (c->slot >= p->slots) {
		const uint32_t n = (c->slot + 1) * 2;
		struct task_container *more = realloc(p->by_slot, n * sizeof(*more));

		if (!more)
			return NULL;
		memset(more + p->slots, 0, (n - p->slots) * sizeof(*more));
		p->by_slot = more;
		p->slots = n;
	}
	k = &p->by_slot[c->slot];
	if (k->c != c || k->first.pid != start->first.pid ||
	    k->first.start_boot_ns != start->first.start_boot_ns)
		*k = (struct task_container){ .c = c, .first = start->first, .met = p->number };
	return k;
}

static void find_container(struct task_pass *p, const struct event_head *h)
{
	const struct agent_services *s = p->services;

	if (h->container_cgroup == p->cached_cgroup && h->hierarchy == p->cached_hierarchy)
		return;
	p->cached_cgroup = h->container_cgroup;
	p->cached_hierarchy = h->hierarchy;
	p->cached = s->container_of(s->agent, h->hierarchy, h->container_cgroup);
	p->cached_start = NULL;
	p->cached_memory = NULL;
	if (!p->cached || p->cached->kind != CGROUP_CONTAINER || p->cached->ended)
		return;
	p->cached_start = isolation_start_of(p->s.starts, p->cached);
	if (p->cached_start)
		p->cached_memory = kept_of(p, p->cached, p->cached_start);
}

static uint64_t age_of(const struct event_head *h, const struct process *q)
{
	uint64_t from = h->start_boot_ns;

	if (q && q->exec_boot_ns > from)
		from = q->exec_boot_ns;
	return h->boot_ns > from ? h->boot_ns - from : 0;
}

static void judge(struct task_pass *p, const struct event_task *t)
{
	const struct process_key key = { t->head.start_boot_ns, t->head.pid };
	struct task_view v = {
		.t = t, .c = p->cached, .start = p->cached_start, .kept = p->cached_memory
	};
	bool fresh;

	p->containers_tasks++;
	v.p = p->processes ? process_find(p->processes, key) : NULL;
	v.m = task_memory_take(&p->memories, key, p->number, &fresh);
	v.age_ns = age_of(&t->head, v.p);
	task_judge(p, &v);
}

/* Its first process's; kthreadd's where that one is hidden from us. */
static void note_host(struct task_pass *p, const struct event_task *t)
{
	if (t->head.tid > 2 || !t->ns.mnt || (t->head.tid == 2 && p->host_of_init))
		return;
	p->host_of_init = t->head.tid == 1;
	p->host = t->ns;
}

void task_pass_record(struct task_pass *p, const struct event_task *t)
{
	const struct event_head *h = &t->head;

	p->records++;
	note_host(p, t);
	/* one that ends has no namespaces any more */
	if (t->kernel_thread || !t->ns.mnt || !h->pid || h->flags & EVENT_PENDING)
		return;
	p->tasks++;
	if (!h->container_cgroup) {
		if (h->tid == h->pid)
			task_judge_host(p, t);
		return;
	}
	find_container(p, h);
	if (p->cached_memory)
		judge(p, t);
}

/* --- reading it ------------------------------------------------------------------------------ */

void task_pass_begin(struct task_pass *p)
{
	const struct agent_services *s = p->services;

	p->number++;
	p->used = 0;
	p->cpu_ns = p->tasks = p->containers_tasks = p->records = 0;
	p->empty = 0;
	p->again = false;
	p->began_ns = mono_ns();
	p->cached_cgroup = 0;
	p->cached_memory = NULL;
	p->containers = s->containers(s->agent);
	p->processes = s->processes(s->agent);
	if (!p->host.mnt)
		p->host = *isolation_starts_get_host(p->s.starts);
	memset(p->told, 0, sizeof(p->told));
	p->told_n = 0;
}

void task_pass_end(struct task_pass *p, bool whole)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	if (!whole) {
		p->stats.failed++;
		return;
	}
	task_memories_sweep(&p->memories, p->number);
	task_answers_sweep(p);
	p->stats.passes++;
	p->stats.tasks = p->tasks;
	p->stats.containers_tasks = p->containers_tasks;
	p->why = NULL;
	if (p->s.passed)
		p->s.passed(p->s.ctx);
}

/* False: it is no stream of records. */
static bool take_records(struct task_pass *p)
{
	const size_t n = p->used / sizeof(struct event_task);
	const struct event_task *list = (const struct event_task *)(const void *)p->bytes;

	for (size_t i = 0; i < n; i++) {
		if (list[i].head.size != sizeof(list[i]) || list[i].head.type != EVENT_NONE)
			return false;
		task_pass_record(p, &list[i]);
	}
	p->used -= n * sizeof(list[0]);
	memmove(p->bytes, p->bytes + n * sizeof(list[0]), p->used);
	return true;
}

enum step { STEP_MORE, STEP_END, STEP_FAILED };

static enum step step(struct task_pass *p)
{
	const ssize_t n = read(p->fd, p->bytes + p->used, sizeof(p->bytes) - p->used);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return p->empty++ < MAX_EMPTY_READS ? STEP_MORE : STEP_FAILED;
	if (n < 0)
		return STEP_FAILED;
	if (n == 0)
		return p->used ? STEP_FAILED : STEP_END;
	p->used += (size_t)n;
	return take_records(p) ? STEP_MORE : STEP_FAILED;
}

static void slice(void *ctx);

static void go_on(struct task_pass *p)
{
	if (loop_defer(p->services->loop, slice, p) < 0)
		task_pass_end(p,
			      false); /* the loop is full of such work: the next one is in time */
}

static void slice(void *ctx)
{
	struct task_pass *p = ctx;
	const uint64_t began = mono_ns(), cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	enum step what = STEP_MORE;
	uint64_t now = began;

	if (p->fd < 0)
		return;
	while (what == STEP_MORE && now - began < TASK_PASS_SLICE_NS) {
		what = step(p);
		now = mono_ns();
	}
	if (what == STEP_END)
		task_pass_end(p, true);
	else if (what == STEP_FAILED)
		task_pass_end(p, false);
	p->cpu_ns += clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
	now = mono_ns();
	if (now - began > p->stats.longest_slice_ns)
		p->stats.longest_slice_ns = now - began;
	if (what == STEP_MORE)
		go_on(p);
	else if (what == STEP_END)
		p->stats.last_cpu_ns = p->cpu_ns;
}

/* --- when ------------------------------------------------------------------------------------ */

static bool may_begin(struct task_pass *p)
{
	const struct agent_services *s = p->services;

	p->off = !s->config->isolation;
	if (p->off)
		p->why = off;
	else if (!s->tasks || !s->container_of || !s->processes(s->agent) ||
		 !s->containers(s->agent))
		p->why = no_sensor;
	else
		return true;
	return false;
}

void task_pass_tick(struct task_pass *p)
{
	const struct agent_services *s = p->services;
	const uint64_t now = mono_ns(), interval_ns = s->config->isolation_interval_ms * NS_PER_MS;
	struct err e = { "" };

	if (p->fd >= 0 || !may_begin(p))
		return;
	const bool due = now >= p->next_ns;

	if (!due && !(p->again && p->quick < TASK_PASS_AGAIN_MAX && now - p->began_ns >= NS_PER_S))
		return;
	const int fd = s->tasks(s->agent, &e);

	if (fd < 0) {
		p->why = no_sensor;
		return;
	}
	p->quick = due ? 0 : p->quick + 1;
	if (due)
		p->next_ns = now + interval_ns;
	task_pass_begin(p);
	p->fd = fd;
	go_on(p);
}

/* --- assembly -------------------------------------------------------------------------------- */

static uint32_t pid_max(const char *proc)
{
	char path[160], text[32];
	uint32_t v;

	snprintf(path, sizeof(path), "%s/sys/kernel/pid_max", proc);
	const ssize_t n = io_read_at(AT_FDCWD, path, text, sizeof(text));

	if (n <= 0 || !parse_u32(span_trim((struct span){ text, (size_t)n }), &v))
		v = PIDS_DEFAULT;
	return v < TASK_PASS_MEMORY_MAX ? v : TASK_PASS_MEMORY_MAX;
}

/* Which modules with labels run: the pseudo files that only they make. */
static void find_modules(struct task_pass *p)
{
	char path[160], label[TASK_PASS_LABEL_BYTES];

	snprintf(path, sizeof(path), "%s/1/attr/apparmor/current", p->services->proc);
	p->apparmor = io_read_at(AT_FDCWD, path, label, sizeof(label)) > 0;
	p->selinux = access("/sys/fs/selinux/enforce", F_OK) == 0;
}

int task_pass_new(struct task_pass **out, const struct task_pass_settings *s, struct err *e)
{
	AUTO(task_pass_free) struct task_pass *p = calloc(1, sizeof(*p));

	if (!p)
		return err_set(e, ENOMEM, "pass over all tasks");
	p->fd = -1;
	p->s = *s;
	p->services = s->services;
	p->worker = s->worker;
	p->why = starting;
	task_looks_init(p);
	find_modules(p);
	if (task_memories_init(&p->memories, pid_max(s->services->proc)) < 0)
		return err_set(e, ENOMEM, "pass over all tasks");
	*out = TAKE(p);
	return 0;
}

void task_pass_free(struct task_pass *p)
{
	if (!p)
		return;
	if (p->services && p->services->loop)
		loop_cancel_deferred(p->services->loop, p);
	if (p->fd >= 0)
		close(p->fd);
	task_memories_release(&p->memories);
	free(p->by_slot);
	free(p);
}

bool task_pass_works(const struct task_pass *p, const char **why)
{
	*why = p->why ? p->why : "";
	return !p->why;
}

struct task_pass_stats task_pass_stats(const struct task_pass *p)
{
	struct task_pass_stats s = p->stats;

	s.remembered = p->memories.n;
	s.capacity = p->memories.max;
	s.refused = p->memories.refused;
	return s;
}

void task_pass_state(const struct task_pass *p, struct alerts_state *out)
{
	unsigned looks = 0;

	for (unsigned i = 0; i < TASK_PASS_LOOKS; i++)
		looks += p->looks[i].busy;
	alerts_state_table(out, "isolation_tasks", p->memories.n, p->memories.max,
			   p->memories.refused);
	alerts_state_table(out, "isolation_looks", looks, TASK_PASS_LOOKS, p->stats.looks_refused);
	alerts_state_table(out, "isolation_findings_a_pass", p->told_n, TASK_PASS_TOLD - 1,
			   p->told_refused);
}
