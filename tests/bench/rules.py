#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures of the rules: what they cost an event, and the agent. Root; standard library only.

    rules.py BUILD [--rounds 5] [--events 1000000] [--only record,storm] [--scale 1.0] [--types]

record: a mixed load (tests/bench/mixed.c) in a container's cgroup and on the host is recorded by
`bulkhead record`, then replayed through sets of rules (tests/sensor/rules_cost.c). Three figures of
each set, medians of the rounds: nanoseconds an event in the rules on the mean; those of the quickest
time through the recording, which a busy machine disturbs least; and the processor's time an event less
that of a replay without rules. storm: the agent's CPU time in storms of spawns and opens in a
container, with sets of rules and without. The stock files of Falco are where BULKHEAD_FALCO_RULES
says, or in ../shared/data/falco-rules."""
import argparse
import os
import re
import signal
import statistics
import subprocess
import tempfile
import time

from bench import cpu_seconds
from sensor import Agent, Cgroup, storm

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
STOCK = ("falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml")
FOLDERS = (os.environ.get("BULKHEAD_FALCO_RULES"), f"{REPO}/../shared/data/falco-rules",
           "/work/shared/data/falco-rules")
AIM_NS, AIM_LOAD_MS, LEAST_EVENTS = 1500, 100, 100000
HOST_TYPES = "exec,open,unlink,rename,connect,chmod,mkdir"


def sets_of_rules(temp):
    """(name, files) of what there is."""
    empty = f"{temp}/empty.yaml"
    with open(empty, "w") as f:
        f.write("[]\n")
    found = [("no rules", [empty]), ("our own", [f"{REPO}/rules"])]
    folder = next((d for d in FOLDERS if d and os.path.isfile(f"{d}/{STOCK[0]}")), None)
    if folder:
        found += [("stable", [f"{folder}/{STOCK[0]}"]),
                  ("all three", [f"{folder}/{name}" for name in STOCK])]
    else:
        print("SKIP the stock files: they are not here (BULKHEAD_FALCO_RULES names their folder)")
    return found


# --- an event -------------------------------------------------------------------------------------

def record(build, temp, cgroup, scale):
    file = f"{temp}/events.bhr"
    agent = Agent(build, temp, (f"sensor.host={HOST_TYPES}", "sensor.buffer=64MiB", "rules.files="))
    try:
        recorder = subprocess.Popen([f"{build}/bulkhead", "record", "-o", file, "--socket",
                                     f"{temp}/run/bulkhead.sock"], stderr=subprocess.PIPE, text=True)
        time.sleep(1)
        for folder, rounds, where in (("box", 4000, cgroup.enter), ("host", 1500, None)):
            os.mkdir(f"{temp}/{folder}")
            subprocess.run([f"{build}/tests/bench/mixed", str(int(rounds * scale)),
                            f"{temp}/{folder}"], check=True, preexec_fn=where)
        time.sleep(1)
        recorder.send_signal(signal.SIGINT)
        said = recorder.communicate()[1].strip()
        events = int(re.search(r"(\d+) events", said).group(1))
        print(f"recorded: {said.removeprefix('bulkhead: ')}; lost {agent.lost():.0f}")
        if events < LEAST_EVENTS * min(scale, 1):
            raise SystemExit(f"fewer events than {LEAST_EVENTS}: is the sensor on?")
        return file
    finally:
        agent.close()


def replay(build, file, events, rules):
    out = subprocess.run([f"{build}/tests/sensor/rules_cost", file, str(events), *rules],
                         stdout=subprocess.PIPE, text=True, check=True).stdout
    load, on = re.search(r"^(\S+) ms to load, (\d+) rules", out, re.M).groups()
    n, mean, best, cpu, hits, asked = re.search(
        r"^(\d+) events: (\d+) ns each, (\d+) at best, (\d+) of .*, (\d+) matches, (\d+) alloc", out,
        re.M).groups()
    types = {t: (int(k), int(ns)) for t, k, ns in
             re.findall(r"^  (\S+) +(\d+) events +(-?\d+) ns$", out, re.M)}
    return {"load": float(load), "on": int(on), "events": int(n), "mean": int(mean),
            "best": int(best), "cpu": int(cpu), "hits": int(hits), "asked": int(asked),
            "types": types}


def costs(build, temp, cgroup, o):
    file = record(build, temp, cgroup, o.scale)
    sets = sets_of_rules(temp)
    got = {name: [] for name, _ in sets}
    for _ in range(o.rounds):
        for name, files in sets:
            got[name].append(replay(build, file, o.events, files))
    middle = {name: {k: statistics.median(r[k] for r in rows) for k in rows[0] if k != "types"}
              for name, rows in got.items()}
    print(f"ns an event, medians of {o.rounds} rounds of {middle['no rules']['events']:.0f} events "
          f"(aim: {AIM_NS} with the stable file, none allocated; {AIM_LOAD_MS} ms to load all three)")
    print(f"{'':12} {'rules':>6} {'mean':>6} {'best':>6} {'CPU':>6} {'matches':>8} {'allocs':>7} "
          f"{'load ms':>8}")
    for name, m in middle.items():
        cpu = m["cpu"] - middle["no rules"]["cpu"]
        print(f"{name:12} {m['on']:6.0f} {m['mean']:6.0f} {m['best']:6.0f} {cpu:6.0f} "
              f"{m['hits']:8.0f} {m['asked']:7.0f} {m['load']:8.1f}", flush=True)
    if o.types:
        print_types(got)


def print_types(got):
    names = [name for name in got if name != "no rules"]
    print(f"{'the quickest round':20} {'events':>9} " + " ".join(f"{name:>10}" for name in names))
    for t, (n, _) in sorted(got[names[0]][0]["types"].items(), key=lambda x: -x[1][0]):
        row = (min(r["types"][t][1] for r in got[name]) for name in names)
        print(f"{t:20} {n:9d} " + " ".join(f"{ns:7.0f} ns" for ns in row))


# --- the agent ------------------------------------------------------------------------------------

def storms(build, temp, cgroup, o):
    def n(x):
        return str(int(x * o.scale))
    os.makedirs(f"{temp}/files", exist_ok=True)
    runs = [("spawn", ["spawn", n(5000), "/bin/true"]),
            ("distinct", ["distinct", n(100000), f"{temp}/files"])]
    print(f"CPU seconds of bulkheadd (events told), medians of {o.rounds} rounds: {n(5000)} spawns, "
          f"{n(100000)} files made and opened, in a container")
    for name, files in sets_of_rules(temp):
        rules = "" if name == "no rules" else ",".join(files)
        rows = {key: [] for key, _ in runs}
        for _ in range(o.rounds):
            agent = Agent(build, temp, (f"rules.files={rules}",))
            try:
                for key, args in runs:
                    rows[key].append(storm_cost(build, agent, args, cgroup))
            finally:
                agent.close()
        cells = (tuple(map(statistics.median, zip(*row))) for row in rows.values())
        print(f"{name:12} " + "  ".join(f"{cpu:8.3f} s ({told:7.0f})" + (f" {lost:.0f} LOST" if lost
                                                                         else "")
                                        for cpu, told, lost in cells), flush=True)


def storm_cost(build, agent, args, cgroup):
    """(CPU seconds, events told, events lost)"""
    time.sleep(1.1)  # the counts are read once a second
    before, told, lost = cpu_seconds(agent.pid), agent.told(), agent.lost()
    storm(build, args, cgroup)
    spent = cpu_seconds(agent.pid) - before
    time.sleep(1.1)
    return spent, agent.told() - told, agent.lost() - lost


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--events", type=int, default=1000000)
    parser.add_argument("--only", default="record,storm")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--types", action="store_true", help="what each type of event costs")
    o = parser.parse_args()
    build = os.path.abspath(o.build)
    temp = tempfile.mkdtemp(prefix="bhbench-")
    os.chmod(temp, 0o755)
    cgroup = Cgroup()
    print("load of the machine:", " ".join(f"{x:.2f}" for x in os.getloadavg()), flush=True)
    try:
        if "record" in o.only.split(","):
            costs(build, temp, cgroup, o)
        if "storm" in o.only.split(","):
            storms(build, temp, cgroup, o)
    finally:
        cgroup.close()
        subprocess.run(["rm", "-rf", temp], check=False)


if __name__ == "__main__":
    main()
