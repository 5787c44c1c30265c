// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/base/buf.h"
#include "collector/base/clock.h"

#define LINE_BYTES 16384

static _Atomic int current_level = LOG_LEVEL_INFO;
static _Atomic int current_format = LOG_FORMAT_LOGFMT;
static const char *_Atomic program_name = "bulkhead";
static _Atomic bool journal; /* stderr is the journal's socket */

static const struct {
	enum log_level level;
	const char *name;
} levels[] = {
	{ LOG_LEVEL_ERROR, "error" },
	{ LOG_LEVEL_WARNING, "warning" },
	{ LOG_LEVEL_INFO, "info" },
	{ LOG_LEVEL_DEBUG, "debug" },
};

/* systemd sets JOURNAL_STREAM=DEVICE:INODE of the stderr it gave us; a redirected stderr differs.
 */
static bool stderr_is_journal(void)
{
	struct span rest = span_str(getenv("JOURNAL_STREAM")), device, inode;
	uint64_t dev, ino;
	struct stat st;

	return span_next(&rest, ':', &device) && span_next(&rest, ':', &inode) &&
	       parse_u64(device, &dev) && parse_u64(inode, &ino) &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

void log_setup(const char *program, enum log_level level, enum log_format format)
{
	atomic_store(&program_name, program);
	atomic_store(&current_level, (int)level);
	atomic_store(&current_format, (int)format);
	atomic_store(&journal, stderr_is_journal());
}

enum log_level log_level(void)
{
	return (enum log_level)atomic_load(&current_level);
}

bool log_level_parse(const char *text, enum log_level *out)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (strcmp(text, levels[i].name) == 0) {
			*out = levels[i].level;
			return true;
		}
	}
	return false;
}

const char *log_level_name(enum log_level level)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (levels[i].level == level)
			return levels[i].name;
	return "unknown";
}

struct log_number log_number(unsigned long long v)
{
	struct log_number n;

	snprintf(n.text, sizeof(n.text), "%llu", v);
	return n;
}

static void add_time(struct buf *b)
{
	uint64_t now = unix_ns();
	time_t secs = (time_t)(now / NS_PER_S);
	struct tm tm;
	char text[40];

	gmtime_r(&secs, &tm);
	size_t n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);

	buf_add(b, text, n);
	buf_printf(b, ".%03uZ", (unsigned)(now % NS_PER_S / NS_PER_MS));
}

static bool bare_value(struct span s)
{
	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\')
			return false;
	}
	return true;
}

/* Quoted, with quote and backslash escaped on top of what buf_add_visible hides. */
static void add_quoted_visible(struct buf *b, struct span s)
{
	struct span rest = s;
	size_t plain = 0;

	buf_add_char(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '"' && s.p[i] != '\\')
			continue;
		buf_add_visible(b, (struct span){ rest.p + plain, i - plain });
		buf_add_char(b, '\\');
		buf_add_char(b, s.p[i]);
		plain = i + 1;
	}
	buf_add_visible(b, (struct span){ rest.p + plain, s.n - plain });
	buf_add_char(b, '"');
}

static void add_pair(struct buf *b, const char *key, const char *value, bool json)
{
	struct span s = span_str(value ? value : "");

	if (json) {
		buf_printf(b, ",\"%s\":\"", key);
		buf_add_json(b, s);
		buf_add_char(b, '"');
		return;
	}
	buf_printf(b, " %s=", key);
	if (bare_value(s))
		buf_add_span(b, s);
	else
		add_quoted_visible(b, s);
}

void log_write(enum log_level level, const char *msg, ...)
{
	AUTO_BUF struct buf b = { .fd = -1 };
	bool json = atomic_load(&current_format) == LOG_FORMAT_JSON;
	const char *key;
	va_list ap;

	if ((int)level > atomic_load(&current_level))
		return;
	buf_init(&b, LINE_BYTES);
	if (atomic_load(&journal))
		buf_printf(&b, "<%d>", (int)level);
	if (json) {
		buf_printf(&b, "{\"level\":\"%s\",\"time\":\"", log_level_name(level));
		add_time(&b);
		buf_add_char(&b, '"');
	} else {
		buf_printf(&b, "level=%s", log_level_name(level));
		if (!atomic_load(&journal)) {
			buf_add_str(&b, " time=");
			add_time(&b);
		}
	}
	add_pair(&b, "program", atomic_load(&program_name), json);
	add_pair(&b, "msg", msg, json);
	va_start(ap, msg);
	while ((key = va_arg(ap, const char *)))
		add_pair(&b, key, va_arg(ap, const char *), json);
	va_end(ap);
	if (json)
		buf_add_char(&b, '}');
	buf_add_char(&b, '\n');
	/* A line beyond LINE_BYTES was cut by the limit: keep what is there and end it. */
	if (b.failed && b.len > 0)
		b.data[b.len - 1] = '\n';
	ssize_t ignored = write(STDERR_FILENO, b.data, b.len);

	(void)ignored; /* a log that cannot be written has nowhere to say so */
}
