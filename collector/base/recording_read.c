// SPDX-License-Identifier: GPL-2.0-or-later
/* The reader: a frame at a time, checked before anything of it is handed out. Nothing in the file
 * is trusted: what a frame may unpack to is bounded before it is unpacked. */
#include <errno.h>
#include <string.h>
#include <zstd.h>

#include "collector/base/recording.h"
#include "collector/base/recording_internal.h"

struct recording_reader {
	int fd;
	ZSTD_DCtx *zstd;
	struct recording_header header;
	uint64_t offset; /* in the file, of in[at] */
	uint64_t items;
	bool eof, ended, whole; /* whole: END was read */
	int failed;		/* and the same error again */
	struct err why;
	size_t at, n; /* of what was read and not yet unpacked */
	size_t frame_at, frame_n;
	_Alignas(8) uint8_t item[RECORDING_ITEM_MAX];
	uint8_t frame[RECORDING_FRAME_MAX];
	size_t in_cap;
	uint8_t in[];
};

static int fail(struct recording_reader *r, int code, struct err *e)
{
	r->failed = code;
	if (e)
		*e = r->why;
	return code;
}

static int damaged(struct recording_reader *r, const char *what, struct err *e)
{
	err_set(&r->why, EPROTO, "the recording is damaged at byte %llu, after item %llu: %s",
		(unsigned long long)r->offset, (unsigned long long)r->items, what);
	return fail(r, -EPROTO, e);
}

/* Reads on until in[] is full or the file ends. */
static int fill(struct recording_reader *r, struct err *e)
{
	memmove(r->in, r->in + r->at, r->n - r->at);
	r->n -= r->at;
	r->at = 0;
	while (!r->eof && r->n < r->in_cap) {
		ssize_t n = read(r->fd, r->in + r->n, r->in_cap - r->n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int code = err_errno(&r->why, "cannot read the recording at byte %llu",
					     (unsigned long long)(r->offset + r->n));

			return fail(r, code, e);
		}
		r->eof = n == 0;
		r->n += (size_t)n;
	}
	return 0;
}

static int read_header(struct recording_reader *r, uint16_t event_version, struct err *e)
{
	const size_t head = RECORDING_MAGIC_BYTES + 4;
	int code = fill(r, e);

	if (code < 0)
		return code;
	if (r->n < RECORDING_MAGIC_BYTES ||
	    memcmp(r->in, RECORDING_MAGIC, RECORDING_MAGIC_BYTES) != 0)
		return err_set(e, EPROTO, "this is no recording of bulkhead");
	size_t n = r->n < head ? 0 : (size_t)recording_get_le(r->in + RECORDING_MAGIC_BYTES, 4);

	if (n == 0 || n > RECORDING_HEADER_BYTES || r->n < head + n + 8)
		return err_set(e, EPROTO, "the header of the recording is cut short");
	if (recording_get_le(r->in + head + n, 8) != recording_sum(r->in + head, n))
		return err_set(e, EPROTO, "the header of the recording is damaged");
	code = recording_header_decode((struct span){ (const char *)r->in + head, n }, &r->header,
				       e);
	if (code < 0)
		return code;
	if (r->header.event_version != event_version)
		return err_set(e, EPROTONOSUPPORT,
			       "the recording has event format %u, this bulkhead reads format %u "
			       "only",
			       r->header.event_version, event_version);
	r->at = head + n + 8;
	r->offset = r->at;
	return 0;
}

int recording_reader_new(struct recording_reader **out, int fd, uint16_t event_version,
			 struct err *e)
{
	size_t cap = ZSTD_compressBound(RECORDING_FRAME_MAX);
	AUTO(recording_reader_free) struct recording_reader *r = malloc(sizeof(*r) + cap);

	if (!r)
		return err_set(e, ENOMEM, "no memory for a recording");
	*r = (struct recording_reader){ .fd = fd, .in_cap = cap };
	r->zstd = ZSTD_createDCtx();
	if (!r->zstd)
		return err_set(e, ENOMEM, "no memory for zstd");
	int code = read_header(r, event_version, e);

	if (code < 0)
		return code;
	*out = TAKE(r);
	return 0;
}

void recording_reader_free(struct recording_reader *r)
{
	if (!r)
		return;
	ZSTD_freeDCtx(r->zstd);
	free(r);
}

const struct recording_header *recording_reader_header(const struct recording_reader *r)
{
	return &r->header;
}

/* The bytes of the frame at in[at], all of which are there; or 0, and *why says what is wrong. */
static size_t frame_bytes(const struct recording_reader *r, const char **why)
{
	size_t n = ZSTD_findFrameCompressedSize(r->in + r->at, r->n - r->at);

	if (ZSTD_isError(n)) {
		/* Longer than any frame of ours can be, or the rest is missing. */
		*why = r->eof ? "it is cut short or not a zstd frame"
			      : "not a frame of a recording";
		return 0;
	}
	unsigned long long content = ZSTD_getFrameContentSize(r->in + r->at, n);

	if (content == 0 || content == ZSTD_CONTENTSIZE_UNKNOWN ||
	    content == ZSTD_CONTENTSIZE_ERROR || content > RECORDING_FRAME_MAX) {
		*why = "a frame that is longer than a recording has, or without length";
		return 0;
	}
	return n;
}

/* 1: frame[] is filled; 0: the file ends here. */
static int next_frame(struct recording_reader *r, struct err *e)
{
	const char *why = NULL;
	int code = r->n - r->at < r->in_cap && !r->eof ? fill(r, e) : 0;

	if (code < 0)
		return code;
	if (r->at == r->n)
		return 0;
	size_t n = frame_bytes(r, &why);

	if (n == 0)
		return damaged(r, why, e);
	size_t content = ZSTD_decompressDCtx(r->zstd, r->frame, sizeof(r->frame), r->in + r->at, n);

	if (ZSTD_isError(content))
		return damaged(r, ZSTD_getErrorName(content), e);
	r->at += n;
	r->offset += n;
	r->frame_at = 0;
	r->frame_n = content;
	return 1;
}

static int take_item(struct recording_reader *r, struct recording_item *out, struct err *e)
{
	const uint8_t *p = r->frame + r->frame_at;
	size_t left = r->frame_n - r->frame_at;
	size_t n = left < RECORDING_ITEM_HEAD ? left : (size_t)recording_get_le(p + 1, 4);

	if (left < RECORDING_ITEM_HEAD || n > RECORDING_ITEM_MAX || n > left - RECORDING_ITEM_HEAD)
		return damaged(r, "an item's length does not fit", e);
	if (n)
		memcpy(r->item, p + RECORDING_ITEM_HEAD, n);
	r->frame_at += RECORDING_ITEM_HEAD + n;
	r->items++;
	*out = (struct recording_item){ p[0], r->items, { (const char *)r->item, n } };
	if (p[0] != RECORDING_END)
		return 1;
	if (n != 8 || recording_get_le(r->item, 8) != r->items - 1 || r->frame_at != r->frame_n)
		return damaged(r, "the end does not match what came before", e);
	r->whole = true;
	return 0;
}

int recording_read(struct recording_reader *r, struct recording_item *out, struct err *e)
{
	if (r->failed)
		return fail(r, r->failed, e);
	if (r->ended)
		return 0;
	int code = r->frame_at < r->frame_n ? 1 : next_frame(r, e);

	if (code == 0)
		return damaged(r, "it ends here, without the mark of a finished recording", e);
	if (code > 0)
		code = take_item(r, out, e);
	if (code == 0)
		code = next_frame(r, e) == 0 ? 0 : damaged(r, "there is more behind the end", e);
	r->ended = code == 0;
	return code;
}
