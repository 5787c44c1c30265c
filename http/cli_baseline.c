// SPDX-License-Identifier: GPL-2.0-or-later
/* bulkhead baseline: what is asked, and what root changes. */
#include "http/cli_baseline.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/base/clock.h"
#include "collector/base/io.h"
#include "http/cli_stream.h"

#define BASE	      "/api/v1/baselines"
#define OUT_MAX	      (64U << 20)
#define LONGEST_QUERY 500 /* a longer entry goes as a document */

static const char help[] =
	"Usage: bulkhead baseline [list]\n"
	"       bulkhead baseline show IMAGE [--class C|all] [--since TIME]\n"
	"       bulkhead baseline diff [IMAGE] DIGEST DIGEST\n"
	"       bulkhead baseline deviations IMAGE\n"
	"       bulkhead baseline preview IMAGE [--hours N]\n"
	"       bulkhead baseline mode IMAGE off|learn|detect|enforce\n"
	"       bulkhead baseline accept|reject|forget IMAGE CLASS --entry PATTERN\n"
	"       bulkhead baseline export IMAGE [--format FORMAT]\n"
	"       bulkhead baseline import FILE\n"
	"       bulkhead baseline merge IMAGE FILE\n"
	"       bulkhead baseline remove IMAGE\n"
	"What each image normally does, how well that is known, and what is done about the rest.\n"
	"IMAGE is nginx, docker.io/library/nginx, 'python python app.py', or a name of the "
	"list.\n\n"
	"  show        how much of each class is learned, versions, what is usual; entries with\n"
	"              --class or --since\n"
	"  diff        what one version does and the other does not; DIGEST is the start of an\n"
	"              image's id, or nginx:1.25\n"
	"  deviations  what was told and is not known: what there is to accept\n"
	"  preview     what enforcement would have blocked\n"
	"  mode        enforce needs all classes that it acts on to be learned\n"
	"  accept      known from now on; reject: never known; forget: as if never seen\n"
	"  export      for other tools; notes go to stderr\n"
	"  import      a json export of another machine, as a proposal; - reads stdin; modes stay\n"
	"  merge       the same, into this one\n"
	"  remove      all that is known of the image goes: it is learned anew\n\n"
	"      --class C       show: exec, script, write, read, listen, connect, unix, user,\n"
	"                      capability, syscall, call, or all\n"
	"      --since TIME    show: first seen then or later: 12h, 7d, 2026-11-22 or\n"
	"                      2026-11-22T10:00:00Z\n"
	"      --entry PATTERN as show and deviations write it: '*' stands for anything in a "
	"name,\n"
	"                      '**' at the end for all below, '\\*' for itself\n"
	"      --hours N       preview: of the last N hours (24)\n"
	"      --format FORMAT text (default) or json; of an export: json (default), seccomp,\n"
	"                      apparmor, falco, networkpolicy\n"
	"      --json          the same as --format json\n"
	"      --socket PATH   where bulkheadd listens ($BULKHEAD_RUN_DIR/bulkhead.sock or\n"
	"                      /run/bulkhead/bulkhead.sock)\n"
	"  -h, --help          this text\n";

struct task {
	struct cli_options common;
	const char *class, *since, *entry, *hours, *format;
	char **args; /* behind the word that says what */
	int args_n;
	char socket_path[PATH_MAX];
	const char *socket;
	struct buf query;
	const char *path;
};

/* --- asking ----------------------------------------------------------------------------------
 */

static const char *query_text(struct task *t)
{
	buf_add_char(&t->query, '\0');
	return t->query.failed ? NULL : t->query.data;
}

static json_t *ask(struct task *t, const char *path)
{
	const char *query = query_text(t);

	if (query)
		return cli_ask(t->socket, WIRE_OP_GET, path, query);
	cli_complain("the request is too long");
	return NULL;
}

static int finish(json_t *answer, const struct buf *out)
{
	json_decref(answer);
	return cli_print(out);
}

/* Prints as JSON and is done, or says that there is text to be made. */
static bool is_told(const struct task *t, json_t *answer, int *r)
{
	*r = answer ? CLI_OK : CLI_FAILED;
	if (answer && t->common.json)
		*r = cli_print_json(answer);
	if (!answer || t->common.json) {
		json_decref(answer);
		return true;
	}
	return false;
}

static int list(struct task *t)
{
	const struct cli_terminal to = cli_terminal();
	AUTO_BUF struct buf out = { .fd = -1 };
	json_t *answer = ask(t, BASE);
	int r;

	if (is_told(t, answer, &r))
		return r;
	buf_init(&out, OUT_MAX);
	cli_baselines_text(answer, &to, unix_ns(), &out);
	return finish(answer, &out);
}

/* "7d" ago, a day, or a time. */
static bool parse_since(const char *text, uint64_t *ns)
{
	char day[32];
	uint64_t seconds;

	if (cli_parse_duration(text, &seconds)) {
		const uint64_t now = unix_ns();

		*ns = now / NS_PER_S > seconds ? now - seconds * NS_PER_S : 1;
		return true;
	}
	snprintf(day, sizeof(day), "%.10sT00:00:00Z", text);
	return parse_rfc3339_ns(span_str(strlen(text) == 10 ? day : text), ns);
}

static int show(struct task *t)
{
	struct cli_baseline_view view = { .terminal = cli_terminal(), .class = t->class };
	AUTO_BUF struct buf out = { .fd = -1 };
	int r;

	if (t->since && !parse_since(t->since, &view.since_ns)) {
		cli_complain("--since takes a time such as 12h, 7d, 2026-11-22 or "
			     "2026-11-22T10:00:00Z");
		return CLI_USAGE;
	}
	cli_query_add(&t->query, "image", t->args[0]);
	json_t *answer = ask(t, BASE);

	if (is_told(t, answer, &r))
		return r;
	if (t->class && strcmp(t->class, "all") != 0 &&
	    !json_object_get(json_object_get(answer, "sets"), t->class)) {
		json_decref(answer);
		cli_complain("there is no such class");
		return CLI_USAGE;
	}
	buf_init(&out, OUT_MAX);
	cli_baseline_text(answer, &view, &out);
	return finish(answer, &out);
}

static int diff(struct task *t)
{
	const struct cli_terminal to = cli_terminal();
	AUTO_BUF struct buf out = { .fd = -1 };
	const int first = t->args_n == 3;
	int r;

	if (first)
		cli_query_add(&t->query, "image", t->args[0]);
	cli_query_add(&t->query, "a", t->args[first]);
	cli_query_add(&t->query, "b", t->args[first + 1]);
	json_t *answer = ask(t, BASE "/diff");

	if (is_told(t, answer, &r))
		return r;
	buf_init(&out, OUT_MAX);
	cli_diff_text(answer, &to, &out);
	return finish(answer, &out);
}

static int deviations(struct task *t)
{
	const struct cli_terminal to = cli_terminal();
	AUTO_BUF struct buf out = { .fd = -1 };
	int r;

	cli_query_add(&t->query, "image", t->args[0]);
	json_t *answer = ask(t, BASE "/deviations");

	if (is_told(t, answer, &r))
		return r;
	buf_init(&out, OUT_MAX);
	cli_deviations_text(answer, &to, &out);
	return finish(answer, &out);
}

static int preview(struct task *t)
{
	const struct cli_terminal to = cli_terminal();
	AUTO_BUF struct buf out = { .fd = -1 };
	int r;

	cli_query_add(&t->query, "image", t->args[0]);
	if (t->hours)
		cli_query_add(&t->query, "hours", t->hours);
	json_t *answer = ask(t, BASE "/preview");

	if (is_told(t, answer, &r))
		return r;
	buf_init(&out, OUT_MAX);
	cli_preview_text(answer, &to, &out);
	return finish(answer, &out);
}

/* The document to stdout, what there is to say about it to stderr. */
static int export(struct task *t)
{
	const json_t *note;
	size_t i;

	cli_query_add(&t->query, "image", t->args[0]);
	if (t->format)
		cli_query_add(&t->query, "format", t->format);
	json_t *answer = ask(t, BASE "/export");
	const json_t *text = json_object_get(answer, "text");
	int r = CLI_FAILED;

	if (json_is_string(text)) {
		json_array_foreach(json_object_get(answer, "notes"), i, note)
			cli_complain(json_string_value(note));
		r = io_write_all(STDOUT_FILENO, json_string_value(text), json_string_length(text)) <
				    0
			    ? CLI_FAILED
			    : CLI_OK;
	} else if (answer) {
		cli_complain("the answer of bulkheadd is not understood");
	}
	json_decref(answer);
	return r;
}

/* --- changes ---------------------------------------------------------------------------------
 */

static void say(struct buf *out, const json_t *answer, const char *what)
{
	const char *repository = cli_get_text(answer, "repository");
	const char *entrypoint = cli_get_text(answer, "entrypoint");
	const char *message = cli_get_text(answer, "message");

	buf_add_visible(out, span_str(repository ? repository : "?"));
	if (entrypoint && *entrypoint) {
		buf_add_str(out, " (");
		buf_add_visible(out, span_str(entrypoint));
		buf_add_char(out, ')');
	}
	buf_add_str(out, what);
	if (message) {
		buf_add_str(out, "; ");
		buf_add_visible(out, span_str(message));
	}
	buf_add_char(out, '\n');
}

static int told(const struct task *t, json_t *answer, const char *what)
{
	AUTO_BUF struct buf out = { .fd = -1 };
	int r;

	if (is_told(t, answer, &r))
		return r;
	buf_init(&out, 65536);
	say(&out, answer, what);
	return finish(answer, &out);
}

static int change(struct task *t, const char *path, const char *what)
{
	const char *query = query_text(t);

	if (!query) {
		cli_complain("the request is too long");
		return CLI_FAILED;
	}
	return told(t, cli_ask(t->socket, WIRE_OP_COMMAND, path, query), what);
}

static int mode(struct task *t)
{
	char what[64];

	cli_query_add(&t->query, "image", t->args[0]);
	cli_query_add(&t->query, "mode", t->args[1]);
	snprintf(what, sizeof(what), ": %.20s", t->args[1]);
	return change(t, BASE "/mode", what);
}

static int change_entry(struct task *t, const char *path, const char *what)
{
	if (!t->entry || !*t->entry) {
		fprintf(stderr, "bulkhead baseline %s needs --entry PATTERN.\n", t->args[-1]);
		return cli_bad_usage("baseline");
	}
	const struct span entry = span_str(t->entry);

	cli_query_add(&t->query, "image", t->args[0]);
	cli_query_add(&t->query, "class", t->args[1]);
	if (entry.n <= LONGEST_QUERY) {
		cli_query_add(&t->query, "entry", t->entry);
		return change(t, path, what);
	}
	const char *query = query_text(t);

	if (!query) {
		cli_complain("the request is too long");
		return CLI_FAILED;
	}
	return told(t, cli_ask_document(t->socket, path, query, entry), what);
}

static int accept_entry(struct task *t)
{
	return change_entry(t, BASE "/accept", ": accepted");
}

static int reject_entry(struct task *t)
{
	return change_entry(t, BASE "/reject", ": rejected");
}

static int forget_entry(struct task *t)
{
	return change_entry(t, BASE "/forget", ": forgotten");
}

static int remove_image(struct task *t)
{
	cli_query_add(&t->query, "image", t->args[0]);
	return change(t, BASE "/remove", ": removed, and learned anew");
}

/* --- documents -------------------------------------------------------------------------------
 */

static int read_document(const char *path, struct buf *b)
{
	const bool standard = strcmp(path, "-") == 0;
	AUTO_FD int own = standard ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	const int fd = standard ? STDIN_FILENO : own;
	ssize_t n = fd < 0 ? -1 : 1;
	char why[PATH_MAX + 128];

	while (n > 0) {
		char *to = buf_reserve(b, 65536);

		if (!to) {
			cli_complain("the document has more than 4 MiB");
			return -1;
		}
		n = read(fd, to, 65536);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			b->len += (size_t)n;
	}
	if (n < 0) {
		snprintf(why, sizeof(why), "cannot read '%s': %s", path, strerror(errno));
		cli_complain(why);
	}
	return n < 0 ? -1 : 0;
}

static int send_document(struct task *t, const char *path, const char *file, const char *what)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	const char *query = query_text(t);

	buf_init(&b, WIRE_DOCUMENT_MAX + 65536);
	if (read_document(file, &b) < 0)
		return CLI_FAILED;
	if (!query) {
		cli_complain("the request is too long");
		return CLI_FAILED;
	}
	return told(t,
		    cli_ask_document(t->socket, path, query,
				     (struct span){ b.data ? b.data : "", b.len }),
		    what);
}

static int import(struct task *t)
{
	return send_document(t, BASE "/import", t->args[0], ": imported as a proposal");
}

static int merge(struct task *t)
{
	cli_query_add(&t->query, "image", t->args[0]);
	return send_document(t, BASE "/merge", t->args[1], ": merged as a proposal");
}

/* --- the command -----------------------------------------------------------------------------
 */

static const struct {
	const char *name;
	int least, most; /* words behind it: */
	const char *takes;
	int (*run)(struct task *t);
} words[] = {
	{ "list", 0, 0, "nothing", list },
	{ "show", 1, 1, "IMAGE", show },
	{ "diff", 2, 3, "[IMAGE] DIGEST DIGEST", diff },
	{ "deviations", 1, 1, "IMAGE", deviations },
	{ "preview", 1, 1, "IMAGE", preview },
	{ "mode", 2, 2, "IMAGE MODE", mode },
	{ "accept", 2, 2, "IMAGE CLASS --entry PATTERN", accept_entry },
	{ "reject", 2, 2, "IMAGE CLASS --entry PATTERN", reject_entry },
	{ "forget", 2, 2, "IMAGE CLASS --entry PATTERN", forget_entry },
	{ "export", 1, 1, "IMAGE", export },
	{ "import", 1, 1, "FILE", import },
	{ "merge", 2, 2, "IMAGE FILE", merge },
	{ "remove", 1, 1, "IMAGE", remove_image },
};

static int run(struct task *t, int argc, char **argv)
{
	const char *word = optind < argc ? argv[optind] : "list";
	const bool is_export = strcmp(word, "export") == 0;

	t->args = argv + (optind < argc ? optind + 1 : optind);
	t->args_n = optind < argc ? argc - optind - 1 : 0;
	t->socket = cli_socket_path(t->common.socket, t->socket_path, sizeof(t->socket_path));
	if (t->format && !is_export) {
		if (strcmp(t->format, "json") == 0)
			t->common.json = true;
		else if (strcmp(t->format, "text") != 0)
			return cli_bad_usage("baseline");
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i].name, word) != 0)
			continue;
		if (t->args_n >= words[i].least && t->args_n <= words[i].most)
			return words[i].run(t);
		fprintf(stderr, "bulkhead baseline %s takes %s.\n", word, words[i].takes);
		return cli_bad_usage("baseline");
	}
	fprintf(stderr, "bulkhead baseline: there is no '%.40s'.\n", word);
	return cli_bad_usage("baseline");
}

int cli_baseline(int argc, char **argv)
{
	enum { OPT_CLASS = CLI_OPT_OWN, OPT_SINCE, OPT_ENTRY, OPT_HOURS, OPT_FORMAT, OPT_END };
	static const struct option options[] = { { "class", required_argument, NULL, OPT_CLASS },
						 { "since", required_argument, NULL, OPT_SINCE },
						 { "entry", required_argument, NULL, OPT_ENTRY },
						 { "hours", required_argument, NULL, OPT_HOURS },
						 { "format", required_argument, NULL, OPT_FORMAT },
						 CLI_COMMON_OPTIONS };
	struct task t = { .common = { .command = "baseline", .help = help } };
	const char **const own[] = { &t.class, &t.since, &t.entry, &t.hours, &t.format };
	int option, r = CLI_GO_ON;

	optind = 0;
	while (r == CLI_GO_ON && (option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option >= OPT_CLASS && option < OPT_END)
			*own[option - OPT_CLASS] = optarg;
		else
			r = cli_common_option(&t.common, option);
	}
	if (r != CLI_GO_ON)
		return r;
	buf_init(&t.query, 16384);
	r = run(&t, argc, argv);
	buf_release(&t.query);
	return r;
}
