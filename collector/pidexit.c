// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/pidexit.h"

#include <errno.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* First published layout (64 bytes); Debian 12's headers are older than it. */
struct pidfd_info_v0 {
	uint64_t mask, cgroup_id;
	uint32_t pid, tgid, ppid, ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
	int32_t exit_code; /* in the form of wait(2) */
};
_Static_assert(sizeof(struct pidfd_info_v0) == 64, "layout is the kernel's");

#define GET_INFO  _IOWR(0xff, 11, struct pidfd_info_v0)
#define INFO_EXIT (1u << 3)

int pidexit_open(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : fd;
}

int pidexit_read(int pidfd, int *exit_code)
{
	struct pidfd_info_v0 info = { .mask = INFO_EXIT };

	if (ioctl(pidfd, GET_INFO, &info) < 0)
		return -errno;
	if (!(info.mask & INFO_EXIT))
		return -ENODATA;
	*exit_code = WIFSIGNALED(info.exit_code) ? 128 + WTERMSIG(info.exit_code)
						 : WEXITSTATUS(info.exit_code);
	return 0;
}
