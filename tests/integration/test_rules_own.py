# SPDX-License-Identifier: GPL-2.0-or-later
"""bulkhead's own rules (rules/): each fires for what it is about, done by a real process in a real
container or on the host, and keeps quiet for what is nearly that.

A step says all rules that must fire for it: one too many fails as one too few does, so every step
is a near miss of all other rules. It is over when a file that is written after it is told."""

import json
import os
import pty
import secrets
import select
import struct
import subprocess

from events import STRONG, address_words, sockaddr, unix_address
from harness import DAEMON, DOER, REPO, Agent, run, same, wait_until
from runtimes import containerd, docker, once, podman, runc
from session import read_text, session

RULES = f"{REPO}/rules"
MARK = "File written outside of the data directories of a container"
WRITE, NEW, EMPTY, APPEND = 1, 0o101, 0o1001, 0o2001  # open(2) flags


class Log:
    """What an agent wrote to one of its logs since a moment."""

    def __init__(self, agent, name):
        self.folder, self.at = f"{agent.state_dir}/{name}", {}
        self.records = []

    def read(self):
        if not os.path.isdir(self.folder):
            return self.records
        for name in sorted(n for n in os.listdir(self.folder) if n.endswith(".jsonl")):
            with open(f"{self.folder}/{name}", "rb") as f:
                f.seek(self.at.get(name, 0))
                whole = f.read().rpartition(b"\n")[0]
            if whole:
                self.at[name] = self.at.get(name, 0) + len(whole) + 1
                self.records += [json.loads(line) for line in whole.split(b"\n")]
        return self.records


class Watched:
    """An agent with these rules alone."""

    def __init__(self, *files):
        docker()
        self.agent = Agent({"alerts.window": "0s", "alerts.rate_per_container": "100000"},
                           arguments=[w for f in files for w in ("--rules", f)])
        self.alerts, self.audit = Log(self.agent, "alerts"), Log(self.agent, "audit")
        self.own = {line[8:] for f in os.listdir(RULES) if f.endswith(".yaml")
                    for line in read_text(f"{RULES}/{f}").splitlines()
                    if line.startswith("- rule: ")}

    def mark(self):
        return len(self.alerts.read()), len(self.audit.read())

    def until(self, fits, since, what):
        return wait_until(lambda: next((r for r in self.alerts.read()[since[0]:] if fits(r)), None),
                          10, what)

    def of(self, since, cid):
        """Records of rules since then, of a container (None: of the host)."""
        return [r for r in self.alerts.read()[since[0]:] + self.audit.read()[since[1]:]
                if r["rule"] in self.own
                and (r["container"] or {}).get("id") == cid]


@once
def watched():
    return Watched(RULES)


class Place:
    """A container whose first process does what it is told."""

    def __init__(self, name, host=None, watch=None, **config):
        self.watch = watch or watched()
        self.folder = session.temp("place")
        for pipe in ("ask", "answer"):
            os.mkfifo(f"{self.folder}/{pipe}")
        self.ask = os.open(f"{self.folder}/ask", os.O_RDWR)
        self.answer = os.open(f"{self.folder}/answer", os.O_RDWR)
        host = {**(host or {})}
        host["Binds"] = [f"{self.folder}:/data/ctl", *host.get("Binds", ())]
        host["Tmpfs"] = {"/data/mem": "rw,exec", "/run/mem": "rw,exec"}
        self.begun = self.watch.mark()
        self.name = f"{name}-{secrets.token_hex(3)}"
        self.id = docker().run(self.name, ["/bin/doer", "serve", "/data/ctl"], host, **config)

    def run(self, *words):
        blob = b"".join(str(w).encode() + b"\0" for w in words)
        os.write(self.ask, struct.pack("I", len(blob)) + blob)
        answer = wait_until(lambda: readable(self.answer) and os.read(self.answer, 8), 20,
                            f"the end of {words} in {self.name}")
        return struct.unpack("ii", answer)[1]

    def doer(self, *steps):
        words = []
        for step in steps:
            words += ([","] if words else []) + [
                str(w) for w in (step.split() if isinstance(step, str) else step)]
        self.run("/bin/doer", *words)
        said = read_text(f"{self.folder}/out")
        # a program that took doer's place says something else, or nothing
        return json.loads(said)["results"] if said.startswith('{"pid"') else said

    def told(self, since):
        """All records of rules since then, once what is written now is told too."""
        name = f"/mark-{secrets.token_hex(4)}"
        self.doer(f"openat -100 s:{name} {NEW} 0600")
        self.watch.until(lambda r: name in r["title"], since, f"{name} in {self.name}")
        return [r for r in self.watch.of(since, self.id) if "/mark-" not in r["title"]]

    def fires(self, rules, *steps, has=()):
        """doer's steps in a process of their own; these rules fire for it, and no others."""
        since = self.watch.mark()
        results = self.doer(*steps) if steps and not callable(steps[0]) else steps[0]()
        check(self.told(since), rules, has, f"{steps}: {results}", self)
        return results

    def quiet(self, *steps):
        return self.fires((), *steps)

    def close(self):
        docker().remove(self.id)
        os.close(self.ask)
        os.close(self.answer)

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.close()


def readable(fd):
    return bool(select.select([fd], [], [], 0)[0])


def check(records, rules, has, what, place=None):
    rules = (rules,) if isinstance(rules, str) else rules
    got = sorted({r["rule"] for r in records})
    assert got == sorted(rules), \
        f"{what}\n  fired {got}\n  not {sorted(rules)}\n  " + "\n  ".join(
            r["title"] for r in records)
    for r in records:
        assert r["kind"] in ("rule", "audit") and r["title"] and r["process"]["exe"], r
        if place:
            same(r["container"]["name"], place.name, "the container's name")
        for text in has:
            assert text in json.dumps(r), f"no '{text}' in {r}"


@once
def plain():
    return Place("own-plain", {"Sysctls": {"net.ipv6.conf.all.disable_ipv6": "0"}})


@once
def strong():
    return Place("own-strong", STRONG)


def copy_to(path, program="/bin/doer"):
    return f"openat -100 s:{path} {NEW} 0755", f"copy %0 s:{program}", "close %0"


def host_told(*argv, **more):
    """What a command on the host fires, marked by the end of another one."""
    since = watched().mark()
    done = run(*argv, check=False, **more)
    folder = session.temp("mark")
    name = f"{folder}/{secrets.token_hex(4)}/.bash_history"
    os.makedirs(os.path.dirname(name))
    with open(name, "w"):
        pass
    run(DOER, "openat", "-100", f"s:{name}", str(EMPTY))
    watched().until(lambda r: name in r["title"], since, f"{name} on the host")
    found = watched().of(since, None)
    return [r for r in found if name not in json.dumps(r) and mine(r)], done


def mine(r):
    """Other programs of the machine may do the same."""
    return r["process"]["exe"] in (DOER, "/usr/bin/true", "/bin/true", "/usr/bin/dash") \
        or "memfd" in r["process"]["exe"]


def host_fires(rules, *steps, has=()):
    words = []
    for step in steps:
        words += ([","] if words else []) + step.split()
    records, done = host_told(DOER, *words)
    check(records, rules, has, f"{steps}: {done.stdout}{done.stderr}")


# --- every rule -----------------------------------------------------------------------------------

def test_rules_are_whole_and_say_what_to_do():
    listed = json.loads(run(DAEMON, "rules", "list", "--format", "json", RULES).stdout)
    rules = listed["rules"] if isinstance(listed, dict) else listed
    assert len(rules) > 40, len(rules)
    for r in rules:
        name, tags = r.get("name") or r.get("rule"), r["tags"]
        assert any(t.startswith("T1") for t in tags), f"{name}: no technique"
        assert any(t.startswith("mitre_") for t in tags), f"{name}: no tactic"
        assert "container" in tags or "host" in tags, f"{name}: neither container nor host"
        assert "bulkhead" in tags, name


def test_every_rule_is_tried_here():
    text = read_text(__file__)
    same([r for r in sorted(watched().own) if f'"{r}"' not in text], [], "rules without a test")


def alerts_of(since, names):
    """Of these containers, and of runtimes whose container is not known yet; other things of the
    machine go on meanwhile."""
    return [r["title"] for r in watched().alerts.read()[since[0]:] if r["kind"] == "rule"
            and (r["container"]["name"] in names if r["container"]
                 else "container_id=<NA>" in r["title"] and "runc" in r["title"])]


def test_containers_that_start_and_are_entered_fire_nothing():
    with Place("own-start") as p:
        for command in (("/bin/true",), ("/bin/sh", "-c", "true"), ("/bin/ls", "/")):
            made = docker().exec(p.id, *command)
            docker().exec_done(made)
        check(p.told(p.begun), (), (), "the start of a container", p)
        with Place("own-init", {"Init": True, "ReadonlyRootfs": False}) as q:
            check(q.told(q.begun), (), (), "the start of a container with an init", q)


def test_other_runtimes_fire_nothing_when_they_start_and_enter_containers():
    for make in (podman, containerd, runc):
        make()
    since = watched().mark()
    podman().run("own-podman", "sleep", "1000")
    podman().podman("exec", "own-podman", "true")
    containerd().run("own-containerd")
    containerd().ctr("task", "exec", "--exec-id", "own", "own-containerd", "true")
    cid = runc().run("own-runc", "sleep", "1000")
    run("runc", "exec", cid, "true")
    plain().quiet("getpid")
    same(alerts_of(since, ("own-podman", "own-containerd", cid)), [], "alerts")
    seen = watched().agent.containers()
    assert {"own-podman", "own-containerd", cid} <= {c["name"] for c in seen.values()}, seen


def test_podman_and_containerd_tell_their_mounts_and_rights():
    since = watched().mark()
    rule = "Container started with a runtime socket or files of the host"
    podman().run("own-etc", options=("-v", "/etc:/data/etc:ro"))
    containerd().run("own-etc", options=(
        "--mount", "type=bind,src=/etc,dst=/data/etc,options=rbind:ro"))
    for runtime in ("podman", "containerd"):
        watched().until(lambda r: r["rule"] == rule and r["container"]["runtime"] == runtime,
                        since, f"the mount of {runtime}")


# --- over the wall --------------------------------------------------------------------------------

def test_helpers_of_the_kernel_set_from_a_container():
    rule = "Kernel helper set from a container"
    strong().fires(rule, f"openat -100 s:/proc/sys/kernel/core_pattern {WRITE}",
                   has=("/proc/sys/kernel/core_pattern", "T1611", "privilege-escalation"))
    strong().fires(rule, f"openat -100 s:/proc/sysrq-trigger {WRITE}")
    strong().fires(rule, f"openat -100 s:/proc/self/../sys/kernel/modprobe {WRITE}")
    strong().fires(rule, f"openat -100 s:/data/release_agent {NEW} 0600")
    strong().quiet("openat -100 s:/proc/sys/kernel/core_pattern 0",
                   f"openat -100 s:/data/release_agents {NEW} 0600")


def test_programs_of_runtimes_opened_for_writing():
    rule = "Running program of a runtime opened for writing"
    plain().fires(rule, f"openat -100 s:/proc/self/exe {WRITE}", has=("/proc/self/exe",))
    plain().fires(rule, f"openat -100 s:/proc/1/exe {WRITE}")
    plain().quiet("openat -100 s:/proc/self/exe 0", f"openat -100 s:/proc/self/comm {WRITE}")


def test_the_program_of_a_runtime_changed_on_the_host():
    path = next(p for p in ("/usr/bin/docker", "/usr/sbin/runc", "/usr/bin/runc")
                if os.path.exists(p))
    host_fires(("Program of a container runtime changed", "Program file of a runtime written"),
               f"openat -100 s:{path} {WRITE}", has=(path,))
    host_fires(("Program file of a runtime read",), f"openat -100 s:{path} 0")


def test_a_runtime_that_is_made_to_run_itself():
    p = plain()
    p.quiet(*copy_to("/data/mem/runtime"))
    p.fires("Runtime run inside of a container",
            "execve s:/data/mem/runtime v:/proc/self/exe|getpid v:")
    p.fires("Program run from a mount of a container",
            "execve s:/data/mem/runtime v:/data/mem/runtime|getpid v:")
    p.quiet("execve s:/proc/self/exe v:/proc/self/exe|getpid v:")


def test_paths_through_descriptors():
    rule = "Path through a descriptor of the runtime"
    plain().fires(rule, "openat -100 s:/ 0x10000", "openat -100 s:/proc/self/fd/3/etc/passwd 0")
    plain().fires(rule, "openat -100 s:/ 0x10000",
                  "execve s:/proc/self/fd/3/../bin/../bin/true v:true v:")
    plain().quiet("openat -100 s:/ 0x10000", "openat %0 s:etc/passwd 0",
                  "openat -100 s:/proc/self/fd 0", "openat -100 s:/proc/self/fd/0 0")


def test_kernel_modules():
    strong().fires("Kernel module loaded from a container",
                   "init_module x:00112233 4 s:parm=1", has=("parm=1",))
    strong().quiet("delete_module s:bhtest_no_such 2048")
    host_fires("Kernel module loaded by an unusual program", "init_module x:00112233 4 s:parm=1")
    host_fires((), "delete_module s:bhtest_no_such 2048")


def test_disks_and_device_nodes():
    strong().fires("Disk or memory of the host opened from a container",
                   f"openat -100 s:/dev/sdx {NEW} 0600", has=("/dev/sdx",))
    strong().fires("Disk or memory of the host opened from a container",
                   f"openat -100 s:/dev/nvme9n1p1 {NEW} 0600")
    strong().fires("Device node made in a container", "mknod s:/data/disk 0060600 0x0700")
    strong().quiet("openat -100 s:/dev/null 2", "mknod s:/data/pipe 0010600 0")


def test_a_runtime_socket_mounted_and_used():
    with Place("own-socket", {"Binds": [f"{docker().socket}:/data/docker.sock"]}) as p:
        check(p.told(p.begun), ("Container started with a runtime socket or files of the host",),
              ("docker.sock",), "its start", p)
        p.fires("Runtime steered from a container", "socket 1 1 0",
                ("connect", "%0", *address_words(unix_address("/data/docker.sock"))),
                has=("/data/docker.sock", "T1611"))
        p.quiet("socket 1 1 0", ("connect", "%0", *address_words(
            unix_address("/data/ctl/app.sock"))))


# --- walls ----------------------------------------------------------------------------------------

def test_a_privileged_container():
    with Place("own-privileged", {"Privileged": True, "Runtime": "privileged"}) as p:
        check(p.told(p.begun), ("Privileged container started",), (), "its start", p)


def test_files_and_namespaces_of_the_host():
    with Place("own-etc", {"Binds": ["/etc:/data/etc:ro"]}) as p:
        check(p.told(p.begun), ("Container started with a runtime socket or files of the host",),
              ("/data/etc",), "its start", p)
    with Place("own-pids", {"PidMode": "host"}) as p:
        check(p.told(p.begun), ("Container started in namespaces of the host",), (), "its start",
              p)
    with Place("own-fine", {"Binds": ["/etc/ssl:/data/ssl:ro", "/mnt:/data/mnt"]}) as p:
        check(p.told(p.begun), (), (), "its start", p)


def test_namespaces_and_mounts():
    s = strong()
    s.fires("Namespace entered from a container", "openat -100 s:/proc/self/ns/uts 0",
            "setns %0 0x4000000", has=("CLONE_NEWUTS",))
    s.fires("Namespace made in a container", "unshare 0x4000000", has=("CLONE_NEWUTS",))
    s.quiet("unshare 0x200", "openat -100 s:/proc/self/ns/uts 0")
    plain().fires("Namespace made in a container", "unshare 0x10000000")  # refused, and told
    s.quiet("mkdir s:/data/mnt 0755", "umount2 s:/data/mnt 0")
    s.fires("Mount made in a container", "mount s:t s:/data/mnt s:tmpfs 0 0",
            "umount2 s:/data/mnt 2", has=("/data/mnt", "tmpfs"))
    plain().quiet("mount s:t s:/data/mnt s:tmpfs 0 0")


def test_a_process_that_calls_itself_a_runtime_is_not_excused():
    strong().fires("Namespace made in a container", "prctl 15 s:runc:[2:INIT]",
                   "unshare 0x4000000", has=("runc:[2:INIT]",))


def test_other_processes_traced_and_written_to():
    rule = "Other process traced or written to"
    s = strong()
    s.fires(rule, "child", "ptrace 16 %0 0 0", "wait %0", "ptrace 17 %0 0 0",
            has=("PTRACE_ATTACH",))
    s.fires(rule, "child", "process_vm_writev %0 i:8 1 i:8 1 0")
    s.fires(rule, f"openat -100 s:/proc/1/mem {WRITE}")
    s.quiet("ptrace 0 0 0 0", "child", "process_vm_readv %1 i:8 1 i:8 1 0",
            f"openat -100 s:/proc/self/mem {WRITE}", "openat -100 s:/proc/1/maps 0")


# --- programs -------------------------------------------------------------------------------------

def test_programs_in_memory():
    steps = ("memfd_create s:hidden 0", "copy %0 s:{}", "execveat %0 s: v:x|getpid v: 0x1000")
    plain().fires("Program run from memory in a container",
                  *(s.format("/bin/doer") for s in steps), has=("hidden", "T1620"))
    plain().quiet("memfd_create s:hidden 0", "copy %0 s:/bin/doer")
    host_fires("Program run from memory on the host", *(s.format(DOER) for s in steps),
               has=("hidden",))
    host_fires((), "memfd_create s:hidden 0", "execve s:/bin/true v:true v:")


def test_programs_that_the_image_does_not_hold():
    p = plain()
    p.quiet(*copy_to("/data/new"))
    p.fires("Program run that the image does not hold", "execve s:/data/new v:new|getpid v:",
            has=("/data/new",))
    p.quiet(*copy_to("/run/mem/new"))
    p.fires("Program run from a scratch directory of a container",
            "execve s:/run/mem/new v:new|getpid v:", has=("/run/mem/new",))
    p.quiet(*copy_to("/data/mem/new"))
    p.fires("Program run from a mount of a container", "execve s:/data/mem/new v:new|getpid v:")
    p.quiet("execve s:/bin/doer v:new|getpid v:")
    p.quiet("execve s:/data/none v:new v:")


def test_package_managers():
    p = plain()
    p.quiet("symlink s:/bin/busybox s:/data/apk", "symlink s:/bin/busybox s:/data/pip3",
            "symlink s:/bin/busybox s:/data/apkx")
    p.fires("Package manager run in a container", "execve s:/data/apk v:apk|add|x v:",
            has=("apk add x",))
    p.fires("Package manager of a language run in a container",
            "execve s:/data/pip3 v:pip3|install|x v:")
    p.quiet("execve s:/data/apkx v:apk v:")
    p.quiet("execve s:/bin/busybox v:echo|apk|add v:")


def tty_exec(cid, *command, tty=True):
    made = docker().api("POST", f"/containers/{cid}/exec", {"Cmd": list(command), "Tty": tty})["Id"]
    docker().api("POST", f"/exec/{made}/start", {"Detach": True, "Tty": tty})
    return docker().exec_done(made)


def test_a_shell_with_a_terminal_and_commands_of_persons():
    p = plain()
    p.fires(("Shell with a terminal in a container", "Command of a person"),
            lambda: tty_exec(p.id, "/bin/sh", "-c", "true"), has=("sh -c true",))
    p.fires("Command of a person", lambda: tty_exec(p.id, "/bin/ls", "/tmp"), has=("ls /tmp",))
    p.quiet(lambda: tty_exec(p.id, "/bin/sh", "-c", "true", tty=False))
    p.quiet(lambda: tty_exec(p.id, "/bin/ls", "/tmp", tty=False))


def test_commands_of_persons_on_the_host():
    master, terminal = pty.openpty()
    try:
        records, _ = host_told("setsid", "-c", "/bin/true", stdin=terminal)
    finally:
        os.close(master)
        os.close(terminal)
    check([r for r in records if r["process"]["exe"].endswith("/true")],
          ("Command of a person",), ("true",), "a command with a terminal")
    if read_text("/proc/self/loginuid", "").strip() in ("4294967295", ""):
        records, _ = host_told("setsid", "/bin/true", stdin=subprocess.DEVNULL)
        check([r for r in records if r["process"]["exe"].endswith("/true")], (), (), "one without")


# --- the network ----------------------------------------------------------------------------------

def test_a_network_connection_as_standard_input():
    rule = "Network connection became standard input or output"
    listener = sockaddr("127.0.0.1", 21733)
    begin = ("socket 2 1 0", ("bind", "%0", *address_words(listener)), "listen %0 1",
             "socket 2 1 0", ("connect", "%3", *address_words(listener)))
    plain().fires(rule, *begin, "dup2 %3 0", has=("127.0.0.1:21733",))
    plain().fires(rule, *begin, "close 1", "dup %3")
    plain().quiet(*begin, "dup2 %3 50", "dup2 %0 0")  # elsewhere; and one that listens


def test_the_metadata_service():
    rule = "Metadata service of the cloud asked from a container"
    p = plain()
    for address, family in (("169.254.169.254", 2), ("fd00:ec2::254", 10)):
        p.fires(rule, f"socket {family} 1 0",
                ("connect", "%0", *address_words(sockaddr(address, 80))), has=(address,))
    p.quiet("socket 2 1 0", ("connect", "%0", *address_words(sockaddr("169.254.169.253", 80))))


# --- files ----------------------------------------------------------------------------------------

def test_sensitive_files_read():
    rule = "Sensitive file read in a container"
    p = plain()
    p.quiet("mkdir s:/data/etc 0755", "makefile s:/data/etc/shadow s:x",
            "makefile s:/data/id_rsa s:x", "symlink s:/data/etc/shadow s:/data/link")
    p.fires(rule, "openat -100 s:/data/etc/shadow 0", has=("/data/etc/shadow", "credential-access"))
    p.fires(rule, "openat -100 s:/data/link 0")
    p.fires(rule, "openat -100 s:/proc/self/root/data/id_rsa 0")
    p.quiet("openat -100 s:/etc/passwd 0", f"openat -100 s:/data/etc/shadow {WRITE}",
            "openat -100 s:/data/etc/none/shadow 0")


def test_camera_and_microphone():
    strong().fires("Camera or microphone opened in a container",
                   f"openat -100 s:/dev/video0 {NEW} 0600", has=("/dev/video0", "T1123"))
    strong().quiet("openat -100 s:/dev/video1 0", "openat -100 s:/dev/zero 0")
    path = f"/dev/video-{session.name}"
    session.at_end(lambda: os.path.exists(path) and os.unlink(path))
    try:
        host_fires("Camera or microphone opened on the host",
                   f"openat -100 s:{path} {NEW} 0600", has=(path,))
        host_fires((), "openat -100 s:/dev/zero 0")
    finally:
        os.unlink(path)


def test_history_and_logs_cleared():
    p, rule = plain(), "Shell history cleared"
    p.quiet("makefile s:/data/.bash_history s:ls", f"openat -100 s:/data/.bash_history {APPEND}")
    p.fires(rule, f"openat -100 s:/data/.bash_history {EMPTY}", has=("/data/.bash_history",))
    p.fires(rule, "rename s:/data/.bash_history s:/data/other")
    p.quiet("makefile s:/data/.bash_history s:ls", "unlink s:/data/other")
    p.fires(rule, "unlink s:/data/.bash_history")
    p.quiet("mkdir s:/var 0755", "mkdir s:/var/log 0755", "makefile s:/var/log/a s:x",
            f"openat -100 s:/var/log/a {APPEND}", "rename s:/var/log/a s:/var/log/b")
    p.fires("Log cleared", f"openat -100 s:/var/log/b {EMPTY}", has=("/var/log/b",))
    p.fires("Log cleared", "unlink s:/var/log/b")
    folder = session.temp("history")
    host_fires(rule, f"makefile s:{folder}/.zsh_history s:x",
               f"openat -100 s:{folder}/.zsh_history {EMPTY}", has=(".zsh_history",))
    host_fires((), f"makefile s:{folder}/zsh_history s:x", f"unlink s:{folder}/zsh_history")


def test_programs_and_libraries_changed():
    rule, p = "Program or library changed in a container", plain()
    p.quiet("mkdir s:/data/bin 0755", f"openat -100 s:/data/bin/new {NEW} 0755",
            "openat -100 s:/bin/busybox 0")
    p.fires(rule, f"openat -100 s:/bin/new {NEW} 0755", has=("/bin/new", "T1554"))
    p.fires(rule, "rename s:/data/bin/new s:/bin/moved")
    p.fires(rule, "unlink s:/bin/moved")
    p.fires(rule, "symlink s:/data/x s:/bin/link")
    p.fires(rule, "chmod s:/bin/new 04755")
    p.quiet("symlink s:/bin/new s:/data/to-bin", "rename s:/data/to-bin s:/data/to-bin2")
    path = f"/usr/local/bin/{session.name}"
    session.at_end(lambda: os.path.exists(path) and os.unlink(path))
    try:
        host_fires("Program changed on the host", f"openat -100 s:{path} {NEW} 0755", has=(path,))
        host_fires((), f"openat -100 s:{path} 0")
    finally:
        os.unlink(path)


def test_accounts_and_settings_changed():
    p = plain()
    p.fires("Accounts or start-up files changed in a container",
            f"openat -100 s:/etc/passwd {APPEND}", has=("/etc/passwd", "T1098"))
    p.quiet("makefile s:/data/preload s:x")
    p.fires("Accounts or start-up files changed in a container",
            "rename s:/data/preload s:/etc/ld.so.preload")
    p.fires("Settings written in a container", f"openat -100 s:/etc/app.conf {NEW} 0644",
            has=("/etc/app.conf",))
    p.fires("Settings written in a container", "unlink s:/etc/app.conf")
    p.quiet("openat -100 s:/etc/passwd 0", "mkdir s:/data/etc2 0755",
            f"openat -100 s:/data/etc2/app.conf {NEW} 0644")


def test_files_outside_of_data_and_among_devices():
    p = plain()
    p.fires("File made below dev in a container", f"openat -100 s:/dev/hidden {NEW} 0600",
            has=("/dev/hidden",))
    p.fires(MARK, f"openat -100 s:/application {NEW} 0600", has=("/application",))
    p.quiet(f"openat -100 s:/dev/shm/x {NEW} 0600", "openat -100 s:/dev/null 2",
            f"openat -100 s:/proc/1/fd/1 {WRITE}", f"openat -100 s:/dev/stdout {WRITE}",
            f"openat -100 s:/tmp/x {NEW} 0600", f"openat -100 s:/data/x {NEW} 0600")


# --- the audit ------------------------------------------------------------------------------------

def test_settings_and_programs_of_runtimes_are_noted():
    p = plain()
    p.fires("Settings written in a container", "mkdir s:/etc/docker 0755")
    p.fires(("Settings of a runtime written", "Settings written in a container"),
            f"openat -100 s:/etc/docker/daemon.json {NEW} 0644", has=("/etc/docker/daemon.json",))
    p.fires("Settings of a runtime read", "openat -100 s:/etc/docker/daemon.json 0")
    p.quiet("openat -100 s:/etc/dockers 0")
    p.quiet("mkdir s:/usr 0755")
    p.fires("Program or library changed in a container", "mkdir s:/usr/bin 0755")
    p.fires(("Program file of a runtime written",
             "Running program of a runtime opened for writing"),
            f"openat -100 s:/usr/bin/runc {NEW} 0755")
    p.fires("Program file of a runtime read", "openat -100 s:/usr/bin/runc 0")
    alerts = {r["rule"] for r in watched().alerts.read()}
    audit = {r["rule"] for r in watched().audit.read()}
    for rule in ("Settings of a runtime written", "Program file of a runtime read"):
        assert rule in audit and rule not in alerts, (rule, audit, alerts)


# --- what users change ----------------------------------------------------------------------------

MORE = """\
- macro: has_program_list
  condition: (container.name startswith own-listed)
  override: {condition: replace}
- list: programs_of_images
  items: [/bin/doer]
  override: {items: append}
- rule: Program run that is not on the list of its image
  enabled: true
  override: {enabled: replace}
- macro: user_data_dir
  condition: or fd.name pmatch (/uploads)
  override: {condition: append}
- macro: may_change_namespaces
  condition: (container.name startswith own-listed)
  override: {condition: replace}
"""


def test_a_later_file_says_what_is_meant_to_be_so():
    path = f"{session.temp('more')}/more.yaml"
    with open(path, "w") as f:
        f.write(MORE)
    w = Watched(RULES, path)
    try:
        with Place("own-listed", watch=w) as p:
            p.fires("Program run that is not on the list of its image",
                    lambda: p.run("/bin/true"), has=("/bin/busybox",))
            p.quiet("execve s:/bin/doer v:x|getpid v:")
            p.quiet("mkdir s:/uploads 0755", f"openat -100 s:/uploads/x {NEW} 0600",
                    "unshare 0x10000000")
    finally:
        w.agent.stop()
