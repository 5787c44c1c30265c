/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rules_main - `bulkheadd rules check|list|explain|fields|test`: rule files looked at without
 * privileges and without an agent. One thread; reads files, writes to standard output. */
#ifndef BULKHEAD_RULES_MAIN_H
#define BULKHEAD_RULES_MAIN_H

/* argv[0] is "rules". Returns the exit code: 0, 1 the files have errors (or a recording is damaged,
 * or nothing can be read), 2 wrong usage, 3 nothing matched though --expect-match was given. */
int rules_main(int argc, char **argv);

#endif
