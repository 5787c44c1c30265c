// SPDX-License-Identifier: GPL-2.0-or-later
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/base/io.h"
#include "collector/base/log.h"
#include "detector/baseline_store_internal.h"

#define FOLDER	      "baselines"
#define SUFFIX	      ".json"
#define FILE_NAME_MAX (BASELINE_STORE_NAME + 32)
#define COPIES	      9	 /* of one name that are set aside */
#define LOGGED	      16 /* of a folder full of damage; all are counted */

/* --- names -------------------------------------------------------------------------------------
 */

/* The end says more than the start: "docker.io/library/..". */
static size_t add_safe(char *out, const char *text, size_t most)
{
	const size_t n = strlen(text);
	const char *p = n > most ? text + n - most : text;
	size_t i = 0;

	for (; p[i]; i++) {
		const char c = p[i];
		const bool safe = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
				  (c >= '0' && c <= '9') || c == '-' || (c == '.' && i > 0);

		out[i] = safe ? c : '_';
	}
	return i;
}

const char *baseline_store_name(const struct baseline *b, char out[BASELINE_STORE_NAME])
{
	uint8_t hash[8];
	struct sha256_ctx ctx;
	size_t n = 0;

	sha256_init(&ctx);
	sha256_update(&ctx, strlen(b->repository) + 1, (const uint8_t *)b->repository);
	sha256_update(&ctx, strlen(b->entry), (const uint8_t *)b->entry);
	sha256_digest(&ctx, sizeof(hash), hash);
	n += add_safe(out, b->repository, 80);
	out[n++] = '~';
	n += add_safe(out + n, b->entry, 40);
	out[n++] = '~';
	for (size_t i = 0; i < sizeof(hash); i++) {
		out[n++] = "0123456789abcdef"[hash[i] >> 4];
		out[n++] = "0123456789abcdef"[hash[i] & 15];
	}
	out[n] = '\0';
	return out;
}

static void file_name(char out[FILE_NAME_MAX], const char *name)
{
	snprintf(out, FILE_NAME_MAX, "%s" SUFFIX, name);
}

static bool exists(int dir_fd, const char *file)
{
	struct stat st;

	return fstatat(dir_fd, file, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

/* Never over another file; some file systems do not know how, there we look before. */
static int rename_alone(int dir_fd, const char *from, const char *to)
{
	if (renameat2(dir_fd, from, dir_fd, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL)
		return -errno;
	if (exists(dir_fd, to))
		return -EEXIST;
	return renameat(dir_fd, from, dir_fd, to) < 0 ? -errno : 0;
}

static int set_aside(int dir_fd, const char *file, const char *why)
{
	char to[NAME_MAX + 1];
	int r = -EEXIST;

	for (int i = 1; r == -EEXIST && i <= COPIES; i++) {
		const int n = i == 1 ? snprintf(to, sizeof(to), "%s.%s", file, why)
				     : snprintf(to, sizeof(to), "%s.%s.%d", file, why, i);

		if (n >= (int)sizeof(to))
			return -ENAMETOOLONG;
		r = rename_alone(dir_fd, file, to);
	}
	return r;
}

/* --- writing -----------------------------------------------------------------------------------
 */

int store_open_folder(int state_fd, struct err *e)
{
	if (mkdirat(state_fd, FOLDER, 0700) < 0 && errno != EEXIST)
		return err_errno(e, "cannot create the folder '" FOLDER "'");
	const int fd = openat(state_fd, FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? err_errno(e, "cannot open the folder '" FOLDER "'") : fd;
}

int store_write(int dir_fd, const char *name, struct span document, bool first, bool *aside,
		struct err *e)
{
	char file[FILE_NAME_MAX];
	int r;

	file_name(file, name);
	if (first && exists(dir_fd, file)) {
		r = set_aside(dir_fd, file, "other");
		if (r < 0)
			return err_set(e, -r, "'" FOLDER "/%s' is in the way: %s", file,
				       strerror(-r));
		*aside = true;
	}
	r = io_write_atomic_at(dir_fd, file, document.p, document.n, 0600, e);
	return r < 0 ? err_prefix(e, r, "baseline") : 0;
}

int store_unlink(int dir_fd, const char *name, struct err *e)
{
	char file[FILE_NAME_MAX];

	file_name(file, name);
	if (unlinkat(dir_fd, file, 0) < 0 && errno != ENOENT)
		return err_errno(e, "cannot remove '" FOLDER "/%s'", file);
	fsync(dir_fd); /* best effort: not every file system can */
	return 0;
}

/* --- reading -----------------------------------------------------------------------------------
 */

struct loader {
	int dir_fd;
	uint32_t max, taken;
	bool (*take)(void *ctx, struct baseline *b);
	void *ctx;
	struct store_counts *counts;
	unsigned logged;
	char **files;
	size_t files_n, files_cap;
	struct misnamed { /* good ones: who has the right name goes before them */
		struct baseline *b;
		const char *file;
	} * misnamed;
	size_t misnamed_n;
};

static void auto_loader_release(struct loader *l)
{
	for (size_t i = 0; i < l->files_n; i++)
		free(l->files[i]);
	for (size_t i = 0; i < l->misnamed_n; i++)
		baseline_free(l->misnamed[i].b);
	free(l->files);
	free(l->misnamed);
}

static void tell(struct loader *l, const char *what, const char *file, const char *error)
{
	if (l->logged++ < LOGGED)
		log_error(what, "file", file, "error", error, NULL);
}

static void put_aside(struct loader *l, const char *file, const char *why, const char *error)
{
	const int r = set_aside(l->dir_fd, file, why);

	l->counts->set_aside++;
	tell(l,
	     r < 0 ? "a baseline cannot be read, and not be set aside" : "a baseline is set aside",
	     file, error);
}

static int list_file(struct loader *l, const char *name)
{
	if (l->files_n == l->files_cap) {
		const size_t cap = l->files_cap ? 2 * l->files_cap : 64;
		char **more = realloc(l->files, cap * sizeof(*more));

		if (!more)
			return -ENOMEM;
		l->files = more;
		l->files_cap = cap;
	}
	char *copy = strdup(name);

	if (!copy)
		return -ENOMEM;
	l->files[l->files_n++] = copy;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What a write that died left behind goes on the way. */
static int list_files(struct loader *l, struct err *e)
{
	const int fd = openat(l->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_DIR DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	unsigned looked_at = 0;

	if (!d) {
		const int r = err_errno(e, "cannot read the folder '" FOLDER "'");

		if (fd >= 0)
			close(fd);
		return r;
	}
	while ((entry = readdir(d))) {
		const struct span name = span_str(entry->d_name);

		if (looked_at++ == BASELINE_STORE_MAX_FILES) {
			l->counts->refused++;
			tell(l, "the folder of baselines has too many files", FOLDER,
			     "the rest is not read");
			break;
		}
		if (span_starts(name, ".") && span_ends(name, ".new"))
			unlinkat(l->dir_fd, entry->d_name, 0);
		else if (span_ends(name, SUFFIX) && list_file(l, entry->d_name) < 0)
			return err_set(e, ENOMEM, "no memory for baselines");
	}
	if (l->files_n > 0)
		qsort(l->files, l->files_n, sizeof(*l->files), by_name);
	return 0;
}

static int read_file(int dir_fd, const char *file, struct buf *b, struct err *e)
{
	AUTO_FD int fd =
		openat(dir_fd, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return err_errno(e, "cannot open it");
	if (fstat(fd, &st) < 0)
		return err_errno(e, "cannot read it");
	if (!S_ISREG(st.st_mode))
		return err_set(e, EPROTO, "it is no regular file");
	if (st.st_size > (off_t)BASELINE_MAX_JSON)
		return err_set(e, EPROTO, "it has more than %u bytes", BASELINE_MAX_JSON);
	char *p = buf_reserve(b, (size_t)st.st_size + 1);

	if (!p)
		return err_set(e, ENOMEM, "no memory for it");
	while (b->len <= (size_t)st.st_size) {
		n = read(fd, p + b->len, (size_t)st.st_size + 1 - b->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, "cannot read it");
		if (n == 0)
			break;
		b->len += (size_t)n;
	}
	return 0;
}

static bool is_passing(int r)
{
	return r == -ENOMEM || r == -EMFILE || r == -ENFILE;
}

static void keep_misnamed(struct loader *l, struct baseline *b, const char *file)
{
	struct misnamed *more = realloc(l->misnamed, (l->misnamed_n + 1) * sizeof(*l->misnamed));

	if (!more) {
		baseline_free(b);
		tell(l, "a baseline cannot be read", file, "no memory");
		return;
	}
	l->misnamed = more;
	l->misnamed[l->misnamed_n++] = (struct misnamed){ b, file };
}

static void load_file(struct loader *l, const char *file)
{
	AUTO_BUF struct buf text = { .fd = -1 };
	char name[BASELINE_STORE_NAME], right[FILE_NAME_MAX];
	struct baseline *b = NULL;
	struct err e = { "" };

	if (l->taken + l->misnamed_n >= l->max) {
		l->counts->refused++;
		tell(l, "a baseline is not read", file, "there is no room for more");
		return;
	}
	buf_init(&text, BASELINE_MAX_JSON + 1);
	int r = read_file(l->dir_fd, file, &text, &e);

	if (r == 0)
		r = baseline_parse(&b, (struct span){ text.data, text.len }, &e);
	if (is_passing(r)) {
		l->counts->refused++;
		tell(l, "a baseline cannot be read", file, e.text);
		return;
	}
	if (r < 0) {
		put_aside(l, file, r == -ENOTSUP ? "newer" : "damaged", e.text);
		return;
	}
	file_name(right, baseline_store_name(b, name));
	if (strcmp(right, file) != 0)
		keep_misnamed(l, b, file);
	else if (l->take(l->ctx, b))
		l->taken++;
}

static void load_misnamed(struct loader *l, struct misnamed *m)
{
	char name[BASELINE_STORE_NAME], right[FILE_NAME_MAX];

	file_name(right, baseline_store_name(m->b, name));
	const int r = rename_alone(l->dir_fd, m->file, right);

	if (r == -EEXIST) {
		put_aside(l, m->file, "duplicate", "there is one of this image already");
		return;
	}
	if (r < 0) { /* under its wrong name it would be a second one, later */
		l->counts->refused++;
		tell(l, "a baseline has a wrong name", m->file, strerror(-r));
		return;
	}
	if (l->take(l->ctx, TAKE(m->b)))
		l->taken++;
}

int store_load(int dir_fd, uint32_t max, bool (*take)(void *ctx, struct baseline *b), void *ctx,
	       struct store_counts *counts, struct err *e)
{
	AUTO(loader_release)
	struct loader l = {
		.dir_fd = dir_fd, .max = max, .take = take, .ctx = ctx, .counts = counts
	};
	const int r = list_files(&l, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < l.files_n; i++)
		load_file(&l, l.files[i]);
	for (size_t i = 0; i < l.misnamed_n; i++)
		load_misnamed(&l, &l.misnamed[i]);
	if (l.misnamed_n > 0 || counts->set_aside > 0)
		fsync(dir_fd);
	if (l.logged > LOGGED)
		log_error("more of the folder of baselines cannot be read", "files",
			  LOG_U64(l.logged - LOGGED), NULL);
	return 0;
}
