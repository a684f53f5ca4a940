#!/usr/bin/env python3
"""The board's report against a real server: every figure of the log is recomputed from the query it names, over the records it names,
and each thing that can be missing is made to be missing."""
import json, os, re, sys
sys.path.insert(0, os.path.dirname(__file__))
from live import Live, case, main


def setup():
    l = Live()
    l.company()
    l.ok("system", "token", "exec-runner", "--point", "--ttl", "1d", "--out", l.token("exec-runner"), who="gordon")
    return l


def board(l, who="audrey", *more):
    return l.json("report", "board", *more, who=who)


def figure(b, name):
    return [f for f in b["figures"] + b["not_enforced"] if f["id"] == name][0]


def missing(b, what, subject):
    return [m for m in b["missing"] if m["what"] == what and m["subject"] == subject]


def act(l, system, action, kind, name, amount=None):
    """The point asks for a system and means to act."""
    context = {"reeve": {"act": True}}
    if amount:
        context["amount"] = amount
    body = {"subject": {"type": "System", "id": system}, "action": {"name": action}, "resource": {"type": kind, "id": name}, "context": context}
    class_token = open(l.token(system)).read().strip()
    import http.client, socket
    c = http.client.HTTPConnection("reeve")
    c.sock = socket.socket(socket.AF_UNIX)
    c.sock.connect(os.path.join(l.dir, "sock"))
    c.request("POST", "/access/v1/evaluation", json.dumps(body), {
        "Content-Type": "application/json", "Authorization": "Bearer " + open(l.token("exec-runner")).read().strip(),
        "Reeve-Subject-Token": class_token})
    r = c.getresponse()
    answer = json.loads(r.read())
    assert r.status == 200, answer
    return answer["context"]["reeve"]


@case
def how_many_by_class(l):
    b = board(l)
    assert figure(b, "systems")["value"] == 5
    assert figure(b, "systems.assistants")["names"] == ["faq-bot"]
    assert figure(b, "systems.agents")["names"] == ["invoice-agent"]
    assert figure(b, "systems.workers")["names"] == ["ads-bot", "deploy-bot", "social-bot"]
    assert figure(b, "alone")["names"] == ["ads-bot", "deploy-bot", "invoice-agent", "social-bot"]
    assert figure(b, "alone.money")["names"] == ["ads-bot"]
    assert b["origin"] == "test.example/log"


@case
def over_what(l):
    by = {s["name"]: s for s in board(l)["acting_alone"]}
    assert by["ads-bot"]["money"][0].startswith("100.00 EUR per day, then held")
    assert by["deploy-bot"]["production"] == ["Service/site-production"]
    assert by["invoice-agent"]["without_asking"] == ["file", "read"]
    assert "faq-bot" not in by


@case
def a_silent_point_is_named(l):
    f = figure(board(l), "points.silent")
    assert f["value"] == 1 and f["names"] == ["exec-runner"], f


@case
def claimed_and_enforced_apart(l):
    l.ask("deploy-bot", "release", "Service/site-staging")
    f = figure(board(l), "claimed.only")
    assert "deploy-bot" in f["names"]
    act(l, "deploy-bot", "release", "Service", "site-staging")
    b = board(l)
    assert "deploy-bot" not in figure(b, "claimed.only")["names"]
    assert figure(b, "points.silent")["value"] == 0
    assert [p for p in b["points"] if p["name"] == "exec-runner"][0]["last_heard"]


@case
def an_intent_without_outcome(l):
    before = figure(board(l), "intents.open")["value"]
    a = act(l, "ads-bot", "spend", "Account", "ads", "1.00")
    f = figure(board(l), "intents.open")
    assert f["value"] == before + 1 and "ads-bot" in f["names"]
    status, r = l.call("POST", "/v1/outcomes", {"intent": a["intent"]["id"], "status": "unknown"}, l.token("exec-runner"))
    assert status == 200, r
    b = board(l)
    assert figure(b, "intents.open")["value"] == before
    assert figure(b, "outcomes.unknown")["value"] == 1


@case
def every_figure_is_recomputed_from_its_query(l):
    l.ask("social-bot", "read", "Dataset/finance")
    l.ask("deploy-bot", "release", "Service/site-production")
    b = board(l)
    first, last = b["records"]["from"], b["records"]["to"]
    assert b["records"]["count"] == last - first + 1
    n = 0
    for f in b["figures"] + b["not_enforced"]:
        assert f["query"] and f["basis"] in ("registry", "records"), f
        if not f["query"].startswith("kind:") or "NAME" in f["query"] or "," in f["query"]:
            continue
        assert f["query"].endswith(f" seq:{first}..{last}"), f
        got = l.search(f["query"])
        assert len(got) == f["value"], (f, len(got))
        n += 1
    assert n >= 8, n
    for name in figure(b, "claimed.only")["names"]:
        assert not l.search(f"kind:decision system:{name} -evidence:claimed") and l.search(f"kind:decision system:{name}")
    intents = {e["event"]["id"] for e in l.search("kind:intent") if first <= e["seq"] <= last}
    causes = {e["event"].get("cause") for e in l.search("kind:outcome") if first <= e["seq"] <= last}
    assert len(intents - causes) == figure(b, "intents.open")["value"]


@case
def asked_twice_it_is_the_same(l):
    strip = lambda text: re.sub(r'"made":"[^"]*"', "", text)
    one, two = (l.ok("report", "board", "--since", "2020-01-01T00:00:00Z", "--json", who="audrey") for _ in range(2))
    assert strip(one) == strip(two)


@case
def not_for_everybody(l):
    for who, token, want, words in (("olivia", None, 6, "none of the rights"), ("nobody", None, 5, "credential"),
                                    ("deploy-bot", l.token("deploy-bot"), 6, "only a person")):
        status, out, err = l.run("report", "board", who=who, token=token)
        assert status == want and words in err and not out, (who, status, err)


@case
def bad_questions(l):
    for args in (["--since", "soon"], ["--since", "2026-13-01T00:00:00Z"], ["--since", ""], ["x"], ["--sinc", "1d"]):
        status, out, err = l.run("report", "board", *args, who="audrey")
        assert status == 2 and err and not out, (args, status, err)
    session = os.path.join(l.dir, "home-audrey/.config/reeve/session")
    status, r = l.call("GET", "/v1/report/board?until=1d", token=session)
    assert status == 400 and "until" in r["error"]["message"]
    status, r = l.call("GET", "/v1/report/bored", token=session)
    assert status == 404


@case
def an_empty_range_says_so(l):
    b = board(l, "audrey", "--since", "2100-01-01T00:00:00Z")
    assert b["records"]["count"] == 0 and figure(b, "decisions")["value"] == 0
    assert figure(b, "points.silent")["value"] == 1


@case
def the_last_lines_say_what_is_not_enforced(l):
    out = l.ok("report", "board", who="audrey")
    assert out.index("What is missing") < out.index("Where the figures come from") < out.index("What is NOT enforced, or not known")
    assert "faq-bot" in out[out.index("What is NOT enforced"):]
    assert "\033" not in out
    assert "kind:decision outcome:allow" in out
    assert "kind:decision outcome:allow" not in l.ok("report", "board", "--brief", who="audrey")


@case
def an_expired_credential(l):
    l.tamper("UPDATE credential SET expires_ns = 1 WHERE subject = 'social-bot'")
    b = board(l)
    m = missing(b, "credential", "social-bot")
    assert m and "expired" in m[0]["text"] and m[0]["command"] == "reeve system token social-bot --ttl 30d"
    assert missing(b, "control", "social-bot")


@case
def an_overdue_review(l):
    assert not missing(board(l), "review", "invoice-agent")
    l.tamper("UPDATE system SET approved_ns = 1000000000000000000 WHERE name = 'invoice-agent'")
    m = missing(board(l), "review", "invoice-agent")
    assert m and "was due 2002" in m[0]["text"]  # 180 days after 2001-09-09


@case
def nobody_answers(l):
    assert not missing(board(l), "owner", "faq-bot")
    l.tamper("UPDATE person SET active = 0 WHERE name = 'olivia'")
    b = board(l)
    assert missing(b, "owner", "faq-bot")
    assert not missing(b, "owner", "deploy-bot")  # gordon, its deputy, is there
    assert figure(b, "no_owner")["value"] == 4


main(setup)
