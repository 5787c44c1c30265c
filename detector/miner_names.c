// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/miner_names.h"

#include <errno.h>
#include <string.h>

#include "collector/base/arena.h"
#include "detector/rule_file.h"

#define TEXT_BYTES     (1U << 20)
#define TREE_BYTES     (64U << 20) /* of one file while it is read */
#define NAME_MAX_BYTES 253
#define COMM_BYTES     15

struct miner_names {
	struct arena arena;
	struct span pools[MINER_MAX_POOLS]; /* sorted by their bytes */
	struct span programs[MINER_MAX_PROGRAMS];
	uint16_t ports[MINER_MAX_PORTS];
	size_t pools_n, programs_n, ports_n;
};

int miner_names_new(struct miner_names **out, struct err *e)
{
	struct miner_names *n = calloc(1, sizeof(*n));

	if (!n)
		return err_set(e, ENOMEM, "no memory for names of pools");
	arena_init(&n->arena, TEXT_BYTES);
	*out = n;
	return 0;
}

void miner_names_free(struct miner_names *n)
{
	if (!n)
		return;
	arena_release(&n->arena);
	free(n);
}

/* --- reading ------------------------------------------------------------------------------- */

static size_t lower(struct span s, char out[NAME_MAX_BYTES + 1])
{
	if (s.n > 0 && s.p[s.n - 1] == '.')
		s.n--;
	if (s.n > NAME_MAX_BYTES)
		return 0;
	for (size_t i = 0; i < s.n; i++)
		out[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] + 32 : s.p[i]);
	out[s.n] = '\0';
	return s.n;
}

static int compare(struct span a, struct span b)
{
	const int r = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

	return r ? r : (a.n > b.n) - (a.n < b.n);
}

/* Where it is, or belongs. */
static size_t place(const struct span *list, size_t n, struct span s, bool *there)
{
	size_t low = 0, high = n;

	while (low < high) {
		const size_t mid = (low + high) / 2;
		const int r = compare(list[mid], s);

		if (r == 0) {
			*there = true;
			return mid;
		}
		if (r < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*there = false;
	return low;
}

static int add_name(struct miner_names *n, struct span *list, size_t *count, size_t max,
		    struct span text, struct err *e)
{
	char name[NAME_MAX_BYTES + 1];
	struct span s = { name, 0 };
	bool there;

	/* "*.pool.example" and ".pool.example" are what people write for the same */
	if (text.n > 2 && text.p[0] == '*' && text.p[1] == '.')
		text = (struct span){ text.p + 2, text.n - 2 };
	else if (text.n > 1 && text.p[0] == '.')
		text = (struct span){ text.p + 1, text.n - 1 };
	s.n = lower(text, name);
	if (s.n == 0)
		return err_set(e, EINVAL, "a name is empty or too long");
	const size_t at = place(list, *count, s, &there);

	if (there)
		return 0;
	if (*count == max)
		return err_set(e, E2BIG, "more than %zu names", max);
	const struct span copy = arena_copy(&n->arena, s);

	if (!copy.p)
		return err_set(e, ENOMEM, "no memory for names of pools");
	memmove(&list[at + 1], &list[at], (*count - at) * sizeof(*list));
	list[at] = copy;
	(*count)++;
	return 0;
}

static int add_port(struct miner_names *n, struct span text, struct err *e)
{
	uint64_t port;

	if (!parse_u64(text, &port) || port == 0 || port > UINT16_MAX)
		return err_set(e, EINVAL, "'%.*s' is no port", (int)(text.n < 40 ? text.n : 40),
			       text.p);
	if (miner_names_port(n, (uint16_t)port))
		return 0;
	if (n->ports_n == MINER_MAX_PORTS)
		return err_set(e, E2BIG, "more than %d ports", MINER_MAX_PORTS);
	n->ports[n->ports_n++] = (uint16_t)port;
	return 0;
}

static int add_text(struct miner_names *n, struct span list, struct span text, struct err *e)
{
	if (span_eq(list, "miner_pools"))
		return add_name(n, n->pools, &n->pools_n, MINER_MAX_POOLS, text, e);
	if (span_eq(list, "miner_programs"))
		return add_name(n, n->programs, &n->programs_n, MINER_MAX_PROGRAMS, text, e);
	if (span_eq(list, "miner_ports"))
		return add_port(n, text, e);
	return 0;
}

int miner_names_add(struct miner_names *n, const char *file, struct span yaml, struct err *e)
{
	AUTO_ARENA struct arena a;
	struct rule_items items = { .list = NULL };
	struct rule_messages m = { .first = NULL };
	struct err why = { "" };

	arena_init(&a, TREE_BYTES);
	if (rule_file_read(&a, span_str(file), yaml, &items, &m) < 0)
		return err_set(e, ENOMEM, "no memory to read '%s'", file);
	for (const struct rule_message *msg = m.first; msg; msg = msg->next)
		if (msg->error)
			return err_set(e, EINVAL, "%s:%u: %.*s", file, msg->line, (int)msg->text.n,
				       msg->text.p);
	for (size_t i = 0; i < items.n; i++) {
		const struct rule_item *item = &items.list[i];

		for (size_t k = 0; item->kind == ITEM_LIST && k < item->items.n; k++) {
			const int r = add_text(n, item->name.text, item->items.list[k].text, &why);

			if (r < 0)
				return err_set(e, -r, "%s:%u: %s", file, item->items.list[k].line,
					       why.text);
		}
	}
	return 0;
}

/* --- asking -------------------------------------------------------------------------------- */

struct span miner_names_pool(const struct miner_names *n, struct span name)
{
	char text[NAME_MAX_BYTES + 1];
	struct span s = { text, lower(name, text) };
	bool there;

	while (s.n > 0) {
		const size_t at = place(n->pools, n->pools_n, s, &there);

		if (there)
			return n->pools[at];
		const char *dot = memchr(s.p, '.', s.n);

		if (!dot)
			break;
		s = (struct span){ dot + 1, s.n - (size_t)(dot + 1 - s.p) };
	}
	return (struct span){ NULL, 0 };
}

static bool is_word_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

struct span miner_names_program(const struct miner_names *n, struct span base_name)
{
	char text[NAME_MAX_BYTES + 1];
	const size_t bytes = lower(base_name, text);

	for (size_t i = 0; bytes > 0 && i < n->programs_n; i++) {
		const struct span p = n->programs[i];

		if (bytes == COMM_BYTES && p.n > COMM_BYTES && memcmp(text, p.p, bytes) == 0)
			return p;
		if (bytes < p.n || memcmp(text, p.p, p.n) != 0)
			continue;
		if (bytes == p.n || !is_word_byte(text[p.n]))
			return p;
	}
	return (struct span){ NULL, 0 };
}

bool miner_names_port(const struct miner_names *n, uint16_t port)
{
	for (size_t i = 0; i < n->ports_n; i++)
		if (n->ports[i] == port)
			return true;
	return false;
}

struct miner_names_counts miner_names_counts(const struct miner_names *n)
{
	return (struct miner_names_counts){ n->pools_n, n->programs_n, n->ports_n };
}
