// SPDX-License-Identifier: GPL-2.0-or-later
#include "http/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "collector/base/clock.h"
#include "collector/base/io.h"
#include "collector/base/log.h"
#include "http/history.h"
#include "http/link.h"
#include "http/sandbox.h"
#include "http/server.h"
#include "http/sinks.h"

#define MAX_PEM_BYTES (1u << 20)
/* beyond connections: history files, files of the logs of alerts, libraries, ourselves */
#define SPARE_FDS	256
#define STOP_TIME_LIMIT (2 * NS_PER_S)

struct serve {
	struct loop *loop;
	struct link *link;
	struct server *server;
	struct history *history;
	struct sinks *sinks; /* NULL until bulkheadd speaks of alerts */
	bool without_sinks;  /* they could not be started, which was told */
	struct sandbox sandbox;
	bool started, stopping;
	int exit_code;
};

struct secret {
	char *pem; /* NUL-terminated */
	size_t n;
};

static void auto_secret_release(struct secret *s)
{
	if (s->pem)
		explicit_bzero(s->pem, s->n);
	free(s->pem);
}

/* The descriptor is shared with bulkheadd: its position is not ours to move. */
static int read_secret(int fd, const char *what, struct secret *out, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_errno(e, "cannot read the TLS %s", what);
	if (!S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > MAX_PEM_BYTES)
		return err_set(e, EINVAL, "the TLS %s is no regular file of 1 byte to 1 MiB", what);
	AUTO(secret_release) struct secret s = { malloc((size_t)st.st_size + 1), 0 };

	if (!s.pem)
		return err_errno(e, "TLS %s", what);
	ssize_t n = pread(fd, s.pem, (size_t)st.st_size, 0);

	if (n < 0)
		return err_errno(e, "cannot read the TLS %s", what);
	s.n = (size_t)n;
	s.pem[s.n] = '\0';
	*out = s;
	s.pem = NULL;
	return 0;
}

/* --- stopping ------------------------------------------------------------------------------------
 */

static void stop(void *ctx)
{
	struct serve *s = ctx;

	s->stopping = true;
	loop_stop(s->loop);
}

static void on_signal(void *ctx, uint32_t number)
{
	log_info("stopping", "signal", LOG_U64(number), NULL);
	stop(ctx);
}

static void on_stop(void *ctx)
{
	stop(ctx);
}

static void on_idle(void *ctx)
{
	struct serve *s = ctx;

	loop_stop(s->loop);
}

static void on_stop_time_limit(void *ctx, uint32_t events)
{
	(void)ctx;
	(void)events;
	/* The HTTP library aborts when it is stopped while a request waits: leave without it.
	 * History is on disk already. */
	log_error("stopped without waiting for the last requests", NULL);
	_exit(1);
}

/* Nothing may wait in the HTTP library when it is stopped: first new requests are refused, then all
 * that wait are answered (the link's here, history's at the end of its thread), then it ends. */
static void shut_down(struct serve *s)
{
	struct err e = { "" };

	if (s->server)
		server_close(s->server);
	link_close(s->link);
	if (s->sinks)
		sinks_stop(s->sinks); /* it needs a moment: history's is the same one */
	history_free(TAKE(s->history));
	sinks_free(TAKE(s->sinks));
	if (s->server && !server_idle(s->server)) {
		if (loop_add_timer(s->loop, STOP_TIME_LIMIT, 0, on_stop_time_limit, s, NULL, &e) <
			    0 ||
		    loop_run(s->loop, &e) < 0) {
			log_error("cannot stop in order", "error", e.text, NULL);
			_exit(1);
		}
	}
	server_free(TAKE(s->server));
}

/* --- starting ------------------------------------------------------------------------------------
 */

/* A descriptor for each connection: the soft limit goes up as far as it may. */
static void raise_descriptor_limit(struct wire_config *c)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur <= SPARE_FDS || c->max_connections <= limit.rlim_cur - SPARE_FDS)
		return;
	c->max_connections = (uint32_t)(limit.rlim_cur - SPARE_FDS);
	log_warning("fewer connections than configured: the limit of open files is low",
		    "connections", LOG_U64(c->max_connections), NULL);
}

static int configure_server(struct serve *s, const struct wire_config *c, int cert_fd, int key_fd,
			    struct err *e)
{
	AUTO(secret_release) struct secret cert = { NULL, 0 };
	AUTO(secret_release) struct secret key = { NULL, 0 };
	int r = 0;

	if (c->tls)
		r = read_secret(cert_fd, "certificate", &cert, e);
	if (c->tls && r == 0)
		r = read_secret(key_fd, "key", &key, e);
	if (r < 0)
		return r;
	return server_configure(s->server, c, (struct span){ cert.pem, cert.n },
				(struct span){ key.pem, key.n }, e);
}

/* Without history everything else still works. */
static void configure_history(struct serve *s, const struct wire_config *c)
{
	struct err e = { "" };

	if (!c->history) {
		server_set_history(s->server, NULL);
		history_free(TAKE(s->history));
		return;
	}
	if (s->history) {
		history_reconfigure(s->history, c);
		return;
	}
	if (history_new(&s->history, c, &e) < 0)
		log_warning("no history", "error", e.text, NULL);
	server_set_history(s->server, s->history);
}

/* Landlock before the first thread, the system call filter when all that is needed is open. */
static int start(struct serve *s, struct wire_config *c, int cert_fd, int key_fd, struct err *e)
{
	raise_descriptor_limit(c);
	int r = sandbox_files(&s->sandbox, e);

	if (r == 0)
		r = server_new(&s->server, s->loop, s->link, on_idle, s, e);
	if (r < 0)
		return r;
	configure_history(s, c);
	r = configure_server(s, c, cert_fd, key_fd, e);
	return r < 0 ? r : sandbox_syscalls(&s->sandbox, e);
}

static void set_log(const struct wire_config *c)
{
	log_setup("bulkhead serve", (enum log_level)c->log_level,
		  c->log_format == LOG_FORMAT_JSON ? LOG_FORMAT_JSON : LOG_FORMAT_LOGFMT);
}

static void on_config(void *ctx, const struct wire_config *config, int *cert_fd, int *key_fd)
{
	struct serve *s = ctx;
	struct wire_config c = *config;
	struct err e = { "" };
	char urls[400];

	set_log(&c);
	if (s->started) {
		raise_descriptor_limit(&c);
		configure_history(s, &c);
		if (configure_server(s, &c, *cert_fd, *key_fd, &e) < 0)
			log_warning("the earlier listeners stay", "error", e.text, NULL);
		else
			log_info("configuration applied", NULL);
		return;
	}
	if (start(s, &c, *cert_fd, *key_fd, &e) < 0) {
		log_error("cannot start", "error", e.text, NULL);
		link_send(s->link, WIRE_FAILED, span_str(e.text));
		s->exit_code = 1;
		stop(s);
		return;
	}
	s->started = true;
	server_urls(s->server, urls, sizeof(urls));
	link_send(s->link, WIRE_READY, span_str(urls));
	log_info("listening", "url", urls, "sandbox", sandbox_summary(&s->sandbox), NULL);
}

/* --- running -------------------------------------------------------------------------------------
 */

static void on_problem(void *ctx, const char *text)
{
	(void)ctx;
	log_warning("refused a frame of bulkheadd", "error", text, NULL);
}

/* Without sinks everything else still works. */
static int pass_alerts(struct serve *s, const struct wire_frame *f, struct err *e)
{
	int r = 0;

	if (s->without_sinks)
		return 0;
	if (!s->sinks)
		r = sinks_new(&s->sinks, e);
	s->without_sinks = r < 0;
	return r < 0 ? r : sinks_frame(s->sinks, f, e);
}

static bool is_about_alerts(enum wire_type type)
{
	return type == WIRE_ALERT_SEGMENT || type == WIRE_ALERT_LINE ||
	       type == WIRE_ALERT_SEGMENT_GONE || type == WIRE_SINKS || type == WIRE_SINK_SECRET;
}

static int pass_frame(struct history *h, const struct wire_frame *f, struct err *e)
{
	struct wire_container container;
	struct wire_container_end container_end;
	struct wire_host_sample host;
	struct wire_disk disk;
	int r = 0;

	if (f->type == WIRE_CONTAINER) {
		r = wire_container_decode(f->payload, &container, e);
		if (r == 0)
			history_container(h, &container);
	} else if (f->type == WIRE_CONTAINER_END) {
		r = wire_container_end_decode(f->payload, &container_end, e);
		if (r == 0)
			history_container_end(h, &container_end);
	} else if (f->type == WIRE_HOST_SAMPLE) {
		r = wire_host_sample_decode(f->payload, &host, e);
		if (r == 0)
			history_host(h, &host);
	} else if (f->type == WIRE_DISK) {
		r = wire_disk_decode(f->payload, &disk, e);
		if (r == 0)
			history_disk(h, &disk);
	} else {
		history_samples(h, f->payload);
	}
	return r;
}

static void on_frame(void *ctx, const struct wire_frame *f)
{
	struct serve *s = ctx;
	struct err e = { "" };

	if (is_about_alerts(f->type)) {
		if (pass_alerts(s, f, &e) < 0)
			on_problem(s, e.text);
	} else if (s->history && pass_frame(s->history, f, &e) < 0) {
		on_problem(s, e.text);
	}
}

static uint64_t resident_bytes(void)
{
	char text[128];
	struct span rest, word;
	uint64_t pages = 0;
	ssize_t n = io_read_at(AT_FDCWD, "/proc/self/statm", text, sizeof(text));

	if (n <= 0)
		return 0;
	rest = (struct span){ text, (size_t)n };
	if (!span_word(&rest, &word) || !span_word(&rest, &word) || !parse_u64(word, &pages))
		return 0;
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t cpu_us(void)
{
	struct rusage u;

	if (getrusage(RUSAGE_SELF, &u) < 0)
		return 0;
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void send_sink_stats(struct serve *s)
{
	struct wire_sink_stats stats;
	uint8_t bytes[sizeof(stats) + WIRE_MAX_SINKS * 8 + 8];
	struct wire_writer w = { .p = bytes, .cap = sizeof(bytes) };

	if (!s->sinks || !sinks_stats(s->sinks, &stats))
		return;
	wire_sink_stats_encode(&w, &stats);
	link_send(s->link, WIRE_SINK_STATS, (struct span){ (const char *)bytes, w.len });
}

static void on_second(void *ctx, uint32_t events)
{
	struct serve *s = ctx;
	struct wire_serve_stats stats = { .v = { 0 } };
	uint8_t bytes[SERVE_STAT_COUNT * sizeof(uint64_t)];
	struct wire_writer w = { .p = bytes, .cap = sizeof(bytes) };

	(void)events;
	if (!s->started)
		return;
	server_tick(s->server, mono_ns());
	server_stats(s->server, &stats);
	if (s->history)
		history_stats(s->history, &stats);
	stats.v[SERVE_STAT_REQUESTS_UNANSWERED] = link_unanswered(s->link);
	stats.v[SERVE_STAT_SERVE_RESIDENT_BYTES] = resident_bytes();
	stats.v[SERVE_STAT_SERVE_CPU_US] = cpu_us();
	wire_serve_stats_encode(&w, &stats);
	/* A full socket drops this second's: the next ones hold the same counters. */
	link_send(s->link, WIRE_SERVE_STATS, (struct span){ (const char *)bytes, w.len });
	send_sink_stats(s);
}

static int run(struct serve *s, int fd, struct err *e)
{
	const struct link_events events = { .config = on_config,
					    .frame = on_frame,
					    .stop = on_stop,
					    .problem = on_problem,
					    .ctx = s };
	sigset_t set;
	int r = loop_new(&s->loop, e);

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (r == 0)
		r = loop_add_signals(s->loop, &set, on_signal, s, NULL, e);
	if (r == 0)
		r = loop_add_timer(s->loop, NS_PER_S, NS_PER_S, on_second, s, NULL, e);
	if (r == 0)
		r = link_new(&s->link, s->loop, fd, &events, e);
	if (r == 0 && !s->stopping)
		r = loop_run(s->loop, e);
	if (s->link)
		shut_down(s);
	link_free(TAKE(s->link));
	loop_free(TAKE(s->loop));
	return r;
}

static bool parse_arguments(int argc, char **argv, int *fd)
{
	uint32_t n;
	int type = 0;
	socklen_t type_n = sizeof(type);

	if (argc != 4 || strcmp(argv[2], "--fd") != 0 || !parse_u32(span_str(argv[3]), &n) ||
	    n > 1024)
		return false;
	*fd = (int)n;
	return getsockopt(*fd, SOL_SOCKET, SO_TYPE, &type, &type_n) == 0 &&
	       type == SOCK_SEQPACKET && fcntl(*fd, F_SETFD, FD_CLOEXEC) == 0;
}

static void on_panic(void *ctx, const char *file, unsigned line, const char *reason)
{
	(void)ctx;
	log_error("the HTTP library gave up", "file", file, "line", LOG_U64(line), "reason", reason,
		  NULL);
	abort();
}

int serve_main(int argc, char **argv)
{
	struct serve s = { .loop = NULL };
	struct err e = { "" };
	int fd;

	log_setup("bulkhead serve", LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
	if (!parse_arguments(argc, argv, &fd)) {
		log_error("serve is started by bulkheadd, not by hand", NULL);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN); /* clients go away while they are written to */
	MHD_set_panic_func(on_panic, NULL);
	if (run(&s, fd, &e) < 0) {
		log_error("stopped", "error", e.text, NULL);
		return 1;
	}
	return s.exit_code;
}
