# SPDX-License-Identifier: GPL-2.0-or-later
"""False alarms of isolation: containers of docker, podman and containerd come, are worked with as
operators and runtimes do, and go, several at once; servers start and serve; a shell does ordinary
things as root. Nothing of kind isolation or mining is told of them at WARNING or worse.

BULKHEAD_CHURN is how many containers docker starts (12; `make soak` has 1000), the others half and
a third of that; BULKHEAD_CHURN_SHOW names a file for all that was told, also below WARNING."""

import collections
import concurrent.futures
import io
import itertools
import json
import os
import tarfile
import threading
import urllib.parse

from baselines_at_work import facts
from events import Serving
from harness import REPO, run, same, wait_until
from rules_at_work import Judged, docker_cli, written
from runtimes import IMAGE, containerd, docker, once, podman
from servers import LOADS, SERVERS, Load, Server, Switch
from session import session

COUNT = int(os.environ.get("BULKHEAD_CHURN", "12"))
SHOW = os.environ.get("BULKHEAD_CHURN_SHOW")
GRAVE = ("emergency", "alert", "critical", "error", "warning")
KINDS = ("isolation", "mining")
CONFIG = f"""\
isolation:
  enabled: true
  interval: 1s
posture:
  enabled: true
tables:
  enabled: true
mining:
  enabled: true
  window: 20s
  pools: [{REPO}/rules/miner-pools.yaml]
"""
AT_WORK = 4  # containers at once
_numbers = itertools.count(1)


# --- the agent, and what it said ------------------------------------------------------------------

def new_agent():
    j = Judged(config=written(CONFIG, "churn.yaml"))
    wait_until(lambda: j.agent.json("/api/v1/status")["sensor"]["mode"] != "off", 15,
               "the kernel sensor is on: what starts from here on is seen from its start")
    return j


@once
def judged():
    return new_agent()


def known(alert, ids):
    """Of one of these containers; or of the host, and it speaks of this run or of what it started.
    Other tests run here."""
    if alert["container"]:
        return alert["container"]["id"] in ids
    text, own = json.dumps(alert), {os.getpid(), docker().process.pid}
    return session.name in text or any(cid in text for cid in ids) or \
        any(p.get("pid") in own for p in (alert.get("process") or {}).get("ancestors", ()))


class Watch:
    """What is said of the containers that are started in a `with` block."""

    def __init__(self, what, of=None):
        self.what, self.ids, self.of = what, set(), of

    def __enter__(self):
        self.of = self.of or judged()
        self.since = self.of.mark()
        return self

    def __exit__(self, kind, *why):
        if kind is None:
            self.seen_to_the_end()
        told = self.told()
        if SHOW:
            self.show(told)
        grave = [(a["rule"], a["severity"], a["title"], facts(a), a.get("process")) for a in told
                 if a["severity"] in GRAVE]
        assert not grave, f"{self.what}: {len(grave)} false alarms: {grave[:5]}"

    def told(self):
        return [a for a in self.of.alerts(self.since)
                if (a["kind"] in KINDS or a["rule"].startswith("table-")) and known(a, self.ids)]

    def show(self, told):
        tally = collections.Counter(
            (a["kind"], a["rule"], a["severity"], a["state"], a["title"]) for a in told)
        with open(SHOW, "a") as f:
            f.write(f"== {self.what}, {len(self.ids)} containers\n")
            f.writelines(f"{n} {' | '.join(key)}\n" for key, n in tally.most_common())
            f.writelines(json.dumps(a) + "\n" for a in told)

    def seen_to_the_end(self):
        """The agent still sees: a break after all this is told, and passes went over the rest."""
        passes = self.of.agent.json("/api/v1/isolation")["passes"]
        with Serving("churn-mark", {"Tmpfs": {"/mem": "rw"}}) as mark:
            mark.call(["/bin/doer", "mknodat", "-100", "s:/mem/disk", "0x6180", "0x700"])
            self.of.wait("device-reached", self.since, mark.id, timeout=20)
        wait_until(lambda: self.of.agent.json("/api/v1/isolation")["passes"] > passes + 2, 30,
                   "passes over all tasks")


def at_once(life, watch, count=COUNT, workers=AT_WORK):
    """`count` lives, some at a time. Each is given its number and tells its id to the watch."""
    lock = threading.Lock()

    def one(number):
        def born(cid):
            with lock:
                watch.ids.add(cid)
            return cid
        life(number, born)
    docker().many(one, range(count), workers)


# --- docker ---------------------------------------------------------------------------------------

PATIENT = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.2; done"]
TIGHT = {"CapDrop": ["ALL"], "SecurityOpt": ["no-new-privileges"], "ReadonlyRootfs": True,
         "Memory": 64 << 20, "PidsLimit": 50}
WAYS = {  # how people run containers; an image each, for posture compares those of one image
    "plain": {},
    "tight": {**TIGHT, "Tmpfs": {"/tmp": "rw"}},
    "init": {"Init": True, "RestartPolicy": {"Name": "always"}},
    "host-network": {"NetworkMode": "host", "Ulimits": [
        {"Name": "nofile", "Soft": 1000, "Hard": 2000}]},
    "open": {"CapAdd": ["SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE", "SYS_CHROOT"],
             "SecurityOpt": ["seccomp=unconfined", "apparmor=unconfined"]},
}
# The machine may lack a capability: such a container starts by the wrapper; nobody can exec in it.
PRIVILEGED = {"Privileged": True, "Runtime": "privileged"}


def image(way):
    query = urllib.parse.urlencode({"repo": f"bhtest/churn-{way}", "tag": "1"})
    docker().api("POST", f"/images/{IMAGE}/tag?{query}")
    return f"bhtest/churn-{way}:1"


def exec_in(cid, *command, **more):
    """docker exec with its options; to its end."""
    d = docker()
    made = d.api("POST", f"/containers/{cid}/exec", {"Cmd": list(command), **more})["Id"]
    d.api("POST", f"/exec/{made}/start", {"Detach": True, "Tty": more.get("Tty", False)})
    return d.exec_done(made)


def packed(name, text):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(text), 0o644
        tar.addfile(entry, io.BytesIO(text))
    return out.getvalue()


def work_with(cid, writable):
    """What an operator does to a running container, each once."""
    d = docker()
    same(exec_in(cid, "true"), 0, "docker exec")
    same(exec_in(cid, "ls", "/", User="worker"), 0, "docker exec -u")
    same(exec_in(cid, "sh", "-c", "cat /proc/self/status >/dev/null", WorkingDir="/tmp",
                 Env=["A=b"]), 0, "docker exec -w")
    same(exec_in(cid, "sh", "-c", "sleep 0.1 & wait", Tty=True, AttachStdin=True), 0,
         "docker exec -it")
    if writable:
        d.api("PUT", f"/containers/{cid}/archive?path=/tmp", packed("in", b"news" * 1000))
    d.api("GET", f"/containers/{cid}/archive?path=/etc/passwd")
    d.api("GET", f"/containers/{cid}/stats?stream=0&one-shot=1")
    d.api("GET", f"/containers/{cid}/top")
    d.api("GET", f"/containers/{cid}/changes")
    d.api("POST", f"/containers/{cid}/update", {"Memory": 200 << 20, "MemorySwap": 400 << 20,
                                                "CpuShares": 512, "PidsLimit": 200})
    for word in ("pause", "unpause"):  # runc gives up freezing on a busy machine
        d.api("POST", f"/containers/{cid}/{word}", ok=(204, 409, 500))
    d.api("POST", f"/containers/{cid}/kill?signal=WINCH")
    d.logs(cid)


def life_in_docker(number, born):
    d, way = docker(), list(WAYS)[number % len(WAYS)]
    cid = born(d.create(f"churn-{way}-{next(_numbers)}", PATIENT, WAYS[way], Image=image(way),
                        Volumes={"/data": {}}, Healthcheck={
                            "Test": ["CMD-SHELL", "cat /etc/passwd >/dev/null"],
                            "Interval": 10 ** 9, "Timeout": 10 ** 10}))
    try:
        d.begin(cid)
        work_with(cid, way != "tight")
        d.api("POST", f"/containers/{cid}/restart?t=2")
        same(exec_in(cid, "sh", "-c", "echo 1 >/data/x"), 0, "docker exec after a restart")
        if number % 2:
            d.api("POST", f"/containers/{cid}/stop?t=2")
            d.api("GET", f"/containers/{cid}/archive?path=/data")
        elif number % 3 == 0:
            d.api("POST", f"/containers/{cid}/kill")
    finally:
        d.remove(cid)


def test_containers_of_docker_come_and_go_without_an_alarm():
    with Watch("docker") as w:
        at_once(life_in_docker, w)


def test_containers_that_share_namespaces_raise_no_alarm():
    """A pod, as people make it by hand: the second has the first one's processes and network."""
    d = docker()
    with Watch("sharing") as w:
        def pair(number, born):
            first = born(d.run(f"churn-first-{next(_numbers)}", PATIENT,
                               {"IpcMode": "shareable"}, Image=image("first")))
            host = {f"{k}Mode": f"container:{first}" for k in ("Pid", "Network", "Ipc")}
            second = born(d.run(f"churn-second-{next(_numbers)}", PATIENT, host,
                                Image=image("second")))
            try:
                for cid in (first, second):
                    same(exec_in(cid, "ls", "/proc"), 0, "docker exec")
                    same(exec_in(cid, "sh", "-c", "cat /proc/[0-9]*/comm; true"), 0,
                         "looks at processes")
            finally:
                d.remove(second)
                d.remove(first)
        at_once(pair, w, max(2, COUNT // 6), 2)


def test_the_command_line_of_docker_raises_no_alarm():
    """Its client attaches, copies by streams and waits; the daemon alone was asked above."""
    folder = session.temp("churn")
    with open(f"{folder}/file", "w") as f:
        f.write("news\n")
    with Watch("docker's client") as w:
        name = f"churn-cli-{next(_numbers)}"
        run(*docker_cli("run", "--rm", "--network", "none", image("cli"), "sh", "-c", "ls /proc"))
        cid = run(*docker_cli("run", "-d", "--name", name, "--network", "none", "-v",
                              f"{folder}:/mine", image("cli"), *PATIENT)).stdout.strip()
        w.ids.add(cid)
        try:
            for words in (("exec", name, "true"), ("exec", "-u", "1000:1000", name, "true"),
                          ("exec", "-w", "/data", name, "ls"),
                          ("cp", f"{folder}/file", f"{name}:/tmp/f"),
                          ("cp", f"{name}:/tmp/f", f"{folder}/back"), ("top", name),
                          ("stats", "--no-stream", name), ("commit", name, "bhtest/churn-kept:1"),
                          ("export", "-o", f"{folder}/all.tar", name),
                          ("rename", name, f"{name}-b"),
                          ("exec", "-i", f"{name}-b", "sh", "-c", "cat >/mine/by-the-container")):
                run(*docker_cli(*words))
            run(*docker_cli("stop", "-t", "2", cid))
        finally:
            docker().remove(cid)


def test_an_agent_that_starts_while_containers_start_raises_no_alarm():
    """As when a host boots: runtimes are on their way into containers when it looks for the first
    time."""
    d, over, ids = docker(), threading.Event(), set()

    def feed(_):
        while not over.is_set():
            cid = d.run(f"churn-boot-{next(_numbers)}", PATIENT, {}, Image=image("boot"))
            ids.add(cid)
            exec_in(cid, "true")
            d.remove(cid)
    with concurrent.futures.ThreadPoolExecutor(AT_WORK) as pool:
        fed = [pool.submit(feed, n) for n in range(AT_WORK)]
        try:
            for _ in range(min(max(2, COUNT // 6), 20)):
                with new_agent() as j:
                    with Watch("start of the agent", j) as w:
                        w.since, w.ids = 0, ids
        finally:
            over.set()
        for f in fed:
            f.result(60)


# --- podman, containerd ---------------------------------------------------------------------------

def life_in_podman(number, born):
    p, name = podman(), f"churn-{number}-{next(_numbers)}"
    options = ((), ("--read-only", "--cap-drop", "all"), ("--memory", "64m"))[number % 3]
    born(p.run(name, *PATIENT, options=(*options, "--health-cmd", "true", "--health-interval",
                                        "disable")))
    try:
        for words in (("exec", name, "true"), ("exec", "-u", "1000", name, "ls", "/"),
                      ("exec", "-w", "/etc", name, "cat", "passwd"), ("healthcheck", "run", name),
                      ("cp", "/etc/hostname", f"{name}:/tmp/h") if "--read-only" not in options
                      else ("diff", name),
                      ("cp", f"{name}:/etc/passwd", f"{session.temp('pod')}/p"), ("top", name),
                      ("stats", "--no-stream", name), ("kill", "-s", "WINCH", name),
                      ("restart", "-t", "2", name), ("exec", name, "ls"),
                      ("stop", "-t", "2", name)):
            p.podman(*words)
    finally:
        p.remove(name)


def test_containers_of_podman_come_and_go_without_an_alarm():
    podman()
    with Watch("podman") as w:
        at_once(life_in_podman, w, max(4, COUNT // 3), 2)


def life_in_containerd(number, born):
    k, name = containerd(), f"{session.name}-churn-{next(_numbers)}"
    options = ((), ("--read-only",), ("--memory-limit", str(64 << 20)),
               ("--seccomp", "--cap-drop", "CAP_CHOWN"))[number % 4]
    k.run(born(name), *PATIENT, options=options)
    try:
        k.ctr("task", "exec", "--exec-id", "a", name, "true")
        k.ctr("task", "exec", "--exec-id", "b", "--cwd", "/tmp", name, "ls", "/")
        for words in (("pause",), ("resume",), ("metrics",), ("ps",), ("kill", "-s", "SIGWINCH")):
            k.ctr("task", *words, name, check=words[0] not in ("pause", "resume"))
    finally:
        k.remove(name)


def test_containers_of_containerd_come_and_go_without_an_alarm():
    containerd()
    with Watch("containerd") as w:
        at_once(life_in_containerd, w, max(4, COUNT // 2))


# --- honest work ----------------------------------------------------------------------------------

WORK = """\
set -e
groupadd -r app; useradd -r -g app -m -s /bin/sh app
mkdir -p /srv/app/in; chown -R app:app /srv/app; chmod 2750 /srv/app
su app -c 'umask 077; cd; id; echo mine >f; ln -s f l; mv f g; rm l g; mkfifo p; rm p'
su -s /bin/sh www-data -c 'cat /proc/self/status >/dev/null'
setpriv --reuid=app --regid=app --clear-groups true
nice -n 5 sh -c 'i=0; while [ $i -lt 2000 ]; do i=$((i+1)); done'
dd if=/dev/urandom of=/tmp/r bs=64k count=4 2>/dev/null
cp -a /tmp/r /tmp/s; tar -C /tmp -cf /tmp/t r s
for f in /proc/meminfo /proc/mounts /proc/cpuinfo /proc/sys/kernel/core_pattern \\
	/sys/fs/cgroup/*/memory.limit_in_bytes /sys/fs/cgroup/memory.max
do cat $f >/dev/null 2>&1 || :; done
find / -xdev -name '*.conf' >/dev/null; ps ax >/dev/null 2>&1 || :; df >/dev/null 2>&1 || :
sleep 60 & kill $!; chroot / true; userdel app
"""
QUIET_FOR = 5  # seconds of load


def test_servers_and_a_shell_at_work_raise_no_alarm():
    switch = Switch()
    with Watch("servers") as w:
        servers = {name: Server(name, 10 + i, switch) for i, name in enumerate(SERVERS)}
        w.ids |= {s.id for s in servers.values()}
        try:
            for s in servers.values():
                s.ready()
            load = Load(switch, servers, LOADS)
            try:
                for name, s in servers.items():
                    s.does("sh", "-c", WORK)
                    s.does(*SERVERS[name]["job"])
                wait_until(lambda: all(load.done[name] for name in SERVERS), 60, "load on each")
            finally:
                load.end()
            for s in servers.values():
                s.restart()
        finally:
            for s in servers.values():
                docker().remove(s.id)


def test_what_a_privileged_container_is_allowed_is_no_break():
    """It mounts a tmpfs, sets its own network's values, makes namespaces within."""
    with Watch("privileged at work") as w:
        with Serving("churn-strong", PRIVILEGED, Image=image("strong")) as strong:
            w.ids.add(strong.id)
            for words in (("mount", "-t", "tmpfs", "t", "/tmp"), ("umount", "/tmp"),
                          ("hostname", "other"), ("unshare", "-m", "true"),
                          ("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"),
                          ("mount", "-o", "remount,ro", "/tmp"), ("mknod", "/tmp/p", "p")):
                _, status, said = strong.call(("/bin/busybox", *words))
                assert status == 0 or "remount,ro" in words, f"{words}: {status}: {said}"
