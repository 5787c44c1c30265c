// SPDX-License-Identifier: GPL-2.0-or-later
/* container.* and k8s.* */
#include "tests/unit/detector/field_fixture.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char name[] = "web", image[64], image_id[] = "sha256:4bcd", pod[] = "web-0",
	    pod_namespace[] = "shop", uid[] = "3e41dc6b", host[] = "host";
static struct metadata_label labels[] = {
	{ (char[]){ "app" }, (char[]){ "shop" } },
	{ (char[]){ "annotation.x" }, (char[]){ "y" } },
	{ (char[]){ "io.kubernetes.cri.sandbox-id" }, (char[]){ ID } },
	{ (char[]){ "empty" }, (char[]){ "" } },
};
static struct metadata_mount mounts[] = {
	{ .type = (char[]){ "proc" },
	  .source = (char[]){ "proc" },
	  .destination = (char[]){ "/proc" } },
	{ .type = (char[]){ "bind" },
	  .source = (char[]){ "/proc/sys" },
	  .destination = (char[]){ "/host/proc" },
	  .read_only = true },
	{ .type = (char[]){ "bind" },
	  .source = (char[]){ "/srv" },
	  .destination = (char[]){ "/data" } },
};
static struct metadata meta;
static struct container box;

static void in_a_container(void)
{
	an_open(0, 0, 3, "/etc/x", NULL, "/etc/x");
	snprintf(image, sizeof(image), "reg.example:5000/team/nginx:1.25");
	meta = (struct metadata){ .runtime = RUNTIME_DOCKER,
				  .name = name,
				  .image = image,
				  .image_id = image_id,
				  .pod_name = pod,
				  .pod_namespace = pod_namespace,
				  .pod_uid = uid,
				  .labels = labels,
				  .labels_n = 4,
				  .mounts = mounts,
				  .mounts_n = 3,
				  .privileged = true,
				  .details_known = true,
				  .namespaces = { { .type = "pid" },
						  { .type = "ipc", .path = host } },
				  .namespaces_n = 2 };
	box = (struct container){ .kind = CGROUP_CONTAINER,
				  .id = { .kind = CGROUP_CONTAINER,
					  .runtime = RUNTIME_DOCKER,
					  .id = ID,
					  .pod_uid = "from-path" },
				  .meta = &meta,
				  .created_unix_ns = OFFSET + 3 * SECOND,
				  .started_unix_ns = OFFSET + 4 * SECOND };
	event.container = &box;
}

static void a_container_tells_what_its_files_say(void **state)
{
	(void)state;
	in_a_container();
	EXPECT({ "container.id", "0123456789ab" }, { "container.full_id", ID },
	       { "container.name", "web" }, { "container.type", "docker" },
	       { "container.image", "reg.example:5000/team/nginx:1.25" },
	       { "container.image.repository", "reg.example:5000/team/nginx" },
	       { "container.image.tag", "1.25" }, { "container.image.digest", "-" },
	       { "container.image.id", "4bcd" }, { "container.privileged", "true" },
	       { "container.host_pid", "false" }, { "container.host_ipc", "true" },
	       { "container.host_network", "true" }, { "container.duration", "1000000000" },
	       { "container.start_ts", "2026-11-22T01:59:59.123456789Z" },
	       { "container.created_time", "2026-11-22T01:59:58.123456789Z" },
	       { "container.label[app]", "shop" }, { "container.label.app", "shop" },
	       { "container.label[nosuch]", "-" }, { "container.labels", "app:shop, empty" },
	       { "k8s.pod.name", "web-0" }, { "k8s.ns.name", "shop" },
	       { "k8s.pod.uid", "3e41dc6b" }, { "k8s.pod.id", "3e41dc6b" },
	       { "k8s.pod.sandbox_id", "0123456789ab" }, { "k8s.pod.full_sandbox_id", ID },
	       { "fd.containername", "0123456789ab:/etc/x" },
	       { "fd.containerdirectory", "0123456789ab:/etc" });
	meta.pod_uid = NULL;
	meta.sandbox = true;
	EXPECT({ "k8s.pod.uid", "from-path" }, { "k8s.pod.full_sandbox_id", ID });
}

static void mounts_are_found_by_number_and_by_glob(void **state)
{
	(void)state;
	in_a_container();
	EXPECT({ "container.mounts", "proc:/proc::true:,/proc/sys:/host/proc:ro:false:,"
				     "/srv:/data::true:" },
	       { "container.mount[2]", "/srv:/data::true:" },
	       { "container.mount[/srv]", "/srv:/data::true:" },
	       { "container.mount.source[/data]", "/srv" },
	       { "container.mount.source[1]", "/proc/sys" },
	       { "container.mount.dest[/proc*]", "/host/proc" },
	       { "container.mount.dest[/srv]", "/data" }, { "container.mount.mode[/proc*]", "ro" },
	       { "container.mount.rdwr[/proc*]", "false" },
	       { "container.mount.rdwr[/s?v]", "true" },
	       /* what the stock rules take for "there is none" */
	       { "container.mount.dest[/root*]", "N/A" }, { "container.mount.dest[3]", "N/A" },
	       { "container.mount.source[/root]", "N/A" });
	box.meta = NULL;
	EXPECT({ "container.mount.dest[/root*]", "-" }, { "container.mounts", "-" });
}

static void an_image_is_taken_apart(void **state)
{
	static const struct {
		const char *image, *repository, *tag, *digest;
	} rows[] = {
		{ "nginx", "nginx", "latest", "-" },
		{ "localhost:5000/nginx", "localhost:5000/nginx", "latest", "-" },
		{ "nginx:1@sha256:ab", "nginx", "1", "sha256:ab" },
		{ "docker.io/library/nginx@sha256:ab", "docker.io/library/nginx", "-",
		  "sha256:ab" },
		{ "sha256:0123", "-", "-", "-" },
		{ ":", "", "", "-" },
		{ "@", "", "-", "" },
		{ "a/:x", "a/", "x", "-" },
	};

	(void)state;
	in_a_container();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(image, sizeof(image), "%s", rows[i].image);
		assert_string_equal(value_of("container.image"), rows[i].image);
		assert_string_equal(value_of("container.image.repository"), rows[i].repository);
		assert_string_equal(value_of("container.image.tag"), rows[i].tag);
		assert_string_equal(value_of("container.image.digest"), rows[i].digest);
	}
	image[0] = '\0';
	assert_string_equal(value_of("container.image"), "-");
	assert_string_equal(value_of("container.image.repository"), "-");
}

static void what_was_not_read_yet_is_missing_but_for_the_id(void **state)
{
	(void)state;
	in_a_container();
	box.meta = NULL;
	box.started_unix_ns = 0;
	EXPECT({ "container.id", "0123456789ab" }, { "container.full_id", ID },
	       { "container.type", "docker" }, { "container.name", "-" },
	       { "container.image", "-" }, { "container.image.repository", "-" },
	       { "container.image.id", "-" }, { "container.privileged", "-" },
	       { "container.host_pid", "-" }, { "container.start_ts", "-" },
	       { "container.duration", "-" }, { "container.label[app]", "-" },
	       { "container.labels", "-" }, { "k8s.pod.name", "-" }, { "k8s.ns.name", "-" },
	       { "k8s.pod.uid", "from-path" }, { "k8s.pod.sandbox_id", "-" });
	in_a_container();
	meta.namespaces_n = 0;
	EXPECT({ "container.privileged", "true" }, { "container.host_pid", "-" });
	meta.details_known = false;
	EXPECT({ "container.privileged", "-" }, { "container.host_ipc", "-" });
}

static void the_host_and_its_services_are_the_host(void **state)
{
	(void)state;
	in_a_container();
	box.kind = CGROUP_SERVICE;
	EXPECT({ "container.id", "host" }, { "container.name", "host" },
	       { "container.full_id", "host" }, { "container.type", "host" },
	       { "container.image", "-" }, { "container.privileged", "-" }, { "k8s.ns.name", "-" },
	       { "container.start_ts", "-" }, { "fd.containername", "host:/etc/x" });

	struct event_head h = field_head(EVENT_EXIT, -1);

	h.flags = EVENT_HOST;
	begin(&h, NULL);
	finish();
	EXPECT({ "container.id", "host" });
	h.flags = 0;
	h.container_cgroup = 0;
	begin(&h, NULL);
	finish();
	EXPECT({ "container.id", "host" });
}

static void a_container_that_is_not_known_is_not_the_host(void **state)
{
	struct event_head h = field_head(EVENT_EXIT, -1);

	(void)state;
	begin(&h, NULL);
	finish();
	EXPECT({ "container.id", "-" }, { "container.name", "-" });
	h.flags = EVENT_PENDING;
	h.container_cgroup = 0;
	begin(&h, NULL);
	finish();
	EXPECT({ "container.id", "-" });
}

static void a_replay_tells_what_was_kept(void **state)
{
	struct event_container kept = { .id = SPAN_LIT(ID),
					.name = SPAN_LIT("web"),
					.image = SPAN_LIT("nginx:1"),
					.runtime = SPAN_LIT("podman"),
					.pod_name = SPAN_LIT("p"),
					.pod_namespace = SPAN_LIT("n") };

	(void)state;
	an_open(0, 0, 3, "/etc/x", NULL, "/etc/x");
	context.container = &kept;
	EXPECT({ "container.id", "0123456789ab" }, { "container.name", "web" },
	       { "container.image.repository", "nginx" }, { "container.type", "podman" },
	       { "k8s.pod.name", "p" }, { "k8s.ns.name", "n" }, { "container.privileged", "-" },
	       { "k8s.pod.uid", "-" });
}

static void a_name_as_id_is_not_shortened(void **state)
{
	(void)state;
	in_a_container();
	snprintf(box.id.id, sizeof(box.id.id), "my-long-lxc-container");
	EXPECT({ "container.id", "my-long-lxc-container" });
	snprintf(box.id.id, sizeof(box.id.id), "abc");
	EXPECT({ "container.id", "abc" });
}

#define T(name) cmocka_unit_test(name)
int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(a_container_tells_what_its_files_say),
		T(mounts_are_found_by_number_and_by_glob),
		T(an_image_is_taken_apart),
		T(what_was_not_read_yet_is_missing_but_for_the_id),
		T(the_host_and_its_services_are_the_host),
		T(a_container_that_is_not_known_is_not_the_host),
		T(a_replay_tells_what_was_kept),
		T(a_name_as_id_is_not_shortened),
	};

	evt_type_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
