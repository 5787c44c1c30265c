# SPDX-License-Identifier: GPL-2.0-or-later
"""Containers that the kernel's side holds to what their image is allowed, without an agent:
tests/sensor/enforcer.c gives the verdicts, tests/vm/contain.c makes the containers (an overlay,
namespaces), tests/vm/victim.c does what may be refused."""

import json
import os
import secrets
import shutil
import subprocess

from harness import BUILD, skip, wait_until
from session import die_with_parent, hierarchies, kill, read_text, remove_cgroup, session

ENFORCER = f"{BUILD}/tests/sensor/enforcer"
CONTAIN = f"{BUILD}/tests/vm/contain"
VICTIM = f"{BUILD}/tests/vm/victim"
BUSYBOX = next((p for p in ("/bin/busybox", "/usr/bin/busybox") if os.path.exists(p)), None)
DOCKER = 0xa80425fb  # the capabilities that docker leaves a container
EXEC_KILL, EXEC_DENY, WRITE_DENY, CONNECT_DENY, INJECTED, RUNTIME = (1 << i for i in range(6))
KILLED, REFUSED = 128 + 9, -1


def v2_tree():
    for top in hierarchies():
        if os.path.exists(f"{top}/cgroup.subtree_control") or \
                os.path.exists(f"{top}/cgroup.controllers"):
            return top
    return skip("no cgroup v2 tree")


class Enforcer:
    """The sensor with its verdicts, for the length of a `with` block; see shared()."""
    kept = {}

    def __init__(self, layer, keep=False):
        self.keep = keep
        if not BUSYBOX:
            skip("busybox is not installed")
        self.top = v2_tree()
        self.process = subprocess.Popen([ENFORCER, layer], stdin=subprocess.PIPE, text=True,
                                        stdout=subprocess.PIPE, preexec_fn=die_with_parent)
        line = self.process.stdout.readline()
        assert line, "the sensor does not load"
        self.layer, self.load_ms = (json.loads(line)[k] for k in ("mode", "load_ms"))
        self.seen = []

    def __enter__(self):
        return self

    def __exit__(self, *why):
        if not self.keep:
            self.process.stdin.close()
            self.process.wait(120)

    @classmethod
    def shared(cls, layer):
        """The same one again and again, without verdicts: the trampoline layer takes long to end."""
        if layer not in cls.kept:
            cls.kept[layer] = cls(layer, keep=True)
        e = cls.kept[layer]
        e.do("clear")
        e.say("events")
        e.seen = []
        return e

    def say(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def do(self, *words):
        r = self.say(*words)
        assert r == 0, f"{words}: {r}"

    def allow(self, container, *paths, type="exec", verdict="allow"):
        for path in paths:
            self.do("file", container.pid, path, type, verdict)

    def events(self, kind, container=None, **wanted):
        """Those of a kind since the Enforcer began."""
        self.seen += self.say("events")
        return [e for e in self.seen if e["type"] == kind and
                all(e.get(k) == v for k, v in wanted.items())]


class Image:
    """A folder that is the lower layer of containers: a shell, and the victim by several names."""

    def __init__(self, *programs, scripts=None):
        self.folder = session.temp("image")
        for folder in ("bin", "data/deep", "made", "proc", "sys", "dev", "mem", "volume"):
            os.makedirs(f"{self.folder}/{folder}")
        for name in ("sh", "cp", "ln"):
            shutil.copy(BUSYBOX, f"{self.folder}/bin/{name}")
        for name in ("victim", *programs):
            shutil.copy(VICTIM, f"{self.folder}/bin/{name}")
        for name in ("data/old", "data/deep/old"):
            with open(f"{self.folder}/{name}", "w") as f:
                f.write("old")
        for name, text in (scripts or {}).items():
            with open(f"{self.folder}/{name}", "w") as f:
                f.write(text)
            os.chmod(f"{self.folder}/{name}", 0o755)


class Container:
    """A container of an image, whose first process is a shell that takes commands."""

    def __init__(self, enforcer, image, flags=0, options="", program=("/bin/sh",), lazy=False):
        self.enforcer, self.flags = enforcer, flags
        self.path = f"/{session.name}-{secrets.token_hex(4)}"
        self.group = enforcer.top + self.path
        self.folder = session.temp("container")
        for part in ("upper", "work", "root"):
            os.mkdir(f"{self.folder}/{part}")
        os.mkdir(self.group)
        if not lazy:
            self.hold(flags)
        layers = (f"lowerdir={image.folder},upperdir={self.folder}/upper,"
                  f"workdir={self.folder}/work")
        caps = int(read_text("/proc/self/status").split("CapPrm:")[1].split()[0], 16) & DOCKER
        self.process = self.put(CONTAIN, f"{self.folder}/root", layers, f"{caps:x}", options,
                                *program)
        line = self.process.stdout.readline()
        assert line.strip().isdigit(), f"contain: {line!r}"
        self.pid = int(line)
        if program[0] == "/bin/sh":
            self.sh("true")  # its root is there now

    def put(self, *argv, group=None):
        """Starts a program of the host that is moved in here from outside, as a runtime does."""
        ends = os.pipe()

        def wait():
            die_with_parent()
            os.close(ends[1])
            os.read(ends[0], 1)
        # preexec_fn keeps Popen until the exec: the writing end is a thread's
        pid_file = f"{group or self.group}/cgroup.procs"
        process = _moved(argv, wait, ends, pid_file)
        return process

    def __enter__(self):
        return self

    def __exit__(self, *why):
        kill(self.pid)
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(60)
        wait_until(lambda: remove_cgroup(self.path) or not os.path.exists(self.group), 20,
                   "the end of a container")

    def hold(self, flags, first=0):
        self.enforcer.do("hold", self.group, flags, first)

    def send(self, command):
        self.process.stdin.write(f"{command}; echo end $?\n")
        self.process.stdin.flush()

    def answer(self):
        lines = []
        while True:
            line = self.process.stdout.readline()
            assert line, f"the container's shell has ended: {lines}"
            if line.startswith("end "):
                return lines, int(line.split()[1])
            lines.append(line.rstrip("\n"))

    def sh(self, command):
        """What a command of its shell prints, and how it ended."""
        self.send(command)
        return self.answer()

    def victim(self, *words):
        """What the victim met: a number."""
        lines, _ = self.sh(f"/bin/victim {' '.join(map(str, words))}")
        return int(lines[-1])

    def enter(self, *argv):
        """A further program in here, put in from outside; how it ended."""
        done = subprocess.run([CONTAIN, "enter", str(self.pid), f"{self.group}/cgroup.procs",
                               *argv], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=120)
        return done.stdout.strip(), done.returncode

    def there(self, path):
        return os.path.lexists(f"/proc/{self.pid}/root{path}")


def _moved(argv, wait, ends, pid_file):
    """Popen returns after the exec, which waits until its process was moved."""
    import threading
    moved = threading.Event()
    pids = os.pipe()

    def tell():
        os.write(pids[1], str(os.getpid()).encode() + b"\n")
        wait()

    def move():
        pid = os.read(pids[0], 16).strip()
        with open(pid_file, "w") as f:
            f.write(pid.decode())
        os.write(ends[1], b"x")
        moved.set()
    thread = threading.Thread(target=move)
    thread.start()
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                               preexec_fn=tell)
    thread.join()
    assert moved.is_set(), f"{argv} was not moved"
    for fd in (*ends, *pids):
        os.close(fd)
    return process
