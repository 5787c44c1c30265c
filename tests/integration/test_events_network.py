# SPDX-License-Identifier: GPL-2.0-or-later
"""Network events: sockets, who connects where, what the first bytes were."""

import base64
import os

from events import (WAYS, Box, address_words, box, brief, check, check_way, hex_of,
                    reader, sockaddr, unique, unix_address)
from harness import same, wait_until
from runtimes import Network, docker, once
from session import session

INET, INET6, UNIX, NETLINK, PACKET = 2, 10, 1, 16, 17
STREAM, DGRAM, RAW, CLOEXEC = 1, 2, 3, 0o2000000
SOCKET_WAYS = WAYS + (("--socketcall",), ("--socketcall", "--thread"))
_port = [20000]


def next_port():
    _port[0] += 1
    return _port[0]


def told(done, kind, way, **wanted):
    e = done.event(kind, **wanted)
    check(e, **{"class": "network"}, container__id=done.box.id, process__exe="/bin/doer")
    check_way(e, way)
    return e


def test_a_socket_is_told_with_family_type_and_protocol():
    with Box("raw", {"CapAdd": ["NET_RAW"]}) as b:
        for way in SOCKET_WAYS:
            done = b.doer(f"socket {INET} {STREAM | CLOEXEC} 0", f"socket {INET6} {DGRAM} 17",
                          f"socket {UNIX} {STREAM} 0", f"socket {NETLINK} {RAW} 0",
                          f"socket {PACKET} {RAW} 0", f"socket {INET} {RAW} 1", "socket 99 1 0",
                          flags=way)
            for at, (family, kind, protocol) in enumerate((
                    ("inet", "stream", 6), ("inet6", "dgram", 17), ("unix", "stream", 0),
                    ("netlink", "raw", 0), ("packet", "raw", 0), ("inet", "raw", 1))):
                e = told(done, "socket", way, network__family=family, network__type=kind)
                same(e["result"], done.results[at], f"descriptor in {brief(e)}")
                check(e, network__protocol=protocol, network__fd=done.results[at])
            check(told(done, "socket", way, result=-97), error="EAFNOSUPPORT")


def tcp_pair(family, address, port):
    at = sockaddr(address, port)
    return [f"socket {family} {STREAM} 0", ("bind", "%0", *address_words(at)), "listen %0 5",
            f"socket {family} {STREAM} 0", ("connect", "%3", *address_words(at)),
            "accept4 %0 b:64 " + "x:40000000" + " 0"]


def test_a_tcp_connection_is_told_by_both_ends():
    b = box()
    for way in SOCKET_WAYS:
        for family, name, address in ((INET, "inet", "127.0.0.1"), (INET6, "inet6", "::1")):
            port = next_port()
            done = b.doer(*tcp_pair(family, address, port), "port %3", flags=way)
            if family == INET6 and done.results[1] == -99:
                continue  # no IPv6 on this machine
            assert min(done.results) >= 0, done.output
            mine = done.results[6]
            net_ns = os.stat(f"/proc/{docker().pid_of(b.id)}/ns/net").st_ino
            check(told(done, "bind", way, network__local__port=port), result=0,
                  network__family=name, network__local__address=address, network__type="stream",
                  network__fd=done.results[0])
            check(told(done, "listen", way), result=0, network__backlog=5,
                  network__local__port=port, network__fd=done.results[0])
            check(told(done, "connect", way), result=0, network__family=name,
                  network__type="stream", network__remote__address=address,
                  network__remote__port=port, network__local__address=address,
                  network__local__port=mine, network__fd=done.results[3],
                  network__net_ns=net_ns)
            check(told(done, "accept", way), result=done.results[5], network__family=name,
                  network__local__port=port, network__remote__port=mine,
                  network__remote__address=address)


def test_a_connection_that_is_refused_or_in_progress_is_told():
    b = box()
    for way in SOCKET_WAYS:
        port = next_port()
        at = sockaddr("127.0.0.1", port)
        done = b.doer(f"socket {INET} {STREAM} 0", ("connect", "%0", *address_words(at)), flags=way)
        same(done.results[1], -111, "connect")
        check(told(done, "connect", way), error="ECONNREFUSED", result=-111,
              network__remote__port=port, network__remote__address="127.0.0.1")
        far = sockaddr("192.0.2.1", port)  # no route: the container has loopback alone
        done = b.doer(f"socket {INET} {STREAM} 0", ("connect", "%0", *address_words(far)),
                      flags=way)
        check(told(done, "connect", way), result=done.results[1], error="ENETUNREACH",
              network__remote__address="192.0.2.1", network__remote__port=port)


def test_udp_is_told_by_connect_and_by_each_new_peer_of_a_send():
    b = box()
    for way in SOCKET_WAYS:
        port = next_port()
        to = [sockaddr("127.0.0.1", port + i) for i in range(3)]
        done = b.doer(f"socket {INET} {DGRAM} 0", ("connect", "%0", *address_words(to[0])),
                      f"socket {INET} {DGRAM} 0",
                      ("sendto", "%2", "s:hello", 5, 0, *address_words(to[1])),
                      ("sendmsg", "%2", f"m:{to[2].hex()}:{b'hi'.hex()}", 0), flags=way)
        _port[0] += 3
        same(done.results[1::2] + done.results[4:], [0, 5, 2], f"results {done.results}")
        check(told(done, "connect", way), network__type="dgram", network__remote__port=port,
              network__remote__address="127.0.0.1", result=0)
        for i, n in ((1, 5), (2, 2)):
            check(told(done, "send", way, network__remote__port=port + i), network__type="dgram",
                  network__remote__address="127.0.0.1", network__family="inet", result=n,
                  network__fd=done.results[2])


def test_what_is_received_is_told_only_where_somebody_asks():
    b = box()
    port = next_port()
    at = sockaddr("127.0.0.1", port)
    done = b.doer(f"socket {INET} {DGRAM} 0", ("bind", "%0", *address_words(at)),
                  ("sendto", "%0", "s:x", 1, 0, *address_words(at)), "recvfrom %0 b:16 16 0 0 0")
    same(done.results[3], 1, f"recvfrom in {done.results}")
    done.none("recv")


def test_unix_sockets_are_told_by_path_and_by_abstract_name():
    b = box()
    for way in SOCKET_WAYS:
        name = unique("sock")
        path = unix_address(f"/mem/{name}") + b"\0"
        hidden = unix_address(b"\0" + name.encode())
        for at, shown in ((path, f"/mem/{name}"), (hidden, f"@{name}")):
            done = b.doer(f"socket {UNIX} {STREAM} 0", ("bind", "%0", *address_words(at)),
                          "listen %0 3", f"socket {UNIX} {STREAM} 0",
                          ("connect", "%3", *address_words(at)), "accept4 %0 0 0 0", flags=way)
            assert min(done.results) >= 0, done.output
            check(told(done, "bind", way), network__family="unix", network__local__path=shown)
            check(told(done, "listen", way), network__local__path=shown, network__backlog=3)
            check(told(done, "connect", way), network__remote__path=shown, result=0,
                  network__type="stream")
            check(told(done, "accept", way), network__family="unix", network__local__path=shown,
                  result=done.results[5])
        none = unix_address(f"/mem/no/{name}") + b"\0"
        done = b.doer(f"socket {UNIX} {DGRAM} 0", ("connect", "%0", *address_words(none)),
                      ("sendto", "%0", "s:x", 1, 0, *address_words(none)), flags=way)
        check(told(done, "connect", way), error="ENOENT", network__remote__path=f"/mem/no/{name}")


def test_a_unix_path_ends_where_the_call_says():
    name = f"/mem/{unique('short')}".encode()
    done = box().doer("socket 1 1 0", ("connect", "%0", hex_of(unix_address(name)), len(name)))
    same(done.results[1], -2, "connect")  # the length left out the last two bytes
    check(told(done, "connect", ()), network__remote__path=name[:-2].decode())


def test_a_loopback_flow_ends_with_its_bytes():
    b = box()
    port = next_port()
    done = b.doer(*tcp_pair(INET, "127.0.0.1", port), "write %3 s:hello 5", "read %5 b:16 16",
                  "write %5 s:good-bye 8", "read %3 b:16 16", "port %3", "close %3",
                  "close %5", "close %0")
    same(done.results[6:10], [5, 5, 8, 8], "bytes")
    done.of()
    e = reader().wait(lambda e: e["type"] == "flow_end" and b.owns(e)
                      and e["network"].get("remote", {}).get("port") == port, "the client's end",
                      after=done.since)
    check(e, network__local__port=done.results[10], network__tx_bytes=5,
          network__rx_bytes=8, network__duration_seconds=lambda s: s >= 0,
          network__direction="out", network__owner__pid=lambda p: p > 1,
          network__local__address="127.0.0.1", network__family="inet")


# --- over a wire: what the programs at the socket buffers see ------------------------------------

SERVER = """
import socket, sys, threading
tcp = socket.create_server(("{address}", 8443)); udp = socket.socket(type=socket.SOCK_DGRAM)
udp.bind(("{address}", 53))
def answer():
    while True:
        q, peer = udp.recvfrom(2048)
        udp.sendto(q[:2] + b"\\x81\\x80\\0\\1\\0\\1\\0\\0\\0\\0" + q[12:]
                   + b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\x3c\\0\\4\\xc0\\0\\2\\7", peer)
threading.Thread(target=answer, daemon=True).start()
print("ready", flush=True)
while True:
    c, _ = tcp.accept()
    got = c.recv(65536); c.sendall(b"answer:" + got[:9]); c.recv(1); c.close()
"""


class Wired:
    """A container with a wire to a namespace where a server answers."""

    def __init__(self):
        self.box = Box("wired", {"Tmpfs": {"/mem": ""}})
        self.net = Network(docker().pid_of(self.box.id))
        session.at_end(self.net.close)
        log = os.path.join(session.temp("server"), "log")
        # The address is there before the link is up: a server may take it at once.
        self.net.start("python3", "-c", SERVER.format(address=Network.ADDRESS), log=log)
        wait_until(lambda: "ready" in open(log).read(), 10, f"the server, see {log}")


@once
def wired():
    return Wired()


HELLO = bytes.fromhex("160301002f0100002b0303") + bytes(32) + bytes.fromhex("000002002f0100")


def payloads(e):
    p = e["network"].get("payload", {})
    return base64.b64decode(p.get("base64", ""))


def test_the_first_bytes_of_each_direction_and_the_end_of_a_flow_are_told():
    b = wired().box
    at = sockaddr(Network.ADDRESS, 8443)
    told = []
    for data in (b"GET / HTTP/1.0\r\nHost: example\r\n\r\n", HELLO, bytes(range(256)) * 4):
        done = b.doer(f"socket {INET} {STREAM} 0", ("connect", "%0", *address_words(at)),
                      ("write", "%0", hex_of(data), len(data)), "read %0 b:64 64", "port %0",
                      "shutdown %0 1", "close %0")
        assert min(done.results) >= 0, done.output
        port = done.results[4]

        def flow(e):
            return e["type"] in ("payload", "flow_end") and \
                e["network"].get("local", {}).get("port") == port
        done.of()
        out = reader().wait(lambda e: flow(e) and e["type"] == "payload"
                            and e["network"].get("direction") == "out", "what was sent",
                            after=done.since)
        same(payloads(out), data[:256], brief(out))
        told.append((done.event("connect")["process"]["pid"], out))
        check(out, container__id=b.id, network__remote__address=Network.ADDRESS,
              network__remote__port=8443, network__local__address=Network.PEER,
              network__family="inet", network__type="stream")
        back = reader().wait(lambda e: flow(e) and e["type"] == "payload"
                             and e["network"].get("direction") == "in", "what came",
                             after=done.since)
        same(payloads(back), b"answer:" + data[:9], brief(back))
        end = reader().wait(lambda e: e["type"] == "flow_end" and b.owns(e)
                            and e["network"]["remote"].get("port") == 8443, "the end",
                            after=done.since)
        check(end, network__tx_bytes=len(data), network__rx_bytes=7 + min(9, len(data)),
              network__direction="out", container__id=b.id, network__local__port=port,
              network__owner__pid=done.event("connect")["process"]["pid"])
        same(out["network"]["cookie"], back["network"]["cookie"], "cookies of one flow")
    for pid, out in told:
        check(out, network__offset=lambda n: not n, network__owner__pid=pid)


def test_the_containers_own_dns_answers_are_told():
    b = wired().box
    at = sockaddr(Network.ADDRESS, 53)
    name = unique("host")
    query = b"\x12\x34\x01\x00\0\1\0\0\0\0\0\0" + bytes([len(name)]) + name.encode() + \
        b"\7example\0\0\1\0\1"
    done = b.doer(f"socket {INET} {DGRAM} 0",
                  ("sendto", "%0", hex_of(query), len(query), 0, *address_words(at)),
                  "recvfrom %0 b:512 512 0 0 0")
    assert done.results[2] > len(query), done.output
    e = reader().wait(lambda e: e["type"] == "dns" and name.encode() in payloads(e), "the answer",
                      after=done.since)
    check(e, container__id=b.id, network__remote__port=53, network__type="dgram",
          network__remote__address=Network.ADDRESS, network__direction="in")
    same(payloads(e)[:2], b"\x12\x34", "id of the answer")


def test_bytes_of_a_container_are_counted_without_loopback():
    from events import agent
    b = wired().box

    def sent():
        return agent().metrics().total("bulkhead_container_network_transmit_bytes_total",
                                       id=f"/docker/{b.id}") or 0
    before = sent()
    at = sockaddr(Network.ADDRESS, 8443)
    b.doer(f"socket {INET} {STREAM} 0", ("connect", "%0", *address_words(at)),
           ("write", "%0", "b:200000", 20000), "read %0 b:64 64")
    wait_until(lambda: sent() - before >= 20000, 8, "20,000 bytes in the metrics")
    after = sent()
    assert after - before < 24000, f"{after - before} bytes for 20,000"
    port = next_port()
    b.doer(*tcp_pair(INET, "127.0.0.1", port), "write %3 b:60000 60000")
    wait_until(lambda: sent() >= after, 3, "a later reading")
    assert sent() - after < 2000, "loopback is not counted"
