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

/* The list of containers in slices: hundreds take longer than a turn of the loop may. It holds
 * references, so containers may come and go between the slices. */
struct api_list;
bool api_is_list(struct span path); /* what api_list answers; api_get answers it at once */
int api_list_new(struct api_list **out, const struct agent_state *s, struct span query,
		 struct err *e); /* -EINVAL: the query is wrong */
void api_list_free(struct api_list *l);
DEFINE_AUTO(api_list, api_list_free)
/* Goes on for about budget_ns. 1: *b is the whole answer; 0: call again; -ENOMEM, *b is of no use.
 */
int api_list_step(struct api_list *l, struct buf *b, uint64_t budget_ns);

#endif
