// SPDX-License-Identifier: GPL-2.0-or-later
/* bulkhead: the command line, and `serve`, the HTTP side that bulkheadd starts. */
#include <string.h>

#include "http/cli.h"
#include "http/cli_alerts.h"
#include "http/cli_baseline.h"
#include "http/cli_posture.h"
#include "http/cli_sinks.h"
#include "http/selftest.h"
#include "http/serve.h"

static const struct cli_command commands[] = {
	{ "alerts", "show the newest alerts, or one with what led to it", cli_alerts },
	{ "baseline", "what each image normally does, and what is done about the rest",
	  cli_baseline },
	{ "containers", "list containers with their latest figures", cli_containers },
	{ "events", "print events as they happen", cli_events },
	{ "log", "show the newest alerts, or the audit", cli_log },
	{ "posture", "show how well containers and the host are shut in", cli_posture },
	{ "record", "write events into a file", cli_record },
	{ "replay", "print the events of a recording", cli_replay },
	{ "rules", "check, explain and try rules, show what the agent runs", cli_rules },
	{ "score", "say how new each row of a series is", cli_score },
	{ "selftest", "do harmless things in a container, show which alerts come", cli_selftest },
	{ "silence", "keep alerts from the sinks for a time", cli_silence },
	{ "sinks", "show where alerts go, test one", cli_sinks },
	{ "status", "show how the agent itself is", cli_status },
	{ "token", "make a token for the dashboard and the API", cli_token },
	{ "version", "show the version", cli_version },
};

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "serve") == 0) /* for bulkheadd only, so not in the help */
		return serve_main(argc, argv);
	return cli_run(commands, sizeof(commands) / sizeof(commands[0]), argc, argv);
}
