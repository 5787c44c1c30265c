// SPDX-License-Identifier: GPL-2.0-or-later
/* Values of settings: from text to the fields of struct config. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "collector/base/auto.h"
#include "collector/config_keys.h"
#include "collector/event_view.h"

#define SHOWN	64 /* bytes of a bad value that are repeated in the message */
#define SHOW(s) (int)((s).n < SHOWN ? (s).n : SHOWN), (s).p ? (s).p : ""

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit durations[] = {
	/* ascending; NULL ends the list */
	{ "ms", 1 }, { "s", 1000 }, { "m", 60 * 1000 }, { "h", 60 * 60 * 1000 }, { NULL, 0 },
};
static const struct unit sizes[] = {
	{ "", 1 },
	{ "KiB", 1ULL << 10 },
	{ "MiB", 1ULL << 20 },
	{ "GiB", 1ULL << 30 },
	{ "TiB", 1ULL << 40 },
	{ NULL, 0 },
};
static const struct unit plain[] = { { "", 1 }, { NULL, 0 } };

const char *config_kind_expects(enum config_kind kind)
{
	switch (kind) {
	case CONFIG_SECTION:
		return "keys and their values";
	case CONFIG_ADDRESS:
		return "a numeric address and a port such as 127.0.0.1:9480 or [::1]:9480";
	case CONFIG_PATH:
		return "an absolute path";
	case CONFIG_USER:
		return "the name or the number of a user other than root, or auto";
	case CONFIG_BOOL:
		return "true or false";
	case CONFIG_MS:
		return "a duration such as 500ms, 1s, 5m or 2h";
	case CONFIG_SECONDS:
		return "a duration in whole seconds such as 1s, 5m or 2h";
	case CONFIG_BYTES32:
	case CONFIG_BYTES64:
		return "a size such as 1000, 64KiB, 512MiB or 2GiB";
	case CONFIG_COUNT:
		return "a whole number";
	case CONFIG_CHOICE:
		return "one of the words that the key knows";
	case CONFIG_LABELS:
		return "a list such as [team, com.example.app]";
	case CONFIG_HOSTS:
		return "a list of names and addresses without a port such as [localhost, 10.0.0.5]";
	case CONFIG_TYPES:
		return "a list of types of events such as [exec, open, connect]";
	case CONFIG_PATHS:
		return "a list of absolute paths and file names such as [/etc/, id_rsa]";
	case CONFIG_WORDS:
		return "a list of names such as [HOSTNAME, LANG]";
	case CONFIG_EXCEPTIONS:
		return "a list of maps such as '- {rule: NAME, image: \"*/nginx\"}'";
	case CONFIG_THRESHOLDS:
		return "a list of maps such as '- {name: memory-near-limit, above: 95}'";
	case CONFIG_SINKS:
		return "a list of maps such as '- {type: webhook, url: \"https://...\"}'";
	}
	return "another value";
}

static int wrong(const struct config_key *k, struct span text, struct err *e)
{
	return err_set(e, EINVAL, "'%.*s' does not fit, expected %s", SHOW(text),
		       config_kind_expects(k->kind));
}

static bool parse_scaled(struct span text, const struct unit *units, uint64_t *out)
{
	size_t digits = 0;
	uint64_t v;

	while (digits < text.n && text.p[digits] >= '0' && text.p[digits] <= '9')
		digits++;
	if (!parse_u64((struct span){ text.p, digits }, &v))
		return false;
	for (const struct unit *u = units; u->name; u++)
		if (span_eq((struct span){ text.p + digits, text.n - digits }, u->name))
			return !__builtin_mul_overflow(v, u->factor, out);
	return false;
}

bool config_duration_parse(struct span text, uint64_t *ms)
{
	return parse_scaled(text, durations, ms);
}

bool config_size_parse(struct span text, uint64_t *bytes)
{
	return parse_scaled(text, sizes, bytes);
}

struct number_text {
	char text[32];
};

/* In the largest unit that leaves a whole number: limits read as they would be written. */
static struct number_text scaled_text(uint64_t v, const struct unit *units)
{
	const struct unit *best = units;
	struct number_text t;

	for (const struct unit *u = units; u->name; u++)
		if (v && v % u->factor == 0)
			best = u;
	snprintf(t.text, sizeof(t.text), "%llu%s", (unsigned long long)(v / best->factor),
		 best->name);
	return t;
}

static int set_number(const struct config_key *k, void *field, struct span text, struct err *e)
{
	bool duration = k->kind == CONFIG_MS || k->kind == CONFIG_SECONDS;
	const struct unit *units = duration ? durations : k->kind == CONFIG_COUNT ? plain : sizes;
	uint64_t v;

	if (!parse_scaled(text, units, &v) || (k->kind == CONFIG_SECONDS && v % 1000 != 0))
		return wrong(k, text, e);
	if (v < k->min || v > k->max)
		return err_set(e, ERANGE, "'%.*s' is out of range, expected %s to %s", SHOW(text),
			       scaled_text(k->min, units).text, scaled_text(k->max, units).text);
	if (k->kind == CONFIG_SECONDS)
		v /= 1000;
	uint32_t small = (uint32_t)v;

	if (k->bytes == sizeof(v))
		memcpy(field, &v, sizeof(v));
	else
		memcpy(field, &small, sizeof(small));
	return 0;
}

static int set_bool(const struct config_key *k, void *field, struct span text, struct err *e)
{
	bool v = span_eq(text, "true");

	if (!v && !span_eq(text, "false"))
		return wrong(k, text, e);
	memcpy(field, &v, sizeof(v));
	return 0;
}

static int set_choice(const struct config_key *k, void *field, struct span text, struct err *e)
{
	char words[128] = "";
	size_t len = 0;

	for (const struct config_choice *c = k->choices; c->text; c++) {
		if (span_eq(text, c->text)) {
			memcpy(field, &c->value, sizeof(c->value));
			return 0;
		}
		int n = snprintf(words + len, sizeof(words) - len, "%s%s", len ? ", " : "",
				 c->text);

		if (n > 0 && (size_t)n < sizeof(words) - len)
			len += (size_t)n;
	}
	return err_set(e, EINVAL, "'%.*s' does not fit, expected one of %s", SHOW(text), words);
}

bool config_address_parse(struct span text, bool *loopback)
{
	char host[INET6_ADDRSTRLEN];
	const char *colon = text.n ? memrchr(text.p, ':', text.n) : NULL;
	struct in6_addr v6;
	struct in_addr v4;
	uint32_t port;

	if (!colon)
		return false;
	struct span a = { text.p, (size_t)(colon - text.p) };
	struct span p = { colon + 1, text.n - a.n - 1 };
	bool bracketed = span_starts(a, "[") && span_ends(a, "]");

	if (bracketed)
		a = (struct span){ a.p + 1, a.n - 2 };
	if (!parse_u32(p, &port) || port > 65535 || p.n > 5 || a.n == 0 || a.n >= sizeof(host))
		return false;
	memcpy(host, a.p, a.n);
	host[a.n] = '\0';
	if (bracketed) {
		if (inet_pton(AF_INET6, host, &v6) != 1)
			return false;
		*loopback = IN6_IS_ADDR_LOOPBACK(&v6) ||
			    (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
		return true;
	}
	if (inet_pton(AF_INET, host, &v4) != 1)
		return false;
	*loopback = ntohl(v4.s_addr) >> 24 == 127;
	return true;
}

static bool is_user(struct span s)
{
	uint32_t uid;

	if (span_eq(s, "root") || s.n > 32)
		return false;
	if (parse_u32(s, &uid))
		return uid != 0 && uid != UINT32_MAX; /* that one means "unchanged" to setresuid */
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
		bool later = i > 0 && ((c >= '0' && c <= '9') || c == '-' || c == '.');

		if (!letter && !later)
			return false;
	}
	return s.n > 0;
}

static int set_text(const struct config_key *k, char *field, struct span text, struct err *e)
{
	bool loopback, ok = true;

	if (text.n == 0 && k->min > 0)
		return err_set(e, EINVAL, "must not be empty, expected %s",
			       config_kind_expects(k->kind));
	if (text.n >= k->bytes)
		return err_set(e, ENAMETOOLONG, "is too long, expected at most %zu bytes",
			       k->bytes - 1);
	if (text.n > 0 && k->kind == CONFIG_ADDRESS)
		ok = config_address_parse(text, &loopback);
	else if (text.n > 0 && k->kind == CONFIG_PATH)
		ok = text.p[0] == '/';
	else if (k->kind == CONFIG_USER)
		ok = is_user(text);
	if (!ok)
		return wrong(k, text, e);
	/* The rest is cleared too, so that equal settings are equal bytes. */
	memset(field, 0, k->bytes);
	if (text.n > 0)
		memcpy(field, text.p, text.n);
	return 0;
}

static bool is_host(struct span s)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789.-_:[]";
	size_t colons = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (!memchr(allowed, s.p[i], sizeof(allowed) - 1))
			return false;
		colons += s.p[i] == ':';
	}
	return colons != 1; /* one is a port, more are an IPv6 address */
}

static int check_bytes(struct span text, struct err *e)
{
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7f)
			return err_set(e, EINVAL, "holds a control character, expected plain text");
	return 0;
}

static int list_append(const struct config_key *k, struct config_list *list, struct span item,
		       struct err *e)
{
	size_t max = k->kind == CONFIG_HOSTS ? 128 : CONFIG_TEXT_BYTES;
	int r = check_bytes(item, e);

	if (r < 0)
		return r;
	if (item.n == 0)
		return err_set(e, EINVAL, "has an empty entry, expected %s",
			       config_kind_expects(k->kind));
	if (item.n >= max)
		return err_set(e, ENAMETOOLONG, "has an entry of %zu bytes, expected at most %zu",
			       item.n, max - 1);
	if (k->kind == CONFIG_HOSTS && !is_host(item))
		return wrong(k, item, e);
	if (k->kind == CONFIG_TYPES && event_type_find(item) == EVENT_NONE)
		return wrong(k, item, e);
	if (k->kind == CONFIG_PATHS && item.p[0] != '/' && memchr(item.p, '/', item.n))
		return wrong(k, item, e);
	if (list->n >= k->max)
		return err_set(e, E2BIG, "has too many entries, expected at most %u",
			       (unsigned)k->max);
	memcpy(list->items[list->n], item.p, item.n);
	list->n++;
	return 0;
}

int config_key_append(const struct config_key *k, struct config *c, struct span item, struct err *e)
{
	return list_append(k, (void *)((char *)c + k->offset), item, e);
}

void config_key_clear(const struct config_key *k, struct config *c)
{
	memset((char *)c + k->offset, 0, k->bytes);
}

static int set_list(const struct config_key *k, void *field, struct span text, struct err *e)
{
	AUTO_FREE struct config_list *list = calloc(1, sizeof(*list));
	struct span item;

	if (!list)
		return err_set(e, ENOMEM, "no memory");
	if (text.n == 0)
		text.p = NULL; /* no entry, not an empty one */
	while (span_next(&text, ',', &item)) {
		int r = list_append(k, list, span_trim(item), e);

		if (r < 0)
			return r;
	}
	memcpy(field, list, sizeof(*list));
	return 0;
}

int config_key_set(const struct config_key *k, struct config *c, struct span text, struct err *e)
{
	char *field = (char *)c + k->offset;
	int r = check_bytes(text, e);

	if (r < 0)
		return r;
	switch (k->kind) {
	case CONFIG_SECTION:
		return err_set(e, EINVAL, "is a section, expected the name of a key in it");
	case CONFIG_ADDRESS:
	case CONFIG_PATH:
	case CONFIG_USER:
		return set_text(k, field, text, e);
	case CONFIG_BOOL:
		return set_bool(k, field, text, e);
	case CONFIG_MS:
	case CONFIG_SECONDS:
	case CONFIG_BYTES32:
	case CONFIG_BYTES64:
	case CONFIG_COUNT:
		return set_number(k, field, text, e);
	case CONFIG_CHOICE:
		return set_choice(k, field, text, e);
	case CONFIG_LABELS:
	case CONFIG_HOSTS:
	case CONFIG_TYPES:
	case CONFIG_PATHS:
	case CONFIG_WORDS:
		return set_list(k, field, text, e);
	case CONFIG_SINKS:
	case CONFIG_EXCEPTIONS:
		if (text.n > 0)
			return err_set(e, EINVAL, "can be set in the file alone");
		config_key_clear(k, c);
		return 0;
	case CONFIG_THRESHOLDS:
		if (text.n > 0)
			return err_set(e, EINVAL, "can be set in the file alone");
		config_thresholds_defaults((void *)field);
		return 0;
	}
	return -EINVAL;
}
