/* SPDX-License-Identifier: GPL-2.0-or-later */
/* auto - scope-bound cleanup: AUTO(x_free) runs when the variable leaves its scope, TAKE() passes
 * ownership on. Every AUTO variable is initialised where it is declared.
 *
 *	AUTO(buf_free) struct buf *b = buf_new(...);   // freed at every return
 *	*out = TAKE(b);                                // not freed: the caller owns it now
 *	AUTO_FD int fd = open(...);                    // closed at every return
 */
#ifndef BULKHEAD_BASE_AUTO_H
#define BULKHEAD_BASE_AUTO_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define AUTO(fn) __attribute__((cleanup(auto_##fn)))

/* Declares the cleanup function for `struct name *` variables freed by fn(name *). */
#define DEFINE_AUTO(name, fn)                                                                      \
	static inline void auto_##fn(struct name **p)                                              \
	{                                                                                          \
		fn(*p);                                                                            \
	}

/* The pointer's value; the variable becomes NULL. */
#define TAKE(p)                                                                                    \
	({                                                                                         \
		__typeof__(p) take_value = (p);                                                    \
		(p) = NULL;                                                                        \
		take_value;                                                                        \
	})

/* The descriptor's number; the variable becomes -1. */
#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int take_fd = (fd);                                                                \
		(fd) = -1;                                                                         \
		take_fd;                                                                           \
	})

static inline void auto_free(void *p)
{
	void *memory = *(void **)p;

	free(memory);
}

static inline void auto_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void auto_fclose(FILE **f)
{
	if (*f)
		fclose(*f);
}

static inline void auto_closedir(DIR **d)
{
	if (*d)
		closedir(*d);
}

#define AUTO_FREE AUTO(free)
#define AUTO_FD	  AUTO(close)
#define AUTO_FILE AUTO(fclose)
#define AUTO_DIR  AUTO(closedir)

#endif
