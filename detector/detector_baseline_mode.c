// SPDX-License-Identifier: GPL-2.0-or-later
/* Modes of images: changed by decision, promoted by evidence, kept at once, audited. */
#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "collector/base/clock.h"
#include "collector/base/log.h"
#include "detector/detector_baseline_internal.h"

struct span image_key(const struct image *i, char out[IMAGE_KEY_BYTES])
{
	const struct baseline *b = i->baseline;

	snprintf(out, IMAGE_KEY_BYTES, "%s%s%s", b->repository, b->entry[0] ? " " : "", b->entry);
	return span_str(out);
}

static void tell_audit(struct detector_baseline *d, const struct baseline *b,
		       enum baseline_mode from, const char *by)
{
	const struct alert_pair facts[] = {
		{ SPAN_LIT("by"), span_str(by) },
		{ SPAN_LIT("image"), span_str(b->repository) },
		{ SPAN_LIT("entrypoint"), span_str(b->entry) },
		{ SPAN_LIT("from"), span_str(baseline_mode_names[from]) },
		{ SPAN_LIT("to"), span_str(baseline_mode_names[b->mode]) },
	};

	audit_change(d->audit, "baseline.mode", "the mode of an image was changed", facts,
		     sizeof(facts) / sizeof(facts[0]), false);
}

/* What is not learned cannot be told from what does not belong. */
int image_may_enforce(const struct detector_baseline *d, const struct image *i, struct err *e)
{
	const struct baseline *b = i->baseline;
	char missing[160] = "";

	for (unsigned c = 0; c < BASELINE_CLASS_COUNT; c++) {
		const bool acts = b->actions[c] != ENFORCE_ALERT;

		if (acts && !b->sets[c].complete_ns[PHASE_STEADY]) {
			size_t n = strlen(missing);

			snprintf(missing + n, sizeof(missing) - n, "%s%s", n ? ", " : "",
				 baseline_class_names[c]);
		}
	}
	if (missing[0])
		return err_set(e, EPERM, "%s is not learned yet: %s", b->repository, missing);
	if (i->cannot_enforce)
		return err_set(e, EPERM, "%s cannot be enforced: %s", b->repository, i->why_not);
	if (strcmp(d->services.layer(d->services.agent), "off") == 0)
		return err_set(e, EPERM, "the kernel sensor is off: nothing can be enforced");
	return 0;
}

int image_set_mode(struct detector_baseline *d, struct image *i, enum baseline_mode mode,
		   const char *by, struct err *e)
{
	struct baseline *b = i->baseline;
	const enum baseline_mode from = b->mode;

	if (mode == from)
		return 0;
	/* one container whose first process has another root is no reason for ever: a person may
	 * ask again */
	if (mode == MODE_ENFORCE && strcmp(by, "root") == 0)
		i->cannot_enforce = false;
	int r = mode == MODE_ENFORCE ? image_may_enforce(d, i, e) : 0;

	if (r < 0)
		return r;
	b->mode = mode;
	b->mode_since_ns = baseline_now_ns(d);
	if (mode >= MODE_DETECT && !b->promoted_ns)
		b->promoted_ns = b->mode_since_ns;
	snprintf(b->mode_by, sizeof(b->mode_by), "%s", by);
	b->dirty = true;
	baseline_store_save_now(d->store, b);
	tell_audit(d, b, from, by);
	log_info("mode of an image", "image", b->repository, "entrypoint", b->entry, "from",
		 baseline_mode_names[from], "to", baseline_mode_names[mode], "by", by, NULL);
	if (mode == MODE_ENFORCE) {
		char key[IMAGE_KEY_BYTES];

		image_known_changed(i); /* what was learned meanwhile may run */
		breaker_reset(d->breaker, image_key(i, key));
	}
	enforce_image(d, i);
	return 0;
}

/* "nginx=enforce": by the repository as it is normalised, or as people write it. */
static bool fits(const struct baseline *b, struct span text)
{
	char pattern[CONFIG_TEXT_BYTES], whole[BASELINE_NAME_BYTES];

	snprintf(pattern, sizeof(pattern), "%.*s", (int)text.n, text.p);
	baseline_repository(text, SPAN_LIT(""), whole);
	return fnmatch(pattern, b->repository, 0) == 0 || fnmatch(whole, b->repository, 0) == 0;
}

static bool mode_of_config(const struct detector_baseline *d, const struct baseline *b,
			   enum baseline_mode *mode)
{
	const struct config_list *list = &d->services.config->baseline_images;

	for (uint32_t k = 0; k < list->n; k++) {
		const char *item = list->items[k], *equals = strrchr(item, '=');

		if (equals && baseline_mode_parse(span_str(equals + 1), mode) &&
		    fits(b, (struct span){ item, (size_t)(equals - item) }))
			return true;
	}
	return false;
}

void modes_of_config(struct detector_baseline *d, struct image *i)
{
	struct baseline *b = i->baseline;
	enum baseline_mode mode;
	struct err e = { "" };

	for (unsigned k = 0; k < BASELINE_CLASS_COUNT; k++)
		b->actions[k] = (char)d->services.config->baseline_actions[k];
	if (!mode_of_config(d, b, &mode))
		return;
	/* what did harm is not begun again by a restart: a person sets it */
	if (mode == MODE_ENFORCE && strcmp(b->mode_by, "breaker") == 0)
		return;
	/* not learned yet: asked again when more is known */
	if (image_set_mode(d, i, mode, "config", &e) < 0 && b->mode < MODE_DETECT &&
	    baseline_complete(b))
		log_warning("mode of an image stays as it is", "image", b->repository, "reason",
			    e.text, NULL);
}

void image_promote(struct detector_baseline *d, struct image *i)
{
	enum baseline_mode wanted = MODE_DETECT;
	struct err e = { "" };

	if (mode_of_config(d, i->baseline, &wanted) && wanted < MODE_DETECT)
		return; /* it is to be learned for ever */
	if (i->baseline->mode == MODE_LEARN && d->services.config->baseline_promote &&
	    baseline_complete(i->baseline))
		image_set_mode(d, i, MODE_DETECT, "bulkhead", &e);
	if (i->baseline->mode == MODE_DETECT && wanted == MODE_ENFORCE)
		modes_of_config(d, i);
}
