# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of isolation share: an agent that watches walls alone, containers that break one,
and what is said of it. Nothing here does harm: what is opened for writing is not written, processes
and namespaces are those of a program that the test started."""

import time

from baselines_at_work import facts
from events import STRONG, Serving
from harness import wait_until
from rules_at_work import Judged, written
from runtimes import once

SOON = 2.0  # seconds from the break to its alert
GRAVE = ("emergency", "alert", "critical", "error", "warning")
CONFIG = "isolation:\n  enabled: true\n  interval: 1s\n"


@once
def judged():
    j = Judged(config=written(CONFIG, "isolation.yaml"))
    wait_until(lambda: j.agent.json("/api/v1/status")["sensor"]["mode"] != "off", 15,
               "the kernel sensor is on: what starts from here on is seen from its start")
    return j


class Walls(Serving):
    """A container whose commands' findings are looked at."""

    def __init__(self, name, host=None, binds=(), **config):
        judged()  # what follows is seen
        self.mark = judged().mark()
        super().__init__(f"walls-{name}", {"Tmpfs": {"/mem": "rw,exec"}, **(host or {})}, binds,
                         **config)

    def doer(self, *steps, flags=()):
        """doer's steps, a string each. Returns what they returned."""
        words = []
        for step in steps:
            words += ([","] if words else []) + [
                str(w) for w in (step.split() if isinstance(step, str) else step)]
        self.mark, self.begun = judged().mark(), time.monotonic()
        _, _, output = self.call(["/bin/doer", *flags, *words])
        found = [line for line in output.splitlines() if line.startswith('{"pid"')]
        return eval(found[-1])["results"] if found else output  # numbers and names alone

    def told(self, rule, severity=None, stage=None, known_as=None, **more):
        """The alert of the last command, soon enough."""
        def fits(a):
            have = facts(a)
            return (severity is None or a["severity"] == severity) and \
                (stage is None or have.get("stage") == stage) and \
                (known_as is None or have.get("known_as") == known_as) and \
                all(have.get(k) == str(v) for k, v in more.items())
        try:
            a = judged().wait(rule, self.mark, self.id, timeout=SOON + 3, fits=fits)
        except AssertionError as why:
            raise AssertionError(f"{why}: {self.all(self.mark)}") from None
        took = time.monotonic() - self.begun
        assert took < SOON + 3, f"{rule} came after {took:.1f} s"
        return a

    def all(self, since=0):
        return [(a["rule"], a["severity"], a["title"], facts(a)) for a in judged().alerts(since)
                if a["kind"] == "isolation" and (a["container"] or {}).get("id") == self.id]

    def calm(self, since=0):
        """Nothing of warning or worse, from position `since` on, once later events were judged."""
        self.settle()
        grave = [a for a in self.all(since) if a[1] in GRAVE]
        assert not grave, f"{self.name}: {grave}"

    def fresh(self):
        """The position behind all that was done so far."""
        self.settle()
        return judged().mark()

    def settle(self):
        """Events come in order: when a mark of this container is told, all before it was."""
        mark, name = judged().mark(), f"/mem/cg{time.monotonic_ns()}"
        self.call(["/bin/doer", "mknodat", "-100", f"s:{name}", "0x6180", "0x700"])
        judged().wait("device-reached", mark, self.id, fits=lambda a: facts(a)["path"] == name)


STRONG_WALLS = {**STRONG, "CapAdd": STRONG["CapAdd"] + ["MKNOD", "DAC_READ_SEARCH"]}


@once
def plain():
    """As docker makes it."""
    return Walls("plain")


@once
def strong():
    """One that may mount and trace, with its processes to itself."""
    return Walls("strong", STRONG_WALLS)


@once
def seeing():
    """One that sees the host's processes, too."""
    return Walls("seeing", {**STRONG_WALLS, "PidMode": "host"})
