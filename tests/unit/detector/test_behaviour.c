// SPDX-License-Identifier: GPL-2.0-or-later
/* Files, sockets and calls; programs are in test_behaviour_exec.c. */
#include "tests/unit/detector/behaviour_fixture.h"

#include <sched.h>
#include <sys/mount.h>
#include <time.h>

#include "bpf/settings.h"

/* --- files ----------------------------------------------------------------------------------- */
static void files_that_are_changed_are_told_by_their_path(void **state)
{
	(void)state;
	assert_string_equal(opened(ACCESS_WRITE, "/var/log/a.log"), "write /var/log/a.log");
	assert_string_equal(opened(ACCESS_READ | ACCESS_CREATE, "/a"), "write /a");
	assert_string_equal(opened(ACCESS_TRUNCATE, "/a"), "write /a");
	assert_string_equal(opened(ACCESS_READ, "/etc/nginx/nginx.conf"), "");
	assert_string_equal(opened(0, "/etc/shadow"), "");
	assert_string_equal(named(EVENT_UNLINK, "/a/b", NULL, NULL, NULL, NULL), "write /a/b");
	assert_string_equal(named(EVENT_UNLINK, NULL, "../b//c", "/a/x", NULL, NULL),
			    "write /a/b/c");
	assert_string_equal(named(EVENT_RENAME, NULL, "/a", NULL, "b", "/c"),
			    "write /a; write /c/b");
	assert_string_equal(named(EVENT_LINK, NULL, "/a", NULL, "b", "/c"), "write /c/b");
	assert_string_equal(named(EVENT_SYMLINK, NULL, "/etc/passwd", NULL, "/b", NULL),
			    "write /b");
	assert_string_equal(named(EVENT_MKDIR, NULL, "/d", NULL, NULL, NULL), "write /d");
	assert_string_equal(named(EVENT_RMDIR, NULL, "/d/", NULL, NULL, NULL), "write /d");
	assert_string_equal(named(EVENT_CHMOD, "/d", "x", NULL, NULL, NULL), "write /d");
	assert_string_equal(named(EVENT_CHOWN, "/d", NULL, NULL, NULL, NULL), "write /d");
	assert_string_equal(named(EVENT_MKNOD, "/d", NULL, NULL, NULL, NULL), "write /d");
	assert_string_equal(named(EVENT_TRUNCATE, "/d", NULL, NULL, NULL, NULL), "write /d");
	assert_string_equal(named(EVENT_SETXATTR, "/d", NULL, NULL, NULL, NULL), "write /d");
	assert_int_equal(behaviour_reader_stats(reader).unresolved, 0);
}

static void a_path_that_is_not_known_is_counted_and_not_guessed(void **state)
{
	struct event_open o = { .access = ACCESS_WRITE, .file = REGULAR };

	(void)state;
	assert_string_equal(named(EVENT_UNLINK, NULL, "b", NULL, NULL, NULL), "");
	assert_string_equal(named(EVENT_UNLINK, NULL, NULL, NULL, NULL, NULL), "");
	assert_string_equal(named(EVENT_RENAME, NULL, "a", NULL, "/b", NULL), "write /b");
	assert_string_equal(named(EVENT_UNLINK, "b/c", "b/c", NULL, NULL, NULL), "");
	assert_int_equal(behaviour_reader_stats(reader).unresolved, 4);
	begin(head_of(EVENT_OPEN), &o);
	event_write_string(&writer, TAG_PATH, STRING_CUT, SPAN_LIT("/end/of/it"));
	assert_string_equal(says(), "");
	begin(head_of(EVENT_UNLINK), NULL);
	event_write_string(&writer, TAG_RAW, STRING_UNREAD, SPAN_LIT("/a"));
	assert_string_equal(says(), "");
	begin(head_of(EVENT_UNLINK), NULL);
	event_write_string(&writer, TAG_RAW, STRING_CUT, SPAN_LIT("/a"));
	assert_string_equal(says(), "");
	assert_int_equal(behaviour_reader_stats(reader).unresolved, 7);
}

static void what_keeps_nothing_is_no_change(void **state)
{
	static const char *const idle[] = { "/dev/null",   "/dev/zero",	  "/dev/tty",
					    "/dev/pts/3",  "/dev/stdout", "/dev/fd/2",
					    "/dev/stderr", "/dev/ptmx",	  "/dev/urandom" };
	static const uint32_t devices[] = { 1 << 20 | 3, 1 << 20 | 5, 5 << 20, 136 << 20 | 7 };
	struct event_open o = { .access = ACCESS_WRITE };

	(void)state;
	for (size_t i = 0; i < sizeof(idle) / sizeof(idle[0]); i++)
		assert_string_equal(named(EVENT_CHMOD, idle[i], NULL, NULL, NULL, NULL), "");
	for (size_t i = 0; i < 4; i++) {
		o.file = (struct event_file){ .flags = FILE_KNOWN,
					      .mode = S_IFCHR,
					      .rdev = devices[i] };
		begin(head_of(EVENT_OPEN), &o);
		add(TAG_PATH, SPAN_LIT("/any/name"));
		assert_string_equal(says(), "");
	}
	o.file.rdev = 1 << 20 | 1;
	begin(head_of(EVENT_OPEN), &o);
	add(TAG_PATH, SPAN_LIT("/dev/mem"));
	assert_string_equal(says(), "write /dev/mem");
	/* a file that took the name of the device */
	assert_string_equal(opened(ACCESS_WRITE, "/dev/null"), "write /dev/null");
	assert_string_equal(opened(ACCESS_WRITE, "/dev/shm/x"), "write /dev/shm/x");
	o.file = (struct event_file){ .flags = FILE_KNOWN, .mode = S_IFIFO };
	begin(head_of(EVENT_OPEN), &o);
	event_write_string(&writer, TAG_PATH, STRING_OUTSIDE, SPAN_LIT("/pipe:[7]"));
	assert_string_equal(says(), "");
	o.file = (struct event_file){ .flags = FILE_KNOWN | FILE_MEMORY, .mode = S_IFREG };
	begin(head_of(EVENT_OPEN), &o);
	event_write_string(&writer, TAG_PATH, STRING_OUTSIDE, SPAN_LIT("/memfd:x"));
	assert_string_equal(says(), "");
}

static void a_processes_own_files_below_proc_are_no_change(void **state)
{
	(void)state;
	assert_string_equal(opened(ACCESS_WRITE, "/proc/self/oom_score_adj"), "");
	assert_string_equal(opened(ACCESS_WRITE, "/proc/5/attr/current"), "");
	assert_string_equal(opened(ACCESS_WRITE, "/proc/5/task/6/comm"), "");
	assert_string_equal(opened(ACCESS_WRITE, "/proc/6/comm"), "");
	assert_string_equal(opened(ACCESS_WRITE, "/proc/7/mem"), "write /proc/7/mem");
	assert_string_equal(opened(ACCESS_WRITE, "/proc/55/mem"), "write /proc/55/mem");
	assert_string_equal(opened(ACCESS_WRITE, "/proc/sys/kernel/core_pattern"),
			    "write /proc/sys/kernel/core_pattern");
	assert_string_equal(opened(ACCESS_WRITE, "/proc/5"), "write /proc/5");
}

static void files_without_a_name_have_their_folders(void **state)
{
	struct event_open o = { .access = ACCESS_WRITE | ACCESS_CREATE,
				.flags = O_TMPFILE | O_RDWR,
				.file = REGULAR };

	(void)state;
	o.file.flags |= FILE_FOREIGN | FILE_DELETED;
	begin(head_of(EVENT_OPEN), &o);
	event_write_string(&writer, TAG_PATH, STRING_DELETED, SPAN_LIT("/tmp/#4711"));
	assert_string_equal(says(), "~write /tmp/#");
}

static void volumes_are_marked_as_foreign(void **state)
{
	struct event_open o = { .access = ACCESS_WRITE | ACCESS_READ, .file = REGULAR };

	(void)state;
	o.file.flags |= FILE_FOREIGN;
	begin(head_of(EVENT_OPEN), &o);
	add(TAG_PATH, SPAN_LIT("/run/secrets/db"));
	assert_string_equal(says(), "~write /run/secrets/db; ~read /run/secrets/db");
}

static void failed_calls_say_nothing_unless_a_verdict_refused_them(void **state)
{
	struct event_open o = { .access = ACCESS_WRITE | ACCESS_CREATE };
	struct event_head *h = head_of(EVENT_OPEN);

	(void)state;
	h->result = -EACCES;
	begin(h, &o);
	add(TAG_PATH, SPAN_LIT("/a"));
	assert_string_equal(says(), "");
	h->result = -EPERM;
	h->flags = EVENT_DENIED;
	begin(h, &o);
	add(TAG_RAW, SPAN_LIT("b"));
	add(TAG_BASE, SPAN_LIT("/a"));
	assert_string_equal(says(), "!write /a/b");
	h = head_of(EVENT_STAT);
	begin(h, NULL);
	add(TAG_PATH, SPAN_LIT("/a"));
	assert_string_equal(says(), "");
}

static void bytes_of_names_stay_as_they_are(void **state)
{
	static const char hostile[] = "/a\n\x01\xff*\\;<script>\"'";
	char longest[EVENT_STRING_MAX + 1];

	(void)state;
	assert_string_equal(opened(ACCESS_WRITE, hostile), "write /a\n\x01\xff*\\;<script>\"'");
	memset(longest, 'x', sizeof(longest));
	for (size_t i = 0; i < EVENT_STRING_MAX; i += 100)
		longest[i] = '/';
	longest[EVENT_STRING_MAX] = '\0';
	opened(ACCESS_WRITE, longest);
	assert_int_equal(said_n, 1);
	assert_int_equal(said[0].key.n, EVENT_STRING_MAX);
	named(EVENT_UNLINK, NULL, longest, NULL, NULL, NULL);
	assert_int_equal(said_n, 1);
	assert_int_equal(said[0].key.n, PATH_TREE_MAX_PATH);
	named(EVENT_RENAME, NULL, longest + 1, longest, longest + 1, longest);
	assert_true(said_n <= 2);
}

/* --- secrets --------------------------------------------------------------------------------- */
static bool is_secret(const char *path)
{
	return behaviour_is_sensitive(reader, span_str(path), 5);
}

static void secrets_are_known_by_name_and_place(void **state)
{
	static const char *const secrets[] = {
		"/etc/shadow",
		"/etc/shadow-",
		"/etc/gshadow",
		"/etc/sudoers",
		"/etc/sudoers.d/x",
		"/etc/security/opasswd",
		"/root/.ssh/id_rsa",
		"/root/.ssh/config",
		"/a/id_ed25519",
		"/home/u/.ssh/anything",
		"/etc/ssh/ssh_host_rsa_key",
		"/srv/tls/server.key",
		"/srv/tls/server.pem",
		"/etc/ssl/private/x.pem",
		"/a/b.p12",
		"/a/b.pfx",
		"/a/b.jks",
		"/etc/krb5.keytab",
		"/tmp/krb5cc_0",
		"/run/secrets/db_password",
		"/var/run/secrets/kubernetes.io/serviceaccount/token",
		"/run/secrets/kubernetes.io/serviceaccount/..2026_11_22_10_11_12.1/token",
		"/root/.aws/credentials",
		"/root/.kube/config",
		"/root/.docker/config.json",
		"/root/.git-credentials",
		"/root/.netrc",
		"/root/.pgpass",
		"/root/.npmrc",
		"/root/.pypirc",
		"/root/.config/gcloud/credentials.db",
		"/root/.config/gcloud/application_default_credentials.json",
		"/etc/kubernetes/admin.conf",
		"/etc/kubernetes/pki/ca.crt",
		"/root/.bitcoin/wallet.dat",
		"/a/my.wallet",
		"/data/keystore/UTC--2024-01-01T00--abc",
		"/root/.bash_history",
		"/home/u/.psql_history",
		"/proc/1/environ",
		"/proc/7/mem",
		"/proc/7/maps",
		"/proc/7/root/etc/passwd",
		"/proc/7/fd",
		"/proc/7/fd/3",
		"/proc/7/task/9/environ",
		"/proc/kcore",
		"/proc/kallsyms",
		"/proc/sysrq-trigger",
		"/dev/mem",
		"/root/.gnupg/private-keys-v1.d/a.key",
		"/root/.cargo/credentials.toml",
		"/mnt/secrets-store/x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
		if (!is_secret(secrets[i]))
			fail_msg("%s", secrets[i]);
}

static void what_everybody_reads_is_no_secret(void **state)
{
	static const char *const others[] = {
		"/",
		"",
		"shadow",
		"/etc/passwd",
		"/etc/group",
		"/etc/hosts",
		"/etc/shadow/x",
		"/etc/shadows",
		"/usr/lib/x86_64-linux-gnu/libc.so.6",
		"/etc/ssl/certs/ca.pem",
		"/etc/ssl/certs/ca-certificates.crt",
		"/etc/ssl/certs/4b718d9b.0",
		"/etc/ssl/cert.pem",
		"/usr/share/ca-certificates/mozilla/x.pem",
		"/usr/local/share/ca-certificates/x.pem",
		"/usr/lib/python3/dist-packages/certifi/cacert.pem",
		"/etc/letsencrypt/live/a/fullchain.pem",
		"/root/.ssh/known_hosts",
		"/root/.ssh/id_rsa.pub",
		"/root/.ssh",
		"/app/config",
		"/app/credentials",
		"/app/config.json",
		"/app/settings.xml",
		"/run/secretsx/a",
		"/proc/self/environ",
		"/proc/5/environ",
		"/proc/5/fd/3",
		"/proc/5/task/6/maps",
		"/proc/thread-self/maps",
		"/proc/7/stat",
		"/proc/7/cmdline",
		"/proc/7/status",
		"/proc/1/cgroup",
		"/proc/1/comm",
		"/proc/meminfo",
		"/proc/sys/kernel/random/uuid",
		"/proc/7",
		"/proc/",
		"/proc/7/",
		"/proc/x/environ",
		"/dev/null",
		"/a/b.crt",
		"/a/key",
		"/a/_history",
		"/a/x.keys",
		"/a/.pem/x",
		"/a/wallets",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (is_secret(others[i]))
			fail_msg("%s", others[i]);
}

static void more_secrets_are_named_by_globs(void **state)
{
	struct span globs[BEHAVIOUR_MAX_GLOBS + 1];
	struct behaviour_settings s = { globs, 2 };
	struct behaviour_reader *own = NULL;
	struct err e = { "" };

	(void)state;
	globs[0] = SPAN_LIT("/srv/*/token");
	globs[1] = SPAN_LIT("*.vault");
	assert_int_equal(behaviour_reader_new(&own, &s, &e), 0);
	assert_true(behaviour_is_sensitive(own, SPAN_LIT("/srv/a/b/token"), 5));
	assert_true(behaviour_is_sensitive(own, SPAN_LIT("/x.vault"), 5));
	assert_true(behaviour_is_sensitive(own, SPAN_LIT("/etc/shadow"), 5));
	assert_false(behaviour_is_sensitive(own, SPAN_LIT("/srv/token"), 5));
	behaviour_reader_free(own);
	own = NULL;
	for (size_t i = 0; i <= BEHAVIOUR_MAX_GLOBS; i++)
		globs[i] = SPAN_LIT("/x*");
	s.sensitive_n = BEHAVIOUR_MAX_GLOBS;
	assert_int_equal(behaviour_reader_new(&own, &s, &e), 0);
	behaviour_reader_free(own);
	own = NULL;
	s.sensitive_n++;
	assert_int_equal(behaviour_reader_new(&own, &s, &e), -E2BIG);
	assert_null(own);
	assert_string_equal(e.text, "more than 256 patterns of sensitive files");
}

static void reading_a_secret_is_told_and_a_folder_is_none(void **state)
{
	struct event_open o = { .access = ACCESS_READ, .file = REGULAR };

	(void)state;
	assert_string_equal(opened(ACCESS_READ, "/etc/shadow"), "read /etc/shadow");
	o.file.mode = S_IFDIR | 0755;
	begin(head_of(EVENT_OPEN), &o);
	add(TAG_PATH, SPAN_LIT("/run/secrets/kubernetes.io"));
	assert_string_equal(says(), "");
	begin(head_of(EVENT_OPEN), &o);
	add(TAG_PATH, SPAN_LIT("/proc/7/fd"));
	assert_string_equal(says(), "read /proc/7/fd");
}

static void the_way_through_another_process_is_told_as_it_was_passed(void **state)
{
	struct event_open o = { .access = ACCESS_READ, .file = REGULAR };

	(void)state;
	begin(head_of(EVENT_OPEN), &o);
	add(TAG_PATH, SPAN_LIT("/etc/hostname"));
	add(TAG_RAW, SPAN_LIT("/proc/1/root/etc/hostname"));
	assert_string_equal(says(), "read /proc/1/root/etc/hostname");
	begin(head_of(EVENT_OPEN), &o);
	add(TAG_PATH, SPAN_LIT("/etc/shadow"));
	add(TAG_RAW, SPAN_LIT("/proc/self/root/etc/shadow"));
	assert_string_equal(says(), "read /etc/shadow");
}

/* --- sockets --------------------------------------------------------------------------------- */
static const char *socket_event(enum event_type type, uint16_t kind, const char *address,
				uint16_t port, int64_t result)
{
	const bool six = strchr(address, ':') != NULL;
	struct event_network n = { .family = six ? AF_INET6 : AF_INET,
				   .type = kind,
				   .protocol = kind == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP };
	struct event_head *h = head_of(type);
	const bool local = type == EVENT_LISTEN || type == EVENT_BIND;

	h->result = result;
	assert_int_equal(inet_pton(n.family, address, local ? n.local : n.remote), 1);
	if (local)
		n.local_port = htons(port);
	else
		n.remote_port = htons(port);
	begin(h, &n);
	return says();
}

static void listeners_are_a_protocol_and_a_port(void **state)
{
	(void)state;
	assert_string_equal(socket_event(EVENT_LISTEN, SOCK_STREAM, "0.0.0.0", 80, 0),
			    "listen tcp/80");
	assert_string_equal(socket_event(EVENT_LISTEN, SOCK_STREAM, "::", 80, 0), "listen tcp/80");
	assert_string_equal(socket_event(EVENT_BIND, SOCK_STREAM, "0.0.0.0", 80, 0), "");
	assert_string_equal(socket_event(EVENT_BIND, SOCK_DGRAM, "0.0.0.0", 53, 0),
			    "listen udp/53");
	assert_string_equal(socket_event(EVENT_BIND, SOCK_DGRAM, "0.0.0.0", 0, 0), "");
	assert_string_equal(socket_event(EVENT_BIND, SOCK_DGRAM, "::", 40000, 0),
			    "listen udp/ephemeral");
	assert_int_equal(said[0].subject.n, strlen("udp/40000"));
	assert_memory_equal(said[0].subject.p, "udp/40000", said[0].subject.n);
	assert_string_equal(socket_event(EVENT_BIND, SOCK_DGRAM, "::", 61000, 0),
			    "listen udp/61000");
	assert_string_equal(socket_event(EVENT_LISTEN, SOCK_STREAM, "::", 80, -EADDRINUSE), "");
}

static void peers_are_protocol_port_and_address(void **state)
{
	(void)state;
	assert_string_equal(socket_event(EVENT_CONNECT, SOCK_STREAM, "10.0.0.1", 443, 0),
			    "connect tcp/443/10/0/0/1");
	assert_int_equal(said[0].subject.n, strlen("10.0.0.1:443"));
	assert_memory_equal(said[0].subject.p, "10.0.0.1:443", said[0].subject.n);
	assert_string_equal(socket_event(EVENT_CONNECT, SOCK_STREAM, "10.0.0.1", 443, -EINPROGRESS),
			    "connect tcp/443/10/0/0/1");
	/* who does not take it was asked all the same */
	assert_string_equal(
		socket_event(EVENT_CONNECT, SOCK_STREAM, "10.0.0.1", 443, -ECONNREFUSED),
		"connect tcp/443/10/0/0/1");
	assert_string_equal(socket_event(EVENT_CONNECT, SOCK_STREAM, "10.0.0.1", 443, -ENETUNREACH),
			    "");
	assert_string_equal(socket_event(EVENT_CONNECT, SOCK_STREAM, "::ffff:10.0.0.1", 443, 0),
			    "connect tcp/443/10/0/0/1");
	assert_string_equal(socket_event(EVENT_CONNECT, SOCK_STREAM, "2001:db8::1", 443, 0),
			    "connect tcp6/443/2001/db8/0/0/0/0/0/1");
	assert_memory_equal(said[0].subject.p, "[2001:db8::1]:443", said[0].subject.n);
	assert_string_equal(socket_event(EVENT_SEND, SOCK_DGRAM, "192.0.2.1", 53, 40),
			    "connect udp/53/192/0/2/1");
	assert_string_equal(socket_event(EVENT_SEND, SOCK_DGRAM, "192.0.2.1", 443, 40),
			    "connect udp/443/192/0/2/1");
	assert_string_equal(socket_event(EVENT_SEND, SOCK_DGRAM, "192.0.2.1", 53, -EAGAIN), "");
}

static void loopback_and_questions_for_a_route_are_no_peers(void **state)
{
	static const char *const own[] = { "127.0.0.1", "127.0.0.11",	    "0.0.0.0",	     "::1",
					   "::",	"::ffff:127.0.0.1", "::ffff:0.0.0.0" };

	(void)state;
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		assert_string_equal(socket_event(EVENT_CONNECT, SOCK_STREAM, own[i], 80, 0), "");
	assert_string_equal(socket_event(EVENT_CONNECT, SOCK_DGRAM, "192.0.2.1", 53, 0),
			    "connect udp/53/192/0/2/1");
	assert_string_equal(socket_event(EVENT_CONNECT, SOCK_DGRAM, "192.0.2.1", 443, 0), "");
	assert_string_equal(socket_event(EVENT_CONNECT, SOCK_DGRAM, "192.0.2.1", 80, 0), "");
	assert_string_equal(socket_event(EVENT_CONNECT, SOCK_DGRAM, "192.0.2.1", 9, 0), "");
	assert_string_equal(socket_event(EVENT_CONNECT, SOCK_DGRAM, "192.0.2.1", 0, 0), "");
}

static void other_protocols_have_their_names(void **state)
{
	struct event_network n = { .family = AF_INET, .type = SOCK_RAW, .protocol = IPPROTO_ICMP };

	(void)state;
	memcpy(n.remote, "\x0a\0\0\1", 4);
	begin(head_of(EVENT_SEND), &n);
	assert_string_equal(says(), "connect icmp/0/10/0/0/1");
	n.protocol = 89;
	begin(head_of(EVENT_SEND), &n);
	assert_string_equal(says(), "connect ip-89/0/10/0/0/1");
	n.type = SOCK_STREAM;
	n.protocol = 262; /* MPTCP */
	n.remote_port = htons(80);
	begin(head_of(EVENT_CONNECT), &n);
	assert_string_equal(says(), "connect tcp/80/10/0/0/1");
	n.family = AF_NETLINK;
	begin(head_of(EVENT_CONNECT), &n);
	assert_string_equal(says(), "");
}

static const char *unix_peer(struct span name)
{
	struct event_network n = { .family = AF_UNIX, .type = SOCK_STREAM };

	begin(head_of(EVENT_CONNECT), &n);
	if (name.p)
		add(TAG_UNIX_REMOTE, name);
	return says();
}

static const char *unix_asked(const char *asked, const char *bound)
{
	struct event_network n = { .family = AF_UNIX, .type = SOCK_STREAM };

	begin(head_of(EVENT_CONNECT), &n);
	add(TAG_UNIX_REMOTE, span_str(bound));
	add(TAG_RAW, span_str(asked));
	return says();
}

static void unix_sockets_of_others_are_told(void **state)
{
	struct metadata_mount mounts[] = {
		{ .type = (char *)(uintptr_t) "volume",
		  .destination = (char *)(uintptr_t) "/data/" },
		{ .type = (char *)(uintptr_t) "tmpfs", .destination = (char *)(uintptr_t) "/run" },
		{ .type = (char *)(uintptr_t) "bind",
		  .destination = (char *)(uintptr_t) "/s.sock" },
	};

	(void)state;
	meta.mounts = mounts;
	meta.mounts_n = 3;
	assert_string_equal(unix_peer(SPAN_LIT("/data/db.sock")), "~unix /data/db.sock");
	assert_string_equal(unix_peer(SPAN_LIT("/s.sock\0\0")), "~unix /s.sock");
	assert_string_equal(unix_peer(SPAN_LIT("/run/a.sock")), "");
	assert_string_equal(unix_peer(SPAN_LIT("/database/a.sock")), "");
	assert_string_equal(unix_peer(SPAN_LIT("/run/docker.sock")), "~unix /run/docker.sock");
	assert_string_equal(unix_peer(SPAN_LIT("\0name")), "unix @name");
	assert_string_equal(unix_peer(SPAN_LIT("\0a\0b")), "unix @a@b");
	assert_string_equal(unix_peer((struct span){ NULL, 0 }), "");
	/* by the container's own name for it, but a runtime's under whatever name */
	assert_string_equal(unix_asked("/data/x", "/elsewhere/x"), "~unix /data/x");
	assert_string_equal(unix_asked("/run/a.sock", "/data/x"), "");
	assert_string_equal(unix_asked("/tmp/harmless", "/run/docker.sock"), "~unix /tmp/harmless");
	context.entry = NULL;
	assert_string_equal(unix_peer(SPAN_LIT("/data/db.sock")), "");
	assert_string_equal(unix_peer(SPAN_LIT("/x/containerd.sock")), "~unix /x/containerd.sock");
}

/* --- calls ----------------------------------------------------------------------------------- */
static const char *mounted(uint64_t flags, const char *type)
{
	struct event_call c = { .args = { [3] = flags } };

	begin(head_of(EVENT_MOUNT), &c);
	add(TAG_NAME, span_str(type));
	return says();
}

static void namespaces_are_told_by_kind(void **state)
{
	struct event_call c = { .args = { CLONE_NEWUSER | CLONE_NEWNS } };
	struct event_fork f = { .pid = 200,
				.namespace_flags = CLONE_NEWNET,
				.container_cgroup = 70 };

	(void)state;
	assert_string_equal(called(EVENT_UNSHARE, &c), "call unshare:mnt,user");
	c = (struct event_call){ .args = { 3, CLONE_NEWNET } };
	assert_string_equal(called(EVENT_SETNS, &c), "call setns:net");
	c = (struct event_call){ .args = { 3, 0 },
				 .ns = { .net = 9, .uts = 8 },
				 .file = { .flags = FILE_KNOWN, .inode = 8 } };
	assert_string_equal(called(EVENT_SETNS, &c), "call setns:uts");
	c.file.inode = 5;
	assert_string_equal(called(EVENT_SETNS, &c), "call setns");
	begin(head_of(EVENT_FORK), &f);
	assert_string_equal(says(), "call clone:net");
	f.container_cgroup = 71;
	begin(head_of(EVENT_FORK), &f);
	assert_string_equal(says(), "");
	f = (struct event_fork){ .pid = 200, .container_cgroup = 70 };
	begin(head_of(EVENT_FORK), &f);
	assert_string_equal(says(), "");
}

static void mounts_are_told_by_kind(void **state)
{
	(void)state;
	assert_string_equal(mounted(0, "tmpfs"), "call mount:tmpfs");
	assert_string_equal(mounted(MS_BIND | MS_REC, "none"), "call mount:bind");
	assert_string_equal(mounted(MS_BIND | MS_REMOUNT, "none"), "call mount:remount");
	assert_string_equal(mounted(MS_MOVE, ""), "call mount:move");
	assert_string_equal(mounted(MS_PRIVATE | MS_REC, ""), "call mount:propagation");
	assert_string_equal(mounted(0, "fuse.sshfs-1234"), "call mount:fuse");
	assert_string_equal(mounted(0, ""), "call mount");
	assert_string_equal(mounted(0, "0123456789012345678901234567890123456789"),
			    "call mount:01234567890123456789012345678901");
}

static void operations_are_told_in_small_letters(void **state)
{
	struct event_call c = { .op = 5 };

	(void)state;
	assert_string_equal(called(EVENT_BPF, &c), "call bpf:prog_load");
	c.op = 1;
	assert_string_equal(called(EVENT_KEYCTL, &c), "call keyctl:join_session_keyring");
	c.op = 99;
	assert_string_equal(called(EVENT_BPF, &c), "call bpf:#99");
	c.op = 35;
	assert_string_equal(called(EVENT_PRCTL, &c), "call prctl:set_mm");
	c.op = 0x59616d61;
	assert_string_equal(called(EVENT_PRCTL, &c), "call prctl:set_ptracer");
	c.op = 47;
	c.args[1] = 2;
	assert_string_equal(called(EVENT_PRCTL, &c), "call prctl:cap_ambient");
	c.args[1] = 4;
	assert_string_equal(called(EVENT_PRCTL, &c), "");
	c.op = 15;
	assert_string_equal(called(EVENT_PRCTL, &c), "");
	c = (struct event_call){ .args = { 0x40000 } };
	assert_string_equal(called(EVENT_PERSONALITY, &c), "call personality");
	c.args[0] = 0;
	assert_string_equal(called(EVENT_PERSONALITY, &c), "");
}

static void calls_without_more_are_their_names(void **state)
{
	static const enum event_type types[] = { EVENT_MOVE_MOUNT,    EVENT_UMOUNT,
						 EVENT_PTRACE,	      EVENT_PROCESS_VM,
						 EVENT_MEMFD_CREATE,  EVENT_INIT_MODULE,
						 EVENT_DELETE_MODULE, EVENT_PERF_EVENT_OPEN,
						 EVENT_USERFAULTFD,   EVENT_IO_URING_SETUP };
	char expected[64];

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct event_call c = { .op = 1 };

		snprintf(expected, sizeof(expected), "call %s", event_type_name(types[i]));
		assert_string_equal(called(types[i], &c), expected);
	}
	assert_string_equal(named(EVENT_CHROOT, "/x", NULL, NULL, NULL, NULL), "call chroot");
	assert_string_equal(named(EVENT_PIVOT_ROOT, "/x", NULL, NULL, NULL, NULL),
			    "call pivot_root");
	struct event_call c = { .op = 9 };

	assert_string_equal(called(EVENT_KILL, &c), "");
	assert_string_equal(called(EVENT_DUP, &c), "");
	assert_string_equal(called(EVENT_CGROUP_ATTACH, &c), "");
}

static void a_change_of_user_brings_its_rights(void **state)
{
	struct event_call c = { .op = SETUID_UID, .caps = { .effective = 1 << 13 | 1 } };

	(void)state;
	assert_string_equal(called(EVENT_SETUID, &c),
			    "user 1002; capability CAP_CHOWN; capability CAP_NET_RAW");
	c.op = SETUID_GID;
	assert_string_equal(called(EVENT_SETUID, &c), "");
	c.op = 0;
	assert_string_equal(called(EVENT_CAPSET, &c),
			    "capability CAP_CHOWN; capability CAP_NET_RAW");
	c.caps.effective = 1ULL << 63;
	assert_string_equal(called(EVENT_CAPSET, &c), "capability CAP_#63");
}

static void system_calls_have_names_or_numbers(void **state)
{
	uint64_t words[SYSCALL_WORDS] = { 0 };
	struct behaviour out[64];

	(void)state;
	words[0] = 1; /* read, of x86-64 */
	words[8] = 1ULL << 1 | 1ULL << 63;
	words[7] = 1ULL << 63; /* 511 has no name here */
	size_t n = behaviours_of_syscalls(reader, words, out, 64);

	assert_int_equal(n, 4);
	assert_int_equal(out[0].class, BASELINE_SYSCALL);
	assert_string_equal(as_text(&out[1], 3), "syscall #511; syscall exit; syscall dup2");
	assert_int_equal(behaviours_of_syscalls(reader, words, out, 2), 2);
	assert_int_equal(behaviour_reader_stats(reader).no_room, 2);
}

static void types_and_classes_fit(void **state)
{
	const uint64_t mask = behaviour_event_mask();

	(void)state;
	for (unsigned t = 0; t < EVENT_TYPE_COUNT; t++)
		assert_int_equal(!!(mask & EVENT_BIT(t)),
				 !!behaviour_classes_of((enum event_type)t));
	assert_int_equal(behaviour_classes_of(EVENT_OPEN),
			 1 << BASELINE_WRITE | 1 << BASELINE_READ);
	assert_int_equal(behaviour_classes_of(EVENT_KILL), 0);
	assert_int_equal(behaviour_classes_of((enum event_type)99), 0);
}

/* --- any bytes ------------------------------------------------------------------------------- */
static void records_of_any_content_give_keys_of_bounded_length(void **state)
{
	uint32_t seed = 99;
	char junk[600];

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		uint8_t fixed[512];
		struct event_head h;

		for (size_t i = 0; i < sizeof(fixed); i++) {
			seed = seed * 1664525 + 1013904223;
			fixed[i] = (uint8_t)((seed >> 24) & (seed >> 16));
		}
		h = fixture_head((enum event_type)(1 + (seed >> 20) % (EVENT_TYPE_COUNT - 1)));
		h.flags = (uint16_t)(fixed[0] | fixed[1] << 8);
		h.result = (seed >> 12) % 4 ? 0 : -EPERM;
		context.process = round % 3 ? &family[0] : NULL;
		begin(&h, fixed);
		for (unsigned t = TAG_NONE + 1; t < TAG_COUNT; t++) {
			seed = seed * 1664525 + 1013904223;
			const size_t n = (seed >> 16) % sizeof(junk);

			if ((seed >> 8) % 3 == 0)
				continue;
			for (size_t i = 0; i < n; i++) {
				seed = seed * 1664525 + 1013904223;
				junk[i] = (seed >> 16) % 3 ? "/.a-c<* \\1s\n"[(seed >> 24) % 12]
							   : (char)(seed >> 16);
			}
			event_write_string(&writer, (enum event_tag)t,
					   (uint8_t)((seed >> 4) & 0x3f), (struct span){ junk, n });
		}
		says();
		for (size_t i = 0; i < said_n; i++) {
			assert_true(said[i].key.n > 0 && said[i].key.n <= PATH_TREE_MAX_PATH);
			assert_non_null(said[i].subject.p);
			assert_true((unsigned)said[i].class < BASELINE_CLASS_COUNT);
		}
	}
}

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* The figure is printed; the limit only says that nothing walks through tables it should not. */
static void an_open_that_says_nothing_is_cheap(void **state)
{
	static const char *const paths[] = { "/usr/lib/x86_64-linux-gnu/libc.so.6",
					     "/etc/passwd",
					     "/app/node_modules/express/lib/router/index.js",
					     "/etc/ssl/certs/ca-certificates.crt",
					     "/var/www/html/images/logo.png",
					     "/proc/7/stat" };
	struct event_open o = { .access = ACCESS_READ, .file = REGULAR };
	struct event_view v[6];
	static _Alignas(8) uint8_t records[6][1024];
	const unsigned rounds = 200000;

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		struct event_writer w;

		event_write_begin(&w, records[i], sizeof(records[i]), head_of(EVENT_OPEN), &o);
		event_write_string(&w, TAG_PATH, 0, span_str(paths[i]));
		event_write_string(&w, TAG_RAW, 0, span_str(paths[i]));
		assert_int_equal(event_decode(records[i], event_write_end(&w), &v[i], NULL), 0);
	}
	uint64_t best = UINT64_MAX;

	for (unsigned pass = 0; pass < 5; pass++) {
		const uint64_t from = cpu_ns();

		for (unsigned i = 0; i < rounds; i++)
			assert_int_equal(behaviours_of(reader, &v[i % 6], &context, said), 0);
		const uint64_t took = cpu_ns() - from;

		best = took < best ? took : best;
	}
	print_message("an open that says nothing: %llu ns\n", (unsigned long long)best / rounds);
	assert_true(best / rounds < 5000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest behaviour[] = {
		TEST(files_that_are_changed_are_told_by_their_path),
		TEST(a_path_that_is_not_known_is_counted_and_not_guessed),
		TEST(what_keeps_nothing_is_no_change),
		TEST(a_processes_own_files_below_proc_are_no_change),
		TEST(files_without_a_name_have_their_folders),
		TEST(volumes_are_marked_as_foreign),
		TEST(failed_calls_say_nothing_unless_a_verdict_refused_them),
		TEST(bytes_of_names_stay_as_they_are),
		TEST(secrets_are_known_by_name_and_place),
		TEST(what_everybody_reads_is_no_secret),
		TEST(more_secrets_are_named_by_globs),
		TEST(reading_a_secret_is_told_and_a_folder_is_none),
		TEST(the_way_through_another_process_is_told_as_it_was_passed),
		TEST(listeners_are_a_protocol_and_a_port),
		TEST(peers_are_protocol_port_and_address),
		TEST(loopback_and_questions_for_a_route_are_no_peers),
		TEST(other_protocols_have_their_names),
		TEST(unix_sockets_of_others_are_told),
		TEST(namespaces_are_told_by_kind),
		TEST(mounts_are_told_by_kind),
		TEST(operations_are_told_in_small_letters),
		TEST(calls_without_more_are_their_names),
		TEST(a_change_of_user_brings_its_rights),
		TEST(system_calls_have_names_or_numbers),
		TEST(types_and_classes_fit),
		TEST(records_of_any_content_give_keys_of_bounded_length),
		TEST(an_open_that_says_nothing_is_cheap),
	};

	return cmocka_run_group_tests(behaviour, NULL, NULL);
}
