// SPDX-License-Identifier: GPL-2.0-or-later
/* Plain limits, from the configuration's text to the lines of the log, with a clock of the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <unistd.h>

#include "collector/base/io.h"
#include "detector/threshold.h"
#include "tests/unit/detector/resource_fixture.h"
#include "tests/unit/fixture.h"

static struct world {
	struct tree t;
	int fd;
	struct config config;
	struct agent_services services;
	struct silence_store *silences;
	struct alerts *alerts;
	struct rates *rates;
	struct contention *contention;
	struct restarts *restarts;
	struct threshold *threshold;
	struct resources r;
	json_t *lines;
} w;

static int ignore_frame(struct agent *a, enum wire_type type, struct span payload, int fd)
{
	(void)a;
	(void)type;
	(void)payload;
	if (fd >= 0)
		close(fd);
	return -ENOTCONN;
}

static void ignore_degraded(struct agent *a, const char *text, bool on)
{
	(void)a;
	(void)text;
	(void)on;
}

static void open_all(void)
{
	const struct alerts_settings s = { .services = &w.services, .silences = w.silences };

	assert_int_equal(alerts_new(&w.alerts, &s, NULL), 0);
	assert_int_equal(rates_new(&w.rates, NULL), 0);
	assert_int_equal(contention_new(&w.contention, NULL), 0);
	assert_int_equal(restarts_new(&w.restarts, 0, NULL), 0);
	const struct threshold_settings t = { &w.services, w.alerts, w.restarts };

	assert_int_equal(threshold_new(&w.threshold, &t, NULL), 0);
}

static void close_all(void)
{
	threshold_free(TAKE(w.threshold));
	restarts_free(TAKE(w.restarts));
	contention_free(TAKE(w.contention));
	rates_free(TAKE(w.rates));
	alerts_free(TAKE(w.alerts));
}

static int setup(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	w.t = tree_make("@ x/\n");
	w.fd = open(w.t.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	config_defaults(&w.config);
	w.services = (struct agent_services){ .state_fd = w.fd,
					      .config = &w.config,
					      .send = ignore_frame,
					      .degraded = ignore_degraded };
	assert_int_equal(silence_store_new(&w.silences, w.fd, NULL), 0);
	resources_init(&w.r, 8192);
	open_all();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close_all();
	silence_store_free(w.silences);
	resources_release(&w.r);
	json_decref(w.lines);
	close(w.fd);
	tree_remove(&w.t);
	return 0;
}

static void configure(const char *yaml)
{
	struct err e = { "" };

	if (config_parse(&w.config, "f.yaml", span_str(yaml), &e) != 0)
		fail_msg("%s", e.text);
	threshold_configure(w.threshold);
}

/* One look after so many seconds. */
static void look_with(double s, int state_fd)
{
	resources_pass(&w.r, s);
	const struct metric_world m = { .containers = w.r.table,
					.rates = w.rates,
					.contention = w.contention,
					.machine = &w.r.machine,
					.live = &w.r.live,
					.state_fd = state_fd,
					.state_dir = "/state",
					.now_ns = w.r.now_ns,
					.now_unix_ns = 1700000000 * NS_PER_S + w.r.now_ns };

	if (rates_tick(w.rates, w.r.table, w.r.now_ns, NS_PER_S, NS_PER_S))
		contention_tick(w.contention, w.r.table, w.rates, m.machine, m.live, w.r.now_ns);
	restarts_tick(w.restarts, w.r.table, w.r.now_ns, threshold_restarts_ns(w.threshold));
	threshold_tick(w.threshold, &m);
}

static void look(double s)
{
	look_with(s, -1);
}

static void looks(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		look(1);
}

static const json_t *log_lines(void)
{
	static char text[1u << 24];
	ssize_t n = io_read_at(w.fd, "alerts/alerts.jsonl", text, sizeof(text));
	struct span rest = { text, n > 0 ? (size_t)n : 0 }, line;
	json_t *list = json_array();

	while (span_next(&rest, '\n', &line))
		if (line.n > 0)
			json_array_append_new(list, json_loadb(line.p, line.n, 0, NULL));
	json_decref(w.lines);
	w.lines = list;
	return list;
}

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "(none)";
}

static const char *fact(const json_t *o, const char *key)
{
	const json_t *list = json_object_get(o, "evidence");

	for (size_t i = 0; i < json_array_size(list); i++)
		if (strcmp(text_of(json_array_get(list, i), "name"), key) == 0)
			return text_of(json_array_get(list, i), "value");
	return "(none)";
}

/* All lines of the log in short: "rule:container:state rule:container:state". */
static void assert_told(const char *want)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	const json_t *list = log_lines();

	buf_init(&b, 1 << 20);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);
		const json_t *c = json_object_get(o, "container");

		buf_printf(&b, "%s%s:%s:%s", i ? " " : "", text_of(o, "rule"),
			   json_is_object(c) ? text_of(c, "name") : "-", text_of(o, "state"));
	}
	buf_add_char(&b, '\0');
	assert_string_equal(b.data, want);
}

static const json_t *line(size_t i)
{
	return json_array_get(log_lines(), i);
}

static struct container *box(const char *name)
{
	return resources_container(&w.r, name, "registry.example.com:5000/team/img:1.2");
}

static void set_memory(struct container *c, uint64_t used, uint64_t limit)
{
	c->sample.have |= SAMPLE_MEMORY | SAMPLE_MEMORY_SPEC;
	c->sample.memory_working_set = c->sample.memory_usage = used;
	c->sample.memory_limit = limit;
}

static void memory_above_its_limit_is_told_after_five_minutes_and_ends_after_one(void **state)
{
	struct container *c = box("web");

	(void)state;
	set_memory(c, 95 * MIB, 100 * MIB);
	looks(300);
	assert_told("");
	look(1);
	assert_told("memory-near-limit:web:firing");
	const json_t *o = line(0);

	assert_string_equal(text_of(o, "title"),
			    "Container 'web': memory is at 95 % of its limit, above 90 % for 5m");
	assert_string_equal(text_of(o, "severity"), "warning");
	assert_string_equal(text_of(o, "kind"), "resource");
	assert_string_equal(text_of(o, "key"), "memory_percent_of_limit");
	assert_string_equal(fact(o, "value"), "95 %");
	assert_string_equal(fact(o, "above"), "90 %");
	assert_string_equal(fact(o, "for"), "5m");
	assert_string_equal(fact(o, "used"), "95 MiB");
	assert_string_equal(fact(o, "of"), "100 MiB");
	assert_string_equal(fact(o, "since"), "2023-11-14T22:30:01.000000000Z");
	set_memory(c, 80 * MIB, 100 * MIB);
	looks(60);
	set_memory(c, 91 * MIB, 100 * MIB); /* once more, just before the end */
	look(1);
	set_memory(c, 80 * MIB, 100 * MIB);
	looks(60);
	assert_told("memory-near-limit:web:firing");
	look(1);
	assert_told("memory-near-limit:web:firing memory-near-limit:web:resolved");
}

static void what_falls_below_before_its_time_begins_anew(void **state)
{
	struct container *c = box("web");

	(void)state;
	set_memory(c, 95 * MIB, 100 * MIB);
	looks(299);
	set_memory(c, 90 * MIB, 100 * MIB); /* at the limit is not above it */
	look(1);
	set_memory(c, 95 * MIB, 100 * MIB);
	looks(300);
	assert_told("");
	looks(1);
	assert_told("memory-near-limit:web:firing");
}

static void a_figure_that_is_not_known_neither_fires_nor_resolves(void **state)
{
	struct container *c = box("web");

	(void)state;
	configure("thresholds: [{name: memory-near-limit, for: 10s}]\n");
	set_memory(c, 95 * MIB, 100 * MIB);
	looks(11);
	assert_told("memory-near-limit:web:firing");
	c->sample.have &= ~(uint32_t)SAMPLE_MEMORY;
	looks(1000);
	assert_told("memory-near-limit:web:firing");
	set_memory(c, 10 * MIB, 100 * MIB);
	looks(11);
	assert_told("memory-near-limit:web:firing memory-near-limit:web:resolved");
	/* one that was not known for long does not count the time before */
	set_memory(c, 95 * MIB, 100 * MIB);
	looks(5);
	c->sample.have &= ~(uint32_t)SAMPLE_MEMORY;
	looks(100);
	set_memory(c, 95 * MIB, 100 * MIB);
	looks(10);
	assert_told("memory-near-limit:web:firing memory-near-limit:web:resolved");
}

static void a_container_without_the_limit_is_never_near_it(void **state)
{
	struct container *c = box("web");

	(void)state;
	set_memory(c, 6 * GIB, 0);
	c->sample.have |= SAMPLE_PIDS;
	c->sample.threads = 100000;
	looks(400);
	assert_told("");
}

static void a_container_that_goes_ends_its_alerts(void **state)
{
	struct container *c = box("web"), *other = box("other");

	(void)state;
	configure("thresholds: [{name: memory-near-limit, for: 0s}]\n");
	set_memory(c, 95 * MIB, 100 * MIB);
	set_memory(other, 95 * MIB, 100 * MIB);
	look(1);
	threshold_ended(w.threshold, c);
	resources_end(&w.r, c);
	assert_told("memory-near-limit:web:firing memory-near-limit:other:firing "
		    "memory-near-limit:web:resolved");
	/* one whose end nobody told, with another in its slot */
	resources_end(&w.r, other);
	look(1);
	assert_int_equal(threshold_stats(w.threshold).beyond, 0);
	assert_told("memory-near-limit:web:firing memory-near-limit:other:firing "
		    "memory-near-limit:web:resolved memory-near-limit:other:resolved");
}

static void shipped_ones_of_every_limit_are_told(void **state)
{
	struct container *c = box("web");
	struct sample *s = &c->sample;

	(void)state;
	s->have = SAMPLE_PIDS | SAMPLE_FDS | SAMPLE_ULIMITS | SAMPLE_DISK | SAMPLE_CPU_CFS;
	s->threads = 95;
	s->threads_max = 100;
	s->fds = 5000; /* of many processes */
	s->fds_highest = 1000;
	s->ulimit_nofile_soft = 1024;
	s->disk_layer_bytes = 9 * GIB;
	s->disk_limit_bytes = 10 * GIB;
	c->meta->health = HEALTH_UNHEALTHY;
	for (int i = 0; i < 310; i++) {
		s->cfs_periods += 10;
		s->cfs_throttled_periods += 3;
		look(1);
	}
	assert_told("unhealthy:web:firing pids-near-limit:web:firing "
		    "descriptors-near-limit:web:firing disk-near-limit:web:firing "
		    "cpu-throttled:web:firing");
	assert_string_equal(text_of(line(0), "title"), "The health check of container 'web' fails");
	assert_string_equal(text_of(line(4), "title"),
			    "Container 'web': throttling is at 30 % of its CPU periods, above 25 % "
			    "for 5m");
	c->meta->health = HEALTH_STARTING; /* says nothing */
	looks(2);
	assert_int_equal(json_array_size(log_lines()), 5);
	c->meta->health = HEALTH_HEALTHY;
	looks(1);
	assert_int_equal(json_array_size(log_lines()), 6);
	assert_string_equal(text_of(line(5), "state"), "resolved");
}

static void limits_of_a_user_are_told_with_his_words(void **state)
{
	struct container *c = box("web");

	(void)state;
	configure("thresholds:\n"
		  "  - {name: big, metric: memory_bytes, above: 512MiB, for: 2s, severity: error}\n"
		  "  - {name: alone, metric: pids, below: 2, for: 0s, severity: info}\n"
		  "  - {name: chatty, metric: sent_bytes_per_second, above: 1MiB, for: 0s}\n");
	set_memory(c, 600 * MIB, 0);
	c->sample.have |= SAMPLE_PIDS | SAMPLE_NETWORK;
	c->sample.threads = 1;
	c->sample.net_n = 1;
	look(1);
	for (int i = 0; i < 2; i++) {
		c->sample.net[0].tx_bytes += 3 * MIB;
		look(1);
	}
	assert_told("alone:web:firing chatty:web:firing big:web:firing");
	assert_string_equal(text_of(line(0), "title"),
			    "Container 'web': number of processes and threads is at 1, below 2");
	assert_string_equal(text_of(line(0), "severity"), "info");
	assert_string_equal(fact(line(1), "value"), "3 MiB/s");
	assert_string_equal(text_of(line(2), "title"),
			    "Container 'web': memory is at 600 MiB, above 512 MiB for 2s");
	assert_string_equal(text_of(line(2), "severity"), "error");
}

static void patterns_say_whom_a_limit_is_for(void **state)
{
	struct container *web = box("web-1"), *db = box("db");
	static const char *const images[] = { "registry.example.com:5000/team/img",
					      "registry.example.com:5000/team/img:1.2",
					      "registry.*/img", "*:1.2" };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		char yaml[256];

		snprintf(yaml, sizeof(yaml),
			 "thresholds:\n  - {name: t%zu, metric: memory_bytes, above: 1, for: 0s, "
			 "image: '%s', container: 'web-?'}\n",
			 i, images[i]);
		configure(yaml);
		set_memory(web, 10, 0);
		set_memory(db, 10, 0);
		look(1);
		assert_int_equal(json_array_size(log_lines()), 2 * i + 1);
		assert_string_equal(text_of(json_object_get(line(2 * i), "container"), "name"),
				    "web-1");
		configure("thresholds: []\n"); /* ends it */
	}
	configure("thresholds:\n"
		  "  - {name: t, metric: memory_bytes, above: 1, for: 0s, image: 'team/img'}\n"
		  "  - {name: u, metric: memory_bytes, above: 1, for: 0s, image: '*:5000'}\n");
	look(1);
	assert_int_equal(json_array_size(log_lines()), 8);
}

static void a_reload_ends_what_is_no_limit_any_more_and_keeps_the_rest(void **state)
{
	struct container *c = box("web");

	(void)state;
	configure("thresholds:\n"
		  "  - {name: a, metric: memory_bytes, above: 1, for: 0s}\n"
		  "  - {name: b, metric: memory_bytes, above: 1, for: 0s}\n"
		  "  - {name: memory-near-limit, for: 0s}\n");
	set_memory(c, 95 * MIB, 100 * MIB);
	look(1);
	assert_told("memory-near-limit:web:firing a:web:firing b:web:firing");
	configure("thresholds:\n"
		  "  - {name: memory-near-limit, enabled: false}\n"
		  "  - {name: b, metric: memory_bytes, above: 2, for: 0s}\n");
	assert_told("memory-near-limit:web:firing a:web:firing b:web:firing a:web:resolved "
		    "memory-near-limit:web:resolved");
	look(1);
	assert_int_equal(json_array_size(log_lines()), 5);
	configure("thresholds:\n  - {name: b, metric: memory_bytes, above: 2, container: x}\n");
	assert_int_equal(json_array_size(log_lines()), 6);
	assert_int_equal(threshold_stats(w.threshold).beyond, 0);
	configure("thresholds: []\n");
	assert_int_equal(json_array_size(log_lines()), 6);
}

static void what_was_told_before_a_restart_is_told_on(void **state)
{
	struct container *c = box("web");

	(void)state;
	set_memory(c, 95 * MIB, 100 * MIB);
	looks(301);
	assert_told("memory-near-limit:web:firing");
	close_all();
	open_all();
	look(1); /* it need not wait five minutes, in which the alert would have been ended */
	set_memory(c, 10 * MIB, 100 * MIB);
	looks(61);
	assert_told("memory-near-limit:web:firing memory-near-limit:web:resolved");
	/* a new one waits as ever */
	set_memory(c, 95 * MIB, 100 * MIB);
	looks(2);
	assert_int_equal(json_array_size(log_lines()), 2);
}

static void starts_of_a_name_become_one_alert_that_ends(void **state)
{
	(void)state;
	for (int i = 0; i < 7; i++) {
		struct container *c = box("web");

		c->started_unix_ns = 1;
		restarts_started(w.restarts, c, w.r.now_ns);
		look(1);
		restarts_ended(w.restarts, c, w.r.now_ns);
		c->has_exit_code = true;
		c->exit_code = 3;
		threshold_ended(w.threshold, c);
		resources_end(&w.r, c);
		look(1);
	}
	assert_told("restart-loop:web:firing");
	assert_string_equal(text_of(line(0), "title"),
			    "Container 'web' starts again and again: 5 times within 10m");
	assert_string_equal(fact(line(0), "exit_code"), "3");
	for (int i = 0; i < 70; i++)
		look(10);
	assert_told("restart-loop:web:firing restart-loop:web:resolved");
	for (int i = 0; i < 10; i++)
		look(10);
	assert_int_equal(restarts_stats(w.restarts).names, 0);
}

static void kills_are_counted_within_the_time_of_a_limit(void **state)
{
	struct container *c = box("web");
	enum alert_severity severity = ALERT_DEBUG;

	(void)state;
	configure("thresholds:\n"
		  "  - {name: many-kills, metric: oom_kills, above: 2, for: 1m}\n");
	c->oom_events = 5; /* before us */
	looks(2);
	c->oom_events = 7;
	looks(2);
	assert_told("");
	c->oom_events = 8;
	looks(1);
	assert_told("many-kills:web:firing");
	assert_string_equal(text_of(line(0), "title"),
			    "Out of memory: 3 kills in container 'web' within 1m");
	looks(125);
	assert_told("many-kills:web:firing many-kills:web:resolved");
	struct container *young = box("young");

	young->oom_events = 3; /* within its first second: it came after us */
	looks(1);
	assert_told("many-kills:web:firing many-kills:web:resolved many-kills:young:firing");
	/* each kill is told by another way; the limit says whether */
	assert_true(threshold_tells_oom(w.threshold, c, &severity));
	assert_int_equal(severity, ALERT_ERROR);
	configure("thresholds: [{name: oom-kill, severity: critical, container: 'w*'}]\n");
	assert_true(threshold_tells_oom(w.threshold, c, &severity));
	assert_int_equal(severity, ALERT_CRITICAL);
	configure("thresholds: [{name: oom-kill, container: 'x*'}]\n");
	assert_false(threshold_tells_oom(w.threshold, c, &severity));
	configure("thresholds: [{name: oom-kill, enabled: false}]\n");
	assert_false(threshold_tells_oom(w.threshold, c, &severity));
}

static void a_full_file_system_is_one_alert_of_the_host(void **state)
{
	struct container *a = box("a"), *b = box("b");
	struct machine_filesystem *fs = w.r.live.filesystems;

	(void)state;
	w.r.live.filesystems_n = 2;
	fs[0] = (struct machine_filesystem){ .device = "/dev/vda",
					     .mount_point = "/var/lib/docker",
					     .major = 254,
					     .usage_bytes = 90 * GIB,
					     .available_bytes = 10 * GIB };
	fs[1] = fs[0]; /* nothing of ours or of containers is there */
	fs[1].minor = 1;
	snprintf(fs[1].device, sizeof(fs[1].device), "/dev/vdb");
	a->sample.have = b->sample.have = SAMPLE_DISK;
	a->sample.disk_layer_bytes = 3 * GIB;
	b->sample.disk_layer_bytes = 5 * GIB;
	snprintf(a->sample.disk_device, sizeof(a->sample.disk_device), "/dev/vda");
	snprintf(b->sample.disk_device, sizeof(b->sample.disk_device), "/dev/vda");
	looks(301);
	assert_told("filesystem-nearly-full:-:firing");
	assert_string_equal(text_of(line(0), "title"),
			    "The file system at '/var/lib/docker' is 90 % full, above 85 % for 5m");
	assert_string_equal(text_of(line(0), "key"), "254:0");
	assert_string_equal(fact(line(0), "device"), "/dev/vda");
	w.r.live.filesystems_n = 0; /* unmounted */
	looks(11);
	assert_told("filesystem-nearly-full:-:firing filesystem-nearly-full:-:resolved");
}

static void the_file_system_of_the_state_is_watched(void **state)
{
	(void)state;
	configure("thresholds:\n"
		  "  - {name: state, metric: filesystem_percent, below: 101, for: 0s}\n");
	look_with(1, w.fd);
	assert_told("state:-:firing");
	assert_string_equal(fact(line(0), "mount_point"), "/state");
}

static void who_takes_much_without_a_limit_is_told(void **state)
{
	struct container *hog = box("hog"), *held = box("held");

	(void)state;
	configure("thresholds: [{name: no-limit-hog, for: 3s}]\n");
	hog->sample.have = held->sample.have = SAMPLE_CPU | SAMPLE_CPU_SPEC;
	held->sample.cpu_quota_us = 390000;
	held->sample.cpu_period_us = 100000;
	for (int i = 0; i < 6; i++) {
		hog->sample.cpu_usage_ns += 3600 * NS_PER_MS;
		held->sample.cpu_usage_ns += 3600 * NS_PER_MS;
		look(1);
	}
	assert_told("no-limit-hog:hog:firing");
	assert_string_equal(text_of(line(0), "title"),
			    "Container 'hog' has no limit of CPU and takes 90 % of the host's, "
			    "above 80 % for 3s");
	assert_string_equal(fact(line(0), "resource"), "CPU");
	/* memory, with the limit of a group around one of them */
	struct container *pod = resources_add(&w.r, CGROUP_PARENT, "", "/pod");

	set_memory(pod, 0, 8 * GIB - 1);
	held->parent = pod;
	set_memory(held, 7 * GIB, 0);
	set_memory(hog, 7 * GIB, 8 * GIB); /* as large as the host: no limit */
	looks(3);
	assert_told("no-limit-hog:hog:firing");
	held->parent = NULL;
	looks(4);
	assert_told("no-limit-hog:hog:firing no-limit-hog:held:firing");
	assert_string_equal(fact(line(1), "resource"), "memory");
}

static void who_waits_for_others_is_told_with_the_cause(void **state)
{
	struct container *web = box("web"), *hog = box("hog");

	(void)state;
	configure("thresholds: [{name: resource-contention, for: 3s}]\n");
	web->sample.have = hog->sample.have = SAMPLE_CPU | SAMPLE_PSI_CPU;
	for (int i = 0; i < 100; i++) {
		web->sample.cpu_usage_ns += 500 * NS_PER_MS;
		look(1);
	}
	for (int i = 0; i < 5; i++) {
		web->sample.cpu_usage_ns += 500 * NS_PER_MS;
		web->sample.psi_cpu.some_us += 550000;
		hog->sample.cpu_usage_ns += 3600 * NS_PER_MS;
		hog->sample.psi_cpu.some_us += 550000;
		look(1);
	}
	assert_told("resource-contention:web:firing");
	const json_t *o = line(0);

	assert_string_equal(text_of(o, "title"),
			    "Container 'web' waits for CPU 55 % of the time: "
			    "container 'hog' takes more than is normal for it");
	assert_string_equal(fact(o, "resource"), "CPU");
	assert_string_equal(fact(o, "cause"), "hog");
	assert_string_equal(fact(o, "cause_image"), "registry.example.com:5000/team/img:1.2");
	assert_string_equal(fact(o, "cause_takes"), "3.60");
	assert_string_equal(fact(o, "cause_share"), "90 %");
	assert_string_equal(fact(o, "cause_normal"), "0");
	looks(4);
	assert_told("resource-contention:web:firing resource-contention:web:resolved");
}

static void the_host_is_told_of_where_containers_have_no_pressure(void **state)
{
	struct container *a = box("a"), *b = box("b");

	(void)state;
	configure("thresholds: [{name: resource-contention, for: 3s}]\n");
	a->sample.have = b->sample.have = SAMPLE_CPU;
	w.r.live.have = SAMPLE_PSI_CPU;
	for (int i = 0; i < 6; i++) {
		a->sample.cpu_usage_ns += 3000 * NS_PER_MS;
		b->sample.cpu_usage_ns += 600 * NS_PER_MS;
		w.r.live.psi_cpu.some_us += 700000;
		look(1);
	}
	assert_told("resource-contention:-:firing");
	assert_string_equal(text_of(line(0), "title"),
			    "The machine waits for CPU 70 % of the time: container 'a' takes more "
			    "than is normal for it");
	looks(5);
	assert_told("resource-contention:-:firing resource-contention:-:resolved");
}

static void a_full_table_refuses_counts_and_takes_again(void **state)
{
	char name[16];

	(void)state;
	configure("thresholds: [{name: memory-near-limit, for: 1h}]\n");
	for (unsigned i = 0; i <= THRESHOLD_MAX_BEYOND; i++) {
		snprintf(name, sizeof(name), "c%u", i);
		set_memory(box(name), 95 * MIB, 100 * MIB);
	}
	look(1);
	assert_int_equal(threshold_stats(w.threshold).beyond, THRESHOLD_MAX_BEYOND);
	assert_int_equal(threshold_stats(w.threshold).capacity, THRESHOLD_MAX_BEYOND);
	assert_int_equal(threshold_stats(w.threshold).refused, 1);
	struct container *const *list;

	container_table_live(w.r.table, &list);
	resources_end(&w.r, list[0]);
	look(1); /* its place is taken in the same look or in the next one */
	look(1);
	assert_int_equal(threshold_stats(w.threshold).beyond, THRESHOLD_MAX_BEYOND);
	configure("thresholds: [{name: memory-near-limit, enabled: false}]\n");
	assert_int_equal(threshold_stats(w.threshold).beyond, 0);
	assert_told("");
}

static void rates_are_looked_at_as_often_as_the_shortest_limit_needs(void **state)
{
	(void)state;
	assert_int_equal(threshold_window_ns(w.threshold), 10 * NS_PER_S);
	configure("thresholds: [{name: cpu-throttled, for: 15s}]\n");
	assert_int_equal(threshold_window_ns(w.threshold), 5 * NS_PER_S);
	configure("thresholds: [{name: cpu-throttled, for: 0s}]\n");
	assert_int_equal(threshold_window_ns(w.threshold), 900 * NS_PER_MS);
	configure("thresholds: [{name: cpu-throttled, for: 0s, enabled: false}]\n");
	assert_int_equal(threshold_window_ns(w.threshold), 10 * NS_PER_S);
	configure("thresholds: [{name: x, metric: pids, above: 1, for: 0s}]\n");
	assert_int_equal(threshold_window_ns(w.threshold), 10 * NS_PER_S);
}

static void names_of_containers_cannot_break_a_line(void **state)
{
	char name[600];

	(void)state;
	configure("thresholds: [{name: memory-near-limit, for: 0s}]\n");
	memset(name, 'x', sizeof(name));
	memcpy(name, "\"\n\x1b[31m\xff", 9);
	name[sizeof(name) - 1] = '\0';
	struct container *c = box("plain");

	free(c->meta->name);
	c->meta->name = resources_text(name);
	set_memory(c, 95 * MIB, 100 * MIB);
	look(1);
	assert_int_equal(json_array_size(log_lines()), 1);
	assert_string_equal(text_of(line(0), "rule"), "memory-near-limit");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(memory_above_its_limit_is_told_after_five_minutes_and_ends_after_one),
		T(what_falls_below_before_its_time_begins_anew),
		T(a_figure_that_is_not_known_neither_fires_nor_resolves),
		T(a_container_without_the_limit_is_never_near_it),
		T(a_container_that_goes_ends_its_alerts),
		T(shipped_ones_of_every_limit_are_told),
		T(limits_of_a_user_are_told_with_his_words),
		T(patterns_say_whom_a_limit_is_for),
		T(a_reload_ends_what_is_no_limit_any_more_and_keeps_the_rest),
		T(what_was_told_before_a_restart_is_told_on),
		T(starts_of_a_name_become_one_alert_that_ends),
		T(kills_are_counted_within_the_time_of_a_limit),
		T(a_full_file_system_is_one_alert_of_the_host),
		T(the_file_system_of_the_state_is_watched),
		T(who_takes_much_without_a_limit_is_told),
		T(who_waits_for_others_is_told_with_the_cause),
		T(the_host_is_told_of_where_containers_have_no_pressure),
		T(a_full_table_refuses_counts_and_takes_again),
		T(rates_are_looked_at_as_often_as_the_shortest_limit_needs),
		T(names_of_containers_cannot_break_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
