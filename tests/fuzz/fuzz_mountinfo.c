// SPDX-License-Identifier: GPL-2.0-or-later
/* Input: three texts of mountinfo with a NUL between each: a container's at its start, now, and the
 * host's. Parsed, and judged against each other. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "detector/isolation_mounts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct finding room;
static unsigned told;

static void found(void *ctx, const struct finding *f, struct container *of, const struct process *p)
{
	(void)ctx;
	(void)of;
	(void)p;
	if (!memchr(f->title, 0, sizeof(f->title)) || !memchr(f->key, 0, sizeof(f->key)) ||
	    f->facts_n > FINDING_FACTS)
		abort();
	told++;
}

static struct mount_list take(struct span *rest)
{
	struct mount_list l = { .n = 0 };
	struct span text = { NULL, 0 };

	span_next(rest, '\0', &text);
	if (mount_list_parse(&l, text, NULL) == 0 && l.n > MOUNTS_MAX)
		abort();
	return l;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = { (const char *)data, size };
	struct mount_list start = take(&rest), now = take(&rest), host = take(&rest);
	const struct mount_declared declared = { .destination = SPAN_LIT("/data"),
						 .source = SPAN_LIT("/srv") };
	struct mounts_case k = { .name = "web",
				 .start = &start,
				 .now = &now,
				 .host = &host,
				 .declared = &declared,
				 .declared_n = 1,
				 .declared_known = size & 1,
				 .privileged = size & 2,
				 .found = found,
				 .f = &room };

	isolation_mounts_judge(&k);
	mount_list_release(&start);
	mount_list_release(&now);
	mount_list_release(&host);
	return 0;
}
