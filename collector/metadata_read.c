// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "collector/base/clock.h"
#include "collector/metadata_internal.h"

uid_t metadata_trusted_uid;

bool metadata_path(char *out, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(out, PATH_MAX, fmt, ap);

	va_end(ap);
	return n >= 0 && n < PATH_MAX;
}

bool metadata_name_is_safe(const char *name)
{
	return name[0] && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

int metadata_open(const struct metadata_roots *r, const char *path, int flags)
{
	char full[PATH_MAX];

	flags |= O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	if (flags & O_PATH)
		flags &= ~(O_NONBLOCK | O_NOCTTY); /* openat2 refuses them together */
	if (!r->rootfs || !r->rootfs[0])
		return open(path, flags);

	/* The host's absolute links (/var/run -> /run) mean the host's root, not ours. */
	AUTO_FD int root = open(r->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return -1;
	struct open_how how = { .flags = (unsigned)flags, .resolve = RESOLVE_IN_ROOT };
	long fd = syscall(SYS_openat2, root, path, &how, sizeof(how));

	if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
		return (int)fd;
	if (!metadata_path(full, "%s%s", r->rootfs, path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return open(full, flags);
}

int metadata_read_file(const struct metadata_roots *r, const char *path, struct buf *b)
{
	AUTO_FD int fd = metadata_open(r, path, O_RDONLY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_uid != metadata_trusted_uid)
		return -EACCES;
	if (st.st_size > METADATA_MAX_FILE)
		return -E2BIG;
	/* One byte more than the size: a file that grew meanwhile is seen, and read again later. */
	size_t want = (size_t)st.st_size + 1, done = 0;
	char *p = buf_reserve(b, want);

	if (!p)
		return -ENOMEM;
	while (done < want) {
		ssize_t n = read(fd, p + done, want - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	b->len += done;
	return 0;
}

/* Go replaces what is no UTF-8 when it writes JSON; crun does not, and jansson then refuses all. */
static void replace_invalid_utf8(struct buf *b)
{
	size_t i = 0;

	while (i < b->len) {
		size_t n = utf8_len((struct span){ b->data + i, b->len - i });

		if (n == 0)
			b->data[i++] = '?';
		else
			i += n;
	}
}

int metadata_parse_json(struct buf *b, json_t **out)
{
	const size_t flags = JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL;
	json_error_t error;

	if (b->len == 0)
		return -EBADMSG;
	json_t *j = json_loadb(b->data, b->len, flags, &error);

	if (!j && json_error_code(&error) == json_error_invalid_utf8) {
		replace_invalid_utf8(b);
		j = json_loadb(b->data, b->len, flags, &error);
	}
	if (!j)
		return -EBADMSG;
	*out = j;
	return 0;
}

int metadata_read_json(const struct metadata_roots *r, const char *path, json_t **out)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, METADATA_MAX_FILE + 1);
	int rc = metadata_read_file(r, path, &b);

	return rc < 0 ? rc : metadata_parse_json(&b, out);
}

json_t *metadata_load_json(struct metadata_load *l, const char *path)
{
	json_t *j = NULL;
	int rc = metadata_read_json(l->roots, path, &j);

	if (rc < 0 && rc != -ENOENT && rc != -ENOTDIR)
		l->malformed = true;
	return j;
}

bool metadata_read_number(const struct metadata_roots *r, const char *path, int64_t *out)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, METADATA_MAX_FILE + 1);
	if (metadata_read_file(r, path, &b) < 0)
		return false;
	return parse_i64(span_trim((struct span){ b.data, b.len }), out);
}

DIR *metadata_opendir(const struct metadata_roots *r, const char *path)
{
	AUTO_FD int fd = metadata_open(r, path, O_RDONLY | O_DIRECTORY);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (d)
		(void)TAKE_FD(fd);
	return d;
}

static bool stat_path(const struct metadata_roots *r, const char *path, struct stat *st)
{
	if (!r->rootfs || !r->rootfs[0])
		return stat(path, st) == 0;
	AUTO_FD int fd = metadata_open(r, path, O_PATH);

	return fd >= 0 && fstat(fd, st) == 0;
}

bool metadata_exists(const struct metadata_roots *r, const char *path)
{
	struct stat st;

	return stat_path(r, path, &st);
}

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9E3779B97F4A7C15ULL;
	return h ^ (h >> 29);
}

uint64_t metadata_file_token(const struct metadata_roots *r, const char *path, uint64_t *mtime_ns)
{
	struct stat st;

	if (!stat_path(r, path, &st))
		return 0;
	uint64_t ns = (uint64_t)st.st_mtim.tv_sec * NS_PER_S + (uint64_t)st.st_mtim.tv_nsec;
	uint64_t token = mix(mix(mix(1, ns), (uint64_t)st.st_size), st.st_ino);

	if (mtime_ns)
		*mtime_ns = ns;
	return token ? token : 1;
}

json_t *metadata_object(const json_t *o, const char *key)
{
	json_t *v = json_object_get(o, key);

	return json_is_object(v) ? v : NULL;
}

json_t *metadata_array(const json_t *o, const char *key)
{
	json_t *v = json_object_get(o, key);

	return json_is_array(v) ? v : NULL;
}

const char *metadata_string(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

bool metadata_true(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

bool metadata_integer(const json_t *o, const char *key, int64_t *out)
{
	const json_t *v = json_object_get(o, key);
	double d = json_real_value(v);

	if (!json_is_real(v) || !(d >= -9007199254740992.0 && d <= 9007199254740992.0))
		return false;
	*out = (int64_t)d;
	return true;
}

uint64_t metadata_time(const json_t *o, const char *key)
{
	uint64_t ns = 0;

	if (!parse_rfc3339_ns(span_str(metadata_string(o, key)), &ns))
		return 0;
	return ns;
}
