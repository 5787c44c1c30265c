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

static const char *inside(const char *path, bool outside, bool first)
{
	return audited((struct command){ .path = path,
					 .container = 7,
					 .loginuid = NOBODY,
					 .outside = outside,
					 .first = first });
}

static void who_enters_a_container_and_its_first_process_are_written(void **state)
{
	(void)state;
	assert_string_equal(inside("/bin/ls", true, false), "container.exec");
	assert_string_equal(inside("/bin/ls", false, true), "container.first_process");
	assert_string_equal(inside("/bin/sh", false, false), "");
	assert_string_equal(audited((struct command){ .path = "/bin/sh", .tty = PTS_0 }), "");
}

static void what_failed_or_is_not_wanted_is_not_written(void **state)
{
	(void)state;
	assert_string_equal(
		audited((struct command){
			.path = "/bin/sh", .container = 7, .first = true, .result = -2 }),
		"");
	w.config.alerts_audit = false;
	assert_string_equal(inside("/bin/sh", false, true), "");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(who_enters_a_container_and_its_first_process_are_written),
		T(what_failed_or_is_not_wanted_is_not_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
