# SPDX-License-Identifier: GPL-2.0-or-later
"""The audit: what happens to a container from its making to its removal, and who types commands on
the host; read by `bulkhead log --audit` and GET /api/v1/audit."""

import json
import os
import secrets
import subprocess

from boxes import MIB, Running
from harness import CLIENT, Agent, run, same, skip, wait_until
from runtimes import docker, once

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NOBODY = 2 ** 32 - 1


@once
def agent():
    docker()
    a = Agent({"rules.files": f"{ROOT}/rules"})
    if a.status()["sensor"]["mode"] == "off":
        skip("the kernel sensor is off here")
    return a


def by_api(query):
    return agent().json(f"/api/v1/audit?limit=1000&{query}")["audit"]


def by_command(*options):
    out = run(CLIENT, "log", "--audit", "--format", "json", "--limit", "1000", *options,
              "--socket", f"{agent().run_dir}/bulkhead.sock").stdout
    return [json.loads(line) for line in out.splitlines()]


def of_container(cid):
    """Rules of its records, oldest first."""
    records = sorted(by_api(f"container={cid}"), key=lambda r: r["seq"])
    return [r["rule"] for r in records], {r["rule"]: r for r in records}


def appears(cid, rule):
    # docker's file is looked at each 10 s: a pause is seen by then
    return wait_until(lambda: of_container(cid)[1].get(rule), 15, f"{rule} in the audit")


def facts(record):
    return {f["name"]: f["value"] for f in record.get("evidence", [])}


def test_the_life_of_a_container_is_in_the_audit_from_creation_to_removal():
    agent()
    d = docker()
    with Running("audited", None) as c:
        appears(c.id, "container.create")
        start = appears(c.id, "container.start")
        same(start["container"]["name"], c.name, "name")
        appears(c.id, "container.first_process")
        d.exec_done(d.exec(c.id, "/bin/busybox", "echo", "entered"))
        entered = appears(c.id, "container.exec")
        assert "echo entered" in entered["title"], entered["title"]
        same(entered["severity"], "notice", "severity of an entry")
        d.api("POST", f"/containers/{c.id}/pause")
        appears(c.id, "container.pause")
        d.api("POST", f"/containers/{c.id}/unpause")
        appears(c.id, "container.unpause")
        d.stop(c.id)
        stopped = appears(c.id, "container.stop")
        assert "exit_code" in facts(stopped), stopped
        d.remove(c.id)
        appears(c.id, "container.destroy")
        rules, _ = of_container(c.id)
        order = [r for r in dict.fromkeys(rules)
                 if r in ("container.create", "container.start", "container.pause",
                          "container.unpause", "container.stop", "container.destroy")]
        same(order, ["container.create", "container.start", "container.pause",
                     "container.unpause", "container.stop", "container.destroy"], "order")
        for rule in order:
            same(rules.count(rule), 1, f"records of {rule}")
        shown = [r["rule"] for r in by_command("--container", c.id)]
        same(sorted(shown), sorted(rules), "what the command line shows")
        same({r["kind"] for r in by_api(f"container={c.id}")}, {"audit"}, "kind")


def test_an_out_of_memory_kill_is_in_the_audit():
    agent()
    with Running("audited-oom", ["alloc", "oom"], {"Memory": 32 * MIB,
                                                   "MemorySwap": 32 * MIB}) as c:
        record = appears(c.id, "container.oom")
        same((record["severity"], record["container"]["name"]), ("warning", c.name), "record")


def at_terminal(*argv):
    """Runs a program in a session of its own at a new terminal."""
    pid, fd = os.forkpty()
    if pid == 0:
        try:
            os.execv(argv[0], argv)
        finally:
            os._exit(127)
    try:
        while os.read(fd, 4096):
            pass
    except OSError:
        pass  # its end
    os.waitpid(pid, 0)
    os.close(fd)


def without_session(*argv, loginuid=None):
    def prepare():
        os.setsid()
        if loginuid is not None:
            with open("/proc/self/loginuid", "w") as f:
                f.write(str(loginuid))
    subprocess.run(argv, preexec_fn=prepare, check=True, stdin=subprocess.DEVNULL)


def typed(mark):
    return [r for r in by_api("rule=Command+of+a+person") if mark in r["title"]]


def test_commands_of_a_session_are_in_the_audit_and_shells_of_daemons_are_not():
    agent()
    mark = secrets.token_hex(4)
    with open("/proc/self/loginuid") as f:
        if int(f.read()) != NOBODY:
            skip("these tests run in a login session: all that they start is of it")
    without_session("/bin/sh", "-c", "true", f"{mark}-daemon")
    at_terminal("/bin/sh", "-c", "true", f"{mark}-typed")
    record, = wait_until(lambda: typed(f"{mark}-typed"), 10, "the command at a terminal")
    assert record["container"] is None, record
    assert record["process"]["tty"], record["process"]
    same(typed(f"{mark}-daemon"), [], "a shell without a session")  # it came before
    shown = [r["title"] for r in by_command("--rule", "Command of a person")]
    assert any(f"{mark}-typed" in title for title in shown), shown


def test_commands_of_a_login_without_a_terminal_are_in_the_audit():
    agent()
    mark = secrets.token_hex(4)
    try:
        without_session("/bin/sh", "-c", "true", mark, loginuid=1234)
    except (OSError, subprocess.SubprocessError) as why:
        skip(f"a login's uid cannot be set here: {why}")
    record, = wait_until(lambda: typed(mark), 10, "the command")
    same(record["process"]["loginuid"], 1234, "who logged in")


def test_changes_of_bulkhead_itself_are_in_the_audit():
    a = agent()
    run(CLIENT, "silence", "add", "--socket", f"{a.run_dir}/bulkhead.sock", "--kind", "mining",
        "--for", "10s", "--comment", "audited")
    wait_until(lambda: by_api("rule=silence.add"), 10, "the silence")
    run(CLIENT, "token", "--for", "1m", "--socket", f"{a.run_dir}/bulkhead.sock")
    wait_until(lambda: by_api("rule=token.*"), 10, "the token")
