#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures of the kernel sensor: what storms of events cost. Root; standard library only.

    sensor.py BUILD [--rounds 5] [--only open,spawn,...] [--scale 1.0]

Each storm (tests/bench/storm.c, one process) runs in turn with nothing, with an empty program on
sys_exit (the floor) and with bulkheadd, `rounds` times; medians and their ratios to nothing are
printed, with the agent's CPU time in the storm and what was lost. "in a container": in a cgroup of a
container's name, in every hierarchy; the file system is the host's."""
import argparse
import http.client
import os
import statistics
import subprocess
import tempfile
import time

from bench import cpu_seconds, free_port, pss_bytes

ID = "be9c" * 16
HOST_STABLE = "/etc/,/root/,/proc/,/dev/,/bin/,/usr/,/lib/,/boot/,/var/log/,id_rsa,shadow"


def cgroup_roots():
    roots = []
    with open("/proc/self/mountinfo") as f:
        for line in f:
            fields, rest = line.split(" - ")
            if rest.split()[0] in ("cgroup", "cgroup2"):
                path = fields.split()[4]
                if os.access(path, os.W_OK):
                    roots.append(path)
    return roots


class Cgroup:
    """A container's cgroup in each hierarchy that a container would be in."""

    def __init__(self):
        self.paths = []
        for root in cgroup_roots():
            path = f"{root}/bhbench/{ID}"
            if "/cpuset" in root:
                continue
            try:
                os.makedirs(path, exist_ok=True)
                self.paths.append(path)
            except OSError:
                pass

    def enter(self):
        for path in self.paths:
            try:
                with open(f"{path}/cgroup.procs", "w") as f:
                    f.write("0")
            except OSError:
                pass

    def close(self):
        for path in self.paths:
            for _ in range(50):
                try:
                    os.rmdir(path)
                    break
                except OSError:
                    time.sleep(0.1)
            try:
                os.rmdir(os.path.dirname(path))
            except OSError:
                pass


class Nothing:
    pid = 0

    def close(self):
        pass


class Floor(Nothing):
    def __init__(self, build):
        self.process = subprocess.Popen([f"{build}/tests/bench/empty"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        if self.process.stdout.readline() != b"ready\n":
            raise SystemExit("the floor's program could not be attached")

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Agent(Nothing):
    def __init__(self, build, temp, settings=(), arguments=(), launch=()):
        self.port = free_port()
        argv = [*launch, f"{build}/bulkheadd", "--state-dir", f"{temp}/state", "--run-dir", f"{temp}/run",
                "--set", "user=auto", "--set", f"listen=127.0.0.1:{self.port}"]
        for s in settings:
            argv += ["--set", s]
        self.process = subprocess.Popen(argv + list(arguments), stderr=subprocess.DEVNULL)
        self.pid = self.process.pid
        for _ in range(200):
            try:
                if self.metric("bulkhead_sensor_events_total") and self.get("/readyz")[0] == 200:
                    break
            except OSError:
                pass
            time.sleep(0.05)
        else:
            raise SystemExit("the agent did not start with a sensor")
        time.sleep(0.5)

    def get(self, path):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        c.request("GET", path)
        r = c.getresponse()
        return r.status, r.read().decode()

    def metric(self, name, **labels):
        total, seen = 0.0, False
        for line in self.get("/metrics")[1].splitlines():
            if not line.startswith((name + "{", name + " ")):
                continue
            if all(f'{k}="{v}"' in line for k, v in labels.items()):
                total, seen = total + float(line.rsplit(" ", 1)[1]), True
        return total if seen else None

    def lost(self):
        return sum(self.metric("bulkhead_sensor_dropped_total", reason=r) or 0
                   for r in ("full", "shed", "nested"))

    def told(self):
        return self.metric("bulkhead_sensor_events_total")

    def close(self):
        self.process.terminate()
        self.process.wait()


def storm(build, args, cgroup):
    out = subprocess.run([f"{build}/tests/bench/storm", *args], stdout=subprocess.PIPE, check=True,
                         preexec_fn=cgroup.enter if cgroup else None).stdout
    return float(out)


def measure(build, temp, title, args, cgroup, rounds, settings=(), aim=""):
    times, cpu, lost, told = {"nothing": [], "floor": [], "agent": []}, [], 0, []
    for _ in range(rounds):
        for what in times:
            side = {"nothing": Nothing, "floor": lambda: Floor(build),
                    "agent": lambda: Agent(build, temp, settings)}[what]()
            try:
                if side.pid:
                    time.sleep(1.1)  # the counts are read once a second
                    before, lost_before, told_before = cpu_seconds(side.pid), side.lost(), side.told()
                times[what].append(storm(build, args, cgroup))
                if side.pid:
                    cpu.append(cpu_seconds(side.pid) - before)
                    time.sleep(1.1)
                    lost += side.lost() - lost_before
                    told.append(side.told() - told_before)
            finally:
                side.close()
    base = statistics.median(times["nothing"])
    # a pair at a time: the machine's own moods fall out
    pairs = {w: statistics.median(t / n for t, n in zip(times[w], times["nothing"]))
             for w in ("floor", "agent")}
    print(f"{title}: {base:.3f} s; floor x{pairs['floor']:.3f}, agent x{pairs['agent']:.3f}{aim}; "
          f"agent CPU {statistics.median(cpu):.3f} s, told {statistics.median(told):.0f}, "
          f"lost {lost:.0f}", flush=True)


def idle(build, temp):
    agent = Agent(build, temp)
    try:
        time.sleep(5)
        before, begin = cpu_seconds(agent.pid), time.monotonic()
        time.sleep(30)
        share = (cpu_seconds(agent.pid) - before) / (time.monotonic() - begin) * 100
        maps = agent.metric("bulkhead_sensor_map_bytes")
        print(f"idle: {share:.2f} % of a core, PSS of bulkheadd {pss_bytes(agent.pid) / 1e6:.1f} MB, "
              f"maps {maps / 1e6:.1f} MB of the kernel's memory, loaded in "
              f"{agent.metric('bulkhead_sensor_load_seconds'):.2f} s", flush=True)
    finally:
        agent.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="")
    parser.add_argument("--scale", type=float, default=1.0)
    o = parser.parse_args()
    build, n = os.path.abspath(o.build), lambda x: str(int(x * o.scale))
    temp = tempfile.mkdtemp(prefix="bhbench-")
    host = ("sensor.host=exec,open", f"sensor.host_paths={HOST_STABLE}")
    mapped = ("sensor.host=exec,mmap", "sensor.extra=mmap")
    cgroup = Cgroup()
    storms = [
        ("open", "1,000,000 open and close in a container",
         ["open", n(1000000), "/etc/hostname"], cgroup, (), ", aim x1.35"),
        ("open_host", "the same on the host without file rules",
         ["open", n(1000000), "/etc/hostname"], None, (), ", aim x1.18"),
        ("open_rules", "the same on the host with paths of the stock rules",
         ["open", n(1000000), "/etc/hostname"], None, host, ", aim x1.35"),
        ("spawn", "20,000 spawns of true on the host", ["spawn", n(20000), "/bin/true"], None, (),
         ", aim x1.05"),
        ("spawn_container", "20,000 spawns of true in a container",
         ["spawn", n(20000), "/bin/true"], cgroup, (), ""),
        ("pingpong", "200,000 requests over loopback in a container", ["pingpong", n(200000)],
         cgroup, (), ", aim x1.05"),
        ("distinct", "1,000,000 opens of distinct files in a container",
         ["distinct", n(1000000), f"{temp}/files"], cgroup, (), ", aim: none lost"),
        ("mmap", "1,000,000 pages of memory and back in a container", ["mmap", n(1000000)], cgroup,
         mapped, ", aim x1.15"),
        ("code", "1,000,000 mappings of code and back on the host",
         ["code", n(1000000), "/bin/true"], None, mapped, ""),
        ("syscalls", "1,000,000 open and close in a container that learns its calls",
         ["open", n(1000000), "/etc/hostname"], cgroup, ("sensor.syscalls=true",), ""),
    ]
    os.mkdir(f"{temp}/files")
    try:
        for key, title, args, where, settings, aim in storms:
            if not o.only or key in o.only.split(","):
                measure(build, temp, title, args, where, o.rounds, settings, aim)
        if not o.only or "idle" in o.only.split(","):
            idle(build, temp)
    finally:
        cgroup.close()
        subprocess.run(["rm", "-rf", temp], check=False)


if __name__ == "__main__":
    main()
