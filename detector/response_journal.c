// SPDX-License-Identifier: GPL-2.0-or-later
/* The journal: STATE/responses/<ulid>.json, one file a response.
 *
 * One line of JSON; its last member is a sum over all before it, so that a file that is cut or
 * flipped is not believed. Paths are bytes: what is not printable ASCII is %XX. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/base/io.h"
#include "collector/json_put.h"
#include "detector/response_internal.h"

#define FOLDER	       "responses"
#define SUFFIX	       ".json"
#define VERSION	       1
#define FILE_MAX_BYTES (1u << 20)
#define CHECK_KEY      ",\"check\":\""
#define CHECK_BYTES    (sizeof(CHECK_KEY) - 1 + 16 + 3) /* "}\n behind it */

/* --- the text ----------------------------------------------------------------------------------
 */

void record_release(struct record *rec)
{
	for (unsigned i = 0; i < rec->n; i++)
		free(rec->changes[i].place.path);
	free(rec->changes);
	free(rec->container);
	free(rec->image);
	*rec = (struct record){ .n = 0 };
}

static uint64_t sum_of(struct span s)
{
	uint64_t h = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3ULL;
	return h;
}

static void put_path(struct buf *b, const char *key, const char *path)
{
	json_put_key(b, key);
	buf_add_char(b, '"');
	for (const char *p = path; *p; p++) {
		if (*p > ' ' && *p < 0x7f && *p != '%' && *p != '"' && *p != '\\')
			buf_add_char(b, *p);
		else
			buf_printf(b, "%%%02X", (unsigned)(unsigned char)*p);
	}
	buf_add_char(b, '"');
}

static char *take_path(const json_t *o)
{
	const char *text = json_string_value(json_object_get(o, "path"));
	char *path = text ? malloc(strlen(text) + 1) : NULL, *out = path;

	for (const char *p = text; path && *p; p++) {
		int high, low;

		if (*p != '%') {
			*out++ = *p;
			continue;
		}
		high = parse_hex_digit(p[1]);
		low = high < 0 ? -1 : parse_hex_digit(p[2]);
		if (low < 0 || high + low == 0) {
			free(path);
			return NULL;
		}
		*out++ = (char)(high * 16 + low);
		p += 2;
	}
	if (path)
		*out = '\0';
	return path;
}

void record_print(struct buf *b, const struct record *rec)
{
	const size_t begin = b->len;

	buf_add_char(b, '{');
	json_put_u64(b, "version", VERSION);
	json_put_str(b, "id", rec->id);
	json_put_str(b, "boot", rec->boot);
	json_put_str(b, "action", response_action_names[rec->action]);
	json_put_str(b, "container", rec->container);
	json_put_str(b, "image", rec->image);
	json_put_time(b, "begun", rec->begun_unix_ns);
	if (rec->until_unix_ns)
		json_put_time(b, "until", rec->until_unix_ns);
	json_put_array(b, "changes");
	for (unsigned i = 0; i < rec->n; i++) {
		const struct change *c = &rec->changes[i];

		json_put_comma(b);
		buf_add_char(b, '{');
		json_put_str(b, "file", cgroup_file_names[c->file]);
		put_path(b, "path", c->place.path);
		json_put_hex(b, "inode", c->place.inode);
		json_put_str(b, "before", c->before);
		json_put_str(b, "set", c->set);
		buf_add_char(b, '}');
	}
	buf_add_char(b, ']');
	if (!b->failed)
		buf_printf(b, CHECK_KEY "%016llx\"}\n",
			   (unsigned long long)sum_of(
				   (struct span){ b->data + begin, b->len - begin }));
}

static bool is_whole(struct span text)
{
	uint64_t sum;

	if (text.n <= CHECK_BYTES || text.p[text.n - 1] != '\n')
		return false;
	const size_t n = text.n - CHECK_BYTES;

	return memcmp(text.p + n, CHECK_KEY, sizeof(CHECK_KEY) - 1) == 0 &&
	       parse_hex_u64((struct span){ text.p + n + sizeof(CHECK_KEY) - 1, 16 }, &sum) &&
	       sum == sum_of((struct span){ text.p, n });
}

static bool take_text(const json_t *o, const char *key, char *out, size_t cap)
{
	const char *text = json_string_value(json_object_get(o, key));

	if (!text || strlen(text) >= cap)
		return false;
	memcpy(out, text, strlen(text) + 1);
	return true;
}

/* Never up, never something else than these. */
static bool lowers(const struct change *c)
{
	uint64_t before, set, period, same;

	if (c->file == FILE_FREEZE_V1 || c->file == FILE_FREEZE_V2)
		return strcmp(c->before, "0") == 0 && strcmp(c->set, "1") == 0;
	return cpu_value_parse(span_str(c->before), &before, &period) &&
	       cpu_value_parse(span_str(c->set), &set, &same) && same == period && set < before;
}

static bool take_change(const json_t *o, enum response_action a, struct change *c)
{
	const char *file = json_string_value(json_object_get(o, "file"));
	struct span inode = span_str(json_string_value(json_object_get(o, "inode")));

	c->file = 0;
	while (c->file < CGROUP_FILES && (!file || strcmp(file, cgroup_file_names[c->file]) != 0))
		c->file++;
	if (c->file == CGROUP_FILES ||
	    (a == RESPONSE_THROTTLE) != (c->file == FILE_CPU_V1 || c->file == FILE_CPU_V2))
		return false;
	c->place.hierarchy = hierarchy_of(c->file);
	if (!span_starts(inode, "0x") ||
	    !parse_hex_u64((struct span){ inode.p + 2, inode.n - 2 }, &c->place.inode) ||
	    !take_text(o, "before", c->before, sizeof(c->before)) ||
	    !take_text(o, "set", c->set, sizeof(c->set)) || !lowers(c))
		return false;
	c->place.path = take_path(o);
	return c->place.path && place_is_sane(c->place.path);
}

static bool take_changes(const json_t *list, struct record *out)
{
	const size_t n = json_array_size(list);

	if (n == 0 || n > PLAN_MAX)
		return false;
	out->changes = calloc(n, sizeof(*out->changes));
	if (!out->changes)
		return false;
	for (size_t i = 0; i < n; i++) {
		out->n++;
		if (!take_change(json_array_get(list, i), out->action, &out->changes[i]))
			return false;
	}
	return true;
}

static bool take_time(const json_t *o, const char *key, uint64_t *out)
{
	return parse_rfc3339_ns(span_str(json_string_value(json_object_get(o, key))), out);
}

static bool take_record(const json_t *o, struct record *out)
{
	const char *action = json_string_value(json_object_get(o, "action"));
	const char *container = json_string_value(json_object_get(o, "container"));
	const char *image = json_string_value(json_object_get(o, "image"));

	while (out->action < RESPONSE_STOP &&
	       (!action || strcmp(action, response_action_names[out->action]) != 0))
		out->action++;
	out->container = strdup(container ? container : "");
	out->image = strdup(image ? image : "");
	return json_integer_value(json_object_get(o, "version")) == VERSION &&
	       out->action < RESPONSE_STOP && container && out->container && out->image &&
	       take_text(o, "id", out->id, sizeof(out->id)) && ulid_is_valid(span_str(out->id)) &&
	       take_text(o, "boot", out->boot, sizeof(out->boot)) &&
	       take_time(o, "begun", &out->begun_unix_ns) &&
	       (!json_object_get(o, "until") || take_time(o, "until", &out->until_unix_ns)) &&
	       take_changes(json_object_get(o, "changes"), out);
}

int record_parse(struct span text, struct record *out, struct err *e)
{
	struct record rec = { .n = 0 };
	const bool whole = is_whole(text);
	json_t *o = text.n ? json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL) : NULL;
	const bool good = o && take_record(o, &rec);

	json_decref(o);
	if (!good || (!whole && rec.action == RESPONSE_THROTTLE)) {
		record_release(&rec);
		return err_set(e, EINVAL, "it is damaged, or of another version");
	}
	*out = rec;
	return whole ? 0 : err_set(e, EBADMSG, "its sum is wrong");
}

/* --- the files ---------------------------------------------------------------------------------
 */

/* Not every file system can sync a directory. */
static int sync_dir(int fd, struct err *e)
{
	if (fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP || errno == EROFS)
		return 0;
	return err_errno(e, "cannot sync '" FOLDER "'");
}

/* Opened for each use: somebody may have removed it. */
static int open_folder(int state_fd, bool make, struct err *e)
{
	const bool made = make && mkdirat(state_fd, FOLDER, 0700) == 0;
	AUTO_FD int fd = openat(state_fd, FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return err_errno(e, "cannot open the folder '" FOLDER "'");
	if (made) {
		AUTO_FD int above = openat(state_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		int r = above < 0 ? -errno : sync_dir(above, e);

		if (r < 0)
			return r;
	}
	return TAKE_FD(fd);
}

static void file_name(char out[64], const char *id)
{
	snprintf(out, 64, "%.26s" SUFFIX, id);
}

int journal_write(int state_fd, const char *id, struct span text, struct err *e)
{
	char name[64];
	AUTO_FD int dir = open_folder(state_fd, true, e);

	if (dir < 0)
		return dir;
	file_name(name, id);
	int r = io_write_atomic_at(dir, name, text.p, text.n, 0600, e);

	if (r == 0)
		r = sync_dir(dir, e);
	if (r < 0)
		unlinkat(dir, name, 0);
	return r;
}

int journal_remove(int state_fd, const char *id, struct err *e)
{
	char name[64];
	struct err why;
	AUTO_FD int dir = open_folder(state_fd, false, &why);

	if (dir == -ENOENT)
		return 0;
	if (dir < 0) {
		if (e)
			*e = why;
		return dir;
	}
	file_name(name, id);
	if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
		return err_errno(e, "cannot remove '" FOLDER "/%s'", name);
	return sync_dir(dir, e);
}

void journal_set_aside(int state_fd, const char *id)
{
	char name[64], damaged[80];
	AUTO_FD int dir = open_folder(state_fd, false, NULL);

	file_name(name, id);
	snprintf(damaged, sizeof(damaged), "%s.damaged", name);
	if (dir >= 0)
		renameat(dir, name, dir, damaged);
}

static int by_name(const void *a, const void *b)
{
	return memcmp(a, b, ULID_BYTES);
}

/* What was being written when the program died: nothing was changed yet. */
static bool is_half(const char *name)
{
	const size_t n = strlen(name);

	return name[0] == '.' && n > 4 && strcmp(name + n - 4, ".new") == 0;
}

static bool take_id(const char *name, char out[ULID_BYTES])
{
	const size_t n = strlen(name);

	if (n != ULID_BYTES - 1 + sizeof(SUFFIX) - 1 || strcmp(name + ULID_BYTES - 1, SUFFIX) != 0)
		return false;
	memcpy(out, name, ULID_BYTES - 1);
	out[ULID_BYTES - 1] = '\0';
	return ulid_is_valid(span_str(out));
}

static size_t list_files(DIR *dir, char (*ids)[ULID_BYTES])
{
	const struct dirent *d;
	size_t n = 0;

	while (n < RESPONSE_MAX_FILES && (d = readdir(dir))) {
		if (is_half(d->d_name))
			unlinkat(dirfd(dir), d->d_name, 0);
		else
			n += take_id(d->d_name, ids[n]);
	}
	qsort(ids, n, sizeof(ids[0]), by_name);
	return n;
}

static void read_one(int dir_fd, const char *id, journal_fn fn, void *ctx)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	struct err why = { "" };
	char name[64];

	file_name(name, id);
	buf_init(&b, FILE_MAX_BYTES);
	int r = io_read_buf_at(dir_fd, name, &b, &why);

	fn(ctx, id, (struct span){ b.data ? b.data : "", b.len }, r < 0 ? &why : NULL);
}

int journal_each(int state_fd, journal_fn fn, void *ctx, struct err *e)
{
	struct err why;
	AUTO_FD int fd = open_folder(state_fd, false, &why);
	int copy = fd < 0 ? -1 : openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_DIR DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	AUTO_FREE char(*ids)[ULID_BYTES] = calloc(RESPONSE_MAX_FILES, ULID_BYTES);

	if (fd == -ENOENT)
		return 0;
	if (fd < 0) {
		if (e)
			*e = why;
		return fd;
	}
	if (!dir || !ids)
		return err_errno(e, "cannot list '" FOLDER "'");
	const size_t n = list_files(dir, ids);

	for (size_t i = 0; i < n; i++)
		read_one(fd, ids[i], fn, ctx);
	return 0;
}
