#!/bin/bash
# A verifier written outside the project (verify.go: Go's sumdb packages) accepts a log that Reeve wrote and rejects each
# tampering. Needs Debian's golang-golang-x-mod-dev and a Go compiler (golang-go); without them it is skipped.
# Usage: verify.sh MAKE_LOG        prints TAP
set -uo pipefail
make_log=$1
here=$(cd "$(dirname "$0")" && pwd)
sources=/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog
if ! command -v go >/dev/null || [ ! -d "$sources" ]; then
	echo "ok 1 - verifier # SKIP needs golang-go and golang-golang-x-mod-dev"
	echo "1..1"
	exit 0
fi
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
n=0
ok() { n=$((n + 1)); echo "ok $n - $1"; }
bad() { n=$((n + 1)); sed 's/^/# /' "$d/out"; echo "not ok $n - $1"; }
if ! GO111MODULE=off GOFLAGS= GOPATH=/usr/share/gocode GOCACHE="$d/cache" HOME="$d" go build -o "$d/verify" "$here/verify.go" >"$d/out" 2>&1; then
	bad builds
	echo "1..$n"
	exit 1
fi
ok builds

# fresh: a copy of the log to spoil. accept / reject NAME [WORDS]: what the verifier says of it.
fresh() { rm -rf "$d/try"; cp -r "$d/log" "$d/try"; }
run() { "$d/verify" "$d/try/static" "$(cat "$d/try/vkey")" -saved "$d/try/saved" -witness "$(cat "$d/try/witness")" -receipt "$d/try/receipt" -leaf "$d/try/leaf" >"$d/out" 2>&1; }
accept() { if run; then ok "$1"; else bad "$1"; fi; }
reject() { if run; then bad "$1"; elif grep -q "rejected:.*$2" "$d/out"; then ok "$1"; else bad "$1"; fi; }
edit() { python3 - "$d/try" "$@" <<'P'
import base64, hashlib, struct, sys
top, what = sys.argv[1:3]
def read(name): return bytearray(open(f"{top}/static/{name}", "rb").read())
def write(name, b): open(f"{top}/static/{name}", "wb").write(b)
def entries(b):
    out, at = [], 0
    while at < len(b):
        n = struct.unpack(">H", b[at:at + 2])[0]
        out.append(bytes(b[at + 2:at + 2 + n])); at += 2 + n
    return out
def join(e): return b"".join(struct.pack(">H", len(x)) + x for x in e)
def leaf(x): return hashlib.sha256(b"\0" + x).digest()
def node(l, r): return hashlib.sha256(b"\1" + l + r).digest()
def fold(h):
    while len(h) > 1: h = [node(h[i], h[i + 1]) for i in range(0, len(h), 2)]
    return h[0]
e = entries(read("tile/entries/001"))
i = next(k for k, x in enumerate(e) if b'"allow"' in x)
if what in ("edit", "edit-hash", "edit-upper"):
    e[i] = e[i].replace(b'"allow"', b'"alloW"'); write("tile/entries/001", join(e))
if what in ("edit-hash", "edit-upper"):
    write("tile/0/001", b"".join(leaf(x) for x in e))
if what == "edit-upper":
    t = read("tile/1/000.p/5"); t[32:64] = fold([leaf(x) for x in e]); write("tile/1/000.p/5", t)
if what == "swap":
    e[3], e[4] = e[4], e[3]; write("tile/entries/001", join(e))
if what == "drop":
    write("tile/entries/001", join(e[:-1]))
if what == "upper":
    t = read("tile/1/000.p/5"); t[70] ^= 1; write("tile/1/000.p/5", t)
if what == "size":
    c = read("checkpoint").split(b"\n"); c[1] = str(int(c[1]) - 1).encode(); write("checkpoint", b"\n".join(c))
if what == "cosig":
    c = read("checkpoint").decode().split("\n")
    k = next(j for j, x in enumerate(c) if "witness" in x)
    w = c[k].split(" "); s = bytearray(base64.b64decode(w[2])); s[11] ^= 1
    c[k] = " ".join(w[:2] + [base64.b64encode(bytes(s)).decode()]); write("checkpoint", "\n".join(c).encode())
P
}

for size in 10 256 257 66000 1300; do
	rm -rf "$d/log"; mkdir -p "$d/log"
	"$make_log" "$d/log" $size || { echo "Bail out! make_log"; exit 1; }
	fresh; accept "a_log_of_$size"
done
fresh; edit edit; reject edited_entry "."
fresh; edit edit-hash; reject entry_forged_with_its_hash "."
fresh; edit edit-upper; reject entry_forged_with_all_its_tiles "."
fresh; edit swap; reject swapped_entries "."
fresh; edit drop; reject entry_removed "255 entries"
fresh; edit upper; reject forged_upper_tile "."
fresh; edit size; reject edited_size "checkpoint"
fresh; edit cosig; reject forged_cosignature "checkpoint"
fresh; rm "$d/try/static/tile/0/003"; reject missing_tile "no such file"
fresh; sed -i 's/deny/allo/' "$d/try/leaf"; sed -i 's/bot-/bat-/' "$d/try/leaf"; reject receipt_of_another_event "another event"
fresh; sed -i '/^extra /d; s/^index .*/index 7/' "$d/try/receipt"; reject receipt_moved "receipt"
fresh; sed -i 's/example/exbmple/' "$d/try/vkey"; reject another_key "key"
rm -rf "$d/log2"; mkdir "$d/log2"; "$make_log" "$d/log2" 2600 fork
fresh; rm -rf "$d/try/static"; cp -r "$d/log2/static" "$d/try/"; reject fork_with_the_right_key "consistency"
rm -rf "$d/log2"; mkdir "$d/log2"; "$make_log" "$d/log2" 20
fresh; rm -rf "$d/try/static"; cp -r "$d/log2/static" "$d/try/"; reject set_back "set back"
echo "1..$n"
