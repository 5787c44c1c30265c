// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/alert.h"

#include <errno.h>
#include <string.h>

#include "collector/container.h"
#include "collector/json_put.h"
#include "collector/process.h"

const char *const alert_severity_names[] = { "emergency", "alert", "critical", "error", "warning",
					     "notice",	  "info",  "debug",    NULL };
const char *const alert_kind_names[] = { "rule",     "baseline",  "resource", "isolation", "mining",
					 "internal", "heartbeat", "test",     "audit",	   NULL };
const char *const alert_state_names[] = { "new", "firing", "update", "resolved", NULL };
const char *const alert_action_names[] = { "none", "kill", "freeze", "throttle", "deny", NULL };

static bool find(const char *const *names, struct span name, unsigned *out)
{
	for (unsigned i = 0; names[i]; i++) {
		if (span_eq(name, names[i])) {
			*out = i;
			return true;
		}
	}
	return false;
}

bool alert_severity_parse(struct span name, enum alert_severity *out)
{
	unsigned i;

	if (!find(alert_severity_names, name, &i))
		return false;
	*out = (enum alert_severity)i;
	return true;
}

bool alert_kind_parse(struct span name, enum alert_kind *out)
{
	unsigned i;

	if (!find(alert_kind_names, name, &i))
		return false;
	*out = (enum alert_kind)i;
	return true;
}

/* How much of an alert goes into its line. Escapes make up to six bytes of one, so that what is
 * small enough cannot be told beforehand: the next set is tried when a line came out too long. */
struct limits {
	size_t name, title, text, value, args, labels;
	size_t facts, ancestors;
};
static const struct limits sets[] = {
	{ 256, 1024, 4096, 4096, 4096, 1024, ALERT_MAX_FACTS, ALERT_MAX_ANCESTORS },
	{ 256, 1024, 1024, 1024, 2048, 256, ALERT_MAX_FACTS, ALERT_MAX_ANCESTORS },
	{ 256, 512, 256, 256, 512, 64, ALERT_MAX_FACTS, 8 },
	{ 128, 256, 128, 128, 128, 0, 8, 4 },
};
#define SETS (sizeof(sets) / sizeof(sets[0]))

struct writer {
	struct buf *b;
	const struct limits *l;
	bool cut;
};

/* At most n bytes, no character halved. */
static struct span cut_to(struct writer *w, struct span s, size_t n)
{
	size_t floor = n > 3 ? n - 3 : 0;

	if (s.n <= n)
		return s;
	w->cut = true;
	while (n > floor && ((unsigned char)s.p[n] & 0xc0) == 0x80)
		n--;
	return (struct span){ s.p, n };
}

static void put(struct writer *w, const char *key, struct span s, size_t n)
{
	if (s.n > 0)
		json_put_text(w->b, key, cut_to(w, s, n));
}

static struct span comm_of(const struct process *p)
{
	return span_str(process_comm(p));
}

static void put_args(struct writer *w, struct span args, bool cut)
{
	struct span all = cut_to(w, args, w->l->args), arg;

	if (all.n == 0)
		return;
	cut = cut || all.n < args.n;
	json_put_array(w->b, "args");
	if (all.p[all.n - 1] == '\0')
		all.n--;
	while (span_next(&all, '\0', &arg)) {
		json_put_comma(w->b);
		json_put_string(w->b, arg);
	}
	buf_add_char(w->b, ']');
	json_put_true(w->b, "args_cut", cut);
}

static void put_start(struct writer *w, const struct process *p, uint64_t unix_minus_boot_ns)
{
	if (p->key.start_boot_ns)
		json_put_time(w->b, "start", unix_minus_boot_ns + p->key.start_boot_ns);
}

static void put_ancestors(struct writer *w, const struct process *p)
{
	const struct process *up = p->parent;
	size_t n = 0;

	if (!up)
		return;
	json_put_array(w->b, "ancestors");
	for (; up && n < w->l->ancestors; up = up->parent, n++) {
		json_put_comma(w->b);
		buf_add_char(w->b, '{');
		json_put_u64(w->b, "pid", up->key.pid);
		put(w, "comm", comm_of(up), w->l->name);
		put(w, "exe", process_exe(up), w->l->text);
		buf_add_char(w->b, '}');
	}
	w->cut = w->cut || up != NULL;
	buf_add_char(w->b, ']');
}

static void put_process(struct writer *w, const struct alert *a)
{
	const struct process *p = a->process;

	if (!p)
		return;
	json_put_object(w->b, "process");
	json_put_u64(w->b, "pid", p->key.pid);
	json_put_known(w->b, "ns_pid", p->ns_pid);
	put(w, "comm", comm_of(p), w->l->name);
	put(w, "exe", process_exe(p), w->l->text);
	if (p->text) {
		put_args(w, p->text->args, p->text->args_cut);
		put(w, "cwd", p->text->cwd, w->l->text);
	}
	json_put_u64(w->b, "uid", p->uid);
	if (p->loginuid != UINT32_MAX)
		json_put_u64(w->b, "loginuid", p->loginuid);
	if (p->tty)
		json_put_device(w->b, "tty", p->tty);
	put_start(w, p, a->unix_minus_boot_ns);
	if (p->exec_owner.pid) {
		json_put_key(w->b, "exec_id");
		buf_printf(w->b, "\"%u-%llu-%u\"", p->exec_owner.pid,
			   (unsigned long long)p->exec_owner.start_boot_ns, p->exec_seq);
	}
	put_ancestors(w, p);
	buf_add_char(w->b, '}');
}

static void put_labels(struct writer *w, const struct alert_container *c)
{
	if (c->labels_n == 0)
		return;
	if (w->l->labels == 0) {
		w->cut = true;
		return;
	}
	json_put_object(w->b, "labels");
	for (size_t i = 0; i < c->labels_n; i++) {
		json_put_comma(w->b);
		json_put_string(w->b, cut_to(w, c->labels[i].name, w->l->name));
		buf_add_char(w->b, ':');
		json_put_string(w->b, cut_to(w, c->labels[i].value, w->l->labels));
	}
	buf_add_char(w->b, '}');
}

static void put_container(struct writer *w, const struct alert_container *c)
{
	if (!c) {
		json_put_key(w->b, "container");
		buf_add_str(w->b, "null");
		return;
	}
	json_put_object(w->b, "container");
	put(w, "id", c->id, w->l->name);
	put(w, "name", c->name, w->l->name);
	put(w, "image", c->image, w->l->name);
	put(w, "image_id", c->image_id, w->l->name);
	put(w, "runtime", c->runtime, w->l->name);
	put_labels(w, c);
	buf_add_char(w->b, '}');
	if (c->pod_name.n == 0 && c->pod_namespace.n == 0)
		return;
	json_put_object(w->b, "pod");
	put(w, "name", c->pod_name, w->l->name);
	put(w, "namespace", c->pod_namespace, w->l->name);
	buf_add_char(w->b, '}');
}

static void put_facts(struct writer *w, const struct alert *a)
{
	if (a->facts_n == 0)
		return;
	json_put_array(w->b, "evidence");
	for (size_t i = 0; i < a->facts_n && i < w->l->facts; i++) {
		json_put_comma(w->b);
		buf_add_char(w->b, '{');
		json_put_text(w->b, "name", cut_to(w, a->facts[i].name, w->l->name));
		json_put_text(w->b, "value", cut_to(w, a->facts[i].value, w->l->value));
		buf_add_char(w->b, '}');
	}
	w->cut = w->cut || a->facts_n > w->l->facts;
	buf_add_char(w->b, ']');
}

static void put_advice(struct writer *w, const struct alert *a)
{
	if (a->technique_id.n > 0) {
		json_put_object(w->b, "technique");
		put(w, "id", a->technique_id, w->l->name);
		put(w, "name", a->technique_name, w->l->name);
		put(w, "tactic", a->tactic, w->l->name);
		buf_add_char(w->b, '}');
	}
	put(w, "recommend", a->recommend, w->l->title);
	if (a->has_action) {
		json_put_object(w->b, "action");
		json_put_str(w->b, "taken", alert_action_names[a->action]);
		put(w, "outcome", a->outcome, w->l->title);
		buf_add_char(w->b, '}');
	}
	put(w, "recording", a->recording, w->l->name);
	put(w, "sink", a->sink, w->l->name);
}

static void put_body(struct writer *w, const struct alert *a)
{
	json_put_str(w->b, "severity", alert_severity_names[a->severity]);
	json_put_str(w->b, "kind", alert_kind_names[a->kind]);
	json_put_text(w->b, "title", cut_to(w, a->title, w->l->title));
	json_put_text(w->b, "rule", cut_to(w, a->rule, w->l->name));
	put(w, "key", a->key, ALERT_MAX_KEY);
	put(w, "host", a->host, w->l->name);
	put_container(w, a->container);
	put_process(w, a);
	put_facts(w, a);
	put_advice(w, a);
}

int alert_body(struct buf *b, const struct alert *a, bool *cut)
{
	const size_t start = b->len;

	/* json_put looks at the byte before: a line that is under way is none of its concern */
	for (size_t i = 0; i < SETS; i++) {
		struct writer w = { .b = b, .l = &sets[i] };

		b->len = start;
		buf_add_char(b, '{');
		put_body(&w, a);
		*cut = w.cut || i > 0;
		if (b->failed)
			return -ENOMEM;
		if (b->len - start - 1 <= ALERT_BODY_MAX)
			break;
	}
	memmove(b->data + start, b->data + start + 1, b->len - start - 1);
	b->len--;
	return 0;
}

void alert_line(struct buf *b, const struct alert_head *h, struct span body,
		const struct alert_tail *t)
{
	buf_add_char(b, '{');
	json_put_u64(b, "schema", ALERT_SCHEMA);
	json_put_u64(b, "seq", h->seq);
	json_put_str(b, "id", h->id);
	json_put_str(b, "state", alert_state_names[h->state]);
	json_put_time(b, "time", h->time_ns);
	json_put_time(b, "first_time", h->first_ns);
	json_put_time(b, "last_time", h->last_ns);
	json_put_u64(b, "count", h->count);
	json_put_comma(b);
	buf_add_span(b, body);
	json_put_known(b, "held_back", t->held_back);
	json_put_str(b, "silenced", t->silenced);
	if (t->no_delivery) {
		json_put_key(b, "deliver");
		buf_add_str(b, "false");
	}
	json_put_true(b, "cut", t->cut);
	buf_add_char(b, '}');
}

static void add_labels(const struct metadata *m, const char (*allowed)[256], size_t allowed_n,
		       struct alert_container *out)
{
	for (size_t i = 0; i < allowed_n && out->labels_n < ALERT_MAX_LABELS; i++) {
		const char *value = metadata_label(m, allowed[i]);

		if (value)
			out->labels[out->labels_n++] =
				(struct alert_pair){ span_str(allowed[i]), span_str(value) };
	}
}

void alert_container_of(const struct container *c, const char (*allowed)[256], size_t allowed_n,
			struct alert_container *out)
{
	const struct metadata *m = c->meta;

	*out = (struct alert_container){
		.id = span_str(c->id.id[0] ? c->id.id : c->key),
		.name = span_str(container_name(c)),
		.image = span_str(container_image(c)),
		.image_id = span_str(m ? m->image_id : NULL),
		.runtime = span_str(runtime_name(c->id.runtime)),
		.pod_name = span_str(m ? m->pod_name : NULL),
		.pod_namespace = span_str(m ? m->pod_namespace : NULL),
	};
	if (m)
		add_labels(m, allowed, allowed_n, out);
}

const char *alert_bytes_text(uint64_t bytes, char text[24])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
	size_t u = 0;
	uint64_t tenths = bytes < UINT64_MAX / 10 ? bytes * 10 : bytes;

	while (tenths >= 10240 && u + 1 < sizeof(units) / sizeof(units[0])) {
		tenths /= 1024;
		u++;
	}
	if (tenths % 10)
		snprintf(text, 24, "%llu.%llu %s", (unsigned long long)(tenths / 10),
			 (unsigned long long)(tenths % 10), units[u]);
	else
		snprintf(text, 24, "%llu %s", (unsigned long long)(tenths / 10), units[u]);
	return text;
}
