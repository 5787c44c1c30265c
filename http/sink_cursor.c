// SPDX-License-Identifier: GPL-2.0-or-later
#include "http/sink_cursor.h"

#include <errno.h>
#include <string.h>

#include "collector/base/io.h"

#define MAGIC	   "bulkhead-cursor-1"
#define TEXT_BYTES 160

/* FNV-1a: finds damage, not malice. */
static uint64_t sum_of(struct span s)
{
	uint64_t h = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3ULL;
	return h;
}

static bool is_id(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'A' && s.p[i] <= 'Z')))
			return false;
	return s.n > 0 && s.n < SINK_LOG_ID_BYTES;
}

static bool parse(struct span text, struct sink_cursor *out)
{
	struct sink_cursor c = { .id = "" };
	struct span rest = text, word, sum;
	uint64_t want;

	if (!span_ends(text, "\n"))
		return false;
	rest.n--;
	const char *last = memrchr(rest.p, ' ', rest.n);

	if (!last)
		return false;
	sum = (struct span){ last + 1, rest.n - (size_t)(last + 1 - rest.p) };
	rest.n = (size_t)(last - rest.p);
	if (!parse_hex_u64(sum, &want) || want != sum_of(rest))
		return false;
	if (!span_word(&rest, &word) || !span_eq(word, MAGIC) || !span_word(&rest, &word) ||
	    !parse_u64(word, &c.seq) || !span_word(&rest, &word) || !parse_u64(word, &c.time_ns) ||
	    !span_word(&rest, &word))
		return false;
	if (!span_eq(word, "-")) {
		if (!is_id(word))
			return false;
		memcpy(c.id, word.p, word.n);
	}
	*out = c;
	return true;
}

static enum sink_cursor_found read_one(int dir_fd, const char *name, struct sink_cursor *out)
{
	char text[TEXT_BYTES];
	ssize_t n = io_read_at(dir_fd, name, text, sizeof(text));

	if (n == -ENOENT)
		return SINK_CURSOR_NONE;
	if (n < 0 || !parse((struct span){ text, (size_t)n }, out))
		return SINK_CURSOR_DAMAGED;
	return SINK_CURSOR_GOOD;
}

static void kept_name(const char *name, char *out, size_t cap)
{
	snprintf(out, cap, "%s.kept", name);
}

enum sink_cursor_found sink_cursor_read(int dir_fd, const char *name, struct sink_cursor *out)
{
	struct sink_cursor a, b;
	char kept[96];

	kept_name(name, kept, sizeof(kept));
	enum sink_cursor_found found_a = read_one(dir_fd, name, &a);
	enum sink_cursor_found found_b = read_one(dir_fd, kept, &b);

	if (found_a == SINK_CURSOR_NONE && found_b == SINK_CURSOR_NONE)
		return SINK_CURSOR_NONE;
	/* Not the higher number: after the log began anew the later place is the lower one. */
	if (found_a == SINK_CURSOR_GOOD)
		*out = a;
	else if (found_b == SINK_CURSOR_GOOD)
		*out = b;
	else
		return SINK_CURSOR_DAMAGED;
	return SINK_CURSOR_GOOD;
}

int sink_cursor_write(int dir_fd, const char *name, const struct sink_cursor *c, bool keep,
		      struct err *e)
{
	char text[TEXT_BYTES], kept[96];
	int n = snprintf(text, sizeof(text), MAGIC " %llu %llu %s", (unsigned long long)c->seq,
			 (unsigned long long)c->time_ns, c->id[0] ? c->id : "-");
	uint64_t sum = sum_of((struct span){ text, (size_t)n });

	n += snprintf(text + n, sizeof(text) - (size_t)n, " %016llx\n", (unsigned long long)sum);
	if (!keep)
		return io_write_cached_at(dir_fd, name, text, (size_t)n, 0600, e);
	kept_name(name, kept, sizeof(kept));
	return io_write_atomic_at(dir_fd, kept, text, (size_t)n, 0600, e);
}
