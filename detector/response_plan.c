// SPDX-License-Identifier: GPL-2.0-or-later
/* What an action changes in which cgroups. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/base/io.h"
#include "detector/response_internal.h"

#define MIN_QUOTA_US 1000 /* the kernel's */

void plan_release(struct plan *p)
{
	while (p->n > 0)
		free(p->list[--p->n].place.path);
}

static int plan_add(struct plan *p, const struct change *c, struct err *e)
{
	if (p->n == PLAN_MAX)
		return err_set(e, E2BIG, "more than %d cgroups below it have limits of their own",
			       RESPONSE_MAX_CHANGES);
	char *path = strdup(c->place.path);

	if (!path)
		return err_set(e, ENOMEM, "no memory for a response");
	p->list[p->n] = *c;
	p->list[p->n].place.path = path;
	p->n++;
	return 0;
}

/* --- freeze ------------------------------------------------------------------------------------
 */

static int plan_freeze_in(const struct response_settings *s, const struct response_target *t,
			  enum cgroup_file f, struct plan *out, struct err *e)
{
	struct change c = { .file = f, .before = "0", .set = "1" };
	char now[VALUE_BYTES];
	int r = place_find(s, t, hierarchy_of(f), &c.place, e);

	if (r < 0)
		return r;
	AUTO_FREE char *path = c.place.path;
	AUTO_FD int fd = place_open(s->layout, &c.place, e);

	r = fd < 0 ? fd : value_read(fd, f, now, e);
	if (r < 0)
		return r;
	if (now[0] == '1')
		return err_set(e, EALREADY, "'%s' is frozen already", path);
	return plan_add(out, &c, e);
}

/* v1's hierarchy where the host has it and the container is in it. */
static int plan_freeze(const struct response_settings *s, const struct response_target *t,
		       struct plan *out, struct err *e)
{
	if (s->layout->freezer_fd >= 0) {
		int r = plan_freeze_in(s, t, FILE_FREEZE_V1, out, e);

		if (r != -ENOENT || s->layout->unified_fd < 0)
			return r;
	}
	return plan_freeze_in(s, t, FILE_FREEZE_V2, out, e);
}

/* --- throttle ----------------------------------------------------------------------------------
 */

/* q of one period as that of another, rounded down: 18 digits do not overflow. */
static uint64_t in_period(uint64_t quota, uint64_t of, uint64_t to)
{
	if (quota == NO_LIMIT || quota / of > NO_LIMIT / 2 / to)
		return NO_LIMIT;
	return quota / of * to + quota % of * to / of;
}

/* The least that any cgroup above it allows, in `period`. Those that cannot be read do not limit.
 */
static uint64_t limit_above(const struct response_settings *s, const struct place *p,
			    enum cgroup_file f, uint64_t period)
{
	uint64_t least = NO_LIMIT, quota, of;
	AUTO_FREE char *path = strdup(p->path);
	const int root = f == FILE_CPU_V2 ? s->layout->unified_fd : s->layout->fds[CONTROLLER_CPU];
	char *slash, text[VALUE_BYTES];

	while (path && (slash = strrchr(path, '/')) && slash > path) {
		*slash = '\0';
		AUTO_FD int fd = openat(root, path + 1, O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0 || value_read(fd, f, text, NULL) < 0 ||
		    !cpu_value_parse(span_str(text), &quota, &of))
			continue;
		quota = in_period(quota, of, period);
		least = quota < least ? quota : least;
	}
	return least;
}

static uint64_t read_burst(int dir_fd, enum cgroup_file f)
{
	char text[64];
	uint64_t burst;
	ssize_t n = io_read_at(dir_fd, f == FILE_CPU_V2 ? "cpu.max.burst" : "cpu.cfs_burst_us",
			       text, sizeof(text));

	return n > 0 && parse_u64(span_trim((struct span){ text, (size_t)n }), &burst) ? burst : 0;
}

static uint64_t wanted(const struct response_settings *s, uint64_t limit, uint64_t period)
{
	const uint64_t cpus = s->cpus ? s->cpus : 1;
	const uint64_t percent = s->limits.throttle_percent;
	const uint64_t of = !s->limits.throttle_of_limit ? period
			    : limit == NO_LIMIT		 ? cpus * period
							 : limit;

	return of / 100 * percent + of % 100 * percent / 100;
}

/* The new quota of a container's cgroup; what it has when that cannot be lowered. */
static uint64_t lower(const struct response_settings *s, const struct place *p, int dir_fd,
		      enum cgroup_file f, uint64_t quota, uint64_t period)
{
	const uint64_t above = limit_above(s, p, f, period);
	const uint64_t limit = above < quota ? above : quota, burst = read_burst(dir_fd, f);
	uint64_t next = wanted(s, limit, period);

	next = next < burst ? burst : next; /* the kernel wants room for it */
	next = next < MIN_QUOTA_US ? MIN_QUOTA_US : next;
	return next < limit ? next : quota;
}

struct walk {
	struct plan *plan;
	uint64_t quota, period; /* of the container's cgroup from now on */
	unsigned seen;
	char path[PATH_MAX];
};

static int add_lowered(struct walk *w, int dir_fd, struct err *e)
{
	struct change c = { .file = FILE_CPU_V1, .place = { .hierarchy = HIERARCHY_CPU } };
	uint64_t quota, period;
	struct stat st;
	int r = value_read(dir_fd, FILE_CPU_V1, c.before, e);

	if (r < 0)
		return r;
	if (!cpu_value_parse(span_str(c.before), &quota, &period) || quota == NO_LIMIT)
		return 0;
	const uint64_t next = in_period(w->quota, w->period, period);

	if (quota <= next)
		return 0;
	if (fstat(dir_fd, &st) < 0)
		return err_errno(e, "cannot look at '%s'", w->path);
	snprintf(c.set, sizeof(c.set), "%llu %llu",
		 (unsigned long long)(next < MIN_QUOTA_US ? MIN_QUOTA_US : next),
		 (unsigned long long)period);
	c.place.inode = st.st_ino;
	c.place.path = w->path;
	return plan_add(w->plan, &c, e);
}

static int walk_below(struct walk *w, int dir_fd, unsigned depth, struct err *e);

static int walk_one(struct walk *w, int dir_fd, const char *name, unsigned depth, struct err *e)
{
	const size_t n = strlen(w->path);
	AUTO_FD int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : err_errno(e, "cannot open '%s/%s'", w->path, name);
	if (depth == 0 || ++w->seen > MAX_WALKED ||
	    snprintf(w->path + n, sizeof(w->path) - n, "/%s", name) >= (int)(sizeof(w->path) - n))
		return err_set(e, E2BIG, "too many cgroups below '%s'", w->path);
	int r = walk_below(w, fd, depth - 1, e);

	if (r == 0)
		r = add_lowered(w, fd, e);
	w->path[n] = '\0';
	return r == -ENOENT || r == -ENODEV ? 0 : r; /* it went meanwhile */
}

/* v1 refuses a limit that is below that of a cgroup within: those come first. */
static int walk_below(struct walk *w, int dir_fd, unsigned depth, struct err *e)
{
	int copy = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	AUTO_DIR DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *d;

	if (!dir) {
		r = err_errno(e, "cannot list '%s'", w->path);
		if (copy >= 0)
			close(copy);
		return r;
	}
	while (r == 0 && (d = readdir(dir)))
		if (d->d_type == DT_DIR && strcmp(d->d_name, ".") != 0 &&
		    strcmp(d->d_name, "..") != 0)
			r = walk_one(w, dirfd(dir), d->d_name, depth, e);
	return r;
}

static int plan_below(struct plan *out, const struct place *p, int dir_fd, uint64_t quota,
		      uint64_t period, struct err *e)
{
	AUTO_FREE struct walk *w = malloc(sizeof(*w));

	if (!w)
		return err_errno(e, "response");
	*w = (struct walk){ .plan = out, .quota = quota, .period = period };
	snprintf(w->path, sizeof(w->path), "%s", p->path);
	return walk_below(w, dir_fd, MAX_DEPTH, e);
}

static int plan_throttle(const struct response_settings *s, const struct response_target *t,
			 struct plan *out, struct err *e)
{
	struct change c = { .file = s->layout->on_v2[CONTROLLER_CPU] ? FILE_CPU_V2 : FILE_CPU_V1 };
	uint64_t quota, period;
	int r = place_find(s, t, hierarchy_of(c.file), &c.place, e);

	if (r < 0)
		return r;
	AUTO_FREE char *path = c.place.path;
	AUTO_FD int fd = place_open(s->layout, &c.place, e);

	r = fd < 0 ? fd : value_read(fd, c.file, c.before, e);
	if (r < 0)
		return r;
	if (!cpu_value_parse(span_str(c.before), &quota, &period))
		return err_set(e, EINVAL, "'%s' of '%s' is '%s'", cgroup_file_names[c.file], path,
			       c.before);
	const uint64_t next = lower(s, &c.place, fd, c.file, quota, period);

	if (next >= quota)
		return err_set(e, EALREADY, "'%s' has no more CPU than that already", path);
	snprintf(c.set, sizeof(c.set), "%llu %llu", (unsigned long long)next,
		 (unsigned long long)period);
	if (c.file == FILE_CPU_V1)
		r = plan_below(out, &c.place, fd, next, period, e);
	return r < 0 ? r : plan_add(out, &c, e);
}

int plan_make(const struct response_settings *s, const struct response_target *t,
	      enum response_action a, struct plan *out, struct err *e)
{
	out->n = 0;
	int r = a == RESPONSE_THROTTLE ? plan_throttle(s, t, out, e) : plan_freeze(s, t, out, e);

	if (r < 0)
		plan_release(out);
	return r;
}
