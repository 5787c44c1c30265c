# SPDX-License-Identifier: GPL-2.0-or-later
"""The pass over all tasks, and looks at mounts, in containers of docker: what events could not tell
because it was so before the agent came, or what is so by the look of it."""

import contextlib
import os

from baselines_at_work import facts
from boxes import Running
from harness import run, skip, wait_until
from rules_at_work import Judged, written
from runtimes import docker, missing_capabilities

PASS = 5  # seconds within which a pass each second must have told
WIDE = {"SecurityOpt": ["seccomp=unconfined"], "CapAdd": ["SYS_ADMIN", "SYS_PTRACE", "MKNOD"]}


def judged():
    return Judged(config=written("isolation:\n  enabled: true\n  interval: 1s\n", "isolation.yaml"))


def cgroup_roots():
    with open("/proc/mounts") as f:
        lines = [line.split() for line in f]
    return [where for _, where, kind, *_ in lines if kind in ("cgroup", "cgroup2")]


def done(cid, *command):
    code = docker().exec_done(docker().exec(cid, *command))
    assert code == 0, f"{command} in a container ended with {code}"


def passes(j):
    return j.agent.json("/api/v1/isolation")["passes"]


def is_found(a):
    return facts(a).get("stage") == "found"


def whole_passes(j, n=3):
    """Waits until so many passes have begun and ended since now."""
    since = passes(j)
    wait_until(lambda: passes(j) > since + n, 20, f"{n} passes")


def of_container(j, cid, since=0, graver_than=("notice", "info")):
    return [a["title"] for a in j.alerts(since)
            if (a["container"] or {}).get("id") == cid and a["kind"] == "isolation"
            and a["severity"] not in graver_than]


@contextlib.contextmanager
def box(name, command=("sleep", "1000"), host=None, **more):
    with Running(f"taskpass-{name}", list(command), host=host, **more) as running:
        yield running.id


def test_a_process_that_went_to_the_hosts_mounts_before_the_agent_came_is_found():
    door = f"/proc/{os.getpid()}/ns/mnt"
    went = f"doer openat -100 s:{door} 0 , setns %0 0x20000 , sleep 600000 & sleep 1000"
    with box("host", ("sh", "-c", went), host={**WIDE, "PidMode": "host"}) as cid:
        first = docker().pid_of(cid)
        child = wait_until(lambda: run("pgrep", "-P", str(first), "doer", check=False).stdout.split(),
                           10, "the process that goes")[0]
        wait_until(lambda: os.readlink(f"/proc/{child}/ns/mnt") == os.readlink(door), 10,
                   "it is there")
        with judged() as j:
            found = j.wait("exec-in-host-mounts", cid=cid, timeout=PASS + 5)
            assert found["state"] == "firing" and found["process"]["pid"] == int(child), found
            assert facts(found)["stage"] == "found", found
            run("kill", "-9", child)
            j.wait("exec-in-host-mounts", cid=cid, timeout=PASS + 5,
                   fits=lambda a: a["state"] == "resolved")


def test_what_a_process_holds_of_the_hosts_mounts_and_network_is_found():
    """By its working directory, by a descriptor, by a socket; each in its own mounts and network."""
    root, net = f"/proc/{os.getpid()}/root", f"/proc/{os.getpid()}/ns/net"
    steps = (f"openat -100 s:{root} 0x10000 , fchdir %0 , close %0 , sleep 600000",
             f"openat -100 s:{root}/etc 0x10000 , sleep 600000",
             f"openat -100 s:/proc/self/ns/net 0 , openat -100 s:{net} 0 , setns %1 0x40000000 , "
             "socket 2 1 0 , setns %0 0x40000000 , sleep 600000")
    inside = " & ".join(f"doer {s}" for s in steps) + " & sleep 1000"
    with judged() as j, box("holds", ("sh", "-c", inside), host={**WIDE, "PidMode": "host"}) as cid:
        cwd = j.wait("root-outside", cid=cid, timeout=PASS + 10, fits=is_found)
        assert facts(cwd)["held_as"] == "cwd" and facts(cwd)["path"] == "/", cwd
        fd = j.wait("descriptor-outside", cid=cid, timeout=PASS + 10, fits=is_found)
        assert facts(fd)["held_as"].startswith("fd/") and facts(fd)["path"] == "/etc", fd
        socket = j.wait("socket-of-other-network", cid=cid, timeout=PASS + 10, fits=is_found)
        assert facts(socket)["sockets"] == "1", socket


def test_a_process_that_was_moved_out_of_its_containers_cgroups_is_found():
    with judged() as j, box("moved", ("sh", "-c", "sleep 1001 & sleep 1000")) as cid:
        whole_passes(j, 2)
        child = run("pgrep", "-P", str(docker().pid_of(cid)), "sleep").stdout.split()[0]
        for folder in cgroup_roots():
            with contextlib.suppress(OSError), open(f"{folder}/cgroup.procs", "w") as f:
                f.write(child)
        left = j.wait("cgroup-left", cid=cid, timeout=PASS + 5, fits=is_found)
        assert left["process"]["pid"] == int(child), left
        run("kill", "-9", child)
        j.wait("cgroup-left", cid=cid, timeout=PASS + 5,
               fits=lambda a: is_found(a) and a["state"] == "resolved")


def test_containers_as_they_are_raise_nothing():
    with box("calm") as plain, box("network", host={"NetworkMode": "host"}) as shared, judged() as j:
        with box("later", User="1000:1000") as later:
            for cid in (plain, shared, later):
                for _ in range(3):
                    done(cid, "sh", "-c", "cat /proc/self/status > /dev/null; true")
            whole_passes(j)
            for cid in (plain, shared, later):
                told = of_container(j, cid, graver_than=())
                assert not told, f"{cid[:12]}: {told}"


def test_namespaces_of_its_own_making_raise_nothing():
    inside = "busybox unshare -m -u -i -n sleep 1000 & sleep 1000"
    with judged() as j, box("nested", ("sh", "-c", inside), host=WIDE) as cid:
        whole_passes(j)
        told = of_container(j, cid)
        assert not told, told


def test_a_mask_that_is_taken_away_is_found_and_resolved_when_it_is_back():
    point = "/proc/tty"
    with judged() as j, box("masks", host={**WIDE, "MaskedPaths": [point]}) as cid:
        whole_passes(j, 2)  # its mounts have been looked at by then
        done(cid, "busybox", "umount", point)
        found = j.wait("mask-removed", cid=cid, timeout=PASS + 5, fits=is_found)
        assert point in found["title"] and found["state"] == "firing", found
        done(cid, "busybox", "mount", "-t", "tmpfs", "-o", "ro", "none", point)
        j.wait("mask-removed", cid=cid, timeout=PASS + 5,
               fits=lambda a: is_found(a) and a["state"] == "resolved")


def test_a_part_of_the_host_that_is_mounted_later_is_found():
    host = {**WIDE, "Binds": ["/var/tmp:/given"]}
    with judged() as j, box("mounts", host=host) as cid:
        whole_passes(j, 2)
        done(cid, "busybox", "mkdir", "-p", "/again", "/scratch")
        done(cid, "busybox", "mount", "-o", "bind", "/given", "/again")
        done(cid, "busybox", "mount", "-t", "tmpfs", "none", "/scratch")
        whole_passes(j, 2)
        told = [t for t in of_container(j, cid) if "part of the host" in t]
        assert not told, told  # what it was given, and nothing of the host's
        # from outside, as an escape by the new way to mount would leave it
        pid = docker().pid_of(cid)
        run("nsenter", "-t", str(pid), "-m", "/bin/busybox", "mount", "-t", "proc", "none",
            "/scratch")
        j.wait("mask-removed", cid=cid, timeout=45, fits=is_found)


def test_more_capabilities_by_exec_are_no_more_than_a_notice():
    lacks = missing_capabilities()
    if lacks:
        skip(f"runc cannot give {lacks[0]} here")
    with judged() as j, box("caps") as cid:
        made = docker().api("POST", f"/containers/{cid}/exec",
                            {"Cmd": ["sleep", "30"], "Privileged": True})["Id"]
        docker().api("POST", f"/exec/{made}/start", {"Detach": True})
        whole_passes(j)
        told = of_container(j, cid)
        assert not told, told
