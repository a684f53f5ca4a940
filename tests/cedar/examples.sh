#!/bin/sh
# The reference's example applications, when they are there: each request of a folder ALLOW or DENY answered so, by
# policies in text and by the same policies in JSON, static or linked; by their schemas, save for two of them, whose
# entities do not fit (an ACL that is a document, a user in an organization). Prints TAP.
# Usage: examples.sh REEVE
set -u
reeve=$(realpath "$1")
root=${RV_SHARED:-/nonexistent}/cedar/example-use-cases
if [ ! -d "$root" ]; then
	echo 1..1
	echo "ok 1 - example applications # SKIP no shared data"
	exit 0
fi
tmp=$(mktemp) || exit 1
trap 'rm -f "$tmp"' EXIT
cd "$root" || exit 1
n=0
for policies in $(find . -name policies.cedar | sort); do
	dir=${policies%/policies.cedar}
	n=$((n + 1))
	bad= asked=0 links=
	[ -f "$dir/linked" ] && links="-k $dir/linked"
	case $dir in
	./document_cloud | ./github_example) schema= ;;
	*) schema="--schema $dir/policies.cedarschema" ;;
	esac
	"$reeve" cedar translate-policy --direction cedar-to-json -p "$policies" >"$tmp" || bad=" translate-policy"
	for request in "$dir"/ALLOW/*.json "$dir"/DENY/*.json; do
		case $request in
		*/ALLOW/*) want=0 ;;
		*) want=2 ;;
		esac
		for form in "$policies --policy-format cedar" "$tmp --policy-format json"; do
			# shellcheck disable=SC2086
			"$reeve" cedar authorize -p $form $links $schema --entities "$dir/entities.json" \
				--request-json "$request" >/dev/null 2>&1
			[ $? -eq "$want" ] || bad="$bad $request"
			asked=$((asked + 1))
		done
	done
	if [ -z "$bad" ] && [ "$asked" -gt 1 ]; then
		echo "ok $n - $dir: $asked answers"
	else
		echo "not ok $n - $dir:$bad"
	fi
done
echo "1..$n"
