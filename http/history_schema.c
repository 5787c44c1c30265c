// SPDX-License-Identifier: GPL-2.0-or-later
/* What is kept of each kind of thing, and for how long. One row adds one metric; an RRD made before
 * that no longer fits its schema and is set aside. */
#include "collector/sample.h" /* enum sample_have: the bits of wire_sample.have */
#include "http/history_internal.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define PRESSURE(text, bit)                                                                        \
	{                                                                                          \
		.name = (text), .unit = "ratio", .have = (bit), .scale = 1e6, .share = true        \
	}

static const struct history_metric container_metrics[] = {
	/* order of the values in wire_sample */
	{ .name = "cpu", .unit = "cores", .have = SAMPLE_CPU, .scale = 1e9 },
	{ .name = "memory", .unit = "bytes", .have = SAMPLE_MEMORY },
	{ .name = "io_read", .unit = "bytes/s", .have = SAMPLE_IO, .scale = 1 },
	{ .name = "io_write", .unit = "bytes/s", .have = SAMPLE_IO, .scale = 1 },
	{ .name = "network_receive", .unit = "bytes/s", .have = SAMPLE_NETWORK, .scale = 1 },
	{ .name = "network_transmit", .unit = "bytes/s", .have = SAMPLE_NETWORK, .scale = 1 },
	{ .name = "pids", .unit = "tasks", .have = SAMPLE_PIDS },
	PRESSURE("pressure_cpu", SAMPLE_PSI_CPU),
	PRESSURE("pressure_memory", SAMPLE_PSI_MEMORY),
	PRESSURE("pressure_io", SAMPLE_PSI_IO),
};

static const struct history_metric host_metrics[] = {
	{ .name = "cpu", .unit = "cores", .scale = 1e9 },
	{ .name = "memory", .unit = "bytes" },
	{ .name = "swap", .unit = "bytes" },
	PRESSURE("pressure_cpu", SAMPLE_PSI_CPU),
	PRESSURE("pressure_memory", SAMPLE_PSI_MEMORY),
	PRESSURE("pressure_io", SAMPLE_PSI_IO),
};

static const struct history_metric disk_metrics[] = {
	{ .name = "disk", .unit = "bytes" }, /* writable layer */
	{ .name = "disk_inodes", .unit = "inodes" },
	{ .name = "disk_log", .unit = "bytes" },
	{ .name = "disk_volumes", .unit = "bytes" },
};

static const struct history_metric fs_metrics[] = {
	{ .name = "bytes", .unit = "bytes" },
	{ .name = "bytes_total", .unit = "bytes" },
	{ .name = "inodes", .unit = "inodes" },
	{ .name = "inodes_total", .unit = "inodes" },
};

/* A second for an hour, 10 s for a day, 5 minutes for 30 days. */
#define FINE_TIERS                                                                                 \
	{                                                                                          \
		{ 1, 3600, false }, { 10, 8640, true },                                            \
		{                                                                                  \
			300, 8640, true                                                            \
		}                                                                                  \
	}
/* What changes slowly and is measured about once a minute. */
#define SLOW_TIERS                                                                                 \
	{                                                                                          \
		{ 60, 360, false },                                                                \
		{                                                                                  \
			300, 8640, true                                                            \
		}                                                                                  \
	}

const struct history_schema history_schema_container = {
	.metrics = container_metrics,
	.metrics_n = COUNT(container_metrics),
	.pdp_step = 1,
	.gap_s = 10,
	.tiers = FINE_TIERS,
	.tiers_n = 3,
};
const struct history_schema history_schema_host = {
	.metrics = host_metrics,
	.metrics_n = COUNT(host_metrics),
	.pdp_step = 1,
	.gap_s = 10,
	.tiers = FINE_TIERS,
	.tiers_n = 3,
};
const struct history_schema history_schema_disk = {
	.metrics = disk_metrics,
	.metrics_n = COUNT(disk_metrics),
	.pdp_step = 60,
	.gap_s = 7200, /* a walk of a large layer may be that rare */
	.tiers = SLOW_TIERS,
	.tiers_n = 2,
};
const struct history_schema history_schema_fs = {
	.metrics = fs_metrics,
	.metrics_n = COUNT(fs_metrics),
	.pdp_step = 60,
	.gap_s = 300,
	.tiers = SLOW_TIERS,
	.tiers_n = 2,
};
