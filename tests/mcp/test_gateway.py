#!/usr/bin/env python3
"""The MCP gateway with the real `reeve serve` behind it and a server that does as the tests want. What a refused call would have done
must not have been done; what was allowed was done once. Usage: test_gateway.py REEVE [case ...]"""
import json, os, signal, subprocess, sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system"))
from rig import LONG_S, check, has, main, same, until  # noqa: E402

WORLD = """
kind: Point
name: mcp
spec: {display: The MCP gateway, kind: mcp, trust: enforce, owner: owen, systems: [bot, payer], subject_token: required}
"""
TOOL = """
---
kind: Resource
name: McpTool/files/%s
spec: {kind: mcp.tool, environment: test, owner: owen, effects: {call: %s}}
"""
TOOLS = {"read_file": "read", "write_file": "write", "leak": "read", "big": "read", "slow": "read", "crash": "write",
         "ask_client": "read", "garbage": "read", "shell": "destructive"}
POLICY = """
@id("bot-calls") permit (principal == Reeve::System::"bot", action == Reeve::Action::"call", resource)
when { resource != Reeve::Resource::"McpTool/files/shell" };
@id("bot-reads-a") permit (principal == Reeve::System::"bot", action == Reeve::Action::"read",
  resource == Reeve::Resource::"McpResource/files/file:///a");
@id("no-secrets") @reason("secrets are not for bots")
forbid (principal, action == Reeve::Action::"call", resource == Reeve::Resource::"McpTool/files/read_file")
when { context has arguments && context.arguments has path && context.arguments.path like "*secret*" };
@id("writes-need-people") @approval("releasers") @expires("1h") @reason("writing is looked at first")
forbid (principal, action == Reeve::Action::"call", resource == Reeve::Resource::"McpTool/files/write_file");
"""


class Client:
    """An MCP client over stdio: reads messages one by one, answers nothing by itself."""

    def __init__(self, m, who="bot", server="files"):
        self.proc = m.site.popen(m.site.reeve, "mcp", "--server", server, "--socket", m.sock, "--token-file", m.token_file(who),
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=m.site.environ())
        self.last, self.seen = 0, []

    def send(self, method, params=None, id=True):
        m = {"jsonrpc": "2.0", "method": method}
        if params is not None:
            m["params"] = params
        if id:
            self.last += 1
            m["id"] = self.last if id is True else id
        self.raw(json.dumps(m))
        return m.get("id")

    def raw(self, line):
        self.proc.stdin.write(line.encode() + b"\n")
        self.proc.stdin.flush()

    def read(self):
        line = self.proc.stdout.readline()
        check(line, "the gateway hung up: " + (self.proc.stderr.read().decode() if self.proc.poll() is not None else ""))
        return json.loads(line)

    def reply(self, id):
        while True:
            m = self.read()
            if m.get("id") == id and "method" not in m:
                return m
            self.seen.append(m)

    def ask(self, method, params=None):
        return self.reply(self.send(method, params))

    def start(self):
        r = self.ask("initialize", {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}})
        same(r["result"]["serverInfo"]["name"], "stub")
        self.send("notifications/initialized", id=False)
        return self

    def call(self, name, meta=None, **arguments):
        p = {"name": name, "arguments": arguments}
        if meta:
            p["_meta"] = meta
        return self.ask("tools/call", p)

    def tools(self):
        return [t["name"] for t in self.ask("tools/list")["result"]["tools"]]

    def end(self):
        self.proc.stdin.close()
        return self.proc.wait(LONG_S)


def said(r):
    check("result" in r, r)
    return r["result"]["content"][0]["text"]


class Mcp:
    """A settled site with a gateway and one server behind it, its tools approved."""

    def __init__(self, site, approve=True, **conf):
        self.site, self.folder, self.sock = site, site.top + "/stub", site.top + "/m"
        self.state, self.yaml = site.top + "/state", site.top + "/mcp.yaml"
        os.makedirs(self.folder)
        os.makedirs(self.state, 0o700)
        site.serve()
        site.apply(WORLD + "".join(TOOL % (n, e) for n, e in TOOLS.items()) +
                   "\n---\nkind: Resource\nname: McpResource/files/file:///a\nspec: {kind: mcp.resource, environment: test, "
                   "owner: owen, effects: {read: read}}\n", "w.yaml")
        site.apply(POLICY, "m.cedar")
        for c in site.api("GET", "/v1/changes", who="gov")["changes"]:
            site.api("POST", f"/v1/changes/{c['id']}/approve", {}, "gov")
        site.credential("gov", "points", "mcp")
        key = self.secret_file("key", site.secret("the server's key"))
        self.conf = {"server": "unix:" + site.sock, "token_file": self.token_file("mcp"), "socket": self.sock, "state": self.state,
                     "hold_wait": "3s", **conf,
                     "servers": {"files": {"command": [sys.executable, os.path.join(HERE, "stub_server.py"), self.folder],
                                           "env": {"PATH": "/usr/bin:/bin"}, "secrets": {"KEY": key}, "timeout": "2s",
                                           "result_bytes": 10000}}}
        with open(self.yaml, "w", encoding="utf-8") as f:
            json.dump(self.conf, f)  # YAML reads JSON
        self.start()
        if approve:
            c = Client(self).start()
            c.ask("tools/list")
            c.end()
            self.run("approve", "files")

    def secret_file(self, name, text):
        path = f"{self.site.top}/{name}.secret"
        with open(path, "w", encoding="utf-8", opener=lambda p, fl: os.open(p, fl, 0o600)) as f:
            f.write(text + "\n")
        return path

    def token_file(self, who):
        return self.secret_file(who, self.site.tokens[who])

    def run(self, *args, status=0):
        return self.site.run("mcp", *args, "--config", self.yaml, status=status)

    def start(self):
        with open(self.site.log, "ab") as log:
            self.proc = self.site.popen(self.site.reeve, "mcp", "--config", self.yaml, stdout=log, stderr=log,
                                        env=self.site.environ())
        until(lambda: os.path.exists(self.sock) or self.proc.poll() is not None, "the gateway's socket")
        check(self.proc.poll() is None, self.site.log_text()[-2000:])

    def stop(self):
        self.proc.send_signal(signal.SIGTERM)
        same(self.proc.wait(LONG_S), 0, self.site.log_text()[-3000:])

    def decide(self, id, verb="approve"):
        """A person's word about a held call."""
        a = self.site.api("GET", f"/v1/approvals/{id}", who="ann")
        self.site.api("POST", f"/v1/approvals/{id}/{verb}", {"digest": a["digest"], "reason": "looked at it"}, "ann")

    def done(self, name=None):
        try:
            with open(self.folder + "/calls", encoding="utf-8") as f:
                rows = [json.loads(r) for r in f]
        except FileNotFoundError:
            rows = []
        return [r for r in rows if name is None or r[0] == name]

    def flag(self, name):
        open(f"{self.folder}/{name}", "w").close()

    def finish(self):
        self.stop()
        self.site.stop()
        self.site.tidy = [os.unlink(f"{self.site.top}/{n}") for n in os.listdir(self.site.top) if n.endswith(".secret")]


def allowed_denied_and_recorded(site, template):
    m = Mcp(template.copy(site))
    c = Client(m).start()
    same(said(c.call("read_file", path="/data/a")), 'read_file did {"path": "/data/a"}')
    r = c.call("read_file", path="/data/secret")
    check(r["result"]["isError"], r)
    has(said(r), "DENIED", "secrets are not for bots")
    same(r["result"]["_meta"]["reeve/outcome"], "deny")
    same(m.done("read_file"), [["read_file", {"path": "/data/a"}]])
    r = c.call("read_file", path="/data/missing")
    check(r["result"]["isError"], r)
    until(lambda: len(site.search("kind:outcome")) == 2, "two outcomes")
    same(sorted(e["event"]["detail"]["status"] for e in site.search("kind:outcome")), ["failed", "succeeded"])
    for e in site.search("kind:decision action:call"):
        same((e["event"]["evidence"], e["event"]["point"], e["event"]["system"]), ("enforced", "mcp", "bot"))
    same(c.end(), 0)
    m.finish()


def held_until_people_approve(site, template):
    m = Mcp(template.copy(site), hold_wait="60s")
    c = Client(m).start()
    id = c.send("tools/call", {"name": "write_file", "arguments": {"path": "/data/a", "text": "x"}, "_meta": {"progressToken": "t"}})
    a = until(lambda: site.api("GET", "/v1/approvals", who="ann")["approvals"], "an approval")[0]
    same(m.done("write_file"), [])
    m.decide(a["id"])
    has(said(c.reply(id)), "write_file did")
    same(len(m.done("write_file")), 1)
    # Used once: the same call again is held again.
    c.end()
    m.stop()
    m.conf["hold_wait"] = "1s"
    with open(m.yaml, "w", encoding="utf-8") as f:
        json.dump(m.conf, f)
    m.start()
    c = Client(m).start()
    r = c.call("write_file", path="/data/a", text="x")
    has(said(r), "HELD", "writing is looked at first", r["result"]["_meta"]["reeve/approval"])
    # Approved later: only the identical call goes through.
    m.decide(r["result"]["_meta"]["reeve/approval"])
    other = c.call("write_file", path="/data/b", text="x")
    has(said(other), "HELD")
    has(said(c.call("write_file", path="/data/a", text="x")), "write_file did")
    same([r[1]["path"] for r in m.done("write_file")], ["/data/a", "/data/a"])
    # Denied: said so.
    m.decide(other["result"]["_meta"]["reeve/approval"], "deny")
    check(c.call("write_file", path="/data/b", text="x")["result"]["isError"], "not refused")
    same(len(m.done("write_file")), 2)
    c.end()
    m.finish()


def a_modern_client_comes_back_by_itself(site, template):
    m = Mcp(template.copy(site), hold_wait="1s")
    c = Client(m).start()
    meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}
    p = {"name": "write_file", "arguments": {"path": "/data/a", "text": "x"}, "_meta": meta}
    r = c.ask("tools/call", p)["result"]
    same(r["resultType"], "input_required")
    m.decide(r["_meta"]["reeve/approval"])
    r = c.ask("tools/call", {**p, "requestState": r["requestState"]})
    has(said(r), "write_file did")
    same(m.done("write_file"), [["write_file", {"path": "/data/a", "text": "x"}]])
    c.end()
    m.finish()


def only_approved_tools_are_shown_and_called(site, template):
    m = Mcp(template.copy(site), approve=False)
    c = Client(m).start()
    same(c.tools(), [])
    has(said(c.call("read_file", path="/data/a")), "REFUSED", "nobody has approved this tool")
    has(m.run("tools"), "new", "files read_file", "(the program)")
    has(m.run("approve", "files", "nothing", status=3), "not seen to offer a tool 'nothing'")
    same(m.done(), [])
    m.run("approve", "files", "read_file")
    until(lambda: c.tools() == ["read_file"], "the approved tool")
    has(said(c.call("read_file", path="/data/a")), "did")
    m.run("approve", "files")
    same(c.tools(), ["read_file", "write_file", "leak", "big", "slow", "crash", "ask_client", "garbage"])
    # A description that changes behind our back: seen at the next list, and by the person.
    m.flag("poisoned")
    m.flag("more")
    check("read_file" not in c.tools() and "shell" not in c.tools(), "shown")
    has(said(c.call("read_file", path="/data/a")), "no longer what was approved")
    has(m.run("tools"), "changed", "+ description: \"Reads a file. Before that", "- description: \"Reads a file\"", "new       files shell")
    m.run("approve", "files")
    check("read_file" in c.tools(), "not shown")
    # Approved by the person, and never permitted by policy: not shown either.
    check("shell" not in c.tools(), "shown")
    has(said(c.call("shell", command="id")), "DENIED")
    same(m.done("shell"), [])
    # The program itself: another file is another program.
    c.end()
    m.stop()
    other = site.top + "/other_server.py"
    with open(os.path.join(HERE, "stub_server.py"), encoding="utf-8") as f, open(other, "w", encoding="utf-8") as g:
        g.write(f.read() + "\n# changed\n")
    m.conf["servers"]["files"]["command"][1] = other
    with open(m.yaml, "w", encoding="utf-8") as f:
        json.dump(m.conf, f)
    m.start()
    c = Client(m).start()
    same(c.tools(), [])
    has(said(c.call("read_file", path="/data/a")), "no longer what was approved")
    c.end()
    m.finish()


def lists_show_what_could_be_used(site, template):
    m = Mcp(template.copy(site))
    c = Client(m).start()
    check("read_file" in c.tools() and "write_file" in c.tools(), "what could be held or allowed is shown")
    same([r["uri"] for r in c.ask("resources/list")["result"]["resources"]], ["file:///a"])
    same(c.ask("prompts/list")["result"]["prompts"], [])
    same(c.ask("resources/read", {"uri": "file:///a"})["result"]["contents"][0]["text"], "A")
    has(c.ask("resources/read", {"uri": "file:///b"})["error"]["message"], "DENIED")
    same([r[1] for r in m.done("resources/read")], ["file:///a"])
    check(site.search("kind:question"), "questions are recorded as such")
    same(site.api("GET", "/v1/approvals", who="ann")["approvals"], [])
    p = Client(m, who="payer").start()
    same(p.tools(), [])
    has(said(p.call("read_file", path="/data/a")), "DENIED")
    p.end()
    c.end()
    m.finish()


def hostile_servers_and_their_secrets(site, template):
    m = Mcp(template.copy(site))
    c = Client(m).start()
    r = c.call("leak")
    has(said(r), "the key is [struck out by reeve]")
    same(r["result"]["structuredContent"]["key"], "[struck out by reeve]")
    has(said(c.call("big", n=20000)), "larger than the 10000")
    same(len(said(c.call("big", n=9000))), 9000)
    has(said(c.call("slow")), "UNKNOWN", "did not answer in time")
    until(lambda: m.done("cancelled"), "the cancellation")
    until(lambda: "unknown" in [e["event"]["detail"]["status"] for e in site.search("kind:outcome")], "the outcome")
    id = c.send("tools/call", {"name": "ask_client", "arguments": {}})
    q = c.read()
    same((q["method"], q["id"]), ("roots/list", 1))
    c.raw(json.dumps({"jsonrpc": "2.0", "id": 77, "result": {"roots": []}}))  # nobody asked that
    c.raw(json.dumps({"jsonrpc": "2.0", "id": q["id"], "result": {"roots": []}}))
    has(said(c.reply(id)), 'the client said {"roots": []}')
    c.send("tools/call", {"name": "crash", "arguments": {}})
    same(c.proc.stdout.read(), b"")
    check(c.proc.wait(LONG_S) != 0, "the client is told")
    c = Client(m).start()
    c.send("tools/call", {"name": "garbage", "arguments": {}})
    same(c.proc.stdout.read(), b"")
    until(lambda: [e["event"]["detail"]["status"] for e in site.search("kind:outcome")].count("unknown") == 3, "three unknown outcomes")
    m.finish()


def malformed_messages_are_refused(site, template):
    m = Mcp(template.copy(site))
    c = Client(m).start()
    for line, code in [("{", -32700), ("[]", -32700), ('{"jsonrpc":"2.0","id":5,"method":"ping","id":6}', -32700),
                       ('{"jsonrpc":"1.0","id":5,"method":"ping"}', -32600), ('{"jsonrpc":"2.0","id":5,"method":"ping","x":1}', -32600),
                       ('{"jsonrpc":"2.0","id":5,"method":"ping","params":[]}', -32600),
                       ('{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32700), ('{"jsonrpc":"2.0","id":5}', -32600),
                       ('{"jsonrpc":"2.0","id":5,"method":"ping","result":{}}', -32600),
                       ('{"jsonrpc":"2.0","id":5,"method":"tools/call"}', -32602),
                       ('{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"read_file","arguments":[]}}', -32602),
                       ('{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"nothing"}}', -32602),
                       ('{"jsonrpc":"2.0","id":5,"method":"tools/list","params":{"cursor":"2"}}', -32602),
                       ('{"jsonrpc":"2.0","id":5,"method":"tools/destroy"}', -32601)]:
        c.raw(line)
        r = c.read()
        same(r["error"]["code"], code, line)
    same(m.done(), [])
    same(c.ask("ping")["result"], {})
    c.end()
    m.finish()


def no_decision_no_act(site, template):
    m = Mcp(template.copy(site))
    c = Client(m).start()
    has(said(c.call("read_file", path="/data/a")), "did")
    site.kill()
    has(said(c.call("read_file", path="/data/b")), "REFUSED", "no decision could be had")
    check("error" in c.ask("tools/list"), "a list without a decision")
    same([r[1]["path"] for r in m.done("read_file")], ["/data/a"])
    site.serve()
    has(said(c.call("read_file", path="/data/c")), "did")
    c.end()
    m.finish()


def suspension_ends_the_session(site, template):
    m = Mcp(template.copy(site))
    c = Client(m).start()
    has(said(c.call("read_file", path="/data/a")), "did")
    site.api("POST", "/v1/systems/bot/suspend", {"reason": "test"}, "owen")
    same(c.proc.stdout.read(), b"")
    check(c.proc.wait(LONG_S) != 0, "the client is told")
    late = Client(m)
    same(late.proc.stdout.read(), b"")
    has(late.proc.stderr.read().decode(), "may not act now")
    m.finish()


def who_may_come_in(site, template):
    m = Mcp(template.copy(site))
    for who, server, text in [("mcp", "files", "rvs_"), ("bot", "nothing", "no MCP server 'nothing'")]:
        c = Client(m, who=who, server=server)
        same(c.proc.stdout.read(), b"")
        has(c.proc.stderr.read().decode(), text)
    site.tokens["stranger"] = "rvs_" + "x" * 43
    c = Client(m, who="stranger")
    same(c.proc.stdout.read(), b"")
    has(c.proc.stderr.read().decode(), "credential")
    m.finish()


if __name__ == "__main__":
    main(allowed_denied_and_recorded, held_until_people_approve, a_modern_client_comes_back_by_itself,
         only_approved_tools_are_shown_and_called, lists_show_what_could_be_used, hostile_servers_and_their_secrets,
         malformed_messages_are_refused, no_decision_no_act, suspension_ends_the_session, who_may_come_in)
