// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/baseline_key.h"

#include <stdio.h>
#include <string.h>

#include "detector/byte_map.h"
#include "detector/interpreter.h"

#define MAX_WORDS 64 /* of a command that are looked at */
#define MAX_DEPTH 8  /* of programs that start one another */

/* --- repository -------------------------------------------------------------------------------
 */

/* Text without what could break a line or a file's name. What does not fit keeps its start and gets
 * a hash of the whole: two long names never are one. */
static void put_name(char *out, size_t cap, struct span s)
{
	const size_t kept = s.n < cap ? s.n : cap - 18;

	for (size_t i = 0; i < kept; i++) {
		const unsigned char c = (unsigned char)s.p[i];

		out[i] = c <= ' ' || c == 0x7f ? '_' : (char)c;
	}
	out[kept] = '\0';
	if (kept < s.n)
		snprintf(out + kept, cap - kept, "~%016llx", (unsigned long long)byte_hash(s, 0));
}

static bool is_hex(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (parse_hex_digit(s.p[i]) < 0)
			return false;
	return s.n > 0;
}

/* "4b3bf79bbcf1", as `docker run` takes it. */
static bool is_short_id(struct span image, struct span id)
{
	if (span_starts(id, "sha256:"))
		id = (struct span){ id.p + 7, id.n - 7 };
	return image.n >= 4 && image.n <= id.n && is_hex(image) &&
	       memcmp(image.p, id.p, image.n) == 0;
}

static struct span without_tag(struct span image)
{
	const char *at = memchr(image.p, '@', image.n), *slash, *colon;

	if (at)
		image.n = (size_t)(at - image.p);
	slash = image.n ? memrchr(image.p, '/', image.n) : NULL;
	colon = image.n ? memrchr(image.p, ':', image.n) : NULL;
	if (colon && (!slash || colon > slash))
		image.n = (size_t)(colon - image.p);
	return image;
}

/* "host.example:5000" of "host.example:5000/a/b"; empty where the name has no host. */
static struct span cut_host(struct span *name)
{
	const char *slash = memchr(name->p, '/', name->n);
	struct span host = { name->p, slash ? (size_t)(slash - name->p) : 0 };

	if (!slash || (!memchr(host.p, '.', host.n) && !memchr(host.p, ':', host.n) &&
		       !span_eq(host, "localhost")))
		return (struct span){ "", 0 };
	*name = (struct span){ slash + 1, name->n - host.n - 1 };
	return host;
}

/* Registries that serve docker.io's images under its names. */
static const char dockers[] =
	"docker.io index.docker.io registry-1.docker.io registry.docker.io "
	"registry.hub.docker.com hub.docker.com mirror.gcr.io asia.mirror.gcr.io eu.mirror.gcr.io "
	"docker.m.daocloud.io docker.mirrors.ustc.edu.cn registry.docker-cn.com "
	"hub-mirror.c.163.com";

void baseline_repository(struct span image, struct span image_id, char out[BASELINE_NAME_BYTES])
{
	char text[2 * BASELINE_NAME_BYTES], host[BASELINE_NAME_BYTES];

	if (image.n == 0 || span_starts(image, "sha256:") || is_short_id(image, image_id)) {
		struct span id = image_id.n ? image_id : image;

		put_name(out, BASELINE_NAME_BYTES, id);
		return;
	}
	struct span name = without_tag(image), at = cut_host(&name);

	if (at.n > 4 && span_ends(at, ":443"))
		at.n -= 4;
	put_name(host, sizeof(host), at);
	for (char *c = host; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	bool docker = at.n == 0 || interpreter_is_one_of(span_str(host), dockers);

	if (strcmp(host, "public.ecr.aws") == 0 && span_starts(name, "docker/")) {
		docker = true;
		name = (struct span){ name.p + 7, name.n - 7 };
	}
	if (strcmp(host, "k8s.gcr.io") == 0)
		snprintf(host, sizeof(host), "registry.k8s.io");
	const char *library = docker && !memchr(name.p, '/', name.n) ? "library/" : "";
	int n = snprintf(text, sizeof(text), "%s/%s%.*s", docker ? "docker.io" : host, library,
			 (int)(name.n < sizeof(host) ? name.n : sizeof(host)), name.p);

	/* a name that is longer than any registry allows: its hash must be of all of it */
	if (name.n >= sizeof(host))
		n = snprintf(text, sizeof(text), "%s/%016llx", docker ? "docker.io" : host,
			     (unsigned long long)byte_hash(name, 0));
	put_name(out, BASELINE_NAME_BYTES, (struct span){ text, n > 0 ? (size_t)n : 0 });
}

/* --- entry point -------------------------------------------------------------------------------
 */

/* Programs that start the one that their arguments name. */
struct wrapper {
	const char *names;
	const char *values; /* options that a word of their own follows */
	unsigned skip;	    /* words before the program: a user, a duration */
	bool dashes;	    /* the program stands behind "--", if there is one */
};
static const struct wrapper wrappers[] = {
	{ "tini tini-static docker-init catatonit", "-p -e", 0, false },
	{ "dumb-init", "-r --rewrite", 0, false },
	{ "pid1 my_init init with-contenv exec nohup command setsid xvfb-run ddtrace-run "
	  "opentelemetry-instrument ld.so stdbuf docker-entrypoint.sh docker-entrypoint "
	  "entrypoint.sh entrypoint docker-php-entrypoint docker-entry.sh",
	  "-o -e -i -n", 0, false },
	{ "env", "-u --unset -C --chdir", 0, false },
	{ "gosu su-exec s6-setuidgid setuidgid chroot", "", 1, false },
	{ "setpriv", "--reuid --regid --groups --bounding-set --inh-caps --ambient-caps", 0,
	  false },
	{ "sudo runuser", "-u --user -g --group", 0, false },
	{ "chpst", "-u -U -e -n -m -d -o -p -f -c -b", 0, false },
	{ "nice ionice chrt taskset numactl", "-n -c -p --adjustment --class --classdata", 0,
	  false },
	{ "timeout", "-s -k --signal --kill-after", 1, false },
	{ "wait-for-it wait-for-it.sh wait-for wait-for.sh dockerize",
	  "-wait -timeout -t -h -p -template -stdout -stderr", 0, true },
	{ "bundle poetry pipenv uv pdm rye conda mamba", "-n --name --project --directory", 0,
	  false },
};

/* Commands of a shell's text that prepare the one that counts. */
static const char preparing[] =
	"cd set export umask ulimit mkdir chown chmod echo printf true : test [ [[ trap source . "
	"wait cp mv rm ln touch cat sed if then else fi while do done until for case esac unset "
	"alias local declare eval shift read sleep";
/* Programs whose first word says what they do. */
static const char runners[] = "busybox toybox npm yarn pnpm npx bunx pnpx rake make mix gradle mvn";

struct words {
	struct span at[MAX_WORDS];
	size_t n;
};

static struct span unquoted(struct span w)
{
	while (w.n && (w.p[0] == '\'' || w.p[0] == '"'))
		w = (struct span){ w.p + 1, w.n - 1 };
	while (w.n && (w.p[w.n - 1] == '\'' || w.p[w.n - 1] == '"'))
		w.n--;
	return w;
}

static bool is_assignment(struct span w)
{
	const char *equal = w.n ? memchr(w.p, '=', w.n) : NULL;

	if (!equal || equal == w.p || w.p[0] == '-')
		return false;
	for (const char *c = w.p; c < equal; c++)
		if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || *c == '_' ||
		      (*c >= '0' && *c <= '9' && c > w.p)))
			return false;
	return true;
}

/* Numbers, ids, hashes, addresses: they differ from container to container. */
static bool is_value(struct span w)
{
	size_t digits = 0, hex = 0;

	for (size_t i = 0; i < w.n; i++) {
		digits += w.p[i] >= '0' && w.p[i] <= '9';
		hex += parse_hex_digit(w.p[i]) >= 0 || w.p[i] == '-' || w.p[i] == ':' ||
		       w.p[i] == '.';
	}
	if (w.n == 0 || (digits > 0 && digits + 1 >= w.n)) /* "3600", "10s", ":80" */
		return true;
	return hex == w.n && digits > 0 && (w.n >= 8 || digits * 2 >= w.n);
}

/* "service-1.4.2-SNAPSHOT.jar" is "service-*.jar": the next version is the same program. */
static struct span without_version(struct span s, char *mem, size_t cap)
{
	const char *dot = s.n ? memrchr(s.p, '.', s.n) : NULL;

	for (size_t i = 1; dot && i + 1 < s.n && s.p + i < dot; i++) {
		const size_t digit = i + 1 + (s.p[i + 1] == 'v');

		if ((s.p[i] != '-' && s.p[i] != '_') || digit >= s.n || s.p[digit] < '0' ||
		    s.p[digit] > '9' || s.p + digit >= dot)
			continue;
		int n = snprintf(mem, cap, "%.*s*%.*s", (int)(i + 1), s.p, (int)(s.p + s.n - dot),
				 dot);

		return n > 0 && (size_t)n < cap ? (struct span){ mem, (size_t)n } : s;
	}
	return s;
}

static void put_entry(char out[BASELINE_CLASS_BYTES], struct span program, const char *between,
		      struct span what)
{
	char mem[256];
	char text[2 * BASELINE_CLASS_BYTES + 8];
	struct span base = interpreter_base(what);

	while (what.n > 1 && base.n == 0) { /* "/app/": a folder */
		what.n--;
		base = interpreter_base(what);
	}
	base = without_version(base, mem, sizeof(mem));
	const size_t most = BASELINE_CLASS_BYTES;
	int n = snprintf(text, sizeof(text), "%.*s%s%.*s",
			 (int)(program.n < most ? program.n : most), program.p,
			 base.n ? between : "", (int)(base.n < most ? base.n : most), base.p);
	size_t len = n > 0 ? (size_t)n : 0;

	if (len >= BASELINE_CLASS_BYTES) {
		len = BASELINE_CLASS_BYTES - 1;
		while (len && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--; /* not inside of a character */
	}
	for (size_t i = 0; i < len; i++)
		out[i] = (unsigned char)text[i] < ' ' || text[i] == 0x7f ? '_' : text[i];
	out[len] = '\0';
}

static const struct wrapper *find_wrapper(struct span program)
{
	for (size_t i = 0; i < sizeof(wrappers) / sizeof(wrappers[0]); i++)
		if (interpreter_is_one_of(program, wrappers[i].names))
			return &wrappers[i];
	return NULL;
}

/* Index of the program that a wrapper starts; n: it names none. */
static size_t wrapped(const struct wrapper *w, const struct span *words, size_t n)
{
	unsigned skip = w->skip;
	size_t i = 1;

	for (size_t k = 1; w->dashes && k + 1 < n; k++)
		if (span_eq(words[k], "--"))
			return k + 1;
	for (; i < n; i++) {
		struct span word = words[i];

		if (span_eq(word, "--") || span_eq(word, "run") || span_eq(word, "exec"))
			continue;
		if (word.n && word.p[0] == '-') {
			i += interpreter_is_one_of(word, w->values);
			continue;
		}
		if (is_assignment(word))
			continue;
		if (skip == 0)
			return is_value(word) ? n : i;
		skip--;
	}
	return n;
}

static bool ends_command(struct span *word)
{
	bool ends = interpreter_is_one_of(*word, "&& || ; | & { } ( )");

	while (!ends && word->n && word->p[word->n - 1] == ';') {
		word->n--;
		if (word->n == 0 || word->p[word->n - 1] != ';')
			return true;
	}
	return ends;
}

/* Where the command of a shell's text begins that is not there to prepare another. */
static size_t main_command(const struct span *words, size_t n)
{
	size_t begin = 0, found = n;

	for (size_t i = 0; i < n; i++) {
		struct span word = unquoted(words[i]);
		const bool ends = ends_command(&word);

		if (found == n && i >= begin && word.n && !is_assignment(word) &&
		    !interpreter_is_one_of(word, "&& || ; | & { } ( ) exec if then do else !")) {
			if (!interpreter_is_one_of(word, preparing))
				return i;
			found = i;
			begin = n;
		}
		if (ends || interpreter_is_one_of(word, "then do else")) {
			found = n;
			begin = i + 1;
		}
	}
	return n;
}

static void split(struct span command, struct words *w)
{
	struct span word;

	w->n = 0;
	while (w->n < MAX_WORDS && span_word(&command, &word)) {
		word = unquoted(word);
		if (word.n)
			w->at[w->n++] = word;
	}
}

static bool is_script(struct span program)
{
	return span_ends(program, ".sh") || span_ends(program, ".bash");
}

static struct span first_name(const struct span *words, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		if (words[i].p[0] == '-' || is_value(words[i]))
			continue;
		if (span_eq(words[i], "run") && i + 1 < n)
			continue;
		return words[i];
	}
	return (struct span){ "", 0 };
}

/* The words from *at on: an entry in out, or a program that stands further behind: true. */
static bool look(const struct words *w, size_t *at, char out[BASELINE_CLASS_BYTES])
{
	const struct span *words = w->at + *at;
	const size_t n = w->n - *at;
	struct span program = interpreter_base(words[0]), family;
	const struct wrapper *wrapper = find_wrapper(program);
	struct interpreted run;
	size_t next = n;

	if (wrapper)
		next = wrapped(wrapper, words, n);
	else if (interpreter_run(program, words + 1, n - 1, &run, &family)) {
		if (run.kind == INTERPRETED_INLINE &&
		    interpreter_is_one_of(family, "sh bash dash ash "
						  "zsh ksh mksh"))
			next = run.at + 1 + main_command(words + run.at + 1, n - run.at - 1);
		else if (run.kind == INTERPRETED_INLINE)
			put_entry(out, family, " ", SPAN_LIT("-c"));
		else
			put_entry(out, family,
				  run.kind == INTERPRETED_MODULE && span_eq(family, "python")
					  ? " -m "
					  : " ",
				  run.what);
		if (run.kind == INTERPRETED_INLINE && next >= n && out[0] == '\0')
			put_entry(out, family, " ", SPAN_LIT("-c"));
	} else if (is_script(program) || interpreter_is_one_of(program, runners)) {
		put_entry(out, program, " ", first_name(words, n));
	}
	if (next < n) {
		*at += next;
		return true;
	}
	if (out[0] == '\0')
		put_entry(out, program, "", (struct span){ "", 0 });
	return false;
}

void baseline_entry(struct span command, char out[BASELINE_CLASS_BYTES])
{
	struct words w;
	size_t at = 0;

	out[0] = '\0';
	split(command, &w);
	for (unsigned depth = 0; at < w.n && depth < MAX_DEPTH; depth++)
		if (!look(&w, &at, out))
			return;
	if (at < w.n)
		put_entry(out, interpreter_base(w.at[at]), "", (struct span){ "", 0 });
}
