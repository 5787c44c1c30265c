// SPDX-License-Identifier: GPL-2.0-or-later
/* rules fields. */
#include <string.h>

#include "collector/json_put.h"
#include "detector/rules_main_internal.h"

static const char *type_name(const struct field_def *d)
{
	static const char *const names[] = {
		[FIELD_STRING] = "text",      [FIELD_BYTES] = "bytes", [FIELD_INT] = "number",
		[FIELD_UINT] = "number",      [FIELD_BOOL] = "bool",   [FIELD_PORT] = "port",
		[FIELD_IP] = "address",	      [FIELD_NET] = "network", [FIELD_TIME] = "time",
		[FIELD_DURATION] = "duration"
	};

	return (size_t)d->type < sizeof(names) / sizeof(names[0]) ? names[d->type] : "";
}

/* "proc" takes proc.name, and "proc.name" itself. */
static bool of_class(const struct field_def *d, const char *class)
{
	const size_t n = class ? strlen(class) : 0;

	return !class || (strncmp(d->name, class, n) == 0 &&
			  (d->name[n] == '.' || d->name[n] == '\0' || class[n - (n > 0)] == '.'));
}

static void field_json(struct buf *b, const struct field_def *d)
{
	json_put_comma(b);
	buf_add_char(b, '{');
	json_put_str(b, "name", d->name);
	json_put_str(b, "type", type_name(d));
	json_put_true(b, "list", (d->flags & FIELD_LIST) != 0);
	json_put_true(b, "any", (d->flags & FIELD_ANY) != 0);
	json_put_true(b, "filter_only", (d->flags & FIELD_FILTER_ONLY) != 0);
	json_put_true(b, "print_only", (d->flags & FIELD_PRINT_ONLY) != 0);
	json_put_str(b, "text", d->text ? d->text : "");
	json_put_str(b, "unserved", d->unserved);
	buf_add_char(b, '}');
}

static void field_line(struct buf *b, const struct field_def *d)
{
	buf_printf(b, "%-34s  %-8s  %s%s", d->name, type_name(d), d->text ? d->text : "",
		   d->flags & FIELD_LIST ? " (a list)" : "");
	if (d->unserved)
		buf_printf(b, " (%s: %s)",
			   d->flags & FIELD_PRINT_ONLY ? "always missing" : "not served",
			   d->unserved);
	buf_add_char(b, '\n');
}

int rules_main_fields(struct rules_command *c)
{
	size_t n = 0;

	if (c->json)
		buf_add_char(&c->out, '[');
	for (const struct field_def *d = field_table(); d->name; d++) {
		if (!of_class(d, c->only))
			continue;
		(c->json ? field_json : field_line)(&c->out, d);
		n++;
	}
	if (c->json)
		buf_add_str(&c->out, "]\n");
	if (n == 0)
		fprintf(stderr, "bulkheadd: there are no such fields\n");
	return rules_main_print(c, n > 0 ? RULES_GOOD : RULES_FAULTY);
}
