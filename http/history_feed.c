// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>

#include "collector/base/clock.h"
#include "http/history_internal.h"

static int64_t seconds(uint64_t unix_ns)
{
	return (int64_t)(unix_ns / NS_PER_S);
}

/* --- time ----------------------------------------------------------------------------------- */

static bool end_orphan(struct history *h, struct history_entity *n)
{
	if (n->live) {
		if (!n->live->parked)
			return false;
		history_live_end(h, n->live, n->live->main.last); /* may forget n */
		return true;
	}
	bool any = false;

	for (uint32_t k = n->runs_n; n->kind == HISTORY_CONTAINER && k-- > 0;) {
		if (n->runs[k].open) {
			history_run_end(h, n, &n->runs[k]);
			any = true;
		}
	}
	return any;
}

/* Those that did not come back after a restart of the agent, a few at a time. true: all are done.
 */
static bool end_orphans(struct history *h)
{
	unsigned ended = 0;

	for (size_t i = h->entities_n; i-- > 0;) {
		if (i >= h->entities_n)
			continue; /* room was made for one of them */
		if (end_orphan(h, h->entities[i]) && ++ended == HISTORY_ORPHANS_A_TICK)
			return false;
	}
	return true;
}

static void on_time(struct history *h)
{
	if (history_stopping(h))
		return;
	if (h->grace_end == 0)
		h->grace_end = h->now + HISTORY_GRACE_S;
	if (h->grace_end > 0 && h->now >= h->grace_end && end_orphans(h))
		h->grace_end = -1; /* once */
	if (h->now < h->next_minute && h->next_minute - h->now <= 60)
		return;
	h->next_minute = h->now + 60;
	history_sums_flush(h, h->now - h->settings.min_lifetime_s - 2);
	history_cap_refresh(h);
	history_cap_make_room(h, 0, true);
	history_cap_count_reduced(h); /* some have ended */
}

void history_feed_settle(struct history *h)
{
	if (!h->tick_open)
		return;
	h->tick_open = false;
	h->now = seconds(h->tick_ns);
	for (size_t i = 0; i < h->live_n; i++) {
		struct history_live *l = h->live[i];

		if (l->seen)
			history_live_point(h, l, h->tick_ns);
		history_live_flush_when_due(h, l);
	}
	on_time(h);
}

/* --- containers ----------------------------------------------------------------------------- */

static bool slot_room(struct history *h, uint32_t slot)
{
	if (slot >= HISTORY_MAX_SLOT)
		return false;
	if (slot >= h->slots_n) {
		size_t n = h->slots_n ? h->slots_n : 64;

		while (n <= slot)
			n *= 2;
		struct history_live **v = realloc(h->slots, n * sizeof(struct history_live *));

		if (!v)
			return false;
		memset(v + h->slots_n, 0, (n - h->slots_n) * sizeof(struct history_live *));
		h->slots = v;
		h->slots_n = n;
	}
	if (h->live_n == h->live_cap) {
		size_t cap = h->live_cap ? h->live_cap * 2 : 64;
		struct history_live **v =
			cap > HISTORY_MAX_LIVE
				? NULL
				: realloc(h->live, cap * sizeof(struct history_live *));

		if (!v)
			return false;
		h->live = v;
		h->live_cap = cap;
	}
	return true;
}

/* Its slot is free from now on. */
static void leave_slot(struct history *h, struct history_live *l)
{
	if (l->parked)
		return;
	h->slots[l->slot] = NULL;
	for (size_t i = 0; i < h->live_n; i++)
		if (h->live[i] == l)
			h->live[i] = h->live[--h->live_n];
	l->parked = true;
}

static void take_slot(struct history *h, struct history_live *l, uint32_t slot)
{
	l->slot = slot;
	l->parked = false;
	h->slots[slot] = l;
	h->live[h->live_n++] = l;
}

static void end_container(struct history *h, struct history_live *l, int64_t end)
{
	struct history_entity *n = l->entity;
	struct history_run *run;

	leave_slot(h, l);
	if (l->main.run == 0 && end - l->started < h->settings.min_lifetime_s) {
		history_sums_add(h, span_str(n->image), &l->main);
	} else if (history_stopping(h)) {
		l->ended = end > 0 ? end : 1; /* to cut its file takes too long now */
		return;
	} else {
		l->due = true;
		history_flush(h, l);
		run = history_entity_run(n, l->main.run);
		if (run)
			history_run_end(h, n, run);
	}
	history_live_free(h, l);
	if (n->runs_n == 0)
		history_entity_drop(h, n);
}

void history_live_end(struct history *h, struct history_live *l, int64_t end)
{
	struct history_entity *n = l->entity;

	if (n->kind == HISTORY_CONTAINER) {
		end_container(h, l, l->ended ? l->ended : end);
		return;
	}
	history_flush(h, l); /* its run stays open */
	history_live_free(h, l);
}

/* A known container was announced again: its names or its start are better known now. Never a new
 * run: samples of this very slot go on. */
static void update_live(struct history *h, struct history_live *l, const struct wire_container *c)
{
	struct history_run *run = history_entity_run(l->entity, l->main.run);
	int64_t started = seconds(c->start_unix_ns);
	bool same = history_entity_same(l->entity, c) && !l->entity->meta_stale &&
		    started == l->started;
	struct err e = { "" };

	if (same)
		return;
	l->started = started;
	if (run)
		run->started = started;
	if (history_entity_rename(l->entity, c) < 0 ||
	    (run && history_entity_save(h, l->entity, &e) < 0))
		history_write_failed(h, &e);
}

static bool begin_live(struct history *h, struct history_entity *n, const struct wire_container *c)
{
	struct err e = { "" };
	bool same = n && history_entity_same(n, c) && !n->meta_stale;

	if (!n)
		n = history_entity_add(h, HISTORY_CONTAINER, c);
	else if (history_entity_rename(n, c) < 0)
		return false;
	struct history_live *l = n ? history_live_new(n, seconds(c->start_unix_ns)) : NULL;

	if (!l)
		return false;
	take_slot(h, l, c->slot);
	history_series_resume(h, l);
	if (l->main.run != 0 && !same && history_entity_save(h, n, &e) < 0)
		history_write_failed(h, &e);
	return true;
}

void history_feed_container(struct history *h, const struct wire_container *c)
{
	if (!history_key_ok(c->key) || c->start_unix_ns > (UINT64_C(1) << 62)) {
		HISTORY_COUNT(h, HISTORY_REFUSED, 1);
		return;
	}
	struct history_live *in_slot = c->slot < h->slots_n ? h->slots[c->slot] : NULL;
	struct history_entity *n = history_entity_find(h, HISTORY_CONTAINER, c->key);

	if (in_slot && in_slot->entity == n) {
		update_live(h, in_slot, c);
		return;
	}
	history_feed_settle(h);
	if (in_slot) /* its end frame was lost */
		history_live_end(h, in_slot, in_slot->main.last);
	n = history_entity_find(h, HISTORY_CONTAINER, c->key); /* ending may forget it */
	if (n && n->live && !history_live_same(n->live, seconds(c->start_unix_ns))) {
		history_live_end(h, n->live, n->live->main.last);
		n = history_entity_find(h, HISTORY_CONTAINER, c->key);
	}
	struct history_live *l = n ? n->live : NULL;
	bool taken = slot_room(h, c->slot) && !(l && l->ended);

	if (taken && l) { /* out of the spool, or it changed its slot */
		leave_slot(h, l);
		take_slot(h, l, c->slot);
		update_live(h, l, c);
	} else if (taken) {
		taken = begin_live(h, n, c);
	}
	if (!taken)
		HISTORY_COUNT(h, HISTORY_REFUSED, 1);
}

void history_feed_end(struct history *h, const struct wire_container_end *m)
{
	if (m->slot >= h->slots_n || !h->slots[m->slot])
		return;
	history_feed_settle(h);
	history_live_end(h, h->slots[m->slot], seconds(m->end_unix_ns));
}

void history_feed_samples(struct history *h, struct span payload)
{
	struct wire_reader r = { .rest = payload };
	struct wire_sample s;
	uint64_t unix_ns;
	uint32_t count;

	if (wire_samples_decode(&r, &unix_ns, &count, NULL) < 0) {
		HISTORY_COUNT(h, HISTORY_REFUSED, 1);
		return;
	}
	if (unix_ns != 0 && unix_ns != h->tick_ns) { /* 0: more of the same tick */
		history_feed_settle(h);
		h->tick_ns = unix_ns;
	}
	h->tick_open = h->tick_ns != 0;
	for (uint32_t i = 0; i < count && !r.failed; i++) {
		wire_sample_get(&r, &s);
		struct history_live *l = !r.failed && s.slot < h->slots_n ? h->slots[s.slot] : NULL;

		if (!l) {
			HISTORY_COUNT(h, HISTORY_REFUSED, 1);
			continue;
		}
		const uint64_t v[] = { s.cpu_ns,	 s.memory_working_set, s.io_read_bytes,
				       s.io_write_bytes, s.net_rx_bytes,       s.net_tx_bytes,
				       s.pids,		 s.psi_cpu_us,	       s.psi_memory_us,
				       s.psi_io_us };

		l->now.have = s.have;
		memcpy(l->now.v, v, sizeof(v));
		l->seen = true;
	}
}

void history_feed_disk(struct history *h, const struct wire_disk *m)
{
	struct history_live *l = m->slot < h->slots_n ? h->slots[m->slot] : NULL;
	const double values[] = { (double)m->layer_bytes, (double)m->layer_inodes,
				  (double)m->log_bytes, (double)m->volumes_bytes };

	if (!l)
		HISTORY_COUNT(h, HISTORY_REFUSED, 1);
	else
		history_series_push(h, &l->disk, seconds(m->unix_ns), values);
}

/* --- host ----------------------------------------------------------------------------------- */

static struct history_live *begin_other(struct history *h, enum history_kind kind,
					const struct wire_container *text)
{
	struct history_entity *n = history_entity_find(h, kind, text->key);

	if (n && n->live) { /* out of the spool */
		n->live->parked = false;
		return n->live;
	}
	if (!n)
		n = history_entity_add(h, kind, text);
	struct history_live *l = n ? history_live_new(n, h->now) : NULL;

	if (l)
		history_series_resume(h, l);
	return l;
}

static struct history_live *fs_live(struct history *h, struct span mount)
{
	char key[HISTORY_SAFE_BYTES + 8] = "fs:";
	size_t unused = WIRE_MAX_FILESYSTEMS;

	history_safe_name(mount, key + 3);
	for (size_t i = 0; i < WIRE_MAX_FILESYSTEMS; i++) {
		if (h->fs[i] && strcmp(h->fs[i]->entity->key, key) == 0)
			return h->fs[i];
		if (!h->fs[i])
			unused = i;
	}
	struct wire_container text = { .key = span_str(key), .name = mount };

	if (unused == WIRE_MAX_FILESYSTEMS)
		return NULL;
	h->fs[unused] = begin_other(h, HISTORY_FS, &text);
	if (h->fs[unused])
		h->fs[unused]->slot = (uint32_t)unused;
	return h->fs[unused];
}

static void feed_fs(struct history *h, const struct wire_filesystem *f)
{
	const double values[] = { (double)f->usage_bytes, (double)f->limit_bytes,
				  (double)f->inodes_used, (double)f->inodes };
	struct history_live *l = fs_live(h, f->mount_point);

	if (!l) {
		HISTORY_COUNT(h, HISTORY_REFUSED, 1);
		return;
	}
	if (l->main.last - h->now > HISTORY_STEP_BACK_S)
		history_live_start_over(h, l);
	history_series_push(h, &l->main, h->now, values);
}

void history_feed_host(struct history *h, const struct wire_host_sample *m)
{
	const struct wire_container text = { .key = SPAN_LIT("host"), .name = SPAN_LIT("host") };
	const uint64_t v[] = { m->cpu_ns,     m->memory_used,	m->swap_used,
			       m->psi_cpu_us, m->psi_memory_us, m->psi_io_us };

	h->now = seconds(m->unix_ns);
	if (!h->host)
		h->host = begin_other(h, HISTORY_HOST, &text);
	if (h->host) {
		h->host->now.have = m->have;
		memcpy(h->host->now.v, v, sizeof(v));
		history_live_point(h, h->host, m->unix_ns);
		history_live_flush_when_due(h, h->host);
	} else {
		HISTORY_COUNT(h, HISTORY_REFUSED, 1);
	}
	for (uint32_t i = 0; i < m->filesystems_n && i < WIRE_MAX_FILESYSTEMS; i++)
		feed_fs(h, &m->filesystems[i]);
	for (size_t i = 0; i < WIRE_MAX_FILESYSTEMS; i++) {
		struct history_live *l = h->fs[i];

		if (!l)
			continue;
		history_live_flush_when_due(h, l);
		if (h->now - l->main.last > 3600) { /* unmounted: its place is for others */
			history_live_free(h, l);
			h->fs[i] = NULL;
		}
	}
}

void history_feed_stop(struct history *h)
{
	history_feed_settle(h);
	history_spool_write(h);
	for (size_t i = 0; i < h->entities_n; i++) /* runs stay open: the next start goes on */
		history_live_free(h, h->entities[i]->live);
	h->host = NULL;
	memset(h->fs, 0, sizeof(h->fs));
	history_sums_release(h);
	free(h->live);
	free(h->slots);
	h->live = NULL;
	h->slots = NULL;
	h->live_n = h->live_cap = h->slots_n = 0;
}
