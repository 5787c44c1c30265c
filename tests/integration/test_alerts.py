# SPDX-License-Identifier: GPL-2.0-or-later
"""Alerts from a real cause to a real receiver: an out-of-memory kill, a webhook, silences, and what
outlives the death of either process. The heartbeat, once a second, is the flow that faults meet."""

import os
import re
import signal
import time

from alerting import OK, Receiver, hmac_by_openssl, log_lines, secret, seqs, with_sink
from boxes import Running
from harness import CLIENT, Agent, run, same, wait_until
from runtimes import docker

MIB = 1 << 20


def test_an_out_of_memory_kill_reaches_a_webhook_signed_and_stands_in_the_log():
    r = Receiver()
    path = with_sink(r, f"      hmac_key_file: {secret('a key of the test')}\n")
    with Agent(config=path) as a:
        with Running("oom", ["alloc", "oom"], {"Memory": 32 * MIB, "MemorySwap": 32 * MIB}) as c:
            docker().ready(c.id, 40)
            wait_until(lambda: r.alerts("resource"), 10, "the alert at the receiver")
            headers, alert = r.alerts("resource")[0]
            same((alert["severity"], alert["state"], alert["container"]["id"]),
                 (alert["severity"], "new", c.id), "what it says")
            same(alert["container"]["name"], c.name, "name")
            assert "memory" in alert["title"].lower(), alert["title"]
            assert alert["evidence"], alert
        sent, mac = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})",
                                 headers["X-Bulkhead-Signature"]).groups()
        body = next(b for h, b, _ in r.got if h["X-Bulkhead-Signature"].endswith(mac))
        same(hmac_by_openssl("a key of the test", sent.encode() + b"." + body), mac,
             "the signature, by openssl")
        assert abs(int(sent) - time.time()) < 60, sent
        line = next(x for x in log_lines(a) if x["id"] == alert["id"])
        same(line, alert, "the line of the log")
        shown = run(CLIENT, "alerts", "--format", "json", "--socket",
                    f"{a.run_dir}/bulkhead.sock").stdout
        assert alert["id"] in shown, shown
        same(len(r.alerts("resource")), 1, "deliveries")
    assert "a key of the test" not in a.log()


def test_every_alert_arrives_in_order_after_an_outage_and_kills_of_either_process():
    r = Receiver()
    path = with_sink(r, "      severity: debug\n", "  heartbeat: 1s\n")
    a = Agent(config=path)
    try:
        wait_until(lambda: len(seqs(r)) >= 2, 15, "the first heartbeats")
        r.become(503)
        missed = log_lines(a)[-1]["seq"]
        wait_until(lambda: log_lines(a)[-1]["seq"] >= missed + 3, 15, "alerts during the outage")
        os.kill(a.serve_pid(), signal.SIGKILL)
        r.become(OK)
        wait_until(lambda: seqs(r) and seqs(r)[-1] >= missed + 3, 20, "what the outage held up")
        for _ in range(3):
            pid = wait_until(a.serve_pid, 10, "serve")
            last = seqs(r)[-1]
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: seqs(r)[-1] > last, 20, "the next alert")
        last = seqs(r)[-1]
        os.kill(a.pid, signal.SIGKILL)
        a.process.wait()
        a.start()
        wait_until(lambda: seqs(r)[-1] > last + 1, 20, "alerts of the next agent")
        first = seqs(r)[0]
        logged = [x["seq"] for x in log_lines(a) if x["seq"] >= first][:-1]
        wait_until(lambda: set(logged) <= set(seqs(r)), 15, f"all of {logged}")
        order = list(dict.fromkeys(seqs(r)))
        same(order, sorted(order), "order of first deliveries")
        keys = {}
        for headers, alert in r.alerts():
            keys.setdefault(alert["seq"], set()).add(headers["Idempotency-Key"])
        same([k for k, v in keys.items() if len(v) != 1], [], "alerts under two keys")
    finally:
        a.kill()


def test_a_silence_holds_deliveries_back_and_not_the_log():
    r = Receiver()
    path = with_sink(r, "      severity: debug\n", "  heartbeat: 1s\n")
    with Agent(config=path) as a:
        wait_until(lambda: r.alerts("heartbeat"), 15, "a heartbeat")
        socket = ("--socket", f"{a.run_dir}/bulkhead.sock")
        run(CLIENT, "silence", "add", *socket, "--kind", "heartbeat", "--for", "10m")
        wait_until(lambda: log_lines(a)[-1].get("silenced"), 10, "a silenced line in the log")
        quiet_from = next(x["seq"] for x in log_lines(a) if x.get("silenced"))
        wait_until(lambda: log_lines(a)[-1]["seq"] >= quiet_from + 2, 10, "more of them")
        same([s for s in seqs(r) if s >= quiet_from], [], "deliveries in the silence")
        assert "heartbeat" in run(CLIENT, "silence", "list", *socket).stdout
