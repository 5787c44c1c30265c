// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "detector/isolation_mounts.h"

#define HOST                                                                                       \
	"20 27 0:21 / /proc rw,relatime - proc proc rw\n"                                          \
	"21 27 0:22 / /sys rw,relatime - sysfs sysfs rw\n"                                         \
	"24 27 0:6 / /dev rw,relatime - devtmpfs devtmpfs rw\n"                                    \
	"27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard\n"                         \
	"31 27 0:28 / /run rw,relatime shared:5 - tmpfs tmpfs rw\n"                                \
	"33 27 8:16 / /srv rw,relatime shared:7 - xfs /dev/sdb rw\n"                               \
	"34 21 0:40 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"                                    \
	"42 27 254:0 /var/lib/docker /var/lib/docker rw - ext4 /dev/vda rw\n"

/* As docker starts one, with -v /srv/data:/data. */
#define START                                                                                      \
	"600 500 0:60 / / rw,relatime master:9 - overlay overlay rw,lowerdir=/l\n"                 \
	"601 600 0:61 / /proc rw,nosuid - proc proc rw\n"                                          \
	"602 600 0:62 / /dev rw,nosuid - tmpfs tmpfs rw,size=65536k\n"                             \
	"603 600 0:63 / /sys ro,nosuid - sysfs sysfs ro\n"                                         \
	"604 603 0:40 /docker/x /sys/fs/cgroup ro - cgroup2 cgroup rw\n"                           \
	"605 600 254:0 /var/lib/docker/containers/x/hosts /etc/hosts rw - ext4 /dev/vda rw\n"      \
	"606 600 8:16 /data /data rw,relatime - xfs /dev/sdb rw\n"                                 \
	"607 601 0:61 /sys /proc/sys ro,nosuid - proc proc rw\n"                                   \
	"608 601 0:62 /null /proc/kcore rw,nosuid - tmpfs tmpfs rw,size=65536k\n"                  \
	"609 601 0:64 / /proc/acpi ro,relatime - tmpfs tmpfs ro\n"                                 \
	"610 603 0:65 / /sys/firmware ro,relatime - tmpfs tmpfs ro\n"

static struct told {
	enum invariant invariant;
	enum alert_severity severity;
	char title[256], key[128], text[FINDING_TEXT];
} told[16];
static unsigned told_n;

static void found(void *ctx, const struct finding *f, struct container *of, const struct process *p)
{
	struct told *t = &told[told_n++];

	(void)ctx;
	(void)of;
	(void)p;
	assert_true(told_n < 16);
	t->invariant = f->invariant;
	t->severity = f->severity;
	snprintf(t->title, sizeof(t->title), "%s", f->title);
	snprintf(t->key, sizeof(t->key), "%s", f->key);
	t->text[0] = '\0';
	for (size_t i = 0; i < f->facts_n; i++) {
		const size_t n = strlen(t->text);

		snprintf(t->text + n, sizeof(t->text) - n, "%.*s=%.*s;", (int)f->facts[i].name.n,
			 f->facts[i].name.p, (int)f->facts[i].value.n, f->facts[i].value.p);
	}
}

static struct mount_list list_of(const char *text)
{
	struct mount_list l;

	assert_int_equal(mount_list_parse(&l, span_str(text), NULL), 0);
	return l;
}

/* How a container that started so and is now so is judged. */
static bool judge_with(const char *start, const char *now, struct mounts_case k)
{
	struct mount_list s = list_of(start), n = list_of(now), h = list_of(HOST);
	struct finding room;

	k.name = "web";
	k.start = &s;
	k.now = &n;
	k.host = &h;
	k.found = found;
	k.f = &room;
	told_n = 0;
	const bool judged = isolation_mounts_judge(&k);

	mount_list_release(&s);
	mount_list_release(&n);
	mount_list_release(&h);
	return judged;
}

static void judge(const char *now)
{
	assert_true(judge_with(START, now, (struct mounts_case){ .name = NULL }));
}

static void expect(enum invariant i, const char *title)
{
	assert_int_equal(told_n, 1);
	assert_int_equal(told[0].invariant, i);
	assert_string_equal(told[0].title, title);
}

static bool says(const char *text)
{
	return strstr(told[0].text, text) != NULL;
}

/* --- the parser ------------------------------------------------------------------------------ */

static void a_line_gives_all_its_parts(void **state)
{
	struct mount_list l =
		list_of("36 35 98:12 /mnt\\0401 /mnt\\134\\0112 rw,noatime shared:4 master:1 "
			"propagate_from:2 unbindable - fuse.sshfs a\\040b ro,user_id=0\n");

	(void)state;
	assert_int_equal(l.n, 1);
	const struct mount_entry *m = &l.list[0];

	assert_int_equal(m->id, 36);
	assert_int_equal(m->parent, 35);
	assert_int_equal(m->device, 98U << 20 | 12);
	assert_true(span_eq(m->root, "/mnt 1"));
	assert_true(span_eq(m->point, "/mnt\\\t2"));
	assert_true(span_eq(m->type, "fuse.sshfs"));
	assert_true(span_eq(m->source, "a b"));
	assert_int_equal(m->shared, 4);
	assert_int_equal(m->master, 1);
	assert_false(m->read_only);
	assert_true(m->all_read_only);
	mount_list_release(&l);
}

static void an_empty_source_is_a_source(void **state)
{
	struct mount_list l = list_of("36 35 0:5 / /a ro - tmpfs  rw\n");

	(void)state;
	assert_int_equal(l.n, 1);
	assert_int_equal(l.list[0].source.n, 0);
	assert_true(l.list[0].read_only);
	assert_false(l.list[0].all_read_only);
	mount_list_release(&l);
}

static void lines_that_are_none_are_counted(void **state)
{
	struct mount_list l = list_of("\n"
				      "36 35 0:5 / /a rw - tmpfs t rw\n"
				      "x 35 0:5 / /a rw - tmpfs t rw\n"
				      "36 35 0:5:1 / /a rw - tmpfs t rw\n"
				      "36 35 0:5 / /a rw shared:1 tmpfs t rw\n"
				      "36 35 0:5 / /a\n"
				      "36 35 4294967296:5 / /a rw - tmpfs t rw\n"
				      "37 35 0:5 / /a rw - tmpfs cut");

	(void)state;
	assert_int_equal(l.n, 1);
	assert_int_equal(l.refused, 5);
	mount_list_release(&l);
	l = list_of("");
	assert_int_equal(l.n, 0);
	mount_list_release(&l);
}

static void more_mounts_than_the_limit_are_counted(void **state)
{
	char *text = malloc(64U * (MOUNTS_MAX + 3)), *at = text;

	(void)state;
	assert_non_null(text);
	for (unsigned i = 0; i < MOUNTS_MAX + 3; i++)
		at += snprintf(at, 64, "%u 1 0:5 / /a%u rw - tmpfs t rw\n", i, i);
	struct mount_list l = list_of(text);

	assert_int_equal(l.n, MOUNTS_MAX);
	assert_int_equal(l.refused, 3);
	mount_list_release(&l);
	free(text);
}

static void the_host_names_what_a_mount_shows(void **state)
{
	struct mount_list host = list_of(HOST);
	struct mount_list l = list_of("1 1 254:0 / /a rw - ext4 t rw\n"
				      "1 1 254:0 /etc /a rw - ext4 t rw\n"
				      "1 1 8:16 /data /a rw - xfs t rw\n"
				      "1 1 0:28 / /a rw - tmpfs t rw\n"
				      "1 1 7:0 / /a rw - ext4 t rw\n");
	static const char *const paths[] = { "/", "/etc", "/srv/data", "/run", "" };
	char path[64];

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		path[0] = '\0';
		assert_int_equal(mount_host_path(&host, &l.list[i], path, sizeof(path)),
				 strlen(paths[i]));
		assert_string_equal(path, paths[i]);
	}
	assert_int_equal(mount_host_path(&host, &l.list[2], path, 5), 0);
	assert_true(mount_is_sensitive(&host, &l.list[1]));
	assert_false(mount_is_sensitive(&host, &l.list[2]));
	mount_list_release(&host);
	mount_list_release(&l);
}

/* --- I10 ------------------------------------------------------------------------------------- */

static void what_was_there_at_the_start_is_nothing(void **state)
{
	(void)state;
	judge(START);
	assert_int_equal(told_n, 0);
}

static void a_part_of_the_host_that_came_later_is_told_with_its_name_there(void **state)
{
	(void)state;
	judge(START "700 600 254:0 / /mnt rw - ext4 /dev/vda rw\n");
	expect(INV_MOUNTS, "Container 'web' has a part of the host mounted at '/mnt'");
	assert_int_equal(told[0].severity, ALERT_CRITICAL);
	assert_true(says("host_path=/;"));
	judge(START "700 600 0:28 / /mnt rw - tmpfs tmpfs rw\n");
	assert_true(says("host_path=/run;"));
}

static void its_own_files_mounted_again_are_nothing(void **state)
{
	(void)state;
	judge(START "700 600 8:16 /data/sub /mnt rw - xfs /dev/sdb rw\n"
		    "701 600 0:60 /usr /mnt2 rw - overlay overlay rw\n"
		    "702 600 0:99 / /tmp rw - tmpfs tmpfs rw\n"
		    "703 600 0:98 / /merged rw - overlay overlay rw\n"
		    "704 600 0:97 / /home rw - nfs4 server:/x rw\n"
		    "705 600 0:4 net:[4026532181] /run/netns/a rw - nsfs nsfs rw\n"
		    "706 600 7:3 / /image rw - ext4 /dev/loop3 rw\n");
	assert_int_equal(told_n, 0);
	judge(START "700 600 8:16 / /mnt rw - xfs /dev/sdb rw\n"); /* more than it was given */
	assert_int_equal(told_n, 1);
	judge(START "700 600 8:16 /database /mnt rw - xfs /dev/sdb rw\n"); /* "/data" and more */
	assert_int_equal(told_n, 1);
}

static void a_disk_and_an_interface_of_the_kernel_are_told(void **state)
{
	(void)state;
	judge(START "700 600 8:33 / /mnt rw - vfat /dev/sdc1 rw\n");
	expect(INV_MOUNTS, "Container 'web' has mounted a disk");
	judge(START "700 600 0:7 / /mnt rw - debugfs none rw\n");
	expect(INV_MOUNTS, "Container 'web' has mounted an interface of the kernel");
	judge(START "700 600 0:40 / /mnt rw - cgroup2 none rw\n");
	assert_int_equal(told_n, 1);
	judge(START "700 600 0:40 /docker/x /mnt rw - cgroup2 none rw\n");
	assert_int_equal(told_n, 0);
}

static void a_privileged_one_may_mount_what_init_systems_mount_but_no_disk_of_the_host(void **state)
{
	const struct mounts_case k = { .privileged = true };

	(void)state;
	judge_with(START, START "700 600 0:7 / /sys/kernel/debug rw - debugfs none rw\n", k);
	assert_int_equal(told_n, 0);
	judge_with(START, START "700 600 254:0 / /mnt rw - ext4 /dev/vda rw\n", k);
	assert_int_equal(told_n, 1);
}

static void what_the_host_mounts_below_a_shared_place_is_nothing(void **state)
{
	static const char slave[] = START "611 600 8:16 /vol /vol rw master:7 - xfs /dev/sdb rw\n";
	char now[4096];

	(void)state;
	snprintf(now, sizeof(now), "%s700 611 254:0 /x /vol/x rw master:8 - ext4 /dev/vda rw\n",
		 slave);
	judge_with(slave, now, (struct mounts_case){ .name = NULL });
	assert_int_equal(told_n, 0);
	/* without a master it was mounted from inside */
	snprintf(now, sizeof(now), "%s700 611 254:0 /x /vol/x rw - ext4 /dev/vda rw\n", slave);
	judge_with(slave, now, (struct mounts_case){ .name = NULL });
	assert_int_equal(told_n, 1);
}

static void a_runtime_that_adds_mounts_is_told_of_less_gravely(void **state)
{
	(void)state;
	judge_with(START, START "700 600 254:0 /home /mnt rw - ext4 /dev/vda rw\n",
		   (struct mounts_case){ .from_outside = true });
	assert_int_equal(told_n, 1);
	assert_int_equal(told[0].severity, ALERT_NOTICE);
}

static void what_nobody_declared_is_told_at_the_start(void **state)
{
	static const char with[] = START "611 600 254:0 /etc /data/etc rw - ext4 /dev/vda rw\n"
					 "612 600 254:0 / /rootfs ro - ext4 /dev/vda rw\n";
	const struct mount_declared declared[] = {
		{ .destination = SPAN_LIT("/data"), .source = SPAN_LIT("/srv/data") },
		{ .destination = SPAN_LIT("/rootfs"), .source = SPAN_LIT("/") },
	};
	struct mounts_case k = { .declared = declared, .declared_n = 2 };

	(void)state;
	judge_with(with, with, k);
	assert_int_equal(told_n, 0);
	k.declared_known = true;
	judge_with(with, with, k); /* below "/data": comes with it */
	assert_int_equal(told_n, 0);
	k.declared_n = 1;
	judge_with(with, with, k);
	expect(INV_MOUNTS, "Container 'web' has a part of the host mounted at '/rootfs'");
}

static void another_source_than_was_declared_is_told(void **state)
{
	static const char with[] = START "611 600 254:0 / /vol rw - ext4 /dev/vda rw\n";
	struct mount_declared d = { .destination = SPAN_LIT("/vol"),
				    .source = SPAN_LIT("/home/me/vol") };
	const struct mounts_case k = { .declared = &d, .declared_n = 1, .declared_known = true };

	(void)state;
	judge_with(with, with, k); /* CVE-2021-30465 */
	expect(INV_MOUNTS, "Container 'web' has a part of the host mounted at '/vol'");
	d.source = (struct span){ NULL, 0 }; /* could not be read */
	judge_with(with, with, k);
	assert_int_equal(told_n, 0);
}

/* --- I11 ------------------------------------------------------------------------------------- */

static const char start_text[] = START;

/* That without the line that holds this. */
static const char *without(const char *what, char out[4096])
{
	const char *at = strstr(start_text, what), *line = at;

	assert_non_null(at);
	while (line > start_text && line[-1] != '\n')
		line--;
	snprintf(out, 4096, "%.*s%s", (int)(line - start_text), start_text, strchr(at, '\n') + 1);
	return out;
}

static void a_mask_that_is_gone_is_told(void **state)
{
	char now[4096];

	(void)state;
	judge(without("/proc/kcore", now));
	expect(INV_MASKS, "Container 'web': '/proc/kcore' is not masked any more");
	judge(without("/sys/firmware", now));
	expect(INV_MASKS, "Container 'web': '/sys/firmware' is not masked any more");
	judge(without("/proc/sys", now));
	expect(INV_MASKS, "Container 'web': '/proc/sys' is not read-only any more");
	judge(without("/etc/hosts", now));
	assert_int_equal(told_n, 0);
}

static void what_was_read_only_and_can_be_written_is_told(void **state)
{
	char now[4096], more[5000];

	(void)state;
	snprintf(more, sizeof(more), "%s607 601 0:61 /sys /proc/sys rw,nosuid - proc proc rw\n",
		 without("/proc/sys", now));
	judge(more);
	expect(INV_MASKS, "Container 'web': '/proc/sys' is not read-only any more");
	/* the file system alone, by the host */
	snprintf(more, sizeof(more), "%s609 601 0:64 / /proc/acpi ro,relatime - tmpfs tmpfs rw\n",
		 without("/proc/acpi", now));
	judge(more);
	assert_int_equal(told_n, 0);
}

static void a_new_proc_without_masks_is_told_where_there_were_masks(void **state)
{
	(void)state;
	judge(START "700 600 0:61 / /mnt rw - proc proc rw\n");
	expect(INV_MASKS, "Container 'web': '/mnt' is a proc without the masks of the runtime");
	judge(START "700 600 0:63 / /mnt rw - sysfs sysfs rw\n");
	expect(INV_MASKS, "Container 'web': '/mnt' is a sysfs that can be written");
}

static void a_first_process_that_went_below_is_not_judged(void **state)
{
	(void)state;
	assert_false(judge_with(START, "600 500 0:77 / / rw - tmpfs t rw\n",
				(struct mounts_case){ .name = NULL }));
	assert_false(judge_with(START, "", (struct mounts_case){ .name = NULL }));
	assert_int_equal(told_n, 0);
}

/* --- I12 ------------------------------------------------------------------------------------- */

static void a_mount_that_becomes_shared_with_the_host_is_told(void **state)
{
	char now[4096], more[5000];

	(void)state;
	snprintf(more, sizeof(more), "%s606 600 8:16 /data /data rw shared:7 - xfs /dev/sdb rw\n",
		 without(" /data ", now));
	judge(more);
	expect(INV_PROPAGATION,
	       "Container 'web': what is mounted below '/data' appears on the host");
	/* an init system shares among itself */
	snprintf(more, sizeof(more), "%s606 600 8:16 /data /data rw shared:99 - xfs /dev/sdb rw\n",
		 without(" /data ", now));
	judge(more);
	assert_int_equal(told_n, 0);
}

static void what_was_asked_for_is_nothing_also_below_it(void **state)
{
	static const char with[] = START "611 600 8:16 /vol /vol rw shared:7 - xfs /dev/sdb rw\n";
	struct mount_declared d = { .destination = SPAN_LIT("/vol"), .shared = true };
	struct mounts_case k = { .declared = &d, .declared_n = 1 };
	char now[4096];

	(void)state;
	judge_with(with, with, k);
	assert_int_equal(told_n, 0);
	k.declared_known = true;
	snprintf(now, sizeof(now), "%s700 611 0:98 / /vol/x rw shared:5 - tmpfs t rw\n", with);
	judge_with(with, now, k);
	assert_int_equal(told_n, 0);
	d.shared = false;
	judge_with(with, with, k);
	assert_int_equal(told_n, 1);
}

static void mounts_that_are_not_looked_at_are_said(void **state)
{
	(void)state;
	judge(START "nonsense\n");
	expect(INV_MOUNTS, "Container 'web' has more mounts than are looked at");
	assert_int_equal(told[0].severity, ALERT_NOTICE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_gives_all_its_parts),
		cmocka_unit_test(an_empty_source_is_a_source),
		cmocka_unit_test(lines_that_are_none_are_counted),
		cmocka_unit_test(more_mounts_than_the_limit_are_counted),
		cmocka_unit_test(the_host_names_what_a_mount_shows),
		cmocka_unit_test(what_was_there_at_the_start_is_nothing),
		cmocka_unit_test(a_part_of_the_host_that_came_later_is_told_with_its_name_there),
		cmocka_unit_test(its_own_files_mounted_again_are_nothing),
		cmocka_unit_test(a_disk_and_an_interface_of_the_kernel_are_told),
		cmocka_unit_test(
			a_privileged_one_may_mount_what_init_systems_mount_but_no_disk_of_the_host),
		cmocka_unit_test(what_the_host_mounts_below_a_shared_place_is_nothing),
		cmocka_unit_test(a_runtime_that_adds_mounts_is_told_of_less_gravely),
		cmocka_unit_test(what_nobody_declared_is_told_at_the_start),
		cmocka_unit_test(another_source_than_was_declared_is_told),
		cmocka_unit_test(a_mask_that_is_gone_is_told),
		cmocka_unit_test(what_was_read_only_and_can_be_written_is_told),
		cmocka_unit_test(a_new_proc_without_masks_is_told_where_there_were_masks),
		cmocka_unit_test(a_first_process_that_went_below_is_not_judged),
		cmocka_unit_test(a_mount_that_becomes_shared_with_the_host_is_told),
		cmocka_unit_test(what_was_asked_for_is_nothing_also_below_it),
		cmocka_unit_test(mounts_that_are_not_looked_at_are_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
