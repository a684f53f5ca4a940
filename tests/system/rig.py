"""What the system tests share: the real binary, a data folder of its own, people and systems in it, HTTP over the Unix socket, TAP.

A test program defines functions and hands them to main(), which prints TAP. Each gets a Site: a folder under a temporary one, the
server that runs on it, and clients. Nothing waits by sleeping: everything has a deadline, and a passed one is a failure. Whatever
a case started is killed and removed at its end, and every folder, log and output of it is searched for the secrets that were used
(SEMANTICS 5: no secret on argv, in logs, core files or events).

Usage of a program: test_x.py PATH/TO/reeve [PATH/TO/clock_shim.so] [case ...]"""
import base64, hashlib, http.client, json, os, shutil, signal, socket, subprocess, sys, tempfile, threading, time, traceback

LONG_S = float(os.environ.get("RV_DEADLINE_S", "60"))  # a deadline that only a hang reaches, sanitizers and a busy machine included
TORTURE = os.environ.get("RV_TORTURE") == "1"
# What moves a process's clock (clock_shim.c); None: not given.
SHIM = os.path.abspath(sys.argv.pop(2)) if len(sys.argv) > 2 and sys.argv[2].endswith(".so") else None


class Skip(Exception):
    pass


class Failed(AssertionError):
    pass


def check(ok, *what):
    if not ok:
        raise Failed(" ".join(str(w) for w in what) or "check failed")


def same(got, want, what=""):
    check(got == want, f"{what}: got {got!r}, want {want!r}")


def has(text, *parts):
    for part in parts:
        check(part in text, f"{part!r} is not in: {text}")


def until(fn, what, deadline_s=None):
    """Calls fn until it yields something true; the test fails when it has not by the deadline."""
    end = time.monotonic() + (deadline_s or LONG_S)
    pause = 0.002
    while True:
        got = fn()
        if got:
            return got
        if time.monotonic() > end:
            raise Failed(f"waited in vain for {what}")
        time.sleep(pause)  # a poll of a condition, not a wait for luck
        pause = min(pause * 2, 0.05)


class Unix(http.client.HTTPConnection):
    def __init__(self, path, timeout=LONG_S):
        super().__init__("reeve", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Answer:
    def __init__(self, status, text):
        self.status, self.text = status, text

    @property
    def json(self):
        return json.loads(self.text)


PEOPLE = """
kind: Person
name: gov
spec: {display: Gov Ernor, rights: [admin, governor, responder, auditor]}
---
kind: Person
name: owen
spec: {display: Owen Owner, rights: [owner, approver]}
---
kind: Person
name: ann
spec: {display: Ann Approver, rights: [approver]}
---
kind: Group
name: releasers
spec: {display: Releasers, members: [ann, owen]}
---
kind: Role
name: buyer
spec: {display: Buyer}
"""

SYSTEMS = """
kind: System
name: bot
spec:
  class: agent
  dimensions: {trigger: 1, persistence: 1, autonomy: 1, scope: 1, identity: 1}
  owner: owen
  purpose: Reads things for the tests
  environment: test
  risk: low
  usage_policy: {version: "1", text: "Only tests talk to it."}
  actions: {autonomous: [read, ship]}
---
kind: System
name: payer
spec:
  class: worker
  dimensions: {trigger: 2, persistence: 2, autonomy: 2, scope: 1, identity: 2}
  role: buyer
  owner: owen
  purpose: Spends money for the tests
  environment: test
  risk: low
  access: [{resource: "Account/ads", actions: [spend]}]
  actions: {autonomous: [spend]}
  failure: {plan: stop, call: owen}
  escalation: [{to: owen, within: 1h}]
  review: {cadence: 90d}
  output_reviewer: ann
  limits:
    - {name: budget, unit: money, currency: EUR, max: "%(budget)s", per: total, actions: [spend], excess: deny}
"""

WORLD = """
kind: Resource
name: Dataset/books
spec: {kind: file, environment: test, owner: owen, effects: {read: read}}
---
kind: Resource
name: Service/shop
spec: {kind: service, environment: production, owner: owen, effects: {ship: write}}
---
kind: Resource
name: Account/ads
spec: {kind: account, environment: test, owner: owen, effects: {spend: external}}
---
kind: Point
name: door
spec: {display: The tests' door, kind: exec, trust: enforce, owner: owen, systems: [bot, payer]}
"""

POLICY = """
@id("reads") permit (principal == Reeve::System::"bot", action == Reeve::Action::"read", resource);
@id("ships") permit (principal == Reeve::System::"bot", action == Reeve::Action::"ship", resource);
@id("spends") permit (principal == Reeve::System::"payer", action == Reeve::Action::"spend", resource);
@id("ship-needs-people") @approval("releasers") @expires("1h")
forbid (principal, action == Reeve::Action::"ship", resource);
"""


def ask_body(kind, n=0, **context):
    """One AuthZEN request: read (allowed), ship (held), spend (a limit), steal (denied)."""
    system = "payer" if kind == "spend" else "bot"
    resource = {"read": ("Dataset", "books"), "ship": ("Service", "shop"), "spend": ("Account", "ads"),
                "steal": ("Dataset", "books")}[kind]
    effect = {"read": "read", "ship": "write", "spend": "external", "steal": "read"}[kind]
    return {"subject": {"type": "System", "id": system}, "action": {"name": kind},
            "resource": {"type": resource[0], "id": resource[1]},
            "context": dict({"effect": effect, "arguments": {"n": n}}, **context)}


class Site:
    """A data folder, its server and its people. Passwords and tokens are random: the canaries that check_secrets looks for."""

    def __init__(self, reeve, top):
        self.reeve, self.top = reeve, top
        self.data, self.sock, self.log = top + "/data", top + "/s", top + "/serve.log"
        self.home = top + "/home"
        os.makedirs(self.home, exist_ok=True)
        self.secrets, self.proc, self.started, self.said = {}, None, [], []
        self.tokens, self.allowed = {}, set()
        self.vkey = None
        self.env = {}

    # ---- processes

    def secret(self, name):
        if name not in self.secrets:
            self.secrets[name] = "canary-" + hashlib.sha256(os.urandom(32)).hexdigest()[:40]
        return self.secrets[name]

    def environ(self, who=None):
        e = {"PATH": "/usr/bin:/bin", "HOME": self.home, "LANG": "C.UTF-8", "XDG_CONFIG_HOME": f"{self.home}/{who or 'nobody'}",
             "REEVE_SERVER": "unix:" + self.sock}
        for name in os.environ:
            if name.startswith(("ASAN_", "UBSAN_", "LSAN_", "TSAN_")):
                e[name] = os.environ[name]
        return {**e, **self.env}

    def run(self, *args, who=None, stdin="", status=0, env=None, reeve=None):
        """Runs the command line; returns stdout and stderr in one. status None: any."""
        p = subprocess.run([reeve or self.reeve, *args], input=stdin.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           env={**self.environ(who), **(env or {})}, timeout=LONG_S, cwd=self.top)
        out = p.stdout.decode("utf-8", "replace")
        self.said.append(out)
        self.status = p.returncode
        if status is not None and p.returncode != status:
            raise Failed(f"reeve {' '.join(args)}: status {p.returncode}, want {status}: {out[-3000:]}")
        return out

    def popen(self, *args, **kw):
        kw.setdefault("stdin", subprocess.DEVNULL)
        p = subprocess.Popen(args, **kw)
        self.started.append(p)
        return p

    def serve(self, *args, listen=True, wait=True, wrap=(), **kw):
        """Starts `reeve serve` on the folder and waits until it answers."""
        words = [*wrap, self.reeve, "serve", "--data", self.data]
        if listen:
            words += ["--listen", "unix:" + self.sock]
        with open(self.log, "ab") as log:
            self.proc = self.popen(*words, *args, stdout=log, stderr=log, env=self.environ(), cwd=self.top, **kw)
        if wait:
            self.wait_ready()
        return self.proc

    def wait_ready(self):
        def ready():
            if self.proc.poll() is not None:
                raise Failed(f"reeve serve left with {self.proc.returncode}: {self.log_text()[-3000:]}")
            try:
                return self.http("GET", "/healthz").status == 200
            except OSError:
                return False
        until(ready, "reeve serve to answer")

    def log_text(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def kill(self, sig=signal.SIGKILL):
        self.proc.send_signal(sig)
        try:
            return self.proc.wait(LONG_S)
        except subprocess.TimeoutExpired:
            raise Failed(f"reeve serve did not leave after signal {sig}")

    def stop(self):
        """A graceful end, which must be one."""
        same(self.kill(signal.SIGTERM), 0, "status of reeve serve: " + self.log_text()[-3000:])

    def refuses(self, *args, status=None, **kw):
        """`reeve serve` must not come up; returns what it said."""
        p = subprocess.run([self.reeve, "serve", *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                           env=self.environ(), timeout=LONG_S, cwd=self.top, **kw)
        out = p.stdout.decode("utf-8", "replace")
        self.said.append(out)
        check(p.returncode not in (0, None), "reeve serve came up: " + out)
        if status is not None:
            same(p.returncode, status, out)
        return out

    def set_clock(self, seconds):
        """Moves the wall clock of what is started from now on, and of what was since the first call."""
        if not SHIM:
            raise Skip("needs the clock shim (meson passes it)")
        path = self.top + "/clock"
        with open(path + ".new", "w", encoding="ascii") as f:
            f.write(str(int(seconds * 1e9)))
        os.rename(path + ".new", path)
        self.env = {"LD_PRELOAD": SHIM, "RV_CLOCK_FILE": path,
                    "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "detect_leaks=1") + ":verify_asan_link_order=0"}

    # ---- HTTP

    def http(self, method, path, body=None, token=None, headers=None, conn=None, timeout=LONG_S):
        c = conn or Unix(self.sock, timeout)
        h = dict(headers or {})
        if token:
            h["Authorization"] = "Bearer " + token
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None:
            h.setdefault("Content-Type", "application/json")
        try:
            c.request(method, path, body, h)
            r = c.getresponse()
            return Answer(r.status, r.read().decode())
        except http.client.HTTPException as e:
            raise ConnectionError(str(e))
        finally:
            if conn is None:
                c.close()

    def ask(self, kind, n=0, token=None, conn=None, headers=None, **context):
        """One decision, as the point `door`; returns context.reeve."""
        a = self.http("POST", "/access/v1/evaluation", ask_body(kind, n, **context), token or self.tokens["door"], headers, conn)
        same(a.status, 200, a.text)
        v = a.json
        same(v["decision"], v["context"]["reeve"]["outcome"] == "allow")
        return v["context"]["reeve"]

    def api(self, method, path, body=None, who="admin", status=200):
        a = self.http(method, path, body, self.tokens[who])
        if status is not None:
            same(a.status, status, f"{method} {path}: {a.text}")
        return a.json if a.text.startswith("{") else a.text

    # ---- an installation

    def init(self):
        out = self.run("init", "--data", self.data, "--origin", "system.example/reeve")
        self.vkey = next(row for row in out.splitlines() if row.startswith("system.example/reeve+"))
        with open(self.data + "/first-admin", encoding="ascii") as f:
            self.secrets["link of the first admin"] = f.read().strip().split("/")[-1]
        return self

    def login(self, name):
        a = self.http("POST", "/v1/login", {"name": name, "password": self.secret("password of " + name)})
        same(a.status, 200, a.text)
        self.tokens[name] = self.secrets["session of " + name] = a.json["token"]

    def set_password(self, name, token):
        a = self.http("POST", "/v1/setup", {"token": token, "password": self.secret("password of " + name)})
        same(a.status, 200, a.text)

    def apply(self, text, name="a.yaml", who="admin", status=200, **opts):
        return self.api("POST", "/v1/apply", {"sources": [{"path": name, "text": text}], **opts}, who, status)

    def credential(self, who, kind, name):
        v = self.api("POST", f"/v1/{kind}/{name}/credentials", {"ttl": "1d", "label": "test"}, who)
        self.tokens[name] = self.secrets["credential of " + name] = v["token"]

    def settle(self, budget="100.00"):
        """People, systems, a catalogue and a policy, all in force; the server runs."""
        with open(self.data + "/first-admin", encoding="ascii") as f:
            self.set_password("admin", f.read().strip())
        self.login("admin")
        self.apply(PEOPLE)
        for p in ("gov", "owen", "ann"):
            v = self.api("POST", f"/v1/people/{p}/invite", {})
            self.secrets["invitation of " + p] = v["token"]
            self.set_password(p, v["token"])
            self.login(p)
        self.apply(WORLD)
        self.apply(POLICY, "p.cedar")
        for c in self.api("GET", "/v1/changes", who="gov")["changes"]:
            self.api("POST", f"/v1/changes/{c['id']}/approve", {}, "gov")
        self.apply(SYSTEMS % {"budget": budget}, who="owen", submit=True)
        for s in ("bot", "payer"):
            self.api("POST", f"/v1/systems/{s}/approve", {}, "gov")
            self.credential("gov", "systems", s)
            self.api("POST", f"/v1/systems/{s}/activate", {}, "gov")
        self.credential("gov", "points", "door")
        return self

    # ---- afterwards

    def token_file(self, name):
        """The one place, beside its owner's memory, where a credential may lie."""
        path = f"{self.home}/token-{name}"
        if path not in self.allowed:
            with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="ascii") as f:
                f.write(self.tokens[name])
            self.allowed.add(path)
        return path

    def verify(self, *args):
        out = self.run("audit", "verify", "--data", self.data, "--vkey", self.vkey, *args)
        has(out, "verified")
        return out

    def search(self, query, who="gov"):
        """Every event of a query, oldest last."""
        events, before = [], 0
        while True:
            path = f"/v1/audit?q={query.replace(' ', '%20')}&limit=1000" + (f"&before={before}" if before else "")
            v = self.api("GET", path, who=who)
            events += v["events"]
            before = v.get("next_before", 0)
            if not before:
                return events

    def end(self):
        for p in self.started:
            if p.poll() is None:
                self.look_at_argv(p.pid)
                p.kill()
            p.wait()
            for pipe in (p.stdout, p.stderr, p.stdin):
                if pipe:
                    pipe.close()

    def look_at_argv(self, pid):
        try:
            for name in ("cmdline", "environ"):
                with open(f"/proc/{pid}/{name}", "rb") as f:
                    self.look(f"/proc/{pid}/{name}", f.read())
        except OSError:
            pass  # it has gone, or it is not dumpable, which is what reeve makes itself

    def forms(self):
        """A secret and the ways it could be written down."""
        for name, value in self.secrets.items():
            raw = value.encode()
            yield name, raw
            yield name + " in base64", base64.b64encode(raw).rstrip(b"=")[:-2]
            yield name + " in hex", raw.hex().encode()

    def look(self, where, data):
        for name, form in self.forms():
            check(form not in data, f"the {name} stands in {where}")

    def check_secrets(self):
        for folder, _, files in os.walk(self.top):
            for f in files:
                path = os.path.join(folder, f)
                if path in self.allowed or path.endswith("/first-admin") or not os.path.isfile(path):
                    continue  # the link's own file; sockets
                with open(path, "rb") as fd:
                    self.look(path, fd.read())
        for out in self.said:
            self.look("the output of a command", out.encode())


class Template:
    """A settled installation, made once and copied: setting passwords is slow by design."""

    def __init__(self, reeve, top):
        self.reeve, self.top, self.made = reeve, top, {}

    def copy(self, site, budget="100.00"):
        if budget not in self.made:
            s = Site(self.reeve, f"{self.top}/template-{len(self.made)}")
            try:
                s.init().serve()
                s.settle(budget)
                s.stop()
                s.check_secrets()
            finally:
                s.end()
            self.made[budget] = s
        t = self.made[budget]
        shutil.copytree(t.data, site.data)
        site.secrets, site.tokens, site.vkey = dict(t.secrets), dict(t.tokens), t.vkey
        return site


def threads(n, fn):
    """Runs fn(i) on n threads; the first exception is raised here."""
    failures = []

    def one(i):
        try:
            fn(i)
        except BaseException as e:
            failures.append(e)
    ts = [threading.Thread(target=one, args=(i,), daemon=True) for i in range(n)]
    for t in ts:
        t.start()
    return ts, failures


def join(started):
    ts, failures = started
    for t in ts:
        t.join(LONG_S * 2)
        check(not t.is_alive(), "a client hangs")
    if failures:
        raise failures[0]


def main(*cases):
    """cases: functions of (site, template). Prints TAP."""
    reeve, only = os.path.abspath(sys.argv[1]), sys.argv[2:]
    chosen = [c for c in cases if not only or c.__name__ in only]
    if not chosen:
        sys.exit(f"no such case; there are {', '.join(c.__name__ for c in cases)}")
    top = tempfile.mkdtemp(prefix="reeve-system.", dir="/tmp")
    os.chmod(top, 0o711)
    template = Template(reeve, top)
    failed = 0
    print(f"1..{len(chosen)}", flush=True)
    try:
        for i, case in enumerate(chosen, 1):
            site = Site(reeve, f"{top}/{i}")
            word, note = "ok", ""
            try:
                try:
                    case(site, template)
                finally:
                    site.end()
                site.check_secrets()
            except Skip as e:
                note = f" # SKIP {e}"
            except BaseException as e:
                failed += 1
                word = "not ok"
                text = "".join(traceback.format_exception(type(e), e, e.__traceback__))
                if os.path.exists(site.log):
                    text += "\n--- serve.log\n" + site.log_text()[-4000:]
                print("# " + text.replace("\n", "\n# "))
                if isinstance(e, KeyboardInterrupt):
                    raise
            print(f"{word} {i} - {case.__name__}{note}", flush=True)
            if not os.environ.get("RV_KEEP"):
                shutil.rmtree(site.top, ignore_errors=True)
    finally:
        if not os.environ.get("RV_KEEP"):
            shutil.rmtree(top, ignore_errors=True)
    sys.exit(1 if failed else 0)
