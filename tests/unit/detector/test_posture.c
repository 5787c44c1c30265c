// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "detector/posture.h"
#include "detector/posture_images.h"

/* --- a container that is a structure ---------------------------------------------------------- */

static char user[] = "1000:1000", root_user[] = "0:0", web[] = "web", filtered[] = "default";
static char unconfined[] = "unconfined", host_word[] = "host", bridge[] = "front";
static char on_failure[] = "on-failure:5", always[] = "always";
static char check_word[] = "true", *check[] = { check_word };
static char kcore[] = "/proc/kcore", proc_sys[] = "/proc/sys";
static char *masked[] = { kcore }, *closed[] = { proc_sys };
static char chown_cap[] = "CAP_CHOWN", kill_cap[] = "CAP_KILL", admin_cap[] = "CAP_SYS_ADMIN";
static char net_admin_cap[] = "CAP_NET_ADMIN";
static char *caps[] = { chown_cap, kill_cap, admin_cap, net_admin_cap };

/* As well shut in as can be: nothing is found. */
static struct metadata tight(void)
{
	struct metadata m = {
		.runtime = RUNTIME_DOCKER,
		.name = web,
		.user = user,
		.seccomp = filtered,
		.details_known = true,
		.no_new_privileges = true,
		.read_only_root = true,
		.capabilities = caps,
		.capabilities_n = 2,
		.healthcheck = check,
		.healthcheck_n = 1,
		.confinement = { .known = true,
				 .paths_known = true,
				 .masked = { masked, 1 },
				 .read_only = { closed, 1 },
				 .bounding = { caps, 2 },
				 .bounding_known = true,
				 .memory_bytes = 1 << 28,
				 .pids = 100,
				 .cpu_shares = 512,
				 .restart = on_failure,
				 .network = bridge },
	};
	static const char *const types[] = { "mount", "pid", "network", "ipc", "uts", "cgroup" };

	for (size_t i = 0; i < 6; i++)
		snprintf(m.namespaces[m.namespaces_n++].type, sizeof(m.namespaces[0].type), "%s",
			 types[i]);
	return m;
}

static struct posture judge(const struct metadata *m, const struct posture_real *real)
{
	const struct posture_input in = { .meta = m, .real = real };
	struct posture p = { .n = 0 };

	assert_int_equal(posture_of(&p, &in), 0);
	return p;
}

static const struct posture_finding *find(const struct posture *p, enum posture_id id)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->findings[i].id == id)
			return &p->findings[i];
	return NULL;
}

/* 1: seen at the process alone; 0: not; -1: not found. */
static int is_real(const struct posture *p, enum posture_id id)
{
	const struct posture_finding *f = find(p, id);

	return f ? f->real : -1;
}

#define AUTO_POSTURE AUTO(posture_release)

static struct posture_real tight_real(void)
{
	return (struct posture_real){ .status_known = true,
				      .bounding = 0x21,
				      .uid = 1000,
				      .seccomp = 2,
				      .no_new_privs = true,
				      .namespaces_known = true,
				      .host_user = true,
				      .mounts_known = true,
				      .kcore_masked = true,
				      .proc_sys_closed = true,
				      .root_read_only = true };
}

/* --- findings ----------------------------------------------------------------------------------
 */

static void a_container_that_is_well_shut_in_has_grade_a(void **state)
{
	const struct metadata m = tight();
	const struct posture_real real = tight_real();
	AUTO_POSTURE struct posture p = judge(&m, &real);

	(void)state;
	assert_int_equal(p.n, 0);
	assert_int_equal(p.grade, GRADE_A);
}

static void a_plain_container_of_docker_has_notices_alone(void **state)
{
	struct metadata m = tight();

	(void)state;
	m.user = root_user;
	m.no_new_privileges = m.read_only_root = false;
	m.confinement.memory_bytes = m.confinement.pids = m.confinement.cpu_shares = 0;
	AUTO_POSTURE struct posture p = judge(&m, NULL);

	assert_int_equal(p.grade, GRADE_C);
	assert_int_equal(p.n, 6);
	for (size_t i = 0; i < p.n; i++)
		assert_int_equal(p.findings[i].severity, ALERT_NOTICE);
	assert_non_null(find(&p, POSTURE_ROOT_USER));
	assert_non_null(find(&p, POSTURE_NO_MEMORY_LIMIT));
	assert_non_null(find(&p, POSTURE_NEW_PRIVILEGES));
}

static void a_privileged_container_is_one_finding_and_not_thirty(void **state)
{
	struct metadata m = tight();

	(void)state;
	m.privileged = true;
	m.seccomp = unconfined;
	m.capabilities_n = 4;
	m.confinement.masked.n = m.confinement.read_only.n = 0;
	m.confinement.all_devices = true;
	AUTO_POSTURE struct posture p = judge(&m, NULL);

	assert_int_equal(p.grade, GRADE_F);
	assert_int_equal(p.n, 1);
	assert_int_equal(p.findings[0].id, POSTURE_PRIVILEGED);
	assert_string_equal(posture_infos[p.findings[0].id].item, "5.5");
}

static void namespaces_of_the_host_are_found_by_settings_and_by_the_process(void **state)
{
	struct metadata m = tight();
	struct posture_real real = tight_real();

	(void)state;
	m.namespaces[1].path = host_word;
	real.host_pid = real.host_net = true;
	AUTO_POSTURE struct posture p = judge(&m, &real);

	assert_int_equal(p.grade, GRADE_E);
	assert_int_equal(is_real(&p, POSTURE_HOST_PID), 0);
	assert_int_equal(is_real(&p, POSTURE_HOST_NETWORK),
			 1); /* joined through another container */
}

static void capabilities_beyond_the_default_are_named_one_by_one(void **state)
{
	struct metadata m = tight();

	(void)state;
	m.capabilities_n = 4;
	AUTO_POSTURE struct posture p = judge(&m, NULL);

	assert_int_equal(p.n, 2);
	assert_string_equal(p.findings[0].subject, "CAP_SYS_ADMIN"); /* the gravest first */
	assert_int_equal(p.findings[0].severity, ALERT_ERROR);
	assert_string_equal(p.findings[1].subject, "CAP_NET_ADMIN");
	assert_int_equal(p.findings[1].severity, ALERT_WARNING);
}

static void what_the_process_has_beyond_its_settings_is_found(void **state)
{
	const struct metadata m = tight();
	struct posture_real real = tight_real();

	(void)state;
	real.bounding |= 1ULL << 21;
	real.seccomp = 0;
	real.no_new_privs = false;
	real.kcore_masked = real.root_read_only = real.proc_sys_closed = false;
	AUTO_POSTURE struct posture p = judge(&m, &real);

	assert_int_equal(p.n, 6);
	for (size_t i = 0; i < p.n; i++)
		assert_true(p.findings[i].real);
	assert_string_equal(find(&p, POSTURE_CAPABILITY)->subject, "CAP_SYS_ADMIN");
}

static void seccomp_that_is_off_is_an_error(void **state)
{
	struct metadata m = tight();

	(void)state;
	m.seccomp = unconfined;
	AUTO_POSTURE struct posture p = judge(&m, NULL);

	assert_int_equal(p.n, 1);
	assert_int_equal(p.findings[0].id, POSTURE_SECCOMP_OFF);
	assert_int_equal(p.grade, GRADE_E);
}

static void masks_that_are_missing_are_found(void **state)
{
	struct metadata m = tight();

	(void)state;
	m.confinement.masked.n = m.confinement.read_only.n = 0;
	AUTO_POSTURE struct posture p = judge(&m, NULL);

	assert_int_equal(p.n, 2);
	assert_non_null(find(&p, POSTURE_UNMASKED));
	assert_non_null(find(&p, POSTURE_PROC_WRITABLE));
}

static void a_label_counts_where_the_host_has_such_a_module_alone(void **state)
{
	struct metadata m = tight();
	struct posture_input in = { .meta = &m };
	struct posture p;

	(void)state;
	m.apparmor = unconfined;
	assert_int_equal(posture_of(&p, &in), 0);
	assert_null(find(&p, POSTURE_APPARMOR_OFF));
	posture_release(&p);
	in.host_apparmor = in.host_selinux = true;
	assert_int_equal(posture_of(&p, &in), 0);
	assert_non_null(find(&p, POSTURE_APPARMOR_OFF));
	assert_non_null(find(&p, POSTURE_SELINUX_OFF));
	posture_release(&p);
}

static void a_limit_of_the_cgroup_counts_before_what_was_asked_for(void **state)
{
	struct metadata m = tight();
	struct posture_input in = { .meta = &m };
	struct posture p;

	(void)state;
	m.confinement.memory_bytes = 0;
	in.limits =
		(struct posture_limits){ .memory_known = true, .memory = true, .pids_known = true };
	assert_int_equal(posture_of(&p, &in), 0);
	assert_null(find(&p, POSTURE_NO_MEMORY_LIMIT)); /* docker update --memory */
	assert_int_equal(is_real(&p, POSTURE_NO_PIDS_LIMIT), 1);
	posture_release(&p);
}

static void nothing_is_found_where_nothing_is_known(void **state)
{
	const struct metadata m = { .runtime = RUNTIME_LXC };
	AUTO_POSTURE struct posture p = judge(&m, NULL);

	(void)state;
	assert_int_equal(p.n, 0);
}

static void root_of_a_user_namespace_is_nobody_on_the_host(void **state)
{
	struct metadata m = tight();
	struct posture_real real = tight_real();

	(void)state;
	m.user = root_user;
	real.host_user = false;
	AUTO_POSTURE struct posture mapped = judge(&m, &real);
	AUTO_POSTURE struct posture not = judge(&m, NULL);

	assert_null(find(&mapped, POSTURE_ROOT_USER));
	assert_non_null(find(&not, POSTURE_ROOT_USER));
}

static void ports_and_restarts_are_told_without_a_grade(void **state)
{
	char port[] = "0.0.0.0:80 80/tcp", six[] = ":::8080 80/tcp", damaged[] = "80/tcp";
	char *ports[] = { port, six, damaged };
	struct metadata m = tight();

	(void)state;
	m.confinement.ports = (struct metadata_list){ ports, 3 };
	m.confinement.restart = always;
	m.healthcheck = NULL;
	AUTO_POSTURE struct posture p = judge(&m, NULL);

	assert_int_equal(p.grade, GRADE_A);
	assert_string_equal(find(&p, POSTURE_PRIVILEGED_PORT)->subject, port);
	assert_non_null(find(&p, POSTURE_PORT_EVERYWHERE));
	assert_non_null(find(&p, POSTURE_RESTART));
	assert_non_null(find(&p, POSTURE_NO_HEALTH_CHECK));
	assert_int_equal(p.n, 5);
}

static void findings_beyond_the_limit_are_counted(void **state)
{
	char text[100][64], *list[100];
	struct metadata m = tight();

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(text[i], sizeof(text[i]), "c 200:1 /dev/x%d", i);
		list[i] = text[i];
	}
	m.confinement.devices = (struct metadata_list){ list, 100 };
	AUTO_POSTURE struct posture p = judge(&m, NULL);

	assert_int_equal(p.n, POSTURE_MAX);
	assert_int_equal(p.refused, 100 - POSTURE_MAX);
}

static void memory_is_known_by_its_numbers_and_a_disk_by_its_kind(void **state)
{
	char mem[] = "c 1:1 /dev/a", disk[] = "b 8:0 /dev/b", fuse[] = "c 10:229 /dev/fuse";
	char damaged[] = "c", *list[] = { mem, disk, fuse, damaged };
	struct metadata m = tight();

	(void)state;
	m.confinement.devices = (struct metadata_list){ list, 4 };
	AUTO_POSTURE struct posture p = judge(&m, NULL);

	assert_int_equal(p.n, 3);
	assert_int_equal(p.findings[0].severity, ALERT_CRITICAL);
	assert_int_equal(p.findings[1].severity, ALERT_CRITICAL);
	assert_string_equal(p.findings[2].subject, "/dev/fuse");
	assert_int_equal(p.findings[2].severity, ALERT_NOTICE);
}

/* --- paths -------------------------------------------------------------------------------------
 */

static void paths_of_the_host_are_told_apart(void **state)
{
	static const struct {
		const char *path;
		bool read_only, found;
		enum posture_id id;
		enum alert_severity severity;
	} cases[] = {
		{ "/", false, true, POSTURE_MOUNT, ALERT_CRITICAL },
		{ "/", true, true, POSTURE_MOUNT, ALERT_ERROR },
		{ "//./", true, true, POSTURE_MOUNT, ALERT_ERROR },
		{ "/etc", false, true, POSTURE_MOUNT, ALERT_CRITICAL },
		{ "/etc/cron.d", false, true, POSTURE_MOUNT, ALERT_CRITICAL },
		{ "/etc/localtime", true, false, POSTURE_MOUNT, ALERT_INFO },
		{ "/etc/localtime", false, true, POSTURE_MOUNT, ALERT_CRITICAL },
		{ "/etcetera", false, false, POSTURE_MOUNT, ALERT_INFO },
		{ "/var", false, true, POSTURE_MOUNT, ALERT_CRITICAL }, /* holds /var/lib/docker */
		{ "/var/log", false, true, POSTURE_MOUNT, ALERT_WARNING },
		{ "/var/log/app", false, false, POSTURE_MOUNT, ALERT_INFO },
		{ "/var/run/docker.sock", true, true, POSTURE_RUNTIME_SOCKET, ALERT_CRITICAL },
		{ "/run", false, true, POSTURE_RUNTIME_SOCKET, ALERT_CRITICAL },
		{ "/srv/my/docker.sock", false, true, POSTURE_RUNTIME_SOCKET, ALERT_CRITICAL },
		{ "/run/containerd", true, true, POSTURE_RUNTIME_SOCKET, ALERT_CRITICAL },
		{ "/var/lib/kubelet", true, true, POSTURE_MOUNT, ALERT_WARNING },
		{ "/var/lib/kubelet/pods/1/volumes/x", false, false, POSTURE_MOUNT, ALERT_INFO },
		{ "/var/lib/docker/volumes/a/_data", false, false, POSTURE_MOUNT, ALERT_INFO },
		{ "/var/lib/docker/containers/a/hosts", false, false, POSTURE_MOUNT, ALERT_INFO },
		{ "/var/lib/docker/containers", true, true, POSTURE_MOUNT, ALERT_WARNING },
		{ "/dev/sda", true, true, POSTURE_DEVICE, ALERT_CRITICAL },
		{ "/dev/null", false, false, POSTURE_DEVICE, ALERT_INFO },
		{ "/home", false, true, POSTURE_MOUNT, ALERT_ERROR },
		{ "/home/me", false, true, POSTURE_MOUNT, ALERT_WARNING },
		{ "/home/me/project", false, false, POSTURE_MOUNT, ALERT_INFO },
		{ "/srv/data", false, false, POSTURE_MOUNT, ALERT_INFO },
	};
	struct posture_path p;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const bool found = posture_path(cases[i].path, cases[i].read_only, NULL, &p);

		if (found != cases[i].found ||
		    (found && (p.id != cases[i].id || p.severity != cases[i].severity)))
			fail_msg("%s (%s): found %d, id %d, severity %d", cases[i].path,
				 cases[i].read_only ? "ro" : "rw", found, found ? (int)p.id : -1,
				 found ? (int)p.severity : -1);
	}
}

static void paths_of_the_configuration_are_added(void **state)
{
	static struct config_list more = { .items = { "/srv/secrets" }, .n = 1 };
	struct posture_path p;

	(void)state;
	assert_true(posture_path("/srv/secrets/a", true, &more, &p));
	assert_int_equal(p.severity, ALERT_WARNING);
	assert_true(posture_path("/srv", false, &more, &p));
	assert_int_equal(p.severity, ALERT_ERROR);
	assert_false(posture_path("/srv/data", false, &more, &p));
}

static void a_path_without_an_end_is_cut(void **state)
{
	static char path[8192];
	struct posture_path p;

	(void)state;
	memset(path, 'a', sizeof(path) - 1);
	memcpy(path, "/etc/", 5);
	assert_true(posture_path(path, false, NULL, &p));
	assert_int_equal(strlen(p.subject), POSTURE_SUBJECT_BYTES - 1);
}

static void mounts_that_come_back_to_the_host_are_found(void **state)
{
	static char source[] = "/srv", at[] = "/data", type[] = "bind";
	struct metadata_mount mount = { .type = type, .source = source, .destination = at };
	struct metadata m = tight();

	(void)state;
	snprintf(mount.propagation, sizeof(mount.propagation), "rshared");
	m.mounts = &mount;
	m.mounts_n = 1;
	AUTO_POSTURE struct posture p = judge(&m, NULL);

	assert_int_equal(p.n, 1);
	assert_int_equal(p.findings[0].id, POSTURE_PROPAGATION);
}

/* --- the process -------------------------------------------------------------------------------
 */

static void status_and_mounts_of_a_process_are_read(void **state)
{
	struct posture_real r = { .status_known = false };

	(void)state;
	posture_read_status(&r, SPAN_LIT("Name:\tx\nUid:\t7\t0\t0\t0\nCapBnd:\t00000000a80425fb\n"
					 "NoNewPrivs:\t1\nSeccomp:\t2\n"));
	assert_true(r.status_known);
	assert_int_equal(r.uid, 7);
	assert_int_equal(r.bounding, 0xa80425fb);
	assert_int_equal(r.seccomp, 2);
	assert_true(r.no_new_privs);
	posture_read_mounts(&r,
			    SPAN_LIT("1 0 0:1 / / ro,relatime - overlay overlay rw\n"
				     "2 1 0:2 / /proc rw - proc proc rw\n"
				     "3 2 0:2 /sys /proc/sys ro - proc proc rw\n"
				     "4 2 0:3 /null /proc/kcore rw - tmpfs tmpfs rw\nhalf a line"));
	assert_true(r.mounts_known && r.root_read_only && r.proc_sys_closed && r.kcore_masked);
}

static void a_second_proc_over_the_first_uncovers_it(void **state)
{
	struct posture_real r = { .status_known = false };

	(void)state;
	posture_read_mounts(&r, SPAN_LIT("2 1 0:2 / /proc rw - proc proc rw\n"
					 "3 2 0:2 /sys /proc/sys ro - proc proc rw\n"
					 "4 2 0:3 /null /proc/kcore rw - tmpfs tmpfs rw\n"
					 "5 1 0:9 / /proc rw - proc proc rw\n"));
	assert_true(r.mounts_known);
	assert_false(r.kcore_masked || r.proc_sys_closed);
	posture_read_status(&r, SPAN_LIT(""));
	assert_false(r.status_known);
}

static void a_process_that_is_gone_tells_nothing(void **state)
{
	struct posture_real r;

	(void)state;
	posture_read(&r, "/nonexistent", 42);
	assert_false(r.status_known || r.mounts_known || r.namespaces_known);
}

/* --- images ------------------------------------------------------------------------------------
 */

#define AUTO_IMAGES AUTO(posture_images_free)

static struct posture_images *images_new(uint32_t max, uint32_t keys)
{
	struct posture_images *l = NULL;

	assert_int_equal(posture_images_new(&l, max, keys, NULL), 0);
	return l;
}

static struct posture_verdict take(struct posture_images *l, const char *repository,
				   struct metadata *m, const struct posture_real *real)
{
	AUTO_POSTURE struct posture p = judge(m, real);
	struct posture_verdict v;

	posture_images_take(l, repository, &p, real != NULL, 1000, &v);
	return v;
}

static void what_an_image_always_had_is_no_news_and_what_is_worse_is_told_once(void **state)
{
	AUTO_IMAGES struct posture_images *l = images_new(8, 8);
	struct metadata m = tight();

	(void)state;
	m.seccomp = unconfined;
	assert_true(take(l, "a", &m, NULL).first);
	assert_false(take(l, "a", &m, NULL).worse);
	m.capabilities_n = 3;
	struct posture_verdict v = take(l, "a", &m, NULL);

	assert_true(v.worse);
	assert_false(v.first);
	assert_int_equal(__builtin_popcountll(v.fresh), 1);
	assert_false(take(l, "a", &m, NULL).worse);
	m.capabilities_n = 2;
	assert_false(take(l, "a", &m, NULL).worse); /* better, and back again */
	m.capabilities_n = 3;
	assert_false(take(l, "a", &m, NULL).worse);
	assert_true(take(l, "b", &m, NULL).first); /* another image */
}

static void the_first_look_at_a_process_is_inventory(void **state)
{
	AUTO_IMAGES struct posture_images *l = images_new(8, 8);
	struct metadata m = tight();
	struct posture_real real = tight_real();

	(void)state;
	real.seccomp = 0;
	take(l, "a", &m, NULL);
	assert_false(take(l, "a", &m, &real).worse);
	real.bounding |= 1ULL << 21;
	assert_true(take(l, "a", &m, &real).worse);
}

static void what_privileged_holds_is_no_news_without_it(void **state)
{
	AUTO_IMAGES struct posture_images *l = images_new(8, 8);
	struct metadata m = tight();

	(void)state;
	m.privileged = true;
	take(l, "a", &m, NULL);
	m.privileged = false;
	m.capabilities_n = 3;
	m.seccomp = unconfined;
	assert_false(take(l, "a", &m, NULL).worse);
}

static void an_image_beyond_the_limit_makes_room_and_keys_are_counted(void **state)
{
	AUTO_IMAGES struct posture_images *l = images_new(2, 1);
	struct metadata m = tight();

	(void)state;
	take(l, "a", &m, NULL);
	take(l, "b", &m, NULL);
	take(l, "c", &m, NULL);
	assert_int_equal(posture_images_stats(l).used, 2);
	assert_int_equal(posture_images_stats(l).evicted, 1);
	m.capabilities_n = 4; /* two more, and there is room for one: the other is not told */
	assert_int_equal(__builtin_popcountll(take(l, "c", &m, NULL).fresh), 1);
	assert_false(take(l, "c", &m, NULL).worse);
	assert_true(posture_images_stats(l).keys_refused > 0);
}

static void images_outlive_the_agent(void **state)
{
	AUTO_IMAGES struct posture_images *a = images_new(8, 8), *b = NULL;
	AUTO_BUF struct buf text = { .fd = -1 };
	struct metadata m = tight();

	(void)state;
	m.capabilities_n = 3;
	take(a, "docker.io/library/web", &m, NULL);
	assert_true(posture_images_dirty(a));
	buf_init(&text, 1 << 20);
	posture_images_json(a, &text);
	b = images_new(8, 8);
	assert_int_equal(posture_images_parse(b, (struct span){ text.data, text.len }, NULL), 0);
	assert_false(posture_images_dirty(b));
	struct posture_verdict v = take(b, "docker.io/library/web", &m, NULL);

	assert_false(v.first || v.worse);
	posture_images_free(TAKE(b));
}

static void a_damaged_file_of_images_is_refused(void **state)
{
	static const char *const texts[] = { "", "{", "[]", "{\"schema\":2,\"images\":[]}",
					     "{\"schema\":1,\"images\":{}}" };
	AUTO_IMAGES struct posture_images *l = images_new(8, 8);
	struct err e = { "" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(posture_images_parse(l, span_str(texts[i]), &e), -EBADMSG);
	assert_int_equal(posture_images_parse(l,
					      SPAN_LIT("{\"schema\":1,\"images\":[7,{},"
						       "{\"repository\":\"\"},"
						       "{\"repository\":\"x\",\"had\":[1,\"k\"],"
						       "\"grade\":\"?\",\"last\":-4}]}"),
					      &e),
			 0);
	assert_int_equal(posture_images_stats(l).used, 1);
}

static void findings_are_told_as_json(void **state)
{
	struct metadata m = tight();
	AUTO_BUF struct buf b = { .fd = -1 };

	(void)state;
	m.capabilities_n = 3;
	AUTO_POSTURE struct posture p = judge(&m, NULL);

	buf_init(&b, 65536);
	posture_json(&b, &p);
	json_t *list = json_loadb(b.data, b.len, 0, NULL);
	const json_t *f = json_array_get(list, 0);

	assert_int_equal(json_array_size(list), 1);
	assert_string_equal(json_string_value(json_object_get(f, "id")), "capability");
	assert_string_equal(json_string_value(json_object_get(f, "item")), "5.4");
	assert_string_equal(json_string_value(json_object_get(f, "severity")), "error");
	assert_string_equal(json_string_value(json_object_get(f, "seen")), "settings");
	json_decref(list);
}

static void grades_are_letters(void **state)
{
	enum posture_grade g;

	(void)state;
	assert_true(posture_grade_parse("f", &g) && g == GRADE_F);
	assert_true(posture_grade_parse("A", &g) && g == GRADE_A);
	assert_false(posture_grade_parse("G", &g) || posture_grade_parse("", &g) ||
		     posture_grade_parse("AA", &g));
	assert_int_equal(posture_grade_letter(GRADE_D), 'D');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_container_that_is_well_shut_in_has_grade_a),
		cmocka_unit_test(a_plain_container_of_docker_has_notices_alone),
		cmocka_unit_test(a_privileged_container_is_one_finding_and_not_thirty),
		cmocka_unit_test(namespaces_of_the_host_are_found_by_settings_and_by_the_process),
		cmocka_unit_test(capabilities_beyond_the_default_are_named_one_by_one),
		cmocka_unit_test(what_the_process_has_beyond_its_settings_is_found),
		cmocka_unit_test(seccomp_that_is_off_is_an_error),
		cmocka_unit_test(masks_that_are_missing_are_found),
		cmocka_unit_test(a_label_counts_where_the_host_has_such_a_module_alone),
		cmocka_unit_test(a_limit_of_the_cgroup_counts_before_what_was_asked_for),
		cmocka_unit_test(nothing_is_found_where_nothing_is_known),
		cmocka_unit_test(root_of_a_user_namespace_is_nobody_on_the_host),
		cmocka_unit_test(ports_and_restarts_are_told_without_a_grade),
		cmocka_unit_test(findings_beyond_the_limit_are_counted),
		cmocka_unit_test(memory_is_known_by_its_numbers_and_a_disk_by_its_kind),
		cmocka_unit_test(paths_of_the_host_are_told_apart),
		cmocka_unit_test(paths_of_the_configuration_are_added),
		cmocka_unit_test(a_path_without_an_end_is_cut),
		cmocka_unit_test(mounts_that_come_back_to_the_host_are_found),
		cmocka_unit_test(status_and_mounts_of_a_process_are_read),
		cmocka_unit_test(a_second_proc_over_the_first_uncovers_it),
		cmocka_unit_test(a_process_that_is_gone_tells_nothing),
		cmocka_unit_test(
			what_an_image_always_had_is_no_news_and_what_is_worse_is_told_once),
		cmocka_unit_test(the_first_look_at_a_process_is_inventory),
		cmocka_unit_test(what_privileged_holds_is_no_news_without_it),
		cmocka_unit_test(an_image_beyond_the_limit_makes_room_and_keys_are_counted),
		cmocka_unit_test(images_outlive_the_agent),
		cmocka_unit_test(a_damaged_file_of_images_is_refused),
		cmocka_unit_test(findings_are_told_as_json),
		cmocka_unit_test(grades_are_letters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
