"""A real `reeve serve` for tests: a folder, a socket, people with sessions, and TAP. Wall time is the only clock; nothing sleeps
without a deadline."""
import http.client, json, os, shutil, socket, sqlite3, subprocess, sys, tempfile, time, traceback, urllib.parse

SOURCE = os.environ["RV_SOURCE"]
REEVE = os.path.join(os.environ["RV_BUILD"], "reeve")


class Live:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="rv-live-")
        self.data = os.path.join(self.dir, "data")
        self.server = None
        status, out, err = self.run("init", "--data", self.data, "--origin", "test.example/log", "--admin", "ada")
        assert status == 0, err
        self.vkey = out.strip()

    def env(self, who=None, token=None, **more):
        home = os.path.join(self.dir, "home-" + (who or "nobody"))
        os.makedirs(home, exist_ok=True)
        env = {"PATH": "/usr/bin:/bin", "HOME": home, "LANG": "C.UTF-8", "REEVE_SERVER": f"unix:{self.dir}/sock", **more}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
            if name in os.environ:
                env[name] = os.environ[name]
        if token:
            env["REEVE_TOKEN_FILE"] = token
        return env

    def run(self, *args, who=None, token=None, stdin="", **more):
        p = subprocess.run([REEVE, *args], input=stdin, capture_output=True, text=True, env=self.env(who, token, **more), timeout=120)
        return p.returncode, p.stdout, p.stderr

    def ok(self, *args, **kw):
        status, out, err = self.run(*args, **kw)
        assert status == 0, f"{args}: status {status}: {err}{out}"
        return out

    def json(self, *args, **kw):
        return json.loads(self.ok(*args, "--json", **kw))

    def serve(self):
        self.server = subprocess.Popen([REEVE, "serve", "--data", self.data, "--listen", f"unix:{self.dir}/sock"],
                                       stderr=open(os.path.join(self.dir, "serve.log"), "a"), env=self.env())
        end = time.monotonic() + 60
        while self.run("audit", "search")[0] == 75:  # nobody listens yet
            assert time.monotonic() < end and self.server.poll() is None, open(os.path.join(self.dir, "serve.log")).read()
            time.sleep(0.05)

    def stop(self):
        if self.server:
            self.server.terminate()
            assert self.server.wait(60) == 0, open(os.path.join(self.dir, "serve.log")).read()
            self.server = None

    def file(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def join(self, person, link):
        """Sets the password with a link and logs in."""
        self.ok("setup", link, who=person, stdin=f"a long password of {person}\n")
        self.ok("login", person, who=person, stdin=f"a long password of {person}\n")

    def company(self):
        """Acme, as examples/acme has it: ada proposes, gordon approves; three workers with tokens; the runner's point."""
        acme = os.path.join(SOURCE, "examples/acme")
        self.serve()
        self.join("ada", os.path.join(self.data, "first-admin"))
        self.ok("apply", "-f", f"{acme}/people.yaml", who="ada")
        for p in ("olivia", "gordon", "ruth", "audrey"):
            link = os.path.join(self.dir, "link-" + p)
            self.ok("person", "invite", p, "--out", link, who="ada")
            self.join(p, link)
        self.ok("apply", "-f", f"{acme}/world.yaml", "-f", f"{acme}/acme.cedar", who="ada")
        for c in self.json("change", "list", who="gordon")["changes"]:
            self.ok("change", "approve", c["id"], who="gordon")
        self.ok("apply", "-f", f"{acme}/systems.yaml", "--submit", who="olivia")
        for s in ("faq-bot", "invoice-agent", "deploy-bot", "social-bot", "ads-bot"):
            self.ok("system", "approve", s, who="gordon")
        for s in ("deploy-bot", "social-bot", "ads-bot"):
            self.ok("system", "token", s, "--ttl", "1d", "--out", self.token(s), who="gordon")
        for s in ("faq-bot", "invoice-agent", "deploy-bot", "social-bot", "ads-bot"):
            self.ok("system", "activate", s, who="gordon")

    def token(self, name):
        return os.path.join(self.dir, "token-" + name)

    def ask(self, system, action, resource, *more):
        """(exit status, answer) of the system asking for itself."""
        status, out, err = self.run("ask", system, action, resource, "--json", *more, who=system, token=self.token(system))
        return status, json.loads(out)["context"]["reeve"] if out else err

    def call(self, method, path, body=None, token=None):
        """(status, JSON) over the socket; token: a file."""
        class Conn(http.client.HTTPConnection):
            def connect(c):
                c.sock = socket.socket(socket.AF_UNIX)
                c.sock.settimeout(60)
                c.sock.connect(os.path.join(self.dir, "sock"))
        c = Conn("reeve")
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = "Bearer " + open(token).read().strip()
        c.request(method, path, None if body is None else json.dumps(body), headers)
        r = c.getresponse()
        text = r.read()
        c.close()
        return r.status, json.loads(text) if text else None

    def tamper(self, sql, *args):
        """Changes the database behind the server's back."""
        self.stop()
        db = sqlite3.connect(os.path.join(self.data, "reeve.db"))
        db.execute(sql, args)
        db.commit()
        db.close()
        self.serve()

    def search(self, query, who="audrey"):
        """All events of a query, newest first."""
        found, before = [], 0
        while True:
            status, page = self.call("GET", "/v1/audit?limit=1000&q=" + urllib.parse.quote(query) + (f"&before={before}" if before else ""),
                                     token=os.path.join(self.dir, "home-" + who, ".config/reeve/session"))
            assert status == 200, page
            found += page["events"]
            before = page.get("next_before", 0)
            if not before:
                return found

    def done(self):
        if self.server:
            self.server.kill()
            self.server.wait()
        shutil.rmtree(self.dir)


cases = []


def case(f):
    cases.append(f)
    return f


def main(setup):
    """Runs every case against what setup() made, prints TAP."""
    failed = 0
    try:
        made = setup()
    except Exception:
        traceback.print_exc()
        print(f"1..{len(cases)}")
        for n, f in enumerate(cases, 1):
            print(f"not ok {n} - {f.__name__}")
        sys.exit(1)
    try:
        for n, f in enumerate(cases, 1):
            try:
                f(made)
                print(f"ok {n} - {f.__name__}", flush=True)
            except Exception:
                failed += 1
                print("".join("# " + line + "\n" for line in traceback.format_exc().splitlines()), end="")
                print(f"not ok {n} - {f.__name__}", flush=True)
        print(f"1..{len(cases)}")
    finally:
        made.done()
    sys.exit(1 if failed else 0)
