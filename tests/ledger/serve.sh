#!/bin/bash
# The log of a real `reeve serve`: a disk that fails, fills up and hangs under it, tiles over HTTP, witnesses, receipts,
# a change of key.
# Usage: serve.sh REEVE DISK_PRELOAD        prints TAP
set -uo pipefail
reeve=$1 disk=$2
d=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait 2>/dev/null; rm -rf "$d"' EXIT
export HOME=$d XDG_CONFIG_HOME=$d/config REEVE_SESSION_FILE=$d/session REEVE_SERVER=unix:$d/sock
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0
n=0
ok() { n=$((n + 1)); echo "ok $n - $1"; }
bad() { n=$((n + 1)); sed 's/^/# /' "$d/out" | head -n 20; echo "not ok $n - $1"; }
# says NAME PATTERN COMMAND…: what it prints holds the pattern.   fails NAME STATUS PATTERN COMMAND…
says() { local name=$1 want=$2; shift 2; if "$@" >"$d/out" 2>&1 && grep -qE -- "$want" "$d/out"; then ok "$name"; else bad "$name"; fi; }
fails() { local name=$1 status=$2 want=$3; shift 3; "$@" >"$d/out" 2>&1; if [ $? = "$status" ] && grep -qE -- "$want" "$d/out"; then ok "$name"; else bad "$name"; fi; }
# Until the command succeeds, at most 40 s.
until_ok() { local end=$((SECONDS + 40)); until "$@" >"$d/out" 2>&1; do [ $SECONDS -lt $end ] || return 1; read -rt 0.05 <> <(:) || :; done; }
becomes() { local name=$1; shift; if until_ok "$@"; then ok "$name"; else bad "$name"; false; fi; }
get() { curl -s --unix-socket "$d/sock" "http://reeve$1" "${@:2}"; }
metric() { get /metrics | grep -qx "$1"; }
unhealthy() { ! get /healthz -f; }
status_says() { "$reeve" status | grep -qE "$1"; }
mood() { printf %s "$1" >"$d/disk"; }
serve() { # OPTIONS…
	LD_PRELOAD=$disk RV_DISK=$d/disk "$reeve" serve --data "$d/data" --listen "unix:$d/sock" "$@" 2>>"$d/serve.log" &
	pid=$!
	pids+=("$pid")
	until_ok get /healthz -f
}
stop() { kill "$pid"; wait "$pid" 2>/dev/null; }
ask() { REEVE_TOKEN_FILE=$d/token "$reeve" ask faq read Doc/1; }
allowed() { ask 2>&1 | grep -q '^allow'; }

mood o
vkey=$("$reeve" init --data "$d/data" --origin test.example/log --admin root 2>/dev/null)
serve || { cat "$d/serve.log"; echo "Bail out! serve"; exit 1; }
pw='correct horse battery'
printf '%s\n%s\n' "$pw" "$pw" | "$reeve" setup "$d/data/first-admin" >/dev/null
printf '%s\n' "$pw" | "$reeve" login root >/dev/null
cat >"$d/faq.yaml" <<'Y'
kind: System
name: faq
spec:
  display: FAQ
  class: assistant
  dimensions: {trigger: 0, persistence: 0, autonomy: 0, scope: 0, identity: 0}
  owner: root
  purpose: Answers questions
  environment: production
  risk: low
  usage_policy: {version: "1", text: "A machine answers."}
Y
echo 'permit (principal, action, resource);' >"$d/open.cedar"
{ "$reeve" apply -f "$d/faq.yaml" --submit && "$reeve" apply -f "$d/open.cedar" && "$reeve" system approve faq &&
	"$reeve" system token faq --ttl 1d --out "$d/token" && "$reeve" system activate faq; } >"$d/out" 2>&1 || bad setup
says a_decision_is_recorded '^allow' ask
says metrics_say_it_is_up 'reeve_ledger_up 1' get /metrics

# The disk.
for how in E:fails F:full H:hangs; do
	mood "${how%:*}"
	name=${how#*:}
	ask >"$d/out" 2>&1
	if grep -q audit_unavailable "$d/out" && ! grep -q '^allow' "$d/out"; then ok "denied_while_the_disk_$name"; else bad "denied_while_the_disk_$name"; fi
	# Between two tries the log may think it can: what is said becomes so.
	becomes "metrics_say_the_disk_$name" metric 'reeve_ledger_up 0'
	becomes "health_says_the_disk_$name" unhealthy
	becomes "status_says_the_disk_$name" status_says 'ledger +(unavailable|full): .*'
	mood o
	becomes "goes_on_by_itself_after_it_$name" allowed
	becomes "metrics_say_so_after_it_$name" metric 'reeve_ledger_up 1'
done

# Tiles.
says checkpoint_is_text 'text/plain; charset=utf-8' get /log/checkpoint -D - -o /dev/null
says checkpoint_is_not_cached '[Nn]o-[Ss]tore' get /log/checkpoint -D - -o /dev/null
says tiles_are_immutable 'immutable' get /log/tile/0/000.p/3 -D - -o /dev/null
says entries_need_a_credential '401' get /log/tile/entries/000.p/3 -o /dev/null -w '%{http_code}'
says no_such_tile '404' get /log/tile/0/005 -o /dev/null -w '%{http_code}'
says a_server_verifies '^verified' "$reeve" audit verify --server "unix:$d/sock" --vkey "$vkey"
says export_from_a_server 'files written' "$reeve" audit export-log "$d/static"
says a_static_copy_verifies '^verified' "$reeve" audit verify --data "$d/static" --vkey "$vkey"
sed -i 's/allow/alloW/' "$d"/static/tile/entries/000.p/*
fails an_edited_copy_does_not 76 'edited' "$reeve" audit verify --data "$d/static" --vkey "$vkey"

# Witnesses: one alone, one in another installation.
w1=$("$reeve" witness init --store "$d/w1" --name witness.example/w1)
echo "$vkey  # the log" >"$d/logs"
"$reeve" witness serve --store "$d/w1" --logs "$d/logs" --listen "unix:$d/w1.sock" 2>>"$d/w1.log" &
pids+=($!)
w2=$("$reeve" witness init --store "$d/w2" --name node.example/2)
"$reeve" init --data "$d/node2" --origin node.example/log --admin root >/dev/null 2>&1
"$reeve" serve --data "$d/node2" --listen "unix:$d/node2.sock" --cosign-store "$d/w2" --cosign-logs "$d/logs" 2>>"$d/node2.log" &
pids+=($!)
echo "unix:$d/w1.sock $w1" >"$d/witnesses"
stop
fails two_processes_on_one_log 75 'in use' "$reeve" serve --data "$d/node2" --listen "unix:$d/other.sock"
serve --witnesses "$d/witnesses" --witness-quorum 1
cosigned() { get /log/checkpoint | grep -q 'witness.example/w1'; }
becomes checkpoints_are_cosigned cosigned
ask >/dev/null 2>&1
# Everything durable is in the checkpoint that is published.
newest() { local size; size=$(get /log/checkpoint | sed -n 2p); "$reeve" status >"$d/status" && grep -q "witness.example/w1: $size records" "$d/status" && grep -q "open, $size records" "$d/status"; }
becomes status_names_the_witness newest
says add_checkpoint_on_a_node '^409' curl -s --unix-socket "$d/node2.sock" http://node/witness/add-checkpoint -o /dev/null -w '%{http_code}' --data-binary @<(printf 'old 5\n\n'; get /log/checkpoint)
says add_checkpoint_answers_a_cosignature 'node.example/2' curl -s --unix-socket "$d/node2.sock" http://node/witness/add-checkpoint --data-binary @<(printf 'old 0\n\n'; get /log/checkpoint)
says add_checkpoint_malformed '^400' curl -s --unix-socket "$d/w1.sock" http://w/add-checkpoint -o /dev/null -w '%{http_code}' --data-binary 'hello'
origin_hash=$(printf test.example/log | sha256sum | cut -d' ' -f1)
says monitors_see_what_was_cosigned 'witness.example/w1' curl -s --unix-socket "$d/w1.sock" "http://w/$origin_hash/checkpoint"

# A receipt with its event and cosignature.
event=$("$reeve" audit search 'kind:decision outcome:allow' -n 1 | grep -oE '[0-9a-f]{8}-[0-9a-f-]{27}' | head -n 1)
"$reeve" audit prove "$event" --out "$d/receipt" >"$d/out" 2>&1 || bad prove
says a_receipt_needs_no_server '^verified' env REEVE_SERVER=unix:/nowhere "$reeve" audit check "$d/receipt" --vkey "$vkey" --witness-vkey "$w1" --quorum 1
fails a_receipt_lacks_another_witness 5 'cosigned' "$reeve" audit check "$d/receipt" --vkey "$vkey" --witness-vkey "$w2" --quorum 1
sed -i '2s/A/B/' "$d/receipt"
fails a_changed_receipt_fails 76 . "$reeve" audit check "$d/receipt" --vkey "$vkey"

# Everything is there, and cosigned.
cp -r "$d/data" "$d/yesterday"
ask >/dev/null 2>&1
becomes the_newest_is_cosigned_too newest
stop
says the_folder_verifies_with_its_witness 'cosigned by 1 witness' "$reeve" audit verify --data "$d/data" --vkey "$vkey" --witness-vkey "$w1" --quorum 1
fails a_quorum_that_is_not_there 76 '2 are asked for' "$reeve" audit verify --data "$d/data" --vkey "$vkey" --witness-vkey "$w1" --witness-vkey "$w2" --quorum 2

# Yesterday's copy in its place: the witness holds more than this log has.
mv "$d/data" "$d/today"; mv "$d/yesterday" "$d/data"
serve --witnesses "$d/witnesses"
alarm() { metric 'reeve_witness_alarms 1'; }
becomes a_log_that_was_set_back_raises_an_alarm alarm || { get /metrics; "$reeve" status; tail -5 "$d/serve.log"; } 2>&1 | sed "s/^/# /"
stop
rm -rf "$d/data"; mv "$d/today" "$d/data"

# Another key.
new=$("$reeve" audit rotate-key --data "$d/data" 2>"$d/out") && [ "$new" != "$vkey" ] && ok a_new_key || bad a_new_key
serve
allowed
stop
says who_holds_the_old_key_goes_on_verifying '^verified' "$reeve" audit verify --data "$d/data" --vkey "$vkey"
says who_holds_the_new_one_too '^verified' "$reeve" audit verify --data "$d/data" --vkey "$new"
echo "1..$n"
