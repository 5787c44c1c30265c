# SPDX-License-Identifier: GPL-2.0-or-later
"""Tables of the kernel that all containers share: one container fills each, and it is named while a
neighbour is not. What a user, a file system or a container has of its own is filled for real; what
is the whole host's is not: there the settings say that one percent more than now is too much."""

import contextlib
import os
import subprocess

from alerting import log_lines
from boxes import MIB, Running
from harness import Agent, BUILD, need, run, same, skip, wait_until
from runtimes import docker, once
from session import read_text, session

FILLER = os.path.join(BUILD, "tests/integration/filler")
OURS = "51234:51234"  # a user that nobody else has
OTHERS = "51235:51235"
SOON = {"tables.enabled": "true", "tables.interval": "1s", "sample.process_interval": "1s",
        "sample.disk_interval": "1s", "alerts.window": "0s"}
SELDOM = 100  # percent that nothing here reaches


def number(path, word=0):
    return int(read_text(path).split()[word])


def watcher(**settings):
    docker()
    return Agent({**SOON, **{f"tables.{k}": str(v) for k, v in settings.items()}})


@once
def agent():
    """As it comes, but that it looks each second."""
    return watcher()


class Filler(Running):
    """A container that fills one table, by bind mount of the program."""

    def __init__(self, name, *arguments, host=None, binds=(), user=OURS):
        host = {"Binds": [f"{FILLER}:/bin/filler:ro", *binds], **(host or {})}
        super().__init__(f"tables-{name}", ["filler", *map(str, arguments)], host, User=user)

    def __enter__(self):
        super().__enter__()
        try:
            self.n = docker().ready(self.id, 60)
        except BaseException:
            docker().remove(self.id)
            raise
        return self


def lines(a, table, key=None):
    return [x for x in log_lines(a) if x["rule"] == f"table-{table}"
            and (key is None or x["key"].startswith(key))]


def told(a, table, key=None, state="firing", timeout=45):
    return wait_until(lambda: next((x for x in lines(a, table, key) if x["state"] == state), None),
                      timeout, f"'table-{table}' is {state}")


def facts(line):
    return {f["name"]: f["value"] for f in line["evidence"]}


def named(line, filler, neighbour=None):
    """The filler is the cause, of most of it; the neighbour is not."""
    found = facts(line)
    same((found.get("cause"), found.get("cause_id")), (filler.name, filler.id), f"cause ({found})")
    assert f"container '{filler.name}'" in line["title"], line["title"]
    assert float(found["cause_share"].split()[0]) > 50, found
    assert line["recommend"] and found["limited_by"] and found["capacity"], found
    if neighbour:
        assert neighbour.id not in (found["cause_id"],) and neighbour.name not in line["title"]
    return found


def row(a, table, of=None):
    return next((t for t in a.json("/api/v1/tables")["tables"]
                 if t["table"] == table and (of is None or t.get("of") == of)), None)


@contextlib.contextmanager
def small_disk(*options):
    """A file system of its own, of 64 MiB."""
    need("mkfs.ext4", "losetup", "mount")
    folder = session.temp("tables-disk")
    with open(f"{folder}/image", "wb") as f:
        f.truncate(64 * MIB)
    run("mkfs.ext4", "-q", "-F", *options, f"{folder}/image")
    os.makedirs(f"{folder}/mount")
    if run("mount", "-o", "loop", f"{folder}/image", f"{folder}/mount",
           check=False).returncode != 0:
        skip("no loop device can be mounted here")
    try:
        for name in ("a", "b"):
            os.makedirs(f"{folder}/mount/{name}")
            os.chmod(f"{folder}/mount/{name}", 0o777)
        yield f"{folder}/mount"
    finally:
        run("umount", f"{folder}/mount", check=False)


# --- file systems -------------------------------------------------------------------------------

def test_who_fills_a_disk_is_named_while_its_neighbour_is_not():
    a = agent()
    with small_disk() as disk, \
            Filler("meek", "disk", "/data", 3, binds=[f"{disk}/b:/data"]) as meek, \
            Filler("greedy", "disk", "/data", 97, binds=[f"{disk}/a:/data"]) as greedy:
        line = told(a, "disk", disk)
        found = named(line, greedy, meek)
        same((line["kind"], line["severity"]), ("resource", "critical"), "what it says")
        assert float(found["percent"].split()[0]) >= 95, found
        found = row(a, "disk", disk)
        same((found["level"], found["cause"]["id"]), ("critical", greedy.id), "what the API says")
        assert found["bytes"] and found["used"] > 0.9 * found["capacity"], found
        docker().api("POST", f"/containers/{greedy.id}/kill?signal=USR1")
        told(a, "disk", disk, "resolved", 60)


def test_who_fills_the_inodes_is_named():
    a = agent()
    with small_disk("-N", "1024") as disk, \
            Filler("meek", "inodes", "/data", 5, binds=[f"{disk}/b:/data"]) as meek, \
            Filler("greedy", "inodes", "/data", 90, binds=[f"{disk}/a:/data"]) as greedy:
        line = told(a, "inodes", disk)
        named(line, greedy, meek)
        same(line["severity"], "warning", "severity")
        same([x for x in lines(a, "disk", disk)], [], "alerts of its space")


# --- the whole host's: by settings, so that the machine is not harmed ----------------------------

def test_who_forks_is_named():
    limit = min(number("/proc/sys/kernel/pid_max"), number("/proc/sys/kernel/threads-max"))
    tasks = int(read_text("/proc/loadavg").split()[3].split("/")[1])
    percent = 100 * tasks // limit + 2
    with watcher(warning_percent=percent, critical_percent=SELDOM) as a, \
            Filler("meek", "pids", 3) as meek, \
            Filler("forks", "pids", max(percent * limit // 100 - tasks, 2 * tasks) + 200) as forks:
        found = named(told(a, "pids", "host"), forks, meek)
        assert 2 * int(found["cause_holds"]) > forks.n, found  # it may be told while it forks


def test_who_leaks_descriptors_is_named():
    used, limit = number("/proc/sys/fs/file-nr"), number("/proc/sys/fs/file-nr", 2)
    percent = 100 * used // limit + 1
    wanted = max(percent * limit // 100 - used, 2 * used) + 500
    if wanted > 100_000:
        skip(f"too many open files are allowed here: fs.file-max is {limit}")
    with watcher(warning_percent=percent, critical_percent=SELDOM) as a, \
            Filler("meek", "files", 50) as meek, \
            Filler("leaks", "files", wanted) as leaks:
        found = named(told(a, "open-files", "host"), leaks, meek)
        assert 2 * int(found["cause_holds"]) > leaks.n, found


def test_connections_that_are_tracked_are_told():
    """Traffic stays on loopback: whose it is on the host's own network nothing tells."""
    folder = "/proc/sys/net/netfilter/nf_conntrack"
    if not os.path.exists(f"{folder}_count"):
        skip("this kernel tracks no connections")
    used, limit = number(f"{folder}_count"), number(f"{folder}_max")
    percent = 100 * used // limit + 1
    wanted = percent * limit // 100 - used + 200
    if wanted > 10000:
        skip(f"the table is too large to fill on a quiet machine: {limit}")
    with watcher(warning_percent=percent, critical_percent=SELDOM) as a:
        with Filler("talks", "connections", wanted, host={"NetworkMode": "host"}) as talks:
            if number(f"{folder}_count") < used + wanted / 2:
                skip("connections of loopback are not tracked here")
            line = told(a, "conntrack", "host")
            assert talks.name not in line["title"], line["title"]
            assert facts(line)["limited_by"] == "net.netfilter.nf_conntrack_max", facts(line)


def test_who_holds_terminals_is_named():
    used, limit = number("/proc/sys/kernel/pty/nr"), number("/proc/sys/kernel/pty/max")
    percent = 100 * used // limit + 1
    wanted = max(percent * limit // 100 - used, 2 * used) + 5
    with Filler("terminals", "ptys", wanted) as terminals, \
            watcher(warning_percent=percent, critical_percent=SELDOM) as a:
        if number("/proc/sys/kernel/pty/nr") < used + wanted:
            skip("terminals of a container are not in the host's table here")
        named(told(a, "ptys", "host"), terminals)


# --- each user's --------------------------------------------------------------------------------

FEW = {"Ulimits": [{"Name": "sigpending", "Soft": 30000, "Hard": 30000}]}


def test_who_queues_signals_is_named_while_a_neighbour_of_the_same_user_is_not():
    a = agent()
    with Filler("meek", "signals", 5, host=FEW) as meek, \
            Filler("queues", "signals", 29000, host=FEW) as queues:
        line = told(a, "signals", "uid 51234")
        found = named(line, queues, meek)
        same((line["severity"], found["of"], found["capacity"]), ("critical", "uid 51234", "30000"),
             "what it says")
    told(a, "signals", "uid 51234", "resolved", 240)


def test_timers_count_as_signals():
    a = agent()
    with Filler("timers", "timers", 26000, host=FEW, user=OTHERS) as timers:
        found = named(told(a, "signals", "uid 51235"), timers)
        assert 2 * int(found["cause_holds"]) > 26000, found


def test_who_exhausts_inotify_is_named_while_a_neighbour_of_the_same_user_is_not():
    a = agent()
    limit = number("/proc/sys/user/max_inotify_instances")
    if limit > 20000:
        skip(f"too many instances are allowed here: {limit}")
    with Filler("meek", "inotify", 2) as meek, \
            Filler("watches", "inotify", limit * 96 // 100) as watches:
        line = told(a, "inotify-instances", "uid 51234", timeout=90)
        found = named(line, watches, meek)
        same((line["severity"], found["cause_holds"]), ("critical", str(watches.n)), "what it says")
        same(row(a, "inotify-instances", "uid 51234")["used"], watches.n + 2, "in all")


def test_an_instance_that_many_processes_inherit_is_one():
    a = agent()
    limit = number("/proc/sys/user/max_inotify_instances")
    with Filler("inherits", "inherited", min(limit, 200), user=OTHERS):
        with Filler("other", "inotify", 7, user=OTHERS):
            same(wait_until(lambda: (row(a, "inotify-instances", "uid 51235") or {}).get("used")
                            in (8,), 90, "both are counted"), True, "instances")
    same(lines(a, "inotify-instances", "uid 51235"), [], "alerts")


def test_watches_are_counted():
    limit = number("/proc/sys/user/max_inotify_watches")
    wanted = limit // 100 + 50
    if wanted > 20000:
        skip(f"too many watches are allowed here: {limit}")
    with watcher(warning_percent=1, critical_percent=SELDOM) as a, \
            Filler("tree", "watches", "/tmp", wanted, user=OTHERS) as tree:
        found = named(told(a, "inotify-watches", "uid 51235", timeout=90), tree)
        assert 2 * int(found["cause_holds"]) > wanted, found


# --- nobody who only works ----------------------------------------------------------------------

def test_what_starts_many_processes_and_opens_many_files_is_not_told():
    a = agent()
    tables = {f"table-{x}" for x in ("pids", "open-files", "signals", "inotify-instances",
                                     "inotify-watches", "ptys", "keys")}
    with Filler("forks", "pids", 300) as forks, Filler("opens", "files", 3000) as opens, \
            Filler("sees", "inotify", 20) as sees, Filler("looks", "watches", "/tmp", 300) as looks:
        begin = a.json("/api/v1/tables")["looks"]
        wait_until(lambda: a.json("/api/v1/tables")["looks"] > begin + 10, 60, "ten looks")
        ours = {forks.id, opens.id, sees.id, looks.id}
        same([x["title"] for x in log_lines(a) if x["rule"] in tables
              and facts(x).get("cause_id") in ours], [], "alerts that name them")


# --- what is told of all ------------------------------------------------------------------------

def test_the_api_and_the_metrics_tell_of_each_table():
    a = agent()
    wanted = {"disk", "inodes", "pids", "open-files", "signals", "ptys", "keys", "slab", "dirty",
              "dentries", "mounts", "socket-memory", "ports", "neighbours"}
    with Filler("any", "pids", 1):
        got = wait_until(lambda: wanted <= {t["table"] for t in a.json("/api/v1/tables")["tables"]}
                         and a.json("/api/v1/tables")["tables"], 30, "all tables")
    for t in got:
        assert t["used"] >= 0 and t["level"] in ("calm", "near", "warning", "critical"), t
    m = a.metrics()
    for name in wanted:
        assert m.value("bulkhead_host_table_used", table=name) is not None, name
    same(m.value("bulkhead_host_table_capacity", table="pids"),
         min(number("/proc/sys/kernel/pid_max"), number("/proc/sys/kernel/threads-max")), "pids")
    assert m.value("bulkhead_capacity", table="host_tables") > 0


def test_switched_off_nothing_is_read_and_what_was_told_ends():
    path = f"{session.temp('tables')}/bulkhead.yaml"
    with open(path, "w") as f:
        f.write("tables: {interval: 1s, warning_percent: 1, critical_percent: 100}\n")
    docker()
    with Agent({"sample.process_interval": "1s"}, config=path) as a, Filler("forks", "pids", 400):
        told(a, "pids", "host")
        with open(path, "w") as f:
            f.write("tables: {enabled: false}\n")
        a.process.send_signal(subprocess.signal.SIGHUP)
        told(a, "pids", "host", "resolved", 10)
        same(a.json("/api/v1/tables")["tables"], [], "tables")
