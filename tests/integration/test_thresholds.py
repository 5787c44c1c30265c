# SPDX-License-Identifier: GPL-2.0-or-later
"""Plain limits on real containers: each is made to be beyond one, told, and told to be over."""

import os
import signal

from alerting import log_lines
from boxes import MIB, Running
from harness import Agent, run_daemon, same, skip, wait_until
from runtimes import docker, once
from session import session
from test_figures import preferred_cgroup

SOON = {"sample.slow_interval": "1s", "sample.process_interval": "1s",
        "sample.disk_interval": "1s", "alerts.window": "0s"}
SHORT = """thresholds:
  - {name: memory-near-limit, for: 3s}
  - {name: cpu-throttled, for: 3s}
  - {name: pids-near-limit, for: 2s}
  - {name: descriptors-near-limit, for: 1s}
  - {name: restart-loop, above: 2, for: 8s}
  - {name: resource-contention, above: 15, for: 3s}
  - {name: no-limit-hog, above: 30, for: 3s, container: "hog-*"}
  - {name: oom-kill, severity: critical, container: "loud-*"}
  - {name: filesystem-nearly-full, enabled: false}
  - name: writes-much
    metric: disk_bytes
    above: 8MiB
    for: 1s
    severity: notice
    image: bhtest/box
  - {name: never, metric: memory_bytes, above: 1, for: 0s, image: other}
"""


LITTLE = {"Memory": 32 * MIB, "MemorySwap": 512 * MIB}  # and room to raise it


def written(text, path=None):
    path = path or f"{session.temp('thresholds')}/bulkhead.yaml"
    with open(path, "w") as f:
        f.write(text)
    return path


@once
def agent():
    docker()
    return Agent(SOON, config=written(SHORT))


def lines(cid, rule, of=None):
    """What the log says of this container by this rule, in order."""
    return [x for x in log_lines(of or agent())
            if x["rule"] == rule and (x["container"] or {}).get("id") == cid]


def told(cid, rule, state="firing", timeout=20, of=None):
    return wait_until(lambda: next((x for x in lines(cid, rule, of) if x["state"] == state), None),
                      timeout, f"'{rule}' is {state}")


def facts(line):
    return {f["name"]: f["value"] for f in line["evidence"]}


def update(cid, **settings):
    docker().api("POST", f"/containers/{cid}/update", settings)


def states(cid, rule, of=None):
    return [x["state"] for x in lines(cid, rule, of)]


# --- configuration ----------------------------------------------------------------------------

def test_a_limit_of_an_unknown_metric_is_refused_with_the_list_of_the_known_ones():
    path = written("thresholds:\n  - name: x\n    metric: memory_percent\n    above: 90\n")
    for check in ((), ("--check-config",)):
        done = run_daemon("--config", path, *check)
        same(done.returncode, 2, f"exit code ({done.stderr!r})")
        assert f"{path}:3:13:" in done.stderr and "'thresholds[1].metric'" in done.stderr, \
            done.stderr
        for name in ("memory_percent_of_limit", "restarts", "unlimited_percent_of_host"):
            assert name in done.stderr, f"{done.stderr!r} lacks {name}"


def test_wrong_limits_are_refused_with_their_place():
    for entry, key in (("{name: x, metric: pids}", "thresholds[1]"),
                       ("{name: unhealthy, enabled: never}", "thresholds[1].enabled"),
                       ("{name: unhealthy, for: 5}", "thresholds[1].for"),
                       ("{name: oom-kill, above: 5}", "thresholds[1]")):
        path = written(f"thresholds:\n  - {entry}\n")
        done = run_daemon("--config", path, "--check-config")
        same(done.returncode, 2, f"exit code for {entry}")
        assert f"{path}:2:" in done.stderr and f"'{key}'" in done.stderr, done.stderr


# --- each limit ---------------------------------------------------------------------------------

def test_memory_near_its_limit_is_told_and_ends_when_the_limit_is_raised():
    a = agent()
    with Running("near", ["alloc", "hold", "30"], LITTLE) as c:
        docker().ready(c.id)
        line = told(c.id, "memory-near-limit")
        same((line["kind"], line["severity"], line["key"]),
             ("resource", "warning", "memory_percent_of_limit"), "what it says")
        assert line["title"].startswith(f"Container '{c.name}': memory is at 9"), line["title"]
        found = facts(line)
        same((found["above"], found["for"], found["of"]), ("90 %", "3s", "32 MiB"), "evidence")
        assert found["since"].endswith("Z"), found
        update(c.id, Memory=128 * MIB, MemorySwap=512 * MIB)
        end = told(c.id, "memory-near-limit", "resolved")
        same(end["id"], line["id"], "id of the end")
        same(states(c.id, "never", a), [], "of a limit for another image")


def test_a_container_that_goes_ends_its_alerts():
    with Running("goes", ["alloc", "hold", "30"], LITTLE) as c:
        told(c.id, "memory-near-limit")
    told(c.id, "memory-near-limit", "resolved", 5)


def test_an_alert_goes_on_over_a_restart_of_the_agent():
    path = written("thresholds: [{name: memory-near-limit, for: 3s}]\n")
    with Agent(SOON, config=path) as a, \
            Running("over", ["alloc", "hold", "30"], LITTLE) as c:
        told(c.id, "memory-near-limit", of=a)
        a.restart()
        wait_until(lambda: a.metrics().find("container_last_seen", name=c.name), 10, "its figures")
        update(c.id, Memory=128 * MIB, MemorySwap=512 * MIB)
        told(c.id, "memory-near-limit", "resolved", of=a)
        got = [s for s in states(c.id, "memory-near-limit", a) if s != "update"]
        same(got, ["firing", "resolved"], "what was told in all")


def test_processes_near_their_limit_are_told():
    with Running("forks", ["alloc", "forks", "18"], {"PidsLimit": 20}) as c:
        line = told(c.id, "pids-near-limit")
        same((facts(line)["used"], facts(line)["of"]), ("19", "20"), "evidence")
        update(c.id, PidsLimit=100)
        told(c.id, "pids-near-limit", "resolved")


OPENS = "".join(f"exec {n}</dev/null; " for n in range(3, 10)) + "exec sleep 1000"
SEVEN_MORE = [{"Name": "nofile", "Soft": 11, "Hard": 4096}]


def test_open_files_of_one_process_near_its_limit_are_told():
    with Running("files", ["sh", "-c", OPENS], {"Ulimits": SEVEN_MORE}) as c:
        found = facts(told(c.id, "descriptors-near-limit"))
        same((found["used"], found["of"]), ("10", "11"), "evidence")


def test_many_processes_with_few_open_files_each_are_not_near_a_limit():
    limits = [{"Name": "nofile", "Soft": 64, "Hard": 4096}]
    with Running("few", ["alloc", "forks", "60"], {"Ulimits": limits}) as c:
        def figures():
            return agent().container(c.id)["sample"]["fds"]
        wait_until(lambda: figures() > 64, 20, "its open files are counted")
        with Running("files", ["sh", "-c", OPENS], {"Ulimits": SEVEN_MORE}) as other:
            told(other.id, "descriptors-near-limit")  # by then it would be told, too
        same(states(c.id, "descriptors-near-limit"), [], "alerts")


def test_throttling_is_told_and_ends_when_the_quota_is_raised():
    with Running("slow", ["alloc", "spin"], {"NanoCpus": 100_000_000}) as c:
        line = told(c.id, "cpu-throttled")
        assert "CPU periods" in line["title"], line["title"]
        same(states(c.id, "resource-contention"), [], "blame for what its own quota does")
        update(c.id, NanoCpus=os.cpu_count() * 1_000_000_000)
        told(c.id, "cpu-throttled", "resolved")


def test_disk_space_above_a_limit_of_a_user_is_told():
    with Running("writes", ["sh", "-c", "dd if=/dev/zero of=/data/x bs=1M count=12; sleep 1000"]
                 ) as c:
        line = told(c.id, "writes-much")
        same((line["severity"], line["key"]), ("notice", "disk_bytes"), "what it says")
        assert line["title"].startswith(f"Container '{c.name}': disk space is at 12 MiB"), \
            line["title"]


def test_a_failing_health_check_is_told_and_its_recovery_too():
    check = {"Test": ["CMD", "cat", "/tmp/good"], "Interval": 500_000_000, "Retries": 1,
             "Timeout": 5_000_000_000}
    with Running("sick", ["sleep", "1000"], Healthcheck=check) as c:
        line = told(c.id, "unhealthy", timeout=40)
        same(line["title"], f"The health check of container '{c.name}' fails", "title")
        same(docker().exec_done(docker().exec(c.id, "sh", "-c", "echo yes > /tmp/good")), 0,
             "exit code")
        told(c.id, "unhealthy", "resolved", 40)


def test_a_restart_loop_is_told_and_ends_when_it_is_over():
    with Running("loop", ["sh", "-c", "exit 3"], {"RestartPolicy": {"Name": "always"}}) as c:
        line = told(c.id, "restart-loop", timeout=40)
        assert line["title"].startswith(f"Container '{c.name}' starts again and again"), \
            line["title"]
    told(c.id, "restart-loop", "resolved", 40)


def test_new_containers_that_fail_again_and_again_are_told_by_their_image():
    d = docker()
    made, image = [], "bhtest/failing:1"
    d.api("POST", "/images/bhtest/box:1/tag?repo=bhtest/failing&tag=1")
    try:
        def found():
            made.append(d.run(None, ["sh", "-c", "sleep 0.4; exit 7"], Image=image))
            d.api("POST", f"/containers/{made[-1]}/wait")
            return next((x for x in log_lines(agent()) if x["rule"] == "restart-loop"
                         and x["container"]["image"] == image), None)
        line = wait_until(found, 60, "an alert of the image")
        assert line["title"].startswith(f"Containers of image '{image}' fail again and again"), \
            line["title"]
        same(facts(line)["exit_code"], "7", "exit code")
    finally:
        for cid in made:
            d.remove(cid)
        d.api("DELETE", f"/images/{image}", ok=(200, 404, 409))


def test_the_limit_oom_kill_says_which_kills_are_told_and_how_grave_they_are():
    little = {"Memory": 32 * MIB, "MemorySwap": 32 * MIB}
    with Running("quiet", ["alloc", "oom"], little) as quiet:
        docker().ready(quiet.id, 40)
        wait_until(lambda: agent().metrics().value("container_oom_events_total", name=quiet.name)
                   > 0, 20, "the kill is counted")
        with Running("loud", ["alloc", "oom"], little) as loud:
            docker().ready(loud.id, 40)
            line = told(loud.id, "oom-kill", "new")
            same(line["severity"], "critical", "severity")
        same(lines(quiet.id, "oom-kill"), [], "of the one that is not meant")


# --- isolation of resources ---------------------------------------------------------------------

CORES = os.cpu_count()


def spinners(n):
    return ["sh", "-c", " & ".join(["alloc spin"] * n) + " & sleep 1000"]


def test_who_waits_for_a_cpu_is_told_with_the_container_that_takes_it():
    with Running("meek", spinners(2 * CORES), {"CpuShares": 2}) as meek:
        if not any(os.path.exists(f"/sys/fs/cgroup/{tree}docker/{meek.id}/cpu.pressure")
                   for tree in ("unified/", "")):
            skip("the kernel keeps no pressure of containers")
        # three quarters of the machine, whatever else runs on it
        with Running("greedy", spinners(2 * CORES),
                     {"NanoCpus": CORES * 750_000_000,
                      "CgroupParent": preferred_cgroup("greedy")}) as greedy:
            line = told(meek.id, "resource-contention", timeout=60)
            found = facts(line)
            same((found["cause"], found["cause_id"], found["resource"]),
                 (greedy.name, greedy.id, "CPU"), "who is named")
            assert f"container '{greedy.name}'" in line["title"], line["title"]
            same(states(greedy.id, "resource-contention"), [], "of the one that takes it")
    told(meek.id, "resource-contention", "resolved", 10)


def test_a_container_without_a_limit_that_takes_much_of_the_host_is_told():
    with Running("hog", spinners((CORES + 1) // 2),
                 {"CgroupParent": preferred_cgroup("hog")}) as hog:
        line = told(hog.id, "no-limit-hog", timeout=60)
        assert f"'{hog.name}' has no limit of CPU and takes" in line["title"], line["title"]
        update(hog.id, NanoCpus=CORES * 900_000_000)
        told(hog.id, "no-limit-hog", "resolved")


# --- reload -------------------------------------------------------------------------------------

def test_a_reload_switches_limits_off_and_on():
    path = written("thresholds: [{name: memory-near-limit, for: 1s}]\n")
    with Agent(SOON, config=path) as a, \
            Running("switch", ["alloc", "hold", "30"], LITTLE) as c:
        told(c.id, "memory-near-limit", of=a)
        written("thresholds: [{name: memory-near-limit, enabled: false}]\n", path)
        a.process.send_signal(signal.SIGHUP)
        told(c.id, "memory-near-limit", "resolved", 10, a)
        written("thresholds: [{name: memory-near-limit, above: nonsense}]\n", path)
        a.process.send_signal(signal.SIGHUP)
        wait_until(lambda: f"{path}:1:" in a.log(), 10, "the refusal in the log")
        written("thresholds: [{name: memory-near-limit, for: 1s, severity: error}]\n", path)
        a.process.send_signal(signal.SIGHUP)
        again = wait_until(lambda: [x for x in lines(c.id, "memory-near-limit", a)
                                    if x["state"] == "firing"][1:], 20, "it is told again")
        same(again[0]["severity"], "error", "severity")
        m = a.metrics()
        same(m.value("bulkhead_used", table="thresholds_beyond"), 1, "entries in use")
