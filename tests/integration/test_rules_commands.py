# SPDX-License-Identifier: GPL-2.0-or-later
"""bulkhead rules check, list, explain, fields, test: rule files without an agent, and a recording
of a real container matched with them."""

import json
import os
import re
import signal

from events import Box, agent, client_argv, reader, unique
from harness import CLIENT, DAEMON, Agent, need, run, same, skip, wait_until
from session import read_text, session

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# The files of the Falco project, where they lie beside the tree; they are not part of it.
STOCK = [d for d in (os.environ.get("BULKHEAD_FALCO_RULES"),
                     os.path.join(TREE, "..", "shared", "data", "falco-rules"), "/etc/falco")
         if d and os.path.exists(os.path.join(d, "falco_rules.yaml"))]

GOOD = """\
- list: shells
  items: [sh, bash, dash, busybox]
- list: many
  items: [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14]
- macro: spawned
  condition: (evt.type in (execve, execveat))
- macro: in_container
  condition: (container.id != host)
- rule: A program was started
  desc: for tests
  condition: spawned and in_container and proc.name = true
  output: started %proc.name with %proc.args
  priority: NOTICE
  tags: [container, test]
- rule: A file was made
  desc: >
    for
    tests
  condition: >
    evt.type in (open, openat, openat2) and in_container
    and evt.is_open_write = true and fd.name startswith /mem/
    and not proc.name in (many, shells)
  output: made %fd.name by %proc.name (missing=%fd.sip)
  priority: warning
  tags: [file]
- rule: Off
  desc: not enabled
  condition: spawned and proc.name = true
  output: off %proc.name
  priority: DEBUG
  enabled: false
"""

# What is wrong, and what must be said of it: a line and a word.
BAD = (
    ("- rule: x\n  desc: d\n  condition: evt.type = execve and\n  output: o\n  priority: ERROR\n",
     r":3:\d+: error: rule 'x': "),
    ("- rule: x\n  desc: d\n  condition: evt.type = execve and nosuch.field = 1\n  output: o\n"
     "  priority: ERROR\n", r":3:\d+: error: rule 'x': .*nosuch\.field"),
    ("- rule: x\n  desc: d\n  condition: evt.type = nosuchcall\n  output: o\n  priority: ERROR\n",
     r":3:\d+: error: rule 'x': .*nosuchcall"),
    ("- rule: x\n  desc: d\n  condition: evt.type = execve and nomacro\n  output: o\n"
     "  priority: ERROR\n", r":3:\d+: error: .*nomacro"),
    ("- rule: x\n  desc: d\n  condition: evt.type = execve\n  output: 50%\n  priority: ERROR\n",
     r":4:\d+: error: rule 'x': output: "),
    ("- rule: x\n  desc: d\n  condition: evt.type = execve\n  output: a %proc.nam\n"
     "  priority: ERROR\n", r":4:\d+: error: rule 'x': output: .*proc\.nam"),
    ("- rule: x\n  desc: d\n  condition: evt.type = execve and proc.pid contains 1\n  output: o\n"
     "  priority: ERROR\n", r":3:\d+: error: rule 'x': "),
    ("- rule: x\n  desc: d\n  condition: evt.type = execve\n  output: o\n  priority: worst\n",
     r":5(:\d+)?: error: .*worst"),
    ("- rule: x\n  condition: [\n", r"(?m)error: "),
    ("just words\n", r"(?m)error: "),
)


def rules(*arguments, code=0):
    done = run(DAEMON, "rules", *arguments, check=False, timeout=60)
    assert done.returncode == code, \
        f"rules {arguments}: exit {done.returncode}, not {code}:\n{done.stdout}{done.stderr}"
    return done


def written(text, name="rules.yaml"):
    path = os.path.join(session.temp("rules"), name)
    with open(path, "w") as f:
        f.write(text)
    return path


def stock(name):
    if not STOCK:
        skip("the rule files of Falco are not here (BULKHEAD_FALCO_RULES)")
    path = os.path.join(STOCK[0], name)
    if not os.path.exists(path):
        skip(f"{path} is not there")
    return path


# --- check ----------------------------------------------------------------------------------------

def test_a_good_file_is_good():
    done = rules("check", written(GOOD))
    same(done.stdout.splitlines()[-1], "3 rules, 2 macros, 2 lists: 0 errors, 0 warnings",
         "the summary")
    same(len(done.stdout.splitlines()), 1, f"lines of {done.stdout}")


def test_what_is_wrong_is_told_with_its_place():
    for text, pattern in BAD:
        path = written(text)
        done = rules("check", path, code=1)
        assert re.search(pattern, done.stdout), f"{text}\nno '{pattern}' in\n{done.stdout}"
        assert path in done.stdout, done.stdout
        assert re.search(r": [1-9]\d* errors?, ", done.stdout), done.stdout
        answer = json.loads(rules("check", "--format", "json", path, code=1).stdout)
        errors = [m for m in answer["messages"] if m["severity"] == "error"]
        assert errors and answer["errors"] == len(errors), answer
        same(errors[0]["file"], path, "the file of an error")


def test_all_that_is_wrong_is_told_at_once():
    # First what cannot be read, then, when all can, what does not fit together.
    for some in ((0, 3, 7), (1, 2, 4, 5, 6)):
        text = "".join(BAD[i][0].replace("rule: x", f"rule: x{i}") for i in some)
        done = rules("check", written(text), code=1)
        for i in some:
            assert f"rule 'x{i}'" in done.stdout, f"nothing of x{i} in\n{done.stdout}"


def test_what_is_not_observed_is_a_warning():
    path = written("- rule: x\n  desc: d\n  condition: evt.type = getuid\n  output: o\n"
                   "  priority: ERROR\n"
                   "- rule: every\n  desc: d\n  condition: proc.name = x\n  output: o\n"
                   "  priority: ERROR\n"
                   "- rule: quiet\n  desc: d\n  condition: proc.name = x\n  output: o\n"
                   "  priority: ERROR\n  warn_evttypes: false\n"
                   "- rule: unknown\n  desc: d\n  condition: evt.type = open and no.such = x\n"
                   "  output: o\n  priority: ERROR\n  skip-if-unknown-filter: true\n")
    done = rules("check", path)
    text = done.stdout
    assert "getuid" in text, text
    assert "rule 'every'" in text and "rule 'quiet'" not in text, text
    assert re.search("rule 'unknown': .*no.such", text), text
    rules("check", "--strict", path, code=1)
    answer = json.loads(rules("check", "--json", path).stdout)
    served = {r["name"]: r["served"] for r in answer["rules"]}
    same(served, {"x": False, "every": True, "quiet": True, "unknown": False}, "what is served")
    reasons = {r["name"]: r["reason"] for r in answer["rules"]}
    assert "getuid" in reasons["x"] and "no.such" in reasons["unknown"], reasons
    assert reasons["every"] is None, reasons
    same(answer["errors"], 0, "errors")


def test_a_folder_is_read_in_the_order_of_its_names():
    folder = os.path.dirname(written(GOOD, "b.yaml"))
    for name, text in (("c.yml", "- rule: Off\n  enabled: true\n  override: {enabled: replace}\n"),
                       ("a.txt", "not a rule file"), (".hidden.yaml", "- nonsense")):
        with open(f"{folder}/{name}", "w") as f:
            f.write(text)
    answer = json.loads(rules("check", "--json", folder).stdout)
    same([r["name"] for r in answer["rules"]], ["A program was started", "A file was made", "Off"],
         "rules")
    same([r["enabled"] for r in answer["rules"]], [True, True, True], "enabled")
    same(answer["files"], [folder], "files")


def test_wrong_usage_and_files_that_are_not_there():
    path = written(GOOD)
    for arguments in ((), ("check",), ("frobnicate", path), ("check", "--format", "xml", path),
                      ("check", "--tag", "x", path), ("list", "--priority", "worst", path),
                      ("explain",), ("explain", "A file was made"), ("test", path),
                      ("test", path, "--events", "x", "--match", "none"), ("fields", "a", "b"),
                      ("check", "--nonsense", path)):
        done = rules(*arguments, code=2)
        assert done.stderr.strip() and not done.stdout, f"{arguments}: {done.stdout}"
    assert "/nonexistent/x.yaml" in rules("check", "/nonexistent/x.yaml", code=1).stdout
    rules("explain", "No such rule", path, code=1)
    rules("test", path, "--events", "/nonexistent/recording", code=1)
    for arguments in (("--help",), ("check", "--help"), ("test", "-h")):
        assert "Exit codes" in rules(*arguments).stdout, arguments


def test_the_client_hands_files_to_bulkheadd():
    path = written(GOOD)
    for arguments in (("check", path), ("list", path), ("list", "--json", path),
                      ("explain", "Off", path), ("fields", "proc")):
        same(run(CLIENT, "rules", *arguments).stdout, rules(*arguments).stdout,
             f"bulkhead rules {arguments}")
    same(run(CLIENT, "rules", "check", "/nonexistent", check=False).returncode, 1, "its exit code")
    assert "rules stats" in run(CLIENT, "rules", "--help").stdout


def test_the_stock_files_load_unmodified():
    for name in ("falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"):
        path = stock(name)
        answer = json.loads(rules("check", "--format", "json", path).stdout)
        same(answer["errors"], 0, f"errors of {name}")
        not_served = [(r["name"], r["reason"]) for r in answer["rules"] if not r["served"]]
        assert all(reason for _, reason in not_served), not_served
        assert len(answer["rules"]) > 10 and answer["macros"] > 10, name
    everything = [stock(n) for n in ("falco_rules.yaml", "falco-incubating_rules.yaml",
                                     "falco-sandbox_rules.yaml")]
    text = rules("check", *everything).stdout
    assert re.search(r"^\d+ rules, \d+ macros, \d+ lists: 0 errors", text, re.M), text


# --- list, explain, fields ------------------------------------------------------------------------

def test_a_list_by_tag_and_priority():
    path = written(GOOD)
    lines = rules("list", path).stdout.splitlines()
    same(len(lines), 3, "rules")
    assert lines[0].startswith("Notice") and "container,test" in lines[0], lines[0]
    assert "(disabled)" in lines[2], lines[2]
    only = rules("list", "--tag", "file", path).stdout
    assert "A file was made" in only and len(only.splitlines()) == 1, only
    worse = json.loads(rules("list", "--priority", "Warning", "--format", "json", path).stdout)
    same([r["name"] for r in worse], ["A file was made"], "warnings and worse")
    same(worse[0]["line"], 15, "its line")
    same(set(worse[0]["types"]), {"open", "openat", "openat2"}, "its types")


def test_a_rule_is_explained_with_all_in_place():
    path = written(GOOD)
    text = rules("explain", "A file was made", path).stdout
    for part in ("container.id != host", "openat2", "fd.name", "evt.is_open_write", "about",
                 "m1, m2", "... 8 more)"):
        assert part in text, f"no {part} in\n{text}"
    assert "in_container" not in text and "m14" not in text, text
    full = rules("explain", "--full", "A file was made", path).stdout
    assert "m14" in full and "busybox" in full and " more" not in full, full
    # what is shown in full is a condition again
    condition = full.split("\ncondition\n")[1].split("\nfields\n")[0]
    again = written("- rule: again\n  desc: d\n  condition: >\n" +
                    "".join(f"    {line.strip()}\n" for line in condition.splitlines()) +
                    "  output: o\n  priority: ERROR\n")
    one = json.loads(rules("explain", "A file was made", path, "--json").stdout)
    two = json.loads(rules("explain", "again", again, "--json").stdout)
    same(set(two["types"]), set(one["types"]), "types of the rule and of its explanation")
    same(set(two["fields"]) <= set(one["fields"]), True, "fields of both")
    if STOCK:
        text = rules("explain", "Terminal shell in container", stock("falco_rules.yaml")).stdout
        assert "proc.tty" in text and "execve" in text, text


def test_fields_say_what_they_are():
    everything = rules("fields").stdout.splitlines()
    of_proc = rules("fields", "proc").stdout.splitlines()
    assert len(everything) > 100 and 20 < len(of_proc) < len(everything), len(everything)
    assert all(x.startswith("proc.") for x in of_proc), of_proc
    assert any(x.startswith("proc.name ") for x in of_proc), of_proc
    fields = json.loads(rules("fields", "--json").stdout)
    same(len(fields), len(everything), "fields as JSON")
    assert all(f["name"] and f["type"] and f["text"] for f in fields), fields
    rules("fields", "nosuchclass", code=1)


# --- test -----------------------------------------------------------------------------------------

class recorded:
    """A recording of a container, made once."""
    made = None

    def __new__(cls):
        if not cls.made:
            cls.made = cls.make()
        return cls.made

    @staticmethod
    def make():
        need("docker")
        reader()
        folder = session.temp("recording")
        path, log = f"{folder}/events.bhr", f"{folder}/log"
        with Box("rules", {"Tmpfs": {"/mem": "rw,exec"}}) as b:
            process = session.start(
                client_argv(agent(), "record", "-o", path, "--container", b.name), log)
            wait_until(lambda: os.path.exists(path) and os.path.getsize(path) > 0, 5,
                       f"{path}: {read_text(log)}")
            name = f"/mem/{unique('matched')}"
            b.doer(("makefile", f"s:{name}", "s:x")).of()
            b.run("/bin/true", "one").of()
            b.run("/bin/true", "two\x1b[31m").of()
            process.send_signal(signal.SIGINT)
            assert process.wait(10) in (0, 130), read_text(log)
            return path, b.name, b.id, name


def test_a_recording_is_matched_and_printed_as_falco_prints():
    path, box_name, box_id, made = recorded()
    good = written(GOOD)
    done = rules("test", good, "--events", path)
    lines = done.stdout.splitlines()
    started = [x for x in lines if " started true " in x]
    same(len(started), 2, f"starts in {lines}")
    assert re.match(r"^\d\d:\d\d:\d\d\.\d{9}: Notice started true with one container_id="
                    + box_id[:12] + " container_name=" + box_name + " ", started[0]), started[0]
    assert "\x1b" not in done.stdout and "two\\x1b[31m" in started[1], started[1]
    files = [x for x in lines if f": Warning made {made} by doer (missing=<NA>)" in x]
    assert files, lines
    same(len([x for x in lines if ": Debug off" in x]), 0, "matches of a rule that is off")
    assert re.search(r"^ +2  A program was started$", done.stderr, re.M), done.stderr
    assert re.search(r"matches in \d+ events", done.stderr), done.stderr
    same(rules("test", good, "--events", path).stdout, done.stdout, "a second time")


def test_matches_as_json_are_falcos_lines():
    path, box_name, box_id, _ = recorded()
    done = rules("test", "--format", "json", written(GOOD), "--events", path)
    first = [json.loads(x) for x in done.stdout.splitlines()
             if json.loads(x)["rule"] == "A program was started"][0]
    same(set(first), {"hostname", "output", "output_fields", "priority", "rule", "source", "tags",
                      "time"}, "keys")
    same(first["priority"], "Notice", "priority")
    same(first["tags"], ["container", "test"], "tags")
    fields = first["output_fields"]
    same(fields["proc.name"], "true", "proc.name")
    same(fields["container.id"], box_id[:12], "container.id")
    same(fields["container.name"], box_name, "container.name")
    assert fields["k8s.pod.name"] is None and isinstance(fields["evt.time"], int), fields
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$", first["time"]), first
    assert re.match(r"\d\d:\d\d:\d\d\.\d{9}: Notice started true with one ", first["output"]), first
    same(first["hostname"], os.uname().nodename, "hostname")


def test_the_first_rule_wins_or_all_do():
    path, _, _, _ = recorded()
    text = GOOD + ("- rule: Second\n  desc: d\n  condition: spawned and proc.name = true\n"
                   "  output: second %proc.name\n  priority: INFO\n")
    first = rules("test", written(text), "--events", path).stdout
    every = rules("test", written(text), "--events", path, "--match", "all").stdout
    same(len(re.findall("second true", first)), 0, "of the second rule")
    same(len(re.findall("second true", every)), 2, "of the second rule, all")
    same(len(re.findall("started true", every)), 2, "of the first rule, all")
    alone = rules("test", written(text), "--events", path, "--rule", "Off").stdout
    same(len(re.findall("Debug off true", alone)), 2, "of a rule that is off, asked for")
    same(len(alone.splitlines()), 2, "of the others")


def test_exit_codes_of_a_test():
    path, _, _, _ = recorded()
    good = written(GOOD)
    never = written("- rule: never\n  desc: d\n  condition: evt.type = execve and proc.name = "
                    "nobodycallsitthat\n  output: o\n  priority: ERROR\n")
    rules("test", good, "--events", path, "--expect-match")
    rules("test", never, "--events", path)
    rules("test", never, "--events", path, "--expect-match", code=3)
    rules("test", good, "--events", path, "--rule", "no such", code=1)
    rules("test", written(BAD[0][0]), "--events", path, code=1)
    cut = f"{session.temp('cut')}/events.bhr"
    with open(path, "rb") as f:
        data = f.read()
    with open(cut, "wb") as f:
        f.write(data[:-9])
    done = rules("test", good, "--events", cut, code=1)
    assert cut in done.stderr and "damaged" in done.stderr, done.stderr
    # no privileges: only the files'
    done = run(DAEMON, "rules", "check", good, user=65534, group=65534, extra_groups=[],
               check=False)
    assert done.returncode in (0, 1), done.stderr


# --- of a running agent ---------------------------------------------------------------------------

def test_the_agent_tells_its_rules_and_reads_them_again():
    path = written(GOOD)
    with Agent({"rules.files": path}) as a:
        def ask(*arguments, code=0):
            done = run(*client_argv(a, "rules", *arguments), check=False, timeout=20)
            same(done.returncode, code, f"exit code of {arguments}: {done.stdout}{done.stderr}")
            return done
        answer = wait_until(
            lambda: [x for x in [json.loads(ask("list", "--json").stdout)] if x.get("rules")], 10,
            "its rules")[0]
        same([r["name"] for r in answer["rules"]],
             ["A program was started", "A file was made", "Off"], "rules")
        same(answer["files"], [path], "files")
        assert answer["match"] == "first" and answer["loaded"] and not answer.get("problem"), answer
        for rule in answer["rules"]:
            for key in ("name", "file", "line", "priority", "tags", "enabled", "served", "reason",
                        "evaluations", "matches", "nanoseconds"):
                assert key in rule, f"no {key} in {rule}"
        lines = ask("list").stdout.splitlines()
        assert lines[0].split() == ["PRIORITY", "RULE", "TAGS", "STATE"], lines
        assert lines[3].split()[-1] == "off", lines
        assert lines[4].startswith("3 of 3 rules of 1 files, loaded 20"), lines
        assert "1 of 3 rules" in ask("list", "--tag", "file").stdout
        assert "EVALUATED" in ask("stats").stdout and "Off" in ask("stats").stdout
        ask("reload")
        with open(path, "w") as f:
            f.write(BAD[1][0])
        assert "nosuch.field" in ask("reload", code=1).stderr
        assert "nosuch.field" in ask("list").stdout, "why the reload was refused"
        assert "A file was made" in ask("list").stdout, "the old rules stay"
        with open(path, "w") as f:
            f.write(GOOD.replace("A file was made", "A new file"))
        ask("reload")
        assert "A new file" in ask("list").stdout
