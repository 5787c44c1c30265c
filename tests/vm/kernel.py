# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's kernels for the virtual machines: fetched by apt-get, unpacked into a cache.

The cache is /var/cache/bulkhead-vm (BULKHEAD_VM_CACHE names another one): one folder a package, as
dpkg-deb unpacks it. Nothing is installed. Where the package server cannot be reached, the newest
kernel of the cache serves."""

import glob
import lzma
import os
import re
import shutil
import subprocess
import tempfile

CACHE = os.environ.get("BULKHEAD_VM_CACHE", "/var/cache/bulkhead-vm")
PACKAGES = {  # version: the package that depends on its newest build
    "6.1": "linux-image-cloud-amd64",
    "6.12": "linux-image-6.12-cloud-amd64",
}


class Missing(Exception):
    """The kernel cannot be had; the text says why."""


def _run(*argv, **more):
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=300, **more)
    except OSError as why:
        raise Missing(f"{argv[0]}: {why.strerror}") from why
    return done.returncode, done.stdout, done.stderr.strip().splitlines()


def _newest_package(version):
    """Name of the package with the kernel itself, or None where apt knows none."""
    code, out, _ = _run("apt-cache", "show", "--no-all-versions", PACKAGES[version])
    found = re.search(r"^Depends:.*?(linux-image-\d[^ ,]*)", out, re.M) if code == 0 else None
    return found and found.group(1)


def _number(text):
    return [int(n) for n in re.findall(r"\d+", text)]


def _newest_cached(version):
    return max(glob.glob(f"{CACHE}/linux-image-{version}.*"),
               key=lambda p: _number(os.path.basename(p)), default=None)


def _fetch(package):
    """Unpacks the package into the cache: wholly, or not at all."""
    try:
        os.makedirs(CACHE, exist_ok=True)
        folder = tempfile.mkdtemp(prefix="new-", dir=CACHE)
    except OSError as why:
        raise Missing(f"{CACHE}: {why.strerror}") from why
    try:
        code, _, said = _run("apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", package,
                             cwd=folder)
        files = glob.glob(f"{folder}/*.deb")
        if code != 0 or not files:
            raise Missing(f"apt-get download {package}: {said[-1] if said else 'failed'}")
        code, _, said = _run("dpkg-deb", "-x", files[0], f"{folder}/x")
        if code != 0:
            raise Missing(f"dpkg-deb -x {files[0]}: {said[-1] if said else 'failed'}")
        os.chmod(f"{folder}/x", 0o755)
        try:
            os.rename(f"{folder}/x", f"{CACHE}/{package}")
        except OSError:
            pass  # another run was faster
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _folder(version):
    """Folder of the newest build of this version, fetched when it is not there."""
    problem = None
    for attempt in range(2):
        package = _newest_package(version)
        try:
            if not package:
                raise Missing(f"apt knows no package {PACKAGES[version]}")
            if not os.path.isdir(f"{CACHE}/{package}"):
                _fetch(package)
            return f"{CACHE}/{package}"
        except Missing as why:
            problem = why
        old = _newest_cached(version)
        if old:
            return old
        if attempt == 0 and (os.geteuid() != 0 or _run("apt-get", "-qq", "update")[0] != 0):
            break
    raise problem


class Kernel:
    """One unpacked kernel package."""

    def __init__(self, version):
        folder = _folder(version)
        self.version, self.folder = version, folder
        self.image = glob.glob(f"{folder}/boot/vmlinuz-*")[0]
        self.release = os.path.basename(self.image)[len("vmlinuz-"):]
        top = f"{folder}/lib/modules/{self.release}/kernel"
        self._modules = {os.path.basename(p).split(".ko")[0]: p
                         for p in glob.glob(f"{top}/**/*.ko*", recursive=True)}

    def module(self, name):
        """Content of a module, or None when it is not one (built in, or unknown)."""
        path = self._modules.get(name)
        if not path:
            return None
        with (lzma.open if path.endswith(".xz") else open)(path, "rb") as f:
            return f.read()

    def modules(self, wanted):
        """[(name, content)] of the wanted ones and of what they need, in the order of loading."""
        done = {}

        def add(name):
            content = self.module(name)
            if name in done or content is None:
                return
            needs = re.search(rb"\0depends=([^\0]*)\0", content)
            for other in (needs.group(1).decode() if needs else "").split(","):
                if other:
                    add(other)
            done[name] = content
        for name in wanted:
            add(name)
        return list(done.items())
