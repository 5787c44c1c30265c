# SPDX-License-Identifier: GPL-2.0-or-later
"""Alerts while the clock of the machine jumps: an hour back, a day forward. Only a virtual machine's
clock may be set."""

import os
import time

from alerting import (OK, Receiver, command, dead_letters, hook, log_lines, newest, seqs,
                      write_config)
from harness import CLIENT, Agent, run, same, wait_until

HOUR, DAY = 3600, 86400
SLOW = 60  # limit of a wait: this machine is emulated


def jump(seconds):
    time.clock_settime(time.CLOCK_REALTIME, time.time() + seconds)


class Clock:
    """The time as it was, when the test ends."""

    def __enter__(self):
        self.offset = time.time() - time.monotonic()

    def __exit__(self, *why):
        time.clock_settime(time.CLOCK_REALTIME, time.monotonic() + self.offset)


def raise_tests(a, count):
    status, answer = command(a, "/api/v1/sinks/hook/test", f"count={count}")
    same(status, 200, f"raising alerts ({answer})")


def beats(a, r, n=2):
    """So many heartbeats more come to the log, and all of it to the receiver."""
    def count():
        return sum(x["kind"] == "heartbeat" for x in log_lines(a))
    want = count() + n
    wait_until(lambda: count() >= want, SLOW, f"{n} heartbeats")
    last = newest(a)
    wait_until(lambda: seqs(r) and max(seqs(r)) >= last, SLOW, f"all up to {last}")


def held_back_and_let_go(a):
    """The rate limit holds back a burst and takes alerts again soon after."""
    first = newest(a) + 1
    raise_tests(a, 30)
    held = [x for x in log_lines(a) if x["seq"] >= first and x.get("deliver") is False]
    assert held, "nothing was held back"

    def taken():
        at = newest(a) + 1
        raise_tests(a, 2)
        return [x for x in log_lines(a) if x["seq"] >= at and x["kind"] == "test" and
                x.get("deliver", True)]
    wait_until(taken, SLOW, "an alert that is not held back", step=1)


def test_alerts_go_on_when_the_clock_is_set_back_and_forward():
    r = Receiver()
    config = write_config(hook("hook", r, dead_after="2h", timeout="10s"),
                          more="  heartbeat: 1s\n  rate: 5\n")
    with Clock(), Agent(config=config) as a:
        beats(a, r)
        jump(-HOUR)
        beats(a, r)
        held_back_and_let_go(a)

        run(CLIENT, "silence", "add", "--socket", f"{a.run_dir}/bulkhead.sock", "--kind",
            "heartbeat", "--for", "10m")
        wait_until(lambda: log_lines(a)[-1].get("silenced"), SLOW, "a silenced heartbeat")
        jump(-HOUR)  # the end of a silence is a time of day: it is further away now
        at = newest(a)
        wait_until(lambda: newest(a) >= at + 2, SLOW, "more heartbeats")
        assert all(x.get("silenced") for x in log_lines(a) if x["seq"] > at), "the silence ended"

        r.become(503)  # what waits is not thrown away because the clock jumps
        raise_tests(a, 2)
        waiting = newest(a)
        wait_until(lambda: r.attempts, SLOW, "an attempt")
        jump(DAY)
        wait_until(lambda: not log_lines(a)[-1].get("silenced"), SLOW, "the end of the silence")
        tried = len(r.attempts)
        wait_until(lambda: len(r.attempts) > tried + 1, SLOW, "more attempts")
        r.become(OK)
        wait_until(lambda: max(seqs(r)) >= waiting, SLOW, "what waited")
        same(dead_letters(a, "hook"), [], "dead letters")
        beats(a, r)
        held_back_and_let_go(a)

        lines = log_lines(a)
        same([x["seq"] for x in lines], list(range(1, len(lines) + 1)), "numbers")
        ids = [x["id"] for x in lines if x["state"] in ("new", "firing")]
        same(ids, sorted(set(ids)), "ids in the order of their making")
        same([f for f in os.listdir(f"{a.state_dir}/alerts") if f.endswith(".jsonl")],
             ["alerts.jsonl"], "files of the log: none was closed for its age")
        same(list(dict.fromkeys(seqs(r))), sorted(set(seqs(r))), "order")


def test_a_start_with_an_earlier_clock_goes_on_where_the_last_run_ended():
    r = Receiver()
    with Clock():
        a = Agent(config=write_config(hook("hook", r, timeout="10s")), rounds=False)
        try:
            beats(a, r, 1)
            a.stop()
            last, came = newest(a), len(seqs(r))
            jump(-HOUR)
            a.start()
            beats(a, r, 1)
            same(min(s for s in seqs(r)[came:]), last + 1, "the first number of the next run")
            same(len(set(seqs(r))), len(seqs(r)), "deliveries: each once")
            a.stop()
            jump(2 * DAY)  # now the file is old
            a.start()
            beats(a, r, 1)
            same(len(set(seqs(r))), len(seqs(r)), "deliveries: each once")
            files = [f for f in os.listdir(f"{a.state_dir}/alerts") if f.endswith(".jsonl")]
            same(len(files), 2, f"files of the log: {files}")
        finally:
            a.kill()
