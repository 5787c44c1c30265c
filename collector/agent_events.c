// SPDX-License-Identifier: GPL-2.0-or-later
/* Events on their way out: who subscribed, and what a recording begins with. */

#include "collector/agent_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

#include "collector/snapshot.h"

#define MAX_OF_SERVE 32 /* subscriptions: it faces the network and leaves room for others */

/* --- what is there when a recording begins ----------------------------------------------------
 */

void agent_events_describe(const struct container *c, struct event_container *out)
{
	const struct metadata *m = c->meta;

	*out = (struct event_container){
		.id = span_str(c->id.id),
		.name = span_str(container_name(c)),
		.image = span_str(container_image(c)),
		.runtime = span_str(runtime_name(c->id.runtime)),
		.pod_name = span_str(m ? m->pod_name : NULL),
		.pod_namespace = span_str(m ? m->pod_namespace : NULL),
	};
}

static struct span item_of(const struct wire_writer *w)
{
	return (struct span){ (const char *)w->p, w->failed ? 0 : w->len };
}

static void write_header(const struct agent *a, struct stream_snapshot *to)
{
	struct recording_header h = { .event_version = EVENT_VERSION,
				      .unix_minus_boot_ns = a->unix_minus_boot_ns,
				      .start_unix_ns = unix_ns() };
	uint8_t bytes[RECORDING_HEADER_BYTES];
	struct utsname u;

	if (uname(&u) == 0) {
		snprintf(h.host, sizeof(h.host), "%.64s", u.nodename);
		snprintf(h.kernel, sizeof(h.kernel), "%.64s", u.release);
	}
	size_t n = recording_header_encode(&h, bytes, sizeof(bytes));

	stream_snapshot_item(to, RECORDING_HEADER, (struct span){ (const char *)bytes, n });
}

static struct span container_item(const struct container *c, uint8_t *bytes, size_t cap)
{
	struct wire_writer w = { .p = bytes, .cap = cap };
	struct snapshot_container m = {
		.key = span_str(c->key),
		.cgroups = { c->inode, c->unified_inode },
		.cgroups_n = c->unified_inode ? 2 : 1,
		.image_id = span_str(c->meta ? c->meta->image_id : NULL),
	};

	agent_events_describe(c, &m.text);
	snapshot_container_encode(&w, &m);
	return item_of(&w);
}

static bool is_told(const struct container *c)
{
	return c->kind == CGROUP_CONTAINER || c->kind == CGROUP_SERVICE;
}

static bool write_process(void *ctx, const struct process *p)
{
	uint8_t bytes[SNAPSHOT_PROCESS_MAX];
	struct wire_writer w = { .p = bytes, .cap = sizeof(bytes) };

	if (!p->placeholder) {
		snapshot_process_encode(&w, p);
		stream_snapshot_item(ctx, RECORDING_PROCESS, item_of(&w));
	}
	return true;
}

static void write_snapshot(void *ctx, struct stream_snapshot *to)
{
	struct agent *a = ctx;
	uint8_t bytes[SNAPSHOT_CONTAINER_MAX];
	struct container *const *list;
	size_t n = container_table_live(a->table, &list);

	write_header(a, to);
	for (size_t i = 0; i < n; i++)
		if (is_told(list[i]))
			stream_snapshot_item(to, RECORDING_CONTAINER,
					     container_item(list[i], bytes, sizeof(bytes)));
	if (a->processes)
		process_each(a->processes, write_process, to);
}

/* --- subscriptions ----------------------------------------------------------------------------
 */

/* A prefix or a name that fits several now is refused; one that fits nothing may fit later. */
static int check_container(const struct agent *a, const struct event_filter *f, struct err *e)
{
	struct container *c;

	if (f->container_n > 0 && container_table_lookup(a->table, f->container, &c) == -EEXIST)
		return err_set(e, EINVAL, "'%s' fits several containers", f->container);
	return 0;
}

static int subscribe(struct agent *a, struct peer *p, uint32_t id, const struct wire_request *q,
		     struct err *e)
{
	struct event_filter f;
	int r = event_filter_parse(&f, q->query, e);

	if (r == 0 && agent_sensor_problem(a))
		r = err_set(e, ENOTCONN, "there are no events, the kernel sensor is off: %s",
			    agent_sensor_problem(a));
	if (r == 0)
		r = check_container(a, &f, e);
	if (r == 0 && f.format == WIRE_EVENTS_RECORD && !peer_trusted(p))
		r = err_set(e, EPERM, "recordings are made at root's socket only");
	if (r == 0 && !peer_trusted(p) && stream_subscriptions_of(a->stream, p) >= MAX_OF_SERVE)
		r = err_set(e, EBUSY, "too many listen to events already");
	return r < 0 ? r : stream_subscribe(a->stream, p, id, &f, e);
}

static uint16_t status_of(int r)
{
	return r == -EINVAL || r == -EEXIST ? 400 : r == -EPERM ? 403 : 503;
}

void agent_events_request(struct agent *a, struct peer *p, uint32_t request_id,
			  const struct wire_request *q)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	struct err e = { "" };

	if (q->op == WIRE_OP_UNSUBSCRIBE) {
		if (a->stream)
			stream_unsubscribe(a->stream, p, request_id);
		return;
	}
	int r = subscribe(a, p, request_id, q, &e);

	buf_init(&b, 4096);
	if (r < 0) {
		a->counters.requests_refused++;
		api_error(&b, status_of(r), e.text);
	} else {
		buf_add_str(&b, "{}");
	}
	peer_respond(p, request_id, r < 0 ? status_of(r) : 200, WIRE_CONTENT_JSON, &b);
	if (r == 0)
		stream_begin(a->stream, p, request_id);
}

static void on_changed(void *ctx, uint64_t type_mask)
{
	struct agent *a = ctx;

	if (a->events_wanted)
		a->events_wanted(a, type_mask);
}

int agent_events_start(struct agent *a, struct err *e)
{
	const struct stream_settings s = { .snapshot = write_snapshot,
					   .changed = on_changed,
					   .queries = a->options.detector
							      ? a->options.detector->queries
							      : NULL,
					   .ctx = a };

	return stream_new(&a->stream, a->loop, &s, e);
}

void agent_events_stop(struct agent *a)
{
	if (a->stream)
		stream_end_all(a->stream, "bulkheadd is stopping");
	stream_free(TAKE(a->stream));
}

/* --- what the sensor tells --------------------------------------------------------------------
 */

void agent_event(struct agent *a, const struct event_view *v, const struct event_context *c)
{
	if (a->stream)
		stream_event(a->stream, v, c);
}

void agent_events_flush(struct agent *a)
{
	if (a->stream)
		stream_flush(a->stream);
}

void agent_events_container(struct agent *a, const struct container *c)
{
	uint8_t bytes[SNAPSHOT_CONTAINER_MAX];

	if (a->stream && stream_type_mask(a->stream) && is_told(c))
		stream_item(a->stream, RECORDING_CONTAINER,
			    container_item(c, bytes, sizeof(bytes)));
}

void agent_events_container_end(struct agent *a, const struct container *c)
{
	uint8_t bytes[8];
	struct wire_writer w = { .p = bytes, .cap = sizeof(bytes) };

	if (!a->stream || !is_told(c))
		return;
	wire_put_u64(&w, c->inode);
	stream_item(a->stream, RECORDING_CONTAINER_END, item_of(&w));
}

void agent_events_lost(struct agent *a, const uint64_t lost[EVENT_TYPE_COUNT])
{
	uint8_t bytes[16 + 9 * EVENT_TYPE_COUNT];
	struct wire_writer w = { .p = bytes, .cap = sizeof(bytes) };
	uint16_t n = 0;

	for (unsigned t = 0; t < EVENT_TYPE_COUNT; t++)
		n = (uint16_t)(n + (lost[t] > 0));
	if (!a->stream || n == 0)
		return;
	wire_put_u64(&w, 0);
	wire_put_u16(&w, n);
	for (unsigned t = 0; t < EVENT_TYPE_COUNT; t++) {
		if (lost[t] == 0)
			continue;
		wire_put_u8(&w, (uint8_t)t);
		wire_put_u64(&w, lost[t]);
	}
	stream_item(a->stream, RECORDING_LOST, item_of(&w));
}
