// SPDX-License-Identifier: GPL-2.0-or-later
/* contain - a container without a runtime, for virtual machines that have none:
 *
 *   contain ROOT LAYERS CAPS OPTIONS PROGRAM [ARGUMENT]...
 *
 * LAYERS are an overlay's mount options, CAPS a hexadecimal mask of capabilities, OPTIONS words
 * separated by commas: "writable" (kernel interfaces, as for a privileged one), "hostpid",
 * "hostnet", "seccomp" (a filter that allows all), "tmpfs=PATH", "bind=SOURCE:PATH". Prints the
 * first process's id, waits for its end and ends as it did. The caller has put this process into
 * the container's cgroup. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *root;

static void check(long result, const char *what)
{
	if (result >= 0)
		return;
	fprintf(stderr, "contain: %s: %s\n", what, strerror(errno));
	_exit(125);
}

static const char *inside(const char *path)
{
	static char text[4096];

	snprintf(text, sizeof(text), "%s%s", root, path);
	return text;
}

static void mount_at(const char *source, const char *path, const char *type, unsigned long flags,
		     const char *data)
{
	mkdir(inside(path), 0755);
	check(mount(source, inside(path), type, flags, data), path);
}

static void make_devices(void)
{
	static const struct {
		const char *path;
		unsigned int minor;
	} all[] = { { "/dev/null", 3 },
		    { "/dev/zero", 5 },
		    { "/dev/full", 7 },
		    { "/dev/random", 8 },
		    { "/dev/urandom", 9 } };

	mount_at("tmpfs", "/dev", "tmpfs", MS_NOSUID, "mode=755");
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		check(mknod(inside(all[i].path), S_IFCHR | 0666, makedev(1, all[i].minor)),
		      all[i].path);
		chmod(inside(all[i].path), 0666);
	}
	mount_at("shm", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, NULL);
}

static void take_option(char *word)
{
	char *path = strchr(word, ':');

	if (strncmp(word, "tmpfs=", 6) == 0)
		mount_at("tmpfs", word + 6, "tmpfs", MS_NOSUID | MS_NODEV, NULL);
	if (strncmp(word, "bind=", 5) == 0 && path) {
		*path++ = '\0';
		mount_at(word + 5, path, NULL, MS_BIND | MS_REC, NULL);
	}
}

static void make_root(const char *layers, char *options, bool writable)
{
	check(mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL), "private");
	check(mount("overlay", root, "overlay", 0, layers), layers);
	mount_at("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount_at("sysfs", "/sys", "sysfs", writable ? 0 : MS_RDONLY, NULL);
	make_devices();
	if (!writable) {
		mount_at(inside("/proc/sys"), "/proc/sys", NULL, MS_BIND, NULL);
		mount_at(NULL, "/proc/sys", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL);
	}
	for (char *at, *word = strtok_r(options, ",", &at); word; word = strtok_r(NULL, ",", &at))
		take_option(word);
	check(chdir(root), root);
	check(syscall(SYS_pivot_root, ".", "."), "pivot_root");
	check(umount2(".", MNT_DETACH), "umount");
	check(chdir("/"), "/");
}

static void loopback_up(void)
{
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	check(ioctl(fd, SIOCSIFFLAGS, &r), "lo");
	close(fd);
}

static void drop_capabilities(unsigned long long caps)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2];

	for (int i = 0; prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++)
		if (!(caps >> i & 1))
			check(prctl(PR_CAPBSET_DROP, i, 0, 0, 0), "bounding set");
	for (int i = 0; i < 2; i++) {
		d[i].effective = d[i].permitted = (unsigned int)(caps >> (32 * i));
		d[i].inheritable = 0;
	}
	check(syscall(SYS_capget, &h, NULL), "capget");
	h.version = _LINUX_CAPABILITY_VERSION_3;
	check(syscall(SYS_capset, &h, d), "capset");
}

/* Docker's processes are under a filter: what it forbids is not the point here. */
static void allow_all_calls(void)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = { .len = 1, .filter = &allow };

	check(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0), "seccomp");
}

static int run(char **argv, unsigned long long caps)
{
	static char *const env[] = { "PATH=/bin", "HOME=/", NULL };

	setsid();
	drop_capabilities(caps);
	execve(argv[0], argv, env);
	check(-1, argv[0]);
	return 125;
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* A further program in the container of that process: its first and only exec there is this. */
static int enter(char **argv)
{
	static const char *const names[] = { "mnt", "uts", "ipc", "net", "pid" };
	int spaces[5], group = open(argv[1], O_WRONLY | O_CLOEXEC);
	char path[64];

	check(group, argv[1]);
	for (int i = 0; i < 5; i++) {
		snprintf(path, sizeof(path), "/proc/%s/ns/%s", argv[0], names[i]);
		spaces[i] = open(path, O_RDONLY | O_CLOEXEC);
		check(spaces[i], path);
	}
	for (int i = 0; i < 5; i++)
		check(setns(spaces[i], 0), names[i]);
	pid_t pid = fork();

	check(pid, "fork");
	if (pid == 0) {
		check(write(group, "0", 1), "cgroup");
		execv(argv[2], argv + 2);
		check(-1, argv[2]);
	}
	return wait_for(pid);
}

int main(int argc, char **argv)
{
	if (argc > 4 && strcmp(argv[1], "enter") == 0)
		return enter(argv + 2);
	int flags = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP;

	if (argc < 6) {
		fprintf(stderr, "usage: see the top of contain.c\n");
		return 2;
	}
	root = argv[1];
	const char *options = strdup(argv[4]); /* parsing cuts the original */
	if (!strstr(options, "hostpid"))
		flags |= CLONE_NEWPID;
	if (!strstr(options, "hostnet"))
		flags |= CLONE_NEWNET;
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	check(unshare(flags), "unshare");
	pid_t pid = fork();

	check(pid, "fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		make_root(argv[2], argv[4], strstr(options, "writable"));
		if (flags & CLONE_NEWNET)
			loopback_up();
		if (strstr(options, "seccomp"))
			allow_all_calls();
		return run(argv + 5, strtoull(argv[3], NULL, 16));
	}
	printf("%d\n", pid);
	fflush(stdout);
	return wait_for(pid);
}
