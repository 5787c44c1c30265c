# SPDX-License-Identifier: GPL-2.0-or-later
"""The tests of tests/integration/test_events_*.py under one layer of the kernel sensor: fresh copies
of their modules, whose agent has that layer and whose docker is engine.py."""

import importlib
import sys

import harness

NAMES = ("runtimes", "events", "test_events_file", "test_events_isolation", "test_events_network",
         "test_events_process")
SLOW = 6  # the limits are those of real machines


class Layer:
    def __init__(self, mode):
        self.mode = mode
        before = {name: sys.modules.pop(name, None) for name in NAMES}
        runtimes = importlib.import_module("runtimes")
        runtimes.docker = runtimes.once(lambda: self._engine(runtimes))
        self.events = importlib.import_module("events")
        self.events.LIMIT *= SLOW
        self.events.Reader.wait.__defaults__ = (self.events.LIMIT, 0)
        self.events.agent = runtimes.once(self._agent)
        for name in NAMES[2:]:
            importlib.import_module(name)
        self.modules = {name: sys.modules[name] for name in NAMES}
        sys.modules.update({name: m for name, m in before.items() if m})

    @staticmethod
    def _engine(runtimes):
        from engine import Engine
        return Engine(runtimes.root_tar())

    def _agent(self):
        return harness.Agent({"sensor.mode": self.mode, "sensor.host": "exec,kill,cgroup_attach",
                              "sensor.environment": self.events.SECRET_ENV})

    def _run(self, fn):
        sys.modules.update(self.modules)  # tests import on their way, too
        fn()

    def take(self, namespace, leave_out=()):
        """Makes these tests those of a module of the guest."""
        for module in NAMES[2:]:
            for name, fn in vars(self.modules[module]).items():
                if not name.startswith("test_") or getattr(fn, "__module__", "") != module or \
                        any(word in name for word in leave_out):
                    continue

                def one(fn=fn):
                    self._run(fn)
                one.__module__ = namespace["__name__"]
                namespace[f"test_{module[12:]}_{name[5:]}"] = one
