# SPDX-License-Identifier: GPL-2.0-or-later
"""Events on their way to people: filters, server-sent events, recordings; and the sensor as a
whole: beside another one, without its rights, with too much to tell."""

import json
import os
import re
import secrets
import signal
import statistics
import subprocess
import sys
import time


from events import (Box, Reader, StreamReader, address_words, agent, box, brief, check,
                    client_argv, flowing, pid_in, reader, sockaddr, unique)
from harness import CLIENT, DOER, Agent, http_get, need, run, same, wait_until
from session import read_text, session


def bare(event):
    """An event without what belongs to the reading of it."""
    return {k: v for k, v in event.items() if k != "seen_ns"}


def open_reader(*arguments, of=None):
    """A reader that is surely subscribed: its container or type need not be the first to come."""
    a = of or agent()
    r = Reader(client_argv(a, "events", "--format", "json", *arguments))

    def all_stand():
        living = [x for x in Reader.made if x.process.poll() is None
                  and f"{a.run_dir}/bulkhead.sock" in x.process.args]
        return a.status()["sensor"]["subscriptions"] == len(living)
    wait_until(all_stand, 5, "its subscription")
    return r


# --- bulkhead events ------------------------------------------------------------------------------

def test_events_of_one_container_by_name_id_and_prefix():
    reader()
    with Box("one") as one, Box("two") as two:
        readers = [open_reader("--container", x) for x in (one.name, one.id, one.id[:12])]
        two.run("/bin/true", "elsewhere")
        done = one.run("/bin/true", "here")
        wanted = done.event("exec")
        for r in readers:
            r.wait(lambda e: e.get("exec", {}).get("args") == ["/bin/true", "here"], "its exec")
            r.wait(lambda e: e["type"] == "exit" and pid_in(e) == done.pid, "its exit")
            strange = r.all(lambda e: not one.owns(e))
            assert not strange, f"of somebody else: {brief(strange[0])}"
            mine = r.all(lambda e: e["type"] == "exec" and pid_in(e) == done.pid)
            same([bare(e) for e in mine], [bare(wanted)], "the exec")
            r.close()


def test_events_of_some_types_and_classes():
    b = box()
    r = open_reader("--type", "exit,unlink")
    c = open_reader("--class", "file")
    name = f"/mem/{unique('types')}"
    done = b.doer(("makefile", f"s:{name}", "s:"), f"unlink s:{name}", "socket 2 1 0")
    r.wait(lambda e: b.owns(e) and e["type"] == "exit" and pid_in(e) == done.pid, "it")
    same({e["type"] for e in r.events} - {"exit", "unlink"}, set(), "other types")
    assert r.all(lambda e: e.get("path", {}).get("raw") == name), "the unlink"
    c.wait(lambda e: e.get("path", {}).get("raw") == name, "the unlink by class")
    same({e["class"] for e in c.events}, {"file"}, "classes")
    r.close()
    c.close()


def test_a_stat_and_a_recv_are_told_while_somebody_asks():
    b = box()
    r = open_reader("--type", "stat,recv,exit")
    at = address_words(sockaddr("127.0.0.1", 19999))

    def seen():
        done = b.doer("newfstatat -100 s:/etc/passwd b:256 0x100", "socket 2 2 0",
                      ("bind", "%1", *at), ("sendto", "%1", "s:hi", 2, 0, *at),
                      "recvfrom %1 b:8 8 0 b:16 x:10000000",
                      "newfstatat -100 s:/nonexistent b:256 0")
        r.wait(lambda e: b.owns(e) and e["type"] == "exit" and pid_in(e) == done.pid,
               "the exit")
        of = r.all(lambda e: b.owns(e) and pid_in(e) == done.pid)
        return [e for e in of if e["type"] == "stat"] and (done, of)
    done, of = wait_until(seen, 5, "a stat event")
    stats = {e["path"]["raw"]: e for e in of if e["type"] == "stat"}
    check(stats["/etc/passwd"], result=0, path__flags=0x100, container__id=b.id)
    check(stats["/nonexistent"], error="ENOENT")
    recv = [e for e in of if e["type"] == "recv"]
    assert recv, [brief(e) for e in of]
    check(recv[0], result=2, network__family="inet", network__type="dgram",
          network__local__port=19999, network__remote__port=19999)
    r.close()
    wait_until(lambda: not b.doer("newfstatat -100 s:/etc/passwd b:256 0").events("stat"), 5,
               "silence once nobody asks")


def test_bad_filters_are_refused_with_a_reason():
    for arguments in (("--type", "opne"), ("--class", "files"), ("--format", "xml"),
                      ("--container", "x" * 300), ("--count", "0"), ("extra",)):
        done = run(*client_argv(agent(), "events", *arguments), check=False, timeout=10)
        assert done.returncode not in (0, -9) and done.stderr.strip(), \
            f"{arguments}: exit {done.returncode}, {done.stderr!r}"


def test_the_text_format_is_one_clean_line_an_event():
    b = box()
    reader()
    r = subprocess.Popen(client_argv(agent(), "events", "--format", "text", "--container", b.name),
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    session.at_end(r.kill)
    lines = []
    import threading
    threading.Thread(target=lambda: lines.extend(iter(r.stdout.readline, b"")), daemon=True).start()

    def shown():
        b.doer(("openat", -100, "s:/nonexistent/esc\\x1b[31m\\nred", 0))
        return [x for x in lines if b"/nonexistent/esc" in x and b" exec " not in x]
    line = wait_until(shown, 5, "the open as a line", step=0.2)[0]
    assert b"\x1b" not in line and line.endswith(b"\n"), line
    for word in (b.name.encode(), b"open", b"ENOENT", b"doer"):
        assert word in line, f"{word} is not in {line}"
    assert all(re.match(rb"\d\d:\d\d:\d\d\.\d{3} ", x) for x in lines), lines[:3]
    r.terminate()
    same(r.wait(5) in (0, -15, 130, 143), True, "ends when asked")


def test_the_reader_never_shows_a_line_that_is_not_json():
    same(reader().bad, [], "lines that are not JSON")
    assert reader().process.poll() is None, read_text(reader().log_path)
    missed = [x for x in read_text(reader().log_path, "").splitlines() if "missed" in x]
    same(missed, [], "events that the reader of these tests missed")


# --- server-sent events ---------------------------------------------------------------------------

def test_server_sent_events_give_the_same_and_need_a_token():
    need("curl")
    b = box()
    a = agent()
    url = f"http://127.0.0.1:{a.port}/api/v1/stream"
    same(http_get(a.port, "/api/v1/stream").status, 401, "status without a token")
    same(http_get(a.port, "/api/v1/stream", {"Authorization": "Bearer bh_wrong"}).status, 401,
         "status with a wrong token")
    r = StreamReader(["curl", "-sN", "-H", f"Authorization: Bearer {a.token}",
                      f"{url}?container={b.name}"])

    def begun():
        done = b.run("/bin/true", unique("sse"))
        r.wait(lambda e: e.get("type") == "exit" and pid_in(e) == done.pid, "it", 0.5)
        return True
    wait_until(begun, 10, "an event by the stream")
    name = f"/mem/{unique('sse')}"
    done = b.doer(("makefile", f"s:{name}", "s:"), f"unlink s:{name}", "socket 1 1 0",
                  "openat -100 s:/nonexistent/sse 0")
    r.wait(lambda e: e["type"] == "exit" and pid_in(e) == done.pid, "its exit")
    mine = [bare(e) for e in r.all(lambda e: pid_in(e) == done.pid)]
    same(mine, [bare(e) for e in done.of()], "events of the process by both ways")
    r.close()
    answer = a.get("/api/v1/stream?type=nonsense")
    same(answer.status, 400, f"status for an unknown type: {answer.body!r}")


# --- recordings -----------------------------------------------------------------------------------

def replay(path, *arguments, check_code=True):
    return run(CLIENT, "replay", path, *arguments, check=check_code)


def without_wall_clock(value):
    if isinstance(value, dict):
        return {k: without_wall_clock(v) for k, v in value.items() if k not in ("time", "start")}
    return [without_wall_clock(v) for v in value] if isinstance(value, list) else value


def make_recording(b, rounds=1):
    folder = session.temp("recording")
    path = f"{folder}/events.bhr"
    log = f"{folder}/log"
    since = reader().mark()
    process = session.start(client_argv(agent(), "record", "-o", path, "--container", b.name), log)
    wait_until(lambda: os.path.exists(path) and os.path.getsize(path) > 0, 5,
               f"{path}: {read_text(log)}")
    name = f"/mem/{unique('recorded')}"
    done = b.doer(("makefile", f"s:{name}", "s:x"), f"unlink s:{name}", "socket 2 2 0",
                  "fork { exit_group 3 }", "wait %3", "openat -100 s:/nonexistent/x 0",
                  ("execve", "s:/bin/true", "v:true|PASSWORD=hunter2", "v:"))
    done.of()
    for i in range(1, rounds):
        # What was recorded is on disk within a second or two: a frame that stands for itself.
        size = os.path.getsize(path)
        b.run("/bin/true", f"round{i}").of()
        wait_until(lambda s=size: os.path.getsize(path) > s, 5, "a recording that grows")
    process.send_signal(signal.SIGINT)
    code = process.wait(10)
    assert code in (0, 130), f"record: exit {code}: {read_text(log)}"
    return path, done, since


def test_a_recording_gives_the_same_events_each_time_it_is_replayed():
    b = box()
    path, done, _ = make_recording(b)
    first, second = replay(path), replay(path)
    same(first.stdout, second.stdout, "two replays")
    events = [json.loads(x) for x in first.stdout.splitlines()]
    mine = [e for e in events if pid_in(e) == done.pid]
    # The offset of the wall clock was measured at another moment: some nanoseconds.
    same(without_wall_clock(mine), without_wall_clock([bare(e) for e in done.of()]),
         "events of the process, live and replayed")
    with open(path, "rb") as f:
        assert b"hunter2" not in f.read()
    assert "hunter2" not in first.stdout
    only = replay(path, "--type", "unlink").stdout.splitlines()
    same({json.loads(x)["type"] for x in only}, {"unlink"}, "types by the filter")
    text = replay(path, "--format", "text").stdout
    same(len(text.splitlines()), len(events), "lines of text")
    done_again = run(CLIENT, "replay", path, user=65534, group=65534, extra_groups=[], check=False)
    assert done_again.returncode in (0, 1, 2), done_again.stderr  # no privileges: only the file's


def test_a_damaged_recording_is_read_up_to_the_damage():
    b = box()
    path, _, _ = make_recording(b, rounds=4)
    whole = replay(path).stdout
    size = os.path.getsize(path)
    with open(path, "rb") as f:
        data = f.read()
    for keep in (0, 3, 20, size // 4, size // 2, size - 9, size - 1):
        cut = f"{path}.{keep}"
        with open(cut, "wb") as f:
            f.write(data[:keep])
        done = replay(cut, check_code=False)
        same(done.returncode, 1, f"exit code for {keep} of {size} bytes: {done.stderr!r}")
        assert done.stderr.strip() and whole.startswith(done.stdout), \
            f"{keep} bytes: {done.stderr!r}, then {done.stdout[-300:]!r}"
    cut = replay(f"{path}.{size - 1}", check_code=False).stdout
    assert '"round1"' in cut, f"what is before a cut: {cut[-500:]!r}"
    for at in (0, 8, size // 2, size - 20):
        spoilt = bytearray(data)
        spoilt[at] ^= 0x5a
        with open(f"{path}.spoilt", "wb") as f:
            f.write(spoilt)
        done = replay(f"{path}.spoilt", check_code=False)
        same(done.returncode, 1, f"exit code with byte {at} changed: {done.stderr!r}")
        assert re.search(r"\d", done.stderr), f"where is not told: {done.stderr!r}"
    with open(f"{path}.more", "wb") as f:
        f.write(data + os.urandom(100))
    same(replay(f"{path}.more", check_code=False).returncode, 1, "exit code with bytes behind")
    same(replay("/nonexistent/recording", check_code=False).returncode in (1, 2), True, "no file")
    done = run(*client_argv(agent(), "record", "-o", path), check=False, timeout=10)
    assert done.returncode != 0 and path in done.stderr, "a file that is there is not written over"


# --- the sensor as a whole ------------------------------------------------------------------------

class WrappedAgent(Agent):
    """bulkheadd behind a program that takes something from it."""

    wrapper = ()

    def argv(self):
        return [*self.wrapper, *super().argv()]


def wrapped(wrapper):
    return type("Wrapped", (WrappedAgent,), {"wrapper": tuple(wrapper)})()


# bpf(2) is refused with EPERM, as docker's own filter does.
NO_BPF = """
import ctypes, os, struct, sys
code = [(0x20, 0, 0, 0), (0x15, 0, 1, 321), (6, 0, 0, 0x50001), (6, 0, 0, 0x7fff0000)]
raw = b"".join(struct.pack("=HBBI", *c) for c in code)
keep = ctypes.create_string_buffer(raw)
program = ctypes.create_string_buffer(struct.pack("=HxxxxxxQ", len(code), ctypes.addressof(keep)))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, ctypes.byref(program), 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""


def without_bpf(wrapper):
    with Box("nobpf") as b:
        a = wrapped(wrapper)
        with a:
            status = a.status()
            same(status["sensor"]["mode"], "off", f"mode in {status['sensor']}")
            assert any("sensor" in d.lower() or "bpf" in d.lower() for d in status["degraded"]), \
                status["degraded"]
            text = run(*client_argv(a, "status")).stdout
            assert "sensor" in text.lower() and "off" in text.lower(), text
            m = a.metrics()
            same(m.value("bulkhead_sensor_info", mode="off"), 1, "bulkhead_sensor_info")
            wait_until(lambda: a.containers().get(b.id, {}).get("sample"), 8, "its sample")
            assert a.metrics().find("container_cpu_usage_seconds_total", id=f"/docker/{b.id}")
            lines = [x for x in a.log().splitlines() if "sensor" in x.lower()]
            assert 1 <= len(lines) <= 3, f"said once, with the reason: {a.tail()}"


def test_without_the_capabilities_for_bpf_metrics_work_and_it_says_so():
    need("setpriv")
    without_bpf(["setpriv", "--bounding-set", "-bpf,-perfmon,-sys_admin", "--"])


def test_under_a_seccomp_filter_without_bpf_metrics_work_and_it_says_so():
    without_bpf([sys.executable, "-c", NO_BPF])


def test_whoever_asks_for_events_of_an_agent_without_sensor_is_told_so():
    with Agent({"sensor.mode": "off"}) as a:
        done = run(*client_argv(a, "events", "--seconds", "1"), check=False, timeout=10)
        assert done.stderr.strip(), f"exit {done.returncode}, nothing said"


def test_the_sensor_can_be_switched_off():
    with Agent({"sensor.mode": "off"}) as a:
        same(a.status()["sensor"]["mode"], "off", "mode")
        same([d for d in a.status()["degraded"] if "bpf" in d.lower()], [], "degraded")


def test_status_and_metrics_tell_the_mode_programs_and_counts():
    a = agent()
    box().run("/bin/true")
    status = a.status()["sensor"]
    assert status["mode"] in ("tracepoint", "trampoline"), status
    same([p for p in status["programs"] if not p["on"]], [], "programs that were refused")
    m = a.metrics()
    same(m.value("bulkhead_sensor_info", mode=status["mode"]), 1, "bulkhead_sensor_info")
    assert m.total("bulkhead_sensor_events_total", type="exec") > 0
    assert m.find("bulkhead_sensor_dropped_total"), m.names()
    same(m.total("bulkhead_sensor_dropped_total", reason="full") or 0, 0, "lost events")
    load = re.search(r"load\w*", json.dumps(status))
    assert load, f"the time to load is not in {status}"
    begin = time.monotonic()
    with Agent() as b:
        took = time.monotonic() - begin
        assert b.status()["sensor"]["mode"] == status["mode"]
    print(f"   from start to ready with its sensor: {took:.2f} s")
    assert took < 6, f"{took:.2f} s from start to ready"


def test_two_agents_at_once_see_the_same():
    b = box()
    with Agent() as other:
        r = flowing(Reader(client_argv(other, "events", "--format", "json")))
        name = f"/mem/{unique('both')}"
        done = b.doer(("makefile", f"s:{name}", "s:"), f"unlink s:{name}", "socket 2 1 0",
                      ("execve", "s:/bin/true", "v:true", "v:"))
        r.wait(lambda e: b.owns(e) and e["type"] == "exit" and pid_in(e) == done.pid,
               "the exit at the other agent")
        theirs = r.all(lambda e: b.owns(e) and pid_in(e) == done.pid)
        def told(events):  # two programs look at their clock one after the other
            return [(e["type"], e["result"], e["process"]["exec_id"]) for e in events]
        same(told(theirs), told(done.of()), "events of one process at two agents")
        # Neither tells what the other does all day.
        own = (other.pid, other.serve_pid())
        noise = reader().all(lambda e: e.get("process", {}).get("pid") in own
                             and e["type"] not in ("fork", "exec", "exit", "setuid", "capset",
                                                   "prctl", "kill"))
        assert len(noise) < 50, f"{len(noise)} events of the other agent, as {brief(noise[0])}"
        r.close()
    # The one that stays is not disturbed by the end of the other.
    b.run("/bin/true", "after").event("exec")


def test_an_agent_that_is_killed_leaves_nothing_in_the_kernel():
    need("bpftool")

    def programs():
        return {p["id"] for p in json.loads(run("bpftool", "-j", "prog", "show").stdout)}
    agent()
    before = programs()
    a = Agent()
    with a:
        more = programs() - before
        assert more, "no program was loaded"
        a.kill()
    wait_until(lambda: not programs() & more, 8, "the end of its programs")


# --- too much -------------------------------------------------------------------------------------

STORM_FILES, STORM_PROCESSES = 40000, 8


def sensor_counts(a):
    m = a.metrics()

    def of(name, **labels):
        return m.total(name, **labels) or 0
    return {"sent": of("bulkhead_sensor_events_total", type="open"),
            "lost": sum(of("bulkhead_sensor_dropped_total", type="open", reason=r)
                        for r in ("full", "shed", "nested", "flood")),
            "exec_lost": sum(of("bulkhead_sensor_dropped_total", type=t, reason=r)
                             for t in ("exec", "fork", "exit", "setuid", "unshare")
                             for r in ("full", "shed", "nested", "flood")),
            "shed": of("bulkhead_sensor_dropped_total", type="open", reason="shed"),
            "exec": of("bulkhead_sensor_events_total", type="exec")}


def test_overload_sheds_file_events_counts_them_and_never_loses_an_exec():
    boxes = [Box(f"storm{i}", {"Tmpfs": {"/mem": "size=128m"}}) for i in range(2)]
    with Agent({"sensor.buffer": "262144", "sensor.host": "exec"}) as a:
        r = flowing(Reader(client_argv(a, "events", "--type", "fork,exec,exit,setuid",
                                       "--format", "json")))
        before = sensor_counts(a)
        steps = []
        for i in range(STORM_PROCESSES // 2):
            steps += ["fork", "{", "storm", f"s:/mem/{i}-", str(STORM_FILES // 4), "0102", "}", ","]
        waits = " , ".join(f"wait %{i}" for i in range(STORM_PROCESSES // 2)).split()
        import threading
        threads = [threading.Thread(target=lambda b=b: b.run("/bin/doer", *steps, *waits,
                                                             timeout=100)) for b in boxes]
        marks, begin = [], time.monotonic()
        with Box("quiet") as quiet:
            for t in threads:
                t.start()
            while any(t.is_alive() for t in threads):
                marks.append(secrets.token_hex(6))
                quiet.run("/bin/doer", "setuid", "0", ",", "execve", "s:/bin/true",
                          f"v:true|{marks[-1]}", "v:")
            took = time.monotonic() - begin
            made = STORM_FILES // 4 * (STORM_PROCESSES // 2) * len(boxes)

            def counted():
                now = sensor_counts(a)
                return now["sent"] - before["sent"] + now["lost"] - before["lost"] >= made and now
            now = wait_until(counted, 10, f"{made} opens in the counts: {before}, "
                                          f"{sensor_counts(a)}")
            print(f"   {made} opens in {took:.1f} s: {now['sent'] - before['sent']:.0f} told, "
                  f"{now['lost'] - before['lost']:.0f} lost; {len(marks)} execs among them")
            same(now["exec_lost"], before["exec_lost"], "lost process and isolation events")
            for mark in marks:
                r.wait(lambda e: mark in e.get("exec", {}).get("args", []), f"the exec {mark}")
            mine = r.all(lambda e: quiet.owns(e) and e["type"] == "setuid"
                         and e["process"]["comm"] == "doer")
            same(len(mine), len(marks), "setuid events")
            if now["lost"] > before["lost"]:
                assert now["shed"] > before["shed"], f"opens go before the buffer is full: {now}"
                wait_until(lambda: [d for d in a.status()["degraded"] if "event" in d.lower()]
                           or "lost" in a.log() or "shed" in a.log(), 5, "a word about the loss")
        r.close()
    for b in boxes:
        b.close()


def test_latency_from_call_to_reader():
    b = box()
    took = []
    for _ in range(200):
        e = b.run("/bin/true", "latency").event("exec")
        took.append((e["seen_ns"] - e["boot_ns"]) / 1e6)
    took.sort()
    print(f"   exec to the line in this process: median {statistics.median(took):.2f} ms, "
          f"p99 {took[int(len(took) * 0.99) - 1]:.2f} ms, most {took[-1]:.2f} ms")
    same(len(took), 200, "execs")


def test_system_calls_of_a_container_are_noted_where_it_is_asked_for():
    with Agent({"sensor.syscalls": "true"}) as a, Box("calls") as b:
        wait_until(lambda: a.containers().get(b.id), 8, "the container")
        b.run("/bin/doer", "personality", "0xffffffff")
        b.run("/bin/doer", "--int80", "personality", "0xffffffff")

        def noted():
            calls = a.container(b.id).get("syscalls")
            return calls if calls and 135 in calls["native"] and 136 in calls["compat"] else None
        calls = wait_until(noted, 8, "personality in both tables")
        assert 59 in calls["native"] and 175 not in calls["native"], calls
    with Agent() as a, Box("nocalls") as b:
        wait_until(lambda: a.containers().get(b.id), 8, "the container")
        same(a.container(b.id)["syscalls"], None, "syscalls")


def test_opens_of_the_host_are_told_for_the_paths_that_are_named():
    folder = session.temp("hostpaths")
    for name in ("in", "out"):
        os.mkdir(f"{folder}/{name}")
        for file in ("plain", "named-by-name"):
            with open(f"{folder}/{name}/{file}", "w") as f:
                f.write("x")
    with Agent({"sensor.host": "exec,open",
                "sensor.host_paths": f"{folder}/in/,named-by-name"}) as a:
        r = Reader(client_argv(a, "events", "--type", "open,exit", "--format", "json"))
        wait_until(lambda: a.status()["sensor"]["subscriptions"] == 1, 8, "the subscription")
        done = run(DOER, *" , ".join(f"openat -100 s:{folder}/{p} 0" for p in (
            "in/plain", "out/plain", "out/named-by-name", "in/../in/none")).split())
        pid = json.loads(done.stdout)["pid"]
        r.wait(lambda e: e["type"] == "exit" and e["process"]["pid"] == pid, "its end")
        told = [e["open"].get("path") or e["open"]["raw"]
                for e in r.all(lambda e: e["type"] == "open" and e["process"]["pid"] == pid)]
        same(sorted(told), sorted([f"{folder}/in/plain", f"{folder}/out/named-by-name",
                                   f"{folder}/in/none"]), "opens of the host")
        wait_until(lambda: a.metrics().total("bulkhead_sensor_dropped_total", type="open",
                                             reason="path"), 8, "the count of the others")
        r.close()


def test_an_open_by_another_name_is_no_repeat_to_rules():
    folder = session.temp("twonames")
    with open(f"{folder}/plain", "w") as f:
        f.write("x")
    os.symlink("plain", f"{folder}/link")
    rules = f"{folder}/rules.yaml"
    with open(rules, "w") as f:
        f.write(f"- rule: any\n  desc: d\n  condition: evt.type = openat and fd.name startswith "
                f"{folder}/\n  output: \"%fd.nameraw\"\n  priority: NOTICE\n")
    with Agent({"rules.files": rules, "sensor.host": "exec,open"}) as a:
        r = Reader(client_argv(a, "events", "--type", "open,exit", "--format", "json"))
        wait_until(lambda: a.status()["sensor"]["subscriptions"] == 1, 8, "the subscription")
        names = ("plain", "plain", "../" + os.path.basename(folder) + "/plain", "link", "link")
        done = run(DOER, *" , ".join(f"openat -100 s:{folder}/{n} 0" for n in names).split())
        pid = json.loads(done.stdout)["pid"]
        r.wait(lambda e: e["type"] == "exit" and e["process"]["pid"] == pid, "its end")
        told = [e["open"]["raw"] for e in r.all(
            lambda e: e["type"] == "open" and e["process"]["pid"] == pid)]
        same(told, [f"{folder}/{n}" for n in (names[0], names[2], names[3])], "what is told")
        r.close()


def test_changes_of_named_files_of_the_host_are_told_whatever_way_they_are_called():
    folder = session.temp("hostnames")
    calls = {"below/absolute": f"{folder}/below/absolute", "below/relative": "below/relative",
             "below/doubled": f"{folder}//below/doubled", "below/dotted": "./below/dotted",
             "below/round": f"{folder}/other/../below/round",
             "named-by-name": f"{folder}/named-by-name", "named-too": "named-too",
             "other/absolute": f"{folder}/other/absolute", "other/relative": "other/relative"}
    for name in ("below", "other"):
        os.mkdir(f"{folder}/{name}")
    for name in calls:
        with open(f"{folder}/{name}", "w") as f:
            f.write("x")
    with Agent({"sensor.host": "exec,unlink", "sensor.host_paths":
                f"{folder}/below/,named-by-name,named-too"}) as a:
        r = Reader(client_argv(a, "events", "--type", "unlink,exit", "--format", "json"))
        wait_until(lambda: a.status()["sensor"]["subscriptions"] == 1, 8, "the subscription")
        words = " , ".join(f"unlink s:{raw}" for raw in calls.values()).split()
        done = subprocess.run([DOER, *words], cwd=folder, stdout=subprocess.PIPE, check=True)
        pid = json.loads(done.stdout)["pid"]
        r.wait(lambda e: e["type"] == "exit" and e["process"]["pid"] == pid, "its end")
        told = [e["path"]["raw"] for e in r.all(
            lambda e: e["type"] == "unlink" and e["process"]["pid"] == pid)]
        same(sorted(told), sorted(raw for name, raw in calls.items()
                                  if not name.startswith("other/")), "what is told")
        r.close()

