/* SPDX-License-Identifier: GPL-2.0-or-later */
/* notify - tells systemd our state over $NOTIFY_SOCKET (sd_notify(3)); does nothing without it. */
#ifndef BULKHEAD_NOTIFY_H
#define BULKHEAD_NOTIFY_H

void notify_send(const char *state); /* "READY=1" */

#endif
