// SPDX-License-Identifier: GPL-2.0-or-later
/* An AppArmor profile: what may be executed and written is listed, reading is broad but for what is
 * sensitive. Needs no files of /etc/apparmor.d; for parsers since 2.13. */
#include <errno.h>
#include <string.h>
#include <sys/capability.h>

#include "detector/baseline_export_internal.h"

/* Never told by the sensor, since every program uses them; or a container is of no use without. */
static const char always[] =
	"  # reading is broad; libraries alone may be mapped to be executed\n"
	"  / r,\n"
	"  /** r,\n"
	"  /{usr/,}lib{,32,64,x32}/** mr,\n"
	"  /usr/libexec/** mr,\n"
	"  /**.so{,.*} mr,\n"
	"  /**.node mr,\n"
	"  # what programs write without being told\n"
	"  /dev/{null,zero,full,tty,console,ptmx} rw,\n"
	"  /dev/{random,urandom} rw,\n"
	"  /dev/pts/{,*} rw,\n"
	"  /dev/zero m,\n"
	"  owner /proc/[0-9]*/{comm,oom_adj,oom_score_adj,coredump_filter,timerslack_ns} rw,\n"
	"  owner /proc/[0-9]*/task/[0-9]*/comm rw,\n"
	"  owner /proc/[0-9]*/attr/{,apparmor/}{current,exec} rw,\n"
	"\n"
	"  network unix,\n"
	"  network netlink,\n"
	"  unix,\n"
	"  signal (send, receive) peer=@{profile_name},\n"
	"  # docker stop, podman stop, kubelet\n"
	"  signal (receive) peer=unconfined,\n"
	"  signal (receive) peer=runc,\n"
	"  signal (receive) peer=crun,\n"
	"  ptrace (read, readby) peer=@{profile_name},\n";

/* Patterns of path_tree.h. Denied unless something learned may be among them; so each is part of
 * what behaviour_is_sensitive() knows, or what was read there would not be learned. */
const char *const export_sensitive[] = {
	"/etc/shadow",
	"/etc/shadow-",
	"/etc/gshadow",
	"/etc/gshadow-",
	"/etc/sudoers",
	"/etc/sudoers.d/*",
	"/etc/ssh/ssh_host_*_key",
	"/etc/ssl/private/*.key",
	"/etc/kubernetes/**",
	"/var/lib/kubelet/**",
	"/run/secrets/**",
	"/var/run/secrets/**",
	"/mnt/secrets-store/**",
	"/**/.ssh/id_rsa",
	"/**/.ssh/id_dsa",
	"/**/.ssh/id_ecdsa",
	"/**/.ssh/id_ed25519",
	"/**/.ssh/authorized_keys",
	"/**/.gnupg/*",
	"/**/.aws/credentials",
	"/**/.kube/config",
	"/**/.docker/config.json",
	"/**/.git-credentials",
	"/**/.netrc",
	"/**/.pgpass",
	"/**/.my.cnf",
	"/**/.npmrc",
	"/**/.pypirc",
	"/**/.vault-token",
	"/**/wallet.dat",
	"/proc/kcore",
	"/proc/kallsyms",
	"/proc/keys",
	NULL,
};

/* The same of writing: nothing but what is listed may be written anyway, a refusal that is spelled
 * out stays quiet in the log and stands when somebody widens the profile. */
static const char *const walls[] = {
	"/proc/sys/**", "/proc/sysrq-trigger", "/proc/kcore", "/sys/**", "/proc/*/mem",
};

struct profile {
	struct export *x;
	struct export_list exec, script, write, read;
};

/* --- patterns ------------------------------------------------------------------------------ */

/* AppArmor's own characters are escaped; what is no printable ASCII is written in octal. */
static void put_byte(struct buf *b, char byte)
{
	const unsigned char c = (unsigned char)byte;

	if (c < 0x20 || c >= 0x7f) {
		buf_printf(b, "\\%03o", c);
		return;
	}
	if (strchr("*?[]{}^\"\\", byte))
		buf_add_char(b, '\\');
	buf_add_char(b, byte);
}

static void put_pattern(struct buf *b, struct span pattern)
{
	enum export_piece piece;
	char byte;

	while ((piece = export_next(&pattern, &byte)) != PIECE_END)
		if (piece == PIECE_BYTE)
			put_byte(b, byte);
		else
			buf_add_str(b, piece == PIECE_STAR ? "*" : "**");
}

static void put_rule(struct buf *b, const char *before, struct span pattern, const char *behind,
		     const char *rights)
{
	buf_printf(b, "  %s\"", before);
	put_pattern(b, pattern);
	buf_printf(b, "%s\" %s,\n", behind, rights);
}

/* Paths alone: "memfd:x" and "-c" have no rule. */
static size_t put_list(struct buf *b, const struct export_list *l, const char *behind,
		       const char *rights)
{
	size_t odd = 0;

	for (size_t i = 0; i < l->n; i++)
		if (l->items[i].p[0] == '/')
			put_rule(b, "", l->items[i], behind, rights);
		else
			odd++;
	return odd;
}

/* --- files --------------------------------------------------------------------------------- */

static void put_exec(struct profile *p)
{
	struct buf *b = p->x->out;

	buf_add_str(b, "  # executed; children stay in this profile\n");
	const size_t odd = put_list(b, &p->exec, "", "mrix");

	put_list(b, &p->script, "", "rix");
	if (odd)
		export_note(p->x, "warning: %zu programs have no path (memory): they are refused",
			    odd);
}

/* A directory that is made or moved has a '/' behind its name. */
static void put_write(struct profile *p)
{
	struct buf *b = p->x->out;

	buf_add_str(b, "  # written, made, renamed, removed\n");
	if (export_windows(p->x->b, BASELINE_WRITE) == 0) {
		export_note(p->x, "warning: nothing is known of writing: all files may be written");
		buf_add_str(b, "  /** rwkl,\n");
		return;
	}
	put_list(b, &p->write, "{,/}", "rwkl");
}

static bool meets(const struct export_list *l, struct span row)
{
	for (size_t i = 0; i < l->n; i++)
		if (export_patterns_meet(l->items[i], row))
			return true;
	return false;
}

struct denial {
	struct buf *b;
	const char *rights;
};

static bool put_denial(void *ctx, struct span pattern, struct path_entry *entry)
{
	const struct denial *d = ctx;

	(void)entry;
	if (pattern.n > 0 && pattern.p[0] == '/')
		put_rule(d->b, "deny ", pattern, "", d->rights);
	return true;
}

/* What a person rejected, also where a wildcard covers it. */
static void put_rejected(struct profile *p)
{
	const struct baseline_set *sets = p->x->b->sets;
	struct denial d = { p->x->out, "wkl" };

	if (sets[BASELINE_WRITE].rejected)
		path_tree_each(sets[BASELINE_WRITE].rejected, put_denial, &d);
	d.rights = "r";
	if (sets[BASELINE_READ].rejected)
		path_tree_each(sets[BASELINE_READ].rejected, put_denial, &d);
}

static void put_sensitive(struct profile *p)
{
	struct buf *b = p->x->out;

	if (export_windows(p->x->b, BASELINE_READ) == 0) {
		export_note(p->x, "warning: nothing is known of sensitive files: all may be read");
		return;
	}
	buf_add_str(b, "  # sensitive, and never read\n");
	for (size_t i = 0; export_sensitive[i]; i++) {
		const struct span row = span_str(export_sensitive[i]);

		if (meets(&p->read, row))
			export_note(p->x, "note: %s: something there is learned, all may be read",
				    export_sensitive[i]);
		else
			put_rule(b, "deny ", row, "", "r");
	}
}

static void put_walls(struct profile *p)
{
	struct buf *b = p->x->out;

	if (export_windows(p->x->b, BASELINE_WRITE) == 0)
		return;
	buf_add_str(b, "  # the kernel's settings\n");
	for (size_t i = 0; i < sizeof(walls) / sizeof(walls[0]); i++)
		if (!meets(&p->write, span_str(walls[i])))
			put_rule(b, "deny ", span_str(walls[i]), "", "wkl");
}

/* --- rights -------------------------------------------------------------------------------- */

static void put_capability(struct export *x, struct span name)
{
	char text[64];
	cap_value_t value;

	if (name.n < sizeof(text)) {
		memcpy(text, name.p, name.n);
		text[name.n] = '\0';
		if (span_starts(name, "CAP_") && cap_from_name(text, &value) == 0) {
			buf_add_str(x->out, "  capability ");
			for (const char *c = text + 4; *c; c++)
				buf_add_char(x->out,
					     *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c);
			buf_add_str(x->out, ",\n");
			return;
		}
	}
	export_note(x, "warning: '%.*s' is no capability: left out", (int)name.n, name.p);
}

static int put_capabilities(struct export *x)
{
	struct export_list l;
	int r = export_list(x, BASELINE_CAPABILITY, export_whole, &l);

	if (r < 0)
		return r;
	if (export_windows(x->b, BASELINE_CAPABILITY) == 0) {
		export_note(x, "warning: nothing is known of capabilities: all are allowed");
		buf_add_str(x->out, "\n  capability,\n");
		return 0;
	}
	buf_add_char(x->out, '\n');
	for (size_t i = 0; i < l.n; i++)
		put_capability(x, l.items[i]);
	return 0;
}

static int put_networks(struct export *x)
{
	static const enum baseline_class classes[] = { BASELINE_LISTEN, BASELINE_CONNECT };
	bool tcp = false, udp = false, known = true;
	struct export_peers l;

	for (size_t c = 0; c < sizeof(classes) / sizeof(classes[0]); c++) {
		int r = export_peers(x, classes[c], &l);

		if (r < 0)
			return r;
		known &= export_windows(x->b, classes[c]) > 0;
		for (size_t i = 0; i < l.n; i++) {
			tcp |= l.items[i].protocol != EXPORT_UDP;
			udp |= l.items[i].protocol != EXPORT_TCP;
		}
	}
	if (!known) {
		export_note(x, "warning: little is known of the network: all of it is allowed");
		buf_add_str(x->out, "\n  network,\n");
		return 0;
	}
	buf_add_char(x->out, '\n');
	if (tcp)
		buf_add_str(x->out, "  network inet stream,\n  network inet6 stream,\n");
	if (udp)
		buf_add_str(x->out, "  network inet dgram,\n  network inet6 dgram,\n");
	export_note(x, "note: connections to loopback and raw sockets are not learned: where the "
		       "container has them alone, their network rules are to be added");
	return 0;
}

/* --- calls --------------------------------------------------------------------------------- */

/* "mount:tmpfs": the type as it may stand in a rule. */
static bool plain_type(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		const char c = s.p[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    c != '.' && c != '_' && c != '-')
			return false;
	}
	return s.n > 0;
}

static void put_mount(struct buf *b, struct span call)
{
	const struct span type = { call.p + strlen("mount:"), call.n - strlen("mount:") };

	if (plain_type(type))
		buf_printf(b, "  mount fstype=%.*s,\n", (int)type.n, type.p);
	else
		buf_add_str(b, "  mount,\n");
}

static int put_calls(struct export *x)
{
	struct export_list l;
	int r = export_list(x, BASELINE_CALL, export_whole, &l);
	bool mount = false, user = false;
	struct buf *b = x->out;

	for (size_t i = 0; r == 0 && i < l.n; i++) {
		const struct span s = l.items[i];

		if (span_starts(s, "mount:")) {
			put_mount(b, s);
			mount = true;
		} else if (span_eq(s, "mount") || span_starts(s, "*")) {
			buf_add_str(b, "  mount,\n");
			mount = true;
		} else if (span_starts(s, "umount")) {
			buf_add_str(b, "  umount,\n");
		} else if (span_eq(s, "pivot_root")) {
			buf_add_str(b, "  pivot_root,\n");
		} else if (span_eq(s, "ptrace")) {
			buf_add_str(b, "  ptrace (trace, tracedby) peer=@{profile_name},\n");
		} else if (span_starts(s, "unshare:user")) {
			user = true;
		}
	}
	if (user)
		buf_add_str(b, "  owner /proc/[0-9]*/{uid_map,gid_map,setgroups} rw,\n");
	if (r == 0 && !mount && export_windows(x->b, BASELINE_CALL) > 0)
		buf_add_str(b, "  deny mount,\n");
	return r;
}

/* ------------------------------------------------------------------------------------------- */

static int gather(struct profile *p)
{
	int r = export_list(p->x, BASELINE_EXEC, export_program, &p->exec);

	if (r == 0)
		r = export_list(p->x, BASELINE_SCRIPT, export_program, &p->script);
	if (r == 0)
		r = export_list(p->x, BASELINE_WRITE, export_whole, &p->write);
	return r < 0 ? r : export_list(p->x, BASELINE_READ, export_whole, &p->read);
}

int export_apparmor(struct export *x)
{
	struct profile p = { .x = x };
	int r = gather(&p);

	if (r < 0)
		return r;
	if (export_windows(x->b, BASELINE_EXEC) == 0 || p.exec.n == 0)
		return err_set(x->e, ENODATA,
			       "nothing is known of executables: with such a profile "
			       "no container would start");
	export_note_maturity(x, 1U << BASELINE_EXEC | 1U << BASELINE_SCRIPT | 1U << BASELINE_WRITE |
					1U << BASELINE_READ | 1U << BASELINE_CAPABILITY |
					1U << BASELINE_LISTEN | 1U << BASELINE_CONNECT |
					1U << BASELINE_CALL);
	buf_add_str(x->out, "profile bulkhead-");
	export_put_name(x->out, x->b, '-');
	buf_add_str(x->out, " flags=(attach_disconnected,mediate_deleted) {\n");
	put_exec(&p);
	buf_add_char(x->out, '\n');
	put_write(&p);
	buf_add_char(x->out, '\n');
	buf_add_str(x->out, always);
	r = put_networks(x);
	if (r == 0)
		r = put_capabilities(x);
	if (r == 0)
		r = put_calls(x);
	buf_add_char(x->out, '\n');
	put_rejected(&p);
	put_sensitive(&p);
	put_walls(&p);
	buf_add_str(x->out, "}\n");
	return r;
}
