// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/posture_images.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "collector/json_put.h"

_Static_assert(POSTURE_MAX <= 64, "a bit of struct posture_verdict for each");

struct image {
	char *repository;
	char **keys; /* findings it had, "sensitive-mount rw /etc" */
	uint32_t keys_n;
	bool settings, real; /* what was looked at so far */
	enum posture_grade grade;
	uint64_t first_ns, last_ns; /* unix */
};

struct posture_images {
	struct image *list;
	uint32_t n, max, keys_max;
	bool dirty;
	uint64_t evicted, keys_refused;
};

int posture_images_new(struct posture_images **out, uint32_t max, uint32_t keys, struct err *e)
{
	struct posture_images *l = calloc(1, sizeof(*l));

	if (!l)
		return err_set(e, ENOMEM, "no memory for the postures of images");
	l->max = max;
	l->keys_max = keys;
	*out = l;
	return 0;
}

static void release(struct image *i)
{
	for (uint32_t k = 0; k < i->keys_n; k++)
		free(i->keys[k]);
	free(i->keys);
	free(i->repository);
}

void posture_images_free(struct posture_images *l)
{
	if (!l)
		return;
	for (uint32_t i = 0; i < l->n; i++)
		release(&l->list[i]);
	free(l->list);
	free(l);
}

/* The list is as short as a host has images: a look at each is quick enough for a start. */
static struct image *find(struct posture_images *l, const char *repository)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (strcmp(l->list[i].repository, repository) == 0)
			return &l->list[i];
	return NULL;
}

static void make_room(struct posture_images *l)
{
	uint32_t oldest = 0;

	if (l->n < l->max)
		return;
	for (uint32_t i = 1; i < l->n; i++)
		if (l->list[i].last_ns < l->list[oldest].last_ns)
			oldest = i;
	release(&l->list[oldest]);
	l->list[oldest] = l->list[--l->n];
	l->evicted++;
}

static struct image *add(struct posture_images *l, const char *repository, uint64_t now)
{
	make_room(l);
	struct image *more = reallocarray(l->list, l->n + 1, sizeof(*more));
	char *copy = more ? strdup(repository) : NULL;

	if (more)
		l->list = more;
	if (!copy)
		return NULL;
	l->list[l->n] = (struct image){ .repository = copy, .first_ns = now };
	return &l->list[l->n++];
}

static bool had(const struct image *i, const char *key)
{
	for (uint32_t k = 0; k < i->keys_n; k++)
		if (strcmp(i->keys[k], key) == 0)
			return true;
	return false;
}

static bool remember(struct posture_images *l, struct image *i, const char *key)
{
	char **more = i->keys_n < l->keys_max ? reallocarray(i->keys, i->keys_n + 1, sizeof(*more))
					      : NULL;
	char *copy = more ? strdup(key) : NULL;

	if (more)
		i->keys = more;
	if (!copy) {
		l->keys_refused++;
		return false;
	}
	i->keys[i->keys_n++] = copy;
	l->dirty = true;
	return true;
}

void posture_images_take(struct posture_images *l, const char *repository, const struct posture *p,
			 bool real, uint64_t now_unix_ns, struct posture_verdict *out)
{
	struct image *i = find(l, repository);
	char key[POSTURE_KEY_BYTES];

	*out = (struct posture_verdict){ .first = !i };
	if (!i && !(i = add(l, repository, now_unix_ns)))
		return;
	out->before = i->grade;
	const bool all = had(i, posture_infos[POSTURE_PRIVILEGED].name);

	for (size_t k = 0; k < p->n; k++) {
		const struct posture_finding *f = &p->findings[k];

		posture_key(f, key);
		/* what finds no room would be told each time: it is counted and not told */
		if (f->severity >= ALERT_INFO || had(i, key) || !remember(l, i, key))
			continue;
		if ((f->real ? i->real : i->settings) && !(all && posture_in_privileged(f->id)))
			out->fresh |= 1ULL << k;
	}
	out->worse = out->fresh != 0;
	if (!i->settings || (real && !i->real) || i->grade != p->grade)
		l->dirty = true;
	i->settings = true;
	i->real = i->real || real;
	i->grade = p->grade;
	i->last_ns = now_unix_ns;
}

/* --- the file --- */

bool posture_images_dirty(const struct posture_images *l)
{
	return l->dirty;
}

void posture_images_mark(struct posture_images *l, bool dirty)
{
	l->dirty = dirty;
}

static void put_image(struct buf *b, const struct image *i)
{
	const char grade[] = { posture_grade_letter(i->grade), '\0' };

	buf_add_char(b, '{');
	json_put_str(b, "repository", i->repository);
	json_put_str(b, "grade", grade);
	json_put_true(b, "settings", i->settings);
	json_put_true(b, "process", i->real);
	json_put_u64(b, "first", i->first_ns / 1000000000);
	json_put_u64(b, "last", i->last_ns / 1000000000);
	json_put_array(b, "had");
	for (uint32_t k = 0; k < i->keys_n; k++) {
		json_put_comma(b);
		json_put_string(b, span_str(i->keys[k]));
	}
	buf_add_str(b, "]}");
}

void posture_images_json(struct posture_images *l, struct buf *b)
{
	buf_add_char(b, '{');
	json_put_u64(b, "schema", 1);
	json_put_array(b, "images");
	for (uint32_t i = 0; i < l->n; i++) {
		json_put_comma(b);
		buf_add_str(b, "\n");
		put_image(b, &l->list[i]);
	}
	buf_add_str(b, "]}\n");
}

static uint64_t seconds(const json_t *o, const char *key)
{
	const json_int_t s = json_integer_value(json_object_get(o, key));

	return s > 0 && s < (json_int_t)(UINT64_MAX / 1000000000) ? (uint64_t)s * 1000000000 : 0;
}

static void parse_image(struct posture_images *l, const json_t *o)
{
	const char *repository = json_string_value(json_object_get(o, "repository"));
	const char *grade = json_string_value(json_object_get(o, "grade"));
	json_t *key;
	size_t k;

	if (!repository || !*repository || strlen(repository) >= BASELINE_NAME_BYTES ||
	    find(l, repository))
		return;
	struct image *i = add(l, repository, seconds(o, "first"));

	if (!i)
		return;
	i->last_ns = seconds(o, "last");
	i->settings = json_is_true(json_object_get(o, "settings"));
	i->real = json_is_true(json_object_get(o, "process"));
	if (!grade || !posture_grade_parse(grade, &i->grade))
		i->grade = GRADE_A;
	json_array_foreach(json_object_get(o, "had"), k, key)
	{
		const char *text = json_string_value(key);

		if (text && strlen(text) < POSTURE_KEY_BYTES && !had(i, text))
			remember(l, i, text);
	}
}

int posture_images_parse(struct posture_images *l, struct span text, struct err *e)
{
	json_error_t why;
	json_t *o, *list = json_loadb(text.p, text.n, 0, &why);
	size_t i;

	if (!json_is_array(json_object_get(list, "images")) ||
	    json_integer_value(json_object_get(list, "schema")) != 1) {
		json_decref(list);
		return err_set(e, EBADMSG, "not a list of postures");
	}
	json_array_foreach(json_object_get(list, "images"), i, o) parse_image(l, o);
	json_decref(list);
	l->dirty = false;
	return 0;
}

struct posture_images_stats posture_images_stats(const struct posture_images *l)
{
	return (struct posture_images_stats){ .used = l->n,
					      .capacity = l->max,
					      .evicted = l->evicted,
					      .keys_refused = l->keys_refused };
}
