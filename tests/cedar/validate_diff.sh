#!/bin/sh
# Random policies and templates validated by us and by the reference (cedar-wasm from npm, locked): the same verdict and the same
# kinds of findings. RV_SEED picks others, RV_POLICIES how many. Skipped without node, or when the package cannot be had.
# Usage: validate_diff.sh CEDAR_VALIDATE_LINES
set -u
lines=$(realpath "$1")
here=$RV_SOURCE/tests/cedar
echo "1..1"
name="ours and the reference find the same"
skip() { echo "ok 1 - $name # SKIP $1"; exit 0; }
command -v node >/dev/null || skip "needs node"
if [ ! -d "$here/wasm/node_modules/@cedar-policy/cedar-wasm" ]; then
	command -v npm >/dev/null || skip "needs npm once, for cedar-wasm: npm ci --prefix tests/cedar/wasm"
	timeout 120 npm ci --prefix "$here/wasm" --no-audit --no-fund >/dev/null 2>&1 || skip "npm could not bring cedar-wasm"
fi
out=$(node "$here/wasm/validate.js" "$lines" "$here/validate.txt" "${RV_SEED:-1}" "${RV_POLICIES:-2000}" 2>&1)
status=$?
echo "$out" | sed 's/^/# /'
[ $status = 0 ] && echo "ok 1 - $name" || echo "not ok 1 - $name"
