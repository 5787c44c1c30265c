// SPDX-License-Identifier: GPL-2.0-or-later
/* Tables of the whole host, each out of a file or two. sys is /proc/sys here. */
#include "detector/host_tables_internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "collector/base/clock.h"
#include "collector/base/io.h"
#include "collector/base/parse.h"

#define FILE_BYTES    65536
#define UNBOUNDED     (1ULL << 62) /* systemd sets fs.file-max to the largest number */
#define MAX_MEMCG_IDS 65535	   /* MEM_CGROUP_ID_MAX */
#define RARE_NS	      (60 * NS_PER_S)
#define MOUNTS_MAX    (64u << 20) /* bytes of mountinfo */

static ssize_t read_file(const char *root, const char *file, char *mem, size_t cap)
{
	char path[PATH_MAX];

	if (!io_join(path, sizeof(path), root, file))
		return -1;
	return io_read_at(AT_FDCWD, path, mem, cap);
}

static bool nth_word(struct span s, unsigned n, struct span *out)
{
	for (unsigned i = 0; i <= n; i++)
		if (!span_word(&s, out))
			return false;
	return true;
}

bool tables_word(const char *root, const char *file, unsigned word, uint64_t *out)
{
	char mem[1024];
	const ssize_t n = read_file(root, file, mem, sizeof(mem));
	struct span w;

	return n > 0 && nth_word((struct span){ mem, (size_t)n }, word, &w) &&
	       parse_u64(span_trim(w), out);
}

bool tables_field(const char *root, const char *file, const char *key, unsigned word, uint64_t *out)
{
	AUTO_FREE char *mem = malloc(FILE_BYTES);
	const ssize_t n = mem ? read_file(root, file, mem, FILE_BYTES) : -1;
	struct span rest = { mem, n > 0 ? (size_t)n : 0 }, line, w;

	while (n > 0 && span_next(&rest, '\n', &line)) {
		if (!span_word(&line, &w) || !span_eq(w, key))
			continue;
		return nth_word(line, word, &w) && parse_u64(w, out);
	}
	return false;
}

/* "0.10 0.20 0.30 2/344 30313": all tasks; a task takes a pid. */
static void read_pids(struct table_output *out, const struct table_input *in)
{
	char mem[256];
	const ssize_t n = read_file(in->proc, "loadavg", mem, sizeof(mem));
	struct span w, running;
	uint64_t tasks, pids = 0, threads = 0;

	if (n <= 0 || !nth_word((struct span){ mem, (size_t)n }, 3, &w) ||
	    !span_next(&w, '/', &running) || !w.p || !parse_u64(w, &tasks))
		return;
	tables_word(in->sys, "kernel/pid_max", 0, &pids);
	tables_word(in->sys, "kernel/threads-max", 0, &threads);
	if (threads && (!pids || threads < pids))
		tables_figure(out, TABLE_PIDS, tasks, threads, "kernel.threads-max");
	else
		tables_figure(out, TABLE_PIDS, tasks, pids, "kernel.pid_max");
}

static void read_files(struct table_output *out, const struct table_input *in)
{
	uint64_t used, max = 0;

	if (!tables_word(in->sys, "fs/file-nr", 0, &used))
		return;
	tables_word(in->sys, "fs/file-nr", 2, &max);
	tables_figure(out, TABLE_FILES, used, max < UNBOUNDED ? max : 0, "fs.file-max");
}

static void read_pair(struct table_output *out, const struct table_input *in, enum host_table t,
		      const char *used_file, const char *max_file, const char *limit)
{
	uint64_t used, max;

	if (tables_word(in->sys, used_file, 0, &used) && tables_word(in->sys, max_file, 0, &max))
		tables_figure(out, t, used, max, limit);
}

static void read_neighbours(struct table_output *out, const struct table_input *in, const char *of,
			    uint64_t which, const char *stat_file, const char *max_file,
			    const char *limit)
{
	char mem[4096];
	ssize_t n = read_file(in->proc, stat_file, mem, sizeof(mem));
	struct span rest = { mem, n > 0 ? (size_t)n : 0 }, line, w;
	uint64_t used, max;

	/* a line of names, then one of each processor: the entries are the same in all of them */
	if (n <= 0 || !span_next(&rest, '\n', &line) || !span_next(&rest, '\n', &line) ||
	    !span_word(&line, &w) || !parse_hex_u64(w, &used) ||
	    !tables_word(in->sys, max_file, 0, &max))
		return;
	struct table_figure *f = tables_figure(out, TABLE_NEIGHBOURS, used, max, limit);

	if (!f)
		return;
	f->which = which;
	snprintf(f->of, sizeof(f->of), "%s", of);
}

/* "TCP: inuse 64 orphan 0 tw 184 alloc 69 mem 53": pages; the limits are pages, too. */
static void read_socket_memory(struct table_output *out, const struct table_input *in,
			       const char *key, unsigned word, uint64_t which, const char *max_file,
			       const char *limit)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t used, max;

	if (!tables_field(in->proc, "net/sockstat", key, word, &used) ||
	    !tables_word(in->sys, max_file, 2, &max) || max > UNBOUNDED / page)
		return;
	struct table_figure *f =
		tables_figure(out, TABLE_SOCKET_MEMORY, used * page, max * page, limit);

	if (!f)
		return;
	f->which = which;
	snprintf(f->of, sizeof(f->of), "%.3s", key);
}

static void read_memory(struct table_output *out, const struct table_input *in)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t slab, all, dirty, writeback = 0, threshold;

	if (tables_field(in->proc, "meminfo", "SUnreclaim:", 0, &slab) &&
	    tables_field(in->proc, "meminfo", "MemTotal:", 0, &all))
		tables_figure(out, TABLE_SLAB, slab * 1024, all * 512, "half of the memory");
	if (tables_field(in->proc, "vmstat", "nr_dirty", 0, &dirty) &&
	    tables_field(in->proc, "vmstat", "nr_dirty_threshold", 0, &threshold)) {
		tables_field(in->proc, "vmstat", "nr_writeback", 0, &writeback);
		tables_figure(out, TABLE_DIRTY, (dirty + writeback) * page, threshold * page,
			      "vm.dirty_ratio");
	}
}

static void read_cgroups(struct table_output *out, const struct table_input *in)
{
	uint64_t n;

	/* "memory 4 370 1": with those that are removed and still hold memory */
	if (tables_field(in->proc, "cgroups", "memory", 1, &n))
		tables_figure(out, TABLE_CGROUPS, n, MAX_MEMCG_IDS, "ids of memory cgroups");
}

void tables_read_host(struct table_output *out, const struct table_input *in)
{
	uint64_t n;

	read_pids(out, in);
	read_files(out, in);
	read_pair(out, in, TABLE_CONNTRACK, "net/netfilter/nf_conntrack_count",
		  "net/netfilter/nf_conntrack_max", "net.netfilter.nf_conntrack_max");
	read_pair(out, in, TABLE_PTYS, "kernel/pty/nr", "kernel/pty/max", "kernel.pty.max");
	read_neighbours(out, in, "IPv4", 4, "net/stat/arp_cache",
			"net/ipv4/neigh/default/gc_thresh3", "net.ipv4.neigh.default.gc_thresh3");
	read_neighbours(out, in, "IPv6", 6, "net/stat/ndisc_cache",
			"net/ipv6/neigh/default/gc_thresh3", "net.ipv6.neigh.default.gc_thresh3");
	read_socket_memory(out, in, "TCP:", 9, TABLES_TCP, "net/ipv4/tcp_mem", "net.ipv4.tcp_mem");
	read_socket_memory(out, in, "UDP:", 3, TABLES_UDP, "net/ipv4/udp_mem", "net.ipv4.udp_mem");
	read_memory(out, in);
	read_cgroups(out, in);
	if (tables_word(in->sys, "fs/dentry-state", 0, &n))
		tables_figure(out, TABLE_DENTRIES, n, 0, "");
}

/* --- what changes slowly, or costs more to read ------------------------------------------------
 */

static uint64_t count_lines(const char *root, const char *file)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	char path[PATH_MAX];
	uint64_t lines = 0;

	buf_init(&b, MOUNTS_MAX);
	if (!io_join(path, sizeof(path), root, file) ||
	    io_read_buf_at(AT_FDCWD, path, &b, NULL) < 0)
		return 0;
	for (size_t i = 0; i < b.len; i++)
		lines += b.data[i] == '\n';
	return lines;
}

static void read_mounts(struct table_output *out, const struct table_input *in)
{
	const uint64_t used = count_lines(in->proc, "1/mountinfo");
	uint64_t max, most = 0;
	const struct table_subject *fullest = NULL;
	struct table_figure *f;
	char file[64];

	if (!used || !tables_word(in->sys, "fs/mount-max", 0, &max))
		return;
	tables_figure(out, TABLE_MOUNTS, used, max, "fs.mount-max");
	for (size_t i = 0; i < in->subjects_n && !tables_closing(in); i++) {
		if (!in->subjects[i].pid)
			continue;
		snprintf(file, sizeof(file), "%u/mountinfo", in->subjects[i].pid);
		const uint64_t n = count_lines(in->proc, file);

		if (n > most) {
			most = n;
			fullest = &in->subjects[i];
		}
	}
	f = fullest && most > used ? tables_figure(out, TABLE_MOUNTS, most, max, "fs.mount-max")
				   : NULL;
	if (!f)
		return;
	f->which = 1;
	snprintf(f->of, sizeof(f->of), "container '%.100s'", fullest->name);
}

static void read_loops(struct table_output *out, const struct table_input *in)
{
	/* /proc/sys/../../sys: the tree beside, of the same root */
	char path[PATH_MAX];
	uint64_t used = 0;

	if (!io_join(path, sizeof(path), in->rootfs[0] ? in->rootfs : "/", "sys/block"))
		return;
	AUTO_DIR DIR *dir = opendir(path);
	struct dirent *d;

	while (dir && (d = readdir(dir))) {
		char file[PATH_MAX];

		if (strncmp(d->d_name, "loop", 4) != 0 ||
		    snprintf(file, sizeof(file), "%s/loop/backing_file", d->d_name) >=
			    (int)sizeof(file))
			continue;
		used += faccessat(dirfd(dir), file, F_OK, 0) == 0;
	}
	if (dir)
		tables_figure(out, TABLE_LOOPS, used, 0, "");
}

void tables_read_rare(struct host_tables *h, struct table_output *out, const struct table_input *in)
{
	const size_t first = out->figures_n;

	if (h->rare_ns && in->now_ns - h->rare_ns < RARE_NS) {
		for (size_t i = 0; i < h->rare_n; i++) {
			struct table_figure *f = tables_figure(out, h->rare[i].table, 0, 0, "");

			if (f)
				*f = h->rare[i];
		}
		return;
	}
	if (!in->subjects_known)
		return; /* soon: the first look knows them */
	read_mounts(out, in);
	read_loops(out, in);
	h->rare_ns = in->now_ns;
	h->rare_n = 0;
	for (size_t i = first; i < out->figures_n && h->rare_n < 8; i++)
		h->rare[h->rare_n++] = out->figures[i];
}
