// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/api.h"

#include <errno.h>
#include <string.h>

#include "collector/agent_detector.h"
#include "collector/api_internal.h"
#include "collector/base/clock.h"
#include "collector/capacity.h"

#define MAX_ID 256 /* longest id, name or key that is looked up */

json_t *api_text(const char *s)
{
	struct span rest = span_str(s);
	AUTO_BUF struct buf b = { .fd = -1 };
	bool clean = true;

	if (!s)
		return json_null();
	for (struct span r = rest; r.n > 0 && clean;) {
		size_t n = utf8_len(r);

		clean = n > 0;
		r = (struct span){ r.p + n, r.n - n };
	}
	if (clean)
		return json_string_nocheck(s);
	buf_init(&b, 4 * rest.n + 4);
	while (rest.n > 0) {
		size_t n = utf8_len(rest);

		if (n == 0)
			buf_add_str(&b, "\xef\xbf\xbd");
		else
			buf_add(&b, rest.p, n);
		n = n ? n : 1;
		rest = (struct span){ rest.p + n, rest.n - n };
	}
	return b.failed ? NULL : json_stringn_nocheck(b.data, b.len);
}

json_t *api_known(const char *s)
{
	return s && *s ? api_text(s) : json_null();
}

json_t *api_time(uint64_t unix_ns)
{
	time_t seconds = (time_t)(unix_ns / NS_PER_S);
	char text[64], ms[16];
	struct tm tm;

	if (unix_ns == 0 || !gmtime_r(&seconds, &tm))
		return json_null();
	size_t n = strftime(text, sizeof(text) - sizeof(ms), "%Y-%m-%dT%H:%M:%S", &tm);

	snprintf(text + n, sizeof(text) - n, ".%03uZ", (unsigned)(unix_ns / NS_PER_MS % 1000));
	return json_string(text);
}

json_t *api_number(uint64_t v)
{
	return json_integer(v > INT64_MAX ? INT64_MAX : (json_int_t)v);
}

json_t *api_seconds(uint64_t v, double units_a_second)
{
	return json_real((double)v / units_a_second);
}

struct api_object api_object(void)
{
	json_t *json = json_object();

	return (struct api_object){ json, !json };
}

void api_set(struct api_object *o, const char *key, json_t *value)
{
	if (json_object_set_new_nocheck(o->json, key, value) < 0)
		o->failed = true;
}

json_t *api_done(struct api_object *o)
{
	if (o->failed) {
		json_decref(o->json);
		o->json = NULL;
	}
	return o->json;
}

static int append(const char *bytes, size_t n, void *ctx)
{
	struct buf *b = ctx;

	buf_add(b, bytes, n);
	return b->failed ? -1 : 0;
}

void api_error(struct buf *b, uint16_t status, const char *message)
{
	buf_printf(b, "{\"error\":{\"status\":%u,\"message\":\"", (unsigned)status);
	buf_add_json(b, span_str(message));
	buf_add_str(b, "\"}}");
}

enum kind_filter { KIND_WORKLOADS, KIND_CONTAINER, KIND_SERVICE, KIND_PARENT, KIND_ALL, KIND_BAD };

struct list_query {
	enum kind_filter kind;
	bool ended;
};

static enum kind_filter kind_of(struct span value)
{
	static const char *const names[] = { [KIND_CONTAINER] = "container",
					     [KIND_SERVICE] = "service",
					     [KIND_PARENT] = "parent",
					     [KIND_ALL] = "all" };

	for (unsigned i = KIND_CONTAINER; i <= KIND_ALL; i++)
		if (span_eq(value, names[i]))
			return (enum kind_filter)i;
	return KIND_BAD;
}

/* Unknown parameters are let pass: an older agent may be asked by a newer page. */
static bool read_query(struct span query, struct list_query *out)
{
	struct span pair;

	*out = (struct list_query){ KIND_WORKLOADS, false };
	while (query.n > 0 && span_next(&query, '&', &pair)) {
		struct span value = pair, name;

		span_next(&value, '=', &name);
		if (!value.p)
			value = (struct span){ "", 0 };
		if (span_eq(name, "ended"))
			out->ended = span_eq(value, "1") || span_eq(value, "true");
		else if (span_eq(name, "kind"))
			out->kind = kind_of(value);
	}
	return out->kind != KIND_BAD;
}

static bool fits(const struct container *c, enum kind_filter kind)
{
	switch (kind) {
	case KIND_WORKLOADS:
		return c->kind == CGROUP_CONTAINER || c->kind == CGROUP_SERVICE;
	case KIND_CONTAINER:
		return c->kind == CGROUP_CONTAINER;
	case KIND_SERVICE:
		return c->kind == CGROUP_SERVICE;
	case KIND_PARENT:
		return c->kind == CGROUP_PARENT;
	case KIND_ALL:
		return true;
	case KIND_BAD:
		break;
	}
	return false;
}

struct api_list {
	struct container **entries; /* references */
	size_t n, at;
	bool begun;
};

static const char bad_kind[] = "kind must be container, service, parent or all";

bool api_is_list(struct span path)
{
	return span_eq(path, "/api/v1/containers") || span_eq(path, "/api/v1/containers/");
}

int api_list_new(struct api_list **out, const struct agent_state *s, struct span query,
		 struct err *e)
{
	struct container *const *lists[2];
	size_t n[2] = { container_table_live(s->containers, &lists[0]),
			container_table_ended(s->containers, &lists[1]) };
	AUTO(api_list_free) struct api_list *l = calloc(1, sizeof(*l));
	struct list_query q;

	if (!read_query(query, &q))
		return err_set(e, EINVAL, "%s", bad_kind);
	if (l)
		l->entries = calloc(n[0] + n[1] + 1, sizeof(*l->entries));
	if (!l || !l->entries)
		return err_set(e, ENOMEM, "no memory for the list of containers");
	for (size_t k = 0; k < (q.ended ? 2u : 1u); k++)
		for (size_t i = 0; i < n[k]; i++)
			if (fits(lists[k][i], q.kind))
				l->entries[l->n++] = container_ref(lists[k][i]);
	*out = TAKE(l);
	return 0;
}

void api_list_free(struct api_list *l)
{
	if (!l)
		return;
	for (size_t i = 0; l->entries && i < l->n; i++)
		container_unref(l->entries[i]);
	free(l->entries);
	free(l);
}

static bool dump(struct buf *b, json_t *json)
{
	bool ok = json &&
		  json_dump_callback(json, append, b, JSON_COMPACT | JSON_REAL_PRECISION(15)) == 0;

	json_decref(json);
	return ok;
}

int api_list_step(struct api_list *l, struct buf *b, uint64_t budget_ns)
{
	const uint64_t until = mono_ns() + budget_ns;

	if (!l->begun)
		buf_printf(b, "{\"count\":%zu,\"containers\":[", l->n);
	l->begun = true;
	while (l->at < l->n) {
		if (l->at > 0)
			buf_add_char(b, ',');
		if (!dump(b, api_container(l->entries[l->at++], false)))
			return -ENOMEM;
		if (l->at < l->n && mono_ns() >= until)
			return 0;
	}
	buf_add_str(b, "]}");
	return b->failed ? -ENOMEM : 1;
}

static uint16_t no_room(struct buf *b, size_t before)
{
	b->len = before;
	b->failed = false;
	api_error(b, 500, "the answer does not fit into memory");
	return 500;
}

/* Writes `json` (which it takes) as the answer. */
static uint16_t answer(struct buf *b, json_t *json)
{
	size_t before = b->len;

	return dump(b, json) ? 200 : no_room(b, before);
}

static uint16_t get_list(const struct agent_state *s, struct span query, struct buf *b)
{
	AUTO(api_list_free) struct api_list *l = NULL;
	size_t before = b->len;
	int r = api_list_new(&l, s, query, NULL), done = 0;

	if (r == -EINVAL) {
		api_error(b, 400, bad_kind);
		return 400;
	}
	while (r == 0 && done == 0)
		done = api_list_step(l, b, NS_PER_S);
	return done == 1 ? 200 : no_room(b, before);
}

static uint16_t get_one(const struct agent_state *s, struct span id, struct buf *b)
{
	char text[MAX_ID] = "";
	struct container *c;
	int r = -ENOENT;

	if (id.n < sizeof(text) && (id.n == 0 || !memchr(id.p, '\0', id.n))) {
		memcpy(text, id.p, id.n);
		text[id.n] = '\0';
		r = container_table_lookup(s->containers, text, &c);
	}
	if (r == -EEXIST) {
		api_error(b, 409, "the name or id fits several containers");
		return 409;
	}
	if (r < 0) {
		api_error(b, 404, "no such container");
		return 404;
	}
	return answer(b, api_container(c, true));
}

static json_t *watch_json(const struct cgwatch_stats *w)
{
	struct api_object o = api_object();

	api_set(&o, "cgroups", api_number(w->cgroups));
	api_set(&o, "watches", api_number(w->watches));
	api_set(&o, "events", api_number(w->events));
	api_set(&o, "overflows", api_number(w->overflows));
	api_set(&o, "rescans", api_number(w->rescans));
	api_set(&o, "watches_refused", api_number(w->watches_refused));
	api_set(&o, "cgroups_refused", api_number(w->cgroups_refused));
	api_set(&o, "degraded", json_boolean(w->degraded));
	return api_done(&o);
}

static json_t *sampler_json(const struct agent_state *s)
{
	const struct agent_counters *n = s->counters;
	struct api_object o = api_object();

	api_set(&o, "interval_ms", api_number(s->config->sample_interval_ms));
	api_set(&o, "rounds", api_number(n->ticks));
	api_set(&o, "rounds_late", api_number(n->ticks_late));
	api_set(&o, "last_round_seconds", api_seconds(n->last_round_ns, 1e9));
	api_set(&o, "samples", api_number(n->samples));
	api_set(&o, "cgroups", api_number(s->sampler.cgroups));
	api_set(&o, "files_open", api_number(s->sampler.fds_open));
	api_set(&o, "files_budget", api_number(s->sampler.fds_budget));
	api_set(&o, "reads", api_number(s->sampler.reads));
	api_set(&o, "skipped_idle", api_number(s->sampler.skipped_idle));
	api_set(&o, "parse_errors", api_number(s->sampler.parse_errors));
	api_set(&o, "degraded", json_boolean(s->sampler.degraded));
	return api_done(&o);
}

static json_t *worker_json(const struct agent_state *s)
{
	struct api_object o = api_object();

	api_set(&o, "queued", api_number(s->worker.queued));
	api_set(&o, "capacity", api_number(s->worker.capacity));
	api_set(&o, "refused", api_number(s->worker.refused));
	api_set(&o, "finished", api_number(s->worker.finished));
	api_set(&o, "metadata_reads", api_number(s->counters->metadata_reads));
	api_set(&o, "metadata_failures", api_number(s->counters->metadata_failures));
	api_set(&o, "disk_walks", api_number(s->counters->disk_walks));
	api_set(&o, "disk_walks_unfinished", api_number(s->counters->disk_walks_unfinished));
	return api_done(&o);
}

static json_t *loop_json(const struct loop_stats *l)
{
	struct api_object o = api_object();

	api_set(&o, "turns", api_number(l->turns));
	api_set(&o, "busy_seconds", api_seconds(l->busy_ns, 1e9));
	api_set(&o, "longest_turn_seconds", api_seconds(l->longest_ns, 1e9));
	return api_done(&o);
}

static json_t *containers_json(const struct agent_state *s)
{
	struct container_stats c = container_table_stats(s->containers);
	struct api_object o = api_object();

	api_set(&o, "live", api_number(c.containers));
	api_set(&o, "ended", api_number(c.ended));
	api_set(&o, "entries", api_number(c.live)); /* with parent cgroups and the root */
	api_set(&o, "capacity", api_number(c.capacity));
	api_set(&o, "refused", api_number(c.refused));
	return api_done(&o);
}

static json_t *capacities_json(const struct agent_state *s)
{
	struct capacity list[CAPACITY_MAX];
	size_t n = capacity_list(s, list);
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++) {
		struct api_object o = api_object();

		api_set(&o, "name", json_string(list[i].table));
		api_set(&o, "used", api_number(list[i].used));
		api_set(&o, "capacity",
			list[i].capacity ? api_number(list[i].capacity) : json_null());
		api_set(&o, "refused", api_number(list[i].refused));
		if (json_array_append_new(array, api_done(&o)) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *serve_json(const struct agent_state *s)
{
	struct api_object o = api_object();

	api_set(&o, "up", json_boolean(s->serve_up));
	api_set(&o, "problem", api_known(s->serve_problem));
	api_set(&o, "starts", api_number(s->counters->serve_starts));
	api_set(&o, "feed_dropped", api_number(s->counters->feed_dropped));
	return api_done(&o);
}

static json_t *config_json(const struct agent_state *s)
{
	const struct agent_counters *n = s->counters;
	struct api_object o = api_object();

	api_set(&o, "last_reload_ok", json_boolean(n->config_last_reload_ok));
	api_set(&o, "last_reload", api_time(n->config_last_reload_unix_ns));
	api_set(&o, "reloads", api_number(n->reloads));
	api_set(&o, "tokens", api_number(n->tokens));
	return api_done(&o);
}

static json_t *degraded_json(const struct agent_state *s)
{
	json_t *array = json_array();

	for (const char *const *text = s->degraded; text && *text; text++)
		json_array_append_new(array, api_text(*text));
	return array;
}

/* Walls of containers: what the user must know that nobody looks at. */
static json_t *not_watched_json(const struct agent_state *s)
{
	json_t *array = json_array();

	for (size_t i = 0; s->alerts && i < s->alerts->not_watched_n; i++) {
		struct api_object o = api_object();

		api_set(&o, "invariant", json_string(s->alerts->not_watched[i].number));
		api_set(&o, "name", json_string(s->alerts->not_watched[i].name));
		api_set(&o, "reason", json_string(s->alerts->not_watched[i].reason));
		json_array_append_new(array, api_done(&o));
	}
	return array;
}

/* 0 means that it was not measured yet. */
static json_t *known_seconds(uint64_t v, double units_a_second)
{
	return v ? api_seconds(v, units_a_second) : json_null();
}

static uint16_t get_status(const struct agent_state *s, struct buf *b)
{
	static const char *const modes[] = {
		[CGROUP_V1] = "v1", [CGROUP_V2] = "v2", [CGROUP_HYBRID] = "hybrid"
	};
	struct api_object o = api_object();

	api_set(&o, "version", json_string(BULKHEAD_VERSION));
	api_set(&o, "revision", json_string(BULKHEAD_REVISION));
	api_set(&o, "started", api_time(s->start_unix_ns));
	api_set(&o, "uptime_seconds",
		api_number(s->now_unix_ns > s->start_unix_ns
				   ? (s->now_unix_ns - s->start_unix_ns) / NS_PER_S
				   : 0));
	api_set(&o, "cgroup_mode", json_string(modes[s->layout->mode]));
	api_set(&o, "kernel", api_known(s->machine->kernel_version));
	api_set(&o, "system", api_known(s->machine->os_version));
	api_set(&o, "cpu_cores", api_number(s->machine->cpu_cores));
	api_set(&o, "memory_bytes", api_number(s->machine->memory_bytes));
	api_set(&o, "watch", watch_json(&s->watch));
	api_set(&o, "sampler", sampler_json(s));
	api_set(&o, "worker", worker_json(s));
	api_set(&o, "loop", loop_json(&s->loop));
	api_set(&o, "containers", containers_json(s));
	api_set(&o, "capacities", capacities_json(s));
	api_set(&o, "sensor", api_sensor(s->sensor));
	api_set(&o, "baselines", api_baselines(s->alerts));
	api_set(&o, "serve", serve_json(s));
	api_set(&o, "config", config_json(s));
	api_set(&o, "degraded", degraded_json(s));
	api_set(&o, "not_watched", not_watched_json(s));
	api_set(&o, "cpu_seconds", known_seconds(s->counters->cpu_us, 1e6));
	api_set(&o, "resident_bytes",
		s->counters->resident_bytes ? api_number(s->counters->resident_bytes)
					    : json_null());
	api_set(&o, "first_sample_seconds", known_seconds(s->counters->first_sample_ns, 1e9));
	return answer(b, api_done(&o));
}

uint16_t api_get(const struct agent_state *s, struct span path, struct span query, struct buf *b)
{
	static const char one[] = "/api/v1/containers/";
	size_t n = sizeof(one) - 1;

	if (api_is_list(path))
		return get_list(s, query, b);
	if (span_eq(path, "/api/v1/status"))
		return get_status(s, b);
	if (span_starts(path, one))
		return get_one(s, (struct span){ path.p + n, path.n - n }, b);
	api_error(b, 404, "no such page");
	return 404;
}
