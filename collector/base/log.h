/* SPDX-License-Identifier: GPL-2.0-or-later */
/* log - one line an event to stderr, logfmt or JSON, with syslog's level numbers.
 *
 * Only main.c and each thread's top function log; library code returns errors. Any thread: a line
 * is one write(2). Under systemd (JOURNAL_STREAM names stderr) a "<N>" prefix carries the level
 * and time is left to the journal. A value is escaped where it is written.
 *
 *	log_info("container started", "container", name, "image", image, NULL);
 *	level=info time=2026-11-21T22:52:00.123Z msg="container started" container=web image=nginx
 */
#ifndef BULKHEAD_BASE_LOG_H
#define BULKHEAD_BASE_LOG_H

#include <stdbool.h>

enum log_level {
	LOG_LEVEL_ERROR = 3, /* numbers are syslog's */
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

/* Call before threads start, or at reload on the loop's thread. `program` must stay valid. */
void log_setup(const char *program, enum log_level level, enum log_format format);
enum log_level log_level(void);
bool log_level_parse(const char *text, enum log_level *out); /* error, warning, info, debug */
const char *log_level_name(enum log_level level);

/* Key and value strings in pairs, ended by NULL. A NULL value is written as empty. */
void log_write(enum log_level level, const char *msg, ...) __attribute__((sentinel));
#define log_error(...)	 log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)	 log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)	 log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* For one number among the values: log_info("listening", "port", LOG_U64(port), NULL). */
struct log_number {
	char text[24];
};
struct log_number log_number(unsigned long long v);
#define LOG_U64(v) log_number((unsigned long long)(v)).text

#endif
