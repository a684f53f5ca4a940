#!/usr/bin/env python3
"""What the program says about itself: every command's help against its golden file (make regold rewrites them), and the promises that
hold for all of them: --help and help, --json, an example, exit statuses as documented, no colour where none belongs."""
import json, os, pty, re, select, signal, subprocess, sys, time
sys.path.insert(0, os.path.dirname(__file__))
from live import REEVE, SOURCE, case, main

GOLDEN = os.path.join(SOURCE, "tests/cli/help")
# They run until they are stopped, or speak a protocol of others: there is no answer to print.
SERVERS = {"serve", "runner", "mcp", "pdp", "hook", "witness serve", "export"}
# They print events in a form that is asked for.
FORMS = {"audit export"}
# Its commands take the options of the language's reference tool, and no more; tests/cedar holds them.
FOREIGN = {"cedar"}


def run(*args, stdin="", **env):
    p = subprocess.run([REEVE, *args], input=stdin, capture_output=True, text=True, timeout=60,
                       env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LANG": "C.UTF-8", "REEVE_SERVER": "unix:/nonexistent/sock",
                            **{k: os.environ[k] for k in ("ASAN_OPTIONS", "UBSAN_OPTIONS") if k in os.environ}, **env})
    return p.returncode, p.stdout, p.stderr


def commands_in(text):
    """The names below "Commands:" or the headings, in their order; none for a command that has no commands of its own."""
    if " COMMAND [options]" not in text:
        return []
    return re.findall(r"^  ([a-z][a-z-]*)  ", text, re.M)


def walk():
    """(path, help text, is a leaf) of all there are."""
    found = []

    def go(path):
        status, out, err = run(*path, "--help")
        assert status == 0 and not err, (path, status, err)
        below = commands_in(out)
        found.append((path, out, not below))
        for name in below:
            go(path + [name])
    go([])
    return found


def golden_file(path):
    return os.path.join(GOLDEN, "-".join(["reeve", *path]) + ".txt")


class Help:
    def __init__(self):
        self.all = walk()

    def done(self):
        pass

    def leaves(self):
        return [(p, t) for p, t, leaf in self.all if leaf]


@case
def golden(h):
    names = set()
    for path, text, _ in h.all:
        if path[:1] and path[0] in FOREIGN:
            continue
        name = "-".join(["reeve", *path]) + ".txt"
        names.add(name)
        file = os.path.join(GOLDEN, name)
        if os.environ.get("RV_REGOLD"):
            os.makedirs(GOLDEN, exist_ok=True)
            open(file, "w").write(text)
        assert os.path.exists(file), f"reeve {' '.join(path)} is new: run 'make regold' and read the diff"
        assert open(file).read() == text, f"the help of 'reeve {' '.join(path)}' changed: run 'make regold' and read the diff"
    for name in os.listdir(GOLDEN):
        if name not in names and os.environ.get("RV_REGOLD"):
            os.remove(os.path.join(GOLDEN, name))
        assert name in names or os.environ.get("RV_REGOLD"), f"{name} is of no command any more: run 'make regold'"


@case
def help_comes_three_ways(h):
    for path, text, _ in h.all:
        assert run(*path, "-h")[:2] == (0, text), path
        assert run("help", *path)[:2] == (0, text), path
    status, out, _ = run()
    assert status == 2 and out == h.all[0][1]


@case
def every_help_fits_a_terminal_and_has_an_example(h):
    for path, text in h.leaves():
        name = " ".join(["reeve", *path])
        if path[0] in FOREIGN:
            continue
        assert re.search(r"^  (\S+=\S+ )?" + re.escape(name) + r"\b", text, re.M), f"'{name} --help' has no example"
        for line in text.splitlines():
            assert len(line) <= 130, (name, line)
        assert text.startswith(f"{name}: ") and f"Usage: {name}" in text


@case
def every_answer_comes_as_json(h):
    for path, text in h.leaves():
        assert "  --json" in text or path[0] in SERVERS | FOREIGN or " ".join(path) in SERVERS | FORMS, f"'reeve {' '.join(path)}' has no --json"


@case
def documented(h):
    """docs/cli.md names every command and holds the statuses of base/codes.def."""
    doc = open(os.path.join(SOURCE, "docs/cli.md")).read()
    for path, text in h.leaves():
        if path[0] in FOREIGN:
            path = path[:1]
        assert f"`reeve {' '.join(path)}" in doc, f"docs/cli.md does not name 'reeve {' '.join(path)}'"
    rows = re.findall(r'^X\(RV_\w+, \d+, (\d+), "([^"]+)"\)', open(os.path.join(SOURCE, "src/base/codes.def")).read(), re.M)
    assert len(rows) > 10
    table = {}
    for status, text in re.findall(r"^\| (\d+) \| (.*) \|$", doc, re.M):
        table.setdefault(status, []).append(text)
    for status, text in rows:
        assert status in table, f"docs/cli.md does not tell what status {status} means"
        assert any(text in t for t in table[status]), f"docs/cli.md, status {status}: '{text}' is missing"
    for status in table:
        assert status in {s for s, _ in rows} or 79 <= int(status) <= 84, f"docs/cli.md: status {status} is of no code"


@case
def nearest_command_and_option(h):
    for args, words in ((["aply"], "did you mean 'apply'"), (["system", "lst"], "did you mean 'list'"),
                        (["audit", "serch"], "did you mean 'search'"), (["gaps", "--jsom"], "did you mean '--json'"),
                        (["frobnicate"], "unknown command 'frobnicate'"), (["help", "aply"], "did you mean 'apply'"),
                        (["whoami", "--zzzzzz"], "unknown option '--zzzzzz'")):
        status, out, err = run(*args)
        assert status == 2 and words in err and "--help" in err and not out, (args, status, err)
    assert "did you mean" not in run("frobnicate")[2]


@case
def mistakes_say_what_to_do(h):
    for args, status, words in ((["whoami"], 75, "is 'reeve serve' running?"), (["login"], 2, "needs NAME"), (["init"], 2, "--data"),
                                (["audit", "check", "x"], 2, "--vkey"), (["witness", "follow"], 2, "--store"), (["system", "token", "x"], 2, "--ttl"),
                                (["serve"], 2, "reeve init"), (["audit", "search", "a", "b"], 2, "one argument too many"),
                                (["apply"], 2, "-f PATH")):
        got, out, err = run(*args)
        assert got == status and words in err and not out, (args, got, err)
        assert err.endswith("\n") and err.startswith("reeve ")


@case
def man_page(h):
    p = subprocess.run([os.path.join(SOURCE, "tools/make_man"), REEVE], capture_output=True, text=True, timeout=120)
    assert p.returncode == 0 and p.stdout.isascii(), p.stderr
    assert p.stdout.startswith(".TH REEVE 1 ")
    for path, _ in h.leaves():
        assert f".SS reeve {' '.join(path)}\n".replace("-", "\\-") in p.stdout, path
    for word in (".SH EXIT STATUS", ".B 81", ".B REEVE_TOKEN_FILE", ".SH FILES"):
        assert word in p.stdout, word
    assert not re.search(r"^['.](?!(TH|SH|SS|PP|TP|B|I|nf|fi)\b)", p.stdout, re.M)


@case
def version(h):
    status, out, _ = run("--version")
    assert status == 0 and re.fullmatch(r"reeve \d+\.\d+\.\d+\n", out)
    assert run("version")[1] == out
    assert json.loads(run("version", "--json")[1]) == {"version": out.split()[1]}


def on_terminal(args, typed="", **env):
    """(status, all that the terminal showed); typed is sent once the program waits."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(REEVE, [REEVE, *args], {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LANG": "C.UTF-8", "TERM": "xterm",
                                          "REEVE_SERVER": "unix:/nonexistent/sock",
                                          **{k: os.environ[k] for k in ("ASAN_OPTIONS", "UBSAN_OPTIONS") if k in os.environ}, **env})
    shown = b""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if not select.select([fd], [], [], 1)[0]:
            continue
        try:
            more = os.read(fd, 4096)
        except OSError:
            break
        if not more:
            break
        shown += more
        if typed and b": " in shown:
            os.write(fd, typed.encode())
            typed = ""
    _, status = os.waitpid(pid, 0)
    os.close(fd)
    return status, shown.decode()


@case
def colours_only_on_a_terminal_that_wants_them(h):
    assert "\033[1m" in on_terminal(["help"])[1]
    assert "\033" not in on_terminal(["help"], NO_COLOR="1")[1]
    assert "\033[1m" in on_terminal(["help"], NO_COLOR="")[1]  # empty is unset (no-color.org)
    assert "\033" not in on_terminal(["help"], TERM="dumb")[1]
    assert "\033" not in run("help", TERM="xterm")[1]


@case
def a_password_is_not_shown(h):
    status, shown = on_terminal(["login", "olivia"], "hunter2 hunter2\n")
    assert "password: " in shown and "hunter2" not in shown, shown
    assert os.waitstatus_to_exitcode(status) == 75
    status, shown = on_terminal(["login", "olivia"], "\x03")  # ^C: ends, and the terminal echoes again
    assert os.waitstatus_to_exitcode(status) == -signal.SIGINT, status


@case
def nobody_answers_on_standard_input(h):
    status, out, err = run("login", "olivia")
    assert status == 2 and "no password on standard input" in err


if __name__ == "__main__":
    main(Help)
