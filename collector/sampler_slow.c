// SPDX-License-Identifier: GPL-2.0-or-later
/* The slow pass: limits, high-water marks, huge pages, processes. Each file is opened, read and
 * closed, so that it costs no descriptor. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/procstat.h"
#include "collector/sampler_internal.h"

#define MAX_WALK_DEPTH	8
#define MAX_WALK_DIRS	64
#define MAX_WALK_PIDS	4096 /* start times looked at */
#define MAX_PROCS_READS 256  /* of the scratch size: a million and more lines of cgroup.procs */

enum slow_kind { SLOW_VALUE, SLOW_LIMIT };

struct slow_row {
	enum cgroup_controller controller;
	bool v2;
	const char *name;
	enum slow_kind kind;
	size_t field;
	uint32_t bit; /* of `have`; 0: one that another row answers for */
};
#define FIELD(f) offsetof(struct sample, f)

static const struct slow_row slow_rows[] = {
	{ CONTROLLER_MEMORY, false, "memory.limit_in_bytes", SLOW_LIMIT, FIELD(memory_limit),
	  SAMPLE_MEMORY_SPEC },
	{ CONTROLLER_MEMORY, false, "memory.memsw.limit_in_bytes", SLOW_LIMIT,
	  FIELD(memory_swap_limit), 0 },
	{ CONTROLLER_MEMORY, false, "memory.soft_limit_in_bytes", SLOW_LIMIT,
	  FIELD(memory_reservation), 0 },
	{ CONTROLLER_MEMORY, false, "memory.max_usage_in_bytes", SLOW_VALUE,
	  FIELD(memory_max_usage), SAMPLE_MEMORY_MAX },
	{ CONTROLLER_MEMORY, false, "memory.failcnt", SLOW_VALUE, FIELD(memory_failcnt),
	  SAMPLE_MEMORY_FAILCNT },
	{ CONTROLLER_MEMORY, false, "memory.kmem.usage_in_bytes", SLOW_VALUE, FIELD(memory_kernel),
	  SAMPLE_MEMORY_KERNEL },
	{ CONTROLLER_CPU, false, "cpu.shares", SLOW_VALUE, FIELD(cpu_shares), SAMPLE_CPU_SPEC },
	{ CONTROLLER_CPU, false, "cpu.cfs_period_us", SLOW_VALUE, FIELD(cpu_period_us), 0 },
	{ CONTROLLER_CPU, false, "cpu.cfs_quota_us", SLOW_LIMIT, FIELD(cpu_quota_us), 0 },
	{ CONTROLLER_PIDS, false, "pids.max", SLOW_LIMIT, FIELD(threads_max), 0 },
	{ CONTROLLER_MEMORY, true, "memory.max", SLOW_LIMIT, FIELD(memory_limit),
	  SAMPLE_MEMORY_SPEC },
	{ CONTROLLER_MEMORY, true, "memory.swap.max", SLOW_LIMIT, FIELD(memory_swap_limit), 0 },
	{ CONTROLLER_MEMORY, true, "memory.min", SLOW_LIMIT, FIELD(memory_reservation), 0 },
	{ CONTROLLER_MEMORY, true, "memory.peak", SLOW_VALUE, FIELD(memory_max_usage),
	  SAMPLE_MEMORY_MAX },
	{ CONTROLLER_MEMORY, true, "memory.swap.current", SLOW_VALUE, FIELD(memory_swap),
	  SAMPLE_MEMORY_SWAP },
	{ CONTROLLER_PIDS, true, "pids.max", SLOW_LIMIT, FIELD(threads_max), 0 },
};

static ssize_t read_slow(struct sampler *s, struct sampler_cg *cg, unsigned hierarchy,
			 const char *name, struct span *text)
{
	ssize_t n = sampler_read_once(s, sampler_locate(s, cg, hierarchy, name));

	if (n >= 0)
		*text = (struct span){ s->scratch, (size_t)n };
	return n;
}

static void count_error(struct sampler *s, bool understood)
{
	s->stats.parse_errors += !understood;
}

/* False when the cgroup is gone; *out then keeps its limits. */
static bool read_rows(struct sampler *s, struct sampler_cg *cg, struct sample *out)
{
	for (size_t i = 0; i < sizeof(slow_rows) / sizeof(slow_rows[0]); i++) {
		const struct slow_row *row = &slow_rows[i];
		uint64_t *to = (uint64_t *)(void *)((char *)out + row->field);
		struct span text;

		if (s->layout->fds[row->controller] < 0 ||
		    s->layout->on_v2[row->controller] != row->v2)
			continue;
		ssize_t n = read_slow(s, cg, row->controller, row->name, &text);

		if (n == -ENOENT || n == -ENODEV || n == -EOPNOTSUPP) {
			if (sampler_is_watched(s, row->controller) && sampler_is_gone(s, cg))
				return false;
			*to = 0;
			out->have &= ~row->bit;
		} else if (n >= 0) {
			bool ok =
				(row->kind == SLOW_LIMIT ? cgparse_limit : cgparse_value)(text, to);

			count_error(s, ok);
			out->have |= ok ? row->bit : 0;
		}
	}
	return true;
}

/* Files that hold more than one number. */
static void read_special(struct sampler *s, struct sampler_cg *cg, struct sample *out)
{
	const struct cgroup_layout *l = s->layout;
	struct span text;

	if (l->fds[CONTROLLER_CPU] >= 0 && l->on_v2[CONTROLLER_CPU]) {
		out->have &= ~(uint32_t)SAMPLE_CPU_SPEC;
		if (read_slow(s, cg, CONTROLLER_CPU, "cpu.weight", &text) >= 0 &&
		    cgparse_cpu_weight(text, &out->cpu_shares) &&
		    read_slow(s, cg, CONTROLLER_CPU, "cpu.max", &text) >= 0 &&
		    cgparse_cpu_max(text, &out->cpu_quota_us, &out->cpu_period_us))
			out->have |= SAMPLE_CPU_SPEC;
	}
	if (l->fds[CONTROLLER_MEMORY] < 0 || cg->is_root)
		return;
	if (l->on_v2[CONTROLLER_MEMORY]) {
		if (read_slow(s, cg, CONTROLLER_MEMORY, "memory.events", &text) >= 0)
			count_error(s, cgparse_memory_events(text, out));
	} else if (read_slow(s, cg, CONTROLLER_MEMORY, "memory.oom_control", &text) >= 0) {
		count_error(s, cgparse_oom_control(text, out));
	}
}

/* The root has no such counters of its own: the host's stand in. */
static void read_root(struct sampler *s, struct sample *out)
{
	uint64_t total, free_kb;
	struct span text;
	ssize_t n;

	sampler_locate_proc(s, "vmstat");
	n = sampler_read_once(s, AT_FDCWD);
	text = (struct span){ s->scratch, n > 0 ? (size_t)n : 0 };
	if (cgparse_key(text, "oom_kill", &out->oom_kills))
		out->have |= SAMPLE_OOM;
	if (!s->layout->on_v2[CONTROLLER_MEMORY])
		return;
	sampler_locate_proc(s, "meminfo");
	n = sampler_read_once(s, AT_FDCWD);
	text = (struct span){ s->scratch, n > 0 ? (size_t)n : 0 };
	if (cgparse_key(text, "SwapTotal:", &total) && cgparse_key(text, "SwapFree:", &free_kb) &&
	    free_kb <= total) {
		out->memory_swap = (total - free_kb) * 1024;
		out->have |= SAMPLE_MEMORY_SWAP;
	}
}

/* --- huge pages ------------------------------------------------------------------------------ */

static bool read_huge(struct sampler *s, struct sampler_cg *cg, const char *size, const char *what,
		      uint64_t *out)
{
	char name[64];
	struct span text;

	snprintf(name, sizeof(name), "hugetlb.%s.%s", size, what);
	return read_slow(s, cg, CONTROLLER_HUGETLB, name, &text) >= 0 && cgparse_value(text, out);
}

static void read_hugetlb(struct sampler *s, struct sampler_cg *cg, struct sample *out)
{
	bool v2 = s->layout->on_v2[CONTROLLER_HUGETLB];

	out->hugetlb_n = 0;
	out->have &= ~(uint32_t)SAMPLE_HUGETLB;
	if (!s->settings.hugetlb || s->layout->fds[CONTROLLER_HUGETLB] < 0)
		return;
	for (uint32_t i = 0; i < s->page_sizes_n; i++) {
		struct sample_hugetlb h = { .usage_bytes = 0 };
		const char *size = s->page_sizes[i];
		char name[64];
		struct span text;

		memcpy(h.page_size, size, sizeof(h.page_size));
		if (v2) {
			if (!read_huge(s, cg, size, "rsvd.current", &h.usage_bytes) &&
			    !read_huge(s, cg, size, "current", &h.usage_bytes))
				continue;
			snprintf(name, sizeof(name), "hugetlb.%s.events", size);
			if (read_slow(s, cg, CONTROLLER_HUGETLB, name, &text) >= 0)
				count_error(s, cgparse_key(text, "max", &h.failcnt));
		} else if (read_huge(s, cg, size, "rsvd.usage_in_bytes", &h.usage_bytes)) {
			read_huge(s, cg, size, "rsvd.max_usage_in_bytes", &h.max_usage_bytes);
			read_huge(s, cg, size, "rsvd.failcnt", &h.failcnt);
		} else if (read_huge(s, cg, size, "usage_in_bytes", &h.usage_bytes)) {
			read_huge(s, cg, size, "max_usage_in_bytes", &h.max_usage_bytes);
			read_huge(s, cg, size, "failcnt", &h.failcnt);
		} else {
			continue;
		}
		out->hugetlb[out->hugetlb_n++] = h;
		out->have |= SAMPLE_HUGETLB;
	}
}

/* --- processes of a cgroup and of those below it ---------------------------------------------- */

struct procs_walk {
	struct sampler *s;
	unsigned dirs;
	uint64_t lines;
	bool find_first;
	unsigned looked_at;
	pid_t first;
	uint64_t first_start_ns;
};

static void look_at(struct procs_walk *w, uint64_t pid)
{
	if (pid == 0 || pid > INT_MAX || w->looked_at >= MAX_WALK_PIDS)
		return; /* 0: of another pid namespace */
	w->looked_at++;
	uint64_t start = procstat_start_boot_ns(w->s->settings.proc, (pid_t)pid);

	if (start == 0 || (w->first && (start > w->first_start_ns ||
					(start == w->first_start_ns && (pid_t)pid > w->first))))
		return;
	w->first = (pid_t)pid;
	w->first_start_ns = start;
}

static void read_procs(struct procs_walk *w, int dir_fd)
{
	struct sampler *s = w->s;
	AUTO_FD int fd = openat(dir_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	uint64_t pid = 0;

	if (fd < 0)
		return;
	for (unsigned reads = 0; reads < MAX_PROCS_READS; reads++) {
		ssize_t n = read(fd, s->scratch, sizeof(s->scratch));

		if (n <= 0)
			return;
		s->stats.reads++;
		for (ssize_t i = 0; i < n; i++) {
			unsigned digit = (unsigned)(s->scratch[i] - '0');

			if (digit <= 9) {
				pid = pid < INT_MAX ? pid * 10 + digit : pid;
				continue;
			}
			w->lines++;
			if (w->find_first)
				look_at(w, pid);
			pid = 0;
		}
	}
}

static void walk_procs(struct procs_walk *w, int dir_fd, unsigned depth);

static void walk_children(struct procs_walk *w, int dir_fd, unsigned depth)
{
	int listed = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_DIR DIR *dir = listed >= 0 ? fdopendir(listed) : NULL;
	struct dirent *d;

	if (!dir) {
		if (listed >= 0)
			close(listed);
		return;
	}
	while (w->dirs < MAX_WALK_DIRS && (d = readdir(dir)) != NULL) {
		if ((d->d_type != DT_DIR && d->d_type != DT_UNKNOWN) || d->d_name[0] == '.')
			continue;
		AUTO_FD int child =
			openat(dir_fd, d->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (child >= 0)
			walk_procs(w, child, depth + 1);
	}
}

static void walk_procs(struct procs_walk *w, int dir_fd, unsigned depth)
{
	struct stat st;

	w->dirs++;
	read_procs(w, dir_fd);
	/* cgroupfs counts subdirectories in the link count, which saves the listing; 1 is what file
	 * systems say that do not count */
	if (depth < MAX_WALK_DEPTH && fstat(dir_fd, &st) == 0 && st.st_nlink != 2)
		walk_children(w, dir_fd, depth);
}

static int open_cgroup(struct sampler *s, const struct sampler_cg *cg)
{
	const char *rel = cg->path[1] ? cg->path + 1 : ".";

	return openat(s->layout->watch_fd, rel, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* The walk is bounded, so the root's processes are counted in /proc. */
static bool count_all(const struct sampler *s, uint64_t *out)
{
	AUTO_DIR DIR *dir = opendir(s->settings.proc);
	uint64_t n = 0;
	struct dirent *d;

	if (!dir)
		return false;
	while ((d = readdir(dir)) != NULL)
		n += isdigit((unsigned char)d->d_name[0]) != 0;
	*out = n;
	return true;
}

static void read_processes(struct sampler *s, struct sampler_cg *cg, struct sample *out)
{
	struct procs_walk w = { .s = s };

	if (cg->is_root) {
		if (count_all(s, &out->processes))
			out->have |= SAMPLE_PROCESSES;
		return;
	}
	AUTO_FD int fd = open_cgroup(s, cg);

	if (fd < 0)
		return;
	walk_procs(&w, fd, 0);
	out->processes = w.lines;
	out->have |= SAMPLE_PROCESSES;
}

pid_t sampler_first_pid(struct sampler *s, struct sampler_cg *cg)
{
	struct procs_walk w = { .s = s, .find_first = true };
	AUTO_FD int fd = open_cgroup(s, cg);

	if (fd < 0)
		return 0;
	walk_procs(&w, fd, 0);
	return w.first;
}

int sampler_read_slow(struct sampler *s, struct sampler_cg *cg, struct sample *out)
{
	if (cg->gone || !read_rows(s, cg, out))
		return -ENODEV;
	read_special(s, cg, out);
	if (cg->is_root)
		read_root(s, out);
	read_hugetlb(s, cg, out);
	read_processes(s, cg, out);
	return 1;
}
