/* SPDX-License-Identifier: GPL-2.0-or-later */
/* config - bulkheadd's settings: YAML file, then flags on top. Every key with its default and
 * meaning is in deploy/bulkhead.yaml, which a test compares with the table in config.c.
 *
 * A file is parsed wholly and validated wholly before anything is taken from it; an error reads
 * "FILE:LINE:COLUMN: key 'a.b': what is wrong, what was expected". */
#ifndef BULKHEAD_CONFIG_H
#define BULKHEAD_CONFIG_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "collector/base/err.h"
#include "collector/base/log.h"
#include "collector/base/parse.h"
#include "collector/config_sinks.h"
#include "collector/config_thresholds.h"

#define CONFIG_MAX_FILE_BYTES  (1u << 20)
#define CONFIG_MAX_DEPTH       16
#define CONFIG_MAX_LIST	       64
#define CONFIG_TEXT_BYTES      256
#define CONFIG_CONDITION_BYTES 2048
#define CONFIG_MAX_EXCEPTIONS  64
#define CONFIG_DEFAULT_PATH    "/etc/bulkhead/bulkhead.yaml"
#define CONFIG_MAX_CONTAINERS  16384

enum sensor_want {
	SENSOR_WANT_AUTO,
	SENSOR_WANT_TRAMPOLINE,
	SENSOR_WANT_TRACEPOINT,
	SENSOR_WANT_OFF
};
enum rules_match { RULES_MATCH_FIRST, RULES_MATCH_ALL };
#define CONFIG_BASELINE_CLASSES 11 /* BASELINE_CLASS_COUNT of detector/baseline.h */
enum labels_mode { LABELS_CADVISOR, LABELS_KUBELET };

struct config_list {
	char items[CONFIG_MAX_LIST][CONFIG_TEXT_BYTES];
	uint32_t n;
};

/* One entry of rules.exceptions: the rule holds back where all that is given fits. */
struct config_exception {
	char rule[CONFIG_TEXT_BYTES];		/* a name, or a glob of names */
	char image[CONFIG_TEXT_BYTES];		/* glob of the image's repository; "": any */
	char container[CONFIG_TEXT_BYTES];	/* glob of the container's name; "": any */
	char condition[CONFIG_CONDITION_BYTES]; /* "": always */
};
struct config_exceptions {
	struct config_exception items[CONFIG_MAX_EXCEPTIONS];
	uint32_t n;
};

struct config {
	char listen[128];	    /* listen: "127.0.0.1:9480" */
	char metrics_listen[128];   /* metrics_listen: "" */
	bool allow_insecure_listen; /* allow_insecure_listen: listen beyond loopback without TLS */
	char tls_certificate[PATH_MAX], tls_key[PATH_MAX]; /* tls: {certificate:, key:} */
	struct config_list allowed_hosts;		   /* allowed_hosts: [localhost] */
	char state_dir[PATH_MAX];			   /* state_dir: /var/lib/bulkhead */
	char run_dir[PATH_MAX];				   /* run_dir: /run/bulkhead */
	char rootfs[PATH_MAX];				   /* rootfs: "" */
	char user[64]; /* user: bulkhead; "auto": a numeric uid that nothing else has */
	enum log_level log_level;
	enum log_format log_format; /* log: {level: info, format: logfmt} */

	uint32_t sample_interval_ms; /* sample: {interval: 1s} 100 ms to 60 s */
	uint32_t refresh_ms; /* sample.refresh: 5s: an idle container is read whole so often */
	uint32_t slow_interval_ms;    /* sample.slow_interval: 10s: limits, processes */
	uint32_t network_interval_ms; /* sample.network_interval: 10s */
	uint32_t process_interval_ms; /* sample.process_interval: 30s: descriptors, sockets, ulimits
				       */
	uint32_t disk_interval_ms;    /* sample.disk_interval: 60s */
	uint32_t max_fds;	      /* sample.max_open_files: 0: three quarters of the limit */
	bool per_cpu, tcp, hugetlb;   /* metrics: {per_cpu: false, tcp: false, hugetlb: false} */

	uint32_t max_containers;      /* containers: {max: 4096} */
	uint32_t ended_keep_s;	      /* containers.ended_keep: 5m */
	bool services;		      /* containers.systemd_services: false */
	enum labels_mode labels_mode; /* labels: {mode: cadvisor, allow: []} */
	struct config_list
		labels_allow; /* names of container labels that become container_label_* */

	bool history; /* history: {enabled: true, ...} */
	uint64_t history_max_bytes;
	uint32_t history_max_percent, history_flush_s, history_min_lifetime_s;

	enum sensor_want sensor_mode; /* sensor: {mode: auto, ...}: events from the kernel */
	uint32_t sensor_buffer_bytes;
	struct config_list sensor_host;	       /* types told of the host */
	struct config_list sensor_host_paths;  /* its file events: below these alone */
	struct config_list sensor_extra;       /* types told of containers, off by default */
	struct config_list sensor_shed;	       /* what goes first when the buffer fills */
	struct config_list sensor_environment; /* variables that exec events tell */
	bool sensor_redact;
	struct config_list sensor_redact_words; /* beyond those that are built in */
	bool sensor_payloads, sensor_syscalls;

	uint32_t alerts_window_ms; /* alerts: {window: 60s, ...}: repeats within are one alert */
	uint32_t alerts_rate, alerts_rate_container; /* delivered a second */
	uint64_t alerts_segment_bytes, alerts_log_bytes, audit_log_bytes;
	bool alerts_audit;
	uint32_t alerts_heartbeat_s; /* 0: none */
	uint64_t flight_memory_bytes, flight_max_bytes; /* alerts: {flight_memory: 8MiB, ...} */
	int alerts_severity;	     /* syslog's number: what sinks get by default */
	struct config_sinks sinks;   /* alerts.sinks: where alerts go */

	struct config_list rules_files; /* rules: {files: [...]}: files and directories, in order */
	enum rules_match rules_match;	/* rules.match: of those that fit an event */
	int rules_priority;		/* syslog's number: less grave rules are left out */
	struct config_list rules_tags, rules_disable_tags;
	struct config_exceptions rules_exceptions;

	struct config_thresholds thresholds; /* thresholds: [], beside the shipped ones */

	bool baseline;	   /* baseline: {enabled: true, ...}: what each image normally does */
	int baseline_mode; /* of new images: enum baseline_mode of detector/baseline.h */
	bool baseline_promote, baseline_syscalls;
	uint32_t baseline_window_s, baseline_startup_s;
	uint32_t baseline_windows; /* learned: at most one new entry is expected in so many */
	uint32_t baseline_minimum_s, baseline_containers, baseline_upgrade_s;
	uint32_t baseline_notice_s, baseline_digest_s, baseline_age_s, baseline_save_s;
	uint32_t baseline_max;
	struct config_list baseline_sensitive; /* globs of files whose reading counts */
	struct config_list baseline_images;    /* "IMAGE=MODE" */
	struct config_list baseline_exempt;    /* globs of images and pods: never enforced */
	/* What enforcement does, by class: enum enforce_action of detector/detector_baseline.h */
	int baseline_actions[CONFIG_BASELINE_CLASSES];
	bool enforce_injected, enforce_runtime;
	uint32_t enforce_image, enforce_host; /* actions a minute */
	uint32_t enforce_lease_s, enforce_throttle_percent;
	bool anomaly; /* anomaly: {enabled: true, ...}: unusual use of resources */
	uint32_t anomaly_interval_s, anomaly_alarm_days;

	bool isolation; /* isolation: {enabled: true, interval: 5s}: walls of containers */
	uint32_t isolation_interval_ms; /* of a pass over all tasks */
	bool posture;			/* posture: {enabled: true, ...} */
	struct config_list posture_sensitive; /* host paths that no container should mount, more */
	bool tables; /* tables: {enabled: true, ...}: what containers share in the kernel */
	uint32_t tables_interval_s, tables_warning, tables_critical; /* percent full */
	bool mining; /* mining: {enabled: true, ...} */
	struct config_list mining_pools; /* files of names of pools */
	uint32_t mining_window_s; /* how long the processor is used as a miner does it: then likely */
	int mining_action;	  /* enum mining_action of detector/detector_miner.h */

	uint32_t max_connections, max_connections_per_ip, idle_timeout_s,
		max_header_bytes; /* http: */
};

void config_defaults(struct config *c);

/* Reads a YAML file over the values in *c. On failure *c is untouched. A missing file is -ENOENT:
 * the caller decides whether that matters (it does when --config named it). */
int config_load(struct config *c, const char *path, struct err *e);
int config_parse(struct config *c, const char *file_name, struct span yaml, struct err *e);

/* Sets one key from its text ("sample.interval", "500ms"): for flags. Same checks and messages. */
int config_set(struct config *c, const char *key, const char *value, struct err *e);

/* Checks that keys agree with each other (TLS pair, listen beyond loopback, address forms). */
int config_validate(const struct config *c, struct err *e);

/* NULL when `next` can take effect without restart, else the first key that cannot ("state_dir").
 */
const char *config_needs_restart(const struct config *now, const struct config *next);

/* Calls fn for each key with its default as YAML text: for tests and --print-config. */
void config_each_key(void (*fn)(void *ctx, const char *key, const char *default_text), void *ctx);

#endif
