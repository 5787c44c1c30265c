// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/token.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <nettle/base64.h>
#include <nettle/memops.h>
#include <nettle/sha2.h>
#include <string.h>
#include <sys/random.h>

#include "collector/base/buf.h"
#include "collector/base/clock.h"
#include "collector/base/io.h"

#define FILE_NAME      "tokens.json"
#define DAMAGED_NAME   "tokens.json.damaged"
#define FILE_VERSION   1
#define FILE_MAX_BYTES (256u << 10) /* TOKEN_MAX entries take about 40 KiB */
#define PREFIX	       "bh_"
#define RANDOM_BYTES   32
#define RANDOM_TEXT    43 /* base64url of 32 bytes without padding */
#define TEXT_LEN       (sizeof(PREFIX) - 1 + RANDOM_TEXT)

struct token {
	uint8_t hash[SHA256_DIGEST_SIZE];
	enum token_role role;
	uint64_t expires_unix_ns;
};

struct token_store {
	int dir_fd;
	struct token tokens[TOKEN_MAX];
	uint32_t n;
};

const char *token_role_name(enum token_role r)
{
	switch (r) {
	case TOKEN_NONE:
		return "none";
	case TOKEN_VIEWER:
		return "viewer";
	case TOKEN_OPERATOR:
		return "operator";
	}
	return "none";
}

/* Unsalted and fast is enough: a token is 256 random bits, not a password. */
static void hash_text(struct span text, uint8_t hash[SHA256_DIGEST_SIZE])
{
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	sha256_update(&ctx, text.n, (const uint8_t *)text.p);
	sha256_digest(&ctx, SHA256_DIGEST_SIZE, hash);
}

static bool parse_hash(const char *hex, size_t n, uint8_t hash[SHA256_DIGEST_SIZE])
{
	if (n != 2 * SHA256_DIGEST_SIZE)
		return false;
	for (size_t i = 0; i < SHA256_DIGEST_SIZE; i++) {
		uint64_t byte;

		if (!parse_hex_u64((struct span){ hex + 2 * i, 2 }, &byte))
			return false;
		hash[i] = (uint8_t)byte;
	}
	return true;
}

static int load_one(struct token_store *s, json_t *entry, struct err *e)
{
	const char *hex, *role;
	size_t hex_n;
	json_int_t expires;
	struct token t = { .role = TOKEN_NONE };
	json_error_t why;

	if (json_unpack_ex(entry, &why, JSON_STRICT, "{s:s%,s:s,s:I}", "sha256", &hex, &hex_n,
			   "role", &role, "expires_unix_ns", &expires) < 0)
		return err_set(e, EINVAL, "entry %u: %s", s->n, why.text);
	if (strcmp(role, token_role_name(TOKEN_VIEWER)) == 0)
		t.role = TOKEN_VIEWER;
	else if (strcmp(role, token_role_name(TOKEN_OPERATOR)) == 0)
		t.role = TOKEN_OPERATOR;
	if (t.role == TOKEN_NONE || expires <= 0 || !parse_hash(hex, hex_n, t.hash))
		return err_set(e, EINVAL, "entry %u: bad hash, role or time", s->n);
	t.expires_unix_ns = (uint64_t)expires;
	if (s->n == TOKEN_MAX)
		return err_set(e, EINVAL, "more than %d entries", TOKEN_MAX);
	s->tokens[s->n++] = t;
	return 0;
}

static void auto_json_decref(json_t **j)
{
	json_decref(*j);
}

static int load_text(struct token_store *s, struct span text, struct err *e)
{
	json_error_t why;
	AUTO(json_decref)
	json_t *root = json_loadb(text.n ? text.p : "", text.n, JSON_REJECT_DUPLICATES, &why);
	json_t *list;
	int version;

	if (!root)
		return err_set(e, EINVAL, "line %d: %s", why.line, why.text);
	if (json_unpack_ex(root, &why, JSON_STRICT, "{s:i,s:o}", "version", &version, "tokens",
			   &list) < 0)
		return err_set(e, EINVAL, "%s", why.text);
	if (version != FILE_VERSION || !json_is_array(list))
		return err_set(e, EINVAL, "unknown version or no list of tokens");
	for (size_t i = 0; i < json_array_size(list); i++) {
		int r = load_one(s, json_array_get(list, i), e);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Damage must not keep the agent from starting, and must not be repaired by guessing. */
static int set_aside(struct token_store *s, struct err *e)
{
	s->n = 0;
	explicit_bzero(s->tokens, sizeof(s->tokens));
	if (renameat(s->dir_fd, FILE_NAME, s->dir_fd, DAMAGED_NAME) < 0)
		return err_errno(e, "cannot rename damaged '%s'", FILE_NAME);
	err_prefix(e, 0, "'%s' is damaged, kept as '%s', all tokens are void", FILE_NAME,
		   DAMAGED_NAME);
	return 0;
}

static int load(struct token_store *s, struct err *e)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, FILE_MAX_BYTES);
	int r = io_read_buf_at(s->dir_fd, FILE_NAME, &b, NULL);

	if (r == -ENOENT)
		return 0;
	if (r == -E2BIG) {
		err_set(e, E2BIG, "longer than %u bytes", FILE_MAX_BYTES);
		return set_aside(s, e);
	}
	if (r < 0)
		return err_set(e, -r, "cannot read '%s': %s", FILE_NAME, strerror(-r));
	r = load_text(s, (struct span){ b.data, b.len }, e);
	return r < 0 ? set_aside(s, e) : 0;
}

int token_store_new(struct token_store **out, int state_fd, struct err *e)
{
	AUTO(token_store_free) struct token_store *s = calloc(1, sizeof(*s));

	if (!s)
		return err_set(e, ENOMEM, "no memory for tokens");
	s->dir_fd = fcntl(state_fd, F_DUPFD_CLOEXEC, 3);
	if (s->dir_fd < 0)
		return err_errno(e, "cannot use the state directory");
	int r = load(s, e);

	if (r < 0)
		return r;
	*out = TAKE(s);
	return 0;
}

void token_store_free(struct token_store *s)
{
	if (!s)
		return;
	if (s->dir_fd >= 0)
		close(s->dir_fd);
	explicit_bzero(s, sizeof(*s));
	free(s);
}

static int save(const struct token_store *s, struct err *e)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, FILE_MAX_BYTES);
	buf_printf(&b, "{\"version\":%d,\"tokens\":[", FILE_VERSION);
	for (uint32_t i = 0; i < s->n; i++) {
		buf_printf(&b, "%s\n{\"sha256\":\"", i ? "," : "");
		for (size_t j = 0; j < SHA256_DIGEST_SIZE; j++)
			buf_printf(&b, "%02x", s->tokens[i].hash[j]);
		buf_printf(&b, "\",\"role\":\"%s\",\"expires_unix_ns\":%llu}",
			   token_role_name(s->tokens[i].role),
			   (unsigned long long)s->tokens[i].expires_unix_ns);
	}
	buf_add_str(&b, "\n]}\n");
	if (b.failed)
		return err_set(e, ENOMEM, "no memory to write '%s'", FILE_NAME);
	return io_write_atomic_at(s->dir_fd, FILE_NAME, b.data, b.len, 0600, e);
}

static void prune(struct token_store *s, uint64_t now_unix_ns)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < s->n; i++)
		if (s->tokens[i].expires_unix_ns > now_unix_ns)
			s->tokens[kept++] = s->tokens[i];
	s->n = kept;
}

static int random_text(char text[TOKEN_TEXT_BYTES], struct err *e)
{
	uint8_t random[RANDOM_BYTES];
	char base64[BASE64_ENCODE_LENGTH(RANDOM_BYTES) + BASE64_ENCODE_FINAL_LENGTH];
	struct base64_encode_ctx ctx;

	/* Up to 256 bytes come whole once the pool is up, whatever signals arrive. */
	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return err_errno(e, "cannot draw random bytes");
	base64url_encode_init(&ctx);
	size_t n = base64_encode_update(&ctx, base64, sizeof(random), random);

	base64_encode_final(&ctx, base64 + n);
	memcpy(text, PREFIX, sizeof(PREFIX) - 1);
	memcpy(text + sizeof(PREFIX) - 1, base64, RANDOM_TEXT);
	text[TEXT_LEN] = '\0';
	explicit_bzero(random, sizeof(random));
	explicit_bzero(base64, sizeof(base64));
	explicit_bzero(&ctx, sizeof(ctx));
	return 0;
}

static int check_life(enum token_role role, uint32_t for_s, struct err *e)
{
	uint32_t max_s = role == TOKEN_OPERATOR ? TOKEN_MAX_OPERATOR_FOR_S : TOKEN_MAX_FOR_S;

	if (role == TOKEN_NONE)
		return err_set(e, EINVAL, "a token needs a role: viewer or operator");
	if (for_s == 0 || for_s > max_s)
		return err_set(e, ERANGE, "a token of role %s lives 1 to %u seconds, not %u",
			       token_role_name(role), max_s, for_s);
	return 0;
}

int token_create(struct token_store *s, enum token_role role, uint32_t for_s, uint64_t now_unix_ns,
		 char text[TOKEN_TEXT_BYTES], struct err *e)
{
	char fresh[TOKEN_TEXT_BYTES];
	int r = check_life(role, for_s, e);

	if (r < 0)
		return r;
	prune(s, now_unix_ns);
	if (s->n == TOKEN_MAX)
		return err_set(e, ENOSPC, "there are %d live tokens already", TOKEN_MAX);
	r = random_text(fresh, e);
	if (r < 0)
		return r;
	struct token *t = &s->tokens[s->n];

	*t = (struct token){ .role = role, .expires_unix_ns = now_unix_ns + for_s * NS_PER_S };
	hash_text((struct span){ fresh, TEXT_LEN }, t->hash);
	s->n++;
	r = save(s, e);
	if (r < 0) {
		/* Nobody was told it: one that would be gone after a restart is not handed out. */
		s->n--;
		explicit_bzero(t, sizeof(*t));
	} else {
		memcpy(text, fresh, sizeof(fresh));
	}
	explicit_bzero(fresh, sizeof(fresh));
	return r;
}

enum token_role token_check(const struct token_store *s, struct span text, uint64_t now_unix_ns)
{
	enum token_role role = TOKEN_NONE;
	uint8_t hash[SHA256_DIGEST_SIZE];

	if (text.n != TEXT_LEN || !span_starts(text, PREFIX))
		return TOKEN_NONE;
	hash_text(text, hash);
	/* All are compared, so that time tells neither position nor match. */
	for (uint32_t i = 0; i < s->n; i++) {
		const struct token *t = &s->tokens[i];
		bool equal = memeql_sec(hash, t->hash, sizeof(hash)) != 0;

		if (equal & (t->expires_unix_ns > now_unix_ns))
			role = t->role;
	}
	return role;
}

uint32_t token_count(const struct token_store *s)
{
	uint64_t now = unix_ns();
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->n; i++)
		n += s->tokens[i].expires_unix_ns > now;
	return n;
}
