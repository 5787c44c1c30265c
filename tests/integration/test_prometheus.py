# SPDX-License-Identifier: GPL-2.0-or-later
"""A real Prometheus scrapes the agent; promtool and both formats; compression."""

import gzip
import json
import re
import subprocess
import urllib.parse

from exposition import Exposition
from harness import Agent, close_to, free_port, http_get, need, same, wait_until
from runtimes import IMAGE, docker, once
from session import read_text, session


@once
def agent():
    docker()
    return Agent({"sample.network_interval": "1s"})


class Prometheus:
    def __init__(self, target):
        need("prometheus")
        self.folder = session.temp("prometheus")
        self.port = free_port()
        with open(f"{self.folder}/prometheus.yml", "w") as f:
            f.write("global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\nscrape_configs:\n"
                    f"  - job_name: bulkhead\n    static_configs:\n      - targets: ['{target}']\n")
        self.process = session.start(
            ["prometheus", f"--config.file={self.folder}/prometheus.yml",
             f"--storage.tsdb.path={self.folder}/data", "--log.level=warn",
             f"--web.listen-address=127.0.0.1:{self.port}"], f"{self.folder}/log", cwd=self.folder)
        wait_until(lambda: http_get(self.port, "/-/ready").status == 200, 30, "Prometheus")

    def get(self, path):
        answer = http_get(self.port, path)
        same(answer.status, 200, f"{path}: {answer.body[:300]!r}")
        return answer.json()["data"]

    def query(self, text):
        return self.get("/api/v1/query?" + urllib.parse.urlencode({"query": text}))["result"]

    def close(self):
        self.process.terminate()
        self.process.wait(20)


def test_a_real_prometheus_scrapes_it_and_answers_the_rate_of_a_busy_container():
    a, d = agent(), docker()
    cid = d.run("scraped", ["alloc", "spin"], {"NanoCpus": 500_000_000})
    p = Prometheus(f"127.0.0.1:{a.port}")
    try:
        what = 'container_cpu_usage_seconds_total{name="scraped"}'

        def rate():
            found = p.query(f"rate({what}[10s])")
            same(len(found), 1, f"series of {what}")
            same(found[0]["metric"]["image"], IMAGE, "image label")
            close_to(float(found[0]["value"][1]), 0.5, 0.15, "rate")
            return True
        wait_until(rate, 40, "rate(container_cpu_usage_seconds_total[10s]) of about 0.5")
        target = p.get("/api/v1/targets")["activeTargets"][0]
        same((target["health"], target["lastError"]), ("up", ""), "target")
        logged = read_text(f"{p.folder}/log", "")
        for word in ("out of order", "duplicate", "Error on ingesting"):
            assert word.lower() not in logged.lower(), logged[-2000:]
        d.remove(cid)
        wait_until(lambda: not p.query(what), 6, "the end of its series in Prometheus")
        assert p.query('bulkhead_container_exit_code{name="scraped"}'), \
            "its exit code is still there"
        assert p.query("bulkhead_build_info"), "bulkhead_build_info"
    finally:
        d.remove(cid)
        p.close()





def test_promtool_finds_no_fault_but_in_cadvisors_own_names():
    need("promtool")
    cid = docker().run("linted", ["alloc", "forks", "2"], {"NanoCpus": 500_000_000})
    try:
        a = agent()
        wait_until(lambda: a.metrics().find("container_threads", name="linted"), 3, "the container")
        done = subprocess.run(["promtool", "check", "metrics"], capture_output=True,
                              input=a.get("/metrics").body)
        said = (done.stdout + done.stderr).decode()
        assert done.returncode in (0, 3), f"exit {done.returncode}: {said}"
        cadvisors = known_names()
        bad = [line for line in said.splitlines() if line.split(" ")[0] not in cadvisors]
        same(bad, [], "complaints about names that are ours")
    finally:
        docker().remove(cid)


def known_names():
    from test_cadvisor_parity import LISTED, sample_families
    return set(LISTED) | set(sample_families() or ())


def test_both_formats_are_valid_and_hold_the_same_families():
    a = agent()
    plain = a.get("/metrics")
    same(plain.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8", "type")
    families = Exposition(plain.body).families
    accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
    om = a.get("/metrics", headers={"Accept": accept})
    assert om.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0"), \
        om.headers["Content-Type"]
    text = om.body.decode("utf-8")
    assert text.endswith("\n# EOF\n") and text.count("# EOF") == 1, "one # EOF, at the end"
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
    samples = {line.split("{")[0].split(" ")[0] for line in text.splitlines()
               if not line.startswith("#")}
    for name, kind in types.items():
        if kind == "counter":
            assert not name.endswith("_total"), f"counter family {name} carries _total"
            assert f"{name}_total" in samples or name + "_created" in samples, f"{name}: no _total"
    same(len(types), len(families), "families in OpenMetrics and in text")


def test_gzip_is_used_when_asked_for_and_saves_most():
    a = agent()
    plain = a.get("/metrics")
    same(plain.headers["Content-Encoding"], None, "encoding")
    packed = a.get("/metrics", headers={"Accept-Encoding": "gzip"})
    same(packed.headers["Content-Encoding"], "gzip", "encoding")
    body = gzip.decompress(packed.body)
    same(set(Exposition(body).families), set(Exposition(plain.body).families), "families")
    assert len(packed.body) < len(body) / 3, f"{len(packed.body)} of {len(body)} bytes"


def test_metrics_about_the_agent_itself_are_there():
    m = agent().metrics()
    for name in ("bulkhead_build_info", "bulkhead_samples_total", "bulkhead_loop_turns_total",
                 "bulkhead_capacity", "bulkhead_used", "bulkhead_refused_total",
                 "bulkhead_history_bytes", "bulkhead_http_requests_total", "process_open_fds",
                 "process_cpu_seconds_total", "process_resident_memory_bytes"):
        assert m.find(name), f"{name} is missing"
    tables = {s.labels.get("name") or s.labels.get("table") for s in m.find("bulkhead_capacity")}
    refused = {s.labels.get("name") or s.labels.get("table")
               for s in m.find("bulkhead_refused_total")}
    assert tables and tables <= refused, f"no count of refusals for {tables - refused}"
    assert json.dumps(agent().status()), "and /api/v1/status"
