// SPDX-License-Identifier: GPL-2.0-or-later
/* Which baseline people mean. */
#include <errno.h>
#include <string.h>

#include "detector/baseline_store.h"

/* "nginx:1.25" and "nginx@sha256:.." are the repository's, too; an id has no tag. */
static struct span without_tag(struct span name)
{
	size_t n = name.n;

	for (size_t i = name.n; i > 0 && name.p[i - 1] != '/'; i--)
		if (name.p[i - 1] == ':' || name.p[i - 1] == '@')
			n = i - 1;
	return span_starts(name, "sha256:") ? name : (struct span){ name.p, n };
}

enum fit { FIT_NOT, FIT_PART, FIT_WHOLE };

static enum fit fits_repository(const char *repository, struct span text)
{
	const struct span whole = span_str(repository), name = without_tag(text);

	if (span_eq(text, repository) || span_eq(name, repository))
		return FIT_WHOLE;
	if (name.n == 0)
		return FIT_NOT;
	if (span_starts(whole, "sha256:")) {
		const size_t skip = span_starts(name, "sha256:") ? 0 : 7;

		return name.n + skip >= 7 + 6 && whole.n >= name.n + skip &&
				       memcmp(whole.p + skip, name.p, name.n) == 0
			       ? FIT_PART
			       : FIT_NOT;
	}
	return whole.n > name.n && whole.p[whole.n - name.n - 1] == '/' &&
			       memcmp(whole.p + whole.n - name.n, name.p, name.n) == 0
		       ? FIT_PART
		       : FIT_NOT;
}

static enum fit fits(const struct baseline *b, struct span text)
{
	char file[BASELINE_STORE_NAME];
	struct span rest = text, name;

	if (span_eq(text, baseline_store_name(b, file)))
		return FIT_WHOLE;
	if (!span_word(&rest, &name))
		return FIT_NOT;
	rest = span_trim(rest);
	if (rest.n > 0 && !span_eq(rest, b->entry))
		return FIT_NOT;
	return fits_repository(b->repository, name);
}

static int several(struct baseline *const *list, size_t count, struct span text, enum fit at_least,
		   struct err *e)
{
	char names[ERR_TEXT_BYTES - 128] = "";
	size_t n = 0;

	for (size_t i = 0; i < count && n < sizeof(names); i++)
		if (fits(list[i], text) >= at_least)
			n += (size_t)snprintf(names + n, sizeof(names) - n, "%s'%s%s%s'",
					      n ? ", " : "", list[i]->repository,
					      list[i]->entry[0] ? " " : "", list[i]->entry);
	return err_set(e, EEXIST, "it fits several baselines: %s", names);
}

int baseline_store_lookup(struct baseline_store *s, struct span text, struct baseline **out,
			  struct err *e)
{
	enum fit best = FIT_PART;
	struct baseline *b = NULL;
	unsigned found = 0;
	size_t n;
	struct baseline *const *list = baseline_store_list(s, &n);

	text = span_trim(text);
	for (size_t i = 0; i < n; i++) {
		const enum fit fit = fits(list[i], text);

		if (fit < best)
			continue;
		found = fit > best ? 1 : found + 1;
		best = fit;
		b = list[i];
	}
	if (found == 0)
		return err_set(e, ENOENT, "there is no baseline of '%.*s'",
			       (int)(text.n < 200 ? text.n : 200), text.p ? text.p : "");
	if (found > 1)
		return several(list, n, text, best, e);
	*out = b;
	return 0;
}
