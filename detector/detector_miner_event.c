// SPDX-License-Identifier: GPL-2.0-or-later
/* Evidence in events: what is executed, asked of DNS, said first on a connection, opened, mapped.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "collector/base/clock.h"
#include "collector/base/io.h"
#include "detector/detector_miner_internal.h"
#include "detector/miner_command.h"
#include "detector/stratum.h"

#define MIB	     (1ULL << 20)
#define MSR_MAJOR    202
#define RESOLVER_NS  (300 * NS_PER_S) /* a container may begin to answer DNS later */
#define FLOW_KEEP_NS (30 * NS_PER_S)  /* a later one of the same place takes it */
#define WEB_WEIGHT   60		      /* a pool's name where its web site is, too */
#define SURE_WEIGHT  100
#define UDP_BYTES    (256U << 10)

struct seen_event {
	struct detector_miner *d;
	struct container *of;
	const struct process *p;
	bool speaks; /* it is evidence that names the thing */
};

static void note(struct seen_event *x, const struct miner_hit *h, const struct process *p)
{
	struct suspect *s = suspect_get(x->d, x->of);

	x->speaks |= miner_kinds[h->kind].class == MINER_SPEAKS;
	if (s)
		suspect_note(s, h, p);
}

/* --- programs, files, memory ---------------------------------------------------------------- */

static void take_exec(struct seen_event *x, const struct event_view *v)
{
	struct miner_hit hits[MINER_COMMAND_HITS];
	struct span exe = v->strings[TAG_PATH];

	if (v->head->result < 0)
		exe = v->strings[TAG_RAW]; /* an attempt says as much */
	if (!exe.p)
		exe = x->p ? process_exe(x->p) : SPAN_LIT("");
	const size_t n = miner_command(x->d->names, exe, v->strings[TAG_ARGS], hits);

	for (size_t i = 0; i < n; i++)
		note(x, &hits[i], x->p);
}

static const struct {
	const char *glob;
	enum miner_kind kind;
	bool reading; /* that counts, too */
} files[] = {
	{ "/dev/cpu/*/msr", MINER_REGISTERS, true },
	{ "/dev/cpu/*/msr_safe", MINER_REGISTERS, true },
	{ "/sys/module/msr/parameters/allow_writes", MINER_REGISTERS, false },
	{ "/proc/sys/vm/nr_hugepages", MINER_HUGE_PAGES, false },
	{ "/proc/sys/vm/nr_hugepages_mempolicy", MINER_HUGE_PAGES, false },
	{ "/sys/kernel/mm/hugepages/hugepages-*/nr_hugepages", MINER_HUGE_PAGES, false },
	{ "/sys/devices/system/node/node*/hugepages/hugepages-*/nr_hugepages", MINER_HUGE_PAGES,
	  false },
	{ "/etc/cron*", MINER_PERSISTS, false },
	{ "/var/spool/cron/*", MINER_PERSISTS, false },
	{ "/etc/ld.so.preload", MINER_PERSISTS, false },
	{ "/etc/systemd/system/*.service", MINER_PERSISTS, false },
};

static void take_open(struct seen_event *x, const struct event_view *v)
{
	const struct event_open *o = v->open;
	const struct span name = v->strings[TAG_PATH].p ? v->strings[TAG_PATH]
							: v->strings[TAG_RAW];
	const bool writes = o->access & (ACCESS_WRITE | ACCESS_CREATE | ACCESS_TRUNCATE);
	struct miner_hit h;
	char path[160];

	/* whatever its name is */
	if (o->file.flags & FILE_KNOWN && S_ISCHR(o->file.mode) &&
	    o->file.rdev >> 20 == MSR_MAJOR) {
		miner_hit_set(&h, MINER_REGISTERS, 0, "%.*s", (int)(name.n < 150 ? name.n : 150),
			      name.n ? name.p : "");
		note(x, &h, x->p);
		return;
	}
	if (name.n < 9 || name.n >= sizeof(path) || name.p[0] != '/')
		return;
	snprintf(path, sizeof(path), "%.*s", (int)name.n, name.p);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if ((!writes && !files[i].reading) || fnmatch(files[i].glob, path, 0) != 0)
			continue;
		miner_hit_set(&h, files[i].kind, 0, "%s%s", path,
			      v->head->result < 0 ? " (refused)" : "");
		note(x, &h, x->p);
		return;
	}
}

/* RandomX: a data set of 2,080 MiB, with its cache 2,336; in pages of 1 GiB both are 3 GiB. */
static void take_mmap(struct seen_event *x, const struct event_view *v)
{
	const uint64_t bytes = v->call->args[1], flags = v->call->args[3];
	const bool alone = bytes >= 2079 * MIB && bytes <= 2084 * MIB;
	const bool both = bytes >= 2335 * MIB && bytes <= 2340 * MIB;
	const bool large = bytes == 3072 * MIB && flags & MAP_HUGETLB;
	struct miner_hit h;

	if (v->call->op != MMAP_HUGE || !(alone || both || large))
		return;
	miner_hit_set(&h, MINER_DATASET, 0, "%llu MiB at once%s: what RandomX takes",
		      (unsigned long long)(bytes / MIB),
		      flags & MAP_HUGETLB ? " in huge pages" : "");
	note(x, &h, x->p);
}

/* --- DNS ----------------------------------------------------------------------------------- */

/* A socket of port 53 that is not for itself alone: "  12: 00000000:0035 ...". */
static bool answers_dns(const char *text, size_t n)
{
	struct span rest = { text, n }, line, word;

	while (span_next(&rest, '\n', &line)) {
		if (!span_word(&line, &word) || !span_word(&line, &word))
			continue;
		const char *colon = word.n ? memchr(word.p, ':', word.n) : NULL;

		if (!colon || word.p + word.n - colon != 5 || memcmp(colon, ":0035", 5) != 0)
			continue;
		const size_t digits = (size_t)(colon - word.p);

		/* 127.x.x.x; of IPv6 ::1 */
		if (digits == 8 && memcmp(word.p + 6, "7F", 2) == 0)
			continue;
		if (digits == 32 && memcmp(word.p, "00000000000000000000000001000000", 32) == 0)
			continue;
		return true;
	}
	return false;
}

/* Who answers DNS asks for what its clients ask for. */
static bool is_resolver(struct suspect *s)
{
	static const char *const tables[] = { "udp", "udp6" };
	const uint64_t now = mono_ns();

	if (s->resolver_ns && now - s->resolver_ns < RESOLVER_NS)
		return s->resolver;
	s->resolver_ns = now;
	s->resolver = false;
	for (size_t i = 0; s->c->pid > 0 && i < sizeof(tables) / sizeof(tables[0]); i++) {
		AUTO_BUF struct buf b = { .fd = -1 };
		char path[320];
		struct err e;

		buf_init(&b, UDP_BYTES);
		snprintf(path, sizeof(path), "%s/%d/net/%s", s->owner->services.proc, s->c->pid,
			 tables[i]);
		(void)io_read_buf_at(AT_FDCWD, path, &b, &e);
		s->resolver |= b.len && answers_dns(b.data, b.len);
	}
	return s->resolver;
}

struct dns_look {
	struct seen_event *x;
	char name[96]; /* that is a pool's; "": none */
};

static void take_name(void *ctx, struct span name)
{
	struct dns_look *k = ctx;

	if (!k->name[0] && miner_names_pool(k->x->d->names, name).n)
		snprintf(k->name, sizeof(k->name), "%.*s", (int)(name.n < 95 ? name.n : 95),
			 name.p);
}

static void keep_addresses(struct suspect *s, struct span message, const char *name)
{
	struct dns_answer a;

	if (dns_parse(message, &a) < 0)
		return;
	for (size_t i = 0; i < a.addresses_n; i++) {
		uint32_t k = 0;

		while (k < s->pools_n &&
		       memcmp(&s->pools[k].address, &a.addresses[i], sizeof(a.addresses[i])) != 0)
			k++;
		if (k == s->pools_n) /* the oldest makes room */
			k = s->pools_n < MINER_ADDRESSES ? s->pools_n++
							 : (uint32_t)(i % MINER_ADDRESSES);
		s->pools[k].address = a.addresses[i];
		snprintf(s->pools[k].name, sizeof(s->pools[k].name), "%s", name);
	}
}

static void take_dns(struct seen_event *x, const struct event_view *v)
{
	struct dns_look k = { .x = x };
	struct miner_hit h;

	if (!v->strings[TAG_PAYLOAD].p)
		return;
	(void)dns_each_name(v->strings[TAG_PAYLOAD], take_name, &k);
	if (!k.name[0])
		return;
	struct suspect *s = suspect_get(x->d, x->of);

	if (!s || is_resolver(s))
		return;
	keep_addresses(s, v->strings[TAG_PAYLOAD], k.name);
	miner_hit_set(&h, MINER_POOL_NAME, 0, "%s, in its own DNS", k.name);
	x->speaks = true;
	suspect_note(s, &h, x->p);
}

/* --- connections --------------------------------------------------------------------------- */

static bool is_web(uint16_t port)
{
	return port == 443 || port == 80 || port == 8443;
}

static const struct miner_address *pool_of(const struct suspect *s, const struct event_network *n)
{
	struct dns_address a;

	if (!s || !dns_address_of(n->remote, n->family == AF_INET ? 4 : 16, &a))
		return NULL;
	for (uint32_t i = 0; i < s->pools_n; i++)
		if (s->pools[i].address.length == a.length &&
		    memcmp(s->pools[i].address.bytes, a.bytes, a.length) == 0)
			return &s->pools[i];
	return NULL;
}

static void take_connect(struct seen_event *x, const struct event_view *v)
{
	const struct event_network *n = v->network;
	const uint16_t port = ntohs(n->remote_port);

	if ((n->family != AF_INET && n->family != AF_INET6) || n->type != SOCK_STREAM)
		return;
	const struct miner_address *pool = pool_of(suspect_find(x->d, x->of), n);
	struct miner_hit h;

	if (!pool)
		return;
	miner_hit_set(&h, MINER_POOL_PEER, is_web(port) ? 0 : SURE_WEIGHT, "%s, port %u",
		      pool->name, port);
	note(x, &h, x->p);
}

static struct miner_flow *flow_of(struct detector_miner *d, const struct event_network *n)
{
	return &d->flows[(n->cookie * 2 + (n->direction == DIRECTION_IN)) % MINER_FLOWS];
}

/* The stream so far, from its first byte; empty: that was never told, or was given up. */
static struct span stream_of(struct detector_miner *d, const struct event_view *v)
{
	const struct event_network *n = v->network;
	struct miner_flow *f = flow_of(d, n);
	const struct span part = v->strings[TAG_PAYLOAD];
	const bool same = f->cookie == n->cookie && f->direction == n->direction;

	if (!same || n->offset > f->n)
		return n->offset == 0 ? part : (struct span){ NULL, 0 };
	if (n->offset == 0 && f->n <= part.n)
		return part;
	const size_t room = sizeof(f->bytes) - n->offset;
	const size_t bytes = part.n < room ? part.n : room;

	memcpy(f->bytes + n->offset, part.p, bytes);
	if (n->offset + bytes > f->n)
		f->n = n->offset + (uint32_t)bytes;
	return (struct span){ f->bytes, f->n };
}

static void keep_flow(struct detector_miner *d, const struct event_view *v, struct span stream)
{
	const struct event_network *n = v->network;
	struct miner_flow *f = flow_of(d, n);
	const bool same = f->cookie == n->cookie && f->direction == n->direction;

	if (!same && f->cookie && v->head->boot_ns < f->last_boot_ns + FLOW_KEEP_NS)
		d->counts.flows_refused++; /* the newer one is looked at */
	f->cookie = n->cookie;
	f->direction = n->direction;
	f->last_boot_ns = v->head->boot_ns;
	if (stream.p != f->bytes) {
		f->n = (uint32_t)(stream.n < sizeof(f->bytes) ? stream.n : sizeof(f->bytes));
		memcpy(f->bytes, stream.p, f->n);
	}
}

static void end_flow(struct detector_miner *d, const struct event_network *n)
{
	struct miner_flow *f = flow_of(d, n);

	if (f->cookie == n->cookie && f->direction == n->direction)
		*f = (struct miner_flow){ .cookie = 0 };
}

static const char *peer_text(const struct event_network *n, char out[INET6_ADDRSTRLEN + 8])
{
	char text[INET6_ADDRSTRLEN] = "?";

	inet_ntop(n->family == AF_INET ? AF_INET : AF_INET6, n->remote, text, sizeof(text));
	snprintf(out, INET6_ADDRSTRLEN + 8, n->family == AF_INET ? "%s:%u" : "[%s]:%u", text,
		 ntohs(n->remote_port));
	return out;
}

/* A pool that was named to a proxy, or in the first message of TLS. */
static void note_names(struct seen_event *x, const struct stratum_seen *seen,
		       const struct event_network *n, const struct process *p)
{
	const uint16_t port = seen->target_port ? seen->target_port : ntohs(n->remote_port);
	const unsigned weight = is_web(port) ? WEB_WEIGHT : SURE_WEIGHT;
	const char *name = seen->hello.name;
	char peer[INET6_ADDRSTRLEN + 8];
	struct miner_hit h;

	if (name[0] && miner_names_pool(x->d->names, span_str(name)).n)
		miner_hit_set(&h, MINER_POOL_TLS, weight, "%.120s, by TLS to %s", name,
			      peer_text(n, peer));
	else if (seen->target[0] && miner_names_pool(x->d->names, span_str(seen->target)).n)
		miner_hit_set(&h, MINER_POOL_TLS, weight, "%.90s:%u, by %s at %s", seen->target,
			      port, stratum_proxy_names[seen->proxy], peer_text(n, peer));
	else
		return;
	note(x, &h, p);
}

static void note_protocol(struct seen_event *x, const struct stratum_seen *seen,
			  const struct event_network *n, const struct process *p)
{
	/* who is spoken to as miners speak is the pool */
	const bool serves = (n->direction == DIRECTION_IN) != seen->by_pool;
	const enum miner_kind kind = serves			     ? MINER_SERVES
				     : seen->dialect == STRATUM_WORK ? MINER_WORK
								     : MINER_PROTOCOL;
	char peer[INET6_ADDRSTRLEN + 8];
	struct miner_hit h;

	miner_hit_set(&h, kind, 0, "%s%s%s with %s%s%s%s%.60s%s%.40s",
		      stratum_dialect_names[seen->dialect], seen->method[0] ? ", " : "",
		      seen->method, peer_text(n, peer), seen->proxy ? " by " : "",
		      stratum_proxy_names[seen->proxy], seen->account[0] ? ", account " : "",
		      seen->account, seen->agent[0] ? ", program " : "", seen->agent);
	note(x, &h, p);
}

static void take_payload(struct seen_event *x, const struct event_view *v)
{
	const struct event_network *n = v->network;
	const struct process_table *t = miner_processes(x->d);
	const struct process_key owner = { n->owner_start_boot_ns, n->owner_pid };
	struct stratum_seen seen;

	if (!v->strings[TAG_PAYLOAD].p || n->type != SOCK_STREAM || n->offset >= EVENT_PAYLOAD_MAX)
		return;
	const struct span stream = stream_of(x->d, v);

	if (stream.n == 0)
		return;
	const struct process *p = t && owner.pid ? process_find(t, owner) : x->p;
	const enum stratum_result r = stratum_look(stream, &seen);

	if (seen.tls)
		x->d->opaque[n->cookie % MINER_OPAQUES] = n->cookie;
	if (n->direction == DIRECTION_OUT)
		note_names(x, &seen, n, p);
	if (r == STRATUM_FOUND)
		note_protocol(x, &seen, n, p);
	if (r == STRATUM_MORE && stream.n < EVENT_PAYLOAD_MAX)
		keep_flow(x->d, v, stream);
	else
		end_flow(x->d, n);
}

/* ------------------------------------------------------------------------------------------- */

bool detector_miner_event(struct detector_miner *d, const struct event_view *v,
			  const struct event_context *c, struct container *of)
{
	struct seen_event x = { .d = d, .of = of, .p = c ? c->process : NULL };

	if (!d->names || !of || of->kind != CGROUP_CONTAINER)
		return false;
	switch (v->head->type) {
	case EVENT_EXEC:
		take_exec(&x, v);
		break;
	case EVENT_OPEN:
		take_open(&x, v);
		break;
	case EVENT_MMAP:
		take_mmap(&x, v);
		break;
	case EVENT_DNS:
		take_dns(&x, v);
		break;
	case EVENT_CONNECT:
		take_connect(&x, v);
		break;
	case EVENT_PAYLOAD:
		take_payload(&x, v);
		break;
	default:
		break;
	}
	return x.speaks;
}
