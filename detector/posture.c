// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/posture.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "collector/event_names.h"
#include "collector/json_put.h"

const struct posture_info posture_infos[POSTURE_IDS] = {
#define X(id, name, item, title, mend) [POSTURE_##id] = { name, item, title, mend },
	POSTURES(X)
#undef X
};

const char posture_rule[] =
	"F: a critical finding (one step to root on the host); E: an error (a wall is missing); "
	"D: two or more warnings; C: a warning, or four or more notices; B: one to three notices; "
	"A: none of these";

char posture_grade_letter(enum posture_grade g)
{
	return "ABCDEF"[g < GRADE_COUNT ? g : GRADE_F];
}

bool posture_grade_parse(const char *text, enum posture_grade *out)
{
	const char c = (char)(text[0] & ~0x20);

	if (c < 'A' || c > 'F' || text[1])
		return false;
	*out = (enum posture_grade)(c - 'A');
	return true;
}

/* --- the list that is made --- */

struct build {
	const struct posture_input *in;
	const struct metadata *m;
	const struct metadata_confinement *c; /* known, or NULL */
	struct posture *out;
};

static void add(struct build *b, enum posture_id id, enum alert_severity severity, bool real,
		const char *subject, const char *format, ...) __attribute__((format(printf, 6, 7)));

static void add(struct build *b, enum posture_id id, enum alert_severity severity, bool real,
		const char *subject, const char *format, ...)
{
	struct posture *p = b->out;
	char cut[POSTURE_SUBJECT_BYTES];
	size_t at = 0;
	va_list ap;

	snprintf(cut, sizeof(cut), "%s", subject);
	for (size_t i = 0; i < p->n; i++)
		if (p->findings[i].id == id && strcmp(p->findings[i].subject, cut) == 0)
			return;
	if (p->n == POSTURE_MAX) {
		p->refused++;
		return;
	}
	while (at < p->n && p->findings[at].severity <= severity)
		at++;
	memmove(p->findings + at + 1, p->findings + at, (p->n - at) * sizeof(*p->findings));
	p->n++;
	struct posture_finding *f = &p->findings[at];

	*f = (struct posture_finding){ .id = id, .severity = severity, .real = real };
	memcpy(f->subject, cut, sizeof(cut));
	va_start(ap, format);
	vsnprintf(f->what, sizeof(f->what), format, ap);
	va_end(ap);
}

/* --- namespaces --- */

static bool asks_for_host(const struct metadata *m, const char *type)
{
	for (size_t i = 0; i < m->namespaces_n; i++)
		if (strcmp(m->namespaces[i].type, type) == 0)
			return m->namespaces[i].path && strcmp(m->namespaces[i].path, "host") == 0;
	return false;
}

static void namespaces(struct build *b)
{
	const struct posture_real *r = b->in->real && b->in->real->namespaces_known ? b->in->real
										    : NULL;
	const struct {
		enum posture_id id;
		enum alert_severity severity;
		const char *type;
		bool is_host;
	} list[] = {
		{ POSTURE_HOST_PID, ALERT_ERROR, "pid", r && r->host_pid },
		{ POSTURE_HOST_NETWORK, ALERT_WARNING, "network", r && r->host_net },
		{ POSTURE_HOST_IPC, ALERT_WARNING, "ipc", r && r->host_ipc },
		{ POSTURE_HOST_UTS, ALERT_NOTICE, "uts", r && r->host_uts },
		{ POSTURE_HOST_MOUNT, ALERT_CRITICAL, "mount", r && r->host_mnt },
		{ POSTURE_HOST_CGROUP, ALERT_INFO, "cgroup", r && r->host_cgroup },
	};

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		const bool asked = asks_for_host(b->m, list[i].type);

		if (asked || list[i].is_host)
			add(b, list[i].id, list[i].severity, !asked, "",
			    "its %s namespace is the host's", list[i].type);
	}
	if (b->c && b->c->user_namespace_refused)
		add(b, POSTURE_HOST_USER, ALERT_WARNING, false, "", "started with --userns=host");
}

/* Root inside is root outside, unless users are mapped. */
static bool users_are_mapped(const struct build *b)
{
	if (b->in->real && b->in->real->namespaces_known)
		return !b->in->real->host_user;
	for (size_t i = 0; i < b->m->namespaces_n; i++)
		if (strcmp(b->m->namespaces[i].type, "user") == 0)
			return !b->m->namespaces[i].path ||
			       strcmp(b->m->namespaces[i].path, "host") != 0;
	return false;
}

/* --- capabilities --- */

/* docker's default; containerd's, podman's and CRI-O's are of it. */
#define BIT(n) (1ULL << (n))
#define CAPS_DEFAULT                                                                               \
	(BIT(0) | BIT(1) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(8) | BIT(10) |         \
	 BIT(13) | BIT(18) | BIT(27) | BIT(29) | BIT(31))
/* Each of these alone is a way to the host: DAC_READ_SEARCH, SYS_MODULE, SYS_RAWIO, SYS_PTRACE,
 * SYS_ADMIN, SYS_BOOT, MAC_OVERRIDE, MAC_ADMIN, PERFMON, BPF, CHECKPOINT_RESTORE. */
#define CAPS_GRAVE                                                                                 \
	(BIT(2) | BIT(16) | BIT(17) | BIT(19) | BIT(21) | BIT(22) | BIT(32) | BIT(33) | BIT(38) |  \
	 BIT(39) | BIT(40))

static uint64_t bits_of(char *const *names, size_t n)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < n; i++)
		for (unsigned k = 0; k < EVENT_CAPABILITY_NAMES; k++)
			if (strcmp(names[i], event_capability_names[k]) == 0)
				bits |= BIT(k);
	return bits;
}

static unsigned count_bits(uint64_t bits)
{
	return (unsigned)__builtin_popcountll(bits);
}

static void capabilities(struct build *b)
{
	const struct metadata *m = b->m;
	const bool status = b->in->real && b->in->real->status_known;
	uint64_t asked = bits_of(m->capabilities, m->capabilities_n);
	const uint64_t named = BIT(EVENT_CAPABILITY_NAMES) - 1;

	if (b->c && b->c->bounding_known)
		asked |= bits_of(b->c->bounding.items, b->c->bounding.n);
	const uint64_t real = status && !m->privileged ? b->in->real->bounding & named : 0;
	const uint64_t more = (asked | real) & ~CAPS_DEFAULT;

	/* an older kernel or a host with fewer of them gives less than all that are named */
	if (count_bits(asked | real) >= EVENT_CAPABILITY_NAMES - 5) {
		add(b, POSTURE_CAPABILITIES_ALL, users_are_mapped(b) ? ALERT_WARNING : ALERT_ERROR,
		    count_bits(asked) < EVENT_CAPABILITY_NAMES - 5, "", "%u capabilities",
		    count_bits(asked | real));
		return;
	}
	for (unsigned k = 0; k < EVENT_CAPABILITY_NAMES; k++) {
		if (!(more & BIT(k)))
			continue;
		add(b, POSTURE_CAPABILITY,
		    CAPS_GRAVE & BIT(k) && !users_are_mapped(b) ? ALERT_ERROR : ALERT_WARNING,
		    !(asked & BIT(k)), event_capability_names[k], "%s", event_capability_names[k]);
	}
}

/* --- filters and labels --- */

static const struct posture_real *status_of(const struct build *b)
{
	return b->in->real && b->in->real->status_known ? b->in->real : NULL;
}

static void seccomp(struct build *b)
{
	const struct metadata *m = b->m;
	const struct posture_real *r = status_of(b);
	const bool asked = m->details_known && m->seccomp && strcmp(m->seccomp, "unconfined") == 0;

	if (asked || (r && r->seccomp == 0))
		add(b, POSTURE_SECCOMP_OFF, ALERT_ERROR, !asked, "", "%s",
		    asked ? "the seccomp profile is 'unconfined'"
			  : "the first process has no seccomp filter");
}

static void new_privileges(struct build *b)
{
	const struct metadata *m = b->m;
	const struct posture_real *r = status_of(b);

	if (r ? !r->no_new_privs : m->details_known && !m->no_new_privileges)
		add(b, POSTURE_NEW_PRIVILEGES, ALERT_NOTICE, m->no_new_privileges, "", "%s",
		    "no_new_privs is not set");
}

static void labels(struct build *b)
{
	const struct metadata *m = b->m;
	const char *label = b->in->real ? b->in->real->label : "";
	const bool unconfined = m->apparmor && strcmp(m->apparmor, "unconfined") == 0;

	if (b->in->host_apparmor && (label[0] ? strncmp(label, "unconfined", 10) == 0 : unconfined))
		add(b, POSTURE_APPARMOR_OFF, ALERT_WARNING, !unconfined, "", "%s",
		    "its AppArmor profile is 'unconfined'");
	if (!b->in->host_selinux)
		return;
	const bool has = b->c && b->c->selinux && !strstr(b->c->selinux, ":spc_t:");

	if (label[0] ? strstr(label, ":spc_t:") || strstr(label, ":unconfined_t:") : !has)
		add(b, POSTURE_SELINUX_OFF, ALERT_WARNING, has, "", "its SELinux label is '%.96s'",
		    label[0] ? label : "none");
}

/* --- mounts and devices --- */

static void mounts(struct build *b)
{
	const struct metadata *m = b->m;
	struct posture_path p;

	for (size_t i = 0; i < m->mounts_n; i++) {
		const struct metadata_mount *mount = &m->mounts[i];

		if (mount->source[0] != '/')
			continue;
		if (strcmp(mount->propagation, "shared") == 0 ||
		    strcmp(mount->propagation, "rshared") == 0)
			add(b, POSTURE_PROPAGATION, ALERT_WARNING, false, mount->destination,
			    "%.64s is mounted at %.64s as %s", mount->source, mount->destination,
			    mount->propagation);
		if (mount->volume ||
		    !posture_path(mount->source, mount->read_only, b->in->sensitive, &p))
			continue;
		add(b, p.id, p.severity, false, p.subject, "%.96s at %.80s%s", mount->source,
		    mount->destination, mount->read_only ? ", read-only" : "");
	}
}

static void devices(struct build *b)
{
	for (size_t i = 0; b->c && i < b->c->devices.n; i++) {
		const char *text = b->c->devices.items[i];
		struct span rest = span_str(text), kind, numbers;

		if (!span_next(&rest, ' ', &kind) || !span_next(&rest, ' ', &numbers) || !rest.n)
			continue;
		add(b, POSTURE_DEVICE, posture_device(text[0], numbers, rest.p), false, rest.p,
		    "%.128s", rest.p);
	}
	if (b->c && b->c->all_devices)
		add(b, POSTURE_DEVICES_ALL, ALERT_ERROR, false, "", "%s",
		    "the rule of its cgroup is 'a *:* rwm'");
}

static bool holds(const struct metadata_list *l, const char *text)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->items[i], text) == 0)
			return true;
	return false;
}

static void masks(struct build *b)
{
	const struct posture_real *r = b->in->real && b->in->real->mounts_known ? b->in->real
										: NULL;
	const bool known = b->c && b->c->paths_known;
	const bool masked = known && holds(&b->c->masked, "/proc/kcore");
	const bool closed = known && holds(&b->c->read_only, "/proc/sys");

	if (known ? !masked || (r && !r->kcore_masked) : r && !r->kcore_masked)
		add(b, POSTURE_UNMASKED, users_are_mapped(b) ? ALERT_NOTICE : ALERT_ERROR,
		    !known || masked, "", "%s", "/proc/kcore is not masked");
	if (known ? !closed || (r && !r->proc_sys_closed) : r && !r->proc_sys_closed)
		add(b, POSTURE_PROC_WRITABLE, users_are_mapped(b) ? ALERT_NOTICE : ALERT_WARNING,
		    !known || closed, "", "%s", "/proc/sys is not read-only");
}

/* --- the rest --- */

static void user_and_root(struct build *b)
{
	const struct metadata *m = b->m;
	const struct posture_real *r = b->in->real;
	const char *user = m->user ? m->user : "";
	const bool asked = m->details_known &&
			   (!user[0] || strcmp(user, "0") == 0 || strcmp(user, "root") == 0 ||
			    strncmp(user, "0:", 2) == 0 || strncmp(user, "root:", 5) == 0);

	if (!users_are_mapped(b) && asked)
		add(b, POSTURE_ROOT_USER, ALERT_NOTICE, false, "", "its user is '%.64s'",
		    user[0] ? user : "0:0");
	if (r && r->mounts_known ? !r->root_read_only : m->details_known && !m->read_only_root)
		add(b, POSTURE_ROOT_WRITABLE, ALERT_NOTICE, m->read_only_root, "", "%s",
		    "/ is mounted read-write");
}

static void limits(struct build *b)
{
	const struct posture_limits *l = &b->in->limits;
	const struct metadata_confinement *c = b->c;

	/* What was asked for may have been changed since; what is there counts. */
	if (l->memory_known ? !l->memory : c && !c->memory_bytes)
		add(b, POSTURE_NO_MEMORY_LIMIT, ALERT_NOTICE, c && c->memory_bytes, "", "%s",
		    "no memory limit");
	if (l->cpu_known ? !l->cpu && !(c && c->cpu_shares)
			 : c && !c->cpu_quota_us && !c->cpu_shares)
		add(b, POSTURE_NO_CPU_LIMIT, ALERT_NOTICE, c && c->cpu_quota_us, "", "%s",
		    "no quota, and shares as by default");
	if (l->pids_known ? !l->pids : c && !c->pids)
		add(b, POSTURE_NO_PIDS_LIMIT, ALERT_NOTICE, c && c->pids, "", "%s",
		    "no limit of processes");
	if (c && c->oom_kill_off)
		add(b, POSTURE_OOM_KILL_OFF, ALERT_NOTICE, false, "", "%s",
		    "the OOM killer is disabled for it");
	if (c && c->cgroup_parent && b->m->runtime == RUNTIME_DOCKER && !b->m->pod_uid)
		add(b, POSTURE_CGROUP_PARENT, ALERT_INFO, false, "", "below %.96s",
		    c->cgroup_parent);
}

static void port(struct build *b, const char *text)
{
	const char *blank = strchr(text, ' ');
	struct span host = { text, blank ? (size_t)(blank - text) : 0 };
	const char *colon = blank ? memrchr(host.p, ':', host.n) : NULL;
	uint32_t number;

	if (!colon)
		return;
	const struct span digits = { colon + 1, (size_t)(blank - colon - 1) };
	const struct span address = { text, (size_t)(colon - text) };

	if (parse_u32(digits, &number) && number > 0 && number < 1024)
		add(b, POSTURE_PRIVILEGED_PORT, ALERT_INFO, false, text, "%.96s", text);
	if (span_eq(address, "0.0.0.0") || span_eq(address, "::"))
		add(b, POSTURE_PORT_EVERYWHERE, ALERT_INFO, false, text, "%.96s", text);
}

/* docker's alone: elsewhere it is not known. */
static void service(struct build *b)
{
	const struct metadata *m = b->m;
	const struct metadata_confinement *c = b->c;

	for (size_t i = 0; c && i < c->ports.n; i++)
		port(b, c->ports.items[i]);
	if (!c || m->runtime != RUNTIME_DOCKER || m->pod_uid)
		return;
	if (c->restart &&
	    (strcmp(c->restart, "always") == 0 || strcmp(c->restart, "unless-stopped") == 0 ||
	     strcmp(c->restart, "on-failure:0") == 0))
		add(b, POSTURE_RESTART, ALERT_INFO, false, "", "its policy is '%.32s'", c->restart);
	if (!m->healthcheck)
		add(b, POSTURE_NO_HEALTH_CHECK, ALERT_INFO, false, "", "%s", "no health check");
	if (c->network && (strcmp(c->network, "default") == 0 || strcmp(c->network, "bridge") == 0))
		add(b, POSTURE_DEFAULT_BRIDGE, ALERT_INFO, false, "", "its network is '%s'",
		    c->network);
}

static enum posture_grade grade_of(const struct posture *p)
{
	size_t by[ALERT_SEVERITY_COUNT] = { 0 };

	for (size_t i = 0; i < p->n; i++)
		by[p->findings[i].severity]++;
	if (by[ALERT_CRITICAL])
		return GRADE_F;
	if (by[ALERT_ERROR])
		return GRADE_E;
	if (by[ALERT_WARNING] > 1)
		return GRADE_D;
	if (by[ALERT_WARNING] || by[ALERT_NOTICE] > 3)
		return GRADE_C;
	return by[ALERT_NOTICE] ? GRADE_B : GRADE_A;
}

bool posture_in_privileged(enum posture_id id)
{
	return id == POSTURE_CAPABILITIES_ALL || id == POSTURE_CAPABILITY ||
	       id == POSTURE_SECCOMP_OFF || id == POSTURE_APPARMOR_OFF ||
	       id == POSTURE_SELINUX_OFF || id == POSTURE_DEVICE || id == POSTURE_DEVICES_ALL ||
	       id == POSTURE_UNMASKED || id == POSTURE_PROC_WRITABLE;
}

int posture_of(struct posture *out, const struct posture_input *in)
{
	struct posture p = { .findings = calloc(POSTURE_MAX, sizeof(*p.findings)) };
	struct build b = {
		.in = in,
		.m = in->meta,
		.c = in->meta->confinement.known ? &in->meta->confinement : NULL,
		.out = &p,
	};

	if (!p.findings)
		return -ENOMEM;
	if (in->meta->privileged) { /* says all of that in one line */
		add(&b, POSTURE_PRIVILEGED, users_are_mapped(&b) ? ALERT_ERROR : ALERT_CRITICAL,
		    false, "", "%s", "privileged");
	} else {
		capabilities(&b);
		seccomp(&b);
		labels(&b);
		devices(&b);
		masks(&b);
	}
	namespaces(&b);
	new_privileges(&b);
	mounts(&b);
	user_and_root(&b);
	limits(&b);
	service(&b);
	p.grade = grade_of(&p);
	if (p.n > 0) {
		void *fitted = reallocarray(p.findings, p.n, sizeof(*p.findings));

		p.findings = fitted ? fitted : p.findings;
	}
	*out = p;
	return 0;
}

void posture_release(struct posture *p)
{
	free(p->findings);
	*p = (struct posture){ .n = 0 };
}

void posture_key(const struct posture_finding *f, char out[POSTURE_KEY_BYTES])
{
	snprintf(out, POSTURE_KEY_BYTES, "%s%s%s", posture_infos[f->id].name,
		 f->subject[0] ? " " : "", f->subject);
}

void posture_json(struct buf *b, const struct posture *p)
{
	buf_add_char(b, '[');
	for (size_t i = 0; i < p->n; i++) {
		const struct posture_finding *f = &p->findings[i];
		const struct posture_info *info = &posture_infos[f->id];

		json_put_comma(b);
		buf_add_char(b, '{');
		json_put_str(b, "id", info->name);
		json_put_str(b, "severity", alert_severity_names[f->severity]);
		if (info->item[0])
			json_put_str(b, "item", info->item);
		json_put_str(b, "title", info->title);
		if (f->subject[0])
			json_put_str(b, "subject", f->subject);
		json_put_str(b, "what", f->what);
		json_put_str(b, "mend", info->mend);
		json_put_str(b, "seen", f->real ? "process" : "settings");
		buf_add_char(b, '}');
	}
	buf_add_char(b, ']');
}
