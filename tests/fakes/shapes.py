"""What the requests, answers and events of the model APIs consist of, and an example for each text in them.

Read from shapes.txt, which shapes.mjs takes from the official SDKs: it does not depend on sworn's own tables, and so finds
what those forgot. `examples(root)` gives for each place of a type where a text can stand one instance with a mark there
and nothing else that is not required.
"""
import functools
import pathlib
import re

MARK = "\ue000"  # stands where the text under test goes
DEPTH_MAX = 12
TOKEN = re.compile(r"\s*('(?:[^']*)'|@[^\s\]\)\}/;]+|\w+|[\[\]\(\)\{\}/])")

# Lists and choices that the provider bounds; one is enough of what is the same in all.
SKIPPED = {"stream", "background"}


@functools.cache
def shapes():
    text = (pathlib.Path(__file__).parent / "shapes.txt").read_text()
    found = {}
    for line in text.splitlines():
        name, _, rest = line.partition(": ")
        if rest.startswith("="):
            found[name] = parse(rest[1:])
            continue
        members = {}
        for member in rest.split("; ") if rest else ():
            key, _, kind = member.partition("=")
            members[key.rstrip("?")] = (key.endswith("?"), parse(kind))
        found[name] = ("object", members)
    return found


def parse(text):
    tokens = TOKEN.findall(text)
    kind, left = parse_kind(tokens)
    assert not left, text
    return kind


def parse_kind(tokens):
    head, rest = tokens[0], tokens[1:]
    if head == "(":
        kinds = []
        while head != ")":
            kind, rest = parse_kind(rest)
            kinds.append(kind)
            head, rest = rest[0], rest[1:]
        return ("any", kinds), rest
    if head in "[{":
        kind, rest = parse_kind(rest)
        return ("list" if head == "[" else "map", kind), rest[1:]
    if head.startswith("@"):
        return ("type", head[1:]), rest
    if head.startswith("'"):
        return ("literal", head[1:-1].split("|")), rest
    return (head, None), rest


def resolve(kind):
    return shapes()[kind[1]] if kind[0] == "type" else kind


@functools.cache
def least_of_type(name):
    return least(shapes()[name], (name,))


def least(kind, stack=()):
    """The smallest instance of a kind, without any mark."""
    what, of = kind
    if what == "type":
        if of in stack:
            return None
        return least_of_type(of) if not stack else least(shapes()[of], (*stack, of))
    if what == "object":
        return {key: least(inner, stack) for key, (is_optional, inner) in of.items() if not is_optional and key != "*"}
    if what == "any":
        return least(of[0], stack)
    return {"literal": lambda: of[0], "string": lambda: "x", "number": lambda: 1, "boolean": lambda: True,
            "null": lambda: None, "list": list, "map": dict, "json": dict}[what]()


def with_marks(kind, stack=(), depth=0):
    """(path, instance) for each text of a kind."""
    what, of = kind
    if depth > DEPTH_MAX:
        return
    if what == "type":
        if of not in stack:
            yield from object_marks(shapes()[of], (*stack, of), depth)
    elif what == "object":
        yield from object_marks(kind, stack, depth)
    elif what == "any":
        for inner in of:
            for path, value in with_marks(inner, stack, depth):
                yield path, value
    elif what == "string":
        yield "", MARK
    elif what == "list":
        for path, value in with_marks(of, stack, depth + 1):
            yield f"[]{path}", [value]
    elif what == "map":
        yield "{key}", {MARK: least(of, stack)}
        for path, value in with_marks(of, stack, depth + 1):
            yield "{}" + path, {"some": value}
    elif what == "json":
        yield "{text}", {"some": MARK}
        yield "{deep}", {"some": [{"inner": [1, MARK]}]}
        yield "{key}", {MARK: "some"}


def tag(members):
    """What tells this type from the others of a choice."""
    for key in ("type", "role"):
        what, of = members.get(key, (False, ("", None)))[1]
        if what == "any" and len(of) == 2 and of[0][0] == "null":
            what, of = of[1]
        if what == "literal" and (key == "type" or len(of) == 1):
            return f"<{of[0]}>"
    return ""


def object_marks(shape, stack, depth):
    if shape[0] != "object":
        yield from with_marks(shape, stack, depth)
        return
    members = shape[1]
    base = least(shape, stack)
    for key, (_, kind) in members.items():
        if key in SKIPPED:
            continue
        name = "some" if key == "*" else key
        for path, value in with_marks(kind, stack, depth + 1):
            yield f"{tag(members)}.{key}{path}", {**base, name: value}


def examples(root):
    """[(path, instance with MARK at one place)] of a root of shapes.txt; a path names the types on the way."""
    seen = {}
    for path, value in with_marks(("type", root)):
        seen.setdefault(path, value)
    return list(seen.items())


def put(value, text):
    """The instance with a text where the mark stands."""
    if isinstance(value, dict):
        return {put(key, text): put(member, text) for key, member in value.items()}
    if isinstance(value, list):
        return [put(member, text) for member in value]
    return value.replace(MARK, text) if isinstance(value, str) else value
