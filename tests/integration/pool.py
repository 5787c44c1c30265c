#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A mining pool that is none: answers each dialect as a pool does, on any TCP port that it is given,
and is a proxy to itself (HTTP CONNECT, SOCKS 5). On UDP port 53 it answers every name.

    pool.py ADDRESS PORT...

A connection that begins with anything else (TLS) gets a short record every two seconds. Prints
"ready" when it listens."""

import json
import os
import selectors
import socket
import struct
import sys
import threading
import time

JOB = {"blob": "0e0e" + "ab" * 74, "job_id": "4BiGm3/RgGQzgkTI/xV0smdA+EGZ", "target": "b88d0600",
       "algo": "rx/0", "height": 2861000, "seed_hash": "cd" * 32}


def line(**message):
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def answer(m):
    """What a pool says to one message."""
    method, number = m.get("method"), m.get("id")
    if method == "login" and "login" in m["params"]:
        return line(id=number, jsonrpc="2.0", error=None,
                    result={"id": "a1b2", "job": JOB, "status": "OK"})
    if method in ("submit", "keepalived"):
        return line(id=number, jsonrpc="2.0", error=None, result={"status": "OK"})
    if method == "mining.subscribe":
        return line(id=number, error=None, result=[
            [["mining.set_difficulty", "b4b6"], ["mining.notify", "ae68"]], "08000002", 4]) + \
            line(id=None, method="mining.set_difficulty", params=[8]) + \
            line(id=None, method="mining.notify", params=["bf", "4d16" * 16, "01", "ffff", [],
                                                          "00000002", "1c2a", "504e", False])
    if method == "eth_getWork":
        return line(id=number, jsonrpc="2.0", result=["0x" + "12" * 32] * 3)
    return line(id=number, result=True, error=None)


def proxied(data):
    """(bytes of the proxy's own words, what is said to them); (0, b""): there are none."""
    if data.startswith(b"CONNECT ") and b"\r\n\r\n" in data:
        return data.index(b"\r\n\r\n") + 4, b"HTTP/1.1 200 Connection established\r\n\r\n"
    if data[:1] == b"\5" and len(data) >= 3:
        if data[:3] == b"\5\1\0" and len(data) == 3:
            return 3, b"\5\0"
        if data[:2] == b"\5\1" and len(data) >= 10:
            n = 5 + data[4] + 2 if data[3] == 3 else 10
            return n, b"\5\0\0\1\0\0\0\0\0\0"
    return 0, b""


class Client(threading.Thread):
    def __init__(self, connection):
        super().__init__(daemon=True)
        self.connection, self.data = connection, b""

    def take(self):
        while True:
            used, said = proxied(self.data)
            if not used:
                break
            self.data = self.data[used:]
            self.connection.sendall(said)
        if self.data[:1] not in (b"{", b""):
            self.data = b""
            return True
        while b"\n" in self.data:
            text, _, self.data = self.data.partition(b"\n")
            if text.strip():
                self.connection.sendall(answer(json.loads(text)))
        return False

    def run(self):
        opaque, last = False, time.monotonic()
        self.connection.settimeout(0.5)
        try:
            while True:
                try:
                    data = self.connection.recv(4096)
                    if not data:
                        return
                    self.data += data
                    opaque |= self.take()
                except socket.timeout:
                    pass
                if opaque and time.monotonic() - last > 2:
                    last = time.monotonic()
                    self.connection.sendall(b"\x17\3\3\0\x78" + os.urandom(120))
        except (OSError, ValueError):
            pass
        finally:
            self.connection.close()


def dns_answer(query, address):
    """The question's name has this address; "alias.*" is another name for pool.supportxmr.com."""
    end, name = 12, []
    while query[end]:
        name.append(query[end + 1:end + 1 + query[end]])
        end += 1 + query[end]
    end += 5
    a = struct.pack(">HHIH", 1, 1, 60, 4) + socket.inet_aton(address)
    if name[0] != b"alias":
        return query[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + query[12:end] + b"\xc0\x0c" + a
    target = b"\4pool\nsupportxmr\3com\0"
    at = end + 12
    return query[:2] + b"\x81\x80\0\1\0\2\0\0\0\0" + query[12:end] + b"\xc0\x0c" + \
        struct.pack(">HHIH", 5, 1, 60, len(target)) + target + \
        struct.pack(">H", 0xc000 | at) + a


def main():
    address, ports = sys.argv[1], [int(p) for p in sys.argv[2:]]
    watch = selectors.DefaultSelector()
    for port in ports:
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((address, port))
        s.listen(64)
        watch.register(s, selectors.EVENT_READ, True)
    dns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    dns.bind((address, 53))
    watch.register(dns, selectors.EVENT_READ, False)
    print("ready", flush=True)
    while True:
        for key, _ in watch.select():
            if key.data:
                Client(key.fileobj.accept()[0]).start()
                continue
            query, sender = dns.recvfrom(1024)
            try:
                dns.sendto(dns_answer(query, address), sender)
            except IndexError:
                pass


if __name__ == "__main__":
    main()
