// SPDX-License-Identifier: GPL-2.0-or-later
/* The fixtures without another remark were recorded from containerd 1.6 with ctr and from runc
 * 1.1, and shortened. */
#include "tests/unit/collector/metadata_help.h"

#include <unistd.h>

#define TASKS "run/containerd/io.containerd.runtime.v2.task"

#define CTR_CONFIG(cgroup)                                                                         \
	"{\"ociVersion\":\"1.0.2-dev\",\"process\":{\"user\":{\"uid\":0,\"gid\":0},"               \
	"\"args\":[\"/bin/sleep\",\"10000\"],\"env\":[\"A=b\"],\"cwd\":\"/\",\"capabilities\":{"   \
	"\"bounding\":[\"CAP_CHOWN\",\"CAP_KILL\"],\"effective\":[\"CAP_CHOWN\",\"CAP_KILL\"]},"   \
	"\"noNewPrivileges\":true},\"root\":{\"path\":\"rootfs\",\"readonly\":true},\"mounts\":["  \
	"{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"                       \
	"{\"destination\":\"/ro\",\"type\":\"bind\",\"source\":\"/srv/img.tar\","                  \
	"\"options\":[\"rbind\",\"ro\"]}],\"annotations\":{\"team\":\"core\"},"                    \
	"\"linux\":{\"cgroupsPath\":\"" cgroup "\",\"namespaces\":[{\"type\":\"pid\"},"            \
	"{\"type\":\"ipc\"},{\"type\":\"uts\"},{\"type\":\"mount\"}],"                             \
	"\"maskedPaths\":[\"/proc/acpi\"]}}\n"

#define STATE(id, cgroup, labels)                                                                  \
	"{\"id\":\"" id "\",\"init_process_pid\":8852,\"init_process_start\":124432,"              \
	"\"created\":\"2026-11-21T23:13:43.429886206Z\",\"config\":{\"no_pivot_root\":false,"      \
	"\"rootfs\":\"/srv/bundle/rootfs\",\"readonlyfs\":true,\"hostname\":\"runc\",\"mounts\":[" \
	"{\"source\":\"/srv/img.tar\",\"destination\":\"/ro\",\"device\":\"bind\","                \
	"\"flags\":20481},{\"source\":\"proc\",\"destination\":\"/proc\",\"device\":\"proc\","     \
	"\"flags\":14}],\"namespaces\":[{\"type\":\"NEWPID\",\"path\":\"\"},"                      \
	"{\"type\":\"NEWNS\",\"path\":\"\"}],\"capabilities\":{\"Bounding\":[\"CAP_KILL\"],"       \
	"\"Effective\":[\"CAP_KILL\"],\"Ambient\":null},\"no_new_privileges\":true,"               \
	"\"labels\":[" labels "]},\"rootless\":false,\"cgroup_paths\":{"                           \
	"\"\":\"/sys/fs/cgroup/unified" cgroup "\",\"memory\":\"/sys/fs/cgroup/memory" cgroup      \
	"\"}}\n"

static bool find(const struct host *h, const char *path, pid_t pid, struct identity *out)
{
	return metadata_find_by_path(&h->roots, path, pid, out);
}

static void a_task_of_ctr_is_read_from_its_bundle(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ " TASKS "/ns1/c1/config.json\n" CTR_CONFIG(
		"/ns1/c1") "@ " TASKS "/ns1/c1/init.pid\n9281\n@ proc/9281/\n"
			   /* upperdir is the second of two mounts with a similar name */
			   "@ proc/1/mountinfo\n"
			   "1 1 0:1 / /" TASKS
			   "/ns1/c1/rootfs2 rw - overlay overlay rw,upperdir=/no\n"
			   "429 332 0:146 / /" TASKS
			   "/ns1/c1/rootfs rw,relatime - overlay overlay rw,"
			   "lowerdir=/snapshots/1/fs,upperdir=/snapshots/4/fs,workdir=/snapshots/4/"
			   "work\n"
			   "@ run/containerd/runc/ns1/c1/state.json\n" STATE("c1", "/ns1/c1", ""));
	struct identity id = identity_of(RUNTIME_CONTAINERD, "c1");
	struct metadata *loaded = NULL;
	struct host h;

	(void)state;
	host_of(&h, &t, NULL);
	snprintf(id.name_space, sizeof(id.name_space), "ns1");
	tree_write(&t, "proc/9281/stat", "", 0);
	assert_int_equal(metadata_load(&loaded, &h.roots, &id, "/ns1/c1", 0, NULL), 0);
	AUTO(metadata_free) struct metadata *m = loaded;

	assert_int_equal(m->runtime, RUNTIME_CONTAINERD);
	assert_string_equal(m->name, "c1");
	assert_string_equal(m->name_space, "ns1");
	assert_null(m->image); /* only in containerd's database */
	assert_string_equal(m->command, "/bin/sleep 10000");
	assert_string_equal(m->user, "0:0");
	assert_string_equal(metadata_label(m, "team"), "core");
	assert_string_equal(m->seccomp, "unconfined");
	assert_string_equal(m->apparmor, "unconfined");
	assert_true(m->read_only_root);
	assert_false(m->privileged);
	assert_string_equal(namespace_of(m, "network"), "host");
	assert_string_equal(namespace_of(m, "pid"), "own");
	assert_string_equal(m->writable_layer, "/snapshots/4/fs");
	assert_int_equal(m->pid, 9281);
	assert_int_equal(m->state, STATE_RUNNING);
	assert_int_equal(m->created_unix_ns, 1795302823429886206ULL);
	assert_int_not_equal(metadata_stamp(&h.roots, &id), 0);
}

#define POD "0123abcd-0000-1111-2222-333344445555"
#define HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

/* By hand, from the annotations that containerd's CRI plugin writes. */
static void a_kubernetes_container_of_containerd_knows_its_pod(void **state)
{
	AUTO_TREE struct tree t = tree_make(
		"@ " TASKS "/k8s.io/" HEX "/config.json\n"
		"{\"process\":{\"args\":[\"nginx\"]},\"root\":{\"path\":\"rootfs\"},"
		"\"annotations\":{\"io.kubernetes.cri.container-name\":\"web\","
		"\"io.kubernetes.cri.container-type\":\"container\","
		"\"io.kubernetes.cri.image-name\":\"docker.io/library/nginx:1.25\","
		"\"io.kubernetes.cri.sandbox-id\":\"aa\",\"io.kubernetes.cri.sandbox-name\":\"web-"
		"0\","
		"\"io.kubernetes.cri.sandbox-namespace\":\"prod\","
		"\"io.kubernetes.cri.sandbox-uid\":\"" POD "\"},\"linux\":{\"cgroupsPath\":"
		"\"kubepods-pod0123.slice:cri-containerd:" HEX "\",\"namespaces\":["
		"{\"type\":\"network\",\"path\":\"/proc/77/ns/net\"}]}}\n"
		"@ var/log/pods/prod_web-0_" POD "/web/0.log\nx\n"
		"@ var/log/pods/prod_web-0_" POD "/web/10.log\nx\n"
		"@ var/log/pods/prod_web-0_" POD "/web/9.log\nx\n"
		"@ var/log/pods/prod_web-0_" POD "/web/11.log.20261121-230000\nx\n");
	struct host h;

	(void)state;
	AUTO(metadata_free)
	struct metadata *m =
		load(host_of(&h, &t, NULL), RUNTIME_NONE, HEX, "/kubepods/pod" POD "/" HEX, 0);

	assert_non_null(m);
	assert_int_equal(m->runtime, RUNTIME_CONTAINERD);
	assert_string_equal(m->name_space, "k8s.io");
	assert_string_equal(m->name, HEX);
	assert_string_equal(m->image, "docker.io/library/nginx:1.25");
	assert_string_equal(m->pod_name, "web-0");
	assert_string_equal(m->pod_namespace, "prod");
	assert_string_equal(m->pod_uid, POD);
	assert_string_equal(m->pod_container, "web");
	assert_false(m->sandbox);
	assert_string_equal(m->log_path, "/var/log/pods/prod_web-0_" POD "/web/10.log");
	assert_true(m->has_restart_count);
	assert_int_equal(m->restart_count, 10);
	assert_string_equal(namespace_of(m, "network"), "/proc/77/ns/net");
}

/* By hand: no seccomp, no masked paths, CAP_SYS_ADMIN is what the CRI's "privileged" amounts to. */
static void a_privileged_sandbox_is_recognised(void **state)
{
	AUTO_TREE struct tree t =
		tree_make("@ " TASKS "/k8s.io/" HEX "/config.json\n"
			  "{\"process\":{\"capabilities\":{\"effective\":[\"CAP_SYS_ADMIN\"]}},"
			  "\"annotations\":{\"io.kubernetes.cri.container-type\":\"sandbox\"},"
			  "\"linux\":{\"namespaces\":[{\"type\":\"network\",\"path\":\"/proc/1/ns/"
			  "net\"}]}}\n");
	struct host h;

	(void)state;
	AUTO(metadata_free)
	struct metadata *m = load(host_of(&h, &t, NULL), RUNTIME_CONTAINERD, HEX, "/x", 0);

	assert_non_null(m);
	assert_true(m->privileged);
	assert_true(m->sandbox);
	assert_string_equal(namespace_of(m, "network"), "host");
}

static void a_runc_container_is_found_by_its_cgroup_path(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ run/runc/rc0/state.json\n" STATE(
		"rc0", "/other/cg",
		"") "@ run/runc/rc1/state.json\n" STATE("rc1", "/strange/cg",
							"\"bundle=/srv/bundle\"") "@ "
										  "srv/bundle/"
										  "config."
										  "json"
										  "\n" CTR_CONFIG(
											  "/strange"
											  "/"
											  "cg"));
	struct identity id;
	struct host h;

	(void)state;
	host_of(&h, &t, NULL);
	assert_false(find(&h, "/cg", 0, &id));
	assert_false(find(&h, "/strange/cg/below", 0, &id));
	assert_false(find(&h, "/", 0, &id));
	assert_true(find(&h, "/strange/cg", 0, &id));
	assert_int_equal(id.kind, CGROUP_CONTAINER);
	assert_int_equal(id.runtime, RUNTIME_RUNC);
	assert_string_equal(id.id, "rc1");

	AUTO(metadata_free) struct metadata *m = load(&h, id.runtime, id.id, "/strange/cg", 0);

	assert_non_null(m);
	assert_string_equal(m->name, "rc1");
	assert_string_equal(m->command, "/bin/sleep 10000");
	assert_int_equal(m->state, STATE_EXITED); /* 8852 is not in this /proc */
	assert_false(m->has_exit);
}

static void a_bundle_used_again_for_another_container_is_left_alone(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ run/runc/rc1/state.json\n" STATE(
		"rc1", "/strange/cg",
		"\"bundle=/srv/bundle\"") "@ "
					  "srv/bundle/config.json\n" CTR_CONFIG(
						  "/strange2/cg") "@ run/runc/rc1/exec.fifo\n");
	struct host h;

	(void)state;
	AUTO(metadata_free)
	struct metadata *m = load(host_of(&h, &t, NULL), RUNTIME_RUNC, "rc1", "/strange/cg", 0);

	assert_non_null(m);
	assert_null(m->command); /* runc's own state does not have it; the rest it has */
	assert_true(m->details_known);
	assert_string_equal(m->hostname, "runc");
	assert_int_equal(m->capabilities_n, 1);
	assert_true(has_capability(m, "CAP_KILL"));
	assert_true(mount_at(m, "/ro")->read_only);
	assert_false(mount_at(m, "/proc")->read_only);
	assert_string_equal(namespace_of(m, "pid"), "own");
	assert_string_equal(namespace_of(m, "network"), "host");
	assert_string_equal(m->seccomp, "unconfined");
	assert_true(m->read_only_root);
	assert_int_equal(m->state, STATE_CREATED); /* exec.fifo is still there */
}

/* By hand: crun 1.x writes "status", and the cgroup's path without the first slash at times. */
static void a_crun_container_is_found_by_its_cgroup_path(void **state)
{
	AUTO_TREE struct tree t = tree_make(
		"@ run/crun/box/status\n{\"pid\":42,\"process-start-time\":7,"
		"\"cgroup-path\":\"system.slice/crun-box.scope\",\"scope\":\"crun-box.scope\","
		"\"rootfs\":\"/srv/box/rootfs\",\"systemd-cgroup\":true,\"bundle\":\"/srv/box\","
		"\"created\":\"2026-11-21T23:13:43.429886Z\",\"detached\":true}\n"
		"@ srv/box/config.json\n" CTR_CONFIG(
			"system.slice:crun:box") "@ proc/42/stat\nx\n");
	struct identity id;
	struct host h;

	(void)state;
	host_of(&h, &t, NULL);
	assert_true(find(&h, "/system.slice/crun-box.scope", 0, &id));
	assert_string_equal(id.id, "box");
	AUTO(metadata_free)
	struct metadata *m = load(&h, id.runtime, id.id, "/system.slice/crun-box.scope", 0);

	assert_non_null(m);
	assert_string_equal(m->command, "/bin/sleep 10000");
	assert_int_equal(m->pid, 42);
	assert_int_equal(m->state, STATE_RUNNING);
}

static void a_task_is_found_by_its_cgroup_path_under_both_drivers(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ " TASKS "/ns1/c2/config.json\n" CTR_CONFIG(
		"/odd/place") "@ " TASKS
			      "/ns1/c3/config.json\n" CTR_CONFIG(
				      "my.slice:run-c:c-3") "@ " TASKS
							    "/moby/d1/config.json\n" CTR_CONFIG(
								    "user/relative/d1"));
	struct identity id;
	struct host h;

	(void)state;
	host_of(&h, &t, NULL);
	assert_true(find(&h, "/odd/place", 0, &id));
	assert_string_equal(id.id, "c2");
	assert_string_equal(id.name_space, "ns1");
	assert_int_equal(id.runtime, RUNTIME_CONTAINERD);
	assert_true(find(&h, "/my.slice/run-c-c-3.scope", 0, &id));
	assert_string_equal(id.id, "c3");
	assert_false(find(&h, "/your.slice/run-c-c-3.scope", 0, &id));
	assert_true(find(&h, "/parent/user/relative/d1", 0, &id));
	assert_int_equal(id.runtime, RUNTIME_DOCKER);
	assert_false(find(&h, "/parent/xuser/relative/d1", 0, &id));
}

#define CTD "srv/ctd/state/io.containerd.runtime.v2.task"

static void a_private_containerd_is_found_through_the_shim(void **state)
{
	static const char cmdline[] = "/usr/bin/containerd-shim-runc-v2\0-namespace\0ns1\0-id\0c1\0"
				      "-address\0/srv/ctd/ctd.sock";
	AUTO_TREE struct tree t = tree_make("@ " CTD "/ns1/c1/config.json\n" CTR_CONFIG(
		"/ns1/c1") "@ " CTD
			   "/ns1/c2/config.json\n" CTR_CONFIG(
				   "/odd/place") "@ proc/91/status\nPPid:\t90\nNSpid:\t91\t1\n@ "
						 "proc/91/cgroup\n0::/odd/place\n"
						 "@ proc/90/cgroup\n0::/\n"
						 "@ proc/90/cwd -> /" CTD "/ns1/c1\n");
	AUTO(metadata_cache_free) struct metadata_cache *cache = metadata_cache_new();
	struct identity id;
	struct host h;

	(void)state;
	tree_write(&t, "proc/90/cmdline", cmdline, sizeof(cmdline));
	add_shim_status(&t, 90, geteuid());
	host_of(&h, &t, cache);
	assert_false(find(&h, "/odd/place", 0, &id));
	/* one shim, named after c1, serves both */
	assert_true(find(&h, "/odd/place", 91, &id));
	assert_string_equal(id.id, "c2");
	assert_string_equal(id.name_space, "ns1");
	assert_true(find(&h, "/odd/place", 0, &id)); /* remembered */
	AUTO(metadata_free) struct metadata *m = load(&h, id.runtime, id.id, "/odd/place", 0);

	assert_non_null(m);
	assert_string_equal(m->name_space, "ns1");
}

static void a_private_root_of_runc_is_found_on_its_command_line(void **state)
{
	static const char cmdline[] = "/usr/sbin/runc\0--root=/srv/state\0run\0box";
	AUTO_TREE struct tree t = tree_make("@ srv/state/box/state.json\n" STATE(
		"box", "/strange/cg",
		"") "@ proc/91/status\nPPid:\t90\nNSpid:\t91\t1\n@ proc/91/cgroup\n0::/strange/cg\n"
		    "@ proc/90/cgroup\n0::/\n");
	AUTO(metadata_cache_free) struct metadata_cache *cache = metadata_cache_new();
	struct identity id;
	struct host h;

	(void)state;
	tree_write(&t, "proc/90/cmdline", cmdline, sizeof(cmdline));
	add_shim_status(&t, 90, geteuid());
	host_of(&h, &t, cache);
	assert_true(find(&h, "/strange/cg", 91, &id));
	assert_string_equal(id.id, "box");
	AUTO(metadata_free) struct metadata *m = load(&h, id.runtime, id.id, "/strange/cg", 0);

	assert_non_null(m);
	assert_true(m->details_known);
}

static void bad_states_and_command_lines_find_nothing(void **state)
{
	static const char *const states[] = {
		"{\"cgroup_paths\":{\"memory\":7,\"\":\"/strange/cg\"}}",
		"{\"cgroup_paths\":[\"/sys/fs/cgroup/memory/strange/cg\"]}",
		"{\"cgroup-path\":3, \"x\":\"cg\"}",
		"{\"cgroup_paths\":{\"memory\":\"/sys/fs/cgroup/memory/strange/cg",
		"[\"cg\"]",
		"",
	};
	static const char *const cmdlines[] = { "runc", "/usr/bin/containerd-shim-runc-v2",
						"conmon\0-c", "\0\0\0", "runc\0--root" };
	struct identity id = { .kind = CGROUP_OTHER };

	(void)state;
	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++) {
		AUTO_TREE struct tree t =
			tree_make("@ proc/91/status\nPPid:\t90\n@ proc/90/status\nPPid:\t91\n"
				  "@ run/runc/ok\nx\n");
		struct host h;

		tree_write(&t, "run/runc/box/state.json", states[i], strlen(states[i]));
		tree_write(&t, "proc/90/cmdline", cmdlines[i % 5], strlen(cmdlines[i % 5]) + 1);
		assert_false(find(host_of(&h, &t, NULL), "/strange/cg", 91, &id));
		assert_int_equal(id.kind, CGROUP_OTHER);
	}
}

static void the_places_remembered_are_bounded(void **state)
{
	AUTO(metadata_cache_free) struct metadata_cache *cache = metadata_cache_new();
	static const char cmdline[] = "/usr/bin/containerd-shim-runc-v2\0-namespace\0n\0-id\0c1\0"
				      "-address\0/a.sock";
	struct identity id;

	(void)state;
	for (int i = 0; i < 40; i++) {
		AUTO_TREE struct tree t = tree_make("@ proc/91/status\nPPid:\t90\n"
						    "@ proc/90/cgroup\n0::/\n");
		char path[200];
		struct host h;

		snprintf(path, sizeof(path), "srv/%d/tasks/n/c1/config.json", i);
		tree_write(&t, path, CTR_CONFIG("/a/b"), strlen(CTR_CONFIG("/a/b")));
		tree_write(&t, "proc/90/cmdline", cmdline, sizeof(cmdline));
		add_shim_status(&t, 90, geteuid());
		host_of(&h, &t, cache);
		/* the link is absolute on the host: made by hand for each round */
		char link[300], target[200];

		snprintf(link, sizeof(link), "%s/proc/90/cwd", t.path);
		snprintf(target, sizeof(target), "/srv/%d/tasks/n/c1", i);
		assert_int_equal(symlink(target, link), 0);
		assert_true(find(&h, "/a/b", 91, &id));
		assert_true(find(&h, "/a/b", 0, &id)); /* the newest always has a place */
	}
}

int main(void)
{
	const struct CMUnitTest metadata_oci[] = {
		cmocka_unit_test(a_task_of_ctr_is_read_from_its_bundle),
		cmocka_unit_test(a_kubernetes_container_of_containerd_knows_its_pod),
		cmocka_unit_test(a_privileged_sandbox_is_recognised),
		cmocka_unit_test(a_runc_container_is_found_by_its_cgroup_path),
		cmocka_unit_test(a_bundle_used_again_for_another_container_is_left_alone),
		cmocka_unit_test(a_crun_container_is_found_by_its_cgroup_path),
		cmocka_unit_test(a_task_is_found_by_its_cgroup_path_under_both_drivers),
		cmocka_unit_test(a_private_containerd_is_found_through_the_shim),
		cmocka_unit_test(a_private_root_of_runc_is_found_on_its_command_line),
		cmocka_unit_test(bad_states_and_command_lines_find_nothing),
		cmocka_unit_test(the_places_remembered_are_bounded),
	};

	return cmocka_run_group_tests(metadata_oci, NULL, NULL);
}
