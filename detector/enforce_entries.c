// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/enforce_entries.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

bool enforce_entry_counts(const struct seen *s, bool injected)
{
	return seen_is_own(s) || (injected && s->windows[PHASE_INJECTED] &&
				  !(s->flags & (SEEN_REJECTED | SEEN_IMPORTED)));
}

/* --- directories --------------------------------------------------------------------------- */

static size_t parent_of(const char *path, size_t n)
{
	while (n > 0 && path[n - 1] != '/')
		n--;
	return n > 1 ? n - 1 : n; /* "/" keeps its slash */
}

static bool is_made_by_image(const struct baseline *b, const struct enforce_place *p, bool injected)
{
	const struct path_entry *entry =
		baseline_find(b, BASELINE_WRITE, (struct span){ p->path, p->n });

	return entry && enforce_entry_counts(&entry->seen, injected);
}

/* The bytes before the first wildcard, and whether something of another directory is behind it. */
static size_t fixed_part(struct span pattern, char *out, bool *wild, bool *deep)
{
	size_t n = 0;

	*wild = *deep = false;
	for (size_t i = 0; i < pattern.n; i++) {
		if (*wild) {
			*deep |= pattern.p[i] == '/';
			continue;
		}
		if (pattern.p[i] == '*') {
			*wild = true;
			*deep = i + 1 < pattern.n && pattern.p[i + 1] == '*';
			continue;
		}
		if (pattern.p[i] == '\\' && i + 1 < pattern.n)
			i++;
		out[n++] = pattern.p[i];
	}
	return n;
}

bool enforce_place_of(const struct baseline *b, struct span pattern, bool injected,
		      struct enforce_place *out)
{
	bool wild, deep;

	if (pattern.n == 0 || pattern.n > 2 * (size_t)PATH_TREE_MAX_PATH || pattern.p[0] != '/')
		return false;
	char text[2 * PATH_TREE_MAX_PATH];
	const size_t n = parent_of(text, fixed_part(pattern, text, &wild, &deep));

	if (n == 0 || n > PATH_TREE_MAX_PATH)
		return false;
	memcpy(out->path, text, n);
	out->n = n;
	out->below = deep;
	while (out->n > 1 && is_made_by_image(b, out, injected)) {
		const size_t up = parent_of(out->path, out->n);

		out->below = true;
		if (up == 1)
			break;
		out->n = up;
	}
	out->path[out->n] = '\0';
	return out->n > 1 || !out->below;
}

/* --- networks ------------------------------------------------------------------------------ */

static bool is_wild(struct span s)
{
	return span_eq(s, "*") || span_eq(s, "**");
}

/* "ip-47" and "ip-476": the second is of IPv6 when its address is, else it is protocol 476, which
 * there is not. Of a short one ("ip-16") the address alone tells. */
static bool read_number(struct span digits, size_t parts, struct sensor_peer *out)
{
	uint32_t v;

	out->family = parts == 8 ? AF_INET6 : AF_INET;
	if ((parts != 4 && parts != 8) || (parts == 8 && !span_ends(digits, "6")))
		return false;
	digits.n -= parts == 8;
	if (!parse_u32(digits, &v) || v > UINT8_MAX)
		return false;
	out->protocol = (uint8_t)v;
	return true;
}

static bool read_protocol(struct span s, size_t parts, struct sensor_peer *out)
{
	static const struct {
		const char *name;
		uint8_t protocol;
		uint16_t family;
	} rows[] = {
		{ "tcp", IPPROTO_TCP, AF_INET },   { "tcp6", IPPROTO_TCP, AF_INET6 },
		{ "udp", IPPROTO_UDP, AF_INET },   { "udp6", IPPROTO_UDP, AF_INET6 },
		{ "sctp", IPPROTO_SCTP, AF_INET }, { "sctp6", IPPROTO_SCTP, AF_INET6 },
		{ "icmp", IPPROTO_ICMP, AF_INET }, { "icmp6", IPPROTO_ICMPV6, AF_INET6 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (span_eq(s, rows[i].name)) {
			out->protocol = rows[i].protocol;
			out->family = rows[i].family;
			return true;
		}
	return span_starts(s, "ip-") && read_number((struct span){ s.p + 3, s.n - 3 }, parts, out);
}

static bool read_port(struct span s, struct sensor_peer *out)
{
	uint32_t v = 0;

	if (!is_wild(s) && (!parse_u32(s, &v) || v > UINT16_MAX))
		return false;
	out->port = (uint16_t)v; /* 0, as raw sockets have it: any */
	return true;
}

static bool read_part(struct span s, size_t at, struct sensor_peer *out)
{
	uint64_t v;

	if (out->family == AF_INET) {
		if (!parse_u64(s, &v) || v > UINT8_MAX)
			return false;
		out->address[at] = (uint8_t)v;
		out->prefix_bits += 8;
		return true;
	}
	if (s.n > 4 || !parse_hex_u64(s, &v) || v > UINT16_MAX)
		return false;
	out->address[2 * at] = (uint8_t)(v >> 8);
	out->address[2 * at + 1] = (uint8_t)v;
	out->prefix_bits += 16;
	return true;
}

/* Up to the first wildcard: a network knows no other form. */
static bool read_address(struct span rest, struct sensor_peer *out)
{
	const size_t parts = out->family == AF_INET ? 4 : 8;
	bool wild = false, deep = false;
	struct span word;
	size_t n = 0;

	for (; span_next(&rest, '/', &word); n++) {
		if (n == parts || deep)
			return false;
		deep = span_eq(word, "**");
		wild |= is_wild(word);
		if (!wild && !read_part(word, n, out))
			return false;
	}
	return n == parts || deep;
}

static size_t count_parts(struct span rest)
{
	struct span word;
	size_t n = 0;

	while (span_next(&rest, '/', &word))
		n++;
	return n;
}

bool enforce_peer_of(struct span pattern, struct sensor_peer *out)
{
	struct sensor_peer p = { .image = out->image };
	struct span rest = pattern, protocol, port;

	if (!span_next(&rest, '/', &protocol) || !span_next(&rest, '/', &port) ||
	    !read_protocol(protocol, count_parts(rest), &p) || !read_port(port, &p))
		return false;
	if (!(span_eq(port, "**") && !rest.p) && !read_address(rest, &p))
		return false;
	*out = p;
	return true;
}
