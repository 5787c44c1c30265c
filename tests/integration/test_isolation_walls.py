# SPDX-License-Identifier: GPL-2.0-or-later
"""Walls of containers: each is broken on a real container, and told soon; its nearest legitimate
neighbour raises nothing of warning or worse."""

import os
import subprocess
import time

from baselines_at_work import facts
from events import sockaddr
from harness import Agent, Skip, run, same, skip, wait_until
from rules_at_work import written
from runtimes import containerd, docker, podman
from session import die_with_parent, session
from walls import CONFIG, GRAVE, Walls, judged, plain, seeing, strong

NEWNS, NEWUTS, NEWUSER = 0x20000, 0x4000000, 0x10000000
BIND, REMOUNT, RDONLY = 0x1000, 0x20, 1
WRONLY = 1


def victim():
    """A process of the host, of this test."""
    p = subprocess.Popen(["sleep", "100"], preexec_fn=die_with_parent)
    session.at_end(p.kill)
    return p


# --- namespaces, cgroups --------------------------------------------------------------------------

def test_entering_a_namespace_of_the_host_is_told_and_making_one_is_a_notice():
    p, b = victim(), seeing()
    try:
        results = b.doer(f"openat -100 s:/proc/{p.pid}/ns/uts 0", f"setns %0 {NEWUTS}")
        same(results[1], 0, "setns")
        a = b.told("namespaces-changed", "critical", "succeeded", "nsenter", invariant="I1")
        assert "uts" in a["title"], a["title"]
        begun = b.fresh()
        same(b.doer(f"unshare {NEWUTS}", "openat -100 s:/proc/self/ns/uts 0",
                    f"setns %1 {NEWUTS}")[2], 0, "its own")
        b.calm(begun)
    finally:
        p.kill()
        p.wait()


def test_a_program_in_the_hosts_mounts_is_told():
    p, b = victim(), seeing()
    try:
        results = b.doer(f"openat -100 s:/proc/{p.pid}/ns/mnt 0", f"setns %0 {NEWNS}",
                         "execve s:/bin/true v:true v:")
        if results and isinstance(results, list) and results[1] < 0:
            skip(f"setns of a mount namespace: {results}")
        b.told("exec-in-host-mounts", "alert", "succeeded", "nsenter")
    finally:
        p.kill()
        p.wait()


def test_a_process_that_leaves_its_cgroup_is_told_and_a_cgroup_within_is_not():
    b = Walls("cgroup", {**strong_settings(), "CgroupnsMode": "host"})
    try:
        results = b.doer("mkdir s:/mem/cg 0755", "mount s:cgroup s:/mem/cg s:cgroup 0 s:memory")
        if results[1] < 0:
            skip(f"no hierarchy of v1 can be mounted: {results}")
        own = f"/mem/cg{cgroup_of(b)}"
        begun = b.fresh()
        results = b.doer(f"mkdir s:{own}/within 0755", f"makefile s:{own}/within/cgroup.procs s:0",
                         f"makefile s:{own}/cgroup.procs s:0")
        assert min(results) >= 0, results
        b.calm(begun)
        out = f"walls-out-{os.getpid()}"
        try:
            assert b.doer(f"mkdir s:/mem/cg/{out} 0755",
                          f"makefile s:/mem/cg/{out}/cgroup.procs s:0")[1] > 0
            b.told("cgroup-left", "critical", "succeeded")
        finally:
            b.doer(f"unlinkat -100 s:/mem/cg/{out} 0x200")
        # its limits are in the same folder
        assert b.doer(f"openat -100 s:{own}/memory.limit_in_bytes {WRONLY}")[0] >= 0
        b.told("limit-raised", "critical", "succeeded")
        begun = b.fresh()
        assert b.doer(f"openat -100 s:{own}/within/memory.limit_in_bytes {WRONLY}")[0] >= 0
        b.calm(begun)
    finally:
        b.close()


def strong_settings():
    return {"CapAdd": ["SYS_ADMIN"], "MaskedPaths": [], "ReadonlyPaths": [],
            "SecurityOpt": ["seccomp=unconfined", "apparmor=unconfined"],
            "Tmpfs": {"/mem": "rw,exec"}}


def cgroup_of(b):
    with open(f"/proc/{docker().pid_of(b.id)}/cgroup") as f:
        return next(line.split(":")[2].strip() for line in f if ":memory:" in line)


# --- rights ---------------------------------------------------------------------------------------

def test_a_privileged_exec_is_a_notice_that_says_it_came_from_outside():
    b = plain()
    b.mark, b.begun = b.fresh(), time.monotonic()
    made = docker().api("POST", f"/containers/{b.id}/exec", {"Cmd": ["true"], "Privileged": True})
    try:
        docker().api("POST", f"/exec/{made['Id']}/start", {"Detach": True})
    except AssertionError as why:
        skip(f"this machine has not all capabilities: {why}")
    a = b.told("seccomp-lost", "notice", "succeeded")
    assert facts(a)["injected"].startswith("entered by exec"), facts(a)
    b.calm(b.mark)


def test_a_working_directory_outside_is_told():
    p, b = victim(), seeing()
    try:
        results = b.doer(f"openat -100 s:/proc/{p.pid}/root/usr {0o200000}", "fchdir %0",
                         "execve s:/bin/true v:true v:")
        b.told("root-outside", "alert", "succeeded")
        b.told("descriptor-outside", "critical", "succeeded")
        assert results is not None
    finally:
        p.kill()
        p.wait()


# --- mounts ---------------------------------------------------------------------------------------

def test_mounts_of_disks_are_told_and_tmpfs_is_not():
    b = plain()
    same(b.doer("mount s:/dev/sda1 s:/mem s:ext4 0 0"), [-1], "refused")
    b.told("mount-outside-of-spec", "error", "attempted", "host mount")
    b = strong()
    begun = b.fresh()
    same(b.doer("mkdir s:/mem/t 0755", "mount s:t s:/mem/t s:tmpfs 0 0", "umount2 s:/mem/t 0",
                f"mount s:/etc s:/mem/t 0 {BIND} 0", "umount2 s:/mem/t 0"),
         [0, 0, 0, 0, 0], "results")
    b.calm(begun)


def test_a_cgroup_hierarchy_and_its_release_agent_are_told():
    b = strong()
    results = b.doer("mkdir s:/mem/rel 0755", "mount s:cgroup s:/mem/rel s:cgroup 0 s:pids",
                     f"openat -100 s:/mem/rel/release_agent {WRONLY}", "umount2 s:/mem/rel 0")
    if results[1] < 0:
        skip(f"no hierarchy of v1 can be mounted: {results}")
    b.told("mount-outside-of-spec", "error", "succeeded", "release_agent")
    if results[2] >= 0:
        b.told("kernel-helper-written", "critical", "succeeded", "release_agent")
    begun = b.fresh()
    same(b.doer("makefile s:/mem/release_agent s:no")[0], 2, "a plain file of that name")
    b.calm(begun)


def test_what_the_runtime_masked_stays_masked():
    b = Walls("masked", {k: v for k, v in strong_settings().items() if "Paths" not in k})
    try:
        masked = next(p for p in ("/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/interrupts",
                                  "/sys/firmware", "/proc/scsi") if os.path.exists(p))
        same(b.doer(f"umount2 s:{masked} 0"), [0], f"umount of {masked}")
        b.told("mask-removed", "critical", "succeeded", path=masked)
        same(b.doer(f"mount s:none s:/proc/sys 0 {REMOUNT | BIND} 0"), [0], "remount")
        b.told("mask-removed", "critical", "succeeded", path="/proc/sys")
    finally:
        b.close()


# --- files ----------------------------------------------------------------------------------------

def test_a_program_of_the_runtime_that_is_opened_for_writing_is_told():
    program = next((p for p in ("/usr/sbin/docker-proxy", "/usr/bin/docker-proxy")
                    if os.access(p, os.X_OK)), None)
    if not program:
        skip("no docker-proxy here")
    with Walls("program", binds=[f"{program}:/data/p:rw"]) as b:
        assert b.doer(f"openat -100 s:/data/p {WRONLY}")[0] >= 0
        a = b.told("host-program-written", "alert", "succeeded", "host mount")
        same(facts(a)["program"], program, "which one")
        begun = b.fresh()
        assert b.doer("openat -100 s:/data/p 0")[0] >= 0
        assert b.doer("makefile s:/bin/runc s:mine")[0] > 0
        b.calm(begun)


def test_what_the_host_trusts_is_told_when_it_is_written_through_a_mount():
    folder = session.temp("trusted")
    os.makedirs(f"{folder}/etc/cron.d")
    with Walls("trusted", binds=["/etc:/data/etc:rw"]) as b:
        same(b.doer(f"openat -100 s:/data/etc/passwd {WRONLY}")[0] >= 0, True, "opened")
        b.told("host-program-written", "critical", "succeeded", "host mount",
               on_the_host="/etc/passwd")
    with Walls("trusting", binds=[f"{folder}:/data/x:rw"]) as b:
        assert b.doer("makefile s:/data/x/etc/cron.d/job s:x")[0] > 0
        b.calm()


def test_settings_that_the_kernel_obeys_are_told_and_those_of_namespaces_are_not():
    b = strong()
    assert b.doer(f"openat -100 s:/proc/sys/kernel/core_pattern {WRONLY}")[0] >= 0
    b.told("kernel-helper-written", "critical", "succeeded", "core_pattern")
    begun = b.fresh()
    assert b.doer(f"openat -100 s:/proc/sys/net/ipv4/ip_forward {WRONLY}")[0] >= 0
    assert b.doer(f"openat -100 s:/proc/sys/kernel/shmmax {WRONLY}")[0] >= 0
    b.calm(begun)
    b = plain()
    assert b.doer(f"openat -100 s:/proc/sys/kernel/core_pattern {WRONLY}")[0] < 0
    a = b.told("kernel-helper-written", "error", "attempted", "core_pattern")
    assert a["title"].endswith("attempted"), a["title"]


def test_a_program_of_a_container_that_the_host_executes_is_told():
    with Walls("storage") as b:
        assert b.doer("makefile s:/tmp/tool s:#!/bin/true")[0] > 0
        layer = docker().inspect(b.id)["GraphDriver"]["Data"].get("UpperDir")
        if not layer:
            skip("docker's storage is no overlay here")
        b.mark, b.begun = b.fresh(), time.monotonic()
        run(f"{layer}/tmp/tool")
        a = b.told("host-runs-container-file", "alert", "succeeded")
        assert b.name in a["title"], a["title"]


# --- sockets, devices, the kernel's doors ---------------------------------------------------------

def unix(path):
    return "x:" + (b"\x01\x00" + path.encode() + b"\0").hex()


def test_a_runtimes_socket_is_told_and_a_socket_of_that_name_within_is_not():
    with Walls("socket", binds=[f"{docker().socket}:/data/docker.sock"]) as b:
        same(b.doer("socket 1 1 0", f"connect %0 {unix('/data/docker.sock')} 19")[1], 0, "connect")
        b.told("runtime-socket-used", "critical", "succeeded", "docker.sock")
        begun = b.fresh()
        same(b.doer("socket 1 1 0", f"bind %0 {unix('/mem/docker.sock')} 18", "listen %0 1",
                    "socket 1 1 0", f"connect %3 {unix('/mem/docker.sock')} 18")[4], 0, "its own")
        b.calm(begun)


def test_code_for_the_kernel_is_told():
    b = strong()
    assert b.doer("init_module x:00112233 4 s:")[0] < 0
    b.told("kernel-code-loaded", "error", "attempted")
    assert b.doer("kexec_load 0 0 0 0")[0] < 0 or True
    b = plain()
    begun = b.fresh()
    assert b.doer("bpf 0 b:128 128")[0] < 0
    b.told("kernel-code-loaded", "notice", "attempted")
    b.calm(begun)


def test_nodes_of_disks_are_told_and_those_of_null_are_not():
    b = plain()
    same(b.doer("mknodat -100 s:/mem/disk 0x6180 0x800"), [0], "mknod")
    b.told("device-reached", "error", "attempted", "devices.allow and mknod")
    assert b.doer("openat -100 s:/mem/disk 0")[0] < 0
    begun = b.fresh()
    same(b.doer("mknodat -100 s:/mem/null 0x2180 0x103", "mknodat -100 s:/mem/pipe 0x1180 0"),
         [0, 0], "mknod")
    b.calm(begun)


def test_a_process_outside_is_not_to_be_traced_and_an_own_one_is():
    p, b = victim(), seeing()
    try:
        same(b.doer(f"ptrace 16 {p.pid} 0 0", f"wait {p.pid}", f"ptrace 17 {p.pid} 0 0")[0], 0,
             "attach")
        a = b.told("process-outside-traced", "critical", "succeeded")
        same(facts(a)["target_pid"], str(p.pid), "target")
        assert b.doer(f"openat -100 s:/proc/{p.pid}/mem 0")[0] >= 0
        b.told("process-outside-traced", "critical", "succeeded")
        begun = b.fresh()
        same(b.doer("child", "ptrace 16 %0 0 0", "wait %0", "ptrace 17 %0 0 0")[1], 0, "own")
        b.calm(begun)
    finally:
        p.kill()
        p.wait()


def test_a_file_by_its_handle_is_told():
    b = plain()
    assert b.doer("304 -100 b:24 0")[0] < 0
    b.told("file-handle-opened", "error", "attempted", "shocker")


def test_user_namespaces_and_blind_spots_are_notices():
    b = Walls("blind", strong_settings())
    try:
        same(b.doer(f"unshare {NEWUSER}"), [0], "unshare")
        b.told("user-namespace-made", "notice", "succeeded")
        assert b.doer("io_uring_setup 4 b:120")[0] != 0
        b.doer("getpid", "mkdir s:/mem/x 0755", flags=("--int80",))
        b.told("blind-spot-used", "notice", "succeeded")
        b.calm()
    finally:
        b.close()


def test_bulkhead_itself_is_not_to_be_touched():
    b = seeing()
    same(b.doer(f"kill {judged().agent.pid} 18"), [0], "a signal that does nothing")
    b.told("agent-attacked", "alert", "succeeded")


def test_dockers_port_on_the_host_is_an_attempt():
    b = Walls("port", {"NetworkMode": "host"})
    try:
        line = run("ip", "-4", "-o", "addr", "show", check=False).stdout
        address = next((w.split("/")[0] for l in line.splitlines() if " lo " not in l
                        for w in l.split() if "/" in w and w[0].isdigit()), None)
        if not address:
            skip("this machine has no address but loopback's")
        b.doer("socket 2 2049 0", f"connect %0 x:{sockaddr(address, 2375).hex()} 16")
        b.told("runtime-socket-used", "error", "attempted")
    finally:
        b.close()


# --- calm -----------------------------------------------------------------------------------------

def test_runtimes_at_work_raise_nothing():
    begun = judged().mark()
    b = Walls("calm", Healthcheck={"Test": ["CMD", "true"], "Interval": 1000000000})
    try:
        for _ in range(3):
            same(docker().exec_done(docker().exec(b.id, "sh", "-c", "ls / >/dev/null")), 0, "exec")
        data = docker().api("GET", f"/containers/{b.id}/archive?path=/etc/passwd")
        docker().api("PUT", f"/containers/{b.id}/archive?path=/tmp", data)
        docker().api("POST", f"/containers/{b.id}/pause")
        docker().api("POST", f"/containers/{b.id}/unpause")
        for n in range(4):
            short = docker().run(f"walls-short-{os.getpid()}-{n}", ["true"])
            docker().api("POST", f"/containers/{short}/wait")
            docker().remove(short)
            found = [a for a in judged().alerts(begun)
                     if (a["container"] or {}).get("id") == short and a["severity"] in GRAVE
                     and a["kind"] == "isolation"]
            assert not found, found
        b.calm(begun)
    finally:
        b.close()


def test_other_runtimes_and_a_privileged_container_raise_nothing():
    begun = judged().mark()
    name = f"walls-{os.getpid()}"
    strong_one = docker().run(f"{name}-privileged", ["sleep", "100"],
                              {"Privileged": True, "Runtime": "privileged"})
    done = []
    for make in (podman, containerd):
        try:
            make()
        except Skip as why:
            print(why)
            continue
        done.append(make)
    if podman in done:
        podman().run(f"{name}-podman", "sleep", "100")
        podman().podman("exec", f"{name}-podman", "ls", "/")
        podman().remove(f"{name}-podman")
    if containerd in done:
        containerd().run(f"{name}-ctr", "sleep", "100")
        containerd().remove(f"{name}-ctr")
    docker().remove(strong_one)
    plain().settle()
    found = [(a["rule"], a["title"], facts(a)) for a in judged().alerts(begun)
             if a["kind"] == "isolation" and a["severity"] in GRAVE and a["container"]
             and (a["container"]["id"] == strong_one or name in (a["container"]["name"] or ""))]
    assert not found, found


def test_an_exception_of_the_configuration_holds_a_wall_back():
    text = CONFIG + ("rules:\n  files: []\n  exceptions:\n"
                     "    - {rule: kernel-helper-*, container: walls-excepted-*}\n")
    agent = Agent(config=written(text, "excepted.yaml"))
    b = Walls("excepted")
    try:
        assert b.doer(f"openat -100 s:/proc/sys/kernel/core_pattern {WRONLY}")[0] < 0
        b.told("kernel-helper-written", "error", "attempted")

        def excepted():
            return agent.json("/api/v1/isolation")["excepted"] > 0
        wait_until(excepted, 5, "the exception counts")
        same([a["rule"] for a in agent.json("/api/v1/alerts?rule=kernel-helper-written")["alerts"]],
             [], "alerts")
    finally:
        b.close()
        agent.__exit__(None)


def test_what_is_not_watched_is_said():
    answer = judged().agent.json("/api/v1/isolation")
    by_number = {i["number"]: i for i in answer["invariants"]}
    same(len(by_number), 29, "invariants")
    same(by_number["I27"]["watched"], "no", "I27")
    assert by_number["I27"]["reason"], by_number["I27"]
    assert by_number["I1"]["watched"] in ("yes", "in part"), by_number["I1"]
    missing = judged().agent.json("/api/v1/status")["not_watched"]
    assert any(m["invariant"] == "I27" and m["reason"] for m in missing), missing
