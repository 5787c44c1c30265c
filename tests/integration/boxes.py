# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of docker containers share: one agent that looks often, a container in `with`."""

import secrets
import subprocess

from exposition import Exposition
from harness import Agent, wait_until
from runtimes import docker, once

MIB = 1 << 20


@once
def agent():
    docker()
    return Agent({"sample.network_interval": "1s", "sample.slow_interval": "1s",
                  "sample.process_interval": "1s", "sample.disk_interval": "1s"})


class Running:
    """A container for the length of a `with` block."""

    def __init__(self, name, command=None, host=None, **config):
        self.name = f"{name}-{secrets.token_hex(3)}"
        self.parent = (host or {}).get("CgroupParent", "/docker")
        self.make = lambda: docker().run(self.name, command, host, **config)

    def __enter__(self):
        self.id = self.make()
        self.path = f"{self.parent}/{self.id}"
        return self

    def __exit__(self, *why):
        docker().remove(self.id)

    def seen(self, timeout=3):
        """Waits until it is listed with its metadata and a first sample, returns that."""
        def there():
            c = agent().containers().get(self.id)
            return c and c["name"] == self.name and c.get("sample") and c
        return wait_until(there, timeout, f"{self.name} in the list of containers")


def ended(cid, of=None):
    return (of or agent()).containers("?ended=1").get(cid)


def promtool_reads(a):
    """Both promtool and our strict reader take what /metrics says."""
    body = a.get("/metrics", token=None).body
    done = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True)
    assert done.returncode in (0, 3), f"promtool: {done.stderr.decode(errors='replace')[:2000]}"
    Exposition(body)
