// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/procstat.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/base/auto.h"
#include "collector/base/clock.h"
#include "collector/base/io.h"

#define NET_DEV_BYTES	65536 /* some 500 interfaces; a longer file is cut at a line */
#define TCP_CHUNK_BYTES 16384
#define TCP_MAX_LINES	1048576
#define MAX_DESCRIPTORS 65536
#define NET_DEV_FIELDS	16

static bool proc_path(char *out, size_t cap, const char *proc, pid_t pid, const char *file)
{
	int n = snprintf(out, cap, "%s/%d/%s", proc, (int)pid, file);

	return n >= 0 && (size_t)n < cap;
}

static int open_proc(const char *proc, pid_t pid, const char *file, int flags)
{
	char path[PATH_MAX];

	if (!proc_path(path, sizeof(path), proc, pid, file))
		return -ENAMETOOLONG;
	int fd = open(path, flags | O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

/* Up to cap - 1 bytes; what does not fit is left out at a line's end. */
static ssize_t read_lines(int fd, char *mem, size_t cap)
{
	size_t len = 0;

	while (len < cap - 1) {
		ssize_t n = read(fd, mem + len, cap - 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return (ssize_t)len;
		len += (size_t)n;
	}
	char *nl = memrchr(mem, '\n', len);

	return nl ? nl + 1 - mem : 0;
}

/* --- network devices -------------------------------------------------------------------------- */

static bool is_left_out(struct span name)
{
	return span_starts(name, "lo") || span_starts(name, "veth") ||
	       span_starts(name, "docker") || span_starts(name, "nerdctl");
}

static bool parse_interface(struct span line, struct sample_interface *out)
{
	uint64_t v[NET_DEV_FIELDS];
	struct span word;

	for (unsigned i = 0; i < NET_DEV_FIELDS; i++) {
		if (!span_word(&line, &word) || !parse_u64(word, &v[i]))
			return false;
	}
	out->rx_bytes = v[0];
	out->rx_packets = v[1];
	out->rx_errors = v[2];
	out->rx_dropped = v[3];
	out->tx_bytes = v[8];
	out->tx_packets = v[9];
	out->tx_errors = v[10];
	out->tx_dropped = v[11];
	return true;
}

int procstat_parse_net_dev(struct span text, struct sample *out)
{
	struct span line;
	uint32_t n = 0, refused = 0;

	while (span_next(&text, '\n', &line)) {
		/* the last colon: an alias may hold one, numbers never do; headers have none */
		const char *colon = line.n ? memrchr(line.p, ':', line.n) : NULL;

		if (!colon)
			continue;
		struct span name = span_trim((struct span){ line.p, (size_t)(colon - line.p) });
		struct span figures = { colon + 1, (size_t)(line.p + line.n - colon - 1) };
		struct sample_interface *to = &out->net[n < SAMPLE_MAX_INTERFACES ? n : 0];

		if (name.n == 0 || name.n >= sizeof(to->name) || is_left_out(name))
			continue;
		if (n == SAMPLE_MAX_INTERFACES) {
			refused++;
			continue;
		}
		if (!parse_interface(figures, to))
			continue;
		memset(to->name, 0, sizeof(to->name));
		memcpy(to->name, name.p, name.n);
		n++;
	}
	out->net_n = n;
	out->net_refused = refused;
	return (int)n;
}

int procstat_network(const char *proc, pid_t pid, struct sample *out)
{
	AUTO_FREE char *mem = malloc(NET_DEV_BYTES);
	ssize_t n = -ENOMEM;

	if (mem) {
		AUTO_FD int fd = open_proc(proc, pid, "net/dev", 0);

		n = fd < 0 ? fd : read_lines(fd, mem, NET_DEV_BYTES);
	}
	if (n < 0) {
		out->have &= ~(uint32_t)SAMPLE_NETWORK;
		return (int)n;
	}
	procstat_parse_net_dev((struct span){ mem, (size_t)n }, out);
	out->have |= SAMPLE_NETWORK;
	return 0;
}

/* --- TCP states --------------------------------------------------------------------------------
 */

/* "   0: 0100007F:1F90 00000000:0000 0A ...": the fourth word, in hexadecimal. */
static void count_line(struct span line, uint32_t states[TCP_STATE_COUNT])
{
	struct span word;
	uint64_t state;

	for (int i = 0; i < 4; i++) {
		if (!span_word(&line, &word))
			return;
	}
	if (parse_hex_u64(word, &state) && state >= 1 && state <= TCP_STATE_COUNT)
		states[state - 1]++;
}

static int count_states(const char *proc, pid_t pid, const char *file,
			uint32_t states[TCP_STATE_COUNT])
{
	AUTO_FD int fd = open_proc(proc, pid, file, 0);
	char mem[TCP_CHUNK_BYTES];
	size_t kept = 0;

	memset(states, 0, TCP_STATE_COUNT * sizeof(states[0]));
	if (fd < 0)
		return fd;
	for (uint64_t lines = 0; lines < TCP_MAX_LINES;) {
		ssize_t n = read(fd, mem + kept, sizeof(mem) - kept);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		struct span rest = { mem, kept + (size_t)n }, line;

		kept = 0;
		while (span_next(&rest, '\n', &line)) {
			if (!rest.p) { /* cut: goes on with the next read */
				kept = line.n < sizeof(mem) ? line.n : 0;
				memmove(mem, line.p, kept);
				break;
			}
			count_line(line, states);
			lines++;
		}
	}
	return 0;
}

int procstat_tcp(const char *proc, pid_t pid, uint32_t tcp[TCP_STATE_COUNT],
		 uint32_t tcp6[TCP_STATE_COUNT])
{
	int r = count_states(proc, pid, "net/tcp", tcp);
	int r6 = count_states(proc, pid, "net/tcp6", tcp6);

	return r < 0 || r6 == -ENOENT ? r : r6; /* no tcp6 without IPv6 */
}

/* --- descriptors and limits ----------------------------------------------------------------------
 */

int procstat_fds(const char *proc, pid_t pid, uint64_t *fds, uint64_t *sockets)
{
	int fd = open_proc(proc, pid, "fd", O_DIRECTORY);
	uint64_t n = 0, socket_n = 0;
	char target[16];
	struct dirent *d;

	if (fd < 0)
		return fd;
	AUTO_DIR DIR *dir = fdopendir(fd);

	if (!dir) {
		int r = -errno;

		close(fd);
		return r;
	}
	while (n < MAX_DESCRIPTORS && (errno = 0, d = readdir(dir)) != NULL) {
		if (d->d_name[0] == '.')
			continue;
		n++;
		ssize_t len = readlinkat(dirfd(dir), d->d_name, target, sizeof(target));

		socket_n += len >= 7 && memcmp(target, "socket:", 7) == 0;
	}
	/* beyond the bound the size of the directory tells the number (kernel 6.2) */
	struct stat st;

	if (n == MAX_DESCRIPTORS && fstat(dirfd(dir), &st) == 0 && (uint64_t)st.st_size > n)
		n = (uint64_t)st.st_size;
	*fds += n;
	*sockets += socket_n;
	return 0;
}

int procstat_nofile(const char *proc, pid_t pid, uint64_t *soft)
{
	char text[4096];
	AUTO_FD int fd = open_proc(proc, pid, "limits", 0);
	ssize_t n = fd < 0 ? fd : read_lines(fd, text, sizeof(text));
	struct span rest = { text, n > 0 ? (size_t)n : 0 }, line, word;

	if (n < 0)
		return (int)n;
	while (span_next(&rest, '\n', &line)) {
		static const char key[] = "Max open files";

		if (!span_starts(line, key))
			continue;
		line = (struct span){ line.p + sizeof(key) - 1, line.n - (sizeof(key) - 1) };
		if (!span_word(&line, &word))
			return -EBADMSG;
		if (span_eq(word, "unlimited")) {
			*soft = UINT64_MAX;
			return 0;
		}
		return parse_u64(word, soft) ? 0 : -EBADMSG;
	}
	return -EBADMSG;
}

uint64_t procstat_namespace(const char *proc, pid_t pid, const char *name)
{
	char path[PATH_MAX], file[64], target[64];
	struct span rest, piece;
	uint64_t inode = 0;

	if (snprintf(file, sizeof(file), "ns/%s", name) >= (int)sizeof(file) ||
	    !proc_path(path, sizeof(path), proc, pid, file))
		return 0;
	ssize_t n = readlink(path, target, sizeof(target)); /* "net:[4026531840]" */

	rest = (struct span){ target, n > 0 ? (size_t)n : 0 };
	if (!span_next(&rest, '[', &piece) || !span_ends(rest, "]"))
		return 0;
	return parse_u64((struct span){ rest.p, rest.n - 1 }, &inode) ? inode : 0;
}

/* --- times --------------------------------------------------------------------------------------
 */

uint64_t procstat_start_boot_ns(const char *proc, pid_t pid)
{
	char text[1024];
	AUTO_FD int fd = open_proc(proc, pid, "stat", 0);
	ssize_t n = fd < 0 ? fd : read(fd, text, sizeof(text));
	long hz = sysconf(_SC_CLK_TCK);
	struct span rest, word = { NULL, 0 };
	uint64_t ticks;

	/* field 2 is in parentheses and may hold some itself: the last one ends it */
	const char *end = n > 0 ? memrchr(text, ')', (size_t)n) : NULL;

	if (!end || hz <= 0)
		return 0;
	rest = (struct span){ end + 1, (size_t)(text + n - end - 1) };
	for (int field = 3; field <= 22; field++) {
		if (!span_word(&rest, &word))
			return 0;
	}
	return parse_u64(span_trim(word), &ticks) ? ticks * (NS_PER_S / (uint64_t)hz) : 0;
}

uint64_t procstat_boot_unix_ns(void)
{
	return unix_ns() - boot_ns();
}
