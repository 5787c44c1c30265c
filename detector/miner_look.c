// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/miner_look.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "collector/base/auto.h"
#include "collector/base/clock.h"
#include "collector/base/io.h"
#include "collector/base/parse.h"

#define MIB	    (1ULL << 20)
#define STATE_OPEN  1 /* TCP_ESTABLISHED */
#define STAT_BYTES  1024
#define SHORT_BYTES 4096

/* --- threads ------------------------------------------------------------------------------- */

/* The name in parentheses may hold anything, parentheses too: fields begin behind the last one. */
bool miner_look_stat(const char *text, size_t n, struct miner_look_thread *out)
{
	const char *end = n ? memrchr(text, ')', n) : NULL;
	struct span rest, word;
	uint64_t value = 0;

	if (!end || (size_t)(end - text) + 2 > n)
		return false;
	rest = (struct span){ end + 1, n - (size_t)(end + 1 - text) };
	rest = span_trim(rest);
	for (unsigned field = 3; span_word(&rest, &word); field++) {
		int64_t nice;

		switch (field) {
		case 14:
		case 15:
		case 22:
		case 41:
			if (!parse_u64(word, &value))
				return false;
			if (field == 14)
				out->user_ticks = value;
			else if (field == 15)
				out->kernel_ticks = value;
			else if (field == 22)
				out->start_ticks = value;
			else
				out->policy = (unsigned)value;
			if (field == 41)
				return true;
			break;
		case 19:
			if (!parse_i64(word, &nice))
				return false;
			out->nice = (int)nice;
			break;
		default:
			break;
		}
	}
	return false;
}

/* The number behind "name:" at the begin of a line. */
static uint64_t line_value(const char *text, const char *name)
{
	struct span rest = span_str(text), line;
	uint64_t v;

	while (span_next(&rest, '\n', &line)) {
		const size_t n = strlen(name);

		if (!span_starts(line, name))
			continue;
		if (parse_u64(span_trim((struct span){ line.p + n, line.n - n }), &v))
			return v;
	}
	return 0;
}

static void read_thread(struct miner_look *l, int task, const char *tid, pid_t pid, bool close_look)
{
	char path[64], text[SHORT_BYTES];
	struct miner_look_thread t = { .pid = pid };
	uint64_t number;

	if (!parse_u64(span_str(tid), &number) || number == 0 || number > INT32_MAX)
		return;
	if (l->threads_n == MINER_LOOK_THREADS) {
		l->threads_refused++;
		return;
	}
	t.tid = (pid_t)number;
	snprintf(path, sizeof(path), "%.20s/stat", tid);
	ssize_t n = io_read_at(task, path, text, STAT_BYTES);

	if (n <= 0 || !miner_look_stat(text, (size_t)n, &t))
		return;
	snprintf(path, sizeof(path), "%.20s/schedstat", tid);
	n = io_read_at(task, path, text, 128);
	if (n > 0) {
		struct span rest = { text, (size_t)n }, word;

		if (span_word(&rest, &word) && span_word(&rest, &word))
			(void)parse_u64(word, &t.wait_ns);
	}
	if (close_look) {
		snprintf(path, sizeof(path), "%.20s/status", tid);
		n = io_read_at(task, path, text, sizeof(text));
		if (n > 0)
			t.voluntary = line_value(text, "voluntary_ctxt_switches:");
	}
	l->threads[l->threads_n++] = t;
}

static void read_threads(struct miner_look *l, int dir, const struct miner_look_process *p)
{
	AUTO_FD int task = openat(dir, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD int listed = task < 0 ? -1 : fcntl(task, F_DUPFD_CLOEXEC, 0);
	AUTO_DIR DIR *d = listed < 0 ? NULL : fdopendir(listed);
	const struct dirent *entry;

	if (!d)
		return;
	listed = -1; /* d's */
	while ((entry = readdir(d)))
		if (entry->d_name[0] != '.')
			read_thread(l, task, entry->d_name, p->pid, p->close);
}

/* --- connections --------------------------------------------------------------------------- */

static bool is_loopback(const struct miner_look_peer *p)
{
	static const uint8_t one[16] = { [15] = 1 };
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (p->family == AF_INET)
		return p->remote[0] == 127;
	if (memcmp(p->remote, mapped, sizeof(mapped)) == 0)
		return p->remote[12] == 127;
	return memcmp(p->remote, one, sizeof(one)) == 0;
}

static bool addresses(int fd, struct miner_look_peer *p)
{
	struct sockaddr_storage remote = { 0 }, local = { 0 };
	socklen_t rn = sizeof(remote), ln = sizeof(local);

	if (getpeername(fd, (struct sockaddr *)&remote, &rn) < 0 ||
	    getsockname(fd, (struct sockaddr *)&local, &ln) < 0)
		return false;
	p->family = remote.ss_family;
	if (remote.ss_family == AF_INET) {
		struct sockaddr_in a, b;

		memcpy(&a, &remote, sizeof(a));
		memcpy(&b, &local, sizeof(b));
		memcpy(p->remote, &a.sin_addr, 4);
		p->remote_port = ntohs(a.sin_port);
		p->local_port = ntohs(b.sin_port);
	} else if (remote.ss_family == AF_INET6) {
		struct sockaddr_in6 a, b;

		memcpy(&a, &remote, sizeof(a));
		memcpy(&b, &local, sizeof(b));
		memcpy(p->remote, &a.sin6_addr, 16);
		p->remote_port = ntohs(a.sin6_port);
		p->local_port = ntohs(b.sin6_port);
	} else {
		return false;
	}
	return !is_loopback(p);
}

/* fd: a copy of the process's. */
static bool ask_socket(int fd, struct miner_look_peer *p)
{
	struct tcp_info info = { 0 };
	socklen_t n = sizeof(info), cookie = sizeof(p->cookie);
	int protocol = 0;
	socklen_t bytes = sizeof(protocol);

	if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &bytes) < 0 ||
	    protocol != IPPROTO_TCP || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) < 0 ||
	    info.tcpi_state != STATE_OPEN || !addresses(fd, p) ||
	    getsockopt(fd, SOL_SOCKET, SO_COOKIE, &p->cookie, &cookie) < 0)
		return false;
	p->sent_bytes = info.tcpi_bytes_acked;
	p->received_bytes = info.tcpi_bytes_received;
	p->sent_segments = info.tcpi_data_segs_out;
	p->received_segments = info.tcpi_data_segs_in;
	return true;
}

static bool is_socket(int dir, const char *name)
{
	char target[32];
	const ssize_t n = readlinkat(dir, name, target, sizeof(target));

	return n > 8 && memcmp(target, "socket:[", 8) == 0;
}

static void add_peer(struct miner_look *l, const struct miner_look_peer *p)
{
	for (uint32_t i = 0; i < l->peers_n; i++)
		if (l->peers[i].cookie == p->cookie)
			return; /* of a parent and its child */
	if (l->peers_n == MINER_LOOK_PEERS)
		l->peers_refused++;
	else
		l->peers[l->peers_n++] = *p;
}

static void read_peers(struct miner_look *l, int dir, const struct miner_look_process *p)
{
	AUTO_FD int pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);
	AUTO_FD int fds = openat(dir, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD int listed = fds < 0 ? -1 : fcntl(fds, F_DUPFD_CLOEXEC, 0);
	AUTO_DIR DIR *d = listed < 0 ? NULL : fdopendir(listed);
	const struct dirent *entry;

	if (!d)
		return;
	listed = -1;
	for (unsigned i = 0; pidfd >= 0 && i < MINER_LOOK_FDS && (entry = readdir(d)); i++) {
		uint64_t number;

		if (!parse_u64(span_str(entry->d_name), &number) || number > INT32_MAX ||
		    !is_socket(fds, entry->d_name))
			continue;
		AUTO_FD int copy = (int)syscall(SYS_pidfd_getfd, pidfd, (int)number, 0);
		struct miner_look_peer peer = { .pid = p->pid };

		if (copy >= 0 && ask_socket(copy, &peer))
			add_peer(l, &peer);
	}
}

/* --- memory, input and output -------------------------------------------------------------- */

/* RandomX's data set takes 2,080 MiB, its cache 256; neighbours of the same rights are one line. */
static bool is_dataset(uint64_t bytes)
{
	return bytes >= 2079 * MIB && bytes <= 2500 * MIB;
}

uint32_t miner_look_maps_line(const char *line, size_t n)
{
	struct span rest = { line, n }, range, rights, word, from;
	uint64_t begin, end;
	uint32_t found = 0;

	if (!span_word(&rest, &range) || !span_word(&rest, &rights) || rights.n < 4 ||
	    !span_next(&range, '-', &from) || !parse_hex_u64(from, &begin) ||
	    !parse_hex_u64(range, &end) || end < begin)
		return 0;
	span_word(&rest, &word); /* offset */
	span_word(&rest, &word); /* device */
	if (!span_word(&rest, &word) || !span_eq(word, "0"))
		return 0; /* of a file */
	rest = span_trim(rest);
	if (rest.n && !span_starts(rest, "/anon_hugepage") && !span_starts(rest, "[anon"))
		return 0; /* [heap], [stack], [vdso] */
	if (is_dataset(end - begin) && rights.p[1] == 'w')
		found |= MEMORY_DATASET;
	if (rights.p[2] == 'x')
		found |= MEMORY_CODE | (rights.p[1] == 'w' ? MEMORY_WRITE_CODE : 0);
	return found;
}

static void read_maps(struct miner_look_process *p, int dir)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	struct err e;

	buf_init(&b, MINER_LOOK_MAPS);
	(void)io_read_buf_at(dir, "maps", &b, &e); /* of a longer one what there is */
	struct span rest = { b.data, b.len }, line;

	while (b.len && span_next(&rest, '\n', &line))
		p->memory |= miner_look_maps_line(line.p, line.n);
}

static void read_io(struct miner_look_process *p, int dir)
{
	char text[1024];

	if (io_read_at(dir, "io", text, sizeof(text)) <= 0)
		return;
	p->has_io = true;
	p->io_bytes = line_value(text, "read_bytes:") + line_value(text, "write_bytes:");
	p->io_calls = line_value(text, "syscr:") + line_value(text, "syscw:");
}

static void read_exe(struct miner_look_process *p, int dir)
{
	static const char end[] = " (deleted)";
	char target[SHORT_BYTES];
	const ssize_t n = readlinkat(dir, "exe", target, sizeof(target));

	p->deleted = n > 0 && span_ends((struct span){ target, (size_t)n }, end);
}

void miner_look_read(struct miner_look *l, const char *proc)
{
	char path[320];

	l->mono_ns = mono_ns();
	l->threads_n = l->threads_refused = l->peers_n = l->peers_refused = 0;
	for (uint32_t i = 0; i < l->processes_n; i++) {
		struct miner_look_process *p = &l->processes[i];

		snprintf(path, sizeof(path), "%s/%d", proc, p->pid);
		AUTO_FD int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

		p->there = dir >= 0;
		p->has_io = false;
		p->memory = 0;
		p->deleted = false;
		if (!p->there)
			continue;
		read_threads(l, dir, p);
		if (!p->close)
			continue;
		read_io(p, dir);
		read_exe(p, dir);
		read_peers(l, dir, p);
		if (l->maps)
			read_maps(p, dir);
	}
}
