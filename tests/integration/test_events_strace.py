# SPDX-License-Identifier: GPL-2.0-or-later
"""One workload in a container seen by strace and by bulkhead: the same set of executions, opens,
connects and unlinks. A line of strace is the call as it was passed and what it returned; an event
has both too, so that what was asked can be compared word by word."""

import os
import re
import subprocess

from events import STRONG, Box, brief, reader, unique
from harness import need, wait_until
from runtimes import docker
from session import read_text, session

CALLS = "execve,execveat,open,openat,openat2,creat,unlink,unlinkat,rmdir,connect"
# PID NAME(ARGUMENTS) = RESULT; names in angle brackets belong to descriptors.
LINE = re.compile(r"^(\d+)\s+(\w+)\((.*)\)\s+= (-?\d+)(?:<.*>)?(?: (E\w+))?")
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"(\.\.\.)?')

WORKLOAD = r"""
cd /mem
/bin/doer deep 3 s:a%s , openat -100 s:file 0101 0600
ln -s /etc link
cat link/passwd ./missing 2>/dev/null
cat /proc/self/root/etc/passwd /mem/../etc/hostname
/bin/busybox ls /bin /nonexistent >/dev/null 2>&1
echo one > out; echo two >> out; : > out2; rm out out2 gone 2>/dev/null
for i in 1 2 3; do /bin/true $i; done
(exec /bin/busybox true inner)
/nonexistent/program 2>/dev/null
echo 'exit 0' > script; chmod 755 script; ./script
printf '#!/bin/sh\n/bin/true from-script\n' > script2; chmod 755 script2; ./script2
/bin/doer openat -100 's:odd\n"\xff' 0101 0600 , unlink 's:odd\n"\xff' , unlinkat -100 s:nothing 0
/bin/doer socket 1 1 0 , connect %%0 x:01002f6e6f6e65786973742f73 13
/bin/doer socket 2 1 0 , connect %%0 x:0200000a7f0000010000000000000000 16
/bin/doer socket 2 2 0 , connect %%0 x:020000357f0000010000000000000000 16
/bin/doer --thread openat -100 s:/etc/passwd 0 , execve s:/bin/true 'v:true|thread' v:
mkdir dir; rmdir dir; mv script moved; unlink moved
exit 0
"""


def unescape(text):
    """A string as strace -xx prints it: every byte is \\xNN."""
    return bytes(int(x, 16) for x in re.findall(r"\\x([0-9a-f]{2})", text))


def shown(raw):
    return raw.decode("utf-8", "replace")


def joined(text):
    """Lines of strace with a call that was interrupted by another task's put together again."""
    waiting = {}
    for line in text.splitlines():
        m = re.match(r"^(\d+)\s+(.*)", line)
        if not m:
            continue
        pid, rest = m.groups()
        changed = re.search(r"<pid changed to (\d+) \.\.\.>$", rest)
        if changed:  # a thread becomes the process
            waiting[changed.group(1)] = rest[:changed.start()].rstrip()
            continue
        if rest.endswith("<unfinished ...>"):
            waiting[pid] = rest[:-len("<unfinished ...>")].rstrip()
        elif rest.startswith("<... "):
            tail = re.sub(r"^<\.\.\. \w+ resumed>", "", rest)
            yield f"{pid} {waiting.pop(pid, '')}{tail}"
        else:
            yield line


def squeezed(text):
    """One sign for a run of wrong bytes: both ways to replace them are usual."""
    return re.sub("\ufffd+", "\ufffd", text)


def of_strace(text):
    """Sets of what was called: {kind: {(what, result name or "ok")}}."""
    found = {"exec": set(), "open": set(), "unlink": set(), "rmdir": set(), "connect": set()}
    for line in joined(text):
        m = LINE.match(line)
        if not m:
            continue
        _, name, arguments, _, error = m.groups()
        strings = [(squeezed(shown(unescape(s))), cut) for s, cut in STRING.findall(arguments)]
        first = strings[0][0] if strings else ""
        how = error or "ok"
        if name.startswith("exec"):
            words = re.search(r"\[(.*?)\], 0x", arguments)
            args = tuple(squeezed(shown(unescape(s))) for s, _ in STRING.findall(
                words.group(1))) if words else ()
            found["exec"].add((first, args, how))
        elif name.startswith("unlink"):
            found["unlink"].add((first, how))
        elif name == "rmdir":
            found["rmdir"].add((first, how))
        elif name == "connect":
            found["connect"].add((connect_target(arguments), how))
        else:
            found["open"].add((first, how))
    return found


def connect_target(arguments):
    port = re.search(r"sin_port=htons\((\d+)\)", arguments)
    if port:
        address = STRING.search(arguments)
        return f"{shown(unescape(address.group(1)))}:{port.group(1)}"
    path = re.search(r'sun_path="([^"]*)"', arguments)
    return shown(unescape(path.group(1))) if path else arguments


def of_events(events):
    found = {"exec": set(), "open": set(), "unlink": set(), "rmdir": set(), "connect": set()}
    for e in events:
        how = e.get("error", "ok")
        if e["type"] == "exec":
            args = tuple(squeezed(a) for a in e["exec"].get("args", []))
            if e["exec"].get("script"):
                # strace sees what was asked; the event, what the interpreter got. The difference
                # is the interpreter (with at most one argument) and the name of the script.
                at = args.index(e["exec"]["filename"]) if e["exec"]["filename"] in args else 1
                args = (None, *args[at + 1:])
            found["exec"].add((e["exec"].get("filename", ""), args, how))
        elif e["type"] == "open":
            found["open"].add((squeezed(e["open"].get("raw", "")), how))
        elif e["type"] in ("unlink", "rmdir"):
            found[e["type"]].add((squeezed(e["path"].get("raw", "")), how))
        elif e["type"] == "connect":
            r = e["network"].get("remote", {})
            found["connect"].add((r.get("path") or f"{r.get('address')}:{r.get('port')}", how))
    return found


def without_script_names(found, scripts):
    """argv[0] of a script is lost in the kernel: it is not compared."""
    return {(f, (None, *a[1:]) if f in scripts and h == "ok" else a, h) for f, a, h in found}


def traced(b, script):
    """Runs the script in the container under strace; returns strace's text and the events."""
    first = docker().pid_of(b.id)
    log = os.path.join(session.temp("strace"), "log")
    strace = subprocess.Popen(["strace", "-f", "-xx", "-s", "8192", "-e", f"trace={CALLS}",
                               "-e", "signal=none", "-o", log, "-p", str(first)],
                              stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    session.at_end(strace.kill)
    wait_until(lambda: f"TracerPid:\t{strace.pid}" in read_text(f"/proc/{first}/status"), 5,
               "strace is attached")
    since = reader().mark()
    done = b.run(*script, timeout=60)
    strace.terminate()
    strace.wait(10)
    done.of()
    # Orphans apart, the shell waits for all that it started.
    mine = [e for e in reader().events[since:] if b.owns(e)]
    return read_text(log), mine, done


def compare(text, events, ignore=()):
    seen, told = of_strace(text), of_events(events)
    scripts = {e["exec"]["filename"] for e in events if e["type"] == "exec"
               and e["exec"].get("script")}
    for f in (seen, told):
        f["exec"] = without_script_names(f["exec"], scripts)
    wrong = []
    for kind in seen:
        # What `doer serve` opens for the output is the test's own.
        a = {x for x in seen[kind] if not x[0].startswith("/ctl/") and x[0] not in ignore}
        b = {x for x in told[kind] if not x[0].startswith("/ctl/") and x[0] not in ignore}
        wrong += [f"{kind}: strace alone: {x}" for x in sorted(a - b, key=str)]
        wrong += [f"{kind}: bulkhead alone: {x}" for x in sorted(b - a, key=str)]
    assert len(seen["exec"]) > 10 and len(seen["open"]) > 10, f"strace saw {seen}"
    assert not wrong, "\n  ".join(["they differ:", *wrong])


def test_strace_and_bulkhead_see_the_same_of_a_busybox_shell():
    need("strace")
    with Box("strace", {**STRONG, "Tmpfs": {"/mem": "rw,exec"}}) as b:
        b.doer("mkdir s:/mem/bin 0755")
        script = f"PATH=/bin; ln() {{ /bin/busybox ln \"$@\"; }}; {WORKLOAD % unique('d')}"
        for applet in ("chmod", "rmdir", "mv", "unlink", "printf"):
            script = re.sub(rf"(^|; ){applet} ", rf"\1/bin/busybox {applet} ", script, flags=re.M)
        text, events, done = traced(b, ["/bin/sh", "-c", script])
        compare(text, events)
        assert os.WEXITSTATUS(done.status) == 0, done.output
        assert not [e for e in events if "cut" in e.get("flags", ())], brief(events[0])


def test_strace_and_bulkhead_see_the_same_of_dash_and_programs_with_libraries():
    need("strace", "dash")
    binds = ["/usr:/usr:ro", "/etc/ld.so.cache:/etc/ld.so.cache:ro"]
    with Box("dash", {**STRONG, "Tmpfs": {"/mem": "rw,exec"}}, binds=binds) as b:
        b.doer("symlink s:usr/lib64 s:/lib64", "symlink s:usr/lib s:/lib")
        text, events, done = traced(b, ["PATH=/usr/bin:/bin", "/usr/bin/dash", "-c",
                                        WORKLOAD % unique("d")])
        compare(text, events)
        assert os.WEXITSTATUS(done.status) == 0, done.output
