# SPDX-License-Identifier: GPL-2.0-or-later
"""Walls that only a machine of one's own may see broken: what the kernel itself starts."""

import json
import os
import signal
import subprocess

from box import write
from harness import Agent, same, wait_until

CONFIG = "/run/isolation.yaml"
LAYER = "/var/lib/docker/overlay2/0123456789abcdef/diff"
_agent = []


def agent():
    if not _agent:
        write(CONFIG, "isolation:\n  enabled: true\n")
        _agent.append(Agent({"sensor.mode": "auto"}, config=CONFIG))
        wait_until(lambda: _agent[0].json("/api/v1/status")["sensor"]["mode"] != "off", 30,
                   "the kernel sensor is on")
    return _agent[0]


def alerts(rule):
    folder, found = f"{agent().state_dir}/alerts", []
    for name in sorted(os.listdir(folder)):
        if name.endswith(".jsonl"):
            with open(f"{folder}/{name}") as f:
                found += [json.loads(line) for line in f if line.endswith("\n")]
    return [a for a in found if a["rule"] == rule]


def crash(pattern):
    """A program ends with a core while core_pattern is this."""
    with open("/proc/sys/kernel/core_pattern") as f:
        before = f.read()
    write("/proc/sys/kernel/core_pattern", pattern)
    try:
        p = subprocess.Popen(["/bin/busybox", "sleep", "100"])
        p.send_signal(signal.SIGSEGV)
        p.wait()
    finally:
        write("/proc/sys/kernel/core_pattern", before)


def helper(path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    write(path, "#!/bin/sh\ncat >/dev/null\ntouch /run/helper-ran\n")
    os.chmod(path, 0o755)
    if os.path.exists("/run/helper-ran"):
        os.unlink("/run/helper-ran")


def ran():
    wait_until(lambda: os.path.exists("/run/helper-ran"), 5, "the helper")


def test_a_helper_of_the_kernel_out_of_a_containers_storage_is_conclusive():
    agent()
    helper("/usr/local/bin/own-helper")
    crash("|/usr/local/bin/own-helper %p")
    ran()
    helper(f"{LAYER}/helper")
    crash(f"|{LAYER}/helper %p")
    ran()
    wait_until(lambda: alerts("host-runs-container-file"), 2, "its alert")
    found = alerts("host-runs-container-file")
    same(len(found), 1, f"alerts: the host's own helper is none: {found}")
    same(found[0]["severity"], "alert", "severity")
    facts = {f["name"]: f["value"] for f in found[0]["evidence"]}
    same(facts["file"], f"{LAYER}/helper", "which file")
    same(facts["stage"], "succeeded", "stage")
