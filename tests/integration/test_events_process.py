# SPDX-License-Identifier: GPL-2.0-or-later
"""Process events: fork, exec, exit, whose they are, and what they carry."""

import os
import re
import signal

from events import (ANY, WAYS, Box, box, brief, check, check_way, reader,
                    strong_box, unique)
from harness import DOER, run, same, wait_until
from runtimes import IMAGE, docker
from session import start_time

STARTED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z")
CLONE = {"mnt": 0x20000, "cgroup": 0x2000000, "uts": 0x4000000, "ipc": 0x8000000,
         "user": 0x10000000, "pid": 0x20000000, "net": 0x40000000}
SIGCHLD = 17


def host_pid(ns_pid, b):
    """The host's pid of a process of a container."""
    for pid in os.listdir("/proc"):
        if pid.isdigit():
            try:
                with open(f"/proc/{pid}/status") as f:
                    text = f.read()
                with open(f"/proc/{pid}/cgroup") as f:
                    if b.id in f.read() and re.search(rf"^NSpid:.*\s{ns_pid}$", text, re.M):
                        return int(pid)
            except OSError:
                pass
    raise AssertionError(f"no process {ns_pid} in {b.name}")


# --- exec ---------------------------------------------------------------------------------------

def test_an_exec_tells_file_arguments_folder_rights_and_namespaces():
    b = box()
    mark = unique("args")
    for way in WAYS:
        done = b.doer("chdir s:/etc", ("execve", "s:/bin/busybox", f"v:true|{mark}|two words",
                                         "v:"),
                      flags=way)
        e = done.event("exec", exec__args=["true", mark, "two words"])
        inside = b.doer("inode s:/bin/busybox").results[0]
        # After exec the thread that called it is the process's only one.
        check(e, result=0, **{"class": "process"}, exec__exe="/bin/busybox",
              exec__filename="/bin/busybox", exec__cwd="/etc", exec__interp=None,
              exec__args_bytes=len(f"true\0{mark}\0two words\0"), exec__args_cut=None,
              exec__script=None, exec__fexec=None, exec__first=None, exec__setuid=None,
              exec__no_new_privs=0, exec__seccomp=2, exec__namespaces__mnt=ANY,
              exec__namespaces__pid=ANY, exec__namespaces__net=ANY,
              exec__capabilities__effective=lambda c: int(c, 16) == 0xa80425fb,
              exec__capabilities__permitted=lambda c: int(c, 16) == 0xa80425fb,
              exec__capabilities__bounding=lambda c: int(c, 16) == 0xa80425fb,
              file__inode=inside, file__overlay=True, file__upper=None, file__memory=None,
              file__deleted=None, file__foreign=None, file__fs="overlay",
              file__mode=lambda m: int(m, 8) == 0o100755, file__uid=0, file__gid=0,
              process__exe="/bin/busybox", process__args=["true", mark, "two words"],
              process__cwd="/etc", process__comm="busybox", process__ns_pid=done.pid,
              process__ns_tid=done.pid)
        # Through which door it came the kernel has forgotten by then: it sets the mode of the new
        # program before it tells.
        assert e["process"]["pid"] == e["process"]["tid"], brief(e)
        check(done.event("exit"), exit__code=0, process__exe="/bin/busybox")


def test_every_event_names_its_process_its_parent_and_its_container():
    b = box()
    done = b.run("/bin/sh", "-c", "/bin/true; exit 0")
    shell = done.event("exec", exec__exe="/bin/busybox")
    first = docker().pid_of(b.id)
    check(shell, time=lambda t: STARTED.fullmatch(t), boot_ns=ANY, container__id=b.id,
          container__name=b.name, container__image=IMAGE, host=None,
          cgroup=ANY, container_cgroup=lambda c: c > 0, process__pid=lambda p: p > 1,
          process__uid=0, process__gid=0, process__euid=0, process__egid=0,
          process__tty=None, process__session=ANY,
          process__start=lambda t: STARTED.fullmatch(t),
          process__exec_id=lambda i: i.startswith(f"{shell['process']['pid']}-"),
          process__injected=None, process__first=None,
          process__parent__pid=first, process__parent__comm="doer",
          process__parent__exe="/bin/doer")
    at = shell["boot_ns"]
    assert 0 < at < shell["seen_ns"] and shell["seen_ns"] - at < 5e9, brief(shell)


def test_an_exec_id_is_one_an_exec_and_is_shared_by_forks():
    done = box().doer("fork { openat -100 s:/etc/passwd 0 }", "wait %0",
                      "openat -100 s:/etc/passwd 0", ("execve", "s:/bin/true", "v:true", "v:"))
    child = done.results  # after exec nothing is printed
    same(child, [], "output")
    forked = done.event("fork", fork__thread=None)
    own = done.event("exec", exec__exe="/bin/doer")["process"]["exec_id"]
    later = done.event("exec", exec__exe="/bin/busybox")["process"]["exec_id"]
    assert own != later, f"{own} stays after another exec"
    opened = done.event("open", pid=forked["fork"]["ns_pid"], open__path="/etc/passwd")
    same(opened["process"]["exec_id"], own, "exec id of a fork")
    same(done.event("open", open__path="/etc/passwd")["process"]["exec_id"], own, "exec id")


def test_arguments_up_to_4_kib_come_whole_and_longer_ones_are_cut_and_counted():
    for size in (100, 4000, 4080):
        text = "a" * size
        e = box().run("/bin/true", text).event("exec")
        check(e, exec__args=["/bin/true", text], exec__args_bytes=size + 11, exec__args_cut=None)
    for size in (4096, 9000, 100000):
        text = "b" * size
        e = box().run("/bin/true", text).event("exec")
        check(e, exec__args_bytes=size + 11, exec__args_cut=True,
              exec__args=lambda a: a[0] == "/bin/true" and len(a[1]) > 4000
              and text.startswith(a[1]))
    many = [f"n{i}" for i in range(500)]
    e = box().run("/bin/true", *many).event("exec")
    check(e, exec__args=["/bin/true", *many])


def test_arguments_keep_odd_bytes_and_invalid_utf_8_is_replaced():
    words = [b"new\nline", b'quo"te', b"back\\slash", b"tab\tesc\x1b[31m", b"", "käse".encode(),
             b"bad\xff\xfebytes", b"\xf0\x9f"]
    e = box().run("/bin/true", *words).event("exec")
    # One replacement a wrong byte, or one a wrong sequence: both are usual.
    check(e, exec__args=lambda a: [re.sub("\ufffd+", "\ufffd", x) for x in a] ==
          ["/bin/true", *(re.sub("\ufffd+", "\ufffd", w.decode("utf-8", "replace"))
                          for w in words)],
          exec__args_bytes=10 + sum(len(w) + 1 for w in words))


def test_an_exec_that_fails_is_told_with_its_error():
    for way in WAYS:
        done = box().doer(("execve", "s:/nonexistent/prog", "v:prog|x", "v:"),
                          ("execve", "s:/etc/passwd", "v:passwd", "v:"),
                          "chdir s:/etc", ("execve", "s:relative/prog", "v:prog", "v:"), flags=way)
        same(done.results, [-2, -13, 0, -2], "results")
        missing = done.event("exec", exec__filename="/nonexistent/prog")
        check(missing, result=-2, error="ENOENT", exec__args=["prog", "x"], exec__exe=None)
        check_way(missing, way)
        check(done.event("exec", exec__filename="/etc/passwd"), result=-13, error="EACCES")
        check(done.event("exec", exec__filename="relative/prog"), result=-2, exec__base="/etc")
        # It still runs what it ran.
        check(done.event("exit"), process__exe="/bin/doer")


def test_a_script_is_told_with_its_interpreter():
    b = box()
    b.doer(("makefile", "s:/mem/script", "s:#!/bin/sh\\nexit 3\\n"))
    done = b.run("/mem/script", "one")
    e = done.event("exec")
    check(e, exec__script=True, exec__filename="/mem/script", exec__interp="/bin/sh",
          exec__exe="/bin/busybox", exec__args=["/bin/sh", "/mem/script", "one"],
          file__overlay=True)
    check(done.event("exit"), exit__code=3)


def test_execution_by_descriptor_of_memory_and_of_deleted_files_is_told():
    b = box()
    done = b.doer("memfd_create s:bhtest-mem 0", "copy %0 s:/bin/busybox",
                  ("execveat", "%0", "s:", "v:true", "v:", 0x1000))
    e = done.event("exec", exec__fexec=True)
    check(e, file__memory=True, file__upper=None, exec__args=["true"],
          exec__exe=lambda x: "memfd:bhtest-mem" in x)
    done = b.doer(("makefile", "s:/mem/gone", "s:"), "openat -100 s:/mem/gone 1",
                  "copy %1 s:/bin/busybox", "close %1", "openat -100 s:/mem/gone 0",
                  "unlink s:/mem/gone", ("execveat", "%4", "s:", "v:true", "v:", 0x1000))
    e = done.event("exec", exec__fexec=True)
    check(e, file__deleted=True, file__memory=None, file__foreign=True, file__fs="tmpfs",
          exec__exe=lambda x: x.startswith("/mem/gone"))
    done = b.doer("openat -100 s:/bin/busybox 0",
                  ("execveat", "%0", "s:", "v:true", "v:", 0x1000))
    check(done.event("exec", exec__fexec=True), exec__exe="/bin/busybox", file__deleted=None)
    done = b.doer(("execveat", -100, "s:/bin/busybox", "v:true", "v:", 0))
    check(done.event("exec", exec__exe="/bin/busybox"), exec__fexec=None)


def test_a_file_that_was_written_into_the_container_is_told_apart_from_the_image():
    b = box()
    b.doer(("makefile", "s:/data/new", "s:"), "openat -100 s:/data/new 1",
           "copy %1 s:/bin/busybox")
    check(b.run("/data/new", "true").event("exec"), exec__exe="/data/new", file__upper=True,
          file__overlay=True, file__foreign=None)
    b.doer(("makefile", "s:/mem/new", "s:"), "openat -100 s:/mem/new 1", "copy %1 s:/bin/busybox")
    check(b.run("/mem/new", "true").event("exec"), exec__exe="/mem/new", file__upper=None,
          file__foreign=True, file__fs="tmpfs")


def test_set_id_files_and_gained_rights_are_told():
    b = box()
    b.doer(("makefile", "s:/data/suid", "s:"), "openat -100 s:/data/suid 1",
           "copy %1 s:/bin/busybox", "chmod s:/data/suid 04755")
    done = b.doer("setresgid 1000 1000 1000", "setresuid 1000 1000 1000",
                  "fork { execve s:/data/suid v:true v: }", "wait %2")
    e = done.event("exec", pid=done.results[2], exec__exe="/data/suid")
    check(e, exec__setuid=True, exec__secure=True, process__uid=1000, process__euid=0,
          process__gid=1000, process__egid=1000, exec__gained=lambda g: int(g, 16) != 0,
          file__mode=lambda m: int(m, 8) == 0o104755)


def test_secrets_in_arguments_and_environment_are_masked():
    b = box()
    done = b.run("BHTEST_PLAIN=visible", "BHTEST_PASSWORD=hunter2", "OTHER=unseen", "/bin/true",
                 "PASSWORD=hunter2", "--token=hunter2", "--api-key", "hunter2", "plain",
                 "https://user:hunter2@example.com/?token=hunter2&x=1")
    e = done.event("exec")
    assert "hunter2" not in brief(e), brief(e)
    assert not [x for x in done.of() if "hunter2" in brief(x)]
    check(e, exec__args=lambda a: a[:6] == ["/bin/true", "PASSWORD=***", "--token=***", "--api-key",
                                            "***", "plain"] and "user:***@example.com" in a[6]
          and "x=1" in a[6],
          exec__env={"BHTEST_PLAIN": "visible", "BHTEST_PASSWORD": "***"})


def test_a_thread_that_execs_becomes_the_process():
    done = box().doer("gettid", ("execve", "s:/bin/busybox", "v:true|thread", "v:"),
                      flags=("--thread",))
    e = done.event("exec", exec__args=["true", "thread"])
    check(e, process__ns_pid=done.pid, process__ns_tid=done.pid, exec__exe="/bin/busybox")
    same(len(done.events("exit")), 1, "exit events")
    check(done.event("exit"), exit__code=0)


def test_a_process_that_renames_itself_keeps_its_program():
    done = box().doer("prctl 15 s:kworker/0:1", "openat -100 s:/etc/passwd 0")
    check(done.event("open", open__path="/etc/passwd"), process__comm="kworker/0:1",
          process__exe="/bin/doer", process__kernel_thread=None)
    done = box().doer(("prctl", 15, "s:a\\nb\"\\xff"), "openat -100 s:/etc/passwd 0")
    check(done.event("open", open__path="/etc/passwd"), process__comm="a\nb\"�")


# --- fork and exit ------------------------------------------------------------------------------

def test_a_fork_tells_its_child_and_a_thread_is_none():
    b = box()
    for way in ((), ("--int80",)):
        done = b.doer("fork { exit_group 7 }", "wait %0", flags=way)
        e = done.event("fork")
        child = done.results[0]
        check(e, fork__ns_pid=child, fork__pid=lambda p: p > 1, fork__thread=None,
              fork__start=lambda t: STARTED.fullmatch(t), fork__namespaces_new=None,
              fork__container_cgroup=e["container_cgroup"], process__ns_pid=done.pid)
        ended = done.event("exit", pid=child)
        check(ended, exit__code=7, exit__signal=None, exit__core=None, process__exe="/bin/doer",
              process__pid=e["fork"]["pid"], process__parent__pid=e["process"]["pid"])
        same(ended["process"]["start"], e["fork"]["start"], "start of the child")
    done = b.doer("getpid", flags=("--thread",))
    done.none("fork")  # a thread is no event
    same(len(done.events("exit")), 1, "exits of a process with two threads")


def test_a_fork_tells_its_new_namespaces():
    for names in (["uts"], ["mnt", "net"], ["ipc", "cgroup"], ["user"], ["pid"]):
        bits = sum(CLONE[n] for n in names)
        for call in (f"clone {bits | SIGCHLD} {{ getpid }}",
                     ("clone3", "x:" + bits.to_bytes(8, "little").hex() + "00" * 24
                      + SIGCHLD.to_bytes(8, "little").hex() + "00" * 24, 64, "{", "getpid", "}")):
            done = strong_box().doer(call, "wait %0")
            assert done.results[0] > 0, done.output
            e = done.event("fork")
            # A new user namespace brings no other; a new pid namespace counts from 1.
            check(e, fork__namespaces_new=lambda n: sorted(n) == sorted(names),
                  fork__ns_pid=1 if names == ["pid"] else done.results[0])


def test_exit_codes_signals_and_core_dumps_are_told():
    b = box()
    for code in (0, 1, 42, 255):
        check(b.doer(f"exit_group {code}").event("exit"), exit__code=code, exit__signal=None)
    check(b.doer("exit 9").event("exit"), exit__code=9)
    check(b.doer("exit_group 5", flags=("--thread",)).event("exit"), exit__code=5)
    for sig in (signal.SIGKILL, signal.SIGTERM, signal.SIGUSR1):
        check(b.doer(f"kill self {int(sig)}", "pause").event("exit"), exit__signal=int(sig),
              exit__code=None, exit__core=None)
    with Box("core", {"Ulimits": [{"Name": "core", "Soft": 1 << 20, "Hard": 1 << 20}]}) as c:
        done = c.doer("chdir s:/tmp", f"kill self {int(signal.SIGABRT)}", "pause")
        check(done.event("exit"), exit__signal=int(signal.SIGABRT),
              exit__core=True if os.WCOREDUMP(done.status) else None)


def test_a_fork_bomb_under_a_pids_limit_is_seen_to_its_last_process():
    with Box("bomb", {"PidsLimit": 60}) as b:
        done = b.doer("bomb 500")
        made = done.results[0]
        assert 30 < made < 60, done.output
        children = [e["fork"]["ns_pid"] for e in done.events("fork")]
        same(len(children), made, "forks")
        for pid in children:
            check(done.event("exit", pid=pid), exit__signal=int(signal.SIGKILL))


# --- whose it is --------------------------------------------------------------------------------

def test_the_first_process_is_first_and_what_docker_exec_starts_is_injected():
    with Box("whose") as b:
        first = reader().wait(lambda e: b.owns(e) and e["type"] == "exec"
                              and e["exec"].get("exe") == "/bin/doer", "its first exec",
                              after=b.begun)
        check(first, exec__first=True, process__first=True, process__injected=None,
              process__ns_pid=1)
        check(b.run("/bin/true").event("exec"), process__injected=None, exec__first=None)
        mark = unique("injected")
        made = docker().exec(b.id, "/bin/sh", "-c", f"/bin/true {mark}; /bin/cat /etc/passwd")
        same(docker().exec_done(made), 0, "exit code")
        shell = reader().wait(lambda e: b.owns(e) and e["type"] == "exec"
                              and mark in str(e["exec"]["args"][2:]), "docker exec", after=b.begun)
        check(shell, process__injected=True, process__first=None, exec__first=None,
              container__name=b.name)
        child = reader().wait(lambda e: b.owns(e) and e["type"] == "exec"
                              and e["exec"]["args"] == ["/bin/true", mark], "its child",
                              after=b.begun)
        check(child, process__injected=True, process__parent__pid=shell["process"]["pid"])
        opened = reader().wait(lambda e: b.owns(e) and e["type"] == "open"
                               and e["open"].get("path") == "/etc/passwd"
                               and e["process"].get("args", [])[:1] == ["/bin/cat"],
                               "the open of its child", after=b.begun)
        check(opened, process__injected=True)


def test_a_command_of_the_host_is_told_as_the_hosts():
    mark = unique("host")
    since = reader().mark()
    run(DOER, "execve", "s:/bin/true", f"v:true|{mark}", "v:")
    e = reader().wait(lambda e: e["type"] == "exec" and mark in e["exec"].get("args", []), "it",
                      after=since)
    check(e, host=True, container=None, container_cgroup=None, exec__exe=lambda x: "true" in x,
          process__parent__pid=os.getpid(), process__injected=None)
    same(e["process"]["pid"], e["process"]["ns_pid"], "pids")


def test_containers_in_the_hosts_pid_network_and_cgroup_namespaces_are_still_containers():
    for name, host in (("hostpid", {"PidMode": "host"}), ("hostnet", {"NetworkMode": "host"}),
                       ("hostcgroup", {"CgroupnsMode": "host"}),
                       ("owncgroup", {"CgroupnsMode": "private"}), ("hostipc", {"IpcMode": "host"}),
                       ("privileged", {"Privileged": True, "Runtime": "privileged"})):
        with Box(name, host) as b:
            done = b.run("/bin/true", name)
            e = done.event("exec")
            check(e, container__id=b.id, container__name=b.name, process__injected=None, host=None,
                  exec__args=["/bin/true", name])
            if name == "hostpid":
                same(e["process"]["pid"], done.pid, "pid")
            if name == "hostnet":
                same(e["exec"]["namespaces"]["net"], os.stat("/proc/self/ns/net").st_ino, "net")


def test_a_user_namespace_shows_the_hosts_ids():
    done = strong_box().doer("setresgid 1000 1001 1002", "setresuid 1000 1001 1002",
                             "openat -100 s:/etc/passwd 0")
    check(done.event("open", open__path="/etc/passwd"), process__uid=1000, process__euid=1001,
          process__gid=1000, process__egid=1001)


def test_a_process_from_before_the_agent_is_known_with_its_arguments():
    from events import Agent, Reader, client_argv, flowing
    b = box()  # its first process runs since before the second agent
    with Agent() as a:
        r = flowing(Reader(client_argv(a, "events", "--format", "json")))
        b.run("/bin/true", "seeded")
        e = r.wait(lambda e: b.owns(e) and e["type"] == "exec"
                   and e["exec"].get("args") == ["/bin/true", "seeded"], "the exec")
        check(e, process__parent__exe="/bin/doer", process__parent__comm="doer",
              process__parent__pid=docker().pid_of(b.id), container__name=b.name,
              process__injected=None)
        r.close()


def test_an_unrelated_process_that_reuses_a_pid_is_not_its_predecessor():
    # Pids inside a pid namespace wrap early when its limit is low; the start time differs.
    done = box().doer("fork { exit_group 1 }", "wait %0")
    e = done.event("exit", pid=done.results[0])
    again = box().doer("fork { exit_group 2 }", "wait %0")
    f = again.event("exit", pid=again.results[0])
    assert (e["process"]["pid"], e["process"]["start"]) != (f["process"]["pid"],
                                                            f["process"]["start"])
    assert start_time(docker().pid_of(box().id))
    wait_until(lambda: host_pid(1, box()) == docker().pid_of(box().id), 3, "the first process")
