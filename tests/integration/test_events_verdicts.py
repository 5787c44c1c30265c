# SPDX-License-Identifier: GPL-2.0-or-later
"""Verdicts of the tracepoint layer: what is known is not told, what may not run is ended before its
first instruction. Refusals need the trampoline layer: tests/vm."""

import json
import os
import shutil

from harness import BUILD, run, same, skip
from session import remove_cgroup, session


def test_a_program_that_may_not_run_is_ended_before_it_does_anything():
    top = next((t for t in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup")
                if os.path.isfile(f"{t}/cgroup.procs")), None)
    if not top:
        skip("no cgroup v2 tree")
    folder, group = session.temp("verdicts"), f"{top}/{session.name}-verdicts"
    shutil.copy("/bin/busybox", f"{folder}/touch")
    for name in ("known", "watched"):
        with open(f"{folder}/{name}", "w") as f:
            f.write("x")
    os.mkdir(group)
    try:
        out = run(f"{BUILD}/tests/sensor/verdicts", group, "200", f"{folder}/touch",
                  f"{folder}/known", f"{folder}/watched", timeout=60).stdout
        # a known one is remembered as such; one that is watched is told each time
        same(json.loads(out), {"child": 0, "killed": 200, "opens": 0, "watched": 3, "dropped": 3,
                               "stamped": 1, "entries": 1}, "verdicts")
    finally:
        remove_cgroup(group)
