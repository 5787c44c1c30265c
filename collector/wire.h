/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wire - the messages between bulkheadd, `bulkhead serve` and the command line.
 *
 * Transport: SOCK_SEQPACKET unix sockets; one frame a packet, at most WIRE_FRAME_MAX bytes, little
 * endian, no padding on the wire. A body that does not fit travels as a sealed memfd beside the
 * frame (SCM_RIGHTS). Every reader is bounded and refuses what it does not understand: the peer
 * may be compromised. The same frames serve bulkhead.sock, which only root may open.
 *
 * Frame: header (16 bytes), then `length` bytes of payload. Strings are a u16 length and bytes;
 * longer ones are cut by the writer. Any thread; no function here blocks or allocates. */
#ifndef BULKHEAD_WIRE_H
#define BULKHEAD_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "collector/base/err.h"
#include "collector/base/parse.h"

#define WIRE_VERSION	     1
#define WIRE_FRAME_MAX	     65536
#define WIRE_HEADER_BYTES    16
#define WIRE_BODY_MAX	     (64u << 20) /* bytes of one memfd */
#define WIRE_MAX_FDS	     8
#define WIRE_DOCUMENT_MAX    (4U << 20) /* bytes of what comes beside a command */
#define WIRE_MAX_OUTSTANDING 64		/* requests of one peer that wait for their answer */
#define WIRE_INLINE_MAX	     49152	/* longer bodies travel as a memfd */
#define WIRE_MAX_STRING	     4096
#define WIRE_MAX_HOSTS	     16

enum wire_type {
	WIRE_CONFIG = 1,	/* d->s: settings of serve; first frame, and again at reload */
	WIRE_READY = 2,		/* s->d: listening; payload: addresses as text */
	WIRE_FAILED = 3,	/* s->d: cannot start; payload: text, then serve exits */
	WIRE_REQUEST = 4,	/* s->d, cli->d */
	WIRE_RESPONSE = 5,	/* d->s, d->cli */
	WIRE_CONTAINER = 6,	/* d->s: a slot is used by this container, or its names changed */
	WIRE_CONTAINER_END = 7, /* d->s: the slot is free again */
	WIRE_SAMPLES = 8,	/* d->s: samples of one tick */
	WIRE_HOST_SAMPLE = 9,	/* d->s: figures of the machine */
	WIRE_SERVE_STATS = 10,	/* s->d: counters of serve, for /metrics, every second */
	WIRE_STOP = 11,		/* d->s: flush history and exit */
	WIRE_DISK = 12,		/* d->s: disk space of one container */
	WIRE_EVENTS = 13,	/* d->s, d->cli: events of the subscription request_id */
	WIRE_EVENTS_END = 14,	/* d->s, d->cli: the subscription ended; payload: why, as text */
	WIRE_ALERT_SEGMENT =
		15,	      /* d->s: a file of a log, with its descriptor; or it grew, without */
	WIRE_ALERT_LINE = 16, /* d->s: a line that could not be written to the log (yet) */
	WIRE_ALERT_SEGMENT_GONE = 17, /* d->s: the oldest files are removed when a log is full */
	WIRE_SINKS = 18, /* d->s: where alerts go; after the logs' files, and again at reload */
	WIRE_SINK_SECRET = 19, /* d->s: of the WIRE_SINKS that follows; may carry a descriptor */
	WIRE_SINK_STATS = 20,  /* s->d: how delivery goes, each second when it changed */
};

struct wire_frame {
	enum wire_type type;
	uint32_t request_id;   /* REQUEST, RESPONSE, EVENTS, EVENTS_END; else 0 */
	struct span payload;   /* points into the caller's buffer */
	int fds[WIRE_MAX_FDS]; /* received descriptors, the receiver's to close */
	size_t fds_n;
};

/* Receives one frame into buffer[WIRE_FRAME_MAX]. 1: *out filled; 0: peer closed; -EAGAIN: nothing
 * there; -EPROTO: malformed (descriptors closed); else -errno. */
int wire_receive(int fd, void *buffer, struct wire_frame *out, struct err *e);

/* Sends one frame: 0, -EAGAIN when the socket is full (nothing was sent), -EPIPE/-ECONNRESET when
 * the peer is gone, -EMSGSIZE, or -errno. fds stay the caller's. Never raises SIGPIPE. */
int wire_send(int fd, enum wire_type type, uint32_t request_id, struct span payload, const int *fds,
	      size_t fds_n);

void wire_close_fds(struct wire_frame *f);

/* --- payload writer and reader: sticky failure, bounds always checked ---------------------- */
struct wire_writer {
	uint8_t *p;
	size_t len, cap;
	bool failed;
};
void wire_put_u8(struct wire_writer *w, uint8_t v);
void wire_put_u16(struct wire_writer *w, uint16_t v);
void wire_put_u32(struct wire_writer *w, uint32_t v);
void wire_put_u64(struct wire_writer *w, uint64_t v);
void wire_put_str(struct wire_writer *w, struct span s);   /* cut at WIRE_MAX_STRING */
void wire_put_bytes(struct wire_writer *w, struct span s); /* u32 length */

struct wire_reader {
	struct span rest;
	bool failed;
};
uint8_t wire_get_u8(struct wire_reader *r);
uint16_t wire_get_u16(struct wire_reader *r);
uint32_t wire_get_u32(struct wire_reader *r);
uint64_t wire_get_u64(struct wire_reader *r);
struct span wire_get_str(struct wire_reader *r);
struct span wire_get_bytes(struct wire_reader *r);
/* Copies a string with a NUL into out; fails when it does not fit or holds a NUL. */
void wire_get_cstr(struct wire_reader *r, char *out, size_t cap);
/* 0 when all was read and nothing failed, else -EPROTO with `what` in the text. */
int wire_finish(const struct wire_reader *r, const char *what, struct err *e);

/* --- messages: *_encode fills w, *_decode returns 0 or -EPROTO ------------------------------ */

enum wire_op {
	WIRE_OP_GET = 1,       /* path and query are answered by bulkheadd */
	WIRE_OP_AUTHORIZE = 2, /* only the token is checked: for what serve answers by itself */
	WIRE_OP_TOKEN = 3,     /* makes a viewer token; query: seconds. Only at root's socket */
	/* Events from now on, as WIRE_EVENTS of this request's id behind the answer of status 200;
	 * query: collector/event_filter.h. They end with WIRE_EVENTS_END. */
	WIRE_OP_SUBSCRIBE = 4,
	/* Ends the subscription that has this request's id. Not answered but by WIRE_EVENTS_END,
	 * and by nothing when there is no such subscription. */
	WIRE_OP_UNSUBSCRIBE = 5,
	/* Changes something: path and query say what; a document may come along as a descriptor
	 * (collector/document.h). Only at root's socket. */
	WIRE_OP_COMMAND = 6,
};
enum wire_request_flag {
	WIRE_FLAG_OPENMETRICS = 1 << 0, /* the client accepts OpenMetrics */
};
struct wire_request {
	enum wire_op op;
	uint32_t flags;
	struct span path, query, token; /* decoded path, raw query without '?', token or empty */
};
void wire_request_encode(struct wire_writer *w, const struct wire_request *m);
int wire_request_decode(struct span payload, struct wire_request *out, struct err *e);

enum wire_content {
	WIRE_CONTENT_JSON,
	WIRE_CONTENT_PROM,
	WIRE_CONTENT_OPENMETRICS,
	WIRE_CONTENT_TEXT
};
struct wire_response {
	uint16_t status; /* HTTP status code */
	enum wire_content content;
	struct span body;	/* inline; empty when body_fd_bytes is not 0 */
	uint64_t body_fd_bytes; /* length of the memfd that came as fds[0] */
};
void wire_response_encode(struct wire_writer *w, const struct wire_response *m);
int wire_response_decode(struct span payload, struct wire_response *out, struct err *e);

/* JSON and TEXT: lines with their '\n'; the last may go on in the next frame. RECORD: whole items
 * {type u8, length u32, bytes} of collector/base/recording.h. */
enum wire_event_format { WIRE_EVENTS_JSON, WIRE_EVENTS_TEXT, WIRE_EVENTS_RECORD };
#define WIRE_EVENTS_BYTES 49152 /* a frame's share of a stream */
struct wire_events {
	uint64_t missed; /* events that found no room since the last frame */
	enum wire_event_format format;
	struct span bytes;
};
void wire_events_encode(struct wire_writer *w, const struct wire_events *m);
int wire_events_decode(struct span payload, struct wire_events *out, struct err *e);

struct wire_container {
	uint32_t slot;
	uint64_t start_unix_ns;
	struct span key; /* unique and stable over agent restarts; safe as a file name */
	struct span id, name, image, image_id, runtime;
};
void wire_container_encode(struct wire_writer *w, const struct wire_container *m);
int wire_container_decode(struct span payload, struct wire_container *out, struct err *e);

struct wire_container_end {
	uint32_t slot;
	uint64_t end_unix_ns;
};
void wire_container_end_encode(struct wire_writer *w, const struct wire_container_end *m);
int wire_container_end_decode(struct span payload, struct wire_container_end *out, struct err *e);

/* Counters as they stand (not rates). Only changed slots are sent; an absent live slot stands where
 * it stood. The first samples frame of a tick carries the time; a tick with no change is an empty
 * frame. */
struct wire_sample {
	uint32_t slot;
	uint32_t have; /* enum sample_have bits of what is valid */
	uint64_t cpu_ns, memory_working_set, io_read_bytes, io_write_bytes;
	uint64_t net_rx_bytes, net_tx_bytes, pids;
	uint64_t psi_cpu_us, psi_memory_us, psi_io_us; /* "some" totals */
};
#define WIRE_SAMPLE_BYTES    88
#define WIRE_SAMPLES_A_FRAME ((WIRE_FRAME_MAX - WIRE_HEADER_BYTES - 12) / WIRE_SAMPLE_BYTES)
void wire_samples_begin(struct wire_writer *w, uint64_t unix_ns, uint32_t count);
void wire_sample_put(struct wire_writer *w, const struct wire_sample *s);
/* Reads time and count; then exactly count calls of wire_sample_get. */
int wire_samples_decode(struct wire_reader *r, uint64_t *unix_ns, uint32_t *count, struct err *e);
void wire_sample_get(struct wire_reader *r, struct wire_sample *out);

#define WIRE_MAX_FILESYSTEMS 32
struct wire_filesystem {
	struct span mount_point, device;
	uint64_t usage_bytes, limit_bytes, inodes_used, inodes;
};
struct wire_host_sample {
	uint64_t unix_ns;
	uint32_t have; /* SAMPLE_PSI_* */
	uint32_t cpu_cores;
	uint64_t cpu_ns, memory_used, memory_total, swap_used;
	uint64_t psi_cpu_us, psi_memory_us, psi_io_us;
	struct wire_filesystem filesystems[WIRE_MAX_FILESYSTEMS]; /* refreshed each minute */
	uint32_t filesystems_n;
};
void wire_host_sample_encode(struct wire_writer *w, const struct wire_host_sample *m);
int wire_host_sample_decode(struct span payload, struct wire_host_sample *out, struct err *e);

/* The logs of detector/alert_log.h. serve reads them through read-only descriptors. */
enum wire_log { WIRE_LOG_ALERTS, WIRE_LOG_AUDIT, WIRE_LOG_COUNT };

/* All files of both logs come when serve is ready, each log's oldest first and its current one
 * last; then each growth, once it is on disk. A file that becomes an old one is told once more. */
struct wire_alert_segment {
	enum wire_log log;
	uint64_t first_seq; /* names the file; no line in it is below */
	uint64_t bytes;	    /* whole lines that may be read */
	bool current;	    /* more of it is to come: the next file has to wait */
};
void wire_alert_segment_encode(struct wire_writer *w, const struct wire_alert_segment *m);
int wire_alert_segment_decode(struct span payload, struct wire_alert_segment *out, struct err *e);

/* Lines come in order of seq. The same line may come in a file later: seq tells. */
#define WIRE_ALERT_LINE_MAX 49152
struct wire_alert_line {
	enum wire_log log;
	uint64_t seq;
	struct span line; /* without its '\n' */
};
void wire_alert_line_encode(struct wire_writer *w, const struct wire_alert_line *m);
int wire_alert_line_decode(struct span payload, struct wire_alert_line *out, struct err *e);

struct wire_alert_segment_gone {
	enum wire_log log;
	uint64_t first_seq;
};
void wire_alert_segment_gone_encode(struct wire_writer *w, const struct wire_alert_segment_gone *m);
int wire_alert_segment_gone_decode(struct span payload, struct wire_alert_segment_gone *out,
				   struct err *e);

/* Where alerts go (http/sinks.h). Settings are checked texts without duplicates but for lists,
 * whose key stands once for each entry: numbers are decimal, durations milliseconds, truth "true".
 * Entries of a map have the key "map.entry". */
#define WIRE_MAX_SINKS	       16
#define WIRE_SINK_NAME_BYTES   33
#define WIRE_MAX_SINK_SETTINGS 48
#define WIRE_SINK_TEXT_BYTES   3072 /* of all settings of a sink: all sinks fit one frame */
enum wire_sink_type {
	WIRE_SINK_WEBHOOK,
	WIRE_SINK_ALERTMANAGER,
	WIRE_SINK_SYSLOG,
	WIRE_SINK_JOURNALD,
	WIRE_SINK_FILE,
	WIRE_SINK_STDOUT,
	WIRE_SINK_TYPE_COUNT
};
const char *wire_sink_type_name(enum wire_sink_type type); /* "webhook" */
bool wire_sink_type_parse(struct span name, enum wire_sink_type *out);
bool wire_sink_name_fits(struct span name); /* letters, digits, '-', '_', '.' inside; file name */
int wire_severity_parse(struct span name);  /* syslog's number of "warning", or -1 */
const char *wire_severity_name(unsigned severity); /* "" beyond 7 */

struct wire_sink {
	char name[WIRE_SINK_NAME_BYTES];
	enum wire_sink_type type;
	uint32_t settings_n;
	struct {
		struct span key, value;
	} settings[WIRE_MAX_SINK_SETTINGS];
};
struct wire_sinks {
	uint32_t n;
	struct wire_sink sinks[WIRE_MAX_SINKS];
};
void wire_sinks_encode(struct wire_writer *w, const struct wire_sinks *m);
/* *out is big: it is filled in place, and holds anything after a failure. */
int wire_sinks_decode(struct span payload, struct wire_sinks *out, struct err *e);

/* A setting that is not for logs: the value itself, or a descriptor of the file that holds it. */
struct wire_sink_secret {
	uint16_t sink; /* index in the WIRE_SINKS that follows */
	struct span key;
	bool missing;	   /* value says why: the sink then waits for a better configuration */
	struct span value; /* empty when a descriptor came */
};
void wire_sink_secret_encode(struct wire_writer *w, const struct wire_sink_secret *m);
int wire_sink_secret_decode(struct span payload, struct wire_sink_secret *out, struct err *e);

enum wire_breaker { WIRE_BREAKER_CLOSED, WIRE_BREAKER_HALF_OPEN, WIRE_BREAKER_OPEN };
struct wire_sink_stat {
	char name[WIRE_SINK_NAME_BYTES];
	uint64_t sent, dead;	  /* alerts delivered, alerts given up */
	uint64_t failed, retried; /* attempts that failed, attempts after a failed one */
	uint64_t lag;		  /* lines of the log behind its newest */
	uint64_t done_seq;	  /* the last line of the alerts' log that it is done with */
	uint64_t lost;	    /* lines that were gone from the log before this sink could read them */
	uint64_t misplaced; /* times that the kept place was of no use, since serve's start */
	uint64_t oldest_pending_unix_ns; /* 0: nothing waits */
	uint64_t last_success_unix_ns;	 /* 0: none yet */
	enum wire_breaker breaker;
	char error[200]; /* of the last failure, "" after a success; holds no secret */
};
/* What serve bounds of the logs and of what it is told of them. */
enum wire_sink_table_id {
	WIRE_SINK_ALERT_FILES,
	WIRE_SINK_ALERT_LINES, /* in memory, because no file has them */
	WIRE_SINK_AUDIT_FILES,
	WIRE_SINK_AUDIT_LINES,
	WIRE_SINK_QUEUE, /* of frames */
	WIRE_SINK_TABLE_COUNT
};
struct wire_sink_table {
	uint64_t used, capacity, refused;
};
const char *wire_sink_table_name(enum wire_sink_table_id id);
struct wire_sink_stats {
	uint32_t n;
	struct wire_sink_stat sinks[WIRE_MAX_SINKS];
	struct wire_sink_table tables[WIRE_SINK_TABLE_COUNT];
};
void wire_sink_stats_encode(struct wire_writer *w, const struct wire_sink_stats *m);
int wire_sink_stats_decode(struct span payload, struct wire_sink_stats *out, struct err *e);

struct wire_disk {
	uint32_t slot;
	uint64_t unix_ns, layer_bytes, layer_inodes, log_bytes, volumes_bytes;
};
void wire_disk_encode(struct wire_writer *w, const struct wire_disk *m);
int wire_disk_decode(struct span payload, struct wire_disk *out, struct err *e);

/* Settings of serve. Descriptors travel in this order, each only when its flag is set: TLS
 * certificate, TLS key. serve's working directory is its own state directory. */
struct wire_config {
	char listen[128];			 /* "127.0.0.1:9480", "[::1]:9480" */
	char metrics_listen[128];		 /* "" for none */
	char allowed_hosts[WIRE_MAX_HOSTS][128]; /* Host header values, without port */
	uint32_t allowed_hosts_n;
	bool tls; /* two descriptors follow: certificate and key, PEM */
	uint32_t max_connections, max_connections_per_ip, idle_timeout_s;
	uint32_t max_header_bytes; /* whole request head */
	bool history;
	uint64_t history_max_bytes;   /* cap of all RRD files; 0: only the share below counts */
	uint32_t history_max_percent; /* of the file system */
	uint32_t history_flush_s, history_min_lifetime_s;
	uint8_t log_level, log_format;
};
void wire_config_encode(struct wire_writer *w, const struct wire_config *m);
int wire_config_decode(struct span payload, struct wire_config *out, struct err *e);

/* serve's counters, in this order on the wire. One row adds one metric: name, type, help. */
#define WIRE_SERVE_STATS_LIST(X)                                                                   \
	X(HTTP_REQUESTS, "bulkhead_http_requests_total", "counter", "HTTP requests answered.")     \
	X(HTTP_ERRORS, "bulkhead_http_errors_total", "counter", "HTTP answers of 400 and above.")  \
	X(HTTP_REFUSED, "bulkhead_http_refused_total", "counter",                                  \
	  "HTTP requests refused by host check, size limit or token.")                             \
	X(HTTP_CONNECTIONS, "bulkhead_http_connections", "gauge", "Open HTTP connections.")        \
	X(STREAM_CLIENTS, "bulkhead_http_stream_clients", "gauge", "Clients of /api/v1/stream.")   \
	X(STREAM_REFUSED, "bulkhead_http_stream_refused_total", "counter",                         \
	  "Clients of /api/v1/stream refused because there were too many.")                        \
	X(STREAM_MISSED, "bulkhead_http_stream_missed_events_total", "counter",                    \
	  "Events that clients of /api/v1/stream read too slowly to get.")                         \
	X(REQUESTS_UNANSWERED, "bulkhead_serve_requests_unanswered_total", "counter",              \
	  "Requests that bulkheadd did not answer in time.")                                       \
	X(HISTORY_BYTES, "bulkhead_history_bytes", "gauge", "Bytes of history files on disk.")     \
	X(HISTORY_MAX_BYTES, "bulkhead_history_max_bytes", "gauge", "Cap of history files.")       \
	X(HISTORY_FILES, "bulkhead_history_files", "gauge", "History files on disk.")              \
	X(HISTORY_PENDING, "bulkhead_history_pending_samples", "gauge",                            \
	  "Samples not yet written to disk.")                                                      \
	X(HISTORY_REFUSED, "bulkhead_history_refused_samples_total", "counter",                    \
	  "Samples refused because a history queue or table was full.")                            \
	X(HISTORY_ERRORS, "bulkhead_history_errors_total", "counter", "Failed history writes.")    \
	X(HISTORY_DAMAGED, "bulkhead_history_damaged_total", "counter",                            \
	  "History files set aside because they were damaged.")                                    \
	X(HISTORY_PRUNED, "bulkhead_history_pruned_total", "counter",                              \
	  "History files removed to stay under the cap.")                                          \
	X(HISTORY_REDUCED, "bulkhead_history_reduced", "gauge",                                    \
	  "Live containers that get the 5-minute tier only.")                                      \
	X(SERVE_RESIDENT_BYTES, "bulkhead_serve_resident_memory_bytes", "gauge",                   \
	  "Resident memory of bulkhead serve.")                                                    \
	X(SERVE_CPU_US, "bulkhead_serve_cpu_seconds_total", "counter",                             \
	  "CPU time of bulkhead serve.") /* microseconds on the wire, seconds at /metrics */

enum wire_serve_stat {
#define X(id, name, type, help) SERVE_STAT_##id,
	WIRE_SERVE_STATS_LIST(X)
#undef X
		SERVE_STAT_COUNT
};
struct wire_serve_stats {
	uint64_t v[SERVE_STAT_COUNT];
};
void wire_serve_stats_encode(struct wire_writer *w, const struct wire_serve_stats *m);
int wire_serve_stats_decode(struct span payload, struct wire_serve_stats *out, struct err *e);

#endif
