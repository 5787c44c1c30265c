// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/detector_resources.h"

#include <errno.h>

#include "collector/base/clock.h"
#include "detector/restarts.h"
#include "detector/threshold.h"

struct detector_resources {
	const struct agent_services *services;
	struct rates *rates;
	struct contention *contention;
	struct restarts *restarts;
	struct threshold *threshold;
};

void detector_resources_tick(struct detector_resources *r)
{
	const struct agent_services *s = r->services;
	const uint64_t window_ns = threshold_window_ns(r->threshold);
	const uint64_t network_ns = s->config->network_interval_ms * NS_PER_MS;
	struct metric_world w = { .containers = s->containers(s->agent),
				  .rates = r->rates,
				  .contention = r->contention,
				  .state_fd = s->state_fd,
				  .state_dir = s->config->state_dir,
				  .now_ns = mono_ns(),
				  .now_unix_ns = unix_ns() };

	if (!w.containers)
		return;
	s->host(s->agent, &w.machine, &w.live);
	if (rates_tick(r->rates, w.containers, w.now_ns, window_ns,
		       network_ns > window_ns ? network_ns : window_ns))
		contention_tick(r->contention, w.containers, r->rates, w.machine, w.live, w.now_ns);
	restarts_tick(r->restarts, w.containers, w.now_ns, threshold_restarts_ns(r->threshold));
	threshold_tick(r->threshold, &w);
}

void detector_resources_reload(struct detector_resources *r)
{
	threshold_configure(r->threshold);
}

void detector_resources_life(struct detector_resources *r, struct container *c,
			     enum agent_life what)
{
	if (what == LIFE_STARTED)
		restarts_started(r->restarts, c, mono_ns());
	if (what != LIFE_STOPPED)
		return;
	restarts_ended(r->restarts, c, mono_ns());
	threshold_ended(r->threshold, c);
}

bool detector_resources_tells_oom(const struct detector_resources *r, const struct container *c,
				  enum alert_severity *severity)
{
	return threshold_tells_oom(r->threshold, c, severity);
}

bool detector_resources_oom_cause(const struct detector_resources *r, const struct container *c,
				  struct contention_verdict *out)
{
	return contention_blame(r->contention, c, CONTENDED_MEMORY, out);
}

void detector_resources_normal(struct detector_resources *r, contention_normal_fn fn, void *ctx)
{
	contention_set_normal(r->contention, fn, ctx);
}

void detector_resources_state(const struct detector_resources *r, struct alerts_state *out)
{
	const struct threshold_stats t = threshold_stats(r->threshold);
	const struct restarts_stats n = restarts_stats(r->restarts);
	const struct rates_stats rates = rates_stats(r->rates);

	alerts_state_table(out, "thresholds_beyond", t.beyond, t.capacity, t.refused);
	alerts_state_table(out, "restart_names", n.names, RESTARTS_MAX_NAMES, n.names_refused);
	alerts_state_table(out, "restart_ends", n.waiting, RESTARTS_MAX_WAITING, n.waiting_refused);
	alerts_state_table(out, "rates", rates.used, rates.capacity, rates.refused);
}

int detector_resources_new(struct detector_resources **out, const struct agent_services *s,
			   struct alerts *alerts, struct err *e)
{
	AUTO(detector_resources_free) struct detector_resources *r = calloc(1, sizeof(*r));

	if (!r)
		return err_set(e, ENOMEM, "no memory for thresholds");
	r->services = s;
	int ret = rates_new(&r->rates, e);

	if (ret == 0)
		ret = contention_new(&r->contention, e);
	if (ret == 0)
		ret = restarts_new(&r->restarts, unix_ns(), e);
	const struct threshold_settings set = { s, alerts, r->restarts };

	if (ret == 0)
		ret = threshold_new(&r->threshold, &set, e);
	if (ret < 0)
		return ret;
	*out = TAKE(r);
	return 0;
}

void detector_resources_free(struct detector_resources *r)
{
	if (!r)
		return;
	threshold_free(r->threshold);
	restarts_free(r->restarts);
	contention_free(r->contention);
	rates_free(r->rates);
	free(r);
}
