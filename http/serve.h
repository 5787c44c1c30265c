/* SPDX-License-Identifier: GPL-2.0-or-later */
/* serve - `bulkhead serve`: the HTTP side of the agent, started by bulkheadd and by nobody else. */
#ifndef BULKHEAD_HTTP_SERVE_H
#define BULKHEAD_HTTP_SERVE_H

/* "bulkhead serve --fd N": N is the socket pair's end. Returns the exit code: 0 after a stop that
 * was asked for or the end of bulkheadd, 1 when it could not start, 2 on wrong usage. */
int serve_main(int argc, char **argv);

#endif
