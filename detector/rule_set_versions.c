// SPDX-License-Identifier: GPL-2.0-or-later
/* What rule files require: a version of the language, and Falco's plugins, of which one is here:
 * what the plugin "container" tells, the agent tells itself. */
#include <string.h>

#include "detector/rule_set_internal.h"

struct version {
	uint32_t major, minor, patch;
};

static const struct {
	const char *name;
	struct version newest;
} provided[] = {
	{ "container", { 0, 9, UINT32_MAX } },
};

/* "1.2.3", and behind it what semver allows: "-rc1", "+build". */
static bool parse_version(struct span s, struct version *out)
{
	struct span rest = s, major, minor;
	size_t n = 0;

	if (!span_next(&rest, '.', &major) || !span_next(&rest, '.', &minor) || !rest.p)
		return false;
	while (n < rest.n && rest.p[n] >= '0' && rest.p[n] <= '9')
		n++;
	if (n < rest.n && rest.p[n] != '-' && rest.p[n] != '+')
		return false;
	return parse_u32(major, &out->major) && parse_u32(minor, &out->minor) &&
	       parse_u32((struct span){ rest.p, n }, &out->patch);
}

static bool compatible(const struct version *have, const struct version *want)
{
	if (have->major != want->major)
		return false;
	if (have->minor != want->minor)
		return have->minor > want->minor;
	return have->patch >= want->patch;
}

void set_check_engine(struct set_builder *b, const struct rule_item *item)
{
	struct version have = { 0 }, want = { 0 };
	struct span s = item->name.text;
	int n = (int)(s.n < 32 ? s.n : 32);

	(void)parse_version(SPAN_LIT(RULE_ENGINE_VERSION), &have);
	if (!parse_u32(s, &want.minor) && !parse_version(s, &want))
		set_error(b, item, NULL, "'%.*s' is no version, expected a number or X.Y.Z", n,
			  s.p);
	else if (!compatible(&have, &want))
		set_error(b, item, NULL,
			  "the rules need engine version %u.%u.%u, this is " RULE_ENGINE_VERSION,
			  want.major, want.minor, want.patch);
}

static bool is_provided(struct span name, const struct version *want)
{
	for (size_t i = 0; i < sizeof(provided) / sizeof(provided[0]); i++)
		if (span_eq(name, provided[i].name) && compatible(&provided[i].newest, want))
			return true;
	return false;
}

static bool is_double(const struct rule_requirement *first, const struct rule_requirement *q)
{
	struct span name = q->name.text;

	for (; first < q; first++)
		if (first->name.text.n == name.n && memcmp(first->name.text.p, name.p, name.n) == 0)
			return true;
	return false;
}

/* One requirement with its alternatives. */
static void check_plugin(struct set_builder *b, const struct rule_item *item,
			 const struct rule_requirement *first, size_t n)
{
	struct span name = first->name.text, version = first->version.text;
	bool met = false, right = true;

	for (size_t i = 0; i < n; i++) {
		const struct rule_requirement *q = &first[i];
		struct version want;
		bool parsed = parse_version(q->version.text, &want);

		if (!parsed)
			set_error(b, item, &q->version, "'%.*s' is no version, expected X.Y.Z",
				  (int)(q->version.text.n < 32 ? q->version.text.n : 32),
				  q->version.text.p);
		else if (i < 64 && is_double(first, q))
			set_error(b, item, &q->name, "plugin '%.*s' stands twice, expected it once",
				  (int)(q->name.text.n < 64 ? q->name.text.n : 64), q->name.text.p);
		right &= parsed;
		met |= parsed && is_provided(q->name.text, &want);
	}
	if (right && !met)
		set_error(b, item, &first->name,
			  "the rules need plugin '%.*s' %.*s, which is not provided here",
			  (int)(name.n < 64 ? name.n : 64), name.p,
			  (int)(version.n < 32 ? version.n : 32), version.p);
}

void set_check_plugins(struct set_builder *b, const struct rule_item *item)
{
	for (size_t i = 0, n; i < item->plugins_n; i += n) {
		n = 1;
		while (i + n < item->plugins_n && item->plugins[i + n].alternative)
			n++;
		check_plugin(b, item, &item->plugins[i], n);
	}
}
