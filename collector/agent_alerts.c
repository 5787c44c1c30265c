// SPDX-License-Identifier: GPL-2.0-or-later
/* The judge (detector/) behind its hooks: what it is told, what it may ask for, whom it answers. */
#include "collector/agent_internal.h"

#include <errno.h>
#include <string.h>

#define SERVE_ENDS_NS (300 * NS_PER_S) /* so many ends within so long are a trouble */
#define SERVE_ENDS    3
#define SERVE_GOOD_NS (60 * NS_PER_S) /* a run this long ends it */

static const struct agent_detector *hooks(const struct agent *a)
{
	return a->detector_on ? a->options.detector : NULL;
}

/* --- services ------------------------------------------------------------------------------ */

static struct process_table *processes_of(struct agent *a)
{
	return a->processes;
}

static const struct container_table *containers_of(struct agent *a)
{
	return a->table;
}

static void host_of(struct agent *a, const struct machine **m, const struct machine_live **live)
{
	*m = &a->machine;
	*live = &a->live;
}

static uint64_t clock_of(struct agent *a)
{
	return a->unix_minus_boot_ns;
}

static int send_to_serve(struct agent *a, enum wire_type type, struct span payload, int fd)
{
	if (a->serve && a->serve_up)
		return peer_send(a->serve, type, 0, payload, fd);
	if (fd >= 0)
		close(fd);
	return -ENOTCONN;
}

static void answer_ticket(struct agent *a, uint32_t number, uint16_t status, struct buf *body)
{
	struct agent_ticket t = { .peer = NULL };

	if (number < AGENT_MAX_TICKETS)
		t = a->tickets[number];
	if (t.peer)
		peer_respond(t.peer, t.request_id, status, WIRE_CONTENT_JSON, body);
	else
		buf_release(body);
	if (number < AGENT_MAX_TICKETS)
		a->tickets[number] = (struct agent_ticket){ .peer = NULL };
}

int agent_alerts_start(struct agent *a, struct err *e)
{
	struct agent_services s = {
		.agent = a,
		.loop = a->loop,
		.state_fd = a->state_fd,
		.config = &a->config,
		.proc = a->proc,
		.processes = processes_of,
		.containers = containers_of,
		.host = host_of,
		.unix_minus_boot_ns = clock_of,
		.send = send_to_serve,
		.answer = answer_ticket,
		.degraded = agent_degraded,
		.want = agent_sensor_want,
		.layout = &a->layout,
	};

	if (!a->options.detector)
		return 0;
	agent_sensor_services(&s);
	a->detector_started = true;
	int r = a->options.detector->start(a->options.detector->ctx, &s, e);

	a->detector_on = r == 0;
	return r;
}

void agent_alerts_stop(struct agent *a)
{
	if (a->detector_started)
		a->options.detector->stop(a->options.detector->ctx);
	a->detector_started = a->detector_on = false;
}

/* --- requests ------------------------------------------------------------------------------ */

static void refuse(struct agent *a, struct peer *p, uint32_t request_id)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	a->tickets_refused++;
	buf_init(&b, 1024);
	api_error(&b, 503, "too many requests wait for their answer: try again in a moment");
	peer_respond(p, request_id, 503, WIRE_CONTENT_JSON, &b);
}

static bool hand_over(const struct agent_detector *d, const struct wire_request *q,
		      const struct span *document, uint32_t ticket)
{
	if (document)
		return d->document && d->document(d->ctx, q->path, q->query, *document, ticket);
	return q->op == WIRE_OP_COMMAND ? d->command(d->ctx, q->path, q->query, ticket)
					: d->get(d->ctx, q->path, q->query, ticket);
}

bool agent_alerts_request(struct agent *a, struct peer *p, uint32_t request_id,
			  const struct wire_request *q, const struct span *document)
{
	const struct agent_detector *d = hooks(a);
	uint32_t number = 0;

	if (!d)
		return false;
	while (number < AGENT_MAX_TICKETS && a->tickets[number].used)
		number++;
	const bool room = number < AGENT_MAX_TICKETS;

	if (room)
		a->tickets[number] = (struct agent_ticket){ p, request_id, true };
	else
		number = AGENT_NO_TICKET;
	if (hand_over(d, q, document, number)) {
		if (!room)
			refuse(a, p, request_id);
		return true;
	}
	if (room)
		a->tickets[number] = (struct agent_ticket){ .peer = NULL };
	return false;
}

/* The ticket stays in use until its answer comes, which then goes nowhere. */
void agent_alerts_forget_peer(struct agent *a, const struct peer *p)
{
	for (size_t i = 0; i < AGENT_MAX_TICKETS; i++)
		if (a->tickets[i].peer == p)
			a->tickets[i].peer = NULL;
}

/* --- what it is told ----------------------------------------------------------------------- */

void agent_alerts_event(struct agent *a, const struct event_view *v, const struct event_context *c,
			struct container *of)
{
	const struct agent_detector *d = hooks(a);

	if (d)
		d->event(d->ctx, v, c, of);
}

void agent_alerts_life(struct agent *a, struct container *c, enum agent_life what)
{
	const struct agent_detector *d = hooks(a);
	const struct member *m = member_of(c);

	if (!d || (c->kind != CGROUP_CONTAINER && c->kind != CGROUP_SERVICE))
		return;
	/* That it was there before us is no news. */
	if (m && m->before_us && (what == LIFE_CREATED || what == LIFE_STARTED))
		return;
	d->life(d->ctx, c, what);
}

/* What its metadata says of its life now and said before. */
void agent_alerts_metadata(struct agent *a, struct container *c, bool first,
			   enum container_state before)
{
	const enum container_state now = c->meta->state;

	if (c->ended || now == before)
		return;
	if (now == STATE_RUNNING &&
	    (first || before == STATE_CREATED || before == STATE_UNKNOWN || before == STATE_EXITED))
		agent_alerts_life(a, c, LIFE_STARTED);
	else if (now == STATE_RUNNING && before == STATE_PAUSED)
		agent_alerts_life(a, c, LIFE_RESUMED);
	else if (now == STATE_PAUSED)
		agent_alerts_life(a, c, LIFE_PAUSED);
}

void agent_alerts_oom(struct agent *a, struct container *c, const struct kmsg_oom *kernel,
		      uint64_t kills)
{
	const struct agent_detector *d = hooks(a);
	const struct agent_oom oom = { kernel, kills };

	if (d && (c->kind == CGROUP_CONTAINER || c->kind == CGROUP_SERVICE))
		d->oom(d->ctx, c, &oom);
}

void agent_alerts_trouble(struct agent *a, enum agent_trouble what, bool on, const char *text)
{
	const struct agent_detector *d = hooks(a);

	if (!d || a->troubles[what] == on)
		return;
	a->troubles[what] = on;
	d->trouble(d->ctx, what, on, text ? text : "");
}

void agent_alerts_audit(struct agent *a, const struct agent_audit *audit)
{
	const struct agent_detector *d = hooks(a);

	if (d)
		d->audit(d->ctx, audit);
}

void agent_alerts_serve_up(struct agent *a)
{
	const struct agent_detector *d = hooks(a);

	a->serve_ready_ns = mono_ns();
	if (d)
		d->serve_up(d->ctx);
}

void agent_alerts_serve_ended(struct agent *a)
{
	const uint64_t now = mono_ns();

	if (now - a->serve_ends_since_ns > SERVE_ENDS_NS)
		a->serve_ends = 0;
	if (a->serve_ends++ == 0)
		a->serve_ends_since_ns = now;
	if (a->serve_ends >= SERVE_ENDS)
		agent_alerts_trouble(a, TROUBLE_SERVE_FAILING, true, a->serve_problem);
}

void agent_alerts_frame(struct agent *a, const struct wire_frame *f)
{
	const struct agent_detector *d = hooks(a);

	if (d)
		d->serve_frame(d->ctx, f->type, f->payload);
}

void agent_alerts_reload(struct agent *a, const char *refused)
{
	const struct agent_detector *d = hooks(a);
	const struct agent_audit audit = {
		.rule = "config.reload",
		.title = refused ? "a new configuration was refused"
				 : "the configuration was read again",
		.key = refused ? "reason" : "file",
		.value = refused ? refused : a->options.config_path,
		.failed = refused != NULL,
	};

	agent_alerts_trouble(a, TROUBLE_CONFIG_REFUSED, refused != NULL, refused);
	agent_alerts_audit(a, &audit);
	if (d && !refused)
		d->reload(d->ctx);
}

void agent_alerts_round(struct agent *a)
{
	const struct agent_detector *d = hooks(a);
	const char *problem = agent_sensor_problem(a);

	if (!d)
		return;
	agent_alerts_trouble(a, TROUBLE_SENSOR_OFF,
			     problem && a->config.sensor_mode != SENSOR_WANT_OFF, problem);
	if (a->serve_up && mono_ns() - a->serve_ready_ns > SERVE_GOOD_NS)
		agent_alerts_trouble(a, TROUBLE_SERVE_FAILING, false, NULL);
	d->round(d->ctx);
}

void agent_alerts_state(struct agent *a, struct alerts_state *out)
{
	const struct agent_detector *d = hooks(a);

	memset(out, 0, sizeof(*out));
	if (!d)
		return;
	d->state(d->ctx, out);
	size_t used = 0;

	for (size_t i = 0; i < AGENT_MAX_TICKETS; i++)
		used += a->tickets[i].used;
	alerts_state_table(out, "alert_requests", used, AGENT_MAX_TICKETS, a->tickets_refused);
}
