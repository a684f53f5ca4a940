#!/usr/bin/env python3
"""The README's quick start, as a new user types it: only the address of the server and the typed passwords are filled in."""
import os, re, shutil, subprocess, sys, time
sys.path.insert(0, os.path.dirname(__file__))
from live import REEVE, SOURCE, case, main


class Reader:
    def __init__(self):
        self.dir = subprocess.run(["mktemp", "-d", "/tmp/rv-readme-XXXXXX"], capture_output=True, text=True).stdout.strip()
        self.bin = os.path.join(self.dir, "bin")
        os.makedirs(self.bin)
        os.symlink(REEVE, os.path.join(self.bin, "reeve"))
        os.symlink(os.path.join(SOURCE, "examples"), os.path.join(self.dir, "examples"))
        text = open(os.path.join(SOURCE, "README.md")).read()
        part = text[text.index("## Quick start"):text.index("## The story")]
        self.lines = [line.split("  #")[0].strip() for block in re.findall(r"```sh\n(.*?)```", part, re.S) for line in block.splitlines()]
        self.server = None
        self.seen = {}

    def run(self, line):
        env = {"PATH": f"{self.bin}:/usr/bin:/bin", "HOME": self.dir, "LANG": "C.UTF-8", "REEVE_SERVER": f"unix:{self.dir}/sock",
               **{k: os.environ[k] for k in ("ASAN_OPTIONS", "UBSAN_OPTIONS") if k in os.environ}}
        if line.startswith("reeve serve"):
            self.server = subprocess.Popen([os.path.join(self.bin, "reeve"), "serve", "--data", "./data", "--listen", f"unix:{self.dir}/sock"],
                                           cwd=self.dir, env=env, stderr=subprocess.DEVNULL)
            end = time.monotonic() + 60
            while not os.path.exists(f"{self.dir}/sock"):
                assert time.monotonic() < end and self.server.poll() is None
                time.sleep(0.05)
            return 0, ""
        if line == "reeve explain ID":
            line = "reeve explain " + re.findall(r"^ {7}([0-9a-f-]{36})$", self.seen["reeve audit search system:deploy-bot"], re.M)[0]
        p = subprocess.run(["bash", "-c", line], cwd=self.dir, env=env, input="a password that I chose\n", capture_output=True, text=True)
        return p.returncode, p.stdout + p.stderr

    def done(self):
        if self.server:
            self.server.kill()
            self.server.wait()
        shutil.rmtree(self.dir)


@case
def every_line_works_in_its_order(r):
    assert len(r.lines) > 15
    for line in r.lines:
        if line.startswith(("make ", "export PATH")):
            continue
        status, out = r.run(line)
        want = 80 if "release Service/site-production" in line else 0
        assert status == want, f"{line}: status {status}, wanted {want}: {out}"
        r.seen[line] = out


@case
def and_says_what_the_readme_promises(r):
    assert "22 created" in r.seen["reeve apply -f examples/acme/ --submit"]
    assert "allow" in r.seen["REEVE_TOKEN_FILE=./deploy-bot.token reeve ask deploy-bot release Service/site-staging"]
    assert "production-needs-a-release-manager" in r.seen["reeve approvals"]
    assert "deploy-bot" in r.seen["reeve explain ID"]
    assert "What is NOT enforced" in r.seen["reeve report board"]


@case
def the_manifests_of_the_manual_apply(r):
    text = open(os.path.join(SOURCE, "docs/manifests.md")).read()
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.S)
    assert len(blocks) >= 4
    with open(os.path.join(r.dir, "manual.yaml"), "w") as f:
        f.write("---\n".join(blocks))
    status, out = r.run("reeve apply -f manual.yaml --dry-run")
    assert status == 0 and "Dry run" in out, out


@case
def every_file_it_names_is_there(r):
    text = open(os.path.join(SOURCE, "README.md")).read()
    for name in re.findall(r"\]\(([^)]+)\)", text):
        assert os.path.exists(os.path.join(SOURCE, name)), name


if __name__ == "__main__":
    main(Reader)
