/* SPDX-License-Identifier: GPL-2.0-or-later */
/* metadata_internal - what the readers of the runtimes' files share; for collector/metadata*.c.
 *
 * Host paths are absolute and without the prefix of roots->rootfs: the functions here add it, and
 * resolve symbolic links below it. Setters copy, cut at METADATA_MAX_STRING and take "" and NULL
 * for "unknown"; one that runs out of memory leaves the field unknown. */
#ifndef BULKHEAD_METADATA_INTERNAL_H
#define BULKHEAD_METADATA_INTERNAL_H

#include <dirent.h>
#include <jansson.h>
#include <limits.h>

#include "collector/base/buf.h"
#include "collector/metadata.h"

static inline void auto_json_decref(json_t **j)
{
	json_decref(*j);
}
#define AUTO_JSON AUTO(json_decref)

/* The process that a runtime leaves beside a container: the first ancestor outside its cgroup. */
enum shim_kind { SHIM_NONE, SHIM_CONTAINERD, SHIM_CONMON, SHIM_RUNC };

struct metadata_shim {
	enum shim_kind kind;
	pid_t pid;
	char id[CONTAINER_ID_BYTES]; /* the pod's sandbox when one shim serves a whole pod */
	char name_space[64];	     /* containerd */
	char bundle[PATH_MAX];	     /* of `id`; "" when unknown */
	char exit_dir[PATH_MAX];     /* conmon */
	char log_path[PATH_MAX];     /* conmon */
	char state_root[PATH_MAX];   /* runc --root */
};

/* One metadata_load() under way. */
struct metadata_load {
	const struct metadata_roots *roots;
	const struct identity *id;
	const char *cgroup_path;
	pid_t pid;
	struct metadata *m;
	bool malformed;	 /* a file was there and could not be read as what it should be */
	bool shim_known; /* shim was looked for */
	struct metadata_shim shim;
};

/* Places that may lie elsewhere on some hosts; learned ones are kept in roots->cache. */
enum metadata_root {
	ROOT_DOCKER,  /* data root: has containers/ID */
	ROOT_TASKS,   /* containerd's bundles: has NAMESPACE/ID */
	ROOT_STORAGE, /* containers/storage: has ID/userdata and containers.json */
	ROOT_EXITS,   /* conmon's exit files: has ID */
	ROOT_RUNC,    /* runc's and crun's states: has ID/state.json or ID/status */
	ROOT_KINDS
};

/* --- metadata_read.c: files and JSON --- */

/* Whose shims and files are believed: root's, as other users may name a process or a folder as
 * they like. Only tests, whose files are their own, set another. */
extern uid_t metadata_trusted_uid;

/* As openat(2); O_CLOEXEC, O_NONBLOCK and O_NOCTTY are added. */
int metadata_open(const struct metadata_roots *r, const char *path, int flags);
/* A regular file of at most METADATA_MAX_FILE bytes, appended to *b; 0 or -errno, -EACCES when its
 * owner is not the trusted user: all that is read here decides what root will measure. */
int metadata_read_file(const struct metadata_roots *r, const char *path, struct buf *b);
/* 0 and *out (the caller's), or -EBADMSG. All numbers are reals: runtimes write "unlimited" as
 * 2^64 - 1, which jansson refuses as an integer. Invalid UTF-8 in *b is overwritten. */
int metadata_parse_json(struct buf *b, json_t **out);
int metadata_read_json(const struct metadata_roots *r, const char *path, json_t **out);
/* The same; NULL for any failure, and l->malformed set unless the file is just not there. */
json_t *metadata_load_json(struct metadata_load *l, const char *path);
/* One number in a file ("4956\n"); false when it is anything else. */
bool metadata_read_number(const struct metadata_roots *r, const char *path, int64_t *out);
DIR *metadata_opendir(const struct metadata_roots *r, const char *path);
bool metadata_exists(const struct metadata_roots *r, const char *path);
/* mtime, size and inode folded; 0 when there is no such file. mtime_ns may be NULL. */
uint64_t metadata_file_token(const struct metadata_roots *r, const char *path, uint64_t *mtime_ns);
/* snprintf into out[PATH_MAX]; false when it did not fit. */
bool metadata_path(char *out, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* True for one path component that leads nowhere else. */
bool metadata_name_is_safe(const char *name);

/* Members of objects; what is absent or of another type is NULL or false. `o` may be NULL. */
json_t *metadata_object(const json_t *o, const char *key);
json_t *metadata_array(const json_t *o, const char *key);
const char *metadata_string(const json_t *o, const char *key);
bool metadata_true(const json_t *o, const char *key);
bool metadata_integer(const json_t *o, const char *key, int64_t *out);
uint64_t metadata_time(const json_t *o, const char *key); /* RFC 3339; 0 unknown */

/* --- metadata_fill.c --- */

void metadata_set(char **field, const char *value); /* replaces; "" and NULL change nothing */
void metadata_set_if_unset(char **field, const char *value);
void metadata_set_joined(char **field, const char *first, const json_t *words); /* if unset */
void metadata_add_label(struct metadata *m, const char *name, const char *value);
/* A mount whose destination is already there is skipped. */
void metadata_add_mount(struct metadata *m, const char *type, const char *source,
			const char *destination, const char *volume, bool read_only);
void metadata_free_mount(struct metadata_mount *mount);
void metadata_add_capability(struct metadata *m, const char *name);
void metadata_add_all_capabilities(struct metadata *m);
void metadata_drop_capability(struct metadata *m, const char *name);
void metadata_add_namespace(struct metadata *m, const char *type, const char *path);
/* As docker writes them: test is ["CMD", "a", "b"] or ["CMD-SHELL", "text"], shell what runs the
 * latter (["/bin/bash", "-c"]; NULL: default_shell with "-c"). "NONE" and what is empty: none. */
void metadata_set_healthcheck(struct metadata *m, const json_t *test, const json_t *shell,
			      const char *default_shell);
void metadata_drop_healthcheck(struct metadata *m);
void metadata_set_stop_signal(struct metadata *m, const char *text); /* "QUIT", "SIGQUIT", "3" */
void metadata_fit(struct metadata *m); /* nothing may be added after */
void metadata_set_image_id(struct metadata *m,
			   const char *text); /* hex, sha256:hex, x@sha256:hex */

/* --- metadata_confine.c: struct metadata_confinement; what is known already stays --- */

void metadata_confine_oci(struct metadata *m, const json_t *config);
/* config.v2.json's mounts, hostconfig.json; either may be NULL. After the bundle, if there is one.
 */
void metadata_confine_docker(struct metadata *m, const json_t *config, const json_t *host);
void metadata_confine_release(struct metadata_confinement *c);

/* --- metadata_find.c (places and shims), metadata_path.c (from cgroup paths) --- */

/* The i-th place of a kind, standard ones first; NULL after the last. */
const char *metadata_root(const struct metadata_roots *r, enum metadata_root kind, size_t i);
void metadata_learn(const struct metadata_roots *r, enum metadata_root kind, const char *path);
/* Cuts n components off the end of a path, in place; false when it has no more. */
bool metadata_cut(char *path, unsigned n);
void metadata_find_shim(const struct metadata_roots *r, const char *cgroup_path, pid_t pid,
			struct metadata_shim *out);
const struct metadata_shim *metadata_shim(struct metadata_load *l); /* looks once */
/* True when /proc tells the cgroups of `pid`, and none is cgroup_path or below it. */
bool metadata_is_elsewhere(const struct metadata_roots *r, pid_t pid, const char *cgroup_path);
/* True when linux.cgroupsPath of an OCI config names this cgroup; also "slice:prefix:name". */
bool metadata_cgroups_path_is(const char *cgroups_path, const char *cgroup_path);
/* The same for the state file of runc or crun. */
bool metadata_state_is_of(const json_t *state, const char *cgroup_path);
/* "bundle=" among the labels of runc's state, crun's "bundle"; NULL when neither. */
const char *metadata_state_bundle(const json_t *state);
/* Bundle of containerd's task `id`, in this namespace or any; false when there is none. */
bool metadata_find_task(const struct metadata_roots *r, const char *id, const char *name_space,
			const struct metadata_shim *shim, char *bundle);

/* --- one reader a family; true when something was found --- */

bool metadata_load_docker(struct metadata_load *l);
bool metadata_load_containerd(struct metadata_load *l);
bool metadata_load_runc(struct metadata_load *l);
bool metadata_load_storage(struct metadata_load *l); /* podman and CRI-O */
bool metadata_load_lxc(struct metadata_load *l);
bool metadata_load_nspawn(struct metadata_load *l);

/* --- metadata_oci.c, metadata_runc.c --- */

/* From config.json of an OCI bundle; fields that are known already stay. */
void metadata_apply_oci(struct metadata_load *l, const json_t *config, const char *bundle);
void metadata_apply_pod_logs(struct metadata_load *l);
/* State of a process: running when /proc has it, exited when it has gone. */
void metadata_apply_pid(struct metadata_load *l, int64_t pid);
/* runc's or crun's state of the container below root: pid, times; false when there is none. */
bool metadata_apply_state(struct metadata_load *l, const char *root, const char *id, char *bundle);

#endif
