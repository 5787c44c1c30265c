# SPDX-License-Identifier: GPL-2.0-or-later
"""Events by the tracepoint layer."""

from box import V2
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
