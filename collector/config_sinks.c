// SPDX-License-Identifier: GPL-2.0-or-later
/* The list of sinks: which keys there are, what they take, and the reader of the YAML. */
#include "collector/config_sinks.h"

#include <errno.h>
#include <string.h>

#include "collector/base/buf.h"
#include "collector/config_yaml.h"

#define ENTRIES	  WIRE_MAX_SINK_SETTINGS
#define KEY_BYTES 80
#define LIST_NAME "alerts.sinks"

#define BIT(type) (1u << WIRE_SINK_##type)
#define ALL	  ((1u << WIRE_SINK_TYPE_COUNT) - 1)
#define HTTP	  (BIT(WEBHOOK) | BIT(ALERTMANAGER))
#define NETWORK	  (HTTP | BIT(SYSLOG))

enum form { FORM_ONE, FORM_LIST, FORM_MAP };
enum kind {
	KIND_NAME,
	KIND_TYPE,
	KIND_TEXT,
	KIND_WORDS, /* one of `words` */
	KIND_BOOL,
	KIND_MS,
	KIND_COUNT,
	KIND_BYTES,
	KIND_URL,	/* http:// or https:// */
	KIND_PATH,	/* absolute */
	KIND_FILE_NAME, /* without '/': it lies in serve's own folder */
	KIND_ADDRESS,	/* of syslog */
	KIND_HEADER,
	KIND_VARIABLE,
};

struct key {
	const char *name;
	unsigned types;
	enum kind kind;
	enum form form;
	uint64_t min, max;
	const char *words; /* separated by blanks */
};

#define SEVERITIES "emergency alert critical error warning notice info debug"
#define KINDS	   "rule baseline resource isolation mining internal heartbeat audit"
#define FORMATS	   "json slack mattermost teams discord pagerduty falcosidekick"
#define FACILITIES                                                                                 \
	"kern user mail daemon auth syslog lpr news uucp cron authpriv ftp local0 local1 local2 "  \
	"local3 local4 local5 local6 local7"
#define SECOND 1000ULL
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)

/* clang-format off */
static const struct key keys[] = {
	{ "name", ALL, KIND_NAME, FORM_ONE, 0, 0, NULL },
	{ "type", ALL, KIND_TYPE, FORM_ONE, 0, 0, NULL },
	{ "severity", ALL, KIND_WORDS, FORM_ONE, 0, 0, SEVERITIES },
	{ "kind", ALL, KIND_WORDS, FORM_LIST, 0, 0, KINDS },
	{ "image", ALL, KIND_TEXT, FORM_LIST, 1, 255, NULL },
	{ "label", ALL, KIND_TEXT, FORM_MAP, 1, 255, NULL },
	{ "audit", ALL, KIND_BOOL, FORM_ONE, 0, 0, NULL },
	{ "updates", ALL, KIND_BOOL, FORM_ONE, 0, 0, NULL },
	{ "retry_min", ALL, KIND_MS, FORM_ONE, 10, HOUR, NULL },
	{ "retry_max", ALL, KIND_MS, FORM_ONE, 10, 24 * HOUR, NULL },
	{ "dead_after", ALL, KIND_MS, FORM_ONE, SECOND, 30 * 24 * HOUR, NULL },
	{ "url", HTTP, KIND_URL, FORM_ONE, 0, 0, NULL },
	{ "url_file", HTTP, KIND_PATH, FORM_ONE, 0, 0, NULL },
	{ "url_env", HTTP, KIND_VARIABLE, FORM_ONE, 0, 0, NULL },
	{ "format", BIT(WEBHOOK), KIND_WORDS, FORM_ONE, 0, 0, FORMATS },
	{ "format", BIT(SYSLOG), KIND_WORDS, FORM_ONE, 0, 0, "text json" },
	{ "batch", HTTP, KIND_COUNT, FORM_ONE, 1, 500, NULL },
	{ "hmac_key_file", BIT(WEBHOOK), KIND_PATH, FORM_ONE, 0, 0, NULL },
	{ "hmac_key_env", BIT(WEBHOOK), KIND_VARIABLE, FORM_ONE, 0, 0, NULL },
	{ "routing_key_file", BIT(WEBHOOK), KIND_PATH, FORM_ONE, 0, 0, NULL },
	{ "routing_key_env", BIT(WEBHOOK), KIND_VARIABLE, FORM_ONE, 0, 0, NULL },
	{ "headers", HTTP, KIND_HEADER, FORM_MAP, 0, 0, NULL },
	{ "header_files", HTTP, KIND_PATH, FORM_MAP, 0, 0, NULL },
	{ "proxy", HTTP, KIND_URL, FORM_ONE, 0, 0, NULL },
	{ "proxy_file", HTTP, KIND_PATH, FORM_ONE, 0, 0, NULL },
	{ "ca_file", NETWORK, KIND_PATH, FORM_ONE, 0, 0, NULL },
	{ "client_cert_file", NETWORK, KIND_PATH, FORM_ONE, 0, 0, NULL },
	{ "client_key_file", NETWORK, KIND_PATH, FORM_ONE, 0, 0, NULL },
	{ "connect_timeout", NETWORK, KIND_MS, FORM_ONE, 10, 5 * MINUTE, NULL },
	{ "timeout", NETWORK, KIND_MS, FORM_ONE, 10, 10 * MINUTE, NULL },
	{ "resend", BIT(ALERTMANAGER), KIND_MS, FORM_ONE, SECOND, HOUR, NULL },
	{ "hold", BIT(ALERTMANAGER), KIND_MS, FORM_ONE, SECOND, 24 * HOUR, NULL },
	{ "address", BIT(SYSLOG), KIND_ADDRESS, FORM_ONE, 0, 0, NULL },
	{ "facility", BIT(SYSLOG), KIND_WORDS, FORM_ONE, 0, 0, FACILITIES },
	{ "socket", BIT(JOURNALD), KIND_PATH, FORM_ONE, 0, 0, NULL },
	{ "path", BIT(FILE), KIND_FILE_NAME, FORM_ONE, 0, 0, NULL },
	{ "max_size", BIT(FILE), KIND_BYTES, FORM_ONE, 64 << 10, 1ULL << 40, NULL },
};
/* clang-format on */
#define KEYS_N (sizeof(keys) / sizeof(keys[0]))

/* An entry of the list while it is read: what its type allows is known at its end. */
struct entry {
	struct {
		const char *key, *value;
		enum form form;
		yaml_mark_t key_mark, value_mark;
	} pairs[ENTRIES];
	size_t n;
	yaml_mark_t mark;
	struct buf text;
	char where[48]; /* "alerts.sinks[1]" */
};

/* --- values --------------------------------------------------------------------------------- */

static bool is_one_of(struct span value, const char *words)
{
	struct span rest = span_str(words), word;

	while (span_word(&rest, &word))
		if (word.n == value.n && memcmp(word.p, value.p, value.n) == 0)
			return true;
	return false;
}

static bool is_name(struct span s, const char *more)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      strchr(more, c)))
			return false;
	}
	return s.n > 0 && s.n <= 64;
}

/* Checked again where it is used; here the common slips are caught with their line. */
static bool is_url(struct span s)
{
	size_t scheme = span_starts(s, "https://") ? 8 : span_starts(s, "http://") ? 7 : 0;

	if (!scheme || s.n == scheme || s.n > 1024 || s.p[scheme] == '/')
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f || s.p[i] == '"' || s.p[i] == '\\')
			return false;
	/* a password in it would be shown by whoever reads the file */
	const char *end = memchr(s.p + scheme, '/', s.n - scheme);

	return !memchr(s.p + scheme, '@', end ? (size_t)(end - s.p) - scheme : s.n - scheme);
}

static bool is_host_port(struct span s)
{
	const char *colon = s.n ? memrchr(s.p, ':', s.n) : NULL;
	uint32_t port;

	if (!colon || colon == s.p)
		return false;
	struct span host = { s.p, (size_t)(colon - s.p) };
	struct span digits = { colon + 1, s.n - host.n - 1 };

	if (span_starts(host, "[") && span_ends(host, "]"))
		host = (struct span){ host.p + 1, host.n - 2 };
	else if (memchr(host.p, ':', host.n))
		return false;
	return is_name(host, ".-_:") && parse_u32(digits, &port) && port > 0 && port < 65536;
}

static bool is_syslog_address(struct span s)
{
	static const char *const schemes[] = { "udp://", "tcp://", "tls://" };

	if (s.n > 107)
		return false;
	if (span_starts(s, "unix:"))
		return s.n > 6 && s.p[5] == '/';
	for (size_t i = 0; i < 3; i++)
		if (span_starts(s, schemes[i]))
			return is_host_port((struct span){ s.p + 6, s.n - 6 });
	return s.n > 1 && s.p[0] == '/';
}

static const char *expected(const struct key *k)
{
	switch (k->kind) {
	case KIND_NAME:
		return "letters, digits, '-', '_' and '.', at most 32";
	case KIND_TYPE:
		return "one of webhook alertmanager syslog journald file stdout";
	case KIND_TEXT:
		return "a text of 1 to 255 bytes";
	case KIND_WORDS:
		return k->words; /* its message is another one */
	case KIND_BOOL:
		return "true or false";
	case KIND_MS:
		return "a duration such as 500ms, 1s, 5m or 2h";
	case KIND_COUNT:
		return "a whole number";
	case KIND_BYTES:
		return "a size such as 64KiB or 64MiB";
	case KIND_URL:
		return "an address that begins with https:// or http:// and holds no password";
	case KIND_PATH:
		return "an absolute path";
	case KIND_FILE_NAME:
		return "the name of a file without '/': `bulkhead serve` may write nowhere but in "
		       "its own folder (files/ in state_dir/serve)";
	case KIND_ADDRESS:
		return "/dev/log, unix:/PATH, udp://HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT";
	case KIND_HEADER:
		return "a value of a header: printable ASCII, at most 255 bytes";
	case KIND_VARIABLE:
		return "the name of an environment variable";
	}
	return "another value";
}

static bool number_fits(const struct key *k, struct span text, uint64_t *out)
{
	bool ok = k->kind == KIND_MS	  ? config_duration_parse(text, out)
		  : k->kind == KIND_BYTES ? config_size_parse(text, out)
					  : parse_u64(text, out);

	return ok && *out >= k->min && *out <= k->max;
}

static bool is_printable(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] >= 0x7f)
			return false;
	return s.n > 0 && s.n <= 255;
}

/* The value as it is kept in out[24] or, mostly, as it came. False: it does not fit. */
static bool value_fits(const struct key *k, struct span v, char out[24], struct span *kept)
{
	enum wire_sink_type type;
	uint64_t n = 0;

	*kept = v;
	switch (k->kind) {
	case KIND_NAME:
		return wire_sink_name_fits(v);
	case KIND_TYPE:
		return wire_sink_type_parse(v, &type);
	case KIND_TEXT:
		return v.n >= k->min && v.n <= k->max;
	case KIND_WORDS:
		return is_one_of(v, k->words);
	case KIND_BOOL:
		return span_eq(v, "true") || span_eq(v, "false");
	case KIND_MS:
	case KIND_COUNT:
	case KIND_BYTES:
		if (!number_fits(k, v, &n))
			return false;
		snprintf(out, 24, "%llu", (unsigned long long)n);
		*kept = span_str(out);
		return true;
	case KIND_URL:
		return is_url(v);
	case KIND_PATH:
		return v.n > 1 && v.n < 1024 && v.p[0] == '/';
	case KIND_FILE_NAME:
		return v.n > 0 && v.n <= 64 && v.p[0] != '.' && is_name(v, ".-_");
	case KIND_ADDRESS:
		return is_syslog_address(v);
	case KIND_HEADER:
		return is_printable(v);
	case KIND_VARIABLE:
		return is_name(v, "_");
	}
	return false;
}

/* --- one entry ------------------------------------------------------------------------------ */

static int fail_at(struct config_reader *r, const struct entry *en, yaml_mark_t mark,
		   const char *key)
{
	char name[160];

	snprintf(name, sizeof(name), "%s%s%.80s", en->where, key[0] ? "." : "", key);
	return config_yaml_at(r, mark, name, -EINVAL);
}

static const struct key *find_key(struct span name, unsigned type)
{
	const char *dot = memchr(name.p, '.', name.n);
	struct span first = { name.p, dot ? (size_t)(dot - name.p) : name.n };

	for (size_t i = 0; i < KEYS_N; i++)
		if (span_eq(first, keys[i].name) && (keys[i].types & (1u << type)))
			return &keys[i];
	return NULL;
}

static int unknown(struct config_reader *r, const struct entry *en, size_t i,
		   enum wire_sink_type type)
{
	char names[400] = "";
	size_t len = 0;

	for (size_t k = 0; k < KEYS_N && len < sizeof(names); k++)
		if (keys[k].types & (1u << type))
			len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s",
						len ? ", " : "", keys[k].name);
	err_set(r->e, EINVAL, "unknown for a %s, which knows %s", wire_sink_type_name(type), names);
	return fail_at(r, en, en->pairs[i].key_mark, en->pairs[i].key);
}

static int put(struct config_sink *s, const char *key, struct span value)
{
	size_t key_n = strlen(key) + 1;

	if (s->settings_n >= WIRE_MAX_SINK_SETTINGS ||
	    key_n + value.n + 1 > sizeof(s->text) - s->text_n)
		return -E2BIG;
	memcpy(s->text + s->text_n, key, key_n);
	memcpy(s->text + s->text_n + key_n, value.p, value.n);
	s->text_n += (uint32_t)(key_n + value.n + 1);
	s->settings_n++;
	return 0;
}

static int check_pair(struct config_reader *r, const struct entry *en, size_t i,
		      struct config_sink *s)
{
	const char *key = en->pairs[i].key;
	const struct key *k = find_key(span_str(key), s->type);
	struct span kept, value = span_str(en->pairs[i].value);
	char number[24];

	if (!k)
		return unknown(r, en, i, s->type);
	bool form_fits = k->form == en->pairs[i].form ||
			 (k->form == FORM_LIST && en->pairs[i].form == FORM_ONE);

	if (!form_fits ||
	    (k->form == FORM_MAP && !is_name(span_str(strchr(key, '.') + 1), ".-_/"))) {
		err_set(r->e, EINVAL, "has another form, expected %s",
			k->form == FORM_MAP    ? "names and values"
			: k->form == FORM_LIST ? "a list"
					       : expected(k));
		return fail_at(r, en, en->pairs[i].key_mark, key);
	}
	if (!value_fits(k, value, number, &kept)) {
		err_set(r->e, EINVAL, "'%.64s' does not fit, expected %s%s", en->pairs[i].value,
			k->kind == KIND_WORDS ? "one of " : "", expected(k));
		return fail_at(r, en, en->pairs[i].value_mark, key);
	}
	if (k->kind == KIND_NAME)
		snprintf(s->name, sizeof(s->name), "%.*s", (int)kept.n, kept.p);
	if (k->kind == KIND_NAME || k->kind == KIND_TYPE)
		return 0;
	if (put(s, key, kept) == 0)
		return 0;
	err_set(r->e, E2BIG, "is too much for one sink: %u settings and %u bytes fit",
		(unsigned)WIRE_MAX_SINK_SETTINGS, (unsigned)WIRE_SINK_TEXT_BYTES);
	return fail_at(r, en, en->pairs[i].key_mark, key);
}

/* How many of these are set; names end with NULL. */
static unsigned count_of(const struct config_sink *s, const char *const *names)
{
	unsigned n = 0;

	for (; *names; names++)
		n += config_sink_get(s, *names) != NULL;
	return n;
}

/* Keys that need or exclude each other. NULL when they agree, else what is wrong. */
static const char *disagreement(const struct config_sink *s)
{
	static const char *const urls[] = { "url", "url_file", "url_env", NULL };
	static const char *const hmac[] = { "hmac_key_file", "hmac_key_env", NULL };
	static const char *const routing[] = { "routing_key_file", "routing_key_env", NULL };
	static const char *const proxy[] = { "proxy", "proxy_file", NULL };
	static const char *const client[] = { "client_cert_file", "client_key_file", NULL };
	const char *format = config_sink_get(s, "format"), *path = NULL;
	bool pagerduty = format && strcmp(format, "pagerduty") == 0;
	const char *address = config_sink_get(s, "address");

	if ((BIT(WEBHOOK) | BIT(ALERTMANAGER)) & (1u << s->type) && count_of(s, urls) != 1 &&
	    !(pagerduty && count_of(s, urls) == 0))
		return "needs one of url, url_file and url_env";
	if (pagerduty != (count_of(s, routing) == 1))
		return "needs 'format: pagerduty' and one of routing_key_file and routing_key_env "
		       "together";
	if (count_of(s, hmac) > 1 || count_of(s, proxy) > 1)
		return "has a key and its _file or _env, expected one of them";
	if (count_of(s, client) == 1)
		return "needs client_cert_file and client_key_file together";
	if (address && strncmp(address, "tls://", 6) != 0)
		path = config_sink_get(s, "ca_file");
	if (path || (address && strncmp(address, "tls://", 6) != 0 && count_of(s, client) > 0))
		return "has certificates but no address with tls://";
	if (config_sink_get(s, "batch") && format && strcmp(format, "json") != 0)
		return "has a batch, which 'format: json' alone knows";
	if (s->type == WIRE_SINK_FILE && !config_sink_get(s, "path"))
		return "needs a path: the name of a file";
	return NULL;
}

static bool is_taken(const struct config_sinks *all, const char *name)
{
	for (uint32_t i = 0; i < all->n; i++)
		if (strcmp(all->items[i].name, name) == 0)
			return true;
	return false;
}

static int finish_entry(struct config_reader *r, const struct entry *en, struct config_sinks *all)
{
	struct config_sink *s = &all->items[all->n];
	const char *type = NULL, *wrong;
	yaml_mark_t type_mark = en->mark;

	memset(s, 0, sizeof(*s));
	for (size_t i = 0; i < en->n; i++) {
		if (strcmp(en->pairs[i].key, "type") != 0)
			continue;
		type = en->pairs[i].value;
		type_mark = en->pairs[i].value_mark;
	}
	if (!type || !wire_sink_type_parse(span_str(type), &s->type)) {
		err_set(r->e, EINVAL, "%s%.64s%s, expected %s", type ? "'" : "",
			type ? type : "is missing", type ? "' does not fit" : "",
			"one of webhook, alertmanager, syslog, journald, file, stdout");
		return fail_at(r, en, type_mark, "type");
	}
	for (size_t i = 0; i < en->n; i++) {
		int ret = check_pair(r, en, i, s);

		if (ret < 0)
			return ret;
	}
	wrong = disagreement(s);
	for (unsigned n = 1; !s->name[0] && n <= WIRE_MAX_SINKS; n++) {
		snprintf(s->name, sizeof(s->name), n == 1 ? "%s" : "%s-%u", type, n);
		if (is_taken(all, s->name))
			s->name[0] = '\0';
	}
	if (!wrong && is_taken(all, s->name))
		wrong = "has the name of an earlier one";
	if (wrong) {
		err_set(r->e, EINVAL, "%s", wrong);
		return fail_at(r, en, en->mark, "");
	}
	all->n++;
	return 0;
}

/* --- YAML ----------------------------------------------------------------------------------- */

static int add_pair(struct config_reader *r, struct entry *en, struct span key, struct span value,
		    enum form form, const yaml_event_t *key_ev, const yaml_event_t *value_ev)
{
	size_t n = key.n + value.n + 2;

	if (en->n >= ENTRIES || key.n >= KEY_BYTES || en->text.cap - en->text.len < n) {
		err_set(r->e, E2BIG, "is too much for one sink");
		return fail_at(r, en, key_ev->start_mark, "");
	}
	for (size_t i = 0; i < value.n; i++) {
		if ((unsigned char)value.p[i] >= 0x20 && value.p[i] != 0x7f)
			continue;
		err_set(r->e, EINVAL, "holds a control character, expected plain text");
		return fail_at(r, en, value_ev->start_mark, "");
	}
	char *p = en->text.data + en->text.len;

	memcpy(p, key.p, key.n);
	p[key.n] = '\0';
	memcpy(p + key.n + 1, value.p, value.n);
	p[key.n + 1 + value.n] = '\0';
	en->pairs[en->n].key = p;
	en->pairs[en->n].value = p + key.n + 1;
	en->pairs[en->n].form = form;
	en->pairs[en->n].key_mark = key_ev->start_mark;
	en->pairs[en->n].value_mark = value_ev->start_mark;
	en->n++;
	en->text.len += n;
	return 0;
}

static int no_text(struct config_reader *r, const struct entry *en, const yaml_event_t *ev,
		   const char *key)
{
	err_set(r->e, EINVAL, "has no value or a nested one, expected a text");
	return fail_at(r, en, ev->start_mark, key);
}

/* key: [a, b] */
static int read_list(struct config_reader *r, struct entry *en, const yaml_event_t *key_ev)
{
	struct span key = config_yaml_scalar(key_ev);

	for (;;) {
		AUTO(yaml_event_delete) yaml_event_t ev = { 0 };
		int ret = config_yaml_next(r, &ev, en->where);

		if (ret < 0)
			return ret;
		if (ev.type == YAML_SEQUENCE_END_EVENT)
			return 0;
		if (ev.type != YAML_SCALAR_EVENT || config_yaml_is_null(&ev))
			return no_text(r, en, &ev, "");
		ret = add_pair(r, en, key, config_yaml_scalar(&ev), FORM_LIST, key_ev, &ev);
		if (ret < 0)
			return ret;
	}
}

static bool has_key(const struct entry *en, const char *key)
{
	for (size_t i = 0; i < en->n; i++)
		if (strcmp(en->pairs[i].key, key) == 0)
			return true;
	return false;
}

static int twice(struct config_reader *r, const struct entry *en, const yaml_event_t *ev,
		 const char *key)
{
	err_set(r->e, EINVAL, "stands twice, expected it once");
	return fail_at(r, en, ev->start_mark, key);
}

/* key: {name: text} */
static int read_map(struct config_reader *r, struct entry *en, const yaml_event_t *map_ev)
{
	struct span map = config_yaml_scalar(map_ev);

	for (;;) {
		AUTO(yaml_event_delete) yaml_event_t name = { 0 };
		AUTO(yaml_event_delete) yaml_event_t ev = { 0 };
		char key[KEY_BYTES];
		int ret = config_yaml_next(r, &name, en->where);

		if (ret < 0)
			return ret;
		if (name.type == YAML_MAPPING_END_EVENT)
			return 0;
		struct span own = name.type == YAML_SCALAR_EVENT ? config_yaml_scalar(&name)
								 : SPAN_LIT("");

		if (own.n == 0 || map.n + own.n + 2 > sizeof(key))
			return no_text(r, en, &name, "");
		snprintf(key, sizeof(key), "%.*s.%.*s", (int)map.n, map.p, (int)own.n, own.p);
		if (has_key(en, key))
			return twice(r, en, &name, key);
		ret = config_yaml_next(r, &ev, en->where);
		if (ret == 0 && (ev.type != YAML_SCALAR_EVENT || config_yaml_is_null(&ev)))
			ret = no_text(r, en, &ev, key);
		if (ret == 0)
			ret = add_pair(r, en, span_str(key), config_yaml_scalar(&ev), FORM_MAP,
				       &name, &ev);
		if (ret < 0)
			return ret;
	}
}

static int read_pair(struct config_reader *r, struct entry *en, const yaml_event_t *key)
{
	AUTO(yaml_event_delete) yaml_event_t ev = { 0 };
	char name[KEY_BYTES];
	struct span own = key->type == YAML_SCALAR_EVENT ? config_yaml_scalar(key) : SPAN_LIT("");

	if (!is_name(own, "_-")) {
		err_set(r->e, EINVAL, "not the name of a key, expected a word");
		return fail_at(r, en, key->start_mark, "");
	}
	snprintf(name, sizeof(name), "%.*s", (int)own.n, own.p);
	if (has_key(en, name))
		return twice(r, en, key, name);
	int ret = config_yaml_next(r, &ev, en->where);

	if (ret < 0)
		return ret;
	if (ev.type == YAML_SEQUENCE_START_EVENT)
		return read_list(r, en, key);
	if (ev.type == YAML_MAPPING_START_EVENT)
		return read_map(r, en, key);
	if (ev.type != YAML_SCALAR_EVENT || config_yaml_is_null(&ev))
		return no_text(r, en, &ev, name);
	return add_pair(r, en, own, config_yaml_scalar(&ev), FORM_ONE, key, &ev);
}

static int read_entry(struct config_reader *r, struct entry *en, struct config_sinks *all)
{
	for (;;) {
		AUTO(yaml_event_delete) yaml_event_t ev = { 0 };
		int ret = config_yaml_next(r, &ev, en->where);

		if (ret < 0)
			return ret;
		if (ev.type == YAML_MAPPING_END_EVENT)
			return finish_entry(r, en, all);
		ret = read_pair(r, en, &ev);
		if (ret < 0)
			return ret;
	}
}

int config_sinks_read(struct config_reader *r, const struct config_key *k)
{
	struct config_sinks *all = (void *)((char *)r->c + k->offset);
	AUTO_FREE struct entry *en = calloc(1, sizeof(*en));
	char *mem = en ? malloc(2 * WIRE_SINK_TEXT_BYTES) : NULL;
	AUTO_FREE char *text = mem;

	config_key_clear(k, r->c);
	if (!en || !text)
		return err_set(r->e, ENOMEM, "no memory to read '%s'", r->file);
	for (;;) {
		AUTO(yaml_event_delete) yaml_event_t ev = { 0 };
		int ret = config_yaml_next(r, &ev, LIST_NAME);

		if (ret < 0)
			return ret;
		if (ev.type == YAML_SEQUENCE_END_EVENT)
			return 0;
		memset(en, 0, sizeof(*en));
		en->text = (struct buf){ .data = text, .cap = 2 * WIRE_SINK_TEXT_BYTES, .fd = -1 };
		en->mark = ev.start_mark;
		snprintf(en->where, sizeof(en->where), LIST_NAME "[%u]", (unsigned)all->n + 1);
		if (ev.type != YAML_MAPPING_START_EVENT) {
			err_set(r->e, EINVAL, "is no map, expected keys and their values");
			return fail_at(r, en, ev.start_mark, "");
		}
		if (all->n == WIRE_MAX_SINKS) {
			err_set(r->e, E2BIG, "has too many entries, expected at most %u",
				(unsigned)WIRE_MAX_SINKS);
			return config_yaml_at(r, ev.start_mark, LIST_NAME, -E2BIG);
		}
		ret = read_entry(r, en, all);
		if (ret < 0)
			return ret;
	}
}

void config_sinks_each_key(void (*fn)(void *ctx, const char *key), void *ctx)
{
	for (size_t i = 0; i < KEYS_N; i++)
		fn(ctx, keys[i].name);
}
