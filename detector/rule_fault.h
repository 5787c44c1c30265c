/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rule_fault - where a fault is, taken out of its text again: condition_fault puts the place in
 * front, and messages have it beside. Pure, any thread. */
#ifndef BULKHEAD_RULE_FAULT_H
#define BULKHEAD_RULE_FAULT_H

#include "detector/rule_set.h"

struct rule_fault {
	struct span file; /* in the text, or the rule's */
	uint32_t line, column;
};

/* Takes "FILE:LINE:COLUMN: rule 'NAME': " off the text; what follows is returned. Without a place
 * in it that of the rule, column 0. */
struct span rule_fault_split(const struct rule *r, const char *text, struct rule_fault *p);

#endif
