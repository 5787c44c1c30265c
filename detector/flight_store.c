// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/flight_store.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/base/io.h"
#include "collector/json_put.h"

#define FOLDER	  "flights"
#define HEAD_MAX  16384 /* of a file's first line */
#define NAMES_MAX 65536

struct kept {
	char id[ULID_BYTES];
	uint64_t bytes, recording_bytes;
};

struct names {
	struct kept *list;
	size_t n, cap;
};

static void auto_names_release(struct names *n)
{
	free(n->list);
}

int flight_store_open(int state_fd, struct err *e)
{
	if (mkdirat(state_fd, FOLDER, 0700) < 0 && errno != EEXIST)
		return err_errno(e, "cannot make the folder '" FOLDER "'");
	int fd = openat(state_fd, FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? err_errno(e, "cannot open the folder '" FOLDER "'") : fd;
}

void flight_store_name(const char *id, const char *suffix, char out[FLIGHT_NAME_BYTES])
{
	snprintf(out, FLIGHT_NAME_BYTES, "%s%s", id, suffix);
}

/* --- what is there -----------------------------------------------------------------------------
 */

/* Of one of our files; recording says which. */
static bool id_of(const char *name, char id[ULID_BYTES], bool *recording)
{
	struct span s = span_str(name);

	*recording = span_ends(s, FLIGHT_RECORDING);
	if (!*recording && !span_ends(s, FLIGHT_JSON))
		return false;
	s.n -= strlen(*recording ? FLIGHT_RECORDING : FLIGHT_JSON);
	if (!ulid_is_valid(s))
		return false;
	memcpy(id, s.p, s.n);
	id[s.n] = '\0';
	return true;
}

static int add_name(struct names *n, const char *id, uint64_t bytes, bool recording)
{
	if (n->n == n->cap) {
		size_t cap = n->cap ? 2 * n->cap : 64;
		struct kept *list = cap <= NAMES_MAX ? realloc(n->list, cap * sizeof(*list)) : NULL;

		if (!list)
			return -ENOMEM;
		n->list = list;
		n->cap = cap;
	}
	n->list[n->n] = (struct kept){ .bytes = bytes, .recording_bytes = recording ? bytes : 0 };
	memcpy(n->list[n->n++].id, id, ULID_BYTES);
	return 0;
}

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct kept *)a)->id, ((const struct kept *)b)->id);
}

/* Both files of a flight in one entry, oldest first: the ids sort by time. */
static void join(struct names *n)
{
	size_t kept = 0;

	if (n->n > 0)
		qsort(n->list, n->n, sizeof(*n->list), by_id);
	for (size_t i = 0; i < n->n; i++) {
		if (kept > 0 && strcmp(n->list[kept - 1].id, n->list[i].id) == 0) {
			n->list[kept - 1].bytes += n->list[i].bytes;
			n->list[kept - 1].recording_bytes += n->list[i].recording_bytes;
		} else {
			n->list[kept++] = n->list[i];
		}
	}
	n->n = kept;
}

/* remove_temporary: nobody writes now. */
static int read_names(int dir_fd, bool remove_temporary, struct names *out, struct err *e)
{
	int copy = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_DIR DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;
	char id[ULID_BYTES];
	bool recording;
	struct stat st;

	if (!d) {
		int r = err_errno(e, "cannot read the folder '" FOLDER "'");

		if (copy >= 0)
			close(copy);
		return r;
	}
	while ((entry = readdir(d))) {
		if (remove_temporary && entry->d_name[0] == '.' &&
		    span_ends(span_str(entry->d_name), ".new"))
			unlinkat(dir_fd, entry->d_name, 0);
		if (!id_of(entry->d_name, id, &recording) ||
		    fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (add_name(out, id, (uint64_t)st.st_size, recording) < 0)
			return err_set(e, ENOMEM, "no memory for the folder '" FOLDER "'");
	}
	join(out);
	return 0;
}

static void remove_one(int dir_fd, const char *id)
{
	char name[FLIGHT_NAME_BYTES];

	flight_store_name(id, FLIGHT_RECORDING, name);
	unlinkat(dir_fd, name, 0);
	flight_store_name(id, FLIGHT_JSON, name);
	unlinkat(dir_fd, name, 0);
}

int flight_store_trim(int dir_fd, uint64_t max_flights, uint64_t max_bytes,
		      struct flight_usage *out, struct err *e)
{
	AUTO(names_release) struct names n = { .list = NULL };
	struct flight_usage u = { .flights = 0 };
	int r = read_names(dir_fd, true, &n, e);
	size_t at = 0;

	if (r < 0)
		return r;
	for (size_t i = 0; i < n.n; i++)
		u.bytes += n.list[i].bytes;
	for (; at < n.n && (n.n - at > max_flights || u.bytes > max_bytes); at++) {
		remove_one(dir_fd, n.list[at].id);
		u.bytes -= n.list[at].bytes;
		u.removed++;
	}
	u.flights = n.n - at;
	*out = u;
	return 0;
}

/* --- reading -----------------------------------------------------------------------------------
 */

/* Its first line is an object without its last brace. NULL: it is not there, or none of ours. */
static json_t *head_of(int dir_fd, const char *id)
{
	char name[FLIGHT_NAME_BYTES], text[HEAD_MAX];

	flight_store_name(id, FLIGHT_JSON, name);
	AUTO_FD int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
	char *end = n > 0 ? memchr(text, '\n', (size_t)n) : NULL;

	if (!end)
		return NULL;
	*end = '}';
	return json_loadb(text, (size_t)(end - text) + 1, JSON_REJECT_DUPLICATES, NULL);
}

static void put_one(int dir_fd, const struct kept *k, struct buf *b)
{
	json_t *head = head_of(dir_fd, k->id);

	if (!json_is_object(head)) {
		json_decref(head);
		head = json_object();
		json_object_set_new(head, "id", json_string(k->id));
	}
	json_object_set_new(head, "bytes", json_integer((json_int_t)k->bytes));
	json_object_set_new(head, "recording_bytes", json_integer((json_int_t)k->recording_bytes));
	AUTO_FREE char *text = json_dumps(head, JSON_COMPACT | JSON_ENSURE_ASCII);

	json_decref(head);
	if (!text)
		return;
	json_put_comma(b);
	buf_add_str(b, text);
}

void flight_store_list(int dir_fd, const char *directory, struct buf *b)
{
	AUTO(names_release) struct names n = { .list = NULL };

	read_names(dir_fd, false, &n, NULL); /* what it found */
	buf_add_char(b, '{');
	json_put_str(b, "directory", directory);
	json_put_array(b, "flights");
	for (size_t i = n.n; i > 0; i--)
		put_one(dir_fd, &n.list[i - 1], b);
	buf_add_char(b, ']');
	json_put_u64(b, "count", n.n);
	buf_add_char(b, '}');
}

int flight_store_read(int dir_fd, struct span id, struct buf *b, struct err *e)
{
	char name[FLIGHT_NAME_BYTES];

	if (!ulid_is_valid(id))
		return err_set(e, EINVAL, "that is no id of an alert");
	snprintf(name, sizeof(name), "%.*s" FLIGHT_JSON, (int)id.n, id.p);
	int r = io_read_buf_at(dir_fd, name, b, e);

	return r == -ENOENT ? err_set(e, ENOENT, "there is no recording of alert '%.*s'", (int)id.n,
				      id.p)
	       : r < 0	    ? r
			    : 0;
}
