// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "collector/identity.h"

#define HEX   "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEX2  "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define UID   "12345678-9abc-def0-1234-56789abcdef0"
#define UID_  "12345678_9abc_def0_1234_56789abcdef0"
#define MD5   "0123456789abcdef0123456789abcdef"
#define SLICE "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_ ".slice"

struct form {
	const char *path;
	enum runtime runtime;
	const char *id, *name_space, *pod_uid;
};

static void check_containers(const struct form *forms, size_t n)
{
	struct identity got;

	for (size_t i = 0; i < n; i++) {
		identity_from_path(forms[i].path, false, &got);
		if (got.kind != CGROUP_CONTAINER || got.runtime != forms[i].runtime ||
		    strcmp(got.id, forms[i].id) != 0 ||
		    strcmp(got.name_space, forms[i].name_space ? forms[i].name_space : "") != 0 ||
		    strcmp(got.pod_uid, forms[i].pod_uid ? forms[i].pod_uid : "") != 0)
			fail_msg("'%s': kind %d, runtime '%s', id '%s', namespace '%s', pod '%s'",
				 forms[i].path, (int)got.kind, runtime_name(got.runtime), got.id,
				 got.name_space, got.pod_uid);
	}
}

static void check_others(const char *const *paths, bool services)
{
	struct identity got;

	for (; *paths; paths++) {
		memset(&got, 0x55, sizeof(got));
		identity_from_path(*paths, services, &got);
		if (got.kind != CGROUP_OTHER || got.runtime != RUNTIME_NONE || got.id[0] ||
		    got.name_space[0] || got.pod_uid[0])
			fail_msg("'%s' became kind %d, '%s'", *paths, (int)got.kind, got.id);
	}
}

static void containers_are_known_by_their_path(void **state)
{
	static const struct form forms[] = {
		{ "/docker/" HEX, RUNTIME_DOCKER, HEX, NULL, NULL },
		{ "/" HEX, RUNTIME_DOCKER, HEX, NULL, NULL },
		{ "/my-parent/" HEX, RUNTIME_DOCKER, HEX, NULL, NULL },
		{ "/docker/" HEX "/docker/" HEX2, RUNTIME_DOCKER, HEX2, NULL, NULL },
		{ "/system.slice/docker-" HEX ".scope", RUNTIME_DOCKER, HEX, NULL, NULL },
		{ "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" HEX ".scope",
		  RUNTIME_DOCKER, HEX, NULL, NULL },
		{ "/system.slice/cri-containerd-" HEX ".scope", RUNTIME_CONTAINERD, HEX, "k8s.io",
		  NULL },
		{ "/user.slice/nerdctl-" HEX ".scope", RUNTIME_CONTAINERD, HEX, NULL, NULL },
		{ "/machine.slice/libpod-" HEX ".scope", RUNTIME_PODMAN, HEX, NULL, NULL },
		{ "/libpod_parent/libpod-" HEX, RUNTIME_PODMAN, HEX, NULL, NULL },
		{ "/system.slice/web.service/libpod-payload-" HEX, RUNTIME_PODMAN, HEX, NULL,
		  NULL },
		{ "/machine.slice/crio-" HEX ".scope", RUNTIME_CRIO, HEX, NULL, NULL },
		{ "/lxc.payload.web-1", RUNTIME_LXC, "web-1", NULL, NULL },
		{ "/lxc.payload/web", RUNTIME_LXC, "web", NULL, NULL },
		{ "/lxc/101", RUNTIME_LXC, "101", NULL, NULL },
		{ "/lxc.payload.a/lxc.payload.b", RUNTIME_LXC, "b", NULL, NULL },
		{ "/lxc.payload.a/docker/" HEX, RUNTIME_DOCKER, HEX, NULL, NULL },
		{ "/machine.slice/machine-deb.scope", RUNTIME_NSPAWN, "deb", NULL, NULL },
		{ "/machine.slice/machine-my\\x2ddeb.scope", RUNTIME_NSPAWN, "my-deb", NULL, NULL },
		{ "/machine.slice/systemd-nspawn@my\\x2ddeb.service", RUNTIME_NSPAWN, "my-deb",
		  NULL, NULL },
	};

	(void)state;
	check_containers(forms, sizeof(forms) / sizeof(forms[0]));
}

static void containers_in_pods_carry_the_pods_uid(void **state)
{
	static const struct form forms[] = {
		{ "/kubepods/burstable/pod" UID "/" HEX, RUNTIME_CONTAINERD, HEX, "k8s.io", UID },
		{ "/kubepods/pod" UID "/" HEX, RUNTIME_CONTAINERD, HEX, "k8s.io", UID },
		{ "/kubelet/kubepods/besteffort/pod" UID "/" HEX, RUNTIME_CONTAINERD, HEX, "k8s.io",
		  UID },
		{ "/kubepods/burstable/pod" UID_ "/" HEX, RUNTIME_CONTAINERD, HEX, "k8s.io", UID },
		{ "/kubepods/burstable/pod" MD5 "/" HEX, RUNTIME_CONTAINERD, HEX, "k8s.io", MD5 },
		{ "/kubepods/burstable/pododd/" HEX, RUNTIME_CONTAINERD, HEX, "k8s.io", NULL },
		{ "/kubepods/burstable/pod" UID "/crio-" HEX, RUNTIME_CRIO, HEX, NULL, UID },
		{ SLICE "/cri-containerd-" HEX ".scope", RUNTIME_CONTAINERD, HEX, "k8s.io", UID },
		{ SLICE "/crio-" HEX ".scope", RUNTIME_CRIO, HEX, NULL, UID },
		{ SLICE "/docker-" HEX ".scope", RUNTIME_DOCKER, HEX, NULL, UID },
		{ SLICE "/" HEX, RUNTIME_CONTAINERD, HEX, "k8s.io", UID },
		{ "/kubepods.slice/kubepods-pod" UID_ ".slice/crio-" HEX ".scope", RUNTIME_CRIO,
		  HEX, NULL, UID },
		{ "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/"
		  "kubelet-kubepods-burstable-pod" MD5 ".slice/cri-containerd-" HEX ".scope",
		  RUNTIME_CONTAINERD, HEX, "k8s.io", MD5 },
		{ "/docker/" HEX2 "/kubelet/kubepods/pod" UID "/" HEX, RUNTIME_CONTAINERD, HEX,
		  "k8s.io", UID },
		{ SLICE "/cri-containerd-" HEX ".scope/docker/" HEX2, RUNTIME_DOCKER, HEX2, NULL,
		  UID },
		{ "/docker/pod" UID "/" HEX, RUNTIME_DOCKER, HEX, NULL, NULL }, /* no kubepods */
	};

	(void)state;
	check_containers(forms, sizeof(forms) / sizeof(forms[0]));
}

static void what_holds_containers_or_serves_them_is_none(void **state)
{
	static const char *const paths[] = {
		"/docker",
		"/system.slice",
		"/init.scope",
		"/kubepods/burstable/pod" UID,
		SLICE,
		"/machine.slice/libpod-" HEX ".scope/container",
		"/machine.slice/crio-" HEX ".scope/container",
		"/docker/" HEX "/init.scope",
		"/machine.slice/crio-conmon-" HEX ".scope",
		"/kubepods/pod" UID "/crio-conmon-" HEX,
		"/machine.slice/libpod-conmon-" HEX ".scope",
		"/libpod_parent/conmon",
		"/libpod_parent/libpod-conmon-" HEX,
		"/lxc.monitor.web",
		"/lxc.monitor/web",
		"/lxc.payload",
		"/lxc.payload.",
		"/lxc.payload.web/init.scope",
		"/lxc/101/ns",
		"/lxc.pivot",
		"/machine.slice/machine-qemu\\x2d3\\x2dvm.scope",
		"/machine.slice/machine-lxc\\x2d3\\x2dguest.scope",
		"/machine.slice/machine-deb.scope/payload",
		"/machine.slice/machine-.scope",
		"/user.slice/machine-deb.scope",
		"/machine.slice/systemd-nspawn@.service",
		"/k8s.io/" HEX,
		"/default/" HEX,
		"/default/redis",
		"/system.slice/docker.service",
		NULL,
	};

	(void)state;
	check_others(paths, false);
}

static void malformed_ids_are_no_containers(void **state)
{
	static const char *const paths[] = {
		"",
		"docker/" HEX,
		"//",
		"/docker//" HEX,
		"/docker/" HEX "/",
		"/docker/" HEX "0",
		"/docker/0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF",
		"/docker/0123456789abcdef",
		"/docker/0123456789abcdeg0123456789abcdef0123456789abcdef0123456789abcdef",
		"/system.slice/docker-.scope",
		"/system.slice/docker-" HEX,
		"/system.slice/docker-" HEX "x.scope",
		"/system.slice/docker-" HEX ".scope.scope",
		"/system.slice/.scope",
		"/lxc/..",
		"/lxc/.",
		"/lxc/a\nb",
		"/lxc/\x1b[31m",
		"/lxc/\x7f",
		"/lxc/\xff\xfe",
		"/lxc/\xc2\x9b",
		"/machine.slice/machine-a\\x2fb.scope",
		"/machine.slice/machine-\\x2e\\x2e.scope",
		"/machine.slice/machine-a\\x00.scope",
		"/machine.slice/machine-a\\x1b.scope",
		"/machine.slice/systemd-nspawn@..\\x2fetc.service",
		NULL,
	};
	struct identity got;

	(void)state;
	check_others(paths, true);
	identity_from_path(NULL, true, &got);
	assert_int_equal(got.kind, CGROUP_OTHER);
}

static void ids_fit_or_are_refused(void **state)
{
	char path[PATH_MAX + 64];
	struct identity got;

	(void)state;
	for (size_t n = CONTAINER_ID_BYTES - 2; n <= CONTAINER_ID_BYTES + 1; n++) {
		int at = snprintf(path, sizeof(path), "/lxc/");

		memset(path + at, 'x', n);
		path[(size_t)at + n] = '\0';
		identity_from_path(path, false, &got);
		assert_int_equal(got.kind,
				 n < CONTAINER_ID_BYTES ? CGROUP_CONTAINER : CGROUP_OTHER);
		assert_int_equal(strlen(got.id), n < CONTAINER_ID_BYTES ? n : 0);
	}
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	identity_from_path(path, true, &got);
	assert_int_equal(got.kind, CGROUP_OTHER);
	for (size_t i = 0; i < 1000; i += 2)
		memcpy(path + i, "/a", 2); /* deeper than any tracked tree */
	snprintf(path + 1000, sizeof(path) - 1000, "/docker/%s", HEX);
	identity_from_path(path, true, &got);
	assert_int_equal(got.kind, CGROUP_OTHER);
}

static void invalid_escapes_stay_as_they_are(void **state)
{
	struct identity got;

	(void)state;
	identity_from_path("/machine.slice/machine-a\\x2.scope", false, &got);
	assert_string_equal(got.id, "a\\x2");
	identity_from_path("/machine.slice/machine-a\\xzz\\.scope", false, &got);
	assert_string_equal(got.id, "a\\xzz\\");
}

static void services_are_reported_only_when_asked_for(void **state)
{
	static const char *const others[] = {
		"/docker/" HEX "/system.slice/nginx.service", /* systemd inside a container */
		"/lxc.payload.web/system.slice/nginx.service",
		"/system.slice/nginx.service/worker",
		"/system.slice/foo.socket",
		NULL,
	};
	struct identity got;

	(void)state;
	identity_from_path("/system.slice/nginx.service", false, &got);
	assert_int_equal(got.kind, CGROUP_OTHER);
	identity_from_path("/system.slice/nginx.service", true, &got);
	assert_int_equal(got.kind, CGROUP_SERVICE);
	assert_int_equal(got.runtime, RUNTIME_SYSTEMD);
	assert_string_equal(got.id, "nginx.service");
	identity_from_path("/system.slice/system-getty.slice/getty@tty\\x2d1.service", true, &got);
	assert_string_equal(got.id, "getty@tty-1.service");
	identity_from_path("/machine.slice/systemd-nspawn@deb.service", true, &got);
	assert_int_equal(got.kind, CGROUP_CONTAINER);
	check_others(others, true);
}

static void the_root_is_the_root(void **state)
{
	struct identity got;

	(void)state;
	identity_from_path("/", true, &got);
	assert_int_equal(got.kind, CGROUP_ROOT);
	assert_string_equal(got.id, "/");
}

static void every_runtime_has_a_name(void **state)
{
	(void)state;
	assert_string_equal(runtime_name(RUNTIME_NONE), "");
	assert_string_equal(runtime_name(RUNTIME_CRIO), "cri-o");
	for (enum runtime r = RUNTIME_DOCKER; r <= RUNTIME_SYSTEMD; r++)
		assert_true(runtime_name(r)[0]);
	assert_string_equal(runtime_name((enum runtime)99), "");
}

int main(void)
{
	const struct CMUnitTest identity[] = {
		cmocka_unit_test(containers_are_known_by_their_path),
		cmocka_unit_test(containers_in_pods_carry_the_pods_uid),
		cmocka_unit_test(what_holds_containers_or_serves_them_is_none),
		cmocka_unit_test(malformed_ids_are_no_containers),
		cmocka_unit_test(ids_fit_or_are_refused),
		cmocka_unit_test(invalid_escapes_stay_as_they_are),
		cmocka_unit_test(services_are_reported_only_when_asked_for),
		cmocka_unit_test(the_root_is_the_root),
		cmocka_unit_test(every_runtime_has_a_name),
	};

	return cmocka_run_group_tests(identity, NULL, NULL);
}
