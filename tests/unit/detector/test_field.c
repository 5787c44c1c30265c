// SPDX-License-Identifier: GPL-2.0-or-later
/* Names, arguments, printing, and the stock rules' fields. */
#include "tests/unit/detector/field_fixture.h"

#include <errno.h>
#include <regex.h>

#define STOCK "/work/shared/data/falco-rules/"

static int find(const char *name, const char *arg, struct field_ref *r, struct err *e)
{
	return field_find(span_str(name), span_str(arg), arg != NULL, r, e);
}

static void a_field_is_found_by_the_longest_name_that_fits(void **state)
{
	struct field_ref r;
	struct err e = { "" };

	(void)state;
	assert_int_equal(find("evt.arg.flags", NULL, &r, &e), 0);
	assert_string_equal(r.def->name, "evt.arg");
	assert_string_equal(r.arg, "flags");
	assert_true(r.has_arg && !r.has_index);
	assert_int_equal(find("container.image.repository", NULL, &r, &e), 0);
	assert_string_equal(r.def->name, "container.image.repository");
	assert_int_equal(find("fd.sip.name", NULL, &r, &e), 0);
	assert_string_equal(r.def->name, "fd.sip.name");
	assert_int_equal(find("container.label.io.x/y", NULL, &r, &e), 0);
	assert_string_equal(r.arg, "io.x/y");
	assert_int_equal(find("container.label", "io.x/y", &r, &e), 0);
	assert_string_equal(r.arg, "io.x/y");
}

static void an_unknown_name_is_refused_with_the_nearest_one(void **state)
{
	struct field_ref r;
	struct err e = { "" };

	(void)state;
	assert_int_equal(find("proc.nmae", NULL, &r, &e), -ENOENT);
	assert_string_equal(e.text, "unknown field 'proc.nmae'; did you mean 'proc.name'?");
	assert_int_equal(find("something.else.altogether", NULL, &r, &e), -ENOENT);
	assert_string_equal(e.text, "unknown field 'something.else.altogether'");
	assert_int_equal(find("proc.name.x", NULL, &r, &e), -ENOENT);
	assert_int_equal(find("", NULL, &r, &e), -ENOENT);
	assert_int_equal(find("evt.arg.", NULL, &r, &e), -ENOENT);
	assert_int_equal(field_find(SPAN_LIT("proc.name\0"), span_str(NULL), false, &r, &e),
			 -ENOENT);
}

static void a_wrong_argument_is_refused(void **state)
{
	static const struct {
		const char *name, *arg, *text;
	} rows[] = {
		{ "proc.name", "1", "field 'proc.name' takes no argument" },
		{ "proc.aname", "x", "field 'proc.aname' takes a number: 1 is the parent" },
		{ "proc.aname", "-1", "field 'proc.aname' takes a number: 1 is the parent" },
		{ "evt.arg", NULL, "field 'evt.arg' wants an argument" },
		{ "evt.arg", "flags",
		  "field 'evt.arg' takes a number in brackets, or a name after a dot" },
		{ "evt.arg.flags", "1", "field 'evt.arg' has two arguments" },
		{ "evt.arg.nosuch", NULL, "unknown event argument 'nosuch'" },
		{ "evt.type.is.opne", NULL, "unknown event type 'opne'" },
		{ "container.mount.dest", NULL, "field 'container.mount.dest' wants an argument" },
		{ "container.label", "", "field 'container.label' has an empty argument" },
		{ "evt.abspath.x", NULL, "field 'evt.abspath' takes .src or .dst" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct field_ref r;
		struct err e = { "" };

		assert_int_equal(find(rows[i].name, rows[i].arg, &r, &e), -EINVAL);
		assert_string_equal(e.text, rows[i].text);
	}
}

static void an_argument_has_a_limit(void **state)
{
	char arg[FIELD_MAX_ARG + 1];
	struct field_ref r;
	struct err e = { "" };

	(void)state;
	memset(arg, 'x', sizeof(arg));
	arg[FIELD_MAX_ARG - 1] = '\0';
	assert_int_equal(find("proc.env", arg, &r, &e), 0);
	assert_int_equal(strlen(r.arg), FIELD_MAX_ARG - 1);
	arg[FIELD_MAX_ARG - 1] = 'x';
	arg[FIELD_MAX_ARG] = '\0';
	assert_int_equal(find("proc.env", arg, &r, &e), -EINVAL);
	assert_int_equal(field_find(span_str("proc.env"), SPAN_LIT("a\0b"), true, &r, &e), -EINVAL);
}

static void what_cannot_be_served_says_why(void **state)
{
	struct field_ref r = { .def = NULL };
	struct err e = { "" };

	(void)state;
	assert_int_equal(find("proc.vmsize", NULL, &r, &e), -EOPNOTSUPP);
	assert_string_equal(e.text, "field 'proc.vmsize' cannot be served: it is sampled for "
				    "containers, not read for each event");
	assert_string_equal(r.def->name, "proc.vmsize");
	assert_int_equal(find("thread.cgroup.cpuacct", NULL, &r, &e), -EOPNOTSUPP);
}

static void what_can_only_be_printed_is_found_and_missing(void **state)
{
	struct field_ref r;
	struct err e = { "" };

	(void)state;
	assert_int_equal(find("proc.exe_ino.ctime", NULL, &r, &e), 0);
	assert_true(r.flags & FIELD_PRINT_ONLY);
	assert_non_null(r.def->unserved);
	an_exec();
	EXPECT({ "proc.exe_ino.ctime", "-" }, { "proc.exe_ino.mtime", "-" },
	       { "proc.exe_ino.ctime_duration_proc_start", "-" });
}

static void an_argument_takes_flags_away(void **state)
{
	struct field_ref r;
	struct err e = { "" };

	(void)state;
	assert_int_equal(find("proc.aname", NULL, &r, &e), 0);
	assert_true(r.flags & FIELD_ANY);
	assert_int_equal(find("proc.aname", "2", &r, &e), 0);
	assert_false(r.flags & FIELD_ANY);
	assert_int_equal(r.index, 2);
	assert_int_equal(find("evt.arg.path", NULL, &r, &e), 0);
	assert_true(r.flags & FIELD_OF_PATH);
	assert_int_equal(find("evt.arg.mode", NULL, &r, &e), 0);
	assert_false(r.flags & FIELD_OF_PATH);
}

static void an_argument_of_an_event_tells_which_types_have_it(void **state)
{
	struct field_ref r;

	(void)state;
	look_up("evt.arg.request", &r);
	assert_true(field_of_type(&r, EVT_PTRACE));
	assert_false(field_of_type(&r, EVT_OPEN));
	look_up("evt.arg[1]", &r);
	assert_true(field_of_type(&r, EVT_PTRACE));
	assert_false(field_of_type(&r, EVT_SETGROUPS));
	look_up("evt.arg.queuelen", &r); /* Falco's alone */
	for (unsigned t = 0; t < EVT_COUNT; t++)
		assert_false(field_of_type(&r, (enum evt_type)t));
	look_up("fd.name", &r);
	assert_true(field_of_type(&r, EVT_CONNECT));
	assert_false(field_of_type(&r, EVT_EXECVE));
	look_up("proc.name", &r);
	assert_true(field_of_type(&r, EVT_EXECVE));
}

static void every_row_is_whole_and_stands_once(void **state)
{
	(void)state;
	for (const struct field_def *d = field_table(); d->name; d++) {
		assert_non_null(d->text);
		assert_non_null(d->get);
		assert_true(d->text[0] != '\0');
		assert_true(d->cost <= 3);
		for (const struct field_def *o = d + 1; o->name; o++)
			assert_string_not_equal(d->name, o->name);
	}
}

static void values_are_printed_by_their_type(void **state)
{
	static const struct {
		const char *field;
		struct field_value v;
		const char *text;
	} rows[] = {
		{ "proc.name", { .text = SPAN_LIT("a b") }, "a b" },
		{ "evt.rawres", { .i = -2 }, "-2" },
		{ "evt.num", { .u = UINT64_MAX }, "18446744073709551615" },
		{ "evt.is_open_read", { .b = true }, "true" },
		{ "evt.is_open_read", { .b = false }, "false" },
		{ "fd.sport", { .u = 443 }, "443" },
		{ "fd.sip", { .ip = { { 10, 0, 0, 1 }, 4 } }, "10.0.0.1" },
		{ "fd.snet", { .ip = { { 0x20, 1, [15] = 1 }, 16 } }, "2001::1" },
		{ "container.start_ts",
		  { .u = 1795312800123456789 },
		  "2026-11-22T02:00:00.123456789Z" },
		{ "proc.duration", { .i = 5000000000 }, "5000000000" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_BUF struct buf b = { .fd = -1 };
		struct field_ref r;

		look_up(rows[i].field, &r);
		buf_init(&b, 4096);
		field_print(&b, &r, &rows[i].v);
		assert_int_equal(b.len, strlen(rows[i].text));
		assert_memory_equal(b.data, rows[i].text, b.len);
	}
}

/* Every field on every kind of event, with and without a process: nothing that is read may lie
 * outside of the record. */
static void no_field_minds_which_event_it_meets(void **state)
{
	static const uint16_t flags[] = { 0, EVENT_NO_TASK, EVENT_HOST, EVENT_COMPAT };
	static const int64_t results[] = { 0, 3, -2, -9999 };
	struct field_value v[FIELD_MAX_VALUES];
	unsigned served = 0;

	(void)state;
	for (unsigned type = EVENT_NONE + 1; type < EVENT_TYPE_COUNT; type++)
		for (unsigned i = 0; i < 4; i++) {
			struct event_head h = field_head((enum event_type)type, -1);

			h.flags = flags[i];
			h.result = results[i];
			begin(&h, NULL);
			for (enum event_tag t = TAG_NONE + 1; i && t < TAG_COUNT; t++)
				add(t, SPAN_LIT("\xff\x1b[\0//a/../.\n%s"));
			finish();
			if (i & 1)
				context.process = NULL;
			for (const struct field_def *d = field_table(); d->name; d++) {
				struct field_ref r = {
					.def = d, .type = d->type, .arg = "name", .has_arg = true
				};

				event.reading = i & 2 ? READING_RESOLVED : READING_LEXICAL;
				event.scratch_used = 0;
				size_t n = field_get(&r, &event, v, FIELD_MAX_VALUES);

				assert_true(n <= FIELD_MAX_VALUES);
				assert_true(field_get(&r, &event, v, 0) == 0);
				served += n > 0;
			}
			field_readings_differ(&event);
		}
	assert_true(served > 1000);
}

static void a_text_that_does_not_fit_is_cut_and_told(void **state)
{
	struct field_value v;
	struct field_ref r;

	(void)state;
	an_exec();
	look_up("proc.cmdline", &r);
	event.scratch_used = FIELD_SCRATCH_BYTES - 4;
	assert_int_equal(field_get(&r, &event, &v, 1), 1);
	assert_int_equal(v.text.n, 4);
	assert_true(event.scratch_full);
	assert_int_equal(event.scratch_used, FIELD_SCRATCH_BYTES);
	assert_int_equal(field_get(&r, &event, &v, 1), 1);
	assert_int_equal(v.text.n, 0);

	an_exec();
	event.scratch = NULL;
	assert_int_equal(field_get(&r, &event, &v, 1), 1);
	assert_true(event.scratch_full);
}

/* --- the stock rules ----------------------------------------------------------------------- */
struct stock {
	unsigned known, unserved, printed_only;
};

static void meet(struct span name, struct stock *s)
{
	struct field_ref r;
	struct err e = { "" };
	struct span arg = { NULL, 0 };
	int result = field_find(name, arg, false, &r, &e);

	if (result == -EINVAL) { /* wants an argument */
		arg = span_str("1");
		result = field_find(name, arg, true, &r, &e);
	}
	if (result == -EOPNOTSUPP) {
		s->unserved++;
		print_message("unserved: %.*s\n", (int)name.n, name.p);
	} else if (result < 0) {
		fail_msg("%s", e.text);
	} else {
		s->known++;
		s->printed_only += (r.flags & FIELD_PRINT_ONLY) != 0;
	}
}

/* Only what begins like a class of fields: rules are full of file names and hosts. */
static bool is_field(struct span s)
{
	static const char *const classes[] = { "evt.",	"proc.",  "thread.", "fd.",
					       "user.", "group.", "k8s.",    "container." };

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (span_starts(s, classes[i]))
			return !span_eq(s, "user.log"); /* a file */
	return false;
}

static unsigned meet_line(const regex_t *re, const char *line, struct stock *s)
{
	unsigned n = 0;
	regmatch_t m;

	for (; regexec(re, line, 1, &m, 0) == 0; line += m.rm_eo) {
		struct span name = { line + m.rm_so, (size_t)(m.rm_eo - m.rm_so) };
		char before = m.rm_so ? line[m.rm_so - 1] : ' ';

		if (!is_field(name) || strchr("/.-_", before))
			continue;
		meet(name, s);
		n++;
	}
	return n;
}

static void every_field_of_the_stock_rules_is_known(void **state)
{
	static const char *const files[] = { "falco_rules.yaml", "falco-incubating_rules.yaml",
					     "falco-sandbox_rules.yaml" };
	struct stock s = { 0, 0, 0 };
	unsigned n = 0;
	regex_t re;

	(void)state;
	assert_int_equal(regcomp(&re, "[a-z][a-z0-9]*(\\.[a-z_0-9]+)+", REG_EXTENDED), 0);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char path[256], line[8192];

		snprintf(path, sizeof(path), STOCK "%s", files[i]);
		FILE *f = fopen(path, "re");

		while (f && fgets(line, sizeof(line), f)) {
			char *p = line + strspn(line, " ");

			if (*p != '#' && strncmp(p, "desc:", 5) != 0)
				n += meet_line(&re, line, &s);
		}
		if (f)
			fclose(f);
	}
	regfree(&re);
	if (n == 0)
		skip();
	print_message("%u mentions, %u unserved, %u to be printed only\n", n, s.unserved,
		      s.printed_only);
}

#define T(name) cmocka_unit_test(name)
int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(a_field_is_found_by_the_longest_name_that_fits),
		T(an_unknown_name_is_refused_with_the_nearest_one),
		T(a_wrong_argument_is_refused),
		T(an_argument_has_a_limit),
		T(what_cannot_be_served_says_why),
		T(what_can_only_be_printed_is_found_and_missing),
		T(an_argument_takes_flags_away),
		T(an_argument_of_an_event_tells_which_types_have_it),
		T(every_row_is_whole_and_stands_once),
		T(values_are_printed_by_their_type),
		T(no_field_minds_which_event_it_meets),
		T(a_text_that_does_not_fit_is_cut_and_told),
		T(every_field_of_the_stock_rules_is_known),
	};

	evt_type_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
