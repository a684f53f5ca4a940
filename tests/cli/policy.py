#!/usr/bin/env python3
"""reeve policy against a real server: what publishing would say, tests of policies, what would change of what was recorded, and the
way back."""
import json, os, sys
sys.path.insert(0, os.path.dirname(__file__))
from live import SOURCE, Live, case, main

ACME = open(os.path.join(SOURCE, "examples/acme/acme.cedar")).read()


def setup():
    l = Live()
    l.company()
    for _ in range(3):
        l.ask("deploy-bot", "release", "Service/site-staging")
        l.ask("deploy-bot", "release", "Service/site-production", "--arguments", '{"secret":"canary-8152"}')
        l.ask("social-bot", "read", "Dataset/finance")
    return l


def write(l, name, text):
    folder = os.path.join(l.dir, "files")
    os.makedirs(folder, exist_ok=True)
    return l.file("files/" + name, text)


@case
def replay_shows_what_would_change(l):
    strict = write(l, "acme.cedar", ACME.replace(' && resource.environment == "production"', ""))
    v = l.json("policy", "replay", "--since", "30d", "--with", strict, who="audrey")
    assert v["decisions"] == v["decided"] == 9 and v["changed"] == 3, v
    assert v["outcomes"]["allow"] == {"allow": 0, "hold": 3, "deny": 0} and v["outcomes"]["hold"]["hold"] == 3
    (g,) = v["changes"]
    assert (g["system"], g["action"], g["was"], g["now"], g["count"]) == ("deploy-bot", "release", "allow", "hold", 3), g
    assert len(g["examples"]) == 3 and g["examples"][0]["resource"] == {"type": "Service", "id": "site-staging"}
    assert g["examples"][0]["was_by"] == "deploy-bot-releases"
    assert g["examples"][0]["now_by"] == "production-needs-a-release-manager"
    seqs = [x["seq"] for x in g["examples"]]
    assert seqs == sorted(seqs)
    assert l.json("explain", g["examples"][0]["id"], who="audrey")["event"]["outcome"] == "allow"
    text = l.ok("policy", "replay", "--with", strict, "--examples", "1", who="audrey")
    assert "3 of 9 decisions" in text and "deploy-bot release: allow -> hold" in text, text


@case
def the_same_policies_change_nothing(l):
    same = write(l, "acme.cedar", ACME)
    for more in (["--with", same], [], ["--alone", "--with", same]):
        v = l.json("policy", "replay", *more, who="audrey")
        assert v["decided"] == 9 and v["changed"] == 0 and v["changes"] == [], v


@case
def without_policies_everything_is_denied(l):
    v = l.json("policy", "replay", "--without", "acme", "--system", "deploy-bot", who="gordon")
    assert v["decided"] == 6 and v["changed"] == 6 and {g["now"] for g in v["changes"]} == {"deny"}, v
    assert all(x["now_by"] == "no_permit" for g in v["changes"] for x in g["examples"])
    status, _, err = l.run("policy", "replay", "--without", "nothing", who="gordon")
    assert status == 3 and "no policy 'nothing' is in force" in err, err


@case
def only_what_is_asked_for(l):
    v = l.json("policy", "replay", "--since", "2020-01-01T00:00:00Z", "--until", "2020-01-02T00:00:00Z", who="audrey")
    assert v["decisions"] == 0
    for words, part in ((["--since", "soon"], "neither a time"), (["--with", write(l, "bad.cedar", "permit (")], "bad:1:")):
        status, _, err = l.run("policy", "replay", *words, who="audrey")
        assert status == 2 and part in err, err


@case
def questions_are_recorded_and_nothing_else(l):
    before = {k: len(l.search("kind:" + k)) for k in ("decision", "approval.opened", "question")}
    l.json("policy", "replay", who="audrey")
    l.json("policy", "simulate", "deploy-bot", "release", "Service/site-production", who="audrey")
    after = {k: len(l.search("kind:" + k)) for k in ("decision", "approval.opened", "question")}
    assert after == {**before, "question": before["question"] + 2}, (before, after)
    e = [x["event"] for x in l.search("kind:question")][0]
    assert e["detail"]["what"] == "simulate" and e["system"] == "deploy-bot" and e["outcome"] == "hold", e
    assert e["actor"]["id"] == "audrey"


@case
def who_may_ask(l):
    """Policies of one's own making would tell the values of facts: only who may read those may replay."""
    for who in ("ruth", "olivia"):
        status, _, err = l.run("policy", "replay", who=who)
        assert status == (0 if who == "ruth" else 6), (who, err)  # ruth is a responder
    assert l.json("policy", "simulate", "deploy-bot", "release", "Service/site-production", who="olivia")["outcome"] == "hold"
    l.ok("apply", "-f", l.file("other.yaml", "kind: Person\nname: oscar\nspec: {rights: [owner]}\n"), who="ada")
    for c in l.json("change", "list", who="gordon")["changes"]:
        l.ok("change", "approve", c["id"], who="gordon")
    link = os.path.join(l.dir, "link-oscar")
    l.ok("person", "invite", "oscar", "--out", link, who="ada")
    l.join("oscar", link)
    for name in ("deploy-bot", "no-such-bot"):
        status, _, err = l.run("policy", "simulate", name, "release", "Service/site-production", who="oscar")
        assert status == 3 and f"no system '{name}'" in err, err
    status, _, err = l.run("policy", "simulate", "deploy-bot", "release", "Service/x", who="deploy-bot", token=l.token("deploy-bot"))
    assert status == 6, err


@case
def simulate_under_other_policies(l):
    free = write(l, "acme.cedar", ACME.replace('resource.environment == "production"', 'resource.environment == "moon"'))
    v = l.json("policy", "simulate", "deploy-bot", "release", "Service/site-production", "--with", free, who="audrey")
    assert v["outcome"] == "allow" and v["in_force"]["outcome"] == "hold" and v["in_force"]["groups"] == ["release-managers"], v
    night = write(l, "night.cedar", '@id("night") forbid (principal, action, resource) when '
                  '{ context.time.toTime() >= duration("22h") };\n')
    for at, want in (("2026-11-26T23:00:00Z", "deny"), ("2026-11-26T12:00:00Z", "allow")):
        v = l.json("policy", "simulate", "deploy-bot", "release", "Service/site-staging", "--with", night, "--at", at, who="audrey")
        assert v["outcome"] == want, (at, v)
    v = l.json("policy", "replay", "--with", night, who="audrey")  # reads the time: each decided by itself
    assert v["decided"] == 9


@case
def tests_of_policies(l):
    test = write(l, "acme.test", """# what Acme wants
given deploy-bot release Service/site-staging
expect allow because deploy-bot-releases
given deploy-bot release Service/site-production {"arguments":{"version":"1.2"}}
expect hold by release-managers
given social-bot read Dataset/finance
expect deny because finance-is-for-finance
""")
    assert l.ok("policy", "test", test, who="gordon") == "3 passed, 0 failed\n"
    assert l.json("policy", "test", test, who="gordon") == {"passed": 3, "failed": 0}
    wrong = write(l, "wrong.test", "given deploy-bot release Service/site-staging\nexpect hold by release-managers\n")
    status, out, _ = l.run("policy", "test", wrong, who="gordon")
    assert status == 1 and "wrong.test:2: expected hold by release-managers" in out and "0 passed, 1 failed" in out, out
    strict = write(l, "acme.cedar", ACME.replace(' && resource.environment == "production"', ""))
    assert l.run("policy", "test", wrong, "--with", strict, who="gordon")[0] == 0
    for text, part in (("expect allow\n", "no 'given'"), ("give x\n", "begins with given"), ("given deploy-bot\n", "given SYSTEM"),
                       ("given deploy-bot release Service/x\nexpect maybe\n", "expect allow"),
                       ("given nobody release Service/x\n", "no system 'nobody'")):
        status, _, err = l.run("policy", "test", write(l, "bad.test", text), who="gordon")
        assert status in (2, 3) and part in err and "bad.test:" in err, err


@case
def lint_diff_publish_history_rollback(l):
    new = write(l, "night.cedar", '@id("night") @reason("nobody works at night")\nforbid (principal, action, resource) when '
                '{ context.time.toTime() >= duration("23h") };\n')
    assert "1 created" in l.ok("policy", "lint", new, who="gordon")
    assert l.run("policy", "show", "night", who="gordon")[0] == 3
    status, _, err = l.run("policy", "lint", write(l, "odd.cedar", "permit (principal, action, resource) when { context.nope };\n"),
                           who="gordon")
    assert status == 2 and "odd.cedar:1:" in err and "nope" in err, err
    l.ok("policy", "publish", new, who="gordon")  # narrows: holds at once
    assert l.ok("policy", "show", "night", who="gordon").startswith('@id("night")')
    with open(new, "a") as f:
        f.write('@id("noon") forbid (principal, action, resource == Reeve::Resource::"Service/none");\n')
    out = l.ok("policy", "diff", "night", new, who="gordon")
    assert '\n+@id("noon")' in out and ' @id("night")' in out, out
    l.ok("policy", "publish", new, who="gordon")
    h = l.json("policy", "history", "night", who="audrey")["versions"]
    assert [(x["version"], x["state"]) for x in h] == [(2, "published"), (1, "superseded")], h
    assert '-@id("noon")' in l.ok("policy", "diff", "night", "2", "1", who="gordon")
    assert l.ok("policy", "diff", "night", "2", "2", who="gordon").endswith("No difference.\n")
    out = l.ok("policy", "rollback", "night", "1", who="gordon")  # a forbid less: a widening
    assert "1 waiting for another person" in out, out
    (c,) = l.json("change", "list", who="ada")["changes"]
    assert l.run("change", "approve", c["id"], who="gordon")[0] == 6
    assert "noon" in l.ok("policy", "show", "night", who="gordon")
    assert l.run("policy", "history", "none", who="audrey")[0] == 3
    assert "acme" in l.ok("policy", "list", who="audrey")


BUYER = """kind: System
name: buyer-bot
spec:
  class: worker
  dimensions: {trigger: 2, persistence: 2, autonomy: 2, scope: 1, identity: 2}
  owner: olivia
  purpose: buys things
  environment: production
  access:
    - {resource: "Service/site-*", actions: [release, delete]}
    - {resource: "Account/*", actions: [spend]}
    - {resource: "Moon/*", actions: [fly]}
  actions:
    approvers: [release-managers]
    autonomous:
      - {action: release, environment: staging}
      - {action: spend, amount: {up_to: "50.00"}, arguments: {shop: [books, paper], count: {up_to: 9}}}
      - {action: post, on: "Service/social-posts", time: {from: "09:00", until: "17:00", utc_offset: "+01:00"}}
      - fly
    approval:
      - {action: release, environment: production, quorum: 2, expires: 2h}
      - {action: spend, amount: {over: "50.00"}, by: [marketing-leads]}
    escalate: [complaint]
    never:
      - {action: delete, reason: "nothing is ever deleted"}
      - {action: release, outside: {from: "22:00", until: "06:00"}, data_class: secret}
  failure: {plan: stop, call: olivia}
  escalation: [{to: olivia, within: 1h}]
  review: {cadence: 90d}
  output_reviewer: ruth
  limits: none
"""


@case
def the_simple_form_is_cedar(l):
    l.ok("apply", "--submit", "-f", l.file("buyer.yaml", BUYER), who="olivia")
    text = l.ok("policy", "new", "buyer-bot", who="olivia")
    for part in ('@id("buyer-bot-autonomous-1")', '@approval("release-managers")', '@quorum("2")', '@expires("2h")',
                 '@approval("marketing-leads")', '@escalate("buyer-bot")', '@reason("nothing is ever deleted")',
                 '"fly": nothing in the catalogue'.replace('"', "'"), 'duration("60m")'):
        assert part in text, (part, text)
    assert "Service/site-production" in text and "site-*" not in text
    path = write(l, "buyer-bot.cedar", text)
    for line in l.ok("policy", "lint", path, who="gordon").splitlines():
        assert "warning" not in line or "beyond the schema" in line, line  # arguments are each tool's own
    free = write(l, "acme.cedar", ACME.split('@id("production-needs')[0])  # only what the form says counts here

    def says(action, resource, context="{}", at="2026-11-26T12:00:00Z"):
        v = l.json("policy", "simulate", "buyer-bot", action, resource, "--with", path, "--with", free, "-c", context, "--at", at,
                   who="olivia")
        return v["outcome"], v["groups"]
    allow, deny = ("allow", []), ("deny", [])
    spend = '{"amount":"%s","arguments":{"shop":"%s","count":%d}}'
    for got, want in (
        (says("release", "Service/site-staging"), allow),
        (says("release", "Service/site-production"), ("hold", ["release-managers"])),
        (says("release", "Service/site-unknown"), deny),
        (says("spend", "Account/ads", spend % ("50.00", "books", 9)), allow),
        (says("spend", "Account/ads", spend % ("50.0001", "books", 9)), ("hold", ["marketing-leads"])),
        (says("spend", "Account/ads", spend % ("10.00", "cars", 9)), deny),
        (says("spend", "Account/ads", spend % ("10.00", "books", 10)), deny),
        (says("spend", "Account/ads", '{"arguments":{"shop":"books","count":1}}'), deny),  # no amount: in doubt it asks; and none permits
        (says("spend", "Service/site-staging", spend % ("1.00", "books", 1)), deny),
        (says("post", "Service/social-posts"), allow),
        (says("post", "Service/social-posts", at="2026-11-26T08:00:00Z"), allow),
        (says("post", "Service/social-posts", at="2026-11-26T07:59:00Z"), deny),
        (says("post", "Service/social-posts", at="2026-11-26T16:00:00Z"), deny),
        (says("fly", "Moon/base"), deny),
        (says("complaint", "Service/site-staging"), deny),
        (says("delete", "Service/site-staging"), deny),
    ):
        assert got == want, (got, want)
    v = l.json("policy", "simulate", "buyer-bot", "delete", "Service/site-staging", "--with", path, who="olivia")
    assert [r["text"] for r in v["reasons"] if r.get("policy") == "buyer-bot-never-1"] == ["nothing is ever deleted"]


@case
def a_condition_less_is_a_widening(l):
    l.ok("system", "approve", "buyer-bot", who="gordon")
    for old, new, waits in (
        ('      - {action: release, environment: staging}\n', "      - release\n", True),
        ('      - {action: delete, reason: "nothing is ever deleted"}\n', "", True),
        ("approvers: [release-managers]", "approvers: [release-managers, marketing-leads]", True),
        ("      - fly\n", "", False),
    ):
        assert old in BUYER
        out = l.ok("apply", "-n", "-f", l.file("b.yaml", BUYER.replace(old, new)), who="olivia")
        assert ("1 waiting" in out) == waits, (old, out)


@case
def mistakes_in_the_simple_form_have_a_place(l):
    for old, new, part in (
        ("      - fly\n", '      - {action: fly, on: "Moon/*"}\n', "patterns stand under access"),
        ("      - fly\n", '      - {action: fly, wen: now}\n', "wen"),
        ("      - fly\n", '      - {action: fly, by: [release-managers]}\n', "stands under approval"),
        ('{over: "50.00"}', "{over: fifty}", "decimals in text"),
        ('utc_offset: "+01:00"', 'utc_offset: "Europe/Berlin"', "no time zones with summer time"),
        ('from: "09:00"', 'from: "25:00"', "times of day"),
        ("count: {up_to: 9}", "count: {above: 9}", "above"),
    ):
        status, _, err = l.run("apply", "-n", "-f", l.file("b.yaml", BUYER.replace(old, new)), who="olivia")
        assert status == 2 and part in err and "b.yaml:" in err, (new, err)
    status, _, err = l.run("policy", "new", "deploy-bot", who="olivia")
    assert status == 2 and "who approves" in err, err
    assert l.run("policy", "new", "faq-bot", who="olivia")[0] == 4
    assert l.run("policy", "new", "buyer-bot", who="oscar")[0] == 3


main(setup)
