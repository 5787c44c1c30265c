// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#define RRD_EXPORT_DEPRECATED	 /* the layout of the file: what librrd has no call for is cut by  \
				    hand */
#include <rrd.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/base/io.h"
#include "http/history_internal.h"

#define MAX_ARCHIVES (2 * HISTORY_MAX_TIERS)
#define COPY_BYTES   65536
#define XFF	     "0.9999" /* one known second makes a row known */
#define HEARTBEAT_S  150      /* more than any wait for the flush; gaps are told by NaN points */

/* Everything of the file before the rows. Never more than about 10 KB. */
struct header {
	stat_head_t stat;
	ds_def_t ds[HISTORY_MAX_METRICS];
	rra_def_t rra[MAX_ARCHIVES];
	live_head_t live;
	pdp_prep_t pdp[HISTORY_MAX_METRICS];
	cdp_prep_t cdp[MAX_ARCHIVES * HISTORY_MAX_METRICS];
	rra_ptr_t ptr[MAX_ARCHIVES];
};

static size_t header_bytes(size_t ds, size_t rra)
{
	return sizeof(stat_head_t) + ds * sizeof(ds_def_t) + rra * sizeof(rra_def_t) +
	       sizeof(live_head_t) + ds * sizeof(pdp_prep_t) + ds * rra * sizeof(cdp_prep_t) +
	       rra * sizeof(rra_ptr_t);
}

uint64_t history_rrd_bytes(const struct history_schema *s, bool reduced)
{
	uint64_t rows = 0;
	size_t archives = 0;

	for (uint32_t i = reduced ? s->tiers_n - 1 : 0; i < s->tiers_n; i++) {
		archives += s->tiers[i].max ? 2 : 1;
		rows += (uint64_t)s->tiers[i].rows * (s->tiers[i].max ? 2 : 1);
	}
	return header_bytes(s->metrics_n, archives) + rows * s->metrics_n * sizeof(double);
}

static int rrd_failed(struct err *e, const char *what, const char *path)
{
	const char *text = rrd_test_error() ? rrd_get_error() : "unknown error";
	int r = err_set(e, EIO, "cannot %s '%s': %s", what, path, text);

	rrd_clear_error();
	return r;
}

int history_rrd_create(const char *path, const struct history_schema *s, bool reduced,
		       int64_t last_up, struct err *e)
{
	char text[HISTORY_MAX_METRICS + MAX_ARCHIVES][64], temp[HISTORY_PATH_BYTES + 8];
	const char *args[HISTORY_MAX_METRICS + MAX_ARCHIVES];
	int n = 0;

	for (uint32_t i = 0; i < s->metrics_n; i++, n++)
		snprintf(text[n], sizeof(text[n]), "DS:%s:GAUGE:%u:0:U", s->metrics[i].name,
			 s->gap_s * 2 > HEARTBEAT_S ? s->gap_s * 2 : HEARTBEAT_S);
	for (uint32_t i = reduced ? s->tiers_n - 1 : 0; i < s->tiers_n; i++) {
		const struct history_tier *t = &s->tiers[i];

		for (int max = 0; max <= (t->max ? 1 : 0); max++, n++)
			snprintf(text[n], sizeof(text[n]), "RRA:%s:" XFF ":%u:%u",
				 max ? "MAX" : "AVERAGE", t->step / s->pdp_step, t->rows);
	}
	for (int i = 0; i < n; i++)
		args[i] = text[i];
	snprintf(temp, sizeof(temp), "%s.new", path);
	unlink(temp); /* of a process that was killed here */
	rrd_clear_error();
	if (rrd_create_r2(temp, s->pdp_step, last_up, 1, NULL, NULL, n, args) != 0) {
		unlink(temp);
		return rrd_failed(e, "create", path);
	}
	/* librrd makes files 0644, whatever the umask: what a host runs is not everybody's */
	if (chmod(temp, 0600) < 0 ||
	    renameat2(AT_FDCWD, temp, AT_FDCWD, path, RENAME_NOREPLACE) < 0) {
		int saved = errno;

		unlink(temp);
		errno = saved;
		return err_errno(e, "cannot create '%s'", path);
	}
	return 0;
}

/* Nine decimals or whole numbers: a tenth of printf's cost, and this is most of a flush. */
static void add_value(struct buf *b, double v)
{
	if (!isfinite(v) || v < 0 || v >= 1e18) {
		buf_add_char(b, 'U');
	} else if (v < 1e6) {
		buf_add_fixed(b, (uint64_t)(v * 1e9 + 0.5), 9);
	} else {
		buf_add_u64(b, (uint64_t)(v + 0.5));
	}
}

#define UPDATE_BATCH 64

int history_rrd_update(const char *path, const struct history_schema *s, const double *points,
		       uint32_t n, struct buf *scratch, struct err *e)
{
	size_t stride = s->metrics_n + 1, offsets[UPDATE_BATCH];
	const char *args[UPDATE_BATCH];

	for (uint32_t done = 0; done < n;) {
		uint32_t batch = n - done < UPDATE_BATCH ? n - done : UPDATE_BATCH;

		buf_clear(scratch);
		for (uint32_t i = 0; i < batch; i++) {
			const double *p = points + (done + i) * stride;

			offsets[i] = scratch->len;
			buf_add_u64(scratch, (uint64_t)p[0]);
			for (size_t k = 1; k < stride; k++) {
				buf_add_char(scratch, ':');
				add_value(scratch, p[k]);
			}
			buf_add_char(scratch, '\0');
		}
		if (scratch->failed)
			return err_set(e, ENOMEM, "no memory to update '%s'", path);
		for (uint32_t i = 0; i < batch; i++)
			args[i] = scratch->data + offsets[i];
		rrd_clear_error();
		if (rrd_update_r(path, NULL, (int)batch, args) != 0)
			return rrd_failed(e, "update", path);
		done += batch;
	}
	return 0;
}

static bool read_part(int fd, uint64_t *offset, void *out, size_t n)
{
	ssize_t got = pread(fd, out, n, (off_t)*offset);

	*offset += n;
	return got == (ssize_t)n;
}

/* librrd trusts the counts in a header further than it should, so all of them are compared with
 * what was created before librrd sees the file. */
static bool header_read(int fd, const struct history_schema *s, struct header *h, uint64_t *offset)
{
	if (!read_part(fd, offset, &h->stat, sizeof(h->stat)) ||
	    memcmp(h->stat.cookie, RRD_COOKIE, 4) != 0 || h->stat.version[4] != '\0' ||
	    memcmp(h->stat.version, "000", 3) != 0 || h->stat.version[3] < '3' ||
	    h->stat.version[3] > '5' || h->stat.float_cookie != FLOAT_COOKIE ||
	    h->stat.ds_cnt != s->metrics_n || h->stat.rra_cnt < 1 ||
	    h->stat.rra_cnt > MAX_ARCHIVES || h->stat.pdp_step != s->pdp_step)
		return false;
	size_t ds = h->stat.ds_cnt, rra = h->stat.rra_cnt;

	return read_part(fd, offset, h->ds, ds * sizeof(h->ds[0])) &&
	       read_part(fd, offset, h->rra, rra * sizeof(h->rra[0])) &&
	       read_part(fd, offset, &h->live, sizeof(h->live)) &&
	       read_part(fd, offset, h->pdp, ds * sizeof(h->pdp[0])) &&
	       read_part(fd, offset, h->cdp, ds * rra * sizeof(h->cdp[0])) &&
	       read_part(fd, offset, h->ptr, rra * sizeof(h->ptr[0]));
}

static bool archive_known(const struct history_schema *s, const rra_def_t *rra, bool *max,
			  uint32_t *step, bool *cut)
{
	if (!memchr(rra->cf_nam, '\0', sizeof(rra->cf_nam)))
		return false;
	*max = strcmp(rra->cf_nam, "MAX") == 0;
	if (!*max && strcmp(rra->cf_nam, "AVERAGE") != 0)
		return false;
	for (uint32_t i = 0; i < s->tiers_n; i++) {
		const struct history_tier *t = &s->tiers[i];

		*step = t->step;
		if (rra->pdp_cnt != t->step / s->pdp_step || (*max && !t->max))
			continue;
		if (rra->row_cnt < t->rows)
			*cut = true;
		return rra->row_cnt >= 1 && rra->row_cnt <= t->rows;
	}
	return false;
}

static bool header_check(const struct header *h, const struct history_schema *s, uint64_t size,
			 struct history_file *out)
{
	uint64_t rows = 0;

	for (uint32_t i = 0; i < s->metrics_n; i++)
		if (strncmp(h->ds[i].ds_nam, s->metrics[i].name, DS_NAM_SIZE) != 0 ||
		    strncmp(h->ds[i].dst, "GAUGE", DST_SIZE) != 0)
			return false;
	*out = (struct history_file){ .last = h->live.last_up,
				      .bytes = size,
				      .archives_n = (uint32_t)h->stat.rra_cnt,
				      .data_offset = header_bytes(s->metrics_n, h->stat.rra_cnt) };
	for (uint32_t i = 0; i < out->archives_n; i++) {
		struct history_archive *a = &out->archives[i];

		if (!archive_known(s, &h->rra[i], &a->max, &a->step, &out->cut) ||
		    h->ptr[i].cur_row >= h->rra[i].row_cnt)
			return false;
		a->rows = h->rra[i].row_cnt;
		a->cur_row = h->ptr[i].cur_row;
		rows += a->rows;
	}
	out->reduced = out->archives[0].step != s->tiers[0].step;
	return h->live.last_up > 0 && h->live.last_up < INT64_C(1) << 40 &&
	       size == out->data_offset + rows * s->metrics_n * sizeof(double);
}

/* The open file, its header in *h; -EBADMSG when it is not ours. */
static int open_checked(const char *path, const struct history_schema *s, struct header *h,
			struct history_file *out, struct err *e)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	uint64_t offset = 0;
	struct stat st;

	if (fd < 0 && errno == ELOOP)
		return err_set(e, EBADMSG, "'%s' is a symbolic link", path);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(e, "cannot open '%s'", path);
	if (!S_ISREG(st.st_mode) || !header_read(fd, s, h, &offset) ||
	    !header_check(h, s, (uint64_t)st.st_size, out))
		return err_set(e, EBADMSG, "'%s' is damaged", path);
	return TAKE_FD(fd);
}

int history_rrd_check(const char *path, const struct history_schema *s, struct history_file *out,
		      struct err *e)
{
	struct header h;
	AUTO_FD int fd = open_checked(path, s, &h, out, e);

	return fd < 0 ? fd : 0;
}

/* The newest `rows` rows of archive i, oldest first, so that the new current row is the last. */
static int copy_rows(int from, int to, const struct history_schema *s,
		     const struct history_file *file, uint32_t i, uint64_t rows)
{
	const struct history_archive *a = &file->archives[i];
	uint64_t base = file->data_offset, row_bytes = s->metrics_n * sizeof(double);
	uint64_t first = (a->cur_row + 1 + a->rows - rows) % a->rows, left = rows * row_bytes;
	uint64_t at = first * row_bytes, end = a->rows * row_bytes;
	AUTO_FREE char *chunk = malloc(COPY_BYTES);

	if (!chunk)
		return -ENOMEM;
	for (uint32_t k = 0; k < i; k++)
		base += file->archives[k].rows * row_bytes;
	while (left > 0) {
		uint64_t n = left < end - at ? left : end - at;

		if (n > COPY_BYTES)
			n = COPY_BYTES;
		ssize_t got = pread(from, chunk, n, (off_t)(base + at));

		if (got != (ssize_t)n)
			return got < 0 ? -errno : -EIO;
		int r = io_write_all(to, chunk, n);

		if (r < 0)
			return r;
		left -= n;
		at = at + n == end ? 0 : at + n;
	}
	return 0;
}

/* Picks the archives that stay and how many rows of each. */
static uint32_t plan_cut(const struct history_schema *s, const struct history_file *file,
			 int64_t first, bool reduce, uint64_t rows[MAX_ARCHIVES])
{
	uint32_t coarsest = s->tiers[s->tiers_n - 1].step, kept = 0;

	for (uint32_t i = 0; i < file->archives_n; i++) {
		const struct history_archive *a = &file->archives[i];
		int64_t step = a->step;
		int64_t n = file->last / step - (first > 0 ? (first - 1) / step : 0);

		rows[i] = n < 1 ? 1 : (uint64_t)n < a->rows ? (uint64_t)n : a->rows;
		if (reduce)
			rows[i] = a->step == coarsest ? a->rows : 0;
		kept += rows[i] > 0;
	}
	return kept;
}

static int write_header(int fd, struct header *h, const struct history_file *file,
			const uint64_t *rows, uint32_t kept)
{
	size_t ds = h->stat.ds_cnt, k = 0;

	for (uint32_t i = 0; i < file->archives_n; i++) {
		if (rows[i] == 0)
			continue;
		h->rra[k] = h->rra[i];
		h->rra[k].row_cnt = rows[i];
		h->ptr[k].cur_row = rows[i] - 1;
		memmove(&h->cdp[k * ds], &h->cdp[i * ds], ds * sizeof(h->cdp[0]));
		k++;
	}
	h->stat.rra_cnt = kept;
	const struct span parts[] = {
		{ (const char *)&h->stat, sizeof(h->stat) },
		{ (const char *)h->ds, ds * sizeof(h->ds[0]) },
		{ (const char *)h->rra, kept * sizeof(h->rra[0]) },
		{ (const char *)&h->live, sizeof(h->live) },
		{ (const char *)h->pdp, ds * sizeof(h->pdp[0]) },
		{ (const char *)h->cdp, kept * ds * sizeof(h->cdp[0]) },
		{ (const char *)h->ptr, kept * sizeof(h->ptr[0]) },
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && r == 0; i++)
		r = io_write_all(fd, parts[i].p, parts[i].n);
	return r;
}

static int write_cut(int from, int to, struct header *h, const struct history_schema *s,
		     const struct history_file *file, const uint64_t *rows, uint32_t kept)
{
	int r = write_header(to, h, file, rows, kept);

	for (uint32_t i = 0; i < file->archives_n && r == 0; i++)
		if (rows[i] > 0)
			r = copy_rows(from, to, s, file, i, rows[i]);
	/* The old file goes away for the new one: its writing begins now, long before the rename
	 * gets to the disk. To wait for it would stall all history for seconds on a busy disk. */
	if (r == 0)
		sync_file_range(to, 0, 0, SYNC_FILE_RANGE_WRITE);
	return r;
}

int history_rrd_cut(const char *path, const struct history_schema *s, int64_t first, bool reduce,
		    uint64_t *bytes, struct err *e)
{
	struct header h;
	struct history_file file;
	uint64_t rows[MAX_ARCHIVES], total = 0;
	char temp[HISTORY_PATH_BYTES + 8];
	AUTO_FD int from = open_checked(path, s, &h, &file, e);

	if (from < 0)
		return from;
	uint32_t kept = plan_cut(s, &file, first, reduce, rows);

	snprintf(temp, sizeof(temp), "%s.new", path);
	unlink(temp);
	AUTO_FD int to = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (to < 0)
		return err_errno(e, "cannot create '%s'", temp);
	int r = write_cut(from, to, &h, s, &file, rows, kept);

	if (r == 0 && rename(temp, path) < 0)
		r = -errno;
	if (r < 0) {
		unlink(temp);
		errno = -r;
		return err_errno(e, "cannot cut '%s'", path);
	}
	for (uint32_t i = 0; i < file.archives_n; i++)
		total += rows[i] * s->metrics_n * sizeof(double);
	*bytes = total + header_bytes(s->metrics_n, kept);
	return 0;
}

static void free_fetched(char **names, unsigned long n, rrd_value_t *data)
{
	for (unsigned long i = 0; names && i < n; i++)
		rrd_freemem(names[i]);
	rrd_freemem(names);
	rrd_freemem(data);
}

int history_rrd_fetch(const char *path, const struct history_schema *s,
		      const struct history_file *file, const struct history_archive *archive,
		      int64_t from, int64_t to, history_row_fn fn, void *ctx, struct err *e)
{
	int64_t step = archive->step, newest = file->last - file->last % step;
	int64_t oldest = newest - (int64_t)archive->rows * step;
	time_t start = from > oldest ? from - from % step : oldest;
	time_t end = to < newest ? to - to % step : newest;
	unsigned long got_step = archive->step, columns = 0;
	char **names = NULL;
	rrd_value_t *data = NULL;

	if (start >= end)
		return 0;
	int64_t last = end;

	rrd_clear_error();
	if (rrd_fetch_r(path, archive->max ? "MAX" : "AVERAGE", &start, &end, &got_step, &columns,
			&names, &data) != 0)
		return rrd_failed(e, "read", path);
	/* librrd chooses the archive: with a start that this one covers and its very step it can
	 * choose no other; a row count that does not fit would be a changed file. */
	if (got_step == archive->step && columns == s->metrics_n) {
		const double *row = data;

		for (int64_t t = start + step; t <= last; t += step, row += columns)
			fn(ctx, t - step, t, row);
	}
	free_fetched(names, columns, data);
	return 0;
}
