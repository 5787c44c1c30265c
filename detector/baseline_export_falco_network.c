// SPDX-License-Identifier: GPL-2.0-or-later
/* Rules of ports that are listened on and of peers. */
#include "detector/baseline_export_falco.h"

/* " and not fd.sport in (80, 443)"; nothing when there is none; false: any port is known. */
static bool put_ports(struct buf *b, const struct export_peers *l, enum export_protocol protocol)
{
	const size_t before = b->len;
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		const struct export_peer *p = &l->items[i];

		if (p->protocol != protocol && p->protocol != EXPORT_ANY)
			continue;
		if (p->port == 0) {
			b->len = before;
			return false;
		}
		buf_printf(b, "%s%u", n++ ? ", " : " and not fd.sport in (", p->port);
	}
	if (n > 0)
		buf_add_char(b, ')');
	return true;
}

int falco_put_listeners(struct falco_file *f)
{
	static const struct falco_words words = { "Unexpected listening port",
						  "A process waits for connections on a port on "
						  "which containers of this image did not "
						  "while\n    they were observed.",
						  "%fd.name", "network" };
	static const struct {
		enum export_protocol protocol;
		const char *condition;
	} rows[] = {
		{ EXPORT_TCP, "(evt.type = listen and fd.l4proto = tcp" },
		{ EXPORT_UDP, "(evt.type = bind and fd.l4proto = udp" },
	};
	AUTO_BUF struct buf c = { .fd = -1 };
	struct export_peers l;
	size_t parts = 0;
	int r = export_peers(f->x, BASELINE_LISTEN, &l);

	if (r < 0 || !falco_has_evidence(f, BASELINE_LISTEN, "listeners"))
		return r;
	buf_init(&c, EXPORT_MAX_BYTES);
	buf_printf(&c, "%s and evt.failed = false and fd.sport != 0 and (", f->id);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const size_t before = c.len;

		buf_printf(&c, "%s%s", parts ? "\n    or " : "", rows[i].condition);
		if (put_ports(&c, &l, rows[i].protocol)) {
			buf_add_char(&c, ')');
			parts++;
		} else {
			c.len = before;
		}
	}
	buf_add_char(&c, ')');
	if (parts > 0)
		falco_put_rule(f, &words, &c);
	else
		export_note(f->x, "warning: ports cannot be told apart: no rule for listeners");
	return 0;
}

/* One part for each protocol and port: "(fd.l4proto = tcp and fd.sport = 443 and fd.snet in (..))".
 * false: every peer is known. */
static bool put_peers(struct buf *b, const struct export_peers *l)
{
	for (size_t i = 0; i < l->n;) {
		const struct export_peer *first = &l->items[i];

		if (first->protocol == EXPORT_ANY)
			return false;
		buf_printf(b, "\n    and not (fd.l4proto = %s",
			   first->protocol == EXPORT_TCP ? "tcp" : "udp");
		if (first->port)
			buf_printf(b, " and fd.sport = %u", first->port);
		for (size_t n = 0; i < l->n && l->items[i].protocol == first->protocol &&
				   l->items[i].port == first->port;
		     i++) {
			buf_add_str(b, n++ ? ", \"" : " and fd.snet in (\"");
			export_put_net(b, &l->items[i]);
			buf_add_char(b, '"');
		}
		buf_add_str(b, "))");
	}
	return b->len <= FALCO_MAX_CONDITION;
}

int falco_put_connections(struct falco_file *f)
{
	static const struct falco_words words = {
		"Unexpected outbound connection",
		"A process connected to an address and port to which containers of this image did "
		"not while\n    they were observed.",
		"%fd.name", "network"
	};
	AUTO_BUF struct buf c = { .fd = -1 };
	struct export_peers l;
	int r = export_peers(f->x, BASELINE_CONNECT, &l);

	if (r < 0 || !falco_has_evidence(f, BASELINE_CONNECT, "connections"))
		return r;
	buf_init(&c, EXPORT_MAX_BYTES);
	buf_printf(
		&c,
		"(evt.type = connect or (evt.type in (sendto, sendmsg, sendmmsg) and fd.l4proto "
		"= udp\n    and fd.connected = false and fd.name_changed = true))\n    and "
		"(evt.failed = false or evt.res = EINPROGRESS) and fd.typechar in (\"4\", \"6\")\n"
		"    and fd.sport != 0 and %s\n    and not fd.snet in (\"127.0.0.0/8\", "
		"\"::1/128\", \"0.0.0.0/32\", \"::/128\")",
		f->id);
	if (put_peers(&c, &l))
		falco_put_rule(f, &words, &c);
	else
		export_note(f->x, "warning: peers cannot be told apart: no rule for connections");
	return 0;
}
