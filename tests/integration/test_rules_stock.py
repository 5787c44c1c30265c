# SPDX-License-Identifier: GPL-2.0-or-later
"""The rule files of the Falco project, unmodified: they load, and their rules fire for what they
are about, done in a real container or on the host, in forms that do no harm."""

import json
import re

from events import STRONG, address_words, sockaddr
from harness import DAEMON, run, same
from rules_at_work import (Judged, Place, child, docker_cli, image, on_host, stock, with_terminal,
                           written)
from runtimes import docker, once
from session import read_text, session

FILES = ("falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml")
IMAGE = "bhtest/stock:1"
RD, WR, RDWR, CREAT, TRUNC = 0, 1, 2, 0o100, 0o1000
OUTSIDE, SERVICE, METADATA = "203.0.113.7", "203.0.113.9", "169.254.169.254"

BUSYBOX = ("nc", "ncat", "find", "grep", "shred", "debugfs", "id", "apk", "wget", "scp", "mount",
           "tar", "kubectl", "sudo", "pkexec", "base64", "npmtool", "xmrig", "whoami")
DOERS = ("sshd", "nginx", "ssh", "postgres", "tac", "python3", "npm")

# Rules that are off, or look at nothing until a user says what: this says it.
LOCAL = """\
- list: namespace_scope_network_only_subnet
  items: [bhtest]
  override: {items: append}
- macro: allowed_containers
  condition: (container.image.repository = nothing-is-allowed)
  override: {condition: replace}
"""
OFF = ("Unexpected inbound connection source", "Read Shell Configuration File",
       "Interpreted procs inbound network activity", "Interpreted procs outbound network activity",
       "Unexpected K8s NodePort Connection", "Create Hidden Files or Directories",
       "Container Drift Detected (chmod)", "Container Drift Detected (open+create)",
       "Container Run as Root User", "Modify Container Entrypoint",
       "Detect outbound connections to common miner pool ports", "Java Process Class File Download")
LOCAL += "".join(f"- rule: {json.dumps(name)}\n  enabled: true\n"
                 "  override: {enabled: replace}\n" for name in OFF)


# --- places ---------------------------------------------------------------------------------------

@once
def stock_image():
    links = {**{f"bin/{n}": "busybox" for n in BUSYBOX}, **{f"bin/{n}": "doer" for n in DOERS}}
    files = {"etc/shadow": "root:*:::::::\n", "data/kept": "x\n", "usr/local/bin/.keep": "",
             "etc/apt/.keep": "", "var/lib/rpm/.keep": "", "var/log/syslog": "a line\n",
             "root/.ssh/known": "x\n", "root/.bashrc": "\n", "tmp/liblzma.so.5.6.1": "x",
             "host/etc/passwd": "x",
             "etc/passwd": "root:x:0:0::/:/bin/sh\ndaemon:x:1:1::/:/bin/sh\n"
                           "worker:x:1000:1000::/:/bin/sh\n"}
    return image(IMAGE, links, files)


@once
def plain():
    p = Place("stock", {"Tmpfs": {"/dev/shm": "rw,exec"}}, Image=stock_image(),
              Env=[f"KUBERNETES_SERVICE_HOST={SERVICE}"])
    p.address(OUTSIDE, METADATA)
    return p


def new_strong():
    return Place("stock-strong", STRONG, Image=stock_image())


strong = once(new_strong)


def new_privileged():
    return Place("stock-privileged", {"Privileged": True, "Runtime": "privileged"},
                 Image=stock_image())


privileged = once(new_privileged)


def new_pod():
    """A container that says it is of a pod, and has an address that is not a private one."""
    p = Place("stock-pod", Image=stock_image(),
              Labels={"io.kubernetes.pod.namespace": "bhtest", "io.kubernetes.pod.name": "one"})
    p.address(OUTSIDE)
    return p


pod = once(new_pod)


def new_sensitive():
    """A container with the host's /etc in it."""
    return Place("stock-mounts", None, ["/etc:/of-host:ro"], Image=stock_image())


HOST = object()


def inside(place, *steps, name="/bin/doer", env=()):
    return place, lambda: place().doer(*steps, name=name, env=env)


def program(place, *words):
    return place, lambda: place().run(*words)


def opens(path, flags, mode="0600", place=plain, name="/bin/doer"):
    return inside(place, f"openat -100 s:{path} {flags} {mode}", name=name)


def host(name, *arguments, **more):
    return HOST, lambda: on_host(name, *arguments, **more)


def host_doer(*words):
    return HOST, lambda: on_host("doer", *words, program="doer")


def started(make):
    """A container that starts: what is told of it is told of its first process."""
    place = once(lambda: make())
    return place, place


def to(address, port):
    return address_words(sockaddr(address, port))


def terminal_shell():
    code, said = with_terminal(*docker_cli("exec", "-it", plain().id, "sh"))
    same(code, 0, f"exit code of a shell at a terminal, which said {said!r}")


def terminal_whoami():
    with_terminal(*docker_cli("exec", "-it", plain().id, "whoami"), keys="")


def exec_tar():
    d = docker()
    d.exec_done(d.exec(plain().id, "tar", "cf", "/dev/null", "/data/kept"))


TCP = ("socket 2 1 0", ("bind", "%0", *to(OUTSIDE, 443)), "listen %0 8", "socket 2 1 0",
       ("connect", "%3", *to(OUTSIDE, 443)))


# --- what is done, and where ----------------------------------------------------------------------
# Rule: (place, action), or several of them.

STABLE = {
    "Directory traversal monitored file read": opens("/data/../../etc/passwd", RD),
    "Read sensitive file trusted after startup":
        inside(plain, "sleep 5100", "openat -100 s:/etc/shadow 0", name="/bin/nginx"),
    "Read sensitive file untrusted": (program(plain, "/bin/cat", "/etc/shadow"),
                                      host("cat", "/etc/shadow")),
    "Run shell untrusted": inside(plain, *child("/bin/sh", "-c", "true"), name="/bin/nginx"),
    "System user interactive":
        inside(plain, "setuid 1", ("fork", "{", "execve", "s:/bin/id", "v:id", "v:", "}"),
               "wait %1", name="/bin/sshd"),
    "Terminal shell in container": (plain, terminal_shell),
    "Contact K8S API Server From Container":
        inside(plain, "socket 2 1 0", ("connect", "%0", *to(SERVICE, 443))),
    "Netcat Remote Code Execution in Container":
        program(plain, "/bin/nc", "127.0.0.1", "9", "-e", "/bin/true"),
    "Search Private Keys or Passwords":
        (program(plain, "/bin/grep", "-r", "BEGIN RSA PRIVATE", "/data"),
         host("find", "/nonexistent", "-name", "id_rsa")),
    "Clear Log Activities": opens("/var/log/syslog", WR | TRUNC),
    "Remove Bulk Data from Disk": (program(plain, "/bin/shred", "/nonexistent"),
                                   host("shred", "/nonexistent")),
    "Create Symlink Over Sensitive Files":
        (inside(plain, "symlink s:/etc/shadow s:/tmp/soft"),
         inside(plain, "symlinkat s:/etc -100 s:/tmp/softer")),
    "Create Hardlink Over Sensitive Files":
        (inside(plain, "link s:/etc/shadow s:/tmp/hard"),
         inside(plain, "linkat -100 s:/etc/shadow -100 s:/tmp/harder 0")),
    "Packet socket created in container": inside(plain, "socket 17 3 0"),
    "Redirect STDOUT/STDIN to Network Connection in Container":
        (inside(plain, "socket 2 1 0", "dup2 %0 0"), inside(plain, "socket 10 1 0", "dup3 %0 0 0")),
    "Linux Kernel Module Injection Detected":
        (inside(strong, "init_module b:64 64 s:"),
         inside(strong, "openat -100 s:/bin/true 0", "finit_module %0 s: 0")),
    "Debugfs Launched in Privileged Container":
        program(privileged, "/bin/debugfs", "/dev/nothing"),
    "Detect release_agent File Container Escapes":
        opens("/tmp/release_agent", WR | CREAT, place=strong),
    "PTRACE attached to process":
        (inside(strong, "child", "ptrace 16 %0 0 0"), host_doer("child", ",", "ptrace", "0x4206",
                                                                "%0", "0", "0")),
    "PTRACE anti-debug attempt": (inside(plain, "ptrace 0 0 0 0"),
                                  host_doer("ptrace", "0", "0", "0", "0")),
    "Find AWS Credentials":
        (program(plain, "/bin/grep", "aws_access_key_id", "/data/none"),
         program(plain, "/bin/find", "/data", "-path", "*/.aws/credentials")),
    "Execution from /dev/shm":
        (program(plain, "/bin/sh", "/dev/shm/nothing"),
         inside(plain, "makefile s:/dev/shm/x s:", "openat -100 s:/dev/shm/x 1",
                "copy %1 s:/bin/doer", "close %1", "execve s:/dev/shm/x v:/dev/shm/x|getpid v:"),
         host("sh", "-c", "/dev/shm/bhtest-nothing")),
    "Drop and execute new binary in container":
        inside(plain, "makefile s:/data/dropped s:", "openat -100 s:/data/dropped 1",
               "copy %1 s:/bin/busybox", "close %1",
               ("execve", "s:/data/dropped", "v:true", "v:")),
    "Disallowed SSH Connection Non Standard Port": inside(plain, *TCP, name="/bin/ssh"),
    "Fileless execution via memfd_create":
        inside(plain, "memfd_create s:bhtest 0", "copy %0 s:/bin/busybox",
               ("execveat", "%0", "s:", "v:true", "v:", 0x1000)),
}
# The aim is none. Rule: why it cannot fire here.
STABLE_NOT = {}

OTHERS = {
    # incubating
    "Modify Shell Configuration File": opens("/data/.bashrc", WR | CREAT),
    "Schedule Cron Jobs": (opens("/etc/crontab", WR | CREAT), host("crontab", "-l")),
    "Read ssh information": program(plain, "/bin/cat", "/root/.ssh/known"),
    "DB program spawned process": inside(plain, *child("/bin/id"), name="/bin/postgres"),
    "Change thread namespace":
        inside(strong, "openat -100 s:/proc/self/ns/uts 0", "setns %0 0"),
    "Change namespace privileges via unshare": inside(plain, "unshare 0x04000000"),
    "Launch Privileged Container": started(new_privileged),
    "Launch Excessively Capable Container": started(new_strong),
    "System procs network activity":
        inside(plain, "socket 2 2 0", ("connect", "%0", *to(OUTSIDE, 4000)), name="/bin/tac"),
    "Program run with disallowed http proxy env":
        program(plain, "HTTP_PROXY=http://127.0.0.1:9", "/bin/wget", "--nothing"),
    "Unexpected UDP Traffic":
        inside(plain, "socket 2 2 0", ("connect", "%0", *to(OUTSIDE, 4001))),
    "Non sudo setuid": inside(plain, "setuid 1000", "setuid 1000"),
    "User mgmt binaries": host("useradd", "bhtest-nobody"),
    "Create files below dev": opens("/dev/bhtest", WR | CREAT),
    "Contact EC2 Instance Metadata Service From Container":
        inside(plain, "socket 2 2 0", ("connect", "%0", *to(METADATA, 80))),
    "Contact cloud metadata service from container":
        # a socket that is bound to no address sends from 0.0.0.0, which the rule leaves out
        inside(plain, "socket 2 2 0", ("bind", "%0", *to(OUTSIDE, 0)),
               ("sendto", "%0", "b:1", "1", "0", *to(METADATA, 80))),
    "Launch Package Management Process in Container": program(plain, "/bin/apk", "add", "x"),
    "Launch Suspicious Network Tool in Container": program(plain, "/bin/nc", "-h"),
    "Launch Suspicious Network Tool on Host": host("nc", "-h"),
    "Delete or rename shell history":
        (inside(plain, "makefile s:/data/.bash_history s:x", "unlink s:/data/.bash_history"),
         inside(plain, "makefile s:/data/.zsh_history s:x",
                "renameat2 -100 s:/data/.zsh_history -100 s:/data/other 0"),
         inside(plain, "unlinkat -100 s:/data/.ash_history 0")),
    "Set Setuid or Setgid bit":
        (inside(plain, "makefile s:/data/s s:x", "chmod s:/data/s 04755"),
         inside(plain, "makefile s:/data/s2 s:x", "openat -100 s:/data/s2 0", "fchmod %1 02755"),
         inside(plain, "makefile s:/data/s3 s:x", "fchmodat -100 s:/data/s3 06755")),
    "Launch Remote File Copy Tools in Container": program(plain, "/bin/scp", "x", "y:z"),
    "Network Connection outside Local Subnet":
        inside(pod, "socket 2 2 0", ("connect", "%0", *to(OUTSIDE, 53))),
    "Mount Launched in Privileged Container":
        program(privileged, "/bin/mount", "-t", "tmpfs", "none", "/nonexistent"),
    "Launch Ingress Remote File Copy Tools in Container": program(plain, "/bin/wget", "--nothing"),
    "Read environment variable from /proc files": program(plain, "/bin/cat", "/proc/1/environ"),
    "Exfiltrating Artifacts via Kubernetes Control Plane": (plain, exec_tar),
    "Adding ssh keys to authorized_keys": opens("/root/.ssh/authorized_keys", WR | CREAT),
    "Potential Local Privilege Escalation via Environment Variables Misuse":
        program(plain, "GLIBC_TUNABLES=glibc.malloc.check=1", "/bin/true"),
    "Backdoored library loaded into SSHD (CVE-2024-3094)":
        opens("/tmp/liblzma.so.5.6.1", RD, name="/bin/sshd"),
    "BPF Program Not Profiled": inside(strong, "bpf 5 b:128 128"),
    # sandbox
    "Unexpected inbound connection source":
        inside(plain, "socket 2 1 0", ("bind", "%0", *to(OUTSIDE, 444)), "listen %0 8",
               "socket 2 1 0", ("connect", "%3", *to(OUTSIDE, 444)), "accept4 %0 0 0 0"),
    "Read Shell Configuration File": program(plain, "/bin/cat", "/root/.bashrc"),
    "Update Package Repository": opens("/etc/apt/sources.list", WR | CREAT),
    "Write below binary dir": opens("/bin/bhtest-new", WR | CREAT),
    "Write below monitored dir": opens("/usr/local/bin/bhtest-new", WR | CREAT),
    "Write below etc": opens("/etc/bhtest-new", WR | CREAT),
    "Write below root": opens("/bhtest-new", WR | CREAT),
    "Write below rpm database": opens("/var/lib/rpm/bhtest-new", WR | CREAT),
    "Modify binary dirs": (inside(plain, "rename s:/bin/npmtool s:/bin/npmtool2"),
                           inside(plain, "unlink s:/bin/bhtest-no-such")),
    "Mkdir binary dirs": inside(plain, "mkdir s:/bin/bhtest-folder 0755"),
    "Launch Sensitive Mount Container": started(new_sensitive),
    "Launch Disallowed Container": started(new_sensitive),
    "Interpreted procs inbound network activity":
        inside(plain, "socket 2 1 0", ("bind", "%0", *to(OUTSIDE, 445)), "listen %0 8",
               name="/bin/python3"),
    "Interpreted procs outbound network activity":
        inside(plain, "socket 2 2 0", ("connect", "%0", *to(OUTSIDE, 4002)), name="/bin/python3"),
    "Unexpected K8s NodePort Connection":
        inside(plain, "socket 2 2 0", ("connect", "%0", *to(OUTSIDE, 30001))),
    "Create Hidden Files or Directories":
        (opens("/data/.hidden", WR | CREAT), inside(plain, "mkdir s:/data/.folder 0755")),
    "Detect crypto miners using the Stratum protocol":
        (program(plain, "/bin/true", "stratum+tcp://nowhere.invalid"),
         host("true", "stratum2+ssl://nowhere.invalid")),
    "Kubernetes Client Tool Launched in Container": program(plain, "/bin/kubectl"),
    "Container Drift Detected (chmod)":
        inside(plain, "openat -100 s:/data/drift 65 0600", "chmod s:/data/drift 0755"),
    "Container Drift Detected (open+create)": opens("/data/drift-2", WR | CREAT, "0755"),
    "Container Run as Root User": started(new_pod),
    "Sudo Potential Privilege Escalation": program(plain, "/bin/sudo", "-s", "a\\"),
    "Unprivileged Delegation of Page Faults Handling to a Userspace Process":
        inside(strong, "setuid 1000", "userfaultfd 0"),
    "Polkit Local Privilege Escalation Vulnerability (CVE-2021-4034)":
        program(plain, "/bin/pkexec"),
    "Modify Container Entrypoint": opens("/proc/self/fd/1", WR),
    "Decoding Payload in Container": program(plain, "/bin/base64", "-d", "/etc/passwd"),
    "Basic Interactive Reconnaissance": (plain, terminal_whoami),
    "Netcat/Socat Remote Code Execution on Host": host("nc", "127.0.0.1", "9", "-e", "/bin/true"),
    "Network Tool Executed During NPM Package Install":
        inside(plain, *child("/bin/nc", "-h"), name="/bin/npm"),
    "Known Cryptominer Process Executed": (program(plain, "/bin/xmrig"), host("xmrig")),
    "Web Server Spawned Shell": inside(plain, *child("/bin/sh", "-c", "true"), name="/bin/nginx"),
    "Web Server Spawned Suspicious Child Process": inside(plain, *child("/bin/id"),
                                                          name="/bin/nginx"),
    "Reverse Shell from Web Server":
        inside(plain, *child("/bin/sh", "-c", "true # mkfifo /tmp/f"), name="/bin/nginx"),
    "Privileged Container Device Access": opens("/dev/sdbhtest", WR | CREAT),
    "Container Access to Host Sensitive Paths": program(plain, "/bin/cat", "/host/etc/passwd"),
}
OTHERS_NOT = {
    "Detect outbound connections to common miner pool ports":
        "not tried: it wants an answer of DNS for a name of a mining pool",
}
# Rules that no event can fire here, as `rules explain` says. Rule: why.
NEVER = {
    "Java Process Class File Download":
        "what was received comes with the first bytes of a flow, not with recvfrom",
}
# What bulkhead cannot serve. Rule: what it must say of it.
NOT_SERVED = {}


def names(file):
    return re.findall(r"^- rule: (.*?)\s*$", read_text(stock(file)), re.M)


def perform(judged, table):
    """Does all of a table; returns what did not fire."""
    wrong = []
    for rule, entry in table.items():
        for place, act in entry if isinstance(entry[0], tuple) else (entry,):
            since = judged.mark()
            said = act()
            cid = "host" if place is HOST else place().id
            try:
                alert = judged.wait(rule, since, cid, fits=lambda a, p=place: p is not HOST
                                    or session.folder in a["process"]["exe"])
                known = {e["name"]: e["value"] for e in alert["evidence"]}
                same(known["container.id"], cid[:12], f"container.id of '{rule}'")
                assert f"container_id={cid[:12]} " in alert["title"], alert["title"]
            except AssertionError as why:
                wrong.append(f"{rule}: {why}; the action said {said!r}")
    assert not wrong, f"{len(wrong)} rules:\n" + "\n".join(wrong)


# --- tests ----------------------------------------------------------------------------------------

def test_the_tables_name_every_rule_of_the_three_files():
    stable, incubating, sandbox = (names(f) for f in FILES)
    same(len(stable), 25, "rules of the stable file")
    same(sorted([*STABLE, *STABLE_NOT]), sorted(stable), "rules of the stable file in the tables")
    same(sorted([*OTHERS, *OTHERS_NOT, *NOT_SERVED, *NEVER]), sorted(incubating + sandbox),
         "rules of the other two files in the tables")
    assert all(STABLE_NOT.values()) and all(OTHERS_NOT.values()), "reasons"


def test_all_three_files_load_and_what_cannot_be_served_is_told():
    local = written(LOCAL)
    answer = json.loads(run(DAEMON, "rules", "check", "--json",
                            *(stock(f) for f in FILES)).stdout)
    same(answer["errors"], 0, "errors")
    not_served = {r["name"]: r["reason"] for r in answer["rules"] if not r["served"]}
    same(sorted(not_served), sorted(NOT_SERVED), f"rules that are not served, of {not_served}")
    for rule, word in NOT_SERVED.items():
        assert word in not_served[rule], f"{rule}: {not_served[rule]}"
    for rule in (r for f in FILES for r in names(f) if r not in NOT_SERVED):
        told = run(DAEMON, "rules", "explain", rule, *(stock(f) for f in FILES), local).stdout
        same("it never matches" in told, rule in NEVER, f"whether '{rule}' never matches")


def test_every_rule_of_the_stable_file_fires_for_its_behaviour():
    with Judged(*(stock(f) for f in FILES)) as judged:
        by_name, _ = judged.rules()
        for rule in STABLE:
            same(by_name[rule]["state"], "on", rule)
        perform(judged, STABLE)
        by_name, _ = judged.rules()
        idle = [r for r in STABLE if not by_name[r]["matches"] or not by_name[r]["evaluations"]]
        same(idle, [], "rules without a count")


def test_the_incubating_and_sandbox_rules_fire_for_theirs():
    for file in FILES:
        stock(file)
    local = written(LOCAL)
    with Judged(*(stock(f) for f in FILES), local, **{"rules.match": "all"}) as judged:
        perform(judged, OTHERS)
