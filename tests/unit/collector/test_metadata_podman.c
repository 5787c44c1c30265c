// SPDX-License-Identifier: GPL-2.0-or-later
/* The fixtures without another remark were recorded from podman 4.3 and shortened. */
#include "tests/unit/collector/metadata_help.h"

#define ID     "5d630b632e201e8a7b7afb0218072d1e3593fde39d34b197cd829bb2ebdfd11c"
#define LAYER  "0db08861ec238ca71359a06d75ccdf89b7164defd4b202440742f67af8714aa4"
#define IMAGE  "4b3bf79bbcf1a67024909c513f6f867590893fcea94ca2a179f47423d1377ad0"
#define CGROUP "/libpod_parent/libpod-" ID

#define INDEX                                                                                      \
	"[{\"id\":\"other\",\"names\":[\"other\"],\"metadata\":\"{\"},"                            \
	"{\"id\":\"" ID "\",\"names\":[\"pweb\"],\"image\":\"" IMAGE "\",\"layer\":\"" LAYER       \
	"\",\"metadata\":\"{\\\"image-name\\\":\\\"localhost/bh/pod:2\\\",\\\"image-id\\\":"       \
	"\\\"" IMAGE "\\\",\\\"name\\\":\\\"pweb\\\",\\\"created-at\\\":1795302767}\","            \
	"\"created\":\"2026-11-21T23:12:47.564597686Z\",\"flags\":{\"MountLabel\":\"\"}}]\n"

#define CONFIG(storage, extra)                                                                     \
	"{\"ociVersion\":\"1.0.2-dev\",\"process\":{\"user\":{\"uid\":7,\"gid\":0,\"umask\":18},"  \
	"\"args\":[\"sleep\",\"10000\"],\"capabilities\":{\"bounding\":[\"CAP_CHOWN\"],"           \
	"\"effective\":[\"CAP_NET_ADMIN\"]},\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\","             \
	"\"hard\":20000,\"soft\":20000}]},\"root\":{\"path\":\"/" storage "/overlay/" LAYER        \
	"/merged\",\"readonly\":true},\"hostname\":\"phost\",\"mounts\":["                         \
	"{\"destination\":\"/data\",\"type\":\"bind\",\"source\":\"/" storage                      \
	"/volumes/pvol/_data\",\"options\":[\"rw\",\"rprivate\",\"rbind\"]},"                      \
	"{\"destination\":\"/ro\",\"type\":\"bind\",\"source\":\"/srv/img.tar\","                  \
	"\"options\":[\"ro\",\"rprivate\",\"rbind\"]}],\"annotations\":{\"a.b\":\"c\","            \
	"\"io.container.manager\":\"libpod\","                                                     \
	"\"io.kubernetes.cri-o.Created\":\"2026-11-21T23:12:47.562126511Z\","                      \
	"\"io.kubernetes.cri-o.TTY\":\"false\",\"io.podman.annotations.autoremove\":"              \
	"\"FALSE\"" extra "},\"linux\":{\"cgroupsPath\":\"" CGROUP                                 \
	"\",\"namespaces\":[{\"type\":\"pid\"},"                                                   \
	"{\"type\":\"network\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},{\"type\":\"mount\"}],"      \
	"\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ERRNO\"},\"maskedPaths\":[\"/proc/acpi\"]}}\n"

#define STORAGE(root, extra)                                                                       \
	"@ " root "/overlay-containers/containers.json\n" INDEX "@ " root                          \
	"/overlay-containers/" ID                                                                  \
	"/userdata/config.json\n" CONFIG(root, extra) "@ " root "/overlay/" LAYER                  \
						      "/diff/\n@ " root "/overlay-containers/" ID  \
						      "/userdata/ctr.log\nx\n"

static void a_podman_container_is_read_from_its_storage(void **state)
{
	AUTO_TREE struct tree t = tree_make(STORAGE("var/lib/containers/storage",
						    "") "@ run/runc/" ID
							"/state.json\n{\"init_process_pid\":7203}\n"
							"@ proc/7203/stat\nx\n");
	struct identity id = identity_of(RUNTIME_PODMAN, ID);
	struct host h;

	(void)state;
	AUTO(metadata_free)
	struct metadata *m = load(host_of(&h, &t, NULL), RUNTIME_PODMAN, ID, CGROUP, 0);

	assert_non_null(m);
	assert_int_equal(m->runtime, RUNTIME_PODMAN);
	assert_string_equal(m->name, "pweb");
	assert_string_equal(m->image, "localhost/bh/pod:2");
	assert_string_equal(m->image_id, "sha256:" IMAGE);
	assert_string_equal(m->command, "sleep 10000");
	assert_string_equal(m->user, "7:0");
	assert_string_equal(m->hostname, "phost");
	assert_int_equal(m->state, STATE_RUNNING);
	assert_int_equal(m->pid, 7203);
	assert_int_equal(m->labels_n, 1); /* podman's own notes are left out */
	assert_string_equal(metadata_label(m, "a.b"), "c");
	assert_string_equal(mount_at(m, "/data")->type, "volume");
	assert_string_equal(mount_at(m, "/data")->volume, "pvol");
	assert_string_equal(mount_at(m, "/ro")->type, "bind");
	assert_true(mount_at(m, "/ro")->read_only);
	assert_string_equal(m->seccomp, "default");
	assert_true(m->read_only_root);
	assert_true(has_capability(m, "CAP_NET_ADMIN"));
	assert_string_equal(m->writable_layer,
			    "/var/lib/containers/storage/overlay/" LAYER "/diff");
	assert_string_equal(m->log_path, "/var/lib/containers/storage/overlay-containers/" ID
					 "/userdata/ctr.log");
	assert_int_equal(m->created_unix_ns, 1795302767562126511ULL);
	assert_int_not_equal(metadata_stamp(&h.roots, &id), 0);
}

static void privileged_and_unconfined_are_read_from_podmans_notes(void **state)
{
	AUTO_TREE struct tree t =
		tree_make(STORAGE("var/lib/containers/storage",
				  ",\"io.podman.annotations.privileged\":\"TRUE\","
				  "\"io.podman.annotations.seccomp\":\"/etc/profile.json\""));
	struct host h;

	(void)state;
	AUTO(metadata_free)
	struct metadata *m = load(host_of(&h, &t, NULL), RUNTIME_PODMAN, ID, CGROUP, 0);

	assert_non_null(m);
	assert_true(m->privileged);
	assert_string_equal(m->seccomp, "/etc/profile.json");
}

static void the_exit_file_of_conmon_has_the_exit_code(void **state)
{
	AUTO_TREE struct tree t = tree_make(STORAGE(
		"var/lib/containers/storage",
		"") "@ run/libpod/exits/" ID
		    "\n137\n@ var/lib/containers/storage/overlay-containers/" ID "/userdata/oom\n");
	struct identity id = identity_of(RUNTIME_PODMAN, ID);
	struct host h;

	(void)state;
	host_of(&h, &t, NULL);
	uint64_t stamp = metadata_stamp(&h.roots, &id);
	AUTO(metadata_free) struct metadata *m = load(&h, RUNTIME_PODMAN, ID, CGROUP, 0);

	assert_non_null(m);
	assert_int_equal(m->state, STATE_EXITED);
	assert_true(m->has_exit);
	assert_int_equal(m->exit_code, 137);
	assert_true(m->oom_killed);
	assert_int_not_equal(m->finished_unix_ns, 0);
	tree_write(&t, "run/libpod/exits/" ID, "bad", 3);
	assert_int_not_equal(metadata_stamp(&h.roots, &id), stamp);
	AUTO(metadata_free) struct metadata *bad = load(&h, RUNTIME_PODMAN, ID, CGROUP, 0);

	assert_non_null(bad);
	assert_false(bad->has_exit);
}

#define EVENT(status, time, more)                                                                  \
	"{" more "\"ID\":\"" ID "\",\"Image\":\"localhost/bh/pod:2\",\"Name\":\"pweb\","           \
	"\"Status\":\"" status "\",\"Time\":\"2026-11-21T23:12:" time                              \
	"Z\",\"Type\":\"container\","                                                              \
	"\"Attributes\":{\"team\":\"core\"}}\n"

static void the_event_log_has_labels_times_and_the_exit_code(void **state)
{
	AUTO_TREE struct tree t = tree_make(
		STORAGE("var/lib/containers/storage",
			"") "@ run/libpod/events/events.log\n"
			    "cut line " ID "\"}\n" EVENT("create", "47.5", "") EVENT(
				    "start", "47.75",
				    "") "{\"ContainerExitCode\":9,\"ID\":\"other\",\"Status\":"
					"\"died\",\"x\":\"" ID
					"\"}\n" EVENT("died", "48.25", "\"ContainerExitCode\":4,"));
	struct host h;

	(void)state;
	AUTO(metadata_free)
	struct metadata *m = load(host_of(&h, &t, NULL), RUNTIME_PODMAN, ID, CGROUP, 0);

	assert_non_null(m);
	assert_string_equal(metadata_label(m, "team"), "core");
	assert_int_equal(m->started_unix_ns, 1795302767750000000ULL);
	assert_int_equal(m->finished_unix_ns, 1795302768250000000ULL);
	assert_int_equal(m->state, STATE_EXITED);
	assert_true(m->has_exit);
	assert_int_equal(m->exit_code, 4);
}

static void a_private_storage_is_found_through_conmon_and_remembered(void **state)
{
	static const char cmdline[] = "/usr/bin/conmon\0--api-version\0"
				      "1\0-c\0" ID "\0-u\0" ID "\0-r\0/usr/bin/runc\0-b\0"
				      "/srv/pod/root/overlay-containers/" ID
				      "/userdata\0-n\0pweb\0--exit-dir\0"
				      "/srv/pod/tmp/exits\0--full-attach\0-l\0k8s-file:/srv/pod/"
				      "log\0--exit-command-arg\0--root";
	AUTO_TREE struct tree t = tree_make(STORAGE(
		"srv/pod/root",
		"") "@ srv/pod/tmp/exits/" ID "\n4\n"
		    "@ proc/72/status\nPPid:\t71\nNSpid:\t72\t1\n@ proc/72/cgroup\n0::" CGROUP "\n"
		    "@ proc/71/cgroup\n0::/libpod_parent/conmon\n");
	AUTO(metadata_cache_free) struct metadata_cache *cache = metadata_cache_new();
	struct identity id;
	struct host h;

	(void)state;
	tree_write(&t, "proc/71/cmdline", cmdline, sizeof(cmdline));
	add_shim_status(&t, 71, geteuid());
	host_of(&h, &t, cache);
	assert_null(load(&h, RUNTIME_PODMAN, ID, CGROUP, 0));
	assert_true(metadata_find_by_path(&h.roots, CGROUP, 72, &id));
	assert_int_equal(id.runtime, RUNTIME_PODMAN);
	assert_string_equal(id.id, ID);

	AUTO(metadata_free) struct metadata *m = load(&h, RUNTIME_PODMAN, ID, CGROUP, 72);

	assert_non_null(m);
	assert_string_equal(m->name, "pweb");
	assert_string_equal(m->log_path, "/srv/pod/log");
	assert_int_equal(m->state, STATE_RUNNING);
	AUTO(metadata_free) struct metadata *later = load(&h, RUNTIME_PODMAN, ID, CGROUP, 0);

	assert_non_null(later);
	assert_true(later->has_exit);
	assert_int_equal(later->exit_code, 4);
}

/* By hand, from CRI-O 1.27's annotations and its storage's metadata. */
static void a_kubernetes_container_of_crio_knows_its_pod(void **state)
{
	AUTO_TREE struct tree t = tree_make(
		"@ run/containers/storage/overlay-containers/" ID "/userdata/config.json\n"
		"{\"process\":{\"args\":[\"nginx\"],\"capabilities\":{\"effective\":[]}},"
		"\"root\":{\"path\":\"/var/lib/containers/storage/overlay/" LAYER "/merged\"},"
		"\"annotations\":{\"io.container.manager\":\"cri-o\","
		"\"io.kubernetes.container.name\":\"web\","
		"\"io.kubernetes.container.restartCount\":\"2\","
		"\"io.kubernetes.cri-o.ContainerType\":\"container\","
		"\"io.kubernetes.cri-o.Created\":\"2026-11-21T23:12:47.5Z\","
		"\"io.kubernetes.cri-o.ImageName\":\"docker.io/library/nginx:1.25\","
		"\"io.kubernetes.cri-o.ImageRef\":\"" IMAGE "\","
		"\"io.kubernetes.cri-o.Labels\":\"{\\\"io.kubernetes.container.name\\\":"
		"\\\"web\\\","
		"\\\"io.kubernetes.pod.name\\\":\\\"web-0\\\",\\\"n\\\":1}\","
		"\"io.kubernetes.cri-o.LogPath\":\"/var/log/pods/prod_web-0_uid/web/2.log\","
		"\"io.kubernetes.cri-o.Name\":\"k8s_web_web-0_prod_uid_2\","
		"\"io.kubernetes.cri-o.SandboxID\":\"aa\",\"io.kubernetes.pod.name\":\"web-0\","
		"\"io.kubernetes.pod.namespace\":\"prod\",\"io.kubernetes.pod.uid\":\"uid\"},"
		"\"linux\":{\"cgroupsPath\":\"kubepods-poduid.slice:crio:" ID "\"}}\n"
		"@ var/lib/containers/storage/overlay-containers/containers.json\n"
		"[{\"id\":\"" ID "\",\"names\":[\"k8s_web_web-0_prod_uid_2\"],\"image\":\"" IMAGE
		"\"}]\n"
		"@ run/crio/exits/" ID "\n0\n");
	struct host h;

	(void)state;
	AUTO(metadata_free)
	struct metadata *m = load(host_of(&h, &t, NULL), RUNTIME_CRIO, ID, "/crio-" ID ".scope", 0);

	assert_non_null(m);
	assert_int_equal(m->runtime, RUNTIME_CRIO);
	assert_string_equal(m->name, "k8s_web_web-0_prod_uid_2");
	assert_string_equal(m->image, "docker.io/library/nginx:1.25");
	assert_string_equal(m->image_id, "sha256:" IMAGE);
	assert_string_equal(m->pod_name, "web-0");
	assert_string_equal(m->pod_namespace, "prod");
	assert_string_equal(m->pod_uid, "uid");
	assert_string_equal(m->pod_container, "web");
	assert_false(m->sandbox);
	assert_int_equal(m->restart_count, 2);
	assert_string_equal(m->log_path, "/var/log/pods/prod_web-0_uid/web/2.log");
	assert_string_equal(metadata_label(m, "io.kubernetes.pod.name"), "web-0");
	assert_true(m->has_exit);
	assert_int_equal(m->exit_code, 0);
}

static void a_broken_index_or_event_log_does_not_hide_the_bundle(void **state)
{
	AUTO_TREE struct tree t = tree_make(
		"@ var/lib/containers/storage/overlay-containers/" ID
		"/userdata/config.json\n" CONFIG(
			"x", "") "@ var/lib/containers/storage/overlay-containers/containers.json\n"
				 "[{\"id\":\"" ID "\",\"names\":{},\"metadata\":\"[[\"\n"
				 "@ run/libpod/events/events.log/\n"
				 "@ run/libpod/exits/" ID " -> " ID "\n");
	struct host h;

	(void)state;
	AUTO(metadata_free)
	struct metadata *m = load(host_of(&h, &t, NULL), RUNTIME_PODMAN, ID, CGROUP, 0);

	assert_non_null(m);
	assert_string_equal(m->name, ID);
	assert_null(m->image);
	assert_string_equal(m->hostname, "phost");
	assert_false(m->has_exit);
}

int main(void)
{
	const struct CMUnitTest metadata_podman[] = {
		cmocka_unit_test(a_podman_container_is_read_from_its_storage),
		cmocka_unit_test(privileged_and_unconfined_are_read_from_podmans_notes),
		cmocka_unit_test(the_exit_file_of_conmon_has_the_exit_code),
		cmocka_unit_test(the_event_log_has_labels_times_and_the_exit_code),
		cmocka_unit_test(a_private_storage_is_found_through_conmon_and_remembered),
		cmocka_unit_test(a_kubernetes_container_of_crio_knows_its_pod),
		cmocka_unit_test(a_broken_index_or_event_log_does_not_hide_the_bundle),
	};

	return cmocka_run_group_tests(metadata_podman, NULL, NULL);
}
