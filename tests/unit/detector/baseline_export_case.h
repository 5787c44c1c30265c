/* SPDX-License-Identifier: GPL-2.0-or-later */
/* baseline_export_case - a baseline by hand, and what an export of it says. */
#ifndef BULKHEAD_TESTS_BASELINE_EXPORT_CASE_H
#define BULKHEAD_TESTS_BASELINE_EXPORT_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "detector/baseline_export.h"

#define CASE_NS 1700000000000000000ULL

static struct baseline *made;
static char document[4U << 20], notes[32U << 10];

/* All classes with evidence, learned completely. */
static inline void begin_baseline(const char *repository, const char *entry)
{
	struct err e = { "" };

	made = NULL;
	if (baseline_new(&made, span_str(repository), span_str(entry), CASE_NS, &e) < 0)
		fail_msg("%s", e.text);
	made->containers = 3;
	for (unsigned c = 0; c < BASELINE_CLASS_COUNT; c++)
		for (unsigned p = 0; p < PHASE_INJECTED; p++) {
			made->sets[c].windows[p] = 500;
			made->sets[c].complete_ns[p] = CASE_NS;
		}
}

static inline int end_baseline(void **state)
{
	(void)state;
	baseline_free(made);
	made = NULL;
	return 0;
}

static inline struct path_entry *learn(enum baseline_class c, const char *key)
{
	struct path_entry *entry = NULL;

	if (baseline_note(made, c, span_str(key), 0, CASE_NS, &entry, NULL) < 0)
		fail_msg("'%s' is not taken", key);
	entry->seen.windows[PHASE_STEADY] = 7;
	entry->seen.containers = 2;
	return entry;
}

/* As behaviour.c makes the key: escapes are part of it. */
static inline void learn_program(enum baseline_class c, const char *path, const char *by)
{
	char key[PATH_TREE_MAX_PATH];
	size_t n = 0;

	for (const char *p = path; *p; p++) {
		if (*p == '*' || *p == '\\')
			key[n++] = '\\';
		n += (size_t)snprintf(key + n, sizeof(key) - n, *p == '<' ? "\\x3c" : "%c", *p);
	}
	(void)snprintf(key + n, sizeof(key) - n, " < %s", by);
	learn(c, key);
}

static inline void learn_pattern(enum baseline_class c, const char *pattern)
{
	struct path_entry *entry = NULL;

	if (path_tree_add_pattern(made->sets[c].tree, span_str(pattern), &entry) < 0)
		fail_msg("'%s' is not taken", pattern);
	entry->seen.windows[PHASE_STEADY] = 7;
}

static inline void forget_windows(enum baseline_class c)
{
	memset(made->sets[c].windows, 0, sizeof(made->sets[c].windows));
}

/* Into `document` and `notes`, both as strings; 0, or -errno with its text in `notes`. */
static inline int exported(enum baseline_format f)
{
	AUTO_BUF struct buf out = { .fd = -1 };
	AUTO_BUF struct buf said = { .fd = -1 };
	struct err e = { "" };

	buf_init(&out, sizeof(document) - 1);
	buf_init(&said, sizeof(notes) - 1);
	document[0] = notes[0] = '\0';
	int r = baseline_export(&out, &said, made, f, &e);

	if (r < 0) {
		assert_int_equal(out.len, 0);
		assert_int_not_equal(e.text[0], '\0');
		memcpy(notes, e.text, strlen(e.text) + 1);
		return r;
	}
	assert_string_equal(e.text, "");
	assert_false(memchr(out.data, '\0', out.len) != NULL);
	memcpy(document, out.data, out.len);
	document[out.len] = '\0';
	if (said.len > 0)
		memcpy(notes, said.data, said.len);
	notes[said.len] = '\0';
	return 0;
}

static inline void says(const char *text)
{
	if (!strstr(document, text))
		fail_msg("'%s' is not in:\n%s", text, document);
}

static inline void does_not_say(const char *text)
{
	if (strstr(document, text))
		fail_msg("'%s' is in:\n%s", text, document);
}

static inline void notes_say(const char *text)
{
	if (!strstr(notes, text))
		fail_msg("'%s' is not in:\n%s", text, notes);
}

/* What somebody may call a file to get out of a document. */
static const char *const hostile_paths[] = {
	"/tmp/a\"b",
	"/tmp/it's",
	"/tmp/new\nline: [x]",
	"/tmp/\n}\nprofile evil { /** mrwx, }",
	"/tmp/{a,b}",
	"/tmp/$(id)`id`",
	"/tmp/star*[a-z]?",
	"/tmp/back\\slash",
	"/tmp/ends\\",
	"/tmp/tab\tbell\a",
	"/tmp/\xff\xfe",
	"/tmp/\xe2\x80\xa8#separator",
	"/tmp/@{HOME}#x",
	"/tmp/%proc.name ) or true",
	"/tmp/a,b c",
	"/tmp/a < b",
	"/tmp/\") or evt.type exists or (fd.name = \"",
	"- rule: x",
	"\n- rule: x\n  condition: evt.type exists",
};
#define HOSTILE_N (sizeof(hostile_paths) / sizeof(hostile_paths[0]))

static inline void learn_hostile(enum baseline_class c)
{
	for (size_t i = 0; i < HOSTILE_N; i++)
		learn(c, hostile_paths[i]);
}

#endif
