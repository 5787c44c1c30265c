#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Every test there is, for `make test`: installs what they need, builds without a warning, runs unit
# tests, fuzz targets, integration tests and one virtual machine. The last line sums all of them:
# "N passed, N failed[, N skipped]".
# `run.sh integration`: those alone; T=TEXT in the environment picks some by their names.
set -u
make=${MAKE:-make}
jobs=-j$(nproc)
log=$(mktemp)
trap 'rm -f "$log" "$log.failures"' EXIT
trap 'exit 130' INT TERM HUP

# Under sudo the build belongs to the user who called it.
as_caller() {
	if [ "$(id -u)" -eq 0 ] && [ -n "${SUDO_USER:-}" ] && [ "$SUDO_USER" != root ]; then
		runuser -u "$SUDO_USER" -- "$@"
	else
		"$@"
	fi
}

# The number before a word in the last "N passed, N failed ..." line of the log.
number() {
	sed -n "s/^\(.*, \)\{0,1\}\([0-9][0-9]*\) $1\(,.*\)\{0,1\}\$/\2/p" "$log" | tail -n 1
}

# The lines that name what failed, with the last word of Python's trace: the end of a long log is
# what a reader of continuous integration gets to see.
failures() {
	awk '/^(ok|SKIP|==) / { inside = 0 }
		/^FAIL / { inside = 1; print; next }
		/^\[  FAILED  \] [^0-9]|^not ok - |: FAILED|^make.*Error |: undefined reference/ { print; next }
		/^--- log/ { inside = 0 }
		inside && /^[A-Za-z_.]+(Error|Expired|Exception|Unable)(:|$)/ { print "    " substr($0, 1, 600) }'
}

passed=0 failed=0 skipped=0
# Runs a command and adds up its counts; one that ends without any counts as a failure.
count() {
	{ "$@" 2>&1; echo "$?" >"$log.status"; } | tee "$log"
	status=$(cat "$log.status")
	rm -f "$log.status"
	failures <"$log" >>"$log.failures"
	p=$(number passed) f=$(number failed) s=$(number skipped)
	if [ -z "$p" ] || { [ "$status" -ne 0 ] && [ "${f:-0}" -eq 0 ]; }; then
		f=1
	fi
	passed=$((passed + ${p:-0})) failed=$((failed + ${f:-0})) skipped=$((skipped + ${s:-0}))
}

finish() {
	if [ -s "$log.failures" ]; then
		echo "== what failed"
		cat "$log.failures"
	fi
	if [ "$skipped" -gt 0 ]; then
		echo "$passed passed, $failed failed, $skipped skipped"
	else
		echo "$passed passed, $failed failed"
	fi
	[ "$failed" -eq 0 ]
	exit
}

step() {
	echo "== $1"
	shift
	"$@" || {
		failed=1
		finish
	}
}

step "what the tests need" sh deploy/install-deps.sh test
step "build" as_caller "$make" --no-print-directory "$jobs" WERROR=1 all tools
if [ "${1:-all}" != integration ]; then
	echo "== unit tests"
	count as_caller "$make" --no-print-directory "$jobs" WERROR=1 unit
	echo "== fuzz targets, two seconds each"
	count as_caller "$make" --no-print-directory "$jobs" WERROR=1 fuzz-run SECONDS=2
fi
echo "== integration tests"
count /usr/bin/python3 tests/integration/run.py ${T:+-k "$T"}
if [ "${1:-all}" != integration ]; then
	echo "== a virtual machine"
	count /usr/bin/python3 tests/vm/run.py --short
fi
finish
