# SPDX-License-Identifier: GPL-2.0-or-later
"""Events by the trampoline layer, and what only that one can: paths of the kernel's own objects,
refusals, operations of io_uring."""

import json
import os

import harness
from box import TOP, V2, enable, hex_id
from harness import BUILD, run, same, skip
from layers import SHORT_FORM, Layer
from session import remove_cgroup

layer = Layer("trampoline")
layer.take(globals())
events = layer.events

DENIER = f"{BUILD}/tests/sensor/denier"
REAL = "/bulkhead/denied"  # on the machine's root: what an image would hold


def resolved(done, kind, way, **wanted):
    e = done.event(kind, **wanted)
    events.check(e, flags=lambda f: "resolved" in f, path__path_flags=None, path__path2_flags=None)
    events.check_way(e, way)


def test_the_layer_runs_and_says_what_it_lacks():
    sensor = events.agent().status()["sensor"]
    same(sensor["mode"], "trampoline", "mode")
    missing = {p["name"]: p["reason"] for p in sensor["programs"] if p.get("reason")}
    for name in () if V2 else ("on_ingress", "on_egress"):  # they want the v2 tree
        missing.pop(name)
    for new in ("call_fchmodat2", "call_open_tree_attr"):
        same(missing.pop(new, "this kernel has no such call"), "this kernel has no such call", new)
    same(missing, {}, "refused")
    return f"loaded in {sensor['load_seconds']:.2f} s"


def test_paths_come_from_the_kernels_objects_through_links_and_dots():
    b = events.box()
    for way in events.WAYS:
        name = events.unique("real")
        real, link = f"/mem/{name}", f"/mem/{name}.link"
        odd = f"{link}/../{name}.link"
        done = b.doer(f"mkdir s:{real} 0755", f"symlink s:{name} s:{link}",
                      f"mkdir s:{odd}/d 0755", f"mknodat -100 s:{odd}/f {0o100644} 0",
                      f"rename s:{odd}/f s:{link}/g", f"link s:{odd}/g s:{link}/h",
                      f"symlink s:text s:{odd}/s", f"chmod s:{odd}/g 0600",
                      f"chown s:{odd}/g 1 2", f"truncate s:{odd}/g 7", f"unlink s:{odd}/h",
                      f"unlinkat -100 s:{odd}/g 0", f"rmdir s:{odd}/d",
                      "chdir s:/mem", f"unlink s:{name}.link/s", f"unlink s:{link}/none",
                      f"rmdir s:{real}/../{name}", flags=way)
        same([r for r in done.results if r < 0], [-2], f"failures in {done.results}")
        resolved(done, "mkdir", way, path__raw=f"{odd}/d", path__path=f"{real}/d")
        resolved(done, "mknod", way, path__raw=f"{odd}/f", path__path=f"{real}/f")
        resolved(done, "rename", way, path__path=f"{real}/f", path__path2=f"{real}/g")
        resolved(done, "link", way, path__path=f"{real}/g", path__path2=f"{real}/h")
        resolved(done, "symlink", way, path__raw="text", path__path2=f"{real}/s")
        resolved(done, "chmod", way, path__path=f"{real}/g")
        resolved(done, "chown", way, path__path=f"{real}/g")
        resolved(done, "truncate", way, path__path=f"{real}/g")
        resolved(done, "unlink", way, path__raw=f"{odd}/h", path__path=f"{real}/h")
        resolved(done, "unlink", way, path__raw=f"{odd}/g", path__path=f"{real}/g")
        resolved(done, "unlink", way, path__raw=f"{name}.link/s", path__path=f"{real}/s")
        resolved(done, "rmdir", way, path__raw=f"{odd}/d", path__path=f"{real}/d")
        resolved(done, "rmdir", way, path__raw=f"{real}/../{name}", path__path=real)
        # nothing to resolve: the text, and nothing of the call before
        none = done.event("unlink", path__raw=f"{link}/none")
        events.check(none, error="ENOENT", flags=lambda f: not f or "resolved" not in f)


def test_mounts_and_roots_tell_the_kernels_paths():
    b = events.strong_box()
    for way in events.WAYS[:2]:
        name = events.unique("at")
        real, link = f"/mem/{name}", f"/mem/{name}.link"
        done = b.doer(f"mkdir s:{real} 0755", f"symlink s:{name} s:{link}",
                      f"mount s:none s:{link} s:tmpfs 0 0", f"umount2 s:{link} 0",
                      f"chroot s:{link}/../{name}.link", flags=way)
        same(min(done.results), 0, f"results {done.results}")
        events.check(done.event("mount"), flags=lambda f: "resolved" in f, call__path2=real)
        events.check(done.event("umount"), flags=lambda f: "resolved" in f, call__path=real)
        resolved(done, "chroot", way, path__path=real)


def test_io_uring_is_seen():
    b = events.Box("ring", {"SecurityOpt": ["seccomp=unconfined"], "Tmpfs": {"/mem": ""}},
                   binds=[f"{BUILD}/tests/vm:/tools"])
    with b:
        name = f"/mem/{events.unique('ring')}"
        b.doer(("makefile", f"s:{name}", "s:x"), ("makefile", f"s:{name}.gone", "s:x"))
        done = b.run("/tools/ring", name, f"{name}.gone")
        if done.output.startswith("none"):
            skip(f"this kernel has no io_uring: {done.output}")
        assert min(done.results[:2]) >= 0 and done.results[2] == 0, done.output
        for access in ("read", "write"):
            found = [e for e in events.reader().events[done.since:] if e["type"] == "open"
                     and b.owns(e) and e["open"].get("path") == name
                     and e["open"]["access"] == [access]]
            same(len(found), 1, f"opens for {access}")
            events.check(found[0], syscall=426, flags=lambda f: "resolved" in f,
                         file__inode=events.ANY)
        e = done.event("unlink", path__path=f"{name}.gone")
        events.check(e, syscall=426, flags=lambda f: "resolved" in f)


def deny(mode, count):
    if not V2:
        skip("the tool knows cgroup v2 alone")
    path = f"/docker/{hex_id('denied')}"
    enable(TOP, path)
    os.makedirs(REAL, exist_ok=True)
    with open(f"{REAL}/secret", "w") as f:
        f.write("secret")
    for name in ("program", "other"):
        with open("/usr/bin/busybox", "rb") as old, open(f"{REAL}/{name}", "wb") as new:
            new.write(old.read())
        os.chmod(f"{REAL}/{name}", 0o755)
    try:
        done = run(DENIER, mode, TOP + path, str(count), f"{REAL}/secret", f"{REAL}/program",
                   f"{REAL}/other")
    finally:
        remove_cgroup(path)
    return json.loads(done.stdout)


def test_a_verdict_refuses_every_open_and_every_exec_before_it_happens():
    n = 2000 if SHORT_FORM else 20000
    told = deny("trampoline", n)
    same({k: told[k] for k in ("mode", "open_refused", "exec_refused", "other_opened", "other_ran",
                               "not_understood", "lost")},
         {"mode": "trampoline", "open_refused": n, "exec_refused": n // 100, "other_opened": n,
          "other_ran": n // 100, "not_understood": 0, "lost": 0}, f"what the child met: {told}")
    same((told["open_events"], told["exec_events"], told["with_path"]), (n, n // 100, n + n // 100),
         f"refusals that were told: {told}")
    return f"alone it loaded in {told['load_ms']} ms"


def test_the_other_layer_refuses_nothing():
    told = deny("tracepoint", 100)
    same((told["mode"], told["open_refused"], told["exec_refused"], told["open_events"]),
         ("tracepoint", 0, 0, 0), f"what the child met: {told}")


def test_the_agent_ends_and_its_stubs_with_it():
    agent = events.agent()
    code, seconds = agent.stop(120)
    same(code, 0, "exit code")
    harness.agents[:] = [a for a in harness.agents if a is not agent]
    return f"it took {seconds:.1f} s"
