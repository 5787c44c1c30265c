#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures of alerts: from a system call in a container to the first byte at a webhook. Root; standard
library only.

    alerts.py BUILD [--events 1000] [--only slow,fast,burst] [--state-dir DIR]

A process in a cgroup of a container's name (tests/bench/paced.c) opens distinct files, each of which
one rule matches; nothing is folded, nothing is sent in batches. The call's time is taken just before
it, the log's from its line, the first byte's by a receiver on loopback (tests/bench/receiver.c); all
three are times of day. slow: one each 20 ms; fast: 100 a second; burst: 10,000 in ten seconds, and
when the last one has come, and what memory both processes take then."""
import argparse
import json
import os
import subprocess
import tempfile
import time
from datetime import datetime

from bench import pss_bytes
from sensor import Agent, Cgroup

AIM_MS = 50
RULE = """- rule: Bench
  desc: what the bench opens
  condition: container.id != host and evt.type in (open, openat, openat2) and fd.name startswith {dir}/ and not fd.name endswith .new
  output: opened (file=%fd.name process=%proc.name)
  priority: WARNING
"""


class Receiver:
    def __init__(self, build, mark, out):
        self.path = out
        self.process = subprocess.Popen([f"{build}/tests/bench/receiver", mark], stdin=subprocess.PIPE,
                                        stdout=open(out, "w"))
        while not os.path.getsize(out):
            time.sleep(0.01)
        with open(out) as f:
            self.port = int(f.readline())

    def count(self):
        with open(self.path, "rb") as f:
            return f.read().count(b"\n") - 1

    def times(self):
        """When each came, by its number; a second time does not count."""
        got, again = {}, 0
        with open(self.path) as f:
            for line in f.read().splitlines()[1:]:
                number, ns = map(int, line.split())
                again += number in got
                got.setdefault(number, ns)
        return got, again

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def write_config(folder, port):
    with open(f"{folder}/rules.yaml", "w") as f:
        f.write(RULE.format(dir=f"{folder}/files"))
    with open(f"{folder}/bulkhead.yaml", "w") as f:
        f.write(f"""rules:
  files: [{folder}/rules.yaml]
alerts:
  window: 0s
  rate: 1000000
  rate_per_container: 1000000
  sinks:
    - type: webhook
      url: http://127.0.0.1:{port}/bench
""")


class AgentOfAlerts(Agent):
    def __init__(self, build, folder):
        self.folder = folder
        super().__init__(build, folder, (), ("--config", f"{folder}/bulkhead.yaml"))

    def serve(self):
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat") as f:
                    if int(f.read().rsplit(")", 1)[1].split()[1]) == self.pid:
                        return int(pid)
            except (FileNotFoundError, ProcessLookupError):
                pass
        raise SystemExit("bulkhead serve does not run")

    def logged(self, mark):
        """When each was written to the log, by its number."""
        times, folder = {}, f"{self.folder}/state/alerts"
        for name in filter(lambda n: n.endswith(".jsonl"), os.listdir(folder)):
            with open(f"{folder}/{name}") as f:
                for line in f:
                    at = line.find(mark)
                    if at >= 0:
                        times[int(line[at + len(mark):at + len(mark) + 6])] = \
                            nanoseconds(json.loads(line)["time"])
        return times


def nanoseconds(text):
    whole, _, rest = text.rstrip("Z").partition(".")
    begin = datetime.fromisoformat(whole + "+00:00")
    return int(begin.timestamp()) * 10**9 + int(rest.ljust(9, "0"))


def percentiles(values):
    """Of nanoseconds, in milliseconds: median, 90, 99, largest."""
    v = sorted(values)
    at = [v[min(len(v) - 1, int(len(v) * p))] / 1e6 for p in (0.5, 0.9, 0.99)] + [v[-1] / 1e6]
    return " / ".join(f"{x:.1f}" for x in at)


def measure(build, temp, title, n, microseconds, cgroup):
    folder = tempfile.mkdtemp(dir=temp)
    os.mkdir(f"{folder}/files")
    mark = f"{folder}/files/"
    receiver = Receiver(build, mark, f"{folder}/received")
    write_config(folder, receiver.port)
    agent = AgentOfAlerts(build, folder)
    try:
        doer = subprocess.Popen([f"{build}/tests/bench/paced", str(n), str(microseconds),
                                 f"{folder}/files"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                text=True, preexec_fn=cgroup.enter)
        doer.stdout.readline()
        time.sleep(2)
        out, _ = doer.communicate("\n")
        calls = list(map(int, out.split()))
        end = time.monotonic() + 60
        while receiver.count() < n and time.monotonic() < end:
            time.sleep(0.2)
        memory = [pss_bytes(p) / 1e6 for p in (agent.pid, agent.serve())]
        logged, (came, again) = agent.logged(mark), receiver.times()
        both = [i for i in range(n) if i in logged and i in came]
        print(f"{title}: {n} calls, {len(logged)} in the log, {len(came)} came, {again} of them twice, "
              f"{agent.lost():.0f} events lost")
        if not both:
            raise SystemExit("nothing came")
        print("    ms, median / p90 / p99 / max")
        print(f"    call to log line         {percentiles(logged[i] - calls[i] for i in both)}")
        print(f"    log line to first byte   {percentiles(came[i] - logged[i] for i in both)}")
        print(f"    call to first byte       {percentiles(came[i] - calls[i] for i in both)}"
              f"   (aim: p99 {AIM_MS})")
        print(f"    the last came {(max(came.values()) - calls[-1]) / 1e6:.0f} ms after the last call; "
              f"PSS {memory[0]:.1f} MB bulkheadd, {memory[1]:.1f} MB serve", flush=True)
    finally:
        agent.close()
        receiver.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("--only", default="slow,fast,burst")
    parser.add_argument("--state-dir", default="/var/tmp",
                        help="a disk like that of /var/lib: lines are synced to it")
    o = parser.parse_args()
    build = os.path.abspath(o.build)
    temp = tempfile.mkdtemp(prefix="bhbench-", dir=o.state_dir)
    cgroup = Cgroup()
    runs = [("slow", "one each 20 ms", o.events, 20000),
            ("fast", "100 a second", o.events, 10000),
            ("burst", "10,000 in ten seconds", o.events * 10, 10000000 // (o.events * 10))]
    print("load of the machine:", " ".join(f"{x:.2f}" for x in os.getloadavg()), flush=True)
    try:
        for key, title, n, microseconds in runs:
            if key in o.only.split(","):
                measure(build, temp, title, n, microseconds, cgroup)
    finally:
        cgroup.close()
        subprocess.run(["rm", "-rf", temp], check=False)


if __name__ == "__main__":
    main()
