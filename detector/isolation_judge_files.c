// SPDX-License-Identifier: GPL-2.0-or-later
/* I13 and I29 by opens for writing, and changes by name: programs and files of the host, bulkhead's
 * own; and which of the other subjects an open is of.
 *
 * What a file is is said by its file system and its name in it, never by the name alone: a plain
 * file called release_agent is a plain file. Where the call was refused the text that was passed is
 * all there is, and no more is said than that it was attempted. */
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "detector/isolation_judge.h"

static bool writes(const struct event_open *o)
{
	return o->access & (ACCESS_WRITE | ACCESS_TRUNCATE);
}

void isolation_begin_write(struct isolation_case *k, enum invariant i, const char *what)
{
	const bool done = k->v->head->result >= 0;

	finding_begin(&k->found, i, isolation_stage(k), "Container '%.100s' %s %s%s",
		      isolation_name(k), done ? "wrote to" : "tried to write to", what,
		      done ? "" : ": refused");
}

void isolation_put_file(struct isolation_case *k, struct span path)
{
	const struct span raw = k->v->strings[TAG_RAW];

	finding_fact(&k->found, "path", path);
	if (raw.n && (raw.n != path.n || memcmp(raw.p, path.p, raw.n) != 0))
		finding_fact(&k->found, "asked_for", raw);
	isolation_result(k);
}

void isolation_key_path(struct isolation_case *k, struct span path)
{
	const size_t n = path.n < 120 ? path.n : 120; /* its end tells more */

	finding_key(&k->found, "%.*s", (int)n, path.n ? path.p + path.n - n : "");
}

/* --- I13: programs of the runtime ------------------------------------------------------------- */

static void tell_program(struct isolation_case *k, struct span path, const char *program,
			 const char *known_as)
{
	isolation_begin_write(k, INV_HOST_PROGRAMS, "a program of the host");
	k->found.known_as = known_as;
	isolation_key_path(k, path);
	isolation_put_file(k, path);
	if (program)
		finding_fact(&k->found, "program", span_str(program));
	isolation_tell(k);
}

/* Of a process outside: of itself or another of its container it is a way to say "my program". */
static bool is_exe_of_outside(const struct isolation_case *k, struct span path, uint32_t *pid)
{
	struct span rest;

	return isolation_proc_path(path, pid, &rest) && span_eq(rest, "exe") && *pid &&
	       isolation_is_outside(k, isolation_named(k, *pid));
}

/* By the identity of the file; or, refused because it runs, by the name that was asked for. */
static bool judge_program(struct isolation_case *k, struct span path)
{
	const struct event_open *o = k->v->open;
	const struct span raw = k->v->strings[TAG_RAW];
	const struct isolation_program *program =
		k->host ? isolation_host_program(k->host, o->file.device, o->file.inode) : NULL;
	uint32_t pid;
	struct span rest;
	const bool by_proc = isolation_proc_path(raw, &pid, &rest) &&
			     (span_eq(rest, "exe") || span_starts(rest, "fd/"));

	if (program) {
		tell_program(k, path, program->path, by_proc ? "CVE-2019-5736" : "host mount");
		return true;
	}
	if (is_exe_of_outside(k, raw, &pid)) {
		tell_program(k, path, NULL, "CVE-2019-5736");
		return true;
	}
	/* /proc/self/exe of the container's own program is of its own file system; not so the
	 * runtime's, which is not there by any name */
	if (by_proc && k->v->head->result >= 0 && (o->file.flags & FILE_KNOWN) &&
	    (k->v->string_flags[TAG_PATH] & STRING_OUTSIDE) &&
	    !(o->file.flags & (FILE_MEMORY | FILE_DELETED | FILE_KERNEL)) &&
	    S_ISREG(o->file.mode) && (o->file.mode & 0111) && isolation_in_own_mounts(k)) {
		tell_program(k, path, NULL, "CVE-2019-5736");
		return true;
	}
	return false;
}

/* --- I13: files of the host ------------------------------------------------------------------- */

/* What the host executes or believes. */
static bool is_sensitive(const char *path)
{
	static const char *const below[] = {
		"/bin",
		"/sbin",
		"/lib",
		"/lib64",
		"/usr/bin",
		"/usr/sbin",
		"/usr/lib",
		"/usr/lib64",
		"/usr/libexec",
		"/usr/local/bin",
		"/usr/local/sbin",
		"/boot",
		"/etc/cron.d",
		"/etc/crontab",
		"/etc/systemd",
		"/etc/init.d",
		"/etc/profile",
		"/etc/profile.d",
		"/etc/ld.so.preload",
		"/etc/ld.so.conf.d",
		"/etc/passwd",
		"/etc/shadow",
		"/etc/group",
		"/etc/sudoers",
		"/etc/sudoers.d",
		"/etc/pam.d",
		"/etc/ssh",
		"/etc/docker",
		"/etc/containerd",
		"/etc/kubernetes",
		"/etc/modules-load.d",
		"/etc/udev",
		"/etc/rc.local",
		"/etc/cron.daily",
		"/etc/cron.hourly",
		"/etc/cron.weekly",
		"/var/spool/cron",
		"/root/.ssh",
		"/etc/bulkhead",
		"/lib/modules",
	};
	const struct span s = span_str(path);

	for (size_t i = 0; i < sizeof(below) / sizeof(below[0]); i++)
		if (isolation_below(s, below[i]))
			return true;
	return fnmatch("/root/.bash*", path, 0) == 0 || fnmatch("/root/.profile", path, 0) == 0 ||
	       fnmatch("/home/*/.ssh/*", path, 0) == 0 || fnmatch("/home/*/.bash*", path, 0) == 0 ||
	       fnmatch("/home/*/.profile", path, 0) == 0;
}

static void tell_host_file(struct isolation_case *k, struct span path, const char *host,
			   bool declared)
{
	isolation_begin_write(k, INV_HOST_PROGRAMS,
			      declared ? "a file that the host trusts" : "a file of the host");
	k->found.severity = declared ? ALERT_CRITICAL : ALERT_ERROR;
	if (k->v->head->result < 0)
		k->found.severity++;
	k->found.known_as = "host mount";
	isolation_key_path(k, path);
	isolation_put_file(k, path);
	if (host && *host)
		finding_fact(&k->found, "on_the_host", span_str(host));
	isolation_tell(k);
}

/* Through a mount that was agreed only what the host trusts counts; beside it all does. f NULL: the
 * object is not known. */
static bool judge_host_file(struct isolation_case *k, struct span path, const struct event_file *f)
{
	char host[PATH_MAX] = "";
	bool declared, found = isolation_host_path(k, path, host, sizeof(host), &declared);

	if (found && is_sensitive(host)) {
		tell_host_file(k, path, host, true);
		return true;
	}
	/* in a mount tree of its own, names say nothing of what was agreed */
	if (declared || !f || !k->of->meta || !k->host || !k->host->root_device ||
	    f->device != k->host->root_device || !S_ISREG(f->mode) || !(f->flags & FILE_FOREIGN) ||
	    (f->flags & FILE_MEMORY) || !isolation_in_own_mounts(k))
		return false;
	tell_host_file(k, path, NULL, false);
	return true;
}

/* --- bulkhead's own ----------------------------------------------------------------------------
 */

static bool is_own_place(const struct isolation_case *k, struct span path,
			 const struct event_file *f, bool changes)
{
	const struct isolation_host *h = k->host;
	char host[PATH_MAX];
	bool declared;

	if (!h)
		return false;
	if (f && (f->flags & FILE_KNOWN) && f->parent_inode &&
	    ((f->device == h->state_device && f->parent_inode == h->state_inode) ||
	     (f->device == h->run_device && f->parent_inode == h->run_inode)))
		return true;
	if (!isolation_host_path(k, path, host, sizeof(host), &declared))
		return false;
	/* who ships the alerts reads them there */
	const size_t n = strlen(h->state_dir);

	if (!changes && n && strncmp(host, h->state_dir, n) == 0 &&
	    isolation_below(span_str(host + n), "/alerts"))
		return false;
	return (n && isolation_below(span_str(host), h->state_dir)) ||
	       (h->run_dir[0] && isolation_below(span_str(host), h->run_dir));
}

static void tell_own_place(struct isolation_case *k, struct span path)
{
	finding_begin(&k->found, INV_AGENT, isolation_stage(k),
		      "Container '%.100s' reached into bulkhead's own files", isolation_name(k));
	isolation_key_path(k, path);
	isolation_put_file(k, path);
	isolation_tell(k);
}

/* --- opens ------------------------------------------------------------------------------------ */

void judge_open(struct isolation_case *k)
{
	const struct event_open *o = k->v->open;
	const bool done = k->v->head->result >= 0;
	bool said;
	const struct span path = isolation_path(k, false, &said);

	judge_handle(k, path);
	if (!path.n || (!done && !isolation_refused(k) && k->v->head->result != -26 /* ETXTBSY */))
		return;
	judge_device_open(k, path);
	judge_process_file(k, path);
	if (is_own_place(k, path, &o->file, writes(o))) {
		tell_own_place(k, path);
		return;
	}
	if (!writes(o) || judge_program(k, path) || judge_cgroup_file(k, path) ||
	    judge_kernel_file(k, path))
		return;
	judge_host_file(k, path, done && (o->file.flags & FILE_KNOWN) ? &o->file : NULL);
}

/* Put in place of a file, taken away or changed without being opened. */
void judge_changed(struct isolation_case *k)
{
	const enum event_type type = (enum event_type)k->v->head->type;
	const bool second = type == EVENT_RENAME || type == EVENT_LINK || type == EVENT_SYMLINK;
	bool said;
	const struct span path = isolation_path(k, second, &said);

	if (!path.n || k->v->head->result < 0)
		return;
	if (is_own_place(k, path, NULL, true)) {
		tell_own_place(k, path);
		return;
	}
	judge_host_file(k, path, NULL);
}
