/* SPDX-License-Identifier: GPL-2.0-or-later */
/* miner_command - what a command line says of mining: the program's name, addresses of pools,
 * options that only miners have, wallets; and what a miner does beside: loading the msr module,
 * ending others of its kind, staying.
 *
 * A tool that prints or seeks text (echo, grep ...) may have all of it in its arguments: of such a
 * one the address of a pool alone counts, and little. Pure, any thread, nothing is allocated. */
#ifndef BULKHEAD_MINER_COMMAND_H
#define BULKHEAD_MINER_COMMAND_H

#include "detector/miner.h"
#include "detector/miner_names.h"

#define MINER_COMMAND_HITS 6
#define MINER_MAX_WORDS	   256 /* arguments that are looked at */

/* exe: path of the program; args: NUL-separated, the first is its name. Returns how many of out[]
 * were filled. */
size_t miner_command(const struct miner_names *names, struct span exe, struct span args,
		     struct miner_hit out[MINER_COMMAND_HITS]);

/* A Monero address: standard (95), of an account (95) or integrated (106): by its length, letters,
 * the size of its blocks and its first byte. The checksum, a Keccak hash, is not worked out. */
bool miner_is_monero_address(struct span s);
/* Of another coin, by its looks alone: these say something only beside an address of a pool. */
const char *miner_other_wallet(struct span s); /* "Bitcoin", "Ethereum" ...; NULL: none */

#endif
