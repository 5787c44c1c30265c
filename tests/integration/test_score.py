# SPDX-License-Identifier: GPL-2.0-or-later
"""bulkhead score: the programs run on labelled series of real servers, scored by the rules of the
Numenta Anomaly Benchmark. The series are data of others: BULKHEAD_NAB or ../shared/data/nab-aws
names their folder, which holds score.py too."""

import json
import os
import subprocess

from harness import CLIENT, DAEMON, REPO, run, same, skip

PLACES = (os.environ.get("BULKHEAD_NAB"), os.path.join(REPO, "..", "shared", "data", "nab-aws"))
PYTHON = "/usr/bin/python3"


def nab():
    for place in PLACES:
        if place and os.access(os.path.join(place, "score.py"), os.R_OK):
            return place
    return skip("the labelled series are not here (BULKHEAD_NAB)")


def score(text, *arguments, program=CLIENT):
    return subprocess.run([program, "score", *arguments], input=text, text=True,
                          capture_output=True, timeout=60)


def test_score_reaches_the_published_methods_on_labelled_series():
    folder = nab()
    if run(PYTHON, "-c", "import numpy", check=False).returncode:
        skip("python3-numpy is not installed")
    done = run(PYTHON, os.path.join(folder, "score.py"), "--json", "--no-loco",
               f"{CLIENT} score --warmup {{prob}}", timeout=300)
    found = json.loads(done.stdout)["all"]["all-thr"]["standard"]
    assert found >= 70, f"standard profile: {found:.2f}, wanted 70 or more"


def test_score_prints_a_score_a_row_and_nothing_else():
    rows = "".join(f"{1392388200 + 300 * i},{500 if i == 700 else i % 7}\n" for i in range(1000))
    done = score("timestamp,value\n" + rows)
    same((done.returncode, done.stderr), (0, ""), "the exit code and stderr")
    scores = [float(line) for line in done.stdout.splitlines()]
    same(len(scores), 1000, "scores")
    same(scores.index(max(scores)), 700, "the newest row")
    same(score("timestamp,value\n" + rows, program=DAEMON).stdout, done.stdout, "bulkheadd's scores")
    late = [float(line) for line in
            score("timestamp,value\n" + rows, "--warmup", "800").stdout.splitlines()]
    same(late[:800], [0.0] * 800, "scores of the warm-up")
    assert max(late) < 0.1, f"a score of {max(late)} where nothing is new"


def test_score_says_which_line_is_no_row():
    done = score("timestamp,value\n2014-02-14 14:30:00,1\n2014-02-14 14:35:00,x\n")
    same(done.returncode, 2, "the exit code")
    same(done.stderr, "bulkheadd: line 3: expected a number behind the timestamp, not "
                      "'2014-02-14 14:35:00,x'\n", "what is told")
    for arguments in (("--warmup", "much"), ("series.csv",)):
        same(score("", *arguments).returncode, 2, f"the exit code of {arguments}")
    for program in (CLIENT, DAEMON):
        assert "--warmup ROWS" in score("", "--help", program=program).stdout
