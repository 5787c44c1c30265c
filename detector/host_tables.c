// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/host_tables_internal.h"

#include <errno.h>
#include <string.h>

#include "collector/base/clock.h"

#define SWEEP_NS   (60 * NS_PER_S)
#define EARLY_DUTY 400 /* at most a part of so many of the time is spent on sweeps before that */
#define ASKED_DUTY 5
#define AT_WORK_NS (10 * NS_PER_S) /* after its start */
#define RISE_MIN   16		   /* open files more, and a sweep is due */

const struct host_table_info host_tables[TABLE_COUNT] = {
#define X(id, name, what, flags, recommend) [TABLE_##id] = { name, what, recommend, flags },
	HOST_TABLES(X)
#undef X
};

struct table_figure *tables_figure(struct table_output *out, enum host_table t, uint64_t used,
				   uint64_t capacity, const char *limit)
{
	if (out->figures_n == TABLES_MAX_FIGURES) {
		out->refused++;
		return NULL;
	}
	struct table_figure *f = &out->figures[out->figures_n++];

	*f = (struct table_figure){
		.table = t, .used = used, .capacity = capacity, .limit = limit
	};
	return f;
}

void tables_holder(struct table_output *out, enum host_table t, uint64_t which, int32_t subject,
		   uint64_t amount)
{
	struct table_holder *h;

	if (amount == 0 || subject < 0)
		return; /* what is nobody's is the rest */
	for (size_t i = 0; i < out->holders_n; i++) {
		h = &out->holders[i];
		if (h->table == t && h->which == which && h->subject == subject) {
			h->amount += amount;
			return;
		}
	}
	if (out->holders_n == TABLES_MAX_HOLDERS) {
		out->refused++;
		return;
	}
	out->holders[out->holders_n++] = (struct table_holder){ t, which, subject, amount };
}

bool tables_closing(const struct table_input *in)
{
	return in->worker && worker_closing(in->worker);
}

/* Instances of inotify are open files: when those did not rise, nobody made many. */
static bool files_rose(const struct host_tables *h, const struct table_input *in, uint64_t files)
{
	uint64_t max = 0;

	if (!tables_word(in->sys, "user/max_inotify_instances", 0, &max))
		return false;
	const uint64_t rise = max / 8 > RISE_MIN ? max / 8 : RISE_MIN;

	return files > h->sweep.files + rise;
}

static bool is_due(const struct host_tables *h, const struct table_input *in, uint64_t files)
{
	const uint64_t since = in->now_ns - h->sweep.began_ns;

	if (!h->swept)
		return true;
	if (in->want & TABLES_SWEPT)
		return since >= h->sweep.took_ns * ASKED_DUTY;
	return since >= SWEEP_NS || (since >= h->sweep.took_ns * EARLY_DUTY &&
				     (h->started_ns || files_rose(h, in, files)));
}

void host_tables_look(struct host_tables *h, const struct table_input *in, struct table_output *out)
{
	uint64_t files = 0;

	out->figures_n = out->holders_n = 0;
	out->held = 0;
	out->refused = 0;
	out->swept = out->wants_subjects = false;
	tables_word(in->sys, "fs/file-nr", 0, &files);
	if (h->swept && files < h->sweep.files)
		h->sweep.files = files; /* it rises from there */
	if (in->started)
		h->started_ns = in->now_ns;
	const bool due = is_due(h, in, files);

	out->wants_subjects = due && !in->subjects_known;
	if (due && in->subjects_known) {
		const uint64_t began = clock_ns(CLOCK_THREAD_CPUTIME_ID);

		tables_sweep(&h->sweep, in);
		tables_sweep_networks(h, in);
		h->sweep.took_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - began;
		if (in->now_ns - h->started_ns >= AT_WORK_NS)
			h->started_ns = 0;
		h->sweep.began_ns = in->now_ns;
		h->sweep.files = files;
		h->swept = out->swept = h->sweep.whole;
	}
	tables_read_disks(h, out, in);
	tables_read_host(out, in);
	tables_inotify(&h->sweep, out, in);
	tables_read_signals(out, in);
	tables_read_keys(out, in);
	tables_read_networks(h, out, in);
	tables_read_rare(h, out, in);
	if (out->swept)
		tables_hold_swept(&h->sweep, out, in);
	if (in->subjects_known) {
		tables_hold_disks(h, out, in);
		tables_hold_networks(out, in);
		tables_hold_memory(out, in);
	}
	out->refused += out->swept ? h->sweep.refused : 0;
	out->sweep_ns = h->sweep.took_ns;
}

int host_tables_new(struct host_tables **out, struct err *e)
{
	struct host_tables *h = calloc(1, sizeof(*h));

	if (!h)
		return err_set(e, ENOMEM, "no memory for the host's tables");
	*out = h;
	return 0;
}

void host_tables_free(struct host_tables *h)
{
	free(h);
}
