// SPDX-License-Identifier: GPL-2.0-or-later
#include "http/selftest.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/utsname.h>

#include "collector/base/clock.h"
#include "http/cli_stream.h"
#include "http/selftest_child.h"
#include "http/selftest_image.h"
#include "http/selftest_runtime.h"

#define LOOK_NS	   (25 * NS_PER_MS)
#define LOAD_MS	   60000
#define CLEAN_MS   20000
#define PART_NS	   (5 * NS_PER_S) /* for a container that may end by itself */
#define ANSWER_MAX (64u << 20)

struct selftest {
	struct selftest_options options;
	char socket_text[PATH_MAX];
	const char *socket;
	struct selftest_runtime runtime;
	struct selftest_child *child; /* of the container that runs, or of a command */
	int signals;
	bool loaded, stop; /* stop: a signal came, or the agent does not answer */
	char token[17];
	char image[SELFTEST_NAME_MAX];
	struct selftest_result results[SELFTEST_ACTIONS];
	size_t n;
};

static void release(struct selftest *t)
{
	selftest_child_free(t->child);
	if (t->signals >= 0)
		close(t->signals);
}

static json_t *get(struct selftest *t, const char *path, const char *query)
{
	json_t *answer = cli_ask(t->socket, WIRE_OP_GET, path, query);

	t->stop = t->stop || !answer;
	return answer;
}

/* --- the image --------------------------------------------------------------------------------
 */

static int load(struct selftest *t, struct err *e)
{
	const struct selftest_words words = { t->image, NULL, NULL };
	AUTO_BUF struct buf probe = { .fd = -1 }, archive = { .fd = -1 };
	const char *argv[SELFTEST_MAX_ARGS];
	struct utsname machine;
	int r;

	buf_init(&probe, SELFTEST_PROBE_BYTES);
	if (uname(&machine) < 0)
		return err_errno(e, "uname");
	r = selftest_probe_read(&probe, e);
	if (r >= 0)
		r = buf_init_shared(&archive, "bulkhead-selftest", ANSWER_MAX, e);
	if (r >= 0)
		r = selftest_image_make(&archive, t->image, (struct span){ probe.data, probe.len },
					selftest_image_arch(machine.machine), e);
	if (r < 0)
		return r;
	AUTO_FD int fd = buf_seal(&archive, e);

	if (fd < 0)
		return fd;
	selftest_runtime_argv(&t->runtime, SELFTEST_LOAD, &words, argv);
	t->loaded = true; /* perhaps, even when it fails: it is taken away */
	r = selftest_child_run(t->child, argv, fd, LOAD_MS, t->signals, e);
	return r < 0 ? err_prefix(e, r, "%s cannot load an image",
				  selftest_runtime_name(t->runtime.form))
		     : 0;
}

/* Signals are not looked for: what was made is taken away. */
static void clean(struct selftest *t, enum selftest_step step, const char *container, bool tell)
{
	const struct selftest_words words = { t->image, container, NULL };
	const char *argv[SELFTEST_MAX_ARGS];
	struct err e = { "" };

	if (!selftest_runtime_argv(&t->runtime, step, &words, argv) ||
	    selftest_child_run(t->child, argv, SELFTEST_NO_INPUT, CLEAN_MS, -1, &e) == 0 || !tell)
		return;
	err_prefix(&e, -EIO, "'%s' may be left behind", container ? container : t->image);
	cli_complain(e.text);
}

/* --- an action --------------------------------------------------------------------------------
 */

/* Lets the container end, and sees to it. */
static void part(struct selftest *t, const struct selftest_result *r)
{
	enum selftest_child_state s = SELFTEST_ENDED;

	selftest_child_let_go(t->child);
	if (t->child->pid > 0)
		s = selftest_child_step(t->child, -1, mono_ns() + PART_NS);
	if (s == SELFTEST_ENDED)
		return;
	selftest_child_kill(t->child);
	clean(t, SELFTEST_REMOVE, r->container, true);
	clean(t, SELFTEST_REMOVE_AFTER, r->container, false);
}

static bool newest(struct selftest *t, uint64_t *seq)
{
	json_t *answer = get(t, "/api/v1/alerts", "limit=1");
	const bool known = answer && cli_get_u64(answer, "newest", seq);

	json_decref(answer);
	return known;
}

static bool look_for_alert(struct selftest *t, struct selftest_result *r, uint64_t after)
{
	AUTO_BUF struct buf query = { .fd = -1 };

	buf_init(&query, 1024);
	cli_query_add(&query, "rule", r->action->rule);
	buf_printf(&query, "&after=%llu", (unsigned long long)after);
	buf_add_char(&query, '\0');
	json_t *answer = query.failed ? NULL : get(t, "/api/v1/alerts", query.data);
	const bool seen = answer && selftest_alert_seen(answer, r);

	json_decref(answer);
	return seen;
}

static bool look_at_sinks(struct selftest *t, struct selftest_result *r)
{
	json_t *answer = get(t, "/api/v1/sinks", "");
	const bool done = answer && selftest_sinks_done(answer, r);

	json_decref(answer);
	return done;
}

static void not_seen(const struct selftest *t, struct selftest_result *r, bool ended)
{
	const struct selftest_child *c = t->child;
	struct err e = { "" };

	r->outcome = SELFTEST_MISSING;
	if (r->said.no_limit) {
		r->outcome = SELFTEST_NOT_HERE;
		snprintf(r->why, sizeof(r->why), "the runtime sets no limit of memory");
	} else if (r->said.failed[0]) {
		r->outcome = SELFTEST_FAILED;
		memcpy(r->why, r->said.failed, sizeof(r->why));
	} else if (!r->said.at_ns && ended) {
		r->outcome = SELFTEST_FAILED;
		selftest_child_complaint(c, &e);
		snprintf(r->why, sizeof(r->why), "%.199s", e.text);
	} else if (!r->said.at_ns) {
		r->outcome = SELFTEST_FAILED;
		snprintf(r->why, sizeof(r->why), "the container does not start");
	} else {
		snprintf(r->why, sizeof(r->why), "no alert within %llu s",
			 (unsigned long long)t->options.timeout_s);
	}
}

/* Watches the container until its alert is in the log and the sinks are done with it. */
static void watch(struct selftest *t, struct selftest_result *r, uint64_t after)
{
	const uint64_t timeout = t->options.timeout_s * NS_PER_S;
	uint64_t end = mono_ns() + timeout;
	bool seen = false, ended = false;

	while (!t->stop && mono_ns() < end) {
		const bool had = r->said.at_ns > 0;
		struct pollfd wait = { .fd = t->signals, .events = POLLIN };

		if (!ended) {
			enum selftest_child_state s =
				selftest_child_step(t->child, t->signals, mono_ns() + LOOK_NS);

			ended = s == SELFTEST_ENDED;
			t->stop = s == SELFTEST_INTERRUPTED;
		} else {
			t->stop = poll(&wait, 1, (int)(LOOK_NS / NS_PER_MS)) > 0;
		}
		selftest_said_parse((struct span){ t->child->out.data, t->child->out.n }, &r->said);
		if (!had && r->said.at_ns)
			end = mono_ns() + timeout; /* the start of a container is not the agent's */
		if (r->said.no_limit || (ended && !r->said.at_ns))
			break;
		if (!r->said.at_ns || t->stop)
			continue;
		if (!seen && look_for_alert(t, r, after)) {
			seen = true;
			end = mono_ns() + timeout;
		}
		if (seen && look_at_sinks(t, r))
			break;
	}
	if (seen)
		r->outcome = SELFTEST_SEEN;
	else
		not_seen(t, r, ended);
}

static void act(struct selftest *t, struct selftest_result *r)
{
	const struct selftest_words words = { t->image, r->container, r->action->name };
	const char *argv[SELFTEST_MAX_ARGS];
	uint64_t after = 0;
	struct err e = { "" };
	json_t *sinks = get(t, "/api/v1/sinks", "");

	selftest_sinks_begin(sinks, r);
	json_decref(sinks);
	if (t->stop || !newest(t, &after))
		return;
	selftest_runtime_argv(&t->runtime, SELFTEST_RUN, &words, argv);
	if (selftest_child_start(t->child, argv, SELFTEST_HELD_INPUT, &e) < 0) {
		r->outcome = SELFTEST_FAILED;
		snprintf(r->why, sizeof(r->why), "%.199s", e.text);
		return;
	}
	watch(t, r, after);
	part(t, r);
}

static void act_all(struct selftest *t)
{
	json_t *rules = get(t, "/api/v1/rules", "");

	for (size_t i = 0; !t->stop && i < SELFTEST_ACTIONS; i++) {
		struct selftest_result *r = &t->results[t->n];

		if (!selftest_chosen(&t->options, &selftest_actions[i]))
			continue;
		*r = (struct selftest_result){ .action = &selftest_actions[i],
					       .outcome = SELFTEST_NOT_LOADED };
		snprintf(r->container, sizeof(r->container), "bulkhead-selftest-%s-%s", t->token,
			 r->action->name);
		t->n++;
		if (selftest_rule_on(rules, r)) {
			r->outcome = SELFTEST_MISSING;
			act(t, r);
		}
	}
	json_decref(rules);
}

/* --- the command ------------------------------------------------------------------------------
 */

static int begin(struct selftest *t)
{
	unsigned char random[8];
	sigset_t ends;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	signal(SIGPIPE, SIG_IGN); /* that nobody reads any more must not leave a container behind */
	t->signals = sigprocmask(SIG_BLOCK, &ends, NULL) < 0 ? -1
							     : signalfd(-1, &ends, SFD_CLOEXEC);
	t->child = selftest_child_new();
	if (t->signals < 0 || !t->child ||
	    getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
		cli_complain("it cannot begin: no memory or no descriptors");
		return CLI_FAILED;
	}
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(t->token + 2 * i, 3, "%02x", random[i]);
	snprintf(t->image, sizeof(t->image), "localhost/bulkhead-selftest:%s", t->token);
	t->socket =
		cli_socket_path(t->options.common.socket, t->socket_text, sizeof(t->socket_text));
	return CLI_GO_ON;
}

static int print(const struct selftest *t)
{
	const struct selftest_report report = { selftest_runtime_name(t->runtime.form), t->results,
						t->n };
	const struct cli_terminal to = cli_terminal();
	AUTO_BUF struct buf out = { .fd = -1 };
	int r;

	buf_init(&out, 1u << 20);
	if (t->options.common.json) {
		json_t *o = selftest_json(&report);

		r = cli_print_json(o);
		json_decref(o);
	} else {
		selftest_text(&report, &to, &out);
		r = cli_print(&out);
	}
	return r;
}

static int run(struct selftest *t)
{
	struct err e = { "" };
	int r;

	json_decref(get(t, "/api/v1/sinks", "")); /* before anything is made */
	if (t->stop)
		return CLI_FAILED;
	r = selftest_runtime_find(&t->runtime, t->options.runtime, t->child, t->signals, &e);
	if (r < 0) {
		cli_complain(e.text);
		return r == -ENOENT ? SELFTEST_NO_RUNTIME : CLI_FAILED;
	}
	r = load(t, &e);
	if (r < 0)
		cli_complain(e.text);
	else
		act_all(t);
	if (t->loaded)
		clean(t, SELFTEST_UNLOAD, NULL, r == 0);
	if (r < 0)
		return CLI_FAILED;
	if (t->stop)
		cli_complain("it was not finished");
	r = print(t);
	return r == CLI_OK && !t->stop && selftest_passed(t->results, t->n) ? CLI_OK : CLI_FAILED;
}

int cli_selftest(int argc, char **argv)
{
	AUTO_FREE struct selftest *t = calloc(1, sizeof(*t));

	if (!t)
		return CLI_FAILED;
	int r = selftest_parse(&t->options, argc, argv);

	if (r != CLI_GO_ON)
		return r;
	t->signals = -1;
	r = begin(t);
	if (r == CLI_GO_ON)
		r = run(t);
	release(t);
	return r;
}
