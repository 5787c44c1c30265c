#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the integration tests: every function test_* of every test_*.py here, in order.

    run.py [-k TEXT] [-l]    TEXT: only tests whose file or name holds it; -l: list them

A test's name is its function's name. The last line is "N passed, N failed, N skipped"."""

import argparse
import glob
import importlib
import os
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

import harness  # noqa: E402
from session import session  # noqa: E402


def collect(text):
    tests = []
    for path in sorted(glob.glob(os.path.join(HERE, "test_*.py"))):
        module = importlib.import_module(os.path.basename(path)[:-3])
        for name, fn in vars(module).items():
            if name.startswith("test_") and callable(fn) and fn.__module__ == module.__name__:
                title = f"{module.__name__[5:]}: {name[5:].replace('_', ' ')}"
                if text in title or text in name:
                    tests.append((title, fn))
    return tests


def run_one(title, fn, count):
    begin = time.monotonic()
    try:
        fn()
    except harness.Skip as why:
        count["skipped"] += 1
        print(f"SKIP {title}: {why}", flush=True)
    except Exception:
        count["failed"] += 1
        print(f"FAIL {title} ({time.monotonic() - begin:.1f} s)")
        traceback.print_exc(file=sys.stdout)
        for agent in harness.agents:
            print(f"--- log of the agent, {agent.log_path}:\n{agent.tail()}")
        sys.stdout.flush()
    else:
        count["passed"] += 1
        print(f"ok {title} ({time.monotonic() - begin:.1f} s)", flush=True)
    harness.agents[:] = [a for a in harness.agents if a.process.poll() is None]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-k", default="", metavar="TEXT")
    parser.add_argument("-l", action="store_true")
    options = parser.parse_args()
    tests = collect(options.k)
    if options.l:
        print("\n".join(title for title, _ in tests))
        return 0
    count = {"passed": 0, "failed": 0, "skipped": 0}
    session.open()
    try:
        file = None
        for title, fn in tests:
            if file not in (None, fn.__module__):
                session.end_file()
            file = fn.__module__
            run_one(title, fn, count)
    finally:
        session.close()
    if not tests:
        print(f"no test has '{options.k}' in its name")
        count["failed"] = 1
    print("{passed} passed, {failed} failed, {skipped} skipped".format(**count))
    return 1 if count["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
