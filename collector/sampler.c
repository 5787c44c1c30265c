// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/sampler.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "collector/base/clock.h"
#include "collector/sampler_internal.h"

#define MEMORY_BITS                                                                                \
	(SAMPLE_MEMORY | SAMPLE_MEMORY_DIRTY | SAMPLE_MEMORY_REFAULT | SAMPLE_MEMORY_RECLAIM)
/* Waiting this long for I/O or memory between two whole reads is not idling, though no CPU is used:
 * tasks in D state burn none. Small waits happen at every wakeup and do not count. */
#define STALL_US 10000

struct hot_row {
	enum cgroup_controller controller; /* CONTROLLER_COUNT: the v2 tree */
	const char *v1, *v2;		   /* NULL: nothing to read there */
	const char *root;		   /* below /proc, for the root cgroup; NULL: as others */
	uint32_t bits;			   /* of `have`, cleared when the file cannot be read */
};

static const struct hot_row hot_rows[HOT_COUNT] = {
	[HOT_CPU_USAGE] = { CONTROLLER_CPUACCT, "cpuacct.usage", "cpu.stat", NULL,
			    SAMPLE_CPU | SAMPLE_CPU_PERCPU },
	[HOT_MEMORY_STAT] = { CONTROLLER_MEMORY, "memory.stat", "memory.stat", NULL, MEMORY_BITS },
	[HOT_MEMORY_USAGE] = { CONTROLLER_MEMORY, "memory.usage_in_bytes", "memory.current", NULL,
			       SAMPLE_MEMORY },
	[HOT_CPUACCT_STAT] = { CONTROLLER_CPUACCT, "cpuacct.stat", NULL, NULL, 0 },
	[HOT_CPU_STAT] = { CONTROLLER_CPU, "cpu.stat", NULL, NULL,
			   SAMPLE_CPU_CFS | SAMPLE_CPU_BURST },
	[HOT_IO_BYTES] = { CONTROLLER_BLKIO, NULL, "io.stat", NULL, SAMPLE_IO },
	[HOT_IO_OPS] = { CONTROLLER_BLKIO, NULL, NULL, NULL, 0 },
	[HOT_PIDS] = { CONTROLLER_PIDS, "pids.current", "pids.current", "loadavg", SAMPLE_PIDS },
	[HOT_PSI_CPU] = { CONTROLLER_COUNT, NULL, "cpu.pressure", "pressure/cpu", SAMPLE_PSI_CPU },
	[HOT_PSI_MEMORY] = { CONTROLLER_COUNT, NULL, "memory.pressure", "pressure/memory",
			     SAMPLE_PSI_MEMORY },
	[HOT_PSI_IO] = { CONTROLLER_COUNT, NULL, "io.pressure", "pressure/io", SAMPLE_PSI_IO },
};

static const char *const blkio_names[][2] = {
	/* by enum io_source: bytes, operations */
	[IO_BFQ] = { "blkio.bfq.io_service_bytes_recursive", "blkio.bfq.io_serviced_recursive" },
	[IO_THROTTLE_TREE] = { "blkio.throttle.io_service_bytes_recursive",
			       "blkio.throttle.io_serviced_recursive" },
	[IO_THROTTLE] = { "blkio.throttle.io_service_bytes", "blkio.throttle.io_serviced" },
};

static bool on_v2(const struct sampler *s, enum cgroup_controller c)
{
	return c == CONTROLLER_COUNT || s->layout->on_v2[c];
}

/* Which file holds this row for this cgroup; NULL: none. */
static const char *hot_name(const struct sampler *s, const struct sampler_cg *cg, enum hot_file f,
			    unsigned *hierarchy)
{
	const struct hot_row *row = &hot_rows[f];

	*hierarchy = row->controller;
	if (cg->is_root && row->root) {
		*hierarchy = HIERARCHY_PROC;
		return row->root;
	}
	if (on_v2(s, row->controller))
		return row->v2;
	if (f == HOT_IO_BYTES || f == HOT_IO_OPS)
		return blkio_names[cg->io_source][f == HOT_IO_OPS];
	if (f == HOT_CPU_USAGE && s->settings.per_cpu)
		return "cpuacct.usage_percpu";
	return row->v1;
}

/* The text of a hot file: false when it cannot be read now; *gone then tells why. */
static bool read_hot(struct sampler *s, struct sampler_cg *cg, enum hot_file f, struct span *text,
		     struct sample *out, bool *gone)
{
	unsigned hierarchy;
	const char *name = hot_name(s, cg, f, &hierarchy);

	if (!name)
		return false;
	ssize_t n = sampler_read_kept(s, cg, f, hierarchy, name);

	if (n >= 0) {
		*text = (struct span){ s->scratch, (size_t)n };
		return true;
	}
	if (n == -ENODEV || n == -ENOENT || n == -EOPNOTSUPP)
		out->have &= ~hot_rows[f].bits;
	if ((n == -ENODEV || n == -ENOENT) && hierarchy < HIERARCHY_COUNT &&
	    sampler_is_watched(s, hierarchy))
		*gone |= cg->read_whole && sampler_is_gone(s, cg);
	return false;
}

/* 1: moved, 0: as before, -ENOENT: not known. */
static int read_cpu_usage(struct sampler *s, struct sampler_cg *cg, struct sample *out, bool *gone)
{
	uint64_t before = out->cpu_usage_ns, usage = 0;
	bool known = out->have & SAMPLE_CPU, ok;
	struct span text;

	if (!read_hot(s, cg, HOT_CPU_USAGE, &text, out, gone))
		return -ENOENT;
	if (on_v2(s, CONTROLLER_CPUACCT)) {
		ok = cgparse_cpu_stat(text, out);
		usage = out->cpu_usage_ns;
	} else if (s->settings.per_cpu) {
		ok = cgparse_percpu(text, cg->percpu_ns, s->percpu_cap, &out->percpu_n, &usage);
		out->percpu_ns = cg->percpu_ns;
		out->have |= ok ? SAMPLE_CPU | SAMPLE_CPU_PERCPU : 0;
	} else {
		ok = cgparse_value(text, &usage);
		out->have |= ok ? SAMPLE_CPU : 0;
	}
	if (!ok) {
		s->stats.parse_errors++;
		return -ENOENT;
	}
	out->cpu_usage_ns = usage;
	return !known || usage != before;
}

static void read_cpu(struct sampler *s, struct sampler_cg *cg, struct sample *out, bool *gone)
{
	struct span text;

	if (on_v2(s, CONTROLLER_CPUACCT) && on_v2(s, CONTROLLER_CPU))
		return; /* all was in cpu.stat */
	if (read_hot(s, cg, HOT_CPUACCT_STAT, &text, out, gone) &&
	    !cgparse_cpuacct_stat(text, s->user_hz, out))
		s->stats.parse_errors++;
	if (read_hot(s, cg, HOT_CPU_STAT, &text, out, gone) && !cgparse_cpu_stat(text, out))
		s->stats.parse_errors++;
}

static void read_memory(struct sampler *s, struct sampler_cg *cg, struct sample *out, bool *gone)
{
	struct span text;
	bool v2 = on_v2(s, CONTROLLER_MEMORY);

	if (!read_hot(s, cg, HOT_MEMORY_STAT, &text, out, gone))
		return;
	if (!(v2 ? cgparse_memory_stat_v2 : cgparse_memory_stat_v1)(text, out)) {
		s->stats.parse_errors++;
		return;
	}
	if (v2 && cg->is_root) {
		out->memory_usage = out->memory_rss + out->memory_cache;
	} else if (!read_hot(s, cg, HOT_MEMORY_USAGE, &text, out, gone)) {
		return;
	} else if (!cgparse_value(text, &out->memory_usage)) {
		s->stats.parse_errors++;
		return;
	}
	uint64_t usage = out->memory_usage, inactive = out->memory_inactive_file;

	out->memory_working_set = usage > inactive ? usage - inactive : 0;
	out->have |= SAMPLE_MEMORY;
}

/* Devices that the kernel names no longer leave the sample, so that they do not take places. */
static void drop_unseen(struct sample *out, uint32_t seen)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < out->io_n; i++) {
		if (!(seen & 1U << i))
			continue;
		if (kept != i)
			out->io[kept] = out->io[i];
		kept++;
	}
	out->io_n = kept;
}

static bool parse_io(struct sampler *s, struct span text, enum hot_file f, struct sample *out,
		     struct cgparse_io *io, int *lines)
{
	enum cgparse_blkio what = f == HOT_IO_OPS ? CGPARSE_BLKIO_OPS : CGPARSE_BLKIO_BYTES;

	*lines = on_v2(s, CONTROLLER_BLKIO) ? cgparse_io_stat(text, out, io)
					    : cgparse_blkio(text, what, out, io);
	if (*lines >= 0)
		return true;
	s->stats.parse_errors++;
	return false;
}

/* v1: the first source that names a device, else the last that is there. A source without devices
 * is asked again from the start now and then: the I/O scheduler may have been changed. */
static bool read_io_bytes(struct sampler *s, struct sampler_cg *cg, struct sample *out,
			  struct cgparse_io *io, bool *gone)
{
	bool retry = (s->tick + cg->stagger) % SAMPLER_RETRY_TICKS == 0;
	struct span text;
	int lines;

	if (on_v2(s, CONTROLLER_BLKIO))
		return read_hot(s, cg, HOT_IO_BYTES, &text, out, gone) &&
		       parse_io(s, text, HOT_IO_BYTES, out, io, &lines);
	enum io_source source = cg->io_empty && retry ? IO_BFQ : cg->io_source;

	for (;; source++) {
		if (source != cg->io_source) {
			sampler_drop(s, cg, HOT_IO_BYTES);
			sampler_drop(s, cg, HOT_IO_OPS);
			cg->misses[HOT_IO_BYTES] = cg->misses[HOT_IO_OPS] = 0;
			cg->io_source = source;
		}
		bool there = read_hot(s, cg, HOT_IO_BYTES, &text, out, gone);

		if (there && !parse_io(s, text, HOT_IO_BYTES, out, io, &lines))
			return false;
		cg->io_empty = !there || lines == 0;
		if (there && (lines > 0 || source == IO_THROTTLE_TREE))
			return true;
		if (source == IO_THROTTLE)
			return there;
	}
}

static void read_io(struct sampler *s, struct sampler_cg *cg, struct sample *out, bool *gone)
{
	struct cgparse_io io = { 0, 0 };
	struct span text;
	int lines;

	if (s->layout->fds[CONTROLLER_BLKIO] < 0 || !read_io_bytes(s, cg, out, &io, gone))
		return;
	if (!on_v2(s, CONTROLLER_BLKIO) && !cg->io_empty &&
	    read_hot(s, cg, HOT_IO_OPS, &text, out, gone) &&
	    !parse_io(s, text, HOT_IO_OPS, out, &io, &lines))
		return;
	s->stats.refused_devices += io.refused;
	drop_unseen(out, io.seen);
	sampler_name_devices(s, out);
	out->have |= SAMPLE_IO;
}

static void read_pids(struct sampler *s, struct sampler_cg *cg, struct sample *out, bool *gone)
{
	struct span text, word;
	bool ok;

	if (!read_hot(s, cg, HOT_PIDS, &text, out, gone))
		return;
	if (cg->is_root) { /* loadavg: "0.05 0.02 0.00 1/98 4897" */
		for (int i = 0; i < 4 && span_word(&text, &word); i++)
			continue;
		ok = span_next(&word, '/', &text) && parse_u64(word, &out->threads);
	} else {
		ok = cgparse_value(text, &out->threads);
	}
	s->stats.parse_errors += !ok;
	out->have |= ok ? SAMPLE_PIDS : 0;
}

static void read_pressure(struct sampler *s, struct sampler_cg *cg, struct sample *out, bool *gone)
{
	struct sample_psi *to[] = { &out->psi_cpu, &out->psi_memory, &out->psi_io };
	struct span text;

	for (unsigned i = 0; i < 3; i++) {
		enum hot_file f = HOT_PSI_CPU + i;

		if (!read_hot(s, cg, f, &text, out, gone))
			continue;
		if (cgparse_psi(text, to[i]))
			out->have |= hot_rows[f].bits;
		else
			s->stats.parse_errors++;
	}
	uint64_t stall_us = out->psi_memory.some_us + out->psi_io.some_us;

	cg->stalled = cg->read_whole && stall_us >= cg->stall_us + STALL_US;
	cg->stall_us = stall_us;
}

static void stamp(struct sample *out)
{
	out->time_unix_ns = unix_ns();
	out->time_mono_ns = mono_ns();
}

/* Gives back a budget that EMFILE had cut, and ends the short mode when all would fit again. */
static void widen_budget(struct sampler *s)
{
	if (!s->stats.degraded || s->stats.cgroups * HOT_COUNT > s->stats.fds_budget)
		return;
	if (s->budget < s->stats.fds_budget && s->tick < s->widen_tick)
		return;
	s->budget = s->stats.fds_budget;
	s->stats.degraded = false;
}

int sampler_read_hot(struct sampler *s, struct sampler_cg *cg, uint64_t tick, struct sample *out)
{
	uint32_t have = out->have;
	bool gone = false;

	if (cg->gone)
		return -ENODEV;
	s->tick = tick;
	widen_budget(s);
	int cpu = read_cpu_usage(s, cg, out, &gone);

	if (cpu == 0 && cg->read_whole && !cg->stalled &&
	    (tick + cg->stagger) % s->settings.refresh_ticks != 0) {
		s->stats.skipped_idle++;
		stamp(out);
		return 0;
	}
	read_memory(s, cg, out, &gone); /* first: its hierarchy is the one that is watched */
	if (!gone) {
		read_cpu(s, cg, out, &gone);
		read_io(s, cg, out, &gone);
		read_pids(s, cg, out, &gone);
		read_pressure(s, cg, out, &gone);
	}
	if (gone) {
		out->have = have; /* the last figures stay valid */
		return -ENODEV;
	}
	if (!cg->read_whole) /* the cgroup's identity, for the day its files vanish */
		sampler_is_gone(s, cg);
	cg->read_whole = true;
	stamp(out);
	return 1;
}

/* --- life ------------------------------------------------------------------------------------ */

/* Sizes that Linux has on any machine, as files of hugetlb are named for them. */
static const struct {
	unsigned kb;
	char name[8];
} page_sizes[] = {
	{ 64, "64KB" },	   { 1024, "1MB" },	{ 2048, "2MB" },    { 16384, "16MB" },
	{ 32768, "32MB" }, { 524288, "512MB" }, { 1048576, "1GB" }, { 16777216, "16GB" },
};

static void find_page_sizes(struct sampler *s)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(page_sizes) / sizeof(page_sizes[0]); i++) {
		int n = snprintf(path, sizeof(path), "%s/kernel/mm/hugepages/hugepages-%ukB",
				 s->settings.sys, page_sizes[i].kb);

		if (n >= (int)sizeof(path) || access(path, F_OK) < 0 ||
		    s->page_sizes_n == SAMPLE_MAX_HUGETLB)
			continue;
		memcpy(s->page_sizes[s->page_sizes_n++], page_sizes[i].name,
		       sizeof(page_sizes[i].name));
	}
}

int sampler_new(struct sampler **out, const struct cgroup_layout *layout,
		const struct sampler_settings *settings, struct err *e)
{
	AUTO(sampler_free) struct sampler *s = calloc(1, sizeof(*s));
	long hz = sysconf(_SC_CLK_TCK), cpus = sysconf(_SC_NPROCESSORS_CONF);
	struct rlimit limit = { 1024, 1024 };

	if (!s)
		return err_errno(e, "sampler");
	s->reserve_fd = -1;
	s->layout = layout;
	s->settings = *settings;
	s->proc = strdup(settings->proc ? settings->proc : "/proc");
	s->sys = strdup(settings->sys ? settings->sys : "/sys");
	if (!s->proc || !s->sys)
		return err_set(e, ENOMEM, "sampler: no memory");
	s->settings.proc = s->proc;
	s->settings.sys = s->sys;
	if (s->settings.refresh_ticks == 0)
		s->settings.refresh_ticks = 1;
	s->user_hz = hz > 0 ? (uint64_t)hz : 100;
	s->percpu_cap = cpus < 1 ? 1 : cpus > SAMPLE_MAX_CPUS ? SAMPLE_MAX_CPUS : (uint32_t)cpus;
	getrlimit(RLIMIT_NOFILE, &limit);
	s->budget = settings->max_fds ? settings->max_fds : limit.rlim_cur / 4 * 3;
	s->stats.fds_budget = s->budget;
	s->reserve_fd = open("/dev/null", O_PATH | O_CLOEXEC);
	if (s->reserve_fd < 0)
		return err_errno(e, "cannot keep a descriptor back");
	if (s->settings.hugetlb)
		find_page_sizes(s);
	*out = TAKE(s);
	return 0;
}

void sampler_free(struct sampler *s)
{
	if (!s)
		return;
	if (s->reserve_fd >= 0)
		close(s->reserve_fd);
	free(s->proc);
	free(s->sys);
	free(s);
}

static void free_cg(struct sampler_cg *cg)
{
	if (!cg)
		return;
	for (unsigned i = 0; i < HIERARCHY_COUNT; i++)
		free(cg->paths[i]);
	free(cg->percpu_ns);
	free(cg->path);
	free(cg);
}
DEFINE_AUTO(sampler_cg, free_cg)

int sampler_add(struct sampler *s, const char *path, struct sampler_cg **out, struct err *e)
{
	AUTO(free_cg) struct sampler_cg *cg = NULL;

	if (path[0] != '/' || strlen(path) >= PATH_MAX)
		return err_set(e, EINVAL, "'%s' is no path of a cgroup", path);
	cg = calloc(1, sizeof(*cg));
	if (!cg)
		return err_errno(e, "sampler of cgroup '%s'", path);
	cg->path = strdup(path);
	if (s->settings.per_cpu)
		cg->percpu_ns = calloc(s->percpu_cap, sizeof(*cg->percpu_ns));
	if (!cg->path || (s->settings.per_cpu && !cg->percpu_ns))
		return err_set(e, ENOMEM, "sampler of cgroup '%s': no memory", path);
	for (unsigned i = 0; i < HOT_COUNT; i++)
		cg->fds[i] = -1;
	cg->is_root = path[1] == '\0';
	cg->stagger = s->next_stagger++;
	s->stats.cgroups++;
	*out = TAKE(cg);
	return 0;
}

void sampler_set_pid(struct sampler_cg *cg, pid_t pid)
{
	cg->pid = pid;
	memset(cg->looked_up, 0, sizeof(cg->looked_up));
	memset(cg->misses, 0, sizeof(cg->misses));
}

void sampler_remove(struct sampler *s, struct sampler_cg *cg)
{
	if (!cg)
		return;
	for (enum hot_file f = 0; f < HOT_COUNT; f++)
		sampler_drop(s, cg, f);
	s->stats.cgroups--;
	free_cg(cg);
}

void sampler_set_refresh(struct sampler *s, unsigned refresh_ticks)
{
	s->settings.refresh_ticks = refresh_ticks ? refresh_ticks : 1;
}

struct sampler_stats sampler_stats(const struct sampler *s)
{
	struct sampler_stats stats = s->stats;

	stats.fds_budget = s->budget;
	return stats;
}
