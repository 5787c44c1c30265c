# SPDX-License-Identifier: GPL-2.0-or-later
"""A docker container's figures against known loads."""

import os
import time

from boxes import MIB, Running, agent
from harness import ALLOC, close_to, need, same, skip, wait_until
from runtimes import Network, docker
from session import hierarchies, read_text, session


def counter_change(fn, timeout=5):
    """(value, time) just after fn's value has changed: that is when the agent sampled it."""
    first = fn()
    value = wait_until(lambda: fn() if fn() != first else None, timeout, "a counter that moves",
                       step=0.01)
    return value, time.monotonic()


def preferred_cgroup(name):
    """A parent that gets CPU before the rest of the machine, so that a quota is used up even while
    others work."""
    path = f"/{session.name}-{name}"
    for top in hierarchies():
        for file, value in (("cpu.shares", "262144"), ("cpu.weight", "10000")):
            os.makedirs(f"{top}{path}", exist_ok=True)
            if os.path.exists(f"{top}{path}/{file}"):
                with open(f"{top}{path}/{file}", "w") as f:
                    f.write(value)
    return path


def test_cpu_of_a_busy_loop_under_half_a_core_is_half_a_core():
    a = agent()
    with Running("busy", ["alloc", "spin"], {"NanoCpus": 500_000_000,
                                             "CgroupParent": preferred_cgroup("cpu")}) as c:
        c.seen()

        def used():
            return a.metrics().value("container_cpu_usage_seconds_total", id=c.path, cpu="total")
        for attempt in range(3):  # a busy machine may give it less than half a core for a while
            before, begin = counter_change(used)
            time.sleep(5.5)  # the length of the measurement, not a wait for something
            after, end = counter_change(used)
            rate = (after - before) / (end - begin)
            if abs(rate - 0.5) < 0.05:
                break
        close_to(rate, 0.5, 0.10, "cores by the counter")
        truth = kernel_cpu_seconds(c.path)
        close_to(used(), truth, 0.20, "the counter beside the kernel's own")
        close_to(a.container(c.id)["sample"]["cpu_cores"], 0.5, 0.15, "cpu_cores of the API")
        m = a.metrics()
        same(m.value("container_spec_cpu_quota", id=c.path), 50000, "quota")
        same(m.value("container_spec_cpu_period", id=c.path), 100000, "period")
        throttled = m.value("container_cpu_cfs_throttled_periods_total", id=c.path)
        assert throttled and throttled > 10, f"throttled periods: {throttled}"


def kernel_cpu_seconds(path):
    for top in hierarchies():
        text = read_text(f"{top}{path}/cpuacct.usage", "")
        if text:
            return int(text) / 1e9
        for line in read_text(f"{top}{path}/cpu.stat", "").splitlines():
            if line.startswith("usage_usec"):
                return int(line.split()[1]) / 1e6
    raise AssertionError("no CPU file of the container")


def test_memory_of_a_known_allocation_is_right_within_5_percent():
    with Running("memory", ["alloc", "hold", "200"]) as c:
        docker().ready(c.id)

        def right():
            m = agent().metrics()
            close_to(m.value("container_memory_rss", id=c.path), 200 * MIB, 0.05, "rss")
            close_to(m.value("container_memory_working_set_bytes", id=c.path), 200 * MIB, 0.05,
                     "working set")
            close_to(m.value("container_memory_usage_bytes", id=c.path), 200 * MIB, 0.05, "usage")
            return True
        wait_until(right, 3, "the allocation in the metrics")


def real_disk(path):
    """/dev/NAME of the whole disk below a path, or a skip."""
    device = os.stat(path).st_dev
    link = f"/sys/dev/block/{os.major(device)}:{os.minor(device)}"
    if not os.path.exists(link):
        skip(f"{path} is not on a block device")
    folder = os.path.realpath(link)
    if os.path.exists(f"{folder}/partition"):
        folder = os.path.dirname(folder)
    return "/dev/" + os.path.basename(folder)


def test_bytes_written_and_read_are_right_within_5_percent():
    a, d = agent(), docker()
    disk = real_disk(d.folder)
    # A limit that is never met: this kernel's v1 controller counts only on disks with a limit set.
    host = {"Binds": ["bhtest-io:/data"],
            "BlkioDeviceWriteBps": [{"Path": disk, "Rate": 8 << 30}],
            "BlkioDeviceReadBps": [{"Path": disk, "Rate": 8 << 30}]}
    with Running("writes", ["alloc", "write", "/data/file", str(64 * MIB)], host) as c:
        d.ready(c.id)
        wait_until(lambda: close_to(a.metrics().total("container_fs_writes_bytes_total",
                                                      id=c.path),
                                    64 * MIB, 0.05, "bytes written") is None, 3, "bytes written")
        found = a.metrics().find("container_fs_writes_bytes_total", id=c.path)
        assert disk in [s.labels["device"] for s in found], f"device: {[s.line for s in found]}"
    with Running("reads", ["alloc", "read", "/data/file"], host) as c:
        d.ready(c.id)
        wait_until(lambda: close_to(a.metrics().total("container_fs_reads_bytes_total", id=c.path),
                                    64 * MIB, 0.05, "bytes read") is None, 3, "bytes read")


def test_network_bytes_of_a_known_transfer_are_right_within_5_percent():
    a, d = agent(), docker()
    need("ip", "nsenter")
    with Running("network") as c:
        net = Network(d.pid_of(c.id))
        try:
            log = f"{session.folder}/net.log"
            server = net.start(ALLOC, "recv", "9000", log=log)
            wait_until(lambda: "ready 0" in read_text(log, ""), 5, "a listener")
            sent = 40 * MIB
            d.exec(c.id, "alloc", "send", net.ADDRESS, "9000", str(sent))
            same(server.wait(30), 0, "the receiver's exit code")

            def right():
                m = a.metrics()
                label = {"id": c.path, "interface": "eth0"}
                close_to(m.value("container_network_transmit_bytes_total", **label), sent, 0.05,
                         "bytes sent")
                truth = read_text(f"/proc/{d.pid_of(c.id)}/net/dev").partition("eth0:")[2].split()
                close_to(m.value("container_network_receive_bytes_total", **label), int(truth[0]),
                         0.05, "bytes received")
                return True
            wait_until(right, 4, "the transfer in the metrics")
            assert not a.metrics().find("container_network_transmit_bytes_total", id=c.path,
                                        interface="lo"), "lo is not shown"
        finally:
            net.close()


def test_processes_and_threads_are_counted():
    with Running("forks", ["alloc", "forks", "17"], {"PidsLimit": 50}) as c:
        docker().ready(c.id)

        def right():
            m = agent().metrics()
            same(m.value("container_threads", id=c.path), 18, "threads")
            same(m.value("container_processes", id=c.path), 18, "processes")
            same(m.value("container_threads_max", id=c.path), 50, "limit")
            return True
        wait_until(right, 4, "18 processes")


def test_bytes_of_the_writable_layer_and_of_a_volume_are_right():
    a, d = agent(), docker()
    with Running("disk", ["sh", "-c", "echo 0123456789; exec sleep 1000"],
                 {"Binds": ["bhtest-disk:/data"]}) as c:
        fill = "dd if=/dev/zero of={} bs=1M count={} conv=fsync"
        for path, mib in (("/layer.bin", 20), ("/data/volume.bin", 10)):
            same(d.exec_done(d.exec(c.id, "sh", "-c", fill.format(path, mib))), 0, "dd")

        def right():
            disk = a.container(c.id)["sample"]["disk"]
            close_to(disk["layer_bytes"], 20 * MIB, 0.05, "writable layer")
            assert disk["log_bytes"] > 0, f"log: {disk['log_bytes']}"
            close_to(sum(v["bytes"] for v in disk["volumes"]), 10 * MIB, 0.05, "volume")
            usage = a.metrics().total("container_fs_usage_bytes", id=c.path)
            close_to(usage, 20 * MIB + disk["log_bytes"], 0.05, "container_fs_usage_bytes")
            return True
        wait_until(right, 10, "disk space")
