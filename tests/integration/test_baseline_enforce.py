# SPDX-License-Identifier: GPL-2.0-or-later
"""Enforcement: what the image never ran does not run, what it runs goes on; a wrong baseline does
limited harm and heals; without the agent nothing is enforced and nothing stays frozen."""

import os
import signal

from baselines_at_work import Learning, Place, facts, place_image, usual_work
from harness import Timeout, free_port, same, skip, wait_until
from runtimes import docker, once
from session import read_text, session

IMAGE = "bhtest/learned"
MANY = {"enforce.actions_per_image": "256", "enforce.actions_per_host": "256"}
RUNS = int(os.environ.get("BULKHEAD_ENFORCE_RUNS", "100"))


class World:
    def __init__(self, **settings):
        self.agent = Learning(**{**MANY, **settings})
        self.others = []
        self.box = Place("enforced", {"Tmpfs": {"/mem": "rw,exec"}}, Image=place_image())
        session.at_file_end(self.close)
        wait_until(lambda: any(b["repository"].endswith(IMAGE) for b in
                               self.agent.api()["baselines"]), 10, "a baseline of the image")
        early = self.agent.cli("mode", IMAGE, "enforce", check=False)
        assert early.returncode != 0 and "not learned" in early.stderr, early
        self.agent.until_mode(IMAGE, "detect", 90, lambda: usual_work(self.box))

    def enforce(self):
        self.agent.cli("mode", IMAGE, "enforce")
        self.held()

    def held(self):
        """Waits until its programs are looked up: the unknown one dies, the known one lives."""
        try:
            wait_until(lambda: self.killed("/usr/bin/id"), 10, "enforcement")
        except Timeout as why:
            told = [(a["title"], facts(a)) for a in self.agent.alerts()[-3:]]
            raise AssertionError(f"{why}: {self.agent.baseline(IMAGE)['versions']}: {told}") \
                from None
        same(self.ran("/bin/busybox", "true"), True, "a known program runs")

    def killed(self, *words):
        status = self.box.run(*words)[1]
        return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL

    def ran(self, *words):
        status = self.box.run(*words)[1]
        return os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0

    def close(self):
        for box in (*self.others, self.box):
            if box:
                box.close()
        self.agent.close()
        self.others, self.box = [], None


@once
def world():
    w = World()
    w.enforce()
    return w


def test_an_unknown_program_never_runs():
    w, since = world(), world().agent.mark()
    for n in range(RUNS):
        assert w.killed("/usr/bin/touch", "/tmp/it-ran"), f"run {n} was not killed"
    same(w.ran("/bin/busybox", "ls", "/tmp/it-ran"), False, "it left its file")
    alert = w.agent.deviation("baseline-exec", since, w.box.id, "/usr/bin/touch")
    same(alert["action"]["taken"], "kill", "action")
    assert "first instruction" in alert["action"]["outcome"], alert
    for _ in range(20):
        usual_work(w.box)
        same(w.ran("/bin/busybox", "true"), True, "a known program runs")
    b = w.agent.agent.metrics()
    assert b.value("bulkhead_baseline_killed_total") >= RUNS
    same(b.value("bulkhead_baseline_wrongly_killed_total"), 0, "known programs killed")


def test_what_is_dropped_never_runs_whatever_its_name():
    w = world()
    w.box.run("/bin/busybox", "cp", "/bin/busybox", "/tmp/tool")
    assert w.killed("/tmp/tool", "true"), "a file that was written"
    w.box.run("/bin/busybox", "cp", "/bin/busybox", "/mem/tool")
    assert w.killed("/mem/tool", "true"), "a file on a file system in memory"
    # over a known one: its path is known, its file is not
    w.box.run("/bin/busybox", "cp", "/bin/dash", "/tmp/dash")
    w.box.doer("rename s:/tmp/dash s:/bin/dash")
    assert w.killed("/bin/dash", "/srv/app/run.sh"), "a known path with another file"


def test_an_operator_and_another_container_go_on():
    w = world()
    done = docker().exec(w.box.id, "/usr/bin/id")
    same(docker().exec_done(done), 0, "docker exec of an unknown program")
    box = Place("second", {"Tmpfs": {"/mem": "rw,exec"}}, Image=place_image())
    w.others.append(box)  # one that ends soon after a kill would trip the breaker
    wait_until(lambda: w.agent.agent.containers().get(box.id), 10, "it in the list")
    usual_work(box)

    def dies():
        status = box.run("/usr/bin/id")[1]
        return os.WIFSIGNALED(status)
    wait_until(dies, 10, "an unknown program dies there, too")
    status = box.run("/bin/busybox", "true")[1]
    same(status, 0, "a known program there")


def test_acceptance_heals():
    w, since = world(), world().agent.mark()
    assert w.killed("/usr/bin/nl", "/etc/app.conf")
    alert = w.agent.deviation("baseline-exec", since, w.box.id, "/usr/bin/nl")
    preview = w.agent.cli("preview", IMAGE).stdout
    assert "/usr/bin/nl" in preview, preview
    w.agent.cli("accept", IMAGE, "exec", "--entry", facts(alert)["entry"])
    wait_until(lambda: w.ran("/usr/bin/nl", "/etc/app.conf"), 5, "it runs")


def test_without_the_agent_nothing_is_enforced_and_with_it_all_is_again():
    w = world()
    w.agent.agent.stop()
    same(w.ran("/usr/bin/id"), True, "an unknown program without the agent")
    w.agent.agent.port = free_port()
    w.agent.agent.start()
    wait_until(lambda: w.box.id in w.agent.agent.containers(), 10, "its container")
    same(w.agent.mode(IMAGE), "enforce", "mode after a restart")
    w.held()


def test_the_breaker_ends_what_does_too_much():
    world().close()  # it would go on with the same image
    w = World(**{"enforce.actions_per_image": "3"})
    try:
        w.agent.cli("mode", IMAGE, "enforce")
        since = w.agent.mark()
        wait_until(lambda: w.killed("/usr/bin/id") or w.agent.mode(IMAGE) == "detect", 10,
                   "a kill")

        def again():
            w.box.run("/usr/bin/id")
            return w.agent.mode(IMAGE) == "detect"
        wait_until(again, 10, "the image back in detect")
        w.agent.wait("enforcement-tripped", since)
        wait_until(lambda: w.ran("/usr/bin/id"), 5, "an unknown program runs again")
    finally:
        w.close()


def test_what_cannot_be_refused_here_is_killed_late_and_that_is_said():
    world().close()
    w = World(**{"enforce.write": "deny", "enforce.exec": "alert", "enforce.script": "alert"})
    try:
        if w.agent.baseline(IMAGE)["can_deny"]:
            skip("this machine's layer refuses: tests/vm/guest/test_deny.py")
        why = "this layer of the kernel sensor refuses nothing"
        assert f"write: killed after it was seen, not refused: {why}" in \
            w.agent.cli("show", IMAGE).stdout
        w.agent.cli("mode", IMAGE, "enforce")
        since = w.agent.mark()
        w.box.doer("openat -100 s:/srv/app/new 0101 0644")
        alert = w.agent.deviation("baseline-write", since, w.box.id, "/srv/app/new")
        same(alert["action"]["taken"], "kill", "action")
        assert alert["action"]["outcome"].endswith(f"; not refused: {why}"), alert["action"]
    finally:
        w.close()


def frozen(cid):
    pid = docker().pid_of(cid)
    for line in read_text(f"/proc/{pid}/cgroup").splitlines():
        _, names, path = line.split(":", 2)
        if names == "freezer":
            return read_text(f"/sys/fs/cgroup/freezer{path}/freezer.state").strip() != "THAWED"
    return "frozen 1" in read_text(f"/sys/fs/cgroup{path}/cgroup.events")


def test_a_freeze_ends_with_enforcement_and_after_a_crash():
    world().close()
    w = World(**{"enforce.listen": "freeze", "enforce.exec": "alert",
                 "enforce.script": "alert"})
    listens = ["/bin/busybox", "nc", "-l", "-p", "4444", "-w", "1"]
    try:
        w.agent.cli("mode", IMAGE, "enforce")
        since = w.agent.mark()
        try:
            w.box.call(listens, timeout=3)
        except AssertionError:
            pass  # it is frozen and cannot answer
        alert = w.agent.deviation("baseline-listen", since, w.box.id, "tcp/4444")
        same(alert["action"]["taken"], "freeze", "action")
        wait_until(lambda: frozen(w.box.id), 5, "the container frozen")
        w.agent.agent.kill()
        same(frozen(w.box.id), True, "frozen while nobody is there to end it")
        w.agent.agent.port = free_port()
        w.agent.agent.start()
        wait_until(lambda: not frozen(w.box.id), 5, "the container free after the crash")
    finally:
        w.close()
