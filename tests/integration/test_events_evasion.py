# SPDX-License-Identifier: GPL-2.0-or-later
"""What a process in a container does to stay unseen, and that it is seen nevertheless."""

import os
import struct

from events import Box, agent, box, check, reader, unique
from harness import same, skip, wait_until
from test_events_network import DGRAM, INET, address_words, next_port, sockaddr

CREAT_EXCL_WRONLY = 0o301


def test_a_file_that_is_made_anew_under_an_old_name_is_told_each_time():
    b = box()
    name = f"/mem/{unique('anew')}"
    done = b.doer(*[f"openat -100 s:{name} {CREAT_EXCL_WRONLY} 0600", f"unlink s:{name}"] * 3)
    assert min(done.results) >= 0, done.results
    same(len(done.events("open", open__path=name, open__access=["write", "create"])), 3, "opens")


def test_a_datagram_beside_the_connected_peer_names_its_own():
    b = box()
    port = next_port()
    done = b.doer(f"socket {INET} {DGRAM} 0",
                  ("connect", "%0", *address_words(sockaddr("127.0.0.1", 53))),
                  ("sendto", "%0", "s:x", 1, 0, *address_words(sockaddr("127.0.0.9", port))))
    same(done.results[2], 1, f"sendto in {done.results}")
    check(done.event("send", network__remote__port=port), network__remote__address="127.0.0.9")


def test_a_socket_that_takes_a_standard_descriptors_place_is_told():
    b = box()
    name = struct.pack("=H", 1) + b"\0" + unique("place").encode()
    done = b.doer("socket 1 1 0", ("bind", "%0", *address_words(name)), "listen %0 1",
                  "socket 1 1 0", ("connect", "%3", *address_words(name)),
                  "close 0", "dup %3", "close 0", "72 %3 0 0")  # fcntl(F_DUPFD)
    same([done.results[6], done.results[8]], [0, 0], f"descriptors in {done.results}")
    same(len(done.events("dup", result=0)), 2, "dup and fcntl")


def test_a_name_walked_from_a_namespace_of_its_own_is_the_containers():
    with Box("nested", {"CapAdd": ["SYS_ADMIN", "SYS_CHROOT"],
                        "SecurityOpt": ["seccomp=unconfined", "apparmor=unconfined"],
                        "Tmpfs": {"/mem": ""}}) as b:
        inside = f"/mem/{unique('jail')}"
        done = b.doer(f"mkdir s:{inside} 0755", ("makefile", f"s:{inside}/secret", "s:x"),
                      "unshare 0x20020000", f"chroot s:{inside}", "fork { openat -100 s:/secret 0 }", "wait %4")
        assert done.results[2] == 0, f"unshare: {done.results}"
        child = done.results[4]

        def opened(e):
            return e["type"] == "open" and b.owns(e) and e["open"].get("raw") == "/secret"
        e = reader().wait(opened, f"the open by {child}", after=done.since)
        check(e, open__path=f"{inside}/secret")


def test_a_move_into_a_group_of_the_hosts_tree_leaves_it_a_container():
    if not os.path.isdir("/sys/fs/cgroup/unified"):
        skip("no v2 tree beside v1")
    group = unique("innocent")
    with Box("mover", {"CapAdd": ["SYS_ADMIN"], "CgroupnsMode": "host",
                       "SecurityOpt": ["seccomp=unconfined", "apparmor=unconfined"],
                       "Tmpfs": {"/mem": ""}}) as b:
        done = b.doer("mkdir s:/mem/cg 0755", "mount s:none s:/mem/cg s:cgroup2 0 0",
                      f"mkdir s:/mem/cg/{group} 0755",
                      f"openat -100 s:/mem/cg/{group}/cgroup.procs 1", "write %3 s:0 1",
                      "openat -100 s:/etc/passwd 0", ("makefile", "s:/mem/moved", "s:x"))
        try:
            assert done.results[4] == 1, f"the move: {done.results}"
            e = reader().wait(lambda e: e["type"] == "open"
                              and e["open"].get("path") == "/mem/moved", "what it did then",
                              after=done.since)
            check(e, container__id=b.id)
            e = reader().wait(lambda e: e["type"] == "cgroup_attach"
                              and e["call"].get("name", "").endswith(group), "the move",
                              after=done.since)
            check(e, container__id=b.id)
        finally:
            path = f"/sys/fs/cgroup/unified/{group}"
            wait_until(lambda: not os.path.isdir(path) or os.rmdir(path) is None, 8, "its removal")
    assert agent().process.poll() is None
