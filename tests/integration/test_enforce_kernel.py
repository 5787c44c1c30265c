# SPDX-License-Identifier: GPL-2.0-or-later
"""Default deny in the kernel: what an image is not allowed to execute is killed before its first
instruction. These run in both layers; refusals before the operation are in tests/vm."""

import os
import subprocess

from enforcing import (CONNECT_DENY, EXEC_DENY, EXEC_KILL, INJECTED, KILLED, RUNTIME, VICTIM,
                       WRITE_DENY, Container, Enforcer, Image)
from harness import same

COUNT = 20000


def enforcer():
    return Enforcer("tracepoint")


def started(e, image, flags=0, *allowed, **more):
    """A container whose shell and victim are allowed, then held."""
    c = Container(e, image, **more)
    e.allow(c, "/bin/sh", "/bin/victim", *allowed)
    c.hold(flags)
    return c


def test_what_is_not_allowed_never_runs_an_instruction():
    with enforcer() as e, started(e, Image("unknown"), EXEC_KILL) as c:
        lines, _ = c.sh(f"/bin/victim storm {COUNT} /bin/unknown touch /made/it")
        same(lines, [f"{COUNT} 0 0"], "killed, refused, ran")
        same(c.there("/made/it"), False, "what its first line makes")
        told = e.events("exec", path="/bin/unknown")
        same(len(told), COUNT, "events")
        same({tuple(t["flags"]) for t in told}, {("killed", "resolved")}, "their flags")
        same(c.victim("run", "/bin/victim", "touch", "/made/other"), 0, "one that is allowed")
        same(c.there("/made/other"), True, "what that made")
        told = e.events("exec", path="/bin/victim")
        same({tuple(t["flags"]) for t in told[-2:]}, {("resolved", "known")}, "of one that is known")


def test_a_verdict_holds_in_every_container_of_the_image_whose_device_is_another():
    with enforcer() as e:
        image = Image("known", "unknown")
        with started(e, image, EXEC_KILL, "/bin/known") as one, \
                Container(e, image, EXEC_KILL) as two:
            devices = [os.stat(f"/proc/{c.pid}/root/bin/known").st_dev for c in (one, two)]
            assert devices[0] != devices[1], "both have the same device"
            for c in (one, two):
                same(c.victim("run", "/bin/known", "touch", "/made/it"), 0, "known")
                same(c.victim("run", "/bin/unknown", "touch", "/made/it"), KILLED, "unknown")
                same(c.victim("thread", "/bin/unknown", "touch", "/x"), KILLED, "by a thread")
                same(c.victim("thread", "/bin/known", "touch", "/x"), 0, "a known one by a thread")


def test_the_first_program_of_a_container_is_not_exempt():
    with enforcer() as e:
        image = Image("unknown")
        with started(e, image, EXEC_KILL):
            for options in ("", "hostpid"):
                c = Container(e, image, EXEC_KILL, options=options,
                              program=("/bin/unknown", "touch", "/made/it"))
                with c:
                    same(c.process.wait(60), KILLED, f"its end {options}")
                same(os.listdir(f"{c.folder}/upper/made") if
                     os.path.isdir(f"{c.folder}/upper/made") else [], [], "what it made")


def test_copies_changed_files_memory_and_other_file_systems_never_match():
    with enforcer() as e:
        image = Image("known", "known2", "known3")
        allowed = ("/bin/cp", "/bin/ln", "/bin/known", "/bin/known2", "/bin/known3")
        with started(e, image, EXEC_KILL, *allowed, options="tmpfs=/mem") as c:
            c.sh("/bin/cp /bin/known /made/copy; /bin/cp /bin/known /mem/copy")
            same(c.victim("run", "/made/copy", "touch", "/made/1"), KILLED, "in the upper layer")
            same(c.victim("run", "/mem/copy", "touch", "/made/2"), KILLED, "on a tmpfs")
            same(c.victim("memory", "/bin/known", "/made/3"), KILLED, "in memory")
            same(c.sh("/bin/cp /bin/victim /bin/known2")[1], 0, "cp")
            same(c.victim("run", "/bin/known2", "touch", "/made/4"), KILLED, "written over")
            c.sh("/bin/ln /bin/known3 /made/link")  # copies it up
            same(c.victim("run", "/made/link", "touch", "/made/5"), KILLED, "a link in the upper")
            same(c.victim("run", "/bin/known", "touch", "/made/6"), 0, "the file itself")
            same([n for n in range(1, 7) if c.there(f"/made/{n}")], [6], "what was made")


def test_what_was_put_in_from_outside_is_exempt_with_its_descendants_unless_told_otherwise():
    with enforcer() as e:
        image = Image("unknown")
        for options in ("", "hostpid"):
            with started(e, image, EXEC_KILL, options=options) as c:
                # by its parent, which is outside; in the host's pid namespace only by being moved
                if not options:
                    same(c.enter("/bin/unknown", "touch", "/made/1"), ("", 0), "put in")
                    same(c.enter("/bin/victim", "run", "/bin/unknown", "touch", "/made/2"),
                         ("0", 0), "its child")
                    same(c.enter("/bin/victim", "orphan", "/bin/unknown", "touch", "/made/3"),
                         ("0", 0), "its orphan")
                same(nsenter(c, "/bin/unknown", "touch", "/made/4"), 0, f"moved in {options}")
                same(nsenter(c, "/bin/victim", "orphan", "/bin/unknown", "touch", "/made/5"), 0,
                     f"the orphan of one that was moved in {options}")
                same([n for n in range(1, 6) if c.there(f"/made/{n}")],
                     [4, 5] if options else [1, 2, 3, 4, 5], f"what they made {options}")
                c.hold(EXEC_KILL | INJECTED)
                if not options:
                    same(c.enter("/bin/unknown", "touch", "/made/6")[1], KILLED, "not exempt")
                same(nsenter(c, "/bin/unknown", "touch", "/made/7"), -9, f"not exempt {options}")
                same(nsenter(c, "/bin/victim", "touch", "/made/8"), 0, f"allowed {options}")
                same([n for n in range(6, 9) if c.there(f"/made/{n}")], [8], "what was made")


def nsenter(c, *argv):
    """Of the host, moved into the cgroup, then into the namespaces: as runc exec does."""
    spaces = ["--mount"] + (["--pid"] if in_own_pids(c) else [])
    p = c.put("/usr/bin/nsenter", *(f"{s}=/proc/{c.pid}/ns/{dict(mount='mnt').get(s[2:], s[2:])}"
                                    for s in spaces), "--", *argv)
    out, _ = p.communicate(timeout=60)
    return p.returncode if p.returncode <= 128 else 128 - p.returncode


def in_own_pids(c):
    return os.readlink(f"/proc/{c.pid}/ns/pid") != os.readlink("/proc/self/ns/pid")


def test_an_orphan_of_the_container_is_its_own_whoever_takes_it_in():
    with enforcer() as e, started(e, Image("unknown"), EXEC_KILL, options="hostpid") as c:
        same(c.victim("orphan", "/bin/unknown", "touch", "/made/1"), 0, "it was executed")
        same(c.there("/made/1"), False, "what it would have made")
        same(len(e.events("exec", path="/bin/unknown")), 1, "events")


def test_the_runtime_before_the_container_begins_is_exempt_unless_told_otherwise():
    with enforcer() as e, started(e, Image("unknown"), EXEC_KILL) as c:
        mine = f"{c.folder}/tool"
        subprocess.run(["cp", VICTIM, mine], check=True)
        p = c.put(mine, "touch", f"{c.folder}/1")
        same(p.wait(60), 0, "a program of the host in the container's cgroup")
        c.hold(EXEC_KILL | RUNTIME)
        p = c.put(mine, "touch", f"{c.folder}/2")
        same(p.wait(60), -9, "the same")
        same([os.path.exists(f"{c.folder}/{n}") for n in (1, 2)], [True, False], "what they made")
        p.stdin.close(), p.stdout.close()


def test_a_script_is_judged_by_its_interpreter_and_its_name():
    text = "#!/bin/sh\necho ran\n"
    long = "made/" + "x" * 250
    scripts = {"bin/good": text, "bin/bad": text, long: text, "bin/other": "#!/bin/unknown\n"}
    with enforcer() as e:
        with started(e, Image("unknown", scripts=scripts), EXEC_KILL) as c:
            same(e.say("script", "/bin/good", "allow"), 0, "a key")
            same(e.say("script", "/bin/other", "allow"), 0, "a key")
            same(e.say("script", "/" + long, "allow"), -36, "a name that is too long")
            same(c.victim("run", "/bin/good"), 0, "allowed")
            for name in ("/bin/bad", "/" + long, "/bin/other", "/bin/../bin/good"):
                same(c.victim("run", name), KILLED, name)
            e.allow(c, "/bin/sh", verdict="scripts")
            for name in ("/bin/bad", "/" + long, "/bin/../bin/good"):
                same(c.victim("run", name), 0, f"{name} when its interpreter may run any")
            same(c.victim("run", "/bin/other"), KILLED, "an interpreter that is not known")


def test_a_cgroup_that_a_container_makes_is_held_too():
    with enforcer() as e, started(e, Image("unknown"), EXEC_KILL) as c:
        os.mkdir(f"{c.group}/inner")
        entry = e.say("entry", f"{c.group}/inner")
        same((entry["inherited"], entry["image"], entry["enforce"]), (1, 1, EXEC_KILL), "its entry")
        with open(f"{c.group}/inner/cgroup.procs", "w") as f:
            f.write(str(c.pid))
        same(c.victim("run", "/bin/unknown", "touch", "/x"), KILLED, "in the inner one")
        c.hold(0)
        same(e.say("entry", f"{c.group}/inner")["enforce"], 0, "after the outer one was let go")
        same(c.victim("run", "/bin/unknown", "touch", "/x"), 0, "then")


def test_without_its_verdicts_an_image_may_do_nothing_and_a_full_table_says_so():
    with enforcer() as e, started(e, Image("known"), EXEC_KILL, "/bin/known") as c:
        same(c.victim("run", "/bin/known", "touch", "/x"), 0, "known")
        e.allow(c, "/bin/known", verdict="none")
        same(c.victim("run", "/bin/known", "touch", "/x"), KILLED, "taken out")
        taken = e.say("fill", 70000)
        same(taken, 65536 - 2, "verdicts that found room")
        same(e.say("file", c.pid, "/bin/known", "exec", "allow"), -7, "one more")
        same(e.say("clear"), 0, "clear")
        same(e.say("fill", 65536), 65536, "the two of the image made room")
        c.hold(0)
        e.do("empty")


def test_known_files_and_peers_are_not_told():
    with enforcer() as e, started(e, Image()) as c:
        e.allow(c, "/data/old", type="open", verdict="drop")
        e.do("peer", 17, 53, "192.0.2.0", 24, "drop")
        e.do("peer", 17, 0, "2001:db8::", 32, "drop")
        c.sh("/bin/victim read /data/old; /bin/victim read /data/deep/old")
        for to in ("192.0.2.7 53", "192.0.3.7 53", "192.0.2.7 54", "2001:db8::1 5", "2001:db9::1 5",
                   "::ffff:192.0.2.9 53"):
            c.sh(f"/bin/victim connect udp {to}")
        same([x["path"] for x in e.events("open") if x.get("path", "").startswith("/data")],
             ["/data/deep/old"], "opens")
        same([x["port"] for x in e.events("connect") if x["port"]], [53, 54, 5], "connections")


def test_a_layer_that_cannot_refuse_says_so():
    with enforcer() as e, started(e, Image()) as c:
        can = e.layer == "trampoline"
        for flag in (EXEC_DENY, WRITE_DENY, CONNECT_DENY):
            same(e.say("hold", c.group, flag, 0), 0 if can else -95, f"flag {flag} in {e.layer}")
        same(c.victim("run", "/bin/victim", "touch", "/made/it"), 0, "what it still may")
        c.hold(0)
