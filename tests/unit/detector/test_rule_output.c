// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "collector/base/clock.h"
#include "detector/rule_output.h"

/* --- one event: sh in a container runs "cat" ----------------------------------------------- */

static _Alignas(8) uint8_t record[EVENT_MAX_BYTES];
static char scratch[FIELD_SCRATCH_BYTES];

static struct process_text text = { .refs = 1,
				    .exe = SPAN_LIT("/usr/bin/cat"),
				    .args = SPAN_LIT("cat\0/etc/shadow\0-n"),
				    .cwd = SPAN_LIT("/root"),
				    .args_bytes = 18 };
static struct process process = { .key = { .pid = 42, .start_boot_ns = 7 * NS_PER_S },
				  .ns_pid = 5,
				  .uid = 1000,
				  .euid = 1000,
				  .loginuid = UINT32_MAX,
				  .comm = "cat",
				  .text = &text };
static struct event_container container = { .id = SPAN_LIT("0123456789abcdef0123"),
					    .name = SPAN_LIT("web"),
					    .image = SPAN_LIT("docker.io/library/nginx:1.25"),
					    .runtime = SPAN_LIT("docker") };
static struct event_context context = { .process = &process,
					.container = &container,
					.unix_minus_boot_ns = 1700000000 * NS_PER_S };
static struct event_view view;

static struct field_event event(void)
{
	const struct event_head head = { .type = EVENT_EXEC,
					 .pid = 42,
					 .tid = 42,
					 .ns_pid = 5,
					 .boot_ns = 10 * NS_PER_S + 5,
					 .start_boot_ns = 7 * NS_PER_S,
					 .cgroup_id = 77,
					 .container_cgroup = 77,
					 .uid = 1000,
					 .euid = 1000,
					 .loginuid = UINT32_MAX,
					 .syscall = -1,
					 .comm = "cat" };
	struct event_writer w;

	event_write_begin(&w, record, sizeof(record), &head, NULL);
	event_write_string(&w, TAG_PATH, 0, SPAN_LIT("/usr/bin/cat"));
	event_write_string(&w, TAG_ARGS, 0, text.args);
	assert_int_equal(event_decode(record, event_write_end(&w), &view, NULL), 0);
	return (struct field_event){ .view = &view,
				     .context = &context,
				     .type = evt_type_of(&view),
				     .number = 9,
				     .scratch = scratch };
}

static int compile(struct arena *a, const char *output, struct rule_output *o, struct err *e)
{
	const struct condition_source source = { .file = SPAN_LIT("f.yaml"),
						 .what = SPAN_LIT("rule"),
						 .name = SPAN_LIT("r"),
						 .text = span_str(output) };

	return rule_output_compile(a, NULL, &source, span_str(output), o, e);
}

/* What the output becomes; to be freed. */
static char *printed(const char *output)
{
	AUTO_ARENA struct arena a;
	struct field_event ev = event();
	struct rule_output o;
	struct err e = { "" };
	struct buf b;

	arena_init(&a, 1u << 20);
	buf_init(&b, 1u << 20);
	if (compile(&a, output, &o, &e) < 0)
		fail_msg("'%s': %s", output, e.text);
	rule_output_print(&b, &o, &ev);
	char *s = buf_take_str(&b);

	assert_non_null(s);
	return s;
}

static void texts_are_filled(void **state)
{
	static const struct {
		const char *output, *want;
	} cases[] = {
		{ "plain", "plain" },
		{ "", "" },
		{ "*plain", "plain" },
		{ "**plain", "*plain" },
		{ "100%%", "100%" },
		{ "%%proc.name", "%proc.name" },
		{ "%proc.name", "cat" },
		{ "a %proc.name b", "a cat b" },
		{ "*%proc.name", "cat" },
		{ "%proc.name%proc.pid", "cat42" },
		{ "(%proc.name)", "(cat)" },
		{ "%proc.name, %proc.name.", "cat, cat." },
		{ "%proc.namex", "catx" },
		{ "%proc.name_x", "cat_x" },
		{ "%proc.name[x]", "cat[x]" },
		{ "%proc.pid[%proc.name]", "42[cat]" },
		{ "pid=%proc.pid", "pid=42" },
		{ "%proc.cmdline|", "cat /etc/shadow -n|" },
		{ "%container.name=%container.id", "web=0123456789ab" },
		{ "%evt.type %evt.num", "execve 9" },
		/* widths count bytes, as Falco's do */
		{ "%5proc.name|", "cat  |" },
		{ "%2proc.name|", "ca|" },
		{ "%3proc.name|", "cat|" },
		{ "%0proc.name|", "cat|" },
		{ "%05proc.pid|", "42   |" },
		{ "%10fd.name|", "<NA>      |" },
		{ "%2fd.name|", "<N|" },
		{ "%toupper(proc.name)!", "CAT!" },
		{ "%toupper( proc.name )!", "CAT!" },
		{ "%tolower(proc.name)", "cat" },
		{ "%basename(proc.exepath)", "cat" },
		{ "%len(proc.name)", "3" },
		{ "%4toupper(proc.name)|", "CAT |" },
		{ "%b64(proc.name)", "<NA>" }, /* three characters are no base64 */
		/* missing */
		{ "fd=%fd.name", "fd=<NA>" },
		{ "%len(fd.name) %toupper(fd.name)", "<NA> <NA>" },
		{ "%proc.aname[2]", "<NA>" },
		{ "%proc.env[\"A B\"]|", "<NA>|" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_FREE char *got = printed(cases[i].output);

		if (strcmp(got, cases[i].want) != 0)
			fail_msg("'%s' became '%s', not '%s'", cases[i].output, got, cases[i].want);
	}
}

static void what_cannot_be_a_text_is_refused_with_its_place(void **state)
{
	static const struct {
		const char *output;
		int code;
		const char *place, *word;
	} cases[] = {
		{ "%", -EINVAL, ":1:1:", "expected" },
		{ "50%", -EINVAL, ":1:3:", "expected" },
		{ "a % b", -EINVAL, ":1:3:", "expected" },
		{ "a %10", -EINVAL, ":1:3:", "expected" },
		{ "%.x", -EINVAL, ":1:1:", "expected" },
		{ "%-proc.name", -EINVAL, ":1:1:", "expected" },
		{ "%\xff", -EINVAL, ":1:1:", "expected" },
		{ "%nosuch.field", -ENOENT, ":1:1:", "nosuch.field" },
		{ "%d", -ENOENT, ":1:1:", "'d'" },
		{ "ok %proc.name\n and %proc.nam", -ENOENT, ":2:6:", "proc.nam" },
		{ "*%nosuch.field", -ENOENT, ":1:2:", "nosuch.field" },
		{ "%1025proc.name", -EINVAL, ":1:1:", "1024" },
		{ "%99999999999999999999proc.name", -EINVAL, ":1:1:", "1024" },
		{ "%toupper(proc.name", -EINVAL, ":1:1:", "')'" },
		{ "%toupper(proc.name x)", -EINVAL, ":1:1:", "')'" },
		{ "%toupper()", -EINVAL, ":1:1:", "expected" },
		{ "%toupper(", -EINVAL, ":1:1:", "expected" },
		{ "%toupper(proc.pid)", -EINVAL, ":1:1:", "toupper()" },
		{ "%basename(proc.pid)", -EINVAL, ":1:1:", "basename()" },
		{ "%len(proc.pid)", -EINVAL, ":1:1:", "len()" },
		{ "%toupper(tolower(proc.name))", -EINVAL, ":1:1:", "one transformer" },
		{ "%evt.arg", -EINVAL, ":1:1:", "evt.arg" },
		{ "%evt.arg.nosuchargument", -EINVAL, ":1:1:", "nosuchargument" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_ARENA struct arena a;
		struct rule_output o = { .fields_n = 99 };
		struct err e = { "" };

		arena_init(&a, 1u << 20);
		int r = compile(&a, cases[i].output, &o, &e);

		if (r != cases[i].code || !strstr(e.text, cases[i].place) ||
		    !strstr(e.text, cases[i].word) || strncmp(e.text, "f.yaml:", 7) != 0)
			fail_msg("'%s': %d, \"%s\"", cases[i].output, r, e.text);
		assert_int_equal(o.fields_n, 99); /* untouched on failure */
	}
}

static void container_info_becomes_the_suggested_fields(void **state)
{
	static const char filled[] =
		"container_id=0123456789ab container_name=web "
		"container_image_repository=docker.io/library/nginx container_image_tag=1.25 "
		"k8s_pod_name=<NA> k8s_ns_name=<NA>";
	AUTO_FREE char *got = printed("a %container.info b");
	AUTO_FREE char *suggested = printed(rule_output_suggested);
	AUTO_ARENA struct arena a;

	(void)state;
	assert_memory_equal(got, "a container_id=", 15);
	assert_string_equal(suggested, filled);
	assert_memory_equal(got + 2, filled, sizeof(filled) - 1);
	assert_string_equal(got + 2 + sizeof(filled) - 1, " b");
	arena_init(&a, 65536);
	struct span with = rule_output_with_suggested(&a, SPAN_LIT("x"));
	struct span once = rule_output_with_suggested(&a, SPAN_LIT("x %container.info"));

	assert_memory_equal(with.p, "x container_id=%container.id", 28);
	assert_true(span_eq(once, "x %container.info"));
}

static json_t *as_json(const char *output)
{
	AUTO_ARENA struct arena a;
	AUTO_BUF struct buf b;
	struct field_event ev = event();
	struct rule_output o;
	struct err e = { "" };
	json_error_t why;

	arena_init(&a, 1u << 20);
	buf_init(&b, 1u << 20);
	if (compile(&a, output, &o, &e) < 0)
		fail_msg("'%s': %s", output, e.text);
	rule_output_json(&b, &o, &ev);
	assert_false(b.failed);
	json_t *json = json_loadb(b.data, b.len, JSON_REJECT_DUPLICATES, &why);

	if (!json)
		fail_msg("%s: %.*s", why.text, (int)b.len, b.data);
	return json;
}

static void fields_as_json_keep_their_kind(void **state)
{
	json_t *o = as_json("%proc.name %proc.pid %fd.name %proc.name %toupper(proc.name) "
			    "%proc.aname[2] %len(proc.name) %user.uid %user.loginuid "
			    "%proc.env[\"A B\"] %5proc.exepath");
	json_t *none = as_json("nothing");

	(void)state;
	assert_int_equal(json_object_size(o), 10); /* proc.name once */
	assert_string_equal(json_string_value(json_object_get(o, "proc.name")), "cat");
	assert_int_equal(json_integer_value(json_object_get(o, "proc.pid")), 42);
	assert_true(json_is_null(json_object_get(o, "fd.name")));
	assert_true(json_is_null(json_object_get(o, "proc.aname[2]")));
	assert_true(json_is_null(json_object_get(o, "proc.env[\"A B\"]")));
	assert_string_equal(json_string_value(json_object_get(o, "toupper(proc.name)")), "CAT");
	assert_int_equal(json_integer_value(json_object_get(o, "len(proc.name)")), 3);
	assert_int_equal(json_integer_value(json_object_get(o, "user.uid")), 1000);
	assert_true(json_is_integer(json_object_get(o, "user.loginuid")));
	assert_int_equal(json_integer_value(json_object_get(o, "user.loginuid")), -1);
	/* a width is of the text alone */
	assert_string_equal(json_string_value(json_object_get(o, "proc.exepath")), "/usr/bin/cat");
	assert_int_equal(json_object_size(none), 0);
	json_decref(o);
	json_decref(none);
}

static void bytes_of_containers_stay_in_their_string(void **state)
{
	const struct span args = text.args;

	(void)state;
	text.args = SPAN_LIT("cat\0\"\n\x1b\xff%proc.pid");
	json_t *o = as_json("%proc.args");
	AUTO_FREE char *got = printed("%proc.args|");
	AUTO_FREE char *cut = printed("%2proc.args|");

	/* what is filled in is never looked at for fields again */
	assert_string_equal(got, "\"\n\x1b\xff%proc.pid|");
	assert_string_equal(cut, "\"\n|");
	assert_string_equal(json_string_value(json_object_get(o, "proc.args")),
			    "\"\n\x1b\xef\xbf\xbd%proc.pid");
	json_decref(o);
	text.args = args;
}

static void a_width_cuts_no_character_in_two(void **state)
{
	const struct span args = text.args;

	(void)state;
	text.args = SPAN_LIT("cat\0a\xc3\xa9z");
	AUTO_FREE char *two = printed("%2proc.args|");
	AUTO_FREE char *three = printed("%3proc.args|");

	assert_string_equal(two, "a |");
	assert_string_equal(three, "a\xc3\xa9|");
	text.args = args;
}

static void base64_is_decoded(void **state)
{
	static const struct {
		struct span args;
		const char *want;
	} cases[] = {
		{ SPAN_LIT("x\0aGVsbG8="), "hello" },
		{ SPAN_LIT("x\0aGk="), "hi" },
		{ SPAN_LIT("x\0YQ=="), "a" },
		{ SPAN_LIT("x\0YWJj"), "abc" },
		{ SPAN_LIT("x\0YW=j"), "<NA>" },
		{ SPAN_LIT("x\0****"), "<NA>" },
		{ SPAN_LIT("x\0YWJ"), "<NA>" },
		{ SPAN_LIT("x\0YWJjZGVmZ2hpamts"), "abcdefghijkl" },
	};
	const struct span args = text.args;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		text.args = cases[i].args;
		AUTO_FREE char *got = printed("%b64(proc.args)");

		assert_string_equal(got, cases[i].want);
	}
	text.args = args;
}

static void limits_hold(void **state)
{
	AUTO_BUF struct buf many, large, info;
	AUTO_ARENA struct arena a, small;
	struct rule_output o;
	struct err e = { "" };

	(void)state;
	arena_init(&a, 16u << 20);
	arena_init(&small, 64);
	buf_init(&many, 1u << 20);
	buf_init(&large, 1u << 20);
	buf_init(&info, 1u << 20);
	for (size_t i = 0; i < RULE_OUTPUT_MAX_FIELDS; i++)
		buf_add_str(&many, "%proc.name ");
	buf_add_char(&many, '\0');
	assert_int_equal(compile(&a, many.data, &o, &e), 0);
	assert_int_equal(o.fields_n, RULE_OUTPUT_MAX_FIELDS);
	many.len--;
	buf_add(&many, "%proc.pid", 10);
	assert_int_equal(compile(&a, many.data, &o, &e), -EINVAL);
	assert_non_null(strstr(e.text, "more than 64 fields"));
	for (size_t i = 0; i < RULE_OUTPUT_MAX_BYTES; i++)
		buf_add_char(&large, '%');
	buf_add_char(&large, '\0');
	assert_int_equal(compile(&a, large.data, &o, &e), 0);
	assert_int_equal(o.text.n, RULE_OUTPUT_MAX_BYTES / 2);
	large.len--;
	buf_add(&large, "x", 2);
	assert_int_equal(compile(&a, large.data, &o, &e), -EINVAL);
	for (size_t i = 0; i < 10; i++)
		buf_add_str(&info, "%container.info");
	buf_add_char(&info, '\0');
	assert_int_equal(compile(&a, info.data, &o, &e), 0);
	assert_int_equal(o.fields_n, 60);
	info.len--;
	buf_add(&info, "%container.info", 16);
	assert_int_equal(compile(&a, info.data, &o, &e), -EINVAL);
	assert_int_equal(compile(&small, "%proc.name of a process", &o, &e), -ENOMEM);
}

static void an_output_of_a_rule_is_printed_whole(void **state)
{
	AUTO_ARENA struct arena a;
	const struct condition_source other = { .text = SPAN_LIT("%proc.name") };
	struct rule_output o;

	(void)state;
	arena_init(&a, 65536);
	assert_int_equal(compile(&a, "%proc.name", &o, NULL), 0);
	assert_true(o.all);
	assert_int_equal(rule_output_compile(&a, NULL, &other, other.text, &o, NULL), 0);
	assert_false(o.all);
	assert_int_equal(rule_output_compile(&a, NULL, &other, SPAN_LIT("*x"), &o, NULL), 0);
	assert_true(o.all);
}

static int setup(void **state)
{
	(void)state;
	evt_type_init();
	return 0;
}

int main(void)
{
	const struct CMUnitTest outputs[] = {
		cmocka_unit_test(texts_are_filled),
		cmocka_unit_test(what_cannot_be_a_text_is_refused_with_its_place),
		cmocka_unit_test(container_info_becomes_the_suggested_fields),
		cmocka_unit_test(fields_as_json_keep_their_kind),
		cmocka_unit_test(bytes_of_containers_stay_in_their_string),
		cmocka_unit_test(a_width_cuts_no_character_in_two),
		cmocka_unit_test(base64_is_decoded),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(an_output_of_a_rule_is_printed_whole),
	};

	return cmocka_run_group_tests(outputs, setup, NULL);
}
