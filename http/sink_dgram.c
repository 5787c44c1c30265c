// SPDX-License-Identifier: GPL-2.0-or-later
/* Datagrams. Names are looked up by glibc's own threads, so that a dead resolver holds up nobody.
 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "http/sinks_internal.h"

#define LOOKUP_LOOK_NS	(20 * NS_PER_MS)
#define LOOKUP_AGAIN_NS (300 * NS_PER_S) /* a name may move */
#define UDP_BYTES	8192		 /* what receivers commonly take */
#define LOCAL_BYTES	(160u << 10)	 /* fits the default buffer of a socket */

struct lookup { /* stays when glibc still works on it */
	struct gaicb request;
	struct addrinfo hints;
	char host[128], port[8];
};

struct sink_dgram {
	struct sink *sink;
	sink_format_fn format;
	bool udp;
	struct sockaddr_un path;
	struct lookup *lookup; /* under way, or NULL */
	char host[128], port[8];
	int fd;
	uint64_t looked_up_at;
	struct buf message;
};

static bool split_address(const char *address, char host[128], char port[8])
{
	const char *colon = strrchr(address, ':');
	size_t n = colon ? (size_t)(colon - address) : 0;
	bool brackets = n > 2 && address[0] == '[' && address[n - 1] == ']';

	if (n == 0 || n >= 128 || strlen(colon + 1) >= 8)
		return false;
	snprintf(host, 128, "%.*s", (int)(brackets ? n - 2 : n), address + brackets);
	snprintf(port, 8, "%s", colon + 1);
	return true;
}

int sink_dgram_open(struct sink_dgram **out, struct sink *s, const char *address, bool udp,
		    sink_format_fn format, struct err *e)
{
	struct sink_dgram *d = calloc(1, sizeof(*d));

	if (!d)
		return err_set(e, ENOMEM, "no memory");
	*d = (struct sink_dgram){ .sink = s, .format = format, .udp = udp, .fd = -1 };
	d->path.sun_family = AF_UNIX;
	buf_init(&d->message, udp ? UDP_BYTES : LOCAL_BYTES);
	if (udp ? !split_address(address, d->host, d->port)
		: strlen(address) >= sizeof(d->path.sun_path)) {
		free(d);
		return err_set(e, EINVAL, "has an address that does not fit");
	}
	if (!udp)
		snprintf(d->path.sun_path, sizeof(d->path.sun_path), "%s", address);
	*out = d;
	return 0;
}

static void disconnect(struct sink_dgram *d)
{
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
}

void sink_dgram_close(struct sink_dgram *d)
{
	if (!d)
		return;
	if (d->lookup && gai_cancel(&d->lookup->request) != EAI_NOTCANCELED) {
		if (d->lookup->request.ar_result)
			freeaddrinfo(d->lookup->request.ar_result);
		free(d->lookup);
	}
	disconnect(d);
	buf_release(&d->message);
	free(d);
}

static void give_up(struct sink_dgram *d, const char *what, const char *why)
{
	char text[256];

	snprintf(text, sizeof(text), "%s: %.150s", what, why);
	disconnect(d);
	sink_ended(d->sink, SINK_RETRY, 0, text);
}

static int connect_to(struct sink_dgram *d, int family, const struct sockaddr *to, socklen_t n)
{
	AUTO_FD int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || connect(fd, to, n) < 0)
		return -errno;
	disconnect(d);
	d->fd = TAKE_FD(fd);
	return 0;
}

/* An address in numbers needs no lookup. */
static bool connect_numeric(struct sink_dgram *d)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
					.ai_socktype = SOCK_DGRAM };
	struct addrinfo *a;

	if (getaddrinfo(d->host, d->port, &hints, &a) != 0)
		return false;
	int r = connect_to(d, a->ai_family, a->ai_addr, a->ai_addrlen);

	freeaddrinfo(a);
	d->looked_up_at = mono_ns();
	return r == 0;
}

static int start_lookup(struct sink_dgram *d)
{
	struct lookup *l = calloc(1, sizeof(*l));
	struct sigevent silent = { .sigev_notify = SIGEV_NONE };

	if (!l)
		return EAI_MEMORY;
	memcpy(l->host, d->host, sizeof(l->host));
	memcpy(l->port, d->port, sizeof(l->port));
	l->hints.ai_socktype = SOCK_DGRAM;
	l->request.ar_name = l->host;
	l->request.ar_service = l->port;
	l->request.ar_request = &l->hints;
	struct gaicb *list[1] = { &l->request };
	int r = getaddrinfo_a(GAI_NOWAIT, list, 1, &silent);

	if (r != 0)
		free(l);
	else
		d->lookup = l;
	return r;
}

/* 0: connected; -EINPROGRESS; else the attempt has ended. */
static int take_lookup(struct sink_dgram *d)
{
	struct lookup *l = d->lookup;
	int r = gai_error(&l->request), connected = -EHOSTUNREACH;

	if (r == EAI_INPROGRESS)
		return -EINPROGRESS;
	d->lookup = NULL;
	for (struct addrinfo *a = r == 0 ? l->request.ar_result : NULL; a && connected < 0;
	     a = a->ai_next)
		connected = connect_to(d, a->ai_family, a->ai_addr, a->ai_addrlen);
	if (r == 0)
		freeaddrinfo(l->request.ar_result);
	free(l);
	d->looked_up_at = mono_ns();
	if (r != 0)
		give_up(d, d->host, gai_strerror(r));
	else if (connected < 0)
		give_up(d, d->host, strerror(-connected));
	return r != 0 || connected < 0 ? -EHOSTUNREACH : 0;
}

static int ready(struct sink_dgram *d)
{
	int r;

	if (d->udp && d->fd >= 0 && mono_ns() - d->looked_up_at > LOOKUP_AGAIN_NS)
		disconnect(d);
	if (d->lookup)
		return take_lookup(d);
	if (d->fd >= 0)
		return 0;
	if (!d->udp) {
		r = connect_to(d, AF_UNIX, (const struct sockaddr *)&d->path, sizeof(d->path));
		if (r < 0)
			give_up(d, d->path.sun_path, strerror(-r));
		return r;
	}
	if (connect_numeric(d))
		return 0;
	r = start_lookup(d);
	if (r != 0) {
		give_up(d, d->host, gai_strerror(r));
		return -EHOSTUNREACH;
	}
	return -EINPROGRESS;
}

/* 1: sent; 0: no room now; else the attempt has ended. */
static int send_first(struct sink_dgram *d)
{
	struct sink *s = d->sink;
	ssize_t n;

	buf_clear(&d->message);
	d->format(s, s->records[0], &d->message);
	/* cut where it would not fit: the log has the whole */
	do
		n = send(d->fd, d->message.data, d->message.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return 1;
	if (errno == EAGAIN || errno == ENOBUFS)
		return 0;
	if (errno == EMSGSIZE) {
		disconnect(d);
		sink_ended(s, SINK_REFUSED, 0, "the message is too long for the socket");
	} else {
		give_up(d, d->udp ? d->host : d->path.sun_path, strerror(errno));
	}
	return -EIO;
}

void sink_dgram_begin(struct sink_dgram *d)
{
	(void)d; /* the first step follows at once */
}

void sink_dgram_step(struct sink_dgram *d, uint64_t now, struct sinks_wait *w)
{
	struct sink *s = d->sink;
	uint64_t limit = s->begun_at + sink_number(s, "timeout", 15000) * NS_PER_MS;
	int r = ready(d);

	while (r == 0 && s->records_n > 0) {
		int sent = send_first(d);

		if (sent < 0)
			return;
		if (sent == 0)
			break;
		if (s->records_n == 1) {
			sink_ended(s, SINK_DONE, 0, NULL);
			return;
		}
		sink_progress(s, 1);
	}
	if (r < 0 && r != -EINPROGRESS)
		return;
	if (now >= limit) {
		give_up(d, d->udp ? d->host : d->path.sun_path, "no progress in time");
		return;
	}
	if (r == -EINPROGRESS)
		sinks_wait_until(w, now + LOOKUP_LOOK_NS);
	else
		sinks_wait_fd(w, d->fd, POLLOUT);
	sinks_wait_until(w, limit);
}
