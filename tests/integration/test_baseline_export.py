# SPDX-License-Identifier: GPL-2.0-or-later
"""What a baseline becomes for other tools, tried on these tools: containers of docker, podman and
runc under the seccomp profile of one program's system calls, apparmor_parser, bulkhead's own rules.

The baselines are made here by hand (sensor/baseline_export.c turns their document into the other
one); what learning makes of a container is tested elsewhere."""

import json
import os
import re
import secrets
import subprocess

from events import address_words, sockaddr
from harness import BUILD, DAEMON, need, run, same, wait_until
from rules_at_work import Judged, child, image, written
from rules_at_work import Place as Serving
from runtimes import docker, podman, runc
from session import read_text, session

EXPORT = os.path.join(BUILD, "tests/sensor/baseline_export")
CLASSES = ("exec", "script", "write", "read", "listen", "connect", "unix", "user", "capability",
           "syscall", "call")
REFUSED = "Operation not permitted"

# What somebody may call a file to get out of a document.
HOSTILE = ['/tmp/a"b', "/tmp/it's", "/tmp/new\nline: [x]",
           "/tmp/\n}\nprofile evil { /\\*\\* mrwx, }",
           "/tmp/{a,b}", "/tmp/$(id)`id`", r"/tmp/star\*[a-z]?", r"/tmp/back\\slash",
           "/tmp/tab\tbell\a", "/tmp/\u2028separator", "/tmp/@{HOME}#x", "/tmp/a,b c", "/tmp/ü",
           '/tmp/") or evt.type exists or (fd.name = "', r"/tmp/\\012", "/tmp/x */*"]


def export(format, repository="docker.io/bhtest/box", entry="", **sets):
    """The document and the notes."""
    phases = {"windows": {"start-up": 10, "steady": 500, "shut-down": 10},
              "complete": {p: "2026-11-22T00:00:00Z" for p in ("start-up", "steady", "shut-down")}}
    baseline = {"schema": 1, "repository": repository, "entry": entry, "containers": 2,
                "created": "2026-11-21T00:00:00Z", "evidence": {c: phases for c in CLASSES},
                "sets": {c: [{"entry": e, "windows": {"steady": 9}} for e in sets.get(c, ())]
                         for c in CLASSES}}
    done = subprocess.run([EXPORT, format], input=json.dumps(baseline), capture_output=True,
                          text=True, timeout=20)
    same(done.returncode, 0, f"exit of the export: {done.stderr}")
    return done.stdout, done.stderr


def calls_of(*argv):
    """Names of the system calls of a program and its children."""
    need("strace")
    log = f"{session.temp('strace')}/log"
    run("strace", "-f", "-qq", "-o", log, *argv)
    return sorted(set(re.findall(r"^\d+ +(\w+)\(", read_text(log), re.M)))


WORK = "id; cat /etc/passwd; ls / > /dev/null; sleep 0.1; true"


def profile_of(*argv):
    names = calls_of(*argv)
    assert "mkdir" not in names and "execve" in names, names
    text, notes = export("seccomp", syscall=names)
    assert "warning" not in notes, notes
    return text


def said(cid):
    return docker().logs(cid).decode("latin-1")


class Under:
    """A container of docker under a profile, whose first process says "ready" and then waits."""

    def __init__(self, profile, command, host=None, **config):
        more = (host or {}).pop("SecurityOpt", [])
        self.id = docker().create(f"under-{secrets.token_hex(3)}", command, {
            **(host or {}), "SecurityOpt": [f"seccomp={profile}", *more]}, **config)
        try:
            docker().begin(self.id)
            wait_until(lambda: "ready" in said(self.id), 15, "the first process at work")
        except BaseException:
            docker().remove(self.id)
            raise

    def exec(self, *command, **more):
        """Exit code and output of docker exec."""
        made = docker().api("POST", f"/containers/{self.id}/exec",
                            {"Cmd": command, "AttachStdout": True, "AttachStderr": True,
                             **more})["Id"]
        out = docker().api("POST", f"/exec/{made}/start", {"Detach": False})
        return docker().exec_done(made), out.decode("latin-1")

    def __enter__(self):
        return self

    def __exit__(self, *why):
        docker().remove(self.id)


LOOP = ["sh", "-c", f"{WORK}; echo ready; while :; do sleep 0.1; done"]


def works(c, **more):
    code, out = c.exec("sh", "-c", f"{WORK} && echo done", **more)
    assert code == 0 and "done" in out, f"docker exec: {code} {out!r}"


def refuses(c):
    code, out = c.exec("mkdir", "/tmp/new")
    assert code != 0 and REFUSED in out, f"mkdir: {code} {out!r}"
    assert "new" not in c.exec("ls", "/tmp")[1]


def test_a_container_of_docker_works_under_the_profile_of_its_program_and_nothing_more():
    profile = profile_of("busybox", "sh", "-c", WORK)
    ways = [({}, {}), ({"SecurityOpt": ["no-new-privileges"]}, {}), ({}, {"Tty": True}),
            ({}, {"User": "1000:1000"}), ({"CapDrop": ["ALL"]}, {})]
    for host, config in ways:
        with Under(profile, LOOP, host, **config) as c:
            works(c)
            works(c, Tty=True)
            works(c, User="1000:1000")
            refuses(c)


def test_it_starts_each_time_whatever_the_runtime_happens_to_do():
    profile = profile_of("busybox", "sh", "-c", WORK)
    for _ in range(12):  # threads of runc come and go with the weather
        with Under(profile, LOOP) as c:
            for _ in range(3):
                works(c)


def test_health_checks_pass_under_the_profile():
    profile = profile_of("busybox", "sh", "-c", WORK)
    check = {"Test": ["CMD", "/bin/busybox", "true"], "Interval": 10 ** 9, "Timeout": 10 ** 10}
    with Under(profile, LOOP, Healthcheck=check) as c:
        wait_until(lambda: docker().inspect(c.id)["State"]["Health"]["Status"] == "healthy", 20,
                   "a healthy container")


def test_a_program_with_libraries_works_under_its_profile():
    need("dash")
    name = image("bhtest/dash:1", programs=("/usr/bin/dash",))
    profile = profile_of("dash", "-c", "echo x; (echo y); : < /dev/null")
    with Under(profile, ["/usr/bin/dash", "-c", "echo ready; read x"], Image=name,
               OpenStdin=True) as c:
        code, out = c.exec("/usr/bin/dash", "-c", "echo fi; echo ne")
        assert code == 0 and "fi" in out, f"{code} {out!r}"
        code, out = c.exec("/usr/bin/dash", "-c", "kill -0 $$ || echo no")
        assert "no\n" in out, f"kill: {code} {out!r}"


def test_podman_and_runc_take_the_same_profile():
    profile = profile_of("busybox", "sh", "-c", WORK)
    cid = runc().run("seccomp", "sh", "-c", f"{WORK}; mkdir /tmp/new; echo ready; sleep 100",
                     change=lambda s: s["linux"].update(seccomp=json.loads(profile)))
    try:
        out = f"{runc().folder}/seccomp/out"
        wait_until(lambda: "ready" in read_text(out), 10, "runc's container at work")
        assert REFUSED in read_text(out), read_text(out)
    finally:
        runc().remove(cid)
    path = written(profile, "seccomp.json")
    name = f"{session.name}-seccomp"
    podman().run(name, "sh", "-c", f"{WORK}; mkdir /tmp/new; echo ready; sleep 100",
                 options=("--security-opt", f"seccomp={path}"))
    try:
        def log():
            done = podman().podman("logs", name, check=False)
            return done.stdout + done.stderr
        wait_until(lambda: "ready" in log(), 10, "podman's container at work")
        assert REFUSED in log(), log()
        run_in = podman().podman("exec", name, "sh", "-c", WORK)
        same(run_in.returncode, 0, "podman exec")
    finally:
        podman().remove(name)


# --- AppArmor -------------------------------------------------------------------------------------

def parsed(profile):
    """What apparmor_parser makes of it, without loading it."""
    done = run("apparmor_parser", "-Q", "-K", "-D", "rule-exprs", written(profile, "profile"),
               check=False)
    same(done.returncode, 0, f"exit of apparmor_parser: {done.stderr}\n{profile}")
    return done.stderr + done.stdout


def test_apparmor_parser_takes_the_profile():
    need("apparmor_parser")
    text, _ = export("apparmor", "docker.io/library/nginx", "nginx",
                     exec=["/usr/sbin/nginx < -", "/usr/bin/dash < /usr/sbin/nginx"],
                     script=["/docker-entrypoint.sh < /usr/bin/dash"],
                     write=["/var/log/nginx/*.log", "/var/cache/nginx/**"],
                     listen=["tcp/80"], connect=["udp/53/10/0/0/2"],
                     capability=["CAP_NET_BIND_SERVICE", "CAP_BPF"],
                     call=["mount:tmpfs", "umount", "pivot_root", "ptrace", "unshare:user,mnt"])
    parsed(text)
    same(run("apparmor_parser", "-N", written(text, "profile")).stdout.strip(), "bulkhead-nginx",
         "the profile's name")


def test_apparmor_parser_sees_one_profile_whatever_files_are_called():
    need("apparmor_parser")
    text, _ = export("apparmor", "docker.io/evil/x", "a\"} {",
                     exec=["/bin/sh < -", *(h + " < -" for h in HOSTILE)],
                     script=[h + " < /bin/sh" for h in HOSTILE], write=HOSTILE, read=HOSTILE,
                     capability=["CAP_KILL", "CAP_\n}", "x"], call=["mount:a b", "mount:\n}"])
    parsed(text)
    same(run("apparmor_parser", "-N", written(text, "profile")).stdout.split(),
         ["bulkhead-evil-x-a"], "profiles")


# --- rules ----------------------------------------------------------------------------------------

def checked(text):
    path = written(text, "baseline.yaml")
    done = run(DAEMON, "rules", "check", path, check=False)
    same(done.returncode, 0, f"exit of rules check: {done.stdout}{done.stderr}\n{text}")
    return path


def test_rules_check_takes_the_rules_whatever_files_are_called():
    checked(export("falco", "docker.io/evil/x", "a\" - rule: y",
                   exec=["/bin/sh < -", *(h + " < -" for h in HOSTILE)], write=HOSTILE,
                   listen=["tcp/80", *HOSTILE], connect=["tcp/443/10/0/0/*", *HOSTILE])[0])


def listener(port):
    return ("socket 2 1 0", ("bind", "%0", *address_words(sockaddr("127.0.0.1", port))),
            "listen %0 1")


def test_rules_tell_what_deviates_and_nothing_of_what_was_learned():
    path = checked(export("falco", exec=["/bin/doer < -", "/bin/busybox < /bin/doer"],
                          write=["/ctl/**", "/data/**"], listen=["tcp/8080"],
                          connect=["tcp/443/10/1/2/*"])[0])

    def peer(address, port):
        return "socket 2 2 0", ("connect", "%0", *address_words(sockaddr(address, port)))

    with Judged(path) as rules, Serving("export") as place:
        place.address("10.1.2.3")
        made = docker().exec(place.id, "/bin/busybox", "true")  # the runtime is nobody's deviation
        same(docker().exec_done(made), 0, "docker exec")
        place.doer(*child("/bin/busybox", "true"))
        place.doer("openat -100 s:/data/new 0101 0600", *listener(8080))
        place.doer("socket 2 1 0", ("connect", "%0", *address_words(sockaddr("10.1.2.3", 443))))
        place.doer("openat -100 s:/etc/new 0101 0600")
        for rule, deviate in (
                ("Write below an unexpected directory", None),
                ("Unexpected program", lambda: place.run("/bin/alloc", "nothing")),
                ("Unexpected listening port", lambda: place.doer(*listener(4444))),
                ("Unexpected outbound connection", lambda: place.doer(*peer("10.1.2.3", 53)))):
            if deviate:
                deviate()
            rules.wait(f"{rule} in docker.io/bhtest/box", cid=place.id)
        told = [a["title"] for a in rules.alerts() if a["kind"] == "rule"]
        same(len(told), 4, f"number of alerts: {told}")
