/* SPDX-License-Identifier: GPL-2.0-or-later */
/* baseline_key - which baseline a container has. Pure text, any thread. */
#ifndef BULKHEAD_BASELINE_KEY_H
#define BULKHEAD_BASELINE_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "collector/base/parse.h"
#include "detector/baseline.h"

struct baseline_key {
	char repository[BASELINE_NAME_BYTES]; /* "docker.io/library/nginx", or an image's id */
	char entry[BASELINE_CLASS_BYTES];     /* "nginx", "python app.py" */
};

/* "nginx:1.25", "docker.io/library/nginx@sha256:..", "mirror.gcr.io/library/nginx": one name.
 * Registries that mirror docker.io are known (registry-1.docker.io, index.docker.io,
 * mirror.gcr.io, public.ecr.aws/docker/library). "" and "sha256:.." give the image id. */
void baseline_repository(struct span image, struct span image_id, char out[BASELINE_NAME_BYTES]);

/* From the command that the container was made with ("/docker-entrypoint.sh nginx -g .."): base
 * name of the program; where that runs others (python, node, java, sh, busybox, env, tini, a
 * script) with the first argument that names what. Options and values that differ from container to
 * container (numbers, ids) are left out. "" when it is not known. */
void baseline_entry(struct span command, char out[BASELINE_CLASS_BYTES]);

#endif
