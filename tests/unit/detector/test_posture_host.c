// SPDX-License-Identifier: GPL-2.0-or-later
/* A fixture tree is the whole host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "detector/posture_host.h"
#include "tests/unit/fixture.h"

#define AUTO_HOST AUTO(host_release)

static struct host *audit(struct host *h, const struct tree *t)
{
	struct err e = { "" };

	assert_int_equal(host_audit(h, t->path, &e), 0);
	return h;
}

static const struct host_result *find(const struct host *h, const char *benchmark, const char *item)
{
	for (size_t i = 0; i < h->n; i++)
		if (strcmp(h->results[i].benchmark, benchmark) == 0 &&
		    strcmp(h->results[i].item, item) == 0)
			return &h->results[i];
	fail_msg("no item %s of %s", item, benchmark);
	return NULL;
}

static void expect(const struct host *h, const char *benchmark, const char *item,
		   enum host_outcome outcome)
{
	const struct host_result *r = find(h, benchmark, item);

	if (r->outcome != outcome)
		fail_msg("%s: %s (%s), not %s", item, host_outcome_names[r->outcome], r->found,
			 host_outcome_names[outcome]);
}

#define DOCKER(item, outcome) expect(&h, HOST_DOCKER, item, outcome)
#define KUBE(item, outcome)   expect(&h, HOST_KUBERNETES, item, outcome)

static void mode(const struct tree *t, const char *path, mode_t bits)
{
	char full[512];

	snprintf(full, sizeof(full), "%s/%s", t->path, path);
	assert_int_equal(chmod(full, bits), 0);
}

static void a_host_without_runtimes_has_nothing_to_answer(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ etc/\n");
	AUTO_HOST struct host h = { .root = "" };

	(void)state;
	audit(&h, &t);
	assert_int_equal(h.n, 2);
	DOCKER("1", HOST_ABSENT);
	KUBE("4", HOST_ABSENT);
}

static void a_root_that_is_not_there_is_an_error(void **state)
{
	struct err e = { "" };
	AUTO_HOST struct host h = { .root = "" };

	(void)state;
	assert_int_equal(host_audit(&h, "/nonexistent", &e), -ENOENT);
	assert_non_null(strstr(e.text, "/nonexistent"));
}

static void settings_of_the_daemon_come_from_its_file(void **state)
{
	AUTO_TREE struct tree t = tree_make(
		"@ etc/docker/daemon.json\n"
		"{\"icc\":false,\"live-restore\":true,\"userns-remap\":\"default\","
		"\"log-driver\":\"journald\",\"insecure-registries\":[\"a:5000\"],"
		"\"default-ulimits\":{\"nofile\":{\"Hard\":9}},\"hosts\":[\"tcp://0.0.0.0:2375\"],"
		"\"storage-driver\":\"aufs\",\"storage-opts\":[\"dm.basesize=20G\"]}\n");
	AUTO_HOST struct host h = { .root = "" };

	(void)state;
	audit(&h, &t);
	DOCKER("2.1", HOST_UNREADABLE); /* it does not run */
	DOCKER("2.2", HOST_PASS);
	DOCKER("2.3", HOST_PASS); /* as usual */
	DOCKER("2.5", HOST_FAIL);
	DOCKER("2.6", HOST_FAIL);
	DOCKER("2.7", HOST_FAIL);
	DOCKER("2.8", HOST_PASS);
	DOCKER("2.9", HOST_PASS);
	DOCKER("2.11", HOST_FAIL);
	DOCKER("2.12", HOST_FAIL);
	DOCKER("2.13", HOST_PASS);
	DOCKER("2.14", HOST_FAIL);
	DOCKER("2.15", HOST_PASS);
	DOCKER("2.16", HOST_FAIL);
	DOCKER("2.17", HOST_PASS);
	assert_non_null(strstr(find(&h, HOST_DOCKER, "2.5")->found, "a:5000"));
	assert_non_null(strstr(find(&h, HOST_DOCKER, "2.5")->mend, "daemon.json"));
	assert_string_equal(find(&h, HOST_DOCKER, "2.2")->mend, ""); /* nothing to mend */
}

static void flags_of_the_daemon_go_before_its_file(void **state)
{
	static const char line[] = "/usr/bin/dockerd\0--icc=false\0--userland-proxy=false\0"
				   "--log-level\0debug\0--live-restore\0--config-file\0/etc/d.json";
	AUTO_TREE struct tree t = tree_make("@ etc/d.json\n{\"icc\":true}\n"
					    "@ proc/70/status\nNSpid:\t70\nUid:\t0\t0\t0\t0\n"
					    "@ proc/9/status\nNSpid:\t9\t1\nUid:\t5\t5\t5\t5\n");
	AUTO_HOST struct host h = { .root = "" };

	(void)state;
	tree_write(&t, "proc/70/cmdline", line, sizeof(line));
	tree_write(&t, "proc/9/cmdline", "dockerd\0--icc", 14); /* of a container */
	audit(&h, &t);
	assert_int_equal(h.dockerd.pid, 70);
	DOCKER("2.1", HOST_FAIL);
	DOCKER("2.2", HOST_PASS);
	DOCKER("2.3", HOST_FAIL);
	DOCKER("2.15", HOST_PASS);
	DOCKER("2.16", HOST_PASS);
	assert_string_equal(h.daemon_path, "/etc/d.json");
}

static void a_file_that_is_no_json_is_told_as_unreadable(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ etc/docker/daemon.json\n{\"icc\": fal\n");
	AUTO_HOST struct host h = { .root = "" };

	(void)state;
	audit(&h, &t);
	DOCKER("2.2", HOST_UNREADABLE);
	DOCKER("2.13", HOST_UNREADABLE);
}

static void owners_and_modes_of_files_are_judged(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ etc/docker/daemon.json\n{}\n"
					    "@ etc/default/docker\nx\n"
					    "@ etc/docker/certs.d/r/ca.crt\nx\n"
					    "@ lib/systemd/system/docker.service\nx\n");
	AUTO_HOST struct host h = { .root = "" };
	const bool root = geteuid() == 0 && getegid() == 0;

	(void)state;
	mode(&t, "etc/docker/daemon.json", 0666);
	mode(&t, "etc/default/docker", 0600);
	mode(&t, "etc/docker/certs.d/r/ca.crt", 0644);
	mode(&t, "lib/systemd/system/docker.service", 0644);
	audit(&h, &t);
	DOCKER("3.1", root ? HOST_PASS : HOST_FAIL);
	DOCKER("3.2", HOST_PASS);
	DOCKER("3.3", HOST_ABSENT);
	DOCKER("3.8", HOST_FAIL);
	DOCKER("3.16", HOST_ABSENT);
	DOCKER("3.18", HOST_FAIL);
	DOCKER("3.20", HOST_PASS);
	assert_non_null(strstr(find(&h, HOST_DOCKER, "3.18")->found, "0666"));
	assert_non_null(strstr(find(&h, HOST_DOCKER, "3.18")->mend, "chmod 644"));
	assert_non_null(strstr(find(&h, HOST_DOCKER, "3.8")->found, "certs.d/r/ca.crt"));
}

static void rules_of_audit_are_looked_for(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ usr/bin/dockerd\nx\n@ usr/bin/runc\nx\n"
					    "@ var/lib/docker/\n@ etc/docker/\n"
					    "@ etc/audit/rules.d/docker.rules\n"
					    "# -w /usr/bin/runc -k no\n"
					    "-w /usr/bin/dockerd -k docker\n"
					    "-a always,exit -F dir=/var/lib/docker/ -F perm=wa\n"
					    "-w /etc/docker2 -k x\n");
	AUTO_HOST struct host h = { .root = "" };

	(void)state;
	audit(&h, &t);
	DOCKER("1.1.3", HOST_PASS);
	DOCKER("1.1.5", HOST_PASS);
	DOCKER("1.1.6", HOST_FAIL);
	DOCKER("1.1.18", HOST_FAIL);
	DOCKER("1.1.12", HOST_ABSENT);
	assert_non_null(strstr(find(&h, HOST_DOCKER, "1.1.18")->mend, "-w /usr/bin/runc"));
}

static void the_groups_members_and_the_partition_are_found(void **state)
{
	AUTO_TREE struct tree t =
		tree_make("@ var/lib/docker/\n@ etc/group\nroot:x:0:\ndocker:x:99:eve,bob\n"
			  "@ proc/1/mountinfo\n20 1 8:1 / / rw - ext4 /dev/a rw\n"
			  "21 20 8:2 / /var/lib/docker rw - ext4 /dev/b rw\n");
	AUTO_TREE struct tree bound =
		tree_make("@ var/lib/docker/\n@ etc/group\ndocker:x:99:\n"
			  "@ proc/1/mountinfo\n"
			  "21 20 8:1 /var/lib/docker /var/lib/docker rw - ext4 /dev/a rw\n");
	AUTO_HOST struct host h = { .root = "" }, b = { .root = "" };

	(void)state;
	audit(&h, &t);
	audit(&b, &bound);
	DOCKER("1.1.1", HOST_PASS);
	DOCKER("1.1.2", HOST_FAIL);
	assert_non_null(strstr(find(&h, HOST_DOCKER, "1.1.2")->found, "eve,bob"));
	expect(&b, HOST_DOCKER, "1.1.1", HOST_FAIL);
	expect(&b, HOST_DOCKER, "1.1.2", HOST_PASS);
}

#define IMAGE(hash) "@ var/lib/docker/image/overlay2/imagedb/content/sha256/" hash "\n"

static void images_containers_and_swarm_are_counted(void **state)
{
	AUTO_TREE struct tree t = tree_make(
		IMAGE("aa") "{\"created\":\"2020-01-01T00:00:00Z\",\"config\":{\"User\":\"me\","
			    "\"Healthcheck\":{\"Test\":[]}}}\n" IMAGE(
				    "bb") "{\"config\":{}}\n"
					  "@ var/lib/docker/containers/c1/config.v2.json\n"
					  "{\"Image\":\"sha256:aa\",\"State\":{\"Running\":true}}\n"
					  "@ var/lib/docker/swarm/docker-state.json\n"
					  "{\"ListenAddr\":\"0.0.0.0:2377\"}\n"
					  "@ var/lib/docker/swarm/state.json\n[{},{},{}]\n"
					  "@ etc/environment\nDOCKER_CONTENT_TRUST=1\n");
	AUTO_HOST struct host h = { .root = "" };

	(void)state;
	audit(&h, &t);
	DOCKER("4.1", HOST_FAIL);
	DOCKER("4.5", HOST_PASS);
	DOCKER("4.6", HOST_FAIL);
	DOCKER("5.1", HOST_FAIL);
	DOCKER("6.1", HOST_PASS);
	DOCKER("6.2", HOST_PASS);
	DOCKER("7.1", HOST_PASS);
	DOCKER("7.2", HOST_FAIL);
	DOCKER("7.3", HOST_UNREADABLE);
	assert_string_equal(find(&h, HOST_DOCKER, "4.1")->found, "1 of 2 images run as root");
	assert_non_null(strstr(find(&h, HOST_DOCKER, "6.1")->found, "2 images, 1 of them used"));
}

static void swarm_that_is_off_is_no_failure(void **state)
{
	AUTO_TREE struct tree t = tree_make("@ var/lib/docker/\n");
	AUTO_HOST struct host h = { .root = "" };

	(void)state;
	audit(&h, &t);
	DOCKER("5.1", HOST_PASS);
	DOCKER("7.1", HOST_ABSENT);
	DOCKER("4.1", HOST_ABSENT);
}

#define KUBELET                                                                                    \
	"@ var/lib/kubelet/config.yaml\n"                                                          \
	"apiVersion: kubelet.config.k8s.io/v1beta1\n"                                              \
	"authentication:\n  anonymous:\n    enabled: false\n  x509:\n"                             \
	"    clientCAFile: /etc/kubernetes/pki/ca.crt\n"                                           \
	"authorization:\n  mode: Webhook\nreadOnlyPort: 10255\npodPidsLimit: 4096\n"               \
	"tlsCipherSuites:\n  - TLS_ECDHE_A\n  - TLS_ECDHE_B\nrotateCertificates: true\n"

static void settings_of_the_kubelet_are_read_and_flags_go_before(void **state)
{
	static const char line[] = "/usr/bin/kubelet\0--anonymous-auth=true\0"
				   "--hostname-override\0other";
	AUTO_TREE struct tree t = tree_make(KUBELET);
	AUTO_TREE struct tree flags = tree_make(KUBELET);
	AUTO_HOST struct host h = { .root = "" }, f = { .root = "" };

	(void)state;
	audit(&h, &t);
	KUBE("4.2.1", HOST_PASS);
	KUBE("4.2.2", HOST_PASS);
	KUBE("4.2.3", HOST_PASS);
	KUBE("4.2.4", HOST_FAIL);
	KUBE("4.2.7", HOST_PASS);
	KUBE("4.2.9", HOST_FAIL);
	KUBE("4.2.12", HOST_PASS);
	KUBE("4.2.13", HOST_PASS);
	assert_non_null(strstr(find(&h, HOST_KUBERNETES, "4.2.12")->found, "TLS_ECDHE_A,TLS_"));
	tree_write(&flags, "proc/5/cmdline", line, sizeof(line));
	audit(&f, &flags);
	expect(&f, HOST_KUBERNETES, "4.2.1", HOST_FAIL);
	expect(&f, HOST_KUBERNETES, "4.2.7", HOST_FAIL);
}

static void files_of_the_control_plane_are_judged_where_there_is_one(void **state)
{
	AUTO_TREE struct tree t = tree_make(
		KUBELET "@ etc/kubernetes/manifests/kube-apiserver.yaml\nx\n"
			"@ etc/kubernetes/pki/ca.key\nx\n@ etc/kubernetes/pki/etcd/ca.key\nx\n");
	AUTO_TREE struct tree node = tree_make(KUBELET);
	AUTO_HOST struct host h = { .root = "" }, n = { .root = "" };

	(void)state;
	mode(&t, "etc/kubernetes/manifests/kube-apiserver.yaml", 0644);
	mode(&t, "etc/kubernetes/pki/ca.key", 0600);
	mode(&t, "etc/kubernetes/pki/etcd/ca.key", 0640);
	mode(&t, "var/lib/kubelet/config.yaml", 0600);
	audit(&h, &t);
	KUBE("1.1.1", HOST_FAIL);
	KUBE("1.1.21", HOST_FAIL);
	KUBE("4.1.9", HOST_PASS);
	KUBE("4.1.5", HOST_ABSENT);
	assert_non_null(strstr(find(&h, HOST_KUBERNETES, "1.1.21")->found, "1 of 2, first "));
	audit(&n, &node);
	for (size_t i = 0; i < n.n; i++)
		assert_true(strncmp(n.results[i].item, "1.1", 3) != 0 ||
			    strcmp(n.results[i].benchmark, HOST_KUBERNETES) != 0);
}

static void results_are_in_the_order_of_the_benchmarks(void **state)
{
	AUTO_TREE struct tree t = tree_make(KUBELET "@ var/lib/docker/\n");
	AUTO_HOST struct host h = { .root = "" };

	(void)state;
	audit(&h, &t);
	for (size_t i = 1; i < h.n; i++) {
		const struct host_result *a = &h.results[i - 1], *b = &h.results[i];
		const int r = strcmp(a->benchmark, b->benchmark);

		assert_true(r < 0 || (r == 0 && strverscmp(a->item, b->item) < 0));
	}
}

/* --- YAML --------------------------------------------------------------------------------------
 */

static void yaml_becomes_a_flat_list(void **state)
{
	struct host_setting *list = NULL;
	size_t n = 0;

	(void)state;
	assert_int_equal(host_yaml(SPAN_LIT("a: 1\nb: {c: x, d: [p, q]}\ne:\n- f: 1\n- f: 2\n"
					    "g: ''\n"),
				   &list, &n),
			 0);
	assert_string_equal(host_setting_of(list, n, "a"), "1");
	assert_string_equal(host_setting_of(list, n, "b.c"), "x");
	assert_string_equal(host_setting_of(list, n, "b.d"), "p,q");
	assert_string_equal(host_setting_of(list, n, "e.f"), "1,2");
	assert_string_equal(host_setting_of(list, n, "g"), "");
	assert_null(host_setting_of(list, n, "h"));
	host_settings_free(list, n);
	assert_int_equal(host_yaml(SPAN_LIT("{\"a\": {\"b\": true}}"), &list, &n), 0);
	assert_string_equal(host_setting_of(list, n, "a.b"), "true");
	host_settings_free(list, n);
}

static void yaml_without_an_end_is_refused(void **state)
{
	struct host_setting *list = NULL;
	char deep[400];
	size_t n = 0;

	(void)state;
	memset(deep, '[', sizeof(deep));
	assert_int_equal(host_yaml((struct span){ deep, sizeof(deep) }, &list, &n), -EBADMSG);
	assert_int_equal(host_yaml(SPAN_LIT("a: &x 1\nb: *x\n"), &list, &n), -EBADMSG);
	assert_int_equal(host_yaml(SPAN_LIT("a: [\n"), &list, &n), -EBADMSG);
	assert_null(list);
	assert_int_equal(host_yaml(SPAN_LIT(""), &list, &n), 0);
	assert_int_equal(n, 0);
	host_settings_free(list, n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_without_runtimes_has_nothing_to_answer),
		cmocka_unit_test(a_root_that_is_not_there_is_an_error),
		cmocka_unit_test(settings_of_the_daemon_come_from_its_file),
		cmocka_unit_test(flags_of_the_daemon_go_before_its_file),
		cmocka_unit_test(a_file_that_is_no_json_is_told_as_unreadable),
		cmocka_unit_test(owners_and_modes_of_files_are_judged),
		cmocka_unit_test(rules_of_audit_are_looked_for),
		cmocka_unit_test(the_groups_members_and_the_partition_are_found),
		cmocka_unit_test(images_containers_and_swarm_are_counted),
		cmocka_unit_test(swarm_that_is_off_is_no_failure),
		cmocka_unit_test(settings_of_the_kubelet_are_read_and_flags_go_before),
		cmocka_unit_test(files_of_the_control_plane_are_judged_where_there_is_one),
		cmocka_unit_test(results_are_in_the_order_of_the_benchmarks),
		cmocka_unit_test(yaml_becomes_a_flat_list),
		cmocka_unit_test(yaml_without_an_end_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
