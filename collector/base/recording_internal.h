/* SPDX-License-Identifier: GPL-2.0-or-later */
/* recording_internal - what the writer and the reader of a recording share. */
#ifndef BULKHEAD_BASE_RECORDING_INTERNAL_H
#define BULKHEAD_BASE_RECORDING_INTERNAL_H

#include "collector/base/recording.h"

/* As PNG's: the first byte is no text, and line ends show a transfer that changed them. */
#define RECORDING_MAGIC                                                                            \
	"\x8a"                                                                                     \
	"BHR\r\n\x1a\n"
#define RECORDING_MAGIC_BYTES 8
_Static_assert(sizeof(RECORDING_MAGIC) == RECORDING_MAGIC_BYTES + 1, "magic");

/* Content of a frame: a batch that is one byte short of full, and the longest item. */
#define RECORDING_FRAME_MAX (RECORDING_BATCH_BYTES + RECORDING_ITEM_HEAD + RECORDING_ITEM_MAX)

void recording_put_le(uint8_t *p, uint64_t v, size_t n);
uint64_t recording_get_le(const uint8_t *p, size_t n);
uint64_t recording_sum(const uint8_t *p, size_t n);

#endif
