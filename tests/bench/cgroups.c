// SPDX-License-Identifier: GPL-2.0-or-later
/* Makes N container-like cgroups, each with one sleeping process in a network namespace of its own,
 * and keeps them until SIGTERM or SIGINT; then removes them.
 *
 *	cgroups N PREFIX [busy]     prints "ready" when all stand; the paths are /PREFIX/<64hex>
 *
 * With "busy" each process wakes ten times a second. Every cgroup mount of the host gets the
 * directory; process 1's own cgroup is not touched. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_ROOTS 32

static char roots[MAX_ROOTS][256];
static int roots_n;
static volatile sig_atomic_t stop;

static void on_signal(int s)
{
	(void)s;
	stop = 1;
}

static void find_roots(void)
{
	char line[4096], type[64], where[256];
	FILE *f = fopen("/proc/mounts", "r");

	while (f && roots_n < MAX_ROOTS && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*s %255s %63s", where, type) == 2 &&
		    (strcmp(type, "cgroup") == 0 || strcmp(type, "cgroup2") == 0) &&
		    !strstr(line, "name=systemd"))
			snprintf(roots[roots_n++], sizeof(roots[0]), "%s", where);
	if (f)
		fclose(f);
}

static void copy_file(const char *dir, const char *up, const char *name)
{
	char from[600], to[600], text[256] = "";
	FILE *f;

	snprintf(from, sizeof(from), "%s/%s", up, name);
	snprintf(to, sizeof(to), "%s/%s", dir, name);
	if ((f = fopen(from, "r"))) {
		if (fgets(text, sizeof(text), f) && strlen(text) > 1) {
			fclose(f);
			if ((f = fopen(to, "w")))
				fputs(text, f);
		}
		if (f)
			fclose(f);
	}
}

static void make(const char *root, const char *prefix, const char *name)
{
	char up[512], dir[600];

	snprintf(up, sizeof(up), "%s/%s", root, prefix);
	if (mkdir(up, 0755) == 0) {
		copy_file(up, root, "cpuset.cpus");
		copy_file(up, root, "cpuset.mems");
	}
	snprintf(dir, sizeof(dir), "%s/%s", up, name);
	mkdir(dir, 0755);
	copy_file(dir, up, "cpuset.cpus"); /* empty ones let no process in */
	copy_file(dir, up, "cpuset.mems");
}

static void join(const char *root, const char *prefix, const char *name)
{
	char file[700];
	FILE *f;

	snprintf(file, sizeof(file), "%s/%s/%s/cgroup.procs", root, prefix, name);
	if ((f = fopen(file, "w"))) {
		fprintf(f, "%d\n", (int)getpid());
		fclose(f);
	}
}

static void name_of(char *out, int i)
{
	snprintf(out, 65, "%08x%056x", 0xbe9c0000u + (unsigned)i, (unsigned)i);
}

int main(int argc, char **argv)
{
	int n = argc > 2 ? atoi(argv[1]) : 0, busy = argc > 3;
	const char *prefix = argc > 2 ? argv[2] : "";
	pid_t *pids = calloc((size_t)n + 1, sizeof(*pids));
	char name[65], path[1024];
	/* at 10 ms, of all removals together: dying processes leave a cgroup late */
	int tries = 500;

	if (n < 1 || !pids) {
		fprintf(stderr, "usage: cgroups N PREFIX [busy]\n");
		return 2;
	}
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	find_roots();
	for (int i = 0; i < n; i++) {
		name_of(name, i);
		for (int r = 0; r < roots_n; r++)
			make(roots[r], prefix, name);
		pids[i] = fork();
		if (pids[i] == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			signal(SIGTERM, SIG_DFL);
			for (int r = 0; r < roots_n; r++)
				join(roots[r], prefix, name);
			if (unshare(CLONE_NEWNET) < 0)
				perror("unshare");
			while (busy)
				usleep(100000);
			pause();
			_exit(0);
		}
	}
	printf("ready\n");
	fflush(stdout);
	while (!stop)
		pause();
	for (int i = 0; i < n; i++)
		if (pids[i] > 0) {
			kill(pids[i], SIGKILL);
			waitpid(pids[i], NULL, 0);
		}
	for (int r = 0; r < roots_n; r++) {
		for (int i = 0; i < n; i++) {
			name_of(name, i);
			snprintf(path, sizeof(path), "%.250s/%.200s/%s", roots[r], prefix, name);
			for (; rmdir(path) < 0 && errno == EBUSY && tries > 0; tries--)
				usleep(10000);
		}
		snprintf(path, sizeof(path), "%.250s/%.200s", roots[r], prefix);
		rmdir(path);
	}
	return 0;
}
