/* SPDX-License-Identifier: GPL-2.0-or-later */
/* banned - calls that have a safer form; using one is a compile error. Force-included by the
 * Makefile after the system headers that declare them have been read. */
#ifndef BULKHEAD_BASE_BANNED_H
#define BULKHEAD_BASE_BANNED_H

#include <linux/bpf.h> /* names strtol in a list */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* some are macros with some compilers and libraries */
#undef strcpy
#undef strcat
#undef strncpy
#undef strncat
#undef sprintf
#undef vsprintf
#undef strtok
#undef gets
#undef atoi
#undef atol
#undef atof
#undef strtol
#undef strtoul
#undef strtoll
#undef strtoull
#undef localtime
#undef gmtime
#undef system
#undef popen

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok gets
#pragma GCC poison atoi atol atof strtol strtoul strtoll strtoull
#pragma GCC poison localtime gmtime system popen

#endif
