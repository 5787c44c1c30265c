// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/flight_scene.h"

#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

#include "collector/base/clock.h"
#include "collector/json_put.h"
#include "collector/snapshot.h"

#define HEAD_MAX 65536
#define TEXT_MAX 1024 /* of a name in the head */
#define PREFIX	 5    /* flags and length before a process */

/* --- which container ---------------------------------------------------------------------------
 */

struct subject {
	const struct container *c; /* NULL: the host, or it is not in the table */
	uint64_t cgroups[FLIGHT_MAX_CGROUPS];
	size_t n;
	bool host;
};

static void add_cgroup(struct subject *s, uint64_t id)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->cgroups[i] == id)
			return;
	if (s->n < FLIGHT_MAX_CGROUPS)
		s->cgroups[s->n++] = id;
}

static const struct container *find_container(const struct agent_services *services, struct span id)
{
	const struct container_table *t =
		services->containers ? services->containers(services->agent) : NULL;
	char text[256];
	struct container *c;

	if (!t || id.n == 0 || id.n >= sizeof(text))
		return NULL;
	memcpy(text, id.p, id.n);
	text[id.n] = '\0';
	return container_table_lookup(t, text, &c) == 0 ? c : NULL;
}

static struct subject subject_of(const struct agent_services *services, const struct alert *a)
{
	struct subject s = { .host = !a->container };

	if (s.host) {
		add_cgroup(&s, 0);
		return s;
	}
	s.c = find_container(services, a->container->id);
	if (s.c && s.c->inode)
		add_cgroup(&s, s.c->inode);
	if (s.c && s.c->unified_inode)
		add_cgroup(&s, s.c->unified_inode);
	if (a->process && a->process->container_cgroup)
		add_cgroup(&s, a->process->container_cgroup);
	return s;
}

static bool is_of(const struct subject *s, const struct process *p)
{
	for (size_t i = 0; i < s->n; i++)
		if (p->container_cgroup == s->cgroups[i] ||
		    (p->left_container && p->left_container == s->cgroups[i]))
			return true;
	return false;
}

/* --- processes ---------------------------------------------------------------------------------
 */

struct gathering {
	const struct subject *subject;
	const struct process **inside; /* the newest FLIGHT_MAX_PROCESSES, round and round */
	size_t seen;
	const struct process *above[FLIGHT_MAX_ABOVE];
	size_t above_n;
};

static bool gather(void *ctx, const struct process *p)
{
	struct gathering *g = ctx;

	if (!p->placeholder && !p->kernel_thread && is_of(g->subject, p))
		g->inside[g->seen++ % FLIGHT_MAX_PROCESSES] = p;
	return true;
}

/* False: it was there, or there is no room. */
static bool add_above(struct gathering *g, const struct process *p)
{
	size_t at = g->above_n;

	for (size_t i = 0; i < g->above_n; i++)
		if (g->above[i] == p)
			return false;
	if (at == FLIGHT_MAX_ABOVE)
		return false;
	for (; at > 0 && g->above[at - 1]->order > p->order; at--)
		g->above[at] = g->above[at - 1];
	g->above[at] = p;
	g->above_n++;
	return true;
}

static void add_ancestors(struct gathering *g, const struct process *p)
{
	unsigned n = 0;

	for (p = p->parent; p && n < PROCESS_MAX_ANCESTORS; p = p->parent, n++)
		if (p->placeholder || is_of(g->subject, p) || !add_above(g, p))
			return;
}

/* What the recording's own events tell when they are replayed is not told before them: a process
 * would seem to have run its last program always. */
static bool is_recorded(const struct process *p, const struct flight_events *e, bool outside)
{
	return outside || (p->key.start_boot_ns < e->first_process_ns &&
			   p->exec_boot_ns < e->first_process_ns);
}

static void add_process(struct flight_scene *s, const struct process *p, const struct alert *a,
			bool outside)
{
	uint8_t bytes[SNAPSHOT_PROCESS_MAX];
	struct wire_writer w = { .p = bytes, .cap = sizeof(bytes) };
	struct process copy = *p;
	uint8_t flags = (uint8_t)((outside ? FLIGHT_OUTSIDE : 0) | (p->ended ? FLIGHT_ENDED : 0) |
				  (is_recorded(p, &s->events, outside) ? FLIGHT_RECORDED : 0) |
				  (p == a->process ? FLIGHT_SUSPECT : 0));

	copy.ended = p->ended && p->exit_boot_ns < s->events.first_process_ns;
	snapshot_process_encode(&w, &copy);
	const uint32_t n = (uint32_t)w.len;

	if (w.failed || s->processes.len + n + PREFIX > FLIGHT_PROCESSES_BYTES) {
		s->processes_left_out++;
		return;
	}
	buf_add_char(&s->processes, (char)flags);
	buf_add(&s->processes, &n, sizeof(n));
	buf_add(&s->processes, bytes, n);
	s->processes_n++;
}

static int take_processes(struct flight_scene *s, const struct agent_services *services,
			  const struct subject *subject, const struct alert *a)
{
	const struct process_table *t = services->processes ? services->processes(services->agent)
							    : NULL;
	struct gathering g = { .subject = subject };

	if (!t)
		return 0;
	AUTO_FREE const struct process **inside = calloc(FLIGHT_MAX_PROCESSES, sizeof(*inside));

	if (!inside)
		return -ENOMEM;
	g.inside = inside;
	process_each(t, gather, &g);
	const size_t n = g.seen < FLIGHT_MAX_PROCESSES ? g.seen : FLIGHT_MAX_PROCESSES;

	if (a->process && !is_of(subject, a->process) && add_above(&g, a->process))
		add_ancestors(&g, a->process);
	for (size_t i = 0; i < n; i++)
		add_ancestors(&g, inside[i]);
	s->processes_left_out = (uint32_t)(g.seen - n);
	for (size_t i = 0; i < g.above_n; i++)
		add_process(s, g.above[i], a, true);
	for (size_t i = g.seen - n; i < g.seen; i++)
		add_process(s, inside[i % FLIGHT_MAX_PROCESSES], a, false);
	return 0;
}

bool flight_scene_process(struct span *rest, struct flight_process *out)
{
	uint32_t n;

	if (rest->n < PREFIX)
		return false;
	memcpy(&n, rest->p + 1, sizeof(n));
	if (n > rest->n - PREFIX)
		return false;
	*out = (struct flight_process){ (uint8_t)rest->p[0], { rest->p + PREFIX, n } };
	*rest = (struct span){ rest->p + PREFIX + n, rest->n - PREFIX - n };
	return true;
}

/* --- the container and the alert ---------------------------------------------------------------
 */

static void take_container(struct flight_scene *s, const struct subject *subject,
			   const struct alert_container *text)
{
	struct snapshot_container m = { .cgroups_n = (uint32_t)subject->n };
	struct wire_writer w = { .cap = SNAPSHOT_CONTAINER_MAX };

	if (!text)
		return;
	m.key = span_str(subject->c ? subject->c->key : NULL);
	memcpy(m.cgroups, subject->cgroups, subject->n * sizeof(m.cgroups[0]));
	m.image_id = text->image_id;
	m.text = (struct event_container){ .id = text->id,
					   .name = text->name,
					   .image = text->image,
					   .runtime = text->runtime,
					   .pod_name = text->pod_name,
					   .pod_namespace = text->pod_namespace };
	w.p = (uint8_t *)buf_reserve(&s->container, SNAPSHOT_CONTAINER_MAX);
	if (!w.p)
		return;
	snapshot_container_encode(&w, &m);
	s->container.len = w.failed ? 0 : w.len;
	if (subject->c && subject->c->meta && subject->c->meta->writable_layer)
		s->writable_layer = strdup(subject->c->meta->writable_layer);
}

static void put(struct buf *b, const char *key, struct span text)
{
	if (text.n > TEXT_MAX)
		text.n = TEXT_MAX;
	if (text.n > 0)
		json_put_text(b, key, text);
}

static void put_head(struct flight_scene *s, const struct alert *a)
{
	struct buf *b = &s->head;
	const struct alert_container *c = a->container;

	buf_add_char(b, '{');
	json_put_u64(b, "schema", 1);
	json_put_str(b, "id", s->id);
	json_put_time(b, "time", s->unix_ns);
	json_put_str(b, "severity", alert_severity_names[a->severity]);
	json_put_str(b, "kind", alert_kind_names[a->kind]);
	put(b, "rule", a->rule);
	put(b, "title", a->title);
	json_put_text(b, "host", span_str(s->header.host));
	if (!c) {
		json_put_key(b, "container");
		buf_add_str(b, "null");
		return;
	}
	json_put_object(b, "container");
	put(b, "id", c->id);
	put(b, "name", c->name);
	put(b, "image", c->image);
	put(b, "image_id", c->image_id);
	put(b, "runtime", c->runtime);
	buf_add_char(b, '}');
}

static void take_header(struct flight_scene *s, const struct agent_services *services)
{
	struct utsname u;

	s->unix_ns = unix_ns();
	s->unix_minus_boot_ns = services->unix_minus_boot_ns(services->agent);
	s->header = (struct recording_header){
		.event_version = EVENT_VERSION,
		.unix_minus_boot_ns = s->unix_minus_boot_ns,
		.start_unix_ns = s->events.first_ns ? s->unix_minus_boot_ns + s->events.first_ns
						    : s->unix_ns,
	};
	if (uname(&u) < 0)
		return;
	snprintf(s->header.host, sizeof(s->header.host), "%.64s", u.nodename);
	snprintf(s->header.kernel, sizeof(s->header.kernel), "%.64s", u.release);
}

int flight_scene_take(struct flight_scene *out, const struct agent_services *services,
		      const struct flight_ring *ring, const struct alert *alert, const char *id)
{
	const struct subject subject = subject_of(services, alert);
	struct flight_scene s = { .of_host = subject.host };
	int r = 0;

	snprintf(s.id, sizeof(s.id), "%s", id);
	s.events.first_process_ns = UINT64_MAX;
	buf_init(&s.head, HEAD_MAX);
	buf_init(&s.container, SNAPSHOT_CONTAINER_MAX);
	buf_init(&s.processes, FLIGHT_PROCESSES_BYTES);
	if (ring)
		r = flight_ring_copy(ring, subject.cgroups, subject.n, &s.events);
	if (r == 0)
		r = take_processes(&s, services, &subject, alert);
	if (r == 0) {
		take_header(&s, services);
		take_container(&s, &subject, alert->container);
		put_head(&s, alert);
	}
	if (r < 0 || s.head.failed || s.processes.failed || s.container.failed) {
		flight_scene_release(&s);
		return -ENOMEM;
	}
	*out = s;
	return 0;
}

void flight_scene_release(struct flight_scene *s)
{
	flight_events_release(&s->events);
	buf_release(&s->head);
	buf_release(&s->container);
	buf_release(&s->processes);
	free(TAKE(s->writable_layer));
}
