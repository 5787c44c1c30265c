/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pidexit - the exit status of a process that is not our child, through its pidfd.
 * Linux 6.15 and later keep it for holders of the pidfd after the process was reaped
 * (PIDFD_GET_INFO with PIDFD_INFO_EXIT, include/uapi/linux/pidfd.h); older ones answer -ENOTTY or
 * leave it out. Any thread. */
#ifndef BULKHEAD_PIDEXIT_H
#define BULKHEAD_PIDEXIT_H

#include <sys/types.h>

/* Descriptor (the caller's), close-on-exec, or -errno. epoll reports EPOLLIN when the process ended
 * and EPOLLHUP once it was reaped. */
int pidexit_open(pid_t pid);

/* After EPOLLHUP: 0 and *exit_code as a shell shows it (128 + signal when it was killed), else
 * -ENODATA or -errno. */
int pidexit_read(int pidfd, int *exit_code);

#endif
