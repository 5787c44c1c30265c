/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stratum_json - for stratum.c alone: messages of JSON, cut anywhere. */
#ifndef BULKHEAD_STRATUM_JSON_H
#define BULKHEAD_STRATUM_JSON_H

#include "detector/stratum.h"

/* s begins with '{' or '['. Fills dialect, by_pool, method, account and agent. */
enum stratum_result stratum_json(struct span s, bool is_http, struct stratum_seen *out);

#endif
