// SPDX-License-Identifier: GPL-2.0-or-later
/* The first process of a container: whose network namespace is the container's, and whose end is
 * its exit code. What is found first may be a helper of the runtime that lives for milliseconds
 * (runc's bootstrap joins the cgroup before the container's own process does); so when it ends
 * while the cgroup stands, the next one is looked for. */
#include "collector/agent_internal.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "collector/pidexit.h"
#include "collector/procstat.h"

void agent_forget_pid(struct member *m)
{
	loop_remove(m->pidfd_source);
	m->pidfd_source = NULL;
	if (m->pidfd >= 0)
		close(m->pidfd);
	m->pidfd = -1;
}

/* The next one is to be found; the descriptor stays, which may hold the exit code later. */
static void lose_pid(struct member *m)
{
	struct container *c = m->c;

	m->agent->owners_gone += c->owns_network;
	c->pid = 0;
	c->netns = 0;
	c->owns_network = false;
}

static void on_exit_of_first(void *ctx, uint32_t events)
{
	struct member *m = ctx;
	struct container *c = m->c;

	if (!(events & (EPOLLHUP | EPOLLIN)))
		return;
	m->has_exit = pidexit_read(m->pidfd, &m->exit_code) == 0;
	agent_forget_pid(m);
	if (c->ended) {
		agent_take_exit(m);
		return;
	}
	lose_pid(m);
	m->attempts = 0;
	m->next_metadata_ns = mono_ns();
	agent_metadata_soon(m->agent);
}

/* Its number may be another process's soon. Kernels before 6.9 do not tell by EPOLLHUP. */
bool agent_first_process_ended(const struct member *m)
{
	struct pollfd p = { .fd = m->pidfd, .events = POLLIN };

	return m->pidfd >= 0 && poll(&p, 1, 0) > 0;
}

void agent_take_exit(struct member *m)
{
	struct container *c = m->c;

	if (m->pidfd >= 0 && !m->has_exit)
		m->has_exit = pidexit_read(m->pidfd, &m->exit_code) == 0;
	if (m->has_exit && !c->has_exit_code) {
		c->exit_code = m->exit_code;
		c->has_exit_code = true;
	}
}

/* Where the kernel keeps exit codes, EPOLLHUP is waited for (it needs no asking): between death and
 * reaping there is nothing to read. Kernels before 6.9 never tell it, and those that know no exit
 * code are asked for the death alone. */
static void watch_exit(struct agent *a, struct member *m)
{
	int fd = pidexit_open(m->c->pid), code;

	m->has_exit = false;
	if (fd < 0)
		return;
	m->pidfd = fd;
	uint32_t events = pidexit_read(fd, &code) == -ENOTTY ? EPOLLIN : 0;

	if (loop_add_fd(a->loop, fd, events, on_exit_of_first, m, &m->pidfd_source, NULL) < 0)
		agent_forget_pid(m);
}

static struct container *network_owner(const struct agent *a, const struct container *but)
{
	struct container *const *list;
	size_t n = container_table_live(a->table, &list);

	for (size_t i = 0; i < n; i++)
		if (list[i] != but && list[i]->netns == but->netns && list[i]->owns_network)
			return list[i];
	return NULL;
}

static bool is_sandbox(const struct container *c)
{
	return c->meta && c->meta->sandbox;
}

/* A namespace's counters are shown once: by the pod's sandbox, else by who came first. Whoever
 * shares one looks again only when one that showed some has ended: the look takes long. */
static void settle_network(struct agent *a, struct member *m)
{
	struct container *c = m->c;

	if (c->owns_network || !c->netns || c->netns == a->host_netns ||
	    (!is_sandbox(c) && m->owners_gone == a->owners_gone))
		return;
	struct container *owner = network_owner(a, c);
	bool takes = !owner || (is_sandbox(c) && !is_sandbox(owner));

	m->owners_gone = a->owners_gone;
	if (owner)
		member_of(owner)->network_shared = m->network_shared = true;
	if (owner && takes)
		owner->owns_network = false;
	c->owns_network = takes;
}

static enum cgroup_controller watched_controller(const struct cgroup_layout *l)
{
	unsigned c = 0;

	while (c < CONTROLLER_COUNT && strcmp(l->paths[c], l->watch_path) != 0)
		c++;
	return (enum cgroup_controller)c; /* CONTROLLER_COUNT: the v2 tree */
}

/* A process that the runtime names is the container's only while it is in its cgroup: the file may
 * be old and the number another's by now. */
static bool is_inside(const struct agent *a, const struct container *c, pid_t pid)
{
	char path[PATH_MAX];
	size_t n = strlen(c->cgroup_path);

	return cgroup_path_of(&a->layout, a->proc, pid, watched_controller(&a->layout), path,
			      sizeof(path)) > 0 &&
	       strncmp(path, c->cgroup_path, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static void take_pid(struct agent *a, struct member *m, pid_t pid)
{
	struct container *c = m->c;

	agent_forget_pid(m);
	c->pid = m->first_pid = pid;
	sampler_set_pid(c->cg, pid);
	a->owners_gone += c->owns_network; /* of another namespace, maybe */
	c->owns_network = false;
	c->netns = procstat_namespace(a->proc, pid, "net");
	m->owners_gone = UINT64_MAX; /* not looked yet */
	settle_network(a, m);
	if (c->owns_network)
		procstat_network(a->proc, pid, &c->sample);
	else
		c->sample.have &= ~(uint32_t)SAMPLE_NETWORK;
	watch_exit(a, m);
}

void agent_learn_pid(struct agent *a, struct member *m)
{
	struct container *c = m->c;
	pid_t told = c->meta ? c->meta->pid : 0;

	if (c->ended || (c->kind != CGROUP_CONTAINER && c->kind != CGROUP_SERVICE))
		return;
	if (told > 0 && told != c->pid && is_inside(a, c, told)) {
		take_pid(a, m, told);
		return;
	}
	if (c->pid && agent_first_process_ended(m))
		lose_pid(m);
	if (c->pid) {
		settle_network(a, m);
		return;
	}
	pid_t first = sampler_first_pid(a->sampler, c->cg);

	if (first > 0)
		take_pid(a, m, first);
}
