/* SPDX-License-Identifier: GPL-2.0-or-later */
/* detector_rules_internal - what loading and judging share. */
#ifndef BULKHEAD_DETECTOR_RULES_INTERNAL_H
#define BULKHEAD_DETECTOR_RULES_INTERNAL_H

#include "detector/detector_rules.h"
#include "detector/dns_names.h"

#define RULES_PROBLEM 2048

struct rules_load {	       /* on its way through the worker */
	struct worker_job job; /* first member */
	struct detector_rules *owner;
	struct config *config; /* a copy: the live one may change meanwhile */
	struct rules *rules;
	char problem[RULES_PROBLEM];
	int code;
	uint64_t begun_ns, took_ns;
};

struct detector_rules {
	struct agent_services services;
	struct worker *worker;
	struct users *users;
	struct dns_names *dns;
	struct alerts *alerts;
	struct audit *audit;
	struct rules *rules; /* NULL: none was good yet */
	struct rules_load load;
	bool loading, again, problem_on;
	uint32_t ticket;
	char problem[RULES_PROBLEM];
	uint64_t loads, refused, load_ns;
	/* changes on disk */
	int inotify_fd;
	struct loop_source *watch;
	int watches[CONFIG_MAX_LIST];
	uint32_t watches_n;
	bool changed;
	uint64_t changed_ns, changed_first_ns;
	/* of events */
	struct field_event ev;
	struct field_world world;
	struct buf text;
	uint64_t number, scratch_full;
};

/* detector_rules_load.c */
int rules_load_now(struct detector_rules *r, struct err *e);
int rules_watch_start(struct detector_rules *r, struct err *e);

/* detector_rules.c */
void rules_taken(struct detector_rules *r); /* a new set is in force: what it wants */

#endif
