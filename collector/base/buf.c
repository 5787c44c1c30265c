// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>

#define FIRST_BYTES 256
#define PAGE_BYTES  65536 /* shared buffers grow in steps of this and double */

void buf_init(struct buf *b, size_t max_bytes)
{
	*b = (struct buf){ .max = max_bytes, .fd = -1 };
}

int buf_init_shared(struct buf *b, const char *name, size_t max_bytes, struct err *e)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return err_errno(e, "cannot create a memory file");
	*b = (struct buf){ .max = max_bytes, .fd = fd };
	return 0;
}

void buf_release(struct buf *b)
{
	if (b->fd >= 0) {
		if (b->data)
			munmap(b->data, b->cap);
		close(b->fd);
	} else {
		free(b->data);
	}
	*b = (struct buf){ .fd = -1 };
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = false;
}

static char *grow_shared(struct buf *b, size_t cap)
{
	if (ftruncate(b->fd, (off_t)cap) < 0)
		return NULL;
	void *p = b->data ? mremap(b->data, b->cap, cap, MREMAP_MAYMOVE)
			  : mmap(NULL, cap, PROT_READ | PROT_WRITE, MAP_SHARED, b->fd, 0);

	if (p == MAP_FAILED)
		return NULL;
#ifdef MADV_POPULATE_WRITE
	/* One call for all new pages instead of a fault for each; older kernels refuse, no harm. */
	madvise((char *)p + b->cap, cap - b->cap, MADV_POPULATE_WRITE);
#endif
	return p;
}

static bool grow(struct buf *b, size_t need)
{
	size_t cap = b->cap ? b->cap : (b->fd >= 0 ? PAGE_BYTES : FIRST_BYTES);

	if (need > b->max)
		return false;
	while (cap < need)
		cap *= 2;
	if (cap > b->max && b->fd < 0)
		cap = b->max;
	char *p = b->fd >= 0 ? grow_shared(b, cap) : realloc(b->data, cap);

	if (!p)
		return false;
	b->data = p;
	b->cap = cap;
	return true;
}

char *buf_reserve(struct buf *b, size_t n)
{
	if (b->failed)
		return NULL;
	if (b->cap - b->len < n && (n > SIZE_MAX - b->len || !grow(b, b->len + n))) {
		b->failed = true;
		return NULL;
	}
	return b->data + b->len;
}

void buf_add(struct buf *b, const void *bytes, size_t n)
{
	char *p = n ? buf_reserve(b, n) : NULL;

	if (p) {
		memcpy(p, bytes, n);
		b->len += n;
	}
}

void buf_add_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_add_span(struct buf *b, struct span s)
{
	buf_add(b, s.p, s.n);
}

void buf_add_char(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

static const char two_digit_text[] = "00010203040506070809101112131415161718192021222324"
				     "25262728293031323334353637383940414243444546474849"
				     "50515253545556575859606162636465666768697071727374"
				     "75767778798081828384858687888990919293949596979899";

/* Writes v backwards so that it ends before `end`; returns its first byte. */
static char *digits_before(char *end, uint64_t v)
{
	while (v >= 100) {
		const char *two = two_digit_text + v % 100 * 2;

		v /= 100;
		*--end = two[1];
		*--end = two[0];
	}
	if (v >= 10) {
		*--end = two_digit_text[v * 2 + 1];
		*--end = two_digit_text[v * 2];
	} else {
		*--end = (char)('0' + v);
	}
	return end;
}

void buf_add_u64(struct buf *b, uint64_t v)
{
	char text[20];
	char *first = digits_before(text + sizeof(text), v);

	buf_add(b, first, (size_t)(text + sizeof(text) - first));
}

void buf_add_i64(struct buf *b, int64_t v)
{
	if (v < 0)
		buf_add_char(b, '-');
	buf_add_u64(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void buf_add_fixed(struct buf *b, uint64_t v, unsigned digits)
{
	char text[48];
	char *end = text + sizeof(text), *p = end;
	unsigned left = digits;

	while (left > 0 && v % 10 == 0) {
		v /= 10;
		left--;
	}
	if (left > 0) {
		for (unsigned i = 0; i < left; i++, v /= 10)
			*--p = (char)('0' + v % 10);
		*--p = '.';
	}
	p = digits_before(p, v);
	buf_add(b, p, (size_t)(end - p));
}

void buf_add_double(struct buf *b, double v)
{
	char text[40];

	if (isnan(v)) {
		buf_add_str(b, "NaN");
	} else if (isinf(v)) {
		buf_add_str(b, v > 0 ? "+Inf" : "-Inf");
	} else if (v >= 0 && v < 1e15 && v == floor(v)) {
		buf_add_u64(b, (uint64_t)v);
	} else {
		/* 15 digits read back as the same number for most; 17 always do. Neither program
		 * calls setlocale, so the decimal separator is a point. */
		int n = snprintf(text, sizeof(text), "%.15g", v);
		double back;

		if (!parse_double((struct span){ text, (size_t)n }, &back) || back != v)
			n = snprintf(text, sizeof(text), "%.17g", v);
		buf_add(b, text, (size_t)n);
	}
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	char small[256];

	va_start(ap, fmt);
	int n = vsnprintf(small, sizeof(small), fmt, ap);
	va_end(ap);
	if (n < 0) {
		b->failed = true;
	} else if ((size_t)n < sizeof(small)) {
		buf_add(b, small, (size_t)n);
	} else {
		char *p = buf_reserve(b, (size_t)n + 1);

		if (!p)
			return;
		va_start(ap, fmt);
		vsnprintf(p, (size_t)n + 1, fmt, ap);
		va_end(ap);
		b->len += (size_t)n;
	}
}

size_t utf8_len(struct span s)
{
	const unsigned char *p = (const unsigned char *)s.p;

	if (s.n == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	size_t n = p[0] >= 0xf0 && p[0] <= 0xf4	  ? 4
		   : p[0] >= 0xe0 && p[0] <= 0xef ? 3
		   : p[0] >= 0xc2 && p[0] <= 0xdf ? 2
						  : 0;

	if (n == 0 || s.n < n)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	/* overlong forms, surrogates and code points above U+10FFFF */
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

#define REPLACEMENT "\xef\xbf\xbd"

/* Adds s, letting `escape` write what must not stand as it is; escape gets one valid character
 * and returns whether it wrote it. */
static void add_escaped(struct buf *b, struct span s, bool (*escape)(struct buf *, struct span),
			bool (*invalid)(struct buf *, unsigned char))
{
	size_t plain = 0;

	for (size_t i = 0; i < s.n;) {
		size_t n = utf8_len((struct span){ s.p + i, s.n - i });
		struct span ch = { s.p + i, n };
		bool ordinary = n == 1 && ch.p[0] >= 0x20 && ch.p[0] != '"' && ch.p[0] != '\\' &&
				ch.p[0] != 0x7f;

		if (ordinary) {
			i++;
			continue;
		}
		buf_add(b, s.p + plain, i - plain);
		if (n == 0) {
			invalid(b, (unsigned char)s.p[i]);
			n = 1;
		} else if (!escape(b, ch)) {
			buf_add_span(b, ch);
		}
		i += n;
		plain = i;
	}
	buf_add(b, s.p + plain, s.n - plain);
}

static bool add_replacement(struct buf *b, unsigned char byte)
{
	(void)byte;
	buf_add_str(b, REPLACEMENT);
	return true;
}

static bool escape_prom(struct buf *b, struct span ch)
{
	switch (ch.p[0]) {
	case '\\':
		buf_add_str(b, "\\\\");
		return true;
	case '"':
		buf_add_str(b, "\\\"");
		return true;
	case '\n':
		buf_add_str(b, "\\n");
		return true;
	default:
		return false;
	}
}

void buf_add_prom_label(struct buf *b, struct span s)
{
	add_escaped(b, s, escape_prom, add_replacement);
}

static bool escape_json(struct buf *b, struct span ch)
{
	if (ch.n > 1)
		return false;
	if (escape_prom(b, ch)) /* JSON writes these three the same way */
		return true;
	if (ch.p[0] == '\t')
		buf_add_str(b, "\\t");
	else
		buf_printf(b, "\\u%04x", (unsigned)(unsigned char)ch.p[0]);
	return true;
}

void buf_add_json(struct buf *b, struct span s)
{
	add_escaped(b, s, escape_json, add_replacement);
}

static uint32_t code_point(struct span ch)
{
	static const unsigned char first_mask[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t v = (unsigned char)ch.p[0] & first_mask[ch.n];

	for (size_t i = 1; i < ch.n; i++)
		v = v << 6 | ((unsigned char)ch.p[i] & 0x3f);
	return v;
}

static bool escape_visible(struct buf *b, struct span ch)
{
	uint32_t c = code_point(ch);

	if (c < 0x20 || c == 0x7f) {
		buf_printf(b, "\\x%02x", c);
		return true;
	}
	/* C1 controls, and the marks that reorder or hide text on a terminal */
	if ((c >= 0x80 && c < 0xa0) || c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
	    (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x2069) || c == 0xfeff) {
		buf_printf(b, "\\u{%x}", c);
		return true;
	}
	return false;
}

static bool add_hex(struct buf *b, unsigned char byte)
{
	buf_printf(b, "\\x%02x", (unsigned)byte);
	return true;
}

void buf_add_visible(struct buf *b, struct span s)
{
	add_escaped(b, s, escape_visible, add_hex);
}

char *buf_take_str(struct buf *b)
{
	buf_add_char(b, '\0');
	if (b->failed || b->fd >= 0)
		return NULL;
	char *s = b->data;

	*b = (struct buf){ .max = b->max, .fd = -1 };
	return s;
}

int buf_seal(struct buf *b, struct err *e)
{
	AUTO_FD int fd = b->fd;
	size_t len = b->len;

	if (b->data)
		munmap(b->data, b->cap);
	*b = (struct buf){ .fd = -1 };
	if (ftruncate(fd, (off_t)len) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		return err_errno(e, "cannot seal a memory file");
	return TAKE_FD(fd);
}
