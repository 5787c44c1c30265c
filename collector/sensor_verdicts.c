// SPDX-License-Identifier: GPL-2.0-or-later
/* What an image is allowed, in the programs' maps: verdicts of files, directories and scripts,
 * peers, and which containers are held to it. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/verdict_key.h"
#include "collector/sensor_internal.h"

#define BATCH 4096 /* entries of a map read at once */

/* --- keys --------------------------------------------------------------------------------------
 */

void sensor_verdict_key(struct verdict_key *out, uint32_t image, const struct event_file *f,
			uint32_t type)
{
	struct event_file file = *f;

	/* who looked it up by its path cannot know more of an overlay than that it is one */
	if (file.flags & FILE_OVERLAY)
		file.flags |= FILE_MERGED;
	verdict_key_of(out, image, &file, type);
}

void sensor_directory_key(struct verdict_key *out, uint32_t image, const struct event_file *f)
{
	struct event_file directory = *f;

	directory.inode = f->parent_inode;
	sensor_verdict_key(out, image, &directory, EVENT_MKDIR);
}

int sensor_script_key(const struct sensor *s, uint32_t image, struct span filename,
		      struct verdict_key *out)
{
	char text[SCRIPT_NAME_BYTES] = { 0 };
	const __u64 *seed = (const __u64 *)s->skeleton->rodata->script_seed;
	struct sip sip;
	uint64_t word;

	if (filename.n == 0 || memchr(filename.p, '\0', filename.n))
		return -EINVAL;
	if (filename.n >= sizeof(text))
		return -ENAMETOOLONG;
	memcpy(text, filename.p, filename.n);
	sip_begin(&sip, seed[0], seed[1]);
	for (size_t i = 0; i < sizeof(text); i += sizeof(word)) {
		memcpy(&word, text + i, sizeof(word));
		sip_word(&sip, word);
	}
	script_key_of(out, image, sip_end(&sip, sizeof(text)));
	return 0;
}

/* --- verdicts and peers ------------------------------------------------------------------------
 */

static void want_checks(struct sensor *s, uint8_t wanted)
{
	struct sensor_switches *w = sensor_switches(s);

	if (wanted & DENIES_CONNECT)
		sensor_attach_late(s);
	w->denies |= wanted;
}

/* 1: it was not there before. */
static int put(int fd, const void *key, const void *value)
{
	if (bpf_map_update_elem(fd, key, value, BPF_NOEXIST) == 0)
		return 1;
	if (errno == EEXIST && bpf_map_update_elem(fd, key, value, BPF_EXIST) == 0)
		return 0;
	return -errno;
}

static int take_out(int fd, const void *key)
{
	if (bpf_map_delete_elem(fd, key) == 0)
		return 1;
	return errno == ENOENT ? 0 : -errno;
}

static int set(int fd, const void *key, enum verdict v, uint64_t *n, uint64_t *refused)
{
	uint32_t value = v;
	int r = v == VERDICT_NONE ? take_out(fd, key) : put(fd, key, &value);

	if (r > 0)
		*n += v == VERDICT_NONE ? UINT64_MAX : 1;
	if (r < 0 && v != VERDICT_NONE)
		(*refused)++;
	return r < 0 ? r : 0;
}

int sensor_set_verdict(struct sensor *s, const struct verdict_key *k, enum verdict v)
{
	if (v == VERDICT_DENY) { /* from here on opens and execs are looked at before they happen */
		s->denied_files = true;
		want_checks(s, DENIES_OPEN | DENIES_EXEC);
	}
	return set(bpf_map__fd(s->skeleton->maps.verdicts), k, v, &s->verdicts_n,
		   &s->verdicts_refused);
}

int sensor_set_peer(struct sensor *s, const struct sensor_peer *p, enum verdict v)
{
	const uint32_t most = p->family == AF_INET6 ? 128 : 32;
	struct peer_key k = {
		.prefixlen = PEER_PREFIX + p->prefix_bits,
		.image = p->image,
		.protocol = p->protocol,
		.version = p->family == AF_INET6 ? 6 : 4,
		.port = htons(p->port),
	};

	if ((p->family != AF_INET && p->family != AF_INET6) || p->prefix_bits > most ||
	    (v != VERDICT_NONE && v != VERDICT_ALLOW && v != VERDICT_DROP))
		return -EINVAL;
	memcpy(k.address, p->address, most / 8);
	return set(bpf_map__fd(s->skeleton->maps.peers), &k, v, &s->peers_n, &s->peers_refused);
}

/* --- all entries of a map that belong together -------------------------------------------------
 */

struct walk {
	int fd;
	size_t key_bytes, value_bytes;
	/* May change or remove the entry: a hash is read by buckets, and a trie whose place was
	 * removed is walked again from its begin, which then has fewer of them. */
	void (*each)(void *ctx, const void *key, const void *value);
	void *ctx;
};

static int walk_map(const struct walk *w)
{
	AUTO_FREE uint8_t *keys = calloc(BATCH, w->key_bytes);
	AUTO_FREE uint8_t *values = calloc(BATCH, w->value_bytes);
	uint64_t at[4] = { 0 }, next[4] = { 0 }; /* a trie's place is a whole key */
	bool begun = false, end = false;

	if (!keys || !values)
		return -ENOMEM;
	while (!end) {
		uint32_t count = BATCH;
		int r = bpf_map_lookup_batch(w->fd, begun ? at : NULL, next, keys, values, &count,
					     NULL);

		end = r < 0 && errno == ENOENT;
		if (r < 0 && !end)
			return -errno;
		for (uint32_t i = 0; i < count; i++)
			w->each(w->ctx, keys + i * w->key_bytes, values + i * w->value_bytes);
		memcpy(at, next, sizeof(at));
		begun = true;
	}
	return 0;
}

struct clearing {
	struct sensor *s;
	uint32_t image;
};

static void clear_verdict(void *ctx, const void *key, const void *value)
{
	const struct clearing *c = ctx;
	const struct verdict_key *k = key;

	(void)value;
	if (k->image == c->image)
		sensor_set_verdict(c->s, k, VERDICT_NONE);
}

static void clear_peer(void *ctx, const void *key, const void *value)
{
	const struct clearing *c = ctx;
	const struct peer_key *k = key;

	(void)value;
	if (k->image == c->image)
		set(bpf_map__fd(c->s->skeleton->maps.peers), k, VERDICT_NONE, &c->s->peers_n,
		    &c->s->peers_refused);
}

int sensor_clear_image(struct sensor *s, uint32_t image)
{
	struct clearing c = { s, image };
	int r = walk_map(&(struct walk){ bpf_map__fd(s->skeleton->maps.verdicts),
					 sizeof(struct verdict_key), sizeof(uint32_t),
					 clear_verdict, &c });
	int peers = walk_map(&(struct walk){ bpf_map__fd(s->skeleton->maps.peers),
					     sizeof(struct peer_key), sizeof(uint32_t), clear_peer,
					     &c });

	return r < 0 ? r : peers;
}

struct holding {
	struct sensor *s;
	uint64_t container;
	const struct cgroup_entry *like;
	int result;
};

static void hold(void *ctx, const void *key, const void *value)
{
	struct holding *h = ctx;
	struct cgroup_entry e;

	memcpy(&e, value, sizeof(e));
	if (e.kind != ENTRY_CONTAINER || e.container != h->container)
		return;
	e.image = h->like->image;
	e.enforce = h->like->enforce;
	e.mask = h->like->mask;
	if (h->like->first_pid)
		e.first_pid = h->like->first_pid;
	/* one that went meanwhile stays away */
	if (bpf_map_update_elem(bpf_map__fd(h->s->skeleton->maps.cgroups), key, &e, BPF_EXIST) <
		    0 &&
	    errno != ENOENT)
		h->result = -errno;
}

int sensor_hold_container(struct sensor *s, uint64_t container, const struct cgroup_entry *like)
{
	struct holding h = { s, container, like, 0 };
	int r;

	sensor_enforced(s, like->enforce, false);
	r = walk_map(&(struct walk){ bpf_map__fd(s->skeleton->maps.cgroups), sizeof(uint64_t),
				     sizeof(struct cgroup_entry), hold, &h });
	return r < 0 ? r : h.result;
}

/* What each kind of refusal cannot do without. */
static const struct {
	uint32_t flag;
	const char *program;
} refusers[] = {
	{ ENFORCE_EXEC_DENY, "check_bprm" },
	{ ENFORCE_WRITE_DENY, "check_file_open" },
	{ ENFORCE_WRITE_DENY, "check_path_mknod" },
	{ ENFORCE_WRITE_DENY, "check_path_mkdir" },
	{ ENFORCE_WRITE_DENY, "check_path_unlink" },
	{ ENFORCE_WRITE_DENY, "check_path_rmdir" },
	{ ENFORCE_WRITE_DENY, "check_path_rename" },
	{ ENFORCE_WRITE_DENY, "check_path_link" },
	{ ENFORCE_WRITE_DENY, "check_path_symlink" },
	{ ENFORCE_WRITE_DENY, "check_path_truncate" },
	{ ENFORCE_CONNECT_DENY, "check_socket_connect" },
	{ ENFORCE_CONNECT_DENY, "check_socket_sendmsg" },
};

static bool is_on(const struct sensor *s, const char *program)
{
	for (size_t i = 0; i < s->compiled_n; i++)
		if (strcmp(s->programs[i].name, program) == 0)
			return s->programs[i].on;
	return false;
}

bool sensor_can_enforce(struct sensor *s, uint32_t flags)
{
	/* without it the runtime would be taken for the container */
	if ((flags & ENFORCE_ACTIONS) && !sensor_switches(s)->host_mounts)
		return false;
	if (flags & ENFORCE_CONNECT_DENY)
		sensor_attach_late(s);
	for (size_t i = 0; i < sizeof(refusers) / sizeof(refusers[0]); i++)
		if ((flags & refusers[i].flag) && !is_on(s, refusers[i].program))
			return false;
	return true;
}

void sensor_enforced(struct sensor *s, uint32_t flags, bool all)
{
	uint8_t wanted = s->denied_files ? DENIES_OPEN | DENIES_EXEC : 0;

	if (s->mode != SENSOR_TRAMPOLINE)
		return;
	if (flags & ENFORCE_EXEC_DENY)
		wanted |= DENIES_EXEC;
	if (flags & ENFORCE_WRITE_DENY)
		wanted |= DENIES_WRITE;
	if (flags & ENFORCE_CONNECT_DENY)
		wanted |= DENIES_CONNECT;
	want_checks(s, wanted);
	if (all)
		sensor_switches(s)->denies = wanted;
}

void sensor_set_dull(struct sensor *s, uint64_t container, const struct event_open *o)
{
	const struct dull_key k = { .container = container,
				    .inode = o->file.inode,
				    .device = o->file.device,
				    .access = o->access };
	const uint32_t one = 1;

	bpf_map_update_elem(bpf_map__fd(s->skeleton->maps.dull), &k, &one, BPF_ANY);
}
