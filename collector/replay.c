// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/replay.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "collector/base/clock.h"
#include "collector/snapshot.h"

#define BUCKETS	  4096
#define EXPIRE_NS NS_PER_S /* of recorded time */

struct known { /* a cgroup and the container that it is of */
	struct known *next;
	struct snapshot_container c; /* points into bytes */
	uint64_t cgroup;
	char bytes[];
};

struct replay {
	const struct replay_settings *settings;
	struct process_table *processes;
	struct known *buckets[BUCKETS];
	size_t known_n;
	bool seeding;	    /* PROCESS items came last */
	uint64_t expire_ns; /* boot time of the next look */
	uint64_t began_mono_ns;
	struct replay_summary *sum;
};

/* --- containers -------------------------------------------------------------------------------
 */

static struct known **bucket(struct replay *r, uint64_t cgroup)
{
	struct known **k = &r->buckets[(cgroup * 0x9e3779b97f4a7c15ULL) >> 52];

	while (*k && (*k)->cgroup != cgroup)
		k = &(*k)->next;
	return k;
}

static void forget(struct replay *r, uint64_t cgroup)
{
	struct known **at = bucket(r, cgroup), *k = *at;

	if (!k)
		return;
	*at = k->next;
	free(k);
	r->known_n--;
}

static void learn(struct replay *r, uint64_t cgroup, struct span bytes)
{
	forget(r, cgroup);
	struct known *k = r->known_n < REPLAY_MAX_CONTAINERS ? malloc(sizeof(*k) + bytes.n) : NULL;

	if (!k) {
		r->sum->no_room++;
		return;
	}
	memcpy(k->bytes, bytes.p, bytes.n);
	if (snapshot_container_decode((struct span){ k->bytes, bytes.n }, &k->c, NULL) < 0) {
		free(k); /* it was decoded a moment ago */
		return;
	}
	struct known **at = bucket(r, cgroup);

	k->cgroup = cgroup;
	k->next = *at;
	*at = k;
	r->known_n++;
}

static int take_container(struct replay *r, struct span bytes, struct err *e)
{
	struct snapshot_container c;
	int code = snapshot_container_decode(bytes, &c, e);

	if (code < 0)
		return code;
	r->sum->containers++;
	for (uint32_t i = 0; i < c.cgroups_n; i++)
		learn(r, c.cgroups[i], bytes);
	return 0;
}

static int take_container_end(struct replay *r, struct span bytes, struct err *e)
{
	struct wire_reader w = { .rest = bytes };
	uint64_t cgroup = wire_get_u64(&w);
	int code = wire_finish(&w, "end of a container", e);

	if (code == 0)
		forget(r, cgroup);
	return code;
}

/* --- processes and events ---------------------------------------------------------------------
 */

static int take_process(struct replay *r, struct span bytes, struct err *e)
{
	struct snapshot_process p;
	int code = snapshot_process_decode(bytes, &p, e);

	if (code < 0)
		return code;
	r->sum->processes++;
	r->seeding = true;
	if (snapshot_process_restore(r->processes, &p) < 0)
		r->sum->no_room++;
	return 0;
}

static void wait_until(struct replay *r, uint64_t boot_ns)
{
	uint64_t due = r->began_mono_ns + (boot_ns - r->sum->first_ns);
	const struct timespec ts = { .tv_sec = (time_t)(due / NS_PER_S),
				     .tv_nsec = (long)(due % NS_PER_S) };

	if (boot_ns <= r->sum->first_ns || due <= mono_ns())
		return;
	if (r->settings->idle)
		r->settings->idle(r->settings->ctx);
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		continue;
}

static void take_time(struct replay *r, uint64_t boot_ns)
{
	struct replay_summary *s = r->sum;

	if (s->events + s->context == 0) {
		s->first_ns = boot_ns;
		r->began_mono_ns = mono_ns();
		r->expire_ns = boot_ns + EXPIRE_NS;
	}
	if (boot_ns > s->last_ns) /* events of several CPUs come a little out of order */
		s->last_ns = boot_ns;
	if (s->last_ns >= r->expire_ns) {
		process_expire(r->processes, s->last_ns);
		r->expire_ns = s->last_ns + EXPIRE_NS;
	}
	if (r->settings->realtime)
		wait_until(r, boot_ns);
}

static int take_event(struct replay *r, struct span bytes, bool shown, struct err *e)
{
	struct event_view v;
	int code = event_decode(bytes.p, bytes.n, &v, e);

	if (code < 0)
		return code;
	if (r->seeding)
		process_seed_end(r->processes, 0);
	r->seeding = false;
	take_time(r, v.head->boot_ns);
	struct event_context c = { .unix_minus_boot_ns = r->sum->header.unix_minus_boot_ns };
	const struct known *k = v.head->container_cgroup ? *bucket(r, v.head->container_cgroup)
							 : NULL;

	c.process = process_apply(r->processes, &v);
	c.container = k ? &k->c.text : NULL;
	if (!shown) {
		r->sum->context++;
		return 0;
	}
	r->sum->events++;
	r->sum->by_type[v.head->type]++;
	if (r->settings->event)
		r->settings->event(r->settings->ctx, &v, &c);
	return 0;
}

static int take_lost(struct replay *r, struct span bytes, struct err *e)
{
	struct wire_reader w = { .rest = bytes };

	r->sum->lost += wire_get_u64(&w);
	for (unsigned n = wire_get_u16(&w); n > 0 && !w.failed; n--) {
		wire_get_u8(&w);
		r->sum->lost += wire_get_u64(&w);
	}
	return wire_finish(&w, "count of lost events", e);
}

static int take(struct replay *r, const struct recording_item *i, struct err *e)
{
	r->sum->items++;
	switch (i->type) {
	case RECORDING_EVENT:
		return take_event(r, i->bytes, true, e);
	case RECORDING_CONTEXT:
		return take_event(r, i->bytes, false, e);
	case RECORDING_PROCESS:
		return take_process(r, i->bytes, e);
	case RECORDING_CONTAINER:
		return take_container(r, i->bytes, e);
	case RECORDING_CONTAINER_END:
		return take_container_end(r, i->bytes, e);
	case RECORDING_LOST:
		return take_lost(r, i->bytes, e);
	default:
		r->sum->unknown++;
		return 0;
	}
}

static int read_all(struct replay *r, struct recording_reader *from, struct err *e)
{
	struct recording_item i;
	int code;

	while ((code = recording_read(from, &i, e)) > 0) {
		code = take(r, &i, e);
		if (code < 0)
			return err_prefix(e, code, "the recording is damaged at item %llu",
					  (unsigned long long)i.number);
	}
	r->sum->whole = code == 0;
	return code;
}

static void auto_replay_release(struct replay *r)
{
	for (size_t i = 0; i < BUCKETS; i++)
		while (r->buckets[i])
			forget(r, r->buckets[i]->cgroup);
	process_table_free(r->processes);
}

int replay_read(int fd, const struct replay_settings *settings, struct replay_summary *out,
		struct err *e)
{
	AUTO(recording_reader_free) struct recording_reader *from = NULL;
	AUTO(replay_release) struct replay r = { .settings = settings, .sum = out };

	*out = (struct replay_summary){ .items = 0 };
	int code = recording_reader_new(&from, fd, EVENT_VERSION, e);

	if (code < 0)
		return code;
	out->header = *recording_reader_header(from);
	code = process_table_new(&r.processes, REPLAY_MAX_PROCESSES, e);
	return code < 0 ? code : read_all(&r, from, e);
}
