#!/bin/sh
# The public integration tests and oracles through `reeve cedar test` and `validate`, when they are
# there. Prints TAP. Usage: corpus.sh REEVE
set -u
reeve=$(realpath "$1")
root=${RV_SHARED:-/nonexistent}/cedar
echo 1..8
if [ ! -d "$root/integration/corpus-tests" ]; then
	for n in 1 2 3 4 5 6 7 8; do echo "ok $n - conformance # SKIP no shared data"; done
	exit 0
fi
cd "$root" || exit 1
run() { # number, name, expected last line, files...
	n=$1 name=$2 want=$3
	shift 3
	got=$("$reeve" cedar test "$@" | tail -n 1)
	if [ "$got" = "$want" ]; then echo "ok $n - $name"; else echo "not ok $n - $name: $got"; fi
}
corpus=$(ls integration/corpus-tests/*.json | grep -v entities)
# shellcheck disable=SC2086
run 1 corpus '9600 passed, 0 failed' $corpus
# shellcheck disable=SC2086
run 2 'corpus without schemas' '9600 passed, 0 failed' --no-schema $corpus
run 3 handwritten '74 passed, 0 failed' integration/tests/*/*.json
run 4 'entity parsing' '57 passed, 0 failed' entity-parsing-testdata/*.parsing.json
run 5 'corpus oracles' '21932 passed, 0 failed' validation/*.validation.json
run 6 'named oracles' '968 passed, 0 failed' validate-testdata/*.validation.json

# The use cases are valid as they stand, warnings included.
bad=
for dir in example-use-cases/*/ example-use-cases/*/static/ example-use-cases/*/templated/; do
	[ -f "$dir/policies.cedar" ] || continue
	links=
	[ -f "$dir/linked" ] && links="--template-linked $dir/linked"
	# shellcheck disable=SC2086
	"$reeve" cedar validate --deny-warnings --schema "$dir/policies.cedarschema" \
		--policies "$dir/policies.cedar" $links >/dev/null 2>&1 || bad="$bad $dir"
done
if [ -z "$bad" ]; then echo "ok 7 - use cases"; else echo "not ok 7 - use cases:$bad"; fi

# Their requests, under the schema; the entities of two do not fit theirs, which the reference says as well.
bad= count=0
for want in ALLOW DENY; do
	status=0
	[ $want = ALLOW ] || status=2
	for request in example-use-cases/*/$want/*.json example-use-cases/*/*/$want/*.json; do
		[ -f "$request" ] || continue
		dir=${request%/"$want"/*} more=
		case $dir in
		*/document_cloud | */github_example) ;;
		*) more="--schema $dir/policies.cedarschema" ;;
		esac
		[ -f "$dir/linked" ] && more="$more --template-linked $dir/linked"
		# shellcheck disable=SC2086
		"$reeve" cedar authorize --policies "$dir/policies.cedar" --entities "$dir/entities.json" \
			--request-json "$request" $more >/dev/null 2>&1
		[ $? = $status ] || bad="$bad $request"
		count=$((count + 1))
	done
done
if [ -z "$bad" ] && [ $count = 46 ]; then echo "ok 8 - use cases decided"; else echo "not ok 8 - use cases decided: $count,$bad"; fi
