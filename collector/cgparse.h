/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cgparse - readers of cgroup v1 and v2 counter files: text in, fields of struct sample out.
 *
 * Pure: no I/O, no allocation, any thread. Each returns true when the text was understood; on false
 * nothing was written (the two I/O readers may have written the lines before). A text that does not
 * end with a newline was cut and is refused, since its last number may be a part of one. Bits of
 * `have` that a file answers for are set or cleared. */
#ifndef BULKHEAD_CGPARSE_H
#define BULKHEAD_CGPARSE_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/base/parse.h"
#include "collector/sample.h"

/* Reads digits at *p and moves it behind them; false on none or overflow. For the hot files, which
 * hold some hundred numbers a sample: the span functions would look at each byte twice. */
static inline bool cgparse_take_u64(const char **p, const char *end, uint64_t *out)
{
	const char *q = *p;
	uint64_t v = 0;

	while (q < end && (unsigned)(*q - '0') <= 9) {
		if (__builtin_mul_overflow(v, 10U, &v) ||
		    __builtin_add_overflow(v, (unsigned)(*q - '0'), &v))
			return false;
		q++;
	}
	if (q == *p)
		return false;
	*p = q;
	*out = v;
	return true;
}

/* One number, as in cpuacct.usage or pids.current. */
bool cgparse_value(struct span text, uint64_t *out);
/* The same for limits: "max", "-1" and v1's "no limit" (beyond 2^62) are 0. */
bool cgparse_limit(struct span text, uint64_t *out);
/* The number after `key` at the start of a line: "oom_kill 3", "SwapTotal:   12 kB". */
bool cgparse_key(struct span text, const char *key, uint64_t *out);

/* memory.stat. v1: the total_* keys where there are any, both scopes of page faults. Does not touch
 * memory_usage, memory_working_set and SAMPLE_MEMORY: these need a second file. */
bool cgparse_memory_stat_v1(struct span text, struct sample *out);
bool cgparse_memory_stat_v2(struct span text, struct sample *out);
bool cgparse_memory_events(struct span text, struct sample *out); /* v2; failcnt is its `max` */
bool cgparse_oom_control(struct span text, struct sample *out);	  /* v1 */

/* cpu.stat of v1 (throttled_time, burst_time in ns) or v2 (all in us, with usage). */
bool cgparse_cpu_stat(struct span text, struct sample *out);
/* cpuacct.stat: user and system in ticks of user_hz. */
bool cgparse_cpuacct_stat(struct span text, uint64_t user_hz, struct sample *out);
/* cpuacct.usage_percpu: the first `cap` CPUs into cpus, all into *sum. */
bool cgparse_percpu(struct span text, uint64_t *cpus, uint32_t cap, uint32_t *n, uint64_t *sum);
bool cgparse_cpu_max(struct span text, uint64_t *quota_us, uint64_t *period_us);
/* cpu.weight as v1 shares, by the formula that runtimes use the other way round. */
bool cgparse_cpu_weight(struct span text, uint64_t *shares);

bool cgparse_psi(struct span text, struct sample_psi *out); /* "full" may be absent */

/* I/O files fill out->io; an entry that is new there has an empty `device`. `seen` gets a bit for
 * each entry that the text named: the caller drops the others. Devices beyond SAMPLE_MAX_DEVICES
 * are added to *refused. The number of lines that named a device, or -1 when not understood. */
struct cgparse_io {
	uint32_t seen;
	uint64_t refused;
};
enum cgparse_blkio { CGPARSE_BLKIO_BYTES, CGPARSE_BLKIO_OPS };
int cgparse_io_stat(struct span text, struct sample *out, struct cgparse_io *io);
int cgparse_blkio(struct span text, enum cgparse_blkio what, struct sample *out,
		  struct cgparse_io *io);

#endif
