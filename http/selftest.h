/* SPDX-License-Identifier: GPL-2.0-or-later */
/* selftest - bulkhead selftest: harmless actions in a throwaway container, and whether each is told
 * as an alert and reaches the sinks. One thread.
 *
 * Image and containers carry a name of this run alone and are taken away at its end, also when it
 * is interrupted. */
#ifndef BULKHEAD_SELFTEST_H
#define BULKHEAD_SELFTEST_H

#include "http/cli.h"
#include "http/selftest_actions.h"

#define SELFTEST_NO_RUNTIME 3 /* exit code */
#define SELFTEST_TIMEOUT_S  10

int cli_selftest(int argc, char **argv);

/* --- apart from where it comes from: for tests --- */
struct selftest_options {
	struct cli_options common;
	const char *runtime;		    /* or NULL: the first that works */
	const char *only[SELFTEST_ACTIONS]; /* these alone */
	size_t only_n;
	uint64_t timeout_s; /* of an action, and of its delivery */
};
/* CLI_GO_ON, or the exit code. */
int selftest_parse(struct selftest_options *o, int argc, char **argv);
bool selftest_chosen(const struct selftest_options *o, const struct selftest_action *a);

struct selftest_report {
	const char *runtime;
	const struct selftest_result *list;
	size_t n;
};
void selftest_text(const struct selftest_report *r, const struct cli_terminal *to, struct buf *out);
json_t *selftest_json(const struct selftest_report *r); /* NULL: no memory */

#endif
