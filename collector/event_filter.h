/* SPDX-License-Identifier: GPL-2.0-or-later */
/* event_filter - which events somebody wants: a query parsed once, then a test an event. Pure.
 *
 * Query: `container=X&type=exec,open&class=file,network&host=0|1&format=json|text|record`, each at
 * most once, values percent-encoded; an empty value is as if it were not there.
 *   container  an id, the first characters (4 and more) of one, or a name; then nothing of the host
 *   type       names of bpf/event.h. Without type and class: all that costs nothing extra; STAT and
 *              RECV, which the kernel's side tells on demand alone, must be named
 *   class      process, file, network, isolation: their types, STAT and RECV again excepted
 *   host       0: events of containers alone
 *   format     what the events become
 *   filter     a condition in the language of rules; types that cannot pass are not asked for
 *   print      a text with fields in it ("%proc.name %fd.name"), in place of JSON */
#ifndef BULKHEAD_EVENT_FILTER_H
#define BULKHEAD_EVENT_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/base/err.h"
#include "collector/base/parse.h"
#include "collector/event_query.h"
#include "collector/event_view.h"
#include "collector/wire.h"

#define EVENT_FILTER_MAX_CONTAINER 256
#define EVENT_FILTER_MIN_PREFIX	   4

/* Told when somebody names them only. */
#define EVENT_FILTER_ON_DEMAND (EVENT_BIT(EVENT_STAT) | EVENT_BIT(EVENT_RECV))
/* Without those of all the host a recording cannot tell whose its events are. */
#define EVENT_FILTER_CONTEXT                                                                       \
	(EVENT_BIT(EVENT_FORK) | EVENT_BIT(EVENT_EXEC) | EVENT_BIT(EVENT_EXIT) |                   \
	 EVENT_BIT(EVENT_CGROUP_ATTACH))

struct event_filter {
	uint64_t types;				    /* EVENT_BIT mask of what passes */
	char container[EVENT_FILTER_MAX_CONTAINER]; /* "": any */
	size_t container_n;
	bool host;  /* events of no container pass */
	bool typed; /* types were named */
	enum wire_event_format format;
	char condition[EVENT_QUERY_BYTES], print[EVENT_QUERY_BYTES]; /* "": none */
};

/* All that is wanted without a query. */
void event_filter_init(struct event_filter *f);

/* 0, or -EINVAL and *e says what is wrong with what is known instead; *out untouched. */
int event_filter_parse(struct event_filter *out, struct span query, struct err *e);

/* One key with its value as it is meant (not encoded): for command lines. `types` and classes add
 * up: call event_filter_finish at the end. */
int event_filter_set(struct event_filter *f, struct span key, struct span value, struct err *e);
void event_filter_finish(struct event_filter *f);

/* id and name: of the event's container; NULL or "": of the host, or not known (yet). */
bool event_filter_pass(const struct event_filter *f, const struct event_view *v, const char *id,
		       const char *name);
bool event_filter_pass_span(const struct event_filter *f, const struct event_view *v,
			    struct span id, struct span name);

#endif
