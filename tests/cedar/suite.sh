#!/bin/sh
# `reeve cedar test` and `validate` over files of our own: what is counted, what is said, how they end. Prints TAP.
# Usage: suite.sh REEVE
set -u
reeve=$(realpath "$1")
cd "$(dirname "$0")/suite" || exit 1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
n=0
ok() { # name, condition's status, detail
	n=$((n + 1))
	if [ "$2" = 0 ]; then echo "ok $n - $1"; else echo "not ok $n - $1: $3"; fi
}
tests() { # name, expected status, expected last line, files...
	name=$1 want=$2 line=$3
	shift 3
	"$reeve" cedar test "$@" >"$tmp/out" 2>&1
	got=$?
	[ "$got" = "$want" ] && [ "$(tail -n 1 "$tmp/out")" = "$line" ]
	ok "$name" $? "status $got, $(tail -n 3 "$tmp/out")"
}
says() { # name, text
	grep -qF -- "$2" "$tmp/out"
	ok "$1" $? "$(cat "$tmp/out")"
}
validates() { # name, expected status, arguments...
	name=$1 want=$2
	shift 2
	"$reeve" cedar validate "$@" >"$tmp/out" 2>&1
	got=$?
	[ "$got" = "$want" ]
	ok "$name" $? "status $got, $(cat "$tmp/out")"
}
tests 'integration' 0 '8 passed, 0 failed' shop.json
tests 'integration without the schema' 1 '3 passed, 5 failed' --no-schema shop.json
tests 'oracle of policies, entities and requests' 0 '22 passed, 0 failed' odd.validation.json
tests 'oracle of parsing' 0 '4 passed, 0 failed' short.parsing.json
tests 'many at once' 0 '34 passed, 0 failed' shop.json odd.validation.json short.parsing.json
tests 'what does not hold is told' 1 '0 passed, 2 failed' wrong.json
says 'a decision' 'wrong decision: got {"decision":"allow","permits":["policy1"]'
says 'policies' 'the policies are not valid: attribute'
tests 'what an oracle says wrongly is told' 1 '3 passed, 6 failed' wrong.validation.json
says 'a kind of finding' 'policy0: strict: empty-set is not found'
says 'a policy' 'policy2: strict: 0 errors'
says 'an entity' 'entity User::ann: fits'
says 'a request' 'request 0 fits the schema'
tests 'no such file' 1 '0 passed, 1 failed' nothing.json
tests 'no test of that name' 1 '0 passed, 1 failed' ../suite/shop.entities.json
validates 'valid' 0 --schema shop.cedarschema --policies shop.cedar
says 'valid in words' 'policy set validation passed: 0 errors, 0 warnings'
validates 'not valid' 3 --schema shop.cedarschema --policies odd.cedar
says 'with place and caret' 'odd.cedar:1:61: error: attribute '
says 'with a caret' '^~~~~~~~~~~~~~~~~~~~'
says 'with help' "help: test it first: 'resource.owner has limit && …'"
validates 'permissive' 3 --validation-mode permissive --schema shop.cedarschema --policies odd.cedar
grep -q empty-set "$tmp/out"
[ $? = 1 ]
ok 'permissive takes an empty set' $? "$(cat "$tmp/out")"
echo 'permit(principal, action == Action::"look", resource) when { resource.owner.joined == datetime("2026-01-01") };' >"$tmp/deep.cedar"
validates 'level' 3 --level 1 --schema shop.cedarschema --policies "$tmp/deep.cedar"
says 'the level is told' '[level-exceeded]'
validates 'level enough' 0 --level 2 --schema shop.cedarschema --policies "$tmp/deep.cedar"
echo 'permit(principal == Group::"g", action == Action::"look", resource);' >"$tmp/scope.cedar"
validates 'a scope nothing fits' 3 --schema shop.cedarschema --policies "$tmp/scope.cedar"
validates 'as of 4.13' 0 --inapplicable-warning --schema shop.cedarschema --policies "$tmp/scope.cedar"
says 'as a warning' '[inapplicable-scope]'
validates 'warnings denied' 3 --deny-warnings --inapplicable-warning --schema shop.cedarschema --policies "$tmp/scope.cedar"
validates 'JSON' 3 --json --schema shop.cedarschema --policies odd.cedar
says 'JSON has codes' '"code":"unguarded-attribute","policy":"policy0"'
validates 'a text that cannot be read' 1 --schema shop.cedarschema --policies shop.cedarschema
validates 'a schema that cannot be read' 1 --schema shop.cedar --policies shop.cedar
validates 'no schema' 1 --policies shop.cedar
validates 'no such mode' 1 --validation-mode partial --schema shop.cedarschema --policies shop.cedar
validates 'no such level' 1 --level -1 --schema shop.cedarschema --policies shop.cedar
echo 'permit(principal == ?principal, action == Action::"look", resource);' >"$tmp/t.cedar"
echo '[{"template_id": "policy0", "link_id": "l", "args": {"?principal": "Robot::\"r\""}}]' >"$tmp/links"
validates 'a template' 0 --schema shop.cedarschema --policies "$tmp/t.cedar"
validates 'a link' 3 --schema shop.cedarschema --policies "$tmp/t.cedar" --template-linked "$tmp/links"
says 'what fills it' "entity type 'Robot' is not in the schema"
"$reeve" cedar translate-policy --direction cedar-to-json --policies odd.cedar >"$tmp/odd.json" 2>"$tmp/out"
validates 'policies in JSON' 3 --schema shop.cedarschema --policies "$tmp/odd.json"
says 'shown in words' "help: test it first: 'resource.owner has limit && …'"
echo "1..$n"
