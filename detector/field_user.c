// SPDX-License-Identifier: GPL-2.0-or-later
/* user.* and group.*: the effective ids, as Falco takes them, and their names in the container. */
#include "detector/field_internal.h"

#define UNSET UINT32_MAX

/* Falco's words: the number 0 has a name everywhere, all else that is not found is "<NA>", which is
 * a text: rules ask for it. */
static struct span fallback(uint32_t id, struct span of_root)
{
	return id == 0 ? of_root : FIELD_NA;
}

struct span field_user_name(struct field_event *ev, uint32_t uid)
{
	const struct field_world *w = ev->world;
	struct span name;

	if (w && w->user && w->user(w->ctx, ev->container, uid, &name))
		return name;
	return fallback(uid, SPAN_LIT("root"));
}

struct span field_group_name(struct field_event *ev, uint32_t gid)
{
	const struct field_world *w = ev->world;
	struct span name;

	if (w && w->group && w->group(w->ctx, ev->container, gid, &name))
		return name;
	return fallback(gid, SPAN_LIT("root"));
}

static struct span home_of(struct field_event *ev, uint32_t uid)
{
	const struct field_world *w = ev->world;
	struct span home;

	if (w && w->home && w->home(w->ctx, ev->container, uid, &home))
		return home;
	return fallback(uid, SPAN_LIT("/root"));
}

size_t get_user_id(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		   size_t cap)
{
	struct field_ids ids;

	if (!field_ids_of(ev, &ids))
		return 0;
	if (r->def->param == USER_LOGINUID)
		return field_int_value(out, cap,
				       ids.loginuid == UNSET ? -1 : (int64_t)ids.loginuid);
	return field_uint_value(out, cap, r->def->param == GROUP_GID ? ids.egid : ids.euid);
}

size_t get_user_text(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		     size_t cap)
{
	struct field_ids ids;

	if (!field_ids_of(ev, &ids))
		return 0;
	if (r->def->param == USER_HOME)
		return field_text_value(out, cap, home_of(ev, ids.euid));
	if (r->def->param == USER_NAME)
		return field_text_value(out, cap, field_user_name(ev, ids.euid));
	return field_text_value(
		out, cap, ids.loginuid == UNSET ? FIELD_NA : field_user_name(ev, ids.loginuid));
}

size_t get_group_text(const struct field_ref *r, struct field_event *ev, struct field_value *out,
		      size_t cap)
{
	struct field_ids ids;

	(void)r;
	return field_ids_of(ev, &ids) ? field_text_value(out, cap, field_group_name(ev, ids.egid))
				      : 0;
}
