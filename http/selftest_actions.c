// SPDX-License-Identifier: GPL-2.0-or-later
#include "http/selftest_actions.h"

#include <stdio.h>
#include <string.h>

#include "http/cli.h"

const struct selftest_action selftest_actions[SELFTEST_ACTIONS] = {
	{ "exec-dropped", "Program run that the image does not hold", false,
	  "a program is written and run" },
	{ "exec-memfd", "Program run from memory in a container", false,
	  "a program is run that is no file" },
	{ "read-shadow", "Sensitive file read in a container", false,
	  "the image's own /etc/shadow is read" },
	{ "write-program", "Program or library changed in a container", false,
	  "a file is made in /usr/bin" },
	{ "metadata", "Metadata service of the cloud asked from a container", false,
	  "a connection that cannot succeed" },
	{ "setns", "Namespace entered from a container", false, "its own namespace is entered" },
	{ "shell", "Shell with a terminal in a container", false, "a shell that is none" },
	{ "oom", "oom-kill", true, "a process needs more memory than its container has" },
};

const char *const selftest_outcome_names[] = { "seen", "missing", "not loaded", "failed",
					       "not possible here" };
const char *const selftest_delivery_names[] = { "waiting", "delivered", "left out", "given up" };

/* --- the probe --------------------------------------------------------------------------------
 */

static void take_text(char *out, size_t cap, struct span s)
{
	snprintf(out, cap, "%.*s", (int)(s.n < cap ? s.n : cap), s.p ? s.p : "");
}

void selftest_said_parse(struct span output, struct selftest_said *out)
{
	struct span line, word, key;

	*out = (struct selftest_said){ .at_ns = 0 };
	while (span_next(&output, '\n', &line)) {
		line = span_trim(line);
		if (!span_word(&line, &word) || !span_eq(word, "bulkhead-probe") ||
		    !span_word(&line, &key))
			continue;
		line = span_trim(line);
		if (span_eq(key, "on"))
			take_text(out->host, sizeof(out->host), line);
		else if (span_eq(key, "at"))
			parse_u64(line, &out->at_ns);
		else if (span_eq(key, "no-limit"))
			out->no_limit = true;
		else if (span_eq(key, "failed"))
			take_text(out->failed, sizeof(out->failed), line);
	}
}

/* --- what the agent says -----------------------------------------------------------------------
 */

bool selftest_rule_on(const json_t *answer, struct selftest_result *r)
{
	const json_t *rule;
	size_t i;

	if (r->action->own)
		return true;
	const char *problem = cli_get_text(answer, "problem");

	snprintf(r->why, sizeof(r->why), "%s%s",
		 problem ? "the agent refused its rule files: "
			 : "the agent has no rule of this name",
		 problem ? problem : "");
	r->why[strcspn(r->why, "\n")] = '\0';
	json_array_foreach(json_object_get(answer, "rules"), i, rule)
	{
		const char *name = cli_get_text(rule, "name"), *state = cli_get_text(rule, "state"),
			   *reason = cli_get_text(rule, "reason");

		if (!name || !state || strcmp(name, r->action->rule) != 0)
			continue;
		if (strcmp(state, "on") == 0) {
			r->why[0] = '\0';
			return true;
		}
		snprintf(r->why, sizeof(r->why), "%s%s%s", state, reason && *reason ? ": " : "",
			 reason ? reason : "");
	}
	return false;
}

void selftest_sinks_begin(const json_t *answer, struct selftest_result *r)
{
	const json_t *s;
	size_t i;

	r->sinks_n = 0;
	json_array_foreach(json_object_get(answer, "sinks"), i, s)
	{
		struct selftest_sink *sink = &r->sinks[r->sinks_n];

		if (r->sinks_n == WIRE_MAX_SINKS || !cli_get_text(s, "name"))
			continue;
		*sink = (struct selftest_sink){ .state = SELFTEST_WAITING };
		snprintf(sink->name, sizeof(sink->name), "%s", cli_get_text(s, "name"));
		cli_get_u64(s, "sent", &sink->sent_before);
		cli_get_u64(s, "dead", &sink->dead_before);
		r->sinks_n++;
	}
}

/* The agent learns a container's name from the runtime's files; its id it has of the cgroup. The
 * host name stands for that where it is what runtimes make of an id. */
static bool is_ours(const json_t *container, const struct selftest_result *r)
{
	const char *name = cli_get_text(container, "name"), *id = cli_get_text(container, "id");
	const size_t n = strlen(r->said.host);

	if ((name && strcmp(name, r->container) == 0) || (id && strcmp(id, r->container) == 0))
		return true;
	if (!id || n < 12)
		return false;
	for (size_t i = 0; i < n; i++)
		if (parse_hex_digit(r->said.host[i]) < 0)
			return false;
	return strncmp(id, r->said.host, n) == 0;
}

bool selftest_alert_seen(const json_t *answer, struct selftest_result *r)
{
	const json_t *a;
	size_t i;

	json_array_foreach(json_object_get(answer, "alerts"), i, a)
	{
		const char *rule = cli_get_text(a, "rule"), *id = cli_get_text(a, "id"),
			   *severity = cli_get_text(a, "severity"),
			   *state = cli_get_text(a, "state");
		/* it may have come again since */
		const bool first = state && strcmp(state, "update") != 0;
		const char *time = cli_get_text(a, first ? "time" : "first_time");

		if (!rule || !id || strcmp(rule, r->action->rule) != 0 ||
		    !is_ours(json_object_get(a, "container"), r) ||
		    !cli_get_u64(a, "seq", &r->seq) ||
		    !parse_rfc3339_ns(span_str(time), &r->time_ns))
			continue;
		snprintf(r->id, sizeof(r->id), "%s", id);
		snprintf(r->severity, sizeof(r->severity), "%s", severity ? severity : "");
		r->held = json_is_false(json_object_get(a, "deliver")) ||
			  cli_get_text(a, "silenced");
		return true;
	}
	return false;
}

static uint64_t since_call(const struct selftest_result *r, uint64_t ns)
{
	return ns > r->said.at_ns ? ns - r->said.at_ns : 0;
}

/* A sink that is done with the line has sent it, has given it up, or did not want it: its last
 * success tells, since order is kept. */
static void judge(struct selftest_sink *s, const json_t *now, const struct selftest_result *r)
{
	const char *severity = cli_get_text(now, "severity"), *error = cli_get_text(now, "error"),
		   *success = cli_get_text(now, "last_success");
	const int least = wire_severity_parse(span_str(severity)),
		  own = wire_severity_parse(span_str(r->severity));
	uint64_t done = 0, sent = 0, dead = 0, success_ns = 0;

	cli_get_u64(now, "done_seq", &done);
	cli_get_u64(now, "sent", &sent);
	cli_get_u64(now, "dead", &dead);
	parse_rfc3339_ns(span_str(success), &success_ns);
	snprintf(s->why, sizeof(s->why), "%s", error ? error : "");
	if (r->held) {
		s->state = SELFTEST_LEFT_OUT;
		snprintf(s->why, sizeof(s->why), "silenced, or beyond a rate limit");
	} else if (least >= 0 && own > least) {
		s->state = SELFTEST_LEFT_OUT;
		snprintf(s->why, sizeof(s->why), "takes %s and worse", severity);
	} else if (done < r->seq) {
		s->state = SELFTEST_WAITING;
	} else if (dead > s->dead_before) {
		s->state = SELFTEST_GIVEN_UP;
	} else if (sent > s->sent_before && success_ns >= r->time_ns) {
		s->state = SELFTEST_DELIVERED;
		s->after_ns = since_call(r, success_ns);
	} else {
		s->state = SELFTEST_LEFT_OUT;
		snprintf(s->why, sizeof(s->why), "its filter");
	}
}

bool selftest_sinks_done(const json_t *answer, struct selftest_result *r)
{
	bool all = true;
	const json_t *now;
	size_t k;

	r->after_ns = since_call(r, r->time_ns);
	for (size_t i = 0; i < r->sinks_n; i++) {
		struct selftest_sink *s = &r->sinks[i];

		/* once said, it stays: the next alert would change the figures */
		if (s->state != SELFTEST_WAITING)
			continue;
		json_array_foreach(json_object_get(answer, "sinks"), k, now)
		{
			const char *name = cli_get_text(now, "name");

			if (name && strcmp(name, s->name) == 0)
				judge(s, now, r);
		}
		all = all && s->state != SELFTEST_WAITING;
	}
	return all;
}

bool selftest_passed(const struct selftest_result *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (list[i].outcome != SELFTEST_SEEN && list[i].outcome != SELFTEST_NOT_HERE)
			return false;
		for (size_t k = 0; list[i].outcome == SELFTEST_SEEN && k < list[i].sinks_n; k++)
			if (list[i].sinks[k].state == SELFTEST_WAITING ||
			    list[i].sinks[k].state == SELFTEST_GIVEN_UP)
				return false;
	}
	return true;
}
