// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/enforce_entries.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "detector/enforce_files.h"
#include "tests/unit/fixture.h"

static struct baseline *b;

static int up(void **state)
{
	(void)state;
	return baseline_new(&b, SPAN_LIT("docker.io/library/app"), SPAN_LIT(""), 1, NULL);
}

static int down(void **state)
{
	(void)state;
	baseline_free(b);
	return 0;
}

static struct path_entry *writes(const char *path, enum seen_phase phase)
{
	struct path_entry *entry;

	assert_int_equal(baseline_note(b, BASELINE_WRITE, span_str(path), 0, 1, &entry, NULL), 0);
	entry->seen.windows[phase] = 1;
	return entry;
}

static void is_place(const char *pattern, const char *path, bool below)
{
	struct enforce_place p;

	if (!enforce_place_of(b, span_str(pattern), false, &p))
		fail_msg("'%s' has no directory", pattern);
	assert_string_equal(p.path, path);
	assert_int_equal(p.n, strlen(path));
	assert_int_equal(p.below, below);
}

static void is_nowhere(const char *pattern)
{
	struct enforce_place p;

	assert_false(enforce_place_of(b, span_str(pattern), false, &p));
}

/* --- directories --------------------------------------------------------------------------- */

static void a_file_stands_for_its_directory_alone(void **state)
{
	(void)state;
	is_place("/var/lib/app/state.db", "/var/lib/app", false);
	is_place("/pid", "/", false);
	is_place("/odd/\\*\\\\/x", "/odd/*\\", false);
}

static void names_of_one_directory_stand_for_it_alone_and_deeper_ones_for_all_below(void **state)
{
	(void)state;
	is_place("/var/log/app-*.log", "/var/log", false);
	is_place("/tmp/*", "/tmp", false);
	is_place("/tmp/*/x", "/tmp", true);
	is_place("/data/**", "/data", true);
	is_place("/data/a*/**", "/data", true);
	is_place("/*", "/", false);
}

static void all_below_the_top_is_no_directory(void **state)
{
	(void)state;
	is_nowhere("/*/x");
	is_nowhere("/**");
	is_nowhere("**");
	is_nowhere("*");
	is_nowhere("");
	is_nowhere("relative/x");
}

static void a_directory_that_the_image_makes_stands_for_all_below_the_one_above(void **state)
{
	(void)state;
	writes("/var/cache/app", PHASE_STARTUP);
	writes("/var/cache/app/one", PHASE_STARTUP);
	is_place("/var/cache/app/one/x", "/var/cache", true);
	is_place("/var/cache/app", "/var/cache", false);
	writes("/build", PHASE_STEADY); /* the top is not given away for that */
	is_place("/build/x", "/build", true);
}

static void what_somebody_put_in_made_no_directory_of_the_image(void **state)
{
	struct enforce_place p;

	(void)state;
	writes("/srv/app", PHASE_INJECTED);
	is_place("/srv/app/x", "/srv/app", false);
	assert_true(enforce_place_of(b, SPAN_LIT("/srv/app/x"), true, &p));
	assert_string_equal(p.path, "/srv");
}

static void the_longest_pattern_has_a_directory(void **state)
{
	static char text[2 * PATH_TREE_MAX_PATH + 2];
	struct enforce_place p;

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[0] = text[PATH_TREE_MAX_PATH] = '/';
	assert_true(enforce_place_of(b, (struct span){ text, 2 * PATH_TREE_MAX_PATH }, false, &p));
	assert_int_equal(p.n, PATH_TREE_MAX_PATH);
	assert_false(
		enforce_place_of(b, (struct span){ text, 2 * PATH_TREE_MAX_PATH + 1 }, false, &p));
	text[PATH_TREE_MAX_PATH] = 'a';
	text[PATH_TREE_MAX_PATH + 1] = '/'; /* no path is as long */
	assert_false(enforce_place_of(b, (struct span){ text, 2 * PATH_TREE_MAX_PATH }, false, &p));
}

static void proposals_and_refusals_let_nothing_happen(void **state)
{
	struct seen s = { .windows[PHASE_STEADY] = 1, .flags = SEEN_IMPORTED };

	(void)state;
	assert_false(enforce_entry_counts(&s, true));
	s.flags = SEEN_REJECTED;
	assert_false(enforce_entry_counts(&s, true));
	s.flags = 0;
	assert_true(enforce_entry_counts(&s, false));
	s = (struct seen){ .windows[PHASE_INJECTED] = 1 };
	assert_false(enforce_entry_counts(&s, false));
	assert_true(enforce_entry_counts(&s, true));
}

/* --- below a root -------------------------------------------------------------------------- */

static struct enforce_file find(int root, const char *path, bool below)
{
	struct enforce_file f = { .path = span_str(path), .class = BASELINE_WRITE, .below = below };

	enforce_files_find_directory(root, &f);
	return f;
}

static uint64_t inode_of(int root, const char *path)
{
	struct stat st;

	assert_int_equal(fstatat(root, path, &st, 0), 0);
	return st.st_ino;
}

static void what_is_not_there_stands_for_all_below_the_nearest_that_is(void **state)
{
	struct tree t = tree_make("@ var/lib/file\ntext\n@ tmp/x\ntext\n");
	AUTO_FD int root = open(t.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct enforce_file f = find(root, "/var/lib", false);

	(void)state;
	assert_true(f.found && !f.below && !f.top);
	assert_int_equal(f.file.inode, inode_of(root, "var/lib"));
	f = find(root, "/var/lib/app/deep", false);
	assert_true(f.found && f.below);
	assert_int_equal(f.file.inode, inode_of(root, "var/lib"));
	f = find(root, "/var/lib/file", false); /* a file where a directory was */
	assert_true(f.found && f.below);
	f = find(root, "/", false);
	assert_true(f.found && !f.below && !f.top);
	assert_int_equal(f.file.inode, inode_of(root, "."));
	f = find(root, "/new/x", false);
	assert_true(!f.found && f.top);
	f = find(root, "/", true);
	assert_true(!f.found && f.top);
	tree_remove(&t);
}

static void links_stay_inside_and_loops_stand_for_the_directory_above(void **state)
{
	struct tree t = tree_make("@ tmp/x\ntext\n@ var/x\ntext\n");
	AUTO_FD int root = open(t.path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_int_equal(symlinkat("/tmp", root, "var/tmp"), 0);
	assert_int_equal(symlinkat("../../../..", root, "var/up"), 0);
	assert_int_equal(symlinkat("loop", root, "var/loop"), 0);
	assert_int_equal(find(root, "/var/tmp", false).file.inode, inode_of(root, "tmp"));
	assert_int_equal(find(root, "/var/up", false).file.inode, inode_of(root, "."));
	const struct enforce_file f = find(root, "/var/loop/x", false);

	assert_true(f.found && f.below);
	assert_int_equal(f.file.inode, inode_of(root, "var"));
	tree_remove(&t);
}

/* Of a test's own: a mount below it needs nobody's leave. */
static void what_is_on_another_mount_is_nobodys_affair(void **state)
{
	AUTO_FD int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const struct enforce_file f = find(root, "/proc/self", false);

	(void)state;
	assert_true(!f.found && !f.top);
}

/* --- networks ------------------------------------------------------------------------------ */

static void is_peer(const char *pattern, uint8_t protocol, uint16_t port, uint16_t family,
		    uint32_t bits)
{
	struct sensor_peer p = { .image = 7 };

	if (!enforce_peer_of(span_str(pattern), &p))
		fail_msg("'%s' is no network", pattern);
	assert_int_equal(p.image, 7);
	assert_int_equal(p.protocol, protocol);
	assert_int_equal(p.port, port);
	assert_int_equal(p.family, family);
	assert_int_equal(p.prefix_bits, bits);
}

static void a_peer_is_a_network_up_to_its_first_wildcard(void **state)
{
	static const uint8_t four[] = { 10, 1, 0, 0 }, six[] = { 0x20, 0x01, 0x0d, 0xb8, 0 };
	struct sensor_peer p = { .image = 0 };

	(void)state;
	is_peer("tcp/443/10/0/0/1", IPPROTO_TCP, 443, AF_INET, 32);
	is_peer("tcp/443/10/1/*/7", IPPROTO_TCP, 443, AF_INET, 16);
	is_peer("tcp/443/**", IPPROTO_TCP, 443, AF_INET, 0);
	is_peer("tcp/**", IPPROTO_TCP, 0, AF_INET, 0);
	is_peer("tcp6/*/2001/db8/0/0/0/0/0/1", IPPROTO_TCP, 0, AF_INET6, 128);
	is_peer("udp6/53/2001/db8/**", IPPROTO_UDP, 53, AF_INET6, 32);
	is_peer("udp/53/8/8/8/*", IPPROTO_UDP, 53, AF_INET, 24);
	is_peer("sctp/9/1/2/3/4", IPPROTO_SCTP, 9, AF_INET, 32);
	assert_true(enforce_peer_of(SPAN_LIT("tcp/1/10/1/*/9"), &p));
	assert_memory_equal(p.address, four, sizeof(four));
	assert_true(enforce_peer_of(SPAN_LIT("tcp6/1/2001/db8/**"), &p));
	assert_memory_equal(p.address, six, sizeof(six));
}

static void protocols_without_ports_are_networks_too(void **state)
{
	(void)state;
	is_peer("icmp/0/10/0/0/1", IPPROTO_ICMP, 0, AF_INET, 32);
	is_peer("icmp6/0/fe80/0/0/0/0/0/0/1", IPPROTO_ICMPV6, 0, AF_INET6, 128);
	is_peer("ip-47/0/10/0/0/1", IPPROTO_GRE, 0, AF_INET, 32);
	is_peer("ip-16/0/10/0/0/1", 16, 0, AF_INET, 32);
	is_peer("ip-476/0/fe80/0/0/0/0/0/0/1", IPPROTO_GRE, 0, AF_INET6, 128);
}

static void what_no_network_says_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"*",
		"**",
		"*/443/10/0/0/1",
		"tcp",
		"tcp/",
		"tcp/x/10/0/0/1",
		"tcp/65536/1/2/3/4",
		"tcp/1/256/0/0/1",
		"tcp/1/10/0/0",
		"tcp/1/10/0/0/1/2",
		"tcp6/1/10000/0/0/0/0/0/0/1",
		"tcp6/1/x/0/0/0/0/0/0/1",
		"tcp/1/**/3",
		"tcp/-1/10/0/0/1",
		"ip-/0/10/0/0/1",
		"ip-256/0/10/0/0/1",
		"ip-47/0/**",
		"ip-47/0/fe80/0/0/0/0/0/0/1",
		"unix/1/10/0/0/1",
		"tcp/1",
	};
	struct sensor_peer p = { .image = 7, .port = 9 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (enforce_peer_of(span_str(bad[i]), &p))
			fail_msg("'%s' is a network", bad[i]);
	assert_int_equal(p.port, 9); /* untouched */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_file_stands_for_its_directory_alone, up, down),
		cmocka_unit_test_setup_teardown(
			names_of_one_directory_stand_for_it_alone_and_deeper_ones_for_all_below, up,
			down),
		cmocka_unit_test_setup_teardown(all_below_the_top_is_no_directory, up, down),
		cmocka_unit_test_setup_teardown(
			a_directory_that_the_image_makes_stands_for_all_below_the_one_above, up,
			down),
		cmocka_unit_test_setup_teardown(what_somebody_put_in_made_no_directory_of_the_image,
						up, down),
		cmocka_unit_test_setup_teardown(the_longest_pattern_has_a_directory, up, down),
		cmocka_unit_test(proposals_and_refusals_let_nothing_happen),
		cmocka_unit_test(what_is_not_there_stands_for_all_below_the_nearest_that_is),
		cmocka_unit_test(links_stay_inside_and_loops_stand_for_the_directory_above),
		cmocka_unit_test(what_is_on_another_mount_is_nobodys_affair),
		cmocka_unit_test(a_peer_is_a_network_up_to_its_first_wildcard),
		cmocka_unit_test(protocols_without_ports_are_networks_too),
		cmocka_unit_test(what_no_network_says_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
