// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/repeats.h"

#include <string.h>

void repeats_begin(struct repeats *r, uint64_t epoch)
{
	if (r->epoch == epoch)
		return;
	memset(r, 0, sizeof(*r));
	r->epoch = epoch;
}

bool repeats_has(const struct repeats *r, uint64_t thing)
{
	const uint64_t *group = r->things[thing % REPEATS_GROUPS];
	bool found = false;

	for (unsigned i = 0; i < REPEATS_GROUP; i++)
		found |= group[i] == thing;
	return found && thing;
}

void repeats_put(struct repeats *r, uint64_t thing)
{
	uint64_t *group = r->things[thing % REPEATS_GROUPS];

	memmove(group + 1, group, (REPEATS_GROUP - 1) * sizeof(*group));
	group[0] = thing;
}

bool repeats_has_name(const struct repeats *r, uint64_t folder, struct span name)
{
	const unsigned i = folder % REPEATS_FOLDERS;

	return folder && r->folders[i].folder == folder &&
	       path_wildcard_covers(&r->folders[i].names, name);
}

void repeats_put_names(struct repeats *r, uint64_t folder, const struct path_wildcard *names)
{
	const unsigned i = folder % REPEATS_FOLDERS;

	r->folders[i].folder = folder;
	r->folders[i].names = *names;
}
