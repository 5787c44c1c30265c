// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void mark_cut(struct err *e, int written)
{
	if (written >= (int)sizeof(e->text))
		memcpy(e->text + sizeof(e->text) - 4, "...", 4);
}

int err_set(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return -code;
	va_start(ap, fmt);
	mark_cut(e, vsnprintf(e->text, sizeof(e->text), fmt, ap));
	va_end(ap);
	return -code;
}

/* ": text" behind the first n bytes. */
static void append(struct err *e, int n, const char *text)
{
	mark_cut(e, n);
	if (n < 0 || (size_t)n >= sizeof(e->text))
		return;
	size_t room = sizeof(e->text) - (size_t)n;

	if (snprintf(e->text + n, room, ": %s", text) >= (int)room)
		mark_cut(e, (int)sizeof(e->text));
}

int err_errno(struct err *e, const char *fmt, ...)
{
	int code = errno ? errno : EIO;
	char reason[128];
	va_list ap;

	if (!e)
		return -code;
	va_start(ap, fmt);
	int n = vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	append(e, n, strerror_r(code, reason, sizeof(reason)));
	errno = code;
	return -code;
}

int err_prefix(struct err *e, int code, const char *fmt, ...)
{
	char old[ERR_TEXT_BYTES];
	va_list ap;

	if (!e)
		return code;
	memcpy(old, e->text, sizeof(old));
	va_start(ap, fmt);
	int n = vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	append(e, n, old);
	return code;
}
