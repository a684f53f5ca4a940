#!/usr/bin/env python3
"""Bad input at every door: files for `apply`, requests, slow and huge ones, flags. Each is refused with its place and a remedy, and
nothing of it is half applied."""
import json, os, socket, time

from rig import SYSTEMS, Unix, ask_body, check, has, main, same, until


def registry(site):
    """Everything that apply could change, to be compared before and after."""
    get = lambda path: site.api("GET", path, who="gov")
    return json.dumps([get("/v1/systems"), get("/v1/people"), get("/v1/policies"), get("/v1/changes")], sort_keys=True)


def refused(site, text, *parts, name="bad.yaml", who="admin"):
    """Refused as a file: status 400, the place, and not a trace of it, with --dry-run and without."""
    before = registry(site)
    for dry in (True, False):
        r = site.http("POST", "/v1/apply", {"sources": [{"path": name, "text": text}], "dry_run": dry}, site.tokens[who])
        check(r.status in (400, 413), r.status, r.text)
        has(r.json["error"]["message"], *parts)
    same(registry(site), before, "the registry after a refused apply")


GOOD_ROLE = "kind: Role\nname: fresh\nspec: {display: Fresh}\n"


def apply_is_all_or_nothing(site, template):
    template.copy(site).serve()
    cases = [
        # (the second document, what the refusal says)
        ("kind: Role\nname: Bad Name\nspec: {display: X}\n", ["bad.yaml:6:7"]),
        ("kind: Role\nname: other\nspec: {display: X, colour: red}\n", ["bad.yaml:7:", "colour"]),
        ("kind: Rule\nname: other\nspec: {}\n", ["bad.yaml:5:", "Rule"]),
        ("kind: Role\nname: fresh\nspec: {display: Again}\n", ["bad.yaml:", "fresh", "twice"]),
        ("kind: Person\nname: zed\nspec: {display: Z, rights: [emperor]}\n", ["bad.yaml:7:", "emperor"]),
        ("kind: Team\nname: t\nspec: {display: T, members: [nobody]}\n", ["bad.yaml:7:", "nobody"]),
        ("kind: Role\nname: other\n", ["bad.yaml:5:", "spec"]),
        ("- 1\n", ["bad.yaml:5:"]),
        ("kind: Role\nname: other\nspec: {display: X\n", ["bad.yaml:"]),
        ("kind: Role\nname: other\nname: again\nspec: {display: X}\n", ["bad.yaml:7:1"]),
        ("kind: &k Role\nname: other\nspec: {display: X}\n", ["bad.yaml:5:"]),
        ("kind: Role\nname: other\nspec: {display: !!binary aGk=}\n", ["bad.yaml:7:"]),
    ]
    for text, parts in cases:
        refused(site, GOOD_ROLE + "---\n" + text, *parts)
    site.apply(GOOD_ROLE)  # and it was no more than the second one
    site.stop()


def systems_that_do_not_hold_together(site, template):
    template.copy(site).serve()
    base = (SYSTEMS % {"budget": "1.00"}).split("---\n")[0]
    one = base.replace("name: bot", "name: new-bot")
    cases = [
        (one.replace("owner: owen", "owner: nobody"), ["nobody"]),
        (one.replace("class: agent", "class: assistant"), ["class", "assistant"]),  # computed class is above
        (one.replace("class: agent", "class: robot"), ["robot"]),
        (one.replace("trigger: 1", "trigger: 3"), ["trigger"]),
        (one.replace("risk: low", "risk: low\n  parent: new-bot"), ["parent"]),
        (one.replace("risk: low", "risk: low\n  parent: no-such-bot"), ["no-such-bot"]),
        (one.replace("risk: low", "risk: low\n  odd: 1"), ["odd", "not a known field"]),
        (one.replace("name: new-bot", "name: " + "n" * 200), ["name"]),
    ]
    for text, parts in cases:
        refused(site, text, "bad.yaml:", *parts, who="gov")
    a = one.replace("name: new-bot", "name: a-bot").replace("risk: low", "risk: low\n  parent: b-bot")
    b = one.replace("name: new-bot", "name: b-bot").replace("risk: low", "risk: low\n  parent: a-bot")
    refused(site, a + "---\n" + b, "bad.yaml:", "parent", who="gov")
    deep = "---\n".join(one.replace("name: new-bot", f"name: d-{i}").replace("risk: low", f"risk: low\n  parent: d-{i + 1}" if i < 9
                        else "risk: low") for i in range(10))
    refused(site, deep, "bad.yaml:", "parent", who="gov")
    site.stop()


def policies_that_do_not_parse(site, template):
    template.copy(site).serve()
    cases = [
        ("permit (principal, action, resource) when { context.x == };", ["p.cedar:1:"]),
        ("\n\npermit (principal action, resource);", ["p.cedar:3:"]),
        ('@approval("nobody-knows") forbid (principal, action, resource);', ["p.cedar:1:", "nobody-knows"]),
        ('@approval("releasers") permit (principal, action, resource);', ["p.cedar:1:", "permit"]),
        ('@quorum("2") forbid (principal, action, resource);', ["p.cedar:1:", "quorum"]),
        ('@id("a") permit (principal, action, resource); @id("a") permit (principal, action, resource);', ["p.cedar:1:", "a"]),
    ]
    for text, parts in cases:
        refused(site, text, *parts, name="p.cedar")
    site.stop()


def dry_run_shows_the_diff(site, template):
    template.copy(site).serve()
    before = registry(site)
    text = "kind: Person\nname: ann\nspec: {display: Ann Approver, rights: [approver, auditor]}\n---\n" + GOOD_ROLE
    path = site.top + "/change.yaml"
    with open(path, "w", encoding="ascii") as f:
        f.write(text)
    env = {"REEVE_TOKEN_FILE": site.token_file("admin")}
    out = site.run("apply", "-f", path, "--dry-run", env=env)
    has(out, "Person ann", "rights", "auditor", "Role fresh", "nothing was changed")
    same(registry(site), before, "the registry after a dry run")
    bad = site.top + "/bad.yaml"
    with open(bad, "w", encoding="ascii") as f:
        f.write(GOOD_ROLE + "---\nkind: Role\nname: other\nspec: {display: X, colour: red}\n")
    out = site.run("apply", "-f", bad, env=env, status=None)
    check(site.status == 2, site.status)
    has(out, f"{bad}:7:", "colour")
    same(registry(site), before, "the registry after a refused file")
    site.stop()


def requests_that_are_not_right(site, template):
    template.copy(site).serve()
    door, good = site.tokens["door"], ask_body("read")
    size = site.api("GET", "/v1/status", who="gov")["ledger"]["records"]

    def wrong(body, *parts, status=400, path="/access/v1/evaluation", token=door, headers=None):
        r = site.http("POST", path, body, token, headers)
        same(r.status, status, r.text)
        has(r.text, *parts)

    wrong(b"{", "1:2")
    wrong(b"", "body")
    wrong(b"[]", "object")
    wrong(b'{"subject":{"type":"System","id":"bot"},"subject":{}}', "subject")
    wrong(b'{"subject":{"type":"System","id":"\xff"}}', "UTF-8")
    wrong(b"[" * 200, "deep", status=413)
    wrong(b"hello", headers={"Content-Type": "text/plain"}, status=400)
    wrong({k: v for k, v in good.items() if k != "action"}, "action")
    wrong(dict(good, subject={"type": "System"}), "subject.id")
    wrong(dict(good, context={"reeve": {"actt": True}}), "actt", "not a known field")
    wrong(dict(good, context={"reeve": {"act": "yes"}}), "act")
    wrong(dict(good, context={"amount": "1.23456"}), "amount")
    wrong(dict(good, context={"amount": 5}), "amount")
    wrong(good, "credential", status=401, token="rvp_nonsense")
    wrong(good, "credential", status=401, token=None)
    wrong({"reason": 5}, "reason", path="/v1/systems/bot/suspend", token=site.tokens["gov"])
    wrong({"reeson": "x"}, "reeson", path="/v1/systems/bot/suspend", token=site.tokens["gov"])
    for method, path, status in (("GET", "/v1/nothing", 404), ("PUT", "/v1/systems", 405), ("GET", "/v1/audit?limit=0", 400),
                                 ("GET", "/v1/audit?odd=1", 400), ("GET", "/v1/audit?q=since:never", 400)):
        same(site.http(method, path, token=site.tokens["gov"]).status, status, path)
    events = site.search("kind:decision")
    same(len(events), 0, "decisions from requests that were refused")
    same(site.ask("read")["outcome"], "allow")
    # Strangers cannot fill the log: their knocks are counted, not written one by one.
    for _ in range(200):
        same(site.http("POST", "/access/v1/evaluation", good, "rvp_stranger").status, 401)
    now = site.api("GET", "/v1/status", who="gov")["ledger"]["records"]
    check(now < size + 20, f"{now - size} records for 200 knocks")
    site.stop()


def huge_body(site, template):
    template.copy(site).serve()
    body = json.dumps(ask_body("read", "x" * (2 << 20))).encode()
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(30)
    s.connect(site.sock)
    try:
        s.sendall(b"POST /access/v1/evaluation HTTP/1.1\r\nHost: r\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"
                  b"Content-Length: %d\r\n\r\n%s" % (site.tokens["door"].encode(), len(body), body))
    except OSError:
        pass  # it need not take what it will not read
    has(s.recv(4096).decode(), " 413 ", "1048576")
    s.close()
    # Told from the head alone: not a byte of it is waited for.
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(30)
    s.connect(site.sock)
    s.sendall(b"POST /access/v1/evaluation HTTP/1.1\r\nHost: r\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n")
    has(s.recv(4096).decode(), " 413 ")
    s.close()
    same(site.ask("read")["outcome"], "allow")
    site.stop()


def two_readings_of_one_request(site, template):
    template.copy(site).serve()
    body = json.dumps(ask_body("read"))
    heads = [
        "Content-Length: %d\r\nContent-Length: %d\r\n" % (len(body), len(body) + 1),
        "Content-Length: %d\r\nTransfer-Encoding: chunked\r\n" % len(body),
        "Content-Length: +%d\r\n" % len(body),
        "Content-Length : %d\r\n" % len(body),
        "Transfer-Encoding: gzip, chunked\r\n",
    ]
    for head in heads:
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(30)
        s.connect(site.sock)
        s.sendall(("POST /access/v1/evaluation HTTP/1.1\r\nHost: r\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n%s\r\n%s"
                   % (site.tokens["door"], head, body)).encode())
        got = s.recv(4096).decode()
        check(got.split(" ")[1] in ("400", "501"), head, got)
        s.close()
    same(len(site.search("kind:decision")), 0, "decisions")
    site.stop()


def slow_clients(site, template):
    """Many who never finish their request do not keep others from theirs, and are cut off in time."""
    template.copy(site).serve("--head-timeout", "500ms", "--body-timeout", "500ms", "--idle-timeout", "500ms")
    halves = [b"", b"POST /access/v1/evaluation HTTP/1.1\r\nHost", b"POST /access/v1/evaluation HTTP/1.1\r\nHost: r\r\nContent-Type: "
              b"application/json\r\nContent-Length: 100\r\n\r\n{"]
    socks = []
    for i in range(90):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(30)
        s.connect(site.sock)
        if halves[i % 3]:
            s.sendall(halves[i % 3])
        socks.append(s)
    began = time.monotonic()
    same(site.ask("read")["outcome"], "allow")
    for i, s in enumerate(socks):
        try:
            while True:
                got = s.recv(4096)
                if not got:
                    break
                check(b" 408 " in got.split(b"\r\n")[0], got)
        except ConnectionResetError:
            pass
        s.close()
    check(time.monotonic() - began < 30, "slow clients were kept for", time.monotonic() - began)
    site.stop()


def health(site):
    """None: turned away before the request was sent, so that the answer could not be read."""
    try:
        return site.http("GET", "/healthz").status
    except OSError:
        return None


def too_many_connections(site, template):
    template.copy(site).serve("--max-connections", "8")
    until(lambda: site.http("GET", "/healthz").status == 200, "quiet")
    held = []
    for _ in range(8):
        c = Unix(site.sock)
        c.connect()
        held.append(c)
    until(lambda: health(site) in (503, None), "the ninth to be turned away")
    for c in held:
        c.close()
    until(lambda: health(site) == 200, "room again")
    site.stop()


def flags_that_are_not_right(site, template):
    template.copy(site)
    for args, parts in (
        (["--nonsense"], ["unknown option '--nonsense'", "--help"]),
        (["--data"], ["--data needs a value"]),
        (["--data", site.data, "extra"], ["'extra' is one argument too many"]),
        (["--data", site.data, "--threads", "0"], ["--threads", "from 1 to 64"]),
        (["--data", site.data, "--threads", "x"], ["--threads"]),
        (["--listen", "unix:/s"], ["needs --data", "reeve init"]),
        (["--data", site.data, "--listen", "0.0.0.0:0"], ["'0.0.0.0:0'", "--tls-cert", "--tls-key"]),
        (["--data", site.data, "--listen", "[::]:0"], ["TLS"]),
        (["--data", site.data, "--listen", "nonsense"], ["'nonsense'", "IP:PORT"]),
        (["--data", site.data, "--listen", "example.org:80"], ["not an IP address"]),
        (["--data", site.data, "--listen", "unix:" + "x" * 200], ["107 bytes"]),
        (["--data", site.data, "--tls-cert", "/c"], ["--tls-key"]),
        (["--data", site.data, "--listen", "127.0.0.1:0", "--tls-cert", "/no/c", "--tls-key", "/no/k"], ["/no/c"]),
    ):
        has(site.refuses(*args, status=2), *parts)
    out = site.run("sevre", status=2)
    has(out, "did you mean 'serve'")


if __name__ == "__main__":
    main(apply_is_all_or_nothing, systems_that_do_not_hold_together, policies_that_do_not_parse, dry_run_shows_the_diff,
         requests_that_are_not_right, huge_body, two_readings_of_one_request, slow_clients, too_many_connections,
         flags_that_are_not_right)
