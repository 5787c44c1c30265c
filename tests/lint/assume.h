/* SPDX-License-Identifier: GPL-2.0-or-later */
/* assume - tells static analysers, which see one file at a time, that an error is negative.
 * Force-included by `make lint` alone: without it each "r < 0" after a call that failed has a
 * second, impossible branch, and the warnings of those branches bury the real ones. */
#ifndef BULKHEAD_TESTS_LINT_ASSUME_H
#define BULKHEAD_TESTS_LINT_ASSUME_H

#include "collector/base/err.h"

#define err_set(e, code, ...)	 ((void)err_set(e, code, __VA_ARGS__), -1)
#define err_errno(e, ...)	 ((void)err_errno(e, __VA_ARGS__), -1)
#define err_prefix(e, code, ...) ((void)err_prefix(e, code, __VA_ARGS__), (code))

#endif
