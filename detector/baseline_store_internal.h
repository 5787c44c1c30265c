/* SPDX-License-Identifier: GPL-2.0-or-later */
/* baseline_store_internal - the files of the folder, without the store's tables. Any thread that
 * has the folder to itself: while it is read the loop's, afterwards the worker's. */
#ifndef BULKHEAD_BASELINE_STORE_INTERNAL_H
#define BULKHEAD_BASELINE_STORE_INTERNAL_H

#include "detector/baseline_store.h"

struct store_counts {
	uint64_t refused, set_aside;
};

int store_open_folder(int state_fd, struct err *e); /* a descriptor or -errno */

/* Reads the folder. take() gets what could be read, under its right name, and owns it. */
int store_load(int dir_fd, uint32_t max, bool (*take)(void *ctx, struct baseline *b), void *ctx,
	       struct store_counts *counts, struct err *e);

/* The document as NAME.json. first: nothing of ours is there yet; what is, is set aside
 * (*set_aside). */
int store_write(int dir_fd, const char *name, struct span document, bool first, bool *set_aside,
		struct err *e);
int store_unlink(int dir_fd, const char *name, struct err *e); /* 0 when it is not there */

#endif
