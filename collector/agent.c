// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/agent_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "collector/base/io.h"
#include "collector/notify.h"
#include "collector/procstat.h"

#define SENSOR_STATE_NS (500 * NS_PER_MS)
#define WORKER_GRACE_MS 200 /* for a slice of a walk; what takes longer hangs */

void agent_degraded(struct agent *a, const char *text, bool on)
{
	size_t i = 0;

	while (i < a->degraded_n && a->degraded[i] != text)
		i++;
	if (on && i == a->degraded_n && i < AGENT_MAX_DEGRADED)
		a->degraded[a->degraded_n++] = text;
	else if (!on && i < a->degraded_n)
		a->degraded[i] = a->degraded[--a->degraded_n];
	a->degraded[a->degraded_n] = NULL;
}

static struct worker_stats add_workers(const struct agent *a)
{
	struct worker_stats one = worker_stats(a->worker), two = worker_stats(a->slow_worker);

	return (struct worker_stats){ one.queued + two.queued, one.capacity + two.capacity,
				      one.refused + two.refused, one.finished + two.finished };
}

static void fill_tables(struct agent *a)
{
	struct agent_counters *k = &a->counters;

	k->probes = a->probes_n;
	k->probes_capacity = AGENT_MAX_PROBES;
	k->probes_refused = a->probes_refused;
	k->clients = 0;
	for (size_t i = 0; i < AGENT_MAX_CLIENTS; i++)
		k->clients += a->clients[i].peer != NULL;
	k->clients_capacity = AGENT_MAX_CLIENTS;
	k->clients_refused = a->clients_refused;
	k->waiting = a->waiting_n;
	k->waiting_capacity = AGENT_MAX_WAITING;
	k->waiting_refused = a->waiting_refused;
	k->nested = a->nested;
	k->nested_refused = a->nested_refused;
	k->renders = a->answers_n;
	k->renders_capacity = AGENT_MAX_ANSWERS;
}

void agent_state(struct agent *a, struct agent_state *out)
{
	fill_tables(a);
	a->counters.kmsg_lost = a->kmsg ? kmsg_lost(a->kmsg) : 0;
	a->counters.tokens = token_count(a->tokens);
	a->counters.serve_starts = supervise_starts(a->supervise);
	if (mono_ns() - a->sensor_state_ns > SENSOR_STATE_NS) { /* it reads a dozen files */
		agent_sensor_state(a, &a->sensor_state);
		a->sensor_state_ns = mono_ns();
	}
	agent_alerts_state(a, &a->alerts_state);
	*out = (struct agent_state){
		.sensor = &a->sensor_state,
		.alerts = &a->alerts_state,
		.config = &a->config,
		.containers = a->table,
		.machine = &a->machine,
		.machine_live = &a->live,
		.disks = a->disks,
		.disks_n = a->disks_n,
		.layout = &a->layout,
		.watch = cgwatch_stats(a->watch),
		.sampler = sampler_stats(a->sampler),
		.worker = add_workers(a),
		.loop = loop_stats(a->loop, false),
		.counters = &a->counters,
		.serve = &a->serve_stats,
		.serve_up = a->serve_up,
		.serve_problem = a->serve_problem,
		.start_unix_ns = a->start_unix_ns,
		.now_unix_ns = unix_ns(),
		.degraded = a->degraded,
	};
}

/* --- configuration
 * -------------------------------------------------------------------------------- */

int agent_load_config(struct config *c, const struct agent_options *o, struct err *e)
{
	struct config next;

	config_defaults(&next);
	int r = o->config_path ? config_load(&next, o->config_path, e) : 0;

	if (r == -ENOENT && !o->config_required)
		r = 0;
	if (r < 0)
		return r;
	for (const char *const *s = o->settings; s && *s; s++) {
		const char *equals = strchr(*s, '=');
		char key[64];

		if (!equals || (size_t)(equals - *s) >= sizeof(key))
			return err_set(e, EINVAL, "--set '%s': expected KEY=VALUE", *s);
		memcpy(key, *s, (size_t)(equals - *s));
		key[equals - *s] = '\0';
		r = config_set(&next, key, equals + 1, e);
		if (r < 0)
			return r;
	}
	r = config_validate(&next, e);
	if (r < 0)
		return r;
	*c = next;
	return 0;
}

static void redo_labels(struct agent *a)
{
	struct container *const *list;

	for (int ended = 0; ended < 2; ended++) {
		size_t n = ended ? container_table_ended(a->table, &list)
				 : container_table_live(a->table, &list);

		for (size_t i = 0; i < n; i++)
			container_labels_changed(list[i]);
	}
}

/* What is read no longer must not be shown as it was. */
static void forget_tcp(struct agent *a)
{
	struct container *const *list;
	size_t n = container_table_live(a->table, &list);

	for (size_t i = 0; i < n; i++)
		list[i]->sample.have &= ~(uint32_t)SAMPLE_TCP;
}

static void take_config(struct agent *a, const struct config *next)
{
	bool interval = next->sample_interval_ms != a->config.sample_interval_ms;
	bool history = next->history && !a->config.history;

	a->config = *next;
	log_setup("bulkheadd", a->config.log_level, a->config.log_format);
	if (interval) {
		a->last_tick_ns = 0; /* the next one is not late */
		loop_set_timer(a->tick_timer, agent_interval_ns(a), agent_interval_ns(a));
	}
	sampler_set_refresh(a->sampler, (unsigned)agent_rounds(a, a->config.refresh_ms));
	agent_disk_interval(a);
	if (!a->config.tcp)
		forget_tcp(a);
	redo_labels(a);
	agent_feed_config(a);
	if (history)
		agent_feed_all(a);
}

/* NULL, or why the new configuration cannot take effect. */
static const char *refusal(const struct agent *a, const struct config *next, struct err *e)
{
	const char *key = config_needs_restart(&a->config, next);
	AUTO_FD int cert = -1;
	AUTO_FD int cert_key = -1;

	if (key)
		err_set(e, EINVAL, "key '%s': takes effect at a restart only", key);
	else if (agent_tls_open(next, &cert, &cert_key, e) == 0)
		return NULL;
	return e->text;
}

static void reload(struct agent *a)
{
	struct config next;
	struct err e = { "" };
	const char *why = agent_load_config(&next, &a->options, &e) < 0 ? e.text
									: refusal(a, &next, &e);

	a->counters.reloads++;
	a->counters.config_last_reload_ok = !why;
	if (why) {
		log_error("configuration not reloaded, the old one stays", "error", why, NULL);
		agent_alerts_reload(a, why);
		return;
	}
	a->counters.config_last_reload_unix_ns = unix_ns();
	take_config(a, &next);
	agent_sensor_reload(a);
	agent_alerts_reload(a, NULL);
	log_info("configuration reloaded", "file", a->options.config_path, NULL);
}

/* As systemd wants it said: its clock tells this reload from an earlier one. */
static void reload_and_tell(struct agent *a)
{
	char text[64];

	if (!a->told_ready) {
		reload(a);
		return;
	}
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%llu",
		 (unsigned long long)(mono_ns() / NS_PER_US));
	notify_send(text);
	reload(a);
	notify_send("READY=1");
}

static void on_signal(void *ctx, uint32_t signo)
{
	struct agent *a = ctx;

	if (signo == SIGHUP) {
		reload_and_tell(a);
		return;
	}
	log_info("stopping", "signal", LOG_U64(signo), NULL);
	loop_stop(a->loop);
}

/* --- assembly
 * ------------------------------------------------------------------------------------------------
 */

static int open_dir(const char *path, mode_t mode, int *fd, struct err *e)
{
	int r = io_mkdir_p(path, mode, e);

	if (r < 0)
		return r;
	*fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *fd < 0 ? err_errno(e, "cannot open directory '%s'", path) : 0;
}

/* One agent a state directory: two would write the same files. And one a run directory: the second
 * would take the socket from the first without its noticing. The kernel ends both locks with the
 * process. */
static int lock_directories(struct agent *a, struct err *e)
{
	a->lock_fd = openat(a->state_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (a->lock_fd < 0)
		return err_errno(e, "cannot write in state directory '%s'", a->config.state_dir);
	if (flock(a->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(e, EBUSY, "another bulkheadd uses state directory '%s'",
			       a->config.state_dir);
	if (flock(a->run_fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return err_set(e, EBUSY, "another bulkheadd uses run directory '%s'",
			       a->config.run_dir);
	return 0;
}

static int open_directories(struct agent *a, struct err *e)
{
	int r = open_dir(a->config.state_dir, 0700, &a->state_fd, e);

	if (r == 0)
		r = open_dir(a->config.run_dir, 0700, &a->run_fd, e);
	return r < 0 ? r : lock_directories(a, e);
}

static void raise_descriptor_limit(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < l.rlim_max) {
		l.rlim_cur = l.rlim_max;
		setrlimit(RLIMIT_NOFILE, &l);
	}
}

static void start_kmsg(struct agent *a)
{
	struct err e = { "" };

	if (kmsg_new(&a->kmsg, a->loop, "/dev/kmsg", agent_oom, a, &e) == 0)
		return;
	agent_degraded(a,
		       "the kernel log cannot be read: an out-of-memory kill that ends its "
		       "container may be missed",
		       true);
	log_warning("kernel log cannot be read", "error", e.text, NULL);
}

static int start_reading(struct agent *a, struct err *e)
{
	const struct machine_roots roots = { a->rootfs, a->proc, a->sys };
	const struct sampler_settings settings = {
		.refresh_ticks = (unsigned)agent_rounds(a, a->config.refresh_ms),
		.max_fds = a->config.max_fds,
		.per_cpu = a->config.per_cpu,
		.hugetlb = a->config.hugetlb,
		.proc = a->proc,
		.sys = a->sys,
	};
	struct err ignored = { "" };
	int r = cgroup_layout_read(&a->layout, "/proc/self/mountinfo", a->rootfs, e);

	if (r == 0)
		r = sampler_new(&a->sampler, &a->layout, &settings, e);
	if (r == 0)
		r = container_table_new(&a->table, a->config.max_containers, e);
	if (r < 0)
		return r;
	machine_read_static(&a->machine, &roots, &ignored);
	machine_read_live(&a->live, &roots, &ignored);
	start_kmsg(a);
	agent_sensor_start(a);
	r = worker_new(&a->worker, a->loop, "metadata", e);
	if (r == 0)
		r = worker_new(&a->slow_worker, a->loop, "disk", e);
	if (r == 0)
		r = agent_slow_start(a, e);
	if (r == 0)
		r = agent_disk_start(a, e);
	if (r == 0)
		r = agent_metadata_start(a, e);
	return r < 0 ? r : agent_containers_start(a, e);
}

static int add_signals(struct agent *a, struct err *e)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	return loop_add_signals(a->loop, &set, on_signal, a, &a->signals, e);
}

static int open_tokens(struct agent *a, struct err *e)
{
	struct err damaged = { "" };
	int r = token_store_new(&a->tokens, a->state_fd, &damaged);

	if (r < 0)
		*e = damaged;
	else if (damaged.text[0])
		log_warning("token file", "error", damaged.text, NULL);
	return r;
}

/* With a wrong prefix all would run, and every container would be a number without a name. */
static int check_rootfs(const struct agent *a, struct err *e)
{
	struct stat st;

	if (!a->rootfs[0])
		return 0;
	if (stat(a->rootfs, &st) < 0)
		return err_errno(e, "cannot use rootfs '%s'", a->rootfs);
	return S_ISDIR(st.st_mode) ? 0
				   : err_set(e, ENOTDIR, "rootfs '%s' is no directory", a->rootfs);
}

static int start_all(struct agent *a, struct err *e)
{
	int r = loop_new(&a->loop, e);

	if (r == 0)
		r = check_rootfs(a, e);
	if (r == 0)
		r = add_signals(a, e);
	if (r == 0)
		r = open_directories(a, e);
	if (r == 0)
		r = open_tokens(a, e);
	if (r < 0)
		return r;
	raise_descriptor_limit();
	/* serve first: it drops what the rest does not need, and starts while we read */
	r = agent_serve_start(a, e);
	if (r == 0)
		r = agent_alerts_start(a, e);
	if (r == 0)
		r = start_reading(a, e);
	if (r == 0)
		r = agent_requests_start(a, e);
	if (r == 0)
		r = loop_add_timer(a->loop, 1, agent_interval_ns(a), agent_round, a, &a->tick_timer,
				   e);
	return r;
}

int agent_new(struct agent **out, const struct config *c, const struct agent_options *o,
	      struct err *e)
{
	AUTO(agent_free) struct agent *a = calloc(1, sizeof(*a));

	if (!a)
		return err_errno(e, "agent");
	a->config = *c;
	a->options = *o;
	a->state_fd = a->run_fd = a->serve_state_fd = a->lock_fd = a->listen_fd = -1;
	a->answer_buf.fd = -1;
	a->layout.unified_fd = a->layout.freezer_fd = a->layout.watch_fd = -1;
	for (int i = 0; i < CONTROLLER_COUNT; i++)
		a->layout.fds[i] = -1;
	a->start_unix_ns = unix_ns();
	a->start_mono_ns = mono_ns();
	a->counters.config_last_reload_ok = true;
	a->counters.config_last_reload_unix_ns = a->start_unix_ns;
	/* A container with the host's pid namespace sees the host's /proc as its own. */
	snprintf(a->proc, sizeof(a->proc), "/proc");
	snprintf(a->sys, sizeof(a->sys), "/sys");
	memcpy(a->rootfs, a->config.rootfs, sizeof(a->rootfs));
	int r = start_all(a, e);

	if (r < 0)
		return r;
	*out = TAKE(a);
	return 0;
}

int agent_run(struct agent *a, struct err *e)
{
	int r = loop_run(a->loop, e);

	notify_send("STOPPING=1");
	return r;
}

static bool stop_workers(struct agent *a)
{
	/* done() asks whether its worker closes: the pointers stay while they end */
	if (!worker_stop(a->worker, WORKER_GRACE_MS))
		return false;
	a->worker = NULL;
	if (!worker_stop(a->slow_worker, WORKER_GRACE_MS))
		return false;
	a->slow_worker = NULL;
	return true;
}

void agent_free(struct agent *a)
{
	if (!a)
		return;
	/* serve ends first: it flushes history while we wait, and asks nothing any more */
	if (a->loop)
		agent_requests_stop(a);
	agent_serve_stop(a);
	agent_alerts_stop(a);
	if (!stop_workers(a)) { /* its thread uses what is left, until the process ends */
		log_warning("a read hangs in the kernel, stopping without it", NULL);
		return;
	}
	agent_slow_stop(a);
	agent_disk_stop(a);
	agent_metadata_stop(a);
	agent_containers_stop(a);
	agent_sensor_stop(a);
	supervise_free(a->supervise);
	kmsg_free(a->kmsg);
	container_table_free(a->table);
	sampler_free(a->sampler);
	cgroup_layout_release(&a->layout);
	token_store_free(a->tokens);
	for (size_t i = 0; i < WANTS_OWNERS; i++)
		arena_release(&a->wants_arenas[i]);
	loop_free(a->loop);
	int fds[] = { a->serve_state_fd, a->lock_fd, a->state_fd, a->run_fd };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	free(a);
}
