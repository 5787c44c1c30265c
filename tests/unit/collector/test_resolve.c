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
#include <unistd.h>

#include "collector/base/clock.h"
#include "collector/procstat.h"
#include "collector/resolve.h"
#include "tests/unit/fixture.h"

/* A container's tree, and the /proc of process 42 in it, which started 5 s after boot. */
#define STAT_42 "42 (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 500 0 0\n"
#define ROOTFS                                                                                     \
	"@ rootfs/etc/passwd\n@ rootfs/data/deep/file\n@ rootfs/link -> data/deep\n"               \
	"@ rootfs/absolute -> /data\n@ rootfs/up -> ../../../../etc\n"                             \
	"@ rootfs/loop -> loop\n@ rootfs/etc/alias -> /data/deep/file\n"                           \
	"@ rootfs/jail/data/inner\n@ rootfs/jail/etc/x\n@ rootfs/jail/out -> /etc\n"               \
	"@ rootfs/x (deleted)/y\n@ outside/secret\n"
#define PROC_42 "@ proc/42/stat\n" STAT_42 "@ proc/42/ns/mnt -> mnt:[77]\n"

struct place {
	struct tree tree;
	struct resolver *r;
	struct resolve_question q;
	struct resolve_answer a;
	char text[RESOLVE_MAX_BYTES + 1];
};

static void link_in(const struct tree *t, const char *name, const char *target)
{
	char from[256], to[256];

	snprintf(from, sizeof(from), "%s/%s", t->path, name);
	snprintf(to, sizeof(to), "%s/%s", t->path, target);
	unlink(from);
	assert_int_equal(symlink(to, from), 0);
}

static void link_to(const struct tree *t, const char *name, const char *target)
{
	char from[256];

	snprintf(from, sizeof(from), "%s/%s", t->path, name);
	assert_int_equal(symlink(target, from), 0);
}

static struct place place(void)
{
	struct place p = { .tree = tree_make(ROOTFS PROC_42) };
	char proc[256];

	snprintf(proc, sizeof(proc), "%s/proc", p.tree.path);
	assert_int_equal(resolve_new(&p.r, proc, NULL), 0);
	link_in(&p.tree, "proc/42/root", "rootfs");
	link_in(&p.tree, "proc/42/cwd", "rootfs/data");
	tree_write(&p.tree, "proc/42/mountinfo", "1 0 0:1 / / rw - ext4 x rw\n", 27);
	p.q = (struct resolve_question){ .who = { 5 * NS_PER_S + 1234, 42 },
					 .now_boot_ns = 10 * NS_PER_S };
	return p;
}

static void end_place(struct place *p)
{
	resolve_free(p->r);
	tree_remove(&p->tree);
}
#define AUTO_PLACE __attribute__((cleanup(end_place))) struct place

static const char *asked(struct place *p, const char *base, const char *raw)
{
	p->q.base = span_str(base);
	p->q.raw = span_str(raw);
	resolve_path(p->r, &p->q, &p->a);
	memcpy(p->text, p->a.path.p, p->a.path.n);
	p->text[p->a.path.n] = '\0';
	return p->text;
}

#define assert_late(p, base, raw, want)                                                            \
	do {                                                                                       \
		assert_string_equal(asked(p, base, raw), want);                                    \
		assert_int_equal((p)->a.how, RESOLVED_LATE);                                       \
	} while (0)
#define assert_lexical(p, base, raw, want)                                                         \
	do {                                                                                       \
		assert_string_equal(asked(p, base, raw), want);                                    \
		assert_int_equal((p)->a.how, RESOLVED_LEXICAL);                                    \
	} while (0)

static void links_and_dots_in_the_directory_are_walked(void **state)
{
	AUTO_PLACE p = place();

	(void)state;
	assert_late(&p, "", "/etc/passwd", "/etc/passwd");
	assert_late(&p, "", "/link/file", "/data/deep/file");
	assert_late(&p, "", "//link/./../deep//gone", "/data/deep/gone");
	assert_late(&p, "", "/absolute/x", "/data/x");
	assert_late(&p, "/etc", "../link/x", "/data/deep/x");
	assert_late(&p, "/etc", "/link/x", "/data/deep/x");
	assert_late(&p, "", "/", "/");
	assert_late(&p, "", "/link/..", "/data");
	assert_late(&p, "", "/link/.", "/data/deep");
	assert_late(&p, "", "/link/new/", "/data/deep/new");
	assert_late(&p, "", "/new", "/new");
}

static void nothing_leads_above_the_containers_root(void **state)
{
	AUTO_PLACE p = place();

	(void)state;
	assert_late(&p, "", "/../../../../etc/x", "/etc/x");
	assert_late(&p, "/data", "../../../etc/x", "/etc/x");
	assert_lexical(&p, "/data", "../../../outside/../etc/x", "/etc/x");
	assert_late(&p, "", "/up/x", "/etc/x");
	assert_late(&p, "", "/..", "/");
}

static void the_last_component_is_followed_only_when_asked(void **state)
{
	AUTO_PLACE p = place();

	(void)state;
	assert_late(&p, "", "/etc/alias", "/etc/alias");
	p.q.follow = true;
	assert_late(&p, "", "/etc/alias", "/data/deep/file");
	assert_late(&p, "/etc", "alias", "/data/deep/file");
	assert_late(&p, "", "/link/not-yet", "/data/deep/not-yet");
	assert_late(&p, "", "/loop", "/loop"); /* the call failed the same way */
}

static void a_name_alone_is_answered_from_the_base(void **state)
{
	AUTO_PLACE p = place();

	(void)state;
	p.q.who.pid = 41; /* nobody is asked */
	assert_string_equal(asked(&p, "/data/deep", "file"), "/data/deep/file");
	assert_int_equal(p.a.how, RESOLVED_KERNEL);
	assert_string_equal(asked(&p, "/", "file"), "/file");
	assert_string_equal(asked(&p, "/data", ""), "/data");
	assert_int_equal(p.a.how, RESOLVED_KERNEL);
}

static void without_a_base_it_is_where_the_process_is(void **state)
{
	AUTO_PLACE p = place();

	(void)state;
	assert_late(&p, "", "deep/file", "/data/deep/file");
	assert_late(&p, "", "../link/file", "/data/deep/file");
	assert_late(&p, "", "new", "/data/new");
	assert_late(&p, "", "", "/data");
	assert_lexical(&p, "", "missing/../deep/x", "/data/deep/x");
	link_in(&p.tree, "proc/42/cwd", "rootfs/gone (deleted)");
	assert_lexical(&p, "", "a/../b", "b");
}

static void what_cannot_be_walked_is_put_in_order_as_text(void **state)
{
	AUTO_PLACE p = place();

	(void)state;
	assert_lexical(&p, "", "/missing//./dir/../x", "/missing/x");
	assert_lexical(&p, "", "/etc/passwd/x", "/etc/passwd/x"); /* no directory */
	assert_lexical(&p, "", "/loop/x", "/loop/x");
	assert_lexical(&p, "/gone/dir", "../a/../b/c", "/gone/b/c");
	assert_int_equal(resolve_stats(p.r).lexical, 4);
}

static void a_process_that_is_gone_or_another_one_is_not_asked(void **state)
{
	AUTO_PLACE p = place();

	(void)state;
	p.q.who.start_boot_ns -= NS_PER_S / 50; /* another clock tick: the pid's last owner */
	assert_lexical(&p, "", "/link/../x", "/x");
	p.q.who.pid = 43;
	assert_lexical(&p, "", "/link/x", "/link/x");
	assert_lexical(&p, "", "a/./b/../c", "a/c");
	assert_lexical(&p, "", "../../a", "../../a");
	assert_lexical(&p, "", "", ".");
	assert_lexical(&p, "", "/", "/");
}

static void a_span_ends_at_its_length_or_a_nul(void **state)
{
	AUTO_PLACE p = place();

	(void)state;
	p.q.raw = (struct span){ "/link/fileXXXX", 10 };
	resolve_path(p.r, &p.q, &p.a);
	assert_true(span_eq(p.a.path, "/data/deep/file"));
	p.q.raw = SPAN_LIT("/link/a\0/../b");
	resolve_path(p.r, &p.q, &p.a);
	assert_true(span_eq(p.a.path, "/data/deep/a"));
	p.q.raw = SPAN_LIT("/link/\xff\n\"");
	resolve_path(p.r, &p.q, &p.a);
	assert_true(span_eq(p.a.path, "/data/deep/\xff\n\""));
	p.q.base = SPAN_LIT("/data\0/etc");
	p.q.raw = SPAN_LIT("deep/x");
	resolve_path(p.r, &p.q, &p.a);
	assert_true(span_eq(p.a.path, "/data/deep/x"));
}

static void a_chrooted_process_is_told_in_the_containers_terms(void **state)
{
	AUTO_PLACE p = place();

	(void)state;
	link_in(&p.tree, "proc/42/root", "rootfs/jail");
	link_in(&p.tree, "proc/42/cwd", "rootfs/jail/data");
	tree_write(&p.tree, "proc/1/x", "", 0);
	link_in(&p.tree, "proc/1/root", "rootfs");
	p.q.root_pid = 1;
	assert_late(&p, "", "/data/inner", "/jail/data/inner");
	assert_late(&p, "", "/out/x", "/jail/etc/x");
	assert_late(&p, "/jail/data", "../../../etc/x", "/jail/etc/x");
	assert_late(&p, "", "inner", "/jail/data/inner");
	assert_lexical(&p, "", "/missing/../../x/y", "/jail/x/y");
	/* a descriptor from before the chroot */
	assert_lexical(&p, "/etc", "a/../x", "/etc/x");
	p.q.root_pid = 0;
	assert_late(&p, "", "/out/x", "/etc/x"); /* its own root is all there is */
}

static void proc_self_means_the_process_itself(void **state)
{
	AUTO_PLACE p = place();

	(void)state;
	assert_late(&p, "", "/proc/self/root/link/x", "/data/deep/x");
	assert_late(&p, "", "//proc/./self//root/proc/thread-self/root/etc/x", "/etc/x");
	p.q.ns_pid = 6;
	assert_late(&p, "", "/proc/6/root/etc/x", "/etc/x");
	assert_lexical(&p, "", "/proc/7/root/etc/x", "/proc/7/root/etc/x");
	assert_lexical(&p, "", "/proc/self/fd/3", "/proc/6/fd/3");
	p.q.who.pid = 43;
	assert_lexical(&p, "", "/proc/self/root/etc/../x", "/x");
}

static void a_link_to_proc_self_hides_nothing(void **state)
{
	AUTO_PLACE p = place();

	(void)state;
	link_to(&p.tree, "rootfs/etc/hide", "/proc/self/root");
	link_to(&p.tree, "rootfs/etc/here", "../proc/thread-self/cwd");
	link_to(&p.tree, "rootfs/etc/twice", "hide/link/../../etc/hide");
	assert_late(&p, "", "/etc/hide/link/x", "/data/deep/x");
	assert_late(&p, "/etc", "hide/x", "/x");
	assert_late(&p, "", "/etc/here/deep/x", "/data/deep/x");
	assert_late(&p, "", "/etc/twice/link/x", "/data/deep/x");
	assert_late(&p, "", "/proc/self/cwd/deep/x", "/data/deep/x");
	assert_late(&p, "", "/etc/../data/./../proc/self/root/x", "/x");
	assert_lexical(&p, "", "/../../missing/x", "/missing/x");
	link_to(&p.tree, "rootfs/etc/other", "/proc/1/root");
	assert_lexical(&p, "", "/etc/other/x", "/etc/other/x");
}

static void a_name_that_only_looks_deleted_stays(void **state)
{
	AUTO_PLACE p = place();

	(void)state;
	assert_late(&p, "", "/x (deleted)/z", "/x (deleted)/z");
	assert_late(&p, "", "/x (deleted)/.", "/x (deleted)");
}

static void a_directory_is_walked_once_a_second(void **state)
{
	AUTO_PLACE p = place();

	(void)state;
	assert_late(&p, "", "/link/a", "/data/deep/a");
	link_in(&p.tree, "rootfs/link", "rootfs/etc"); /* absolute: leads nowhere from inside */
	assert_late(&p, "", "/link/b", "/data/deep/b");
	assert_int_equal(resolve_stats(p.r).remembered, 1);
	p.q.now_boot_ns += RESOLVE_KEEP_NS;
	assert_lexical(&p, "", "/link/c", "/link/c");
	p.q.now_boot_ns += 1;
	assert_late(&p, "", "/absolute/a", "/data/a");
	resolve_forget(p.r);
	assert_late(&p, "", "/absolute/b", "/data/b");
	assert_int_equal(resolve_stats(p.r).remembered, 1);
	p.q.who.start_boot_ns++; /* the same clock tick, and yet another process */
	assert_late(&p, "", "/absolute/c", "/data/c");
	assert_int_equal(resolve_stats(p.r).remembered, 1);
	assert_late(&p, "", "deep/a", "/data/deep/a"); /* where it is may change: never */
	assert_late(&p, "", "deep/b", "/data/deep/b");
	assert_int_equal(resolve_stats(p.r).remembered, 1);
}

static void many_directories_push_the_oldest_out(void **state)
{
	AUTO_PLACE p = place();
	char raw[128];

	(void)state;
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 100; i++) {
			snprintf(raw, sizeof(raw), "/link/%.*s/x", 2 * i + 1,
				 "./././././././././././././././././././././././././././././.");
			p.q.now_boot_ns++;
			asked(&p, "", raw);
			assert_int_equal(p.a.how, RESOLVED_LATE);
		}
	}
	assert_late(&p, "", "/absolute/x", "/data/x");
}

static void paths_of_any_length_are_answered(void **state)
{
	AUTO_PLACE p = place();
	static char deep[4096], base[4096];

	(void)state;
	/* /data/deep/../deep/../deep/... : long and yet a place */
	size_t n = 0;

	while (n + sizeof("/data/deep/..") + sizeof("/deep/f") < sizeof(deep))
		n += (size_t)snprintf(deep + n, sizeof(deep) - n, "%s", n ? "/deep/.." : "/data");
	snprintf(deep + n, sizeof(deep) - n, "/deep/f");
	asked(&p, "", deep);
	assert_int_equal(p.a.how, RESOLVED_LATE);
	assert_true(span_eq(p.a.path, "/data/deep/f"));
	/* two of them do not fit into one call */
	memset(base, 'b', sizeof(base));
	base[0] = '/';
	p.q.base = (struct span){ base, sizeof(base) };
	p.q.raw = (struct span){ deep + 1, strlen(deep + 1) };
	resolve_path(p.r, &p.q, &p.a);
	assert_int_equal(p.a.how, RESOLVED_LEXICAL);
	assert_int_equal(p.a.path.n, sizeof(base) + strlen("/data/deep/f"));
	p.q.raw = (struct span){ base + 1, sizeof(base) - 1 };
	resolve_path(p.r, &p.q, &p.a);
	assert_int_equal(p.a.path.n, 2 * sizeof(base));
}

static void the_lexical_form_fits_any_buffer(void **state)
{
	char out[64];

	(void)state;
	for (size_t cap = 0; cap < sizeof(out); cap++) {
		size_t n = resolve_lexical(SPAN_LIT("/a/b/c"), SPAN_LIT("../dd/../../ee/ff/"), out,
					   cap);

		assert_true(n <= cap);
	}
	assert_int_equal(resolve_lexical(SPAN_LIT("a"), SPAN_LIT(".."), out, sizeof(out)), 1);
	assert_memory_equal(out, "/", 1);
}

static void a_walk_beyond_memory_needs_file_systems_that_answer(void **state)
{
	static const char *const slow[] = {
		"1 0 0:1 / / rw - ext4 x rw\n2 1 0:2 / /mnt rw shared:1 - nfs4 srv:/ rw\n",
		"1 0 0:1 / / rw - fuse.sshfs x rw\n",
		"1 0 0:1 / / rw - autofs x rw\n",
		"1 0 0:1 / / rw - invented x rw\n",
		"1 0 0:1 / / rw ext4 x rw\n",
		"no\n",
		"",
	};
	AUTO_PLACE p = place();

	(void)state;
	/* A fresh link whose target is not in memory cannot be had everywhere: both answers to it
	 * are right, but the list of mounts must keep every walk away from what may hang. */
	for (size_t i = 0; i < sizeof(slow) / sizeof(slow[0]); i++) {
		uint64_t before = resolve_stats(p.r).slow;

		tree_write(&p.tree, "proc/42/mountinfo", slow[i], strlen(slow[i]));
		p.q.now_boot_ns += 2 * RESOLVE_KEEP_NS;
		asked(&p, "", "/link/x");
		assert_true(p.a.how == RESOLVED_LATE || p.a.how == RESOLVED_LEXICAL);
		assert_int_equal(resolve_stats(p.r).slow, before);
	}
}

static void this_process_is_resolved_in_the_real_proc(void **state)
{
	AUTO_PLACE p = place();
	struct resolve_question *q = &p.q;
	char raw[300], want[300];

	(void)state;
	resolve_free(p.r);
	p.r = NULL;
	assert_int_equal(resolve_new(&p.r, "/proc", NULL), 0);
	q->who = (struct process_key){ procstat_start_boot_ns("/proc", getpid()),
				       (uint32_t)getpid() };
	snprintf(raw, sizeof(raw), "%s/rootfs/link/../deep/new", p.tree.path);
	snprintf(want, sizeof(want), "%s/rootfs/data/deep/new", p.tree.path);
	assert_late(&p, "", raw, want);
	q->ns_pid = q->who.pid;
	assert_late(&p, "", "/proc/self/root/etc/x", "/etc/x");
	q->who.start_boot_ns += NS_PER_S;
	snprintf(want, sizeof(want), "%s/rootfs/deep/new", p.tree.path);
	assert_lexical(&p, "", raw, want);
}

int main(void)
{
	const struct CMUnitTest resolve[] = {
		cmocka_unit_test(links_and_dots_in_the_directory_are_walked),
		cmocka_unit_test(nothing_leads_above_the_containers_root),
		cmocka_unit_test(the_last_component_is_followed_only_when_asked),
		cmocka_unit_test(a_name_alone_is_answered_from_the_base),
		cmocka_unit_test(without_a_base_it_is_where_the_process_is),
		cmocka_unit_test(what_cannot_be_walked_is_put_in_order_as_text),
		cmocka_unit_test(a_process_that_is_gone_or_another_one_is_not_asked),
		cmocka_unit_test(a_span_ends_at_its_length_or_a_nul),
		cmocka_unit_test(a_chrooted_process_is_told_in_the_containers_terms),
		cmocka_unit_test(proc_self_means_the_process_itself),
		cmocka_unit_test(a_link_to_proc_self_hides_nothing),
		cmocka_unit_test(a_name_that_only_looks_deleted_stays),
		cmocka_unit_test(a_directory_is_walked_once_a_second),
		cmocka_unit_test(many_directories_push_the_oldest_out),
		cmocka_unit_test(paths_of_any_length_are_answered),
		cmocka_unit_test(the_lexical_form_fits_any_buffer),
		cmocka_unit_test(a_walk_beyond_memory_needs_file_systems_that_answer),
		cmocka_unit_test(this_process_is_resolved_in_the_real_proc),
	};

	return cmocka_run_group_tests(resolve, NULL, NULL);
}
