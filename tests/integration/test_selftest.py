# SPDX-License-Identifier: GPL-2.0-or-later
"""bulkhead selftest: real containers, the alerts that they give, a real receiver, and what it says
where something is missing. What it made is gone afterwards."""

import json
import os
import signal
import subprocess

from alerting import Receiver, hook, write_config
from harness import BUILD, CLIENT, REPO, Agent, run, same, wait_until
from runtimes import containerd, docker, once, podman
from session import session

RULES = os.path.join(REPO, "rules")
AGENTS_OWN = "oom"  # needs no rule
WARNINGS = {"exec-dropped", "exec-memfd", "read-shadow", "write-program", "metadata", "setns",
            "oom"}
ALL = WARNINGS | {"shell"}


def docker_words():
    return {"DOCKER_HOST": f"unix://{docker().socket}", "DOCKER_CONFIG": docker().folder}


def words(a, *arguments):
    return (CLIENT, "selftest", "--socket", f"{a.run_dir}/bulkhead.sock", *arguments)


def selftest(a, *arguments, env=None):
    return run(*words(a, *arguments), check=False, env={**os.environ, **(env or docker_words())})


def results(done):
    answer = json.loads(done.stdout)
    return {r["action"]: r for r in answer["actions"]}, answer


def left_behind():
    """What docker has of any selftest: (images, containers)."""
    images = [t for i in docker().api("GET", "/images/json") for t in i.get("RepoTags") or []
              if "selftest" in t]
    names = [n for c in docker().api("GET", "/containers/json?all=1") for n in c["Names"]
             if "selftest" in n]
    return images, names


@once
def receiver():
    return Receiver()


@once
def agent():
    """With our rules, one sink for all and one for the usual."""
    docker()
    config = write_config(hook("all", receiver()), hook("usual", receiver(), severity="warning"),
                          more="")
    return Agent({"alerts.rate_per_container": "1000"}, config=config,
                 arguments=("--rules", RULES))


def check(found, answer, done, actions=ALL):
    same((done.returncode, answer["passed"]), (0, True), f"the outcome: {done.stdout}{done.stderr}")
    same(set(found), set(actions), "actions")
    for name, r in found.items():
        same(r["result"], "seen", f"the result of {name}: {r}")
        assert 0 < r["alert"]["after_ms"] < 10000, r
        sinks = {s["name"]: s for s in r["sinks"]}
        same(sinks["all"]["result"], "delivered", f"the first sink of {name}")
        assert sinks["all"]["after_ms"] >= r["alert"]["after_ms"], r
        same(sinks["usual"]["result"], "delivered" if name in WARNINGS else "left out",
             f"the second sink of {name}")


def test_selftest_sees_all_its_alerts_at_the_sinks_with_docker():
    done = selftest(agent(), "--json", "--runtime", "docker")
    found, answer = results(done)
    check(found, answer, done)
    same(answer["runtime"], "docker", "the runtime")
    arrived = {(x["rule"], x["container"]["name"]) for _, x in receiver().alerts()
               if x["container"]}
    for r in found.values():
        assert r["container"].startswith("bulkhead-selftest-"), r
        assert (r["rule"], r["container"]) in arrived, (r, arrived)
    same(left_behind(), ([], []), "images and containers after it")


def test_selftest_prints_a_table():
    done = selftest(agent(), "--action", "read-shadow", "--action", "shell")
    lines = done.stdout.splitlines()
    same(done.returncode, 0, f"exit code: {done.stdout}{done.stderr}")
    same(lines[0].split(), "ACTION RULE ALERT AFTER SINKS AFTER".split(), "the head")
    same([line.split()[0] for line in lines[1:]], ["read-shadow", "shell", "all"], "the rows")
    assert lines[1].count(" ms") == 3 and "usual left out (takes warning and worse)" in lines[2], \
        lines


def test_selftest_works_with_podman():
    p = podman()
    settings = f"{session.temp('selftest')}/containers.conf"
    with open(settings, "w") as f:
        f.write('[containers]\ndefault_ulimits = ["nofile=20000:20000", "nproc=10000:10000"]\n'
                f'[engine]\ncgroup_manager = "cgroupfs"\nruntime = "runc"\ntmp_dir = "{p.folder}/tmp"\n'
                'events_logger = "file"\n')
    storage = settings.replace("containers.conf", "storage.conf")
    with open(storage, "w") as f:
        f.write(f'[storage]\ndriver = "overlay"\ngraphroot = "{p.folder}/root"\n'
                f'runroot = "{p.folder}/runroot"\n')
    done = selftest(agent(), "--json", "--runtime", "podman", env={
        "CONTAINERS_CONF": settings, "CONTAINERS_STORAGE_CONF": storage})
    found, answer = results(done)
    check(found, answer, done)
    assert "selftest" not in p.podman("images", "-a").stdout + p.podman("ps", "-a").stdout


def test_selftest_works_with_ctr():
    c = containerd()
    done = selftest(agent(), "--json", "--runtime", "ctr", env={
        "CONTAINERD_ADDRESS": f"{c.folder}/containerd.sock", "CONTAINERD_NAMESPACE": c.namespace})
    found, answer = results(done)
    check(found, answer, done)
    assert "selftest" not in c.ctr("images", "ls").stdout + c.ctr("containers", "ls").stdout


def test_selftest_names_the_runtimes_that_it_misses():
    nowhere = session.temp("nowhere")
    done = selftest(agent(), env={"PATH": nowhere})
    same(done.returncode, 3, "exit code without a runtime")
    for name in ("docker", "podman", "nerdctl", "ctr"):
        assert f"{name} (not in PATH)" in done.stderr, done.stderr
    done = selftest(agent(), "--runtime", "docker",
                    env={"DOCKER_HOST": f"unix://{nowhere}/no.sock"})
    same(done.returncode, 3, "exit code with a daemon that is gone")
    assert "docker (" in done.stderr and "podman" not in done.stderr, done.stderr


def test_selftest_says_which_rules_are_not_loaded():
    with Agent() as a:
        done = selftest(a, "--json", "--runtime", "docker")
        found, answer = results(done)
        same((done.returncode, answer["passed"]), (1, False), "the outcome without rules")
        same({n for n, r in found.items() if r["result"] == "not loaded"}, ALL - {AGENTS_OWN},
             "what is not loaded")
        same(found[AGENTS_OWN]["result"], "seen", "the agent's own alert")
        same(found[AGENTS_OWN]["sinks"], [], "sinks where none is configured")


def test_selftest_says_which_sink_got_nothing():
    bad = Receiver(mode=500)
    with Agent(config=write_config(hook("bad", bad), more="")) as a:
        done = selftest(a, "--json", "--action", "oom", "--timeout", "3s")
        found, _ = results(done)
        same(done.returncode, 1, "exit code")
        sink = found["oom"]["sinks"][0]
        same((found["oom"]["result"], sink["result"]), ("seen", "waiting"), "the outcome")
        assert "500" in sink["reason"], sink


def test_selftest_cleans_up_when_it_is_interrupted():
    for sig in (signal.SIGINT, signal.SIGTERM):
        process = subprocess.Popen(words(agent()), env={**os.environ, **docker_words()},
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_until(lambda: left_behind()[1], 20, "a container of the selftest", step=0.01)
        process.send_signal(sig)
        out, err = process.communicate(timeout=30)
        same(process.returncode, 1, f"exit code after {sig}: {out}{err}")
        assert "not finished" in err, err
        same(left_behind(), ([], []), f"images and containers after {sig}")


def test_selftest_needs_the_agent_and_its_own_program():
    gone = run(CLIENT, "selftest", "--socket", f"{session.temp('no')}/sock", check=False)
    same(gone.returncode, 1, "exit code without an agent")
    same(run(CLIENT, "selftest", "--action", "x", check=False).returncode, 2, "wrong usage")
    bare = f"{session.temp('bare')}/bulkhead"
    with open(CLIENT, "rb") as f, open(bare, "wb") as to:
        to.write(f.read())
    os.chmod(bare, 0o755)
    done = run(bare, *words(agent())[1:], check=False, env={**os.environ, **docker_words()})
    same(done.returncode, 1, "exit code without the probe")
    assert "libexec/bulkhead/probe" in done.stderr, done.stderr
    assert os.access(f"{BUILD}/probe", os.X_OK)
