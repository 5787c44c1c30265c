// SPDX-License-Identifier: GPL-2.0-or-later
/* What user space writes into the programs' maps, and the figures it reads from them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "collector/base/io.h"
#include "collector/event_view.h"
#include "collector/sensor_internal.h"

struct sensor_switches *sensor_switches(struct sensor *s)
{
	return &s->skeleton->bss->switches;
}

/* The first of `order` goes when half of the buffer waits, the last at nine tenths; the rest of the
 * room is for what is never shed. */
void sensor_set_shedding(struct sensor *s, const uint8_t *order, size_t n)
{
	struct sensor_switches *w = sensor_switches(s);
	const uint64_t size = s->stats.buffer_bytes;
	uint64_t at[EVENT_TYPE_COUNT] = { 0 };

	for (size_t i = 0; i < n; i++) {
		enum event_class c = event_type_class(order[i]);

		if (order[i] < EVENT_TYPE_COUNT &&
		    (c == EVENT_CLASS_FILE || c == EVENT_CLASS_NETWORK))
			at[order[i]] = size / 2 + size * 2 / 5 * (i + 1) / n;
	}
	memcpy(w->shed_at, at, sizeof(at));
}

int sensor_set_cgroup(struct sensor *s, uint64_t key, const struct cgroup_entry *entry)
{
	int fd = bpf_map__fd(s->skeleton->maps.cgroups);

	sensor_enforced(s, entry->enforce, false);
	if (bpf_map_update_elem(fd, &key, entry, BPF_NOEXIST) == 0) {
		s->cgroups_n++;
		return 0;
	}
	if (errno == EEXIST) {
		struct cgroup_entry now = *entry, was;

		/* what the programs noted stays: they saw it, we may not know it */
		if (!now.first_pid && bpf_map_lookup_elem(fd, &key, &was) == 0 &&
		    was.container == now.container)
			now.first_pid = was.first_pid;
		if (bpf_map_update_elem(fd, &key, &now, BPF_EXIST) == 0)
			return 0;
	}
	s->cgroups_refused++;
	return -errno;
}

void sensor_drop_cgroup(struct sensor *s, uint64_t key)
{
	if (bpf_map_delete_elem(bpf_map__fd(s->skeleton->maps.cgroups), &key) == 0 &&
	    s->cgroups_n > 0)
		s->cgroups_n--;
}

int sensor_add_host_prefix(struct sensor *s, const char *prefix, struct err *e)
{
	struct host_prefix k = { .prefixlen = 0 };
	uint32_t one = 1;
	size_t n = strlen(prefix);

	if (n > sizeof(k.path)) /* a shorter prefix covers it */
		n = sizeof(k.path);
	memcpy(k.path, prefix, n);
	k.prefixlen = (uint32_t)n * 8;
	if (bpf_map_update_elem(bpf_map__fd(s->skeleton->maps.host_prefixes), &k, &one, BPF_ANY) <
	    0) {
		s->prefixes_refused++;
		return err_errno(e, "path '%s'", prefix);
	}
	s->prefixes_n++;
	return 0;
}

int sensor_add_host_name(struct sensor *s, const char *name, struct err *e)
{
	struct host_name k = { "" };
	uint32_t one = 1;

	if (strlen(name) >= sizeof(k.name))
		return err_set(e, ENAMETOOLONG, "file name '%s' is longer than %zu bytes", name,
			       sizeof(k.name) - 1);
	memcpy(k.name, name, strlen(name));
	if (bpf_map_update_elem(bpf_map__fd(s->skeleton->maps.host_names), &k, &one, BPF_ANY) < 0) {
		s->names_refused++;
		return err_errno(e, "file name '%s'", name);
	}
	s->names_n++;
	return 0;
}

static void clear_map(int fd, void *key)
{
	while (bpf_map_get_next_key(fd, NULL, key) == 0)
		if (bpf_map_delete_elem(fd, key) < 0)
			return;
}

void sensor_clear_host_paths(struct sensor *s)
{
	struct host_prefix prefix = { .prefixlen = 0 };
	struct host_name name = { "" };

	clear_map(bpf_map__fd(s->skeleton->maps.host_prefixes), &prefix);
	clear_map(bpf_map__fd(s->skeleton->maps.host_names), &name);
	s->prefixes_n = s->names_n = 0;
}

/* The programs set bits all the time: taken by exchange, none is missed. */
static int map_words(const struct bpf_map *m, size_t words, uint64_t **out, size_t *out_bytes)
{
	const size_t bytes = words * sizeof(uint64_t);
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(m), 0);

	if (p == MAP_FAILED)
		return -errno;
	*out = p;
	*out_bytes = bytes;
	return 0;
}

int sensor_take_syscalls(struct sensor *s, uint32_t slot, uint64_t words[SYSCALL_WORDS])
{
	if (slot >= s->slots)
		return -ENOENT;
	int r = s->bitmaps ? 0
			   : map_words(s->skeleton->maps.bitmaps, (size_t)s->slots * SYSCALL_WORDS,
				       &s->bitmaps, &s->bitmaps_bytes);

	for (size_t i = 0; r == 0 && i < SYSCALL_WORDS; i++)
		words[i] = __atomic_exchange_n(&s->bitmaps[slot * SYSCALL_WORDS + i], 0,
					       __ATOMIC_RELAXED);
	return r;
}

uint64_t sensor_take_lost(struct sensor *s, uint32_t slot)
{
	const size_t index = slot == SENSOR_NO_SLOT ? 0 : (size_t)slot + 1;

	if (index > s->slots)
		return 0;
	if (!s->losses && map_words(s->skeleton->maps.losses, (size_t)s->slots + 1, &s->losses,
				    &s->losses_bytes) < 0)
		return ~0ULL; /* nobody knows */
	/* nearly always, and without a locked write */
	if (!__atomic_load_n(&s->losses[index], __ATOMIC_RELAXED))
		return 0;
	return __atomic_exchange_n(&s->losses[index], 0, __ATOMIC_RELAXED);
}

bool sensor_accounts(struct sensor *s, struct account *out, uint32_t n)
{
	int fd = bpf_map__fd(s->skeleton->maps.accounts);

	if (!s->accounts)
		return false;
	if (n > s->slots)
		n = s->slots;
	for (uint32_t done = 0; done < n;) {
		uint32_t at = done - 1, next, count = n - done;
		AUTO_FREE uint32_t *keys = calloc(count, sizeof(*keys));

		if (!keys || bpf_map_lookup_batch(fd, done ? &at : NULL, &next, keys, out + done,
						  &count, NULL) < 0) {
			if (!keys || (errno != ENOENT && errno != ENOSPC) || count == 0)
				return false;
		}
		done += count;
	}
	return true;
}

void sensor_reset_slot(struct sensor *s, uint32_t slot)
{
	static const struct account none;
	static const uint64_t no_calls[SYSCALL_WORDS];

	if (slot >= s->slots)
		return;
	bpf_map_update_elem(bpf_map__fd(s->skeleton->maps.accounts), &slot, &none, BPF_ANY);
	bpf_map_update_elem(bpf_map__fd(s->skeleton->maps.bitmaps), &slot, no_calls, BPF_ANY);
	sensor_take_lost(s, slot);
}

void sensor_counts(const struct sensor *s, struct event_counts *sum)
{
	const int cpus = libbpf_num_possible_cpus();
	uint32_t zero = 0;
	AUTO_FREE struct event_counts *each = calloc(cpus > 0 ? (size_t)cpus : 1, sizeof(*each));
	const uint64_t *from = (const uint64_t *)each;
	uint64_t *to = (uint64_t *)sum;
	const size_t words = sizeof(*sum) / sizeof(*to);

	memset(sum, 0, sizeof(*sum));
	if (!each || cpus <= 0 ||
	    bpf_map_lookup_elem(bpf_map__fd(s->skeleton->maps.counts), &zero, each) < 0)
		return;
	for (size_t i = 0; i < words * (size_t)cpus; i++)
		to[i % words] += from[i];
}

int sensor_read_repeats(struct sensor *s, uint32_t minute, uint32_t most, uint64_t *repeats,
			uint64_t *entries)
{
	AUTO_FREE struct repeat_key *keys = calloc(most, sizeof(*keys));
	AUTO_FREE struct repeat_value *values = calloc(most, sizeof(*values));
	uint32_t next = 0, count = most, at;

	if (!keys || !values)
		return -ENOMEM;
	memcpy(&at, s->walk_at, sizeof(at));
	if (!s->walking)
		s->walk_repeats = s->walk_entries = 0;
	int r = bpf_map_lookup_batch(bpf_map__fd(s->skeleton->maps.repeats),
				     s->walking ? &at : NULL, &next, keys, values, &count, NULL);
	const bool end = r < 0 && errno == ENOENT;

	if (r < 0 && !end) {
		s->walking = false;
		return -errno;
	}
	for (uint32_t i = 0; i < count; i++)
		s->walk_repeats += values[i].minute >= minute; /* or stamped again since */
	s->walk_entries += count;
	memcpy(s->walk_at, &next, sizeof(next));
	s->walking = !end;
	*repeats = s->walk_repeats;
	*entries = s->walk_entries;
	return end;
}

/* --- memory -------------------------------------------------------------------------------------
 */

/* "memlock:\tN" of a map's fdinfo is what it holds of the kernel's memory. */
static uint64_t map_bytes(const struct bpf_map *m)
{
	char path[64], text[1024];
	struct span rest, line, word;
	uint64_t v;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", bpf_map__fd(m));
	ssize_t n = io_read_at(AT_FDCWD, path, text, sizeof(text));

	rest = (struct span){ text, n > 0 ? (size_t)n : 0 };
	while (span_next(&rest, '\n', &line))
		if (span_word(&line, &word) && span_eq(word, "memlock:") &&
		    span_word(&line, &word) && parse_u64(word, &v))
			return v;
	return 0;
}

static void describe(const struct sensor *s, const struct bpf_map *m, struct sensor_map *out)
{
	const struct {
		const struct bpf_map *map;
		const char *table;
		uint64_t entries, refused;
	} tables[] = {
		{ s->skeleton->maps.cgroups, "sensor_cgroups", s->cgroups_n, s->cgroups_refused },
		{ s->skeleton->maps.verdicts, "sensor_verdicts", s->verdicts_n,
		  s->verdicts_refused },
		{ s->skeleton->maps.peers, "sensor_peers", s->peers_n, s->peers_refused },
		/* refused: the kernel had no memory to mark a task */
		{ s->skeleton->maps.marks, "sensor_marks", 0, s->skeleton->bss->marks_refused },
		{ s->skeleton->maps.host_prefixes, "sensor_host_prefixes", s->prefixes_n,
		  s->prefixes_refused },
		{ s->skeleton->maps.host_names, "sensor_host_names", s->names_n, s->names_refused },
		/* the least recently used make room in these */
		{ s->skeleton->maps.repeats, "sensor_repeats", s->walk_entries, 0 },
		{ s->skeleton->maps.flows, "sensor_flows", 0, 0 },
		{ s->skeleton->maps.dull, "sensor_dull", 0, 0 },
		{ s->skeleton->maps.resolved, "sensor_resolved", 0,
		  s->skeleton->bss->resolved_refused },
	};

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		if (tables[i].map != m)
			continue;
		out->table = tables[i].table;
		out->entries = tables[i].entries;
		out->refused = tables[i].refused;
	}
}

size_t sensor_maps(const struct sensor *s, struct sensor_map *out, size_t cap)
{
	const struct bpf_map *m;
	size_t n = 0;

	bpf_object__for_each_map(m, s->skeleton->obj)
	{
		if (n == cap)
			break;
		out[n] = (struct sensor_map){ .name = bpf_map__name(m),
					      .bytes = map_bytes(m),
					      .capacity = bpf_map__max_entries(m) };
		describe(s, m, &out[n]);
		n++;
	}
	return n;
}
