#!/bin/sh
# The public integration tests through `reeve cedar test`, when they are there. Prints TAP.
# Usage: corpus.sh REEVE
set -u
reeve=$(realpath "$1")
root=${RV_SHARED:-/nonexistent}/cedar/integration
echo 1..2
if [ ! -d "$root/corpus-tests" ]; then
	echo "ok 1 - corpus # SKIP no shared data"
	echo "ok 2 - handwritten # SKIP no shared data"
	exit 0
fi
cd "$root" || exit 1
run() { # number, name, expected last line, files...
	n=$1 name=$2 want=$3
	shift 3
	got=$("$reeve" cedar test --root . "$@" | tail -n 1)
	if [ "$got" = "$want" ]; then echo "ok $n - $name"; else echo "not ok $n - $name: $got"; fi
}
# shellcheck disable=SC2046
run 1 corpus '9600 passed, 0 failed' $(ls corpus-tests/*.json | grep -v entities)
run 2 handwritten '61 passed, 13 failed' tests/*/*.json
