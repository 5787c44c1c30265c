/* SPDX-License-Identifier: GPL-2.0-or-later */
/* posture_host - what can be read from a host's disk and /proc about how container runtimes and
 * Kubernetes are set up: CIS Docker Benchmark 1.6.0 (sections 1 to 4, 6, 7, and 5.1) and CIS
 * Kubernetes Benchmark 1.8 (files and kubelet of a node; files of the control plane).
 *
 * Reads files below a root and talks to nobody. One thread; blocks. What is read is other people's:
 * every file has a size limit, and texts are escaped by who prints them. */
#ifndef BULKHEAD_POSTURE_HOST_H
#define BULKHEAD_POSTURE_HOST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "collector/base/auto.h"
#include "collector/base/buf.h"
#include "collector/base/err.h"

#define HOST_DOCKER	"docker" /* the benchmarks */
#define HOST_KUBERNETES "kubernetes"
#define HOST_MAX_FILE	(4u << 20)
#define HOST_MAX_ARGS	256   /* of one command line */
#define HOST_MAX_LIST	65536 /* entries of a directory that are looked at */

enum host_outcome { HOST_PASS, HOST_FAIL, HOST_ABSENT, HOST_UNREADABLE, HOST_OUTCOMES };
extern const char *const host_outcome_names[HOST_OUTCOMES]; /* "pass", "fail", ... */

struct host_result {
	const char *benchmark, *item, *title; /* static */
	enum host_outcome outcome;
	char found[256], mend[256];
};

struct host_words { /* a command line */
	char *text;
	size_t text_n;
	char *words[HOST_MAX_ARGS];
	size_t n;
	int pid; /* 0: it does not run */
};

struct host_setting { /* of a flat YAML file: "authentication.anonymous.enabled" */
	char *key, *value;
};

struct host {
	const char *root; /* "" or the folder that stands for / */
	json_t *daemon;	  /* daemon.json, or NULL */
	int daemon_error; /* why there is none, -ENOENT ... */
	char daemon_path[512];
	char data_root[512]; /* docker's */
	struct host_words dockerd, kubelet;
	bool has_docker, has_kubelet;
	struct host_setting *kube; /* the kubelet's own file */
	size_t kube_n;
	int kube_error;
	char kube_path[512];
	struct host_result *results; /* in the order of the benchmarks */
	size_t n, cap;
	bool failed; /* no memory for a result */
};

/* Reads all and fills results. 0; -ENOMEM; or -errno when the root cannot be opened. */
int host_audit(struct host *h, const char *root, struct err *e);
void host_release(struct host *h);
static inline void auto_host_release(struct host *h)
{
	host_release(h);
}

/* --- for the parts: posture_host_*.c --- */

/* found: printf-like; mend: as it is (NULL: none). */
void host_tell(struct host *h, const char *benchmark, const char *item, const char *title,
	       enum host_outcome outcome, const char *mend, const char *found, ...)
	__attribute__((format(printf, 7, 8)));

int host_open(const struct host *h, const char *path, int flags); /* below the root, or -errno */
bool host_stat(const struct host *h, const char *path, struct stat *st); /* false: errno says why */
bool host_exists(const struct host *h, const char *path);
/* A regular file, NUL behind its text (not counted); 0 or -errno. */
int host_read(const struct host *h, const char *path, struct buf *b);
int host_read_json(const struct host *h, const char *path, json_t **out);
/* Calls fn for each name in a folder, until it returns false; -errno when it cannot be opened. */
int host_each(const struct host *h, const char *folder, bool (*fn)(void *ctx, const char *name),
	      void *ctx);

/* "--icc=false", "--icc false", "--icc": its value, "true" for a flag alone; NULL: not there.
 * is_switch: the next word is none of its. */
const char *host_flag(const struct host_words *w, const char *name, bool is_switch);

/* A flat list of what a YAML file (or a JSON one) says: keys of mappings joined by '.', items of
 * lists joined by ','. 0; -EBADMSG. */
int host_yaml(struct span text, struct host_setting **out, size_t *n);
const char *host_setting_of(const struct host_setting *list, size_t n, const char *key);
void host_settings_free(struct host_setting *list, size_t n);

void host_docker_start(struct host *h);	   /* section 1, of docker */
void host_docker_settings(struct host *h); /* section 2 */
void host_docker_files(struct host *h);	   /* section 3 */
void host_docker_use(struct host *h);	   /* sections 4 to 7 */
void host_kubernetes(struct host *h);
void host_kubernetes_files(struct host *h);

#endif
