// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "collector/base/clock.h"
#include "collector/base/io.h"
#include "collector/procscan_internal.h"
#include "collector/procstat.h"

#define FLAG_KERNEL_THREAD 0x00200000 /* PF_KTHREAD, in stat's flags */
#define STAT_FIELDS	   22

static ssize_t read_proc(const char *proc, uint32_t pid, const char *file, char *mem, size_t cap)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%u/%s", proc, pid, file);

	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	return io_read_at(AT_FDCWD, path, mem, cap);
}

/* The kernel's device number to event.h's. stat's tty is as of the old 16 bits, grown. */
static uint32_t tty_number(uint64_t stat_tty)
{
	uint32_t v = (uint32_t)stat_tty;

	return (v >> 8 & 0xfff) << 20 | (v & 0xff) | (v >> 12 & 0xfff00);
}

static int read_stat(const char *proc, uint32_t pid, struct event_task *t)
{
	char text[2048];
	ssize_t n = read_proc(proc, pid, "stat", text, sizeof(text));
	const char *open, *close;
	uint64_t field[STAT_FIELDS + 1] = { 0 };
	struct span rest, word;

	if (n < 0)
		return -ESRCH;
	/* the name is in parentheses and may hold some itself: the last one ends it */
	open = memchr(text, '(', (size_t)n);
	close = memrchr(text, ')', (size_t)n);
	if (!open || !close || close < open)
		return -EBADMSG;
	n = text + n - (close + 1);
	rest = (struct span){ close + 1, (size_t)n };
	for (unsigned i = 3; i <= STAT_FIELDS; i++) {
		if (!span_word(&rest, &word))
			return -EBADMSG;
		parse_u64(span_trim(word), &field[i]); /* some are letters or below zero: 0 */
	}

	size_t len = (size_t)(close - open - 1);

	memcpy(t->head.comm, open + 1, len < EVENT_COMM_BYTES - 1 ? len : EVENT_COMM_BYTES - 1);
	t->head.ppid = (uint32_t)field[4];
	t->head.session = (uint32_t)field[6];
	t->head.tty = tty_number(field[7]);
	t->kernel_thread = (field[9] & FLAG_KERNEL_THREAD) != 0;
	t->head.start_boot_ns = field[22] * (NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK));
	return 0;
}

static bool take_u32s(struct span line, uint32_t *const *out, unsigned n)
{
	struct span word;

	for (unsigned i = 0; i < n; i++) {
		if (!span_word(&line, &word) || !parse_u32(word, out[i]))
			return false;
	}
	return true;
}

/* "NSpid: 812 7": the innermost comes last. */
static void take_last(struct span line, uint32_t *out)
{
	struct span word;

	while (span_word(&line, &word))
		parse_u32(word, out);
}

static void take_status_line(struct event_task *t, struct span key, struct span value)
{
	const struct {
		const char *key;
		__u64 *hex;
	} caps[] = {
		{ "CapInh", &t->caps.inheritable },
		{ "CapPrm", &t->caps.permitted },
		{ "CapEff", &t->caps.effective },
		{ "CapBnd", &t->caps.bounding },
	};

	value = span_trim(value);
	if (span_eq(key, "Uid"))
		take_u32s(value, (uint32_t *[]){ &t->head.uid, &t->head.euid, &t->suid }, 3);
	else if (span_eq(key, "Gid"))
		take_u32s(value, (uint32_t *[]){ &t->head.gid, &t->head.egid }, 2);
	else if (span_eq(key, "NSpid"))
		take_last(value, &t->head.ns_pid);
	else if (span_eq(key, "NoNewPrivs"))
		parse_u32(value, &t->no_new_privs);
	else if (span_eq(key, "Seccomp"))
		parse_u32(value, &t->seccomp);
	for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
		uint64_t mask;

		if (span_eq(key, caps[i].key) && parse_hex_u64(value, &mask))
			*caps[i].hex = mask;
	}
}

/* The name in it is escaped by the kernel: no process can make up a line. */
static int read_status(const char *proc, uint32_t pid, struct event_task *t)
{
	char text[16384]; /* lists of groups are long */
	ssize_t n = read_proc(proc, pid, "status", text, sizeof(text));
	struct span rest = { text, n > 0 ? (size_t)n : 0 }, line, key;

	if (n < 0 && n != -E2BIG)
		return -ESRCH;
	t->head.ns_pid = pid;
	while (rest.n && span_next(&rest, '\n', &line)) {
		if (span_next(&line, ':', &key) && line.p)
			take_status_line(t, key, line);
	}
	t->head.ns_tid = t->head.ns_pid;
	return 0;
}

static void read_namespaces(const char *proc, uint32_t pid, struct event_namespaces *ns)
{
	const struct {
		const char *name;
		uint32_t *inode;
	} all[] = {
		{ "mnt", &ns->mnt },   { "pid", &ns->pid },   { "net", &ns->net },
		{ "ipc", &ns->ipc },   { "uts", &ns->uts },   { "cgroup", &ns->cgroup },
		{ "user", &ns->user }, { "time", &ns->time },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		*all[i].inode = (uint32_t)procstat_namespace(proc, (pid_t)pid, all[i].name);
}

/* Without asking the file system: it may be a dead server's. */
static void read_exe_file(const char *proc, uint32_t pid, struct event_file *f)
{
	char path[PATH_MAX];
	struct statx st;
	int n = snprintf(path, sizeof(path), "%s/%u/exe", proc, pid);

	if (n < 0 || (size_t)n >= sizeof(path) ||
	    statx(AT_FDCWD, path, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &st) < 0)
		return;
	*f = (struct event_file){
		.inode = st.stx_ino,
		.device = st.stx_dev_major << 20 | st.stx_dev_minor,
		.mode = st.stx_mode,
		.flags = (uint16_t)(FILE_KNOWN | (st.stx_nlink == 0 ? FILE_DELETED : 0)),
		.uid = st.stx_uid,
		.gid = st.stx_gid,
		.links = st.stx_nlink,
	};
}

int procscan_task(const char *proc, uint32_t pid, struct event_task *out)
{
	struct event_task t = { .head = { .size = sizeof(t), .pid = pid, .tid = pid } };
	char text[32];
	ssize_t n;
	int r = read_stat(proc, pid, &t);

	if (r == 0)
		r = read_status(proc, pid, &t);
	if (r < 0)
		return r;
	t.head.boot_ns = boot_ns();
	t.head.syscall = -1;
	t.head.loginuid = UINT32_MAX;
	n = read_proc(proc, pid, "loginuid", text, sizeof(text));
	if (n > 0)
		parse_u32(span_trim((struct span){ text, (size_t)n }), &t.head.loginuid);
	read_namespaces(proc, pid, &t.ns);
	t.head.pid_ns = t.ns.pid;
	read_exe_file(proc, pid, &t.exe);
	if (t.head.ppid)
		t.head.parent_start_boot_ns = procstat_start_boot_ns(proc, (pid_t)t.head.ppid);
	t.real_parent_start_boot_ns = t.head.parent_start_boot_ns;
	*out = t;
	return 0;
}

int procscan_proc(const struct procscan *s, struct process_table *t, struct procscan_counts *out,
		  struct err *e)
{
	AUTO(procscan_pass_free) struct procscan_pass *pass = NULL;
	AUTO_DIR DIR *dir = opendir(s->proc);
	uint64_t began = boot_ns();
	struct event_task task;
	struct dirent *d;
	int r;

	if (!dir)
		return err_errno(e, "cannot list '%s'", s->proc);
	r = procscan_pass_new(&pass, s, t, e);
	if (r < 0)
		return r;
	while ((errno = 0, d = readdir(dir)) != NULL) {
		uint32_t pid;

		if (!parse_u32(span_str(d->d_name), &pid))
			continue;
		pass->counts.tasks++;
		if (procscan_task(s->proc, pid, &task) == 0)
			procscan_seed(pass, &task);
		else
			pass->counts.gone++;
	}
	if (errno)
		r = err_errno(e, "cannot list '%s'", s->proc);
	process_seed_end(t, r < 0 || pass->counts.refused ? 0 : began);
	*out = pass->counts;
	return r;
}
