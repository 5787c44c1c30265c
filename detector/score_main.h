/* SPDX-License-Identifier: GPL-2.0-or-later */
/* score_main - `bulkheadd score`: the anomaly detector of anomaly.h over any series. Needs no
 * privileges and no agent. One thread; reads standard input, writes to standard output. */
#ifndef BULKHEAD_SCORE_MAIN_H
#define BULKHEAD_SCORE_MAIN_H

/* argv[0] is "score". Returns the exit code: 0, 1 nothing can be read or written, 2 wrong usage or
 * a line that is no row. */
int score_main(int argc, char **argv);

#endif
