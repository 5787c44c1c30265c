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
#include "collector/privileges.h"
#include "collector/procstat.h"

#define SERVE_GRACE_MS 700 /* the clean stop of both programs is to take under a second */
#define LINK_TOKEN_S   3600

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

void agent_state(struct agent *a, struct agent_state *out)
{
	a->counters.kmsg_lost = a->kmsg ? kmsg_lost(a->kmsg) : 0;
	a->counters.tokens = token_count(a->tokens);
	a->counters.serve_starts = supervise_starts(a->supervise);
	*out = (struct agent_state){
		.config = &a->config,
		.containers = a->table,
		.machine = &a->machine,
		.machine_live = &a->live,
		.disks = a->disks,
		.disks_n = a->disks_n,
		.layout = &a->layout,
		.watch = cgwatch_stats(a->watch),
		.sampler = sampler_stats(a->sampler),
		.worker = worker_stats(a->worker),
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
	if (r == 0)
		*c = next;
	return r;
}

static void on_tick(void *ctx, uint32_t events);

static uint64_t interval_ns(const struct agent *a)
{
	return a->config.sample_interval_ms * NS_PER_MS;
}

static void take_config(struct agent *a, const struct config *next)
{
	bool interval = next->sample_interval_ms != a->config.sample_interval_ms;
	struct container *const *list;

	a->config = *next;
	log_setup("bulkheadd", a->config.log_level, a->config.log_format);
	if (interval)
		loop_set_timer(a->tick_timer, interval_ns(a), interval_ns(a));
	sampler_set_refresh(a->sampler, a->config.refresh_ms / a->config.sample_interval_ms);
	size_t n = container_table_live(a->table, &list);

	for (size_t i = 0; i < n; i++)
		container_labels_changed(list[i]);
	n = container_table_ended(a->table, &list);
	for (size_t i = 0; i < n; i++)
		container_labels_changed(list[i]);
	agent_feed_config(a);
	agent_feed_all(a); /* history may have been switched on */
}

static void reload(struct agent *a)
{
	struct config next;
	struct err e = { "" };
	int r = agent_load_config(&next, &a->options, &e);
	const char *restart = r == 0 ? config_needs_restart(&a->config, &next) : NULL;

	a->counters.reloads++;
	a->counters.config_last_reload_ok = r == 0 && !restart;
	if (r < 0) {
		log_error("configuration not reloaded, the old one stays", "error", e.text, NULL);
		return;
	}
	if (restart) {
		log_error("configuration not reloaded, the old one stays: a key needs a restart",
			  "key", restart, NULL);
		return;
	}
	a->counters.config_last_reload_unix_ns = unix_ns();
	take_config(a, &next);
	notify_send("RELOADING=0\nREADY=1");
	log_info("configuration reloaded", "file", a->options.config_path, NULL);
}

static void on_signal(void *ctx, uint32_t signo)
{
	struct agent *a = ctx;

	if (signo == SIGHUP) {
		reload(a);
		return;
	}
	log_info("stopping", "signal", LOG_U64(signo), NULL);
	loop_stop(a->loop);
}

/* --- the sampling round
 * ------------------------------------------------------------------------------ */

/* CPU in cores over the time since the counter was last compared, at least half an interval. */
static void update_rate(struct container *c)
{
	struct member *m = member_of(c);
	const struct sample *s = &c->sample;

	if (!(s->have & SAMPLE_CPU))
		return;
	if (m->rate_mono_ns && s->time_mono_ns > m->rate_mono_ns)
		c->cpu_cores = s->cpu_usage_ns < m->rate_cpu_ns
				       ? -1
				       : (double)(s->cpu_usage_ns - m->rate_cpu_ns) /
						 (double)(s->time_mono_ns - m->rate_mono_ns);
	m->rate_mono_ns = s->time_mono_ns;
	m->rate_cpu_ns = s->cpu_usage_ns;
}

static void sample_round(struct agent *a)
{
	const uint64_t start = mono_ns();
	struct container *const *list;
	size_t n = container_table_live(a->table, &list);
	uint64_t now = unix_ns();

	for (size_t i = 0; i < n; i++) {
		struct container *c = list[i];
		int r = c->cg ? sampler_read_hot(a->sampler, c->cg, a->tick, &c->sample) : -ENODEV;

		if (r < 0)
			continue; /* gone: the watcher will tell */
		c->last_seen_unix_ns = now;
		if (r > 0)
			member_of(c)->changed = true;
		update_rate(c);
	}
	a->counters.samples += n;
	agent_slow_tick(a);
	agent_feed_round(a);
	agent_containers_expire(a);
	a->counters.last_round_ns = mono_ns() - start;
}

static void on_tick(void *ctx, uint32_t events)
{
	struct agent *a = ctx;
	uint64_t now = mono_ns();

	(void)events;
	if (a->last_tick_ns && now - a->last_tick_ns > 2 * interval_ns(a))
		a->counters.ticks_late++;
	a->last_tick_ns = now;
	a->counters.ticks++;
	a->tick++;
	sample_round(a);
	if (!a->first_round_done) {
		a->first_round_done = true;
		a->counters.first_sample_ns = mono_ns() - a->start_mono_ns;
	}
}

/* --- bulkhead serve
 * -------------------------------------------------------------------------------------- */

static void print_login(struct agent *a)
{
	const char *scheme = a->config.tls_certificate[0] ? "https" : "http";
	char token[TOKEN_TEXT_BYTES];
	struct err e = { "" };

	if (a->link_printed || !a->options.print_login_link)
		return;
	a->link_printed = true;
	printf("url=%s://%s\n", scheme, a->config.listen);
	if (token_create(a->tokens, TOKEN_VIEWER, LINK_TOKEN_S, unix_ns(), token, &e) < 0)
		log_error("cannot create a login link", "error", e.text, NULL);
	else
		printf("login=%s://%s/login?token=%s\n", scheme, a->config.listen, token);
	fflush(stdout);
}

static void serve_is_ready(struct agent *a, struct span where)
{
	char text[256];

	snprintf(text, sizeof(text), "%.*s", (int)(where.n < 255 ? where.n : 255), where.p);
	a->serve_up = true;
	a->serve_problem[0] = '\0';
	log_info("listening", "url", text, NULL);
	agent_feed_all(a);
	print_login(a);
	notify_send("READY=1");
}

static void serve_failed(struct agent *a, struct span why)
{
	snprintf(a->serve_problem, sizeof(a->serve_problem), "%.*s",
		 (int)(why.n < sizeof(a->serve_problem) ? why.n : sizeof(a->serve_problem) - 1),
		 why.p);
	log_error("bulkhead serve cannot start", "error", a->serve_problem, NULL);
}

static void on_serve_frame(void *ctx, struct peer *p, const struct wire_frame *f)
{
	struct agent *a = ctx;

	switch ((int)f->type) {
	case WIRE_READY:
		serve_is_ready(a, f->payload);
		break;
	case WIRE_FAILED:
		serve_failed(a, f->payload);
		break;
	case WIRE_REQUEST:
		agent_request(a, p, f);
		break;
	case WIRE_SERVE_STATS:
		wire_serve_stats_decode(f->payload, &a->serve_stats, NULL);
		break;
	default:
		break; /* nothing else is serve's to send */
	}
}

static void drop_serve(struct agent *a)
{
	if (a->serve)
		agent_forget_peer(a, a->serve);
	peer_free(TAKE(a->serve));
	a->serve_up = false;
	memset(&a->serve_stats, 0, sizeof(a->serve_stats));
}

/* The socket broke before the process was seen to end, or serve misbehaves: end it. */
static void on_serve_closed(void *ctx, struct peer *p, const char *why)
{
	struct agent *a = ctx;

	(void)p;
	(void)why;
	drop_serve(a);
	supervise_kill(a->supervise);
}

static void on_serve_started(void *ctx, int fd, pid_t pid)
{
	struct agent *a = ctx;
	struct peer_events ev = { on_serve_frame, on_serve_closed, a };
	struct err e = { "" };

	drop_serve(a);
	if (peer_new(&a->serve, a->loop, fd, false, &ev, &e) < 0) {
		log_error("cannot talk to bulkhead serve", "error", e.text, NULL);
		supervise_kill(a->supervise);
		return;
	}
	log_debug("bulkhead serve started", "pid", LOG_U64(pid), NULL);
	agent_feed_config(a);
}

static void on_serve_ended(void *ctx, const char *why)
{
	struct agent *a = ctx;

	drop_serve(a);
	if (!a->serve_problem[0])
		snprintf(a->serve_problem, sizeof(a->serve_problem), "%s", why);
	log_warning("bulkhead serve ended and is started again", "reason", why, NULL);
}

static int start_serve(struct agent *a, const struct agent_options *o, struct err *e)
{
	struct supervise_settings s = { .program = o->serve_program };
	const struct supervise_events ev = { on_serve_started, on_serve_ended, a };
	struct stat st;

	if (mkdirat(a->state_fd, "serve", 0700) < 0 && errno != EEXIST)
		return err_errno(e, "cannot create '%s/serve'", a->config.state_dir);
	a->serve_state_fd =
		openat(a->state_fd, "serve", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (a->serve_state_fd < 0 || fstat(a->serve_state_fd, &st) < 0)
		return err_errno(e, "cannot open '%s/serve'", a->config.state_dir);
	int r = privileges_serve_user(a->config.user, a->proc, st.st_uid, &s.uid, &s.gid, e);

	if (r < 0)
		return r;
	r = privileges_give_tree(a->serve_state_fd, s.uid, s.gid, e);
	if (r < 0)
		return err_prefix(e, r, "'%s/serve'", a->config.state_dir);
	s.state_fd = a->serve_state_fd;
	r = supervise_new(&a->supervise, a->loop, &s, &ev, e);
	if (r == 0)
		r = privileges_keep_needed(e);
	return r < 0 ? r : supervise_start(a->supervise, e);
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

/* One agent a state directory: two would write the same files. */
static int lock_state(struct agent *a, struct err *e)
{
	a->lock_fd = openat(a->state_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (a->lock_fd < 0)
		return err_errno(e, "cannot write in state directory '%s'", a->config.state_dir);
	if (flock(a->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(e, EBUSY, "another bulkheadd uses state directory '%s'",
			       a->config.state_dir);
	return 0;
}

static int open_directories(struct agent *a, struct err *e)
{
	int r = open_dir(a->config.state_dir, 0700, &a->state_fd, e);

	if (r == 0)
		r = lock_state(a, e);
	if (r == 0)
		r = open_dir(a->config.run_dir, 0700, &a->run_fd, e);
	return r;
}

static void raise_descriptor_limit(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < l.rlim_max) {
		l.rlim_cur = l.rlim_max;
		setrlimit(RLIMIT_NOFILE, &l);
	}
}

static int start_reading(struct agent *a, struct err *e)
{
	const char *rootfs = a->config.rootfs;
	const struct machine_roots roots = { rootfs, a->proc, a->sys };
	const struct sampler_settings settings = {
		.refresh_ticks = a->config.refresh_ms / a->config.sample_interval_ms,
		.max_fds = a->config.max_fds,
		.per_cpu = a->config.per_cpu,
		.hugetlb = a->config.hugetlb,
		.proc = a->proc,
		.sys = a->sys,
	};
	struct err ignored = { "" };
	int r = cgroup_layout_read(&a->layout, "/proc/self/mountinfo", rootfs, e);

	if (r == 0)
		r = sampler_new(&a->sampler, &a->layout, &settings, e);
	if (r == 0)
		r = container_table_new(&a->table, a->config.max_containers, e);
	if (r < 0)
		return r;
	machine_read_static(&a->machine, &roots, &ignored);
	machine_read_live(&a->live, &roots, &ignored);
	if (kmsg_new(&a->kmsg, a->loop, "/dev/kmsg", agent_oom, a, &ignored) < 0) {
		agent_degraded(a,
			       "the kernel log cannot be read: an out-of-memory kill that ends its "
			       "container may be missed",
			       true);
		log_warning("kernel log cannot be read", "error", ignored.text, NULL);
	}
	r = worker_new(&a->worker, a->loop, "worker", e);
	if (r == 0)
		r = agent_slow_start(a, e);
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

static int start_all(struct agent *a, const struct agent_options *o, struct err *e)
{
	struct err damaged = { "" };
	int r = loop_new(&a->loop, e);

	if (r == 0)
		r = add_signals(a, e);
	if (r == 0)
		r = open_directories(a, e);
	if (r == 0)
		r = token_store_new(&a->tokens, a->state_fd, &damaged);
	if (damaged.text[0])
		log_warning("token file", "error", damaged.text, NULL);
	if (r < 0)
		return r;
	raise_descriptor_limit();
	/* serve first: it drops what the rest does not need, and starts while we read */
	r = start_serve(a, o, e);
	if (r == 0)
		r = start_reading(a, e);
	if (r == 0)
		r = agent_requests_start(a, e);
	if (r == 0)
		r = loop_add_timer(a->loop, 1, interval_ns(a), on_tick, a, &a->tick_timer, e);
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
	a->render_buf.fd = -1;
	a->layout.unified_fd = a->layout.watch_fd = -1;
	for (int i = 0; i < CONTROLLER_COUNT; i++)
		a->layout.fds[i] = -1;
	a->start_unix_ns = unix_ns();
	a->start_mono_ns = mono_ns();
	a->counters.config_last_reload_ok = true;
	a->counters.config_last_reload_unix_ns = a->start_unix_ns;
	/* A container with the host's pid namespace sees the host's /proc as its own. */
	snprintf(a->proc, sizeof(a->proc), "/proc");
	snprintf(a->sys, sizeof(a->sys), "/sys");
	int r = start_all(a, o, e);

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

void agent_free(struct agent *a)
{
	if (!a)
		return;
	/* serve ends first: it flushes history while we wait, and asks nothing any more */
	if (a->loop)
		agent_requests_stop(a);
	if (a->serve)
		peer_send_now(a->serve, WIRE_STOP, (struct span){ NULL, 0 });
	if (a->supervise)
		supervise_stop(a->supervise, SERVE_GRACE_MS);
	drop_serve(a);
	worker_free(TAKE(a->worker));
	agent_slow_stop(a);
	agent_containers_stop(a);
	supervise_free(a->supervise);
	kmsg_free(a->kmsg);
	container_table_free(a->table);
	sampler_free(a->sampler);
	cgroup_layout_release(&a->layout);
	token_store_free(a->tokens);
	loop_free(a->loop);
	int fds[] = { a->serve_state_fd, a->lock_fd, a->state_fd, a->run_fd };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	free(a);
}
