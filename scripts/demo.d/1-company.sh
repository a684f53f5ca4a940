chapter "1. A company registers its AI systems"
tell "Acme starts Reeve in an empty folder. It gets a log whose key is kept elsewhere, and one link with which the first admin sets a password."
vkey=$(as serve reeve init --data "$top/data" --origin acme.example/reeve --admin root 2>/dev/null)
echo "$vkey" >"$top/vkey"
echo "       ${dim}serve\$ reeve init --data …/data --origin acme.example/reeve${plain}"
echo "         $vkey"
serve
cp "$top/data/first-admin" "$top/home/root/link"
chown "${uid[root]}" "$top/home/root/link"
redeem() { pw "$1" | as "$1" reeve setup "$top/home/$1/link"; }
login() { pw "$1" | as "$1" reeve login "$1"; }
quiet redeem root
quiet login root
holds 5 'unknown|used|expired' "the first admin's link works once: a second try is refused" redeem root

tell "People come first: each has rights of their own, and each sets a password nobody else knows."
lines=1 holds 0 '11 created' "people, teams, groups and roles" as root reeve apply -f "$top/acme/people.yaml"
for p in olivia gordon ruth audrey; do
	quiet as root reeve person invite $p --out "$top/home/root/$p"
	cp "$top/home/root/$p" "$top/home/$p/link"
	chown "${uid[$p]}" "$top/home/$p/link"
	quiet redeem $p
	quiet login $p
done
holds 5 'name or password|password' "a wrong password opens nothing" bash -c "$(declare -f as as_exec pw); $(declare -p uid); top=$top; echo 'not her password at all' | as ruth reeve login ruth"

tell "Whatever widens access needs two people. The admin proposes the catalogue and the policies; no flag approves them."
holds 0 '5 waiting for another person' "catalogue and enforcement point are proposed" as root reeve apply -f "$top/acme/world.yaml"
holds 0 '1 waiting for another person' "and so are the policies" as root reeve apply -f "$top/acme/acme.cedar"
changes=$(as gordon reeve change list --json | ids '')
lines=1 holds 6 'another person' "who proposed a change does not approve it" as root reeve change approve "$(head -n1 <<<"$changes")"
for c in $changes; do quiet as gordon reeve change approve "$c"; done
holds 0 'No change waits' "gordon, another person with another login, did" as gordon reeve change list

tell "Olivia owns five AI systems: an assistant, an agent and three workers. A class cannot be declared too low, and its controls cannot be left out."
sed 's/class: worker/class: assistant/' "$top/acme/systems.yaml" >"$top/home/olivia/too-low.yaml"
lines=1 holds 2 'too low' "a worker declared as an assistant is refused, naming the dimension" as olivia reeve apply -f "$top/home/olivia/too-low.yaml"
holds 0 '5 created' "she submits them as they are" as olivia reeve apply -f "$top/acme/systems.yaml" --submit
lines=1 holds 6 'governor' "and cannot approve her own" as olivia reeve system approve deploy-bot
for s in faq-bot invoice-agent deploy-bot social-bot ads-bot; do quiet as gordon reeve system approve $s; done
lines=1 holds 4 'credential' "approved, but without a credential of its own a worker is not let loose" as gordon reeve system activate deploy-bot
lines=4 holds 0 'reeve system token' "what is missing is listed with the command that closes it" as gordon reeve gaps
hand_over() { # NAME USER [--point]
	quiet as gordon reeve system token "$1" ${3:+$3} --ttl 1d --out "$top/home/gordon/$1"
	install -m 600 -o "${uid[$2]}" "$top/home/gordon/$1" "$4"
	rm "$top/home/gordon/$1"
}
for s in deploy-bot social-bot ads-bot; do hand_over $s $s '' "$top/home/$s/token"; done
hand_over exec-runner runner --point "$top/runner/token"
for s in faq-bot invoice-agent deploy-bot social-bot ads-bot; do quiet as gordon reeve system activate $s; done
lines=6 holds 0 'deploy-bot +worker +active' "the registry, as the auditor sees it" as audrey reeve system list

# The runner: the example's own configuration, at this story's paths and users.
sed -e "s|/srv/acme|$top|g" -e "s|user: acme-deploy|user: ${uid[deploy-bot]}|" -e "s|user: acme-ads|user: ${uid[ads-bot]}|" \
	-e "s|user: acme-social|user: ${uid[social-bot]}|" examples/acme-runner/runner.yaml >"$top/runner/runner.yaml"
chown -R "${uid[runner]}" "$top/runner"
as_exec runner reeve runner --config "$top/runner/runner.yaml" 2>>"$top/runner.log" &
wait_for test -S "$top/exec/exec.sock" || { cat "$top/runner.log"; exit 1; }
