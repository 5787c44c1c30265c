/* SPDX-License-Identifier: GPL-2.0-or-later */
/* options - bulkheadd's command line. */
#ifndef BULKHEAD_OPTIONS_H
#define BULKHEAD_OPTIONS_H

#include <limits.h>
#include <stdbool.h>

#include "collector/agent.h"

#define OPTIONS_MAX_SETTINGS 64
#define OPTIONS_RULES_BYTES  16384

struct options {
	struct agent_options agent; /* points into this structure */
	char settings[OPTIONS_MAX_SETTINGS][512];
	const char *settings_list[OPTIONS_MAX_SETTINGS + 1];
	unsigned settings_n;
	char rules[OPTIONS_RULES_BYTES]; /* "rules.files=A,B" of --rules */
	char serve_program[PATH_MAX];
	bool check_config;
};

/* 0: go on; 1: done (help or version was printed); 2: usage error, said on stderr. */
int options_parse(struct options *o, int argc, char **argv);

#endif
