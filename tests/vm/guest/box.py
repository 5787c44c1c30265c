# SPDX-License-Identifier: GPL-2.0-or-later
"""Cgroups named as runtimes name them, without a runtime; the agent that watches them."""

import hashlib
import json
import os
import subprocess

from harness import ALLOC, CLIENT, Agent, run, wait_until
from session import die_with_parent, hierarchies, kill, read_text, remove_cgroup, session

MIB = 1 << 20
DISK = "/dev/vda"
TOP = "/sys/fs/cgroup"
V2 = os.path.exists(f"{TOP}/cgroup.controllers")
LIMITS = {  # ours: file and text on v1 and on v2
    "cpu_percent": (lambda n: ("cpu.cfs_quota_us", n * 1000),
                    lambda n: ("cpu.max", f"{n * 1000} 100000")),
    "memory": (lambda n: ("memory.limit_in_bytes", n), lambda n: ("memory.max", n)),
    "pids": (lambda n: ("pids.max", n), lambda n: ("pids.max", n)),
    "cpu_weight": (lambda n: ("cpu.shares", n), lambda n: ("cpu.weight", n)),
}
_agent = []


def agent():
    """One agent for the tests that do not need their own; it looks often."""
    if not _agent:
        _agent.append(Agent({"sample.slow_interval": "1s", "sample.process_interval": "1s",
                             "sample.network_interval": "1s"}))
    return _agent[0]


def listed(of=None, **more):
    """What `bulkhead containers --json` says, by cgroup."""
    flags = [f"--{k}" for k, v in more.items() if v]
    done = run(CLIENT, "containers", "--json", "--socket",
               f"{(of or agent()).run_dir}/bulkhead.sock", *flags)
    return {c["cgroup"]: c for c in json.loads(done.stdout)["containers"]}


def hex_id(text):
    return hashlib.sha256(text.encode()).hexdigest()


def name_of(path):
    """The component of a cgroup's path that is its own."""
    return path.rpartition("/")[2]


def write(path, text):
    with open(path, "w") as f:
        f.write(str(text))


def enable(top, path, controllers=None):
    """Makes a v2 cgroup and lets its parents hand down controllers (all, where not named)."""
    at = top
    for part in path.strip("/").split("/"):
        for name in controllers if controllers is not None else \
                read_text(f"{at}/cgroup.controllers").split():
            if name in ("cpu", "memory", "io", "pids"):
                write(f"{at}/cgroup.subtree_control", f"+{name}")
        at = f"{at}/{part}"
        os.makedirs(at, exist_ok=True)


class Box:
    """A cgroup in every hierarchy for the length of a `with` block, and what runs in it."""

    def __init__(self, path, *argv, controllers=None, **limits):
        self.path, self.argv, self.controllers = path, argv, controllers
        self.limits, self.started = limits, []
        self.log = f"{session.folder}/{hashlib.md5(path.encode()).hexdigest()}.log"

    def file(self, name):
        """Path of a control file, in whichever hierarchy has it."""
        for top in hierarchies():
            if os.path.exists(f"{top}{self.path}/{name}"):
                return f"{top}{self.path}/{name}"
        return f"{hierarchies()[0]}{self.path}/{name}"

    def __enter__(self):
        for top in hierarchies():
            if V2:
                enable(top, self.path, self.controllers)
            else:
                os.makedirs(top + self.path, exist_ok=True)
        for key, value in self.limits.items():
            name, text = LIMITS[key][V2](value)
            write(self.file(name), text)
        if self.argv:
            self.start(*self.argv)
        return self

    def start(self, *argv, below=""):
        """Starts a program in here (or in a cgroup below); alloc by its bare name."""
        argv = [ALLOC if argv[0] == "alloc" else argv[0], *argv[1:]]
        files = [f"{top}{self.path}{below}/cgroup.procs" for top in hierarchies()]

        def join():
            die_with_parent()
            for file in files:
                fd = os.open(file, os.O_WRONLY)
                os.write(fd, b"0")
                os.close(fd)
        with open(self.log, "ab") as out:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                       preexec_fn=join)
        self.started.append(process)
        return process

    def ready(self, timeout=60):
        """The number that alloc prints when its load stands."""
        def there():
            text = read_text(self.log, "")
            assert "alloc:" not in text, text
            return "ready " in text and text.split("ready ")[1].endswith("\n") and text
        return int(wait_until(there, timeout, f"'ready' in {self.log}").split()[1])

    def value(self, name, **labels):
        return agent().metrics().value(name, id=self.path, **labels)

    def seen(self, timeout=10):
        """Waits for its first sample and returns what the command line lists."""
        def there():
            c = listed().get(self.path)
            return c and c.get("sample") and c
        return wait_until(there, timeout, f"{self.path} in the list of containers")

    def __exit__(self, *why):
        for process in self.started:
            kill(process.pid)
        remove_cgroup(self.path)
        for process in self.started:
            process.wait()
