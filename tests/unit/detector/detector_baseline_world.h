/* SPDX-License-Identifier: GPL-2.0-or-later */
/* detector_baseline_world - baselines at work without an agent: containers that are structures,
 * events through the bytes of a record, alerts in a log of a temporary folder, and a kernel's side
 * that only notes what it is told. Time does not pass: windows are made old by hand. */
#ifndef BULKHEAD_TESTS_DETECTOR_BASELINE_WORLD_H
#define BULKHEAD_TESTS_DETECTOR_BASELINE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/base/clock.h"
#include "collector/base/io.h"
#include "detector/detector_baseline_internal.h"
#include "tests/unit/collector/event_fixture.h"
#include "tests/unit/fixture.h"

#define WORLD_CONTAINERS 4
#define WORLD_VERDICTS	 64
#define HOST_MOUNTS	 4026531841U
#define BOX_MOUNTS	 4026532999U

static struct world {
	struct tree t;
	int fd;
	struct config config;
	struct agent_services services;
	struct cgroup_layout layout;
	char proc[160];
	struct silence_store *silences;
	struct alerts *alerts;
	struct audit *audit;
	struct detector_baseline *d;
	uint64_t made[SYSCALL_WORDS]; /* system calls, once */
	struct {
		uint32_t slot, flags;
		unsigned times;
	} enforced;
	unsigned allowed, cleared, dull;
	struct {
		struct verdict_key key;
		enum verdict v;
	} verdicts[WORLD_VERDICTS]; /* each key once, the last word */
	unsigned verdicts_n;
	struct sensor_peer peers[WORLD_VERDICTS];
	unsigned peers_n;
	int verdict_result, peer_result;
	uint32_t enforce_refuses; /* flags that the kernel cannot do */
	bool refuses_nothing;	  /* the layer is "tracepoint" */
	struct process_table *processes;
	json_t *lines;
} w;

static struct container boxes[WORLD_CONTAINERS];
static struct metadata metas[WORLD_CONTAINERS];
static char ids[WORLD_CONTAINERS][72], references[WORLD_CONTAINERS][64];
static struct process shim, shell, child; /* outside; the container's first; its child */
static struct process_text shell_text, child_text;

/* --- an agent that is none ------------------------------------------------------------------ */

static inline int world_send(struct agent *a, enum wire_type type, struct span payload, int fd)
{
	(void)a, (void)type, (void)payload;
	if (fd >= 0)
		close(fd);
	return -ENOTCONN;
}

static inline uint64_t world_clock(struct agent *a)
{
	(void)a;
	return 0;
}

static inline void world_want(struct agent *a, enum agent_wants_owner o,
			      const struct agent_wants *wants)
{
	(void)a, (void)o, (void)wants;
}

static inline void world_degraded(struct agent *a, const char *text, bool on)
{
	(void)a, (void)text, (void)on;
}

static inline const struct container_table *world_containers(struct agent *a)
{
	(void)a;
	return NULL;
}

static inline struct process_table *world_processes(struct agent *a)
{
	(void)a;
	return w.processes;
}

static inline const char *world_layer(struct agent *a)
{
	(void)a;
	return "trampoline";
}

static inline bool world_can_deny(struct agent *a)
{
	(void)a;
	return !w.refuses_nothing;
}

static inline uint64_t world_lost(struct agent *a, struct container *c)
{
	const uint64_t lost = c->lost_types;

	(void)a;
	c->lost_types = 0;
	return lost;
}

static inline void world_dull(struct agent *a, const struct event_view *v)
{
	(void)a, (void)v;
	w.dull++;
}

static inline bool world_syscalls(struct agent *a, struct container *c, uint64_t *words)
{
	(void)a, (void)c;
	memcpy(words, w.made, sizeof(w.made));
	memset(w.made, 0, sizeof(w.made));
	return true;
}

static inline int world_enforce(struct agent *a, struct container *c, uint32_t slot, uint32_t flags)
{
	(void)a, (void)c;
	if (flags & w.enforce_refuses)
		return -EOPNOTSUPP;
	w.enforced.slot = slot;
	w.enforced.flags = flags;
	w.enforced.times++;
	return 0;
}

static inline int world_verdict(struct agent *a, const struct verdict_key *k, enum verdict v)
{
	unsigned i = 0;

	(void)a;
	w.allowed += v == VERDICT_ALLOW;
	if (w.verdict_result < 0)
		return w.verdict_result;
	while (i < w.verdicts_n && memcmp(&w.verdicts[i].key, k, sizeof(*k)) != 0)
		i++;
	assert_true(i < WORLD_VERDICTS);
	w.verdicts_n += i == w.verdicts_n;
	w.verdicts[i].key = *k;
	w.verdicts[i].v = v;
	return 0;
}

static inline int world_peer(struct agent *a, const struct sensor_peer *p, enum verdict v)
{
	(void)a;
	assert_int_equal(v, VERDICT_ALLOW);
	assert_true(w.peers_n < WORLD_VERDICTS);
	if (w.peer_result == 0)
		w.peers[w.peers_n++] = *p;
	return w.peer_result;
}

static inline void world_clear_image(struct agent *a, uint32_t slot)
{
	(void)a, (void)slot;
	w.cleared++;
}

/* --- containers and processes ----------------------------------------------------------------- */

/* Of image nginx; digest: one letter. */
static inline struct container *box(unsigned i, char digest)
{
	struct container *c = &boxes[i];

	memset(c, 0, sizeof(*c));
	memset(&metas[i], 0, sizeof(metas[i]));
	snprintf(ids[i], sizeof(ids[i]), "sha256:%064d", digest);
	snprintf(references[i], sizeof(references[i]), "nginx:%c", digest);
	metas[i].image = references[i];
	metas[i].image_id = ids[i];
	metas[i].command = (char *)(uintptr_t) "/usr/sbin/nginx -g x";
	c->slot = i;
	c->refs = 1; /* never freed */
	c->kind = CGROUP_CONTAINER;
	snprintf(c->id.id, sizeof(c->id.id), "%c%u%060d", digest, i, 0);
	c->inode = 70 + i;
	c->cgroup_path = (char *)(uintptr_t) "/box";
	c->meta = &metas[i];
	c->started_unix_ns = c->created_unix_ns = unix_ns() + NS_PER_S;
	return c;
}

static inline void make_process(struct process *p, struct process_text *t, uint32_t pid,
				const char *exe, struct process *parent)
{
	*t = (struct process_text){ .exe = span_str(exe) };
	*p = (struct process){ .key = { pid * 1000000ULL, pid },
			       .parent = parent,
			       .container_cgroup = 70,
			       .exec_mnt = BOX_MOUNTS,
			       .exec_inside = true,
			       .exe_file = { .flags = FILE_KNOWN | FILE_OVERLAY },
			       .text = t };
}

/* --- the world -------------------------------------------------------------------------------- */

static inline int world_up(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	w.t = tree_make("@ proc/sys/kernel/random/boot_id\n"
			"01234567-89ab-cdef-0123-456789abcdef\n");
	w.fd = open(w.t.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(w.proc, sizeof(w.proc), "%s/proc", w.t.path);
	config_defaults(&w.config);
	w.config.baseline = true;
	w.config.baseline_startup_s = 0; /* all is steady */
	w.config.baseline_minimum_s = w.config.baseline_upgrade_s = 0;
	w.config.baseline_containers = 1;
	w.config.baseline_windows = 4;
	w.config.baseline_notice_s = 0;
	w.services = (struct agent_services){ .state_fd = w.fd,
					      .config = &w.config,
					      .proc = w.proc,
					      .layout = &w.layout,
					      .send = world_send,
					      .want = world_want,
					      .degraded = world_degraded,
					      .containers = world_containers,
					      .processes = world_processes,
					      .layer = world_layer,
					      .can_deny = world_can_deny,
					      .dull = world_dull,
					      .lost = world_lost,
					      .syscalls = world_syscalls,
					      .enforce = world_enforce,
					      .verdict = world_verdict,
					      .verdict_key = sensor_verdict_key,
					      .peer = world_peer,
					      .clear_image = world_clear_image,
					      .unix_minus_boot_ns = world_clock };
	const struct alerts_settings a = { .services = &w.services, .silences = NULL };

	if (silence_store_new(&w.silences, w.fd, NULL) < 0)
		return -1;
	const struct alerts_settings alerts = { .services = a.services, .silences = w.silences };

	if (alerts_new(&w.alerts, &alerts, NULL) < 0 ||
	    audit_new(&w.audit, &w.services, NULL, "node", NULL) < 0)
		return -1;
	const struct detector_baseline_settings s = { .services = &w.services,
						      .alerts = w.alerts,
						      .audit = w.audit };

	if (detector_baseline_new(&w.d, &s, NULL) < 0)
		return -1;
	w.d->host_mounts = HOST_MOUNTS;
	shim = (struct process){ .key = { 1, 10 } };
	make_process(&shell, &shell_text, 20, "/usr/sbin/nginx", &shim);
	shell.first = true;
	make_process(&child, &child_text, 30, "/usr/bin/cat", &shell);
	return 0;
}

static inline int world_down(void **state)
{
	(void)state;
	detector_baseline_free(w.d);
	process_table_free(w.processes);
	audit_free(w.audit);
	alerts_free(w.alerts);
	silence_store_free(w.silences);
	json_decref(w.lines);
	close(w.fd);
	tree_remove(&w.t);
	return 0;
}

/* --- events ------------------------------------------------------------------------------------
 */

struct happening {
	enum event_type type;
	const char *path; /* exec, open: the file */
	struct process *by;
	uint16_t flags; /* of the head */
	uint32_t file;	/* enum event_file_flag, beside FILE_KNOWN and FILE_OVERLAY */
	uint32_t uid;
	uint32_t access;   /* open: enum event_access; 0: to write */
	uint32_t links;	   /* of the file, beside its name */
	uint8_t remote[4]; /* network: the peer, of port 443 */
	bool malicious;
};

static inline void put_fixed(const struct happening *h, const struct event_head *head,
			     struct event_writer *writer, uint8_t *record, size_t cap)
{
	const struct event_file file = { .flags = FILE_KNOWN | FILE_OVERLAY | (uint16_t)h->file,
					 .mode = S_IFREG | 0755,
					 .inode = 5,
					 .links = 1 + h->links };
	const struct event_exec x = { .file = file };
	const struct event_open o = { .access = h->access ? h->access : ACCESS_WRITE,
				      .file = file };
	struct event_network n = { .family = AF_INET,
				   .type = SOCK_STREAM,
				   .local_port = 0x5000,
				   .remote_port = htons(443) };
	const struct event_call c = { .op = 0 };
	const void *fixed = &c;

	memcpy(n.remote, h->remote, sizeof(h->remote));
	switch (event_type_shape(h->type)) {
	case SHAPE_EXEC:
		fixed = &x;
		break;
	case SHAPE_OPEN:
		fixed = &o;
		break;
	case SHAPE_NETWORK:
		fixed = &n;
		break;
	case SHAPE_FORK:
	case SHAPE_EXIT:
	case SHAPE_PATH:
	case SHAPE_CALL:
		break;
	}
	event_write_begin(writer, record, cap, head, fixed);
}

static inline void happens(struct container *c, const struct happening *h)
{
	static _Alignas(8) uint8_t record[EVENT_MAX_BYTES];
	struct process *p = h->by ? h->by : &child;
	struct event_head head = fixture_head(h->type);
	const struct event_context context = { .process = p, .entry = c };
	struct event_writer writer;
	struct event_view v;
	struct err e = { "" };

	head.container_cgroup = c->inode;
	head.flags = h->flags;
	head.euid = h->uid;
	head.pid = p->key.pid;
	if (h->flags & EVENT_DENIED)
		head.result = -EPERM;
	for (struct process *q = p; q && q != &shim; q = q->parent)
		q->container_cgroup = c->inode;
	put_fixed(h, &head, &writer, record, sizeof(record));
	if (h->path)
		event_write_string(&writer, TAG_PATH, 0, span_str(h->path));
	if (event_decode(record, event_write_end(&writer), &v, &e) < 0)
		fail_msg("%s", e.text);
	detector_baseline_event(w.d, &v, &context, c, h->malicious);
}

#define HAPPENS(c, ...) happens(c, &(const struct happening){ __VA_ARGS__ })

static inline struct observer *observer(struct container *c)
{
	struct observer *o = observer_of_event(w.d, c);

	assert_non_null(o);
	return o;
}

static inline struct baseline *baseline_of(struct container *c)
{
	assert_non_null(observer(c)->image);
	return observer(c)->image->baseline;
}

static inline struct path_entry *entry_of(struct container *c, enum baseline_class class,
					  const char *key)
{
	return baseline_find(baseline_of(c), class, span_str(key));
}

/* The running window of each container is over. */
static inline void window_passes(void)
{
	for (uint32_t i = 0; i < w.d->observers_max; i++)
		if (w.d->observers[i])
			w.d->observers[i]->window_ns = mono_ns() - w.d->window_length_ns;
	observer_windows(w.d);
}

/* All is learned, its version and all phases. */
static inline void is_learned(struct container *c, enum baseline_mode mode)
{
	struct baseline *b = baseline_of(c);
	struct err e = { "" };

	for (unsigned k = 0; k < BASELINE_CLASS_COUNT; k++)
		for (unsigned p = 0; p < PHASE_COUNT; p++)
			b->sets[k].complete_ns[p] = 1;
	b->digests[observer(c)->digest].complete_ns = 1;
	if (image_set_mode(w.d, observer(c)->image, mode, "root", &e) < 0)
		fail_msg("%s", e.text);
	observer(c)->image->resolved[observer(c)->digest] = true; /* without a worker */
	enforce_observer(observer(c));
}

/* --- what was told ------------------------------------------------------------------------------
 */

static inline json_t *alert_lines(void)
{
	static char text[1U << 22];
	const ssize_t n = io_read_at(w.fd, "alerts/alerts.jsonl", text, sizeof(text));
	struct span rest = { text, n > 0 ? (size_t)n : 0 }, line;

	json_decref(w.lines);
	w.lines = json_array();
	while (span_next(&rest, '\n', &line))
		if (line.n > 0)
			json_array_append_new(w.lines, json_loadb(line.p, line.n, 0, NULL));
	return w.lines;
}

static inline const char *text_of_alert(const json_t *alert, const char *key)
{
	const char *s = json_string_value(json_object_get(alert, key));

	return s ? s : "";
}

/* How many of the rule; the newest goes to *last, which may be NULL. */
static inline unsigned told(const char *rule, const json_t **last)
{
	unsigned n = 0;
	json_t *list = alert_lines();

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);

		if (strcmp(text_of_alert(one, "rule"), rule) != 0)
			continue;
		n++;
		if (last)
			*last = one;
	}
	return n;
}

#endif
