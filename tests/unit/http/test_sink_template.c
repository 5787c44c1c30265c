// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "http/sinks_internal.h"

/* Texts that an attacker would like: markup, mentions, JSON's own marks. */
static const char line[] =
	"{\"schema\":1,\"seq\":7,\"id\":\"01JDABCDEFGHJKMNPQRSTVWXYZ\",\"state\":\"new\","
	"\"time\":\"2026-11-22T02:00:00.123456789Z\",\"first_time\":\"2026-11-22T02:00:00Z\","
	"\"last_time\":\"2026-11-22T02:00:00Z\",\"count\":3,\"severity\":\"critical\","
	"\"kind\":\"rule\",\"title\":\"Shadow read <!channel> @all \\\"x\\\"\",\"rule\":\"shadow\","
	"\"host\":\"node1\",\"container\":{\"id\":\"0123456789abcdef\",\"name\":\"web\","
	"\"image\":\"nginx:1\"},\"pod\":{\"name\":\"p\",\"namespace\":\"ns\"},"
	"\"process\":{\"pid\":42,\"uid\":0,\"comm\":\"cat\",\"exe\":\"/bin/cat\","
	"\"args\":[\"cat\",\"/etc/shadow\"],\"ancestors\":[{\"pid\":1,\"comm\":\"sh\"},"
	"{\"pid\":2,\"comm\":\"nginx\"}]},\"evidence\":[{\"name\":\"path\","
	"\"value\":\"/etc/[shadow](http://evil)\"}],\"technique\":{\"id\":\"T1003\","
	"\"name\":\"Credential Dumping\",\"tactic\":\"credential-access\"},"
	"\"recommend\":\"Look at it.\",\"action\":{\"taken\":\"kill\",\"outcome\":\"done\"}}";

static struct sink_record *record(const char *text)
{
	struct sink_record *r = NULL;
	struct err e = { "" };

	if (sink_record_new(&r, span_str(text), &e) != 0)
		fail_msg("%s", e.text);
	return r;
}

static void assert_json(json_t *got, const char *want)
{
	AUTO_FREE char *text = json_dumps(got, JSON_COMPACT);
	json_t *again = json_loads(text, 0, NULL);

	assert_non_null(again);
	json_decref(again);
	json_decref(got);
	assert_string_equal(text, want);
}

#define SUMMARY_PLAIN "[CRITICAL] Shadow read <!channel> @all \\\"x\\\" - container web"
#define SUMMARY_SLACK "[CRITICAL] Shadow read &lt;!channel&gt; @all \\\"x\\\" - container web"
#define SUMMARY_MARKDOWN                                                                           \
	"\\\\[CRITICAL\\\\] Shadow read \\\\<\\\\!channel\\\\> @\xe2\x80\x8b"                      \
	"all \\\"x\\\" - container web"

static void slack_gets_text_that_calls_nobody(void **state)
{
	struct sink_record *r = record(line);

	(void)state;
	assert_json(
		sink_template(SINK_FORMAT_SLACK, r, NULL),
		"{\"username\":\"bulkhead\",\"text\":\"" SUMMARY_SLACK
		"\",\"attachments\":[{\"color\":\"#c62828\",\"fallback\":\"" SUMMARY_SLACK
		"\",\"fields\":[{\"title\":\"container\",\"value\":\"web "
		"(0123456789ab)\",\"short\":true},"
		"{\"title\":\"image\",\"value\":\"nginx:1\",\"short\":true},"
		"{\"title\":\"pod\",\"value\":\"ns/p\",\"short\":true},"
		"{\"title\":\"host\",\"value\":\"node1\",\"short\":true},"
		"{\"title\":\"process\",\"value\":\"cat[42] uid=0\",\"short\":true},"
		"{\"title\":\"command\",\"value\":\"cat /etc/shadow\",\"short\":true},"
		"{\"title\":\"started by\",\"value\":\"sh &lt; nginx\",\"short\":true},"
		"{\"title\":\"seen\",\"value\":\"3 times\",\"short\":true},"
		"{\"title\":\"technique\",\"value\":\"T1003 Credential Dumping\",\"short\":true},"
		"{\"title\":\"action\",\"value\":\"kill: done\",\"short\":true},"
		"{\"title\":\"path\",\"value\":\"/etc/[shadow](http://evil)\",\"short\":true}],"
		"\"text\":\"Look at it.\",\"footer\":\"01JDABCDEFGHJKMNPQRSTVWXYZ\"}]}");
	sink_record_free(r);
}

static const char *text_at(json_t *j, const char *a, size_t i, const char *b)
{
	return json_string_value(json_object_get(json_array_get(json_object_get(j, a), i), b));
}

static void markdown_of_an_attacker_is_shown_as_it_is(void **state)
{
	static const char path[] = "/etc/\\[shadow\\]\\(http://evil\\)";
	struct sink_record *r = record(line);
	json_t *j = sink_template(SINK_FORMAT_MATTERMOST, r, NULL);
	AUTO_FREE char *text = json_dumps(json_object_get(j, "text"), JSON_ENCODE_ANY);
	json_t *fields =
		json_object_get(json_array_get(json_object_get(j, "attachments"), 0), "fields");

	(void)state;
	assert_string_equal(text, "\"" SUMMARY_MARKDOWN "\"");
	assert_string_equal(json_string_value(json_object_get(json_array_get(fields, 10), "value")),
			    path);
	json_decref(j);
	j = sink_template(SINK_FORMAT_DISCORD, r, NULL);
	assert_int_equal(
		json_array_size(json_object_get(json_object_get(j, "allowed_mentions"), "parse")),
		0);
	assert_string_equal(text_at(j, "embeds", 0, "description"), "Look at it.");
	assert_string_equal(text_at(j, "embeds", 0, "timestamp"), "2026-11-22T02:00:00.123456789Z");
	fields = json_object_get(json_array_get(json_object_get(j, "embeds"), 0), "fields");
	assert_string_equal(json_string_value(json_object_get(json_array_get(fields, 10), "value")),
			    path);
	json_decref(j);
	sink_record_free(r);
}

static void teams_gets_an_adaptive_card(void **state)
{
	struct sink_record *r = record(line);
	json_t *j = sink_template(SINK_FORMAT_TEAMS, r, NULL);
	json_t *card =
		json_object_get(json_array_get(json_object_get(j, "attachments"), 0), "content");

	(void)state;
	assert_string_equal(json_string_value(json_object_get(j, "type")), "message");
	assert_string_equal(text_at(j, "attachments", 0, "contentType"),
			    "application/vnd.microsoft.card.adaptive");
	assert_string_equal(json_string_value(json_object_get(card, "type")), "AdaptiveCard");
	assert_string_equal(text_at(card, "body", 0, "color"), "Attention");
	assert_string_equal(text_at(card, "body", 1, "type"), "FactSet");
	assert_string_equal(
		text_at(json_array_get(json_object_get(card, "body"), 1), "facts", 0, "title"),
		"container");
	assert_string_equal(text_at(card, "body", 2, "text"), "Look at it.");
	json_decref(j);
	sink_record_free(r);
}

static void pagerduty_is_triggered_and_resolved_under_one_key(void **state)
{
	struct sink_record *r = record(line);

	(void)state;
	assert_json(
		sink_template(SINK_FORMAT_PAGERDUTY, r, "R0"),
		"{\"routing_key\":\"R0\",\"event_action\":\"trigger\","
		"\"dedup_key\":\"01JDABCDEFGHJKMNPQRSTVWXYZ\",\"client\":\"bulkhead\","
		"\"payload\":{\"summary\":\"" SUMMARY_PLAIN "\",\"source\":\"node1\","
		"\"severity\":\"critical\",\"timestamp\":\"2026-11-22T02:00:00.123456789Z\","
		"\"component\":\"web\",\"group\":\"nginx:1\",\"class\":\"shadow\","
		"\"custom_details\":{\"container\":\"web (0123456789ab)\",\"image\":\"nginx:1\","
		"\"pod\":\"ns/p\",\"host\":\"node1\",\"process\":\"cat[42] uid=0\","
		"\"command\":\"cat /etc/shadow\",\"started by\":\"sh < nginx\","
		"\"seen\":\"3 times\",\"technique\":\"T1003 Credential Dumping\","
		"\"action\":\"kill: done\",\"path\":\"/etc/[shadow](http://evil)\","
		"\"recommended\":\"Look at it.\"}}}");
	r->state = "resolved";
	json_t *j = sink_template(SINK_FORMAT_PAGERDUTY, r, "R0");

	assert_string_equal(json_string_value(json_object_get(j, "event_action")), "resolve");
	assert_string_equal(json_string_value(json_object_get(j, "dedup_key")), r->id);
	json_decref(j);
	sink_record_free(r);
}

static void falcosidekick_gets_its_own_fields(void **state)
{
	struct sink_record *r = record(line);

	(void)state;
	assert_json(sink_template(SINK_FORMAT_FALCOSIDEKICK, r, NULL),
		    "{\"uuid\":\"01JDABCDEFGHJKMNPQRSTVWXYZ\",\"output\":\"" SUMMARY_PLAIN
		    "\",\"priority\":\"Critical\",\"rule\":\"shadow\","
		    "\"time\":\"2026-11-22T02:00:00.123456789Z\",\"source\":\"bulkhead\","
		    "\"hostname\":\"node1\",\"tags\":[\"rule\",\"T1003\",\"credential-access\"],"
		    "\"output_fields\":{\"container.id\":\"0123456789abcdef\","
		    "\"container.name\":\"web\",\"container.image.repository\":\"nginx:1\","
		    "\"k8s.ns.name\":\"ns\",\"k8s.pod.name\":\"p\",\"proc.name\":\"cat\","
		    "\"proc.exepath\":\"/bin/cat\",\"proc.cmdline\":\"cat /etc/shadow\","
		    "\"proc.pid\":42,\"user.uid\":0,"
		    "\"bulkhead.path\":\"/etc/[shadow](http://evil)\",\"bulkhead.state\":\"new\","
		    "\"bulkhead.kind\":\"rule\",\"bulkhead.recommend\":\"Look at it.\"}}");
	sink_record_free(r);
}

static void alertmanager_gets_labels_and_annotations(void **state)
{
	struct sink_record *r = record(line);

	(void)state;
	assert_json(
		sink_alertmanager_alert(r, 1795312800123456789ULL),
		"{\"labels\":{\"alertname\":\"shadow\",\"severity\":\"critical\",\"kind\":\"rule\","
		"\"instance\":\"node1\",\"container\":\"web\",\"container_id\":\"0123456789ab\","
		"\"image\":\"nginx:1\",\"namespace\":\"ns\",\"pod\":\"p\"},"
		"\"annotations\":{\"summary\":\"Shadow read <!channel> @all \\\"x\\\"\","
		"\"description\":\"container: web (0123456789ab)\\nimage: nginx:1\\npod: ns/p\\n"
		"host: node1\\nprocess: cat[42] uid=0\\ncommand: cat /etc/shadow\\n"
		"started by: sh < nginx\\nseen: 3 times\\ntechnique: T1003 Credential Dumping\\n"
		"action: kill: done\\npath: /etc/[shadow](http://evil)\","
		"\"recommended\":\"Look at it.\",\"technique\":\"T1003\","
		"\"id\":\"01JDABCDEFGHJKMNPQRSTVWXYZ\"},"
		"\"startsAt\":\"2026-11-22T02:00:00Z\",\"endsAt\":\"2026-11-22T02:00:00.123Z\"}");
	sink_record_free(r);
}

/* The longest and strangest record still gives what each service takes. */
static void texts_are_cut_at_whole_characters(void **state)
{
	struct buf b;
	char text[64];

	(void)state;
	buf_init(&b, 1 << 20);
	buf_add_str(
		&b,
		"{\"schema\":1,\"seq\":7,\"id\":\"X\",\"state\":\"new\",\"time\":"
		"\"2026-11-22T02:00:00Z\",\"severity\":\"debug\",\"kind\":\"rule\",\"title\":\"");
	for (int i = 0; i < 5000; i++)
		buf_add_str(&b, "\xe2\x82\xac");
	buf_add_str(&b, "\",\"evidence\":[");
	for (int i = 0; i < 50; i++) {
		buf_add_str(&b,
			    i ? ",{\"name\":\"n\",\"value\":\"" : "{\"name\":\"n\",\"value\":\"");
		for (int k = 0; k < 300; k++)
			buf_add_str(&b, "\xf0\x9f\x98\x80");
		buf_add_str(&b, "\"}");
	}
	buf_add_str(&b, "],\"process\":{\"args\":[1,null,{}],\"ancestors\":\"x\",\"pid\":\"no\"},"
			"\"container\":[]}");
	char *whole = buf_take_str(&b);
	struct sink_record *r = record(whole);

	for (unsigned f = SINK_FORMAT_SLACK; f < SINK_FORMAT_COUNT; f++) {
		json_t *j = sink_template((enum sink_format)f, r, "k");
		AUTO_FREE char *out = json_dumps(j, JSON_COMPACT);

		assert_non_null(out);
		assert_true(strlen(out) < 40000);
		if (f == SINK_FORMAT_DISCORD)
			assert_true(strlen(text_at(j, "embeds", 0, "title")) <= 256);
		json_decref(j);
	}
	json_decref(sink_alertmanager_alert(r, 1));
	sink_text_cut(text, 8, "ab\xe2\x82\xac\xe2\x82\xac");
	assert_string_equal(text, "ab\xe2\x82\xac");
	sink_record_free(r);
	free(whole);
}

/* The name of a program would add a fact of its own, or move a terminal's cursor. */
static void control_bytes_of_an_attacker_stay_on_their_line(void **state)
{
	static const char hostile[] =
		"{\"schema\":1,\"seq\":7,\"id\":\"X\",\"state\":\"new\",\"time\":"
		"\"2026-11-22T02:00:00Z\",\"severity\":\"error\",\"kind\":\"rule\",\"title\":"
		"\"a\\nb \\u001b[1m\",\"host\":\"h\",\"evidence\":[{\"name\":\"process\","
		"\"value\":\"x\\nimage: trusted\"}]}";
	struct sink_record *r = record(hostile);
	json_t *j = sink_alertmanager_alert(r, 0);
	char text[128];

	(void)state;
	sink_summary(r, text, sizeof(text));
	assert_string_equal(text, "[ERROR] a\\x0ab \\x1b[1m - host h");
	assert_string_equal(json_string_value(json_object_get(json_object_get(j, "annotations"),
							      "description")),
			    "host: h\nprocess: x\\x0aimage: trusted");
	json_decref(j);
	sink_record_free(r);
}

static void lines_that_are_no_records_are_refused(void **state)
{
	static const char *const bad[] = { "",
					   "[]",
					   "null",
					   "{}",
					   "{\"schema\":1",
					   "{\"seq\":1,\"id\":\"x\",\"state\":\"new\"}",
					   "{\"seq\":-1}",
					   "\xff" };
	struct sink_record *r = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(sink_record_new(&r, span_str(bad[i]), NULL), -EPROTO);
	for (size_t n = 0; n < sizeof(line) - 1; n++)
		assert_int_equal(sink_record_new(&r, (struct span){ line, n }, NULL), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest sink_template_tests[] = {
		cmocka_unit_test(slack_gets_text_that_calls_nobody),
		cmocka_unit_test(markdown_of_an_attacker_is_shown_as_it_is),
		cmocka_unit_test(teams_gets_an_adaptive_card),
		cmocka_unit_test(pagerduty_is_triggered_and_resolved_under_one_key),
		cmocka_unit_test(falcosidekick_gets_its_own_fields),
		cmocka_unit_test(alertmanager_gets_labels_and_annotations),
		cmocka_unit_test(texts_are_cut_at_whole_characters),
		cmocka_unit_test(control_bytes_of_an_attacker_stay_on_their_line),
		cmocka_unit_test(lines_that_are_no_records_are_refused),
	};

	return cmocka_run_group_tests(sink_template_tests, NULL, NULL);
}
