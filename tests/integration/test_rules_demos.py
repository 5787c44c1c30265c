# SPDX-License-Identifier: GPL-2.0-or-later
"""The demonstrations of a public tutorial (rules_demos.yaml), each performed as there: by docker's
command line, at a terminal where the tutorial has one. All rules that match are told, so each step
says all that must fire for it, and what else fires in its container is a failure."""

import os
import re
import secrets

from events import STRONG
from harness import DAEMON, need, run, same
from rules_at_work import Judged, Place, docker_cli, image, of, with_terminal
from runtimes import docker, once
from session import session

RULES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "rules_demos.yaml")
IMAGE, NGINX = "tutorial:1", "nginx:1.27"

BASH, BINARY, NAMESPACE = "bash in a container", "write below a binary directory", \
    "change of namespace"
DEV, CAMERA, SHELL = "file made in dev", "camera opened", "shell at a terminal of a container"
PROCESS, WRITE = "unauthorized process in nginx", "write outside of user data"
MOUNT = "container with a sensitive mount"

LINKS = {"usr/bin/touch": "../../bin/busybox", "bin/nginx": "doer", "bin/skype": "doer"}


@once
def judged():
    need("docker", "dash", "bash")
    for tag in (IMAGE, NGINX):
        image(tag, LINKS, {"userdata/kept": "x\n"}, ("/bin/bash", "/bin/dash"))
    return Judged(RULES, **{"rules.match": "all"})


@once
def marker():
    return Place("demo-marker", Image=IMAGE)


class Started:
    """A container that docker's command line runs."""

    def __init__(self, *words, tag=IMAGE, options=()):
        judged(), marker()
        self.since = judged().mark()
        self.name = f"demo-{secrets.token_hex(3)}"
        self.id = run(*docker_cli("run", "-d", "--name", self.name, "--network", "none", *options,
                                  tag, *words)).stdout.strip()

    def told(self, since):
        """What fired in the container since then, but for what runc does there on its way: it
        opens files for writing, which the rules of the tutorial do not leave out."""
        name = f"/dev/mark-{secrets.token_hex(4)}"
        marker().doer(f"openat -100 s:{name} 65 0600")
        judged().wait(DEV, since, marker().id, fits=lambda a: name in a["title"])
        return [a for a in judged().alerts(since)
                if of(a, self.id) and not a["process"]["comm"].startswith("runc")]

    def fires(self, rules, act=None):
        """These rules fire for it, and no others. Returns the first line of each."""
        since = judged().mark() if act else self.since
        if act:
            act()
        alerts = self.told(since)
        same(sorted({a["rule"] for a in alerts}), sorted(rules),
             f"rules that fired, with {[a['title'] for a in alerts][:10]}")
        return {rule: next(a["title"] for a in alerts if a["rule"] == rule) for rule in rules}

    def runs(self, rules, *words):
        return self.fires(rules, lambda: run(*docker_cli("exec", self.name, *words), check=False))

    def at_terminal(self, rules, *words):
        def act():
            code, said = with_terminal(*docker_cli("exec", "-it", self.name, *words))
            same(code, 0, f"exit code of {words}, which said {said!r}")
        return self.fires(rules, act)

    def __enter__(self):
        return self

    def __exit__(self, *why):
        docker().remove(self.id)


def line(got, pattern):
    assert re.match(pattern, got), f"{got!r} is not {pattern!r}"


def info(c):
    return f"container_id={c.id[:12]} container_name={c.name} "


def test_the_file_of_the_demonstrations_is_good():
    done = run(DAEMON, "rules", "check", RULES)
    assert "9 rules" in done.stdout and " 0 errors" in done.stdout, done.stdout


def test_a_bash_at_a_terminal_of_a_container_is_told():
    with Started() as c:
        # bash opens its terminal for writing, and the file of its history
        told = c.at_terminal((BASH, SHELL, WRITE), "bash")
        line(told[BASH], rf"bash in a container \(user=root command=bash {info(c)}.*\)")
        line(told[SHELL], r"Shell opened in a container \(user=root "
             rf"container={c.id[:12]} command=bash terminal=34816\)")
        told = c.at_terminal((SHELL, WRITE), "dash")
        line(told[SHELL], rf".*\(user=root container={c.id[:12]} command=dash terminal=34816\)")
        c.runs((BASH,), "bash", "-c", "true")
        c.runs((), "dash", "-c", "true")


def test_a_file_in_a_directory_of_programs_is_told():
    with Started() as c:
        for path in ("/bin/foo", "/usr/bin/foo"):
            told = c.runs((BINARY, WRITE), "touch", path)
            line(told[BINARY], r"File below a binary directory opened for writing \(user=root "
                 rf"command=touch {path} file={path} container={c.name}\)")


def test_a_write_outside_of_the_users_data_is_told():
    with Started() as c:
        told = c.runs((WRITE,), "touch", "/usr/foo")
        line(told[WRITE], r"Writing to a forbidden directory \(user=root command=touch /usr/foo "
             rf"file=/usr/foo container={c.name}\)")
        c.runs((), "touch", "/userdata/foo")
        c.runs((), "cat", "/etc/passwd")


def test_an_entered_namespace_is_told():
    with Started() as c:
        since = judged().mark()
        c.runs((), "true")
        # runc enters the container's namespaces before its process is of the container
        alert = judged().wait(NAMESPACE, since, "host",
                              fits=lambda a: "command=runc:[1:CHILD] init" in a["title"])
        line(alert["title"], r"Namespace change by an unexpected program \(user=root "
             r"command=runc:\[1:CHILD\] init parent=runc:\[0:PARENT\] container=host\)")
    with Place("demo-strong", STRONG, Image=IMAGE) as p:
        since = judged().mark()
        same(p.doer("openat -100 s:/proc/self/ns/uts 0", "setns %0 0")[1], 0, "setns")
        alert = judged().wait(NAMESPACE, since, p.id)
        line(alert["title"], r"Namespace change by an unexpected program \(user=root command=doer "
             rf"openat .* parent=doer container={p.name}\)")


def test_a_file_made_in_dev_is_told():
    with Started() as c:
        told = c.runs((DEV, WRITE), "touch", "/dev/foo")
        line(told[DEV], r"File created below /dev by an untrusted program \(user=root "
             rf"command=touch /dev/foo file=/dev/foo container={c.name}\)")
        c.runs((DEV,), "doer", "creat", "s:/dev/foo2", "0600")
        c.runs((WRITE,), "sh", "-c", "echo > /dev/null")
        c.runs((WRITE,), "touch", "/dev/shm/foo")


def test_an_open_of_the_camera_is_told():
    with Started() as c:
        told = c.runs((CAMERA,), "cat", "/dev/video0")
        line(told[CAMERA], r"Unexpected program opened the camera \(user=root "
             rf"command=cat /dev/video0 container={c.name}\)")
        for call in (("open", "s:/dev/video0", "0"),
                     ("openat2", "-100", "s:/dev/video0", "b:24", "24")):
            c.runs((CAMERA,), "doer", *call)
        c.runs((), "skype", "open", "s:/dev/video0", "0")
        c.runs((), "cat", "/dev/video1")


def test_another_process_in_an_nginx_container_is_told():
    with Started("nginx", "sleep", "25000", tag=NGINX) as c:
        c.fires(())
        told = c.runs((PROCESS,), "ls")
        line(told[PROCESS], r"Unauthorized process in a container \(user=root command=ls "
             rf"container={c.id[:12]} image={NGINX}\)")
        c.runs((), "nginx", "getpid")
    with Started("ls") as c:
        c.fires(())


def test_a_container_with_a_sensitive_mount_is_told():
    with Started("sleep", "20", options=("-v", "/mnt:/tmp/mnt")) as c:
        told = c.fires((MOUNT,))
        line(told[MOUNT], r"Container with a sensitive mount started \(user=root "
             rf"command=sleep 20 {info(c)}.*\)")
    with Started("sleep", "20", options=("-v", f"{session.temp('mount')}:/tmp/mnt")) as c:
        c.fires(())


def test_a_container_that_does_nothing_of_it_is_quiet():
    with Started("sh", "-c", "ls /; cat /etc/passwd; (sleep 1; true); touch /userdata/x") as c:
        docker().api("POST", f"/containers/{c.id}/wait")
        c.fires(())
