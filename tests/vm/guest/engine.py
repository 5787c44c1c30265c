# SPDX-License-Identifier: GPL-2.0-or-later
"""Stands in for docker's engine where there is none: the same calls, as far as the tests of events
make them, on a cgroup with docker's name, an overlay, namespaces and capabilities (contain.c)."""

import io
import json
import os
import secrets
import shutil
import subprocess
import tarfile

from box import V2, enable
from harness import BUILD, wait_until
from session import die_with_parent, hierarchies, kill, read_text, remove_cgroup, session

CONTAIN = f"{BUILD}/tests/vm/contain"
DOCKER = 0xa80425fb  # what docker leaves a container
BITS = {"SYS_ADMIN": 21, "SYS_PTRACE": 19, "SYS_MODULE": 16, "NET_ADMIN": 12, "SYS_CHROOT": 18,
        "NET_RAW": 13}


class Container:
    pass


class Engine:
    def __init__(self, root_tar, name):
        self.name = name
        self.image = session.temp("image")
        with tarfile.open(fileobj=io.BytesIO(root_tar)) as tar:
            tar.extractall(self.image)
        self.all = {}

    def run(self, name=None, command=None, host=None, **config):
        host = host or {}
        c = Container()
        cid = secrets.token_hex(32)
        c.path, c.folder = f"/docker/{cid}", session.temp("container")
        c.log = f"{c.folder}/log"
        for part in ("upper", "work", "root"):
            os.mkdir(f"{c.folder}/{part}")
        self._make_cgroup(c, host)
        caps = DOCKER
        for word in host.get("CapAdd", ()):
            caps |= 1 << BITS[word]
        options = [f"tmpfs={path}" for path in host.get("Tmpfs", {})]
        options += [f"bind={bind}" for bind in host.get("Binds", ())]
        options += ["writable"] * (host.get("ReadonlyPaths") == [])
        options += ["hostpid"] * (host.get("PidMode") == "host")
        options += ["seccomp"] * ("seccomp=unconfined" not in host.get("SecurityOpt", ()))
        options += ["hostnet"] * (host.get("NetworkMode") == "host")
        self._write_metadata(cid, name, command)
        layers = f"lowerdir={self.image},upperdir={c.folder}/upper,workdir={c.folder}/work"
        with open(c.log, "wb") as log:
            c.process = subprocess.Popen(
                [CONTAIN, f"{c.folder}/root", layers, f"{caps:x}", ",".join(options), *command],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                preexec_fn=lambda: self._join(c))
        self.all[cid] = c
        session.at_end(lambda: self.remove(cid))
        line = c.process.stdout.readline()
        assert line, f"{name}: {read_text(c.log)}"
        c.pid = int(line)
        return cid

    def _write_metadata(self, cid, name, command):
        """What docker leaves on disk of a container, as far as the agent asks."""
        os.makedirs(f"/var/lib/docker/containers/{cid}", exist_ok=True)
        with open(f"/var/lib/docker/containers/{cid}/config.v2.json", "w") as f:
            json.dump({"ID": cid, "Name": f"/{name}", "Image": f"sha256:{'1' * 64}",
                       "Path": command[0], "Args": command[1:], "Config": {"Image": self.name},
                       "State": {"Running": True}}, f)

    @staticmethod
    def _make_cgroup(c, host):
        for top in hierarchies():
            if V2:
                enable(top, c.path)
            else:
                os.makedirs(top + c.path, exist_ok=True)
            limit = f"{top}{c.path}/pids.max"
            if host.get("PidsLimit") and os.path.exists(limit):
                with open(limit, "w") as f:
                    f.write(str(host["PidsLimit"]))

    @staticmethod
    def _join(c):
        die_with_parent()
        for top in hierarchies():
            fd = os.open(f"{top}{c.path}/cgroup.procs", os.O_WRONLY)
            os.write(fd, b"0")
            os.close(fd)

    def remove(self, cid):
        c = self.all.pop(cid, None)
        if c:
            kill(c.pid)
            c.process.wait(20)
            shutil.rmtree(f"/var/lib/docker/containers/{cid}")
            wait_until(lambda: remove_cgroup(c.path) or True, 10, "the end of a container")

    def pid_of(self, cid):
        return self.all[cid].pid

    def logs(self, cid):
        return read_text(self.all[cid].log, "")

    def exec(self, cid, *command):
        c = self.all[cid]
        return subprocess.Popen(
            [CONTAIN, "enter", str(c.pid), f"{hierarchies()[0]}{c.path}/cgroup.procs", *command],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, preexec_fn=die_with_parent)

    @staticmethod
    def exec_done(made, timeout=60):
        return made.wait(timeout)
