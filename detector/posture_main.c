// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/posture_main.h"

#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "collector/base/io.h"
#include "collector/json_put.h"
#include "detector/posture_host.h"

#define OUT_MAX (16u << 20)

enum { MAIN_GOOD = 0, MAIN_FAILED = 1, MAIN_USAGE = 2 };
enum { OPT_HOST = 256, OPT_ROOT, OPT_FORMAT, OPT_JSON };

static const char help[] =
	"Usage: bulkhead posture --host [--root DIR] [--format FORMAT]\n"
	"Reads how docker, containerd and Kubernetes are set up on this host, from files and "
	"/proc\n"
	"alone: items of the CIS Docker Benchmark 1.6.0 (sections 1 to 4, 6, 7, and 5.1) and of "
	"the\n"
	"CIS Kubernetes Benchmark 1.8 (files and kubelet of a node, files of the control plane).\n"
	"Needs no running agent; what only root may read needs root.\n\n"
	"      --root DIR      the host whose / is mounted there\n"
	"      --format FORMAT text (default) or json\n"
	"      --json          the same as --format json\n"
	"  -h, --help          this text\n\n"
	"Exit codes: 0 no item failed, 1 some did, or nothing can be read or written, 2 wrong "
	"usage.\n";

static const struct option longs[] = {
	{ "host", no_argument, NULL, OPT_HOST },
	{ "root", required_argument, NULL, OPT_ROOT },
	{ "format", required_argument, NULL, OPT_FORMAT },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int bad_usage(const char *text)
{
	fprintf(stderr, "%s%sTry 'bulkhead posture --host --help'.\n", text, *text ? "\n" : "");
	return MAIN_USAGE;
}

static void count(const struct host *h, unsigned by[HOST_OUTCOMES])
{
	for (size_t i = 0; i < h->n; i++)
		by[h->results[i].outcome]++;
}

static void put_json(struct buf *b, const struct host *h)
{
	unsigned by[HOST_OUTCOMES] = { 0 };

	count(h, by);
	buf_add_char(b, '{');
	json_put_u64(b, "schema", 1);
	json_put_object(b, "benchmarks");
	json_put_str(b, HOST_DOCKER, "CIS Docker Benchmark 1.6.0");
	json_put_str(b, HOST_KUBERNETES, "CIS Kubernetes Benchmark 1.8");
	buf_add_char(b, '}');
	json_put_object(b, "summary");
	for (unsigned i = 0; i < HOST_OUTCOMES; i++)
		json_put_u64(b, host_outcome_names[i], by[i]);
	buf_add_char(b, '}');
	json_put_array(b, "results");
	for (size_t i = 0; i < h->n; i++) {
		const struct host_result *r = &h->results[i];

		json_put_comma(b);
		buf_add_str(b, "\n{");
		json_put_str(b, "benchmark", r->benchmark);
		json_put_str(b, "item", r->item);
		json_put_str(b, "title", r->title);
		json_put_str(b, "result", host_outcome_names[r->outcome]);
		json_put_str(b, "found", r->found);
		if (r->mend[0])
			json_put_str(b, "mend", r->mend);
		buf_add_char(b, '}');
	}
	buf_add_str(b, "]}\n");
}

static void put_line(struct buf *b, const char *label, const char *text)
{
	buf_printf(b, "%14s%-7s", "", label);
	buf_add_visible(b, span_str(text));
	buf_add_char(b, '\n');
}

static void put_text(struct buf *b, const struct host *h)
{
	static const char *const words[HOST_OUTCOMES] = { "pass", "FAIL", "-", "?" };
	const char *benchmark = NULL;
	unsigned by[HOST_OUTCOMES] = { 0 };

	for (size_t i = 0; i < h->n; i++) {
		const struct host_result *r = &h->results[i];

		if (!benchmark || strcmp(benchmark, r->benchmark) != 0)
			buf_printf(b, "%s%s\n", benchmark ? "\n" : "",
				   strcmp(r->benchmark, HOST_DOCKER) == 0
					   ? "CIS Docker Benchmark 1.6.0"
					   : "CIS Kubernetes Benchmark 1.8");
		benchmark = r->benchmark;
		buf_printf(b, "%-5s %-7s %s\n", words[r->outcome], r->item, r->title);
		if (r->outcome != HOST_PASS)
			put_line(b, "found", r->found);
		if (r->mend[0])
			put_line(b, "mend", r->mend);
	}
	count(h, by);
	buf_printf(b, "\n%u pass, %u fail, %u not applicable (-), %u could not be read (?)\n",
		   by[HOST_PASS], by[HOST_FAIL], by[HOST_ABSENT], by[HOST_UNREADABLE]);
}

static int run(const char *root, bool json)
{
	AUTO_FREE struct host *h = calloc(1, sizeof(*h));
	AUTO_BUF struct buf b = { .fd = -1 };
	unsigned by[HOST_OUTCOMES] = { 0 };
	struct err e = { "no memory" };

	buf_init(&b, OUT_MAX);
	if (!h || host_audit(h, root, &e) < 0) {
		fprintf(stderr, "bulkheadd: %s\n", e.text);
		if (h)
			host_release(h);
		return MAIN_FAILED;
	}
	if (json)
		put_json(&b, h);
	else
		put_text(&b, h);
	count(h, by);
	host_release(h);
	if (b.failed || io_write_all(STDOUT_FILENO, b.data, b.len) < 0) {
		fprintf(stderr, "bulkheadd: cannot write\n");
		return MAIN_FAILED;
	}
	return by[HOST_FAIL] ? MAIN_FAILED : MAIN_GOOD;
}

int posture_main(int argc, char **argv)
{
	const char *root = "";
	bool host = false, json = false;
	int option;

	optind = 0;
	while ((option = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (option) {
		case 'h':
			fputs(help, stdout);
			return MAIN_GOOD;
		case OPT_HOST:
			host = true;
			break;
		case OPT_ROOT:
			root = optarg;
			break;
		case OPT_JSON:
			json = true;
			break;
		case OPT_FORMAT:
			json = strcmp(optarg, "json") == 0;
			if (!json && strcmp(optarg, "text") != 0)
				return bad_usage("--format takes text or json.");
			break;
		default:
			return bad_usage("");
		}
	}
	if (optind < argc)
		return bad_usage("posture takes no arguments.");
	if (!host)
		return bad_usage("bulkheadd reads the host alone: --host is missing. Of "
				 "containers the running agent is asked by 'bulkhead posture'.");
	if (!root[0])
		root = "/";
	return run(root, json);
}
