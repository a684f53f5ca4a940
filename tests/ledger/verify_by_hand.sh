#!/bin/bash
# Checks a receipt (c2sp.org/tlog-proof@v1) with openssl, sha256sum and base64 alone: that this leaf is in the log whose
# key you hold. Read it before you run it; it is meant to be read.
#
# Usage: verify_by_hand.sh LEAF RECEIPT VKEY      three files: the exact bytes of the leaf, the receipt, the log's key
#        verify_by_hand.sh --tap MAKE_RECEIPT     runs itself on made receipts, good and bad ones, and prints TAP
set -euo pipefail

die() { echo "NOT verified: $*"; exit 1; }

# Tree nodes (RFC 6962): SHA-256 of a byte 1, the left hash, the right hash.
node() { { printf '\001'; cat "$1" "$2"; } | openssl dgst -sha256 -binary > "$3.new"; mv "$3.new" "$3"; }

check() {
	local leaf=$1 receipt=$2 vkey=$3 t name key index size fn sn lines=0
	t=$(mktemp -d)
	trap "rm -rf '$t'" EXIT

	# 1. The receipt: a proof, a blank line, the checkpoint.
	[ "$(head -n 1 "$receipt")" = c2sp.org/tlog-proof@v1 ] || die "not a receipt"
	sed '1,/^$/d' "$receipt" > "$t/checkpoint"
	sed '/^$/,$d' "$receipt" | sed -e '1d' -e '/^extra /d' -e '/^index /d' > "$t/proof"
	index=$(sed -n 's/^index \([0-9]*\)$/\1/p;/^$/q' "$receipt")
	[ -n "$index" ] || die "the receipt has no index"

	# 2. The checkpoint: origin, size, root; a blank line; signatures. What is signed ends before the blank line.
	sed '/^$/,$d' "$t/checkpoint" > "$t/body"
	name=$(sed -n 1p "$t/body")
	size=$(sed -n 2p "$t/body")
	[[ $size =~ ^[0-9]+$ ]] || die "the checkpoint has no size"
	sed -n 3p "$t/body" | base64 -d > "$t/root" || die "the checkpoint has no root"

	# 3. The key: name+hash+base64(0x01 || 32 bytes). openssl wants them behind the DER head of Ed25519.
	[ "${name}" = "$(cut -d+ -f1 "$vkey")" ] || die "the checkpoint is of the log '$name'"
	key=$(cut -d+ -f3- "$vkey")
	echo "$key" | base64 -d | tail -c 32 > "$t/pk"
	{ printf '\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00'; cat "$t/pk"; } > "$t/pk.der"

	# 4. The signature: base64(4 bytes key id || 64 bytes) behind a dash and the name.
	sed -n "s|^— $name ||p" "$t/checkpoint" | head -n 1 | base64 -d | tail -c 64 > "$t/sig"
	openssl pkeyutl -verify -pubin -keyform DER -inkey "$t/pk.der" -rawin -in "$t/body" -sigfile "$t/sig" > /dev/null 2>&1 ||
		die "the signature of the checkpoint is wrong"
	echo "the checkpoint of $size events is signed by $name"

	# 5. The leaf's hash: SHA-256 of a byte 0 and the leaf.
	echo "the leaf's hash: $({ printf '\000'; cat "$leaf"; } | sha256sum | cut -d' ' -f1)"
	{ printf '\000'; cat "$leaf"; } | openssl dgst -sha256 -binary > "$t/hash"

	# 6. Up the tree (RFC 9162 2.1.3.2): each line of the proof is the neighbour, left or right of us.
	[ "$index" -lt "$size" ] || die "the index lies outside the tree"
	fn=$index sn=$((size - 1))
	while read -r line; do
		lines=$((lines + 1))
		echo "$line" | base64 -d > "$t/next" || die "line $lines of the proof is no hash"
		[ "$sn" -gt 0 ] || die "the proof is too long"
		if [ $((fn % 2)) = 1 ] || [ "$fn" = "$sn" ]; then
			node "$t/next" "$t/hash" "$t/hash"
			while [ $((fn % 2)) = 0 ] && [ "$fn" != 0 ]; do fn=$((fn / 2)) sn=$((sn / 2)); done
		else
			node "$t/hash" "$t/next" "$t/hash"
		fi
		fn=$((fn / 2)) sn=$((sn / 2))
	done < "$t/proof"
	[ "$sn" = 0 ] || die "the proof is too short"
	cmp -s "$t/hash" "$t/root" || die "the proof leads to another root"
	echo "verified: this is event $index of $size, $lines hashes up to the signed root"
}

tap() {
	local make=$1 d n=0 good event events
	d=$(mktemp -d)
	trap "rm -rf '$d'" EXIT
	expect() { # WANT NAME LEAF RECEIPT VKEY
		local got=refused
		if "$0" "$3" "$4" "$5" > "$d/out" 2>&1; then got=verified; fi
		n=$((n + 1))
		if [ "$got" = "$1" ]; then echo "ok $n - $2"; else sed 's/^/# /' "$d/out"; echo "not ok $n - $2"; fi
	}
	for good in 0:1 0:2 1:2 6:7 41:100 255:256 256:257 99:600; do
		event=${good%:*} events=${good#*:}
		"$make" "$d" "$event" "$events"
		expect verified "event_${event}_of_$events" "$d/leaf" "$d/receipt" "$d/vkey"
	done
	sed 's/bot/bat/' "$d/leaf" > "$d/bad"
	expect refused changed_leaf "$d/bad" "$d/receipt" "$d/vkey"
	sed 's/^index .*/index 98/' "$d/receipt" > "$d/bad"
	expect refused changed_index "$d/leaf" "$d/bad" "$d/vkey"
	sed 's/^600$/601/' "$d/receipt" > "$d/bad"
	expect refused changed_size "$d/leaf" "$d/bad" "$d/vkey"
	sed '4d' "$d/receipt" > "$d/bad"
	expect refused shorter_proof "$d/leaf" "$d/bad" "$d/vkey"
	sed '4{p}' "$d/receipt" > "$d/bad"
	expect refused longer_proof "$d/leaf" "$d/bad" "$d/vkey"
	sed 's/+A[A-Za-z0-9]/+AX/' "$d/vkey" > "$d/bad"
	expect refused another_key "$d/leaf" "$d/receipt" "$d/bad"
	sed '/^—/d' "$d/receipt" > "$d/bad"
	expect refused unsigned "$d/leaf" "$d/bad" "$d/vkey"
	echo "1..$n"
}

case $# in
2) [ "$1" = --tap ] && tap "$2" ;;
3) check "$@" ;;
*) sed -n '5,6s/^# //p' "$0" >&2; exit 2 ;;
esac
