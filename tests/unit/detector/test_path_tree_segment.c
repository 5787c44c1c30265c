// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "detector/path_tree.h"

static void check(struct span name, struct span want)
{
	AUTO_BUF struct buf b;

	buf_init(&b, 1 << 16);
	path_tree_segment(name, &b);
	if (b.len != want.n || (b.len && memcmp(b.data, want.p, b.len) != 0))
		fail_msg("'%.*s' became '%.*s' instead of '%.*s'", (int)name.n, name.p, (int)b.len,
			 b.data, (int)want.n, want.p);
}

/* Each text: "NAME -> WHAT IT BECOMES", or a name that stays as it is. */
static void check_all(const char *const *texts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *arrow = strstr(texts[i], " -> ");
		const size_t len = arrow ? (size_t)(arrow - texts[i]) : strlen(texts[i]);

		check((struct span){ texts[i], len }, span_str(arrow ? arrow + 4 : texts[i]));
	}
}
#define CHECK(...)                                                                                 \
	do {                                                                                       \
		const char *const texts[] = { __VA_ARGS__ };                                       \
		check_all(texts, sizeof(texts) / sizeof(texts[0]));                                \
	} while (0)

static void check_path(const char *path, const char *want)
{
	struct buf b;

	buf_init(&b, 1 << 16);
	path_tree_normalise(span_str(path), &b);
	buf_add_char(&b, '\0');
	assert_string_equal(b.data, want);
	buf_release(&b);
}

static void names_of_programs_libraries_and_versions_stay(void **state)
{
	(void)state;
	CHECK("libc.so.6", "python3.11", "nginx.conf", "lib64", "x86_64-linux-gnu", "libssl.so.1.1",
	      "libglib-2.0.so.0.7400.6", "libLLVM-14.so.1", "libsystemd-shared-252.so",
	      "libQt5Core.so.5", "ld-2.31.so", "perl5.36.0", "gcc-12", "php8.2",
	      "java-17-openjdk-amd64", "nginx-1.22.1", "redis-7.0.15", "sha256sum", "md5sum",
	      "base64", "utf8mb4", "log4j2.xml", "id_ed25519", "ssh_host_rsa4096", "x509v3",
	      "iso8859", "e2fsck", "s3cmd", "libssl3t64.list", "NetworkManager", "MyAppName",
	      "Base64Codec.class", "S3Bucket", "Qt5Core", "template.html", "tmpfiles.d",
	      "temporary", "tmp", "Http2Server", "README.md", "__pycache__", "x.cpython-311.pyc",
	      "x.cpython-311-x86_64-linux-gnu.so", "..data", ".", "..", "", "...", "-", "a.b-c_d",
	      "\xc3\xa4\xc3\xb6\xc3\xbc");
}

static void hexadecimal_words_stay_when_short_or_without_a_digit(void **state)
{
	(void)state;
	CHECK("facade12 -> *", "0badcafe -> *", "deadbeef1 -> *", "DEADBEEF12 -> *",
	      "b7f54b2df7773722d382f4809d65029c -> *",
	      "sha256-0123456789abcdef0123456789abcdef -> sha256-*",
	      "0123456789abcdefg -> 0123456789abcdefg");
	CHECK("deadbeef", "cafe", "face", "cafe123", "feedface.log", "abcdefab", "decade");
}

static void numbers_become_wildcards_where_they_are_no_version(void **state)
{
	(void)state;
	CHECK("1 -> *", "16384 -> *", "nginx-1234.log -> nginx-*.log", "temp-123.rdb -> temp-*.rdb",
	      "temp-7.rdb -> temp-*.rdb", "temp-rewriteaof-7.aof -> temp-rewriteaof-*.aof",
	      "appendonly.aof.2.incr.aof -> appendonly.aof.*.incr.aof", "core.1234 -> core.*",
	      "syslog.1 -> syslog.*", "access.log.12.gz -> access.log.*.gz",
	      "worker-3.sock -> worker-*.sock", "2619_fsm -> *_fsm", "2619.1 -> *", "16400.1 -> *",
	      "db_16384.stat -> db_*.stat", "pgsql_tmp12345.0 -> pgsql_tmp*",
	      "pgsql_tmp27.0 -> pgsql_tmp*", "xlogtemp.27 -> xlogtemp.*",
	      "pg_internal.init.1234 -> pg_internal.init.*", "000000010000000000000001 -> *",
	      "000000010000000000000001.ready -> *.ready", "00000002.history -> *.history",
	      "0000000001 -> *", "go-build1234 -> go-build*", "go-build123456789 -> go-build*",
	      "x.cpython-311.pyc.140234567890 -> x.cpython-311.pyc.*",
	      "dotnet-diagnostic-1-123456-socket -> dotnet-diagnostic-1-*-socket");
	CHECK("hsperfdata_root");
}

static void dates_and_times_become_wildcards(void **state)
{
	(void)state;
	CHECK("app-2026-11-22.log -> app-*.log", "2026-11-22 -> *", "app-2026_11_22 -> app-*",
	      "22-11-2026.txt -> *.txt", "app-20261122.log -> app-*.log",
	      "backup20261122.tar -> backup*.tar", "2026-11-22T10:11:12Z -> *",
	      "2026-11-22T10:11:12.123+01:00.json -> *.json",
	      "20261122T101112Z-dump.sql -> *-dump.sql", "x 10:11:12.log -> x *.log",
	      "..2024_05_01_10_11_12.123456 -> ..*", "logs-2026.11 -> logs-*",
	      "app-2026-11-22-10-11.log.gz -> app-*.log.gz", "dump_2026-13-45.sql -> dump_*.sql",
	      "2026-1 -> *");
}

static void uuids_and_temporary_names_become_wildcards(void **state)
{
	(void)state;
	CHECK("3f2504e0-4f89-11d3-9a0c-0305e82c3301 -> *",
	      "vol-3F2504E0-4F89-11D3-9A0C-0305E82C3301.img -> vol-*.img", "tmp.Xy12ab34 -> tmp.*",
	      "tmp.AbCdEfGhIj -> tmp.*", "tmpk3j2_x9a -> tmp*", "tmpk3j2_x9a.txt -> tmp*.txt",
	      "pip-abc12xyz -> pip-*",
	      "systemd-private-0123456789abcdef0123456789abcdef-nginx.service-Xy12ab -> "
	      "systemd-private-*-nginx.service-*",
	      "ccAbC123.o -> *.o", ".conf.xY3b9Z -> .conf.*", "web-7d9f8b6c5d-x2x4k -> web-*-x2x4k",
	      "sess_k3j4h5g6f7d8s9a0q1w2e3r4t5 -> sess_*");
	CHECK("tmp.service", "tmp.Configuration");
}

static void a_wildcard_in_a_name_is_data_and_many_wildcards_are_one(void **state)
{
	static char longest[4097];

	(void)state;
	CHECK("* -> \\*", "a*b -> a\\*b", "** -> \\*\\*", "a\\b -> a\\\\b", "*-1234 -> \\*-*",
	      "1234-5678 -> *", "1234--5678 -> *--*",
	      "w1234567-x-w1234567-x-w1234567-x-w1234567 -> w*-x-w*-x-w*-x-w*",
	      "1111-x-1111-x-1111-x-1111-x-1111 -> *");
	memset(longest, 'a', 4096);
	check(span_str(longest), span_str("*"));
	longest[256] = '\0';
	check(span_str(longest), span_str("*"));
	longest[255] = '\0';
	check(span_str(longest), span_str(longest));
}

static void any_bytes_end_in_no_more_bytes(void **state)
{
	static const char set[] = "019afzAFZtmp._-:T*\\/ \x80\xff";
	uint32_t x = 1;

	(void)state;
	for (unsigned round = 0; round < 200000; round++) {
		char *name = malloc(16); /* exact sizes: sanitizers see one byte too far */
		size_t n = 0;
		struct buf once;

		for (; n < 16; n++) {
			x = x * 1664525 + 1013904223;
			if (x >> 28 == 0)
				break;
			name[n] = set[(x >> 8) % (sizeof(set) - 1)];
		}
		name = n ? realloc(name, n) : name;
		buf_init(&once, 1 << 12);
		path_tree_segment((struct span){ name, n }, &once);
		assert_true(once.len <= 2 * n);
		assert_true(n == 0 || once.len > 0);
		buf_release(&once);
		free(name);
	}
}

static void paths_of_real_programs_are_normalised(void **state)
{
	(void)state;
	check_path("/tmp/tmp.Xy12ab34/x", "/tmp/tmp.*/x");
	check_path("/var/lib/postgresql/15/main/base/16384/2619",
		   "/var/lib/postgresql/*/main/base/*/*");
	check_path("/var/lib/postgresql/15/main/pg_wal/000000010000000000000001",
		   "/var/lib/postgresql/*/main/pg_wal/*");
	check_path("/var/cache/nginx/proxy/c/29/b7f54b2df7773722d382f4809d65029c",
		   "/var/cache/nginx/proxy/c/*/*");
	check_path("/proc/1234/fd/3", "/proc/*/fd/*");
	check_path("/etc/config/..2024_05_01_10_11_12.123456/app.conf", "/etc/config/..*/app.conf");
	check_path("/run//x/", "/run//x/");
	check_path("relative", "relative");
	check_path("", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_programs_libraries_and_versions_stay),
		cmocka_unit_test(hexadecimal_words_stay_when_short_or_without_a_digit),
		cmocka_unit_test(numbers_become_wildcards_where_they_are_no_version),
		cmocka_unit_test(dates_and_times_become_wildcards),
		cmocka_unit_test(uuids_and_temporary_names_become_wildcards),
		cmocka_unit_test(a_wildcard_in_a_name_is_data_and_many_wildcards_are_one),
		cmocka_unit_test(any_bytes_end_in_no_more_bytes),
		cmocka_unit_test(paths_of_real_programs_are_normalised),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
