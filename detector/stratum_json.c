// SPDX-License-Identifier: GPL-2.0-or-later
/* No tree is built: the message may end in the middle of a word, and what matters are the names of
 * its members down to the third level and a few short texts. */
#include "detector/stratum_json.h"

#include <stdio.h>
#include <string.h>

#define DEPTH	   32
#define TEXT_BYTES 128

/* Names of members that a dialect has in "params" or "result". */
enum member {
	HAS_LOGIN = 1 << 0,
	HAS_PASS = 1 << 1,
	HAS_AGENT = 1 << 2,
	HAS_ALGO = 1 << 3,
	HAS_JOB_ID = 1 << 4,
	HAS_BLOB = 1 << 5,
	HAS_TARGET = 1 << 6,
	HAS_SEED_HASH = 1 << 7,
	HAS_NONCE = 1 << 8,
	HAS_ID = 1 << 9,
	HAS_JOB = 1 << 10,
	HAS_RIG = 1 << 11,
};
static const struct {
	const char *name;
	enum member bit;
} members[] = {
	{ "login", HAS_LOGIN },	  { "pass", HAS_PASS },
	{ "agent", HAS_AGENT },	  { "algo", HAS_ALGO },
	{ "job_id", HAS_JOB_ID }, { "blob", HAS_BLOB },
	{ "target", HAS_TARGET }, { "seed_hash", HAS_SEED_HASH },
	{ "nonce", HAS_NONCE },	  { "id", HAS_ID },
	{ "job", HAS_JOB },	  { "rigid", HAS_RIG },
};

struct walk {
	struct span rest;
	struct stratum_seen *out;
	unsigned depth;
	bool object[DEPTH];	   /* else an array */
	char key[DEPTH][16];	   /* the member that is read on each level */
	unsigned elements[DEPTH];  /* values so far on each level */
	bool at_key;		   /* a member's name is next */
	bool cut;		   /* the bytes end within a text */
	char text[TEXT_BYTES + 1]; /* of the string that was read last */
	size_t text_n;
	uint32_t have; /* enum member */
	bool has_method, has_api_key, says_mining;
	char first[STRATUM_MAX_TEXT + 1]; /* text of an array "params" */
};

static void keep(char *to, size_t cap, const struct walk *w)
{
	snprintf(to, cap, "%s", w->text);
}

static int escaped(struct span *s)
{
	const char c = s->p[0];

	if (c != 'u') {
		*s = (struct span){ s->p + 1, s->n - 1 };
		return c == 'n' || c == 'r' || c == 't' || c == 'b' || c == 'f' ? ' ' : c;
	}
	uint64_t v;

	if (s->n < 5 || !parse_hex_u64((struct span){ s->p + 1, 4 }, &v))
		return -1;
	*s = (struct span){ s->p + 5, s->n - 5 };
	return v >= ' ' && v < 0x7f ? (int)v : '?';
}

/* Behind its first quote; escapes are undone, so that "m\u0069ning" is no disguise. */
static void read_string(struct walk *w)
{
	struct span s = w->rest;

	w->text_n = 0;
	while (s.n > 0 && s.p[0] != '"') {
		int c = (uint8_t)s.p[0];

		s = (struct span){ s.p + 1, s.n - 1 };
		if (c == '\\') {
			c = s.n > 0 ? escaped(&s) : -1;
			if (c < 0)
				s.n = 0;
		}
		if (c >= 0 && w->text_n < TEXT_BYTES)
			w->text[w->text_n++] = (char)(c < ' ' || c >= 0x7f ? '?' : c);
	}
	w->text[w->text_n] = '\0';
	w->cut = s.n == 0;
	w->rest = s.n ? (struct span){ s.p + 1, s.n - 1 } : s;
}

static bool is_below(const struct walk *w, unsigned level, const char *name)
{
	return w->depth > level && w->object[level] && strcmp(w->key[level], name) == 0;
}

static void take_key(struct walk *w)
{
	const unsigned level = w->depth - 1;

	snprintf(w->key[level], sizeof(w->key[level]), "%s", w->text);
	if (w->cut)
		return;
	if (level == 0) {
		w->has_method |= strcmp(w->text, "method") == 0;
		w->has_api_key |= strcmp(w->text, "api_key") == 0;
	}
	if (level == 0 || (!is_below(w, 0, "params") && !is_below(w, 0, "result")))
		return;
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (strcmp(w->text, members[i].name) == 0)
			w->have |= members[i].bit;
}

static void take_text(struct walk *w)
{
	const unsigned level = w->depth - 1;
	const char *key = w->object[level] ? w->key[level] : "";

	/* a pool's answer to mining.subscribe names what it will send */
	w->says_mining |= !w->cut && w->depth > 1 && strncmp(w->text, "mining.", 7) == 0;
	if (level == 0 && strcmp(key, "method") == 0 && !w->cut)
		keep(w->out->method, sizeof(w->out->method), w);
	if (level == 1 && is_below(w, 0, "params")) {
		if (strcmp(key, "login") == 0 || strcmp(key, "user") == 0)
			keep(w->out->account, sizeof(w->out->account), w);
		else if (strcmp(key, "agent") == 0)
			keep(w->out->agent, sizeof(w->out->agent), w);
		else if (!w->object[level] && w->elements[level] == 0)
			keep(w->first, sizeof(w->first), w);
	}
}

static void open_level(struct walk *w, bool object)
{
	if (w->depth < DEPTH) {
		w->object[w->depth] = object;
		w->key[w->depth][0] = '\0';
		w->elements[w->depth] = 0;
	}
	w->depth++;
	w->at_key = object;
}

/* True: a message has ended. */
static bool step(struct walk *w)
{
	const char c = w->rest.p[0];

	w->rest = (struct span){ w->rest.p + 1, w->rest.n - 1 };
	const bool inside = w->depth > 0 && w->depth <= DEPTH;

	switch (c) {
	case '{':
	case '[':
		open_level(w, c == '{');
		break;
	case '}':
	case ']':
		w->depth -= w->depth > 0;
		w->at_key = false;
		return w->depth == 0;
	case ',':
		if (inside) {
			w->elements[w->depth - 1]++;
			w->at_key = w->object[w->depth - 1];
		}
		break;
	case '"':
		read_string(w);
		if (inside && w->at_key)
			take_key(w);
		else if (inside)
			take_text(w);
		w->at_key = false;
		break;
	default:
		break;
	}
	return false;
}

/* --- what it is ---------------------------------------------------------------------------- */

static bool is_one_of(const char *s, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(s, *list) == 0)
			return true;
	return false;
}

static void bitcoin(struct walk *w)
{
	static const char *const of_pools[] = { "mining.notify",
						"mining.set_difficulty",
						"mining.set_target",
						"mining.set_extranonce",
						"mining.set_version_mask",
						"mining.set",
						"mining.ping",
						NULL };

	w->out->dialect = STRATUM_BITCOIN;
	w->out->by_pool = is_one_of(w->out->method, of_pools) || !w->has_method;
	if (strcmp(w->out->method, "mining.authorize") == 0)
		snprintf(w->out->account, sizeof(w->out->account), "%s", w->first);
	else if (strcmp(w->out->method, "mining.subscribe") == 0)
		snprintf(w->out->agent, sizeof(w->out->agent), "%.63s", w->first);
}

static void ethereum(struct walk *w)
{
	w->out->dialect = STRATUM_ETHEREUM;
	if (strstr(w->out->method, "ogin"))
		snprintf(w->out->account, sizeof(w->out->account), "%s", w->first);
}

/* The rest of a login may lie beyond the first bytes: a name as long as a wallet's is one. */
static bool is_wallet(const char *account)
{
	return strlen(account) >= 40 && !strpbrk(account, " @/");
}

/* Many programs have a "login" and a "submit": it is a miner's by what comes with it. */
static bool is_monero(const struct walk *w)
{
	const char *m = w->out->method;
	const uint32_t h = w->have;

	if (strcmp(m, "login") == 0)
		return (h & HAS_LOGIN && (h & (HAS_PASS | HAS_AGENT | HAS_ALGO | HAS_RIG) ||
					  is_wallet(w->out->account))) ||
		       w->has_api_key;
	if (strcmp(m, "submit") == 0)
		return h & HAS_JOB_ID || (h & HAS_NONCE && h & HAS_ID);
	if (strcmp(m, "keepalived") == 0)
		return true;
	if (strcmp(m, "job") == 0)
		return h & HAS_BLOB || (h & HAS_JOB_ID && h & HAS_TARGET);
	/* the pool's answer to a login */
	return !w->has_method && h & HAS_JOB && h & (HAS_BLOB | HAS_JOB_ID);
}

static bool classify(struct walk *w, bool is_http)
{
	static const char *const of_ethereum[] = { "eth_submitLogin",	 "eth_login",
						   "eth_getWork",	 "eth_submitWork",
						   "eth_submitHashrate", NULL };
	static const char *const of_nodes[] = { "getwork",	     "getblocktemplate",
						"getminingtemplate", "get_block_template",
						"getblockwork",	     NULL };
	struct stratum_seen *out = w->out;

	if (strncmp(out->method, "mining.", 7) == 0 || (w->says_mining && !w->has_method)) {
		bitcoin(w);
	} else if (is_one_of(out->method, of_ethereum)) {
		ethereum(w);
		/* a node of the network answers the same over HTTP */
		if (is_http && strcmp(out->method, "eth_getWork") == 0)
			out->dialect = STRATUM_WORK;
	} else if (is_monero(w)) {
		out->dialect = STRATUM_MONERO;
		out->by_pool = strcmp(out->method, "job") == 0 || !w->has_method;
	} else if (is_one_of(out->method, of_nodes)) {
		out->dialect = STRATUM_WORK;
	}
	return out->dialect != STRATUM_NONE;
}

static void next_message(struct walk *w)
{
	w->have = 0;
	w->has_method = w->has_api_key = w->says_mining = false;
	w->first[0] = w->out->method[0] = w->out->account[0] = w->out->agent[0] = '\0';
}

enum stratum_result stratum_json(struct span s, bool is_http, struct stratum_seen *out)
{
	struct walk w = { .rest = s, .out = out };
	bool foreign = false;

	while (w.rest.n > 0) {
		if (!step(&w))
			continue;
		if (classify(&w, is_http))
			return STRATUM_FOUND;
		foreign |= w.has_method; /* it speaks of something else */
		next_message(&w);
	}
	if (w.depth > 0 && classify(&w, is_http))
		return STRATUM_FOUND;
	return foreign || w.depth > DEPTH ? STRATUM_NO : STRATUM_MORE;
}
