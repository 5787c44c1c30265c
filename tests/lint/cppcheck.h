/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cppcheck - macros of libraries whose headers cppcheck does not read. For `make lint` alone. */
#ifndef BULKHEAD_TESTS_LINT_CPPCHECK_H
#define BULKHEAD_TESTS_LINT_CPPCHECK_H

#define json_array_foreach(a, i, v)  for (i = 0; (v = json_array_get(a, i)); i++)
#define json_object_foreach(o, k, v) while (json_object_step(o, &k, &v))

/* libbpf's: declares a structure and fills it */
#define LIBBPF_OPTS(type, name, ...) struct type name = { __VA_ARGS__ }

#endif
