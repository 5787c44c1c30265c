# SPDX-License-Identifier: GPL-2.0-or-later
"""A baseline whose deviations are denied, by the whole agent in the trampoline layer: programs,
files and peers that are new to the image are refused before anything happens, what it always did
goes on, a person's word heals, and with the mode all of it ends."""

import contextlib
import importlib
import os
import shutil
import sys
import threading
import time

import harness
from engine import Engine
from harness import BUILD, run, same, skip, wait_until
from session import session

NAMES = ("runtimes", "events", "rules_at_work", "baselines_at_work")
REFUSED, BEGUN = -1, 0  # EPERM; a connection that is not waited for
PEER, OTHER = "10.77.0.1", "10.78.0.1"  # the machine's own: nothing leaves it
IMAGE = "bhtest/denied"
SETTINGS = {"sensor.mode": "trampoline", "baseline.syscalls": "false", "baseline.startup": "1s",
            "baseline.windows_without_news": "4", "enforce.exec": "deny", "enforce.write": "deny",
            "enforce.connect": "deny", "enforce.actions_per_image": "256",
            "enforce.actions_per_host": "256"}
LONG = 60
LONGER = 400  # what is emulated and shares its processor takes its time


def _modules():
    """The helpers of the integration tests, on the guest's engine in place of docker."""
    before = {name: sys.modules.pop(name, None) for name in NAMES}
    runtimes = importlib.import_module("runtimes")
    runtimes.docker = runtimes.once(lambda: Engine(runtimes.root_tar(), f"{IMAGE}:1"))
    work = importlib.import_module("baselines_at_work")
    sys.modules.update({name: m for name, m in before.items() if m})
    return runtimes, work


runtimes, work = _modules()


@contextlib.contextmanager
def patience(what):
    """Tells tests/vm/run.py that the machine does not hang; how long it took."""
    over, begin = threading.Event(), time.monotonic()

    def speak():
        while not over.wait(30):
            print(f"# {what} ...", flush=True)
    speaker = threading.Thread(target=speak, daemon=True)
    speaker.start()
    try:
        yield
    finally:
        over.set()
        speaker.join()
        print(f"# {what}: {time.monotonic() - begin:.1f} s", flush=True)


class Box(work.Place):
    def victim(self, *words):
        """What it met, by victim's word."""
        said = self.run("/bin/victim", *words, timeout=LONG)[2]
        assert said.strip().lstrip("-").isdigit(), f"victim {words}: {said!r}"
        return int(said)

    def there(self, path):
        return os.path.lexists(f"/proc/{runtimes.docker().pid_of(self.id)}/root{path}")

    def usual_work(self):
        """All of it is known afterwards, and nothing else."""
        same([self.victim("create", "/srv/data/a"), self.victim("unlink", "/srv/data/a"),
              self.victim("mkdir", "/srv/work/made"), self.victim("create", "/srv/work/made/b"),
              self.victim("unlink", "/srv/work/made/b"), self.victim("rmdir", "/srv/work/made")],
             [0] * 6, "usual changes")
        same(self.victim("connect", "tcp", PEER, "443"), BEGUN, "the usual peer")
        same(self.run("/bin/known", "touch", "/srv/data/a", timeout=LONG)[1], 0, "a usual program")
        same(self.victim("unlink", "/srv/data/a"), 0, "its file")


class World:
    tries = 0

    def __init__(self):
        self.prepare()
        before, harness.Agent.wait_ready.__defaults__ = \
            harness.Agent.wait_ready.__defaults__, (LONGER,)
        with patience("the agent starts"):
            try:
                self.agent = work.Learning(**SETTINGS)
            finally:
                harness.Agent.wait_ready.__defaults__ = before
        session.at_end(self.agent.close)
        sensor = self.agent.agent.status()["sensor"]
        if sensor["mode"] != "trampoline":
            skip(f"the layer is {sensor['mode']}: {sensor.get('problem')}")
        self.box = self.new_box("denied")
        with patience("the image is learned"):
            self.agent.until_mode(IMAGE, "detect", LONGER, self.box.usual_work)
            wait_until(self.version_is_learned, LONGER, "the version learned", step=0.3)
        self.agent.cli("mode", IMAGE, "enforce")
        with patience("enforcement begins"):
            self.held(self.box)

    @staticmethod
    def prepare():
        """The image, and addresses of peers."""
        image = runtimes.docker().image
        for name in ("victim", "known", "new", "late"):
            shutil.copy(f"{BUILD}/tests/vm/victim", f"{image}/bin/{name}")
        for folder in ("srv/data", "srv/work", "srv/other", "srv/late", "opt"):
            os.makedirs(f"{image}/{folder}", exist_ok=True)
        with open(f"{image}/srv/other/old", "w") as f:
            f.write("old")
        for address in (PEER, OTHER):
            run("ip", "addr", "replace", f"{address}/24", "dev", "lo")

    def new_box(self, name):
        box = Box(name, {"NetworkMode": "host"})
        session.at_end(box.close)
        wait_until(lambda: [b for b in self.agent.api()["baselines"]
                            if b["repository"].endswith(IMAGE)], LONG, "a baseline of the image")
        return box

    def version_is_learned(self):
        self.box.usual_work()
        return all(v["learned"] for v in self.agent.baseline(IMAGE)["versions"])

    def held(self, box):
        """Each class on its own: they begin when their verdicts are there. Before that, what is new
        is done and then killed: each try is of another name."""
        def refused():
            self.tries += 1
            same([box.victim("mkdir", f"/opt/try-{self.tries}"),
                  box.victim("connect", "tcp", OTHER, "1"),
                  box.victim("run", "/bin/new", "touch", "/srv/data/try")], [REFUSED] * 3,
                 "what was met")
            return True
        wait_until(refused, LONGER, "enforcement", step=0.5)


_world = []


def world():
    """One for all; it is not tried again and again where it cannot be made."""
    if not _world:
        _world.append(None)
        _world[0] = World()
    assert _world[0], "there is no world: see the first test here"
    return _world[0]


def killed_late():
    return world().agent.agent.metrics().value("bulkhead_baseline_late_kills_total")


def deviation(rule, since, entry):
    w = world()
    a = w.agent.deviation(rule, since, w.box.id, entry, LONG)
    same(a["action"]["taken"], "deny", f"action on {entry}")
    assert "before it happened" in a["action"]["outcome"], a["action"]
    return a


def accept(alert):
    f = work.facts(alert)
    world().agent.cli("accept", IMAGE, f["class"], "--entry", f["entry"])


def test_deny_refuses_new_programs_files_and_peers_before_anything_happens():
    w = world()
    since, late = w.agent.mark(), killed_late()
    lines = w.box.run("/bin/victim", "storm", "100", "/bin/new", "touch", "/srv/data/ran",
                      timeout=LONG)[2]
    same(lines.split(), ["0", "100", "0"], "killed, refused, ran")
    same(w.box.there("/srv/data/ran"), False, "the file that it would have made")
    deviation("baseline-exec", since, "/bin/new")
    since = w.agent.mark()
    steps = (("create", "/srv/other/new"), ("write", "/srv/other/old"), ("mkdir", "/opt/new"),
             ("unlink", "/srv/other/old"), ("symlink", "x", "/srv/other/link"),
             ("rename", "/srv/other/old", "/srv/data/old"), ("create", "/etc/new"),
             ("truncate", "/srv/other/old"))
    same({s: w.box.victim(*s) for s in steps}, dict.fromkeys(steps, REFUSED), "changes of files")
    same([w.box.there(f"/{p}") for p in ("srv/other/new", "opt/new", "srv/other/link", "etc/new",
                                         "srv/data/old", "srv/other/old")],
         [False] * 5 + [True], "what is there then")
    deviation("baseline-write", since, "/srv/other/new")
    deviation("baseline-write", since, "/opt/new")
    since = w.agent.mark()
    same([w.box.victim("connect", "tcp", OTHER, "443"), w.box.victim("connect", "tcp", PEER, "80"),
          w.box.victim("connect", "udp", PEER, "443"), w.box.victim("send", OTHER, "53")],
         [REFUSED] * 4, "peers")
    deviation("baseline-connect", since, "/10/78/0/1")
    m = w.agent.agent.metrics()
    assert m.value("bulkhead_baseline_denied_total") >= 100 + len(steps) + 4
    same(killed_late(), late, "killed late")
    same(m.value("bulkhead_baseline_wrongly_killed_total"), 0, "known, and refused")


def test_deny_lets_what_is_known_go_on():
    w = world()
    for _ in range(5):
        w.box.usual_work()
    same(w.box.victim("connect", "tcp", "127.0.0.1", "1"), BEGUN, "loopback")
    same(w.box.victim("write", "/dev/null"), 0, "a device")
    made = runtimes.docker().exec(w.box.id, "/bin/new", "touch", "/srv/other/operator")
    same(runtimes.docker().exec_done(made), 0, "an operator")
    same(w.box.there("/srv/other/operator"), True, "the operator's file")
    shown = w.agent.cli("show", IMAGE).stdout
    assert "write: refused before it happens" in shown, shown


def test_deny_heals_by_acceptance_and_not_for_others():
    w = world()
    since = w.agent.mark()
    same([w.box.victim("create", "/srv/late/x"), w.box.victim("connect", "tcp", OTHER, "8443"),
          w.box.victim("run", "/bin/late", "touch", "/srv/data/late")], [REFUSED] * 3, "before")
    for rule, entry in (("baseline-write", "/srv/late/x"), ("baseline-connect", "tcp/8443/"),
                        ("baseline-exec", "/bin/late")):
        accept(deviation(rule, since, entry))
    wait_until(lambda: w.box.victim("create", "/srv/late/x") == 0, LONG, "its file")
    wait_until(lambda: w.box.victim("connect", "tcp", OTHER, "8443") == BEGUN, LONG,
               "its peer")
    wait_until(lambda: w.box.victim("run", "/bin/late", "touch", "/srv/data/late") == 0, LONG,
               "its program")
    same([w.box.victim("create", "/srv/other/x"), w.box.victim("connect", "tcp", OTHER, "8444"),
          w.box.victim("run", "/bin/new", "touch", "/srv/data/n")], [REFUSED] * 3, "others")
    w.box.usual_work()


def test_deny_holds_the_next_container_of_the_image_too():
    w = world()
    box = w.new_box("second")
    w.held(box)
    box.usual_work()
    same(box.victim("create", "/srv/other/x"), REFUSED, "a new place")
    w.box.usual_work()  # one that ends soon after a refusal would trip the breaker


def test_deny_frees_a_container_whose_directories_cannot_be_said_and_says_so():
    w, entry = world(), "/nowhere/deep/x"
    since = w.agent.mark()
    w.agent.cli("accept", IMAGE, "write", "--entry", entry)

    def free():  # it is killed for it, but late
        w.box.run("/bin/victim", "create", "/srv/other/unheld", timeout=LONG)
        return w.box.there("/srv/other/unheld")
    wait_until(free, LONG, "a change that is not refused")
    alert = w.agent.wait("enforcement-partial", since, timeout=LONG)
    same(work.facts(alert)["class"], "write", "the class")
    shown = w.agent.cli("show", IMAGE).stdout
    assert "write: killed after it was seen, not refused: in a container" in shown, shown
    same(w.box.victim("connect", "tcp", OTHER, "443"), REFUSED, "a new peer")
    w.agent.cli("forget", IMAGE, "write", "--entry", entry)
    w.held(w.box)
    w.box.usual_work()


def test_deny_ends_with_the_mode():
    w = world()
    w.agent.cli("mode", IMAGE, "detect")

    def free():
        same([w.box.victim("run", "/bin/new", "touch", "/srv/other/free"),
              w.box.victim("connect", "tcp", OTHER, "443")], [0, BEGUN], "what is refused")
        return w.box.there("/srv/other/free")
    wait_until(free, LONG, "all lifted")
    w.agent.cli("mode", IMAGE, "enforce")
    w.held(w.box)
    w.box.usual_work()
    w.agent.cli("mode", IMAGE, "off")
    wait_until(lambda: w.box.victim("create", "/srv/other/off") == 0, LONG, "all lifted again")
