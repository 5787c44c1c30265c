# SPDX-License-Identifier: GPL-2.0-or-later
"""False alarms of baselines: nginx, redis and postgres under load are learned; the same work with
other seeds, in new containers, over restarts and at three times the scale then deviates from
nothing. And their system calls as seccomp profiles: they work under these, and nothing more does.

BULKHEAD_BASELINE_SECONDS lengthens the minute of watching, and the time of learning with it: a
baseline cannot know from a minute what comes once in ten."""

import json
import os
import random
import re
import time

from baselines_at_work import Learning, facts
from harness import need, run, same, wait_until
from rules_at_work import docker_cli
from runtimes import docker, once
from servers import REDIS_TESTS, SERVERS, SLICE, Load, Server, Switch, images
from session import session

SECONDS = int(os.environ.get("BULKHEAD_BASELINE_SECONDS", "60"))
SCALE = 3
GRAVE = ("emergency", "alert", "critical", "error", "warning", "notice")
RESOURCES = ("resource-burst", "resource-anomaly")
# Windows of a second instead of a minute. Learned is what shows at most one new entry in as many
# windows as are watched then, or in a hundred, which is the default; two containers, and a start-up
# that has time for initdb.
SETTINGS = {"baseline.startup": "20s", "baseline.windows_without_news": f"{min(SECONDS, 100)}",
            "baseline.minimum_containers": "2", "baseline.minimum_time": f"{SECONDS // 2}s",
            "baseline.upgrade_time": "20s"}


# --- load -----------------------------------------------------------------------------------------

def loads(scale, seed):
    """Clients of the three, each slice with other numbers."""
    chance, made = random.Random(seed), set()

    def nginx(switch, server):
        page = chance.choice(("", "back/", "index.html", "none.html"))
        done = switch.client("wrk", "-t1", f"-c{16 * scale}", f"-d{SLICE}s",
                             f"http://{server.address}/{page}")
        found = re.search(r"(\d+) requests in", done.stdout)
        return int(found.group(1)) if found else 0

    def redis(switch, server):  # its seed is the time
        done = switch.client("redis-benchmark", "-h", server.address, "-q", "-c", str(10 * scale),
                             "-n", str(5000 * scale), "-r", str(10000 * scale), "-d", "100", "-t",
                             REDIS_TESTS)
        return 5000 * scale * done.stdout.count("requests per second")

    def postgres(switch, server):
        at = ("-h", server.address, "-U", "postgres", "shop")
        if server.id not in made and \
                switch.client("pgbench", "-i", "-q", "-s", str(2 * scale), *at).returncode == 0:
            made.add(server.id)
        done = switch.client("pgbench", "-c", str(4 * scale), "-T", str(SLICE), "-b", "tpcb-like",
                             "-b", "select-only", f"--random-seed={chance.randrange(1 << 30)}", *at)
        found = re.search(r"transactions actually processed: (\d+)", done.stdout)
        return int(found.group(1)) if found else 0
    return {"nginx": nginx, "redis": redis, "postgres": postgres}


# --- the world ------------------------------------------------------------------------------------

def own(name):
    """The repository of an image that no other run on this machine has containers of."""
    return f"{session.name}/{name}"


class World:
    """An agent, a switch, and one container of each server at a time."""

    def __init__(self):
        need("wrk", "redis-benchmark", "pgbench", "docker")
        for name, tag in images().items():
            docker().api("POST", f"/images/{tag}/tag?repo={own(name)}&tag=1", ok=(201,))
        self.agent, self.switch = Learning(**SETTINGS), Switch()
        self.servers, self.number, self.done, self.learned_in = {}, 1, {}, {}
        session.at_file_end(self.close)
        begin = time.monotonic()
        for seed in (1, 2):  # two containers of each, restarted in between
            self.deploy()
            self.work(loads(1, seed), 1, 20)
        load = Load(self.switch, self.servers, loads(1, 3))
        try:
            for name in SERVERS:
                self.agent.until_mode(own(name), "detect", 240 + 2 * SECONDS)
                self.learned_in[name] = time.monotonic() - begin
        finally:
            load.end()

    def deploy(self, host=lambda name: {}):
        """New containers in place of those that are there, each with a fresh volume."""
        for name in SERVERS:
            if name in self.servers:
                docker().remove(self.servers.pop(name).id)
            self.number += 1
            self.servers[name] = Server(name, self.number, self.switch, host(name),
                                        f"{own(name)}:1")
        for s in self.servers.values():
            s.ready()

    def work(self, clients, restarts, seconds):
        """Load for so long, with restarts of each server spread over it."""
        load = Load(self.switch, self.servers, clients)
        try:
            for _ in range(restarts):
                time.sleep(seconds / (restarts + 1))
                for s in self.servers.values():
                    s.restart()
            time.sleep(seconds / (restarts + 1))
        finally:
            load.end()
        return load.done

    def show(self):
        for name in SERVERS:
            b = self.agent.baseline(own(name))
            windows = {p: max(c[p]["windows"] for c in b["maturity"].values())
                       for p in ("start-up", "steady", "shut-down")}
            entries = {c: len(b["sets"][c]) for c in b["sets"] if b["sets"][c]}
            print(f"   {name}: learned in {self.learned_in[name]:.0f} s, windows {windows}, "
                  f"entries {entries}, {b['bytes']} bytes of memory, calls "
                  f"{[e['entry'] for e in b['sets']['call']]}")

    def close(self):
        for s in self.servers.values():
            docker().remove(s.id)
        self.switch.close()
        self.agent.close()


@once
def world():
    return World()


def ours(alerts):
    return [a for a in alerts if (a["container"] or {}).get("id") in docker().made and
            (a["kind"] == "baseline" or a["rule"] in RESOURCES)]


def told(a):
    return a["severity"], a["rule"], a["title"], {
        k: v for k, v in facts(a).items() if k in ("entry", "phase", "known", "nearest_known",
                                                   "rarity", "expected_high", "learned")}


def test_the_same_work_with_other_seeds_restarts_and_thrice_the_scale_deviates_from_nothing():
    w = world()
    w.show()
    since, begin = w.agent.mark(), time.monotonic()
    w.deploy()
    done = w.work(loads(SCALE, int(time.time())), max(1, SECONDS // 60), SECONDS)
    found = ours(w.agent.alerts(since))
    wrong = [told(a) for a in found if a["severity"] in GRAVE]
    print(f"   watched {time.monotonic() - begin:.0f} s, answers {dict(done)}, alerts: "
          f"{len(wrong)} of notice or worse, {len(found) - len(wrong)} of info (still learned)")
    for t in [told(a) for a in found][:100]:
        print(f"      {t}")
    low = [n for n in SERVERS if done[n] < 50 * SECONDS]
    same(low, [], f"servers with hardly any load, {dict(done)}")
    same(wrong[:10], [], f"false alarms ({len(wrong)})")


# --- seccomp --------------------------------------------------------------------------------------

# Programs that are in each of the images and make a system call that none of the servers makes.
OUTSIDE = (("setarch", "-R", "true"), ("unshare", "-U", "true"))


def test_they_work_under_the_seccomp_profile_of_their_baseline_and_nothing_more_does():
    w = world()
    profiles = {n: w.agent.cli("export", own(n), "--format", "seccomp").stdout
                for n in SERVERS}
    for name, text in profiles.items():
        allowed = {c for rule in json.loads(text)["syscalls"] for c in rule["names"]}
        print(f"   {name}: {len(allowed)} system calls")
        same(allowed & {"personality", "unshare", "setns", "ptrace", "mount", "bpf"}, set(),
             f"what {name} never does")
    w.deploy(lambda name: {"SecurityOpt": [f"seccomp={profiles[name]}"]})
    done = w.work(loads(1, 77), 1, 15)
    print(f"   under their profiles: answers {dict(done)}")
    same([n for n in SERVERS if done[n] < 500], [], f"servers that do not serve, {dict(done)}")
    for name, s in w.servers.items():
        wait_until(lambda: docker().inspect(s.id)["State"]["Health"]["Status"] == "healthy", 30,
                   f"{name} in good health")
        for command in OUTSIDE:
            free = run(*docker_cli("run", "--rm", "--network", "none", "--security-opt",
                                   "seccomp=unconfined", "--entrypoint", command[0],
                                   images()[name], *command[1:]), check=False)
            same(free.returncode, 0, f"{command} without a profile: {free.stderr}")
            held = run(*docker_cli("exec", s.id, *command), check=False)
            assert held.returncode != 0 and "Operation not permitted" in held.stderr, \
                f"{name}: {command}: exit {held.returncode}: {held.stderr}"
