/* SPDX-License-Identifier: GPL-2.0-or-later */
/* page - the static files of the dashboard. Any thread; nothing allocates. */
#ifndef BULKHEAD_HTTP_PAGE_H
#define BULKHEAD_HTTP_PAGE_H

#include <stdbool.h>

#include "http/answer.h"

/* Answers from the compiled-in files; false when no file has this path. */
bool page_answer(const char *path, struct answer *a);

/* The answer to /login?token=T when bulkheadd knows T: stores the token in a cookie and leads to
 * the first page. The token must be valid (request_token_valid). */
void page_login(struct answer *a, struct span token, bool tls);

/* The answer when it does not: the login page with the reason; a cookie that is there stays. */
void page_login_refused(struct answer *a);

#endif
