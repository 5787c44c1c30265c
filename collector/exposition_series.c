// SPDX-License-Identifier: GPL-2.0-or-later
/* Metrics with a series for each CPU, device, interface, page size, state or volume. */
#include "collector/exposition_internal.h"

#include <string.h>

static struct span name_of(const char *s, size_t cap)
{
	return (struct span){ s, strnlen(s, cap) };
}

static bool is_root(const struct container *c)
{
	return c->kind == CGROUP_ROOT;
}

/* cAdvisor's two forms: never both, since dashboards sum over the label. */
void emit_percpu(struct scrape *s, struct container *c)
{
	const struct sample *v = &c->sample;

	if (!(v->have & SAMPLE_CPU_PERCPU) || !v->percpu_ns) {
		scrape_label(s, "cpu", SPAN_LIT("total"));
		scrape_container_line(s, c, v->cpu_usage_ns);
		s->extra.len = 0;
		return;
	}
	for (uint32_t i = 0; i < v->percpu_n; i++) {
		if (v->percpu_ns[i] == 0)
			continue;
		buf_printf(&s->extra, "cpu=\"cpu%02u\"", i);
		scrape_container_line(s, c, v->percpu_ns[i]);
		s->extra.len = 0;
	}
}

void emit_memory_failures(struct scrape *s, struct container *c)
{
	const struct sample *v = &c->sample;
	const struct {
		const char *labels;
		uint64_t value;
	} rows[] = {
		{ "failure_type=\"pgfault\",scope=\"container\"", v->pgfault },
		{ "failure_type=\"pgfault\",scope=\"hierarchy\"", v->pgfault_tree },
		{ "failure_type=\"pgmajfault\",scope=\"container\"", v->pgmajfault },
		{ "failure_type=\"pgmajfault\",scope=\"hierarchy\"", v->pgmajfault_tree },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_add_str(&s->extra, rows[i].labels);
		scrape_container_line(s, c, rows[i].value);
		s->extra.len = 0;
	}
}

static const struct machine_disk *host_disk(const struct scrape *s, const char *device)
{
	for (uint32_t i = 0; i < s->state->disks_n; i++)
		if (strncmp(s->state->disks[i].device, device, sizeof(s->state->disks[i].device)) ==
		    0)
			return &s->state->disks[i];
	return NULL;
}

/* Counts of operations of "/" come from the host's own table where that has the device: one series
 * of a name, not two. */
static bool told_by_host(const struct scrape *s, const struct container *c, const char *device)
{
	return is_root(c) && s->m->at != offsetof(struct sample_io, read_bytes) &&
	       s->m->at != offsetof(struct sample_io, write_bytes) && host_disk(s, device);
}

void emit_io(struct scrape *s, struct container *c)
{
	for (uint32_t i = 0; i < c->sample.io_n; i++) {
		const struct sample_io *io = &c->sample.io[i];

		if (told_by_host(s, c, io->device))
			continue;
		scrape_label(s, "device", name_of(io->device, sizeof(io->device)));
		scrape_container_line(s, c, u64_at(io, s->m->at));
		s->extra.len = 0;
	}
	bool reads = s->m->at == offsetof(struct sample_io, reads);

	if (!is_root(c) || (!reads && s->m->at != offsetof(struct sample_io, writes)))
		return;
	for (uint32_t i = 0; i < s->state->disks_n; i++) {
		const struct machine_disk *d = &s->state->disks[i];

		scrape_label(s, "device", name_of(d->device, sizeof(d->device)));
		scrape_container_line(s, c, reads ? d->reads : d->writes);
		s->extra.len = 0;
	}
}

/* /proc/diskstats is the whole host's, so it belongs to "/" and to no container. */
void emit_host_disk(struct scrape *s, struct container *c)
{
	if (!is_root(c))
		return;
	for (uint32_t i = 0; i < s->state->disks_n; i++) {
		const struct machine_disk *d = &s->state->disks[i];

		scrape_label(s, "device", name_of(d->device, sizeof(d->device)));
		scrape_container_line(s, c, u64_at(d, s->m->at));
		s->extra.len = 0;
	}
}

static void blkio_device(struct scrape *s, struct container *c, const struct sample_io *io)
{
	bool v1 = !s->state->layout->on_v2[CONTROLLER_BLKIO];
	const struct {
		const char *operation;
		uint64_t bytes;
		bool shown;
	} rows[] = {
		{ "Async", io->async_bytes, v1 },
		{ "Discard", io->discard_bytes, v1 },
		{ "Read", io->read_bytes, true },
		{ "Sync", io->sync_bytes, v1 },
		{ "Total", io->read_bytes + io->write_bytes + io->discard_bytes, v1 },
		{ "Write", io->write_bytes, true },
	};
	size_t device_n;

	scrape_label(s, "device", name_of(io->device, sizeof(io->device)));
	buf_printf(&s->extra, ",major=\"%u\",minor=\"%u\"", io->major, io->minor);
	device_n = s->extra.len;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!rows[i].shown)
			continue;
		scrape_label(s, "operation", span_str(rows[i].operation));
		scrape_container_line(s, c, rows[i].bytes);
		s->extra.len = device_n;
	}
	s->extra.len = 0;
}

void emit_blkio(struct scrape *s, struct container *c)
{
	for (uint32_t i = 0; i < c->sample.io_n; i++)
		blkio_device(s, c, &c->sample.io[i]);
}

static void host_filesystems(struct scrape *s, struct container *c)
{
	const struct machine_live *live = s->state->machine_live;

	for (uint32_t i = 0; i < live->filesystems_n; i++) {
		const struct machine_filesystem *f = &live->filesystems[i];

		scrape_label(s, "device", name_of(f->device, sizeof(f->device)));
		scrape_container_line(s, c, u64_at(f, s->m->at));
		s->extra.len = 0;
	}
}

/* A container's own figures: its writable layer and its log, on the file system below them. The
 * number of free inodes is not the container's, so only the host has it. */
void emit_filesystem(struct scrape *s, struct container *c)
{
	const struct sample *v = &c->sample;
	uint64_t value;

	if (is_root(c)) {
		host_filesystems(s, c);
		return;
	}
	if (!(v->have & SAMPLE_DISK))
		return;
	switch (s->m->at) {
	case offsetof(struct machine_filesystem, limit_bytes):
		if (v->disk_limit_bytes == 0)
			return;
		value = v->disk_limit_bytes;
		break;
	case offsetof(struct machine_filesystem, usage_bytes):
		value = v->disk_layer_bytes + v->disk_log_bytes;
		break;
	case offsetof(struct machine_filesystem, inodes):
		value = v->disk_layer_inodes; /* used ones: what cAdvisor means by the name */
		break;
	default:
		return;
	}
	scrape_label(s, "device", name_of(v->disk_device, sizeof(v->disk_device)));
	scrape_container_line(s, c, value);
	s->extra.len = 0;
}

void emit_network(struct scrape *s, struct container *c)
{
	if (!is_root(c) && !c->owns_network)
		return; /* another one shows this namespace */
	for (uint32_t i = 0; i < c->sample.net_n; i++) {
		const struct sample_interface *n = &c->sample.net[i];

		scrape_label(s, "interface", name_of(n->name, sizeof(n->name)));
		scrape_container_line(s, s->network, u64_at(n, s->m->at));
		s->extra.len = 0;
	}
}

void emit_tcp(struct scrape *s, struct container *c)
{
	static const char *const names[TCP_STATE_COUNT] = {
		[TCP_STATE_ESTABLISHED] = "established",
		[TCP_STATE_SYNSENT] = "synsent",
		[TCP_STATE_SYNRECV] = "synrecv",
		[TCP_STATE_FINWAIT1] = "finwait1",
		[TCP_STATE_FINWAIT2] = "finwait2",
		[TCP_STATE_TIMEWAIT] = "timewait",
		[TCP_STATE_CLOSE] = "close",
		[TCP_STATE_CLOSEWAIT] = "closewait",
		[TCP_STATE_LASTACK] = "lastack",
		[TCP_STATE_LISTEN] = "listen",
		[TCP_STATE_CLOSING] = "closing",
	};
	bool v6 = s->m->at == offsetof(struct sample, tcp6);
	const uint32_t *counts = v6 ? c->sample.tcp6 : c->sample.tcp;

	if (!is_root(c) && !c->owns_network)
		return;
	for (size_t i = 0; i < TCP_STATE_COUNT; i++) {
		scrape_label(s, "tcp_state", span_str(names[i]));
		scrape_container_line(s, s->network, counts[i]);
		s->extra.len = 0;
	}
}

void emit_hugetlb(struct scrape *s, struct container *c)
{
	/* the kernel keeps no maximum on v2 */
	if (s->m->at == offsetof(struct sample_hugetlb, max_usage_bytes) &&
	    s->state->layout->on_v2[CONTROLLER_HUGETLB])
		return;
	for (uint32_t i = 0; i < c->sample.hugetlb_n; i++) {
		const struct sample_hugetlb *h = &c->sample.hugetlb[i];

		scrape_label(s, "pagesize", name_of(h->page_size, sizeof(h->page_size)));
		scrape_container_line(s, c, u64_at(h, s->m->at));
		s->extra.len = 0;
	}
}

/* Long names are cut where they are read, so two can look alike: the later ones get a number. */
static void volume_label(struct scrape *s, const struct sample *v, uint32_t i)
{
	char name[sizeof(v->volumes[0].name) + 16];
	int same = 1;

	for (uint32_t k = 0; k < i; k++)
		same += strncmp(v->volumes[k].name, v->volumes[i].name,
				sizeof(v->volumes[i].name)) == 0;
	struct span text = name_of(v->volumes[i].name, sizeof(v->volumes[i].name));

	if (same > 1) {
		snprintf(name, sizeof(name), "%.*s#%d", (int)text.n, text.p, same);
		text = span_str(name);
	}
	scrape_label(s, "volume", text);
}

void emit_volume(struct scrape *s, struct container *c)
{
	const struct sample *v = &c->sample;

	if (c->ended || !(v->have & SAMPLE_DISK))
		return;
	for (uint32_t i = 0; i < v->volumes_n; i++) {
		volume_label(s, v, i);
		scrape_container_line(s, c, u64_at(&v->volumes[i], s->m->at));
		s->extra.len = 0;
	}
}
