// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/miner_command.h"

#include <stdio.h>
#include <string.h>

/* --- wallets ------------------------------------------------------------------------------- */

#define BASE58 "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

static bool is_of(struct span s, const char *letters)
{
	for (size_t i = 0; i < s.n; i++)
		if (!s.p[i] || !strchr(letters, s.p[i]))
			return false;
	return s.n > 0;
}

/* A block of Monero's base 58; false: it stands for more than so many bytes. */
static bool block_value(struct span s, unsigned bytes, uint64_t *out)
{
	unsigned __int128 v = 0;

	for (size_t i = 0; i < s.n; i++) {
		const char *at = s.p[i] ? strchr(BASE58, s.p[i]) : NULL;

		if (!at)
			return false;
		v = v * 58 + (unsigned)(at - BASE58);
		if (v >> (8 * bytes))
			return false;
	}
	*out = (uint64_t)v;
	return true;
}

bool miner_is_monero_address(struct span s)
{
	enum { STANDARD = 18, INTEGRATED = 19, SUBADDRESS = 42 };
	const size_t block = 11, last = 7; /* letters of 8 and of 5 bytes */
	uint64_t v, first = 0;

	if ((s.n != 95 && s.n != 106) || (s.p[0] != '4' && s.p[0] != '8'))
		return false;
	for (size_t at = 0; at + last < s.n; at += block) {
		if (!block_value((struct span){ s.p + at, block }, 8, &v))
			return false;
		if (at == 0)
			first = v >> 56;
	}
	if (!block_value((struct span){ s.p + s.n - last, last }, 5, &v))
		return false;
	return s.n == 95 ? first == STANDARD || first == SUBADDRESS : first == INTEGRATED;
}

const char *miner_other_wallet(struct span s)
{
	static const char hex[] = "0123456789abcdefABCDEF";
	static const char bech[] = "023456789acdefghjklmnpqrstuvwxyz";
	static const struct {
		const char *coin, *prefix;
		size_t least, most;
		const char *letters;
	} forms[] = {
		{ "Ethereum", "0x", 42, 42, hex },	{ "Bitcoin", "bc1", 42, 62, bech },
		{ "Litecoin", "ltc1", 43, 63, bech },	{ "Bitcoin", "1", 26, 35, BASE58 },
		{ "Bitcoin", "3", 26, 35, BASE58 },	{ "Zcash", "t1", 35, 35, BASE58 },
		{ "Ravencoin", "R", 34, 34, BASE58 },	{ "Dogecoin", "D", 34, 34, BASE58 },
		{ "Litecoin", "L", 34, 34, BASE58 },	{ "Ergo", "9", 51, 51, BASE58 },
		{ "Zephyr", "ZEPH", 98, 110, BASE58 },	{ "Wownero", "Wo", 97, 97, BASE58 },
		{ "Salvium", "SaLv", 95, 105, BASE58 },
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const size_t n = strlen(forms[i].prefix);

		if (s.n >= forms[i].least && s.n <= forms[i].most &&
		    span_starts(s, forms[i].prefix) &&
		    is_of((struct span){ s.p + n, s.n - n }, forms[i].letters))
			return forms[i].coin;
	}
	return NULL;
}

/* --- words --------------------------------------------------------------------------------- */

struct reading {
	const struct miner_names *names;
	struct span words[MINER_MAX_WORDS];
	size_t n;
	struct span program; /* last part of its name */
	bool prints;
	/* what was found */
	struct span url, pool, strong, weak, wallet, known;
	const char *coin;
	unsigned strong_n;
	bool peer, user; /* "-o host:port", "-u name" */
};

static struct span base_name(struct span path)
{
	const char *slash = path.n ? memrchr(path.p, '/', path.n) : NULL;

	return slash ? (struct span){ slash + 1, path.n - (size_t)(slash + 1 - path.p) } : path;
}

static bool is_any(struct span s, const char *const *list)
{
	for (; *list; list++)
		if (span_eq(s, *list))
			return true;
	return false;
}

/* "--name=value" or "--name" and then the value. */
static bool option_value(const struct reading *r, size_t i, const char *name, struct span *value)
{
	const size_t n = strlen(name);
	const struct span w = r->words[i];

	if (!span_starts(w, name))
		return false;
	if (w.n == n) {
		*value = i + 1 < r->n ? r->words[i + 1] : (struct span){ "", 0 };
		return true;
	}
	if (name[1] != '-' || w.p[n] != '=')
		return false;
	*value = (struct span){ w.p + n + 1, w.n - n - 1 };
	return true;
}

/* "host:port", with or without a scheme. */
static bool is_peer(struct span s)
{
	const char *scheme = memmem(s.p, s.n, "://", 3);
	uint64_t port;

	if (scheme)
		s = (struct span){ scheme + 3, s.n - (size_t)(scheme + 3 - s.p) };
	const char *colon = s.n ? memrchr(s.p, ':', s.n) : NULL;

	return colon && colon > s.p &&
	       parse_u64((struct span){ colon + 1, s.n - (size_t)(colon + 1 - s.p) }, &port) &&
	       port > 0 && port <= UINT16_MAX && !memchr(s.p, '/', s.n);
}

static bool is_scheme_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-';
}

/* "stratum+tcp://", "stratum2+ssl://", "daemon+http://" anywhere in the word. */
static bool has_stratum_url(struct span w, struct span *out)
{
	static const char *const starts[] = { "stratum", "ethproxy+", "daemon+http", "ethstratum" };

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		const char *at = memmem(w.p, w.n, starts[i], strlen(starts[i]));
		const char *end = w.p + w.n;

		for (const char *p = at; p && p < end; p++) {
			if (*p == ':') {
				if (end - p < 3 || memcmp(p, "://", 3) != 0)
					break;
				*out = (struct span){ at, (size_t)(end - at) };
				return true;
			}
			if (!is_scheme_byte(*p))
				break;
		}
	}
	return false;
}

static bool is_host_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Names and wallets may stand in the middle of a shell's text. */
static void read_pieces(struct reading *r, struct span w)
{
	for (size_t at = 0; at < w.n;) {
		size_t n = 0;

		while (at + n < w.n && is_host_byte(w.p[at + n]))
			n++;
		const struct span host = { w.p + at, n };

		if (!r->pool.n && n > 3 && memchr(host.p, '.', n) &&
		    miner_names_pool(r->names, host).n)
			r->pool = host;
		at += n ? n : 1;
	}
	for (size_t at = 0; at < w.n && !r->wallet.n;) {
		size_t n = 0;

		while (at + n < w.n && is_letter(w.p[at + n]))
			n++;
		const struct span word = { w.p + at, n };

		if (miner_is_monero_address(word)) {
			r->wallet = word;
			r->coin = "Monero";
		} else if (n > 25 && !r->known.n && miner_other_wallet(word)) {
			r->known = word;
		}
		at += n ? n : 1;
	}
}

static bool is_algorithm(struct span v)
{
	static const char *const starts[] = {
		"rx/",	     "cn/",	   "cn-",      "cryptonight", "randomx",   "argon2/",
		"panthera",  "ghostrider", "kawpow",   "ethash",      "etchash",   "progpow",
		"autolykos", "equihash",   "sha256d",  "yescrypt",    "yespower",  "verushash",
		"astrobwt",  "kheavyhash", "cuckoo",   "cuckatoo",    "x16r",	   "neoscrypt",
		"lyra2",     "octopus",	   "verthash", "heavyhash",   "minotaurx", "power2b",
	};

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		if (span_starts(v, starts[i]) &&
		    (strlen(starts[i]) > 2 || v.n == strlen(starts[i])))
			return true;
	return false;
}

static void read_option(struct reading *r, size_t i)
{
	static const char *const strong[] = {
		"--donate-level", "--donate-over-proxy",    "--nicehash",
		"--rig-id",	  "--cpu-max-threads-hint", NULL
	};
	static const char *const weak[] = { "--coin",	      "--cpu-priority",	 "--cpu-affinity",
					    "--cpu-no-yield", "--no-huge-pages", "--huge-pages-jit",
					    "--keepalive",    "--asm",		 NULL };
	static const char *const peers[] = { "-o",	 "--url", "--pool",  "-P",
					     "--server", "-S",	  "--proxy", NULL };
	static const char *const users[] = { "-u",	   "--user", "--wallet",  "-w",
					     "--userpass", "-O",     "--address", NULL };
	const struct span w = r->words[i];
	struct span value;

	for (size_t k = 0; strong[k]; k++)
		if (option_value(r, i, strong[k], &value)) {
			r->strong = w;
			r->strong_n++;
		}
	if (span_starts(w, "--randomx-")) {
		r->strong = w;
		r->strong_n++;
	}
	for (size_t k = 0; weak[k]; k++)
		if (option_value(r, i, weak[k], &value))
			r->weak = w;
	if ((option_value(r, i, "-a", &value) || option_value(r, i, "--algo", &value) ||
	     option_value(r, i, "--algorithm", &value)) &&
	    is_algorithm(value)) {
		r->strong = value;
		r->strong_n++;
	}
	for (size_t k = 0; peers[k]; k++)
		r->peer |= option_value(r, i, peers[k], &value) && is_peer(value);
	for (size_t k = 0; users[k]; k++)
		r->user |= option_value(r, i, users[k], &value) && value.n > 0;
}

/* --- what it amounts to -------------------------------------------------------------------- */

#define SHOWN(s) (int)((s).n < 120 ? (s).n : 120), (s).p

static size_t tell_program(const struct reading *r, struct span exe, struct miner_hit *out)
{
	struct span name = miner_names_program(r->names, base_name(exe));

	if (!name.n)
		name = miner_names_program(r->names, r->program);
	if (!name.n)
		return 0;
	miner_hit_set(out, MINER_PROGRAM, 0, "%.*s (known as %.*s)", SHOWN(exe), SHOWN(name));
	return 1;
}

static size_t tell_command(const struct reading *r, struct miner_hit *out)
{
	/* who prints it may be somebody who writes of it, or seeks it */
	const unsigned some = 50, much = 60;

	if (r->url.n)
		miner_hit_set(out, MINER_COMMAND, r->prints ? some : 0, "%.*s", SHOWN(r->url));
	else if (r->prints)
		return 0;
	else if (r->pool.n)
		miner_hit_set(out, MINER_COMMAND, r->peer || r->strong_n ? 0 : some,
			      "the pool %.*s", SHOWN(r->pool));
	else if (r->strong_n > 1 || (r->strong_n && (r->weak.n || r->peer)))
		miner_hit_set(out, MINER_COMMAND, 0, "%.*s, and others", SHOWN(r->strong));
	else if (r->strong_n)
		miner_hit_set(out, MINER_COMMAND, much, "%.*s", SHOWN(r->strong));
	else if (r->weak.n && r->peer && r->user)
		miner_hit_set(out, MINER_COMMAND, much, "%.*s with a peer and a user",
			      SHOWN(r->weak));
	else
		return 0;
	return 1;
}

static size_t tell_wallet(const struct reading *r, struct miner_hit *out)
{
	const bool pool = r->peer || r->url.n || r->pool.n || r->strong_n;
	const char *coin = r->wallet.n ? r->coin : r->known.n ? miner_other_wallet(r->known) : NULL;
	const struct span w = r->wallet.n ? r->wallet : r->known;

	if (!coin || r->prints || (!r->wallet.n && !pool))
		return 0;
	miner_hit_set(out, MINER_WALLET,
		      !pool	    ? 0
		      : r->wallet.n ? 80
				    : 60,
		      "%s%s: %.*s", coin, pool ? ", with a pool" : "", SHOWN(w));
	return 1;
}

static size_t tell_rivals(const struct reading *r, struct miner_hit *out)
{
	static const char *const enders[] = { "pkill", "killall", "killall5", NULL };

	if (!is_any(r->program, enders))
		return 0;
	for (size_t i = 1; i < r->n; i++) {
		const struct span name = miner_names_program(r->names, base_name(r->words[i]));

		if (!name.n)
			continue;
		miner_hit_set(out, MINER_RIVALS, 0, "%.*s %.*s", SHOWN(r->program),
			      SHOWN(r->words[i]));
		return 1;
	}
	return 0;
}

static bool has_word(const struct reading *r, const char *word)
{
	for (size_t i = 1; i < r->n; i++)
		if (span_eq(r->words[i], word))
			return true;
	return false;
}

static size_t tell_tricks(const struct reading *r, struct miner_hit *out)
{
	static const char *const stays[] = { "+i", "+ia", "+ai", NULL };

	if (span_eq(r->program, "modprobe") || span_eq(r->program, "insmod")) {
		for (size_t i = 1; i < r->n; i++) {
			const struct span m = base_name(r->words[i]);

			if (!span_eq(m, "msr") && !span_starts(m, "msr.ko"))
				continue;
			miner_hit_set(out, MINER_REGISTERS, 0, "%.*s %.*s", SHOWN(r->program),
				      SHOWN(m));
			return 1;
		}
	}
	if (span_eq(r->program, "wrmsr")) {
		miner_hit_set(out, MINER_REGISTERS, 0, "wrmsr");
		return 1;
	}
	if (span_eq(r->program, "chattr"))
		for (size_t i = 0; stays[i]; i++)
			if (has_word(r, stays[i])) {
				miner_hit_set(out, MINER_PERSISTS, 0, "chattr %s", stays[i]);
				return 1;
			}
	if (span_eq(r->program, "crontab") && !has_word(r, "-l")) {
		miner_hit_set(out, MINER_PERSISTS, 0, "crontab");
		return 1;
	}
	return 0;
}

/* sysctl -w vm.nr_hugepages=1280: its write is an event of its own, where it may make one. */
static size_t tell_pages(const struct reading *r, struct miner_hit *out)
{
	for (size_t i = 1; span_eq(r->program, "sysctl") && i < r->n; i++)
		if (span_starts(r->words[i], "vm.nr_hugepages=")) {
			miner_hit_set(out, MINER_HUGE_PAGES, 0, "sysctl %.*s", SHOWN(r->words[i]));
			return 1;
		}
	return 0;
}

size_t miner_command(const struct miner_names *names, struct span exe, struct span args,
		     struct miner_hit out[MINER_COMMAND_HITS])
{
	static const char *const printers[] = { "echo", "printf",  "grep", "egrep", "fgrep",
						"rg",	"sed",	   "awk",  "gawk",  "mawk",
						"cat",	"less",	   "more", "vi",    "vim",
						"nano", "strings", "tee",  "head",  "tail",
						"find", "pgrep",   NULL };
	struct reading r = { .names = names, .n = 0 };
	struct span word;
	size_t n = 0;

	while (r.n < MINER_MAX_WORDS && args.p && span_next(&args, '\0', &word))
		r.words[r.n++] = word;
	r.program = base_name(r.n ? r.words[0] : exe);
	r.prints = is_any(r.program, printers) || is_any(base_name(exe), printers);
	for (size_t i = 1; i < r.n; i++) {
		if (!r.url.n)
			(void)has_stratum_url(r.words[i], &r.url);
		read_pieces(&r, r.words[i]);
		read_option(&r, i);
	}
	n += tell_program(&r, exe, &out[n]);
	n += tell_command(&r, &out[n]);
	n += tell_wallet(&r, &out[n]);
	n += tell_rivals(&r, &out[n]);
	n += tell_tricks(&r, &out[n]);
	n += tell_pages(&r, &out[n]);
	return n;
}
