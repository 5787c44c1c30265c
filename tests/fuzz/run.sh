#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# run.sh SECONDS PROGRAM... - runs each fuzz target for so long, with the words of tests/fuzz/NAME.dict
# and the seeds of tests/fuzz/NAME.corpus where there are some; what it finds new stays beside the
# program, in NAME.corpus, for the next run.
# Prints "N passed, N failed[, N skipped]" last; exits 1 when one failed.
set -u
seconds=$1
shift
here=$(dirname "$0")
passed=0 failed=0 skipped=0
for program; do
	name=${program##*/}
	if [ ! -x "$program" ]; then
		echo "SKIP $name: clang has no libFuzzer runtime here (libclang-rt-N-dev)"
		skipped=$((skipped + 1))
		continue
	fi
	mkdir -p "$program.corpus"
	set -- -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=16384 \
		-artifact_prefix="$program." -print_final_stats=1
	[ ! -r "$here/$name.dict" ] || set -- "$@" -dict="$here/$name.dict"
	set -- "$@" "$program.corpus"
	[ ! -d "$here/$name.corpus" ] || set -- "$@" "$here/$name.corpus"
	if out=$("$program" "$@" 2>&1); then
		echo "$name: $(printf '%s\n' "$out" |
			sed -n 's/^stat::number_of_executed_units: *//p') inputs in $seconds s"
		passed=$((passed + 1))
	else
		printf '%s\n' "$out" | tail -n 60
		echo "$name: FAILED; the input is $program.crash-* (or .leak-, .oom-, .timeout-)"
		failed=$((failed + 1))
	fi
done
echo "$passed passed, $failed failed$([ "$skipped" -eq 0 ] || echo ", $skipped skipped")"
[ "$failed" -eq 0 ]
