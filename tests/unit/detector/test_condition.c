// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

#include "tests/unit/detector/condition_case.h"

/* Printed, `text` is `canonical`, which parses to the same tree and is printed as it is. */
static void assert_canonical(const char *text, const char *canonical)
{
	AUTO_PARSED struct parsed p, again;

	parse(&p, text);
	parse(&again, canonical);
	if (p.r != 0 || again.r != 0)
		fail_msg("%s: %s %s", text, p.e.text, again.e.text);
	AUTO_FREE char *first = printed(p.c), *second = printed(again.c);

	assert_string_equal(first, canonical);
	assert_string_equal(second, canonical);
	assert_true(condition_same(p.c, again.c));
	assert_int_equal(p.at, UINT32_MAX); /* untouched */
}

static void the_grammar_is_falcos(void **state)
{
	static const struct {
		const char *text, *canonical;
	} table[] = {
		{ "m", "m" },
		{ " \t\r\n\bm\b ", "m" },
		{ "a or b", "a or b" },
		{ "a or b and c", "a or b and c" },
		{ "(a or b) and c", "(a or b) and c" },
		{ "a or (b and c)", "a or b and c" },
		{ "((a))", "a" },
		{ "(a)or(b)and(c)", "a or b and c" },
		{ "a or(b) and c", "a or b and c" },
		{ "a and(b or c)", "a and (b or c)" },
		{ "a and (b and c)", "a and (b and c)" },
		{ "a or (b or c) or d", "a or (b or c) or d" },
		{ "a and b and c and d", "a and b and c and d" },
		{ "not a", "not a" },
		{ "not not a", "a" },
		{ "not  not\tnot a", "not a" },
		{ "not(a)", "not a" },
		{ "not not(a)", "a" },
		{ "not(not a)", "not (not a)" },
		{ "not (a or b)", "not (a or b)" },
		{ "not\fa", "not a" },
		{ "not a and b", "not a and b" },
		{ "not (a) and b", "not a and b" },
		{ "not(a and b) or c", "not (a and b) or c" },
		{ "notable", "notable" },
		{ "order and android or nothing", "order and android or nothing" },
		{ "not.a exists", "not.a exists" },
		{ "or.b = and", "or.b = and" },
		{ "a.b = or or c", "a.b = or or c" },
		/* fields */
		{ "a.b exists", "a.b exists" },
		{ "a.b.c_1.D exists", "a.b.c_1.D exists" },
		{ "a.b[2] exists", "a.b[2] exists" },
		{ "a.b[/proc*] exists", "a.b[/proc*] exists" },
		{ "a.b[x(y)=,z] exists", "a.b[x(y)=,z] exists" },
		{ "a.b['x'] exists", "a.b[x] exists" },
		{ "a.b[\"x y\"] exists", "a.b[\"x y\"] exists" },
		{ "a.b['x]'] exists", "a.b[\"x]\"] exists" },
		{ "a.b[''] exists", "a.b[\"\"] exists" },
		{ "a.b existsand c", "a.b exists and c" },
		/* numbers */
		{ "a.b>=0", "a.b >= 0" },
		{ "a.b <-1", "a.b < -1" },
		{ "a.b > 0x1F", "a.b > 0x1F" },
		{ "a.b > +1.5e-3", "a.b > +1.5e-3" },
		{ "a.b <= 1.", "a.b <= 1." },
		{ "a.b < 5and c", "a.b < 5 and c" },
		{ "a.b < val(c.d)", "a.b < val(c.d)" },
		{ "a.b < len(c.d)", "a.b < len(c.d)" },
		/* texts */
		{ "a.b=c", "a.b = c" },
		{ "a.b==c", "a.b = c" },
		{ "a.b!=c", "a.b != c" },
		{ "a.b=-1", "a.b = -1" },
		{ "a.b= \"sh -s unix:cmd\"", "a.b = \"sh -s unix:cmd\"" },
		{ "a.b='f'", "a.b = \"f\"" },
		{ "a.b=''", "a.b = \"\"" },
		{ "a.b = \"it's\"", "a.b = \"it's\"" },
		{ "a.b = 'say \"x\"'", "a.b = \"say \\\"x\\\"\"" },
		{ "a.b = /bin/[x]*:-<>!%|&;{}\\", "a.b = /bin/[x]*:-<>!%|&;{}\\" },
		{ "a.b = 'c'and d", "a.b = \"c\" and d" },
		{ "a.b contains c", "a.b contains c" },
		{ "a.b icontains\tc", "a.b icontains c" },
		{ "a.b bcontains cafe", "a.b bcontains cafe" },
		{ "a.b startswith c", "a.b startswith c" },
		{ "a.b bstartswith 00", "a.b bstartswith 00" },
		{ "a.b endswith c", "a.b endswith c" },
		{ "a.b glob *c*", "a.b glob *c*" },
		{ "a.b iglob c?", "a.b iglob c?" },
		{ "a.b regex '^(x|y)$'", "a.b regex \"^(x|y)$\"" },
		{ "a.b = val( c.d[1] )", "a.b = val(c.d[1])" },
		{ "a.b = tolower(c.d)", "a.b = tolower(c.d)" },
		{ "a.b = tolower", "a.b = tolower" },
		{ "a.b = val", "a.b = val" },
		/* escapes */
		{ "a.b = '\\b\\f\\n\\r\\t\\\\x\\/'", "a.b = \"\\b\\f\\n\\r\\t\\\\x/\"" },
		{ "a.b = '\\x41\\x7f\\xFF'", "a.b = \"A\\x7f\\xff\"" },
		{ "a.b = '\\''", "a.b = \"'\"" },
		{ "a.b = 'a\\ b'", "a.b = \"a\\\\b\"" },
		{ "a.b = 'a\\ '", "a.b = \"a\\x5c\"" },
		{ "a.b = 'a\\\\ '", "a.b = \"a\\\\ \"" },
		{ "a.b = \"a\\\\\"b\"", "a.b = \"a\\\\\\\"b\"" },
		{ "a.b = 'a\nb'", "a.b = \"a\\nb\"" },
		{ "a.b = \"\xc3\xa4\"", "a.b = \"\xc3\xa4\"" },
		/* lists */
		{ "a.b in (c, d)", "a.b in (c, d)" },
		{ "a.b in(c,d)", "a.b in (c, d)" },
		{ "a.b in ( c , 'd e' )", "a.b in (c, \"d e\")" },
		{ "a.b in ()", "a.b in ()" },
		{ "a.b in ( )", "a.b in ()" },
		{ "a.b in c", "a.b in c" },
		{ "a.b in (and, or)", "a.b in (and, or)" },
		{ "a.b intersects (c)", "a.b intersects (c)" },
		{ "a.b pmatch (/etc, /var/run)", "a.b pmatch (/etc, /var/run)" },
		{ "a.b inc", "a.b in c" },
		{ "a.b in val(c.d)", "a.b in val(c.d)" },
		{ "a.b in tolower(c.d)", "a.b in tolower(c.d)" },
		{ "a.b in (1.2.3.0/24, \"::1\")", "a.b in (1.2.3.0/24, \"::1\")" },
		/* modifiers */
		{ "a.b contains anyof (c, d)", "a.b contains anyof (c, d)" },
		{ "a.b = oneof(c)", "a.b = oneof (c)" },
		{ "a.b glob allof c", "a.b glob allof c" },
		{ "a.b = anyof", "a.b = anyof" },
		{ "(a.b = anyof)", "a.b = anyof" },
		{ "a.b = anyof and c", "a.b = anyof and c" },
		{ "a.b = anyofx", "a.b = anyofx" },
		/* transformers */
		{ "tolower(a.b)=c", "tolower(a.b) = c" },
		{ "toupper( a.b[1] ) exists", "toupper(a.b[1]) exists" },
		{ "len(b64(basename(a.b))) > 3", "len(b64(basename(a.b))) > 3" },
		{ "join(',', (a.b, 'x', 0x1, len(c.d))) = e",
		  "join(\",\", (a.b, \"x\", 0x1, len(c.d))) = e" },
		{ "join(',', ()) = e", "join(\",\", ()) = e" },
		{ "concat(a.b, '-', c.d, 1) = e", "concat(a.b, \"-\", c.d, 1) = e" },
		{ "getopt(a.b, 'vo:')[o] = e", "getopt(a.b, \"vo:\")[o] = e" },
		{ "getopt(a.b, 'vo:')['o'] exists", "getopt(a.b, \"vo:\")[o] exists" },
		{ "len.x exists", "len.x exists" },
		{ "tolower and len", "tolower and len" },
	};
	(void)state;

	for (size_t i = 0; i < COUNT(table); i++)
		assert_canonical(table[i].text, table[i].canonical);
}

static void a_fault_tells_its_place_and_what_was_expected(void **state)
{
	static const char operand[] = "expected a field, a macro, 'not' or '('";
	static const char chain[] = "expected 'and', 'or' or the end";
	static const char embedded[] = "expected 'and', 'or' or ')'";
	static const char operator[] = "expected an operator: = != < <= > >= contains ";
	static const char number[] = "expected a number, val() or a transformer";
	static const char list[] = "expected a list in parentheses, the name of one, val()";
	static const char argument[] = "expected a field, a transformer, a quoted value, a number";
	static const char transformer[] = "expected tolower(), toupper(), b64(), ";
	static const struct {
		const char *text;
		uint32_t at;
		const char *got, *expected;
	} table[] = {
		{ "", 0, "the end", operand }, { "  ", 2, "the end", operand },
		{ ")", 0, "')'", operand }, { "(", 1, "the end", operand },
		{ "()", 1, "')'", operand }, { "(a", 2, "the end", embedded },
		{ "(a b)", 3, "'b'", embedded }, { "(a.b = c", 8, "the end", embedded },
		{ "a)", 1, "')'", chain }, { "a b", 2, "'b'", chain },
		{ "a order", 2, "'order'", chain }, { "a andb", 2, "'andb'", chain },
		{ "a xor b", 2, "'xor'", chain }, { "a && b", 2, "'&&'", chain },
		{ "a AND b", 2, "'AND'", chain }, { "a or", 4, "the end", operand },
		{ "a and ", 6, "the end", operand }, { "a or or b", 5, "'or'", operand },
		{ "and a", 0, "'and'", operand }, { "or", 0, "'or'", operand },
		{ "not", 3, "the end", operand }, { "a and not", 9, "the end", operand },
		{ "not and", 4, "'and'", operand }, { "not)", 0, "'not'", operand },
		{ "not()", 4, "')'", operand }, { "!a", 0, "'!a'", operand },
		{ "a or\"b\"", 4, "'\"b\"'", "expected a blank or '('" },
		{ "a and=b", 5, "'='", "expected a blank or '('" }, { "a, b", 1, "','", chain },
		{ "'a'", 0, "''a''", operand }, { "1 = 1", 0, "'1'", operand },
		{ ".a = b", 0, "'.a'", operand }, { "_a = b", 0, "'_a'", operand },
		{ "\va", 0, "'\\x0b'", operand }, { "\xff", 0, "'\\xff'", operand },
		{ "name = x", 5, "'='", chain }, { "a. = x", 1, "'.'", chain },
		{ "a.1 = x", 1, "'.1'", chain },
		{ "a.b. = x", 3, "'.'", operator},
		  /* operators */
		  { "a.b", 3, "the end", operator},
		    { "a.b and c", 4, "'and'", operator},
		      { "a.b matches c", 4, "'matches'", operator},
			{ "a.b CONTAINS c", 4, "'CONTAINS'", operator},
			  { "a.b containsx c", 4, "'containsx'", operator},
			    { "a.b globin (c)", 4, "'globin'", operator},
			      { "a.b contains\"c\"", 12, "'\"c\"'",
				"expected a blank behind the operator" },
			      { "a.b startswith(c)", 14, "'('",
				"expected a blank behind the operator" },
			      { "a.b ! = c", 4, "'!'", operator},
				{ "a.b ~ c", 4, "'~'", operator},
				  { "a.b [2] = c", 4, "'[2]'", operator},
				    { "a.b existsx", 10, "'x'", chain },
				    {
					    "tolower(a.b)",
					    12,
					    "the end",
					    operator},
					    /* arguments */
					    { "a.b[", 4, "the end", "expected an argument" },
					    { "a.b[]=c", 4, "']'", "expected an argument" },
					    { "a.b[ 1]=c", 4, "' '", "expected an argument" },
					    { "a.b[1 ]=c", 5, "' '", "expected ']'" },
					    { "a.b[1", 5, "the end", "expected ']'" },
					    { "a.b['1'", 7, "the end", "expected ']'" },
					    { "a.b['1]=c", 4, "an open quote",
					      "expected a ' that closes it" },
					    { "a.b[x[y]]=c", 5, "'[y]]'", "expected ']'" },
					    /* numbers */
					    { "a.b > c", 6, "'c'", number },
					    { "a.b <= 'c'", 7, "''c''", number },
					    { "a.b >", 5, "the end", number },
					    { "a.b <> 1", 5, "'>'", number },
					    { "a.b > 1x", 7, "'x'", chain },
					    { "a.b > 0x", 7, "'x'", chain },
					    { "a.b > 1e5", 7, "'e5'", chain },
					    { "a.b > -", 6, "'-'", number },
					    { "a.b > .5", 6, "'.5'", number },
					    { "a.b > (1)", 6, "'('", number },
					    /* texts */
					    { "a.b =", 5, "the end", "expected a value" },
					    { "a.b = )", 6, "')'", "expected a value" },
					    { "a.b = (c)", 6, "'('", "expected a value" },
					    { "a.b === c", 6, "'='", "expected a value" },
					    { "a.b contains", 12, "the end", "expected a value" },
					    { "a.b = c=d", 7, "'='", chain },
					    { "a.b = c'd'", 7, "''d''", chain },
					    { "a.b = 'c", 6, "an open quote",
					      "expected a ' that closes it" },
					    { "a.b = \"c'", 6, "an open quote",
					      "expected a \" that closes it" },
					    { "a.b = 'c\\'", 6, "an open quote",
					      "expected a ' that closes it" },
					    { "a.b = 'c\\\\' ", 6, "an open quote",
					      "expected a ' that closes it" },
					    { "a.b = 'c\\q'", 8, "'\\q' in quotes",
					      "expected one of \\b \\f " },
					    { "a.b = 'c\\\"'", 8, "'\\\"' in quotes",
					      "expected one of \\b \\f " },
					    { "a.b = \"c\\'\"", 8, "'\\'' in quotes",
					      "expected one of \\b \\f " },
					    { "a.b = 'c\\x4'", 8, "'\\x4' in quotes",
					      "expected \\xHH, two hex" },
					    { "a.b = 'c\\x4g'", 8, "'\\x4g' in quotes",
					      "expected \\xHH, two hex" },
					    { "a.b = '\\x00'", 7, "'\\x00' in quotes",
					      "expected any other byte" },
					    { "a.b = lower(c.d)", 6, "'lower('", transformer },
					    { "lower(c.d) = a", 0, "'lower('", transformer },
					    /* lists */
					    { "a.b in", 6, "the end", list },
					    { "a.b in 'c'", 7, "''c''", list },
					    { "a.b in 1", 7, "'1'", list },
					    { "a.b in and", 7, "'and'", list },
					    { "a.b in lower(c.d)", 7, "'lower('", transformer },
					    { "a.b in (", 8, "the end", "expected a value" },
					    { "a.b in (c", 9, "the end", "expected ',' or ')'" },
					    { "a.b in (c d)", 10, "'d'", "expected ',' or ')'" },
					    { "a.b in (c,)", 10, "')'", "expected a value" },
					    { "a.b in (,c)", 8, "','", "expected a value" },
					    { "a.b in (c,,d)", 10, "','", "expected a value" },
					    { "a.b in (c=d)", 9, "'='", "expected ',' or ')'" },
					    { "a.b in ((c))", 8, "'('", "expected a value" },
					    { "a.b in (tolower(c.d))", 15, "'('",
					      "expected ',' or ')'" },
					    { "a.b in (c, 'd)", 11, "an open quote",
					      "expected a ' that closes it" },
					    { "a.b pmatch /etc", 11, "'/etc'", list },
					    { "a.b contains anyof (", 20, "the end",
					      "expected a value" },
					    { "a.b contains anyof lower(x)", 19, "'lower('",
					      transformer },
					    { "a.b contains anyof 'x'", 19, "''x''", chain },
					    { "a.b > anyof (1)", 6, "'anyof'", number },
					    /* transformers */
					    { "tolower()=c", 8, "')'", argument },
					    { "tolower(a)=c", 8, "'a'", argument },
					    { "tolower(", 8, "the end", argument },
					    { "tolower(a.b", 11, "the end", "expected ',' or ')'" },
					    { "tolower(a.b c.d)", 12, "'c.d'",
					      "expected ',' or ')'" },
					    { "tolower(a.b,)", 12, "')'", argument },
					    { "tolower (a.b)=c", 8, "'('", chain },
					    { "join(',', ((a.b)))=c", 11, "'('",
					      "expected a field, a transformer" },
					    { "join(',', (bare))=c", 11, "'bare'",
					      "expected a field, a transformer" },
					    { "a.b = val()", 10, "')'", "expected a field" },
					    { "a.b = val(x)", 10, "'x'", "expected a field" },
					    { "a.b = val(c.d", 13, "the end", "expected ')'" },
					    { "a.b = val(len(c.d))", 10, "'len'",
					      "expected a field" },
					    { "val(a.b) = c", 0, "'val('", transformer },
				  };
	(void)state;

	for (size_t i = 0; i < COUNT(table); i++) {
		AUTO_PARSED struct parsed p;
		char start[128];

		parse(&p, table[i].text);
		snprintf(start, sizeof(start), "rule 'R': got %s, expected ", table[i].got);
		if (p.r != -EINVAL || p.at != table[i].at || !strstr(p.e.text, start) ||
		    !strstr(p.e.text, table[i].expected))
			fail_msg("%s: %d at %u, '%s'; meant: at %u, %s%s", table[i].text, p.r, p.at,
				 p.e.text, table[i].at, start, table[i].expected);
		assert_null(p.c);
	}
}

static void the_whole_message_names_file_line_and_column(void **state)
{
	AUTO_PARSED struct parsed p;
	(void)state;

	parse(&p, "a and\n  \xc3\xa4");
	assert_string_equal(p.e.text, "a.yaml:2:3: rule 'R': got '\xc3\xa4', "
				      "expected a field, a macro, 'not' or '('");
	parsed_release(&p);
	parse(&p, "a.b = '\xc3\xa4' or\nx.y = \xc3\xa4 )");
	assert_string_equal(p.e.text, "a.yaml:2:9: rule 'R': got ')', "
				      "expected 'and', 'or' or the end");
}

static void place_elsewhere(const struct condition_source *s, uint32_t at, uint32_t *line,
			    uint32_t *column)
{
	*line = *(const uint32_t *)s->place_data;
	*column = at + 10;
}

static void a_source_places_its_bytes_itself(void **state)
{
	static const uint32_t line = 77;
	struct condition_source s = { .text = SPAN_LIT("a b"),
				      .place = place_elsewhere,
				      .place_data = &line };
	struct err e;
	(void)state;

	assert_int_equal(condition_fault(&s, 2, ENOENT, &e, "no %s", "field"), -ENOENT);
	assert_string_equal(e.text, "77:12: no field");
	assert_int_equal(condition_fault(&s, 2, ENOENT, NULL, "no %s", "field"), -ENOENT);
	s.file = SPAN_LIT("x\033.yaml");
	s.what = SPAN_LIT("macro");
	s.name = SPAN_LIT("m\n");
	condition_fault(&s, 2, EINVAL, &e, "\x07");
	assert_string_equal(e.text, "x\\x1b.yaml:77:12: macro 'm\\x0a': \\x07");
}

static void a_name_of_kilobytes_leaves_room_for_the_message(void **state)
{
	char name[8192];
	struct condition_source s = { .text = SPAN_LIT("a b"),
				      .what = SPAN_LIT("rule"),
				      .name = { name, sizeof(name) } };
	struct err e;
	(void)state;

	memset(name, 'n', sizeof(name));
	condition_fault(&s, 2, EINVAL, &e, "got this, expected that");
	assert_non_null(strstr(e.text, "n': got this, expected that"));
	memset(name, 1, sizeof(name));
	condition_fault(&s, 2, EINVAL, &e, "got this, expected that");
	assert_non_null(strstr(e.text, "1:3: rule '\\x01\\x01"));
}

static void a_long_word_is_cut_in_the_message(void **state)
{
	AUTO_PARSED struct parsed p;
	char text[300] = "a ";
	(void)state;

	memset(text + 2, 'x', 200);
	parse(&p, text);
	assert_non_null(strstr(p.e.text, "got 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...', "));
}

static void parts_of_a_tree_say_where_they_stand(void **state)
{
	AUTO_PARSED struct parsed p;
	(void)state;

	parse(&p, " a or  proc.aname[2] in (x, \"y z\", 0x1f) and not(m)");
	assert_int_equal(p.r, 0);
	assert_int_equal(p.c->kind, CONDITION_OR);
	assert_int_equal(p.c->at, 1);
	assert_ptr_equal(p.c->source, &p.source);
	assert_int_equal(p.c->children_n, 2);
	const struct condition *and = p.c->children[1], *check = and->children[0];

	assert_int_equal(and->kind, CONDITION_AND);
	assert_int_equal(and->at, 7);
	assert_int_equal(and->children[1]->kind, CONDITION_NOT);
	assert_int_equal(and->children[1]->at, 45);
	assert_int_equal(and->children[1]->children[0]->at, 49);
	assert_int_equal(check->kind, CONDITION_CHECK);
	assert_int_equal(check->op, CONDITION_IN);
	assert_true(check->list);
	assert_true(span_eq(check->left->field, "proc.aname"));
	assert_true(check->left->has_arg);
	assert_true(span_eq(check->left->arg, "2"));
	assert_int_equal(check->left->at, 7);
	assert_int_equal(check->values_n, 3);
	assert_int_equal(check->values[0].at, 25);
	assert_false(check->values[0].quoted);
	assert_false(check->values[0].number);
	assert_int_equal(check->values[1].at, 28);
	assert_true(check->values[1].quoted);
	assert_true(span_eq(check->values[1].text, "y z"));
	assert_true(check->values[2].number);
	assert_int_equal(check->values[2].at, 35);
}

static void transformers_and_val_are_operands(void **state)
{
	AUTO_PARSED struct parsed p;
	(void)state;

	parse(&p, "a.b = val(c.d) and a.b = join(',', (x.y, 5)) and getopt(a.b, 'x')[x] in (l)");
	assert_int_equal(p.r, 0);
	const struct condition_value *val = p.c->children[0]->values,
				     *join = p.c->children[1]->values;
	const struct condition_operand *getopt_ = p.c->children[2]->left;

	assert_int_equal(val->operand->transform, TRANSFORM_FIELD);
	assert_true(span_eq(val->operand->field, "c.d"));
	assert_int_equal(join->operand->transform, TRANSFORM_JOIN);
	assert_int_equal(join->operand->args_n, 2);
	assert_true(join->operand->args[0].quoted);
	assert_int_equal(join->operand->args[1].list_n, 2);
	assert_true(join->operand->args[1].list[1].number);
	assert_int_equal(getopt_->transform, TRANSFORM_GETOPT);
	assert_true(getopt_->has_arg);
	assert_true(span_eq(getopt_->arg, "x"));
	assert_string_equal(condition_transform_name(TRANSFORM_GETOPT), "getopt");
	assert_string_equal(condition_transform_name(TRANSFORM_FIELD), "");
	assert_string_equal(condition_op_name(CONDITION_PMATCH), "pmatch");
}

static void trees_that_differ_are_not_the_same(void **state)
{
	static const char *const texts[] = {
		"a",
		"b",
		"not a",
		"a or b",
		"a and b",
		"a and b and c",
		"a and (b and c)",
		"a.b exists",
		"a.c exists",
		"a.b[1] exists",
		"a.b[2] exists",
		"a.b[''] exists",
		"a.b = c",
		"a.b = 'c'",
		"a.b = d",
		"a.b != c",
		"a.b in c",
		"a.b in (c)",
		"a.b in (c, d)",
		"a.b in ()",
		"a.b = anyof c",
		"a.b = oneof c",
		"a.b = anyof (c)",
		"a.b = val(c.d)",
		"a.b = len(c.d)",
		"len(a.b) = c",
		"join(',', ()) = c",
		"join(',', (a.b)) = c",
		"join(',', ('')) = c",
		"join(',', '') = c",
	};
	(void)state;

	for (size_t i = 0; i < COUNT(texts); i++) {
		for (size_t j = 0; j < COUNT(texts); j++) {
			AUTO_PARSED struct parsed a, b;

			parse(&a, texts[i]);
			parse(&b, texts[j]);
			assert_int_equal(a.r, 0);
			if (condition_same(a.c, b.c) != (i == j))
				fail_msg("'%s' and '%s'", texts[i], texts[j]);
		}
	}
}

/* FALCO'S FILES */

static const char *scalar(yaml_document_t *d, int index, size_t *n)
{
	const yaml_node_t *node = yaml_document_get_node(d, index);

	if (!node || node->type != YAML_SCALAR_NODE)
		return NULL;
	*n = node->data.scalar.length;
	return (const char *)node->data.scalar.value;
}

static void check_round_trip(struct span text)
{
	AUTO_PARSED struct parsed p, again;

	parse_span(&p, text);
	if (p.r != 0)
		fail_msg("%s", p.e.text);
	AUTO_FREE char *canonical = printed(p.c);

	parse(&again, canonical);
	if (again.r != 0 || !condition_same(p.c, again.c))
		fail_msg("%s is not %.*s", canonical, (int)text.n, text.p);
	AUTO_FREE char *twice = printed(again.c);

	assert_string_equal(canonical, twice);
}

/* Items of lists too: each is a value. How many conditions. */
static size_t check_item(yaml_document_t *d, const yaml_node_t *map)
{
	size_t found = 0;

	for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top;
	     p++) {
		size_t n = 0, key_n = 0;
		const char *key = scalar(d, p->key, &key_n), *text = scalar(d, p->value, &n);
		const yaml_node_t *list = yaml_document_get_node(d, p->value);

		if (key && text && strcmp(key, "condition") == 0) {
			check_round_trip((struct span){ text, n });
			found++;
		}
		if (!key || strcmp(key, "items") != 0 || list->type != YAML_SEQUENCE_NODE)
			continue;
		for (yaml_node_item_t *i = list->data.sequence.items.start;
		     i < list->data.sequence.items.top; i++) {
			AUTO_ARENA struct arena a = { .max = ARENA_BYTES };
			struct condition_value v;
			struct err e;

			text = scalar(d, *i, &n);
			assert_non_null(text);
			if (item(&a, text, &v, &e) != 0)
				fail_msg("%s: %s", text, e.text);
		}
	}
	return found;
}

static size_t check_file(const char *path)
{
	AUTO_FILE FILE *f = fopen(path, "re");
	yaml_parser_t parser;
	yaml_document_t d;
	size_t found = 0;

	assert_non_null(f);
	assert_true(yaml_parser_initialize(&parser));
	yaml_parser_set_input_file(&parser, f);
	assert_true(yaml_parser_load(&parser, &d));
	const yaml_node_t *root = yaml_document_get_root_node(&d);

	assert_true(root && root->type == YAML_SEQUENCE_NODE);
	for (yaml_node_item_t *i = root->data.sequence.items.start;
	     i < root->data.sequence.items.top; i++) {
		const yaml_node_t *map = yaml_document_get_node(&d, *i);

		assert_int_equal(map->type, YAML_MAPPING_NODE);
		found += check_item(&d, map);
	}
	yaml_document_delete(&d);
	yaml_parser_delete(&parser);
	return found;
}

static void the_conditions_of_falcos_files_are_printed_and_read_back(void **state)
{
	static const char *const files[] = { "falco_rules.yaml", "falco-incubating_rules.yaml",
					     "falco-sandbox_rules.yaml" };
	const char *folders[] = { getenv("BULKHEAD_FALCO_RULES"), "../shared/data/falco-rules",
				  "/work/shared/data/falco-rules" };
	const char *folder = NULL;
	size_t found = 0;
	(void)state;

	for (size_t i = COUNT(folders); i-- > 0;) {
		if (folders[i] && access(folders[i], R_OK) == 0)
			folder = folders[i];
	}
	if (!folder) {
		print_message("no folder with Falco's rules (BULKHEAD_FALCO_RULES)\n");
		skip();
	}
	for (size_t i = 0; i < COUNT(files); i++) {
		char path[512];

		snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
		found += check_file(path);
	}
	print_message("%zu conditions\n", found);
	assert_true(found > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_grammar_is_falcos),
		cmocka_unit_test(a_fault_tells_its_place_and_what_was_expected),
		cmocka_unit_test(the_whole_message_names_file_line_and_column),
		cmocka_unit_test(a_source_places_its_bytes_itself),
		cmocka_unit_test(a_name_of_kilobytes_leaves_room_for_the_message),
		cmocka_unit_test(a_long_word_is_cut_in_the_message),
		cmocka_unit_test(parts_of_a_tree_say_where_they_stand),
		cmocka_unit_test(transformers_and_val_are_operands),
		cmocka_unit_test(trees_that_differ_are_not_the_same),
		cmocka_unit_test(the_conditions_of_falcos_files_are_printed_and_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
