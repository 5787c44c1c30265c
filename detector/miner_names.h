/* SPDX-License-Identifier: GPL-2.0-or-later */
/* miner_names - names of mining pools and of miners' programs: rules/miner-pools.yaml and files of
 * the user's own.
 *
 * The files are in the rule language, three lists of which matter here: miner_pools (names; each
 * stands for itself and all below it), miner_programs (names of programs) and miner_ports. A list
 * that comes again adds to what is there, whatever it says of appending: a file of one's own needs
 * the new names alone. Owner: one thread; read whole or not at all. */
#ifndef BULKHEAD_MINER_NAMES_H
#define BULKHEAD_MINER_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/base/auto.h"
#include "collector/base/err.h"
#include "collector/base/parse.h"

#define MINER_MAX_POOLS	   4096
#define MINER_MAX_PROGRAMS 512
#define MINER_MAX_PORTS	   256
#define MINER_FILE_BYTES   (1U << 20)

struct miner_names;

int miner_names_new(struct miner_names **out, struct err *e);
void miner_names_free(struct miner_names *n); /* NULL is fine */
DEFINE_AUTO(miner_names, miner_names_free)

/* Adds what one file says. 0; -EINVAL with "FILE:LINE: text"; -E2BIG: too many names. On failure
 * some of it may have been added. */
int miner_names_add(struct miner_names *n, const char *file, struct span yaml, struct err *e);

/* The entry that the name is, or lies below; empty: none. Letters of either case, a dot at the end
 * is fine. */
struct span miner_names_pool(const struct miner_names *n, struct span name);
/* The entry that the file name (without directories) is: also with a version or the like behind it
 * ("xmrig-6.20"), and cut at 15 bytes as the kernel does; empty: none. */
struct span miner_names_program(const struct miner_names *n, struct span base_name);
bool miner_names_port(const struct miner_names *n, uint16_t port);

struct miner_names_counts {
	size_t pools, programs, ports;
};
struct miner_names_counts miner_names_counts(const struct miner_names *n);

#endif
