// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/invariant.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define STOP_AND_LOOK "Freeze or stop the container, keep its file system for a look, and "
#define EXCEPT	      "if this is its task, name it in rules.exceptions"

#define RECOMMEND_NAMESPACES                                                                       \
	STOP_AND_LOOK "look on the host for what it did since; without CAP_SYS_ADMIN and "         \
		      "CAP_SYS_PTRACE and without the host's pid namespace this cannot be done."
#define RECOMMEND_CGROUP                                                                           \
	STOP_AND_LOOK "find the process that left by its pid; a container needs no writable "      \
		      "cgroup file system of the host."
#define RECOMMEND_HOST_MOUNTS                                                                      \
	STOP_AND_LOOK                                                                              \
	"take the host for compromised: the program ran with the host's files; " EXCEPT "."
#define RECOMMEND_CAPABILITIES                                                                     \
	STOP_AND_LOOK "update the kernel: more rights than at the start are a sign of an exploit."
#define RECOMMEND_CREDENTIALS                                                                      \
	"Take the host for compromised: the kernel's own records were changed. Isolate it, then "  \
	"update the kernel."
#define RECOMMEND_SECCOMP                                                                          \
	STOP_AND_LOOK "find out how a process without filters came into it (docker exec "          \
		      "--privileged is told as injected)."
#define RECOMMEND_LABEL STOP_AND_LOOK "find out who changed the label."
#define RECOMMEND_ROOT                                                                             \
	STOP_AND_LOOK "update the runtime (runc 1.1.12 and later for CVE-2024-21626); look at "    \
		      "the working directory that the image or `docker exec -w` names."
#define RECOMMEND_DESCRIPTOR                                                                       \
	STOP_AND_LOOK "update the runtime (runc 1.1.12 and later for CVE-2024-21626); look who "   \
		      "gave it the file."
#define RECOMMEND_MOUNTS STOP_AND_LOOK "take CAP_SYS_ADMIN and devices from it; " EXCEPT "."
#define RECOMMEND_MASKS                                                                            \
	STOP_AND_LOOK "take CAP_SYS_ADMIN from it: what the runtime hides is hidden for a reason."
#define RECOMMEND_PROPAGATION                                                                      \
	"Mount with propagation private or slave; only storage plug-ins need shared mounts: name " \
	"these in rules.exceptions."
#define RECOMMEND_HOST_PROGRAMS                                                                    \
	STOP_AND_LOOK "compare the file with its package (dpkg -V, rpm -V) before anything of "    \
		      "the runtime runs again; update the runtime."
#define RECOMMEND_KERNEL_HELPERS                                                                   \
	STOP_AND_LOOK "read the file on the host (release_agent, core_pattern ...) and set it "    \
		      "back; " EXCEPT "."
#define RECOMMEND_HELPER_EXEC                                                                      \
	"Take the host for compromised: code of the container ran with all rights. Isolate the "   \
	"host, keep the container's layer, set core_pattern and release_agent back."
#define RECOMMEND_RUNTIME_SOCKETS                                                                  \
	"Who speaks to the runtime is root on the host: look at the containers that were made "    \
	"since, take the socket from it, or put a filtering proxy before it; " EXCEPT "."
#define RECOMMEND_KERNEL_CODE                                                                      \
	STOP_AND_LOOK "look at /proc/modules and `bpftool prog` on the host; take CAP_SYS_MODULE " \
		      "and CAP_BPF from it; " EXCEPT "."
#define RECOMMEND_DEVICES                                                                          \
	STOP_AND_LOOK "take the device, CAP_MKNOD and --privileged from it; " EXCEPT "."
#define RECOMMEND_OTHER_PROCESSES                                                                  \
	STOP_AND_LOOK                                                                              \
	"give it a pid namespace of its own and take CAP_SYS_PTRACE from it; " EXCEPT "."
#define RECOMMEND_SHARED                                                                           \
	"Look who started it with other settings than before; if this is meant, it is the new "    \
	"normal and not told again."
#define RECOMMEND_HANDLES STOP_AND_LOOK "take CAP_DAC_READ_SEARCH from it; " EXCEPT "."
#define RECOMMEND_USER_NAMESPACES                                                                  \
	"Sandboxes of browsers and builders do this. Else set user.max_user_namespaces to 0 or "   \
	"use the runtime's default seccomp profile."
#define RECOMMEND_FOREIGN_SOCKETS STOP_AND_LOOK "find out who gave it the socket."
#define RECOMMEND_LIMITS                                                                           \
	"Mount the cgroup file system read-only in it (no --privileged), set the limits again, "   \
	"and look what needed more; " EXCEPT "."
#define RECOMMEND_UNLIMITED  "Give it limits: --memory, --cpus, --pids-limit."
#define RECOMMEND_NEIGHBOURS "Limit the container that takes most, or move it to another host."
#define RECOMMEND_IMAGE                                                                            \
	"Update the kernel (CVE-2022-0847), then pull the image anew and start its containers "    \
	"again."
#define RECOMMEND_BLIND_SPOTS                                                                      \
	"What is done that way is seen in part alone. Refuse it by the seccomp profile where the " \
	"program does without."
#define RECOMMEND_AGENT                                                                            \
	STOP_AND_LOOK "look at bulkhead's own log for gaps; take the host's pid namespace and "    \
		      "mounts from it."

const struct invariant_info invariants[INV_COUNT] = {
#define X(id, n, word, says, how_grave, what, tech, tech_name, tac)                                \
	[INV_##id] = { .number = n,                                                                \
		       .name = word,                                                               \
		       .holds = says,                                                              \
		       .severity = ALERT_##how_grave,                                              \
		       .needs = what,                                                              \
		       .technique = tech,                                                          \
		       .technique_name = tech_name,                                                \
		       .tactic = tac,                                                              \
		       .recommend = RECOMMEND_##id },
	INVARIANTS(X)
#undef X
};

const char *const finding_stage_names[] = { "attempted", "succeeded", "found", NULL };

/* What is seen in opens alone: io_uring opens files, too. */
static bool is_seen_in_opens(enum invariant i)
{
	return i == INV_HOST_PROGRAMS || i == INV_KERNEL_HELPERS || i == INV_DEVICES ||
	       i == INV_LIMITS || i == INV_OTHER_PROCESSES;
}

const char *invariant_blind(enum invariant i, const char *layer, bool has_pass, bool has_lsm)
{
	const uint32_t needs = invariants[i].needs;
	const bool off = !layer || strcmp(layer, "off") == 0;

	if (i == INV_IMAGE)
		return "a change of an image's file that is no write (CVE-2022-0847) is not looked "
		       "for";
	if (i == INV_NEIGHBOURS || i == INV_UNLIMITED)
		return NULL; /* by thresholds and postures: no sensor is needed */
	if ((needs & NEED_LSM) && !has_lsm)
		return "no security module with labels (AppArmor, SELinux) runs on this host";
	if ((needs & (NEED_EVENTS | NEED_PASS)) && off)
		return "the kernel sensor is off";
	if ((needs & NEED_TRAMPOLINE) && strcmp(layer, "trampoline") != 0)
		return "only the trampoline layer sees it";
	if ((needs & NEED_PASS) && !has_pass)
		return needs & NEED_EVENTS ? "in part: events alone, tasks are not looked at"
					   : "tasks are not looked at";
	if (is_seen_in_opens(i) && strcmp(layer, "tracepoint") == 0)
		return "in part: what io_uring opens is not seen by the tracepoint layer (its use "
		       "is told)";
	return NULL;
}

/* --- findings -------------------------------------------------------------------------------- */

void finding_begin(struct finding *f, enum invariant i, enum finding_stage stage, const char *title,
		   ...)
{
	va_list args;

	f->invariant = i;
	f->stage = stage;
	f->severity = invariants[i].severity;
	if (stage == FINDING_ATTEMPTED && f->severity < ALERT_INFO)
		f->severity++;
	f->known_as = NULL;
	f->key[0] = '\0';
	f->facts_n = f->text_n = 0;
	va_start(args, title);
	vsnprintf(f->title, sizeof(f->title), title, args);
	va_end(args);
}

void finding_key(struct finding *f, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(f->key, sizeof(f->key), format, args);
	va_end(args);
}

void finding_fact(struct finding *f, const char *name, struct span value)
{
	const bool full = f->facts_n >= FINDING_FACTS || f->text_n > sizeof(f->text);

	if (full)
		return; /* it was said */
	if (f->facts_n == FINDING_FACTS - 1 || value.n > sizeof(f->text) - f->text_n) {
		f->facts[f->facts_n++] =
			(struct alert_pair){ SPAN_LIT("more"), SPAN_LIT("left out: no room") };
		f->text_n = sizeof(f->text) + 1;
		return;
	}
	char *to = f->text + f->text_n;

	if (value.n > 0)
		memcpy(to, value.p, value.n);
	f->text_n += value.n;
	f->facts[f->facts_n++] = (struct alert_pair){ span_str(name), { to, value.n } };
}

void finding_number(struct finding *f, const char *name, uint64_t value)
{
	finding_text(f, name, "%llu", (unsigned long long)value);
}

void finding_text(struct finding *f, const char *name, const char *format, ...)
{
	char text[1024];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n > 0)
		finding_fact(f, name,
			     (struct span){ text, (size_t)n < sizeof(text) ? (size_t)n
									   : sizeof(text) - 1 });
}
