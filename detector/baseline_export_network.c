// SPDX-License-Identifier: GPL-2.0-or-later
/* A Kubernetes NetworkPolicy: ports that were listened on, networks that were connected to. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "detector/baseline_export_internal.h"

#define DNS_PORT 53

static const char *protocol_name(enum export_protocol p)
{
	return p == EXPORT_UDP ? "UDP" : "TCP";
}

static void put_port(struct buf *b, const char *protocol, uint32_t port)
{
	buf_printf(b, "        - protocol: %s\n", protocol);
	if (port)
		buf_printf(b, "          port: %u\n", port);
}

static const struct export_peer *find_any(const struct export_peers *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->items[i].protocol == EXPORT_ANY)
			return &l->items[i];
	return NULL;
}

static void put_ingress(struct export *x, const struct export_peers *ports)
{
	struct buf *b = x->out;

	if (find_any(ports)) {
		export_note(x, "warning: ports cannot be told apart: all are let in");
		buf_add_str(b, "  ingress:\n    - {}\n");
		return;
	}
	if (ports->n == 0) {
		buf_add_str(b, "  ingress: [] # nothing listened\n");
		return;
	}
	buf_add_str(b, "  ingress:\n    - ports:\n");
	for (size_t i = 0; i < ports->n; i++)
		put_port(b, protocol_name(ports->items[i].protocol), ports->items[i].port);
}

/* Name servers differ from cluster to cluster, and answers by UDP that are too long come by TCP. */
static bool put_dns(struct export *x, const struct export_peers *peers)
{
	bool learned = false;

	for (size_t i = 0; i < peers->n; i++)
		learned |= peers->items[i].port == DNS_PORT;
	if (!learned)
		return false;
	buf_add_str(x->out, "    - ports: # DNS, of any server\n");
	put_port(x->out, "UDP", DNS_PORT);
	put_port(x->out, "TCP", DNS_PORT);
	return true;
}

static bool same_port(const struct export_peer *a, const struct export_peer *b)
{
	return a->protocol == b->protocol && a->port == b->port;
}

/* One rule for all networks of one port. */
static size_t put_peers(struct export *x, const struct export_peers *peers, size_t at)
{
	const struct export_peer *first = &peers->items[at];
	struct buf *b = x->out;

	buf_add_str(b, "    - to:\n");
	for (; at < peers->n && same_port(first, &peers->items[at]); at++) {
		buf_add_str(b, "        - ipBlock:\n            cidr: ");
		if (peers->items[at].family == AF_INET6)
			buf_add_char(b, '"');
		export_put_net(b, &peers->items[at]);
		buf_add_str(b, peers->items[at].family == AF_INET6 ? "\"\n" : "\n");
	}
	buf_add_str(b, "      ports:\n");
	put_port(b, protocol_name(first->protocol), first->port);
	return at;
}

static void put_egress(struct export *x, const struct export_peers *peers)
{
	struct buf *b = x->out;

	if (find_any(peers)) {
		export_note(x, "warning: peers cannot be told apart: all are let through");
		buf_add_str(b, "  egress:\n    - {}\n");
		return;
	}
	if (peers->n == 0) {
		buf_add_str(b, "  egress: [] # nothing was connected to\n");
		return;
	}
	buf_add_str(b, "  egress:\n");
	put_dns(x, peers);
	for (size_t i = 0; i < peers->n;)
		if (peers->items[i].port == DNS_PORT)
			i++;
		else
			i = put_peers(x, peers, i);
}

static void note_peers(struct export *x, const struct export_peers *ports,
		       const struct export_peers *peers)
{
	size_t widened = 0;

	for (size_t i = 0; i < peers->n; i++)
		widened += peers->items[i].widened;
	if (widened)
		export_note(x, "note: %zu networks are wider than what was learned", widened);
	if (ports->odd + peers->odd)
		export_note(x, "warning: %zu entries are no port and no peer: left out",
			    ports->odd + peers->odd);
	export_note(x, "note: addresses of pods and services change; selectors are better there");
}

static void put_head(struct export *x, bool ingress, bool egress)
{
	struct buf *b = x->out;

	buf_add_str(b, "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n"
		       "  name: bulkhead-");
	export_put_name(b, x->b, '-');
	buf_add_str(b, "\nspec:\n  podSelector:\n    matchLabels:\n"
		       "      # PLACEHOLDER: put the labels of the pods here\n"
		       "      app.kubernetes.io/name: ");
	/* quoted: names such as "no" and "null" are values of their own in YAML */
	buf_add_char(b, '"');
	export_put_name(b, x->b, '-');
	buf_add_str(b, "\"\n  policyTypes:\n");
	if (ingress)
		buf_add_str(b, "    - Ingress\n");
	if (egress)
		buf_add_str(b, "    - Egress\n");
}

int export_networkpolicy(struct export *x)
{
	const bool ingress = export_windows(x->b, BASELINE_LISTEN) > 0;
	const bool egress = export_windows(x->b, BASELINE_CONNECT) > 0;
	struct export_peers ports = { 0 }, peers = { 0 };

	if (!ingress && !egress)
		return err_set(x->e, ENODATA,
			       "nothing is known of ports and peers: no window of observation "
			       "counts");
	int r = export_peers(x, BASELINE_LISTEN, &ports);

	if (r == 0)
		r = export_peers(x, BASELINE_CONNECT, &peers);
	if (r < 0)
		return r;
	export_note_maturity(x, (ingress ? 1U << BASELINE_LISTEN : 0) |
					(egress ? 1U << BASELINE_CONNECT : 0));
	if (!ingress || !egress)
		export_note(x, "warning: nothing is known of %s: left open",
			    ingress ? "peers" : "ports");
	note_peers(x, &ports, &peers);
	put_head(x, ingress, egress);
	if (ingress)
		put_ingress(x, &ports);
	if (egress)
		put_egress(x, &peers);
	return 0;
}
