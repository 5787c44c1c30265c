// SPDX-License-Identifier: GPL-2.0-or-later
#include "http/selftest_runtime.h"

#include <errno.h>
#include <string.h>

#include "http/selftest_image.h"

#define ANSWER_MS 5000

#define IMAGE	  "%i"
#define CONTAINER "%c"
#define ACTION	  "%a"

/* No network of any kind, and memory that the probe goes beyond. */
#define RUN_OF_DOCKER                                                                              \
	{                                                                                          \
		"run", "--rm", "-i", "--pull=never", "--network=none", "--memory=32m",             \
			"--memory-swap=32m", "--name", CONTAINER, IMAGE, SELFTEST_PROBE, ACTION    \
	}

static const struct {
	const char *name;
	const char *steps[SELFTEST_STEPS][16];
} forms[SELFTEST_RUNTIMES] = {
	{ "docker",
	  { [SELFTEST_VERSION] = { "version" },
	    [SELFTEST_LOAD] = { "load" },
	    [SELFTEST_RUN] = RUN_OF_DOCKER,
	    [SELFTEST_REMOVE] = { "rm", "-f", "-v", CONTAINER },
	    [SELFTEST_UNLOAD] = { "rmi", "-f", IMAGE } } },
	{ "podman",
	  { [SELFTEST_VERSION] = { "version" },
	    [SELFTEST_LOAD] = { "load" },
	    [SELFTEST_RUN] = RUN_OF_DOCKER,
	    [SELFTEST_REMOVE] = { "rm", "-f", "-v", "-t", "0", CONTAINER },
	    [SELFTEST_UNLOAD] = { "rmi", "-f", IMAGE } } },
	{ "nerdctl",
	  { [SELFTEST_VERSION] = { "version" },
	    [SELFTEST_LOAD] = { "load" },
	    [SELFTEST_RUN] = RUN_OF_DOCKER,
	    [SELFTEST_REMOVE] = { "rm", "-f", "-v", CONTAINER },
	    [SELFTEST_UNLOAD] = { "rmi", "-f", IMAGE } } },
	/* Its containers have a network namespace with nothing in it. */
	{ "ctr",
	  { [SELFTEST_VERSION] = { "version" },
	    [SELFTEST_LOAD] = { "images", "import", "-" },
	    [SELFTEST_RUN] = { "run", "--rm", "--memory-limit=33554432", IMAGE, CONTAINER,
			       SELFTEST_PROBE, ACTION },
	    [SELFTEST_REMOVE] = { "tasks", "rm", "-f", CONTAINER },
	    [SELFTEST_REMOVE_AFTER] = { "containers", "rm", CONTAINER },
	    [SELFTEST_UNLOAD] = { "images", "rm", "--sync", IMAGE } } },
};

const char *selftest_runtime_name(unsigned form)
{
	return form < SELFTEST_RUNTIMES ? forms[form].name : NULL;
}

bool selftest_runtime_argv(const struct selftest_runtime *r, enum selftest_step step,
			   const struct selftest_words *w, const char *argv[SELFTEST_MAX_ARGS])
{
	const char *const *words = forms[r->form].steps[step];
	size_t n = 0;

	if (!words[0])
		return false;
	argv[n++] = r->path;
	for (; *words; words++) {
		if (strcmp(*words, IMAGE) == 0)
			argv[n++] = w->image;
		else if (strcmp(*words, CONTAINER) == 0)
			argv[n++] = w->container;
		else if (strcmp(*words, ACTION) == 0)
			argv[n++] = w->action;
		else
			argv[n++] = *words;
	}
	argv[n] = NULL;
	return true;
}

bool selftest_find_program(const char *name, const char *path, char *out, size_t cap)
{
	struct span rest = span_str(path), dir;

	while (span_next(&rest, ':', &dir)) {
		/* one that depends on the working directory is not run as root */
		if (!span_starts(dir, "/"))
			continue;
		const int n = snprintf(out, cap, "%.*s/%s", (int)dir.n, dir.p, name);

		if (n > 0 && (size_t)n < cap && access(out, X_OK) == 0)
			return true;
	}
	return false;
}

/* 0: it works; -ENOENT and why not; -EINTR. */
static int try_form(struct selftest_runtime *r, unsigned form, struct selftest_child *c,
		    int signals, struct err *e)
{
	const struct selftest_words none = { NULL, NULL, NULL };
	const char *argv[SELFTEST_MAX_ARGS];

	r->form = form;
	if (!selftest_find_program(forms[form].name, getenv("PATH"), r->path, sizeof(r->path)))
		return err_set(e, ENOENT, "not in PATH");
	selftest_runtime_argv(r, SELFTEST_VERSION, &none, argv);
	int n = selftest_child_run(c, argv, SELFTEST_NO_INPUT, ANSWER_MS, signals, e);

	return n == 0 || n == -EINTR ? n : -ENOENT;
}

int selftest_runtime_find(struct selftest_runtime *out, const char *name, struct selftest_child *c,
			  int signals, struct err *e)
{
	AUTO_BUF struct buf all = { .fd = -1 };
	struct err why;

	buf_init(&all, 4096);
	for (unsigned i = 0; i < SELFTEST_RUNTIMES; i++) {
		if (name && strcmp(name, forms[i].name) != 0)
			continue;
		why.text[0] = '\0';
		int r = try_form(out, i, c, signals, &why);

		if (r == 0)
			return 0;
		if (r == -EINTR)
			return err_set(e, EINTR, "interrupted");
		/* each has its share of the text */
		buf_printf(&all, "%s%s (%.100s)", all.len ? ", " : "", forms[i].name, why.text);
	}
	buf_add_char(&all, '\0');
	return err_set(e, ENOENT, "no container runtime: %s", all.failed ? "?" : all.data);
}
