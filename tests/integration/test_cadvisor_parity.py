# SPDX-License-Identifier: GPL-2.0-or-later
"""The names, types and labels of a real cAdvisor 0.60 exposition, against ours."""

import os
import re

from exposition import Exposition
from harness import REPO, Agent, same, skip, wait_until
from runtimes import Network, docker
from session import hierarchies

SAMPLE = os.path.join(REPO, "../shared/data/cadvisor-sample.txt")

# What cAdvisor exposes and bulkhead does not, with the reason.
ZERO = "always 0 in cAdvisor unless a special reader is built in or switched on"
V1 = "cgroup v1 has no such figure: cAdvisor shows a constant 0 there"
OMITTED = {
    "container_cpu_load_average_10s": ZERO,
    "container_cpu_load_d_average_10s": ZERO,
    "container_tasks_state": ZERO,
    "machine_cpu_books": "s390x only, 0 elsewhere",
    "machine_cpu_drawers": "s390x only, 0 elsewhere",
    "machine_nvm_capacity": ZERO,
    "machine_nvm_avg_power_budget_watts": ZERO,
}
OMITTED_V1 = {
    "container_memory_events_high_total": V1,
    "container_memory_events_max_total": V1,
    "container_memory_pgscan_total": V1,
    "container_memory_pgsteal_total": V1,
    "container_pressure_cpu_stalled_seconds_total": V1,
    "container_pressure_cpu_waiting_seconds_total": V1,
    "container_pressure_io_stalled_seconds_total": V1,
    "container_pressure_io_waiting_seconds_total": V1,
    "container_pressure_memory_stalled_seconds_total": V1,
    "container_pressure_memory_waiting_seconds_total": V1,
}
# Names of cAdvisor beyond the sample (its other gates and storage drivers) that bulkhead uses too.
LISTED = (
    "container_blkio_device_usage_total", "container_file_descriptors",
    "container_fs_reads_bytes_total", "container_fs_writes_bytes_total",
    "container_hugetlb_failcnt", "container_hugetlb_max_usage_bytes",
    "container_hugetlb_usage_bytes", "container_network_tcp_usage_total", "container_processes",
    "container_sockets", "container_threads", "container_threads_max", "container_ulimits_soft",
)


def sample_families():
    """name -> (type, set of label names), or None without the file."""
    if not os.path.exists(SAMPLE):
        return None
    types, labels = {}, {}
    with open(SAMPLE) as f:
        for line in f:
            if line.startswith("# TYPE"):
                types[line.split()[2]] = line.split()[3]
            elif line.strip() and not line.startswith("#"):
                name = re.match(r"\w+", line).group()
                found = re.findall(r'(\w+)="(?:[^"\\]|\\.)*"', line)
                labels.setdefault(name, set()).update(
                    n for n in found if not n.startswith("container_label_"))
    return {name: (types[name], labels.get(name, set())) for name in types}


def label_names(m, name):
    return {n for s in m.find(name) for n in s.labels if not n.startswith("container_label_")}


def test_every_name_type_and_label_of_cadvisor_is_there_but_the_listed_omissions():
    want = sample_families()
    if want is None:
        skip(f"{SAMPLE} is not there")
    d = docker()
    cid = d.run("parity", ["alloc", "forks", "2"], {"NanoCpus": 500_000_000, "Memory": 64 << 20})
    net = Network(d.pid_of(cid))
    try:
        with Agent({"sample.network_interval": "1s", "sample.disk_interval": "1s",
                    "sample.slow_interval": "1s"}) as a:
            def settled():
                m = a.metrics()
                return all(m.find(n, name="parity") for n in (
                    "container_network_receive_bytes_total", "container_fs_usage_bytes",
                    "container_spec_cpu_quota")) and m
            compare(want, wait_until(settled, 10, "all figures of a container"))
    finally:
        net.close()
        d.remove(cid)


def compare(want, m):
    omitted = dict(OMITTED)
    if not has_memory_v2():
        omitted.update(OMITTED_V1)
    problems = []
    for name, (kind, labels) in sorted(want.items()):
        if name not in m.families or not m.find(name):
            if name not in omitted:
                problems.append(f"{name} is missing")
            continue
        if m.families[name] != kind:
            problems.append(f"{name} is a {m.families[name]}, cAdvisor's a {kind}")
        missing = labels - label_names(m, name)
        more = label_names(m, name) - labels
        if missing or more:
            problems.append(f"{name}: labels missing {sorted(missing)}, beyond {sorted(more)}")
    # What is shown after all is a good surprise only when it is not a constant 0.
    for name in omitted:
        if m.find(name) and not any(s.value for s in m.find(name)) and name in OMITTED:
            problems.append(f"{name} is listed as left out, but shown as 0")
    same(problems, [], "differences from cAdvisor")


def has_memory_v2():
    return any(os.path.exists(f"{t}/cgroup.controllers") and "memory" in
               open(f"{t}/cgroup.controllers").read().split() for t in hierarchies())


def test_what_cadvisor_gets_wrong_is_right_here():
    """Host figures are under id="/" only; times are seconds; no timestamps; no structural zeros."""
    d = docker()
    cid = d.run("better")
    try:
        with Agent() as a:
            wait_until(lambda: a.metrics().find("container_last_seen", name="better"), 3,
                       "the container")
            body = a.get("/metrics").body
            m = Exposition(body)  # refuses timestamps
            for name in ("container_fs_io_time_seconds_total", "container_fs_reads_merged_total",
                         "container_fs_sector_reads_total"):
                same({s.labels["id"] for s in m.find(name)} - {"/"}, set(), name)
            busy = m.total("container_fs_io_time_seconds_total", id="/")
            disks = [line.split() for line in open("/proc/diskstats")]
            truth = sum(int(x[12]) for x in disks if not re.match(r"loop|ram|zram", x[2])) / 1000
            if busy is not None and truth > 10:
                assert truth / 3 < busy < truth * 3, f"{busy} s, the kernel says {truth} s"
            same(m.value("container_last_seen", id="/") is not None, True, 'id="/"')
    finally:
        d.remove(cid)


def test_container_info_has_all_labels_and_other_series_only_allowed_ones():
    d = docker()
    cid = d.run("labelled", Labels={"team": "a", "other.label": "b"})
    try:
        with Agent({"labels.allow": "team"}) as a:
            found = wait_until(lambda: a.metrics().find("container_info", name="labelled"), 3,
                               "container_info")[0]
            same(found.labels.get("container_label_team"), "a", "team in container_info")
            same(found.labels.get("container_label_other_label"), "b",
                 "other.label in container_info")
            seen = a.metrics().find("container_last_seen", name="labelled")[0]
            same({n: v for n, v in seen.labels.items() if n.startswith("container_label_")},
                 {"container_label_team": "a"}, "labels elsewhere")
    finally:
        d.remove(cid)
