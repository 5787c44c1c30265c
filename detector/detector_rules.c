// SPDX-License-Identifier: GPL-2.0-or-later
/* Rules at work: each event given to them, what matches told. */
#include "detector/detector_rules.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "collector/base/clock.h"
#include "collector/base/log.h"
#include "collector/json_put.h"
#include "detector/byte_map.h"
#include "detector/detector_rules_internal.h"

#define TEXT_BYTES  (256U << 10) /* of an alert's title and facts */
#define TITLE_BYTES 2048
#define WANT_ARENA  (4U << 20)
#define RETELL_MS   5000 /* for rules that ask how long something goes on */

/* --- what the rules want of the kernel's side ---------------------------------------------- */

/* Names of addresses come from DNS answers, and from what Kubernetes tells each program. */
static void want_names(struct arena *a, struct agent_wants *w)
{
	struct span *list = arena_zeroed(a, w->environment_n + 1, sizeof(*list));

	w->container |= EVENT_BIT(EVENT_DNS);
	if (!list)
		return;
	if (w->environment_n > 0)
		memcpy(list, w->environment, w->environment_n * sizeof(*list));
	list[w->environment_n++] = SPAN_LIT("KUBERNETES_SERVICE_HOST=");
	w->environment = list;
}

void rules_taken(struct detector_rules *r)
{
	AUTO_ARENA struct arena a = { .max = WANT_ARENA };
	const struct rules_wants wants = rules_wants(r->rules);
	const uint64_t by_name = HOST_PATH_EVENTS & ~EVENT_BIT(EVENT_OPEN);
	const struct span *names;
	const struct rule_paths *paths = &r->rules->host_paths;
	struct agent_wants w = {
		.container = wants.container,
		.host = wants.host,
		.names = (wants.container | wants.host) &
			 (by_name | EVENT_BIT(EVENT_CHROOT) | EVENT_BIT(EVENT_MOUNT) |
			  EVENT_BIT(EVENT_UMOUNT) | EVENT_BIT(EVENT_PIVOT_ROOT)),
		.retell_ms = wants.repeats != 0 ? RETELL_MS : 0,
		.raw_names = ((wants.container | wants.host) & EVENT_BIT(EVENT_OPEN)) != 0,
	};

	w.host_all_paths = paths->all;
	if (!paths->all) {
		w.prefixes = paths->prefixes;
		w.prefixes_n = paths->prefixes_n;
		w.file_names = paths->names;
		w.file_names_n = paths->names_n;
	}
	if (rule_program_environment(r->rules->program, &a, &w.environment, &w.environment_n) < 0)
		log_warning("rules on the environment may not match: no memory", NULL);
	if (rule_program_names(r->rules->program, &names) > 0)
		want_names(&a, &w);
	r->services.want(r->services.agent, WANTS_RULES, &w);
}

/* --- what is not in an event --------------------------------------------------------------- */

/* One number for a container, whichever hierarchy an event names; 0: the host. */
static uint64_t key_of_container(const struct container *c)
{
	if (!c)
		return 0;
	return c->unified_inode ? c->unified_inode : c->inode;
}

static bool user_name(void *ctx, const struct container *c, uint32_t uid, struct span *name)
{
	struct detector_rules *r = ctx;

	return users_user(r->users, key_of_container(c), uid, mono_ns(), name);
}

static bool group_name(void *ctx, const struct container *c, uint32_t gid, struct span *name)
{
	struct detector_rules *r = ctx;

	return users_group(r->users, key_of_container(c), gid, mono_ns(), name);
}

static bool home_of(void *ctx, const struct container *c, uint32_t uid, struct span *home)
{
	struct detector_rules *r = ctx;

	return users_home(r->users, key_of_container(c), uid, mono_ns(), home);
}

static size_t names_of(void *ctx, const struct container *c, const uint8_t *address, uint8_t length,
		       struct span *out, size_t cap)
{
	struct detector_rules *r = ctx;

	return dns_names_find(r->dns, key_of_container(c), address, length, boot_ns(), out, cap);
}

/* An event may tell what later ones are asked about. */
static void learn(struct detector_rules *r, const struct event_view *v, const struct container *of)
{
	const struct event_head *h = v->head;
	const struct span path = v->strings[h->type == EVENT_RENAME ? TAG_PATH2 : TAG_PATH];
	const uint64_t key = key_of_container(of);

	if (!of && h->container_cgroup)
		return; /* of a container that is not known yet: not of the host */
	if (h->type == EVENT_DNS)
		dns_names_event(r->dns, v, key);
	if (h->type == EVENT_EXEC && h->result >= 0 && of) {
		dns_names_exec(r->dns, v, key);
		users_container(r->users, key, (pid_t)h->pid, h->start_boot_ns, mono_ns());
	}
	if (((h->type == EVENT_OPEN && (v->open->access & ACCESS_WRITE)) ||
	     h->type == EVENT_RENAME) &&
	    users_is_file(path))
		users_changed(r->users, key, mono_ns());
}

/* --- one match ----------------------------------------------------------------------------- */

/* What repeats have in common beside rule and container: the object of the event. */
static struct span object_of(const struct event_view *v, const struct event_context *c,
			     char text[128])
{
	const struct event_network *n = v->network;
	struct span s = { NULL, 0 };

	switch (event_type_shape((enum event_type)v->head->type)) {
	case SHAPE_EXEC:
	case SHAPE_FORK:
	case SHAPE_EXIT:
		s = c->process ? process_exe(c->process) : v->strings[TAG_PATH];
		break;
	case SHAPE_OPEN:
	case SHAPE_PATH:
		s = v->strings[TAG_PATH];
		break;
	case SHAPE_NETWORK:
		if (n->family == AF_INET || n->family == AF_INET6) {
			char address[INET6_ADDRSTRLEN] = "";

			inet_ntop(n->family, n->remote, address, sizeof(address));
			snprintf(text, 128, "%s:%u", address, ntohs(n->remote_port));
			return span_str(text);
		}
		s = v->strings[TAG_UNIX_REMOTE];
		break;
	case SHAPE_CALL:
		s = v->strings[TAG_NAME];
		break;
	}
	return s.p ? s : v->strings[TAG_RAW];
}

/* The rest that tells one event of a rule from another: a second name, arguments, whom it is aimed
 * at. As a number: the key is short. */
static uint64_t rest_of(const struct event_view *v)
{
	static const enum event_tag tags[] = { TAG_PATH2, TAG_RAW2, TAG_ARGS, TAG_DATA };
	uint64_t hash = v->head->type;

	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
		hash = byte_hash(v->strings[tags[i]], hash);
	if (event_type_shape((enum event_type)v->head->type) == SHAPE_CALL)
		hash ^= (uint64_t)v->call->target_pid << 32 | v->call->op;
	return hash;
}

static struct span key_of(const struct event_view *v, const struct event_context *c, char out[256])
{
	char text[128];
	struct span object = object_of(v, c, text);
	int n;

	if (object.n > 180) /* the end tells more of a path than its start */
		object = (struct span){ object.p + object.n - 180, 180 };
	n = snprintf(out, 256, "%.*s %.*s %016llx", EVENT_COMM_BYTES, v->head->comm, (int)object.n,
		     object.n ? object.p : "", (unsigned long long)rest_of(v));
	return (struct span){ out, n < 0 ? 0 : n > 255 ? 255 : (size_t)n };
}

struct told {
	struct alert_pair facts[ALERT_MAX_FACTS];
	size_t at[ALERT_MAX_FACTS + 1];
	size_t n;
	struct span title;
};

/* Title and facts in r->text; places first, for it may move while it grows. */
static void fill(struct detector_rules *r, const struct rules_rule *rule, struct told *t)
{
	const struct rule_output *o = &rule->output;

	buf_clear(&r->text);
	rule_output_print(&r->text, o, &r->ev);
	size_t title = r->text.len;

	for (size_t i = 0; i < o->fields_n && t->n < ALERT_MAX_FACTS; i++) {
		bool twice = false;

		for (size_t j = 0; j < t->n && !twice; j++)
			twice = t->facts[j].name.n == o->fields[i].token.n &&
				memcmp(t->facts[j].name.p, o->fields[i].token.p,
				       o->fields[i].token.n) == 0;
		t->at[t->n] = r->text.len;
		if (twice || !rule_output_field(&r->text, &o->fields[i], &r->ev))
			continue;
		t->facts[t->n++].name = o->fields[i].token;
		t->at[t->n] = r->text.len;
	}
	if (r->text.failed)
		t->n = 0;
	for (size_t i = 0; i < t->n; i++)
		t->facts[i].value =
			(struct span){ r->text.data + t->at[i], t->at[i + 1] - t->at[i] };
	t->title = (struct span){ r->text.data, title < TITLE_BYTES ? title : TITLE_BYTES };
}

static void tell(struct detector_rules *r, const struct rules_hit *hit, const struct container *of)
{
	const struct config_list *labels = &r->services.config->labels_allow;
	const struct rules_rule *rule = hit->rule;
	struct alert_container container;
	struct told t = { .n = 0 };
	char key[256];

	r->ev.reading = hit->reading;
	fill(r, rule, &t);
	struct alert alert = {
		.severity = rule->rule->priority,
		.kind = ALERT_RULE,
		.title = t.title,
		.rule = rule->rule->name,
		.key = key_of(r->ev.view, r->ev.context, key),
		.process = r->ev.context->process,
		.unix_minus_boot_ns = r->ev.context->unix_minus_boot_ns,
		.facts = t.facts,
		.facts_n = t.n,
		.technique_id = rule->technique_id,
		.tactic = rule->tactic,
		.recommend = rule->rule->desc,
	};

	if (of) {
		alert_container_of(of, (const char(*)[CONFIG_TEXT_BYTES])labels->items, labels->n,
				   &container);
		alert.container = &container;
	}
	if (rule->audit)
		audit_rule(r->audit, &alert);
	else
		alerts_raise(r->alerts, &alert);
}

bool detector_rules_event(struct detector_rules *r, const struct event_view *v,
			  const struct event_context *c, const struct container *of)
{
	struct rules_hit hits[RULES_MAX_HITS];

	learn(r, v, of);
	if (!r->rules || r->rules->on == 0)
		return false;
	r->ev.view = v;
	r->ev.context = c;
	r->ev.container = of;
	r->ev.type = evt_type_of(v);
	r->ev.number = ++r->number;
	r->ev.scratch_full = false;
	if (r->ev.type == EVT_NONE)
		return false;
	size_t n = rules_match(r->rules, &r->ev, hits);

	bool grave = false;

	for (size_t i = 0; i < n; i++) {
		grave |= !hits[i].rule->audit && hits[i].rule->rule->priority <= ALERT_WARNING;
		tell(r, &hits[i], of);
	}
	r->scratch_full += r->ev.scratch_full;
	return grave;
}

void detector_rules_life(struct detector_rules *r, const struct container *c, enum agent_life what)
{
	if (what != LIFE_STOPPED && what != LIFE_DESTROYED)
		return;
	users_forget(r->users, key_of_container(c));
	dns_names_forget(r->dns, key_of_container(c));
}

/* --- as a whole ---------------------------------------------------------------------------- */

int detector_rules_new(struct detector_rules **out, const struct detector_rules_settings *s,
		       struct err *e)
{
	AUTO(detector_rules_free) struct detector_rules *r = calloc(1, sizeof(*r));

	if (!r)
		return err_set(e, ENOMEM, "no memory for rules");
	r->services = *s->services;
	r->worker = s->worker;
	r->users = s->users;
	r->alerts = s->alerts;
	r->audit = s->audit;
	r->inotify_fd = -1;
	r->ticket = AGENT_NO_TICKET;
	buf_init(&r->text, TEXT_BYTES);
	r->world = (struct field_world){ .ctx = r,
					 .user = user_name,
					 .group = group_name,
					 .home = home_of,
					 .names = names_of,
					 .hostname = span_str(alerts_host(s->alerts)) };
	r->ev.world = &r->world;
	r->ev.scratch = malloc(FIELD_SCRATCH_BYTES);
	if (!r->ev.scratch)
		return err_set(e, ENOMEM, "no memory for rules");
	evt_type_init();
	int code = dns_names_new(&r->dns, e);

	if (code == 0)
		code = rules_load_now(r, e);

	if (code == 0)
		code = rules_watch_start(r, e);
	if (code < 0)
		return code;
	*out = TAKE(r);
	return 0;
}

void detector_rules_free(struct detector_rules *r)
{
	if (!r)
		return;
	loop_remove(r->watch);
	if (r->inotify_fd >= 0)
		close(r->inotify_fd);
	rules_free(r->rules);
	dns_names_free(r->dns);
	free(r->load.config);
	free(r->ev.scratch);
	buf_release(&r->text);
	free(r);
}

void detector_rules_json(struct buf *b, const struct detector_rules *r)
{
	const struct config_list *files = &r->services.config->rules_files;

	buf_add_char(b, '{');
	json_put_array(b, "files");
	for (uint32_t i = 0; i < files->n; i++) {
		json_put_comma(b);
		json_put_string(b, span_str(files->items[i]));
	}
	buf_add_char(b, ']');
	json_put_u64(b, "loads", r->loads);
	json_put_u64(b, "refused", r->refused);
	json_put_key(b, "load_seconds");
	buf_add_fixed(b, r->load_ns, 9);
	if (r->problem[0])
		json_put_str(b, "problem", r->problem);
	if (r->rules)
		rules_json(b, r->rules);
	buf_add_char(b, '}');
}

void detector_rules_state(const struct detector_rules *r, struct alerts_state *out)
{
	struct alerts_rules_state *s = &out->rule_set;
	struct capacity rows[USERS_CAPACITY_ROWS + DNS_NAMES_CAPACITY_ROWS];
	size_t n = users_capacity(r->users, rows);

	static const char *const states[] = { "on", "disabled", "not selected", "not served" };

	*s = (struct alerts_rules_state){ .loaded = true,
					  .states = states,
					  .load_ns = r->load_ns,
					  .refused_loads = r->refused,
					  .problem = r->problem[0] != '\0',
					  .cut_texts = r->scratch_full };
	n += dns_names_capacity(r->dns, rows + n);
	for (size_t i = 0; i < n; i++)
		alerts_state_table(out, rows[i].table, rows[i].used, rows[i].capacity,
				   rows[i].refused);
	if (!r->rules)
		return;
	const struct rule_program_stats p = rule_program_stats(r->rules->program);

	for (size_t i = 0; i < r->rules->n; i++)
		s->by_state[r->rules->list[i].state]++;
	s->events = r->rules->events;
	s->hits_refused = r->rules->hits_refused;
	s->pattern_limits = p.match_limit;
	s->values_refused = p.values_full;
}

const struct field_world *detector_rules_world(const struct detector_rules *r)
{
	return &r->world;
}
