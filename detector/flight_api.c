// SPDX-License-Identifier: GPL-2.0-or-later
/* GET /api/v1/flights and /api/v1/flights/ID: read on the worker that reads for answers. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "collector/api.h"
#include "collector/base/io.h"
#include "detector/detector_internal.h"
#include "detector/flight_store.h"

struct flight_question {
	struct worker_job job; /* first member */
	struct detector *d;
	uint32_t ticket;
	int state_fd;	     /* a copy */
	char id[ULID_BYTES]; /* "": the list */
	char directory[PATH_MAX];
	struct buf out;
	int result;
	struct err why;
};

static void question_free(struct flight_question *q)
{
	if (!q)
		return;
	if (q->state_fd >= 0)
		close(q->state_fd);
	buf_release(&q->out);
	free(q);
}
DEFINE_AUTO(flight_question, question_free)

static void run(struct worker_job *job)
{
	struct flight_question *q = (struct flight_question *)job;
	AUTO_FD int dir = flight_store_open(q->state_fd, &q->why);

	q->result = dir < 0 ? dir : 0;
	if (dir >= 0 && q->id[0])
		q->result = flight_store_read(dir, span_str(q->id), &q->out, &q->why);
	else if (dir >= 0)
		flight_store_list(dir, q->directory, &q->out);
	if (q->result == 0 && q->out.failed)
		q->result = err_set(&q->why, ENOMEM, "no memory for the answer");
}

static void answer(struct detector *d, uint32_t ticket, int r, const struct err *e,
		   struct buf *body)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	const uint16_t status = r == 0 ? 200 : r == -EINVAL ? 400 : r == -ENOENT ? 404 : 503;

	if (r < 0) {
		buf_init(&b, 8192);
		api_error(&b, status, e->text);
		body = &b;
	}
	d->services.answer(d->services.agent, ticket, status, body);
}

static void done(struct worker_job *job)
{
	AUTO(question_free) struct flight_question *q = (struct flight_question *)job;

	q->d->queries--;
	answer(q->d, q->ticket, q->result, &q->why, &q->out);
}

static int ask(struct detector *d, struct span id, uint32_t ticket, struct err *e)
{
	AUTO(question_free) struct flight_question *q = calloc(1, sizeof(*q));

	if (!q)
		return err_set(e, ENOMEM, "no memory for the answer");
	q->job = (struct worker_job){ .run = run, .done = done };
	q->d = d;
	q->ticket = ticket;
	q->result = err_set(&q->why, ECANCELED, "bulkheadd is stopping"); /* unless it is run */
	buf_init(&q->out, 2 * FLIGHT_JSON_MAX);
	snprintf(q->id, sizeof(q->id), "%.*s", (int)id.n, id.n ? id.p : "");
	io_join(q->directory, sizeof(q->directory), d->services.config->state_dir, "flights");
	q->state_fd = fcntl(d->services.state_fd, F_DUPFD_CLOEXEC, 0);
	if (q->state_fd < 0)
		return err_errno(e, "cannot copy a descriptor");
	if (d->queries >= ALERT_QUERY_MAX || worker_submit(d->readers, &q->job, false) < 0)
		return err_set(e, EBUSY, "too many questions wait");
	d->queries++;
	(void)TAKE(q);
	return 0;
}

bool detector_flights(struct detector *d, struct span path, uint32_t ticket)
{
	static const char list[] = "/api/v1/flights", one[] = "/api/v1/flights/";
	struct span id = { NULL, 0 };
	struct err e = { "" };
	int r = 0;

	if (span_starts(path, one)) {
		id = (struct span){ path.p + sizeof(one) - 1, path.n - (sizeof(one) - 1) };
		if (!ulid_is_valid(id))
			r = err_set(&e, EINVAL, "that is no id of an alert");
	} else if (!span_eq(path, list)) {
		return false;
	}
	if (ticket == AGENT_NO_TICKET)
		return true;
	if (r == 0)
		r = ask(d, id, ticket, &e);
	d->queries_refused += r < 0 && r != -EINVAL;
	if (r < 0)
		answer(d, ticket, r, &e, NULL);
	return true;
}
