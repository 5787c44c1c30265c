// SPDX-License-Identifier: GPL-2.0-or-later
/* Assembly: names that are read, containers that come and go, evidence that goes with time. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/base/clock.h"
#include "collector/base/io.h"
#include "collector/base/log.h"
#include "detector/detector_miner_internal.h"
#include "detector/miner_command.h"

#define DECAY_NS     (5 * NS_PER_S)
#define HOLD_NS	     (30 * NS_PER_S) /* a verdict that falls does so for so long first */
#define RATES_NS     (3 * NS_PER_S)
#define DEFAULT_FILE "/usr/local/share/bulkhead/rules/miner-pools.yaml"

struct process_table *miner_processes(const struct detector_miner *d)
{
	return d->services.processes(d->services.agent);
}

bool miner_is_in(const struct process *p, const struct container *c)
{
	return p->container_cgroup &&
	       (p->container_cgroup == c->inode || p->container_cgroup == c->unified_inode);
}

/* --- containers ---------------------------------------------------------------------------- */

struct suspect *suspect_find(const struct detector_miner *d, const struct container *c)
{
	struct suspect *s = c->slot < d->suspects_max ? d->suspects[c->slot] : NULL;

	return s && s->c == c ? s : NULL;
}

static void suspect_gone(struct suspect *s)
{
	struct detector_miner *d = s->owner;

	suspect_resolve(s);
	suspect_stop_looking(s);
	if (d->own_response)
		response_undo(d->own_response, span_str(s->c->id.id));
	d->counts.pieces_refused += s->case_.refused;
	d->suspects[s->c->slot] = NULL;
	d->suspects_n--;
	container_unref(s->c);
	free(s);
}

struct suspect *suspect_get(struct detector_miner *d, struct container *c)
{
	if (c->kind != CGROUP_CONTAINER || c->ended || c->slot >= d->suspects_max)
		return NULL;
	if (d->suspects[c->slot] && d->suspects[c->slot]->c != c)
		suspect_gone(d->suspects[c->slot]); /* we did not hear of its end yet */
	struct suspect *s = d->suspects[c->slot];

	if (s)
		return s;
	s = calloc(1, sizeof(*s));
	if (!s) {
		d->counts.no_memory++;
		return NULL;
	}
	s->owner = d;
	s->c = container_ref(c);
	d->suspects[c->slot] = s;
	d->suspects_n++;
	return s;
}

void detector_miner_life(struct detector_miner *d, struct container *c, enum agent_life what)
{
	struct suspect *s = d->names ? suspect_find(d, c) : NULL;

	if (s && (what == LIFE_STOPPED || what == LIFE_DESTROYED))
		suspect_gone(s);
}

/* --- evidence ------------------------------------------------------------------------------ */

void suspect_judge(struct suspect *s)
{
	struct miner_verdict v = miner_judge(&s->case_);

	if (v.level == MINER_ANOMALY && s->usual)
		v = (struct miner_verdict){ .level = MINER_NONE, .severity = ALERT_INFO };
	if (v.level == MINER_IS && !suspect_is_excepted(s, MINER_IS))
		suspect_act(s);
	if (v.level > s->told.level ||
	    (v.level == s->told.level && v.severity < s->told.severity)) {
		suspect_resolve(s);
		suspect_tell(s, &v);
		s->lower_ns = 0;
	} else if (v.level == s->told.level) {
		s->lower_ns = 0;
	} else if (!s->lower_ns) {
		s->lower_ns = mono_ns();
	} else if (mono_ns() - s->lower_ns >= HOLD_NS) {
		suspect_resolve(s);
		suspect_tell(s, &v);
		s->lower_ns = 0;
	}
}

void suspect_note(struct suspect *s, const struct miner_hit *h, const struct process *p)
{
	const struct miner_owner o = { .key = p ? p->key : (struct process_key){ 0, 0 },
				       .comm = p ? process_comm(p) : "",
				       .exe = p ? process_exe(p) : SPAN_LIT("") };
	bool fresh;

	s->owner->counts.hits++;
	miner_note(&s->case_, h, &o, boot_ns(), &fresh);
	if (fresh)
		suspect_judge(s);
}

struct family {
	struct process_key of;
	bool lives;
};

static bool is_of_family(void *ctx, const struct process *p)
{
	struct family *f = ctx;

	f->lives = !p->ended && p->exec_owner.pid == f->of.pid &&
		   p->exec_owner.start_boot_ns == f->of.start_boot_ns;
	return !f->lives;
}

static bool lives(void *ctx, struct process_key key)
{
	const struct process_table *t = miner_processes(ctx);
	const struct process *p = t ? process_find(t, key) : NULL;
	struct family f = { .of = key };

	if (p && !p->ended)
		return true;
	/* who daemonises ends, and what it forked goes on */
	if (t)
		process_each(t, is_of_family, &f);
	return f.lives;
}

static void decay(struct suspect *s)
{
	miner_decay(&s->case_, boot_ns(), lives, s->owner);
	suspect_judge(s);
	if (s->case_.n == 0 && !s->shape && !s->job && s->told.level == MINER_NONE &&
	    s->hot_ticks == 0)
		suspect_gone(s);
}

/* --- who ran before the agent -------------------------------------------------------------- */

struct seeding {
	struct detector_miner *d;
	struct container *c;
};

static bool take_process(void *ctx, const struct process *p)
{
	struct seeding *k = ctx;
	struct miner_hit hits[MINER_COMMAND_HITS];

	if (p->ended || !miner_is_in(p, k->c))
		return true;
	const size_t n = miner_command(k->d->names, process_exe(p), process_args(p), hits);

	for (size_t i = 0; i < n; i++) {
		struct suspect *s = suspect_get(k->d, k->c);

		if (s)
			suspect_note(s, &hits[i], p);
	}
	return true;
}

static void look_at_seeded(struct detector_miner *d)
{
	const struct container_table *t = d->services.containers(d->services.agent);
	const struct process_table *p = miner_processes(d);
	struct container *const *list;

	/* the sensor, which finds out who runs, may still be loading */
	if (d->seeded || !t || !p || process_table_stats(p).live == 0)
		return;
	d->seeded = true;
	const size_t n = container_table_live(t, &list);

	for (size_t i = 0; i < n; i++) {
		struct seeding k = { d, list[i] };

		if (list[i]->kind == CGROUP_CONTAINER)
			process_each(p, take_process, &k);
	}
}

/* --- time ---------------------------------------------------------------------------------- */

void detector_miner_tick(struct detector_miner *d)
{
	const uint64_t now = mono_ns();
	struct container *const *list;

	if (!d->names)
		return;
	const long online = sysconf(_SC_NPROCESSORS_ONLN); /* reads a file */
	const struct container_table *t = d->services.containers(d->services.agent);
	const size_t n = t ? container_table_live(t, &list) : 0;

	d->online = online > 0 ? (double)online : 1;
	look_at_seeded(d);
	if (t)
		rates_tick(d->rates, t, now, RATES_NS, RATES_NS);
	for (size_t i = 0; i < n; i++)
		if (list[i]->kind == CGROUP_CONTAINER)
			suspect_look(d, list[i], now);
	for (uint32_t i = 0; i < d->suspects_max && d->suspects_n; i++) {
		if (d->suspects[i] && d->suspects[i]->c->ended)
			suspect_gone(d->suspects[i]);
		else if (d->suspects[i] && now - d->decayed_ns >= DECAY_NS)
			decay(d->suspects[i]);
	}
	if (now - d->decayed_ns >= DECAY_NS)
		d->decayed_ns = now;
	miner_act_tick(d);
}

static void want(struct detector_miner *d)
{
	const uint64_t types = EVENT_BIT(EVENT_EXEC) | EVENT_BIT(EVENT_CONNECT) |
			       EVENT_BIT(EVENT_PAYLOAD) | EVENT_BIT(EVENT_DNS) |
			       EVENT_BIT(EVENT_OPEN) | EVENT_BIT(EVENT_MMAP);
	const struct agent_wants w = { .container = types,
				       .names = EVENT_BIT(EVENT_OPEN),
				       .dull = EVENT_BIT(EVENT_OPEN) };

	d->services.want(d->services.agent, WANTS_MINING, &w);
}

/* --- names --------------------------------------------------------------------------------- */

/* The list that comes with the program, where it is not installed: beside it in its tree. */
static bool find_default(char *out, size_t cap)
{
	static const char *const places[] = { "../share/bulkhead/rules", "../rules",
					      "../../rules" };
	char self[PATH_MAX];
	const ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = '\0';
	char *slash = strrchr(self, '/');

	if (slash)
		*slash = '\0';
	for (size_t i = 0; slash && i < sizeof(places) / sizeof(places[0]); i++)
		if (snprintf(out, cap, "%s/%s/miner-pools.yaml", self, places[i]) < (int)cap &&
		    access(out, R_OK) == 0)
			return true;
	return false;
}

static void read_file(struct miner_names *names, const char *path)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	struct err e = { "" };
	char other[PATH_MAX + 64];

	buf_init(&b, MINER_FILE_BYTES);
	if (strcmp(path, DEFAULT_FILE) == 0 && find_default(other, sizeof(other)))
		path = other;
	int r = io_read_buf_at(AT_FDCWD, path, &b, &e);

	if (r == 0)
		r = miner_names_add(names, path, (struct span){ b.data, b.len }, &e);
	if (r < 0)
		log_warning("names of mining pools are not read", "file", path, "error", e.text,
			    NULL);
}

static int read_names(struct detector_miner *d, struct err *e)
{
	const struct config_list *files = &d->services.config->mining_pools;
	AUTO(miner_names_free) struct miner_names *names = NULL;
	const int r = miner_names_new(&names, e);

	if (r < 0)
		return r;
	for (uint32_t i = 0; i < files->n; i++)
		read_file(names, files->items[i]);
	miner_names_free(d->names);
	d->names = TAKE(names);
	return 0;
}

void detector_miner_reload(struct detector_miner *d)
{
	struct err e = { "" };

	if (d->names && read_names(d, &e) < 0)
		log_warning("names of mining pools stay as they were", "error", e.text, NULL);
}

/* --- as a whole ---------------------------------------------------------------------------- */

static int start(struct detector_miner *d, struct err *e)
{
	d->suspects_max = d->services.config->max_containers;
	d->suspects = calloc(d->suspects_max, sizeof(struct suspect *));
	if (!d->suspects)
		return err_set(e, ENOMEM, "no memory for mining");
	int r = rates_new(&d->rates, e);

	if (r == 0)
		r = read_names(d, e);

	if (r == 0)
		r = miner_act_start(d, e);
	if (r == 0)
		want(d);
	return r;
}

int detector_miner_new(struct detector_miner **out, const struct detector_miner_settings *s,
		       struct err *e)
{
	AUTO(detector_miner_free) struct detector_miner *d = calloc(1, sizeof(*d));

	if (!d)
		return err_set(e, ENOMEM, "no memory for mining");
	d->services = *s->services;
	d->lookups = s->lookups;
	d->keeper = s->keeper;
	d->alerts = s->alerts;
	d->audit = s->audit;
	d->baseline = s->baseline;
	const int r = d->services.config->mining ? start(d, e) : 0;

	if (r < 0)
		return r;
	*out = TAKE(d);
	return 0;
}

void detector_miner_free(struct detector_miner *d)
{
	if (!d)
		return;
	for (uint32_t i = 0; d->suspects && i < d->suspects_max; i++) {
		struct suspect *s = d->suspects[i];

		if (!s)
			continue;
		miner_shape_free(s->shape);
		container_unref(s->c);
		free(s);
	}
	free(d->suspects);
	miner_act_end(d);
	rates_free(d->rates);
	miner_names_free(d->names);
	free(d);
}

void detector_miner_state(const struct detector_miner *d, struct alerts_state *out)
{
	uint64_t pieces = d->counts.pieces_refused, most = 0, flows = 0;
	uint64_t threads = d->counts.shape_refused;

	if (!d->names)
		return;
	for (uint32_t i = 0; i < d->suspects_max; i++) {
		const struct suspect *s = d->suspects[i];

		if (!s)
			continue;
		pieces += s->case_.refused;
		most = s->case_.n > most ? s->case_.n : most;
		threads += s->shape ? miner_shape_refused(s->shape) : 0;
	}
	for (size_t i = 0; i < MINER_FLOWS; i++)
		flows += d->flows[i].cookie != 0;
	alerts_state_table(out, "mining_containers", d->suspects_n, d->suspects_max,
			   d->counts.no_memory);
	alerts_state_table(out, "mining_evidence", most, MINER_PIECES, pieces);
	alerts_state_table(out, "mining_flows", flows, MINER_FLOWS, d->counts.flows_refused);
	alerts_state_table(out, "mining_looks", d->shapes_n, MINER_SHAPES,
			   d->counts.shapes_refused + d->counts.jobs_refused);
	const struct rates_stats rates = rates_stats(d->rates);

	alerts_state_table(out, "mining_rates", rates.used, rates.capacity, rates.refused);
	alerts_state_table(out, "mining_threads", 0, MINER_SHAPE_THREADS, threads);
}
