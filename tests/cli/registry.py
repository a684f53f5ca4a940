#!/usr/bin/env python3
"""The registry's past and all of it: history and diff of profiles, manifests that come back as they went, a catalogue from CSV."""
import json, os, sys
sys.path.insert(0, os.path.dirname(__file__))
from live import SOURCE, Live, case, main

CSV = """type,id,kind,environment,data_class,owner,display,collections,effects,tags
Service,shop,service,production,public,olivia,"The ""shop"", in full",web;front,release=write;look=read,tier=front
Table,orders,table,,personal,,,,,
"""


def setup():
    l = Live()
    l.company()
    return l


def settle(l):
    for c in l.json("change", "list", who="gordon")["changes"]:
        l.ok("change", "approve", c["id"], who="gordon")


@case
def what_comes_out_goes_in_again(l):
    text = l.ok("manifests", who="gordon")
    for part in ("kind: Person", "kind: System", "kind: Policy", "kind: Resource", "kind: Point"):
        assert part in text or part == "kind: Point", part
    path = l.file("all.yaml", text)
    v = l.json("apply", "-f", path, who="gordon")
    assert (v["created"], v["changed"], v["pending"]) == (0, 0, 0) and v["unchanged"] > 15, v
    l.file("all.json", json.dumps(l.json("manifests", who="gordon")["manifests"]))
    v = l.json("apply", "-f", os.path.join(l.dir, "all.json"), who="gordon")
    assert (v["created"], v["changed"], v["pending"]) == (0, 0, 0), v
    assert l.ok("manifests", who="gordon") == text


@case
def another_installation_becomes_the_same(l):
    path = l.file("all.yaml", l.ok("manifests", who="gordon"))
    other = Live()
    try:
        other.serve()
        other.join("ada", os.path.join(other.data, "first-admin"))
        other.ok("apply", "-f", path, who="ada")
        mine, theirs = l.json("manifests", who="gordon"), other.json("manifests", who="ada")
        assert mine == theirs
    finally:
        other.done()


@case
def only_some_kinds_and_only_for_some(l):
    v = l.json("manifests", "--kind", "Role", who="audrey")["manifests"]
    assert {m["kind"] for m in v} == {"Role"} and len(v) == 3
    status, _, err = l.run("manifests", "--kind", "Roll", who="audrey")
    assert status == 2 and "must be one of" in err
    assert l.run("manifests", who="olivia")[0] == 6


@case
def a_catalogue_from_a_table(l):
    path = l.file("catalogue.csv", CSV)
    v = l.json("apply", "-f", path, "--dry-run", who="ada")
    assert [i["name"] for i in v["items"]] == ["Service/shop", "Table/orders"], v
    l.ok("apply", "-f", path, who="ada")
    settle(l)
    by = {m["name"]: m["spec"] for m in l.json("manifests", "--kind", "Resource", who="gordon")["manifests"]}
    assert by["Service/shop"] == {"kind": "service", "environment": "production", "data_class": "public", "owner": "olivia",
                                  "display": 'The "shop", in full', "collections": ["front", "web"],
                                  "effects": {"release": "write", "look": "read"}, "tags": {"tier": "front"}}
    assert by["Table/orders"] == {"kind": "table", "data_class": "personal"}
    assert l.json("apply", "-f", path, who="ada")["unchanged"] == 2
    l.file("catalogue.csv", "\ufeff" + CSV.replace("\n", "\r\n"))
    assert l.json("apply", "-f", path, who="ada")["unchanged"] == 2  # as a spreadsheet writes it


@case
def mistakes_in_a_table_have_a_line(l):
    for text, part in (
        (CSV.replace("type,id", "type,nr"), ":1:2: column 'nr'"),
        (CSV.replace("type,id", "id,id"), "each once"),
        (CSV.replace(",personal,", ",private,"), ":3:1"),
        (CSV.replace("release=write", "release"), ":2:"),
        (CSV.replace("olivia", "nobody-here"), "nobody-here"),
        (CSV.replace("Table,orders", ",orders"), ":3:"),
        (CSV.replace("Table,orders,", "Table,orders,,"), "more cells than columns"),
        (CSV + "Table,x\n", "fewer cells"),
        (CSV.replace('in full"', 'in full'), "quote"),
        (CSV.replace('"The', 'x"The'), "quote"),
        (CSV + CSV.splitlines()[2] + "\n", "stands twice"),
    ):
        status, _, err = l.run("apply", "-n", "-f", l.file("bad.csv", text), who="ada")
        assert status in (2, 4) and part in err and "bad.csv" in err, (part, err)


@case
def history_and_diff(l):
    text = open(os.path.join(SOURCE, "examples/acme/systems.yaml")).read()
    narrow = l.file("n.yaml", text.replace("actions: {approval: [release], never: [delete]}", "actions: {approval: [release], never: [delete, drop]}"))
    l.ok("apply", "-f", narrow, who="olivia")
    wide = l.file("w.yaml", open(narrow).read().replace('{resource: "Service/site-*", actions: [release]}',
                                                       '{resource: "Service/*", actions: [release]}'))
    l.ok("apply", "-f", wide, who="olivia")
    h = l.json("system", "show", "deploy-bot", who="olivia")["versions"]
    assert [(x["version"], x["state"]) for x in h] == [(1, "superseded"), (2, "approved"), (3, "submitted")], h
    lines = l.ok("system", "history", "deploy-bot", who="olivia").splitlines()
    assert lines[1].split()[:2] == ["3", "submitted"] and lines[3].split()[:2] == ["1", "superseded"], lines
    d = l.json("system", "diff", "deploy-bot", who="gordon")  # what waits
    assert (d["from"], d["to"], d["widens"]) == (2, 3, True) and [f["path"] for f in d["fields"]] == ["access"], d
    d = l.json("system", "diff", "deploy-bot", "1", "2", who="gordon")
    assert d["widens"] is False and d["fields"][0]["path"] == "actions"
    assert "(widens)" in l.ok("system", "diff", "deploy-bot", "1", "3", who="gordon")
    assert "no difference" in l.ok("system", "diff", "deploy-bot", "2", "2", who="gordon")
    assert l.run("system", "diff", "deploy-bot", "9", who="gordon")[0] == 3
    assert l.run("system", "diff", "none", who="gordon")[0] == 3
    l.ok("system", "reject", "deploy-bot", "--reason", "no", who="gordon")
    assert (l.json("system", "diff", "deploy-bot", who="gordon")["to"]) == 2


@case
def selected_by_labels(l):
    text = open(os.path.join(SOURCE, "examples/acme/systems.yaml")).read()
    l.ok("apply", "-f", l.file("l.yaml", text.replace("risk: medium", "risk: medium\n  labels: [pci, web]", 1)), who="olivia")
    for c in ("invoice-agent",):
        l.run("system", "approve", c, who="gordon")
    names = lambda *a: [s["name"] for s in l.json("system", "list", *a, who="gordon")["systems"]]
    assert names("-l", "pci") == names("--label", "web,pci") == ["invoice-agent"]
    assert names("-l", "pci,moon") == [] and len(names()) == 5
    assert names("--role", "deployer") == ["deploy-bot"] and names("--class", "assistant") == ["faq-bot"]
    assert names("--state", "suspended") == [] and len(names("--owner", "olivia", "--state", "active")) == 5
    assert l.run("system", "list", "--owner", "a&state=active", who="gordon")[1].endswith("0 AI systems\n")


def known(l, doc):
    """The fields that the reader knows in the place where `nonsense` stands."""
    status, _, err = l.run("apply", "-n", "-f", l.file("x.json", json.dumps(doc)), who="ada")
    assert status == 2 and "nonsense" in err and "known here: " in err, err
    return set(err.split("known here: ")[1].strip().rstrip(")").split(", "))


@case
def the_schema_is_what_the_readers_read(l):
    schema = json.loads(l.ok("manifests", "--schema"))
    specs = {a["if"]["properties"]["kind"]["const"]: a["then"]["properties"]["spec"] for a in schema["allOf"]}
    assert set(specs) == set(schema["properties"]["kind"]["enum"]) and len(specs) == 9
    need = {"System": {"dimensions": {}}, "Limit": {"role": "r", "max": 1, "per": "day"}, "Policy": {"cedar": ""}}
    for kind, spec in specs.items():
        name = "T/x" if kind == "Resource" else "x"
        assert known(l, {"kind": kind, "name": name, "spec": {**need.get(kind, {}), "nonsense": 1}}) == set(spec["properties"]), kind
    system = specs["System"]["properties"]
    base = {"class": "agent", "owner": "olivia", "dimensions": {k: 1 for k in system["dimensions"]["properties"]}}

    def inside(spec):
        return known(l, {"kind": "System", "name": "x", "spec": {**base, **spec}})
    assert known(l, {"kind": "System", "name": "x", "spec": {"dimensions": {"nonsense": 1}}}) == set(system["dimensions"]["properties"])
    entry = system["actions"]["properties"]["never"]["items"]["anyOf"][1]["properties"]
    for got, want in (
        (inside({"failure": {"nonsense": 1}}), system["failure"]), (inside({"review": {"cadence": "1d", "nonsense": 1}}), system["review"]),
        (inside({"usage_policy": {"nonsense": 1}}), system["usage_policy"]), (inside({"model": {"nonsense": 1}}), system["model"]),
        (inside({"access": [{"resource": "x", "nonsense": 1}]}), system["access"]["items"]),
        (inside({"escalation": [{"to": "a", "within": "1h", "nonsense": 1}]}), system["escalation"]["items"]),
        (inside({"limits": [{"nonsense": 1}]}), system["limits"]["anyOf"][1]["items"]),
        (inside({"actions": {"nonsense": 1}}), system["actions"]),
        (inside({"actions": {"never": [{"action": "a", "nonsense": 1}]}}), system["actions"]["properties"]["never"]["items"]["anyOf"][1]),
        (inside({"actions": {"never": [{"action": "a", "amount": {"nonsense": 1}}]}}), entry["amount"]),
        (inside({"actions": {"never": [{"action": "a", "time": {"from": "01:00", "until": "02:00", "nonsense": 1}}]}}), entry["time"]),
    ):
        assert got == set(want["properties"]), (got, set(want["properties"]))


main(setup)
