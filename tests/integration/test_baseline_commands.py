# SPDX-License-Identifier: GPL-2.0-or-later
"""bulkhead baseline on a running agent: what it shows, what it changes, and that all of it is in
the audit; documents go from one machine to another."""

import json
import os
import socket
import struct

from baselines_at_work import SPARE, Learning, Place, usual_work
from harness import same, wait_until
from rules_at_work import image
from runtimes import once
from session import session

IMAGE = "bhtest/commanded"
# what a container does once, at its start, is soon enough for a version to be learned
SOON = {"baseline.syscalls": "false", "baseline.windows_without_news": "4"}
HEAD = struct.Struct("<HHIII")  # collector/wire.h
REQUEST, GET, COMMAND = 4, 1, 6


@once
def commanded():
    return image(f"{IMAGE}:1", files={
        "/etc/app.conf": "setting=1\n", "/srv/app/run.sh": "#!/bin/dash\nexit 0\n",
        "/srv/app/data.txt": "data\n"}, programs=SPARE)


class World:
    def __init__(self):
        self.agent = Learning(**SOON)
        self.box = Place("commanded", {}, Image=commanded())
        session.at_file_end(self.close)
        wait_until(self.ours, 10, "a baseline of the image")
        self.agent.until_mode(IMAGE, "detect", 90, lambda: usual_work(self.box))
        wait_until(self.version_is_learned, 60, "the version learned", step=0.3)
        since = self.agent.mark()
        for program in ("/usr/bin/id", "/usr/bin/tac"):
            self.box.run(program, "/etc/app.conf")
            self.agent.deviation("baseline-exec", since, self.box.id, program)

    def ours(self):
        return [b for b in self.agent.api()["baselines"] if b["repository"].endswith(IMAGE)]

    def version_is_learned(self):
        usual_work(self.box)
        return all(v["learned"] for v in self.agent.baseline(IMAGE)["versions"])

    def close(self):
        self.box.close()
        self.agent.close()

    def deviations(self):
        return self.agent.api("/deviations", image=IMAGE)["deviations"]

    def entry(self, program):
        return next(d["entry"] for d in self.deviations() if d["entry"].startswith(program + " "))

    def audited(self, rule):
        facts = [{f["name"]: f["value"] for f in a["evidence"]}
                 for a in self.agent.agent.json("/api/v1/audit")["audit"] if a["rule"] == rule]
        return [f for f in facts if f.get("by") == "root"]


@once
def world():
    return World()


def test_baselines_are_shown_with_how_far_they_are():
    w = world()
    text = w.agent.cli("list").stdout
    assert IMAGE in text and "detect" in text and "LEARNED" in text, text
    same(w.agent.cli().stdout.splitlines()[0], text.splitlines()[0], "the list without a word")
    text = w.agent.cli("show", IMAGE, "--class", "exec").stdout
    assert "START-UP" in text and "/bin/busybox" in text and "USUALLY" in text, text
    assert "/srv/app" not in w.agent.cli("show", IMAGE).stdout
    shown = json.loads(w.agent.cli("show", IMAGE, "--json").stdout)
    assert shown["maturity"]["exec"]["steady"]["complete"] and shown["versions"][0]["learned"], shown
    same(w.agent.cli("show", "nobody/nowhere", check=False).returncode, 1, "of no image")
    same(w.agent.cli("show", check=False).returncode, 2, "of none at all")


def test_deviations_and_a_preview_of_what_would_be_blocked():
    w = world()
    entries = {d["entry"].split(" < ")[0] for d in w.deviations() if d["class"] == "exec"}
    assert {"/usr/bin/id", "/usr/bin/tac"} <= entries, w.deviations()
    assert "/usr/bin/tac" in w.agent.cli("deviations", IMAGE).stdout
    preview = w.agent.api("/preview", image=IMAGE, hours=1)
    blocked = {b["entry"].split(" < ")[0]: b for b in preview["blocked"]}
    if preview["actions"]["exec"] != "alert":
        assert blocked["/usr/bin/id"]["means"], preview
    assert "blocked" in w.agent.cli("preview", IMAGE, "--hours", "1").stdout
    same(w.agent.cli("preview", IMAGE, "--hours", "0", check=False).returncode, 1, "no hours")


def test_entries_are_accepted_rejected_and_forgotten_by_root_and_audited():
    w = world()
    accepted, rejected = w.entry("/usr/bin/id"), w.entry("/usr/bin/tac")
    w.agent.cli("accept", IMAGE, "exec", "--entry", accepted)
    w.agent.cli("reject", IMAGE, "exec", "--entry", rejected)
    entries = {e["entry"]: e for e in w.agent.baseline(IMAGE)["sets"]["exec"]}
    assert entries[accepted]["accepted"] and entries[rejected]["rejected"], entries
    assert not {accepted, rejected} & {d["entry"] for d in w.deviations()}
    w.agent.cli("forget", IMAGE, "exec", "--entry", rejected)
    assert rejected not in {e["entry"] for e in w.agent.baseline(IMAGE)["sets"]["exec"]}
    long_one = "/srv/" + "d" * 900 + " < /bin/busybox"  # does not fit into a query
    w.agent.cli("accept", IMAGE, "exec", "--entry", long_one)
    assert long_one in {e["entry"] for e in w.agent.baseline(IMAGE)["sets"]["exec"]}
    w.agent.cli("forget", IMAGE, "exec", "--entry", long_one)
    same(w.agent.cli("forget", IMAGE, "exec", "--entry", long_one, check=False).returncode, 1,
         "forgotten twice")
    wait_until(lambda: {f["entry"] for f in w.audited("baseline.accept")} >= {accepted, long_one}
               and {f["entry"] for f in w.audited("baseline.reject")} == {rejected}
               and {f["class"] for f in w.audited("baseline.forget")} == {"exec"},
               10, "each in the audit")


def test_a_mode_is_set_and_kept_over_a_restart():
    w = world()
    w.agent.cli("mode", IMAGE, "learn")
    same(w.agent.baseline(IMAGE)["mode_by"], "root", "who")
    w.agent.cli("mode", IMAGE, "off")
    w.agent.agent.restart()
    same(wait_until(lambda: w.agent.baseline(IMAGE), 10, "the baseline")["mode"], "off", "mode")
    w.agent.cli("mode", IMAGE, "detect")
    changes = [(f["from"], f["to"]) for f in w.audited("baseline.mode")]
    assert ("learn", "off") in changes and ("off", "detect") in changes, changes


def test_all_formats_are_exported_and_a_json_comes_back_as_a_proposal():
    w = world()
    same(w.agent.cli("export", IMAGE, "--format", "seccomp", check=False).returncode, 1,
         "a profile of no system calls")
    w.agent.cli("accept", IMAGE, "syscall", "--entry", "openat")
    for name in ("json", "seccomp", "apparmor", "falco", "networkpolicy"):
        text = w.agent.cli("export", IMAGE, "--format", name).stdout
        assert text, name
        if name in ("json", "seccomp"):
            json.loads(text)
    same(w.agent.cli("export", IMAGE, "--format", "pdf", check=False).returncode, 1, "no format")
    document = json.loads(w.agent.cli("export", IMAGE).stdout)
    document.update(repository="docker.io/bhtest/elsewhere", mode="enforce")
    w.agent.cli("import", "-", text=json.dumps(document))
    new = w.agent.baseline("bhtest/elsewhere")
    assert new["imported"] and new["mode"] == "learn" and not new["complete"], new["mode"]
    w.agent.cli("merge", "bhtest/elsewhere", "-", text=json.dumps(document))
    refused = w.agent.cli("import", "-", text='{"schema": 1, "sets": 3}', check=False)
    assert refused.returncode == 1 and "refused" in refused.stderr, refused.stderr
    refused = w.agent.cli("import", "-", text=" " * (5 << 20), check=False)
    assert refused.returncode == 1 and "4 MiB" in refused.stderr, refused.stderr
    w.agent.cli("remove", "bhtest/elsewhere")
    same(w.agent.cli("show", "bhtest/elsewhere", check=False).returncode, 1, "what is removed")


def test_a_baseline_that_is_removed_is_learned_anew():
    w = world()
    w.agent.cli("remove", IMAGE)
    anew = wait_until(w.ours, 10, "a new one")
    same(anew[0]["mode"], "learn", "its mode")
    usual_work(w.box)
    wait_until(lambda: w.agent.baseline(IMAGE)["sets"]["exec"], 10, "what it does")
    w.agent.until_mode(IMAGE, "detect", 90, lambda: usual_work(w.box))


def ask(path, op, *fds):
    """The status that a request with these descriptors gets at root's socket."""
    def text(b):
        return struct.pack("<H", len(b)) + b
    payload = struct.pack("<BI", op, 0) + text(path) + text(b"") + text(b"")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        s.settimeout(10)
        s.connect(f"{world().agent.agent.run_dir}/bulkhead.sock")
        socket.send_fds(s, [HEAD.pack(1, REQUEST, 7, len(payload), 0) + payload], list(fds))
        return struct.unpack_from("<H", s.recv(65536), HEAD.size)[0]


def test_descriptors_that_are_no_document_are_refused():
    path = b"/api/v1/baselines/import"
    memory = os.memfd_create("document")
    os.write(memory, b"[]")
    folder, disk = os.open("/", os.O_RDONLY), os.open(__file__, os.O_RDONLY)
    pipe = os.pipe()
    try:
        same(ask(path, COMMAND, memory), 400, "a document that is no baseline")
        for what, fds in (("two", (memory, memory)), ("a directory", (folder,)),
                          ("a file of a disk", (disk,)), ("a pipe", (pipe[0],))):
            same(ask(path, COMMAND, *fds), 400, what)
        same(ask(b"/api/v1/baselines", GET, memory), 400, "one beside a question")
        same(ask(path, COMMAND), 404, "none")
        os.ftruncate(memory, (4 << 20) + 1)
        same(ask(path, COMMAND, memory), 413, "a huge one")
    finally:
        for fd in (memory, folder, disk, *pipe):
            os.close(fd)
    same(len(world().ours()), 1, "baselines")


def test_viewers_may_look_and_not_change():
    w = world()
    for path in ("mode?image=x&mode=off", "remove?image=x", "accept?image=x"):
        status = w.agent.agent.get(f"/api/v1/baselines/{path}").status
        assert status == 404, (path, status)
