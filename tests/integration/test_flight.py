# SPDX-License-Identifier: GPL-2.0-or-later
"""The flight recorder: what led to an alert is on disk with the processes, what they had open and
the files that the container changed, also when the container is dead and removed."""

import json
import os
import stat

from alerting import log_lines
from boxes import Running
from harness import CLIENT, Agent, run, same, wait_until
from runtimes import docker
from session import session

MIB = 1 << 20
SMALL = {"Memory": 32 * MIB, "MemorySwap": 32 * MIB}


def alerts_of(a, cid):
    return [x for x in log_lines(a) if (x["container"] or {}).get("id") == cid]


def flight_of(a, alert):
    """Waits for both files of it; the JSON one."""
    folder = f"{a.state_dir}/flights"
    path = f"{folder}/{alert['recording'].removesuffix('.bhr')}.json"
    wait_until(lambda: os.path.exists(path), 15, f"{path}: {a.tail()}")
    same(stat.S_IMODE(os.stat(folder).st_mode), 0o700, "mode of the folder")
    for name in (path, f"{folder}/{alert['recording']}"):
        same(stat.S_IMODE(os.stat(name).st_mode), 0o600, f"mode of {name}")
    with open(path) as f:
        return json.load(f)


def client(a, *arguments, **more):
    return run(CLIENT, *arguments, "--socket", f"{a.run_dir}/bulkhead.sock", **more)


def replayed(a, alert):
    out = run(CLIENT, "replay", f"{a.state_dir}/flights/{alert['recording']}", "--format",
              "json").stdout
    return [json.loads(line) for line in out.splitlines()]


def check_events(events, cid):
    """The container's own story: the shell that did it, and the file that it made."""
    same({e["container"]["id"] for e in events}, {cid}, "containers in the recording")
    ran = [e["exec"].get("args") or [] for e in events if e["type"] == "exec"]
    assert any("/data/new" in " ".join(args) for args in ran), ran
    opened = [e["open"].get("path") or e["open"].get("raw") for e in events if e["type"] == "open"]
    assert "/data/new" in opened, opened
    assert any("PASSWORD=" in " ".join(args) for args in ran), ran
    assert "hunter2" not in json.dumps(events), "a secret"


def check_files(flight):
    files = {f["path"]: f for f in flight["files"]["changed"]}
    same(files["/data/new"]["type"], "file", "type of the new file")
    same(files["/data/new"]["size"], 6, "size of the new file")
    assert files["/etc/passwd"].get("deleted"), files["/etc/passwd"]
    same(files["/data/sub"]["type"], "directory", "type of the new folder")


SCRIPT = "echo hello > /data/new; mkdir /data/sub; rm /etc/passwd; exec 5</bin/busybox; " \
    "word=hunter; /bin/true PASSWORD=${word}2; "


def test_an_alert_of_error_is_recorded_with_processes_descriptors_and_files():
    with Agent() as a:
        script = SCRIPT + "alloc oom; sleep 300; true"
        with Running("flight", ["sh", "-c", script], SMALL) as c:
            alert = wait_until(lambda: alerts_of(a, c.id), 30, "the alert")[0]
            same(alert["severity"], "error", "severity")
            flight = flight_of(a, alert)
            same(alert["recording"], f"{alert['id']}.bhr", "the link")
            same((flight["id"], flight["container"]["id"]), (alert["id"], c.id), "whose it is")
            check_events(replayed(a, alert), c.id)
            check_files(flight)
            shell = next(p for p in flight["processes"] if p.get("ns_pid") == 1)
            same(shell["pid"], docker().pid_of(c.id), "pid of the first process")
            same(shell["args"][:2], ["sh", "-c"], "its arguments")
            targets = {d["fd"]: d["target"] for d in shell["descriptors"]}
            same(targets.get(5), "/bin/busybox", "what it has open")
            assert any(p.get("outside") for p in flight["processes"]), "no ancestors"
            shown = client(a, "alerts", "flight", alert["id"]).stdout
            for text in ("PROCESSES", "/data/new", "deleted", "/bin/busybox", alert["recording"]):
                assert text in shown, shown
            shown = client(a, "alerts", "show", alert["id"]).stdout
            assert f"{a.state_dir}/flights/{alert['recording']}" in shown, shown
            same(a.json(f"/api/v1/flights/{alert['id']}"), flight, "what the API says")
            listed = a.json("/api/v1/flights")
            mine = [x for x in listed["flights"] if x["container"]["id"] == c.id]
            same([x["id"] for x in mine], [alert["id"]], "the list")
            same(listed["directory"], f"{a.state_dir}/flights", "where they are")
        m = a.metrics()
        # other containers of the machine may have had alerts, too
        written = m.value("bulkhead_flights_written_total")
        assert written >= 1, written
        same(m.value("bulkhead_used", table="flights_kept"), written, "kept")
        done = client(a, "alerts", "flight", "01HZZZZZZZZZZZZZZZZZZZZZZZ", check=False)
        same(done.returncode, 1, "exit code for what is not there")
        assert "no recording" in done.stderr, done.stderr


def test_what_led_to_an_alert_outlives_its_container():
    with Agent() as a:
        name = "flight-dead"
        cid = docker().run(f"{name}-{os.getpid()}", ["sh", "-c", SCRIPT + "exec alloc oomself"],
                           SMALL)
        try:
            alert = wait_until(lambda: alerts_of(a, cid), 30, "the alert")[0]
            docker().remove(cid)
            flight = flight_of(a, alert)
        finally:
            docker().remove(cid)
        wait_until(lambda: not os.path.exists(f"/proc/{flight['processes'][-1]['pid']}"), 10,
                   "the end of the container")
        check_events(replayed(a, alert), cid)
        check_files(flight)
        dead = [p for p in flight["processes"] if p.get("ns_pid") == 1]
        same([p["comm"] for p in dead], ["alloc"], "its only process")


def test_alerts_within_a_minute_share_one_recording():
    folder = session.temp("flight")
    path = f"{folder}/bulkhead.yaml"
    with open(path, "w") as f:
        f.write("alerts:\n  window: 0s\n")
    with Agent(config=path) as a:
        script = "while true; do alloc oomself; done"
        with Running("flight-again", ["sh", "-c", script], SMALL) as c:
            two = wait_until(lambda: len(alerts_of(a, c.id)) >= 2 and alerts_of(a, c.id), 30,
                             "two alerts")
        same({x["recording"] for x in two}, {f"{two[0]['id']}.bhr"}, "their recordings")
        flight = flight_of(a, two[0])
        shown = json.loads(client(a, "alerts", "flight", two[1]["id"], "--json").stdout)
        same(shown["id"], flight["id"], "what is shown of the second")


def test_without_memory_for_events_nothing_is_recorded():
    with Agent({"alerts.flight_memory": "0"}) as a:
        with Running("flight-off", ["sh", "-c", "alloc oom; sleep 300"], SMALL) as c:
            alert = wait_until(lambda: alerts_of(a, c.id), 30, "the alert")[0]
            assert "recording" not in alert, alert
        same(os.listdir(f"{a.state_dir}/flights"), [], "recordings")
