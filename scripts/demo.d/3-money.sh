chapter "3. Money, data, strangers"
tell "ads-bot may spend 100 euros a day by itself. The limit is reserved before the act, so two purchases cannot both take the last cent."
holds 0 'spent' "within its budget: 60 euros" runner ads-bot spend --param campaign=autumn --param amount=60.00
lines=3 holds 80 'limit|held|approval' "60 more would pass it: held for the marketing lead" runner ads-bot spend --param campaign=autumn --param amount=60.00 --no-wait
fact "one purchase was made, not two" test "$(wc -l <"$top/books/ads.csv")" = 1
lines=3 holds 0 'ad-spend' "what is left of the budget" as olivia reeve limits ads-bot

tell "social-bot writes posts. It has no business with the books."
lines=3 holds 81 'finance data is for the finance' "it reads the finance data: denied, in the policy's own words" runner social-bot read-finance
lines=1 holds 1 'Permission denied' "and going around Reeve does not help: the file is closed to it" worker social-bot cat "$top/finance/quarter.csv"

tell "A process that nobody registered gets nothing, and is told by what it was stopped."
lines=1 holds 82 'cannot open credential' "from the runner: it has no credential" as stranger reeve exec --runner "$top/exec/exec.sock" --token-file "$top/home/stranger/none" release --param target=staging --input site=/etc/hostname
worker deploy-bot cat "$top/home/deploy-bot/token" >"$top/home/stranger/stolen"
chown "${uid[stranger]}" "$top/home/stranger/stolen"; chmod 600 "$top/home/stranger/stolen"
lines=2 holds 82 'not|refused|user' "even with deploy-bot's stolen token: the kernel tells the runner that this is not deploy-bot's user" as stranger reeve exec --runner "$top/exec/exec.sock" --token-file "$top/home/stranger/stolen" release --param target=staging --input site=/etc/hostname
lines=1 holds 5 'credential' "from the server: no credential" as stranger reeve ask deploy-bot release Service/site-staging
lines=1 holds 1 'Permission denied' "from the data folder: the file's permission" as stranger cat "$top/data/reeve.db"
