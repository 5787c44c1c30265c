/* SPDX-License-Identifier: GPL-2.0-or-later */
/* api_internal - JSON values and the container object that api.c and api_container.c share.
 * All return new references, or NULL when memory is out: json_object_set_new and
 * json_array_append_new then fail, and api_get answers 500. */
#ifndef BULKHEAD_API_INTERNAL_H
#define BULKHEAD_API_INTERNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "collector/container.h"
#include "collector/state.h"

json_t *api_text(const char *s);    /* null for NULL; invalid UTF-8 becomes U+FFFD */
json_t *api_known(const char *s);   /* null for NULL and "" */
json_t *api_time(uint64_t unix_ns); /* RFC 3339 with ms in UTC; null for 0 */
json_t *api_number(uint64_t v);
json_t *api_seconds(uint64_t v, double units_a_second);

/* Sets and remembers failure, so that callers look once. */
struct api_object {
	json_t *json;
	bool failed;
};
struct api_object api_object(void);
void api_set(struct api_object *o, const char *key, json_t *value); /* takes value */
json_t *api_done(struct api_object *o); /* the object, or NULL when anything failed */

json_t *api_sensor(const struct sensor_state *k);    /* null for NULL */
json_t *api_baselines(const struct alerts_state *a); /* null when they are off */
json_t *api_container(const struct container *c, bool details);

#endif
