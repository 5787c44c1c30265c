// SPDX-License-Identifier: GPL-2.0-or-later
/* evt.*, fd.* and fs.path.* on the events that have them. */
#include "tests/unit/detector/field_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "collector/resolve.h"

static void an_open_tells_its_file_and_flags(void **state)
{
	(void)state;
	an_open(O_RDONLY | O_CLOEXEC, 0, 3, "/etc/../etc//passwd", NULL, "/etc/passwd");
	EXPECT({ "evt.type", "openat" }, { "syscall.type", "openat" }, { "evt.category", "file" },
	       { "evt.res", "SUCCESS" }, { "evt.rawres", "3" }, { "evt.failed", "false" },
	       { "evt.is_open_read", "true" }, { "evt.is_open_write", "false" },
	       { "evt.is_open_exec", "false" }, { "evt.is_open_create", "false" },
	       { "evt.arg.flags", "O_RDONLY|O_CLOEXEC" }, { "evt.arg.fd", "<f>/etc/passwd" },
	       { "evt.arg.dirfd", "AT_FDCWD" }, { "evt.arg.name", "/etc/../etc//passwd" },
	       { "evt.arg[2]", "/etc/../etc//passwd" }, { "evt.arg.mode", "0" },
	       { "evt.arg.ino", "42" }, { "evt.arg.dev", "801" }, { "evt.arg.path", "-" },
	       { "evt.arg[99]", "-" }, { "fd.num", "3" }, { "fd.type", "file" },
	       { "fd.typechar", "f" }, { "fd.name", "/etc/passwd" },
	       { "fd.nameraw", "/etc/../etc/passwd" }, { "fd.directory", "/etc" },
	       { "fd.filename", "passwd" }, { "fd.ino", "42" }, { "fd.dev", "2049" },
	       { "fd.dev.major", "8" }, { "fd.dev.minor", "1" }, { "fd.l4proto", "<NA>" },
	       { "fd.sip", "-" }, { "fd.connected", "false" }, { "fd.uid", "1243" },
	       { "fs.path.name", "/etc/passwd" }, { "fs.path.nameraw", "/etc/../etc//passwd" },
	       { "fs.path.source", "-" }, { "evt.abspath", "/etc/passwd" },
	       { "fd.containername", "-" });
	EXPECT({ "evt.args", "fd=3(<f>/etc/passwd) dirfd=AT_FDCWD name=/etc/../etc//passwd "
			     "flags=524288(O_RDONLY|O_CLOEXEC) mode=0 dev=801 ino=42" });
}

static void a_symbolic_link_shows_in_one_reading_only(void **state)
{
	(void)state;
	an_open(O_RDONLY, 0, 3, "/tmp/harmless", NULL, "/etc/shadow");
	EXPECT({ "fd.name", "/tmp/harmless" }, { "fd.directory", "/tmp" },
	       { "evt.arg.name", "/tmp/harmless" });
	assert_true(field_readings_differ(&event));
	event.reading = READING_RESOLVED;
	EXPECT({ "fd.name", "/etc/shadow" }, { "fd.filename", "shadow" },
	       { "evt.arg.name", "/etc/shadow" }, { "fd.nameraw", "/tmp/harmless" },
	       { "fs.path.nameraw", "/tmp/harmless" });

	an_open(O_RDONLY, 0, 3, "/etc/shadow", NULL, "/etc/shadow");
	assert_false(field_readings_differ(&event));
	/* an argument keeps its dots */
	an_open(O_RDONLY, 0, 3, "/etc/./shadow", NULL, "/etc/shadow");
	assert_true(field_readings_differ(&event));
	assert_int_equal(event.scratch_used, 0);
}

/* Names that need no work are told from others by a short cut: all that can be written with few
 * letters is tried. */
static void every_short_name_is_read_as_its_dots_say(void **state)
{
	static const char letters[] = "/.a";
	char name[8], want[16];

	(void)state;
	for (unsigned n = 1; n < 7; n++) {
		unsigned count = 1;

		for (unsigned i = 0; i < n; i++)
			count *= 3;
		for (unsigned k = 0; k < count; k++) {
			for (unsigned i = 0, rest = k; i < n; i++, rest /= 3)
				name[i] = letters[rest % 3];
			name[n] = '\0';
			want[resolve_lexical(SPAN_LIT("/w"), span_str(name), want, 15)] = '\0';
			an_open(O_RDONLY, 0, 3, name, "/w", "/else/where");
			assert_string_equal(value_of("fd.name"), want);
		}
	}
}

static void names_that_are_kept_are_those_of_the_reading(void **state)
{
	(void)state;
	an_open(O_RDONLY, 0, 3, "/tmp/harmless", NULL, "/etc/shadow");
	event.paths = (struct field_paths){ .keep = true };
	EXPECT({ "fd.name", "/tmp/harmless" }, { "fd.directory", "/tmp" });
	assert_true(field_readings_differ(&event));
	event.reading = READING_RESOLVED;
	event.paths = (struct field_paths){ .keep = true };
	EXPECT({ "fd.name", "/etc/shadow" }, { "fd.filename", "shadow" });
	event.paths.keep = false;
	event.reading = READING_LEXICAL;
	EXPECT({ "fd.name", "/tmp/harmless" }, { "fs.path.name", "/tmp/harmless" });
}

static void a_relative_name_without_its_start_is_what_the_kernel_found(void **state)
{
	(void)state;
	an_open(O_RDONLY, 0, 3, "../shadow", NULL, "/etc/shadow");
	EXPECT({ "fd.name", "/etc/shadow" }, { "fd.nameraw", "../shadow" },
	       { "evt.arg.name", "/etc/shadow" });
	assert_false(field_readings_differ(&event));
	an_open(O_RDONLY, 0, 3, "../x", "/etc/y", "/etc/shadow");
	EXPECT({ "fd.name", "/etc/x" }, { "proc.cwd", "/etc/y/" });
	assert_true(field_readings_differ(&event));
}

static void a_failed_open_has_the_name_that_was_asked_for(void **state)
{
	(void)state;
	an_open(O_WRONLY | O_CREAT, 0755, -2, "a/../b", "/srv", NULL);
	EXPECT({ "evt.res", "ENOENT" }, { "evt.rawres", "-2" }, { "evt.failed", "true" },
	       { "evt.count.error", "1" }, { "evt.count.error.file", "1" },
	       { "evt.count.error.net", "-" }, { "evt.arg.fd", "ENOENT" }, { "fd.num", "-1" },
	       { "fd.typechar", "f" }, { "fd.type", "-" }, { "fd.name", "/srv/b" },
	       { "fd.directory", "/srv" }, { "fd.filename", "-" }, { "fd.nameraw", "a/../b" },
	       { "fd.connected", "-" }, { "evt.arg.name", "/srv/b" },
	       { "evt.is_open_exec", "true" }, { "evt.is_open_create", "false" },
	       { "fs.path.name", "-" }, { "evt.arg.mode", "755" },
	       { "evt.arg.flags", "O_CREAT|O_WRONLY" });
}

static void open_flags_have_falcos_words(void **state)
{
	struct event_head h = field_head(EVENT_OPEN, 2);
	struct event_open o = { .flags = O_RDWR | O_CREAT | O_TRUNC,
				.mode = 0600,
				.access = ACCESS_CREATE | ACCESS_READ | ACCESS_WRITE,
				.file = { .flags = FILE_KNOWN | FILE_OVERLAY | FILE_UPPER } };

	(void)state;
	begin(&h, &o);
	add(TAG_PATH, SPAN_LIT("/var/log/x"));
	finish();
	EXPECT({ "evt.type", "open" },
	       { "evt.arg.flags", "O_TRUNC|O_CREAT|O_RDWR|O_F_CREATED|FD_UPPER_LAYER" },
	       { "evt.is_open_read", "true" }, { "evt.is_open_write", "true" },
	       { "evt.is_open_exec", "false" }, { "evt.is_open_create", "true" },
	       { "fd.name", "/var/log/x" });
	an_open(O_RDWR | O_TMPFILE, 0700, 3, "/tmp", NULL, "/tmp/#1");
	EXPECT({ "evt.arg.flags", "O_RDWR|O_TMPFILE" }, { "evt.is_open_exec", "true" });
	an_open(O_DIRECTORY, 0, 3, "/tmp/", NULL, "/tmp");
	EXPECT({ "fd.type", "directory" }, { "fd.typechar", "d" }, { "fd.directory", "/tmp" },
	       { "fd.filename", "-" });
	an_open(O_PATH, 0, 3, "/", NULL, "/");
	EXPECT({ "evt.is_open_read", "false" }, { "fd.directory", "/" }, { "fd.name", "/" });
	h.syscall = 85;
	begin(&h, &o);
	finish();
	EXPECT({ "evt.type", "creat" }, { "evt.is_open_write", "false" }, { "fd.name", "-" });
}

static void path_call(enum event_type type, int32_t call, const struct event_path *p)
{
	struct event_head h = field_head(type, call);

	begin(&h, p);
	add(TAG_RAW, SPAN_LIT("old"));
	add(TAG_BASE, SPAN_LIT("/a"));
	add(TAG_PATH, SPAN_LIT("/real/old"));
	add(TAG_RAW2, SPAN_LIT("/b/./new"));
	add(TAG_PATH2, SPAN_LIT("/real/new"));
	finish();
}

static void calls_with_two_names_tell_both(void **state)
{
	struct event_path p = { .dirfd = -100, .dirfd2 = 7, .flags = 2 };

	(void)state;
	path_call(EVENT_RENAME, 316, &p);
	EXPECT({ "evt.type", "renameat2" }, { "evt.arg.oldpath", "/a/old" },
	       { "evt.arg.newpath", "/b/./new" }, { "evt.arg.flags", "RENAME_EXCHANGE" },
	       { "evt.arg.newdirfd", "7" }, { "fs.path.source", "/a/old" },
	       { "fs.path.target", "/b/new" }, { "fs.path.sourceraw", "old" },
	       { "fs.path.targetraw", "/b/./new" }, { "fs.path.name", "-" }, { "fd.name", "-" },
	       { "evt.abspath.src", "/a/old" }, { "evt.abspath.dst", "/b/new" },
	       { "evt.is_open_read", "false" }, { "evt.arg.path", "-" });
	event.reading = READING_RESOLVED;
	EXPECT({ "evt.arg.oldpath", "/real/old" }, { "evt.arg.newpath", "/real/new" });
	path_call(EVENT_LINK, 86, &p);
	EXPECT({ "evt.type", "link" }, { "evt.arg.oldpath", "/a/old" },
	       { "fs.path.source", "/b/new" }, { "fs.path.target", "/a/old" });
	path_call(EVENT_SYMLINK, 266, &p);
	EXPECT({ "evt.arg.target", "old" }, { "evt.arg.linkpath", "/b/./new" },
	       { "fs.path.target", "old" }, { "fs.path.source", "/b/new" },
	       { "evt.abspath", "/b/new" });
}

static void calls_with_one_name_tell_it_as_falco_calls_it(void **state)
{
	struct event_path p = {
		.dirfd = 9, .mode = 04755, .uid = 0, .gid = UINT32_MAX, .flags = AT_REMOVEDIR
	};

	(void)state;
	path_call(EVENT_UNLINK, 87, &p);
	EXPECT({ "evt.arg.path", "/a/old" }, { "evt.arg.name", "-" }, { "fs.path.name", "/a/old" });
	path_call(EVENT_RMDIR, 263, &p);
	EXPECT({ "evt.type", "unlinkat" }, { "evt.arg.name", "/a/old" },
	       { "evt.arg.flags", "AT_REMOVEDIR" }, { "evt.arg.path", "-" });
	path_call(EVENT_CHMOD, 268, &p);
	EXPECT({ "evt.arg.filename", "/a/old" },
	       { "evt.arg.mode", "S_IXOTH|S_IROTH|S_IXGRP|S_IRGRP|S_IXUSR|S_IWUSR|S_IRUSR|"
				 "S_ISUID" },
	       { "evt.arg.fd", "-" }, { "fd.name", "-" });
	struct event_head h = field_head(EVENT_CHMOD, 91);

	begin(&h, &p);
	add(TAG_PATH, SPAN_LIT("/real/old"));
	finish();
	EXPECT({ "evt.type", "fchmod" }, { "evt.arg.fd", "<f>/real/old" }, { "fd.num", "-" },
	       { "fd.name", "/real/old" }, { "fd.type", "file" }, { "evt.arg.filename", "-" });
	path_call(EVENT_CHOWN, 92, &p);
	EXPECT({ "evt.arg.path", "/a/old" }, { "evt.arg.uid", "root" }, { "evt.arg.gid", "-1" });
	p.uid = 4294967294;
	path_call(EVENT_CHOWN, 260, &p);
	EXPECT({ "evt.arg.pathname", "/a/old" }, { "evt.arg.uid", "4294967294" });
	path_call(EVENT_MKDIR, 83, &p);
	EXPECT({ "evt.arg.path", "/a/old" }, { "evt.arg.mode", "9ED" });
	path_call(EVENT_STAT, 21, &p);
	EXPECT({ "evt.arg.name", "/a/old" }, { "evt.abspath", "/a/old" });
}

static void a_name_that_could_not_be_read_is_missing(void **state)
{
	struct event_head h = field_head(EVENT_UNLINK, 87);

	(void)state;
	h.result = -14;
	begin(&h, NULL);
	event_write_string(&writer, TAG_RAW, STRING_UNREAD, SPAN_LIT(""));
	finish();
	EXPECT({ "evt.arg.path", "-" }, { "fs.path.name", "-" },
	       { "evt.args", "res=-14(EFAULT) path=<NA>" }, { "evt.res", "EFAULT" });
	h.result = -4000;
	begin(&h, NULL);
	finish();
	EXPECT({ "evt.res", "-4000" });
}

static void hostile_bytes_stay_as_they_are(void **state)
{
	(void)state;
	an_open(O_RDONLY, 0, 3, "/\xff\xfe\x1b[31m/\n", NULL, "/\xff\xfe\x1b[31m/\n");
	EXPECT({ "fd.name", "/\xff\xfe\x1b[31m/\n" }, { "fd.filename", "\n" },
	       { "fd.directory", "/\xff\xfe\x1b[31m" });
}

static void the_longest_names_are_put_together(void **state)
{
	static char base[EVENT_STRING_MAX], raw[EVENT_STRING_MAX];
	struct event_head h = field_head(EVENT_OPEN, 257);
	struct field_value v;
	struct field_ref r;

	(void)state;
	memset(base, 'b', sizeof(base));
	base[0] = '/';
	memset(raw, 'r', sizeof(raw));
	h.result = -36;
	begin(&h, NULL);
	add(TAG_RAW, (struct span){ raw, sizeof(raw) });
	add(TAG_BASE, (struct span){ base, sizeof(base) });
	finish();
	look_up("fd.name", &r);
	assert_int_equal(field_get(&r, &event, &v, 1), 1);
	assert_int_equal(v.text.n, 2 * EVENT_STRING_MAX + 1);
	assert_false(event.scratch_full);
}

/* --- sockets ------------------------------------------------------------------------------- */
static void a_connection_has_a_client_and_a_server(void **state)
{
	struct event_network n = internet("10.0.0.5", 40000, "93.184.216.34", 443);

	(void)state;
	n.direction = DIRECTION_OUT;
	a_socket_event(EVENT_CONNECT, 42, -115, &n);
	EXPECT({ "evt.type", "connect" }, { "evt.res", "EINPROGRESS" }, { "fd.num", "3" },
	       { "fd.type", "ipv4" }, { "fd.typechar", "4" }, { "fd.l4proto", "tcp" },
	       { "fd.name", "10.0.0.5:40000->93.184.216.34:443" }, { "fd.sockfamily", "ip" },
	       { "fd.cip", "10.0.0.5" }, { "fd.sip", "93.184.216.34" }, { "fd.lip", "10.0.0.5" },
	       { "fd.rip", "93.184.216.34" }, { "fd.cport", "40000" }, { "fd.sport", "443" },
	       { "fd.lport", "40000" }, { "fd.rport", "443" }, { "fd.sproto", "443" },
	       { "fd.ip", "10.0.0.5, 93.184.216.34" }, { "fd.port", "40000, 443" },
	       { "fd.net", "10.0.0.5, 93.184.216.34" }, { "fd.snet", "93.184.216.34" },
	       { "fd.cnet", "10.0.0.5" }, { "fd.is_server", "false" }, { "fd.connected", "false" },
	       { "fd.name_changed", "true" }, { "fd.directory", "-" }, { "fd.nameraw", "-" },
	       { "fd.sip.name", "-" }, { "evt.category", "net" },
	       { "evt.arg.fd", "<4t>10.0.0.5:40000->93.184.216.34:443" },
	       { "evt.arg.tuple", "10.0.0.5:40000->93.184.216.34:443" });
	n.direction = DIRECTION_IN;
	a_socket_event(EVENT_ACCEPT, 288, 4, &n);
	EXPECT({ "fd.name", "93.184.216.34:443->10.0.0.5:40000" }, { "fd.cip", "93.184.216.34" },
	       { "fd.sport", "40000" }, { "fd.lport", "40000" }, { "fd.is_server", "true" },
	       { "fd.connected", "true" }, { "fd.name_changed", "false" });
	a_socket_event(EVENT_ACCEPT, 288, -11, &n);
	EXPECT({ "fd.num", "-1" }, { "fd.type", "-" }, { "fd.sip", "-" }, { "fd.name", "" },
	       { "fd.l4proto", "-" }, { "evt.arg.fd", "EAGAIN" });
}

static void ipv6_and_mapped_addresses_are_told_apart(void **state)
{
	struct event_network n = internet("2001:db8::1", 1, "2001:db8::2", 53);

	(void)state;
	n.type = 2;
	n.protocol = 17;
	n.direction = DIRECTION_OUT;
	a_socket_event(EVENT_SEND, 44, 12, &n);
	EXPECT({ "fd.type", "ipv6" }, { "fd.typechar", "6" }, { "fd.sip", "2001:db8::2" },
	       { "fd.name", "2001:db8::1:1->2001:db8::2:53" }, { "fd.l4proto", "udp" },
	       { "fd.connected", "false" }, { "fd.name_changed", "true" },
	       { "evt.is_io_write", "true" }, { "evt.io_dir", "write" }, { "evt.buflen", "12" });
	n.state = 1;
	a_socket_event(EVENT_SEND, 44, 12, &n);
	EXPECT({ "fd.connected", "true" }, { "fd.name_changed", "false" });
	n = internet("::", 8080, "::ffff:192.0.2.1", 80);
	a_socket_event(EVENT_CONNECT, 42, 0, &n);
	EXPECT({ "fd.type", "ipv4" }, { "fd.sip", "192.0.2.1" }, { "fd.cip", "0.0.0.0" });
}

static void a_listening_socket_has_a_server_alone(void **state)
{
	struct event_network n = internet("0.0.0.0", 8080, "0.0.0.0", 0);

	(void)state;
	n.backlog = 128;
	a_socket_event(EVENT_LISTEN, 50, 0, &n);
	EXPECT({ "fd.typechar", "4" }, { "fd.name", "0.0.0.0:8080" }, { "fd.sip", "0.0.0.0" },
	       { "fd.sport", "8080" }, { "fd.cip", "-" }, { "fd.rport", "-" },
	       { "fd.lport", "8080" }, { "fd.ip", "0.0.0.0" }, { "fd.is_server", "true" },
	       { "evt.arg.backlog", "128" });
	n.local_port = 0;
	a_socket_event(EVENT_BIND, 49, 0, &n);
	EXPECT({ "fd.name", "0.0.0.0:0" });
}

static void a_new_socket_has_no_ends(void **state)
{
	struct event_network n = { .family = AF_PACKET, .type = 3, .protocol = 768, .fd = 5 };

	(void)state;
	a_socket_event(EVENT_SOCKET, 41, 5, &n);
	EXPECT({ "evt.arg.domain", "AF_PACKET" }, { "evt.arg.type", "3" },
	       { "evt.arg.proto", "768" }, { "fd.type", "<NA>" }, { "fd.typechar", "o" },
	       { "fd.name", "" }, { "fd.sip", "-" }, { "fd.l4proto", "<NA>" },
	       { "fd.sockfamily", "-" },
	       { "evt.args", "fd=5(<o>) domain=17(AF_PACKET) type=3 "
			     "proto=768" });
	n.family = 200;
	a_socket_event(EVENT_SOCKET, 41, 5, &n);
	EXPECT({ "evt.arg.domain", "200" });
	n.family = AF_INET;
	n.type = 2;
	n.protocol = 0;
	a_socket_event(EVENT_SOCKET, 41, 5, &n);
	EXPECT({ "fd.l4proto", "udp" }, { "fd.type", "ipv4" }, { "fd.ip", "-" });
}

static void a_unix_socket_is_named_by_its_path(void **state)
{
	struct event_head h = field_head(EVENT_CONNECT, 42);
	struct event_network n = { .family = AF_UNIX, .type = 1, .fd = 6 };

	(void)state;
	begin(&h, &n);
	add(TAG_UNIX_REMOTE, SPAN_LIT("/run/docker.sock\0junk"));
	finish();
	EXPECT({ "fd.type", "unix" }, { "fd.typechar", "u" }, { "fd.name", "/run/docker.sock" },
	       { "fd.sockfamily", "unix" }, { "fd.l4proto", "<NA>" }, { "fd.sip", "-" });
	begin(&h, &n);
	add(TAG_UNIX_LOCAL, SPAN_LIT("\0abstract"));
	finish();
	EXPECT({ "fd.name", "@abstract" });
	h.type = EVENT_SEND;
	h.syscall = 44;
	begin(&h, &n);
	add(TAG_UNIX_REMOTE, SPAN_LIT("/dev/log"));
	finish();
	EXPECT({ "evt.is_syslog", "true" });
}

static void a_flow_without_a_task_is_told_by_the_table(void **state)
{
	struct event_head h = field_head(EVENT_PAYLOAD, -1);
	struct event_network n = internet("10.0.0.5", 40000, "10.0.0.6", 80);

	(void)state;
	h.flags = EVENT_NO_TASK;
	begin(&h, &n);
	add(TAG_PAYLOAD, SPAN_LIT("GET /\xca\xfe\0\x01"));
	finish();
	EXPECT({ "evt.type", "payload" }, { "syscall.type", "-" }, { "evt.res", "-" },
	       { "evt.rawres", "-" }, { "fd.num", "-" }, { "fd.sport", "80" },
	       { "proc.pid", "123" }, { "evt.buflen", "9" });
	struct field_value v;
	struct field_ref r;

	look_up("evt.buffer", &r);
	assert_int_equal(field_get(&r, &event, &v, 1), 1);
	assert_int_equal(v.text.n, 9);
	context.process = NULL;
	EXPECT({ "proc.pid", "-" }, { "user.uid", "-" }, { "proc.name", "-" });
}

static size_t two_names(void *ctx, const struct container *c, const uint8_t *address,
			uint8_t length, struct span *out, size_t cap)
{
	(void)ctx;
	(void)c;
	if (length != 4 || address[0] != 10 || cap < 2)
		return 0;
	out[0] = span_str("kubernetes.default.svc.cluster.local");
	out[1] = span_str("api.example");
	return 2;
}

static void names_of_addresses_are_the_worlds(void **state)
{
	struct event_network n = internet("192.0.2.1", 40000, "10.96.0.1", 443);
	struct field_world w = { .names = two_names, .hostname = SPAN_LIT("node1") };
	struct field_ref r;

	(void)state;
	n.direction = DIRECTION_OUT;
	a_socket_event(EVENT_CONNECT, 42, 0, &n);
	event.world = &w;
	EXPECT({ "fd.sip.name", "kubernetes.default.svc.cluster.local, api.example" },
	       { "fd.cip.name", "-" }, { "evt.hostname", "node1" });
	look_up("fd.sip.name", &r);
	assert_true((r.flags & FIELD_NAME) && (r.flags & FIELD_ANY));
}

/* --- other calls --------------------------------------------------------------------------- */
static void arguments_of_calls_have_falcos_words(void **state)
{
	struct event_call c = { .args = { 16, 77 }, .op = 16 };

	(void)state;
	a_call(EVENT_PTRACE, 101, 0, &c);
	EXPECT({ "evt.arg.request", "PTRACE_ATTACH" }, { "evt.arg.pid", "77" },
	       { "evt.category", "process" }, { "fd.num", "-" });
	c = (struct event_call){ .args = { 0x10000000 | 0x20000, 0 } };
	a_call(EVENT_UNSHARE, 272, 0, &c);
	EXPECT({ "evt.arg.flags", "CLONE_NEWNS|CLONE_NEWUSER" });
	c = (struct event_call){ .args = { 5 }, .op = 5 };
	a_call(EVENT_BPF, 321, 9, &c);
	EXPECT({ "evt.arg.cmd", "BPF_PROG_LOAD" }, { "fd.num", "9" }, { "fd.type", "bpf" },
	       { "fd.typechar", "b" });
	c = (struct event_call){ .args = { 0 } };
	a_call(EVENT_SETUID, 105, 0, &c);
	EXPECT({ "evt.arg.uid", "root" }, { "evt.category", "user" });
	c = (struct event_call){ .args = { 1000, UINT32_MAX, 5 } };
	a_call(EVENT_SETUID, 117, 0, &c);
	EXPECT({ "evt.type", "setresuid" }, { "evt.arg.ruid", "1000" }, { "evt.arg.euid", "-1" });
	c = (struct event_call){ .args = { 50, 9 } };
	a_call(EVENT_KILL, -1, 0, &c);
	EXPECT({ "evt.type", "kill" }, { "evt.arg.sig", "SIGKILL" }, { "evt.arg.pid", "50" });
	a_call(EVENT_USERFAULTFD, 323, 8, &c);
	EXPECT({ "fd.type", "userfaultfd" }, { "fd.num", "8" });
	c = (struct event_call){ .args = { 0 }, .caps = { .effective = 1 << 21 } };
	a_call(EVENT_CAPSET, 126, 0, &c);
	EXPECT({ "evt.arg.cap_effective", "CAP_SYS_ADMIN" }, { "evt.arg.cap_permitted", "" },
	       { "thread.cap_effective", "CAP_SYS_ADMIN" });
}

static void a_copied_socket_is_the_descriptor_of_a_dup(void **state)
{
	struct event_call c = { .args = { 5, 1 } };

	(void)state;
	c.socket = internet("10.0.0.5", 40000, "10.0.0.6", 4444);
	a_call(EVENT_DUP, 33, 1, &c);
	EXPECT({ "evt.type", "dup2" }, { "evt.rawres", "1" }, { "fd.type", "ipv4" },
	       { "fd.num", "1" }, { "fd.sip", "10.0.0.6" },
	       { "fd.name", "10.0.0.5:40000->10.0.0.6:4444" }, { "evt.arg.oldfd", "5" });
}

static void mounts_modules_and_memory_files_have_their_names(void **state)
{
	struct event_head h = field_head(EVENT_MOUNT, 165);
	struct event_call c = { .args = { 0, 0, 0, 4096 | 1 } };

	(void)state;
	begin(&h, &c);
	add(TAG_RAW, SPAN_LIT("/dev/sda1"));
	add(TAG_RAW2, SPAN_LIT("mnt"));
	add(TAG_BASE2, SPAN_LIT("/"));
	add(TAG_NAME, SPAN_LIT("ext4"));
	finish();
	EXPECT({ "evt.arg.dev", "/dev/sda1" }, { "evt.arg.dir", "/mnt" },
	       { "evt.arg.type", "ext4" }, { "evt.arg.flags", "RDONLY|BIND" },
	       { "fs.path.source", "/dev/sda1" }, { "fs.path.target", "/mnt" });
	h = field_head(EVENT_MEMFD_CREATE, 319);
	h.result = 4;
	c = (struct event_call){ .args = { 0, 3 } };
	begin(&h, &c);
	add(TAG_NAME, SPAN_LIT("x"));
	finish();
	EXPECT({ "fd.name", "memfd:x" }, { "fd.type", "memfd" }, { "fd.typechar", "m" },
	       { "evt.arg.flags", "MFD_CLOEXEC|MFD_ALLOW_SEALING" });
	h = field_head(EVENT_INIT_MODULE, 313);
	c = (struct event_call){ .args = { 3 }, .file = { .flags = FILE_KNOWN, .inode = 5 } };
	begin(&h, &c);
	add(TAG_PATH, SPAN_LIT("/tmp/evil.ko"));
	add(TAG_DATA, SPAN_LIT("a=1"));
	finish();
	EXPECT({ "fd.name", "/tmp/evil.ko" }, { "fd.num", "3" }, { "evt.arg.uargs", "a=1" },
	       { "fd.ino", "5" });
	h.syscall = 175;
	begin(&h, &c);
	finish();
	EXPECT({ "evt.type", "init_module" }, { "fd.num", "-" });
}

static void memory_and_new_mounts_have_falcos_arguments(void **state)
{
	struct event_head h = field_head(EVENT_MMAP, 9);
	struct event_call c = { .args = { 0, 4096, 5, 2, 3, 0 },
				.file = { .flags = FILE_KNOWN, .inode = 5 },
				.op = MMAP_FOREIGN };

	(void)state;
	begin(&h, &c);
	add(TAG_PATH, SPAN_LIT("/lib/libnss.so"));
	finish();
	EXPECT({ "evt.type", "mmap" }, { "fd.name", "/lib/libnss.so" }, { "fd.num", "3" },
	       { "evt.arg.length", "4096" }, { "evt.arg.prot", "PROT_READ|PROT_EXEC" },
	       { "evt.arg.flags", "MAP_PRIVATE" });
	h = field_head(EVENT_NEW_MOUNT, 431);
	c = (struct event_call){ .args = { 4, 1 }, .op = NEW_MOUNT_FSCONFIG };
	begin(&h, &c);
	add(TAG_NAME, SPAN_LIT("source"));
	add(TAG_DATA, SPAN_LIT("/dev/sda"));
	finish();
	EXPECT({ "evt.type", "fsconfig" }, { "evt.arg.cmd", "FSCONFIG_SET_STRING" },
	       { "evt.arg.key", "source" }, { "evt.arg.value", "/dev/sda" }, { "fd.num", "-" });
	h = field_head(EVENT_NEW_MOUNT, 428);
	h.result = 7;
	c = (struct event_call){ .args = { 0xffffff9c }, .op = NEW_MOUNT_OPEN_TREE };
	begin(&h, &c);
	add(TAG_RAW, SPAN_LIT("/etc"));
	finish();
	EXPECT({ "evt.type", "open_tree" }, { "evt.arg.path", "/etc" }, { "fd.num", "7" });
	h = field_head(EVENT_PIDFD_GETFD, 438);
	h.result = 9;
	c = (struct event_call){ .args = { 3, 5 } };
	begin(&h, &c);
	finish();
	EXPECT({ "evt.type", "pidfd_getfd" }, { "evt.arg.target_fd", "5" }, { "fd.num", "9" });
	h = field_head(EVENT_KEXEC, 246);
	h.result = -1;
	begin(&h, &c);
	finish();
	EXPECT({ "evt.type", "kexec_load" }, { "evt.res", "EPERM" });
}

static void times_are_told_in_utc(void **state)
{
	(void)state;
	an_open(O_RDONLY, 0, 3, "/x", NULL, "/x");
	EXPECT({ "evt.num", "7" }, { "evt.time", "02:00:00.123456789" },
	       { "evt.time.s", "02:00:00" }, { "evt.datetime", "2026-11-22 02:00:00.123456789" },
	       { "evt.datetime.s", "2026-11-22 02:00:00" },
	       { "evt.time.iso8601", "2026-11-22T02:00:00.123456789Z" },
	       { "evt.rawtime", "1795312800123456789" }, { "evt.rawtime.s", "1795312800" },
	       { "evt.rawtime.ns", "123456789" }, { "evt.dir", "<" }, { "evt.source", "syscall" },
	       { "evt.type.is.openat", "1" }, { "evt.type.is.open", "0" }, { "evt.count", "1" },
	       { "evt.is_io", "false" }, { "evt.hostname", "-" });
}

static void fork_and_exit_have_arguments_of_their_own(void **state)
{
	struct event_head h = field_head(EVENT_FORK, -1);
	struct event_fork f = { .pid = 200, .namespace_flags = 0x20000000 };
	struct event_exit x = { .status = 139 };

	(void)state;
	begin(&h, &f);
	finish();
	EXPECT({ "evt.type", "clone" }, { "evt.rawres", "200" }, { "evt.arg.res", "200" },
	       { "evt.arg.flags", "CLONE_NEWPID" }, { "evt.arg.comm", "sh" });
	h = field_head(EVENT_EXIT, -1);
	begin(&h, &x);
	finish();
	EXPECT({ "evt.type", "procexit" }, { "evt.res", "-" }, { "evt.arg.status", "139" },
	       { "evt.arg.sig", "SIGSEGV" }, { "evt.arg.core", "1" }, { "evt.arg.ret", "0" });
}

#define T(name) cmocka_unit_test(name)
int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(an_open_tells_its_file_and_flags),
		T(a_symbolic_link_shows_in_one_reading_only),
		T(every_short_name_is_read_as_its_dots_say),
		T(names_that_are_kept_are_those_of_the_reading),
		T(a_relative_name_without_its_start_is_what_the_kernel_found),
		T(a_failed_open_has_the_name_that_was_asked_for),
		T(open_flags_have_falcos_words),
		T(calls_with_two_names_tell_both),
		T(calls_with_one_name_tell_it_as_falco_calls_it),
		T(a_name_that_could_not_be_read_is_missing),
		T(hostile_bytes_stay_as_they_are),
		T(the_longest_names_are_put_together),
		T(a_connection_has_a_client_and_a_server),
		T(ipv6_and_mapped_addresses_are_told_apart),
		T(a_listening_socket_has_a_server_alone),
		T(a_new_socket_has_no_ends),
		T(a_unix_socket_is_named_by_its_path),
		T(a_flow_without_a_task_is_told_by_the_table),
		T(names_of_addresses_are_the_worlds),
		T(arguments_of_calls_have_falcos_words),
		T(a_copied_socket_is_the_descriptor_of_a_dup),
		T(mounts_modules_and_memory_files_have_their_names),
		T(memory_and_new_mounts_have_falcos_arguments),
		T(times_are_told_in_utc),
		T(fork_and_exit_have_arguments_of_their_own),
	};

	evt_type_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
