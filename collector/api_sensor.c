// SPDX-License-Identifier: GPL-2.0-or-later
/* The kernel sensor in /api/v1/status. */
#include "collector/api_internal.h"
#include "collector/event_view.h"

static json_t *programs_json(const struct sensor_state *k)
{
	json_t *array = json_array();

	for (size_t i = 0; i < k->programs_n; i++) {
		struct api_object o = api_object();

		if (!k->programs[i].on && !k->programs[i].reason[0]) {
			json_decref(o.json);
			continue;
		}
		api_set(&o, "name", api_text(k->programs[i].name));
		api_set(&o, "on", json_boolean(k->programs[i].on));
		api_set(&o, "reason", api_known(k->programs[i].reason));
		json_array_append_new(array, api_done(&o));
	}
	return array;
}

static uint64_t sum(const __u64 v[EVENT_TYPE_COUNT])
{
	uint64_t n = 0;

	for (uint32_t t = 0; t < EVENT_TYPE_COUNT; t++)
		n += v[t];
	return n;
}

static json_t *dropped_json(const struct event_counts *c)
{
	struct api_object o = api_object();

	api_set(&o, "mask", api_number(sum(c->dropped[DROP_MASK])));
	api_set(&o, "repeat", api_number(sum(c->dropped[DROP_REPEAT])));
	api_set(&o, "verdict", api_number(sum(c->dropped[DROP_VERDICT])));
	api_set(&o, "path", api_number(sum(c->dropped[DROP_PATH])));
	api_set(&o, "shed", api_number(sum(c->dropped[DROP_SHED])));
	api_set(&o, "full", api_number(sum(c->dropped[DROP_FULL])));
	api_set(&o, "nested", api_number(sum(c->dropped[DROP_NESTED])));
	api_set(&o, "flood", api_number(sum(c->dropped[DROP_FLOOD])));
	return api_done(&o);
}

/* What the way of looking cannot promise. */
static json_t *limits_json(enum sensor_mode mode)
{
	json_t *array = json_array();

	if (mode == SENSOR_OFF)
		return array;
	json_array_append_new(array,
			      json_string("names passed to calls and datagram addresses are read "
					  "after the call: another thread can change them"));
	json_array_append_new(array, json_string("an opened file is found by its descriptor after "
						 "the call: another thread can replace it"));
	if (mode == SENSOR_TRAMPOLINE) {
		json_array_append_new(array, json_string("of io_uring, opens and changes of names "
							 "are seen as they begin, sockets only by "
							 "their flows"));
		return array;
	}
	json_array_append_new(array, json_string("operations of io_uring are not seen"));
	json_array_append_new(array, json_string("nothing can be denied, only ended"));
	return array;
}

json_t *api_sensor(const struct sensor_state *k)
{
	struct api_object o = api_object();
	uint64_t map_bytes = 0;

	if (!k) {
		json_decref(o.json);
		return json_null();
	}
	for (size_t i = 0; i < k->maps_n; i++)
		map_bytes += k->maps[i].bytes;
	api_set(&o, "mode", api_text(sensor_mode_name(k->mode)));
	api_set(&o, "problem", api_known(k->problem));
	api_set(&o, "programs", programs_json(k));
	api_set(&o, "limits", limits_json(k->mode));
	api_set(&o, "load_seconds", api_seconds(k->stats.load_ns, 1e9));
	api_set(&o, "buffer_bytes", api_number(k->stats.buffer_bytes));
	api_set(&o, "map_bytes", api_number(map_bytes));
	api_set(&o, "events", api_number(sum(k->counts.sent)));
	api_set(&o, "dropped", dropped_json(&k->counts));
	api_set(&o, "damaged", api_number(k->stats.damaged));
	api_set(&o, "processes", api_number(k->processes.live));
	api_set(&o, "repeats_last_minute", api_number(k->repeats));
	api_set(&o, "paths_late", api_number(k->resolve.late));
	api_set(&o, "paths_lexical", api_number(k->resolve.lexical));
	api_set(&o, "subscriptions", api_number(k->stream.subscriptions));
	api_set(&o, "missed_by_subscribers", api_number(k->stream.missed));
	return api_done(&o);
}
