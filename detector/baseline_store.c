// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/baseline_store.h"

#include <errno.h>
#include <string.h>

#include "collector/base/log.h"
#include "detector/baseline_store_internal.h"

struct record {
	struct worker_job job; /* first: the worker gives it back */
	struct record *next;   /* of those that leave */
	struct baseline_store *store;
	struct baseline *b; /* owned; NULL: the file is to go */
	char name[BASELINE_STORE_NAME];
	size_t bytes;	/* of memory, when it was last written */
	bool stored;	/* the file of this name is ours */
	bool busy;	/* the worker has the job */
	bool again;	/* asked for at once while busy */
	bool failing;	/* its last write did not go through */
	bool removes;	/* the job that is under way */
	bool ran;	/* the worker's, as what follows */
	bool set_aside; /* something lay there */
	int result;
	struct err why;
	struct buf document;
};

struct baseline_store {
	struct worker *worker;
	int dir_fd;
	uint32_t max, n, next; /* next: whose turn it is */
	struct record **records;
	struct baseline **list; /* of the records, in their order */
	struct record *leaving; /* removed; the file or a job is still there */
	unsigned in_flight, failing;
	struct baseline_store_stats stats;
	char error[ERR_TEXT_BYTES];
};

/* --- one write ---------------------------------------------------------------------------------
 */

static void run_job(struct worker_job *job)
{
	struct record *r = (struct record *)job;
	const struct span document = { r->document.data, r->document.len };

	r->ran = true;
	r->result = r->removes ? store_unlink(r->store->dir_fd, r->name, &r->why)
			       : store_write(r->store->dir_fd, r->name, document, !r->stored,
					     &r->set_aside, &r->why);
}

static void note_failure(struct record *r, const char *why)
{
	struct baseline_store *s = r->store;

	s->stats.write_errors++;
	snprintf(s->error, sizeof(s->error), "%s", why);
	if (r->b)
		r->b->dirty = true;
	if (r->failing)
		return;
	r->failing = true;
	if (s->failing++ == 0)
		log_error("baselines cannot be written", "error", why, NULL);
}

static void note_success(struct record *r)
{
	struct baseline_store *s = r->store;

	if (!r->failing)
		return;
	r->failing = false;
	if (--s->failing == 0)
		s->error[0] = '\0';
}

static void start(struct record *r, bool urgent);

static void free_leaving(struct record *r)
{
	struct record **at = &r->store->leaving;

	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	note_success(r); /* a record that is gone fails no more */
	free(r);
}

static void wake_namesake(struct baseline_store *s, const char *name)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (s->records[i]->again && strcmp(s->records[i]->name, name) == 0)
			start(s->records[i], true);
}

static void job_done(struct worker_job *job)
{
	struct record *r = (struct record *)job;
	struct baseline_store *s = r->store;

	r->busy = false;
	s->in_flight--;
	buf_release(&r->document);
	s->stats.set_aside += r->ran && r->set_aside;
	if (!r->ran) { /* the worker stopped */
		if (r->b)
			r->b->dirty = true;
	} else if (r->result < 0) {
		note_failure(r, r->why.text);
	} else if (!r->removes) {
		note_success(r);
		r->stored = true;
		s->stats.writes++;
	}
	if (r->removes && r->ran && r->result == 0) {
		char name[BASELINE_STORE_NAME];

		memcpy(name, r->name, sizeof(name));
		free_leaving(r);
		wake_namesake(s, name);
		return;
	}
	if (!r->b ? !r->removes && r->ran : r->again)
		start(r, true);
}

/* A file that is to go must be gone before another takes its name. */
static bool must_wait(const struct record *r)
{
	if (!r->b)
		return false;
	for (const struct record *l = r->store->leaving; l; l = l->next)
		if (strcmp(l->name, r->name) == 0)
			return true;
	return false;
}

static bool render(struct record *r)
{
	r->bytes = baseline_bytes(r->b);
	buf_init(&r->document, BASELINE_MAX_JSON);
	baseline_json(&r->document, r->b);
	if (!r->document.failed)
		return true;
	buf_release(&r->document);
	note_failure(r, "no memory for a baseline's document");
	return false;
}

/* Removals are urgent, too, so that they keep their place before what is written anew. */
static void start(struct record *r, bool urgent)
{
	struct baseline_store *s = r->store;

	if (r->busy || must_wait(r) || (r->b && s->in_flight >= BASELINE_STORE_IN_FLIGHT)) {
		r->again = r->again || urgent;
		return;
	}
	if (r->b && !render(r))
		return;
	r->again = false;
	r->removes = !r->b;
	r->ran = r->set_aside = false;
	r->why.text[0] = '\0';
	r->busy = true;
	s->in_flight++;
	if (r->b)
		r->b->dirty = false;
	if (!s->worker)
		run_job(&r->job);
	if (!s->worker || worker_submit(s->worker, &r->job, urgent || r->removes) < 0)
		job_done(&r->job);
}

/* --- the table ---------------------------------------------------------------------------------
 */

static int add_record(struct baseline_store *s, struct baseline *b, bool stored)
{
	char name[BASELINE_STORE_NAME];

	if (s->n == s->max) {
		s->stats.refused++;
		return -ENOSPC;
	}
	baseline_store_name(b, name);
	for (uint32_t i = 0; i < s->n; i++)
		if (strcmp(s->records[i]->name, name) == 0)
			return -EEXIST;
	struct record *r = calloc(1, sizeof(*r));

	if (!r) {
		s->stats.refused++;
		return -ENOMEM;
	}
	*r = (struct record){ .job = { .run = run_job, .done = job_done },
			      .store = s,
			      .b = b,
			      .bytes = baseline_bytes(b),
			      .stored = stored,
			      .document = { .fd = -1 } };
	memcpy(r->name, name, sizeof(name));
	s->records[s->n] = r;
	s->list[s->n++] = b;
	return 0;
}

static bool take_loaded(void *ctx, struct baseline *b)
{
	if (add_record(ctx, b, true) == 0)
		return true;
	baseline_free(b);
	return false;
}

int baseline_store_new(struct baseline_store **out, const struct baseline_store_settings *settings,
		       struct err *e)
{
	AUTO(baseline_store_free) struct baseline_store *s = calloc(1, sizeof(*s));
	struct store_counts counts = { 0 };

	if (!s)
		return err_set(e, ENOMEM, "no memory for baselines");
	s->dir_fd = -1;
	s->worker = settings->worker;
	s->max = settings->max ? settings->max : BASELINE_STORE_MAX;
	s->records = calloc(s->max, sizeof(struct record *));
	s->list = calloc(s->max, sizeof(struct baseline *));
	if (!s->records || !s->list)
		return err_set(e, ENOMEM, "no memory for baselines");
	int r = store_open_folder(settings->state_fd, e);

	if (r < 0)
		return r;
	s->dir_fd = r;
	r = store_load(s->dir_fd, s->max, take_loaded, s, &counts, e);
	if (r < 0)
		return r;
	s->stats.refused += counts.refused;
	s->stats.set_aside += counts.set_aside;
	*out = TAKE(s);
	return 0;
}

static void free_record(struct record *r)
{
	buf_release(&r->document);
	baseline_free(r->b);
	free(r);
}

void baseline_store_free(struct baseline_store *s)
{
	if (!s)
		return;
	s->worker = NULL;
	for (struct record *r = s->leaving, *next; r; r = next) {
		next = r->next;
		start(r, false);
	}
	for (uint32_t i = 0; i < s->n; i++) {
		if (s->list[i]->dirty)
			start(s->records[i], false);
		free_record(s->records[i]);
	}
	for (struct record *r = s->leaving, *next; r; r = next) {
		next = r->next;
		free_record(r);
	}
	if (s->dir_fd >= 0)
		close(s->dir_fd);
	free(s->records);
	free(s->list);
	free(s);
}

int baseline_store_add(struct baseline_store *s, struct baseline *b)
{
	const int r = add_record(s, b, false);

	if (r < 0)
		baseline_free(b);
	else
		b->dirty = true;
	return r;
}

static struct record *record_of(const struct baseline_store *s, const struct baseline *b,
				uint32_t *at)
{
	for (*at = 0; *at < s->n; ++*at)
		if (s->list[*at] == b)
			return s->records[*at];
	return NULL;
}

void baseline_store_remove(struct baseline_store *s, struct baseline *b)
{
	uint32_t at;
	struct record *r = record_of(s, b, &at);

	if (!r)
		return;
	s->records[at] = s->records[--s->n];
	s->list[at] = s->list[s->n];
	baseline_free(r->b);
	r->b = NULL;
	r->bytes = 0;
	r->next = s->leaving;
	s->leaving = r;
	if (!r->stored && !r->busy) /* nothing of it is on the disk */
		free_leaving(r);
	else
		start(r, true);
}

struct baseline *const *baseline_store_list(struct baseline_store *s, size_t *n)
{
	*n = s->n;
	return s->list;
}

void baseline_store_save(struct baseline_store *s, unsigned most)
{
	for (struct record *r = s->leaving, *next; r; r = next) {
		next = r->next;
		start(r, true);
	}
	for (uint32_t i = 0; i < s->n && most > 0; i++) {
		struct record *r = s->records[s->next++ % s->n];

		if ((!r->b->dirty && !r->again) || r->busy)
			continue;
		start(r, r->again);
		most--;
	}
	s->next = s->n > 0 ? s->next % s->n : 0;
}

void baseline_store_save_now(struct baseline_store *s, struct baseline *b)
{
	uint32_t at;
	struct record *r = record_of(s, b, &at);

	if (r)
		start(r, true);
}

struct baseline_store_stats baseline_store_stats(const struct baseline_store *s)
{
	struct baseline_store_stats stats = s->stats;

	stats.images = s->n;
	stats.capacity = s->max;
	stats.error = s->error;
	for (uint32_t i = 0; i < s->n; i++) {
		stats.bytes += s->records[i]->bytes;
		stats.dirty += s->list[i]->dirty;
	}
	return stats;
}

/* --- questions ---------------------------------------------------------------------------------
 */

struct baseline *baseline_store_find(struct baseline_store *s, struct span repository,
				     struct span entry)
{
	char clean[BASELINE_NAME_BYTES], clean_entry[BASELINE_CLASS_BYTES];

	if (!baseline_clean(repository, clean, sizeof(clean)) ||
	    !baseline_clean(entry, clean_entry, sizeof(clean_entry)))
		return NULL;
	for (uint32_t i = 0; i < s->n; i++)
		if (strcmp(s->list[i]->repository, clean) == 0 &&
		    strcmp(s->list[i]->entry, clean_entry) == 0)
			return s->list[i];
	return NULL;
}
