// SPDX-License-Identifier: GPL-2.0-or-later
/* The spool: what waits for its flush at a clean stop, written in one sweep and read back at the
 * next start. To bring it into the RRD files instead would take seconds for hundreds of containers
 * on a busy disk, and a stop has less than one.
 *
 * File: 8 bytes of magic, records, a record of length 0. Record: u32 length, u32 CRC-32 of its
 * payload, payload. A payload is an entity (kind, container message, end) and two series (columns,
 * from, count, points); a point is the seconds since the point before it, a bit for each value
 * that differs from the one before it, and those values.
 *
 * pending.bin stays until all of it is in the RRD files: what is there already is not taken twice,
 * so a kill in between loses nothing. pending.new is one that was not finished. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "collector/base/clock.h"
#include "collector/base/io.h"
#include "http/history_internal.h"

#define MAGIC		"BHSPOOL\1" /* the last byte is the version */
#define MAGIC_BYTES	8
#define MAX_FILE_BYTES	(64u << 20)
#define RECORD_HEAD	8
#define MAX_POINT_BYTES (4 + 2 + 8 * HISTORY_MAX_METRICS)
#define MAX_RECORD	(RECORD_HEAD + 8192 + 2 * HISTORY_MAX_RING * MAX_POINT_BYTES)
#define MAX_SECONDS	(INT64_C(1) << 40)

static const char file_name[] = "pending.bin", temp_name[] = "pending.new";

static uint64_t bits_of(double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	return bits;
}

/* --- writing -------------------------------------------------------------------------------- */

struct spool {
	struct history *h;
	int fd;
	uint8_t *record; /* MAX_RECORD bytes */
	uint64_t bytes;
	uint64_t left_out; /* points */
	int error;	   /* of the first write that failed: nothing is written after it */
};

static void put_series(struct wire_writer *w, const struct history_series *s)
{
	uint64_t before[HISTORY_MAX_METRICS] = { 0 };
	int64_t t = s->from;

	wire_put_u8(w, (uint8_t)s->schema->metrics_n);
	wire_put_u64(w, (uint64_t)s->from);
	wire_put_u32(w, s->n);
	for (uint32_t i = 0; i < s->n; i++) {
		const double *p = s->ring + i * (s->schema->metrics_n + 1);
		uint16_t differ = 0;

		for (uint32_t k = 0; k < s->schema->metrics_n; k++)
			differ |= (uint16_t)((bits_of(p[k + 1]) != before[k]) << k);
		wire_put_u32(w, (uint32_t)((int64_t)p[0] - t));
		wire_put_u16(w, differ);
		for (uint32_t k = 0; k < s->schema->metrics_n; k++) {
			if (!(differ >> k & 1))
				continue;
			before[k] = bits_of(p[k + 1]);
			wire_put_u64(w, before[k]);
		}
		t = (int64_t)p[0];
	}
}

static void write_record(struct spool *s, const struct history_live *l)
{
	const struct history_entity *n = l->entity;
	struct wire_writer w = { .p = s->record + RECORD_HEAD, .cap = MAX_RECORD - RECORD_HEAD };
	struct wire_writer head = { .p = s->record, .cap = RECORD_HEAD };
	uint8_t bytes[6 * (HISTORY_MAX_TEXT + 2) + 16];
	struct wire_writer inner = { .p = bytes, .cap = sizeof(bytes) };
	const struct wire_container text = { .start_unix_ns = (uint64_t)l->started * NS_PER_S,
					     .key = span_str(n->key),
					     .id = span_str(n->id),
					     .name = span_str(n->name),
					     .image = span_str(n->image),
					     .image_id = span_str(n->image_id),
					     .runtime = span_str(n->runtime) };

	wire_put_u8(&w, (uint8_t)n->kind);
	wire_put_u64(&w, (uint64_t)l->ended);
	wire_container_encode(&inner, &text);
	wire_put_bytes(&w, (struct span){ (const char *)bytes, inner.failed ? 0 : inner.len });
	put_series(&w, &l->main);
	put_series(&w, &l->disk);
	wire_put_u32(&head, (uint32_t)w.len);
	wire_put_u32(&head, (uint32_t)crc32(0, w.p, (uInt)w.len));
	if (!s->error && !w.failed && s->bytes + w.len + 2 * RECORD_HEAD <= MAX_FILE_BYTES) {
		s->error = io_write_all(s->fd, s->record, RECORD_HEAD + w.len);
		s->bytes += RECORD_HEAD + w.len;
		if (!s->error)
			return;
	}
	s->left_out += l->main.n + l->disk.n;
}

static void write_all(struct spool *s)
{
	struct history *h = s->h;

	s->error = io_write_all(s->fd, MAGIC, MAGIC_BYTES);
	for (size_t i = 0; i < h->entities_n; i++) {
		const struct history_live *l = h->entities[i]->live;

		if (l && (l->main.n > 0 || l->disk.n > 0 || l->ended))
			write_record(s, l);
	}
	for (size_t i = 0; i < HISTORY_MAX_IMAGES; i++) {
		struct history_live l = { .started = h->sums[i].first };

		if (!history_sums_pending(&h->sums[i], &l.main))
			continue;
		l.entity = history_sums_entity(h, &h->sums[i]);
		l.disk.schema = &history_schema_disk;
		if (l.entity)
			write_record(s, &l);
		free(l.main.ring);
	}
	if (!s->error)
		s->error = io_write_all(s->fd, (uint8_t[RECORD_HEAD]){ 0 }, RECORD_HEAD);
}

static void write_failed(struct history *h, uint64_t points, const char *why)
{
	HISTORY_COUNT(h, HISTORY_ERRORS, 1);
	history_note(h, "%llu points that waited for their flush are lost: %s",
		     (unsigned long long)points, why);
}

/* After a failure the earlier file stays and the new one too: what could be written is read. */
static void finish(struct spool *s)
{
	struct history *h = s->h;

	if (!s->error && s->left_out == 0) {
		/* not a rename over it: some file systems write the data out first then */
		unlinkat(h->dir_fd, file_name, 0);
		if (renameat(h->dir_fd, temp_name, h->dir_fd, file_name) < 0)
			s->error = -errno;
	}
	if (s->error)
		write_failed(h, s->left_out, strerror(-s->error));
	else if (s->left_out > 0)
		write_failed(h, s->left_out, "they are too many");
}

static bool anything(const struct history *h)
{
	for (size_t i = 0; i < h->entities_n; i++) {
		const struct history_live *l = h->entities[i]->live;

		if (l && (l->main.n > 0 || l->disk.n > 0 || l->ended))
			return true;
	}
	for (size_t i = 0; i < HISTORY_MAX_IMAGES; i++)
		if (h->sums[i].v && h->sums[i].first < h->sums[i].end)
			return true;
	return false;
}

void history_spool_write(struct history *h)
{
	struct spool s = { .h = h };

	h->spooled_n = 0; /* the files stay when those that need them are released now */
	if (!anything(h))
		return;
	AUTO_FREE uint8_t *record = malloc(MAX_RECORD);
	AUTO_FD int fd = openat(h->dir_fd, temp_name,
				O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	s.record = record;
	s.fd = fd;
	if (!record || fd < 0) {
		write_failed(h, atomic_load(&h->stats[SERVE_STAT_HISTORY_PENDING]),
			     strerror(errno));
		return;
	}
	write_all(&s);
	finish(&s);
}

/* --- reading -------------------------------------------------------------------------------- */

static bool point_ok(double v)
{
	return isnan(v) || (v >= 0 && v <= 1e300);
}

/* Points as a ring holds them; NULL and r->failed when the bytes are no series of this schema. */
static double *get_series(struct wire_reader *r, const struct history_schema *s, int64_t *from,
			  uint32_t *n)
{
	size_t stride = s->metrics_n + 1;
	double before[HISTORY_MAX_METRICS] = { 0 };

	r->failed |= wire_get_u8(r) != s->metrics_n;
	*from = (int64_t)wire_get_u64(r);
	*n = wire_get_u32(r);
	r->failed |= *from < 0 || *from >= MAX_SECONDS || *n > HISTORY_MAX_RING;
	double *points = r->failed ? NULL : malloc((*n + 1) * stride * sizeof(double));
	int64_t t = *from;

	r->failed |= !points;
	for (uint32_t i = 0; i < *n && !r->failed; i++) {
		double *p = points + i * stride;
		uint32_t seconds = wire_get_u32(r);
		uint16_t differ = wire_get_u16(r);

		r->failed |= seconds == 0 || differ >> s->metrics_n != 0;
		t += seconds;
		p[0] = (double)t;
		for (uint32_t k = 0; k < s->metrics_n; k++) {
			uint64_t bits = differ >> k & 1 ? wire_get_u64(r) : bits_of(before[k]);

			memcpy(&before[k], &bits, sizeof(bits));
			r->failed |= !point_ok(before[k]);
			p[k + 1] = before[k];
		}
	}
	return points;
}

static bool text_ok(enum history_kind kind, const struct wire_container *text)
{
	static const char *const prefix[HISTORY_KINDS] = { "", "image:", "host", "fs:" };
	struct span rest = text->key;

	if (!span_starts(rest, prefix[kind]) || text->start_unix_ns > UINT64_C(1) << 62)
		return false;
	rest.p += strlen(prefix[kind]);
	rest.n -= strlen(prefix[kind]);
	return kind == HISTORY_HOST ? rest.n == 0 : history_key_ok(rest);
}

/* The one that these points belong to. */
static struct history_live *park(struct history *h, enum history_kind kind,
				 const struct wire_container *text)
{
	int64_t started = (int64_t)(text->start_unix_ns / NS_PER_S);
	struct history_entity *n = history_entity_find(h, kind, text->key);

	if (n && n->live && kind == HISTORY_CONTAINER && !history_live_same(n->live, started)) {
		history_live_end(h, n->live, n->live->main.last);
		n = history_entity_find(h, kind, text->key);
	}
	if (n && n->live)
		return n->live;
	if (!n)
		n = history_entity_add(h, kind, text);
	else if (history_entity_rename(n, text) < 0)
		return NULL;
	struct history_live *l = n ? history_live_new(n, started) : NULL;

	if (!l)
		return NULL;
	l->parked = true;
	history_series_resume(h, l);
	return l;
}

static bool load_record(struct history *h, struct span payload)
{
	struct wire_reader r = { .rest = payload };
	unsigned kind = wire_get_u8(&r);
	int64_t ended = (int64_t)wire_get_u64(&r), from, disk_from;
	struct wire_container text;
	uint32_t n, disk_n;

	if (wire_container_decode(wire_get_bytes(&r), &text, NULL) < 0 || kind >= HISTORY_KINDS ||
	    !text_ok((enum history_kind)kind, &text) || ended < 0 || ended >= MAX_SECONDS)
		return false;
	const struct history_entity like = { .kind = (enum history_kind)kind };
	AUTO_FREE double *points = get_series(&r, history_entity_schema(&like), &from, &n);
	AUTO_FREE double *disk = get_series(&r, &history_schema_disk, &disk_from, &disk_n);

	if (wire_finish(&r, "spool", NULL) < 0)
		return false;
	struct history_live *l = park(h, (enum history_kind)kind, &text);

	if (!l) {
		HISTORY_COUNT(h, HISTORY_REFUSED, n + disk_n);
		return true;
	}
	l->ended = ended;
	history_series_restore(h, &l->main, from, points, n);
	history_series_restore(h, &l->disk, disk_from, disk, disk_n);
	if (!l->spooled)
		h->spooled_n++;
	l->spooled = true;
	return true;
}

static bool read_at(int fd, uint64_t *offset, void *out, size_t n)
{
	ssize_t got = pread(fd, out, n, (off_t)*offset);

	*offset += n;
	return got == (ssize_t)n;
}

/* The records up to the first that is damaged. true: up to the end. */
static bool load_records(struct history *h, int fd, uint8_t *record)
{
	uint64_t offset = 0;
	char magic[MAGIC_BYTES];

	if (!read_at(fd, &offset, magic, sizeof(magic)) || memcmp(magic, MAGIC, MAGIC_BYTES) != 0)
		return false;
	while (offset < MAX_FILE_BYTES && read_at(fd, &offset, record, RECORD_HEAD)) {
		struct wire_reader r = { .rest = { (const char *)record, RECORD_HEAD } };
		uint32_t n = wire_get_u32(&r), crc = wire_get_u32(&r);

		if (n == 0)
			return true;
		if (n > MAX_RECORD || !read_at(fd, &offset, record, n) ||
		    crc32(0, record, n) != crc ||
		    !load_record(h, (struct span){ (const char *)record, n }))
			return false;
	}
	return false;
}

static void load_file(struct history *h, const char *name)
{
	AUTO_FD int fd =
		openat(h->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	AUTO_FREE uint8_t *record = malloc(MAX_RECORD);
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return;
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		history_size_changed(h, h->spool_bytes, h->spool_bytes + (uint64_t)st.st_size);
		h->spool_bytes += (uint64_t)st.st_size;
		if (record && load_records(h, fd, record))
			return;
	}
	if (name == temp_name)
		return; /* of a stop that was cut short: that is told already */
	HISTORY_COUNT(h, HISTORY_DAMAGED, 1);
	history_note(h, "history/%s is damaged: points of before the stop are lost", name);
}

static void remove_files(struct history *h)
{
	unlinkat(h->dir_fd, file_name, 0);
	unlinkat(h->dir_fd, temp_name, 0);
	history_forget_file(h, h->spool_bytes);
	h->spool_bytes = 0;
}

void history_spool_load(struct history *h)
{
	h->spooled_n = 1; /* nothing is removed while it is read */
	load_file(h, file_name);
	load_file(h, temp_name);
	if (--h->spooled_n == 0)
		remove_files(h);
}

void history_spool_release(struct history *h, struct history_live *l)
{
	if (!l->spooled)
		return;
	l->spooled = false;
	if (h->spooled_n > 0 && --h->spooled_n == 0)
		remove_files(h);
}
