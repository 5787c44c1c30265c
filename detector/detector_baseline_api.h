/* SPDX-License-Identifier: GPL-2.0-or-later */
/* detector_baseline_api - what the parts of the requests about baselines share.
 *
 *	GET      /api/v1/baselines                 all; image=X: one, as its document and more
 *	         /api/v1/baselines/deviations      image=X: what was told and is not known
 *	         /api/v1/baselines/diff            [image=X&]a=DIGEST&b=DIGEST
 *	         /api/v1/baselines/preview         image=X&hours=N: what would have been blocked
 *	         /api/v1/baselines/export          image=X&format=F
 *	command  /api/v1/baselines/mode            image=X&mode=M
 *	         /api/v1/baselines/accept          image=X&class=C&entry=PATTERN; also reject,
 *forget. A long pattern comes as the document instead /api/v1/baselines/remove          image=X:
 *forgotten as a whole /api/v1/baselines/import          with a document: a proposal
 *	         /api/v1/baselines/merge           image=X, with a document: into that one
 *
 * An image is what baseline_store_lookup() takes. Answers: 404 nothing of that name, 409 several,
 * or the state of things forbids it. */
#ifndef BULKHEAD_DETECTOR_BASELINE_API_H
#define BULKHEAD_DETECTOR_BASELINE_API_H

#include "detector/detector_baseline_internal.h"
#include "detector/query_text.h"

enum baseline_parameter {
	ASK_IMAGE,
	ASK_CLASS,
	ASK_ENTRY,
	ASK_A,
	ASK_B,
	ASK_HOURS,
	ASK_FORMAT,
	ASK_MODE,
	ASK_COUNT
};
#define ASKS(parameter) (1U << (parameter))

struct baseline_request {
	struct detector_baseline *d;
	struct baseline *b;			   /* of image=; NULL: it was not given */
	enum baseline_class class;		   /* of class= */
	char values[ASK_COUNT][QUERY_VALUE_BYTES]; /* "": not given */
	const struct span *document;		   /* NULL: none */
	struct buf answer;			   /* JSON */
	struct err e;
};

/* Each: 0 and the answer, or -errno and e. */
int baseline_ask_list(struct baseline_request *r);
int baseline_ask_one(struct baseline_request *r);
int baseline_ask_deviations(struct baseline_request *r);
int baseline_ask_diff(struct baseline_request *r);
int baseline_ask_preview(struct baseline_request *r);
int baseline_ask_export(struct baseline_request *r);
int baseline_change_mode(struct baseline_request *r);
int baseline_change_accept(struct baseline_request *r);
int baseline_change_reject(struct baseline_request *r);
int baseline_change_forget(struct baseline_request *r);
int baseline_change_remove(struct baseline_request *r);
int baseline_change_import(struct baseline_request *r);
int baseline_change_merge(struct baseline_request *r);

/* "CLASS PATTERN", as the deviations' tree has them. False: it is none. */
bool baseline_deviation(struct span text, enum baseline_class *class, struct span *pattern);
/* The key that the pattern stands for alone, into out[pattern.n]; false: it stands for several. */
bool baseline_plain(struct span pattern, char *out, size_t *n);

/* Parts of answers. */
void baseline_put_bool(struct buf *b, const char *key, bool v);
void baseline_put_time(struct buf *b, const char *key, uint64_t unix_ns); /* nothing for 0 */
void baseline_put_enforceable(struct baseline_request *r);
void baseline_begin_answer(struct baseline_request *r);
void baseline_begin_deviation(struct buf *out, enum baseline_class c, struct span pattern,
			      const struct seen *s);

#endif
