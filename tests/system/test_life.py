#!/usr/bin/env python3
"""A server's life: stopped gracefully, restarted with people still to decide, with a clock that steps, TLS, its configuration file, and
the first admin's link."""
import json, os, shutil, signal, socket, ssl, subprocess, threading, warnings

from rig import Skip, Unix, ask_body, check, has, join, main, same, threads, until


def graceful_stop_answers_what_is_asked(site, template):
    """Requests in flight when SIGTERM comes are answered, or their connection is closed without an answer; what was answered is kept."""
    template.copy(site).serve()
    told, lock = set(), threading.Lock()

    def client(i):
        conn = Unix(site.sock)
        try:
            while True:
                a = site.ask("read", i, conn=conn)
                with lock:
                    told.add(a["id"])
        except OSError:
            pass  # closed, or nobody listens any more
        finally:
            conn.close()
    clients = threads(16, client)
    until(lambda: len(told) > 200 or clients[1], "answers")
    site.stop()
    join(clients)
    site.verify()
    site.serve()
    have = {e["event"]["id"] for e in site.search("kind:decision")}
    check(told <= have, f"{len(told - have)} acknowledged decisions are lost")
    kinds = [e["event"]["kind"] for e in site.search("kind:service.*")]
    check("service.stopped" in kinds and kinds.count("service.started") >= 2, kinds)
    check(not os.path.exists(site.sock + ".lock"))
    site.stop()


def stop_wakes_those_who_wait(site, template):
    template.copy(site).serve()
    held = site.ask("ship", 1)["approval"]["id"]
    conn = Unix(site.sock)
    conn.connect()

    def request(query):
        return (f"GET /v1/approvals/{held}{query} HTTP/1.1\r\nHost: localhost\r\n"
                f"Authorization: Bearer {site.tokens['door']}\r\n\r\n").encode()
    # Both at once: when the first is answered, the server has the one that waits in hand.
    conn.sock.sendall(request("") + request("?wait=60"))
    answers = conn.sock.makefile("rb")
    same(read_answer(answers), (200, "pending"))
    site.stop()
    same(read_answer(answers), (200, "pending"))
    conn.close()


def read_answer(f):
    status, n = int(f.readline().split()[1]), 0
    for line in iter(f.readline, b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            n = int(value)
    return status, json.loads(f.read(n))["state"]


def held_through_a_restart(site, template):
    template.copy(site).serve()
    a = site.ask("ship", 1)
    site.kill()
    site.serve()
    again = site.ask("ship", 1)
    same(again["outcome"], "hold")
    same(again["approval"]["id"], a["approval"]["id"], "the same question after a restart opens nothing new")
    r = site.http("POST", f"/v1/approvals/{a['approval']['id']}/approve", {"digest": a["approval"]["digest"]}, site.tokens["ann"])
    same(r.status, 200, r.text)
    site.kill()
    site.serve()
    same(site.ask("ship", 2)["outcome"], "hold", "another request does not use it")
    same(site.ask("ship", 1)["outcome"], "allow")
    site.kill()
    site.serve()
    same(site.ask("ship", 1)["outcome"], "hold", "it is used up")
    site.stop()
    site.verify()


def suspension_holds_through_a_restart(site, template):
    template.copy(site).serve()
    same(site.ask("read")["outcome"], "allow")
    site.api("POST", "/v1/systems/bot/suspend", {"reason": "a test"}, "gov")
    site.kill()
    site.serve()
    a = site.ask("read")
    same((a["outcome"], a["reasons"][0]["code"]), ("deny", "suspended"))
    site.stop()


def arguments_are_nowhere_in_clear(site, template):
    """Allowed, denied and held with arguments that the rig then looks for in every file, log and output; opened only by who may."""
    template.copy(site).serve()
    note = site.secret("value of an argument")
    same(site.ask("read", arguments={"note": note})["outcome"], "allow")
    same(site.ask("steal", arguments={"note": note})["outcome"], "deny")
    held = site.ask("ship", arguments={"note": note})
    same(held["outcome"], "hold")
    a = site.http("GET", f"/v1/approvals/{held['approval']['id']}/arguments", None, site.tokens["ann"])
    check(note in a.text, "who decides sees what would be done: " + a.text)
    check(site.search("kind:access"), "and looking is on record")
    check(site.http("GET", f"/v1/approvals/{held['approval']['id']}/arguments", None, site.tokens["bot"]).status >= 400, "a worker looked")
    e = site.search("kind:decision outcome:allow")[0]["event"]
    check("note" in e["args"] and note not in json.dumps(e), e)
    site.stop()
    site.verify()


def clock_that_steps(site, template):
    template.copy(site)
    site.set_clock(0)
    site.serve()
    site.ask("read", 1)
    site.set_clock(-7200)  # two hours back
    for i in range(3):
        same(site.ask("read", i)["outcome"], "allow")
    until(lambda: site.search("kind:service.clock_step"), "the step to be recorded")
    detail = json.dumps(site.search("kind:service.clock_step")[0]["event"])
    has(detail, "back_ms")
    times = [e["logged"] for e in reversed(site.search(""))]
    same(times, sorted(times), "the log's own time")
    # Sessions do not come back to life, nor do they end early, by more than the step itself.
    site.set_clock(0)
    same(site.ask("read", 9)["outcome"], "allow")
    site.set_clock(86400 * 2)  # two days on: the credential of one day is over
    same(site.http("POST", "/access/v1/evaluation", ask_body("read"), site.tokens["door"]).status, 401)
    site.stop()
    site.env = {}
    site.verify()


def first_admins_link(site, template):
    site.init().serve()
    with open(site.data + "/first-admin", encoding="ascii") as f:
        link = f.read().strip()
    same(oct(os.stat(site.data + "/first-admin").st_mode & 0o777), "0o600")
    password = site.secret("password of admin")
    for wrong in ("", "rvi_nonsense", link[:-1], link + "x"):
        r = site.http("POST", "/v1/setup", {"token": wrong, "password": password})
        check(r.status in (400, 401), r.status, r.text)
    r = site.http("POST", "/v1/setup", {"token": link, "password": "short"})
    same(r.status, 400, r.text)
    has(r.text, "password", "12")
    site.set_password("admin", link)
    r = site.http("POST", "/v1/setup", {"token": link, "password": password})
    same(r.status, 401, r.text)
    has(r.text, "used")
    site.login("admin")
    site.kill()
    site.serve()
    same(site.http("POST", "/v1/setup", {"token": link, "password": password}).status, 401, "after a restart")
    # Refused logins say nothing of what was wrong, and are in the log.
    for name, pw in (("admin", site.secret("wrong password")), ("nobody", password)):
        r = site.http("POST", "/v1/login", {"name": name, "password": pw})
        same(r.status, 401, r.text)
        has(r.text, "wrong name or password")
    site.stop()  # counted by source and minute; a stop does not forget them
    site.serve()
    check(site.search("kind:session.refused", who="admin"), "refused logins are not in the log")
    site.stop()


def first_admins_link_too_late(site, template):
    site.init()
    site.set_clock(3601)
    site.serve()
    with open(site.data + "/first-admin", encoding="ascii") as f:
        r = site.http("POST", "/v1/setup", {"token": f.read().strip(), "password": site.secret("password of admin")})
    same(r.status, 401, r.text)
    has(r.text, "expired")
    site.stop()


def certificate(site, name="server", host="127.0.0.1"):
    if not shutil.which("openssl"):
        raise Skip("needs openssl")
    cert, key = f"{site.top}/{name}.crt", f"{site.top}/{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out",
                    cert, "-days", "2", "-subj", "/CN=" + host, "-addext", "subjectAltName=IP:" + host], check=True, capture_output=True)
    return cert, key


def tls_beyond_this_machine(site, template):
    template.copy(site)
    cert, key = certificate(site)
    has(site.refuses("--data", site.data, "--listen", "0.0.0.0:0", status=2), "TLS", "--tls-cert")
    other = certificate(site, "other")
    has(site.refuses("--data", site.data, "--listen", "0.0.0.0:0", "--tls-cert", cert, "--tls-key", other[1]), "key", "other.key")
    site.serve("--listen", "0.0.0.0:0", "--tls-cert", cert, "--tls-key", key)
    until(lambda: "(port " in site.log_text(), "the port")
    port = int(site.log_text().split("(port ")[1].split(")")[0])
    ctx = ssl.create_default_context(cafile=cert)
    with socket.create_connection(("127.0.0.1", port), 30) as raw, ctx.wrap_socket(raw, server_hostname="127.0.0.1") as s:
        check(s.version() in ("TLSv1.2", "TLSv1.3"), s.version())
        body = json.dumps(ask_body("read"))
        s.sendall(("POST /access/v1/evaluation HTTP/1.1\r\nHost: r\r\nConnection: close\r\nAuthorization: Bearer %s\r\n"
                   "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (site.tokens["door"], len(body), body)).encode())
        got = b""
        while piece := s.recv(65536):
            got += piece
    has(got.decode(), " 200 ", '"decision":true')
    # Plain HTTP on that port is no way in, nor is an old TLS.
    with socket.create_connection(("127.0.0.1", port), 30) as s:
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: r\r\n\r\n")
        try:
            check(b"200" not in s.recv(4096))
        except ConnectionResetError:
            pass
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old on purpose
            old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        old.set_ciphers("ALL:@SECLEVEL=0")
        with socket.create_connection(("127.0.0.1", port), 30) as raw, old.wrap_socket(raw):
            check(False, "TLS 1.1 was spoken")
    except (ssl.SSLError, OSError):
        pass
    # The command line speaks it too, and trusts nobody by default.
    env = {"REEVE_SERVER": f"https://127.0.0.1:{port}", "REEVE_TOKEN_FILE": site.token_file("gov")}
    has(site.run("whoami", env={**env, "REEVE_CA_FILE": cert}), "gov")
    site.run("whoami", env=env, status=None)
    check(site.status != 0, "an unknown certificate was trusted")
    same(site.http("GET", "/healthz").status, 200)  # the Unix socket stays plain
    site.stop()


def configuration_file(site, template):
    template.copy(site)
    conf = site.top + "/serve.yaml"

    def write(text):
        with open(conf, "w", encoding="ascii") as f:
            f.write(text)
    write(f"data: {site.data}\nlisten: \"unix:{site.sock}\"\ndrain_timeout: 2s\nunix_mode: '0600'\n")
    out = site.run("serve", "--config", conf, "--check-config")
    has(out, f'data: "{site.data}"  # file', 'drain_timeout: "2s"  # file', 'threads: "1"  # default')
    with open(site.log, "ab") as log:
        site.proc = site.popen(site.reeve, "serve", "--config", conf, stdout=log, stderr=log, env=site.environ(), cwd=site.top)
    site.wait_ready()
    same(oct(os.stat(site.sock).st_mode & 0o777), "0o600")
    same(site.ask("read")["outcome"], "allow")
    site.run("serve", "--config", conf, "--check-config")  # while it runs
    site.stop()
    out = site.run("serve", "--config", conf, "--check-config", "--unix-mode", "0660")
    has(out, 'unix_mode: "0660"  # flag')
    for text, parts in (
        ("data: /d\nthread: 2\n", [f"{conf}:2:1:", "thread", "not a known field", "threads"]),
        ("data: /d\nthreads: 0\n", [f"{conf}:2:10: threads:", "1 to 64"]),
        ("data: /d\ndata: /e\n", [f"{conf}:2:"]),
        ("data: /d\nlisten: \"0.0.0.0:80\"\n", [f"{conf}:2:9: listen:", "TLS"]),
        ("data: [\n", [f"{conf}:"]),
        ("", [f"{conf}:1:1:", "one document"]),
    ):
        write(text)
        has(site.refuses("--config", conf, status=2), *parts)
    has(site.refuses("--config", site.top + "/none.yaml"), site.top + "/none.yaml")
    write(f"data: {site.data}\n")
    os.chmod(site.data + "/log.key", 0o644)
    out = site.run("serve", "--config", conf, "--check-config", status=None)
    check(site.status != 0)
    has(out, "chmod 600")


if __name__ == "__main__":
    main(graceful_stop_answers_what_is_asked, stop_wakes_those_who_wait, held_through_a_restart, suspension_holds_through_a_restart,
         arguments_are_nowhere_in_clear, clock_that_steps, first_admins_link, first_admins_link_too_late, tls_beyond_this_machine, configuration_file)
