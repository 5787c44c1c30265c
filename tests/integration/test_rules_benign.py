# SPDX-License-Identifier: GPL-2.0-or-later
"""False alarms: nginx, redis and postgres under load, and all that an operator does to them on an
ordinary day, give no alert of WARNING or worse by bulkhead's own rules.

BULKHEAD_BENIGN_SECONDS shortens the two minutes of load."""

import collections
import glob
import io
import json
import os
import shutil
import tarfile
import time

from harness import REPO, Skip, need, run, same
from rules_at_work import Judged, docker_cli, stock
from runtimes import docker, root_tar
from servers import SERVERS, Load, Server, Switch, images
from session import read_text, session, start_time

SECONDS = int(os.environ.get("BULKHEAD_BENIGN_SECONDS", "120"))
ROUND = 10  # seconds from one round of an operator's work to the next
GRAVE = ("emergency", "alert", "critical", "error", "warning")
KNOWN = "Package manager run in a container"  # what is done on purpose, to be seen at the end


# --- an operator's ordinary day -------------------------------------------------------------------

def care_for_nginx(nginx, number):
    nginx.does("nginx", "-t", "-q")
    nginx.does("nginx", "-s", "reload")
    nginx.does("logrotate", "-f", "/etc/logrotate.d/nginx")
    page, out = f"news of round {number}".encode() * 100, io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        entry = tarfile.TarInfo("news.html")
        entry.size = len(page)
        tar.addfile(entry, io.BytesIO(page))
    docker().api("PUT", f"/containers/{nginx.id}/archive?path=/usr/share/nginx/html",
                 out.getvalue())
    nginx.does("sh", "-c", "mv /var/log/nginx/access.log /var/log/nginx/access.old && "
                           "nginx -s reopen && gzip -f /var/log/nginx/access.old")


def care_for_redis(redis, number):
    redis.does("redis-cli", "config", "set", "maxmemory", "200mb")
    run(*docker_cli("exec", redis.id, "redis-cli", ("bgsave", "bgrewriteaof")[number % 2]),
        check=False)  # it may be at that already
    redis.does("redis-cli", "--scan", "--pattern", "key:00000000001*")
    redis.does("redis-cli", "info", "memory")


def care_for_postgres(postgres, number):
    keep = "/var/lib/postgresql/backups"
    postgres.does("mkdir", "-p", keep, user="postgres")
    postgres.does("psql", "-qc", "CHECKPOINT", "shop", user="postgres")
    postgres.does("psql", "-qc", "VACUUM ANALYZE", "shop", user="postgres")
    postgres.does("pg_dump", "-Fc", "-f", f"{keep}/shop-{number % 2}.dump", "shop",
                  user="postgres")
    postgres.does("pg_basebackup", "-c", "fast", "-D", f"{keep}/base-{number}", user="postgres")
    postgres.does("rm", "-rf", f"{keep}/base-{number}", user="postgres")
    postgres.does("sh", "-c", "find /var/lib/postgresql/archive -type f -mmin +0 -delete",
                  user="postgres")


def short_jobs(number):
    """Containers that come, do their work and go; an image that is loaded and removed."""
    for name, s in SERVERS.items():
        cid = docker().run(f"benign-{name}-job-{number}", s["job"], Image=images()[name],
                           **s["config"])
        code = docker().api("POST", f"/containers/{cid}/wait")["StatusCode"]
        same(code, 0, f"exit of {s['job']}: {docker().logs(cid)[-500:]!r}")
        docker().remove(cid)
    docker().api("POST", "/images/create?fromSrc=-&repo=bhtest/passing&tag=1", root_tar())
    docker().api("DELETE", "/images/bhtest/passing:1")


def look_around(servers):
    for s in servers.values():
        run(*docker_cli("top", s.id))
        run(*docker_cli("stats", "--no-stream", s.id))
        docker().logs(s.id)
        s.does("sh", "-c", "df /; cat /proc/meminfo /proc/1/status; ls -la / /tmp")
        for word in ("pause", "unpause"):  # a freezer of cgroup v1 may fail under load
            run(*docker_cli(word, s.id), check=False)


def work(servers, seconds):
    """An operator's rounds until the time is over; returns their number."""
    end, number = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        begin = time.monotonic()
        care_for_nginx(servers["nginx"], number)
        care_for_redis(servers["redis"], number)
        care_for_postgres(servers["postgres"], number)
        short_jobs(number)
        look_around(servers)
        list(servers.values())[number % len(servers)].restart()
        number += 1
        time.sleep(max(0, min(begin + ROUND, end) - time.monotonic()))  # load alone
    return number


# --- what came of it ------------------------------------------------------------------------------

def others_at_work():
    """Another run of these tests on this machine does evil on purpose, on the host too."""
    for path in glob.glob(f"{os.path.dirname(session.folder)}/bhtest-*/owner.json"):
        owner = json.loads(read_text(path, "{}") or "{}")
        if owner.get("pid") not in (None, os.getpid()) and \
                start_time(owner["pid"]) == owner["start"]:
            return True
    return False


def cpu_seconds(agent):
    ticks = 0
    for pid in (agent.pid, agent.serve_pid()):
        fields = read_text(f"/proc/{pid}/stat", "").rpartition(")")[2].split()
        ticks += sum(map(int, fields[11:13])) if fields else 0
    return ticks / os.sysconf("SC_CLK_TCK")


def ours(alerts, alone):
    """Alerts of rules about our containers, and about the host where nobody else is at work."""
    def is_ours(container):
        return container["id"] in docker().made if container else alone
    return [a for a in alerts if a["kind"] == "rule" and is_ours(a["container"])]


def show(title, alerts):
    """Prints which rules fired how often, and an example of each."""
    count, sample = collections.Counter(), {}
    for a in alerts:
        count[a["rule"]] += 1
        sample.setdefault(a["rule"], a)
    print(f"   {title}: {len(alerts)} alerts of {len(count)} rules")
    for rule, n in count.most_common():
        a = sample[rule]
        print(f"     {n:5} {a['severity']:9} {rule}\n"
              f"           {(a['container'] or {}).get('name', 'host')}: {a['title'][:300]}")


LOSSES = [("bulkhead_sensor_dropped_total", {"reason": r})
          for r in ("full", "shed", "nested", "flood")] + [
    (f"bulkhead_{name}_total", {}) for name in (
        "sensor_damaged", "rules_hits_refused", "rules_loads_refused", "rules_values_refused",
        "rules_pattern_limits", "alerts_log_lost")]


def losses(m):
    """What never came to the rules, or from them: metric with its labels -> number."""
    return {f"{name}{list(labels.values())}": n for name, labels in LOSSES
            for n in [m.total(name, **labels)] if n}


def stock_judge():
    """The stock rules of the Falco project over the same load: for the record, if they are here."""
    try:
        return Judged(stock("falco_rules.yaml"))
    except Skip as why:
        print(f"   not compared: {why}")
        return None


def the_known_one(judge, server):
    """What is done on purpose, last, is told: so what came before it would have been."""
    since = judge.mark()
    server.does("apt-get", "--version")
    judge.wait(KNOWN, since, server.id)
    return since


def test_servers_under_load_give_no_false_alarm():
    need("wrk", "redis-benchmark", "pgbench", "docker")
    images()
    alone = not others_at_work()
    rules = shutil.copytree(f"{REPO}/rules", f"{session.temp('benign')}/rules")
    switch, servers, judge, other = Switch(), {}, Judged(rules), stock_judge()
    try:
        assert KNOWN in judge.rules()[0], judge.agent.tail()
        begin, used = time.monotonic(), cpu_seconds(judge.agent)
        for number, name in enumerate(SERVERS, 2):
            servers[name] = Server(name, number, switch)
        for s in servers.values():
            s.ready()
        load = Load(switch, servers)
        try:
            rounds = work(servers, SECONDS)
        finally:
            load.end()
        took, used = time.monotonic() - begin, cpu_seconds(judge.agent) - used
        until = the_known_one(judge, servers["nginx"])
        alone = alone and not others_at_work()
        m = judge.agent.metrics()
        print(f"   {took:.0f} s, {rounds} rounds, answers {dict(load.done)}, "
              f"{m.total('bulkhead_rules_events_total'):.0f} events given to rules, agent "
              f"{used / took:.2%} of a core"
              + ("" if alone else "; another run is at work: the host does not count"))
        found = ours(judge.alerts()[:until], alone)
        show("bulkhead's own rules", found)
        if other:
            show("stock rules, for comparison", ours(other.alerts(), alone))
        low = [n for n in SERVERS if load.done[n] < 50 * SECONDS]
        same(low, [], f"servers with hardly any load, {dict(load.done)}")
        same(losses(m), {}, "losses")
        wrong = [(a["rule"], a["title"]) for a in found if a["severity"] in GRAVE]
        same(wrong[:10], [], f"false alarms ({len(wrong)})")
    finally:
        for s in servers.values():
            docker().remove(s.id)
        switch.close()
        for j in (judge, other):
            if j:
                j.close()
