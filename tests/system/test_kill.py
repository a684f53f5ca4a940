#!/usr/bin/env python3
"""Kill -9 under load: what was acknowledged is in the reopened log exactly once, what was spent is what was allowed, an approval is
used once. 64 clients ask over the Unix socket while the server is killed at random moments (also while it starts); after each kill
the folder is verified as it lies there, the server is started again, and the log is compared with what the clients were told.
RV_TORTURE=1 kills a thousand times; RV_SEED repeats a run."""
import os, random, threading, time

from rig import TORTURE, Unix, check, join, main, same, threads, until

ROUNDS = int(os.environ.get("RV_ROUNDS", "1000" if TORTURE else "12"))
READERS, SPENDERS, SHIPPERS, APPROVERS = 40, 16, 6, 2
BUDGET = "150000.00" if TORTURE else "3000.00"


class Load:
    """The clients. `told` is what they know: ids of decisions they were given, by what came out."""

    def __init__(self, site):
        self.site, self.lock = site, threading.Condition()
        self.told, self.spent, self.held, self.used, self.votes = set(), {}, {}, {}, set()
        self.parked, self.is_up, self.ends = 0, False, False
        self.asked = 0

    def up(self):
        with self.lock:
            self.is_up = True
            self.lock.notify_all()

    def down(self):
        with self.lock:
            self.is_up = False

    def stop(self):
        with self.lock:
            self.ends = self.is_up = True
            self.lock.notify_all()

    def park(self):
        """The server is gone: wait for the next one. False: it is over."""
        with self.lock:
            self.parked += 1
            self.lock.notify_all()
            while not self.is_up and not self.ends:
                self.lock.wait()
            self.parked -= 1
            return not self.ends

    def keep(self, answer):
        with self.lock:
            check(answer["id"] not in self.told or "replayed" in answer, "one id was given twice")
            self.told.add(answer["id"])
            self.asked += 1
            if "intent" in answer:
                self.told.add(answer["intent"]["id"])

    def client(self, i):
        work = (self.read if i < READERS else self.spend if i < READERS + SPENDERS else
                self.ship if i < READERS + SPENDERS + SHIPPERS else self.approve)
        n = i * 1000000
        while not self.ends:
            conn = Unix(self.site.sock)
            try:
                while not self.ends:
                    if not self.is_up and not self.park():
                        return
                    n += 1
                    work(conn, n)
            except OSError:
                if not self.park():
                    return
            finally:
                conn.close()

    def read(self, conn, n):
        self.keep(self.site.ask("read", n, conn=conn))

    def spend(self, conn, n):
        """The same request again until it is answered: charged once, whatever happens between."""
        while True:
            try:
                a = self.site.ask("spend", n, conn=conn, headers={"X-Request-ID": f"spend-{n}"}, amount="1.00", currency="EUR",
                                  reeve={"act": True})
                break
            except OSError:
                conn.close()
                if not self.park():
                    return
        with self.lock:
            self.told.add(a["id"])
            self.spent[n] = a["outcome"]
        if a["outcome"] == "deny":
            check(any(r.get("code") == "limit_exceeded" for r in a["reasons"]), a)

    def ship(self, conn, n):
        a = self.site.ask("ship", n % 7, conn=conn)
        self.keep(a)
        with self.lock:
            if a["outcome"] == "hold":
                self.held[a["approval"]["id"]] = a["approval"]["digest"]
            elif a["outcome"] == "allow":
                self.used[a["id"]] = a["approval"]["id"]

    def approve(self, conn, n):
        with self.lock:
            waiting = [i for i in self.held if i not in self.votes]
        for i in waiting[:3]:
            r = self.site.http("POST", f"/v1/approvals/{i}/approve", {"digest": self.held[i]}, self.site.tokens["ann"], conn=conn)
            check(r.status in (200, 409, 403), r.status, r.text)
            if r.status == 200:
                with self.lock:
                    self.votes.add(i)
        if not waiting:
            self.site.ask("read", n, conn=conn)


class Book:
    """The log as it reads back, taken over piece by piece."""

    def __init__(self, site):
        self.site, self.seq, self.ids, self.allowed, self.uses = site, -1, {}, 0, {}
        self.approvals = {}

    def take(self):
        before, events = 0, []
        while True:
            v = self.site.api("GET", "/v1/audit?limit=1000" + (f"&before={before}" if before else ""), who="gov")
            fresh = [e for e in v["events"] if e["seq"] > self.seq]
            events += fresh
            before = v.get("next_before", 0)
            if not before or len(fresh) < len(v["events"]):
                break
        for e in events:
            ev = e["event"]
            self.ids[ev["id"]] = self.ids.get(ev["id"], 0) + 1
            if ev["kind"] == "decision" and ev["outcome"] == "allow":
                self.allowed += ev["action"] == "spend"
                if ev["action"] == "ship":
                    self.uses.setdefault(ev["approval"], []).append(ev["id"])
            if ev["kind"] in ("approval.voted", "approval.consumed"):
                self.approvals.setdefault(ev["kind"], []).append(ev["approval"])
        if events:
            seqs = sorted(e["seq"] for e in events)
            same((seqs[0], seqs[-1] - seqs[0] + 1), (self.seq + 1, len(seqs)), "first and number of the records that follow")
            self.seq = seqs[-1]


def compare(site, load, book):
    book.take()
    for i in load.told:
        same(book.ids.get(i, 0), 1, f"how often the acknowledged record {i} is in the log")
    twice = [i for i, n in book.ids.items() if n != 1]
    check(not twice, "records that are there twice:", twice[:5])
    v = site.api("GET", "/v1/limits/payer", who="gov")["limits"][0]
    used, most = float(v["used"]), float(v["max"])
    acked = sum(o == "allow" for o in load.spent.values())
    same(used, float(book.allowed), "spent, and allowed in the log")
    check(acked <= used <= min(most, acked + SPENDERS), "acknowledged, spent, maximum:", acked, used, most)
    for approval, decisions in book.uses.items():
        same(len(decisions), 1, f"uses of approval {approval}")
    for decision, approval in load.used.items():
        same(book.uses.get(approval), [decision], "the use that a client was told of")
    voted, consumed = book.approvals.get("approval.voted", []), book.approvals.get("approval.consumed", [])
    check(load.votes <= set(voted), "an acknowledged vote is not in the log:", load.votes - set(voted))
    same(sorted(consumed), sorted(book.uses), "approvals consumed, and used by an allow")


def killed_at_random(site, template):
    seed = int(os.environ.get("RV_SEED", time.time_ns() % 1000000))
    rnd = random.Random(seed)
    print(f"# RV_SEED={seed}")
    template.copy(site, BUDGET)
    load, book = Load(site), Book(site)
    site.serve()
    load.up()
    clients = threads(READERS + SPENDERS + SHIPPERS + APPROVERS, load.client)
    for n in range(ROUNDS):
        before = load.asked
        until(lambda: load.asked > before + 5 or clients[1], "clients to be answered")
        check(not clients[1], clients[1])
        moment = time.monotonic() + rnd.uniform(0, 0.4)
        until(lambda: time.monotonic() >= moment, "the moment")
        load.down()
        site.kill()
        until(lambda: load.parked == READERS + SPENDERS + SHIPPERS + APPROVERS or clients[1], "clients to notice")
        check(not clients[1], clients[1])
        site.verify()
        while rnd.random() < 0.3:  # and again while it comes up
            site.serve(wait=False)
            moment = time.monotonic() + rnd.uniform(0, 0.1)
            until(lambda: time.monotonic() >= moment or site.proc.poll() is not None, "the moment")
            same(site.proc.poll(), None, "reeve serve left by itself: " + site.log_text()[-2000:])
            site.kill()
            site.verify()
        site.serve()
        compare(site, load, book)
        load.up()
    until(lambda: float(site.api("GET", "/v1/limits/payer", who="gov")["limits"][0]["left"]) == 0 or clients[1],
          "the budget to be spent")
    load.stop()
    join(clients)
    compare(site, load, book)
    acked = sum(o == "allow" for o in load.spent.values())
    same(acked, int(float(BUDGET)), "what clients were told they may spend, to the cent")
    check("deny" in load.spent.values(), "nobody was told that the budget is spent")
    check(len(load.used) > 0, "no approval was used")
    site.stop()
    site.verify()
    print(f"# {ROUNDS} kills, {len(load.told)} acknowledged, {book.seq + 1} records, {len(load.used)} approvals used,"
          f" {len(load.votes)} votes")


if __name__ == "__main__":
    main(killed_at_random)
