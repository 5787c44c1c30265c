// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/kmsg.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

/* PRINTKRINGBUFFER record limit: a shorter buffer would make the kernel skip the record. */
#define RECORD_BYTES	 8192
#define RECORDS_PER_TURN 256
#define COMM_BYTES	 15
#define FIRST_NOT_KERNEL 8 /* priority: facility * 8 + level; the kernel's own facility is 0 */

struct kmsg {
	int fd;
	struct loop_source *source;
	kmsg_oom_fn fn;
	void *ctx;
	uint64_t lost, next_seq;
	char record[RECORD_BYTES + 1];
};

/* --- one record --------------------------------------------------------------------------------
 */

static int hex_value(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undoes the kernel's \xNN of control bytes, backslashes and bytes beyond ASCII. */
static struct span unescape(struct span in, char *mem, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < in.n && n < cap; i++) {
		bool escaped = i + 3 < in.n && in.p[i] == '\\' && in.p[i + 1] == 'x';
		int hi = escaped ? hex_value(in.p[i + 2]) : -1;
		int lo = escaped ? hex_value(in.p[i + 3]) : -1;

		if (hi < 0 || lo < 0) {
			mem[n++] = in.p[i];
			continue;
		}
		mem[n++] = (char)(hi << 4 | lo);
		i += 3;
	}
	return (struct span){ mem, n };
}

/* Where `literal` begins in s at or after `from`; SIZE_MAX when it does not. */
static size_t find(struct span s, size_t from, const char *literal)
{
	size_t n = strlen(literal);
	const char *hit = from <= s.n ? memmem(s.p + from, s.n - from, literal, n) : NULL;

	return hit ? (size_t)(hit - s.p) : SIZE_MAX;
}

/* Cuts "<key><number>" off the right end of *s. */
static bool cut_number(struct span *s, const char *key, uint32_t *out)
{
	size_t n = strlen(key), i = s->n;

	while (i > 0 && s->p[i - 1] >= '0' && s->p[i - 1] <= '9')
		i--;
	if (i < n || memcmp(s->p + i - n, key, n) != 0 ||
	    !parse_u32((struct span){ s->p + i, s->n - i }, out))
		return false;
	s->n = i - n;
	return true;
}

static bool store(char *to, size_t cap, struct span s)
{
	if (s.n >= cap || memchr(s.p, '\0', s.n))
		return false;
	memcpy(to, s.p, s.n);
	to[s.n] = '\0';
	return true;
}

/* Cuts ",task=<comm>" off the right end. A name may itself hold ",task=": the leftmost place from
 * which the rest is short enough for a name is taken. */
static bool cut_comm(struct span *s, struct kmsg_oom *out)
{
	static const char key[] = ",task=";
	size_t key_n = sizeof(key) - 1;
	size_t from = s->n > COMM_BYTES + key_n ? s->n - COMM_BYTES - key_n : 0;
	size_t at = find(*s, from, key);

	if (at == SIZE_MAX || !store(out->comm, sizeof(out->comm),
				     (struct span){ s->p + at + key_n, s->n - at - key_n }))
		return false;
	s->n = at;
	return true;
}

static bool is_below(struct span task, struct span oom)
{
	if (span_eq(oom, "/"))
		return task.n > 0 && task.p[0] == '/';
	return task.n >= oom.n && memcmp(task.p, oom.p, oom.n) == 0 &&
	       (task.n == oom.n || task.p[oom.n] == '/');
}

/* "<oom path>,task_memcg=<task path>". A container may name a cgroup of its own like the separator,
 * to have its kill counted for another one; but the victim lies at or below the cgroup whose limit
 * was hit, and only the true separator gives such a pair. */
static bool split_paths(struct span s, struct kmsg_oom *out)
{
	static const char key[] = ",task_memcg=";
	size_t key_n = sizeof(key) - 1;

	for (size_t at = find(s, 0, key); at != SIZE_MAX; at = find(s, at + 1, key)) {
		struct span oom = { s.p, at }, task = { s.p + at + key_n, s.n - at - key_n };

		if (is_below(task, oom))
			return store(out->oom_memcg, sizeof(out->oom_memcg), oom) &&
			       store(out->task_memcg, sizeof(out->task_memcg), task);
	}
	return false;
}

static bool parse_text(struct span s, struct kmsg_oom *out)
{
	static const char by_limit[] = ",oom_memcg=/", by_host[] = ",global_oom,task_memcg=/";
	struct kmsg_oom got = { .pid = 0 };
	uint32_t uid, pid;

	if (!cut_number(&s, ",uid=", &uid) || !cut_number(&s, ",pid=", &pid) || pid == 0 ||
	    pid > INT_MAX || !cut_comm(&s, &got))
		return false;
	got.pid = (pid_t)pid;
	/* what stands before can be named by a container too (cpuset=), but holds no slash */
	size_t limit = find(s, 0, by_limit), host = find(s, 0, by_host);

	if (limit < host) {
		size_t skip = limit + sizeof(by_limit) - 2; /* the slash stays */

		if (!split_paths((struct span){ s.p + skip, s.n - skip }, &got))
			return false;
	} else if (host != SIZE_MAX) {
		size_t skip = host + sizeof(by_host) - 2;

		if (!store(got.oom_memcg, sizeof(got.oom_memcg), SPAN_LIT("/")) ||
		    !store(got.task_memcg, sizeof(got.task_memcg),
			   (struct span){ s.p + skip, s.n - skip }))
			return false;
	} else {
		return false;
	}
	*out = got;
	return true;
}

bool kmsg_parse(struct span record, struct kmsg_oom *out)
{
	char mem[RECORD_BYTES];
	struct span head, priority, text;
	uint32_t prio;

	if (!span_next(&record, ';', &head) || !record.p || !span_next(&head, ',', &priority) ||
	    !parse_u32(priority, &prio) || prio >= FIRST_NOT_KERNEL)
		return false; /* any root process can write to /dev/kmsg */
	if (!span_next(&record, '\n', &text) || !span_starts(text, "oom-kill:constraint="))
		return false;
	return parse_text(unescape(text, mem, sizeof(mem)), out);
}

/* --- the device ---------------------------------------------------------------------------------
 */

/* Numbers are consecutive: a gap is what was overwritten before it was read. */
static void count_lost(struct kmsg *k, struct span record)
{
	struct span head, piece;
	uint64_t seq;

	if (!span_next(&record, ';', &head) || !span_next(&head, ',', &piece) ||
	    !span_next(&head, ',', &piece) || !parse_u64(piece, &seq))
		return;
	if (k->next_seq > 0 && seq > k->next_seq)
		k->lost += seq - k->next_seq;
	k->next_seq = seq + 1;
}

static void on_readable(void *ctx, uint32_t events)
{
	struct kmsg *k = ctx;

	(void)events;
	for (int i = 0; i < RECORDS_PER_TURN; i++) {
		ssize_t n = read(k->fd, k->record, RECORD_BYTES);

		if (n < 0 && (errno == EINTR || errno == EPIPE))
			continue; /* EPIPE: overwritten; the next number tells how many */
		if (n < 0 && errno == EINVAL) {
			k->lost++; /* longer than any record should be: the kernel skipped it */
			continue;
		}
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) { /* the end of what is no device, or a broken one: do not spin */
			loop_remove(k->source);
			k->source = NULL;
			return;
		}
		struct span record = { k->record, (size_t)n };
		struct kmsg_oom oom;

		count_lost(k, record);
		if (kmsg_parse(record, &oom))
			k->fn(k->ctx, &oom);
	}
}

int kmsg_new(struct kmsg **out, struct loop *loop, const char *path, kmsg_oom_fn fn, void *ctx,
	     struct err *e)
{
	AUTO(kmsg_free) struct kmsg *k = calloc(1, sizeof(*k));

	if (!k)
		return err_errno(e, "kernel log");
	k->fn = fn;
	k->ctx = ctx;
	k->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (k->fd < 0)
		return err_errno(e, "cannot open kernel log '%s'", path);
	if (lseek(k->fd, 0, SEEK_END) < 0 && errno != ESPIPE)
		return err_errno(e, "cannot go to the end of '%s'", path);
	int r = loop_add_fd(loop, k->fd, EPOLLIN, on_readable, k, &k->source, e);

	if (r < 0)
		return err_prefix(e, r, "kernel log '%s'", path);
	*out = TAKE(k);
	return 0;
}

void kmsg_free(struct kmsg *k)
{
	if (!k)
		return;
	loop_remove(k->source);
	if (k->fd >= 0)
		close(k->fd);
	free(k);
}

uint64_t kmsg_lost(const struct kmsg *k)
{
	return k->lost;
}
