// SPDX-License-Identifier: GPL-2.0-or-later
#include "http/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "collector/base/auto.h"

/* Rights that came after the headers of our oldest build system. */
#define FS_TRUNCATE	      (1ULL << 14) /* version 3 */
#define FS_IOCTL_DEV	      (1ULL << 15) /* version 5 */
#define SCOPE_ABSTRACT_SOCKET (1ULL << 0)  /* version 6 */
#define SCOPE_SIGNAL	      (1ULL << 1)

struct ruleset { /* struct landlock_ruleset_attr as of version 6 */
	uint64_t handled_fs, handled_net, scoped;
};

#define FS_READ_FILE LANDLOCK_ACCESS_FS_READ_FILE
#define FS_READ	     (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_WRITE                                                                                   \
	(FS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                 \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |                            \
	 LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REFER | FS_TRUNCATE)

/* clang-format off */
static const struct {
	const char *path;
	uint64_t rights;
} files[] = {
	{ ".", FS_WRITE }, /* our state */
	{ "/etc", FS_READ }, /* fonts, zone, resolver, certificates */
	{ "/usr", FS_READ }, /* libraries that are loaded late, fonts, zones */
	{ "/lib", FS_READ },
	{ "/lib64", FS_READ },
	{ "/var/cache/fontconfig", FS_READ },
	{ "/run/systemd/resolve", FS_READ }, /* where /etc/resolv.conf often leads */
	{ "/run/resolvconf", FS_READ },
	{ "/run/NetworkManager", FS_READ },
	{ "/var/lib/ca-certificates", FS_READ }, /* where /etc/ssl leads on some systems */
	{ "/proc/self", FS_READ },
	{ "/sys/devices/system/cpu", FS_READ },
	{ "/dev/urandom", FS_READ_FILE },
	{ "/dev/null", FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE },
};
/* clang-format on */

static void allow(int ruleset, const char *path, uint64_t rights)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = rights };

	rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0)
		return; /* what is not there needs no right */
	syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	close(rule.parent_fd);
}

/* The version in use, or -errno. */
static int landlock(void)
{
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct ruleset set = { .handled_fs = (1ULL << 13) - 1 };
	size_t size = sizeof(set.handled_fs);

	if (version < 0)
		return -errno;
	if (version >= 2)
		set.handled_fs |= LANDLOCK_ACCESS_FS_REFER;
	if (version >= 3)
		set.handled_fs |= FS_TRUNCATE;
	if (version >= 5)
		set.handled_fs |= FS_IOCTL_DEV;
	if (version >= 6) {
		set.scoped = SCOPE_ABSTRACT_SOCKET | SCOPE_SIGNAL;
		size = sizeof(set);
	}
	AUTO_FD int fd = (int)syscall(SYS_landlock_create_ruleset, &set, size, 0);

	if (fd < 0)
		return -errno;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		allow(fd, files[i].path, files[i].rights & set.handled_fs);
	if (syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		return -errno;
	return (int)version;
}

/* bulkheadd gave us none; what could still be there is dropped and looked at again. */
static int drop_capabilities(struct err *e)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 } };

	if (geteuid() == 0 || getuid() == 0)
		return err_set(e, EPERM, "serve does not run as root");
	if (syscall(SYS_capset, &header, data) < 0)
		return err_errno(e, "cannot drop capabilities");
	memset(data, 0xff, sizeof(data));
	if (syscall(SYS_capget, &header, data) < 0)
		return err_errno(e, "cannot read capabilities");
	for (size_t i = 0; i < 2; i++)
		if (data[i].effective || data[i].permitted || data[i].inheritable)
			return err_set(e, EPERM, "capabilities are left");
	return 0;
}

int sandbox_files(struct sandbox *s, struct err *e)
{
	int r = drop_capabilities(e);

	*s = (struct sandbox){ .landlock = 0 };
	if (r < 0)
		return r;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_errno(e, "cannot set no_new_privs");
	if (!SANDBOX_OFF)
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	r = SANDBOX_OFF ? -ENOSYS : landlock();
	if (r < 0)
		snprintf(s->landlock_reason, sizeof(s->landlock_reason), "%s", strerror(-r));
	else
		s->landlock = r;
	return 0;
}

const char *sandbox_summary(struct sandbox *s)
{
	char file[128];

	if (s->landlock)
		snprintf(file, sizeof(file), "landlock %d", s->landlock);
	else
		snprintf(file, sizeof(file), "no landlock (%s)", s->landlock_reason);
	snprintf(s->text, sizeof(s->text), "no new privileges, no capabilities, %s, %s", file,
		 s->seccomp ? "seccomp" : "no seccomp");
	return s->text;
}
