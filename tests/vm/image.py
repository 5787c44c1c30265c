# SPDX-License-Identifier: GPL-2.0-or-later
"""What a virtual machine boots from: an initramfs with the modules for its disk, and the disk, an
ext4 image with busybox, Python, our programs, their libraries and the tests. Made without network
and without mounting anything."""

import glob
import os
import shutil
import subprocess
import sysconfig

HERE = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(os.path.dirname(HERE))
BUSYBOX = "/bin/busybox"
IP = os.path.realpath("/usr/sbin/ip")
PYTHON = os.path.realpath("/usr/bin/python3")
MODULES = ["virtio_pci", "virtio_blk", "overlay", "veth"]
FREE_MIB = 512  # for what the tests write

# Large or useless in there.
PYTHON_LEAVES_OUT = ("test", "idlelib", "tkinter", "lib2to3", "ensurepip", "pydoc_data",
                     "config-*", "distutils", "unittest", "sqlite3", "dist-packages",
                     "*.opt-?.pyc", "turtledemo")


def _libraries(program):
    """Shared libraries and the loader of a program, by the paths under which it looks for them."""
    out = subprocess.run(["ldd", program], capture_output=True, text=True)
    if "not a dynamic executable" in out.stderr or "statically linked" in out.stdout:
        return []
    if "not found" in out.stdout or out.returncode != 0:
        raise RuntimeError(f"ldd {program}: {out.stdout}{out.stderr}")
    words = [line.split() for line in out.stdout.splitlines()]
    return [w[2] if "=>" in w else w[0] for w in words if "/" in " ".join(w)]


def _put(root, source, target=None):
    to = root + (target or source)
    os.makedirs(os.path.dirname(to), exist_ok=True)
    shutil.copy(source, to)


def _programs(root, programs):
    """Copies {source: place in the guest} with all libraries, each once."""
    needed = set()
    for source, target in programs.items():
        _put(root, source, target)
        needed.update(_libraries(source))
    for library in sorted(needed):
        _put(root, library)


def _links(folder):
    names = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout
    os.makedirs(folder, exist_ok=True)
    for name in names.split():
        if not os.path.lexists(f"{folder}/{name}"):
            os.symlink("/usr/bin/busybox", f"{folder}/{name}")


def _etc(root):
    for name, text in (("passwd", "root:x:0:0:root:/:/bin/sh\n"), ("group", "root:x:0:\n"),
                       ("os-release", 'ID=bulkhead-vm\nPRETTY_NAME="bulkhead test machine"\n'),
                       ("hostname", "vm\n"), ("hosts", "127.0.0.1 localhost\n"),
                       ("machine-id", "5" * 32 + "\n")):
        with open(f"{root}/etc/{name}", "w") as f:
            f.write(text)


def fill_root(root, build):
    """The guest's file system. Our programs and tests lie in the guest as they do here."""
    for folder in ("dev", "proc", "sys", "run", "tmp", "etc", "var/tmp", "usr/bin", "usr/lib",
                   "usr/lib64", "usr/sbin", "mnt"):
        os.makedirs(f"{root}/{folder}")
    for name in ("bin", "lib", "lib64", "sbin"):
        os.symlink(f"usr/{name}", f"{root}/{name}")
    programs = {f"{build}/{name}": f"/bulkhead/build/{name}"
                for name in ("bulkheadd", "bulkhead", "tests/integration/alloc",
                             "tests/integration/doer", "tests/bench/cgroups", "tests/vm/contain",
                             "tests/vm/ring", "tests/vm/victim", "tests/sensor/denier",
                             "tests/sensor/enforcer", "tests/sensor/tasks")}
    library = sysconfig.get_path("stdlib")
    programs.update({BUSYBOX: "/usr/bin/busybox", PYTHON: "/usr/bin/python3"})
    if os.path.exists(IP):  # busybox's knows no network namespaces
        programs[IP] = "/usr/sbin/ip"
    programs.update({p: p for p in glob.glob(f"{library}/lib-dynload/*.so")})
    _programs(root, programs)
    _links(f"{root}/usr/bin")
    shutil.copytree(library, root + library, dirs_exist_ok=True, symlinks=True,
                    ignore=shutil.ignore_patterns(*PYTHON_LEAVES_OUT))
    for folder in ("integration", "vm"):
        shutil.copytree(f"{REPO}/tests/{folder}", f"{root}/bulkhead/tests/{folder}",
                        ignore=shutil.ignore_patterns("__pycache__"))
    _etc(root)


def make_disk(path, build):
    """Writes the ext4 image, whole or not at all."""
    root = path + ".root"
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(root)
    try:
        fill_root(root, build)
        size = sum(e.st_size for folder, _, files in os.walk(root)
                   for e in (os.lstat(os.path.join(folder, f)) for f in files))
        if os.path.exists(path + ".new"):
            os.unlink(path + ".new")
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-E", "root_owner=0:0", "-m", "0", "-d", root,
                        path + ".new", f"{(size >> 20) * 5 // 4 + FREE_MIB}M"], check=True,
                       stdout=subprocess.DEVNULL)
        os.rename(path + ".new", path)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def make_initramfs(path, kernel):
    root = path + ".root"
    shutil.rmtree(root, ignore_errors=True)
    try:
        for folder in ("bin", "dev", "proc", "sys", "root", "modules"):
            os.makedirs(f"{root}/{folder}")
        shutil.copy(BUSYBOX, f"{root}/bin/busybox")
        os.symlink("busybox", f"{root}/bin/sh")
        shutil.copy(f"{HERE}/guest/init", f"{root}/init")
        os.chmod(f"{root}/init", 0o755)
        for n, (name, content) in enumerate(kernel.modules(MODULES)):
            with open(f"{root}/modules/{n:02}-{name}.ko", "wb") as f:
                f.write(content)
        names = "\n".join(sorted(os.path.relpath(os.path.join(folder, n), root)
                                 for folder, folders, files in os.walk(root)
                                 for n in folders + files))
        with open(path, "wb") as out:
            subprocess.run(["cpio", "-o", "-H", "newc", "--quiet", "-R", "0:0"],
                           input=names.encode(), stdout=out, cwd=root, check=True)
    finally:
        shutil.rmtree(root, ignore_errors=True)
