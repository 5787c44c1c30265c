// SPDX-License-Identifier: GPL-2.0-or-later
/* Neither LXC nor nspawn runs on the build machine: the fixtures are by hand, after LXC 5's
 * lxc-create and systemd 252. */
#include "tests/unit/collector/metadata_help.h"

static void an_lxc_container_is_read_from_its_configuration(void **state)
{
	AUTO_TREE struct tree t = tree_make(
		"@ var/lib/lxc/web/config\n# Template used to create this container\n"
		"lxc.include = /usr/share/lxc/config/common.conf\n"
		"lxc.include = /usr/share/lxc/config/common.conf.d/\n"
		"lxc.uts.name = web\nlxc.rootfs.path = "
		"overlay:/var/lib/lxc/base:/var/lib/lxc/web/up\n"
		"lxc.mount.entry = /srv/data data none bind,ro,create=dir 0 0\n"
		"lxc.mount.entry = proc proc proc nodev,noexec 0 0\n"
		"lxc.apparmor.profile = generated\nlxc.idmap = u 0 100000 65536\n"
		"lxc.namespace.share.net = other\nlxc.namespace.keep = ipc uts\n"
		"lxc.no_new_privs = 1\nlxc.init.cmd = \"/sbin/init single\"\nbad line\n=\n"
		"@ usr/share/lxc/config/common.conf\nlxc.cap.drop = mac_admin mac_override\n"
		"lxc.cap.drop=sys_time\nlxc.seccomp.profile = "
		"/usr/share/lxc/config/common.seccomp\n"
		"@ usr/share/lxc/config/common.conf.d/x.conf\nlxc.cap.drop = kill\n");
	struct identity id = identity_of(RUNTIME_LXC, "web");
	struct host h;

	(void)state;
	AUTO(metadata_free)
	struct metadata *m = load(host_of(&h, &t, NULL), RUNTIME_LXC, "web", "/lxc.payload.web", 0);

	assert_non_null(m);
	assert_int_equal(m->runtime, RUNTIME_LXC);
	assert_string_equal(m->name, "web");
	assert_string_equal(m->hostname, "web");
	assert_string_equal(m->writable_layer, "/var/lib/lxc/web/up");
	assert_string_equal(m->command, "/sbin/init single");
	assert_string_equal(mount_at(m, "/data")->type, "bind");
	assert_true(mount_at(m, "/data")->read_only);
	assert_string_equal(mount_at(m, "/proc")->type, "proc");
	assert_string_equal(m->apparmor, "generated");
	assert_string_equal(m->seccomp, "/usr/share/lxc/config/common.seccomp");
	assert_int_equal(m->capabilities_n, 41 - 3);
	assert_false(has_capability(m, "CAP_SYS_TIME"));
	assert_true(has_capability(m, "CAP_KILL"));
	assert_false(m->privileged);
	assert_true(m->no_new_privileges);
	assert_string_equal(namespace_of(m, "network"), "other");
	assert_string_equal(namespace_of(m, "ipc"), "host");
	assert_string_equal(namespace_of(m, "user"), "own");
	assert_string_equal(namespace_of(m, "pid"), "own");
	assert_int_not_equal(metadata_stamp(&h.roots, &id), 0);
}

static void an_lxc_container_without_id_map_has_the_hosts_root(void **state)
{
	AUTO_TREE struct tree t = tree_make(
		"@ var/lib/lxc/web/config\nlxc.cap.keep = kill chown\nlxc.cap.drop = kill\n"
		"lxc.rootfs.path = dir:/var/lib/lxc/web/rootfs\n");
	struct host h;

	(void)state;
	AUTO(metadata_free)
	struct metadata *m = load(host_of(&h, &t, NULL), RUNTIME_LXC, "web", "/lxc.payload.web", 0);

	assert_non_null(m);
	assert_true(m->privileged);
	assert_string_equal(namespace_of(m, "user"), "host");
	assert_int_equal(m->capabilities_n, 2);
	assert_string_equal(m->writable_layer, "/var/lib/lxc/web/rootfs");
	assert_string_equal(m->seccomp, "unconfined");
}

static void configurations_that_include_themselves_end(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ var/lib/lxc/web/config\n"
					    "lxc.include = /var/lib/lxc/web/config\n"
					    "lxc.include = /var/lib/lxc/web/config\n"
					    "lxc.include = relative\nlxc.include =\n");
	struct host h;

	(void)state;
	AUTO(metadata_free)
	struct metadata *m = load(host_of(&h, &t, NULL), RUNTIME_LXC, "web", "/lxc.payload.web", 0);

	assert_non_null(m);
}

static void an_nspawn_machine_is_read_from_its_state_and_settings(void **state)
{
	AUTO_TREE struct tree t = tree_make(
		"@ run/systemd/machines/deb\n# This is private data. Do not parse.\nNAME=deb\n"
		"SCOPE=machine-deb.scope\nSERVICE=systemd-nspawn\nROOT=\"/var/lib/machines/deb\"\n"
		"ID=00112233445566778899aabbccddeeff\nLEADER=55\nCLASS=container\n"
		"REALTIME=1795302767562126\nMONOTONIC=124432\n"
		"@ proc/55/stat\nx\n"
		"@ etc/systemd/nspawn/deb.nspawn\n[Exec]\nHostname=box\nNoNewPrivileges=yes\n"
		"[Files]\nReadOnly=yes\nBind=/srv\nBindReadOnly=/a:/"
		"b:norbind\n[Network]\nUser=no\n");
	struct host h;

	(void)state;
	AUTO(metadata_free)
	struct metadata *m = load(host_of(&h, &t, NULL), RUNTIME_NSPAWN, "deb",
				  "/machine.slice/machine-deb.scope", 0);

	assert_non_null(m);
	assert_string_equal(m->name, "deb");
	assert_string_equal(m->hostname, "box");
	assert_null(m->user);
	assert_int_equal(m->pid, 55);
	assert_int_equal(m->state, STATE_RUNNING);
	assert_int_equal(m->created_unix_ns, 1795302767562126000ULL);
	assert_string_equal(m->writable_layer, "/var/lib/machines/deb");
	assert_true(m->read_only_root);
	assert_true(m->no_new_privileges);
	assert_false(mount_at(m, "/srv")->read_only);
	assert_string_equal(mount_at(m, "/b")->source, "/a");
	assert_false(m->details_known);
}

static void binary_files_are_survived(void **state)
{
	char bytes[4096];
	AUTO_TREE struct tree t = tree_make("@ run/systemd/machines/\n");
	struct host h;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 37 % 251);
	tree_write(&t, "run/systemd/machines/x", bytes, sizeof(bytes));
	tree_write(&t, "var/lib/lxc/x/config", bytes, sizeof(bytes));
	tree_write(&t, "var/lib/lxc/y/config", "lxc.mount.entry = a\nlxc.uts.name", 32);
	host_of(&h, &t, NULL);
	AUTO(metadata_free) struct metadata *a = load(&h, RUNTIME_NSPAWN, "x", "/x", 0);
	AUTO(metadata_free) struct metadata *b = load(&h, RUNTIME_LXC, "x", "/x", 0);
	AUTO(metadata_free) struct metadata *c = load(&h, RUNTIME_LXC, "y", "/x", 0);

	assert_non_null(a);
	assert_non_null(b);
	assert_non_null(c);
	assert_int_equal(c->mounts_n, 0);
	assert_null(load(&h, RUNTIME_LXC, "none", "/x", 0));
}

int main(void)
{
	const struct CMUnitTest metadata_lxc[] = {
		cmocka_unit_test(an_lxc_container_is_read_from_its_configuration),
		cmocka_unit_test(an_lxc_container_without_id_map_has_the_hosts_root),
		cmocka_unit_test(configurations_that_include_themselves_end),
		cmocka_unit_test(an_nspawn_machine_is_read_from_its_state_and_settings),
		cmocka_unit_test(binary_files_are_survived),
	};

	return cmocka_run_group_tests(metadata_lxc, NULL, NULL);
}
