// SPDX-License-Identifier: GPL-2.0-or-later
/* Rule files: found, read and compiled on a worker, swapped on the loop; read again when they
 * change. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "collector/base/clock.h"
#include "collector/base/log.h"
#include "collector/json_put.h"
#include "detector/detector_rules_internal.h"

#define OPTIONAL_PATH "/etc/bulkhead/rules.d" /* of the defaults: need not be there */
#define SETTLE_NS     (500 * NS_PER_MS)	      /* after the last change: editors write twice */
#define LATEST_NS     (5 * NS_PER_S)	      /* after the first, whoever goes on writing */
#define TOLD_MESSAGES 20

/* --- where --------------------------------------------------------------------------------- */

/* Rules that come with the program: installed beside it, or in its source tree. */
static bool find_default(char *out, size_t cap)
{
	static const char *const places[] = { "../share/bulkhead/rules", "../rules",
					      "../../rules" };
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = '\0';
	char *slash = strrchr(self, '/');

	if (slash)
		*slash = '\0';
	for (size_t i = 0; slash && i < sizeof(places) / sizeof(places[0]); i++)
		if (snprintf(out, cap, "%s/%s", self, places[i]) < (int)cap &&
		    access(out, R_OK) == 0)
			return true;
	return false;
}

/* 1: *out is a path to read; 0: nothing there, and that is fine; -errno. */
static int path_of(const char *item, char out[PATH_MAX], struct err *e)
{
	if (strcmp(item, "default") == 0)
		return find_default(out, PATH_MAX)
			       ? 1
			       : err_set(e, ENOENT,
					 "the rules that come with bulkheadd are not "
					 "found beside it");
	if (item[0] != '/')
		return err_set(e, EINVAL, "rules.files: '%s' is no absolute path", item);
	snprintf(out, PATH_MAX, "%s", item);
	return strcmp(item, OPTIONAL_PATH) == 0 && access(item, F_OK) < 0 ? 0 : 1;
}

/* --- reading ------------------------------------------------------------------------------- */

static void settings_of(const struct config *c, struct rules_settings *s, const char **tags,
			const char **disable, struct rules_exception *exceptions)
{
	for (uint32_t i = 0; i < c->rules_tags.n; i++)
		tags[i] = c->rules_tags.items[i];
	for (uint32_t i = 0; i < c->rules_disable_tags.n; i++)
		disable[i] = c->rules_disable_tags.items[i];
	for (uint32_t i = 0; i < c->rules_exceptions.n; i++) {
		const struct config_exception *x = &c->rules_exceptions.items[i];

		exceptions[i] =
			(struct rules_exception){ x->rule, x->image, x->container, x->condition };
	}
	*s = (struct rules_settings){ .least = (enum alert_severity)c->rules_priority,
				      .match_all = c->rules_match == RULES_MATCH_ALL,
				      .tags = tags,
				      .tags_n = c->rules_tags.n,
				      .disable_tags = disable,
				      .disable_tags_n = c->rules_disable_tags.n,
				      .exceptions = exceptions,
				      .exceptions_n = c->rules_exceptions.n };
}

static int read_files(struct rule_set *set, const struct config *c, struct err *e)
{
	char path[PATH_MAX];

	for (uint32_t i = 0; i < c->rules_files.n; i++) {
		int r = path_of(c->rules_files.items[i], path, e);

		if (r > 0)
			r = rule_set_add_path(set, path, e);
		if (r < 0)
			return r;
	}
	return rule_set_finish(set) < 0 ? err_set(e, ENOMEM, "no memory for rules") : 0;
}

/* The first errors, one a line. */
static void add_messages(char *out, size_t cap, const struct rule_messages *m)
{
	size_t at = strlen(out), told = 0;

	for (const struct rule_message *x = m->first; x && told < TOLD_MESSAGES; x = x->next) {
		if (!x->error)
			continue;
		int n = snprintf(out + at, cap - at, "%s%.*s:%u:%u: %.*s '%.*s': %.*s",
				 at ? "\n" : "", (int)x->file.n, x->file.p, x->line, x->column,
				 (int)x->what.n, x->what.p, (int)x->name.n, x->name.p,
				 (int)x->text.n, x->text.p);

		if (n < 0 || (size_t)n >= cap - at) {
			out[at] = '\0';
			return;
		}
		at += (size_t)n;
		told++;
	}
}

/* --- paths of the host ---------------------------------------------------------------------- */

static void add_prefix(struct rules *r, struct span *list, const char *text)
{
	const struct span copy = arena_copy(&r->arena, span_str(text));

	if (copy.p)
		list[r->host_paths.prefixes_n++] = copy;
	else
		r->host_paths.all = true;
}

/* The same place under its other name: what rules call /var/run or /bin the kernel calls /run or
 * /usr/bin. Links that are made later are not seen. */
static void add_real(struct rules *r, struct span *list, const char *prefix)
{
	char text[PATH_MAX], real[PATH_MAX], whole[2 * PATH_MAX];
	size_t n = (size_t)snprintf(text, sizeof(text), "%s", prefix);
	const bool slash = n > 1 && n < sizeof(text) && text[n - 1] == '/';

	if (n >= sizeof(text))
		return;
	if (slash)
		text[n - 1] = '\0';
	if (realpath(text, real) && strcmp(real, text) != 0) {
		snprintf(whole, sizeof(whole), "%s%s", real, slash ? "/" : "");
		add_prefix(r, list, whole);
	}
	char *last = strrchr(text, '/');

	if (!last || last == text)
		return;
	*last = '\0';
	if (realpath(text, real) && strcmp(real, text) != 0) {
		snprintf(whole, sizeof(whole), "%s/%s%s", real, last + 1, slash ? "/" : "");
		add_prefix(r, list, whole);
	}
}

static void find_host_paths(struct rules *r)
{
	struct rule_paths paths;

	if (rule_program_paths(r->program, HOST_PATH_EVENTS, &paths) < 0)
		paths = (struct rule_paths){ .all = true };
	r->host_paths = (struct rule_paths){ .all = paths.all, .all_rule = paths.all_rule };
	if (paths.all)
		return;
	struct span *list = arena_zeroed(&r->arena, 3 * paths.prefixes_n, sizeof(*list));

	for (size_t i = 0; list && i < paths.prefixes_n; i++) {
		list[r->host_paths.prefixes_n++] = paths.prefixes[i];
		add_real(r, list, paths.prefixes[i].p);
	}
	r->host_paths.prefixes = list;
	r->host_paths.names = paths.names; /* the program's, which lives as long */
	r->host_paths.names_n = paths.names_n;
	r->host_paths.all = r->host_paths.all || !list;
}

static int load(struct rules_load *l, struct err *e)
{
	const char *tags[CONFIG_MAX_LIST], *disable[CONFIG_MAX_LIST];
	struct rules_exception exceptions[CONFIG_MAX_EXCEPTIONS];
	struct rules_settings s;
	struct rule_set set;

	settings_of(l->config, &s, tags, disable, exceptions);
	rule_set_init(&set);
	int r = read_files(&set, l->config, e);

	if (r == 0 && set.failed)
		r = err_set(e, EINVAL, "%zu errors in the rule files", set.messages.errors);
	if (r < 0) {
		add_messages(l->problem, sizeof(l->problem), &set.messages);
		rule_set_release(&set);
		return r;
	}
	r = rules_new(&l->rules, &set, &s, e);
	if (r == 0)
		find_host_paths(l->rules);
	if (r < 0 && l->rules) {
		add_messages(l->problem, sizeof(l->problem), &l->rules->set.messages);
		rules_free(TAKE(l->rules));
	}
	return r;
}

static void run(struct worker_job *job)
{
	struct rules_load *l = (struct rules_load *)job;
	struct err e = { "" };

	l->begun_ns = mono_ns();
	l->problem[0] = '\0';
	l->code = load(l, &e);
	if (l->code < 0 && !l->problem[0])
		snprintf(l->problem, sizeof(l->problem), "%s", e.text);
	l->took_ns = mono_ns() - l->begun_ns;
}

/* --- the swap ------------------------------------------------------------------------------ */

static void tell_problem(struct detector_rules *r)
{
	const struct alert_pair fact = { SPAN_LIT("reason"), span_str(r->problem) };
	struct alert alert = { .severity = ALERT_WARNING,
			       .kind = ALERT_INTERNAL,
			       .has_end = true,
			       .rule = SPAN_LIT("rules-refused"),
			       .title = SPAN_LIT("The rule files were refused: the rules of before "
						 "stay in force"),
			       .recommend = SPAN_LIT("Mend what the reason names; 'bulkhead rules "
						     "check' tells all of it."),
			       .facts = &fact,
			       .facts_n = 1 };

	if (r->problem[0])
		alerts_raise(r->alerts, &alert);
	else if (r->problem_on)
		alerts_resolve(r->alerts, &alert);
	r->problem_on = r->problem[0] != '\0';
}

static void log_messages(const struct rules *rules)
{
	for (const struct rule_message *m = rules->set.messages.first; m; m = m->next) {
		char text[1024];

		snprintf(text, sizeof(text), "%.*s:%u: %.*s '%.*s': %.*s", (int)m->file.n,
			 m->file.p, m->line, (int)m->what.n, m->what.p, (int)m->name.n, m->name.p,
			 (int)m->text.n, m->text.p);
		log_debug("rules", "note", text, NULL);
	}
}

static void answer(struct detector_rules *r)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	if (r->ticket == AGENT_NO_TICKET || r->again) /* it asked while another load ran */
		return;
	buf_init(&b, 65536);
	buf_add_char(&b, '{');
	if (r->problem[0]) {
		json_put_object(&b, "error");
		json_put_u64(&b, "status", 422);
		json_put_str(&b, "message", r->problem);
		buf_add_char(&b, '}');
	} else {
		json_put_u64(&b, "rules", r->rules ? r->rules->on : 0);
	}
	buf_add_char(&b, '}');
	r->services.answer(r->services.agent, r->ticket, r->problem[0] ? 422 : 200, &b);
	r->ticket = AGENT_NO_TICKET;
}

static void take(struct detector_rules *r)
{
	struct rules_load *l = &r->load;
	char count[24];

	r->loads++;
	r->load_ns = l->took_ns;
	snprintf(r->problem, sizeof(r->problem), "%s", l->code < 0 ? l->problem : "");
	if (l->code < 0) {
		r->refused++;
		log_warning("rules are refused", "reason", r->problem, NULL);
	} else {
		rules_free(r->rules);
		r->rules = TAKE(l->rules);
		log_messages(r->rules);
		log_info("rules", "on", LOG_U64(r->rules->on), "of", LOG_U64(r->rules->n),
			 "load_ms", LOG_U64(l->took_ns / NS_PER_MS), NULL);
		rules_taken(r);
	}
	tell_problem(r);
	snprintf(count, sizeof(count), "%zu", r->rules ? r->rules->on : 0);
	const struct alert_pair fact = { r->problem[0] ? SPAN_LIT("reason") : SPAN_LIT("rules"),
					 span_str(r->problem[0] ? r->problem : count) };

	audit_change(r->audit, "rules.load",
		     r->problem[0] ? "rule files were refused" : "rule files were read", &fact, 1,
		     r->problem[0] != '\0');
	answer(r);
}

static void done(struct worker_job *job)
{
	struct rules_load *l = (struct rules_load *)job;
	struct detector_rules *r = l->owner;

	r->loading = false;
	if (worker_closing(r->worker)) {
		rules_free(TAKE(l->rules));
		return;
	}
	take(r);
	if (r->again) {
		r->again = false;
		detector_rules_reload(r,
				      AGENT_NO_TICKET); /* a ticket that waits is answered then */
	}
}

static int begin(struct detector_rules *r, struct err *e)
{
	if (!r->load.config)
		r->load.config = malloc(sizeof(*r->load.config));
	if (!r->load.config)
		return err_set(e, ENOMEM, "no memory for rules");
	*r->load.config = *r->services.config;
	r->load.owner = r;
	r->load.job = (struct worker_job){ .run = run, .done = done };
	return 0;
}

int rules_load_now(struct detector_rules *r, struct err *e)
{
	int code = begin(r, e);

	if (code < 0)
		return code;
	run(&r->load.job);
	take(r);
	return 0;
}

static void watch_all(struct detector_rules *r);

void detector_rules_reload(struct detector_rules *r, uint32_t ticket)
{
	struct err e = { "" };

	/* the configuration may name other files; what was replaced has a new inode; what is
	 * watched already is watched once */
	if (r->inotify_fd >= 0)
		watch_all(r);
	if (ticket != AGENT_NO_TICKET) {
		uint32_t before = r->ticket;

		r->ticket = ticket;
		if (before != AGENT_NO_TICKET) { /* the last one who asks gets the answer */
			AUTO_BUF struct buf b = { .fd = -1 };

			buf_init(&b, 256);
			buf_add_str(&b, "{\"error\":{\"status\":409,\"message\":"
					"\"another reload was asked for\"}}");
			r->services.answer(r->services.agent, before, 409, &b);
		}
	}
	if (r->loading) {
		r->again = true;
		return;
	}
	if (begin(r, &e) < 0 || worker_submit(r->worker, &r->load.job, true) < 0) {
		snprintf(r->problem, sizeof(r->problem), "the rules could not be read again now");
		r->changed = true; /* the tick tries again */
		r->changed_ns = r->changed_first_ns = mono_ns();
		answer(r);
		return;
	}
	r->loading = true;
}

/* --- changes on disk ----------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* A directory of files tells of all that lie in it. */
static bool is_ours(const struct detector_rules *r, const struct inotify_event *ev)
{
	const struct config_list *files = &r->services.config->rules_files;
	const struct span name = span_str(ev->len ? ev->name : "");

	if (name.n == 0 || span_ends(name, ".yaml") || span_ends(name, ".yml"))
		return true;
	for (uint32_t i = 0; i < files->n; i++)
		if (span_eq(name, base_name(files->items[i])))
			return true;
	return false;
}

static void on_change(void *ctx, uint32_t events)
{
	struct detector_rules *r = ctx;
	_Alignas(struct inotify_event) char bytes[4096];
	ssize_t n;

	(void)events;
	while ((n = read(r->inotify_fd, bytes, sizeof(bytes))) > 0) {
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *ev = (const void *)(bytes + at);

			at += (ssize_t)(sizeof(*ev) + ev->len);
			if ((ev->mask & IN_IGNORED) || !is_ours(r, ev))
				continue;
			r->changed_ns = mono_ns();
			if (!r->changed)
				r->changed_first_ns = r->changed_ns;
			r->changed = true;
		}
	}
}

/* The watch, or -1. */
static int watch_path(struct detector_rules *r, const char *path)
{
	const uint32_t mask = IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
			      IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB;
	char directory[PATH_MAX];
	struct stat st;

	snprintf(directory, sizeof(directory), "%s", path);
	char *slash = strrchr(directory, '/');

	/* a file is replaced by a rename: its directory tells */
	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode)) {
		if (!slash)
			return -1;
		slash[slash == directory] = '\0';
	}
	int watch = inotify_add_watch(r->inotify_fd, directory, mask);

	if (watch < 0 && strcmp(path, OPTIONAL_PATH) != 0)
		log_warning("changes of rule files are not noticed", "path", directory, "error",
			    strerror(errno), NULL);
	return watch;
}

static bool holds(const int *list, uint32_t n, int watch)
{
	for (uint32_t i = 0; i < n; i++)
		if (list[i] == watch)
			return true;
	return false;
}

/* One for each of rules.files; those of before that are not needed any more are taken away. */
static void watch_all(struct detector_rules *r)
{
	const struct config_list *files = &r->services.config->rules_files;
	char path[PATH_MAX];
	int now[CONFIG_MAX_LIST];
	uint32_t n = 0;

	for (uint32_t i = 0; i < files->n; i++) {
		int watch = path_of(files->items[i], path, NULL) < 0 ? -1 : watch_path(r, path);

		if (watch >= 0)
			now[n++] = watch;
	}
	for (uint32_t i = 0; i < r->watches_n; i++)
		if (!holds(now, n, r->watches[i]))
			inotify_rm_watch(r->inotify_fd, r->watches[i]); /* it may have gone */
	memcpy(r->watches, now, n * sizeof(now[0]));
	r->watches_n = n;
}

int rules_watch_start(struct detector_rules *r, struct err *e)
{
	r->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (r->inotify_fd < 0) {
		log_warning("changes of rule files are not noticed", "error", strerror(errno),
			    NULL);
		return 0;
	}
	watch_all(r);
	return loop_add_fd(r->services.loop, r->inotify_fd, EPOLLIN, on_change, r, &r->watch, e);
}

void detector_rules_tick(struct detector_rules *r)
{
	dns_names_expire(r->dns, boot_ns());
	const uint64_t now = mono_ns();

	if (!r->changed ||
	    (now - r->changed_ns < SETTLE_NS && now - r->changed_first_ns < LATEST_NS))
		return;
	r->changed = false;
	detector_rules_reload(r, AGENT_NO_TICKET);
}
