// SPDX-License-Identifier: GPL-2.0-or-later
#include "http/cli_flight.h"

#include <limits.h>
#include <string.h>

#include "http/cli_alerts.h"
#include "http/cli_stream.h"

#define OUT_MAX	  (64u << 20)
#define MAX_DEPTH 64
#define ID_MAX	  64
#define SUFFIX	  ".bhr"

/* --- text --------------------------------------------------------------------------------------
 */

static void add_line(struct buf *out, const char *label, const char *text)
{
	if (!text || !*text)
		return;
	buf_printf(out, "%-12s", label);
	buf_add_visible(out, span_str(text));
	buf_add_char(out, '\n');
}

static void add_args(struct buf *out, const json_t *p)
{
	const json_t *args = json_object_get(p, "args"), *arg;
	const char *comm = cli_get_text(p, "comm"), *exe = cli_get_text(p, "exe");
	size_t i;

	if (json_array_size(args) == 0)
		buf_add_visible(out, span_str(exe ? exe : comm ? comm : "?"));
	json_array_foreach(args, i, arg)
	{
		const char *text = json_string_value(arg);

		buf_add_str(out, i ? " " : "");
		buf_add_visible(out, span_str(text && *text ? text : "''"));
	}
}

/* "2026-11-22 05:00:00", without the T and what is below a second */
static void add_time(struct buf *out, const char *time)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	if (!time || strlen(time) < 19)
		return;
	buf_init(&b, 64);
	buf_printf(&b, "%.10s %.8s", time, time + 11);
	buf_add_visible(out, (struct span){ b.data, b.len });
}

static void add_recording(struct buf *out, const json_t *o, const char *directory)
{
	const char *name = cli_get_text(o, "recording");

	if (!name)
		return;
	buf_printf(out, "%-12s", "recording");
	if (directory) {
		buf_add_visible(out, span_str(directory));
		buf_add_char(out, '/');
	}
	buf_add_visible(out, span_str(name));
	buf_add_char(out, '\n');
}

static void add_container(struct buf *out, const json_t *o)
{
	const json_t *c = json_object_get(o, "container");

	if (!json_is_object(c)) {
		add_line(out, "container", "none, it is of the host");
		return;
	}
	add_line(out, "container", cli_get_text(c, "name"));
	add_line(out, "", cli_get_text(c, "id"));
	add_line(out, "image", cli_get_text(c, "image"));
}

/* --- one alert ---------------------------------------------------------------------------------
 */

static void add_show_process(struct buf *out, const json_t *a)
{
	const json_t *p = json_object_get(a, "process"), *up;
	uint64_t pid;
	size_t i;

	if (!p)
		return;
	buf_printf(out, "%-12s", "process");
	if (cli_get_u64(p, "pid", &pid))
		buf_printf(out, "%llu  ", (unsigned long long)pid);
	add_args(out, p);
	buf_add_char(out, '\n');
	json_array_foreach(json_object_get(p, "ancestors"), i, up)
	{
		buf_printf(out, "%-12s", i ? "" : "started by");
		if (cli_get_u64(up, "pid", &pid))
			buf_printf(out, "%llu  ", (unsigned long long)pid);
		add_args(out, up);
		buf_add_char(out, '\n');
	}
}

void cli_show_text(const json_t *alert, const char *directory, const struct cli_terminal *to,
		   struct buf *out)
{
	const json_t *fact, *technique = json_object_get(alert, "technique");
	const json_t *action = json_object_get(alert, "action");
	size_t i;

	cli_alert_text(alert, to, out);
	add_line(out, "first", cli_get_text(alert, "first_time"));
	add_line(out, "last", cli_get_text(alert, "last_time"));
	add_line(out, "state", cli_get_text(alert, "state"));
	add_line(out, "kind", cli_get_text(alert, "kind"));
	add_line(out, "host", cli_get_text(alert, "host"));
	add_container(out, alert);
	add_show_process(out, alert);
	json_array_foreach(json_object_get(alert, "evidence"), i, fact)
	{
		buf_printf(out, "%-12s", i ? "" : "evidence");
		buf_add_visible(out, span_str(cli_get_text(fact, "name")));
		buf_add_str(out, ": ");
		buf_add_visible(out, span_str(cli_get_text(fact, "value")));
		buf_add_char(out, '\n');
	}
	add_line(out, "technique", cli_get_text(technique, "id"));
	add_line(out, "", cli_get_text(technique, "name"));
	add_line(out, "action", cli_get_text(action, "taken"));
	add_line(out, "outcome", cli_get_text(action, "outcome"));
	add_line(out, "recommended", cli_get_text(alert, "recommend"));
	add_recording(out, alert, directory);
}

/* --- a flight ----------------------------------------------------------------------------------
 */

struct tree {
	const json_t *list;
	size_t n;
	size_t *parent; /* index of each, its own for none */
};

/* Parents come first in the list; a number that was used twice is its later process's. */
static void find_parents(struct tree *t)
{
	for (size_t i = 0; i < t->n; i++) {
		uint64_t ppid, pid;

		t->parent[i] = i;
		if (!cli_get_u64(json_array_get(t->list, i), "ppid", &ppid))
			continue;
		for (size_t k = i; k > 0 && t->parent[i] == i; k--)
			if (cli_get_u64(json_array_get(t->list, k - 1), "pid", &pid) && pid == ppid)
				t->parent[i] = k - 1;
	}
}

static void add_process(struct buf *out, const json_t *p, unsigned depth)
{
	const char *effective = cli_get_text(json_object_get(p, "caps"), "effective");
	uint64_t pid = 0, ns_pid = 0, uid = 0, status;

	cli_get_u64(p, "pid", &pid);
	cli_get_u64(p, "ns_pid", &ns_pid);
	cli_get_u64(p, "uid", &uid);
	buf_printf(out, "  %*s%llu", (int)(2 * depth), "", (unsigned long long)pid);
	if (ns_pid && ns_pid != pid)
		buf_printf(out, " (%llu)", (unsigned long long)ns_pid);
	buf_add_str(out, "  ");
	add_args(out, p);
	buf_printf(out, "  [uid %llu", (unsigned long long)uid);
	if (effective) {
		buf_add_str(out, ", capabilities ");
		buf_add_visible(out, span_str(effective));
	}
	if (cli_get_u64(p, "exit_status", &status))
		buf_printf(out, ", ended with status 0x%llx", (unsigned long long)status);
	buf_add_str(out, json_object_get(p, "outside") ? ", outside" : "");
	buf_add_str(out, json_object_get(p, "of_alert") ? ", of the alert]\n" : "]\n");
}

static void add_branch(struct buf *out, const struct tree *t, size_t at, unsigned depth)
{
	add_process(out, json_array_get(t->list, at), depth);
	for (size_t i = at + 1; i < t->n && depth < MAX_DEPTH; i++)
		if (t->parent[i] == at)
			add_branch(out, t, i, depth + 1);
}

static void add_left_out(struct buf *out, const json_t *o, const char *key, const char *what)
{
	uint64_t n;

	if (cli_get_u64(o, key, &n) && n > 0)
		buf_printf(out, "  and %llu more %s\n", (unsigned long long)n, what);
}

static void add_processes(struct buf *out, const json_t *flight)
{
	struct tree t = { .list = json_object_get(flight, "processes") };

	t.n = json_array_size(t.list);
	AUTO_FREE size_t *parent = calloc(t.n ? t.n : 1, sizeof(*parent));

	if (!parent) {
		out->failed = true;
		return;
	}
	t.parent = parent;
	find_parents(&t);
	buf_printf(out, "\nPROCESSES (%zu)\n", t.n);
	for (size_t i = 0; i < t.n; i++)
		if (parent[i] == i)
			add_branch(out, &t, i, 0);
	add_left_out(out, flight, "processes_left_out", "processes");
}

static void add_descriptors_of(struct buf *out, const json_t *p)
{
	const char *missing = cli_get_text(p, "descriptors_missing");
	const json_t *list = json_object_get(p, "descriptors"), *d;
	uint64_t pid = 0, fd = 0;
	size_t i;

	if (!list && !missing)
		return;
	cli_get_u64(p, "pid", &pid);
	buf_printf(out, "  %llu  ", (unsigned long long)pid);
	buf_add_visible(out, span_str(cli_get_text(p, "comm")));
	buf_add_str(out, missing ? ": not known, " : "");
	buf_add_visible(out, span_str(missing));
	buf_add_char(out, '\n');
	json_array_foreach(list, i, d)
	{
		cli_get_u64(d, "fd", &fd);
		buf_printf(out, "    %4llu  ", (unsigned long long)fd);
		buf_add_visible(out, span_str(cli_get_text(d, "target")));
		if (cli_get_text(d, "socket")) {
			buf_add_str(out, "  ");
			buf_add_visible(out, span_str(cli_get_text(d, "socket")));
		}
		buf_add_char(out, '\n');
	}
	add_left_out(out, p, "descriptors_left_out", "descriptors");
}

static void add_file(struct buf *out, const json_t *f)
{
	const char *type = cli_get_text(f, "type"), *mode = cli_get_text(f, "mode");
	uint64_t size;

	buf_add_str(out, "  ");
	add_time(out, cli_get_text(f, "changed"));
	if (!type) {
		buf_add_str(out, "  deleted           ");
	} else {
		AUTO_BUF struct buf b = { .fd = -1 };

		buf_init(&b, 64);
		if (cli_get_u64(f, "size", &size))
			cli_add_bytes(&b, size);
		buf_add_str(out, "  ");
		buf_add_visible(out, span_str(mode));
		buf_printf(out, "%*s%.*s", (int)(b.len < 10 ? 10 - b.len : 1), "", (int)b.len,
			   b.len ? b.data : "");
		buf_add_str(out, "  ");
		if (strcmp(type, "file") != 0) {
			buf_add_visible(out, span_str(type));
			buf_add_char(out, ' ');
		}
	}
	buf_add_visible(out, span_str(cli_get_text(f, "path")));
	buf_add_char(out, '\n');
}

static void add_files(struct buf *out, const json_t *flight)
{
	const json_t *files = json_object_get(flight, "files"), *f;
	const json_t *list = json_object_get(files, "changed");
	const char *reason = cli_get_text(files, "reason");
	size_t i;

	buf_printf(out, "\nFILES CHANGED AGAINST THE IMAGE (%zu)\n", json_array_size(list));
	json_array_foreach(list, i, f) add_file(out, f);
	add_left_out(out, files, "left_out", "files");
	add_left_out(out, files, "too_deep", "directories that were too deep");
	if (json_object_get(files, "unfinished"))
		buf_add_str(out, "  the walk was not finished: there is too much\n");
	if (reason) {
		buf_add_str(out, "  not known: ");
		buf_add_visible(out, span_str(reason));
		buf_add_char(out, '\n');
	}
}

void cli_flight_text(const json_t *flight, const char *directory, struct buf *out)
{
	const json_t *events = json_object_get(flight, "events"), *p;
	uint64_t count = 0;
	size_t i;

	add_line(out, "alert", cli_get_text(flight, "id"));
	add_line(out, "severity", cli_get_text(flight, "severity"));
	add_line(out, "rule", cli_get_text(flight, "rule"));
	add_line(out, "title", cli_get_text(flight, "title"));
	add_line(out, "time", cli_get_text(flight, "time"));
	add_line(out, "host", cli_get_text(flight, "host"));
	add_container(out, flight);
	add_recording(out, flight, directory);
	cli_get_u64(events, "count", &count);
	buf_printf(out, "%-12s%llu", "events", (unsigned long long)count);
	if (count > 0) {
		buf_add_str(out, ", from ");
		add_time(out, cli_get_text(events, "first"));
		buf_add_str(out, " to ");
		add_time(out, cli_get_text(events, "last"));
		buf_add_str(out, ": 'bulkhead replay' shows them");
	}
	buf_add_char(out, '\n');
	add_processes(out, flight);
	buf_add_str(out, "\nOPEN DESCRIPTORS\n");
	json_array_foreach(json_object_get(flight, "processes"), i, p) add_descriptors_of(out, p);
	add_files(out, flight);
}

/* --- asking ------------------------------------------------------------------------------------
 */

/* The alert's newest line, or NULL: there is none, or it was told why. A new reference. */
static json_t *find_alert(const char *socket, const char *id, bool *asked)
{
	AUTO_BUF struct buf query = { .fd = -1 };

	buf_init(&query, 1024);
	cli_query_add(&query, "id", id);
	buf_add_char(&query, '\0');
	json_t *answer = query.failed ? NULL
				      : cli_ask(socket, WIRE_OP_GET, "/api/v1/alerts", query.data);
	json_t *alert = json_array_get(json_object_get(answer, "alerts"), 0);

	*asked = answer != NULL;
	json_incref(alert);
	json_decref(answer);
	return alert;
}

static json_t *ask_flights(const char *socket)
{
	return cli_ask(socket, WIRE_OP_GET, "/api/v1/flights", "");
}

static int print(const json_t *o, const json_t *flights, bool as_alert)
{
	const struct cli_terminal to = cli_terminal();
	const char *directory = cli_get_text(flights, "directory");
	AUTO_BUF struct buf out = { .fd = -1 };

	buf_init(&out, OUT_MAX);
	if (as_alert)
		cli_show_text(o, directory, &to, &out);
	else
		cli_flight_text(o, directory, &out);
	return cli_print(&out);
}

int cli_alert_show(const struct cli_options *o, const char *id)
{
	char path[PATH_MAX];
	const char *socket = cli_socket_path(o->socket, path, sizeof(path));
	bool asked;
	json_t *alert = find_alert(socket, id, &asked), *flights = NULL;
	int r = CLI_FAILED;

	if (!alert && asked)
		cli_complain("there is no such alert in the log");
	if (alert && o->json) {
		r = cli_print_json(alert);
	} else if (alert) {
		flights = cli_get_text(alert, "recording") ? ask_flights(socket) : NULL;
		r = print(alert, flights, true);
	}
	json_decref(flights);
	json_decref(alert);
	return r;
}

/* Alerts that fire shortly one after the other share one: the line says which. */
static void recording_of(const json_t *alert, const char *id, char out[ID_MAX])
{
	struct span name = span_str(cli_get_text(alert, "recording"));

	if (span_ends(name, SUFFIX))
		name.n -= sizeof(SUFFIX) - 1;
	else
		name = span_str(id);
	snprintf(out, ID_MAX, "%.*s", (int)(name.n < ID_MAX ? name.n : ID_MAX - 1), name.p);
}

int cli_alert_flight(const struct cli_options *o, const char *id)
{
	char path[PATH_MAX], name[ID_MAX], question[ID_MAX + 32];
	const char *socket = cli_socket_path(o->socket, path, sizeof(path));
	bool asked;
	json_t *alert = find_alert(socket, id, &asked);

	recording_of(alert, id, name);
	json_decref(alert);
	if (!asked)
		return CLI_FAILED;
	snprintf(question, sizeof(question), "/api/v1/flights/%s", name);
	json_t *flight = cli_ask(socket, WIRE_OP_GET, question, ""), *flights = NULL;
	int r = CLI_FAILED;

	if (flight && o->json) {
		r = cli_print_json(flight);
	} else if (flight) {
		flights = ask_flights(socket);
		r = print(flight, flights, false);
	}
	json_decref(flights);
	json_decref(flight);
	return r;
}
