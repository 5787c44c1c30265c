// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <sys/socket.h>

#include "collector/event_names.h"
#include "tests/unit/collector/event_json_fixture.h"

/* --- network ------------------------------------------------------------------------------- */
static void an_internet_connection_has_addresses_and_ports(void **state)
{
	struct event_head head = fixture_head(EVENT_CONNECT);
	struct event_network n = { .family = AF_INET,
				   .type = SOCK_STREAM,
				   .protocol = IPPROTO_TCP,
				   .direction = DIRECTION_OUT,
				   .state = 2,
				   .remote_port = htons(443),
				   .fd = 3,
				   .remote = { 192, 0, 2, 1 },
				   .net_ns = 4026531992,
				   .cookie = 11 };

	(void)state;
	head.result = -EINPROGRESS;
	begin(&head, &n);
	expect(&bare, HEAD("connect", "network") "\"result\":-115,\"error\":\"EINPROGRESS\","
						 "\"syscall\":257,\"network\":{\"family\":\"inet\","
						 "\"type\":\"stream\","
						 "\"protocol\":6,\"direction\":\"out\",\"remote\":{"
						 "\"address\":\"192.0.2.1\","
						 "\"port\":443},\"fd\":3,\"net_ns\":4026531992,"
						 "\"state\":2,\"cookie\":11}}");
	expect_line(&bare, "02:00:00.123 cgroup:70 connect inet stream 192.0.2.1:443 -> EINPROGRESS"
			   "  cat[123] uid=1000");

	head = fixture_head(EVENT_ACCEPT);
	n = (struct event_network){ .family = AF_INET6,
				    .type = SOCK_STREAM,
				    .direction = DIRECTION_IN,
				    .local_port = htons(80),
				    .remote_port = htons(40000),
				    .fd = -1 };
	inet_pton(AF_INET6, "2001:db8::1", n.local);
	inet_pton(AF_INET6, "::ffff:192.0.2.7", n.remote);
	begin(&head, &n);
	expect(&bare,
	       HEAD("accept",
		    "network") "\"result\":0,\"syscall\":257,\"network\":{"
			       "\"family\":\"inet6\",\"type\":\"stream\",\"protocol\":0,"
			       "\"direction\":\"in\","
			       "\"local\":{\"address\":\"2001:db8::1\",\"port\":80},"
			       "\"remote\":{\"address\":\"::ffff:192.0.2.7\",\"port\":40000}}}");
	expect_line(&bare, "02:00:00.123 cgroup:70 accept inet6 stream from "
			   "[::ffff:192.0.2.7]:40000  cat[123] uid=1000");
}

static void the_side_that_a_call_is_about_is_told_even_when_it_is_zero(void **state)
{
	struct event_head head = fixture_head(EVENT_BIND);
	struct event_network n = { .family = AF_INET, .type = SOCK_DGRAM, .fd = 3 };

	(void)state;
	begin(&head, &n);
	expect(&bare,
	       HEAD("bind", "network") "\"result\":0,\"syscall\":257,\"network\":{"
				       "\"family\":\"inet\",\"type\":\"dgram\",\"protocol\":0,"
				       "\"local\":{\"address\":\"0.0.0.0\",\"port\":0},\"fd\":3}}");
	expect_line(&bare, "02:00:00.123 cgroup:70 bind inet dgram 0.0.0.0:0  cat[123] uid=1000");
	head = fixture_head(EVENT_LISTEN);
	n.backlog = 128;
	begin(&head, &n);
	expect(&bare,
	       HEAD("listen",
		    "network") "\"result\":0,\"syscall\":257,\"network\":{"
			       "\"family\":\"inet\",\"type\":\"dgram\",\"protocol\":0,\"fd\":3,"
			       "\"backlog\":128}}");
}

static void unix_sockets_have_paths_and_abstract_names(void **state)
{
	struct event_head head = fixture_head(EVENT_CONNECT);
	struct event_network n = { .family = AF_UNIX, .type = SOCK_STREAM, .fd = 0 };

	(void)state;
	begin(&head, &n);
	event_write_string(&writer, TAG_UNIX_LOCAL, 0, SPAN_LIT("\0a\0\"b"));
	event_write_string(&writer, TAG_UNIX_REMOTE, 0, SPAN_LIT("/run/docker.sock\0junk"));
	expect(&bare, HEAD("connect",
			   "network") "\"result\":0,\"syscall\":257,\"network\":{"
				      "\"family\":\"unix\",\"type\":\"stream\",\"protocol\":0,"
				      "\"local\":{\"path\":\"@a\\u0000\\\"b\",\"abstract\":true},"
				      "\"remote\":{\"path\":\"/run/docker.sock\"},\"fd\":0}}");
	expect_line(&bare, "02:00:00.123 cgroup:70 connect unix stream /run/docker.sock  cat[123] "
			   "uid=1000");
	begin(&head, &n);
	event_write_string(&writer, TAG_UNIX_REMOTE, 0, SPAN_LIT("\0"));
	event_write_string(&writer, TAG_UNIX_LOCAL, 0, SPAN_LIT(""));
	expect(&bare, HEAD("connect",
			   "network") "\"result\":0,\"syscall\":257,\"network\":{"
				      "\"family\":\"unix\",\"type\":\"stream\",\"protocol\":0,"
				      "\"remote\":{\"path\":\"@\",\"abstract\":true},\"fd\":0}}");
}

static void a_unix_connection_tells_who_listens_and_what_was_asked_for(void **state)
{
	struct event_head head = fixture_head(EVENT_CONNECT);
	struct event_network n = { .family = AF_UNIX,
				   .type = SOCK_STREAM,
				   .owner_pid = 123,
				   .owner_start_boot_ns = 3000000000 };

	(void)state;
	begin(&head, &n);
	event_write_string(&writer, TAG_UNIX_REMOTE, 0, SPAN_LIT("/run/docker.sock"));
	event_write_string(&writer, TAG_RAW, 0, SPAN_LIT("d.sock\0"));
	expect(&bare,
	       HEAD("connect", "network") "\"result\":0,\"syscall\":257,\"network\":{"
					  "\"family\":\"unix\",\"type\":\"stream\",\"protocol\":0,"
					  "\"remote\":{\"path\":\"/run/docker.sock\"},"
					  "\"asked\":{\"path\":\"d.sock\"},\"fd\":0,"
					  "\"owner\":{\"pid\":123,\"start\":\"2026-11-22T01:59:58."
					  "123456789Z\"}}}");
	expect_line(&bare, "02:00:00.123 cgroup:70 connect unix stream /run/docker.sock  cat[123] "
			   "uid=1000");
}

static void flows_have_payload_bytes_and_an_owner(void **state)
{
	struct event_head head = fixture_head(EVENT_PAYLOAD);
	struct event_network n = { .family = AF_PACKET,
				   .type = 77,
				   .offset = 9,
				   .owner_pid = 123,
				   .owner_start_boot_ns = 3000000000 };

	(void)state;
	begin(&head, &n);
	event_write_string(&writer, TAG_PAYLOAD, 0, SPAN_LIT("GET \"\\\r\n\x7f\xff"));
	expect(&bare,
	       HEAD("payload",
		    "network") "\"result\":0,\"syscall\":257,\"network\":{"
			       "\"family\":\"packet\",\"type\":\"77\",\"protocol\":0,\"offset\":9,"
			       "\"payload\":{\"base64\":\"R0VUICJcDQp//w==\",\"text\":\"GET "
			       "\\\"\\\\....\"},"
			       "\"owner\":{\"pid\":123,\"start\":\"2026-11-22T01:59:58."
			       "123456789Z\"}}}");
	head = fixture_head(EVENT_FLOW_END);
	n = (struct event_network){
		.family = 99, .type = SOCK_RAW, .rx_bytes = 10, .duration_ns = 1250000000
	};
	begin(&head, &n);
	expect(&bare,
	       HEAD("flow_end",
		    "network") "\"result\":0,\"syscall\":257,\"network\":{"
			       "\"family\":\"99\",\"type\":\"raw\",\"protocol\":0,\"rx_bytes\":10,"
			       "\"tx_bytes\":0,\"duration_seconds\":1.25}}");
}

/* --- calls --------------------------------------------------------------------------------- */
static void calls_have_their_arguments_and_the_word_for_what_they_do(void **state)
{
	struct event_head head = fixture_head(EVENT_PTRACE);
	struct event_call a = { .args = { 16, 200, UINT64_MAX, 0, 0, 6 },
				.target_start_boot_ns = 5000000000,
				.target_cgroup = 1,
				.target_container = 2,
				.target_pid = 200,
				.op = 16 };

	(void)state;
	begin(&head, &a);
	expect(&bare, HEAD("ptrace", "isolation") "\"result\":0,\"syscall\":257,\"call\":{"
						  "\"args\":[16,200,-1,0,0,6],\"op\":16,\"op_"
						  "name\":\"PTRACE_ATTACH\","
						  "\"target\":{\"pid\":200,\"start\":\"2026-11-"
						  "22T02:00:00.123456789Z\","
						  "\"cgroup\":1,\"container_cgroup\":2}}}");
	expect_line(&bare,
		    "02:00:00.123 cgroup:70 ptrace PTRACE_ATTACH pid 200  cat[123] uid=1000");

	head = fixture_head(EVENT_SETUID);
	a = (struct event_call){ .op = SETUID_RESUID, .caps = { 0, 0, 0, 0x1ffffffffff } };
	begin(&head, &a);
	expect(&bare,
	       HEAD("setuid",
		    "isolation") "\"result\":0,\"syscall\":257,\"call\":{"
				 "\"args\":[0,0,0,0,0,0],\"op\":5,\"op_name\":\"setresuid\"," CAPS(
					 ZERO, ZERO, ZERO, ALL) "}}");

	head = fixture_head(EVENT_UNSHARE);
	a = (struct event_call){ .args = { 0x10000000 }, .ns = { .user = 8 } };
	begin(&head, &a);
	expect(&bare,
	       HEAD("unshare",
		    "isolation") "\"result\":0,\"syscall\":257,\"call\":{"
				 "\"args\":[268435456,0,0,0,0,0],\"namespaces\":{\"user\":8}}}");
}

static void a_mount_has_names_and_a_copied_socket_its_ends(void **state)
{
	struct event_head head = fixture_head(EVENT_MOUNT);
	struct event_call a = { .op = 5, .file = { .flags = FILE_KNOWN, .fs_magic = 0x9fa0 } };

	(void)state;
	begin(&head, &a);
	add(TAG_RAW, "/dev/sda");
	add(TAG_RAW2, "/mnt");
	add(TAG_PATH2, "/mnt");
	add(TAG_NAME, "ext4");
	add(TAG_DATA, "ro");
	expect(&bare,
	       HEAD("mount",
		    "isolation") "\"result\":0,\"syscall\":257,\"call\":{"
				 "\"args\":[0,0,0,0,0,0],\"name\":\"ext4\",\"data\":\"ro\","
				 "\"raw\":\"/dev/sda\",\"raw2\":\"/mnt\",\"path2\":\"/mnt\"},"
				 "\"file\":{\"inode\":0,\"device\":\"0:0\",\"fs\":\"proc\","
				 "\"mode\":\"0000\","
				 "\"uid\":0,\"gid\":0,\"links\":0}}");
	expect_line(&bare, "02:00:00.123 cgroup:70 mount /dev/sda , /mnt  cat[123] uid=1000");

	head = fixture_head(EVENT_DUP);
	a = (struct event_call){ .args = { 3, 1 },
				 .socket = { .family = AF_INET,
					     .type = SOCK_STREAM,
					     .remote_port = htons(4444),
					     .remote = { 203, 0, 113, 5 } } };
	begin(&head, &a);
	expect(&bare, HEAD("dup", "isolation") "\"result\":0,\"syscall\":257,\"call\":{"
					       "\"args\":[3,1,0,0,0,0],\"socket\":{\"family\":"
					       "\"inet\",\"type\":\"stream\","
					       "\"protocol\":0,\"remote\":{\"address\":\"203.0.113."
					       "5\",\"port\":4444}}}}");
	expect_line(&bare,
		    "02:00:00.123 cgroup:70 dup inet stream 203.0.113.5:4444  cat[123] uid=1000");
}

static void memory_and_new_mounts_say_which_kind_they_are_of(void **state)
{
	struct event_head head = fixture_head(EVENT_MMAP);
	struct event_call a = { .args = { 0, 1ULL << 31, 3, 0x22 }, .op = MMAP_HUGE };

	(void)state;
	begin(&head, &a);
	expect(&bare, HEAD("mmap", "isolation") "\"result\":0,\"syscall\":257,\"call\":{"
						"\"args\":[0,2147483648,3,34,0,0],\"op\":2,"
						"\"op_name\":\"huge\"}}");
	expect_line(&bare, "02:00:00.123 cgroup:70 mmap huge 2147483648 bytes  cat[123] uid=1000");
	head = fixture_head(EVENT_NEW_MOUNT);
	a = (struct event_call){ .args = { 3, 1 }, .op = NEW_MOUNT_FSCONFIG };
	begin(&head, &a);
	add(TAG_NAME, "source");
	add(TAG_DATA, "/dev/sda");
	expect(&bare, HEAD("fsmount",
			   "isolation") "\"result\":0,\"syscall\":257,\"call\":{"
					"\"args\":[3,1,0,0,0,0],\"op\":3,\"op_name\":\"fsconfig\","
					"\"name\":\"source\",\"data\":\"/dev/sda\"}}");
	expect_line(&bare, "02:00:00.123 cgroup:70 fsmount fsconfig source  cat[123] uid=1000");
	assert_string_equal(event_op_name(EVENT_NEW_MOUNT, NEW_MOUNT_SETATTR), "mount_setattr");
	assert_string_equal(event_op_name(EVENT_MMAP, MMAP_FOREIGN), "foreign");
	assert_null(event_op_name(EVENT_NEW_MOUNT, 0));
	assert_null(event_op_name(EVENT_NEW_MOUNT, NEW_MOUNT_SETATTR + 1));
	assert_null(event_op_name(EVENT_MMAP, 3));
}

static void numbers_without_a_word_have_none(void **state)
{
	uint32_t bit;

	(void)state;
	assert_string_equal(event_error_name(-2), "ENOENT");
	assert_string_equal(event_error_name(-512), "ERESTARTSYS");
	assert_null(event_error_name(0));
	assert_null(event_error_name(5));
	assert_null(event_error_name(-4000));
	assert_null(event_error_name(-4096));
	assert_null(event_error_name(INT64_MIN));
	assert_string_equal(event_op_name(EVENT_BPF, 36), "BPF_TOKEN_CREATE");
	assert_null(event_op_name(EVENT_BPF, 37));
	assert_null(event_op_name(EVENT_SETUID, 0));
	assert_null(event_op_name(EVENT_SETUID, UINT32_MAX));
	assert_string_equal(event_op_name(EVENT_KEYCTL, 11), "KEYCTL_READ");
	assert_string_equal(event_op_name(EVENT_PRCTL, 22), "PR_SET_SECCOMP");
	assert_null(event_op_name(EVENT_MOUNT, 1));
	assert_null(event_family_name(0));
	assert_null(event_namespace_name(8, &bit));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_internet_connection_has_addresses_and_ports),
		cmocka_unit_test(the_side_that_a_call_is_about_is_told_even_when_it_is_zero),
		cmocka_unit_test(unix_sockets_have_paths_and_abstract_names),
		cmocka_unit_test(a_unix_connection_tells_who_listens_and_what_was_asked_for),
		cmocka_unit_test(flows_have_payload_bytes_and_an_owner),
		cmocka_unit_test(calls_have_their_arguments_and_the_word_for_what_they_do),
		cmocka_unit_test(a_mount_has_names_and_a_copied_socket_its_ends),
		cmocka_unit_test(memory_and_new_mounts_say_which_kind_they_are_of),
		cmocka_unit_test(numbers_without_a_word_have_none),
	};

	return cmocka_run_group_tests_name("event_json_call", tests, NULL, NULL);
}
