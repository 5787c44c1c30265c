# SPDX-License-Identifier: GPL-2.0-or-later
"""Images with programs of Debian, made here by debootstrap and apt-get: no registry is asked.

Each is a tar file in /var/cache/bulkhead-images (BULKHEAD_IMAGE_CACHE names another folder), made
when it is missing or when its recipe has changed; afterwards no network is needed. Packages come
from BULKHEAD_IMAGE_MIRROR, by default deb.debian.org."""

import glob
import hashlib
import os
import re
import shutil
import stat
import subprocess

from harness import need, skip
from session import session

CACHE = os.environ.get("BULKHEAD_IMAGE_CACHE", "/var/cache/bulkhead-images")
MIRROR = os.environ.get("BULKHEAD_IMAGE_MIRROR", "http://deb.debian.org/debian")
SUITE = "bookworm"
WASTE = ("var/lib/apt/lists", "var/cache/apt", "usr/share/doc", "usr/share/man", "usr/share/locale",
         "usr/sbin/policy-rc.d")
NEVER_START = "#!/bin/sh\nexit 101\n"  # policy-rc.d: what is installed here is not to run here


def _environment():
    """The proxy that the machine's own apt uses is for debootstrap and the apt inside too."""
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive",
           "LC_ALL": "C", **{k: v for k, v in os.environ.items() if k.endswith("_proxy")}}
    said = subprocess.run(["apt-config", "shell", "P", "Acquire::http::Proxy"],
                          capture_output=True, text=True).stdout
    if found := re.match(r"P='(http.+)'", said):
        env.setdefault("http_proxy", found.group(1))
    return env


def _step(*argv):
    """A machine that cannot get packages skips, and says what stood in the way."""
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.STDOUT, env=_environment(), timeout=900,
                              errors="replace")
    except subprocess.TimeoutExpired:
        skip(f"{argv[0]} did not end: no Debian image can be made")
    if done.returncode != 0:
        wrong = [line for line in done.stdout.splitlines() if line[:2] in ("E:", "W:")]
        last = (wrong or done.stdout.splitlines() or ["no word"])[-1]
        skip(f"no Debian image can be made: {argv[0]}: {last}")


def _put(root, path, text):
    name = os.path.join(root, path.lstrip("/"))
    if os.path.lexists(name):
        os.unlink(name)
    os.makedirs(os.path.dirname(name), exist_ok=True)
    with open(name, "w") as f:
        f.write(text)
    os.chmod(name, 0o755 if text.startswith("#!") else 0o644)


def _keep(folder, root, path):
    """Packs a root into the cache: wholly, or not at all."""
    for left in glob.glob(f"{CACHE}/new-*"):  # by a run that was killed
        if not os.path.exists(f"{os.path.dirname(session.folder)}/{os.path.basename(left)[4:]}"):
            os.unlink(left)
    new = f"{CACHE}/new-{session.name}"
    _step("tar", "--numeric-owner", "--exclude=./dev/*", "-C", root, "-cf", new, ".")
    os.rename(new, path)
    shutil.rmtree(folder)


def _base():
    """Debian without more, as a tar file."""
    path = f"{CACHE}/{SUITE}.tar"
    if not os.path.exists(path):
        folder = session.temp("debootstrap")
        _step("debootstrap", "--variant=minbase", SUITE, f"{folder}/root", MIRROR)
        _keep(folder, f"{folder}/root", path)
    return path


def _install(root, packages, files):
    """files: path -> text; a text "-> TARGET" is a link. They are put there before the packages,
    so that these find their settings, and once more after them."""
    for file in ("/etc/resolv.conf", "/etc/hosts"):
        if os.path.exists(file):
            shutil.copyfile(file, f"{root}{file}")
    _put(root, "/usr/sbin/policy-rc.d", NEVER_START)
    for name, minor in (("null", 3), ("random", 8), ("urandom", 9)):
        os.mknod(f"{root}/dev/{name}", stat.S_IFCHR, os.makedev(1, minor))
        os.chmod(f"{root}/dev/{name}", 0o666)
    for path, text in files.items():
        if not text.startswith("-> "):
            _put(root, path, text)
    _step("chroot", root, "apt-get", "-q", "update")
    _step("chroot", root, "apt-get", "-qy", "--no-install-recommends", "-o",
          "Dpkg::Options::=--force-confold", "install", *packages)
    for path, text in files.items():
        if not text.startswith("-> "):
            _put(root, path, text)
            continue
        if os.path.lexists(root + path):
            os.unlink(root + path)
        os.symlink(text[3:], root + path)
    for path in WASTE:
        full = f"{root}/{path}"
        shutil.rmtree(full) if os.path.isdir(full) else os.unlink(full)
    os.makedirs(f"{root}/var/cache/apt/archives/partial")
    os.makedirs(f"{root}/var/lib/apt/lists/partial")


def debian_image(name, packages, files):
    """Path of a tar file with Debian, these packages and these files."""
    recipe = repr((SUITE, packages, sorted(files.items()), WASTE))
    path = f"{CACHE}/{name}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}.tar"
    if os.path.exists(path):
        return path
    need("debootstrap", "apt-get")
    try:
        os.makedirs(CACHE, exist_ok=True)
    except OSError as why:
        skip(f"{CACHE}: {why.strerror}")
    base = _base()
    folder = session.temp("image")
    root = f"{folder}/root"
    os.mkdir(root, 0o755)
    _step("tar", "--numeric-owner", "-C", root, "-xf", base)
    _install(root, packages, files)
    for old in glob.glob(f"{CACHE}/{name}-*.tar"):
        os.unlink(old)
    _keep(folder, root, path)
    return path
