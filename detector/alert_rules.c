// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/alert_rules.h"

#include <string.h>

/* A longer name is not cut: two rules would become one. */
static bool fits(struct span rule)
{
	return rule.n > 0 && rule.n < ALERTS_RULE_BYTES && !memchr(rule.p, '\0', rule.n) &&
	       !span_eq(rule, "other");
}

void alert_rules_count(struct alert_rules *r, struct span rule)
{
	struct alerts_rule *a = r->list;

	if (!fits(rule)) {
		r->other++;
		return;
	}
	/* A few thousand alerts a second at most, and first the rules that came first. */
	while (a < r->list + r->n && !span_eq(rule, a->name))
		a++;
	if (a == r->list + ALERT_RULES_MAX) {
		r->other++;
		return;
	}
	if (a == r->list + r->n) {
		memcpy(a->name, rule.p, rule.n);
		a->name[rule.n] = '\0';
		r->n++;
	}
	a->raised++;
}
