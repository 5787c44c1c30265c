// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/stat.h>

#include "tests/unit/detector/response_box.h"

#define C2	  "cg/docker/" ID
#define FREEZE_V2 C2 "/cgroup.freeze"
#define MAX_V2	  C2 "/cpu.max"
#define C1	  "cpu/docker/" ID
#define FREEZE_V1 "freezer/frz/" ID "/freezer.state"

static void a_freeze_is_made_and_undone_on_v2(void **state)
{
	AUTO_BOX struct box *b = box_make(V2_TREE, true);

	(void)state;
	box_open(b);
	assert_int_equal(box_begin(b, RESPONSE_FREEZE), 0);
	assert_string_equal(box_read(b, FREEZE_V2), "1");
	assert_string_equal(box_read(b, "cg/docker/other/cgroup.freeze"), "0");
	assert_int_equal(box_last(b)->kind, RESPONSE_BEGUN);
	assert_string_equal(box_last(b)->container, ID);
	assert_string_equal(box_last(b)->path, "/docker/" ID);
	assert_string_equal(box_last(b)->before, "0");
	assert_string_equal(box_last(b)->set, "1");
	assert_int_equal(files_in_journal(b), 1);
	assert_int_equal(response_undo(b->r, SPAN_LIT(ID)), 1);
	assert_string_equal(box_read(b, FREEZE_V2), "0");
	assert_int_equal(box_last(b)->kind, RESPONSE_UNDONE);
	assert_int_equal(box_last(b)->reason, RESPONSE_ASKED);
	assert_int_equal(files_in_journal(b), 0);
	assert_int_equal(response_undo(b->r, SPAN_LIT(ID)), 0);
	assert_int_equal(response_stats(b->r).active, 0);
}

static void a_freeze_on_v1_goes_where_the_process_is(void **state)
{
	AUTO_BOX struct box *b = box_make(V1_TREE, false);

	(void)state;
	box_open(b);
	assert_int_equal(box_begin(b, RESPONSE_FREEZE), 0);
	assert_string_equal(box_read(b, FREEZE_V1), "FROZEN");
	/* one of the same name, in which it is not */
	assert_string_equal(box_read(b, "freezer/docker/" ID "/freezer.state"), "THAWED");
	/* the kernel is still at it */
	box_write(b, FREEZE_V1, "FREEZING\n");
	assert_int_equal(response_undo_all(b->r), 1);
	assert_string_equal(box_read(b, FREEZE_V1), "THAWED");
	assert_int_equal(box_last(b)->reason, RESPONSE_END);
}

static void a_cgroup_that_others_share_is_not_frozen(void **state)
{
	AUTO_BOX struct box *b = box_make(V1_TREE, false);

	(void)state;
	box_open(b);
	box_write(b, "proc/4242/cgroup", "9:freezer:/\n7:memory:/docker/" ID "\n");
	assert_int_equal(box_begin(b, RESPONSE_FREEZE), -ENOENT);
	box_write(b, "proc/4242/cgroup", "9:freezer:/frz\n7:memory:/docker/" ID "\n");
	assert_int_equal(box_begin(b, RESPONSE_FREEZE), -ENOENT);
	assert_int_equal(files_in_journal(b), 0);
}

static void the_root_and_our_own_cgroup_are_refused(void **state)
{
	AUTO_BOX struct box *b = box_make(V2_TREE "@ cg/cgroup.freeze\n0\n", true);
	static const char *const bad[] = {
		"/", "", "//", "docker", ("/docker/../docker/" ID), "/."
	};
	char own[64];
	struct response_target t = box_target(ID, 0);

	(void)state;
	box_open(b);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		t.cgroup_path = bad[i];
		assert_int_equal(response_begin(b->r, &t, RESPONSE_FREEZE, NULL), -EPERM);
		assert_int_equal(response_begin(b->r, &t, RESPONSE_STOP, NULL), -EPERM);
	}
	t = box_target(ID, 0);
	snprintf(own, sizeof(own), "proc/%d/cgroup", (int)getpid());
	box_write(b, own, "0::/docker/" ID "/below\n");
	assert_int_equal(response_begin(b->r, &t, RESPONSE_FREEZE, NULL), -EPERM);
	box_write(b, own, "0::/docker/" ID "0\n"); /* a name that only begins like it */
	assert_int_equal(response_begin(b->r, &t, RESPONSE_FREEZE, NULL), 0);
}

static void what_is_frozen_by_somebody_else_is_not_ours_to_thaw(void **state)
{
	AUTO_BOX struct box *b = box_make(V2_TREE, true);

	(void)state;
	box_open(b);
	box_write(b, FREEZE_V2, "1\n");
	assert_int_equal(box_begin(b, RESPONSE_FREEZE), -EALREADY);
	assert_int_equal(response_undo_all(b->r), 0);
	assert_string_equal(box_read(b, FREEZE_V2), "1");
}

static void a_lease_ends_and_a_second_freeze_begins_it_anew(void **state)
{
	AUTO_BOX struct box *b = box_make(V2_TREE, true);

	(void)state;
	box_open(b);
	box_begin(b, RESPONSE_FREEZE);
	b->now_ns += 599 * NS_PER_S;
	response_tick(b->r);
	assert_string_equal(box_read(b, FREEZE_V2), "1");
	assert_int_equal(box_begin(b, RESPONSE_FREEZE), -EALREADY);
	b->now_ns += 599 * NS_PER_S;
	response_tick(b->r);
	assert_string_equal(box_read(b, FREEZE_V2), "1");
	b->now_ns += NS_PER_S;
	response_tick(b->r);
	assert_string_equal(box_read(b, FREEZE_V2), "0");
	assert_int_equal(box_last(b)->kind, RESPONSE_UNDONE);
	assert_int_equal(box_last(b)->reason, RESPONSE_LEASE);
}

static void a_pause_has_no_lease_and_ends_that_of_a_freeze(void **state)
{
	AUTO_BOX struct box *b = box_make(V2_TREE, true);

	(void)state;
	box_open(b);
	box_begin(b, RESPONSE_FREEZE);
	assert_true(box_last(b)->until_unix_ns > 0);
	assert_int_equal(box_begin(b, RESPONSE_PAUSE), -EALREADY);
	assert_int_equal(box_begin(b, RESPONSE_FREEZE), -EALREADY); /* does not bring one back */
	b->now_ns += 100000 * NS_PER_S;
	response_tick(b->r);
	assert_string_equal(box_read(b, FREEZE_V2), "1");
	response_undo(b->r, SPAN_LIT(ID));
	assert_int_equal(box_begin(b, RESPONSE_PAUSE), 0);
	assert_int_equal(box_last(b)->action, RESPONSE_PAUSE);
	assert_int_equal(box_last(b)->until_unix_ns, 0);
}

static void leaving_enforce_undoes_what_is_of_that_image(void **state)
{
	AUTO_BOX struct box *b = box_make(V2_TREE, true);
	struct response_target t = box_target("other", 0);

	(void)state;
	box_open(b);
	t.image = SPAN_LIT("docker.io/library/db");
	assert_int_equal(response_begin(b->r, &t, RESPONSE_FREEZE, NULL), 0);
	assert_int_equal(box_begin(b, RESPONSE_FREEZE), 0);
	assert_int_equal(box_begin(b, RESPONSE_THROTTLE), 0);
	assert_int_equal(response_undo_image(b->r, SPAN_LIT("docker.io/library/web")), 2);
	assert_string_equal(box_read(b, FREEZE_V2), "0");
	assert_string_equal(box_read(b, MAX_V2), "max 100000");
	assert_string_equal(box_read(b, "cg/docker/other/cgroup.freeze"), "1");
}

/* --- throttle ----------------------------------------------------------------------------------
 */

static void a_throttle_is_a_share_of_one_cpu(void **state)
{
	AUTO_BOX struct box *b = box_make(V2_TREE, true);

	(void)state;
	box_open(b);
	assert_int_equal(box_begin(b, RESPONSE_THROTTLE), 0);
	assert_string_equal(box_read(b, MAX_V2), "10000 100000");
	response_undo_all(b->r);
	assert_string_equal(box_read(b, MAX_V2), "max 100000");
}

static void a_throttle_is_a_share_of_what_it_had(void **state)
{
	AUTO_BOX struct box *b = box_make(V2_TREE, true);

	(void)state;
	b->set.limits.throttle_of_limit = true;
	b->set.limits.throttle_percent = 50;
	box_open(b);
	assert_int_equal(box_begin(b, RESPONSE_THROTTLE), 0);
	assert_string_equal(box_read(b, MAX_V2), "100000 100000"); /* half of two CPUs */
	response_undo_all(b->r);
	box_write(b, MAX_V2, "30000 10000\n");
	assert_int_equal(box_begin(b, RESPONSE_THROTTLE), 0);
	assert_string_equal(box_read(b, MAX_V2), "15000 10000");
	response_undo_all(b->r);
	box_write(b, "cg/docker/cpu.max", "50000 100000\n"); /* the parent's counts too */
	assert_int_equal(box_begin(b, RESPONSE_THROTTLE), 0);
	assert_string_equal(box_read(b, MAX_V2), "2500 10000");
	response_undo_all(b->r);
	assert_string_equal(box_read(b, MAX_V2), "30000 10000");
}

static void a_throttle_never_raises(void **state)
{
	AUTO_BOX struct box *b = box_make(V2_TREE, true);

	(void)state;
	box_open(b);
	box_write(b, MAX_V2, "10000 100000\n");
	assert_int_equal(box_begin(b, RESPONSE_THROTTLE), -EALREADY);
	box_write(b, MAX_V2, "2000 100000\n");
	assert_int_equal(box_begin(b, RESPONSE_THROTTLE), -EALREADY);
	box_write(b, MAX_V2, "max 100000\n");
	box_write(b, "cg/docker/cpu.max", "5000 100000\n"); /* the parent has less already */
	assert_int_equal(box_begin(b, RESPONSE_THROTTLE), -EALREADY);
	assert_string_equal(box_read(b, MAX_V2), "max 100000");
}

static void a_throttle_leaves_what_the_kernel_wants_at_least(void **state)
{
	AUTO_BOX struct box *b = box_make(V2_TREE, true);

	(void)state;
	b->set.limits.throttle_percent = 1;
	box_open(b);
	box_write(b, MAX_V2, "50000 10000\n");
	assert_int_equal(box_begin(b, RESPONSE_THROTTLE), 0);
	assert_string_equal(box_read(b, MAX_V2), "1000 10000");
	response_undo_all(b->r);
	box_write(b, C2 "/cpu.max.burst", "20000\n");
	assert_int_equal(box_begin(b, RESPONSE_THROTTLE), 0);
	assert_string_equal(box_read(b, MAX_V2), "20000 10000");
}

static void strange_limits_are_not_touched(void **state)
{
	static const char *const bad[] = {
		"",
		"\n",
		"max\n",
		"max 0\n",
		"-1 100000\n",
		"1 2 3\n",
		"max 100000000\n",
		"0 100000\n",
		"99999999999999999999 1\n",
		"max 100000 and a very long line that never was a limit\n"
	};
	AUTO_BOX struct box *b = box_make(V2_TREE, true);

	(void)state;
	box_open(b);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		box_write(b, MAX_V2, bad[i]);
		assert_true(box_begin(b, RESPONSE_THROTTLE) < 0);
	}
	box_write(b, MAX_V2, "18446744073709551614 1000000\n");
	assert_int_equal(box_begin(b, RESPONSE_THROTTLE), 0);
	assert_string_equal(box_read(b, MAX_V2), "100000 1000000");
	response_undo_all(b->r);
	assert_string_equal(box_read(b, MAX_V2), "18446744073709551614 1000000");
}

static void limits_below_a_throttled_cgroup_of_v1_are_lowered_too(void **state)
{
	AUTO_BOX struct box *b = box_make(V1_TREE, false);

	(void)state;
	box_open(b);
	assert_int_equal(box_begin(b, RESPONSE_THROTTLE), 0);
	assert_string_equal(box_read(b, C1 "/cpu.cfs_quota_us"), "10000");
	assert_string_equal(box_read(b, C1 "/deep/cpu.cfs_quota_us"), "5000");
	assert_string_equal(box_read(b, C1 "/deep/er/cpu.cfs_quota_us"), "5000");
	assert_string_equal(box_read(b, C1 "/free/cpu.cfs_quota_us"), "-1");
	assert_string_equal(box_last(b)->before, "max 100000");
	assert_string_equal(box_last(b)->set, "10000 100000");
	response_undo_all(b->r);
	assert_string_equal(box_read(b, C1 "/cpu.cfs_quota_us"), "-1");
	assert_string_equal(box_read(b, C1 "/deep/cpu.cfs_quota_us"), "50000");
	assert_string_equal(box_read(b, C1 "/deep/er/cpu.cfs_quota_us"), "40000");
}

static void too_many_limits_below_are_refused_whole(void **state)
{
	AUTO_BOX struct box *b = box_make(V1_TREE, false);
	char name[160];

	(void)state;
	box_open(b);
	for (unsigned i = 0; i < RESPONSE_MAX_CHANGES; i++) {
		snprintf(name, sizeof(name), C1 "/n%u/cpu.cfs_quota_us", i);
		box_write(b, name, "90000\n");
		snprintf(name, sizeof(name), C1 "/n%u/cpu.cfs_period_us", i);
		box_write(b, name, "100000\n");
	}
	assert_int_equal(box_begin(b, RESPONSE_THROTTLE), -E2BIG);
	assert_string_equal(box_read(b, C1 "/cpu.cfs_quota_us"), "-1");
	assert_string_equal(box_read(b, C1 "/n3/cpu.cfs_quota_us"), "90000");
}

/* --- others ------------------------------------------------------------------------------------
 */

static void a_value_that_somebody_changed_is_left_alone_and_told(void **state)
{
	AUTO_BOX struct box *b = box_make(V2_TREE, true);

	(void)state;
	box_open(b);
	box_begin(b, RESPONSE_THROTTLE);
	box_write(b, MAX_V2, "70000 100000\n");
	assert_int_equal(response_undo(b->r, SPAN_LIT(ID)), 1);
	assert_string_equal(box_read(b, MAX_V2), "70000 100000");
	assert_int_equal(box_last(b)->kind, RESPONSE_LEFT);
	assert_non_null(strstr(box_last(b)->text, "70000 100000"));
	assert_int_equal(files_in_journal(b), 0);
	assert_int_equal(response_stats(b->r).left, 1);
}

static void what_somebody_ended_can_begin_again(void **state)
{
	AUTO_BOX struct box *b = box_make(V2_TREE, true);

	(void)state;
	box_open(b);
	box_begin(b, RESPONSE_FREEZE);
	box_write(b, FREEZE_V2, "0\n");
	assert_int_equal(box_begin(b, RESPONSE_FREEZE), 0);
	assert_string_equal(box_read(b, FREEZE_V2), "1");
	assert_int_equal(files_in_journal(b), 1);
}

static void a_directory_that_was_replaced_is_not_touched(void **state)
{
	AUTO_BOX struct box *b = box_make(V2_TREE, true);
	char old[256], new[256];

	(void)state;
	box_open(b);
	box_begin(b, RESPONSE_FREEZE);
	snprintf(old, sizeof(old), "%s/" C2, b->t.path);
	snprintf(new, sizeof(new), "%s/cg/away", b->t.path);
	assert_int_equal(rename(old, new), 0);
	box_write(b, FREEZE_V2, "1\n"); /* just as we left it, but another */
	response_undo_all(b->r);
	assert_string_equal(box_read(b, FREEZE_V2), "1");
	assert_int_equal(box_last(b)->kind, RESPONSE_LEFT);
	assert_int_equal(files_in_journal(b), 0);
}

static void a_container_that_is_gone_is_forgotten(void **state)
{
	AUTO_BOX struct box *b = box_make(V2_TREE, true);
	char old[256], new[256];

	(void)state;
	box_open(b);
	box_begin(b, RESPONSE_PAUSE);
	snprintf(old, sizeof(old), "%s/" C2, b->t.path);
	snprintf(new, sizeof(new), "%s/cg/away", b->t.path);
	assert_int_equal(rename(old, new), 0);
	response_tick(b->r);
	b->now_ns += RESPONSE_RETRY_NS;
	response_tick(b->r);
	assert_int_equal(box_last(b)->kind, RESPONSE_UNDONE);
	assert_int_equal(files_in_journal(b), 0);
	assert_int_equal(response_stats(b->r).active, 0);
	assert_string_equal(box_read(b, "cg/away/cgroup.freeze"), "1");
}

/* A directory in the file's place stands for a kernel that refuses the write. */
static void block(const struct box *b, const char *name, bool on)
{
	char path[256], away[300];

	snprintf(path, sizeof(path), "%s/%s", b->t.path, name);
	snprintf(away, sizeof(away), "%s.away", path);
	if (on) {
		assert_int_equal(rename(path, away), 0);
		assert_int_equal(mkdir(path, 0700), 0);
	} else {
		assert_int_equal(rmdir(path), 0);
		assert_int_equal(rename(away, path), 0);
	}
}

static void what_cannot_be_undone_stays_is_told_once_and_tried_again(void **state)
{
	AUTO_BOX struct box *b = box_make(V2_TREE, true);

	(void)state;
	box_open(b);
	box_begin(b, RESPONSE_FREEZE);
	block(b, FREEZE_V2, true);
	assert_int_equal(response_undo(b->r, SPAN_LIT(ID)), 0);
	assert_int_equal(box_last(b)->kind, RESPONSE_FAILED);
	assert_true(box_last(b)->stays);
	assert_int_equal(response_stats(b->r).stuck, 1);
	assert_int_equal(files_in_journal(b), 1);
	const unsigned told = b->n;

	for (int i = 0; i < 5; i++) {
		b->now_ns += RESPONSE_RETRY_NS;
		response_tick(b->r);
	}
	assert_int_equal(b->n, told);
	block(b, FREEZE_V2, false);
	b->now_ns += RESPONSE_RETRY_NS;
	response_tick(b->r);
	assert_string_equal(box_read(b, FREEZE_V2), "0");
	assert_int_equal(box_last(b)->kind, RESPONSE_UNDONE);
	assert_int_equal(response_stats(b->r).stuck, 0);
	assert_int_equal(files_in_journal(b), 0);
}

static void what_could_not_be_undone_at_the_end_is_by_the_next_start(void **state)
{
	AUTO_BOX struct box *b = box_make(V2_TREE, true);

	(void)state;
	box_open(b);
	box_begin(b, RESPONSE_FREEZE);
	block(b, FREEZE_V2, true);
	response_free(b->r);
	b->r = NULL;
	assert_int_equal(files_in_journal(b), 1);
	box_open(b);
	assert_int_equal(response_recover(b->r, NULL), 0); /* still not, but known */
	assert_int_equal(response_stats(b->r).stuck, 1);
	block(b, FREEZE_V2, false);
	b->now_ns += RESPONSE_RETRY_NS;
	response_tick(b->r);
	assert_string_equal(box_read(b, FREEZE_V2), "0");
	assert_int_equal(files_in_journal(b), 0);
}

static void lower_own(const struct box *b)
{
	box_write(b, C1 "/cpu.cfs_quota_us", "90000\n");
}

static void half_a_throttle_is_taken_back(void **state)
{
	AUTO_BOX struct box *b = box_make(V1_TREE, false);

	(void)state;
	b->meddle = lower_own;
	box_open(b);
	assert_int_equal(box_begin(b, RESPONSE_THROTTLE), 0);
	assert_int_equal(box_last(b)->kind, RESPONSE_FAILED);
	assert_false(box_last(b)->stays);
	assert_non_null(strstr(box_last(b)->text, "became '90000 100000' meanwhile"));
	assert_string_equal(box_read(b, C1 "/cpu.cfs_quota_us"), "90000");
	assert_string_equal(box_read(b, C1 "/deep/cpu.cfs_quota_us"), "50000");
	assert_string_equal(box_read(b, C1 "/deep/er/cpu.cfs_quota_us"), "40000");
	assert_int_equal(files_in_journal(b), 0);
	assert_int_equal(response_stats(b->r).active, 0);
}

static void freeze_it(const struct box *b)
{
	box_write(b, FREEZE_V2, "1\n");
}

static void who_froze_it_just_before_us_keeps_it_frozen(void **state)
{
	AUTO_BOX struct box *b = box_make(V2_TREE, true);

	(void)state;
	b->meddle = freeze_it;
	box_open(b);
	assert_int_equal(box_begin(b, RESPONSE_FREEZE), 0);
	assert_int_equal(box_last(b)->kind, RESPONSE_FAILED);
	assert_string_equal(box_read(b, FREEZE_V2), "1");
	assert_int_equal(response_undo_all(b->r), 0);
	assert_string_equal(box_read(b, FREEZE_V2), "1");
}

static void responses_at_once_are_bounded(void **state)
{
	AUTO_BOX struct box *b = box_make(V2_TREE, true);
	char id[32], name[96];

	(void)state;
	box_open(b);
	for (unsigned i = 0; i <= RESPONSE_MAX; i++) {
		snprintf(id, sizeof(id), "c%u", i);
		snprintf(name, sizeof(name), "cg/docker/%s/cgroup.freeze", id);
		box_write(b, name, "0\n");
		const struct response_target t = box_target(id, 0);

		assert_int_equal(response_begin(b->r, &t, RESPONSE_FREEZE, NULL),
				 i < RESPONSE_MAX ? 0 : -ENOSPC);
	}
	assert_string_equal(box_read(b, name), "0");
	assert_int_equal(response_stats(b->r).refused, 1);
	assert_int_equal(response_stats(b->r).active, RESPONSE_MAX);
	assert_int_equal(response_undo_all(b->r), RESPONSE_MAX);
	assert_int_equal(files_in_journal(b), 0);
}

static void count(void *ctx, const struct response_view *v)
{
	unsigned *n = ctx;

	assert_true(v->begun_unix_ns > 0);
	assert_true(span_eq(v->container_id, ID));
	++*n;
}

static void those_in_force_are_listed(void **state)
{
	AUTO_BOX struct box *b = box_make(V2_TREE, true);
	unsigned n = 0;

	(void)state;
	box_open(b);
	box_begin(b, RESPONSE_FREEZE);
	box_begin(b, RESPONSE_THROTTLE);
	response_each(b->r, count, &n);
	assert_int_equal(n, 2);
}

/* --- with a worker -----------------------------------------------------------------------------
 */

struct turn {
	struct loop *loop;
	struct box *b;
	unsigned want;
};

static void look(void *ctx, uint32_t events)
{
	struct turn *t = ctx;

	(void)events;
	if (t->b->n >= t->want && files_in_journal(t->b) == (t->want == 2 ? 0U : 1U))
		loop_stop(t->loop);
}

static void the_change_waits_for_the_journal_and_not_the_loop(void **state)
{
	AUTO(loop_free) struct loop *loop = NULL;
	AUTO_BOX struct box *b = box_make(V2_TREE, true);
	struct loop_source *timer = NULL;

	(void)state;
	assert_int_equal(loop_new(&loop, NULL), 0);
	assert_int_equal(worker_new(&b->set.worker, loop, "test", NULL), 0);
	box_open(b);
	assert_int_equal(box_begin(b, RESPONSE_FREEZE), 0);
	assert_string_equal(box_read(b, FREEZE_V2), "0"); /* done() comes by the loop alone */
	assert_int_equal(box_begin(b, RESPONSE_FREEZE), -EALREADY);
	struct turn t = { loop, b, 1 };

	assert_int_equal(loop_add_timer(loop, NS_PER_MS, NS_PER_MS, look, &t, &timer, NULL), 0);
	assert_int_equal(loop_run(loop, NULL), 0);
	assert_string_equal(box_read(b, FREEZE_V2), "1");
	response_undo_all(b->r);
	assert_string_equal(box_read(b, FREEZE_V2), "0"); /* at once, without the disk */
	t.want = 2;
	assert_int_equal(loop_run(loop, NULL), 0);
	worker_free(b->set.worker);
}

static void what_is_called_off_while_being_written_never_begins(void **state)
{
	AUTO(loop_free) struct loop *loop = NULL;
	AUTO_BOX struct box *b = box_make(V2_TREE, true);

	(void)state;
	assert_int_equal(loop_new(&loop, NULL), 0);
	assert_int_equal(worker_new(&b->set.worker, loop, "test", NULL), 0);
	box_open(b);
	assert_int_equal(box_begin(b, RESPONSE_FREEZE), 0);
	assert_int_equal(response_undo(b->r, SPAN_LIT(ID)), 1);
	worker_free(b->set.worker);
	assert_int_equal(box_last(b)->kind, RESPONSE_FAILED);
	assert_string_equal(box_read(b, FREEZE_V2), "0");
	response_free(b->r);
	b->r = NULL;
	assert_int_equal(files_in_journal(b), 0);
}

static void the_end_of_the_worker_leaves_nothing_frozen(void **state)
{
	AUTO(loop_free) struct loop *loop = NULL;
	AUTO_BOX struct box *b = box_make(V2_TREE, true);

	(void)state;
	assert_int_equal(loop_new(&loop, NULL), 0);
	assert_int_equal(worker_new(&b->set.worker, loop, "test", NULL), 0);
	box_open(b);
	assert_int_equal(box_begin(b, RESPONSE_FREEZE), 0);
	assert_int_equal(box_begin(b, RESPONSE_THROTTLE), 0);
	worker_free(b->set.worker); /* whatever it came to */
	response_free(b->r);
	b->r = NULL;
	assert_string_equal(box_read(b, FREEZE_V2), "0");
	assert_string_equal(box_read(b, MAX_V2), "max 100000");
	assert_int_equal(files_in_journal(b), 0);
}

int main(void)
{
	const struct CMUnitTest response[] = {
		cmocka_unit_test(a_freeze_is_made_and_undone_on_v2),
		cmocka_unit_test(a_freeze_on_v1_goes_where_the_process_is),
		cmocka_unit_test(a_cgroup_that_others_share_is_not_frozen),
		cmocka_unit_test(the_root_and_our_own_cgroup_are_refused),
		cmocka_unit_test(what_is_frozen_by_somebody_else_is_not_ours_to_thaw),
		cmocka_unit_test(a_lease_ends_and_a_second_freeze_begins_it_anew),
		cmocka_unit_test(a_pause_has_no_lease_and_ends_that_of_a_freeze),
		cmocka_unit_test(leaving_enforce_undoes_what_is_of_that_image),
		cmocka_unit_test(a_throttle_is_a_share_of_one_cpu),
		cmocka_unit_test(a_throttle_is_a_share_of_what_it_had),
		cmocka_unit_test(a_throttle_never_raises),
		cmocka_unit_test(a_throttle_leaves_what_the_kernel_wants_at_least),
		cmocka_unit_test(strange_limits_are_not_touched),
		cmocka_unit_test(limits_below_a_throttled_cgroup_of_v1_are_lowered_too),
		cmocka_unit_test(too_many_limits_below_are_refused_whole),
		cmocka_unit_test(a_value_that_somebody_changed_is_left_alone_and_told),
		cmocka_unit_test(what_somebody_ended_can_begin_again),
		cmocka_unit_test(a_directory_that_was_replaced_is_not_touched),
		cmocka_unit_test(a_container_that_is_gone_is_forgotten),
		cmocka_unit_test(what_cannot_be_undone_stays_is_told_once_and_tried_again),
		cmocka_unit_test(what_could_not_be_undone_at_the_end_is_by_the_next_start),
		cmocka_unit_test(half_a_throttle_is_taken_back),
		cmocka_unit_test(who_froze_it_just_before_us_keeps_it_frozen),
		cmocka_unit_test(responses_at_once_are_bounded),
		cmocka_unit_test(those_in_force_are_listed),
		cmocka_unit_test(the_change_waits_for_the_journal_and_not_the_loop),
		cmocka_unit_test(what_is_called_off_while_being_written_never_begins),
		cmocka_unit_test(the_end_of_the_worker_leaves_nothing_frozen),
	};

	return cmocka_run_group_tests(response, NULL, NULL);
}
