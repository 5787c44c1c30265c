#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs test programs and sums what they report: cmocka's counts, or lines "ok - TEXT" and
# "not ok - TEXT". An argument is a command, its words split at blanks. Prints "N passed, N failed"
# last; exits 1 when a test failed or a program ended by other means.
passed=0 failed=0 broken=
for program; do
	# shellcheck disable=SC2086
	out=$($program 2>&1)
	status=$?
	run=$(printf '%s\n' "$out" | sed -n 's/^\[==========\] \([0-9]*\) test(s) run\..*/\1/p
		s/^\(not \)\{0,1\}ok - .*/1/p' | awk '{ n += $1 } END { print n + 0 }')
	bad=$(printf '%s\n' "$out" | sed -n 's/^\[  FAILED  \] \([0-9]*\) test(s), listed below:.*/\1/p
		s/^not ok - .*/1/p' | awk '{ n += $1 } END { print n + 0 }')
	if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
		bad=1
		broken="$broken $program(exit $status)"
	fi
	if [ "$status" -eq 0 ] && [ "$run" -eq 0 ]; then
		bad=1
		broken="$broken $program(ran no test)"
	fi
	if [ "$status" -ne 0 ]; then
		printf '%s\n' "--- $program" "$out"
	fi
	if [ "$run" -ge "$bad" ]; then passed=$((passed + run - bad)); fi
	failed=$((failed + bad))
done
[ -z "$broken" ] || printf 'ended badly:%s\n' "$broken"
printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
