// SPDX-License-Identifier: GPL-2.0-or-later
/* What the first process of a container really has. It may end, or be another, at any time: what
 * could not be read is just not known. */
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/base/io.h"
#include "detector/posture.h"

#define STATUS_MAX 16384
#define MOUNTS_MAX (1u << 20)

void posture_read_status(struct posture_real *out, struct span status)
{
	bool caps = false, seccomp = false;
	struct span line, name, word;
	uint64_t number;

	while (span_next(&status, '\n', &line)) {
		if (!span_word(&line, &name) || !span_word(&line, &word))
			continue;
		if (span_eq(name, "Uid:") && parse_u64(word, &number))
			out->uid = (uint32_t)number;
		else if (span_eq(name, "NoNewPrivs:") && parse_u64(word, &number))
			out->no_new_privs = number != 0;
		else if (span_eq(name, "Seccomp:") && parse_u64(word, &number)) {
			out->seccomp = (uint32_t)number;
			seccomp = true;
		} else if (span_eq(name, "CapBnd:") && parse_hex_u64(word, &number)) {
			out->bounding = number;
			caps = true;
		}
	}
	out->status_known = caps && seccomp;
}

static bool has_word(struct span list, const char *word)
{
	struct span one;

	while (span_next(&list, ',', &one))
		if (span_eq(one, word))
			return true;
	return false;
}

void posture_read_mounts(struct posture_real *out, struct span mountinfo)
{
	struct span line, field[6];
	bool proc = false, sys_closed = false, proc_closed = false;

	while (span_next(&mountinfo, '\n', &line)) {
		size_t n = 0;

		while (n < 6 && span_word(&line, &field[n]))
			n++;
		if (n < 6)
			continue;
		const struct span at = field[4];
		const bool closed = has_word(field[5], "ro");

		/* of several on one place the last one is seen */
		if (span_eq(at, "/")) {
			out->root_read_only = closed;
		} else if (span_eq(at, "/proc")) {
			proc = true;
			proc_closed = closed;
			sys_closed = out->kcore_masked = false;
		} else if (span_eq(at, "/proc/sys")) {
			sys_closed = closed;
		} else if (span_eq(at, "/proc/kcore")) {
			out->kcore_masked = true;
		}
	}
	out->proc_sys_closed = sys_closed || proc_closed;
	out->mounts_known = proc; /* without /proc there is nothing to mask */
}

static void read_label(struct posture_real *out, const char *proc, int pid)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%d/attr/current", proc, pid) >= (int)sizeof(path))
		return;
	if (io_read_at(AT_FDCWD, path, out->label, sizeof(out->label)) < 0)
		out->label[0] = '\0';
	out->label[strcspn(out->label, "\n")] = '\0';
}

static ino_t namespace_of(const char *proc, const char *pid, const char *type)
{
	char path[PATH_MAX];
	struct stat st;

	if (snprintf(path, sizeof(path), "%s/%s/ns/%s", proc, pid, type) >= (int)sizeof(path) ||
	    stat(path, &st) < 0)
		return 0;
	return st.st_ino;
}

/* The host's are those of its init; where that cannot be looked at, our own. */
static void read_namespaces(struct posture_real *out, const char *proc, int pid)
{
	const struct {
		const char *type;
		bool *is_host;
	} list[] = { { "mnt", &out->host_mnt },	 { "pid", &out->host_pid },
		     { "net", &out->host_net },	 { "ipc", &out->host_ipc },
		     { "uts", &out->host_uts },	 { "cgroup", &out->host_cgroup },
		     { "user", &out->host_user } };
	const size_t n = sizeof(list) / sizeof(list[0]);
	char text[16];
	size_t known = 0;

	snprintf(text, sizeof(text), "%d", pid);
	for (size_t i = 0; i < n; i++) {
		ino_t host = namespace_of(proc, "1", list[i].type);
		const ino_t its = namespace_of(proc, text, list[i].type);

		if (!host)
			host = namespace_of(proc, "self", list[i].type);
		known += host && its;
		*list[i].is_host = host && host == its;
	}
	out->namespaces_known = known == n;
}

static bool read_text(struct buf *b, const char *proc, int pid, const char *name)
{
	char path[PATH_MAX];

	return snprintf(path, sizeof(path), "%s/%d/%s", proc, pid, name) < (int)sizeof(path) &&
	       io_read_buf_at(AT_FDCWD, path, b, NULL) == 0;
}

void posture_read(struct posture_real *out, const char *proc, int pid)
{
	AUTO_BUF struct buf status = { .fd = -1 }, mounts = { .fd = -1 };
	char kcore[PATH_MAX];

	*out = (struct posture_real){ .status_known = false };
	buf_init(&status, STATUS_MAX);
	buf_init(&mounts, MOUNTS_MAX);
	if (read_text(&status, proc, pid, "status"))
		posture_read_status(out, (struct span){ status.data, status.len });
	if (read_text(&mounts, proc, pid, "mountinfo"))
		posture_read_mounts(out, (struct span){ mounts.data, mounts.len });
	/* a kernel without it has nothing that runtimes could mask */
	if (snprintf(kcore, sizeof(kcore), "%s/kcore", proc) < (int)sizeof(kcore) &&
	    access(kcore, F_OK) < 0)
		out->kcore_masked = true;
	read_label(out, proc, pid);
	read_namespaces(out, proc, pid);
}
