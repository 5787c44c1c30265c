// SPDX-License-Identifier: GPL-2.0-or-later
/* Requests of webhooks and Alertmanager, and what streams share with them: TLS, proxy, limits.
 *
 * libcurl with GnuTLS reads certificates by path alone. Ours are in memory (the files are root's):
 * they become anonymous files, whose paths below /proc/self/fd this process may open. */
#include <errno.h>
#include <gnutls/gnutls.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

#include "collector/base/io.h"
#include "http/sinks_internal.h"

#define CONNECT_TIMEOUT_MS 5000
#define TIMEOUT_MS	   15000
#define MAX_ANSWER_BYTES   (1u << 20)
#define MAX_HEADERS	   16

struct sink_http {
	struct sink *sink;
	CURL *easy;
	struct curl_slist *headers; /* of the settings; of the request, in front */
	char *body;
	size_t answer_bytes;
	int fds[3];
	bool busy;
	char error[CURL_ERROR_SIZE];
};

void sink_http_fds_close(int fds[3])
{
	for (int i = 0; i < 3; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}

static int as_file(const struct sink *s, const char *key, int *fd, char path[40], struct err *e)
{
	const struct sink_setting *pem = sink_setting(s, key);

	path[0] = '\0';
	if (!pem)
		return 0;
	*fd = memfd_create("bulkhead", MFD_CLOEXEC);
	if (*fd < 0)
		return err_errno(e, "cannot keep '%s'", key);
	int r = io_write_all(*fd, pem->value, pem->n);

	if (r < 0)
		return err_set(e, -r, "cannot keep '%s': %s", key, strerror(-r));
	snprintf(path, 40, "/proc/self/fd/%d", *fd);
	return 0;
}

/* The system's certificates as one file: GnuTLS would read each file of a folder at each
 * connection.
 */
static const char *system_bundle(void)
{
	static const char *const known[] = {
		"/etc/ssl/certs/ca-certificates.crt", /* Debian and what derives from it, Arch */
		"/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora */
		"/etc/ssl/ca-bundle.pem",	      /* SUSE */
		"/etc/ssl/cert.pem",		      /* Alpine */
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (access(known[i], R_OK) == 0)
			return known[i];
	return NULL;
}

static int set_tls(struct sink *s, CURL *easy, int fds[3], struct err *e)
{
	char ca[40], cert[40], key[40];
	int r = as_file(s, "ca", &fds[0], ca, e);

	if (r == 0)
		r = as_file(s, "client_cert", &fds[1], cert, e);
	if (r == 0)
		r = as_file(s, "client_key", &fds[2], key, e);
	if (r < 0)
		return r;
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	/* a configured one, and then not those of the system beside it */
	const char *bundle = ca[0] ? ca : system_bundle();

	if (bundle) {
		curl_easy_setopt(easy, CURLOPT_CAINFO, bundle);
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	}
	if (cert[0]) {
		curl_easy_setopt(easy, CURLOPT_SSLCERT, cert);
		curl_easy_setopt(easy, CURLOPT_SSLKEY, key);
	}
	return 0;
}

int sink_http_common(struct sink *s, CURL *easy, int fds[3], struct err *e)
{
	const char *proxy = sink_get(s, "proxy");
	uint64_t connect_ms = sink_number(s, "connect_timeout", CONNECT_TIMEOUT_MS);
	uint64_t timeout_ms = sink_number(s, "timeout", TIMEOUT_MS);

	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, s);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_PROXY,
			 proxy ? proxy : ""); /* "": not from the environment */
	curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	return set_tls(s, easy, fds, e);
}

static bool is_usable_url(const char *url)
{
	CURLU *u = curl_url();
	char *scheme = NULL;
	bool ok = u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
		  curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		  (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);

	curl_free(scheme);
	curl_url_cleanup(u);
	return ok;
}

static bool add_header(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	if (longer)
		*list = longer;
	return longer != NULL;
}

/* A value that a file gives may be as long as a token is. */
static int add_setting_headers(struct curl_slist **list, const struct sink *s, struct err *e)
{
	const struct sink_setting *h = NULL;
	const char *name;

	while ((h = sink_each_entry(s, "headers", h, &name))) {
		size_t cap = strlen(name) + h->n + 3;
		AUTO_FREE char *line = malloc(cap);

		if (!line)
			return err_set(e, ENOMEM, "no memory for headers");
		snprintf(line, cap, "%s: %s", name, h->value);
		bool added = add_header(list, line);

		explicit_bzero(line, cap);
		if (!added)
			return err_set(e, ENOMEM, "no memory for headers");
	}
	return 0;
}

/* What receivers answer is of no use beyond the status, and might repeat a secret. */
static size_t on_answer(char *bytes, size_t size, size_t n, void *ctx)
{
	struct sink_http *h = ctx;

	(void)bytes;
	h->answer_bytes += size * n;
	return h->answer_bytes <= MAX_ANSWER_BYTES ? size * n : 0;
}

int sink_http_open(struct sink_http **out, struct sink *s, const char *url, struct err *e)
{
	int r = sinks_multi(s->all, e);
	struct sink_http *h = r == 0 ? calloc(1, sizeof(*h)) : NULL;

	if (r < 0)
		return r;
	if (!h)
		return err_set(e, ENOMEM, "no memory");
	h->sink = s;
	h->fds[0] = h->fds[1] = h->fds[2] = -1;
	h->easy = curl_easy_init();
	r = h->easy ? sink_http_common(s, h->easy, h->fds, e) : err_set(e, ENOMEM, "no memory");
	if (r == 0 && !is_usable_url(url))
		r = err_set(e, EINVAL, "its url is no address with http:// or https://");
	if (r < 0) {
		sink_http_close(h);
		return r;
	}
	curl_easy_setopt(h->easy, CURLOPT_URL, url);
	curl_easy_setopt(h->easy, CURLOPT_POST, 1L);
	curl_easy_setopt(h->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(h->easy, CURLOPT_USERAGENT, "bulkhead/" BULKHEAD_VERSION);
	curl_easy_setopt(h->easy, CURLOPT_WRITEFUNCTION, on_answer);
	curl_easy_setopt(h->easy, CURLOPT_WRITEDATA, h);
	curl_easy_setopt(h->easy, CURLOPT_ERRORBUFFER, h->error);
	*out = h;
	return 0;
}

/* Overwritten first: headers hold tokens. */
static void free_headers(struct curl_slist *list)
{
	for (struct curl_slist *l = list; l; l = l->next)
		explicit_bzero(l->data, strlen(l->data));
	curl_slist_free_all(list);
}

static void finish(struct sink_http *h)
{
	if (h->busy)
		curl_multi_remove_handle(h->sink->all->multi, h->easy);
	h->busy = false;
	free_headers(TAKE(h->headers));
	free(TAKE(h->body));
}

void sink_http_close(struct sink_http *h)
{
	if (!h)
		return;
	finish(h);
	curl_easy_cleanup(h->easy);
	sink_http_fds_close(h->fds);
	free(h);
}

int sink_http_post(struct sink_http *h, char *body, size_t n, const char *const *headers)
{
	bool ok = body && add_header(&h->headers, "Content-Type: application/json") &&
		  add_header(&h->headers, "Expect:"); /* no second round trip */

	h->body = body;
	for (size_t i = 0; ok && headers && headers[i] && i < MAX_HEADERS; i++)
		ok = add_header(&h->headers, headers[i]);
	if (!ok || add_setting_headers(&h->headers, h->sink, NULL) < 0) {
		finish(h);
		return -ENOMEM;
	}
	h->answer_bytes = 0;
	h->error[0] = '\0';
	curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, h->headers);
	curl_easy_setopt(h->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)n);
	curl_easy_setopt(h->easy, CURLOPT_POSTFIELDS, h->body);
	if (curl_multi_add_handle(h->sink->all->multi, h->easy) != CURLM_OK) {
		finish(h);
		return -EIO;
	}
	h->busy = true;
	return 0;
}

/* With TLS 1.3 a client is told that its certificate is missed or not liked when the handshake is
 * over for it: all that libcurl sees is a connection that breaks. */
static const char *hint(const struct sink *s, CURL *easy, CURLcode code)
{
	const char *scheme = NULL;

	if (code != CURLE_SEND_ERROR && code != CURLE_RECV_ERROR && code != CURLE_GOT_NOTHING)
		return "";
	if (curl_easy_getinfo(easy, CURLINFO_SCHEME, &scheme) != CURLE_OK || !scheme ||
	    strcasecmp(scheme, "https") != 0)
		return "";
	return sink_get(s, "client_cert")
		       ? " (the receiver may have refused the client certificate)"
		       : " (the receiver may want a client certificate)";
}

void sink_http_why(const struct sink *s, CURL *easy, CURLcode code, const char *error, char *out,
		   size_t cap)
{
	gnutls_datum_t text = { NULL, 0 };
	long status = 0;

	/* libcurl says that it failed and where the certificates lie; GnuTLS says why */
	if (code == CURLE_PEER_FAILED_VERIFICATION &&
	    curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &status) == CURLE_OK &&
	    (status & GNUTLS_CERT_INVALID) &&
	    gnutls_certificate_verification_status_print((unsigned)status, GNUTLS_CRT_X509, &text,
							 0) == 0)
		snprintf(out, cap, "%s", (const char *)text.data);
	else
		snprintf(out, cap, "%s%s", error[0] ? error : curl_easy_strerror(code),
			 hint(s, easy, code));
	gnutls_free(text.data);
	for (size_t n = strlen(out); n > 0 && out[n - 1] == ' '; n--)
		out[n - 1] = '\0';
}

/* A 4xx that is about this body: another try would end as this one. What is about the address or
 * the rights (401, 403, 404, 407) is mended by somebody, and until then the alert waits. */
static bool is_about_the_body(long status)
{
	static const long known[] = { 400, 409, 411, 413, 414, 415, 422, 431 };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (status == known[i])
			return true;
	return false;
}

static enum sink_end meaning(long status)
{
	if (status >= 200 && status < 300)
		return SINK_DONE;
	return is_about_the_body(status) ? SINK_REFUSED : SINK_RETRY;
}

bool sink_http_succeeded(struct sink_http *h, CURLcode code)
{
	struct sink *s = h->sink;
	curl_off_t after = 0;
	long status = 0;
	char text[CURL_ERROR_SIZE + 64];

	curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(h->easy, CURLINFO_RETRY_AFTER, &after);
	if (code == CURLE_WRITE_ERROR && h->answer_bytes > MAX_ANSWER_BYTES)
		code = CURLE_OK; /* it answered, at length */
	if (code != CURLE_OK)
		sink_http_why(s, h->easy, code, h->error, text, sizeof(text));
	else
		snprintf(text, sizeof(text), "the receiver answered %ld%s", status,
			 status / 100 == 3 ? ", a redirection, which is not followed" : "");
	finish(h);
	if (code == CURLE_OK && meaning(status) == SINK_DONE)
		return true;
	sink_ended(s, code == CURLE_OK ? meaning(status) : SINK_RETRY,
		   after > 0 && after < 1000000 ? (uint64_t)after * NS_PER_S : 0, text);
	return false;
}
