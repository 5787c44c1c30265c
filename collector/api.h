/* SPDX-License-Identifier: GPL-2.0-or-later */
/* api - JSON answers of bulkheadd: containers, one container, status, errors.
 * Owner: the loop's thread. Text from containers is made valid UTF-8 on the way. */
#ifndef BULKHEAD_API_H
#define BULKHEAD_API_H

#include <stdint.h>

#include "collector/base/buf.h"
#include "collector/base/parse.h"
#include "collector/state.h"

/* Answers GET of `path` ("/api/v1/containers", "/api/v1/containers/{id}", "/api/v1/status") into b
 * (which the caller inited) and returns the HTTP status: 200, 400, 404, 405, 409, 500. Always
 * leaves a JSON document in b. */
uint16_t api_get(const struct agent_state *s, struct span path, struct span query, struct buf *b);

/* {"error":{"status":404,"message":"..."}} */
void api_error(struct buf *b, uint16_t status, const char *message);

#endif
