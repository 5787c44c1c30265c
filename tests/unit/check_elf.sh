#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# check_elf.sh BULKHEADD BULKHEAD - whether the built programs are hardened as the Makefile means
# them to be, and whether the privileged one is free of network and graphics libraries. One line a
# check, "ok - ..." or "not ok - ..."; exits 1 when one failed.
set -u
LC_ALL=C
export LC_ALL
daemon=$1 serve=$2
status=0

check() { # TEXT COMMAND...
	text=$1
	shift
	if "$@" >/dev/null 2>&1; then
		echo "ok - $text"
	else
		echo "not ok - $text"
		status=1
	fi
}
not() { ! "$@"; }

is_pie() {
	readelf -hW "$1" | grep -q 'Type: *DYN' && readelf -dW "$1" | grep -q 'FLAGS_1.*PIE'
}
has_full_relro() {
	readelf -lW "$1" | grep -q GNU_RELRO &&
		readelf -dW "$1" | grep -Eq '\((FLAGS\).*BIND_NOW|FLAGS_1\).*NOW)'
}
has_no_executable_stack() {
	readelf -lW "$1" | grep GNU_STACK | grep -q ' RW *0x'
}
has_no_writable_code() {
	readelf -lW "$1" | grep -q LOAD && ! readelf -lW "$1" | grep -q 'LOAD.*RWE' &&
		! readelf -dW "$1" | grep -q TEXTREL
}
imports() { # PROGRAM PATTERN
	readelf --dyn-syms -W "$1" | grep -Eq " UND $2(@|\$| )"
}
has_no_search_path() {
	readelf -dW "$1" | grep -q NEEDED && ! readelf -dW "$1" | grep -Eq '\((RPATH|RUNPATH)\)'
}
# Through other libraries as well.
loads_any() { # PROGRAM NAME...
	loaded=$(ldd "$1") || return 0
	shift
	for library; do
		case $loaded in *"$library.so"*) return 0 ;; esac
	done
	return 1
}

needs_neither() { # PROGRAM PATTERN
	readelf -dW "$1" | grep -q NEEDED && ! readelf -dW "$1" | grep NEEDED | grep -Eq "$2"
}

for program in "$daemon" "$serve"; do
	name=${program##*/}
	check "$name is position independent" is_pie "$program"
	check "$name has full RELRO" has_full_relro "$program"
	check "$name has no executable stack" has_no_executable_stack "$program"
	check "$name has no writable code and no text relocations" has_no_writable_code "$program"
	check "$name is built with stack protector" imports "$program" __stack_chk_fail
	check "$name is built with fortified calls" imports "$program" '__(sn|vsn|f|vf)printf_chk'
	check "$name has no library search path of its own" has_no_search_path "$program"
done
check "bulkheadd loads no graphics, HTTP or TLS library" \
	not loads_any "$daemon" librrd libmicrohttpd libcurl libcurl-gnutls libgnutls libssl
check "bulkhead loads no parser of the configuration and no way to change capabilities" \
	needs_neither "$serve" 'libyaml|libcap'
exit $status
