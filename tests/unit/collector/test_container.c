// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "tests/unit/collector/state_fixture.h"

#define ID_A "aaaabbbbccccddddaaaabbbbccccddddaaaabbbbccccddddaaaabbbbccccdddd"
#define ID_B "aaaabbbb00001111aaaabbbbccccddddaaaabbbbccccddddaaaabbbbccccdddd"

static struct container *add(struct fixture *f, const char *id)
{
	char path[256];

	snprintf(path, sizeof(path), "/docker/%s", id);
	return fixture_add(f, CGROUP_CONTAINER, RUNTIME_DOCKER, id, path);
}

static void a_container_comes_once_and_is_found_by_its_path(void **state)
{
	AUTO_FIXTURE struct fixture f;
	struct identity id = { .kind = CGROUP_CONTAINER };
	struct container *c, *again = NULL;
	struct err e = { "" };

	(void)state;
	fixture_init(&f, 8, false);
	c = add(&f, ID_A);
	assert_ptr_equal(container_table_find_path(f.table, c->cgroup_path), c);
	assert_null(container_table_find_path(f.table, "/docker/other"));
	assert_int_equal(
		container_table_add(f.table, CGROUP_CONTAINER, &id, c->cgroup_path, &again, &e),
		-EEXIST);
	assert_null(again);
	assert_string_equal(c->key, "docker-" ID_A);
}

static void a_full_table_refuses_counts_and_takes_again_after_an_end(void **state)
{
	AUTO_FIXTURE struct fixture f;
	struct identity id = { .kind = CGROUP_CONTAINER };
	struct container *c, *a;
	struct err e = { "" };

	(void)state;
	fixture_init(&f, 2, false);
	a = add(&f, ID_A);
	assert_int_equal(container_table_add(f.table, CGROUP_CONTAINER, &id, "/x", &c, &e),
			 -ENOSPC);
	assert_int_equal(container_table_stats(f.table).refused, 1);
	uint32_t slot = a->slot;

	container_table_end(f.table, a, 1, 1);
	assert_int_equal(add(&f, ID_B)->slot, slot);
}

static void keys_are_safe_as_file_names_and_stay_apart(void **state)
{
	AUTO_FIXTURE struct fixture f;
	char longest[CONTAINER_ID_BYTES];
	struct container *a, *b;

	(void)state;
	fixture_init(&f, 8, false);
	a = fixture_add(&f, CGROUP_CONTAINER, RUNTIME_LXC, "../etc/x y", "/lxc/1");
	assert_string_equal(a->key, "lxc-..~2fetc~2fx~20y");
	memset(longest, '/', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	a = fixture_add(&f, CGROUP_CONTAINER, RUNTIME_LXC, longest, "/lxc/2");
	longest[sizeof(longest) - 2] = '?';
	b = fixture_add(&f, CGROUP_CONTAINER, RUNTIME_LXC, longest, "/lxc/3");
	assert_true(strlen(a->key) < CONTAINER_KEY_BYTES);
	assert_string_not_equal(a->key, b->key);
	/* one id at two cgroups */
	a = fixture_add(&f, CGROUP_CONTAINER, RUNTIME_PODMAN, "x", "/a");
	b = fixture_add(&f, CGROUP_CONTAINER, RUNTIME_PODMAN, "x", "/a/container");
	assert_string_equal(a->key, "podman-x");
	assert_string_not_equal(a->key, b->key);
}

static void an_ended_container_leaves_the_live_list_and_expires(void **state)
{
	AUTO_FIXTURE struct fixture f;
	struct container *const *list, *a;

	(void)state;
	fixture_init(&f, 8, false);
	a = add(&f, ID_A);
	uint64_t percpu = 1;
	a->sample.percpu_ns = &percpu;
	container_table_end(f.table, a, 5, 100);
	assert_true(a->ended);
	assert_null(a->sample.percpu_ns); /* it belongs to the sampler, which lets go of it */
	assert_null(container_table_find_path(f.table, "/docker/" ID_A));
	assert_int_equal(container_table_live(f.table, &list), 1);
	assert_int_equal(container_table_ended(f.table, &list), 1);
	container_table_expire(f.table, 150, 100);
	assert_int_equal(container_table_ended(f.table, &list), 1);
	container_ref(a);
	container_table_expire(f.table, 201, 100);
	assert_int_equal(container_table_ended(f.table, &list), 0);
	assert_string_equal(a->id.id, ID_A); /* the reader's reference keeps it */
	container_unref(a);
}

static void a_restarted_container_supersedes_its_earlier_life(void **state)
{
	AUTO_FIXTURE struct fixture f;
	struct container *a, *b, *found;

	(void)state;
	fixture_init(&f, 8, false);
	a = add(&f, ID_A);
	container_table_end(f.table, a, 5, 100);
	assert_false(a->superseded);
	b = add(&f, ID_A);
	assert_true(a->superseded);
	assert_int_equal(container_table_lookup(f.table, ID_A, &found), 0);
	assert_ptr_equal(found, b);
	container_table_end(f.table, b, 6, 200);
	assert_false(b->superseded);
	assert_int_equal(container_table_lookup(f.table, "aaaabbbb", &found), 0);
	assert_ptr_equal(found, b);		   /* newest life first */
	container_table_expire(f.table, 250, 100); /* a alone */
	assert_int_equal(container_table_lookup(f.table, ID_A, &found), 0);
}

static void ended_containers_beyond_the_capacity_push_out_the_oldest(void **state)
{
	AUTO_FIXTURE struct fixture f;
	struct container *found;

	(void)state;
	fixture_init(&f, 8, false);
	for (unsigned i = 0; i < CONTAINER_MAX_ENDED + 3; i++) {
		char id[32];

		snprintf(id, sizeof(id), "id-%04u", i);
		container_table_end(f.table, add(&f, id), i, i);
	}
	assert_int_equal(container_table_stats(f.table).ended, CONTAINER_MAX_ENDED);
	assert_int_equal(container_table_stats(f.table).ended_refused, 3);
	assert_int_equal(container_table_lookup(f.table, "id-0002", &found), -ENOENT);
	assert_int_equal(container_table_lookup(f.table, "id-0003", &found), 0);
}

static void lookup_knows_ids_prefixes_names_and_ambiguity(void **state)
{
	AUTO_FIXTURE struct fixture f;
	struct container *a, *b, *found = NULL;

	(void)state;
	fixture_init(&f, 8, false);
	a = add(&f, ID_A);
	b = add(&f, ID_B);
	fixture_meta(a, "web", "nginx");
	fixture_meta(b, "db", "postgres");
	assert_int_equal(container_table_lookup(f.table, "aaaabbbbc", &found), 0);
	assert_ptr_equal(found, a);
	found = NULL;
	assert_int_equal(container_table_lookup(f.table, "aaaa", &found), -EEXIST);
	assert_int_equal(container_table_lookup(f.table, "aaa", &found), -ENOENT);
	assert_int_equal(container_table_lookup(f.table, "", &found), -ENOENT);
	assert_null(found);
	assert_int_equal(container_table_lookup(f.table, "db", &found), 0);
	assert_ptr_equal(found, b);
	assert_int_equal(container_table_lookup(f.table, "docker-" ID_A, &found), 0);
	assert_ptr_equal(found, a);
	container_table_end(f.table, a, 1, 1);
	assert_int_equal(container_table_lookup(f.table, "aaaa", &found), 0);
	assert_ptr_equal(found, b); /* live before ended */
	assert_int_equal(container_table_lookup(f.table, "web", &found), 0);
	assert_ptr_equal(found, a);
}

static void the_root_is_first_and_parents_know_their_children(void **state)
{
	AUTO_FIXTURE struct fixture f;
	struct container *const *list, *parent, *a;

	(void)state;
	fixture_init(&f, 8, false);
	container_table_end(f.table, f.root, 1, 1); /* and freed: it is no container */
	parent = fixture_add(&f, CGROUP_PARENT, RUNTIME_NONE, "", "/docker");
	f.root = fixture_add(&f, CGROUP_ROOT, RUNTIME_NONE, "", "/");
	a = add(&f, ID_A);
	assert_int_equal(container_table_live(f.table, &list), 3);
	assert_ptr_equal(list[0], f.root);
	assert_ptr_equal(a->parent, parent);
	assert_int_equal(parent->children, 1);
	container_table_end(f.table, parent, 1, 1);
	assert_null(a->parent); /* the root came after the parent, which then had none */
	assert_int_equal(container_table_stats(f.table).containers, 1);
	container_table_end(f.table, a, 1, 1);
	assert_int_equal(container_table_stats(f.table).ended, 1);
}

static void names_fall_back_to_the_id(void **state)
{
	AUTO_FIXTURE struct fixture f;
	struct container *a;

	(void)state;
	fixture_init(&f, 8, false);
	a = add(&f, ID_A);
	assert_string_equal(container_name(a), ID_A);
	assert_string_equal(container_image(a), "");
	assert_string_equal(container_name(f.root), "");
	fixture_meta(a, "web", NULL);
	assert_string_equal(container_name(a), "web");
	assert_string_equal(container_image(a), "");
}

int main(void)
{
	const struct CMUnitTest container[] = {
		cmocka_unit_test(a_container_comes_once_and_is_found_by_its_path),
		cmocka_unit_test(a_full_table_refuses_counts_and_takes_again_after_an_end),
		cmocka_unit_test(keys_are_safe_as_file_names_and_stay_apart),
		cmocka_unit_test(an_ended_container_leaves_the_live_list_and_expires),
		cmocka_unit_test(a_restarted_container_supersedes_its_earlier_life),
		cmocka_unit_test(ended_containers_beyond_the_capacity_push_out_the_oldest),
		cmocka_unit_test(lookup_knows_ids_prefixes_names_and_ambiguity),
		cmocka_unit_test(the_root_is_first_and_parents_know_their_children),
		cmocka_unit_test(names_fall_back_to_the_id),
	};

	return cmocka_run_group_tests(container, NULL, NULL);
}
