// SPDX-License-Identifier: GPL-2.0-or-later
/* The I/O half of cgparse.h: io.stat of v2, blkio.* of v1. */
#include <string.h>

#include "collector/cgparse.h"

_Static_assert(SAMPLE_MAX_DEVICES <= 32, "one bit a device in struct cgparse_io");

static bool parse_device(struct span s, uint32_t *major, uint32_t *minor)
{
	struct span piece;

	return span_next(&s, ':', &piece) && parse_u32(piece, major) && s.p && parse_u32(s, minor);
}

/* The entry of a device, made when it is new; NULL when all are taken. */
static struct sample_io *device_entry(struct sample *out, uint32_t major, uint32_t minor,
				      struct cgparse_io *io)
{
	uint32_t i = 0;

	while (i < out->io_n && (out->io[i].major != major || out->io[i].minor != minor))
		i++;
	if (i == SAMPLE_MAX_DEVICES)
		return NULL;
	if (i == out->io_n) {
		out->io[i] = (struct sample_io){ .major = major, .minor = minor };
		out->io_n++;
	}
	io->seen |= 1U << i;
	return &out->io[i];
}

static uint64_t *io_stat_field(struct sample_io *d, struct span key)
{
	if (span_eq(key, "rbytes"))
		return &d->read_bytes;
	if (span_eq(key, "wbytes"))
		return &d->write_bytes;
	if (span_eq(key, "rios"))
		return &d->reads;
	if (span_eq(key, "wios"))
		return &d->writes;
	if (span_eq(key, "dbytes"))
		return &d->discard_bytes;
	if (span_eq(key, "dios"))
		return &d->discards;
	return NULL; /* cost.* and what later kernels add */
}

static bool io_stat_pair(struct sample_io *d, struct span word)
{
	struct span key;

	if (!span_next(&word, '=', &key) || !word.p)
		return false;
	uint64_t *field = io_stat_field(d, key);

	return !field || parse_u64(word, field);
}

/* Devices are told by their word, not by the line: some kernels print "8:16 8:0 rbytes=..." for a
 * device without figures. */
int cgparse_io_stat(struct span text, struct sample *out, struct cgparse_io *io)
{
	struct sample_io dropped, *d = NULL;
	struct span line, word;
	uint32_t major, minor;
	int devices = 0;

	if (text.n > 0 && text.p[text.n - 1] != '\n')
		return -1;
	while (span_next(&text, '\n', &line)) {
		while (span_word(&line, &word)) {
			if (!memchr(word.p, '=', word.n)) {
				d = &dropped;
				if (!parse_device(word, &major, &minor))
					continue; /* "(null)" of a vanished device */
				devices++;
				d = device_entry(out, major, minor, io);
				if (!d) {
					io->refused++;
					d = &dropped;
				}
			} else if (!d || !io_stat_pair(d, word)) {
				return -1;
			}
		}
	}
	return devices;
}

static uint64_t *blkio_field(struct sample_io *d, struct span op, enum cgparse_blkio what)
{
	bool bytes = what == CGPARSE_BLKIO_BYTES;

	if (span_eq(op, "Read"))
		return bytes ? &d->read_bytes : &d->reads;
	if (span_eq(op, "Write"))
		return bytes ? &d->write_bytes : &d->writes;
	if (span_eq(op, "Discard"))
		return bytes ? &d->discard_bytes : &d->discards;
	if (span_eq(op, "Sync"))
		return bytes ? &d->sync_bytes : NULL;
	if (span_eq(op, "Async"))
		return bytes ? &d->async_bytes : NULL;
	return NULL; /* Total */
}

struct blkio_line {
	uint64_t major, minor, value;
	struct span op;
};

/* "254:0 Read 131072" */
static bool blkio_line(const char *p, const char *nl, struct blkio_line *l)
{
	if (!cgparse_take_u64(&p, nl, &l->major) || p == nl || *p++ != ':' ||
	    !cgparse_take_u64(&p, nl, &l->minor) || p == nl || *p++ != ' ' ||
	    l->major > UINT32_MAX || l->minor > UINT32_MAX)
		return false;
	const char *blank = memchr(p, ' ', (size_t)(nl - p));

	if (!blank)
		return false;
	l->op = (struct span){ p, (size_t)(blank - p) };
	p = blank + 1;
	return cgparse_take_u64(&p, nl, &l->value) && p == nl;
}

int cgparse_blkio(struct span text, enum cgparse_blkio what, struct sample *out,
		  struct cgparse_io *io)
{
	const char *p = text.p, *end = text.p + text.n;
	struct sample_io dropped, *d = NULL;
	struct blkio_line l = { .major = 0 }, last;
	int lines = 0;

	if (text.n > 0 && end[-1] != '\n')
		return -1;
	for (; p < end; p = (const char *)memchr(p, '\n', (size_t)(end - p)) + 1) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));

		if (nl == p || *p == 'T') /* "Total 123" sums up all devices */
			continue;
		last = l;
		if (!blkio_line(p, nl, &l))
			return -1;
		lines++;
		if (!d || l.major != last.major || l.minor != last.minor) {
			d = device_entry(out, (uint32_t)l.major, (uint32_t)l.minor, io);
			if (!d) { /* five or six lines a device, all in a row */
				io->refused++;
				d = &dropped;
			}
		}
		uint64_t *field = blkio_field(d, l.op, what);

		if (field)
			*field = l.value;
	}
	return lines;
}
