// SPDX-License-Identifier: GPL-2.0-or-later
#include "http/routes.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "http/head.h"
#include "http/listener.h"
#include "http/page.h"
#include "http/stream.h"

#define ANSWER_TIMEOUT_MS 10000
#define READY_TIMEOUT_MS  3000
#define API		  "/api/"
#define MAX_GRAPH_PIXELS  4000
#define MAX_STEP_S	  (366u * 86400u)
/* libmicrohttpd 1.0: lengths of header names and values are not counted up to a NUL */
#define LENGTHS_ARE_RIGHT 0x01000000

/* --- what comes back (main thread; history thread for history) ---------------------------------
 */

static void on_answer(void *ctx, const struct wire_response *r, int *body_fd)
{
	struct exchange *x = ctx;

	answer_wire(&x->answer, r, body_fd);
	exchange_done(x);
}

static void on_history(void *ctx, struct history_answer *a)
{
	struct exchange *x = ctx;

	answer_heap(&x->answer, a->status, a->content_type, TAKE(a->body), a->body_n);
	exchange_done(x);
}

static void on_authorized(void *ctx, const struct wire_response *r, int *body_fd)
{
	struct exchange *x = ctx;
	struct history *h = x->service->history;

	if (r->status != 200) {
		answer_wire(&x->answer, r, body_fd);
	} else if (!h) {
		answer_error(&x->answer, 503, "history is switched off or not available");
	} else if (history_query(h, &x->history, on_history, x) < 0) {
		answer_error(&x->answer, 503, "too many history requests wait");
	} else {
		return;
	}
	exchange_done(x);
}

static void on_login_checked(void *ctx, const struct wire_response *r, int *body_fd)
{
	struct exchange *x = ctx;
	char token[REQUEST_MAX_TOKEN + 1];
	struct err e = { "" };

	if (r->status == 401)
		page_login_refused(&x->answer);
	else if (r->status != 200)
		answer_wire(&x->answer, r, body_fd);
	else if (request_parameter(x->query, "token", token, sizeof(token), &e) == 1)
		page_login(&x->answer, span_str(token), x->settings->tls);
	else
		answer_error(&x->answer, 400, "%s", e.text);
	exchange_done(x);
}

/* --- history's paths -----------------------------------------------------------------------------
 */

static int time_parameter(struct span query, const char *name, int64_t *out, struct err *e)
{
	char text[32];
	int r = request_parameter(query, name, text, sizeof(text), e);

	if (r > 0 && !parse_i64(span_str(text), out))
		return err_set(e, EINVAL,
			       "parameter '%s' is not a Unix time or a negative number of seconds",
			       name);
	return r < 0 ? r : 0;
}

static int number_parameter(struct span query, const char *name, uint32_t max, uint32_t *out,
			    struct err *e)
{
	char text[16];
	int r = request_parameter(query, name, text, sizeof(text), e);

	if (r > 0 && (!parse_u32(span_str(text), out) || *out > max))
		return err_set(e, EINVAL, "parameter '%s' is not a number of at most %u", name,
			       max);
	return r < 0 ? r : 0;
}

static int history_parameters(struct span query, struct history_query *q, struct err *e)
{
	static const char *const names[] = { "metric", "from", "to", "step", "width", "height" };
	const size_t names_n = q->form == HISTORY_LIST ? 0 : q->form == HISTORY_JSON ? 4 : 6;
	int r = request_known_parameters(query, names, names_n, e);

	if (r < 0)
		return r;
	r = request_parameter(query, "metric", q->metric, sizeof(q->metric), e);
	if (r < 0)
		return r;
	if (r == 0 && names_n == 6)
		return err_set(e, EINVAL, "a graph needs the parameter 'metric'");
	r = time_parameter(query, "from", &q->from, e);
	if (r == 0)
		r = time_parameter(query, "to", &q->to, e);
	if (r == 0)
		r = number_parameter(query, "step", MAX_STEP_S, &q->step, e);
	if (r == 0)
		r = number_parameter(query, "width", MAX_GRAPH_PIXELS, &q->width, e);
	if (r == 0)
		r = number_parameter(query, "height", MAX_GRAPH_PIXELS, &q->height, e);
	return r;
}

int route_history(const char *path, struct span query, struct history_query *q, struct err *e)
{
	static const struct {
		const char *name;
		enum history_form form;
	} forms[] = { { "/history", HISTORY_JSON },
		      { "/graph.svg", HISTORY_SVG },
		      { "/graph.png", HISTORY_PNG } };
	struct span p = span_str(path), id = { NULL, 0 };
	const char containers[] = "/api/v1/containers/", host[] = "/api/v1/host/";
	bool found = false;

	*q = (struct history_query){ .form = HISTORY_LIST };
	if (span_eq(p, "/api/v1/history"))
		return history_parameters(query, q, e) < 0 ? -EINVAL : 1;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]) && !found; i++) {
		found = span_ends(p, forms[i].name);
		q->form = forms[i].form;
		p.n -= found ? strlen(forms[i].name) : 0;
	}
	if (!found)
		return 0;
	if (p.n == sizeof(host) - 2 && strncmp(path, host, p.n) == 0)
		id = SPAN_LIT("host");
	else if (span_starts(p, containers))
		id = (struct span){ p.p + sizeof(containers) - 1, p.n - sizeof(containers) + 1 };
	if (id.n == 0 || memchr(id.p, '/', id.n))
		return 0;
	if (id.n >= sizeof(q->id))
		return err_set(e, EINVAL, "the container's name is too long");
	memcpy(q->id, id.p, id.n);
	q->id[id.n] = '\0';
	return history_parameters(query, q, e) < 0 ? -EINVAL : 1;
}

/* --- requests ------------------------------------------------------------------------------------
 */

static void send_request(struct exchange *x, const struct wire_request *q, unsigned timeout_ms,
			 link_response_fn fn)
{
	if (atomic_load(&x->service->body_bytes) > SERVICE_MAX_BODY_BYTES) {
		answer_error(&x->answer, 503, "too many answers are being sent");
		return;
	}
	if (exchange_wait(x))
		link_request(x->service->link, q, timeout_ms, fn, x);
}

static void ask(struct exchange *x, enum wire_op op, unsigned timeout_ms, link_response_fn fn)
{
	struct wire_request q = { .op = op, .path = span_str(x->path), .query = x->query };

	q.token = request_token(exchange_header(x, "Authorization"), exchange_header(x, "Cookie"));
	if (request_accepts_openmetrics(exchange_header(x, "Accept")))
		q.flags |= WIRE_FLAG_OPENMETRICS;
	send_request(x, &q, timeout_ms, fn);
}

static void on_healthz(struct exchange *x)
{
	answer_static(&x->answer, 200, "text/plain; charset=utf-8", SPAN_LIT("ok\n"));
}

static void on_readyz(struct exchange *x)
{
	ask(x, WIRE_OP_GET, READY_TIMEOUT_MS, on_answer);
}

static void on_metrics(struct exchange *x)
{
	ask(x, WIRE_OP_GET, ANSWER_TIMEOUT_MS, on_answer);
}

/* A token is tried before it is kept: a link that is mistyped, or made up by somebody else, must
 * not log a browser out. */
static void on_login(struct exchange *x)
{
	char token[REQUEST_MAX_TOKEN + 1];
	struct err e = { "" };
	int r = request_parameter(x->query, "token", token, sizeof(token), &e);
	const struct wire_request q = { .op = WIRE_OP_AUTHORIZE,
					.path = span_str(x->path),
					.token = span_str(token) };

	if (r == 0)
		page_answer("/login", &x->answer);
	else if (r < 0)
		answer_error(&x->answer, 400, "%s", e.text);
	else if (!request_token_valid(q.token))
		page_login_refused(&x->answer);
	else
		send_request(x, &q, ANSWER_TIMEOUT_MS, on_login_checked);
}

static void on_api(struct exchange *x)
{
	struct err e = { "" };

	if (strcmp(x->path, "/api/v1/stream") == 0) {
		streams_route(x);
		return;
	}
	int r = route_history(x->path, x->query, &x->history, &e);

	if (r < 0)
		answer_error(&x->answer, 400, "%s", e.text);
	else if (r > 0)
		ask(x, WIRE_OP_AUTHORIZE, ANSWER_TIMEOUT_MS, on_authorized);
	else
		ask(x, WIRE_OP_GET, ANSWER_TIMEOUT_MS, on_answer);
}

static const struct {
	const char *path;
	void (*answer)(struct exchange *x);
	bool metrics; /* also on the listener for metrics */
} routes[] = {
	{ "/healthz", on_healthz, true },
	{ "/metrics", on_metrics, true },
	{ "/readyz", on_readyz, false },
	{ "/login", on_login, false },
};

static bool has_body(const struct exchange *x)
{
	const char *length = exchange_header(x, "Content-Length");

	return exchange_header(x, "Transfer-Encoding") || (length && strcmp(length, "0") != 0);
}

static enum MHD_Result see_field(void *ctx, enum MHD_ValueKind kind, const char *name,
				 size_t name_n, const char *value, size_t value_n)
{
	(void)kind;
	head_field(ctx, (struct span){ name, name_n }, (struct span){ value, value_n });
	return MHD_YES;
}

/* `method` is where the library has the head's first byte. */
static bool head_refused(struct exchange *x, const char *method, size_t head_n)
{
	struct head_check h = { .problem = NULL };

	if (MHD_VERSION < LENGTHS_ARE_RIGHT)
		h.raw = (struct span){ method, head_n };
	MHD_get_connection_values_n(x->connection, MHD_HEADER_KIND, see_field, &h);
	const char *problem = head_problem(&h);

	if (!problem)
		return false;
	answer_error(&x->answer, 400, "%s", problem);
	x->answer.close = true; /* where the next request begins is not known */
	return true;
}

bool route_refuses(struct exchange *x, const char *method)
{
	const union MHD_ConnectionInfo *head =
		MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

	if (head_refused(x, method, head ? head->header_size : 0))
		return true;
	if (x->url_n > REQUEST_MAX_URL) {
		answer_error(&x->answer, 414, "the URL is longer than %d bytes", REQUEST_MAX_URL);
	} else if (head && head->header_size > x->settings->max_header_bytes) {
		answer_error(&x->answer, 431, "the request head is longer than %u bytes",
			     x->settings->max_header_bytes);
	} else if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
		answer_error(&x->answer, 405, "only GET and HEAD are served");
		x->answer.allow = "GET, HEAD";
	} else if (has_body(x)) {
		answer_error(&x->answer, 413, "a request body is not taken");
	} else {
		return false;
	}
	return true;
}

struct host_header {
	const char *value;
	unsigned n;
};

static enum MHD_Result see_host(void *ctx, enum MHD_ValueKind kind, const char *name,
				const char *value)
{
	struct host_header *h = ctx;

	(void)kind;
	if (strcasecmp(name, "Host") == 0) {
		h->value = value;
		h->n++;
	}
	return MHD_YES;
}

static bool host_allowed(struct exchange *x)
{
	struct host_header h = { .value = NULL };

	MHD_get_connection_values(x->connection, MHD_HEADER_KIND, see_host, &h);
	if (h.n == 1 && request_host_allowed(span_str(h.value), x->settings->allowed_hosts,
					     x->settings->allowed_hosts_n, x->local))
		return true;
	answer_error(&x->answer, 421, "%s",
		     h.n == 0	? "the Host header is missing"
		     : h.n == 1 ? "this host name is not among the allowed hosts"
				: "there is more than one Host header");
	return false;
}

void route(struct exchange *x)
{
	struct err e = { "" };

	if (!x->settings->metrics_only && !host_allowed(x))
		return;
	if (request_target((struct span){ x->url, x->url_n }, x->path, sizeof(x->path), &x->query,
			   &e) < 0) {
		answer_error(&x->answer, 400, "%s", e.text);
		return;
	}
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (strcmp(x->path, routes[i].path) == 0 &&
		    (routes[i].metrics || !x->settings->metrics_only)) {
			routes[i].answer(x);
			return;
		}
	}
	if (x->settings->metrics_only)
		answer_error(&x->answer, 404, "only /metrics and /healthz are served here");
	else if (strncmp(x->path, API, sizeof(API) - 1) == 0)
		on_api(x);
	else if (!page_answer(x->path, &x->answer))
		answer_error(&x->answer, 404, "there is nothing at '%s'", x->path);
}
