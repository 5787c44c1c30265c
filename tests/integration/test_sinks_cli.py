# SPDX-License-Identifier: GPL-2.0-or-later
"""bulkhead sinks: the table of where alerts go, and a test of one sink with its outcome."""

import json
import re

from alerting import OK, Receiver, hook, write_config
from harness import CLIENT, Agent, run, same, wait_until


def sinks(a, *arguments, check=True):
    return run(CLIENT, "sinks", *arguments, "--socket", f"{a.run_dir}/bulkhead.sock", check=check)


def test_a_sink_is_tested_and_its_state_is_shown():
    good, bad = Receiver(), Receiver(mode=500)
    with Agent(config=write_config(hook("good", good), hook("bad", bad), more="")) as a:
        begun = good.alerts("test")
        same(begun, [], "tests before the test")
        done = wait_until(lambda: sinks(a, "test", "good"), 20, "the test")
        ms = re.fullmatch(r"delivered in (\d+) ms\n", done.stdout)
        assert ms and int(ms.group(1)) < 5000, done.stdout
        tests = good.alerts("test")
        same([(x["kind"], x["sink"]) for _, x in tests], [("test", "good")], "what arrived")
        failed = sinks(a, "test", "bad", check=False)
        same(failed.returncode, 1, "exit code of a test that fails")
        assert "500" in failed.stderr and "not delivered" in failed.stderr, failed.stderr
        listed = {s["name"]: s for s in json.loads(sinks(a, "--format", "json").stdout)["sinks"]}
        same(listed["good"]["sent"], 1, "sent")
        assert listed["bad"]["failed"] > 0 and listed["bad"]["sent"] == 0, listed
        table = sinks(a).stdout.splitlines()
        rows = {line.split()[0]: line.split() for line in table[1:]}
        same(rows["good"][1:4], ["webhook", "ok", "1"], "the row of the good one")
        assert rows["bad"][2] in ("failing", "retrying"), table
        bad.become(OK)
        wait_until(lambda: bad.alerts("test"), 20, "the test, once the receiver is well")
        wait_until(lambda: sinks(a).stdout.splitlines()[2].split()[2] == "ok", 10, "its state")


def test_a_sink_that_does_not_exist_is_named():
    with Agent(config=write_config(hook("only", Receiver()), more="")) as a:
        done = sinks(a, "test", "other", check=False)
        same(done.returncode, 1, "exit code")
        assert "no sink 'other'" in done.stderr, done.stderr
        same(sinks(a, "nonsense", check=False).returncode, 2, "exit code of wrong usage")
    with Agent() as a:
        assert "No sinks" in sinks(a).stdout
