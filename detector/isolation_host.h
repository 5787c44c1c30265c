/* SPDX-License-Identifier: GPL-2.0-or-later */
/* isolation_host - what of the host must be known again when a container reaches it: programs of
 * runtimes by device and inode, the device of "/", addresses, bulkhead's own places. Read on a
 * worker (blocks on the file system), then only read. */
#ifndef BULKHEAD_ISOLATION_HOST_H
#define BULKHEAD_ISOLATION_HOST_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "collector/base/parse.h"
#include "collector/container.h"

#define ISOLATION_PROGRAMS  64
#define ISOLATION_ADDRESSES 64
#define ISOLATION_OWN_PIDS  8

struct isolation_program {
	uint64_t inode;
	uint32_t device; /* as in struct event_file */
	char path[120];
};

struct isolation_address {
	uint16_t family; /* AF_INET, AF_INET6 */
	uint8_t bytes[16];
};

struct isolation_host {
	struct isolation_program programs[ISOLATION_PROGRAMS];
	unsigned programs_n, programs_refused;
	uint32_t root_device;					 /* 0: not known */
	struct isolation_address addresses[ISOLATION_ADDRESSES]; /* but loopback's */
	unsigned addresses_n, addresses_refused;
	/* bulkhead's own */
	uint32_t own_pid;
	char state_dir[PATH_MAX], run_dir[PATH_MAX];
	uint64_t state_inode, run_inode;
	uint32_t state_device, run_device;
	bool labels; /* a security module with labels runs */
};

/* rootfs: "" or what is put before paths of the host. What is not there is left out. */
void isolation_host_read(struct isolation_host *out, const char *rootfs, const char *state_dir,
			 const char *run_dir);

const struct isolation_program *isolation_host_program(const struct isolation_host *h,
						       uint32_t device, uint64_t inode);
bool isolation_host_has_address(const struct isolation_host *h, uint16_t family,
				const uint8_t *bytes);

#endif
