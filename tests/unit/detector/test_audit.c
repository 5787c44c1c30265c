// SPDX-License-Identifier: GPL-2.0-or-later
/* What of the commands of a machine is written to the audit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "collector/base/io.h"
#include "detector/audit.h"
#include "tests/unit/collector/event_fixture.h"
#include "tests/unit/fixture.h"

static struct world {
	struct tree t;
	int fd;
	struct config config;
	struct agent_services services;
	struct audit *audit;
	unsigned written;
} w;

static int no_serve(struct agent *a, enum wire_type type, struct span payload, int fd)
{
	(void)a;
	(void)type;
	(void)payload;
	if (fd >= 0)
		close(fd);
	return -1;
}

static uint64_t no_clock(struct agent *a)
{
	(void)a;
	return 0;
}

static int setup(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	w.t = tree_make("@ x/\n");
	w.fd = open(w.t.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	config_defaults(&w.config);
	w.services = (struct agent_services){ .state_fd = w.fd,
					      .config = &w.config,
					      .send = no_serve,
					      .unix_minus_boot_ns = no_clock };
	return audit_new(&w.audit, &w.services, NULL, "node", NULL);
}

static int teardown(void **state)
{
	(void)state;
	audit_free(w.audit);
	close(w.fd);
	tree_remove(&w.t);
	return 0;
}

/* Of a record that was written since the last call: its rule; "" when there is none. */
static const char *rule_written(void)
{
	static char text[1u << 16], rule[64];
	ssize_t n = io_read_at(w.fd, "audit/audit.jsonl", text, sizeof(text));
	struct span rest = { text, n > 0 ? (size_t)n : 0 }, line;
	unsigned lines = 0;

	rule[0] = '\0';
	while (span_next(&rest, '\n', &line)) {
		if (line.n == 0 || lines++ < w.written)
			continue;
		json_t *o = json_loadb(line.p, line.n, 0, NULL);

		snprintf(rule, sizeof(rule), "%s", json_string_value(json_object_get(o, "rule")));
		json_decref(o);
	}
	w.written = lines;
	return rule;
}

struct command {
	const char *path;
	uint64_t container; /* 0: of the host */
	uint32_t tty, loginuid;
	bool outside, first;
	int64_t result;
};

static const char *audited(struct command c)
{
	struct event_head head = fixture_head(EVENT_EXEC);
	struct process p = { .injected = c.outside, .first = c.first, .loginuid = c.loginuid };
	struct event_view v = { .head = &head };
	const struct event_context context = { .process = &p };

	head.container_cgroup = c.container;
	head.tty = c.tty;
	head.loginuid = c.loginuid;
	head.result = c.result;
	head.flags = c.outside ? EVENT_OUTSIDE : 0;
	v.strings[TAG_PATH] = span_str(c.path);
	audit_event(w.audit, &v, &context, NULL);
	return rule_written();
}

#define NOBODY UINT32_MAX
#define PTS_0  (136u << 20)

static const char *on_host(const char *path, uint32_t tty, uint32_t loginuid)
{
	return audited((struct command){ .path = path, .tty = tty, .loginuid = loginuid });
}

static const char *inside(const char *path, uint32_t tty)
{
	return audited(
		(struct command){ .path = path, .container = 7, .tty = tty, .loginuid = NOBODY });
}

static void on_the_host_a_session_makes_a_command_and_a_shell_alone_does_not(void **state)
{
	(void)state;
	assert_string_equal(on_host("/bin/sh", 0, NOBODY), "");
	assert_string_equal(on_host("/bin/ls", 0, NOBODY), "");
	assert_string_equal(on_host("/bin/sh", PTS_0, NOBODY), "shell.command");
	assert_string_equal(on_host("/bin/ls", PTS_0, NOBODY), "shell.command");
	assert_string_equal(on_host("/bin/sh", 0, 1000), "shell.command");
	assert_string_equal(on_host("/bin/ls", 0, 0), "shell.command");
}

static void in_a_container_a_shell_is_enough(void **state)
{
	(void)state;
	assert_string_equal(inside("/bin/sh", 0), "shell.command");
	assert_string_equal(inside("/bin/ls", 0), "");
	assert_string_equal(inside("/bin/ls", PTS_0), "shell.command");
	assert_string_equal(
		audited((struct command){
			.path = "/bin/ls", .container = 7, .loginuid = NOBODY, .outside = true }),
		"container.exec");
	assert_string_equal(
		audited((struct command){
			.path = "/bin/ls", .container = 7, .loginuid = NOBODY, .first = true }),
		"container.first_process");
}

static void what_failed_or_is_not_wanted_is_not_written(void **state)
{
	(void)state;
	assert_string_equal(
		audited((struct command){
			.path = "/bin/sh", .container = 7, .loginuid = NOBODY, .result = -2 }),
		"");
	w.config.alerts_audit = false;
	assert_string_equal(inside("/bin/sh", 0), "");
}

static void shells_are_told_by_their_names(void **state)
{
	(void)state;
	assert_true(audit_is_shell(SPAN_LIT("/usr/bin/bash"), (struct span){ NULL, 0 }));
	assert_true(audit_is_shell(SPAN_LIT("/bin/busybox"), SPAN_LIT("sh\0-c\0true\0")));
	assert_true(audit_is_shell(SPAN_LIT("/bin/busybox"), SPAN_LIT("busybox\0ash\0")));
	assert_false(audit_is_shell(SPAN_LIT("/bin/busybox"), SPAN_LIT("ls\0sh\0x\0")));
	assert_false(audit_is_shell(SPAN_LIT("/bin/busybox"), (struct span){ NULL, 0 }));
	assert_false(audit_is_shell(SPAN_LIT("/usr/bin/bashful"), (struct span){ NULL, 0 }));
	assert_false(audit_is_shell((struct span){ NULL, 0 }, (struct span){ NULL, 0 }));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(on_the_host_a_session_makes_a_command_and_a_shell_alone_does_not),
		T(in_a_container_a_shell_is_enough),
		T(what_failed_or_is_not_wanted_is_not_written),
		T(shells_are_told_by_their_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
