# SPDX-License-Identifier: GPL-2.0-or-later
"""Identity and metadata of what podman, containerd's ctr and runc run; pods as CRI makes them."""

import json
import os
import secrets
import uuid

from exposition import Exposition
from harness import Agent, same, wait_until
from runtimes import containerd, once, podman, runc
from session import hierarchies, remove_cgroup, session

MIB = 1 << 20


@once
def agent():
    return Agent({"sample.slow_interval": "1s"})


def find(test, what, timeout=3, query=""):
    return wait_until(lambda: [c for c in agent().containers(query).values() if test(c)], timeout,
                      what)[0]


def measured(cgroup):
    """Its figures are in /metrics."""
    wait_until(lambda: agent().metrics().value("container_threads", id=cgroup) == 1, 3,
               f"figures of {cgroup}")


def test_a_podman_container_shows_its_name_image_and_settings():
    p = podman()
    cid = p.run("pod-one", options=("--label", "org.bhtest.kind=podman", "--memory", "64m",
                                    "--pids-limit", "40", "--read-only", "--cap-drop", "all",
                                    "--cap-add", "chown", "-v", "/usr/share:/share:ro"))
    try:
        c = find(lambda c: c["id"] == cid and c["name"] == "pod-one", "pod-one")
        same((c["runtime"], c["kind"], c["state"]), ("podman", "container", "running"), "identity")
        same(c["image"], p.image, "image")
        same(c["image_id"], p.image_id, "image id")
        same(c["command"], "sleep 1000", "command")
        same(c["limits"]["memory_bytes"], 64 * MIB, "memory limit")
        same(c["limits"]["pids"], 40, "limit of processes")
        full = agent().container(cid)
        same(full["security"]["read_only_root"], True, "read-only root")
        same(full["security"]["capabilities"], ["CAP_CHOWN"], "capabilities")
        assert any(m["destination"] == "/share" and m["read_only"] for m in full["mounts"]), \
            full["mounts"]
        measured(c["cgroup"])
    finally:
        p.remove("pod-one")
    find(lambda c: c["id"] == cid and c["state"] == "exited", "its end", query="?ended=1")
    assert cid not in agent().containers()


def test_a_podman_container_shows_its_exit_code():
    p = podman()
    cid = p.run("pod-exit", "sh", "-c", "sleep 1; exit 4")
    try:
        find(lambda c: c["id"] == cid and c["exit_code"] == 4, "exit code 4", 6, "?ended=1")
    finally:
        p.remove("pod-exit")


def test_a_ctr_container_is_found_although_its_path_follows_no_pattern():
    k = containerd()
    k.run("task-one", options=("--label", "kind=ctr"))
    try:
        c = find(lambda c: c["id"] == "task-one" and c["namespace"] == k.namespace, "task-one")
        same((c["runtime"], c["kind"]), ("containerd", "container"), "identity")
        same(c["command"], "sleep 1000", "command")
        measured(c["cgroup"])
    finally:
        k.remove("task-one")
    wait_until(lambda: "task-one" not in agent().containers(), 2, "its end")


POD = {"io.kubernetes.cri.container-type": "container",
       "io.kubernetes.cri.sandbox-name": "web-0", "io.kubernetes.cri.sandbox-namespace": "shop",
       "io.kubernetes.cri.container-name": "nginx", "io.kubernetes.cri.image-name": "nginx:1.25"}


def cri(k, cid, uid, annotations, driver):
    """A container as the CRI plugin makes it: path, annotations, namespace k8s.io."""
    top = f"/{session.name}-pods"
    path = {"cgroupfs": f"{top}/kubepods/burstable/pod{uid}/{cid}",
            "systemd": f"{top}/kubepods.slice/kubepods-burstable.slice/"
                       f"kubepods-burstable-pod{uid.replace('-', '_')}.slice/"
                       f"cri-containerd-{cid}.scope"}[driver]
    options = ["--cgroup", path]
    for name, value in annotations.items():
        options += ["--annotation", f"{name}={value}"]
    k.run(cid, options=options, namespace="k8s.io")
    return path


def test_a_pods_container_shows_pod_namespace_and_container_name_with_both_cgroup_drivers():
    k = containerd()
    for driver in ("cgroupfs", "systemd"):
        cid, uid = secrets.token_hex(32), str(uuid.uuid4())
        path = cri(k, cid, uid, {**POD, "io.kubernetes.cri.sandbox-uid": uid}, driver)
        try:
            c = find(lambda c: c["id"] == cid and c["image"], f"the pod's container ({driver})")
            same(c["runtime"], "containerd", f"runtime ({driver})")
            same({n: c["pod"][n] for n in ("name", "namespace", "uid", "container")},
                 {"name": "web-0", "namespace": "shop", "uid": uid, "container": "nginx"},
                 f"pod ({driver})")
            same(c["image"], "nginx:1.25", f"image ({driver})")
            same(c["cgroup"], path, f"cgroup ({driver})")
            measured(path)
        finally:
            k.remove(cid, "k8s.io")


def test_labels_as_the_kubelet_writes_them():
    k = containerd()
    cid, uid = secrets.token_hex(32), str(uuid.uuid4())
    with Agent({"labels.mode": "kubelet"}) as a:
        path = cri(k, cid, uid, {**POD, "io.kubernetes.cri.sandbox-uid": uid}, "cgroupfs")
        try:
            found = wait_until(lambda: a.metrics().find("container_last_seen", id=path,
                                                        container="nginx"), 3, "the container")
            same({n: found[0].labels.get(n) for n in ("pod", "namespace", "container", "image")},
                 {"pod": "web-0", "namespace": "shop", "container": "nginx",
                  "image": "nginx:1.25"}, "labels")
        finally:
            k.remove(cid, "k8s.io")


def test_hostile_image_pod_and_container_names_give_a_valid_exposition():
    k = containerd()
    cid, uid = secrets.token_hex(32), str(uuid.uuid4())
    evil = 'a"b\\c\nd</td><script>x</script>'
    notes = {**POD, "io.kubernetes.cri.image-name": evil, "io.kubernetes.cri.sandbox-name": evil,
             "io.kubernetes.cri.container-name": evil}
    path = cri(k, cid, uid, notes, "cgroupfs")
    try:
        wait_until(lambda: agent().metrics().find("container_last_seen", id=path, image=evil), 3,
                   "the image's name, escaped")
        same(agent().container(cid)["pod"]["name"], evil, "the pod's name in JSON")
    finally:
        k.remove(cid, "k8s.io")


def test_a_plain_runc_container_is_found_by_its_state_file():
    r = runc()
    cid = r.run("plain")
    try:
        c = find(lambda c: c["id"] == cid and c["command"], "the container with its settings")
        same((c["runtime"], c["kind"]), ("runc", "container"), "identity")
        same(c["command"], "sleep 1000", "command")
        same(c["pid"], r.state(cid)["pid"], "first process")
        full = agent().container(cid)
        same(full["security"]["no_new_privileges"], True, "no_new_privileges")
        same(sorted(full["security"]["capabilities"]),
             ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"], "capabilities")
        measured(c["cgroup"])
    finally:
        r.remove(cid)
    wait_until(lambda: cid not in agent().containers(), 2, "its end")


def test_annotations_that_are_no_utf8_do_no_harm():
    r = runc()

    def change(spec):
        spec["annotations"] = {"evil\udcff\udcfe": "v\udcc0\udc80\udcff"}
    cid = r.run("bytes", change=change)
    try:
        find(lambda c: c["id"] == cid, "the container")
        json.loads(agent().get(f"/api/v1/containers/{cid}").body.decode("utf-8"))
        Exposition(agent().get("/metrics").body)
    finally:
        r.remove(cid)


def test_a_container_without_readable_metadata_still_shows_by_id():
    """As when the agent has no access to the runtime's files: only the cgroup is there."""
    top, cid = f"/{session.name}-bare", secrets.token_hex(32)
    for base in hierarchies():
        os.makedirs(f"{base}{top}/docker-{cid}.scope")
    try:
        c = find(lambda c: c["id"] == cid, "the container")
        same((c["kind"], c["runtime"], c["name"]), ("container", "docker", cid), "what is known")
        same(c["image"] or "", "", "image")
    finally:
        remove_cgroup(top)
    wait_until(lambda: cid not in agent().containers(), 2, "its end")


def test_systemd_services_are_shown_when_configured():
    """Their cgroups stand in for systemd, which does not run in every test machine."""
    top = f"/{session.name}.slice"
    for base in hierarchies():
        os.makedirs(f"{base}{top}/web.service")
    try:
        with Agent({"containers.systemd_services": "true"}) as a:
            wait_until(lambda: any(c["cgroup"] == f"{top}/web.service" for c in
                                   a.containers("?kind=service").values()), 3, "web.service")
        assert f"{top}/web.service" not in [c["cgroup"] for c in
                                            agent().containers("?kind=all").values()]
    finally:
        remove_cgroup(top)


def test_lxc_and_nspawn_containers_show_by_the_names_of_their_cgroups():
    top = f"/{session.name}-other"
    for base in hierarchies():
        for name in ("lxc.payload.web", "lxc.monitor.web", "machine.slice/machine-db.scope"):
            os.makedirs(f"{base}{top}/{name}")
    try:
        found = {}

        def both():
            found.update({c["cgroup"][len(top) + 1:]: c["runtime"] for c in
                          agent().containers().values() if c["cgroup"].startswith(top)})
            return len(found) >= 2
        wait_until(both, 3, "an LXC and an nspawn container")
        same(found, {"lxc.payload.web": "lxc", "machine.slice/machine-db.scope": "nspawn"},
             "what is a container, and whose")
    finally:
        remove_cgroup(top)
