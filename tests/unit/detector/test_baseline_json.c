// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "tests/unit/detector/baseline_fixture.h"

static struct baseline *parse(const char *text)
{
	struct baseline *b = NULL;
	struct err e = { "" };

	if (baseline_parse(&b, span_str(text), &e) < 0)
		fail_msg("%s", e.text);
	return b;
}

static void a_document_read_and_written_again_is_the_same(void **state)
{
	AUTO(baseline_free) struct baseline *b = full_baseline();
	AUTO_FREE char *first = text_of(b);
	AUTO(baseline_free) struct baseline *again = parse(first);
	AUTO_FREE char *second = text_of(again);

	(void)state;
	assert_string_equal(first, second);
	assert_false(again->dirty);
	assert_int_equal(again->digests[1].inherited, b->digests[1].inherited);
	assert_int_equal(again->mode, MODE_DETECT);
	assert_int_equal(again->promoted_ns, T0 + 123456789);
	assert_string_equal(again->mode_by, "root");
	assert_int_equal(again->actions[BASELINE_EXEC], ENFORCE_KILL);
	assert_int_equal(again->sets[BASELINE_WRITE].voided[PHASE_STARTUP], 1);
	assert_int_equal(again->sets[BASELINE_EXEC].complete_ns[PHASE_STEADY], T0 + 9);
	assert_int_equal(again->sets[BASELINE_READ].refused, 3);
	assert_false(baseline_container(again, SPAN_LIT("c2")));
	assert_true(fabs(baseline_usual(again, RESOURCE_CPU, 0, 0.5) - 0.5) < 0.02);
}

static void every_entry_says_what_was_seen_of_it(void **state)
{
	AUTO(baseline_free) struct baseline *b = full_baseline();
	AUTO_FREE char *text = text_of(b);
	AUTO(baseline_free) struct baseline *again = parse(text);
	const struct seen *s = &look(again, BASELINE_EXEC, "/usr/sbin/nginx < -")->seen;

	(void)state;
	assert_int_equal(s->first_ns, T0);
	assert_int_equal(s->windows[PHASE_STEADY], 8);
	assert_int_equal(s->containers, 2);
	assert_int_equal(s->digests, 3);
	assert_int_equal(s->flags, SEEN_DROPPED);
	assert_non_null(look(again, BASELINE_WRITE, "/var/log/nginx/a\"b\\c*d\x01\xff\xc3\xa9"));
	assert_null(look(again, BASELINE_WRITE, "/var/log/nginx/a\"b\\cXd\x01\xff\xc3\xa9"));
	assert_int_equal(look(again, BASELINE_UNIX, "@x")->seen.flags, SEEN_ACCEPTED);
	assert_int_equal(look(again, BASELINE_CALL, "ptrace")->seen.flags, SEEN_REJECTED);
	assert_int_equal(entries_of(again, BASELINE_CALL), 0);
}

static void the_document_has_readable_names_and_times(void **state)
{
	AUTO(baseline_free) struct baseline *b = full_baseline();
	AUTO_FREE char *text = text_of(b);
	json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL), *o;

	(void)state;
	assert_non_null(root);
	assert_string_equal(json_string_value(json_object_get(root, "mode")), "detect");
	o = json_array_get(json_object_get(json_object_get(root, "sets"), "exec"), 0);
	assert_string_equal(json_string_value(json_object_get(o, "entry")), "/usr/sbin/nginx < -");
	assert_string_equal(json_string_value(json_object_get(o, "first")),
			    "2027-01-15T08:00:00.000000000Z");
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(o, "windows"), "steady")), 8);
	o = json_object_get(o, "digests");
	assert_string_equal(json_string_value(json_array_get(o, 0)), "sha256:aaaaaaaaaaaa");
	o = json_object_get(json_object_get(json_object_get(root, "resources"), "cpu"), "unit");
	assert_string_equal(json_string_value(o), "cores");
	json_decref(root);
}

static void digests_that_start_alike_are_named_wholly(void **state)
{
	AUTO(baseline_free) struct baseline *b = nginx();

	(void)state;
	baseline_digest(b, SPAN_LIT("sha256:aaaaaaaaaaaa1"), SPAN_LIT(""), T0);
	baseline_digest(b, SPAN_LIT("sha256:aaaaaaaaaaaa2"), SPAN_LIT(""), T0);
	baseline_digest(b, SPAN_LIT("sha256:aaaaaaaaaaaa"), SPAN_LIT(""), T0);
	baseline_digest(b, SPAN_LIT("unknown"), SPAN_LIT(""), T0);
	for (unsigned d = 0; d < 4; d++)
		note(b, BASELINE_USER, (const char *const[]){ "0", "1", "2", "3" }[d], d, 1);
	AUTO_FREE char *text = text_of(b);
	AUTO(baseline_free) struct baseline *again = parse(text);

	assert_int_equal(look(again, BASELINE_USER, "0")->seen.digests, 1);
	assert_int_equal(look(again, BASELINE_USER, "1")->seen.digests, 2);
	assert_int_equal(look(again, BASELINE_USER, "2")->seen.digests, 4);
	assert_int_equal(look(again, BASELINE_USER, "3")->seen.digests, 8);
}

/* The largest there is: all classes full, all sketches, all digests. */
static struct baseline *largest(void)
{
	struct baseline *b = nginx();
	char key[96];

	for (unsigned d = 0; d < BASELINE_MAX_DIGESTS; d++) {
		snprintf(key, sizeof(key), "sha256:%064u", d * 1000003);
		baseline_digest(b, span_str(key), SPAN_LIT("x:1"), T0 + d);
	}
	for (unsigned c = 0; c < BASELINE_CLASS_COUNT; c++)
		for (unsigned i = 0; i < 3000; i++) {
			struct path_entry *entry = NULL;

			snprintf(key, sizeof(key), "d%u/e%u/%u", i % 23, i % 19, i * 7919);
			baseline_note(b, (enum baseline_class)c, span_str(key), i % 16, T0 + i,
				      &entry, NULL);
			if (!entry)
				continue;
			entry->seen.digests = 0xffff;
			for (unsigned p = 0; p < PHASE_COUNT; p++)
				entry->seen.windows[p] = i;
		}
	for (unsigned r = 0; r < RESOURCE_COUNT; r++)
		for (unsigned i = 0; i < 10000; i++)
			baseline_measure(b, (enum baseline_resource)r, i % 3 == 0, i % 24,
					 exp(i % 500 * 0.04));
	return b;
}

static void the_largest_baseline_comes_back_from_its_document(void **state)
{
	AUTO(baseline_free) struct baseline *b = largest();
	const uint64_t start = mono_ns();
	AUTO_FREE char *first = text_of(b);
	const uint64_t written = mono_ns();
	AUTO(baseline_free) struct baseline *again = parse(first);
	const uint64_t read = mono_ns();
	AUTO_FREE char *second = text_of(again);

	(void)state;
	assert_true(baseline_bytes(b) > BASELINE_MAX_BYTES * 3 / 4);
	print_message("memory %zu, document %zu bytes: written in %llu us, read in %llu us\n",
		      baseline_bytes(b), strlen(first),
		      (unsigned long long)((written - start) / NS_PER_US),
		      (unsigned long long)((read - written) / NS_PER_US));
	assert_true(baseline_bytes(again) <= BASELINE_MAX_BYTES);
	for (unsigned c = 0; c < BASELINE_CLASS_COUNT; c++) {
		assert_int_equal(entries_of(again, (enum baseline_class)c),
				 entries_of(b, (enum baseline_class)c));
		assert_int_equal(again->sets[c].refused, b->sets[c].refused);
	}
	assert_string_equal(first, second);
}

/* --- what others send ----------------------------------------------------------------------- */

#define HEAD "{\"schema\":1,\"repository\":\"r\""

static void wrong_values_are_named_with_their_place(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "[]", "the document: expected an object" },
		{ "{}", "schema: expected the number of a schema, from 1 on" },
		{ "{\"schema\":\"1\"}", "schema: expected an integer of 0 or more" },
		{ "{\"schema\":1}", "repository: expected the name of an image" },
		{ "{\"schema\":1,\"repository\":\"a\\u001bb\"}",
		  "repository: expected a string of at most 255 bytes, without controls" },
		{ HEAD ",\"entry\":7}",
		  "entry: expected a string of at most 63 bytes, without controls" },
		{ HEAD ",\"mode\":\"on\"}", "mode: expected one of off learn detect enforce" },
		{ HEAD ",\"actions\":{\"exec\":\"shoot\"}}",
		  "actions.exec: expected one of alert kill deny freeze pause stop throttle" },
		{ HEAD ",\"created\":\"yesterday\"}", "created: expected a time (RFC 3339)" },
		{ HEAD ",\"containers\":4294967296}",
		  "containers: expected an integer from 0 to 4294967295" },
		{ HEAD ",\"imported\":1}", "imported: expected true or false" },
		{ HEAD ",\"digests\":{}}", "digests: expected an array of at most 16" },
		{ HEAD ",\"digests\":[{}]}", "digests[0].id: expected the id of an image" },
		{ HEAD ",\"digests\":[{\"id\":\"a\"},{\"id\":\"a\"}]}",
		  "digests[1].id: expected an id that comes once" },
		{ HEAD ",\"sets\":[]}", "sets: expected an object" },
		{ HEAD ",\"sets\":{\"exec\":{}}}", "sets.exec: expected an array of at most 576" },
		{ HEAD ",\"sets\":{\"exec\":[1]}}", "sets.exec[0]: expected an object" },
		{ HEAD ",\"sets\":{\"exec\":[{}]}}", "sets.exec[0].entry: expected a pattern" },
		{ HEAD ",\"sets\":{\"exec\":[{\"entry\":\"\"}]}}",
		  "sets.exec[0].entry: expected a pattern" },
		{ HEAD ",\"sets\":{\"exec\":[{\"entry\":\"a\\\\\"}]}}",
		  "sets.exec[0].entry: expected a pattern" },
		{ HEAD ",\"sets\":{\"exec\":[{\"entry\":\"a\\\\x2f\"}]}}",
		  "sets.exec[0].entry: expected a pattern" },
		{ HEAD ",\"sets\":{\"exec\":[{\"entry\":\"a\\\\xf\"}]}}",
		  "sets.exec[0].entry: expected a pattern" },
		{ HEAD ",\"sets\":{\"exec\":[{\"entry\":\"a\\\\q\"}]}}",
		  "sets.exec[0].entry: expected a pattern" },
		{ HEAD ",\"sets\":{\"exec\":[{\"entry\":\"a\"},{\"entry\":\"b\",\"windows\":[]}]}}",
		  "sets.exec[1].windows: expected an object" },
		{ HEAD ",\"sets\":{\"exec\":[{\"entry\":\"a\",\"windows\":{\"steady\":-1}}]}}",
		  "sets.exec[0].windows.steady: expected an integer from 0 to 4294967295" },
		{ HEAD ",\"sets\":{\"read\":[{\"entry\":\"a\",\"digests\":[\"x\"]}]}}",
		  "sets.read[0].digests[0]: expected the start of one id in 'digests'" },
		{ HEAD ",\"sets\":{\"read\":[{\"entry\":\"a\",\"accepted\":\"yes\"}]}}",
		  "sets.read[0].accepted: expected true or false" },
		{ HEAD ",\"evidence\":{\"exec\":7}}", "evidence.exec: expected an object" },
		{ HEAD ",\"evidence\":{\"exec\":{\"windows\":{\"steady\":1.5}}}}",
		  "evidence.exec.windows.steady: expected an integer of 0 or more" },
		{ HEAD ",\"evidence\":{\"exec\":{\"complete\":{\"steady\":1}}}}",
		  "evidence.exec.complete.steady: expected a time (RFC 3339)" },
		{ HEAD ",\"resources\":{\"cpu\":{\"steady\":7}}}",
		  "resources.cpu.steady: sketch: expected an object" },
		{ HEAD ",\"resources\":{\"cpu\":{\"steady\":{\"alpha\":0.1,\"zeros\":1,\"min\":0,"
		       "\"max\":0,\"sum\":0,\"lowest\":0,\"counts\":[]}}}}",
		  "resources.cpu.steady: expected a sketch with an alpha of 0.02" },
		{ HEAD ",\"resources\":{\"cpu\":{\"hours\":{\"07\":[]}}}}",
		  "resources.cpu.hours.07: sketch: expected an object" },
		{ HEAD ",\"recent\":[\"0000000000000000\"]}",
		  "recent[0]: expected 16 hexadecimal digits" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct baseline *b = NULL;
		struct err e = { "" };

		assert_int_equal(baseline_parse(&b, span_str(cases[i].text), &e), -EPROTO);
		assert_string_equal(e.text, cases[i].error);
		assert_null(b);
	}
}

static void a_newer_schema_is_told_apart(void **state)
{
	struct baseline *b = NULL;
	struct err e = { "" };

	(void)state;
	assert_int_equal(
		baseline_parse(&b, SPAN_LIT("{\"schema\":2,\"repository\":{\"new\":1}}"), &e),
		-ENOTSUP);
	assert_string_equal(e.text, "schema 2 of a baseline is newer than this program's (1)");
}

static void members_that_are_not_known_are_ignored(void **state)
{
	AUTO(baseline_free)
	struct baseline *b = parse(HEAD ",\"later\":{\"x\":[1,2]},\"sets\":{\"dreams\":[7],"
					"\"user\":[{\"entry\":\"0\",\"x\":1,\"windows\":{\"steady\""
					":2,\"siesta\":\"x\"}}]}}");

	(void)state;
	assert_int_equal(look(b, BASELINE_USER, "0")->seen.windows[PHASE_STEADY], 2);
}

static void a_damaged_document_is_refused_at_every_byte(void **state)
{
	AUTO(baseline_free) struct baseline *b = full_baseline();
	AUTO_FREE char *text = text_of(b);
	const size_t n = strlen(text);

	(void)state;
	for (size_t cut = 0; cut + 2 < n; cut += 1 + cut / 64) {
		struct baseline *again = NULL;

		assert_int_equal(baseline_parse(&again, (struct span){ text, cut }, NULL), -EPROTO);
		assert_null(again);
	}
	for (size_t i = 0; i < n; i += 7) { /* whatever comes of it, it ends */
		struct baseline *again = NULL;
		const char old = text[i];

		text[i] = (char)(old ^ (1 << i % 8));
		if (baseline_parse(&again, (struct span){ text, n }, NULL) == 0)
			baseline_free(again);
		text[i] = old;
	}
}

static void refuse_filled(const char *start, const char *repeat, size_t times)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	struct baseline *out = NULL;
	struct err e = { "" };

	buf_init(&b, 64u << 20);
	buf_add_str(&b, start);
	for (size_t i = 0; i < times; i++)
		buf_add_str(&b, repeat);
	assert_int_equal(baseline_parse(&out, (struct span){ b.data, b.len }, &e), -EPROTO);
	assert_null(out);
}

static void what_would_cost_much_is_refused_before_it_is_built(void **state)
{
	(void)state;
	refuse_filled("", "[", 1000000);
	refuse_filled("[", "{},", 1000000);
	refuse_filled("[", "0,", 2000000);
	refuse_filled("", "  ", BASELINE_MAX_JSON);
	refuse_filled("[\"", "\\\"", 100);
	refuse_filled("", "", 0);
}

static void a_set_has_a_number_of_entries(void **state)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	struct baseline *out = NULL;
	struct err e = { "" };

	(void)state;
	buf_init(&b, 1u << 20);
	buf_add_str(&b, HEAD ",\"sets\":{\"user\":[");
	for (unsigned i = 0; i < 129; i++)
		buf_printf(&b, "%s{\"entry\":\"%u\"}", i ? "," : "", i);
	buf_add_str(&b, "]}}");
	assert_int_equal(baseline_parse(&out, (struct span){ b.data, b.len }, &e), -EPROTO);
	assert_string_equal(e.text, "sets.user: expected an array of at most 128");
}

static void entries_without_room_leave_an_incomplete_class_and_not_none(void **state)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	(void)state;
	buf_init(&b, 1u << 20);
	buf_add_str(&b, HEAD ",\"evidence\":{\"user\":{\"complete\":{\"steady\":"
			     "\"2027-01-15T08:00:00Z\"}}},\"sets\":{\"user\":[");
	for (unsigned i = 0; i < 100; i++)
		buf_printf(&b, "%s{\"entry\":\"%u\"}", i ? "," : "", i);
	buf_add_str(&b, "]}}");
	buf_add_char(&b, '\0');
	AUTO(baseline_free) struct baseline *out = parse(b.data);

	assert_true(entries_of(out, BASELINE_USER) > 0);
	assert_true(out->sets[BASELINE_USER].refused > 0);
	assert_int_equal(out->sets[BASELINE_USER].complete_ns[PHASE_STEADY], 0);
}

static void one_pattern_twice_is_one_entry(void **state)
{
	AUTO(baseline_free)
	struct baseline *b = parse(HEAD ",\"sets\":{\"user\":[{\"entry\":\"0\",\"windows\":"
					"{\"steady\":2}},{\"entry\":\"0\",\"windows\":{\"steady\":"
					"3}}]}}");

	(void)state;
	assert_int_equal(entries_of(b, BASELINE_USER), 1);
	assert_int_equal(look(b, BASELINE_USER, "0")->seen.windows[PHASE_STEADY], 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_document_read_and_written_again_is_the_same),
		cmocka_unit_test(every_entry_says_what_was_seen_of_it),
		cmocka_unit_test(the_document_has_readable_names_and_times),
		cmocka_unit_test(digests_that_start_alike_are_named_wholly),
		cmocka_unit_test(the_largest_baseline_comes_back_from_its_document),
		cmocka_unit_test(wrong_values_are_named_with_their_place),
		cmocka_unit_test(a_newer_schema_is_told_apart),
		cmocka_unit_test(members_that_are_not_known_are_ignored),
		cmocka_unit_test(a_damaged_document_is_refused_at_every_byte),
		cmocka_unit_test(what_would_cost_much_is_refused_before_it_is_built),
		cmocka_unit_test(a_set_has_a_number_of_entries),
		cmocka_unit_test(entries_without_room_leave_an_incomplete_class_and_not_none),
		cmocka_unit_test(one_pattern_twice_is_one_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
