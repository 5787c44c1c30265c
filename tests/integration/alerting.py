# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests of alerts share: a receiver on loopback that can misbehave in every way that we know,
certificates, the configuration with its sinks, and what the agent says of them."""

import http.server
import json
import os
import socket
import ssl
import struct
import subprocess
import threading
import time

from harness import run, wait_until
from session import session

# How a receiver misbehaves, by the name of its mode; a number is a status that it answers.
OK, HANG, CUT, EMPTY, SLOW, HUGE, GARBAGE, ENDLESS_HEAD, REDIRECT, BUSY = (
    "ok", "hang", "cut", "empty", "slow", "huge", "garbage", "endless head", "redirect", "busy")
RETRY_AFTER = 2  # seconds, of BUSY


class _Server(http.server.ThreadingHTTPServer):
    allow_reuse_address = True
    receiver = None

    def get_request(self):
        connection, address = super().get_request()
        context = self.receiver.tls
        if context:  # the handshake is left to the connection's own thread
            connection = context.wrap_socket(connection, server_side=True,
                                             do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request, address):
        pass  # broken connections are what these tests are about


class Receiver:
    """An HTTP server on loopback that keeps what it takes, and answers as it is told."""

    def __init__(self, mode=OK, tls=None, port=0, begin=True):
        self.got, self.attempts, self.lock = [], [], threading.Lock()
        self.mode, self.tls, self.location, self.sent = mode, tls, None, 0
        self.picky = None  # a body for which this is true is answered with 400
        self.server, self.changed = None, threading.Event()
        with socket.socket() as s:
            s.bind(("127.0.0.1", port))
            self.port = s.getsockname()[1]
        if begin:
            self.begin()
        session.at_end(self.close)

    def begin(self):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                outer._answer(self, self.rfile.read(int(self.headers["Content-Length"])))

            def log_message(self, *args):
                pass

        self.server = _Server(("127.0.0.1", self.port), Handler)
        self.server.receiver = self
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def become(self, mode, tls=None):
        """From now on; what hangs is let go."""
        if tls is not None:
            self.tls = tls
        with self.lock:
            self.mode = mode
        self.changed.set()
        self.changed = threading.Event()
        if self.server is None:
            self.begin()

    def _answer(self, handler, body):
        with self.lock:
            mode, now, changed = self.mode, time.time(), self.changed
            if mode == OK and self.picky and self.picky(body):
                mode = 400
            self.attempts.append(now)
            if mode in (OK, HUGE):
                self.got.append((dict(handler.headers), body, now))
        handler.close_connection = mode != OK
        try:
            self._misbehave(handler, mode, changed)
        except OSError:
            handler.close_connection = True

    def _misbehave(self, handler, mode, changed):
        out = handler.wfile
        if mode == OK or isinstance(mode, int) or mode in (REDIRECT, BUSY):
            status = {OK: 200, REDIRECT: 301, BUSY: 429}.get(mode, mode)
            handler.send_response(status)
            if mode == REDIRECT:
                handler.send_header("Location", self.location)
            if mode == BUSY:
                handler.send_header("Retry-After", str(RETRY_AFTER))
            handler.send_header("Content-Length", "0")
            handler.end_headers()
        elif mode == HANG:
            changed.wait(60)
        elif mode == CUT:
            out.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of")
        elif mode == GARBAGE:
            out.write(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")
        elif mode == SLOW:
            for c in b"HTTP/1.1 200 OK\r\nX-Slow: " + 2000 * b"x":
                out.write(bytes([c]))
                if changed.wait(0.05):
                    return
        elif mode == ENDLESS_HEAD:
            out.write(b"HTTP/1.1 200 OK\r\n")
            for i in range(100000):
                out.write(b"X-%d: %s\r\n" % (i, 100 * b"x"))
        elif mode == HUGE:
            out.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (1 << 30))
            while True:
                out.write(65536 * b"x")
                self.sent += 65536

    def alerts(self, kind=None):
        """(headers, alert) of each, arrays taken apart, in the order in which they came."""
        with self.lock:
            got = list(self.got)
        found = []
        for headers, body, _ in got:
            alerts = json.loads(body)
            found += [(headers, a) for a in (alerts if isinstance(alerts, list) else [alerts])]
        return [(h, a) for h, a in found if kind is None or a["kind"] == kind]

    def bodies(self):
        with self.lock:
            return [json.loads(body) for _, body, _ in self.got]

    def close(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None
            self.changed.set()


def seqs(receiver):
    return [a["seq"] for _, a in receiver.alerts()]


# --- configuration ----------------------------------------------------------------------------

def sink(sink_name, sink_type="webhook", **settings):
    """The lines of one sink. Values that are maps or lists are YAML's flow form, which JSON is."""
    lines = [f"    - type: {sink_type}", f"      name: {sink_name}"]
    for key, value in settings.items():
        text = value if isinstance(value, str) else json.dumps(value)
        lines.append(f"      {key}: {text}")
    return "\n".join(lines) + "\n"


def hook(sink_name, receiver, scheme="http", **settings):
    """A webhook that tries again soon."""
    wanted = {"url": f"{scheme}://127.0.0.1:{receiver.port}/x", "severity": "debug",
              "retry_min": "50ms", "retry_max": "300ms", "timeout": "500ms"}
    wanted.update(settings)
    return sink(sink_name, **{k: v for k, v in wanted.items() if v is not None})


def write_config(*sinks, more="  heartbeat: 1s\n", path=None):
    path = path or f"{session.temp('alerts')}/bulkhead.yaml"
    with open(path, "w") as f:
        f.write(f"alerts:\n  window: 0s\n{more}  sinks:\n{''.join(sinks)}")
    return path


def with_sink(receiver, extra="", more=""):
    """The least: one webhook."""
    text = sink("hook", url=f"http://127.0.0.1:{receiver.port}/x", retry_min="100ms",
                retry_max="500ms")
    return write_config(text + extra, more=more)


def secret(text, name="secret"):
    path = f"{session.temp('key')}/{name}"
    with open(path, "w") as f:
        f.write(text)
    return path


# --- what the agent says -----------------------------------------------------------------------

def log_lines(a, log="alerts"):
    lines = []
    for name in os.listdir(f"{a.state_dir}/{log}"):
        if name.endswith(".jsonl"):
            with open(f"{a.state_dir}/{log}/{name}") as f:
                lines += [json.loads(line) for line in f if line.endswith("\n")]
    return sorted(lines, key=lambda r: r["seq"])


def newest(a):
    return log_lines(a)[-1]["seq"]


def sinks(a):
    """What the API says of each sink, by name."""
    return {s["name"]: s for s in a.json("/api/v1/sinks")["sinks"]}


def dead_letters(a, name):
    try:
        with open(f"{a.state_dir}/serve/sinks/{name}.dead.jsonl") as f:
            return [json.loads(line) for line in f]
    except FileNotFoundError:
        return []


def arrives(receiver, a, first, what, timeout=20, but=()):
    """Waits until all lines of the log from `first` on came, but for those kinds; in order."""
    last = newest(a)
    wait_until(lambda: seqs(receiver) and max(seqs(receiver)) >= last, timeout,
               f"{what}: all up to {last}")
    order = list(dict.fromkeys(seqs(receiver)))
    want = [x["seq"] for x in log_lines(a) if first <= x["seq"] <= last and x["kind"] not in but]
    got = [s for s in order if first <= s <= last]
    assert got == want, f"{what}: got {got}, wanted {want}"


def command(a, path, query=""):
    """A command at root's socket, where the command line has none: (status, JSON)."""
    def text(s):
        return struct.pack("<H", len(s)) + s.encode()
    payload = struct.pack("<BI", 6, 0) + text(path) + text(query) + text("")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        s.settimeout(10)
        s.connect(f"{a.run_dir}/bulkhead.sock")
        s.send(struct.pack("<HHIII", 1, 4, 1, len(payload), 0) + payload)
        answer = s.recv(65536)[16:]
    status, _, _, n = struct.unpack_from("<HBQI", answer)
    return status, json.loads(answer[15:15 + n] or b"{}")


def raise_test(a, name):
    status, answer = command(a, f"/api/v1/sinks/{name}/test")
    assert status == 200, f"test of the sink {name}: {status} {answer}"


# --- certificates ------------------------------------------------------------------------------

class Authority:
    """A certificate authority of the test, by openssl."""

    def __init__(self, name="test"):
        self.folder, self.made = session.temp("ca"), 0
        self.file = f"{self.folder}/ca.pem"
        run("openssl", "req", "-x509", *self.KEY, "-keyout", f"{self.folder}/ca.key", "-out",
            self.file, "-subj", f"/CN={name}", "-days", "2")

    KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")

    def issue(self, names="IP:127.0.0.1", days=2):
        """(certificate file, key file)"""
        self.made += 1
        base = f"{self.folder}/{self.made}"
        with open(f"{base}.ext", "w") as f:
            f.write(f"subjectAltName={names}\n")
        run("openssl", "req", *self.KEY, "-keyout", f"{base}.key", "-out", f"{base}.csr", "-subj",
            f"/CN=test {self.made}")
        run("openssl", "x509", "-req", "-in", f"{base}.csr", "-CA", self.file, "-CAkey",
            f"{self.folder}/ca.key", "-set_serial", str(self.made), "-days", str(days), "-extfile",
            f"{base}.ext", "-out", f"{base}.pem")
        return f"{base}.pem", f"{base}.key"

    def server(self, names="IP:127.0.0.1", days=2, clients=None):
        """A TLS context of a server; clients: the authority that its clients must be of."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.issue(names, days))
        if clients:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(clients.file)
        return context


def hmac_by_openssl(key, text):
    done = subprocess.run(["openssl", "dgst", "-sha256", "-hmac", key], input=text,
                          stdout=subprocess.PIPE, check=True)
    return done.stdout.split()[-1].decode()
