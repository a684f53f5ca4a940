#!/usr/bin/env python3
"""Disks and folders in bad weather: full, unwritable, damaged, shared, readable by others. Each refusal says what and what to do,
nothing is decided that cannot be recorded, nothing that was recorded is lost, and work goes on once the cause is gone."""
import os, shutil, socket, sqlite3, subprocess

from rig import Failed, Skip, ask_body, check, has, main, same, until

ROOT = os.geteuid() == 0


class Small:
    """A small tmpfs over a folder of the site."""

    def __init__(self, path, size):
        if not ROOT:
            raise Skip("needs root: mounts a small tmpfs")
        self.path = path
        kept = path + ".kept"
        shutil.copytree(path, kept)
        p = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "reeve-system", path], capture_output=True, text=True)
        if p.returncode != 0:
            raise Skip("cannot mount a tmpfs here: " + p.stderr.strip())
        try:
            shutil.copytree(kept, path, dirs_exist_ok=True)
        except OSError:
            self.__exit__()  # nobody else would
            raise
        shutil.rmtree(kept)

    def __enter__(self):
        return self

    def __exit__(self, *why):
        subprocess.run(["umount", "-l", self.path], check=True)

    def fill(self):
        """Takes every byte that is left."""
        with open(self.path + "/filler", "wb", buffering=0) as f:
            for size in (1 << 20, 1 << 12, 1):
                try:
                    while True:
                        f.write(b"x" * size)
                except OSError:
                    pass

    def free(self):
        os.unlink(self.path + "/filler")


def until_denied(site, kind="read", **context):
    """Asks until the log takes no more; every allow before that counts."""
    ids = []
    for n in range(200000):
        a = site.ask(kind, n, **context)
        if a["outcome"] != "allow":
            return ids, a
        ids.append(a["id"])
    raise Failed("the disk never was full")


def all_there(site, ids):
    have = [e["event"]["id"] for e in site.search("kind:decision")]
    same(len(have), len(set(have)), "decisions in the log, without doubles")
    lost = set(ids) - set(have)
    check(not lost, f"{len(lost)} of {len(ids)} acknowledged decisions are lost")


def log_on_a_full_disk(site, template):
    template.copy(site)
    with Small(site.data + "/ledger", "12m") as disk:
        site.serve()
        before = [site.ask("read", i)["id"] for i in range(20)]
        held = site.ask("ship", 1)["approval"]
        disk.fill()
        ids, a = until_denied(site)
        same((a["outcome"], a["reasons"][0]["code"]), ("deny", "audit_unavailable"), a)
        check("id" not in a, "a decision that was not recorded has an id")
        # The same for what the database decides, and for changes; nothing of it is kept.
        a = site.ask("spend", amount="1.00", currency="EUR")
        same((a["outcome"], a["reasons"][0]["code"]), ("deny", "audit_unavailable"), a)
        r = site.http("POST", f"/v1/approvals/{held['id']}/approve", {"digest": held["digest"]}, site.tokens["ann"])
        same(r.status, 503, r.text)
        has(r.text, "RV_EAUDIT", "audit log cannot be written")
        h = site.http("GET", "/healthz")
        same(h.status, 503, h.text)
        has(h.text, "full")
        # A stop never waits for the audit: it goes through on the reserve.
        r = site.http("POST", "/v1/systems/bot/suspend", {"reason": "the disk is full"}, site.tokens["gov"])
        same(r.status, 200, r.text)
        disk.free()
        until(lambda: site.http("GET", "/healthz").status == 200, "the log to recover")
        a = site.ask("read")
        same((a["outcome"], a["reasons"][0]["code"]), ("deny", "suspended"))
        r = site.http("POST", f"/v1/approvals/{held['id']}/approve", {"digest": held["digest"]}, site.tokens["ann"])
        check(r.status in (200, 403, 409), r.status, r.text)
        a = site.ask("ship", 1)  # granted or not: suspended since
        same((a["outcome"], a["reasons"][0]["code"]), ("deny", "suspended"))
        after = [site.ask("spend", i, amount="1.00", currency="EUR", reeve={"act": True})["id"] for i in range(5)]
        all_there(site, before + ids + after)
        same(site.api("GET", "/v1/limits/payer", who="gov")["limits"][0]["used"], "5", "spent")
        until(lambda: site.search("kind:service.audit_gap"), "the event that counts the denials which could not be written")
        site.stop()
        site.verify()


def log_full_at_the_start(site, template):
    template.copy(site)
    with Small(site.data + "/ledger", "12m") as disk:
        site.serve()
        ids = [site.ask("read", i)["id"] for i in range(50)]
        site.kill()
        disk.fill()
        site.serve(wait=False)
        until(lambda: os.path.exists(site.sock) and healthy(site) is not None or site.proc.poll() is not None, "an answer")
        if site.proc.poll() is not None:  # it may refuse to start; then it says why
            check(site.proc.returncode != 0)
            has(site.log_text(), "No space left on device")
            disk.free()
            site.serve()
        else:
            disk.free()
            until(lambda: healthy(site) == 200, "the log to recover")
        ids.append(site.ask("read")["id"])
        all_there(site, ids)
        site.stop()
        site.verify()


def healthy(site):
    try:
        return site.http("GET", "/healthz").status
    except OSError:
        return None


def database_on_a_full_disk(site, template):
    template.copy(site)
    ledger = site.top + "/ledger"
    shutil.move(site.data + "/ledger", ledger)
    with Small(site.data, "6m") as disk:
        os.symlink(ledger, site.data + "/ledger")
        site.serve()
        spent = [site.ask("spend", i, amount="1.00", currency="EUR", reeve={"act": True}) for i in range(3)]
        disk.fill()
        denied = None
        for i in range(20000):
            body = ask_body("spend", i, amount="0.01", currency="EUR", reeve={"act": True})
            a = site.http("POST", "/access/v1/evaluation", body, site.tokens["door"])
            if a.status != 200 or not a.json["decision"]:
                denied = a
                break
            spent.append(a.json["context"]["reeve"])
        check(denied, "the database was never full")
        if denied.status == 200:
            same(denied.json["context"]["reeve"]["outcome"], "deny", denied.text)
        else:
            check(denied.status >= 500, denied.status, denied.text)
        disk.free()
        until(lambda: site.ask("spend", 7, amount="0.01", currency="EUR", reeve={"act": True})["outcome"] == "allow", "room")
        allowed = [e["event"] for e in site.search("kind:decision system:payer outcome:allow")]
        check({a["id"] for a in spent} <= {e["id"] for e in allowed}, "an acknowledged decision is lost")
        used = float(site.api("GET", "/v1/limits/payer", who="gov")["limits"][0]["used"])
        same(round(used, 2), round(3 + 0.01 * (len(allowed) - 3), 2), "spent, and allowed in the log")
        site.stop()
        site.verify()


def folder_in_use(site, template):
    template.copy(site)
    site.serve()
    out = site.refuses("--data", site.data, "--listen", f"unix:{site.top}/other")
    has(out, "another process", site.data)
    check(not os.path.exists(site.top + "/other"), "it listened nevertheless")
    same(site.ask("read")["outcome"], "allow")
    site.stop()


def socket_in_use(site, template):
    template.copy(site)
    site.serve()
    other = site.top + "/other-data"
    shutil.copytree(site.data, other)
    out = site.refuses("--data", other, "--listen", "unix:" + site.sock)
    has(out, "is in use", "choose another address")
    same(site.ask("read")["outcome"], "allow")  # the first one still owns its socket
    site.stop()


def port_in_use(site, template):
    template.copy(site)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        out = site.refuses("--data", site.data, "--listen", f"127.0.0.1:{s.getsockname()[1]}")
        has(out, f"'127.0.0.1:{s.getsockname()[1]}' is in use", "choose another address")
    site.serve()  # and the folder was given back
    site.stop()


def socket_path_is_a_file(site, template):
    template.copy(site)
    with open(site.sock, "w", encoding="ascii") as f:
        f.write("something dear")
    out = site.refuses("--data", site.data, "--listen", "unix:" + site.sock)
    has(out, "is not a socket")
    with open(site.sock, encoding="ascii") as f:
        same(f.read(), "something dear")


def unwritable_log(site, template):
    if not ROOT:
        raise Skip("needs root: runs reeve as another user")
    template.copy(site)
    os.chmod(site.top, 0o755)
    for folder, _, files in os.walk(site.data):
        os.chown(folder, 47001, 47001)
        for f in files:
            os.chown(f"{folder}/{f}", 47001, 47001)
    for f in os.listdir(site.data + "/ledger"):
        os.chown(f"{site.data}/ledger/{f}", 0, 0)
    os.chown(site.data + "/ledger", 0, 0)
    os.chmod(site.data + "/ledger", 0o755)
    site.reeve = shutil.copy(site.reeve, site.top + "/reeve")  # a clone may lie where only its owner may go
    drop = {"user": 47001, "group": 47001, "extra_groups": []}
    out = site.refuses("--data", site.data, "--listen", f"unix:{site.data}/s", **drop)
    has(out, "ledger", "Permission denied")


def no_such_folder(site, template):
    out = site.refuses("--data", site.top + "/none", "--listen", "unix:" + site.sock)
    has(out, site.top + "/none", "reeve init")


def keys_others_may_read(site, template):
    template.copy(site)
    for name in ("log.key", "master.key"):
        path = f"{site.data}/{name}"
        os.chmod(path, 0o640)
        out = site.refuses("--data", site.data, "--listen", "unix:" + site.sock)
        has(out, name, "chmod 600")
        os.chmod(path, 0o600)
    os.chmod(site.data, 0o755)  # the folder itself may be looked at: the keys are closed
    site.serve()
    site.stop()


def keys_missing_or_wrong(site, template):
    template.copy(site)
    for name in ("log.key", "master.key"):
        path = f"{site.data}/{name}"
        with open(path, "rb") as f:
            good = f.read()
        os.unlink(path)
        has(site.refuses("--data", site.data, "--listen", "unix:" + site.sock), name)
        check(not os.path.exists(path), "serve made a key for a log that is there")
        for bad in (b"", good[:31], bytes([good[0] ^ 1]) + good[1:]):
            with open(path, "wb") as f:
                f.write(bad)
            os.chmod(path, 0o600)
            out = site.refuses("--data", site.data, "--listen", "unix:" + site.sock)
            check("key" in out, out)
        with open(path, "wb") as f:
            f.write(good)
    site.serve()
    site.stop()


def damaged_database(site, template):
    template.copy(site)
    path = site.data + "/reeve.db"
    with open(path, "r+b") as f:
        f.write(b"this is no database at all, sorry")
    out = site.refuses("--data", site.data, "--listen", "unix:" + site.sock)
    has(out, "reeve.db", "backup")
    size = os.path.getsize(path)
    with open(path, "wb") as f:
        f.truncate(size)
    out = site.refuses("--data", site.data, "--listen", "unix:" + site.sock)
    has(out, "reeve.db")


def database_of_another_program(site, template):
    template.copy(site)
    os.unlink(site.data + "/reeve.db")
    db = sqlite3.connect(site.data + "/reeve.db")
    db.execute("create table mine (x)")
    db.commit()
    db.close()
    has(site.refuses("--data", site.data, "--listen", "unix:" + site.sock), "reeve.db")


def damaged_log(site, template):
    template.copy(site)
    site.serve()
    for i in range(10):
        site.ask("read", i)
    site.stop()
    segment = sorted(f for f in os.listdir(site.data + "/ledger") if f.endswith(".seg"))[0]
    path = f"{site.data}/ledger/{segment}"
    with open(path, "r+b") as f:
        data = f.read()
        at = data.index(b'"kind":"decision"')
        f.seek(at)
        f.write(b'"kind":"Decision"')
    out = site.refuses("--data", site.data, "--listen", "unix:" + site.sock)
    has(out, segment)
    out = site.run("audit", "verify", "--data", site.data, "--vkey", site.vkey, status=None)
    check(site.status != 0, out)
    has(out, "FAILED")
    with open(path, "r+b") as f:
        f.seek(at)
        f.write(b'"kind":"decision"')
    site.serve()
    site.stop()
    site.verify()


def log_restored_from_yesterday(site, template):
    template.copy(site)
    site.serve()
    site.ask("read")
    site.stop()
    shutil.copytree(site.data + "/ledger", site.top + "/yesterday")
    site.serve()
    site.ask("read")
    site.run("witness", "--vkey", site.vkey, "--store", site.top + "/checkpoint")
    site.stop()
    shutil.rmtree(site.data + "/ledger")
    shutil.copytree(site.top + "/yesterday", site.data + "/ledger")
    out = site.run("audit", "verify", "--data", site.data, "--vkey", site.vkey, "--checkpoint", site.top + "/checkpoint", status=None)
    check(site.status != 0, out)
    has(out, "FAILED")


if __name__ == "__main__":
    main(log_on_a_full_disk, log_full_at_the_start, database_on_a_full_disk, folder_in_use, socket_in_use, port_in_use,
         socket_path_is_a_file, unwritable_log, no_such_folder, keys_others_may_read, keys_missing_or_wrong, damaged_database,
         database_of_another_program, damaged_log, log_restored_from_yesterday)
