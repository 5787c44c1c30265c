# SPDX-License-Identifier: GPL-2.0-or-later
"""Actions on real containers: they take effect, are undone, and a crash in the middle is mended."""

import json
import os
import signal
import subprocess
import time

from boxes import Running
from harness import BUILD, alive, read_text, same, skip, wait_until
from runtimes import docker
from session import all_pids, die_with_parent, remove_cgroup, session, start_time

RESPONDER = os.path.join(BUILD, "tests/sensor/responder")
SPIN = ["sh", "-c", "while true; do :; done"]
STUBBORN = ["sh", "-c", "trap '' TERM; while true; do sleep 1; done"]
MEASURE_S = 1.5


def cgroup_of(pid, hierarchy):
    """Path of a process in a hierarchy by its v1 name; "" is the v2 tree."""
    for line in read_text(f"/proc/{pid}/cgroup").splitlines():
        _, names, path = line.split(":", 2)
        if hierarchy in names.split(",") or (not hierarchy and not names):
            return path
    return None


def mount_of(hierarchy):
    for line in read_text("/proc/self/mountinfo").splitlines():
        left, _, right = line.partition(" - ")
        kind, _, options = right.split()[:3]
        if (kind == "cgroup2" and not hierarchy) or \
                (kind == "cgroup" and hierarchy in options.split(",")):
            return left.split()[4]
    return None


def watched():
    """The hierarchy whose paths bulkheadd uses here."""
    return next((h for h in ("memory", "cpuacct", "cpu", "pids", "blkio") if mount_of(h)), "")


class Responder:
    """The program, for one container."""

    def __init__(self, cid, path, pid, folder=None, lease=600, grace=2, percent=10,
                 mountinfo="/proc/self/mountinfo"):
        self.folder = folder or session.temp("responder")
        self.state = f"{self.folder}/state"
        os.makedirs(self.state, exist_ok=True)
        self.out = f"{self.folder}/out"
        with open(self.out, "wb") as out:
            self.process = subprocess.Popen(
                [RESPONDER, self.state, mountinfo, cid, path, str(pid), str(lease), str(grace),
                 str(percent)], stdin=subprocess.PIPE, stdout=out, preexec_fn=die_with_parent)
        session.at_end(self.kill)

    def lines(self):
        return [json.loads(line) for line in read_text(self.out).splitlines(True)
                if line.endswith("\n")]

    def told(self):
        return [(x["told"], x["action"]) for x in self.lines() if "told" in x]

    def do(self, command):
        """Its result: a number as the kernel gives them."""
        before = len([x for x in self.lines() if "did" in x])
        self.process.stdin.write(f"{command}\n".encode())
        self.process.stdin.flush()
        return wait_until(lambda: [x for x in self.lines() if "did" in x][before:], 10,
                          f"an answer to {command}")[0]["result"]

    def wait_told(self, *what, timeout=10):
        wait_until(lambda: what in self.told(), timeout,
                   f"{what} is told; so far {self.lines()[-6:]}")

    def journal(self):
        try:
            return sorted(os.listdir(f"{self.state}/responses"))
        except FileNotFoundError:
            return []

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def end(self):
        self.do("end")
        same(self.process.wait(10), 0, "exit code of the responder")

    def __enter__(self):
        return self

    def __exit__(self, *why):
        if self.process.poll() is None and not why[0]:
            self.end()
        self.kill()


def responder(c, **more):
    pid = docker().pid_of(c.id)
    return Responder(c.id, cgroup_of(pid, watched()), pid, **more)


def cpu_ns(pid):
    """CPU time of the process."""
    fields = read_text(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cores(pid):
    """CPU seconds a second over a while."""
    begin, used = time.monotonic(), cpu_ns(pid)
    time.sleep(MEASURE_S)
    return (cpu_ns(pid) - used) / (time.monotonic() - begin)


def stands_still(pid, when):
    got = cores(pid)  # the last one to freeze may run on for a tick
    assert got < 0.03, f"{got} cores {when}"


def wait_running(pid):
    used = cpu_ns(pid)
    wait_until(lambda: cpu_ns(pid) > used + 0.1, 10, "the process goes on")


def test_a_freeze_stops_a_container_and_its_undoing_lets_it_go_on():
    with Running("frozen", SPIN) as c, responder(c) as r:
        pid = docker().pid_of(c.id)
        wait_running(pid)
        same(r.do("freeze"), 0, "freeze")
        r.wait_told("begun", "freeze")
        same(len(r.journal()), 1, "files in the journal")
        stands_still(pid, "of a frozen process")
        same(r.do("freeze"), -114, "a second freeze")  # EALREADY
        same(r.do("undo"), 1, "undo")
        wait_running(pid)
        r.wait_told("undone", "freeze")
        wait_until(lambda: not r.journal(), 5, "an empty journal")


def test_a_lease_ends_a_freeze_and_the_end_of_the_agent_ends_a_pause():
    with Running("leased", SPIN) as c:
        pid = docker().pid_of(c.id)
        with responder(c, lease=1) as r:
            r.do("freeze")
            r.wait_told("begun", "freeze")
            r.wait_told("undone", "freeze")
            wait_running(pid)
            r.do("pause")
            r.wait_told("begun", "pause")
            stands_still(pid, "of a paused process after the length of a lease")
        wait_running(pid)
        same(r.journal(), [], "journal")


def test_a_throttle_lowers_the_use_of_cpu_and_its_undoing_raises_it():
    with Running("throttled", SPIN) as c, responder(c) as r:
        pid = docker().pid_of(c.id)
        wait_running(pid)
        same(r.do("throttle"), 0, "throttle")
        r.wait_told("begun", "throttle")
        low = cores(pid)
        assert low < 0.2, f"{low} cores under a throttle of 0.1"
        same(r.do("undo"), 1, "undo")
        wait_until(lambda: cores(pid) > 2 * low + 0.1, 20, "more CPU again")


def test_a_throttle_lowers_limits_within_the_container_too():
    top = mount_of("cpu")
    if not top:
        skip("the cpu controller is not on cgroup v1")
    with Running("nested", ["sleep", "1000"], {"NanoCpus": 1500000000}) as c, responder(c) as r:
        folder = top + cgroup_of(docker().pid_of(c.id), "cpu")
        inner = f"{folder}/inner"
        os.mkdir(inner)
        try:
            with open(f"{inner}/cpu.cfs_quota_us", "w") as f:
                f.write("60000")
            r.do("throttle")
            r.wait_told("begun", "throttle")
            same(read_text(f"{folder}/cpu.cfs_quota_us"), "10000\n", "its quota")
            same(read_text(f"{inner}/cpu.cfs_quota_us"), "10000\n", "the quota within")
            r.do("undo")
            same(read_text(f"{folder}/cpu.cfs_quota_us"), "150000\n", "its quota afterwards")
            same(read_text(f"{inner}/cpu.cfs_quota_us"), "60000\n", "that within afterwards")
        finally:
            os.rmdir(inner)


def test_a_crash_in_the_middle_is_mended_by_the_next_start():
    with Running("crashed", SPIN) as c:
        pid = docker().pid_of(c.id)
        r = responder(c)
        r.do("throttle")
        r.wait_told("begun", "throttle")
        r.do("freeze")
        r.wait_told("begun", "freeze")
        r.kill()
        same(len(r.journal()), 2, "files in the journal")
        stands_still(pid, "while nobody is there")
        with responder(c, folder=r.folder) as again:
            same(again.do("recover"), 2, "undone at the start")
            same({x["reason"] for x in again.lines() if "told" in x}, {"crash"}, "reasons")
            wait_running(pid)
            wait_until(lambda: cores(pid) > 0.3, 20, "its CPU again")
            same(again.journal(), [], "journal")


def test_crashes_at_any_moment_leave_nothing_frozen():
    with Running("often", SPIN) as c:
        pid = docker().pid_of(c.id)
        folder = None
        for i in range(20):
            r = responder(c, folder=folder)
            folder = r.folder
            assert r.do("recover") >= 0, r.lines()
            r.process.stdin.write(b"freeze\nundo\nfreeze\nthrottle\nundo\nfreeze\n")
            r.process.stdin.flush()
            wait_until(lambda: len(r.lines()) > i % 10, 10, "some of it is done")
            r.kill()
        with responder(c, folder=folder) as r:
            assert r.do("recover") >= 0, r.lines()
            same(r.journal(), [], "journal")
            wait_running(pid)


def test_a_container_that_ended_while_frozen_is_forgotten():
    with Running("ended", SPIN) as c, responder(c) as r:
        r.do("pause")
        r.wait_told("begun", "pause")
        pid = docker().pid_of(c.id)
        same(r.do("stop"), 0, "stop of a frozen container")
        wait_until(lambda: not alive(pid), 10, "the end of its process")
        r.wait_told("ended", "stop")
        wait_until(lambda: not r.journal(), 5, "an empty journal")


def test_a_stop_asks_first_and_kills_what_does_not_listen():
    with Running("stubborn", STUBBORN) as c, responder(c, grace=2) as r:
        pid = docker().pid_of(c.id)
        same(r.do("stop"), 0, "stop")
        r.wait_told("begun", "stop")
        time.sleep(1)  # well within the grace
        assert alive(pid), "it was killed before the grace was over"
        wait_until(lambda: not alive(pid), 10, "the end of its first process")
        r.wait_told("ended", "stop")


def test_one_process_is_killed_and_not_its_neighbours():
    command = ["sh", "-c", "sleep 1001 & sleep 1002 & wait; sleep 1003"]
    with Running("killed", command) as c, responder(c) as r:
        first = docker().pid_of(c.id)

        def sleepers():
            return {read_text(f"/proc/{p}/cmdline", "").split("\0")[1]: p for p in all_pids()
                    if read_text(f"/proc/{p}/stat", "").rpartition(")")[2].split()[1:2] ==
                    [str(first)] and "sleep" in read_text(f"/proc/{p}/cmdline", "")}
        found = wait_until(lambda: len(sleepers()) == 2 and sleepers(), 10, "two sleeps")
        tick = 1000000000 // os.sysconf("SC_CLK_TCK")
        start = int(start_time(found["1001"])) * tick
        same(r.do(f"kill {found['1001']} {start + 5 * tick}"), -3, "with another start")  # ESRCH
        assert alive(found["1001"]), "it was killed all the same"
        same(r.do(f"kill {found['1001']} {start + tick - 1}"), 0, "kill")
        wait_until(lambda: not alive(found["1001"]), 5, "its end")
        assert alive(found["1002"]) and alive(first), "others are gone too"


def test_freeze_and_stop_work_on_a_cgroup_v2_tree():
    top = mount_of("")
    if not top or not os.path.exists(f"{top}/cgroup.procs"):
        skip("no cgroup v2 tree")
    mountinfo = os.path.join(session.temp("mounts"), "mountinfo")
    with open(mountinfo, "w") as f:
        f.writelines(line for line in read_text("/proc/self/mountinfo").splitlines(True)
                     if " - cgroup2 " in line)
    path = f"/{session.name}-v2"
    os.makedirs(f"{top}{path}/below")
    process = subprocess.Popen(SPIN, stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)
    try:
        with open(f"{top}{path}/below/cgroup.procs", "w") as f:
            f.write(str(process.pid))
        with Responder("v2", path, process.pid, mountinfo=mountinfo) as r:
            r.do("freeze")
            r.wait_told("begun", "freeze")
            same(read_text(f"{top}{path}/cgroup.freeze"), "1\n", "cgroup.freeze")
            wait_until(lambda: "frozen 1" in read_text(f"{top}{path}/cgroup.events"), 5, "frozen")
            r.do("undo")
            wait_running(process.pid)
            r.do("freeze")
            r.do("stop")
            same(process.wait(10), -signal.SIGKILL, "how it ended")
            r.wait_told("ended", "stop")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        remove_cgroup(path)
