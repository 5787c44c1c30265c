// SPDX-License-Identifier: GPL-2.0-or-later
/* The sandbox cannot be undone: each test is a child of its own, whose end is looked at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "http/sandbox.h"
#include "tests/unit/fixture.h"

#define NOBODY 65534

/* Status of a child that runs `what` in the sandbox inside a directory of its own; what returns the
 * exit code: 0 for good. 77 stands for a machine or build where the sandbox does not work. */
static int in_sandbox(int (*what)(const struct sandbox *s))
{
	AUTO_TREE struct tree t = tree_make("@ file\nx\n");
	int status = -1;

	assert_int_equal(chown(t.path, geteuid() == 0 ? NOBODY : geteuid(), (gid_t)-1), 0);
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		const struct rlimit no_core = { 0, 0 };
		struct sandbox s;

		setrlimit(RLIMIT_CORE, &no_core);
		if (chdir(t.path) < 0 || (geteuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) < 0))
			_exit(99);
		if (SANDBOX_OFF || sandbox_files(&s, NULL) < 0 || sandbox_syscalls(&s, NULL) < 0)
			_exit(77);
		_exit(what(&s));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		print_message("SKIP no sandbox in this build or on this machine\n");
		skip();
	}
	return status;
}

static void *nothing(void *ctx)
{
	return ctx;
}

/* What delivery of alerts needs: certificates by path, names, the system's certificates. */
static int outgoing_work(void)
{
	struct addrinfo *found = NULL;
	char path[40], text[2] = "";
	int fd = memfd_create("x", MFD_CLOEXEC);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fd < 0 || write(fd, "x", 1) != 1)
		return 11;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, 1) != 1 || text[0] != 'x')
		return 12;
	if (getaddrinfo("localhost", "80", NULL, &found) != 0)
		return 13;
	freeaddrinfo(found);
	fd = open("/etc/ssl", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 && errno != ENOENT ? 14 : 0;
}

static int ordinary_work(const struct sandbox *s)
{
	pthread_t thread;
	char name[] = "new";

	(void)s;
	int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, "x", 1) != 1 || ftruncate(fd, 0) < 0 || close(fd) < 0 ||
	    rename(name, "newer") < 0 || unlink("newer") < 0)
		return 1;
	if (pthread_create(&thread, NULL, nothing, NULL) != 0 || pthread_join(thread, NULL) != 0)
		return 2;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || close(fd) < 0)
		return 3;
	fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	return fd < 0 ? 4 : outgoing_work();
}

static int refused_work(const struct sandbox *s)
{
	if (socket(AF_NETLINK, SOCK_RAW, 0) >= 0 || errno != EPERM)
		return 1;
	if (mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		 0) != MAP_FAILED)
		return 2;
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0)
		return 3;
	if (kill(getppid(), 0) == 0)
		return 4;
	if (s->landlock && open("/proc/1/status", O_RDONLY | O_CLOEXEC) >= 0)
		return 5;
	if (s->landlock && open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC) >= 0)
		return 6;
	return 0;
}

static int run_a_program(const struct sandbox *s)
{
	char name[] = "/bin/true";
	char *const argv[] = { name, NULL };

	(void)s;
	execv(name, argv);
	return 1;
}

static int make_a_process(const struct sandbox *s)
{
	(void)s;
	return fork() == 0 ? 2 : 1;
}

static void what_serve_does_still_works(void **state)
{
	(void)state;
	assert_int_equal(in_sandbox(ordinary_work), 0);
}

static void what_serve_never_does_is_refused(void **state)
{
	(void)state;
	assert_int_equal(in_sandbox(refused_work), 0);
}

static void a_new_program_or_process_is_the_end(void **state)
{
	(void)state;
	int status = in_sandbox(run_a_program);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
	status = in_sandbox(make_a_process);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
}

static void root_is_refused(void **state)
{
	struct sandbox s;
	struct err e = { "" };

	(void)state;
	if (geteuid() != 0) {
		print_message("SKIP not root\n");
		skip();
	}
	assert_int_equal(sandbox_files(&s, &e), -EPERM);
	assert_string_equal(e.text, "serve does not run as root");
}

int main(void)
{
	const struct CMUnitTest sandbox[] = {
		cmocka_unit_test(what_serve_does_still_works),
		cmocka_unit_test(what_serve_never_does_is_refused),
		cmocka_unit_test(a_new_program_or_process_is_the_end),
		cmocka_unit_test(root_is_refused),
	};

	return cmocka_run_group_tests(sandbox, NULL, NULL);
}
