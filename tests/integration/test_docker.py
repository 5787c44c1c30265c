# SPDX-License-Identifier: GPL-2.0-or-later
"""Docker containers from their first second to their last."""

import os
import secrets

from boxes import MIB, Running, agent, ended
from harness import (Agent, descriptors, inotify_watches, same, seconds_until, wait_until)
from runtimes import IMAGE, docker, runc
from session import hierarchies, read_text


def test_a_container_appears_within_a_second_with_name_image_and_image_id():
    a, d = agent(), docker()
    cid = d.create("appears")
    try:
        d.begin(cid)

        def listed():
            c = a.containers().get(cid)
            return c and (c["name"], c["image"], c["image_id"]) == ("appears", IMAGE, d.image_id)
        took = seconds_until(listed, 5, "the container with its metadata in /api/v1/containers")
        assert took < 1, f"it took {took:.2f} s to be listed with its metadata"

        def exposed():
            m, label = a.metrics(), {"id": f"/docker/{cid}", "name": "appears", "image": IMAGE}
            return all(m.find(name, **label) for name in (
                "container_last_seen", "container_cpu_usage_seconds_total",
                "container_memory_working_set_bytes", "container_threads"))
        took = seconds_until(exposed, 5, "its figures in /metrics") + took
        assert took < 1.5, f"it took {took:.2f} s to be in /metrics with its figures"
        c = a.container(cid)
        same((c["runtime"], c["kind"], c["state"]), ("docker", "container", "running"), "identity")
        wait_until(lambda: a.container(cid)["pid"] == d.pid_of(cid), 3, "its first process")
    finally:
        d.remove(cid)


def test_a_container_that_is_removed_is_gone_within_a_second():
    a, d = agent(), docker()
    with Running("goes") as c:
        c.seen()
        d.stop(c.id)
        took = seconds_until(lambda: c.id not in a.containers(), 5, "the end in the list")
        assert took < 1, f"it was listed {took:.2f} s after its end"
        gone = [s.line for s in a.metrics().samples
                if s.labels.get("id") == c.path and not s.name.startswith("bulkhead_container_")]
        same(gone, [], "series of an ended container")
        assert ended(c.id), "an ended container is still listed with ?ended=1"


def test_containers_that_run_already_are_found_at_start_within_a_second():
    with Running("before1") as one, Running("before2") as two, Agent() as fresh:
        def both():
            listed = fresh.containers()
            return all(listed.get(c.id, {}).get("name") == c.name and listed[c.id].get("sample")
                       for c in (one, two))
        took = seconds_until(both, 5, "both containers with a sample")
        assert took < 1, f"{took:.2f} s after the agent was ready"
        first = fresh.status()["first_sample_seconds"]
        assert first is not None and first < 1, f"first_sample_seconds: {first}"


def watched_cgroups():
    """Directories of the hierarchy that the agent watches: other people's containers count too."""
    root = "/sys/fs/cgroup/memory" if os.path.isdir("/sys/fs/cgroup/memory") else "/sys/fs/cgroup"
    return sum(1 for _ in os.walk(root))


def settle(a, watches, fds, cgroups):
    """Descriptors and watches come back to where they were. Where containers that are not ours came
    meanwhile, each may hold its watch and its counter files."""
    def back():
        more = max(0, watched_cgroups() - cgroups)
        has = inotify_watches(a.pid)
        assert has <= watches + more, f"{has} watches, had {watches}"
        now = descriptors(a.pid)
        assert len(now) <= len(fds) + 16 * more, f"{len(now)} descriptors, had {len(fds)}: " \
            f"{[x for x in now if x not in fds][:5]}"
        return True
    wait_until(back, 15, "watches and descriptors as before")


def test_200_containers_started_and_removed_at_once_leave_nothing_and_none_is_missed():
    a, d = agent(), docker()
    with Running("beside") as c:  # so that /docker is there and watched
        c.seen()
        watches, fds = inotify_watches(a.pid), descriptors(a.pid)
        cgroups = watched_cgroups()
        names = [f"crowd-{i:03}" for i in range(200)]
        ids = d.many(d.create, names)
        d.many(d.begin, ids)
        try:
            def all_there():
                listed = a.containers()
                missing = [i for i in ids if i not in listed]
                assert not missing, f"{len(missing)} of 200 are missing: {missing[:3]}"
                unnamed = [i for i in ids if listed[i]["image_id"] != d.image_id]
                assert not unnamed, f"{len(unnamed)} of 200 have no metadata: {unnamed[:3]}"
                return True
            took = seconds_until(all_there, 10, "200 containers in the list")
            assert took < 1, f"the last was listed {took:.2f} s after its start"

            def all_exposed():
                found = {s.labels.get("name") for s in a.metrics().find("container_threads")}
                missing = [n for n in names if n not in found]
                assert not missing, f"{len(missing)} of 200 are missing: {missing[:3]}"
                return True
            wait_until(all_exposed, 1, "200 containers with figures in /metrics")
        finally:
            d.many(d.remove, ids)
        took = seconds_until(lambda: not set(ids) & set(a.containers()), 10, "the end of all 200")
        assert took < 1, f"the last was listed {took:.2f} s after its end"
        left = {s.labels["id"] for s in a.metrics().samples if s.labels.get("name", "")
                .startswith("crowd-") and not s.name.startswith("bulkhead_container_")}
        same(left, set(), "series of ended containers")
        was = a.containers("?ended=1")
        missed = [i for i in ids if i not in was]
        same(missed, [], "ended containers that are not remembered")
        settle(a, watches, fds, cgroups)


def test_short_lived_containers_are_all_seen():
    """Each runs /bin/true: tens of milliseconds."""
    a, d = agent(), docker()
    ids = d.many(lambda i: d.create(f"brief-{i:02}", ["true"]), range(40))
    try:
        d.many(d.begin, ids)
        d.many(lambda i: d.api("POST", f"/containers/{i}/wait"), ids)

        def remembered():
            was = a.containers("?ended=1")
            missing = [i for i in ids if i not in was]
            assert not missing, f"{len(missing)} of {len(ids)} were missed"
            return all(was[i]["exit_code"] == 0 and was[i]["name"].startswith("brief-")
                       for i in ids)
        wait_until(remembered, 5, "all that ran, with name and exit code")
    finally:
        d.many(d.remove, ids)


def test_a_storm_of_cgroups_leaves_no_watch_and_no_entry():
    """1,000 cgroups named as docker names them, made and removed as fast as the kernel can."""
    a = agent()
    tops = [t for t in hierarchies() if os.path.isdir(f"{t}/docker")]
    watches, fds = inotify_watches(a.pid), descriptors(a.pid)
    cgroups = watched_cgroups()
    ids = [secrets.token_hex(32) for _ in range(1000)]
    for i in ids:
        for top in tops:
            os.mkdir(f"{top}/docker/{i}")
            os.mkdir(f"{top}/docker/{i}/child")
        for top in tops:
            os.rmdir(f"{top}/docker/{i}/child")
            os.rmdir(f"{top}/docker/{i}")
    wait_until(lambda: not set(ids) & set(a.containers()), 5, "no entry of the storm")
    settle(a, watches, fds, cgroups)
    same(a.get("/readyz").status, 200, "/readyz after the storm")


# --- ends ----------------------------------------------------------------------------------------

def test_an_oom_kill_inside_a_container_is_counted():
    a = agent()
    with Running("oom", ["alloc", "oom"], {"Memory": 32 * MIB, "MemorySwap": 32 * MIB}) as c:
        same(docker().ready(c.id, 40), 9, "signal that ended the child")
        wait_until(lambda: a.metrics().value("container_oom_events_total", id=c.path) == 1, 3,
                   "one OOM event")
        same(a.metrics().value("container_spec_memory_limit_bytes", id=c.path), 32 * MIB, "limit")
        truth = [int(read_text(f"{t}{c.path}/memory.failcnt", "0")) for t in hierarchies()]
        wait_until(lambda: a.metrics().value("container_memory_failcnt", id=c.path) == max(truth),
                   6, f"container_memory_failcnt of {max(truth)}")


def test_a_container_that_ends_by_oom_shows_137_and_oom_killed():
    a, d = agent(), docker()
    with Running("oomself", ["alloc", "oomself"],
                 {"Memory": 32 * MIB, "MemorySwap": 32 * MIB}) as c:
        d.api("POST", f"/containers/{c.id}/wait")
        same(d.inspect(c.id)["State"]["ExitCode"], 137, "docker's own exit code")

        def told():
            e = ended(c.id)
            return e and e["exit_code"] == 137 and e["oom_killed"] is True
        wait_until(told, 5, "exit code 137 and oom_killed")
        lines = life_lines(a.metrics(), c)
        assert any("oom" in name and value >= 1 for name, value in lines.items()), lines


def life_lines(metrics, c):
    """Last value of each bulkhead_container_* series that is about container c."""
    return {s.name: s.value for s in metrics.samples
            if s.name.startswith("bulkhead_container_") and s.labels.get("id") == c.path}


def test_an_exited_container_keeps_its_lines_and_loses_its_series():
    a, d = agent(), docker()
    with Running("exits", ["sh", "-c", "sleep 1.5; exit 3"]) as c:
        c.seen()
        same(int(d.api("POST", f"/containers/{c.id}/wait")["StatusCode"]), 3, "exit code")

        def exited():
            m = a.metrics()
            left = {s.name for s in m.samples if s.labels.get("id") == c.path
                    and not s.name.startswith("bulkhead_container_")}
            return not left and 3 in life_lines(m, c).values()
        wait_until(exited, 2, "no container_* series, and the exit code in bulkhead_container_*")
        e = ended(c.id)
        same((e["state"], e["exit_code"], e["oom_killed"]), ("exited", 3, False), "in the API")
        same(a.container(c.id)["name"], c.name, "an ended container by id")
        docker().remove(c.id)
        assert 3 in life_lines(a.metrics(), c).values(), "the lines outlive docker rm"


def test_ended_containers_are_forgotten_after_the_configured_time():
    with Agent({"containers.ended_keep": "2s"}) as a:
        with Running("forgotten") as c:
            wait_until(lambda: c.id in a.containers(), 3, "the container")
        wait_until(lambda: ended(c.id, a), 3, "the ended container")
        wait_until(lambda: not ended(c.id, a), 6, "that it is forgotten")
        same(life_lines(a.metrics(), c), {}, "its lines")


def test_restarts_are_counted():
    d = docker()
    policy = {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 2}}
    with Running("restarts", ["sh", "-c", "sleep 0.3; exit 5"], policy) as c:
        wait_until(lambda: d.inspect(c.id)["RestartCount"] == 2
                   and d.inspect(c.id)["State"]["Status"] == "exited", 20, "two restarts")

        def counted():
            e = ended(c.id)
            return e and e["restart_count"] == 2 and e["exit_code"] == 5
        wait_until(counted, 5, "restart_count 2, exit_code 5")
        lines = life_lines(agent().metrics(), c)
        assert any("restart" in name and value == 2 for name, value in lines.items()), lines


def test_a_paused_container_is_shown_as_paused():
    d = docker()
    with Running("paused") as c:
        c.seen()
        d.api("POST", f"/containers/{c.id}/pause")
        try:
            wait_until(lambda: agent().container(c.id)["state"] == "paused", 25, "state paused")
        finally:
            d.api("POST", f"/containers/{c.id}/unpause")
        wait_until(lambda: agent().container(c.id)["state"] == "running", 25, "state running")


# --- without dockerd, inside another --------------------------------------------------------

def test_a_container_goes_on_being_measured_while_dockerd_is_down():
    a, d = agent(), docker()
    with Running("orphan", ["alloc", "spin"], {"NanoCpus": 200_000_000}) as c:
        c.seen()

        def used():
            return a.metrics().value("container_cpu_usage_seconds_total", id=c.path, name=c.name,
                                     image=IMAGE, cpu="total")
        try:
            d.stop_daemon()
            before = used()
            wait_until(lambda: used() > before + 0.2, 5, "figures that move without dockerd")
            with Agent() as fresh:  # and a new agent still finds name and image
                wait_until(lambda: fresh.containers().get(c.id, {}).get("name") == c.name
                           and fresh.containers()[c.id]["image"] == IMAGE, 2, "name and image")
        finally:
            d.start()


def test_a_container_inside_a_container_is_shown_beside_it():
    """Docker in docker as its cgroups look: runc makes a second container below the first one's."""
    a, r = agent(), runc()
    inner = secrets.token_hex(32)
    with Running("outer") as c:
        c.seen()

        def below(spec):
            spec["linux"]["cgroupsPath"] = f"{c.path}/docker/{inner}"
        rid = r.run("inner", change=below)
        try:
            found = wait_until(lambda: [x for x in a.containers().values()
                                        if x["cgroup"].endswith(f"/docker/{inner}")], 3,
                               "the inner container")[0]
            same(found["cgroup"], f"{c.path}/docker/{inner}", "its cgroup")
            assert c.id in a.containers(), "the outer one is still there"
            wait_until(lambda: a.metrics().value("container_threads", id=found["cgroup"]) == 1, 3,
                       "its figures")
        finally:
            r.remove(rid)
        wait_until(lambda: not [x for x in a.containers().values() if inner in x["cgroup"]], 2,
                   "the end of the inner one")
        for top in hierarchies():  # runc leaves the folder between them
            if os.path.isdir(f"{top}{c.path}/docker"):
                os.rmdir(f"{top}{c.path}/docker")


def test_a_container_that_finds_the_table_full_is_shown_once_there_is_room():
    tops = [t for t in hierarchies() if os.path.isdir(f"{t}/docker")]
    ids = [secrets.token_hex(32) for _ in range(24)]
    room = agent().status()["containers"]["live"] + 12  # others' containers take places too
    with Agent({"containers.max": room}) as small:
        try:
            for i in ids:
                for top in tops:
                    os.mkdir(f"{top}/docker/{i}")

            def full():
                left_out = [s.value for s in small.metrics().find("bulkhead_used")
                            if s.labels.get("table") == "waiting_containers"]
                return left_out and left_out[0] >= 8
            wait_until(full, 3, "containers that wait for room")
            shown = [i for i in ids if i in small.containers()]
            assert shown, "some are shown"
            for i in shown:
                for top in tops:
                    os.rmdir(f"{top}/docker/{i}")
            waiting = [i for i in ids if i not in shown]
            wait_until(lambda: set(small.containers()) & set(waiting), 5, "one that waited")
        finally:
            for i in ids:
                for top in tops:
                    if os.path.isdir(f"{top}/docker/{i}"):
                        os.rmdir(f"{top}/docker/{i}")


def test_a_container_cannot_take_the_name_of_another_by_a_cgroup_below_itself():
    a = agent()
    with Running("victim") as victim, Running("evil") as evil:
        victim.seen()
        evil.seen()
        made = [f"{top}{evil.path}/docker-{victim.id}.scope" for top in hierarchies()
                if os.path.isdir(f"{top}{evil.path}")]
        for path in made:
            os.mkdir(path)
        try:
            def inner(agent_):
                return [c for c in agent_.json("/api/v1/containers")["containers"]
                        if c["cgroup"] == f"{evil.path}/docker-{victim.id}.scope"]
            with Agent() as fresh:  # also when it was there before the agent
                for one in (a, fresh):
                    found = wait_until(lambda: inner(one), 3, "the cgroup inside the other")[0]
                    wait_until(lambda: [c for c in one.json("/api/v1/containers")["containers"]
                                        if c["name"] == victim.name], 3, "the victim's name")
                    assert found["name"] != victim.name and not found["image"], found
                    named = [c for c in one.json("/api/v1/containers")["containers"]
                             if c["name"] == victim.name]
                    same([c["cgroup"] for c in named], [victim.path], "who has the name")
                    assert found["key"] != named[0]["key"], "keys differ"
        finally:
            for path in made:
                os.rmdir(path)


def test_the_agent_never_opens_a_runtimes_socket():
    a = agent()
    with Running("nosocket") as c:
        c.seen()
        peers = read_text("/proc/net/unix")
        inodes = {t[8:-1] for t in descriptors(a.pid) if t.startswith("socket:[")}
        named = [line.split()[7] for line in peers.splitlines()[1:]
                 if len(line.split()) > 7 and line.split()[6] in inodes]
        same([n for n in named if not n.endswith("/bulkhead.sock")], [], "sockets with a name")


def test_no_container_of_this_run_is_left_in_the_list():
    a, d = agent(), docker()
    running = {c["Id"] for c in d.api("GET", "/containers/json")}
    wait_until(lambda: not (d.made - running) & set(a.containers()), 5, "none of ours")
