#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures of baselines: what they add to the agent's work and memory. Root; standard library only.

    baselines.py BUILD [--rounds 5] [--only storm,memory] [--scale 1.0] [--containers 100]

storm: the agent's CPU time in the storms of sensor.py in a container, without baselines, while its
image is learned, and when it is learned and watched; in turn, medians and their ratio. memory: what
bulkheadd holds of its own with so many containers, of one image and of an image each, more than
without baselines. The container is a cgroup with a mount namespace of its own; its image is in a
docker folder that the agent alone sees."""
import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import sensor
from bench import PREFIX, Cgroups

AIM = 1.05
QUICK = ("baseline.window=1s", "baseline.startup=1s", "baseline.windows_without_news=5",
         "baseline.minimum_time=3s", "baseline.minimum_containers=1", "baseline.upgrade_time=1s",
         "baseline.notice_time=0s", "baseline.save_interval=1s", "anomaly.interval=1s",
         "sample.network_interval=1s", "sample.process_interval=1s", "sample.slow_interval=1s")


def describe(temp, cid, image):
    """What docker leaves on disk of a container, as far as the agent asks."""
    folder = f"{temp}/lib/docker/containers/{cid}"
    os.makedirs(folder)
    with open(f"{folder}/config.v2.json", "w") as f:
        json.dump({"ID": cid, "Name": f"/{cid[:12]}", "Image": f"sha256:{image:064x}",
                   "Path": "/bin/storm", "Args": [], "Config": {"Image": f"bench/image{image}:1"},
                   "State": {"Running": True}}, f)


class Agent(sensor.Agent):
    """bulkheadd with a /var/lib of its own."""

    def __init__(self, build, temp, settings):
        folder = f"{temp}/agent"
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/bulkheadd", "w") as f:
            f.write(f"#!/bin/sh\nset -e\nmount --bind {temp}/lib /var/lib\n"
                    f'exec {build}/bulkheadd "$@"\n')
        os.chmod(f"{folder}/bulkheadd", 0o755)
        super().__init__(folder, temp, settings, launch=Container.inside())

    def learned(self):
        return self.metric("bulkhead_baseline_images", mode="detect")


class Container:
    """A cgroup in which programs run as in a container: with mounts of their own."""

    def __init__(self):
        self.cgroup = sensor.Cgroup()
        self.first = subprocess.Popen(self.inside("sleep", "100000"),
                                      preexec_fn=self.cgroup.enter)

    @staticmethod
    def inside(*argv):
        return ["unshare", "-m", "--propagation", "private", *argv]

    def storm(self, build, args):
        out = subprocess.run(self.inside(f"{build}/tests/bench/storm", *args), check=True,
                             stdout=subprocess.PIPE, preexec_fn=self.cgroup.enter).stdout
        return float(out)

    def close(self):
        self.first.kill()
        self.first.wait()
        self.cgroup.close()


def work_seconds(pid):
    """CPU time without the thread "disk", which walks files of all containers at times of its own."""
    total = 0
    for tid in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{tid}/comm") as f:
            if f.read().strip() == "disk":
                continue
        with open(f"/proc/{pid}/task/{tid}/schedstat") as f:
            total += int(f.read().split()[0])
    return total / 1e9


# --- CPU ------------------------------------------------------------------------------------------

def learn(build, temp, container, storms):
    """A state folder in which the image is learned."""
    agent = Agent(build, temp, QUICK)
    try:
        end = time.monotonic() + 120
        while not agent.learned():
            if time.monotonic() > end:
                raise SystemExit("the image was not learned")
            for args in storms.values():
                few = [args[0], str(max(1, int(args[1]) // 50)), *args[2:]]
                container.storm(build, few)
        time.sleep(2)
    finally:
        agent.close()
    shutil.move(f"{temp}/state", f"{temp}/learned")


def storms_cost(build, temp, o):
    container = Container()
    describe(temp, sensor.ID, 1)
    os.mkdir(f"{temp}/files")

    def n(x):
        return str(max(1, int(x * o.scale)))
    storms = {"open": ["open", n(500000), "/etc/hostname"],
              "spawn": ["spawn", n(10000), "/bin/true"],
              "pingpong": ["pingpong", n(100000)],
              "distinct": ["distinct", n(500000), f"{temp}/files"]}
    sides = {"without": ("baseline.enabled=false",), "learning": (), "watching": ()}
    rows = {side: {key: [] for key in storms} for side in sides}
    counts = {side: [0.0, 0.0, 0.0] for side in sides}
    try:
        learn(build, temp, container, storms)
        for i in range(o.rounds):
            order = list(sides)[i % 3:] + list(sides)[:i % 3]
            for side in order:
                shutil.rmtree(f"{temp}/state", ignore_errors=True)
                if side == "watching":
                    shutil.copytree(f"{temp}/learned", f"{temp}/state")
                one_round(build, temp, container, storms, sides[side], rows[side], counts[side])
                if side == "watching" and not counts[side][1]:
                    raise SystemExit("nothing was judged")
    finally:
        container.close()
    print_storms(storms, rows, counts, o)


def one_round(build, temp, container, storms, settings, rows, counts):
    agent = Agent(build, temp, settings)
    try:
        for key, args in storms.items():
            time.sleep(1.1)  # the counts are read once a second
            before = work_seconds(agent.pid)
            container.storm(build, args)
            time.sleep(1.1)  # what waits is judged
            rows[key].append(work_seconds(agent.pid) - before)
        counts[0] += agent.lost()
        counts[1] += agent.metric("bulkhead_baseline_judged_total") or 0
        counts[2] += agent.metric("bulkhead_baseline_noted_total") or 0
    finally:
        agent.close()


def print_storms(storms, rows, counts, o):
    print(f"CPU seconds of bulkheadd a storm and the second behind it, median and least of {o.rounds} rounds; "
          f"ratios to without (aim x{AIM}; the least is what a busy machine disturbs least)")
    table = {side: {**by, "all": [sum(r) for r in zip(*by.values())]} for side, by in rows.items()}
    for key in [*storms, "all"]:
        what = f"{storms[key][1]} {key}" if key in storms else key
        base = [f(table["without"][key]) for f in (statistics.median, min)]
        cells = []
        for side, by in table.items():
            cost = [f(by[key]) for f in (statistics.median, min)]
            ratios = " x{:.2f} x{:.2f}".format(*(c / b for c, b in zip(cost, base)))
            cells.append(f"{side} {cost[0]:6.3f} {cost[1]:6.3f} s" +
                         (ratios if side != "without" else ""))
        print(f"{what:17}" + "  ".join(cells), flush=True)
    for side, (lost, judged, noted) in counts.items():
        print(f"{side}: lost {lost:.0f}, judged {judged:.0f}, noted {noted:.0f}")


# --- memory ---------------------------------------------------------------------------------------

def own_bytes(pid):
    """Written by it alone: the heap, not the program's text nor maps of the kernel."""
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return int(re.search(r"^Private_Dirty:\s+(\d+)", f.read(), re.M).group(1)) * 1024


def held(build, temp, settings, settle):
    shutil.rmtree(f"{temp}/state", ignore_errors=True)
    agent = Agent(build, temp, settings)
    try:
        time.sleep(settle)
        return (own_bytes(agent.pid), agent.metric("bulkhead_baseline_bytes") or 0,
                agent.metric("bulkhead_baseline_observed_containers") or 0)
    finally:
        agent.close()


def memory_cost(build, temp, o):
    shutil.rmtree(f"{temp}/lib/docker", ignore_errors=True)
    cgroups = Cgroups(build, o.containers, True)
    got = {}
    try:
        for title, images in (("one image", 1), ("an image each", o.containers)):
            for i, path in enumerate(cgroups.paths):
                describe(temp, os.path.basename(path), 1000 + i % images)
            for on in ("false", "true"):
                got[title, on] = held(build, temp, (*QUICK, f"baseline.enabled={on}"), o.settle)
            shutil.rmtree(f"{temp}/lib/docker")
    finally:
        cgroups.close()
    print(f"memory of bulkheadd with {o.containers} containers of /{PREFIX} after {o.settle:.0f} s, "
          "private and written")
    n = o.containers
    more = {}
    for title in ("one image", "an image each"):
        (without, _, _), (with_them, of_images, seen) = got[title, "false"], got[title, "true"]
        more[title] = with_them - without
        print(f"{title}: {without / 1e6:.1f} MB without, {with_them / 1e6:.1f} MB with baselines "
              f"({seen:.0f} containers observed, {of_images / 1024:.0f} KiB counted for images)")
    print(f"a container: {more['one image'] / n / 1024:.1f} KiB (aim 64); an image: "
          f"{(more['an image each'] - more['one image']) / max(1, n - 1) / 1024:.1f} KiB (aim 256)",
          flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="storm,memory")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--containers", type=int, default=100)
    parser.add_argument("--settle", type=float, default=90)
    o = parser.parse_args()
    build = os.path.abspath(o.build)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that all is taken away
    temp = tempfile.mkdtemp(prefix="bhbench-")
    os.chmod(temp, 0o755)
    os.makedirs(f"{temp}/lib")
    print("load of the machine:", " ".join(f"{x:.2f}" for x in os.getloadavg()), flush=True)
    try:
        for what, measure in (("storm", storms_cost), ("memory", memory_cost)):
            if what in o.only.split(","):
                measure(build, temp, o)
    finally:
        subprocess.run(["rm", "-rf", temp], check=False)


if __name__ == "__main__":
    main()
