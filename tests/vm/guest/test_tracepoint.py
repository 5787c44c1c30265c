# SPDX-License-Identifier: GPL-2.0-or-later
"""Events by the tracepoint layer."""

import os

from box import V2
from harness import DOER, run, skip
from layers import Layer

layer = Layer("tracepoint")
layer.take(globals())
events = layer.events


def test_the_layer_runs_and_lacks_nothing():
    sensor = events.agent().status()["sensor"]
    missing = {p["name"]: p["reason"] for p in sensor["programs"] if p.get("reason")}
    for name in () if V2 else ("on_ingress", "on_egress"):  # they want the v2 tree
        missing.pop(name)
    assert (sensor["mode"], missing) == ("tracepoint", {}), f"{sensor['mode']}, refused: {missing}"
    return f"loaded in {sensor['load_seconds']:.2f} s"


def test_a_program_that_the_kernel_starts_is_told_as_its_helper():
    path = "/proc/sys/kernel/modprobe"
    if not os.path.exists(path):
        skip("this kernel has no modules")
    reader, name = events.reader(), events.unique("bhtest")
    with open(path) as f:
        before = f.read()
    since = reader.mark()
    try:
        with open(path, "w") as f:
            f.write(DOER)
        run(DOER, "mount", "s:x", "s:/mnt", f"s:{name}", "0", "0")
    finally:
        with open(path, "w") as f:
            f.write(before)
    e = reader.wait(lambda e: e["type"] == "exec" and f"fs-{name}" in e["exec"].get("args", ()),
                    "the kernel's program", after=since)
    events.check(e, host=True, exec__helper=True, exec__exe=DOER)
    e = reader.wait(lambda e: e["type"] == "exec" and f"s:{name}" in e["exec"].get("args", ()),
                    "the program that made it do so", after=since)
    events.check(e, exec__helper=None)
