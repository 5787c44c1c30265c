// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/interpreter.h"

#include <string.h>

struct family {
	const char *names; /* blanks between them; a version may follow each */
	/* Letters, also in a group ("-ec"): */
	const char *text;     /* the program is the value */
	const char *module;   /* the module is the value */
	const char *file;     /* the script is the value */
	const char *value;    /* a value follows: the rest of the word, or else the next one */
	const char *attached; /* the rest of the word is the value */
	const char *silent;   /* nothing is named then */
	/* Whole options; a value may follow as "=value". */
	const char *texts, *modules, *files, *values;
	const char *verbs; /* words before the script that say nothing: "run" */
	bool words;	   /* "-jar" is one option, not three letters */
	bool next;	   /* values of letters are never the rest of the word: "-ec TEXT" */
	bool classes;	   /* what is named without an option is a class */
};

static const struct family families[] = {
	{ .names = "sh bash dash ash zsh ksh ksh93 mksh yash rbash",
	  .text = "c",
	  .value = "oO",
	  .silent = "s",
	  .values = "--rcfile --init-file",
	  .next = true },
	{ .names = "fish", .text = "c", .value = "Cdfo", .texts = "--command" },
	{ .names = "python pypy", .text = "c", .module = "m", .value = "WXQ" },
	{ .names = "perl", .text = "eE", .value = "I", .attached = "MmiFDxCVd" },
	{ .names = "ruby jruby",
	  .text = "e",
	  .value = "IrCEX",
	  .attached = "iFKWTx",
	  .values = "--encoding --external-encoding --internal-encoding" },
	{ .names = "node nodejs deno bun tsx ts-node",
	  .text = "ep",
	  .value = "rC",
	  .texts = "--eval --print",
	  .values = "--require --import --loader --experimental-loader --conditions --title "
		    "--env-file --config --preload",
	  .verbs = "run" },
	{ .names = "php",
	  .text = "rBRE",
	  .file = "fF",
	  .value = "cdzt",
	  .silent = "S",
	  .texts = "--run",
	  .files = "--file" },
	{ .names = "lua luajit texlua", .text = "e", .value = "l" },
	{ .names = "tclsh wish expect guile Rscript julia escript groovy",
	  .text = "e",
	  .texts = "--eval" },
	{ .names = "java",
	  .files = "-jar",
	  .modules = "-m --module",
	  .values = "-cp -classpath --class-path -p --module-path --upgrade-module-path "
		    "--add-modules --add-opens --add-exports --add-reads --patch-module -d "
		    "--describe-module --source --limit-modules",
	  .words = true,
	  .classes = true },
	{ .names = "dotnet mono",
	  .values = "--roll-forward --fx-version --depsfile "
		    "--runtimeconfig --additionalprobingpath",
	  .verbs = "exec run",
	  .words = true },
};

struct span interpreter_base(struct span path)
{
	const char *slash = path.n ? memrchr(path.p, '/', path.n) : NULL;

	if (!slash)
		return path;
	return (struct span){ slash + 1, (size_t)(path.p + path.n - slash - 1) };
}

bool interpreter_is_one_of(struct span word, const char *list)
{
	for (const char *p = list; p; p = strchr(p, ' '), p += p != NULL) {
		size_t i = 0;

		while (i < word.n && p[i] == word.p[i] && p[i] && p[i] != ' ')
			i++;
		if (i == word.n && word.n && (p[i] == ' ' || !p[i]))
			return true;
	}
	return false;
}

static bool is_version(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((s.p[i] < '0' || s.p[i] > '9') && s.p[i] != '.' && s.p[i] != '-')
			return false;
	return true;
}

static const struct family *find_family(struct span program, struct span *name)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		struct span rest = span_str(families[i].names), one;

		while (span_word(&rest, &one)) {
			if (program.n < one.n || memcmp(program.p, one.p, one.n) != 0 ||
			    !is_version((struct span){ program.p + one.n, program.n - one.n }))
				continue;
			*name = one;
			return &families[i];
		}
	}
	return NULL;
}

struct walk {
	const struct family *f;
	const struct span *args;
	size_t n, at;
	struct interpreted *out;
};

/* The value of an option: `rest` when the word has one, else the next word. */
static bool take(struct walk *w, enum interpreted_kind kind, struct span rest, bool has_rest)
{
	if (!has_rest) {
		if (w->at >= w->n) {
			w->out->kind = INTERPRETED_NOTHING;
			return true;
		}
		rest = w->args[w->at++];
	}
	*w->out = (struct interpreted){ kind, rest, w->at - 1 };
	return true;
}

/* true: the end, *out is set. */
static bool whole_option(struct walk *w, struct span word)
{
	const char *equal = memchr(word.p, '=', word.n);
	struct span name = { word.p, equal ? (size_t)(equal - word.p) : word.n };
	struct span rest = { equal ? equal + 1 : NULL, equal ? word.n - name.n - 1 : 0 };

	if (w->f->texts && interpreter_is_one_of(name, w->f->texts))
		return take(w, INTERPRETED_INLINE, rest, equal);
	if (w->f->modules && interpreter_is_one_of(name, w->f->modules))
		return take(w, INTERPRETED_MODULE, rest, equal);
	if (w->f->files && interpreter_is_one_of(name, w->f->files))
		return take(w, INTERPRETED_FILE, rest, equal);
	if (w->f->values && !equal && interpreter_is_one_of(name, w->f->values))
		w->at++;
	return false;
}

static bool has_letter(const char *letters, char c)
{
	return letters && c && strchr(letters, c);
}

static bool letters(struct walk *w, struct span word)
{
	const struct family *f = w->f;
	enum interpreted_kind kind = INTERPRETED_NOTHING;
	bool silent = false;

	for (size_t i = 1; i < word.n; i++) {
		const char c = word.p[i];
		struct span rest = { word.p + i + 1, word.n - i - 1 };

		if (has_letter(f->text, c))
			kind = INTERPRETED_INLINE;
		else if (has_letter(f->module, c))
			kind = INTERPRETED_MODULE;
		else if (has_letter(f->file, c))
			kind = INTERPRETED_FILE;
		if (kind != INTERPRETED_NOTHING && !f->next)
			return take(w, kind, rest, rest.n > 0);
		silent |= has_letter(f->silent, c);
		if (has_letter(f->attached, c))
			break;
		if (has_letter(f->value, c)) {
			w->at += f->next || rest.n == 0;
			if (!f->next)
				break;
		}
	}
	if (kind != INTERPRETED_NOTHING)
		return take(w, kind, (struct span){ NULL, 0 }, false);
	return silent;
}

static bool positional(struct walk *w)
{
	struct span word = w->args[w->at++];

	if (w->f->verbs && interpreter_is_one_of(word, w->f->verbs))
		return false;
	*w->out = (struct interpreted){ w->f->classes && !span_ends(word, ".java")
						? INTERPRETED_MODULE
						: INTERPRETED_FILE,
					word, w->at - 1 };
	return true;
}

bool interpreter_run(struct span program, const struct span *args, size_t n,
		     struct interpreted *out, struct span *family)
{
	struct span name;
	struct walk w = { .f = find_family(program, &name), .args = args, .n = n, .out = out };
	bool done = false, options = true;

	if (!w.f)
		return false;
	if (family)
		*family = name;
	*out = (struct interpreted){ INTERPRETED_NOTHING, { NULL, 0 }, 0 };
	while (!done && w.at < w.n) {
		struct span word = args[w.at];

		if (!options || word.n == 0 ||
		    (word.p[0] != '-' && !(word.p[0] == '+' && w.f->next))) {
			done = positional(&w);
			continue;
		}
		w.at++;
		if (word.n == 1) /* "-": standard input */
			return true;
		if (span_eq(word, "--"))
			options = false;
		else if (w.f->words || (word.p[0] == '-' && word.p[1] == '-'))
			done = whole_option(&w, word);
		else
			done = letters(&w, word);
	}
	return true;
}
