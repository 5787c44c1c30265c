/* SPDX-License-Identifier: GPL-2.0-or-later */
/* verdict_key - how files and scripts are named in the map of verdicts: one way for both sides. */
#ifndef BULKHEAD_BPF_VERDICT_KEY_H
#define BULKHEAD_BPF_VERDICT_KEY_H

#include "bpf/settings.h"

static inline void verdict_key_of(struct verdict_key *k, __u32 image, const struct event_file *f,
				  __u32 type)
{
	k->inode = f->inode;
	k->image = image;
	k->device = f->flags & FILE_MERGED ? 0 : f->device;
	/* an overlay's inodes have none; of a directory events tell its number alone, as that of a
	 * file's parent */
	k->generation = type == EVENT_MKDIR || f->flags & FILE_MERGED ? 0 : f->generation;
	k->type = type;
}

static inline void script_key_of(struct verdict_key *k, __u32 image, __u64 hash)
{
	k->inode = hash;
	k->image = image;
	k->device = 0;
	k->generation = 0;
	k->type = VERDICT_TYPE_SCRIPT;
}

/* --- SipHash-2-4 over whole words: names are padded with NULs, which no name holds ---------------
 */

struct sip {
	__u64 a, b, c, d;
};

static inline __u64 sip_turn(__u64 x, __u32 bits)
{
	return (x << bits) | (x >> (64 - bits));
}

static inline void sip_round(struct sip *s)
{
	s->a += s->b;
	s->b = sip_turn(s->b, 13) ^ s->a;
	s->a = sip_turn(s->a, 32);
	s->c += s->d;
	s->d = sip_turn(s->d, 16) ^ s->c;
	s->a += s->d;
	s->d = sip_turn(s->d, 21) ^ s->a;
	s->c += s->b;
	s->b = sip_turn(s->b, 17) ^ s->c;
	s->c = sip_turn(s->c, 32);
}

static inline void sip_begin(struct sip *s, __u64 key0, __u64 key1)
{
	s->a = key0 ^ 0x736f6d6570736575ULL;
	s->b = key1 ^ 0x646f72616e646f6dULL;
	s->c = key0 ^ 0x6c7967656e657261ULL;
	s->d = key1 ^ 0x7465646279746573ULL;
}

static inline void sip_word(struct sip *s, __u64 word)
{
	s->d ^= word;
	sip_round(s);
	sip_round(s);
	s->a ^= word;
}

/* `bytes`: of all words, which were given before. */
static inline __u64 sip_end(struct sip *s, __u32 bytes)
{
	sip_word(s, (__u64)bytes << 56);
	s->c ^= 0xff;
	sip_round(s);
	sip_round(s);
	sip_round(s);
	sip_round(s);
	return s->a ^ s->b ^ s->c ^ s->d;
}

#endif
