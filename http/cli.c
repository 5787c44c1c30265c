// SPDX-License-Identifier: GPL-2.0-or-later
#include "http/cli.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "collector/base/io.h"
#include "http/client.h"

#define DEFAULT_RUN_DIR "/run/bulkhead"

static void usage(FILE *to, const struct cli_command *commands, size_t n)
{
	fprintf(to, "Usage: bulkhead COMMAND [OPTION...]\n\nCommands:\n");
	for (size_t i = 0; i < n; i++)
		if (commands[i].summary)
			fprintf(to, "  %-12s %s\n", commands[i].name, commands[i].summary);
	fprintf(to, "  %-12s %s\n\n", "help", "show this list, or the options of a command");
	fprintf(to, "'bulkhead COMMAND --help' shows the options of a command.\n"
		    "Exit codes: 0 done, 1 failed, 2 wrong usage.\n");
}

static const struct cli_command *find(const struct cli_command *commands, size_t n,
				      const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

int cli_run(const struct cli_command *commands, size_t n, int argc, char **argv)
{
	static char help_option[] = "--help";
	const struct cli_command *c;

	if (argc < 2) {
		usage(stderr, commands, n);
		return CLI_USAGE;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
		return cli_version(1, argv);
	bool help = strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 ||
		    strcmp(argv[1], "-h") == 0;

	if (help && argc == 2) {
		usage(stdout, commands, n);
		return CLI_OK;
	}
	const char *name = argv[help ? 2 : 1];

	c = find(commands, n, name);
	if (!c) {
		fprintf(stderr, "bulkhead: no such command '%s'; see 'bulkhead help'\n", name);
		return CLI_USAGE;
	}
	if (help) {
		char *args[] = { argv[2], help_option, NULL };

		return c->run(2, args);
	}
	return c->run(argc - 1, argv + 1);
}

int cli_version(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--help") != 0 && strcmp(argv[1], "-h") != 0)
		return cli_bad_usage("version");
	if (argc > 1)
		printf("Usage: bulkhead version\n");
	else
		printf("bulkhead %s (%s)\n", BULKHEAD_VERSION, BULKHEAD_REVISION);
	return CLI_OK;
}

int cli_bad_usage(const char *command)
{
	fprintf(stderr, "See 'bulkhead %s --help'.\n", command);
	return CLI_USAGE;
}

int cli_common_option(struct cli_options *o, int option)
{
	switch (option) {
	case CLI_OPT_JSON:
		o->json = true;
		return CLI_GO_ON;
	case CLI_OPT_SOCKET:
		o->socket = optarg;
		return CLI_GO_ON;
	case 'h':
		fputs(o->help, stdout);
		return CLI_OK;
	default:
		return cli_bad_usage(o->command);
	}
}

int cli_no_arguments(const struct cli_options *o, int argc)
{
	if (optind >= argc)
		return CLI_GO_ON;
	fprintf(stderr, "bulkhead %s takes no arguments.\n", o->command);
	return cli_bad_usage(o->command);
}

const char *cli_socket_path(const char *option, char *out, size_t cap)
{
	const char *dir = getenv("BULKHEAD_RUN_DIR");

	if (option && *option)
		return option;
	return io_join(out, cap, dir && *dir ? dir : DEFAULT_RUN_DIR, "bulkhead.sock") ? out : NULL;
}

void cli_complain(const char *text)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, 8192);
	buf_add_str(&b, "bulkhead: ");
	buf_add_visible(&b, span_str(text));
	buf_add_char(&b, '\n');
	io_write_all(STDERR_FILENO, b.data, b.len);
}

void cli_complain_of(const struct client_answer *a)
{
	json_t *json = json_loadb(a->body, a->body_n, 0, NULL);
	const char *message = cli_get_text(json_object_get(json, "error"), "message");
	char text[512];

	if (message)
		snprintf(text, sizeof(text), "%s", message);
	else
		snprintf(text, sizeof(text), "bulkheadd answered with status %u",
			 (unsigned)a->status);
	cli_complain(text);
	json_decref(json);
}

static json_t *ask(const char *socket_path, enum wire_op op, const char *path, const char *query,
		   int document_fd)
{
	const struct wire_request q = {
		.op = op, .path = span_str(path), .query = span_str(query), .token = { "", 0 }
	};
	struct client_answer a = { .body = NULL };
	struct err e = { "" };
	json_error_t why;

	if (!socket_path) {
		cli_complain("the path of the socket is too long");
		return NULL;
	}
	if (client_ask_with(socket_path, &q, document_fd, CLI_TIMEOUT_MS, &a, &e) < 0) {
		cli_complain(e.text);
		return NULL;
	}
	AUTO_FREE char *body = a.body;

	if (a.status != 200) {
		cli_complain_of(&a);
		return NULL;
	}
	json_t *json = json_loadb(body, a.body_n, 0, &why);

	if (!json)
		cli_complain("the answer of bulkheadd is not JSON");
	return json;
}

json_t *cli_ask(const char *socket_path, enum wire_op op, const char *path, const char *query)
{
	return ask(socket_path, op, path, query, -1);
}

json_t *cli_ask_document(const char *socket_path, const char *path, const char *query,
			 struct span document)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	AUTO_FD int fd = -1;
	struct err e = { "" };
	int r = buf_init_shared(&b, "bulkhead-document", document.n + 1, &e);

	if (r == 0) {
		buf_add(&b, document.p, document.n);
		r = b.failed ? err_set(&e, ENOMEM, "no memory for the document")
			     : (fd = buf_seal(&b, &e));
	}
	if (r < 0) {
		cli_complain(e.text);
		return NULL;
	}
	return ask(socket_path, WIRE_OP_COMMAND, path, query, fd);
}

int cli_print_json(json_t *json)
{
	int r = json_dumpf(json, stdout,
			   JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15));

	return r < 0 || fputc('\n', stdout) == EOF || fflush(stdout) == EOF ? CLI_FAILED : CLI_OK;
}

int cli_print(const struct buf *b)
{
	if (b->failed) {
		cli_complain("out of memory");
		return CLI_FAILED;
	}
	return io_write_all(STDOUT_FILENO, b->data, b->len) < 0 ? CLI_FAILED : CLI_OK;
}

struct cli_terminal cli_terminal(void)
{
	const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
	struct winsize size = { .ws_col = 0 };

	if (!isatty(STDOUT_FILENO))
		return (struct cli_terminal){ false, 0 };
	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	return (struct cli_terminal){
		.colour = !(no_colour && *no_colour) && !(term && strcmp(term, "dumb") == 0),
		.width = size.ws_col ? size.ws_col : 80,
	};
}

void cli_add_bytes(struct buf *b, uint64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	uint64_t tenths = bytes * 10;
	size_t unit = 0;

	if (bytes > UINT64_MAX / 10) {
		tenths = bytes / 1024 * 10;
		unit = 1;
	}
	while (tenths >= 10240 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		tenths = (tenths + 512) / 1024;
		unit++;
	}
	buf_add_u64(b, tenths / 10);
	if (unit > 0 && tenths < 1000) /* three digits are enough */
		buf_printf(b, ".%u", (unsigned)(tenths % 10));
	buf_add_str(b, units[unit]);
}

void cli_add_age(struct buf *b, uint64_t seconds)
{
	if (seconds < 120)
		buf_printf(b, "%us", (unsigned)seconds);
	else if (seconds < 120 * 60)
		buf_printf(b, "%um", (unsigned)(seconds / 60));
	else if (seconds < 48 * 3600)
		buf_printf(b, "%uh", (unsigned)(seconds / 3600));
	else
		buf_printf(b, "%llud", (unsigned long long)(seconds / 86400));
}

bool cli_parse_duration(const char *text, uint64_t *seconds)
{
	static const struct {
		char unit;
		uint64_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	struct span s = span_str(text);
	uint64_t scale = 1, n;

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (s.n == 0 || s.p[s.n - 1] != units[i].unit)
			continue;
		scale = units[i].seconds;
		s.n--;
		break;
	}
	if (!parse_u64(s, &n) || n > UINT32_MAX)
		return false;
	*seconds = n * scale;
	return true;
}

bool cli_get_u64(const json_t *o, const char *key, uint64_t *out)
{
	const json_t *v = json_object_get(o, key);

	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return false;
	*out = (uint64_t)json_integer_value(v);
	return true;
}

bool cli_get_real(const json_t *o, const char *key, double *out)
{
	const json_t *v = json_object_get(o, key);

	if (!json_is_number(v))
		return false;
	*out = json_number_value(v);
	return true;
}

const char *cli_get_text(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

/* bulkheadd is installed beside bulkhead (a build tree), in ../sbin (PREFIX/bin), or in PATH. */
int cli_bulkheadd(int argc, char **argv, const char *complaint)
{
	static char name[] = "bulkheadd";
	static const char *const places[] = { "bulkheadd", "../sbin/bulkheadd" };
	char self[PATH_MAX - 32], path[PATH_MAX];
	AUTO_FREE char **args = calloc((size_t)argc + 2, sizeof(*args));
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (!args)
		return CLI_FAILED;
	args[0] = name;
	memcpy(args + 1, argv, (size_t)argc * sizeof(*args));
	self[n > 0 ? n : 0] = '\0';
	char *slash = strrchr(self, '/');

	for (size_t i = 0; slash && i < sizeof(places) / sizeof(places[0]); i++) {
		slash[1] = '\0';
		snprintf(path, sizeof(path), "%s%s", self, places[i]);
		execv(path, args);
	}
	execvp(name, args);
	cli_complain(complaint);
	return CLI_FAILED;
}
