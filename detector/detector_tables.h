/* SPDX-License-Identifier: GPL-2.0-or-later */
/* detector_tables - the tables of the kernel that all containers share (host_tables.h), watched:
 * what is nearly full, or soon will be, is an alert of kind resource by the rule "table-NAME", with
 * the container that fills it. Its end is told when it was not so for twelve looks or a minute,
 * whichever is shorter.
 *
 * Owner: the loop's thread; files are read on a worker of its own, whose file systems may hang. A
 * look reads some twenty files; who holds what is looked up for tables above a third of what is
 * told, or that fill fast, and before anything is told. */
#ifndef BULKHEAD_DETECTOR_TABLES_H
#define BULKHEAD_DETECTOR_TABLES_H

#include "collector/agent_detector.h"
#include "detector/alerts.h"

struct detector_tables;

struct detector_tables_settings {
	const struct agent_services *services; /* these outlive it */
	struct alerts *alerts;
};

int detector_tables_new(struct detector_tables **out, const struct detector_tables_settings *s,
			struct err *e);
/* A worker that hangs keeps all of it until the process ends. NULL is fine. */
void detector_tables_free(struct detector_tables *d);
DEFINE_AUTO(detector_tables, detector_tables_free)

void detector_tables_tick(struct detector_tables *d); /* about each second */
void detector_tables_reload(struct detector_tables *d);
void detector_tables_life(struct detector_tables *d, struct container *c, enum agent_life what);
/* GET /api/v1/tables. True: it was that. */
bool detector_tables_get(struct detector_tables *d, struct span path, struct span query,
			 uint32_t ticket);
void detector_tables_state(const struct detector_tables *d, struct alerts_state *out);

#endif
