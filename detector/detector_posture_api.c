// SPDX-License-Identifier: GPL-2.0-or-later
/* GET /api/v1/posture, /api/v1/posture/CONTAINER; see http/posture.schema.json. */
#include <errno.h>
#include <stdio.h>

#include "collector/json_put.h"
#include "detector/detector_posture_internal.h"

#define BASE	   "/api/v1/posture"
#define ANSWER_MAX (32U << 20)

static void put_record(struct buf *b, const struct record *r)
{
	const struct container *c = r->c;
	const char grade[] = { posture_grade_letter(r->posture.grade), '\0' };

	buf_add_char(b, '{');
	json_put_str(b, "id", c->id.id);
	json_put_str(b, "name", container_name(c));
	json_put_str(b, "image", container_image(c));
	json_put_str(b, "runtime", runtime_name(c->id.runtime));
	json_put_str(b, "grade", grade);
	json_put_time(b, "time", r->unix_ns);
	json_put_true(b, "process_seen", r->real);
	json_put_str(b, "compared",
		     r->verdict.first	? "first"
		     : r->verdict.worse ? "worse"
					: "same");
	json_put_key(b, "findings");
	posture_json(b, &r->posture);
	json_put_known(b, "left_out", r->posture.refused);
	buf_add_char(b, '}');
}

static void answer_error(struct detector_posture *d, uint32_t ticket, uint16_t status,
			 const char *text)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, 4096);
	buf_add_char(&b, '{');
	json_put_object(&b, "error");
	json_put_u64(&b, "status", status);
	json_put_str(&b, "message", text);
	buf_add_str(&b, "}}");
	d->s.services->answer(d->s.services->agent, ticket, status, &b);
}

static void answer_records(struct detector_posture *d, uint32_t ticket, const struct record *one)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, ANSWER_MAX);
	buf_add_char(&b, '{');
	json_put_u64(&b, "schema", 1);
	json_put_str(&b, "benchmark", POSTURE_BENCHMARK);
	json_put_str(&b, "rule", posture_rule);
	json_put_u64(&b, "images", posture_images_stats(d->images).used);
	json_put_array(&b, "containers");
	for (uint32_t i = 0; i < d->records_max; i++) {
		const struct record *r = d->records[i];

		if (!r || !r->known || (one && r != one))
			continue;
		json_put_comma(&b);
		put_record(&b, r);
	}
	buf_add_str(&b, "]}");
	if (b.failed)
		answer_error(d, ticket, 503, "no memory for the answer");
	else
		d->s.services->answer(d->s.services->agent, ticket, 200, &b);
}

static void answer_one(struct detector_posture *d, uint32_t ticket, struct span id)
{
	const struct container_table *table = d->s.services->containers(d->s.services->agent);
	struct container *c = NULL;
	char text[256];

	snprintf(text, sizeof(text), "%.*s", (int)(id.n < 255 ? id.n : 255), id.p);
	const int r = table ? container_table_lookup(table, text, &c) : -ENOENT;
	const struct record *record = r == 0 ? posture_record(d, c) : NULL;

	if (r == -EEXIST)
		answer_error(d, ticket, 409, "that fits several containers");
	else if (r < 0)
		answer_error(d, ticket, 404, "there is no such container");
	else if (!record || !record->known)
		answer_error(d, ticket, 404,
			     c->ended ? "the container has ended"
				      : "nothing is known of how it is shut in, or not yet");
	else
		answer_records(d, ticket, record);
}

bool detector_posture_get(struct detector_posture *d, struct span path, uint32_t ticket)
{
	static const size_t base_n = sizeof(BASE) - 1;
	const bool all = span_eq(path, BASE);

	if (!all && !(span_starts(path, BASE "/") && path.n > base_n + 1))
		return false;
	if (ticket == AGENT_NO_TICKET)
		return true;
	if (!d->s.services->config->posture)
		answer_error(d, ticket, 404, "postures are off (posture.enabled)");
	else if (all)
		answer_records(d, ticket, NULL);
	else
		answer_one(d, ticket, (struct span){ path.p + base_n + 1, path.n - base_n - 1 });
	return true;
}
