// SPDX-License-Identifier: GPL-2.0-or-later
/* What mining.action does to a container that is a miner, so that it can be undone as what
 * enforcement does. */
#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "collector/base/clock.h"
#include "collector/base/log.h"
#include "detector/baseline_key.h"
#include "detector/detector_miner_internal.h"

#define AGAIN_NS  (30 * NS_PER_S)
#define MINUTE_NS (60 * NS_PER_S)
#define KIN	  64 /* processes that one forked */

const char *const mining_action_names[MINING_ACTIONS] = { "alert", "kill", "freeze", "stop",
							  "throttle" };

struct response *miner_response(const struct detector_miner *d)
{
	struct response *r = detector_baseline_response(d->baseline);

	return r ? r : d->own_response;
}

static void told(void *ctx, const struct response_event *ev)
{
	struct detector_miner *d = ctx;

	audit_response(d->audit, "an action on a container that mines", ev);
}

/* Where baselines are on, their journal is the one that there is. */
int miner_act_start(struct detector_miner *d, struct err *e)
{
	const struct config *c = d->services.config;
	const struct response_settings s = {
		.state_fd = d->services.state_fd,
		.worker = d->keeper,
		.layout = d->services.layout,
		.proc = d->services.proc,
		.limits = { .lease_ns = c->enforce_lease_s * NS_PER_S,
			    .throttle_percent = c->enforce_throttle_percent },
		.told = told,
		.ctx = d,
	};

	return detector_baseline_response(d->baseline) ? 0 : response_new(&d->own_response, &s, e);
}

void miner_act_tick(struct detector_miner *d)
{
	struct err e = { "" };

	if (!d->own_response)
		return;
	if (!d->recovered && response_recover(d->own_response, &e) < 0)
		log_error("actions of an earlier run", "error", e.text, NULL);
	d->recovered = true;
	response_tick(d->own_response);
}

void miner_act_end(struct detector_miner *d)
{
	if (d->own_response)
		response_undo_all(d->own_response);
	response_free(TAKE(d->own_response));
}

/* --- whom ---------------------------------------------------------------------------------- */

static bool is_exempt(const struct suspect *s)
{
	const struct config_list *list = &s->owner->services.config->baseline_exempt;
	const struct metadata *m = s->c->meta;
	char repository[BASELINE_NAME_BYTES], pod[512];

	if (!m)
		return false;
	baseline_repository(span_str(m->image), span_str(m->image_id), repository);
	if (span_ends(span_str(repository), "/bulkhead") ||
	    span_ends(span_str(repository), "/pause"))
		return true;
	snprintf(pod, sizeof(pod), "%s/%s", m->pod_namespace ? m->pod_namespace : "",
		 m->pod_name ? m->pod_name : "");
	for (uint32_t i = 0; i < list->n; i++)
		if (fnmatch(list->items[i], repository, 0) == 0 ||
		    (m->pod_name && fnmatch(list->items[i], pod, 0) == 0))
			return true;
	return false;
}

struct kin {
	struct process_key of;
	struct process_key list[KIN];
	size_t n;
};

static bool take_kin(void *ctx, const struct process *p)
{
	struct kin *k = ctx;

	if (!p->ended && p->exec_owner.pid == k->of.pid &&
	    p->exec_owner.start_boot_ns == k->of.start_boot_ns && k->n < KIN)
		k->list[k->n++] = p->key;
	return true;
}

static unsigned kill_all_of(struct detector_miner *d, struct process_key key)
{
	const struct process_table *t = miner_processes(d);
	struct kin k = { .of = key };
	struct err e;
	unsigned killed = 0;
	bool itself = false;

	if (t)
		process_each(t, take_kin, &k);
	for (size_t i = 0; i < k.n; i++) {
		itself |= k.list[i].pid == key.pid;
		killed += response_kill(miner_response(d), k.list[i], &e) == 0;
	}
	if (!itself)
		killed += response_kill(miner_response(d), key, &e) == 0;
	return killed;
}

static bool is_to_end(const struct miner_piece *p)
{
	const enum miner_class class = miner_kinds[p->hit.kind].class;

	return p->process.pid && !p->acted && (class == MINER_SPEAKS || class == MINER_BURNS);
}

static void kill_processes(struct suspect *s)
{
	struct detector_miner *d = s->owner;
	const uint64_t now = mono_ns();
	unsigned killed = 0, held = 0;

	if (now - s->minute_ns > MINUTE_NS || !s->minute_ns) {
		s->minute_ns = now;
		s->kills = 0;
	}
	for (uint32_t i = 0; i < s->case_.n; i++) {
		struct miner_piece *p = &s->case_.pieces[i];

		if (!is_to_end(p))
			continue;
		if (s->kills >= MINER_KILLS) {
			held++;
			continue;
		}
		p->acted = true;
		s->kills++;
		killed += kill_all_of(d, p->process);
	}
	if (!killed && !held)
		return;
	d->counts.kills += killed;
	s->action = ALERT_KILL;
	snprintf(s->outcome, sizeof(s->outcome), "kill: %u process%s ended%s", killed,
		 killed == 1 ? "" : "es",
		 held ? "; it comes back too often, more are left alone this minute" : "");
}

static void act_on_container(struct suspect *s, enum response_action a)
{
	const struct response_target t = {
		.container_id = span_str(s->c->id.id),
		.image = span_str(container_image(s->c)),
		.cgroup_path = s->c->cgroup_path,
		.pid = s->c->pid,
	};
	struct err e = { "" };
	const int r = response_begin(miner_response(s->owner), &t, a, &e);

	s->action = a == RESPONSE_THROTTLE ? ALERT_THROTTLE
		    : a == RESPONSE_STOP   ? ALERT_KILL
					   : ALERT_FREEZE;
	snprintf(s->outcome, sizeof(s->outcome), "%s: %.140s", response_action_names[a],
		 r == 0		  ? "begun"
		 : r == -EALREADY ? "it is so already"
				  : e.text);
}

/* Something that speaks, or burns, was seen after the last action: it goes on. */
static bool goes_on(const struct suspect *s, uint64_t now)
{
	const uint64_t since = boot_ns() - (now - s->acted_ns);

	if (now - s->acted_ns < AGAIN_NS)
		return false;
	for (uint32_t i = 0; i < s->case_.n; i++)
		if (s->case_.pieces[i].last_boot_ns > since + AGAIN_NS / 2)
			return true;
	return false;
}

void suspect_act(struct suspect *s)
{
	struct detector_miner *d = s->owner;
	const enum mining_action a = (enum mining_action)d->services.config->mining_action;
	const uint64_t now = mono_ns();

	if (a == MINING_ALERT)
		return;
	if (is_exempt(s)) {
		s->action = ALERT_NONE;
		snprintf(s->outcome, sizeof(s->outcome), "nothing: the image is exempt");
		return;
	}
	if (a == MINING_KILL) {
		kill_processes(s);
		return;
	}
	if (s->acted_ns && !goes_on(s, now))
		return;
	s->acted_ns = now;
	d->counts.acted[a]++;
	act_on_container(s, a == MINING_FREEZE ? RESPONSE_FREEZE
			    : a == MINING_STOP ? RESPONSE_STOP
					       : RESPONSE_THROTTLE);
}
