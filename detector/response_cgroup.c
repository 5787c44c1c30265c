// SPDX-License-Identifier: GPL-2.0-or-later
/* One value of one cgroup: where it is, what it is, changed and put back. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/base/io.h"
#include "detector/response_internal.h"

#define MAX_PERIOD_US 1000000 /* the kernel's */

const char *const cgroup_file_names[CGROUP_FILES] = {
	[FILE_FREEZE_V2] = "cgroup.freeze",
	[FILE_FREEZE_V1] = "freezer.state",
	[FILE_CPU_V2] = "cpu.max",
	[FILE_CPU_V1] = "cpu.cfs_quota_us",
};

/* --- places ------------------------------------------------------------------------------------
 */

enum hierarchy hierarchy_of(enum cgroup_file f)
{
	switch (f) {
	case FILE_FREEZE_V2:
	case FILE_CPU_V2:
		return HIERARCHY_V2;
	case FILE_FREEZE_V1:
		return HIERARCHY_FREEZER;
	case FILE_CPU_V1:
	case CGROUP_FILES:
		break;
	}
	return HIERARCHY_CPU;
}

const char *hierarchy_name(const struct cgroup_layout *l, enum hierarchy h)
{
	switch (h) {
	case HIERARCHY_V2:
		return "";
	case HIERARCHY_FREEZER:
		return "freezer";
	case HIERARCHY_CPU:
		return "cpu";
	case HIERARCHY_WATCHED:
		break;
	}
	return l->watch_name;
}

static int root_of(const struct cgroup_layout *l, enum hierarchy h)
{
	switch (h) {
	case HIERARCHY_V2:
		return l->unified_fd;
	case HIERARCHY_FREEZER:
		return l->freezer_fd;
	case HIERARCHY_CPU:
		return l->on_v2[CONTROLLER_CPU] ? -1 : l->fds[CONTROLLER_CPU];
	case HIERARCHY_WATCHED:
		break;
	}
	return l->watch_fd;
}

/* Hierarchies that are mounted together (cpu,cpuacct) are one. */
static bool is_watched(const struct cgroup_layout *l, enum hierarchy h)
{
	if (h == HIERARCHY_WATCHED || strcmp(l->watch_name, hierarchy_name(l, h)) == 0)
		return true;
	return h == HIERARCHY_CPU && strcmp(l->paths[CONTROLLER_CPU], l->watch_path) == 0;
}

bool place_is_sane(const char *path)
{
	struct span rest = span_str(path), piece;
	bool named = false;

	if (path[0] != '/' || strlen(path) >= PATH_MAX)
		return false;
	while (span_next(&rest, '/', &piece)) {
		if (span_eq(piece, "..") || span_eq(piece, "."))
			return false;
		named = named || piece.n > 0;
	}
	return named;
}

/* Whoever freezes himself never thaws. */
static bool holds_us(const struct response_settings *s, const char *name, const char *path)
{
	char own[PATH_MAX];
	const size_t n = strlen(path);

	return cgroup_path_in(name, s->proc, getpid(), own, sizeof(own)) > 0 &&
	       strncmp(own, path, n) == 0 && (own[n] == '/' || own[n] == '\0');
}

/* Paths differ between v1 hierarchies; in one that the runtime does not use, the process is in a
 * cgroup that others share, and a directory of the same name may be anybody's. */
static int look_up(const struct response_settings *s, const struct response_target *t,
		   const char *name, char path[PATH_MAX], struct err *e)
{
	const char *last = strrchr(t->cgroup_path, '/') + 1;
	ssize_t n = cgroup_path_in(name, s->proc, t->pid, path, PATH_MAX);

	if (n < 0)
		return err_set(e, (int)-n, "cannot find process %d in the hierarchy '%s'",
			       (int)t->pid, name);
	if (!*last || !cgroup_path_cut(path, last))
		return err_set(e, ENOENT, "'%s' has no cgroup of its own in the hierarchy '%s'",
			       t->cgroup_path, name);
	return 0;
}

static int open_dir(const struct cgroup_layout *l, enum hierarchy h, const char *path,
		    struct stat *st)
{
	const int root = root_of(l, h);
	const char *relative = path + strspn(path, "/");
	AUTO_FD int fd =
		root < 0 ? -1
			 : openat(root, relative, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (root < 0)
		return -ENOENT;
	if (fd < 0 || fstat(fd, st) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int place_find(const struct response_settings *s, const struct response_target *t, enum hierarchy h,
	       struct place *out, struct err *e)
{
	const char *name = hierarchy_name(s->layout, h);
	char path[PATH_MAX];
	struct stat st;

	if (!t->cgroup_path || !place_is_sane(t->cgroup_path))
		return err_set(e, EPERM, "'%s' is no cgroup that may be acted on",
			       t->cgroup_path ? t->cgroup_path : "");
	memcpy(path, t->cgroup_path, strlen(t->cgroup_path) + 1);
	int r = t->pid > 0 && !is_watched(s->layout, h) ? look_up(s, t, name, path, e) : 0;

	if (r < 0)
		return r;
	if (!place_is_sane(path) || holds_us(s, name, path))
		return err_set(e, EPERM, "'%s' is the root or our own cgroup", path);
	AUTO_FD int fd = open_dir(s->layout, h, path, &st);

	if (fd < 0)
		return err_set(e, -fd, "cannot open the cgroup '%s' in the hierarchy '%s': %s",
			       path, name[0] ? name : "v2", strerror(-fd));
	*out = (struct place){ h, st.st_ino, strdup(path) };
	return out->path ? 0 : err_set(e, ENOMEM, "no memory for a response");
}

int place_open(const struct cgroup_layout *l, const struct place *p, struct err *e)
{
	struct stat st = { 0 };
	AUTO_FD int fd = open_dir(l, p->hierarchy, p->path, &st);

	if (fd < 0)
		return err_set(e, -fd, "cannot open the cgroup '%s': %s", p->path, strerror(-fd));
	if (st.st_ino != p->inode)
		return err_set(e, ESTALE, "'%s' is another cgroup by now", p->path);
	return TAKE_FD(fd);
}

/* --- values ------------------------------------------------------------------------------------
 */

bool cpu_value_parse(struct span text, uint64_t *quota_us, uint64_t *period_us)
{
	struct span rest = text, quota, period;
	uint64_t q = NO_LIMIT, p;

	if (!span_word(&rest, &quota) || !span_word(&rest, &period) || span_trim(rest).n > 0)
		return false;
	if (!span_eq(quota, "max") && (!parse_u64(quota, &q) || q == NO_LIMIT || q == 0))
		return false;
	if (!parse_u64(period, &p) || p == 0 || p > MAX_PERIOD_US)
		return false;
	*quota_us = q;
	*period_us = p;
	return true;
}

static int read_trimmed(int dir_fd, const char *file, char *text, size_t cap, struct span *out,
			struct err *e)
{
	ssize_t n = io_read_at(dir_fd, file, text, cap);

	if (n < 0)
		return err_set(e, (int)-n, "cannot read '%s': %s", file, strerror((int)-n));
	*out = span_trim((struct span){ text, (size_t)n });
	return 0;
}

/* What the cgroup itself asks for: its state is FROZEN also when its parent is. */
static int read_freezer_v1(int dir_fd, char out[VALUE_BYTES], struct err *e)
{
	char text[64];
	struct span s;
	bool frozen;
	int r = read_trimmed(dir_fd, "freezer.self_freezing", text, sizeof(text), &s, NULL);

	if (r == 0) {
		frozen = span_eq(s, "1");
	} else {
		r = read_trimmed(dir_fd, "freezer.state", text, sizeof(text), &s, e);
		frozen = r == 0 && !span_eq(s, "THAWED");
	}
	if (r == 0)
		memcpy(out, frozen ? "1" : "0", 2);
	return r;
}

static int read_cpu_v1(int dir_fd, char out[VALUE_BYTES], struct err *e)
{
	char quota_text[64], period_text[64];
	struct span quota, period;
	int r = read_trimmed(dir_fd, "cpu.cfs_quota_us", quota_text, sizeof(quota_text), &quota, e);

	if (r == 0)
		r = read_trimmed(dir_fd, "cpu.cfs_period_us", period_text, sizeof(period_text),
				 &period, e);
	if (r < 0)
		return r;
	if (span_starts(quota, "-"))
		quota = SPAN_LIT("max");
	if (snprintf(out, VALUE_BYTES, "%.*s %.*s", (int)quota.n, quota.p, (int)period.n,
		     period.p) >= VALUE_BYTES)
		return err_set(e, EINVAL, "'cpu.cfs_quota_us' is too long");
	return 0;
}

int value_read(int dir_fd, enum cgroup_file f, char out[VALUE_BYTES], struct err *e)
{
	char value[VALUE_BYTES] = "";
	struct span s = { NULL, 0 };
	uint64_t quota, period;
	int r = 0;

	if (f == FILE_FREEZE_V1)
		r = read_freezer_v1(dir_fd, value, e);
	else if (f == FILE_CPU_V1)
		r = read_cpu_v1(dir_fd, value, e);
	else
		r = read_trimmed(dir_fd, cgroup_file_names[f], value, sizeof(value), &s, e);
	if (r < 0)
		return r;
	s = span_trim(span_str(value));
	const bool good = f == FILE_CPU_V1 || f == FILE_CPU_V2 ? cpu_value_parse(s, &quota, &period)
							       : span_eq(s, "0") || span_eq(s, "1");

	if (!good)
		return err_set(e, EINVAL, "'%s' holds '%.*s'", cgroup_file_names[f], (int)s.n, s.p);
	memmove(out, s.p, s.n);
	out[s.n] = '\0';
	return 0;
}

int value_write(int dir_fd, enum cgroup_file f, const char *value, struct err *e)
{
	char quota[VALUE_BYTES];
	const char *text = value;

	if (f == FILE_FREEZE_V1) {
		text = value[0] == '1' ? "FROZEN" : "THAWED";
	} else if (f == FILE_CPU_V1) {
		snprintf(quota, sizeof(quota), "%.*s", (int)strcspn(value, " "), value);
		text = strcmp(quota, "max") == 0 ? "-1" : quota;
	}
	AUTO_FD int fd = openat(dir_fd, cgroup_file_names[f],
				O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return err_errno(e, "cannot open '%s'", cgroup_file_names[f]);
	if (write(fd, text, strlen(text)) < 0)
		return err_errno(e, "cannot write '%s' to '%s'", text, cgroup_file_names[f]);
	return 0;
}

/* --- changes -----------------------------------------------------------------------------------
 */

int change_apply(const struct cgroup_layout *l, const struct change *c, struct err *e)
{
	char now[VALUE_BYTES];
	AUTO_FD int fd = place_open(l, &c->place, e);

	if (fd < 0)
		return fd;
	int r = value_read(fd, c->file, now, e);

	if (r < 0)
		return r;
	if (strcmp(now, c->before) != 0)
		return err_set(e, EAGAIN, "'%s' of '%s' became '%s' meanwhile",
			       cgroup_file_names[c->file], c->place.path, now);
	return value_write(fd, c->file, c->set, e);
}

/* Without the directory, or without the controller in it, nothing of ours is in force. */
static bool is_gone(int r)
{
	return r == -ENOENT || r == -ENODEV;
}

enum undo_result change_undo(const struct cgroup_layout *l, const struct change *c, struct err *e)
{
	char now[VALUE_BYTES];
	AUTO_FD int fd = place_open(l, &c->place, e);

	if (fd == -ESTALE)
		return UNDO_LEFT;
	int r = fd < 0 ? fd : value_read(fd, c->file, now, e);

	if (r == 0 && strcmp(now, c->before) == 0)
		return UNDO_SAME;
	if (r == 0 && strcmp(now, c->set) != 0) {
		err_set(e, EBUSY, "'%s' of '%s' is '%s', which is not what was set (%s)",
			cgroup_file_names[c->file], c->place.path, now, c->set);
		return UNDO_LEFT;
	}
	if (r == 0)
		r = value_write(fd, c->file, c->before, e);
	return r == 0 ? UNDO_DONE : is_gone(r) ? UNDO_GONE : UNDO_FAILED;
}

bool change_holds(const struct cgroup_layout *l, const struct change *c)
{
	char now[VALUE_BYTES];
	AUTO_FD int fd = place_open(l, &c->place, NULL);

	return fd >= 0 && value_read(fd, c->file, now, NULL) == 0 && strcmp(now, c->set) == 0;
}
