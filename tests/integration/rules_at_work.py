# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of rules share: an agent with rule files and what it told, images with more names
in them, commands with a terminal, programs of the host under names of the rules' choice."""

import io
import json
import os
import pty
import re
import select
import shutil
import subprocess
import tarfile
import time
import urllib.parse

from events import Serving
from harness import DOER, REPO, Agent, run, skip, wait_until
from runtimes import docker, once, root_tar
from session import kill, session

LIMIT = 10  # seconds within which a match must be in the alert log
SHARED = "shared/data/falco-rules"  # beside the tree; a work tree may lie elsewhere
STOCK = [os.environ["BULKHEAD_FALCO_RULES"]] if "BULKHEAD_FALCO_RULES" in os.environ else \
    [os.path.join(os.path.dirname(REPO), SHARED), os.path.join("/work", SHARED)]


def stock(name):
    """A rule file of the Falco project: data of others, not part of this tree."""
    for folder in STOCK:
        if os.path.exists(os.path.join(folder, name)):
            return os.path.join(folder, name)
    skip(f"{name} of the Falco project is not in {STOCK[0]} (BULKHEAD_FALCO_RULES names a folder)")


def written(text, name="rules.yaml"):
    path = os.path.join(session.temp("rules"), name)
    with open(path, "w") as f:
        f.write(text)
    return path


class Judged:
    """An agent with these rule files alone, each match told at once."""

    def __init__(self, *files, config=None, **settings):
        docker()
        self.agent = Agent({"alerts.window": "0s", "alerts.rate": "1000000",
                            "alerts.rate_per_container": "1000000", **settings}, config=config,
                           arguments=[w for f in files for w in ("--rules", f)])
        self.folder, self._at, self._alerts = f"{self.agent.state_dir}/alerts", {}, []

    def alerts(self, since=0):
        """All records of the alert log from number `since` on."""
        if os.path.isdir(self.folder):
            for name in sorted(n for n in os.listdir(self.folder) if n.endswith(".jsonl")):
                with open(f"{self.folder}/{name}", "rb") as f:
                    f.seek(self._at.get(name, 0))
                    whole = f.read().rpartition(b"\n")[0]
                if whole:
                    self._at[name] = self._at.get(name, 0) + len(whole) + 1
                    self._alerts += [json.loads(line) for line in whole.split(b"\n")]
        return self._alerts[since:]

    def mark(self):
        return len(self.alerts())

    def wait(self, rule, since=0, cid=None, timeout=LIMIT, fits=lambda a: True):
        """The first alert of a rule, of container cid ("host": of none; None: of any)."""
        def found():
            return next((a for a in self.alerts(since) if a["rule"] == rule and of(a, cid)
                         and fits(a)), None)
        try:
            return wait_until(found, timeout, f"an alert of '{rule}'")
        except AssertionError as why:
            others = sorted({a["rule"] for a in self.alerts(since) if of(a, cid)})
            raise AssertionError(f"{why}; there were {others}") from None

    def rules(self):
        """What GET /api/v1/rules tells, rules by name."""
        answer = self.agent.json("/api/v1/rules")
        return {r["name"]: r for r in answer["rules"]}, answer

    def close(self):
        self.agent.__exit__(None)

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.agent.__exit__(*why)


def of(alert, cid):
    have = (alert["container"] or {}).get("id")
    return cid is None or have == (None if cid == "host" else cid)


# --- images ---------------------------------------------------------------------------------------

def libraries(path):
    """The files that a dynamic program loads, as its loader says."""
    return re.findall(r"(?:=> |^\s*)(/\S+) \(0x", run("ldd", path).stdout, re.M)


def image(tag, links=None, files=None, programs=()):
    """The image of the tests with more in it: links NAME -> target, files, dynamic programs."""
    more, have = {}, tarfile.open(fileobj=io.BytesIO(root_tar()))

    def put(name, data, mode=0o644):
        entry = tarfile.TarInfo(name.lstrip("/"))
        entry.size, entry.mode = len(data), mode
        more[entry.name] = (entry, data)
    for name, target in (links or {}).items():
        entry = tarfile.TarInfo(name.lstrip("/"))
        entry.type, entry.linkname = tarfile.SYMTYPE, target
        more[entry.name] = (entry, b"")
    for name, text in (files or {}).items():
        put(name, text.encode())
    for program in programs:
        for path in (program, *libraries(program)):
            with open(path, "rb") as f:
                put(path, f.read(), 0o755)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for entry in have.getmembers():
            if entry.name not in more:
                tar.addfile(entry, have.extractfile(entry) if entry.isreg() else None)
        for entry, data in more.values():
            tar.addfile(entry, io.BytesIO(data))
    name, _, version = tag.rpartition(":")
    query = urllib.parse.urlencode({"fromSrc": "-", "repo": name, "tag": version,
                                    "changes": 'CMD ["sleep", "1000"]'})
    docker().api("POST", f"/images/create?{query}", out.getvalue())
    return tag


# --- commands -------------------------------------------------------------------------------------

class Place(Serving):
    """A container whose first process does what it is told."""

    def run(self, *words, **more):
        return self.call(words, **more)

    def doer(self, *steps, name="/bin/doer", env=()):
        """doer's steps in a process of their own, under a name that the image has for it; returns
        what each step returned."""
        words = []
        for step in steps:
            words += ([","] if words else []) + [
                str(w) for w in (step.split() if isinstance(step, str) else step)]
        _, _, said = self.call((*env, name, *words), timeout=40)
        # a program that took doer's place says something else, or nothing
        return json.loads(said.splitlines()[0])["results"] if said.startswith('{"pid"') else said

    def address(self, *addresses):
        """Gives the container's loopback these addresses: what goes there stays inside."""
        pid = docker().pid_of(self.id)
        for a in addresses:
            run("nsenter", "-t", str(pid), "-n", "ip", "addr", "add", f"{a}/32", "dev", "lo")


def child(*argv):
    """doer's words for a child that becomes argv, and for waiting for it."""
    return [("fork", "{", "execve", f"s:{argv[0]}", "v:" + "|".join(argv), "v:", "}"), "wait %0"]


def with_terminal(*argv, keys="exit\n", timeout=30, **more):
    """Runs a program at a terminal of its own, types `keys` when it first says something; returns
    (exit code, what it said)."""
    main, other = pty.openpty()
    process = subprocess.Popen(argv, stdin=other, stdout=other, stderr=other, close_fds=True,
                               start_new_session=True, **more)
    os.close(other)
    end, said, typed = time.monotonic() + timeout, b"", not keys
    try:
        while time.monotonic() < end:
            if select.select([main], [], [], 0.1)[0]:
                try:
                    data = os.read(main, 4096)
                except OSError:  # the last one at the terminal has gone
                    break
                said += data
                if not typed:
                    typed = True
                    os.write(main, keys.encode())
            elif process.poll() is not None:
                break
        return process.wait(max(0.1, end - time.monotonic())), said.decode(errors="replace")
    finally:
        if process.poll() is None:
            kill(process.pid)
            process.wait()
        os.close(main)


def docker_cli(*argv):
    """The command line of docker's client, for the run's own dockerd."""
    return ["docker", "-H", f"unix://{docker().socket}", *argv]


@once
def host_folder():
    return session.temp("programs")


def on_host(name, *arguments, program="busybox", env=None):
    """Runs busybox or doer of the host under another name; returns its output."""
    path = f"{host_folder()}/{name}"
    if not os.path.exists(path):
        shutil.copy(DOER if program == "doer" else "/bin/busybox", path)
    return subprocess.run([path, *arguments], env=env, stdin=subprocess.DEVNULL, timeout=40,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout.decode()
