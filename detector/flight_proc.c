// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/flight_proc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "collector/base/clock.h"
#include "collector/json_put.h"
#include "collector/procstat.h"

#define TARGET_MAX 512 /* bytes told of what a descriptor is */
#define TEXT_MAX   176
#define FIELDS	   10 /* of a line of net/tcp, up to the inode */

struct socket_text {
	uint64_t inode;
	char text[TEXT_MAX];
};

struct network {
	uint32_t ns;
	struct socket_text *sockets;
	size_t n;
};

struct flight_proc {
	const char *proc;
	struct network networks[FLIGHT_MAX_NETWORKS];
	size_t networks_n;
};

/* --- sockets -----------------------------------------------------------------------------------
 */

static bool parse_address(struct span text, bool v6, char out[INET6_ADDRSTRLEN + 8])
{
	struct span host;
	uint32_t words[4] = { 0 };
	char address[INET6_ADDRSTRLEN];
	uint64_t v, port;

	if (!span_next(&text, ':', &host) || host.n != (v6 ? 32 : 8) || !parse_hex_u64(text, &port))
		return false;
	for (size_t i = 0; i < host.n / 8; i++) { /* each in the order of the machine */
		if (!parse_hex_u64((struct span){ host.p + 8 * i, 8 }, &v))
			return false;
		words[i] = (uint32_t)v;
	}
	if (!inet_ntop(v6 ? AF_INET6 : AF_INET, words, address, sizeof(address)))
		return false;
	snprintf(out, INET6_ADDRSTRLEN + 8, v6 ? "[%s]:%u" : "%s:%u", address,
		 (unsigned)(port & 0xffff));
	return true;
}

static const char *tcp_state(struct span text)
{
	static const char *const names[] = { "",	   "established", "syn_sent",  "syn_recv",
					     "fin_wait1",  "fin_wait2",	  "time_wait", "close",
					     "close_wait", "last_ack",	  "listen",    "closing" };
	uint64_t v;

	return parse_hex_u64(text, &v) && v < sizeof(names) / sizeof(names[0]) ? names[v] : "";
}

/* "0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 12345 ..." */
static bool parse_inet(struct span line, const char *protocol, struct socket_text *out)
{
	const bool v6 = protocol[strlen(protocol) - 1] == '6', tcp = protocol[0] == 't';
	char local[INET6_ADDRSTRLEN + 8], remote[INET6_ADDRSTRLEN + 8];
	struct span f[FIELDS];

	for (size_t i = 0; i < FIELDS; i++)
		if (!span_word(&line, &f[i]))
			return false;
	if (!parse_address(f[1], v6, local) || !parse_address(f[2], v6, remote) ||
	    !parse_u64(f[9], &out->inode) || out->inode == 0)
		return false;
	snprintf(out->text, sizeof(out->text), "%s %s -> %s%s%s", protocol, local, remote,
		 tcp ? " " : "", tcp ? tcp_state(f[3]) : "");
	return true;
}

/* "ffff...: 00000002 00000000 00010000 0001 01 12345 /run/x.sock" */
static bool parse_unix(struct span line, const char *protocol, struct socket_text *out)
{
	struct span f[7];

	for (size_t i = 0; i < 7; i++)
		if (!span_word(&line, &f[i]))
			return false;
	if (!parse_u64(f[6], &out->inode) || out->inode == 0)
		return false;
	line = span_trim(line);
	snprintf(out->text, sizeof(out->text), "%s%s%.*s", protocol, line.n ? " " : "",
		 (int)(line.n < 120 ? line.n : 120), line.n ? line.p : "");
	return true;
}

static void read_some(const char *path, struct buf *b)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *to;
	ssize_t n = 1;

	while (fd >= 0 && n > 0 && b->len + 65536 <= FLIGHT_NETWORK_BYTES &&
	       (to = buf_reserve(b, 65536))) {
		n = read(fd, to, 65536);
		b->len += n > 0 ? (size_t)n : 0;
	}
}

static void read_sockets(const struct flight_proc *f, struct network *to, uint32_t pid,
			 const char *protocol,
			 bool (*parse)(struct span, const char *, struct socket_text *))
{
	AUTO_BUF struct buf b = { .fd = -1 };
	struct span rest, line;
	char path[PATH_MAX];

	buf_init(&b, FLIGHT_NETWORK_BYTES);
	snprintf(path, sizeof(path), "%s/%u/net/%s", f->proc, pid, protocol);
	read_some(path, &b);
	rest = (struct span){ b.data, b.len };
	while (b.len > 0 && to->n < FLIGHT_MAX_SOCKETS && span_next(&rest, '\n', &line))
		to->n += parse(line, protocol, &to->sockets[to->n]);
}

static int by_inode(const void *a, const void *b)
{
	const uint64_t x = ((const struct socket_text *)a)->inode;
	const uint64_t y = ((const struct socket_text *)b)->inode;

	return x < y ? -1 : x > y;
}

/* NULL: it is not known which one, or there were too many. */
static const struct network *network_of(struct flight_proc *f, uint32_t pid, uint32_t ns)
{
	static const char *const inet[] = { "tcp", "tcp6", "udp", "udp6" };
	struct network *w = &f->networks[f->networks_n];

	for (size_t i = 0; i < f->networks_n; i++)
		if (f->networks[i].ns == ns)
			return &f->networks[i];
	if (ns == 0 || f->networks_n == FLIGHT_MAX_NETWORKS)
		return NULL;
	*w = (struct network){ .ns = ns };
	w->sockets = calloc(FLIGHT_MAX_SOCKETS, sizeof(*w->sockets));
	if (!w->sockets)
		return NULL;
	f->networks_n++;
	for (size_t i = 0; i < sizeof(inet) / sizeof(inet[0]); i++)
		read_sockets(f, w, pid, inet[i], parse_inet);
	read_sockets(f, w, pid, "unix", parse_unix);
	qsort(w->sockets, w->n, sizeof(*w->sockets), by_inode);
	return w;
}

static const char *socket_text(struct flight_proc *f, uint32_t pid, uint32_t ns, struct span target)
{
	static const char before[] = "socket:[";
	struct socket_text key;

	if (!span_starts(target, before) || !span_ends(target, "]") ||
	    !parse_u64((struct span){ target.p + sizeof(before) - 1, target.n - sizeof(before) },
		       &key.inode))
		return NULL;
	const struct network *w = network_of(f, pid, ns);
	const struct socket_text *found = w ? bsearch(&key, w->sockets, w->n, sizeof(key), by_inode)
					    : NULL;

	return found ? found->text : NULL;
}

/* --- descriptors -------------------------------------------------------------------------------
 */

static void put_descriptor(struct flight_proc *f, struct buf *b, struct process_key who,
			   uint32_t net_ns, const char *number, struct span target)
{
	uint64_t fd = 0;

	parse_u64(span_str(number), &fd);
	json_put_comma(b);
	buf_add_char(b, '{');
	json_put_u64(b, "fd", fd);
	json_put_text(b, "target", target);
	json_put_str(b, "socket", socket_text(f, who.pid, net_ns, target));
	buf_add_char(b, '}');
}

static const char *reason_of(int error)
{
	switch (error) {
	case EACCES:
	case EPERM:
		return "not allowed: CAP_SYS_PTRACE or CAP_DAC_READ_SEARCH is missing";
	case ENOENT:
	case ESRCH:
		return "it has ended";
	default:
		return "/proc could not be read";
	}
}

/* 0 or the error that kept one from being read. */
static int put_all(struct flight_proc *f, struct buf *b, DIR *d, struct process_key who,
		   uint32_t net_ns, uint64_t *left_out)
{
	char target[TARGET_MAX];
	struct dirent *entry;
	unsigned n = 0;
	int error = 0;

	while ((entry = readdir(d))) {
		if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
			continue;
		if (n == FLIGHT_MAX_DESCRIPTORS) {
			++*left_out;
			continue;
		}
		ssize_t len = readlinkat(dirfd(d), entry->d_name, target, sizeof(target));

		if (len < 0) {
			error = errno == ENOENT ? error : errno; /* it was closed meanwhile */
			continue;
		}
		put_descriptor(f, b, who, net_ns, entry->d_name,
			       (struct span){ target, (size_t)len });
		n++;
	}
	return n > 0 ? 0 : error;
}

/* /proc tells the start in clock ticks. */
static bool is_still(const struct flight_proc *f, struct process_key who)
{
	const uint64_t tick_ns = NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK);
	const uint64_t start = procstat_start_boot_ns(f->proc, (pid_t)who.pid);

	return start != 0 && start / tick_ns == who.start_boot_ns / tick_ns;
}

void flight_proc_put(struct flight_proc *f, struct buf *b, struct process_key who, uint32_t net_ns)
{
	char path[PATH_MAX];
	uint64_t left_out = 0;
	const size_t start = b->len;

	snprintf(path, sizeof(path), "%s/%u/fd", f->proc, who.pid);
	AUTO_DIR DIR *d = opendir(path);

	if (!d) {
		json_put_str(b, "descriptors_missing", reason_of(errno));
		return;
	}
	json_put_array(b, "descriptors");
	int error = put_all(f, b, d, who, net_ns, &left_out);

	buf_add_char(b, ']');
	json_put_known(b, "descriptors_left_out", left_out);
	/* asked at the end: so that nothing is of a later process with its number */
	if (error == 0 && !is_still(f, who))
		error = ESRCH;
	if (error == 0 || b->failed)
		return;
	b->len = start;
	json_put_str(b, "descriptors_missing", reason_of(error));
}

/* --- assembly ----------------------------------------------------------------------------------
 */

int flight_proc_new(struct flight_proc **out, const char *proc)
{
	struct flight_proc *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->proc = proc;
	*out = f;
	return 0;
}

void flight_proc_free(struct flight_proc *f)
{
	for (size_t i = 0; f && i < f->networks_n; i++)
		free(f->networks[i].sockets);
	free(f);
}
