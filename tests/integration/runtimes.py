# SPDX-License-Identifier: GPL-2.0-or-later
"""Real runtimes, each private to the run: dockerd, containerd, podman, runc. No network is used to
get an image: it is made here, from busybox-static, alloc.c and doer.c."""

import concurrent.futures
import http.client
import io
import json
import os
import shutil
import signal
import socket
import tarfile
import urllib.parse

from harness import ALLOC, DOER, alive, kill, need, read_text, run, session, wait_until

IMAGE = "bhtest/box:1"
_made = {}


def once(fn):
    """The first call makes it, for the whole run; later ones return the same."""
    def get():
        if fn not in _made:
            _made[fn] = fn()
        return _made[fn]
    return get


@once
def root_tar():
    """The image's root file system as the bytes of a tar file."""
    need("busybox")
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for folder in ("bin", "tmp", "proc", "sys", "dev", "etc", "data"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            tar.addfile(entry)
        for name, path in (("busybox", "/bin/busybox"), ("alloc", ALLOC), ("doer", DOER)):
            entry = tarfile.TarInfo(f"bin/{name}")
            entry.size, entry.mode = os.stat(path).st_size, 0o755
            with open(path, "rb") as f:
                tar.addfile(entry, f)
        for name in ("sh", "sleep", "cat", "dd", "true", "false", "mkdir", "rm", "ls"):
            entry = tarfile.TarInfo(f"bin/{name}")
            entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(entry)
        passwd = b"root:x:0:0::/:/bin/sh\nworker:x:1000:1000::/:/bin/sh\n"
        entry = tarfile.TarInfo("etc/passwd")
        entry.size = len(passwd)
        tar.addfile(entry, io.BytesIO(passwd))
    return out.getvalue()


# The machine may lack capabilities (CAP_SYS_RESOURCE in containers and small VMs): runc then
# refuses a privileged container. This stands in for it: all capabilities but those nobody has here.
WRAPPER = """#!/bin/sh
bundle= last=
for a; do [ "$last" = --bundle ] && bundle=$a; last=$a; done
if [ -n "$bundle" ]; then
	for c in %s; do sed -i "s/\\"$c\\",\\?//g; s/,\\]/]/g" "$bundle/config.json"; done
fi
exec runc "$@"
"""
_CAPABILITY = {21: "CAP_SYS_ADMIN", 23: "CAP_SYS_NICE", 24: "CAP_SYS_RESOURCE", 25: "CAP_SYS_TIME",
               37: "CAP_AUDIT_READ", 38: "CAP_PERFMON", 39: "CAP_BPF", 40: "CAP_CHECKPOINT_RESTORE"}


def missing_capabilities():
    bounding = int(next(line.split()[1] for line in read_text("/proc/self/status").splitlines()
                        if line.startswith("CapBnd")), 16)
    return [name for bit, name in _CAPABILITY.items() if not bounding >> bit & 1]


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Docker:
    """A private dockerd (own data root, exec root, pid file, socket; containerd inside), spoken to
    over its socket. It makes no bridge and no firewall rule."""

    def __init__(self):
        need("dockerd", "runc")
        self.folder = session.temp("docker")
        self.socket = f"{self.folder}/docker.sock"
        wrapper = f"{self.folder}/runc-privileged"
        with open(wrapper, "w") as f:
            f.write(WRAPPER % " ".join(missing_capabilities()))
        with open(f"{self.folder}/daemon.json", "w") as f:
            f.write("{}\n")  # not the machine's own settings
        os.chmod(wrapper, 0o755)
        self.process, self.made = None, set()
        session.at_end(self.close)
        self.start()
        changes = urllib.parse.urlencode(
            [("fromSrc", "-"), ("repo", IMAGE.split(":")[0]), ("tag", IMAGE.split(":")[1]),
             ("changes", 'CMD ["sleep", "1000"]'), ("changes", "LABEL org.bhtest.image=yes")])
        self.api("POST", f"/images/create?{changes}", root_tar())
        self.image_id = self.api("GET", f"/images/{IMAGE}/json")["Id"]
        # An agent that starts beside it learns from it where this dockerd keeps its files.
        self.run("first")

    def start(self):
        self.process = session.start(
            ["dockerd", "--data-root", f"{self.folder}/data", "--exec-root", f"{self.folder}/exec",
             "--pidfile", f"{self.folder}/pid", "-H", f"unix://{self.socket}",
             "--config-file", f"{self.folder}/daemon.json", "--iptables=false", "--ip6tables=false",
             "--ip-masq=false", "--ip-forward=false", "--bridge=none", "--live-restore",
             "--add-runtime", f"privileged={self.folder}/runc-privileged"],
            f"{self.folder}/log")
        try:
            wait_until(lambda: self.api("GET", "/version"), 30, "dockerd answers")
        except AssertionError as problem:
            raise AssertionError(f"{problem}\n{read_text(f'{self.folder}/log')[-3000:]}") from None

    def stop_daemon(self):
        """Ends dockerd and its containerd; containers go on (live restore)."""
        self.process.terminate()
        self.process.wait(20)

    def api(self, method, path, body=None, ok=(200, 201, 204, 304)):
        connection = _UnixConnection(self.socket)
        try:
            headers = {"Content-Type": "application/x-tar"}
            if isinstance(body, dict):
                body, headers = json.dumps(body), {"Content-Type": "application/json"}
            connection.request(method, path, body=body, headers=headers if body else {})
            answer = connection.getresponse()
            data = answer.read()
            if answer.status not in ok:
                raise AssertionError(f"docker {method} {path}: {answer.status} {data[:400]!r}")
            if not data or "json" not in (answer.headers.get("Content-Type") or ""):
                return data
            return json.loads(data.splitlines()[0] if path.startswith("/images/create") else data)
        finally:
            connection.close()

    def create(self, name, command=None, host=None, **config):
        body = {"Image": IMAGE, **config,
                "HostConfig": {"NetworkMode": "none", **(host or {})}}
        if command:
            body["Cmd"] = list(command)
        query = "?" + urllib.parse.urlencode({"name": name}) if name else ""
        cid = self.api("POST", f"/containers/create{query}", body)["Id"]
        self.made.add(cid)
        return cid

    def begin(self, cid):
        self.api("POST", f"/containers/{cid}/start")

    def run(self, name=None, command=None, host=None, **config):
        cid = self.create(name, command, host, **config)
        self.begin(cid)
        return cid

    def remove(self, cid):
        self.api("DELETE", f"/containers/{cid}?force=1&v=1", ok=(204, 404, 409))

    def stop(self, cid):
        self.api("POST", f"/containers/{cid}/kill", ok=(204, 409))
        self.api("POST", f"/containers/{cid}/wait")

    def inspect(self, cid):
        return self.api("GET", f"/containers/{cid}/json")

    def logs(self, cid):
        return self.api("GET", f"/containers/{cid}/logs?stdout=1&stderr=1")

    def ready(self, cid, timeout=20):
        """Waits for alloc's "ready N" line and returns N."""
        def line():
            words = self.logs(cid).decode("latin-1").rpartition("ready ")
            return words[1] and words[2].endswith("\n") and words[2]
        return int(wait_until(line, timeout, f"'ready' from {cid[:12]}"))

    def exec(self, cid, *command):
        """Starts a command in a running container and does not wait for it."""
        made = self.api("POST", f"/containers/{cid}/exec", {"Cmd": list(command)})["Id"]
        self.api("POST", f"/exec/{made}/start", {"Detach": True})
        return made

    def exec_done(self, made, timeout=60):
        """Waits for the end of exec(); returns the exit code."""
        def done():
            state = self.api("GET", f"/exec/{made}/json")
            return None if state["Running"] else (state["ExitCode"],)
        return wait_until(done, timeout, "the end of a command in a container")[0]

    def pid_of(self, cid):
        return self.inspect(cid)["State"]["Pid"]

    def many(self, fn, items, workers=6):
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            return list(pool.map(fn, items))

    def close(self):
        if self.process.poll() is None:
            for c in self.api("GET", "/containers/json?all=1"):
                self.remove(c["Id"])
            self.stop_daemon()
        pid = int(read_text(f"{self.folder}/exec/containerd/containerd.pid", "0") or 0)
        wait_until(lambda: not pid or not alive(pid), 5, "the end of docker's containerd")


@once
def docker():
    return Docker()


class Containerd:
    """A private containerd, driven by ctr."""

    def __init__(self):
        need("containerd", "ctr", "runc")
        self.folder = session.temp("containerd")
        self.namespace = session.name
        with open(f"{self.folder}/config.toml", "w") as f:
            f.write(f'version = 2\nroot = "{self.folder}/root"\nstate = "{self.folder}/state"\n'
                    'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
                    f'[grpc]\naddress = "{self.folder}/containerd.sock"\n'
                    f'[ttrpc]\naddress = "{self.folder}/containerd.sock.ttrpc"\n')
        self.process = session.start(["containerd", "-c", f"{self.folder}/config.toml"],
                                     f"{self.folder}/log")
        session.at_end(self.close)
        wait_until(lambda: self.ctr("version", check=False).returncode == 0, 20, "containerd")
        d = docker()
        with open(f"{self.folder}/image.tar", "wb") as f:
            f.write(d.api("GET", f"/images/{IMAGE}/get"))
        for namespace in (self.namespace, "k8s.io"):
            self.ctr("image", "import", f"{self.folder}/image.tar", namespace=namespace)
        self.image = f"docker.io/{IMAGE}"
        self.ids = []
        self.run("first")  # as with dockerd: it shows agents where this one keeps its files

    def ctr(self, *arguments, check=True, namespace=None):
        return run("ctr", "-a", f"{self.folder}/containerd.sock",
                   "-n", namespace or self.namespace, *arguments, check=check)

    def run(self, cid, *command, options=(), namespace=None):
        namespace = namespace or self.namespace
        self.ids.append((cid, namespace))
        self.ctr("run", "-d", *options, self.image, cid, *(command or ("sleep", "1000")),
                 namespace=namespace)

    def remove(self, cid, namespace=None):
        namespace = namespace or self.namespace

        def ctr(*arguments):
            return self.ctr(*arguments, check=False, namespace=namespace)
        ctr("task", "kill", "-s", "9", cid)
        wait_until(lambda: ctr("task", "rm", "-f", cid).returncode == 0 or
                   cid not in ctr("task", "ls").stdout, 10, f"the end of {cid}")
        ctr("container", "rm", cid)
        if (cid, namespace) in self.ids:
            self.ids.remove((cid, namespace))

    def close(self):
        for cid, namespace in list(self.ids):
            self.remove(cid, namespace)
        self.process.terminate()
        self.process.wait(10)


@once
def containerd():
    return Containerd()


class Podman:
    """podman on private storage. runc, because crun refuses hybrid cgroups; explicit ulimits,
    because podman raises them to values that need CAP_SYS_RESOURCE."""

    LIMITS = ("--ulimit", "nofile=20000:20000", "--ulimit", "nproc=10000:10000",
              "--network", "none")

    def __init__(self):
        need("podman", "runc")
        self.folder = session.temp("podman")
        session.at_end(self.close)
        with open(f"{self.folder}/root.tar", "wb") as f:
            f.write(root_tar())
        self.podman("import", "-c", 'LABEL org.bhtest.image=yes', f"{self.folder}/root.tar", IMAGE)
        self.image = f"localhost/{IMAGE}"
        found = self.podman("image", "inspect", self.image).stdout
        self.image_id = "sha256:" + json.loads(found)[0]["Id"]

    def podman(self, *arguments, check=True):
        return run("podman", "--root", f"{self.folder}/root", "--runroot", f"{self.folder}/runroot",
                   "--tmpdir", f"{self.folder}/tmp", "--storage-driver", "overlay",
                   "--cgroup-manager", "cgroupfs", "--runtime", "runc", *arguments, check=check)

    def run(self, name, *command, options=()):
        out = self.podman("run", "-d", "--name", name, *self.LIMITS, *options, self.image,
                          *(command or ("sleep", "1000"))).stdout
        return out.split()[-1]

    def remove(self, name):
        self.podman("rm", "-f", "-t", "0", name)

    def close(self):
        self.podman("rm", "-f", "-t", "0", "-a", check=False)


@once
def podman():
    return Podman()


class Runc:
    """runc with its usual state folder; ids carry the run's name."""

    def __init__(self):
        need("runc")
        self.folder = session.temp("runc")
        self.ids = []
        os.makedirs(f"{self.folder}/rootfs")
        with tarfile.open(fileobj=io.BytesIO(root_tar())) as tar:
            tar.extractall(f"{self.folder}/rootfs")
        session.at_end(self.close)

    def run(self, name, *command, change=None):
        """Starts a container in the background. `change` may edit the spec. Returns its id."""
        cid = f"{session.name}-{name}"
        bundle = f"{self.folder}/{name}"
        os.makedirs(bundle)
        run("runc", "spec", "-b", bundle)
        spec = json.loads(read_text(f"{bundle}/config.json"))
        spec["process"]["terminal"] = False
        spec["process"]["args"] = list(command or ("sleep", "1000"))
        spec["root"]["path"] = f"{self.folder}/rootfs"
        if change:
            change(spec)
        with open(f"{bundle}/config.json", "w", encoding="utf-8", errors="surrogateescape") as f:
            json.dump(spec, f, ensure_ascii=False)
        self.ids.append(cid)
        # Output to a file: a container that holds a pipe of ours would keep run() waiting.
        with open(f"{bundle}/out", "wb") as out:
            process = session.start(["runc", "run", "-d", "-b", bundle, cid], f"{bundle}/out",
                                    stdout=out)
            code = process.wait(20)
        assert code == 0, f"runc run: exit {code}: {read_text(f'{bundle}/out')}"
        return cid

    def state(self, cid):
        """What runc itself says of it."""
        return json.loads(run("runc", "state", cid).stdout)

    def remove(self, cid):
        run("runc", "delete", "-f", cid, check=False)
        if cid in self.ids:
            self.ids.remove(cid)
        shutil.rmtree(f"{self.folder}/{cid[len(session.name) + 1:]}", ignore_errors=True)

    def close(self):
        for cid in list(self.ids):
            self.remove(cid)


@once
def runc():
    return Runc()


class Network:
    """A network namespace of the test with a veth pair into a container's namespace: the only place
    where test traffic goes."""

    ADDRESS, PEER = "10.213.77.1", "10.213.77.2"

    def __init__(self, container_pid):
        self.name = f"{session.name}-net"
        run("ip", "netns", "del", self.name, check=False)
        run("ip", "netns", "add", self.name)
        n = ("ip", "-n", self.name)
        run(*n, "link", "add", "bh0", "type", "veth", "peer", "name", "eth0",
            "netns", str(container_pid))
        run(*n, "addr", "add", f"{self.ADDRESS}/24", "dev", "bh0")
        run(*n, "link", "set", "bh0", "up")
        inside = ("nsenter", "-t", str(container_pid), "-n", "ip")
        run(*inside, "addr", "add", f"{self.PEER}/24", "dev", "eth0")
        run(*inside, "link", "set", "eth0", "up")

    def start(self, *argv, log):
        return session.start(["nsenter", f"--net=/run/netns/{self.name}", *argv], log)

    def close(self):
        run("ip", "netns", "del", self.name, check=False)


def end_process(pid):
    kill(pid, signal.SIGKILL)
    wait_until(lambda: not alive(pid), 5, f"the end of {pid}")
