/* SPDX-License-Identifier: GPL-2.0-or-later */
/* baseline_export - what a baseline becomes for other tools.
 *
 *	json           baseline_json: for import elsewhere (baseline_parse, baseline_merge)
 *	seccomp        profile of system calls, as docker, podman, containerd, CRI-O and the OCI
 *	               runtimes read it
 *	apparmor       profile for apparmor_parser; the container is started under its name
 *	falco          rule file: what deviates is told; also read by bulkhead itself
 *	networkpolicy  Kubernetes NetworkPolicy; the labels of the pods are to be filled in
 *
 * Entries that a person rejected are never part of it; all others are, of every phase, also those
 * that came by a file. Names and paths are hostile: whatever they hold, the document stays what it
 * is. Where a format cannot say what was learned, it says more than that rather than less, so that
 * what is known goes on working; each such place is a note. Pure, any thread that owns the
 * baseline. */
#ifndef BULKHEAD_BASELINE_EXPORT_H
#define BULKHEAD_BASELINE_EXPORT_H

#include "detector/baseline.h"

/* X(ID, name) */
#define BASELINE_FORMATS(X)                                                                        \
	X(JSON, "json")                                                                            \
	X(SECCOMP, "seccomp")                                                                      \
	X(APPARMOR, "apparmor")                                                                    \
	X(FALCO, "falco")                                                                          \
	X(NETWORKPOLICY, "networkpolicy")

enum baseline_format {
#define X(id, name) BASELINE_FORMAT_##id,
	BASELINE_FORMATS(X)
#undef X
		BASELINE_FORMAT_COUNT
};
extern const char *const baseline_format_names[]; /* ended by NULL */
bool baseline_format_parse(struct span name, enum baseline_format *out);

/* Puts the document behind what is in *out. *notes (NULL: not wanted) gets lines for a person, each
 * ended by a newline and begun by "warning: " or "note: ", in ASCII: what is not learned yet, what
 * was left out. Formats with comments hold them, too.
 * 0; -ENODATA: there is no evidence for it, *e says of what; -EINVAL: no such format; -ENOSPC: *out
 * takes no more; -ENOMEM. *out has on failure what it had. */
int baseline_export(struct buf *out, struct buf *notes, const struct baseline *b,
		    enum baseline_format f, struct err *e);

#endif
