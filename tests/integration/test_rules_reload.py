# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules while the agent runs: files that change, break and are mended, what is asked for by hand,
which rules are taken and where they hold back, what is counted. Each rule is about the name of a
file that a process in a container opens, so that a match is one step away."""

import os
import re
import signal

from events import client_argv
from harness import run, same, seconds_until, wait_until
from rules_at_work import Judged, Place, image, of, written
from runtimes import docker, once
from session import session

NOTICED = 3  # seconds within which a changed file must be in force


def rule(name, about, priority="WARNING", tags=(), more=""):
    """A rule that matches an open of /data/ABOUT in a container."""
    return (f"- rule: {name}\n  desc: for tests\n"
            f"  condition: evt.type in (open, openat, openat2) and container.id != host"
            f" and fd.name = /data/{about}\n"
            f"  output: {name} by %proc.name of %fd.name\n  priority: {priority}\n"
            f"  tags: [{', '.join(tags)}]\n{more}")


MARKER = rule("marker", "mark", "CRITICAL", ("always",))
BROKEN = "- rule: broken\n  desc: d\n  condition: evt.type = open and no.such.field = 1\n" \
    "  output: o\n  priority: ERROR\n"


def write(path, text):
    with open(path, "w") as f:
        f.write(text)


@once
def place():
    docker()
    return Place("reload")


def opened(judged, *names, by=None):
    """Opens files in a container; returns the rules that matched, in order, without the marker's:
    its match comes last, and says that there is no more."""
    by, since = by or place(), judged.mark()
    by.doer(*(f"openat -100 s:/data/{n} 0" for n in (*names, "mark")))
    judged.wait("marker", since, by.id)
    return [a["rule"] for a in judged.alerts(since)
            if of(a, by.id) and a["rule"] != "marker" and a["kind"] == "rule"]


def reload(judged, code=0):
    done = run(*client_argv(judged.agent, "rules", "reload"), check=False, timeout=20)
    same(done.returncode, code, f"exit code of a reload: {done.stdout}{done.stderr}")
    return done.stderr


def has_rules(judged, *names):
    return set(judged.rules()[0]) == {*names, "marker"}


# --- files that change ----------------------------------------------------------------------------

def test_a_changed_file_is_in_force_within_three_seconds():
    path = written(MARKER + rule("one", "x"))
    with Judged(path) as j:
        same(opened(j, "x"), ["one"], "rules that matched")
        write(path, MARKER + rule("two", "x"))
        took = seconds_until(lambda: has_rules(j, "two"), 10, "the file written anew")
        assert took <= NOTICED, f"{took} s"
        same(opened(j, "x"), ["two"], "rules that matched")
        for name in ("three", "four"):  # twice: a file that was replaced is another inode
            write(f"{path}.new", MARKER + rule(name, "x"))
            os.rename(f"{path}.new", path)
            took = seconds_until(lambda n=name: has_rules(j, n), 10, "the file put in its place")
            assert took <= NOTICED, f"{took} s"
            same(opened(j, "x"), [name], "rules that matched")


def test_files_that_come_to_a_folder_and_go_are_noticed():
    folder = session.temp("rules.d")
    write(f"{folder}/a.yaml", MARKER)
    with Judged(folder) as j:
        same(opened(j, "x"), [], "rules that matched")
        write(f"{folder}/b.yaml", rule("one", "x"))
        took = seconds_until(lambda: has_rules(j, "one"), 10, "the new file")
        assert took <= NOTICED, f"{took} s"
        same(opened(j, "x"), ["one"], "rules that matched")
        os.unlink(f"{folder}/b.yaml")
        took = seconds_until(lambda: has_rules(j), 10, "the end of the file")
        assert took <= NOTICED, f"{took} s"
        same(opened(j, "x"), [], "rules that matched")


def test_a_folder_that_is_removed_and_made_again_is_noticed():
    folder = session.temp("rules.gone")
    write(f"{folder}/a.yaml", MARKER + rule("one", "x"))
    with Judged(folder) as j:
        os.unlink(f"{folder}/a.yaml")
        os.rmdir(folder)
        seconds_until(lambda: j.rules()[1].get("problem"), 10, "the problem")
        same(opened(j, "x"), ["one"], "rules of before")
        os.mkdir(folder)
        write(f"{folder}/a.yaml", MARKER + rule("two", "x"))
        seconds_until(lambda: has_rules(j, "two"), 10, "the folder made again")
        same(opened(j, "x"), ["two"], "rules that matched")


def test_a_broken_file_leaves_the_old_rules_and_is_told_until_it_is_mended():
    path = written(MARKER + rule("one", "x"))

    def metric(name):
        return j.agent.metrics().value(f"bulkhead_rules_{name}")
    with Judged(path) as j:
        same(metric("problem"), 0, "bulkhead_rules_problem")
        for round in (1, 2):
            since = j.mark()
            write(path, BROKEN + MARKER)
            alert = j.wait("rules-refused", since)
            same((alert["kind"], alert["state"]), ("internal", "firing"), "the alert")
            reason = next(e["value"] for e in alert["evidence"] if e["name"] == "reason")
            assert re.search(rf"{re.escape(path)}:3:\d+: .*no\.such\.field", reason), reason
            assert f"{path}:3:" in j.rules()[1]["problem"], j.rules()[1].get("problem")
            wait_until(lambda: metric("problem") == 1, 5, "bulkhead_rules_problem of 1")
            same(metric("loads_refused_total"), round, "refused loads")
            assert has_rules(j, "one"), j.rules()[0]
            same(opened(j, "x"), ["one"], "rules that matched")
            write(path, MARKER + rule("one", "x"))
            j.wait("rules-refused", since, fits=lambda a: a["state"] == "resolved"
                   and a["id"] == alert["id"])
            wait_until(lambda: metric("problem") == 0, 5, "bulkhead_rules_problem of 0")
            assert "problem" not in j.rules()[1], j.rules()[1]["problem"]


def test_an_agent_that_starts_with_a_broken_file_runs_and_takes_the_mended_one():
    path = written(BROKEN)
    with Judged(path) as j:
        j.wait("rules-refused")
        same(j.rules()[1]["rules"] if "rules" in j.agent.json("/api/v1/rules") else [], [],
             "rules")
        write(path, MARKER + rule("one", "x"))
        wait_until(lambda: has_rules(j, "one"), NOTICED, "the mended file")
        same(opened(j, "x"), ["one"], "rules that matched")
        j.wait("rules-refused", fits=lambda a: a["state"] == "resolved")


# --- what is asked for ----------------------------------------------------------------------------

def test_a_reload_by_roots_socket_answers_what_came_of_it():
    path = written(MARKER + rule("one", "x"))
    with Judged(path) as j:
        loads = j.rules()[1]["loads"]
        reload(j)
        same(j.rules()[1]["loads"], loads + 1, "loads")
        write(path, MARKER + BROKEN)
        said = reload(j, code=1)
        assert re.search(rf"{re.escape(path)}:{MARKER.count(chr(10)) + 3}:\d+: ", said), said
        assert has_rules(j, "one"), j.rules()[0]
        write(path, MARKER + rule("two", "x"))
        reload(j)
        assert has_rules(j, "two"), j.rules()[0]
        same(opened(j, "x"), ["two"], "rules that matched")
        loads = j.rules()[1]["loads"]
        done = run(*client_argv(j.agent, "rules", "reload"), check=False, user=65534, group=65534,
                   extra_groups=[])
        assert done.returncode != 0, "a reload by nobody"
        status = j.agent.get("/api/v1/reload", method="POST").status
        assert status in (403, 404, 405), f"a reload over TCP: {status}"
        same(j.rules()[1]["loads"], loads, "loads")


def test_sighup_takes_other_files_and_watches_them():
    one, two = written(MARKER + rule("one", "x")), written(MARKER + rule("two", "x"))
    config = written(f"rules:\n  files: [{one}]\n", "bulkhead.yaml")
    with Judged(config=config) as j:
        same(opened(j, "x"), ["one"], "rules that matched")
        write(config, f"rules:\n  files: [{two}]\n  match: all\n")
        j.agent.process.send_signal(signal.SIGHUP)
        wait_until(lambda: has_rules(j, "two"), NOTICED, "the other file")
        same((j.rules()[1]["files"], j.rules()[1]["match"]), ([two], "all"), "what is told")
        same(opened(j, "x"), ["two"], "rules that matched")
        write(two, MARKER + rule("three", "x"))
        wait_until(lambda: has_rules(j, "three"), NOTICED, "a change of the other file")
        write(config, "rules:\n  files: []\n")
        j.agent.process.send_signal(signal.SIGHUP)
        wait_until(lambda: not j.agent.json("/api/v1/rules").get("rules"), NOTICED, "no rules")


# --- which rules, and where -----------------------------------------------------------------------

def test_a_later_file_changes_rules_of_an_earlier_one():
    base = written(MARKER + "- list: names\n  items: [/data/x, /data/y]\n" +
                   rule("one", "x").replace("fd.name = /data/x", "fd.name in (names)"))
    local = written("- rule: one\n  condition: and not fd.name = /data/y\n"
                    "  override: {condition: append}\n")
    with Judged(base) as j:
        same(opened(j, "x", "y"), ["one", "one"], "rules that matched")
    with Judged(base, local) as j:
        same(opened(j, "x", "y"), ["one"], "rules that matched")
        write(local, "- list: names\n  items: [/data/z]\n  override: {items: append}\n")
        reload(j)
        same(opened(j, "x", "y", "z"), ["one"] * 3, "rules that matched")
        write(local, "- rule: one\n  enabled: false\n  override: {enabled: replace}\n")
        reload(j)
        same(opened(j, "x", "y"), [], "rules that matched")
        same(j.rules()[0]["one"]["state"], "disabled", "state")
    with Judged(local, base) as j:  # the other order: there is nothing yet to change
        j.wait("rules-refused")


CHOICE = MARKER + rule("low", "x", "NOTICE", ("file", "quiet")) + \
    rule("high", "y", "ERROR", ("file",)) + rule("other", "z", "WARNING", ("net",))


def test_rules_are_taken_by_tag_and_by_priority():
    path = written(CHOICE)
    for settings, wanted in (
            ({}, ["low", "high", "other"]),
            ({"rules.tags": "file,always"}, ["low", "high"]),
            ({"rules.disable_tags": "quiet,net"}, ["high"]),
            ({"rules.tags": "file,always", "rules.disable_tags": "quiet"}, ["high"]),
            ({"rules.priority": "warning"}, ["high", "other"]),
            ({"rules.priority": "error"}, ["high"])):
        with Judged(path, **settings) as j:
            same(opened(j, "x", "y", "z"), wanted, f"rules that matched with {settings}")
            states = {r["name"]: r["state"] for r in j.rules()[0].values()}
            same([n for n in ("low", "high", "other") if states[n] == "on"], wanted,
                 f"rules that are on with {settings}, of {states}")
            same(j.agent.metrics().value("bulkhead_rules", state="not selected"),
                 3 - len(wanted), "bulkhead_rules{state=\"not selected\"}")


def test_exceptions_of_the_configuration_hold_rules_back_where_they_say():
    path = written(CHOICE)
    image("bhtest/special:1")
    config = written(
        f"rules:\n  files: [{path}]\n  exceptions:\n"
        "    - rule: low\n      image: bhtest/special\n"
        "    - rule: hi*\n      container: spec*\n"
        "    - rule: other\n      condition: proc.args contains spare-me\n", "bulkhead.yaml")
    with Judged(config=config) as j, Place("ordinary") as usual, Place("special") as named, \
            Place("special-too", Image="bhtest/special:1") as special:
        same(opened(j, "x", "y", "z", by=usual), ["low", "high", "other"], "in an ordinary one")
        same(opened(j, "x", "y", "z", by=special), ["other"], "in a special image")
        same(opened(j, "x", "y", "z", by=named), ["low", "other"], "under a special name")
        same(opened(j, "z", "spare-me", by=usual), [], "by a condition")


def test_the_first_rule_or_all_that_match_are_told():
    path = written(MARKER + rule("one", "x") + rule("two", "x", "ERROR") + rule("three", "y"))
    with Judged(path) as j:
        same(opened(j, "x", "y"), ["one", "three"], "the first")
        same(j.rules()[1]["match"], "first", "what is told")
    with Judged(path, **{"rules.match": "all"}) as j:
        same(opened(j, "x", "y"), ["one", "two", "three"], "all")
        same(j.rules()[1]["match"], "all", "what is told")


def test_of_two_names_of_one_file_the_graver_match_is_told_and_audits_are_noted():
    path = written(MARKER + rule("lesser", "link", "NOTICE") + rule("graver", "secret", "ERROR")
                   + rule("noted", "secret", "INFO", ("audit",)))
    with Judged(path) as j:
        # a link whose name fits a lesser rule hides nothing of what it leads to
        since = j.mark()
        place().doer("openat -100 s:/data/secret 0100 0600", "symlink s:secret s:/data/link")
        j.wait("graver", since, place().id)
        same(opened(j, "link"), ["graver"], "rules that matched")
        wait_until(lambda: [r for r in j.agent.json("/api/v1/audit?limit=100")["audit"]
                            if r["rule"] == "noted"], 10, "the record of the audit")


def test_two_changes_of_one_file_are_two_alerts():
    text = (MARKER + "- rule: moved\n  desc: d\n  condition: evt.type in (rename, renameat, renameat2)"
            " and container.id != host and fs.path.source startswith /data/\n"
            "  output: to %fs.path.target\n  priority: WARNING\n")
    with Judged(written(text)) as j:
        since = j.mark()
        place().doer("openat -100 s:/data/from 0100 0600", "rename s:/data/from s:/data/harmless",
                     "openat -100 s:/data/from 0100 0600", "rename s:/data/from s:/data/evil",
                     "openat -100 s:/data/mark 0")
        j.wait("marker", since, place().id)
        titles = [a["title"].split(" container_id")[0] for a in j.alerts(since)
                  if a["rule"] == "moved"]
        same(titles, ["to /data/harmless", "to /data/evil"], "what is told")


# --- what is counted ------------------------------------------------------------------------------

def test_evaluations_and_matches_are_counted():
    off = rule("off", "z", more="  enabled: false\n")
    path = written(MARKER + rule("one", "x") + rule("never", "nothing-of-this") + off)
    with Judged(path) as j:
        opened(j, "x", "y", "x")
        opened(j, "x")
        by_name, answer = j.rules()
        # a repeat of what a process did a moment ago need not be told again
        assert 2 <= by_name["one"]["matches"] <= 3, by_name["one"]
        same((by_name["never"]["matches"], by_name["off"]["matches"]), (0, 0), "matches")
        assert by_name["never"]["evaluations"] >= by_name["one"]["matches"], by_name
        same(by_name["off"]["evaluations"], 0, "evaluations of a rule that is off")
        assert answer["events"] >= 5, answer["events"]
        metrics = j.agent.metrics()
        same({s: metrics.value("bulkhead_rules", state=s)
              for s in ("on", "disabled", "not selected", "not served")},
             {"on": 3, "disabled": 1, "not selected": 0, "not served": 0}, "bulkhead_rules")
        wait_until(lambda: j.agent.metrics().value("bulkhead_rules_events_total") >=
                   answer["events"], 5, "bulkhead_rules_events_total")
        assert metrics.value("bulkhead_rules_load_seconds") < 1, "seconds of a load"
        said = run(*client_argv(j.agent, "rules", "stats")).stdout
        assert "never" in said and "one" in said, said
