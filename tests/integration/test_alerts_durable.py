# SPDX-License-Identifier: GPL-2.0-or-later
"""What alerts outlive: kills of either process, a full disk, logs and places that somebody damaged,
floods. The flow is test alerts by the hundred, each with a key of its own."""

import glob
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import threading
import time

from alerting import Receiver, command, dead_letters, sinks
from harness import Agent, same, wait_until
from session import read_text, session

KILLS = 100
FLOOD, FLOOD_SECONDS, OUTAGE = 10000, 10, 15
GROWTH = 30 << 20  # of either process in a flood
IN_MEMORY = 1024  # detector/alert_log.h: lines that wait for a disk


class Tally(Receiver):
    """Takes single alerts and keeps little of each, for there are many of them."""

    def __init__(self):
        self.order, self.own = [], []  # (seq, key, kind); those of bulkhead itself, whole
        super().__init__()

    def _answer(self, handler, body):
        alert = json.loads(body)
        with self.lock:
            if self.server is None:  # closed, but for connections that were open
                handler.close_connection = True
                return
            self.order.append((alert["seq"], handler.headers["Idempotency-Key"], alert["kind"]))
            if alert["kind"] == "internal":
                self.own.append(alert)
        handler.send_response_only(200)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    def seqs(self, kind=None):
        with self.lock:
            return [s for s, _, k in self.order if kind in (None, k)]

    def repeated(self):
        got = self.seqs()
        return len(got) - len(set(got))

    def told(self, rule, state=None):
        with self.lock:
            found = {x["seq"]: x for x in self.own
                     if x["rule"] == rule and state in (None, x["state"])}
        return list(found.values())


def raise_alerts(a, sink, count):
    status, answer = command(a, f"/api/v1/sinks/{sink}/test", f"count={count}")
    same(status, 200, f"raising alerts ({answer})")


def sinks_file(receivers, alerts="  rate: 1000000\n"):
    folder = session.temp("alerts")
    path = f"{folder}/bulkhead.yaml"
    with open(path, "w") as f:
        f.write("history:\n  enabled: false\nsensor:\n  mode: off\n"
                f"alerts:\n{alerts}  sinks:\n")
        for name, r in receivers.items():
            f.write(f"    - type: webhook\n      name: {name}\n"
                    f"      url: http://127.0.0.1:{r.port}/\n"
                    "      retry_min: 100ms\n      retry_max: 400ms\n")
    return path


def log_files(a, log="alerts"):
    """Oldest first."""
    return sorted(glob.glob(f"{a.state_dir}/{log}/{log}-*.jsonl")) + \
        glob.glob(f"{a.state_dir}/{log}/{log}.jsonl")


def log_lines(a):
    """All whole lines, in the order of the files; what is no record fails the test."""
    lines = []
    for path in log_files(a):
        text = read_text(path, "")
        lines += [json.loads(x) for x in text[:text.rfind("\n") + 1].splitlines()]
    return lines


def wanted(lines, sink):
    """Numbers of the lines that the sink is to deliver."""
    return [x["seq"] for x in lines
            if x.get("deliver", True) and
            (x.get("sink") == sink if x["kind"] == "test" else
             x["severity"] not in ("notice", "info", "debug"))]


def arrived_in_order(r, first=None):
    """First deliveries only."""
    order = [s for s in dict.fromkeys(r.seqs()) if first is None or s >= first]
    same(order, sorted(order), "order of first deliveries")
    return order


def all_arrive(r, want, timeout, what):
    try:
        wait_until(lambda: set(want) <= set(r.seqs()), timeout, "arrival")
    except AssertionError:
        missing = sorted(set(want) - set(r.seqs()))
        raise AssertionError(f"{what}: {len(missing)} of {len(want)} alerts did not arrive, "
                             f"from {missing[:5]} to {missing[-5:]}") from None


def one_key_each(r):
    keys = {}
    with r.lock:
        for seq, key, _ in r.order:
            keys.setdefault(seq, set()).add(key)
    same({s: k for s, k in keys.items() if len(k) != 1}, {}, "alerts under several keys")
    same(len({k for v in keys.values() for k in v}), len(keys), "keys of different alerts")


def pss(pid):
    for line in read_text(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no Pss")


class Flow:
    """Raises alerts for all sinks without a pause, whether bulkheadd is there or not."""

    def __init__(self, a, sinks, count, pause):
        self.stopping = threading.Event()
        self.raised = 0

        def flow():
            while not self.stopping.wait(pause):
                try:
                    for sink in sinks:
                        raise_alerts(a, sink, count)
                        self.raised += count
                except (OSError, AssertionError, struct.error):
                    pass  # it was killed; what got no answer may be in the log all the same
        self.thread = threading.Thread(target=flow, daemon=True)
        self.thread.start()

    def stop(self):
        self.stopping.set()
        self.thread.join()


def kill_one(a, rng):
    """bulkhead serve, or (also when there is none) bulkheadd. True: it was bulkheadd."""
    serve = a.serve_pid() if rng.random() < 0.5 else None
    if serve:
        try:
            os.kill(serve, signal.SIGKILL)
        except ProcessLookupError:
            pass
        return False
    os.kill(a.pid, signal.SIGKILL)
    a.process.wait()
    a.start(ready=False)
    return True


def test_a_hundred_kills_of_either_process_lose_no_alert_that_reached_the_log():
    seed = int(os.environ.get("BULKHEAD_TEST_SEED", time.time_ns() % 1000000))
    rng = random.Random(seed)
    print(f"# seed {seed} (BULKHEAD_TEST_SEED)", flush=True)
    receivers = {"one": Tally(), "two": Tally()}
    a = Agent(config=sinks_file(receivers, "  rate: 1000000\n  log_segment: 256KiB\n"))
    flow, daemon_kills = Flow(a, receivers, 5, 0.03), 0
    try:
        for _ in range(KILLS):
            time.sleep(rng.uniform(0, 1))  # the moment is what the test is about
            daemon_kills += kill_one(a, rng)
        wait_until(a.serve_pid, 15, "serve after the kills")
        flow.stop()
        wait_until(lambda: command(a, "/api/v1/sinks/one/test")[0] == 200, 15, "bulkheadd")
        lines = log_lines(a)
        for name, r in receivers.items():
            want = wanted(lines, name)
            all_arrive(r, want, 30, f"{name}, seed {seed}")
        a.stop()
        lines = log_lines(a)  # every one is whole
        seqs = [x["seq"] for x in lines]
        same(seqs, list(range(1, len(seqs) + 1)), f"numbers in the log (seed {seed})")
        for path in log_files(a):
            assert read_text(path).endswith("\n"), f"{path} ends with a torn line"
        for name, r in receivers.items():
            same(arrived_in_order(r), wanted(lines, name), f"what '{name}' got (seed {seed})")
            one_key_each(r)
        assert len(lines) > KILLS, f"{len(lines)} alerts: that was no flow"
        ids = [x["id"] for x in lines if x["state"] in ("new", "firing")]
        same(len(set(ids)), len(ids), "ids")
        twice = sum(r.repeated() for r in receivers.values())
        print(f"# {len(lines)} alerts, {daemon_kills} kills of bulkheadd, "
              f"{KILLS - daemon_kills} of serve, {twice} deliveries repeated", flush=True)
    finally:
        flow.stop()
        a.kill()


# --- a full disk ------------------------------------------------------------------------------


class SmallDisk:
    """A folder for an agent, whose state lies on a file system of a few MiB."""

    def __init__(self, size="8m"):
        self.folder = session.temp("small")
        self.state = f"{self.folder}/state"
        self.filler = f"{self.state}/filler"
        os.mkdir(self.state)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "bhtest",
                        self.state], check=True)

    def fill(self):
        with open(self.filler, "ab", buffering=0) as f:
            for n in (65536, 4096, 1):
                try:
                    while f.write(n * b"x") == n:
                        pass
                except OSError:
                    pass

    def empty(self):
        os.truncate(self.filler, 0)

    def __enter__(self):
        return self

    def __exit__(self, *why):
        subprocess.run(["umount", "-l", self.state])


def tests_of(r):
    return len(set(r.seqs("test")))


def comes(a, r, count=3, timeout=15, what="alerts"):
    """Raises alerts and waits until so many more are there, each once."""
    wait_until(lambda: command(a, "/api/v1/sinks/hook/test")[0] == 200, 10, "bulkheadd")
    before = tests_of(r)
    raise_alerts(a, "hook", count)
    wait_until(lambda: tests_of(r) >= before + count, timeout,
               f"{what}: {count} more than {before} at the receiver")


def log_metric(a, name):
    return a.metrics().value(f"bulkhead_alerts_log_{name}", log="alerts")


def test_a_full_disk_stops_no_alert_and_the_log_goes_on_when_there_is_room():
    r = Tally()
    with SmallDisk() as disk:
        a = Agent(config=sinks_file({"hook": r}), folder=disk.folder)
        try:
            comes(a, r, what="before")
            same(log_metric(a, "writable"), 1, "writable")
            disk.fill()
            comes(a, r, IN_MEMORY + 200, 30, "while the disk is full")
            wait_until(lambda: r.told("log-not-writable", "firing"), 10, "the alert of it")
            same(log_metric(a, "writable"), 0, "writable")
            assert log_metric(a, "write_errors_total") > 0
            same(log_metric(a, "pending"), IN_MEMORY, "lines in memory")
            assert log_metric(a, "lost_total") > 100, "lines that found no room"
            assert "cannot be written" in json.dumps(a.status()), "what the status says"
            same((r.repeated(), dead_letters(a, "hook")), (0, []), "repeated, given up")
            os.kill(a.serve_pid(), signal.SIGKILL)  # the next one gets them from bulkheadd
            comes(a, r, 5, what="by another serve on the full disk")
            disk.empty()
            wait_until(lambda: r.told("log-not-writable", "resolved"), 10, "its end")
            wait_until(lambda: log_metric(a, "pending") == 0, 5, "the log to catch up")
            same(log_metric(a, "writable"), 1, "writable")
            comes(a, r, 5, what="with room again")
            seqs = [x["seq"] for x in log_lines(a)]
            same(seqs, sorted(set(seqs)), "numbers in the log")
            assert len(seqs) >= IN_MEMORY, len(seqs)
            arrived_in_order(r)
            one_key_each(r)
        finally:
            a.kill()


def test_a_start_on_a_full_disk_sends_alerts_and_gives_no_number_twice():
    r = Tally()
    with SmallDisk() as disk:
        a = Agent(config=sinks_file({"hook": r}), folder=disk.folder)
        try:
            comes(a, r, what="before")
            disk.fill()
            comes(a, r, 50, what="while the disk is full")
            wait_until(lambda: r.told("log-not-writable", "firing"), 10, "the alert of it")
            last = max(r.seqs())
            a.kill()  # and with it the lines that were in memory alone
            a.start(ready=False)  # there is no room for its login link
            comes(a, r, 5, what="after a start on a full disk")
            wait_until(lambda: r.told("log-lines-missing"), 10, "the alert of the lines")
            assert log_metric(a, "missing_total") > 0
            disk.empty()
            wait_until(lambda: log_metric(a, "writable") == 1 and log_metric(a, "pending") == 0,
                       10, "the log")
            comes(a, r, 5, what="with room again")
            one_key_each(r)
            seqs = [x["seq"] for x in log_lines(a)]
            same(seqs, sorted(set(seqs)), "numbers in the log")
            assert max(seqs) > last, (max(seqs), last)
        finally:
            a.kill()


# --- logs and places that somebody damaged -----------------------------------------------------


class Single:
    """An agent with one sink that has delivered some alerts."""

    def __enter__(self):
        self.r = Tally()
        self.a = Agent(config=sinks_file({"hook": self.r}, "  rate: 1000000\n  window: 0s\n"
                                         "  log_segment: 64KiB\n"))
        comes(self.a, self.r, 200)  # some files
        return self.a, self.r

    def __exit__(self, *why):
        self.a.kill()


def current_file(a):
    return f"{a.state_dir}/alerts/alerts.jsonl"


def remove_file(a):
    os.unlink(current_file(a))


def remove_folder(a):
    shutil.rmtree(f"{a.state_dir}/alerts")


def cut_to_nothing(a):
    os.truncate(current_file(a), 0)


def cut_in_a_line(a):
    os.truncate(current_file(a), os.path.getsize(current_file(a)) // 2 + 1)


def overwrite(a):
    with open(current_file(a), "r+b") as f:
        f.write(os.path.getsize(current_file(a)) // 8 * b"garbage\n")


HARM = (cut_to_nothing, cut_in_a_line, remove_file, remove_folder)


def test_a_log_that_is_cut_or_removed_under_way_is_told_and_goes_on():
    with Single() as (a, r):
        for n, harm in enumerate(HARM, 1):
            harm(a)
            wait_until(lambda: len(r.told("log-tampered")) >= n, 10, f"{harm.__name__}: told")
            comes(a, r, 20, what=harm.__name__)
            assert log_metric(a, "tampered_total") >= n
        same(r.repeated(), 0, "repeated")
        one_key_each(r)
        order = arrived_in_order(r)
        same(order, list(range(1, len(order) + 1)), "all of them, also those of removed files")
        a.restart()
        comes(a, r, 5, what="after a restart")
        same(r.told("log-lines-missing"), [], "missing: what was harmed then was told then")


def test_what_waits_for_its_receiver_outlives_the_removal_of_its_file():
    with Single() as (a, r):
        for harm in (remove_file, remove_folder):
            r.close()
            before = tests_of(r)
            raise_alerts(a, "hook", 300)
            wait_until(lambda: sinks(a)["hook"]["lag"] >= 300, 10, "the alerts in the log")
            harm(a)
            raise_alerts(a, "hook", 20)  # to a new file
            r.begin()
            wait_until(lambda: tests_of(r) >= before + 320, 15, f"{harm.__name__}: all of them")
        order = arrived_in_order(r)
        same(order, list(range(1, len(order) + 1)), "all of them")
        same(r.repeated(), 0, "repeated")


def test_a_log_that_is_cut_or_removed_between_runs_is_told_and_goes_on():
    with Single() as (a, r):
        for n, harm in enumerate(HARM, 1):
            comes(a, r, 20)
            a.stop()
            harm(a)
            last = max(r.seqs())
            a.start()
            wait_until(lambda: len(r.told("log-lines-missing")) >= n, 10, f"{harm.__name__}: told")
            comes(a, r, 5, what=harm.__name__)
            assert min(s for s in r.seqs() if s > last) == last + 1, "a number was given twice"
        same(r.repeated(), 0, "repeated")
        one_key_each(r)
        a.stop()
        overwrite(a)
        a.start()
        comes(a, r, 5, what="after a log that is no log")
        assert os.path.exists(f"{current_file(a)}.damaged")
        one_key_each(r)


def place(seq, unix_ns):
    """What http/sink_cursor.c writes."""
    text, h = f"bulkhead-cursor-1 {seq} {unix_ns} -".encode(), 0xcbf29ce484222325
    for byte in text:
        h = (h ^ byte) * 0x100000001b3 % (1 << 64)
    return text + b" %016x\n" % h


YEAR = 366 * 86400 * 10**9
PLACES = {  # what both files hold; whether all comes again
    "garbage": (lambda: b"\xff\0garbage\n" * 10, True),
    "empty": (lambda: b"", True),
    "long": (lambda: b"bulkhead-cursor-1 " * 100000, True),
    "of the future": (lambda: place(10**12, time.time_ns() + YEAR), True),
    "beyond the end": (lambda: place(10**12, time.time_ns()), False),
}


def test_a_damaged_place_is_told_and_nothing_is_lost_or_repeated_for_ever():
    with Single() as (a, r):
        for n, (name, (text, again)) in enumerate(PLACES.items(), 1):
            comes(a, r, 5)
            a.stop()
            before, repeated, lines = len(r.seqs()), r.repeated(), len(wanted(log_lines(a), "hook"))
            for file in ("hook.cursor", "hook.cursor.kept"):
                with open(f"{a.state_dir}/serve/sinks/{file}", "wb") as f:
                    f.write(text())
            a.start()
            wait_until(lambda: len(r.told("sink-misplaced")) >= n, 10, f"{name}: told")
            same(sinks(a)["hook"]["misplaced"], 1, f"{name}: in the sinks' status")
            comes(a, r, 5, what=name)
            same(r.repeated() - repeated, lines if again else 0, f"{name}: repeated")
            assert len(r.seqs()) > before
            a.restart()
            comes(a, r, 5, what=f"{name}, another run")
            same(r.repeated() - repeated, lines if again else 0, f"{name}: repeated later")
        one_key_each(r)
        arrived_in_order(r)
        a.stop()  # one of the two is enough
        with open(f"{a.state_dir}/serve/sinks/hook.cursor", "wb") as f:
            f.write(b"garbage")
        told = len(r.told("sink-misplaced"))
        a.start()
        comes(a, r, 5, what="with one of two files")
        same(len(r.told("sink-misplaced")), told, "told")


# --- floods -----------------------------------------------------------------------------------


def test_ten_thousand_alerts_in_ten_seconds_wait_for_their_receiver_in_little_memory():
    r = Tally()
    with Agent(config=sinks_file({"hook": r})) as a:
        comes(a, r, 100, what="before")
        same((r.repeated(), tests_of(r)), (0, 101), "before")
        pids = {"bulkheadd": a.pid, "serve": a.serve_pid()}
        small = {name: pss(pid) for name, pid in pids.items()}
        most = dict(small)

        def look():
            for name, pid in pids.items():
                most[name] = max(most[name], pss(pid))
        r.close()
        begin = time.monotonic()
        for n in range(10):
            raise_alerts(a, "hook", FLOOD // 10)
            look()
            time.sleep(max(0, begin + (n + 1) * FLOOD_SECONDS / 10 - time.monotonic()))
        took = time.monotonic() - begin
        time.sleep(max(0, begin + OUTAGE - time.monotonic()))  # the outage
        same(tests_of(r), 101, "deliveries during the outage")
        assert a.metrics().value("bulkhead_sink_lag", sink="hook") >= FLOOD
        begin = time.monotonic()
        r.begin()
        want = wanted(log_lines(a), "hook")
        same(len(want), FLOOD + 101, "alerts in the log")
        all_arrive(r, want, 60, "the flood")
        look()
        print(f"# {FLOOD} raised in {took:.1f} s, delivered in {time.monotonic() - begin:.1f} s; "
              + ", ".join(f"{k} {small[k] >> 10} -> {most[k] >> 10} KiB" for k in pids), flush=True)
        same(r.seqs(), want, "what came: each once, in order")
        one_key_each(r)
        same(a.serve_pid(), pids["serve"], "serve")
        for name in pids:
            assert most[name] - small[name] < GROWTH, \
                f"{name} grew from {small[name] >> 10} to {most[name] >> 10} KiB"


def test_what_the_default_rate_holds_back_is_in_the_log_and_told():
    r = Tally()
    with Agent(config=sinks_file({"hook": r}, "")) as a:
        raise_alerts(a, "hook", 3000)
        lines = [x for x in log_lines(a) if x["kind"] == "test"]
        same(len(lines), 3000, "lines in the log")
        held = sum(x.get("deliver") is False for x in lines)
        assert 1500 <= held <= 2000, held
        wait_until(lambda: tests_of(r) >= 3000 - held, 20, "those that are not held back")
        same(tests_of(r), 3000 - held, "deliveries")

        def told():
            return sum(x.get("held_back", 0) for x in log_lines(a)) + sum(
                int(f["value"]) for x in r.told("delivery-limited") for f in x["evidence"])
        # The next one that is delivered tells of those before it; an alert of its own comes for
        # what is left, and on a slow machine nothing is.
        wait_until(lambda: told() == held, 10, "what is held back is told, each once")
        same(a.metrics().value("bulkhead_alerts_held_back_total"), held, "held back")
        same(a.metrics().value("bulkhead_alerts_by_rule_total", rule="test"), 3000, "by rule")
        comes(a, r, 2, what="later")


def test_many_questions_at_once_are_answered_or_refused_and_never_not_found():
    r = Tally()
    with Agent(config=sinks_file({"hook": r})) as a:
        raise_alerts(a, "hook", 5000)
        seen, lock = {}, threading.Lock()

        def ask(path):
            status = a.get(path).status
            with lock:
                seen[status] = seen.get(status, 0) + 1
        threads = [threading.Thread(target=ask, args=(path,)) for path in
                   24 * ["/api/v1/alerts?limit=1000", "/api/v1/audit?limit=1000"]]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        same(sum(seen.values()), 48, "answers")
        assert set(seen) <= {200, 503} and seen.get(200, 0) >= 8, seen
