# SPDX-License-Identifier: GPL-2.0-or-later
"""File events: which file, as it was asked for and as the kernel resolved it."""

import os
import struct

from events import (ANY, AT_FDCWD, WAYS, Box, box, brief, check, check_way, reader, strong_box,
                    unique)
from harness import same

RDONLY, WRONLY, RDWR, CREAT, EXCL, TRUNC = 0, 1, 2, 0o100, 0o200, 0o1000
NOFOLLOW, DIRECTORY, OPATH, TMPFILE = 0o400000, 0o200000, 0o10000000, 0o20200000


def opened(done, way=(), **wanted):
    e = done.event("open", **wanted)
    check(e, **{"class": "file"}, container__id=done.box.id, process__ns_pid=done.pid)
    check_way(e, way)
    return e


# --- open ---------------------------------------------------------------------------------------

def test_an_open_tells_path_access_and_file():
    b = box()
    for way in WAYS:
        name = f"/mem/{unique('open')}"
        done = b.doer(f"openat -100 s:{name} {CREAT | EXCL | RDWR} 0640", f"inode s:{name}",
                      flags=way)
        inode = done.results[1]
        e = opened(done, way, open__path=name)
        check(e, open__raw=name, open__access=lambda a: sorted(a) == ["create", "read", "write"],
              open__flags=lambda f: f & (CREAT | EXCL | RDWR) == CREAT | EXCL | RDWR,
              open__mode=lambda m: int(m, 8) == 0o640, open__dirfd=AT_FDCWD, open__base=None,
              result=done.results[0], error=None,
              file__inode=inode, file__fs="tmpfs", file__foreign=True, file__upper=None,
              file__overlay=None, file__uid=0, file__gid=0, file__links=1,
              file__mode=lambda m: int(m, 8) & ~0o22 == 0o100640 & ~0o22, file__mount_id=ANY,
              file__device=lambda x: x.startswith("0:"))
        done = b.doer(f"openat -100 s:{name} {WRONLY | TRUNC}", flags=way)
        check(opened(done, way, open__path=name),
              open__access=lambda a: sorted(a) == ["truncate", "write"])
        done = b.doer(f"openat -100 s:{name} {RDONLY}", flags=way)
        check(opened(done, way, open__path=name), open__access=["read"])


def test_every_call_that_opens_is_seen():
    b = box()
    how = struct.pack("=QQQ", RDONLY, 0, 0x08)  # RESOLVE_BENEATH
    for way in WAYS:
        name = f"/mem/{unique('calls')}"
        done = b.doer(f"creat s:{name} 0600", flags=way)
        e = opened(done, way, open__path=name)
        check(e, open__access=lambda a: "write" in a and "create" in a and "truncate" in a
              or a == ["write", "create"], result=done.results[0])
        done = b.doer(f"open s:{name} {WRONLY}", flags=way)
        check(opened(done, way, open__path=name), open__access=["write"], open__dirfd=AT_FDCWD)
        done = b.doer("openat -100 s:/mem 0200000",
                      ("openat2", "%0", f"s:{name[5:]}", "x:" + how.hex(), 24), flags=way)
        same(len([r for r in done.results if r < 0]), 0, f"failures in {done.results}")
        check(opened(done, way, open__path=name), open__raw=name[5:], open__resolve=8,
              open__dirfd=done.results[0], open__access=["read"])
        done = b.doer(f"openat -100 s:{name} {OPATH}", flags=way)
        e = done.events("open", open__path=name)  # a mere reference: told without access, or not
        assert all("write" not in x["open"].get("access", []) for x in e), brief(e[0])


def test_an_open_that_fails_is_told_with_its_error():
    b = box()
    for way in WAYS:
        loop = f"/mem/{unique('loop')}"
        done = b.doer("openat -100 s:/nonexistent/file 0", f"symlink s:{loop} s:{loop}",
                      f"openat -100 s:{loop} {RDWR}", "openat -100 s:/bin 1",
                      f"openat -100 s:/etc/passwd {CREAT | EXCL | WRONLY} 0600",
                      "chdir s:/etc", "openat -100 s:missing 0", flags=way)
        same(done.results, [-2, 0, -40, -21, -17, 0, -2], "results")
        for raw, error, number in (("/nonexistent/file", "ENOENT", -2), (loop, "ELOOP", -40),
                                   ("/bin", "EISDIR", -21), ("/etc/passwd", "EEXIST", -17)):
            e = opened(done, way, open__raw=raw)
            # What was asked for, joined: no object of the kernel stands behind it.
            check(e, error=error, result=number, open__path=raw,
                  flags=lambda f: not f or "resolved" not in f, file=None)
        check(opened(done, way, open__raw="missing"), open__base="/etc", error="ENOENT",
              open__path="/etc/missing")
        done = b.doer(f"creat s:{loop}x 0", "setresuid 1000 1000 1000", f"openat -100 s:{loop}x 0",
                      flags=way)
        check(opened(done, way, open__raw=f"{loop}x", result=-13), error="EACCES",
              process__uid=1000, open__access=["read"])


def test_a_path_is_told_as_passed_and_as_the_kernel_resolved_it():
    b = box()
    folder = f"/mem/{unique('paths')}"
    b.doer(f"mkdir s:{folder} 0755", f"mkdir s:{folder}/sub 0755",
           ("makefile", f"s:{folder}/real", "s:x"), f"symlink s:real s:{folder}/link",
           f"symlink s:{folder} s:{folder}/sub/up", f"symlink s:/etc/passwd s:{folder}/far")
    for way in WAYS:
        for raw, path in (("real", f"{folder}/real"), ("./sub/../real", f"{folder}/real"),
                          ("link", f"{folder}/real"), ("sub/up/link", f"{folder}/real"),
                          ("far", "/etc/passwd"), ("../../etc//passwd", "/etc/passwd"),
                          ("/proc/self/root/etc/passwd", "/etc/passwd"),
                          (f"/proc/self/cwd/../..{folder}/link", f"{folder}/real"),
                          ("/proc/1/root/etc/passwd", "/etc/passwd")):
            done = b.doer(f"chdir s:{folder}", f"openat -100 s:{raw} 0", flags=way)
            assert done.results[1] >= 0, f"{raw}: {done.results}"
            check(opened(done, way, open__raw=raw), open__path=path, open__path_flags=None)
        done = b.doer(f"openat -100 s:{folder} {DIRECTORY}", "openat %0 s:sub/../link 0", flags=way)
        check(opened(done, way, open__raw="sub/../link"), open__path=f"{folder}/real",
              open__dirfd=done.results[0])
        done = b.doer(f"openat -100 s:{folder}/real 0", "fork { getpid }", flags=way)
        fd = done.results[0]
        done = b.doer(f"openat -100 s:{folder}/real 0", f"openat -100 s:/proc/self/fd/{fd} 2",
                      flags=way)
        check(opened(done, way, open__raw=f"/proc/self/fd/{fd}"), open__path=f"{folder}/real")


def test_a_chroot_inside_the_container_does_not_hide_the_path():
    b = box()
    for way in WAYS:
        root = f"/mem/{unique('jail')}"
        done = b.doer(f"mkdir s:{root} 0755", f"mkdir s:{root}/etc 0755",
                      ("makefile", f"s:{root}/etc/passwd", "s:x"), f"chroot s:{root}", "chdir s:/",
                      "openat -100 s:/etc/passwd 0", "openat -100 s:/missing 0", flags=way)
        same(done.results[3:5] + done.results[6:], [0, 0, -2], "results")
        # As the container sees it, not as the process in its jail does.
        check(opened(done, way, open__raw="/etc/passwd"), open__path=f"{root}/etc/passwd")
        check(opened(done, way, open__raw="/missing"), error="ENOENT")
        e = done.event("chroot")
        check(e, path__raw=root, result=0, **{"class": "isolation"})
        check_way(e, way)


def test_long_paths_come_whole_and_longer_than_the_limit_keep_their_end():
    b = box()
    part = "d" * 200
    top = unique("deep")
    long_raw = "/mem/" + "./" * 2000 + "missing"  # under PATH_MAX: 4,012 bytes
    done = b.doer(f"openat -100 s:{long_raw} 0")
    check(opened(done, open__raw=long_raw), error="ENOENT")
    full = f"l:4095:/mem/{part}/../"
    done = b.doer(("openat", -100, full, 0))
    check(done.event("open", error=ANY), open__raw=lambda r: len(r) == 4095,
          open__raw_flags=None)
    done = b.doer(("openat", -100, "l:5000:/mem/./", 0))  # the kernel refuses it
    same(done.results, [-36], "results")
    check(done.event("open", error="ENAMETOOLONG"),
          open__raw=lambda r: 4000 < len(r) <= 4096 and r.startswith("/mem/./"))
    for depth in (10, 19):
        done = b.doer("chdir s:/mem", f"deep 1 s:{top}", f"deep {depth} s:{part}",
                      f"openat -100 s:file {CREAT | WRONLY} 0600")
        path = f"/mem/{top}" + f"/{part}" * depth + "/file"
        assert len(path) < 4096
        check(opened(done, open__raw="file"), open__path=path, open__path_flags=None)
    done = b.doer("chdir s:/mem", f"deep 1 s:{top}", f"deep 25 s:{part}",
                  f"openat -100 s:file {CREAT | WRONLY} 0600")
    path = f"/mem/{top}" + f"/{part}" * 25 + "/file"
    check(opened(done, open__raw="file"), open__path_flags=lambda f: "cut" in f,
          open__path=lambda p: len(p) > 3500 and path.endswith(p.lstrip(".…")))


ODD = (("new\\nline", "new\nline", None), ('quo"te', 'quo"te', None),
       ("back\\\\slash", "back\\slash", None), ("esc\\x1b[31m", "esc\x1b[31m", None),
       ("bad\\xff\\xfe", "bad\ufffd\ufffd", b"bad\xff\xfe"), ("\\xc3\\xa4", "ä", None),
       ("cut\\xe2\\x82", "cut\ufffd", b"cut\xe2\x82"), ("blank\\x20", "blank ", None))


def base64_of(event, key):
    import base64
    text = event.get(key + "_base64")
    return base64.b64decode(text) if text else None


def test_names_with_odd_bytes_come_whole():
    b = box()
    for way in WAYS:
        for step, shown, raw in ODD:
            name = unique("odd")
            done = b.doer(("openat", AT_FDCWD, f"s:/mem/{name}{step}", CREAT | WRONLY, 0o600),
                          ("openat", AT_FDCWD, f"s:/mem/no/{name}{step}", 0),
                          ("unlink", f"s:/mem/{name}{step}"), flags=way)
            same([done.results[1], done.results[2]], [-2, 0], "results")
            e = opened(done, way, open__path=lambda p: p and name in p)
            # One replacement a wrong byte or one a wrong sequence: both are usual.
            for text, prefix in ((e["open"]["path"], "/mem/"), (e["open"]["raw"], "/mem/")):
                same(text.replace("\ufffd\ufffd", "\ufffd"),
                     f"{prefix}{name}{shown}".replace("\ufffd\ufffd", "\ufffd"), brief(e))
            want = raw and b"/mem/" + name.encode() + raw
            same(base64_of(e["open"], "path"), want, f"path_base64 in {brief(e)}")
            same(base64_of(e["open"], "raw"), want, f"raw_base64 in {brief(e)}")
            opened(done, way, error="ENOENT", open__raw=lambda r: f"/mem/no/{name}" in r)
            done.event("unlink", path__raw=lambda r: r and name in r)


def test_the_image_and_what_was_written_over_it_are_told_apart():
    with Box("layers", {"Tmpfs": {"/mem": ""}}) as b:
        done = b.doer("openat -100 s:/etc/passwd 0")
        check(opened(done, open__path="/etc/passwd"), file__overlay=True, file__upper=None,
              file__fs="overlay", file__foreign=None)
        done = b.doer("openat -100 s:/etc/passwd 2")  # copies it up
        check(opened(done, open__path="/etc/passwd"), file__upper=True)
        done = b.doer("openat -100 s:/etc/passwd 0")
        check(opened(done, open__path="/etc/passwd"), file__upper=True)
        done = b.doer("openat -100 s:/ctl/ask 0x802")
        check(opened(done, open__path="/ctl/ask"), file__foreign=True, file__overlay=None)


def test_interfaces_of_the_kernel_are_marked():
    done = strong_box().doer("openat -100 s:/proc/sys/kernel/domainname 1",
                             "openat -100 s:/proc/version 0")
    assert done.results[0] >= 0, done.output
    check(opened(done, open__path="/proc/sys/kernel/domainname"), open__access=["write"],
          file__kernel=True, file__fs="proc", file__foreign=True)
    check(opened(done, open__path="/proc/version"), file__kernel=True)
    done = box().doer("openat -100 s:/proc/sys/kernel/domainname 1")  # read-only there
    check(opened(done, open__raw="/proc/sys/kernel/domainname"), error="EROFS",
          open__access=["write"])


def test_a_repeat_is_told_once_and_another_access_again():
    b = box()
    name = f"/mem/{unique('repeat')}"
    done = b.doer(f"openat -100 s:{name} {CREAT | WRONLY} 0600",
                  *[f"openat -100 s:{name} 0"] * 20, f"openat -100 s:{name} {RDWR}")
    reads = done.events("open", open__path=name, open__access=["read"])
    same(len(reads), 1, "events of 20 reads by one program")
    done.event("open", open__path=name, open__access=["read", "write"])
    again = b.doer(f"openat -100 s:{name} 0")
    same(len(again.events("open", open__path=name)), 1, "events of another exec")


# --- changes ------------------------------------------------------------------------------------

def told(done, kind, way, **wanted):
    e = done.event(kind, **wanted)
    check(e, **{"class": "file"}, container__id=done.box.id)
    check_way(e, way)
    return e


def test_unlink_rmdir_and_mkdir_are_told():
    b = box()
    for way in WAYS:
        n = f"/mem/{unique('names')}"
        rel = n[5:]
        done = b.doer(f"mkdir s:{n} 0711", f"mkdirat -100 s:{n}/in 0755", f"rmdir s:{n}/in",
                      ("makefile", f"s:{n}/f", "s:"), f"unlink s:{n}/f",
                      ("makefile", f"s:{n}/g", "s:"), "openat -100 s:/mem 0200000",
                      f"unlinkat %6 s:{rel}/g 0", f"unlinkat -100 s:{n} 0x200",
                      f"unlink s:{n}/none", "chdir s:/mem", f"rmdir s:{rel}", flags=way)
        same([r for r in done.results if r < 0], [-2, -2], f"failures in {done.results}")
        check(told(done, "mkdir", way, path__raw=n), path__mode=lambda m: int(m, 8) == 0o711,
              result=0)
        check(told(done, "mkdir", way, path__raw=f"{n}/in"), result=0, path__dirfd=AT_FDCWD)
        check(told(done, "rmdir", way, path__raw=f"{n}/in"), result=0)
        check(told(done, "unlink", way, path__raw=f"{n}/f"), result=0)
        check(told(done, "unlink", way, path__raw=f"{rel}/g"), result=0, path__base="/mem",
              path__dirfd=done.results[6])
        # unlinkat with AT_REMOVEDIR is what rmdir is, under another number
        check(told(done, "rmdir", way, path__raw=n), result=0, path__flags=0x200)
        check(told(done, "unlink", way, path__raw=f"{n}/none"), error="ENOENT")
        check(told(done, "rmdir", way, path__raw=rel), error="ENOENT", path__base="/mem")


def test_rename_link_and_symlink_tell_both_names():
    b = box()
    for way in WAYS:
        n = f"/mem/{unique('two')}"
        rel = n[5:]
        done = b.doer(("makefile", f"s:{n}1", "s:x"), f"rename s:{n}1 s:{n}2",
                      f"renameat -100 s:{n}2 -100 s:{n}3", "chdir s:/mem",
                      f"renameat2 -100 s:{rel}3 -100 s:{rel}4 1", f"link s:{n}4 s:{n}5",
                      f"linkat -100 s:{rel}4 -100 s:{n}6 0", f"symlink s:../etc/x s:{n}7",
                      f"symlinkat s:target -100 s:{rel}8", f"rename s:{n}none s:{n}x",
                      f"link s:{n}4 s:{n}5", flags=way)
        same([r for r in done.results if r < 0], [-2, -17], f"failures in {done.results}")
        check(told(done, "rename", way, path__raw=f"{n}1"), path__raw2=f"{n}2", result=0)
        check(told(done, "rename", way, path__raw=f"{n}2"), path__raw2=f"{n}3", result=0)
        check(told(done, "rename", way, path__raw=f"{rel}3"), path__raw2=f"{rel}4", result=0,
              path__base="/mem", path__base2="/mem", path__flags=1)
        check(told(done, "link", way, path__raw2=f"{n}5", result=0), path__raw=f"{n}4")
        check(told(done, "link", way, path__raw2=f"{n}6"), path__raw=f"{rel}4", path__base="/mem")
        check(told(done, "symlink", way, path__raw2=f"{n}7"), path__raw="../etc/x", result=0)
        check(told(done, "symlink", way, path__raw2=f"{rel}8"), path__raw="target",
              path__base2="/mem")
        check(told(done, "rename", way, path__raw=f"{n}none"), error="ENOENT")
        check(told(done, "link", way, path__raw2=f"{n}5", result=-17), error="EEXIST")


def test_changes_of_mode_and_owner_are_told():
    b = strong_box()  # docker's seccomp filter may not know fchmodat2
    for way in WAYS:
        n = f"/mem/{unique('mode')}"
        done = b.doer(("makefile", f"s:{n}", "s:x"), f"openat -100 s:{n} {RDWR}",
                      f"chmod s:{n} 04755", "fchmod %1 0600", f"fchmodat -100 s:{n} 0644",
                      f"fchmodat2 -100 s:{n} 0640 0", f"chown s:{n} 1000 1001",
                      f"lchown s:{n} 1002 1003", "fchown %1 1004 1005",
                      f"fchownat -100 s:{n} 1006 -1 0", f"chmod s:{n}none 0600",
                      f"fchmodat2 -100 s:{n}none 0600 0x100", flags=way)
        old = done.results[5] == -38  # fchmodat2 is of Linux 6.6
        same([r for r in done.results if r < 0], [-38, -2, -38] if old else [-2, -2],
             f"failures in {done.results}")
        for mode in (0o4755, 0o644) if old else (0o4755, 0o644, 0o640):
            check(told(done, "chmod", way, path__mode=lambda m, w=mode: int(m, 8) == w),
                  path__raw=n, result=0)
        check(told(done, "chmod", way, path__raw=None), path__path=n,
              path__mode=lambda m: int(m, 8) == 0o600, file__inode=ANY)
        for uid, gid in ((1000, 1001), (1002, 1003)):
            check(told(done, "chown", way, path__uid=uid), path__gid=gid, path__raw=n, result=0)
        check(told(done, "chown", way, path__uid=1004), path__gid=1005, path__path=n,
              file__inode=ANY)
        check(told(done, "chown", way, path__uid=1006), path__raw=n)
        check(told(done, "chmod", way, path__raw=f"{n}none"), error="ENOENT")


def test_device_nodes_sizes_and_attributes_are_told():
    b = box()
    for way in WAYS:
        n = f"/mem/{unique('node')}"
        device = 1 << 8 | 3  # /dev/null
        done = b.doer(f"mknod s:{n}c {0o20600} {device}", f"mknodat -100 s:{n}p {0o10600} 0",
                      ("makefile", f"s:{n}f", "s:hello"), f"truncate s:{n}f 3",
                      f"openat -100 s:{n}f 2", "ftruncate %4 2", f"truncate s:{n}none 1",
                      f"setxattr s:{n}f s:trusted.bhtest s:v 1 0",
                      f"lsetxattr s:{n}f s:security.bhtest s:w 1 0",
                      "fsetxattr %4 s:user.bhtest s:u 1 0", flags=way)
        same(done.results[:2] + done.results[3:4] + done.results[5:7], [0, 0, 0, 0, -2], "results")
        check(told(done, "mknod", way, path__raw=f"{n}c"), path__value=device, result=0,
              path__mode=lambda m: int(m, 8) in (0o20600, 0o600))
        check(told(done, "mknod", way, path__raw=f"{n}p"), result=0)
        check(told(done, "truncate", way, path__raw=f"{n}f"), path__value=3, result=0)
        check(told(done, "truncate", way, path__value=2), path__path=f"{n}f", file__inode=ANY)
        check(told(done, "truncate", way, path__raw=f"{n}none"), error="ENOENT")
        for name, at in (("trusted.bhtest", 7), ("security.bhtest", 8), ("user.bhtest", 9)):
            check(told(done, "setxattr", way, path__name=name), result=done.results[at])
        check(told(done, "setxattr", way, path__name="trusted.bhtest"), path__raw=f"{n}f")
        check(told(done, "setxattr", way, path__name="user.bhtest"), path__path=f"{n}f")


def test_stat_is_told_only_where_somebody_asks():
    done = box().doer("newfstatat -100 s:/etc/passwd b:256 0", "stat s:/etc/passwd b:256")
    done.none("stat")


def test_the_host_is_silent_about_files_that_no_rule_names():
    from harness import DOER, run
    name = f"/var/tmp/{unique('bhtest-quiet')}"
    since = reader().mark()
    run(DOER, "openat", "-100", f"s:{name}", "0", ",", "execve", "s:/bin/true",
        f"v:true|{name}", "v:")
    reader().wait(lambda e: e["type"] == "exec" and name in e["exec"].get("args", []), "its exec",
                  after=since)
    found = reader().all(lambda e: e["type"] == "open" and e["open"].get("raw") == name)
    assert not found, brief(found[0])
    assert not os.path.exists(name)
