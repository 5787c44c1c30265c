// SPDX-License-Identifier: GPL-2.0-or-later
/* Input: a document. What is read of it, written and read again is the same document, and fits the
 * memory of an image; merged into a baseline, too. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "detector/baseline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *text_of(const struct baseline *b)
{
	struct buf out;

	buf_init(&out, BASELINE_MAX_JSON);
	baseline_json(&out, b);
	if (out.failed)
		abort();
	return buf_take_str(&out);
}

static void must_read(struct baseline **out, const char *text)
{
	if (baseline_parse(out, span_str(text), NULL) < 0)
		abort();
}

static void merge(const struct baseline *b, bool imported)
{
	struct baseline *into = NULL;

	if (baseline_new(&into, SPAN_LIT("r"), SPAN_LIT("e"), 1, NULL) < 0)
		abort();
	baseline_note(into, BASELINE_EXEC, SPAN_LIT("/bin/sh < -"), 0, 1, NULL, NULL);
	baseline_merge(into, b, imported);
	if (baseline_bytes(into) > BASELINE_MAX_BYTES)
		abort();
	const struct path_entry *sh = baseline_find(into, BASELINE_EXEC, SPAN_LIT("/bin/sh < -"));

	if (!sh || (imported && sh->seen.flags & (SEEN_IMPORTED | SEEN_ACCEPTED | SEEN_REJECTED)))
		abort(); /* what was seen here, stays seen here */
	baseline_free(into);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct span text = { (const char *)data, size };
	struct baseline *first = NULL, *second = NULL;
	struct err e = { "" };

	if (baseline_parse(&first, text, &e) < 0) {
		if (first || !e.text[0])
			abort();
		return 0;
	}
	if (baseline_bytes(first) > BASELINE_MAX_BYTES)
		abort();
	AUTO_FREE char *one = text_of(first);

	must_read(&second, one);
	AUTO_FREE char *two = text_of(second);

	if (strcmp(one, two) != 0)
		abort();
	merge(first, true);
	merge(first, false);
	baseline_age(second, UINT64_MAX / 2);
	baseline_free(first);
	baseline_free(second);
	return 0;
}
