// SPDX-License-Identifier: GPL-2.0-or-later
/* What `bulkhead serve` is told. Announcements queue; samples are dropped and counted when the
 * socket is full, since the next round brings newer ones. */
#include "collector/agent_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static struct span payload_of(const struct wire_writer *w)
{
	return (struct span){ (const char *)w->p, w->len };
}

static struct span text(const char *s)
{
	return span_str(s ? s : "");
}

static bool is_fed(const struct container *c)
{
	/* a nested one costs its maker a mkdir, and us 3 MB of history: figures only */
	return (c->kind == CGROUP_CONTAINER || c->kind == CGROUP_SERVICE) && !c->id.nested;
}

void agent_feed_container(struct agent *a, struct container *c)
{
	uint8_t bytes[32768];
	struct wire_writer w = { .p = bytes, .cap = sizeof(bytes) };
	struct wire_container m = {
		.slot = c->slot,
		.start_unix_ns = c->started_unix_ns,
		.key = text(c->key),
		.id = text(c->id.id),
		.name = text(container_name(c)),
		.image = text(container_image(c)),
		.image_id = text(c->meta ? c->meta->image_id : NULL),
		.runtime = text(runtime_name(c->id.runtime)),
	};

	/* history begins with the start: one that is not known yet is told when it is */
	if (!a->serve || !is_fed(c) || c->ended || !c->started_unix_ns)
		return;
	wire_container_encode(&w, &m);
	if (!w.failed && peer_send(a->serve, WIRE_CONTAINER, 0, payload_of(&w), -1) == 0) {
		member_of(c)->fed = true;
		member_of(c)->changed = true;
	}
}

void agent_feed_end(struct agent *a, struct container *c)
{
	uint8_t bytes[32];
	struct wire_writer w = { .p = bytes, .cap = sizeof(bytes) };
	struct wire_container_end m = { .slot = c->slot, .end_unix_ns = c->ended_unix_ns };

	if (!a->serve || !is_fed(c) || !member_of(c)->fed)
		return;
	wire_container_end_encode(&w, &m);
	peer_send(a->serve, WIRE_CONTAINER_END, 0, payload_of(&w), -1);
}

static void sum_io_and_network(const struct sample *s, struct wire_sample *out)
{
	for (uint32_t i = 0; i < s->io_n; i++) {
		out->io_read_bytes += s->io[i].read_bytes;
		out->io_write_bytes += s->io[i].write_bytes;
	}
	for (uint32_t i = 0; i < s->net_n; i++) {
		out->net_rx_bytes += s->net[i].rx_bytes;
		out->net_tx_bytes += s->net[i].tx_bytes;
	}
}

static struct wire_sample to_wire(const struct container *c)
{
	const struct sample *s = &c->sample;
	struct wire_sample out = {
		.slot = c->slot,
		.have = s->have,
		.cpu_ns = s->cpu_usage_ns,
		.memory_working_set = s->memory_working_set,
		.pids = s->threads,
		.psi_cpu_us = s->psi_cpu.some_us,
		.psi_memory_us = s->psi_memory.some_us,
		.psi_io_us = s->psi_io.some_us,
	};

	if (!c->owns_network)
		out.have &= ~(uint32_t)SAMPLE_NETWORK;
	sum_io_and_network(s, &out);
	return out;
}

struct samples_frame {
	struct agent *agent;
	uint64_t unix_ns;
	uint32_t count;
	struct member *members[WIRE_SAMPLES_A_FRAME];
	uint8_t bytes[WIRE_SAMPLES_A_FRAME * WIRE_SAMPLE_BYTES];
	struct wire_writer w;
};

static void send_samples(struct samples_frame *f)
{
	uint8_t bytes[WIRE_FRAME_MAX - WIRE_HEADER_BYTES];
	struct wire_writer w = { .p = bytes, .cap = sizeof(bytes) };

	wire_samples_begin(&w, f->unix_ns, f->count);
	memcpy(w.p + w.len, f->bytes, f->w.len);
	w.len += f->w.len;
	bool sent = peer_send_now(f->agent->serve, WIRE_SAMPLES, payload_of(&w)) == 0;

	f->agent->counters.feed_dropped += !sent;
	/* serve takes silence for "as before": what it missed goes with the next round */
	for (uint32_t i = 0; i < f->count; i++)
		f->members[i]->changed = !sent;
	f->count = 0;
	f->w.len = 0;
}

static void send_host(struct agent *a)
{
	uint8_t bytes[WIRE_FRAME_MAX - WIRE_HEADER_BYTES];
	struct wire_writer w = { .p = bytes, .cap = sizeof(bytes) };
	const struct machine_live *l = &a->live;
	struct wire_host_sample m = {
		.unix_ns = l->time_unix_ns,
		.have = l->have,
		.cpu_cores = a->machine.cpu_cores,
		.cpu_ns = l->cpu_usage_ns,
		.memory_used = l->memory_used,
		.memory_total = a->machine.memory_bytes,
		.swap_used = l->swap_used,
		.psi_cpu_us = l->psi_cpu.some_us,
		.psi_memory_us = l->psi_memory.some_us,
		.psi_io_us = l->psi_io.some_us,
	};

	for (uint32_t i = 0; i < l->filesystems_n && i < WIRE_MAX_FILESYSTEMS; i++) {
		const struct machine_filesystem *f = &l->filesystems[i];

		m.filesystems[m.filesystems_n++] = (struct wire_filesystem){
			.mount_point = text(f->mount_point),
			.device = text(f->device),
			.usage_bytes = f->usage_bytes,
			.limit_bytes = f->limit_bytes,
			.inodes_used = f->inodes > f->inodes_free ? f->inodes - f->inodes_free : 0,
			.inodes = f->inodes,
		};
	}
	wire_host_sample_encode(&w, &m);
	if (w.failed || peer_send_now(a->serve, WIRE_HOST_SAMPLE, payload_of(&w)) < 0)
		a->counters.feed_dropped++;
}

void agent_feed_round(struct agent *a)
{
	struct samples_frame f = { .agent = a, .unix_ns = unix_ns() };
	struct container *const *list;
	size_t n = container_table_live(a->table, &list);

	if (!a->serve || !a->serve_up || !a->config.history)
		return;
	f.w = (struct wire_writer){ .p = f.bytes, .cap = sizeof(f.bytes) };
	for (size_t i = 0; i < n; i++) {
		struct container *c = list[i];
		struct member *m = member_of(c);

		if (!is_fed(c) || !m->fed || !m->changed)
			continue;
		struct wire_sample s = to_wire(c);

		wire_sample_put(&f.w, &s);
		f.members[f.count] = m;
		if (++f.count == WIRE_SAMPLES_A_FRAME)
			send_samples(&f);
	}
	send_samples(&f); /* an empty one tells that the round had no news */
	send_host(a);
}

void agent_feed_disk(struct agent *a, const struct container *c)
{
	uint8_t bytes[64];
	struct wire_writer w = { .p = bytes, .cap = sizeof(bytes) };
	struct wire_disk m = {
		.slot = c->slot,
		.unix_ns = unix_ns(),
		.layer_bytes = c->sample.disk_layer_bytes,
		.layer_inodes = c->sample.disk_layer_inodes,
		.log_bytes = c->sample.disk_log_bytes,
	};

	if (!a->serve || !a->serve_up || c->ended || !member_of(c)->fed)
		return;
	for (uint32_t i = 0; i < c->sample.volumes_n; i++)
		m.volumes_bytes += c->sample.volumes[i].bytes;
	wire_disk_encode(&w, &m);
	if (peer_send_now(a->serve, WIRE_DISK, payload_of(&w)) < 0)
		a->counters.feed_dropped++;
}

void agent_feed_all(struct agent *a)
{
	struct container *const *list;
	size_t n = container_table_live(a->table, &list);

	for (size_t i = 0; i < n; i++) {
		member_of(list[i])->fed = false;
		agent_feed_container(a, list[i]);
	}
}

int agent_tls_open(const struct config *c, int *cert, int *key, struct err *e)
{
	if (!c->tls_certificate[0])
		return 0;
	*cert = open(c->tls_certificate, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (*cert < 0)
		return err_errno(e, "cannot open '%s'", c->tls_certificate);
	*key = open(c->tls_key, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	return *key < 0 ? err_errno(e, "cannot open '%s'", c->tls_key) : 0;
}

static void fill_config(const struct config *c, struct wire_config *m)
{
	*m = (struct wire_config){
		.tls = c->tls_certificate[0] != '\0',
		.max_connections = c->max_connections,
		.max_connections_per_ip = c->max_connections_per_ip,
		.idle_timeout_s = c->idle_timeout_s,
		.max_header_bytes = c->max_header_bytes,
		.history = c->history,
		.history_max_bytes = c->history_max_bytes,
		.history_max_percent = c->history_max_percent,
		.history_flush_s = c->history_flush_s,
		.history_min_lifetime_s = c->history_min_lifetime_s,
		.log_level = (uint8_t)c->log_level,
		.log_format = (uint8_t)c->log_format,
	};
	snprintf(m->listen, sizeof(m->listen), "%s", c->listen);
	snprintf(m->metrics_listen, sizeof(m->metrics_listen), "%s", c->metrics_listen);
	for (uint32_t i = 0; i < c->allowed_hosts.n && i < WIRE_MAX_HOSTS; i++)
		snprintf(m->allowed_hosts[m->allowed_hosts_n++], sizeof(m->allowed_hosts[0]),
			 "%.127s", c->allowed_hosts.items[i]);
}

void agent_feed_config(struct agent *a)
{
	uint8_t bytes[16384];
	struct wire_writer w = { .p = bytes, .cap = sizeof(bytes) };
	struct wire_config m;
	struct err e = { "" };
	AUTO_FD int cert = -1;
	AUTO_FD int key = -1;

	a->serve_config_due = false;
	if (!a->serve)
		return;
	if (agent_tls_open(&a->config, &cert, &key, &e) < 0) {
		/* serve waits; it is started anew when it was not ready in time */
		snprintf(a->serve_problem, sizeof(a->serve_problem), "%.159s", e.text);
		log_error("cannot configure bulkhead serve", "error", e.text, NULL);
		return;
	}
	fill_config(&a->config, &m);
	wire_config_encode(&w, &m);
	int fds[2] = { cert, key };
	int r = peer_send_fds(a->serve, WIRE_CONFIG, payload_of(&w), fds, m.tls ? 2 : 0);

	a->serve_config_due = r == -EAGAIN; /* at a reload the socket may be full of samples */
}
