# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of the kernel sensor share: one agent with one reader of its events for the whole
run, containers that do what a test asks through doer.c, and comparisons that show the event.

A test finds its events by container and process id: what a process did is complete once its exit
event is there, so nothing sleeps, and what is missing is told at once with what came instead."""

import json
import os
import secrets
import struct
import subprocess
import threading
import time

from harness import CLIENT, DOER, Agent, Timeout, wait_until
from runtimes import docker, once
from session import die_with_parent, session

LIMIT = 8  # seconds within which an event must have come
AT_FDCWD = -100
ANY = object()  # a field that must be there, whatever its value


class Reader:
    """Reads JSON events, one a line, from a program's output and keeps them all."""

    def __init__(self, argv, log=None, **more):
        self.log_path = log or os.path.join(session.temp("reader"), "stderr")
        self.events, self.bad, self._changed = [], [], threading.Condition()
        with open(self.log_path, "ab") as err:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=err,
                                            stdout=subprocess.PIPE, preexec_fn=die_with_parent,
                                            **more)
        session.at_end(self.close)
        Reader.made.append(self)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    made = []  # all of the run

    def take(self, line):
        return line

    def _run(self):
        for line in self.process.stdout:
            line = self.take(line)
            if not line:
                continue
            now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            try:
                event = json.loads(line.decode("utf-8"))
                event["seen_ns"] = now
                into = self.events
            except ValueError:
                event, into = line, self.bad
            with self._changed:
                into.append(event)
                self._changed.notify_all()

    def wait(self, fits, what, timeout=LIMIT, after=0):
        """The first event from position `after` on that fits."""
        end = time.monotonic() + timeout
        at = after
        with self._changed:
            while True:
                for at in range(at, len(self.events)):
                    if fits(self.events[at]):
                        return self.events[at]
                at = len(self.events)
                left = end - time.monotonic()
                if left <= 0:
                    raise Timeout(f"not within {timeout} s: {what}")
                self._changed.wait(left)

    def all(self, fits):
        return [e for e in list(self.events) if fits(e)]

    def mark(self):
        return len(self.events)

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(5)


class StreamReader(Reader):
    """The same of server-sent events, as curl prints them."""

    def take(self, line):
        return line[5:].strip() if line.startswith(b"data:") else None


def client_argv(agent, *arguments):
    return [CLIENT, *arguments, "--socket", f"{agent.run_dir}/bulkhead.sock"]


def flowing(reader):
    """Waits until the reader gets events: a command on the host is one always."""
    def begun():
        mark = f"/bhtest/{secrets.token_hex(6)}"
        subprocess.run([DOER, "getpid", ",", "execve", "s:/bin/true", f"v:true|{mark}", "v:"],
                       check=True, stdout=subprocess.DEVNULL)
        return reader.wait(lambda e: mark in str(e.get("exec", {}).get("args")), mark, 0.5)
    wait_until(begun, 15, f"an event in {reader.process.args}, see {reader.log_path}")
    return reader


SECRET_ENV = "BHTEST_PLAIN,BHTEST_PASSWORD"


@once
def agent():
    docker()
    return Agent({"sensor.environment": SECRET_ENV, "sensor.host": "exec,kill,cgroup_attach,mmap"})


@once
def reader():
    return flowing(Reader(client_argv(agent(), "events", "--format", "json")))


def dotted(event, key):
    for part in key.split("."):
        if not isinstance(event, dict) or part not in event:
            return None
        event = event[part]
    return event


def differences(event, wanted):
    found = []
    for key, want in wanted.items():
        got = dotted(event, key)
        if want is ANY:
            good = got is not None
        elif callable(want):
            try:
                good = bool(want(got))
            except (TypeError, ValueError, AttributeError, KeyError):
                good = False
        else:
            good = got == want and isinstance(got, bool) == isinstance(want, bool)
        if not good:
            shown = "something" if want is ANY else "(a test)" if callable(want) else repr(want)
            found.append(f"{key}: {got!r}, wanted {shown}")
    return found


def check(event, **wanted):
    """Dotted keys as open__path="/x"; a value, ANY, None (absent) or a function of the value."""
    wrong = differences(event, {k.replace("__", "."): v for k, v in wanted.items()})
    assert not wrong, "\n  ".join(["an event differs:", *wrong, json.dumps(event)])


class Done:
    """What a command did: its process id inside, how it ended, what it printed, its events."""

    def __init__(self, box, pid, status, output, since):
        self.box, self.pid, self.status, self.output, self.since = box, pid, status, output, since
        self.results = []
        for line in output.splitlines():
            if line.startswith("{\"pid\""):
                self.results = json.loads(line)["results"]

    def of(self, pid=None):
        """All events of the process (or of another of the container), once its exit is there."""
        pid = pid or self.pid

        def mine(e):
            return self.box.owns(e) and e.get("process", {}).get("ns_pid") == pid \
                and not has_flag(e, "no_task")
        try:
            reader().wait(lambda e: mine(e) and e["type"] == "exit",
                          f"the exit of {pid} in {self.box.name}", after=self.since)
        except Timeout as why:
            seen = "\n  ".join(brief(e) for e in reader().events[self.since:] if mine(e))
            raise AssertionError(f"{why}; of it came:\n  {seen}\n  said: {self.output}") from None
        return [e for e in reader().events[self.since:] if mine(e)]

    def events(self, kind, pid=None, **wanted):
        wanted = {k.replace("__", "."): v for k, v in wanted.items()}
        return [e for e in self.of(pid) if e["type"] == kind and not differences(e, wanted)]

    def event(self, kind, pid=None, nth=0, **wanted):
        """The nth event of the type whose fields are these. Checked by what is near: when none
        fits, the message tells every event of the type and in what it differs."""
        found = self.events(kind, pid, **wanted)
        if len(found) > nth:
            return found[nth]
        dots = {k.replace("__", "."): v for k, v in wanted.items()}
        near = [(differences(e, dots), e) for e in self.of(pid) if e["type"] == kind]
        near.sort(key=lambda n: len(n[0]))
        lines = [f"no {kind} event fits (number {nth}); results {self.results}, "
                 f"output {self.output!r}"]
        lines += [f"  {d}\n    {json.dumps(e)}" for d, e in near[:4]]
        if not near:
            lines += ["  of the process came:"] + ["    " + brief(e) for e in self.of(pid)]
        raise AssertionError("\n".join(lines))

    def none(self, kind, **wanted):
        found = self.events(kind, **wanted)
        assert not found, f"unwanted: {json.dumps(found[0])}"


def brief(e):
    return json.dumps({k: v for k, v in e.items()
                       if k not in ("container", "cgroup", "container_cgroup", "seen_ns", "class")})


def pid_in(e):
    """The pid inside of whose event it is; None for events of nobody."""
    return e.get("process", {}).get("ns_pid")


class Serving:
    """A container whose first process is `doer serve`: runs commands without a runtime."""

    def __init__(self, name, host=None, binds=(), **config):
        self.name = f"{name}-{secrets.token_hex(3)}"
        self.folder = session.temp("box")
        for pipe in ("ask", "answer"):
            os.mkfifo(f"{self.folder}/{pipe}")
        self.ask = os.open(f"{self.folder}/ask", os.O_RDWR)
        self.answer = os.open(f"{self.folder}/answer", os.O_RDWR)
        host = {"Binds": [f"{self.folder}:/ctl", *binds], **(host or {})}
        self.id = docker().run(self.name, ["/bin/doer", "serve", "/ctl"], host, **config)

    def call(self, words, timeout=20):
        """Runs a program (its path first, or NAME=VALUE before it) and waits for its end. Returns
        its process id inside, how it ended, and what it printed."""
        blob = b"".join((w if isinstance(w, bytes) else str(w).encode()) + b"\0" for w in words)
        os.write(self.ask, struct.pack("I", len(blob)) + blob)
        answer = []
        waiter = threading.Thread(target=lambda: answer.append(os.read(self.answer, 8)),
                                  daemon=True)
        waiter.start()
        waiter.join(timeout)
        assert answer, f"{self.name}: {words} has not ended; docker: {docker().logs(self.id)!r}"
        pid, status = struct.unpack("ii", answer[0])
        with open(f"{self.folder}/out", errors="surrogateescape") as f:
            return pid, status, f.read()

    def close(self):
        docker().remove(self.id)
        os.close(self.ask)
        os.close(self.answer)

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.close()


class Box(Serving):
    """The same in sight of the reader: what its commands did is told by their events."""

    def __init__(self, name, host=None, binds=(), **config):
        reader()  # what follows is seen
        self.begun = reader().mark()
        super().__init__(name, host, binds, **config)

    def owns(self, e):
        return bool(e.get("container")) and e["container"]["id"] == self.id

    def run(self, *words, timeout=20):
        """Runs a program (its path first, or NAME=VALUE before it) and waits for its end."""
        since = reader().mark()
        return Done(self, *self.call(words, timeout), since)

    def doer(self, *steps, flags=(), **more):
        """doer's steps, a string each: words are separated by blanks, or a tuple of words."""
        words = []
        for step in steps:
            words += ([","] if words else []) + [
                str(w) for w in (step.split() if isinstance(step, str) else step)]
        done = self.run("/bin/doer", *flags, *words, **more)
        assert os.WIFSIGNALED(done.status) or os.WEXITSTATUS(done.status) != 2, \
            f"doer {flags} {words}: {done.output}"
        return done


STRONG = {"CapAdd": ["SYS_ADMIN", "SYS_PTRACE", "SYS_MODULE", "NET_ADMIN", "SYS_CHROOT"],
          "SecurityOpt": ["seccomp=unconfined", "apparmor=unconfined"],
          "MaskedPaths": [], "ReadonlyPaths": []}


@once
def box():
    """A container as docker makes it."""
    return Box("plain", {"Tmpfs": {"/mem": "rw,exec"},
                         "Sysctls": {"net.ipv6.conf.all.disable_ipv6": "0"}})


@once
def strong_box():
    """One that may do what the isolation events need."""
    return Box("strong", {**STRONG, "Tmpfs": {"/mem": "rw,exec"}})


# Each door of the kernel, and each kind of thread.
WAYS = ((), ("--int80",), ("--thread",), ("--int80", "--thread"))


def has_flag(event, flag):
    return flag in event.get("flags", ())


def check_way(event, way):
    """The event says through which door and from which thread it came."""
    compat, thread = way and way[0] in ("--int80", "--socketcall"), "--thread" in way
    p = event["process"]
    wrong = [f"the flag compat is {has_flag(event, 'compat')}"] * \
        (has_flag(event, "compat") != bool(compat))
    wrong += [f"pid {p['pid']}, tid {p['tid']}"] * ((p["pid"] != p["tid"]) != thread)
    wrong += [f"ns_pid {p['ns_pid']}, ns_tid {p['ns_tid']}"] * \
        ((p["ns_pid"] != p["ns_tid"]) != thread)
    assert not wrong, f"{way}: {wrong}: {json.dumps(event)}"


def hex_of(data):
    return "x:" + data.hex()


def sockaddr(address, port):
    if ":" in address:
        raw = struct.pack("=H", 10) + struct.pack("!HI", port, 0)
        return raw + _in6(address) + struct.pack("=I", 0)
    return struct.pack("=H", 2) + struct.pack("!H", port) + bytes(
        int(b) for b in address.split(".")) + bytes(8)


def _in6(address):
    import socket
    return socket.inet_pton(socket.AF_INET6, address)


def unix_address(path):
    return struct.pack("=H", 1) + (path if isinstance(path, bytes) else path.encode())


def address_words(raw):
    """The words of a step for a pointer and a length."""
    return hex_of(raw), len(raw)


def unique(prefix):
    return f"{prefix}-{secrets.token_hex(4)}"
