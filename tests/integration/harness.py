# SPDX-License-Identifier: GPL-2.0-or-later
"""What every integration test uses: the agent under test, HTTP, waiting, skipping, comparing."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import time

from exposition import Exposition
from session import alive, all_pids, kill, read_text, session

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BULKHEAD_BUILD", os.path.join(REPO, "build"))
DAEMON = os.path.join(BUILD, "bulkheadd")
CLIENT = os.path.join(BUILD, "bulkhead")
ALLOC = os.path.join(BUILD, "tests/integration/alloc")
DOER = os.path.join(BUILD, "tests/integration/doer")


class Skip(Exception):
    """This machine cannot run the test; the text says why."""


class Timeout(AssertionError):
    pass


def skip(reason):
    raise Skip(reason)


def need(*programs):
    """Skips the test where a program is not installed."""
    for name in programs:
        if not any(os.access(os.path.join(d, name), os.X_OK)
                   for d in ("/usr/bin", "/usr/sbin", "/bin", "/sbin")):
            skip(f"{name} is not installed")


def wait_until(fn, timeout, what, step=0.05):
    """Polls fn until it returns something true, and returns that. fn may raise while it waits: the
    last problem is part of the message."""
    end = time.monotonic() + timeout
    problem = None
    while True:
        try:
            result = fn()
            if result:
                return result
        except (OSError, AssertionError, http.client.HTTPException, ValueError, KeyError,
                TypeError) as e:  # TypeError: a figure that is null so far
            problem = e
        if time.monotonic() >= end:
            raise Timeout(f"not within {timeout} s: {what}"
                          + (f" ({problem!r})" if problem else ""))
        time.sleep(step)


def seconds_until(fn, timeout, what):
    begin = time.monotonic()
    wait_until(fn, timeout, what, step=0.02)
    return time.monotonic() - begin


def close_to(got, want, share, what):
    assert got is not None, f"{what}: nothing, wanted {want}"
    assert abs(got - want) <= share * want, \
        f"{what}: {got}, wanted {want} within {share:.0%} (off by {(got - want) / want:+.2%})"


def same(got, want, what):
    assert got == want, f"{what}: {got!r}, wanted {want!r}"


def run(*argv, check=True, **more):
    """Runs a program, returns its CompletedProcess with text output."""
    done = subprocess.run(argv, capture_output=True, text=True, errors="surrogateescape",
                          timeout=more.pop("timeout", 120), **more)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, argv))}: exit {done.returncode}\n"
                             f"{done.stdout}{done.stderr}")
    return done


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


def http_get(port, path, headers=None, host="127.0.0.1", method="GET", timeout=10, body=None):
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        r = connection.getresponse()
        return Answer(r.status, r.headers, r.read())
    finally:
        connection.close()


agents = []  # that ran during the current test: the runner shows their logs when it fails


class Agent:
    """bulkheadd with a state and run folder of its own. Usable in `with`."""

    def __init__(self, settings=None, config=None, folder=None, rounds=True, ready=True,
                 arguments=(), port=None):
        self.folder = folder or session.temp("agent")
        self.port = port or free_port()
        self.settings = {"user": "auto", **self.quiet(config, arguments), **(settings or {})}
        self.config = config
        self.arguments = list(arguments)
        self.process = self.token = None
        self.log_path = f"{self.folder}/log"
        self.out_path = f"{self.folder}/out"
        self.state_dir, self.run_dir = f"{self.folder}/state", f"{self.folder}/run"
        self.start(ready)
        if ready and rounds:
            wait_until(lambda: self.metrics().find("container_last_seen", id="/"), 5,
                       "the first sample of the machine")

    @staticmethod
    def quiet(config, arguments):
        """Rules and baselines are on by default: only a test that names some has any."""
        text = read_text(config, "") if config else ""
        named = "--rules" in arguments or re.search(r"^rules:", text, re.M)
        off = [part for part in ("baseline", "isolation", "posture", "tables", "mining")
               if not re.search(rf"^{part}:", text, re.M)]
        return {**({} if named else {"rules.files": ""}),
                **{f"{part}.enabled": "false" for part in off}}

    def argv(self):
        argv = [DAEMON, "--listen", f"127.0.0.1:{self.port}", "--state-dir", self.state_dir,
                "--run-dir", self.run_dir, "--log-level", "info", "--print-login-link"]
        if self.config is not None:
            argv += ["--config", self.config]
        for key, value in self.settings.items():
            argv += ["--set", f"{key}={value}"]
        return argv + self.arguments

    def start(self, ready=True):
        assert os.access(DAEMON, os.X_OK), f"{DAEMON} is not built"
        with open(self.out_path, "wb") as out:
            self.process = session.start(self.argv(), self.log_path, stdout=out, cwd="/")
        if self not in agents:
            agents.append(self)
            session.at_end(self.kill)
        if ready:
            self.wait_ready()

    def wait_ready(self, timeout=10):
        def link():
            if self.process.poll() is not None:
                raise RuntimeError(f"the agent ended with {self.process.returncode}")
            return re.search(r"^login=(\S+token=(bh_\S+))$", read_text(self.out_path), re.M)
        self.token = wait_until(link, timeout, "the login link").group(2)
        wait_until(lambda: self.get("/readyz", token=None).status == 200, timeout, "/readyz")

    @property
    def pid(self):
        return self.process.pid

    def serve_pid(self):
        """Process id of `bulkhead serve`, or None."""
        for pid in all_pids():
            stat = read_text(f"/proc/{pid}/stat", "")
            if stat and stat.rpartition(")")[2].split()[1] == str(self.pid) and alive(pid) \
                    and "\0serve\0" in read_text(f"/proc/{pid}/cmdline", ""):
                return pid
        return None

    def get(self, path, token="own", headers=None, **more):
        headers = dict(headers or {})
        if token == "own":
            token = self.token
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return http_get(self.port, path, headers, **more)

    def json(self, path):
        answer = self.get(path)
        assert answer.status == 200, f"{path}: {answer.status} {answer.body[:300]!r}"
        return answer.json()

    def metrics(self):
        answer = self.get("/metrics", token=None)
        assert answer.status == 200, f"/metrics: {answer.status} {answer.body[:300]!r}"
        return Exposition(answer.body)

    def containers(self, query=""):
        """What the API lists, by full id."""
        return {c["id"]: c for c in self.json("/api/v1/containers" + query)["containers"]}

    def container(self, cid):
        return self.json(f"/api/v1/containers/{cid}")

    def status(self):
        return self.json("/api/v1/status")

    def log(self):
        return read_text(self.log_path, "")

    def tail(self, lines=12):
        return "\n".join(self.log().splitlines()[-lines:])

    def stop(self, timeout=5):
        """SIGTERM; returns (exit code, seconds it took)."""
        begin = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout)
        return code, time.monotonic() - begin

    def kill(self):
        if self.process and self.process.poll() is None:
            serve = self.serve_pid()
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
            if serve:
                wait_until(lambda: not alive(serve) or kill(serve), 2, "the end of serve")

    def restart(self):
        self.stop()
        self.port = free_port()
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *why):
        if self.process.poll() is None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.kill()
                if why[0] is None:
                    raise


def run_daemon(*arguments, timeout=10):
    """bulkheadd to its end, for what must fail or only checks."""
    return run(DAEMON, *arguments, check=False, timeout=timeout)


def descriptors(pid):
    """What a process has open, as link texts."""
    found = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except OSError:
            pass
    return sorted(found)


def inotify_watches(pid):
    """Number of inotify watches that a process holds, as the kernel counts them."""
    return sum(read_text(f"/proc/{pid}/fdinfo/{fd}", "").count("inotify wd:")
               for fd in os.listdir(f"/proc/{pid}/fd"))
