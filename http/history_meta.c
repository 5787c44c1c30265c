// SPDX-License-Identifier: GPL-2.0-or-later
/* meta.json of each entity, and the walk over all of them when the agent starts. The listing of a
 * directory is the truth about which runs there are; meta.json adds names and ends. So a meta.json
 * that a cut of power left empty costs little, and nobody waits for the disk to write one. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/base/io.h"
#include "http/history_internal.h"

#define MAX_META_BYTES 32768

static void add_field(struct buf *b, const char *name, const char *value)
{
	buf_printf(b, "\"%s\":\"", name);
	buf_add_json(b, span_str(value));
	buf_add_str(b, "\",");
}

int history_entity_save(struct history *h, struct history_entity *n, struct err *e)
{
	char dir[HISTORY_PATH_BYTES];
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, MAX_META_BYTES - 1);
	history_entity_dir(n, dir);
	AUTO_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return err_errno(e, "cannot open directory '%s'", dir);
	buf_add_str(&b, "{\"version\":1,");
	add_field(&b, "key", n->key);
	add_field(&b, "id", n->id);
	add_field(&b, "name", n->name);
	add_field(&b, "image", n->image);
	add_field(&b, "image_id", n->image_id);
	add_field(&b, "runtime", n->runtime);
	buf_add_str(&b, "\"runs\":[");
	for (uint32_t i = 0; i < n->runs_n; i++) {
		const struct history_run *r = &n->runs[i];

		buf_printf(&b, "%s{\"file\":%lld,\"start\":%lld,\"end\":", i ? "," : "",
			   (long long)r->start, (long long)r->started);
		if (r->open)
			buf_add_str(&b, "null}");
		else
			buf_printf(&b, "%lld}", (long long)r->last);
	}
	buf_add_str(&b, "]}\n");
	if (b.failed)
		return err_set(e, ENOMEM, "no memory for '%s/meta.json'", dir);
	int r = io_write_cached_at(fd, "meta.json", b.data, b.len, 0600, e);

	if (r == 0) {
		history_size_changed(h, n->meta_bytes, b.len);
		n->meta_bytes = b.len;
		n->meta_stale = false;
	}
	return r;
}

static struct span text_of(const json_t *root, const char *name)
{
	const json_t *v = json_object_get(root, name);

	return (struct span){ json_string_value(v), json_string_length(v) };
}

static void runs_from_meta(struct history_entity *n, const json_t *root)
{
	const json_t *runs = json_object_get(root, "runs"), *entry;
	size_t i;

	json_array_foreach(runs, i, entry)
	{
		struct history_run *r =
			history_entity_run(n, json_integer_value(json_object_get(entry, "file")));
		const json_t *start = json_object_get(entry, "start");
		const json_t *end = json_object_get(entry, "end");

		if (r && json_is_integer(start))
			r->started = json_integer_value(start);
		if (r && json_is_integer(end)) {
			r->open = false;
			r->last = json_integer_value(end);
		}
	}
}

static bool run_of(struct span name, int64_t *start)
{
	uint64_t n;

	if (!span_starts(name, "run-") || !span_ends(name, ".rrd") || name.n < 9 ||
	    !parse_u64((struct span){ name.p + 4, name.n - 8 }, &n) || n == 0 ||
	    n >= UINT64_C(1) << 40)
		return false;
	*start = (int64_t)n;
	return true;
}

static void add_run(struct history *h, struct history_entity *n, int dir_fd, int64_t start,
		    const struct stat *st)
{
	struct history_run run = { .start = start,
				   .started = start,
				   .last = (int64_t)st->st_mtime,
				   .open = true,
				   .bytes = (uint64_t)st->st_size };
	struct stat disk;
	char name[64];

	snprintf(name, sizeof(name), "disk-%lld.rrd", (long long)start);
	if (fstatat(dir_fd, name, &disk, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(disk.st_mode))
		run.disk_bytes = (uint64_t)disk.st_size;
	history_size_changed(h, 0, run.disk_bytes);
	history_size_changed(h, 0, run.bytes);
	history_run_add(n, run);
}

/* Ours end in ".new", librrd's own in ".new" and six letters more. */
static bool is_leftover(struct span name)
{
	return span_ends(name, ".new") ||
	       (name.n > 6 && span_ends((struct span){ name.p, name.n - 6 }, ".rrd.new"));
}

/* Every run-N.rrd with its size; leftovers of a crash are removed. */
static void list_runs(struct history *h, struct history_entity *n, int dir_fd)
{
	int copy = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
	AUTO_DIR DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
	struct stat st;
	int64_t start;

	if (!d && copy >= 0)
		close(copy);
	for (struct dirent *f; d && (f = readdir(d));) {
		struct span name = span_str(f->d_name);

		if (span_eq(name, ".") || span_eq(name, "..") ||
		    fstatat(dir_fd, f->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (is_leftover(name) || S_ISLNK(st.st_mode)) {
			unlinkat(dir_fd, f->d_name, 0);
		} else if (S_ISREG(st.st_mode) && span_eq(name, "meta.json")) {
			n->meta_bytes = (uint64_t)st.st_size;
			history_size_changed(h, 0, n->meta_bytes);
		} else if (S_ISREG(st.st_mode) && run_of(name, &start)) {
			add_run(h, n, dir_fd, start, &st);
		}
	}
}

static json_t *load_meta(int dir_fd)
{
	AUTO_FREE char *text = malloc(MAX_META_BYTES);
	struct stat st;

	if (!text || fstatat(dir_fd, "meta.json", &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISREG(st.st_mode))
		return NULL;
	ssize_t n = io_read_at(dir_fd, "meta.json", text, MAX_META_BYTES);

	return n < 0 ? NULL : json_loadb(text, (size_t)n, 0, NULL);
}

static void load_entity(struct history *h, enum history_kind kind, int parent_fd, const char *name)
{
	static const char *const prefix[HISTORY_KINDS] = { "", "image:", "host", "fs:" };
	char key[HISTORY_MAX_KEY + 8];
	AUTO_FD int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return;
	snprintf(key, sizeof(key), "%s%s", prefix[kind], kind == HISTORY_HOST ? "" : name);
	json_t *root = load_meta(fd);
	struct wire_container text = { .key = span_str(key),
				       .id = text_of(root, "id"),
				       .name = text_of(root, "name"),
				       .image = text_of(root, "image"),
				       .image_id = text_of(root, "image_id"),
				       .runtime = text_of(root, "runtime") };
	struct history_entity *n = history_entity_add(h, kind, &text);

	if (n) {
		list_runs(h, n, fd);
		runs_from_meta(n, root);
		n->meta_stale = !json_is_object(root);
		while (n->runs_n > HISTORY_MAX_RUNS && history_prune_run(h, n))
			;
	}
	json_decref(root);
}

/* What only the headers tell. Every file is looked at once, so that a damaged one is known early.
 */
static void read_headers(struct history *h, struct history_entity *n)
{
	for (uint32_t i = n->runs_n; i-- > 0;) {
		struct history_run *run = &n->runs[i];
		char path[HISTORY_PATH_BYTES];
		struct history_file file;
		struct err e = { "" };

		history_run_path(n, run->start, false, path);
		if (history_rrd_check(path, history_entity_schema(n), &file, &e) < 0) {
			history_run_lose(h, n, run, false, &e);
			continue;
		}
		run->reduced = file.reduced;
		if (run->open)
			run->last = file.last;
		if (file.cut) /* killed between the cut and the writing of meta.json */
			run->open = false;
	}
}

static int load_kind(struct history *h, enum history_kind kind, const char *dir, struct err *e)
{
	int fd = openat(h->dir_fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	AUTO_DIR DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

	if (!d)
		return err_errno(e, "cannot open directory 'history/%s'", dir);
	for (struct dirent *f; (f = readdir(d));)
		if (history_key_ok(span_str(f->d_name)))
			load_entity(h, kind, fd, f->d_name);
	return 0;
}

static void load_damaged(struct history *h)
{
	AUTO_DIR DIR *d = opendir("history/damaged");
	struct stat st;

	for (struct dirent *f; d && (f = readdir(d));)
		if (fstatat(dirfd(d), f->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode))
			history_size_changed(h, 0, (uint64_t)st.st_size);
}

int history_catalog_open(struct history *h, struct err *e)
{
	static const char *const dirs[] = { "containers", "images", "fs", "host", "damaged" };

	if (mkdir("history", 0700) < 0 && errno != EEXIST)
		return err_errno(e, "cannot create directory 'history'");
	h->dir_fd = open("history", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (h->dir_fd < 0)
		return err_errno(e, "cannot open directory 'history'");
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (mkdirat(h->dir_fd, dirs[i], 0700) < 0 && errno != EEXIST)
			return err_errno(e, "cannot create directory 'history/%s'", dirs[i]);
	unlinkat(h->dir_fd, "graph.rrd", 0);
	load_damaged(h);
	load_entity(h, HISTORY_HOST, h->dir_fd, "host");
	int r = load_kind(h, HISTORY_CONTAINER, "containers", e);

	if (r == 0)
		r = load_kind(h, HISTORY_IMAGE, "images", e);
	if (r == 0)
		r = load_kind(h, HISTORY_FS, "fs", e);
	for (size_t i = h->entities_n; i-- > 0;) {
		struct history_entity *n = h->entities[i];

		read_headers(h, n);
		history_remove_empty(h, n);
	}
	return r;
}
