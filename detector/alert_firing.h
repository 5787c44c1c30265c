/* SPDX-License-Identifier: GPL-2.0-or-later */
/* alert_firing - what fires, in STATE/firing.jsonl, so that a restart can resolve it: who was told
 * that something is so is told when it is not, whichever run of bulkheadd saw which. Loop's thread.
 */
#ifndef BULKHEAD_ALERT_FIRING_H
#define BULKHEAD_ALERT_FIRING_H

#include "detector/alert_fold.h"

#define ALERT_FIRING_MAX_BYTES (8u << 20) /* the oldest that fit are kept */

/* Whole or not at all, without waiting for the disk. 0 or -errno. */
int alert_firing_save(struct fold *f, int state_fd);
/* Adds what is there as inherited; how many. What is damaged is left out. */
unsigned alert_firing_load(struct fold *f, int state_fd);

#endif
