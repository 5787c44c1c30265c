// SPDX-License-Identifier: GPL-2.0-or-later
/* What the iterator says is true but not always enough: whose mount a descriptor is of, what a
 * process waits in, its label. That is read on the worker, and told from the next pass on. A file
 * of /proc may wait for a lock of the process, so none is read on the loop. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "collector/base/buf.h"
#include "collector/base/io.h"
#include "collector/procstat.h"
#include "detector/task_pass_internal.h"

#define MOUNTINFO_BYTES (8U << 20)
#define FIRST_FDS	32
#define LAST_STDIO	2

/* --- pure ------------------------------------------------------------------------------------ */

bool task_mount_is_in(struct span mountinfo, uint64_t id)
{
	struct span line, word;
	uint64_t n;

	while (span_next(&mountinfo, '\n', &line))
		if (span_word(&line, &word) && parse_u64(word, &n) && n == id)
			return true;
	return false;
}

bool task_call_is_plain(struct span text)
{
	/* waiting for other processes, for time, for descriptors: none of these goes through a file
	 * system that acts for somebody else */
	static const uint64_t plain[] = {
		SYS_poll,	SYS_ppoll,	     SYS_select,	  SYS_pselect6,
		SYS_nanosleep,	SYS_clock_nanosleep, SYS_futex,		  SYS_wait4,
		SYS_waitid,	SYS_pause,	     SYS_rt_sigsuspend,	  SYS_rt_sigtimedwait,
		SYS_epoll_wait, SYS_epoll_pwait,     SYS_restart_syscall,
	};
	struct span word;
	uint64_t n;

	if (!span_word(&text, &word) || !parse_u64(word, &n))
		return false; /* "running" */
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (plain[i] == n)
			return true;
	return false;
}

/* "docker-default (enforce)" without the mode. */
static struct span apparmor_name(struct span label)
{
	const char *mode = label.n ? memmem(label.p, label.n, " (", 2) : NULL;

	return mode ? (struct span){ label.p, (size_t)(mode - label.p) } : label;
}

/* user:role:TYPE:LEVEL; user and role say nothing of containers. */
static struct span selinux_type(struct span label)
{
	struct span piece;

	if (!span_next(&label, ':', &piece) || !span_next(&label, ':', &piece))
		return (struct span){ NULL, 0 };
	return label;
}

static bool equal(struct span a, struct span b)
{
	return a.n == b.n && (!a.n || memcmp(a.p, b.p, a.n) == 0);
}

/* A profile of AppArmor may have children ("P//child") and be stacked ("P//&other"): both hold at
 * least what P holds. */
bool task_label_fits(struct span first, struct span label, bool selinux)
{
	if (selinux)
		return equal(selinux_type(first), selinux_type(label));
	first = apparmor_name(first);
	label = apparmor_name(label);
	if (span_eq(first, "unconfined") || equal(first, label))
		return true;
	for (size_t i = 0; i + first.n <= label.n; i++) {
		const char *at = label.p + i, *end = at + first.n;
		const bool begins = i == 0 || (i >= 3 && memcmp(at - 3, "//&", 3) == 0);
		const bool ends = i + first.n == label.n ||
				  (i + first.n + 2 <= label.n && memcmp(end, "//", 2) == 0);

		if (begins && ends && memcmp(at, first.p, first.n) == 0)
			return true;
	}
	return false;
}

/* --- on the worker --------------------------------------------------------------------------- */

/* The begin of a file, with a NUL. */
static ssize_t read_begin(const char *path, char *mem, size_t cap)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	const ssize_t n = fd < 0 ? -1 : read(fd, mem, cap - 1);

	if (n >= 0)
		mem[n] = '\0';
	return n;
}

static ssize_t read_of(const struct task_look *l, uint32_t pid, const char *file, char *mem,
		       size_t cap)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%u/%s", l->proc, pid, file);
	return read_begin(path, mem, cap);
}

static bool mount_of_text(struct span text, uint64_t *id)
{
	struct span line, word;

	while (span_next(&text, '\n', &line))
		if (span_word(&line, &word) && span_eq(word, "mnt_id:"))
			return span_word(&line, &word) && parse_u64(word, id);
	return false;
}

/* Of root or cwd: by a descriptor of our own on the same place, which looks nothing up. */
static bool mount_of_link(const struct task_look *l, const char *name, uint64_t *id)
{
	char path[160], text[512];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%u/%s", l->proc, l->key.pid, name);
	AUTO_FD int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return false;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	n = read_begin(path, text, sizeof(text));
	return n > 0 && mount_of_text((struct span){ text, (size_t)n }, id);
}

static bool mount_of_fd(const struct task_look *l, unsigned fd, uint64_t *id)
{
	char name[32], text[2048];
	ssize_t n;

	snprintf(name, sizeof(name), "fdinfo/%u", fd);
	n = read_of(l, l->key.pid, name, text, sizeof(text));
	return n > 0 && mount_of_text((struct span){ text, (size_t)n }, id);
}

static void found_outside(struct task_look *l, const char *what)
{
	char path[160];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%u/%s", l->proc, l->key.pid, what);
	n = readlink(path, l->text, sizeof(l->text) - 1);
	l->text[n > 0 ? n : 0] = '\0';
	snprintf(l->what, sizeof(l->what), "%s", what);
	l->verdict = TASK_BROKEN;
}

/* Mounts that a container made in a tree of its own are nobody's business: the host's are looked
 * for, by their ids, which are unique on the whole machine. */
static void look_outside(struct task_look *l)
{
	AUTO_BUF struct buf b;
	char path[160], name[32];
	uint64_t id;

	buf_init(&b, MOUNTINFO_BYTES);
	snprintf(path, sizeof(path), "%s/1/mountinfo", l->proc);
	if (io_read_buf_at(AT_FDCWD, path, &b, NULL) < 0)
		return;
	const struct span host = { b.data, b.len };

	if (l->asked & TASK_ROOT_OUTSIDE && mount_of_link(l, "root", &id) &&
	    task_mount_is_in(host, id)) {
		found_outside(l, "root");
		return;
	}
	if (l->asked & TASK_CWD_OUTSIDE && mount_of_link(l, "cwd", &id) &&
	    task_mount_is_in(host, id)) {
		found_outside(l, "cwd");
		return;
	}
	/* standard input and output are the runtime's to hand over */
	for (unsigned fd = LAST_STDIO + 1; l->asked & TASK_FD_OUTSIDE && fd < FIRST_FDS; fd++) {
		if (!mount_of_fd(l, fd, &id) || !task_mount_is_in(host, id))
			continue;
		snprintf(name, sizeof(name), "fd/%u", fd);
		found_outside(l, name);
		return;
	}
}

/* The count of switches, the state and the call with its arguments: twice the same means that it
 * has not run in between. */
static void look_call(struct task_look *l)
{
	char call[256], status[4096], now[sizeof(l->text)];
	const char *state, *switches;
	ssize_t n = read_of(l, l->key.pid, "syscall", call, sizeof(call));

	if (n <= 0 || !task_call_is_plain((struct span){ call, (size_t)n }) ||
	    read_of(l, l->key.pid, "status", status, sizeof(status)) <= 0)
		return;
	state = strstr(status, "\nState:\tS");
	switches = strstr(status, "\nvoluntary_ctxt_switches:");
	if (!state || !switches)
		return;
	snprintf(now, sizeof(now), "%.*s%.80s", (int)strcspn(call, "\n"), call, switches);
	for (char *c = now; *c; c++)
		if (*c == '\n' || *c == '\t')
			*c = ' ';
	if (strcmp(now, l->text) == 0)
		l->verdict = TASK_BROKEN;
	snprintf(l->text, sizeof(l->text), "%s", now);
}

static ssize_t read_label(const struct task_look *l, uint32_t pid, char *mem, size_t cap)
{
	ssize_t n = -1;

	if (!l->selinux)
		n = read_of(l, pid, "attr/apparmor/current", mem, cap);
	if (n <= 0)
		n = read_of(l, pid, "attr/current", mem, cap);
	if (n > 0)
		n = (ssize_t)span_trim((struct span){ mem, (size_t)n }).n;
	return n;
}

static void look_label(struct task_look *l)
{
	char first[TASK_PASS_LABEL_BYTES], label[TASK_PASS_LABEL_BYTES];
	const ssize_t n = read_label(l, l->first.pid, first, sizeof(first));
	const ssize_t m = read_label(l, l->key.pid, label, sizeof(label));
	const struct span was = { first, n > 0 ? (size_t)n : 0 };
	const struct span is = { label, m > 0 ? (size_t)m : 0 };

	/* a container in a namespace of AppArmor's own may name anything as it likes */
	if (!was.n || !is.n || task_label_fits(was, is, l->selinux) ||
	    (was.p[0] == ':' && is.p[0] == ':'))
		return;
	snprintf(l->what, sizeof(l->what), "%s", l->selinux ? "selinux" : "apparmor");
	snprintf(l->text, sizeof(l->text), "%.*s, the first process has %.*s", (int)is.n, is.p,
		 (int)was.n, was.p);
	l->verdict = TASK_BROKEN;
}

/* A start time from /proc is cut to clock ticks. */
static bool is_still(const struct task_look *l, struct process_key key)
{
	const uint64_t tick_ns = 1000000000ULL / (uint64_t)sysconf(_SC_CLK_TCK);
	const uint64_t start = procstat_start_boot_ns(l->proc, (pid_t)key.pid);

	return start && start / tick_ns == key.start_boot_ns / tick_ns;
}

void task_look_run(struct worker_job *job)
{
	struct task_look *l = (struct task_look *)job;

	l->verdict = TASK_FINE;
	switch (l->kind) {
	case LOOK_OUTSIDE:
		look_outside(l);
		break;
	case LOOK_CALL:
		look_call(l);
		break;
	case LOOK_LABEL:
		look_label(l);
		break;
	}
	/* asked last: all that was read is of these processes then */
	if (!is_still(l, l->key) || (l->kind == LOOK_LABEL && !is_still(l, l->first)))
		l->verdict = TASK_FINE;
}

/* --- on the loop ----------------------------------------------------------------------------- */

static bool is_of(const struct task_answer *a, struct process_key key, enum task_look_kind kind)
{
	return a->key.pid == key.pid && a->key.start_boot_ns == key.start_boot_ns &&
	       a->kind == kind;
}

static struct task_answer *find_answer(struct task_pass *p, struct process_key key,
				       enum task_look_kind kind)
{
	for (unsigned i = 0; i < TASK_PASS_ANSWERS; i++)
		if (is_of(&p->answers[i], key, kind))
			return &p->answers[i];
	return NULL;
}

static struct task_answer *free_answer(struct task_pass *p)
{
	for (unsigned i = 0; i < TASK_PASS_ANSWERS; i++)
		if (!p->answers[i].key.pid)
			return &p->answers[i];
	return NULL;
}

static void looked(struct worker_job *job)
{
	struct task_look *l = (struct task_look *)job;
	struct task_pass *p = l->owner;
	struct task_answer *a = find_answer(p, l->key, l->kind);

	l->busy = false;
	if (worker_closing(p->worker) || !a)
		return;
	a->verdict = l->verdict;
	a->exec_seq = l->exec_seq;
	a->asked = l->asked;
	a->looked = p->number;
	snprintf(a->what, sizeof(a->what), "%s", l->what);
	snprintf(a->text, sizeof(a->text), "%s", l->text);
	p->again |= a->verdict == TASK_BROKEN; /* told by the next pass: it need not wait */
}

void task_looks_init(struct task_pass *p)
{
	for (unsigned i = 0; i < TASK_PASS_LOOKS; i++)
		p->looks[i].job = (struct worker_job){ .run = task_look_run, .done = looked };
}

static bool look(struct task_pass *p, const struct task_view *v, struct task_answer *a,
		 uint32_t asked)
{
	struct task_look *l = NULL;

	for (unsigned i = 0; i < TASK_PASS_LOOKS && !l; i++)
		if (!p->looks[i].busy)
			l = &p->looks[i];
	if (!l) {
		p->stats.looks_refused++;
		return false;
	}
	*l = (struct task_look){ .job = l->job,
				 .owner = p,
				 .busy = true,
				 .key = a->key,
				 .first = v->start->first,
				 .kind = a->kind,
				 .asked = asked,
				 .exec_seq = v->t->head.exec_seq,
				 .selinux = p->selinux };
	snprintf(l->proc, sizeof(l->proc), "%s", p->services->proc);
	snprintf(l->text, sizeof(l->text), "%s", a->text);
	if (!p->worker || worker_submit(p->worker, &l->job, false) < 0) {
		l->busy = false;
		p->stats.looks_refused++;
		return false;
	}
	p->stats.looks++;
	return true;
}

/* Passes after which it is asked anew. */
static uint32_t stale_after(const struct task_answer *a)
{
	return a->kind == LOOK_CALL ? 1 : TASK_PASS_LOOK_AGAIN;
}

const struct task_answer *task_answer(struct task_pass *p, const struct task_view *v,
				      enum task_look_kind kind, uint32_t asked)
{
	const struct process_key key = { v->t->head.start_boot_ns, v->t->head.pid };
	struct task_answer *a = find_answer(p, key, kind);
	const bool fresh = !a;

	if (!a)
		a = free_answer(p);
	if (!a) {
		p->stats.looks_refused++;
		return NULL;
	}
	if (fresh)
		*a = (struct task_answer){ .key = key, .kind = kind };
	a->pass = p->number;
	const bool other = a->asked != asked || a->exec_seq != v->t->head.exec_seq;

	if ((fresh ||
	     (a->verdict != TASK_WAITS && (other || p->number - a->looked >= stale_after(a))))) {
		const bool at_work = look(p, v, a, asked);

		if (fresh && !at_work)
			a->key.pid = 0; /* the next pass asks again */
		else if (other)
			a->verdict = TASK_WAITS;
	}
	return a;
}

void task_answers_sweep(struct task_pass *p)
{
	for (unsigned i = 0; i < TASK_PASS_ANSWERS; i++)
		if (p->answers[i].pass != p->number)
			p->answers[i].key.pid = 0;
}
