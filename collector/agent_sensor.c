// SPDX-License-Identifier: GPL-2.0-or-later
/* The kernel's side in the agent: started, read on the loop, told what is wanted, its figures. */
#include "collector/agent_sensor.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "collector/base/io.h"
#include "collector/procscan.h"

#define BUDGET_NS     (2 * NS_PER_MS)  /* of one turn of the loop */
#define LOOK_NS	      (3 * NS_PER_MS)  /* between looks while events come */
#define LAST_LOOK_NS  (50 * NS_PER_MS) /* after the last: one may have come without a wake-up */
#define WARN_EVERY_NS (60 * NS_PER_S)
#define WALK_STEP     4096 /* repeats read in one turn */
#define PIDS_DEFAULT  32768

static const char off[] = "the kernel sensor is off: no events, metrics alone";
static const char losing[] = "events are lost: the machine does not keep up (see "
			     "bulkhead_sensor_dropped_total)";

/* --- reading -----------------------------------------------------------------------------------
 * The first event of a quiet time wakes the loop at once. While more come, the programs are told
 * not to: a timer looks every few milliseconds, which costs a storm a few hundred wake-ups a second
 * instead of one an event. */

static void go_on(void *ctx);

static int read_some(struct agent_sensor *s)
{
	bool more = false;
	int n = sensor_consume(s->kernel, agent_sensor_record, s, BUDGET_NS, &more);

	if (s->changed)
		agent_events_flush(s->agent);
	s->changed = false;
	if (more && !s->going_on)
		s->going_on = loop_defer(s->agent->loop, go_on, s) == 0;
	return n;
}

static void go_on(void *ctx)
{
	struct agent_sensor *s = ctx;

	s->going_on = false;
	read_some(s);
}

static void be_quiet(struct agent_sensor *s, bool quiet)
{
	s->quiet = quiet;
	s->settled = false;
	sensor_switches(s->kernel)->quiet = quiet;
	loop_set_timer(s->timer, quiet ? LOOK_NS : LAST_LOOK_NS, 0);
}

static void on_ring(void *ctx, uint32_t events)
{
	struct agent_sensor *s = ctx;

	(void)events;
	if (read_some(s) > 0 && !s->quiet)
		be_quiet(s, true);
}

static void on_timer(void *ctx, uint32_t events)
{
	struct agent_sensor *s = ctx;
	int n = read_some(s);

	(void)events;
	if (n > 0)
		be_quiet(s, true);
	else if (s->quiet)
		be_quiet(s, false);
}

/* --- what is wanted -----------------------------------------------------------------------------
 */

static uint64_t mask_of_class(enum event_class c)
{
	uint64_t mask = 0;

	for (uint32_t t = EVENT_NONE + 1; t < EVENT_TYPE_COUNT; t++)
		if (event_type_class(t) == c)
			mask |= EVENT_BIT(t);
	return mask;
}

static uint64_t mask_of_list(const struct config_list *list)
{
	uint64_t mask = 0;

	for (uint32_t i = 0; i < list->n; i++)
		mask |= EVENT_BIT(event_type_find(span_str(list->items[i])));
	return mask & ~EVENT_BIT(EVENT_NONE);
}

static void set_masks(struct agent *a, uint64_t subscribed)
{
	struct sensor_switches *w = sensor_switches(a->sensor->kernel);
	const uint64_t always = mask_of_class(EVENT_CLASS_PROCESS);
	const uint64_t all = mask_of_class(EVENT_CLASS_FILE) | mask_of_class(EVENT_CLASS_NETWORK) |
			     mask_of_class(EVENT_CLASS_ISOLATION);
	uint64_t many = EVENT_FILTER_ON_DEMAND & ~mask_of_list(&a->config.sensor_extra);

	if (!a->config.sensor_payloads)
		many |= EVENT_BIT(EVENT_PAYLOAD) | EVENT_BIT(EVENT_DNS);
	else
		subscribed |= EVENT_BIT(EVENT_PAYLOAD) | EVENT_BIT(EVENT_DNS);
	w->container_mask = always | (all & ~(many & ~subscribed));
	w->host_mask = always | mask_of_list(&a->config.sensor_host);
	w->repeat_mask = EVENT_BIT(EVENT_OPEN) | EVENT_BIT(EVENT_STAT) | EVENT_BIT(EVENT_CONNECT) |
			 EVENT_BIT(EVENT_SEND) | EVENT_BIT(EVENT_RECV) | EVENT_BIT(EVENT_ACCEPT);
	w->payloads = a->config.sensor_payloads;
}

static void on_wanted(struct agent *a, uint64_t type_mask)
{
	if (a->sensor && a->sensor->kernel)
		set_masks(a, type_mask);
}

static void set_shedding(struct agent *a)
{
	const struct config_list *list = &a->config.sensor_shed;
	uint8_t order[CONFIG_MAX_LIST];

	for (uint32_t i = 0; i < list->n; i++)
		order[i] = (uint8_t)event_type_find(span_str(list->items[i]));
	sensor_set_shedding(a->sensor->kernel, order, list->n);
}

static void set_host_paths(struct agent *a)
{
	const struct config_list *list = &a->config.sensor_host_paths;
	struct err e = { "" };

	for (uint32_t i = 0; i < list->n; i++) {
		const char *path = list->items[i];
		int r = path[0] == '/' ? sensor_add_host_prefix(a->sensor->kernel, path, &e)
				       : sensor_add_host_name(a->sensor->kernel, path, &e);

		if (r < 0)
			log_warning("sensor.host_paths", "error", e.text, NULL);
	}
	sensor_switches(a->sensor->kernel)->host_paths = list->n > 0;
}

static void set_redaction(struct agent *a)
{
	struct redact *r = &a->sensor->redact;
	const struct config_list *words = &a->config.sensor_redact_words;
	const struct config_list *env = &a->config.sensor_environment;

	redact_defaults(r);
	r->enabled = a->config.sensor_redact;
	r->env_n = 0;
	for (uint32_t i = 0; i < words->n; i++)
		if (!redact_add_word(r, span_str(words->items[i])))
			log_warning("word is not masked, the list is full or it is too long",
				    "word", words->items[i], NULL);
	for (uint32_t i = 0; i < env->n; i++)
		if (!redact_keep_env(r, span_str(env->items[i])))
			log_warning("environment entry is not told, its name is too long", "name",
				    env->items[i], NULL);
	if (a->sensor->kernel)
		sensor_switches(a->sensor->kernel)->environment = env->n > 0;
}

static void set_syscalls(struct agent *a)
{
	struct err e = { "" };

	if (sensor_learn_syscalls(a->sensor->kernel, a->config.sensor_syscalls, &e) < 0)
		log_warning("system calls are not noted", "error", e.text, NULL);
}

void agent_sensor_reload(struct agent *a)
{
	if (!a->sensor)
		return;
	set_redaction(a);
	if (!a->sensor->kernel)
		return;
	set_masks(a, a->stream ? stream_type_mask(a->stream) : 0);
	set_shedding(a);
	set_syscalls(a);
	sensor_switches(a->sensor->kernel)->rules++; /* repeats of before are told again */
}

/* --- start and stop ------------------------------------------------------------------------------
 */

static uint32_t pid_max(const struct agent *a)
{
	char path[PATH_MAX + 32], text[32];
	uint32_t v;

	snprintf(path, sizeof(path), "%s/sys/kernel/pid_max", a->proc);
	ssize_t n = io_read_at(AT_FDCWD, path, text, sizeof(text));

	return n > 0 && parse_u32(span_trim((struct span){ text, (size_t)n }), &v) ? v
										   : PIDS_DEFAULT;
}

static void log_programs(const struct agent_sensor *s)
{
	const struct sensor_program *list;
	size_t n = sensor_programs(s->kernel, &list), on = 0;

	for (size_t i = 0; i < n; i++) {
		on += list[i].on;
		if (list[i].reason[0])
			log_warning("the kernel refused a program", "program", list[i].name,
				    "reason", list[i].reason, NULL);
	}
	log_info("kernel sensor", "mode", sensor_mode_name(sensor_mode_of(s->kernel)), "programs",
		 LOG_U64(on), "load_ms", LOG_U64(sensor_stats(s->kernel).load_ns / NS_PER_MS),
		 NULL);
}

static int load(struct agent *a, struct err *e)
{
	struct agent_sensor *s = a->sensor;
	const struct sensor_settings settings = {
		.buffer_bytes = a->config.sensor_buffer_bytes,
		.fallback = a->layout.mode == CGROUP_V2 ? NULL : a->layout.watch_name,
		.unified_fd = a->layout.unified_fd,
		.no_trampoline = a->config.sensor_mode == SENSOR_WANT_TRACEPOINT,
		.max_containers = a->config.max_containers,
		.verbose = a->config.log_level == LOG_LEVEL_DEBUG,
	};

	if (a->config.sensor_mode == SENSOR_WANT_OFF)
		return err_set(e, ECANCELED, "switched off by sensor.mode");
	int r = sensor_new(&s->kernel, &settings, e);

	if (r < 0)
		return r;
	sensor_switches(s->kernel)->own_pid = (uint32_t)getpid();
	set_shedding(a);
	set_host_paths(a);
	set_syscalls(a);
	set_masks(a, 0);
	r = loop_add_timer(a->loop, 0, 0, on_timer, s, &s->timer, e);
	if (r == 0)
		r = loop_add_fd(a->loop, sensor_fd(s->kernel), EPOLLIN, on_ring, s, &s->ring, e);
	return r;
}

static void seed(struct agent *a)
{
	struct agent_sensor *s = a->sensor;
	struct err e = { "" };
	AUTO_FD int fd = s->kernel ? sensor_tasks_fd(s->kernel, &e) : -1;
	const struct procscan scan = { .proc = a->proc, .redact = &s->redact };
	struct procscan_counts counts;
	int r = fd >= 0 ? procscan_iterator(&scan, a->processes, fd, &counts, &e)
			: procscan_proc(&scan, a->processes, &counts, &e);

	if (r < 0)
		log_warning("the processes that run could not be read", "error", e.text, NULL);
}

void agent_sensor_start(struct agent *a)
{
	struct agent_sensor *s = calloc(1, sizeof(*s));
	struct err e = { "" };

	if (!s)
		return;
	a->sensor = s;
	s->agent = a;
	buf_init(&s->scratch, 4 * EVENT_STRING_MAX);
	if (process_table_new(&a->processes, pid_max(a) + pid_max(a) / 4, &e) < 0 ||
	    load(a, &e) < 0) {
		sensor_free(TAKE(s->kernel));
		snprintf(s->problem, sizeof(s->problem), "%.159s", e.text);
		agent_degraded(a, off, a->config.sensor_mode != SENSOR_WANT_OFF);
		log_warning("kernel sensor is off", "reason", e.text, NULL);
	}
	set_redaction(a);
	if (s->kernel) {
		a->events_wanted = on_wanted;
		log_programs(s);
		if (resolve_new(&s->resolver, a->proc, &e) < 0)
			log_warning("paths are not looked up", "error", e.text, NULL);
	}
	if (a->processes)
		seed(a);
}

void agent_sensor_stop(struct agent *a)
{
	struct agent_sensor *s = TAKE(a->sensor);

	if (!s)
		return;
	a->events_wanted = NULL;
	loop_cancel_deferred(a->loop, s);
	loop_remove(s->ring);
	loop_remove(s->timer);
	cgwatch_free(s->unified);
	a->sensor = s;
	agent_sensor_expire_refs(a, true);
	a->sensor = NULL;
	sensor_free(s->kernel);
	resolve_free(s->resolver);
	buf_release(&s->scratch);
	process_table_free(TAKE(a->processes));
	free(s);
}

/* --- figures -------------------------------------------------------------------------------------
 */

static uint64_t lost_of(const struct event_counts *c, uint32_t type)
{
	return c->dropped[DROP_SHED][type] + c->dropped[DROP_FULL][type] +
	       c->dropped[DROP_NESTED][type];
}

static void tell_trouble(struct agent *a, bool on, uint64_t lost)
{
	char text[64];

	snprintf(text, sizeof(text), "%llu events in a second", (unsigned long long)lost);
	agent_degraded(a, losing, on);
	agent_alerts_trouble(a, TROUBLE_EVENTS_LOST, on, text);
}

/* Loss is said aloud: at once, then at most once a minute while it goes on. */
static void tell_losses(struct agent_sensor *s, const struct event_counts *c)
{
	uint64_t lost[EVENT_TYPE_COUNT], sum = 0;
	const uint64_t now = mono_ns();

	for (uint32_t t = 0; t < EVENT_TYPE_COUNT; t++) {
		lost[t] = lost_of(c, t) - s->lost_told[t];
		sum += lost[t];
		s->lost_told[t] += lost[t];
	}
	if (sum == 0) {
		if (s->lost_warned_ns && now - s->lost_warned_ns > WARN_EVERY_NS)
			tell_trouble(s->agent, false, 0);
		return;
	}
	agent_events_lost(s->agent, lost);
	tell_trouble(s->agent, true, sum);
	if (!s->lost_warned_ns || now - s->lost_warned_ns > WARN_EVERY_NS) {
		s->lost_warned_ns = now;
		log_warning("events are lost, the buffer was full", "in_this_second", LOG_U64(sum),
			    NULL);
	}
}

static void read_traffic(struct agent *a)
{
	struct container *const *list;
	size_t n = container_table_live(a->table, &list);
	uint32_t top = 0;

	for (size_t i = 0; i < n; i++)
		if (list[i]->slot >= top)
			top = list[i]->slot + 1;
	AUTO_FREE struct account *all = calloc(top ? top : 1, sizeof(*all));

	if (!all || !sensor_accounts(a->sensor->kernel, all, top))
		return;
	for (size_t i = 0; i < n; i++) {
		if (list[i]->kind != CGROUP_CONTAINER && list[i]->kind != CGROUP_SERVICE)
			continue;
		list[i]->traffic = all[list[i]->slot];
		list[i]->has_traffic = true;
	}
}

/* Once a minute the stamps of the minute before are counted, in slices. */
static void walk_repeats(struct agent_sensor *s)
{
	struct sensor_switches *w = sensor_switches(s->kernel);
	const uint64_t minute = boot_ns() / (60 * NS_PER_S);
	uint64_t repeats, entries;

	w->minute = (uint32_t)minute;
	if (s->minute_walked == minute && !s->walking)
		return;
	if (!s->walking)
		s->minute_walked = minute;
	int r = sensor_read_repeats(s->kernel, (uint32_t)s->minute_walked - 1, WALK_STEP, &repeats,
				    &entries);

	s->walking = r == 0;
	if (r == 1) {
		s->state.repeats = repeats;
		s->state.repeats_entries = entries;
	}
}

void agent_sensor_round(struct agent *a)
{
	struct agent_sensor *s = a->sensor;

	if (!s)
		return;
	agent_sensor_expire_refs(a, false);
	if (a->processes)
		process_expire(a->processes, boot_ns());
	if (!s->kernel)
		return;
	sensor_counts(s->kernel, &s->state.counts);
	tell_losses(s, &s->state.counts);
	read_traffic(a);
	walk_repeats(s);
}

const char *agent_sensor_problem(const struct agent *a)
{
	return !a->sensor ? "no memory" : a->sensor->kernel ? NULL : a->sensor->problem;
}

void agent_sensor_state(struct agent *a, struct sensor_state *out)
{
	struct agent_sensor *s = a->sensor;

	memset(out, 0, sizeof(*out));
	out->problem = s ? s->problem : "no memory";
	if (!s)
		return;
	*out = s->state;
	out->problem = s->problem;
	out->mode = sensor_mode_of(s->kernel);
	out->programs_n = sensor_programs(s->kernel, &out->programs);
	if (a->processes)
		out->processes = process_table_stats(a->processes);
	if (a->stream)
		out->stream = stream_stats(a->stream);
	if (s->resolver)
		out->resolve = resolve_stats(s->resolver);
	out->cgroups = s->cgroups;
	if (!s->kernel)
		return;
	uint64_t damaged = s->state.stats.damaged;

	out->stats = sensor_stats(s->kernel);
	out->stats.damaged = damaged;
	out->maps_n = sensor_maps(s->kernel, out->maps, SENSOR_STATE_MAPS);
	s->state.longest_wait_ns = 0;
}
