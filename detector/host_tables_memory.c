// SPDX-License-Identifier: GPL-2.0-or-later
/* What the kernel's accounting of memory says of containers beyond what is sampled: memory of their
 * sockets, and the cgroups that they made themselves. */
#include "detector/host_tables_internal.h"

#include <limits.h>
#include <stdio.h>

static bool in_file(const struct table_subject *s, const char *name, char file[PATH_MAX])
{
	return snprintf(file, PATH_MAX, "%s/%s", s->path, name) < PATH_MAX;
}

uint64_t tables_kernel_memory(const struct table_input *in, int32_t subject)
{
	char file[PATH_MAX];
	uint64_t v;

	if (subject < 0 || !in->memory || !in->memory[0])
		return 0;
	const struct table_subject *s = &in->subjects[subject];

	if (in_file(s, "memory.kmem.usage_in_bytes", file) && tables_word(in->memory, file, 0, &v))
		return v;
	return in_file(s, "memory.stat", file) && tables_field(in->memory, file, "slab", 0, &v) ? v
												: 0;
}

/* On v1 of TCP alone, on v2 of all sockets. */
static bool socket_memory(const struct table_input *in, const struct table_subject *s, uint64_t *v)
{
	char file[PATH_MAX];

	return (in_file(s, "memory.kmem.tcp.usage_in_bytes", file) &&
		tables_word(in->memory, file, 0, v)) ||
	       (in_file(s, "memory.stat", file) && tables_field(in->memory, file, "sock", 0, v));
}

/* v2 alone tells; v1 not whose a removed one was. */
static bool cgroups_of(const struct table_input *in, const struct table_subject *s, uint64_t *v)
{
	char file[PATH_MAX];
	uint64_t dying = 0;

	if (!in_file(s, "cgroup.stat", file) ||
	    !tables_field(in->memory, file, "nr_descendants", 0, v))
		return false;
	tables_field(in->memory, file, "nr_dying_descendants", 0, &dying);
	*v += dying + 1; /* and its own */
	return true;
}

void tables_hold_memory(struct table_output *out, const struct table_input *in)
{
	const bool sockets = (in->want & TABLE_BIT(TABLE_SOCKET_MEMORY)) != 0;
	const bool cgroups = (in->want & TABLE_BIT(TABLE_CGROUPS)) != 0;
	bool any = false;
	uint64_t v;

	if ((!sockets && !cgroups) || !in->memory || !in->memory[0])
		return;
	for (size_t i = 0; i < in->subjects_n && !tables_closing(in); i++) {
		if (sockets && socket_memory(in, &in->subjects[i], &v))
			tables_holder(out, TABLE_SOCKET_MEMORY, TABLES_TCP, (int32_t)i, v);
		if (cgroups && cgroups_of(in, &in->subjects[i], &v)) {
			tables_holder(out, TABLE_CGROUPS, 0, (int32_t)i, v);
			any = true;
		}
	}
	out->held |= sockets ? TABLE_BIT(TABLE_SOCKET_MEMORY) : 0;
	out->held |= any ? TABLE_BIT(TABLE_CGROUPS) : 0;
}
