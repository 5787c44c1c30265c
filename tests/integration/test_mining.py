# SPDX-License-Identifier: GPL-2.0-or-later
"""Mining: dialects spoken to a pool that is none, names of pools, command lines, the shape of CPU use,
what is done to a miner, and honest work that looks busy."""

import contextlib
import io
import os
import secrets
import signal
import tarfile
import time
import urllib.parse

from baselines_at_work import Learning
from harness import BUILD, REPO, kill, read_text, same, wait_until
from rules_at_work import Judged, image
from runtimes import docker, once, root_tar
from servers import Load, Server, Switch
from session import session

MINER = os.path.join(BUILD, "tests/integration/miner")
POOL = os.path.join(REPO, "tests/integration/pool.py")
PORTS = (443, 3333, 7000)
WALLET = "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A"
WINDOW = 20  # seconds; two minutes outside of tests
RULES = ("cpu-anomaly", "likely-miner", "miner")


@once
def miner_image():
    """The image of the tests with the miner under an ordinary name."""
    out = io.BytesIO(root_tar())
    with tarfile.open(fileobj=out, mode="a") as tar:
        for name in ("job", "xmrig"):
            entry = tarfile.TarInfo(f"bin/{name}")
            entry.size, entry.mode = os.stat(MINER).st_size, 0o755
            with open(MINER, "rb") as f:
                tar.addfile(entry, f)
    query = urllib.parse.urlencode({"fromSrc": "-", "repo": "bhtest/mining", "tag": "1",
                                    "changes": 'CMD ["sleep", "1000"]'})
    docker().api("POST", f"/images/create?{query}", out.getvalue())
    return "bhtest/mining:1"


@once
def switch():
    made = Switch()
    log = f"{session.temp('pool')}/log"
    session.start(["nsenter", f"--net=/run/netns/{made.name}", "/usr/bin/python3", POOL,
                   pool_address(), *map(str, PORTS)], log)
    wait_until(lambda: "ready" in read_text(log, ""), 10, "the pool")
    return made


def pool_address():
    return f"{Switch.NET}.1"


def settings(**more):
    return {"mining.enabled": "true", "mining.window": f"{WINDOW}s", "sample.slow_interval": "1s",
            "mining.pools": os.path.join(REPO, "rules/miner-pools.yaml"),
            **{k.replace("__", "."): v for k, v in more.items()}}


def observing(judge):
    """Its programs of the kernel are loaded: what is said from here on is seen."""
    wait_until(lambda: 'msg="kernel sensor"' in read_text(judge.agent.log_path), 20, "the sensor")
    return judge


@once
def judged():
    return observing(Judged(**settings()))


_numbers = iter(range(10, 250))


class Miner:
    """A container on the switch for the length of a `with` block."""

    def __init__(self, *command, name="mine", host=None, image_name=None, cable=True):
        self.name = f"em-{name}-{secrets.token_hex(3)}"
        self.command, self.host, self.cable = command, host, cable
        self.image = image_name or miner_image()

    def __enter__(self):
        to = switch()
        judged()
        self.id = docker().run(self.name, self.command, self.host, Image=self.image)
        if self.cable:
            to.plug(self.id, next(_numbers))
        return self

    def __exit__(self, *why):
        docker().remove(self.id)

    def exec(self, *command):
        docker().exec(self.id, *command)


def alerts_of(box, since=0, by=None):
    return [a for a in (by or judged()).alerts(since)
            if a["kind"] == "mining" and a["container"]["id"] == box.id]


def facts(alert):
    return {f["name"]: f["value"] for f in alert["evidence"]}


def called(box, rule, timeout=15, by=None, fits=lambda a: True):
    def found():
        return next((a for a in alerts_of(box, by=by) if a["rule"] == rule and fits(a)), None)
    try:
        return wait_until(found, timeout, f"{rule} of {box.name}")
    except AssertionError as why:
        told = [(a["rule"], a["state"], a["title"], facts(a)) for a in alerts_of(box, by=by)]
        raise AssertionError(f"{why}: {told}; {evidence(box, by)}; "
                             f"{docker().logs(box.id)[-300:]!r}") from None


def evidence(box, by=None):
    of = (by or judged()).agent.json("/api/v1/mining")["containers"]
    return next((c for c in of if c["id"] == box.id), None)


# --- what is said -------------------------------------------------------------------------------

def test_each_dialect_is_a_miners_within_five_seconds_of_its_first_payload():
    judged()
    for words in (("bitcoin",), ("ethereum",), ("monero",), ("escaped",), ("bitcoin", "7"),
                  ("monero", "16"), ("ethereum", "5"),
                  ("monero", "0", "connect", "pool.local"),
                  ("bitcoin", "0", "socks5", "pool.local")):
        dialect, *more = words
        with Miner("/bin/job", "speak", dialect, pool_address(), "7000", *more) as box:
            wait_until(lambda: b"ready" in docker().logs(box.id), 15, f"{words} was said")
            begin = time.monotonic()
            a = called(box, "miner", 5)
            assert time.monotonic() - begin <= 5, f"{words} took {time.monotonic() - begin} s"
            same((a["severity"], a["kind"], a["state"]), ("critical", "mining", "firing"), words)
            said = facts(a)["protocol"]
            assert "100 points" in said and "Stratum" in said, said
            assert a["process"]["exe"] == "/bin/job", a["process"]
            if dialect == "monero":
                assert WALLET[:20] in said, said


def test_what_is_no_miners_is_nothing():
    with Miner("/bin/job", "speak", "json", pool_address(), "7000") as box:
        wait_until(lambda: b"ready" in docker().logs(box.id), 15, "it was said")
        with Miner("/bin/job", "speak", "bitcoin", pool_address(), "7000") as other:
            called(other, "miner")  # what came before was judged before
        same(alerts_of(box), [], "alerts of a program with another login")


def kinds(box, by=None):
    return {p["kind"]: p for p in (evidence(box, by) or {}).get("evidence", ())}


def test_a_name_of_a_pool_makes_it_likely_and_its_address_sure():
    with Miner("sleep", "1000") as box:
        box.exec("/bin/job", "ask", "alias.example.org", pool_address())
        a = called(box, "likely-miner")
        same(a["severity"], "warning", "severity")
        assert "pool.supportxmr.com" in facts(a)["pool-name"], facts(a)
        box.exec("/bin/job", "hello", "", pool_address(), "3333")
        a = called(box, "miner")
        assert "port 3333" in facts(a)["pool-peer"], facts(a)
        same([x["state"] for x in alerts_of(box) if x["rule"] == "likely-miner"],
             ["firing", "resolved"], "the lower verdict")
    with Miner("sleep", "1000") as box:
        box.exec("/bin/job", "ask", "EU.pool.SupportXMR.com", pool_address())
        wait_until(lambda: "pool-name" in kinds(box), 10, "the name that was asked for")
        assert "supportxmr.com" in kinds(box)["pool-name"]["seen"], kinds(box)


def test_the_name_in_tls_is_read():
    with Miner("/bin/job", "hello", "gulf.moneroocean.stream", pool_address(), "7000") as box:
        a = called(box, "miner")
        assert "gulf.moneroocean.stream" in facts(a)["pool-in-tls"], facts(a)
    with Miner("/bin/job", "hello", "www.2miners.com", pool_address(), "443") as box:
        called(box, "likely-miner")  # it may be its web site
        same([a for a in alerts_of(box) if a["rule"] == "miner"], [], "a miner")


# --- what is run --------------------------------------------------------------------------------

def test_a_command_line_is_read():
    with Miner("sleep", "1000", cable=False) as box:
        box.exec("/bin/job", "-o", "stratum+tcp://10.0.0.1:3333", "-u", "x", "-p", "x")
        a = called(box, "likely-miner")
        same(a["severity"], "error", "severity")
        box.exec("/bin/job", "-o", "10.0.0.1:3333", "-u", f"{WALLET}.rig", "-p", "x")
        a = called(box, "miner")
        assert "Monero" in facts(a)["wallet"], facts(a)
    with Miner("/bin/xmrig", "--donate-level", "1", cable=False) as box:
        called(box, "miner")
    with Miner("/bin/sh", "-c", "while :; do busybox grep -r xmrig /etc; sleep 0.2; done",
               cable=False) as box:
        with Miner("/bin/xmrig", "--donate-level", "1", cable=False) as other:
            called(other, "miner")
        same(alerts_of(box), [], "alerts of who seeks miners")


def test_what_ran_before_the_agent_is_read():
    with Miner("/bin/xmrig", "--donate-level", "1", "--coin", "monero", cable=False) as box:
        with Judged(**settings()) as late:
            called(box, "miner", by=late)


def test_registers_of_the_processor_are_conclusive():
    with Miner("/bin/busybox", "sh", "-c",
               "while :; do busybox dd if=/dev/cpu/0/msr of=/dev/null count=1; sleep 1; done",
               cable=False) as box:
        a = called(box, "miner")
        assert "/dev/cpu/0/msr" in facts(a)["msr"], facts(a)


def test_evidence_is_shown_by_the_api():
    with Miner("/bin/xmrig", "speak", "monero", pool_address(), "3333") as box:
        called(box, "miner")
        wait_until(lambda: {"program-name", "protocol"} <= kinds(box).keys(), 10, "the evidence")
        e, of = evidence(box), kinds(box)
        same((e["verdict"], e["severity"], e["name"]), ("miner", "critical", box.name), "verdict")
        same(of["protocol"]["weight"], 100, "weight")
        assert of["protocol"]["conclusive"] and of["protocol"]["process"]["pid"] > 0, of
        assert e["score"] >= 160, e["score"]


# --- how the processor is used --------------------------------------------------------------------

def processors():
    return len(os.sched_getaffinity(0))


def test_a_silent_burner_with_tls_is_a_likely_miner_within_the_window_and_no_more():
    with Miner("/bin/job", "burn", str(processors()), pool_address(), "443") as box:
        a = called(box, "likely-miner", WINDOW + 20)
        said = facts(a)
        assert "processors" in said["cpu"] and "messages" in said["connection"], said
        assert not [x for x in alerts_of(box) if x["rule"] == "miner"], "never by behaviour alone"
        e = evidence(box)
        assert e["watched_closely"], e


def test_computing_alone_is_an_anomaly_that_ends():
    with Miner("sleep", "1000", cable=False) as box:
        box.exec("/bin/job", "compute", "2")
        a = called(box, "cpu-anomaly", WINDOW + 20)
        same(a["severity"], "info", "severity")
        kill(a["process"]["pid"], signal.SIGKILL)
        called(box, "cpu-anomaly", 120, fits=lambda x: x["state"] == "resolved")
        same({x["rule"] for x in alerts_of(box)}, {"cpu-anomaly"}, "verdicts")


HONEST = {
    "openssl": "exec openssl speed -seconds 100 -multi 2 sha256",
    "xz": "exec xz -9 -T2 -k -c /dev/zero",
    "stress-ng": "exec stress-ng --cpu 2 --timeout 200 --temp-path /tmp",
    "x264": "exec x264 --demuxer raw --input-res 640x360 --frames 10000000 -o /dev/null /dev/urandom",
    "gcc": "cd /tmp; echo '#include <stdio.h>\n#include <math.h>\nint main(void){return 0;}' > a.c;"
           "while :; do gcc -O2 -c -o a.o a.c & gcc -O2 -c -o b.o a.c & wait; done",
    "python3": "exec python3 -c 'while True: sum(i * i for i in range(10 ** 6))'",
    "numpy": "exec /usr/bin/python3 -c 'import numpy\nwhile True: numpy.ones((700, 700)) @ "
             "numpy.ones((700, 700))'",
}


def test_honest_work_is_never_above_an_anomaly():
    """All at once, for longer than the window, with the machine's own programs."""
    tag = image("bhtest/honest:1", links={"/lib": "usr/lib", "/lib64": "usr/lib64"})
    there = {name: work for name, work in HONEST.items()
             if name == "numpy" or os.path.exists(f"/usr/bin/{name}")}
    host = {"Binds": ["/usr:/usr:ro", "/etc/alternatives:/etc/alternatives:ro"]}
    with contextlib.ExitStack() as stack:
        boxes = [stack.enter_context(Miner("/usr/bin/bash", "-c", work, name=f"honest-{name}",
                                           host=host, image_name=tag))
                 for name, work in there.items()]
        end = time.monotonic() + 2 * WINDOW + 10
        wait_until(lambda: time.monotonic() > end, 3 * WINDOW, "their time", step=1)
        for box in boxes:
            state = docker().inspect(box.id)["State"]
            assert state["Running"], f"{box.name}: {state}, {docker().logs(box.id)[-300:]!r}"
            worse = [(a["rule"], facts(a)) for a in alerts_of(box) if a["rule"] != "cpu-anomaly"]
            same(worse, [], f"verdicts of {box.name}")


def test_a_database_under_load_is_none():
    to = switch()
    judged()
    server = Server("postgres", next(_numbers), to)
    try:
        server.ready()
        load = Load(to, {"postgres": server})
        end = time.monotonic() + WINDOW + 15
        wait_until(lambda: time.monotonic() > end, 2 * WINDOW + 10, "its time", step=1)
        load.end()
        assert load.done["postgres"] > 0, "no transaction"
        told = [a for a in judged().alerts() if a["kind"] == "mining"
                and a["container"]["id"] == server.id]
        same([(a["rule"], facts(a)) for a in told], [], "verdicts of a database")
    finally:
        docker().remove(server.id)


def test_what_the_baseline_knows_is_no_anomaly():
    with observing(Learning(**settings(mining__window="60s"))) as learning:
        with Miner("/bin/job", "compute", "2", cable=False, name="usual") as box:
            learning.until_mode(miner_image(), "detect", 90)
            wait_until(lambda: (evidence(box, learning) or {}).get("usual"), 90, "what is usual")
            same(evidence(box, learning)["verdict"], "cpu-anomaly", "what the evidence amounts to")

            def is_quiet():
                return not [a for a in alerts_of(box, by=learning)
                            if a["state"] == "firing"] or \
                    [a for a in alerts_of(box, by=learning) if a["state"] == "resolved"]
            wait_until(is_quiet, 60, "no anomaly that is told")


# --- what is done ---------------------------------------------------------------------------------

def test_a_miner_is_ended_where_the_configuration_says_so():
    with observing(Judged(**settings(mining__action="kill"))) as killing:
        with Miner("sleep", "1000") as box:
            box.exec("/bin/job", "speak", "bitcoin", pool_address(), "3333")
            a = called(box, "miner", by=killing)
            same(a["action"], {"taken": "kill", "outcome": "kill: 1 process ended"}, "action")
            wait_until(lambda: "/bin/job" not in top(box), 5, "the end of the miner")
            assert "sleep" in top(box), "the container goes on"


def top(box):
    return str(docker().api("GET", f"/containers/{box.id}/top"))


def test_a_miner_is_frozen_and_thawed_at_the_end():
    with Miner("/bin/job", "speak", "bitcoin", pool_address(), "3333") as box:
        with observing(Judged(**settings(mining__action="freeze"))) as freezing:
            # its first words were said before: they are said again
            box.exec("/bin/job", "speak", "monero", pool_address(), "3333")
            a = called(box, "miner", by=freezing)
            same(a["action"], {"taken": "freeze", "outcome": "freeze: begun"}, "action")
            wait_until(lambda: is_frozen(box), 5, "it is frozen")
        wait_until(lambda: not is_frozen(box), 5, "it is thawed when the agent ends")


def is_frozen(box):
    pid = docker().pid_of(box.id)
    for line in read_text(f"/proc/{pid}/cgroup").splitlines():
        number, controllers, path = line.split(":", 2)
        for root, file in (("/sys/fs/cgroup", "cgroup.freeze"), ("/sys/fs/cgroup/unified",
                                                                 "cgroup.freeze"),
                           ("/sys/fs/cgroup/freezer", "freezer.state")):
            text = read_text(f"{root}{path}/{file}", "").strip()
            if text in ("1", "FROZEN", "FREEZING"):
                return True
    return False


def test_an_exception_holds_an_alert_back():
    folder = session.temp("mining")
    config = f"{folder}/bulkhead.yaml"
    with open(config, "w") as f:
        f.write("rules:\n  exceptions:\n    - {rule: miner, container: 'em-fine-*'}\n")
    with observing(Judged(config=config, **settings(rules__files=""))) as excepting:
        with Miner("/bin/job", "speak", "bitcoin", pool_address(), "3333", name="fine") as box:
            with Miner("/bin/job", "speak", "bitcoin", pool_address(), "3333") as other:
                called(other, "miner", by=excepting)
            wait_until(lambda: (evidence(box, excepting) or {}).get("verdict") == "miner", 10,
                       "the verdict")
            same(alerts_of(box, by=excepting), [], "alerts of what is excepted")
