// SPDX-License-Identifier: GPL-2.0-or-later
/* What is known of images, in /api/v1/status. */
#include "collector/agent_detector.h"
#include "collector/api_internal.h"

static json_t *modes_json(const struct baselines_state *b)
{
	struct api_object o = api_object();

	for (size_t i = 0; i < BASELINES_MODES && b->modes[i]; i++)
		api_set(&o, b->modes[i], api_number(b->by_mode[i]));
	return api_done(&o);
}

static json_t *breaker_json(const struct baselines_state *b)
{
	struct api_object o = api_object();

	api_set(&o, "tripped", api_number(b->tripped));
	api_set(&o, "actions", api_number(b->breaker_actions));
	api_set(&o, "actions_last_minute", api_number(b->breaker_recent));
	return api_done(&o);
}

json_t *api_baselines(const struct alerts_state *a)
{
	struct api_object o = api_object();

	if (!a || !a->baselines.on) {
		json_decref(o.json);
		return json_null();
	}
	const struct baselines_state *b = &a->baselines;

	api_set(&o, "images", modes_json(b));
	api_set(&o, "complete", api_number(b->complete));
	api_set(&o, "containers", api_number(b->observed - b->sandboxes));
	api_set(&o, "containers_without_image", api_number(b->without_image));
	api_set(&o, "deviations", api_number(b->deviations));
	api_set(&o, "breaker", breaker_json(b));
	api_set(&o, "responses_stuck", api_number(b->responses_stuck));
	return api_done(&o);
}
