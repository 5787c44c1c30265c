# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures of cgroups against known loads, on pure v2 and on v1."""

import os
import re
import time

from box import DISK, MIB, V2, Box, agent, hex_id, write
from harness import ALLOC, close_to, same, wait_until
from session import read_text


def docker(name, *argv, **limits):
    return Box(f"/docker/{hex_id(name)}", *argv, **limits)


def changed(fn, timeout=10):
    """(value, time) just after fn's value has changed: that is when the agent sampled it."""
    first = fn()
    return wait_until(lambda: (lambda v: v != first and (v, time.monotonic()))(fn()), timeout,
                      "a counter that moves", step=0.01)


def test_cpu_of_a_busy_loop_under_half_a_core_is_half_a_core():
    with docker("busy", "alloc", "spin", cpu_percent=50) as c:
        c.seen()

        def used():
            return c.value("container_cpu_usage_seconds_total", cpu="total")
        for _ in range(3):  # a busy host may hold the machine up for a while
            before, begin = changed(used)
            time.sleep(5)  # the length of the measurement, not a wait for something
            after, end = changed(used)
            rate = (after - before) / (end - begin)
            if abs(rate - 0.5) < 0.05:
                break
        close_to(rate, 0.5, 0.10, "cores by the counter")
        close_to(c.seen()["sample"]["cpu_cores"], 0.5, 0.15, "cpu_cores of the list")
        m = agent().metrics()
        parts = [m.value(f"container_cpu_{part}_seconds_total", id=c.path)
                 for part in ("user", "system")]
        close_to(sum(parts), m.value("container_cpu_usage_seconds_total", id=c.path), 0.05,
                 "user and system together")
        same(m.value("container_spec_cpu_quota", id=c.path), 50000, "quota")
        same(m.value("container_spec_cpu_period", id=c.path), 100000, "period")
        throttled = m.value("container_cpu_cfs_throttled_periods_total", id=c.path)
        assert throttled and throttled > 10, f"throttled periods: {throttled}"
        lost = m.value("container_cpu_cfs_throttled_seconds_total", id=c.path)
        assert lost and lost > 1, f"throttled seconds: {lost}"


def kernel_cpu_seconds(c):
    text = read_text(c.file("cpuacct.usage"), "")
    if text:
        return int(text) / 1e9
    return int(re.search(r"usage_usec (\d+)", read_text(c.file("cpu.stat"))).group(1)) / 1e6


def test_cpu_of_what_has_stopped_is_exactly_the_kernels():
    with docker("short", "sleep", "1000") as c:
        c.seen()
        for _ in range(3):
            c.start("timeout", "0.4", ALLOC, "spin").wait()
        truth = kernel_cpu_seconds(c)
        assert truth > 0.5, f"the kernel counts {truth} s"
        wait_until(lambda: close_to(c.value("container_cpu_usage_seconds_total"), truth, 0.001,
                                    "CPU seconds") is None, 10, "the kernel's figure")


def test_weight_is_shown_as_shares():
    with docker("weight", "sleep", "1000", cpu_weight=100 if V2 else 2048) as c:
        c.seen()
        # weight 100 is what runtimes write for about 2600 shares
        close_to(wait_until(lambda: c.value("container_spec_cpu_shares"), 5, "shares"),
                 2597 if V2 else 2048, 0.01, "shares")


def test_memory_of_a_known_allocation_is_right_within_5_percent():
    with docker("memory", "alloc", "hold", "100", memory=300 * MIB) as c:
        c.ready()

        def right():
            close_to(c.value("container_memory_rss"), 100 * MIB, 0.05, "rss")
            close_to(c.value("container_memory_working_set_bytes"), 100 * MIB, 0.05, "working set")
            close_to(c.value("container_memory_usage_bytes"), 100 * MIB, 0.05, "usage")
            close_to(c.value("container_memory_max_usage_bytes"), 100 * MIB, 0.05, "most so far")
            same(c.value("container_spec_memory_limit_bytes"), 300 * MIB, "limit")
            return True
        wait_until(right, 10, "the allocation in the metrics")
        close_to(c.seen()["sample"]["memory_rss_bytes"], 100 * MIB, 0.05, "rss of the list")


def test_file_pages_are_cache_and_not_resident():
    with docker("cache", "sleep", "1000") as c:
        c.seen()
        c.start("dd", "if=/dev/zero", "of=/mnt/cache", "bs=1M", "count=40").wait()

        def right():
            close_to(c.value("container_memory_cache"), 40 * MIB, 0.05, "cache")
            assert c.value("container_memory_rss") < 4 * MIB, "rss"
            assert c.value("container_memory_working_set_bytes") < 8 * MIB, "working set"
            return True
        wait_until(right, 10, "the file in the metrics")
    os.unlink("/mnt/cache")


def test_memory_that_is_freed_is_gone_from_the_figures():
    with docker("freed", "sleep", "1000") as c:
        big = c.start("alloc", "hold", "60")
        c.ready()
        wait_until(lambda: (c.value("container_memory_rss") or 0) > 50 * MIB, 10, "60 MiB")
        big.kill()
        big.wait()
        wait_until(lambda: c.value("container_memory_rss") < 4 * MIB, 10, "the rest")
        if os.path.exists(c.file("memory.peak")) or not V2:
            assert c.value("container_memory_max_usage_bytes") > 50 * MIB, "most so far"


def unlimited(c):
    """v1 counts only on disks that have a limit: one that is never met."""
    if not V2:
        with open(f"/sys/class/block/{os.path.basename(DISK)}/dev") as f:
            number = f.read().strip()
        for way in ("read", "write"):
            write(c.file(f"blkio.throttle.{way}_bps_device"), f"{number} {8 << 30}")


def test_bytes_written_and_read_are_right_within_5_percent():
    with docker("writes", "sleep", "1000") as c:
        unlimited(c)
        c.start("alloc", "write", "/mnt/direct", str(24 * MIB))
        same(c.ready(), 24 * MIB, "bytes that alloc wrote")
        wait_until(lambda: close_to(c.value("container_fs_writes_bytes_total", device=DISK),
                                    24 * MIB, 0.05, "bytes written") is None, 10, "bytes written")
        assert c.value("container_fs_writes_total", device=DISK) >= 24, "operations"
    with docker("reads", "sleep", "1000") as c:
        unlimited(c)
        c.start("alloc", "read", "/mnt/direct")
        same(c.ready(), 24 * MIB, "bytes that alloc read")
        wait_until(lambda: close_to(c.value("container_fs_reads_bytes_total", device=DISK),
                                    24 * MIB, 0.05, "bytes read") is None, 10, "bytes read")
        io = c.seen()["sample"]["io"]
        same([d["device"] for d in io], [DISK], "devices of the list")
    os.unlink("/mnt/direct")


def test_processes_and_threads_are_counted():
    with docker("forks", "alloc", "forks", "17", pids=50) as c:
        c.ready()

        def right():
            same(c.value("container_threads"), 18, "threads")
            same(c.value("container_processes"), 18, "processes")
            same(c.value("container_threads_max"), 50, "limit")
            return True
        wait_until(right, 10, "18 processes")


def test_a_kill_for_lack_of_memory_is_counted():
    with docker("oom", "alloc", "oom", memory=30 * MIB) as c:
        same(c.ready(), 9, "signal that ended the child")

        def right():
            same(c.value("container_oom_events_total"), 1, "OOM events")
            assert c.value("container_memory_failcnt") > 0, "times at the limit"
            if V2:
                assert c.value("container_memory_events_max_total") > 0, "events of memory.max"
            return True
        wait_until(right, 10, "the kill in the metrics")
        again = c.start("alloc", "oomself")
        same(again.wait(60), -9, "how the second one ended")
        wait_until(lambda: c.value("container_oom_events_total") == 2, 10, "the second kill")


def kernel_pressure(c, what, line):
    found = re.search(rf"^{line} .*total=(\d+)$", read_text(c.file(f"{what}.pressure")), re.M)
    return int(found.group(1)) / 1e6


def test_pressure_is_the_kernels_where_the_kernel_has_it():
    with docker("pressure", "alloc", "spin", cpu_percent=20) as c:
        c.seen()
        names = [f"container_pressure_{what}_{how}_seconds_total"
                 for what in ("cpu", "memory", "io") for how in ("waiting", "stalled")]
        if not V2:
            m = agent().metrics()
            for name in names:
                same(m.find(name, id=c.path), [], f"{name} without a v2 tree")
            return
        wait_until(lambda: c.value(names[0]) and c.value(names[0]) > 1, 20, "a second of waiting")
        for what in ("cpu", "memory", "io"):
            for how, line in (("waiting", "some"), ("stalled", "full")):
                got = c.value(f"container_pressure_{what}_{how}_seconds_total")
                truth = kernel_pressure(c, what, line)
                assert got is not None and got <= truth and truth - got < 3, \
                    f"{what} {how}: {got}, the kernel says {truth}"


def test_the_machine_itself_is_right():
    m = agent().metrics()
    total = int(re.search(r"MemTotal: +(\d+)", read_text("/proc/meminfo")).group(1)) * 1024
    same(m.value("machine_memory_bytes"), total, "memory of the machine")
    same(m.value("machine_cpu_cores"), os.cpu_count(), "cores")
    used = m.value("container_memory_usage_bytes", id="/")
    assert used and 20 * MIB < used < total, f"memory of /: {used} of {total}"
    cpu = m.value("container_cpu_usage_seconds_total", id="/", cpu="total")
    spent = sum(int(n) for n in read_text("/proc/stat").split("\n")[0].split()[1:4]) / 100
    close_to(cpu, spent, 0.25, "CPU seconds of /")
    threads = m.value("container_threads", id="/")
    assert threads and threads > 20, f"threads of /: {threads}"
    for name in ("container_memory_rss", "container_processes"):
        assert m.value(name, id="/"), f"{name} of / is not there or 0"
