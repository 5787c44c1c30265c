/* SPDX-License-Identifier: GPL-2.0-or-later */
/* baseline_fixture - baselines for tests, in few words. */
#ifndef BULKHEAD_TESTS_BASELINE_FIXTURE_H
#define BULKHEAD_TESTS_BASELINE_FIXTURE_H

#include <stdlib.h>
#include <string.h>

#include "collector/base/clock.h"
#include "detector/baseline_internal.h"

#define T0   (1800000000ULL * NS_PER_S)
#define ID_A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static inline struct baseline *make_baseline(const char *repository, const char *entry)
{
	struct baseline *b = NULL;

	assert_int_equal(baseline_new(&b, span_str(repository), span_str(entry), T0, NULL), 0);
	return b;
}

static inline struct baseline *nginx(void)
{
	return make_baseline("docker.io/library/nginx", "nginx");
}

/* Noted, and counted in so many windows of steady state. */
static inline struct path_entry *note(struct baseline *b, enum baseline_class c, const char *key,
				      unsigned digest, uint32_t windows)
{
	struct path_entry *entry = NULL;

	assert_int_equal(baseline_note(b, c, span_str(key), digest, T0, &entry, NULL), 0);
	entry->seen.windows[PHASE_STEADY] += windows;
	entry->seen.containers++;
	return entry;
}

static inline struct path_entry *look(const struct baseline *b, enum baseline_class c,
				      const char *key)
{
	return baseline_find(b, c, span_str(key));
}

static inline uint32_t entries_of(const struct baseline *b, enum baseline_class c)
{
	return path_tree_stats(b->sets[c].tree).entries;
}

static inline void windows(struct baseline *b, enum seen_phase phase, unsigned n, uint64_t from_ns)
{
	for (unsigned i = 0; i < n; i++)
		baseline_window(b, phase, 0, 0, from_ns + i * 60 * NS_PER_S);
}

/* The document, as a string to free. */
static inline char *text_of(const struct baseline *b)
{
	struct buf out;

	buf_init(&out, BASELINE_MAX_JSON);
	baseline_json(&out, b);
	assert_false(out.failed);
	return buf_take_str(&out);
}

/* One with something of everything. */
static inline struct baseline *full_baseline(void)
{
	struct baseline *b = nginx();
	const unsigned a = baseline_digest(b, span_str(ID_A), SPAN_LIT("nginx:1.25"), T0 + 1);
	const unsigned d = baseline_digest(b, span_str(ID_B), SPAN_LIT("nginx:1.26"), T0 + 2);

	note(b, BASELINE_EXEC, "/usr/sbin/nginx < -", a, 7)->seen.flags |= SEEN_DROPPED;
	note(b, BASELINE_EXEC, "/usr/sbin/nginx < -", d, 1);
	note(b, BASELINE_SCRIPT, "/docker-entrypoint.sh < /bin/dash", d, 1);
	note(b, BASELINE_WRITE, "/var/log/nginx/a\"b\\c*d\x01\xff\xc3\xa9", a, 2);
	note(b, BASELINE_CONNECT, "tcp/443/10/0/0/1", a, 3)->seen.windows[PHASE_STARTUP] = 9;
	note(b, BASELINE_LISTEN, "tcp/80", a, 3);
	note(b, BASELINE_USER, "101", a, 3);
	assert_int_equal(baseline_accept(b, BASELINE_UNIX, SPAN_LIT("@x"), T0), 0);
	note(b, BASELINE_CALL, "ptrace", a, 1);
	assert_int_equal(baseline_reject(b, BASELINE_CALL, SPAN_LIT("ptrace")), 0);
	for (unsigned i = 0; i < 100; i++)
		baseline_measure(b, RESOURCE_CPU, false, i % 24, 0.01 * i);
	baseline_measure(b, RESOURCE_MEMORY, true, 3, 1e9);
	windows(b, PHASE_STEADY, 5, T0);
	baseline_window(b, PHASE_STARTUP, a, 1U << BASELINE_WRITE, T0 + 3);
	baseline_container(b, SPAN_LIT("c1"));
	baseline_container(b, SPAN_LIT("c2"));
	b->sets[BASELINE_EXEC].complete_ns[PHASE_STEADY] = T0 + 9;
	b->sets[BASELINE_READ].refused = 3;
	b->actions[BASELINE_EXEC] = ENFORCE_KILL;
	b->mode = MODE_DETECT;
	b->mode_since_ns = b->promoted_ns = T0 + 123456789;
	memcpy(b->mode_by, "root", 5);
	return b;
}

#endif
