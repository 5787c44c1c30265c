// SPDX-License-Identifier: GPL-2.0-or-later
/* The writer and what both sides share; the reader is in recording_read.c. */
#include "collector/base/recording.h"

#include <errno.h>
#include <string.h>
#include <zstd.h>

#include "collector/base/clock.h"
#include "collector/base/io.h"
#include "collector/base/recording_internal.h"

#define LEVEL 3

struct recording_writer {
	int fd;
	ZSTD_CCtx *zstd;
	uint64_t items, bytes;
	uint64_t since_ns; /* when the first item of the batch came */
	bool finished;
	size_t n;
	uint8_t batch[RECORDING_FRAME_MAX];
	size_t packed_cap;
	uint8_t packed[]; /* compressed frame */
};

void recording_put_le(uint8_t *p, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

uint64_t recording_get_le(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

uint64_t recording_sum(const uint8_t *p, size_t n)
{
	uint64_t h = 0xcbf29ce484222325ULL; /* FNV-1a */

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 0x100000001b3ULL;
	return h;
}

/* --- header: u16 version, u16 event version, two u64, two strings {u8 length, bytes} ---------- */

static size_t put_text(uint8_t *p, const char *text)
{
	size_t n = strnlen(text, 64);

	p[0] = (uint8_t)n;
	memcpy(p + 1, text, n);
	return n + 1;
}

size_t recording_header_encode(const struct recording_header *h, uint8_t *out, size_t cap)
{
	uint8_t bytes[RECORDING_HEADER_BYTES];
	size_t n = 20;

	recording_put_le(bytes, RECORDING_VERSION, 2);
	recording_put_le(bytes + 2, h->event_version, 2);
	recording_put_le(bytes + 4, h->unix_minus_boot_ns, 8);
	recording_put_le(bytes + 12, h->start_unix_ns, 8);
	n += put_text(bytes + n, h->host);
	n += put_text(bytes + n, h->kernel);
	if (n > cap)
		return 0;
	memcpy(out, bytes, n);
	return n;
}

/* Bytes used, or 0. */
static size_t get_text(const uint8_t *p, size_t n, char out[65])
{
	if (n == 0 || p[0] > 64 || (size_t)p[0] + 1 > n || memchr(p + 1, '\0', p[0]))
		return 0;
	memcpy(out, p + 1, p[0]);
	out[p[0]] = '\0';
	return (size_t)p[0] + 1;
}

int recording_header_decode(struct span bytes, struct recording_header *out, struct err *e)
{
	const uint8_t *p = (const uint8_t *)bytes.p;
	struct recording_header h = { .event_version = 0 };
	size_t at = 20, n;

	if (bytes.n < 2)
		return err_set(e, EPROTO, "the header of the recording is cut short");
	unsigned version = (unsigned)recording_get_le(p, 2);

	if (version != RECORDING_VERSION)
		return err_set(e, EPROTONOSUPPORT,
			       "the recording has format %u, this bulkhead reads format %u only",
			       version, RECORDING_VERSION);
	if (bytes.n < at)
		return err_set(e, EPROTO, "the header of the recording is cut short");
	h.event_version = (uint16_t)recording_get_le(p + 2, 2);
	h.unix_minus_boot_ns = recording_get_le(p + 4, 8);
	h.start_unix_ns = recording_get_le(p + 12, 8);
	n = get_text(p + at, bytes.n - at, h.host);
	at += n;
	if (n > 0)
		n = get_text(p + at, bytes.n - at, h.kernel);
	if (n == 0 || at + n != bytes.n)
		return err_set(e, EPROTO, "the header of the recording is malformed");
	*out = h;
	return 0;
}

/* --- writer ---------------------------------------------------------------------------------- */

static int write_out(struct recording_writer *w, const void *bytes, size_t n, struct err *e)
{
	int r = io_write_all(w->fd, bytes, n);

	if (r < 0)
		return err_set(e, -r, "cannot write the recording: %s", strerror(-r));
	w->bytes += n;
	return 0;
}

static int write_header(struct recording_writer *w, const struct recording_header *h, struct err *e)
{
	static const uint8_t magic[RECORDING_MAGIC_BYTES] = RECORDING_MAGIC;
	uint8_t bytes[sizeof(magic) + 4 + RECORDING_HEADER_BYTES + 8];
	size_t at = sizeof(magic) + 4;
	size_t n = recording_header_encode(h, bytes + at, RECORDING_HEADER_BYTES);

	memcpy(bytes, magic, sizeof(magic));
	recording_put_le(bytes + sizeof(magic), n, 4);
	recording_put_le(bytes + at + n, recording_sum(bytes + at, n), 8);
	return write_out(w, bytes, at + n + 8, e);
}

int recording_writer_new(struct recording_writer **out, int fd, const struct recording_header *h,
			 struct err *e)
{
	size_t cap = ZSTD_compressBound(RECORDING_FRAME_MAX);
	AUTO(recording_writer_free) struct recording_writer *w = malloc(sizeof(*w) + cap);

	if (!w)
		return err_set(e, ENOMEM, "no memory for a recording");
	*w = (struct recording_writer){ .fd = fd, .packed_cap = cap };
	w->zstd = ZSTD_createCCtx();
	if (!w->zstd)
		return err_set(e, ENOMEM, "no memory for zstd");
	if (ZSTD_isError(ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_compressionLevel, LEVEL)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_checksumFlag, 1)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_contentSizeFlag, 1)))
		return err_set(e, EINVAL, "zstd refuses its settings");
	int r = write_header(w, h, e);

	if (r < 0)
		return r;
	*out = TAKE(w);
	return 0;
}

void recording_writer_free(struct recording_writer *w)
{
	if (!w)
		return;
	ZSTD_freeCCtx(w->zstd);
	free(w);
}

static int flush(struct recording_writer *w, struct err *e)
{
	if (w->n == 0)
		return 0;
	size_t n = ZSTD_compress2(w->zstd, w->packed, w->packed_cap, w->batch, w->n);

	if (ZSTD_isError(n))
		return err_set(e, EIO, "cannot compress the recording: %s", ZSTD_getErrorName(n));
	w->n = 0;
	return write_out(w, w->packed, n, e);
}

int recording_write(struct recording_writer *w, enum recording_type type, struct span bytes,
		    struct err *e)
{
	if (bytes.n > RECORDING_ITEM_MAX)
		return err_set(e, EMSGSIZE, "an item of %zu bytes is too long for a recording",
			       bytes.n);
	if (w->finished)
		return err_set(e, EINVAL, "the recording is finished");
	if (w->n == 0)
		w->since_ns = mono_ns();
	w->batch[w->n] = (uint8_t)type;
	recording_put_le(w->batch + w->n + 1, bytes.n, 4);
	if (bytes.n)
		memcpy(w->batch + w->n + RECORDING_ITEM_HEAD, bytes.p, bytes.n);
	w->n += RECORDING_ITEM_HEAD + bytes.n;
	w->items++;
	return w->n >= RECORDING_BATCH_BYTES ? flush(w, e) : recording_tick(w, e);
}

int recording_write_lost(struct recording_writer *w, uint64_t events, struct err *e)
{
	uint8_t bytes[10] = { 0 };

	recording_put_le(bytes, events, 8);
	return recording_write(w, RECORDING_LOST,
			       (struct span){ (const char *)bytes, sizeof(bytes) }, e);
}

int recording_tick(struct recording_writer *w, struct err *e)
{
	return w->n > 0 && mono_ns() - w->since_ns >= RECORDING_FLUSH_NS ? flush(w, e) : 0;
}

int recording_finish(struct recording_writer *w, struct err *e)
{
	uint8_t items[8];

	recording_put_le(items, w->items, 8);
	int r = recording_write(w, RECORDING_END, (struct span){ (const char *)items, 8 }, e);

	if (r == 0)
		r = flush(w, e);
	w->finished = true;
	return r;
}

struct recording_stats recording_writer_stats(const struct recording_writer *w)
{
	return (struct recording_stats){ w->items, w->bytes };
}
