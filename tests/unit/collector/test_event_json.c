// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "tests/unit/collector/event_json_fixture.h"

static const struct event_container web = { .id = SPAN_LIT("c0ffee"),
					    .name = SPAN_LIT("web"),
					    .image = SPAN_LIT("nginx") };

/* --- exec, fork, exit ---------------------------------------------------------------------- */
static const struct event_exec run_script = {
	.file = { .inode = 42,
		  .parent_inode = 2,
		  .device = 8 << 20 | 1,
		  .mount_id = 30,
		  .fs_magic = 0x794c7630,
		  .mode = S_IFREG | 04755,
		  .flags = FILE_KNOWN | FILE_OVERLAY | FILE_UPPER,
		  .uid = 0,
		  .gid = 0,
		  .links = 1 },
	.caps = { 1, 3, 0, 0x1ffffffffff },
	.ns = { .mnt = 4026531840, .pid = 4026531836, .user = 7 },
	.args_bytes = 5000,
	.flags = EXEC_SCRIPT | EXEC_SETUID | EXEC_SECURE | EXEC_FIRST | EXEC_ENV_CUT,
	.no_new_privs = 1,
	.seccomp = 2,
};

static void an_exec_has_its_arguments_and_what_it_may(void **state)
{
	struct event_head head = fixture_head(EVENT_EXEC);

	(void)state;
	head.syscall = 59;
	begin(&head, &run_script);
	add(TAG_PATH, "/bin/sh");
	event_write_string(&writer, TAG_ARGS, STRING_CUT, SPAN_LIT("sh\0\0a b\0"));
	add(TAG_CWD, "/");
	add(TAG_FILENAME, "./run");
	add(TAG_INTERP, "/bin/sh");
	event_write_string(&writer, TAG_ENV, 0, SPAN_LIT("LANG=C\0X=\0Y"));
	expect(&bare,
	       HEAD("exec",
		    "process") "\"result\":0,\"syscall\":59,"
			       "\"exec\":{\"exe\":\"/bin/sh\",\"args\":[\"sh\",\"\",\"a "
			       "b\"],\"args_bytes\":5000,"
			       "\"args_cut\":true,\"cwd\":\"/\",\"filename\":\"./"
			       "run\",\"interp\":\"/bin/sh\","
			       "\"script\":true,\"env\":{\"LANG\":\"C\",\"X\":\"\",\"Y\":\"\"},"
			       "\"env_cut\":true,"
			       "\"setuid\":true,\"secure\":true,\"first\":true,\"no_new_privs\":1,"
			       "\"seccomp\":2," CAPS("0000000000000001", "0000000000000003", ZERO,
						     ALL) ",\"namespaces\":{\"mnt\":4026531840,"
							  "\"pid\":4026531836,\"user\":7}},"
							  "\"file\":{\"inode\":42,\"parent_inode\":"
							  "2,\"device\":\"8:1\",\"mount_id\":30,"
							  "\"fs\":\"overlay\",\"mode\":\"0104755\","
							  "\"uid\":0,\"gid\":0,\"links\":1,"
							  "\"upper\":true,\"overlay\":true}}");
	expect_line(&bare, "02:00:00.123 cgroup:70 exec /bin/sh : sh \"\" \"a b\" ...  cat[123] "
			   "uid=1000");
}

static void a_failed_exec_has_the_name_that_was_asked_for(void **state)
{
	struct event_head head = fixture_head(EVENT_EXEC);

	(void)state;
	head.result = -ENOENT;
	begin(&head, NULL);
	add(TAG_RAW, "x");
	add(TAG_BASE, "/tmp");
	event_write_string(&writer, TAG_ARGS, 0, SPAN_LIT("x"));
	expect(&bare,
	       HEAD("exec",
		    "process") "\"result\":-2,\"error\":\"ENOENT\",\"syscall\":257,"
			       "\"exec\":{\"filename\":\"x\",\"base\":\"/tmp\",\"args\":[\"x\"]}}");
	expect_line(&bare, "02:00:00.123 cgroup:70 exec x : x -> ENOENT  cat[123] uid=1000");
}

static void the_process_table_and_the_container_add_what_they_know(void **state)
{
	static struct process_text shell = { .exe = SPAN_LIT("/bin/bash") };
	static struct process_text text = { .exe = SPAN_LIT("/bin/cat"),
					    .args = SPAN_LIT("cat\0x"),
					    .cwd = SPAN_LIT("/srv"),
					    .args_bytes = 6,
					    .args_cut = true };
	static struct process parent = { .key = { 1000000000, 99 },
					 .comm = "bash",
					 .text = &shell,
					 .caps = { .permitted = 1 },
					 .ns = { .user = 7 } };
	static struct process p = { .key = { 3000000000, 123 },
				    .parent = &parent,
				    .exec_seq = 9,
				    .exec_owner = { 2000000000, 55 },
				    .caps = { .effective = 0x3000 },
				    .text = &text,
				    .injected = true,
				    .first = true,
				    .kernel_thread = true };
	struct event_container pod = web;
	struct event_context c = { &p, &pod, OFFSET, NULL };
	struct event_head head = fixture_head(EVENT_EXIT);
	struct event_exit ends = { .status = 3 << 8, .cpu_ns = 1500000000, .max_rss_pages = 8 };

	(void)state;
	pod.pod_name = SPAN_LIT("p");
	pod.pod_namespace = SPAN_LIT("n");
	head.loginuid = 501;
	head.tty = 136 << 20 | 3;
	head.syscall = -1;
	head.flags = EVENT_HOST | EVENT_COMPAT | EVENT_KILLED | EVENT_X32 | EVENT_KNOWN;
	begin(&head, &ends);
	expect(&c, "{" TIME "\"type\":\"exit\",\"class\":\"process\",\"boot_ns\":5000000000,"
		   "\"container\":{\"id\":\"c0ffee\",\"name\":\"web\",\"image\":\"nginx\","
		   "\"pod\":{\"name\":\"p\",\"namespace\":\"n\"}},\"host\":true,\"cgroup\":77,"
		   "\"container_cgroup\":70,\"process\":{\"pid\":123,\"tid\":124,\"ns_pid\":5,"
		   "\"ns_tid\":6,\"comm\":\"cat\",\"exe\":\"/bin/cat\",\"args\":[\"cat\",\"x\"],"
		   "\"args_bytes\":6,\"args_cut\":true,\"cwd\":\"/srv\","
		   "\"start\":\"2026-11-22T01:59:58.123456789Z\","
		   "\"exec_id\":\"55-2000000000-9\",\"uid\":1000,\"gid\":1001,\"euid\":1002,"
		   "\"egid\":1003,\"loginuid\":501,\"tty\":\"136:3\",\"session\":120,"
		   "\"injected\":true,\"first\":true,\"kernel_thread\":true,"
		   "\"caps_effective\":\"0x0000000000003000\","
		   "\"parent\":{\"pid\":99,\"comm\":\"bash\",\"exe\":\"/bin/bash\"}},"
		   "\"result\":0,\"flags\":[\"compat\",\"killed\",\"x32\",\"known\"],"
		   "\"exit\":{\"code\":3,\"cpu_seconds\":1.5,\"max_rss_pages\":8}}");
	expect_line(&c, "02:00:00.123 web (nginx) exit code 3 (killed) (known)  cat[123] uid=1000");

	head = fixture_head(EVENT_EXEC);
	begin(&head, &run_script);
	json_auto_t *j = tree(&c);

	assert_string_equal(
		json_string_value(json_object_get(json_object_get(j, "exec"), "gained")),
		"0x0000000000000002");
}

static void an_entry_that_was_made_up_has_no_capabilities_to_tell(void **state)
{
	struct process p = { .missed = true, .comm = "x" };
	struct event_context c = { .process = &p };
	struct event_head head = fixture_head(EVENT_EXIT);

	(void)state;
	begin(&head, NULL);
	json_auto_t *j = tree(&c);
	json_t *process = json_object_get(j, "process");

	assert_null(json_object_get(process, "caps_effective"));
	assert_string_equal(json_string_value(json_object_get(process, "exec_id")),
			    "123-3000000000-4"); /* of the head: the table has none */
}

static void an_event_of_nobody_has_the_process_of_the_table_or_none(void **state)
{
	struct process p = { .key = { 3000000000, 9 }, .comm = "curl", .uid = 33, .loginuid = 5 };
	struct event_context c = { .process = &p, .unix_minus_boot_ns = OFFSET };
	struct event_head head = fixture_head(EVENT_FLOW_END);
	struct event_network n = { .family = AF_INET, .type = SOCK_STREAM, .rx_bytes = 3 };

	(void)state;
	head.flags = EVENT_NO_TASK;
	begin(&head, &n);
	expect_line(&c, "02:00:00.123 cgroup:70 flow_end inet stream 0.0.0.0:0 received 3 sent 0 "
			"bytes  curl[9] uid=33");
	json_auto_t *j = tree(&c);
	json_t *process = json_object_get(j, "process");

	assert_int_equal(json_integer_value(json_object_get(process, "pid")), 9);
	assert_string_equal(json_string_value(json_object_get(process, "comm")), "curl");
	assert_null(json_object_get(process, "parent"));
	expect_line(&bare, "02:00:00.123 cgroup:70 flow_end inet stream 0.0.0.0:0 received 3 sent "
			   "0 bytes");
	json_auto_t *none = tree(&bare);

	assert_null(json_object_get(none, "process"));
}

static void a_fork_tells_of_the_child(void **state)
{
	struct event_head head = fixture_head(EVENT_FORK);
	struct event_fork f = { .start_boot_ns = 5000000000,
				.cgroup_id = 78,
				.container_cgroup = 70,
				.pid = 200,
				.tid = 201,
				.ns_pid = 1,
				.namespace_flags = 0x20000000 | 0x00020000 | 0x80,
				.ns = { .net = 5, .time = 6 } };

	(void)state;
	head.flags = EVENT_THREAD;
	begin(&head, &f);
	expect(&bare,
	       HEAD("fork", "process") "\"result\":0,\"syscall\":257,\"flags\":[\"thread\"],"
				       "\"fork\":{\"pid\":200,\"tid\":201,\"ns_pid\":1,"
				       "\"start\":\"2026-11-22T02:00:00.123456789Z\",\"cgroup\":78,"
				       "\"container_cgroup\":70,\"thread\":true,"
				       "\"namespaces_new\":[\"mnt\",\"pid\",\"time\"],"
				       "\"namespaces\":{\"net\":5,\"time\":6}}}");
	expect_line(&bare, "02:00:00.123 cgroup:70 fork thread 201 new-mnt new-pid new-time  "
			   "cat[123] uid=1000");
}

static void an_exit_is_a_code_or_a_signal(void **state)
{
	struct event_head head = fixture_head(EVENT_EXIT);
	struct event_exit core = { .status = 11 | 0x80 };

	(void)state;
	begin(&head, &core);
	expect(&bare, HEAD("exit", "process") "\"result\":0,\"syscall\":257,"
					      "\"exit\":{\"signal\":11,\"core\":true}}");
	expect_line(&bare,
		    "02:00:00.123 cgroup:70 exit signal 11 (core dumped)  cat[123] uid=1000");
}

/* --- files --------------------------------------------------------------------------------- */
static void an_open_has_the_path_as_passed_and_as_found(void **state)
{
	struct event_head head = fixture_head(EVENT_OPEN);
	struct event_open o = { .file = { .inode = UINT64_MAX,
					  .fs_magic = 0xabcdef,
					  .mode = S_IFCHR | 0620,
					  .flags = FILE_KNOWN | FILE_FOREIGN | FILE_MEMORY |
						   FILE_DELETED | FILE_KERNEL | FILE_DETACHED,
					  .rdev = 1 << 20 | 3 },
				.flags = O_RDWR | O_CREAT,
				.mode = 0644,
				.access = ACCESS_READ | ACCESS_WRITE | ACCESS_CREATE |
					  ACCESS_TRUNCATE | ACCESS_EXECUTE,
				.dirfd = AT_FDCWD,
				.resolve = 8 };

	(void)state;
	head.result = 3;
	head.flags = EVENT_HOST;
	begin(&head, &o);
	event_write_string(&writer, TAG_PATH, STRING_CUT | STRING_OUTSIDE | STRING_DELETED,
			   SPAN_LIT("b/x"));
	add(TAG_RAW, "../x");
	add(TAG_BASE, "/a/b");
	expect(&bare,
	       "{" TIME "\"type\":\"open\",\"class\":\"file\",\"boot_ns\":5000000000,"
	       "\"container\":null,\"host\":true,\"cgroup\":77,\"container_cgroup\":70," PROCESS
	       "\"result\":3,\"syscall\":257,\"open\":{\"path\":\"b/x\","
	       "\"path_flags\":[\"cut\",\"outside\",\"deleted\"],\"raw\":\"../x\","
	       "\"base\":\"/a/b\",\"access\":[\"read\",\"write\",\"create\",\"truncate\","
	       "\"execute\"],\"flags\":66,\"mode\":\"0644\",\"dirfd\":-100,\"resolve\":8},"
	       "\"file\":{\"inode\":18446744073709551615.0,\"device\":\"0:0\","
	       "\"fs\":\"0xabcdef\",\"mode\":\"020620\",\"uid\":0,\"gid\":0,\"links\":0,"
	       "\"rdev\":\"1:3\",\"foreign\":true,\"memory\":true,\"deleted\":true,"
	       "\"kernel\":true,\"detached\":true}}");
	expect_line(&bare, "02:00:00.123 host open ...b/x (deleted) [read,write,create,truncate,"
			   "execute]  cat[123] uid=1000");
}

static void a_failed_open_in_a_container_is_a_short_line(void **state)
{
	struct event_context c = { .container = &web, .unix_minus_boot_ns = OFFSET };
	struct event_head head = fixture_head(EVENT_OPEN);
	struct event_open o = { .access = ACCESS_READ, .dirfd = AT_FDCWD };

	(void)state;
	head.result = -ENOENT;
	begin(&head, &o);
	add(TAG_RAW, "/etc/shadow");
	expect_line(&c, "02:00:00.123 web (nginx) open /etc/shadow [read] -> ENOENT  cat[123] "
			"uid=1000");
	begin(&head, &o);
	event_write_string(&writer, TAG_RAW, STRING_UNREAD, SPAN_LIT(""));
	expect_line(&c, "02:00:00.123 web (nginx) open ? [read] -> ENOENT  cat[123] uid=1000");
	json_auto_t *j = tree(&c);
	json_t *open = json_object_get(j, "open");

	assert_string_equal(json_string_value(json_object_get(open, "raw")), "");
	assert_string_equal(
		json_string_value(json_array_get(json_object_get(open, "raw_flags"), 0)), "unread");
}

static void calls_on_paths_have_only_what_they_mean(void **state)
{
	struct event_head head = fixture_head(EVENT_RENAME);
	struct event_path p = { .dirfd = AT_FDCWD,
				.dirfd2 = 4,
				.flags = 1,
				.mode = 0755,
				.uid = 5,
				.gid = UINT32_MAX,
				.value = 4096 };

	(void)state;
	begin(&head, &p);
	add(TAG_RAW, "a");
	add(TAG_BASE, "/x");
	add(TAG_RAW2, "b");
	add(TAG_BASE2, "/y");
	expect(&bare, HEAD("rename",
			   "file") "\"result\":0,\"syscall\":257,\"path\":{"
				   "\"raw\":\"a\",\"base\":\"/x\",\"raw2\":\"b\",\"base2\":\"/y\","
				   "\"dirfd\":-100,\"dirfd2\":4,\"flags\":1}}");
	expect_line(&bare, "02:00:00.123 cgroup:70 rename a , b  cat[123] uid=1000");
	head = fixture_head(EVENT_CHOWN);
	begin(&head, &p);
	add(TAG_PATH, "/f");
	expect(&bare,
	       HEAD("chown", "file") "\"result\":0,\"syscall\":257,\"path\":{"
				     "\"path\":\"/f\",\"dirfd\":-100,\"flags\":1,\"uid\":5}}");
	expect_line(&bare, "02:00:00.123 cgroup:70 chown /f 5:-1  cat[123] uid=1000");
	head = fixture_head(EVENT_MKNOD);
	begin(&head, &p);
	expect(&bare, HEAD("mknod", "file") "\"result\":0,\"syscall\":257,\"path\":{"
					    "\"dirfd\":-100,\"mode\":\"0755\",\"value\":4096}}");
	head = fixture_head(EVENT_SETXATTR);
	begin(&head, &p);
	add(TAG_NAME, "security.capability");
	expect(&bare, HEAD("setxattr",
			   "file") "\"result\":0,\"syscall\":257,\"path\":{"
				   "\"dirfd\":-100,\"flags\":1,\"name\":\"security.capability\"}}");
	head = fixture_head(EVENT_CHROOT);
	begin(&head, &p);
	add(TAG_PATH, "/jail");
	expect(&bare, HEAD("chroot", "isolation") "\"result\":0,\"syscall\":257,\"path\":{"
						  "\"path\":\"/jail\"}}");
}

/* --- hostile text -------------------------------------------------------------------------- */
static void hostile_text_stays_in_its_place(void **state)
{
	struct event_container evil = { .name = SPAN_LIT("a\nb \"c"),
					.image = SPAN_LIT("\x1b[2J") };
	struct event_context c = { .container = &evil, .unix_minus_boot_ns = OFFSET };
	struct event_head head = fixture_head(EVENT_EXEC);

	(void)state;
	memcpy(head.comm, "\x1b]\"\\\n\xff[1] uid=00", sizeof(head.comm)); /* without a NUL */
	begin(&head, NULL);
	add(TAG_PATH, "/\xff\"\n\x1b[31m");
	event_write_string(&writer, TAG_ARGS, 0, SPAN_LIT("a\nb\0\"\0\xe2\x80\xae"));
	expect_line(&c,
		    "02:00:00.123 \"a\\x0ab \\\"c\" (\\x1b[2J) exec \"/\\xff\\\"\\x0a\\x1b[31m\" "
		    ": a\\x0ab \"\\\"\" \\u{202e}  \"\\x1b]\\\"\\\\x0a\\xff[1] uid=00\"[123] "
		    "uid=1000");
	json_auto_t *j = tree(&c);
	json_t *exec = json_object_get(j, "exec");

	assert_string_equal(json_string_value(json_object_get(exec, "exe")),
			    "/\xef\xbf\xbd\"\n\x1b[31m");
	assert_string_equal(json_string_value(json_object_get(exec, "exe_base64")), "L/8iChtbMzFt");
	assert_string_equal(json_string_value(json_array_get(json_object_get(exec, "args"), 0)),
			    "a\nb");
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(j, "process"), "comm")),
		"\x1b]\"\\\n\xef\xbf\xbd[1] uid=00");
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(j, "container"), "name")),
		"a\nb \"c");
}

static void paths_that_are_no_text_come_in_base64_too(void **state)
{
	struct event_head head = fixture_head(EVENT_LINK);

	(void)state;
	begin(&head, NULL);
	add(TAG_PATH, "\xc3");
	add(TAG_PATH2, "\xc3\xa9");
	add(TAG_RAW, "a\x80");
	add(TAG_RAW2, "ab\xfe");
	json_auto_t *j = tree(&bare);
	json_t *path = json_object_get(j, "path");

	assert_string_equal(json_string_value(json_object_get(path, "path_base64")), "ww==");
	assert_string_equal(json_string_value(json_object_get(path, "raw_base64")), "YYA=");
	assert_string_equal(json_string_value(json_object_get(path, "raw2_base64")), "YWL+");
	assert_null(json_object_get(path, "path2_base64"));
}

/* Every type with every string, all of them bad, and every number as large as it gets. */
static void no_event_makes_invalid_json(void **state)
{
	static char bytes[EVENT_STRING_MAX];
	static uint8_t fixed[512];
	AUTO_BUF struct buf b = { .fd = -1 };

	(void)state;
	buf_init(&b, 1 << 20);
	memset(fixed, 0xff, sizeof(fixed));
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)i;
	for (uint32_t t = EVENT_NONE + 1; t < EVENT_TYPE_COUNT; t++) {
		struct event_head head;
		struct event_view v;

		memset(&head, 0xff, sizeof(head));
		head.type = (uint16_t)t;
		begin(&head, fixed);
		for (uint32_t tag = TAG_NONE + 1; tag < TAG_COUNT; tag++)
			event_write_string(&writer, (enum event_tag)tag, 0xff,
					   (struct span){ bytes + tag, tag == 7 ? 4000 : 256 });
		view(&v);
		buf_clear(&b);
		event_json(&b, &v, &bare);
		assert_false(b.failed);
		json_decref(parsed(&b));
		buf_clear(&b);
		event_line(&b, &v, &bare);
		for (size_t i = 0; i < b.len; i++)
			assert_true((unsigned char)b.data[i] >= 0x20 && b.data[i] != 0x7f);
	}
}

static void a_buffer_that_is_full_fails_without_harm(void **state)
{
	struct event_head head = fixture_head(EVENT_EXEC);
	struct event_view v;

	(void)state;
	begin(&head, &run_script);
	add(TAG_PATH, "/x\xff");
	event_write_string(&writer, TAG_ARGS, 0, SPAN_LIT("sh\0\0a b\0"));
	view(&v);
	for (size_t max = 0; max < 600; max += 7) {
		AUTO_BUF struct buf b = { .fd = -1 };

		buf_init(&b, max);
		event_json(&b, &v, &bare);
		assert_true(b.failed);
		assert_true(b.len <= max);
		buf_clear(&b);
		event_line(&b, &v, &bare);
		assert_true(b.len <= max);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_exec_has_its_arguments_and_what_it_may),
		cmocka_unit_test(a_failed_exec_has_the_name_that_was_asked_for),
		cmocka_unit_test(the_process_table_and_the_container_add_what_they_know),
		cmocka_unit_test(an_entry_that_was_made_up_has_no_capabilities_to_tell),
		cmocka_unit_test(an_event_of_nobody_has_the_process_of_the_table_or_none),
		cmocka_unit_test(a_fork_tells_of_the_child),
		cmocka_unit_test(an_exit_is_a_code_or_a_signal),
		cmocka_unit_test(an_open_has_the_path_as_passed_and_as_found),
		cmocka_unit_test(a_failed_open_in_a_container_is_a_short_line),
		cmocka_unit_test(calls_on_paths_have_only_what_they_mean),
		cmocka_unit_test(hostile_text_stays_in_its_place),
		cmocka_unit_test(paths_that_are_no_text_come_in_base64_too),
		cmocka_unit_test(no_event_makes_invalid_json),
		cmocka_unit_test(a_buffer_that_is_full_fails_without_harm),
	};

	return cmocka_run_group_tests_name("event_json", tests, NULL, NULL);
}
