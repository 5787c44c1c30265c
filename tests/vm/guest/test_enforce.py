# SPDX-License-Identifier: GPL-2.0-or-later
"""What an image is allowed, on this kernel: tests/integration/test_enforce_kernel.py in both layers,
and what only the trampoline layer can: refusals before anything happens."""

import errno
import json
import os
import shutil
import time

import test_enforce_kernel as kernel
from enforcing import (CONNECT_DENY, EXEC_DENY, INJECTED, REFUSED, WRITE_DENY, Container,
                       Enforcer, Image)
from harness import BUILD, same, skip
from layers import SHORT_FORM

LAYER = "trampoline"
SHORT = ("what_is_not_allowed", "a_script_is_judged")


def _take():
    kernel.COUNT = 200 if SHORT_FORM else 2000
    for layer in ("tracepoint", "trampoline"):
        for name, fn in vars(kernel).items():
            if not name.startswith("test_") or (SHORT_FORM and not name[5:].startswith(SHORT)):
                continue

            def one(fn=fn, layer=layer):
                kernel.enforcer = lambda: Enforcer.shared(layer)
                fn()
            one.__module__ = __name__
            globals()[f"test_{layer}_{name[5:]}"] = one


_take()


def test_the_programs_load_in_both_layers():
    said = []
    for layer in ("tracepoint", "trampoline"):
        with Enforcer(layer) as e:
            most = sorted(e.say("programs").items(), key=lambda p: -p[1])[:3]
            said.append(f"{layer}: {e.load_ms} ms, {most}")
    return "; ".join(said)


def test_an_exec_that_is_not_allowed_is_refused():
    text = "#!/bin/sh\necho ran\n"
    scripts = {"bin/good": text, "bin/bad": text, "bin/other": "#!/bin/unknown\n"}
    n = 200 if SHORT_FORM else 2000
    with Enforcer.shared(LAYER) as e:
        image = Image("known", "unknown", scripts=scripts)
        with kernel.started(e, image, EXEC_DENY, "/bin/known", "/bin/cp") as c:
            lines, _ = c.sh(f"/bin/victim storm {n} /bin/unknown touch /made/it")
            same(lines, [f"0 {n} 0"], "killed, refused, ran")
            told = e.events("exec", path="/bin/unknown", result=-1)
            same(len(told), n, "events")
            same({tuple(t["flags"]) for t in told}, {("denied", "resolved")}, "their flags")
            same(c.victim("run", "/bin/known", "touch", "/made/known"), 0, "a known one")
            same(c.victim("memory", "/bin/known", "/made/it"), REFUSED, "in memory")
            c.sh("/bin/cp /bin/known /made/copy")
            same(c.victim("run", "/made/copy", "touch", "/made/it"), REFUSED, "in the upper layer")
            e.do("script", "/bin/good", "allow")
            e.do("script", "/bin/other", "allow")
            same([c.victim("run", f"/bin/{s}") for s in ("good", "bad", "other")],
                 [0, REFUSED, REFUSED], "scripts")
            e.allow(c, "/bin/sh", verdict="scripts")
            same(c.victim("run", "/bin/bad"), 0, "any script")
            same(c.enter("/bin/unknown", "touch", "/made/injected"), ("", 0), "put in")
            c.hold(EXEC_DENY | INJECTED)
            assert c.enter("/bin/unknown", "touch", "/made/it")[1] != 0, "put in, not exempt"
            same(c.there("/made/it"), False, "what they would have made")
            with Container(e, image, EXEC_DENY, program=("/bin/unknown", "touch", "/it")) as first:
                same(first.process.wait(60), 125, "the first program of a container")


def writes(c, folder, expected):
    """Every kind of change in a folder; other names are in /data."""
    new = f"{folder}/new"
    met = {}
    for step in ("write", "append", "cut", "truncate"):
        met[step] = c.victim(step, f"{folder}/old")
    for step in ("create", "mkdir", "mknod"):
        met[step] = c.victim(step, f"{new}-{step}")
    tmpfile = c.victim("tmpfile", folder)
    if tmpfile != -errno.EOPNOTSUPP:  # of overlays only newer kernels make one
        met["tmpfile"] = tmpfile
    met["unlink"] = c.victim("unlink", f"{folder}/old")
    met["rmdir"] = c.victim("rmdir", f"{folder}/gone")
    met["symlink"] = c.victim("symlink", "text", f"{new}-symlink")
    met["link"] = c.victim("link", "/data/old", f"{new}-link")
    met["rename to"] = c.victim("rename", "/data/mine", f"{new}-rename")
    met["rename from"] = c.victim("rename", f"{folder}/theirs", "/data/theirs")
    same(met, dict.fromkeys(met, expected), f"changes in {folder}")


def world():
    image = Image()
    for folder in ("data", "data/deep", "made/deep"):
        for name in ("old", "theirs", "mine"):
            os.makedirs(f"{image.folder}/{folder}/gone", exist_ok=True)
            with open(f"{image.folder}/{folder}/{name}", "w") as f:
                f.write("text")
    shutil.copy(f"{BUILD}/tests/vm/ring", f"{image.folder}/bin/ring")
    return image


def test_changes_in_directories_that_are_not_allowed_are_refused():
    with Enforcer.shared(LAYER) as e, \
            kernel.started(e, world(), 0, options="tmpfs=/mem,writable") as c:
        e.allow(c, "/data", type="mkdir")
        e.allow(c, "/made", type="mkdir", verdict="below")
        c.hold(WRITE_DENY)
        writes(c, "/data/deep", REFUSED)
        for way, path, field in (("open", "/data/deep/old", "path"), ("open", None, None),
                                 ("unlink", "/data/deep/old", "path"),
                                 ("mkdir", "/data/deep/new-mkdir", "path"),
                                 ("rename", "/data/mine", "path"),
                                 ("link", "/data/old", "path"),
                                 ("symlink", "/data/deep/new-symlink", "path"),
                                 ("truncate", "/data/deep/old", "path"),
                                 ("mknod", "/data/deep/new-mknod", "path"),
                                 ("rmdir", "/data/deep/gone", "path")):
            told = e.events(way, result=-1, **({field: path} if field else {}))
            assert told and all("denied" in t["flags"] for t in told), f"{way} {path}: {told}"
        same([t["path"] for t in e.events("open", result=-1) if "create" in t["path"]],
             ["/data/deep/new-create"], "a file that was not made")
        same(c.victim("read", "/data/deep/old"), 0, "a file that is there, opened with O_CREAT")
        same([t for t in e.events("open") if t["result"] >= 0 and "denied" in t["flags"]], [],
             "opens that went well and are told as refused")
        same(c.victim("unix", "/data/deep/socket"), 0, "a socket")
        same(c.victim("fifo", "/data/deep/fifo"), 0, "a pipe")
        same(c.victim("write", "/dev/null"), 0, "a device")
        same(c.victim("write", "/proc/self/oom_score_adj"), 0, "proc")
        writes(c, "/made/deep", 0)
        same([c.victim("create", f"/data/{n}") for n in (1, 2)], [0, 0], "directly in it")
        same(c.victim("create", "/mem/free"), 0, "another file system")
        same(c.victim("mkdir", "/mem/deep"), 0, "a directory there")
        e.allow(c, "/mem", type="mkdir")
        same([c.victim("create", p) for p in ("/mem/free2", "/mem/deep/new")], [0, REFUSED],
             "once its root has a verdict")
        same(c.enter("/bin/victim", "create", "/data/deep/injected"), ("0", 0), "put in")
        c.hold(WRITE_DENY | INJECTED)
        same(c.enter("/bin/victim", "create", "/data/deep/injected2"), ("-1", 0), "not exempt")


def test_io_uring_is_refused_too():
    with Enforcer.shared(LAYER) as e, kernel.started(e, world(), 0) as c:
        before = c.sh("/bin/ring /made/1 /data/old")[0]
        if before[0].startswith("none"):
            skip(f"this kernel has no io_uring: {before}")
        e.allow(c, "/data", type="mkdir")
        c.hold(WRITE_DENY)
        lines, _ = c.sh("/bin/ring /data/deep/old /data/deep/theirs")
        same(json.loads(lines[0])["results"][1:], [-1, -1], "opened for writing, removed")
        told = e.events("open", result=-1, path="/data/deep/old") + \
            e.events("unlink", result=-1, path="/data/deep/theirs")
        assert len(told) == 2 and all("denied" in t["flags"] for t in told), f"{told}"


def test_connections_to_peers_that_are_not_allowed_are_refused():
    with Enforcer.shared(LAYER) as e, kernel.started(e, Image(), 0, options="hostnet") as c:
        e.do("peer", 6, 443, "192.0.2.0", 24, "allow")
        e.do("peer", 17, 0, "2001:db8::", 32, "allow")
        c.hold(CONNECT_DENY)

        def met(*words):
            return c.victim(*words) == REFUSED
        same({w: met(*w.split()) for w in (
            "connect tcp 192.0.2.7 443", "connect tcp 192.0.2.7 444", "connect udp 192.0.2.7 443",
            "connect tcp 192.0.3.7 443", "connect tcp ::ffff:192.0.2.7 443",
            "connect tcp ::ffff:192.0.3.7 443", "connect udp 2001:db8::1 53", "send 2001:db8::1 53",
            "send 192.0.2.7 53", "connect tcp 2001:db8::1 53", "fastopen 192.0.3.7 443",
            "connect tcp 127.0.0.1 1", "connect tcp ::1 1", "send 127.0.0.1 1")},
             {"connect tcp 192.0.2.7 443": False, "connect tcp 192.0.2.7 444": True,
              "connect udp 192.0.2.7 443": True, "connect tcp 192.0.3.7 443": True,
              "connect tcp ::ffff:192.0.2.7 443": False, "connect tcp ::ffff:192.0.3.7 443": True,
              "connect udp 2001:db8::1 53": False, "send 2001:db8::1 53": False,
              "send 192.0.2.7 53": True, "connect tcp 2001:db8::1 53": True,
              "fastopen 192.0.3.7 443": True, "connect tcp 127.0.0.1 1": False,
              "connect tcp ::1 1": False, "send 127.0.0.1 1": False}, "what is refused")
        told = e.events("connect", result=-1) + e.events("send", result=-1)
        same(len(told), 7, f"events: {told}")
        same({tuple(t["flags"]) for t in told}, {("denied",)}, "their flags")
        same(c.enter("/bin/victim", "connect", "tcp", "192.0.3.7", "443")[0] == "-1", False,
             "put in")
        c.hold(0)
        same(met("connect", "tcp", "192.0.3.7", "443"), False, "after it was let go")


def test_the_programs_end():
    """The last one here: what is kept would slow down those that follow."""
    begin = time.monotonic()
    while Enforcer.kept:
        e = Enforcer.kept.popitem()[1]
        e.keep = False
        e.__exit__()
    return f"it took {time.monotonic() - begin:.1f} s"
