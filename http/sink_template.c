// SPDX-License-Identifier: GPL-2.0-or-later
/* Records in the forms that services take. Texts of a record may be chosen by an attacker: they are
 * cut to what the service takes, and what it would read as markup or as a mention is disarmed. */
#include <string.h>

#include "http/sinks_internal.h"

static const char *const format_names[] = {
	[SINK_FORMAT_JSON] = "json",
	[SINK_FORMAT_SLACK] = "slack",
	[SINK_FORMAT_MATTERMOST] = "mattermost",
	[SINK_FORMAT_TEAMS] = "teams",
	[SINK_FORMAT_DISCORD] = "discord",
	[SINK_FORMAT_PAGERDUTY] = "pagerduty",
	[SINK_FORMAT_FALCOSIDEKICK] = "falcosidekick",
};

bool sink_format_parse(const char *name, enum sink_format *out)
{
	for (unsigned i = 0; i < SINK_FORMAT_COUNT; i++) {
		if (strcmp(name, format_names[i]) != 0)
			continue;
		*out = (enum sink_format)i;
		return true;
	}
	return false;
}

void sink_rfc3339(uint64_t unix_time_ns, char out[40])
{
	time_t seconds = (time_t)(unix_time_ns / NS_PER_S);
	struct tm tm;
	char date[32];

	gmtime_r(&seconds, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out, 40, "%s.%03uZ", date, (unsigned)(unix_time_ns / NS_PER_MS % 1000));
}

void sink_summary(const struct sink_record *r, char *out, size_t cap)
{
	static const char *const words[] = { "EMERGENCY", "ALERT",  "CRITICAL", "ERROR",
					     "WARNING",	  "NOTICE", "INFO",	"DEBUG" };
	const char *name = sink_record_text(r, "container.name");
	char text[2048];

	snprintf(text, sizeof(text), "[%s] %.1024s%s%.256s",
		 sink_record_is(r, "resolved") ? "RESOLVED" : words[r->severity & 7],
		 sink_record_text(r, "title"), name[0] ? " - container " : " - host ",
		 name[0] ? name : sink_record_text(r, "host"));
	sink_text_visible(out, cap, text);
}

/* --- facts ---------------------------------------------------------------------------------- */

struct facts {
	struct sink_fact *out;
	size_t n;
};

static void add_fact(struct facts *f, const char *name, const char *value)
{
	if (!value[0] || f->n == SINK_MAX_FACTS)
		return;
	sink_text_visible(f->out[f->n].name, sizeof(f->out->name), name);
	sink_text_visible(f->out[f->n++].value, sizeof(f->out->value), value);
}

static void joined(const json_t *array, const char *between, const char *key, char *out, size_t cap)
{
	size_t len = 0, i;
	json_t *item;

	out[0] = '\0';
	json_array_foreach(array, i, item)
	{
		const char *s = json_string_value(key ? json_object_get(item, key) : item);
		int n = snprintf(out + len, cap - len, "%s%s", i ? between : "", s ? s : "");

		if (n < 0 || (size_t)n >= cap - len)
			return; /* cut: what follows is not needed to understand it */
		len += (size_t)n;
	}
}

static void process_facts(struct facts *f, const struct sink_record *r)
{
	const json_t *process = json_object_get(r->json, "process");
	char text[1024];

	if (!process)
		return;
	snprintf(text, sizeof(text), "%.64s[%lld] uid=%lld", sink_record_text(r, "process.comm"),
		 (long long)json_integer_value(json_object_get(process, "pid")),
		 (long long)json_integer_value(json_object_get(process, "uid")));
	add_fact(f, "process", text);
	joined(json_object_get(process, "args"), " ", NULL, text, sizeof(text));
	add_fact(f, "command", text[0] ? text : sink_record_text(r, "process.exe"));
	joined(json_object_get(process, "ancestors"), " < ", "comm", text, sizeof(text));
	add_fact(f, "started by", text);
}

static void container_facts(struct facts *f, const struct sink_record *r)
{
	char text[512];

	if (sink_record_text(r, "container.id")[0]) {
		snprintf(text, sizeof(text), "%.255s (%.12s)",
			 sink_record_text(r, "container.name"),
			 sink_record_text(r, "container.id"));
		add_fact(f, "container", text);
	}
	add_fact(f, "image", sink_record_text(r, "container.image"));
	if (sink_record_text(r, "pod.name")[0]) {
		snprintf(text, sizeof(text), "%.200s/%.255s", sink_record_text(r, "pod.namespace"),
			 sink_record_text(r, "pod.name"));
		add_fact(f, "pod", text);
	}
	add_fact(f, "host", sink_record_text(r, "host"));
}

size_t sink_facts(const struct sink_record *r, struct sink_fact out[SINK_MAX_FACTS])
{
	struct facts f = { out, 0 };
	long long count = json_integer_value(json_object_get(r->json, "count"));
	const json_t *item;
	char text[512];
	size_t i;

	container_facts(&f, r);
	process_facts(&f, r);
	if (count > 1) {
		snprintf(text, sizeof(text), "%lld times", count);
		add_fact(&f, "seen", text);
	}
	snprintf(text, sizeof(text), "%.32s %.200s", sink_record_text(r, "technique.id"),
		 sink_record_text(r, "technique.name"));
	add_fact(&f, "technique", text[0] == ' ' ? "" : text);
	if (sink_record_text(r, "action.taken")[0] &&
	    strcmp(sink_record_text(r, "action.taken"), "none") != 0) {
		snprintf(text, sizeof(text), "%.32s: %.400s", sink_record_text(r, "action.taken"),
			 sink_record_text(r, "action.outcome"));
		add_fact(&f, "action", text);
	}
	json_array_foreach(json_object_get(r->json, "evidence"), i, item)
	{
		const char *name = json_string_value(json_object_get(item, "name"));
		const char *value = json_string_value(json_object_get(item, "value"));

		add_fact(&f, name ? name : "fact", value ? value : "");
	}
	return f.n;
}

/* --- PagerDuty, Events API v2 --------------------------------------------------------------- */

static void put(json_t *object, const char *key, const char *value)
{
	if (value && value[0])
		json_object_set_new(object, key, json_string(value));
}

static json_t *pagerduty(const struct sink_record *r, const char *routing_key)
{
	static const char *const severity[] = { "critical", "critical", "critical", "error",
						"warning",  "info",	"info",	    "info" };
	struct sink_fact facts[SINK_MAX_FACTS];
	json_t *out = json_object(), *payload = json_object(), *details = json_object();
	const char *host = sink_record_text(r, "host");
	size_t n = sink_facts(r, facts);
	char summary[1024];
	bool resolved = sink_record_is(r, "resolved");

	put(out, "routing_key", routing_key);
	put(out, "event_action", resolved ? "resolve" : "trigger");
	put(out, "dedup_key", r->id);
	put(out, "client", "bulkhead");
	sink_summary(r, summary, sizeof(summary));
	put(payload, "summary", summary);
	put(payload, "source", host[0] ? host : "bulkhead");
	put(payload, "severity", severity[r->severity & 7]);
	put(payload, "timestamp", sink_record_text(r, "time"));
	put(payload, "component", sink_record_text(r, "container.name"));
	put(payload, "group", sink_record_text(r, "container.image"));
	put(payload, "class", sink_record_text(r, "rule"));
	for (size_t i = 0; i < n; i++)
		put(details, facts[i].name, facts[i].value);
	put(details, "recommended", sink_record_text(r, "recommend"));
	json_object_set_new(payload, "custom_details", details);
	json_object_set_new(out, "payload", payload);
	return out;
}

/* --- Falcosidekick -------------------------------------------------------------------------- */

static void put_copy(json_t *object, const char *key, const struct sink_record *r, const char *path)
{
	put(object, key, sink_record_text(r, path));
}

static json_t *falco_fields(const struct sink_record *r)
{
	const json_t *process = json_object_get(r->json, "process");
	json_t *fields = json_object(), *pid = json_object_get(process, "pid");
	json_t *uid = json_object_get(process, "uid"), *item;
	char text[1024];
	size_t i;

	put_copy(fields, "container.id", r, "container.id");
	put_copy(fields, "container.name", r, "container.name");
	put_copy(fields, "container.image.repository", r, "container.image");
	put_copy(fields, "k8s.ns.name", r, "pod.namespace");
	put_copy(fields, "k8s.pod.name", r, "pod.name");
	put_copy(fields, "proc.name", r, "process.comm");
	put_copy(fields, "proc.exepath", r, "process.exe");
	put_copy(fields, "proc.cwd", r, "process.cwd");
	joined(json_object_get(process, "args"), " ", NULL, text, sizeof(text));
	put(fields, "proc.cmdline", text);
	if (pid)
		json_object_set(fields, "proc.pid", pid);
	if (uid)
		json_object_set(fields, "user.uid", uid);
	json_array_foreach(json_object_get(r->json, "evidence"), i, item)
	{
		const char *name = json_string_value(json_object_get(item, "name"));

		snprintf(text, sizeof(text), "bulkhead.%.64s", name ? name : "fact");
		put(fields, text, json_string_value(json_object_get(item, "value")));
	}
	put(fields, "bulkhead.state", r->state);
	put(fields, "bulkhead.kind", r->kind);
	put_copy(fields, "bulkhead.recommend", r, "recommend");
	return fields;
}

static json_t *falcosidekick(const struct sink_record *r)
{
	static const char *const priority[] = { "Emergency", "Alert",  "Critical",	"Error",
						"Warning",   "Notice", "Informational", "Debug" };
	json_t *out = json_object(), *tags = json_array();
	char summary[1024];

	sink_summary(r, summary, sizeof(summary));
	put(out, "uuid", r->id);
	put(out, "output", summary);
	put(out, "priority", priority[r->severity & 7]);
	put(out, "rule", sink_record_text(r, "rule"));
	put(out, "time", sink_record_text(r, "time"));
	put(out, "source", "bulkhead");
	put(out, "hostname", sink_record_text(r, "host"));
	json_array_append_new(tags, json_string(r->kind));
	if (sink_record_text(r, "technique.id")[0])
		json_array_append_new(tags, json_string(sink_record_text(r, "technique.id")));
	if (sink_record_text(r, "technique.tactic")[0])
		json_array_append_new(tags, json_string(sink_record_text(r, "technique.tactic")));
	json_object_set_new(out, "tags", tags);
	json_object_set_new(out, "output_fields", falco_fields(r));
	return out;
}

/* --- Alertmanager --------------------------------------------------------------------------- */

/* Labels say which alert it is: the same one must have the same labels from its start to its end.
 */
static json_t *labels_of(const struct sink_record *r)
{
	json_t *labels = json_object();
	const char *rule = sink_record_text(r, "rule");
	char id[16];

	put(labels, "alertname", rule[0] ? rule : r->kind);
	put(labels, "severity", sink_record_text(r, "severity"));
	put(labels, "kind", r->kind);
	put_copy(labels, "instance", r, "host");
	put_copy(labels, "container", r, "container.name");
	snprintf(id, sizeof(id), "%.12s", sink_record_text(r, "container.id"));
	put(labels, "container_id", id);
	put_copy(labels, "image", r, "container.image");
	put_copy(labels, "namespace", r, "pod.namespace");
	put_copy(labels, "pod", r, "pod.name");
	put_copy(labels, "key", r, "key");
	return labels;
}

json_t *sink_alertmanager_alert(const struct sink_record *r, uint64_t ends_ns)
{
	struct sink_fact facts[SINK_MAX_FACTS];
	json_t *out = json_object(), *notes = json_object();
	size_t n = sink_facts(r, facts);
	char description[4096], ends[40];
	size_t len = 0;

	description[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		int k = snprintf(description + len, sizeof(description) - len, "%s%s: %s",
				 i ? "\n" : "", facts[i].name, facts[i].value);

		if (k < 0 || (size_t)k >= sizeof(description) - len) {
			description[len] = '\0';
			break;
		}
		len += (size_t)k;
	}
	put_copy(notes, "summary", r, "title");
	put(notes, "description", description);
	put_copy(notes, "recommended", r, "recommend");
	put_copy(notes, "technique", r, "technique.id");
	put(notes, "id", r->id);
	json_object_set_new(out, "labels", labels_of(r));
	json_object_set_new(out, "annotations", notes);
	put_copy(out, "startsAt", r, "first_time");
	sink_rfc3339(ends_ns, ends);
	if (ends_ns)
		put(out, "endsAt", ends);
	return out;
}

json_t *sink_template(enum sink_format f, const struct sink_record *r, const char *routing_key)
{
	switch (f) {
	case SINK_FORMAT_SLACK:
	case SINK_FORMAT_MATTERMOST:
	case SINK_FORMAT_TEAMS:
	case SINK_FORMAT_DISCORD:
		return sink_template_chat(f, r);
	case SINK_FORMAT_PAGERDUTY:
		return pagerduty(r, routing_key);
	case SINK_FORMAT_FALCOSIDEKICK:
		return falcosidekick(r);
	case SINK_FORMAT_JSON:
	case SINK_FORMAT_COUNT:
		break;
	}
	return NULL;
}
