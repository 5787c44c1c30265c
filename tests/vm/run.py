#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the tests of tests/vm/guest in virtual machines with Debian's kernels, without KVM and
without root.

    run.py [--kernel 6.1|6.12] [--cgroup v1|v2] [-k TEXT] [--short] [-v]

Without options: every kernel that can be had, in every mode. --short: one kernel, pure cgroup v2,
of the events a few.
-k: only tests whose file or name holds TEXT. -v: shows the kernel's log as it comes. The last line
is "N passed, N failed, N skipped"."""

import argparse
import glob
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

sys.dont_write_bytecode = True

import image  # noqa: E402
import kernel as kernels  # noqa: E402
sys.path.append(os.path.join(image.REPO, "tests/integration"))
from session import alive, die_with_parent  # noqa: E402

BUILD = os.environ.get("BULKHEAD_BUILD", os.path.join(image.REPO, "build"))
QEMU = "qemu-system-x86_64"
PROFILES = [("6.12", "v2"), ("6.1", "v2"), ("6.1", "v1")]  # Debian's 6.12 has no v1 memory
SHORT = [("6.12", "v2"), ("6.1", "v2")]  # the first whose kernel can be had
BOOT_TIMEOUT = 120  # seconds until the first test
TEST_TIMEOUT = 120  # without a word from a test
MEMORY_MIB = 1024

# What the kernel must not say. A kill for lack of memory prints a call trace too: that is no fault.
ALARM = re.compile(
    r"WARNING:|BUG:|Oops|Kernel panic|general protection|stalls? on CPU|detected stall|"
    r"blocked for more than|INFO: possible|UBSAN|KASAN|refcount_t|list_(add|del) corr|"
    r"Out of memory: Killed")


class Unable(Exception):
    """No virtual machine can run here; the text says why."""


class Machine:
    """One boot: a QEMU with the kernel's log in a file and the results on its output."""

    def __init__(self, profile, initrd, disk, log, options):
        found, mode = profile
        self.log = log
        # pc and not microvm: without ACPI Debian's kernels find no virtio disk there
        # (VIRTIO_MMIO_CMDLINE_DEVICES is off), with ACPI 6.12 does not get through its clocks.
        # One processor: with several, this emulator breaks kernels that patch their own code
        # (static keys, BPF trampolines): "Oops: int3". The disk takes writes that nobody keeps.
        words = ["console=ttyS0", "loglevel=5", "panic=-1", "oops=panic", "reboot=t", "psi=1",
                 "mitigations=off", f"bulkhead.cgroup={mode}",
                 f"bulkhead.short={int(options.short)}",
                 f"bulkhead.k={urllib.parse.quote(options.k, safe='')}"]
        self.process = subprocess.Popen(
            [QEMU, "-M", "pc", "-accel", "tcg", "-smp", "1", "-m", str(MEMORY_MIB),
             "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
             "-kernel", found.image, "-initrd", initrd, "-append", " ".join(words),
             "-serial", f"file:{log}", "-serial", "stdio",
             "-drive", f"file={disk},format=raw,if=none,id=disk,snapshot=on,cache=unsafe",
             "-device", "virtio-blk-pci,drive=disk"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            preexec_fn=die_with_parent)
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.decode(errors="replace").rstrip("\r\n"))
        self.lines.put(None)

    def line(self, timeout):
        """The next line, or None at the end; queue.Empty when there is none in time."""
        return self.lines.get(timeout=timeout)

    def kernel_log(self):
        with open(self.log, errors="replace") as f:
            return f.read().splitlines()

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Count:
    passed = failed = skipped = 0

    def ok(self, text):
        self.passed += 1
        print(f"ok {text}", flush=True)

    def fail(self, text, more=()):
        self.failed += 1
        print(f"FAIL {text}")
        for line in more:
            print(f"    {line}")
        sys.stdout.flush()

    def skip(self, text):
        self.skipped += 1
        print(f"SKIP {text}", flush=True)


class Reader:
    """Takes the guest's lines and counts; a result is complete when the next line is no comment."""

    def __init__(self, label, count):
        self.label, self.count = label, count
        self.running = self.failure = None
        self.details, self.stray = [], []
        self.tests, self.done = 0, False

    def close(self):
        if self.failure:
            self.count.fail(self.failure, self.details)
            self.failure, self.details = None, []

    def take(self, line):
        if line.startswith("# ") or line == "#":
            self.details.append(line[2:])
            return
        self.close()
        self.details = []
        verb, _, rest = line.partition(" ")
        if line.startswith("not ok "):
            verb, rest = "not", line[len("not ok "):]
        title, _, more = rest.partition("\t")
        if verb == "run":
            self.running = title
            self.tests += 1
        elif verb in ("ok", "not", "skip") and title == self.running:
            self.running = None
            if verb == "ok":
                self.count.ok(f"{self.label} {title} ({more})")
            elif verb == "skip":
                self.count.skip(f"{self.label} {title}: {more}")
            else:
                self.failure = f"{self.label} {title}: {more}"
        elif line == "done":
            self.done = True
        elif not line.startswith("end "):
            self.stray.append(line)


def judge_kernel(label, machine, count):
    """One result a boot: the kernel has not complained."""
    log = machine.kernel_log()
    bad = [i for i, line in enumerate(log) if ALARM.search(line)]
    if bad:
        test = [line for line in log[:bad[0]] if "bulkhead test:" in line]
        count.fail(f"{label} kernel log: nothing to complain of: {log[bad[0]]}",
                   test[-1:] + log[bad[0]:bad[0] + 40])
    else:
        count.ok(f"{label} kernel log: nothing to complain of")


def boot(profile, folder, disk, options, count):
    found, mode = profile
    label = f"{found.version}/{mode}"
    initrd = f"{folder}/initramfs-{found.version}"
    log = f"{BUILD}/vm/{found.version}-{mode}.log"
    image.make_initramfs(initrd, found)
    open(log, "w").close()
    print(f"== {label}: Linux {found.release}, cgroup {mode}; kernel log in {log}", flush=True)
    begin = time.monotonic()
    machine, reader = Machine(profile, initrd, disk, log, options), Reader(label, count)
    shown = None
    if options.v:
        shown = subprocess.Popen(["tail", "-n", "+1", "-f", log])
    try:
        while (line := machine.line(TEST_TIMEOUT if reader.tests else BOOT_TIMEOUT)) is not None:
            if not reader.tests and line.startswith("run "):
                print(f"   {label}: first test after {time.monotonic() - begin:.0f} s", flush=True)
            reader.take(line)
        reader.close()
        if not reader.done:
            count.fail(f"{label} {reader.running or 'boot'}: the machine ended before its tests",
                       reader.stray[-20:] + machine.kernel_log()[-30:])
        elif not reader.tests:
            count.fail(f"{label}: no test has '{options.k}' in its name")
    except queue.Empty:
        reader.close()
        count.fail(f"{label} {reader.running or 'boot'}: the machine hangs",
                   reader.stray[-20:] + machine.kernel_log()[-30:])
    finally:
        machine.end()
        if shown:
            shown.kill()
            shown.wait()
    judge_kernel(label, machine, count)
    print(f"   {label}: {time.monotonic() - begin:.0f} s", flush=True)


def check_host():
    for program, package in ((QEMU, "qemu-system-x86"), ("cpio", "cpio"), ("mke2fs", "e2fsprogs"),
                             ("ldd", "libc-bin"), (image.BUSYBOX, "busybox-static"),
                             ("apt-get", "apt"), ("dpkg-deb", "dpkg")):
        if not shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"):
            raise Unable(f"{os.path.basename(program)} is not installed (package {package})")
    for name in ("bulkheadd", "bulkhead", "tests/integration/alloc", "tests/integration/doer",
                 "tests/bench/cgroups", "tests/vm/contain", "tests/vm/ring",
                 "tests/vm/victim", "tests/sensor/denier", "tests/sensor/enforcer"):
        if not os.path.exists(f"{BUILD}/{name}"):
            raise Unable(f"{BUILD}/{name} is not built (make all tools)")


def choose(options, count):
    """[(Kernel, mode)] to boot; what cannot be had is counted as skipped."""
    wanted = [p for p in (SHORT if options.short else PROFILES)
              if options.kernel in ("", p[0]) and options.cgroup in ("", p[1])]
    have, chosen, missing = {}, [], []
    for version, mode in wanted:
        try:
            if version not in have:
                have[version] = kernels.Kernel(version)
            chosen.append((have[version], mode))
        except kernels.Missing as why:
            missing.append(f"{version}/{mode}: {why}")
        if options.short and chosen:
            return chosen
    for text in missing:
        count.skip(text)
    if not wanted:
        print("no profile has that kernel and that cgroup mode")
        count.failed += 1
    return chosen


def sweep():
    """Takes away the disks of runs that were killed."""
    for old in glob.glob(f"{BUILD}/vm/run-*"):
        if not alive(old.rpartition("run-")[2].partition("-")[0]):
            shutil.rmtree(old, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kernel", default="", choices=list(kernels.PACKAGES))
    parser.add_argument("--cgroup", default="", choices=["v1", "v2"])
    parser.add_argument("-k", default="", metavar="TEXT")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("-v", action="store_true")
    options = parser.parse_args()
    count = Count()
    os.environ["PATH"] = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda got, frame: sys.exit(128 + got))
    try:
        check_host()
        os.makedirs(f"{BUILD}/vm", exist_ok=True)
        sweep()
        with tempfile.TemporaryDirectory(prefix=f"run-{os.getpid()}-", dir=f"{BUILD}/vm") as folder:
            chosen = choose(options, count)
            if chosen:
                image.make_disk(f"{folder}/disk", BUILD)
            for profile in chosen:
                boot(profile, folder, f"{folder}/disk", options, count)
    except Unable as why:
        count.skip(f"virtual machines: {why}")
    print(f"{count.passed} passed, {count.failed} failed, {count.skipped} skipped")
    return 1 if count.failed else 0


if __name__ == "__main__":
    sys.exit(main())
