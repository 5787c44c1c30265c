// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/base/buf.h"
#include "collector/cgroup_layout.h"
#include "tests/unit/fixture.h"

/* A host in a temporary directory. In its mountinfo '%' stands for that directory, so that the
 * mount points exist. */
struct host {
	struct tree tree;
	struct cgroup_layout l;
	struct err e;
	int result;
};

static void write_mountinfo(const struct tree *t, const char *text)
{
	AUTO_BUF struct buf b;

	buf_init(&b, 1 << 20);
	for (const char *p = text; *p; p++) {
		if (*p == '%')
			buf_add_str(&b, t->path);
		else
			buf_add_char(&b, *p);
	}
	assert_false(b.failed);
	tree_write(t, "mountinfo", b.data ? b.data : "", b.len);
}

static struct host host_make(const char *tree, const char *mountinfo, const char *prefix)
{
	struct host h = { .tree = tree_make(tree) };
	char path[256], full_prefix[256];

	write_mountinfo(&h.tree, mountinfo);
	snprintf(path, sizeof(path), "%s/mountinfo", h.tree.path);
	snprintf(full_prefix, sizeof(full_prefix), "%s%s", prefix[0] ? h.tree.path : "", prefix);
	h.result = cgroup_layout_read(&h.l, path, full_prefix, &h.e);
	return h;
}

static void host_release(struct host *h)
{
	if (h->result == 0)
		cgroup_layout_release(&h->l);
	tree_remove(&h->tree);
}

static void assert_path(const struct host *h, const char *got, const char *want)
{
	char full[PATH_MAX];

	snprintf(full, sizeof(full), "%s%s", h->tree.path, want);
	assert_string_equal(got, full);
}

static void assert_same_dir(const struct host *h, int fd, const char *want)
{
	char full[PATH_MAX];
	struct stat a, b;

	snprintf(full, sizeof(full), "%s%s", h->tree.path, want);
	assert_int_equal(stat(full, &a), 0);
	assert_int_equal(fstat(fd, &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
}

#define V1_TREE                                                                                    \
	"@ cg/cpu/\n@ cg/cpuacct/\n@ cg/cpuset/\n@ cg/memory/\n@ cg/devices/\n@ cg/freezer/\n"     \
	"@ cg/blkio/\n@ cg/pids/\n@ cg/systemd/\n"
#define V1_MOUNTS                                                                                  \
	"22 27 0:21 / /proc rw,relatime - proc proc rw\n"                                          \
	"27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard,resv_strict,resuid=65534\n"         \
	"31 23 0:28 / %/cg rw,relatime - tmpfs tmpfs rw,mode=755\n"                                \
	"32 31 0:29 / %/cg/cpu rw,relatime - cgroup cgroup rw,cpu\n"                               \
	"33 31 0:30 / %/cg/cpuacct rw,relatime - cgroup cgroup rw,cpuacct\n"                       \
	"34 31 0:31 / %/cg/cpuset rw,relatime - cgroup cgroup rw,cpuset\n"                         \
	"35 31 0:32 / %/cg/memory rw,relatime - cgroup cgroup rw,memory\n"                         \
	"36 31 0:33 / %/cg/devices rw,relatime - cgroup cgroup rw,devices\n"                       \
	"37 31 0:34 / %/cg/freezer rw,relatime - cgroup cgroup rw,freezer\n"                       \
	"38 31 0:35 / %/cg/blkio rw,relatime - cgroup cgroup rw,blkio\n"                           \
	"39 31 0:36 / %/cg/pids rw,relatime - cgroup cgroup rw,pids\n"                             \
	"40 31 0:37 / %/cg/systemd rw,relatime - cgroup cgroup rw,name=systemd\n"

static void controllers_on_v1_beside_an_empty_v2_tree_are_hybrid(void **state)
{
	struct host h = host_make(
		V1_TREE "@ cg/unified/cgroup.controllers\n\n",
		V1_MOUNTS "41 31 0:38 / %/cg/unified rw,relatime - cgroup2 cgroup2 rw\n", "");

	(void)state;
	assert_int_equal(h.result, 0);
	assert_int_equal(h.l.mode, CGROUP_HYBRID);
	assert_path(&h, h.l.paths[CONTROLLER_MEMORY], "/cg/memory");
	assert_path(&h, h.l.paths[CONTROLLER_CPU], "/cg/cpu");
	assert_path(&h, h.l.unified_path, "/cg/unified");
	assert_same_dir(&h, h.l.fds[CONTROLLER_PIDS], "/cg/pids");
	assert_same_dir(&h, h.l.unified_fd, "/cg/unified");
	assert_int_equal(h.l.fds[CONTROLLER_HUGETLB], -1);
	assert_string_equal(h.l.paths[CONTROLLER_HUGETLB], "");
	for (size_t c = 0; c < CONTROLLER_COUNT; c++)
		assert_false(h.l.on_v2[c]);
	assert_string_equal(h.l.watch_name, "memory");
	assert_path(&h, h.l.watch_path, "/cg/memory");
	assert_same_dir(&h, h.l.watch_fd, "/cg/memory");
	host_release(&h);
}

static void controllers_on_v1_alone_are_v1(void **state)
{
	struct host h = host_make(V1_TREE, V1_MOUNTS, "");

	(void)state;
	assert_int_equal(h.result, 0);
	assert_int_equal(h.l.mode, CGROUP_V1);
	assert_int_equal(h.l.unified_fd, -1);
	assert_string_equal(h.l.unified_path, "");
	host_release(&h);
}

static void a_v2_host_has_what_its_root_lists(void **state)
{
	struct host h = host_make("@ cg/cgroup.controllers\ncpuset cpu io memory pids rdma\n",
				  "31 23 0:28 / %/cg rw,nosuid,nodev,noexec,relatime shared:9 - "
				  "cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n",
				  "");

	(void)state;
	assert_int_equal(h.result, 0);
	assert_int_equal(h.l.mode, CGROUP_V2);
	assert_true(h.l.on_v2[CONTROLLER_BLKIO]);
	assert_true(h.l.on_v2[CONTROLLER_CPUACCT]);
	assert_false(h.l.on_v2[CONTROLLER_HUGETLB]);
	assert_int_equal(h.l.fds[CONTROLLER_HUGETLB], -1);
	assert_path(&h, h.l.paths[CONTROLLER_MEMORY], "/cg");
	assert_int_not_equal(h.l.fds[CONTROLLER_MEMORY], h.l.fds[CONTROLLER_CPU]);
	assert_string_equal(h.l.watch_name, "");
	assert_path(&h, h.l.watch_path, "/cg");
	host_release(&h);
}

static void a_v2_host_that_lists_nothing_readable_may_have_all(void **state)
{
	struct host h = host_make("@ cg/\n", "31 23 0:28 / %/cg rw - cgroup2 cgroup rw\n", "");

	(void)state;
	assert_int_equal(h.result, 0);
	assert_int_equal(h.l.mode, CGROUP_V2);
	for (size_t c = 0; c < CONTROLLER_COUNT; c++)
		assert_true(h.l.on_v2[c]);
	host_release(&h);
}

static void combined_controllers_share_their_hierarchy(void **state)
{
	struct host h = host_make(
		"@ cg/cpu,cpuacct/\n@ cg/unified/cgroup.controllers\nmemory pids\n@ cg/blkio/\n",
		"32 31 0:29 / %/cg/cpu,cpuacct rw,nosuid shared:10 master:3 - cgroup cgroup "
		"rw,cpu,cpuacct\n"
		"33 31 0:30 / %/cg/blkio rw shared:11 - cgroup cgroup rw,blkio\n"
		"34 31 0:31 / %/cg/unified rw shared:12 - cgroup2 cgroup2 rw,nsdelegate\n",
		"");

	(void)state;
	assert_int_equal(h.result, 0);
	assert_int_equal(h.l.mode, CGROUP_HYBRID);
	assert_path(&h, h.l.paths[CONTROLLER_CPU], "/cg/cpu,cpuacct");
	assert_path(&h, h.l.paths[CONTROLLER_CPUACCT], "/cg/cpu,cpuacct");
	assert_false(h.l.on_v2[CONTROLLER_CPUACCT]);
	assert_true(h.l.on_v2[CONTROLLER_MEMORY]); /* memory was moved to v2 */
	assert_true(h.l.on_v2[CONTROLLER_PIDS]);
	assert_string_equal(h.l.watch_name, "");
	assert_path(&h, h.l.watch_path, "/cg/unified");
	host_release(&h);
}

static void the_first_of_the_watched_controllers_is_taken(void **state)
{
	struct host h = host_make("@ cg/cpu/\n@ cg/pids/\n",
				  "32 31 0:29 / %/cg/pids rw - cgroup cgroup rw,pids\n"
				  "33 31 0:30 / %/cg/cpu rw - cgroup cgroup rw,cpu,cpuacct\n",
				  "");

	(void)state;
	assert_int_equal(h.result, 0);
	assert_string_equal(h.l.watch_name, "cpuacct");
	host_release(&h);
}

static void a_whole_mount_is_preferred_to_a_subtree(void **state)
{
	struct host h = host_make("@ part/\n@ whole/\n@ late/\n",
				  "32 31 0:29 /docker/x %/part rw - cgroup cgroup rw,memory\n"
				  "33 31 0:29 / %/whole rw - cgroup cgroup rw,memory\n"
				  "34 31 0:29 /docker/y %/late rw - cgroup cgroup rw,memory\n",
				  "");

	(void)state;
	assert_int_equal(h.result, 0);
	assert_path(&h, h.l.paths[CONTROLLER_MEMORY], "/whole");
	host_release(&h);
}

static void a_subtree_is_better_than_nothing(void **state)
{
	struct host h = host_make("@ part/\n",
				  "32 31 0:29 /docker/x %/part ro - cgroup cgroup rw,memory\n", "");

	(void)state;
	assert_int_equal(h.result, 0);
	assert_path(&h, h.l.watch_path, "/part");
	host_release(&h);
}

/* In a container with the host's / at /rootfs: its own view is a subtree, or "/" of its cgroup
 * namespace, of which the host's mount shows as "/..". */
static void in_a_container_the_hosts_mounts_win(void **state)
{
	struct host h = host_make(
		"@ cg/memory/\n@ cg/pids/\n@ rootfs/cg/memory/\n@ rootfs/cg/pids/\n",
		"50 49 0:32 /docker/x %/cg/memory ro - cgroup cgroup rw,memory\n"
		"51 49 0:36 / %/cg/pids ro - cgroup cgroup rw,pids\n"
		"60 49 0:32 / %/rootfs/cg/memory ro master:4 - cgroup cgroup rw,memory\n"
		"61 49 0:36 /../.. %/rootfs/cg/pids ro master:5 - cgroup cgroup rw,pids\n",
		"/rootfs");

	(void)state;
	assert_int_equal(h.result, 0);
	assert_path(&h, h.l.paths[CONTROLLER_MEMORY], "/rootfs/cg/memory");
	assert_path(&h, h.l.paths[CONTROLLER_PIDS], "/rootfs/cg/pids");
	host_release(&h);
}

static void the_prefix_is_put_before_mounts_seen_from_outside(void **state)
{
	/* the mount point does not exist here, only below the prefix */
	struct host h = host_make("@ mnt/x/cg/memory/\n",
				  "60 49 0:32 / /x/cg/memory rw - cgroup cgroup rw,memory\n",
				  "/mnt/");

	(void)state;
	assert_int_equal(h.result, 0);
	assert_path(&h, h.l.paths[CONTROLLER_MEMORY], "/mnt/x/cg/memory");
	host_release(&h);
}

static void octal_escapes_in_mount_points_are_read(void **state)
{
	struct host h =
		host_make("@ a b\\c/memory/\n",
			  "32 31 0:29 / %/a\\040b\\134c/memory rw - cgroup cgroup rw,memory\n", "");

	(void)state;
	assert_int_equal(h.result, 0);
	assert_path(&h, h.l.paths[CONTROLLER_MEMORY], "/a b\\c/memory");
	host_release(&h);
}

static void a_host_without_cgroups_is_told_what_was_looked_for(void **state)
{
	struct host h = host_make("",
				  "27 1 254:0 / / rw - ext4 /dev/vda rw\n"
				  "40 31 0:37 / / rw - cgroup cgroup rw,name=systemd\n",
				  "");

	(void)state;
	assert_int_equal(h.result, -ENOENT);
	assert_non_null(strstr(h.e.text, "mountinfo"));
	assert_non_null(strstr(h.e.text, "cgroup2"));
	assert_non_null(strstr(h.e.text, "memory"));
	host_release(&h);
}

static void a_missing_mountinfo_is_named(void **state)
{
	struct cgroup_layout l = { .watch_fd = 77 };
	struct err e = { "" };

	(void)state;
	assert_int_equal(cgroup_layout_read(&l, "/nonexistent/mountinfo", "", &e), -ENOENT);
	assert_non_null(strstr(e.text, "/nonexistent/mountinfo"));
	assert_int_equal(l.watch_fd, 77); /* untouched */
}

static void malformed_lines_are_skipped(void **state)
{
	struct host h = host_make("@ cg/memory/\n",
				  "\n"
				  "32\n"
				  "32 31 0:29 /\n"
				  "32 31 0:29 / %/cg rw\n"
				  "32 31 0:29 / %/cg rw -\n"
				  "32 31 0:29 / %/cg rw - cgroup\n"
				  "32 31 0:29 / %/cg rw - cgroup cgroup\n"
				  "32 31 0:29 / relative rw - cgroup cgroup rw,cpu\n"
				  "32 31 0:29 / %/cg\\000 rw - cgroup cgroup rw,cpu\n"
				  "32 31 0:29 / %/cg\\777 rw - cgroup cgroup rw,cpu\n"
				  "32 31 0:29 / %/cg\\04 rw - cgroup cgroup rw,cpu\n"
				  "32 31 0:29 / %/missing rw - cgroup cgroup rw,cpu\n"
				  "32 31 0:29 / %/mountinfo rw - cgroup cgroup rw,cpu\n"
				  "32 31 0:29 / %/cg/memory rw - cgroup cgroup rw,memoryx,xmemory\n"
				  "35 31 0:32 / %/cg/memory rw - cgroup cgroup rw,memory",
				  "");

	(void)state;
	assert_int_equal(h.result, 0);
	assert_path(&h, h.l.paths[CONTROLLER_MEMORY], "/cg/memory");
	assert_int_equal(h.l.fds[CONTROLLER_CPU], -1);
	host_release(&h);
}

static void mount_points_beyond_path_max_are_skipped(void **state)
{
	AUTO_BUF struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	buf_add_str(&b, "32 31 0:29 / /");
	for (size_t i = 0; i < 9000; i++)
		buf_add_char(&b, 'x');
	buf_add_str(&b, " rw - cgroup cgroup rw,memory\n");
	buf_add_str(&b, "33 31 0:30 / %/cg rw - cgroup cgroup rw,pids\n");
	buf_add_char(&b, '\0');
	assert_false(b.failed);
	struct host h = host_make("@ cg/\n", b.data, "");

	assert_int_equal(h.result, 0);
	assert_string_equal(h.l.watch_name, "pids");
	host_release(&h);
}

#define PROC_42                                                                                    \
	"@ proc/42/cgroup\n"                                                                       \
	"9:name=systemd:/sd\n"                                                                     \
	"8:pids:/a:b\n"                                                                            \
	"4:memory:/docker/x\n"                                                                     \
	"2:cpu,cpuacct:/c p u\n"                                                                   \
	"3:cpuset:/../outside\n"                                                                   \
	"0::/v2/path\n"

static void the_path_of_a_process_is_that_of_the_hierarchy(void **state)
{
	AUTO_TREE struct tree t = tree_make(PROC_42 "@ proc/43/cgroup\n0::\n:\nmemory\n4:memory");
	struct cgroup_layout l = { .on_v2 = { [CONTROLLER_BLKIO] = true } };
	char proc[160], path[64];

	(void)state;
	snprintf(proc, sizeof(proc), "%s/proc", t.path);
	assert_int_equal(cgroup_path_of(&l, proc, 42, CONTROLLER_MEMORY, path, sizeof(path)), 9);
	assert_string_equal(path, "/docker/x");
	assert_int_equal(cgroup_path_of(&l, proc, 42, CONTROLLER_CPUACCT, path, sizeof(path)), 6);
	assert_string_equal(path, "/c p u");
	assert_int_equal(cgroup_path_of(&l, proc, 42, CONTROLLER_PIDS, path, sizeof(path)), 4);
	assert_string_equal(path, "/a:b");
	assert_int_equal(cgroup_path_of(&l, proc, 42, CONTROLLER_BLKIO, path, sizeof(path)), 8);
	assert_string_equal(path, "/v2/path");
	assert_int_equal(cgroup_path_of(&l, proc, 42, CONTROLLER_COUNT, path, sizeof(path)), 8);
	assert_int_equal(cgroup_path_of(&l, proc, 42, CONTROLLER_HUGETLB, path, sizeof(path)),
			 -ENOENT);
	assert_int_equal(cgroup_path_of(&l, proc, 42, CONTROLLER_CPUSET, path, sizeof(path)),
			 -EXDEV);
	assert_int_equal(cgroup_path_of(&l, proc, 42, CONTROLLER_MEMORY, path, 9), -ENAMETOOLONG);
	assert_int_equal(cgroup_path_of(&l, proc, 7, CONTROLLER_MEMORY, path, sizeof(path)),
			 -ENOENT);
	assert_int_equal(cgroup_path_of(&l, proc, 43, CONTROLLER_MEMORY, path, sizeof(path)),
			 -ENOENT);
	assert_int_equal(cgroup_path_of(&l, proc, 43, CONTROLLER_COUNT, path, sizeof(path)),
			 -EINVAL);
}

static void the_freezer_of_v1_is_found_and_makes_no_host_a_v1_one(void **state)
{
	struct host h = host_make("@ cg/v2/cgroup.controllers\ncpu memory\n@ cg/freezer/tasks\n",
				  "41 31 0:38 / %/cg/v2 rw - cgroup2 cgroup2 rw\n"
				  "42 31 0:39 / %/cg/freezer rw - cgroup cgroup rw,freezer\n",
				  "");
	AUTO_TREE struct tree t = tree_make("@ proc/42/cgroup\n5:freezer:/f/x\n0::/v2/x\n");
	char proc[160], path[64];

	(void)state;
	assert_int_equal(h.result, 0);
	assert_int_equal(h.l.mode, CGROUP_V2);
	assert_string_equal(h.l.watch_name, "");
	assert_same_dir(&h, h.l.freezer_fd, "/cg/freezer");
	host_release(&h);
	assert_int_equal(h.l.freezer_fd, -1);
	snprintf(proc, sizeof(proc), "%s/proc", t.path);
	assert_int_equal(cgroup_path_in("freezer", proc, 42, path, sizeof(path)), 4);
	assert_string_equal(path, "/f/x");
	assert_int_equal(cgroup_path_in("", proc, 42, path, sizeof(path)), 5);
	assert_int_equal(cgroup_path_in("cpu", proc, 42, path, sizeof(path)), -ENOENT);
}

static void a_path_is_cut_behind_a_whole_component(void **state)
{
	static const struct {
		const char *path, *name, *want; /* NULL: it has none */
	} cases[] = {
		{ "/docker/x/init", "x", "/docker/x" },
		{ "/docker/x", "x", "/docker/x" },
		{ "/docker/xy/x", "x", "/docker/xy/x" },
		{ "/docker/xy", "x", NULL },
		{ "/", "x", NULL },
		{ "/docker", "x", NULL },
	};
	char path[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(path, sizeof(path), "%s", cases[i].path);
		assert_int_equal(cgroup_path_cut(path, cases[i].name), cases[i].want != NULL);
		assert_string_equal(path, cases[i].want ? cases[i].want : cases[i].path);
	}
}

static void controllers_have_their_kernel_names(void **state)
{
	(void)state;
	assert_string_equal(cgroup_controller_name(CONTROLLER_CPUACCT), "cpuacct");
	assert_string_equal(cgroup_controller_name(CONTROLLER_COUNT), "");
}

int main(void)
{
	const struct CMUnitTest cgroup_layout[] = {
		cmocka_unit_test(controllers_on_v1_beside_an_empty_v2_tree_are_hybrid),
		cmocka_unit_test(controllers_on_v1_alone_are_v1),
		cmocka_unit_test(a_v2_host_has_what_its_root_lists),
		cmocka_unit_test(a_v2_host_that_lists_nothing_readable_may_have_all),
		cmocka_unit_test(combined_controllers_share_their_hierarchy),
		cmocka_unit_test(the_first_of_the_watched_controllers_is_taken),
		cmocka_unit_test(a_whole_mount_is_preferred_to_a_subtree),
		cmocka_unit_test(a_subtree_is_better_than_nothing),
		cmocka_unit_test(in_a_container_the_hosts_mounts_win),
		cmocka_unit_test(the_prefix_is_put_before_mounts_seen_from_outside),
		cmocka_unit_test(octal_escapes_in_mount_points_are_read),
		cmocka_unit_test(a_host_without_cgroups_is_told_what_was_looked_for),
		cmocka_unit_test(a_missing_mountinfo_is_named),
		cmocka_unit_test(malformed_lines_are_skipped),
		cmocka_unit_test(mount_points_beyond_path_max_are_skipped),
		cmocka_unit_test(the_path_of_a_process_is_that_of_the_hierarchy),
		cmocka_unit_test(the_freezer_of_v1_is_found_and_makes_no_host_a_v1_one),
		cmocka_unit_test(a_path_is_cut_behind_a_whole_component),
		cmocka_unit_test(controllers_have_their_kernel_names),
	};

	return cmocka_run_group_tests(cgroup_layout, NULL, NULL);
}
