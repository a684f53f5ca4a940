#!/bin/sh
# The commands that turn Cedar's forms into one another: options, outputs, exit statuses. Prints TAP.
# Usage: cli.sh REEVE
set -u
reeve=$(realpath "$1")
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
n=0
# NAME, wanted status, wanted part of what it prints ("" = anything), command...
try() {
	name=$1 want=$2 part=$3
	shift 3
	n=$((n + 1))
	"$@" >out 2>&1 <in
	status=$?
	if [ "$status" -ne "$want" ]; then
		echo "not ok $n - $name: status $status: $(head -c 300 out | tr '\n' ' ')"
	elif [ -n "$part" ] && ! grep -qF -e "$part" out; then
		echo "not ok $n - $name: printed $(head -c 300 out | tr '\n' ' ')"
	else
		echo "ok $n - $name"
	fi
}
same() { # NAME, file, file
	n=$((n + 1))
	if cmp -s "$2" "$3"; then echo "ok $n - $1"; else echo "not ok $n - $1: $(diff "$2" "$3" | head -n 4 | tr '\n' ' ')"; fi
}

: >in
cat >p.cedar <<'E'
@id("share") permit(principal == ?principal, action == Action::"view", resource in ?resource) when { context.ok }; // shared
@id("all") forbid(principal, action, resource) unless { resource.public };
E
printf 'permit(principal, action' >bad.cedar
printf 'permit (principal, action, resource);\n' >good.cedar
printf '[{"uid":{"type":"D","id":"d"},"attrs":{"public":true},"parents":[{"type":"F","id":"f"}]}]' >e.json
printf '{"principal":"U::\\"a\\"","action":"Action::\\"view\\"","resource":"D::\\"d\\"","context":{"ok":true}}' >r.json

# ---- translate-policy
try 'text to JSON' 0 '{"templates":{"share":{"effect":"permit"' "$reeve" cedar translate-policy --direction cedar-to-json -p p.cedar
cp out p.json
try 'JSON to text' 0 '@id("share")' "$reeve" cedar translate-policy --direction json-to-cedar --policies p.json
cp out again.cedar
try 'text to JSON again' 0 '' "$reeve" cedar translate-policy --direction cedar-to-json -p again.cedar
same 'both ways lose nothing' out p.json
cp p.cedar in
try 'text from standard input' 0 '"staticPolicies":{"all":' "$reeve" cedar translate-policy --direction cedar-to-json
cp p.json in
try 'JSON from standard input' 0 'when { context.ok }' "$reeve" cedar translate-policy --direction json-to-cedar
: >in
try 'no direction' 1 '--direction' "$reeve" cedar translate-policy -p p.cedar
try 'another direction' 1 '--direction' "$reeve" cedar translate-policy --direction up -p p.cedar
try 'text that is none' 1 'bad.cedar:1:' "$reeve" cedar translate-policy --direction cedar-to-json -p bad.cedar
try 'JSON that is none' 1 'p.cedar:1:' "$reeve" cedar translate-policy --direction json-to-cedar -p p.cedar
printf '{"staticPolicies":{"x":{"effect":"allow"}}}' >odd.json
try 'JSON at fault is told by its path' 1 "staticPolicies.x.effect: must be 'permit' or 'forbid'" "$reeve" cedar translate-policy --direction json-to-cedar -p odd.json

# ---- link, authorize
try 'a link' 0 'Template-linked policy added: @id("share") permit (principal == U::"a"' "$reeve" cedar link -p p.cedar --template-id share --new-id l1 --arguments '{"?principal": "U::\"a\"", "?resource": "F::\"f\""}'
try 'a link into a file that is not there' 0 'added' "$reeve" cedar link -p p.cedar -k links.json --template-id share -n l1 -a '{"?principal": "U::\"a\"", "?resource": "F::\"f\""}'
try 'another link into it' 0 'added' "$reeve" cedar link -p p.cedar -k links.json --template-id share -n l2 -a '{"?principal": "U::\"b\"", "?resource": "F::\"f\\\"\""}'
printf '[{"template_id":"share","link_id":"l1","args":{"?principal":"U::\\"a\\"","?resource":"F::\\"f\\""}},{"template_id":"share","link_id":"l2","args":{"?principal":"U::\\"b\\"","?resource":"F::\\"f\\\\\\"\\""}}]\n' >want.json
same 'the file' links.json want.json
try 'an id twice' 1 "policy id 'l1' is used twice" "$reeve" cedar link -p p.cedar -k links.json --template-id share -n l1 -a '{"?principal": "U::\"a\"", "?resource": "F::\"f\""}'
same 'the file is left alone' links.json want.json
try 'a slot missing' 1 'needs a value for ?resource' "$reeve" cedar link -p p.cedar --template-id share -n l3 -a '{"?principal": "U::\"a\""}'
try 'a slot too many' 1 '?action: is no slot' "$reeve" cedar link -p p.cedar --template-id share -n l3 -a '{"?action": "U::\"a\""}'
try 'no template' 1 "there is no template 'x'" "$reeve" cedar link -p p.cedar --template-id x -n l3 -a '{}'
try 'arguments that are no JSON' 1 '--arguments' "$reeve" cedar link -p p.cedar --template-id share -n l3 -a '?principal'
try 'arguments that are no object' 1 '--arguments must be an object' "$reeve" cedar link -p p.cedar --template-id share -n l3 -a '[]'
try 'no arguments' 1 'needs --template-id, --new-id and --arguments' "$reeve" cedar link -p p.cedar --template-id share -n l3
try 'authorize by a link' 0 '  l1' "$reeve" cedar authorize -v -p p.cedar -k links.json --entities e.json --request-json r.json
try 'authorize without it' 2 'DENY' "$reeve" cedar authorize -p p.cedar --entities e.json --request-json r.json
try 'authorize by JSON' 0 '  l1' "$reeve" cedar authorize -v -p p.json -k links.json --entities e.json --request-json r.json
try 'authorize by JSON of another name' 0 'ALLOW' sh -c "cp p.json p.txt && '$reeve' cedar authorize -p p.txt --policy-format json -k links.json --entities e.json --request-json r.json"
try 'links that are not there' 1 'none.json' "$reeve" cedar authorize -p p.cedar -k none.json --entities e.json --request-json r.json
cp p.cedar in
try 'authorize by policies from standard input' 0 'ALLOW' "$reeve" cedar authorize -k links.json --entities e.json --request-json r.json
: >in

printf 'entity U, F; entity D in F = {"public": Bool}; action view appliesTo { principal: U, resource: D, context: {ok: Bool, at?: datetime} };' >a.cedarschema
printf '{"principal":"U::\\"a\\"","action":"Action::\\"view\\"","resource":"F::\\"f\\"","context":{"ok":true}}' >odd.json
try 'a request that does not fit the schema' 1 "odd.json" "$reeve" cedar authorize -p p.cedar -k links.json -s a.cedarschema --entities e.json --request-json odd.json
try 'and need not' 0 'ALLOW' "$reeve" cedar authorize -p p.cedar -k links.json -s a.cedarschema --request-validation false --entities e.json --request-json odd.json --timing
try 'how long it took' 0 'Authorization Time (micro seconds) : ' "$reeve" cedar authorize -t -p p.cedar -k links.json --entities e.json --request-json r.json
try 'another word for false' 1 "--request-validation is 'true' or 'false'" "$reeve" cedar authorize -p p.cedar --request-validation no --entities e.json --request-json r.json
try 'a request said twice' 1 '--request-json says all of the request' "$reeve" cedar authorize -p p.cedar --entities e.json --request-json r.json --action 'Action::"view"'

# ---- validate and explain take links and JSON, too
printf 'entity U, F; entity D in F = {"public": Bool}; action view appliesTo { principal: U, resource: D, context: {ok: Bool} };' >v.cedarschema
try 'validate with links' 0 'passed' "$reeve" cedar validate -s v.cedarschema -p p.cedar -k links.json
try 'validate JSON' 0 'passed' "$reeve" cedar validate -s v.cedarschema -p p.json
printf '{"staticPolicies":{\n"x":"// c\\npermit(principal, action, resource) when { resource.pubic };"}}' >v.json
try 'validate JSON at fault' 3 'v.json:2:5: ' "$reeve" cedar validate -s v.cedarschema -p v.json
try 'explain by a link' 0 'l1' "$reeve" cedar explain -p p.json -k links.json --entities e.json --request-json r.json

# ---- format
printf '// head\n@id("share")\npermit (\n  principal == ?principal,\n  action == Action::"view",\n  resource in ?resource\n)\nwhen { context.ok }; // shared\n' >want.txt
head -n 1 p.cedar | { echo '// head' && cat; } >f.cedar
try 'format' 0 '' "$reeve" cedar format -p f.cedar
same 'formatted' out want.txt
cp f.cedar in
try 'format standard input' 0 '' "$reeve" cedar format
same 'formatted too' out want.txt
: >in
try 'check what is not' 1 'f.cedar: not formatted' "$reeve" cedar format -p f.cedar --check
chmod 640 f.cedar
try 'write' 0 '' "$reeve" cedar format -p f.cedar --write
same 'written' f.cedar want.txt
try 'the mode stays' 0 640 stat -c %a f.cedar
try 'check what is' 0 '' "$reeve" cedar format -p f.cedar -c
try 'other widths' 0 '    principal == ?principal' "$reeve" cedar format -p f.cedar --line-width 40 --indent-width 4
try 'no indentation' 0 'principal == ?principal,' "$reeve" cedar format -p f.cedar -i 0
try 'format what does not parse' 1 'bad.cedar:1:' "$reeve" cedar format -p bad.cedar
try 'write and check' 1 'either --write or --check' "$reeve" cedar format -p f.cedar -w -c
try 'write nowhere' 1 '--write needs --policies' "$reeve" cedar format -w
try 'a file that is not there' 1 'none.cedar' "$reeve" cedar format -p none.cedar

# ---- explain, bench
try 'explain' 0 'it would be DENY with:' "$reeve" cedar explain -p p.cedar -k links.json --entities e.json --request-json r.json
try 'explain in JSON' 0 '"flips":[[{"change":"set"' "$reeve" cedar explain --json -p p.cedar -k links.json --entities e.json --request-json r.json
try 'explain without a request' 1 '--request-json' "$reeve" cedar explain -p p.cedar --entities e.json
try 'explain a request that is none' 1 'good.cedar' "$reeve" cedar explain -p good.cedar --entities e.json --request-json good.cedar
printf '[%s,%s]' "$(cat r.json)" "$(cat r.json)" >rs.json
try 'bench' 0 'decisions/s' "$reeve" cedar bench -p good.cedar --entities e.json --requests rs.json --rounds 20
try 'bench in JSON' 0 '"requests":2,"rounds":20,"decide":{"p50_ns":' "$reeve" cedar bench --json -p good.cedar --entities e.json --requests rs.json --rounds 20
try 'bench that measures nothing' 0 '' "$reeve" cedar bench --untimed -p good.cedar --entities e.json --requests rs.json --rounds 1
try 'bench with one request for a list' 1 'expected an array of requests' "$reeve" cedar bench -p good.cedar --entities e.json --requests r.json
printf '[%s,{"principal":1}]' "$(cat r.json)" >rs.bad
try 'bench with a request that is none' 1 'request 1' "$reeve" cedar bench -p good.cedar --entities e.json --requests rs.bad
try 'bench without entities' 1 '--entities' "$reeve" cedar bench -p good.cedar --requests rs.json
try 'bench for ever' 1 '--rounds' "$reeve" cedar bench -p good.cedar --entities e.json --requests rs.json --rounds 1000000000000

# ---- check-parse
try 'policies that parse' 0 '' "$reeve" cedar check-parse -p good.cedar
try 'policies that do not' 1 'bad.cedar:1:' "$reeve" cedar check-parse -p bad.cedar
cp good.cedar in
try 'standard input that parses' 0 '' "$reeve" cedar check-parse
cp bad.cedar in
try 'standard input that does not' 1 '-:1:' "$reeve" cedar check-parse
: >in
try 'JSON' 0 '' "$reeve" cedar check-parse --policy-format json -p p.json
try 'JSON that is text' 1 'good.cedar' "$reeve" cedar check-parse --policy-format json -p good.cedar
try 'another format' 1 "--policy-format is 'cedar' or 'json'" "$reeve" cedar check-parse --policy-format xml -p good.cedar
try 'links' 0 '' "$reeve" cedar check-parse -p p.cedar -k links.json
try 'links without their templates' 1 'there is no template' "$reeve" cedar check-parse -p good.cedar -k links.json
try 'an expression' 0 '' "$reeve" cedar check-parse --expression '1 + 1 == 2'
try 'an expression that is none' 1 'division is not supported' "$reeve" cedar check-parse --expression '1 / 1'
try 'an expression with a slot' 1 'slots are not allowed' "$reeve" cedar check-parse --expression 'principal == ?principal'
printf 'entity D = {"public": Bool};' >s.cedarschema
try 'a schema' 0 '' "$reeve" cedar check-parse -s s.cedarschema
printf 'entity D = {"public": Bol};' >s.bad
try 'a schema that is none' 1 's.bad:1:' "$reeve" cedar check-parse --schema s.bad
try 'entities' 0 '' "$reeve" cedar check-parse --entities e.json
try 'entities that the schema does not have' 1 'e.json' "$reeve" cedar check-parse --schema s.cedarschema --entities e.json
try 'all that is wrong is told: policies' 1 'bad.cedar:1:' "$reeve" cedar check-parse -p bad.cedar --schema s.bad --expression ']'
n=$((n + 1))
if grep -qF 's.bad:1:' out && grep -qF -e '--expression:1:1' out; then
	echo "ok $n - all that is wrong is told: the rest"
else
	echo "not ok $n - all that is wrong is told: $(tr '\n' ' ' <out)"
fi

# ---- translate-schema
printf 'entity D = {"public": Bool} tags T; type T = Set<D>; @a action v appliesTo { principal: D, resource: D };' >s.cedarschema
try 'schema to JSON' 0 '{"":{"commonTypes":{"T":' "$reeve" cedar translate-schema --direction cedar-to-json -s s.cedarschema
cp out s.json
try 'schema to text' 0 'entity D = {' "$reeve" cedar translate-schema --direction json-to-cedar --schema s.json
cp out s2.cedarschema
try 'schema to JSON again' 0 '' "$reeve" cedar translate-schema --direction cedar-to-json -s s2.cedarschema
same 'nothing is lost' out s.json
try 'schema with its names resolved' 0 '"element":{"type":"Entity","name":"D"}' "$reeve" cedar translate-schema --direction cedar-to-json-with-resolved-types -s s.cedarschema
cp s.cedarschema in
try 'schema from standard input' 0 '"principalTypes":["D"]' "$reeve" cedar translate-schema --direction cedar-to-json
: >in
try 'schema without a direction' 1 'needs --direction' "$reeve" cedar translate-schema -s s.cedarschema
try 'schema at fault' 1 's.bad:1:' "$reeve" cedar translate-schema --direction json-to-cedar -s s.bad
printf 'entity D in Elsewhere::G;' >part
try 'one part of a schema' 0 '"memberOfTypes":["Elsewhere::G"]' "$reeve" cedar translate-schema --direction cedar-to-json -s part
try 'one part of a schema, resolved' 1 "part:1:13: 'Elsewhere::G' is no entity type" "$reeve" cedar translate-schema --direction cedar-to-json-with-resolved-types -s part
echo "1..$n"
