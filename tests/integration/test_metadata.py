# SPDX-License-Identifier: GPL-2.0-or-later
"""What is known about a docker container besides its figures; names made to do harm."""

import json
import os
import secrets
import subprocess

from boxes import MIB, Running, agent, promtool_reads
from harness import Agent, need, same, wait_until
from runtimes import IMAGE, docker, end_process
from session import hierarchies, remove_cgroup, session


def test_metadata_is_what_docker_was_told():
    d = docker()
    with Running("metadata", ["sleep", "500"], {
            "ReadonlyRootfs": True, "Memory": 96 * MIB, "NanoCpus": 250_000_000, "PidsLimit": 33,
            "CapDrop": ["ALL"], "CapAdd": ["CHOWN", "NET_BIND_SERVICE"],
            "SecurityOpt": ["no-new-privileges", "seccomp=unconfined"],
            "Binds": ["/usr/share:/share:ro", "bhtest-meta:/data"],
    }, Hostname="host-name", Labels={"org.bhtest.kind": "metadata"}) as c:
        c.seen()
        wait_until(lambda: agent().container(c.id)["started"], 2, "its start time")
        got, truth = agent().container(c.id), d.inspect(c.id)
        same(got["image"], IMAGE, "image")
        same(got["image_id"], d.image_id, "image id")
        same(got["short_id"], c.id[:12], "short id")
        same(got["command"], "sleep 500", "command")
        same(got["labels"], {"org.bhtest.kind": "metadata", "org.bhtest.image": "yes"}, "labels")
        same(got["limits"], {"memory_bytes": 96 * MIB, "cpu_cores": 0.25, "pids": 33}, "limits")
        same(got["restart_count"], 0, "restart count")
        same(got["hostname"], "host-name", "hostname")
        security = got["security"]
        same(security["read_only_root"], True, "read-only root")
        same(security["privileged"], False, "privileged")
        same(security["no_new_privileges"], True, "no_new_privileges")
        same(security["seccomp"], "unconfined", "seccomp")
        same(sorted(security["capabilities"]), ["CAP_CHOWN", "CAP_NET_BIND_SERVICE"],
             "capabilities")
        mounts = {m["destination"]: m for m in got["mounts"]}
        same((mounts["/share"]["source"], mounts["/share"]["read_only"]), ("/usr/share", True),
             "bind mount")
        same((mounts["/data"].get("volume"), mounts["/data"]["read_only"]), ("bhtest-meta", False),
             "named volume")
        for field, docker_field in (("created", truth["Created"]),
                                    ("started", truth["State"]["StartedAt"])):
            same(got[field][:19], docker_field[:19], field)
        same(agent().container(c.id[:12])["id"], c.id, "by short id")
        same(agent().container(c.name)["id"], c.id, "by name")


def test_a_container_of_another_user_shows_it_and_has_no_effective_capabilities():
    with Running("user", User="worker") as c:
        c.seen()
        got = agent().container(c.id)
        same(got["user"], "worker", "user")
        same(got["security"]["capabilities"], [], "capabilities")


def test_the_first_container_of_a_dockerd_with_its_own_data_root_gets_its_metadata():
    """The agent runs already, and has seen no container from which it could learn that root."""
    for c in docker().api("GET", "/containers/json?all=1"):
        docker().remove(c["Id"])
    try:
        with Agent() as a, Running("firstone") as c:
            wait_until(lambda: [x for x in a.containers().values() if x["id"] == c.id
                                and (x["name"], x["image"], x["runtime"]) ==
                                (c.name, IMAGE, "docker")], 5, "name, image and runtime")
    finally:
        docker().run("first")


def test_a_privileged_container_is_shown_as_privileged():
    with Running("privileged", None, {"Privileged": True, "Runtime": "privileged"}) as c:
        c.seen()
        security = agent().container(c.id)["security"]
        same(security["privileged"], True, "privileged")
        assert "CAP_NET_ADMIN" in security["capabilities"], security["capabilities"]


def test_start_times_are_dockers_and_do_not_drift():
    d = docker()
    with Running("drift") as c:
        c.seen()
        first = agent().metrics().value("container_start_time_seconds", id=c.path)
        want = subprocess.run(["date", "-d", d.inspect(c.id)["State"]["StartedAt"], "+%s"],
                              capture_output=True, text=True, check=True).stdout
        assert abs(first - float(want)) <= 1, f"start {first}, docker says {want}"
        d.exec(c.id, "true")  # moves mtimes below the cgroup
        before = agent().metrics().value("container_last_seen", id=c.path)
        wait_until(lambda: agent().metrics().value("container_last_seen", id=c.path) > before + 1,
                   5, "two more rounds")
        same(agent().metrics().value("container_start_time_seconds", id=c.path), first,
             "start time later")


def test_a_container_that_is_renamed_shows_its_new_name():
    with Running("oldname") as c:
        c.seen()
        docker().api("POST", f"/containers/{c.id}/rename?name=new{c.name}")
        wait_until(lambda: agent().container(c.id)["name"] == f"new{c.name}", 15, "the new name")
        wait_until(lambda: agent().metrics().find("container_last_seen", name=f"new{c.name}"), 3,
                   "the new name in /metrics")
        same(agent().metrics().find("container_last_seen", name=c.name), [], "the old name")


HOSTILE = {
    "evil.quote": 'a"b\\c',
    "evil.line": "one\n# TYPE fake counter\nfake 1\n",
    "evil-line": "clashes with the one before once sanitised",
    "evil.html": "<script>alert(1)</script>&amp;",
    "evil.brace": '"} 1\ncontainer_last_seen{id="/"',
    "evil.unicode": "é\u2028\U0001f980\u200b\x7f\x1b[31m",
    "evil.long": "x" * 5000,
    'evil "name\\\n': "name",
}


def test_hostile_labels_give_a_valid_exposition_and_valid_json():
    need("promtool")
    agent()  # its container teaches the agent below where this dockerd keeps its files
    config = f"{session.folder}/hostile.yaml"
    with open(config, "w") as f:
        # Names with control characters are refused in the configuration, not as labels.
        allow = "".join(f"    - {json.dumps(n)}\n" for n in HOSTILE if n.isprintable())
        f.write(f"labels:\n  allow:\n{allow}")
    with Agent(config=config) as a, Running("hostile", Labels=HOSTILE) as c:
        found = wait_until(lambda: a.containers().get(c.id, {}).get("labels") and a.metrics().find(
            "container_last_seen", id=c.path), 3, "the container")
        label = found[0].labels
        for name in ("evil.quote", "evil.line", "evil.html", "evil.brace", "evil.unicode"):
            assert HOSTILE[name] in label.values(), f"{name}: {label}"
        assert "fake" not in a.metrics().names(), "a label value became a series"
        got = a.container(c.id)["labels"]
        for name in ("evil.quote", "evil.line", "evil-line", "evil.html", "evil.brace"):
            same(got[name], HOSTILE[name], name)
        promtool_reads(a)
        page = a.get("/").body
        assert b"<script>alert(1)" not in page, "the page carries a label unescaped"
        answer = a.get(f"/api/v1/containers/{c.id}")
        same(answer.headers["Content-Type"].split(";")[0], "application/json", "content type")
        same(answer.headers["X-Content-Type-Options"], "nosniff", "X-Content-Type-Options")


def test_hostile_cgroup_names_give_a_valid_exposition():
    """Names that no runtime gives: quotes, backslash, bytes that are no UTF-8 (the kernel itself
    refuses a newline)."""
    need("promtool")
    a, top = agent(), f"/{session.name}-evil".encode()
    parent = top + b"/q\"b\\n\tl\xff\xfe<b>{x=\"1\"}"
    ids = [secrets.token_hex(32), secrets.token_hex(32)]
    sleeper = session.start(["sleep", "1000"], "/dev/null")
    try:
        for base in (os.fsencode(t) for t in hierarchies()):
            for i in ids:
                os.makedirs(base + parent + b"/docker-" + i.encode() + b".scope")
            if b"cpuset" in base:  # must be given before a process may enter
                for path in (top, parent, parent + b"/docker-" + ids[0].encode() + b".scope"):
                    for name in (b"cpuset.cpus", b"cpuset.mems"):
                        with open(base + b"/" + name, "rb") as f, \
                                open(base + path + b"/" + name, "wb") as to:
                            to.write(f.read())
            with open(base + parent + b"/docker-" + ids[0].encode() + b".scope/cgroup.procs",
                      "w") as f:
                f.write(str(sleeper.pid))
        wait_until(lambda: set(ids) <= set(a.containers()), 3, "both in the list")
        wait_until(lambda: [s for s in a.metrics().find("container_last_seen")
                            if ids[0] in s.labels["id"]], 3, "the first in /metrics")
        m = a.metrics()
        seen = {s.labels["id"] for s in m.find("container_last_seen") if "evil" in s.labels["id"]}
        assert any('q"b\\n\tl' in i for i in seen), seen
        promtool_reads(a)
    finally:
        end_process(sleeper.pid)
        sleeper.wait()
        remove_cgroup(os.fsdecode(top))
    wait_until(lambda: not set(ids) & set(a.containers()), 3, "the end of both")
