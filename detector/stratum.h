/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stratum - whether the first bytes of one direction of a TCP connection are a miner's or a pool's.
 *
 * Read are: Stratum of Bitcoin's kind ("mining.subscribe" and all other "mining." methods, of
 * client and pool), Ethereum's (eth_submitLogin, eth_getWork ...), Monero's and its kin (login,
 * job, submit, keepalived), requests for work to a coin's node over HTTP (getwork,
 * getblocktemplate). JSON may be cut anywhere, may be written with escapes, and several messages
 * may stand one behind the other. What goes through a proxy is read behind the proxy's own words:
 * HTTP CONNECT, SOCKS 4, 4a and 5 (with or without a password); whom it is to reach is told too.
 * TLS is not read, but for the name in its first message.
 *
 * Not seen: Stratum V2, whose first bytes are a Noise handshake, random ones; anything inside of
 * TLS; what is said after the first bytes that the kernel's side tells (EVENT_PAYLOAD_MAX a
 * direction). Of those the processor's use speaks (miner_shape.h).
 *
 * Pure, any thread, nothing is allocated. */
#ifndef BULKHEAD_STRATUM_H
#define BULKHEAD_STRATUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/base/parse.h"
#include "detector/tls_hello.h"

#define STRATUM_MAX_TEXT 120 /* bytes kept of an account */

enum stratum_dialect {
	STRATUM_NONE,
	STRATUM_BITCOIN,
	STRATUM_ETHEREUM,
	STRATUM_MONERO,
	STRATUM_WORK, /* of a node, not of a pool */
	STRATUM_DIALECTS
};
extern const char *const stratum_dialect_names[STRATUM_DIALECTS];

enum stratum_result {
	STRATUM_NO,   /* it is none, whatever follows */
	STRATUM_MORE, /* not to be told yet */
	STRATUM_FOUND,
};

enum stratum_proxy { STRATUM_DIRECT, STRATUM_CONNECT, STRATUM_SOCKS4, STRATUM_SOCKS5 };
extern const char *const stratum_proxy_names[]; /* "", "HTTP CONNECT" ... */

struct stratum_seen {
	enum stratum_dialect dialect;
	bool by_pool;			    /* what was said is what a pool says */
	char method[48];		    /* "mining.subscribe"; "" of answers without one */
	char account[STRATUM_MAX_TEXT + 1]; /* wallet or user; "" */
	char agent[64];			    /* program, as it calls itself; "" */
	/* These are set whatever the result is: */
	enum stratum_proxy proxy;
	char target[TLS_MAX_NAME + 1]; /* whom the proxy is to reach; lower case; "" */
	uint16_t target_port;
	bool tls; /* the connection, or what is behind the proxy, is TLS */
	struct tls_hello hello;
};

/* bytes: the stream's from its first on, of one direction. *out is always filled. */
enum stratum_result stratum_look(struct span bytes, struct stratum_seen *out);

#endif
