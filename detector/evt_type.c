// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/evt_type.h"

#include <errno.h>
#include <seccomp.h>
#include <string.h>

#define CALL_MAX 1024 /* numbers of system calls; today's end below 500 */
#define X32_BIT	 0x40000000

struct row {
	const char *name;
	enum event_type event;
};
static const struct row rows[EVT_COUNT] = { [EVT_NONE] = { "", EVENT_NONE },
#define X(id, name, event) [EVT_##id] = { name, EVENT_##event },
					    EVT_TYPES(X)
#undef X
};

/* Names that the kernel has for what is one call to people: those with wider numbers than their
 * predecessors, on 32-bit machines. Falco calls them by the plain name. */
static const struct {
	const char *call;
	enum evt_type type;
} aliases[] = {
	{ "truncate64", EVT_TRUNCATE },	  { "ftruncate64", EVT_FTRUNCATE },
	{ "fcntl64", EVT_FCNTL },	  { "oldstat", EVT_STAT },
	{ "oldlstat", EVT_LSTAT },	  { "recvmmsg_time64", EVT_RECVMMSG },
	{ "chown32", EVT_CHOWN },	  { "lchown32", EVT_LCHOWN },
	{ "fchown32", EVT_FCHOWN },	  { "setuid32", EVT_SETUID },
	{ "setgid32", EVT_SETGID },	  { "setreuid32", EVT_SETREUID },
	{ "setregid32", EVT_SETREGID },	  { "setresuid32", EVT_SETRESUID },
	{ "setresgid32", EVT_SETRESGID }, { "setfsuid32", EVT_SETFSUID },
	{ "setfsgid32", EVT_SETFSGID },	  { "setgroups32", EVT_SETGROUPS },
};

/* Falco's events that are no system calls and that nothing of ours tells. */
static const char *const unseen[] = {
	"switch",	"signaldeliver", "container",	"pluginevent",	"drop",
	"syscall",	"procinfo",	 "cpu_hotplug", "page_fault",	"notification",
	"infra",	"tracer",	 "k8s",		"mesos",	"asyncevent",
	"useradded",	"userdeleted",	 "groupadded",	"groupdeleted", "scapevent",
	"sched_switch", "send",		 "recv",
};

enum abi { ABI_NATIVE, ABI_COMPAT, ABI_X32, ABI_COUNT };

/* Written once, by evt_type_init(). */
static uint8_t by_number[ABI_COUNT][CALL_MAX];
static uint8_t first_of[EVENT_TYPE_COUNT];

static enum evt_type type_of_call(const char *name)
{
	for (unsigned t = EVT_NONE + 1; t < EVT_COUNT; t++)
		if (strcmp(rows[t].name, name) == 0)
			return (enum evt_type)t;
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (strcmp(aliases[i].call, name) == 0)
			return aliases[i].type;
	return EVT_NONE;
}

static void fill(enum abi abi, uint32_t arch, int bit)
{
	for (int n = 0; n < CALL_MAX; n++) {
		char *name = seccomp_syscall_resolve_num_arch(arch, n | bit);

		if (!name)
			continue;
		by_number[abi][n] = (uint8_t)type_of_call(name);
		free(name);
	}
}

void evt_type_init(void)
{
	fill(ABI_NATIVE, SCMP_ARCH_NATIVE, 0);
	fill(ABI_COMPAT, SCMP_ARCH_X86, 0);
	fill(ABI_X32, SCMP_ARCH_X32, X32_BIT);
	for (unsigned t = EVT_COUNT - 1; t > EVT_NONE; t--)
		first_of[rows[t].event] = (uint8_t)t;
}

enum evt_type evt_type_of(const struct event_view *v)
{
	const struct event_head *h = v->head;
	enum abi abi = h->flags & EVENT_COMPAT ? ABI_COMPAT
		       : h->flags & EVENT_X32  ? ABI_X32
					       : ABI_NATIVE;
	uint32_t n = (uint32_t)h->syscall;

	if (h->type >= EVENT_TYPE_COUNT)
		return EVT_NONE;
	if (n < CALL_MAX) {
		enum evt_type t = (enum evt_type)by_number[abi][n];

		/* a call can tell another thing beside its own: sendto connects, socketcall is all
		 * of them */
		if (evt_type_events(t) & EVENT_BIT(h->type))
			return t;
	}
	return (enum evt_type)first_of[h->type];
}

const char *evt_type_name(enum evt_type t)
{
	return (unsigned)t < EVT_COUNT ? rows[t].name : "";
}

enum event_type evt_type_event(enum evt_type t)
{
	return (unsigned)t < EVT_COUNT ? rows[t].event : EVENT_NONE;
}

uint64_t evt_type_events(enum evt_type t)
{
	if (t == EVT_UNLINKAT)
		return EVENT_BIT(EVENT_UNLINK) | EVENT_BIT(EVENT_RMDIR);
	return t == EVT_NONE ? 0 : EVENT_BIT(evt_type_event(t));
}

uint64_t evt_set_events(const struct evt_set *s)
{
	uint64_t mask = 0;

	for (unsigned t = EVT_NONE + 1; t < EVT_COUNT; t++)
		if (evt_set_has(s, (enum evt_type)t))
			mask |= evt_type_events((enum evt_type)t);
	return mask;
}

enum evt_known evt_type_find(struct span name, enum evt_type *out)
{
	char text[64];

	for (unsigned t = EVT_NONE + 1; t < EVT_COUNT; t++)
		if (span_eq(name, rows[t].name)) {
			*out = (enum evt_type)t;
			return EVT_SEEN;
		}
	for (size_t i = 0; i < sizeof(unseen) / sizeof(unseen[0]); i++)
		if (span_eq(name, unseen[i]))
			return EVT_UNSEEN;
	if (name.n == 0 || name.n >= sizeof(text) || memchr(name.p, '\0', name.n))
		return EVT_UNKNOWN;
	memcpy(text, name.p, name.n);
	text[name.n] = '\0';
	/* below 0 and not an error: a call that this machine does not have, another one does */
	return seccomp_syscall_resolve_name(text) == __NR_SCMP_ERROR ? EVT_UNKNOWN : EVT_UNSEEN;
}

struct evt_set evt_type_matching(enum evt_type t)
{
	struct evt_set s = { { 0 } };

	if (t == EVT_NONE || (unsigned)t >= EVT_COUNT)
		return s;
	evt_set_add(&s, t);
	if (t == EVT_OPEN) {
		evt_set_add(&s, EVT_OPENAT);
		evt_set_add(&s, EVT_OPENAT2);
	}
	return s;
}
