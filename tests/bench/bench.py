#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures of the resource monitor: what it costs, beside the floor. Root; standard library only.

    bench.py BUILD [--counts 10,100,300,1000] [--seconds 20] [--rounds 3]

For each count N: N container-like cgroups with one sleeping process and a network namespace each
(tests/bench/cgroups.c), the agent at one sample a second with history on, both processes together.
The floor is tests/bench/floor.c: a bare loop that preads the same files. Agent and floor are measured
in turn, `rounds` times; medians are printed. Busy figures: every process wakes ten times a second."""
import argparse
import http.client
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

PREFIX = "bhbench"


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    # schedstat counts in nanoseconds, stat in ticks of 10 ms
    total = 0
    for tid in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{tid}/schedstat") as f:
                total += int(f.read().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            pass
    return total / 1e9 if total else (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pss_bytes(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return int(re.search(r"^Pss:\s+(\d+)", f.read(), re.M).group(1)) * 1024


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Cgroups:
    def __init__(self, build, n, busy):
        args = [f"{build}/tests/bench/cgroups", str(n), PREFIX] + (["busy"] if busy else [])
        self.process = subprocess.Popen(args, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline().strip() != "ready":
            raise SystemExit("cgroups could not be made")
        self.paths = []
        for i in range(n):
            self.paths.append(f"/{PREFIX}/{0xbe9c0000 + i:08x}{i:056x}")

    def close(self):
        self.process.terminate()
        self.process.wait()


class Agent:
    def __init__(self, build, settings=()):
        self.dir = tempfile.TemporaryDirectory(prefix="bhbench-")
        os.chmod(self.dir.name, 0o755)
        self.port = free_port()
        args = [f"{build}/bulkheadd", "--listen", f"127.0.0.1:{self.port}",
                "--state-dir", f"{self.dir.name}/state", "--run-dir", f"{self.dir.name}/run",
                "--set", "user=auto", "--log-level", "warning"]
        for s in settings:
            args += ["--set", s]
        self.started = time.monotonic()
        self.process = subprocess.Popen(args, stdout=subprocess.DEVNULL)
        deadline = self.started + 20
        while time.monotonic() < deadline:
            try:
                if self.get("/readyz")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.01)
        raise SystemExit("the agent did not get ready")

    def get(self, path, headers=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            c.request("GET", path, headers=headers or {})
            r = c.getresponse()
            return r.status, r.read()
        finally:
            c.close()

    def pids(self):
        out = [self.process.pid]
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat") as f:
                    if int(f.read().rsplit(")", 1)[1].split()[1]) == self.process.pid:
                        out.append(int(pid))
            except (FileNotFoundError, ProcessLookupError):
                pass
        return out

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        self.dir.cleanup()


def scrape_ms(agent, headers, n=21):
    times, size = [], 0
    c = http.client.HTTPConnection("127.0.0.1", agent.port, timeout=10)
    for _ in range(n):
        t = time.perf_counter()
        c.request("GET", "/metrics", headers=headers)
        body = c.getresponse().read()
        times.append((time.perf_counter() - t) * 1e3)
        size = len(body)
    c.close()
    return statistics.median(times), size


def metric(text, name):
    m = re.search(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.M)
    return float(m.group(1)) if m else float("nan")


def measure(build, n, busy, seconds, rounds, settings, settle):
    cgroups = Cgroups(build, n, busy)
    rows = {"daemon": [], "serve": [], "pss": [], "plain": [], "gzip": [], "floor": [], "first": []}
    size = 0
    try:
        for _ in range(rounds):
            agent = Agent(build, settings)
            try:
                time.sleep(settle)
                pids = agent.pids()
                before, t0 = [cpu_seconds(p) for p in pids], time.monotonic()
                time.sleep(seconds)
                spent = time.monotonic() - t0
                cost = [(cpu_seconds(p) - b) / spent * 100 for p, b in zip(pids, before)]
                rows["daemon"].append(cost[0])
                rows["serve"].append(sum(cost[1:]))
                ms, size = scrape_ms(agent, {})
                rows["plain"].append(ms)
                rows["gzip"].append(scrape_ms(agent, {"Accept-Encoding": "gzip"})[0])
                rows["pss"].append(sum(pss_bytes(p) for p in pids) / 1e6)
                text = agent.get("/metrics")[1].decode()
                rows["first"].append(metric(text, "bulkhead_first_sample_seconds") * 1e3)
            finally:
                agent.close()
            out = subprocess.run([f"{build}/tests/bench/floor", "-t", "10", "-i",
                                  "1000"] + cgroups.paths, capture_output=True, text=True)
            if out.returncode:
                raise SystemExit(f"floor: {out.stderr}")
            rows["floor"].append(json.loads(out.stdout)["cpu_us_per_tick"] / 1e4)
    finally:
        cgroups.close()
    med = {k: statistics.median(v) for k, v in rows.items()}
    total = med["daemon"] + med["serve"]
    print(f"{n:5d} {'busy' if busy else 'idle':5} {med['floor']:8.3f} {med['daemon']:9.3f} "
          f"{med['daemon'] / med['floor']:6.2f} {med['serve']:8.3f} {total:8.3f} "
          f"{med['pss']:7.1f} {med['plain']:8.2f} {med['gzip']:8.2f} {size / 1e6:7.2f} "
          f"{med['first']:8.0f}", flush=True)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("build")
    p.add_argument("--counts", default="10,100,300,1000")
    p.add_argument("--seconds", type=float, default=20)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--settle", type=float, default=150,
                   help="seconds before measuring: history files are made in the second minute")
    p.add_argument("--busy", default="100")
    p.add_argument("--set", action="append", default=[])
    a = p.parse_args()
    if os.geteuid():
        sys.exit("bench needs root")
    print("CPU in % of one core, medians of", a.rounds, "rounds of", a.seconds, "s")
    print("    N kind     floor bulkheadd  ratio    serve     both  PSS MB scrape ms  gzip ms "
          "     MB first ms")
    for n in map(int, filter(None, a.counts.split(","))):
        measure(a.build, n, False, a.seconds, a.rounds, a.set, a.settle)
    for n in map(int, filter(None, a.busy.split(","))):
        measure(a.build, n, True, a.seconds, a.rounds, a.set, a.settle)


if __name__ == "__main__":
    main()
