chapter "5. A bad deploy"
tell "An approval is still unused when somebody sees that deploy-bot misbehaves. Stopping needs one person and holds at once; coming back needs another."
edit third; commit third
quiet quiet_held
id=$(pending_of deploy-bot)
quiet as ruth reeve approve "$id" --reason "before anybody knew"
lines=3 holds 0 'confirmed' "olivia suspends deploy-bot: requested, and confirmed when no decision can see it active" as olivia reeve system suspend deploy-bot --reason "bad deploy"
lines=3 holds 81 'suspended' "the very next action is refused" runner deploy-bot release --param target=staging --input "$site" --no-wait
lines=3 holds 81 'suspended' "and so is the approval given before: it is judged again on use" runner deploy-bot release --param target=production --input "$site" --no-wait --approval "$id"
lines=1 holds 6 'governor|person' "olivia alone cannot bring it back" as olivia reeve system resume deploy-bot
lines=1 holds 0 'active' "gordon can" as gordon reeve system resume deploy-bot --reason "rolled back"
holds 0 'released' "and it works again" runner deploy-bot release --param target=staging --input "$site" --no-wait
