// SPDX-License-Identifier: GPL-2.0-or-later
/* The fixtures without another remark were recorded from docker 20.10 and shortened. */
#include "tests/unit/collector/metadata_help.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define ID     "7676aab1cee934f01b5f44d008d6958e18a9f8b8dba0eac2c2b42b6f3a38d3d7"
#define LAYER  "ad3899c970ddaf4a2a9006b2bbfafae6c6046bc9d0a911e4c6f3fc81d36ba06a"
#define IMAGE  "sha256:2d8a44e47ab25c00f7df154b61221e75d1a5734926cd0476f0810e091a9c9d85"
#define CGROUP "/docker/" ID
#define TASKS  "run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby/" ID

#define CONFIG(root, state)                                                                        \
	"@ " root "/containers/" ID "/config.v2.json\n"                                            \
	"{\"StreamConfig\":{},\"State\":" state ",\"ID\":\"" ID "\","                              \
	"\"Created\":\"2026-11-21T23:11:54.631847339Z\",\"Managed\":false,\"Path\":\"sleep\","     \
	"\"Args\":[\"100000\"],\"Config\":{\"Hostname\":\"web.example\",\"Domainname\":\"\","      \
	"\"User\":\"1000:1000\",\"Tty\":false,\"Env\":[\"A=b\"],\"Cmd\":[\"sleep\",\"100000\"],"   \
	"\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"true\"],\"Interval\":1000000000},"             \
	"\"Image\":\"bh/busy:1.0\",\"Volumes\":null,\"Labels\":{\"com.example.team\":\"core\","    \
	"\"weird\":\"a\\\"b\\nc\"}},\"Image\":\"" IMAGE "\","                                      \
	"\"LogPath\":\"/" root "/containers/" ID "/" ID "-json.log\",\"Name\":\"/web\","           \
	"\"Driver\":\"overlay2\",\"OS\":\"linux\",\"RestartCount\":2,"                             \
	"\"HasBeenStartedBefore\":true,\"MountPoints\":{\"/data\":{\"Source\":"                    \
	"\"/" root "/volumes/vol1/_data\",\"Destination\":\"/data\",\"RW\":true,"                  \
	"\"Name\":\"vol1\",\"Driver\":\"local\",\"Type\":\"volume\"},\"/ro\":{\"Source\":"         \
	"\"/srv/img.tar\",\"Destination\":\"/ro\",\"RW\":false,\"Name\":\"\",\"Type\":\"bind\"}}," \
	"\"AppArmorProfile\":\"\",\"SeccompProfile\":\"\",\"NoNewPrivileges\":true}\n"             \
	"@ " root "/image/overlay2/layerdb/mounts/" ID "/mount-id\n" LAYER "\n@ " root             \
	"/overlay2/" LAYER "/diff/\n"

#define HOSTCONFIG(root)                                                                           \
	"@ " root "/containers/" ID "/hostconfig.json\n"                                           \
	"{\"Binds\":[\"vol1:/data\",\"/srv/img.tar:/ro:ro\"],\"NetworkMode\":\"none\","            \
	"\"CapAdd\":[\"CAP_NET_ADMIN\"],\"CapDrop\":[\"CAP_MKNOD\"],\"CgroupnsMode\":\"host\","    \
	"\"IpcMode\":\"private\",\"PidMode\":\"\",\"Privileged\":false,\"ReadonlyRootfs\":true,"   \
	"\"SecurityOpt\":[\"no-new-privileges\"],\"UTSMode\":\"\",\"Memory\":67108864}\n"

#define RUNNING                                                                                    \
	"{\"Running\":true,\"Paused\":false,\"Restarting\":false,\"OOMKilled\":false,"             \
	"\"Dead\":false,\"Pid\":4956,\"ExitCode\":0,\"Error\":\"\","                               \
	"\"StartedAt\":\"2026-11-21T23:11:54.848169796Z\","                                        \
	"\"FinishedAt\":\"0001-01-01T00:00:00Z\",\"Health\":{\"Status\":\"healthy\","              \
	"\"FailingStreak\":0,\"Log\":[]}}"

#define EXITED                                                                                     \
	"{\"Running\":false,\"Paused\":false,\"Restarting\":false,\"OOMKilled\":true,"             \
	"\"Dead\":false,\"Pid\":0,\"ExitCode\":137,\"Error\":\"\","                                \
	"\"StartedAt\":\"2026-11-21T23:11:56.505623011Z\","                                        \
	"\"FinishedAt\":\"2026-11-21T23:11:57.505260728Z\",\"Health\":null}"

/* rlimits: docker writes "unlimited" as 2^64 - 1 */
#define BUNDLE(at, root)                                                                           \
	"@ " at "/config.json\n"                                                                   \
	"{\"ociVersion\":\"1.0.2-dev\",\"process\":{\"user\":{\"uid\":1000,\"gid\":1000,"          \
	"\"additionalGids\":[1000]},\"args\":[\"sleep\",\"100000\"],\"cwd\":\"/\","                \
	"\"capabilities\":{\"bounding\":[\"CAP_CHOWN\",\"CAP_NET_ADMIN\"],"                        \
	"\"effective\":[\"CAP_NET_ADMIN\"]},\"rlimits\":[{\"type\":\"RLIMIT_MEMLOCK\","            \
	"\"hard\":18446744073709551615,\"soft\":18446744073709551615}],"                           \
	"\"apparmorProfile\":\"docker-default\",\"noNewPrivileges\":true,\"oomScoreAdj\":0},"      \
	"\"root\":{\"path\":\"/" root "/overlay2/" LAYER "/merged\",\"readonly\":true},"           \
	"\"hostname\":\"web.example\",\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\","   \
	"\"source\":\"proc\",\"options\":[\"nosuid\",\"noexec\",\"nodev\"]},"                      \
	"{\"destination\":\"/data\",\"type\":\"bind\",\"source\":"                                 \
	"\"/" root "/volumes/vol1/_data\",\"options\":[\"rbind\"]},"                               \
	"{\"destination\":\"/etc/hosts\",\"type\":\"bind\",\"source\":"                            \
	"\"/" root "/containers/" ID "/hosts\",\"options\":[\"rbind\",\"ro\",\"rprivate\"]}],"     \
	"\"linux\":{\"cgroupsPath\":\"" CGROUP "\",\"namespaces\":[{\"type\":\"mount\"},"          \
	"{\"type\":\"network\",\"path\":\"/run/docker/netns/default\"},{\"type\":\"uts\"},"        \
	"{\"type\":\"pid\",\"path\":\"/proc/5022/ns/pid\"}],"                                      \
	"\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ERRNO\"},"                                      \
	"\"maskedPaths\":[\"/proc/asound\"]}}\n"

static void a_running_docker_container_is_read_from_its_files_and_its_bundle(void **state)
{
	AUTO_TREE struct tree t = tree_make(CONFIG("var/lib/docker", RUNNING) HOSTCONFIG(
		"var/lib/docker") BUNDLE(TASKS, "var/lib/docker"));
	struct host h;

	(void)state;
	AUTO(metadata_free)
	struct metadata *m = load(host_of(&h, &t, NULL), RUNTIME_DOCKER, ID, CGROUP, 0);

	assert_non_null(m);
	assert_int_equal(m->runtime, RUNTIME_DOCKER);
	assert_string_equal(m->name, "web");
	assert_string_equal(m->image, "bh/busy:1.0");
	assert_string_equal(m->image_id, IMAGE);
	assert_string_equal(m->command, "sleep 100000");
	assert_string_equal(m->user, "1000:1000");
	assert_string_equal(m->hostname, "web.example");
	assert_string_equal(metadata_label(m, "com.example.team"), "core");
	assert_string_equal(metadata_label(m, "weird"), "a\"b\nc");
	assert_null(metadata_label(m, "team"));
	assert_int_equal(m->state, STATE_RUNNING);
	assert_int_equal(m->health, HEALTH_HEALTHY);
	assert_false(m->has_exit);
	assert_true(m->has_restart_count);
	assert_int_equal(m->restart_count, 2);
	assert_int_equal(m->pid, 4956);
	assert_int_equal(m->created_unix_ns, 1795302714631847339ULL);
	assert_int_equal(m->started_unix_ns, 1795302714848169796ULL);
	assert_int_equal(m->finished_unix_ns, 0);
	assert_string_equal(m->writable_layer, "/var/lib/docker/overlay2/" LAYER "/diff");
	assert_string_equal(m->log_path, "/var/lib/docker/containers/" ID "/" ID "-json.log");
	assert_int_equal(m->refused, 0);
}

static void the_security_fields_of_a_docker_container_come_from_its_bundle(void **state)
{
	AUTO_TREE struct tree t = tree_make(CONFIG("var/lib/docker", RUNNING) HOSTCONFIG(
		"var/lib/docker") BUNDLE(TASKS, "var/lib/docker"));
	struct host h;

	(void)state;
	AUTO(metadata_free)
	struct metadata *m = load(host_of(&h, &t, NULL), RUNTIME_NONE, ID, CGROUP, 0);

	assert_non_null(m);
	assert_true(m->details_known);
	assert_false(m->privileged);
	assert_true(m->read_only_root);
	assert_true(m->no_new_privileges);
	assert_string_equal(m->seccomp, "default");
	assert_string_equal(m->apparmor, "docker-default");
	assert_int_equal(m->capabilities_n, 1);
	assert_true(has_capability(m, "CAP_NET_ADMIN"));
	assert_string_equal(namespace_of(m, "network"), "host");
	assert_string_equal(namespace_of(m, "pid"), "/proc/5022/ns/pid");
	assert_string_equal(namespace_of(m, "uts"), "own");
	assert_string_equal(namespace_of(m, "ipc"), "host");
	assert_string_equal(mount_at(m, "/data")->type, "volume");
	assert_string_equal(mount_at(m, "/data")->volume, "vol1");
	assert_false(mount_at(m, "/data")->read_only);
	assert_string_equal(mount_at(m, "/ro")->source, "/srv/img.tar");
	assert_null(mount_at(m, "/ro")->volume);
	assert_true(mount_at(m, "/ro")->read_only);
	assert_true(mount_at(m, "/etc/hosts")->read_only);
	assert_string_equal(mount_at(m, "/proc")->type, "proc");
	assert_int_equal(m->mounts_n, 4);
}

static void an_exited_docker_container_tells_its_end_and_what_was_asked_for(void **state)
{
	AUTO_TREE struct tree t =
		tree_make(CONFIG("var/lib/docker", EXITED) HOSTCONFIG("var/lib/docker"));
	struct host h;

	(void)state;
	AUTO(metadata_free)
	struct metadata *m = load(host_of(&h, &t, NULL), RUNTIME_DOCKER, ID, CGROUP, 0);

	assert_non_null(m);
	assert_int_equal(m->state, STATE_EXITED);
	assert_true(m->has_exit);
	assert_int_equal(m->exit_code, 137);
	assert_true(m->oom_killed);
	assert_int_equal(m->health, HEALTH_NONE);
	assert_int_equal(m->finished_unix_ns, 1795302717505260728ULL);
	assert_int_equal(m->pid, 0);
	assert_true(m->details_known);
	assert_int_equal(m->capabilities_n, 0); /* not root: none is effective */
	assert_string_equal(m->seccomp, "default");
	assert_string_equal(namespace_of(m, "network"), "own");
	assert_string_equal(namespace_of(m, "cgroup"), "host");
}

/* By hand: a container of root, as docker writes one of --privileged and of --cap-drop. */
static void requested_capabilities_are_worked_out_as_docker_does(void **state)
{
	static const char base[] = "@ var/lib/docker/containers/" ID "/config.v2.json\n"
				   "{\"ID\":\"" ID
				   "\",\"Config\":{\"User\":\"\"},\"Name\":\"/p\"}\n"
				   "@ var/lib/docker/containers/" ID "/hostconfig.json\n";
	static const struct {
		const char *host;
		size_t n;
		bool privileged;
	} cases[] = {
		{ "{\"Privileged\":true}", 41, true },
		{ "{}", 14, false },
		{ "{\"CapDrop\":[\"ALL\"],\"CapAdd\":[\"net_admin\"]}", 1, false },
		{ "{\"CapAdd\":[\"ALL\"],\"CapDrop\":[\"SYS_ADMIN\"]}", 40, false },
		{ "{\"CapDrop\":[\"CAP_MKNOD\",\"NET_RAW\"]}", 12, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char literal[1024];
		struct host h;

		snprintf(literal, sizeof(literal), "%s%s\n", base, cases[i].host);
		AUTO_TREE struct tree t = tree_make(literal);
		AUTO(metadata_free)
		struct metadata *m = load(host_of(&h, &t, NULL), RUNTIME_DOCKER, ID, CGROUP, 0);

		assert_non_null(m);
		assert_int_equal(m->capabilities_n, cases[i].n);
		assert_int_equal(m->privileged, cases[i].privileged);
		assert_string_equal(m->seccomp, cases[i].privileged ? "unconfined" : "default");
		assert_string_equal(m->user, "0:0");
	}
}

#define STATE_CASE(state) CONFIG("var/lib/docker", state)

static void docker_states_are_told_apart(void **state)
{
	static const struct {
		const char *literal;
		enum container_state state;
		bool has_exit;
	} cases[] = {
		{ STATE_CASE("{\"Running\":true,\"Paused\":true,\"Pid\":5022,\"ExitCode\":0}"),
		  STATE_PAUSED, false },
		/* could not be started: recorded */
		{ STATE_CASE("{\"Running\":false,\"Pid\":0,\"ExitCode\":127,\"StartedAt\":"
			     "\"0001-01-01T00:00:00Z\",\"FinishedAt\":\"0001-01-01T00:00:00Z\"}"),
		  STATE_CREATED, false },
		{ STATE_CASE("{\"Running\":true,\"Restarting\":true,\"Pid\":0,\"ExitCode\":3,"
			     "\"StartedAt\":\"2026-11-21T23:11:56.505623011Z\"}"),
		  STATE_EXITED, true },
		{ STATE_CASE("\"up\""), STATE_UNKNOWN, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		AUTO_TREE struct tree t = tree_make(cases[i].literal);
		struct host h;
		AUTO(metadata_free)
		struct metadata *m = load(host_of(&h, &t, NULL), RUNTIME_DOCKER, ID, CGROUP, 0);

		assert_non_null(m);
		assert_int_equal(m->state, cases[i].state);
		assert_int_equal(m->has_exit, cases[i].has_exit);
	}
}

/* proc/: 4956 is the container, 4936 its shim, as docker's own containerd starts it. */
static void add_shim(const struct tree *t, const char *address)
{
	char cmdline[1024];
	int n = snprintf(
		cmdline, sizeof(cmdline),
		"/usr/bin/containerd-shim-runc-v2%c-namespace%cmoby%c-id%c%s%c-address%c%s", 0, 0,
		0, 0, ID, 0, 0, address);

	tree_write(t, "proc/4936/cmdline", cmdline, (size_t)n + 1);
	add_shim_status(t, 4936, geteuid());
}

#define SHIM_PROC                                                                                  \
	"@ proc/4956/status\nName:\tsleep\nPid:\t4956\nPPid:\t4936\nNSpid:\t4956\t1\n"             \
	"@ proc/4956/cgroup\n4:memory:" CGROUP "\n0::" CGROUP "\n"                                 \
	"@ proc/4936/cgroup\n4:memory:/\n0::/\n"

#define PRIVATE_TASKS "srv/exec/containerd/daemon/io.containerd.runtime.v2.task/moby/" ID

static void a_private_data_root_is_found_through_the_shim_and_remembered(void **state)
{
	AUTO_TREE struct tree t = tree_make(CONFIG("srv/docker", RUNNING) HOSTCONFIG("srv/docker")
						    BUNDLE(PRIVATE_TASKS, "srv/docker") SHIM_PROC
					    "@ proc/4936/cwd -> /" PRIVATE_TASKS "\n");
	AUTO(metadata_cache_free) struct metadata_cache *cache = metadata_cache_new();
	struct identity id = identity_of(RUNTIME_DOCKER, ID);
	struct host h;

	(void)state;
	add_shim(&t, "/srv/exec/containerd/containerd.sock");
	host_of(&h, &t, cache);
	assert_null(load(&h, RUNTIME_DOCKER, ID, CGROUP, 0));
	assert_int_equal(metadata_stamp(&h.roots, &id), 0);

	AUTO(metadata_free) struct metadata *m = load(&h, RUNTIME_DOCKER, ID, CGROUP, 4956);

	assert_non_null(m);
	assert_string_equal(m->name, "web");
	assert_string_equal(m->writable_layer, "/srv/docker/overlay2/" LAYER "/diff");
	/* the process is gone, the place is known */
	AUTO(metadata_free) struct metadata *later = load(&h, RUNTIME_DOCKER, ID, CGROUP, 0);

	assert_non_null(later);
	assert_string_equal(later->name, "web");
	assert_int_not_equal(metadata_stamp(&h.roots, &id), 0);
}

static void without_a_readable_cwd_the_shims_socket_tells_the_place(void **state)
{
	AUTO_TREE struct tree t = tree_make(CONFIG("srv/docker", RUNNING)
						    BUNDLE(PRIVATE_TASKS, "srv/docker") SHIM_PROC);
	struct host h;

	(void)state;
	add_shim(&t, "/srv/exec/containerd/containerd.sock");
	AUTO(metadata_free)
	struct metadata *m = load(host_of(&h, &t, NULL), RUNTIME_DOCKER, ID, CGROUP, 4956);

	assert_non_null(m);
	assert_string_equal(m->name, "web");
}

static void a_process_of_the_container_that_poses_as_a_shim_is_not_believed(void **state)
{
	AUTO_TREE struct tree t =
		tree_make(CONFIG("srv/docker", RUNNING) BUNDLE(PRIVATE_TASKS, "srv/docker")
			  /* --pid host: only the cgroup tells that 4936 is inside */
			  "@ proc/4956/status\nPPid:\t4936\nNSpid:\t4956\n"
			  "@ proc/4936/cgroup\n4:memory:" CGROUP "/sub\n"
			  "@ proc/4936/cwd -> /" PRIVATE_TASKS "\n");
	struct host h;

	(void)state;
	add_shim(&t, "/srv/exec/containerd/containerd.sock");
	assert_null(load(host_of(&h, &t, NULL), RUNTIME_DOCKER, ID, CGROUP, 4956));
}

static void a_shim_that_is_not_roots_is_not_believed(void **state)
{
	static const char other[] = "PPid:\t1\nUid:\t7\t7\t7\t7\nNSpid:\t4936\n",
			  none[] = "PPid:\t1\nNSpid:\t4936\n",
			  cut[] = "PPid:\t1\nUid:\t\nNSpid:\t4936\n";
	static const char *const statuses[] = { other, none, cut };
	AUTO_TREE struct tree t = tree_make(CONFIG("srv/docker", RUNNING) BUNDLE(
		PRIVATE_TASKS, "srv/docker") SHIM_PROC "@ proc/4936/cwd -> /" PRIVATE_TASKS "\n");
	AUTO(metadata_cache_free) struct metadata_cache *cache = metadata_cache_new();
	struct identity id = identity_of(RUNTIME_DOCKER, ID);
	struct host h;

	(void)state;
	host_of(&h, &t, cache);
	add_shim(&t, "/srv/exec/containerd/containerd.sock");
	for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++) {
		tree_write(&t, "proc/4936/status", statuses[i], strlen(statuses[i]));
		assert_null(load(&h, RUNTIME_DOCKER, ID, CGROUP, 4956));
	}
	/* a set-uid program that another user started keeps his real uid */
	add_shim_status(&t, 4936, geteuid() + 1);
	assert_null(load(&h, RUNTIME_DOCKER, ID, CGROUP, 4956));
	assert_false(metadata_find_by_path(&h.roots, CGROUP, 4956, &id));
	/* nothing was remembered */
	assert_null(load(&h, RUNTIME_DOCKER, ID, CGROUP, 0));
	assert_int_equal(metadata_stamp(&h.roots, &id), 0);

	add_shim_status(&t, 4936, geteuid());
	AUTO(metadata_free) struct metadata *m = load(&h, RUNTIME_DOCKER, ID, CGROUP, 4956);

	assert_non_null(m);
}

static void files_that_are_not_roots_are_not_read(void **state)
{
	AUTO_TREE struct tree t =
		tree_make(CONFIG("var/lib/docker", RUNNING) BUNDLE(TASKS, "var/lib/docker"));
	struct host h;

	(void)state;
	host_of(&h, &t, NULL);
	metadata_trusted_uid = geteuid() + 1;
	assert_null(load(&h, RUNTIME_DOCKER, ID, CGROUP, 0));
	metadata_trusted_uid = geteuid();
	AUTO(metadata_free) struct metadata *m = load(&h, RUNTIME_DOCKER, ID, CGROUP, 0);

	assert_non_null(m);
}

/* 4956 is docker's, 666 a process in a cgroup that a user named after it. */
static void a_cgroup_that_took_the_id_of_a_running_container_gets_nothing(void **state)
{
	static const char stolen[] = "/user.slice/user-7.slice/docker-" ID ".scope";
	static const char inner[] = "0::" CGROUP "/init.scope\n", ends[] = "4:memory:/\n0::/\n",
			  outside[] = "4:memory:/../../x\n0::/..\n";
	AUTO_TREE struct tree t = tree_make(CONFIG("var/lib/docker", RUNNING) BUNDLE(
		TASKS, "var/lib/docker") "@ " TASKS "/init.pid\n4956\n"
					 "@ proc/4956/cgroup\n4:memory:" CGROUP "\n0::/\n");
	struct identity id = identity_of(RUNTIME_DOCKER, ID);
	struct metadata *m = NULL;
	struct host h;

	(void)state;
	host_of(&h, &t, NULL);
	assert_int_equal(metadata_load(&m, &h.roots, &id, stolen, 666, NULL), -ENOENT);
	assert_null(m);
	id.runtime = RUNTIME_CONTAINERD; /* cri-containerd-ID.scope is no better */
	assert_int_equal(metadata_load(&m, &h.roots, &id, stolen, 666, NULL), -ENOENT);
	assert_null(m);
	/* the container's own cgroup, with another of its processes; its systemd moved itself */
	AUTO(metadata_free) struct metadata *own = load(&h, RUNTIME_DOCKER, ID, CGROUP, 4999);

	assert_non_null(own);
	tree_write(&t, "proc/4956/cgroup", inner, strlen(inner));
	AUTO(metadata_free) struct metadata *deeper = load(&h, RUNTIME_DOCKER, ID, CGROUP, 4999);

	assert_non_null(deeper);
	/* /proc does not tell */
	tree_write(&t, "proc/4956/cgroup", ends, strlen(ends));
	AUTO(metadata_free) struct metadata *ending = load(&h, RUNTIME_DOCKER, ID, CGROUP, 4999);

	assert_non_null(ending);
	tree_write(&t, "proc/4956/cgroup", outside, strlen(outside));
	AUTO(metadata_free) struct metadata *nested = load(&h, RUNTIME_DOCKER, ID, CGROUP, 4999);

	assert_non_null(nested);
}

static void the_data_root_of_daemon_json_is_used(void **state)
{
	AUTO_TREE struct tree t =
		tree_make(CONFIG("mnt/big", EXITED) "@ etc/docker/daemon.json\n"
						    "{\"data-root\":\"/mnt/big/\"}\n");
	struct host h;

	(void)state;
	AUTO(metadata_free)
	struct metadata *m = load(host_of(&h, &t, NULL), RUNTIME_DOCKER, ID, CGROUP, 0);

	assert_non_null(m);
	assert_string_equal(m->name, "web");
}

static void absolute_links_of_the_host_stay_below_the_prefix(void **state)
{
	AUTO_TREE struct tree t =
		tree_make(CONFIG("mnt/big", EXITED) "@ var/lib/docker -> /mnt/big\n");
	struct host h;

	(void)state;
	AUTO(metadata_free)
	struct metadata *m = load(host_of(&h, &t, NULL), RUNTIME_DOCKER, ID, CGROUP, 0);

	assert_non_null(m);
	assert_string_equal(m->name, "web");
}

/* By hand, from the labels that the kubelet's docker shim writes. */
static void pods_of_docker_are_read_from_labels(void **state)
{
	AUTO_TREE struct tree t = tree_make(
		"@ var/lib/docker/containers/" ID "/config.v2.json\n"
		"{\"ID\":\"" ID "\",\"Name\":\"/k8s_POD_web_prod_0123_3\",\"Config\":{\"Labels\":{"
		"\"annotation.io.kubernetes.container.restartCount\":\"3\","
		"\"io.kubernetes.container.name\":\"POD\","
		"\"io.kubernetes.docker.type\":\"podsandbox\",\"io.kubernetes.pod.name\":\"web\","
		"\"io.kubernetes.pod.namespace\":\"prod\",\"io.kubernetes.pod.uid\":\"0123\"}}}\n");
	struct host h;

	(void)state;
	AUTO(metadata_free)
	struct metadata *m = load(host_of(&h, &t, NULL), RUNTIME_DOCKER, ID, CGROUP, 0);

	assert_non_null(m);
	assert_string_equal(m->pod_name, "web");
	assert_string_equal(m->pod_namespace, "prod");
	assert_string_equal(m->pod_uid, "0123");
	assert_true(m->sandbox);
	assert_int_equal(m->restart_count, 3);
}

/* By hand, after docker 29 with containerd's image store. */
static void the_image_id_may_be_in_the_image_manifest(void **state)
{
	AUTO_TREE struct tree t = tree_make(
		"@ var/lib/docker/containers/" ID "/config.v2.json\n"
		"{\"ID\":\"" ID "\",\"Name\":\"/x\",\"Image\":\"\",\"Driver\":\"overlayfs\","
		"\"ImageManifest\":{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
		"\"digest\":\"" IMAGE "\",\"size\":480}}\n");
	struct host h;

	(void)state;
	AUTO(metadata_free)
	struct metadata *m = load(host_of(&h, &t, NULL), RUNTIME_DOCKER, ID, CGROUP, 0);

	assert_non_null(m);
	assert_string_equal(m->image_id, IMAGE);
	assert_null(m->writable_layer);
}

static void the_stamp_changes_when_a_file_does(void **state)
{
	AUTO_TREE struct tree t =
		tree_make(CONFIG("var/lib/docker", RUNNING) HOSTCONFIG("var/lib/docker"));
	struct identity id = identity_of(RUNTIME_DOCKER, ID);
	struct host h;

	(void)state;
	host_of(&h, &t, NULL);
	uint64_t first = metadata_stamp(&h.roots, &id);

	assert_int_not_equal(first, 0);
	assert_int_equal(metadata_stamp(&h.roots, &id), first);
	tree_write(&t, "var/lib/docker/containers/" ID "/hostconfig.json", "{}", 2);
	assert_int_not_equal(metadata_stamp(&h.roots, &id), first);

	struct identity other = identity_of(RUNTIME_DOCKER, "none");

	assert_int_equal(metadata_stamp(&h.roots, &other), 0);
}

/* --- malformed and hostile --- */

static void truncated_json_is_told_from_none_at_all(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ var/lib/docker/containers/" ID "/config.v2.json\n"
					    "{\"ID\":\"" ID
					    "\",\"Name\":\"/x\",\"Config\":{\"Image\":\"a");
	struct identity id = identity_of(RUNTIME_DOCKER, ID);
	struct metadata *m = NULL;
	struct err e = { "" };
	struct host h;

	(void)state;
	host_of(&h, &t, NULL);
	assert_int_equal(metadata_load(&m, &h.roots, &id, CGROUP, 0, &e), -EBADMSG);
	assert_string_equal(e.text, "unreadable metadata of '" ID "'");
	snprintf(id.id, sizeof(id.id), "other");
	assert_int_equal(metadata_load(&m, &h.roots, &id, CGROUP, 0, &e), -ENOENT);
	assert_string_equal(e.text, "no metadata of 'other'");
	assert_null(m);
}

static void a_broken_hostconfig_or_bundle_does_not_hide_the_rest(void **state)
{
	AUTO_TREE struct tree t = tree_make(CONFIG(
		"var/lib/docker", RUNNING) "@ var/lib/docker/containers/" ID "/hostconfig.json\n{"
					   "\n@ " TASKS "/config.json\nnot json\n");
	struct host h;

	(void)state;
	AUTO(metadata_free)
	struct metadata *m = load(host_of(&h, &t, NULL), RUNTIME_DOCKER, ID, CGROUP, 0);

	assert_non_null(m);
	assert_string_equal(m->name, "web");
	assert_false(m->details_known);
	assert_int_equal(m->capabilities_n, 0);
}

static void fields_of_the_wrong_type_stay_unknown_and_the_others_are_read(void **state)
{
	AUTO_TREE struct tree t = tree_make(
		"@ var/lib/docker/containers/" ID "/config.v2.json\n"
		"{\"ID\":7,\"Name\":\"/x\",\"Name\":\"/y\",\"Image\":[],\"Created\":1,"
		"\"State\":{\"Running\":1,\"Pid\":\"4\",\"Health\":\"healthy\",\"ExitCode\":{}},"
		"\"Config\":{\"Image\":{},\"User\":\"u\",\"Labels\":{\"a\":1,\"b\":\"c\",\"d\":"
		"null}},"
		"\"Args\":[1,\"two\",null],\"Path\":true,\"RestartCount\":-1,"
		"\"MountPoints\":{\"/m\":3,\"\":{}},\"LogPath\":4}\n"
		"@ var/lib/docker/containers/" ID "/hostconfig.json\n"
		"[{\"Privileged\":true}]\n"
		"@ " TASKS "/config.json\n"
		"{\"process\":{\"args\":{},\"user\":[],\"capabilities\":{\"effective\":[1,\"CAP_"
		"KILL\"]},"
		"\"apparmorProfile\":3},\"root\":\"/\",\"mounts\":[1,{\"destination\":2},"
		"{\"destination\":\"/ok\",\"options\":\"ro\"}],\"linux\":{\"namespaces\":[2,{}],"
		"\"seccomp\":[],\"maskedPaths\":{}},\"annotations\":[]}\n");
	struct host h;

	(void)state;
	AUTO(metadata_free)
	struct metadata *m = load(host_of(&h, &t, NULL), RUNTIME_DOCKER, ID, CGROUP, 0);

	assert_non_null(m);
	assert_string_equal(m->name, "y"); /* of a key given twice the last one counts */
	assert_null(m->image);
	assert_null(m->image_id);
	assert_string_equal(m->user, "u");
	assert_int_equal(m->labels_n, 1);
	assert_string_equal(metadata_label(m, "b"), "c");
	assert_string_equal(m->command, "two");
	assert_int_equal(m->state, STATE_UNKNOWN);
	assert_int_equal(m->health, HEALTH_NONE);
	assert_false(m->has_restart_count);
	assert_int_equal(m->capabilities_n, 1);
	assert_true(has_capability(m, "CAP_KILL"));
	assert_int_equal(m->mounts_n, 1);
	assert_string_equal(mount_at(m, "/ok")->type, "");
	assert_int_equal(m->created_unix_ns, 0);
}

static void labels_beyond_the_capacity_are_counted(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ var/lib/docker/containers/\n");
	AUTO_BUF struct buf b;
	struct host h;

	(void)state;
	buf_init(&b, METADATA_MAX_FILE);
	buf_add_str(&b, "{\"Name\":\"/x\",\"MountPoints\":{");
	for (int i = 0; i < METADATA_MAX_MOUNTS + 3; i++)
		buf_printf(&b, "%s\"/m%d\":{\"Type\":\"bind\"}", i ? "," : "", i);
	buf_add_str(&b, "},\"Config\":{\"Labels\":{");
	for (int i = 0; i < METADATA_MAX_LABELS + 7; i++)
		buf_printf(&b, "%s\"l%d\":\"v\"", i ? "," : "", i);
	buf_add_str(&b, "}}}");
	assert_false(b.failed);
	tree_write(&t, "var/lib/docker/containers/" ID "/config.v2.json", b.data, b.len);
	AUTO(metadata_free)
	struct metadata *m = load(host_of(&h, &t, NULL), RUNTIME_DOCKER, ID, CGROUP, 0);

	assert_non_null(m);
	assert_int_equal(m->labels_n, METADATA_MAX_LABELS);
	assert_int_equal(m->mounts_n, METADATA_MAX_MOUNTS);
	assert_int_equal(m->refused, 10);
}

static void long_strings_are_cut_between_characters(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ var/lib/docker/containers/\n");
	AUTO_BUF struct buf b;
	struct host h;

	(void)state;
	buf_init(&b, METADATA_MAX_FILE);
	buf_add_str(&b, "{\"Name\":\"/");
	for (int i = 0; i < 5000; i++)
		buf_add_str(&b, i ? "\xE2\x82\xAC" : "x"); /* the euro sign: 4095 is not 0 mod 3 */
	buf_add_str(&b, "\",\"Path\":\"p\",\"Args\":[\"");
	for (int i = 0; i < 5000; i++)
		buf_add_char(&b, 'a');
	buf_add_str(&b, "\",\"b\"]}");
	tree_write(&t, "var/lib/docker/containers/" ID "/config.v2.json", b.data, b.len);
	AUTO(metadata_free)
	struct metadata *m = load(host_of(&h, &t, NULL), RUNTIME_DOCKER, ID, CGROUP, 0);

	assert_non_null(m);
	assert_int_equal(strlen(m->name), 1 + 4095);
	assert_int_equal(strlen(m->command), METADATA_MAX_STRING);
}

static void bytes_that_are_no_utf8_are_replaced(void **state)
{
	static const char text[] = "{\"Name\":\"/a\xff\xfe"
				   "b\",\"Config\":{\"Image\":\"i\\u0000j\"}}";
	AUTO_TREE struct tree t = tree_make("@ var/lib/docker/containers/\n");
	struct host h;

	(void)state;
	tree_write(&t, "var/lib/docker/containers/" ID "/config.v2.json", text, sizeof(text) - 1);
	AUTO(metadata_free)
	struct metadata *m = load(host_of(&h, &t, NULL), RUNTIME_DOCKER, ID, CGROUP, 0);

	assert_non_null(m);
	assert_string_equal(m->name, "a??b");
	assert_string_equal(m->image, "i"); /* a NUL ends it */
}

static void a_fifo_a_folder_or_a_loop_of_links_in_place_of_a_file_does_not_block(void **state)
{
	AUTO_TREE struct tree t = tree_make(
		CONFIG("var/lib/docker",
		       RUNNING) "@ var/lib/docker/containers/" ID "/hostconfig.json -> loop\n"
				"@ var/lib/docker/containers/" ID "/loop -> hostconfig.json\n"
				"@ var/lib/docker/containers/dir/config.v2.json/\n"
				"@ var/lib/docker/containers/fifo/\n"
				"@ " TASKS "/config.json/\n");
	char path[400];
	struct host h;

	(void)state;
	snprintf(path, sizeof(path), "%s/var/lib/docker/containers/fifo", t.path);
	(void)mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/var/lib/docker/containers/fifo/config.v2.json", t.path);
	assert_int_equal(mkfifo(path, 0600), 0);
	host_of(&h, &t, NULL);
	assert_null(load(&h, RUNTIME_DOCKER, "fifo", "/docker/fifo", 0));
	assert_null(load(&h, RUNTIME_DOCKER, "dir", "/docker/dir", 0));
	AUTO(metadata_free) struct metadata *m = load(&h, RUNTIME_DOCKER, ID, CGROUP, 0);

	assert_non_null(m);
	assert_string_equal(m->name, "web");
}

static void a_file_beyond_the_limit_is_not_read(void **state)
{
	AUTO_TREE struct tree t = tree_make(CONFIG("var/lib/docker", RUNNING));
	char path[400];
	struct host h;

	(void)state;
	snprintf(path, sizeof(path), "%s/var/lib/docker/containers/" ID "/config.v2.json", t.path);
	assert_int_equal(truncate(path, METADATA_MAX_FILE + 1), 0);
	assert_null(load(host_of(&h, &t, NULL), RUNTIME_DOCKER, ID, CGROUP, 0));
}

static void deep_nesting_is_refused(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ var/lib/docker/containers/\n");
	AUTO_BUF struct buf b;
	struct host h;

	(void)state;
	buf_init(&b, METADATA_MAX_FILE);
	for (int i = 0; i < 1000000; i++)
		buf_add_char(&b, '[');
	tree_write(&t, "var/lib/docker/containers/" ID "/config.v2.json", b.data, b.len);
	assert_null(load(host_of(&h, &t, NULL), RUNTIME_DOCKER, ID, CGROUP, 0));
}

static void an_id_that_leads_elsewhere_is_refused(void **state)
{
	static const char *const ids[] = { "..", ".", "", "a/b", "../x" };
	AUTO_TREE struct tree t = tree_make("@ var/lib/docker/config.v2.json\n{\"Name\":\"/x\"}\n");
	struct host h;

	(void)state;
	host_of(&h, &t, NULL);
	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
		struct identity id = identity_of(RUNTIME_DOCKER, ids[i]);

		assert_null(load(&h, RUNTIME_DOCKER, ids[i], "/docker/x", 0));
		assert_int_equal(metadata_stamp(&h.roots, &id), 0);
	}
}

static void a_file_that_names_another_container_is_not_believed(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ var/lib/docker/containers/" ID "/config.v2.json\n"
					    "{\"ID\":\"other\",\"Name\":\"/x\"}\n");
	struct host h;

	(void)state;
	assert_null(load(host_of(&h, &t, NULL), RUNTIME_DOCKER, ID, CGROUP, 0));
}

static void a_service_needs_no_files(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ etc/\n");
	struct host h;

	(void)state;
	AUTO(metadata_free)
	struct metadata *m = load(host_of(&h, &t, NULL), RUNTIME_SYSTEMD, "cron.service",
				  "/system.slice/cron.service", 0);

	assert_non_null(m);
	assert_string_equal(m->name, "cron.service");
	assert_int_equal(m->state, STATE_RUNNING);
	metadata_free(NULL);
	metadata_cache_free(NULL);
}

int main(void)
{
	const struct CMUnitTest metadata[] = {
		cmocka_unit_test(a_running_docker_container_is_read_from_its_files_and_its_bundle),
		cmocka_unit_test(the_security_fields_of_a_docker_container_come_from_its_bundle),
		cmocka_unit_test(an_exited_docker_container_tells_its_end_and_what_was_asked_for),
		cmocka_unit_test(requested_capabilities_are_worked_out_as_docker_does),
		cmocka_unit_test(docker_states_are_told_apart),
		cmocka_unit_test(a_private_data_root_is_found_through_the_shim_and_remembered),
		cmocka_unit_test(without_a_readable_cwd_the_shims_socket_tells_the_place),
		cmocka_unit_test(a_process_of_the_container_that_poses_as_a_shim_is_not_believed),
		cmocka_unit_test(a_shim_that_is_not_roots_is_not_believed),
		cmocka_unit_test(files_that_are_not_roots_are_not_read),
		cmocka_unit_test(a_cgroup_that_took_the_id_of_a_running_container_gets_nothing),
		cmocka_unit_test(the_data_root_of_daemon_json_is_used),
		cmocka_unit_test(absolute_links_of_the_host_stay_below_the_prefix),
		cmocka_unit_test(pods_of_docker_are_read_from_labels),
		cmocka_unit_test(the_image_id_may_be_in_the_image_manifest),
		cmocka_unit_test(the_stamp_changes_when_a_file_does),
		cmocka_unit_test(truncated_json_is_told_from_none_at_all),
		cmocka_unit_test(a_broken_hostconfig_or_bundle_does_not_hide_the_rest),
		cmocka_unit_test(fields_of_the_wrong_type_stay_unknown_and_the_others_are_read),
		cmocka_unit_test(labels_beyond_the_capacity_are_counted),
		cmocka_unit_test(long_strings_are_cut_between_characters),
		cmocka_unit_test(bytes_that_are_no_utf8_are_replaced),
		cmocka_unit_test(
			a_fifo_a_folder_or_a_loop_of_links_in_place_of_a_file_does_not_block),
		cmocka_unit_test(a_file_beyond_the_limit_is_not_read),
		cmocka_unit_test(deep_nesting_is_refused),
		cmocka_unit_test(an_id_that_leads_elsewhere_is_refused),
		cmocka_unit_test(a_file_that_names_another_container_is_not_believed),
		cmocka_unit_test(a_service_needs_no_files),
	};

	return cmocka_run_group_tests(metadata, NULL, NULL);
}
