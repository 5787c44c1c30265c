/* SPDX-License-Identifier: GPL-2.0-or-later */
/* config_thresholds - the list thresholds of the configuration: above which figures an alert is
 * told. It begins with the shipped ones (config_thresholds_shipped); an entry of the file that has
 * the name of one of them changes only what it gives, any other is added.
 *
 * The metrics that may be named are in one table, config_metrics. How each is worked out is in
 * detector/threshold_metric.c; a test compares both lists with deploy/bulkhead.yaml. Plain data. */
#ifndef BULKHEAD_CONFIG_THRESHOLDS_H
#define BULKHEAD_CONFIG_THRESHOLDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/base/parse.h"

#define CONFIG_THRESHOLDS_SHIPPED    11
#define CONFIG_MAX_THRESHOLD_ENTRIES 64 /* of the file */
#define CONFIG_MAX_THRESHOLDS	     (CONFIG_MAX_THRESHOLD_ENTRIES + CONFIG_THRESHOLDS_SHIPPED)
#define CONFIG_THRESHOLD_NAME_BYTES  64
#define CONFIG_THRESHOLD_GLOB_BYTES  256
#define CONFIG_THRESHOLD_MAX_FOR_MS  (24ULL * 3600 * 1000)
#define CONFIG_THRESHOLD_MAX_COUNT   60 /* highest limit of a metric that counts */

#define CONFIG_OOM_KILL		     "oom-kill" /* told at each kill; it has no limit and no time */

enum config_metric {
	METRIC_CPU_CORES,
	METRIC_CPU_PERCENT_OF_LIMIT,
	METRIC_CPU_PERCENT_OF_HOST,
	METRIC_CPU_THROTTLED_PERCENT,
	METRIC_CPU_PRESSURE_PERCENT,
	METRIC_MEMORY_BYTES,
	METRIC_MEMORY_PERCENT_OF_LIMIT,
	METRIC_MEMORY_PERCENT_OF_HOST,
	METRIC_MEMORY_PRESSURE_PERCENT,
	METRIC_SWAP_BYTES,
	METRIC_IO_BYTES,
	METRIC_IO_OPERATIONS,
	METRIC_IO_PRESSURE_PERCENT,
	METRIC_RECEIVED_BYTES,
	METRIC_SENT_BYTES,
	METRIC_PIDS,
	METRIC_PIDS_PERCENT_OF_LIMIT,
	METRIC_DESCRIPTORS,
	METRIC_DESCRIPTORS_PERCENT_OF_LIMIT,
	METRIC_DISK_BYTES,
	METRIC_DISK_PERCENT_OF_LIMIT,
	METRIC_FILESYSTEM_PERCENT,
	METRIC_UNHEALTHY,
	METRIC_RESTARTS,
	METRIC_OOM_KILLS,
	METRIC_PRESSURE_BY_OTHERS,
	METRIC_UNLIMITED_PERCENT_OF_HOST,
	METRIC_COUNT
};

enum config_metric_unit {
	METRIC_IN_NUMBER,
	METRIC_IN_PERCENT,
	METRIC_IN_BYTES,
	METRIC_IN_BYTES_A_SECOND
};

enum config_metric_of { /* what has it */
			METRIC_OF_CONTAINER,
			METRIC_OF_NAME, /* all containers that had one name, or one image */
			METRIC_OF_HOST	/* file systems */
};

struct config_metric_row {
	const char *name;
	enum config_metric_unit unit;
	enum config_metric_of of;
	bool counts;	   /* how many within the time of the threshold */
	const char *about; /* for the manual */
};
extern const struct config_metric_row config_metrics[METRIC_COUNT];

struct config_threshold {
	char name[CONFIG_THRESHOLD_NAME_BYTES];
	char image[CONFIG_THRESHOLD_GLOB_BYTES];     /* glob of the image's name; "": any */
	char container[CONFIG_THRESHOLD_GLOB_BYTES]; /* glob of the container's name; "": any */
	enum config_metric metric;
	int severity; /* syslog's number */
	double limit;
	uint64_t for_ms; /* it must be so that long; of a metric that counts: the span of time */
	bool below;	 /* told when the figure is below the limit, else when it is above */
	bool enabled;
};

struct config_thresholds {
	struct config_threshold items[CONFIG_MAX_THRESHOLDS];
	uint32_t n; /* the shipped ones first, in their order */
};

extern const struct config_threshold config_thresholds_shipped[CONFIG_THRESHOLDS_SHIPPED];

void config_thresholds_defaults(struct config_thresholds *t);

/* The entry as it would be written in the file: for the test of the manual. text[256] */
const char *config_threshold_text(const struct config_threshold *t, char text[256]);

#endif
