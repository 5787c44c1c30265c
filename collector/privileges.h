/* SPDX-License-Identifier: GPL-2.0-or-later */
/* privileges - what bulkheadd keeps of root, and who `bulkhead serve` runs as.
 * Called at start, before threads. The list of capabilities with the reason of each is in
 * deploy/capabilities.md; a test compares it with the running process. */
#ifndef BULKHEAD_PRIVILEGES_H
#define BULKHEAD_PRIVILEGES_H

#include <sys/types.h>

#include "collector/base/err.h"

/* Drops every capability but those of the list (fewer where the process has fewer), from the
 * bounding set too, and sets no_new_privs. Not root: -EPERM with a text. */
int privileges_keep_needed(struct err *e);

/* User of serve. `user` is a name of the system's user database, a number, or "auto": a numeric uid
 * between 61184 and 65519 (systemd's range for dynamic users) that no account, no process and no
 * file owner named by *previous stands against; *previous is tried first, so that files keep their
 * owner. */
int privileges_serve_user(const char *user, const char *proc, uid_t previous, uid_t *uid,
			  gid_t *gid, struct err *e);

/* Makes uid:gid the owner of the directory and of what is in it (at most 16 levels deep, links not
 * followed), where it is not yet: after a change of user the history must stay writable. */
int privileges_give_tree(int dir_fd, uid_t uid, gid_t gid, struct err *e);

#endif
