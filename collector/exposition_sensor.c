// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of what the kernel sensor tells of itself, and of containers' traffic. */
#include "collector/event_view.h"
#include "collector/exposition_internal.h"

static const struct span no_labels = { NULL, 0 };

static const char *const reasons[DROP_COUNT] = {
	[DROP_MASK] = "mask",	  [DROP_REPEAT] = "repeat", [DROP_VERDICT] = "verdict",
	[DROP_PATH] = "path",	  [DROP_SHED] = "shed",	    [DROP_FULL] = "full",
	[DROP_NESTED] = "nested", [DROP_FLOOD] = "flood",
};

static void line(struct scrape *s, uint64_t v)
{
	scrape_line(s, no_labels, v);
	s->extra.len = 0;
}

static void emit_info(struct scrape *s, struct container *c)
{
	const struct sensor_state *k = s->state->sensor;

	(void)c;
	scrape_label(s, "mode", span_str(sensor_mode_name(k->mode)));
	scrape_label(s, "problem", span_str(k->problem));
	line(s, 1);
}

static void emit_programs(struct scrape *s, struct container *c)
{
	const struct sensor_state *k = s->state->sensor;

	(void)c;
	for (size_t i = 0; i < k->programs_n; i++) {
		const struct sensor_program *p = &k->programs[i];

		if (!p->on && !p->reason[0])
			continue; /* of the other layer, or not asked for */
		scrape_label(s, "program", span_str(p->name));
		scrape_label(s, "reason", span_str(p->reason));
		line(s, p->on);
	}
}

static void emit_events(struct scrape *s, struct container *c)
{
	const struct sensor_state *k = s->state->sensor;

	(void)c;
	for (uint32_t t = EVENT_NONE + 1; k->mode != SENSOR_OFF && t < EVENT_TYPE_COUNT; t++) {
		scrape_label(s, "type", span_str(event_type_name(t)));
		line(s, k->counts.sent[t]);
	}
}

/* Loss of every type is shown from the start, so that a rate exists when it begins. */
static bool is_loss(uint32_t reason)
{
	return reason == DROP_FULL;
}

static void emit_dropped(struct scrape *s, struct container *c)
{
	const struct sensor_state *k = s->state->sensor;

	(void)c;
	for (uint32_t r = 0; k->mode != SENSOR_OFF && r < DROP_COUNT; r++) {
		for (uint32_t t = EVENT_NONE + 1; t < EVENT_TYPE_COUNT; t++) {
			if (!k->counts.dropped[r][t] && !is_loss(r))
				continue;
			scrape_label(s, "reason", span_str(reasons[r]));
			scrape_label(s, "type", span_str(event_type_name(t)));
			line(s, k->counts.dropped[r][t]);
		}
	}
}

static void emit_map_bytes(struct scrape *s, struct container *c)
{
	const struct sensor_state *k = s->state->sensor;

	(void)c;
	for (size_t i = 0; i < k->maps_n; i++) {
		scrape_label(s, "map", span_str(k->maps[i].name));
		line(s, k->maps[i].bytes);
	}
}

static void emit_of_sensor(struct scrape *s, struct container *c)
{
	(void)c;
	if (s->state->sensor->mode != SENSOR_OFF)
		scrape_line(s, no_labels, u64_at(s->state->sensor, s->m->at));
}

static void emit_traffic(struct scrape *s, struct container *c)
{
	if (c->has_traffic)
		scrape_container_line(s, c, u64_at(c, s->m->at));
}

#define SENSOR(field)  offsetof(struct sensor_state, field)
#define TRAFFIC(field) offsetof(struct container, traffic.field)
/* clang-format off */
static const struct metric rows[] = {
	{ "bulkhead_container_network_receive_bytes_total", "counter",
	  "Bytes that the container's sockets received, whatever its network namespace, without loopback.",
	  SCOPE_LIFE, UNIT_ONE, 0, TRAFFIC(rx_bytes), emit_traffic },
	{ "bulkhead_container_network_receive_packets_total", "counter",
	  "Packets that the container's sockets received, without loopback.",
	  SCOPE_LIFE, UNIT_ONE, 0, TRAFFIC(rx_packets), emit_traffic },
	{ "bulkhead_container_network_transmit_bytes_total", "counter",
	  "Bytes that the container's sockets sent, whatever its network namespace, without loopback.",
	  SCOPE_LIFE, UNIT_ONE, 0, TRAFFIC(tx_bytes), emit_traffic },
	{ "bulkhead_container_network_transmit_packets_total", "counter",
	  "Packets that the container's sockets sent, without loopback.",
	  SCOPE_LIFE, UNIT_ONE, 0, TRAFFIC(tx_packets), emit_traffic },
	{ "bulkhead_event_wait_longest_seconds", "gauge",
	  "Longest time from an event in the kernel to bulkheadd, since the last look.",
	  SCOPE_AGENT, UNIT_NS, 0, SENSOR(longest_wait_ns), emit_of_sensor },
	{ "bulkhead_events_missed_total", "counter",
	  "Events that subscribers were too slow for.",
	  SCOPE_AGENT, UNIT_ONE, 0, SENSOR(stream.missed), emit_of_sensor },
	{ "bulkhead_events_without_container_total", "counter",
	  "Events of a container's cgroup whose container is not known.",
	  SCOPE_AGENT, UNIT_ONE, 0, SENSOR(events_without_container), emit_of_sensor },
	{ "bulkhead_paths_late_total", "counter",
	  "Paths that were looked up a moment after the call.",
	  SCOPE_AGENT, UNIT_ONE, 0, SENSOR(resolve.late), emit_of_sensor },
	{ "bulkhead_paths_lexical_total", "counter",
	  "Paths that are the call's text alone: the process was gone.",
	  SCOPE_AGENT, UNIT_ONE, 0, SENSOR(resolve.lexical), emit_of_sensor },
	{ "bulkhead_processes", "gauge", "Processes in the table that run.",
	  SCOPE_AGENT, UNIT_ONE, 0, SENSOR(processes.live), emit_of_sensor },
	{ "bulkhead_processes_missed_total", "counter",
	  "Processes that were made up from a later event because their start was not seen.",
	  SCOPE_AGENT, UNIT_ONE, 0, SENSOR(processes.missed), emit_of_sensor },
	{ "bulkhead_sensor_buffer_bytes", "gauge", "Room of the buffer between kernel and bulkheadd.",
	  SCOPE_AGENT, UNIT_ONE, 0, SENSOR(stats.buffer_bytes), emit_of_sensor },
	{ "bulkhead_sensor_damaged_total", "counter", "Records that were not understood.",
	  SCOPE_AGENT, UNIT_ONE, 0, SENSOR(stats.damaged), emit_of_sensor },
	{ "bulkhead_sensor_dropped_total", "counter",
	  "Events that were not told, by reason: mask, repeat, verdict, path are meant; shed, full, nested, flood are losses.",
	  SCOPE_AGENT, UNIT_ONE, 0, 0, emit_dropped },
	{ "bulkhead_sensor_events_total", "counter", "Events that the kernel's side told, by type.",
	  SCOPE_AGENT, UNIT_ONE, 0, 0, emit_events },
	{ "bulkhead_sensor_info", "gauge",
	  "A metric with a constant '1' value: how the kernel sensor is attached, or why it is off.",
	  SCOPE_AGENT, UNIT_ONE, 0, 0, emit_info },
	{ "bulkhead_sensor_load_seconds", "gauge", "Time from start to attached programs.",
	  SCOPE_AGENT, UNIT_NS, 0, SENSOR(stats.load_ns), emit_of_sensor },
	{ "bulkhead_sensor_map_bytes", "gauge", "Kernel memory of the sensor's maps.",
	  SCOPE_AGENT, UNIT_ONE, 0, 0, emit_map_bytes },
	{ "bulkhead_sensor_program", "gauge",
	  "1 for each program that is attached, 0 for those that the kernel refused.",
	  SCOPE_AGENT, UNIT_ONE, 0, 0, emit_programs },
	{ "bulkhead_sensor_repeats", "gauge",
	  "Kinds of events that came again in the last minute and were not told again.",
	  SCOPE_AGENT, UNIT_ONE, 0, SENSOR(repeats), emit_of_sensor },
};
/* clang-format on */
const struct metric_table exposition_sensor = { rows, sizeof(rows) / sizeof(rows[0]) };
