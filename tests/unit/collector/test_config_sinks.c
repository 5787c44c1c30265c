// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/base/io.h"
#include "collector/config.h"
#include "tests/unit/fixture.h"

static struct config *parsed(const char *yaml)
{
	struct config *c = malloc(sizeof(*c));
	struct err e = { "" };

	assert_non_null(c);
	config_defaults(c);
	if (config_parse(c, "f.yaml", span_str(yaml), &e) != 0)
		fail_msg("%s", e.text);
	return c;
}

/* `text` is what the message must hold; the configuration stays as it was. */
static void assert_refused(const char *yaml, const char *text)
{
	AUTO_FREE struct config *c = malloc(sizeof(*c)), *before = malloc(sizeof(*before));
	struct err e = { "" };

	config_defaults(c);
	memcpy(before, c, sizeof(*c));
	assert_true(config_parse(c, "f.yaml", span_str(yaml), &e) < 0);
	if (!strstr(e.text, text))
		fail_msg("'%s' is not in '%s'", text, e.text);
	assert_memory_equal(c, before, sizeof(*c));
}

static void the_least_sink_is_a_type_and_a_url(void **state)
{
	AUTO_FREE struct config *c = parsed("alerts:\n"
					    "  sinks:\n"
					    "    - type: webhook\n"
					    "      url: https://a.example/x?y=1\n");

	(void)state;
	assert_int_equal(c->sinks.n, 1);
	assert_int_equal(c->sinks.items[0].type, WIRE_SINK_WEBHOOK);
	assert_string_equal(c->sinks.items[0].name, "webhook");
	assert_string_equal(config_sink_get(&c->sinks.items[0], "url"), "https://a.example/x?y=1");
	assert_null(config_sink_get(&c->sinks.items[0], "severity"));
}

static void values_of_every_form_are_kept_flat(void **state)
{
	static const char *const want[][2] = {
		{ "severity", "error" },   { "kind", "rule" },
		{ "kind", "mining" },	   { "image", "docker.io/*" },
		{ "label.team", "infra" }, { "label.com.example/x", "a*" },
		{ "retry_min", "500" },	   { "dead_after", "172800000" },
		{ "headers.X-A", "b c" },  { "header_files.X-Token", "/etc/t" },
		{ "batch", "50" },	   { "url_file", "/etc/u" },
	};
	AUTO_FREE struct config *c = parsed("alerts:\n  sinks:\n  - severity: error\n"
					    "    kind: [rule, mining]\n"
					    "    image: \"docker.io/*\"\n"
					    "    label: {team: infra, com.example/x: \"a*\"}\n"
					    "    retry_min: 500ms\n    dead_after: 48h\n"
					    "    headers: {X-A: b c}\n"
					    "    header_files: {X-Token: /etc/t}\n"
					    "    batch: 50\n    url_file: /etc/u\n"
					    "    name: ops.1\n    type: webhook\n"
					    "  - {type: stdout}\n  - {type: stdout}\n");
	const char *key, *value;
	uint32_t at = 0;

	(void)state;
	assert_string_equal(c->sinks.items[0].name, "ops.1");
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		assert_true(config_sink_next(&c->sinks.items[0], &at, &key, &value));
		assert_string_equal(key, want[i][0]);
		assert_string_equal(value, want[i][1]);
	}
	assert_false(config_sink_next(&c->sinks.items[0], &at, &key, &value));
	assert_string_equal(c->sinks.items[1].name, "stdout");
	assert_string_equal(c->sinks.items[2].name, "stdout-2");
}

static void sinks_of_every_type_are_taken(void **state)
{
	AUTO_FREE struct config *c = parsed(
		"alerts:\n  sinks:\n"
		"  - {type: alertmanager, url: \"http://10.0.0.1:9093\", resend: 30s, hold: 5m}\n"
		"  - {type: syslog}\n"
		"  - {type: syslog, name: a, address: \"tls://[::1]:6514\", ca_file: /c, format: "
		"json}\n"
		"  - {type: syslog, name: b, address: \"unix:/run/log\", facility: local7}\n"
		"  - {type: journald, audit: true}\n"
		"  - {type: file, path: out.jsonl, max_size: 1MiB}\n"
		"  - {type: stdout, updates: true}\n"
		"  - {type: webhook, format: pagerduty, routing_key_env: PD_KEY}\n");

	(void)state;
	assert_int_equal(c->sinks.n, 8);
	assert_string_equal(config_sink_get(&c->sinks.items[0], "resend"), "30000");
	assert_string_equal(config_sink_get(&c->sinks.items[5], "max_size"), "1048576");
}

#define ONE(text) "alerts:\n  sinks:\n    - " text "\n"

static void mistakes_are_told_with_their_place(void **state)
{
	(void)state;
	assert_refused(ONE("{type: webhook, ur: x}"),
		       "f.yaml:3:23: key 'alerts.sinks[1].ur': unknown for a webhook, which knows "
		       "name, type, severity,");
	assert_refused(ONE("{type: syslog, url: \"http://x\"}"),
		       "unknown for a syslog, which knows");
	assert_refused(
		ONE("{url: \"http://x\"}"),
		"f.yaml:3:7: key 'alerts.sinks[1].type': is missing, expected one of webhook");
	assert_refused(ONE("{type: kafka}"),
		       "3:14: key 'alerts.sinks[1].type': 'kafka' does not fit");
	assert_refused(ONE("{type: webhook}"), "needs one of url, url_file and url_env");
	assert_refused(ONE("{type: webhook, url: \"http://x\", url_file: /x}"), "needs one of url");
	assert_refused(ONE("{type: webhook, url: \"ftp://x\"}"), "begins with https:// or http://");
	assert_refused(ONE("{type: webhook, url: \"http://me:secret@x/\"}"), "holds no password");
	assert_refused(ONE("{type: webhook, url: \"http://x\", severity: bad}"),
		       "'bad' does not fit, expected one of emergency alert critical");
	assert_refused(ONE("{type: webhook, url: \"http://x\", kind: [rule, rules]}"),
		       "'rules' does not fit");
	assert_refused(ONE("{type: webhook, url: \"http://x\", timeout: 5}"),
		       "expected a duration such as");
	assert_refused(ONE("{type: webhook, url: \"http://x\", batch: 0}"), "'0' does not fit");
	assert_refused(ONE("{type: webhook, url: \"http://x\", format: slack, batch: 5}"),
		       "'format: json' alone");
	assert_refused(ONE("{type: webhook, url: \"http://x\", format: pagerduty}"), "routing_key");
	assert_refused(ONE("{type: webhook, url: \"http://x\", client_cert_file: /c}"), "together");
	assert_refused(ONE("{type: webhook, url: \"http://x\", hmac_key_file: k}"),
		       "'k' does not fit, expected an absolute path");
	assert_refused(ONE("{type: webhook, url: \"http://x\", label: x}"), "names and values");
	assert_refused(ONE("{type: webhook, url: \"http://x\", severity: {a: b}}"), "another form");
	assert_refused(ONE("{type: webhook, url: \"http://x\", headers: {\"X Y\": b}}"),
		       "names and values");
	assert_refused(ONE("{type: webhook, type: webhook}"), "stands twice");
	assert_refused(ONE("{type: webhook, label: {a: b, a: c}}"), "label.a': stands twice");
	assert_refused(ONE("{type: webhook, url: }"), "has no value or a nested one");
	assert_refused(ONE("{type: file, path: /var/log/a}"), "in its own folder");
	assert_refused(ONE("{type: file, path: ../a}"), "in its own folder");
	assert_refused(ONE("{type: file}"), "needs a path");
	assert_refused(ONE("{type: syslog, address: \"tcp://x\"}"), "tcp://HOST:PORT");
	assert_refused(ONE("{type: syslog, address: \"udp://x:514\", ca_file: /c}"),
		       "no address with tls");
	assert_refused(ONE("{type: stdout, name: a/b}"), "letters, digits");
	assert_refused(ONE("{type: stdout, name: .a}"), "letters, digits");
	assert_refused(ONE("{type: stdout, name: a}\n    - {type: stdout, name: a}"),
		       "4:7: key 'alerts.sinks[2]': has the name of an earlier one");
	assert_refused(ONE("text"), "is no map");
	assert_refused("alerts:\n  sinks: webhook\n", "expected a list of maps");
	assert_refused("alerts:\n  sinks: {a: b}\n", "expected a list of maps");
	assert_refused(ONE("&x {type: stdout}"), "anchors and aliases");
	assert_refused(ONE("{type: stdout, kind: [[rule]]}"), "has no value or a nested one");
}

static void limits_are_kept(void **state)
{
	struct buf b;
	AUTO_FREE struct config *c = NULL;

	(void)state;
	buf_init(&b, 1 << 20);
	buf_add_str(&b, "alerts:\n  sinks:\n");
	for (int i = 0; i < WIRE_MAX_SINKS; i++)
		buf_add_str(&b, "    - {type: stdout}\n");
	AUTO_FREE char *most = strndup(b.data, b.len);

	buf_add_str(&b, "    - {type: stdout}\n");
	AUTO_FREE char *more = buf_take_str(&b);

	c = parsed(most);
	assert_int_equal(c->sinks.n, WIRE_MAX_SINKS);
	assert_string_equal(c->sinks.items[15].name, "stdout-16");
	assert_refused(more, "has too many entries, expected at most 16");
	buf_init(&b, 1 << 20);
	buf_add_str(&b, "alerts:\n  sinks:\n    - {type: stdout, image: [");
	for (int i = 0; i < 60; i++)
		buf_printf(&b, "%sa%d", i ? ", " : "", i);
	buf_add_str(&b, "]}\n");
	AUTO_FREE char *entries = buf_take_str(&b);

	assert_refused(entries, "is too much for one sink");
	buf_init(&b, 1 << 20);
	buf_add_str(&b, "alerts:\n  sinks:\n    - {type: stdout, image: [");
	for (int i = 0; i < 20; i++)
		buf_printf(&b, "%s%0200d", i ? ", " : "", i);
	buf_add_str(&b, "]}\n");
	AUTO_FREE char *bytes = buf_take_str(&b);

	assert_refused(bytes, "is too much for one sink");
}

static void a_flag_cannot_set_sinks(void **state)
{
	AUTO_FREE struct config *c = parsed("");
	struct err e = { "" };

	(void)state;
	assert_int_equal(config_set(c, "alerts.sinks", "x", &e), -EINVAL);
	assert_string_equal(e.text, "key 'alerts.sinks': can be set in the file alone");
}

static void every_prefix_of_a_list_is_refused_or_read_without_harm(void **state)
{
	static const char yaml[] = "alerts:\n  sinks:\n    - type: webhook\n      url: http://x\n"
				   "      kind: [rule, mining]\n      label: {a: b, c: \"d*\"}\n"
				   "    - {type: file, path: a.b}\n";
	AUTO_FREE struct config *c = parsed("");

	(void)state;
	for (size_t n = 0; n < sizeof(yaml); n++)
		config_parse(c, "f.yaml", (struct span){ yaml, n }, NULL);
	assert_int_equal(c->sinks.n, 2);
}

/* --- what serve is told --------------------------------------------------------------------- */
struct told {
	char text[131072];
	size_t n;
	int fail_at;
};

static int on_frame(void *ctx, enum wire_type type, struct span payload, int fd)
{
	AUTO_FD int own = fd;
	struct told *t = ctx;
	struct wire_sink_secret s;
	AUTO_FREE struct wire_sinks *m = calloc(1, sizeof(*m));
	char content[64] = "";

	if (t->fail_at-- == 0)
		return -EPIPE;
	if (type == WIRE_SINK_SECRET) {
		assert_int_equal(wire_sink_secret_decode(payload, &s, NULL), 0);
		if (own >= 0)
			assert_true(pread(own, content, sizeof(content) - 1, 0) > 0);
		t->n += (size_t)snprintf(t->text + t->n, sizeof(t->text) - t->n,
					 "%u %.*s%s=%.*s%s\n", s.sink, (int)s.key.n, s.key.p,
					 s.missing ? "!" : "", (int)s.value.n, s.value.p, content);
		return 0;
	}
	assert_int_equal(wire_sinks_decode(payload, m, NULL), 0);
	for (uint32_t i = 0; i < m->n; i++)
		for (uint32_t k = 0; k < m->sinks[i].settings_n; k++)
			t->n += (size_t)snprintf(
				t->text + t->n, sizeof(t->text) - t->n, "%s %.*s=%.*s\n",
				m->sinks[i].name, (int)m->sinks[i].settings[k].key.n,
				m->sinks[i].settings[k].key.p, (int)m->sinks[i].settings[k].value.n,
				m->sinks[i].settings[k].value.p);
	return 0;
}

static void serve_gets_secrets_by_descriptor_and_never_their_paths(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ hmac\nkey\n@ token\nBearer x\n");
	struct told told = { .fail_at = -1 };
	char yaml[1024], want[1024];

	(void)state;
	snprintf(yaml, sizeof(yaml),
		 "alerts:\n  sinks:\n"
		 "  - {type: webhook, url_env: TEST_SINK_URL, hmac_key_file: %s/hmac,"
		 " header_files: {Authorization: %s/token}, ca_file: %s/none, batch: 5}\n"
		 "  - {type: webhook, url_env: TEST_SINK_NOTHING, severity: error}\n",
		 t.path, t.path, t.path);
	snprintf(want, sizeof(want),
		 "0 url=https://secret/\n0 hmac_key=key\n\n0 headers.Authorization=Bearer x\n\n"
		 "0 ca!=cannot read '%s/none': No such file or directory\n"
		 "1 url!=the environment variable 'TEST_SINK_NOTHING' is not set\n"
		 "webhook batch=5\nwebhook severity=warning\nwebhook-2 severity=error\n",
		 t.path);
	setenv("TEST_SINK_URL", "https://secret/", 1);
	AUTO_FREE struct config *c = parsed(yaml);

	assert_int_equal(config_sinks_feed(&c->sinks, "warning", on_frame, &told), 0);
	assert_string_equal(told.text, want);
	for (int i = 0; i < 6; i++) {
		told.fail_at = i;
		assert_int_equal(config_sinks_feed(&c->sinks, "warning", on_frame, &told), -EPIPE);
	}
}

static void all_sinks_at_their_limit_fit_one_frame(void **state)
{
	AUTO_FREE struct config_sinks *c = calloc(1, sizeof(*c));
	struct told told = { .fail_at = 1 }; /* one frame, then none */

	(void)state;
	for (c->n = 0; c->n < WIRE_MAX_SINKS; c->n++) {
		struct config_sink *s = &c->items[c->n];
		size_t share = WIRE_SINK_TEXT_BYTES / WIRE_MAX_SINK_SETTINGS;

		snprintf(s->name, sizeof(s->name), "%032u", c->n);
		memset(s->text, 'x', sizeof(s->text));
		for (unsigned k = 0; k < WIRE_MAX_SINK_SETTINGS; k++) {
			s->text[k * share + 10] = '\0';
			s->text[(k + 1) * share - 1] = '\0';
		}
		s->settings_n = WIRE_MAX_SINK_SETTINGS;
		s->text_n = (uint32_t)(share * WIRE_MAX_SINK_SETTINGS);
	}
	assert_int_equal(config_sinks_feed(c, "warning", on_frame, &told), 0);
}

static struct buf manual;

static void check_manual(void *ctx, const char *key)
{
	char name[64];

	(void)ctx;
	snprintf(name, sizeof(name), " %s", key);
	if (!memmem(manual.data, manual.len, name, strlen(name)))
		fail_msg("deploy/bulkhead.yaml does not tell of the key '%s' of sinks", key);
}

static void the_shipped_file_tells_of_every_key(void **state)
{
	(void)state;
	buf_init(&manual, 1 << 20);
	assert_int_equal(io_read_buf_at(AT_FDCWD, "deploy/bulkhead.yaml", &manual, NULL), 0);
	config_sinks_each_key(check_manual, NULL);
	buf_release(&manual);
}

int main(void)
{
	const struct CMUnitTest config_sinks_tests[] = {
		cmocka_unit_test(the_least_sink_is_a_type_and_a_url),
		cmocka_unit_test(values_of_every_form_are_kept_flat),
		cmocka_unit_test(sinks_of_every_type_are_taken),
		cmocka_unit_test(mistakes_are_told_with_their_place),
		cmocka_unit_test(limits_are_kept),
		cmocka_unit_test(a_flag_cannot_set_sinks),
		cmocka_unit_test(every_prefix_of_a_list_is_refused_or_read_without_harm),
		cmocka_unit_test(serve_gets_secrets_by_descriptor_and_never_their_paths),
		cmocka_unit_test(all_sinks_at_their_limit_fit_one_frame),
		cmocka_unit_test(the_shipped_file_tells_of_every_key),
	};

	return cmocka_run_group_tests(config_sinks_tests, NULL, NULL);
}
