// SPDX-License-Identifier: GPL-2.0-or-later
/* I14 and I17: what the kernel starts or obeys (proc, sysfs, binfmt_misc), and code that is put
 * into it. */
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "detector/isolation_judge.h"

#define MAGIC_PROC   0x9fa0
#define MAGIC_SYSFS  0x62656572
#define MAGIC_BINFMT 0x42494e4d

/* --- I14 -------------------------------------------------------------------------------------- */

struct helper {
	const char *name; /* glob of the part below /proc, /sys */
	const char *known_as;
	enum alert_severity severity;
};

/* The first that fits. What is below /proc/sys and in none of these rows is the host's: a warning.
 */
static const struct helper of_proc[] = {
	{ "sys/kernel/core_pattern", "core_pattern", ALERT_CRITICAL },
	{ "sys/kernel/modprobe", "modprobe path", ALERT_CRITICAL },
	{ "sys/kernel/hotplug", "hotplug", ALERT_CRITICAL },
	{ "sys/kernel/poweroff_cmd", "poweroff_cmd", ALERT_CRITICAL },
	{ "sys/kernel/usermodehelper/*", NULL, ALERT_CRITICAL },
	{ "sys/kernel/panic*", NULL, ALERT_CRITICAL },
	{ "sys/vm/panic*", NULL, ALERT_CRITICAL },
	{ "sys/fs/binfmt_misc/*", "binfmt_misc", ALERT_CRITICAL },
	{ "sysrq-trigger", NULL, ALERT_CRITICAL },
	/* what keeps attackers off */
	{ "sys/kernel/randomize_va_space", NULL, ALERT_CRITICAL },
	{ "sys/kernel/kptr_restrict", NULL, ALERT_CRITICAL },
	{ "sys/kernel/dmesg_restrict", NULL, ALERT_CRITICAL },
	{ "sys/kernel/yama/*", NULL, ALERT_CRITICAL },
	{ "sys/kernel/unprivileged_*", NULL, ALERT_CRITICAL },
	{ "sys/kernel/perf_event_paranoid", NULL, ALERT_CRITICAL },
	{ "sys/kernel/modules_disabled", NULL, ALERT_CRITICAL },
	{ "sys/kernel/sysrq", NULL, ALERT_CRITICAL },
	{ "sys/fs/protected_*", NULL, ALERT_CRITICAL },
	{ "sys/fs/suid_dumpable", NULL, ALERT_CRITICAL },
	{ "sys/vm/mmap_min_addr", NULL, ALERT_CRITICAL },
	/* of a namespace, not of the host */
	{ "sys/kernel/shm*", NULL, ALERT_DEBUG },
	{ "sys/kernel/msg*", NULL, ALERT_DEBUG },
	{ "sys/kernel/sem", NULL, ALERT_DEBUG },
	{ "sys/kernel/sem_next_id", NULL, ALERT_DEBUG },
	{ "sys/kernel/hostname", NULL, ALERT_DEBUG },
	{ "sys/kernel/domainname", NULL, ALERT_DEBUG },
	{ "sys/kernel/ns_last_pid", NULL, ALERT_DEBUG },
	{ "sys/fs/mqueue/*", NULL, ALERT_DEBUG },
	{ "sys/user/*", NULL, ALERT_DEBUG },
	{ "sys/net/*", NULL, ALERT_DEBUG },
	/* what programs tune by a helper before they start */
	{ "sys/vm/*", NULL, ALERT_NOTICE },
	{ "sys/fs/*", NULL, ALERT_NOTICE },
	{ "sys/kernel/pid_max", NULL, ALERT_NOTICE },
	{ "sys/kernel/threads-max", NULL, ALERT_NOTICE },
	{ "sys/kernel/sched_*", NULL, ALERT_NOTICE },
	{ "sys/kernel/numa_balancing", NULL, ALERT_NOTICE },
	{ "sys/kernel/keys/*", NULL, ALERT_NOTICE },
	{ "sys/*", NULL, ALERT_WARNING },
	{ "irq/*", NULL, ALERT_WARNING },
	{ "mtrr", NULL, ALERT_WARNING },
	{ "acpi/*", NULL, ALERT_WARNING },
	{ "scsi/*", NULL, ALERT_WARNING },
	{ "bus/*", NULL, ALERT_WARNING },
};

static const struct helper of_sysfs[] = {
	{ "*/uevent_helper", "uevent_helper", ALERT_CRITICAL },
	{ "uevent_helper", "uevent_helper", ALERT_CRITICAL },
	{ "*/power/state", NULL, ALERT_CRITICAL },
	{ "*/kexec_*", NULL, ALERT_CRITICAL },
	{ "*/module/*/parameters/*", NULL, ALERT_WARNING },
	{ "*/firmware/*", NULL, ALERT_WARNING },
	{ "*/drivers/*/bind", NULL, ALERT_WARNING },
	{ "*/drivers/*/unbind", NULL, ALERT_WARNING },
};

static const struct helper *find_helper(const struct helper *rows, size_t n, struct span part)
{
	char text[256];

	if (part.n >= sizeof(text))
		return NULL;
	if (part.n)
		memcpy(text, part.p, part.n);
	text[part.n] = '\0';
	for (size_t i = 0; i < n; i++)
		if (fnmatch(rows[i].name, text, 0) == 0)
			return &rows[i];
	return NULL;
}

/* The part of a path of proc that is the same wherever proc is mounted, or a folder of it is bound:
 * from its last "sys/", else the last name. false: of a process. */
static bool part_of_proc(struct span path, struct span *out)
{
	const char *sys = NULL;
	struct span rest = path, part;
	uint32_t pid;

	for (size_t i = 0; i + 5 <= path.n && !sys; i++)
		if (memcmp(path.p + i, "/sys/", 5) == 0)
			sys = path.p + i + 1;
	if (sys) {
		*out = (struct span){ sys, (size_t)(path.p + path.n - sys) };
		return true;
	}
	while (span_next(&rest, '/', &part))
		if (span_eq(part, "self") || span_eq(part, "thread-self") || parse_u32(part, &pid))
			return false;
	*out = span_starts(path, "/proc/") ? (struct span){ path.p + 6, path.n - 6 }
					   : isolation_last(path);
	return true;
}

/* Names that mean one thing alone, when a folder of /proc/sys is bound somewhere. */
static const struct helper *by_last_name(struct span path)
{
	static const char *const folders[] = { "sys/kernel/", "sys/vm/", "" };
	const struct span last = isolation_last(path);
	char text[256];

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		const int n = snprintf(text, sizeof(text), "%s%.*s", folders[i],
				       (int)(last.n < 200 ? last.n : 200), last.p);
		const struct helper *h = find_helper(of_proc, sizeof(of_proc) / sizeof(of_proc[0]),
						     (struct span){ text, (size_t)n });

		if (h && h->severity == ALERT_CRITICAL)
			return h;
	}
	return NULL;
}

static void tell_helper(struct isolation_case *k, struct span path, const struct helper *h)
{
	const bool done = k->v->head->result >= 0;
	const struct span last = isolation_last(path);

	finding_begin(&k->found, INV_KERNEL_HELPERS, isolation_stage(k),
		      "Container '%.100s' %s %s (%.*s)%s", isolation_name(k),
		      done ? "wrote to" : "tried to write to",
		      h->severity <= ALERT_CRITICAL ? "what the kernel starts or obeys"
						    : "a setting of the host's kernel",
		      (int)(last.n < 60 ? last.n : 60), last.p, done ? "" : ": attempted");
	k->found.severity = h->severity;
	if (!done && h->severity < ALERT_INFO)
		k->found.severity++;
	k->found.known_as = h->known_as;
	finding_key(&k->found, "%.*s", (int)(last.n < 100 ? last.n : 100), last.p);
	finding_fact(&k->found, "path", path);
	isolation_result(k);
	isolation_tell(k);
}

static bool shares_network(const struct isolation_case *k)
{
	return k->start && (k->start->shares & SHARES_NET);
}

static bool judge_proc(struct isolation_case *k, struct span path)
{
	static const struct helper hosts_network = { "sys/net/*", NULL, ALERT_NOTICE };
	struct span part;

	if (!part_of_proc(path, &part))
		return true; /* of a process: judge_process_file() */
	const struct helper *h = find_helper(of_proc, sizeof(of_proc) / sizeof(of_proc[0]), part);

	if (!h)
		h = by_last_name(path);
	if (h && span_starts(part, "sys/net/") && shares_network(k))
		h = &hosts_network;
	if (h && h->severity < ALERT_DEBUG)
		tell_helper(k, path, h);
	return true;
}

bool judge_kernel_file(struct isolation_case *k, struct span path)
{
	static const struct helper register_format = { "register", "binfmt_misc", ALERT_CRITICAL };
	const struct event_file *f = &k->v->open->file;
	const bool known = f->flags & FILE_KNOWN;
	const struct helper *h;

	if (known && f->fs_magic == MAGIC_BINFMT) {
		tell_helper(k, path, &register_format);
		return true;
	}
	if (known ? f->fs_magic == MAGIC_PROC : isolation_below(path, "/proc"))
		return judge_proc(k, path);
	if (known ? f->fs_magic != MAGIC_SYSFS : !isolation_below(path, "/sys"))
		return false;
	h = find_helper(of_sysfs, sizeof(of_sysfs) / sizeof(of_sysfs[0]), path);
	if (h)
		tell_helper(k, path, h);
	return true;
}

/* --- I17 -------------------------------------------------------------------------------------- */

enum { /* commands of bpf(2) that put code into the kernel or fasten it */
       BPF_COMMAND_PROG_LOAD = 5,
       BPF_COMMAND_PROG_ATTACH = 8,
       BPF_COMMAND_RAW_TRACEPOINT = 17,
       BPF_COMMAND_LINK_CREATE = 28,
};

/* Types of programs that look at the container's own sockets, devices and cgroups: what init
 * systems and containers within load. */
static bool is_of_cgroups(uint64_t type)
{
	switch (type) {
	case 1:	 /* socket filter */
	case 8:	 /* cgroup skb */
	case 9:	 /* cgroup sock */
	case 15: /* cgroup device */
	case 18: /* cgroup sock addr */
	case 23: /* cgroup sysctl */
	case 25: /* cgroup sockopt */
		return true;
	}
	return false;
}

static void begin_code(struct isolation_case *k, const char *did, const char *tried,
		       const char *what)
{
	finding_begin(&k->found, INV_KERNEL_CODE, isolation_stage(k), "Container '%.100s' %s %s",
		      isolation_name(k), k->v->head->result >= 0 ? did : tried, what);
	finding_key(&k->found, "%s", what);
}

static void judge_module(struct isolation_case *k)
{
	const struct event_call *c = k->v->call;
	const bool removes = k->v->head->type == EVENT_DELETE_MODULE;

	begin_code(k, removes ? "removed" : "loaded", removes ? "tried to remove" : "tried to load",
		   "a kernel module");
	if (k->v->strings[TAG_NAME].n)
		finding_fact(&k->found, "module", k->v->strings[TAG_NAME]);
	if (c->file.flags & FILE_KNOWN)
		finding_fact(&k->found, "file", k->v->strings[TAG_PATH]);
	isolation_result(k);
	isolation_tell(k);
}

static void judge_bpf(struct isolation_case *k)
{
	const struct event_call *c = k->v->call;
	const bool load = c->op == BPF_COMMAND_PROG_LOAD, done = k->v->head->result >= 0;
	const bool fastens = c->op == BPF_COMMAND_RAW_TRACEPOINT ||
			     c->op == BPF_COMMAND_LINK_CREATE;
	const bool typed = c->args[4] == 1; /* by the kernel's side: args[3] is the type */

	if (done ? !load && !fastens && c->op != BPF_COMMAND_PROG_ATTACH : !isolation_refused(k))
		return; /* maps, questions */
	begin_code(k, load ? "loaded" : "fastened", load ? "tried to load" : "tried to use",
		   "a BPF program");
	if (!done || c->op == BPF_COMMAND_PROG_ATTACH ||
	    (load && typed && is_of_cgroups(c->args[3])) || isolation_in_own_users(k))
		k->found.severity = ALERT_NOTICE; /* many ask whether they may */
	else if (load && !typed)
		k->found.severity = ALERT_ERROR;
	finding_number(&k->found, "command", c->op);
	if (load && typed)
		finding_number(&k->found, "program_type", c->args[3]);
	isolation_result(k);
	isolation_tell(k);
}

void judge_kernel_code(struct isolation_case *k)
{
	switch (k->v->head->type) {
	case EVENT_INIT_MODULE:
	case EVENT_DELETE_MODULE:
		judge_module(k);
		return;
	case EVENT_BPF:
		judge_bpf(k);
		return;
	case EVENT_KEXEC:
		begin_code(k, "loaded", "tried to load", "another kernel (kexec)");
		isolation_result(k);
		isolation_tell(k);
		return;
	}
}
