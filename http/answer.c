// SPDX-License-Identifier: GPL-2.0-or-later
#include "http/answer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "collector/base/buf.h"
#include "http/gzip.h"
#include "http/stream.h"

#define GZIP_MIN_BYTES	 1024  /* below, the headers outweigh what is saved */
#define GZIP_WHOLE_BYTES 65536 /* up to here in one go: a length instead of chunks */
#define PIECE_BYTES	 32768
#define ERROR_MAX_BYTES	 4096

/* No inline script or style, nothing from elsewhere, no framing. A graph that is opened as a
 * document of its own styles itself from inside the file and may do nothing else. */
#define POLICY_SVG "default-src 'none'; style-src 'unsafe-inline'; sandbox"
#define POLICY                                                                                     \
	"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "                \
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

void answer_init(struct answer *a)
{
	*a = (struct answer){ .fd = -1 };
}

void answer_release(struct answer *a)
{
	if (a->kind == ANSWER_HEAP) {
		union { /* heap memory that this object owns: const only for the readers */
			const char *in;
			char *out;
		} bytes = { .in = a->bytes };

		free(bytes.out);
	}
	if (a->fd >= 0)
		close(a->fd);
	if (a->kind == ANSWER_STREAM)
		stream_drop(a->stream);
	free(a->cookie);
	answer_init(a);
}

void answer_static(struct answer *a, unsigned status, const char *type, struct span bytes)
{
	answer_release(a);
	a->status = status;
	a->type = type;
	a->kind = bytes.n ? ANSWER_STATIC : ANSWER_EMPTY;
	a->bytes = bytes.p;
	a->n = bytes.n;
}

void answer_heap(struct answer *a, unsigned status, const char *type, char *bytes, size_t n)
{
	answer_static(a, status, type, (struct span){ bytes, n });
	a->kind = ANSWER_HEAP;
}

void answer_error(struct answer *a, unsigned status, const char *fmt, ...)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	char message[ERR_TEXT_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	buf_init(&b, ERROR_MAX_BYTES);
	buf_printf(&b, "{\"error\":{\"status\":%u,\"message\":\"", status);
	buf_add_json(&b, span_str(message));
	buf_add_str(&b, "\"}}\n");
	if (b.failed) {
		answer_static(a, status, "application/json", SPAN_LIT("{\"error\":{}}\n"));
		return;
	}
	size_t n = b.len;
	char *bytes = buf_take_str(&b);

	if (bytes)
		answer_heap(a, status, "application/json", bytes, n);
	else
		answer_static(a, status, "application/json", SPAN_LIT("{\"error\":{}}\n"));
}

void answer_stream(struct answer *a, struct stream_client *c)
{
	answer_static(a, 200, "text/event-stream", (struct span){ "", 0 });
	a->kind = ANSWER_STREAM;
	a->stream = c;
}

/* The sender may be compromised: a memory file that can still shrink would kill us by SIGBUS, and
 * one that can change would change between compression and length. */
static bool memfd_is_trusted(int fd, uint64_t bytes)
{
	int want = F_SEAL_SHRINK | F_SEAL_WRITE, seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	return seals >= 0 && (seals & want) == want && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	       (uint64_t)st.st_size == bytes;
}

static const char *content_name(enum wire_content content)
{
	switch (content) {
	case WIRE_CONTENT_JSON:
		return "application/json";
	case WIRE_CONTENT_PROM:
		return "text/plain; version=0.0.4; charset=utf-8";
	case WIRE_CONTENT_OPENMETRICS:
		return "application/openmetrics-text; version=1.0.0; charset=utf-8";
	case WIRE_CONTENT_TEXT:
		break;
	}
	return "text/plain; charset=utf-8";
}

void answer_wire(struct answer *a, const struct wire_response *r, int *body_fd)
{
	const char *type = content_name(r->content);

	if (r->body_fd_bytes) {
		if (*body_fd < 0 || !memfd_is_trusted(*body_fd, r->body_fd_bytes)) {
			answer_error(a, 502, "bulkheadd sent a body that is not sealed");
			return;
		}
		answer_static(a, r->status, type, (struct span){ "", 0 });
		a->kind = ANSWER_MEMFD;
		a->n = (size_t)r->body_fd_bytes;
		a->fd = TAKE_FD(*body_fd);
		return;
	}
	char *copy = malloc(r->body.n + 1);

	if (!copy) {
		answer_error(a, 503, "no memory for the answer");
		return;
	}
	if (r->body.n)
		memcpy(copy, r->body.p, r->body.n);
	answer_heap(a, r->status, type, copy, r->body.n);
}

/* --- a body that is compressed while it is sent ------------------------------------------------
 */

struct packed {
	struct gzip *gzip;
	char *heap; /* one of these two holds the input */
	void *mapping;
	size_t mapping_n;
};

static void stream_free(void *ctx)
{
	struct packed *s = ctx;

	gzip_free(s->gzip);
	if (s->mapping)
		munmap(s->mapping, s->mapping_n);
	free(s->heap);
	free(s);
}

static ssize_t stream_read(void *ctx, uint64_t position, char *out, size_t cap)
{
	struct packed *s = ctx;
	ssize_t n = gzip_read(s->gzip, out, cap);

	(void)position;
	if (n < 0)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	return n == 0 ? MHD_CONTENT_READER_END_OF_STREAM : n;
}

static bool stream_map(struct packed *s, struct answer *a, struct span *input)
{
	void *p = mmap(NULL, a->n, PROT_READ, MAP_SHARED, a->fd, 0);

	if (p == MAP_FAILED)
		return false;
	s->mapping = p;
	s->mapping_n = a->n;
	*input = (struct span){ p, a->n };
	return true;
}

static struct MHD_Response *gzip_stream(struct answer *a)
{
	struct packed *s = calloc(1, sizeof(*s));
	struct span input = { a->bytes, a->n };
	struct MHD_Response *r = NULL;

	if (!s)
		return NULL;
	if ((a->kind == ANSWER_MEMFD && !stream_map(s, a, &input)) ||
	    gzip_new(&s->gzip, input, NULL) < 0) {
		stream_free(s);
		return NULL;
	}
	r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PIECE_BYTES, stream_read, s,
					      stream_free);
	if (!r) {
		stream_free(s);
		return NULL;
	}
	if (a->kind == ANSWER_HEAP)
		s->heap = (char *)(uintptr_t)a->bytes;
	if (a->fd >= 0)
		close(TAKE_FD(a->fd)); /* the mapping stays */
	a->kind = ANSWER_EMPTY;
	return r;
}

static struct MHD_Response *gzip_small(struct answer *a)
{
	char *bytes;
	size_t n;

	if (gzip_whole((struct span){ a->bytes, a->n }, &bytes, &n, NULL) < 0)
		return NULL;
	struct MHD_Response *r = MHD_create_response_from_buffer(n, bytes, MHD_RESPMEM_MUST_FREE);

	if (!r)
		free(bytes);
	return r;
}

static struct MHD_Response *plain(struct answer *a)
{
	void *bytes = (void *)(uintptr_t)a->bytes; /* the library does not write to it */
	struct MHD_Response *r;

	if (a->kind == ANSWER_STREAM) {
		r = stream_response(a->stream);
		if (r)
			a->kind = ANSWER_EMPTY; /* the response has the client now */
		return r;
	}
	if (a->kind == ANSWER_MEMFD) {
		r = MHD_create_response_from_fd64(a->n, a->fd); /* goes out by sendfile */
		if (r)
			a->fd = -1;
		return r;
	}
	if (a->kind != ANSWER_HEAP)
		return MHD_create_response_from_buffer(a->n, bytes, MHD_RESPMEM_PERSISTENT);
	r = MHD_create_response_from_buffer(a->n, bytes, MHD_RESPMEM_MUST_FREE);
	if (r)
		a->kind = ANSWER_EMPTY;
	return r;
}

static void add(struct MHD_Response *r, const char *name, const char *value)
{
	if (value)
		MHD_add_response_header(r, name, value);
}

static void add_headers(struct MHD_Response *r, const struct answer *a, bool gzip)
{
	const bool svg = a->type && strcmp(a->type, "image/svg+xml") == 0;

	add(r, "Content-Type", a->type);
	add(r, "Content-Encoding", gzip ? "gzip" : NULL);
	add(r, "Vary", a->n >= GZIP_MIN_BYTES ? "Accept, Accept-Encoding" : NULL);
	add(r, "Allow", a->allow);
	add(r, "Location", a->location);
	add(r, "Retry-After", a->retry_after);
	add(r, "Set-Cookie", a->cookie);
	add(r, "WWW-Authenticate", a->status == 401 ? "Bearer" : NULL);
	add(r, "Cache-Control", a->cacheable ? "no-cache" : "no-store");
	add(r, "X-Content-Type-Options", "nosniff");
	add(r, "X-Frame-Options", "DENY");
	add(r, "Referrer-Policy", "no-referrer");
	add(r, "Content-Security-Policy", svg ? POLICY_SVG : POLICY);
	add(r, "Connection", a->close ? "close" : NULL);
}

struct MHD_Response *answer_response(struct answer *a, unsigned flags)
{
	bool image = a->type && strcmp(a->type, "image/png") == 0;
	bool gzip = (flags & ANSWER_GZIP) && a->n >= GZIP_MIN_BYTES && !image;
	struct MHD_Response *r = NULL;

	if (gzip)
		r = a->n <= GZIP_WHOLE_BYTES && a->kind != ANSWER_MEMFD ? gzip_small(a)
									: gzip_stream(a);
	if (!r) { /* also when there was no memory for zlib */
		gzip = false;
		r = plain(a);
	}
	if (r)
		add_headers(r, a, gzip);
	return r;
}
