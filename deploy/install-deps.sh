#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Installs what bulkhead needs to build and run (`run`) or to be tested (`test`: that and more).
# Says first what it will install; does nothing when all is there. Debian and what derives from it.
set -eu

RUN='gcc make pkg-config libc6-dev libyaml-dev libjansson-dev libmicrohttpd-dev librrd-dev
nettle-dev libcap-dev libseccomp-dev libgnutls28-dev zlib1g-dev uthash-dev libcurl4-gnutls-dev
fonts-dejavu-core libbpf-dev libzstd-dev libpcre2-dev bpftool clang'
TEST='libcmocka-dev clang-tidy clang-format cppcheck python3 python3-numpy docker.io containerd runc podman
prometheus prometheus-alertmanager rsyslog rsyslog-gnutls busybox-static curl openssl strace
iproute2 procps qemu-system-x86 cpio e2fsprogs debootstrap wrk redis-tools postgresql-contrib
systemd apparmor stress-ng x264'
POLICY=/usr/sbin/policy-rc.d

say() { printf 'install-deps: %s\n' "$*" >&2; }

# What other systems call these packages is for their users to know; the libraries have names.
elsewhere() {
	if [ "$1" = run ] && command -v cc >/dev/null && command -v pkg-config >/dev/null &&
		pkg-config --exists yaml-0.1 jansson libmicrohttpd librrd nettle libcap libseccomp \
			gnutls zlib libcurl libbpf libzstd libpcre2-8 && command -v clang >/dev/null &&
		{ command -v bpftool || [ -x /usr/sbin/bpftool ]; } >/dev/null; then
		exit 0
	fi
	say "this is not Debian or a system derived from it: install by its own means"
	say "  gcc, make, pkg-config and the development files of libyaml, jansson, libmicrohttpd,"
	say "  librrd, nettle, libcap, libseccomp, GnuTLS, zlib, libbpf, libzstd, PCRE2, uthash and libcurl; bpftool, clang"
	say "  (for the kernel's programs) and DejaVu fonts"
	[ "$1" = run ] || say "  cmocka, clang-tidy, clang-format, cppcheck, python3, numpy, docker," \
		"containerd, runc, podman, prometheus, alertmanager, rsyslog with gnutls, a static busybox," \
		"curl, openssl, strace, iproute2, procps, qemu-system-x86_64, cpio, e2fsprogs, debootstrap," \
		"wrk, redis-benchmark, pgbench"
	exit 1
}

is_debian() {
	[ -r /etc/os-release ] && command -v dpkg-query >/dev/null || return 1
	(
		. /etc/os-release
		case " ${ID:-} ${ID_LIKE:-} " in *' debian '*) ;; *) exit 1 ;; esac
	)
}

# The sanitizers' and libFuzzer's runtime carries clang's version in its name. Asking clang is a
# hundred times faster than asking apt, so that comes second.
clang_runtime() {
	major=$(clang -dumpversion 2>/dev/null | cut -d. -f1) || true
	[ -n "$major" ] || major=$(apt-cache depends clang 2>/dev/null |
		sed -n 's/.*Depends: clang-\([0-9][0-9]*\)$/\1/p' | head -n 1)
	[ -z "$major" ] || echo "libclang-rt-$major-dev"
}

missing() {
	# shellcheck disable=SC2016,SC2086
	have=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $wanted 2>/dev/null |
		sed -n 's/^installed //p') || true
	for package in $wanted; do
		printf '%s\n' "$have" | grep -qxF "$package" || printf '%s ' "$package"
	done
}

# A test machine gets runtimes, not running services: dpkg's own switch keeps them from starting.
keep_services_stopped() {
	if [ -e "$POLICY" ]; then
		say "$POLICY is there and stays as it is: it decides whether services start"
		return
	fi
	trap 'rm -f "$POLICY"' EXIT
	trap 'exit 130' INT TERM HUP
	printf '#!/bin/sh\n# temporary, by bulkhead: no service starts while packages are installed\nexit 101\n' \
		>"$POLICY"
	chmod 755 "$POLICY"
	say "services (docker, containerd, podman, prometheus) are not started: $POLICY stands until"
	say "  this ends; they are enabled for the next boot (systemctl disable NAME changes that)"
}

# --no-remove: nothing that is installed goes away for us (libcurl's variants exclude each other).
apt() {
	# shellcheck disable=SC2086
	apt-get "$@" -y --no-install-recommends --no-remove install $need
}

case "${1:-}" in
run | test) ;;
*)
	say "usage: install-deps.sh run|test"
	exit 2
	;;
esac
is_debian || elsewhere "$1"
wanted=$RUN
[ "$1" = run ] || wanted="$RUN $TEST $(clang_runtime)"
need=$(missing)
[ -n "$need" ] || exit 0

say "will install with apt-get: $need"
if [ "$(id -u)" -ne 0 ]; then
	say "that needs root: sudo $0 $1"
	exit 1
fi
export DEBIAN_FRONTEND=noninteractive
if ! apt -qq -s >/dev/null 2>&1; then
	say "package lists are missing or old: apt-get update"
	apt-get -qq update
	if ! apt -qq -s >/dev/null; then
		say "apt-get cannot install them; what it said is above"
		exit 1
	fi
fi
[ "$1" = run ] || keep_services_stopped
if ! apt -qq; then
	say "apt-get failed; once more with fresh package lists"
	apt-get -qq update
	apt -qq
fi
need=$(missing)
[ -z "$need" ] || { say "still missing: $need"; exit 1; }
say "all there"
