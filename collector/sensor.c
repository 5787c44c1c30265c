// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/sensor.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "bpf/calls.h"
#include "collector/base/clock.h"
#include "collector/base/log.h"
#include "collector/sensor_internal.h"

#define LOOK_AT_CLOCK 16 /* records between two looks */

const char *sensor_mode_name(enum sensor_mode m)
{
	switch (m) {
	case SENSOR_OFF:
		return "off";
	case SENSOR_TRACEPOINT:
		return "tracepoint";
	case SENSOR_TRAMPOLINE:
		return "trampoline";
	}
	return "off";
}

/* --- loading ---------------------------------------------------------------------------------- */

/* Which programs each layer has; what is in neither list belongs to both. */
static const char *const only_tracepoint[] = { "on_sys_exit" };
static const char *const dispatchers[] = { "call_dispatch", "call_dispatch2" }; /* by table */
/* Attached when a container is held to its peers: they cost every send of the machine. */
static const char *const late[] = { "check_socket_sendmsg", "check_socket_connect" };
static const char *const needed[] = { "on_exec", "on_fork", "on_exit" };

static bool is_one_of(const char *name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(name, list[i]) == 0)
			return true;
	return false;
}
#define IS_ONE_OF(name, list) is_one_of(name, list, sizeof(list) / sizeof((list)[0]))

__attribute__((format(printf, 2, 0))) static int print_nothing(enum libbpf_print_level level,
							       const char *fmt, va_list args)
{
	(void)level;
	(void)fmt;
	(void)args;
	return 0;
}

__attribute__((format(printf, 2, 0))) static int print_all(enum libbpf_print_level level,
							   const char *fmt, va_list args)
{
	char text[512];

	if (level > LIBBPF_WARN)
		return 0;
	int n = vsnprintf(text, sizeof(text), fmt, args);

	while (n > 0 && (size_t)n < sizeof(text) && text[n - 1] == '\n')
		text[--n] = '\0';
	log_debug("libbpf", "text", text, NULL);
	return n;
}

static bool is_trampoline(const char *name)
{
	return strncmp(name, "call_", 5) == 0 || strncmp(name, "check_", 6) == 0;
}

static bool belongs(const char *name, enum sensor_mode mode)
{
	return mode == SENSOR_TRAMPOLINE ? !IS_ONE_OF(name, only_tracepoint) : !is_trampoline(name);
}

/* Whether this machine needs it: some have no second prototype, or no 32-bit calls. */
static bool is_used(const struct sensor *s, const char *name, enum sensor_mode mode)
{
	if (!belongs(name, mode))
		return false;
	if (strcmp(name, "call_ia32") == 0)
		return sensor_stubs_32(s->stubs);
	if (strcmp(name, dispatchers[1]) == 0)
		return sensor_stubs_second(s->stubs) != NULL;
	return true;
}

static int list_programs(struct sensor *s, struct err *e)
{
	struct bpf_program *p;

	s->tasks = s->syscalls = SENSOR_MAX_PROGRAMS;
	bpf_object__for_each_program(p, s->skeleton->obj)
	{
		if (s->programs_n == SENSOR_MAX_PROGRAMS)
			return err_set(e, E2BIG, "more than %d programs", SENSOR_MAX_PROGRAMS);
		struct sensor_program *row = &s->programs[s->programs_n];

		row->name = bpf_program__name(p);
		if (strcmp(row->name, "on_task") == 0)
			s->tasks = s->programs_n;
		if (strcmp(row->name, "on_sys_enter") == 0)
			s->syscalls = s->programs_n;
		s->programs_n++;
	}
	s->compiled_n = s->programs_n;
	return 0;
}

static const struct {
	uint8_t id, type;
	int16_t n64, n32;
} calls[] = {
#define CALL(name, event, n64, n32) { CALL_##name, EVENT_##event, n64, n32 },
	CALLS(CALL)
#undef CALL
};
static const struct {
	uint8_t id;
	uint16_t number;
} same32[] = {
#define SAME(name, n) { CALL_##name, n },
	CALLS_SAME_32(SAME)
}, same_x32[] = { CALLS_SAME_X32(SAME) };
#undef SAME

static enum fallback_hierarchy fallback_of(const char *name)
{
	static const struct {
		const char *name;
		enum fallback_hierarchy which;
	} all[] = {
		{ "memory", FALLBACK_MEMORY }, { "cpuacct", FALLBACK_CPUACCT },
		{ "cpu", FALLBACK_CPU },       { "pids", FALLBACK_PIDS },
		{ "blkio", FALLBACK_BLKIO },
	};

	for (size_t i = 0; name && i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(name, all[i].name) == 0)
			return all[i].which;
	return FALLBACK_NONE;
}

static void fill_constants(struct sensor_bpf *b, const char *fallback, enum sensor_mode mode)
{
	b->rodata->trampolines = mode == SENSOR_TRAMPOLINE;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (calls[i].n64 >= 0)
			b->rodata->calls64[calls[i].n64] = calls[i].id;
		if (calls[i].n32 >= 0)
			b->rodata->calls32[calls[i].n32] = calls[i].id;
		b->rodata->call_types[calls[i].id] = calls[i].type;
	}
	for (size_t i = 0; i < sizeof(same32) / sizeof(same32[0]); i++)
		b->rodata->calls32[same32[i].number] = same32[i].id;
	for (size_t i = 0; i < sizeof(same_x32) / sizeof(same_x32[0]); i++)
		b->rodata->calls64[same_x32[i].number] = same_x32[i].id;
	b->rodata->fallback = fallback_of(fallback);
	uint64_t seeds[3] = { 0 };

	if (getrandom(seeds, sizeof(seeds), GRND_NONBLOCK) != (ssize_t)sizeof(seeds))
		for (size_t i = 0; i < 3; i++)
			seeds[i] = (mono_ns() + i) * 0x9e3779b97f4a7c15ULL;
	b->rodata->hash_seed = seeds[0];
	b->rodata->script_seed[0] = seeds[1];
	b->rodata->script_seed[1] = seeds[2];
}

static uint32_t buffer_size(uint32_t wanted)
{
	uint32_t n = (uint32_t)sysconf(_SC_PAGESIZE);

	while (n < wanted && n < SENSOR_MAX_BUFFER)
		n *= 2;
	return n;
}

struct attempt {
	const struct sensor_settings *settings;
	enum sensor_mode mode;
	const char *only; /* load this program alone, to see whether it is the culprit */
};

/* A kernel function that may be missing (bpf_rdonly_cast before 6.2) is looked for in the modules'
 * types, too, for which libbpf up to 1.2 wants CAP_SYS_ADMIN, or fails. It asks once an object:
 * this is the asking, for a name that nobody has, whose failure means nothing. */
static void skip_modules(struct sensor_bpf *b)
{
	bpf_program__set_attach_target(b->progs.call_dispatch, 0, "bulkhead_nothing");
}

/* Opens anew: a skeleton that failed to load cannot be loaded again. */
static int load_once(struct sensor *s, const struct attempt *a, struct sensor_bpf **out)
{
	struct sensor_bpf *b = sensor_bpf__open();

	if (!b)
		return -errno;
	skip_modules(b);
	for (size_t i = 0; i < s->compiled_n; i++) {
		const struct sensor_program *row = &s->programs[i];
		struct bpf_program *p = bpf_object__find_program_by_name(b->obj, row->name);
		bool load = a->only ? strcmp(row->name, a->only) == 0
				    : is_used(s, row->name, a->mode) && !row->reason[0];

		bpf_program__set_autoload(p, load);
	}
	if (a->mode == SENSOR_TRAMPOLINE && sensor_stubs_second(s->stubs))
		bpf_program__set_attach_target(b->progs.call_dispatch2, 0,
					       sensor_stubs_second(s->stubs));
	bpf_map__set_max_entries(b->maps.events, buffer_size(a->settings->buffer_bytes));
	bpf_map__set_max_entries(b->maps.accounts, a->settings->max_containers);
	bpf_map__set_max_entries(b->maps.bitmaps, a->settings->max_containers);
	bpf_map__set_max_entries(b->maps.floods, a->settings->max_containers + 1);
	bpf_map__set_max_entries(b->maps.losses, a->settings->max_containers + 1);
	fill_constants(b, a->settings->fallback, a->mode);
	int r = sensor_bpf__load(b);

	if (r < 0) {
		sensor_bpf__destroy(b);
		return r;
	}
	*out = b;
	return 0;
}

static void refuse(struct sensor_program *row, const char *what, int code)
{
	snprintf(row->reason, sizeof(row->reason), "%s: %s", what, strerror(-code));
}

/* One refused program fails all: each is tried alone, and what fails is left out. */
static int find_culprits(struct sensor *s, const struct attempt *a)
{
	int found = 0;

	for (size_t i = 0; i < s->compiled_n; i++) {
		struct sensor_program *row = &s->programs[i];
		struct sensor_bpf *b = NULL;
		struct attempt alone = *a;

		if (row->reason[0] || !is_used(s, row->name, a->mode))
			continue;
		alone.only = row->name;
		int r = load_once(s, &alone, &b);

		sensor_bpf__destroy(b);
		if (r == -EPERM && i == 0)
			return r; /* nothing may be loaded at all: one answer is enough */
		if (r < 0) {
			refuse(row, "load", r);
			found++;
		}
	}
	return found;
}

static int load(struct sensor *s, const struct attempt *a, struct err *e)
{
	struct sensor_bpf *b = NULL;
	int r = load_once(s, a, &b);

	if (r < 0) {
		int culprits = find_culprits(s, a);

		if (culprits > 0)
			r = load_once(s, a, &b);
	}
	if (r < 0) {
		errno = -r;
		return err_errno(e, "the kernel refused the programs");
	}
	/* the names were those of the first one */
	for (size_t i = 0; i < s->compiled_n; i++)
		s->programs[i].name = bpf_program__name(
			bpf_object__find_program_by_name(b->obj, s->programs[i].name));
	sensor_bpf__destroy(s->skeleton);
	s->skeleton = b;
	return 0;
}

/* --- attaching ---------------------------------------------------------------------------------
 */

static bool is_network(const char *name)
{
	return strcmp(name, "on_ingress") == 0 || strcmp(name, "on_egress") == 0;
}

static struct bpf_link *attach_one(const struct sensor *s, size_t i, int unified_fd)
{
	struct bpf_program *p =
		bpf_object__find_program_by_name(s->skeleton->obj, s->programs[i].name);

	if (!is_network(s->programs[i].name))
		return bpf_program__attach(p);
	if (unified_fd < 0) {
		errno = ENOENT;
		return NULL;
	}
	/* O_PATH is no cgroup descriptor to bpf(2) */
	int fd = openat(unified_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct bpf_link *link = fd < 0 ? NULL : bpf_program__attach_cgroup(p, fd);
	int code = errno;

	if (fd >= 0)
		close(fd);
	errno = code;
	return link;
}

static int attach(struct sensor *s, const struct sensor_settings *settings, struct err *e)
{
	for (size_t i = 0; i < s->compiled_n; i++) {
		struct sensor_program *row = &s->programs[i];

		if (row->reason[0] || !is_used(s, row->name, s->mode) || i == s->syscalls ||
		    IS_ONE_OF(row->name, dispatchers) || IS_ONE_OF(row->name, late))
			continue;
		s->links[i] = attach_one(s, i, settings->unified_fd);
		row->on = s->links[i] != NULL;
		if (!row->on)
			refuse(row, "attach", -errno);
		else if (is_network(row->name))
			s->accounts = true;
	}
	for (size_t i = 0; i < s->programs_n; i++)
		if (IS_ONE_OF(s->programs[i].name, needed) && !s->programs[i].on)
			return err_set(e, EOPNOTSUPP, "program '%s' is needed (%s)",
				       s->programs[i].name, s->programs[i].reason);
	return 0;
}

void sensor_attach_late(struct sensor *s)
{
	for (size_t i = 0; i < s->compiled_n; i++) {
		struct sensor_program *row = &s->programs[i];

		if (s->links[i] || row->reason[0] || !is_used(s, row->name, s->mode) ||
		    !IS_ONE_OF(row->name, late))
			continue;
		s->links[i] = attach_one(s, i, -1);
		row->on = s->links[i] != NULL;
		if (!row->on)
			refuse(row, "attach", -errno);
	}
}

/* Who is still in the host's mount tree is the runtime, not its container. Which one it is the
 * kernel's first process shows, whose /proc not every root may read: the iterator notes it. */
static void note_host_mounts(struct sensor *s)
{
	struct event_task first;
	struct err e = { "" };
	int fd = sensor_tasks_fd(s, &e);

	if (fd < 0 || read(fd, &first, sizeof(first)) < 0)
		log_debug("the host's mount tree is not known: nothing can be enforced", NULL);
	if (fd >= 0)
		close(fd);
}

static int on_record(void *ctx, void *record, size_t bytes)
{
	struct sensor *s = ctx;

	s->stats.records++;
	s->stats.bytes += bytes;
	s->fn(s->ctx, record, bytes);
	if (++s->batch % LOOK_AT_CLOCK != 0 || mono_ns() < s->until_ns)
		return 0;
	s->more = true;
	return -EAGAIN; /* this one is taken; the rest waits */
}

/* Stubs jump to the dispatchers from now on. Without one of them calls would go unseen. */
static int start_stubs(struct sensor *s, struct err *e)
{
	for (size_t i = 0; i < s->compiled_n; i++) {
		struct sensor_program *row = &s->programs[i];
		const size_t table = strcmp(row->name, dispatchers[1]) == 0;
		const struct bpf_program *p;
		int r = 0;

		if (strncmp(row->name, "call_", 5) != 0 || !is_used(s, row->name, s->mode))
			continue;
		if (row->reason[0])
			return err_set(e, EOPNOTSUPP, "program '%s' is needed (%s)", row->name,
				       row->reason);
		if (!IS_ONE_OF(row->name, dispatchers))
			continue;
		p = bpf_object__find_program_by_name(s->skeleton->obj, row->name);
		r = sensor_stubs_start(s->stubs, table, bpf_program__fd(p), e);
		if (r < 0)
			return r;
		row->on = true;
	}
	return 0;
}

/* A call that cannot be seen this way is seen by the other layer: better than a blind spot. */
static int make_stubs(struct sensor *s, const struct sensor_settings *settings, struct err *e)
{
	struct sensor_program *rows = &s->programs[s->compiled_n];

	if (!sensor_trampoline_allowed())
		return err_set(e, EPERM, "the kernel refuses trampolines");
	int r = sensor_stubs_new(&s->stubs, e);

	if (r < 0)
		return r;
	s->programs_n += sensor_stubs_list(s->stubs, rows, SENSOR_MAX_PROGRAMS - s->compiled_n);
	sensor_stubs_attach(s->stubs, SENSOR_AT_START, rows);
	for (size_t i = s->compiled_n; i < s->programs_n && !settings->need_trampoline; i++)
		if (sensor_stubs_refused(s->stubs) &&
		    strncmp(s->programs[i].reason, "attach", 6) == 0)
			return err_set(e, EOPNOTSUPP, "%s: %s", s->programs[i].name,
				       s->programs[i].reason);
	return 0;
}

static int start_layer(struct sensor *s, const struct sensor_settings *settings,
		       enum sensor_mode mode, struct err *e)
{
	struct attempt a = { .settings = settings, .mode = mode };
	int r = mode == SENSOR_TRAMPOLINE ? make_stubs(s, settings, e) : 0;

	s->mode = mode;
	if (r == 0)
		r = load(s, &a, e);
	if (r == 0)
		r = attach(s, settings, e);
	if (r == 0 && mode == SENSOR_TRAMPOLINE)
		r = start_stubs(s, e);
	return r;
}

/* Back to what was before the first layer was tried, but why it failed. */
static int fall_back(struct sensor *s, const struct err *why, struct err *e)
{
	snprintf(s->fallback, sizeof(s->fallback), "%.*s", (int)sizeof(s->fallback) - 1, why->text);
	for (size_t i = 0; i < s->compiled_n; i++)
		bpf_link__destroy(TAKE(s->links[i]));
	sensor_stubs_free(TAKE(s->stubs));
	sensor_bpf__destroy(TAKE(s->skeleton));
	memset(s->programs, 0, sizeof(s->programs));
	s->programs_n = 0;
	s->skeleton = sensor_bpf__open();
	return s->skeleton ? list_programs(s, e) : err_errno(e, "cannot open the programs");
}

static int start(struct sensor *s, const struct sensor_settings *settings, struct err *e)
{
	struct err why = { "switched off" };
	int r = -ECANCELED;

	s->skeleton = sensor_bpf__open();
	if (!s->skeleton)
		return err_errno(e, "cannot open the programs");
	if (list_programs(s, e) < 0)
		return -E2BIG;
	if (!settings->no_trampoline)
		r = start_layer(s, settings, SENSOR_TRAMPOLINE, &why);
	if (r < 0 && settings->need_trampoline)
		return err_set(e, -r, "no trampoline layer: %s", why.text);
	if (r < 0) {
		r = fall_back(s, &why, e);
		if (r == 0)
			r = start_layer(s, settings, SENSOR_TRACEPOINT, e);
	}
	if (r < 0)
		return r;
	s->ring = ring_buffer__new(bpf_map__fd(s->skeleton->maps.events), on_record, s, NULL);
	if (!s->ring)
		return err_errno(e, "cannot map the ring buffer");
	s->stats.buffer_bytes = bpf_map__max_entries(s->skeleton->maps.events);
	return 0;
}

int sensor_new(struct sensor **out, const struct sensor_settings *settings, struct err *e)
{
	const uint64_t begin = mono_ns();
	AUTO(sensor_free) struct sensor *s = calloc(1, sizeof(*s));

	if (!s)
		return err_errno(e, "sensor");
	s->slots = settings->max_containers;
	libbpf_set_print(settings->verbose ? print_all : print_nothing);
	int r = start(s, settings, e);

	/* the kernel's types were 20 MB for a moment */
	malloc_trim(0);
	if (r < 0)
		return r;
	note_host_mounts(s);
	s->stats.load_ns = mono_ns() - begin;
	*out = TAKE(s);
	return 0;
}

void sensor_free(struct sensor *s)
{
	if (!s)
		return;
	if (s->bitmaps)
		munmap(s->bitmaps, s->bitmaps_bytes);
	if (s->losses)
		munmap(s->losses, s->losses_bytes);
	ring_buffer__free(s->ring);
	sensor_stubs_free(s->stubs);
	for (size_t i = 0; i < s->programs_n; i++)
		bpf_link__destroy(s->links[i]);
	sensor_bpf__destroy(s->skeleton);
	free(s);
}

enum sensor_mode sensor_mode_of(const struct sensor *s)
{
	return s ? s->mode : SENSOR_OFF;
}

const char *sensor_fallback(const struct sensor *s)
{
	return s ? s->fallback : "";
}

void sensor_want(struct sensor *s, uint64_t types)
{
	if (s->stubs && (types & ~sensor_stubs_types(s->stubs)))
		sensor_stubs_attach(s->stubs, types, &s->programs[s->compiled_n]);
}

size_t sensor_programs(const struct sensor *s, const struct sensor_program **list)
{
	*list = s ? s->programs : NULL;
	return s ? s->programs_n : 0;
}

struct sensor_stats sensor_stats(const struct sensor *s)
{
	return s->stats;
}

/* --- events ------------------------------------------------------------------------------------
 */

int sensor_fd(const struct sensor *s)
{
	return ring_buffer__epoll_fd(s->ring);
}

int sensor_consume(struct sensor *s, sensor_fn fn, void *ctx, uint64_t budget_ns, bool *more)
{
	const uint64_t before = s->stats.records;

	s->fn = fn;
	s->ctx = ctx;
	s->until_ns = mono_ns() + budget_ns;
	s->batch = 0;
	s->more = false;
	int r = ring_buffer__consume(s->ring);

	*more = s->more;
	if (r < 0 && r != -EAGAIN)
		return r;
	return (int)(s->stats.records - before);
}

int sensor_learn_syscalls(struct sensor *s, bool on, struct err *e)
{
	const size_t i = s->syscalls;

	if (i >= s->programs_n || s->programs[i].reason[0])
		return err_set(e, EOPNOTSUPP, "the kernel refused the program (%s)",
			       i < s->programs_n ? s->programs[i].reason : "missing");
	if (on == s->programs[i].on)
		return 0;
	if (!on) {
		bpf_link__destroy(s->links[i]);
		s->links[i] = NULL;
		s->programs[i].on = false;
		return 0;
	}
	s->links[i] = attach_one(s, i, -1);
	if (!s->links[i])
		return err_errno(e, "cannot attach");
	s->programs[i].on = true;
	return 0;
}

int sensor_tasks_fd(struct sensor *s, struct err *e)
{
	if (s->tasks >= s->programs_n || !s->links[s->tasks])
		return err_set(e, EOPNOTSUPP, "the kernel has no task iterator");
	int fd = bpf_iter_create(bpf_link__fd(s->links[s->tasks]));

	return fd < 0 ? err_errno(e, "cannot start the task iterator") : fd;
}
