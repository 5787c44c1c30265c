// SPDX-License-Identifier: GPL-2.0-or-later
/* STATE/postures.json: what images had. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "collector/base/clock.h"
#include "collector/base/io.h"
#include "collector/base/log.h"
#include "detector/detector_posture_internal.h"

#define SAVE_NS	  (5 * NS_PER_S)
#define STATE_MAX (32U << 20)

static void saving_run(struct worker_job *job)
{
	struct saving *s = (struct saving *)job;

	s->result = io_write_atomic_at(s->state_fd, POSTURE_FILE, s->text.data, s->text.len, 0600,
				       &s->e);
}

static void saved(struct detector_posture *d)
{
	struct saving *s = &d->saving;

	if (s->result < 0) {
		posture_images_mark(d->images, true);
		if (s->result != -ECANCELED && !d->save_fails)
			log_error("the postures of images cannot be written", "error", s->e.text,
				  NULL);
		d->save_fails = s->result != -ECANCELED;
	} else {
		d->save_fails = false;
	}
	buf_release(&s->text);
	s->running = false;
}

static void saving_done(struct worker_job *job)
{
	saved(((struct saving *)job)->d);
}

static bool fill(struct detector_posture *d)
{
	struct saving *s = &d->saving;

	buf_init(&s->text, STATE_MAX);
	posture_images_json(d->images, &s->text);
	if (s->text.failed) {
		buf_release(&s->text);
		return false;
	}
	s->state_fd = d->s.services->state_fd;
	posture_images_mark(d->images, false);
	return true;
}

void posture_save(struct detector_posture *d, uint64_t now)
{
	struct saving *s = &d->saving;

	if (s->running || !posture_images_dirty(d->images) || now - d->saved_ns < SAVE_NS)
		return;
	d->saved_ns = now;
	if (!fill(d))
		return;
	s->result = -ECANCELED; /* until it was run */
	s->running = worker_submit(d->s.worker, &s->job, false) == 0;
	if (!s->running)
		saved(d);
}

void posture_load(struct detector_posture *d)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	struct err e = { "" };
	int r;

	buf_init(&b, STATE_MAX);
	r = io_read_buf_at(d->s.services->state_fd, POSTURE_FILE, &b, &e);
	if (r == -ENOENT)
		return;
	if (r == 0)
		r = posture_images_parse(d->images, (struct span){ b.data, b.len }, &e);
	if (r == 0)
		return;
	log_warning("the postures of images are set aside", "file", POSTURE_FILE, "error", e.text,
		    NULL);
	renameat(d->s.services->state_fd, POSTURE_FILE, d->s.services->state_fd,
		 POSTURE_FILE ".damaged");
}

void posture_save_last(struct detector_posture *d)
{
	if (!d->images || !posture_images_dirty(d->images) || d->saving.running || !fill(d))
		return;
	saving_run(&d->saving.job);
	saved(d);
}

void posture_state_init(struct detector_posture *d)
{
	d->saving = (struct saving){ .job = { .run = saving_run, .done = saving_done }, .d = d };
	d->saving.text.fd = -1;
}
