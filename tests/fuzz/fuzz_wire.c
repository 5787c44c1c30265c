// SPDX-License-Identifier: GPL-2.0-or-later
/* Input: one byte that picks a message, then its payload as the peer would send it. What decodes
 * must encode to something that decodes again to the same bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "collector/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t first[WIRE_FRAME_MAX], second[WIRE_FRAME_MAX];

#define MESSAGES(X)                                                                                \
	X(request)                                                                                 \
	X(response)                                                                                \
	X(container)                                                                               \
	X(container_end)                                                                           \
	X(host_sample)                                                                             \
	X(disk)                                                                                    \
	X(alert_segment)                                                                           \
	X(alert_line)                                                                              \
	X(alert_segment_gone)                                                                      \
	X(sinks)                                                                                   \
	X(sink_secret)                                                                             \
	X(sink_stats)                                                                              \
	X(events)                                                                                  \
	X(config)                                                                                  \
	X(serve_stats)

/* The bytes that the second encoding gives are compared with those of the first: the input itself
 * may be longer, since booleans and numbers have more than one way in. */
#define X(name)                                                                                    \
	static size_t recode_##name(struct span in, uint8_t *out, size_t cap)                      \
	{                                                                                          \
		static struct wire_##name m;                                                       \
		struct wire_writer w = { .p = out, .cap = cap };                                   \
		struct err e = { "" };                                                             \
                                                                                                   \
		if (wire_##name##_decode(in, &m, &e) < 0) {                                        \
			if (!e.text[0])                                                            \
				abort();                                                           \
			return 0;                                                                  \
		}                                                                                  \
		wire_##name##_encode(&w, &m);                                                      \
		return w.failed ? 0 : w.len;                                                       \
	}
MESSAGES(X)
#undef X

typedef size_t (*recode_fn)(struct span in, uint8_t *out, size_t cap);
static const recode_fn recode[] = {
#define X(name) recode_##name,
	MESSAGES(X)
#undef X
};
#define MESSAGES_N (sizeof(recode) / sizeof(recode[0]))

static void read_samples(struct span payload)
{
	struct wire_reader r = { .rest = payload };
	struct wire_sample s;
	struct err e = { "" };
	uint64_t unix_ns;
	uint32_t count;

	if (wire_samples_decode(&r, &unix_ns, &count, &e) < 0)
		return;
	if ((size_t)count * WIRE_SAMPLE_BYTES != r.rest.n)
		abort();
	while (count-- > 0)
		wire_sample_get(&r, &s);
	if (r.failed || wire_finish(&r, "samples", &e) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0 || size > WIRE_FRAME_MAX)
		return 0;
	struct span payload = { (const char *)data + 1, size - 1 };
	size_t which = data[0] % (MESSAGES_N + 1);

	if (which == MESSAGES_N) {
		read_samples(payload);
		return 0;
	}
	size_t n = recode[which](payload, first, sizeof(first));

	if (n == 0)
		return 0;
	if (recode[which]((struct span){ (const char *)first, n }, second, sizeof(second)) != n ||
	    memcmp(first, second, n) != 0)
		abort();
	return 0;
}
