#!/usr/bin/env python3
"""reeve system charter: each sentence is what the engine says, and so is its negative twin."""
import json, os, sys
sys.path.insert(0, os.path.dirname(__file__))
from live import SOURCE, Live, case, main

POLICY = """@id("posts") @reason("writes posts")
permit (principal == Reeve::System::"social-bot", action == Reeve::Action::"post", resource == Reeve::Resource::"Service/social-posts");
@id("small-gifts") permit (principal == Reeve::System::"social-bot", action == Reeve::Action::"give", resource)
when { resource.kind == "account" && context has amount && context.amount.lessThanOrEqual(decimal("10.0")) };
@id("no-night") @reason("nobody reads at night")
forbid (principal == Reeve::System::"social-bot", action == Reeve::Action::"post", resource)
when { context.time.toTime() >= duration("25h") };
@id("complaints") @escalate("press") @reason("complaints are for people")
forbid (principal == Reeve::System::"social-bot", action == Reeve::Action::"complain", resource);
"""


def setup():
    l = Live()
    l.company()
    folder = os.path.join(l.dir, "more")
    os.makedirs(folder)
    path = os.path.join(folder, "more.cedar")
    with open(path, "w") as f:
        f.write(POLICY)
    l.ok("policy", "publish", path, who="ada")
    for c in l.json("change", "list", who="gordon")["changes"]:
        l.ok("change", "approve", c["id"], who="gordon")
    return l


def sentences(l, system):
    return l.json("system", "charter", system, who="olivia")["sentences"]


@case
def every_sentence_and_its_twin_are_what_the_engine_says(l):
    seen = set()
    for system in ("deploy-bot", "social-bot", "ads-bot", "invoice-agent", "faq-bot"):
        all_of_it = sentences(l, system)
        for s in all_of_it:
            said = [(a, r, s["outcome"]) for a in s["actions"] for r in s["resources"]]
            assert s["request"] == {"action": s["actions"][0], "resource": s["resources"][0]}, s
            seen.add(s["kind"])
            if {x["outcome"] for x in all_of_it} == {"deny"}:
                continue  # it may do nothing: there is no request that is answered otherwise
            assert s["twin"]["outcome"] != s["outcome"], s
            said.append((s["twin"]["action"], s["twin"]["resource"], s["twin"]["outcome"]))
            for action, resource, outcome in said:
                v = l.json("policy", "simulate", system, action, resource, who="olivia")
                assert v["outcome"] == outcome, (s, v)
    assert seen == {"alone", "asks", "if", "never"}, seen


@case
def nothing_it_may_do_is_left_out(l):
    """Every pair of action and resource that the engine allows or holds stands in a sentence."""
    actions = {"release", "read", "spend", "post", "give", "complain", "pay", "file", "delete"}
    resources = {"Service/site-staging", "Service/site-production", "Dataset/finance", "Service/social-posts", "Account/ads"}
    for system in ("deploy-bot", "social-bot", "ads-bot"):
        told = {(a, r): s["outcome"] for s in sentences(l, system) for a in s["actions"] for r in s["resources"]}
        for a in actions:
            for r in resources:
                v = l.json("policy", "simulate", system, a, r, who="olivia")["outcome"]
                assert told.get((a, r), "deny") == v, (system, a, r, v, told)


@case
def in_words(l):
    text = l.ok("system", "charter", "deploy-bot", who="olivia")
    for part in ("Charter of deploy-bot: worker, answered for by olivia", "By itself", "deploy-bot may by itself release Service/site-staging",
                 "With people", "deploy-bot may, once people agree, release Service/site-production: 1 of release-managers agrees",
                 "production-needs-a-release-manager", "anything else is denied"):
        assert part in text, (part, text)
    text = l.ok("system", "charter", "social-bot", who="audrey")
    for part in ("only if resource.kind == \"account\" && context has amount", "hands to people what would complain",
                 "not when context.time.toTime() >= duration(\"25h\") (no-night: nobody reads at night)", "Dataset/finance (finance-is-for-finance"):
        assert part in text, (part, text)
    assert "ad-spend: at most 100 EUR per day for spend; beyond that it asks." in l.ok("system", "charter", "ads-bot", who="olivia")


@case
def it_follows_the_policies_in_force(l):
    before = [s["text"] for s in sentences(l, "deploy-bot")]
    path = l.file("more/stop.cedar", '@id("stop") forbid (principal == Reeve::System::"deploy-bot", action, resource);\n')
    l.ok("policy", "publish", path, who="ada")
    after = sentences(l, "deploy-bot")
    assert [s["text"] for s in after] != before and {s["kind"] for s in after} == {"never"}, after
    l.ok("system", "suspend", "social-bot", "--reason", "test", who="olivia")
    assert "It may do nothing now: suspended." in l.ok("system", "charter", "social-bot", who="olivia")


@case
def to_others_it_does_not_exist(l):
    for who in ("nobody-bot",):
        assert l.run("system", "charter", who, who="olivia")[0] == 3
    status, _, err = l.run("system", "charter", "deploy-bot", who="social-bot", token=l.token("social-bot"))
    assert status in (5, 6), err


main(setup)
