# SPDX-License-Identifier: GPL-2.0-or-later
"""Cgroups that come, go and nest, named as every runtime names them."""

import os
import signal
import subprocess
import threading
import time

from box import MIB, TOP, V2, Box, agent, hex_id, listed, name_of, write
from harness import BUILD, Agent, close_to, descriptors, same, skip, wait_until
from session import read_text, remove_cgroup

UID = "5ba1eb6d-0aa5-4e3f-9d43-d8a4b5bcd3e1"
UID_ = UID.replace("-", "_")
BURSTABLE = f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{UID_}.slice"
CROWD = 200


def paths():
    """cgroup: runtime and namespace that it says, by both cgroup drivers."""
    return {
        f"/docker/{hex_id('a')}": ("docker", ""),
        f"/system.slice/docker-{hex_id('b')}.scope": ("docker", ""),
        f"/machine.slice/libpod-{hex_id('c')}.scope": ("podman", ""),
        f"/libpod_parent/libpod-{hex_id('d')}": ("podman", ""),
        f"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{hex_id('e')}.scope":
            ("podman", ""),
        f"{BURSTABLE}/cri-containerd-{hex_id('f')}.scope": ("containerd", "k8s.io"),
        f"/kubepods/besteffort/pod{UID}/{hex_id('g')}": ("containerd", "k8s.io"),
        f"{BURSTABLE}/crio-{hex_id('h')}.scope": ("cri-o", ""),
        f"/system.slice/nerdctl-{hex_id('i')}.scope": ("containerd", ""),
        "/lxc.payload.web": ("lxc", ""),
        "/machine.slice/machine-deb.scope": ("nspawn", ""),
        "/machine.slice/systemd-nspawn@two.service": ("nspawn", ""),
    }



def test_containers_of_every_runtime_are_told_by_their_paths():
    boxes = [Box(path, "sleep", "1000") for path in paths()]
    try:
        for b in boxes:
            b.__enter__()

        def right():
            found = listed()
            for path, (runtime, namespace) in paths().items():
                assert path in found, f"{path} is not listed"
                c = found[path]
                same((c["kind"], c["runtime"], c["namespace"] or "", c["state"]),
                     ("container", runtime, namespace, "running"), path)
                assert c["id"] in path, f"id of {path}: {c['id']}"
                same(c["sample"]["threads"], 1, f"threads of {path}")
                same(agent().metrics().value("container_threads", id=path), 1, "threads")
            return True
        wait_until(right, 20, "all of them")
    finally:
        for b in boxes:
            b.__exit__()
    wait_until(lambda: not set(paths()) & set(listed()), 10, "their end")
    ended = listed(all=True)
    for path in paths():
        same(ended[path]["state"], "exited", f"{path} at the end")



def test_200_cgroups_made_and_removed_at_once_are_all_seen_and_none_is_left():
    prefix = "/docker/crowd"
    with Agent() as a:
        before = listed(a)
        for _ in range(2):  # the second crowd has the names of the first
            with Box(prefix + "/none"):  # its parents hand down controllers now
                pass
            crowd = subprocess.Popen([f"{BUILD}/tests/bench/cgroups", str(CROWD), prefix[1:]],
                                     stdout=subprocess.PIPE, text=True)
            same(crowd.stdout.readline(), "ready\n", "the crowd")

            def all_there():
                found = [c for p, c in listed(a).items() if p.startswith(prefix + "/")]
                assert len(found) == CROWD, f"{len(found)} of {CROWD}"
                bare = [c["cgroup"] for c in found if (c.get("sample") or {}).get("threads") != 1]
                assert not bare, f"{len(bare)} have no figures: {bare[:2]}"
                return True
            try:
                wait_until(all_there, 40, "all of the crowd, with figures", step=0.5)
            finally:
                crowd.send_signal(signal.SIGTERM)
                same(crowd.wait(60), 0, "how the crowd ended")
            wait_until(lambda: set(listed(a)) == set(before), 20, "the end of all", step=0.5)
        m = a.metrics()
        same(m.value("bulkhead_watch_overflows_total"), 0, "overflows")
        same(m.value("bulkhead_sampler_errors_total"), 0, "files that were not understood")
        same([s.line for s in m.find("bulkhead_refused_total") if s.value], [], "refused")


def more_than(before, a):
    """Descriptors of the agent that it has besides those of before."""
    more = list(descriptors(a.pid))
    for name in before:
        if name in more:
            more.remove(name)
    return more


def test_removal_while_files_are_read_leaves_no_descriptor_and_no_error():
    standing = f"/docker/{hex_id('standing')}"  # the parent is sampled while it has children
    with Agent({"sample.interval": "100ms", "sample.slow_interval": "1s"}) as a, \
            Box(standing, "sleep", "1000"):
        wait_until(lambda: (listed(a).get(standing) or {}).get("sample"), 10, "its first sample")
        before = descriptors(a.pid)
        stop = time.monotonic() + 8  # the length of the storm
        made = [0] * 3

        def storm(n):
            while time.monotonic() < stop:
                with Box(f"/docker/{hex_id(f'storm{n}-{made[n] % 5}')}", "true"):
                    made[n] += 1
        threads = [threading.Thread(target=storm, args=(n,)) for n in range(len(made))]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert sum(made) > 20, f"only {sum(made)} cgroups in the storm"
        wait_until(lambda: set(listed(a)) == {standing}, 10, "calm")

        def as_before():
            more = [name for name in more_than(before, a) if "pidfd" not in name]
            assert len(more) <= 2, f"{len(more)} descriptors more than before: {more}"
            return True
        wait_until(as_before, 10, "descriptors as before the storm")
        m = a.metrics()
        same(m.value("bulkhead_sampler_errors_total"), 0, "files that were not understood")
        same(a.get("/readyz", token=None).status, 200, "/readyz")


def test_a_container_that_ended_keeps_no_descriptor():
    with Agent() as a:
        before = descriptors(a.pid)
        path = f"/docker/{hex_id('ended')}"
        with Box(path, "sleep", "1000"):
            wait_until(lambda: (listed(a).get(path) or {}).get("pid"), 10, "its first process")
        wait_until(lambda: path not in listed(a), 10, "its end")

        def given_back():
            more = [name for name in more_than(before, a) if "pidfd" in name]
            assert not more, f"still open: {more}"
            return True
        wait_until(given_back, 10, "its process descriptor given back")


def test_a_cgroup_of_the_same_name_starts_from_zero():
    path = f"/docker/{hex_id('again')}"
    with Box(path, "alloc", "spin") as c:
        wait_until(lambda: (c.value("container_cpu_usage_seconds_total") or 0) > 1, 20, "a second")
        started = c.seen()["started"]
    with Box(path, "sleep", "1000") as c:
        def fresh():
            used = c.value("container_cpu_usage_seconds_total")
            return used is not None and used < 0.9 and c.seen()["started"] != started
        wait_until(fresh, 10, "counters of the new one")


def test_a_container_in_a_container_is_shown_beside_it_and_counted_in_it():
    outer = f"/docker/{hex_id('outer')}"
    inner = f"{outer}/docker/{hex_id('inner')}"
    # On v2 a cgroup that hands down controllers holds no processes: docker in docker moves its own
    # into a cgroup "init".
    with Box(f"{outer}/init", "sleep", "1000"), Box(inner, "alloc", "hold", "50") as i:
        i.ready()

        def right():
            m = agent().metrics()
            found = listed()
            same({name_of(p) for p in found if p.startswith(outer)},
                 {hex_id("outer"), hex_id("inner")}, "containers")
            for path, threads in ((outer, 2), (inner, 1)):
                same(m.value("container_threads", id=path), threads, f"threads of {path}")
                same(m.value("container_processes", id=path), threads, f"processes of {path}")
                close_to(m.value("container_memory_rss", id=path), 50 * MIB, 0.05,
                         f"memory of {path}")
            return True
        wait_until(right, 15, "both")
    remove_cgroup(outer)
    wait_until(lambda: not [p for p in listed() if p.startswith(outer)], 10, "their end")


def test_what_a_cgroup_has_no_controller_for_is_left_out_and_comes_with_the_controller():
    if not V2:
        skip("v1 has each controller's files in every cgroup")
    parent, name = "/bare", hex_id("bare")
    path = f"{parent}/docker-{name}.scope"
    with Box(path, "alloc", "hold", "20", controllers=["cpu"]) as c:
        c.ready()
        c.seen()
        m = agent().metrics()
        for name in ("container_memory_rss", "container_memory_usage_bytes",
                     "container_memory_working_set_bytes", "container_threads",
                     "container_spec_memory_limit_bytes", "container_memory_failcnt",
                     "container_fs_reads_bytes_total"):
            same(m.find(name, id=path), [], f"{name} without its controller")
        assert m.value("container_cpu_usage_seconds_total", id=path) is not None, "CPU"
        assert m.value("container_spec_cpu_shares", id=path) is not None, "shares"
        for name in ("memory", "pids"):
            write(f"{TOP}{parent}/cgroup.subtree_control", f"+{name}")
        # memory that was taken before is not moved to the new controller
        wait_until(lambda: c.value("container_threads") == 1, 80, "threads")
        wait_until(lambda: c.value("container_memory_usage_bytes") is not None, 80, "memory")
    remove_cgroup(parent)


def test_a_controller_that_is_taken_away_takes_its_figures_along():
    if not V2:
        skip("v1 cannot take a controller away")
    path = f"/fickle/docker-{hex_id('fickle')}.scope"
    with Box(path, "sleep", "1000") as c:
        wait_until(lambda: c.value("container_threads") == 1, 10, "threads")
        wait_until(lambda: c.value("container_spec_memory_limit_bytes") is not None, 10, "limit")
        write(f"{TOP}/fickle/cgroup.subtree_control", "-pids -memory")

        def right():
            for name in ("container_threads", "container_memory_usage_bytes",
                         "container_memory_rss", "container_spec_memory_limit_bytes"):
                same(agent().metrics().find(name, id=path), [], name)
            return True
        wait_until(right, 15, "no figures of memory and pids")
        same(c.seen()["state"], "running", "state")
        write(f"{TOP}/fickle/cgroup.subtree_control", "+pids +memory")
        wait_until(lambda: c.value("container_threads") == 1, 80, "threads again")
    remove_cgroup("/fickle")


def test_a_threaded_cgroup_inside_a_container_is_read():
    if not V2:
        skip("threaded cgroups are of v2")
    path = f"/docker/{hex_id('threaded')}"
    with Box(path, "sleep", "1000") as c:
        below = f"{TOP}{path}/workers"
        os.mkdir(below)
        write(f"{below}/cgroup.type", "threaded")
        c.start("alloc", "forks", "3")
        c.ready()

        def right():
            same(c.value("container_processes"), 5, "processes")
            same(c.value("container_threads"), 5, "threads")
            return True
        wait_until(right, 10, "all of them")
        same(agent().metrics().value("bulkhead_sampler_errors_total"), 0, "errors")
        for process in c.started:
            process.kill()
        write(c.file("cgroup.kill"), 1)
        for process in c.started:
            process.wait()
        wait_until(lambda: os.rmdir(below) is None, 5, "the end of the threaded cgroup")
    wait_until(lambda: path not in listed(), 10, "its end")


def test_pressure_that_is_switched_off_for_a_cgroup_is_left_out():
    path = f"/docker/{hex_id('calm')}"
    with Box(path, "sleep", "1000") as c:
        if not os.path.exists(c.file("cgroup.pressure")):
            skip("this kernel has no cgroup.pressure")
        name = "container_pressure_cpu_waiting_seconds_total"
        wait_until(lambda: c.value(name) is not None, 10, "pressure")
        write(c.file("cgroup.pressure"), 0)
        wait_until(lambda: c.value(name) is None, 15, "no pressure")
        same(agent().metrics().value("bulkhead_sampler_errors_total"), 0, "errors")


def test_a_frozen_and_then_killed_container_ends_as_others_do():
    path = f"/docker/{hex_id('frozen')}"
    with Box(path, "alloc", "spin") as c:
        if not os.path.exists(c.file("cgroup.kill")):
            skip("cgroup.kill is of v2 and Linux 5.14")
        c.seen()
        write(c.file("cgroup.freeze"), 1)
        wait_until(lambda: "frozen 1" in read_text(c.file("cgroup.events")), 10, "frozen")
        time.sleep(1.2)  # a round that still saw it run
        used = c.value("container_cpu_usage_seconds_total")
        time.sleep(2)  # a time in which it must not run
        same(c.value("container_cpu_usage_seconds_total"), used, "CPU of a frozen container")
        write(c.file("cgroup.kill"), 1)
        same(c.started[0].wait(10), -9, "how it ended")
        wait_until(lambda: c.value("container_threads") == 0, 15, "no more threads")
    wait_until(lambda: listed(all=True)[path]["state"] == "exited", 10, "exited")


def test_the_agent_finds_what_ran_before_it_started():
    boxes = [Box(f"/docker/{hex_id(f'early{n}')}", "sleep", "1000") for n in range(5)]
    for b in boxes:
        b.__enter__()
    try:
        with Agent() as a:
            wait_until(lambda: {b.path for b in boxes} <= set(listed(a)), 5, "all of them")
            same(a.status()["cgroup_mode"], "v2" if V2 else "v1", "mode of the status")
    finally:
        for b in boxes:
            b.__exit__()
