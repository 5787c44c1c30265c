/* SPDX-License-Identifier: GPL-2.0-or-later */
/* syscall_kin - system calls that do the same: of another generation of the C library (open,
 * openat), for another size of the work (fsync, sync_file_range). Which of them a program takes is
 * chance, and who makes one could as well make the others. Pure. */
#ifndef BULKHEAD_SYSCALL_KIN_H
#define BULKHEAD_SYSCALL_KIN_H

#include "collector/base/parse.h"

/* The family of a call, itself among them, ended by NULL; NULL: it has none. */
const char *const *syscall_kin(struct span name);

#endif
