// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>

#include "detector/task_pass_internal.h"

#define FIRST_PLACES 1024U

static uint32_t place_of(const struct task_memories *t, struct process_key key)
{
	const uint64_t h = (key.start_boot_ns ^ key.pid) * 0x9e3779b97f4a7c15ULL;

	return (uint32_t)(h >> 32) & t->mask;
}

static bool same(struct process_key a, struct process_key b)
{
	return a.pid == b.pid && a.start_boot_ns == b.start_boot_ns;
}

int task_memories_init(struct task_memories *t, uint32_t max)
{
	*t = (struct task_memories){ .max = max, .mask = FIRST_PLACES - 1 };
	t->list = calloc(FIRST_PLACES, sizeof(t->list[0]));
	return t->list ? 0 : -ENOMEM;
}

void task_memories_release(struct task_memories *t)
{
	free(t->list);
	*t = (struct task_memories){ .max = 0 };
}

/* Where it is, or the free place where it would be: there always is one. */
static struct task_memory *seek(const struct task_memories *t, struct process_key key)
{
	uint32_t i = place_of(t, key);

	while (t->list[i].key.pid && !same(t->list[i].key, key))
		i = (i + 1) & t->mask;
	return &t->list[i];
}

struct task_memory *task_memory_find(const struct task_memories *t, struct process_key key)
{
	struct task_memory *m = key.pid ? seek(t, key) : NULL;

	return m && m->key.pid ? m : NULL;
}

/* All into a list of another size; false: no memory, nothing has changed. */
static bool move(struct task_memories *t, uint32_t places,
		 bool (*keep)(const struct task_memory *m, uint32_t pass), uint32_t pass)
{
	struct task_memories to = { .mask = places - 1,
				    .max = t->max,
				    .seen = t->seen,
				    .seen_pass = t->seen_pass,
				    .refused = t->refused };

	to.list = calloc(places, sizeof(to.list[0]));
	if (!to.list)
		return false;
	for (uint32_t i = 0; i <= t->mask; i++) {
		const struct task_memory *m = &t->list[i];

		if (!m->key.pid || !keep(m, pass))
			continue;
		*seek(&to, m->key) = *m;
		to.n++;
	}
	free(t->list);
	*t = to;
	return true;
}

static bool keep_all(const struct task_memory *m, uint32_t pass)
{
	(void)m;
	(void)pass;
	return true;
}

static bool keep_seen(const struct task_memory *m, uint32_t pass)
{
	return m->pass == pass;
}

static void count_seen(struct task_memories *t, uint32_t pass)
{
	if (t->seen_pass != pass)
		t->seen = 0;
	t->seen_pass = pass;
	t->seen++;
}

struct task_memory *task_memory_take(struct task_memories *t, struct process_key key, uint32_t pass,
				     bool *fresh)
{
	struct task_memory *m;

	*fresh = false;
	if (!key.pid)
		return NULL;
	m = seek(t, key);
	if (!m->key.pid) {
		const bool tight = t->n >= t->mask - t->mask / 4;

		if (t->n >= t->max || (tight && !move(t, (t->mask + 1) * 2, keep_all, pass))) {
			t->refused++;
			return NULL;
		}
		m = seek(t, key);
		*m = (struct task_memory){ .key = key, .pass = pass };
		t->n++;
		count_seen(t, pass);
		*fresh = true;
		return m;
	}
	if (m->pass != pass) {
		m->pass = pass;
		count_seen(t, pass);
		m->suspected = m->suspected_now;
		m->suspected_now = 0;
	}
	return m;
}

/* Taking one out of open addressing moves its neighbours; taking the ended ones of a whole pass out
 * at once is a copy, and only done when there are enough of them. */
void task_memories_sweep(struct task_memories *t, uint32_t pass)
{
	const uint32_t seen = t->seen_pass == pass ? t->seen : 0;
	uint32_t places = FIRST_PLACES;

	if (t->n - seen <= t->mask / 8)
		return;
	while (seen >= places / 2)
		places *= 2;
	move(t, places, keep_seen, pass);
}
