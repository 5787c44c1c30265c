# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of baselines share: an agent that learns in seconds, what it knows and tells, and
an image whose containers do what they are told."""

import json
import subprocess
import urllib.parse

from harness import CLIENT, Timeout, wait_until
from rules_at_work import Judged, Place, image
from runtimes import once

# A window is a second, an image is learned after some twenty of them.
QUICK = {"baseline.enabled": "true", "baseline.window": "1s", "baseline.startup": "3s",
         "baseline.windows_without_news": "20", "baseline.minimum_time": "5s",
         "baseline.minimum_containers": "1", "baseline.upgrade_time": "2s",
         "baseline.notice_time": "0s", "baseline.digest": "0s", "baseline.save_interval": "1s",
         "anomaly.interval": "1s", "sample.network_interval": "1s", "sample.slow_interval": "1s",
         "sample.process_interval": "1s"}
SPARE = ("/usr/bin/touch", "/usr/bin/id", "/usr/bin/tac", "/usr/bin/nl", "/usr/bin/env", "/usr/bin/expr")


@once
def place_image():
    """Programs that never run while it is learned are in it."""
    return image("bhtest/learned:1", files={
        "/etc/shadow": "root:*:19000:0:99999:7:::\n", "/root/.ssh/id_rsa": "no key\n",
        "/run/secrets/token": "no token\n", "/etc/app.conf": "setting=1\n",
        "/srv/app/run.sh": "#!/bin/dash\nexit 0\n", "/srv/app/other.sh": "#!/bin/dash\nexit 0\n",
        "/srv/app/data.txt": "data\n"}, programs=("/bin/dash", *SPARE))


class Learning(Judged):
    """An agent that keeps baselines, and its alerts."""

    def __init__(self, *rules, **settings):
        super().__init__(*rules, **{**QUICK, **settings})

    def api(self, path="", **query):
        words = urllib.parse.urlencode(query)
        return self.agent.json(f"/api/v1/baselines{path}{'?' if words else ''}{words}")

    def baseline(self, image_name):
        return self.api(image=image_name)

    def mode(self, image_name):
        return self.baseline(image_name)["mode"]

    def cli(self, *words, check=True, text=None):
        done = subprocess.run([CLIENT, "baseline", *words, "--socket",
                               f"{self.agent.run_dir}/bulkhead.sock"], capture_output=True,
                              text=True, input=text)
        assert not check or done.returncode == 0, \
            f"bulkhead baseline {words}: {done.returncode}: {done.stdout}{done.stderr}"
        return done

    def until_mode(self, image_name, mode, timeout=60, keep=lambda: None):
        """Waits for a mode, and lets the image be what it is meanwhile."""
        def there():
            keep()
            return self.mode(image_name) == mode
        try:
            wait_until(there, timeout, f"{image_name} in mode {mode}", step=0.3)
        except Timeout as why:
            raise AssertionError(f"{why}: {json.dumps(self.baseline(image_name)['maturity'])}") \
                from None

    def deviation(self, rule, since, cid, entry=None, timeout=10):
        def fits(a):
            facts = {f["name"]: f["value"] for f in a["evidence"]}
            return "learned" not in facts and (entry is None or entry in facts.get("entry", ""))
        try:
            return self.wait(rule, since, cid, timeout, fits)
        except AssertionError as why:
            told = [(a["title"], a["severity"], {f["name"]: f["value"] for f in a["evidence"]})
                    for a in self.alerts(since) if a["kind"] == "baseline"]
            raise AssertionError(f"{why}: {told}") from None


def facts(alert):
    return {f["name"]: f["value"] for f in alert["evidence"]}


def usual_work(box):
    """What the image does all day: the same programs, files, peers, each time a little different."""
    box.run("/bin/busybox", "ls", "/etc")
    box.doer("openat -100 s:/srv/app/data.txt 0", "openat -100 s:/tmp/work-1.tmp 0101 0644",
             "unlink s:/tmp/work-1.tmp")
    box.run("/bin/dash", "/srv/app/run.sh")


__all__ = ["Learning", "Place", "facts", "place_image", "usual_work"]
