// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void die(const char *what, const char *path)
{
	fprintf(stderr, "fixture: %s '%s': %s\n", what, path, strerror(errno));
	abort();
}

static void full_path(char *out, const struct tree *t, const char *path)
{
	if (snprintf(out, PATH_MAX, "%s/%s", t->path, path) >= PATH_MAX)
		die("path too long", path);
}

static void make_parents(const char *path)
{
	char part[PATH_MAX];

	for (size_t i = 1; path[i]; i++) {
		if (path[i] != '/')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			die("mkdir", part);
	}
}

void tree_write(const struct tree *t, const char *path, const void *bytes, size_t n)
{
	char full[PATH_MAX];

	full_path(full, t, path);
	make_parents(full);
	FILE *f = fopen(full, "w");

	if (!f || fwrite(bytes, 1, n, f) != n || fclose(f) != 0)
		die("write", full);
}

static void add_entry(const struct tree *t, const char *name, size_t name_n, const char *content,
		      size_t content_n)
{
	char path[PATH_MAX], full[PATH_MAX];

	if (name_n >= sizeof(path))
		die("name too long", name);
	memcpy(path, name, name_n);
	path[name_n] = '\0';
	char *arrow = strstr(path, " -> ");

	if (arrow)
		*arrow = '\0';
	full_path(full, t, path);
	make_parents(full);
	if (arrow) {
		if (symlink(arrow + 4, full) < 0)
			die("symlink", full);
	} else if (path[strlen(path) - 1] != '/') {
		tree_write(t, path, content, content_n);
	}
}

struct tree tree_make(const char *literal)
{
	struct tree t = { "/tmp/bulkhead-test-XXXXXX" };
	const char *p = literal;

	if (!mkdtemp(t.path))
		die("mkdtemp", t.path);
	while (p && strncmp(p, "@ ", 2) == 0) {
		const char *name = p + 2;
		const char *line_end = strchrnul(name, '\n');
		const char *content = *line_end ? line_end + 1 : line_end;
		const char *next = strncmp(content, "@ ", 2) == 0 ? content
								  : strstr(content, "\n@ ");
		size_t content_n = !next	     ? strlen(content)
				   : next == content ? 0
						     : (size_t)(next - content) + 1;

		add_entry(&t, name, (size_t)(line_end - name), content, content_n);
		p = next == content ? next : next ? next + 1 : NULL;
	}
	return t;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void tree_remove(struct tree *t)
{
	if (t->path[0])
		nftw(t->path, remove_one, 32, FTW_DEPTH | FTW_PHYS);
	t->path[0] = '\0';
}
