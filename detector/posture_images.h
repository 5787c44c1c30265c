/* SPDX-License-Identifier: GPL-2.0-or-later */
/* posture_images - which findings of posture.h each image had before, and their file. Owner: one
 * thread at a time. */
#ifndef BULKHEAD_POSTURE_IMAGES_H
#define BULKHEAD_POSTURE_IMAGES_H

#include "collector/base/err.h"
#include "detector/baseline_key.h"
#include "detector/posture.h"

struct posture_images;

struct posture_verdict {
	bool first;	/* nothing was known of the image */
	bool worse;	/* there are fresh ones */
	uint64_t fresh; /* bit i: finding i of the posture is new, and no mere inventory */
	enum posture_grade before; /* of the last container; not for the first */
};

int posture_images_new(struct posture_images **out, uint32_t max, uint32_t keys, struct err *e);
void posture_images_free(struct posture_images *l); /* NULL is fine */
DEFINE_AUTO(posture_images, posture_images_free)

/* Compares, and remembers. real: its process was looked at. INFO is never fresh, and what one of
 * its kind (settings, process) was never looked at before is inventory. */
void posture_images_take(struct posture_images *l, const char *repository, const struct posture *p,
			 bool real, uint64_t now_unix_ns, struct posture_verdict *out);

bool posture_images_dirty(const struct posture_images *l);
void posture_images_mark(struct posture_images *l, bool dirty);
void posture_images_json(struct posture_images *l, struct buf *b); /* the file's text */
/* Adds what the text says: 0, or -EBADMSG and nothing was added. */
int posture_images_parse(struct posture_images *l, struct span text, struct err *e);

struct posture_images_stats {
	uint64_t used, capacity;
	uint64_t evicted, keys_refused;
};
struct posture_images_stats posture_images_stats(const struct posture_images *l);

#endif
