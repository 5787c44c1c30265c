// SPDX-License-Identifier: GPL-2.0-or-later
/* What /proc and a writable layer tell: written by containers, so hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "detector/flight_files.h"
#include "detector/flight_proc.h"
#include "tests/unit/fixture.h"

/* --- files -------------------------------------------------------------------------------------
 */

static bool never(const void *ctx)
{
	(void)ctx;
	return false;
}

static bool at_once(const void *ctx)
{
	(void)ctx;
	return true;
}

static json_t *walk_until(const char *root, bool (*closing)(const void *))
{
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, 32u << 20);
	buf_add_char(&b, '{');
	flight_files_put(&b, root, closing, NULL);
	buf_add_char(&b, '}');
	assert_false(b.failed);
	json_t *o = json_loadb(b.data, b.len, JSON_REJECT_DUPLICATES, NULL);

	assert_non_null(o);
	return o;
}

static json_t *walk(const char *root)
{
	return walk_until(root, never);
}

static const json_t *file(const json_t *o, const char *path)
{
	const json_t *f;
	size_t i;

	json_array_foreach(json_object_get(o, "changed"), i, f)
	{
		if (strcmp(json_string_value(json_object_get(f, "path")), path) == 0)
			return f;
	}
	return NULL;
}

static const char *text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "(none)";
}

static int64_t number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static void files_are_told_with_type_size_and_mode(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ etc/passwd\nroot\n@ bin/\n@ link -> /etc/shadow\n");

	(void)state;
	json_t *o = walk(t.path);

	assert_string_equal(text(o, "root"), t.path);
	assert_string_equal(text(file(o, "/etc/passwd"), "type"), "file");
	assert_int_equal(number(file(o, "/etc/passwd"), "size"), 5);
	assert_string_equal(text(file(o, "/bin"), "type"), "directory");
	assert_string_equal(text(file(o, "/link"), "type"), "symlink"); /* and not followed */
	assert_int_equal(json_array_size(json_object_get(o, "changed")), 4);
	assert_null(json_object_get(o, "left_out"));
	json_decref(o);
}

static void a_whiteout_is_a_deleted_file(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ etc/\n");
	char path[256];

	(void)state;
	snprintf(path, sizeof(path), "%s/etc/shadow", t.path);
	if (mknod(path, S_IFCHR, makedev(0, 0)) < 0)
		skip(); /* before Linux 5.8 for root alone */
	json_t *o = walk(t.path);

	assert_true(json_is_true(json_object_get(file(o, "/etc/shadow"), "deleted")));
	json_decref(o);
}

static void names_of_any_bytes_are_escaped(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ a/\n");
	static const char *const names[] = { "a\n\"\\}]", "b\xff\xfe", "c\x1b[2J",
					     "d\xe2\x80\xae" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		tree_write(&t, names[i], "", 0);
	json_t *o = walk(t.path);

	assert_int_equal(json_array_size(json_object_get(o, "changed")), 5);
	assert_non_null(file(o, "/a\n\"\\}]"));
	json_decref(o);
}

static void of_too_many_files_the_newest_are_told(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ old/\n");
	char path[64];

	(void)state;
	for (unsigned i = 0; i < FLIGHT_MAX_FILES + 500; i++) {
		snprintf(path, sizeof(path), "junk/%05u", i);
		tree_write(&t, path, "", 0);
	}
	tree_write(&t, "evil", "x", 1);
	json_t *o = walk(t.path);

	assert_int_equal(json_array_size(json_object_get(o, "changed")), FLIGHT_MAX_FILES);
	assert_int_equal(number(o, "left_out"), 503); /* of them all, /old and /junk, but evil */
	assert_non_null(file(o, "/evil"));
	json_decref(o);
}

static void a_tree_that_is_too_deep_is_left_there(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ x/\n");
	char path[512] = "";

	(void)state;
	for (unsigned i = 0; i < 2 * FLIGHT_MAX_DEPTH; i++)
		memcpy(path + 2 * i, "d/", 2);
	memcpy(path + 4 * FLIGHT_MAX_DEPTH, "deep", 5);
	tree_write(&t, path, "", 0);
	json_t *o = walk(t.path);

	assert_int_equal(number(o, "too_deep"), 1);
	assert_int_equal(json_array_size(json_object_get(o, "changed")), FLIGHT_MAX_DEPTH + 1);
	json_decref(o);
}

static void a_walk_that_is_told_to_end_says_so(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ a\nx\n");

	(void)state;
	json_t *o = walk_until(t.path, at_once);

	assert_true(json_is_true(json_object_get(o, "unfinished")));
	json_decref(o);
}

static void what_cannot_be_walked_has_a_reason(void **state)
{
	(void)state;
	json_t *o = walk("/nonexistent");

	assert_string_equal(text(o, "reason"),
			    "the writable layer cannot be read: No such file or directory");
	json_decref(o);
	o = walk(NULL);
	assert_string_equal(text(o, "reason"), "no writable layer is known of it");
	json_decref(o);
}

/* --- descriptors -------------------------------------------------------------------------------
 */

#define STAT(start) "42 (a) b) S 1 1 1 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 " start " 1 1\n"
#define TICK_NS	    (1000000000ULL / (uint64_t)sysconf(_SC_CLK_TCK))

static json_t *descriptors(const char *proc, uint64_t start_ticks, uint32_t net)
{
	AUTO(flight_proc_free) struct flight_proc *f = NULL;
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, 4u << 20);
	assert_int_equal(flight_proc_new(&f, proc), 0);
	buf_add_char(&b, '{');
	flight_proc_put(f, &b, (struct process_key){ start_ticks * TICK_NS + 5, 42 }, net);
	buf_add_char(&b, '}');
	json_t *o = json_loadb(b.data, b.len, JSON_REJECT_DUPLICATES, NULL);

	assert_non_null(o);
	return o;
}

static const char *socket_of(const json_t *o, int fd)
{
	const json_t *d;
	size_t i;

	json_array_foreach(json_object_get(o, "descriptors"), i, d)
	{
		if (number(d, "fd") == fd)
			return text(d, "socket");
	}
	return "(no descriptor)";
}

static void sockets_are_told_with_their_addresses(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ 42/stat\n" STAT(
		"777") "@ 42/fd/0 -> /dev/null\n"
		       "@ 42/fd/3 -> socket:[1001]\n@ 42/fd/4 -> socket:[1002]\n"
		       "@ 42/fd/5 -> socket:[1003]\n@ 42/fd/6 -> socket:[9999]\n"
		       "@ 42/fd/7 -> /a\nb\"\n"
		       "@ 42/net/tcp\n  sl  local_address rem_address   st\n"
		       "   0: 0100007F:1F90 0200007F:01BB 01 00000000:00000000 00:00000000 "
		       "00000000 0 0 "
		       "1001 1 0\nshort line\n   1: XX 00 01 0 0 0 0 0 7 8 9\n"
		       "@ 42/net/udp6\n  sl\n"
		       "   0: 00000000000000000000000001000000:0035 "
		       "00000000000000000000000000000000:0000 07 "
		       "00000000:00000000 00:00000000 00000000 0 0 1002 2 0 0\n"
		       "@ 42/net/unix\nNum RefCount\n"
		       "0000: 00000002 00000000 00010000 0001 01 1003 /run/x y.sock\n");

	(void)state;
	json_t *o = descriptors(t.path, 777, 12);

	assert_string_equal(socket_of(o, 3), "tcp 127.0.0.1:8080 -> 127.0.0.2:443 established");
	assert_string_equal(socket_of(o, 4), "udp6 [::1]:53 -> [::]:0");
	assert_string_equal(socket_of(o, 5), "unix /run/x y.sock");
	assert_string_equal(socket_of(o, 6), "(none)");
	assert_string_equal(socket_of(o, 0), "(none)");
	json_decref(o);
}

static void a_later_process_with_the_number_is_not_told(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ 42/stat\n" STAT("778") "@ 42/fd/0 -> /secret\n");

	(void)state;
	json_t *o = descriptors(t.path, 777, 0);

	assert_string_equal(text(o, "descriptors_missing"), "it has ended");
	assert_null(json_object_get(o, "descriptors"));
	json_decref(o);
	o = descriptors("/nonexistent", 777, 0);
	assert_string_equal(text(o, "descriptors_missing"), "it has ended");
	json_decref(o);
}

static void of_too_many_descriptors_some_are_left_out(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ 42/stat\n" STAT("777") "@ 42/fd/\n");
	char path[256];

	(void)state;
	for (unsigned i = 0; i < FLIGHT_MAX_DESCRIPTORS + 44; i++) {
		snprintf(path, sizeof(path), "%s/42/fd/%u", t.path, i);
		assert_int_equal(symlink("/x", path), 0);
	}
	json_t *o = descriptors(t.path, 777, 0);

	assert_int_equal(json_array_size(json_object_get(o, "descriptors")),
			 FLIGHT_MAX_DESCRIPTORS);
	assert_int_equal(number(o, "descriptors_left_out"), 44);
	json_decref(o);
}

int main(void)
{
	const struct CMUnitTest files[] = {
		cmocka_unit_test(files_are_told_with_type_size_and_mode),
		cmocka_unit_test(a_whiteout_is_a_deleted_file),
		cmocka_unit_test(names_of_any_bytes_are_escaped),
		cmocka_unit_test(of_too_many_files_the_newest_are_told),
		cmocka_unit_test(a_tree_that_is_too_deep_is_left_there),
		cmocka_unit_test(a_walk_that_is_told_to_end_says_so),
		cmocka_unit_test(what_cannot_be_walked_has_a_reason),
		cmocka_unit_test(sockets_are_told_with_their_addresses),
		cmocka_unit_test(a_later_process_with_the_number_is_not_told),
		cmocka_unit_test(of_too_many_descriptors_some_are_left_out),
	};

	return cmocka_run_group_tests(files, NULL, NULL);
}
