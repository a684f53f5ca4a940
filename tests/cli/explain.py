#!/usr/bin/env python3
"""reeve explain and the chain of `audit show`, against a real server: what decided, as it was then, and what happens when what was
kept was tampered with."""
import hashlib, json, os, sys
sys.path.insert(0, os.path.dirname(__file__))
from live import Live, case, main


def setup():
    l = Live()
    l.company()
    return l


def explain(l, event, who="audrey"):
    return l.json("explain", event, who=who)


@case
def denied_names_policy_condition_and_value(l):
    status, a = l.ask("social-bot", "read", "Dataset/finance")
    assert status == 81
    e = explain(l, a["id"])
    p = [p for p in e["policies"] if p["id"] == "finance-is-for-finance"][0]
    assert p["applies"] == "yes" and p["effect"] == "forbid" and "approval" not in p
    assert p["file"] == "acme" and p["written_by"] == "ada" and p["published_by"] == "gordon"
    when = p["conditions"][0]
    assert when["outcome"] == "true"
    assert {"depth", "text", "value"} <= set(when["parts"][-1])
    assert any(f["text"] == "resource.data_class" and f["value"] == '"financial"' for f in when["parts"])
    assert e["again"] == {"possible": True, "policy_says": "deny", "agrees": True}
    assert e["facts"]["state"] == "kept" and e["facts"]["digest"] == e["event"]["snapshot"]
    assert any("no approval lifts" in o for o in e["otherwise"])


@case
def held_says_who_may_set_it_aside(l):
    status, a = l.ask("deploy-bot", "release", "Service/site-production")
    assert status == 80, a
    e = explain(l, a["id"])
    assert e["again"]["policy_says"] == "hold" and e["again"]["agrees"]
    p = [p for p in e["policies"] if p["id"] == "production-needs-a-release-manager"][0]
    assert p["approval"] == {"quorum": 1, "groups": ["release-managers"]}
    assert any("1 of release-managers approve" in o for o in e["otherwise"])
    assert any(c["waives"] for f in e["flips"] for c in f)


@case
def allowed_shows_what_did_not_apply(l):
    status, a = l.ask("deploy-bot", "release", "Service/site-staging")
    assert status == 0
    e = explain(l, a["id"])
    assert e["again"]["agrees"] and e["again"]["policy_says"] == "allow"
    by = {p["id"]: p for p in e["policies"]}
    assert by["deploy-bot-releases"]["applies"] == "yes"
    assert by["production-needs-a-release-manager"]["applies"] == "no"
    assert by["production-needs-a-release-manager"]["conditions"][0]["outcome"] == "false"
    assert "no forbid applied" in e["otherwise"]


@case
def nothing_permits(l):
    status, a = l.ask("ads-bot", "release", "Service/site-staging")
    assert status == 81
    e = explain(l, a["id"])
    assert e["again"]["agrees"] and e["again"]["policy_says"] == "deny"
    assert any("what no policy permits" in o for o in e["otherwise"])
    assert not [p for p in e["policies"] if p["applies"] == "yes"]


@case
def a_limit_is_not_a_policy(l):
    status, a = l.ask("ads-bot", "spend", "Account/ads", "--amount", "250.00")
    assert status == 80, a
    e = explain(l, a["id"])
    assert e["again"]["policy_says"] == "allow" and e["again"]["agrees"]
    assert any("limit" in o for o in e["otherwise"])


@case
def facts_are_those_of_then(l):
    _, a = l.ask("deploy-bot", "release", "Service/site-staging")
    was = explain(l, a["id"])
    path = l.file("moved.yaml", "kind: Resource\nname: Service/site-staging\nspec: {kind: service, environment: production, "
                  "data_class: public, owner: olivia, effects: {release: write}}\n")
    l.ok("apply", "-f", path, who="ada")
    for c in l.json("change", "list", who="gordon")["changes"]:
        l.ok("change", "approve", c["id"], who="gordon")
    status, b = l.ask("deploy-bot", "release", "Service/site-staging")
    assert status == 80, b  # today it is production
    now = explain(l, a["id"])
    assert now["again"]["policy_says"] == "allow" and now["again"]["agrees"]
    assert now["facts"] == was["facts"]


@case
def policies_are_those_of_then(l):
    _, a = l.ask("social-bot", "read", "Dataset/finance")
    text = open(os.path.join(os.environ["RV_SOURCE"], "examples/acme/acme.cedar")).read()
    text += '\n@id("nobody-reads")\n@reason("a later rule")\nforbid (principal, action == Reeve::Action::"read", resource);\n'
    folder = os.path.join(l.dir, "later")
    os.makedirs(folder)
    with open(os.path.join(folder, "acme.cedar"), "w") as f:
        f.write(text)
    l.ok("apply", "-f", folder, who="ada")  # narrows: holds at once
    _, b = l.ask("social-bot", "read", "Dataset/finance")
    assert "nobody-reads" in [r.get("policy") for r in b["reasons"]]
    old, new = explain(l, a["id"]), explain(l, b["id"])
    assert "nobody-reads" not in [p["id"] for p in old["policies"]] and old["again"]["agrees"]
    assert "nobody-reads" in [p["id"] for p in new["policies"]] and new["again"]["agrees"]
    assert new["policy_set"]["version"] > old["policy_set"]["version"]


@case
def reading_the_facts_is_an_event(l):
    _, a = l.ask("social-bot", "read", "Dataset/finance")
    explain(l, a["id"], who="olivia")
    found = l.json("audit", "search", "kind:access", who="audrey")["events"]
    e = found[0]["event"]
    assert e["actor"]["id"] == "olivia" and e["detail"] == {"what": "facts", "decision": a["id"]}


@case
def an_admin_sees_outcomes_but_no_values(l):
    l.ok("apply", "-f", l.file("adam.yaml", "kind: Person\nname: adam\nspec: {rights: [admin]}\n"), who="ada")
    for c in l.json("change", "list", who="gordon")["changes"]:
        l.ok("change", "approve", c["id"], who="gordon")
    link = os.path.join(l.dir, "link-adam")
    l.ok("person", "invite", "adam", "--out", link, who="ada")
    l.join("adam", link)
    _, a = l.ask("social-bot", "read", "Dataset/finance", "--arguments", '{"secret":"canary-4711"}')
    before = len(l.json("audit", "search", "kind:access", who="audrey")["events"])
    status, out, _ = l.run("explain", a["id"], "--json", who="adam")
    assert status == 0
    e = json.loads(out)
    assert e["facts"]["withheld"] is True and "context" not in e["facts"] and "flips" not in e
    assert "canary-4711" not in out
    assert not any("value" in f for p in e["policies"] for c in p["conditions"] for f in c["parts"])
    assert [p for p in e["policies"] if p["id"] == "finance-is-for-finance"][0]["conditions"][0]["outcome"] == "true"
    assert len(l.json("audit", "search", "kind:access", who="audrey")["events"]) == before
    assert "canary-4711" in json.dumps(explain(l, a["id"]))


@case
def what_is_not_a_decision(l):
    events = l.json("audit", "search", "kind:policy.published", who="audrey")["events"]
    status, _, err = l.run("explain", events[0]["event"]["id"], who="audrey")
    assert status == 2 and "decisions can be explained" in err, err
    status, _, err = l.run("explain", "01a21600-0000-7000-8000-000000000000", who="audrey")
    assert status == 3 and "no event" in err
    status, _, err = l.run("explain", "../status", who="audrey")
    assert status == 2 and "not allowed" in err, err
    _, a = l.ask("social-bot", "read", "Dataset/finance")
    status, _, err = l.run("explain", a["id"], who="social-bot", token=l.token("social-bot"))
    assert status == 6 and "only a person" in err
    status, _, err = l.run("explain", a["id"], who="nobody")
    assert status == 5


@case
def a_suspended_one_stopped_before_facts(l):
    l.ok("system", "suspend", "social-bot", "--reason", "test", who="olivia")
    status, a = l.ask("social-bot", "read", "Dataset/finance")
    assert status == 81
    e = explain(l, a["id"])
    assert e["facts"]["state"].startswith("none") and e["again"]["possible"] is False
    assert e["event"]["reasons"][0]["code"] == "suspended"
    assert "cannot be decided again" in l.ok("explain", a["id"], who="audrey")
    l.ok("system", "resume", "social-bot", who="gordon")


@case
def the_chain_names_people(l):
    _, a = l.ask("deploy-bot", "release", "Service/site-production")
    l.ok("approve", a["approval"]["id"], "--reason", "looked", who="ruth")
    status, b = l.ask("deploy-bot", "release", "Service/site-production")
    chain = l.json("audit", "show", b["id"], who="audrey")["chain"]
    assert chain["owner"] == "olivia"
    assert chain["profile"]["version"] == 1 and chain["profile"]["approved_by"] == "gordon"
    assert chain["profile"]["written_by"] == "olivia"
    spoke = chain["policy"]["spoke"]
    assert spoke and all(p["written_by"] == "ada" for p in spoke), spoke
    if "approval" in b:
        assert chain["approval"]["votes"][0]["person"] == "ruth"
    text = l.ok("audit", "show", b["id"], who="audrey")
    assert "owner then   olivia" in text and "written by olivia, approved by gordon" in text


@case
def text_for_people(l):
    _, a = l.ask("social-bot", "read", "Dataset/finance")
    out = l.ok("explain", a["id"], who="audrey")
    for words in ("social-bot asked to read Dataset/finance: deny", "'finance-is-for-finance' applies", 'resource.data_class = "financial"',
                  "Otherwise", "Who answers", "the record agrees", "| forbid ("):
        assert words in out, words
    assert "\033" not in out


@case
def a_sub_agent_is_bound_by_its_parents(l):
    l.ok("apply", "--submit", "-f", l.file("sub.yaml", """kind: System
name: post-helper
spec:
  class: agent
  dimensions: {trigger: 1, persistence: 1, autonomy: 1, scope: 1, identity: 1}
  owner: olivia
  parent: social-bot
  team: marketing
  purpose: helps with posts
  environment: production
  actions: {autonomous: [read]}
"""), who="olivia")
    l.ok("system", "approve", "post-helper", who="gordon")
    l.ok("system", "token", "post-helper", "--ttl", "1d", "--out", l.token("post-helper"), who="gordon")
    l.ok("system", "activate", "post-helper", who="gordon")
    status, a = l.ask("post-helper", "read", "Dataset/finance")
    assert status == 81
    e = explain(l, a["id"])
    assert e["again"]["agrees"] and e["again"]["policy_says"] == "deny"
    assert any("social-bot" in json.dumps(x["uid"]) for x in e["facts"]["entities"])


@case
def other_policies_in_their_place_are_noticed(l):
    _, a = l.ask("social-bot", "read", "Dataset/finance")
    version = explain(l, a["id"])["policy_set"]["version"]
    forged = json.dumps([{"name": "acme", "version": 1, "text": "permit (principal, action, resource);"}]).encode()
    digest = "sha256:" + hashlib.sha256(forged).hexdigest()
    l.tamper("INSERT INTO blob (digest, bytes, created_ns) VALUES (?, ?, 1)", digest, forged)
    l.tamper("UPDATE policy_set SET digest = ? WHERE version = ?", digest, version)
    e = explain(l, a["id"])
    assert e["again"]["agrees"] is False and e["again"]["policy_says"] == "allow" and e["again"]["note"]
    assert "not what was recorded" in l.ok("explain", a["id"], who="audrey")


@case
def damaged_policies_are_said_to_be(l):
    _, a = l.ask("social-bot", "read", "Dataset/finance")
    version = explain(l, a["id"])["policy_set"]["version"]
    l.tamper("UPDATE blob SET bytes = ? WHERE digest = (SELECT digest FROM policy_set WHERE version = ?)", b"[]", version)
    e = explain(l, a["id"])
    assert e["policy_set"]["state"].startswith("unreadable") and e["again"]["possible"] is False


@case
def destroyed_facts_leave_the_record(l):
    _, a = l.ask("ads-bot", "read", "Service/site-staging")
    l.ok("system", "offboard", "ads-bot", "--reason", "test", who="olivia")
    l.tamper("UPDATE seal_key SET wrapped = NULL, destroyed_ns = 1 WHERE system = 'ads-bot'")
    e = explain(l, a["id"])
    assert e["facts"]["state"].startswith("destroyed") and e["again"]["possible"] is False
    assert e["event"]["outcome"] == "deny"


main(setup)
