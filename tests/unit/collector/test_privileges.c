// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/privileges.h"
#include "tests/unit/fixture.h"

#define FIRST_UID 61184
#define LAST_UID  65519

static int user(const char *name, uid_t previous, uid_t *uid, struct err *e)
{
	gid_t gid = 0;
	int r = privileges_serve_user(name, "/proc", previous, uid, &gid, e);

	if (r == 0)
		assert_int_not_equal(gid, 0);
	return r;
}

static void a_number_is_taken_as_it_is(void **state)
{
	struct err e = { "" };
	uid_t uid;

	(void)state;
	assert_int_equal(user("1234", 0, &uid, &e), 0);
	assert_int_equal(uid, 1234);
}

static void root_is_refused_by_name_and_by_number(void **state)
{
	struct err e = { "" };
	uid_t uid;

	(void)state;
	assert_int_equal(user("0", 0, &uid, &e), -EINVAL);
	assert_string_equal(e.text, "user '0' is root; serve must not be");
	assert_int_equal(user("root", 0, &uid, &e), -EINVAL);
	assert_string_equal(e.text, "user 'root' is root; serve must not be");
}

/* setresuid(-1) changes nothing and succeeds. */
static void minus_one_would_leave_root_and_is_refused(void **state)
{
	struct err e = { "" };
	uid_t uid;

	(void)state;
	assert_int_equal(user("4294967295", 0, &uid, &e), -EINVAL);
	assert_string_equal(e.text, "user '4294967295' is no valid user id");
}

static void an_unknown_name_is_told(void **state)
{
	struct err e = { "" };
	uid_t uid;

	(void)state;
	assert_int_equal(user("no-such-user-here", 0, &uid, &e), -ENOENT);
}

static void auto_finds_a_number_of_the_range_and_keeps_the_earlier_one(void **state)
{
	struct err e = { "" };
	uid_t uid, again;

	(void)state;
	assert_int_equal(user("auto", 0, &uid, &e), 0);
	assert_in_range(uid, FIRST_UID, LAST_UID);
	assert_int_equal(user("auto", LAST_UID - 3, &again, &e), 0);
	assert_int_equal(again, LAST_UID - 3);
	assert_int_equal(user("auto", 1000, &again, &e), 0); /* an earlier one outside the range */
	assert_in_range(again, FIRST_UID, LAST_UID);
}

static uid_t owner(const struct tree *t, const char *name)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", t->path, name);
	assert_int_equal(lstat(path, &st), 0);
	return st.st_uid;
}

static void a_tree_changes_hands_but_not_what_links_lead_to(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ serve/a\nx\n"
					    "@ serve/sub/deep/b\ny\n"
					    "@ outside\nz\n"
					    "@ serve/link -> ../outside\n");
	struct err e = { "" };
	char from[256], to[256];

	(void)state;
	if (geteuid() != 0)
		skip();
	snprintf(from, sizeof(from), "%s/outside", t.path);
	snprintf(to, sizeof(to), "%s/serve/second-name", t.path);
	assert_int_equal(link(from, to), 0);
	snprintf(to, sizeof(to), "%s/serve", t.path);
	int fd = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(privileges_give_tree(fd, 61234, 61234, &e), 0);
	close(fd);
	assert_int_equal(owner(&t, "serve"), 61234);
	assert_int_equal(owner(&t, "serve/a"), 61234);
	assert_int_equal(owner(&t, "serve/sub"), 61234);
	assert_int_equal(owner(&t, "serve/sub/deep/b"), 61234);
	assert_int_equal(owner(&t, "serve/link"), 61234); /* the link itself */
	assert_int_equal(owner(&t, "outside"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_is_taken_as_it_is),
		cmocka_unit_test(root_is_refused_by_name_and_by_number),
		cmocka_unit_test(minus_one_would_leave_root_and_is_refused),
		cmocka_unit_test(an_unknown_name_is_told),
		cmocka_unit_test(auto_finds_a_number_of_the_range_and_keeps_the_earlier_one),
		cmocka_unit_test(a_tree_changes_hands_but_not_what_links_lead_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
