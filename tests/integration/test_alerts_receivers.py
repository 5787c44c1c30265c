# SPDX-License-Identifier: GPL-2.0-or-later
"""Receivers of webhooks that misbehave, against the running agent. In each test one agent has a
sink for each fault and one whose receiver is well: that one is not held up, what was delayed
arrives in order once the fault is over, and the agent says what was wrong. The flow is the
heartbeat."""

import base64
import http.server
import json
import os
import re
import signal
import socket
import struct
import threading
import time
import urllib.request

from alerting import (BUSY, CUT, EMPTY, ENDLESS_HEAD, GARBAGE, HANG, HUGE, OK, REDIRECT,
                      RETRY_AFTER, SLOW, Authority, Receiver, arrives, dead_letters,
                      hmac_by_openssl, hook, log_lines, newest, raise_test, secret, seqs, sink,
                      sinks, write_config)
from boxes import Running
from harness import Agent, free_port, same, skip, wait_until
from runtimes import docker
from session import read_text, session

MIB = 1 << 20
LATE = 1.5  # seconds that an alert may take to a receiver that is well, on a busy machine


def first_of(a):
    """The first heartbeat: from there on every line goes to every sink."""
    return next(x["seq"] for x in log_lines(a) if x["kind"] == "heartbeat")


def not_held_up(receiver):
    """Each alert came soon after it was raised."""
    with receiver.lock:
        got = [(json.loads(body), came) for _, body, came in receiver.got]
    assert got, "nothing came"
    for alert, came in got:
        if alert["kind"] != "heartbeat":
            continue
        raised = time.mktime(time.strptime(alert["time"][:19], "%Y-%m-%dT%H:%M:%S")) \
            - time.timezone + float(alert["time"][19:-1])
        assert came - raised < LATE, f"{alert['seq']} came {came - raised:.2f} s late"


def tell(a, name, pattern):
    """The API names what is wrong with a sink."""
    def told():
        s = sinks(a)[name]
        assert s["failed"] >= 1 and re.search(pattern, s.get("error", "")), f"{name}: {s}"
        return s
    return wait_until(told, 10, f"the error of {name}")


def is_well(a, name):
    def well():
        s = sinks(a)[name]
        assert s["breaker"] == "closed" and "error" not in s and s["lag"] == 0 \
            and "last_success" in s and s["dead"] == 0 and s["lost"] == 0, f"{name}: {s}"
        return True
    wait_until(well, 10, f"{name} is well again")


def reveals_nothing(a, *secrets):
    """No secret stands in what people can read: log, metrics, API, files, command lines."""
    seen = {"log": a.log(), "standard output": read_text(a.out_path)}
    for path in ("/metrics", "/api/v1/sinks", "/api/v1/status", "/api/v1/alerts", "/api/v1/audit"):
        seen[path] = a.get(path).body.decode()
    for folder, _, names in os.walk(a.state_dir):
        for name in names:
            seen[f"{folder}/{name}"] = read_text(f"{folder}/{name}", "")
    for pid in (a.pid, a.serve_pid()):
        seen[f"command line of {pid}"] = read_text(f"/proc/{pid}/cmdline")
    for what, text in seen.items():
        for s in secrets:
            assert s not in text, f"the secret {s!r} stands in {what}"


def test_receivers_that_fail_hold_nobody_up_and_miss_nothing_when_they_are_back():
    faults = {  # mode: what the agent says of it
        "refused": (None, "onnect"), "hang": (HANG, "imed out|timeout"),
        "error": (500, "answered 500"), "gone": (404, "answered 404"),
        "busy": (BUSY, "answered 429"),
        "moved": (REDIRECT, "answered 301, a redirection, which is not followed"),
        "cut": (CUT, "closed"), "empty": (EMPTY, "mpty reply"), "slow": (SLOW, "imed out"),
        "garbage": (GARBAGE, "HTTP/0.9"), "head": (ENDLESS_HEAD, "oo large|header"),
    }
    bad = {name: Receiver(mode, begin=mode is not None) for name, (mode, _) in faults.items()}
    well, huge, elsewhere = Receiver(), Receiver(HUGE), Receiver()
    bad["moved"].location = f"http://127.0.0.1:{elsewhere.port}/x"
    token = "Bearer token-that-nobody-sees"
    path = write_config(*(hook(name, r) for name, r in bad.items()), hook("huge", huge),
                        hook("well", well, header_files={"Authorization": secret(token)},
                             headers={"X-Source": "the test"}))
    with Agent(config=path) as a:
        wait_until(lambda: well.alerts("heartbeat"), 10, "a heartbeat")
        first = first_of(a)
        same({k: dict(well.got[0][0]).get(k) for k in ("Authorization", "X-Source")},
             {"Authorization": token, "X-Source": "the test"}, "headers")
        for name, (_, error) in faults.items():
            tell(a, name, error)

        def broken():
            open_ = {s for s, v in sinks(a).items() if v["breaker"] != "closed"}
            assert open_ >= set(faults) - {"busy"}, set(faults) - open_
            return True
        wait_until(broken, 15, "the breakers of all but the one that asked to wait")
        wait_until(lambda: len(bad["busy"].attempts) >= 2, 10, "a second attempt of that one")
        gaps = [b - a for a, b in zip(bad["busy"].attempts, bad["busy"].attempts[1:])]
        assert min(gaps) >= RETRY_AFTER - 0.05, f"Retry-After: gaps of {gaps}"
        wait_until(lambda: newest(a) >= first + 4, 10, "some heartbeats")
        metrics = a.metrics()
        same(metrics.value("bulkhead_sink_breaker_open", sink="well"), 0, "breaker of the well one")
        same(metrics.value("bulkhead_sink_sent_total", sink="refused"), 0, "sent to nobody")
        assert metrics.value("bulkhead_sink_failed_total", sink="refused") >= 5
        assert metrics.value("bulkhead_sink_retried_total", sink="refused") >= 4
        assert metrics.value("bulkhead_sink_lag", sink="refused") >= 3
        assert metrics.value("bulkhead_sink_oldest_pending_seconds", sink="refused") >= 2
        same(metrics.value("bulkhead_sink_lost_total", sink="refused"), 0, "lines that went away")
        for table in ("sink_alert_files", "sink_alert_lines", "sink_queue"):
            same(metrics.value("bulkhead_refused_total", table=table), 0, table)
        arrives(well, a, first, "the receiver that is well")
        arrives(huge, a, first, "the one with a huge answer")
        assert huge.sent < len(huge.got) * (64 << 20), f"read {huge.sent} bytes of its answers"
        not_held_up(well)
        for r in bad.values():
            r.become(OK)
        for name, r in bad.items():
            arrives(r, a, first, name)
            is_well(a, name)
            same(len(seqs(r)), len(set(seqs(r))), f"{name}: none came twice")
        is_well(a, "well")
        same(elsewhere.attempts, [], "requests to where a redirection pointed")
        not_held_up(well)
        reveals_nothing(a, "token-that-nobody-sees")


def test_tls_is_verified_and_a_certificate_that_is_good_again_is_enough():
    ca, other = Authority("ours"), Authority("another")
    good = {"ca_file": ca.file}
    cert, key = ca.issue("DNS:client")
    strange_cert, strange_key = other.issue("DNS:client")
    cases = {  # name: TLS of the receiver, settings, what the agent says
        "good": (ca.server(), good, None),
        "client": (ca.server(clients=ca),
                   {**good, "client_cert_file": cert, "client_key_file": key}, None),
        "unknown": (other.server(), good, "certificate.*(issuer|authority|signer).*(unknown|not)"),
        "system": (ca.server(), {}, "certificate.*(issuer|authority|signer).*(unknown|not)"),
        "expired": (ca.server(days=-1), good, "certificate.*expired"),
        "name": (ca.server("DNS:elsewhere.example"), good, "does not match"),
        "anonymous": (ca.server(clients=ca), good, "may want a client certificate"),
        "stranger": (ca.server(clients=ca), {**good, "client_cert_file": strange_cert,
                                             "client_key_file": strange_key},
                     "may have refused the client certificate"),
        "plain": (None, good, "TLS|SSL|gnutls"),
        "silent": (None, good, "imed out|timeout"),
    }
    receivers = {name: Receiver(tls=tls) for name, (tls, _, _) in cases.items()}
    receivers["silent"].close()
    mute = socket.create_server(("127.0.0.1", receivers["silent"].port))  # accepts, says nothing
    path = write_config(*(hook(name, receivers[name], "https", **settings)
                          for name, (_, settings, _) in cases.items()))
    with Agent(config=path) as a:
        wait_until(lambda: all(receivers[n].alerts("heartbeat") for n in ("good", "client")), 15,
                   "heartbeats by TLS")
        first = first_of(a)
        for name, (_, _, error) in cases.items():
            if error:
                tell(a, name, error)
                assert "/proc/self" not in sinks(a)[name]["error"], sinks(a)[name]
                same(receivers[name].got, [], f"{name} got")
        wait_until(lambda: newest(a) >= first + 3, 10, "some heartbeats")
        mute.close()
        for name, r in receivers.items():
            if name not in ("good", "client", "system"):
                r.become(OK, ca.server())
        for name, r in receivers.items():
            if name != "system":
                arrives(r, a, first, name)
                is_well(a, name)
        for name in ("good", "client"):
            not_held_up(receivers[name])
        # the file changes, root says so: what waited goes out
        write_config(*(hook(name, receivers[name], "https", **(settings or good))
                       for name, (_, settings, _) in cases.items()), path=path)
        a.process.send_signal(signal.SIGHUP)
        arrives(receivers["system"], a, first, "the one that lacked its CA")
        is_well(a, "system")
        reveals_nothing(a, read_text(key).splitlines()[1])


# --- names and proxies -------------------------------------------------------------------------

class Names:
    """A name server for one agent: 127.77.0.53, which its own /etc/resolv.conf names."""

    def __init__(self):
        self.mode, self.asked = "silent", 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self.socket.bind(("127.77.0.53", 53))
        except OSError as e:
            skip(f"port 53 of 127.77.0.53: {e}")
        self.file = f"{session.temp('names')}/resolv.conf"
        with open(self.file, "w") as f:
            f.write("nameserver 127.77.0.53\noptions timeout:1 attempts:1\n")
        threading.Thread(target=self._run, daemon=True).start()
        session.at_end(self.socket.close)

    def _run(self):
        while True:
            try:
                query, client = self.socket.recvfrom(4096)
            except OSError:
                return
            self.asked += 1
            mode = self.mode
            if mode == "silent":
                continue
            end = query.index(b"\0", 12) + 5
            kind = struct.unpack("!H", query[end - 4:end - 2])[0]
            known = mode == "answer" and kind == 1
            flags = 0x8183 if mode == "unknown" else 0x8180
            answer = query[:2] + struct.pack("!HHHHH", flags, 1, known, 0, 0) + query[12:end]
            if known:
                answer += struct.pack("!HHHIH4B", 0xc00c, 1, 1, 1, 4, 127, 0, 0, 1)
            self.socket.sendto(answer, client)


class NamedAgent(Agent):
    """An agent that sees another /etc/resolv.conf and an /etc/hosts without names."""

    def argv(self):
        hosts = f"{self.folder}/hosts"
        with open(hosts, "w") as f:
            f.write("127.0.0.1 localhost\n")
        mounts = f"mount --bind {NamedAgent.resolver} /etc/resolv.conf && " \
            f"mount --bind {hosts} /etc/hosts && exec \"$@\""
        return ["unshare", "--mount", "sh", "-c", mounts, "sh", *super().argv()]


class Proxy:
    """An HTTP proxy on loopback: requests with a whole address, and tunnels. Every host is
    127.0.0.1 to it."""

    def __init__(self, begin=True):
        outer = self
        self.seen, self.refuse, self.server = [], False, None
        self.port = free_port()

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *args):
                pass

            def note(self):
                outer.seen.append((self.command, self.path,
                                   self.headers.get("Proxy-Authorization")))
                if outer.refuse:
                    self.send_error(407)
                return not outer.refuse

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if not self.note():
                    return
                port = int(re.match(r"http://[^/:]+:(\d+)/", self.path).group(1))
                request = urllib.request.Request(f"http://127.0.0.1:{port}/x", body,
                                                 dict(self.headers))
                with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
                        request, timeout=5) as answer:
                    self.send_response(answer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_CONNECT(self):
                if not self.note():
                    return
                with socket.create_connection(("127.0.0.1", int(self.path.split(":")[1]))) as out:
                    self.send_response(200)
                    self.end_headers()
                    back = threading.Thread(target=outer.pump, args=(out, self.connection))
                    back.start()
                    outer.pump(self.connection, out)
                    back.join()

        self.handler = Handler
        if begin:
            self.begin()

    def begin(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), self.handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *args: None
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        session.at_end(self.server.shutdown)

    @staticmethod
    def pump(source, to):
        try:
            while data := source.recv(65536):
                to.sendall(data)
            to.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def test_names_that_do_not_resolve_and_proxies_that_are_away_are_waited_for():
    names, ca = Names(), Authority()
    named, proxied, tunnelled, guarded, well = (Receiver() for _ in range(5))
    tunnelled.tls = ca.server("DNS:inside.bulkhead.test")
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(("127.0.0.1", 0))
    datagrams.settimeout(10)
    proxy, guard = Proxy(begin=False), Proxy()
    guard.refuse = True
    at_proxy = f"http://127.0.0.1:{proxy.port}"
    path = write_config(
        hook("well", well),
        hook("named", named, url=f"http://alerts.bulkhead.test:{named.port}/x", timeout="3s"),
        sink("datagrams", "syslog", severity="debug", retry_min="50ms", retry_max="300ms",
             address=f"udp://alerts.bulkhead.test:{datagrams.getsockname()[1]}", timeout="3s"),
        hook("proxied", proxied, url=f"http://inside.bulkhead.test:{proxied.port}/x",
             proxy=at_proxy),
        hook("tunnelled", tunnelled, url=f"https://inside.bulkhead.test:{tunnelled.port}/x",
             proxy=at_proxy, ca_file=ca.file, timeout="2s"),
        hook("guarded", guarded,
             proxy_file=secret(f"http://guest:password-of-the-proxy@127.0.0.1:{guard.port}")))
    NamedAgent.resolver = names.file
    with NamedAgent(config=path) as a:
        wait_until(lambda: well.alerts("heartbeat"), 10, "a heartbeat")
        first = first_of(a)
        wait_until(lambda: names.asked, 10, "a question to the name server")
        tell(a, "named", "resolv|imed out")
        tell(a, "datagrams", "resolution|resolv|in time")
        names.mode = "unknown"
        tell(a, "named", "ould not resolve host: alerts.bulkhead.test")
        tell(a, "datagrams", "not known|No address|alerts.bulkhead.test")
        tell(a, "proxied", "onnect")
        tell(a, "tunnelled", "onnect")
        tell(a, "guarded", "407")
        wait_until(lambda: newest(a) >= first + 3, 10, "some heartbeats")
        names.mode = "answer"
        proxy.begin()
        guard.refuse = False
        for name, r in (("named", named), ("proxied", proxied), ("tunnelled", tunnelled),
                        ("guarded", guarded)):
            arrives(r, a, first, name)
            is_well(a, name)
        got = []
        while not got or got[-1] < newest(a) - 1:
            text = datagrams.recv(65536).decode()
            got.append(int(re.search(r' seq="(\d+)"', text).group(1)))
        want = [x["seq"] for x in log_lines(a) if first <= x["seq"] <= got[-1]]
        same([s for s in got if s >= first], want, "datagrams")
        arrives(well, a, first, "the receiver that is well")
        not_held_up(well)
        same({s[0] for s in proxy.seen}, {"POST", "CONNECT"}, "what the proxy was asked")
        same({s[2] for s in guard.seen},
             {"Basic " + base64.b64encode(b"guest:password-of-the-proxy").decode()},
             "credentials for the proxy")
        reveals_nothing(a, "password-of-the-proxy")


# --- what is given up, batches, forms ------------------------------------------------------------

def is_slack(j):
    attachment, = j["attachments"]
    assert j["text"] and re.fullmatch("#[0-9a-f]{6}", attachment["color"])
    assert attachment["fallback"] and all(
        set(f) == {"title", "value", "short"} and isinstance(f["short"], bool)
        for f in attachment["fields"])


def is_teams(j):
    same(j["type"], "message", "type")
    attachment, = j["attachments"]
    same(attachment["contentType"], "application/vnd.microsoft.card.adaptive", "contentType")
    card = attachment["content"]
    same((card["type"], card["version"]), ("AdaptiveCard", "1.4"), "card")
    same([b["type"] for b in card["body"]][:2], ["TextBlock", "FactSet"], "body")
    assert all(f["title"] and f["value"] for f in card["body"][1]["facts"])


def is_discord(j):
    embed, = j["embeds"]
    same(j["allowed_mentions"], {"parse": []}, "mentions")
    assert embed["title"] and len(embed["title"]) <= 256 and 0 <= embed["color"] < 1 << 24
    assert len(embed["fields"]) <= 25 and len(json.dumps(embed)) <= 6000
    assert all(0 < len(f["name"]) <= 256 and 0 < len(f["value"]) <= 1024 and "inline" in f
               for f in embed["fields"])
    assert re.match(r"\d{4}-\d\d-\d\dT", embed["timestamp"])


def is_pagerduty(j):
    p = j["payload"]
    same((j["routing_key"], j["event_action"]), ("key-of-the-rota", "trigger"), "event")
    assert j["dedup_key"] and len(j["dedup_key"]) <= 255 and len(p["summary"]) <= 1024
    assert p["severity"] in ("critical", "error", "warning", "info") and p["source"]
    assert isinstance(p["custom_details"], dict) and p["timestamp"]


def is_falcosidekick(j):
    same({k for k in j}, {"uuid", "output", "priority", "rule", "time", "source", "output_fields",
                          "hostname", "tags"}, "keys")
    same((j["priority"], j["rule"], j["source"]), ("Error", "oom-kill", "bulkhead"), "event")
    assert j["output_fields"]["container.name"], j


def about(name, bodies):
    """Those that name a container: others of the machine may run out of memory too. What is
    Markdown escapes some of its characters."""
    return [b for b in bodies if name in json.dumps(b).replace("\\", "")]


FORMS = {"slack": is_slack, "mattermost": is_slack, "teams": is_teams, "discord": is_discord,
         "pagerduty": is_pagerduty, "falcosidekick": is_falcosidekick}


def test_services_get_their_form_arrays_stay_in_order_and_what_is_given_up_is_kept():
    docker()
    services = {name: Receiver() for name in FORMS}
    batch, dying, picky, tested = Receiver(503), Receiver(503), Receiver(), Receiver()
    picky.picky = lambda body: json.loads(body)["seq"] % 2 == 1
    own = {name: {"format": name, "kind": ["resource"]} for name in FORMS}
    own["pagerduty"]["routing_key_file"] = secret("key-of-the-rota")
    # a chat's address is the secret itself
    own["slack"].update(url=None, url_file=secret(
        f"http://127.0.0.1:{services['slack'].port}/services/T00/secret-of-the-chat"))
    path = write_config(
        *(hook(name, r, **own[name]) for name, r in services.items()),
        hook("batch", batch, batch=4, hmac_key_file=secret("key-of-the-test")),
        hook("dying", dying, dead_after="2s"), hook("picky", picky),
        hook("tested", tested, severity="error", kind=["mining"]))
    with Agent(config=path) as a:
        wait_until(lambda: len(picky.attempts) >= 1, 10, "a heartbeat")
        first = first_of(a)
        with Running("forms", ["alloc", "oom"],
                     {"Memory": 32 * MIB, "MemorySwap": 32 * MIB}) as c:
            docker().ready(c.id, 40)
            for name, r in services.items():
                body = wait_until(lambda: about(c.name, r.bodies()), 15, f"the alert at {name}")[0]
                FORMS[name](body)
        raise_test(a, "tested")
        same(wait_until(lambda: tested.alerts("test"), 5, "the test")[0][1]["sink"], "tested", "it")
        same(len(tested.got), 1, "what else came there")
        wait_until(lambda: len(dead_letters(a, "dying")) >= 3, 15, "dead letters")
        wait_until(lambda: sinks(a)["batch"]["breaker"] == "open", 10, "an open breaker")
        wait_until(lambda: newest(a) >= first + 8, 15, "enough for two arrays")
        batch.become(OK)
        dying.become(OK)
        arrives(batch, a, first, "in arrays", but={"test"})
        longest = max(len(b) for b in batch.bodies())
        assert 2 <= longest <= 4, f"the longest array has {longest}"
        headers, body, _ = batch.got[-1]
        sent, mac = re.fullmatch(r"t=(\d+),v1=(\w+)", headers["X-Bulkhead-Signature"]).groups()
        same(hmac_by_openssl("key-of-the-test", sent.encode() + b"." + body), mac, "signature")

        last = newest(a)
        wait_until(lambda: max(seqs(dying), default=0) >= last, 15, "what did not die")
        dead = [d["alert"]["seq"] for d in dead_letters(a, "dying")]
        assert all("not delivered in time" in d["reason"] and "503" in d["reason"]
                   for d in dead_letters(a, "dying")), dead_letters(a, "dying")[:1]
        both = dead + seqs(dying)
        want = [x["seq"] for x in log_lines(a) if x["seq"] >= first and x["kind"] != "test"]
        got = [s for s in both if s >= first]
        same(got, want[:len(got)], "dead letters and then what arrived")

        odd = [x["seq"] for x in log_lines(a)
               if first <= x["seq"] <= last and x["seq"] % 2 and x["kind"] != "test"]
        wait_until(lambda: {d["alert"]["seq"] for d in dead_letters(a, "picky")} >= set(odd), 5,
                   "what was refused for good")
        assert all(s % 2 == 0 for s in seqs(picky)), seqs(picky)
        same(sinks(a)["picky"]["breaker"], "closed", "breaker of one that answers")
        wait_until(lambda: a.metrics().value("bulkhead_sink_dead_total", sink="dying") == len(dead),
                   5, f"{len(dead)} dead in the metrics")
        reveals_nothing(a, "key-of-the-rota", "secret-of-the-chat", "key-of-the-test")
