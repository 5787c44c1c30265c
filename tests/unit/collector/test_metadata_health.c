// SPDX-License-Identifier: GPL-2.0-or-later
/* Health checks and stop signals, by the forms that docker and podman write. */
#include "tests/unit/collector/metadata_help.h"

#define ID     "7676aab1cee934f01b5f44d008d6958e18a9f8b8dba0eac2c2b42b6f3a38d3d7"
#define CGROUP "/docker/" ID

/* A docker container whose "Config" is this. */
static struct metadata *docker_with(const char *config)
{
	char text[4096];
	struct host h;

	snprintf(text, sizeof(text),
		 "@ var/lib/docker/containers/" ID "/config.v2.json\n"
		 "{\"ID\":\"" ID "\",\"Name\":\"/web\",\"Config\":%s}\n",
		 config);
	AUTO_TREE struct tree t = tree_make(text);
	struct metadata *m = load(host_of(&h, &t, NULL), RUNTIME_DOCKER, ID, CGROUP, 0);

	assert_non_null(m);
	return m;
}

/* The words of the check with '|' between them; "-": none. */
static const char *check_of(const char *config)
{
	static char text[8192];
	AUTO(metadata_free) struct metadata *m = docker_with(config);
	size_t n = 0;

	if (m->healthcheck_n == 0) {
		assert_null(m->healthcheck);
		return "-";
	}
	for (size_t i = 0; i < m->healthcheck_n; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", i ? "|" : "",
				      m->healthcheck[i]);
	return text;
}

static void a_health_check_is_a_list_of_arguments(void **state)
{
	(void)state;
	assert_string_equal(check_of("{\"Healthcheck\":{\"Test\":[\"CMD\",\"redis-cli\",\"ping\"],"
				     "\"Interval\":1000000000}}"),
			    "redis-cli|ping");
	assert_string_equal(
		check_of("{\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"curl -f http://localhost/ || "
			 "exit 1\"]}}"),
		"/bin/sh|-c|curl -f http://localhost/ || exit 1");
	assert_string_equal(check_of("{\"Shell\":[\"/bin/bash\",\"-eo\",\"pipefail\",\"-c\"],"
				     "\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"x | y\"]}}"),
			    "/bin/bash|-eo|pipefail|-c|x | y");
	assert_string_equal(check_of("{\"Shell\":null,\"Healthcheck\":{\"Test\":[\"CMD\",\"\"]}}"),
			    "");
}

static void without_a_health_check_there_is_none(void **state)
{
	(void)state;
	assert_string_equal(check_of("{}"), "-");
	assert_string_equal(check_of("{\"Healthcheck\":null}"), "-");
	assert_string_equal(check_of("{\"Healthcheck\":{\"Test\":[\"NONE\"]}}"), "-");
	assert_string_equal(check_of("{\"Healthcheck\":{\"Test\":[]}}"), "-");
	assert_string_equal(check_of("{\"Healthcheck\":{\"Test\":[\"CMD\"]}}"), "-");
	assert_string_equal(check_of("{\"Healthcheck\":{\"Test\":[\"HTTP\",\"/\"]}}"), "-");
	assert_string_equal(check_of("{\"Healthcheck\":{\"Test\":\"CMD true\"}}"), "-");
	assert_string_equal(check_of("{\"Healthcheck\":[\"CMD\",\"true\"]}"), "-");
}

static void half_a_health_check_is_none(void **state)
{
	char config[2048] = "{\"Healthcheck\":{\"Test\":[\"CMD\"";
	size_t n = strlen(config);

	(void)state;
	assert_string_equal(check_of("{\"Healthcheck\":{\"Test\":[\"CMD\",\"a\",7]}}"), "-");
	for (unsigned i = 0; i < METADATA_MAX_HEALTHCHECK; i++)
		n += (size_t)snprintf(config + n, sizeof(config) - n, ",\"a%u\"", i);
	snprintf(config + n, sizeof(config) - n, "]}}");
	AUTO(metadata_free) struct metadata *most = docker_with(config);

	assert_int_equal(most->healthcheck_n, METADATA_MAX_HEALTHCHECK);
	assert_string_equal(most->healthcheck[63], "a63");
	assert_int_equal(most->refused, 0);
	snprintf(config + n, sizeof(config) - n, ",\"more\"]}}");
	AUTO(metadata_free) struct metadata *more = docker_with(config);

	assert_null(more->healthcheck);
	assert_int_equal(more->healthcheck_n, 0);
	assert_int_equal(more->refused, 1);
}

static void a_stop_signal_has_one_spelling(void **state)
{
	static const char *const pairs[][2] = {
		{ "\"SIGQUIT\"", "SIGQUIT" },
		{ "\"QUIT\"", "SIGQUIT" },
		{ "\"3\"", "SIGQUIT" },
		{ "\"sigterm\"", "SIGTERM" },
		{ "\"SIGRTMIN+3\"", "SIGRTMIN+3" },
		{ "\"RTMIN+3\"", "SIGRTMIN+3" },
		{ "\"37\"", "37" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		char config[64];

		snprintf(config, sizeof(config), "{\"StopSignal\":%s}", pairs[i][0]);
		AUTO(metadata_free) struct metadata *m = docker_with(config);

		assert_non_null(m->stop_signal);
		assert_string_equal(m->stop_signal, pairs[i][1]);
	}
	AUTO(metadata_free) struct metadata *none = docker_with("{\"StopSignal\":\"\"}");
	AUTO(metadata_free)
	struct metadata *longer =
		docker_with("{\"StopSignal\":\"SIGSIGSIGSIGSIGSIGSIGSIGSIGSIGSIG\"}");

	assert_null(none->stop_signal);
	assert_null(longer->stop_signal);
}

#define IMAGE	"4b3bf79bbcf1a67024909c513f6f867590893fcea94ca2a179f47423d1377ad0"
#define STORAGE "var/lib/containers/storage"
/* base64 of "sha256:" and IMAGE */
#define IMAGE_FILE                                                                                 \
	"=c2hhMjU2OjRiM2JmNzliYmNmMWE2NzAyNDkwOWM1MTNmNmY4Njc1OTA4OTNmY2VhOTRjYTJhMTc5ZjQ3NDIzZDE" \
	"z"                                                                                        \
	"NzdhZDA="

static void podmans_check_comes_from_its_image_and_the_signal_from_its_bundle(void **state)
{
	AUTO_TREE struct tree t = tree_make(
		"@ " STORAGE "/overlay-containers/containers.json\n"
		"[{\"id\":\"" ID "\",\"names\":[\"p\"],\"image\":\"" IMAGE "\"}]\n"
		"@ " STORAGE "/overlay-containers/" ID "/userdata/config.json\n"
		"{\"process\":{\"args\":[\"sleep\",\"1\"]},\"annotations\":{"
		"\"io.container.manager\":\"libpod\","
		"\"org.opencontainers.image.stopSignal\":\"15\"}}\n"
		"@ " STORAGE "/overlay-images/" IMAGE "/" IMAGE_FILE "\n"
		"{\"config\":{\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"true && :\"]}}}\n");
	struct host h;

	(void)state;
	AUTO(metadata_free)
	struct metadata *m = load(host_of(&h, &t, NULL), RUNTIME_PODMAN, ID, CGROUP, 0);

	assert_non_null(m);
	assert_string_equal(m->stop_signal, "SIGTERM");
	assert_int_equal(m->healthcheck_n, 3);
	assert_string_equal(m->healthcheck[0], "sh");
	assert_string_equal(m->healthcheck[1], "-c");
	assert_string_equal(m->healthcheck[2], "true && :");
	assert_int_equal(m->labels_n, 0);
}

int main(void)
{
	const struct CMUnitTest metadata_health[] = {
		cmocka_unit_test(a_health_check_is_a_list_of_arguments),
		cmocka_unit_test(without_a_health_check_there_is_none),
		cmocka_unit_test(half_a_health_check_is_none),
		cmocka_unit_test(a_stop_signal_has_one_spelling),
		cmocka_unit_test(podmans_check_comes_from_its_image_and_the_signal_from_its_bundle),
	};

	return cmocka_run_group_tests(metadata_health, NULL, NULL);
}
