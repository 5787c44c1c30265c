# SPDX-License-Identifier: GPL-2.0-or-later
"""Isolation events: what changes walls, rights and other processes. Nothing here does harm: names
that do not exist, modules that are garbage, processes of the test."""

import json
import os
import signal
import socket
import struct
import subprocess

from events import (ANY, STRONG, WAYS, Box, address_words, box, brief, check, check_way, reader,
                    agent, sockaddr, strong_box, unique, unix_address)
from harness import BUILD, DOER, run, same, skip, wait_until
from runtimes import docker
from session import alive, die_with_parent, remove_cgroup, session

NEWNS, NEWUTS, NEWNET = 0x20000, 0x4000000, 0x40000000


def told(done, kind, way=(), **wanted):
    e = done.event(kind, **wanted)
    check(e, **{"class": "isolation"}, container__id=done.box.id)
    check_way(e, way)
    return e


def arg(n, value):
    """A test of one argument of the call."""
    return lambda args: args[n] == value


# --- namespaces, mounts, roots --------------------------------------------------------------------

def test_setns_and_unshare_tell_the_namespaces_that_follow():
    b = strong_box()
    for way in WAYS:
        done = b.doer("openat -100 s:/proc/self/ns/uts 0", f"setns %0 {NEWUTS}",
                      f"unshare {NEWUTS}", f"setns %0 {NEWUTS}", "setns 999 0", flags=way)
        same(done.results[1:], [0, 0, 0, -9], "results")
        e = told(done, "setns", way, result=0)
        check(e, call__args=lambda a: a[0] == done.results[0] and a[1] == NEWUTS,
              call__namespaces__uts=ANY)
        own = e["call"]["namespaces"]["uts"]
        new = told(done, "unshare", way, call__args=arg(0, NEWUTS))
        check(new, result=0, call__namespaces__uts=lambda n: n != own)
        check(told(done, "setns", way, result=-9), error="EBADF")
    done = box().doer(f"unshare {NEWNS}")  # docker's seccomp filter refuses it
    same(done.results, [-1], "results")
    check(told(done, "unshare", call__args=arg(0, NEWNS)), error="EPERM", result=-1)


def test_mounts_are_told_with_source_target_type_and_options():
    b = strong_box()
    for way in WAYS:
        n = f"/mem/{unique('mnt')}"
        done = b.doer(f"unshare {NEWNS}", f"mkdir s:{n} 0755",
                      f"mount s:source s:{n} s:tmpfs 6 s:size=64k", f"umount2 s:{n} 2",
                      f"mount s:/etc s:{n} 0 0x1000 0", f"umount2 s:{n} 8",
                      f"mount s:x s:{n}/none s:tmpfs 0 0", f"umount2 s:{n}/none 0", flags=way)
        same(done.results, [0, 0, 0, 0, 0, 0, -2, -2], "results")
        check(told(done, "mount", way, call__raw="source"), call__raw2=n, call__name="tmpfs",
              call__data="size=64k", call__args=arg(3, 6), result=0)
        check(told(done, "mount", way, call__raw="/etc"), call__raw2=n, result=0,
              call__args=arg(3, 0x1000))
        check(told(done, "mount", way, call__raw="x"), call__raw2=f"{n}/none", error="ENOENT")
        check(told(done, "umount", way, call__raw=n, call__args=arg(1, 2)), result=0)
        check(told(done, "umount", way, call__raw=f"{n}/none"), error="ENOENT")
    done = box().doer("mount s:source s:/mnt s:tmpfs 0 0")
    same(done.results, [-1], "results")
    check(told(done, "mount", call__raw="source"), error="EPERM")


def test_the_new_mount_calls_are_told_by_move_mount():
    b = strong_box()
    for way in WAYS:
        n = f"/mem/{unique('new')}"
        done = b.doer(f"unshare {NEWNS}", f"mkdir s:{n} 0755", "fsopen s:tmpfs 0",
                      "fsconfig %2 6 0 0 0", "fsmount %2 0 0",
                      f"move_mount %4 s: -100 s:{n} 4", "open_tree -100 s:/etc 1",
                      f"move_mount %6 s: -100 s:{n} 4", flags=way)
        assert min(done.results) >= 0, done.output
        for fd in (done.results[4], done.results[6]):
            check(told(done, "move_mount", way, call__args=arg(0, fd)), result=0,
                  call__raw2=n)


def test_each_new_mount_call_is_told():
    b = strong_box()
    for way in WAYS:
        n = f"/mem/{unique('fs')}"
        done = b.doer(f"unshare {NEWNS}", f"mkdir s:{n} 0755", "fsopen s:tmpfs 1",
                      "fsconfig %2 1 s:size s:64k 0", "fsconfig %2 1 s:password s:geheim 0",
                      "fsconfig %2 0 s:ro 0 0", "fsconfig %2 6 0 0 0", "fsmount %2 1 0",
                      "open_tree -100 s:/etc 0x80001", "fspick -100 s:/mem 1",
                      f"mount_setattr -100 s:{n}/none 0 x:01{'00' * 31} 32", "chdir s:/mem",
                      "open_tree -100 s:none 0", flags=way)
        fs = done.results[2]
        assert min(done.results[:4] + done.results[5:10]) >= 0, done.output
        same([done.results[10], done.results[12]], [-2, -2], "failed attempts")

        def new_mount(op, **wanted):
            return told(done, "fsmount", way, call__op_name=op, **wanted)
        check(new_mount("fsopen"), call__name="tmpfs", result=fs, call__op=1)
        check(new_mount("fsconfig", call__name="size"), call__data="64k", result=0,
              call__args=lambda a: a[0] == fs and a[1] == 1)
        check(new_mount("fsconfig", call__name="password"), call__data="***",
              result=done.results[4])
        check(new_mount("fsconfig", call__name="ro"), call__data=None, call__args=arg(1, 0))
        check(new_mount("fsconfig", call__args=arg(1, 6)), call__name=None)
        check(new_mount("fsmount"), result=done.results[7], call__args=arg(0, fs))
        check(new_mount("open_tree", call__raw="/etc"), result=done.results[8],
              call__args=arg(2, 0x80001), call__path="/etc")
        check(new_mount("fspick"), call__raw="/mem", result=done.results[9])
        check(new_mount("mount_setattr"), call__raw=f"{n}/none", error="ENOENT")
        check(new_mount("open_tree", call__raw="none"), call__base="/mem", error="ENOENT")


def test_pivot_root_and_chroot_are_told():
    b = strong_box()
    for way in WAYS:
        n = f"/mem/{unique('root')}"
        done = b.doer(f"unshare {NEWNS}", "mount 0 s:/ 0 0x44000 0", f"mkdir s:{n} 0755",
                      f"mount s:t s:{n} s:tmpfs 0 0", f"mkdir s:{n}/old 0755",
                      f"pivot_root s:{n} s:{n}/old", "chroot s:/old", "chroot s:/none", flags=way)
        same(done.results, [0, 0, 0, 0, 0, 0, 0, -2], "results")
        check(told(done, "pivot_root", way), path__raw=n, path__raw2=f"{n}/old", result=0)
        check(told(done, "chroot", way, result=0), path__raw="/old")
        check(told(done, "chroot", way, path__raw="/none"), error="ENOENT")


# --- other processes ------------------------------------------------------------------------------

def traced_child(way):
    return strong_box().doer(
        "child", "ptrace 16 %0 0 0", "wait %0", "process_vm_readv %0 i:64 1 i:64 1 0",
        "process_vm_writev %0 i:8 1 i:8 1 0", "ptrace 17 %0 0 0", "ptrace 16 999999", flags=way)


def test_ptrace_and_process_vm_are_told():
    for way in WAYS:
        done = traced_child(way)
        same([r for r in done.results if r < 0], [-3], f"failures in {done.results}")
        check(told(done, "ptrace", way, result=0), call__op=16, call__op_name="PTRACE_ATTACH",
              call__args=arg(1, done.results[0]))
        same(done.events("ptrace", call__op=17), [], "ends of tracing: nobody asks for them")
        check(told(done, "ptrace", way, result=-3), error="ESRCH", call__target=None)
        told(done, "process_vm", way, result=64)
        told(done, "process_vm", way, result=8)
    done = strong_box().doer("child", "ptrace 16 %0 0 0", "wait %0",
                             "ptrace 4 %0 b:16 7")  # PTRACE_POKETEXT into memory of both
    same(done.results[3], 0, f"poke in {done.results}")
    told(done, "ptrace", call__op=4, result=0)


def test_ptrace_and_process_vm_tell_whom():
    for way in WAYS:
        done = traced_child(way)
        child = done.event("fork", fork__ns_pid=done.results[0])["fork"]
        for kind, result in (("ptrace", 0), ("process_vm", 64), ("process_vm", 8)):
            e = told(done, kind, way, result=result)
            check(e, call__target__pid=child["pid"], call__target__start=child["start"],
                  call__target__container_cgroup=e["container_cgroup"])


def test_a_signal_across_the_wall_is_told_and_one_to_an_own_child_is_not_needed():
    victim = subprocess.Popen(["sleep", "100"], preexec_fn=die_with_parent)
    session.at_end(victim.kill)
    with Box("killer", {**STRONG, "PidMode": "host"}) as b:
        for way in WAYS:
            done = b.doer(f"kill {victim.pid} 0", f"kill {victim.pid} {int(signal.SIGCONT)}",
                          f"tgkill {victim.pid} {victim.pid} {int(signal.SIGCONT)}",
                          "kill 999999 15", flags=way)
            same(done.results, [0, 0, 0, -3], "results")
            found = done.events("kill", call__target__pid=victim.pid,
                                call__args=lambda a: int(signal.SIGCONT) in a)
            assert len(found) >= 2, [brief(e) for e in done.of()]
            for e in found:  # told by the kernel's signals, not by the call: no door
                same(e["process"]["pid"] != e["process"]["tid"], "--thread" in way, brief(e))
                check(e, call__target__container_cgroup=None, result=0, **{"class": "isolation"})
        done = b.doer(f"kill {victim.pid} {int(signal.SIGKILL)}")
        check(told(done, "kill", call__target__pid=victim.pid), result=0)
    wait_until(lambda: not alive(victim.pid) or victim.poll() is not None, 5, "its end")
    done = box().doer("child", f"kill %0 {int(signal.SIGKILL)}", "wait %0")
    child = done.results[0]
    check(done.event("exit", pid=child), exit__signal=int(signal.SIGKILL))


def test_a_descriptor_taken_from_another_process_tells_whose_it_was():
    b = strong_box()
    for way in WAYS:
        done = b.doer("child", "pidfd_open %0 0", "openat -100 s:/etc/passwd 0",
                      "pidfd_getfd %1 %2 0", "pidfd_getfd %1 1 0", "pidfd_getfd 999 0 0",
                      flags=way)
        # the child has what its parent had when it was made: not the file that came later
        same((done.results[3], done.results[5]), (-9, -9), f"failures in {done.results}")
        child = done.event("fork", fork__ns_pid=done.results[0])["fork"]
        e = told(done, "pidfd_getfd", way, result=done.results[4])
        check(e, call__target__pid=child["pid"], call__target__start=child["start"],
              call__target__container_cgroup=e["container_cgroup"], file__inode=ANY,
              call__args=lambda a: a[0] == done.results[1] and a[1] == 1)
        check(told(done, "pidfd_getfd", way, call__args=arg(0, 999)), error="EBADF",
              call__target=None)


def test_entering_namespaces_by_a_process_tells_whose():
    b = strong_box()
    for way in WAYS:
        done = b.doer("child", "pidfd_open %0 0", f"setns %1 {NEWUTS}", flags=way)
        same(done.results[2], 0, "setns")
        child = done.event("fork", fork__ns_pid=done.results[0])["fork"]
        check(told(done, "setns", way, result=0), call__target__pid=child["pid"],
              call__target__start=child["start"], call__target__container_cgroup=ANY)


def test_what_a_container_does_to_the_agent_is_told():
    serve = wait_until(lambda: agent().serve_pid(), 10, "the other process")
    with Box("hostile", {**STRONG, "PidMode": "host"}) as b:
        for pid in (agent().pid, serve):
            done = b.doer(f"kill {pid} {int(signal.SIGCONT)}", f"ptrace 0x4206 {pid} 0 0",
                          f"openat -100 s:/proc/{pid}/mem 0", f"ptrace 17 {pid} 0 0",
                          f"process_vm_readv {pid} i:8 1 i:8 1 0")
            check(told(done, "kill", call__target__pid=pid), result=0)
            check(told(done, "ptrace"), call__target__pid=pid, result=done.results[1])
            check(told(done, "process_vm"), call__target__pid=pid, result=done.results[4])
            check(done.event("open", open__raw=f"/proc/{pid}/mem"), result=done.results[2])


def test_a_signal_from_the_host_into_a_container_is_told():
    b = box()
    since = reader().mark()
    first = docker().pid_of(b.id)
    run(DOER, "kill", str(first), str(int(signal.SIGCONT)))
    e = reader().wait(lambda e: e["type"] == "kill" and e["process"].get("comm") == "doer"
                      and e["call"].get("target", {}).get("pid") == first, "it", after=since)
    check(e, host=True, container=None, call__target__container_cgroup=lambda c: c > 0, result=0)


# --- the kernel's doors ---------------------------------------------------------------------------

def test_kernel_modules_are_told():
    b = strong_box()
    for way in WAYS:
        done = b.doer("init_module x:00112233 4 s:parm=1", "openat -100 s:/etc/passwd 0",
                      "finit_module %1 s:other=2 0", "delete_module s:bhtest_no_such 2048",
                      flags=way)
        assert max(done.results[0], done.results[2], done.results[3]) < 0, done.results
        check(told(done, "init_module", way, call__data="parm=1"), result=done.results[0])
        check(told(done, "init_module", way, call__data="other=2"), result=done.results[2],
              call__args=arg(0, done.results[1]))
        check(told(done, "delete_module", way), call__name="bhtest_no_such",
              result=done.results[3])


def test_another_kernel_is_told():
    b = strong_box()
    for way in WAYS:
        done = b.doer("kexec_load 0 0 0 0", flags=way)
        assert done.results[0] < 0, "this container could load another kernel"
        check(told(done, "kexec_load", way), result=done.results[0])
    done = b.doer("320 -1 -1 8 s:console 0")  # kexec_file_load, which i386 has not
    assert done.results[0] < 0, done.output
    check(told(done, "kexec_load"), result=done.results[0], syscall=320, call__data="console")


# --- memory ---------------------------------------------------------------------------------------

GIB = 1 << 30
QUIET = 0x4022  # private, anonymous, nothing is reserved


def went_well(results):
    return not any(-4096 < r < 0 for r in results)  # 32 bits hold addresses that look negative


def address(result):
    return lambda r: r % (1 << 32) == result % (1 << 32) and r > 0


def test_huge_memory_of_a_container_is_told_and_other_memory_is_not():
    b = box()
    for way in WAYS:
        done = b.doer(f"mmap 0 {GIB} 3 {QUIET} -1 0", f"munmap %0 {GIB}",
                      f"mmap 0 {2 << 20} 3 0x40022 -1 0", f"mmap 0 {GIB - 4096} 3 {QUIET} -1 0",
                      f"munmap %3 {GIB - 4096}", "openat -100 s:/bin/doer 0",
                      "mmap 0 4096 5 2 %5 0", f"mmap 0 {GIB} 3 {QUIET} -1 0", flags=way)
        assert went_well(done.results[:2] + done.results[3:]), done.output
        e = told(done, "mmap", way, call__args=arg(1, GIB))
        check(e, result=address(done.results[0]), call__op=2, call__op_name="huge",
              call__args=lambda a: a[2] == 3 and a[3] == QUIET)
        check(told(done, "mmap", way, call__args=arg(1, 2 << 20)), result=done.results[2],
              call__args=lambda a: a[3] & 0x40000)
        same(len(done.events("mmap")), 2, "each size once, and nothing else")
    words = struct.pack("=IIIIiI", 0, GIB, 3, QUIET, -1, 0)
    done = b.doer(f"90 x:{words.hex()}", flags=("--int80",))  # i386's first mmap
    check(told(done, "mmap", ("--int80",), call__args=arg(1, GIB)),
          result=address(done.results[0]))


def test_code_that_the_host_takes_out_of_a_container_is_told():
    b = box()
    b.doer("getpid")  # it has its own root by now
    inside = f"/proc/{docker().pid_of(b.id)}/root/bin/doer"
    mounts = open(f"/proc/{docker().pid_of(b.id)}/mountinfo").read().splitlines()
    if next(m for m in mounts if m.split()[4] == "/").split(" - ")[1].split()[0] != "overlay":
        skip("containers are on no overlay")
    since = reader().mark()
    for way in WAYS:
        done = json.loads(run(DOER, *way, "openat", "-100", f"s:{inside}", "0", ",",
                              "mmap", "0", "4096", "5", "2", "%0", "0", ",",
                              "mmap", "0", "4096", "1", "2", "%0", "0", ",",
                              "mmap", "0", str(GIB), "0", str(QUIET), "-1", "0").stdout)
        assert went_well(done["results"]), done

        def of_it(e):
            return e.get("process", {}).get("pid") == done["pid"]
        reader().wait(lambda e: of_it(e) and e["type"] == "exit", "its exit", after=since)
        found = [e for e in reader().events[since:] if of_it(e) and e["type"] == "mmap"]
        same(len(found), 1, f"mappings of {done}")
        check(found[0], host=True, result=address(done["results"][1]), call__op_name="foreign",
              call__path=lambda p: p.endswith("/bin/doer"), file__fs="overlay")
        check_way(found[0], way)


# --- what a program holds when it begins ----------------------------------------------------------

OUTSIDE = ("root_outside", "cwd_outside", "fd_outside")


def held(done):
    e = done.event("exec", exec__args=lambda a: "getpid" in a)["exec"]
    return {k: e[k] for k in (*OUTSIDE, "helper") if k in e}


def test_what_a_program_holds_of_another_mount_tree_is_told():
    b = strong_box()
    begin = "execve s:/bin/doer v:doer|getpid v:"
    same(held(b.doer(begin)), {}, "of an ordinary one")
    done = b.doer("openat -100 s:/etc 0x10000", "pipe2 b:8 0", "socket 1 1 0", begin)
    same(held(done), {}, "with a folder of its own, a pipe, a socket")
    done = b.doer("openat -100 s:/etc 0x10000", f"unshare {NEWNS}", begin)
    same(held(done), {"fd_outside": True}, "with a folder of another tree")
    done = b.doer("openat -100 s:/dev/null 0", f"unshare {NEWNS}", begin)
    same(held(done), {}, "with a device of another tree")
    done = b.doer("openat -100 s:/etc 0x90000", f"unshare {NEWNS}", begin)
    same(held(done), {}, "with one that the exec closes")
    done = b.doer("openat -100 s:/ 0x90000", f"unshare {NEWNS}", "fchdir %0", begin)
    same(held(done), {"cwd_outside": True}, "in a folder of another tree")
    done = b.doer("openat -100 s:/ 0x90000", f"unshare {NEWNS}", "fchdir %0", "chroot s:.", begin)
    same(held(done), {"cwd_outside": True, "root_outside": True}, "with another root")
    done = b.doer("open_tree -100 s:/etc 1", begin)
    same(held(done), {}, "with a detached copy")


def test_what_runtimes_do_by_themselves_is_nothing_of_that_kind():
    d = docker()
    since = reader().mark()
    b = Box("calm", Healthcheck={"Test": ["CMD", "true"], "Interval": 10 ** 9})
    try:
        b.run("/bin/true")
        same(d.exec_done(d.exec(b.id, "/bin/sh", "-c", "cat /etc/passwd; sleep 0")), 0, "exec")
        tar = d.api("GET", f"/containers/{b.id}/archive?path=/etc")
        d.api("PUT", f"/containers/{b.id}/archive?path=/tmp", tar)
        d.stop(b.id)
        d.begin(b.id)
        d.stop(b.id)
    finally:
        b.close()
    last = f"/bhtest/{unique('last')}"
    run(DOER, "execve", "s:/bin/true", f"v:true|{last}", "v:")
    reader().wait(lambda e: last in str(e.get("exec", {}).get("args")), "the last", after=since)
    for e in reader().events[since:]:
        if b.owns(e):
            assert not {*OUTSIDE, "helper"} & set(e.get("exec", ())), brief(e)
        elif e["type"] == "mmap" and e.get("host"):  # other tests' containers run beside
            assert not e["process"]["comm"].startswith(("docker", "containerd", "runc")), brief(e)


CWD, FD = 2, 4  # of enum event_task_outside


def test_a_pass_over_all_tasks_tells_what_they_hold():
    top = next((t for t in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup")
                if os.path.isfile(f"{t}/cgroup.procs")), None)
    if not top:
        skip("no cgroup v2 tree")
    path = f"/{session.name}-tasks"
    group = top + path
    os.makedirs(group, exist_ok=True)
    steps = ("openat -100 s:/etc 0x10000 , socket 2 2 0 , socket 1 1 0 , openat -100 s:/ 0x10000 , "
             f"unshare {NEWNS | NEWNET} , socket 2 2 0 , fchdir %3 , sleep 20000").split()

    def enter():
        die_with_parent()
        with open(f"{group}/cgroup.procs", "w") as f:
            f.write("0")
    kept = [subprocess.Popen([DOER, *flags, *words], preexec_fn=enter, stdout=subprocess.DEVNULL)
            for flags, words in (((), steps), (("--thread",), steps), ((), ("sleep", "20000")))]
    try:
        def tasks():
            out = json.loads(run(f"{BUILD}/tests/sensor/tasks", group, "1").stdout)
            found = sorted((kept_of(t["pid"]), t["tid"] != t["pid"], t["outside"], t["fd"],
                            t["sockets"]) for t in out["list"])
            # a thread has a tree of its own, and its leader's descriptors are not its
            same(found, [(0, False, CWD | FD, 3, 1), (1, False, 0, 0, 0), (1, True, CWD, 0, 0),
                         (2, False, 0, 0, 0)], "the tasks")
            return True

        def kept_of(pid):
            return next(i for i, p in enumerate(kept) if p.pid == pid)
        wait_until(tasks, 10, "what they hold", step=0.5)
    finally:
        for p in kept:
            p.kill()
            p.wait()
        remove_cgroup(path)


# --- who listens ----------------------------------------------------------------------------------

def test_a_connection_to_a_unix_socket_tells_the_listeners_name_and_who_it_is():
    b = box()
    for way in WAYS:
        name = f"/mem/{unique('listen')}"
        at = unix_address(name + "\0")
        abstract = b"\0" + unique("abstract").encode()
        other = struct.pack("=H", 1) + abstract
        relative = unix_address(name[5:] + "\0")
        done = b.doer("socket 1 1 0", ("bind", "%0", *address_words(at)), "listen %0 1",
                      "chdir s:/mem", "socket 1 1 0", ("connect", "%4", *address_words(relative)),
                      "socket 1 1 0", ("bind", "%6", *address_words(other)), "listen %6 1",
                      "socket 1 1 0", ("connect", "%9", *address_words(other)),
                      "socket 1 2 0", ("bind", "%11", *address_words(unix_address(name + "2\0"))),
                      "socket 1 2 0",
                      ("connect", "%13", *address_words(unix_address(name[5:] + "2\0"))),
                      "socket 1 1 0",
                      ("connect", "%15", *address_words(unix_address("/mem/none\0"))), flags=way)
        same(done.results[-1], -2, f"the last of {done.results}")
        e = told_connect(done, way, network__remote__path=name)
        check(e, network__asked__path=name[5:], network__owner__pid=e["process"]["pid"],
              network__owner__start=e["process"]["start"])
        e = told_connect(done, way, network__remote__abstract=True)
        check(e, network__remote__path="@" + abstract[1:].decode(),
              network__owner__pid=e["process"]["pid"])
        e = told_connect(done, way, network__remote__path=name + "2")
        check(e, network__type="dgram", network__owner=None, network__asked__path=name[5:] + "2")
        e = told_connect(done, way, network__remote__path="/mem/none")
        check(e, error="ENOENT", network__owner=None, network__asked=None)


def told_connect(done, way, **wanted):
    e = done.event("connect", **wanted)
    check_way(e, way)
    return e


def test_a_socket_of_the_host_in_a_container_tells_its_owner():
    folder = session.temp("listener")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/docker.sock")
        listener.listen(1)
        with Box("caller", binds=[f"{folder}:/other"]) as b:
            done = b.doer("socket 1 1 0", ("connect", "%0", *address_words(
                unix_address("/other/docker.sock\0"))))
            same(done.results[1], 0, "connect")
            check(done.event("connect"), network__remote__path=f"{folder}/docker.sock",
                  network__asked__path="/other/docker.sock", network__owner__pid=os.getpid())


def test_rare_doors_of_the_kernel_are_told():
    b = strong_box()
    attributes = struct.pack("=IIQ", 1, 64, 1) + bytes(112 - 16)  # software, CPU clock
    for way in WAYS:
        done = b.doer("memfd_create s:bhtest-memory 1",
                      "bpf 0 x:" + struct.pack("=IIII", 2, 4, 4, 1).hex() + "00" * 112 + " 128",
                      f"perf_event_open x:{attributes.hex()} 0 -1 -1 0", "userfaultfd 1",
                      "keyctl 1 s:bhtest", "io_uring_setup 4 b:120", "personality 0x0040000",
                      "bpf 999 b:128 128", flags=way)
        for at, (kind, fields) in enumerate((
                ("memfd_create", {"call__name": "bhtest-memory", "call__args": arg(1, 1)}),
                ("bpf", {"call__op": 0}), ("perf_event_open", {}),
                ("userfaultfd", {"call__args": arg(0, 1)}), ("keyctl", {"call__op": 1}),
                ("io_uring_setup", {"call__args": arg(0, 4)}),
                ("personality", {"call__args": arg(0, 0x40000)}), ("bpf", {"call__op": 999}))):
            check(told(done, kind, way, **fields), result=done.results[at])
    done = box().doer("userfaultfd 0", "io_uring_setup 4 b:120", "keyctl 1 0")
    for at, kind in enumerate(("userfaultfd", "io_uring_setup", "keyctl")):
        check(told(done, kind), result=done.results[at])


# --- rights ---------------------------------------------------------------------------------------

def test_capset_and_the_setuid_family_tell_what_is_left():
    b = box()
    header = struct.pack("=Ii", 0x20080522, 0)
    some = struct.pack("=IIIIII", 0xc0, 0x4c1, 0, 0, 0, 0)
    for way in WAYS:
        done = b.doer(f"capset x:{header.hex()} x:{some.hex()}", flags=way)
        same(done.results, [0], "capset")
        check(told(done, "capset", way), result=0,
              call__capabilities__effective=lambda c: int(c, 16) == 0xc0,
              call__capabilities__permitted=lambda c: int(c, 16) == 0x4c1,
              call__capabilities__inheritable=lambda c: int(c, 16) == 0)
        for steps, op in ((("setgid 1001",), 2), (("setregid 1001 1002",), 4),
                          (("setresgid 1001 1002 1003",), 6), (("setfsgid 1001",), 8),
                          (("setgroups 0 0",), 9), (("setuid 1001",), 1),
                          (("setreuid 1001 1002",), 3), (("setresuid 1001 1002 1003",), 5),
                          (("setfsuid 1001",), 7)):
            done = b.doer(*steps, "setuid 0" if op in (1, 3, 5) else "getpid", flags=way)
            e = told(done, "setuid", way, call__op=op, result=done.results[0])
            name = steps[0].split()[0]
            check(e, call__op_name=lambda n, w=name: n.lower().replace("_", "").endswith(
                w.removeprefix("set")) or n.lower() == w)
            if op == 5:
                check(e, process__uid=1001, process__euid=1002,
                      call__capabilities__effective=lambda c: int(c, 16) == 0)
                check(told(done, "setuid", way, result=-1), error="EPERM")


def test_prctl_tells_the_options_that_matter():
    b = box()
    for way in WAYS:
        done = b.doer("prctl 15 s:renamed", "prctl 4 0 0 0 0", "prctl 38 1 0 0 0",
                      "prctl 47 4 0 0 0", "prctl 24 10 0 0 0", "prctl 35 1 0 0 0", flags=way)
        check(told(done, "prctl", way, call__op=15), result=0,
              call__op_name=lambda n: "NAME" in n.upper())
        for at, op in ((1, 4), (2, 38), (3, 47), (4, 24), (5, 35)):
            check(told(done, "prctl", way, call__op=op), result=done.results[at],
                  call__op_name=ANY)


# --- a shell that is somebody else's --------------------------------------------------------------

def test_a_socket_copied_onto_standard_descriptors_is_told():
    b = box()
    for way in WAYS:
        path = b"\0" + unique("reverse").encode()
        name = struct.pack("=H", 1) + path
        done = b.doer("socket 1 1 0", ("bind", "%0", *address_words(name)), "listen %0 1",
                      "socket 1 1 0", ("connect", "%3", *address_words(name)), "dup2 %3 0",
                      "dup 1", "dup3 %3 2 0", "dup2 %3 50", flags=way)
        assert min(done.results) >= 0, (done.results, done.output)
        for target in (0, 2):
            e = told(done, "dup", way, result=target)
            check(e, call__args=lambda a: a[0] == done.results[3] and a[1] == target,
                  call__socket__family="unix", call__socket__type="stream")
        same(len(done.events("dup")), 2, "only copies of sockets to 0, 1 and 2")


def test_a_tcp_socket_on_standard_input_names_its_peer():
    b = box()
    listener = sockaddr("127.0.0.1", 21998)
    done = b.doer("socket 2 1 0", ("bind", "%0", *address_words(listener)), "listen %0 1",
                  "socket 2 1 0", ("connect", "%3", *address_words(listener)), "dup2 %3 0",
                  "port %3")
    check(told(done, "dup", result=0), call__socket__family="inet",
          call__socket__remote__address="127.0.0.1", call__socket__remote__port=21998,
          call__socket__local__port=done.results[6])


def test_a_move_between_cgroups_is_told():
    victim = subprocess.Popen(["sleep", "100"], preexec_fn=die_with_parent)
    session.at_end(victim.kill)
    top = "/sys/fs/cgroup/unified" if os.path.isdir("/sys/fs/cgroup/unified") else "/sys/fs/cgroup"
    if not os.path.isfile(f"{top}/cgroup.procs"):
        top = "/sys/fs/cgroup"
    name = f"{session.name}-move"
    os.makedirs(f"{top}/{name}", exist_ok=True)
    since = reader().mark()
    with open(f"{top}/{name}/cgroup.procs", "w") as f:
        f.write(str(victim.pid))
    e = reader().wait(lambda e: e["type"] == "cgroup_attach"
                      and e["call"].get("target", {}).get("pid") == victim.pid, "it",
                      after=since)
    check(e, **{"class": "isolation"}, process__pid=os.getpid(),
          call__name=lambda n: n.endswith(name),
          call__target__cgroup=os.stat(f"{top}/{name}").st_ino)
    victim.kill()
    victim.wait()
    wait_until(lambda: os.rmdir(f"{top}/{name}") is None, 5, "its removal")
