// SPDX-License-Identifier: GPL-2.0-or-later
/* Input: one byte that picks a reader, then the text: cgroup counter files, /dev/kmsg, net/dev,
 * numbers and times, and the writers that escape text of containers. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "collector/base/buf.h"
#include "collector/cgparse.h"
#include "collector/kmsg.h"
#include "collector/procstat.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sample sample;

static void must_end(const char *text, size_t cap)
{
	if (!memchr(text, 0, cap))
		abort();
}

static void memory(struct span text)
{
	cgparse_memory_stat_v1(text, &sample);
	cgparse_memory_stat_v2(text, &sample);
	cgparse_memory_events(text, &sample);
	cgparse_oom_control(text, &sample);
}

static void cpu(struct span text)
{
	uint64_t cpus[8], sum, quota, period, shares;
	uint32_t n = 0;

	cgparse_cpu_stat(text, &sample);
	cgparse_cpuacct_stat(text, 100, &sample);
	if (cgparse_percpu(text, cpus, 8, &n, &sum) && n > 8)
		abort();
	cgparse_cpu_max(text, &quota, &period);
	cgparse_cpu_weight(text, &shares);
}

static void values(struct span text)
{
	struct sample_psi psi;
	uint64_t v;

	cgparse_value(text, &v);
	cgparse_limit(text, &v);
	cgparse_key(text, "SwapTotal:", &v);
	cgparse_psi(text, &psi);
}

static void io(struct span text)
{
	struct cgparse_io io = { 0 };

	sample.io_n = 0;
	cgparse_io_stat(text, &sample, &io);
	cgparse_blkio(text, CGPARSE_BLKIO_BYTES, &sample, &io);
	cgparse_blkio(text, CGPARSE_BLKIO_OPS, &sample, &io);
	if (sample.io_n > SAMPLE_MAX_DEVICES)
		abort();
}

static void net_dev(struct span text)
{
	int n = procstat_parse_net_dev(text, &sample);

	if (n < 0 || n > SAMPLE_MAX_INTERFACES)
		abort();
	for (int i = 0; i < n; i++)
		must_end(sample.net[i].name, sizeof(sample.net[i].name));
}

static void kmsg(struct span text)
{
	struct kmsg_oom oom;

	if (!kmsg_parse(text, &oom))
		return;
	must_end(oom.task_memcg, sizeof(oom.task_memcg));
	must_end(oom.oom_memcg, sizeof(oom.oom_memcg));
	must_end(oom.comm, sizeof(oom.comm));
}

static void numbers(struct span text)
{
	uint64_t u;
	uint32_t v;
	int64_t i;
	double d;

	parse_u64(text, &u);
	parse_i64(text, &i);
	parse_u32(text, &v);
	parse_hex_u64(text, &u);
	parse_octal_u32(text, &v);
	if (parse_double(text, &d) && (d != d || d - d != 0))
		abort();
	parse_rfc3339_ns(text, &u);
}

/* What comes out holds no control byte that the format does not allow, and is valid UTF-8. */
static void check_escaped(const struct buf *b, const char *allowed)
{
	for (size_t i = 0; i < b->len;) {
		size_t n = utf8_len((struct span){ b->data + i, b->len - i });

		if (n == 0 || ((unsigned char)b->data[i] < ' ' && !strchr(allowed, b->data[i])))
			abort();
		i += n;
	}
}

static void escapes(struct span text)
{
	AUTO_BUF struct buf b = { .fd = -1 };

	buf_init(&b, 1 << 20);
	buf_add_json(&b, text);
	check_escaped(&b, "");
	buf_clear(&b);
	buf_add_visible(&b, text);
	check_escaped(&b, "");
	buf_clear(&b);
	buf_add_prom_label(&b, text);
	if (b.len && memchr(b.data, '\n', b.len))
		abort();
}

static void (*const readers[])(struct span) = { memory,	 cpu,  values,	io,
						net_dev, kmsg, numbers, escapes };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	memset(&sample, 0, sizeof(sample));
	readers[data[0] % (sizeof(readers) / sizeof(readers[0]))](
		(struct span){ (const char *)data + 1, size - 1 });
	return 0;
}
