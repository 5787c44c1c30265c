/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sinks_internal - what the modules of the delivery thread share. All of it belongs to that thread
 * but for the inbox and the published statistics. */
#ifndef BULKHEAD_SINKS_INTERNAL_H
#define BULKHEAD_SINKS_INTERNAL_H

#include <curl/curl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>

#include "collector/base/buf.h"
#include "collector/base/clock.h"
#include "http/sink_cursor.h"
#include "http/sink_log.h"
#include "http/sinks.h"

#define SINK_BATCH_MAX	   500
#define SINK_BATCH_BYTES   (512u << 10)
#define SINK_BREAKER_AFTER 5	       /* failures in a row */
#define SINK_LINES_A_TURN  2000	       /* so that one sink does not keep the others waiting */
#define SINK_DEAD_BYTES	   (16u << 20) /* of a file of dead letters; the one before it is kept */

/* --- a line of the log, taken apart ----------------------------------------------------------- */
struct sink_record {
	char *line; /* owned, NUL-terminated, without '\n' */
	size_t n;
	json_t *json; /* owned; the texts below are its */
	uint64_t seq, time_ns;
	unsigned severity;
	const char *id, *state, *kind;
};

/* -EPROTO: no record that we know. */
int sink_record_new(struct sink_record **out, struct span line, struct err *e);
void sink_record_free(struct sink_record *r); /* NULL is fine */
DEFINE_AUTO(sink_record, sink_record_free)

/* Text at a path such as "container.name"; "" when it is not there. */
const char *sink_record_text(const struct sink_record *r, const char *path);
bool sink_record_is(const struct sink_record *r, const char *state);
/* At most `cap` bytes with NUL, cut at a whole character. */
void sink_text_cut(char *out, size_t cap, const char *text);
/* The same on one line: control bytes become \\xNN. */
void sink_text_visible(char *out, size_t cap, const char *text);

/* --- settings --------------------------------------------------------------------------------- */
struct sink_setting {
	char *key, *value; /* owned, NUL-terminated */
	size_t n;
};

struct sink;
/* First value, or NULL. Of a list the next after `last`, which is NULL at first. */
const char *sink_get(const struct sink *s, const char *key);
const struct sink_setting *sink_setting(const struct sink *s, const char *key);
const struct sink_setting *sink_each(const struct sink *s, const char *key,
				     const struct sink_setting *last);
/* Entries of a map: those whose key begins with "map."; *name is what follows. */
const struct sink_setting *sink_each_entry(const struct sink *s, const char *map,
					   const struct sink_setting *last, const char **name);
uint64_t sink_number(const struct sink *s, const char *key, uint64_t otherwise);
bool sink_flag(const struct sink *s, const char *key);

/* Whether the sink wants this record, by its filters and the record's marks. */
bool sink_wants(const struct sink *s, enum wire_log log, const struct sink_record *r);

/* --- drivers ---------------------------------------------------------------------------------- */
struct sinks_wait { /* what wakes the thread */
	struct curl_waitfd fds[2 * WIRE_MAX_SINKS + 1];
	unsigned n;
	uint64_t until_ns; /* monotonic */
};
void sinks_wait_fd(struct sinks_wait *w, int fd, short events);
void sinks_wait_until(struct sinks_wait *w, uint64_t mono_time_ns);

struct sink_driver {
	uint32_t batch; /* records of one attempt, unless the setting says otherwise */
	int (*open)(struct sink *s, struct err *e); /* fills s->state; nothing else of it is called
						       when it fails */
	void (*close)(struct sink *s);
	void (*begin)(
		struct sink *s); /* tries s->records; ends with sink_ended(), at once or later */
	void (*step)(struct sink *s, uint64_t now,
		     struct sinks_wait *w);		 /* while it tries; or NULL */
	void (*finished)(struct sink *s, CURLcode code); /* a transfer of s->easy ended; or NULL */
	/* Nothing to deliver: may begin an attempt of its own (s->records_n is 0) and return true.
	 */
	bool (*idle)(struct sink *s, uint64_t now, struct sinks_wait *w);
	/* What must be on disk before the place is; or NULL. */
	int (*save)(struct sink *s, struct err *e);
	void (*acked)(struct sink *s, const struct sink_record *r); /* delivered; or NULL */
};
extern const struct sink_driver sink_webhook, sink_alertmanager, sink_syslog, sink_journald,
	sink_file, sink_stdout;

enum sink_end {
	SINK_DONE,    /* all records of the attempt arrived */
	SINK_RETRY,   /* later, from the first that is left */
	SINK_REFUSED, /* never: the first that is left is a dead letter (alone in its attempt) */
};

struct sink_stream {
	struct sink_position at; /* read up to here */
	struct sink_cursor done; /* all up to here is delivered or not wanted */
	bool dirty, unkept;	 /* `done` is newer than its file; than the copy that is synced */
	bool read;		 /* the sink reads this log */
	uint64_t seen; /* highest seq so far: what lies behind it and is missing, is lost */
};

enum sink_state { SINK_READY, SINK_TRYING, SINK_WAITING };

struct sink {
	struct sinks *all;
	char name[WIRE_SINK_NAME_BYTES];
	enum wire_sink_type type;
	const struct sink_driver *driver;
	void *driver_state;
	struct sink_setting *settings;
	uint32_t settings_n;
	char problem[200]; /* of the configuration: nothing is tried */
	bool open;
	unsigned min_severity;
	uint32_t batch_max;
	uint64_t retry_min_ms, retry_max_ms, dead_after_ms;

	struct sink_stream streams[WIRE_LOG_COUNT];
	enum wire_log log; /* of the records at hand */
	struct sink_record *records[SINK_BATCH_MAX];
	uint32_t records_n;
	size_t records_bytes;
	uint64_t single_until; /* one record an attempt up to this seq: a batch was refused */

	enum sink_state state;
	uint64_t retry_at, begun_at; /* monotonic */
	uint64_t since_unix_ns;	     /* failures before do not age a record */
	uint64_t since_mono_ns;	     /* the same moment */
	unsigned failures;	     /* in a row */
	bool more;		     /* lines are left for the next turn */
	int dead_fd;
	struct wire_sink_stat stat;
};

/* The attempt ended. text tells why it failed; retry_after_ns: what the receiver asked for, or 0.
 */
void sink_ended(struct sink *s, enum sink_end end, uint64_t retry_after_ns, const char *text);
/* The first n records of the attempt arrived; the attempt goes on. */
void sink_progress(struct sink *s, uint32_t n);

/* sink_delivery.c: one turn. */
void sink_turn(struct sink *s, uint64_t now, struct sinks_wait *w);
void sink_save(struct sink *s, bool keep); /* places that changed */
void sink_start_streams(struct sink *s, bool first_configuration);
void sink_publish(struct sink *s, struct wire_sink_stat *out);
uint64_t sink_backoff_ns(uint64_t min_ms, uint64_t max_ms, unsigned failures);

/* sink_settings.c */
struct sink *sink_new(struct sinks *all, const struct wire_sink *w);
int sink_add_secret(struct sink *s, const struct wire_sink_secret *secret, struct span value);
void sink_open(struct sink *s); /* a failure becomes s->problem */
void sink_free(struct sink *s);

/* sink_append.c: files that grow by whole lines and are bounded: NAME, and NAME.1 before it. */
int sink_append(int dir_fd, const char *name, int *fd, uint64_t max_bytes, struct span line,
		struct err *e);
int sink_dead_letter(struct sink *s, const struct sink_record *r, const char *why);

/* --- HTTP: sink_http.c ------------------------------------------------------------------------ */
struct sink_http;
/* url: where requests go. */
int sink_http_open(struct sink_http **out, struct sink *s, const char *url, struct err *e);
void sink_http_close(struct sink_http *h);
/* Posts; body is taken (malloc'ed). headers: NULL-ended lines beyond those of the settings. */
int sink_http_post(struct sink_http *h, char *body, size_t n, const char *const *headers);
/* Whether the transfer of h ended well; if not, the attempt of the sink is ended. */
bool sink_http_succeeded(struct sink_http *h, CURLcode code);
/* TLS, proxy, timeouts and limits of a handle, for streams too. */
int sink_http_common(struct sink *s, CURL *easy, int fds[3], struct err *e);
void sink_http_fds_close(int fds[3]);
/* Why a transfer failed, for people. error: what its CURLOPT_ERRORBUFFER holds. */
void sink_http_why(const struct sink *s, CURL *easy, CURLcode code, const char *error, char *out,
		   size_t cap);

/* The header's line for a body that is sent now: HMAC-SHA256 of "UNIX.body". out: 128 bytes. */
int sink_sign(struct span key, uint64_t unix_s, struct span body, char *out, size_t cap);

/* --- templates: sink_template.c, sink_template_chat.c -------------------------------------------
 */
enum sink_format {
	SINK_FORMAT_JSON,
	SINK_FORMAT_SLACK,
	SINK_FORMAT_MATTERMOST,
	SINK_FORMAT_TEAMS,
	SINK_FORMAT_DISCORD,
	SINK_FORMAT_PAGERDUTY,
	SINK_FORMAT_FALCOSIDEKICK,
	SINK_FORMAT_COUNT
};
bool sink_format_parse(const char *name, enum sink_format *out);
/* The body for one record as a JSON object; NULL without memory. Not for SINK_FORMAT_JSON. */
json_t *sink_template(enum sink_format f, const struct sink_record *r, const char *routing_key);
json_t *sink_template_chat(enum sink_format f, const struct sink_record *r);
/* One line for people: "[CRITICAL] title - container web (nginx)". */
void sink_summary(const struct sink_record *r, char *out, size_t cap);
#define SINK_MAX_FACTS 12
struct sink_fact {
	char name[64], value[512];
};
/* What a person wants to know of it, the most useful first. */
size_t sink_facts(const struct sink_record *r, struct sink_fact out[SINK_MAX_FACTS]);
json_t *sink_alertmanager_alert(const struct sink_record *r, uint64_t ends_ns);
void sink_rfc3339(uint64_t unix_time_ns, char out[40]);

/* --- transports of syslog and journald ----------------------------------------------------------
 */
/* sink_dgram.c: a message a record, to a unix socket or by UDP. A transport belongs to one sink and
 * ends its attempts. */
struct sink_dgram;
typedef void (*sink_format_fn)(const struct sink *s, const struct sink_record *r, struct buf *out);
/* address: "/path" or "host:port" */
int sink_dgram_open(struct sink_dgram **out, struct sink *s, const char *address, bool udp,
		    sink_format_fn format, struct err *e);
void sink_dgram_close(struct sink_dgram *d);
void sink_dgram_begin(struct sink_dgram *d);
void sink_dgram_step(struct sink_dgram *d, uint64_t now, struct sinks_wait *w);

/* sink_stream.c: TCP, with TLS or without; the records of an attempt one after the other, each with
 * its length in front (RFC 6587). They count as arrived when the other end has acknowledged their
 * bytes: the protocol has no answer. */
struct sink_stream_out;
int sink_stream_open(struct sink_stream_out **out, struct sink *s, const char *address, bool tls,
		     sink_format_fn format, struct err *e);
void sink_stream_close(struct sink_stream_out *t);
void sink_stream_begin(struct sink_stream_out *t);
void sink_stream_step(struct sink_stream_out *t, uint64_t now, struct sinks_wait *w);
void sink_stream_finished(struct sink_stream_out *t, CURLcode code);

/* --- the thread ---------------------------------------------------------------------------------
 */
struct sinks_message;
struct sinks {
	pthread_t thread;
	bool started;
	int wake_fd, dir_fd, files_fd;
	uint64_t started_unix_ns;

	pthread_mutex_t lock; /* the inbox and the published statistics */
	struct sinks_message *first, **tail;
	size_t queued_n, queued_bytes;
	uint64_t refused; /* frames that found no room there */
	bool closing;
	struct wire_sink_stats published;
	bool changed;

	CURLM *multi; /* made with the first sink that needs it */
	struct sink_log *logs[WIRE_LOG_COUNT];
	struct sink *sinks[WIRE_MAX_SINKS];
	uint32_t n;
	struct sinks_message *secrets; /* of the WIRE_SINKS to come */
	bool configured;
	bool touched; /* statistics may have changed */
	uint64_t saved_at, kept_at, touched_at;
};
int sinks_multi(struct sinks *s, struct err *e); /* s->multi is there */

#endif
