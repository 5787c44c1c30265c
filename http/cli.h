/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cli - what the commands of `bulkhead` share: options, questions to bulkheadd, tables for
 * terminals. One thread. Text that came from containers is escaped before it reaches the terminal.
 */
#ifndef BULKHEAD_CLI_H
#define BULKHEAD_CLI_H

#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/base/buf.h"
#include "collector/wire.h"
#include "http/client.h"

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 }; /* exit codes */

#define CLI_TIMEOUT_MS	10000
#define CLI_MAX_COLUMNS 16

struct cli_command {
	const char *name, *summary;
	int (*run)(int argc, char **argv); /* argv[0] is the command's name; returns an exit code */
};

/* The command that argv[1] names; with none, or with help, the list of them. */
int cli_run(const struct cli_command *commands, size_t n, int argc, char **argv);

int cli_containers(int argc, char **argv);
int cli_status(int argc, char **argv);
int cli_token(int argc, char **argv);
int cli_events(int argc, char **argv);
int cli_record(int argc, char **argv);
int cli_replay(int argc, char **argv);
int cli_rules(int argc, char **argv);
int cli_score(int argc, char **argv);
int cli_version(int argc, char **argv);

/* Becomes `bulkheadd ARGV...` (argv[0] is its command); returns only when it cannot, after it told
 * stderr the complaint. */
int cli_bulkheadd(int argc, char **argv, const char *complaint);

/* "/run/bulkhead/bulkhead.sock", or below $BULKHEAD_RUN_DIR; into out[cap]. NULL: it does not fit.
 */
const char *cli_socket_path(const char *option, char *out, size_t cap);

/* Asks and parses. NULL after it told stderr why, in bulkheadd's own words where it has them. */
json_t *cli_ask(const char *socket_path, enum wire_op op, const char *path, const char *query);
/* A command with a document beside it. */
json_t *cli_ask_document(const char *socket_path, const char *path, const char *query,
			 struct span document);
void cli_complain(const char *text);		     /* to stderr, escaped: text of others too */
void cli_complain_of(const struct client_answer *a); /* of an answer that is no success */
int cli_print_json(json_t *json);		     /* indented, pure ASCII */
int cli_print(const struct buf *b);		     /* to stdout: CLI_OK or CLI_FAILED */
int cli_bad_usage(const char *command);		     /* after getopt's own message */

/* What every command that asks takes; a command's own options go before the common ones. */
struct cli_options {
	const char *command, *help; /* name, text */
	const char *socket;	    /* of --socket, or NULL */
	bool json;
};
enum { CLI_OPT_JSON = 256, CLI_OPT_SOCKET, CLI_OPT_OWN };
#define CLI_COMMON_OPTIONS                                                                         \
	{ "json", no_argument, NULL, CLI_OPT_JSON },                                               \
		{ "socket", required_argument, NULL, CLI_OPT_SOCKET },                             \
		{ "help", no_argument, NULL, 'h' },                                                \
	{                                                                                          \
		NULL, 0, NULL, 0                                                                   \
	}
#define CLI_GO_ON (-1)
/* Takes an option that is not the command's own: CLI_GO_ON, or the exit code. */
int cli_common_option(struct cli_options *o, int option);
int cli_no_arguments(const struct cli_options *o, int argc); /* CLI_GO_ON, or CLI_USAGE */

struct cli_terminal {
	bool colour;
	unsigned width; /* columns; 0: not a terminal, nothing is cut */
};
struct cli_terminal cli_terminal(void);

/* --- tables --- */
enum cli_colour { CLI_PLAIN, CLI_GREEN, CLI_YELLOW, CLI_RED, CLI_DIM };

struct cli_column {
	const char *title;
	bool right;
	unsigned least; /* may be cut down to so many characters when the terminal is narrow; 0: not
			 */
};

struct cli_cell {
	char *text; /* owned by the table; visible characters only */
	enum cli_colour colour;
};

struct cli_table {
	const struct cli_column *columns;
	size_t columns_n;
	struct cli_cell *cells; /* row by row */
	size_t cells_n, cap;
	bool failed;
};

void cli_table_init(struct cli_table *t, const struct cli_column *columns, size_t n);
void cli_table_release(struct cli_table *t);
static inline void auto_cli_table_release(struct cli_table *t)
{
	cli_table_release(t);
}
/* The next cell, escaped here; NULL is shown as "-". */
void cli_table_cell(struct cli_table *t, const char *text, enum cli_colour colour);
void cli_table_print(const struct cli_table *t, const struct cli_terminal *to, struct buf *out);

/* --- figures, as short as they can be read --- */
void cli_add_bytes(struct buf *b, uint64_t bytes);	      /* "12.3MiB" */
void cli_add_age(struct buf *b, uint64_t seconds);	      /* "5s", "12m", "3h", "4d" */
bool cli_parse_duration(const char *text, uint64_t *seconds); /* "90", "90s", "15m", "12h", "7d" */

/* --- reading JSON: false when absent, null or of another type --- */
bool cli_get_u64(const json_t *o, const char *key, uint64_t *out);
bool cli_get_real(const json_t *o, const char *key, double *out);
const char *cli_get_text(const json_t *o, const char *key); /* NULL when absent */

/* --- what the commands print, apart from where it comes from: for tests --- */
struct cli_containers_view {
	struct cli_terminal terminal;
	uint64_t now_unix_ns;
	bool no_trunc;
};
int cli_containers_text(const json_t *answer, const struct cli_containers_view *view,
			struct buf *out);
struct cli_rules_view {
	struct cli_terminal terminal;
	bool stats;		    /* where time goes; else what the rules are */
	const char *tag, *priority; /* or NULL: of a list, these (and worse) alone */
};
/* The answer of /api/v1/rules as a table. */
int cli_rules_text(const json_t *answer, const struct cli_rules_view *view, struct buf *out);
bool cli_rules_priority(const char *name, unsigned *level); /* "warning": 4; false: no such */
int cli_status_text(const json_t *answer, const struct cli_terminal *to, struct buf *out);

#endif
