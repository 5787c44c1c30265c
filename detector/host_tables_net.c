// SPDX-License-Identifier: GPL-2.0-or-later
/* Tables of networks: ports of each, neighbours and connections of all; whose an address is. */
#include "detector/host_tables_internal.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "collector/base/io.h"
#include "collector/base/parse.h"
#include "collector/procstat.h"

#define MAX_ADDRESSES 8192
#define MAX_LINES     4000000 /* of one file: more connections no host has */

static bool line_of(FILE *f, char **line, size_t *cap, struct span *out)
{
	const ssize_t n = getline(line, cap, f);

	*out = (struct span){ *line, n > 0 ? (size_t)n : 0 };
	return n > 0;
}

/* --- ports ----------------------------------------------------------------------------------- */

/* "  0: 0100007F:1F90 00000000:0000 0A ...": the port in hexadecimal. */
static void count_file(const char *path, uint16_t low, uint16_t high, uint8_t *seen)
{
	AUTO_FILE FILE *f = fopen(path, "re");
	AUTO_FREE char *line = NULL;
	size_t cap = 0;
	struct span rest, w, part;
	uint64_t port;

	for (unsigned i = 0; f && i < MAX_LINES && line_of(f, &line, &cap, &rest); i++) {
		if (!span_word(&rest, &w) || !span_word(&rest, &w) || !span_next(&w, ':', &part) ||
		    !w.p || !parse_hex_u64(w, &port) || port < low || port > high)
			continue;
		seen[port / 8] = (uint8_t)(seen[port / 8] | 1u << port % 8);
	}
}

uint64_t tables_count_ports(const char *path, const char *path6, uint16_t low, uint16_t high)
{
	uint8_t seen[8192] = { 0 };
	uint64_t n = 0;

	count_file(path, low, high, seen);
	count_file(path6, low, high, seen);
	for (size_t i = 0; i < sizeof(seen); i++)
		n += (uint64_t)__builtin_popcount(seen[i]);
	return n;
}

static bool range(const struct table_input *in, uint16_t *low, uint16_t *high)
{
	uint64_t a, b;

	if (!tables_word(in->sys, "net/ipv4/ip_local_port_range", 0, &a) ||
	    !tables_word(in->sys, "net/ipv4/ip_local_port_range", 1, &b) || a > b || b > 65535)
		return false;
	*low = (uint16_t)a;
	*high = (uint16_t)b;
	return true;
}

/* pid 0: our own network, which is the host's. */
static bool ports_of(const struct table_input *in, uint32_t pid, uint64_t *used, uint64_t *capacity)
{
	char folder[32] = "", file[64], path[PATH_MAX], path6[PATH_MAX];
	uint64_t sockets = 0, waiting = 0, sockets6 = 0;
	uint16_t low, high;

	if (!range(in, &low, &high))
		return false;
	if (pid)
		snprintf(folder, sizeof(folder), "%u/", pid);
	snprintf(file, sizeof(file), "%snet/sockstat", folder);
	if (!tables_field(in->proc, file, "TCP:", 1, &sockets))
		return false;
	tables_field(in->proc, file, "TCP:", 5, &waiting);
	snprintf(file, sizeof(file), "%snet/sockstat6", folder);
	tables_field(in->proc, file, "TCP6:", 1, &sockets6);
	*capacity = (uint64_t)(high - low) + 1;
	*used = sockets + sockets6 + waiting;
	if (*used <= *capacity / 3)
		return true;
	snprintf(file, sizeof(file), "%snet/tcp", folder);
	if (!io_join(path, sizeof(path), in->proc, file))
		return false;
	snprintf(file, sizeof(file), "%snet/tcp6", folder);
	if (!io_join(path6, sizeof(path6), in->proc, file))
		return false;
	*used = tables_count_ports(path, path6, low, high);
	return true;
}

static uint64_t host_network(const struct table_input *in)
{
	const uint64_t ns = procstat_namespace(in->proc, 1, "net");

	if (ns)
		return ns;
	char file[PATH_MAX];

	return io_join(file, sizeof(file), in->proc, "self")
		       ? procstat_namespace(in->proc, getpid(), "net")
		       : 0;
}

/* The first of those that share a network stands for all of them. */
static bool is_first(const struct table_input *in, size_t subject, uint64_t host)
{
	const struct table_subject *s = &in->subjects[subject];

	if (!s->pid || !s->netns || s->netns == host)
		return false;
	for (size_t i = 0; i < subject; i++)
		if (in->subjects[i].pid && in->subjects[i].netns == s->netns)
			return false;
	return true;
}

void tables_sweep_networks(struct host_tables *h, const struct table_input *in)
{
	const uint64_t host = host_network(in);
	struct table_figure *f = &h->networks[0];
	uint64_t used, capacity;

	h->networks_n = 0;
	for (size_t i = 0; i < in->subjects_n && !tables_closing(in); i++) {
		if (!is_first(in, i, host) ||
		    !ports_of(in, in->subjects[i].pid, &used, &capacity) ||
		    (h->networks_n && used <= f->used))
			continue;
		*f = (struct table_figure){ .table = TABLE_PORTS,
					    .which = in->subjects[i].netns,
					    .used = used,
					    .capacity = capacity,
					    .limit = "net.ipv4.ip_local_port_range" };
		snprintf(f->of, sizeof(f->of), "network of container '%.90s'",
			 in->subjects[i].name);
		h->networks_n = 1;
	}
}

void tables_read_networks(struct host_tables *h, struct table_output *out,
			  const struct table_input *in)
{
	uint64_t used, capacity;

	if (ports_of(in, 0, &used, &capacity))
		tables_figure(out, TABLE_PORTS, used, capacity, "net.ipv4.ip_local_port_range");
	for (size_t i = 0; i < h->networks_n; i++) {
		struct table_figure *f = tables_figure(out, TABLE_PORTS, 0, 0, "");

		if (f)
			*f = h->networks[i];
	}
}

/* --- neighbours ------------------------------------------------------------------------------ */

static void hold_neighbours(struct table_output *out, const struct table_input *in, size_t subject)
{
	char path[PATH_MAX];
	AUTO_FREE char *line = NULL;
	size_t cap = 0;
	struct span s;
	uint64_t n = 0;

	if (snprintf(path, sizeof(path), "%s/%u/net/arp", in->proc, in->subjects[subject].pid) >=
	    (int)sizeof(path))
		return;
	AUTO_FILE FILE *f = fopen(path, "re");

	while (f && n < MAX_LINES && line_of(f, &line, &cap, &s))
		n++;
	tables_holder(out, TABLE_NEIGHBOURS, 4, (int32_t)subject, n ? n - 1 : 0); /* its title */
}

/* --- connections ----------------------------------------------------------------------------- */

struct address {
	uint8_t bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
	int32_t subject;
};

struct addresses {
	struct address list[MAX_ADDRESSES];
	size_t n;
};

static int by_bytes(const void *a, const void *b)
{
	return memcmp(((const struct address *)a)->bytes, ((const struct address *)b)->bytes, 16);
}

static bool parse_address(struct span s, uint8_t out[16])
{
	char text[INET6_ADDRSTRLEN];

	if (s.n == 0 || s.n >= sizeof(text))
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	if (inet_pton(AF_INET6, text, out) == 1)
		return true;
	memset(out, 0, 10);
	out[10] = out[11] = 0xff;
	return inet_pton(AF_INET, text, out + 12) == 1;
}

static void add_address(struct addresses *a, const uint8_t bytes[16], int32_t subject)
{
	if (bytes[12] == 127 && bytes[10] == 0xff)
		return; /* everybody has it */
	if (a->n == MAX_ADDRESSES)
		return; /* connections of the rest are nobody's */
	memcpy(a->list[a->n].bytes, bytes, 16);
	a->list[a->n++].subject = subject;
}

/* "     |-- 172.17.0.2" and below it "        /32 host LOCAL" */
static void add_ipv4(struct addresses *a, const struct table_input *in, size_t subject)
{
	char path[PATH_MAX];
	AUTO_FREE char *line = NULL;
	size_t cap = 0;
	struct span s, w;
	uint8_t bytes[16] = { 0 };
	bool has = false;

	if (snprintf(path, sizeof(path), "%s/%u/net/fib_trie", in->proc,
		     in->subjects[subject].pid) >= (int)sizeof(path))
		return;
	AUTO_FILE FILE *f = fopen(path, "re");

	for (unsigned i = 0; f && i < 65536 && line_of(f, &line, &cap, &s); i++) {
		s = span_trim(s);
		if (span_starts(s, "|-- ")) {
			span_word(&s, &w);
			has = span_word(&s, &w) && parse_address(w, bytes);
		} else if (has && span_eq(s, "/32 host LOCAL")) {
			add_address(a, bytes, (int32_t)subject);
			has = false;
		}
	}
}

/* "fe80000000000000... 02 40 20 80 eth0": an address without colons comes first. */
static void add_ipv6(struct addresses *a, const struct table_input *in, size_t subject)
{
	char path[PATH_MAX];
	AUTO_FREE char *line = NULL;
	size_t cap = 0;
	struct span s, w;
	uint8_t bytes[16];

	if (snprintf(path, sizeof(path), "%s/%u/net/if_inet6", in->proc,
		     in->subjects[subject].pid) >= (int)sizeof(path))
		return;
	AUTO_FILE FILE *f = fopen(path, "re");

	for (unsigned i = 0; f && i < 1024 && line_of(f, &line, &cap, &s); i++) {
		bool good = span_word(&s, &w) && w.n == 32;

		for (size_t k = 0; good && k < 16; k++) {
			uint64_t v = 0;

			good = parse_hex_u64((struct span){ w.p + 2 * k, 2 }, &v);
			bytes[k] = (uint8_t)v;
		}
		if (good && bytes[0] != 0xfe && bytes[0] != 0) /* link-local ones and ::1 */
			add_address(a, bytes, (int32_t)subject);
	}
}

/* "ipv4 2 tcp 6 117 TIME_WAIT src=10.0.0.2 dst=... sport=... dport=... src=...": who began it. */
static int32_t owner_of(const struct addresses *a, struct span line)
{
	struct span w;
	struct address key = { .subject = -1 };

	while (span_word(&line, &w)) {
		if (!span_starts(w, "src="))
			continue;
		if (!parse_address((struct span){ w.p + 4, w.n - 4 }, key.bytes))
			return -1;
		const struct address *found =
			bsearch(&key, a->list, a->n, sizeof(a->list[0]), by_bytes);

		return found ? found->subject : -1;
	}
	return -1;
}

static void hold_connections(struct table_output *out, const struct table_input *in,
			     struct addresses *a)
{
	AUTO_FREE uint64_t *counts = calloc(in->subjects_n + 1, sizeof(*counts));
	AUTO_FREE char *line = NULL;
	char path[PATH_MAX];
	size_t cap = 0;
	struct span s;

	if (!counts || !io_join(path, sizeof(path), in->proc, "net/nf_conntrack"))
		return;
	AUTO_FILE FILE *f = fopen(path, "re");

	qsort(a->list, a->n, sizeof(a->list[0]), by_bytes);
	for (unsigned i = 0; f && i < MAX_LINES && line_of(f, &line, &cap, &s); i++) {
		const int32_t who = owner_of(a, s);

		if (who >= 0)
			counts[who]++;
		if (i % 4096 == 0 && tables_closing(in))
			return;
	}
	for (size_t i = 0; i < in->subjects_n; i++)
		tables_holder(out, TABLE_CONNTRACK, 0, (int32_t)i, counts[i]);
	if (f)
		out->held |= TABLE_BIT(TABLE_CONNTRACK);
}

void tables_hold_networks(struct table_output *out, const struct table_input *in)
{
	const uint32_t ours = TABLE_BIT(TABLE_CONNTRACK) | TABLE_BIT(TABLE_NEIGHBOURS);
	const bool connections = (in->want & TABLE_BIT(TABLE_CONNTRACK)) != 0;
	const uint64_t host = host_network(in);

	for (size_t i = 0; i < out->figures_n; i++) /* a network of its own: all of it is its */
		for (size_t k = 0; k < in->subjects_n; k++)
			if (out->figures[i].table == TABLE_PORTS && out->figures[i].which &&
			    out->figures[i].which == in->subjects[k].netns && is_first(in, k, host))
				tables_holder(out, TABLE_PORTS, out->figures[i].which, (int32_t)k,
					      out->figures[i].used);
	if (!(in->want & ours))
		return;
	AUTO_FREE struct addresses *a = calloc(1, sizeof(*a));

	for (size_t i = 0; a && i < in->subjects_n && !tables_closing(in); i++) {
		if (!is_first(in, i, host))
			continue;
		if (in->want & TABLE_BIT(TABLE_NEIGHBOURS))
			hold_neighbours(out, in, i);
		if (connections) {
			add_ipv4(a, in, i);
			add_ipv6(a, in, i);
		}
	}
	if (in->want & TABLE_BIT(TABLE_NEIGHBOURS))
		out->held |= TABLE_BIT(TABLE_NEIGHBOURS);
	if (a && connections)
		hold_connections(out, in, a);
}
