// SPDX-License-Identifier: GPL-2.0-or-later
/* responder - acts on one container as bulkheadd does, without an agent:
 *
 *	responder STATE MOUNTINFO ID CGROUP PID LEASE_S GRACE_S PERCENT
 *
 * Takes lines from its input: recover, freeze, pause, throttle, stop, undo, kill PID START_NS, end.
 * Prints what each came to, and what is told, as a line of JSON each. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "collector/base/clock.h"
#include "collector/base/loop.h"
#include "collector/json_put.h"
#include "detector/response.h"

struct program {
	struct loop *loop;
	struct response *r;
	struct response_target target;
	char line[256];
	size_t n;
};

static void print(struct buf *b)
{
	buf_add_str(b, "}\n");
	if (!b->failed && write(STDOUT_FILENO, b->data, b->len) < 0)
		_exit(1);
}

static void on_told(void *ctx, const struct response_event *ev)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	(void)ctx;
	buf_init(&b, 65536);
	buf_add_char(&b, '{');
	json_put_str(&b, "told", response_event_names[ev->kind]);
	json_put_str(&b, "action", response_action_names[ev->action]);
	json_put_str(&b, "reason", response_reason_names[ev->reason]);
	json_put_text(&b, "container", ev->container_id);
	json_put_text(&b, "path", ev->path);
	json_put_text(&b, "before", ev->before);
	json_put_text(&b, "set", ev->set);
	json_put_text(&b, "text", ev->text);
	print(&b);
}

static int kill_one(struct program *p, struct span words, struct err *e)
{
	struct process_key key = { 0 };
	struct span pid, start;

	if (!span_word(&words, &pid) || !span_word(&words, &start) || !parse_u32(pid, &key.pid) ||
	    !parse_u64(start, &key.start_boot_ns))
		return err_set(e, EINVAL, "kill PID START_NS");
	return response_kill(p->r, key, e);
}

static int perform(struct program *p, struct span line, struct err *e)
{
	struct span word = { "", 0 };

	span_word(&line, &word);
	for (unsigned a = 0; a < RESPONSE_ACTIONS; a++)
		if (span_eq(word, response_action_names[a]))
			return response_begin(p->r, &p->target, a, e);
	if (span_eq(word, "undo"))
		return (int)response_undo(p->r, p->target.container_id);
	if (span_eq(word, "recover"))
		return response_recover(p->r, e);
	if (span_eq(word, "kill"))
		return kill_one(p, line, e);
	if (span_eq(word, "end")) {
		loop_stop(p->loop);
		return 0;
	}
	return err_set(e, EINVAL, "no such command");
}

static void on_line(struct program *p, struct span line)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	struct err e = { "" };

	buf_init(&b, 4096);
	const int r = perform(p, line, &e);

	buf_add_char(&b, '{');
	json_put_text(&b, "did", line);
	json_put_i64(&b, "result", r);
	json_put_str(&b, "error", e.text);
	print(&b);
}

static void on_input(void *ctx, uint32_t events)
{
	struct program *p = ctx;
	ssize_t got = read(STDIN_FILENO, p->line + p->n, sizeof(p->line) - p->n);
	char *newline;

	(void)events;
	if (got <= 0) {
		loop_stop(p->loop);
		return;
	}
	p->n += (size_t)got;
	while ((newline = memchr(p->line, '\n', p->n))) {
		const size_t n = (size_t)(newline - p->line);

		on_line(p, (struct span){ p->line, n });
		p->n -= n + 1;
		memmove(p->line, newline + 1, p->n);
	}
}

static void on_tick(void *ctx, uint32_t events)
{
	struct program *p = ctx;

	(void)events;
	response_tick(p->r);
}

static uint32_t number(const char *text)
{
	uint32_t n = 0;

	return parse_u32(span_str(text), &n) ? n : 0;
}

static int run(struct program *p, struct response_settings *s, struct err *e)
{
	struct loop_source *input = NULL, *timer = NULL;
	int r = loop_new(&p->loop, e);

	if (r == 0)
		r = worker_new(&s->worker, p->loop, "response", e);
	if (r == 0)
		r = response_new(&p->r, s, e);
	if (r == 0)
		r = loop_add_fd(p->loop, STDIN_FILENO, EPOLLIN, on_input, p, &input, e);
	if (r == 0)
		r = loop_add_timer(p->loop, 50 * NS_PER_MS, 50 * NS_PER_MS, on_tick, p, &timer, e);
	if (r == 0)
		r = loop_run(p->loop, e);
	if (p->r)
		response_undo_all(p->r);
	worker_free(s->worker);
	response_free(p->r);
	loop_free(p->loop);
	return r;
}

int main(int argc, char **argv)
{
	static struct cgroup_layout layout;
	static struct program p;
	struct err e = { "" };

	if (argc != 9) {
		fprintf(stderr,
			"responder STATE MOUNTINFO ID CGROUP PID LEASE_S GRACE_S PERCENT\n");
		return 2;
	}
	struct response_settings s = {
		.state_fd = open(argv[1], O_PATH | O_DIRECTORY | O_CLOEXEC),
		.layout = &layout,
		.proc = "/proc",
		.limits = { .lease_ns = number(argv[6]) * NS_PER_S,
			    .grace_ns = number(argv[7]) * NS_PER_S,
			    .throttle_percent = number(argv[8]) },
		.told = on_told,
	};

	p.target = (struct response_target){ .container_id = span_str(argv[3]),
					     .image = SPAN_LIT("image"),
					     .cgroup_path = argv[4],
					     .pid = (pid_t)number(argv[5]) };
	if (cgroup_layout_read(&layout, argv[2], "", &e) < 0 || run(&p, &s, &e) < 0) {
		fprintf(stderr, "responder: %s\n", e.text);
		return 1;
	}
	cgroup_layout_release(&layout);
	close(s.state_fd);
	return 0;
}
