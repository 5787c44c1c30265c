// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/collector/metadata_help.h"

static json_t *parse(const char *text)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	json_t *j = NULL;

	buf_init(&b, 1 << 20);
	buf_add_str(&b, text);
	assert_int_equal(metadata_parse_json(&b, &j), 0);
	return j;
}

#define BUNDLE                                                                                     \
	"{\"process\":{\"capabilities\":{\"bounding\":[\"CAP_CHOWN\"]},\"selinuxLabel\":\"a:b\","  \
	"\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"hard\":2048,\"soft\":1024}],"                  \
	"\"oomScoreAdj\":-500},\"mounts\":[{\"destination\":\"/data\",\"source\":\"/srv\","        \
	"\"options\":[\"rbind\",\"rshared\"]}],\"linux\":{\"maskedPaths\":[\"/proc/kcore\"],"      \
	"\"readonlyPaths\":[\"/proc/sys\"],\"devices\":[{\"path\":\"/dev/"                         \
	"sda\",\"type\":\"b\",\"major\":8,\"minor\":0},"                                           \
	"{\"type\":\"c\"}],\"resources\":{\"memory\":{\"limit\":1024},\"pids\":{\"limit\":-1},"    \
	"\"cpu\":{\"shares\":512,\"quota\":-1,\"period\":100000},"                                 \
	"\"devices\":[{\"allow\":false,\"access\":\"rwm\"},{\"allow\":true,\"type\":\"c\","        \
	"\"major\":1,\"minor\":3}]}}}"

static void a_bundle_says_how_a_container_is_shut_in(void **state)
{
	AUTO_JSON json_t *config = parse(BUNDLE);
	AUTO(metadata_free) struct metadata *m = calloc(1, sizeof(*m));
	const struct metadata_confinement *c;

	(void)state;
	assert_non_null(m);
	c = &m->confinement;
	metadata_add_mount(m, "bind", "/srv", "/data", NULL, false);
	metadata_confine_oci(m, config);
	assert_true(c->known && c->paths_known && c->bounding_known);
	assert_string_equal(c->masked.items[0], "/proc/kcore");
	assert_string_equal(c->read_only.items[0], "/proc/sys");
	assert_string_equal(c->bounding.items[0], "CAP_CHOWN");
	assert_int_equal(c->devices.n, 1);
	assert_string_equal(c->devices.items[0], "b 8:0 /dev/sda");
	assert_false(c->all_devices);
	assert_string_equal(c->rlimits.items[0], "nofile=1024:2048");
	assert_string_equal(c->selinux, "a:b");
	assert_int_equal(c->memory_bytes, 1024);
	assert_int_equal(c->pids, 0); /* -1: without a limit */
	assert_int_equal(c->cpu_shares, 512);
	assert_int_equal(c->cpu_quota_us, 0);
	assert_int_equal(c->oom_score_adj, -500);
	assert_string_equal(m->mounts[0].propagation, "rshared");
}

static void a_rule_for_every_device_is_seen(void **state)
{
	AUTO_JSON json_t *config = parse("{\"linux\":{\"resources\":{\"devices\":[{\"allow\":false,"
					 "\"access\":\"rwm\"},{\"allow\":true,\"type\":\"a\","
					 "\"access\":\"rwm\"}]}}}");
	AUTO(metadata_free) struct metadata *m = calloc(1, sizeof(*m));

	(void)state;
	assert_non_null(m);
	metadata_confine_oci(m, config);
	assert_true(m->confinement.all_devices);
	assert_int_equal(m->confinement.masked.n, 0); /* none is said to be masked */
	assert_true(m->confinement.paths_known);
}

#define HOST_CONFIG                                                                                \
	"{\"Memory\":4096,\"NanoCpus\":1500000000,\"PidsLimit\":null,\"UsernsMode\":\"host\","     \
	"\"CgroupParent\":\"/mine\",\"NetworkMode\":\"bridge\",\"OomKillDisable\":true,"           \
	"\"Devices\":[{\"PathOnHost\":\"/dev/fuse\",\"PathInContainer\":\"/dev/"                   \
	"sda\"}],\"CapAdd\":[\"sys_admin\"],\"RestartPolicy\":{\"Name\":\"on-failure\","           \
	"\"MaximumRetryCount\":5},\"PortBindings\":{\"80/tcp\":[{\"HostIp\":\"\","                 \
	"\"HostPort\":\"8080\"}],\"53/udp\":null},\"MaskedPaths\":[\"/proc/kcore\"],"              \
	"\"ReadonlyPaths\":[\"/proc/sys\"],\"Ulimits\":[{\"Name\":\"nofile\",\"Soft\":1,"          \
	"\"Hard\":2}]}"

static void dockers_settings_stand_in_for_a_bundle_that_is_gone(void **state)
{
	AUTO_JSON json_t *host = parse(HOST_CONFIG);
	AUTO_JSON json_t *config =
		parse("{\"MountPoints\":{\"/d\":{\"Destination\":\"/d\",\"Propagation\":"
		      "\"rslave\"}}}");
	AUTO(metadata_free) struct metadata *m = calloc(1, sizeof(*m));
	const struct metadata_confinement *c;

	(void)state;
	assert_non_null(m);
	c = &m->confinement;
	metadata_add_mount(m, "bind", "/srv", "/d", NULL, true);
	metadata_confine_docker(m, config, host);
	assert_true(c->known && c->paths_known && c->user_namespace_refused && c->oom_kill_off);
	assert_int_equal(c->memory_bytes, 4096);
	assert_int_equal(c->cpu_quota_us, 150000);
	assert_int_equal(c->cpu_period_us, 100000);
	assert_int_equal(c->pids, 0);
	assert_string_equal(c->devices.items[0], "? - /dev/fuse");
	assert_string_equal(c->bounding.items[0], "CAP_SYS_ADMIN");
	assert_string_equal(c->restart, "on-failure:5");
	assert_int_equal(c->ports.n, 1);
	assert_string_equal(c->ports.items[0], "0.0.0.0:8080 80/tcp");
	assert_string_equal(c->rlimits.items[0], "nofile=1:2");
	assert_string_equal(c->cgroup_parent, "/mine");
	assert_string_equal(m->mounts[0].propagation, "rslave");
}

static void what_the_bundle_said_stays(void **state)
{
	AUTO_JSON json_t *bundle = parse(BUNDLE), *host = parse(HOST_CONFIG);
	AUTO(metadata_free) struct metadata *m = calloc(1, sizeof(*m));

	(void)state;
	assert_non_null(m);
	metadata_confine_oci(m, bundle);
	metadata_confine_docker(m, NULL, host);
	assert_int_equal(m->confinement.memory_bytes, 1024);
	assert_int_equal(m->confinement.devices.n, 1);
	/* but for the name that the device has outside */
	assert_string_equal(m->confinement.devices.items[0], "b 8:0 /dev/fuse");
	assert_int_equal(m->confinement.bounding.n, 1);
	assert_string_equal(m->confinement.network, "bridge"); /* it alone says so */
}

static void lists_beyond_the_limit_are_cut_and_counted(void **state)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	AUTO(metadata_free) struct metadata *m = calloc(1, sizeof(*m));

	(void)state;
	assert_non_null(m);
	buf_init(&b, 1 << 20);
	buf_add_str(&b, "{\"linux\":{\"maskedPaths\":[7,\"\"");
	for (int i = 0; i < METADATA_MAX_LIST + 3; i++)
		buf_printf(&b, ",\"/%d\"", i);
	buf_add_str(&b, "]}}");
	buf_add_char(&b, '\0');
	AUTO_JSON json_t *config = parse(b.data);

	metadata_confine_oci(m, config);
	assert_int_equal(m->confinement.masked.n, METADATA_MAX_LIST);
	assert_int_equal(m->refused, 3);
}

static void other_types_than_expected_are_nothing(void **state)
{
	AUTO_JSON json_t *config = parse("{\"linux\":{\"maskedPaths\":{},\"devices\":[1,[]],"
					 "\"resources\":[]},\"process\":7,\"mounts\":[4]}");
	AUTO_JSON json_t *host = parse("{\"PortBindings\":{\"1/tcp\":[5]},\"RestartPolicy\":[],"
				       "\"Devices\":{},\"Ulimits\":[{}]}");
	AUTO(metadata_free) struct metadata *m = calloc(1, sizeof(*m));

	(void)state;
	assert_non_null(m);
	metadata_confine_oci(m, config);
	metadata_confine_docker(m, host, host);
	assert_true(m->confinement.known);
	assert_int_equal(m->confinement.devices.n, 0);
	assert_null(m->confinement.restart);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bundle_says_how_a_container_is_shut_in),
		cmocka_unit_test(a_rule_for_every_device_is_seen),
		cmocka_unit_test(dockers_settings_stand_in_for_a_bundle_that_is_gone),
		cmocka_unit_test(what_the_bundle_said_stays),
		cmocka_unit_test(lists_beyond_the_limit_are_cut_and_counted),
		cmocka_unit_test(other_types_than_expected_are_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
