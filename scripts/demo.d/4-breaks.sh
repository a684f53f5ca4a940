chapter "4. Things break"
tell "The server is killed with -9 while a release waits for a person."
runner deploy-bot release --param target=production --input "$site" --wait 2m >"$top/kill.out" 2>&1 &
waiting=$!
wait_for is_pending deploy-bot
id=$(pending_of deploy-bot)
kill -9 "$serve_pid"; wait "$serve_pid" 2>/dev/null
before=$(releases staging)
lines=1 holds 83 'unavailable' "without a server nothing is released: it fails closed" runner deploy-bot release --param target=staging --input "$site" --no-wait
fact "and no release folder came into being" test "$before" = "$(releases staging)"
serve
holds 0 'approved' "it is back, and still knows what was held: ruth approves" as ruth reeve approve "$id"
wait $waiting; status=$?
lines=3 holds 0 'released' "the worker that waited through the crash goes on" cat "$top/kill.out"
fact "and ended with status 0" test $status = 0

tell "The log lives on a small disk. It is filled to the last byte: what cannot be recorded does not happen."
dd if=/dev/zero of="$top/data/ledger/filler" bs=4k 2>/dev/null
# The segment in use was set aside beforehand; questions of ads-bot, each of which is a record, use it up.
python3 - "$top/questions" <<'P'
import json, sys
one = {"subject": {"type": "System", "id": "ads-bot"}, "action": {"name": "read"}, "resource": {"type": "Service", "id": "site-staging"},
       "context": {"arguments": {"why": "x" * 2000}}}
json.dump({**one, "evaluations": [{}] * 1000}, open(sys.argv[1], "w"))
P
chmod 644 "$top/questions"
pour() {
	local i
	for i in $(seq 40); do
		as serve curl -s --unix-socket "$top/run/reeve.sock" -H "Authorization: Bearer $(cat "$top/home/ads-bot/token")" \
			-H 'Content-Type: application/json' -d "@$top/questions" http://reeve/access/v1/evaluations | grep -q audit_unavailable && return 0
	done
	return 1
}
fact "the log is full: decisions are refused as audit_unavailable" pour
before=$(releases staging)
lines=2 holds 83 'unavailable|audit' "deploy-bot releases to staging, which is allowed: refused" runner deploy-bot release --param target=staging --input "$site" --no-wait
fact "nothing was deployed: no release folder came into being" test "$before" = "$(releases staging)"
lines=2 holds 0 'ledger +(full|unavailable)' "and the service says so" as audrey reeve status
rm -f "$top/data/ledger/filler"
works_again() { runner deploy-bot release --param target=staging --input "$site" --no-wait; }
wait_for works_again
holds 0 'released' "the disk is freed: work goes on by itself" works_again
lines=2 holds 0 'ledger +open' "and the service says that too" as audrey reeve status
lines=2 holds 0 'service.audit_gap' "what was refused meanwhile could not be written down; that it was is now in the log" as audrey reeve audit search kind:service.audit_gap
