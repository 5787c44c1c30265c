# SPDX-License-Identifier: GPL-2.0-or-later
"""An image that is learned: each thing that it never did is told within two seconds, with what it
was, how near it comes to what is known, and how rare it is; and what it always does is not."""

import time

from baselines_at_work import Learning, Place, facts, place_image, usual_work
from events import address_words, sockaddr
from harness import same, wait_until
from runtimes import docker, once
from session import session

IMAGE = "bhtest/learned"
HOST = {"CapAdd": ["SYS_ADMIN", "SYS_PTRACE", "SYS_CHROOT"], "Tmpfs": {"/mem": "rw,exec"},
        "SecurityOpt": ["seccomp=unconfined", "apparmor=unconfined"]}
SOON = 2.0  # seconds within which an event must be an alert

TCP, UDP = "socket 2 1 0", "socket 2 2 0"


def exec_of(path, *words):
    return [("fork", "{", "execve", f"s:{path}", "v:" + "|".join((path, *words)), "v:", "}"),
            "wait %0"]


# what is done, the rule that tells it, what its entry holds
DEVIATIONS = [
    ("a program of the image that never ran", lambda b: b.run("/usr/bin/id"), "exec", "/usr/bin/id"),
    ("another one", lambda b: b.run("/usr/bin/tac", "/etc/app.conf"), "exec", "/usr/bin/tac"),
    ("a known program started by another", lambda b: b.run("/usr/bin/env", "/bin/busybox", "true"),
     "exec", "/usr/bin/env"),
    ("a program that was dropped", lambda b: (b.run("/bin/busybox", "cp", "/bin/busybox",
                                                    "/tmp/dropped"), b.run("/tmp/dropped", "true")),
     "exec", "/tmp/dropped"),
    ("a program on a file system in memory", lambda b: (
        b.run("/bin/busybox", "cp", "/bin/busybox", "/mem/tool"), b.run("/mem/tool", "true")),
     "exec", "/mem/tool"),
    ("a script of the image that never ran", lambda b: b.run(
        "/bin/dash", "/srv/app/other.sh"), "script",
     "/srv/app/other.sh"),
    ("code on a command line", lambda b: b.run("/bin/dash", "-c", "true"), "script", "-c"),
    ("a write into a new directory", lambda b: b.doer(
        "mkdir s:/srv/new 0755", "openat -100 s:/srv/new/file 0101 0644"), "write", "/srv/new"),
    ("a change of a configuration", lambda b: b.doer("openat -100 s:/etc/app.conf 1"), "write",
     "/etc/app.conf"),
    ("a file removed", lambda b: b.doer("unlink s:/srv/app/other.sh"), "write",
     "/srv/app/other.sh"),
    ("a file renamed", lambda b: b.doer("rename s:/srv/app/data.txt s:/srv/app/data.old",
                                        "rename s:/srv/app/data.old s:/srv/app/data.txt"),
     "write", "/srv/app/data.old"),
    ("a link made", lambda b: b.doer("symlink s:/etc/app.conf s:/opt-link"), "write", "/opt-link"),
    ("a hard link made", lambda b: b.doer("link s:/etc/app.conf s:/opt-hard"), "write",
     "/opt-hard"),
    ("a mode changed", lambda b: b.doer("chmod s:/bin/dash 04755"), "write", "/bin/dash"),
    ("an owner changed", lambda b: b.doer("chown s:/root/.ssh/id_rsa 5 5"), "write",
     "/root/.ssh/id_rsa"),
    ("a file cut", lambda b: b.doer("truncate s:/srv/app/run.sh 4"), "write", "/srv/app/run.sh"),
    ("a device made", lambda b: b.doer("mknod s:/dev/fresh 010644 0"), "write", "/dev/fresh"),
    ("passwords read", lambda b: b.doer("openat -100 s:/etc/shadow 0"), "read", "/etc/shadow"),
    ("a key read", lambda b: b.doer("openat -100 s:/root/.ssh/id_rsa 0"), "read", "id_rsa"),
    ("a secret read", lambda b: b.doer("openat -100 s:/run/secrets/token 0"), "read",
     "/run/secrets"),
    ("another process' environment read", lambda b: b.doer("openat -100 s:/proc/1/environ 0"),
     "read", "environ"),
    ("a new port", lambda b: b.doer(TCP, ("bind", "%0", *address_words(sockaddr("0.0.0.0", 4444))),
                                    "listen %0 5"), "listen", "tcp/4444"),
    ("a new datagram port", lambda b: b.doer(
        UDP, ("bind", "%0", *address_words(sockaddr("0.0.0.0", 5555)))), "listen", "udp/5555"),
    ("a new peer", lambda b: b.doer(TCP, ("connect", "%0", *address_words(
        sockaddr("10.77.0.1", 9999)))), "connect", "tcp/9999/10/77/0/1"),
    ("a new datagram peer", lambda b: b.doer(UDP, ("sendto", "%0", "s:hello", "5", "0",
                                                   *address_words(sockaddr("10.77.0.1", 7777)))),
     "connect", "udp/7777/10/77/0/1"),
    ("a new user", lambda b: b.doer("setresuid 4321 4321 4321"), "user", "4321"),
    ("a new namespace", lambda b: b.doer("unshare 0x04000000"), "call", "unshare"),
    ("a mount", lambda b: b.doer("unshare 0x00020000", ("mount", "s:none", "s:/tmp", "s:tmpfs", "0",
                                                        "0")), "call", "mount"),
    ("another root", lambda b: b.doer("chroot s:/srv"), "call", "chroot"),
    ("a process traced", lambda b: b.doer(("fork", "{", "ptrace", "0", "0", "0", "0", "}"),
                                          "wait %0"), "call", "ptrace"),
    ("a file in memory", lambda b: b.doer("memfd_create s:hidden 0"), "call", "memfd_create"),
    ("a system call", lambda b: b.doer("personality 0x0008"), "syscall", "personality"),
]


class World:
    """An agent that has learned the image, and its container."""

    def __init__(self):
        self.agent = Learning()
        self.box = Place("learned", {**HOST}, Image=place_image())
        self.box.address("10.77.0.1")
        session.at_file_end(self.close)
        wait_until(lambda: any(b["repository"].endswith(IMAGE) for b in
                               self.agent.api()["baselines"]), 10, "a baseline of the image")
        self.agent.until_mode(IMAGE, "detect", 90, lambda: usual_work(self.box))

    def close(self):
        self.box.close()
        self.agent.close()


@once
def world():
    return World()


def test_an_image_learns_by_itself_and_what_it_always_does_is_quiet():
    w = world()
    since = w.agent.mark()
    for _ in range(20):
        usual_work(w.box)
        time.sleep(0.1)
    told = [a for a in w.agent.alerts(since) if a["kind"] == "baseline"]
    assert not told, [a["title"] for a in told]
    b = w.agent.baseline(IMAGE)
    assert b["maturity"]["exec"]["steady"]["complete"], b["maturity"]["exec"]
    entries = {e["entry"] for e in b["sets"]["exec"]}
    assert any(e.startswith("/bin/busybox") for e in entries), entries


def test_each_of_thirty_deviations_is_told_within_two_seconds():
    w = world()
    late, missed = [], []
    for what, do, rule, entry in DEVIATIONS:
        since = w.agent.mark()
        begin = time.monotonic()
        do(w.box)
        done = time.monotonic()
        try:
            alert = w.agent.deviation(f"baseline-{rule}", since, w.box.id, entry)
        except AssertionError as why:
            missed.append(f"{what}: {why}")
            continue
        took = time.monotonic() - done
        if took > SOON:
            late.append(f"{what}: {took:.1f} s after {done - begin:.1f} s of doing")
        f = facts(alert)
        assert f["mode"] == "detect" and "windows" in f["rarity"], f
        assert rule == "syscall" or alert["process"]["exe"], alert
    assert not missed and not late, "\n".join(missed + late)
    assert len(DEVIATIONS) >= 30


def test_a_deviation_that_is_accepted_is_told_no_more():
    w = world()
    since = w.agent.mark()
    w.box.run("/usr/bin/nl", "/etc/app.conf")
    alert = w.agent.deviation("baseline-exec", since, w.box.id, "/usr/bin/nl")
    w.agent.cli("accept", IMAGE, "exec", "--entry", facts(alert)["entry"])
    since = w.agent.mark()
    w.box.run("/usr/bin/nl", "/etc/app.conf")
    w.box.run("/usr/bin/expr", "1", "+", "1")  # told after it
    w.agent.deviation("baseline-exec", since, w.box.id, "/usr/bin/expr")
    w.agent.cli("forget", IMAGE, "exec", "--entry", facts(alert)["entry"])
    again = [a for a in w.agent.alerts(since) if a["rule"] == "baseline-exec"
             and "/usr/bin/nl" in facts(a)["entry"]]
    same(again, [], "alerts of what was accepted")


def test_another_container_of_the_image_is_judged_by_what_the_first_one_taught():
    w = world()
    with Place("second", {**HOST}, Image=place_image()) as box:
        since = w.agent.mark()
        usual_work(box)
        time.sleep(4)  # its start-up is over
        usual_work(box)
        box.run("/usr/bin/tac", "/etc/app.conf")
        w.agent.deviation("baseline-exec", since, box.id, "/usr/bin/tac")
        graver = [a["title"] for a in w.agent.alerts(since) if a["kind"] == "baseline"
                  and a["container"]["id"] == box.id and a["severity"] not in ("info",)
                  and "/usr/bin/tac" not in a["title"]]
        same(graver, [], "other deviations")


def test_a_new_capability_is_told():
    w = world()
    with Place("strong", {**HOST, "CapAdd": [*HOST["CapAdd"], "SYS_TIME"]},
               Image=place_image()) as box:
        wait_until(lambda: w.agent.agent.containers().get(box.id), 5, "it in the list")
        since = w.agent.mark()
        usual_work(box)
        w.agent.deviation("baseline-capability", since, box.id, "CAP_SYS_TIME")


def test_it_is_all_there_after_a_restart():
    w = world()
    before = w.agent.baseline(IMAGE)
    docker()  # it goes on while the agent is away
    w.agent.agent.restart()
    after = wait_until(lambda: w.agent.baseline(IMAGE), 10, "the baseline")
    same(after["mode"], "detect", "mode")
    same({e["entry"] for e in before["sets"]["exec"]} - {e["entry"] for e in after["sets"]["exec"]},
         set(), "programs that were forgotten")
    wait_until(lambda: w.box.id in w.agent.agent.containers(), 10, "its container")
    since = w.agent.mark()
    usual_work(w.box)
    w.box.run("/usr/bin/expr", "2", "+", "2")
    w.agent.deviation("baseline-exec", since, w.box.id, "/usr/bin/expr")


