// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/resolve.h"

#include <errno.h>
#include <string.h>

#include "collector/resolve_internal.h"

int resolve_new(struct resolver **out, const char *proc, struct err *e)
{
	AUTO(resolve_free) struct resolver *r = calloc(1, sizeof(*r));

	if (r)
		r->proc = strdup(proc);
	if (!r || !r->proc)
		return err_set(e, ENOMEM, "resolver of paths");
	*out = TAKE(r);
	return 0;
}

void resolve_forget(struct resolver *r)
{
	while (r->dirs_n)
		free(r->dirs[--r->dirs_n].mem);
}

void resolve_free(struct resolver *r)
{
	if (!r)
		return;
	resolve_forget(r);
	free(r->proc);
	free(r);
}

struct resolve_stats resolve_stats(const struct resolver *r)
{
	return r->stats;
}

/* --- directories that are remembered -----------------------------------------------------------
 */

static uint32_t hash_bytes(uint32_t h, const void *bytes, size_t n)
{
	const unsigned char *p = bytes;

	while (n--)
		h = (h ^ *p++) * 16777619U;
	return h;
}

static uint32_t hash_dir(const struct resolve_question *q, struct span dir)
{
	uint32_t h = hash_bytes(2166136261U, &q->who.pid, sizeof(q->who.pid));

	h = hash_bytes(h, q->base.p, q->base.n);
	return hash_bytes(h, dir.p, dir.n);
}

static bool is_same(const struct resolve_dir *d, const struct resolve_question *q, struct span dir,
		    uint32_t hash)
{
	return d->hash == hash && d->who.pid == q->who.pid &&
	       d->who.start_boot_ns == q->who.start_boot_ns && d->root_pid == q->root_pid &&
	       d->base_n == q->base.n && d->raw_n == dir.n &&
	       (!dir.n || memcmp(d->mem + d->base_n, dir.p, dir.n) == 0) &&
	       (!q->base.n || memcmp(d->mem, q->base.p, q->base.n) == 0);
}

static bool recall(struct resolver *r, const struct resolve_question *q, struct span dir,
		   uint32_t hash)
{
	for (uint32_t i = 0; i < r->dirs_n; i++) {
		const struct resolve_dir *d = &r->dirs[i];

		if (!is_same(d, q, dir, hash) || q->now_boot_ns < d->at_boot_ns ||
		    q->now_boot_ns - d->at_boot_ns >= RESOLVE_KEEP_NS)
			continue;
		resolve_text_set(&r->answer,
				 (struct span){ d->mem + d->base_n + d->raw_n, d->path_n });
		return true;
	}
	return false;
}

/* In place of the same question's, else a free place, else the oldest one: all are good for the
 * same second, however often they are used. */
static uint32_t choose_place(struct resolver *r, const struct resolve_question *q, struct span dir,
			     uint32_t hash)
{
	uint32_t oldest = 0;

	for (uint32_t i = 0; i < r->dirs_n; i++) {
		if (is_same(&r->dirs[i], q, dir, hash))
			return i;
		if (r->dirs[i].at_boot_ns < r->dirs[oldest].at_boot_ns)
			oldest = i;
	}
	if (r->dirs_n == RESOLVE_DIRS)
		return oldest;
	r->dirs[r->dirs_n].mem = NULL;
	return r->dirs_n++;
}

static void remember(struct resolver *r, const struct resolve_question *q, struct span dir,
		     uint32_t hash)
{
	const struct resolve_text *a = &r->answer;
	char *mem = malloc(q->base.n + dir.n + a->n + 1);
	uint32_t at;

	if (!mem)
		return;
	at = choose_place(r, q, dir, hash);
	free(r->dirs[at].mem);
	if (q->base.n)
		memcpy(mem, q->base.p, q->base.n);
	if (dir.n)
		memcpy(mem + q->base.n, dir.p, dir.n);
	memcpy(mem + q->base.n + dir.n, a->p, a->n);
	r->dirs[at] = (struct resolve_dir){
		.who = q->who,
		.root_pid = q->root_pid,
		.hash = hash,
		.at_boot_ns = q->now_boot_ns,
		.mem = mem,
		.base_n = q->base.n,
		.raw_n = dir.n,
		.path_n = a->n,
	};
}

/* --- the question ------------------------------------------------------------------------------
 */

static struct span cut_at_nul(struct span s)
{
	const char *nul = s.n ? memchr(s.p, '\0', s.n) : NULL;

	return nul ? (struct span){ s.p, (size_t)(nul - s.p) } : s;
}

static bool is_absolute(struct span s)
{
	return s.n && s.p[0] == '/';
}

/* What the process would walk, from its own root: base is told from the container's. */
static int as_process_sees(const struct resolve_roots *roots, struct span base, struct span raw,
			   struct resolve_text *out)
{
	struct resolve_text whole;
	struct span rest;

	if (is_absolute(raw)) {
		resolve_text_set(out, raw);
		return 0;
	}
	resolve_text_set(&whole, resolve_span(&roots->whole));
	resolve_text_add(&whole, base);
	if (!resolve_below(resolve_span(&whole), resolve_span(&roots->own), &rest))
		return -EXDEV; /* it holds a directory outside of its root */
	resolve_text_set(out, rest);
	resolve_text_add(out, raw);
	return 0;
}

/* What /proc/self/cwd means: below the process's own root. Nothing if it is not. */
static void own_cwd(struct resolver *r, const struct resolve_question *q,
		    const struct resolve_roots *roots, struct resolve_text *out)
{
	struct resolve_text whole;

	out->n = 0;
	if (resolve_cwd(r, q, roots, &whole) < 0)
		return;
	if (as_process_sees(roots, resolve_span(&whole), (struct span){ NULL, 0 }, out) < 0)
		out->n = 0;
}

static int walk(struct resolver *r, const struct resolve_question *q,
		const struct resolve_roots *roots, struct resolve_text *path, bool directory)
{
	struct resolve_text cwd = { .n = 0 };
	int ret;

	if (memmem(path->p, path->n, "/cwd", 4))
		own_cwd(r, q, roots, &cwd);
	resolve_self(path, q->ns_pid, resolve_span(&cwd));
	ret = resolve_walk(r, q, roots, resolve_span(path), directory, &r->answer);
	if (ret != -ENOENT && ret != -ELOOP && ret != -EXDEV)
		return ret;
	/* may be a symbolic link to /proc/self: not there for us, another's, or refused */
	own_cwd(r, q, roots, &cwd);
	if (resolve_links(r, q, roots, resolve_span(&cwd), path))
		ret = resolve_walk(r, q, roots, resolve_span(path), directory, &r->answer);
	return ret;
}

/* Asks the kernel about `dir`, the raw text or its directory. */
static int ask(struct resolver *r, const struct resolve_question *q, struct span dir,
	       bool directory)
{
	struct resolve_roots roots = { .fd = -1 };
	struct resolve_text cwd = { .n = 0 }, path;
	struct span base = q->base;
	int ret = resolve_open_roots(r, q, &roots);

	if (ret < 0)
		return ret;
	if (!is_absolute(dir) && !base.n) {
		ret = resolve_cwd(r, q, &roots, &cwd);
		base = resolve_span(&cwd);
	}
	if (ret == 0)
		ret = as_process_sees(&roots, base, dir, &path);
	if (ret == 0)
		ret = walk(r, q, &roots, &path, directory);
	close(roots.fd);
	return ret;
}

/* Text alone, as good as it gets: with the place where the process is and its root, if it lives. */
static void answer_lexical(struct resolver *r, const struct resolve_question *q)
{
	struct resolve_roots roots = { .fd = -1 };
	struct resolve_text cwd = { .n = 0 }, raw;
	struct span base = q->base, prefix = { NULL, 0 };

	if ((is_absolute(q->raw) || !base.n) && resolve_open_roots(r, q, &roots) == 0) {
		close(roots.fd);
		if (is_absolute(q->raw))
			resolve_below(resolve_span(&roots.own), resolve_span(&roots.whole),
				      &prefix);
		else if (resolve_cwd(r, q, &roots, &cwd) == 0)
			base = resolve_span(&cwd);
	}
	resolve_text_set(&raw, q->raw);
	resolve_self(&raw, q->ns_pid, (struct span){ NULL, 0 });
	/* ".." must not climb above the process's root, so it is added afterwards */
	r->answer.n = resolve_lexical(base, resolve_span(&raw), r->answer.p, sizeof(r->answer.p));
	if (prefix.n) {
		resolve_text_set(&raw, prefix);
		resolve_text_add(&raw, resolve_span(&r->answer));
		resolve_text_set(&r->answer, resolve_span(&raw));
	}
	r->stats.lexical++;
}

/* The directory is asked about, the last component added to it. */
static bool answer_late(struct resolver *r, const struct resolve_question *q)
{
	struct span dir = { NULL, 0 }, last = { NULL, 0 };
	bool split = resolve_split(q->raw, &dir, &last);
	bool keep = is_absolute(q->raw) || q->base.n; /* a cwd may be another one at any time */
	uint32_t hash;

	if (q->follow && split && ask(r, q, q->raw, false) == 0)
		return true;
	if (!split)
		return ask(r, q, q->raw, false) == 0;
	hash = hash_dir(q, dir);
	if (keep && recall(r, q, dir, hash)) {
		r->stats.remembered++;
	} else {
		if (ask(r, q, dir, true) < 0)
			return false;
		if (keep)
			remember(r, q, dir, hash);
	}
	resolve_text_add(&r->answer, last);
	return true;
}

void resolve_path(struct resolver *r, const struct resolve_question *q, struct resolve_answer *out)
{
	struct resolve_question ask_q = *q;
	struct span dir, last;

	ask_q.raw = cut_at_nul(q->raw);
	ask_q.base = cut_at_nul(q->base);
	if (is_absolute(ask_q.raw))
		ask_q.base = (struct span){ NULL, 0 };
	bool split = resolve_split(ask_q.raw, &dir, &last);

	if (ask_q.base.n && !ask_q.raw.n) {
		resolve_text_set(&r->answer, ask_q.base);
		out->how = RESOLVED_KERNEL;
	} else if (ask_q.base.n && split && !dir.n && !q->follow) {
		resolve_text_set(&r->answer, ask_q.base);
		resolve_text_add(&r->answer, last);
		out->how = RESOLVED_KERNEL;
	} else if (answer_late(r, &ask_q)) {
		r->stats.late++;
		out->how = RESOLVED_LATE;
	} else {
		answer_lexical(r, &ask_q);
		out->how = RESOLVED_LEXICAL;
	}
	out->path = resolve_span(&r->answer);
}
