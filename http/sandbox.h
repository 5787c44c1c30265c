/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sandbox - what `bulkhead serve` gives up before it speaks to the world.
 *
 * sandbox_files comes first, before any thread exists (Landlock holds for the calling thread and
 * those it starts). sandbox_syscalls comes last and holds for all threads. Neither can be undone.
 */
#ifndef BULKHEAD_HTTP_SANDBOX_H
#define BULKHEAD_HTTP_SANDBOX_H

#include <stdbool.h>

#include "collector/base/err.h"

/* The sanitizers' run-time needs what the sandbox takes away. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANDBOX_OFF true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANDBOX_OFF true
#endif
#endif
#ifndef SANDBOX_OFF
#define SANDBOX_OFF false
#endif

struct sandbox {
	int landlock; /* version of the kernel's Landlock in use; 0: none */
	char landlock_reason[96];
	bool seccomp;
	char text[256];
};

/* Refuses to go on as root; drops every capability, sets no_new_privs, not dumpable, and limits
 * files: the working directory may be written, a few system folders read. Landlock is best effort,
 * the rest is not. */
int sandbox_files(struct sandbox *s, struct err *e);

/* The allow-list of system calls. Programs that serve never starts (execve, fork), and what only an
 * attacker wants (ptrace, mount, bpf, ...), end the process; the rest fails with EPERM. */
int sandbox_syscalls(struct sandbox *s, struct err *e);

/* "no new privileges, no capabilities, landlock 6, seccomp"; valid as long as s. */
const char *sandbox_summary(struct sandbox *s);

#endif
