// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/procscan.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "collector/base/clock.h"
#include "collector/base/io.h"
#include "collector/procscan_internal.h"
#include "collector/procstat.h"

#define RECORDS_A_READ 128
#define MAX_AGAIN      1000 /* the iterator says so after many skipped tasks */

int procscan_pass_new(struct procscan_pass **out, const struct procscan *s, struct process_table *t,
		      struct err *e)
{
	struct procscan_pass *pass = calloc(1, sizeof(*pass));

	if (!pass)
		return err_set(e, ENOMEM, "scan of processes");
	pass->scan = s;
	pass->table = t;
	buf_init(&pass->args, 4 * sizeof(pass->cmdline));
	*out = pass;
	return 0;
}

void procscan_pass_free(struct procscan_pass *pass)
{
	if (!pass)
		return;
	buf_release(&pass->args);
	free(pass);
}

/* --- what /proc adds ---------------------------------------------------------------------------
 */

static bool pid_path(char *out, size_t cap, const struct procscan *s, uint32_t pid,
		     const char *file)
{
	int n = snprintf(out, cap, "%s/%u/%s", s->proc, pid, file);

	return n > 0 && (size_t)n < cap;
}

static struct span read_link(const struct procscan *s, uint32_t pid, const char *file,
			     char mem[PROCSCAN_LINK_BYTES])
{
	char path[PATH_MAX];
	ssize_t n = -1;

	if (pid_path(path, sizeof(path), s, pid, file))
		n = readlink(path, mem, PROCSCAN_LINK_BYTES);
	/* full: cut, and a cut path is worse than none */
	return (struct span){ mem, n > 0 && n < PROCSCAN_LINK_BYTES ? (size_t)n : 0 };
}

static struct span read_exe(struct procscan_pass *pass, const struct event_task *task)
{
	static const char deleted[] = " (deleted)";
	struct span exe = read_link(pass->scan, task->head.pid, "exe", pass->exe);

	if (task->exe.flags & FILE_DELETED && span_ends(exe, deleted))
		exe.n -= sizeof(deleted) - 1;
	return exe;
}

/* One byte more than is kept tells that there was more. The last NUL ends, it does not separate. */
static struct span read_args(struct procscan_pass *pass, uint32_t pid, bool *cut)
{
	char path[PATH_MAX];
	ssize_t n = -1;
	int fd = -1;

	if (pass->scan->redact && pid_path(path, sizeof(path), pass->scan, pid, "cmdline"))
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0) {
		n = read(fd, pass->cmdline, sizeof(pass->cmdline));
		close(fd);
	}

	struct span args = { pass->cmdline, n > 0 ? (size_t)n : 0 };

	*cut = args.n == sizeof(pass->cmdline);
	if (*cut)
		args.n--;
	else if (args.n && args.p[args.n - 1] == '\0')
		args.n--;
	buf_clear(&pass->args);
	if (args.n)
		redact_args(pass->scan->redact, args, &pass->args);
	if (pass->args.failed)
		buf_clear(&pass->args); /* never unmasked */
	return (struct span){ pass->args.data, pass->args.len };
}

/* A start time from /proc is cut to clock ticks. */
static bool is_still(const struct procscan *s, const struct event_head *h)
{
	uint64_t tick_ns = NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK);
	uint64_t start = procstat_start_boot_ns(s->proc, (pid_t)h->pid);

	return start != 0 && start / tick_ns == h->start_boot_ns / tick_ns;
}

static bool is_known(const struct process_table *t, const struct event_head *h)
{
	const struct process *p = process_find(t, (struct process_key){ h->start_boot_ns, h->pid });

	return p && !p->placeholder && p->exec_seq == h->exec_seq && p->text;
}

void procscan_seed(struct procscan_pass *pass, const struct event_task *task)
{
	struct process_seed seed = { .task = task };
	const struct event_head *h = &task->head;
	int r;

	if (!task->kernel_thread && !is_known(pass->table, h)) {
		seed.exe = read_exe(pass, task);
		seed.args = read_args(pass, h->pid, &seed.args_cut);
		seed.cwd = read_link(pass->scan, h->pid, "cwd", pass->cwd);
		/* asked last: all that was read is of this process then */
		if (!is_still(pass->scan, h)) {
			seed = (struct process_seed){ .task = task };
			pass->counts.gone++;
		}
	}
	r = process_seed(pass->table, &seed);
	if (r == 0)
		pass->counts.processes++;
	else if (r == -ENOSPC)
		pass->counts.refused++;
}

/* --- the iterator ------------------------------------------------------------------------------
 */

struct stream {
	struct event_task tasks[RECORDS_A_READ];
	size_t len; /* bytes in it */
};

/* Whole records only; the rest moves to the front. */
static int take_records(struct procscan_pass *pass, struct stream *s, struct err *e)
{
	size_t n = s->len / sizeof(s->tasks[0]);

	for (size_t i = 0; i < n; i++) {
		struct event_task *task = &s->tasks[i];

		if (task->head.size != sizeof(*task) || task->head.type != EVENT_NONE)
			return err_set(e, EPROTO,
				       "record %u of the task iterator is of %u bytes and type %u",
				       pass->counts.tasks, task->head.size, task->head.type);
		pass->counts.tasks++;
		if (task->head.pid != task->head.tid || task->head.pid == 0)
			continue;
		if (task->head.boot_ns == 0)
			task->head.boot_ns = boot_ns();
		procscan_seed(pass, task);
	}
	s->len -= n * sizeof(s->tasks[0]);
	memmove(s->tasks, &s->tasks[n], s->len);
	return 0;
}

static int read_stream(struct procscan_pass *pass, int fd, struct stream *s, struct err *e)
{
	unsigned again = 0;
	int r;

	for (;;) {
		ssize_t n = read(fd, (char *)s->tasks + s->len, sizeof(s->tasks) - s->len);

		if (n < 0 && (errno == EINTR || errno == EAGAIN) && again++ < MAX_AGAIN)
			continue;
		if (n < 0)
			return err_errno(e, "cannot read the task iterator");
		if (n == 0)
			break;
		s->len += (size_t)n;
		r = take_records(pass, s, e);
		if (r < 0)
			return r;
	}
	if (s->len)
		return err_set(e, EPROTO, "task iterator ends within record %u",
			       pass->counts.tasks);
	return 0;
}

int procscan_iterator(const struct procscan *s, struct process_table *t, int fd,
		      struct procscan_counts *out, struct err *e)
{
	AUTO_FREE struct stream *stream = calloc(1, sizeof(*stream));
	AUTO(procscan_pass_free) struct procscan_pass *pass = NULL;
	uint64_t began = boot_ns();
	int r;

	if (!stream)
		return err_set(e, ENOMEM, "scan of processes");
	r = procscan_pass_new(&pass, s, t, e);
	if (r < 0)
		return r;
	r = read_stream(pass, fd, stream, e);
	process_seed_end(t, r < 0 || pass->counts.refused ? 0 : began);
	*out = pass->counts;
	return r;
}
