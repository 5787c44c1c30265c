// SPDX-License-Identifier: GPL-2.0-or-later
/* What conditions mean: a row each, all of them in one program, so that what they share is shared.
 */
#include "tests/unit/detector/rule_case.h"

static const struct {
	const char *condition;
	enum case_event event;
	bool expected;
} cases[] = {
	/* clang-format off */
	{ "proc.name = cat", ON_READ, true },
	{ "proc.name == cat", ON_READ, true },
	{ "proc.name=\"cat\"", ON_READ, true },
	{ "proc.name!=bash", ON_READ, true },
	{ "not proc.name = bash", ON_READ, true },
	{ "not not proc.name = cat", ON_READ, true },
	{ "proc.name in (bash, cat)", ON_READ, true },
	{ "proc.name in (cat)", ON_READ, true },
	{ "proc.name intersects (cat, dog)", ON_READ, true },
	{ "not proc.name in (a, b)", ON_READ, true },
	{ "proc.name exists", ON_READ, true },
	{ "proc.name contains a", ON_READ, true },
	{ "proc.name contains \"\"", ON_READ, true },
	{ "proc.name icontains CA", ON_READ, true },
	{ "proc.name startswith ca", ON_READ, true },
	{ "proc.name endswith at", ON_READ, true },
	{ "proc.name glob c*", ON_READ, true },
	{ "proc.name glob ?at", ON_READ, true },
	{ "proc.name glob [a-d]at", ON_READ, true },
	{ "proc.name glob [!x]at", ON_READ, true },
	{ "proc.name iglob CAT", ON_READ, true },
	{ "proc.name regex c.t", ON_READ, true },
	{ "proc.name regex \"(cat|dog)\"", ON_READ, true },
	{ "proc.name regex [a-z]+", ON_READ, true },
	{ "fd.name = /etc/shadow", ON_READ, true },
	{ "fd.name pmatch (/etc)", ON_READ, true },
	{ "fd.name pmatch (/etc/shadow)", ON_READ, true },
	{ "fd.name pmatch (/usr, /etc/)", ON_READ, true },
	{ "fd.name pmatch (/)", ON_READ, true },
	{ "fd.name startswith /etc", ON_READ, true },
	{ "fd.name glob /etc/*", ON_READ, true },
	{ "fd.name glob *shadow", ON_READ, true },
	{ "fd.directory = /etc", ON_READ, true },
	{ "fd.filename = shadow", ON_READ, true },
	{ "fd.filename in (passwd, shadow)", ON_READ, true },
	{ "fd.num = 3", ON_READ, true },
	{ "fd.num >= 0", ON_READ, true },
	{ "fd.num>=3", ON_READ, true },
	{ "fd.num <= 3", ON_READ, true },
	{ "fd.num > 2", ON_READ, true },
	{ "fd.num < 4", ON_READ, true },
	{ "fd.num in (1, 2, 3)", ON_READ, true },
	{ "fd.num=0x3", ON_READ, true },
	{ "fd.num != -1", ON_READ, true },
	{ "fd.typechar='f'", ON_READ, true },
	{ "fd.type = file", ON_READ, true },
	{ "evt.type = openat", ON_READ, true },
	{ "evt.type in (open, openat)", ON_READ, true },
	{ "evt.type = open", ON_READ, true },
	{ "evt.type != creat", ON_READ, true },
	{ "not evt.type = execve", ON_READ, true },
	{ "evt.type startswith open", ON_READ, true },
	{ "evt.type exists", ON_READ, true },
	{ "evt.is_open_read = true", ON_READ, true },
	{ "evt.is_open_read=true and evt.is_open_write=false", ON_READ, true },
	{ "evt.is_open_write != true", ON_READ, true },
	{ "container.id != host", ON_READ, true },
	{ "container.id = 0123456789ab", ON_READ, true },
	{ "container.id startswith 0123", ON_READ, true },
	{ "container.name = web", ON_READ, true },
	{ "container.image.repository = registry.local/team/nginx", ON_READ, true },
	{ "container.image.repository endswith /nginx", ON_READ, true },
	{ "container.image startswith registry", ON_READ, true },
	{ "container.image.tag = 1.25", ON_READ, true },
	{ "k8s.ns.name = shop", ON_READ, true },
	{ "k8s.pod.name glob web-*", ON_READ, true },
	{ "user.uid = 33", ON_READ, true },
	{ "user.uid != 0", ON_READ, true },
	{ "user.uid in (33, 34)", ON_READ, true },
	{ "proc.pname = bash", ON_READ, true },
	{ "proc.pname exists", ON_READ, true },
	{ "proc.aname = bash", ON_READ, true },
	{ "proc.aname = containerd-shim", ON_READ, true },
	{ "proc.aname in (systemd, x)", ON_READ, true },
	{ "proc.aname[0] = cat", ON_READ, true },
	{ "proc.aname[1] = bash", ON_READ, true },
	{ "proc.aname[2] = containerd-shim", ON_READ, true },
	{ "proc.aname[3] = systemd", ON_READ, true },
	{ "not proc.aname[4] exists", ON_READ, true },
	{ "proc.aname startswith containerd", ON_READ, true },
	{ "proc.aname contains bas", ON_READ, true },
	{ "proc.aname != bash", ON_READ, true },
	{ "proc.cmdline = \"cat /etc/shadow\"", ON_READ, true },
	{ "proc.cmdline contains \"cat /etc\"", ON_READ, true },
	{ "proc.args = /etc/shadow", ON_READ, true },
	{ "proc.exe = cat", ON_READ, true },
	{ "proc.exepath = /usr/bin/cat", ON_READ, true },
	{ "proc.pcmdline = \"bash -c echo Hi\"", ON_READ, true },
	{ "proc.pexe = -bash", ON_READ, true },
	{ "proc.pexepath = /bin/bash", ON_READ, true },
	{ "proc.cwd = /srv/www/", ON_READ, true },
	{ "proc.pid = 61", ON_READ, true },
	{ "proc.ppid = 60", ON_READ, true },
	{ "proc.apid = 50", ON_READ, true },
	{ "proc.tty = 0", ON_READ, true },
	{ "proc.duration > 5000000000", ON_READ, true },
	{ "proc.duration <= 39000000000", ON_READ, true },
	{ "evt.rawres >= 0", ON_READ, true },
	{ "evt.rawres in (3)", ON_READ, true },
	{ "evt.res = SUCCESS", ON_READ, true },
	{ "user.loginuid = -1", ON_READ, true },
	{ "user.loginuid < 0", ON_READ, true },
	{ "tolower(proc.name) = cat", ON_READ, true },
	{ "toupper(proc.name) = CAT", ON_READ, true },
	{ "toupper(proc.name) in (CAT)", ON_READ, true },
	{ "basename(proc.exepath) = cat", ON_READ, true },
	{ "len(proc.name) = 3", ON_READ, true },
	{ "len(proc.name) >= 3 and len(proc.name) < 4", ON_READ, true },
	{ "proc.name = val(proc.exe)", ON_READ, true },
	{ "proc.name != val(proc.pname)", ON_READ, true },
	{ "basename(fd.name) = val(fd.filename)", ON_READ, true },
	{ "proc.cmdline contains val(proc.name)", ON_READ, true },
	{ "proc.pid > val(proc.ppid)", ON_READ, true },
	{ "proc.name contains anyof (x, at)", ON_READ, true },
	{ "proc.name contains allof (c, a, t)", ON_READ, true },
	{ "proc.name contains oneof (cat, dog)", ON_READ, true },
	{ "proc.name startswith anyof (do, ca)", ON_READ, true },
	{ "fd.name startswith anyof (/usr, /etc/s)", ON_READ, true },
	{ "evt.num > 0", ON_READ, true },
	{ "evt.num >= 1", ON_READ, true },
	{ "evt.num != 0", ON_READ, true },
	{ "not evt.num = 0", ON_READ, true },
	{ "(proc.name = cat and fd.num = 3) or proc.name = x", ON_READ, true },
	{ "proc.name = x or proc.name = cat and fd.num = 3", ON_READ, true },
	{ "proc.name = cat and (fd.num = 9 or fd.num = 3)", ON_READ, true },
	{ "not (proc.name = x or fd.num = 9)", ON_READ, true },
	{ "evt.type = openat and not (evt.type = execve and proc.name = cat)", ON_READ, true },
	{ "evt.arg.flags contains O_RDONLY", ON_READ, true },
	{ "evt.arg.name = /etc/shadow", ON_READ, true },
	{ "fd.nameraw = /etc/shadow", ON_READ, true },
	{ "evt.args exists", ON_READ, true },
	{ "not fd.sip exists", ON_READ, true },
	{ "not fd.sport = 443", ON_READ, true },
	{ "proc.sid exists", ON_READ, true },
	{ "not proc.name = val(proc.aname[9])", ON_READ, true },
	{ "proc.name != val(proc.aname[9])", ON_READ, false },
	{ "proc.name = val(proc.aname[9])", ON_READ, false },
	{ "proc.vpid = 61", ON_READ, true },
	{ "not proc.is_exe_upper_layer = true", ON_READ, true },
	{ "proc.name = ca", ON_READ, false },
	{ "proc.name = CAT", ON_READ, false },
	{ "proc.name != cat", ON_READ, false },
	{ "not proc.name = cat", ON_READ, false },
	{ "proc.name in (bash, ash)", ON_READ, false },
	{ "proc.name in ()", ON_READ, false },
	{ "proc.name intersects (dog)", ON_READ, false },
	{ "proc.name contains b", ON_READ, false },
	{ "proc.name icontains B", ON_READ, false },
	{ "proc.name startswith at", ON_READ, false },
	{ "proc.name endswith ca", ON_READ, false },
	{ "proc.name glob b*", ON_READ, false },
	{ "proc.name glob c", ON_READ, false },
	{ "proc.name regex c", ON_READ, false },
	{ "proc.name regex at", ON_READ, false },
	{ "proc.name regex ^c$", ON_READ, false },
	{ "fd.name pmatch (/et)", ON_READ, false },
	{ "fd.name pmatch (/etc/shadow/x)", ON_READ, false },
	{ "fd.name pmatch ()", ON_READ, false },
	{ "fd.num = 4", ON_READ, false },
	{ "fd.num < 3", ON_READ, false },
	{ "fd.num > 3", ON_READ, false },
	{ "fd.num in (1, 2)", ON_READ, false },
	{ "evt.type = execve", ON_READ, false },
	{ "evt.type = creat", ON_READ, false },
	{ "evt.type in (openat2, creat)", ON_READ, false },
	{ "evt.is_open_write = true", ON_READ, false },
	{ "evt.is_open_read != true", ON_READ, false },
	{ "container.id = host", ON_READ, false },
	{ "container.id in (host)", ON_READ, false },
	{ "user.uid = 0", ON_READ, false },
	{ "proc.pname = cat", ON_READ, false },
	{ "proc.aname = cat", ON_READ, false },
	{ "proc.aname[1] = cat", ON_READ, false },
	{ "proc.aname[9] exists", ON_READ, false },
	{ "proc.aname in (x, y)", ON_READ, false },
	{ "evt.num = 0", ON_READ, false },
	{ "evt.num < 1", ON_READ, false },
	{ "evt.num <= 0", ON_READ, false },
	{ "fd.sip exists", ON_READ, false },
	{ "fd.sip != 1.2.3.4", ON_READ, false },
	{ "fd.sport != 443", ON_READ, false },
	{ "not fd.num = 3", ON_READ, false },
	{ "evt.res != SUCCESS", ON_READ, false },
	{ "evt.rawres < 0", ON_READ, false },
	{ "tolower(proc.name) = CAT", ON_READ, false },
	{ "len(proc.name) = 4", ON_READ, false },
	{ "proc.name = val(proc.pname)", ON_READ, false },
	{ "proc.name contains allof (c, x)", ON_READ, false },
	{ "proc.name contains anyof (x, y)", ON_READ, false },
	{ "proc.name contains oneof (ca, at)", ON_READ, false },
	{ "proc.name contains oneof (x, y)", ON_READ, false },
	{ "b64(proc.name) = x", ON_READ, false },
	{ "fd.filename = Shadow", ON_READ, false },
	{ "evt.arg.flags contains O_TRUNC", ON_READ, false },
	{ "proc.tty != 0", ON_READ, false },
	{ "proc.env icontains PATH", ON_READ, false },
	{ "proc.env[PATH] exists", ON_READ, false },
	{ "evt.type = execve", ON_EXEC, true },
	{ "evt.type in (execve, execveat)", ON_EXEC, true },
	{ "proc.name = bash", ON_EXEC, true },
	{ "proc.tty = 34816", ON_EXEC, true },
	{ "proc.tty != 0", ON_EXEC, true },
	{ "proc.exe = -bash", ON_EXEC, true },
	{ "proc.args = \"-c echo Hi\"", ON_EXEC, true },
	{ "proc.args contains echo", ON_EXEC, true },
	{ "proc.args intersects (\"-c echo Hi\")", ON_EXEC, true },
	{ "proc.cmdline = \"bash -c echo Hi\"", ON_EXEC, true },
	{ "proc.is_exe_upper_layer = true", ON_EXEC, true },
	{ "proc.is_exe_from_memfd = false", ON_EXEC, true },
	{ "proc.env icontains glibc_tunables", ON_EXEC, true },
	{ "proc.env[PATH] = /bin", ON_EXEC, true },
	{ "proc.pname = containerd-shim", ON_EXEC, true },
	{ "proc.vpid = 1", ON_EXEC, true },
	{ "thread.cap_effective contains CAP_CHOWN", ON_EXEC, true },
	{ "thread.cap_permitted contains CAP_DAC_OVERRIDE", ON_EXEC, true },
	{ "evt.arg.flags contains EXE_UPPER_LAYER", ON_EXEC, true },
	{ "evt.type = execve and proc.vpid = 1 and container.id != host", ON_EXEC, true },
	{ "user.uid = 0", ON_EXEC, true },
	{ "fd.name exists or proc.name exists", ON_EXEC, true },
	{ "proc.cwd startswith /root", ON_EXEC, true },
	{ "evt.type = open", ON_EXEC, false },
	{ "fd.num exists", ON_EXEC, false },
	{ "fd.name = /bin/bash and fd.num >= 0", ON_EXEC, false },
	{ "evt.is_open_read = true", ON_EXEC, false },
	{ "proc.is_exe_from_memfd = true", ON_EXEC, false },
	{ "thread.cap_effective contains CAP_SYS_ADMIN", ON_EXEC, false },
	{ "proc.env icontains NOT_THERE", ON_EXEC, false },
	{ "proc.env[HOME] exists", ON_EXEC, false },
	{ "proc.tty = 0", ON_EXEC, false },
	{ "evt.type != execve", ON_EXEC, false },
	{ "evt.type = connect", ON_CONNECT, true },
	{ "fd.sip = 93.184.216.34", ON_CONNECT, true },
	{ "fd.sip = \"93.184.216.34\"", ON_CONNECT, true },
	{ "fd.rip = 93.184.216.34", ON_CONNECT, true },
	{ "fd.lip = 172.17.0.2", ON_CONNECT, true },
	{ "fd.cip = 172.17.0.2", ON_CONNECT, true },
	{ "fd.sport = 443", ON_CONNECT, true },
	{ "fd.sport = https", ON_CONNECT, true },
	{ "fd.sport in (80, 443)", ON_CONNECT, true },
	{ "fd.sport >= 443 and fd.sport <= 443", ON_CONNECT, true },
	{ "fd.rport = 443", ON_CONNECT, true },
	{ "fd.lport = 40000", ON_CONNECT, true },
	{ "fd.cport = 40000", ON_CONNECT, true },
	{ "fd.ip = 93.184.216.34", ON_CONNECT, true },
	{ "fd.ip = 172.17.0.2", ON_CONNECT, true },
	{ "fd.ip != 1.2.3.4", ON_CONNECT, true },
	{ "fd.port = 443", ON_CONNECT, true },
	{ "fd.port in (1, 40000)", ON_CONNECT, true },
	{ "fd.snet in (\"93.184.0.0/16\")", ON_CONNECT, true },
	{ "fd.snet in (\"10.0.0.0/8\", \"93.0.0.0/8\")", ON_CONNECT, true },
	{ "not fd.snet in (\"10.0.0.0/8\")", ON_CONNECT, true },
	{ "fd.net = \"172.16.0.0/12\"", ON_CONNECT, true },
	{ "fd.net != \"10.0.0.0/8\"", ON_CONNECT, true },
	{ "fd.l4proto = tcp", ON_CONNECT, true },
	{ "fd.l4proto != udp", ON_CONNECT, true },
	{ "fd.typechar = 4", ON_CONNECT, true },
	{ "fd.type in (ipv4, ipv6)", ON_CONNECT, true },
	{ "fd.type = ipv4", ON_CONNECT, true },
	{ "fd.sockfamily = ip", ON_CONNECT, true },
	{ "fd.name = \"172.17.0.2:40000->93.184.216.34:443\"", ON_CONNECT, true },
	{ "fd.name contains 93.184", ON_CONNECT, true },
	{ "evt.rawres = 0", ON_CONNECT, true },
	{ "evt.res = SUCCESS", ON_CONNECT, true },
	{ "fd.snet in (\"0.0.0.0/0\")", ON_CONNECT, true },
	{ "fd.sip in (1.2.3.4, 93.184.216.34)", ON_CONNECT, true },
	{ "fd.sip != \"::1\"", ON_CONNECT, true },
	{ "fd.sip = 93.184.216.35", ON_CONNECT, false },
	{ "fd.sip = \"::1\"", ON_CONNECT, false },
	{ "fd.sport = 80", ON_CONNECT, false },
	{ "fd.sport = http", ON_CONNECT, false },
	{ "fd.ip = 1.2.3.4", ON_CONNECT, false },
	{ "fd.ip != 172.17.0.2", ON_CONNECT, false },
	{ "fd.ip != 93.184.216.34", ON_CONNECT, false },
	{ "fd.port != 443", ON_CONNECT, false },
	{ "fd.net != \"172.17.0.0/16\"", ON_CONNECT, false },
	{ "fd.snet in (\"10.0.0.0/8\", \"192.168.0.0/16\")", ON_CONNECT, false },
	{ "fd.snet in (\"::/0\")", ON_CONNECT, false },
	{ "fd.l4proto = udp", ON_CONNECT, false },
	{ "fd.typechar = 'f'", ON_CONNECT, false },
	{ "fd.cport = 443", ON_CONNECT, false },
	{ "fd.directory exists", ON_CONNECT, false },
	{ "evt.is_open_read = true", ON_CONNECT, false },
	{ "evt.type in (accept, accept4)", ON_ACCEPT, true },
	{ "fd.sport = 8080", ON_ACCEPT, true },
	{ "fd.cport = 5555", ON_ACCEPT, true },
	{ "fd.cip = 10.1.2.3", ON_ACCEPT, true },
	{ "fd.sip = 172.17.0.2", ON_ACCEPT, true },
	{ "fd.rip = 10.1.2.3", ON_ACCEPT, true },
	{ "fd.lport = 8080", ON_ACCEPT, true },
	{ "fd.cnet in (\"10.0.0.0/8\")", ON_ACCEPT, true },
	{ "fd.name = \"10.1.2.3:5555->172.17.0.2:8080\"", ON_ACCEPT, true },
	{ "evt.rawres = 7", ON_ACCEPT, true },
	{ "evt.type = accept", ON_ACCEPT, false },
	{ "fd.sport = 5555", ON_ACCEPT, false },
	{ "fd.cip = 172.17.0.2", ON_ACCEPT, false },
	{ "container.id = host", ON_WRITE, true },
	{ "container.id in (host)", ON_WRITE, true },
	{ "not container.id != host", ON_WRITE, true },
	{ "evt.is_open_write = true", ON_WRITE, true },
	{ "evt.arg.flags contains O_CREAT", ON_WRITE, true },
	{ "evt.arg.flags contains O_TRUNC and evt.arg.flags contains O_WRONLY", ON_WRITE, true },
	{ "fd.name startswith /etc/cron", ON_WRITE, true },
	{ "fd.directory = /etc/cron.d", ON_WRITE, true },
	{ "fd.directory pmatch (/etc)", ON_WRITE, true },
	{ "proc.pname = systemd", ON_WRITE, true },
	{ "not container.name exists or container.name = host", ON_WRITE, true },
	{ "proc.name = tool", ON_WRITE, true },
	{ "proc.args = \"\"", ON_WRITE, true },
	{ "proc.cmdline = tool", ON_WRITE, true },
	{ "not k8s.pod.name exists", ON_WRITE, true },
	{ "container.id != host", ON_WRITE, false },
	{ "container.id exists and container.id != host", ON_WRITE, false },
	{ "evt.is_open_read = true", ON_WRITE, false },
	{ "fd.directory = /etc", ON_WRITE, false },
	{ "container.image.repository exists and container.image.repository != host", ON_WRITE, false },
	{ "k8s.ns.name != x", ON_WRITE, false },
	{ "proc.pcmdline contains zzz", ON_WRITE, false },
	{ "evt.res = EACCES", ON_FAILED, true },
	{ "evt.res startswith E", ON_FAILED, true },
	{ "evt.rawres < 0", ON_FAILED, true },
	{ "evt.rawres = -13", ON_FAILED, true },
	{ "fd.num = -1", ON_FAILED, true },
	{ "fd.typechar = 'f'", ON_FAILED, true },
	{ "fd.nameraw contains ../", ON_FAILED, true },
	{ "fd.nameraw glob *../*../*", ON_FAILED, true },
	{ "fd.name = /etc/passwd", ON_FAILED, true },
	{ "evt.type = openat and fd.typechar='f' and fd.num=-1 and evt.res startswith E", ON_FAILED, true },
	{ "not fd.num >= 0", ON_FAILED, true },
	{ "evt.is_open_read = true", ON_FAILED, true },
	{ "evt.res = SUCCESS", ON_FAILED, false },
	{ "fd.num >= 0", ON_FAILED, false },
	{ "evt.rawres in (0, 1, 2)", ON_FAILED, false },
	{ "fd.name contains ..", ON_FAILED, false },
	/* clang-format on */
};
#define CASES (sizeof(cases) / sizeof(cases[0]))

static void each_condition_means_what_its_row_says(void **state)
{
	AUTO(rule_program_free) struct rule_program *p = NULL;
	AUTO_ARENA struct arena a = { .max = 64 << 20 };
	static struct case_world w;
	static uint32_t ids[CASES];
	struct err e = { "" };
	size_t wrong = 0;

	(void)state;
	assert_true(CASES >= 200);
	case_world(&w);
	assert_int_equal(rule_program_new(&p, &e), 0);
	for (size_t i = 0; i < CASES; i++) {
		struct rule_needs needs;

		if (case_add(p, &a, cases[i].condition, &ids[i], &needs, &e) < 0)
			fail_msg("'%s': %s", cases[i].condition, e.text);
	}
	if (rule_program_finish(p, &e) < 0)
		fail_msg("%s", e.text);
	for (size_t round = 0; round < 2; round++)
		for (size_t i = 0; i < CASES; i++) {
			struct field_event *ev = &w.events[cases[i].event];

			if (round == 0 || i % 7 == 0) { /* shared results must not leak */
				rule_program_begin(p);
				ev->scratch_used = 0;
			} else if (cases[i - 1].event != cases[i].event) {
				rule_program_begin(p);
			}
			if (case_match(p, ids[i], ev) != cases[i].expected) {
				print_error("'%s' on event %d: expected %d\n", cases[i].condition,
					    (int)cases[i].event, cases[i].expected);
				wrong++;
			}
		}
	assert_int_equal(wrong, 0);
}

/* --- faults -------------------------------------------------------------------------------- */

static const struct {
	const char *condition, *says;
	int code;
} faults[] = {
	{ "proc.nam = x", "f.yaml:1:1:", -ENOENT },
	{ "evt.type = opennn", "f.yaml:1:12: rule 'r': unknown event type 'opennn'", -ENOENT },
	{ "evt.type in (open, nope)", "f.yaml:1:20:", -ENOENT },
	{ "fd.num = abc", "f.yaml:1:10:", -EINVAL },
	{ "fd.num contains 3", "'contains' cannot be asked of fd.num", -EINVAL },
	{ "evt.is_open_read = yes", "true or false", -EINVAL },
	{ "evt.is_open_read > 1", "cannot be asked", -EINVAL },
	{ "fd.sip = 300.1.1.1", "an address", -EINVAL },
	{ "fd.snet in (\"10.0.0.0/99\")", "an address or a network", -EINVAL },
	{ "fd.sport = nosuchservice", "a port or a service's name", -EINVAL },
	{ "fd.sip contains 10", "cannot be asked", -EINVAL },
	{ "proc.name regex (", "f.yaml:1:", -EINVAL },
	{ "proc.name regex \"(\"", "the pattern is not understood", -EINVAL },
	{ "proc.name bcontains cafe", "cannot be asked", -EINVAL },
	{ "evt.buffer bcontains caf", "hexadecimal", -EINVAL },
	{ "len(fd.num) = 3", "takes texts", -EINVAL },
	{ "proc.name = val(fd.num)", "is compared with", -EINVAL },
	{ "proc.name glob val(proc.exe)", "takes no field", -EINVAL },
	{ "proc.aname[x] = y", "f.yaml:1:1:", -EINVAL },
	{ "evt.arg.nosuch = x", "f.yaml:1:1:", -EINVAL },
	{ "evt.type = val(proc.name)", "names of events", -EINVAL },
	{ "evt.type startswith val(proc.name)", "texts alone", -EINVAL },
	{ "some_macro and proc.name = x", "undefined macro 'some_macro'", -EINVAL },
};

static void a_fault_is_placed_and_named(void **state)
{
	AUTO(rule_program_free) struct rule_program *p = NULL;
	AUTO_ARENA struct arena a = { .max = 8 << 20 };
	struct rule_needs needs;
	uint32_t id;

	(void)state;
	assert_int_equal(rule_program_new(&p, NULL), 0);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		struct err e = { "" };
		int r = case_add(p, &a, faults[i].condition, &id, &needs, &e);

		if (r != faults[i].code || !strstr(e.text, faults[i].says))
			fail_msg("'%s': %d '%s', expected %d with '%s'", faults[i].condition, r,
				 e.text, faults[i].code, faults[i].says);
	}
}

/* --- folding ------------------------------------------------------------------------------- */

static struct rule_needs needs_of(const char *condition)
{
	AUTO(rule_program_free) struct rule_program *p = NULL;
	AUTO_ARENA struct arena a = { .max = 8 << 20 };
	struct rule_needs needs;
	struct err e = { "" };
	uint32_t id;

	assert_int_equal(rule_program_new(&p, NULL), 0);
	if (case_add(p, &a, condition, &id, &needs, &e) < 0)
		fail_msg("'%s': %s", condition, e.text);
	assert_int_equal(rule_program_finish(p, NULL), 0);
	return *rule_program_needs(p, id);
}

static size_t count(struct evt_set s)
{
	return (size_t)(__builtin_popcountll(s.w[0]) + __builtin_popcountll(s.w[1]));
}

static void a_rule_is_met_by_the_types_that_can_match_it_alone(void **state)
{
	struct rule_needs n;

	(void)state;
	n = needs_of("evt.type = execve and proc.name = x");
	assert_int_equal(count(n.host_types), 1);
	assert_true(evt_set_has(&n.host_types, EVT_EXECVE));
	n = needs_of("evt.type = open and fd.name = /x"); /* stands for all three */
	assert_int_equal(count(n.container_types), 3);
	n = needs_of("proc.name = x");
	assert_true(n.all_types);
	n = needs_of("proc.env[PATH] = x"); /* a new program alone has it */
	assert_true(n.all_types);
	assert_int_equal(count(n.host_types), 2);
	n = needs_of("container.id != host and evt.type = execve");
	assert_int_equal(count(n.host_types), 0);
	assert_int_equal(count(n.container_types), 1);
	n = needs_of("container.id = host and evt.type = execve");
	assert_int_equal(count(n.host_types), 1);
	assert_int_equal(count(n.container_types), 0);
	n = needs_of("evt.num = 0");
	assert_int_equal(count(n.host_types) + count(n.container_types), 0);
	n = needs_of("evt.type = read and fd.num = 0");
	assert_true(n.names_unseen_type);
	assert_string_equal(n.unseen_type, "read");
	n = needs_of("evt.type = openat and proc.duration > 5");
	assert_true(n.of_time);
}

static struct rule_paths paths_of(struct rule_program *p, const char *const *conditions)
{
	AUTO_ARENA struct arena a = { .max = 8 << 20 };
	struct rule_paths out;
	struct rule_needs needs;
	struct err e = { "" };
	uint32_t id;

	for (; *conditions; conditions++)
		if (case_add(p, &a, *conditions, &id, &needs, &e) < 0)
			fail_msg("'%s': %s", *conditions, e.text);
	assert_int_equal(rule_program_finish(p, NULL), 0);
	assert_int_equal(rule_program_paths(p, EVENT_BIT(EVENT_OPEN), &out), 0);
	return out;
}

static void the_paths_that_rules_look_at_are_taken_from_their_conditions(void **state)
{
	static const char *const some[] = {
		"evt.type = openat and fd.name in (/etc/shadow, /etc/sudoers)",
		"evt.type = openat and fd.directory = /root/.ssh and evt.is_open_read = true",
		"evt.type = openat and (fd.name startswith /var/log/ or fd.name endswith "
		"/release_agent)",
		"evt.type = openat and not proc.name = x and fd.name glob /proc/*/environ",
		"evt.type = openat and fd.name pmatch (/boot)",
		"evt.type = openat and container.id != host",
		"evt.type = execve and proc.name = x",
		NULL
	};
	static const char *const prefixes[] = { "/boot",  "/etc/shadow", "/etc/sudoers",
						"/proc/", "/root/.ssh/", "/var/log/" };
	static const char *const any[] = { "evt.type = openat and fd.name contains secret", NULL };
	AUTO(rule_program_free) struct rule_program *p = NULL, *q = NULL;

	(void)state;
	assert_int_equal(rule_program_new(&p, NULL), 0);
	assert_int_equal(rule_program_new(&q, NULL), 0);
	struct rule_paths paths = paths_of(p, some);

	assert_false(paths.all);
	assert_int_equal(paths.prefixes_n, sizeof(prefixes) / sizeof(prefixes[0]));
	for (size_t i = 0; i < paths.prefixes_n; i++)
		assert_true(span_eq(paths.prefixes[i], prefixes[i]));
	assert_int_equal(paths.names_n, 1);
	assert_true(span_eq(paths.names[0], "release_agent"));
	assert_true(paths_of(q, any).all);
}

static void a_pattern_that_would_take_for_ever_is_given_up_and_counted(void **state)
{
	AUTO(rule_program_free) struct rule_program *p = NULL;
	AUTO_ARENA struct arena a = { .max = 8 << 20 };
	static struct case_world w;
	static char args[64] = "cat\0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaX";
	struct rule_needs needs;
	uint32_t id;

	(void)state;
	case_world(&w);
	w.cat_text.args = (struct span){ args, 4 + strlen(args + 4) };
	assert_int_equal(rule_program_new(&p, NULL), 0);
	assert_int_equal(case_add(p, &a, "proc.args regex \"(a+)+[bc]\"", &id, &needs, NULL), 0);
	assert_int_equal(rule_program_finish(p, NULL), 0);
	rule_program_begin(p);
	assert_false(case_match(p, id, &w.events[ON_READ]));
	assert_true(rule_program_stats(p).match_limit > 0);
}

/* One rule alone on the reading of a file by cat, with these arguments. */
static bool matches_args(const char *condition, struct span args, uint64_t *given_up)
{
	AUTO(rule_program_free) struct rule_program *p = NULL;
	AUTO_ARENA struct arena a = { .max = 8 << 20 };
	static struct case_world w;
	struct rule_needs needs;
	struct err e = { "" };
	uint32_t id;

	case_world(&w);
	w.cat_text.args = args;
	assert_int_equal(rule_program_new(&p, NULL), 0);
	if (case_add(p, &a, condition, &id, &needs, &e) < 0)
		fail_msg("'%s': %s", condition, e.text);
	assert_int_equal(rule_program_finish(p, NULL), 0);
	rule_program_begin(p);
	bool yes = case_match(p, id, &w.events[ON_READ]);

	*given_up = rule_program_stats(p).match_limit;
	return yes;
}

static void padding_does_not_hide_a_program_from_a_glob(void **state)
{
	static const char tail[] = " nc -e sh";
	static char args[16384] = "cat";
	uint64_t given_up = 0;

	(void)state;
	for (size_t i = 4; i < sizeof(args); i++)
		args[i] = "nc-e"[i % 4];
	memcpy(args + sizeof(args) - strlen(tail), tail, strlen(tail));
	const struct span whole = { args, sizeof(args) };

	assert_true(matches_args("proc.args glob *nc*-e*sh*", whole, &given_up));
	assert_true(matches_args("proc.args iglob *NC*-E*S?*", whole, &given_up));
	assert_false(matches_args("proc.args glob *nc*-e*-x*-e*sh*", whole, &given_up));
	assert_true(matches_args("proc.args icontains \"C -E S\"", whole, &given_up));
	assert_true(matches_args("proc.args icontains val(proc.args)", whole, &given_up));
	assert_false(matches_args("proc.name icontains val(proc.args)", whole, &given_up));
	assert_int_equal(given_up, 0);
}

static void exactly_one_of_many_values_fits(void **state)
{
	const struct span args = SPAN_LIT("cat\0abc");
	uint64_t given_up;

	(void)state;
#define FITS(values, yes)                                                                          \
	assert_int_equal(matches_args("proc.args contains oneof (" values ")", args, &given_up),   \
			 yes);                                                                     \
	assert_int_equal(                                                                          \
		matches_args("not proc.args contains oneof (" values ")", args, &given_up),        \
		!(yes))
	/* a program of one check has no group of nodes at all */
	assert_true(matches_args("proc.name = cat", args, &given_up));
	FITS("a", true);
	FITS("x", false);
	FITS("a, x", true);
	FITS("x, y, c", true);
	FITS("a, b", false);
	FITS("a, x, bc, y", false);
	FITS("a, a", false);
	FITS("x, x, b", true);
#undef FITS
}

/* container.id is known of a host's event before its values are asked. */
static void a_value_that_is_known_counts_among_those_of_oneof(void **state)
{
	static const struct {
		const char *values;
		bool on_host, in_container;
	} rows[] = {
		{ "h, x", true, false },
		{ "h, o", false, false },
		{ "x, y, ost", true, false },
		{ "hos, x, t, y", false, false },
		{ "h, o, s, t, x, y", false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO(rule_program_free) struct rule_program *p = NULL;
		AUTO_ARENA struct arena a = { .max = 8 << 20 };
		static struct case_world w;
		struct rule_needs needs;
		char text[128];
		uint32_t id;

		case_world(&w);
		snprintf(text, sizeof(text), "container.id contains oneof (%s)", rows[i].values);
		assert_int_equal(rule_program_new(&p, NULL), 0);
		assert_int_equal(case_add(p, &a, text, &id, &needs, NULL), 0);
		assert_int_equal(rule_program_finish(p, NULL), 0);
		rule_program_begin(p);
		assert_int_equal(case_match(p, id, &w.events[ON_WRITE]), rows[i].on_host);
		rule_program_begin(p);
		assert_int_equal(case_match(p, id, &w.events[ON_READ]), rows[i].in_container);
	}
}

static void many_rules_with_long_lists_of_oneof_stay_small(void **state)
{
	AUTO(rule_program_free) struct rule_program *p = NULL;
	AUTO_ARENA struct arena a = { .max = 64 << 20 };
	struct rule_needs needs;
	uint32_t id;

	(void)state;
	assert_int_equal(rule_program_new(&p, NULL), 0);
	for (unsigned rule = 0; rule < 200; rule++) {
		struct err e = { "" };
		char text[2048];
		int n = snprintf(text, sizeof(text), "proc.args contains oneof (v%u", rule);

		for (unsigned i = 0; i < (rule == 0 ? 200U : 32U); i++)
			n += snprintf(text + n, sizeof(text) - (size_t)n, ", w%u_%u", rule, i);
		snprintf(text + n, sizeof(text) - (size_t)n, ")");
		if (case_add(p, &a, text, &id, &needs, &e) < 0)
			fail_msg("%s", e.text);
	}
	assert_int_equal(rule_program_finish(p, NULL), 0);
	assert_true(rule_program_stats(p).nodes < 10000); /* one a value, one a rule */
}

static void equal_parts_of_many_rules_are_one(void **state)
{
	AUTO(rule_program_free) struct rule_program *p = NULL;
	AUTO_ARENA struct arena a = { .max = 8 << 20 };
	struct rule_needs needs;
	uint64_t before;
	uint32_t id;

	(void)state;
	assert_int_equal(rule_program_new(&p, NULL), 0);
	assert_int_equal(case_add(p, &a, "fd.name in (a, b, c) and (proc.name = x or fd.num = 1)",
				  &id, &needs, NULL),
			 0);
	before = rule_program_stats(p).nodes;
	assert_int_equal(case_add(p, &a, "(fd.num = 1 or proc.name = x) and fd.name in (a, b, c)",
				  &id, &needs, NULL),
			 0);
	assert_int_equal(rule_program_stats(p).nodes, before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_condition_means_what_its_row_says),
		cmocka_unit_test(a_fault_is_placed_and_named),
		cmocka_unit_test(a_rule_is_met_by_the_types_that_can_match_it_alone),
		cmocka_unit_test(the_paths_that_rules_look_at_are_taken_from_their_conditions),
		cmocka_unit_test(a_pattern_that_would_take_for_ever_is_given_up_and_counted),
		cmocka_unit_test(padding_does_not_hide_a_program_from_a_glob),
		cmocka_unit_test(exactly_one_of_many_values_fits),
		cmocka_unit_test(a_value_that_is_known_counts_among_those_of_oneof),
		cmocka_unit_test(many_rules_with_long_lists_of_oneof_stay_small),
		cmocka_unit_test(equal_parts_of_many_rules_are_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
