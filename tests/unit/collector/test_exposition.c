// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/agent_detector.h"
#include "collector/exposition.h"
#include "tests/unit/collector/exposition_golden.h"
#include "tests/unit/collector/openmetrics_check.h"
#include "tests/unit/collector/state_fixture.h"

#define MAX_BYTES (4u << 20)

/* The whole text, NUL-terminated; free() it. */
static char *render(struct fixture *f, bool openmetrics)
{
	AUTO(exposition_free) struct exposition *x = NULL;
	AUTO_BUF struct buf b;
	struct err e = { "" };

	buf_init(&b, MAX_BYTES);
	assert_int_equal(exposition_new(&x, &f->state, openmetrics, &e), 0);
	assert_int_equal(exposition_step(x, &f->state, &b, NS_PER_S * 60), 1);
	return buf_take_str(&b);
}

/* The lines that hold `what`, in order. */
static char *lines_with(const char *text, const char *what)
{
	AUTO_BUF struct buf b;

	buf_init(&b, MAX_BYTES);
	for (const char *p = text; *p;) {
		size_t n = strcspn(p, "\n") + 1;

		if (memmem(p, n, what, strlen(what)))
			buf_add(&b, p, n);
		p += n;
	}
	return buf_take_str(&b);
}

static void assert_lines(const char *text, const char *what, const char *want)
{
	AUTO_FREE char *got = lines_with(text, what);

	assert_string_equal(got, want);
}

static struct container *add_sampled(struct fixture *f, const char *path, bool v2)
{
	struct container *c = fixture_add(f, CGROUP_CONTAINER, RUNTIME_DOCKER, path + 8, path);

	fixture_meta(c, "web", "nginx:1.25");
	c->meta->log_path = fixture_text("/var/log/a");
	fixture_sample(c, v2);
	return c;
}

static void a_v1_container_shows_every_figure_that_v1_has(void **state)
{
	AUTO_FIXTURE struct fixture f;
	uint64_t percpu[3] = { 1000000000, 0, 500000001 };
	struct container *c;

	(void)state;
	fixture_init(&f, 8, false);
	c = add_sampled(&f, "/docker/a", false);
	c->sample.have |= SAMPLE_CPU_PERCPU;
	c->sample.percpu_ns = percpu;
	c->sample.percpu_n = 3;
	AUTO_FREE char *text = render(&f, false);

	assert_lines(text, "id=\"/docker/a\"", golden_v1);
}

static void a_v2_container_shows_every_figure_that_v2_has(void **state)
{
	AUTO_FIXTURE struct fixture f;

	(void)state;
	fixture_init(&f, 8, true);
	add_sampled(&f, "/docker/a", true);
	AUTO_FREE char *text = render(&f, false);

	assert_lines(text, "id=\"/docker/a\"", golden_v2);
}

static void the_root_shows_the_hosts_disks_and_file_systems_once(void **state)
{
	AUTO_FIXTURE struct fixture f;

	(void)state;
	fixture_init(&f, 8, false);
	fixture_sample(f.root, false);
	f.root->sample.have &= ~(uint32_t)(SAMPLE_PSI_CPU | SAMPLE_DISK | SAMPLE_CPU_SPEC);
	f.live.have = SAMPLE_PSI_CPU;
	f.live.psi_cpu = (struct sample_psi){ 5000000, 7 };
	f.state.disks_n = 1;
	f.disks[0] = (struct machine_disk){ .device = "/dev/vda",
					    .reads = 1,
					    .reads_merged = 2,
					    .sectors_read = 3,
					    .read_ms = 4500,
					    .writes = 5,
					    .writes_merged = 6,
					    .sectors_written = 7,
					    .write_ms = 8,
					    .io_now = 9,
					    .io_ms = 10,
					    .io_weighted_ms = 11 };
	f.live.filesystems_n = 1;
	f.live.filesystems[0] = (struct machine_filesystem){ .device = "/dev/vda",
							     .mount_point = "/",
							     .limit_bytes = 100,
							     .usage_bytes = 60,
							     .inodes = 20,
							     .inodes_free = 3 };
	AUTO_FREE char *text = render(&f, false);

	assert_lines(text, "container_fs_", golden_root_fs);
	assert_lines(text, "container_pressure_cpu_waiting_seconds_total{",
		     "container_pressure_cpu_waiting_seconds_total{id=\"/\",image=\"\",name=\"\"} "
		     "5\n");
	assert_lines(text, "container_spec_memory_limit_bytes{",
		     "container_spec_memory_limit_bytes{id=\"/\",image=\"\",name=\"\"} "
		     "1073741824\n");
	assert_null(strstr(text, "bulkhead_container_state"));
	assert_null(strstr(text, "container_info{"));
}

static void a_container_without_a_sample_shows_only_what_is_known_of_it(void **state)
{
	AUTO_FIXTURE struct fixture f;
	struct container *c;

	(void)state;
	fixture_init(&f, 8, false);
	c = fixture_add(&f, CGROUP_CONTAINER, RUNTIME_DOCKER, "a", "/docker/a");
	c->created_unix_ns = 7 * NS_PER_S;
	AUTO_FREE char *text = render(&f, false);

	assert_lines(text, "id=\"/docker/a\"",
		     "container_creation_time_seconds{id=\"/docker/a\",image=\"\",name=\"a\"} 7\n"
		     "container_info{id=\"/docker/a\",image=\"\",image_id=\"\",name=\"a\","
		     "runtime=\"docker\"} 1\n"
		     "bulkhead_container_state{id=\"/docker/a\",image=\"\",name=\"a\","
		     "state=\"running\"} 1\n");
}

static void an_ended_container_leaves_only_the_lines_of_its_life(void **state)
{
	AUTO_FIXTURE struct fixture f;
	struct container *c;

	(void)state;
	fixture_init(&f, 8, false);
	c = add_sampled(&f, "/docker/a", false);
	c->has_exit_code = true;
	c->exit_code = 137;
	c->oom_killed = true;
	c->restart_count = 3;
	container_table_end(f.table, c, FIXTURE_NOW_NS, 1);
	AUTO_FREE char *text = render(&f, false);

#define LABELS "id=\"/docker/a\",image=\"nginx:1.25\",name=\"web\""
	assert_lines(text, "id=\"/docker/a\"",
		     "bulkhead_container_end_time_seconds{" LABELS "} 1800000000\n"
		     "bulkhead_container_exit_code{" LABELS "} 137\n"
		     "bulkhead_container_oom_killed{" LABELS "} 1\n"
		     "bulkhead_container_restarts{" LABELS "} 3\n"
		     "bulkhead_container_start_time_seconds{" LABELS "} 1799999990.25\n"
		     "bulkhead_container_state{" LABELS ",state=\"exited\"} 1\n");
	/* and makes room for its next life */
	add_sampled(&f, "/docker/a", false);
	AUTO_FREE char *again = render(&f, false);

	assert_lines(again, "bulkhead_container_state{",
		     "bulkhead_container_state{" LABELS ",state=\"running\"} 1\n");
	assert_lines(again, "bulkhead_container_end_time_seconds{", "");
}

static void hostile_names_and_labels_stay_inside_their_quotes(void **state)
{
	AUTO_FIXTURE struct fixture f;
	char longest[3000];
	struct container *c;

	(void)state;
	fixture_init(&f, 8, false);
	c = fixture_add(&f, CGROUP_CONTAINER, RUNTIME_LXC, "x", "/lxc/\xff\"}\n# x");
	fixture_meta(c, "a\"} 1\nevil{x=\"\\", "\xc3(\x1b[31m");
	fixture_sample(c, false);
	memset(longest, 'v', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	fixture_label(c, "a-b", "1");
	fixture_label(c, "a.b", "2");
	fixture_label(c, "a_b", "3");
	fixture_label(c, "", longest);
	fixture_label(c, "\xff\n", "\"");
	AUTO_FREE char *text = render(&f, true);

	assert_null(strstr(text, "\nevil"));
	assert_null(strstr(text, "\n# x"));
	assert_non_null(strstr(text, "id=\"/lxc/\\\\xff\\\"}\\n# x\""));
	assert_non_null(strstr(text, "name=\"a\\\"} 1\\nevil{x=\\\"\\\\\""));
	assert_non_null(strstr(text, "image=\"\xef\xbf\xbd(\x1b[31m\""));
	assert_non_null(strstr(text, "container_label_a_b=\"1\",container_label_a_b_2=\"2\","
				     "container_label_a_b_3=\"3\""));
	assert_non_null(strstr(text, "vvv...\""));
	assert_openmetrics(text);
}

static void labels_that_do_not_fit_are_left_out_and_counted(void **state)
{
	AUTO_FIXTURE struct fixture f;
	char name[40], value[1001];
	struct container *c;

	(void)state;
	fixture_init(&f, 8, false);
	c = add_sampled(&f, "/docker/a", false);
	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	for (unsigned i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "label%03u", i);
		fixture_label(c, name, value);
	}
	for (unsigned i = 0; i < 20; i++) { /* twenty names that all become the same */
		snprintf(name, sizeof(name), "x%c", (char)('!' + i));
		if (name[1] < '0')
			fixture_label(c, name, "");
	}
	AUTO_FREE char *text = render(&f, true);

	assert_openmetrics(text);
	assert_true(c->info_n <= 65536);
	assert_int_equal(c->info_refused, 37 + 7);
	assert_non_null(strstr(text, "\nbulkhead_info_labels_refused 44\n"));
}

static void allowed_labels_stand_on_every_line(void **state)
{
	AUTO_FIXTURE struct fixture f;
	struct container *c;

	(void)state;
	fixture_init(&f, 8, false);
	c = add_sampled(&f, "/docker/a", false);
	fixture_label(c, "com.example/team", "red");
	fixture_label(c, "other", "x");
	f.config.labels_allow.n = 2;
	snprintf(f.config.labels_allow.items[0], CONFIG_TEXT_BYTES, "com.example/team");
	snprintf(f.config.labels_allow.items[1], CONFIG_TEXT_BYTES, "missing");
	AUTO_FREE char *text = render(&f, false);

	assert_lines(text, "container_memory_rss{",
		     "container_memory_rss{container_label_com_example_team=\"red\","
		     "id=\"/docker/a\",image=\"nginx:1.25\",name=\"web\"} 1004\n");
	fixture_label(c, "missing", "now");
	AUTO_FREE char *cached = render(&f, false);

	assert_null(strstr(cached, "container_label_missing=\"now\",id="));
	container_labels_changed(c);
	AUTO_FREE char *fresh = render(&f, false);

	assert_non_null(strstr(fresh, "container_label_missing=\"now\",id="));
}

static struct container *add_pod_member(struct fixture *f, const char *id, bool sandbox)
{
	char path[128];
	struct container *c;

	snprintf(path, sizeof(path), "/kubepods/burstable/pod11-22/%s", id);
	c = fixture_add(f, CGROUP_CONTAINER, RUNTIME_CONTAINERD, id, path);
	fixture_meta(c, id, sandbox ? "pause:3.9" : "app:1");
	fixture_sample(c, true);
	c->meta->pod_name = fixture_text("web-0");
	c->meta->pod_namespace = fixture_text("shop");
	c->meta->pod_uid = fixture_text("11-22");
	c->meta->pod_container = fixture_text(sandbox ? "POD" : "app");
	c->meta->sandbox = sandbox;
	c->netns = 4026531999;
	return c;
}

static void kubelet_mode_writes_the_labels_of_kubelet(void **state)
{
	AUTO_FIXTURE struct fixture f;
	struct container *pod;

	(void)state;
	fixture_init(&f, 8, true);
	f.config.labels_mode = LABELS_KUBELET;
	pod = fixture_add(&f, CGROUP_PARENT, RUNTIME_NONE, "", "/kubepods/burstable/pod11-22");
	fixture_sample(pod, true);
	pod->owns_network = false;
	add_pod_member(&f, "app1", false); /* seen first, so its figures count */
	add_pod_member(&f, "box1", true)->owns_network = false;
	AUTO_FREE char *text = render(&f, true);

#define POD "/kubepods/burstable/pod11-22"
	assert_openmetrics(text);
	assert_lines(text, "container_memory_rss{",
		     "container_memory_rss{container=\"\",id=\"" POD "\",image=\"\",name=\"\","
		     "namespace=\"shop\",pod=\"web-0\"} 1004\n"
		     "container_memory_rss{container=\"app\",id=\"" POD "/app1\",image=\"app:1\","
		     "name=\"app1\",namespace=\"shop\",pod=\"web-0\"} 1004\n"
		     "container_memory_rss{container=\"\",id=\"" POD "/box1\",image=\"pause:3.9\","
		     "name=\"box1\",namespace=\"shop\",pod=\"web-0\"} 1004\n");
	assert_lines(text, "container_network_receive_bytes_total{",
		     "container_network_receive_bytes_total{container=\"\",id=\"" POD "/box1\","
		     "image=\"pause:3.9\",name=\"box1\",namespace=\"shop\",pod=\"web-0\","
		     "interface=\"eth0\"} 71\n");
}

static void a_shared_network_is_shown_once(void **state)
{
	AUTO_FIXTURE struct fixture f;

	(void)state;
	fixture_init(&f, 8, false);
	add_sampled(&f, "/docker/a", false)->owns_network = false;
	AUTO_FREE char *text = render(&f, false);

	assert_null(strstr(text, "container_network_"));
}

static void both_formats_are_valid_and_carry_the_same_samples(void **state)
{
	AUTO_FIXTURE struct fixture f;
	const char *degraded[] = { "kernel log is not readable: \"/dev/kmsg\"", NULL };

	(void)state;
	fixture_init(&f, 8, false);
	fixture_sample(f.root, false);
	add_sampled(&f, "/docker/a", false);
	f.state.serve_up = true;
	f.state.degraded = degraded;
	f.serve.v[SERVE_STAT_SERVE_CPU_US] = 1500000;
	AUTO_FREE char *text = render(&f, false);
	AUTO_FREE char *open = render(&f, true);
	AUTO_FREE char *a = lines_with(text, "} ");
	AUTO_FREE char *b = lines_with(open, "} ");

	assert_openmetrics(open);
	assert_string_equal(a, b);
	assert_non_null(strstr(text, "\nbulkhead_serve_cpu_seconds_total 1.5\n"));
	assert_non_null(strstr(text, "\n# TYPE container_network_tcp_usage_total gauge\n"));
	assert_non_null(strstr(open, "\n# TYPE container_network_tcp_usage_total unknown\n"));
	assert_non_null(strstr(open, "\n# TYPE container_cpu_usage_seconds counter\n"));
	assert_null(strstr(text, "# EOF"));
	assert_non_null(strstr(text, "\nbulkhead_degraded 1\n"));
}

static void containers_may_come_and_go_between_slices(void **state)
{
	AUTO_FIXTURE struct fixture f;
	AUTO(exposition_free) struct exposition *x = NULL;
	AUTO_BUF struct buf b;
	struct container *list[200];
	unsigned steps = 0, gone = 0;
	int r;

	(void)state;
	fixture_init(&f, 1000, false);
	for (unsigned i = 0; i < 200; i++) {
		char path[32];

		snprintf(path, sizeof(path), "/docker/%03u", i);
		list[i] = add_sampled(&f, path, false);
	}
	buf_init(&b, 64u << 20);
	assert_int_equal(exposition_new(&x, &f.state, true, NULL), 0);
	while ((r = exposition_step(x, &f.state, &b, 0)) == 0) {
		steps++;
		if (steps % 7 == 0 && gone < 200) {
			container_labels_changed(list[gone]);
			container_table_end(f.table, list[gone++], steps, steps);
			container_table_expire(f.table, steps + 100, 10);
			fixture_add(&f, CGROUP_CONTAINER, RUNTIME_DOCKER, "n",
				    gone % 2 ? "/docker/000" : "/docker/n");
			container_table_end(
				f.table,
				container_table_find_path(f.table,
							  gone % 2 ? "/docker/000" : "/docker/n"),
				steps, steps);
		}
	}
	assert_int_equal(r, 1);
	assert_true(steps > 200);
	assert_true(gone > 100);
	AUTO_FREE char *text = buf_take_str(&b);

	assert_openmetrics(text);
}

static void a_text_beyond_the_limit_is_an_error(void **state)
{
	AUTO_FIXTURE struct fixture f;
	AUTO(exposition_free) struct exposition *x = NULL;
	AUTO_BUF struct buf b;

	(void)state;
	fixture_init(&f, 8, false);
	add_sampled(&f, "/docker/a", false);
	buf_init(&b, 5000);
	assert_int_equal(exposition_new(&x, &f.state, false, NULL), 0);
	assert_int_equal(exposition_step(x, &f.state, &b, NS_PER_S), -EFBIG);
}

static void check_name(void *ctx, const char *name, const char *type, const char *help)
{
	size_t *n = ctx;

	(*n)++;
	assert_true(strspn(name, "abcdefghijklmnopqrstuvwxyz_0123456789") == strlen(name));
	assert_true(strcmp(type, "counter") == 0 || strcmp(type, "gauge") == 0);
	assert_true(strlen(help) > 5);
	assert_null(strpbrk(help, "\n\\\"")); /* would need escapes */
	if (strncmp(name, "bulkhead_", 9) == 0) {
		size_t len = strlen(name);
		bool total = len > 6 && strcmp(name + len - 6, "_total") == 0;

		assert_int_equal(total, strcmp(type, "counter") == 0);
	}
}

static void every_metric_has_a_proper_name_type_and_help(void **state)
{
	size_t n = 0;

	(void)state;
	exposition_each_metric(check_name, &n);
	assert_true(n > 120);
}

static void promtool_reads_the_text_and_finds_no_fault_with_our_own_names(void **state)
{
	AUTO_FIXTURE struct fixture f;
	char out[65536];
	int in[2], answer[2];
	size_t n = 0;

	(void)state;
	if (access("/usr/bin/promtool", X_OK) < 0)
		skip();
	fixture_init(&f, 8, false);
	add_sampled(&f, "/docker/a", false);
	f.state.serve_up = true;
	AUTO_FREE char *text = render(&f, false);

	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(answer), 0);
	pid_t pid = fork();

	if (pid == 0) {
		dup2(in[0], 0);
		dup2(answer[1], 1);
		dup2(answer[1], 2);
		close(in[1]);
		execl("/usr/bin/promtool", "promtool", "check", "metrics", (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(answer[1]);
	for (size_t done = 0, len = strlen(text); done < len;) {
		ssize_t w = write(in[1], text + done, len - done);

		assert_true(w > 0);
		done += (size_t)w;
	}
	close(in[1]);
	for (ssize_t r; (r = read(answer[0], out + n, sizeof(out) - 1 - n)) > 0;)
		n += (size_t)r;
	out[n] = '\0';
	close(answer[0]);
	int status;

	waitpid(pid, &status, 0);
	/* 3: cAdvisor's own names are not all to its taste; 1 would be a parse error */
	assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 3));
	AUTO_FREE char *ours = lines_with(out, "bulkhead_");

	assert_string_equal(ours, "");
}

static void the_sensor_tells_its_mode_its_programs_and_what_it_lost(void **state)
{
	static const char *const wanted[] = {
		"bulkhead_sensor_info{mode=\"tracepoint\",problem=\"\"} 1\n",
		"bulkhead_sensor_program{program=\"on_exec\",reason=\"\"} 1\n",
		"bulkhead_sensor_program{program=\"on_state\",reason=\"load: no\"} 0\n",
		"bulkhead_sensor_events_total{type=\"exec\"} 7\n",
		"bulkhead_sensor_dropped_total{reason=\"shed\",type=\"stat\"} 5\n",
		"bulkhead_sensor_dropped_total{reason=\"full\",type=\"exec\"} 0\n",
		"bulkhead_sensor_map_bytes{map=\"events\"} 8192\n",
		"bulkhead_capacity{table=\"sensor_cgroups\"} 10\n",
		"bulkhead_used{table=\"sensor_cgroups\"} 3\n",
		"bulkhead_refused_total{table=\"sensor_cgroups\"} 1\n",
	};
	AUTO_FIXTURE struct fixture f;

	(void)state;
	fixture_init(&f, 8, false);
	AUTO_FREE char *text = render(&f, false);

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (!strstr(text, wanted[i]))
			fail_msg("no line '%s'", wanted[i]);
	assert_null(strstr(text, "not_asked_for"));
}

static void baselines_tell_how_far_they_are_and_what_stopped_enforcement(void **state)
{
	static const char *const wanted[] = {
		"bulkhead_baseline_images{mode=\"detect\"} 2\n",
		"bulkhead_baseline_complete_images 3\n",
		"bulkhead_baseline_containers_without_image 4\n",
		"bulkhead_baseline_unresolved_total 5\n",
		"bulkhead_baseline_shortened_total 6\n",
		"bulkhead_baseline_usage_refused_total 7\n",
		"bulkhead_baseline_learned_held_total 8\n",
		"bulkhead_baseline_breaker_actions 9\n",
		"bulkhead_baseline_breaker_actions_total 10\n",
		"bulkhead_baseline_breaker_trips_total{by=\"container_ended\"} 11\n",
		"bulkhead_baseline_breaker_trips_total{by=\"host\"} 12\n",
		"bulkhead_baseline_breaker_trips_total{by=\"image\"} 13\n",
	};
	static const char *const modes[] = { "off", "learn", "detect", "enforce", NULL };
	static const char *const actions[] = { "alert", NULL };
	const struct alerts_state alerts = { .severities = actions + 1,
					     .kinds = actions + 1,
					     .baselines = { .on = true,
							    .modes = modes,
							    .action_names = actions,
							    .by_mode = { 0, 1, 2, 0 },
							    .complete = 3,
							    .without_image = 4,
							    .unresolved = 5,
							    .shortened = 6,
							    .usage_refused = 7,
							    .learned_held = 8,
							    .breaker_recent = 9,
							    .breaker_actions = 10,
							    .breaker_death = 11,
							    .breaker_host = 12,
							    .breaker_image = 13 } };
	AUTO_FIXTURE struct fixture f;

	(void)state;
	fixture_init(&f, 8, false);
	f.state.alerts = &alerts;
	AUTO_FREE char *text = render(&f, false);

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (!strstr(text, wanted[i]))
			fail_msg("no line '%s'", wanted[i]);
}

static void a_sensor_that_is_off_tells_why_and_shows_no_figures(void **state)
{
	AUTO_FIXTURE struct fixture f;

	(void)state;
	fixture_init(&f, 8, false);
	f.sensor = (struct sensor_state){ .problem = "no \"BTF\"" };
	AUTO_FREE char *text = render(&f, false);

	assert_non_null(
		strstr(text, "bulkhead_sensor_info{mode=\"off\",problem=\"no \\\"BTF\\\"\"} 1\n"));
	assert_null(strstr(text, "bulkhead_sensor_events_total{"));
	assert_null(strstr(text, "bulkhead_sensor_dropped_total{"));
}

static void traffic_by_socket_is_shown_where_it_is_known(void **state)
{
	AUTO_FIXTURE struct fixture f;

	(void)state;
	fixture_init(&f, 8, false);
	struct container *c = add_sampled(&f, "/docker/a", false);

	c->traffic = (struct account){ 11, 12, 13, 14 };
	c->has_traffic = true;
	AUTO_FREE char *text = render(&f, false);

	assert_non_null(strstr(text, "bulkhead_container_network_receive_bytes_total{"));
	assert_non_null(strstr(text, "} 14\n"));
}

int main(void)
{
	const struct CMUnitTest exposition[] = {
		cmocka_unit_test(a_v1_container_shows_every_figure_that_v1_has),
		cmocka_unit_test(a_v2_container_shows_every_figure_that_v2_has),
		cmocka_unit_test(the_root_shows_the_hosts_disks_and_file_systems_once),
		cmocka_unit_test(a_container_without_a_sample_shows_only_what_is_known_of_it),
		cmocka_unit_test(an_ended_container_leaves_only_the_lines_of_its_life),
		cmocka_unit_test(hostile_names_and_labels_stay_inside_their_quotes),
		cmocka_unit_test(labels_that_do_not_fit_are_left_out_and_counted),
		cmocka_unit_test(allowed_labels_stand_on_every_line),
		cmocka_unit_test(kubelet_mode_writes_the_labels_of_kubelet),
		cmocka_unit_test(a_shared_network_is_shown_once),
		cmocka_unit_test(both_formats_are_valid_and_carry_the_same_samples),
		cmocka_unit_test(containers_may_come_and_go_between_slices),
		cmocka_unit_test(a_text_beyond_the_limit_is_an_error),
		cmocka_unit_test(every_metric_has_a_proper_name_type_and_help),
		cmocka_unit_test(the_sensor_tells_its_mode_its_programs_and_what_it_lost),
		cmocka_unit_test(baselines_tell_how_far_they_are_and_what_stopped_enforcement),
		cmocka_unit_test(a_sensor_that_is_off_tells_why_and_shows_no_figures),
		cmocka_unit_test(traffic_by_socket_is_shown_where_it_is_known),
		cmocka_unit_test(promtool_reads_the_text_and_finds_no_fault_with_our_own_names),
	};

	return cmocka_run_group_tests(exposition, NULL, NULL);
}
