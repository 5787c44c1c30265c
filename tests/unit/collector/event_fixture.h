/* SPDX-License-Identifier: GPL-2.0-or-later */
/* event_fixture - records to decode: a head with the same process in all of them. */
#ifndef BULKHEAD_TESTS_EVENT_FIXTURE_H
#define BULKHEAD_TESTS_EVENT_FIXTURE_H

#include <stdint.h>

#include "collector/event_view.h"

static inline struct event_head fixture_head(enum event_type type)
{
	return (struct event_head){
		.type = (uint16_t)type,
		.boot_ns = 5000000000,
		.cgroup_id = 77,
		.container_cgroup = 70,
		.start_boot_ns = 3000000000,
		.parent_start_boot_ns = 1000000000,
		.exec_seq = 4,
		.pid = 123,
		.tid = 124,
		.ppid = 100,
		.ns_pid = 5,
		.ns_tid = 6,
		.uid = 1000,
		.gid = 1001,
		.euid = 1002,
		.egid = 1003,
		.loginuid = UINT32_MAX,
		.session = 120,
		.syscall = 257,
		.comm = "cat",
	};
}

#endif
