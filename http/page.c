// SPDX-License-Identifier: GPL-2.0-or-later
#include "http/page.h"

#include <string.h>

#include "collector/base/buf.h"
#include "http/assets.h"

#define COOKIE_MAX_BYTES 1024
#define PAGE_MAX_BYTES	 65536

bool page_answer(const char *path, struct answer *a)
{
	for (size_t i = 0; i < assets_n; i++) {
		const struct asset *f = &assets[i];

		if (strcmp(path, f->path) != 0)
			continue;
		answer_static(a, 200, f->type, (struct span){ (const char *)f->bytes, f->n });
		a->cacheable = strchr(path, '.') != NULL; /* pages are not kept, their parts are */
		return true;
	}
	return false;
}

void page_login(struct answer *a, struct span token, bool tls)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, COOKIE_MAX_BYTES);
	buf_add_str(&b, "bulkhead_token=");
	buf_add_span(&b, token);
	buf_add_str(&b, "; Path=/; HttpOnly; SameSite=Strict");
	if (tls)
		buf_add_str(&b, "; Secure");
	char *cookie = buf_take_str(&b);

	if (!cookie) {
		answer_error(a, 503, "no memory for the answer");
		return;
	}
	answer_static(a, 303, NULL, (struct span){ "", 0 });
	a->location = "/";
	a->cookie = cookie;
}

void page_login_refused(struct answer *a)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	if (!page_answer("/login", a)) {
		answer_error(a, 401, "the token is unknown or expired");
		return;
	}
	const char *form = memmem(a->bytes, a->n, "<form", 5);

	a->status = 401;
	if (!form)
		return;
	size_t before = (size_t)(form - a->bytes);

	buf_init(&b, PAGE_MAX_BYTES);
	buf_add_span(&b, (struct span){ a->bytes, before });
	buf_add_str(&b, "<p role=\"alert\">This token is unknown or expired.</p>\n");
	buf_add_span(&b, (struct span){ form, a->n - before });
	size_t n = b.len;
	char *text = buf_take_str(&b);

	if (text) /* without memory the page says it by its status alone */
		answer_heap(a, 401, a->type, text, n);
}
