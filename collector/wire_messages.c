// SPDX-License-Identifier: GPL-2.0-or-later
/* The messages of wire.h: one encode and one decode each, in the order of the header. */
#include "collector/wire.h"

#include <errno.h>
#include <string.h>

static struct wire_reader reader(struct span payload)
{
	return (struct wire_reader){ .rest = payload };
}

void wire_request_encode(struct wire_writer *w, const struct wire_request *m)
{
	wire_put_u8(w, (uint8_t)m->op);
	wire_put_u32(w, m->flags);
	wire_put_str(w, m->path);
	wire_put_str(w, m->query);
	wire_put_str(w, m->token);
}

int wire_request_decode(struct span payload, struct wire_request *out, struct err *e)
{
	struct wire_reader r = reader(payload);
	unsigned op = wire_get_u8(&r);
	struct wire_request m = { .flags = wire_get_u32(&r) };

	m.path = wire_get_str(&r);
	m.query = wire_get_str(&r);
	m.token = wire_get_str(&r);
	if (op < WIRE_OP_GET || op > WIRE_OP_COMMAND)
		r.failed = true;
	m.op = (enum wire_op)op;
	int n = wire_finish(&r, "request", e);

	if (n == 0)
		*out = m;
	return n;
}

void wire_response_encode(struct wire_writer *w, const struct wire_response *m)
{
	wire_put_u16(w, m->status);
	wire_put_u8(w, (uint8_t)m->content);
	wire_put_u64(w, m->body_fd_bytes);
	wire_put_bytes(w, m->body);
}

int wire_response_decode(struct span payload, struct wire_response *out, struct err *e)
{
	struct wire_reader r = reader(payload);
	struct wire_response m = { .status = wire_get_u16(&r) };
	unsigned content = wire_get_u8(&r);

	m.body_fd_bytes = wire_get_u64(&r);
	m.body = wire_get_bytes(&r);
	if (content > WIRE_CONTENT_TEXT || m.status < 200 || m.status > 599 ||
	    m.body_fd_bytes > WIRE_BODY_MAX)
		r.failed = true;
	m.content = (enum wire_content)content;
	int n = wire_finish(&r, "response", e);

	if (n == 0)
		*out = m;
	return n;
}

void wire_events_encode(struct wire_writer *w, const struct wire_events *m)
{
	wire_put_u64(w, m->missed);
	wire_put_u8(w, (uint8_t)m->format);
	wire_put_bytes(w, m->bytes);
}

int wire_events_decode(struct span payload, struct wire_events *out, struct err *e)
{
	struct wire_reader r = reader(payload);
	struct wire_events m = { .missed = wire_get_u64(&r) };
	unsigned format = wire_get_u8(&r);

	m.bytes = wire_get_bytes(&r);
	if (format > WIRE_EVENTS_RECORD)
		r.failed = true;
	m.format = (enum wire_event_format)format;
	int n = wire_finish(&r, "events", e);

	if (n == 0)
		*out = m;
	return n;
}

void wire_container_encode(struct wire_writer *w, const struct wire_container *m)
{
	wire_put_u32(w, m->slot);
	wire_put_u64(w, m->start_unix_ns);
	wire_put_str(w, m->key);
	wire_put_str(w, m->id);
	wire_put_str(w, m->name);
	wire_put_str(w, m->image);
	wire_put_str(w, m->image_id);
	wire_put_str(w, m->runtime);
}

int wire_container_decode(struct span payload, struct wire_container *out, struct err *e)
{
	struct wire_reader r = reader(payload);
	struct wire_container m = { .slot = wire_get_u32(&r) };

	m.start_unix_ns = wire_get_u64(&r);
	m.key = wire_get_str(&r);
	m.id = wire_get_str(&r);
	m.name = wire_get_str(&r);
	m.image = wire_get_str(&r);
	m.image_id = wire_get_str(&r);
	m.runtime = wire_get_str(&r);
	int n = wire_finish(&r, "container", e);

	if (n == 0)
		*out = m;
	return n;
}

void wire_container_end_encode(struct wire_writer *w, const struct wire_container_end *m)
{
	wire_put_u32(w, m->slot);
	wire_put_u64(w, m->end_unix_ns);
}

int wire_container_end_decode(struct span payload, struct wire_container_end *out, struct err *e)
{
	struct wire_reader r = reader(payload);
	struct wire_container_end m = { .slot = wire_get_u32(&r) };

	m.end_unix_ns = wire_get_u64(&r);
	int n = wire_finish(&r, "container end", e);

	if (n == 0)
		*out = m;
	return n;
}

void wire_samples_begin(struct wire_writer *w, uint64_t unix_ns, uint32_t count)
{
	wire_put_u64(w, unix_ns);
	wire_put_u32(w, count);
}

/* The u64 fields of a sample in wire order: one row serves both directions. */
#define SAMPLE_FIELDS(X)                                                                           \
	X(cpu_ns)                                                                                  \
	X(memory_working_set)                                                                      \
	X(io_read_bytes)                                                                           \
	X(io_write_bytes)                                                                          \
	X(net_rx_bytes)                                                                            \
	X(net_tx_bytes)                                                                            \
	X(pids)                                                                                    \
	X(psi_cpu_us)                                                                              \
	X(psi_memory_us)                                                                           \
	X(psi_io_us)

void wire_sample_put(struct wire_writer *w, const struct wire_sample *s)
{
	wire_put_u32(w, s->slot);
	wire_put_u32(w, s->have);
#define X(field) wire_put_u64(w, s->field);
	SAMPLE_FIELDS(X)
#undef X
}

void wire_sample_get(struct wire_reader *r, struct wire_sample *out)
{
	out->slot = wire_get_u32(r);
	out->have = wire_get_u32(r);
#define X(field) out->field = wire_get_u64(r);
	SAMPLE_FIELDS(X)
#undef X
}

int wire_samples_decode(struct wire_reader *r, uint64_t *unix_ns, uint32_t *count, struct err *e)
{
	uint64_t time = wire_get_u64(r);
	uint32_t n = wire_get_u32(r);

	if (r->failed || n > WIRE_SAMPLES_A_FRAME || r->rest.n != (size_t)n * WIRE_SAMPLE_BYTES)
		return err_set(e, EPROTO, "samples: count does not match the frame");
	*unix_ns = time;
	*count = n;
	return 0;
}

#define HOST_FIELDS(X)                                                                             \
	X(cpu_ns)                                                                                  \
	X(memory_used) X(memory_total) X(swap_used) X(psi_cpu_us) X(psi_memory_us) X(psi_io_us)

void wire_host_sample_encode(struct wire_writer *w, const struct wire_host_sample *m)
{
	wire_put_u64(w, m->unix_ns);
	wire_put_u32(w, m->have);
	wire_put_u32(w, m->cpu_cores);
#define X(field) wire_put_u64(w, m->field);
	HOST_FIELDS(X)
#undef X
	wire_put_u32(w, m->filesystems_n);
	for (uint32_t i = 0; i < m->filesystems_n; i++) {
		const struct wire_filesystem *f = &m->filesystems[i];

		wire_put_str(w, f->mount_point);
		wire_put_str(w, f->device);
		wire_put_u64(w, f->usage_bytes);
		wire_put_u64(w, f->limit_bytes);
		wire_put_u64(w, f->inodes_used);
		wire_put_u64(w, f->inodes);
	}
}

int wire_host_sample_decode(struct span payload, struct wire_host_sample *out, struct err *e)
{
	struct wire_reader r = reader(payload);
	struct wire_host_sample m = { .unix_ns = wire_get_u64(&r) };

	m.have = wire_get_u32(&r);
	m.cpu_cores = wire_get_u32(&r);
#define X(field) m.field = wire_get_u64(&r);
	HOST_FIELDS(X)
#undef X
	m.filesystems_n = wire_get_u32(&r);
	if (m.filesystems_n > WIRE_MAX_FILESYSTEMS)
		return err_set(e, EPROTO, "host sample: too many file systems");
	for (uint32_t i = 0; i < m.filesystems_n; i++) {
		struct wire_filesystem *f = &m.filesystems[i];

		f->mount_point = wire_get_str(&r);
		f->device = wire_get_str(&r);
		f->usage_bytes = wire_get_u64(&r);
		f->limit_bytes = wire_get_u64(&r);
		f->inodes_used = wire_get_u64(&r);
		f->inodes = wire_get_u64(&r);
	}
	int n = wire_finish(&r, "host sample", e);

	if (n == 0)
		*out = m;
	return n;
}

void wire_disk_encode(struct wire_writer *w, const struct wire_disk *m)
{
	wire_put_u32(w, m->slot);
	wire_put_u64(w, m->unix_ns);
	wire_put_u64(w, m->layer_bytes);
	wire_put_u64(w, m->layer_inodes);
	wire_put_u64(w, m->log_bytes);
	wire_put_u64(w, m->volumes_bytes);
}

int wire_disk_decode(struct span payload, struct wire_disk *out, struct err *e)
{
	struct wire_reader r = reader(payload);
	struct wire_disk m = { .slot = wire_get_u32(&r) };

	m.unix_ns = wire_get_u64(&r);
	m.layer_bytes = wire_get_u64(&r);
	m.layer_inodes = wire_get_u64(&r);
	m.log_bytes = wire_get_u64(&r);
	m.volumes_bytes = wire_get_u64(&r);
	int n = wire_finish(&r, "disk", e);

	if (n == 0)
		*out = m;
	return n;
}

void wire_config_encode(struct wire_writer *w, const struct wire_config *m)
{
	wire_put_str(w, span_str(m->listen));
	wire_put_str(w, span_str(m->metrics_listen));
	wire_put_u32(w, m->allowed_hosts_n);
	for (uint32_t i = 0; i < m->allowed_hosts_n; i++)
		wire_put_str(w, span_str(m->allowed_hosts[i]));
	wire_put_u8(w, m->tls);
	wire_put_u32(w, m->max_connections);
	wire_put_u32(w, m->max_connections_per_ip);
	wire_put_u32(w, m->idle_timeout_s);
	wire_put_u32(w, m->max_header_bytes);
	wire_put_u8(w, m->history);
	wire_put_u64(w, m->history_max_bytes);
	wire_put_u32(w, m->history_max_percent);
	wire_put_u32(w, m->history_flush_s);
	wire_put_u32(w, m->history_min_lifetime_s);
	wire_put_u8(w, m->log_level);
	wire_put_u8(w, m->log_format);
}

int wire_config_decode(struct span payload, struct wire_config *out, struct err *e)
{
	struct wire_reader r = reader(payload);
	struct wire_config m = { .tls = false };

	wire_get_cstr(&r, m.listen, sizeof(m.listen));
	wire_get_cstr(&r, m.metrics_listen, sizeof(m.metrics_listen));
	m.allowed_hosts_n = wire_get_u32(&r);
	if (m.allowed_hosts_n > WIRE_MAX_HOSTS)
		return err_set(e, EPROTO, "config: too many allowed hosts");
	for (uint32_t i = 0; i < m.allowed_hosts_n; i++)
		wire_get_cstr(&r, m.allowed_hosts[i], sizeof(m.allowed_hosts[i]));
	m.tls = wire_get_u8(&r);
	m.max_connections = wire_get_u32(&r);
	m.max_connections_per_ip = wire_get_u32(&r);
	m.idle_timeout_s = wire_get_u32(&r);
	m.max_header_bytes = wire_get_u32(&r);
	m.history = wire_get_u8(&r);
	m.history_max_bytes = wire_get_u64(&r);
	m.history_max_percent = wire_get_u32(&r);
	m.history_flush_s = wire_get_u32(&r);
	m.history_min_lifetime_s = wire_get_u32(&r);
	m.log_level = wire_get_u8(&r);
	m.log_format = wire_get_u8(&r);
	int n = wire_finish(&r, "config", e);

	if (n == 0)
		*out = m;
	return n;
}

void wire_serve_stats_encode(struct wire_writer *w, const struct wire_serve_stats *m)
{
	for (size_t i = 0; i < SERVE_STAT_COUNT; i++)
		wire_put_u64(w, m->v[i]);
}

int wire_serve_stats_decode(struct span payload, struct wire_serve_stats *out, struct err *e)
{
	struct wire_reader r = reader(payload);
	struct wire_serve_stats m;

	for (size_t i = 0; i < SERVE_STAT_COUNT; i++)
		m.v[i] = wire_get_u64(&r);
	int n = wire_finish(&r, "serve statistics", e);

	if (n == 0)
		*out = m;
	return n;
}
