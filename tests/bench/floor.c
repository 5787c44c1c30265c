// SPDX-License-Identifier: GPL-2.0-or-later
/* floor - what reading the hot counter files of cgroups costs the kernel: no bulkhead code, no
 * parsing, one pread a file from descriptors that stay open. The sampler is compared with this.
 *
 *	floor [-t ticks] [-i interval_ms] [-r cgroup_root] [-u] PATH...
 *
 * PATH as in /proc/PID/cgroup ("/docker/abc"). -u reads the CPU counter alone, which is the floor
 *of an idle cgroup. Prints one JSON line; times are this thread's CPU time. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define BUFFER_BYTES 65536

/* The first that exists of each group is read, as the sampler would. */
static const char *const files[][4] = {
	{ "cpuacct%s/cpuacct.usage", "cpu,cpuacct%s/cpuacct.usage", ".%s/cpu.stat" },
	{ "memory%s/memory.stat", ".%s/memory.stat" },
	{ "memory%s/memory.usage_in_bytes", ".%s/memory.current" },
	{ "cpuacct%s/cpuacct.stat", "cpu,cpuacct%s/cpuacct.stat" },
	{ "cpu%s/cpu.stat", "cpu,cpuacct%s/cpu.stat" },
	{ "blkio%s/blkio.throttle.io_service_bytes_recursive", ".%s/io.stat" },
	{ "pids%s/pids.current", ".%s/pids.current" },
	{ "unified%s/cpu.pressure", ".%s/cpu.pressure" },
	{ "unified%s/memory.pressure", ".%s/memory.pressure" },
	{ "unified%s/io.pressure", ".%s/io.pressure" },
};
#define FILES (sizeof(files) / sizeof(files[0]))

static unsigned long long cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (unsigned long long)ts.tv_sec * 1000000000ULL + (unsigned long long)ts.tv_nsec;
}

static int open_first(int root, const char *const names[4], const char *cgroup)
{
	for (int i = 0; i < 4 && names[i]; i++) {
		char path[PATH_MAX];

		if (snprintf(path, sizeof(path), names[i], cgroup) >= (int)sizeof(path))
			continue;
		int fd = openat(root, path, O_RDONLY | O_CLOEXEC);

		if (fd >= 0)
			return fd;
	}
	return -1;
}

static void read_all(const int *fds, size_t n, unsigned long long *bytes)
{
	static char buffer[BUFFER_BYTES];

	for (size_t i = 0; i < n; i++) {
		ssize_t got = pread(fds[i], buffer, sizeof(buffer), 0);

		if (got > 0)
			*bytes += (unsigned long long)got;
	}
}

static unsigned long number(const char *text)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (*end || end == text) {
		fprintf(stderr, "floor: '%s' is no number\n", text);
		exit(2);
	}
	return v;
}

int main(int argc, char **argv)
{
	const char *root_path = "/sys/fs/cgroup";
	unsigned long ticks = 100, interval_ms = 0;
	size_t per_cgroup = FILES, n = 0;
	unsigned long long bytes = 0, spent = 0;
	struct rlimit limit;
	int option;

	while ((option = getopt(argc, argv, "t:i:r:u")) != -1) {
		if (option == 't')
			ticks = number(optarg);
		else if (option == 'i')
			interval_ms = number(optarg);
		else if (option == 'r')
			root_path = optarg;
		else if (option == 'u')
			per_cgroup = 1;
		else
			return 2;
	}
	size_t cgroups = (size_t)(argc - optind);
	int root = open(root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int *fds = calloc(cgroups * FILES + 1, sizeof(*fds));

	if (root < 0 || !fds || cgroups == 0 || ticks == 0) {
		fprintf(stderr, "usage: floor [-t ticks] [-i ms] [-r cgroup_root] [-u] PATH...\n");
		return 2;
	}
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	for (size_t c = 0; c < cgroups; c++) {
		for (size_t f = 0; f < per_cgroup; f++) {
			int fd = open_first(root, files[f], argv[optind + (int)c]);

			if (fd >= 0)
				fds[n++] = fd;
		}
	}
	read_all(fds, n, &bytes); /* warm */
	bytes = 0;
	for (unsigned long t = 0; t < ticks; t++) {
		struct timespec pause = { (time_t)(interval_ms / 1000),
					  (long)(interval_ms % 1000) * 1000000 };

		if (interval_ms)
			nanosleep(&pause, NULL);
		unsigned long long before = cpu_ns();

		read_all(fds, n, &bytes);
		spent += cpu_ns() - before;
	}
	printf("{\"cgroups\":%zu,\"files\":%zu,\"ticks\":%lu,\"bytes_per_tick\":%llu,"
	       "\"cpu_us_per_tick\":%.2f,\"cpu_us_per_cgroup\":%.3f}\n",
	       cgroups, n, ticks, bytes / ticks, (double)spent / 1e3 / (double)ticks,
	       (double)spent / 1e3 / (double)ticks / (double)cgroups);
	return n == 0;
}
