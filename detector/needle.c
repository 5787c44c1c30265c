// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/needle.h"

#include <errno.h>

int needle_make(struct arena *a, struct span text, struct needle *out)
{
	char *low = arena_zeroed(a, 1, text.n + 1);
	uint32_t *back = arena_zeroed(a, text.n + 1, sizeof(*back));
	uint32_t fits = 0;

	if (!low || !back || text.n > UINT32_MAX)
		return -ENOMEM;
	for (size_t i = 0; i < text.n; i++)
		low[i] = (char)needle_lower(text.p[i]);
	for (size_t i = 1; i < text.n; i++) {
		while (fits > 0 && low[i] != low[fits])
			fits = back[fits];
		fits += low[i] == low[fits];
		back[i + 1] = fits;
	}
	*out = (struct needle){ { low, text.n }, back };
	return 0;
}

/* Knuth, Morris and Pratt: a byte of the text is never looked at again, whatever the needle. */
size_t needle_find(const struct needle *n, struct span text)
{
	const unsigned char *low = (const unsigned char *)n->text.p;
	size_t fits = 0, i = 0;

	if (n->text.n == 0)
		return 0;
	if (text.n < n->text.n)
		return NEEDLE_NONE;
	while (i < text.n) {
		if (fits == 0) { /* most of all texts end here */
			while (i < text.n && needle_lower(text.p[i]) != low[0])
				i++;
			if (i == text.n)
				break;
			fits = 1;
		} else {
			const unsigned char c = needle_lower(text.p[i]);

			while (fits > 0 && c != low[fits])
				fits = n->back[fits];
			fits += c == low[fits];
		}
		i++;
		if (fits == n->text.n)
			return i - fits;
	}
	return NEEDLE_NONE;
}
