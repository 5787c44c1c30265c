// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/cgparse.h"

#include <string.h>

#include "collector/base/clock.h"

#define V1_NO_LIMIT (1ULL << 62)

static bool is_whole(struct span text)
{
	return text.n > 0 && text.p[text.n - 1] == '\n';
}

bool cgparse_value(struct span text, uint64_t *out)
{
	return parse_u64(span_trim(text), out);
}

bool cgparse_limit(struct span text, uint64_t *out)
{
	struct span s = span_trim(text);
	uint64_t v;

	if (span_eq(s, "max") || span_eq(s, "-1")) {
		*out = 0;
		return true;
	}
	if (!parse_u64(s, &v))
		return false;
	*out = v > V1_NO_LIMIT ? 0 : v;
	return true;
}

bool cgparse_key(struct span text, const char *key, uint64_t *out)
{
	struct span line, word;

	while (span_next(&text, '\n', &line)) {
		if (span_word(&line, &word) && span_eq(word, key))
			return span_word(&line, &word) && parse_u64(word, out);
	}
	return false;
}

/* --- memory.stat ----------------------------------------------------------------------------- */

enum mem_key {
	MEM_CACHE,
	MEM_RSS,
	MEM_MAPPED,
	MEM_DIRTY,
	MEM_WRITEBACK,
	MEM_REFAULT_FILE,
	MEM_REFAULT_ANON,
	MEM_SWAP,
	MEM_PGFAULT,
	MEM_PGMAJFAULT,
	MEM_INACTIVE_FILE,
	MEM_ACTIVE_FILE,
	MEM_KERNEL,
	MEM_PGSCAN,
	MEM_PGSTEAL,
	MEM_NONE
};

struct mem_values {
	uint64_t v[MEM_NONE];
	uint32_t seen;
};

#define HAS(values, key) (((values)->seen >> (key)) & 1U)

/* Literals hold the blank, so that "rss" is not taken for "rss_huge". */
#define TRY(literal, key)                                                                          \
	do {                                                                                       \
		if (n >= sizeof(literal) - 1 && memcmp(p, literal, sizeof(literal) - 1) == 0) {    \
			*skip = sizeof(literal) - 1;                                               \
			return key;                                                                \
		}                                                                                  \
	} while (0)

static inline enum mem_key mem_key_v1(const char *p, size_t n, size_t *skip)
{
	switch (p[0]) {
	case 'a':
		TRY("active_file ", MEM_ACTIVE_FILE);
		break;
	case 'c':
		TRY("cache ", MEM_CACHE);
		break;
	case 'd':
		TRY("dirty ", MEM_DIRTY);
		break;
	case 'i':
		TRY("inactive_file ", MEM_INACTIVE_FILE);
		break;
	case 'm':
		TRY("mapped_file ", MEM_MAPPED);
		break;
	case 'p':
		TRY("pgfault ", MEM_PGFAULT);
		TRY("pgmajfault ", MEM_PGMAJFAULT);
		break;
	case 'r':
		TRY("rss ", MEM_RSS);
		break;
	case 's':
		TRY("swap ", MEM_SWAP);
		break;
	case 'w':
		TRY("writeback ", MEM_WRITEBACK);
		TRY("workingset_refault_file ", MEM_REFAULT_FILE);
		TRY("workingset_refault_anon ", MEM_REFAULT_ANON);
		break;
	}
	return MEM_NONE;
}

static inline enum mem_key mem_key_v2(const char *p, size_t n, size_t *skip)
{
	switch (p[0]) {
	case 'a':
		TRY("anon ", MEM_RSS);
		TRY("active_file ", MEM_ACTIVE_FILE);
		break;
	case 'f':
		TRY("file ", MEM_CACHE);
		TRY("file_mapped ", MEM_MAPPED);
		TRY("file_dirty ", MEM_DIRTY);
		TRY("file_writeback ", MEM_WRITEBACK);
		break;
	case 'i':
		TRY("inactive_file ", MEM_INACTIVE_FILE);
		break;
	case 'k':
		TRY("kernel ", MEM_KERNEL);
		break;
	case 'p':
		TRY("pgfault ", MEM_PGFAULT);
		TRY("pgmajfault ", MEM_PGMAJFAULT);
		TRY("pgscan ", MEM_PGSCAN);
		TRY("pgsteal ", MEM_PGSTEAL);
		break;
	case 'w':
		TRY("workingset_refault_file ", MEM_REFAULT_FILE);
		TRY("workingset_refault_anon ", MEM_REFAULT_ANON);
		break;
	}
	return MEM_NONE;
}

/* Puts "value\n" at *p into `to`; false when it is not a number. */
static inline bool mem_take(const char **p, const char *end, enum mem_key key,
			    struct mem_values *to)
{
	if (!cgparse_take_u64(p, end, &to->v[key]) || *p == end || **p != '\n')
		return false;
	to->seen |= 1U << key;
	++*p;
	return true;
}

static inline const char *next_line(const char *p, const char *end)
{
	const char *nl = memchr(p, '\n', (size_t)(end - p));

	return nl ? nl + 1 : end;
}

static void have(struct sample *out, uint32_t bits, bool yes)
{
	out->have = yes ? out->have | bits : out->have & ~bits;
}

static void mem_store(const struct mem_values *m, struct sample *out)
{
	bool refault = HAS(m, MEM_REFAULT_FILE) && HAS(m, MEM_REFAULT_ANON);

	out->memory_rss = m->v[MEM_RSS];
	out->memory_cache = m->v[MEM_CACHE];
	out->memory_mapped_file = m->v[MEM_MAPPED];
	out->memory_active_file = m->v[MEM_ACTIVE_FILE];
	out->memory_inactive_file = m->v[MEM_INACTIVE_FILE];
	out->memory_dirty = m->v[MEM_DIRTY];
	out->memory_writeback = m->v[MEM_WRITEBACK];
	out->pgfault_tree = m->v[MEM_PGFAULT];
	out->pgmajfault_tree = m->v[MEM_PGMAJFAULT];
	out->refault_file = m->v[MEM_REFAULT_FILE];
	out->refault_anon = m->v[MEM_REFAULT_ANON];
	have(out, SAMPLE_MEMORY_DIRTY, HAS(m, MEM_DIRTY) && HAS(m, MEM_WRITEBACK));
	have(out, SAMPLE_MEMORY_REFAULT, refault);
}

bool cgparse_memory_stat_v1(struct span text, struct sample *out)
{
	struct mem_values local = { .seen = 0 }, tree = { .seen = 0 };
	const char *p = text.p, *end = text.p + text.n;

	if (!is_whole(text))
		return false;
	while (p < end) {
		bool total = (size_t)(end - p) > 6 && memcmp(p, "total_", 6) == 0;
		size_t skip = 0;

		p += total ? 6 : 0;
		enum mem_key key = mem_key_v1(p, (size_t)(end - p), &skip);

		if (key == MEM_NONE) {
			p = next_line(p, end);
			continue;
		}
		p += skip;
		if (!mem_take(&p, end, key, total ? &tree : &local))
			return false;
	}
	const struct mem_values *m = tree.seen ? &tree : &local;

	if (!HAS(m, MEM_RSS) || !HAS(m, MEM_CACHE))
		return false;
	mem_store(m, out);
	out->pgfault = local.v[MEM_PGFAULT];
	out->pgmajfault = local.v[MEM_PGMAJFAULT];
	have(out, SAMPLE_MEMORY_SWAP, HAS(m, MEM_SWAP)); /* absent without swap accounting */
	if (HAS(m, MEM_SWAP))
		out->memory_swap = m->v[MEM_SWAP];
	return true;
}

bool cgparse_memory_stat_v2(struct span text, struct sample *out)
{
	struct mem_values m = { .seen = 0 };
	const char *p = text.p, *end = text.p + text.n;

	if (!is_whole(text))
		return false;
	while (p < end) {
		size_t skip = 0;
		enum mem_key key = mem_key_v2(p, (size_t)(end - p), &skip);

		if (key == MEM_NONE) {
			p = next_line(p, end);
			continue;
		}
		p += skip;
		if (!mem_take(&p, end, key, &m))
			return false;
	}
	if (!HAS(&m, MEM_RSS) || !HAS(&m, MEM_CACHE))
		return false;
	mem_store(&m, out);
	out->pgfault = out->pgfault_tree; /* v2 counts the subtree only */
	out->pgmajfault = out->pgmajfault_tree;
	out->memory_kernel = m.v[MEM_KERNEL];
	out->pgscan = m.v[MEM_PGSCAN];
	out->pgsteal = m.v[MEM_PGSTEAL];
	have(out, SAMPLE_MEMORY_KERNEL, HAS(&m, MEM_KERNEL));
	have(out, SAMPLE_MEMORY_RECLAIM, HAS(&m, MEM_PGSCAN) && HAS(&m, MEM_PGSTEAL));
	return true;
}

/* --- small keyed files ------------------------------------------------------------------------ */

struct wanted {
	const char *key;
	size_t key_n;
	uint64_t value;
	bool seen;
};
#define WANT(literal)                                                                              \
	{                                                                                          \
		.key = literal, .key_n = sizeof(literal) - 1                                       \
	}

/* Fills the wanted keys of "key value" lines; false on a cut text or a value that is no number.
 * Keys in the kernel's order are found at once: the search begins after the last one found. */
static bool take_keys(struct span text, struct wanted *w, size_t n)
{
	const char *p = text.p, *end = text.p + text.n;
	size_t from = 0;

	if (!is_whole(text))
		return false;
	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t line_n = (size_t)(nl - p);

		for (size_t tried = 0; tried < n; tried++) {
			struct wanted *k = &w[(from + tried) % n];

			if (k->key_n >= line_n || p[k->key_n] != ' ' ||
			    memcmp(p, k->key, k->key_n) != 0)
				continue;
			p += k->key_n + 1;
			if (!cgparse_take_u64(&p, nl, &k->value) || p != nl)
				return false;
			k->seen = true;
			from += tried + 1;
			break;
		}
		p = nl + 1;
	}
	return true;
}

bool cgparse_memory_events(struct span text, struct sample *out)
{
	struct wanted w[] = { WANT("high"), WANT("max"), WANT("oom_kill") };

	if (!take_keys(text, w, 3) || !w[0].seen || !w[1].seen)
		return false;
	out->memory_events_high = w[0].value;
	out->memory_events_max = w[1].value;
	out->memory_failcnt = w[1].value;
	have(out, SAMPLE_MEMORY_EVENTS | SAMPLE_MEMORY_FAILCNT, true);
	have(out, SAMPLE_OOM, w[2].seen);
	if (w[2].seen)
		out->oom_kills = w[2].value;
	return true;
}

bool cgparse_oom_control(struct span text, struct sample *out)
{
	struct wanted w[] = { WANT("oom_kill"), WANT("under_oom") };

	if (!take_keys(text, w, 2) || !w[1].seen)
		return false;
	have(out, SAMPLE_OOM, w[0].seen); /* since 4.13 */
	if (w[0].seen)
		out->oom_kills = w[0].value;
	return true;
}

bool cgparse_cpu_stat(struct span text, struct sample *out)
{
	enum { USAGE, USER, SYSTEM, PERIODS, THROTTLED, T_NS, T_US, BURSTS, B_NS, B_US, COUNT };
	struct wanted w[COUNT] = {
		[USAGE] = WANT("usage_usec"),	    [USER] = WANT("user_usec"),
		[SYSTEM] = WANT("system_usec"),	    [PERIODS] = WANT("nr_periods"),
		[THROTTLED] = WANT("nr_throttled"), [T_NS] = WANT("throttled_time"),
		[T_US] = WANT("throttled_usec"),    [BURSTS] = WANT("nr_bursts"),
		[B_NS] = WANT("burst_time"),	    [B_US] = WANT("burst_usec"),
	};

	if (!take_keys(text, w, COUNT) || !(w[USAGE].seen || w[PERIODS].seen))
		return false;
	if (w[USAGE].seen) {
		out->cpu_usage_ns = w[USAGE].value * NS_PER_US;
		out->cpu_user_ns = w[USER].value * NS_PER_US;
		out->cpu_system_ns = w[SYSTEM].value * NS_PER_US;
		have(out, SAMPLE_CPU, true);
	}
	out->cfs_periods = w[PERIODS].value;
	out->cfs_throttled_periods = w[THROTTLED].value;
	out->cfs_throttled_ns = w[T_NS].seen ? w[T_NS].value : w[T_US].value * NS_PER_US;
	out->cfs_bursts = w[BURSTS].value;
	out->cfs_burst_ns = w[B_NS].seen ? w[B_NS].value : w[B_US].value * NS_PER_US;
	have(out, SAMPLE_CPU_CFS, w[PERIODS].seen);
	have(out, SAMPLE_CPU_BURST, w[BURSTS].seen);
	return true;
}

bool cgparse_cpuacct_stat(struct span text, uint64_t user_hz, struct sample *out)
{
	struct wanted w[] = { WANT("user"), WANT("system") };

	if (!take_keys(text, w, 2) || !w[0].seen || !w[1].seen || user_hz == 0)
		return false;
	out->cpu_user_ns = w[0].value * (NS_PER_S / user_hz);
	out->cpu_system_ns = w[1].value * (NS_PER_S / user_hz);
	return true;
}

bool cgparse_percpu(struct span text, uint64_t *cpus, uint32_t cap, uint32_t *n, uint64_t *sum)
{
	const char *p = text.p, *end = text.p + text.n;
	uint64_t total = 0, v;
	uint32_t count = 0;

	if (!is_whole(text))
		return false;
	while (p < end) {
		if (*p == ' ' || *p == '\n') {
			p++;
			continue;
		}
		if (!cgparse_take_u64(&p, end, &v))
			return false;
		if (count < cap)
			cpus[count++] = v;
		total += v;
	}
	*n = count;
	*sum = total;
	return true;
}

bool cgparse_cpu_max(struct span text, uint64_t *quota_us, uint64_t *period_us)
{
	struct span line = span_trim(text), quota, period;
	uint64_t q, p;

	if (!span_word(&line, &quota) || !span_word(&line, &period) || !cgparse_limit(quota, &q) ||
	    !parse_u64(period, &p))
		return false;
	*quota_us = q;
	*period_us = p;
	return true;
}

bool cgparse_cpu_weight(struct span text, uint64_t *shares)
{
	uint64_t weight;

	if (!cgparse_value(text, &weight) || weight < 1 || weight > 10000)
		return false;
	*shares = 2 + (weight - 1) * 262142 / 9999;
	return true;
}

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=123": the number at the line's end. */
static bool psi_total(const char *line, const char *nl, uint64_t *out)
{
	static const char key[] = " total=";
	size_t key_n = sizeof(key) - 1;
	const char *p = nl;

	while (p > line && (unsigned)(p[-1] - '0') <= 9)
		p--;
	return (size_t)(p - line) >= key_n && memcmp(p - key_n, key, key_n) == 0 &&
	       cgparse_take_u64(&p, nl, out);
}

bool cgparse_psi(struct span text, struct sample_psi *out)
{
	const char *p = text.p, *end = text.p + text.n;
	struct sample_psi got = { 0, 0 };
	bool some = false;

	if (!is_whole(text))
		return false;
	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		bool is_some = nl - p > 5 && memcmp(p, "some ", 5) == 0;
		bool is_full = nl - p > 5 && memcmp(p, "full ", 5) == 0;

		if ((is_some || is_full) &&
		    !psi_total(p, nl, is_some ? &got.some_us : &got.full_us))
			return false;
		some |= is_some;
		p = nl + 1;
	}
	if (some)
		*out = got;
	return some;
}
