# SPDX-License-Identifier: GPL-2.0-or-later
"""The tests of tests/integration/test_events_*.py under one layer of the kernel sensor: fresh copies
of their modules, whose agent has that layer and whose docker is engine.py."""

import importlib
import sys

import harness
from box import V2

SHORT_FORM = "bulkhead.short=1" in open("/proc/cmdline").read().split()
NAMES = ("runtimes", "events", "test_events_file", "test_events_isolation", "test_events_network",
         "test_events_process")
SLOW = 6  # the limits are those of real machines
LACKS = {  # what this machine has not
    "test_mounts_are_told_with_source_target_type_and_options": "docker's seccomp filter",
    "test_what_runtimes_do_by_themselves_is_nothing_of_that_kind": "a runtime",
    "test_a_command_of_the_host_is_told_as_the_hosts": "coreutils: the host is a busybox",
}
if not V2:
    LACKS.update(dict.fromkeys((
        "test_the_first_bytes_of_each_direction_and_the_end_of_a_flow_are_told",
        "test_the_containers_own_dns_answers_are_told",
        "test_bytes_of_a_container_are_counted_without_loopback",
        "test_a_move_between_cgroups_is_told"), "a cgroup v2 tree"))
SHORT = (  # of these, in the short form
    "test_an_open_tells_path_access_and_file", "test_unlink_rmdir_and_mkdir_are_told",
    "test_an_exec_tells_file_arguments_folder_rights_and_namespaces",
    "test_setns_and_unshare_tell_the_namespaces_that_follow",
    "test_the_first_bytes_of_each_direction_and_the_end_of_a_flow_are_told",
)


class Layer:
    def __init__(self, mode):
        self.mode, self.broken = mode, None
        before = {name: sys.modules.pop(name, None) for name in NAMES}
        runtimes = importlib.import_module("runtimes")
        runtimes.docker = runtimes.once(lambda: self._engine(runtimes))
        self.events = importlib.import_module("events")
        self.events.LIMIT *= SLOW
        self.events.Reader.wait.__defaults__ = (self.events.LIMIT, 0)
        self.events.Serving.call.__defaults__ = (20 * SLOW,)
        self.events.Box.run.__kwdefaults__ = {"timeout": 20 * SLOW}
        self.events.agent = runtimes.once(self._agent)
        self.events.Agent = self.new_agent
        for name in NAMES[2:]:
            importlib.import_module(name)
        self.modules = {name: sys.modules[name] for name in NAMES}
        sys.modules.update({name: m for name, m in before.items() if m})

    @staticmethod
    def _engine(runtimes):
        from engine import Engine
        return Engine(runtimes.root_tar(), runtimes.IMAGE)

    def new_agent(self, settings=None, **more):
        return harness.Agent({"sensor.mode": self.mode, **(settings or {})}, **more)

    def _agent(self):
        assert not self.broken, self.broken  # without it every test would wait for events
        agent = self.new_agent({"sensor.host": "exec,kill,cgroup_attach,mmap",
                                "sensor.environment": self.events.SECRET_ENV})
        sensor = agent.status()["sensor"]
        if sensor["mode"] != self.mode:
            self.broken = f"the layer is {sensor['mode']}: {sensor.get('problem')}"
        assert not self.broken, self.broken
        return agent

    def _run(self, fn):
        sys.modules.update(self.modules)  # tests import on their way, too
        fn()

    def take(self, namespace):
        """Makes these tests those of a module of the guest."""
        for module in NAMES[2:]:
            for name, fn in vars(self.modules[module]).items():
                if not name.startswith("test_") or getattr(fn, "__module__", "") != module or \
                        (SHORT_FORM and name not in SHORT):
                    continue

                def one(fn=fn, name=name):
                    if name in LACKS:
                        harness.skip(LACKS[name])
                    self._run(fn)
                one.__module__ = namespace["__name__"]
                namespace[f"test_{module[12:]}_{name[5:]}"] = one
