# SPDX-License-Identifier: GPL-2.0-or-later
"""Alerts at the programs that people run: a real Alertmanager, a real rsyslogd on its four ways in,
a real systemd-journald (a namespace of its own), a file and standard output. What has an end here
is the alert of a configuration that was refused; what has none is a kill for want of memory."""

import calendar
import glob
import json
import os
import re
import shutil
import signal
import socket
import time

from alerting import (Authority, Receiver, log_lines, newest, raise_test, sink, sinks, write_config)
from boxes import Running
from harness import Agent, free_port, http_get, need, run, same, skip, wait_until
from runtimes import docker
from session import read_text, session

MIB = 1 << 20
OOM = {"Memory": 32 * MIB, "MemorySwap": 32 * MIB}


def seconds(rfc3339):
    whole, _, rest = rfc3339.partition(".")
    return calendar.timegm(time.strptime(whole.rstrip("Z"), "%Y-%m-%dT%H:%M:%S")) \
        + float("0." + (re.match(r"\d*", rest).group() or "0"))


def reload(a, path, text):
    with open(path, "w") as f:
        f.write(text)
    a.process.send_signal(signal.SIGHUP)


# --- Alertmanager --------------------------------------------------------------------------------

class Alertmanager:
    """One of its own data folder, alone, that forgets after two seconds and tells a receiver."""

    def __init__(self, receiver):
        need("prometheus-alertmanager")
        self.folder, self.port = session.temp("alertmanager"), free_port()
        with open(f"{self.folder}/config.yml", "w") as f:
            f.write("global:\n  resolve_timeout: 2s\nroute:\n  receiver: test\n"
                    "  group_by: ['...']\n  group_wait: 0s\n  group_interval: 1s\n"
                    "  repeat_interval: 1h\nreceivers:\n"
                    "  - name: test\n    webhook_configs:\n      - send_resolved: true\n"
                    f"        url: http://127.0.0.1:{receiver.port}/\n")
        self.start()
        session.at_end(self.kill)

    def start(self):
        self.process = session.start(
            ["prometheus-alertmanager", f"--config.file={self.folder}/config.yml",
             f"--storage.path={self.folder}/data", "--cluster.listen-address=",
             f"--web.listen-address=127.0.0.1:{self.port}"], f"{self.folder}/log", cwd=self.folder)
        wait_until(lambda: http_get(self.port, "/-/ready").status == 200, 30, "Alertmanager")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def alerts(self, name, container=None):
        """What is active, as people see it."""
        found = http_get(self.port, "/api/v2/alerts?active=true").json()
        return [x for x in found if x["labels"]["alertname"] == name
                and x["labels"].get("container") == container]


def test_alertmanager_shows_what_fires_until_it_is_resolved_also_over_restarts():
    told = Receiver()
    am = Alertmanager(told)
    docker()
    path = write_config(
        sink("am", "alertmanager", url=f"http://127.0.0.1:{am.port}/", resend="1s", hold="4s",
             severity="debug", kind=["internal", "resource"], retry_min="50ms",
             retry_max="300ms"), more="")
    good = read_text(path)
    with Agent(config=path) as a:
        reload(a, path, "no: configuration\n")
        line = wait_until(lambda: [x for x in log_lines(a) if x["state"] == "firing"], 10,
                          "an alert that has an end")[0]
        name = line["rule"]
        shown, = wait_until(lambda: am.alerts(name), 10, f"{name} in Alertmanager")
        same({k: shown["labels"].get(k) for k in ("severity", "kind", "instance")},
             {"severity": line["severity"], "kind": "internal", "instance": os.uname().nodename},
             "labels")
        assert all(re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", k) for k in shown["labels"]), shown
        same((shown["annotations"]["summary"], shown["annotations"]["id"]),
             (line["title"], line["id"]), "annotations")
        same(shown["status"]["state"], "active", "state")
        assert abs(seconds(shown["startsAt"]) - seconds(line["first_time"])) < 0.01, shown

        with Running("paged", ["alloc", "oom"], OOM) as c:
            shown, = wait_until(lambda: am.alerts("oom-kill", c.name), 15,
                                "the kill in Alertmanager")
            same({k: shown["labels"].get(k) for k in ("container", "container_id", "severity")},
                 {"container": c.name, "container_id": c.id[:12], "severity": "error"}, "labels")
            assert c.name in shown["annotations"]["description"] \
                and shown["annotations"]["recommended"], shown["annotations"]
            held = seconds(shown["endsAt"]) - time.time()
            assert 1 < held <= 4.2, f"a kill has no end: shown for {held:.1f} s"

        def repeated():  # beyond both its first end and what Alertmanager forgets by itself
            x, = am.alerts(name)
            return seconds(x["updatedAt"]) - seconds(x["startsAt"]) > 6
        wait_until(repeated, 15, "the alert, sent again and again")
        wait_until(lambda: not am.alerts("oom-kill", c.name), 10,
                   "the end of the one without an end")

        os.kill(a.serve_pid(), signal.SIGKILL)  # what fires is on disk, so the next one goes on
        am.kill()
        wait_until(lambda: re.search("onnect", sinks(a)["am"].get("error", "")), 10,
                   "what the sink says of it")
        am.start()
        wait_until(lambda: am.alerts(name), 10, f"{name} in an Alertmanager that began anew")

        reload(a, path, good)
        wait_until(lambda: not am.alerts(name), 10, f"the end of {name}")

        def ends():
            return {(x["labels"]["alertname"], x["status"]) for b in told.bodies()
                    for x in b["alerts"]}
        wait_until(lambda: ends() >= {(name, "firing"), (name, "resolved"), ("oom-kill", "firing"),
                                      ("oom-kill", "resolved")}, 10, "what Alertmanager told")
        resolved = [x for b in told.bodies() for x in b["alerts"]
                    if (x["labels"]["alertname"], x["status"]) == (name, "resolved")]
        end = next(x for x in log_lines(a) if x["state"] == "resolved" and x["rule"] == name)
        assert abs(seconds(resolved[-1]["endsAt"]) - seconds(end["time"])) < 0.01, (resolved, end)
        s = sinks(a)["am"]
        same((s["dead"], s["lost"], s["breaker"]), (0, 0, "closed"), "the sink")


# --- syslog --------------------------------------------------------------------------------------

class Rsyslog:
    """rsyslogd with a configuration, a folder and a pid file of the test: a local socket, UDP, TCP
    and TLS. Each message becomes a line of JSON, as rsyslog understood it, in a file of its way."""

    WAYS = ("local", "udp", "tcp", "tls")

    def __init__(self, authority):
        need("rsyslogd")
        if not glob.glob("/usr/lib/*/rsyslog/lmnsd_gtls.so"):
            skip("rsyslog-gnutls is not installed")
        self.folder = session.temp("rsyslog")
        self.socket = f"{self.folder}/log.sock"
        self.udp, self.tcp, self.tls = free_port(), free_port(), free_port()
        cert, key = authority.issue()
        with open(f"{self.folder}/rsyslog.conf", "w") as f:
            f.write(f"""
global(workDirectory="{self.folder}" maxMessageSize="128k"
       parser.escapeControlCharactersOnReceive="off"
       defaultNetstreamDriverCAFile="{authority.file}"
       defaultNetstreamDriverCertFile="{cert}" defaultNetstreamDriverKeyFile="{key}")
module(load="imuxsock" SysSock.Use="off")
module(load="imudp")
module(load="imptcp")
module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="anon")
template(name="all" type="string" string="%jsonmesg%\\n")
ruleset(name="local") {{ action(type="omfile" file="{self.folder}/local" template="all") }}
ruleset(name="udp") {{ action(type="omfile" file="{self.folder}/udp" template="all") }}
ruleset(name="tcp") {{ action(type="omfile" file="{self.folder}/tcp" template="all") }}
ruleset(name="tls") {{ action(type="omfile" file="{self.folder}/tls" template="all") }}
input(type="imuxsock" Socket="{self.socket}" UseSpecialParser="off" ParseHostname="on"
      ruleset="local")
input(type="imudp" address="127.0.0.1" port="{self.udp}" ruleset="udp")
input(type="imptcp" address="127.0.0.1" port="{self.tcp}" ruleset="tcp")
input(type="imtcp" address="127.0.0.1" port="{self.tls}" ruleset="tls")
""")
        self.start()
        session.at_end(self.stop)

    def start(self):
        self.process = session.start(
            ["rsyslogd", "-n", "-f", f"{self.folder}/rsyslog.conf", "-i", f"{self.folder}/pid"],
            f"{self.folder}/log", cwd=self.folder)

        def ready():
            os.chmod(self.socket, 0o666)
            for port in (self.tcp, self.tls):
                socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        wait_until(ready, 10, f"rsyslogd\n{read_text(f'{self.folder}/log', '')[-2000:]}")

    def stop(self):
        self.process.terminate()
        self.process.wait(10)

    def messages(self, way):
        lines = read_text(f"{self.folder}/{way}", "").split("\n")[:-1]
        return [json.loads(line) for line in lines]


HEADER = re.compile(r"<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}Z) (\S{1,255}) "
                    r"bulkhead - (\S{1,32}) (\[.*?[^\\]\]) (.*)", re.S)
PARAMETER = re.compile(r' ([^ ="\]]{1,32})="((?:[^"\\\]]|\\["\\\]])*)"', re.S)


SEVERITIES = "emergency alert critical error warning notice info debug".split()


def rfc5424(raw):
    """(priority, time, host, kind, parameters, text), by a strict reading of the grammar."""
    assert not re.search(r"[\x00-\x1f\x7f]", raw), f"control bytes: {raw!r}"
    head = HEADER.fullmatch(raw)
    assert head, f"no message of RFC 5424: {raw!r}"
    priority, stamp, host, kind, data, text = head.groups()
    inside = re.fullmatch(r"\[bulkhead@32473((?:%s)*)\]" % PARAMETER.pattern, data)
    assert inside, f"structured data: {data!r}"
    found = {k: re.sub(r'\\(["\\\]])', r"\1", v) for k, v in PARAMETER.findall(inside.group(1))}
    return int(priority), stamp, host, kind, found, text


class Journal:
    """systemd-journald with a namespace of the test. Its files go to the test's folder."""

    def __init__(self):
        self.namespace = session.name
        self.folder = session.temp("journal")
        self.run = f"/run/systemd/journal.{self.namespace}"
        program = "/lib/systemd/systemd-journald"
        if not os.access(program, os.X_OK):
            skip("systemd-journald is not installed")
        os.makedirs(f"{self.folder}/log/journal")
        os.makedirs(f"{self.folder}/run")
        os.makedirs(self.run)
        session.at_end(self.stop)
        mounts = f"mkdir -p /run/log && mount --bind {self.folder}/log /var/log && " \
            f"mount --bind {self.folder}/run /run/log && exec {program} {self.namespace}"
        self.process = session.start(["unshare", "--mount", "sh", "-c", mounts],
                                     f"{self.folder}/out", cwd="/")
        self.socket = f"{self.run}/socket"
        wait_until(lambda: os.path.exists(self.socket), 10, "systemd-journald")

    def entries(self):
        folders = glob.glob(f"{self.folder}/*/journal/*.{self.namespace}")
        out = run("journalctl", "--directory", folders[0], "-o", "json", "--all",
                  "SYSLOG_IDENTIFIER=bulkhead").stdout
        return [json.loads(line) for line in out.splitlines()]

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)
        shutil.rmtree(self.run, ignore_errors=True)


# A name of a program that would break a line, a quoted value and a terminal.
HOSTILE = 'a\nb"]\\\x1b[1m'


def wait_all(read, a, first, what, timeout=20):
    """Waits until all lines from `first` on came to `read`, in order and once."""
    last = newest(a)
    wait_until(lambda: max(read(), default=0) >= last, timeout, f"{what}: all up to {last}")
    want = [x["seq"] for x in log_lines(a) if first <= x["seq"] <= last]
    same([s for s in read() if first <= s <= last], want, what)


def test_syslog_the_journal_a_file_and_standard_output_get_every_alert():
    authority = Authority()
    syslog, journal = Rsyslog(authority), Journal()
    docker()
    soon = {"severity": "debug", "retry_min": "50ms", "retry_max": "300ms"}
    path = write_config(
        sink("local", "syslog", address=f"unix:{syslog.socket}", **soon),
        sink("udp", "syslog", address=f"udp://127.0.0.1:{syslog.udp}", facility="local3", **soon),
        sink("tcp", "syslog", address=f"tcp://127.0.0.1:{syslog.tcp}", format="json", **soon),
        sink("tls", "syslog", address=f"tls://127.0.0.1:{syslog.tls}", ca_file=authority.file,
             **soon),
        sink("strange", "syslog", address=f"tls://127.0.0.1:{syslog.tls}", **soon),
        sink("journal", "journald", socket=journal.socket, **soon),
        sink("file", "file", path="alerts.jsonl", **soon), sink("stdout", "stdout", **soon))
    with Agent(config=path) as a:
        first = wait_until(lambda: log_lines(a), 10, "a heartbeat")[0]["seq"]
        start = 'while [ ! -e /tmp/go ]; do cp /bin/alloc "/tmp/$0"; > /tmp/go; done; ' \
            'exec "/tmp/$0" oom'
        with Running("hostile", ["sh", "-c", start, HOSTILE], OOM) as c:
            kill = wait_until(lambda: [x for x in log_lines(a) if x["kind"] == "resource"
                                       and x["container"]["name"] == c.name], 15, "the kill")[0]

        def numbers(way):
            return [int(rfc5424(m["rawmsg"])[4]["seq"]) for m in syslog.messages(way)]
        for way in Rsyslog.WAYS:
            wait_all(lambda: numbers(way), a, first, way)
        wait_until(lambda: re.search("certificate.*(unknown|not)", sinks(a)["strange"]["error"]),
                   10, "the error of a sink that does not know the authority")
        check_syslog(syslog, log_lines(a), kill, c)

        own = f"{a.state_dir}/serve/files/alerts.jsonl"
        of_file, of_stdout = lines_of(own), lines_of(a.out_path)
        wait_all(lambda: [x["seq"] for x in of_file()], a, first, "file")
        wait_all(lambda: [x["seq"] for x in of_stdout()], a, first, "standard output")
        same(next(x for x in of_file() if x["id"] == kill["id"]), kill, "the line of the file")
        same(os.stat(own).st_mode & 0o777, 0o600, "mode of the file")
        check_journal(journal, a, first, kill, c)

        # both go away, right after an alert came; a shipper renames the file
        os.rename(own, own + ".yesterday")
        last = newest(a)
        wait_until(lambda: newest(a) > last and numbers("tcp")[-1] == newest(a), 5, "an alert")
        syslog.stop()
        last = newest(a)
        for name in ("local", "tcp", "tls"):
            wait_until(lambda: sinks(a)[name].get("error"), 10, f"the error of {name}")
        wait_until(lambda: newest(a) >= last + 2, 10, "alerts of the outage")
        syslog.start()
        for way in ("local", "tcp", "tls"):
            wait_all(lambda: numbers(way), a, first, f"{way} after the outage")
        raise_test(a, "file")
        wait_until(lambda: [x for x in of_file() if x["kind"] == "test"], 5, "the test in the file")
        both = [x["seq"] for x in lines_of(own + ".yesterday")() + of_file()]
        same(both, sorted(set(both)), "the renamed file and the new one")
        same(both, [x["seq"] for x in log_lines(a) if first <= x["seq"] <= both[-1]], "both")
        same({n: s["lost"] + s["dead"] for n, s in sinks(a).items()}, {n: 0 for n in sinks(a)},
             "lost and dead")


def lines_of(path):
    """A reader of what is JSON there: standard output has the login link too."""
    def read():
        return [json.loads(x) for x in read_text(path, "").split("\n")[:-1] if x[:1] == "{"]
    return read


def check_syslog(syslog, log, kill, c):
    severity = {x["seq"]: SEVERITIES.index(x["severity"]) for x in log}
    for way in Rsyslog.WAYS:
        for m in syslog.messages(way):
            priority, stamp, host, kind, data, text = rfc5424(m["rawmsg"])
            facility = 19 if way == "udp" else 3
            want = severity[int(data["seq"])]
            same(priority, facility * 8 + want, f"{way}: priority of {kind}")
            same((m["syslogseverity"], m["syslogfacility"]), (str(want), str(facility)),
                 f"{way}: as rsyslog reads it")
            same((m["programname"], m["msgid"], m["hostname"]),
                 ("bulkhead", kind, os.uname().nodename), f"{way}: head")
            same((host, m["protocol-version"], data["kind"]), (m["hostname"], "1", kind), way)
        raw = next(m["rawmsg"] for m in syslog.messages(way) if kill["id"] in m["rawmsg"])
        same(rfc5424(raw)[0] % 8, 3, f"{way}: severity of a kill")
        _, stamp, _, _, data, text = rfc5424(raw)
        same((data["id"], data["state"], data["rule"], data["container"], data["container_id"]),
             (kill["id"], "new", "oom-kill", c.name, c.id), f"{way}: structured data")
        if kill.get("process"):
            same(data["comm"], re.sub(r"[\x00-\x1f\x7f]", " ", kill["process"]["comm"]), way)
        assert abs(seconds(stamp) - seconds(kill["time"])) < 0.002, (stamp, kill["time"])
        if way == "tcp":
            same(json.loads(text), kill, "the whole record")
        else:
            assert text.startswith("[ERROR] Out of memory") and c.name in text, text


def check_journal(journal, a, first, kill, c):
    wait_all(lambda: [int(e["BULKHEAD_SEQ"]) for e in journal.entries()], a, first, "journal")
    entry = next(e for e in journal.entries() if e["BULKHEAD_ID"] == kill["id"])
    same({k: entry.get(k) for k in ("PRIORITY", "BULKHEAD_ID", "CONTAINER_NAME", "CONTAINER_ID",
                                    "CONTAINER_ID_FULL", "BULKHEAD_RULE")},
         {"PRIORITY": "3", "BULKHEAD_ID": kill["id"], "CONTAINER_NAME": c.name,
          "CONTAINER_ID": c.id[:12], "CONTAINER_ID_FULL": c.id, "BULKHEAD_RULE": "oom-kill"},
         "fields")
    assert "Out of memory" in entry["MESSAGE"] and c.name in entry["MESSAGE"], entry["MESSAGE"]
    same(json.loads(entry["BULKHEAD_ALERT"]), kill, "the whole record")
    if kill.get("process"):
        comm = entry["BULKHEAD_COMM"]  # a list of bytes when it is no plain text
        same(bytes(comm).decode() if isinstance(comm, list) else comm, kill["process"]["comm"],
             "a value with a line's end in it")
    same(next(e for e in journal.entries() if e["BULKHEAD_KIND"] == "heartbeat")["PRIORITY"], "6",
         "priority of a heartbeat")
