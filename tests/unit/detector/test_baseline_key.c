// SPDX-License-Identifier: GPL-2.0-or-later
/* Names of images and commands of containers as they are in the wild. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "detector/baseline_key.h"
#include "detector/interpreter.h"

#define ID "sha256:4b3bf79bbcf1a67024909c513f6f867590893fcea94ca2a179f47423d1377ad0"

struct pair {
	const char *given, *expected;
};

static void expect_repository(const struct pair *rows, size_t n)
{
	char out[BASELINE_NAME_BYTES];

	for (size_t i = 0; i < n; i++) {
		baseline_repository(span_str(rows[i].given), SPAN_LIT(ID), out);
		if (strcmp(out, rows[i].expected) != 0)
			fail_msg("'%s' is '%s', not '%s'", rows[i].given, out, rows[i].expected);
	}
}

static void expect_entry(const struct pair *rows, size_t n)
{
	char out[BASELINE_CLASS_BYTES];

	for (size_t i = 0; i < n; i++) {
		baseline_entry(span_str(rows[i].given), out);
		if (strcmp(out, rows[i].expected) != 0)
			fail_msg("'%s' is '%s', not '%s'", rows[i].given, out, rows[i].expected);
	}
}
#define LIST(...)                                                                                  \
	(const struct pair[]){ __VA_ARGS__ },                                                      \
		sizeof((const struct pair[]){ __VA_ARGS__ }) / sizeof(struct pair)

static void names_of_one_repository_are_one_name(void **state)
{
	(void)state;
	expect_repository(LIST(
		{ "nginx", "docker.io/library/nginx" }, { "nginx:1.25", "docker.io/library/nginx" },
		{ "library/nginx:1.25-alpine", "docker.io/library/nginx" },
		{ "docker.io/nginx", "docker.io/library/nginx" },
		{ "docker.io/library/nginx@" ID, "docker.io/library/nginx" },
		{ "docker.io/library/nginx:1.25@" ID, "docker.io/library/nginx" },
		{ "index.docker.io/library/nginx", "docker.io/library/nginx" },
		{ "registry-1.docker.io/library/nginx:1", "docker.io/library/nginx" },
		{ "registry-1.docker.io:443/nginx:1", "docker.io/library/nginx" },
		{ "Mirror.GCR.io/library/nginx", "docker.io/library/nginx" },
		{ "mirror.gcr.io/grafana/grafana", "docker.io/grafana/grafana" },
		{ "public.ecr.aws/docker/library/nginx:1", "docker.io/library/nginx" },
		{ "docker.m.daocloud.io/library/nginx", "docker.io/library/nginx" },
		{ "bitnami/redis:7.2", "docker.io/bitnami/redis" },
		{ "grafana/grafana:10.4.2", "docker.io/grafana/grafana" }));
}

static void names_of_other_registries_stay(void **state)
{
	(void)state;
	expect_repository(LIST(
		{ "quay.io/prometheus/prometheus:v2.51.0", "quay.io/prometheus/prometheus" },
		{ "registry.k8s.io/pause:3.9", "registry.k8s.io/pause" },
		{ "k8s.gcr.io/coredns/coredns:v1.8.6", "registry.k8s.io/coredns/coredns" },
		{ "ghcr.io/org/app/web@" ID, "ghcr.io/org/app/web" },
		{ "gcr.io/distroless/base-debian12", "gcr.io/distroless/base-debian12" },
		{ "public.ecr.aws/nginx/nginx:1", "public.ecr.aws/nginx/nginx" },
		{ "localhost/bh/pod:2", "localhost/bh/pod" },
		{ "localhost:5000/app:dev", "localhost:5000/app" },
		{ "registry.example.com:5000/team/app:1.2", "registry.example.com:5000/team/app" },
		{ "10.0.0.1:5000/app", "10.0.0.1:5000/app" },
		{ "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app:1",
		  "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app" },
		{ "mcr.microsoft.com/mssql/server:2022-latest",
		  "mcr.microsoft.com/mssql/server" }));
}

static void an_image_without_a_name_is_its_id(void **state)
{
	char out[BASELINE_NAME_BYTES];

	(void)state;
	expect_repository(LIST({ "", ID }, { ID, ID }, { "4b3bf79bbcf1", ID }, { "4b3b", ID },
			       { "4b3c", "docker.io/library/4b3c" },
			       { "cafe:1", "docker.io/library/cafe" }));
	baseline_repository(SPAN_LIT("sha256:ab"), SPAN_LIT(""), out);
	assert_string_equal(out, "sha256:ab");
	baseline_repository(SPAN_LIT(""), SPAN_LIT(""), out);
	assert_string_equal(out, "");
}

static void hostile_names_stay_one_short_line_and_apart(void **state)
{
	char a[BASELINE_NAME_BYTES], b[BASELINE_NAME_BYTES], name[3000];

	(void)state;
	expect_repository(LIST({ "a\nb\x01 c", "docker.io/library/a_b__c" }, { "/", "docker.io//" },
			       { ":", "docker.io/library/" }, { "@", "docker.io/library/" }));
	for (size_t n = 200; n < sizeof(name); n += 7) {
		memset(name, 'x', sizeof(name));
		name[n - 1] = '1';
		baseline_repository((struct span){ name, n }, SPAN_LIT(ID), a);
		name[n - 1] = '2';
		baseline_repository((struct span){ name, n }, SPAN_LIT(ID), b);
		assert_string_not_equal(a, b);
		name[3] = '.';
		name[n / 2] = '/';
		baseline_repository((struct span){ name, n }, SPAN_LIT(ID), a);
		name[n - 1] = '1';
		baseline_repository((struct span){ name, n }, SPAN_LIT(ID), b);
		assert_string_not_equal(a, b);
	}
}

static void an_entry_is_the_program_that_counts(void **state)
{
	(void)state;
	expect_entry(LIST(
		{ "sleep 3600", "sleep" }, { "nginx -g daemon off;", "nginx" },
		{ "/docker-entrypoint.sh nginx -g daemon off;", "nginx" },
		{ "docker-entrypoint.sh postgres", "postgres" },
		{ "docker-entrypoint.sh postgres -c max_connections=200", "postgres" },
		{ "docker-entrypoint.sh redis-server --save 60 1", "redis-server" },
		{ "docker-entrypoint.sh mongod --bind_ip_all", "mongod" },
		{ "docker-entrypoint.sh mysqld", "mysqld" },
		{ "docker-php-entrypoint apache2-foreground", "apache2-foreground" },
		{ "/docker-entrypoint.sh", "docker-entrypoint.sh" },
		{ "/entrypoint.sh --port 80", "entrypoint.sh" },
		{ "tini -- redis-server", "redis-server" },
		{ "/sbin/tini -s -g -- /usr/local/bin/app serve", "app" },
		{ "/usr/bin/dumb-init --rewrite 15:3 -- node server.js", "node server.js" },
		{ "/usr/bin/tini -- /usr/local/bin/docker-entrypoint.sh eswrapper", "eswrapper" },
		{ "env A=b C= /opt/app/run", "run" },
		{ "/usr/bin/env -u X python3 a.py", "python a.py" },
		{ "gosu postgres postgres -D /data", "postgres" },
		{ "su-exec 1000:1000 /minio server /data", "minio" },
		{ "timeout -k 5 30 curl http://x", "curl" }, { "nice -n 10 worker", "worker" },
		{ "wait-for-it.sh db:5432 -t 30 -- gunicorn app:app", "gunicorn" },
		{ "minio server /data --console-address :9001", "minio" },
		{ "/bin/prometheus --config.file=/etc/prometheus/prometheus.yml", "prometheus" },
		{ "/coredns -conf /etc/coredns/Corefile", "coredns" }, { "/pause", "pause" },
		{ "supervisord -c /etc/supervisor.conf", "supervisord" }, { "/init", "init" },
		{ "", "" }, { "   ", "" }));
}

static void an_entry_of_an_interpreter_has_its_script(void **state)
{
	(void)state;
	expect_entry(LIST(
		{ "python3 app.py --port 80", "python app.py" },
		{ "python3.11 -u /srv/app.py", "python app.py" },
		{ "/usr/bin/python3 -X dev -W ignore main.py 7", "python main.py" },
		{ "python -m http.server 8000", "python -m http.server" },
		{ "python -c import time; time.sleep(9)", "python -c" }, { "python3", "python" },
		{ "node server.js", "node server.js" },
		{ "node --max-old-space-size=512 -r dotenv/config dist/main.js", "node main.js" },
		{ "docker-entrypoint.sh node /app/index.js", "node index.js" },
		{ "java -Xmx1g -jar /app/service.jar", "java service.jar" },
		{ "java -jar app-1.4.2-SNAPSHOT.jar --x", "java app-*.jar" },
		{ "java -cp /app/libs/*:/app com.acme.Main", "java com.acme.Main" },
		{ "java -Dx=y @args com.acme.Main 1", "java @args" },
		{ "ruby -I lib bin/server.rb", "ruby server.rb" },
		{ "perl5.36.0 /usr/bin/run.pl", "perl run.pl" }, { "php -S 0.0.0.0:80", "php" },
		{ "php -f a.php", "php a.php" }, { "php-fpm --nodaemonize", "php-fpm" },
		{ "dotnet Shop.Api.dll", "dotnet Shop.Api.dll" },
		{ "bash /start_2.sh", "bash start_*.sh" }, { "bash", "bash" }, { "/bin/sh", "sh" },
		{ "bash -l", "bash" }, { "/app/start.sh worker --n 4", "start.sh worker" },
		{ "/app/start.sh 8080", "start.sh" }, { "busybox httpd -f", "busybox httpd" },
		{ "npm start", "npm start" }, { "npm run start:prod", "npm start:prod" },
		{ "yarn --cwd x serve", "yarn x" },
		{ "bundle exec puma -C config/puma.rb", "puma" },
		{ "poetry run uvicorn app:app", "uvicorn" }));
}

static void a_shells_text_is_looked_through(void **state)
{
	(void)state;
	expect_entry(LIST(
		{ "/bin/sh -c 'exec gunicorn app:app'", "gunicorn" },
		{ "/bin/sh -c exec gunicorn app:app", "gunicorn" },
		{ "sh -c python manage.py migrate && exec gunicorn app", "python manage.py" },
		{ "bash -ec cd /app && PORT=80 exec node server.js", "node server.js" },
		{ "bash -eo pipefail -c \"set -e; export A=b; java -jar /x.jar\"", "java x.jar" },
		{ "sh -c sleep 3600", "sh -c" }, { "sh -c", "sh" },
		{ "sh -c 'while true; do wget http://a; sleep 5; done'", "wget" },
		{ "sh -c 'if [ -f x ]; then echo; fi; tini -- redis-server'", "redis-server" },
		{ "sh -c 'sh -c \"sh -c nginx\"'", "nginx" },
		{ "sh -c sh -c sh -c sh -c sh -c sh -c sh -c sh -c sh -c sh -c x", "sh" }));
}

static void hostile_commands_end_and_stay_short(void **state)
{
	char out[BASELINE_CLASS_BYTES], text[8192];
	static const char pieces[][12] = { "sh ",   "-c ",	"tini ",    "-- ",	 "'",
					   "\"",    "env ",	"A=b ",	    "; ",	 "&& ",
					   "java ", "-jar ",	"\xc3\xa9", "\x01\n",	 "/",
					   "- ",    "busybox ", "7 ",	    "-1.2.jar ", ".. ",
					   "exec ", "python3 ", "-m " };
	uint32_t seed = 7;

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		size_t n = 0;

		for (unsigned k = 0; k < 12; k++) {
			seed = seed * 1664525 + 1013904223;
			const char *piece =
				pieces[(seed >> 16) % (sizeof(pieces) / sizeof(pieces[0]))];

			memcpy(text + n, piece, strlen(piece));
			n += strlen(piece);
		}
		memset(out, 'x', sizeof(out));
		baseline_entry((struct span){ text, n }, out);
		assert_non_null(memchr(out, '\0', sizeof(out)));
		for (const char *c = out; *c; c++)
			assert_true((unsigned char)*c >= ' ' && *c != '/');
	}
	memset(text, 'y', sizeof(text));
	baseline_entry((struct span){ text, sizeof(text) }, out);
	assert_int_equal(strlen(out), BASELINE_CLASS_BYTES - 1);
	memset(text, '\xc3', sizeof(text));
	baseline_entry((struct span){ text, sizeof(text) }, out);
	assert_true(strlen(out) < BASELINE_CLASS_BYTES);
}

int main(void)
{
	const struct CMUnitTest baseline_key[] = {
		cmocka_unit_test(names_of_one_repository_are_one_name),
		cmocka_unit_test(names_of_other_registries_stay),
		cmocka_unit_test(an_image_without_a_name_is_its_id),
		cmocka_unit_test(hostile_names_stay_one_short_line_and_apart),
		cmocka_unit_test(an_entry_is_the_program_that_counts),
		cmocka_unit_test(an_entry_of_an_interpreter_has_its_script),
		cmocka_unit_test(a_shells_text_is_looked_through),
		cmocka_unit_test(hostile_commands_end_and_stay_short),
	};

	return cmocka_run_group_tests(baseline_key, NULL, NULL);
}
