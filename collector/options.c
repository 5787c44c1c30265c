// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
	"bulkheadd - watches the containers of this host\n"
	"\n"
	"usage: bulkheadd [OPTION...]\n"
	"       bulkheadd replay FILE [OPTION...]   prints a recording; see replay --help\n"
	"       bulkheadd rules COMMAND ...         checks and tries rules; see rules --help\n"
	"       bulkheadd score [--warmup ROWS]     how new each row of a series is\n"
	"\n"
	"  -c, --config FILE        settings in YAML (default " CONFIG_DEFAULT_PATH ")\n"
	"      --listen ADDR:PORT   where the dashboard, API and metrics are served\n"
	"      --state-dir DIR      history, tokens\n"
	"      --run-dir DIR        bulkhead.sock\n"
	"      --rootfs DIR         where the host's / is mounted, in a container\n"
	"      --rules PATH         a file or directory of rules, in place of rules.files;\n"
	"                           may be given again\n"
	"      --log-level LEVEL    error, warning, info, debug\n"
	"      --set KEY=VALUE      any key of the configuration, e.g. sample.interval=2s\n"
	"      --check-config       say whether the configuration is good, then exit (0 or 2)\n"
	"      --print-login-link   print the URL and a link with a viewer token of one hour\n"
	"      --version, --help\n"
	"\n"
	"Signals: SIGHUP reads the configuration again, SIGTERM and SIGINT stop.\n";

enum {
	OPT_LISTEN = 256,
	OPT_STATE_DIR,
	OPT_RUN_DIR,
	OPT_ROOTFS,
	OPT_LOG_LEVEL,
	OPT_RULES,
	OPT_SET,
	OPT_CHECK_CONFIG,
	OPT_LOGIN_LINK,
	OPT_VERSION
};

static const struct option longs[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "listen", required_argument, NULL, OPT_LISTEN },
	{ "state-dir", required_argument, NULL, OPT_STATE_DIR },
	{ "run-dir", required_argument, NULL, OPT_RUN_DIR },
	{ "rootfs", required_argument, NULL, OPT_ROOTFS },
	{ "rules", required_argument, NULL, OPT_RULES },
	{ "log-level", required_argument, NULL, OPT_LOG_LEVEL },
	{ "set", required_argument, NULL, OPT_SET },
	{ "check-config", no_argument, NULL, OPT_CHECK_CONFIG },
	{ "print-login-link", no_argument, NULL, OPT_LOGIN_LINK },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/* Flags that are short forms of a key. */
static const struct {
	int option;
	const char *key;
} keys[] = {
	{ OPT_LISTEN, "listen" }, { OPT_STATE_DIR, "state_dir" }, { OPT_RUN_DIR, "run_dir" },
	{ OPT_ROOTFS, "rootfs" }, { OPT_LOG_LEVEL, "log.level" }, { OPT_SET, NULL },
};

static bool add_setting(struct options *o, const char *key, const char *value)
{
	char *text = o->settings[o->settings_n % OPTIONS_MAX_SETTINGS];

	if (o->settings_n == OPTIONS_MAX_SETTINGS ||
	    snprintf(text, sizeof(o->settings[0]), "%s%s%s", key ? key : "", key ? "=" : "",
		     value) >= (int)sizeof(o->settings[0])) {
		fprintf(stderr, "bulkheadd: too many or too long settings\n");
		return false;
	}
	o->settings_list[o->settings_n++] = text;
	return true;
}

/* `bulkhead` is installed beside bulkheadd (a build tree) or in ../bin (PREFIX/sbin). */
static void find_serve(struct options *o)
{
	char self[PATH_MAX - 32];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = '\0';
	char *slash = strrchr(self, '/');

	if (slash)
		*slash = '\0';
	snprintf(o->serve_program, sizeof(o->serve_program), "%s/bulkhead", self);
	if (access(o->serve_program, X_OK) < 0)
		snprintf(o->serve_program, sizeof(o->serve_program), "%s/../bin/bulkhead", self);
}

/* Each adds to the list, which is one setting. */
static int add_rules(struct options *o, const char *path)
{
	static const char key[] = "rules.files=";
	char absolute[PATH_MAX];
	size_t n = strlen(o->rules);

	if (strcmp(path, "default") == 0)
		snprintf(absolute, sizeof(absolute), "%s", path);
	else if (!realpath(path, absolute)) {
		fprintf(stderr, "bulkheadd: --rules '%s': %s\n", path, strerror(errno));
		return 2;
	}
	int added = snprintf(o->rules + n, sizeof(o->rules) - n, "%s%s", n ? "," : key, absolute);

	if (added < 0 || (size_t)added >= sizeof(o->rules) - n || strchr(absolute, ',') ||
	    (n == 0 && o->settings_n == OPTIONS_MAX_SETTINGS)) {
		fprintf(stderr, "bulkheadd: too many --rules, or a comma in a path\n");
		return 2;
	}
	if (n == 0)
		o->settings_list[o->settings_n++] = o->rules;
	return 0;
}

static int take(struct options *o, int option)
{
	switch (option) {
	case 'c':
		o->agent.config_path = optarg;
		o->agent.config_required = true;
		return 0;
	case OPT_RULES:
		return add_rules(o, optarg);
	case OPT_CHECK_CONFIG:
		o->check_config = true;
		return 0;
	case OPT_LOGIN_LINK:
		o->agent.print_login_link = true;
		return 0;
	case OPT_VERSION:
		printf("bulkheadd %s (%s)\n", BULKHEAD_VERSION, BULKHEAD_REVISION);
		return 1;
	case 'h':
		fputs(help, stdout);
		return 1;
	default:
		break;
	}
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i].option == option)
			return add_setting(o, keys[i].key, optarg) ? 0 : 2;
	fprintf(stderr, "Try 'bulkheadd --help'.\n");
	return 2;
}

int options_parse(struct options *o, int argc, char **argv)
{
	int option;

	memset(o, 0, sizeof(*o));
	o->agent.config_path = CONFIG_DEFAULT_PATH;
	o->agent.settings = o->settings_list;
	o->agent.serve_program = o->serve_program;
	while ((option = getopt_long(argc, argv, "c:h", longs, NULL)) != -1) {
		int r = take(o, option);

		if (r != 0)
			return r;
	}
	if (optind < argc) {
		fprintf(stderr, "bulkheadd: unexpected argument '%s'\nTry 'bulkheadd --help'.\n",
			argv[optind]);
		return 2;
	}
	find_serve(o);
	return 0;
}
