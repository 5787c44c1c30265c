/* SPDX-License-Identifier: GPL-2.0-or-later */
/* posture_main - `bulkheadd posture --host`: how the host below the containers is set up. Needs no
 * agent; what only root may read needs root. One thread; writes to standard output. */
#ifndef BULKHEAD_POSTURE_MAIN_H
#define BULKHEAD_POSTURE_MAIN_H

/* argv[0] is "posture". Returns the exit code: 0 no item failed, 1 some did, or nothing could be
 * read or written, 2 wrong usage. */
int posture_main(int argc, char **argv);

#endif
