/* SPDX-License-Identifier: GPL-2.0-or-later */
/* enforce_entries - what entries of a baseline are to the kernel's side, which knows no patterns:
 * directories in which files may be changed, and networks that may be connected to. Both are wider
 * than the entries rather than narrower. Pure. */
#ifndef BULKHEAD_ENFORCE_ENTRIES_H
#define BULKHEAD_ENFORCE_ENTRIES_H

#include "collector/sensor.h"
#include "detector/baseline.h"

/* Whether an entry lets the image do what it says: its own, or a person's word; with `injected`
 * also what was only put in from outside, as that is held to the baseline then. A mere proposal
 * never does. */
bool enforce_entry_counts(const struct seen *s, bool injected);

struct enforce_place {
	char path[PATH_TREE_MAX_PATH + 1];
	size_t n;
	bool below; /* all that is below it, else only what is directly in it */
};

/* The directory of an entry of WRITE. A directory that the image itself makes, removes or changes
 * may be another one tomorrow: what is in it is below the next one that it does not (but never "/"
 * for that reason). False: it stands for names right below "/" and what is below these. */
bool enforce_place_of(const struct baseline *b, struct span pattern, bool injected,
		      struct enforce_place *out);

/* The network of an entry of CONNECT; out->image is left alone. False: no network says it, as it
 * stands for any protocol or family. */
bool enforce_peer_of(struct span pattern, struct sensor_peer *out);

#endif
