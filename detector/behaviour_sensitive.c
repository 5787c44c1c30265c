// SPDX-License-Identifier: GPL-2.0-or-later
/* Which files hold secrets. By the last component, its ending, the folder it lies in, or the place:
 *
 *   accounts      shadow, gshadow (and their copies), opasswd, master.passwd, sudoers, sudoers.d/
 *   keys          *.pem *.key *.p12 *.pfx *.jks *.keystore *.keytab *.kdbx *.ppk *.pkcs12, id_rsa
 * and the like, ssh_host_*_key, all in .ssh/ and .gnupg/, authorized_keys, krb5cc_* secrets
 * /run/secrets/, /var/run/secrets/ (service accounts), /mnt/secrets-store/, /etc/kubernetes/,
 * /var/lib/kubelet/ credentials   of aws, gcloud, azure, kubectl, docker, git, netrc, pgpass,
 * mysql, npm, pypi, cargo, gem, composer, maven, vault, terraform, s3cmd, boto, rclone, gh,
 * htpasswd wallets       wallet.dat, *.wallet, UTC--*, default_wallet histories     .bash_history,
 * .psql_history ...: ".*_history" other processes: /proc/PID/ environ, mem, maps, smaps, numa_maps,
 * pagemap, auxv, map_files, stack, syscall, exe, ns, root, cwd, fd, fdinfo; not what ps and pidof
 * read the kernel    /proc/kcore, kallsyms, keys, sysrq-trigger, kpage*, /dev/mem, kmem, port
 *
 * Not: certificates that everybody reads (trust stores, cacert.pem, chains), *.pub, known_hosts. */
#include "detector/behaviour_internal.h"

#include <string.h>

#include "detector/interpreter.h"

struct rule {
	const char *name;
	const char *folder; /* that it must lie in; NULL: any */
};

static const struct rule names[] = {
	{ "shadow", NULL },
	{ "shadow-", NULL },
	{ "gshadow", NULL },
	{ "gshadow-", NULL },
	{ "opasswd", NULL },
	{ "master.passwd", NULL },
	{ "sudoers", NULL },
	{ "id_rsa", NULL },
	{ "id_dsa", NULL },
	{ "id_ecdsa", NULL },
	{ "id_ed25519", NULL },
	{ "id_ecdsa_sk", NULL },
	{ "id_ed25519_sk", NULL },
	{ "authorized_keys", NULL },
	{ "authorized_keys2", NULL },
	{ ".git-credentials", NULL },
	{ ".netrc", NULL },
	{ "_netrc", NULL },
	{ ".pgpass", NULL },
	{ ".my.cnf", NULL },
	{ ".mylogin.cnf", NULL },
	{ ".npmrc", NULL },
	{ ".pypirc", NULL },
	{ ".s3cfg", NULL },
	{ ".boto", NULL },
	{ ".dockercfg", NULL },
	{ ".vault-token", NULL },
	{ ".htpasswd", NULL },
	{ "rclone.conf", NULL },
	{ "kubeconfig", NULL },
	{ "credentials.tfrc.json", NULL },
	{ "application_default_credentials.json", NULL },
	{ "wallet.dat", NULL },
	{ "default_wallet", NULL },
	{ "credentials", ".aws" },
	{ "config", ".aws" },
	{ "config", ".kube" },
	{ "config.json", ".docker" },
	{ "credentials.db", "gcloud" },
	{ "access_tokens.db", "gcloud" },
	{ "accessTokens.json", ".azure" },
	{ "msal_token_cache.json", ".azure" },
	{ "msal_token_cache.bin", ".azure" },
	{ "azureProfile.json", ".azure" },
	{ "credentials", ".cargo" },
	{ "credentials.toml", ".cargo" },
	{ "credentials", ".gem" },
	{ "auth.json", ".composer" },
	{ "auth.json", "containers" },
	{ "settings.xml", ".m2" },
	{ "hosts.yml", "gh" },
};

static const char *const endings[] = { "pem",	   "key",    "p12",    "pfx",	 "jks",
				       "keystore", "ppk",    "keytab", "kdbx",	 "pkcs12",
				       "p8",	   "wallet", "jceks",  "agekey", "tfstate" };

/* Certificates and chains: no secrets. */
static const char public_names[] =
	"cacert.pem cert.pem ca.pem ca-bundle.pem ca-cert.pem ca-certificates.pem certs.pem "
	"fullchain.pem chain.pem roots.pem dhparam.pem dhparams.pem tls-ca-bundle.pem";
static const char *const public_places[] = {
	"/etc/ssl/certs/",     "/usr/share/ca-certificates/", "/usr/local/share/ca-certificates/",
	"/etc/pki/tls/certs/", "/etc/pki/ca-trust/",	      "/etc/pki/nssdb/",
	"/usr/share/pki/",     "/usr/lib/ssl/certs/",	      "/etc/ca-certificates/",
};

/* Of other processes. */
static const char of_processes[] = "environ mem maps smaps smaps_rollup numa_maps pagemap auxv "
				   "map_files stack syscall exe ns root cwd fd fdinfo personality";
static const char of_kernel[] = "kcore kallsyms keys sysrq-trigger kpagecount kpageflags "
				"kpagecgroup vmcore";

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Inline, so that the length of a literal is known: this runs for every open. */
static inline __attribute__((always_inline)) bool begins(struct span s, const char *prefix)
{
	const size_t n = strlen(prefix);

	return s.n >= n && memcmp(s.p, prefix, n) == 0;
}

static bool is_in(struct span path, const char *const *places, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (begins(path, places[i]))
			return true;
	return false;
}

/* The folder's own name: "b" of "/a/b/c", where last is "c". */
static struct span folder_of(struct span path, struct span last)
{
	const size_t n = (size_t)(last.p - path.p);

	return n ? interpreter_base((struct span){ path.p, n - 1 }) : (struct span){ "", 0 };
}

/* One look rules most texts out: lengths as bits, by the first byte. */
static void note(uint64_t lengths[256], struct span s)
{
	lengths[(unsigned char)s.p[0]] |= 1ULL << s.n;
}

void behaviour_note_names(struct behaviour_reader *r)
{
	struct span rest = span_str(of_processes), one;

	for (size_t i = 0; i < COUNT(names); i++)
		note(r->name_lengths, span_str(names[i].name));
	for (size_t i = 0; i < COUNT(endings); i++)
		note(r->ending_lengths, span_str(endings[i]));
	while (span_word(&rest, &one))
		note(r->proc_lengths, one);
}

static bool may_be(const uint64_t lengths[256], struct span s)
{
	return s.n > 0 && s.n < 64 && lengths[(unsigned char)s.p[0]] >> s.n & 1;
}

static bool is_named(const struct behaviour_reader *r, struct span last, struct span folder)
{
	if (!may_be(r->name_lengths, last))
		return false;
	for (size_t i = 0; i < COUNT(names); i++)
		if (span_eq(last, names[i].name) &&
		    (!names[i].folder || span_eq(folder, names[i].folder)))
			return true;
	return false;
}

static bool has_secret_ending(const struct behaviour_reader *r, struct span path, struct span last)
{
	const char *dot = memrchr(last.p, '.', last.n);
	struct span end;
	bool found = false;

	if (!dot)
		return false;
	end = (struct span){ dot + 1, (size_t)(last.p + last.n - dot - 1) };
	if (!may_be(r->ending_lengths, end))
		return false;
	for (size_t i = 0; i < COUNT(endings) && !found; i++)
		found = span_eq(end, endings[i]);
	return found && !interpreter_is_one_of(last, public_names) &&
	       !is_in(path, public_places, COUNT(public_places));
}

static bool has_secret_form(struct span last)
{
	switch (last.p[0]) {
	case '.':
		return last.n > 9 && span_ends(last, "_history");
	case 's':
		return begins(last, "ssh_host_") && span_ends(last, "_key");
	case 'k':
		return begins(last, "krb5cc_");
	case 'U':
		return begins(last, "UTC--");
	}
	return false;
}

static bool is_in_secret_folder(struct span last, struct span folder)
{
	if (folder.n < 4 || (folder.p[0] != '.' && folder.p[0] != 's' && folder.p[0] != 'p'))
		return false;
	if (span_eq(folder, ".ssh"))
		return !begins(last, "known_hosts") && !span_ends(last, ".pub");
	return span_eq(folder, ".gnupg") || span_eq(folder, "sudoers.d") ||
	       span_eq(folder, "private-keys-v1.d");
}

static bool is_secret_of_proc(const struct behaviour_reader *r, struct span path, uint32_t pid,
			      uint32_t tid)
{
	struct span rest = { path.p + 6, path.n - 6 }, name, own;
	uint32_t number;

	if (!span_next(&rest, '/', &name))
		return false;
	if (!rest.p)
		return interpreter_is_one_of(name, of_kernel);
	/* "self" is no number */
	if (!parse_u32(name, &number) || behaviour_is_own_proc(path, pid, tid, &own))
		return false;
	/* "/proc/7/task/9/environ" */
	if (begins(rest, "task/")) {
		struct span thread;

		rest = (struct span){ rest.p + 5, rest.n - 5 };
		if (!span_next(&rest, '/', &thread) || !rest.p)
			return false;
	}
	return span_next(&rest, '/', &name) && may_be(r->proc_lengths, name) &&
	       interpreter_is_one_of(name, of_processes);
}

static bool is_in_secret_place(struct span path)
{
	switch (path.p[1]) {
	case 'd':
		return span_eq(path, "/dev/mem") || span_eq(path, "/dev/kmem") ||
		       span_eq(path, "/dev/port");
	case 'e':
		return begins(path, "/etc/kubernetes/");
	case 'm':
		return begins(path, "/mnt/secrets-store/");
	case 'r':
		return begins(path, "/run/secrets/");
	case 'v':
		return begins(path, "/var/run/secrets/") || begins(path, "/var/lib/kubelet/");
	}
	return false;
}

static bool is_built_in(const struct behaviour_reader *r, struct span path, uint32_t pid,
			uint32_t tid)
{
	if (path.p[1] == 'p' && begins(path, "/proc/"))
		return is_secret_of_proc(r, path, pid, tid);
	if (is_in_secret_place(path))
		return true;
	struct span last = interpreter_base(path);

	if (last.n == 0)
		return false;
	struct span folder = folder_of(path, last);

	return is_named(r, last, folder) || has_secret_form(last) ||
	       is_in_secret_folder(last, folder) || has_secret_ending(r, path, last);
}

bool behaviour_is_secret(const struct behaviour_reader *r, struct span path, uint32_t pid,
			 uint32_t tid)
{
	if (path.n < 2 || path.p[0] != '/')
		return false;
	if (is_built_in(r, path, pid, tid))
		return true;
	for (size_t i = 0; i < r->globs_n; i++)
		if (glob_match(r->globs[i], path))
			return true;
	return false;
}
