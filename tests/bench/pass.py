#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a pass over all tasks costs. Root; standard library only.

    pass.py BUILD [--containers 200] [--tasks 2000] [--passes 10]

So many container-like cgroups (tests/bench/cgroups.c), filled up with sleeping processes to so many
tasks, and the agent with a pass each second. The figure is the time of the processor that its thread
takes for a whole pass, the kernel's iterator included; it covers the host's own tasks, too."""
import argparse
import http.client
import json
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import sensor
from bench import Cgroups

AIM_MS = 10.0


class Crowd:
    """Sleeping processes in each of these cgroups."""

    def __init__(self, paths, each):
        self.processes = []
        for path in paths:
            self.processes += [subprocess.Popen(["sleep", "100000"], preexec_fn=self.joins(path))
                               for _ in range(each)]

    @staticmethod
    def joins(path):
        def join():
            for root in sensor.cgroup_roots():
                try:
                    with open(f"{root}{path}/cgroup.procs", "w") as f:
                        f.write("0")
                except OSError:
                    pass
        return join

    def close(self):
        for p in self.processes:
            p.kill()
        for p in self.processes:
            p.wait()


class Agent(sensor.Agent):
    """bulkheadd whose API answers."""

    def __init__(self, build, temp, settings):
        super().__init__(build, temp, settings, ["--print-login-link"],
                         ["sh", "-c", f'exec "$@" > {temp}/out', "sh"])
        with open(f"{temp}/out") as f:
            self.token = re.search(r"token=(bh_\S+)", f.read()).group(1)

    def figures(self):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        c.request("GET", "/api/v1/isolation", headers={"Authorization": f"Bearer {self.token}"})
        return json.loads(c.getresponse().read())


def measure(agent, passes):
    """CPU times of so many whole passes, in ms; the first one met everybody."""
    last, times = agent.figures(), []
    deadline = time.monotonic() + 60 + 3 * passes
    while len(times) < passes:
        now = agent.figures()
        if now["passes"] > last["passes"]:
            times.append(now["pass_cpu_ns"] / 1e6)
        if time.monotonic() > deadline:
            raise SystemExit(f"there were no {passes} passes")
        last = now
        time.sleep(0.2)
    return times, last


def main():
    p = argparse.ArgumentParser()
    p.add_argument("build")
    p.add_argument("--containers", type=int, default=200)
    p.add_argument("--tasks", type=int, default=2000)
    p.add_argument("--passes", type=int, default=10)
    args = p.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    groups = Cgroups(args.build, args.containers, False)
    crowd, agent = None, None
    try:
        crowd = Crowd(groups.paths, args.tasks // args.containers - 1)
        with tempfile.TemporaryDirectory(prefix="bhbench-") as temp:
            agent = Agent(args.build, temp,
                          ["isolation.enabled=true", "isolation.interval=1s",
                           "posture.enabled=false", "tables.enabled=false",
                           "mining.enabled=false", "baseline.enabled=false"])
            try:
                time.sleep(3)
                times, last = measure(agent, args.passes)
            finally:
                agent.close()
    finally:
        if crowd:
            crowd.close()
        groups.close()
    print(f"{last['tasks']} tasks, {args.containers} containers: a pass takes "
          f"{statistics.median(times):.1f} ms of the processor (least {min(times):.1f}, most "
          f"{max(times):.1f}; aim {AIM_MS:.0f})")


if __name__ == "__main__":
    main()
