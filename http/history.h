/* SPDX-License-Identifier: GPL-2.0-or-later */
/* history - RRD files of containers and the host, on one thread that owns all of librrd.
 *
 * The frame handlers (history_container ... history_host) and history_query are called on serve's
 * main thread and only queue messages (bounded: a full queue refuses and counts). */
#ifndef BULKHEAD_HISTORY_H
#define BULKHEAD_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/base/auto.h"
#include "collector/base/err.h"
#include "collector/base/parse.h"
#include "collector/wire.h"

struct history;

/* Files live below "history/" of the working directory, which is serve's state directory. */
int history_new(struct history **out, const struct wire_config *settings, struct err *e);
void history_reconfigure(struct history *h, const struct wire_config *settings);
/* Writes all that is pending into one file, which the next start reads back, and ends the thread:
 * takes milliseconds. NULL is fine. */
void history_free(struct history *h);
DEFINE_AUTO(history, history_free)

void history_container(struct history *h, const struct wire_container *c);
void history_container_end(struct history *h, const struct wire_container_end *m);
void history_samples(struct history *h, struct span payload); /* a WIRE_SAMPLES payload */
void history_host(struct history *h, const struct wire_host_sample *m);
void history_disk(struct history *h, const struct wire_disk *m);

enum history_form { HISTORY_JSON, HISTORY_SVG, HISTORY_PNG, HISTORY_LIST /* what there is */ };

struct history_query {
	char id[160]; /* key, full id, unique prefix of an id, or name; "host" for the machine */
	char metric[160]; /* "" : all of them (JSON only); host: "filesystem:/mount" too */
	enum history_form form;
	int64_t from, to; /* Unix seconds; 0: default (last hour); negative: relative to now */
	uint32_t step;	  /* seconds, 0: the finest that covers `from`; rounded up to 1, 10, 30, 60,
			     300... */
	uint32_t width, height; /* graphs; 0: 800 by 240 */
};

struct history_answer {
	uint16_t status;
	const char *content_type; /* static */
	char *body;		  /* malloc'ed; the callback's */
	size_t body_n;
};
/* fn is called on the history thread, exactly once. -EBUSY when the queue is full (fn not called).
 */
int history_query(struct history *h, const struct history_query *q,
		  void (*fn)(void *ctx, struct history_answer *a), void *ctx);

void history_stats(struct history *h, struct wire_serve_stats *out); /* HISTORY_* only */

#endif
