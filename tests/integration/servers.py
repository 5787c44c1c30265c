# SPDX-License-Identifier: GPL-2.0-or-later
"""Servers of Debian in containers, run as their official images run them: entry scripts that
prepare, then change the user and become the server. Clients reach them over a bridge of the run."""

import collections
import concurrent.futures
import itertools
import json
import os
import re
import threading
import time

from harness import Skip, Timeout, run, wait_until
from images import debian_image
from rules_at_work import docker_cli
from runtimes import docker, once
from session import session

SLICE = 5  # seconds of load at a time: servers are restarted in between

# --- images ---------------------------------------------------------------------------------------

NGINX_CONF = """\
user www-data;
worker_processes 2;
pid /run/nginx.pid;
error_log /dev/stderr notice;
include /etc/nginx/modules-enabled/*.conf;
events { worker_connections 512; }
http {
	include mime.types;
	sendfile on;
	gzip on;
	access_log /var/log/nginx/access.log;
	proxy_cache_path /var/cache/nginx levels=1:2 keys_zone=pages:1m max_size=4m inactive=5s;
	include /etc/nginx/conf.d/*.conf;
}
"""
NGINX_SITE = """\
server {
	listen 80;
	root /usr/share/nginx/html;
	location /back/ {
		proxy_pass http://127.0.0.1:8080/;
		proxy_cache pages;
		proxy_cache_valid 200 1s;
	}
}
server {
	listen 127.0.0.1:8080;
	root /usr/share/nginx/html;
}
"""
NGINX_START = """\
#!/bin/sh
set -e
sed -i 's/listen 80;/listen 80 backlog=128;/' /etc/nginx/conf.d/default.conf
exec "$@"
"""
ROTATE = """\
/var/log/nginx/*.log {
	rotate 2
	compress
	create 0640 www-data adm
	sharedscripts
	postrotate
		kill -USR1 "$(cat /run/nginx.pid)"
	endscript
}
"""
REDIS_START = """\
#!/bin/sh
set -e
if [ "$(id -u)" = 0 ]; then
	find . \\! -user redis -exec chown redis '{}' +
	exec gosu redis "$0" "$@"
fi
umask 0077
exec "$@"
"""
POSTGRES_START = """\
#!/bin/bash
set -e
if [ "$(id -u)" = 0 ]; then
	mkdir -p "$PGDATA" /var/run/postgresql /var/lib/postgresql/archive
	find "$PGDATA" /var/run/postgresql /var/lib/postgresql \\! -user postgres \\
		-exec chown postgres '{}' +
	chmod 700 "$PGDATA"
	exec gosu postgres "$BASH_SOURCE" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
	initdb --username=postgres --auth-local=trust --auth-host=scram-sha-256 \\
		--pwfile=<(printf '%s\\n' "$POSTGRES_PASSWORD")
	pg_ctl -D "$PGDATA" -o "-c listen_addresses=''" -w start
	psql -v ON_ERROR_STOP=1 --no-psqlrc <<<"CREATE DATABASE shop;"
	pg_ctl -D "$PGDATA" -m fast -w stop
	printf '\\nhost all all all scram-sha-256\\n' >>"$PGDATA/pg_hba.conf"
fi
exec "$@"
"""
START = "/usr/local/bin/docker-entrypoint.sh"
PASSWORD = "benign"
PG_BIN = "/usr/lib/postgresql/15/bin"

# name: packages, files, first command, health check, job of a short container
SERVERS = {
    "nginx": {
        "packages": ("nginx-light", "logrotate", "curl"),
        "files": {START: NGINX_START, "/etc/nginx/nginx.conf": NGINX_CONF,
                  "/etc/nginx/conf.d/default.conf": NGINX_SITE,
                  "/etc/logrotate.d/nginx": ROTATE},
        "command": ["nginx", "-g", "daemon off;"],
        "health": ["curl", "-fsS", "-o", "/dev/null", "http://localhost/"],
        "job": ["nginx", "-t"],
        "config": {}},
    "redis": {
        "packages": ("redis-server", "gosu"),
        "files": {START: REDIS_START},
        "command": ["redis-server", "--bind", "0.0.0.0", "--protected-mode", "no",
                    "--appendonly", "yes", "--save", "5 1000"],
        "health": ["redis-cli", "ping"],
        "job": ["redis-server", "--version"],
        "config": {"Volumes": {"/data": {}}, "WorkingDir": "/data"}},
    "postgres": {
        "packages": ("postgresql", "gosu"),
        "files": {START: POSTGRES_START,
                  "/etc/postgresql-common/createcluster.conf": "create_main_cluster = false\n"},
        "command": ["postgres", "-c", "listen_addresses=*", "-c", "archive_mode=on", "-c",
                    "archive_command=cp %p /var/lib/postgresql/archive/%f", "-c",
                    "max_wal_size=64MB", "-c", "checkpoint_timeout=30s", "-c",
                    "log_min_duration_statement=500"],
        "health": ["pg_isready", "-U", "postgres", "-h", "localhost"],
        "job": ["pg_dump", "--version"],
        "config": {"Volumes": {"/var/lib/postgresql/data": {}}, "Env": [
            f"PATH={PG_BIN}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "PGDATA=/var/lib/postgresql/data", "PGUSER=postgres",
            f"POSTGRES_PASSWORD={PASSWORD}"]}},
}


@once
def images():
    """Tags of the three images in the run's own dockerd."""
    tags = {}
    for name, s in SERVERS.items():
        path = debian_image(name, s["packages"], s["files"])
        tags[name] = f"bhtest/{name}:bookworm"
        run(*docker_cli("import", "--change", f"ENTRYPOINT {json.dumps([START])}", path,
                        tags[name]), timeout=600)
    return tags


# --- servers and their network --------------------------------------------------------------------

class Switch:
    """A bridge in a network namespace of the run: its clients are there, containers get a cable."""

    NET = "10.213.78"
    numbers = itertools.count(1)

    def __init__(self):
        self.name, self.cables = f"{session.name}-switch{next(Switch.numbers)}", 0
        session.at_end(self.close)
        run("ip", "netns", "add", self.name)
        made = run("ip", "-n", self.name, "link", "add", "br0", "type", "bridge", check=False)
        if made.returncode != 0:
            raise Skip(f"this kernel makes no bridge: {made.stderr.strip()}")
        run("ip", "-n", self.name, "addr", "add", f"{self.NET}.1/24", "dev", "br0")
        run("ip", "-n", self.name, "link", "set", "br0", "up")

    def plug(self, cid, number):
        """Cables a container's present network namespace; a restart makes a new one."""
        self.cables += 1
        pid, here = str(docker().pid_of(cid)), f"port{self.cables}"
        inside = ("nsenter", "-t", pid, "-n", "ip")
        run("ip", "-n", self.name, "link", "add", here, "type", "veth", "peer", "name", "eth0",
            "netns", pid)
        run("ip", "-n", self.name, "link", "set", here, "master", "br0", "up")
        run(*inside, "addr", "add", f"{self.NET}.{number}/24", "dev", "eth0")
        run(*inside, "link", "set", "eth0", "up")

    def client(self, *argv, timeout=20):
        """Runs a client to its end, which may be an early one: its server may be restarting."""
        return run("nsenter", f"--net=/run/netns/{self.name}", "timeout", "-k", "1", str(timeout),
                   *argv, check=False, env={"PATH": os.environ["PATH"], "PGPASSWORD": PASSWORD})

    def close(self):
        run("ip", "netns", "del", self.name, check=False)


class Server:
    """One of the three, in a container with a health check, as compose files have it."""

    def __init__(self, name, number, switch, host=None, image=None):
        self.name, self.switch, self.number = name, switch, number
        self.address, s = f"{switch.NET}.{number}", SERVERS[name]
        self.id = docker().create(
            f"benign-{name}-{number}", s["command"],
            {"RestartPolicy": {"Name": "always"}, **(host or {})},
            Image=image or images()[name],
            Healthcheck={"Test": ["CMD", *s["health"]], "Interval": 3 * 10 ** 9,
                         "Timeout": 10 ** 10, "Retries": 3}, **s["config"])
        docker().begin(self.id)
        switch.plug(self.id, number)

    def ready(self):
        def well():
            done = docker().exec(self.id, *SERVERS[self.name]["health"])
            return docker().exec_done(done) == 0
        try:
            wait_until(well, 90, f"{self.name} serves", step=0.5)
        except Timeout as why:
            raise AssertionError(f"{why}: {docker().logs(self.id)[-2000:]!r}") from None

    def does(self, *command, user=None):
        """Runs a command in it, to a good end."""
        done = run(*docker_cli("exec", *(("-u", user) if user else ()), self.id, *command),
                   check=False)
        assert done.returncode == 0, \
            f"{self.name}: {command}: exit {done.returncode}: {(done.stdout + done.stderr)[-500:]}"

    def restart(self):
        docker().api("POST", f"/containers/{self.id}/restart?t=30")
        self.switch.plug(self.id, self.number)
        self.ready()


# --- load -----------------------------------------------------------------------------------------

def nginx_load(switch, server):
    done = switch.client("wrk", "-t1", "-c16", f"-d{SLICE}s",
                         f"http://{server.address}/{nginx_load.pages[0]}")
    nginx_load.pages.rotate()
    found = re.search(r"(\d+) requests in", done.stdout)
    return int(found.group(1)) if found else 0


nginx_load.pages = collections.deque(("", "back/", "news.html", "none.html"))
REDIS_TESTS = "set,get,incr,lpush,rpop,sadd,hset,zadd,mset"


def redis_load(switch, server):
    done = switch.client("redis-benchmark", "-h", server.address, "-q", "-c", "10", "-n", "5000",
                         "-r", "10000", "-d", "100", "-t", REDIS_TESTS)
    return 5000 * done.stdout.count("requests per second")


def postgres_load(switch, server):
    at = ("-h", server.address, "-U", "postgres", "shop")
    if server.id not in postgres_load.made and \
            switch.client("pgbench", "-i", "-q", "-s", "2", *at).returncode == 0:
        postgres_load.made.add(server.id)
    done = switch.client("pgbench", "-c", "4", "-T", str(SLICE), "-b", "tpcb-like", "-b",
                         "select-only", *at)
    found = re.search(r"transactions actually processed: (\d+)", done.stdout)
    return int(found.group(1)) if found else 0


postgres_load.made = set()  # whose tables are there
LOADS = {"nginx": nginx_load, "redis": redis_load, "postgres": postgres_load}


class Load:
    """Each server's client, again and again until it is told to end."""

    def __init__(self, switch, servers, loads=LOADS):
        self.over, self.done, self.loads = threading.Event(), collections.Counter(), loads
        self.pool = concurrent.futures.ThreadPoolExecutor(len(servers))
        self.futures = [self.pool.submit(self.feed, switch, s) for s in servers.values()]

    def feed(self, switch, server):
        while not self.over.is_set():
            begin = time.monotonic()
            answers = self.loads[server.name](switch, server)
            self.done[server.name] += answers
            if time.monotonic() - begin < 1:
                self.over.wait(0.5)  # nobody there: it restarts

    def end(self):
        self.over.set()
        for f in self.futures:
            f.result(90)
        self.pool.shutdown()
