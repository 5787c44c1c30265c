// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <string.h>

#include "collector/base/clock.h"
#include "collector/process.h"
#include "detector/alert.h"

static char long_text[65536];

static json_t *line_of(const struct alert *a, size_t *bytes, bool *cut)
{
	struct alert_head h = { .seq = 7,
				.id = "01M80NEQ2V2KTBCRRB33S4NJYN",
				.state = ALERT_FIRING,
				.time_ns = 1800000000ULL * NS_PER_S + 1,
				.first_ns = 1800000000ULL * NS_PER_S,
				.last_ns = 1800000000ULL * NS_PER_S,
				.count = 3 };
	struct alert_tail t = { .held_back = 4, .silenced = "01M80NEQ2V2KTBCRRB33S4NJYP" };
	AUTO_BUF struct buf body = { .fd = -1 };
	AUTO_BUF struct buf line = { .fd = -1 };
	json_error_t why;

	buf_init(&body, 1u << 22);
	buf_init(&line, 1u << 20);
	assert_int_equal(alert_body(&body, a, &t.cut), 0);
	alert_line(&line, &h, (struct span){ body.data, body.len }, &t);
	assert_false(line.failed);
	assert_null(memchr(line.data, '\n', line.len));
	if (bytes)
		*bytes = line.len;
	if (cut)
		*cut = t.cut;
	json_t *o = json_loadb(line.data, line.len, JSON_REJECT_DUPLICATES, &why);

	if (!o)
		fail_msg("%s in %.*s", why.text, (int)line.len, line.data);
	return o;
}

static const char *text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "(none)";
}

static void a_line_holds_what_is_known_in_the_order_of_the_schema(void **state)
{
	static const char *const order[] = { "schema",	  "seq",	"id",	     "state",
					     "time",	  "first_time", "last_time", "count",
					     "severity",  "kind",	"title",     "rule",
					     "key",	  "host",	"container", "pod",
					     "evidence",  "technique",	"recommend", "action",
					     "recording", "held_back",	"silenced" };
	const struct alert_container c = { .id = SPAN_LIT("abc"),
					   .name = SPAN_LIT("web"),
					   .image = SPAN_LIT("nginx:1"),
					   .pod_name = SPAN_LIT("p"),
					   .labels = { { SPAN_LIT("team"), SPAN_LIT("x") } },
					   .labels_n = 1 };
	const struct alert_pair facts[] = { { SPAN_LIT("path"), SPAN_LIT("/etc/shadow") } };
	const struct alert a = { .severity = ALERT_CRITICAL,
				 .kind = ALERT_RULE,
				 .title = SPAN_LIT("t"),
				 .rule = SPAN_LIT("r"),
				 .key = SPAN_LIT("k"),
				 .host = SPAN_LIT("node"),
				 .container = &c,
				 .facts = facts,
				 .facts_n = 1,
				 .technique_id = SPAN_LIT("T1611"),
				 .recommend = SPAN_LIT("do"),
				 .has_action = true,
				 .action = ALERT_KILL,
				 .outcome = SPAN_LIT("done"),
				 .recording = SPAN_LIT("f") };
	json_t *o = line_of(&a, NULL, NULL);
	size_t i = 0;
	const char *key;
	json_t *v;

	(void)state;
	json_object_foreach(o, key, v)
	{
		assert_in_range(i, 0, sizeof(order) / sizeof(order[0]) - 1);
		assert_string_equal(key, order[i++]);
	}
	assert_int_equal(i, sizeof(order) / sizeof(order[0]));
	assert_int_equal(json_integer_value(json_object_get(o, "seq")), 7);
	assert_string_equal(text(o, "time"), "2027-01-15T08:00:00.000000001Z");
	assert_string_equal(text(o, "state"), "firing");
	assert_string_equal(text(o, "severity"), "critical");
	assert_string_equal(
		text(json_object_get(json_object_get(o, "container"), "labels"), "team"), "x");
	assert_string_equal(text(json_object_get(o, "action"), "taken"), "kill");
	json_decref(o);
}

static void an_alert_of_the_host_has_a_null_container(void **state)
{
	const struct alert a = { .title = SPAN_LIT("t"), .rule = SPAN_LIT("r") };
	json_t *o = line_of(&a, NULL, NULL);

	(void)state;
	assert_true(json_is_null(json_object_get(o, "container")));
	assert_null(json_object_get(o, "process"));
	assert_null(json_object_get(o, "key"));
	json_decref(o);
}

static void hostile_bytes_are_escaped_everywhere(void **state)
{
	static const char evil[] = "\"},\"severity\":\"debug\n\r\x00\x1b[31m\xff\xfe\xed\xa0\x80\\";
	const struct span s = { evil, sizeof(evil) - 1 };
	const struct alert_container c = {
		.id = s, .name = s, .image = s, .labels = { { SPAN_LIT("l"), s } }, .labels_n = 1
	};
	const struct alert_pair facts[] = { { s, s } };
	const struct alert a = { .title = s,
				 .rule = s,
				 .key = s,
				 .host = s,
				 .container = &c,
				 .facts = facts,
				 .facts_n = 1,
				 .recommend = s,
				 .sink = s };
	json_t *o;

	(void)state;
	AUTO_BUF struct buf body = { .fd = -1 };
	bool cut;

	buf_init(&body, 1u << 20);
	assert_int_equal(alert_body(&body, &a, &cut), 0);
	buf_add_str(&body, "}");
	AUTO_BUF struct buf whole = { .fd = -1 };

	buf_init(&whole, 1u << 20);
	buf_add_char(&whole, '{');
	buf_add(&whole, body.data, body.len);
	o = json_loadb(whole.data, whole.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	assert_non_null(o);
	assert_string_equal(text(o, "severity"), "emergency");
	for (size_t i = 0; i < whole.len; i++)
		assert_in_range((unsigned char)whole.data[i], 0x20, 0xff);
	json_decref(o);
}

static struct process chain[100];
static struct process_text words;

static void make_chain(char fill)
{
	memset(long_text, fill, sizeof(long_text));
	memset(chain, 0, sizeof(chain));
	words = (struct process_text){ .refs = 1,
				       .exe = { long_text, 4096 },
				       .args = { long_text, 4096 },
				       .cwd = { long_text, 4096 } };
	for (size_t i = 0; i < 100; i++) {
		chain[i].key = (struct process_key){ 1, (uint32_t)i + 1 };
		chain[i].text = &words;
		chain[i].parent = i < 99 ? &chain[i + 1] : NULL;
		memset(chain[i].comm, fill, 15);
		chain[i].loginuid = UINT32_MAX;
	}
}

static void a_line_never_gets_longer_than_its_limit(void **state)
{
	static const char fills[] = { 'a', '\x01', '"', '\xff' };
	static struct alert_pair facts[200];
	struct alert_container c = { .labels_n = ALERT_MAX_LABELS };
	const struct span all = { long_text, sizeof(long_text) };

	(void)state;
	for (size_t f = 0; f < sizeof(fills); f++) {
		size_t bytes;
		bool cut;

		make_chain(fills[f]);
		for (size_t i = 0; i < 200; i++)
			facts[i] = (struct alert_pair){ all, all };
		for (size_t i = 0; i < ALERT_MAX_LABELS; i++)
			c.labels[i] = (struct alert_pair){ { long_text, i + 1 }, all };
		c.id = c.name = c.image = c.image_id = c.runtime = c.pod_name = c.pod_namespace =
			all;
		const struct alert a = { .title = all,
					 .rule = all,
					 .key = all,
					 .host = all,
					 .container = &c,
					 .process = &chain[0],
					 .facts = facts,
					 .facts_n = 200,
					 .technique_id = all,
					 .technique_name = all,
					 .tactic = all,
					 .recommend = all,
					 .has_action = true,
					 .outcome = all,
					 .recording = all,
					 .sink = all };
		json_t *o = line_of(&a, &bytes, &cut);

		assert_in_range(bytes, 1, ALERT_LINE_MAX);
		assert_true(cut);
		assert_true(json_is_true(json_object_get(o, "cut")));
		assert_string_equal(text(o, "state"), "firing");
		json_decref(o);
	}
}

static void a_process_is_told_with_its_ancestors(void **state)
{
	const struct alert a = { .title = SPAN_LIT("t"),
				 .rule = SPAN_LIT("r"),
				 .process = &chain[0],
				 .unix_minus_boot_ns = NS_PER_S };
	bool cut;

	(void)state;
	make_chain('x');
	words.args = SPAN_LIT("sh\0-c\0id\0");
	words.exe = SPAN_LIT("/bin/sh");
	words.cwd = SPAN_LIT("/");
	json_t *o = line_of(&a, NULL, &cut);
	const json_t *p = json_object_get(o, "process");

	assert_int_equal(json_integer_value(json_object_get(p, "pid")), 1);
	assert_string_equal(text(p, "exe"), "/bin/sh");
	assert_int_equal(json_array_size(json_object_get(p, "args")), 3);
	assert_int_equal(json_array_size(json_object_get(p, "ancestors")), ALERT_MAX_ANCESTORS);
	assert_null(json_object_get(p, "loginuid"));
	assert_true(cut); /* 99 are more than are told */
	json_decref(o);
}

static void a_cut_text_ends_between_characters(void **state)
{
	static char title[1200];
	const struct alert a = { .title = { title, sizeof(title) }, .rule = SPAN_LIT("r") };
	bool cut;

	(void)state;
	title[0] = 'a';
	for (size_t i = 1; i + 1 < sizeof(title); i += 2)
		memcpy(title + i, "\xc3\xa9", 2);
	json_t *o = line_of(&a, NULL, &cut);

	assert_true(cut);
	assert_null(strstr(text(o, "title"), "\xef\xbf\xbd"));
	assert_int_equal(strlen(text(o, "title")), 1023);
	json_decref(o);
}

static void names_are_read_as_they_are_written(void **state)
{
	enum alert_severity s;
	enum alert_kind k;

	(void)state;
	for (unsigned i = 0; i < ALERT_SEVERITY_COUNT; i++) {
		assert_true(alert_severity_parse(span_str(alert_severity_names[i]), &s));
		assert_int_equal(s, i);
	}
	for (unsigned i = 0; i < ALERT_KIND_COUNT; i++) {
		assert_true(alert_kind_parse(span_str(alert_kind_names[i]), &k));
		assert_int_equal(k, i);
	}
	assert_false(alert_severity_parse(SPAN_LIT("Error"), &s));
	assert_false(alert_kind_parse(SPAN_LIT(""), &k));
}

static void ids_sort_by_time_and_none_comes_twice(void **state)
{
	struct ulid_source s = { 0 };
	char last[ULID_BYTES] = "", id[ULID_BYTES];

	(void)state;
	for (uint64_t i = 0; i < 20000; i++) {
		/* the clock stands, goes on, and is set back */
		uint64_t ns = (1000 + i / 100) * NS_PER_MS;

		if (i > 10000)
			ns = 500 * NS_PER_MS;
		assert_int_equal(ulid_make(&s, ns, id), 0);
		assert_true(ulid_is_valid(span_str(id)));
		assert_true(strcmp(id, last) > 0);
		memcpy(last, id, sizeof(last));
	}
}

static void an_id_holds_its_millisecond(void **state)
{
	struct ulid_source s = { 0 };
	char id[ULID_BYTES];

	(void)state;
	ulid_make(&s, 1469918176385ULL * NS_PER_MS, id); /* the example of the specification */
	assert_memory_equal(id, "01ARYZ6S41", 10);
	memset(&s, 0xff, sizeof(s));
	s.last_ms = 5;
	ulid_make(&s, 0, id); /* the random part is used up: the next millisecond */
	assert_memory_equal(id, "0000000006", 10);
	assert_false(ulid_is_valid(SPAN_LIT("01ARYZ6S41TSV4RRFFQ69G5FA")));
	assert_false(ulid_is_valid(SPAN_LIT("01ARYZ6S41TSV4RRFFQ69G5FAU")));
	assert_false(ulid_is_valid(SPAN_LIT("01ARYZ6S41TSV4RRFFQ69G5FA\0")));
	assert_false(ulid_is_valid(SPAN_LIT("81ARYZ6S41TSV4RRFFQ69G5FAV")));
}

static void sizes_are_told_for_people(void **state)
{
	char t[24];

	(void)state;
	assert_string_equal(alert_bytes_text(0, t), "0 B");
	assert_string_equal(alert_bytes_text(268435456, t), "256 MiB");
	assert_string_equal(alert_bytes_text(1536, t), "1.5 KiB");
	assert_non_null(alert_bytes_text(UINT64_MAX, t));
}

int main(void)
{
	const struct CMUnitTest alert[] = {
		cmocka_unit_test(a_line_holds_what_is_known_in_the_order_of_the_schema),
		cmocka_unit_test(an_alert_of_the_host_has_a_null_container),
		cmocka_unit_test(hostile_bytes_are_escaped_everywhere),
		cmocka_unit_test(a_line_never_gets_longer_than_its_limit),
		cmocka_unit_test(a_process_is_told_with_its_ancestors),
		cmocka_unit_test(a_cut_text_ends_between_characters),
		cmocka_unit_test(names_are_read_as_they_are_written),
		cmocka_unit_test(ids_sort_by_time_and_none_comes_twice),
		cmocka_unit_test(an_id_holds_its_millisecond),
		cmocka_unit_test(sizes_are_told_for_people),
	};

	return cmocka_run_group_tests(alert, NULL, NULL);
}
