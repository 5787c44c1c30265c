// SPDX-License-Identifier: GPL-2.0-or-later
/* Which containers the rules are about: an image under all its names. */
#include <errno.h>
#include <string.h>

#include "detector/baseline_export_falco.h"

/* "nginx:1.25" and "nginx@sha256:..": the part before. */
static struct span repository_of(struct span reference)
{
	const char *at = memchr(reference.p, '@', reference.n);

	if (at)
		reference.n = (size_t)(at - reference.p);
	const char *slash = memrchr(reference.p, '/', reference.n);
	const char *name = slash ? slash + 1 : reference.p;
	const char *colon = memchr(name, ':', (size_t)(reference.p + reference.n - name));

	if (colon)
		reference.n = (size_t)(colon - reference.p);
	return reference;
}

static void put_alias(struct buf *b, const char *before, struct span name, size_t *n)
{
	for (size_t i = 0; i < name.n; i++)
		if (!falco_is_plain(name.p[i]))
			return;
	if (name.n == 0 || span_starts(name, "sha256:"))
		return;
	buf_printf(b, "%s\"%s%.*s\"", (*n)++ ? ", " : "", before, (int)name.n, name.p);
}

/* All names under which a container may have been made from it. */
static size_t put_aliases(struct buf *b, const struct baseline *of)
{
	static const char *const mirrors[] = { "registry-1.docker.io/", "index.docker.io/",
					       "mirror.gcr.io/" };
	struct span s = span_str(of->repository);
	size_t n = 0;

	put_alias(b, "", s, &n);
	if (span_starts(s, "docker.io/")) {
		s = (struct span){ s.p + strlen("docker.io/"), s.n - strlen("docker.io/") };
		put_alias(b, "", s, &n);
		for (size_t i = 0; i < sizeof(mirrors) / sizeof(mirrors[0]); i++)
			put_alias(b, mirrors[i], s, &n);
		if (span_starts(s, "library/")) {
			put_alias(b, "public.ecr.aws/docker/", s, &n);
			put_alias(
				b, "",
				(struct span){ s.p + strlen("library/"), s.n - strlen("library/") },
				&n);
		}
	}
	for (size_t i = 0; i < BASELINE_MAX_DIGESTS; i++)
		if (of->digests[i].id[0])
			put_alias(b, "", repository_of(span_str(of->digests[i].reference)), &n);
	return n;
}

/* Falco has the first twelve digits of an image's id, bulkhead all. */
static bool put_image_id(struct buf *b, struct span repository)
{
	if (!span_starts(repository, "sha256:") || repository.n < 19)
		return false;
	for (size_t i = 7; i < 19; i++)
		if (parse_hex_digit(repository.p[i]) < 0)
			return false;
	buf_printf(b, "container.image.id startswith \"%.*s\"", 12, repository.p + 7);
	return true;
}

int falco_put_macro(struct falco_file *f)
{
	struct buf *b = &f->lists;

	buf_printf(b, "- macro: %s\n  condition: (", f->id);
	if (!put_image_id(b, span_str(f->x->b->repository))) {
		buf_add_str(b, "container.image.repository in (");
		if (put_aliases(b, f->x->b) == 0)
			return err_set(f->x->e, EINVAL,
				       "the image's name '%.100s' cannot stand in a rule",
				       f->x->b->repository);
		buf_add_char(b, ')');
	}
	buf_add_str(b, ")\n\n");
	return 0;
}

/* Two images whose names differ in marks alone must not share a list. */
static uint32_t hash_of(const struct baseline *b)
{
	const struct span parts[] = { span_str(b->repository), span_str(b->entry) };
	uint32_t h = 2166136261U;

	for (size_t p = 0; p < 2; p++) {
		for (size_t i = 0; i < parts[p].n; i++)
			h = (h ^ (unsigned char)parts[p].p[i]) * 16777619U;
		h *= 16777619U; /* as of a NUL: ends the part */
	}
	return h;
}

int falco_make_id(struct falco_file *f)
{
	AUTO_BUF struct buf name = { .fd = -1 };

	buf_init(&name, sizeof(f->id));
	buf_add_str(&name, "bulkhead_");
	export_put_name(&name, f->x->b, '_');
	buf_printf(&name, "_%08x", hash_of(f->x->b));
	if (name.failed)
		return err_set(f->x->e, ENOMEM, "no memory for the export");
	memcpy(f->id, name.data, name.len);
	f->id[name.len] = '\0';
	return 0;
}
