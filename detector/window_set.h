/* SPDX-License-Identifier: GPL-2.0-or-later */
/* window_set - which entries of its baseline a container has shown, and in which window last: so
 * that each is counted once a window, and its container once. Numbers in an open hash of at most
 * WINDOW_SET_MAX places of eight bytes. One thread at a time. */
#ifndef BULKHEAD_WINDOW_SET_H
#define BULKHEAD_WINDOW_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WINDOW_SET_MAX	  4096 /* places; three quarters are used */
#define WINDOW_SET_WINDOW 0xffffffU

struct window_set {
	uint64_t *places; /* class, id, window; 0: free. Owned */
	uint32_t mask, n; /* mask + 1 places; places NULL: none */
};

enum window_set_answer {
	WINDOW_SET_AGAIN,      /* shown in this window before */
	WINDOW_SET_WINDOW_NEW, /* shown before, not in this window */
	WINDOW_SET_NEW,	       /* never shown by this container */
	WINDOW_SET_FULL,       /* not known: no room */
};

void window_set_release(struct window_set *s); /* may be repeated */
/* id below 2^32 - 1, class below 255; of the window the lowest 24 bits count. */
enum window_set_answer window_set_mark(struct window_set *s, unsigned class, uint32_t id,
				       uint32_t window);
size_t window_set_bytes(const struct window_set *s);

#endif
