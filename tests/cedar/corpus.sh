#!/bin/sh
# The public integration tests through `reeve cedar test`, when they are there. Prints TAP.
# Usage: corpus.sh REEVE
set -u
reeve=$(realpath "$1")
root=${RV_SHARED:-/nonexistent}/cedar/integration
echo 1..4
if [ ! -d "$root/corpus-tests" ]; then
	echo "ok 1 - corpus # SKIP no shared data"
	echo "ok 2 - corpus without schemas # SKIP no shared data"
	echo "ok 3 - handwritten # SKIP no shared data"
	echo "ok 4 - entity parsing # SKIP no shared data"
	exit 0
fi
cd "$root" || exit 1
run() { # number, name, expected last line, files...
	n=$1 name=$2 want=$3
	shift 3
	got=$("$reeve" cedar test --root . "$@" | tail -n 1)
	if [ "$got" = "$want" ]; then echo "ok $n - $name"; else echo "not ok $n - $name: $got"; fi
}
corpus=$(ls corpus-tests/*.json | grep -v entities)
# shellcheck disable=SC2086
run 1 corpus '9600 passed, 0 failed' $corpus
# shellcheck disable=SC2086
run 2 'corpus without schemas' '9600 passed, 0 failed' --no-schema $corpus
run 3 handwritten '74 passed, 0 failed' tests/*/*.json

# Entities under a schema: whether the whole document is taken.
cd ../entity-parsing-testdata || exit 1
bad=
for want in *.parsing.json; do
	name=${want%.parsing.json}
	schema=$(sed -n 's/.*"schema": *"\(.*\)".*/\1/p' "$name.json")
	entities=$(sed -n 's/.*"entities": *"\(.*\)".*/\1/p' "$name.json")
	got=false
	"$reeve" cedar check-parse --schema "$schema" --entities "$entities" >/dev/null 2>&1 && got=true
	sed -n '/allEntities/,/}/p' "$want" | grep -q "\"success\": $got" || bad="$bad $name"
done
if [ -z "$bad" ]; then echo "ok 4 - entity parsing"; else echo "not ok 4 - entity parsing:$bad"; fi
