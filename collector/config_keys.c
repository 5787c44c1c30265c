// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/config_keys.h"

#include <errno.h>
#include <string.h>

#define FIELD(f) offsetof(struct config, f), sizeof(((struct config *)NULL)->f)

#define SECOND	 1000ULL
#define MINUTE	 (60 * SECOND)
#define HOUR	 (60 * MINUTE)
#define DAY	 (24 * HOUR)
#define KIB	 1024ULL
#define TIB	 (KIB * KIB * KIB * KIB)

static const struct config_choice log_levels[] = {
	{ "error", LOG_LEVEL_ERROR },
	{ "warning", LOG_LEVEL_WARNING },
	{ "info", LOG_LEVEL_INFO },
	{ "debug", LOG_LEVEL_DEBUG },
	{ NULL, 0 },
};
static const struct config_choice log_formats[] = {
	{ "logfmt", LOG_FORMAT_LOGFMT },
	{ "json", LOG_FORMAT_JSON },
	{ NULL, 0 },
};
static const struct config_choice labels_modes[] = {
	{ "cadvisor", LABELS_CADVISOR },
	{ "kubelet", LABELS_KUBELET },
	{ NULL, 0 },
};
static const struct config_choice severities[] = {
	{ "emergency", 0 }, { "alert", 1 }, { "critical", 2 }, { "error", 3 }, { "warning", 4 },
	{ "notice", 5 },    { "info", 6 },  { "debug", 7 },    { NULL, 0 },
};
static const struct config_choice sensor_modes[] = {
	{ "auto", SENSOR_WANT_AUTO },
	{ "trampoline", SENSOR_WANT_TRAMPOLINE },
	{ "tracepoint", SENSOR_WANT_TRACEPOINT },
	{ "off", SENSOR_WANT_OFF },
	{ NULL, 0 },
};
static const struct config_choice rule_matches[] = {
	{ "first", RULES_MATCH_FIRST },
	{ "all", RULES_MATCH_ALL },
	{ NULL, 0 },
};
/* enum baseline_mode, enum enforce_action of detector/ */
static const struct config_choice first_modes[] = {
	{ "off", 0 },
	{ "learn", 1 },
	{ "detect", 2 },
	{ NULL, 0 },
};
static const struct config_choice actions[] = {
	{ "alert", 0 }, { "kill", 1 }, { "deny", 2 },	  { "freeze", 3 },
	{ "pause", 4 }, { "stop", 5 }, { "throttle", 6 }, { NULL, 0 },
};
/* enum mining_action of detector/detector_miner.h */
static const struct config_choice mining_actions[] = {
	{ "alert", 0 }, { "kill", 1 },	   { "freeze", 2 },
	{ "stop", 3 },	{ "throttle", 4 }, { NULL, 0 },
};
_Static_assert(sizeof(enum rules_match) == sizeof(int), "choices are stored as int");
_Static_assert(sizeof(enum sensor_want) == sizeof(int), "choices are stored as int");
_Static_assert(sizeof(enum log_level) == sizeof(int) && sizeof(enum log_format) == sizeof(int) &&
		       sizeof(enum labels_mode) == sizeof(int),
	       "choices are stored as int");

#define SECTION(name)                                                                              \
	{                                                                                          \
		name, CONFIG_SECTION, 0, 0, NULL, 0, 0, NULL, false                                \
	}
#define FLAG(name, field, value)                                                                   \
	{                                                                                          \
		name, CONFIG_BOOL, FIELD(field), value, 0, 0, NULL, false                          \
	}
#define FLAG_RESTART(name, field, value)                                                           \
	{                                                                                          \
		name, CONFIG_BOOL, FIELD(field), value, 0, 0, NULL, true                           \
	}
#define CHOICE_RESTART(name, field, value, choices)                                                \
	{                                                                                          \
		name, CONFIG_CHOICE, FIELD(field), value, 0, 0, choices, true                      \
	}
#define LIST(name, field, kind, value)                                                             \
	{                                                                                          \
		name, kind, FIELD(field), value, 0, CONFIG_MAX_LIST, NULL, false                   \
	}
#define CHOICE(name, field, value, choices)                                                        \
	{                                                                                          \
		name, CONFIG_CHOICE, FIELD(field), value, 0, 0, choices, false                     \
	}

#define ACTION(name, index, value)                                                                 \
	{                                                                                          \
		"enforce." name, CONFIG_CHOICE,                                                    \
			offsetof(struct config, baseline_actions) + (index) * sizeof(int),         \
			sizeof(int), value, 0, 0, actions, false                                   \
	}

/* allowed_hosts: 16 entries is what struct wire_config carries. */
const struct config_key config_keys[] = {
	{ "listen", CONFIG_ADDRESS, FIELD(listen), "127.0.0.1:9480", 1, 0, NULL, false },
	{ "metrics_listen", CONFIG_ADDRESS, FIELD(metrics_listen), "", 0, 0, NULL, false },
	FLAG("allow_insecure_listen", allow_insecure_listen, "false"),
	SECTION("tls"),
	{ "tls.certificate", CONFIG_PATH, FIELD(tls_certificate), "", 0, 0, NULL, false },
	{ "tls.key", CONFIG_PATH, FIELD(tls_key), "", 0, 0, NULL, false },
	{ "allowed_hosts", CONFIG_HOSTS, FIELD(allowed_hosts), "localhost", 0, 16, NULL, false },
	{ "state_dir", CONFIG_PATH, FIELD(state_dir), "/var/lib/bulkhead", 1, 0, NULL, true },
	{ "run_dir", CONFIG_PATH, FIELD(run_dir), "/run/bulkhead", 1, 0, NULL, true },
	{ "rootfs", CONFIG_PATH, FIELD(rootfs), "", 0, 0, NULL, true },
	{ "user", CONFIG_USER, FIELD(user), "bulkhead", 1, 0, NULL, true },
	SECTION("log"),
	CHOICE("log.level", log_level, "info", log_levels),
	CHOICE("log.format", log_format, "logfmt", log_formats),
	SECTION("sample"),
	{ "sample.interval", CONFIG_MS, FIELD(sample_interval_ms), "1s", 100, MINUTE, NULL, false },
	{ "sample.refresh", CONFIG_MS, FIELD(refresh_ms), "5s", 100, HOUR, NULL, false },
	{ "sample.slow_interval", CONFIG_MS, FIELD(slow_interval_ms), "10s", SECOND, HOUR, NULL,
	  false },
	{ "sample.network_interval", CONFIG_MS, FIELD(network_interval_ms), "10s", SECOND, HOUR,
	  NULL, false },
	{ "sample.process_interval", CONFIG_MS, FIELD(process_interval_ms), "20s", SECOND, HOUR,
	  NULL, false },
	{ "sample.disk_interval", CONFIG_MS, FIELD(disk_interval_ms), "60s", SECOND, DAY, NULL,
	  false },
	{ "sample.max_open_files", CONFIG_COUNT, FIELD(max_fds), "0", 0, 1U << 30, NULL, true },
	SECTION("metrics"),
	FLAG_RESTART("metrics.per_cpu", per_cpu, "false"),
	FLAG("metrics.tcp", tcp, "false"),
	FLAG_RESTART("metrics.hugetlb", hugetlb, "false"),
	SECTION("containers"),
	{ "containers.max", CONFIG_COUNT, FIELD(max_containers), "4096", 1, CONFIG_MAX_CONTAINERS,
	  NULL, true },
	{ "containers.ended_keep", CONFIG_SECONDS, FIELD(ended_keep_s), "5m", 0, DAY, NULL, false },
	FLAG_RESTART("containers.systemd_services", services, "false"),
	SECTION("labels"),
	CHOICE("labels.mode", labels_mode, "cadvisor", labels_modes),
	{ "labels.allow", CONFIG_LABELS, FIELD(labels_allow), "", 0, CONFIG_MAX_LIST, NULL, false },
	SECTION("history"),
	FLAG("history.enabled", history, "true"),
	{ "history.max_size", CONFIG_BYTES64, FIELD(history_max_bytes), "2GiB", 0, 1024 * TIB, NULL,
	  false },
	{ "history.max_percent", CONFIG_COUNT, FIELD(history_max_percent), "5", 1, 100, NULL,
	  false },
	{ "history.flush_interval", CONFIG_SECONDS, FIELD(history_flush_s), "60s", SECOND, HOUR,
	  NULL, false },
	{ "history.min_lifetime", CONFIG_SECONDS, FIELD(history_min_lifetime_s), "60s", 0, DAY,
	  NULL, false },
	SECTION("sensor"),
	CHOICE_RESTART("sensor.mode", sensor_mode, "auto", sensor_modes),
	{ "sensor.buffer", CONFIG_BYTES32, FIELD(sensor_buffer_bytes), "8MiB", 64 * KIB,
	  1024 * 1024 * KIB, NULL, true },
	LIST("sensor.host", sensor_host, CONFIG_TYPES, "exec"),
	{ "sensor.host_paths", CONFIG_PATHS, FIELD(sensor_host_paths), "", 0, CONFIG_MAX_LIST, NULL,
	  true },
	LIST("sensor.extra", sensor_extra, CONFIG_TYPES, ""),
	LIST("sensor.shed", sensor_shed, CONFIG_TYPES,
	     "stat,recv,send,open,payload,dns,socket,flow_end,setxattr,chmod,chown,truncate,mkdir,"
	     "rmdir,symlink,link,mknod,rename,unlink,accept,listen,bind,connect"),
	LIST("sensor.environment", sensor_environment, CONFIG_WORDS, ""),
	FLAG("sensor.redact", sensor_redact, "true"),
	LIST("sensor.redact_words", sensor_redact_words, CONFIG_WORDS, ""),
	FLAG("sensor.payloads", sensor_payloads, "true"),
	FLAG("sensor.syscalls", sensor_syscalls, "false"),
	SECTION("alerts"),
	{ "alerts.window", CONFIG_MS, FIELD(alerts_window_ms), "60s", 0, DAY, NULL, false },
	{ "alerts.rate", CONFIG_COUNT, FIELD(alerts_rate), "1000", 1, 1000000, NULL, false },
	{ "alerts.rate_per_container", CONFIG_COUNT, FIELD(alerts_rate_container), "100", 1,
	  1000000, NULL, false },
	{ "alerts.log_segment", CONFIG_BYTES64, FIELD(alerts_segment_bytes), "16MiB", 64 * KIB,
	  KIB *KIB *KIB, NULL, false },
	{ "alerts.log_max", CONFIG_BYTES64, FIELD(alerts_log_bytes), "512MiB", KIB *KIB, TIB, NULL,
	  false },
	FLAG("alerts.audit", alerts_audit, "true"),
	{ "alerts.audit_max", CONFIG_BYTES64, FIELD(audit_log_bytes), "512MiB", KIB *KIB, TIB, NULL,
	  false },
	{ "alerts.heartbeat", CONFIG_SECONDS, FIELD(alerts_heartbeat_s), "0s", 0, DAY, NULL,
	  false },
	{ "alerts.flight_memory", CONFIG_BYTES64, FIELD(flight_memory_bytes), "8MiB", 0,
	  KIB *KIB *KIB, NULL, true },
	{ "alerts.flight_max", CONFIG_BYTES64, FIELD(flight_max_bytes), "256MiB", KIB *KIB, TIB,
	  NULL, false },
	CHOICE("alerts.severity", alerts_severity, "warning", severities),
	{ "alerts.sinks", CONFIG_SINKS, FIELD(sinks), "", 0, WIRE_MAX_SINKS, NULL, false },
	SECTION("rules"),
	LIST("rules.files", rules_files, CONFIG_PATHS, "default,/etc/bulkhead/rules.d"),
	CHOICE("rules.match", rules_match, "first", rule_matches),
	CHOICE("rules.priority", rules_priority, "debug", severities),
	LIST("rules.tags", rules_tags, CONFIG_WORDS, ""),
	LIST("rules.disable_tags", rules_disable_tags, CONFIG_WORDS, ""),
	{ "rules.exceptions", CONFIG_EXCEPTIONS, FIELD(rules_exceptions), "", 0,
	  CONFIG_MAX_EXCEPTIONS, NULL, false },
	{ "thresholds", CONFIG_THRESHOLDS, FIELD(thresholds), "", 0, CONFIG_MAX_THRESHOLD_ENTRIES,
	  NULL, false },
	SECTION("baseline"),
	FLAG_RESTART("baseline.enabled", baseline, "true"),
	CHOICE("baseline.mode", baseline_mode, "learn", first_modes),
	FLAG("baseline.promote", baseline_promote, "true"),
	{ "baseline.window", CONFIG_SECONDS, FIELD(baseline_window_s), "1m", SECOND, HOUR, NULL,
	  true },
	{ "baseline.startup", CONFIG_SECONDS, FIELD(baseline_startup_s), "1m", SECOND, HOUR, NULL,
	  false },
	{ "baseline.windows_without_news", CONFIG_COUNT, FIELD(baseline_windows), "100", 1, 1000000,
	  NULL, false },
	{ "baseline.minimum_time", CONFIG_SECONDS, FIELD(baseline_minimum_s), "24h", 0, 365 * DAY,
	  NULL, false },
	{ "baseline.minimum_containers", CONFIG_COUNT, FIELD(baseline_containers), "2", 1, 1000,
	  NULL, false },
	{ "baseline.upgrade_time", CONFIG_SECONDS, FIELD(baseline_upgrade_s), "1h", 0, 365 * DAY,
	  NULL, false },
	{ "baseline.notice_time", CONFIG_SECONDS, FIELD(baseline_notice_s), "24h", 0, 365 * DAY,
	  NULL, false },
	{ "baseline.digest", CONFIG_SECONDS, FIELD(baseline_digest_s), "1h", 0, DAY, NULL, false },
	{ "baseline.forget_after", CONFIG_SECONDS, FIELD(baseline_age_s), "2160h", HOUR, 3650 * DAY,
	  NULL, false },
	{ "baseline.save_interval", CONFIG_SECONDS, FIELD(baseline_save_s), "5m", SECOND, DAY, NULL,
	  false },
	{ "baseline.max_images", CONFIG_COUNT, FIELD(baseline_max), "1024", 1, 1024, NULL, true },
	FLAG("baseline.syscalls", baseline_syscalls, "true"),
	{ "baseline.sensitive_files", CONFIG_WORDS, FIELD(baseline_sensitive), "", 0,
	  CONFIG_MAX_LIST, NULL, true },
	LIST("baseline.images", baseline_images, CONFIG_WORDS, ""),
	SECTION("enforce"),
	ACTION("exec", 0, "kill"),
	ACTION("script", 1, "kill"),
	ACTION("write", 2, "alert"),
	ACTION("read", 3, "alert"),
	ACTION("listen", 4, "alert"),
	ACTION("connect", 5, "alert"),
	ACTION("unix", 6, "alert"),
	ACTION("user", 7, "alert"),
	ACTION("capability", 8, "alert"),
	ACTION("syscall", 9, "alert"),
	ACTION("call", 10, "alert"),
	LIST("enforce.exempt", baseline_exempt, CONFIG_WORDS,
	     "kube-system/*,kube-node-lease/*,calico-system/*,cilium/*,kube-flannel/*"),
	FLAG("enforce.injected", enforce_injected, "false"),
	FLAG("enforce.runtime", enforce_runtime, "false"),
	{ "enforce.actions_per_image", CONFIG_COUNT, FIELD(enforce_image), "3", 1, 256, NULL,
	  false },
	{ "enforce.actions_per_host", CONFIG_COUNT, FIELD(enforce_host), "20", 1, 256, NULL,
	  false },
	{ "enforce.lease", CONFIG_SECONDS, FIELD(enforce_lease_s), "10m", SECOND, DAY, NULL,
	  false },
	{ "enforce.throttle_percent", CONFIG_COUNT, FIELD(enforce_throttle_percent), "10", 1, 100,
	  NULL, false },
	SECTION("anomaly"),
	FLAG("anomaly.enabled", anomaly, "true"),
	{ "anomaly.interval", CONFIG_SECONDS, FIELD(anomaly_interval_s), "10s", SECOND, HOUR, NULL,
	  true },
	{ "anomaly.days_per_alarm", CONFIG_COUNT, FIELD(anomaly_alarm_days), "30", 1, 3650, NULL,
	  false },
	SECTION("isolation"),
	FLAG("isolation.enabled", isolation, "true"),
	{ "isolation.interval", CONFIG_MS, FIELD(isolation_interval_ms), "5s", 500, 10 * MINUTE,
	  NULL, false },
	SECTION("posture"),
	FLAG("posture.enabled", posture, "true"),
	LIST("posture.sensitive_paths", posture_sensitive, CONFIG_PATHS, ""),
	SECTION("tables"),
	FLAG("tables.enabled", tables, "true"),
	{ "tables.interval", CONFIG_SECONDS, FIELD(tables_interval_s), "5s", SECOND, HOUR, NULL,
	  false },
	{ "tables.warning_percent", CONFIG_COUNT, FIELD(tables_warning), "85", 1, 100, NULL,
	  false },
	{ "tables.critical_percent", CONFIG_COUNT, FIELD(tables_critical), "95", 1, 100, NULL,
	  false },
	SECTION("mining"),
	FLAG_RESTART("mining.enabled", mining, "true"),
	LIST("mining.pools", mining_pools, CONFIG_PATHS,
	     "/usr/local/share/bulkhead/rules/miner-pools.yaml"),
	{ "mining.window", CONFIG_SECONDS, FIELD(mining_window_s), "2m", 10 * SECOND, HOUR, NULL,
	  false },
	{ "mining.action", CONFIG_CHOICE, FIELD(mining_action), "alert", 0, 0, mining_actions,
	  false },
	SECTION("http"),
	{ "http.max_connections", CONFIG_COUNT, FIELD(max_connections), "256", 1, 4096, NULL,
	  false },
	{ "http.max_connections_per_ip", CONFIG_COUNT, FIELD(max_connections_per_ip), "64", 1, 4096,
	  NULL, false },
	{ "http.idle_timeout", CONFIG_SECONDS, FIELD(idle_timeout_s), "30s", SECOND, HOUR, NULL,
	  false },
	{ "http.max_header_size", CONFIG_BYTES32, FIELD(max_header_bytes), "16KiB", KIB, 64 * KIB,
	  NULL, false },
};
const size_t config_keys_n = sizeof(config_keys) / sizeof(config_keys[0]);
_Static_assert(sizeof(config_keys) / sizeof(config_keys[0]) <= CONFIG_KEYS_MAX,
	       "the reader's table of lines is too small");

const struct config_key *config_key_find(struct span name)
{
	for (size_t i = 0; i < config_keys_n; i++)
		if (span_eq(name, config_keys[i].name))
			return &config_keys[i];
	return NULL;
}

/* Levenshtein's distance of two short names. */
static size_t distance(struct span a, struct span b)
{
	size_t row[CONFIG_NAME_BYTES + 1];

	for (size_t j = 0; j <= b.n; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			size_t best = diagonal + (a.p[i - 1] != b.p[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[b.n];
}

static struct span last_part(struct span name)
{
	const char *dot = name.n ? memrchr(name.p, '.', name.n) : NULL;

	return dot ? (struct span){ dot + 1, (size_t)(name.p + name.n - dot - 1) } : name;
}

/* The key that was most likely meant, or NULL. The right name in the wrong section counts as one
 * slip. */
static const char *suggestion(struct span name)
{
	size_t best = name.n < 5 ? 1 : name.n < 8 ? 2 : 3;
	const char *found = NULL;

	if (name.n == 0 || name.n >= CONFIG_NAME_BYTES)
		return NULL;
	for (size_t i = 0; i < config_keys_n; i++) {
		struct span have = span_str(config_keys[i].name);
		struct span a = last_part(have), b = last_part(name);
		size_t d = distance(name, have);

		if (d > 1 && a.n == b.n && memcmp(a.p, b.p, a.n) == 0)
			d = 1;
		if (d < best || (d == best && !found)) {
			best = d;
			found = config_keys[i].name;
		}
	}
	return found;
}

int config_key_unknown(struct span name, struct err *e)
{
	const char *meant = suggestion(name);

	if (!meant)
		return err_set(e, EINVAL, "unknown");
	return err_set(e, EINVAL, "unknown, did you mean '%s'?", meant);
}
