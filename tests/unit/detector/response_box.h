/* SPDX-License-Identifier: GPL-2.0-or-later */
/* response_box - a host of cgroup files in a temporary directory, a response on it, and what it
 * told. Include it behind cmocka. */
#ifndef BULKHEAD_TESTS_RESPONSE_BOX_H
#define BULKHEAD_TESTS_RESPONSE_BOX_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "collector/base/clock.h"
#include "collector/base/io.h"
#include "detector/response.h"
#include "tests/unit/fixture.h"

#define BOOT	   "11111111-2222-3333-4444-555555555555"
#define ID	   "0123456789abcdef"
#define MAX_EVENTS 64

#define V2_TREE                                                                                    \
	"@ state/\n@ proc/sys/kernel/random/boot_id\n" BOOT "\n"                                   \
	"@ cg/docker/cpu.max\nmax 100000\n"                                                        \
	"@ cg/docker/" ID "/cgroup.freeze\n0\n"                                                    \
	"@ cg/docker/" ID "/cpu.max\nmax 100000\n"                                                 \
	"@ cg/docker/" ID "/cgroup.procs\n"                                                        \
	"@ cg/docker/" ID "/cgroup.kill\n"                                                         \
	"@ cg/docker/other/cgroup.freeze\n0\n"                                                     \
	"@ cg/docker/other/cpu.max\n50000 100000\n"

#define V1_TREE                                                                                    \
	"@ state/\n@ proc/sys/kernel/random/boot_id\n" BOOT "\n"                                   \
	"@ proc/4242/cgroup\n9:freezer:/frz/" ID "\n8:cpu,cpuacct:/docker/" ID "/deep\n"           \
	"7:memory:/docker/" ID "\n0::/\n"                                                          \
	"@ freezer/frz/" ID "/freezer.state\nTHAWED\n"                                             \
	"@ freezer/docker/" ID "/freezer.state\nTHAWED\n"                                          \
	"@ cpu/docker/cpu.cfs_quota_us\n-1\n@ cpu/docker/cpu.cfs_period_us\n100000\n"              \
	"@ cpu/docker/" ID "/cpu.cfs_quota_us\n-1\n"                                               \
	"@ cpu/docker/" ID "/cpu.cfs_period_us\n100000\n"                                          \
	"@ cpu/docker/" ID "/deep/cpu.cfs_quota_us\n50000\n"                                       \
	"@ cpu/docker/" ID "/deep/cpu.cfs_period_us\n50000\n"                                      \
	"@ cpu/docker/" ID "/deep/er/cpu.cfs_quota_us\n40000\n"                                    \
	"@ cpu/docker/" ID "/deep/er/cpu.cfs_period_us\n50000\n"                                   \
	"@ cpu/docker/" ID "/free/cpu.cfs_quota_us\n-1\n"                                          \
	"@ cpu/docker/" ID "/free/cpu.cfs_period_us\n100000\n"                                     \
	"@ memory/docker/" ID "/cgroup.procs\n"

struct told {
	enum response_event_kind kind;
	enum response_action action;
	enum response_reason reason;
	bool stays;
	char id[32], container[64], path[128], before[48], set[48], text[512];
	uint64_t until_unix_ns;
};

struct box {
	struct tree t;
	char proc[160];
	struct cgroup_layout layout;
	struct response_settings set;
	struct response *r;
	struct told told[MAX_EVENTS];
	unsigned n;
	uint64_t now_ns;
	int die_at;			     /* enum response_step, or -1 */
	void (*meddle)(const struct box *b); /* between the journal and the change */
};

static inline void take(char *out, size_t cap, struct span s)
{
	snprintf(out, cap, "%.*s", (int)s.n, s.n ? s.p : "");
}

static void box_told(void *ctx, const struct response_event *ev)
{
	struct box *b = ctx;
	struct told *t = &b->told[b->n % MAX_EVENTS];

	b->n++;
	*t = (struct told){ .kind = ev->kind,
			    .action = ev->action,
			    .reason = ev->reason,
			    .stays = ev->stays,
			    .until_unix_ns = ev->until_unix_ns };
	take(t->id, sizeof(t->id), ev->id);
	take(t->container, sizeof(t->container), ev->container_id);
	take(t->path, sizeof(t->path), ev->path);
	take(t->before, sizeof(t->before), ev->before);
	take(t->set, sizeof(t->set), ev->set);
	take(t->text, sizeof(t->text), ev->text);
}

static uint64_t box_clock(void *ctx)
{
	const struct box *b = ctx;

	return b->now_ns;
}

static void box_step(void *ctx, enum response_step s)
{
	const struct box *b = ctx;

	if (b->die_at == (int)s)
		_exit(9);
	if (b->meddle && s == RESPONSE_AFTER_JOURNAL)
		b->meddle(b);
}

static int box_dir(const struct box *b, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", b->t.path, name);
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void box_layout(struct box *b, bool v2)
{
	struct cgroup_layout *l = &b->layout;

	*l = (struct cgroup_layout){ .unified_fd = -1, .freezer_fd = -1, .watch_fd = -1 };
	for (int c = 0; c < CONTROLLER_COUNT; c++)
		l->fds[c] = -1;
	if (v2) {
		l->mode = CGROUP_V2;
		l->unified_fd = box_dir(b, "cg");
		l->watch_fd = box_dir(b, "cg");
		l->fds[CONTROLLER_CPU] = box_dir(b, "cg");
		l->on_v2[CONTROLLER_CPU] = true;
		return;
	}
	l->mode = CGROUP_V1;
	l->freezer_fd = box_dir(b, "freezer");
	l->fds[CONTROLLER_CPU] = box_dir(b, "cpu");
	l->watch_fd = box_dir(b, "memory");
	snprintf(l->paths[CONTROLLER_CPU], PATH_MAX, "/cpu");
	snprintf(l->watch_path, PATH_MAX, "/memory");
	snprintf(l->watch_name, sizeof(l->watch_name), "memory");
}

static inline struct box *box_make(const char *tree, bool v2)
{
	struct box *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	b->t = tree_make(tree);
	b->now_ns = 5000 * NS_PER_S;
	b->die_at = -1;
	snprintf(b->proc, sizeof(b->proc), "%s/proc", b->t.path);
	box_layout(b, v2);
	b->set = (struct response_settings){
		.state_fd = box_dir(b, "state"),
		.layout = &b->layout,
		.proc = b->proc,
		.cpus = 2,
		.boot_ns = box_clock,
		.step = box_step,
		.told = box_told,
		.ctx = b,
	};
	return b;
}

static inline void box_open(struct box *b)
{
	struct err e = { "" };

	if (response_new(&b->r, &b->set, &e) < 0)
		fail_msg("%s", e.text);
}

static inline void box_free(struct box **p)
{
	struct box *b = *p;

	response_free(b->r);
	close(b->set.state_fd);
	cgroup_layout_release(&b->layout);
	tree_remove(&b->t);
	free(b);
}
#define AUTO_BOX __attribute__((cleanup(box_free)))

static inline struct response_target box_target(const char *id, pid_t pid)
{
	static char path[128];

	snprintf(path, sizeof(path), "/docker/%s", id);
	return (struct response_target){ .container_id = span_str(id),
					 .image = SPAN_LIT("docker.io/library/web"),
					 .cgroup_path = path,
					 .pid = pid };
}

static inline int box_begin(struct box *b, enum response_action a)
{
	const struct response_target t = box_target(ID, b->layout.mode == CGROUP_V1 ? 4242 : 0);

	return response_begin(b->r, &t, a, NULL);
}

static inline const struct told *box_last(const struct box *b)
{
	assert_true(b->n > 0);
	return &b->told[(b->n - 1) % MAX_EVENTS];
}

/* A file's content without its newline, in a static buffer. */
static inline const char *box_read(const struct box *b, const char *name)
{
	static char text[4096];
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", b->t.path, name);
	ssize_t n = io_read_at(AT_FDCWD, path, text, sizeof(text));

	if (n < 0)
		return "(none)";
	text[strcspn(text, "\n")] = '\0';
	return text;
}

/* How many files the journal has. */
static inline unsigned files_in_journal(const struct box *b)
{
	char path[256];
	unsigned n = 0;
	struct dirent *d;

	snprintf(path, sizeof(path), "%s/state/responses", b->t.path);
	DIR *dir = opendir(path);

	while (dir && (d = readdir(dir)))
		n += strstr(d->d_name, ".json") != NULL;
	if (dir)
		closedir(dir);
	return n;
}

static inline void box_write(const struct box *b, const char *name, const char *text)
{
	tree_write(&b->t, name, text, strlen(text));
}

#endif
