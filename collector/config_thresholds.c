// SPDX-License-Identifier: GPL-2.0-or-later
/* The list thresholds of the configuration. */
#include "collector/config_thresholds.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "collector/config_yaml.h"

#define LIST_NAME "thresholds"

const struct config_metric_row config_metrics[METRIC_COUNT] = {
	[METRIC_CPU_CORES] = { "cpu_cores", METRIC_IN_NUMBER, .about = "processors in use" },
	[METRIC_CPU_PERCENT_OF_LIMIT] = { "cpu_percent_of_limit", METRIC_IN_PERCENT,
					  .about = "of the CPU quota; nothing without one" },
	[METRIC_CPU_PERCENT_OF_HOST] = { "cpu_percent_of_host", METRIC_IN_PERCENT,
					 .about = "of all processors" },
	[METRIC_CPU_THROTTLED_PERCENT] = { "cpu_throttled_percent", METRIC_IN_PERCENT,
					   .about = "CFS periods in which it was throttled" },
	[METRIC_CPU_PRESSURE_PERCENT] = { "cpu_pressure_percent", METRIC_IN_PERCENT,
					  .about = "time in which some of it waited for a CPU" },
	[METRIC_MEMORY_BYTES] = { "memory_bytes", METRIC_IN_BYTES, .about = "working set" },
	[METRIC_MEMORY_PERCENT_OF_LIMIT] = { "memory_percent_of_limit", METRIC_IN_PERCENT,
					     .about = "working set of the memory limit" },
	[METRIC_MEMORY_PERCENT_OF_HOST] = { "memory_percent_of_host", METRIC_IN_PERCENT,
					    .about = "working set of the host's memory" },
	[METRIC_MEMORY_PRESSURE_PERCENT] = { "memory_pressure_percent", METRIC_IN_PERCENT,
					     .about = "time in which some of it waited for "
						      "memory" },
	[METRIC_SWAP_BYTES] = { "swap_bytes", METRIC_IN_BYTES, .about = "swapped out" },
	[METRIC_IO_BYTES] = { "io_bytes_per_second", METRIC_IN_BYTES_A_SECOND,
			      .about = "read from and written to block devices" },
	[METRIC_IO_OPERATIONS] = { "io_operations_per_second", METRIC_IN_NUMBER,
				   .about = "of block devices" },
	[METRIC_IO_PRESSURE_PERCENT] = { "io_pressure_percent", METRIC_IN_PERCENT,
					 .about = "time in which some of it waited for I/O" },
	[METRIC_RECEIVED_BYTES] = { "received_bytes_per_second", METRIC_IN_BYTES_A_SECOND,
				    .about = "by its network interfaces" },
	[METRIC_SENT_BYTES] = { "sent_bytes_per_second", METRIC_IN_BYTES_A_SECOND,
				.about = "by its network interfaces" },
	[METRIC_PIDS] = { "pids", METRIC_IN_NUMBER, .about = "processes and threads" },
	[METRIC_PIDS_PERCENT_OF_LIMIT] = { "pids_percent_of_limit", METRIC_IN_PERCENT,
					   .about = "of the pids limit" },
	[METRIC_DESCRIPTORS] = { "descriptors", METRIC_IN_NUMBER,
				 .about = "open files of all its processes" },
	[METRIC_DESCRIPTORS_PERCENT_OF_LIMIT] = { "descriptors_percent_of_limit", METRIC_IN_PERCENT,
						  .about = "of the process with most, of the soft "
							   "limit of the first process" },
	[METRIC_DISK_BYTES] = { "disk_bytes", METRIC_IN_BYTES,
				.about = "its writable layer and its log" },
	[METRIC_DISK_PERCENT_OF_LIMIT] = { "disk_percent_of_limit", METRIC_IN_PERCENT,
					   .about = "of the quota, or else of the file system, "
						    "below its writable layer" },
	[METRIC_FILESYSTEM_PERCENT] = { "filesystem_percent", METRIC_IN_PERCENT, METRIC_OF_HOST,
					.about = "use of the file systems of state_dir and of "
						 "containers' writable layers" },
	[METRIC_UNHEALTHY] = { "unhealthy", METRIC_IN_NUMBER,
			       .about = "1 while its health check fails, else 0" },
	[METRIC_RESTARTS] = { "restarts", METRIC_IN_NUMBER, METRIC_OF_NAME, true,
			      "starts again of one name, and of one image after failures, within "
			      "`for`" },
	[METRIC_OOM_KILLS] = { "oom_kills", METRIC_IN_NUMBER, .counts = true,
			       .about = "kills for want of memory, within `for`" },
	[METRIC_PRESSURE_BY_OTHERS] = { "pressure_by_others", METRIC_IN_PERCENT,
					.about = "time in which some of it waited for CPU, memory "
						 "or I/O (the worst) that others take" },
	[METRIC_UNLIMITED_PERCENT_OF_HOST] = { "unlimited_percent_of_host", METRIC_IN_PERCENT,
					       .about = "of the host's CPU or memory, of what it "
							"has no limit of" },
};

#define MINUTES(n) ((n)*60000ULL)

enum { ERROR = 3, WARNING = 4 };

/* Limits that everybody expects. What stays so for minutes is no burst. */
const struct config_threshold config_thresholds_shipped[CONFIG_THRESHOLDS_SHIPPED] = {
	{ "memory-near-limit", "", "", METRIC_MEMORY_PERCENT_OF_LIMIT, WARNING, 90, MINUTES(5),
	  false, true },
	{ CONFIG_OOM_KILL, "", "", METRIC_OOM_KILLS, ERROR, 0, 0, false, true },
	{ "restart-loop", "", "", METRIC_RESTARTS, WARNING, 4, MINUTES(10), false, true },
	{ "unhealthy", "", "", METRIC_UNHEALTHY, WARNING, 0, 0, false, true },
	{ "cpu-throttled", "", "", METRIC_CPU_THROTTLED_PERCENT, WARNING, 25, MINUTES(5), false,
	  true },
	{ "disk-near-limit", "", "", METRIC_DISK_PERCENT_OF_LIMIT, WARNING, 85, MINUTES(5), false,
	  true },
	{ "filesystem-nearly-full", "", "", METRIC_FILESYSTEM_PERCENT, WARNING, 85, MINUTES(5),
	  false, true },
	{ "pids-near-limit", "", "", METRIC_PIDS_PERCENT_OF_LIMIT, WARNING, 90, MINUTES(1), false,
	  true },
	{ "descriptors-near-limit", "", "", METRIC_DESCRIPTORS_PERCENT_OF_LIMIT, WARNING, 90,
	  MINUTES(1), false, true },
	{ "resource-contention", "", "", METRIC_PRESSURE_BY_OTHERS, WARNING, 40, MINUTES(5), false,
	  true },
	{ "no-limit-hog", "", "", METRIC_UNLIMITED_PERCENT_OF_HOST, WARNING, 80, MINUTES(5), false,
	  true },
};

static const char *const severities[] = { "emergency", "alert",	 "critical", "error",
					  "warning",   "notice", "info",     "debug" };
#define SEVERITIES_N (sizeof(severities) / sizeof(severities[0]))

enum key {
	KEY_NAME,
	KEY_METRIC,
	KEY_ABOVE,
	KEY_BELOW,
	KEY_FOR,
	KEY_SEVERITY,
	KEY_IMAGE,
	KEY_CONTAINER,
	KEY_ENABLED,
	KEY_COUNT
};
static const char *const key_names[KEY_COUNT] = {
	[KEY_NAME] = "name",	   [KEY_METRIC] = "metric",
	[KEY_ABOVE] = "above",	   [KEY_BELOW] = "below",
	[KEY_FOR] = "for",	   [KEY_SEVERITY] = "severity",
	[KEY_IMAGE] = "image",	   [KEY_CONTAINER] = "container",
	[KEY_ENABLED] = "enabled",
};

/* The name may come last: texts are kept till the entry ends. */
struct entry {
	char where[64]; /* "thresholds[2]" */
	yaml_mark_t mark, marks[KEY_COUNT];
	char text[KEY_COUNT][CONFIG_THRESHOLD_GLOB_BYTES];
	unsigned seen; /* bit of each key */
};

static bool has(const struct entry *en, enum key k)
{
	return en->seen >> k & 1;
}

static int fail(struct config_reader *r, const struct entry *en, yaml_mark_t mark, const char *key)
{
	char name[128];

	snprintf(name, sizeof(name), "%s%s%.40s", en->where, key[0] ? "." : "", key);
	return config_yaml_at(r, mark, name, -EINVAL);
}

static int fail_key(struct config_reader *r, const struct entry *en, enum key k)
{
	return fail(r, en, en->marks[k], key_names[k]);
}

/* --- reading ------------------------------------------------------------------------------- */

static int take(struct config_reader *r, struct entry *en, enum key k, const yaml_event_t *ev)
{
	const size_t cap = k == KEY_NAME ? CONFIG_THRESHOLD_NAME_BYTES : sizeof(en->text[k]);
	struct span v = ev->type == YAML_SCALAR_EVENT ? config_yaml_scalar(ev) : SPAN_LIT("");

	v = span_trim(v);
	en->marks[k] = ev->start_mark;
	if (ev->type != YAML_SCALAR_EVENT || v.n == 0) {
		err_set(r->e, EINVAL, "has no text as its value");
		return fail_key(r, en, k);
	}
	if (v.n >= cap || memchr(v.p, '\0', v.n)) {
		err_set(r->e, EINVAL, "has %zu bytes, expected at most %zu and no NUL", v.n,
			cap - 1);
		return fail_key(r, en, k);
	}
	memcpy(en->text[k], v.p, v.n);
	return 0;
}

static int read_pair(struct config_reader *r, struct entry *en, const yaml_event_t *key)
{
	AUTO(yaml_event_delete) yaml_event_t ev = { 0 };
	struct span name = key->type == YAML_SCALAR_EVENT ? config_yaml_scalar(key) : SPAN_LIT("");
	enum key k = KEY_NAME;

	while (k < KEY_COUNT && !span_eq(name, key_names[k]))
		k++;
	if (k == KEY_COUNT) {
		err_set(r->e, EINVAL,
			"has a key that is not known, expected name, metric, above, below, for, "
			"severity, image, container or enabled");
		return fail(r, en, key->start_mark, "");
	}
	if (has(en, k)) {
		err_set(r->e, EINVAL, "stands twice, expected it once");
		return fail(r, en, key->start_mark, key_names[k]);
	}
	en->seen |= 1u << k;
	int ret = config_yaml_next(r, &ev, en->where);

	return ret < 0 ? ret : take(r, en, k, &ev);
}

static int read_entry(struct config_reader *r, struct entry *en)
{
	for (;;) {
		AUTO(yaml_event_delete) yaml_event_t ev = { 0 };
		int ret = config_yaml_next(r, &ev, en->where);

		if (ret < 0)
			return ret;
		if (ev.type == YAML_MAPPING_END_EVENT)
			return 0;
		ret = read_pair(r, en, &ev);
		if (ret < 0)
			return ret;
	}
}

/* --- what an entry means ------------------------------------------------------------------- */

static int set_metric(struct config_reader *r, const struct entry *en, struct config_threshold *t)
{
	char known[32 * METRIC_COUNT] = "";
	size_t n = 0;

	for (unsigned m = 0; m < METRIC_COUNT; m++) {
		if (strcmp(en->text[KEY_METRIC], config_metrics[m].name) == 0) {
			t->metric = m;
			return 0;
		}
		n += (size_t)snprintf(known + n, sizeof(known) - n, "%s%s", n ? ", " : "",
				      config_metrics[m].name);
	}
	err_set(r->e, EINVAL, "'%.40s' is not known, expected one of %s", en->text[KEY_METRIC],
		known);
	return fail_key(r, en, KEY_METRIC);
}

/* "90", "90%" where the figure is a percentage, "512MiB" where it is bytes. */
static bool parse_limit(struct span text, enum config_metric_unit unit, double *out)
{
	uint64_t bytes;

	if (unit == METRIC_IN_PERCENT && span_ends(text, "%"))
		text = span_trim((struct span){ text.p, text.n - 1 });
	if ((unit == METRIC_IN_BYTES || unit == METRIC_IN_BYTES_A_SECOND) &&
	    config_size_parse(text, &bytes)) {
		*out = (double)bytes;
		return true;
	}
	return parse_double(text, out) && *out >= 0 && *out <= 1e18;
}

static int set_limit(struct config_reader *r, const struct entry *en, struct config_threshold *t)
{
	const struct config_metric_row *m = &config_metrics[t->metric];
	const enum key k = has(en, KEY_BELOW) ? KEY_BELOW : KEY_ABOVE;
	static const char *const expected[] = {
		[METRIC_IN_NUMBER] = "a number",
		[METRIC_IN_PERCENT] = "a number of percent such as 90",
		[METRIC_IN_BYTES] = "a size such as 512MiB",
		[METRIC_IN_BYTES_A_SECOND] = "a size a second such as 20MiB",
	};

	if (has(en, KEY_BELOW) && has(en, KEY_ABOVE)) {
		err_set(r->e, EINVAL, "stands beside above, expected one of them");
		return fail_key(r, en, KEY_BELOW);
	}
	if (!has(en, KEY_BELOW) && !has(en, KEY_ABOVE))
		return 0;
	if (!parse_limit(span_str(en->text[k]), m->unit, &t->limit)) {
		err_set(r->e, EINVAL, "'%.40s' does not fit, expected %s", en->text[k],
			expected[m->unit]);
		return fail_key(r, en, k);
	}
	if (m->counts && (k == KEY_BELOW || t->limit > CONFIG_THRESHOLD_MAX_COUNT)) {
		err_set(r->e, EINVAL, "does not fit a count, expected above and at most %d",
			CONFIG_THRESHOLD_MAX_COUNT);
		return fail_key(r, en, k);
	}
	t->below = k == KEY_BELOW;
	return 0;
}

static int set_rest(struct config_reader *r, const struct entry *en, struct config_threshold *t)
{
	const char *severity = en->text[KEY_SEVERITY];

	if (has(en, KEY_FOR) && (!config_duration_parse(span_str(en->text[KEY_FOR]), &t->for_ms) ||
				 t->for_ms > CONFIG_THRESHOLD_MAX_FOR_MS)) {
		err_set(r->e, EINVAL, "'%.40s' does not fit, expected a duration from 0s to 24h",
			en->text[KEY_FOR]);
		return fail_key(r, en, KEY_FOR);
	}
	if (has(en, KEY_SEVERITY)) {
		int s = 0;

		while (s < (int)SEVERITIES_N && strcmp(severity, severities[s]) != 0)
			s++;
		if (s == (int)SEVERITIES_N) {
			err_set(r->e, EINVAL,
				"'%.40s' does not fit, expected one of emergency, alert, "
				"critical, error, warning, notice, info, debug",
				severity);
			return fail_key(r, en, KEY_SEVERITY);
		}
		t->severity = s;
	}
	if (has(en, KEY_ENABLED)) {
		t->enabled = strcmp(en->text[KEY_ENABLED], "true") == 0;
		if (!t->enabled && strcmp(en->text[KEY_ENABLED], "false") != 0) {
			err_set(r->e, EINVAL, "'%.40s' does not fit, expected true or false",
				en->text[KEY_ENABLED]);
			return fail_key(r, en, KEY_ENABLED);
		}
	}
	if (has(en, KEY_IMAGE))
		memcpy(t->image, en->text[KEY_IMAGE], sizeof(t->image));
	if (has(en, KEY_CONTAINER))
		memcpy(t->container, en->text[KEY_CONTAINER], sizeof(t->container));
	return 0;
}

static int check_whole(struct config_reader *r, const struct entry *en,
		       const struct config_threshold *t, bool fresh)
{
	const struct config_metric_row *m = &config_metrics[t->metric];

	if (fresh && !has(en, KEY_ABOVE) && !has(en, KEY_BELOW)) {
		err_set(r->e, EINVAL, "has no limit, expected above or below");
		return fail(r, en, en->mark, "");
	}
	if (m->counts && t->for_ms == 0 && strcmp(t->name, CONFIG_OOM_KILL) != 0) {
		err_set(r->e, EINVAL, "counts within a time, expected for above 0s");
		return has(en, KEY_FOR) ? fail_key(r, en, KEY_FOR) : fail(r, en, en->mark, "");
	}
	if (m->of == METRIC_OF_HOST && (t->image[0] || t->container[0])) {
		err_set(r->e, EINVAL, "is of the host, expected neither image nor container");
		return fail(r, en, en->mark, "");
	}
	if (strcmp(t->name, CONFIG_OOM_KILL) == 0 &&
	    (en->seen & (1u << KEY_METRIC | 1u << KEY_ABOVE | 1u << KEY_BELOW | 1u << KEY_FOR))) {
		err_set(r->e, EINVAL,
			"is told at each kill and has no limit, expected severity, image, "
			"container or enabled, or another name");
		return fail(r, en, en->mark, "");
	}
	return 0;
}

static bool fits_name(const char *name)
{
	for (; *name; name++)
		if ((unsigned char)*name <= ' ' || *name == '"' || *name == 0x7f)
			return false;
	return true;
}

static struct config_threshold *find(struct config_thresholds *all, const char *name)
{
	for (uint32_t i = 0; i < all->n; i++)
		if (strcmp(all->items[i].name, name) == 0)
			return &all->items[i];
	return NULL;
}

static int apply(struct config_reader *r, struct config_thresholds *all, const struct entry *en,
		 bool *added_before)
{
	struct config_threshold *t = find(all, en->text[KEY_NAME]);
	const bool fresh = !t;
	int ret = 0;

	if (!has(en, KEY_NAME) || !fits_name(en->text[KEY_NAME])) {
		err_set(r->e, EINVAL,
			has(en, KEY_NAME) ? "holds a blank or a quote, expected a word such as "
					    "swap-in-use"
					  : "has no name, expected one");
		return has(en, KEY_NAME) ? fail_key(r, en, KEY_NAME) : fail(r, en, en->mark, "");
	}
	if (t && added_before[t - all->items]) {
		err_set(r->e, EINVAL, "'%s' stands twice in the list, expected it once", t->name);
		return fail_key(r, en, KEY_NAME);
	}
	if (fresh) {
		if (!has(en, KEY_METRIC)) {
			err_set(r->e, EINVAL,
				"has no metric and is no shipped one, expected both "
				"metric and above or below");
			return fail(r, en, en->mark, "");
		}
		t = &all->items[all->n++];
		memcpy(t->name, en->text[KEY_NAME], sizeof(t->name));
		t->severity = WARNING;
		t->for_ms = MINUTES(5);
		t->enabled = true;
	}
	added_before[t - all->items] = true;
	if (has(en, KEY_METRIC)) {
		const enum config_metric before = t->metric;

		ret = set_metric(r, en, t);
		if (ret == 0 && !fresh && t->metric != before) {
			err_set(r->e, EINVAL,
				"is another than that of the shipped '%s', expected "
				"another name",
				t->name);
			return fail_key(r, en, KEY_METRIC);
		}
	}
	if (ret == 0)
		ret = set_limit(r, en, t);
	if (ret == 0)
		ret = set_rest(r, en, t);
	return ret < 0 ? ret : check_whole(r, en, t, fresh);
}

void config_thresholds_defaults(struct config_thresholds *t)
{
	memset(t, 0, sizeof(*t));
	memcpy(t->items, config_thresholds_shipped, sizeof(config_thresholds_shipped));
	t->n = CONFIG_THRESHOLDS_SHIPPED;
}

int config_thresholds_read(struct config_reader *r, const struct config_key *k)
{
	struct config_thresholds *all = (void *)((char *)r->c + k->offset);
	bool named[CONFIG_MAX_THRESHOLDS] = { false };

	config_thresholds_defaults(all);
	for (unsigned n = 1;; n++) {
		AUTO(yaml_event_delete) yaml_event_t ev = { 0 };
		struct entry en = { .where = "" };
		int ret = config_yaml_next(r, &ev, LIST_NAME);

		if (ret < 0)
			return ret;
		if (ev.type == YAML_SEQUENCE_END_EVENT)
			return 0;
		snprintf(en.where, sizeof(en.where), LIST_NAME "[%u]", n);
		en.mark = ev.start_mark;
		if (ev.type != YAML_MAPPING_START_EVENT) {
			err_set(r->e, EINVAL, "is no map, expected keys and their values");
			return fail(r, &en, ev.start_mark, "");
		}
		if (n > CONFIG_MAX_THRESHOLD_ENTRIES) {
			err_set(r->e, E2BIG, "has too many entries, expected at most %u",
				(unsigned)CONFIG_MAX_THRESHOLD_ENTRIES);
			return config_yaml_at(r, ev.start_mark, LIST_NAME, -E2BIG);
		}
		ret = read_entry(r, &en);
		if (ret == 0)
			ret = apply(r, all, &en, named);
		if (ret < 0)
			return ret;
	}
}

/* --- the manual ---------------------------------------------------------------------------- */

static const char *for_text(uint64_t ms, char text[24])
{
	if (ms && ms % 60000 == 0)
		snprintf(text, 24, "%llum", (unsigned long long)(ms / 60000));
	else if (ms % 1000 == 0)
		snprintf(text, 24, "%llus", (unsigned long long)(ms / 1000));
	else
		snprintf(text, 24, "%llums", (unsigned long long)ms);
	return text;
}

const char *config_threshold_text(const struct config_threshold *t, char text[256])
{
	char time[24], limit[64];

	snprintf(limit, sizeof(limit), ", %s: %.15g, for: %s", t->below ? "below" : "above",
		 t->limit, for_text(t->for_ms, time));
	snprintf(text, 256, "{name: %s, metric: %s%s, severity: %s}", t->name,
		 config_metrics[t->metric].name, strcmp(t->name, CONFIG_OOM_KILL) ? limit : "",
		 severities[t->severity]);
	return text;
}
