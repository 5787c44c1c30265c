# SPDX-License-Identifier: GPL-2.0-or-later
"""How well real containers are shut in, what is told when one is less so than its image was before,
and what `bulkhead posture --host` reads from a disk."""

import json
import os

from alerting import log_lines
from harness import BUILD, Agent, run, same, skip, wait_until
from runtimes import IMAGE, docker, once, podman
from session import session

BULKHEAD = f"{BUILD}/bulkhead"
RULES = {"namespace-of-host-shared", "no-limit"}
TIGHT = {"Memory": 64 << 20, "PidsLimit": 50, "CpuShares": 512, "ReadonlyRootfs": True,
         "CapDrop": ["ALL"], "SecurityOpt": ["no-new-privileges"]}


def config_file():
    path = f"{session.temp('posture')}/bulkhead.yaml"
    with open(path, "w") as f:
        f.write("posture:\n  enabled: true\n  sensitive_paths: [/srv/posture-secrets]\n"
                "isolation:\n  enabled: true\n")
    return path


@once
def agent():
    docker()
    return Agent({"alerts.window": "0s"}, config=config_file())


def image(name):
    """An image of its own for each test: what one had is not what another had."""
    docker().api("POST", f"/images/{IMAGE}/tag?repo=bhtest/posture-{name}&tag=1")
    return f"bhtest/posture-{name}:1"


class Box:
    def __init__(self, name, host=None, of=None, **config):
        self.name = f"posture-{name}"
        self.id = docker().run(self.name, ["sleep", "1000"], host or {},
                               **{"Image": of or image(name), **config})

    def __enter__(self):
        return self

    def __exit__(self, *why):
        docker().remove(self.id)

    def posture(self, of=None, timeout=15):
        """Once its process was seen as well."""
        def known():
            answer = (of or agent()).get(f"/api/v1/posture/{self.id}")
            if answer.status != 200:
                return None
            one = answer.json()["containers"][0]
            return one if one.get("process_seen") else None
        return wait_until(known, timeout, f"the posture of {self.name}")

    def findings(self):
        return {f["id"]: f for f in self.posture()["findings"]}

    def alerts(self, of=None):
        return [a for a in log_lines(of or agent())
                if a["rule"] in RULES and (a["container"] or {}).get("id") == self.id]


def test_a_container_that_is_well_shut_in_has_the_best_grade():
    with Box("tight", TIGHT, User="1000:1000") as box:
        one = box.posture()
        grave = [f for f in one["findings"] if f["severity"] != "info"]
        same(grave, [], "findings beyond information")
        same(one["grade"], "A", "the grade")
        same(one["compared"], "first", "the comparison")


def test_a_plain_container_has_notices_and_no_alert():
    with Box("plain") as box:
        one = box.posture()
        found = {f["id"] for f in one["findings"]}
        wanted = {"root-user", "root-writable", "new-privileges", "no-memory-limit",
                  "no-cpu-limit", "no-pids-limit"}
        assert wanted <= found, f"missing {wanted - found}"
        same({f["severity"] for f in one["findings"]} - {"info"}, {"notice"}, "severities")
        same(one["grade"], "C", "the grade")
        same(box.alerts(), [], "alerts of an image that is seen for the first time")


def test_each_wall_that_is_open_is_named_with_its_item_and_its_cure():
    cases = {
        "host-pid": ({"PidMode": "host"}, "5.16", "--pid=host"),
        "host-ipc": ({"IpcMode": "host"}, "5.17", "--ipc=host"),
        "host-network": ({"NetworkMode": "host"}, "5.10", "--network=host"),
        "capability": ({"CapAdd": ["SYS_ADMIN"]}, "5.4", "--cap-add"),
        "seccomp-off": ({"SecurityOpt": ["seccomp=unconfined"]}, "5.22", "seccomp=unconfined"),
        "sensitive-mount": ({"Binds": ["/:/host"]}, "5.6", ":ro"),
        "runtime-socket": ({"Binds": [f"{docker().socket}:/s/docker.sock"]}, "5.32", "socket"),
        "device": ({"Devices": [{"PathOnHost": "/dev/zero", "PathInContainer": "/dev/thing",
                                 "CgroupPermissions": "r"}]}, "5.18", "--device"),
        "unmasked": ({"MaskedPaths": [], "ReadonlyPaths": []}, None, "systempaths"),
    }
    for name, (host, item, cure) in cases.items():
        with Box(f"open-{name}", host) as box:
            found = box.findings()
            assert name in found, f"{name} is not among {sorted(found)}"
            same(found[name].get("item"), item, f"the item of {name}")
            assert cure in found[name]["mend"], f"{name}: {found[name]['mend']}"
            assert box.posture()["grade"] in "DEF" or name in ("host-ipc", "host-network",
                                                              "device"), box.posture()
            same(box.alerts(), [], f"alerts for {name}, which is inventory")


def test_a_device_is_named_as_the_host_names_it():
    device = {"PathOnHost": "/dev/zero", "PathInContainer": "/dev/thing", "CgroupPermissions": "r"}
    with Box("device", {"Devices": [device]}) as box:
        same(box.findings()["device"]["subject"], "/dev/zero", "the device")


def test_plain_containers_of_podman_have_all_their_walls():
    p = podman()
    agent()
    cid = p.podman("run", "-d", "--name", "posture-podman", *p.LIMITS, p.image, "sleep",
                   "1000").stdout.strip()
    try:
        def known():
            answer = agent().get(f"/api/v1/posture/{cid}")
            one = answer.json()["containers"][0] if answer.status == 200 else {}
            return one if one.get("process_seen") else None
        one = wait_until(known, 20, "the posture of podman's container")
        grave = [f for f in one["findings"] if f["severity"] in ("critical", "error", "warning")]
        same(grave, [], "grave findings")
    finally:
        p.podman("rm", "-f", "-t", "0", cid)


def test_a_privileged_container_has_the_worst_grade():
    with Box("privileged", {"Privileged": True, "Runtime": "privileged"}) as box:
        one = box.posture()
        same(one["grade"], "F", "the grade")
        assert "privileged" in {f["id"] for f in one["findings"]}, one


def test_a_path_of_the_configuration_is_sensitive():
    os.makedirs("/srv/posture-secrets", exist_ok=True)
    session.at_end(lambda: os.path.isdir("/srv/posture-secrets") and
                   os.rmdir("/srv/posture-secrets"))
    with Box("own-path", {"Binds": ["/srv/posture-secrets:/s:ro"]}) as box:
        same(box.findings()["sensitive-mount"]["subject"], "ro /srv/posture-secrets", "the mount")


def test_an_image_that_is_less_shut_in_than_before_is_told_once():
    of = image("worse")
    with Box("worse-1", of=of) as first:
        first.posture()
        same(first.alerts(), [], "alerts of the first one")
    host = {"PidMode": "host", "SecurityOpt": ["seccomp=unconfined"]}
    with Box("worse-2", host, of=of) as second:
        wait_until(second.alerts, 15, "the alert")
        alert = second.alerts()[0]
        names = {f["name"] for f in alert["evidence"]}
        assert {"host-pid", "seccomp-off", "grade", "grade_before"} <= names, alert
        assert "posture-worse-2" in alert["title"], alert["title"]
        same(alert["kind"], "isolation", "its kind")
        same(alert["rule"], "namespace-of-host-shared", "its rule")
        same(second.posture()["compared"], "worse", "the comparison")
        same(len(second.alerts()), 1, "alerts")
    with Box("worse-3", host, of=of) as third:
        same(third.posture()["compared"], "same", "the comparison of the next")
        same(third.alerts(), [], "alerts of the next one that is as bad")


def test_limits_that_are_gone_are_told_by_their_own_name():
    of = image("limits")
    with Box("limits-1", TIGHT, of=of, User="1000:1000") as first:
        first.posture()
    less = {**TIGHT, "Memory": 0, "PidsLimit": 0}
    with Box("limits-2", less, of=of, User="1000:1000") as second:
        wait_until(second.alerts, 15, "the alert")
        same([a["rule"] for a in second.alerts()], ["no-limit"], "rules")


def test_one_that_ended_at_once_is_judged_by_its_settings():
    of = image("short")
    with Box("short-1", of=of) as first:
        first.posture()
    cid = docker().run("posture-short-2", ["true"], {"PidMode": "host"}, Image=of)
    try:
        wait_until(lambda: [a for a in log_lines(agent()) if a["rule"] in RULES and
                            (a["container"] or {}).get("id") == cid], 15, "the alert")
    finally:
        docker().remove(cid)


def test_a_restart_of_agent_and_container_changes_nothing():
    docker()
    own = Agent({"alerts.window": "0s"}, config=config_file())
    with Box("restart", {"PidMode": "host"}) as box:
        same(box.posture(own)["compared"], "first", "the comparison")
        state = f"{own.state_dir}/postures.json"
        wait_until(lambda: os.path.exists(state), 15, "the state")
        own.restart()
        same(box.posture(own)["compared"], "same", "the comparison after a restart")
        docker().stop(box.id)
        docker().begin(box.id)
        wait_until(lambda: box.posture(own), 15, "its posture after its own restart")
        same(box.alerts(own), [], "alerts")
    own.stop()
    same(os.stat(state).st_mode & 0o777, 0o600, "the mode of the state")


def test_the_command_shows_a_table_and_fails_on_a_grade():
    with Box("shown", {"PidMode": "host"}) as box:
        box.posture()

        def command(*more):
            return run(BULKHEAD, "posture", "--socket", f"{agent().run_dir}/bulkhead.sock", *more,
                       check=False)
        text = command("--container", box.name)
        same(text.returncode, 0, "the exit code")
        assert "grade E" in text.stdout and "5.16" in text.stdout, text.stdout
        answer = json.loads(command("--container", box.name, "--format", "json").stdout)
        same([c["id"] for c in answer["containers"]], [box.id], "containers")
        same(command("--container", box.name, "--fail-on", "D").returncode, 1, "worse than D")
        same(command("--container", box.name, "--fail-on", "F").returncode, 0, "better than F")
        same(command("--fail-on", "Z").returncode, 2, "a grade that is none")
        same(command("--container", "nobody-at-all").returncode, 1, "an unknown container")
        assert box.name in command().stdout, "all containers"


def test_what_is_off_says_so():
    path = f"{session.temp('posture')}/bulkhead.yaml"
    with open(path, "w") as f:
        f.write("posture: {enabled: false}\n")
    with Agent(config=path) as off:
        answer = off.get("/api/v1/posture")
        same(answer.status, 404, "the status")
        assert b"posture.enabled" in answer.body, answer.body


# --- the host ----------------------------------------------------------------------------------

def host(*more):
    return run(BULKHEAD, "posture", "--host", *more, check=False)


def test_a_made_up_host_is_read_without_an_agent():
    root = session.temp("posture-host")
    os.makedirs(f"{root}/etc/docker")
    with open(f"{root}/etc/docker/daemon.json", "w") as f:
        f.write('{"icc": false}')
    os.chmod(f"{root}/etc/docker/daemon.json", 0o646)
    done = host("--root", root, "--format", "json")
    same(done.returncode, 1, "the exit code where items fail")
    results = {r["item"]: r for r in json.loads(done.stdout)["results"]
               if r["benchmark"] == "docker"}
    same(results["2.2"]["result"], "pass", "icc")
    same(results["3.18"]["result"], "fail", "the mode of daemon.json")
    assert "chmod 644" in results["3.18"]["mend"], results["3.18"]
    text = host("--root", root).stdout
    assert "FAIL  3.18" in text and "could not be read" in text, text[-600:]


def test_a_host_without_runtimes_passes_and_a_wrong_one_does_not():
    same(host("--root", session.temp("posture-host")).returncode, 0, "an empty host")
    same(host("--root", "/nonexistent/host").returncode, 1, "no host")
    same(host("--format", "xml").returncode, 2, "wrong usage")


def test_this_host_is_read_too():
    done = host("--json")
    assert done.returncode in (0, 1), done.stderr
    found = json.loads(done.stdout)
    docker_items = [r for r in found["results"] if r["benchmark"] == "docker"]
    if len(docker_items) < 2:
        skip("no docker is installed here")
    same(len({r["item"] for r in docker_items}), len(docker_items), "items, once each")
    assert all(r["found"] and r["title"] for r in found["results"]), found
