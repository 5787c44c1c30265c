// SPDX-License-Identifier: GPL-2.0-or-later
/* The life of `bulkhead serve`: started, configured, heard, started again. What it sends is not
 * trusted: it faces the network. */
#include "collector/agent_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/notify.h"
#include "collector/privileges.h"

#define SERVE_GRACE_MS 700	       /* a stop of both programs is to take under a second */
#define START_LIMIT_NS (60 * NS_PER_S) /* it opens its history before it listens */
#define LINK_TOKEN_S   3600

/* The configured address; where that leaves the port open, the first that serve names. */
static void base_url(const struct agent *a, struct span told, char *out, size_t cap)
{
	struct span word;

	snprintf(out, cap, "%s://%s", a->config.tls_certificate[0] ? "https" : "http",
		 a->config.listen);
	if (!span_ends(span_str(a->config.listen), ":0") || !span_word(&told, &word) ||
	    word.n >= cap)
		return;
	for (size_t i = 0; i < word.n; i++)
		if (word.p[i] <= ' ' || word.p[i] >= 0x7f)
			return; /* it goes to a terminal */
	snprintf(out, cap, "%.*s", (int)word.n, word.p);
}

static void print_login(struct agent *a, struct span told)
{
	char token[TOKEN_TEXT_BYTES], url[256];
	struct err e = { "" };

	if (a->link_printed || !a->options.print_login_link)
		return;
	a->link_printed = true;
	base_url(a, told, url, sizeof(url));
	printf("url=%s\n", url);
	if (token_create(a->tokens, TOKEN_VIEWER, LINK_TOKEN_S, unix_ns(), token, &e) < 0)
		log_error("cannot create a login link", "error", e.text, NULL);
	else
		printf("login=%s/login?token=%s\n", url, token);
	fflush(stdout);
}

static void serve_is_ready(struct agent *a, struct span where)
{
	char text[256];

	if (a->serve_up)
		return; /* once a start */
	snprintf(text, sizeof(text), "%.*s", (int)(where.n < 255 ? where.n : 255), where.p);
	a->serve_up = true;
	a->serve_problem[0] = '\0';
	log_info("listening", "url", text, NULL);
	agent_feed_all(a);
	agent_alerts_serve_up(a);
	print_login(a, where);
	a->told_ready = true;
	notify_send("READY=1");
}

static void serve_failed(struct agent *a, struct span why)
{
	if (a->serve_told_why || a->serve_up)
		return;
	a->serve_told_why = true;
	snprintf(a->serve_problem, sizeof(a->serve_problem), "%.*s",
		 (int)(why.n < sizeof(a->serve_problem) ? why.n : sizeof(a->serve_problem) - 1),
		 why.p);
	log_error("bulkhead serve cannot start", "error", a->serve_problem, NULL);
}

static void on_serve_frame(void *ctx, struct peer *p, const struct wire_frame *f)
{
	struct agent *a = ctx;
	struct wire_serve_stats stats;

	switch ((int)f->type) {
	case WIRE_READY:
		serve_is_ready(a, f->payload);
		break;
	case WIRE_FAILED:
		serve_failed(a, f->payload);
		break;
	case WIRE_REQUEST:
		agent_request(a, p, f);
		break;
	case WIRE_SERVE_STATS:
		if (wire_serve_stats_decode(f->payload, &stats, NULL) == 0)
			a->serve_stats = stats;
		break;
	case WIRE_SINK_STATS:
		agent_alerts_frame(a, f);
		break;
	default:
		break; /* nothing else is serve's to send */
	}
}

static void drop_serve(struct agent *a)
{
	struct container *const *list;
	size_t n = a->table ? container_table_live(a->table, &list) : 0;

	if (a->serve)
		agent_forget_peer(a, a->serve);
	peer_free(TAKE(a->serve));
	a->serve_up = a->serve_config_due = false;
	memset(&a->serve_stats, 0, sizeof(a->serve_stats));
	for (size_t i = 0; i < n; i++) /* the next one knows no slot */
		member_of(list[i])->fed = false;
}

/* The socket broke before the process was seen to end, or serve misbehaves: end it. */
static void on_serve_closed(void *ctx, struct peer *p, const char *why)
{
	struct agent *a = ctx;

	(void)p;
	log_debug("the connection to bulkhead serve ended", "reason", why, NULL);
	drop_serve(a);
	supervise_kill(a->supervise);
}

static void on_serve_started(void *ctx, int fd, pid_t pid)
{
	struct agent *a = ctx;
	struct peer_events ev = { on_serve_frame, on_serve_closed, a };
	struct err e = { "" };

	drop_serve(a);
	a->serve_told_why = false;
	a->serve_started_ns = mono_ns();
	if (peer_new(&a->serve, a->loop, fd, false, &ev, &e) < 0) {
		log_error("cannot talk to bulkhead serve", "error", e.text, NULL);
		supervise_kill(a->supervise);
		return;
	}
	log_debug("bulkhead serve started", "pid", LOG_U64(pid), NULL);
	agent_feed_config(a);
}

static void on_serve_ended(void *ctx, const char *why)
{
	struct agent *a = ctx;

	drop_serve(a);
	if (!a->serve_told_why)
		snprintf(a->serve_problem, sizeof(a->serve_problem), "%s", why);
	log_warning("bulkhead serve ended and is started again", "reason", why, NULL);
	agent_alerts_serve_ended(a);
}

void agent_serve_round(struct agent *a)
{
	if (!a->serve)
		return;
	if (a->serve_config_due)
		agent_feed_config(a);
	if (a->serve_up || mono_ns() - a->serve_started_ns < START_LIMIT_NS)
		return;
	serve_failed(a, SPAN_LIT("it was not ready within a minute"));
	supervise_kill(a->supervise);
}

int agent_serve_start(struct agent *a, struct err *e)
{
	struct supervise_settings s = { .program = a->options.serve_program };
	const struct supervise_events ev = { on_serve_started, on_serve_ended, a };
	struct stat st;

	if (mkdirat(a->state_fd, "serve", 0700) < 0 && errno != EEXIST)
		return err_errno(e, "cannot create '%s/serve'", a->config.state_dir);
	a->serve_state_fd =
		openat(a->state_fd, "serve", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (a->serve_state_fd < 0 || fstat(a->serve_state_fd, &st) < 0)
		return err_errno(e, "cannot open '%s/serve'", a->config.state_dir);
	int r = privileges_serve_user(a->config.user, a->proc, st.st_uid, &s.uid, &s.gid, e);

	if (r < 0)
		return r;
	r = privileges_give_tree(a->serve_state_fd, s.uid, s.gid, e);
	if (r < 0)
		return err_prefix(e, r, "'%s/serve'", a->config.state_dir);
	s.state_fd = a->serve_state_fd;
	r = supervise_new(&a->supervise, a->loop, &s, &ev, e);
	if (r == 0)
		r = privileges_keep_needed(e);
	return r < 0 ? r : supervise_start(a->supervise, e);
}

void agent_serve_stop(struct agent *a)
{
	if (a->serve)
		peer_send_now(a->serve, WIRE_STOP, (struct span){ NULL, 0 });
	if (a->supervise)
		supervise_stop(a->supervise, SERVE_GRACE_MS);
	drop_serve(a);
}
