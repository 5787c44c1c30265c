// SPDX-License-Identifier: GPL-2.0-or-later
/* What does not belong to an image: an alert with the evidence, the nearest known entry and how
 * rare it is. All of them are in the log; below ERROR people get the first of an hour, and one
 * digest. */
#include <errno.h>
#include <string.h>

#include "collector/base/clock.h"
#include "detector/detector_baseline_internal.h"

struct words { /* of a class */
	const char *rule;
	const char *did; /* "Container 'web' DID /tmp/x" */
	const char *technique, *technique_name, *tactic;
	enum alert_severity severity; /* in steady state */
};

static const struct words words[BASELINE_CLASS_COUNT] = {
	[BASELINE_EXEC] = { "baseline-exec", "ran a program that is new to its image:", "T1059",
			    "Command and Scripting Interpreter", "execution", ALERT_WARNING },
	[BASELINE_SCRIPT] = { "baseline-script", "ran a script that is new to its image:", "T1059",
			      "Command and Scripting Interpreter", "execution", ALERT_WARNING },
	[BASELINE_WRITE] = { "baseline-write", "changed a file that its image never changes:",
			     "T1565", "Data Manipulation", "impact", ALERT_NOTICE },
	[BASELINE_READ] = { "baseline-read", "read a sensitive file that its image never reads:",
			    "T1552", "Unsecured Credentials", "credential-access", ALERT_WARNING },
	[BASELINE_LISTEN] = { "baseline-listen", "listens on a port that is new to its image:",
			      "T1571", "Non-Standard Port", "command-and-control", ALERT_WARNING },
	[BASELINE_CONNECT] = { "baseline-connect",
			       "connected to a peer that is new to its image:", "T1071",
			       "Application Layer Protocol", "command-and-control", ALERT_WARNING },
	[BASELINE_UNIX] = { "baseline-unix",
			    "connected to a socket of somebody outside, new to its image:", "T1559",
			    "Inter-Process Communication", "execution", ALERT_WARNING },
	[BASELINE_USER] = { "baseline-user", "runs as a user that is new to its image:", "T1548",
			    "Abuse Elevation Control Mechanism", "privilege-escalation",
			    ALERT_WARNING },
	[BASELINE_CAPABILITY] = { "baseline-capability",
				  "has a capability that is new to its image:", "T1548",
				  "Abuse Elevation Control Mechanism", "privilege-escalation",
				  ALERT_WARNING },
	[BASELINE_SYSCALL] = { "baseline-syscall", "made a system call that is new to its image:",
			       "T1106", "Native API", "execution", ALERT_NOTICE },
	[BASELINE_CALL] = { "baseline-call",
			    "changed namespaces, mounts or the kernel as its image never did:",
			    "T1611", "Escape to Host", "privilege-escalation", ALERT_WARNING },
};

/* --- how grave ----------------------------------------------------------------------------- */

static bool is_young(const struct observer *o)
{
	const struct baseline *b = o->image->baseline;
	const uint64_t notice = o->owner->services.config->baseline_notice_s * NS_PER_S;

	return baseline_now_ns(o->owner) < b->promoted_ns + notice;
}

static enum alert_severity severity_of(const struct observer *o, const struct behaviour *b,
				       enum seen_phase phase, bool learned, bool killed)
{
	enum alert_severity s = words[b->class].severity;

	if (learned)
		return ALERT_INFO;
	if (b->class == BASELINE_EXEC && (b->flags & BEHAVIOUR_DROPPED))
		s = ALERT_ERROR;
	else if (phase == PHASE_INJECTED)
		s = ALERT_NOTICE;
	if (killed)
		return s < ALERT_ERROR ? s : ALERT_ERROR;
	return is_young(o) && s < ALERT_NOTICE ? ALERT_NOTICE : s;
}

/* --- the record ---------------------------------------------------------------------------- */

struct facts {
	struct alert_pair list[16];
	size_t n;
	struct buf text; /* NUL-terminated pieces; grows, so facts hold offsets until the end */
	size_t at[16];
};

static void fact(struct facts *f, const char *name, struct span value)
{
	if (value.n == 0 || f->n == 16)
		return;
	f->list[f->n].name = span_str(name);
	f->at[f->n++] = f->text.len;
	buf_add(&f->text, value.p, value.n);
}

static void finish_facts(struct facts *f)
{
	if (f->text.failed)
		f->n = 0;
	for (size_t i = 0; i < f->n; i++) {
		const size_t end = i + 1 < f->n ? f->at[i + 1] : f->text.len;

		f->list[i].value = (struct span){ f->text.data + f->at[i], end - f->at[i] };
	}
}

static void rarity(struct facts *f, const struct observer *o, const struct behaviour *b,
		   enum seen_phase phase)
{
	const struct baseline *base = o->image->baseline;
	struct maturity m;
	char text[160];

	baseline_maturity(base, b->class, phase, baseline_now_ns(o->owner), &m);
	snprintf(text, sizeof(text),
		 "not seen in %llu windows of %u containers; %.4f new entries are expected in the "
		 "next window",
		 (unsigned long long)m.windows, base->containers, maturity_estimate(&m));
	fact(f, "rarity", span_str(text));
}

static void evidence(struct facts *f, const struct observer *o, const struct behaviour *b,
		     enum seen_phase phase, bool learned)
{
	const struct baseline *base = o->image->baseline;
	struct buf near = { .fd = -1 };
	const struct path_entry *nearest;

	fact(f, "class", span_str(baseline_class_names[b->class]));
	fact(f, "entry", b->key);
	if (b->subject.n != b->key.n || memcmp(b->subject.p, b->key.p, b->key.n) != 0)
		fact(f, "subject", b->subject);
	fact(f, "phase", span_str(seen_phase_names[phase]));
	const struct path_entry *other = baseline_find(base, b->class, b->key);

	if (other && !learned && (other->seen.flags & SEEN_REJECTED))
		fact(f, "known", SPAN_LIT("rejected by a person"));
	else if (other && !learned && other->seen.windows[PHASE_STARTUP])
		fact(f, "known", SPAN_LIT("in a start-up alone"));
	if (b->flags & BEHAVIOUR_DROPPED)
		fact(f, "origin", SPAN_LIT("not from the image: written, in memory or deleted"));
	buf_init(&near, PATH_TREE_MAX_PATH);
	nearest = path_tree_nearest(base->sets[b->class].tree, b->key, &near);
	if (nearest && !near.failed)
		fact(f, "nearest_known", (struct span){ near.data, near.len });
	buf_release(&near);
	rarity(f, o, b, phase);
	fact(f, "baseline", span_str(base->repository));
	fact(f, "entrypoint", span_str(base->entry));
	fact(f, "mode", span_str(baseline_mode_names[base->mode]));
	if (!learned)
		return;
	fact(f, "learned", SPAN_LIT("yes: this phase or version is still being learned"));
	char held[64];

	snprintf(held, sizeof(held), "%u since the last such alert", o->image->learned_held[phase]);
	if (o->image->learned_held[phase])
		fact(f, "learned_untold", span_str(held));
	o->image->learned_held[phase] = 0;
}

/* --- digests ------------------------------------------------------------------------------- */

/* One that comes again and again leaves room for others. */
static void add_example(struct image *i, struct span title)
{
	char text[sizeof(i->examples[0])];
	unsigned k = 0;

	snprintf(text, sizeof(text), "%.*s", (int)(title.n < 180 ? title.n : 180), title.p);
	while (k < DIGEST_EXAMPLES && i->examples[k][0] && strcmp(i->examples[k], text) != 0)
		k++;
	if (k < DIGEST_EXAMPLES)
		memcpy(i->examples[k], text, sizeof(text));
}

/* True: it is delivered by itself, as the first of its hour. */
static bool opens_hour(struct observer *o, const struct behaviour *b, struct span title)
{
	struct image *i = o->image;

	if (o->owner->services.config->baseline_digest_s == 0)
		return true;
	if (!i->hour_ns) {
		i->hour_ns = mono_ns();
		return true;
	}
	add_example(i, title);
	i->held++;
	i->held_by_class[b->class]++;
	o->owner->counts.held++;
	return false;
}

/* What is still being learned is news, and not much of it: one of an image and phase in the time of
 * a digest, the rest is counted. */
static bool tells_learned(struct observer *o, enum seen_phase phase)
{
	const uint64_t every = o->owner->services.config->baseline_digest_s * NS_PER_S;
	const uint64_t now = mono_ns();
	struct image *i = o->image;

	if (i->learned_ns[phase] && now - i->learned_ns[phase] < every) {
		i->learned_held[phase]++;
		o->owner->counts.learned_held++;
		return false;
	}
	i->learned_ns[phase] = now;
	return true;
}

static void tell_digest(struct detector_baseline *d, struct image *i)
{
	const struct baseline *b = i->baseline;
	struct alert_pair facts[BASELINE_CLASS_COUNT + DIGEST_EXAMPLES + 1];
	char numbers[BASELINE_CLASS_COUNT][16], title[BASELINE_NAME_BYTES + 128];
	const struct alert_container container = { .image = span_str(b->repository) };
	struct alert alert = {
		.severity = ALERT_NOTICE,
		.kind = ALERT_BASELINE,
		.rule = SPAN_LIT("baseline-digest"),
		.container = &container,
		.by_image = true,
		.facts = facts,
		.recommend = SPAN_LIT("See 'bulkhead baseline deviations', and accept what "
				      "belongs to the image."),
	};
	size_t n = 0;

	for (unsigned c = 0; c < BASELINE_CLASS_COUNT; c++) {
		if (!i->held_by_class[c])
			continue;
		snprintf(numbers[c], sizeof(numbers[c]), "%u", i->held_by_class[c]);
		facts[n++] = (struct alert_pair){ span_str(baseline_class_names[c]),
						  span_str(numbers[c]) };
	}
	for (uint32_t k = 0; k < DIGEST_EXAMPLES && i->examples[k][0]; k++)
		facts[n++] = (struct alert_pair){ SPAN_LIT("example"), span_str(i->examples[k]) };
	snprintf(title, sizeof(title), "%u more deviations of image '%s'", i->held, b->repository);
	alert.facts_n = n;
	alert.title = alert.key = span_str(title);
	alerts_raise(d->alerts, &alert);
	i->held = 0;
	memset(i->held_by_class, 0, sizeof(i->held_by_class));
	memset(i->examples, 0, sizeof(i->examples));
}

void deviation_digests(struct detector_baseline *d, bool all)
{
	const uint64_t every = d->services.config->baseline_digest_s * NS_PER_S;
	size_t n;
	struct baseline *const *list = baseline_store_list(d->store, &n);

	for (size_t k = 0; k < n; k++) {
		struct image *i = list[k]->user;

		if (!i || !i->hour_ns || (!all && mono_ns() - i->hour_ns < every))
			continue;
		const bool held = i->held > 0;

		if (held)
			tell_digest(d, i);
		/* a digest opens the next hour: there is never more than one in each */
		i->hour_ns = held && !all ? mono_ns() : 0;
	}
}

/* --- telling ------------------------------------------------------------------------------- */

/* As a pattern that means itself, in quotes of the shell: a container chose it. */
static void add_shell_word(struct buf *out, struct span s)
{
	buf_add_char(out, '\'');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\'')
			buf_add_str(out, "'\\''");
		else if (s.p[i] == '*' || s.p[i] == '\\')
			buf_printf(out, "\\%c", s.p[i]);
		else
			buf_add_char(out, s.p[i]);
	}
	buf_add_char(out, '\'');
}

/* How the entry is named on a command line that takes it in. */
static void recommend(struct buf *out, const struct observer *o, const struct behaviour *b)
{
	char name[BASELINE_STORE_NAME];

	if (b->key.n < 512) {
		buf_printf(out,
			   "If it belongs to the image: bulkhead baseline accept %s %s --entry ",
			   baseline_store_name(o->image->baseline, name),
			   baseline_class_names[b->class]);
		add_shell_word(out, b->key);
		buf_add_str(out, ". If not, f");
	} else {
		buf_add_char(out, 'F');
	}
	buf_add_str(out,
		    "ind out who started it: the process and its ancestors are in this alert.");
}

static bool find_oldest(void *ctx, struct span pattern, struct path_entry *entry)
{
	uint64_t *oldest = ctx;

	(void)pattern;
	if (entry->seen.last_ns < *oldest)
		*oldest = entry->seen.last_ns;
	return true;
}

static bool is_oldest(void *ctx, struct span pattern, struct path_entry *entry)
{
	(void)pattern;
	return entry->seen.last_ns <= *(const uint64_t *)ctx;
}

/* What was told last is what people look for: who makes many does not hide what comes then. */
static int make_deviation(struct path_tree *t, struct span key, struct path_entry **entry)
{
	int r = path_tree_add(t, key, entry, NULL);

	/* a long name takes the room of some short ones */
	for (unsigned i = 0; r == -ENOSPC && i < 32; i++) {
		uint64_t oldest = UINT64_MAX;

		path_tree_each(t, find_oldest, &oldest);
		if (path_tree_remove_if(t, is_oldest, &oldest) == 0)
			break;
		r = path_tree_add(t, key, entry, NULL);
	}
	return r;
}

static void remember(struct observer *o, const struct behaviour *b)
{
	struct baseline *base = o->image->baseline;
	struct path_entry *entry;
	char key[PATH_TREE_MAX_PATH];
	int n = snprintf(key, sizeof(key), "%s %.*s", baseline_class_names[b->class], (int)b->key.n,
			 b->key.p);

	if (n < 0 || (size_t)n >= sizeof(key) ||
	    make_deviation(base->deviations, (struct span){ key, (size_t)n }, &entry) < 0)
		return; /* counted there */
	struct seen *s = &entry->seen;

	s->last_ns = baseline_now_ns(o->owner);
	s->first_ns = s->first_ns ? s->first_ns : s->last_ns;
	s->windows[PHASE_STEADY] = seen_sum(s->windows[PHASE_STEADY], 1);
	s->digests |= 1U << o->digest;
	if (b->flags & BEHAVIOUR_DROPPED)
		s->flags |= SEEN_DROPPED;
	base->dirty = true;
}

void deviation_tell(struct observer *o, const struct behaviour *b, enum seen_phase phase,
		    bool learned, const struct event_view *v, const struct event_context *c)
{
	struct detector_baseline *d = o->owner;
	const struct config_list *labels = &d->services.config->labels_allow;
	const struct words *w = &words[b->class];
	struct alert_container container;
	struct facts f = { .n = 0, .text = { .fd = -1 } };
	struct enforced done = { .action = ALERT_NONE };
	char title[768];

	d->counts.deviations++;
	if (learned && !tells_learned(o, phase))
		return;
	if (!learned)
		remember(o, b);
	const bool acted = !learned && enforce_deviation(o, b, phase, v, c, &done);

	snprintf(title, sizeof(title), "Container '%.128s' %s %.*s", container_name(o->c), w->did,
		 (int)(b->subject.n < 400 ? b->subject.n : 400), b->subject.p);
	buf_init(&f.text, 32768);
	evidence(&f, o, b, phase, learned);
	finish_facts(&f);
	buf_clear(&d->text);
	recommend(&d->text, o, b);
	alert_container_of(o->c, (const char(*)[CONFIG_TEXT_BYTES])labels->items, labels->n,
			   &container);
	struct alert alert = {
		.severity = severity_of(o, b, phase, learned, acted),
		.kind = ALERT_BASELINE,
		.title = span_str(title),
		.rule = span_str(w->rule),
		.key = b->key,
		.container = &container,
		.process = c ? c->process : NULL,
		.unix_minus_boot_ns = d->services.unix_minus_boot_ns(d->services.agent),
		.facts = f.list,
		.facts_n = f.n,
		.technique_id = span_str(w->technique),
		.technique_name = span_str(w->technique_name),
		.tactic = span_str(w->tactic),
		.recommend = { d->text.data, d->text.len },
		.has_action = acted,
		.action = done.action,
		.outcome = span_str(done.outcome),
	};

	if (alert.severity > ALERT_ERROR)
		alert.kept = learned || !opens_hour(o, b, alert.title);
	alerts_raise(d->alerts, &alert);
	buf_release(&f.text);
}
