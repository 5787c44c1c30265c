// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/privileges.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdbool.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "collector/base/auto.h"
#include "collector/base/parse.h"

#define FIRST_UID 61184
#define LAST_UID  65519

static const cap_value_t needed[] = {
	CAP_DAC_READ_SEARCH, /* runtime state, /proc of other users' processes */
	CAP_SYS_PTRACE,	     /* /proc/PID/{fd,ns,root} */
	CAP_SYSLOG,	     /* /dev/kmsg */
	CAP_SETUID,
	CAP_SETGID, /* serve's own user */
	CAP_KILL,   /* stop serve, which has another uid */
	CAP_CHOWN,  /* its state folder */
	CAP_BPF,
	CAP_PERFMON,   /* the kernel sensor's programs and maps */
	CAP_NET_ADMIN, /* its programs on the cgroup tree's packets */
};

static bool is_needed(cap_value_t cap)
{
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (needed[i] == cap)
			return true;
	return false;
}

static int set_caps(cap_t want, struct err *e)
{
	cap_t have = cap_get_proc();
	cap_flag_value_t on;

	if (!have)
		return err_errno(e, "cannot read capabilities");
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (cap_get_flag(have, needed[i], CAP_PERMITTED, &on) == 0 && on == CAP_SET) {
			cap_set_flag(want, CAP_PERMITTED, 1, &needed[i], CAP_SET);
			cap_set_flag(want, CAP_EFFECTIVE, 1, &needed[i], CAP_SET);
		}
	}
	cap_free(have);
	if (cap_set_proc(want) < 0)
		return err_errno(e, "cannot drop capabilities");
	return 0;
}

int privileges_keep_needed(struct err *e)
{
	if (geteuid() != 0)
		return err_set(e, EPERM, "bulkheadd must be started as root");
	/* The bounding set needs CAP_SETPCAP, so it goes first; a capability beyond this kernel's
	 * last gives EINVAL and ends the loop. */
	for (cap_value_t cap = 0; cap_get_bound(cap) >= 0; cap++)
		if (!is_needed(cap) && cap_drop_bound(cap) < 0 && errno != EPERM)
			return err_errno(e, "cannot drop capability %d", cap);
	cap_t want = cap_init();

	if (!want)
		return err_errno(e, "capabilities");
	int r = set_caps(want, e);

	cap_free(want);
	if (r < 0)
		return r;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_errno(e, "cannot set no_new_privs");
	return 0;
}

/* A process of that uid would share serve's rights over its own files and signals. */
static bool uid_runs(const char *proc, uid_t uid)
{
	AUTO_DIR DIR *d = opendir(proc);
	struct dirent *entry;
	struct stat st;

	while (d && (entry = readdir(d)))
		if (isdigit((unsigned char)entry->d_name[0]) &&
		    fstatat(dirfd(d), entry->d_name, &st, 0) == 0 && st.st_uid == uid)
			return true;
	return false;
}

static bool uid_is_free(const char *proc, uid_t uid)
{
	return !getpwuid(uid) && !uid_runs(proc, uid);
}

/* -1 means "leave it" to setresuid(), which would leave root. */
static int check_uid(const char *user, uid_t uid, struct err *e)
{
	if (uid == 0)
		return err_set(e, EINVAL, "user '%s' is root; serve must not be", user);
	if (uid == (uid_t)-1)
		return err_set(e, EINVAL, "user '%s' is no valid user id", user);
	return 0;
}

int privileges_serve_user(const char *user, const char *proc, uid_t previous, uid_t *uid,
			  gid_t *gid, struct err *e)
{
	if (parse_u32(span_str(user), uid)) {
		*gid = *uid;
		return check_uid(user, *uid, e);
	}
	if (strcmp(user, "auto") != 0) {
		errno = 0;
		const struct passwd *pw = getpwnam(user);

		if (!pw)
			return err_set(e, ENOENT,
				       "user '%s' does not exist (make it, or set user: auto)",
				       user);
		*uid = pw->pw_uid;
		*gid = pw->pw_gid;
		return check_uid(user, *uid, e);
	}
	if (previous >= FIRST_UID && previous <= LAST_UID && uid_is_free(proc, previous)) {
		*uid = *gid = previous;
		return 0;
	}
	/* Started from the pid, so that agents that run beside each other seldom meet. */
	uid_t start = FIRST_UID + (uid_t)getpid() % (LAST_UID - FIRST_UID + 1);

	for (uid_t i = 0; i <= LAST_UID - FIRST_UID; i++) {
		uid_t candidate = FIRST_UID + (start - FIRST_UID + i) % (LAST_UID - FIRST_UID + 1);

		if (uid_is_free(proc, candidate)) {
			*uid = *gid = candidate;
			return 0;
		}
	}
	return err_set(e, EBUSY, "no free uid between %d and %d", FIRST_UID, LAST_UID);
}

#define MAX_TREE_DEPTH 16

static int give_below(int dir_fd, uid_t uid, gid_t gid, unsigned depth, struct err *e);

/* By descriptor: the name may come to mean something else. A file with a second name is left: that
 * may be one of somebody else's, linked here to be given away. */
static int give_entry(int dir_fd, const char *name, uid_t uid, gid_t gid, unsigned depth,
		      struct err *e)
{
	AUTO_FD int fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || (!S_ISDIR(st.st_mode) && st.st_nlink > 1))
		return 0;
	if (S_ISDIR(st.st_mode) && depth > 0) {
		AUTO_FD int sub = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		int r = sub < 0 ? 0 : give_below(sub, uid, gid, depth - 1, e);

		if (r < 0)
			return r;
	}
	if (st.st_uid != uid && fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0)
		return err_errno(e, "cannot give '%s' to uid %u", name, (unsigned)uid);
	return 0;
}

static int give_below(int dir_fd, uid_t uid, gid_t gid, unsigned depth, struct err *e)
{
	int copy = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_DIR DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;
	int r = 0;

	if (!d) {
		r = err_errno(e, "cannot read a directory");
		if (copy >= 0)
			close(copy);
		return r;
	}
	while (r == 0 && (entry = readdir(d)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = give_entry(dirfd(d), entry->d_name, uid, gid, depth, e);
	return r;
}

int privileges_give_tree(int dir_fd, uid_t uid, gid_t gid, struct err *e)
{
	struct stat st;

	if (fstat(dir_fd, &st) < 0)
		return err_errno(e, "cannot look at a directory");
	if (st.st_uid == uid)
		return 0; /* whole trees change hands, so the top tells */
	int r = give_below(dir_fd, uid, gid, MAX_TREE_DEPTH, e);

	if (r == 0 && fchown(dir_fd, uid, gid) < 0)
		return err_errno(e, "cannot give a directory to uid %u", (unsigned)uid);
	return r;
}
