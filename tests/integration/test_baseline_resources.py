# SPDX-License-Identifier: GPL-2.0-or-later
"""An image's use of resources is learned; a container of it that then needs far more of one is told
within a minute, with how much, what is usual, for how long and how rare, and told to be over."""

import concurrent.futures
import datetime
import os
import time

from baselines_at_work import Learning, Place, facts, place_image
from harness import BUILD, need, same, wait_until
from runtimes import docker, once
from servers import Switch
from session import session
from test_figures import preferred_cgroup, real_disk

IMAGE = "bhtest/learned"
USAGE = os.path.join(BUILD, "tests/integration/usage")
MIB = 1 << 20
SUSTAINED, BLIP = 9000, 300  # milliseconds
LEARNED = 120  # values of each resource
WITHIN = 60  # seconds

# a container each: what it does, what it is told of; little programs take a little of the processor
KINDS = {
    "cpu": {"cpu"}, "memory": {"memory"}, "pids": {"pids", "threads"}, "threads": {"threads"},
    "fds": {"fds"}, "write_bytes": {"write_bytes"}, "writes": {"writes"},
    "read_bytes": {"read_bytes"}, "reads": {"reads"}, "send_bytes": {"tx_bytes", "tx_packets"},
    "send_packets": {"tx_packets"}, "receive": {"rx_bytes", "rx_packets"}}
ALSO = {"cpu"}  # may be told of each, on a machine where a system call is dear
EVERY = set().union(*KINDS.values())


class World:
    """Containers of one image, one a kind, and an agent that has learned what they need."""

    def __init__(self):
        need("ip", "nsenter")
        disk = real_disk(docker().folder)
        self.switch, self.boxes = Switch(), {}
        session.at_file_end(self.close)
        # A limit that is never met: some kernels count only on disks with a limit set.
        limit = [{"Path": disk, "Rate": 8 << 30}]
        parent = preferred_cgroup("uses")  # else a busy machine gives no burst of the processor
        for number, kind in enumerate(KINDS, 2):
            path = f"{session.temp('io')}/file"
            with open(path, "wb") as f:
                f.write(os.urandom(MIB) * 16)
                os.fsync(f.fileno())
            box = Place(f"uses-{kind.replace('_', '-')}",
                        {"BlkioDeviceWriteBps": limit, "BlkioDeviceReadBps": limit,
                         "CgroupParent": parent},
                        (f"{USAGE}:/bin/usage:ro", f"{path}:/data/file"), Image=place_image())
            self.switch.plug(box.id, number)
            box.net = f"{self.switch.NET}.{number}"
            self.boxes[kind] = box
        self.agent = Learning()
        wait_until(lambda: any(b["repository"].endswith(IMAGE) for b in
                               self.agent.api()["baselines"]), 20, "a baseline of the image")
        self.agent.until_mode(IMAGE, "detect", 120, self.work)
        wait_until(self.learned, 120, f"{LEARNED} values of each resource", step=1)

    def work(self):
        for box in self.boxes.values():
            box.run("/bin/busybox", "ls", "/etc")

    def learned(self):
        self.work()
        usual = self.agent.baseline(IMAGE)["usual"]
        few = {r: usual[r]["values"] for r in EVERY if usual[r]["values"] < LEARNED}
        assert not few, few
        return True

    def use(self, kind, ms):
        """Does it to its end; returns when it began."""
        box, on = self.boxes[kind], []
        if kind.startswith(("write", "read")):
            on = ["/data/file"]
        elif kind.startswith("send"):
            on = [f"{self.switch.NET}.1"]
        begin = time.time()
        if kind == "receive":  # whoever sends is not the container
            with concurrent.futures.ThreadPoolExecutor() as pool:
                pool.submit(self.switch.client, USAGE, "send_bytes", str(ms), box.net)
                _, status, said = box.run("/bin/usage", kind, str(ms), timeout=60)
        else:
            _, status, said = box.run("/bin/usage", kind, str(ms), *on, timeout=60)
        assert status == 0, f"usage {kind}: {status}: {said}"
        return begin

    def use_all(self, kinds, ms):
        with concurrent.futures.ThreadPoolExecutor(len(kinds)) as pool:
            return dict(zip(kinds, pool.map(lambda k: self.use(k, ms), kinds)))

    def bursts(self, since, kind=None, state="firing"):
        cid = kind and self.boxes[kind].id
        return {facts(a)["resource"]: a for a in self.agent.alerts(since)
                if a["rule"] == "resource-burst" and a["state"] == state
                and (cid is None or a["container"]["id"] == cid)}

    def close(self):
        for box in self.boxes.values():
            box.close()
        if hasattr(self, "agent"):
            self.agent.close()


@once
def world():
    return World()


def test_a_moment_of_any_kind_is_no_burst():
    w = world()
    since = w.agent.mark()
    w.use_all(list(KINDS), BLIP)
    time.sleep(6)  # the time in which a lasting one would have been told
    told = [a["title"] for a in w.bursts(since).values()]
    assert not told, told


def judge(w, kind, since, begin):
    """What the burst of a kind was told as; returns faults."""
    faults, told = [], w.bursts(since, kind)
    if not KINDS[kind] <= set(told) or set(told) - KINDS[kind] - ALSO:
        usual = w.agent.baseline(IMAGE)["usual"]
        faults.append(f"{kind}: told of {sorted(told)}, not of {sorted(KINDS[kind])}; usual: "
                      f"{ {r: usual[r] for r in KINDS[kind]} }")
    for resource in KINDS[kind] & set(told):
        f, a = facts(told[resource]), told[resource]
        took = datetime.datetime.fromisoformat(a["time"]).timestamp() - begin
        if took > WITHIN:
            faults.append(f"{kind}: {resource} told after {took:.0f} s")
        for name in ("value", "expected_low", "expected_high", "lasts", "rarity"):
            if not f.get(name):
                faults.append(f"{kind}: {resource} without {name}: {f}")
    return faults


def test_each_resource_that_is_used_far_more_than_usual_is_told_and_told_to_be_over():
    w, faults = world(), []
    since = w.agent.mark()
    # first and alone: it shares the processors, and the others make some use of them usual
    begun = {"cpu": w.use("cpu", SUSTAINED)}
    begun.update(w.use_all([k for k in KINDS if k != "cpu"], SUSTAINED))
    for kind in KINDS:
        faults += judge(w, kind, since, begun[kind])
    assert not faults, "\n".join(faults)

    def over():
        left = {k: sorted(set(w.bursts(since, k)) - set(w.bursts(since, k, "resolved")))
                for k in KINDS}
        left = {k: v for k, v in left.items() if v}
        assert not left, left
        return True
    wait_until(over, 20, "the end of each burst", step=0.5)


def test_a_burst_of_a_container_that_ends_is_over_with_it():
    w = world()
    since = w.agent.mark()
    box = w.boxes["memory"]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        pool.submit(box.call, ("/bin/usage", "memory", "60000"), 5)
        alert = w.agent.wait("resource-burst", since, box.id, 30,
                             lambda a: facts(a)["resource"] == "memory")
        docker().api("POST", f"/containers/{box.id}/kill")
    done = wait_until(lambda: w.bursts(since, "memory", "resolved").get("memory"), 20,
                      "the end of the burst")
    same(done["id"], alert["id"], "the alert that is over")
