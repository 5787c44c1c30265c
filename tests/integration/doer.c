// SPDX-License-Identifier: GPL-2.0-or-later
/* doer - does what the tests of the kernel sensor want to see, and nothing else.
 *
 *   doer [--int80 | --socketcall] [--thread] STEP [, STEP]...
 *
 * A step is a system call by its name (doer_calls.h) or its bare number, and its arguments:
 *
 *   12 0x1f 0644 -100     a number
 *   %N                    what step N returned, counted from 0 in the order of execution
 *   self parent tid       process ids as this process sees them
 *   s:TEXT                a string; \xNN, \n, \s (a comma) and \\ stand for a byte
 *   l:N:TEXT              TEXT again and again, N bytes
 *   v:TEXT|TEXT           a vector of strings (v: alone: an empty one); v@TEXT: one empty string
 *   x:HEX                 these bytes
 *   b:N                   N zero bytes
 *   i:N                   an iovec of N zero bytes
 *   m:HEX:HEX             a msghdr with this address and these data
 *
 * or one of the helpers in `helpers` below. After fork, clone and clone3 the steps in "{ ... }" are
 * the child's, which then ends with 0; the parent goes on behind them.
 *
 * --int80 makes every call of the table through `int $0x80` with i386's number and structures,
 * --socketcall the same with the old call for sockets. --thread runs all steps in a second thread.
 *
 * Prints one line of JSON: who it was, and what each step returned (-errno for a failure: a failed
 * attempt is a result like any other). It exits 2 when it does not understand its arguments, else
 * 0.
 *
 *   doer serve FOLDER     the first process of a test's container: see serve() */
#include "doer_calls.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define ARENA_BYTES (4u << 20)
#define MAX_STEPS   64
#define MAX_BOMB    4096

static struct {
	bool int80, socketcall, thread;
	char *arena; /* below 4 GiB: a 32-bit call has no other pointers */
	size_t used;
	long results[MAX_STEPS];
	int n;
	pid_t pid;	      /* that printed facts are of */
	pid_t kept[MAX_BOMB]; /* children that wait to be ended */
	int kept_n;
} d;

static void die(const char *what, const char *more)
{
	fprintf(stderr, "doer: %s '%s': %s\n", what, more, strerror(errno));
	exit(2);
}

static void *take(size_t bytes)
{
	char *p = d.arena + d.used;

	d.used += (bytes + 15) & ~(size_t)15;
	if (d.used > ARENA_BYTES)
		die("no room for", "arguments");
	return p;
}

static void make_arena(void)
{
	int low = 0;

#ifdef MAP_32BIT
	low = MAP_32BIT;
#endif
	d.arena = mmap(NULL, ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | low,
		       -1, 0);
	if (d.arena == MAP_FAILED)
		die("mmap", "arena");
}

/* --- arguments ---------------------------------------------------------------------------------
 */

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *p = c ? strchr(digits, c) : NULL;

	if (!p)
		die("not a hex digit in", (char[]){ c, 0 });
	return (int)(p - digits);
}

/* One byte of TEXT, escapes undone. */
static char text_byte(const char **p)
{
	char c = *(*p)++;

	if (c != '\\')
		return c;
	c = *(*p)++;
	if (c == 'n')
		return '\n';
	if (c == 's')
		return ',';
	if (c != 'x')
		return c;
	*p += 2;
	return (char)(hex_digit((*p)[-2]) << 4 | hex_digit((*p)[-1]));
}

static char *text(const char *from, char end)
{
	char *out = take(strlen(from) + 1);
	size_t n = 0;

	while (*from && *from != end)
		out[n++] = text_byte(&from);
	out[n] = 0;
	return out;
}

static char *repeated(const char *arg)
{
	char *end;
	size_t bytes = strtoul(arg, &end, 0), unit;
	const char *what = text(*end ? end + 1 : end, 0);
	char *out = take(bytes + 1);

	unit = strlen(what);
	for (size_t i = 0; unit && i < bytes; i++)
		out[i] = what[i % unit];
	out[unit ? bytes : 0] = 0;
	return out;
}

/* A pointer in the width of the door. */
static void put_word(void *array, size_t i, uintptr_t value)
{
	if (d.int80)
		((uint32_t *)array)[i] = (uint32_t)value;
	else
		((uint64_t *)array)[i] = value;
}

static void *vector(const char *arg)
{
	size_t n = 0;
	void *out = take((strlen(arg) + 2) * sizeof(uint64_t));

	while (*arg) {
		put_word(out, n++, (uintptr_t)text(arg, '|'));
		arg += strcspn(arg, "|");
		arg += *arg == '|';
	}
	put_word(out, n, 0);
	return out;
}

static void *bytes_of(const char *arg, char end, size_t *n)
{
	uint8_t *out = take(strlen(arg) / 2 + 1);

	*n = 0;
	for (; arg[0] && arg[0] != end; arg += 2)
		out[(*n)++] = (uint8_t)(hex_digit(arg[0]) << 4 | hex_digit(arg[1]));
	return out;
}

static void *vec(void *base, size_t bytes)
{
	void *out = take(sizeof(struct iovec));

	put_word(out, 0, (uintptr_t)base);
	put_word(out, 1, bytes);
	return out;
}

/* struct msghdr: seven words in both widths, where 64-bit pads the two that are ints. */
static void *message(const char *arg)
{
	size_t name_bytes, data_bytes;
	void *name = bytes_of(arg, ':', &name_bytes);
	const char *rest = strchr(arg, ':');
	void *data = bytes_of(rest ? rest + 1 : "", 0, &data_bytes);
	void *out = take(sizeof(struct msghdr));

	put_word(out, 0, name_bytes ? (uintptr_t)name : 0);
	put_word(out, 1, name_bytes);
	put_word(out, 2, (uintptr_t)vec(data, data_bytes));
	put_word(out, 3, 1);
	return out;
}

static long number(const char *arg)
{
	char *end;
	long n;

	errno = EINVAL;
	n = (long)strtoull(arg, &end, 0);
	if (end == arg || *end)
		die("what is", arg);
	return n;
}

static long argument(const char *arg)
{
	size_t n;

	if (!strcmp(arg, "self"))
		return getpid();
	if (!strcmp(arg, "parent"))
		return getppid();
	if (!strcmp(arg, "tid"))
		return gettid();
	if (arg[0] == '%') {
		n = (size_t)number(arg + 1);
		if (n >= (size_t)d.n)
			die("no result", arg);
		return d.results[n];
	}
	if (!strcmp(arg, "v@"))
		return (long)vector("\\x00");
	if (!arg[0] || arg[1] != ':')
		return number(arg);
	switch (arg[0]) {
	case 's':
		return (long)text(arg + 2, 0);
	case 'l':
		return (long)repeated(arg + 2);
	case 'v':
		return (long)vector(arg + 2);
	case 'x':
		return (long)bytes_of(arg + 2, 0, &n);
	case 'b':
		return (long)take((size_t)number(arg + 2));
	case 'i':
		n = (size_t)number(arg + 2);
		return (long)vec(take(n), n);
	case 'm':
		return (long)message(arg + 2);
	default:
		return number(arg);
	}
}

/* --- helpers: what is not one system call ------------------------------------------------------
 */

/* A child that waits until this process ends it, or has ended. */
static long keep_child(void)
{
	pid_t pid, parent = getpid();

	if (d.kept_n == MAX_BOMB)
		return -E2BIG;
	pid = fork();
	while (pid == 0) {
		poll(NULL, 0, 500);
		if (getppid() != parent)
			_exit(0);
	}
	if (pid < 0)
		return -errno;
	d.kept[d.kept_n++] = pid;
	return pid;
}

static long help_child(const long *a)
{
	(void)a;
	return keep_child();
}

/* Forks until it may not or until there are a[0]; returns how many there were. */
static long help_bomb(const long *a)
{
	long n = 0;

	while (n < a[0] && keep_child() > 0)
		n++;
	return n;
}

static long help_wait(const long *a)
{
	int status;

	return waitpid((pid_t)a[0], &status, WUNTRACED) < 0 ? -errno : status;
}

/* A file with this text that may be executed. */
static long help_write(const long *a)
{
	const char *what = (const char *)a[1];
	int fd = open((const char *)a[0], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, what, strlen(what));
	close(fd);
	return n < 0 ? -errno : n;
}

/* The bytes of file a[1] into descriptor a[0]. */
static long help_copy(const long *a)
{
	int from = open((const char *)a[1], O_RDONLY | O_CLOEXEC);
	ssize_t n = 0, all = 0;

	if (from < 0)
		return -errno;
	while ((n = sendfile((int)a[0], from, NULL, 1 << 20)) > 0)
		all += n;
	close(from);
	return n < 0 ? -errno : all;
}

static long help_inode(const long *a)
{
	struct stat st;

	return lstat((const char *)a[0], &st) ? -errno : (long)st.st_ino;
}

static long help_port(const long *a)
{
	struct sockaddr_in6 at;
	socklen_t n = sizeof(at);

	return getsockname((int)a[0], (struct sockaddr *)&at, &n) ? -errno : ntohs(at.sin6_port);
}

/* Makes a[0] folders named a[1], each in the one before, and ends in the last. */
static long help_deep(const long *a)
{
	const char *name = (const char *)a[1];

	for (long i = 0; i < a[0]; i++)
		if ((mkdir(name, 0755) && errno != EEXIST) || chdir(name))
			return -errno;
	return a[0];
}

/* Opens a[1] files that differ, PREFIX0 and on; a[2]: with these flags. */
static long help_storm(const long *a)
{
	char name[256];

	for (long i = 0; i < a[1]; i++) {
		int fd;

		snprintf(name, sizeof(name), "%s%ld", (const char *)a[0], i);
		fd = open(name, (int)a[2], 0644);
		if (fd < 0)
			return -errno;
		close(fd);
	}
	return a[1];
}

static long help_sleep(const long *a)
{
	return poll(NULL, 0, (int)a[0]);
}

static const struct {
	const char *name;
	long (*fn)(const long *a);
} helpers[] = {
	{ "child", help_child },    /* -> pid */
	{ "bomb", help_bomb },	    /* N -> how many */
	{ "wait", help_wait },	    /* PID -> status */
	{ "makefile", help_write }, /* PATH TEXT */
	{ "copy", help_copy },	    /* FD PATH */
	{ "inode", help_inode },    /* PATH */
	{ "port", help_port },	    /* FD */
	{ "deep", help_deep },	    /* N NAME */
	{ "storm", help_storm },    /* PREFIX N FLAGS */
	{ "sleep", help_sleep },    /* MILLISECONDS */
};

/* --- steps -------------------------------------------------------------------------------------
 */

static void run_steps(char **argv, int n);

static long socketcall(unsigned which, const long a[6])
{
	uint32_t *words = take(6 * sizeof(*words));
	long outer[6] = { (long)which, (long)words };

	for (int i = 0; i < 6; i++)
		words[i] = (uint32_t)a[i];
	return enter32(NR32_SOCKETCALL, outer);
}

static long do_call(const char *name, const long a[6])
{
	const struct call *c = find_call(name);
	long nr;

	for (size_t i = 0; i < sizeof(helpers) / sizeof(helpers[0]); i++)
		if (!strcmp(helpers[i].name, name))
			return helpers[i].fn(a);
	if (d.socketcall && socket_call(name))
		return socketcall(socket_call(name), a);
	nr = c ? (d.int80 ? c->nr32 : c->nr64) : number(name);
	return d.int80 ? enter32(nr, a) : enter64(nr, a);
}

/* Index of the "}" that closes the "{" at argv[0]. */
static int block_end(char **argv, int n)
{
	int depth = 0;

	for (int i = 0; i < n; i++) {
		depth += !strcmp(argv[i], "{");
		depth -= !strcmp(argv[i], "}");
		if (!depth)
			return i;
	}
	errno = EINVAL;
	die("not closed", "{");
	return n;
}

/* One step; returns how many words it took. */
static int run_step(char **argv, int n)
{
	long a[6] = { 0 };
	int i = 1, end;

	for (; i < n && strcmp(argv[i], ",") && strcmp(argv[i], "{"); i++) {
		errno = E2BIG;
		if (i > 6 || d.n == MAX_STEPS)
			die("too many arguments or steps at", argv[i]);
		a[i - 1] = argument(argv[i]);
	}
	if (d.n == MAX_STEPS)
		die("too many steps at", argv[0]);
	d.results[d.n] = do_call(argv[0], a);
	d.n++;
	if (i == n || strcmp(argv[i], "{"))
		return i;
	end = block_end(argv + i, n - i);
	if (d.results[d.n - 1] == 0) {
		run_steps(argv + i + 1, end - 1);
		_exit(0);
	}
	return i + end + 1;
}

static void run_steps(char **argv, int n)
{
	for (int i = 0; i < n; i++)
		if (strcmp(argv[i], ","))
			i += run_step(argv + i, n - i) - 1;
}

static void tell(void)
{
	printf("{\"pid\":%d,\"tid\":%d,\"results\":[", getpid(), gettid());
	for (int i = 0; i < d.n; i++)
		printf("%s%ld", i ? "," : "", d.results[i]);
	printf("]}\n");
	fflush(stdout);
}

struct steps {
	char **argv;
	int n;
};

static void *run_all(void *arg)
{
	const struct steps *s = arg;

	run_steps(s->argv, s->n);
	tell();
	for (int i = 0; i < d.kept_n; i++)
		kill(d.kept[i], SIGKILL);
	while (d.kept_n && (waitpid(-1, NULL, 0) > 0 || errno == EINTR))
		;
	exit(0);
}

/* --- the first process of a container ----------------------------------------------------------
 */

/* Starts argv with its output in FOLDER/out; entries before the program are its environment. */
static pid_t start(const char *folder, char **words)
{
	char *env[16] = { NULL }, path[256];
	size_t n = 0;
	pid_t pid;
	int out;

	while (words[0] && words[0][0] != '/' && n < 15)
		env[n++] = *words++;
	snprintf(path, sizeof(path), "%s/out", folder);
	out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (out < 0)
		die("open", path);
	pid = fork();
	if (pid == 0) {
		dup2(out, 1);
		dup2(out, 2);
		close(out);
		execve(words[0], words, env);
		die("exec", words[0]);
	}
	close(out);
	return pid;
}

static bool read_all(int fd, void *to, size_t bytes)
{
	for (size_t done = 0; done < bytes;) {
		ssize_t n = read(fd, (char *)to + done, bytes - done);

		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

static int open_in(const char *folder, const char *name)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die("open", path);
	return fd;
}

/* Runs what comes through the pipe FOLDER/ask (length, NUL-separated words), one at a time, and
 * answers {pid, status} through FOLDER/answer: a test's commands without a runtime between. */
static void serve(const char *folder)
{
	int ask = open_in(folder, "ask"), answer = open_in(folder, "answer");
	static char words[1 << 20];
	static char *argv[4096];
	uint32_t bytes;

	signal(SIGTERM, SIG_DFL);
	while (read_all(ask, &bytes, sizeof(bytes)) && bytes < sizeof(words) &&
	       read_all(ask, words, bytes)) {
		size_t n = 0;
		int32_t told[2];
		pid_t ended;
		int status;

		words[bytes] = 0;
		for (size_t at = 0; at < bytes && n < 4095; at += strlen(words + at) + 1)
			argv[n++] = words + at;
		argv[n] = NULL;
		told[0] = start(folder, argv);
		/* Others are orphans that an earlier command left behind. */
		while ((ended = wait(&status)) != told[0] && (ended > 0 || errno == EINTR))
			;
		told[1] = status;
		if (write(answer, told, sizeof(told)) != sizeof(told))
			die("write", "answer");
	}
}

int main(int argc, char **argv)
{
	struct steps s;
	pthread_t thread;
	int i = 1;

	for (; i < argc && !strncmp(argv[i], "--", 2); i++) {
		d.int80 |= !strcmp(argv[i], "--int80") || !strcmp(argv[i], "--socketcall");
		d.socketcall |= !strcmp(argv[i], "--socketcall");
		d.thread |= !strcmp(argv[i], "--thread");
	}
	if (i == argc) {
		fprintf(stderr, "usage: see the top of doer.c\n");
		return 2;
	}
	if (i + 2 == argc && !strcmp(argv[i], "serve")) {
		serve(argv[i + 1]);
		return 0;
	}
	alarm(30); /* a call that waits for ever must not outlive the test that failed */
	make_arena();
	s = (struct steps){ argv + i, argc - i };
	if (!d.thread)
		run_all(&s);
	if (pthread_create(&thread, NULL, run_all, &s))
		die("thread", "");
	pthread_join(thread, NULL);
	return 0;
}
