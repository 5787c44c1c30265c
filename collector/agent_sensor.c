// SPDX-License-Identifier: GPL-2.0-or-later
/* The kernel's side in the agent: loaded beside the loop, told what is wanted, stopped.
 *   agent_sensor_cgroups.c  whose each cgroup is
 *   agent_sensor_enforce.c  what containers are held to
 *   agent_sensor_read.c     the ring buffer on the loop
 *   agent_sensor_events.c   one record on its way
 *   agent_sensor_figures.c  what it tells of itself */
#include "collector/agent_sensor.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "collector/base/io.h"
#include "collector/procscan.h"

#define PIDS_DEFAULT 32768
#define WANTS_BYTES  (4U << 20)
#define PIDS_MOST    131072 /* entries of 400 bytes: a host with more processes is refused some */

static const char off[] = "the kernel sensor is off: no events, metrics alone";

/* --- what is wanted ------------------------------------------------------------------------ */

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

/* A number that changes as often as the most impatient asks for; 0: nobody does. */
uint16_t agent_sensor_retell(const struct agent *a)
{
	uint64_t least = UINT64_MAX;

	for (size_t i = 0; i < WANTS_OWNERS; i++)
		if (a->wants[i].retell_ms && a->wants[i].retell_ms < least)
			least = a->wants[i].retell_ms;
	return least == UINT64_MAX ? 0
				   : (uint16_t)(boot_ns() / (least * NS_PER_MS) % UINT16_MAX + 1);
}

uint64_t agent_sensor_names(const struct agent *a)
{
	uint64_t names = 0;

	for (size_t i = 0; i < WANTS_OWNERS; i++)
		names |= a->wants[i].names;
	return names;
}

bool agent_sensor_learns_syscalls(const struct agent *a)
{
	bool learns = a->config.sensor_syscalls;

	for (size_t i = 0; i < WANTS_OWNERS; i++)
		learns |= a->wants[i].learn_syscalls;
	return learns;
}

/* What is dull to one is dropped when no other asked for the type. */
static uint64_t dull_types(const struct agent *a, uint64_t subscribed)
{
	uint64_t dull = 0, wanted = subscribed | mask_of_list(&a->config.sensor_extra);

	for (size_t i = 0; i < WANTS_OWNERS; i++) {
		dull |= a->wants[i].dull;
		wanted |= a->wants[i].container & ~a->wants[i].dull;
	}
	return dull & ~wanted;
}

static void set_masks(struct agent *a, uint64_t subscribed)
{
	struct sensor_switches *w = sensor_switches(a->sensor->kernel);
	const uint64_t always = mask_of_class(EVENT_CLASS_PROCESS);
	const uint64_t all = mask_of_class(EVENT_CLASS_FILE) | mask_of_class(EVENT_CLASS_NETWORK) |
			     mask_of_class(EVENT_CLASS_ISOLATION);
	const uint64_t asked = subscribed;
	/* mmap is told rarely, but to look at it costs every call */
	uint64_t many = (EVENT_FILTER_ON_DEMAND | EVENT_BIT(EVENT_MMAP)) &
			~mask_of_list(&a->config.sensor_extra);

	if (!a->config.sensor_payloads)
		many |= EVENT_BIT(EVENT_PAYLOAD) | EVENT_BIT(EVENT_DNS);
	else
		subscribed |= EVENT_BIT(EVENT_PAYLOAD) | EVENT_BIT(EVENT_DNS);
	uint64_t container = always | (all & ~(many & ~subscribed));
	uint64_t host = always | mask_of_list(&a->config.sensor_host);
	bool raw_names = false;

	for (size_t i = 0; i < WANTS_OWNERS; i++) {
		container |= a->wants[i].container;
		host |= a->wants[i].host;
		raw_names |= a->wants[i].raw_names;
	}
	w->container_mask = container;
	w->host_mask = host;
	w->retell = agent_sensor_retell(a);
	w->raw_names = raw_names;
	w->dull_mask = dull_types(a, asked);
	w->repeat_mask = EVENT_BIT(EVENT_OPEN) | EVENT_BIT(EVENT_STAT) | EVENT_BIT(EVENT_CONNECT) |
			 EVENT_BIT(EVENT_SEND) | EVENT_BIT(EVENT_RECV) | EVENT_BIT(EVENT_ACCEPT) |
			 EVENT_BIT(EVENT_MMAP);
	w->payloads = a->config.sensor_payloads;
	sensor_want(a->sensor->kernel, w->container_mask | w->host_mask);
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

/* What cannot be looked for must not be missed: then all paths are told. */
static bool add_host_path(struct agent *a, const char *path)
{
	struct err e = { "" };
	int r = path[0] == '/' ? sensor_add_host_prefix(a->sensor->kernel, path, &e)
			       : sensor_add_host_name(a->sensor->kernel, path, &e);

	if (r < 0)
		log_warning("paths of the host that are told", "error", e.text, NULL);
	return r == 0;
}

/* true: all are told. */
static bool add_wanted_paths(struct agent *a, const struct agent_wants *w)
{
	bool all = w->host_all_paths;

	for (size_t i = 0; i < w->prefixes_n && !all; i++)
		all = !add_host_path(a, w->prefixes[i].p);
	for (size_t i = 0; i < w->file_names_n && !all; i++)
		all = !add_host_path(a, w->file_names[i].p);
	return all;
}

static void set_host_paths(struct agent *a)
{
	const struct config_list *list = &a->config.sensor_host_paths;
	/* who asks for file events without naming paths gets all */
	bool all = list->n == 0 && (mask_of_list(&a->config.sensor_host) & HOST_PATH_EVENTS);

	/* meanwhile all are told */
	sensor_switches(a->sensor->kernel)->host_paths = false;
	sensor_clear_host_paths(a->sensor->kernel);
	for (uint32_t i = 0; i < list->n; i++)
		all = !add_host_path(a, list->items[i]) || all;
	for (size_t i = 0; i < WANTS_OWNERS && !all; i++)
		all = add_wanted_paths(a, &a->wants[i]);
	sensor_switches(a->sensor->kernel)->host_paths = !all;
}

static bool keep_environment(struct redact *r, const struct agent_wants *w)
{
	for (size_t i = 0; i < w->environment_n; i++)
		if (!redact_keep_entry(r, w->environment[i])) {
			r->marks_n = 0; /* told rather than missed: all entries, masked */
			redact_keep_entry(r, SPAN_LIT(""));
			return false;
		}
	return true;
}

static void set_redaction(struct agent *a)
{
	struct redact *r = &a->sensor->redact;
	const struct config_list *words = &a->config.sensor_redact_words;
	const struct config_list *env = &a->config.sensor_environment;

	redact_defaults(r);
	r->enabled = a->config.sensor_redact;
	r->env_n = r->marks_n = 0;
	for (uint32_t i = 0; i < words->n; i++)
		if (!redact_add_word(r, span_str(words->items[i])))
			log_warning("word is not masked, the list is full or it is too long",
				    "word", words->items[i], NULL);
	for (uint32_t i = 0; i < env->n; i++)
		if (!redact_keep_env(r, span_str(env->items[i])))
			log_warning("environment entry is not told, its name is too long", "name",
				    env->items[i], NULL);
	bool wanted = env->n > 0;

	for (size_t i = 0; i < WANTS_OWNERS; i++) {
		wanted |= a->wants[i].environment_n > 0;
		if (!keep_environment(r, &a->wants[i]))
			break;
	}
	if (a->sensor->kernel)
		sensor_switches(a->sensor->kernel)->environment = wanted;
}

static void set_syscalls(struct agent *a)
{
	struct err e = { "" };

	if (sensor_learn_syscalls(a->sensor->kernel, agent_sensor_learns_syscalls(a), &e) < 0)
		log_warning("system calls are not noted", "error", e.text, NULL);
}

void agent_sensor_reload(struct agent *a)
{
	if (!a->sensor)
		return;
	set_redaction(a);
	if (!a->sensor->kernel)
		return;
	set_host_paths(a);
	set_masks(a, a->stream ? stream_type_mask(a->stream) : 0);
	set_shedding(a);
	set_syscalls(a);
	sensor_switches(a->sensor->kernel)->rules++; /* repeats of before are told again */
}

static const struct span *copy_list(struct arena *a, const struct span *list, size_t *n)
{
	struct span *copy = arena_zeroed(a, *n, sizeof(*copy));

	for (size_t i = 0; copy && i < *n; i++)
		copy[i] = arena_copy(a, list[i]);
	if (!copy || a->failed)
		*n = 0;
	return copy;
}

void agent_sensor_want(struct agent *a, enum agent_wants_owner owner,
		       const struct agent_wants *wants)
{
	struct arena *arena = &a->wants_arenas[owner];
	struct agent_wants w = *wants;

	arena_release(arena);
	arena_init(arena, WANTS_BYTES);
	w.prefixes = copy_list(arena, w.prefixes, &w.prefixes_n);
	w.file_names = copy_list(arena, w.file_names, &w.file_names_n);
	w.environment = copy_list(arena, w.environment, &w.environment_n);
	w.host_all_paths = w.host_all_paths || arena->failed;
	a->wants[owner] = w;
	agent_sensor_reload(a);
}

/* --- start and stop ------------------------------------------------------------------------ */

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
		 "no_trampoline", sensor_fallback(s->kernel), NULL);
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

static void go_without(struct agent *a, const char *why)
{
	snprintf(a->sensor->problem, sizeof(a->sensor->problem), "%.159s", why);
	agent_degraded(a, off, a->config.sensor_mode != SENSOR_WANT_OFF);
	log_warning("kernel sensor is off", "reason", why, NULL);
}

static int take_up(struct agent *a, struct err *e)
{
	struct agent_sensor *s = a->sensor;

	sensor_switches(s->kernel)->own_pid = (uint32_t)getpid();
	set_shedding(a);
	set_host_paths(a);
	set_syscalls(a);
	set_redaction(a); /* with the programs' part */
	set_masks(a, a->stream ? stream_type_mask(a->stream) : 0);
	a->events_wanted = on_wanted;
	agent_sensor_enter_all(a);
	int r = agent_sensor_watch(a, e);

	if (r == 0)
		r = agent_sensor_listen(s, e);
	if (r == 0 && resolve_new(&s->resolver, a->proc, e) < 0)
		log_warning("paths are not looked up", "error", e->text, NULL);
	return r;
}

static void run_load(struct worker_job *job)
{
	struct agent_sensor *s = (struct agent_sensor *)job;

	s->load_result = sensor_new(&s->fresh, &s->settings, &s->load_error);
}

static void free_loader(void *ctx)
{
	struct agent_sensor *s = ctx;

	worker_free(TAKE(s->loader));
}

static void loaded(struct worker_job *job)
{
	struct agent_sensor *s = (struct agent_sensor *)job;
	struct agent *a = s->agent;

	s->loading = false;
	s->kernel = TAKE(s->fresh);
	if (worker_closing(s->loader))
		return;
	s->problem[0] = '\0';
	if (s->load_result == 0)
		s->load_result = take_up(a, &s->load_error);
	if (s->load_result < 0) {
		loop_remove(TAKE(s->ring));
		loop_remove(TAKE(s->timer));
		a->events_wanted = NULL;
		sensor_free(TAKE(s->kernel));
		go_without(a, s->load_error.text);
	} else {
		log_programs(s);
	}
	a->sensor_state_ns = 0; /* what was cached is of before */
	seed(a);
	if (loop_defer(a->loop, free_loader, s) < 0)
		log_debug("the loader's thread stays", NULL);
}

/* Loading takes the kernel about a second: it must not keep the first samples waiting. */
static int start_loading(struct agent *a, struct err *e)
{
	struct agent_sensor *s = a->sensor;

	if (a->config.sensor_mode == SENSOR_WANT_OFF)
		return err_set(e, ECANCELED, "switched off by sensor.mode");
	s->settings = (struct sensor_settings){
		.buffer_bytes = a->config.sensor_buffer_bytes,
		.fallback = a->layout.mode == CGROUP_V2 ? NULL : a->layout.watch_name,
		.unified_fd = a->layout.unified_fd,
		.no_trampoline = a->config.sensor_mode == SENSOR_WANT_TRACEPOINT,
		.need_trampoline = a->config.sensor_mode == SENSOR_WANT_TRAMPOLINE,
		.max_containers = a->config.max_containers,
		.verbose = a->config.log_level == LOG_LEVEL_DEBUG,
	};
	s->job = (struct worker_job){ .run = run_load, .done = loaded };
	int r = worker_new(&s->loader, a->loop, "sensor", e);

	if (r == 0 && worker_submit(s->loader, &s->job, true) < 0)
		r = err_set(e, EBUSY, "no thread to load it");
	s->loading = r == 0;
	return r;
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
	set_redaction(a);
	snprintf(s->problem, sizeof(s->problem), "it is being loaded");
	uint32_t most = pid_max(a) < PIDS_MOST ? pid_max(a) : PIDS_MOST;
	int r = process_table_new(&a->processes, most + most / 4, &e);

	if (r == 0)
		r = start_loading(a, &e);
	if (r < 0) {
		go_without(a, e.text);
		if (a->processes)
			seed(a);
	}
}

bool agent_sensor_settled(const struct agent *a)
{
	return !a->sensor || !a->sensor->loading;
}

void agent_sensor_stop(struct agent *a)
{
	struct agent_sensor *s = TAKE(a->sensor);

	if (!s)
		return;
	a->events_wanted = NULL;
	loop_cancel_deferred(a->loop, s);
	a->sensor = s;
	worker_free(TAKE(s->loader)); /* waits for the kernel's verdict on the programs */
	a->sensor = NULL;
	loop_remove(s->ring);
	loop_remove(s->timer);
	cgwatch_free(s->unified);
	a->sensor = s;
	agent_sensor_expire_refs(a, true);
	a->sensor = NULL;
	sensor_free(s->kernel);
	sensor_free(s->fresh);
	resolve_free(s->resolver);
	buf_release(&s->scratch);
	process_table_free(TAKE(a->processes));
	free(s);
}
