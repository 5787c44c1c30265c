// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/machine.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "collector/base/auto.h"
#include "collector/base/clock.h"
#include "collector/base/io.h"
#include "collector/cgparse.h"

#define SMALL_FILE_BYTES  8192
#define CPUINFO_MAX_BYTES (16U << 20)
#define CPUINFO_MAX_CORES 8192 /* (socket, core) pairs told apart */

static ssize_t read_below(const char *root, const char *file, char *mem, size_t cap)
{
	char path[PATH_MAX];

	return io_join(path, sizeof(path), root, file) ? io_read_at(AT_FDCWD, path, mem, cap)
						       : -ENAMETOOLONG;
}

/* First line of a small file, trimmed; "" when there is none. */
static bool read_line(const char *root, const char *file, char *out, size_t cap)
{
	char mem[SMALL_FILE_BYTES];
	ssize_t n = read_below(root, file, mem, sizeof(mem));
	struct span rest = { mem, n > 0 ? (size_t)n : 0 }, line;

	out[0] = '\0';
	if (!span_next(&rest, '\n', &line))
		return false;
	line = span_trim(line);
	snprintf(out, cap, "%.*s", (int)(line.n < cap ? line.n : cap - 1), line.p);
	return line.n > 0;
}

/* --- identity -----------------------------------------------------------------------------------
 */

static struct span unquote(struct span s)
{
	s = span_trim(s);
	if (s.n >= 2 && (s.p[0] == '"' || s.p[0] == '\'') && s.p[s.n - 1] == s.p[0])
		return (struct span){ s.p + 1, s.n - 2 };
	return s;
}

static void read_os(struct machine *m, const char *rootfs)
{
	char mem[SMALL_FILE_BYTES];
	struct span rest, line;
	ssize_t n = read_below(rootfs, "etc/os-release", mem, sizeof(mem));

	if (n < 0)
		n = read_below(rootfs, "usr/lib/os-release", mem, sizeof(mem));
	rest = (struct span){ mem, n > 0 ? (size_t)n : 0 };
	while (span_next(&rest, '\n', &line)) {
		if (!span_starts(line, "PRETTY_NAME="))
			continue;
		line = unquote((struct span){ line.p + 12, line.n - 12 });
		snprintf(m->os_version, sizeof(m->os_version), "%.*s", (int)line.n, line.p);
		return;
	}
}

static void read_ids(struct machine *m, const struct machine_roots *r)
{
	if (!read_line(r->rootfs, "etc/machine-id", m->machine_id, sizeof(m->machine_id)))
		read_line(r->rootfs, "var/lib/dbus/machine-id", m->machine_id,
			  sizeof(m->machine_id));
	if (!read_line(r->sys, "class/dmi/id/product_uuid", m->system_uuid,
		       sizeof(m->system_uuid)) &&
	    !read_line(r->proc, "device-tree/system-id", m->system_uuid, sizeof(m->system_uuid)) &&
	    !read_line(r->proc, "device-tree/vm,uuid", m->system_uuid, sizeof(m->system_uuid)))
		memcpy(m->system_uuid, m->machine_id, sizeof(m->system_uuid));
	read_line(r->proc, "sys/kernel/random/boot_id", m->boot_id, sizeof(m->boot_id));
}

/* --- topology -----------------------------------------------------------------------------------
 */

/* Number of CPUs in "0-3,8,10-11"; 0 when malformed. */
static uint32_t count_list(struct span list)
{
	struct span range, first;
	uint32_t from, to;
	uint64_t n = 0;

	list = span_trim(list);
	while (span_next(&list, ',', &range)) {
		if (!span_next(&range, '-', &first) || !parse_u32(first, &from))
			return 0;
		to = from;
		if (range.p && (!parse_u32(range, &to) || to < from))
			return 0;
		n += (uint64_t)to - from + 1;
	}
	return n > UINT32_MAX ? 0 : (uint32_t)n;
}

struct core_set {
	uint64_t *cores; /* socket << 32 | core */
	size_t n;
};

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void count_cores(struct core_set *set, struct machine *m)
{
	qsort(set->cores, set->n, sizeof(set->cores[0]), by_number);
	for (size_t i = 0; i < set->n; i++) {
		uint64_t c = set->cores[i], before = i ? set->cores[i - 1] : ~c;

		m->cpu_physical_cores += c != before;
		m->cpu_sockets += i == 0 || c >> 32 != before >> 32;
	}
}

static bool cpuinfo_value(struct span line, const char *key, uint64_t *out)
{
	struct span name;

	return span_next(&line, ':', &name) && line.p && span_eq(span_trim(name), key) &&
	       parse_u64(span_trim(line), out);
}

/* x86 and some others name socket and core of each CPU here. */
static uint32_t cores_of_cpuinfo(struct core_set *set, const char *proc)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	char path[PATH_MAX];
	struct span rest, line;
	uint64_t v, socket = 0;
	uint32_t processors = 0;

	buf_init(&b, CPUINFO_MAX_BYTES);
	if (!io_join(path, sizeof(path), proc, "cpuinfo") ||
	    io_read_buf_at(AT_FDCWD, path, &b, NULL) < 0)
		return 0;
	rest = (struct span){ b.data, b.len };
	while (span_next(&rest, '\n', &line)) {
		if (cpuinfo_value(line, "processor", &v)) {
			processors++;
			socket = 0;
		} else if (cpuinfo_value(line, "physical id", &v)) {
			socket = v;
		} else if (cpuinfo_value(line, "core id", &v) && set->n < CPUINFO_MAX_CORES) {
			set->cores[set->n++] = socket << 32 | (uint32_t)v;
		}
	}
	return processors;
}

static void cores_of_sysfs(struct core_set *set, const char *sys, uint32_t cpus)
{
	char file[96], text[32];
	uint64_t socket, core;

	for (uint32_t cpu = 0; cpu < cpus && set->n < CPUINFO_MAX_CORES; cpu++) {
		snprintf(file, sizeof(file), "devices/system/cpu/cpu%u/topology/core_id", cpu);
		if (!read_line(sys, file, text, sizeof(text)) || !parse_u64(span_str(text), &core))
			continue;
		snprintf(file, sizeof(file),
			 "devices/system/cpu/cpu%u/topology/physical_package_id", cpu);
		if (!read_line(sys, file, text, sizeof(text)) ||
		    !parse_u64(span_str(text), &socket))
			socket = 0; /* -1 where the firmware does not tell */
		set->cores[set->n++] = socket << 32 | (uint32_t)core;
	}
}

static int read_topology(struct machine *m, const struct machine_roots *r, struct err *e)
{
	AUTO_FREE uint64_t *cores = calloc(CPUINFO_MAX_CORES, sizeof(*cores));
	struct core_set set = { cores, 0 };
	char online[1024];

	if (!cores)
		return err_set(e, ENOMEM, "no memory to read the CPU topology");
	uint32_t processors = cores_of_cpuinfo(&set, r->proc);

	if (read_line(r->sys, "devices/system/cpu/online", online, sizeof(online)))
		m->cpu_cores = count_list(span_str(online));
	if (m->cpu_cores == 0)
		m->cpu_cores = processors;
	if (set.n == 0)
		cores_of_sysfs(&set, r->sys, m->cpu_cores);
	count_cores(&set, m);
	if (m->cpu_physical_cores == 0)
		m->cpu_physical_cores = m->cpu_cores;
	if (m->cpu_sockets == 0)
		m->cpu_sockets = m->cpu_cores ? 1 : 0;
	return 0;
}

/* --- memory, CPU time, pressure ------------------------------------------------------------------
 */

static bool meminfo_bytes(struct span text, const char *key, uint64_t *out)
{
	uint64_t kb;

	if (!cgparse_key(text, key, &kb))
		return false;
	*out = kb * 1024;
	return true;
}

static int read_meminfo(const char *proc, char *mem, size_t cap, struct span *text, struct err *e)
{
	ssize_t n = read_below(proc, "meminfo", mem, cap);

	if (n < 0)
		return err_set(e, (int)-n, "cannot read '%s/meminfo': %s", proc, strerror((int)-n));
	*text = (struct span){ mem, (size_t)n };
	return 0;
}

int machine_read_static(struct machine *out, const struct machine_roots *roots, struct err *e)
{
	struct machine m = { .cpu_cores = 0 };
	char mem[SMALL_FILE_BYTES];
	struct utsname uts;
	struct span text;
	int r = read_meminfo(roots->proc, mem, sizeof(mem), &text, e);

	if (r < 0)
		return r;
	if (!meminfo_bytes(text, "MemTotal:", &m.memory_bytes))
		return err_set(e, EBADMSG, "no MemTotal in '%s/meminfo'", roots->proc);
	meminfo_bytes(text, "SwapTotal:", &m.swap_bytes);
	r = read_topology(&m, roots, e);
	if (r < 0)
		return r;
	read_ids(&m, roots);
	read_os(&m, roots->rootfs);
	if (!read_line(roots->proc, "sys/kernel/osrelease", m.kernel_version,
		       sizeof(m.kernel_version)) &&
	    uname(&uts) == 0)
		snprintf(m.kernel_version, sizeof(m.kernel_version), "%s", uts.release);
	*out = m;
	return 0;
}

/* "cpu  user nice system idle iowait irq softirq steal ...". Steal is not this host's work. */
static int read_cpu(struct machine_live *m, const char *proc, struct err *e)
{
	char path[PATH_MAX], mem[1024];
	uint64_t v[8] = { 0 };
	long hz = sysconf(_SC_CLK_TCK);
	struct span rest = { mem, 0 }, line, word;

	if (!io_join(path, sizeof(path), proc, "stat"))
		return err_set(e, ENAMETOOLONG, "bad path '%s'", proc);
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, mem, sizeof(mem)); /* the first line is enough */

	if (n < 0)
		return err_errno(e, "cannot read '%s'", path);
	rest.n = (size_t)n;
	if (!span_next(&rest, '\n', &line) || !rest.p || !span_word(&line, &word) ||
	    !span_eq(word, "cpu") || hz <= 0)
		return err_set(e, EBADMSG, "no figures in '%s'", path);
	for (int i = 0; i < 8 && span_word(&line, &word); i++) {
		if (!parse_u64(word, &v[i]))
			return err_set(e, EBADMSG, "no figures in '%s'", path);
	}
	uint64_t tick_ns = NS_PER_S / (uint64_t)hz;

	m->cpu_user_ns = (v[0] + v[1]) * tick_ns;
	m->cpu_system_ns = (v[2] + v[5] + v[6]) * tick_ns;
	m->cpu_usage_ns = m->cpu_user_ns + m->cpu_system_ns;
	return 0;
}

static void read_pressure(struct machine_live *m, const char *proc)
{
	const struct {
		const char *file;
		struct sample_psi *to;
		uint32_t bit;
	} rows[] = {
		{ "pressure/cpu", &m->psi_cpu, SAMPLE_PSI_CPU },
		{ "pressure/memory", &m->psi_memory, SAMPLE_PSI_MEMORY },
		{ "pressure/io", &m->psi_io, SAMPLE_PSI_IO },
	};
	char mem[1024];

	m->have = 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ssize_t n = read_below(proc, rows[i].file, mem, sizeof(mem));

		*rows[i].to = (struct sample_psi){ 0, 0 };
		if (n > 0 && cgparse_psi((struct span){ mem, (size_t)n }, rows[i].to))
			m->have |= rows[i].bit;
	}
}

int machine_read_live(struct machine_live *out, const struct machine_roots *roots, struct err *e)
{
	char mem[SMALL_FILE_BYTES];
	uint64_t total, available, swap_total = 0, swap_free = 0;
	struct span text;
	int r = read_meminfo(roots->proc, mem, sizeof(mem), &text, e);

	if (r < 0)
		return r;
	if (!meminfo_bytes(text, "MemTotal:", &total) ||
	    !meminfo_bytes(text, "MemAvailable:", &available))
		return err_set(e, EBADMSG, "no memory figures in '%s/meminfo'", roots->proc);
	meminfo_bytes(text, "SwapTotal:", &swap_total);
	meminfo_bytes(text, "SwapFree:", &swap_free);
	r = read_cpu(out, roots->proc, e);
	if (r < 0)
		return r;
	out->memory_available = available;
	out->memory_used = total > available ? total - available : 0;
	out->swap_used = swap_total > swap_free ? swap_total - swap_free : 0;
	read_pressure(out, roots->proc);
	out->time_unix_ns = unix_ns();
	return 0;
}
