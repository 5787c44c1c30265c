// SPDX-License-Identifier: GPL-2.0-or-later
#include "http/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>

#include "collector/base/clock.h"
#include "collector/base/log.h"
#include "http/listen.h"

#define EXCHANGE_MAX_S 120   /* from the request head until the last byte is sent */
#define POOL_EXTRA     16384 /* memory of a connection beyond the request head */
#define TLS_PRIORITIES "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

struct connection {
	struct connection *next, *prev;
	int fd;
	uint64_t since_ns;	   /* start of the request, or of the wait for it */
	bool answering;		   /* the request head is there */
	bool streaming;		   /* the answer may go on for ever */
	struct exchange *exchange; /* HTTP thread */
	struct sockaddr_storage local;
};

struct listener {
	struct listener_settings settings;
	struct service *service;
	struct MHD_Daemon *daemon;
	int fd;
	char *cert, *key;
	struct gate gate;
	pthread_mutex_t lock;	       /* guards connections, their since_ns and answering */
	struct connection connections; /* list head */
	unsigned connections_n;
	char problem[256]; /* last text of libmicrohttpd while it starts */
};

/* --- connections (HTTP thread) ------------------------------------------------------------------
 */

static void connection_begin(struct listener *l, int fd, void **context)
{
	struct connection *c = calloc(1, sizeof(*c));
	socklen_t n = sizeof(c->local);

	*context = c;
	if (!c)
		return; /* its requests will be refused */
	c->fd = fd;
	c->since_ns = mono_ns();
	if (getsockname(fd, (struct sockaddr *)&c->local, &n) < 0)
		c->local.ss_family = AF_UNSPEC;
	pthread_mutex_lock(&l->lock);
	c->prev = &l->connections;
	c->next = l->connections.next;
	c->next->prev = c->prev->next = c;
	l->connections_n++;
	pthread_mutex_unlock(&l->lock);
	atomic_fetch_add(&l->service->connections, 1);
}

static void connection_end(struct listener *l, struct connection *c)
{
	pthread_mutex_lock(&l->lock);
	c->next->prev = c->prev;
	c->prev->next = c->next;
	l->connections_n--;
	pthread_mutex_unlock(&l->lock);
	atomic_fetch_sub(&l->service->connections, 1);
	exchange_free(c->exchange);
	free(c);
}

static void on_connection(void *ctx, struct MHD_Connection *connection, void **context,
			  enum MHD_ConnectionNotificationCode code)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		connection_begin(ctx, info ? info->connect_fd : -1, context);
	else if (*context)
		connection_end(ctx, *context);
}

static struct connection *context_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

static void set_streaming(struct listener *l, struct connection *c)
{
	pthread_mutex_lock(&l->lock);
	c->streaming = true;
	pthread_mutex_unlock(&l->lock);
}

static void set_answering(struct listener *l, struct connection *c, bool answering)
{
	pthread_mutex_lock(&l->lock);
	c->streaming = false;
	c->since_ns = mono_ns();
	c->answering = answering;
	pthread_mutex_unlock(&l->lock);
}

/* The request line is there: the first sight of a request. What is returned is the context of the
 * handler below; NULL makes it refuse. */
static void *on_request_line(void *ctx, const char *url, struct MHD_Connection *connection)
{
	struct listener *l = ctx;
	struct connection *c = context_of(connection);

	if (!c)
		return NULL;
	const struct exchange from = { .service = l->service,
				       .gate = &l->gate,
				       .settings = &l->settings,
				       .local = (const struct sockaddr *)&c->local,
				       .connection = connection };

	exchange_free(c->exchange); /* one that never came to its handler */
	c->exchange = exchange_new(&from, url);
	return c->exchange;
}

static void on_completed(void *ctx, struct MHD_Connection *connection, void **exchange,
			 enum MHD_RequestTerminationCode code)
{
	struct connection *c = context_of(connection);

	(void)code;
	*exchange = NULL;
	if (!c)
		return;
	exchange_free(TAKE(c->exchange));
	set_answering(ctx, c, false);
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_n, void **exchange)
{
	struct exchange *x = *exchange;

	(void)url; /* decoded by rules that are not ours: on_request_line has it as sent */
	(void)version;
	(void)upload;
	*upload_n = 0;
	struct connection *c = context_of(connection);

	if (!x || !c)
		return MHD_NO;
	if (x->stage == EXCHANGE_NEW)
		set_answering(ctx, c, true);
	enum MHD_Result r = exchange_handle(x, method);

	if (x->streaming)
		set_streaming(ctx, c);
	return r;
}

/* --- the daemon (main thread) -------------------------------------------------------------------
 */

__attribute__((format(printf, 2, 0))) static void on_log(void *ctx, const char *format, va_list ap)
{
	struct listener *l = ctx;
	char text[sizeof(l->problem)];

	vsnprintf(text, sizeof(text), format, ap);
	text[strcspn(text, "\n")] = '\0';
	if (!l->daemon) /* still inside MHD_start_daemon: no other thread logs yet */
		memcpy(l->problem, text, sizeof(text));
	else if (log_level() >= LOG_LEVEL_DEBUG)
		log_debug("libmicrohttpd", "text", text, NULL);
}

static char *copy_secret(struct span s)
{
	char *p = malloc(s.n + 1);

	if (!p)
		return NULL;
	if (s.n)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return p;
}

static void free_secret(char *p, size_t n)
{
	if (p)
		explicit_bzero(p, n);
	free(p);
}

static int start_daemon(struct listener *l, int fd, struct err *e)
{
	const struct listener_settings *s = &l->settings;
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME |
			 MHD_USE_ERROR_LOG | (s->tls ? MHD_USE_TLS : 0U);
	struct MHD_OptionItem options[] = {
		{ MHD_OPTION_LISTEN_SOCKET, fd, NULL },
		{ MHD_OPTION_CONNECTION_LIMIT, s->max_connections, NULL },
		{ MHD_OPTION_PER_IP_CONNECTION_LIMIT, s->max_connections_per_ip, NULL },
		{ MHD_OPTION_CONNECTION_TIMEOUT, s->idle_timeout_s, NULL },
		{ MHD_OPTION_CONNECTION_MEMORY_LIMIT, s->max_header_bytes + POOL_EXTRA, NULL },
		{ MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, l },
		{ MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, l },
		{ MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)on_request_line, l },
		{ MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, NULL },
		{ MHD_OPTION_END, 0, NULL },
		{ MHD_OPTION_END, 0, NULL },
		{ MHD_OPTION_END, 0, NULL },
		{ MHD_OPTION_END, 0, NULL },
	};
	const size_t end = sizeof(options) / sizeof(options[0]) - 4;
	char priorities[] = TLS_PRIORITIES;

	if (s->tls) {
		options[end] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_CERT, 0, l->cert };
		options[end + 1] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_KEY, 0, l->key };
		options[end + 2] =
			(struct MHD_OptionItem){ MHD_OPTION_HTTPS_PRIORITIES, 0, priorities };
	}
	l->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, l,
				     MHD_OPTION_EXTERNAL_LOGGER, on_log, l, MHD_OPTION_ARRAY,
				     options, MHD_OPTION_END);
	if (!l->daemon)
		return err_set(e, EIO, "cannot serve on %s: %s", s->address,
			       l->problem[0] ? l->problem : "the HTTP library gives no reason");
	return 0;
}

/* The HTTP library says only that TLS failed: asks GnuTLS for the reason. */
static int check_key_pair(const struct listener *l, struct err *e)
{
	const gnutls_datum_t cert = { (unsigned char *)l->cert, (unsigned)l->settings.cert.n };
	const gnutls_datum_t key = { (unsigned char *)l->key, (unsigned)l->settings.key.n };
	gnutls_certificate_credentials_t pair;

	if (gnutls_certificate_allocate_credentials(&pair) < 0)
		return err_set(e, ENOMEM, "no memory for the TLS certificate");
	int r = gnutls_certificate_set_x509_key_mem(pair, &cert, &key, GNUTLS_X509_FMT_PEM);

	gnutls_certificate_free_credentials(pair);
	if (r < 0)
		return err_set(e, EINVAL, "cannot use the TLS certificate and key: %s",
			       gnutls_strerror(r));
	return 0;
}

int listener_new(struct listener **out, const struct listener_settings *settings,
		 struct service *service, const struct listener *on, struct err *e)
{
	AUTO(listener_free) struct listener *l = calloc(1, sizeof(*l));
	bool same = on && strcmp(on->settings.address, settings->address) == 0;

	if (!l)
		return err_errno(e, "listener");
	l->settings = *settings;
	l->service = service;
	l->connections.next = l->connections.prev = &l->connections;
	pthread_mutex_init(&l->lock, NULL);
	l->cert = copy_secret(settings->cert);
	l->key = copy_secret(settings->key);
	l->fd = same ? fcntl(on->fd, F_DUPFD_CLOEXEC, 3) : listen_open(settings->address, e);
	if (l->fd < 0)
		return same ? err_errno(e, "cannot copy the socket of %s", settings->address)
			    : l->fd;
	if (!l->cert || !l->key)
		return err_set(e, ENOMEM, "no memory for the certificate");
	l->settings.cert.p = l->cert;
	l->settings.key.p = l->key;
	int r = settings->tls ? check_key_pair(l, e) : 0;

	if (r < 0)
		return r;
	/* The library closes the descriptor it gets, when it cannot start as well; ours stays, for
	 * a listener that follows. */
	int fd = fcntl(l->fd, F_DUPFD_CLOEXEC, 3);

	if (fd < 0)
		return err_errno(e, "cannot copy the socket of %s", settings->address);
	r = start_daemon(l, fd, e);
	if (r < 0)
		return r;
	*out = TAKE(l);
	return 0;
}

void listener_free(struct listener *l)
{
	if (!l)
		return;
	if (l->daemon)
		MHD_stop_daemon(l->daemon);
	if (l->fd >= 0)
		close(l->fd);
	free_secret(l->cert, l->settings.cert.n);
	free_secret(l->key, l->settings.key.n);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

const struct listener_settings *listener_settings(const struct listener *l)
{
	return &l->settings;
}

static bool same_bytes(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool listener_same(const struct listener *l, const struct listener_settings *settings)
{
	struct listener_settings a = l->settings, b = *settings;
	bool secrets = same_bytes(a.cert, b.cert) && same_bytes(a.key, b.key);

	a.cert = a.key = b.cert = b.key = (struct span){ NULL, 0 };
	return secrets && memcmp(&a, &b, sizeof(a)) == 0;
}

void listener_url(const struct listener *l, char *out, size_t cap)
{
	char address[128];

	listen_text(l->fd, address, sizeof(address));
	snprintf(out, cap, "%s://%s", l->settings.tls ? "https" : "http", address);
}

void listener_retire(struct listener *l)
{
	if (atomic_exchange(&l->gate.retired, true))
		return;
	int fd = MHD_quiesce_daemon(l->daemon);

	if (fd >= 0)
		close(fd);
}

void listener_close(struct listener *l)
{
	listener_retire(l);
	atomic_store(&l->gate.closing, true);
}

bool listener_idle(const struct listener *l)
{
	return atomic_load(&l->gate.closing) && atomic_load(&l->gate.waiting) == 0;
}

unsigned listener_connections(struct listener *l)
{
	pthread_mutex_lock(&l->lock);
	unsigned n = l->connections_n;

	pthread_mutex_unlock(&l->lock);
	return n;
}

void listener_end_overdue(struct listener *l)
{
	pthread_mutex_lock(&l->lock);
	uint64_t now = mono_ns(); /* after the lock: no connection's time is later */

	for (struct connection *c = l->connections.next; c != &l->connections; c = c->next) {
		uint64_t limit_s = c->answering ? EXCHANGE_MAX_S
						: 2ULL * l->settings.idle_timeout_s;

		/* Under the lock: afterwards the number may be another connection's. Only marks the
		 * socket; the HTTP thread sees its end and closes it. */
		if (!c->streaming && now - c->since_ns > limit_s * NS_PER_S)
			shutdown(c->fd, SHUT_RDWR);
	}
	pthread_mutex_unlock(&l->lock);
}
