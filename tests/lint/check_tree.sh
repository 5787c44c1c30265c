#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# check_tree.sh - rules about the source tree that no compiler knows: sizes, layers, one list of
# capabilities in three places. Run in the tree's top folder. One line a check, "ok - ..." or
# "not ok - ..." with what is wrong below it; exits 1 when one failed.
set -u
LC_ALL=C
export LC_ALL
MAX_LINES=800
status=0

# Prints the result: what the function found wrong is its output.
check() { # TEXT FUNCTION
	wrong=$("$2" 2>&1)
	if [ -z "$wrong" ]; then
		echo "ok - $1"
	else
		echo "not ok - $1"
		printf '%s\n' "$wrong" | sed 's/^/  /'
		status=1
	fi
}

sources() {
	find bpf collector detector http tests deploy rules .ci -type f \
		\( -name '*.[ch]' -o -name '*.py' -o -name '*.sh' -o -name '*.js' -o -name '*.css' \
		-o -name '*.html' -o -path .ci/run \) 2>/dev/null
	echo Makefile
}

too_long() {
	sources | sort | while read -r f; do
		n=$(wc -l <"$f")
		[ "$n" -le "$MAX_LINES" ] || echo "$f: $n lines, at most $MAX_LINES"
	done
}

without_licence() {
	sources | grep -E '\.([ch]|py|sh)$|^Makefile$' | sort | while read -r f; do
		head -n 2 "$f" | grep -q 'SPDX-License-Identifier: GPL-2.0-or-later' ||
			echo "$f: no SPDX line at its top"
	done
}

# Folder, then what its files may include from the tree (a regular expression).
LAYERS='collector/base collector/base/
bpf bpf/
collector collector/|bpf/(event|settings|calls|verdict_key)\.h
detector detector/|collector/|bpf/(event|settings)\.h
http http/|collector/base/|collector/wire\.h|collector/sample\.h'

upwards() {
	printf '%s\n' "$LAYERS" | while read -r folder allowed; do
		# collector/*.[ch] are the folder's own; collector/base/ has a rule of its own
		grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]+"' \
			"$folder"/*.c "$folder"/*.h /dev/null 2>/dev/null |
			grep -vE "include[[:space:]]+\"($allowed)" |
			grep -vE '^collector/main\.c:[0-9]+:#include "detector/(detector|posture_main|rules_main|score_main)\.h"$'
	done
}

of_code() {
	sed -n '/^static const cap_value_t needed\[\]/,/^};/p' collector/privileges.c |
		grep -oE 'CAP_[A-Z_]+' | sort
}
of_unit() {
	sed -n 's/^CapabilityBoundingSet=//p' deploy/bulkhead.service | tr ' ' '\n' | grep . | sort
}
of_table() {
	sed -n 's/^| *\(CAP_[A-Z_]*\) *|.*/\1/p' deploy/capabilities.md | sort
}
of_list() {
	sed -n 's/^    cap \(CAP_[A-Z_]*\) [0-9]*$/\1/p' deploy/capabilities.md | sort
}
capabilities() {
	code=$(of_code)
	[ -n "$code" ] || echo "collector/privileges.c: no table of capabilities found"
	[ "$(of_unit)" = "$code" ] || echo "deploy/bulkhead.service: CapabilityBoundingSet differs"
	[ "$(of_table)" = "$code" ] || echo "deploy/capabilities.md: its table differs"
	[ "$(of_list)" = "$code" ] || echo "deploy/capabilities.md: its list for machines differs"
}
# The numbers are the kernel's; without its headers there is nothing to compare with.
capability_numbers() {
	header=/usr/include/linux/capability.h
	[ -r "$header" ] || return 0
	sed -n 's/^    cap \(CAP_[A-Z_]*\) \([0-9]*\)$/\1 \2/p' deploy/capabilities.md |
		while read -r name number; do
			grep -qE "^#define[[:space:]]+$name[[:space:]]+$number\$" "$header" ||
				echo "deploy/capabilities.md: $name is not $number"
		done
}

check "no source file has over $MAX_LINES lines" too_long
check "each source file names its licence" without_licence
check "no layer includes one above it" upwards
check "capabilities are the same in code, unit and manual" capabilities
check "capabilities have the kernel's numbers" capability_numbers
exit $status
