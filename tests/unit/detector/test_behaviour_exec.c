// SPDX-License-Identifier: GPL-2.0-or-later
/* Programs, scripts, rights and health checks. */
#include "tests/unit/detector/behaviour_fixture.h"

#include "detector/interpreter.h"

static struct event_exec exec_of;

static int set_up_exec(void **state)
{
	exec_of = (struct event_exec){ .file = REGULAR };
	return set_up(state);
}

/* args with '|' for the NULs; all without user and capabilities, which every exec tells. */
static const char *executed_by(struct event_head *h, const char *exe, const char *args,
			       const char *filename)
{
	char text[2048];
	size_t n = (size_t)snprintf(text, sizeof(text), "%s|", args);

	for (size_t i = 0; i < n; i++)
		if (text[i] == '|')
			text[i] = '\0';
	begin(h, &exec_of);
	add(TAG_PATH, span_str(exe));
	add(TAG_ARGS, (struct span){ text, n });
	add(TAG_CWD, SPAN_LIT("/work"));
	if (filename)
		add(TAG_FILENAME, span_str(filename));
	says();
	while (said_n && (said[said_n - 1].class == BASELINE_USER ||
			  said[said_n - 1].class == BASELINE_CAPABILITY))
		said_n--;
	return as_text(said, said_n);
}

static const char *executed(const char *exe, const char *args)
{
	return executed_by(head_of(EVENT_EXEC), exe, args, NULL);
}

static void a_program_is_told_with_its_parents(void **state)
{
	struct event_head *h;

	(void)state;
	assert_string_equal(executed("/usr/bin/ls", "ls"), "exec /usr/bin/ls < /usr/bin/dash");
	assert_int_equal(said[0].subject.n, strlen("/usr/bin/ls"));
	family[1].container_cgroup = 71;
	assert_string_equal(executed("/usr/bin/ls", "ls"), "exec /usr/bin/ls < -");
	family[1].container_cgroup = 70;
	h = head_of(EVENT_EXEC);
	h->flags = EVENT_OUTSIDE;
	assert_string_equal(executed_by(h, "/bin/ls", "ls", NULL), "exec /bin/ls < -");
	family[1].text = NULL;
	assert_string_equal(executed("/usr/bin/ls", "ls"), "exec /usr/bin/ls < ?");
	family[0].parent = NULL;
	assert_string_equal(executed("/usr/bin/ls", "ls"), "exec /usr/bin/ls < ?");
	context.process = NULL;
	assert_string_equal(executed("/usr/bin/ls", "ls"), "exec /usr/bin/ls < ?");
}

static void user_and_capabilities_come_with_it(void **state)
{
	(void)state;
	exec_of.caps.effective = 1 << 10;
	begin(head_of(EVENT_EXEC), &exec_of);
	add(TAG_PATH, SPAN_LIT("/a"));
	assert_string_equal(says(), "exec /a < /usr/bin/dash; user 1002; "
				    "capability CAP_NET_BIND_SERVICE");
	exec_of.caps.effective = UINT64_MAX;
	begin(head_of(EVENT_EXEC), &exec_of);
	add(TAG_PATH, SPAN_LIT("/bin/sh"));
	add(TAG_ARGS, SPAN_LIT("sh\0/a.sh\0"));
	says();
	assert_int_equal(said_n, 3 + 64);
	assert_int_equal(behaviour_reader_stats(reader).no_room, 0);
}

static void rights_in_a_user_namespace_of_its_own_do_not_count(void **state)
{
	(void)state;
	exec_of.caps.effective = 1;
	family[0].ns.user = 8;
	family[1].ns.user = 7;
	begin(head_of(EVENT_EXEC), &exec_of);
	add(TAG_PATH, SPAN_LIT("/a"));
	assert_string_equal(says(), "exec /a < /usr/bin/dash; user 1002");
	family[1].ns.user = 8;
	begin(head_of(EVENT_EXEC), &exec_of);
	add(TAG_PATH, SPAN_LIT("/a"));
	assert_string_equal(says(), "exec /a < /usr/bin/dash; user 1002; capability CAP_CHOWN");
}

static void what_is_not_the_images_is_marked_and_generalised(void **state)
{
	(void)state;
	assert_string_equal(executed("/usr/lib/postgresql/15/bin/postgres", "postgres"),
			    "exec /usr/lib/postgresql/15/bin/postgres < /usr/bin/dash");
	exec_of.file.flags |= FILE_UPPER;
	assert_string_equal(executed("/srv/1234/a", "a"), "+exec /srv/*/a < /usr/bin/dash");
	exec_of.file.flags = FILE_KNOWN | FILE_FOREIGN;
	assert_string_equal(executed("/srv/1234/a", "a"), "~exec /srv/*/a < /usr/bin/dash");
	exec_of.file.flags = FILE_KNOWN;
	assert_string_equal(executed("/tmp/1234/a", "a"), "exec /tmp/*/a < /usr/bin/dash");
	exec_of.file.flags = FILE_KNOWN | FILE_MEMORY | FILE_DELETED;
	assert_string_equal(executed("/memfd:12345", "a"), "+exec memfd:* < /usr/bin/dash");
	assert_string_equal(executed("/memfd:x", "a"), "+exec memfd:x < /usr/bin/dash");
	exec_of.file.flags = FILE_KNOWN;
	assert_string_equal(executed("/memfd:x", "a"), "exec /memfd:x < /usr/bin/dash");
	family[1].exe_file.flags |= FILE_UPPER;
	texts[1].exe = SPAN_LIT("/srv/77/sh");
	assert_string_equal(executed("/bin/a", "a"), "exec /bin/a < /srv/*/sh");
}

static void a_key_is_cut_once(void **state)
{
	(void)state;
	texts[1].exe = SPAN_LIT("/b < /c");
	assert_string_equal(executed("/bin/a < /bin/sh*\\", "a"),
			    "exec /bin/a \\x3c /bin/sh\\*\\\\ < /b \\x3c /c");
}

static void long_names_stay_apart_in_short_keys(void **state)
{
	char a[EVENT_STRING_MAX + 1], first[4096];

	(void)state;
	memset(a, 'x', sizeof(a));
	a[0] = '/';
	a[EVENT_STRING_MAX] = '\0';
	snprintf(first, sizeof(first), "%s", executed(a, "a"));
	assert_true(said[0].key.n < PATH_TREE_MAX_PATH);
	a[EVENT_STRING_MAX - 1] = 'y';
	assert_string_not_equal(executed(a, "a"), first);
	assert_true(behaviour_reader_stats(reader).shortened >= 2);
}

static void scripts_are_told_with_their_interpreter(void **state)
{
	(void)state;
	exec_of.flags = EXEC_SCRIPT;
	assert_string_equal(
		executed_by(head_of(EVENT_EXEC), "/usr/bin/dash", "/bin/sh|./run.sh", "./run.sh"),
		"exec /usr/bin/dash < /usr/bin/dash; "
		"script /work/run.sh < /usr/bin/dash");
	assert_string_equal(executed_by(head_of(EVENT_EXEC), "/usr/bin/env",
					"/usr/bin/env|python3|/tmp/123/x.py", "/tmp/123/x.py"),
			    "exec /usr/bin/env < /usr/bin/dash; script /tmp/*/x.py < /usr/bin/env");
	exec_of.flags = 0;
	assert_string_equal(executed("/usr/bin/python3.11", "python3|-u|app.py|--x"),
			    "exec /usr/bin/python3.11 < /usr/bin/dash; "
			    "script /work/app.py < /usr/bin/python3.11");
}

struct told {
	const char *exe, *args, *script; /* NULL: none */
};

static void arguments_of_interpreters_tell_the_script(void **state)
{
	static const struct told rows[] = {
		{ "/bin/dash", "sh|/a.sh|-c", "/a.sh" },
		{ "/bin/dash", "sh|-c|echo; rm /x", "-c" },
		{ "/bin/bash", "bash|-eo|pipefail|-c|x", "-c" },
		{ "/bin/bash", "bash|-ec|x", "-c" },
		{ "/bin/bash", "bash|-x|../b/a.sh", "/b/a.sh" },
		{ "/bin/bash", "bash|--rcfile|/rc|-i", NULL },
		{ "/bin/bash", "bash|--|-a.sh", "/work/-a.sh" },
		{ "/bin/bash", "-bash", NULL },
		{ "/bin/bash", "bash|-s|a", NULL },
		{ "/bin/busybox", "sh|/a.sh", "/a.sh" },
		{ "/bin/busybox", "busybox|sh|/a.sh", "/a.sh" },
		{ "/bin/busybox", "-sh|/a.sh", "/a.sh" },
		{ "/bin/busybox", "ls|/a.sh", NULL },
		{ "/usr/bin/python3.11", "python3|-m|http.server|80", "-m http.server" },
		{ "/usr/bin/python3.11", "python3|-Ic|x", "-c" },
		{ "/usr/bin/python3.11", "python3|-W|ignore|-Xdev|a.py", "/work/a.py" },
		{ "/usr/bin/python3.11", "python3|-", NULL },
		{ "/usr/bin/perl", "perl|-Mstrict|-lane|print", "-c" },
		{ "/usr/bin/perl", "perl|-Ilib|-w|/a.pl", "/a.pl" },
		{ "/usr/bin/ruby3.1", "ruby|-rjson|a.rb", "/work/a.rb" },
		{ "/usr/bin/node", "node|--require|x|dist/main.js", "/work/dist/main.js" },
		{ "/usr/bin/node", "node|-e|1", "-c" },
		{ "/usr/bin/node", "node|--eval=1", "-c" },
		{ "/opt/jdk/bin/java", "java|-Xmx1g|-cp|/l/*|-jar|/app/s.jar", "/app/s.jar" },
		{ "/opt/jdk/bin/java", "java|-cp|x|com.acme.Main|a", "-m com.acme.Main" },
		{ "/usr/bin/php8.2", "php|-f|/a.php", "/a.php" },
		{ "/usr/bin/php8.2", "php|-S|0:80", NULL },
		{ "/usr/bin/lua5.4", "lua|-l|m|a.lua", "/work/a.lua" },
		{ "/usr/bin/python3-config", "python3-config|a", NULL },
		{ "/usr/bin/shasum", "shasum|a", NULL },
		{ "/usr/bin/python3", "", NULL },
		{ "/usr/bin/python3", "python3|", NULL },
		{ "/usr/bin/python3", "python3|-m", NULL },
	};
	char expected[256];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct told *r = &rows[i];
		const char *got = executed(r->exe, r->args);
		int n = snprintf(expected, sizeof(expected), "exec %s < /usr/bin/dash", r->exe);

		if (r->script)
			snprintf(expected + n, sizeof(expected) - (size_t)n, "; script %s < %s",
				 r->script, r->exe);
		if (strcmp(got, expected) != 0)
			fail_msg("'%s': '%s', not '%s'", r->args, got, expected);
	}
}

static void a_refused_program_is_told_by_what_is_known(void **state)
{
	struct event_head *h = head_of(EVENT_EXEC);

	(void)state;
	h->result = -ENOENT;
	begin(h, &exec_of);
	add(TAG_RAW, SPAN_LIT("/a"));
	assert_string_equal(says(), "");
	h->result = -EPERM;
	h->flags = EVENT_DENIED;
	begin(h, &exec_of);
	add(TAG_RAW, SPAN_LIT("x"));
	add(TAG_BASE, SPAN_LIT("/opt"));
	add(TAG_ARGS, SPAN_LIT("sh\0/a.sh\0"));
	assert_string_equal(says(), "!exec /opt/x < /usr/bin/dash");
	begin(h, &exec_of);
	assert_string_equal(says(), "");
	assert_int_equal(behaviour_reader_stats(reader).unresolved, 1);
	h->result = 0;
	h->flags = EVENT_KILLED;
	begin(h, &exec_of);
	add(TAG_PATH, SPAN_LIT("/opt/x"));
	assert_string_equal(says(), "!exec /opt/x < /usr/bin/dash; !user 1002");
}

static void a_program_without_a_path_still_has_a_user(void **state)
{
	(void)state;
	begin(head_of(EVENT_EXEC), &exec_of);
	assert_string_equal(says(), "user 1002");
	assert_int_equal(behaviour_reader_stats(reader).unresolved, 1);
}

static void a_process_that_was_there_before_is_told(void **state)
{
	(void)state;
	family[0].euid = 33;
	family[0].caps.effective = 1;
	family[0].exec_owner = family[0].key;
	texts[0] = (struct process_text){ .exe = SPAN_LIT("/usr/bin/python3.11"),
					  .args = SPAN_LIT("python3\0app.py\0"),
					  .cwd = SPAN_LIT("/app") };
	said_n = behaviours_of_process(reader, &family[0], said);
	assert_string_equal(as_text(said, said_n),
			    "exec /usr/bin/python3.11 < /usr/bin/dash; "
			    "script /app/app.py < /usr/bin/python3.11; user 33; "
			    "capability CAP_CHOWN");
	family[0].exec_owner = family[1].key; /* it was only forked */
	said_n = behaviours_of_process(reader, &family[0], said);
	assert_string_equal(as_text(said, said_n), "user 33; capability CAP_CHOWN");
	family[0].kernel_thread = true;
	assert_int_equal(behaviours_of_process(reader, &family[0], said), 0);
	family[1].text = NULL;
	said_n = behaviours_of_process(reader, &family[1], said);
	assert_string_equal(as_text(said, said_n), "user 0");
}

/* --- health checks --------------------------------------------------------------------------- */
static void set_check(char **words, size_t n)
{
	meta.healthcheck = words;
	meta.healthcheck_n = n;
	family[0].injected = true;
	family[0].parent = &family[2];
}

static bool is_probe(const char *exe, const char *args, uint16_t flags)
{
	struct event_head *h = head_of(EVENT_EXEC);

	h->flags = flags;
	executed_by(h, exe, args, NULL);
	assert_true(said_n > 0);
	return said[0].flags & BEHAVIOUR_PROBE;
}

#define WORD(s) ((char *)(uintptr_t)(s))

static void a_health_check_is_known_by_its_arguments(void **state)
{
	char *words[] = { WORD("/bin/sh"), WORD("-c"), WORD("curl -f http://localhost/") };

	(void)state;
	set_check(words, 3);
	assert_false(is_probe("/bin/sh", "/bin/sh|-c|curl -f http://localhost/", 0));
	assert_false(is_probe("/bin/sh", "/bin/sh|-c|curl", EVENT_OUTSIDE));
	assert_false(is_probe("/bin/sh", "/bin/sh|-c", EVENT_OUTSIDE));
	assert_false(is_probe("/bin/sh", "/bin/sh|-c|curl -f http://localhost/|x", EVENT_OUTSIDE));
	assert_true(is_probe("/bin/sh", "/bin/sh|-c|curl -f http://localhost/", EVENT_OUTSIDE));
	context.entry = NULL;
	family[0].key.pid++;
	assert_false(is_probe("/bin/sh", "sh|-c|curl -f http://localhost/", EVENT_OUTSIDE));
	context.entry = &entry;
	assert_true(is_probe("/bin/sh", "sh|-c|curl -f http://localhost/", EVENT_OUTSIDE));
	family[0].injected = false;
	assert_false(is_probe("/bin/sh", "sh|-c|curl -f http://localhost/", EVENT_OUTSIDE));
}

static void masked_secrets_in_it_stand_for_anything(void **state)
{
	char *words[] = { WORD("redis-cli"), WORD("-u"), WORD("redis://u:secret@h/0?token=x&a"),
			  WORD("ping") };

	(void)state;
	set_check(words, 4);
	assert_false(
		is_probe("/r", "redis-cli|-u|redis://u:***@i/0?token=***&b|ping", EVENT_OUTSIDE));
	assert_false(is_probe("/r", "redis-cli|-u|redis:***|pong", EVENT_OUTSIDE));
	assert_true(
		is_probe("/r", "redis-cli|-u|redis://u:***@h/0?token=***&a|ping", EVENT_OUTSIDE));
	family[0].key.pid++;
	assert_true(is_probe("/r", "redis-cli|-u|***|ping", EVENT_OUTSIDE));
}

static void what_a_health_check_starts_is_of_it_too(void **state)
{
	char *words[] = { WORD("sh"), WORD("-c"), WORD("x") };
	struct process child = family[1];

	(void)state;
	set_check(words, 3);
	child.parent = &family[0];
	child.injected = true;
	child.key.pid = 900;
	context.process = &child;
	assert_false(is_probe("/usr/bin/curl", "curl", 0));
	context.process = &family[0];
	assert_true(is_probe("/bin/sh", "sh|-c|x", EVENT_OUTSIDE));
	assert_true(is_probe("/usr/bin/curl", "curl", EVENT_OUTSIDE)); /* sh -c often execs */
	context.process = &child;
	assert_true(is_probe("/usr/bin/curl", "curl", 0));
	assert_string_equal(opened(ACCESS_WRITE, "/a"), "?write /a");
	child.injected = false;
	assert_string_equal(opened(ACCESS_WRITE, "/a"), "write /a");
}

static void more_checks_than_can_be_remembered_forget_the_older_ones(void **state)
{
	char *words[] = { WORD("x") };

	(void)state;
	set_check(words, 1);
	for (uint32_t i = 0; i < 4 * BEHAVIOUR_PROBES; i++) {
		family[0].key.pid = 1000 + i;
		assert_true(is_probe("/x", "x", EVENT_OUTSIDE));
	}
	family[0].key.start_boot_ns++; /* another process with that number */
	assert_false(is_probe("/y", "y", EVENT_OUTSIDE));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_exec, tear_down)

int main(void)
{
	const struct CMUnitTest behaviour_exec[] = {
		TEST(a_program_is_told_with_its_parents),
		TEST(user_and_capabilities_come_with_it),
		TEST(rights_in_a_user_namespace_of_its_own_do_not_count),
		TEST(what_is_not_the_images_is_marked_and_generalised),
		TEST(a_key_is_cut_once),
		TEST(long_names_stay_apart_in_short_keys),
		TEST(scripts_are_told_with_their_interpreter),
		TEST(arguments_of_interpreters_tell_the_script),
		TEST(a_refused_program_is_told_by_what_is_known),
		TEST(a_program_without_a_path_still_has_a_user),
		TEST(a_process_that_was_there_before_is_told),
		TEST(a_health_check_is_known_by_its_arguments),
		TEST(masked_secrets_in_it_stand_for_anything),
		TEST(what_a_health_check_starts_is_of_it_too),
		TEST(more_checks_than_can_be_remembered_forget_the_older_ones),
	};

	return cmocka_run_group_tests(behaviour_exec, NULL, NULL);
}
