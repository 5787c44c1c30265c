# SPDX-License-Identifier: GPL-2.0-or-later
"""History: what is kept, what survives restarts, kills and damage, and what is drawn of it."""

import glob
import os
import re
import time

from harness import Agent, close_to, same, wait_until
from runtimes import IMAGE, docker, once
from session import alive, kill

MIB = 1 << 20
FAST = {"history.min_lifetime": "2s", "history.flush_interval": "1s",
        "sample.network_interval": "1s", "sample.disk_interval": "1s"}


@once
def agent():
    docker()
    return Agent(FAST)


def points(a, cid, metric, **query):
    """Known (time, value) pairs of a container's history, oldest first."""
    text = "".join(f"&{k.rstrip('_')}={v}" for k, v in query.items())
    base = "/api/v1/host" if cid == "host" else f"/api/v1/containers/{cid}"
    answer = a.json(f"{base}/history?metric={metric}{text}")
    values = answer["series"][metric]["average"]
    same(len(values), answer["points"], "points")
    return [(answer["start"] + i * answer["step"], v) for i, v in enumerate(values)
            if v is not None]


def rrd_files(a, key="*"):
    return sorted(glob.glob(f"{a.state_dir}/serve/history/containers/*{key}*/run-*.rrd"))


def on_disk(a, cid):
    """Waits until the container has a file, which it has once it lived long enough."""
    return wait_until(lambda: rrd_files(a, cid), 10, "an RRD file")[0]


def test_a_containers_history_has_its_figures_each_second():
    a, d = agent(), docker()
    cid = d.run("history", ["alloc", "hold", "100"])
    busy = d.run("historycpu", ["alloc", "spin"], {"NanoCpus": 400_000_000})
    try:
        d.ready(cid)

        def enough():
            found = points(a, cid, "memory", step=1)
            assert len(found) >= 5, f"{len(found)} points"
            times = [t for t, _ in found]
            same(times, list(range(times[0], times[-1] + 1)), "a point each second, no gap")
            assert time.time() - times[-1] < 4, "what is not flushed yet is there too"
            close_to(found[-1][1], 100 * MIB, 0.05, "memory")
            same(points(a, cid, "pids", step=1)[-1][1], 1, "pids")
            rates = [v for _, v in points(a, busy, "cpu", step=1)][-4:]
            close_to(sum(rates) / len(rates), 0.4, 0.25, "cpu in cores")
            return True
        wait_until(enough, 15, "five seconds of history")
        everything = a.json(f"/api/v1/containers/{cid}/history")["series"]
        assert {"cpu", "memory", "io_read", "io_write", "network_receive", "network_transmit",
                "pids"} <= set(everything), sorted(everything)
    finally:
        d.remove(cid)
        d.remove(busy)


def test_the_host_has_a_history():
    def enough():
        memory = points(agent(), "host", "memory", step=1)
        return len(memory) >= 3 and memory[-1][1] > 0 and points(agent(), "host", "cpu", step=1)
    wait_until(enough, 10, "three points of the host's memory")


def test_graphs_are_drawn_as_svg_and_png():
    a, d = agent(), docker()
    cid = d.run("graph")
    try:
        wait_until(lambda: len(points(a, cid, "memory", step=1)) >= 2, 10, "two points")
        for base in (f"/api/v1/containers/{cid}", "/api/v1/host"):
            svg = a.get(f"{base}/graph.svg?metric=memory")
            same((svg.status, svg.headers["Content-Type"].split(";")[0]), (200, "image/svg+xml"),
                 f"{base}/graph.svg")
            assert b"<svg" in svg.body and b"</svg>" in svg.body, svg.body[:200]
            png = a.get(f"{base}/graph.png?metric=cpu&width=400&height=120")
            same((png.status, png.headers["Content-Type"]), (200, "image/png"), f"{base}/graph.png")
            same(png.body[:8], b"\x89PNG\r\n\x1a\n", "first bytes")
        same(a.get(f"/api/v1/containers/{cid}/graph.svg?metric=nonsense").status, 400, "metric")
        same(a.get(f"/api/v1/containers/{cid}/graph.svg").status, 400, "no metric")
        same(a.get(f"/api/v1/containers/{cid}/history?step=x").status, 400, "step")
        same(a.get("/api/v1/containers/0123456789ab/history").status, 404, "unknown container")
    finally:
        d.remove(cid)


def test_an_ended_containers_history_stays_readable_and_its_file_is_cut():
    a, d = agent(), docker()
    cid = d.run("ended", ["alloc", "hold", "50"])
    path = on_disk(a, cid)
    whole = os.stat(path).st_size
    wait_until(lambda: len(points(a, cid, "memory", step=1)) >= 4, 10, "four points")
    before = points(a, cid, "memory", step=1)
    d.remove(cid)
    wait_until(lambda: cid not in a.containers(), 2, "its end")
    after = points(a, cid, "memory", step=1)
    same(after[:len(before)], before, "points from before its end")
    wait_until(lambda: os.stat(path).st_size < whole / 2, 10,
               f"a file cut to the rows it has (whole: {whole})")
    same(points(a, cid, "memory", step=1)[:len(before)], before, "points after the cut")
    listed = [x for x in a.json("/api/v1/history") if x["id"] == cid]
    same(len(listed), 1, "in the list of what has a history")
    assert listed[0]["end"], f"with its end: {listed[0]}"
    used = a.metrics().value("bulkhead_history_bytes")
    assert used and used > 0, f"bulkhead_history_bytes: {used}"


def test_short_lived_containers_share_one_file_per_image():
    """It is written once a minute, and at a clean stop."""
    d = docker()
    with Agent({**FAST, "history.min_lifetime": "60s"}) as a:
        ids = [d.run(f"short{i}", ["sh", "-c", "sleep 3"]) for i in range(3)]
        try:
            d.many(lambda i: d.api("POST", f"/containers/{i}/wait"), ids)
            wait_until(lambda: not set(ids) & set(a.containers()), 3, "their end")
            a.restart()
            found = wait_until(lambda: [x for x in a.json("/api/v1/history")
                                        if x["kind"] == "image"], 5, "a history of the image")
            same([x["image"] for x in found], [IMAGE], "the image")
            same([f for i in ids for f in rrd_files(a, i)], [], "files of their own")
            assert points(a, found[0]["key"], "memory", step=1), "its points, by its key"
        finally:
            d.many(d.remove, ids)


def test_a_restart_of_the_agent_keeps_history_and_goes_on_with_it():
    d = docker()
    cid = d.run("restarted", ["alloc", "hold", "30"])
    gone = d.run("gonebefore", ["alloc", "hold", "20"])
    a = Agent(FAST)
    try:
        for i in (cid, gone):
            on_disk(a, i)
        wait_until(lambda: len(points(a, gone, "memory", step=1)) >= 4, 10, "four points")
        d.remove(gone)
        wait_until(lambda: gone not in a.containers(), 3, "the end of one")
        before = {i: points(a, i, "memory", step=1) for i in (cid, gone)}
        a.restart()
        wait_until(lambda: points(a, cid, "memory", step=1)[-1][0] > before[cid][-1][0] + 3, 15,
                   "new points")
        for i in (cid, gone):
            after = points(a, i, "memory", step=1)
            missing = [p for p in before[i][:-1] if p not in after]
            same(missing, [], "points that a clean stop lost")
        same(len(rrd_files(a, cid)), 1, "files of one container: it goes on with the same")
    finally:
        a.kill()
        d.remove(cid)
        d.remove(gone)


def test_a_clean_stop_takes_under_a_second_and_writes_what_was_not_flushed_yet():
    d = docker()
    a = Agent({**FAST, "history.flush_interval": "10m"})
    ids = [d.run(f"unflushed{i}", ["alloc", "hold", "5"]) for i in range(10)]
    try:
        def enough():
            return all(len(points(a, i, "memory", step=1)) >= 8 for i in ids)
        wait_until(enough, 25, "eight points of each", step=0.5)
        before = {i: points(a, i, "memory", step=1) for i in ids}
        code, took = a.stop()
        same(code, 0, "exit code")
        assert took < 1, f"it took {took:.2f} s"
        a.start()
        for i in ids:
            after = points(a, i, "memory", step=1)
            missing = [p for p in before[i] if p not in after]
            same(missing, [], f"points of {i[:12]} that a clean stop lost, of {len(before[i])}")
    finally:
        a.kill()
        d.many(d.remove, ids)


def lost(before, after, newest):
    """Points at or before `newest` that are not there any more, or differ."""
    return [p for p in before if p[0] <= newest and p not in after]


def test_kill_9_of_each_process_during_writes_loses_no_more_than_the_last_batch():
    d = docker()
    cid = d.run("killed", ["alloc", "hold", "30"])
    a = Agent(FAST)
    try:
        on_disk(a, cid)
        for turn in range(6):
            wait_until(lambda: len(points(a, cid, "memory", step=1, from_=-20)) >= 4, 15,
                       "four points")
            before = points(a, cid, "memory", step=1)
            # Flushed each second: what is three seconds old has been written.
            safe = before[-1][0] - 3
            if turn % 2 == 0:
                serve = a.serve_pid()
                kill(serve)
                wait_until(lambda: not alive(serve), 2, "the end of serve")
                wait_until(lambda: a.get("/readyz", token=None).status == 200, 15, "serve again")
            else:
                serve = a.serve_pid()
                kill(serve)
                a.process.kill()
                a.process.wait()
                wait_until(lambda: not alive(serve), 3, "the end of serve")
                a.start()
            after = wait_until(lambda: points(a, cid, "memory", step=1), 10, "history again")
            same(lost(before, after, safe), [], f"turn {turn}: points lost beyond the last batch")
        m = a.metrics()
        same(m.value("bulkhead_history_damaged_total"), 0, "damaged files")
        same(m.value("bulkhead_history_errors_total"), 0, "failed writes")
    finally:
        a.kill()
        d.remove(cid)


def test_a_damaged_file_is_set_aside_and_a_new_one_begun():
    d = docker()
    cid = d.run("damaged", ["alloc", "hold", "30"])
    a = Agent(FAST)
    try:
        path = on_disk(a, cid)
        a.stop()
        for harm in ("head", "cut", "empty"):
            size = os.stat(path).st_size
            with open(path, "r+b") as f:
                if harm == "head":
                    f.write(os.urandom(4096))
                else:
                    f.truncate(size // 2 if harm == "cut" else 0)
            a.start()
            wait_until(lambda: glob.glob(f"{a.state_dir}/serve/history/damaged/*"), 10,
                       f"a file set aside ({harm})")
            wait_until(lambda: re.search("(damaged|set aside)", a.log()), 3, "a log line")
            wait_until(lambda: len(points(a, cid, "memory", step=1)) >= 3, 15,
                       f"new history ({harm})")
            wait_until(lambda: a.metrics().value("bulkhead_history_damaged_total") >= 1, 3,
                       "bulkhead_history_damaged_total")
            path = on_disk(a, cid)
            a.stop()
            for old in glob.glob(f"{a.state_dir}/serve/history/damaged/*"):
                os.unlink(old)
            path = rrd_files(a, cid)[-1]
    finally:
        a.kill()
        d.remove(cid)


def test_history_can_be_switched_off():
    with Agent({"history.enabled": "false"}) as a:
        same(a.get("/api/v1/host/history?metric=cpu").status, 503, "a question about history")
        same(glob.glob(f"{a.state_dir}/serve/history/*"), [], "files")


def test_history_stays_below_its_cap():
    d = docker()
    with Agent({**FAST, "history.max_size": "8MiB"}) as a:
        ids = [d.run(f"cap{i}") for i in range(8)]
        try:
            wait_until(lambda: (a.metrics().value("bulkhead_history_reduced") or 0) > 0
                       or (a.metrics().value("bulkhead_history_pruned_total") or 0) > 0, 20,
                       "live ones that get the coarse tier only")

            def kept():
                total = sum(os.stat(p).st_size for p in
                            glob.glob(f"{a.state_dir}/serve/history/**/*.rrd", recursive=True))
                assert total <= 8 * MIB, f"{total} bytes on disk"
                close_to(a.metrics().value("bulkhead_history_bytes"), total, 0.10,
                         "bulkhead_history_bytes beside the files")
                return True
            wait_until(kept, 5, "files below the cap, and their true size as a metric")
        finally:
            d.many(d.remove, ids)
