# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the tests inside the virtual machine: every function test_* of every test_*.py beside this
file. A figure that one returns is shown beside its name. Prints "run NAME", then "ok NAME", "skip
NAME reason" or "not ok NAME reason" and what belongs to it in lines that begin with "#", for
tests/vm/run.py to read."""

import glob
import importlib
import os
import sys
import time
import traceback
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
sys.path[:0] = [HERE, f"{REPO}/tests/integration"]

import harness  # noqa: E402
from session import session  # noqa: E402


def option(name):
    """A value of the kernel's command line, "" when it is not there."""
    with open("/proc/cmdline") as f:
        for word in f.read().split():
            key, _, value = word.partition("=")
            if key == "bulkhead." + name:
                return urllib.parse.unquote(value)
    return ""


def collect(text):
    tests = []
    for path in sorted(glob.glob(f"{HERE}/test_*.py")):
        module = importlib.import_module(os.path.basename(path)[:-3])
        for name, fn in vars(module).items():
            if name.startswith("test_") and callable(fn) and fn.__module__ == module.__name__:
                title = f"{module.__name__[5:]}: {name[5:].replace('_', ' ')}"
                if text in title or text in name:
                    tests.append((title, fn))
    return tests


def mark(title):
    """The kernel's log shows which test ran when it complained."""
    with open("/dev/kmsg", "w") as f:
        f.write(f"<4>bulkhead test: {title}\n")


def comment(text):
    for line in text.rstrip().splitlines():
        print("#", line)


def run_one(title, fn):
    print("run", title, flush=True)
    mark(title)
    begin = time.monotonic()
    try:
        said = fn()
    except harness.Skip as why:
        print(f"skip {title}\t{why}", flush=True)
    except Exception as why:
        reason = str(why).splitlines() or [""]
        print(f"not ok {title}\t{type(why).__name__}: {reason[0]}")
        comment(traceback.format_exc())
        for agent in harness.agents:
            comment(f"log of the agent, {agent.log_path}:\n{agent.tail()}")
        sys.stdout.flush()
    else:
        more = f"; {said}" if said else ""
        print(f"ok {title}\t{time.monotonic() - begin:.1f} s{more}", flush=True)
    harness.agents[:] = [a for a in harness.agents if a.process.poll() is None]


def without_sensor(init):
    """Tests that ask for no layer of the sensor are spared its start and, longer, its end."""
    def start(self, settings=None, *arguments, **more):
        init(self, {"sensor.mode": "off", **(settings or {})}, *arguments, **more)
    return start


def main():
    harness.Agent.__init__ = without_sensor(harness.Agent.__init__)
    harness.Agent.wait_ready.__defaults__ = (60,)
    harness.Agent.stop.__defaults__ = (100,)  # its programs are detached one by one
    session.open()
    try:
        for title, fn in collect(option("k")):
            run_one(title, fn)
    finally:
        session.close()
    print("done", flush=True)


main()
