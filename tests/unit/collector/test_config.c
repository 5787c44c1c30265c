// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "collector/base/buf.h"
#include "collector/base/clock.h"
#include "collector/base/io.h"
#include "collector/config.h"
#include "tests/unit/fixture.h"

static struct config *fresh(void)
{
	struct config *c = malloc(sizeof(*c));

	assert_non_null(c);
	config_defaults(c);
	return c;
}

static void assert_parsed(struct config *c, const char *yaml)
{
	struct err e = { "" };

	if (config_parse(c, "f.yaml", span_str(yaml), &e) != 0)
		fail_msg("%s", e.text);
	assert_string_equal(e.text, ""); /* untouched on success */
}

/* Refused with exactly this text, and nothing taken over. */
static void assert_refused_span(struct span yaml, const char *want)
{
	AUTO_FREE struct config *c = fresh(), *before = fresh();
	struct err e = { "" };

	assert_true(config_parse(c, "f.yaml", yaml, &e) < 0);
	assert_string_equal(e.text, want);
	assert_memory_equal(c, before, sizeof(*c));
}

static void assert_refused(const char *yaml, const char *want)
{
	assert_refused_span(span_str(yaml), want);
}

static void assert_set_refused(const char *key, const char *value, const char *want)
{
	AUTO_FREE struct config *c = fresh(), *before = fresh();
	struct err e = { "" };

	assert_true(config_set(c, key, value, &e) < 0);
	assert_string_equal(e.text, want);
	assert_memory_equal(c, before, sizeof(*c));
}

static void the_defaults_are_those_of_the_manual(void **state)
{
	AUTO_FREE struct config *c = fresh();

	(void)state;
	assert_string_equal(c->listen, "127.0.0.1:9480");
	assert_string_equal(c->metrics_listen, "");
	assert_string_equal(c->state_dir, "/var/lib/bulkhead");
	assert_string_equal(c->run_dir, "/run/bulkhead");
	assert_string_equal(c->user, "bulkhead");
	assert_int_equal(c->allowed_hosts.n, 1);
	assert_string_equal(c->allowed_hosts.items[0], "localhost");
	assert_int_equal(c->log_level, LOG_LEVEL_INFO);
	assert_int_equal(c->sample_interval_ms, 1000);
	assert_int_equal(c->disk_interval_ms, 60000);
	assert_int_equal(c->max_containers, 4096);
	assert_int_equal(c->ended_keep_s, 300);
	assert_int_equal(c->labels_allow.n, 0);
	assert_true(c->history);
	assert_int_equal(c->history_max_bytes, 2ULL << 30);
	assert_int_equal(c->history_max_percent, 5);
	assert_int_equal(c->max_connections, 256);
	assert_int_equal(c->idle_timeout_s, 30);
	assert_int_equal(c->max_header_bytes, 16384);
	assert_int_equal(config_validate(c, NULL), 0);
}

static void an_empty_file_means_all_defaults(void **state)
{
	static const char *const empty[] = { "",
					     "\n",
					     "# only a comment\n",
					     "---\n",
					     "--- ~\n",
					     "\xef\xbb\xbf# byte order mark\n",
					     "log:\nhttp:\n" };
	(void)state;
	for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++) {
		AUTO_FREE struct config *c = fresh(), *before = fresh();

		assert_parsed(c, empty[i]);
		assert_memory_equal(c, before, sizeof(*c));
	}
}

static void keys_of_every_kind_are_read(void **state)
{
	AUTO_FREE struct config *c = fresh();

	(void)state;
	assert_parsed(c, "listen: \"[::1]:80\"\n"
			 "tls: {certificate: /etc/c.pem, key: '/etc/k.pem'}\n"
			 "allowed_hosts:\n  - a.example\n  - '[::1]'\n"
			 "user: 1234\n"
			 "log:\n  level: debug\n  format: \"json\"\n"
			 "sample:\n  interval: 500ms\n  disk_interval: 2h\n  max_open_files: 100\n"
			 "metrics: {tcp: true}\n"
			 "containers: {ended_keep: 0s}\n"
			 "labels: {mode: kubelet, allow: [team, com.example.app]}\n"
			 "history: {max_size: 64KiB, enabled: false}\n"
			 "http: {max_header_size: 4096}\n");
	assert_string_equal(c->listen, "[::1]:80");
	assert_string_equal(c->tls_key, "/etc/k.pem");
	assert_int_equal(c->allowed_hosts.n, 2);
	assert_string_equal(c->allowed_hosts.items[1], "[::1]");
	assert_string_equal(c->user, "1234");
	assert_int_equal(c->log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(c->log_format, LOG_FORMAT_JSON);
	assert_int_equal(c->sample_interval_ms, 500);
	assert_int_equal(c->disk_interval_ms, 7200000);
	assert_int_equal(c->max_fds, 100);
	assert_true(c->tcp);
	assert_int_equal(c->ended_keep_s, 0);
	assert_int_equal(c->labels_mode, LABELS_KUBELET);
	assert_string_equal(c->labels_allow.items[1], "com.example.app");
	assert_int_equal(c->history_max_bytes, 65536);
	assert_false(c->history);
	assert_int_equal(c->max_header_bytes, 4096);
}

static void an_unknown_key_is_refused_with_the_one_that_was_meant(void **state)
{
	(void)state;
	assert_refused("log:\n  levle: debug\n",
		       "f.yaml:2:3: key 'log.levle': unknown, did you mean 'log.level'?");
	assert_refused("state-dir: /x\n",
		       "f.yaml:1:1: key 'state-dir': unknown, did you mean 'state_dir'?");
	assert_refused("interval: 1s\n",
		       "f.yaml:1:1: key 'interval': unknown, did you mean 'sample.interval'?");
	assert_refused("smaple: {interval: 1s}\n",
		       "f.yaml:1:1: key 'smaple': unknown, did you mean 'sample'?");
	assert_refused("quite_different: 1\n", "f.yaml:1:1: key 'quite_different': unknown");
	assert_refused("<<: {}\n", "f.yaml:1:1: key '<<': unknown");
}

static void a_key_with_dots_is_not_taken_for_a_nested_one(void **state)
{
	(void)state;
	assert_refused("log.level: info\n", "f.yaml:1:1: key 'log.level': has a dot, expected a "
					    "section and the key inside it");
}

static void a_key_that_stands_twice_is_refused_with_both_lines(void **state)
{
	(void)state;
	assert_refused(
		"listen: 127.0.0.1:1\nuser: x\nlisten: 127.0.0.1:2\n",
		"f.yaml:3:1: key 'listen': stands twice, on lines 1 and 3, expected it once");
	assert_refused("log: {level: info}\nuser: x\nlog: {format: json}\n",
		       "f.yaml:3:1: key 'log': stands twice, on lines 1 and 3, expected it once");
	assert_refused("log:\n  level: info\n  'level': info\n",
		       "f.yaml:3:3: key 'log.level': stands twice, on lines 2 and 3, expected it "
		       "once");
}

static void a_value_of_the_wrong_type_is_named(void **state)
{
	(void)state;
	assert_refused("listen: [a]\n", "f.yaml:1:9: key 'listen': has a list, expected a numeric "
					"address and a port such as 127.0.0.1:9480 or [::1]:9480");
	assert_refused("log: info\n", "f.yaml:1:6: key 'log': has a single value, expected keys "
				      "and their values");
	assert_refused(
		"log:\n  level: {a: b}\n",
		"f.yaml:2:10: key 'log.level': has a mapping, expected one of the words that "
		"the key knows");
	assert_refused("allowed_hosts: localhost\n",
		       "f.yaml:1:16: key 'allowed_hosts': has a single value, expected a list of "
		       "names and addresses without a port such as [localhost, 10.0.0.5]");
	assert_refused(
		"metrics: {tcp: \"true\"}\n",
		"f.yaml:1:16: key 'metrics.tcp': has text in quotes, expected true or false");
	assert_refused("state_dir:\n",
		       "f.yaml:1:11: key 'state_dir': has no value, expected an absolute path");
	assert_refused("- a\n",
		       "f.yaml:1:1: has no keys at the top, expected lines such as 'log:'");
	assert_refused("? [a]\n: b\n", "f.yaml:1:3: not the name of a key, expected a word");
}

static void only_true_and_false_are_booleans(void **state)
{
	static const char *const others[] = { "yes", "no", "on", "True", "FALSE", "1", "0", "y" };

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		char want[128];

		snprintf(want, sizeof(want),
			 "key 'history.enabled': '%s' does not fit, expected true or false",
			 others[i]);
		assert_set_refused("history.enabled", others[i], want);
	}
}

static void durations_need_a_unit_and_obey_their_range(void **state)
{
	static const char *const bad[] = { "",
					   "1",
					   "s",
					   "1.5s",
					   "-1s",
					   "1 s",
					   "1S",
					   "1d",
					   "1s1s",
					   "0x1s",
					   "1ms ",
					   "99999999999999999999s",
					   "18446744073709551615h" };
	AUTO_FREE struct config *c = fresh();

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(config_set(c, "sample.interval", bad[i], NULL), -EINVAL);
	assert_set_refused("sample.interval", "99ms",
			   "key 'sample.interval': '99ms' is out of range, expected 100ms to 1m");
	assert_set_refused(
		"sample.interval", "60001ms",
		"key 'sample.interval': '60001ms' is out of range, expected 100ms to 1m");
	assert_set_refused("history.flush_interval", "0s",
			   "key 'history.flush_interval': '0s' is out of range, expected 1s to 1h");
	assert_set_refused("http.idle_timeout", "1500ms",
			   "key 'http.idle_timeout': '1500ms' does not fit, expected a duration in "
			   "whole seconds such as 1s, 5m or 2h");
	assert_int_equal(config_set(c, "sample.interval", "1m", NULL), 0);
	assert_int_equal(c->sample_interval_ms, 60000);
	assert_int_equal(config_set(c, "http.idle_timeout", "2000ms", NULL), 0);
	assert_int_equal(c->idle_timeout_s, 2);
}

static void sizes_are_bytes_or_binary_units_in_range(void **state)
{
	static const char *const bad[] = { "",		 "1KB",	   "1K", "KiB",
					   "1kib",	 "1.5GiB", "-1", "18446744073709551616",
					   "16777216TiB" };
	AUTO_FREE struct config *c = fresh();

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(config_set(c, "history.max_size", bad[i], NULL), -EINVAL);
	assert_int_equal(config_set(c, "history.max_size", "1TiB", NULL), 0);
	assert_int_equal(c->history_max_bytes, 1ULL << 40);
	assert_int_equal(config_set(c, "history.max_size", "1000", NULL), 0);
	assert_int_equal(c->history_max_bytes, 1000);
	assert_set_refused("http.max_header_size", "1MiB",
			   "key 'http.max_header_size': '1MiB' is out of range, expected 1KiB to "
			   "64KiB");
	assert_set_refused("containers.max", "16385",
			   "key 'containers.max': '16385' is out of range, expected 1 to 16384");
	assert_set_refused("history.max_percent", "0",
			   "key 'history.max_percent': '0' is out of range, expected 1 to 100");
}

static void lists_are_set_from_text_and_bounded(void **state)
{
	AUTO_FREE struct config *c = fresh();
	AUTO_BUF struct buf b;

	(void)state;
	assert_int_equal(config_set(c, "labels.allow", "a, b", NULL), 0);
	assert_int_equal(c->labels_allow.n, 2);
	assert_string_equal(c->labels_allow.items[1], "b");
	assert_int_equal(config_set(c, "labels.allow", "", NULL), 0);
	assert_int_equal(c->labels_allow.n, 0);
	assert_int_equal(config_set(c, "labels.allow", "a,", NULL), -EINVAL);
	assert_int_equal(config_set(c, "allowed_hosts", "a:80", NULL), -EINVAL);
	assert_int_equal(config_set(c, "allowed_hosts", "http://a", NULL), -EINVAL);
	assert_int_equal(config_set(c, "allowed_hosts", "::1,10.0.0.1", NULL), 0);

	buf_init(&b, 65536);
	buf_add_str(&b, "labels: {allow: [");
	for (unsigned i = 0; i < CONFIG_MAX_LIST; i++)
		buf_printf(&b, "l%u, ", i);
	size_t full = b.len;

	buf_add_str(&b, "]}");
	assert_int_equal(config_parse(c, "f", (struct span){ b.data, b.len }, NULL), 0);
	assert_int_equal(c->labels_allow.n, CONFIG_MAX_LIST);
	b.len = full;
	buf_add_str(&b, "one_more]}");
	assert_int_equal(config_parse(c, "f", (struct span){ b.data, b.len }, NULL), -E2BIG);
}

static void texts_that_do_not_fit_their_field_are_refused(void **state)
{
	AUTO_FREE struct config *c = fresh();
	char path[PATH_MAX + 1];

	(void)state;
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[PATH_MAX] = '\0';
	assert_int_equal(config_set(c, "state_dir", path, NULL), -ENAMETOOLONG);
	path[PATH_MAX - 1] = '\0';
	assert_int_equal(config_set(c, "state_dir", path, NULL), 0);
	assert_string_equal(c->state_dir, path);
	assert_int_equal(config_set(c, "state_dir", "relative", NULL), -EINVAL);
	assert_int_equal(config_set(c, "state_dir", "", NULL), -EINVAL);
	assert_int_equal(config_set(c, "rootfs", "", NULL), 0);
	path[300] = '\0';
	assert_int_equal(config_set(c, "labels.allow", path, NULL), -ENAMETOOLONG);
}

static void root_cannot_be_the_user_of_serve(void **state)
{
	static const char *const bad[] = { "",	  "root", "0",	  "00",		"a b",
					   "a/b", "-rf",  "1abc", "4294967295", "../x" };
	AUTO_FREE struct config *c = fresh();

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(config_set(c, "user", bad[i], NULL), -EINVAL);
	assert_int_equal(config_set(c, "user", "auto", NULL), 0);
	assert_int_equal(config_set(c, "user", "_bulk-head.1", NULL), 0);
}

static void anchors_aliases_tags_and_second_documents_are_refused(void **state)
{
	(void)state;
	assert_refused("user: &a x\n", "f.yaml:1:7: key 'user': anchors and aliases are not "
				       "supported, expected a value");
	assert_refused("user: *a\n", "f.yaml:1:7: key 'user': anchors and aliases are not "
				     "supported, expected a value");
	assert_refused("user: !!str x\n", "f.yaml:1:7: key 'user': tags are not supported, "
					  "expected a value without '!'");
	assert_refused("user: x\n---\nuser: y\n",
		       "f.yaml:2:1: a second document starts here, expected only one");
	assert_refused("user: x\n...\n---\n",
		       "f.yaml:3:1: a second document starts here, expected only one");
}

static void bytes_that_are_not_text_are_refused_with_their_place(void **state)
{
	(void)state;
	assert_refused_span(SPAN_LIT("user: x\nlo\0g:\n"),
			    "f.yaml:2:3: NUL byte, expected text in UTF-8");
	assert_refused("user: x\n# caf\xe9\n",
		       "f.yaml:2:6: not valid UTF-8, expected text in UTF-8");
	assert_refused("\xff\xfeu\n", "f.yaml:1:1: not valid UTF-8, expected text in UTF-8");
	assert_refused("user: \"a\\0b\"\n", "f.yaml:1:7: key 'user': holds a control character, "
					    "expected plain text");
	assert_refused("user: x\nlog\x01: y\n",
		       "f.yaml:2:4: not valid YAML: control characters are not allowed");
}

static void broken_yaml_is_refused_with_its_place(void **state)
{
	static const char *const broken[] = {
		"log: {level: info\n",
		"log:\n\tlevel: info\n",
		"user: \"x\n",
		"user: 'x",
		"log: ]\n",
		"a: b: c\n",
		"%YAML 9.9\n---\n",
		"key\n",
		"{",
		"[",
		"? ",
		"@x: y\n",
	};
	struct err e = { "" };
	AUTO_FREE struct config *c = fresh(), *before = fresh();

	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		assert_int_equal(config_parse(c, "f.yaml", span_str(broken[i]), &e), -EINVAL);
		assert_memory_equal(e.text, "f.yaml:", 7);
		assert_memory_equal(c, before, sizeof(*c));
	}
}

static void every_prefix_of_a_file_is_refused_or_read_without_harm(void **state)
{
	static const char yaml[] = "log: {level: \"debug\", format: json}\nallowed_hosts: [a, b]\n"
				   "sample:\n  interval: 500ms\n";
	AUTO_FREE struct config *c = fresh();

	(void)state;
	for (size_t n = 0; n < sizeof(yaml); n++) {
		/* an exact copy, so that a sanitizer sees a read behind its end */
		AUTO_FREE char *copy = malloc(n ? n : 1);

		assert_non_null(copy);
		memcpy(copy, yaml, n);
		(void)config_parse(c, "f", (struct span){ copy, n }, NULL);
	}
}

static void deep_nesting_is_refused_at_once(void **state)
{
	static const char *const starts[] = { "", "labels: {allow: ", "log: {level: ", "? " };
	AUTO_FREE char *yaml = malloc(CONFIG_MAX_FILE_BYTES);
	AUTO_FREE struct config *c = fresh();

	(void)state;
	assert_non_null(yaml);
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		uint64_t before_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);

		memset(yaml, '[', CONFIG_MAX_FILE_BYTES);
		memcpy(yaml, starts[i], strlen(starts[i]));
		assert_int_equal(
			config_parse(c, "f", (struct span){ yaml, CONFIG_MAX_FILE_BYTES }, NULL),
			-EINVAL);
		/* libyaml alone takes minutes for a million brackets */
		assert_true(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - before_ns < 2 * NS_PER_S);
	}
}

static void a_file_above_the_limit_is_refused(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ d/\n");
	AUTO_FREE char *yaml = malloc(CONFIG_MAX_FILE_BYTES + 1);
	AUTO_FREE struct config *c = fresh();
	struct err e = { "" };
	char path[256];

	(void)state;
	assert_non_null(yaml);
	memset(yaml, '#', CONFIG_MAX_FILE_BYTES + 1);
	tree_write(&t, "big.yaml", yaml, CONFIG_MAX_FILE_BYTES + 1);
	tree_write(&t, "fits.yaml", yaml, CONFIG_MAX_FILE_BYTES);
	assert_true(io_join(path, sizeof(path), t.path, "big.yaml"));
	assert_int_equal(config_load(c, path, &e), -E2BIG);
	assert_non_null(strstr(e.text, "big.yaml' is longer than 1048576 bytes"));
	assert_true(io_join(path, sizeof(path), t.path, "fits.yaml"));
	assert_int_equal(config_load(c, path, NULL), 0);
	assert_int_equal(
		config_parse(c, "f", (struct span){ yaml, CONFIG_MAX_FILE_BYTES + 1 }, NULL),
		-E2BIG);
}

static void a_file_is_loaded_over_what_is_set_already(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ a.yaml\nlog:\n  level: debug\n@ dir/\n");
	AUTO_FREE struct config *c = fresh();
	struct err e = { "" };
	char path[256];

	(void)state;
	assert_int_equal(config_set(c, "user", "auto", NULL), 0);
	assert_true(io_join(path, sizeof(path), t.path, "a.yaml"));
	assert_int_equal(config_load(c, path, NULL), 0);
	assert_string_equal(c->user, "auto");
	assert_int_equal(c->log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(config_load(c, "/dev/null", NULL), 0);
	assert_true(io_join(path, sizeof(path), t.path, "dir"));
	assert_int_equal(config_load(c, path, &e), -EINVAL);
	assert_true(io_join(path, sizeof(path), t.path, "none.yaml"));
	assert_int_equal(config_load(c, path, &e), -ENOENT);
	assert_non_null(strstr(e.text, "none.yaml': No such file or directory"));
}

static void flags_get_the_same_checks_and_messages(void **state)
{
	(void)state;
	assert_set_refused("log.levl", "info",
			   "key 'log.levl': unknown, did you mean 'log.level'?");
	assert_set_refused("log.level", "loud",
			   "key 'log.level': 'loud' does not fit, expected one "
			   "of error, warning, info, debug");
	assert_set_refused("log", "x", "key 'log': is a section, expected the name of a key in it");
	assert_set_refused("", "x", "key '': unknown");
	assert_set_refused("user", "a\033[31m",
			   "key 'user': holds a control character, expected "
			   "plain text");
}

static void only_numeric_addresses_with_a_port_are_addresses(void **state)
{
	static const char *const bad[] = { "",
					   "127.0.0.1",
					   "127.0.0.1:",
					   ":9480",
					   "::1:9480",
					   "[::1]",
					   "[::1:9480",
					   "localhost:1",
					   "127.0.0.1:65536",
					   "127.1:80",
					   "[127.0.0.1]:1",
					   "127.0.0.1:-1",
					   "1.2.3.4:000080",
					   "[fe80::1%eth0]:80" };
	AUTO_FREE struct config *c = fresh();

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(config_set(c, "listen", bad[i], NULL), -EINVAL);
	assert_int_equal(config_set(c, "metrics_listen", "", NULL), 0);
}

static void listening_beyond_loopback_without_tls_is_refused(void **state)
{
	static const char *const loopback[] = { "127.0.0.1:1", "127.9.9.9:1", "[::1]:1",
						"[::ffff:127.0.0.1]:1", "127.0.0.1:0" };
	static const char *const open[] = { "0.0.0.0:9480", "10.0.0.1:9480", "[::]:9480",
					    "[::ffff:10.0.0.1]:1" };
	struct err e = { "" };

	(void)state;
	for (size_t i = 0; i < sizeof(loopback) / sizeof(loopback[0]); i++) {
		AUTO_FREE struct config *c = fresh();

		assert_int_equal(config_set(c, "listen", loopback[i], NULL), 0);
		assert_int_equal(config_validate(c, &e), 0);
	}
	for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++) {
		AUTO_FREE struct config *c = fresh();

		assert_int_equal(config_set(c, "listen", open[i], NULL), 0);
		assert_int_equal(config_validate(c, &e), -EINVAL);
		assert_non_null(strstr(e.text, "key 'listen'"));
		assert_non_null(strstr(e.text, "allow_insecure_listen"));
		assert_non_null(strstr(e.text, "metrics_listen"));
		assert_int_equal(config_set(c, "allow_insecure_listen", "true", NULL), 0);
		assert_int_equal(config_validate(c, &e), 0);
		assert_int_equal(config_set(c, "allow_insecure_listen", "false", NULL), 0);
		assert_int_equal(config_set(c, "tls.certificate", "/c", NULL), 0);
		assert_int_equal(config_set(c, "tls.key", "/k", NULL), 0);
		assert_int_equal(config_validate(c, &e), 0);
	}
}

static void metrics_may_be_open_but_need_an_address_of_their_own(void **state)
{
	AUTO_FREE struct config *c = fresh();
	struct err e = { "" };

	(void)state;
	assert_int_equal(config_set(c, "metrics_listen", "0.0.0.0:9481", NULL), 0);
	assert_int_equal(config_validate(c, &e), 0);
	assert_int_equal(config_set(c, "metrics_listen", c->listen, NULL), 0);
	assert_int_equal(config_validate(c, &e), -EINVAL);
	assert_non_null(strstr(e.text, "key 'metrics_listen'"));
}

static void half_a_tls_pair_is_refused(void **state)
{
	AUTO_FREE struct config *c = fresh();
	struct err e = { "" };

	(void)state;
	assert_int_equal(config_set(c, "tls.key", "/k", NULL), 0);
	assert_int_equal(config_validate(c, &e), -EINVAL);
	assert_string_equal(e.text,
			    "key 'tls.certificate': is missing, expected it beside 'tls.key'");
	config_defaults(c);
	assert_int_equal(config_set(c, "tls.certificate", "/c", NULL), 0);
	assert_int_equal(config_validate(c, &e), -EINVAL);
	assert_string_equal(e.text,
			    "key 'tls.key': is missing, expected it beside 'tls.certificate'");
}

static void what_needs_a_restart_is_told_by_its_key(void **state)
{
	static const char *const changes[][2] = {
		{ "state_dir", "/a" },
		{ "run_dir", "/b" },
		{ "rootfs", "/c" },
		{ "user", "auto" },
		{ "containers.max", "7" },
		{ "sample.max_open_files", "9" },
		{ "metrics.per_cpu", "true" },
		{ "metrics.hugetlb", "true" },
		{ "containers.systemd_services", "true" },
	};
	AUTO_FREE struct config *now = fresh(), *next = fresh();

	(void)state;
	assert_null(config_needs_restart(now, next));
	assert_int_equal(config_set(next, "log.level", "debug", NULL), 0);
	assert_int_equal(config_set(next, "listen", "127.0.0.1:1", NULL), 0);
	assert_int_equal(config_set(next, "labels.allow", "x", NULL), 0);
	assert_null(config_needs_restart(now, next));
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		config_defaults(next);
		assert_int_equal(config_set(next, changes[i][0], changes[i][1], NULL), 0);
		assert_string_equal(config_needs_restart(now, next), changes[i][0]);
	}
}

static void parse_one(struct config *c, const char *key, const char *value)
{
	const char *dot = strchr(key, '.');
	char yaml[512];

	if (dot)
		snprintf(yaml, sizeof(yaml), "%.*s: {%s: %s}\n", (int)(dot - key), key, dot + 1,
			 value);
	else
		snprintf(yaml, sizeof(yaml), "%s: %s\n", key, value);
	assert_parsed(c, yaml);
}

static void check_default(void *ctx, const char *key, const char *default_text)
{
	unsigned *n = ctx;
	AUTO_FREE struct config *c = fresh(), *want = fresh();

	parse_one(c, key, default_text);
	assert_memory_equal(c, want, sizeof(*c));
	++*n;
}

static void every_default_passes_its_own_check(void **state)
{
	unsigned n = 0;

	(void)state;
	config_each_key(check_default, &n);
	assert_int_equal(n, 116);
}

struct manual {
	struct buf text;
	struct config *want;
};

/* The manual has the key's line, with the default as it is written in the table. */
static void check_manual(void *ctx, const char *key, const char *default_text)
{
	struct manual *m = ctx;
	const char *dot = strchr(key, '.');
	char line[512];

	snprintf(line, sizeof(line), "\n%s%s: %s\n", dot ? "  " : "", dot ? dot + 1 : key,
		 default_text);
	if (!memmem(m->text.data, m->text.len, line, strlen(line)))
		fail_msg("deploy/bulkhead.yaml lacks '%s' with its default '%s'", key,
			 default_text);
	parse_one(m->want, key, default_text);
}

/* Both start from bytes that no default has: a key that the file lacks stays different. */
static void the_shipped_file_names_every_key_with_its_default(void **state)
{
	struct manual m = { .want = fresh() };
	AUTO_FREE struct config *c = fresh();
	struct err e = { "" };

	(void)state;
	memset(c, 0x5a, sizeof(*c));
	memset(m.want, 0x5a, sizeof(*m.want));
	buf_init(&m.text, CONFIG_MAX_FILE_BYTES);
	assert_int_equal(io_read_buf_at(AT_FDCWD, "deploy/bulkhead.yaml", &m.text, NULL), 0);
	config_each_key(check_manual, &m);
	if (config_load(c, "deploy/bulkhead.yaml", &e) != 0)
		fail_msg("%s", e.text);
	assert_memory_equal(c, m.want, sizeof(*c));
	buf_release(&m.text);
	free(m.want);
}

int main(void)
{
	const struct CMUnitTest config[] = {
		cmocka_unit_test(the_defaults_are_those_of_the_manual),
		cmocka_unit_test(an_empty_file_means_all_defaults),
		cmocka_unit_test(keys_of_every_kind_are_read),
		cmocka_unit_test(an_unknown_key_is_refused_with_the_one_that_was_meant),
		cmocka_unit_test(a_key_with_dots_is_not_taken_for_a_nested_one),
		cmocka_unit_test(a_key_that_stands_twice_is_refused_with_both_lines),
		cmocka_unit_test(a_value_of_the_wrong_type_is_named),
		cmocka_unit_test(only_true_and_false_are_booleans),
		cmocka_unit_test(durations_need_a_unit_and_obey_their_range),
		cmocka_unit_test(sizes_are_bytes_or_binary_units_in_range),
		cmocka_unit_test(lists_are_set_from_text_and_bounded),
		cmocka_unit_test(texts_that_do_not_fit_their_field_are_refused),
		cmocka_unit_test(root_cannot_be_the_user_of_serve),
		cmocka_unit_test(anchors_aliases_tags_and_second_documents_are_refused),
		cmocka_unit_test(bytes_that_are_not_text_are_refused_with_their_place),
		cmocka_unit_test(broken_yaml_is_refused_with_its_place),
		cmocka_unit_test(every_prefix_of_a_file_is_refused_or_read_without_harm),
		cmocka_unit_test(deep_nesting_is_refused_at_once),
		cmocka_unit_test(a_file_above_the_limit_is_refused),
		cmocka_unit_test(a_file_is_loaded_over_what_is_set_already),
		cmocka_unit_test(flags_get_the_same_checks_and_messages),
		cmocka_unit_test(only_numeric_addresses_with_a_port_are_addresses),
		cmocka_unit_test(listening_beyond_loopback_without_tls_is_refused),
		cmocka_unit_test(metrics_may_be_open_but_need_an_address_of_their_own),
		cmocka_unit_test(half_a_tls_pair_is_refused),
		cmocka_unit_test(what_needs_a_restart_is_told_by_its_key),
		cmocka_unit_test(every_default_passes_its_own_check),
		cmocka_unit_test(the_shipped_file_names_every_key_with_its_default),
	};

	return cmocka_run_group_tests(config, NULL, NULL);
}
