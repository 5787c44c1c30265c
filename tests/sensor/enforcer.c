// SPDX-License-Identifier: GPL-2.0-or-later
/* enforcer - holds a container to what its image is allowed, on the kernel's side alone:
 *
 *   enforcer LAYER [FALLBACK]
 *
 * Loads the sensor in that layer (tracepoint, trampoline), says so by a line of JSON, and takes
 * commands by lines. Each is answered by a line: a number (-errno), or JSON.
 *
 *   hold CGROUP FLAGS FIRST      the container in that folder is of image 1 and has these flags;
 *                                FIRST: its first process, or 0
 *   file PID PATH TYPE VERDICT   of a file or directory as that process sees it, for such events
 *   script NAME VERDICT
 *   peer PROTOCOL PORT ADDRESS BITS VERDICT
 *   clear                        all verdicts and peers of the image
 *   fill COUNT                   verdicts of another image; how many were taken
 *   empty                        takes these away
 *   events                       those since the last time
 *   entry CGROUP                 what the programs know of it
 *   programs                     how many instructions the kernel looked at for each */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "collector/base/buf.h"
#include "collector/base/clock.h"
#include "collector/base/parse.h"
#include "collector/event_names.h"
#include "collector/event_view.h"
#include "collector/json_put.h"
#include "collector/sensor_internal.h"

#define IMAGE	    1
#define MAX_WORDS   8
#define EVENT_BYTES (64U << 20)
#define OVERLAY	    0x794c7630

static const struct {
	const char *name;
	enum verdict v;
} verdicts[] = {
	{ "none", VERDICT_NONE },	  { "drop", VERDICT_DROP },
	{ "report", VERDICT_REPORT },	  { "kill", VERDICT_KILL },
	{ "deny", VERDICT_DENY },	  { "allow", VERDICT_ALLOW },
	{ "below", VERDICT_ALLOW_BELOW }, { "scripts", VERDICT_ALLOW_SCRIPTS },
};

static int verdict_of(const char *name)
{
	for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
		if (strcmp(verdicts[i].name, name) == 0)
			return (int)verdicts[i].v;
	return -EINVAL;
}

static uint32_t number(const char *text)
{
	uint32_t v = 0;

	if (!parse_u32(span_str(text), &v)) {
		fprintf(stderr, "enforcer: '%s' is no number\n", text);
		exit(2);
	}
	return v;
}

static int hold(struct sensor *s, char **w)
{
	struct cgroup_entry entry = { .kind = ENTRY_CONTAINER,
				      .image = IMAGE,
				      .enforce = (uint16_t)number(w[2]),
				      .first_pid = number(w[3]) };
	struct stat st;

	if (stat(w[1], &st) < 0)
		return -errno;
	if (!sensor_can_enforce(s, entry.enforce))
		return -EOPNOTSUPP;
	entry.container = st.st_ino;
	int r = sensor_set_cgroup(s, st.st_ino, &entry);

	return r < 0 ? r : sensor_hold_container(s, st.st_ino, &entry);
}

static int file(struct sensor *s, char **w)
{
	struct event_file f = { .flags = FILE_KNOWN };
	struct verdict_key k;
	struct statfs fs;
	struct stat st;
	char path[4096];
	int v = verdict_of(w[4]), version = 0;

	snprintf(path, sizeof(path), "/proc/%s/root%s", w[1], w[2]);
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (v < 0 || fd < 0 || fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
		return v < 0 ? v : -errno;
	ioctl(fd, FS_IOC_GETVERSION, &version);
	f.inode = st.st_ino;
	f.device = major(st.st_dev) << 20 | minor(st.st_dev);
	f.generation = (uint32_t)version;
	if (fs.f_type == OVERLAY)
		f.flags |= FILE_OVERLAY;
	sensor_verdict_key(&k, IMAGE, &f, event_type_find(span_str(w[3])));
	return sensor_set_verdict(s, &k, (enum verdict)v);
}

static int script(struct sensor *s, char **w)
{
	struct verdict_key k;
	int v = verdict_of(w[2]);
	int r = sensor_script_key(s, IMAGE, span_str(w[1]), &k);

	return v < 0 ? v : r < 0 ? r : sensor_set_verdict(s, &k, (enum verdict)v);
}

static int peer(struct sensor *s, char **w)
{
	struct sensor_peer p = { .image = IMAGE,
				 .family = strchr(w[3], ':') ? AF_INET6 : AF_INET,
				 .protocol = (uint8_t)number(w[1]),
				 .port = (uint16_t)number(w[2]),
				 .prefix_bits = number(w[4]) };
	int v = verdict_of(w[5]);

	if (v < 0 || inet_pton(p.family, w[3], p.address) != 1)
		return -EINVAL;
	return sensor_set_peer(s, &p, (enum verdict)v);
}

static int fill(struct sensor *s, uint32_t count)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < count; i++) {
		const struct verdict_key k = { .inode = i, .image = 2, .type = EVENT_EXEC };

		n += sensor_set_verdict(s, &k, VERDICT_ALLOW) == 0;
	}
	return (int)n;
}

static int put_entry(struct sensor *s, const char *path, struct buf *b)
{
	struct cgroup_entry e;
	struct stat st;

	if (stat(path, &st) < 0 ||
	    bpf_map_lookup_elem(bpf_map__fd(s->skeleton->maps.cgroups), &st.st_ino, &e) < 0)
		return -errno;
	buf_printf(b, "{\"enforce\":%u,\"image\":%u,\"inherited\":%u,\"first_pid\":%u}", e.enforce,
		   e.image, e.inherited, e.first_pid);
	return 0;
}

static void put_programs(struct sensor *s, struct buf *b)
{
	struct bpf_program *p;

	bpf_object__for_each_program(p, s->skeleton->obj)
	{
		struct bpf_prog_info info = { 0 };
		uint32_t bytes = sizeof(info);

		if (bpf_obj_get_info_by_fd(bpf_program__fd(p), &info, &bytes) == 0)
			buf_printf(b, "%s\"%s\":%u", b->len ? "," : "{", bpf_program__name(p),
				   info.verified_insns);
	}
	buf_printf(b, "}");
}

static void on_record(void *ctx, const void *record, size_t bytes)
{
	struct buf *b = ctx;
	struct event_view v;

	/* others of the machine are told too: their cgroups are not known here */
	if (event_decode(record, bytes, &v, NULL) < 0 || !v.head->container_cgroup)
		return;
	const struct span path = v.strings[TAG_PATH].p ? v.strings[TAG_PATH] : v.strings[TAG_PATH2];

	if (b->len > 1)
		buf_printf(b, ",");
	buf_printf(b, "{\"type\":\"%s\",\"result\":%lld,\"pid\":%u", event_type_name(v.head->type),
		   (long long)v.head->result, v.head->pid);
	json_put_text(b, "path", path);
	json_put_text(b, "raw", v.strings[TAG_RAW]);
	json_put_bits(b, "flags", v.head->flags, event_flag_names, EVENT_FLAG_NAMES);
	if (v.network)
		buf_printf(b, ",\"port\":%u", ntohs(v.network->remote_port));
	buf_printf(b, "}");
}

static void put_events(struct sensor *s, struct buf *b)
{
	bool more = true;

	buf_printf(b, "[");
	while (more && sensor_consume(s, on_record, b, NS_PER_S, &more) >= 0)
		;
	buf_printf(b, "]");
}

static int run(struct sensor *s, char **w, size_t n, struct buf *b)
{
	if (strcmp(w[0], "hold") == 0 && n == 4)
		return hold(s, w);
	if (strcmp(w[0], "file") == 0 && n == 5)
		return file(s, w);
	if (strcmp(w[0], "script") == 0 && n == 3)
		return script(s, w);
	if (strcmp(w[0], "peer") == 0 && n == 6)
		return peer(s, w);
	if (strcmp(w[0], "clear") == 0)
		return sensor_clear_image(s, IMAGE);
	if (strcmp(w[0], "empty") == 0)
		return sensor_clear_image(s, 2);
	if (strcmp(w[0], "fill") == 0 && n == 2)
		return fill(s, number(w[1]));
	if (strcmp(w[0], "entry") == 0 && n == 2)
		return put_entry(s, w[1], b);
	if (strcmp(w[0], "programs") == 0) {
		put_programs(s, b);
		return 0;
	}
	if (strcmp(w[0], "events") == 0) {
		put_events(s, b);
		return 0;
	}
	return -ENOSYS;
}

static void serve(struct sensor *s)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	char line[8192];

	buf_init(&b, EVENT_BYTES);
	while (fgets(line, sizeof(line), stdin)) {
		char *words[MAX_WORDS] = { NULL }, *at = NULL;
		size_t n = 0;

		for (char *w = strtok_r(line, " \n", &at); w && n < MAX_WORDS;
		     w = strtok_r(NULL, " \n", &at))
			words[n++] = w;
		buf_clear(&b);
		int r = n ? run(s, words, n, &b) : 0;

		if (b.len && r == 0)
			printf("%.*s\n", (int)b.len, b.data);
		else
			printf("%d\n", r);
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	AUTO(sensor_free) struct sensor *s = NULL;
	struct err e = { "" };

	if (argc < 2) {
		fprintf(stderr, "usage: see the top of enforcer.c\n");
		return 2;
	}
	const struct sensor_settings settings = {
		.buffer_bytes = 32 << 20,
		.unified_fd = -1,
		.max_containers = 16,
		.fallback = argv[2],
		.need_trampoline = strcmp(argv[1], "trampoline") == 0,
		.no_trampoline = strcmp(argv[1], "tracepoint") == 0,
	};

	if (sensor_new(&s, &settings, &e) < 0) {
		fprintf(stderr, "enforcer: %s\n", e.text);
		return 1;
	}
	struct sensor_switches *w = sensor_switches(s);

	w->own_pid = (uint32_t)getpid();
	w->container_mask = ~(EVENT_BIT(EVENT_STAT) | EVENT_BIT(EVENT_RECV));
	printf("{\"mode\":\"%s\",\"load_ms\":%llu,\"host_mounts\":%u}\n",
	       sensor_mode_name(sensor_mode_of(s)),
	       (unsigned long long)(sensor_stats(s).load_ns / NS_PER_MS), w->host_mounts);
	fflush(stdout);
	serve(s);
	return 0;
}
