# SPDX-License-Identifier: GPL-2.0-or-later
"""Start, settings, signals, rights, tokens and failures of the two programs."""

import json
import os
import pwd
import re
import signal
import socket
import stat
import subprocess
import time

from harness import (CLIENT, DAEMON, REPO, Agent, free_port, http_get, run,
                     run_daemon, same, seconds_until, skip, wait_until)
from runtimes import docker, once
from session import alive, die_with_parent, kill, read_text, session


@once
def agent():
    return Agent()


def write(name, text):
    path = os.path.join(session.temp("conf"), name)
    with open(path, "w") as f:
        f.write(text)
    return path


# --- configuration ----------------------------------------------------------------------------

WRONG = [  # text, line and column of what is wrong, key
    ("listen: 127.0.0.1:9480\nlisen: x\n", 2, 1, "lisen"),
    ("sample:\n  interval: 1s\n  interval: 2s\n", 3, 3, "sample.interval"),
    ("sample:\n  interval: quick\n", 2, 13, "sample.interval"),
    ("sample:\n  interval: 1ms\n", 2, 13, "sample.interval"),
    ("containers:\n  max: 99999999\n", 2, 8, "containers.max"),
    ("containers:\n  systemd_services: perhaps\n", 2, 21, "containers.systemd_services"),
    ("log:\n  level: loud\n", 2, 10, "log.level"),
    ("sample: 5\n", 1, 9, "sample"),
    ("labels:\n  allow: {a: b}\n", 2, 10, "labels.allow"),
    ("state_dir: relative/path\n", 1, 12, "state_dir"),
    ("listen: &a 127.0.0.1:1\nmetrics_listen: *a\n", 1, 9, "listen"),
    ("user: root\n", 1, 7, "user"),
]


def test_an_error_in_the_configuration_names_file_line_column_and_key_and_exits_2():
    for text, line, column, key in WRONG:
        path = write("wrong.yaml", text)
        for check in ((), ("--check-config",)):
            done = run_daemon("--config", path, *check)
            same(done.returncode, 2, f"exit code for {text!r} ({done.stderr!r})")
            where = f"{path}:{line}:{column}:"
            assert where in done.stderr and f"'{key}'" in done.stderr, \
                f"for {text!r}: {done.stderr!r} lacks {where!r} or '{key}'"
            same(done.stderr.count("\n"), 1, f"lines of {done.stderr!r}")


def test_broken_yaml_and_missing_files_and_bad_flags_exit_2():
    for path in (write("broken.yaml", "listen: [\n"), write("deep.yaml", "a: " + "[" * 5000),
                 write("bytes.yaml", "listen: \x01\n"), "/nonexistent/bulkhead.yaml"):
        done = run_daemon("--config", path, "--check-config")
        same(done.returncode, 2, f"exit code for {path}: {done.stderr!r}")
        assert path in done.stderr, f"{done.stderr!r} lacks {path}"
    for flags in (["--set", "sample.interval=never"], ["--set", "nonsense=1"], ["--nonsense"],
                  ["--listen", "everywhere"], ["extra"], ["--set", "user"]):
        done = run_daemon(*flags)
        same(done.returncode, 2, f"exit code for {flags}: {done.stderr!r}")
        assert done.stderr.strip(), f"{flags}: nothing on stderr"


def test_check_config_needs_no_privileges_and_takes_the_documented_defaults():
    path = f"{REPO}/deploy/bulkhead.yaml"
    text = read_text(path)
    copy = write("bulkhead.yaml", text)
    done = run(DAEMON, "--check-config", "--config", copy, user=65534, group=65534,
               extra_groups=[], check=False)
    same(done.returncode, 0, f"exit code: {done.stderr!r}")
    same(done.stdout, "configuration is good\n", "output")


def test_an_address_beyond_loopback_without_tls_is_refused():
    done = run_daemon("--listen", "0.0.0.0:0", "--check-config")
    same(done.returncode, 2, f"exit code: {done.stderr!r}")
    same(run_daemon("--listen", f"0.0.0.0:{free_port()}", "--check-config").returncode, 2,
         "exit code")


def reloaded(a):
    m = a.metrics()
    return (m.value("bulkhead_config_last_reload_successful"),
            m.value("bulkhead_config_reloads_total"))


def test_sighup_takes_a_good_file_and_keeps_the_old_settings_when_it_is_bad():
    path = write("reload.yaml", "sample:\n  interval: 2s\n")
    with Agent(config=path) as a:
        same(reloaded(a), (1, 0), "before")

        def rounds_in(seconds):
            begin = a.metrics().value("bulkhead_sampling_rounds_total")
            time.sleep(seconds)  # the length of the measurement
            return a.metrics().value("bulkhead_sampling_rounds_total") - begin
        with open(path, "w") as f:
            f.write("sample:\n  interval: 100ms\n")
        a.process.send_signal(signal.SIGHUP)
        wait_until(lambda: reloaded(a) == (1, 1), 3, "a successful reload")
        assert rounds_in(1.5) >= 10, "the new interval is in use"
        with open(path, "w") as f:
            f.write("sample:\n  interval: 5s\n  intervall: 1s\n")
        a.process.send_signal(signal.SIGHUP)
        wait_until(lambda: reloaded(a) == (0, 2), 3, "a failed reload")
        wait_until(lambda: f"{path}:3:3" in a.log(), 2, "file, line and column in the log")
        assert rounds_in(1.5) >= 10, "the old interval is still in use"
        with open(path, "w") as f:
            f.write("sample:\n  interval: 1s\n")
        a.process.send_signal(signal.SIGHUP)
        wait_until(lambda: reloaded(a) == (1, 3), 3, "a successful reload again")


def test_a_key_that_needs_a_restart_is_named_and_the_old_settings_stay():
    path = write("restart.yaml", "containers:\n  max: 100\n")
    with Agent(config=path) as a:
        with open(path, "w") as f:
            f.write("containers:\n  max: 200\n")
        a.process.send_signal(signal.SIGHUP)
        wait_until(lambda: reloaded(a)[0] == 0, 3, "a failed reload")
        wait_until(lambda: "containers.max" in a.log(), 2, "the key in the log")


# --- start and stop ---------------------------------------------------------------------------

def test_sigterm_stops_both_programs_in_under_a_second():
    for sig in (signal.SIGTERM, signal.SIGINT):
        a = Agent()
        serve = a.serve_pid()
        begin = time.monotonic()
        a.process.send_signal(sig)
        code = a.process.wait(5)
        took = time.monotonic() - begin
        same(code, 0, f"exit code, log:\n{a.tail()}")
        assert took < 1, f"it took {took:.2f} s"
        assert not alive(serve), "serve outlived bulkheadd"


def test_a_port_that_is_taken_is_named_and_served_once_it_is_free():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        a = Agent(port=taken.getsockname()[1], ready=False)
        wait_until(lambda: re.search(rf"127\.0\.0\.1:{a.port}.*in use", a.log()), 5,
                   "the address and the reason in the log")
        assert a.process.poll() is None, "bulkheadd works on without its HTTP side"
    with a:
        a.wait_ready(timeout=15)


def test_a_state_directory_that_cannot_be_used_ends_the_agent_with_the_reason():
    folder = session.temp("states")
    with open(f"{folder}/file", "w"):
        pass
    os.mkdir(f"{folder}/readonly")
    run("mount", "--bind", f"{folder}/readonly", f"{folder}/readonly")
    session.at_end(lambda: run("umount", f"{folder}/readonly", check=False))
    run("mount", "-o", "remount,bind,ro", f"{folder}/readonly")
    for path in (f"{folder}/file", f"{folder}/file/below", f"{folder}/readonly",
                 f"{folder}/readonly/below"):
        done = run_daemon("--listen", f"127.0.0.1:{free_port()}", "--set", "user=auto",
                          "--state-dir", path, "--run-dir", f"{folder}/run")
        same(done.returncode, 1, f"exit code for {path}: {done.stderr!r}")
        assert path in done.stderr, f"{done.stderr!r} lacks {path}"


def test_a_second_agent_on_the_same_state_directory_is_refused():
    with Agent() as a:
        done = run_daemon("--listen", f"127.0.0.1:{free_port()}", "--set", "user=auto",
                          "--state-dir", a.state_dir, "--run-dir", f"{a.folder}/run2")
        same(done.returncode, 1, f"exit code: {done.stderr!r}")
        assert a.state_dir in done.stderr, done.stderr


def test_serve_killed_again_and_again_comes_back_and_bulkheadd_stays():
    with Agent() as a:
        pid = a.pid
        for n in range(4):
            serve = wait_until(a.serve_pid, 10, "bulkhead serve")
            kill(serve)
            wait_until(lambda: not alive(serve), 2, "its end")
            wait_until(lambda: a.get("/readyz", token=None).status == 200, 15, "/readyz")
            assert a.process.poll() is None, "bulkheadd ended"
        same(a.pid, pid, "process id")
        m = a.metrics()
        same(m.value("bulkhead_serve_starts_total"), 5, "bulkhead_serve_starts_total")
        same(m.value("bulkhead_serve_up"), 1, "bulkhead_serve_up")
        same(a.get("/api/v1/status").status, 200, "the token of before is still good")
        times = [line for line in a.log().splitlines() if "started again" in line]
        same(len(times), 4, "log lines about it")


def test_bulkheadd_killed_takes_serve_with_it():
    a = Agent()
    serve = a.serve_pid()
    a.process.kill()
    a.process.wait()
    wait_until(lambda: not alive(serve), 5, "the end of serve, which may have history to write")


def test_serve_answers_503_with_the_reason_while_bulkheadd_is_frozen():
    with Agent() as a:
        a.process.send_signal(signal.SIGSTOP)
        try:
            begin = time.monotonic()
            answer = a.get("/readyz", token=None)
            same(answer.status, 503, "/readyz")
            assert time.monotonic() - begin < 4, "it takes 3 s to say so"
            assert re.search(rb"bulkheadd .*answer", answer.body), answer.body
            same(a.get("/healthz", token=None).status, 200, "/healthz")
            answer = a.get("/metrics", token=None, timeout=20)
            same(answer.status, 503, "/metrics")
            assert b"bulkheadd" in answer.body, answer.body
        finally:
            a.process.send_signal(signal.SIGCONT)
        wait_until(lambda: a.get("/readyz", token=None).status == 200, 5, "/readyz afterwards")
        assert a.metrics().find("container_last_seen", id="/")


# --- rights -----------------------------------------------------------------------------------

def status_of(pid):
    return dict(line.split(":\t", 1) for line in read_text(f"/proc/{pid}/status").splitlines()
                if ":\t" in line)


def test_serve_has_its_own_user_no_capabilities_no_new_privs_and_seccomp():
    a = agent()
    s = status_of(a.serve_pid())
    uids = set(s["Uid"].split()) | set(s["Gid"].split())
    assert len(set(s["Uid"].split())) == 1 and "0" not in uids, f"uid {s['Uid']}, gid {s['Gid']}"
    uid = int(s["Uid"].split()[0])
    assert uid not in [u.pw_uid for u in pwd.getpwall()], f"uid {uid} is a user of the machine"
    same(s["Groups"].strip(), "", "supplementary groups")
    for field in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        if field != "CapBnd":  # a bound, of no use to a process with no_new_privs
            same(int(s[field], 16), 0, field)
    same(s["NoNewPrivs"], "1", "no_new_privs")
    same(s["Seccomp"], "2", "seccomp mode")


def test_bulkheadd_keeps_the_capabilities_that_deploy_lists_and_no_other():
    text = read_text(f"{REPO}/deploy/capabilities.md")
    listed = {int(bit): name for name, bit in re.findall(r"^ +cap (CAP_\w+) (\d+)$", text, re.M)}
    assert listed, "deploy/capabilities.md lists none"
    have = int(status_of("self")["CapPrm"], 16)
    want = sum(1 << bit for bit in listed) & have
    s = status_of(agent().pid)
    for field in ("CapPrm", "CapEff", "CapBnd"):
        same(f"{int(s[field], 16):x}", f"{want:x}", field)
    for field in ("CapInh", "CapAmb"):
        same(int(s[field], 16), 0, field)
    same(s["NoNewPrivs"], "1", "no_new_privs")
    unit = re.findall(r"^CapabilityBoundingSet=(.*)$",
                      read_text(f"{REPO}/deploy/bulkhead.service"), re.M)
    same(sorted(" ".join(unit).split()), sorted(listed.values()), "CapabilityBoundingSet=")


def test_bulkheadd_links_no_library_that_faces_the_network_or_draws():
    linked = run("ldd", DAEMON).stdout
    for name in ("librrd", "libmicrohttpd", "libcurl", "libgnutls", "libssl", "libcairo"):
        assert name not in linked, f"{name} is linked:\n{linked}"


def test_bulkheadd_listens_on_no_network_address():
    inodes = set()
    for fd in os.listdir(f"/proc/{agent().pid}/fd"):
        try:
            link = os.readlink(f"/proc/{agent().pid}/fd/{fd}")
        except OSError:
            continue
        if link.startswith("socket:["):
            inodes.add(link[8:-1])
    for table in ("tcp", "tcp6", "udp", "udp6", "raw", "packet"):
        for line in read_text(f"/proc/net/{table}", "").splitlines()[1:]:
            assert not set(line.split()) & inodes, f"{table}: {line}"


# --- HTTP -------------------------------------------------------------------------------------

def test_only_health_metrics_and_the_login_page_answer_without_a_token():
    a = agent()
    for path in ("/", "/login", "/metrics", "/healthz", "/readyz"):
        same(a.get(path, token=None).status, 200, path)
    for path in ("/api/v1/containers", "/api/v1/containers/abcd", "/api/v1/status", "/api/v1/x",
                 "/api/v1/history", "/api/v1/host/history", "/api/v1/host/graph.svg?metric=cpu",
                 "/api/v1/containers/abcd/history"):
        for token in (None, "bh_" + "A" * 43, "x", a.token[:-1], a.token + "A"):
            answer = a.get(path, token=token)
            same(answer.status, 401, f"{path} with token {token}")
            same(answer.json()["error"]["status"], 401, "the error in JSON")
        assert a.get(path).status in (200, 404), f"{path} with the right token"


def test_errors_are_json_with_their_status():
    a = agent()
    for path, want in (("/api/v1/nothing", 404), ("/api/v1/containers/0000dead", 404),
                       ("/api/v1/containers?kind=nonsense", 400)):
        answer = a.get(path)
        same(answer.status, want, path)
        error = answer.json()["error"]
        same(error["status"], want, f"{path}: status in JSON")
        assert error["message"], f"{path}: a message"
    same(a.get("/api/v1/status", method="POST").status, 405, "POST")
    same(a.get("/nothing").status, 404, "/nothing")
    same(a.get("/../etc/passwd").status, 400, "a path with dots")


def test_the_login_link_sets_a_cookie_that_opens_the_api():
    a = agent()
    answer = a.get(f"/login?token={a.token}", token=None)
    same((answer.status, answer.headers["Location"]), (303, "/"), "answer")
    cookie = answer.headers["Set-Cookie"]
    for word in ("HttpOnly", "SameSite=Strict", "Path=/"):
        assert word in cookie, cookie
    same(a.get("/api/v1/status", token=None,
               headers={"Cookie": cookie.split(";")[0]}).status, 200, "with the cookie")


def test_a_foreign_host_header_is_refused():
    a = agent()
    for host in ("evil.example", "evil.example:9480", "127.0.0.1.evil.example", ""):
        answer = a.get("/metrics", headers={"Host": host})
        assert answer.status in (400, 403, 421), f"Host {host!r}: {answer.status}"
    for host in ("localhost", f"localhost:{a.port}", f"127.0.0.1:{a.port}"):
        same(a.get("/metrics", headers={"Host": host}).status, 200, f"Host {host!r}")


def test_requests_that_are_too_large_or_malformed_are_refused_and_others_still_answered():
    a = agent()
    assert a.get("/healthz", headers={"X-Long": "x" * 40000}).status in (400, 413, 431)
    assert a.get("/" + "x" * 20000).status in (400, 404, 414, 431)
    same(a.get("/api/v1/status", method="GET", body=b"x" * 100000).status, 413, "a body")
    for junk in (b"\x16\x03\x01\x02\x00\x01", b"GET\r\n\r\n", b"\0" * 1000,
                 b"GET / HTTP/9.9\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", a.port), timeout=5) as s:
            s.sendall(junk)
    same(a.get("/healthz").status, 200, "/healthz")


def test_metrics_listen_serves_metrics_and_health_alone():
    port = free_port()
    with Agent({"metrics_listen": f"127.0.0.1:{port}"}) as a:
        same(http_get(port, "/metrics").status, 200, "/metrics")
        same(http_get(port, "/healthz").status, 200, "/healthz")
        assert b"container_last_seen" in http_get(port, "/metrics").body
        for path in ("/", "/login", "/api/v1/status", "/api/v1/containers", "/dashboard.js"):
            answer = http_get(port, path, {"Authorization": f"Bearer {a.token}"})
            same(answer.status, 404, path)


# --- the socket and the command line ----------------------------------------------------------

def test_the_unix_socket_is_roots_alone():
    path = f"{agent().run_dir}/bulkhead.sock"
    same(oct(stat.S_IMODE(os.stat(path).st_mode)), "0o600", "mode")
    same(os.stat(path).st_uid, 0, "owner")


def client(*arguments, check=True, **more):
    return run(CLIENT, *arguments, "--socket", f"{agent().run_dir}/bulkhead.sock", check=check,
               **more)


def test_the_command_line_shows_containers_and_status_as_tables_and_json():
    cid = docker().run("cmdline")
    try:
        def shown():
            found = json.loads(client("containers", "--json").stdout)["containers"]
            return [c for c in found if c["id"] == cid]
        wait_until(shown, 3, "the container in JSON")
        table = client("containers").stdout
        assert [x for x in table.splitlines() if cid[:12] in x], table
        status = json.loads(client("status", "--json").stdout)
        assert status["version"] and status["uptime_seconds"] >= 0, status
        assert status["version"] in client("status").stdout
    finally:
        docker().remove(cid)


def test_the_command_line_says_why_it_cannot_reach_the_agent():
    done = run(CLIENT, "status", "--socket", "/nonexistent/bulkhead.sock", check=False)
    assert done.returncode not in (0, 127), f"exit code {done.returncode}"
    assert "/nonexistent/bulkhead.sock" in done.stderr, done.stderr
    os.chmod(agent().run_dir, 0o755)
    done = run(CLIENT, "status", "--socket", f"{agent().run_dir}/bulkhead.sock", user=65534,
               group=65534, extra_groups=[], check=False)
    assert done.returncode != 0 and done.stderr, "another user is refused"


# --- watches run out --------------------------------------------------------------------------

LAUNCH = """
import ctypes, os, sys
CLONE_NEWUSER = 0x10000000
if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER) != 0:
    sys.exit(77)
print("new namespace", flush=True)
sys.stdin.readline()
open("/proc/sys/user/max_inotify_watches", "w").write(sys.argv[1])
os.execv(sys.argv[2], sys.argv[2:])
"""


class Confined(Agent):
    """The agent in a user namespace of its own with few inotify watches: the limit of the machine
    is not touched. Ids are mapped one to one, so that files stay what they are."""

    def __init__(self, watches):
        self.watches = watches
        super().__init__(rounds=False)

    def start(self, ready=True):
        with open(self.out_path, "wb") as out, open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                ["/usr/bin/python3", "-c", LAUNCH, str(self.watches), *self.argv()],
                stdin=subprocess.PIPE, stdout=out, stderr=log, preexec_fn=die_with_parent)
        session.at_end(self.kill)
        try:
            wait_until(lambda: "new namespace" in read_text(self.out_path) or
                       self.process.poll() is not None, 5, "a user namespace")
            if self.process.poll() is not None:
                skip("user namespaces are not allowed here")
            for name in ("uid_map", "gid_map"):
                with open(f"/proc/{self.pid}/{name}", "w") as f:
                    f.write("0 0 4294967295")
        except OSError as problem:
            self.kill()
            skip(f"ids cannot be mapped: {problem}")
        self.process.stdin.write(b"\n")
        self.process.stdin.close()
        self.wait_ready()


def test_without_watches_it_names_the_sysctl_says_so_in_a_metric_and_finds_containers_by_rescans():
    cid = docker().run("nowatch1")
    with Confined(watches=1) as a:
        try:
            wait_until(lambda: "max_user_watches" in a.log(), 5, "the sysctl in the log")
            same(a.metrics().value("bulkhead_watch_degraded"), 1, "bulkhead_watch_degraded")
            assert cid in a.containers(), "a container that ran before"
            other = docker().run("nowatch2")
            took = seconds_until(lambda: other in a.containers(), 65, "a container found by rescan")
            docker().remove(other)
            wait_until(lambda: other not in a.containers(), 65, f"its end (found in {took:.1f} s)")
        finally:
            docker().remove(cid)
