// SPDX-License-Identifier: GPL-2.0-or-later
/* The file objects of an event's JSON: "open", "path" (calls that name one or two files) and
 * "file" (what the kernel's object says). */
#include "collector/event_json_internal.h"

#include <sys/stat.h>

#include "collector/event_names.h"

void event_put_open(struct buf *b, const struct event_view *v)
{
	const struct event_open *o = v->open;

	json_put_object(b, "open");
	event_put_string(b, v, TAG_PATH, "path");
	event_put_string(b, v, TAG_RAW, "raw");
	event_put_string(b, v, TAG_BASE, "base");
	json_put_bits(b, "access", o->access, event_access_names, EVENT_ACCESS_NAMES);
	json_put_u64(b, "flags", o->flags);
	if (o->mode || (o->access & ACCESS_CREATE))
		json_put_octal(b, "mode", o->mode);
	json_put_i64(b, "dirfd", o->dirfd);
	json_put_known(b, "resolve", o->resolve);
	buf_add_char(b, '}');
}

/* Which fields of struct event_path mean something, by type. */
enum { DIRFD = 1, FLAGS = 2, MODE = 4, OWNER = 8, VALUE = 16 };
static const uint8_t path_fields[EVENT_TYPE_COUNT] = {
	[EVENT_UNLINK] = DIRFD | FLAGS,	      [EVENT_RENAME] = DIRFD | FLAGS,
	[EVENT_LINK] = DIRFD | FLAGS,	      [EVENT_SYMLINK] = DIRFD,
	[EVENT_MKDIR] = DIRFD | MODE,	      [EVENT_RMDIR] = DIRFD | FLAGS,
	[EVENT_CHMOD] = DIRFD | FLAGS | MODE, [EVENT_CHOWN] = DIRFD | FLAGS | OWNER,
	[EVENT_MKNOD] = DIRFD | MODE | VALUE, [EVENT_TRUNCATE] = DIRFD | VALUE,
	[EVENT_SETXATTR] = DIRFD | FLAGS,     [EVENT_STAT] = DIRFD | FLAGS,
};

void event_put_path(struct buf *b, const struct event_view *v)
{
	const struct event_path *p = v->path;
	uint8_t fields = path_fields[v->head->type];
	bool second = v->strings[TAG_PATH2].p || v->strings[TAG_RAW2].p;

	json_put_object(b, "path");
	event_put_string(b, v, TAG_PATH, "path");
	event_put_string(b, v, TAG_RAW, "raw");
	event_put_string(b, v, TAG_BASE, "base");
	event_put_string(b, v, TAG_PATH2, "path2");
	event_put_string(b, v, TAG_RAW2, "raw2");
	event_put_string(b, v, TAG_BASE2, "base2");
	if (fields & DIRFD) {
		json_put_i64(b, "dirfd", p->dirfd);
		if (second)
			json_put_i64(b, "dirfd2", p->dirfd2);
	}
	if (fields & FLAGS)
		json_put_u64(b, "flags", p->flags);
	if (fields & MODE)
		json_put_octal(b, "mode", p->mode);
	if ((fields & OWNER) && p->uid != UINT32_MAX) /* -1 leaves it as it is */
		json_put_u64(b, "uid", p->uid);
	if ((fields & OWNER) && p->gid != UINT32_MAX)
		json_put_u64(b, "gid", p->gid);
	if (fields & VALUE)
		json_put_u64(b, "value", p->value);
	event_put_string(b, v, TAG_NAME, "name");
	buf_add_char(b, '}');
}

static const struct event_file *file_of(const struct event_view *v)
{
	switch (event_type_shape((enum event_type)v->head->type)) {
	case SHAPE_EXEC:
		return &v->exec->file;
	case SHAPE_OPEN:
		return &v->open->file;
	case SHAPE_PATH:
		return &v->path->file;
	case SHAPE_CALL:
		return &v->call->file;
	case SHAPE_FORK:
	case SHAPE_EXIT:
	case SHAPE_NETWORK:
		break;
	}
	return NULL;
}

static void put_fs(struct buf *b, uint32_t magic)
{
	const char *name = event_fs_name(magic);

	if (name) {
		json_put_str(b, "fs", name);
	} else {
		json_put_key(b, "fs");
		buf_printf(b, "\"0x%x\"", magic);
	}
}

void event_put_file(struct buf *b, const struct event_view *v)
{
	const struct event_file *f = file_of(v);

	if (!f || !(f->flags & FILE_KNOWN))
		return;
	json_put_object(b, "file");
	json_put_u64(b, "inode", f->inode);
	json_put_known(b, "parent_inode", f->parent_inode);
	json_put_device(b, "device", f->device);
	json_put_known(b, "mount_id", f->mount_id);
	put_fs(b, f->fs_magic);
	json_put_octal(b, "mode", f->mode);
	json_put_u64(b, "uid", f->uid);
	json_put_u64(b, "gid", f->gid);
	json_put_u64(b, "links", f->links);
	if (S_ISCHR(f->mode) || S_ISBLK(f->mode))
		json_put_device(b, "rdev", f->rdev);
	json_put_true(b, "upper", f->flags & FILE_UPPER);
	json_put_true(b, "foreign", f->flags & FILE_FOREIGN);
	json_put_true(b, "memory", f->flags & FILE_MEMORY);
	json_put_true(b, "deleted", f->flags & FILE_DELETED);
	json_put_true(b, "overlay", f->flags & FILE_OVERLAY);
	json_put_true(b, "kernel", f->flags & FILE_KERNEL);
	json_put_true(b, "detached", f->flags & FILE_DETACHED);
	buf_add_char(b, '}');
}
