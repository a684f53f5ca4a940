"""Workloads of our own for bench/cedar: three applications after the published ones (documents, repositories, to-do lists; each in a
form with templates), and sets that only grow. Everything comes of one small generator, so that any machine makes the same bytes."""
import json, os


class Random:
    """A linear congruence: the same on every version of Python."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % n

    def chance(self, percent):
        return self.below(100) < percent


def uid(type_, id_):
    return {"type": type_, "id": id_}


def ref(type_, id_):
    return {"__entity": uid(type_, id_)}


def entity(type_, id_, attrs=None, parents=()):
    return {"uid": uid(type_, id_), "attrs": attrs or {}, "parents": [uid(*p) for p in parents]}


def some(r, n, percent):
    return [i for i in range(n) if r.chance(percent)]


def ask(r, principals, actions, resources, n=500):
    pick = lambda l: l[r.below(len(l))]
    return [{"principal": uid(*pick(principals)), "action": uid("Action", pick(actions)), "resource": uid(*pick(resources)),
             "context": {}} for _ in range(n)]


def names(type_, n):
    return [(type_, f"{type_.lower()}{i}") for i in range(n)]


# ---- documents in folders, shared with people and groups

DRIVE = """\
permit (principal, action == Action::"read", resource) when { resource in principal.mayRead };
permit (principal, action == Action::"read", resource) when { resource.isPublic };
permit (principal, action in [Action::"read", Action::"write", Action::"share"], resource)
when { resource in principal.ownDocuments || resource in principal.ownFolders };
permit (principal, action == Action::"give", resource) when { principal.ownDocuments.contains(resource) };
permit (principal, action == Action::"create", resource) when { principal.ownFolders.contains(resource) };
"""
DRIVE_TEMPLATE = '@id("reader") permit (principal in ?principal, action == Action::"read", resource in ?resource);\n'


def drive(r, n, templates):
    people, groups, folders, documents = (names(t, n) for t in ("Person", "Group", "Folder", "Document"))
    out, links = [], []
    for i, p in enumerate(people):
        attrs = {"ownDocuments": [ref(*documents[k]) for k in some(r, n, 5)], "ownFolders": [ref(*folders[k]) for k in some(r, n, 5)]}
        if not templates:
            attrs["mayRead"] = ref("View", p[1])
            out.append(entity("View", p[1]))
        out.append(entity(*p, attrs, [groups[k] for k in some(r, n, 5)]))
    out += [entity(*g) for g in groups]
    out += [entity(*f, {}, [folders[k] for k in range(i) if r.chance(5)]) for i, f in enumerate(folders)]
    for i, d in enumerate(documents):
        parents = [folders[k] for k in some(r, n, 5)]
        for p in people + groups:
            if r.chance(5):
                if templates:
                    links.append({"template_id": "reader", "link_id": f"link{len(links)}",
                                  "args": {"?principal": f'{p[0]}::"{p[1]}"', "?resource": f'Document::"{d[1]}"'}})
                elif p[0] == "Person":
                    parents.append(("View", p[1]))
        out.append(entity(*d, {"isPublic": r.chance(10)}, parents))
    text = (DRIVE_TEMPLATE + DRIVE.split("\n", 1)[1]) if templates else DRIVE
    return text, out, links, ask(r, people, ["read", "write", "share", "give"], documents)


# ---- repositories of organisations; rights that contain one another

RIGHTS = ["read", "triage", "write", "maintain", "admin"]


def forge(r, n, templates):
    people, teams, orgs, repos = (names(t, n) for t in ("Person", "Team", "Org", "Repo"))
    out, links, text = [], [], ""
    out += [entity("Action", a, {}, [("Action", b) for b in RIGHTS[i:] if b != a]) for i, a in enumerate(RIGHTS)]
    for a in RIGHTS:
        scope = f'action == Action::"{a}"' if a == "read" else f'action in Action::"{a}"'
        if templates:
            text += f'@id("{a}") permit (principal in ?principal, {scope}, resource == ?resource);\n'
        else:
            text += f"permit (principal, {scope}, resource) when {{ principal in resource.{a}ers }};\n"
    for a in ("read", "write", "admin"):
        scope = f'action == Action::"{a}"' if a == "read" else f'action in Action::"{a}"'
        text += f"permit (principal, {scope}, resource) when {{ principal in resource.owner.{a}ers }};\n"
    groups = {x: [] for x in people + teams}
    for o in orgs:
        out.append(entity(*o, {f"{a}ers": ref("OrgRight", f"{o[1]}-{a}") for a in ("read", "write", "admin")}))
        for a in ("read", "write", "admin"):
            out.append(entity("OrgRight", f"{o[1]}-{a}"))
            for x in people + teams:
                if r.chance(3):
                    groups[x].append(("OrgRight", f"{o[1]}-{a}"))
    for repo in repos:
        attrs = {"owner": ref(*orgs[r.below(n)])}
        for a in RIGHTS:
            if not templates:
                attrs[f"{a}ers"] = ref("RepoRight", f"{repo[1]}-{a}")
                out.append(entity("RepoRight", f"{repo[1]}-{a}"))
            for x in people + teams:
                if not r.chance(3):
                    continue
                if templates:
                    links.append({"template_id": a, "link_id": f"link{len(links)}",
                                  "args": {"?principal": f'{x[0]}::"{x[1]}"', "?resource": f'Repo::"{repo[1]}"'}})
                else:
                    groups[x].append(("RepoRight", f"{repo[1]}-{a}"))
        out.append(entity(*repo, attrs))
    out += [entity(*t, {}, groups[t] + [teams[k] for k in range(i) if r.chance(5)]) for i, t in enumerate(teams)]
    out += [entity(*p, {}, groups[p] + [teams[k] for k in some(r, n, 5)]) for p in people]
    return text, out, links, ask(r, people, RIGHTS, repos)


# ---- lists of things to do

TODO = """\
permit (principal, action in [Action::"new", Action::"mine"], resource == App::"todo");
permit (principal, action, resource) when { resource has owner && resource.owner == principal };
permit (principal, action == Action::"see", resource) when { principal in resource.readers || principal in resource.editors };
permit (principal, action in [Action::"rename", Action::"add", Action::"done", Action::"drop"], resource)
when { principal in resource.editors };
"""


def todo(r, n, templates):
    people, teams, lists = (names(t, n) for t in ("Person", "Team", "List"))
    out = [entity("App", "todo")]
    out += [entity(*t, {}, [("App", "todo")] + [teams[k] for k in range(i) if r.chance(5)]) for i, t in enumerate(teams)]
    out += [entity(*p, {}, [("App", "todo")] + [teams[k] for k in some(r, n, 5)]) for p in people]
    for l in lists:
        out.append(entity(*l, {"owner": ref(*people[r.below(n)]), "readers": ref(*teams[r.below(n)]), "editors": ref(*teams[r.below(n)])},
                          [("App", "todo")]))
    return TODO, out, [], ask(r, people, ["see", "rename", "add", "done", "drop"], lists)


# ---- one shape, more and more of it

def grown(r, n_policies):
    """Each policy lets one person do one thing below one folder; the entities and the people who ask stay the same."""
    n = 1000
    text = "".join(f'permit (principal == Person::"person{i}", action == Action::"read", resource in Folder::"folder{i % n}")\n'
                   f'when {{ resource.level <= {i % 7} }};\n' for i in range(n_policies))
    out = [entity("Folder", f"folder{i}") for i in range(n)]
    out += [entity("Person", f"person{i}") for i in range(n)]
    out += [entity("Document", f"document{i}", {"level": i % 5}, [("Folder", f"folder{i}")]) for i in range(n)]
    known = min(n_policies, 100)
    requests = []
    for _ in range(500):
        i = r.below(known)
        requests.append({"principal": uid("Person", f"person{i}"), "action": uid("Action", "read"),
                         "resource": uid("Document", f"document{i if r.chance(50) else r.below(n)}"), "context": {}})
    return text, out, [], requests


def many(r, n):
    """Workers in teams with four attributes each."""
    yield from (entity("Team", f"team{i}", {}, [("Team", f"team{i // 10}")] if i >= 10 else []) for i in range(1000))
    for i in range(n - 1000):
        yield entity("Worker", f"worker{i}", {"class": "worker", "risk": i % 10, "owner": ref("Worker", f"worker{i // 7}"),
                                              "active": i % 3 > 0}, [("Team", f"team{r.below(1000)}")])


def write(folder, made):
    text, entities, links, requests = made
    os.makedirs(folder, exist_ok=True)
    for name, v in (("policies.cedar", text), ("entities.json", entities), ("requests.json", requests), ("links.json", links)):
        if name == "links.json" and not v:
            continue
        with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
            f.write(v if isinstance(v, str) else json.dumps(v, separators=(",", ":")))


APPS = {"drive": drive, "forge": forge, "todo": todo}


def write_apps(root, sizes=(5, 10, 50)):
    out = []
    for name, make in APPS.items():
        for templates in (False, True):
            if templates and name == "todo":
                continue
            for n in sizes:
                folder = os.path.join(root, f"{name}{'-templates' if templates else ''}-{n}")
                write(folder, make(Random(n), n, templates))
                out.append(folder)
    return out


def write_many(path, n):
    r = Random(n)
    with open(path, "w", encoding="utf-8") as f:
        f.write("[")
        for i, e in enumerate(many(r, n)):
            f.write(("," if i else "") + json.dumps(e, separators=(",", ":")))
        f.write("]")
