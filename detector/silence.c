// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/silence.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>

#include "collector/base/clock.h"
#include "collector/base/io.h"
#include "collector/json_put.h"

#define FILE_NAME      "silences.json"
#define DAMAGED_NAME   "silences.json.damaged"
#define FILE_VERSION   1
#define FILE_MAX_BYTES (8u << 20)

const char *const silence_field_names[] = { "kind",	"rule", "container", "image",
					    "severity", "key",	NULL };

struct silence_store {
	int dir_fd;
	struct ulid_source ids;
	struct silence list[SILENCE_MAX];
	uint32_t n;
	struct acknowledgement acks[SILENCE_MAX_ACKS];
	size_t acks_n;
	uint64_t refused;
};

/* --- the file ----------------------------------------------------------------------------------
 */

void silence_one_json(struct buf *b, const struct silence *s)
{
	json_put_comma(b);
	buf_add_char(b, '{');
	json_put_str(b, "id", s->id);
	for (unsigned i = 0; i < SILENCE_FIELD_COUNT; i++)
		if (s->patterns[i][0])
			json_put_str(b, silence_field_names[i], s->patterns[i]);
	json_put_str(b, "comment", s->comment);
	json_put_str(b, "by", s->by);
	json_put_time(b, "created", s->created_unix_ns);
	json_put_time(b, "until", s->until_unix_ns);
	buf_add_char(b, '}');
}

static void add_lists(struct buf *b, const struct silence_store *s)
{
	json_put_array(b, "silences");
	for (uint32_t i = 0; i < s->n; i++)
		silence_one_json(b, &s->list[i]);
	buf_add_char(b, ']');
	json_put_array(b, "acknowledged");
	for (size_t i = 0; i < s->acks_n; i++) {
		const struct acknowledgement *a = &s->acks[i];

		json_put_comma(b);
		buf_add_char(b, '{');
		json_put_str(b, "id", a->id);
		json_put_str(b, "comment", a->comment);
		json_put_str(b, "by", a->by);
		json_put_time(b, "time", a->unix_ns);
		buf_add_char(b, '}');
	}
	buf_add_char(b, ']');
}

void silence_json(struct buf *b, const struct silence_store *s)
{
	buf_add_char(b, '{');
	add_lists(b, s);
	buf_add_char(b, '}');
}

static int save(const struct silence_store *s, struct err *e)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, FILE_MAX_BYTES);
	buf_add_char(&b, '{');
	json_put_u64(&b, "version", FILE_VERSION);
	add_lists(&b, s);
	buf_add_str(&b, "}\n");
	if (b.failed)
		return err_set(e, ENOMEM, "no memory for the silences");
	return io_write_atomic_at(s->dir_fd, FILE_NAME, b.data, b.len, 0600, e);
}

static bool take_text(const json_t *o, const char *key, char *out, size_t cap)
{
	const char *text = json_string_value(json_object_get(o, key));
	size_t n = text ? strlen(text) : 0;

	if (n >= cap)
		return false;
	memcpy(out, text ? text : "", n);
	out[n] = '\0';
	return true;
}

static bool take_time(const json_t *o, const char *key, uint64_t *out)
{
	return parse_rfc3339_ns(span_str(json_string_value(json_object_get(o, key))), out);
}

static bool load_silence(const json_t *o, struct silence *s)
{
	memset(s, 0, sizeof(*s));
	for (unsigned i = 0; i < SILENCE_FIELD_COUNT; i++)
		if (!take_text(o, silence_field_names[i], s->patterns[i], sizeof(s->patterns[i])))
			return false;
	return take_text(o, "id", s->id, sizeof(s->id)) && ulid_is_valid(span_str(s->id)) &&
	       take_text(o, "comment", s->comment, sizeof(s->comment)) &&
	       take_text(o, "by", s->by, sizeof(s->by)) &&
	       take_time(o, "created", &s->created_unix_ns) &&
	       take_time(o, "until", &s->until_unix_ns);
}

static bool load_ack(const json_t *o, struct acknowledgement *a)
{
	memset(a, 0, sizeof(*a));
	return take_text(o, "id", a->id, sizeof(a->id)) && ulid_is_valid(span_str(a->id)) &&
	       take_text(o, "comment", a->comment, sizeof(a->comment)) &&
	       take_text(o, "by", a->by, sizeof(a->by)) && take_time(o, "time", &a->unix_ns);
}

static int load(struct silence_store *s, struct span text, struct err *e)
{
	json_error_t why;
	json_t *root = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &why), *o;
	size_t i;
	bool good = json_integer_value(json_object_get(root, "version")) == FILE_VERSION;

	json_array_foreach(json_object_get(root, "silences"), i, o)
		good = good && s->n < SILENCE_MAX && load_silence(o, &s->list[s->n++]);
	json_array_foreach(json_object_get(root, "acknowledged"), i, o)
		good = good && s->acks_n < SILENCE_MAX_ACKS && load_ack(o, &s->acks[s->acks_n++]);
	json_decref(root);
	if (good)
		return 0;
	s->n = 0;
	s->acks_n = 0;
	renameat(s->dir_fd, FILE_NAME, s->dir_fd, DAMAGED_NAME);
	err_set(e, EINVAL,
		"'" FILE_NAME "' is damaged: it is set aside as '" DAMAGED_NAME
		"', no alert is silenced");
	return 0;
}

int silence_store_new(struct silence_store **out, int state_fd, struct err *e)
{
	AUTO(silence_store_free) struct silence_store *s = calloc(1, sizeof(*s));
	AUTO_BUF struct buf b = { .fd = -1 };
	struct err why = { "" };

	if (!s)
		return err_set(e, ENOMEM, "no memory for the silences");
	s->dir_fd = state_fd;
	buf_init(&b, FILE_MAX_BYTES);
	int r = io_read_buf_at(state_fd, FILE_NAME, &b, &why);

	if (r == 0)
		load(s, (struct span){ b.data ? b.data : "", b.len }, e);
	else if (r != -ENOENT)
		*e = why;
	*out = TAKE(s);
	return 0;
}

void silence_store_free(struct silence_store *s)
{
	free(s);
}

/* --- changes -----------------------------------------------------------------------------------
 */

static int check(const struct silence *s, uint64_t now, struct err *e)
{
	bool any = false;

	for (unsigned i = 0; i < SILENCE_FIELD_COUNT; i++)
		any = any || s->patterns[i][0];
	if (!any)
		return err_set(e, EINVAL,
			       "a silence needs a pattern, of kind, rule, container, "
			       "image, severity or key");
	if (s->until_unix_ns <= now || s->until_unix_ns - now > SILENCE_MAX_S * NS_PER_S)
		return err_set(e, EINVAL, "a silence ends between now and 366 days");
	return 0;
}

int silence_add(struct silence_store *s, struct silence *in, struct err *e)
{
	const uint64_t now = unix_ns();
	int r = check(in, now, e);

	if (r < 0)
		return r;
	silence_expire(s, now);
	if (s->n == SILENCE_MAX) {
		s->refused++;
		return err_set(e, ENOSPC, "there are %d silences already", SILENCE_MAX);
	}
	in->created_unix_ns = now;
	r = ulid_make(&s->ids, now, in->id);
	if (r < 0)
		return err_set(e, -r, "no random numbers");
	s->list[s->n++] = *in;
	r = save(s, e);
	if (r < 0)
		s->n--;
	return r;
}

int silence_remove(struct silence_store *s, struct span id, struct err *e)
{
	for (uint32_t i = 0; i < s->n; i++) {
		struct silence old = s->list[i];

		if (!span_eq(id, old.id))
			continue;
		memmove(&s->list[i], &s->list[i + 1], (--s->n - i) * sizeof(s->list[0]));
		int r = save(s, e);

		if (r < 0) { /* still in the file: still in force */
			memmove(&s->list[i + 1], &s->list[i], (s->n++ - i) * sizeof(s->list[0]));
			s->list[i] = old;
		}
		return r;
	}
	return err_set(e, ENOENT, "there is no such silence");
}

int silence_acknowledge(struct silence_store *s, const struct acknowledgement *a, struct err *e)
{
	size_t at = 0;

	while (at < s->acks_n && strcmp(s->acks[at].id, a->id) != 0)
		at++;
	if (at == s->acks_n && s->acks_n == SILENCE_MAX_ACKS)
		memmove(&s->acks[0], &s->acks[1], --at * sizeof(s->acks[0]));
	else if (at == s->acks_n)
		s->acks_n++;
	s->acks[at] = *a;
	return save(s, e);
}

unsigned silence_expire(struct silence_store *s, uint64_t now_unix_ns)
{
	uint32_t kept = 0;
	unsigned gone = 0;

	for (uint32_t i = 0; i < s->n; i++) {
		if (s->list[i].until_unix_ns > now_unix_ns)
			s->list[kept++] = s->list[i];
		else
			gone++;
	}
	s->n = kept;
	return gone; /* the file forgets them with its next change */
}

/* --- questions ---------------------------------------------------------------------------------
 */

bool silence_glob(struct span pattern, struct span text)
{
	size_t p = 0, t = 0, star = SIZE_MAX, mark = 0;

	while (t < text.n) {
		if (p < pattern.n && pattern.p[p] == '*') {
			star = p++;
			mark = t;
		} else if (p < pattern.n && (pattern.p[p] == '?' || pattern.p[p] == text.p[t])) {
			p++;
			t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++mark;
		} else {
			return false;
		}
	}
	while (p < pattern.n && pattern.p[p] == '*')
		p++;
	return p == pattern.n;
}

static bool is_prefix_of_id(struct span pattern, struct span id)
{
	return pattern.n >= 4 && pattern.n <= id.n && memcmp(pattern.p, id.p, pattern.n) == 0;
}

static bool fits(const struct silence *s, const struct silence_subject *of)
{
	for (unsigned i = 0; i < SILENCE_FIELD_COUNT; i++) {
		struct span pattern = span_str(s->patterns[i]);

		if (pattern.n == 0 || silence_glob(pattern, of->fields[i]))
			continue;
		if (i == SILENCE_CONTAINER && is_prefix_of_id(pattern, of->container_id))
			continue;
		return false;
	}
	return true;
}

const struct silence *silence_match(const struct silence_store *s, const struct silence_subject *of,
				    uint64_t now_unix_ns)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (s->list[i].until_unix_ns > now_unix_ns && fits(&s->list[i], of))
			return &s->list[i];
	return NULL;
}

const struct acknowledgement *silence_acknowledged(const struct silence_store *s, struct span id)
{
	for (size_t i = s->acks_n; i > 0; i--)
		if (span_eq(id, s->acks[i - 1].id))
			return &s->acks[i - 1];
	return NULL;
}

size_t silence_acknowledgements(const struct silence_store *s, const struct acknowledgement **list)
{
	*list = s->acks;
	return s->acks_n;
}

uint32_t silence_count(const struct silence_store *s)
{
	return s->n;
}

uint64_t silence_refused(const struct silence_store *s)
{
	return s->refused;
}
