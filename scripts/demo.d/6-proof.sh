chapter "6. Afterwards: what happened, why, and is that the truth?"
tell "Audrey audits. She finds what was denied, who answers for it, and which condition decided."
lines=6 holds 0 'deny' "everything denied to deploy-bot in the last hour" as audrey reeve audit search 'system:deploy-bot outcome:deny since:1h'
allowed=$(event_of 'kind:decision system:deploy-bot action:release outcome:allow "site-production"')
lines=12 holds 0 'vote +approve by ruth' "one release to production: owner, profile, policy, approver, intent, outcome" as audrey reeve audit show "$allowed"
denied=$(event_of 'kind:decision system:social-bot outcome:deny')
denied_seq=$(as audrey reeve audit search 'kind:decision system:social-bot outcome:deny' -n 1 --json | sed 's/.*"seq":\([0-9]*\).*/\1/')
lines=24 holds 0 'finance-is-for-finance.* applies' "why social-bot was denied: the policy, the condition, the values" as audrey reeve explain "$denied"
holds 0 '"agrees":true' "deciding it again on the facts as they were gives the same" as audrey reeve explain "$denied" --json
lines=1 holds 6 'only a person' "a worker's token explains nothing" worker social-bot reeve explain "$denied"
lines=2 holds 0 'access' "reading the facts left a trace of its own" as audrey reeve audit search 'kind:access since:1h' -n 1

tell "A witness, under another user, remembers where the log stands. It follows only a log that continues the one it knows."
visit() { as witness reeve witness --vkey "$vkey" --store "$top/witness/checkpoint"; }
holds 0 'taken over' "the witness takes over the signed checkpoint" visit
quiet as audrey reeve audit prove "$allowed" --out "$top/home/audrey/receipt"
holds 0 'verified' "a receipt of one event is checked without any server" as audrey reeve audit check "$top/home/audrey/receipt" --leaf "$top/home/audrey/receipt.leaf" --vkey "$vkey"
chmod 644 "$top/vkey"
lines=8 holds 0 '^verified: this is event' "and with openssl and sha256sum alone" as audrey verify_by_hand.sh "$top/home/audrey/receipt.leaf" "$top/home/audrey/receipt" "$top/vkey"
as audrey sh -c "sed 's/olivia/nobody/' $top/home/audrey/receipt.leaf >$top/home/audrey/bad"
lines=2 holds 1 'NOT verified' "with one word of the event changed it is not" as audrey verify_by_hand.sh "$top/home/audrey/bad" "$top/home/audrey/receipt" "$top/vkey"

tell "Now the log itself is attacked. First a copy is put aside, then work goes on and the witness comes by again."
cp -r "$top/data/ledger" "$top/yesterday"
quiet runner ads-bot spend --param campaign=winter --param amount=1.00
holds 0 'taken over' "the witness comes by again" visit
stop_serve
verify() { reeve audit verify --data "$1" --vkey "$vkey" --checkpoint "$top/witness/checkpoint"; }
holds 0 '^verified' "the true log verifies, from its bytes, against key and witness" verify "$top/data"

cp -r "$top/data/ledger" "$top/flipped"
python3 - "$(ls -S "$top"/flipped/*.seg | head -n1)" <<'P'
import sys
p = sys.argv[1]; b = bytearray(open(p, "rb").read()); i = b.find(b'"outcome":"deny"'); b[i + 14] ^= 1; open(p, "wb").write(b)
P
lines=3 holds 76 'FAILED' "one flipped bit: found, with file, place and event" verify "$top/flipped"

lines=1 holds 0 'forged' "the thief of the log's key turns social-bot's denial into an allow, and signs the whole log again" forge_log "$top/data/ledger" "$top/data/log.key" "$top/forged" "$denied_seq" '"outcome":"deny"' '"outcome":"allow"'
lines=1 holds 0 '^verified' "the forgery is perfect: it carries the right signature" reeve audit verify --data "$top/forged" --vkey "$vkey"
lines=3 holds 76 'FAILED' "but it is not the log that the witness saw" verify "$top/forged"
lines=3 holds 76 'FAILED' "nor is yesterday's copy, put in its place" verify "$top/yesterday"
serve
