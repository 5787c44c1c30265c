// SPDX-License-Identifier: GPL-2.0-or-later
/* What a baseline becomes as rules: Falco's language, judged by the engine itself, and AppArmor's
 * (which apparmor_parser judges in tests/integration). */
#include "tests/unit/detector/baseline_export_case.h"
#include "tests/unit/detector/field_fixture.h"

#include <fcntl.h>

#include "detector/baseline_export_internal.h"
#include "detector/behaviour.h"
#include "detector/rules.h"

#define NGINX "docker.io/library/nginx"

static struct event_container web;

static void in_image(const char *image)
{
	web = (struct event_container){ .id = SPAN_LIT("0123456789abcdef0123456789abcdef"),
					.name = SPAN_LIT("web"),
					.image = span_str(image) };
	context.container = &web;
}

static void set_exe(const char *path)
{
	texts[0].exe = span_str(path);
}

/* A shell of the image executes a program. */
static void execs(const char *path)
{
	struct event_head h = field_head(EVENT_EXEC, 59);
	struct event_exec x = { .file = { .flags = FILE_KNOWN | FILE_OVERLAY } };

	h.result = 0;
	begin(&h, &x);
	add(TAG_PATH, span_str(path));
	add(TAG_FILENAME, span_str(path));
	finish();
	set_exe(path);
	in_image("nginx:1.25");
}

static void writes(const char *path)
{
	an_open(O_WRONLY | O_CREAT, 0644, 3, path, NULL, path);
	in_image("nginx:1.25");
}

static void reads(const char *path)
{
	an_open(O_RDONLY, 0, 3, path, NULL, path);
	in_image("nginx:1.25");
}

static void connects(const char *address, uint16_t port, uint8_t protocol)
{
	struct event_network n = internet(strchr(address, ':') ? "2001:db8::99" : "172.17.0.2",
					  40000, address, port);

	n.protocol = protocol;
	n.type = protocol == IPPROTO_TCP ? 1 : 2;
	n.direction = DIRECTION_OUT;
	a_socket_event(EVENT_CONNECT, 42, -EINPROGRESS, &n);
	in_image("nginx:1.25");
}

static void listens(uint16_t port, bool tcp)
{
	struct event_network n = internet("0.0.0.0", port, "0.0.0.0", 0);

	n.protocol = tcp ? IPPROTO_TCP : IPPROTO_UDP;
	n.type = tcp ? 1 : 2;
	a_socket_event(tcp ? EVENT_LISTEN : EVENT_BIND, tcp ? 50 : 49, 0, &n);
	in_image("nginx:1.25");
}

/* The rules of what was learned; a fault in them fails the test. */
static struct rules *rules_of_baseline(void)
{
	const struct rules_settings s = { .least = ALERT_DEBUG, .match_all = true };
	struct rules *r = NULL;
	struct rule_set set;
	struct err e = { "" };

	if (exported(BASELINE_FORMAT_FALCO) < 0)
		fail_msg("%s", notes);
	rule_set_init(&set);
	assert_int_equal(rule_set_add(&set, SPAN_LIT("b.yaml"), span_str(document)), 0);
	assert_int_equal(rule_set_finish(&set), 0);
	if (set.messages.first)
		fail_msg("%.*s in:\n%s", (int)set.messages.first->text.n,
			 set.messages.first->text.p, document);
	if (rules_new(&r, &set, &s, &e) < 0)
		fail_msg("%s", e.text);
	for (size_t i = 0; i < r->n; i++)
		assert_int_equal(r->list[i].state, RULE_ON);
	return r;
}

/* The first words of the rules that match, "" for none. */
static const char *told(struct rules *r)
{
	static char text[512];
	struct rules_hit hits[RULES_MAX_HITS];
	size_t at = 0, n = rules_match(r, &event, hits);

	text[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		const struct span name = hits[i].rule->rule->name;
		const char *in = memmem(name.p, name.n, " in ", 4);

		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%.*s", i ? ", " : "",
				       (int)(in - name.p), name.p);
	}
	return text;
}

static void programs_that_were_not_learned_are_told(void **state)
{
	(void)state;
	begin_baseline(NGINX, "nginx");
	learn(BASELINE_EXEC, "/usr/sbin/nginx < -");
	learn(BASELINE_EXEC, "/usr/bin/dash < /usr/sbin/nginx");
	learn(BASELINE_EXEC, "/usr/bin/dash < -");
	learn(BASELINE_EXEC, "/tmp/go-build*/exe/main < /usr/bin/go");
	learn(BASELINE_EXEC, "memfd:agent < /usr/bin/dash");
	AUTO(rules_free) struct rules *r = rules_of_baseline();

	execs("/usr/sbin/nginx");
	assert_string_equal(told(r), "");
	execs("/usr/bin/dash");
	assert_string_equal(told(r), "");
	execs("/tmp/go-build123/exe/main");
	assert_string_equal(told(r), "");
	execs("/tmp/go-build123/x/exe/main");
	assert_string_equal(told(r), "Unexpected program");
	execs("/memfd:agent (deleted)");
	assert_string_equal(told(r), "");
	execs("/memfd:other (deleted)");
	assert_string_equal(told(r), "Unexpected program");
	execs("/tmp/xmrig");
	assert_string_equal(told(r), "Unexpected program");
	execs("/tmp/usr/sbin/nginx");
	assert_string_equal(told(r), "Unexpected program");
}

static void other_images_are_not_judged(void **state)
{
	static const struct {
		const char *image;
		bool is;
	} rows[] = {
		{ "nginx", true },
		{ "nginx:1.25", true },
		{ "docker.io/library/nginx@sha256:aa", true },
		{ "mirror.gcr.io/library/nginx:1", true },
		{ "public.ecr.aws/docker/library/nginx:1", true },
		{ "cache.local:5000/proxy/nginx:1", true }, /* as a digest names it */
		{ "registry.local/nginx", false },
		{ "nginx-exporter", false },
		{ "docker.io/bitnami/nginx", false },
	};

	(void)state;
	begin_baseline(NGINX, "nginx");
	baseline_digest(made, SPAN_LIT("sha256:1111"), SPAN_LIT("cache.local:5000/proxy/nginx:1"),
			CASE_NS);
	learn(BASELINE_EXEC, "/usr/sbin/nginx < -");
	AUTO(rules_free) struct rules *r = rules_of_baseline();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		execs("/tmp/xmrig");
		in_image(rows[i].image);
		if ((told(r)[0] != '\0') != rows[i].is)
			fail_msg("%s", rows[i].image);
	}
}

static void an_image_without_a_name_is_met_by_its_id(void **state)
{
	(void)state;
	begin_baseline("sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		       "");
	learn(BASELINE_EXEC, "/app < -");
	AUTO(rules_free) struct rules *r = rules_of_baseline();

	(void)r;
	says("container.image.id startswith \"0123456789ab\"");
}

static void listeners_that_were_not_learned_are_told(void **state)
{
	(void)state;
	begin_baseline(NGINX, "");
	learn(BASELINE_LISTEN, "tcp/80");
	learn(BASELINE_LISTEN, "tcp/443");
	learn(BASELINE_LISTEN, "udp/443");
	AUTO(rules_free) struct rules *r = rules_of_baseline();

	listens(80, true);
	assert_string_equal(told(r), "");
	listens(443, false);
	assert_string_equal(told(r), "");
	listens(0, false);
	assert_string_equal(told(r), "");
	listens(80, false);
	assert_string_equal(told(r), "Unexpected listening port");
	listens(4444, true);
	assert_string_equal(told(r), "Unexpected listening port");
}

static void a_protocol_of_which_every_port_is_known_is_not_told(void **state)
{
	(void)state;
	begin_baseline(NGINX, "");
	learn_pattern(BASELINE_LISTEN, "udp/*");
	AUTO(rules_free) struct rules *r = rules_of_baseline();

	listens(4444, false);
	assert_string_equal(told(r), "");
	listens(4444, true);
	assert_string_equal(told(r), "Unexpected listening port");
}

static void connections_that_were_not_learned_are_told(void **state)
{
	(void)state;
	begin_baseline(NGINX, "");
	learn(BASELINE_CONNECT, "tcp/443/10/0/0/1");
	learn_pattern(BASELINE_CONNECT, "tcp/443/10/1/2/*");
	learn_pattern(BASELINE_CONNECT, "tcp/9999/192/168/**");
	learn(BASELINE_CONNECT, "tcp6/443/2001/db8/0/0/0/0/0/1");
	learn(BASELINE_CONNECT, "udp/53/8/8/8/8");
	AUTO(rules_free) struct rules *r = rules_of_baseline();
	static const struct {
		const char *address;
		uint16_t port;
		uint8_t protocol;
		bool known;
	} rows[] = {
		{ "10.0.0.1", 443, IPPROTO_TCP, true },
		{ "10.1.2.200", 443, IPPROTO_TCP, true },
		{ "192.168.3.4", 9999, IPPROTO_TCP, true },
		{ "2001:db8::1", 443, IPPROTO_TCP, true },
		{ "8.8.8.8", 53, IPPROTO_UDP, true },
		{ "127.0.0.1", 7777, IPPROTO_TCP, true },
		{ "::1", 7777, IPPROTO_TCP, true },
		{ "10.0.0.1", 80, IPPROTO_TCP, false },
		{ "10.0.0.2", 443, IPPROTO_TCP, false },
		{ "10.0.0.1", 443, IPPROTO_UDP, false },
		{ "192.169.3.4", 9999, IPPROTO_TCP, false },
		{ "2001:db8::2", 443, IPPROTO_TCP, false },
		{ "8.8.8.8", 53, IPPROTO_TCP, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		connects(rows[i].address, rows[i].port, rows[i].protocol);
		if ((told(r)[0] == '\0') != rows[i].known)
			fail_msg("%s %u/%u: '%s'", rows[i].address, rows[i].port, rows[i].protocol,
				 told(r));
	}
}

static void writes_into_other_directories_are_told(void **state)
{
	static const struct {
		const char *path;
		bool known;
	} rows[] = {
		{ "/var/log/nginx/access.log", true },
		{ "/var/log/nginx/other.log", true },
		{ "/var/cache/nginx/proxy_temp/1/x", true },
		{ "/run/nginx.pid", true },
		{ "/var/run/nginx.pid", true },
		{ "/marker", true },
		{ "/dev/null", true },
		{ "/dev/pts/3", true },
		{ "/proc/self/oom_score_adj", true },
		{ "/proc/17/oom_score_adj", true },
		{ "/odd name/f", true },
		{ "/odd name/deeper/f", true },
		{ "/var/log/other.log", false },
		{ "/etc/passwd", false },
		{ "/other", false },
		{ "/proc/sys/kernel/core_pattern", false },
		{ "/dev/sda", false },
	};

	(void)state;
	begin_baseline(NGINX, "");
	learn(BASELINE_WRITE, "/var/log/nginx/access.log");
	learn_pattern(BASELINE_WRITE, "/var/cache/nginx/**");
	learn(BASELINE_WRITE, "/run/nginx.pid");
	learn(BASELINE_WRITE, "/marker");
	learn(BASELINE_WRITE, "/odd name/f");
	AUTO(rules_free) struct rules *r = rules_of_baseline();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		writes(rows[i].path);
		if ((told(r)[0] == '\0') != rows[i].known)
			fail_msg("%s: '%s' by\n%s", rows[i].path, told(r), document);
		reads(rows[i].path);
		assert_string_equal(told(r), "");
	}
}

static void top_directories_that_are_one_are_matched_segment_by_segment(void **state)
{
	(void)state;
	begin_baseline(NGINX, "");
	learn_pattern(BASELINE_WRITE, "/*/a/data/f");
	learn_pattern(BASELINE_WRITE, "/*/b.pid");
	learn_pattern(BASELINE_WRITE, "/*/c/**");
	AUTO(rules_free) struct rules *r = rules_of_baseline();

	writes("/srv/a/data/g");
	assert_string_equal(told(r), "");
	writes("/srv/c/x/y/z");
	assert_string_equal(told(r), "");
	writes("/x/c.pid");
	assert_string_equal(told(r), "");
	writes("/srv/a/other/f");
	assert_string_equal(told(r), "Write below an unexpected directory");
}

static void what_has_no_evidence_has_no_rule(void **state)
{
	(void)state;
	begin_baseline(NGINX, "");
	learn(BASELINE_EXEC, "/usr/sbin/nginx < -");
	forget_windows(BASELINE_LISTEN);
	forget_windows(BASELINE_WRITE);
	learn_pattern(BASELINE_CONNECT, "**");
	AUTO(rules_free) struct rules *r = rules_of_baseline();

	assert_int_equal(r->n, 1);
	notes_say("nothing is known of 'listen'");
	notes_say("peers cannot be told apart");
	forget_windows(BASELINE_EXEC);
	forget_windows(BASELINE_CONNECT);
	assert_int_equal(exported(BASELINE_FORMAT_FALCO), -ENODATA);
}

static void writing_everywhere_makes_no_rule(void **state)
{
	(void)state;
	begin_baseline(NGINX, "");
	learn_pattern(BASELINE_WRITE, "/**");
	AUTO(rules_free) struct rules *r = rules_of_baseline();

	notes_say("all directories are written");
	does_not_say("Write below");
	(void)r;
}

static void hostile_names_break_no_rule_and_are_known(void **state)
{
	(void)state;
	begin_baseline("docker.io/evil/a", "sh -c \"x\"\n- rule: y");
	learn(BASELINE_EXEC, "/bin/sh < -");
	for (size_t i = 0; i < HOSTILE_N; i++)
		learn_program(BASELINE_EXEC, hostile_paths[i], "/bin/sh");
	learn_hostile(BASELINE_WRITE);
	learn_hostile(BASELINE_LISTEN);
	learn_hostile(BASELINE_CONNECT);
	AUTO(rules_free) struct rules *r = rules_of_baseline();

	assert_int_equal(r->n, 4);
	for (size_t i = 0; i < HOSTILE_N; i++) {
		execs(hostile_paths[i]);
		in_image("evil/a");
		if (told(r)[0])
			fail_msg("'%s' by\n%s", hostile_paths[i], document);
	}
	execs("/bin/bash");
	in_image("evil/a");
	assert_string_equal(told(r), "Unexpected program");
}

static void an_image_whose_name_cannot_stand_in_a_rule_is_refused(void **state)
{
	(void)state;
	begin_baseline("a\") or (evt.type exists", "");
	learn(BASELINE_EXEC, "/bin/sh < -");
	assert_int_equal(exported(BASELINE_FORMAT_FALCO), -EINVAL);
}

static void a_name_that_was_shortened_is_met_by_its_beginning(void **state)
{
	char path[1600], key[1700];

	(void)state;
	begin_baseline(NGINX, "");
	memset(path, 'a', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	(void)snprintf(key, sizeof(key), "%.1436s~0123456789abcdef < -", path);
	learn(BASELINE_EXEC, key);
	AUTO(rules_free) struct rules *r = rules_of_baseline();

	execs(path);
	assert_string_equal(told(r), "");
	path[1000] = 'b';
	execs(path);
	assert_string_equal(told(r), "Unexpected program");
}

static void too_many_odd_names_make_no_rule_rather_than_a_wrong_one(void **state)
{
	(void)state;
	begin_baseline(NGINX, "");
	for (unsigned i = 0; i < 70; i++) {
		char key[64];

		(void)snprintf(key, sizeof(key), "/tmp/a b%u < -", i);
		learn(BASELINE_EXEC, key);
	}
	AUTO(rules_free) struct rules *r = rules_of_baseline();

	notes_say("too many odd names of programs");
	does_not_say("Unexpected program");
	(void)r;
}

static void a_path_of_any_length_makes_a_pattern_that_is_taken(void **state)
{
	char path[4001];

	(void)state;
	begin_baseline(NGINX, "");
	memset(path, '.', sizeof(path) - 1);
	path[0] = '/';
	path[1] = '#';
	path[sizeof(path) - 1] = '\0';
	learn_program(BASELINE_EXEC, path, "-");
	AUTO(rules_free) struct rules *r = rules_of_baseline();

	execs("/bin/bash");
	assert_string_equal(told(r), "Unexpected program");
	execs(path);
	assert_string_equal(told(r), "");
}

/* --- AppArmor ------------------------------------------------------------------------------ */

static void apparmor_made(void)
{
	if (exported(BASELINE_FORMAT_APPARMOR) < 0)
		fail_msg("%s", notes);
}

static void a_profile_lists_what_is_executed_and_written(void **state)
{
	(void)state;
	begin_baseline(NGINX, "nginx");
	learn(BASELINE_EXEC, "/usr/sbin/nginx < -");
	learn(BASELINE_EXEC, "/usr/sbin/nginx < /usr/bin/dash");
	learn(BASELINE_SCRIPT, "/docker-entrypoint.sh < /usr/bin/dash");
	learn(BASELINE_SCRIPT, "-c < /usr/bin/dash");
	learn_pattern(BASELINE_WRITE, "/var/log/nginx/*.log");
	learn_pattern(BASELINE_WRITE, "/var/cache/nginx/**");
	learn(BASELINE_CAPABILITY, "CAP_NET_BIND_SERVICE");
	learn(BASELINE_LISTEN, "tcp/80");
	apparmor_made();
	says("profile bulkhead-nginx flags=(attach_disconnected,mediate_deleted) {\n");
	says("  \"/usr/sbin/nginx\" mrix,\n");
	says("  \"/docker-entrypoint.sh\" rix,\n");
	says("  \"/var/log/nginx/*.log{,/}\" rwkl,\n");
	says("  \"/var/cache/nginx/**{,/}\" rwkl,\n");
	says("  capability net_bind_service,\n");
	says("  network inet stream,\n");
	does_not_say("network inet dgram");
	says("  deny \"/etc/shadow\" r,\n");
	says("  deny \"/proc/sys/**\" wkl,\n");
	says("  deny mount,\n");
	assert_null(strstr(strstr(document, "/usr/sbin/nginx") + 1, "/usr/sbin/nginx"));
	assert_null(strstr(notes, "warning"));
}

static void what_was_read_is_not_denied(void **state)
{
	(void)state;
	begin_baseline(NGINX, "nginx");
	learn(BASELINE_EXEC, "/usr/sbin/sshd < -");
	learn_pattern(BASELINE_READ, "/home/*/.ssh/authorized_keys");
	learn_pattern(BASELINE_WRITE, "/var/lib/app/**");
	learn(BASELINE_WRITE, "/proc/sys/net/core/somaxconn");
	learn(BASELINE_CALL, "mount:tmpfs");
	learn(BASELINE_CALL, "ptrace");
	apparmor_made();
	does_not_say("deny \"/**/.ssh/authorized_keys\"");
	notes_say("note: /**/.ssh/authorized_keys: something there is learned");
	says("deny \"/**/.ssh/id_rsa\" r");
	does_not_say("deny \"/proc/sys/**\"");
	says("deny \"/proc/kcore\" r");
	says("  mount fstype=tmpfs,\n");
	says("  ptrace (trace, tracedby)");
	does_not_say("deny mount");
}

static void what_is_denied_unless_it_was_read_is_what_the_sensor_tells_of(void **state)
{
	AUTO(behaviour_reader_free) struct behaviour_reader *r = NULL;
	const struct behaviour_settings s = { .sensitive_n = 0 };
	struct err e = { "" };

	(void)state;
	assert_int_equal(behaviour_reader_new(&r, &s, &e), 0);
	for (size_t i = 0; export_sensitive[i]; i++) {
		struct span rest = span_str(export_sensitive[i]);
		char path[256], byte;
		size_t n = 0;

		for (enum export_piece p; (p = export_next(&rest, &byte)) != PIECE_END;)
			n += (size_t)snprintf(path + n, sizeof(path) - n, "%c%s",
					      p == PIECE_BYTE ? byte : 'x',
					      p == PIECE_DEEP ? "/y" : "");
		if (!behaviour_is_sensitive(r, (struct span){ path, n }, 5))
			fail_msg("%s", path);
	}
}

static void what_a_person_rejected_is_denied(void **state)
{
	(void)state;
	begin_baseline(NGINX, "nginx");
	learn(BASELINE_EXEC, "/usr/sbin/nginx < -");
	learn(BASELINE_WRITE, "/etc/cron.d/x");
	learn(BASELINE_READ, "/etc/shadow");
	assert_int_equal(baseline_reject(made, BASELINE_WRITE, SPAN_LIT("/etc/cron.d/x")), 0);
	assert_int_equal(baseline_reject(made, BASELINE_READ, SPAN_LIT("/etc/shadow")), 0);
	apparmor_made();
	says("  deny \"/etc/cron.d/x\" wkl,\n");
	does_not_say("\"/etc/cron.d/x{,/}\"");
	says("  deny \"/etc/shadow\" r,\n");
	notes_say("note: 'write' has 1 rejected entries");
}

static void what_is_not_known_is_allowed_and_warned_of(void **state)
{
	(void)state;
	begin_baseline(NGINX, "nginx");
	learn(BASELINE_EXEC, "/usr/sbin/nginx < -");
	for (unsigned c = BASELINE_WRITE; c < BASELINE_CLASS_COUNT; c++)
		forget_windows((enum baseline_class)c);
	apparmor_made();
	says("  /** rwkl,\n");
	says("  capability,\n");
	says("  network,\n");
	does_not_say("deny");
	notes_say("nothing is known of writing");
	forget_windows(BASELINE_EXEC);
	assert_int_equal(exported(BASELINE_FORMAT_APPARMOR), -ENODATA);
	notes_say("no container would start");
}

static void hostile_paths_stay_within_their_quotes(void **state)
{
	(void)state;
	begin_baseline("evil\n}\nprofile y {", "\"");
	learn(BASELINE_EXEC, "/bin/sh < -");
	for (size_t i = 0; i < HOSTILE_N; i++) {
		learn_program(BASELINE_EXEC, hostile_paths[i], "/bin/sh");
		learn_program(BASELINE_SCRIPT, hostile_paths[i], "/bin/sh");
	}
	learn_hostile(BASELINE_WRITE);
	learn_hostile(BASELINE_READ);
	learn_hostile(BASELINE_CAPABILITY);
	learn(BASELINE_CALL, "mount:ext4, capability,");
	apparmor_made();
	says("  \"/tmp/a\\\"b\" mrix,\n");
	says("  \"/tmp/star\\*\\[a-z\\]\\?{,/}\" rwkl,\n");
	says("  \"/tmp/new\\012line: \\[x\\]\" mrix,\n");
	says("  \"/tmp/\\377\\376\" mrix,\n");
	says("  \"/tmp/@\\{HOME\\}#x\" mrix,\n");
	says("  mount,\n");
	for (const char *line = document; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		assert_true(*line == '#' || *line == ' ' || *line == '\n' || *line == '\0' ||
			    strcmp(line, "}\n") == 0 ||
			    strncmp(line, "profile bulkhead-evil-profile-y flags", 36) == 0);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_teardown(name, end_baseline)
	const struct CMUnitTest tests[] = {
		T(programs_that_were_not_learned_are_told),
		T(other_images_are_not_judged),
		T(an_image_without_a_name_is_met_by_its_id),
		T(listeners_that_were_not_learned_are_told),
		T(a_protocol_of_which_every_port_is_known_is_not_told),
		T(connections_that_were_not_learned_are_told),
		T(writes_into_other_directories_are_told),
		T(top_directories_that_are_one_are_matched_segment_by_segment),
		T(what_has_no_evidence_has_no_rule),
		T(writing_everywhere_makes_no_rule),
		T(hostile_names_break_no_rule_and_are_known),
		T(an_image_whose_name_cannot_stand_in_a_rule_is_refused),
		T(a_name_that_was_shortened_is_met_by_its_beginning),
		T(too_many_odd_names_make_no_rule_rather_than_a_wrong_one),
		T(a_path_of_any_length_makes_a_pattern_that_is_taken),
		T(a_profile_lists_what_is_executed_and_written),
		T(what_was_read_is_not_denied),
		T(what_is_denied_unless_it_was_read_is_what_the_sensor_tells_of),
		T(what_a_person_rejected_is_denied),
		T(what_is_not_known_is_allowed_and_warned_of),
		T(hostile_paths_stay_within_their_quotes),
	};

	evt_type_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
