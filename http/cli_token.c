// SPDX-License-Identifier: GPL-2.0-or-later
/* bulkhead token: a viewer's token for the dashboard and the API. */
#include <limits.h>

#include "http/cli.h"

#define DEFAULT_FOR "12h"
#define MAX_FOR_S   (366u * 86400u) /* what bulkheadd grants at most */

static const char help[] =
	"Usage: bulkhead token [OPTION...]\n"
	"Makes a token that may look at everything and change nothing, and prints a link that\n"
	"logs a browser in with it. Whoever has the link can look until it expires.\n\n"
	"      --for TIME    how long it is valid: 90s, 15m, 12h (default), 7d; at most 366d\n"
	"      --json        token and link as JSON\n"
	"      --socket PATH where bulkheadd listens ($BULKHEAD_RUN_DIR/bulkhead.sock or\n"
	"                    /run/bulkhead/bulkhead.sock)\n"
	"  -h, --help        this text\n";

static int print_token(const json_t *answer)
{
	AUTO_BUF struct buf out = { .fd = -1 };
	const char *token = cli_get_text(answer, "token"), *login = cli_get_text(answer, "login");

	buf_init(&out, 1u << 16);
	buf_add_str(&out, "token  ");
	buf_add_visible(&out, span_str(token ? token : "-"));
	buf_add_str(&out, "\nlogin  ");
	buf_add_visible(&out, span_str(login ? login : "-"));
	buf_add_char(&out, '\n');
	return cli_print(&out);
}

int cli_token(int argc, char **argv)
{
	enum { OPT_FOR = CLI_OPT_OWN };
	static const struct option options[] = { { "for", required_argument, NULL, OPT_FOR },
						 CLI_COMMON_OPTIONS };
	struct cli_options common = { .command = "token", .help = help };
	const char *valid_for = DEFAULT_FOR;
	char path[PATH_MAX], query[24];
	uint64_t seconds;
	int option, r = CLI_GO_ON;

	optind = 0;
	while (r == CLI_GO_ON && (option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == OPT_FOR)
			valid_for = optarg;
		else
			r = cli_common_option(&common, option);
	}
	if (r == CLI_GO_ON)
		r = cli_no_arguments(&common, argc);
	if (r != CLI_GO_ON)
		return r;
	if (!cli_parse_duration(valid_for, &seconds) || seconds == 0 || seconds > MAX_FOR_S) {
		fprintf(stderr, "--for takes a time such as 90s, 12h or 7d, at most 366d.\n");
		return cli_bad_usage("token");
	}
	snprintf(query, sizeof(query), "%llu", (unsigned long long)seconds);
	json_t *answer = cli_ask(cli_socket_path(common.socket, path, sizeof(path)), WIRE_OP_TOKEN,
				 "", query);

	r = !answer ? CLI_FAILED : common.json ? cli_print_json(answer) : print_token(answer);
	json_decref(answer);
	return r;
}
