# SPDX-License-Identifier: GPL-2.0-or-later
"""What a test run owns (folder, processes, mounts, namespaces, cgroups), and how it all goes away.

Everything is found again by the run's folder, /var/tmp/bhtest-<pid>: a run that was killed leaves
it behind, and the next run sweeps it. Nothing is ended by name: only processes that were started
here or that have the run's folder in their command line or as their root file system."""

import atexit
import ctypes
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import time

BASE = os.environ.get("BULKHEAD_TEST_DIR", "/var/tmp")
PREFIX = "bhtest-"
CGROUP_ROOT = "/sys/fs/cgroup"
_libc = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1


def die_with_parent():
    """Runs between fork and exec: a daemon must not outlive a runner that was killed with -9."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def read_text(path, default=None):
    try:
        with open(path, errors="surrogateescape") as f:
            return f.read()
    except OSError:
        if default is None:
            raise
        return default


def start_time(pid):
    """Ticks since boot at which pid began, or None: tells a process from a later one of its pid."""
    stat = read_text(f"/proc/{pid}/stat", "")
    return stat.rpartition(")")[2].split()[19] if stat else None


def alive(pid):
    stat = read_text(f"/proc/{pid}/stat", "")
    return bool(stat) and stat.rpartition(")")[2].split()[0] != "Z"


def kill(pid, sig=signal.SIGKILL):
    try:
        os.kill(pid, sig)
    except ProcessLookupError:
        pass


def all_pids():
    return [int(p) for p in os.listdir("/proc") if p.isdigit()]


def hierarchies():
    """Mount points of every cgroup hierarchy, v1 and v2."""
    found = []
    for line in read_text("/proc/self/mountinfo").splitlines():
        left, _, right = line.partition(" - ")
        if right.split()[0] in ("cgroup", "cgroup2"):
            found.append(left.split()[4])
    return found


def remove_cgroup(path):
    """Kills what runs in a cgroup (by pid) and removes it and its children in every hierarchy."""
    for top in hierarchies():
        base = os.fsencode(top) + os.fsencode(path)
        for folder, _, _ in sorted(os.walk(base), reverse=True):
            for _ in range(100):
                try:
                    for pid in open(folder + b"/cgroup.procs").read().split():
                        kill(int(pid))
                    os.rmdir(folder)
                    break
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.02)  # the kernel takes a moment to empty it


def _belongs(pid, folder):
    """Has the folder in its command line, or its root file system comes from there."""
    if pid == os.getpid():
        return False
    if folder + "/" in read_text(f"/proc/{pid}/cmdline", ""):
        return True
    for line in read_text(f"/proc/{pid}/mountinfo", "").splitlines():
        if line.split()[4] == "/":
            return folder + "/" in line
    return False


def _container_ids(folder):
    patterns = ("*/exec/containerd/daemon/io.containerd.runtime.v2.task/*/*",
                "*/data/containers/*", "*/root/overlay-containers/*")
    found = {os.path.basename(p) for pattern in patterns
             for p in glob.glob(os.path.join(folder, pattern))}
    return {i for i in found if len(i) == 64}


def _unmount_below(folder):
    points = [line.split()[4] for line in read_text("/proc/self/mountinfo").splitlines()]
    for point in sorted((p for p in points if p.startswith(folder + "/")), reverse=True):
        subprocess.run(["umount", "-l", point], stderr=subprocess.DEVNULL)


def reclaim(folder):
    """Takes away everything that the run which owned `folder` could have left."""
    name = os.path.basename(folder)
    ids = _container_ids(folder)
    for _ in range(3):  # a shim may still start something while the daemons die
        for pid in all_pids():
            if _belongs(pid, folder):
                kill(pid)
    for container in glob.glob(f"/run/runc/{name}-*"):
        subprocess.run(["runc", "delete", "-f", os.path.basename(container)],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for i in ids:
        for path in (f"/docker/{i}", f"/libpod_parent/libpod-{i}"):
            remove_cgroup(path)
    for top in hierarchies():
        for path in glob.glob(f"{top}/{name}*"):
            remove_cgroup(path[len(top):])
    for netns in glob.glob(f"/run/netns/{name}*"):
        subprocess.run(["ip", "netns", "del", os.path.basename(netns)])
    shutil.rmtree(f"/run/containerd/runc/{name}", ignore_errors=True)
    shutil.rmtree(f"/run/systemd/journal.{name}", ignore_errors=True)
    _unmount_below(folder)
    shutil.rmtree(folder, ignore_errors=True)


class Session:
    """One run. `name` is the prefix of all that it makes."""

    def __init__(self):
        self.name = f"{PREFIX}{os.getpid()}"
        self.folder = os.path.join(BASE, self.name)
        self._undo, self._undo_file = [], []
        self._closed = False

    def open(self):
        if os.geteuid() != 0:
            sys.exit("integration tests need root")
        for old in glob.glob(os.path.join(BASE, PREFIX + "*")):
            self._sweep(old)
        os.makedirs(self.folder, mode=0o755)
        with open(f"{self.folder}/owner.json", "w") as f:
            json.dump({"pid": os.getpid(), "start": start_time(os.getpid())}, f)
        atexit.register(self.close)
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(sig, lambda number, frame: sys.exit(128 + number))

    def _sweep(self, old):
        try:
            owner = json.loads(read_text(f"{old}/owner.json"))
            if start_time(owner["pid"]) == owner["start"]:
                return  # another run, in progress
        except (OSError, ValueError, KeyError):
            pass
        reclaim(old)

    def temp(self, name):
        """A new folder of this run."""
        path = os.path.join(self.folder, name)
        n = 1
        while os.path.exists(path):
            n += 1
            path = os.path.join(self.folder, f"{name}-{n}")
        os.makedirs(path, mode=0o755)
        return path

    def at_end(self, fn):
        """fn is called when the run ends, the last registered first."""
        self._undo.append(fn)

    def at_file_end(self, fn):
        """The same when the tests of this file are done: what is costly stands in nobody's way."""
        self._undo_file.append(fn)

    def end_file(self):
        self._undone(self._undo_file)

    @staticmethod
    def _undone(what):
        while what:
            try:
                what.pop()()
            except Exception as problem:  # the rest must go all the same
                print(f"clean-up: {problem!r}", file=sys.stderr)

    def start(self, argv, log, **more):
        """Starts a daemon that ends with this run; its output goes to the file `log`."""
        with open(log, "ab") as out:
            return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=out,
                                    stdout=more.pop("stdout", out),
                                    preexec_fn=die_with_parent, **more)

    def close(self):
        if self._closed:
            return
        self._closed = True
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(sig, signal.SIG_IGN)  # the clean-up is not to be cut short
        self.end_file()
        self._undone(self._undo)
        reclaim(self.folder)


session = Session()
