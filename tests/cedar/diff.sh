#!/bin/sh
# Random worlds answered by us and by the reference (cedar-wasm from npm, locked): 2,000 worlds of 50 requests. RV_SEED picks other
# worlds, RV_WORLDS how many. Skipped without node, or when the package is not there and npm cannot bring it.
set -u
cases=$1
here=$RV_SOURCE/tests/cedar/wasm
echo "1..1"
name="ours and the reference agree"
skip() { echo "ok 1 - $name # SKIP $1"; exit 0; }
command -v node >/dev/null || skip "needs node"
if [ ! -d "$here/node_modules/@cedar-policy/cedar-wasm" ]; then
	command -v npm >/dev/null || skip "needs npm once, for cedar-wasm: npm ci --prefix tests/cedar/wasm"
	timeout 120 npm ci --prefix "$here" --no-audit --no-fund >/dev/null 2>&1 || skip "npm could not bring cedar-wasm"
fi
out=$("$cases" "${RV_SEED:-1}" "${RV_WORLDS:-2000}" 50 | node "$here/diff.js" 2>&1)
status=$?
echo "$out" | sed 's/^/# /'
[ $status = 0 ] && echo "ok 1 - $name" || echo "not ok 1 - $name"
