/* SPDX-License-Identifier: GPL-2.0-or-later */
/* breaker - stops enforcement that does harm: counts actions of each image and of the host.
 *
 * Asked before each action. An entrypoint that is wrongly killed comes back under a new container
 * id, so images count, not containers. It trips when there would be more than so many actions
 * within a minute, and when a container dies soon after one. What tripping means (the image goes
 * back to detect, with an alert) is the caller's. Pure: the caller gives a clock that never goes
 * back. Owner: one thread. */
#ifndef BULKHEAD_BREAKER_H
#define BULKHEAD_BREAKER_H

#include <stdint.h>

#include "collector/base/auto.h"
#include "collector/base/err.h"
#include "collector/base/parse.h"

#define BREAKER_MAX_RECENT 256 /* actions that are remembered, and the most that may be allowed */
#define BREAKER_IMAGE_BYTES                                                                        \
	512 /* of an image's key, with NUL: longer ones count by their beginning */
#define BREAKER_CONTAINER_BYTES 128 /* of an id, likewise */

#define BREAKER_IMAGE_A_MINUTE	3 /* what 0 in the settings means */
#define BREAKER_HOST_A_MINUTE	20
#define BREAKER_DEATH_NS	10000000000ULL
#define BREAKER_WINDOW_NS	60000000000ULL

struct breaker_settings {
	uint32_t image_a_minute, host_a_minute; /* at most BREAKER_MAX_RECENT */
	uint64_t death_ns; /* so soon after an action a death is its fault; at most the minute */
};

enum breaker_verdict {
	BREAKER_OK,    /* counted: act */
	BREAKER_IMAGE, /* too many of this image: do not act */
	BREAKER_HOST,  /* too many of all: do not act */
};

struct breaker;

int breaker_new(struct breaker **out, const struct breaker_settings *s, struct err *e);
void breaker_free(struct breaker *b); /* NULL is fine */
DEFINE_AUTO(breaker, breaker_free)
void breaker_set(struct breaker *b, const struct breaker_settings *s);

/* Asks before acting. What is refused is not an action and does not count as one. */
enum breaker_verdict breaker_take(struct breaker *b, struct span image, struct span container_id,
				  uint64_t now_ns);

/* A container ended. The key of its image when that came soon after an action (told once an
 * action), else an empty span; good until the next call. */
struct span breaker_died(struct breaker *b, struct span container_id, uint64_t now_ns);

/* Its death is what was wanted (it was stopped): breaker_died will not tell of it. */
void breaker_forgive(struct breaker *b, struct span container_id);

/* The image was put right by somebody: its actions so far count no more. */
void breaker_reset(struct breaker *b, struct span image);

struct breaker_stats {
	uint64_t actions, tripped_image, tripped_host, tripped_death; /* since start */
	uint64_t recent, capacity;				      /* within the last minute */
};
struct breaker_stats breaker_stats(const struct breaker *b, uint64_t now_ns);

#endif
