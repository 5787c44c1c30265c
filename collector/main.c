// SPDX-License-Identifier: GPL-2.0-or-later
/* bulkheadd: watches and judges. Wires modules together and holds no logic. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "collector/agent.h"
#include "collector/base/log.h"
#include "collector/options.h"
#include "collector/replay.h"
#include "detector/detector.h"
#include "detector/posture_main.h"
#include "detector/rules_main.h"
#include "detector/score_main.h"

int main(int argc, char **argv)
{
	static struct options options;
	static struct config config;
	struct err e = { "" };

	if (argc > 1 && strcmp(argv[1], "replay") == 0)
		return replay_main(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "posture") == 0)
		return posture_main(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "rules") == 0)
		return rules_main(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "score") == 0)
		return score_main(argc - 1, argv + 1);
	int r = options_parse(&options, argc, argv);
	sigset_t hangup;

	if (r != 0)
		return r == 1 ? 0 : r;
	if (agent_load_config(&config, &options.agent, &e) < 0) {
		fprintf(stderr, "bulkheadd: %s\n", e.text);
		return 2;
	}
	if (options.check_config) {
		printf("configuration is good\n");
		return 0;
	}
	log_setup("bulkheadd", config.log_level, config.log_format);
	/* A reload that is asked for while we start waits for the loop instead of ending us. */
	sigemptyset(&hangup);
	sigaddset(&hangup, SIGHUP);
	sigprocmask(SIG_BLOCK, &hangup, NULL);
	AUTO(detector_free) struct detector *detector = NULL; /* freed after the agent */
	AUTO(agent_free) struct agent *agent = NULL;

	r = detector_new(&detector, &e);
	if (r == 0)
		options.agent.detector = detector_hooks(detector);
	if (r == 0)
		r = agent_new(&agent, &config, &options.agent, &e);
	if (r == 0)
		r = agent_run(agent, &e);
	if (r < 0)
		log_error("cannot run", "error", e.text, NULL);
	return r < 0 ? 1 : 0;
}
