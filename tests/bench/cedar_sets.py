"""Policy sets, entities and requests for the Cedar benchmark, as files that both sides read.

A set is a folder: policies.cedar, entities.json (the whole store, explicit forms, actions included), requests.jsonl
({principal, action, resource, context} a line) and slices.jsonl (in the same line the entities that one request can
reach, as an application would send them). Everything is drawn from a fixed seed, so that runs compare."""
import json
import random
import re
import tarfile

SIZES = (10, 100, 1000, 10000)
GENERATED_REQUESTS = 32
OFFICIAL_REQUESTS = 32
CORPUS = "benchmarking/cedar-benchmarking/corpus/"

# What a policy of a gateway looks like: effect, scope and condition. {0}: a number that five policies share.
SHAPES = (
    ("permit", 'principal in Group::"team{0}"', 'action == Action::"read"', "resource",
     "when", "context.rows < 1000 && resource.level <= principal.level"),
    ("permit", "principal", 'action in [Action::"read", Action::"write"]', 'resource in Database::"db{0}"',
     "when", 'principal has email && principal.email like "*@example.com"'),
    ("permit", 'principal == User::"user{0}"', "action", "resource is Table",
     "when", '!context.classes.contains("credential")'),
    ("permit", 'principal in Group::"team{0}"', 'action in Action::"sql"', 'resource in Environment::"dev"',
     "when", "true"),
    ("forbid", "principal", 'action == Action::"ddl"', 'resource in Database::"db{0}"',
     "unless", 'context.applied.contains("approve:sre")'),
)


def generated_policy(number, is_keyed):
    """With its scope where the index sees it, or as the same condition where it does not."""
    effect, *scope, clause, condition = SHAPES[number % len(SHAPES)]
    scope = [part.format(number // len(SHAPES)) for part in scope]
    if is_keyed:
        return f"{effect}({', '.join(scope)}) {clause} {{ {condition} }};\n"
    tests = [part for part in scope if " " in part]
    return f"{effect}(principal, action, resource) when {{ {' && '.join(tests)} }} {clause} {{ {condition} }};\n"


def uid(kind, name):
    return {"type": kind, "id": name}


def entity(kind, name, parents=(), **attributes):
    return {"uid": uid(kind, name), "attrs": attributes, "parents": list(parents)}


def write(folder, policies, entities, requests):
    """requests: (principal, action, resource, context)"""
    by_uid = {key(each["uid"]): each for each in entities}
    folder.mkdir(parents=True)
    (folder / "policies.cedar").write_text(policies, encoding="utf-8")
    (folder / "entities.json").write_text(json.dumps(entities), encoding="utf-8")
    with open(folder / "requests.jsonl", "w", encoding="utf-8") as lines, \
            open(folder / "slices.jsonl", "w", encoding="utf-8") as slices:
        for request in requests:
            names = ("principal", "action", "resource", "context")
            lines.write(json.dumps(dict(zip(names, request))) + "\n")
            slices.write(json.dumps(reachable(by_uid, request)) + "\n")
    return folder


def key(reference):
    reference = reference.get("__entity", reference)
    return reference["type"], reference["id"]


def references(value):
    """Every uid that stands in a value."""
    if isinstance(value, list):
        for each in value:
            yield from references(each)
    elif isinstance(value, dict) and "__entity" in value:
        yield key(value)
    elif isinstance(value, dict):
        yield from references(list(value.values()))


def reachable(by_uid, request):
    """From the request through attributes, tags and parents."""
    open_keys = [key(part) for part in request[:3]] + list(references(request[3]))
    found = {}
    while open_keys:
        each = open_keys.pop()
        if each in found or each not in by_uid:
            continue
        found[each] = one = by_uid[each]
        open_keys += [key(parent) for parent in one["parents"]]
        open_keys += [*references(one["attrs"]), *references(one.get("tags", {}))]
    return list(found.values())


def generate(folder, count, is_keyed):
    """One policy in five is a forbid; a quarter of the requests are refused by one."""
    places = max(count // 5, 1)
    policies = "".join(generated_policy(number, is_keyed) for number in range(count))
    entities = [entity("Action", name, [uid("Action", "sql")]) for name in ("read", "write", "ddl")]
    entities += [entity("Database", f"db{i}", [uid("Environment", "prod")]) for i in range(places)]
    requests = []
    for i in range(GENERATED_REQUESTS):
        which = i * 7919 % places
        action = "ddl" if i % 4 == 0 else "read"
        context = {"rows": 10, "classes": ["email", "card_number"], "applied": []}
        requests.append((uid("User", f"user{which}"), uid("Action", action), uid("Table", f"table{which}"), context))
    for which in sorted({i * 7919 % places for i in range(GENERATED_REQUESTS)}):
        entities.append(entity("User", f"user{which}", [uid("Group", f"team{which}")], level=3,
                               email="someone@example.com"))
        entities.append(entity("Table", f"table{which}", [uid("Database", f"db{which}")], level=2))
    return write(folder, policies, entities, requests)


class Drawer:
    """Draws requests that a schema (JSON form) allows, with entities of the store and texts of the policies."""

    def __init__(self, schema, entities, policies):
        self.random = random.Random(1)
        self.namespace, self.schema = next(iter(schema.items()))
        self.prefix = f"{self.namespace}::" if self.namespace else ""
        self.by_type = {}
        for each in entities:
            self.by_type.setdefault(key(each["uid"])[0], []).append(key(each["uid"])[1])
        self.texts = sorted(set(re.findall(r'"([^"\\]*)"', policies))) + ["other"]

    def full(self, kind):
        return kind if "::" in kind else self.prefix + kind

    def entity(self, kind):
        ids = self.by_type.get(self.full(kind), ["nobody"])
        return uid(self.full(kind), self.random.choice(ids))

    def value(self, kind):
        pick = self.random
        name = kind["type"]
        if name in ("EntityOrCommon", "Extension"):
            name = kind["name"].removeprefix("__cedar::")
        if name in self.schema.get("commonTypes", {}):
            return self.value(self.schema["commonTypes"][name])
        if name == "Record":
            return {field: self.value(each) for field, each in kind["attributes"].items()}
        if name == "Set":
            return [self.value(kind["element"]) for _ in range(pick.randrange(4))]
        makers = {
            "Long": lambda: pick.randrange(100), "Boolean": lambda: pick.random() < 0.5,
            "Bool": lambda: pick.random() < 0.5, "String": lambda: pick.choice(self.texts),
            "ipaddr": lambda: extension("ip", f"{pick.choice(('10.0', '192.168'))}.{pick.randrange(4)}.7"),
            "decimal": lambda: extension("decimal", f"{pick.randrange(1000)}.25"),
            "datetime": lambda: extension("datetime", f"2025-0{pick.randrange(1, 10)}-11T10:00:00Z"),
            "duration": lambda: extension("duration", f"{pick.randrange(1, 48)}h"),
        }
        if name in makers:
            return makers[name]()
        return {"__entity": self.entity(kind["name"] if name == "Entity" else name)}

    def actions(self):
        for name, action in self.schema["actions"].items():
            groups = [uid(self.full(group.get("type", "Action")), group["id"]) for group in action.get("memberOf", [])]
            yield entity(self.prefix + "Action", name, groups)

    def request(self):
        usable = {name: action["appliesTo"] for name, action in self.schema["actions"].items()
                  if action.get("appliesTo", {}).get("principalTypes")}
        name = self.random.choice(sorted(usable))
        context = usable[name].get("context", {"type": "Record", "attributes": {}})
        return (self.entity(self.random.choice(usable[name]["principalTypes"])), uid(self.prefix + "Action", name),
                self.entity(self.random.choice(usable[name]["resourceTypes"])), self.value(context))


def official(archive, folder):
    """The benchmark sets of Cedar's own project; those without entities get requests without."""
    folders = {}
    with tarfile.open(archive) as tar:
        def read(path):
            return tar.extractfile(CORPUS + path).read().decode()

        for task in json.loads(read("tasks.json")):
            policies = read(task["policy_file"])
            if "entities_file" in task:
                entities = json.loads(read(task["entities_file"]))
                drawer = Drawer(json.loads(read(task["json_schema_file"])), entities, policies)
                entities += drawer.actions()
                requests = [drawer.request() for _ in range(OFFICIAL_REQUESTS)]
            elif task["name"].startswith("clauses"):
                entities = []
                requests = [(uid("User", "a"), uid("Action", "read"), uid("File", "a"), {"test": "foo0"})]
            else:
                continue  # the same policies stand in a set with entities
            folders[task["name"]] = write(folder / task["name"].replace("/", "-"), policies, entities, requests)
    return folders


def extension(function, argument):
    return {"__extn": {"fn": function, "arg": argument}}
