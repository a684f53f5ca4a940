chapter "2. deploy-bot releases a real site from a real repository"
repo=$top/home/deploy-bot/site
tar=$top/home/deploy-bot/site.tar
git_bot() { worker deploy-bot git -C "$repo" -c user.name=deploy-bot -c user.email=deploy-bot@acme.example "$@"; }
commit() { git_bot add -A; git_bot commit -qm "$1"; git_bot archive -o "$tar" HEAD; }
edit() { worker deploy-bot sh -c "echo '<p>$1</p>' >>$repo/index.html"; }
quiet worker deploy-bot git -c init.defaultBranch=main init -q "$repo"
cp "$top"/acme/site/* "$repo/"
chown -R "${uid[deploy-bot]}" "$repo"
commit first
site="site=$tar"

tell "deploy-bot is a process of its own, under a Unix user of its own. The folder that is served belongs to the runner's user; the kernel keeps deploy-bot out of it."
lines=1 holds 1 'Permission denied' "deploy-bot copies to production by itself: the kernel says no" worker deploy-bot cp "$repo/index.html" "$top/www/production/"
holds 0 'released' "it asks the runner for staging: policy allows it, the runner does it" runner deploy-bot release --param target=staging --input "$site"
lines=1 holds 0 'doctype' "staging serves it" see staging

tell "Production is another matter: the policy holds it until a release manager has looked."
lines=3 holds 80 'held|people|approval' "deploy-bot asks for production: held, nothing is done" runner deploy-bot release --param target=production --input "$site" --no-wait
lines=1 holds 22 '404' "production serves nothing yet" see production
lines=30 holds 0 'executable' "ruth, the release manager, sees exactly what would run" as ruth reeve approvals
id=$(pending_of deploy-bot)
lines=1 holds 6 'only people approve' "the worker's own token approves nothing" worker deploy-bot reeve approve "$id"
lines=1 holds 6 'owner' "nor does the owner of the worker" as olivia reeve approve "$id"
lines=1 holds 1 'Permission denied' "nor can the worker borrow ruth's session" worker deploy-bot cat "$top/home/ruth/.config/reeve/session"
runner deploy-bot release --param target=production --input "$site" --wait 2m >"$top/waiting.out" 2>&1 &
waiting=$!
holds 0 'approved' "ruth approves, while the worker waits" as ruth reeve approve "$id" --reason "looked at the site"
wait $waiting; status=$?
lines=3 holds 0 'released' "the same worker goes on, without a restart" cat "$top/waiting.out"
fact "and ended with status 0" test $status = 0
lines=1 holds 0 'doctype' "production serves it" see production

tell "An approval is for one thing, once: these bytes, these arguments, this program."
edit second; commit second
quiet_held() { runner deploy-bot release --param target=production --input "$site" --no-wait >/dev/null 2>&1; [ $? = 80 ]; }
quiet quiet_held
id=$(pending_of deploy-bot)
quiet as ruth reeve approve "$id"
edit smuggled; commit smuggled
before=$(releases production)
lines=4 holds 81 'sha256:.*sha256:' "an input swapped after approval is refused, both digests shown" runner deploy-bot release --param target=production --input "$site" --no-wait --approval "$id"
fact "and nothing was released" test "$before" = "$(releases production)"
git_bot archive -o "$tar" HEAD~1
runner deploy-bot release --param target=production --input "$site" --no-wait >"$top/a.out" 2>&1 & a=$!
runner deploy-bot release --param target=production --input "$site" --no-wait >"$top/b.out" 2>&1 & b=$!
wait $a; sa=$?; wait $b; sb=$?
holds 0 '^0 80$' "two uses of one approval at the same moment: one runs (0), the other is held (80)" bash -c "printf '%s\n' $sa $sb | sort -n | xargs"
